/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that step workers: a lane per worker lcore, workers dealt out to the lanes in turn. The
 * calling thread ticks, or is the one lane itself when EAL has no other lcore. What a turn does is
 * the engine's.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "base/base.h"
#include "engine/engine.h"

#define TICK_US_DEFAULT 100000
#define SLEEP_US_MAX    50
#define NAP_US_MAX      100000 /* how late the ticking thread may see hr_stop() of another thread */
#define ENGINES_MAX     16

/* What one thread steps. */
struct lane {
	unsigned lcore;
	unsigned n;
	enum hr_idle idle;
	struct hr_worker *workers[ENGINES_MAX * HR_MAX_WORKERS];
};

/*
 * The one variable of the process: a signal handler has no argument to find a run by. Cleared when
 * a run ends, so that a stop that comes before the run is not lost.
 */
static int stop_requested;

void hr_stop(void)
{
	__atomic_store_n(&stop_requested, 1, __ATOMIC_RELAXED);
}

static bool stopping(void)
{
	return __atomic_load_n(&stop_requested, __ATOMIC_RELAXED) != 0;
}

static uint64_t monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void sleep_until_us(uint64_t us)
{
	struct timespec t = {
		.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

	/* EINTR is welcome: the signal may have been the reason to stop. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Nothing happened in a round of turns. */
static void lane_rest(const struct lane *l)
{
	if (l->idle == HR_IDLE_YIELD) {
		sched_yield();
	} else if (l->idle == HR_IDLE_SLEEP) {
		uint64_t wait_us = SLEEP_US_MAX;

		for (unsigned i = 0; i < l->n; i++) {
			uint64_t now = hr_worker_now(l->workers[i]),
				 due = hr_worker_deadline(l->workers[i]);

			wait_us = RTE_MIN(wait_us, due > now ? due - now : 0);
		}
		struct timespec t = {.tv_nsec = (long)wait_us * 1000};

		if (wait_us > 0)
			(void)nanosleep(&t, NULL);
	} else {
		rte_pause();
	}
}

static void lane_round(const struct lane *l)
{
	unsigned work = 0;

	for (unsigned i = 0; i < l->n; i++)
		work += hr_worker_turn(l->workers[i]);
	if (work == 0)
		lane_rest(l);
}

static int lane_main(void *arg)
{
	const struct lane *l = arg;

	/* A sleep of 50 us must not become 100: the kernel's usual slack is as long as the sleep.
	 */
	if (l->idle == HR_IDLE_SLEEP)
		(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	while (!stopping())
		lane_round(l);
	return 0;
}

/* Deal the workers out. A lane idles as its most impatient engine wishes. */
static void deal_workers(
	struct lane *lanes, unsigned n_lanes, struct hr_engine *const *engines, unsigned n)
{
	unsigned dealt = 0, total = 0, cpus = n_lanes;
	cpu_set_t set;

	/* The calling thread was left where the program may run: all of these can be used. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cpus = (unsigned)CPU_COUNT(&set);
	for (unsigned i = 0; i < n; i++)
		total += hr_engine_workers(engines[i]);
	for (unsigned i = 0; i < n; i++) {
		enum hr_idle idle = hr_engine_idle(engines[i]);

		/* Polling on the last core would keep everybody else from running, the
		 * peers of our own packets too. */
		if (idle == HR_IDLE_AUTO)
			idle = total >= cpus ? HR_IDLE_YIELD : HR_IDLE_POLL;
		for (unsigned k = 0; k < hr_engine_workers(engines[i]); k++, dealt++) {
			struct lane *l = &lanes[dealt % n_lanes];

			l->idle = l->n == 0 ? idle : RTE_MIN(l->idle, idle);
			l->workers[l->n++] = hr_engine_worker(engines[i], k);
		}
	}
}

/* Tick until somebody wants to stop. here: the lane that this thread steps between ticks, or NULL
 * to sleep. */
static void tick_loop(const struct hr_run_opts *opts, const struct lane *here)
{
	uint64_t period = opts != NULL && opts->tick_us != 0 ? opts->tick_us : TICK_US_DEFAULT;
	uint64_t start = monotonic_us(), next = start + period, now;

	while (!stopping()) {
		if (here != NULL)
			lane_round(here);
		now = monotonic_us();
		if (now < next) {
			if (here == NULL)
				sleep_until_us(RTE_MIN(next, now + NAP_US_MAX));
			continue;
		}
		if (opts != NULL && opts->tick != NULL && !opts->tick(opts->arg, now - start))
			hr_stop();
		/* Ticks that a slow one ran over are left out, the others keep their beat. */
		next += (1 + (now - next) / period) * period;
	}
}

static int run_lanes(struct lane *lanes, unsigned n_lanes, const struct hr_run_opts *opts,
	char *err, size_t errlen)
{
	int rc = 0;
	unsigned launched = 0;

	for (; launched < n_lanes; launched++) {
		rc = rte_eal_remote_launch(lane_main, &lanes[launched], lanes[launched].lcore);
		if (rc < 0) {
			hr_error(err, errlen, rc,
				"lcore %u runs something else: one hr_run() at a time",
				lanes[launched].lcore);
			hr_stop();
			break;
		}
	}
	tick_loop(opts, NULL);
	for (unsigned i = 0; i < launched; i++)
		rte_eal_wait_lcore(lanes[i].lcore);
	return rc;
}

int hr_run(struct hr_engine *const *engines, unsigned n, const struct hr_run_opts *opts, char *err,
	size_t errlen)
{
	unsigned lcore, total = 0, n_lanes = 0;
	struct lane *lanes;
	int rc = 0;

	if (n == 0 || n > ENGINES_MAX)
		return hr_error(err, errlen, -EINVAL, "%u engines to run: 1 to %d are possible", n,
			ENGINES_MAX);
	if (rte_lcore_count() == 0)
		return hr_error(
			err, errlen, -EINVAL, "EAL is not up: call hr_runtime_init() first");
	for (unsigned i = 0; i < n; i++)
		total += hr_engine_workers(engines[i]);
	lanes = calloc(RTE_MIN(total, (unsigned)RTE_MAX_LCORE), sizeof(*lanes));
	if (lanes == NULL)
		return hr_error(err, errlen, -ENOMEM, "no memory to run %u workers", total);

	RTE_LCORE_FOREACH_WORKER(lcore)
	if (n_lanes < total && rte_lcore_has_role(lcore, ROLE_RTE))
		lanes[n_lanes++].lcore = lcore;
	deal_workers(lanes, RTE_MAX(n_lanes, 1u), engines, n);
	if (n_lanes > 0)
		rc = run_lanes(lanes, n_lanes, opts, err, errlen);
	else
		tick_loop(opts, &lanes[0]);
	__atomic_store_n(&stop_requested, 0, __ATOMIC_RELAXED);
	free(lanes);
	return rc;
}
