/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One world: hosts are made as the dice say, the virtual clock jumps from one thing to the next,
 * the links heal, everything has to come to its end within a bound.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define TURNS_AT_ONCE 20000 /* turns at one instant: more is a live-lock */
/* Instants of one world at which something happened: more is a worker that spins. */
#define STEPS_MAX 400000
/*
 * After the healing: R2 and the longest back-off are within, and the slowest progress seen: no
 * SACK, jitter, room for a dozen segments out of order, and an RTO of 40 s that a spurious timeout
 * left behind (RFC 4015 3.3): one round trip of go-back-N for each timeout.
 */
#define END_WITHIN_US UINT64_C(3600000000)
/* After the healing: forget peers that aborted. */
#define REAP_AFTER_US UINT64_C(600000000)
/* Then TIME-WAIT and half-open entries end. */
#define DRAIN_US  400000000u
#define MAX_SAID  5 /* violations printed of one world */
#define FNV_PRIME UINT64_C(0x100000001b3)

/* FNV-1a over words: a trace is megabytes. */
void sim_hash(struct world *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		w->hash = (w->hash ^ word) * FNV_PRIME;
		w->hash ^= w->hash >> 29;
	}
	for (; len > 0; p++, len--)
		w->hash = (w->hash ^ *p) * FNV_PRIME;
}

