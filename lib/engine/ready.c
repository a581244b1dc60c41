/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ready stage: tells the application, once per connection, everything that happened in the
 * turn, in the order in which a reader of a byte stream wants it: open, urgent mark, data, end of
 * data, room to send, end. Nothing is freed here, so the connection at hand stays whatever a
 * callback does; only its flags must be read again.
 */
#include "engine/worker.h"

/* May the application still be given data? RST discards what is held. */
static bool reading(const struct conn *c)
{
	if (c->eflags & (EF_DEAF | EF_CLOSE_ASKED | EF_ABORT_ASKED))
		return false;
	return c->tcb.state != TCPS_CLOSED || c->tcb.reason == HR_CLOSED;
}

static unsigned slices_of(struct hr_worker *w, const struct conn *c, uint32_t *total)
{
	const struct hr_mark *k = hr_mark(c->tcb.rcvq, w->tcp.mark_off);
	struct rte_mbuf *m = NULL;
	const uint8_t *data;
	unsigned n = 0;
	uint32_t len;

	if (likely(k->next == c->tcb.rcvq)) {
		w->slices[0].data = rte_pktmbuf_mtod_offset(k->next, const uint8_t *, k->off);
		w->slices[0].len = *total = k->len;
		return 1;
	}
	*total = 0;
	while (n < HR_SLICES && hr_tcp_unread(&w->tcp, &c->tcb, &m, &data, &len)) {
		w->slices[n++] = (struct hr_slice){.data = data, .len = len};
		*total += len;
	}
	return n;
}

static void tell_data(struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	do {
		uint32_t total;
		unsigned n = slices_of(w, c, &total);
		size_t taken;

		c->eflags |= EF_IN_DATA;
		taken = app->on_data(w, hr_conn_handle(c), c->user, w->slices, n);
		c->eflags &= (uint16_t)~EF_IN_DATA;
		w->calls_n++;
		/* Consuming more than there was is taken as all. */
		taken = RTE_MIN(taken, (size_t)total);
		if (taken < total)
			c->eflags |= EF_PAUSED;
		if (taken > 0)
			hr_tcp_consume(&w->tcp, &c->tcb, (uint32_t)taken, w->now_us);
		hr_conn_dirty(w, c);
		if (unlikely(c->eflags & (EF_CLOSE_ASKED | EF_ABORT_ASKED)))
			hr_close_asked(w, c);
	} while (unlikely(c->tcb.rcvq != NULL) && reading(c) && !(c->eflags & EF_PAUSED));
}

/* RFC 9293 3.8.5: how far ahead of the application's next byte the mark is. */
static void tell_urgent(struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	const struct tcb_ext *x = c->tcb.ext != 0 ? hr_slab_at(w->tcp.exts, c->tcb.ext) : NULL;
	uint32_t next = c->tcb.rcv_nxt - c->tcb.rcv_held;

	if (app->on_urgent == NULL || !reading(c) || x == NULL || !x->urg_pending ||
		!seq_gt(x->rcv_up, next))
		return;
	app->on_urgent(w, hr_conn_handle(c), c->user, x->rcv_up - next);
	w->calls_n++;
}

static void tell_error(struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	if (app->on_error == NULL || (c->eflags & (EF_DEAF | EF_CLOSED)) ||
		!(c->eflags & (EF_OPENED | EF_ACTIVE)))
		return;
	app->on_error(w, hr_conn_handle(c), c->user, (enum hr_soft_error)c->tcb.soft_error);
	w->calls_n++;
}

/* Before the data. */
static __rte_noinline void tell_rare(
	struct hr_worker *w, struct conn *c, const struct hr_app *app, uint32_t events)
{
	if (events & TCP_EV_ERROR)
		tell_error(w, c, app);
	if (events & TCP_EV_URGENT)
		tell_urgent(w, c, app);
}

static void tell_eof(struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	if ((c->eflags & EF_EOF_TOLD) || !reading(c) || !hr_tcp_at_eof(&c->tcb))
		return;
	c->eflags |= EF_EOF_TOLD;
	if (app->on_eof == NULL)
		return;
	app->on_eof(w, hr_conn_handle(c), c->user);
	w->calls_n++;
}

static __rte_noinline void tell_writable(
	struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	if (app->on_writable == NULL || (c->eflags & (EF_DEAF | EF_CLOSED)) ||
		c->tcb.state == TCPS_CLOSED)
		return;
	app->on_writable(w, hr_conn_handle(c), c->user);
	w->calls_n++;
}

static void tell_close(struct hr_worker *w, struct conn *c, const struct hr_app *app)
{
	enum hr_reason reason = (enum hr_reason)c->tcb.reason;

	/* Both ways are closed in order, but the application is not through reading. It may take
	 * its time: the tuple does not wait for it. */
	if (unlikely(c->tcb.rcv_held > 0) && reason == HR_CLOSED && reading(c)) {
		hr_conn_untable(w, c);
		return;
	}
	hr_count(&w->m, reason == HR_CLOSED ? HR_C_conns_closed : HR_C_conns_failed);
	/* Nothing that on_close does brings the connection back into a queue. */
	c->eflags |= EF_DONE;
	/* A connection that the application never heard of ends as quietly. */
	if (app->on_close != NULL && (c->eflags & (EF_OPENED | EF_ACTIVE))) {
		app->on_close(w, hr_conn_handle(c), c->user, reason);
		w->calls_n++;
	}
	hr_conn_retire(w, c);
}

static inline void tell(struct hr_worker *w, struct conn *c)
{
	const struct hr_app *app = w->apps[c->app];
	uint32_t events = c->pending, eflags = c->eflags & (uint32_t)~EF_READY;

	if (events & TCP_EV_CLOSED)
		eflags |= EF_CLOSED;
	if (events & TCP_EV_OPEN)
		eflags |= EF_OPENED;
	c->eflags = (uint16_t)eflags;
	c->pending = 0;
	if ((events & TCP_EV_OPEN) && app->on_open != NULL) {
		app->on_open(w, hr_conn_handle(c), c->user);
		w->calls_n++;
	}
	if (unlikely(events & (TCP_EV_ERROR | TCP_EV_URGENT)))
		tell_rare(w, c, app, events);
	if (c->tcb.rcvq != NULL && reading(c) && !(c->eflags & EF_PAUSED))
		tell_data(w, c, app);
	if (c->tcb.flags & TF_FIN_RCVD)
		tell_eof(w, c, app);
	if (unlikely(events & TCP_EV_WRITABLE))
		tell_writable(w, c, app);
	if ((c->eflags & (EF_CLOSED | EF_READY)) == EF_CLOSED)
		tell_close(w, c, app);
}

void hr_ready_run(struct hr_worker *w)
{
	/* What callbacks make ready is told in the next turn: output comes between. */
	uint32_t n = RTE_MIN(w->ready.n, (uint32_t)HR_TURN_READY);

	while (n-- > 0) {
		struct conn *c = hr_conn_at(w, w->ready.head);

		w->ready.head = c->ready_next;
		if (w->ready.head == 0)
			w->ready.tail = 0;
		w->ready.n--;
		tell(w, c);
	}
}
