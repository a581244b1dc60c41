/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target for proto/: any bytes as a received frame, or as a bare TCP segment. Each segment's
 * buffer ends where its data ends, so ASan sees every byte read too many; mbufs are plain memory,
 * no EAL is needed. Input:
 *
 *   byte 0: bit 0 split in two segments, bits 1-2 IP and L4 checksums marked GOOD, bit 3 the rest
 * is a TCP segment byte 1: where to split rest:   the frame
 */
#include <netinet/in.h>
#include <stdlib.h>

#include <rte_ether.h>

#include "proto/internal.h"

#define IN_SPLIT   BIT(0)
#define IN_IP_GOOD BIT(1)
#define IN_L4_GOOD BIT(2)
#define IN_TCP     BIT(3)
#define IN_MAX     4096

/* Common prefixes of corpus entries: 02:00:00:00:00:01 is us. */
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packet {
	struct rte_mbuf seg[2];
};

/* split = n: one segment. */
static struct rte_mbuf *packet_make(
	struct packet *p, const uint8_t *b, unsigned n, unsigned split, uint64_t ol_flags)
{
	const unsigned from[2] = {0, split}, to[2] = {split, n};
	unsigned i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 2; i++) {
		struct rte_mbuf *m = &p->seg[i];

		m->data_len = m->buf_len = (uint16_t)(to[i] - from[i]);
		m->buf_addr = malloc(m->data_len);
		must(m->buf_addr != NULL || m->data_len == 0);
		if (m->data_len > 0)
			memcpy(m->buf_addr, b + from[i], m->data_len);
	}
	p->seg[0].pkt_len = n;
	p->seg[0].nb_segs = 1;
	p->seg[0].ol_flags = ol_flags;
	if (split < n) {
		p->seg[0].next = &p->seg[1];
		p->seg[0].nb_segs = 2;
	}
	return &p->seg[0];
}

static void packet_free(struct packet *p)
{
	free(p->seg[0].buf_addr);
	free(p->seg[1].buf_addr);
}

static void check_inside(const struct rte_mbuf *m, const uint8_t *p, unsigned n)
{
	const uint8_t *start = m->buf_addr;

	must(p >= start && p + n <= start + m->data_len);
}

static void check_same_values(const struct tcp_seg *a, const struct tcp_seg *b)
{
	must(a->seq == b->seq && a->wnd == b->wnd && a->flags == b->flags);
	must(a->sport == b->sport && a->dport == b->dport);
	must((a->opts & ~TCPO_BAD) == (b->opts & ~TCPO_BAD));
	must(a->mss == b->mss && a->wscale == b->wscale);
	must(a->tsval == b->tsval && a->tsecr == b->tsecr && a->sack_n == b->sack_n);
}

/* Write what was parsed, parse what was written: the same values. */
static void check_round_trip(const struct tcp_seg *s)
{
	struct tcp_out o = {
		.seq = s->seq,
		.ack = s->ack,
		.tsval = s->tsval,
		.tsecr = s->tsecr,
		.wnd = s->wnd,
		.urg = s->urg,
		.mss_opt = s->mss,
		.wscale = s->wscale,
		.uto = s->uto,
		.flags = s->flags,
		.opts = s->opts & ~TCPO_BAD,
		.sack_n = s->sack_n,
	};
	unsigned i, len;
	struct tcp_seg again;
	struct packet p;
	uint8_t buf[60];

	for (i = 0; i < s->sack_n; i++)
		o.sack[i] = hr_seg_sack(s, i);
	len = hr_tcp_header_write(buf, &o, s->sport, s->dport);
	must(len >= 20 && len <= sizeof(buf) && len % 4 == 0);
	must(len == 20 + hr_tcp_options_len(&o));
	packet_make(&p, buf, len, len, 0);
	must(hr_tcp_parse(&p.seg[0], 0, (uint16_t)len, &again) == DROP_NONE);
	must(again.payload_len == 0 && again.payload_off == len && !(again.opts & TCPO_BAD));
	must(again.ack == (s->flags & TCPF_ACK ? s->ack : 0));
	must(again.urg == (s->flags & TCPF_URG ? s->urg : 0));
	/* Tight packing may hold blocks that aligned writing has no room for: the last ones go. */
	must(again.sack_n <= s->sack_n);
	for (i = 0; i < again.sack_n; i++) {
		struct tcp_sack a = hr_seg_sack(s, i), b = hr_seg_sack(&again, i);

		must(a.left == b.left && a.right == b.right);
	}
	if (again.sack_n < s->sack_n) {
		must(len + 8 > sizeof(buf) - (again.sack_n == 0 ? 4 : 0));
		again.sack_n = s->sack_n;
		again.opts |= TCPO_SACK;
	}
	check_same_values(s, &again);
	packet_free(&p);
}

static void check_tcp(
	const struct rte_mbuf *m, const struct tcp_seg *s, unsigned l4_off, unsigned l4_len)
{
	unsigned hdr_len = s->payload_off - l4_off;
	struct tcp_seg slow = {0};

	must(s->m == m && s->sport != 0 && s->dport != 0);
	must(s->payload_off >= l4_off + 20 && hdr_len <= 60 && s->payload_off <= m->data_len);
	must(s->payload_off + s->payload_len == l4_off + l4_len);
	must(s->payload_off + s->payload_len <= m->pkt_len);
	must(s->wscale <= 14 && s->sack_n <= 4);
	must(!(s->opts & TCPO_MSS) == (s->mss == 0));
	must(!(s->opts & TCPO_SACK) == (s->sack_n == 0));
	if (s->sack_n > 0)
		must(s->sack_off + 8u * s->sack_n <= s->payload_off);
	/* The shortcut for timestamps says what the general parser says. */
	hr_tcp_options_parse(rte_pktmbuf_mtod_offset(m, const uint8_t *, l4_off + 20), hdr_len - 20,
		l4_off + 20, &slow);
	must(slow.opts == s->opts && slow.mss == s->mss && slow.wscale == s->wscale);
	must(slow.tsval == s->tsval && slow.tsecr == s->tsecr);
	must(slow.sack_off == s->sack_off && slow.sack_n == s->sack_n);
	check_round_trip(s);
}

