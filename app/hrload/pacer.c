/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the client opens connections. A closed loop keeps `concurrency` of them in flight. A rate is
 * an accumulator: what is due since the start less what was opened, a bounded number per turn, so
 * that a late turn is followed by a few more connections and not by a burst; what cannot be made up
 * within DEBT_US is given up and counted as late.
 */
#include "client_worker.h"

#define BATCH         CLIENT_BURST /* connections per turn */
#define TICK_US       1000         /* closed loop: look for gaps; rate: the longest sleep */
#define BACKOFF_US    10000        /* after the engine refused one */
#define PATHFINDER_US 50000        /* the first connection is alone for so long at most */
#define DEBT_US       100000

uint64_t pacer_due(uint64_t rate, uint64_t elapsed_us, unsigned index, unsigned workers)
{
	uint64_t all = elapsed_us / 1000000 * rate + elapsed_us % 1000000 * rate / 1000000;

	/* Worker 0 takes the 1st, worker 1 the 2nd, ...: together they are evenly spaced. */
	return (all + workers - 1 - index) / workers;
}

/* The worker knows the end of the run itself: the control thread's word may come a little late. */
static bool is_over(const struct client_worker *cw)
{
	uint64_t duration_us = cw->client->duration_us;

	return cw->stopping ||
	       (duration_us != 0 && hr_worker_now(cw->w) - cw->epoch_us > duration_us);
}

/* How many may be opened, of those that are due. */
static unsigned may_open(const struct client_worker *cw, uint64_t n)
{
	if (is_over(cw) || cw->open >= cw->concurrency)
		return 0;
	if (n > cw->concurrency - cw->open)
		n = cw->concurrency - cw->open;
	if (cw->limited && n > cw->quota)
		n = cw->quota;
	return n < BATCH ? (unsigned)n : BATCH;
}

/* Open n of the quota. Returns how many were tried; *ok: none was refused. */
static unsigned open_some(struct client_worker *cw, unsigned n, bool *ok)
{
	int rc = 0;
	unsigned tried = client_open(cw, n, &rc);

	tried += rc < 0;
	*ok = rc == 0;
	if (cw->limited && tried > 0) {
		cw->quota -= tried;
		if (cw->quota == 0)
			stat_add(&cw->stats.exhausted, 1);
	}
	return tried;
}

/*
 * The first packets of both directions wait for ARP or NDP, where every stack keeps only a few: one
 * connection goes ahead, then the batch doubles each turn. Without this a run would begin with a
 * volley of lost SYNs, each of which costs its connection a second.
 */
static uint64_t ramp(struct client_worker *cw)
{
	bool answered = cw->stats.established + cw->stats.failed > 0;

	if (!answered && hr_worker_now(cw->w) - cw->epoch_us < PATHFINDER_US)
		return cw->open == 0;
	if (cw->batch < BATCH)
		cw->batch *= 2;
	return cw->batch;
}

/* How many may be opened now, by rate or by the closed loop. */
static uint64_t due_now(struct client_worker *cw)
{
	const struct client *cl = cw->client;
	uint64_t elapsed_us, due, debt_max;

	if (cl->rate == 0)
		return BATCH;
	elapsed_us = hr_worker_now(cw->w) - cw->epoch_us;
	due = pacer_due(cl->rate, elapsed_us, cw->index, cl->workers) - cw->opened;
	debt_max = pacer_due(cl->rate, DEBT_US, cw->index, cl->workers) + BATCH;
	if (due > debt_max) {
		stat_add(&cw->stats.late, due - debt_max);
		cw->opened += due - debt_max;
		due = debt_max;
	}
	return due < BATCH ? due : BATCH;
}

/* Until the next one is due; at least 1 us, so that it is another turn. */
static uint64_t delay_us(const struct client_worker *cw)
{
	const struct client *cl = cw->client;
	uint64_t elapsed_us = hr_worker_now(cw->w) - cw->epoch_us;
	uint64_t nth, at_us;

	if (cl->rate == 0)
		return TICK_US;
	if (cw->open >= cw->concurrency)
		return TICK_US / 10;
	nth = cw->opened * cl->workers + cw->index + 1;
	/* While the ramp lasts, its steps are ticks. */
	if (cw->batch < BATCH)
		return TICK_US;
	at_us = nth / cl->rate * 1000000 + (nth % cl->rate * 1000000 + cl->rate - 1) / cl->rate;
	if (at_us <= elapsed_us)
		return 1;
	return at_us - elapsed_us < TICK_US ? at_us - elapsed_us : TICK_US;
}

static void pump(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;
	uint64_t n = due_now(cw), most = ramp(cw);
	bool ok;

	cw->opened += open_some(cw, may_open(cw, n < most ? n : most), &ok);
	if (!ok) {
		hr_timer_start(w, BACKOFF_US, pump, cw);
		return;
	}
	if (!is_over(cw) && !(cw->limited && cw->quota == 0))
		hr_timer_start(w, delay_us(cw), pump, cw);
}

void pacer_start(struct client_worker *cw)
{
	cw->epoch_us = hr_worker_now(cw->w);
	cw->batch = 1;
	if (cw->limited && cw->quota == 0) /* fewer connections than workers */
		stat_add(&cw->stats.exhausted, 1);
	pump(cw->w, cw);
}

/* In the turn after those that ended: together they cost less. */
static void reopen(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;
	uint64_t n = cw->ended < BATCH ? cw->ended : BATCH;
	bool ok;

	(void)w;
	cw->ended -= n;
	(void)open_some(cw, may_open(cw, n), &ok);
	if (cw->ended > 0 && hr_timer_start(cw->w, 0, reopen, cw) == 0)
		cw->ended = 0; /* pump() finds the gaps */
}

void pacer_closed(struct client_worker *cw)
{
	if (cw->client->rate != 0)
		return;
	if (cw->ended++ == 0 && hr_timer_start(cw->w, 0, reopen, cw) == 0)
		cw->ended = 0;
}
