/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The output stage: every touched connection is asked for what it has to send, first come first
 * served, as far as mbufs and room towards the port are at hand *before* it is asked: what the core
 * emits counts as sent. Frames wait in a stage per port until the end of the turn. What a segment
 * looks like is tx_build.c's, but for the usual one, which the short way here writes itself.
 *
 * When mbufs run out, data stops first: the last spares are for segments that carry an ACK somebody
 * waits for, and for RSTs. ACKs free memory.
 */
#include "engine/worker.h"
#include "proto/usual.h"
#include "tcp/out_usual.h"

enum tx_end {
	TX_IDLE,     /* nothing more to send */
	TX_TURN,     /* its share of this turn is used up */
	TX_STALLED,  /* for want of mbufs or of room in the port */
	TX_RESOLVING /* the next hop's address is not known; whoever tells it takes a turn */
};

bool hr_tx_refill(struct hr_worker *w, uint32_t want)
{
	uint32_t n = HR_TX_SPARE - w->tx_spares;

	if (likely(w->tx_spares >= want))
		return true;
	if (rte_pktmbuf_alloc_bulk(w->pool, w->tx_spare + w->tx_spares, n) == 0) {
		w->tx_spares += n;
		return true;
	}
	while (w->tx_spares < want) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

		if (m == NULL) {
			hr_count(&w->m, HR_C_no_mbuf_tx);
			return false;
		}
		w->tx_spare[w->tx_spares++] = m;
	}
	return true;
}

static void stage_send(struct hr_worker *w, unsigned p)
{
	const struct hr_port *port = w->e->port[p];
	struct hr_stage *s = &w->stage[p];
	uint64_t bytes = 0;
	uint16_t n;

	if (s->n == 0)
		return;
	/* What the port takes is no longer ours to look at. */
	for (uint32_t i = 0; i < s->n; i++)
		bytes += s->m[i]->pkt_len;
	n = port->ops->tx(port->priv, w->index, s->m, (uint16_t)s->n);
	for (uint32_t i = n; i < s->n; i++)
		bytes -= s->m[i]->pkt_len;
	hr_count_n(&w->m, HR_C_tx_packets, n);
	hr_count_n(&w->m, HR_C_tx_bytes, bytes);
	w->tx_n += n;
	s->n -= n;
	s->full = s->n > 0;
	if (s->full) {
		hr_count(&w->m, HR_C_tx_full);
		memmove(s->m, s->m + n, s->n * sizeof(s->m[0]));
	}
}

uint32_t hr_tx_room(struct hr_worker *w, unsigned port)
{
	const struct hr_stage *s = &w->stage[port];

	if (s->n > HR_TX_STAGE / 2 && !s->full)
		stage_send(w, port);
	return HR_TX_STAGE - s->n;
}

void hr_tx_emit(void *worker, unsigned port, struct rte_mbuf *m)
{
	struct hr_worker *w = worker;
	struct hr_stage *s = &w->stage[port];

	/* Only answers without a connection come here without having looked for room: the peer will
	 * ask again. */
	if (unlikely(s->n == HR_TX_STAGE) && !s->full)
		stage_send(w, port);
	if (unlikely(s->n == HR_TX_STAGE)) {
		rte_pktmbuf_free(m);
		return;
	}
	s->m[s->n++] = m;
}

/*
 * Payload that may be asked for, in whole segments; 0: this connection must wait for mbufs or room.
 * Each segment counts twice, because SACK blocks may take nearly half of the payload's place, and
 * the core may return one segment at any time.
 */
static uint32_t payload_limit(
	struct hr_worker *w, const struct conn *c, const struct hr_nexthop *nh, uint32_t budget)
{
	uint32_t mss = RTE_MAX((uint32_t)c->tcb.snd_mss, 1u);
	uint32_t frames;

	if (unlikely(w->tx_spares < HR_TX_SPARE / 2))
		(void)hr_tx_refill(w, HR_TX_RESERVE + 2);
	frames = RTE_MIN(hr_tx_room(w, nh->port), w->tx_spares);
	if (unlikely(frames < 2))
		return 0;
	if (unlikely(w->tx_spares < HR_TX_RESERVE + 2))
		return c->tcb.flags & (TF_ACK_NOW | TF_ACK_SOON | TF_SEND_RST) ? mss : 0;
	budget = RTE_MAX(budget, mss);
	return RTE_MIN(frames / 2 * mss, budget);
}

