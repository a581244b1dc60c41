/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL for tests that need mbufs: no hugepages, no PCI, no shared configuration, unprivileged. */
#ifndef HR_TEST_EAL_H
#define HR_TEST_EAL_H

#include <rte_mempool.h>

/* Start EAL once per process with memory_mb of plain memory; exits with a sentence when it cannot.
 */
void test_eal_start(unsigned memory_mb);
/* A pool of n mbufs with 2 KB of data room, named uniquely; exits when it cannot. */
struct rte_mempool *test_pool(unsigned n);
/* Mbufs of the pool that are out. */
unsigned test_pool_out(struct rte_mempool *pool);

#endif
