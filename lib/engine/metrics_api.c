/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and drop reasons of an engine, for readers on any thread: one worker's or the sum. */
#include "engine/worker.h"

static uint64_t sum(const struct hr_engine *e, int worker,
	uint64_t (*read)(const struct hr_metrics *m, unsigned i), unsigned i)
{
	uint64_t total = 0;

	if (worker >= 0)
		return (unsigned)worker < e->n_workers ? read(&e->worker[worker]->m, i) : 0;
	for (unsigned n = 0; n < e->n_workers; n++)
		total += read(&e->worker[n]->m, i);
	return total;
}

static uint64_t read_counter(const struct hr_metrics *m, unsigned i)
{
	return hr_counter_read(m, (enum hr_counter)i);
}

/* Public reasons begin with the first row; DROP_NONE is none. */
static uint64_t read_drop(const struct hr_metrics *m, unsigned i)
{
	return __atomic_load_n(&m->drop[i + 1], __ATOMIC_RELAXED);
}

uint64_t hr_engine_counter(const struct hr_engine *e, int worker, unsigned i)
{
	return i < HR_C_COUNT ? sum(e, worker, read_counter, i) : 0;
}

uint64_t hr_engine_drop(const struct hr_engine *e, int worker, unsigned i)
{
	return i < DROP_COUNT - 1 ? sum(e, worker, read_drop, i) : 0;
}
