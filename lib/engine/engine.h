/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the engine shows to the runtime and to tests, beyond the public header. The workers
 * themselves are in engine/worker.h, for this module only.
 */
#ifndef HR_ENGINE_ENGINE_H
#define HR_ENGINE_ENGINE_H

#include "base/slab.h"
#include "metrics/metrics.h"

/* What an idle worker of this engine does; HR_IDLE_AUTO is left to the runtime. */
enum hr_idle hr_engine_idle(const struct hr_engine *e);
const char *hr_engine_name(const struct hr_engine *e);

/* --- for tests --- */

/* Everything a worker has out; all zero when nothing is going on. */
struct hr_census {
	uint32_t conns, half_open, time_wait;
	uint32_t ranges, exts;
	uint32_t table;  /* entries */
	uint32_t timers; /* connection timers queued */
	uint32_t app_timers;
	uint32_t ready, dirty;
	uint32_t mbufs; /* out of the pool, those at hand for sending not counted */
};

void hr_worker_census(struct hr_worker *w, struct hr_census *census);
/* Copy every segment instead of sending queued mbufs in place. */
void hr_worker_force_copy(struct hr_worker *w, bool on);
/* Take no short way for what is usual: the general ways must do the same. */
void hr_worker_plain(struct hr_worker *w, bool on);

enum hr_memory {
	HR_MEM_CONN,
	HR_MEM_SYN,
	HR_MEM_TW4,
	HR_MEM_TW6,
	HR_MEM_RANGE,
	HR_MEM_EXT,
	HR_MEM_TIMER,
	HR_MEM_COUNT
};

struct hr_slab *hr_worker_slab(struct hr_worker *w, enum hr_memory which);
struct rte_mempool *hr_worker_pool(struct hr_worker *w);
const struct hr_metrics *hr_worker_metrics(const struct hr_worker *w);
/* hr_tcb_check() on every live connection. */
void hr_worker_check(struct hr_worker *w);

#endif
