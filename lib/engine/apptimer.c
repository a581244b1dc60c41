/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The application's timers: a wheel of their own. Entries are never given back to the slab, so that
 * an id {generation:32, index:32} of a timer that has fired is recognised.
 */
#include <errno.h>

#include "engine/worker.h"

static struct hr_apptimer *timer_at(struct hr_worker *w, uint32_t i)
{
	return hr_slab_at(&w->slab[HR_MEM_TIMER], i);
}

static void timer_put(struct hr_worker *w, struct hr_apptimer *t)
{
	t->generation++;
	t->next_free = w->timer_free;
	w->timer_free = hr_slab_index(&w->slab[HR_MEM_TIMER], t);
	w->app_timers--;
}

uint64_t hr_timer_start(struct hr_worker *w, uint64_t delay_us,
	void (*fn)(struct hr_worker *w, void *arg), void *arg)
{
	struct hr_apptimer *t;
	uint64_t now_us = hr_worker_time(w);

	if (w->timer_free != 0) {
		t = timer_at(w, w->timer_free);
		w->timer_free = t->next_free;
	} else {
		t = hr_slab_alloc(&w->slab[HR_MEM_TIMER]);
		if (t == NULL) {
			hr_count(&w->m, HR_C_no_memory);
			return 0;
		}
		hr_timer_init(&t->node);
		t->generation = 1;
	}
	t->fn = fn;
	t->arg = arg;
	w->app_timers++;
	hr_wheel_set(&w->app_wheel, t,
		delay_us < HR_NEVER - 1 - now_us ? now_us + delay_us : HR_NEVER - 1);
	return (uint64_t)t->generation << 32 | hr_slab_index(&w->slab[HR_MEM_TIMER], t);
}

int hr_timer_stop(struct hr_worker *w, uint64_t id)
{
	uint32_t i = (uint32_t)id;
	struct hr_apptimer *t;

	if (i == 0 || i > w->slab[HR_MEM_TIMER].live)
		return -ENOENT;
	t = timer_at(w, i);
	if (t->generation != (uint32_t)(id >> 32) || !hr_timer_queued(&t->node))
		return -ENOENT;
	hr_wheel_remove(&w->app_wheel, t);
	timer_put(w, t);
	return 0;
}

static void fire(void *worker, void *obj)
{
	struct hr_worker *w = worker;
	struct hr_apptimer *t = obj;
	void (*fn)(struct hr_worker *, void *) = t->fn;
	void *arg = t->arg;

	/* Free before the call: fn may start a timer again, and stopping this one finds nothing. */
	timer_put(w, t);
	w->calls_n++;
	fn(w, arg);
}

void hr_apptimer_run(struct hr_worker *w)
{
	(void)hr_wheel_advance(&w->app_wheel, w->now_us, HR_TURN_TIMERS, fire, w);
}