/* The checksum we write is the one we accept, whatever the headers in front. Changes the packet. */
static void check_written_checksum(struct rte_mbuf *m, const struct hr_frame *f, unsigned field)
{
	struct tcp_seg s;
	struct hr_frame g;
	uint16_t sum = 0;
	uint8_t *p;

	if (f->l4_len < field + 2 || m->data_len < f->l4_off + field + 2)
		return;
	p = rte_pktmbuf_mtod_offset(m, uint8_t *, f->l4_off + field);
	memcpy(p, &sum, 2);
	sum = hr_l4_checksum(m, f->l3_off, f->l4_off);
	memcpy(p, &sum, 2);
	must(hr_l4_checksum(m, f->l3_off, f->l4_off) == 0);
	m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
	must(hr_frame_parse(m, our_mac, &g, &s) == DROP_NONE);
	must(g.kind == f->kind && g.l4_off == f->l4_off && g.l4_len == f->l4_len);
}

static void check_icmp(const struct rte_mbuf *m, const struct hr_frame *f)
{
	unsigned addr = f->family == 4 ? 4 : 16;
	struct hr_icmp_error e;
	enum hr_drop d = hr_icmp_error_parse(m, f, &e);

	must(d == DROP_NONE || d == DROP_icmp_bad || d == DROP_icmp_ignored ||
		d == DROP_short_frame);
	if (d != DROP_NONE)
		return;
	must(e.family == f->family);
	check_inside(m, e.src, addr);
	check_inside(m, e.dst, addr);
	/* Header, quoted addresses and 8 bytes of TCP. */
	must(e.dst + addr + 8 <= (const uint8_t *)m->buf_addr + f->l4_off + f->l4_len);
}

static void check_frame(struct rte_mbuf *m, const struct hr_frame *f, const struct tcp_seg *s)
{
	check_inside(m, f->src_mac, 6);
	must(f->l3_off == RTE_ETHER_HDR_LEN);
	if (f->kind == HR_FRAME_ARP) {
		must(f->family == 0);
		check_inside(m, (const uint8_t *)m->buf_addr + 14, 28);
		return;
	}
	must(f->family == 4 || f->family == 6);
	must(f->l4_off <= m->data_len && (uint32_t)f->l4_off + f->l4_len <= m->pkt_len);
	check_inside(m, f->src, f->family == 4 ? 4 : 16);
	check_inside(m, f->dst, f->family == 4 ? 4 : 16);
	switch (f->kind) {
	case HR_FRAME_TCP:
		must(s->family == f->family && s->tos == f->tos && s->ttl == f->ttl);
		must(!f->l2_group);
		check_tcp(m, s, f->l4_off, f->l4_len);
		check_written_checksum(m, f, 16);
		break;
	case HR_FRAME_ICMP4:
	case HR_FRAME_ICMP6:
		check_icmp(m, f);
		check_written_checksum(m, f, 2);
		check_icmp(m, f);
		break;
	case HR_FRAME_UDP:
	case HR_FRAME_OTHER:
		must(f->proto != IPPROTO_TCP);
		break;
	default:
		must(!"a kind that exists");
	}
}

static void try_frame(const uint8_t *b, unsigned n, unsigned split, uint64_t ol_flags)
{
	struct hr_frame f1, f2;
	struct tcp_seg s1, s2;
	struct packet whole, cut;
	enum hr_drop d1, d2;

	packet_make(&whole, b, n, n, ol_flags);
	packet_make(&cut, b, n, split, ol_flags);
	d1 = hr_frame_parse(&whole.seg[0], our_mac, &f1, &s1);
	d2 = hr_frame_parse(&cut.seg[0], our_mac, &f2, &s2);
	must(d1 < DROP_COUNT);
	/* How the bytes are spread may only matter to headers. */
	must(d2 == d1 || d2 == DROP_short_frame);
	if (d1 == DROP_NONE && d2 == DROP_NONE) {
		must(f1.kind == f2.kind && f1.l4_off == f2.l4_off && f1.l4_len == f2.l4_len);
		if (f1.kind == HR_FRAME_TCP)
			check_same_values(&s1, &s2);
	}
	if (d1 == DROP_NONE)
		check_frame(&whole.seg[0], &f1, &s1);
	if (d2 == DROP_NONE)
		check_frame(&cut.seg[0], &f2, &s2);
	packet_free(&whole);
	packet_free(&cut);
}

static void try_segment(const uint8_t *b, unsigned n, unsigned split)
{
	struct packet p;
	struct tcp_seg s;

	packet_make(&p, b, n, split, 0);
	if (hr_tcp_parse(&p.seg[0], 0, (uint16_t)n, &s) == DROP_NONE)
		check_tcp(&p.seg[0], &s, 0, n);
	packet_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t ol_flags = 0;
	unsigned n, split;

	if (size < 2 || size > IN_MAX)
		return 0;
	n = (unsigned)size - 2;
	split = data[0] & IN_SPLIT ? RTE_MIN(data[1], n) : n;
	if (data[0] & IN_IP_GOOD)
		ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	if (data[0] & IN_L4_GOOD)
		ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (data[0] & IN_TCP)
		try_segment(data + 2, n, split);
	else
		try_frame(data + 2, n, split, ol_flags);
	return 0;
}
