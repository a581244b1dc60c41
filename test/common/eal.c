/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/eal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

void test_eal_start(unsigned memory_mb)
{
	static bool started;
	char mem[16], prefix[64];

	if (started)
		return;
	snprintf(mem, sizeof(mem), "%u", memory_mb);
	snprintf(prefix, sizeof(prefix), "--file-prefix=hrtest%d", getpid());
	char *argv[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", mem,
		prefix, "--lcores=0", "--log-level=lib.*:error", "--log-level=*:error", NULL};
	/* The main thread may sit on a CPU other than 0 when affinity is limited: let it float
	 * where it may run. */
	char lcores[64];
	cpu_set_t set;
	int first = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		while (first < CPU_SETSIZE && !CPU_ISSET(first, &set))
			first++;
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", first);
	argv[8] = lcores;
	if (rte_eal_init(11, argv) < 0) {
		fprintf(stderr, "EAL does not start in this test: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	started = true;
	/* EAL pinned us; tests want the scheduler's freedom back. */
	sched_setaffinity(0, sizeof(set), &set);
}

struct rte_mempool *test_pool(unsigned n)
{
	static unsigned serial;
	char name[32];
	struct rte_mempool *p;

	snprintf(name, sizeof(name), "test_pool_%u", serial++);
	p = rte_pktmbuf_pool_create(name, n, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (p == NULL) {
		fprintf(stderr, "no memory for a pool of %u mbufs in this test: %s\n", n,
			rte_strerror(rte_errno));
		exit(1);
	}
	return p;
}

unsigned test_pool_out(struct rte_mempool *pool)
{
	return rte_mempool_in_use_count(pool);
}
