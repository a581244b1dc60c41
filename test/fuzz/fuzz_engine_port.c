/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port of the fuzz_engine target. Received frames come from the script; every frame that leaves
 * is taken apart again by code that shares nothing with proto/: lengths, checksums, options, the
 * fields that RFC 9293 and RFC 791 fix. Then it is remembered, so that the script can answer it.
 */
#include <rte_mbuf.h>

#include "fuzz_engine.h"

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* --- judging what leaves */

/* RFC 9293 3.1: options end within the header, each known length is right. TSval, when there. */
static bool judge_options(const uint8_t *o, unsigned len, bool syn, uint32_t *tsval)
{
	bool ts = false;

	for (unsigned i = 0; i < len && o[i] != 0;) {
		uint8_t kind = o[i], n;

		if (kind == 1) {
			i++;
			continue;
		}
		must(i + 1 < len);
		n = o[i + 1];
		must(n >= 2 && i + n <= len);
		if (kind == 2)
			must(n == 4 && syn && be16(o + i + 2) >= 48);
		else if (kind == 3)
			must(n == 3 && syn && o[i + 2] <= 14);
		else if (kind == 4)
			must(n == 2 && syn);
		else if (kind == 5)
			must(!syn && n >= 10 && n <= 34 && n % 8 == 2);
		else if (kind == 8)
			must(n == 10);
		if (kind == 8) {
			ts = true;
			*tsval = be32(o + i + 2);
		}
		i += n;
	}
	return ts;
}

static struct fe_flow *flow_of(struct fe *f, uint8_t family, uint16_t lport, uint16_t rport)
{
	struct fe_flow *w;

	for (unsigned i = 0; i < f->n_flows; i++) {
		w = &f->flow[i];
		if (w->family == family && w->lport == lport && w->rport == rport)
			return w;
	}
	w = &f->flow[f->next_flow++ % FE_FLOWS];
	f->n_flows = RTE_MIN(f->n_flows + 1, (unsigned)FE_FLOWS);
	memset(w, 0, offsetof(struct fe_flow, last));
	w->family = family;
	w->lport = lport;
	w->rport = rport;
	return w;
}

