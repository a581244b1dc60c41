/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's memory: how many mbufs of which size, the slabs and the table over them, and when the
 * pool is too low for new connections. Slabs reserve addresses for the limits and memory for what
 * is live.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_ether.h>

#include "engine/worker.h"

#define MBUF_CACHE     256u
#define MBUFS_MAX      65536u /* by default; configure more for more unread data */
#define MBUFS_BASE     8192u
#define MBUFS_PER_PORT 2048u /* descriptors of a receive and a transmit ring */
#define MBUFS_LEAST    512u
#define RANGES_BASE    (1u << 20)

size_t hr_memory_room(const struct hr_engine *e)
{
	size_t room = RTE_MBUF_DEFAULT_DATAROOM;

	/* Two VLAN tags may precede the IP packet. */
	for (unsigned p = 0; p < e->cfg.n_ports; p++)
		room = RTE_MAX(
			room, (size_t)RTE_ALIGN_CEIL(e->caps[p].mtu + RTE_ETHER_HDR_LEN + 8u, 64u));
	return room + RTE_PKTMBUF_HEADROOM;
}

uint32_t hr_memory_mbufs(const struct hr_engine *e)
{
	uint64_t n = MBUFS_BASE + 2ull * e->cfg.max_conns;

	if (e->cfg.mbufs != 0)
		return e->cfg.mbufs;
	return (uint32_t)RTE_MIN(n, (uint64_t)MBUFS_MAX) + MBUFS_PER_PORT * e->cfg.n_ports;
}

int hr_memory_pool(struct hr_engine *e, unsigned index, char *err, size_t errlen)
{
	uint32_t n = hr_memory_mbufs(e);
	char name[32];

	if (n < MBUFS_LEAST)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: mbufs=%u is too few for a worker; give it %u or more", e->name,
			n, MBUFS_LEAST);
	/* Names are for the whole process; the engine's address is what no other engine shares. */
	snprintf(name, sizeof(name), "%.6s_%" PRIxPTR "_%u", e->name, (uintptr_t)e, index);
	e->pool[index] = rte_pktmbuf_pool_create(name, n, RTE_MIN(MBUF_CACHE, n / 8), 0,
		(uint16_t)RTE_MIN(hr_memory_room(e), (size_t)UINT16_MAX), SOCKET_ID_ANY);
	if (e->pool[index] != NULL)
		return 0;
	return hr_error(err, errlen, -ENOMEM,
		"engine %s: no memory for %u mbufs of %zu bytes for worker %u (%s): give EAL more "
		"memory (-m, hugepages) or set mbufs lower",
		e->name, n, hr_memory_room(e), index, rte_strerror(rte_errno));
}

static uint32_t watermark(const struct hr_worker *w)
{
	return RTE_MAX(w->pool_size / 16, HR_TX_RESERVE * 2u);
}

/* Counting the pool walks the caches of all lcores: once per turn is enough, what is taken
 * meanwhile is charged. */
static int64_t pool_left(struct hr_worker *w)
{
	if (!w->pool_checked) {
		w->pool_checked = true;
		w->pool_left = (int64_t)rte_mempool_avail_count(w->pool) - watermark(w);
		w->tcp.memory_low = w->pool_left < 0;
	}
	return w->pool_left;
}

bool hr_memory_low(struct hr_worker *w)
{
	return pool_left(w) < 0;
}

bool hr_memory_scarce(struct hr_worker *w)
{
	return pool_left(w) + watermark(w) / 2 < 0;
}

void hr_memory_charge(struct hr_worker *w, uint32_t n)
{
	w->pool_left -= n;
}

int hr_memory_init(struct hr_worker *w, char *err, size_t errlen)
{
	const struct hr_engine_config *cfg = &w->e->cfg;
	/* Sentinels of the half-open FIFOs are entries too; the limit itself is kept by
	 * hr_syn_new(). */
	const uint32_t syns = cfg->max_half_open + HR_SYN_ATTEMPTS * TCP_MAX_PARAMS;
	/* Ended ones wait for the end of their turn. */
	const uint32_t conns = RTE_MIN(cfg->max_conns * 2, HR_MAX_CONNS);
	const uint32_t ranges = (uint32_t)RTE_MIN(
		16ull * cfg->max_conns + RANGES_BASE, (uint64_t)HR_REF_INDEX_MASK);
	const struct {
		const char *name;
		size_t size;
		uint32_t max;
	} slabs[HR_MEM_COUNT] = {
		[HR_MEM_CONN] = {"connections", sizeof(struct conn), conns},
		[HR_MEM_SYN] = {"half-open", sizeof(struct tcp_syn), syns},
		[HR_MEM_TW4] = {"time-wait4", sizeof(struct tcp_tw4), cfg->max_time_wait + 1},
		[HR_MEM_TW6] = {"time-wait6", sizeof(struct tcp_tw6), cfg->max_time_wait + 1},
		[HR_MEM_RANGE] = {"ranges", sizeof(struct tx_range), ranges},
		[HR_MEM_EXT] = {"tcb-ext", sizeof(struct tcb_ext), cfg->max_conns * 2},
		[HR_MEM_TIMER] = {"app-timers", sizeof(struct hr_apptimer), HR_APP_TIMERS},
	};
	struct hr_table_config table = {.siphash = cfg->siphash, .numa_node = -1};
	int rc;

	for (unsigned i = 0; i < HR_MEM_COUNT; i++) {
		rc = hr_slab_init(
			&w->slab[i], slabs[i].name, slabs[i].size, slabs[i].max, -1, err, errlen);
		if (rc < 0)
			return rc;
		w->slab[i].keep = i == HR_MEM_TIMER;
	}
	w->slab[HR_MEM_CONN].readable = true;
	w->slab[HR_MEM_CONN].shown = offsetof(struct conn, handle);
	w->conn_floor = calloc(w->slab[HR_MEM_CONN].chunks, sizeof(*w->conn_floor));
	if (w->conn_floor == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "engine %s: no memory for its handles", w->e->name);
	table.slab[HR_REF_CONN] = &w->slab[HR_MEM_CONN];
	table.slab[HR_REF_SYN] = &w->slab[HR_MEM_SYN];
	table.slab[HR_REF_TW4] = &w->slab[HR_MEM_TW4];
	table.slab[HR_REF_TW6] = &w->slab[HR_MEM_TW6];
	table.max_entries = cfg->max_conns * 2 + cfg->max_half_open + cfg->max_time_wait + 1;
	hr_engine_key(w->e, "table", w->index, table.key);
	return hr_table_create(&table, &w->table, err, errlen);
}

void hr_memory_fini(struct hr_worker *w)
{
	if (w->table != NULL)
		hr_table_free(w->table);
	for (unsigned i = 0; i < HR_MEM_COUNT; i++)
		if (w->slab[i].base != NULL)
			hr_slab_fini(&w->slab[i]);
	free(w->conn_floor);
}
