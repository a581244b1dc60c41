/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One world: the dice thrown from its seed, the virtual clock that jumps from one thing to the
 * next, the healing of the link, and the account at the end: nothing may be left over and every
 * received packet must have left by one door.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "base/base.h"
#include "engine/engine.h"

#define TURNS_AT_ONCE 20000 /* turns at one instant: more is a live-lock */
#define STEPS_MAX                                                                                  \
	400000 /* instants of one world at which something happened: more is a worker that spins   \
		*/
#define HEAL_AFTER_US 40000000 /* the link is bad for so long */
#define END_WITHIN_US                                                                              \
	1200000000ull              /* after the healing: R2 and the longest back-off are within    \
				    */
#define REAP_AFTER_US 600000000ull /* after the healing: forget peers that aborted */
#define DRAIN_US      400000000ull /* then TIME-WAIT and half-open entries end */

void sim_hash(struct world *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		w->hash = (w->hash ^ p[i]) * 0x100000001b3ull; /* FNV-1a */
}

void sim_violation(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (++w->violations > 5)
		return;
	printf("VIOLATION seed %lu at %.6f s: ", (unsigned long)w->seed,
		(double)(w->now_us - w->start_us) / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void sim_log(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->verbose)
		return;
	printf("%12.6f  ", (double)(w->now_us - w->start_us) / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static uint64_t world_clock(void *arg)
{
	return ((struct world *)arg)->now_us;
}

/* --- dice
 * ------------------------------------------------------------------------------------------------------------------
 */

static uint32_t pick(struct hr_rng *r, const uint32_t *of, unsigned n)
{
	return of[hr_rng_below(r, n)];
}
#define PICK(r, ...)                                                                               \
	pick(r, (const uint32_t[]){__VA_ARGS__},                                                   \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void roll_link(struct world *w, struct sim_impair *im)
{
	struct hr_rng *r = &w->rng;

	im->loss = PICK(r, 0, 0, 1, 5, 20, 100, 200) / 1000.0;
	im->burst = PICK(r, 0, 0, 0, 5) / 1000.0;
	im->burst_len = PICK(r, 2, 10, 30);
	im->dup = PICK(r, 0, 0, 10, 100) / 1000.0;
	im->reorder = PICK(r, 0, 0, 10, 100) / 1000.0;
	im->corrupt = PICK(r, 0, 0, 0, 20) / 1000.0;
	im->delay_us = PICK(r, 10, 1000, 20000, 100000, 300000);
	im->jitter_us = PICK(r, 0, 0, 100, 5000, 50000);
	im->bytes_per_s = PICK(r, 0, 0, 50000, 1000000, 100000000);
	im->queue_bytes = PICK(r, 5000, 30000, 200000);
	if (hr_rng_chance(r, 0.1)) {
		im->outage_from_us = w->start_us + hr_rng_below(r, 10000000);
		im->outage_us = hr_rng_below(r, 8000000);
	}
}

static void roll_params(struct world *w, struct hr_tcp_params *p)
{
	struct hr_rng *r = &w->rng;

	*p = hr_tcp_params_default;
	p->mss = (uint16_t)PICK(r, 0, 0, 0, 536, 1000, 100);
	p->iw_segments = (uint16_t)PICK(r, 1, 4, 10);
	p->wscale = (uint8_t)PICK(r, 255, 255, 0, 7, 14);
	p->timestamps = hr_rng_chance(r, 0.7);
	p->sack = hr_rng_chance(r, 0.8);
	p->nagle = hr_rng_chance(r, 0.5);
	p->ack_every = (uint8_t)PICK(r, 1, 2, 2);
	p->rcv_buf_bytes = PICK(r, 2048, 5000, 30000, 100000, 262144, 1000000);
	p->snd_buf_bytes = PICK(r, 2048, 5000, 30000, 262144, 1000000);
	p->delack_us = PICK(r, 0, 1000, 40000, 200000);
	p->rto_min_us = PICK(r, 5000, 50000, 200000, 200000, 1000000);
	p->rto_max_us = PICK(r, 5000000, 20000000, 60000000);
	p->keepalive_ms = PICK(r, 0, 0, 3000);
	p->keepalive_interval_ms = 75000;
	/* A shift too coarse for a small buffer is refused: take the largest that is not. */
	while (p->wscale != 255 && p->wscale > 0 && hr_tcp_params_check(p, NULL, 0) != 0)
		p->wscale--;
}

static bool make_engine(struct world *w, enum sim_side side)
{
	static unsigned serial;
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = 1, .prefix_len = w->v6 ? 64 : 24};
	char err[HR_ERRLEN], name[24];
	unsigned workers = hr_rng_chance(&w->rng, 0.2) ? 2 : 1;

	snprintf(name, sizeof(name), "sim%u", serial++);
	must(hr_ip_parse(w->v6            ? side == CLIENT ? "2001:db8::1" : "2001:db8::2"
			 : side == CLIENT ? "198.18.0.1"
					  : "198.18.0.2",
		     &w->addr[side], err, sizeof(err)) == 0);
	addr.first = w->addr[side];
	sim_port_init(&w->port[side], w, side, (uint16_t)workers);
	w->port[side].astray = hr_rng_chance(&w->rng, 0.3) ? 0.05 : 0;
	roll_link(w, &w->port[side].out);
	hr_rng_seed(&w->port[side].rng, w->seed * 2 + side + 77);
	roll_params(w, &cfg.tcp);
	cfg.name = name;
	cfg.workers = workers;
	cfg.ports[0] = sim_port_open(&w->port[side]);
	cfg.n_ports = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.max_conns = 256;
	cfg.max_half_open = PICK(&w->rng, 1, 64, 64, 64, 64);
	w->cookies |= side == SERVER && cfg.max_half_open == 1;
	cfg.max_time_wait = 64;
	cfg.mbufs = 4096;
	cfg.seed = w->seed * 2 + side + 1;
	cfg.clock = world_clock;
	cfg.clock_arg = w;
	cfg.siphash = true;
	cfg.idle = HR_IDLE_POLL;
	if (hr_engine_create(&cfg, &w->engine[side], err, sizeof(err)) != 0) {
		sim_violation(w, "hr_engine_create(): %s", err);
		return false;
	}
	return true;
}

/* A peer that aborted is not heard of again when its RST is lost; without keep-alive the
 * application must have a limit. */
static void reap(struct sim_end *any)
{
	struct world *w = any->w;

	for (unsigned i = 0; i < w->n_ends; i++) {
		struct sim_end *e = w->ends[i];

		if (!e->closed && e->connected && !e->given_up &&
			(e->peer == NULL || (e->peer->closed && e->peer->given_up))) {
			e->given_up = true;
			hr_abort(e->worker, e->c);
		}
	}
}

static bool make_world(struct world *w)
{
	struct hr_rng *r = &w->rng;

	/* Clocks near the wrap of their low 32 bits are as likely as others. */
	w->start_us = hr_rng_chance(r, 0.5) ? 1000000 + hr_rng_below(r, 1u << 31)
		      : hr_rng_chance(r, 0.5)
			      ? (UINT64_C(1) << 32) - hr_rng_below(r, 20000000)
			      : (UINT64_C(1) << 32) * 1000 - hr_rng_below(r, 20000000);
	w->now_us = w->start_us;
	w->heal_us = w->start_us + HEAL_AFTER_US;
	w->v6 = hr_rng_chance(r, 0.4);
	w->mtu = (uint16_t)(w->v6 ? PICK(r, 1500, 1280) : PICK(r, 1500, 1500, 1006, 576));
	w->n_conns = 1 + hr_rng_below(r, hr_rng_chance(r, 0.5) ? 3 : SIM_MAX_CONNS);
	if (!make_engine(w, CLIENT) || !make_engine(w, SERVER))
		return false;
	for (unsigned s = 0; s < 2; s++)
		sim_log(w,
			"%s: %u workers, %.2f astray, loss %.3f, delay %u us, rate %lu B/s, MTU %u",
			s == CLIENT ? "client" : "server", hr_engine_workers(w->engine[s]),
			w->port[s].astray, w->port[s].out.loss, w->port[s].out.delay_us,
			(unsigned long)w->port[s].out.bytes_per_s, w->mtu);
	must(hr_listen(w->engine[SERVER], &(struct hr_ip){0}, SIM_PORT, &sim_server_app, w, NULL) ==
		0);
	for (unsigned i = 0; i < w->n_conns; i++) {
		struct sim_end *e = calloc(1, sizeof(*e));

		must(e != NULL);
		w->ends[w->n_ends++] = e;
		e->w = w;
		e->side = CLIENT;
		e->worker = hr_engine_worker(
			w->engine[CLIENT], i % hr_engine_workers(w->engine[CLIENT]));
		hr_rng_seed(&e->rng, hr_rng_u64(r));
		sim_event_add(w, (struct sim_event){.at_us = w->now_us + hr_rng_below(r, 3000000),
					 .end = e,
					 .act = sim_app_connect});
	}
	sim_event_add(
		w, (struct sim_event){
			   .at_us = w->heal_us + REAP_AFTER_US, .end = w->ends[0], .act = reap});
	return true;
}

/* --- time
 * -------------------------------------------------------------------------------------------------------------------
 */

static uint64_t next_time(struct world *w)
{
	uint64_t at = w->n_events != 0 ? w->heap[0].at_us : HR_NEVER;

	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++)
			at = RTE_MIN(at, hr_worker_deadline(hr_engine_worker(w->engine[s], i)));
	if (!w->healed)
		at = RTE_MIN(at, w->heal_us);
	return at;
}

/* For -v: what is still open when the link heals. */
static void show_ends(struct world *w)
{
	for (unsigned s = 0; s < 2 && w->verbose; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++) {
			struct hr_worker *worker = hr_engine_worker(w->engine[s], i);
			struct hr_census c;

			hr_worker_census(worker, &c);
			sim_log(w,
				"%s worker %u: %u connections, %u ready, %u dirty, %u mbufs out, "
				"%u in the pool; %lu frames met no mbuf",
				s == CLIENT ? "client" : "server", i, c.conns, c.ready, c.dirty,
				c.mbufs, rte_mempool_avail_count(hr_worker_pool(worker)),
				(unsigned long)w->no_mbuf);
		}
	for (unsigned i = 0; i < w->n_ends && w->verbose; i++) {
		const struct sim_end *e = w->ends[i];
		struct hr_conn_info c;

		if (e->closed || !e->connected || hr_conn_info(e->worker, e->c, &c) != 0)
			continue;
		sim_log(w,
			"%s port %u worker %u: %s, in flight %u, unsent %u, unread %u, cwnd %u, "
			"snd_wnd %u, rcv_wnd %u, acked %lu",
			e->side == CLIENT ? "client" : "server", e->local_port,
			hr_worker_index(e->worker), c.state, c.inflight_bytes, c.unsent_bytes,
			c.unread_bytes, c.cwnd_bytes, c.snd_wnd_bytes, c.rcv_wnd_bytes,
			(unsigned long)c.bytes_acked);
	}
}

/* Everything that is due now: events, then turns until nobody has work. */
static void step(struct world *w)
{
	struct sim_event ev;
	unsigned turns = 0;
	bool busy = true;

	if (!w->healed && w->now_us >= w->heal_us) {
		w->healed = true;
		sim_log(w, "the link heals");
		show_ends(w);
	}
	while (sim_event_pop(w, w->now_us, &ev)) {
		if (ev.frame != NULL) {
			w->in_flight--;
			sim_port_deliver(&w->port[ev.to], ev.frame);
		} else {
			ev.act(ev.end);
		}
	}
	while (busy) {
		busy = false;
		for (unsigned s = 0; s < 2; s++)
			for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++) {
				struct hr_worker *worker = hr_engine_worker(w->engine[s], i);
				unsigned work = hr_worker_turn(worker);

				hr_worker_check(worker);
				busy |= work != 0 || hr_worker_deadline(worker) <= w->now_us;
			}
		if (++turns > TURNS_AT_ONCE) {
			sim_violation(
				w, "a worker has work at the same instant for ever (live-lock)");
			w->now_us++;
			return;
		}
	}
}

static bool all_closed(const struct world *w)
{
	for (unsigned i = 0; i < w->n_ends; i++)
		if (!w->ends[i]->closed)
			return false;
	return true;
}

static bool empty(struct world *w, struct hr_census *sum)
{
	bool yes = w->in_flight == 0;

	memset(sum, 0, sizeof(*sum));
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++) {
			struct hr_census c;

			hr_worker_census(hr_engine_worker(w->engine[s], i), &c);
			for (unsigned k = 0; k < sizeof(c) / sizeof(uint32_t); k++)
				((uint32_t *)sum)[k] += ((uint32_t *)&c)[k];
		}
	for (unsigned k = 0; k < sizeof(*sum) / sizeof(uint32_t); k++)
		yes &= ((uint32_t *)sum)[k] == 0;
	return yes;
}

