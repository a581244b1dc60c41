/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers the dynamic mbuf field of mark.h. DPDK keeps the registry, so several engines of a
 * process share the field. */
#include "base/mark.h"

#include <errno.h>
#include <stdalign.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

int hr_mark_register(char *err, size_t errlen)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "headrace_mark",
		.size = sizeof(struct hr_mark),
		.align = alignof(struct hr_mark),
	};
	int off = rte_mbuf_dynfield_register(&field);

	RTE_BUILD_BUG_ON(sizeof(struct hr_mark) != 16 || alignof(struct hr_mark) != 8);
	if (off >= 0)
		return off;
	if (rte_errno == ENOENT)
		return hr_error(err, errlen, -ENOENT,
			"no room for 16 bytes of dynamic fields in struct rte_mbuf: other "
			"libraries of this "
			"process have registered all of them; drop one of them");
	return hr_error(err, errlen, -(rte_errno != 0 ? rte_errno : EINVAL),
		"the dynamic mbuf field \"%s\" cannot be registered: %s; start EAL before the "
		"engine",
		field.name, rte_strerror(rte_errno));
}

static __attribute__((noinline)) void free_any(struct rte_mbuf *m, bool chain)
{
	if (chain)
		rte_pktmbuf_free(m);
	else
		rte_pktmbuf_free_seg(m);
}

/* What DPDK does with it, without the questions and the saved registers of its other cases. */
static inline bool to_cache(struct rte_mbuf *m)
{
	struct rte_mempool_cache *cache;

	if (unlikely(rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m) || m->nb_segs != 1 ||
		     m->next != NULL))
		return false;
	cache = rte_mempool_default_cache(m->pool, rte_lcore_id());
	if (unlikely(cache == NULL || cache->len >= cache->flushthresh))
		return false;
	cache->objs[cache->len++] = m;
	return true;
}

void hr_mbuf_free(struct rte_mbuf *m)
{
	if (!to_cache(m))
		free_any(m, true);
}

void hr_mbuf_free_seg(struct rte_mbuf *m)
{
	if (!to_cache(m))
		free_any(m, false);
}
