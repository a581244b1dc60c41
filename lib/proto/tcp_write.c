/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct tcp_out to a TCP header with options (RFC 9293 3.1). Which options, which values and how
 * much payload are the core's decisions; the checksum is written later, by the NIC or with
 * hr_l4_checksum().
 *
 * Stacks are told apart by the options of a SYN, so there are two layouts of it (enum
 * hr_syn_order); other segments look alike everywhere:
 *
 *   Linux:            mss(4) [sackOK(2) | nop nop] timestamps(10) nop wscale(3)
 *   Linux without TS: mss(4) nop nop sackOK(2) nop wscale(3)
 *   FreeBSD:          mss(4) nop wscale(3) sackOK(2) timestamps(10), each that needs it behind nops
 *                     to its place in a word, at the end eol and zeros to a whole word
 *   others:           nop nop timestamps(10) nop nop sack(2 + 8n)
 *
 * The user timeout (RFC 5482), a word of its own, comes before SACK blocks and after all others.
 */
#include "proto/internal.h"

#include <rte_tcp.h>

#define MSS_LEN     4
#define TS_LEN      12 /* with two bytes of padding or the SACK-permitted option in front */
#define SACK_OK_LEN 4  /* when no timestamps share its word */
#define WSCALE_LEN  4
#define UTO_LEN     4
#define SACK_LEN(n) (4u + 8u * (n))
#define OPTIONS_MAX 40u
#define SACK_MAX    4u

#define OPT_EOL     0
#define OPT_NOP     1
#define OPT_SACK_OK 4

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
	if (opts & TCPO_UTO)
		n += UTO_LEN;
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
	if (o->opts & TCPO_UTO)
		p = put_word(p, 0x1c040000 | o->uto);
	if (n > 0)
		p = put_word(p, 0x01010502 + 8 * n);
	for (i = 0; i < n; i++) {
		p = put_word(p, o->sack[i].left);
		p = put_word(p, o->sack[i].right);
	}
	return p;
}

/* Length of the same options in the order of FreeBSD. */
static unsigned freebsd_len(uint8_t opts)
{
	unsigned n = 0;

	if (opts & TCPO_MSS)
		n += MSS_LEN;
	if (opts & TCPO_WSCALE)
		n += WSCALE_LEN;
	if (opts & TCPO_SACK_OK)
		n += 2;
	if (opts & TCPO_TS) /* the word's third byte begins it: aligned values */
		n += (2 - n) % 4 + TS_LEN - 2;
	return RTE_ALIGN_CEIL(n, 4) + (opts & TCPO_UTO ? UTO_LEN : 0);
}

static uint8_t *write_freebsd(uint8_t *p, const struct tcp_out *o)
{
	uint8_t *start = p;

	if (o->opts & TCPO_MSS)
		p = put_word(p, 0x02040000 | o->mss_opt);
	if (o->opts & TCPO_WSCALE)
		p = put_word(p, 0x01030300 | o->wscale);
	if (o->opts & TCPO_SACK_OK) {
		*p++ = OPT_SACK_OK;
		*p++ = 2;
	}
	if (o->opts & TCPO_TS) {
		while ((p - start) % 4 != 2)
			*p++ = OPT_NOP;
		*p++ = 8;
		*p++ = 10;
		p = put_word(p, o->tsval);
		p = put_word(p, o->tsecr);
	}
	/* Nothing follows an end-of-list, so the user timeout has nops before it. */
	while ((p - start) % 4 != 0)
		*p++ = o->opts & TCPO_UTO ? OPT_NOP : OPT_EOL;
	return o->opts & TCPO_UTO ? put_word(p, 0x1c040000 | o->uto) : p;
}

static bool freebsd_syn(uint8_t opts, uint8_t order)
{
	return order == HR_SYN_FREEBSD && (opts & (TCPO_MSS | TCPO_SACK)) == TCPO_MSS;
}

unsigned hr_tcp_options_len(const struct tcp_out *o)
{
	unsigned n = sack_fit(o->opts, o->sack_n);

	if (unlikely(freebsd_syn(o->opts, o->syn_order)))
		return freebsd_len(o->opts);
	return fixed_len(o->opts) + (n > 0 ? SACK_LEN(n) : 0);
}

unsigned hr_tcp_header_write(uint8_t *p, const struct tcp_out *o, uint16_t sport, uint16_t dport)
{
	uint8_t *opts = p + sizeof(struct rte_tcp_hdr);
	uint8_t *end = unlikely(freebsd_syn(o->opts, o->syn_order)) ? write_freebsd(opts, o)
								    : write_options(opts, o);
	unsigned len = (unsigned)(end - p);

	/* Whole words, as the sum will read them in a moment. */
	p = put_word(p, (uint32_t)sport << 16 | dport);
	p = put_word(p, o->seq);
	p = put_word(p, o->flags & TCPF_ACK ? o->ack : 0);
	p = put_word(p, (uint32_t)len / 4 << 28 | (uint32_t)o->flags << 16 | o->wnd);
	(void)put_word(p, o->flags & TCPF_URG ? o->urg : 0); /* no checksum yet */
	return len;
}