static void run(struct world *w)
{
	uint64_t drain_end = HR_NEVER;
	struct hr_census c;

	for (unsigned steps = 0;; steps++) {
		uint64_t at = next_time(w);

		if (drain_end == HR_NEVER && all_closed(w) && w->now_us > w->start_us + 3000000)
			drain_end = w->now_us + DRAIN_US;
		if (drain_end != HR_NEVER && empty(w, &c))
			break;
		if (at == HR_NEVER || at > RTE_MIN(drain_end, w->heal_us + END_WITHIN_US))
			break;
		w->now_us = RTE_MAX(w->now_us, at);
		step(w);
		if (steps == STEPS_MAX) {
			sim_violation(
				w, "%u instants with work: a worker wakes up for nothing", steps);
			show_ends(w);
			break;
		}
		if (w->violations > 5)
			break;
	}
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_drop_count(); i++)
			if (hr_engine_drop(w->engine[s], -1, i) != 0)
				sim_log(w, "%s dropped %lu: %s", s == CLIENT ? "client" : "server",
					(unsigned long)hr_engine_drop(w->engine[s], -1, i),
					hr_drop_name(i));
	for (unsigned i = 0; i < w->n_ends; i++)
		sim_app_judge(w->ends[i]);
	if (!empty(w, &c))
		sim_violation(w,
			"left over: %u connections, %u half-open, %u TIME-WAIT, %u ranges, %u "
			"extensions, %u table entries, "
			"%u timers, %u application timers, %u ready, %u dirty, %u mbufs, %u frames "
			"in flight",
			c.conns, c.half_open, c.time_wait, c.ranges, c.exts, c.table, c.timers,
			c.app_timers, c.ready, c.dirty, c.mbufs, w->in_flight);
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++)
			if (!hr_metrics_balanced(
				    hr_worker_metrics(hr_engine_worker(w->engine[s], i))))
				sim_violation(w,
					"side %u worker %u: a received packet left by no door, or "
					"by two",
					s, i);
}

