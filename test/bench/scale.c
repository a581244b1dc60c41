/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One process with as many connections as memory takes: opens them, measures requests on a random
 * subset at 10^2, 10^4, 10^6, 10^7 live ones, lets keep-alive ask each of them, closes half from
 * each end and waits for the memory. Of each phase: rates, cycles, memory, the longest turns.
 */
#include <stdio.h>
#include <stdlib.h>

#include "metrics/metrics.h"
#include "scale.h"

#define SETTLE_US 3000000

static struct options {
	uint64_t threads, requests, seed, keepalive_ms, live;
} opt = {.threads = 1, .requests = 1000000, .seed = 1, .keepalive_ms = 60000};

static char names[SCALE_PHASES][24];
static const char *name_of[SCALE_PHASES];

/* What a phase began with. */
struct before {
	uint64_t tsc, packets;
};

static double seconds_since(uint64_t tsc)
{
	return (double)(bench_tsc() - tsc) / bench_hz();
}

static uint64_t packets(const struct scale *s)
{
	return scale_count(s, SCALE_CLIENT, "rx_packets") +
	       scale_count(s, SCALE_SERVER, "rx_packets");
}

static struct before begin(struct scale *s, const char *name)
{
	must(s->phase + 1 < SCALE_PHASES);
	snprintf(names[s->phase + 1], sizeof(names[0]), "%s", name);
	name_of[s->phase + 1] = names[s->phase + 1];
	scale_set(s->phase, s->phase + 1);
	return (struct before){.tsc = bench_tsc(), .packets = packets(s)};
}

static double cycles_per_packet(const struct scale *s)
{
	const struct meter_phase *p[2] = {
		&s->end[0].meter.phase[s->phase], &s->end[1].meter.phase[s->phase]};

	return (double)(p[0]->cycles + p[1]->cycles) /
	       (double)RTE_MAX(p[0]->packets + p[1]->packets, 1u);
}

/* A line for people: with --json there are only figures on stdout. */
static void tell(struct scale *s, const struct before *b, uint32_t events, uint32_t live)
{
	const struct meter_phase *p[2] = {
		&s->end[0].meter.phase[s->phase], &s->end[1].meter.phase[s->phase]};
	double seconds = seconds_since(b->tsc);
	uint64_t n = packets(s) - b->packets;

	fprintf(stderr,
		"%-16s %9u live %9u events %8.2f s %10.0f /s %7.0f cycles/packet %7.0f "
		"cycles/event and end %8.1f MiB; turns %lu, longest %.0f us (%.0f own), %lu over 1 "
		"ms (%lu own)\n",
		names[s->phase], live, events, seconds, events / seconds, cycles_per_packet(s),
		cycles_per_packet(s) * (double)n / 2 / RTE_MAX(events, 1u),
		(double)bench_resident(s->b) / (1 << 20), p[0]->turns + p[1]->turns,
		RTE_MAX(p[0]->longest_us, p[1]->longest_us),
		RTE_MAX(p[0]->longest_own_us, p[1]->longest_own_us), p[0]->over + p[1]->over,
		p[0]->over_own + p[1]->over_own);
}

static void add_turns(struct scale *s, const char *figure)
{
	const struct meter_phase *p[2] = {
		&s->end[0].meter.phase[s->phase], &s->end[1].meter.phase[s->phase]};
	char name[32];

	snprintf(name, sizeof(name), "%s_longest", figure);
	bench_add(
		s->b, name, "us/turn", "conns", s->n, RTE_MAX(p[0]->longest_us, p[1]->longest_us));
	snprintf(name, sizeof(name), "%s_longest_own", figure);
	bench_add(s->b, name, "us/turn", "conns", s->n,
		RTE_MAX(p[0]->longest_own_us, p[1]->longest_own_us));
}

/* --- the phases */

static bool all_open(struct scale *s)
{
	return s->end[0].opened == s->target && scale_get(s->end[1].opened) == s->target;
}

static bool all_answered(struct scale *s)
{
	return s->answers == s->requests;
}

static bool all_closed(struct scale *s)
{
	return s->end[0].closed == s->target && scale_get(s->end[1].closed) == s->target;
}