static void emitted(struct hr_worker *w, struct conn *c, const struct tcp_out *o)
{
	if (hr_tx_send(w, c->nexthop, &c->tcb.key, c, o))
		return;
	/* RFC 1122 4.2.3.9: a SYN to a next hop that is known not to answer. Others keep trying
	 * until R2. */
	if (c->tcb.state == TCPS_SYN_SENT)
		hr_conn_told(w, c, hr_tcp_abort(&w->tcp, &c->tcb, HR_UNREACHABLE));
}

/* At most HR_TX_TURN_MAX bytes of one connection. */
static enum tx_end tx_conn(struct hr_worker *w, struct conn *c)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, c->nexthop);
	uint32_t budget = HR_TX_TURN_MAX;

	/* 256: a ladder of answers that never ends would be a bug of the core, and it would be here
	 * that it hangs. */
	for (unsigned n = 0; n < 256 && budget > 0; n++) {
		uint32_t limit = payload_limit(w, c, nh, budget), events;
		struct tcp_out o;
		bool more;

		if (unlikely(limit == 0))
			return TX_STALLED;
		/* A next hop that is being resolved keeps only a few packets: a connection that
		 * would push one of them out waits with its output. Else a burst of connects to a
		 * cold next hop would lose its SYNs and measure our own retransmission timeout. */
		if (unlikely(nh->state != NH_REACHABLE) && hr_nexthop_full(w->ip, c->nexthop))
			return TX_RESOLVING;
		more = hr_tcp_output_any(&w->tcp, &c->tcb, limit, w->out_us, &o, &events);
		if (more)
			emitted(w, c, &o);
		if (events != 0)
			hr_conn_told(w, c, events);
		if (!more || hr_tcp_output_done(&c->tcb))
			return TX_IDLE;
		budget -= RTE_MIN(budget, o.payload_len);
	}
	return TX_TURN;
}

/* hr_send() was refused for want of mbufs: no ACK reports room for that. True while it still is. */
static bool starved(struct hr_worker *w, struct conn *c)
{
	if ((c->eflags & EF_STARVED) == 0 || c->tcb.state == TCPS_CLOSED)
		return false;
	if (hr_memory_low(w))
		return true;
	c->eflags &= (uint16_t)~EF_STARVED;
	c->tcb.flags &= ~TF_WANT_ROOM;
	hr_conn_ready(w, c, TCP_EV_WRITABLE);
	return false;
}

/*
 * n of the dirty connections were asked, all of them or as many as a turn may. Of the others, those
 * that have not been asked since they came must be, and all when it turned out, or may be, that
 * something waits no more.
 */
static void asked(struct hr_worker *w, uint32_t n, uint32_t dirty, uint32_t again, bool progress)
{
	uint32_t look = RTE_MIN(w->dirty_look, dirty);

	if (likely(n == dirty))
		w->dirty_look = again;
	else if (progress || w->rx_n > 0)
		w->dirty_look = w->dirty.n;
	else
		w->dirty_look = look > n ? look - n : 0;
}

static bool no_room(struct hr_worker *w, const struct conn *c)
{
	return hr_tx_room(w, hr_nexthop(w->ip, c->nexthop)->port) < 2;
}

/* Whatever there may be to send. */
static __rte_noinline enum tx_end tx_any(struct hr_worker *w, struct conn *c)
{
	enum tx_end end = tx_conn(w, c);

	/* What ended in order says nothing more, but its last ACK waits for room in the port:
	 * without mbufs it is asked for again by the peer's FIN. */
	if (c->eflags & EF_DONE)
		end = end == TX_STALLED && no_room(w, c) ? TX_STALLED : TX_IDLE;
	else if (starved(w, c) && (end == TX_IDLE || end == TX_RESOLVING))
		end = TX_STALLED;
	hr_conn_rearm(w, c);
	return end;
}

/* Payload that is not one mbuf of the queue. */
static __rte_noinline void usual_copied(struct hr_worker *w, struct conn *c, struct tcp_usual u)
{
	struct tcp_out o;

	hr_tcp_usual_out(&c->tcb, &u, &o);
	emitted(w, c, &o);
}

/* The mbuf that is all of the send queue's unsent part, with one reference more; NULL: it is not
 * as simple as that. As hr_tx_payload(). */
