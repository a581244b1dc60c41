/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP header and options to struct tcp_seg (RFC 9293 3.1, 3.2). What an option means in the state
 * the connection is in (MSS only in a SYN, timestamps only when negotiated) is left to the core:
 * here it is present and well-formed, or it is not.
 */
#include "proto/internal.h"

#include <rte_tcp.h>

#define OPT_EOL     0
#define OPT_NOP     1
#define OPT_MSS     2
#define OPT_WSCALE  3
#define OPT_SACK_OK 4
#define OPT_SACK    5
#define OPT_TS      8
#define OPT_UTO     28

/* RFC 7323 2.3 (WS-3): a larger shift count is used as 14. */
#define WSCALE_MAX 14

/*
 * One option of a legal length. A known kind with a length that is not its own is skipped like an
 * unknown one (RFC 9293 MUST-6: ignore what is not implemented). The first well-formed one of a
 * kind wins.
 */
static void take_option(const uint8_t *p, unsigned off, struct tcp_seg *s)
{
	unsigned len = p[1];

	switch (p[0]) {
	case OPT_MSS:
		/* An MSS of 0 would let nothing be sent: taken as absent. */
		if (len != 4 || (s->opts & TCPO_MSS) || hr_load_be16(p + 2) == 0)
			return;
		s->mss = hr_load_be16(p + 2);
		s->opts |= TCPO_MSS;
		return;
	case OPT_WSCALE:
		if (len != 3 || (s->opts & TCPO_WSCALE))
			return;
		s->wscale = RTE_MIN(p[2], WSCALE_MAX);
		s->opts |= TCPO_WSCALE;
		return;
	case OPT_SACK_OK:
		if (len == 2)
			s->opts |= TCPO_SACK_OK;
		return;
	case OPT_SACK:
		/* RFC 2018 3: 8n + 2 bytes; 40 bytes of options hold four blocks at most. */
		if (len < 10 || (len - 2) % 8 != 0 || (s->opts & TCPO_SACK))
			return;
		s->sack_off = (uint16_t)(off + 2);
		s->sack_n = (uint8_t)((len - 2) / 8);
		s->opts |= TCPO_SACK;
		return;
	case OPT_TS:
		if (len != 10 || (s->opts & TCPO_TS))
			return;
		s->tsval = hr_load_be32(p + 2);
		s->tsecr = hr_load_be32(p + 6);
		s->opts |= TCPO_TS;
		return;
	case OPT_UTO:
		/* RFC 5482 3.1: a timeout of 0 must be ignored. */
		if (len != 4 || (s->opts & TCPO_UTO) || (hr_load_be16(p + 2) & 0x7fff) == 0)
			return;
		s->uto = hr_load_be16(p + 2);
		s->opts |= TCPO_UTO;
		return;
	}
}

/*
 * RFC 9293 MUST-4, MUST-5: options are taken from any segment; MUST-64: they may begin at any
 * octet; MUST-7: a length of 0 or 1, or past the header, ends the parsing (and cannot loop).
 */
void hr_tcp_options_parse(const uint8_t *p, unsigned len, unsigned off, struct tcp_seg *s)
{
	unsigned i = 0;

	while (i < len && p[i] != OPT_EOL) {
		if (p[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i) {
			s->opts |= TCPO_BAD;
			return;
		}
		take_option(p + i, off + i, s);
		i += p[i + 1];
	}
}

/* False: something else, and nothing was taken. Agrees with the general parser, test_tcp proves it.
 */
static bool linux_syn_parse(const uint8_t *p, struct tcp_seg *s)
{
	uint32_t mss = hr_load_be32(p), shift = hr_load_be32(p + 16);

	if (mss >> 16 != HR_SYN_MSS || (mss & UINT16_MAX) == 0 ||
		hr_load32(p + 4) != HR_SYN_SACK_TS || shift >> 8 != HR_SYN_WSCALE)
		return false;
	s->mss = (uint16_t)mss;
	s->tsval = hr_load_be32(p + 8);
	s->tsecr = hr_load_be32(p + 12);
	s->wscale = (uint8_t)RTE_MIN(shift & 0xff, (uint32_t)WSCALE_MAX);
	s->opts = TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE;
	return true;
}

bool hr_tcp_usual_options(const uint8_t *p, unsigned len, struct tcp_seg *s)
{
	if (likely(len == HR_NOP_NOP_TS_LEN && hr_load32(p) == HR_NOP_NOP_TS)) {
		s->opts = TCPO_TS;
		s->tsval = hr_load_be32(p + 4);
		s->tsecr = hr_load_be32(p + 8);
		return true;
	}
	return len == HR_LINUX_SYN_LEN && linux_syn_parse(p, s);
}

enum hr_drop hr_tcp_parse(struct rte_mbuf *m, uint16_t l4_off, uint16_t l4_len, struct tcp_seg *s)
{
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, l4_off);
	const uint8_t *opt = (const uint8_t *)(tcp + 1);
	unsigned hdr_len, opt_len;

	if (l4_len < sizeof(*tcp) || (uint32_t)l4_off + l4_len > m->pkt_len)
		return DROP_tcp_short;
	if (m->data_len < l4_off + sizeof(*tcp))
		return DROP_short_frame;
	hdr_len = (tcp->data_off >> 4) * 4u;
	if (hdr_len < sizeof(*tcp) || hdr_len > l4_len)
		return DROP_tcp_offset;
	if (m->data_len < l4_off + hdr_len)
		return DROP_short_frame;
	if (tcp->src_port == 0 || tcp->dst_port == 0)
		return DROP_tcp_port_zero;

	*s = (struct tcp_seg){
		.m = m,
		.seq = rte_be_to_cpu_32(tcp->sent_seq),
		.ack = rte_be_to_cpu_32(tcp->recv_ack),
		.wnd = rte_be_to_cpu_16(tcp->rx_win),
		.urg = rte_be_to_cpu_16(tcp->tcp_urp),
		.sum = rte_be_to_cpu_16(tcp->cksum),
		.data_off = tcp->data_off,
		.payload_off = (uint16_t)(l4_off + hdr_len),
		.payload_len = l4_len - hdr_len,
		.flags = tcp->tcp_flags,
		.sport = rte_be_to_cpu_16(tcp->src_port),
		.dport = rte_be_to_cpu_16(tcp->dst_port),
	};
	opt_len = hdr_len - (unsigned)sizeof(*tcp);
	if (opt_len == 0)
		return DROP_NONE;
	if (!hr_tcp_usual_options(opt, opt_len, s))
		hr_tcp_options_parse(opt, opt_len, l4_off + (unsigned)sizeof(*tcp), s);
	return DROP_NONE;
}

struct tcp_sack hr_seg_sack(const struct tcp_seg *s, unsigned i)
{
	const uint8_t *p;

	must(i < s->sack_n);
	p = rte_pktmbuf_mtod_offset(s->m, const uint8_t *, s->sack_off + 8 * i);
	return (struct tcp_sack){.left = hr_load_be32(p), .right = hr_load_be32(p + 4)};
}
