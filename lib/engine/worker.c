/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's birth, its end, and what may be asked about it. Its life is worker_turn.c. */
#include <errno.h>
#include <stdlib.h>

#include "engine/worker.h"

/* RFC 6335: the dynamic range is 49152..65535; more tuples per remote need more of the user range,
 * as everybody does. */
#define PORT_FIRST 1024
#define PORT_LAST  65535

static int create_ip(struct hr_worker *w, char *err, size_t errlen)
{
	const struct hr_ip_config cfg = {.cfg = &w->e->cfg,
		.ports = w->e->caps,
		.m = &w->m,
		.rng = &w->rng,
		.pool = w->pool,
		.emit = hr_tx_emit,
		.unreachable = hr_unreachable,
		.arg = w};

	return hr_ip_create(&cfg, &w->ip, err, errlen);
}

static int create_flow(struct hr_worker *w, char *err, size_t errlen)
{
	uint64_t key[2];

	hr_engine_key(w->e, "ports", w->index, key);
	w->listeners = hr_listeners_create();
	/* All ports have one key and RETA: plan.c sees to that. */
	w->ports = hr_ports_create(w->e->rss[0], w->index, PORT_FIRST, PORT_LAST, key);
	if (w->listeners == NULL || w->ports == NULL)
		return hr_error(err, errlen, -ENOMEM, "engine %s: no memory for worker %u",
			w->e->name, w->index);
	return 0;
}

static void create_tcp(struct hr_worker *w)
{
	const struct hr_engine *e = w->e;
	w->tcp.ranges = &w->slab[HR_MEM_RANGE];
	w->tcp.exts = &w->slab[HR_MEM_EXT];
	w->tcp.m = &w->m;
	w->tcp.mark_off = e->mark_off;
	w->tcp.params[0] = e->cfg.tcp;
	w->tcp.n_params = 1;
	memcpy(w->tcp.isn_key, e->isn_key, sizeof(e->isn_key));
	memcpy(w->tcp.cookie_key, e->cookie_key, sizeof(e->cookie_key));
}

int hr_worker_create(
	struct hr_engine *e, unsigned index, struct hr_worker **out, char *err, size_t errlen)
{
	struct hr_worker *w = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*w), (size_t)RTE_CACHE_LINE_SIZE));
	uint64_t key[2];
	int rc;

	if (w == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "engine %s: no memory for worker %u", e->name, index);
	memset(w, 0, sizeof(*w));
	*out = w;
	w->e = e;
	w->index = (uint16_t)index;
	w->multi = e->cfg.workers > 1;
	w->profile = e->cfg.profile;
	w->pool = e->pool[index];
	w->pool_size = hr_memory_mbufs(e);
	w->now_us = w->out_us = hr_engine_clock(e);
	w->rst_second = HR_NEVER;
	w->syn_next_us = HR_NEVER;
	hr_engine_key(e, "rng", index, key);
	hr_rng_seed(&w->rng, key[0]);
	hr_engine_key(e, "label", index, w->label_key);
	rc = hr_memory_init(w, err, errlen);
	if (rc == 0)
		rc = hr_mailbox_init(w, err, errlen);
	if (rc == 0)
		rc = create_ip(w, err, errlen);
	if (rc == 0)
		rc = create_flow(w, err, errlen);
	if (rc < 0)
		return rc;
	create_tcp(w);
	hr_wheel_init(&w->wheel, &w->slab[HR_MEM_CONN], offsetof(struct conn, timer), w->now_us);
	hr_wheel_init(&w->app_wheel, &w->slab[HR_MEM_TIMER], offsetof(struct hr_apptimer, node),
		w->now_us);
	return 0;
}

void hr_worker_free(struct hr_worker *w)
{
	/* A worker that was never finished has no connections, and perhaps no slabs to look for
	 * them in. */
	if (w->slab[HR_MEM_CONN].base != NULL)
		hr_conn_free_all(w);
	hr_handed_fini(w);
	hr_tx_fini(w);
	hr_mailbox_fini(w);
	hr_syn_fini(w);
	if (w->ip != NULL)
		hr_ip_free(w->ip);
	if (w->ports != NULL)
		hr_ports_free(w->ports);
	if (w->listeners != NULL)
		hr_listen_free(w);
	hr_memory_fini(w);
	free(w);
}

uint64_t hr_worker_time_outside(struct hr_worker *w)
{
	uint64_t now_us = hr_engine_clock(w->e);

	/* Never backwards, whatever the clock does. */
	w->now_us = RTE_MAX(w->now_us, now_us);
	return w->now_us;
}

uint64_t hr_worker_now(const struct hr_worker *w)
{
	return w->now_us;
}

unsigned hr_worker_index(const struct hr_worker *w)
{
	return w->index;
}

struct hr_engine *hr_worker_engine(const struct hr_worker *w)
{
	return w->e;
}

uint32_t hr_worker_conns(const struct hr_worker *w)
{
	return __atomic_load_n(&w->conns_live, __ATOMIC_RELAXED);
}

void hr_worker_set_user(struct hr_worker *w, void *user)
{
	w->user = user;
}

void *hr_worker_user(const struct hr_worker *w)
{
	return w->user;
}

void hr_worker_census(struct hr_worker *w, struct hr_census *c)
{
	*c = (struct hr_census){
		.conns = w->slab[HR_MEM_CONN].live,
		.half_open = w->n_half_open,
		.time_wait = w->n_time_wait,
		.ranges = w->slab[HR_MEM_RANGE].live,
		.exts = w->slab[HR_MEM_EXT].live,
		.table = hr_table_count(w->table),
		.timers = w->wheel.count,
		.app_timers = w->app_timers,
		.ready = w->ready.n,
		.dirty = w->dirty.n,
		.mbufs = rte_mempool_in_use_count(w->pool) - w->tx_spares,
	};
}

void hr_worker_force_copy(struct hr_worker *w, bool on)
{
	w->force_copy = on;
}

void hr_worker_plain(struct hr_worker *w, bool on)
{
	w->plain = on;
	w->tcp.plain = on;
}

struct hr_slab *hr_worker_slab(struct hr_worker *w, enum hr_memory which)
{
	return &w->slab[which];
}

struct rte_mempool *hr_worker_pool(struct hr_worker *w)
{
	return w->pool;
}

const struct hr_metrics *hr_worker_metrics(const struct hr_worker *w)
{
	return &w->m;
}

void hr_worker_check(struct hr_worker *w)
{
	for (uint32_t i = 1; i <= w->conn_top; i++) {
		const struct conn *c = hr_conn_of(w, i);

		if (c != NULL)
			hr_tcb_check(&w->tcp, &c->tcb);
	}
}