static __rte_always_inline struct rte_mbuf *usual_payload(
	const struct hr_worker *w, const struct tcb *t, const struct tcp_usual *u)
{
	struct rte_mbuf *m = t->sendq;
	const struct hr_mark *k;

	if (unlikely(m == NULL))
		return NULL;
	k = hr_mark(m, w->tcp.mark_off);
	if (unlikely(k->seq != u->seq || k->len != u->len || k->off < HR_TX_HEADERS_MAX ||
		     !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 || w->force_copy))
		return NULL;
	rte_mbuf_refcnt_set(m, 2);
	m->data_off = k->off;
	m->next = NULL; /* in an earlier transmission something may have followed */
	m->nb_segs = 1;
	m->ol_flags = 0;
	m->tx_offload = 0;
	return m;
}

static __rte_noinline uint8_t *usual_front6(struct hr_worker *w, const struct tcb *t, uint8_t *tcp,
	unsigned hdr_len, unsigned len, uint64_t sum, const uint8_t *l2, struct hr_usual h)
{
	return hr_usual_front6(tcp, hdr_len, len, sum, l2, hr_laddr(w->ip, t->key.laddr_id)->b,
		t->key.raddr6, hr_tx_label(w, &t->key), &h);
}

static __rte_always_inline void usual_send(struct hr_worker *w, struct conn *c,
	const struct hr_nexthop *nh, struct hr_stage *s, const struct tcp_usual *u)
{
	const struct tcb *t = &c->tcb;
	const struct hr_ip *local = hr_laddr(w->ip, t->key.laddr_id);
	struct hr_usual h = {.ports = (uint32_t)t->key.rport << 16 | t->key.lport,
		.seq = u->seq,
		.ack = t->rcv_nxt,
		.wnd = u->wnd,
		.flags = u->flags,
		.ttl = u->ttl,
		.tos = u->tos};
	unsigned hdr_len = sizeof(struct rte_tcp_hdr);
	uint8_t *payload, *eth;
	struct rte_mbuf *m;
	uint64_t sum = 0;

	if (u->len == 0) {
		m = hr_tx_spare(w);
		payload = rte_pktmbuf_mtod(m, uint8_t *);
	} else {
		m = usual_payload(w, t, u);
		if (unlikely(m == NULL)) {
			usual_copied(w, c, *u);
			return;
		}
		payload = rte_pktmbuf_mtod(m, uint8_t *);
		sum = hr_sum_bytes(payload, u->len);
	}
	if (likely(t->flags & TF_TS)) {
		hdr_len += HR_NOP_NOP_TS_LEN;
		sum += hr_usual_ts(
			payload - HR_NOP_NOP_TS_LEN, HR_NOP_NOP_TS, u->tsval, t->ts_recent);
	}
	if (unlikely(hr_key_is6(&t->key)))
		eth = usual_front6(w, t, payload - hdr_len, hdr_len, u->len, sum, nh->l2, h);
	else
		eth = hr_usual_front(payload - hdr_len, hdr_len, u->len, sum, nh->l2, local->v4,
			t->key.raddr4, &h);
	m->data_off = (uint16_t)(eth - (uint8_t *)m->buf_addr);
	m->pkt_len = (uint32_t)(payload - eth) + u->len;
	m->data_len = (uint16_t)m->pkt_len;
	s->m[s->n++] = m;
	hr_count(&w->m, HR_C_segs_out);
}

/*
 * The connection that nearly all are: to a neighbour that is known, over a port with room, and with
 * nothing to say that is not usual. It is asked, answered and has its deadline. False: nothing was
 * done, tx_any() knows all cases.
 */
static __rte_always_inline bool tx_usual(struct hr_worker *w, struct conn *c, uint64_t out_us)
{
	const struct hr_nexthop *nh = hr_nexthop(w->ip, c->nexthop);
	struct hr_stage *s = &w->stage[nh->port];
	enum tcp_usual_answer answer;
	struct tcp_usual u;
	uint64_t at;

	if (unlikely(nh->state != NH_REACHABLE || s->n > HR_TX_STAGE / 2 ||
		     w->tx_spares < HR_TX_RESERVE + 2 || (c->eflags & EF_STARVED) ||
		     (w->e->offloads[nh->port] & HR_OFFLOAD_TX_CSUM)))
		return false;
	answer = tcp_usual_output(&w->tcp, &c->tcb, out_us, &u);
	if (unlikely(answer == TCP_USUAL_NOT))
		return false;
	if (answer == TCP_USUAL_SEGMENT)
		usual_send(w, c, nh, s, &u);
	at = hr_tcp_deadline(&w->tcp, &c->tcb, out_us);
	if (unlikely(at < c->timer.when_us))
		hr_wheel_set(&w->wheel, c, at);
	return true;
}

