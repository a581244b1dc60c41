/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct tcp_out to a TCP header with options (RFC 9293 3.1). Which options, which values and how
 * much payload are the core's decisions; the checksum is written later, by the NIC or with
 * hr_l4_checksum().
 *
 * Options are laid out as Linux does, in words of four bytes, so that we look like the most common
 * peer:
 *
 *   SYN:            mss(4) [sackOK(2) | nop nop] timestamps(10) nop wscale(3)
 *   SYN without TS: mss(4) nop nop sackOK(2) nop wscale(3)
 *   others:         nop nop timestamps(10) nop nop sack(2 + 8n)
 */
#include "proto/internal.h"

#include <rte_tcp.h>

#define MSS_LEN     4
#define TS_LEN      12 /* with two bytes of padding or the SACK-permitted option in front */
#define SACK_OK_LEN 4  /* when no timestamps share its word */
#define WSCALE_LEN  4
#define SACK_LEN(n) (4u + 8u * (n))
#define OPTIONS_MAX 40u
#define SACK_MAX    4u

/* Everything but SACK blocks. */
static unsigned fixed_len(uint8_t opts)
{
	unsigned n = 0;

	if (opts & TCPO_MSS)
		n += MSS_LEN;
	if (opts & TCPO_TS)
		n += TS_LEN;
	else if (opts & TCPO_SACK_OK)
		n += SACK_OK_LEN;
	if (opts & TCPO_WSCALE)
		n += WSCALE_LEN;
	return n;
}

/* How many of n blocks fit beside the other options. */
static unsigned sack_fit(uint8_t opts, unsigned n)
{
	unsigned room = OPTIONS_MAX - fixed_len(opts);

	must(n <= SACK_MAX);
	if (!(opts & TCPO_SACK) || room < SACK_LEN(1))
		return 0;
	return RTE_MIN(n, (room - SACK_LEN(0)) / 8);
}

unsigned hr_tcp_options_len(uint8_t opts, uint8_t sack_n)
{
	unsigned n = sack_fit(opts, sack_n);

	return fixed_len(opts) + (n > 0 ? SACK_LEN(n) : 0);
}

static uint8_t *put_word(uint8_t *p, uint32_t v)
{
	hr_store_be32(p, v);
	return p + 4;
}

static uint8_t *write_options(uint8_t *p, const struct tcp_out *o)
{
	unsigned i, n = sack_fit(o->opts, o->sack_n);

	if (o->opts & TCPO_MSS)
		p = put_word(p, 0x02040000 | o->mss_opt);
	if (o->opts & TCPO_TS) {
		p = put_word(p, o->opts & TCPO_SACK_OK ? 0x0402080a : 0x0101080a);
		p = put_word(p, o->tsval);
		p = put_word(p, o->tsecr);
	} else if (o->opts & TCPO_SACK_OK) {
		p = put_word(p, 0x01010402);
	}
	if (o->opts & TCPO_WSCALE)
		p = put_word(p, 0x01030300 | o->wscale);
	if (n > 0)
		p = put_word(p, 0x01010502 + 8 * n);
	for (i = 0; i < n; i++) {
		p = put_word(p, o->sack[i].left);
		p = put_word(p, o->sack[i].right);
	}
	return p;
}

unsigned hr_tcp_header_write(uint8_t *p, const struct tcp_out *o, uint16_t sport, uint16_t dport)
{
	unsigned len = (unsigned)(write_options(p + sizeof(struct rte_tcp_hdr), o) - p);
	struct rte_tcp_hdr tcp = {
		.src_port = rte_cpu_to_be_16(sport),
		.dst_port = rte_cpu_to_be_16(dport),
		.sent_seq = rte_cpu_to_be_32(o->seq),
		.recv_ack = o->flags & TCPF_ACK ? rte_cpu_to_be_32(o->ack) : 0,
		.data_off = (uint8_t)(len / 4 << 4),
		.tcp_flags = o->flags,
		.rx_win = rte_cpu_to_be_16(o->wnd),
		.tcp_urp = o->flags & TCPF_URG ? rte_cpu_to_be_16(o->urg) : 0,
	};

	must(o->profile == 0);
	memcpy(p, &tcp, sizeof(tcp));
	return len;
}
