/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timing wheel alone, with nodes inside objects as large as a connection, as in the engine.
 * Cycles per operation: queueing for the usual times (200 ms to 2 s), moving to an earlier time,
 * removing, firing with queueing again, and asking for the exact next deadline after a change.
 */
#include <stdlib.h>

#include "base/rng.h"
#include "bench.h"
#include "engine/conn.h"

struct world {
	struct bench *b;
	struct hr_slab slab;
	struct hr_wheel wheel;
	struct hr_rng rng;
	uint32_t n, fired;
	uint32_t *order;
	uint64_t now_us, again_us;
};

static struct conn *conn_at(struct world *w, uint32_t i)
{
	return hr_slab_at(&w->slab, w->order[i] + 1);
}

static uint64_t later(struct world *w)
{
	return w->now_us + 200000 + hr_rng_below(&w->rng, 1800000);
}

static void again(void *arg, void *obj)
{
	struct world *w = arg;

	w->fired++;
	hr_wheel_set(&w->wheel, obj, w->now_us + w->again_us);
}

static double measure_set(struct world *w)
{
	uint64_t start = bench_tsc();

	for (uint32_t i = 0; i < w->n; i++)
		hr_wheel_set(&w->wheel, conn_at(w, i), later(w));
	return (double)(bench_tsc() - start) / w->n;
}

static double measure_earlier(struct world *w)
{
	uint64_t start = bench_tsc();

	for (uint32_t i = 0; i < w->n; i++) {
		struct conn *c = conn_at(w, i);

		hr_wheel_set(&w->wheel, c, c->timer.when_us - 100000);
	}
	return (double)(bench_tsc() - start) / w->n;
}

static double measure_remove(struct world *w)
{
	uint64_t start = bench_tsc();

	for (uint32_t i = 0; i < w->n; i++)
		hr_wheel_remove(&w->wheel, conn_at(w, i));
	return (double)(bench_tsc() - start) / w->n;
}

/* Turns of 20 us, in which a node fires and is queued for a second later; moves between levels are
 * part of it. */
static double measure_fire(struct world *w, uint32_t want)
{
	uint64_t start;

	w->fired = 0;
	w->again_us = 1000000;
	start = bench_tsc();
	while (w->fired < want) {
		if (hr_wheel_advance(&w->wheel, w->now_us, 1024, again, w) == 0)
			w->now_us = RTE_MAX(w->now_us, hr_wheel_next(&w->wheel));
		w->now_us += 20;
	}
	return (double)(bench_tsc() - start) / w->fired;
}

static double measure_next(struct world *w, uint32_t ops)
{
	uint64_t start = bench_tsc(), sum = 0;

	for (uint32_t i = 0; i < ops; i++) {
		hr_wheel_set(&w->wheel, conn_at(w, i % w->n), later(w));
		sum |= hr_wheel_next(&w->wheel);
	}
	must(sum != HR_NEVER);
	return (double)(bench_tsc() - start) / ops;
}

static void measure_size(struct bench *b, uint32_t n)
{
	uint32_t ops = b->quick ? n : RTE_MAX(n, 1000000u), reps = RTE_MAX(ops / n, 1u);
	struct world w = {.b = b, .n = n, .order = bench_shuffled(b, n, n), .now_us = 1000000};
	double set = 0, earlier = 0, removed = 0;
	char err[HR_ERRLEN];

	hr_rng_seed(&w.rng, n);
	if (hr_slab_init(&w.slab, "bench", sizeof(struct conn), n, -1, err, sizeof(err)) < 0)
		bench_die(b, "%s", err);
	for (uint32_t i = 0; i < n; i++) {
		struct conn *c = hr_slab_alloc(&w.slab);

		if (c == NULL)
			bench_die(b, "no memory for %u timers", n);
		hr_timer_init(&c->timer);
	}
	hr_wheel_init(&w.wheel, &w.slab, offsetof(struct conn, timer), w.now_us);
	for (uint32_t i = 0; i < reps; i++) {
		set += measure_set(&w);
		earlier += measure_earlier(&w);
		removed += measure_remove(&w);
	}
	(void)measure_set(&w);
	bench_add(b, "set", "cycles", "timers", n, set / reps);
	bench_add(b, "earlier", "cycles", "timers", n, earlier / reps);
	bench_add(b, "remove", "cycles", "timers", n, removed / reps);
	bench_add(b, "set_next", "cycles", "timers", n, measure_next(&w, ops));
	bench_add(b, "fire", "cycles", "timers", n, measure_fire(&w, ops));
	hr_slab_fini(&w.slab);
	free(w.order);
}

static void one(struct bench *b)
{
	for (uint64_t n = 1000; n <= b->max && n <= (b->quick ? 10000 : 10000000); n *= 10)
		measure_size(b, (uint32_t)n);
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "wheel", .max = 1000000};

	return bench_main(&b, argc, argv, one);
}