static void open_up_to(struct scale *s, uint32_t n)
{
	char name[24];
	struct before b;

	snprintf(name, sizeof(name), "open %u", n);
	b = begin(s, name);
	s->target = n;
	s->end[SCALE_CLIENT].asked = s->end[SCALE_CLIENT].opened;
	scale_drive(s, SCALE_CLIENT, drive_connect);
	scale_run(s, all_open, 1800, name);
	scale_drive(s, SCALE_CLIENT, drive_idle);
	tell(s, &b, n, n);
}

static void request(struct scale *s, uint32_t live)
{
	uint32_t n = (uint32_t)opt.requests;
	char name[24];
	struct before b;

	/* What these connections have not done yet is not measured, and caches are what they are in
	 * the long run. */
	for (unsigned warm = 0; warm < 2; warm++) {
		snprintf(name, sizeof(name), "%s %u", warm ? "request" : "warm", live);
		b = begin(s, name);
		s->answers = 0;
		s->requests = warm ? n : n / 10;
		s->end[SCALE_CLIENT].asked = 0;
		scale_drive(s, SCALE_CLIENT, drive_request);
		scale_run(s, all_answered, 600, name);
		scale_drive(s, SCALE_CLIENT, drive_idle);
	}
	tell(s, &b, n, live);
	bench_add(s->b, "request", "cycles/packet", "conns", live, cycles_per_packet(s));
}

static uint64_t probes(const struct scale *s)
{
	return scale_count(s, SCALE_CLIENT, "keepalive_probes") +
	       scale_count(s, SCALE_SERVER, "keepalive_probes");
}

static uint64_t probes_wanted;

static bool all_probed(struct scale *s)
{
	return probes(s) >= probes_wanted;
}

static void hold(struct scale *s)
{
	struct before b = begin(s, "hold");

	probes_wanted = probes(s) + s->n;
	scale_run(s, all_probed, (double)opt.keepalive_ms / 1000 + 600, "hold");
	tell(s, &b, s->n, s->n);
	bench_add(s->b, "keepalive", "cycles/packet", "conns", s->n, cycles_per_packet(s));
	add_turns(s, "hold");
}

static void close_by(
	struct scale *s, unsigned side, const uint32_t *order, uint32_t last, uint32_t target)
{
	struct before b = begin(s, side == SCALE_CLIENT ? "close by client" : "close by server");
	struct scale_end *end = &s->end[side];
	uint32_t n = target - end->closed;
	const char *figure = side == SCALE_CLIENT ? "close_client" : "close_server";

	s->target = target;
	end->asked = end->closed;
	end->order = order;
	end->next = 0;
	end->last = last;
	scale_drive(s, side, drive_close);
	scale_run(s, all_closed, 1800, names[s->phase]);
	scale_drive(s, side, drive_idle);
	tell(s, &b, n, s->n - target);
	bench_add(s->b, figure, "connections/s", "conns", s->n, n / seconds_since(b.tsc));
	add_turns(s, figure);
}

static uint64_t settled_tsc;

static bool settled(struct scale *s)
{
	return bench_tsc() > settled_tsc;
}

static void settle(struct scale *s, double us)
{
	settled_tsc = bench_tsc() + (uint64_t)(us * bench_hz() / 1e6);
	scale_run(s, settled, 600, "settle");
}

/* A few connections that come and go: next hops are known, rings have been all round. */
static void warm_up(struct scale *s)
{
	uint32_t n = 4096;

	open_up_to(s, n);
	close_by(s, SCALE_CLIENT, NULL, n, n);
	settle(s, SETTLE_US);
	for (unsigned side = 0; side < 2; side++) {
		s->end[side].opened = s->end[side].closed = s->end[side].asked = 0;
		memset(s->end[side].meter.phase, 0, sizeof(s->end[side].meter.phase));
		s->end[side].meter.n_slow = s->end[side].meter.n_taken = 0;
	}
	s->b->n_figures = 0;
	memset(s->b->figure, 0, sizeof(s->b->figure));
	s->phase = 0;
}

