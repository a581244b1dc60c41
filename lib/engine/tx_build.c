/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what the core emits to frames: cuts a descriptor into segments, finds or copies the payload,
 * writes TCP and IP headers in front of it and hands the packet to its next hop.
 *
 * Fast path: a segment that is exactly one queued mbuf, which nobody else holds, goes out as that
 * mbuf with one more reference; its headroom takes the headers. While the port still holds it, a
 * retransmission is copied.
 */
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/siphash.h"
#include "engine/worker.h"

#define TCP_CKSUM_OFF 16
/* Ethernet, IPv6 and the longest TCP header. */
#define HEADERS_MAX (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) + 60)

_Static_assert(HEADERS_MAX <= RTE_PKTMBUF_HEADROOM, "all headers fit in front of the payload");

/* What is the same for all segments of one descriptor. */
struct flow {
	const struct hr_flow_key *key;
	const struct hr_ip *local;
	uint32_t label;
	uint16_t nexthop;
	bool v6;
	bool offload; /* the port fills in the TCP checksum */
};

/* RFC 6437: the same for all packets of a flow, and not to be guessed. */
static uint32_t flow_label(const struct hr_worker *w, const struct hr_flow_key *k)
{
	return (uint32_t)hr_siphash13(w->label_key, k, sizeof(*k)) & 0xfffff;
}

static void flow_init(struct hr_worker *w, struct flow *f, const struct hr_nexthop *nh,
	uint16_t nexthop, const struct hr_flow_key *k)
{
	f->key = k;
	f->local = hr_laddr(w->ip, k->laddr_id);
	f->v6 = hr_key_is6(k);
	f->label = f->v6 ? flow_label(w, k) : 0;
	f->nexthop = nexthop;
	f->offload = (w->e->offloads[nh->port] & HR_OFFLOAD_TX_CSUM) != 0;
}

static struct rte_mbuf *spare(struct hr_worker *w)
{
	must(w->tx_spares > 0);
	return w->tx_spare[--w->tx_spares];
}

/* The queued mbuf that is this very segment, referenced once more; NULL when it must be copied. */
static struct rte_mbuf *in_place(struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len)
{
	const struct hr_mark *mark;
	struct rte_mbuf *m;
	uint8_t *data;

	if (w->force_copy || hr_tcp_send_find(&w->tcp, &c->tcb, seq, &m, &data) != len || m == NULL)
		return NULL;
	mark = hr_mark(m, w->tcp.mark_off);
	if (mark->seq != seq || mark->len != len || mark->off < HEADERS_MAX ||
		rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m))
		return NULL;
	rte_mbuf_refcnt_update(m, 1);
	m->data_off = mark->off;
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->ol_flags = 0;
	m->tx_offload = 0;
	return m;
}

/* Gather [seq, seq + len) from queued mbufs and, where there are none, from the application. */
static void gather(struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len, uint8_t *to)
{
	while (len > 0) {
		struct rte_mbuf *m;
		uint8_t *data;
		uint32_t n = RTE_MIN(hr_tcp_send_find(&w->tcp, &c->tcb, seq, &m, &data), len);

		must(n > 0);
		if (m != NULL)
			memcpy(to, data, n);
		else
			w->apps[c->app]->on_pull(hr_conn_handle(w, c), c->user,
				hr_tcp_send_offset(&c->tcb, seq), to, n);
		seq += n;
		to += n;
		len -= n;
	}
}

static struct rte_mbuf *payload(struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len)
{
	struct rte_mbuf *m = len > 0 ? in_place(w, c, seq, len) : NULL;
	char *to;

	if (m != NULL)
		return m;
	m = spare(w);
	if (len > 0) {
		to = rte_pktmbuf_append(m, (uint16_t)len);
		must(to != NULL);
		gather(w, c, seq, len, (uint8_t *)to);
	}
	return m;
}

