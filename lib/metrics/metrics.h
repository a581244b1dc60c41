/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters and drop reasons of one worker. counters.def and drops.def are the only lists: one row
 * is one counter everywhere. One writer (the worker), any reader: plain 64-bit stores, read with
 * relaxed loads.
 */
#ifndef HR_METRICS_METRICS_H
#define HR_METRICS_METRICS_H

#include "base/base.h"

enum hr_counter {
#define X(name, help) HR_C_##name,
#include "metrics/counters.def"
#undef X
	HR_C_COUNT
};

enum hr_drop {
	DROP_NONE = 0,
#define X(name, help) DROP_##name,
#include "metrics/drops.def"
#undef X
	DROP_COUNT
};

struct hr_metrics {
	uint64_t c[HR_C_COUNT];
	uint64_t drop[DROP_COUNT];
} __rte_cache_aligned;

static inline void hr_count_n(struct hr_metrics *m, enum hr_counter i, uint64_t n)
{
	/* A plain add by the only writer; relaxed so that readers never see half a word. */
	__atomic_store_n(&m->c[i], m->c[i] + n, __ATOMIC_RELAXED);
}

static inline void hr_count(struct hr_metrics *m, enum hr_counter i)
{
	hr_count_n(m, i, 1);
}

static inline void hr_drop(struct hr_metrics *m, enum hr_drop d)
{
	__atomic_store_n(&m->drop[d], m->drop[d] + 1, __ATOMIC_RELAXED);
}

static inline uint64_t hr_counter_read(const struct hr_metrics *m, enum hr_counter i)
{
	return __atomic_load_n(&m->c[i], __ATOMIC_RELAXED);
}

/* received == accepted + passed + forwarded + sum of drops; `in_flight` = received and not yet
 * through a door. */
bool hr_metrics_balanced(const struct hr_metrics *m);

#endif
