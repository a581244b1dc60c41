/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet memory is kept from world to world: making a pool of thousands of mbufs costs more than a
 * world. The linker gives the engine's calls to these (-Wl,--wrap). A pool that comes back with
 * packets missing is a leak, and is not used again.
 */
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "sim.h"

#define KEEP 16

struct rte_mempool *__real_rte_pktmbuf_pool_create(
	const char *name, unsigned n, unsigned cache, uint16_t priv, uint16_t room, int socket);
struct rte_mempool *__wrap_rte_pktmbuf_pool_create(
	const char *name, unsigned n, unsigned cache, uint16_t priv, uint16_t room, int socket);
void __real_rte_mempool_free(struct rte_mempool *mp);
void __wrap_rte_mempool_free(struct rte_mempool *mp);

static struct {
	struct rte_mempool *mp;
	unsigned n;
	uint16_t room;
	bool used;
} kept[KEEP];
static unsigned leaky;

struct rte_mempool *__wrap_rte_pktmbuf_pool_create(
	const char *name, unsigned n, unsigned cache, uint16_t priv, uint16_t room, int socket)
{
	static unsigned serial;
	char own[32];
	unsigned i;

	for (i = 0; i < KEEP; i++)
		if (kept[i].mp != NULL && !kept[i].used && kept[i].n == n && kept[i].room == room) {
			kept[i].used = true;
			return kept[i].mp;
		}
	for (i = 0; i < KEEP && kept[i].mp != NULL; i++)
		;
	snprintf(own, sizeof(own), "sim_pool_%u", serial++);
	if (i == KEEP)
		return __real_rte_pktmbuf_pool_create(own, n, cache, priv, room, socket);
	kept[i].mp = __real_rte_pktmbuf_pool_create(own, n, cache, priv, room, socket);
	kept[i].n = n;
	kept[i].room = room;
	kept[i].used = true;
	return kept[i].mp;
}

void __wrap_rte_mempool_free(struct rte_mempool *mp)
{
	bool full = mp == NULL || rte_mempool_full(mp);

	leaky += !full;
	for (unsigned i = 0; mp != NULL && i < KEEP; i++)
		if (kept[i].mp == mp) {
			kept[i].used = false;
			if (full)
				return;
			kept[i].mp = NULL;
		}
	__real_rte_mempool_free(mp);
}

unsigned sim_pools_leaky(void)
{
	unsigned n = leaky;

	leaky = 0;
	return n;
}

void sim_pools_fini(void)
{
	for (unsigned i = 0; i < KEEP; i++) {
		__real_rte_mempool_free(kept[i].mp);
		kept[i].mp = NULL;
	}
}
