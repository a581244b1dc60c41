/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life of a connection in the engine: memory, handle, table entry, the ready and dirty FIFOs and
 * the end. What a connection says and hears is the core's (tcp/); what the application asks is in
 * connect.c, stream.c and close.c.
 *
 * The end has three steps, because the walk and callbacks hold pointers: the core says CLOSED (the
 * tuple leaves the table at once, so that a new SYN meets the listener), on_close is called (the
 * handle becomes stale), and at the end of the turn, with the last ACK sent, the memory goes.
 */
#include "engine/conn.h"

#include <errno.h>

#include "engine/worker.h"

/* No handle of this chunk of memory has a higher generation. */
static uint32_t *floor_of(struct hr_worker *w, uint32_t index)
{
	return &w->conn_floor[index >> w->slab[HR_MEM_CONN].shift];
}

struct conn *hr_conn_of(struct hr_worker *w, uint32_t i)
{
	struct conn *c = hr_conn_at(w, i);

	return hr_conn_generation(c) & 1 ? c : NULL;
}

struct conn *hr_conn_alloc(struct hr_worker *w)
{
	struct conn *c = likely(w->conns_live < w->e->cfg.max_conns)
				 ? hr_slab_alloc(&w->slab[HR_MEM_CONN])
				 : NULL;
	uint32_t i, generation;

	if (unlikely(c == NULL)) {
		hr_count(&w->m, HR_C_no_memory);
		return NULL;
	}
	i = hr_conn_index(w, c);
	w->conn_top = RTE_MAX(w->conn_top, i);
	generation = hr_conn_generation(c);
	if (unlikely(generation == 0))
		generation = *floor_of(w, i);
	generation++;
	must(generation & 1);
	c->handle = (uint64_t)generation << 32 | (uint64_t)w->index << HR_INDEX_BITS | i;
	hr_timer_init(&c->timer);
	c->user = NULL;
	c->ready_next = c->dirty_next = 0;
	c->app = c->pending = c->nexthop = c->eflags = 0;
	__atomic_store_n(&w->conns_live, w->conns_live + 1, __ATOMIC_RELAXED);
	return c;
}

/* The handle becomes stale. */
static void conn_uncount(struct hr_worker *w, struct conn *c)
{
	uint32_t *floor = floor_of(w, hr_conn_index(w, c));
	uint32_t generation = hr_conn_generation(c) + 1;

	c->handle = (uint64_t)generation << 32;
	if ((int32_t)(generation - *floor) > 0)
		*floor = generation;
	__atomic_store_n(&w->conns_live, w->conns_live - 1, __ATOMIC_RELAXED);
}

void hr_conn_discard(struct hr_worker *w, struct conn *c)
{
	must((c->eflags & (EF_READY | EF_DIRTY | EF_TABLED | EF_DONE)) == 0);
	conn_uncount(w, c);
	hr_slab_free(&w->slab[HR_MEM_CONN], c);
}

int hr_conn_enter(struct hr_worker *w, struct conn *c, uint64_t hash, uint32_t instead)
{
	uint32_t ref = hr_ref(HR_REF_CONN, hr_conn_index(w, c));

	if (instead != 0) {
		hr_table_replace(w->table, &c->tcb.key, hash, instead, ref);
	} else {
		int rc = hr_table_insert(w->table, &c->tcb.key, hash, ref);

		if (rc < 0)
			return rc;
	}
	hr_table_changed(w, hash);
	c->eflags |= EF_TABLED;
	return 0;
}

static void conn_leave(struct hr_worker *w, struct conn *c, uint64_t hash)
{
	hr_table_remove(w->table, &c->tcb.key, hash, hr_ref(HR_REF_CONN, hr_conn_index(w, c)));
	hr_table_changed(w, hash);
	c->eflags &= (uint16_t)~EF_TABLED;
}

/* What one connection finds out about a path, those after it know from the start. */
static __attribute__((noinline)) void path_mtu(struct hr_worker *w, struct conn *c, uint32_t events)
{
	const struct hr_flow_key *k = &c->tcb.key;
	struct hr_ip remote = {.family = hr_key_is6(k) ? 6 : 4};
	bool df_clear = false;
	uint16_t mtu;

	memcpy(remote.b, k->raddr6, remote.family == 6 ? 16 : 4);
	if (events & TCP_EV_PMTU) {
		hr_pmtu_learn(w->ip, &remote, hr_tcp_pmtu(&c->tcb), c->tcb.df_clear, w->now_us);
		w->pmtu_learned = true;
	}
	mtu = events & TCP_EV_OPEN ? hr_pmtu(w->ip, &remote, w->now_us, &df_clear) : 0;
	if (mtu != 0)
		hr_tcp_pmtu_known(&w->tcp, &c->tcb, mtu, df_clear);
}

