/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of the fuzz_engine target: what hosts say to a TCP engine, made from a few bytes of the
 * script, and then bent. A bend before the checksums are made reaches deep; one behind them tests
 * that it does not.
 */
#include <rte_byteorder.h>

#include "fuzz_engine.h"
#include "proto/frame.h"

static const uint8_t macs[4][6] = {
	{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 9}, {2, 0, 0, 0, 0, 10}, {2, 0, 0, 0, 0, 254}};

const uint8_t *fe_mac(unsigned n)
{
	return macs[n & 3];
}

static struct hr_ip ip_of(uint8_t family, uint8_t net, uint8_t last)
{
	struct hr_ip ip = {.family = family};

	if (family == 4)
		memcpy(ip.b, (uint8_t[4]){198, 18, net, last}, 4);
	else
		memcpy(ip.b, (uint8_t[16]){0x20, 1, 0xd, 0xb8, 0, 0, 0, net, [15] = last}, 16);
	return ip;
}

struct hr_ip fe_local(uint8_t family)
{
	return ip_of(family, 0, 1);
}

struct hr_ip fe_host(uint8_t family, unsigned n)
{
	static const uint8_t last[4] = {9, 10, 77, 5};

	return ip_of(family, (n & 3) == 3, last[n & 3]);
}