void hr_tx_run(struct hr_worker *w)
{
	uint32_t dirty = w->dirty.n, most = RTE_MIN(dirty, (uint32_t)HR_TURN_OUTPUT), n, again = 0;
	uint32_t look = w->dirty_look;
	bool progress = false;

	w->stalled = false;
	/* Those that are left are the first of the next turn. */
	for (n = 0; n < most && w->tx_n < HR_TURN_FRAMES; n++) {
		struct conn *c = hr_conn_at(w, w->dirty.head);
		enum tx_end end = TX_IDLE;

		w->dirty.head = c->dirty_next;
		if (w->dirty.head == 0)
			w->dirty.tail = 0;
		w->dirty.n--;
		c->eflags &= (uint16_t)~EF_DIRTY;
		/* What is closed holds memory that is wanted back, and says nothing more. */
		if (c->tcb.state != TCPS_CLOSED && unlikely(!tx_usual(w, c, w->out_us)))
			end = tx_any(w, c);
		progress |= end == TX_IDLE || end == TX_TURN;
		if (likely(end == TX_IDLE))
			continue;
		hr_conn_dirty(w, c);
		again += end == TX_TURN;
		/* Those behind it wait for the same, most of them: not all are turned over in each
		 * turn. */
		if (end == TX_STALLED && !w->stalled)
			most = RTE_MIN(most, n + 1 + HR_TURN_STALLED);
		w->stalled |= end == TX_STALLED;
	}
	w->dirty_look = look;
	asked(w, n, dirty, again, progress);
	if (unlikely(w->stalled))
		w->stall_avail = rte_mempool_avail_count(w->pool);
}

static bool staged(const struct hr_worker *w)
{
	for (unsigned p = 0; p < w->e->cfg.n_ports; p++)
		if (w->stage[p].n > 0)
			return true;
	return false;
}

/*
 * Who waits for memory or for a port asks again soon, and less often while nothing happens: a
 * worker that sleeps until its deadline would hardly sleep.
 */
void hr_tx_back_off(struct hr_worker *w, bool worked)
{
	if (worked || w->stall_us == 0 || !(w->stalled || staged(w)))
		w->stall_us = HR_TX_STALL_US;
	else
		w->stall_us = RTE_MIN(2 * w->stall_us, (uint32_t)HR_TX_STALL_MAX_US);
}

uint64_t hr_tx_deadline(const struct hr_worker *w)
{
	if (w->dirty.n > 0 && w->dirty_look > 0)
		return w->now_us;
	/* What waits for an address goes on with the next hop's timer, or with what comes in. */
	if (!w->stalled && !staged(w))
		return HR_NEVER;
	/* Memory came back since it was looked for. More of it each time, or this would not end. */
	if (w->stalled && rte_mempool_avail_count(w->pool) > w->stall_avail)
		return w->now_us;
	return w->now_us + w->stall_us;
}

void hr_tx_ack_now(struct hr_worker *w, struct conn *c)
{
	/* Without room the ACK stays owed. */
	for (unsigned n = 0; n < 4 && (c->tcb.flags & TF_ACK_NOW); n++) {
		uint32_t limit = payload_limit(w, c, hr_nexthop(w->ip, c->nexthop), 0), events;
		struct tcp_out o;

		if (limit == 0)
			return;
		if (hr_tcp_output(&w->tcp, &c->tcb, limit, w->out_us, &o, &events))
			emitted(w, c, &o);
		if (events != 0)
			hr_conn_told(w, c, events);
	}
}

void hr_tx_flush(struct hr_worker *w)
{
	for (unsigned p = 0; p < w->e->cfg.n_ports; p++) {
		const struct hr_port *port = w->e->port[p];

		stage_send(w, p);
		w->stage[p].full = false;
		if (port->ops->flush != NULL)
			port->ops->flush(port->priv, w->index);
	}
}

void hr_tx_fini(struct hr_worker *w)
{
	for (unsigned p = 0; p < HR_MAX_PORTS; p++) {
		rte_pktmbuf_free_bulk(w->stage[p].m, w->stage[p].n);
		w->stage[p].n = 0;
	}
	rte_pktmbuf_free_bulk(w->tx_spare, w->tx_spares);
	w->tx_spares = 0;
}