#define TOLD                                                                                       \
	(TCP_EV_OPEN | TCP_EV_DATA | TCP_EV_WRITABLE | TCP_EV_EOF | TCP_EV_URGENT |                \
		TCP_EV_CLOSED | TCP_EV_ERROR)

static inline void told(struct hr_worker *w, struct conn *c, uint32_t events)
{
	/* RFC 9293 MUST-20: R1 makes the IP layer look whether its next hop is still there. */
	if (unlikely(events & TCP_EV_ERROR) && c->tcb.soft_error == HR_SOFT_RETRANSMITS &&
		c->nexthop != 0)
		hr_nexthop_doubt(w->ip, c->nexthop);
	if (unlikely((events & TCP_EV_PMTU) || (w->pmtu_learned && (events & TCP_EV_OPEN))))
		path_mtu(w, c, events);
	if (events & TOLD)
		hr_conn_ready(w, c, events & TOLD);
}

/* A state that became CLOSED says so. */
static inline bool closed(const struct conn *c, uint32_t events)
{
	return (events & TCP_EV_CLOSED) && c->tcb.state == TCPS_CLOSED && (c->eflags & EF_TABLED);
}

void hr_conn_told(struct hr_worker *w, struct conn *c, uint32_t events)
{
	if (closed(c, events))
		conn_leave(w, c, hr_table_hash(w->table, &c->tcb.key));
	told(w, c, events);
}

void hr_conn_events(struct hr_worker *w, struct conn *c, uint32_t events)
{
	hr_conn_told(w, c, events);
	hr_conn_dirty(w, c);
}

void hr_conn_heard(struct hr_worker *w, struct conn *c, uint64_t hash, uint32_t events)
{
	if (closed(c, events))
		conn_leave(w, c, hash);
	told(w, c, events);
	hr_conn_dirty(w, c);
}

void hr_conn_rearm(struct hr_worker *w, struct conn *c)
{
	uint64_t at = hr_tcp_deadline(&w->tcp, &c->tcb, w->out_us);

	if (at < c->timer.when_us)
		hr_wheel_set(&w->wheel, c, at);
}

void hr_conn_retire(struct hr_worker *w, struct conn *c)
{
	must((c->eflags & (EF_DONE | EF_READY)) == EF_DONE);
	conn_uncount(w, c);
	hr_fifo_ready(w, &w->done, c);
}

void hr_conn_untable(struct hr_worker *w, struct conn *c)
{
	if ((c->eflags & EF_TABLED) == 0)
		return;
	if (c->tcb.state == TCPS_TIME_WAIT)
		hr_tw_enter_conn(w, c);
	else
		conn_leave(w, c, hr_table_hash(w->table, &c->tcb.key));
}

static void conn_free(struct hr_worker *w, struct conn *c)
{
	hr_conn_untable(w, c);
	if (hr_timer_queued(&c->timer))
		hr_wheel_remove(&w->wheel, c);
	if (unlikely(hr_tcp_holds(&c->tcb)))
		hr_tcp_release(&w->tcp, &c->tcb);
	if (c->nexthop != 0)
		hr_nexthop_put(w->ip, c->nexthop);
	hr_slab_free(&w->slab[HR_MEM_CONN], c);
}

void hr_conn_reap(struct hr_worker *w)
{
	struct hr_fifo *f = &w->done;
	uint32_t n = RTE_MIN(f->n, (uint32_t)HR_TURN_REAP);

	while (n-- > 0) {
		struct conn *c = hr_conn_at(w, f->head);

		f->head = c->ready_next;
		if (f->head == 0)
			f->tail = 0;
		f->n--;
		/* The ACK of the peer's FIN may still wait for room; the dirty FIFO cannot be left
		 * early either. */
		if (c->eflags & EF_DIRTY)
			hr_fifo_ready(w, f, c);
		else
			conn_free(w, c);
	}
}

void hr_conn_free_all(struct hr_worker *w)
{
	for (uint32_t i = 1; i <= w->conn_top; i++) {
		struct conn *c = hr_conn_of(w, i);

		if (c != NULL)
			hr_tcp_release(&w->tcp, &c->tcb);
	}
	for (uint32_t i = w->done.head; i != 0; i = hr_conn_at(w, i)->ready_next)
		hr_tcp_release(&w->tcp, &hr_conn_at(w, i)->tcb);
}