/* The TCP checksum, or the pseudo-header's for a port that does the rest. */
static void checksum(const struct flow *f, struct rte_mbuf *m, unsigned l3_len, unsigned l4_len)
{
	uint8_t *l3 = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t sum;

	if (f->offload) {
		m->ol_flags |=
			RTE_MBUF_F_TX_TCP_CKSUM | (f->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
		m->l2_len = RTE_ETHER_HDR_LEN;
		m->l3_len = l3_len & 0x1ff;
		m->l4_len = l4_len & 0xff;
		sum = f->v6 ? rte_ipv6_phdr_cksum((const void *)l3, m->ol_flags)
			    : rte_ipv4_phdr_cksum((const void *)l3, m->ol_flags);
	} else {
		sum = hr_l4_checksum(m, 0, (uint16_t)l3_len);
	}
	memcpy(l3 + l3_len + TCP_CKSUM_OFF, &sum, sizeof(sum));
}

/* What may be cut on its way is told apart by its place in the stream, so that two full segments in
 * a row never have the same; where the count begins is not to be guessed (RFC 6274 3.5.2.1). */
static uint16_t fragment_id(
	const struct hr_worker *w, const struct hr_flow_key *k, const struct tcp_out *o)
{
	uint32_t step = rte_fls_u32(RTE_MAX(o->seg_size, (uint16_t)64)) - 1;

	return (uint16_t)(hr_siphash13(w->label_key, k, hr_key_len(k)) + (o->seq >> step));
}

static void headers(
	struct hr_worker *w, const struct flow *f, struct rte_mbuf *m, const struct tcp_out *o)
{
	unsigned l4_len = sizeof(struct rte_tcp_hdr) + hr_tcp_options_len(o);
	unsigned l3_len = f->v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)l4_len);

	hr_tcp_header_write(p, o, f->key->lport, f->key->rport);
	p = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)l3_len);
	/* RFC 6864 4.1: with DF set the packet is atomic, and any identification will do. A counter
	 * would let strangers count what we send to others, challenge ACKs for instance. */
	if (f->v6)
		hr_ip6_write(p, f->local->b, f->key->raddr6, IPPROTO_TCP, o->ttl, o->tos, f->label,
			(uint16_t)(m->pkt_len - l3_len));
	else
		hr_ip4_write(p, f->local->v4, f->key->raddr4, IPPROTO_TCP, o->ttl, o->tos, 0,
			(uint16_t)m->pkt_len);
	if (unlikely(o->may_fragment) && !f->v6)
		hr_ip4_allow_fragments(p, fragment_id(w, f->key, o));
	checksum(f, m, l3_len, l4_len);
}

/* The part of descriptor o that begins `at` bytes into it. */
static void cut(const struct tcp_out *o, uint32_t at, uint32_t len, struct tcp_out *piece)
{
	*piece = *o;
	piece->seq = o->seq + at;
	piece->payload_len = len;
	if (at + len < o->payload_len)
		piece->flags &= (uint8_t) ~(TCPF_FIN | TCPF_PSH);
	/* RFC 3168 6.1.2: once per window reduction. */
	if (at > 0)
		piece->flags &= (uint8_t)~TCPF_CWR;
	if (o->flags & TCPF_URG) {
		if (o->urg > at)
			piece->urg = (uint16_t)(o->urg - at);
		else
			piece->flags &= (uint8_t)~TCPF_URG;
	}
}

/*
 * The segment that nearly all traffic consists of: IPv4, one piece, nothing special about it, and a
 * next hop whose address is known. The rest of this file makes the same bytes, slower.
 */
static bool usual(struct hr_worker *w, const struct hr_nexthop *nh, const struct hr_flow_key *k,
	struct conn *c, const struct tcp_out *o)
{
	struct rte_mbuf *m;

	if (hr_key_is6(k) || nh->state != NH_REACHABLE || !hr_usual_out(o) ||
		(w->e->offloads[nh->port] & HR_OFFLOAD_TX_CSUM) || unlikely(w->plain))
		return false;
	m = payload(w, c, o->seq, o->payload_len);
	hr_usual_write(
		m, nh->l2, hr_laddr(w->ip, k->laddr_id)->v4, k->raddr4, k->lport, k->rport, o);
	hr_count(&w->m, HR_C_segs_out);
	hr_tx_emit(w, nh->port, m);
	return true;
}

bool hr_tx_send(struct hr_worker *w, uint16_t nexthop, const struct hr_flow_key *k, struct conn *c,
	const struct tcp_out *o)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, nexthop);
	uint32_t at = 0;
	struct flow f;
	bool ok = true;

	if (likely(usual(w, nh, k, c, o)))
		return true;
	flow_init(w, &f, nh, nexthop, k);
	do {
		uint32_t len = o->payload_len - at;
		struct rte_mbuf *m;
		struct tcp_out piece;

		if (o->seg_size > 0)
			len = RTE_MIN(len, (uint32_t)o->seg_size);
		m = payload(w, c, o->seq + at, len);
		if (len == o->payload_len) {
			headers(w, &f, m, o);
		} else {
			cut(o, at, len, &piece);
			headers(w, &f, m, &piece);
		}
		hr_count(&w->m, HR_C_segs_out);
		ok &= hr_nexthop_send(w->ip, nexthop, m, w->out_us);
		at += len;
	} while (at < o->payload_len);
	return ok;
}

bool hr_tx_reply(
	struct hr_worker *w, uint16_t nexthop, const struct hr_flow_key *k, const struct tcp_out *o)
{
	if (!hr_tx_refill(w, 1))
		return false;
	return hr_tx_send(w, nexthop, k, NULL, o);
}

bool hr_tx_reply_routed(struct hr_worker *w, const struct hr_flow_key *k, const struct tcp_out *o)
{
	struct hr_ip remote = {.family = hr_key_is6(k) ? 6 : 4};
	uint16_t nexthop;
	bool ok;

	memcpy(remote.b, k->raddr6, remote.family == 6 ? 16 : 4);
	nexthop = hr_route_back(w->ip, k->laddr_id, &remote, w->now_us);
	if (nexthop == 0)
		return false;
	ok = hr_tx_reply(w, nexthop, k, o);
	hr_nexthop_put(w->ip, nexthop);
	return ok;
}