void sim_violation(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (++w->violations > MAX_SAID)
		return;
	printf("VIOLATION seed %" PRIu64 " at %.6f s: ", w->seed,
		(double)(w->now_us - w->start_us) / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void sim_log_line(struct world *w, const char *fmt, ...)
{
	va_list ap;

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

/* --- making
 * --------------------------------------------------------------------------------------- */

static bool make_engine(struct world *w, enum sim_side side)
{
	static unsigned serial;
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = 1, .prefix_len = w->v6 ? 64 : 16};
	char err[HR_ERRLEN], name[24];

	snprintf(name, sizeof(name), "sim%u", serial++);
	must(hr_ip_parse(w->v6            ? side == CLIENT ? "2001:db8::1" : "2001:db8::2"
			 : side == CLIENT ? "198.18.0.1"
					  : "198.18.0.2",
		     &w->addr[side], err, sizeof(err)) == 0);
	addr.first = w->addr[side];
	cfg.tcp = w->params[side];
	cfg.name = name;
	cfg.workers = w->workers[side];
	cfg.ports[0] = sim_port_open(&w->port[side]);
	cfg.n_ports = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.max_conns = SIM_FLOWS / 2 - 1;
	cfg.max_half_open = w->max_half_open[side];
	cfg.max_time_wait = w->max_time_wait[side];
	cfg.mbufs = w->mbufs[side];
	cfg.seed = w->seed * 2 + side + 1;
	cfg.clock = world_clock;
	cfg.clock_arg = w;
	cfg.siphash = true;
	cfg.idle = HR_IDLE_POLL;
	cfg.rst_per_s = w->impatient ? 5 : 1000;
	if (hr_engine_create(&cfg, &w->engine[side], err, sizeof(err)) != 0) {
		sim_violation(w, "hr_engine_create(): %s", err);
		return false;
	}
	for (unsigned i = 0; i < w->workers[side]; i++) {
		hr_worker_force_copy(hr_engine_worker(w->engine[side], i), w->force_copy);
		hr_worker_plain(hr_engine_worker(w->engine[side], i), w->plain);
	}
	return true;
}

static bool all_closed(const struct world *w)
{
	for (unsigned i = 0; i < w->n_ends; i++)
		if (!w->ends[i]->closed)
			return false;
	return true;
}

/* A peer that aborted is not heard of again when its RST is lost; without keep-alive the
 * application must have a limit. */
static void reap(struct world *w, uint32_t arg)
{
	for (unsigned i = 0; i < w->n_ends; i++) {
		struct sim_end *e = w->ends[i];
		const struct sim_end *p = e->peer;
		bool gone = p == NULL ||
			    (p->closed && (p->given_up || w->starved || w->impatient || w->jumped));

		if (!e->closed && e->connected && !e->given_up && gone) {
			e->given_up = true;
			hr_abort(e->worker, e->c);
		}
	}
	/* Who connected again may meet the same. */
	if (!all_closed(w))
		sim_event_add(
			w, (struct sim_event){.at_us = w->now_us + REAP_AFTER_US, .world = reap});
}

static struct sim_end *new_end(struct world *w, enum sim_side side, unsigned i)
{
	struct sim_end *e = calloc(1, sizeof(*e));

	must(e != NULL);
	w->ends[w->n_ends++] = e;
	e->w = w;
	e->side = side;
	e->remote_port = SIM_PORT;
	e->worker = hr_engine_worker(w->engine[side], i % hr_engine_workers(w->engine[side]));
	sim_roll_app(e);
	return e;
}

static void connect_at(struct sim_end *e, uint64_t at_us)
{
	sim_event_add(e->w, (struct sim_event){.at_us = at_us, .end = e, .act = sim_app_connect});
}

/* RFC 9293 figure 8: both ends connect to each other, before either has heard of it. */
static void make_crossing(struct world *w, struct sim_end *a, unsigned i, uint64_t at_us)
{
	struct sim_end *b = new_end(w, SERVER, i);

	a->peer = b;
	b->peer = a;
	a->crossing = b->crossing = true;
	a->local_port = b->remote_port = (uint16_t)(2000 + i);
	a->remote_port = b->local_port = (uint16_t)(3000 + i);
	if (a->plan == PLAN_AFTER_EOF || a->plan == PLAN_CLOSE_EOF)
		b->plan = b->plan == PLAN_ABORT ? PLAN_ABORT : PLAN_SHUT;
	connect_at(b, at_us);
}

static void make_conns(struct world *w)
{
	struct choice *ch = w->ch;

	for (unsigned i = 0; i < w->n_conns; i++) {
		struct sim_end *e = new_end(w, CLIENT, i);
		uint64_t at_us = w->now_us + choose(ch, 3000000);

		connect_at(e, at_us);
		if (chance(ch, PERCENT(12)))
			make_crossing(w, e, i, at_us);
		else if (chance(ch, PERCENT(2)))
			e->remote_port = SIM_PORT + 1; /* nobody listens */
	}
}

static bool make_world(struct world *w)
{
	sim_roll_world(w);
	if (!make_engine(w, CLIENT) || !make_engine(w, SERVER))
		return false;
	for (unsigned s = 0; s < 2; s++) {
		const struct sim_impair *im = &w->port[s].out;
		const struct hr_tcp_params *p = &w->params[s];

		sim_log(w,
			"%s: %u workers, astray %u ppm, loss %u ppm, delay %u us, rate %" PRIu64
			" B/s, MTU %u; cc %u ecn %u sack %u ts %u mss %u wscale %u rcv %u snd %u",
			s == CLIENT ? "client" : "server", w->workers[s], w->port[s].astray,
			im->loss, im->delay_us, im->bytes_per_s, w->mtu, p->cc, p->ecn, p->sack,
			p->timestamps, p->mss, p->wscale, p->rcv_buf_bytes, p->snd_buf_bytes);
	}
	must(hr_listen(w->engine[SERVER], &(struct hr_ip){0}, SIM_PORT, &sim_server_app, w, NULL) ==
		0);
	make_conns(w);
	sim_faults_plan(w);
	sim_event_add(w, (struct sim_event){.at_us = w->heal_us + REAP_AFTER_US, .world = reap});
	return true;
}

/* --- time
 * ------------------------------------------------------------------------------------------- */

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

static void happen(struct world *w)
{
	struct sim_event ev;

	while (sim_event_pop(w, w->now_us, &ev)) {
		if (ev.frame != NULL) {
			w->in_flight--;
			sim_port_deliver(&w->port[ev.to], ev.frame);
		} else if (ev.world != NULL) {
			ev.world(w, ev.arg);
		} else {
			ev.act(ev.end);
		}
	}
}

/* One turn of each worker, in an order that may be any; true while somebody has work. */
static bool turn_all(struct world *w)
{
	unsigned n0 = w->workers[0], n = n0 + w->workers[1], first = 0;
	bool busy = false, backwards = false;

	if (w->shuffle) {
		first = choose(w->ch, n);
		backwards = choose(w->ch, 2) != 0;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (first + (backwards ? n - i : i)) % n;
		enum sim_side side = k < n0 ? CLIENT : SERVER;
		unsigned at = k < n0 ? k : k - n0, work;
		struct hr_worker *worker = hr_engine_worker(w->engine[side], at);

		work = hr_worker_turn(worker);
		sim_oracle_turn(w, side, at);
		busy |= work != 0 || hr_worker_deadline(worker) <= w->now_us;
	}
	return busy;
}

/* Everything that is due now: events, then turns until nobody has work. */
static void step(struct world *w)
{
	unsigned turns = 0;

	if (!w->healed && w->now_us >= w->heal_us) {
		w->healed = true;
		sim_log(w, "the link heals");
		show_ends(w);
	}
	happen(w);
	while (turn_all(w))
		if (++turns > TURNS_AT_ONCE) {
			sim_violation(
				w, "a worker has work at the same instant for ever (live-lock)");
			w->now_us++;
			return;
		}
}

static void run(struct world *w)
{
	uint64_t drain_end = HR_NEVER;
	struct hr_census c;

	for (unsigned steps = 0;; steps++) {
		uint64_t at = next_time(w);

		if (drain_end == HR_NEVER && all_closed(w) && w->now_us > w->start_us + 3000000)
			drain_end = w->now_us + DRAIN_US;
		if (drain_end != HR_NEVER && !all_closed(w)) /* somebody connected again */
			drain_end = HR_NEVER;
		if (drain_end != HR_NEVER && w->held[0] == NULL && w->held[1] == NULL &&
			sim_oracle_empty(w, &c))
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
		if (w->violations > MAX_SAID)
			break;
	}
	if (w->start_us >> 32 != w->now_us >> 32)
		reach(w->reached, R_CLOCK_WRAP);
	if ((w->start_us / 1000) >> 32 != (w->now_us / 1000) >> 32)
		reach(w->reached, R_MS_WRAP);
	sim_faults_end(w);
	sim_oracle_end(w);
}

/* --- one world
 * ------------------------------------------------------------------------------------------ */

static void add_totals(const struct world *w, struct sim_totals *t)
{
	if (t->worlds == t->cap_segments) {
		t->cap_segments = t->cap_segments * 2 + 1024;
		t->segments = realloc(t->segments, t->cap_segments * sizeof(*t->segments));
		must(t->segments != NULL);
	}
	t->segments[t->worlds++] = (uint32_t)w->segments;
	t->violations += w->violations;
	t->frames += w->frames;
	t->virtual_us += w->now_us - w->start_us;
	t->conns += w->n_conns;
	t->ghosts += w->ghosts;
	for (unsigned i = 0; i < w->n_ends; i++)
		t->smooth += w->ends[i]->side == CLIENT && w->ends[i]->connected &&
			     w->ends[i]->reason == HR_CLOSED;
	for (unsigned s = 0; s < 2; s++)
		if (w->engine[s] != NULL)
			sometimes_engine(&t->reached, w->engine[s]);
}

uint64_t sim_run(
	uint64_t seed, struct choice *ch, bool verbose, const char *broken, struct sim_totals *t)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sim_event ev;
	uint64_t hash;

	must(w != NULL);
	w->seed = seed;
	w->ch = ch;
	w->verbose = verbose;
	w->broken = broken;
	w->plain = t->plain;
	w->reached = &t->reached;
	w->hash = 0xcbf29ce484222325ull;
	sim_isn_world(w);
	if (make_world(w))
		run(w);
	sim_isn_world(NULL);
	add_totals(w, t);
	for (unsigned s = 0; s < 2; s++)
		if (w->engine[s] != NULL)
			hr_engine_destroy(w->engine[s]);
	sim_flood_end(w);
	if (sim_pools_leaky() != 0) {
		sim_violation(w, "a pool came back with packets missing");
		t->violations++;
	}
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
