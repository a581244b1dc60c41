/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that step a worker: mempool caches exist per lcore id, so a thread that EAL did not start
 * must get one. */
#include <errno.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "engine/worker.h"

int hr_worker_attach(struct hr_worker *w, char *err, size_t errlen)
{
	if (rte_lcore_id() != LCORE_ID_ANY)
		return 0;
	if (rte_thread_register() == 0)
		return 0;
	return hr_error(err, errlen, -ENOMEM,
		"worker %u of engine %s: DPDK has no lcore id left for this thread (%s): at most "
		"%u threads may register",
		w->index, w->e->name, rte_strerror(rte_errno), (unsigned)RTE_MAX_LCORE);
}
