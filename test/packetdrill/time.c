/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual time. It stands still unless packetdrill sleeps, waits for a packet, or asks for the time
 * again and again (it spins for the last microseconds before an event: from the fourth reading in a
 * row each one costs a microsecond).
 *
 * A call that blocks waits on a second thread, in its sleep, because packetdrill looks there. (The
 * same thread has waited for the moment of the call before: then it is the one that spins.) When
 * it can go on, time is frozen until that thread has read the clock or waits again: the moment at
 * which a call returned is exact.
 *
 * What that thread does next (it compares the result, and notes the socket that accept() made)
 * needs packetdrill's own lock. The main thread gives that lock away only while it sleeps, so this
 * is when it waits until the other one has come to rest: in a call that blocks again, or in
 * packetdrill's queue of calls (libc.c tells). Thus the order of what both threads do is always the
 * same, and so are traces and verdicts, however busy the machine is.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "pd.h"

#define FREE_READS  4
#define PATIENCE_S  60 /* real time that a thread which was let go may take on a busy machine */
#define INSTANT_MAX 64

void pd_time_start(struct pd *pd)
{
	pd->main_thread = pthread_self();
	pd->now_us = 1000ull * 1000 * 1000;
	pthread_mutex_init(&pd->lock, NULL);
	pthread_cond_init(&pd->let_go, NULL);
	pthread_cond_init(&pd->looked, NULL);
}

static bool on_main(const struct pd *pd)
{
	return pthread_equal(pthread_self(), pd->main_thread) != 0;
}

static bool may_go(struct pd *pd)
{
	return pd->ready != NULL && !pd->waking &&
	       (pd->now_us >= pd->ready_at_us || pd->ready(pd->ready_arg));
}

/* Wait in real time until the second thread has lowered the flag. */
static void await(struct pd *pd, bool *flag)
{
	struct timespec limit;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += PATIENCE_S;
	while (*flag) {
		if (pthread_cond_clockwait(&pd->looked, &pd->lock, CLOCK_MONOTONIC, &limit) !=
			ETIMEDOUT)
			continue;
		fprintf(stderr, "headrace: the thread of a blocking call is lost\n");
		*flag = false;
	}
}

/* Let the waiting call go on, and wait for what it does. */
static void let_go(struct pd *pd)
{
	pd->waking = true;
	pd->underway = true;
	pthread_cond_signal(&pd->let_go);
	await(pd, &pd->waking);
	if (pd->main_sleeps)
		await(pd, &pd->underway);
}

void pd_time_sleep(struct pd *pd, uint64_t us)
{
	pd->main_sleeps = on_main(pd);
	if (pd->main_sleeps)
		await(pd, &pd->underway);
	pd_time_run(pd, pd->now_us + us, NULL, NULL);
	pd->main_sleeps = false;
}

void pd_time_rest(struct pd *pd)
{
	if (!pd->underway || !pthread_equal(pthread_self(), pd->second_thread))
		return;
	pd->underway = false;
	pd->waking = false;
	pthread_cond_signal(&pd->looked);
}

void pd_time_settle(struct pd *pd)
{
	pd_net_settle(pd);
	for (unsigned i = 0; i < INSTANT_MAX && on_main(pd) && may_go(pd); i++) {
		let_go(pd);
		pd_net_settle(pd);
	}
}

void pd_time_run(struct pd *pd, uint64_t target_us, pd_ready_fn *stop, void *arg)
{
	pd_time_settle(pd);
	while (pd->now_us < target_us && (stop == NULL || !stop(arg))) {
		uint64_t next_us = hr_worker_deadline(pd->worker);

		for (const struct pd_sock *s = pd->all; s != NULL; s = s->next)
			if (s->held_len > 0 && s->held_until_us < next_us)
				next_us = s->held_until_us;
		if (pd->ready != NULL && pd->ready_at_us < next_us)
			next_us = pd->ready_at_us;
		/* Something that never gets done may not stop the clock. */
		if (next_us <= pd->now_us)
			next_us = pd->now_us + 1;
		pd->now_us = next_us < target_us ? next_us : target_us;
		pd_time_settle(pd);
	}
}

bool pd_time_wait(struct pd *pd, pd_ready_fn *ready, void *arg, uint64_t until_us)
{
	if (ready(arg))
		return true;
	if (on_main(pd)) {
		/* The script does not expect this call to block: give it what a minute brings. */
		uint64_t limit_us = pd->now_us + 60ull * 1000 * 1000;

		pd_time_run(pd, until_us < limit_us ? until_us : limit_us, ready, arg);
		return ready(arg);
	}
	pd->ready = ready;
	pd->ready_arg = arg;
	pd->ready_at_us = until_us;
	pd->second_thread = pthread_self();
	pd->waking = false;
	pd->underway = false;
	pthread_cond_signal(&pd->looked);
	while (!pd->waking)
		pthread_cond_wait(&pd->let_go, &pd->lock);
	pd->ready = NULL;
	return ready(arg);
}

uint64_t pd_time_read(struct pd *pd)
{
	if (!on_main(pd) && pd->waking) {
		pd->waking = false;
		pd->clock_reads = 0;
		pthread_cond_signal(&pd->looked);
	} else if (++pd->clock_reads >= FREE_READS) {
		pd_time_run(pd, pd->now_us + 1, NULL, NULL);
	}
	return pd->now_us;
}
