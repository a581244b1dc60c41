/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mbufs of which AddressSanitizer knows the life: a mempool whose handler poisons what is freed, so
 * that use after free, free twice and a leak are all seen. Last freed is last used again.
 */
#include <stdlib.h>

#include <rte_mbuf.h>

#include "common/eal.h"
#include "fuzz_tcp.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define poison(p, n)   __asan_poison_memory_region(p, n)
#define unpoison(p, n) __asan_unpoison_memory_region(p, n)
#else
#define poison(p, n)   ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#endif

struct rte_mempool *fz_pool;

struct ring {
	unsigned head, n, size;
	void *obj[];
};

/* LeakSanitizer does not look into DPDK's memory, where the pool itself is. */
static struct ring *volatile known;

static int ring_alloc(struct rte_mempool *mp)
{
	struct ring *r = calloc(1, sizeof(*r) + mp->size * sizeof(r->obj[0]));

	if (r == NULL)
		return -ENOMEM;
	r->size = mp->size;
	mp->pool_data = known = r;
	return 0;
}

static void ring_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int ring_put(struct rte_mempool *mp, void *const *obj, unsigned n)
{
	struct ring *r = mp->pool_data;

	for (unsigned i = 0; i < n; i++) {
		must(r->n < r->size); /* more came back than ever were */
		r->obj[(r->head + r->n++) % r->size] = obj[i];
		poison(obj[i], mp->elt_size);
	}
	return 0;
}

static int ring_get(struct rte_mempool *mp, void **obj, unsigned n)
{
	struct ring *r = mp->pool_data;

	if (r->n < n)
		return -ENOBUFS;
	for (unsigned i = 0; i < n; i++) {
		obj[i] = r->obj[r->head];
		r->head = (r->head + 1) % r->size;
		r->n--;
		unpoison(obj[i], mp->elt_size);
	}
	return 0;
}

static unsigned ring_count(const struct rte_mempool *mp)
{
	const struct ring *r = mp->pool_data;

	return r->n;
}

static void init_one(struct rte_mempool *mp, void *arg, void *obj, unsigned i)
{
	unpoison(obj, mp->elt_size);
	rte_pktmbuf_init(mp, arg, obj, i);
	poison(obj, mp->elt_size);
}

void fz_pool_create(unsigned n)
{
	static const struct rte_mempool_ops ops = {
		.name = "fz_poison",
		.alloc = ring_alloc,
		.free = ring_free,
		.enqueue = ring_put,
		.dequeue = ring_get,
		.get_count = ring_count,
	};
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE};

	must(rte_mempool_register_ops(&ops) >= 0);
	fz_pool = rte_mempool_create_empty("fuzz_tcp", n,
		sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0, sizeof(priv), SOCKET_ID_ANY,
		0);
	must(fz_pool != NULL && rte_mempool_set_ops_byname(fz_pool, "fz_poison", NULL) == 0);
	rte_pktmbuf_pool_init(fz_pool, &priv);
	must(rte_mempool_populate_default(fz_pool) == (int)n);
	rte_mempool_obj_iter(fz_pool, init_one, NULL);
}

unsigned fz_pool_out(void)
{
	return rte_mempool_in_use_count(fz_pool);
}
