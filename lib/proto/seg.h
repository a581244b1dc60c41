/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TCP segment as a value: what frame_parse() makes of a received one (struct tcp_seg, host order,
 * lengths checked) and what the core asks to be sent (struct tcp_out). Nobody past proto/ reads or
 * writes header bytes.
 */
#ifndef HR_PROTO_SEG_H
#define HR_PROTO_SEG_H

#include <rte_mbuf.h>

#include "base/base.h"

#define TCPF_FIN BIT(0)
#define TCPF_SYN BIT(1)
#define TCPF_RST BIT(2)
#define TCPF_PSH BIT(3)
#define TCPF_ACK BIT(4)
#define TCPF_URG BIT(5)
#define TCPF_ECE BIT(6)
#define TCPF_CWR BIT(7)

/* Options that were present and well-formed. */
#define TCPO_MSS     BIT(0)
#define TCPO_WSCALE  BIT(1)
#define TCPO_SACK_OK BIT(2)
#define TCPO_TS      BIT(3)
#define TCPO_SACK    BIT(4)
#define TCPO_UTO     BIT(5)
#define TCPO_BAD     BIT(7) /* an illegal length ended option parsing (RFC 9293 MUST-7) */

/* Some fields lie as the header has them, turned round: usual.c takes several at once. */
struct tcp_seg {
	struct rte_mbuf *m; /* the packet; NULL in tests without payload */
	uint32_t ack, seq;
	uint32_t tsecr, tsval;
	uint16_t urg;
	uint16_t sum;     /* the checksum, which was checked */
	uint16_t wnd;     /* as on the wire: not scaled */
	uint8_t flags;    /* TCPF_* */
	uint8_t data_off; /* as on the wire, with the four bits beside it */
	uint16_t dport, sport;
	uint8_t opts; /* TCPO_* */
	uint8_t wscale;
	uint16_t mss;
	uint32_t payload_len;
	uint16_t payload_off; /* from the data start of m */
	uint8_t tos;          /* IPv4 TOS or IPv6 traffic class: DSCP and ECN */
	uint8_t l3_off;       /* of the IP header from the data start */
	uint8_t family;       /* 4 or 6 */
	uint8_t ttl;
	uint16_t sack_off; /* of the first SACK block from the data start of m, when TCPO_SACK */
	uint8_t sack_n;    /* blocks, 1..4 */
	uint8_t spare;
	uint16_t uto; /* RFC 5482: bit 15 = minutes, else seconds; when TCPO_UTO */
};
_Static_assert(sizeof(struct tcp_seg) <= 64, "one cache line");

struct tcp_sack {
	uint32_t left, right;
};

/* Bytes of sequence space: payload plus SYN and FIN. */
static inline uint32_t hr_seg_len(const struct tcp_seg *s)
{
	return s->payload_len + !!(s->flags & TCPF_SYN) + !!(s->flags & TCPF_FIN);
}

/* Decode SACK block i < sack_n. */
struct tcp_sack hr_seg_sack(const struct tcp_seg *s, unsigned i);

/* A segment to send, host order. Payload bytes are the engine's business. */
struct tcp_out {
	uint32_t seq, ack;
	uint32_t tsval, tsecr;
	uint32_t payload_len; /* may exceed one segment: then the engine cuts it in pieces of mss */
	uint16_t wnd;         /* as on the wire */
	uint16_t urg;         /* urgent pointer field, when TCPF_URG */
	uint16_t mss_opt;     /* MSS option value, when TCPO_MSS */
	uint16_t uto;         /* user timeout option value, when TCPO_UTO */
	uint16_t seg_size;    /* payload per segment when payload_len is larger */
	uint8_t flags; /* TCPF_*; PSH and FIN belong on the last piece, URG as far as it reaches,
			  CWR on the first */
	uint8_t opts;  /* TCPO_* to write */
	uint8_t wscale;
	uint8_t sack_n;
	uint8_t ttl, tos;
	uint8_t syn_order; /* enum hr_syn_order, for a segment with TCPO_MSS */
	bool may_fragment; /* IPv4: DF clear (RFC 1191 3 wants it set) */
	bool retransmit;   /* some of it was sent before */
	struct tcp_sack sack[4];
};

/* Bytes of options that hr_tcp_header_write() will write: a multiple of 4, at most 40. SACK blocks
 * that do not fit (a fourth beside timestamps) are left out, last first: RFC 2018 puts the most
 * recent block first. */
unsigned hr_tcp_options_len(const struct tcp_out *o);
/* Write header and options (checksum field 0) at p; returns the header length, 20..60. The
 * acknowledgment and urgent fields are 0 without their flag. */
unsigned hr_tcp_header_write(uint8_t *p, const struct tcp_out *o, uint16_t sport, uint16_t dport);

#endif