/* --- one world
 * ---------------------------------------------------------------------------------------------------------------
 */

static void add_totals(const struct world *w, struct sim_totals *t)
{
	t->worlds++;
	t->violations += w->violations;
	t->frames += w->frames;
	t->virtual_us += w->now_us - w->start_us;
	t->conns += w->n_conns;
	t->ghosts += w->ghosts;
	t->lost += w->lost;
	t->dups += w->dups;
	t->reordered += w->reordered;
	t->corrupted += w->corrupted;
	t->overflowed += w->overflowed;
	for (unsigned i = 0; i < w->n_conns && w->ends[i] != NULL; i++)
		t->smooth += w->ends[i]->reason == HR_CLOSED;
	for (unsigned s = 0; s < 2 && t->counters != NULL; s++)
		for (unsigned i = 0; w->engine[s] != NULL && i < hr_counter_count(); i++)
			t->counters[i] += hr_engine_counter(w->engine[s], -1, i);
}

uint64_t sim_run(uint64_t seed, bool verbose, struct sim_totals *t)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sim_event ev;
	uint64_t hash;

	must(w != NULL);
	w->seed = seed;
	w->verbose = verbose;
	w->hash = 0xcbf29ce484222325ull;
	hr_rng_seed(&w->rng, seed);
	if (make_world(w))
		run(w);
	add_totals(w, t);
	for (unsigned s = 0; s < 2; s++)
		if (w->engine[s] != NULL)
			hr_engine_destroy(w->engine[s]);
	while (sim_event_pop(w, UINT64_MAX, &ev))
		free(ev.frame);
	for (unsigned s = 0; s < 2; s++)
		sim_port_fini(&w->port[s]);
	for (unsigned i = 0; i < w->n_ends; i++)
		free(w->ends[i]);
	hash = w->hash;
	free(w->heap);
	free(w);
	return hash;
}

uint64_t world_counter(const struct world *w, unsigned side, const char *name)
{
	int i = hr_counter_find(name);

	if (i < 0) {
		fprintf(stderr, "there is no counter %s\n", name);
		exit(1);
	}
	return hr_engine_counter(w->engine[side], -1, (unsigned)i);
}
