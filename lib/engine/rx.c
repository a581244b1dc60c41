/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receiving half of the packet walk: a burst is parsed, all tuples are hashed and their lines
 * fetched, then each segment meets its owner in order of arrival. What a segment without a
 * connection means is in open.c, what is not TCP in control.c. Every packet leaves by hr_rx_done()
 * or hr_forward(), which count its one door.
 */
#include <rte_prefetch.h>

#include "base/mark.h"
#include "engine/worker.h"

#define RX_AHEAD 4u /* segments whose connection's other lines are on their way */
_Static_assert(HR_RX_BURST <= 64, "a bit each in rx_batch.control");

void hr_rx_done(struct hr_worker *w, struct rte_mbuf *m, enum hr_drop why)
{
	rte_pktmbuf_free(m);
	if (why == DROP_NONE)
		hr_count(&w->m, HR_C_accepted);
	else
		hr_drop(&w->m, why);
}

void hr_key_of(struct hr_flow_key *k, uint32_t laddr_id, uint8_t family, const void *remote,
	uint16_t lport, uint16_t rport)
{
	k->laddr_id = laddr_id;
	k->lport = lport;
	k->rport = rport;
	if (likely(family == 4)) {
		memcpy(k->raddr6, remote, 4);
		memset(k->raddr6 + 4, 0, 12);
	} else {
		memcpy(k->raddr6, remote, 16);
	}
}

/* Place `at` of b for a packet that the short way does not take; false: it is gone. */
static __rte_noinline bool parse_any(
	struct hr_worker *w, struct rx_batch *b, struct rte_mbuf *m, unsigned at)
{
	struct hr_frame *f = &b->frame[at];
	struct tcp_seg *s = &b->seg[at];
	enum hr_drop why = hr_frame_parse_any(m, w->e->caps[b->port].mac, f, s);
	uint32_t laddr_id = 0;

	if (why == DROP_NONE && f->kind == HR_FRAME_TCP) {
		laddr_id = hr_laddr_find(w->ip, f->family, f->dst);
		/* RFC 1122 4.2.3.10, RFC 9293 MUST-57: TCP does not answer what came by link-layer
		 * broadcast. */
		if (laddr_id == 0)
			why = DROP_ip_not_local;
		else if (f->l2_group)
			why = DROP_ip_broadcast;
	}
	if (why != DROP_NONE) {
		hr_rx_done(w, m, why);
		return false;
	}
	if (f->kind == HR_FRAME_TCP) {
		hr_key_of(&b->key[at], laddr_id, f->family, f->src, s->dport, s->sport);
	} else {
		memset(&b->key[at], 0, sizeof(b->key[at])); /* nobody's */
		b->control |= UINT64_C(1) << at;
	}
	return true;
}

/* The key of a usual frame, by words. */
static void key4(
	struct hr_flow_key *k, uint32_t laddr_id, uint32_t remote4, const struct tcp_seg *s)
{
	k->laddr_id = laddr_id;
	k->lport = s->dport;
	k->rport = s->sport;
	memcpy(&k->raddr[0], &(uint64_t){remote4}, 8);
	memset(&k->raddr[2], 0, 8);
}

/* Parse into b, hash, and fetch the lines of the table; what is dropped here is gone. */
static void parse(struct hr_worker *w, struct rx_batch *b, struct rte_mbuf **m, unsigned n)
{
	const uint64_t mac = hr_mac_word(w->e->caps[b->port].mac);
	const struct hr_laddr_last *last = hr_laddr_last(w->ip);
	const bool plain = w->plain;
	unsigned at = 0;
	uint64_t bytes = 0;

	b->control = 0;
	for (unsigned i = 0; i < n; i++) {
		uint64_t addresses = plain ? 0 : hr_usual_parse(m[i], mac, &b->seg[at]);
		uint32_t local4 = (uint32_t)(addresses >> 32), id = 0;

		bytes += m[i]->pkt_len;
		if (likely(addresses != 0)) {
			id = hr_laddr_near(last, local4);
			if (unlikely(id == 0))
				id = hr_laddr_find(w->ip, 4, &local4);
		}
		if (likely(id != 0))
			key4(&b->key[at], id, (uint32_t)addresses, &b->seg[at]);
		else if (!parse_any(w, b, m[i], at))
			continue;
		b->m[at++] = m[i];
	}
	b->n = at;
	hr_table_hash_burst(w->table, b->key, b->hash, at);
	hr_count_n(&w->m, HR_C_rx_packets, n);
	hr_count_n(&w->m, HR_C_rx_bytes, bytes);
}

/* RFC 4861 7.3.1: progress of TCP says that the next hop is there. Not worth a store per ACK. */
static void confirm(struct hr_worker *w, const struct conn *c)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, c->nexthop);

	if (nh->state != NH_REACHABLE || w->now_us - nh->confirmed_us > 1000000)
		hr_nexthop_confirm(w->ip, c->nexthop, w->now_us);
}

