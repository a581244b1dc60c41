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

/* Tuple and hash of a parsed segment, or why it is not for us. */
static enum hr_drop address(struct hr_worker *w, struct rx_batch *b, unsigned i)
{
	const struct hr_frame *f = &b->frame[i];
	uint32_t laddr_id = hr_laddr_find(w->ip, f->family, f->dst);

	if (laddr_id == 0)
		return DROP_ip_not_local;
	/* RFC 1122 4.2.3.10, RFC 9293 MUST-57: TCP does not answer what came by link-layer
	 * broadcast. */
	if (f->l2_group)
		return DROP_ip_broadcast;
	hr_key_of(&b->key[i], laddr_id, f->family, f->src, b->seg[i].dport, b->seg[i].sport);
	b->hash[i] = hr_table_hash(w->table, &b->key[i]);
	hr_table_prefetch(w->table, b->hash[i]);
	return DROP_NONE;
}

/* Parse into b; what is dropped here is gone. */
static void parse(struct hr_worker *w, struct rx_batch *b, struct rte_mbuf **m, unsigned n)
{
	const uint8_t *mac = w->e->caps[b->port].mac;
	uint64_t bytes = 0;

	b->n = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned at = b->n;
		enum hr_drop why;

		bytes += m[i]->pkt_len;
		if (likely(!w->plain))
			why = hr_frame_parse(m[i], mac, &b->frame[at], &b->seg[at]);
		else
			why = hr_frame_parse_any(m[i], mac, &b->frame[at], &b->seg[at]);
		if (why == DROP_NONE && b->frame[at].kind == HR_FRAME_TCP)
			why = address(w, b, at);
		if (unlikely(why != DROP_NONE)) {
			hr_rx_done(w, m[i], why);
			continue;
		}
		b->m[at] = m[i];
		b->n++;
	}
	hr_count_n(&w->m, HR_C_rx_packets, n);
	hr_count_n(&w->m, HR_C_rx_bytes, bytes);
}

/* One lookup per segment, in two rounds: all lines of the entries that the buckets speak for are on
 * their way before the first key is compared. */
static void lookup(struct hr_worker *w, struct rx_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		const uint8_t *e;

		b->ref[i] =
			b->frame[i].kind == HR_FRAME_TCP ? hr_table_guess(w->table, b->hash[i]) : 0;
		if (b->ref[i] == 0)
			continue;
		e = hr_table_entry(w->table, b->ref[i]);
		rte_prefetch0(e);
		if (hr_ref_type(b->ref[i]) != HR_REF_CONN)
			continue;
		rte_prefetch0(e + RTE_CACHE_LINE_SIZE);
		rte_prefetch0(e + 2 * RTE_CACHE_LINE_SIZE);
		rte_prefetch0(e + 3 * RTE_CACHE_LINE_SIZE);
	}
	for (unsigned i = 0; i < b->n; i++)
		if (b->frame[i].kind == HR_FRAME_TCP)
			b->ref[i] = hr_table_confirm(w->table, &b->key[i], b->hash[i], b->ref[i]);
}

/* RFC 4861 7.3.1: progress of TCP says that the next hop is there. Not worth a store per ACK. */
static void confirm(struct hr_worker *w, const struct conn *c)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, c->nexthop);

	if (nh->state != NH_REACHABLE || w->now_us - nh->confirmed_us > 1000000)
		hr_nexthop_confirm(w->ip, c->nexthop, w->now_us);
}

void hr_rx_conn(struct hr_worker *w, struct conn *c, struct rx_batch *b, unsigned i)
{
	struct tcp_seg *s = &b->seg[i];
	uint32_t una, events;
	enum hr_drop why, refused = DROP_NONE;

	/* The peer needs each duplicate ACK, DSACK and ECE: one per segment that asks for it. */
	if (unlikely(c->tcb.flags & TF_ACK_NOW)) {
		hr_tx_ack_now(w, c);
		if (c->tcb.state == TCPS_CLOSED) {
			hr_open_stranger(w, b, i);
			return;
		}
	}
	una = c->tcb.snd_una;
	s->m = b->m[i];
	/* The pool is all but empty: the ACK counts, the payload will come again. */
	if (s->payload_len > 0 && unlikely(!w->pool_checked || w->pool_left < 0) &&
		hr_memory_scarce(w)) {
		s->payload_len = 0;
		s->flags &= (uint8_t) ~(TCPF_FIN | TCPF_URG);
		refused = DROP_tcp_no_memory;
	}
	events = hr_tcp_input(&w->tcp, &c->tcb, s, w->now_us);
	why = hr_tcp_ev_drop(events);
	if (why == DROP_NONE)
		why = refused;
	if (likely(why == DROP_NONE))
		hr_count(&w->m, HR_C_accepted);
	else
		hr_drop(&w->m, why);
	if (unlikely(b->source == RX_FORWARDED) && (c->eflags & EF_ACTIVE))
		hr_count(&w->m, HR_C_arrival_mismatch);
	if (unlikely(events & TCP_EV_STRAY))
		hr_open_reset(w, &b->key[i], s);
	if (c->tcb.snd_una != una)
		confirm(w, c);
	hr_conn_heard(w, c, b->hash[i], events);
}

static void segment(struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref)
{
	if (ref == 0) {
		hr_open_stranger(w, b, i);
		return;
	}
	switch (hr_ref_type(ref)) {
	case HR_REF_CONN:
		hr_rx_conn(w, hr_conn_at(w, hr_ref_index(ref)), b, i);
		break;
	case HR_REF_SYN:
		hr_open_syn(w, b, i, ref);
		break;
	default:
		hr_open_tw(w, b, i, ref);
		break;
	}
}

/*
 * The lines that a connection leads to: what it sent and what its application knows it by. Its own
 * are there by now.
 */
static void fetch_behind(struct hr_worker *w, const struct rx_batch *b, unsigned i)
{
	const struct conn *c;

	if (b->ref[i] == 0 || hr_ref_type(b->ref[i]) != HR_REF_CONN)
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
	lookup(w, b);
	hr_stage_end(w, HR_C_cycles_lookup);
	memset(w->table_changed, 0, sizeof(w->table_changed));
	for (unsigned i = 0; i < RTE_MIN(b->n, RX_AHEAD); i++)
		fetch_behind(w, b, i);
	for (unsigned i = 0; i < b->n; i++) {
		if (i + RX_AHEAD < b->n)
			fetch_behind(w, b, i + RX_AHEAD);
		if (b->frame[i].kind != HR_FRAME_TCP) {
			hr_control(w, b, i);
			continue;
		}
		/* What came before may have opened, closed or moved this tuple. */
		if (hr_table_may_have_changed(w, b->hash[i]))
			b->ref[i] = hr_table_find(w->table, &b->key[i], b->hash[i]);
		segment(w, b, i, b->ref[i]);
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