static void open_all(struct scale *s)
{
	uint64_t tsc = bench_tsc();
	double spent = 0, longest[2] = {0};

	for (uint32_t n = 100;; n = RTE_MIN(n * (n < s->n / 100 ? 100 : 10), s->n)) {
		tsc = bench_tsc();
		open_up_to(s, n);
		spent += seconds_since(tsc);
		for (unsigned i = 0; i < 2; i++) {
			const struct meter_phase *p = &s->end[i].meter.phase[s->phase];

			longest[0] = RTE_MAX(longest[0], p->longest_us);
			longest[1] = RTE_MAX(longest[1], p->longest_own_us);
		}
		if (n == s->n) {
			bench_add(s->b, "open", "connections/s", "conns", n, n / spent);
			bench_add(s->b, "open_longest", "us/turn", "conns", n, longest[0]);
			bench_add(s->b, "open_longest_own", "us/turn", "conns", n, longest[1]);
		}
		request(s, n);
		if (n == s->n)
			return;
	}
}

static void close_all(struct scale *s)
{
	uint32_t *order = bench_shuffled(s->b, s->n, s->seed), half = s->n / 2;

	close_by(s, SCALE_CLIENT, NULL, half, half);
	close_by(s, SCALE_SERVER, order, s->n, s->n);
	free(order);
}

static void report_memory(struct scale *s, uint64_t start, uint64_t held)
{
	struct before b = begin(s, "drain");
	uint64_t left;

	settle(s, SETTLE_US);
	tell(s, &b, 0, 0);
	left = bench_resident(s->b);
	fprintf(stderr,
		"memory: %.1f MiB before, %.1f more with %u connections at both ends, %.1f "
		"after they closed\n",
		(double)start / (1 << 20), (double)(held - start) / (1 << 20), s->n,
		(double)left / (1 << 20));
	bench_add(s->b, "left", "times", "conns", s->n, (double)left / (double)start);
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < HR_MEM_COUNT; i++) {
			const struct hr_slab *slab = hr_worker_slab(s->end[side].w, i);

			if (hr_slab_bytes(slab) > 0)
				fprintf(stderr, "  %s %-12s %8.1f MiB, %u live\n",
					side == 0 ? "client" : "server", slab->name,
					(double)hr_slab_bytes(slab) / (1 << 20), slab->live);
		}
}

static void run(struct scale *s)
{
	uint64_t start, held;

	warm_up(s);
	start = bench_resident(s->b);
	if (opt.threads == 2)
		scale_part(s);
	open_all(s);
	held = bench_resident(s->b);
	bench_add(s->b, "established", "bytes/conn", "conns", s->n,
		(double)(held - start) / 2 / s->n);
	if (opt.live == 0) {
		hold(s);
		close_all(s);
		report_memory(s, start, held);
	}
	scale_join(s);
	meter_print_slow(&s->end[SCALE_CLIENT].meter, "client", name_of);
	meter_print_slow(&s->end[SCALE_SERVER].meter, "server", name_of);
	scale_judge(s);
}

static void one(struct bench *b)
{
	static struct scale s;

	if (b->rounds != 1) {
		fprintf(stderr,
			"bench_scale: --rounds %u: what is left in memory counts from the start of "
			"the process; use 1, and start it again\n",
			b->rounds);
		exit(2);
	}
	memset(&s, 0, sizeof(s));
	if (b->quick) {
		b->max = RTE_MIN(b->max, UINT64_C(10000));
		opt.requests = RTE_MIN(opt.requests, UINT64_C(10000));
		opt.keepalive_ms = RTE_MIN(opt.keepalive_ms, UINT64_C(1500));
	}
	s = (struct scale){.b = b,
		.n = (uint32_t)b->max,
		.keepalive_ms = opt.keepalive_ms,
		.seed = opt.seed,
		.rng = opt.seed,
		.threads = 1};
	fprintf(stderr, "scale: %u connections, seed %lu\n", s.n, s.seed);
	bench_eal(b, 256);
	scale_open(&s);
	run(&s);
	scale_close(&s);
}

static struct bench b = {.name = "scale", .max = 10000000, .rounds = 1};

static const struct bench_option options[] = {
	{"conns", &b.max, "connections at each end"},
	{"threads", &opt.threads, "2: a thread for each end"},
	{"requests", &opt.requests, "requests at each number of connections"},
	{"keepalive-ms", &opt.keepalive_ms, "idle time before a keep-alive probe"},
	{"seed", &opt.seed, "of the random subset and of both engines"},
	{"live", &opt.live, "1: only requests at growing numbers of connections"},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	b.options = options;
	return bench_main(&b, argc, argv, one);
}