/* What a segment meant beside what nearly all mean. refused: it was not taken as it came. */
static __rte_noinline void unusual(struct hr_worker *w, struct conn *c, struct rx_batch *b,
	unsigned i, uint32_t events, enum hr_drop refused)
{
	enum hr_drop why = hr_tcp_ev_drop(events);

	if (why == DROP_NONE)
		why = refused;
	if (likely(why == DROP_NONE))
		hr_count(&w->m, HR_C_accepted);
	else
		hr_drop(&w->m, why);
	if (unlikely(b->source == RX_FORWARDED) && (c->eflags & EF_ACTIVE))
		hr_count(&w->m, HR_C_arrival_mismatch);
	if (events & TCP_EV_STRAY)
		hr_open_reset(w, &b->key[i], &b->seg[i]);
}

/* The peer needs each duplicate ACK, DSACK and ECE: one per segment that asks for it. False: that
 * was the connection's end. */
static __rte_noinline bool ack_before(
	struct hr_worker *w, struct conn *c, struct rx_batch *b, unsigned i)
{
	hr_tx_ack_now(w, c);
	if (c->tcb.state != TCPS_CLOSED)
		return true;
	hr_open_stranger(w, b, i);
	return false;
}

void hr_rx_conn(struct hr_worker *w, struct conn *c, struct rx_batch *b, unsigned i)
{
	struct tcp_seg *s = &b->seg[i];
	enum hr_drop refused = DROP_NONE;
	uint32_t una, events;

	if (unlikely(c->tcb.flags & TF_ACK_NOW) && !ack_before(w, c, b, i))
		return;
	una = c->tcb.snd_una;
	/* The pool is all but empty: the ACK counts, the payload will come again. */
	if (s->payload_len > 0 && unlikely(!w->pool_checked || w->pool_left < 0) &&
		hr_memory_scarce(w)) {
		s->payload_len = 0;
		s->flags &= (uint8_t) ~(TCPF_FIN | TCPF_URG);
		refused = DROP_tcp_no_memory;
	}
	events = hr_tcp_input(&w->tcp, &c->tcb, s, w->now_us);
	if (likely((events & (TCP_EV_STRAY | UINT32_MAX << TCP_EV_DROP_SHIFT)) == 0 &&
		    refused == DROP_NONE && b->source != RX_FORWARDED))
		hr_count(&w->m, HR_C_accepted);
	else
		unusual(w, c, b, i, events, refused);
	if (c->tcb.snd_una != una)
		confirm(w, c);
	hr_conn_heard(w, c, b->hash[i], events);
}

static __rte_noinline void no_connection(
	struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref)
{
	if (ref == 0)
		hr_open_stranger(w, b, i);
	else if (hr_ref_type(ref) == HR_REF_SYN)
		hr_open_syn(w, b, i, ref);
	else
		hr_open_tw(w, b, i, ref);
}

static bool is_conn(uint32_t ref)
{
	return ref - 1 < HR_REF_INDEX_MASK;
}
_Static_assert(HR_REF_CONN == 0, "the index alone");

/*
 * The lines that a connection leads to: what it sent and what its application knows it by. Its own
 * are there by now.
 */
static void fetch_behind(struct hr_worker *w, const struct rx_batch *b, unsigned i)
{
	const struct conn *c;

	if (!is_conn(b->ref[i]))
		return;
	c = hr_conn_at(w, hr_ref_index(b->ref[i]));
	rte_prefetch0(c->user);
	if (c->tcb.sendq != NULL)
		rte_prefetch0(hr_mark(c->tcb.sendq, w->tcp.mark_off));
}

void hr_rx_burst(
	struct hr_worker *w, unsigned port, struct rte_mbuf **m, unsigned n, enum rx_source source)
{
	struct rx_batch *b = &w->rx;
	b->port = port;
	b->source = source;
	parse(w, b, m, n);
	hr_stage_end(w, HR_C_cycles_parse);
	hr_table_find_burst(w->table, b->key, b->hash, b->ref, b->n);
	hr_stage_end(w, HR_C_cycles_lookup);
	memset(w->table_changed, 0, sizeof(w->table_changed));
	for (unsigned i = 0; i < RTE_MIN(b->n, RX_AHEAD); i++)
		fetch_behind(w, b, i);
	for (unsigned i = 0; i < b->n; i++) {
		uint32_t ref = b->ref[i];

		if (i + RX_AHEAD < b->n)
			fetch_behind(w, b, i + RX_AHEAD);
		/* What came before may have opened, closed or moved this tuple. */
		if (unlikely(hr_table_may_have_changed(w, b->hash[i])))
			ref = hr_table_find(w->table, &b->key[i], b->hash[i]);
		if (likely(is_conn(ref)))
			hr_rx_conn(w, hr_conn_at(w, hr_ref_index(ref)), b, i);
		else if (likely(!(b->control >> i & 1)))
			no_connection(w, b, i, ref);
		else
			hr_control(w, b, i);
	}
	w->rx_n += n;
	hr_stage_end(w, HR_C_cycles_input);
}

void hr_rx_ports(struct hr_worker *w)
{
	struct rte_mbuf *m[HR_RX_BURST];

	for (unsigned p = 0; p < w->e->cfg.n_ports; p++) {
		const struct hr_port *port = w->e->port[p];
		uint16_t n = port->ops->rx(port->priv, w->index, m, HR_RX_BURST);

		hr_stage_end(w, HR_C_cycles_rx);
		if (n > 0)
			hr_rx_burst(w, p, m, n, RX_PORT);
	}
}