uint16_t fe_sum(const uint8_t *b, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i & 1 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t fe_l4_sum(const uint8_t *l3, const uint8_t *l4, unsigned l4_len, uint8_t proto)
{
	bool v6 = l3[0] >> 4 == 6;
	uint16_t addrs = (uint16_t)~fe_sum(l3 + (v6 ? 8 : 12), v6 ? 32 : 8, 0);

	return fe_sum(l4, l4_len, (uint32_t)addrs + proto + l4_len);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Ethernet and IP for l4_len bytes that the caller appends; returns where they go. */
static uint8_t *begin(struct fe_frame *m, uint8_t family, unsigned host, uint8_t proto,
	uint8_t *ext, unsigned ext_len, unsigned l4_len)
{
	struct hr_ip src = fe_host(family, host), dst = fe_local(family);

	hr_eth_write(
		m->b, macs[0], macs[host == 3 ? 3 : 1 + host % 2], family == 4 ? 0x0800 : 0x86dd);
	m->l3 = 14;
	if (family == 4) {
		hr_ip4_write(m->b + 14, src.v4, dst.v4, proto, 64, 0, 1,
			(uint16_t)(20 + ext_len + l4_len));
		m->b[14] = (uint8_t)(0x40 | (5 + ext_len / 4));
		m->l4 = (uint16_t)(34 + ext_len);
		for (unsigned i = 0; i < ext_len; i++)
			m->b[34 + i] = ext[i];
	} else {
		hr_ip6_write(
			m->b + 14, src.b, dst.b, proto, 64, 0, 0, (uint16_t)(ext_len + l4_len));
		m->l4 = (uint16_t)(54 + ext_len);
		for (unsigned i = 0; i < ext_len; i++)
			m->b[54 + i] = ext[i];
		if (ext_len != 0) { /* one extension header in between */
			m->b[14 + 6] = ext[0];
			m->b[54] = proto;
			m->b[55] = (uint8_t)(ext_len / 8 - 1);
		}
	}
	m->len = (uint16_t)(m->l4 + l4_len);
	memset(m->b + m->l4, 0, l4_len);
	return m->b + m->l4;
}

/* Make the checksums what they should be, as far as there is a place for them. */
static void finish(struct fe_frame *m, uint8_t proto)
{
	unsigned at = proto == 6 ? 16 : proto == 17 ? 6 : 2;
	uint8_t *l3 = m->b + m->l3, *l4 = m->b + m->l4;
	unsigned l4_len = m->len - m->l4;

	if (m->l3 == 0)
		return;
	if (l3[0] >> 4 == 4) {
		put16(l3 + 10, 0);
		put16(l3 + 10, fe_sum(l3, RTE_MIN(m->l4 - m->l3, 60), 0));
	}
	if (l4_len < at + 2)
		return;
	put16(l4 + at, 0);
	put16(l4 + at, proto == 1 ? fe_sum(l4, l4_len, 0) : fe_l4_sum(l3, l4, l4_len, proto));
}

/* A number near where it should be, or anywhere. */
static uint32_t bent(struct fe *f, uint32_t good, uint32_t wnd)
{
	uint8_t d = fe_u8(f);

	if (d < 160)
		return good;
	if (d < 200)
		return good + (uint32_t)(d - 180);
	if (d < 220)
		return good + wnd + (uint32_t)(d - 210);
	if (d < 240)
		return good - (fe_u16(f) << (d & 7));
	return fe_u32(f);
}

static unsigned extension(struct fe *f, uint8_t family, uint8_t how, uint8_t *ext)
{
	static const uint8_t next[4] = {0, 43, 60, 44}; /* hop-by-hop, routing, options, fragment */
	unsigned len = family == 4 ? 4 * (1 + (how & 3)) : 8;

	for (unsigned i = 0; i < len; i++)
		ext[i] = fe_u8(f);
	if (family == 6) {
		ext[0] = next[how & 3];
		if (how & 4) { /* a well-formed one: padding */
			memset(ext + 1, 0, 7);
			ext[2] = 1;
			ext[3] = 4;
		}
	} else if (how & 4) {
		memset(ext, 1, len);
	}
	return len;
}

static void tcp_options(struct fe *f, struct tcp_out *o, const struct fe_flow *w)
{
	uint8_t opts = fe_u8(f);

	if (o->flags & TCPF_SYN) {
		o->opts = opts & (TCPO_MSS | TCPO_WSCALE | TCPO_SACK_OK | TCPO_TS);
		o->mss_opt = opts & 32 ? fe_u16(f) : 1460;
		o->wscale = opts & 64 ? fe_u8(f) : 7;
	} else {
		o->opts = w != NULL && w->ts ? TCPO_TS : opts & TCPO_TS;
		if (opts & TCPO_SACK) {
			o->opts |= TCPO_SACK;
			o->sack_n = (uint8_t)(1 + opts % 3);
			for (unsigned i = 0; i < o->sack_n; i++) {
				o->sack[i].left = o->ack - fe_u16(f);
				o->sack[i].right = o->sack[i].left + fe_u16(f);
			}
		}
	}
	/* The peer's clock goes with ours; sometimes it does not. */
	o->tsval = (uint32_t)(f->now_us / 1000) + (opts & 128 ? fe_u32(f) : 0);
	o->tsecr = w != NULL ? w->tsval : 0;
}

static void make_tcp(struct fe *f, struct fe_frame *m, uint8_t how)
{
	static const uint8_t flags[16] = {TCPF_ACK, TCPF_ACK, TCPF_ACK, TCPF_ACK | TCPF_PSH,
		TCPF_ACK | TCPF_FIN, TCPF_SYN, TCPF_SYN, TCPF_SYN | TCPF_ACK, TCPF_RST,
		TCPF_RST | TCPF_ACK, TCPF_ACK | TCPF_URG, TCPF_ACK | TCPF_ECE,
		TCPF_SYN | TCPF_ECE | TCPF_CWR, TCPF_FIN, 0, 0xff};
	uint8_t which = fe_u8(f), ext[64];
	struct fe_flow *w = f->n_flows != 0 && which < 192 ? &f->flow[which % f->n_flows] : NULL;
	struct tcp_out o = {.flags = flags[how & 15], .wnd = 30000};
	uint8_t family = w != NULL ? w->family : which & 1 ? 6 : 4;
	unsigned host = w != NULL ? w->host : which >> 1 & 3, ext_len = 0, head, payload;
	uint16_t rport = w != NULL ? w->rport : (uint16_t)(2000 + (which >> 3 & 3));
	uint16_t lport = w != NULL ? w->lport : which & 32 ? 9 : 7;
	uint8_t *p;

	if (w == NULL || (o.flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN) {
		o.seq = f->isn++ * 65537u;
		o.ack = 0;
	} else {
		o.seq = bent(f, w->ack, w->wnd);
		o.ack = bent(f, w->next, 1000);
		o.wnd = (o.flags & TCPF_PSH) ? fe_u16(f) : 30000;
	}
	if (w != NULL && w->ack == 0 && (o.flags & TCPF_SYN)) /* answers our SYN */
		o.seq = f->isn++ * 65537u;
	o.urg = o.flags & TCPF_URG ? fe_u16(f) : 0;
	tcp_options(f, &o, w);
	payload = how & 16 ? fe_u8(f) * (how & 32 ? 5u : 1u) : 0;
	if (how & 64)
		ext_len = extension(f, family, fe_u8(f), ext);
	head = 20 + hr_tcp_options_len(&o);
	payload = RTE_MIN(payload, 1300u);
	p = begin(m, family, host, 6, ext, ext_len, head + payload);
	must(hr_tcp_header_write(p, &o, rport, lport) == head);
	p[13] = o.flags;
	for (unsigned i = 0; i < payload; i++)
		p[head + i] = (uint8_t)(o.seq + i);
}

/* An error about a segment of ours (RFC 792, RFC 4443), or an echo request. */
static uint8_t make_icmp(struct fe *f, struct fe_frame *m)
{
	uint8_t what = fe_u8(f), family = what & 1 ? 6 : 4, type, code;
	const struct fe_flow *w = f->n_flows != 0 ? &f->flow[(what >> 1) % f->n_flows] : NULL;
	unsigned quote = 0, l4_len;
	uint32_t mtu;
	uint8_t *p;

	if (w != NULL && what < 224) {
		family = w->family;
		quote = RTE_MIN((unsigned)w->last.len, 28u + fe_u8(f));
	}
	type = fe_u8(f);
	code = fe_u8(f) & 15;
	if (type < 200)
		type = family == 4 ? (type & 1 ? 3 : 11) : (uint8_t)(1 + (type & 3));
	mtu = code & 1 ? fe_u16(f) % 1600 : fe_u32(f);
	l4_len = 8 + quote + (quote == 0 ? fe_u8(f) : 0u);
	p = begin(m, family, what >> 5 & 3, family == 4 ? 1 : 58, NULL, 0, l4_len);
	p[0] = type;
	p[1] = code;
	put16(p + 4, mtu >> 16);
	put16(p + 6, mtu);
	if (quote != 0) {
		memcpy(p + 8, w->last.b, quote);
		/* RFC 5927: quoted numbers that are not in flight, too. */
		if (type & 64 && quote >= 48)
			p[8 + (family == 4 ? 20 : 40) + 4 + (code & 3)] ^= fe_u8(f);
	}
	return family == 4 ? 1 : 58;
}

static void make_arp(struct fe *f, struct fe_frame *m)
{
	uint8_t how = fe_u8(f);
	struct hr_ip spa = fe_host(4, how & 3), tpa = fe_local(4);
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 0};
	uint8_t *p = m->b + 14;

	if (how & 4)
		spa = tpa; /* somebody else says our address is his */
	hr_eth_write(m->b, how & 8 ? macs[0] : (const uint8_t[6]){255, 255, 255, 255, 255, 255},
		macs[1 + (how & 1)], 0x0806);
	memcpy(p, head, 8);
	p[7] = how & 16 ? 2 : 1;
	memcpy(p + 8, macs[1 + (how >> 5 & 1)], 6);
	memcpy(p + 14, spa.b, 4);
	memcpy(p + 18, macs[0], 6);
	memcpy(p + 24, tpa.b, 4);
	m->len = 60;
	memset(p + 28, 0, 18);
}

static void make_nd(struct fe *f, struct fe_frame *m)
{
	uint8_t how = fe_u8(f), *p;
	struct hr_ip target = how & 1 ? fe_local(6) : fe_host(6, how >> 1 & 3);

	p = begin(m, 6, how >> 3 & 3, 58, NULL, 0, 32);
	m->b[14 + 7] = 255;
	p[0] = how & 32 ? 135 : how & 64 ? (uint8_t)(133 + how % 5) : 136;
	p[4] = fe_u8(f);
	memcpy(p + 8, target.b, 16);
	p[24] = p[0] == 135 ? 1 : 2;
	p[25] = 1;
	memcpy(p + 26, macs[1 + (how & 1)], 6);
}

static void bend(struct fe *f, struct fe_frame *m, unsigned n)
{
	while (n-- > 0 && m->len != 0) {
		uint16_t at = fe_u16(f);

		m->b[at % RTE_MIN((unsigned)m->len, 128u)] = fe_u8(f);
	}
}

void fe_frame_make(struct fe *f, struct fe_frame *m)
{
	uint8_t kind = fe_u8(f), bends = fe_u8(f), proto = 6;

	m->l3 = m->l4 = m->len = 0;
	switch (kind & 15) {
	default:
		make_tcp(f, m, fe_u8(f));
		break;
	case 10:
	case 11:
		proto = make_icmp(f, m);
		break;
	case 12:
		make_arp(f, m);
		break;
	case 13:
		make_nd(f, m);
		proto = 58;
		break;
	case 14:
		memset(begin(m, kind & 16 ? 6 : 4, kind >> 5 & 3, 17, NULL, 0, 8u + fe_u8(f)), 5,
			8);
		proto = 17;
		break;
	case 15:
		m->len = fe_u8(f);
		for (unsigned i = 0; i < m->len; i++)
			m->b[i] = i < 6 && kind & 16 ? macs[0][i] : fe_u8(f);
		return;
	}
	if (bends < 200)
		bends = 0;
	if (bends & 1)
		bend(f, m, 1 + (bends >> 2 & 3));
	finish(m, proto);
	if (bends & 2)
		bend(f, m, 1);
	if (bends == 255)
		m->len = (uint16_t)(fe_u16(f) % (m->len + 1));
}

bool fe_frame_neighbour(const uint8_t *b, unsigned len, struct fe_frame *m)
{
	unsigned n;

	m->l3 = 0;
	if (len >= 42 && b[12] == 8 && b[13] == 6 && b[21] == 1) {
		for (n = 0; n < 4; n++) {
			struct hr_ip h = n == 3 ? ip_of(4, 0, 254) : fe_host(4, n);

			if (n != 2 && memcmp(b + 38, h.b, 4) == 0)
				break;
		}
		if (n == 4)
			return false;
		memcpy(m->b, b, 42);
		memcpy(m->b, macs[0], 6);
		memcpy(m->b + 6, macs[n == 3 ? 3 : 1 + n], 6);
		m->b[21] = 2;
		memcpy(m->b + 22, m->b + 6, 6);
		memcpy(m->b + 28, b + 38, 4);
		memcpy(m->b + 32, macs[0], 6);
		memcpy(m->b + 38, b + 28, 4);
		m->len = 42;
		return true;
	}
	if (len < 14 + 40 + 24 || b[12] != 0x86 || b[20] != 58 || b[54] != 135)
		return false;
	for (n = 0; n < 4; n++) {
		struct hr_ip h = n == 3 ? ip_of(6, 0, 254) : fe_host(6, n);

		if (n != 2 && memcmp(b + 62, h.b, 16) == 0) {
			uint8_t *p = begin(m, 6, n == 3 ? 0 : n, 58, NULL, 0, 32);

			memcpy(m->b + 6, macs[n == 3 ? 3 : 1 + n], 6);
			memcpy(m->b + 22, h.b, 16);
			m->b[21] = 255;
			p[0] = 136;
			p[4] = 0x60;
			memcpy(p + 8, h.b, 16);
			p[24] = 2;
			p[25] = 1;
			memcpy(p + 26, m->b + 6, 6);
			finish(m, 58);
			return true;
		}
	}
	return false;
}
