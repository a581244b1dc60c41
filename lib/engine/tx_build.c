/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what the core emits to frames: cuts a descriptor into segments, or into frames of many
 * segments for a port that cuts them itself, writes TCP and IP headers in front of the payload that
 * tx_payload.c finds, and hands the packet to its next hop.
 */
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/siphash.h"
#include "engine/worker.h"

#define TCP_CKSUM_OFF 16
/* Ports have a least size of the segments they cut: 88 bytes with ixgbe, 256 with ice. */
#define TSO_SEG_MIN 256u
/* IPv6 and the longest TCP header. */
#define HEADERS_MAX (sizeof(struct rte_ipv6_hdr) + 60)

/* What is the same for all segments of one descriptor. */
struct flow {
	const struct hr_flow_key *key;
	const struct hr_ip *local;
	uint32_t label;
	uint16_t nexthop;
	bool v6;
	bool offload; /* the port fills in the TCP checksum */
};

uint32_t hr_tx_label(const struct hr_worker *w, const struct hr_flow_key *k)
{
	return (uint32_t)hr_siphash13(w->label_key, k, sizeof(*k)) & 0xfffff;
}

static void flow_init(struct hr_worker *w, struct flow *f, const struct hr_nexthop *nh,
	uint16_t nexthop, const struct hr_flow_key *k)
{
	f->key = k;
	f->local = hr_laddr(w->ip, k->laddr_id);
	f->v6 = hr_key_is6(k);
	f->label = f->v6 ? hr_tx_label(w, k) : 0;
	f->nexthop = nexthop;
	f->offload = (w->e->offloads[nh->port] & HR_OFFLOAD_TX_CSUM) != 0;
}

/* The TCP checksum, or the pseudo-header's for a port that does the rest; seg_size: of a frame that
 * the port cuts, else 0. */
static void checksum(const struct flow *f, struct rte_mbuf *m, unsigned l3_len, unsigned l4_len,
	uint16_t seg_size)
{
	uint8_t *l3 = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t sum;

	if (f->offload) {
		m->ol_flags |=
			RTE_MBUF_F_TX_TCP_CKSUM | (f->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
		if (seg_size != 0) {
			m->tso_segsz = seg_size;
			m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
			if (!f->v6) { /* each segment has a length, and so a checksum, of its own */
				m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
				((struct rte_ipv4_hdr *)l3)->hdr_checksum = 0;
			}
		}
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
	checksum(f, m, l3_len, l4_len, o->payload_len > o->seg_size ? o->seg_size : 0);
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
 * Payload bytes per frame when the port cuts segments, whole segments; 0: it does not, or not such
 * ones. All that ports are trusted with is what all of them do alike: identifications and urgent
 * pointers stay with us.
 */
static uint32_t tso_payload(const struct hr_worker *w, unsigned port, const struct tcp_out *o)
{
	const struct hr_port_caps *caps = &w->e->caps[port];
	uint32_t seg = o->seg_size, most;

	if (likely(!(w->e->offloads[port] & HR_OFFLOAD_TSO)) || o->payload_len <= seg ||
		seg < TSO_SEG_MIN || o->may_fragment || (o->flags & TCPF_URG))
		return 0;
	/* With a packet that only has headers in front, and one where the frame's end is cut. */
	most = RTE_MIN((caps->tx_segs - 2u) * seg, (uint32_t)caps->tso_bytes - HEADERS_MAX);
	return most < 2 * seg ? 0 : most / seg * seg;
}

/* All that usual() leaves. */
static __rte_noinline bool send_any(struct hr_worker *w, const struct hr_nexthop *nh,
	uint16_t nexthop, const struct hr_flow_key *k, struct conn *c, const struct tcp_out *o)
{
	uint32_t at = 0, most;
	struct flow f;
	bool ok = true;

	flow_init(w, &f, nh, nexthop, k);
	most = tso_payload(w, nh->port, o);
	if (most == 0)
		most = o->seg_size != 0 ? o->seg_size : UINT32_MAX;
	do {
		uint32_t len = RTE_MIN(o->payload_len - at, most);
		struct tcp_out piece;
		struct rte_mbuf *m;

		m = hr_tx_payload(w, c, o->seq + at, len, w->e->caps[nh->port].tx_segs);
		if (len == o->payload_len) {
			headers(w, &f, m, o);
		} else {
			cut(o, at, len, &piece);
			headers(w, &f, m, &piece);
		}
		hr_count_n(&w->m, HR_C_segs_out,
			len > o->seg_size ? (len + o->seg_size - 1) / o->seg_size : 1);
		ok &= hr_nexthop_send(w->ip, nexthop, m, w->out_us);
		at += len;
	} while (at < o->payload_len);
	return ok;
}

/* A segment of which everything is usual but its payload's place, in several mbufs. */
static __rte_noinline bool usual_chain(struct hr_worker *w, const struct hr_nexthop *nh,
	const struct hr_flow_key *k, struct rte_mbuf *m, const struct tcp_out *o, uint16_t nexthop)
{
	struct flow f;

	flow_init(w, &f, nh, nexthop, k);
	headers(w, &f, m, o);
	return hr_nexthop_send(w->ip, nexthop, m, w->out_us);
}

/*
 * The segment that nearly all traffic consists of: one piece, nothing special about it, and a
 * next hop whose address is known. The rest of this file makes the same bytes, slower.
 */
static __rte_always_inline bool usual(struct hr_worker *w, const struct hr_nexthop *nh,
	const struct hr_flow_key *k, struct conn *c, const struct tcp_out *o, uint16_t nexthop)
{
	const struct hr_ip *local;
	struct rte_mbuf *m;

	if (nh->state != NH_REACHABLE || !hr_usual_out(o) ||
		(w->e->offloads[nh->port] & HR_OFFLOAD_TX_CSUM) || unlikely(w->plain))
		return false;
	m = o->payload_len == 0
		    ? hr_tx_spare(w)
		    : hr_tx_payload(w, c, o->seq, o->payload_len, w->e->caps[nh->port].tx_segs);
	hr_count(&w->m, HR_C_segs_out);
	if (unlikely(m->nb_segs > 1))
		return usual_chain(w, nh, k, m, o, nexthop);
	local = hr_laddr(w->ip, k->laddr_id);
	if (unlikely(hr_key_is6(k)))
		hr_usual_write6(
			m, nh->l2, local->b, k->raddr6, hr_tx_label(w, k), k->lport, k->rport, o);
	else
		hr_usual_write(m, nh->l2, local->v4, k->raddr4, k->lport, k->rport, o);
	hr_tx_emit(w, nh->port, m);
	return true;
}

bool hr_tx_send(struct hr_worker *w, uint16_t nexthop, const struct hr_flow_key *k, struct conn *c,
	const struct tcp_out *o)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, nexthop);

	return likely(usual(w, nh, k, c, o, nexthop)) || send_any(w, nh, nexthop, k, c, o);
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