static void judge_tcp(struct fe *f, uint8_t family, const uint8_t *l3, unsigned l3_len,
	const uint8_t *t, unsigned len)
{
	unsigned off = (unsigned)(t[12] >> 4) * 4, payload;
	uint8_t flags = t[13];
	struct fe_flow *w;

	must(len >= 20 && off >= 20 && off <= len && (t[12] & 0xf) == 0);
	must(fe_l4_sum(l3, t, len, 6) == 0);
	must(be16(t) != 0 && be16(t + 2) != 0);
	/* Never nothing, never two of SYN, FIN and RST, ACK on all but the first SYN and a RST. */
	must((flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != 0);
	must(__builtin_popcount(flags & (TCPF_SYN | TCPF_FIN | TCPF_RST)) <= 1);
	must((flags & TCPF_URG) != 0 || be16(t + 18) == 0);
	must((flags & TCPF_ACK) != 0 || be32(t + 8) == 0);
	payload = len - off;
	must(payload == 0 || (flags & (TCPF_SYN | TCPF_RST)) == 0);
	w = flow_of(f, family, be16(t), be16(t + 2));
	w->ts = judge_options(t + 20, off - 20, (flags & TCPF_SYN) != 0, &w->tsval);
	w->next = be32(t + 4) + payload + ((flags & (TCPF_SYN | TCPF_FIN)) != 0);
	w->ack = be32(t + 8);
	w->wnd = be16(t + 14);
	for (unsigned n = 0; n < 4; n++) {
		struct hr_ip h = fe_host(family, n);

		if (memcmp(l3 + (family == 4 ? 16 : 24), h.b, family == 4 ? 4 : 16) == 0)
			w->host = (uint8_t)n;
	}
	w->last.len = (uint16_t)RTE_MIN(l3_len + len, 128u);
	memcpy(w->last.b, l3, w->last.len);
}

static void judge(struct fe *f, const uint8_t *b, unsigned len)
{
	const uint8_t *l3 = b + 14;
	uint16_t type;
	unsigned l3_len, total;
	uint8_t proto;

	must(len >= 14 && len <= FE_FRAME_MAX);
	must(memcmp(b + 6, fe_mac(0), 6) == 0 && memcmp(b, fe_mac(0), 6) != 0);
	type = be16(b + 12);
	if (type == 0x0806) {
		must(len >= 42);
		return;
	}
	if (type == 0x0800) {
		l3_len = (unsigned)(l3[0] & 15) * 4;
		total = be16(l3 + 2);
		must(l3[0] >> 4 == 4 && l3_len == 20 && total >= l3_len && 14 + total <= len);
		must(fe_sum(l3, l3_len, 0) == 0 && l3[8] != 0);
		must((l3[6] & 0x3f) == 0 && l3[7] == 0); /* no fragments */
		must(l3[16] < 224 && l3[16] != 127 && l3[16] != 0);
		proto = l3[9];
	} else {
		must(type == 0x86dd && len >= 54 && l3[0] >> 4 == 6 && l3[7] != 0);
		l3_len = 40;
		total = 40u + be16(l3 + 4);
		must(14 + total <= len);
		proto = l3[6];
		must(proto != 6 || l3[24] != 0xff);
	}
	must(proto == 6 || proto == (type == 0x0800 ? 1 : 58));
	if (proto == 6)
		judge_tcp(f, type == 0x0800 ? 4 : 6, l3, l3_len, l3 + l3_len, total - l3_len);
	else if (proto == 58)
		must(fe_l4_sum(l3, l3 + l3_len, total - l3_len, 58) == 0);
	else
		must(fe_sum(l3 + l3_len, total - l3_len, 0) == 0);
}

/* --- the port */

static int caps(void *port, struct hr_port_caps *c)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->name, "fuzz", 5);
	memcpy(c->mac, fe_mac(0), 6);
	c->mtu = 1500;
	c->max_queues = 1;
	c->copies_tx = true;
	return 0;
}

static int start(void *port, const struct hr_port_setup *s, char *err, size_t errlen)
{
	struct fe *f = port;

	f->pool = s->pools[0];
	return 0;
}

void fe_hear(struct fe *f, const struct fe_frame *m)
{
	struct rte_mbuf *b;

	if (f->n_in == FE_QUEUE)
		return;
	b = rte_pktmbuf_alloc(f->pool);
	if (b == NULL)
		return; /* as a NIC without descriptors */
	memcpy(rte_pktmbuf_append(b, m->len), m->b, m->len);
	f->in[f->n_in++] = b;
}

static uint16_t rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct fe *f = port;

	n = (uint16_t)RTE_MIN(n, f->n_in);
	memcpy(m, f->in, n * sizeof(*m));
	f->n_in -= n;
	memmove(f->in, f->in + n, f->n_in * sizeof(*m));
	return n;
}

static uint16_t tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct fe *f = port;

	if (f->tx_shut)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		uint8_t room[FE_FRAME_MAX];
		struct fe_frame answer;
		const uint8_t *b;

		must(m[i]->pkt_len <= FE_FRAME_MAX);
		b = rte_pktmbuf_read(m[i], 0, m[i]->pkt_len, room);
		must(b != NULL);
		judge(f, b, m[i]->pkt_len);
		if (f->answers && fe_frame_neighbour(b, m[i]->pkt_len, &answer))
			fe_hear(f, &answer);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

static void close_port(void *port)
{
	struct fe *f = port;

	rte_pktmbuf_free_bulk(f->in, f->n_in);
	f->n_in = 0;
}

static const struct hr_port_ops ops = {
	.driver = "fuzz", .caps = caps, .start = start, .rx = rx, .tx = tx, .close = close_port};

struct hr_port *fe_port(struct fe *f)
{
	struct hr_port *port;

	must(hr_port_create(&ops, f, &port) == 0);
	return port;
}
