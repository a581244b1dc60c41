/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine's birth and end: checks the request, takes over the ports, derives all secrets from one
 * seed, makes pools and workers. After that it only holds what the workers share. What is asked of
 * the ports is plan.c's.
 */
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_cycles.h>

#include "base/siphash.h"
#include "engine/worker.h"

/* An entry has 26 bits for its neighbours in the FIFO; the FIFOs' sentinels are of the same slab.
 */
#define MOST_HALF_OPEN (HR_SYN_INDEX_MAX - HR_SYN_ATTEMPTS * TCP_MAX_PARAMS)

const struct hr_engine_config hr_engine_config_default = {
	.name = "headrace",
	.workers = 1,
	.max_conns = 1000000,
	.max_half_open = 65536,
	.max_time_wait = 1000000,
	.tcp =
		{
#define X(field, dflt, on_linux, on_freebsd, least, most) .field = (dflt),
#include "tcp/params.def"
#undef X
		},
	.idle = HR_IDLE_AUTO,
	.rst_per_s = 1000,
};

uint64_t hr_engine_clock(const struct hr_engine *e)
{
	if (e->cfg.clock != NULL)
		return e->cfg.clock(e->cfg.clock_arg);
	return (uint64_t)((unsigned __int128)rte_rdtsc() * e->us_per_tick >> 64);
}

void hr_engine_key(const struct hr_engine *e, const char *purpose, unsigned worker, uint64_t key[2])
{
	const uint64_t secret[2] = {e->seed, ~e->seed};
	uint8_t text[32] = {0};

	memcpy(text, purpose, RTE_MIN(strlen(purpose), sizeof(text) - 8));
	text[24] = (uint8_t)worker;
	for (unsigned i = 0; i < 2; i++) {
		text[25] = (uint8_t)i;
		key[i] = hr_siphash24(secret, text, sizeof(text));
	}
}

/* The limits that the numbers inside handles and references set. */
static int check_limits(const struct hr_engine *e, char *err, size_t errlen)
{
	const struct hr_engine_config *c = &e->cfg;

	if (c->workers < 1 || c->workers > HR_MAX_WORKERS)
		return hr_error(err, errlen, -EINVAL, "engine %s: workers=%u; use 1 to %u", e->name,
			c->workers, HR_MAX_WORKERS);
	if (c->n_ports < 1 || c->n_ports > HR_MAX_PORTS)
		return hr_error(err, errlen, -EINVAL, "engine %s: %u ports; use 1 to %u", e->name,
			c->n_ports, HR_MAX_PORTS);
	for (unsigned p = 0; p < c->n_ports; p++)
		if (c->ports[p] == NULL)
			return hr_error(err, errlen, -EINVAL,
				"engine %s: port %u is not open; open it with hr_port_open()",
				e->name, p);
	if (c->n_addrs == 0 || c->addrs == NULL)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: it has no local address; give it one in addrs", e->name);
	if (c->max_conns < 1 || c->max_conns > HR_MAX_CONNS)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: max_conns=%u; use 1 to %u per worker", e->name, c->max_conns,
			HR_MAX_CONNS);
	if (c->max_half_open > MOST_HALF_OPEN || c->max_time_wait >= TW_LINK_MASK)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: max_half_open can be %u at most, max_time_wait %u", e->name,
			MOST_HALF_OPEN, TW_LINK_MASK - 1);
	return hr_tcp_params_check(&c->tcp, err, errlen);
}

/* Deep copies: the caller's arrays may go away. */
static int copy_config(
	struct hr_engine *e, const struct hr_engine_config *cfg, char *err, size_t errlen)
{
	e->cfg = *cfg;
	snprintf(e->name, sizeof(e->name), "%s", cfg->name != NULL ? cfg->name : "headrace");
	e->cfg.name = e->name;
	for (unsigned p = 0; p < RTE_MIN(cfg->n_ports, (unsigned)HR_MAX_PORTS); p++)
		e->port[p] = cfg->ports[p];
	e->addrs = calloc(cfg->n_addrs + 1, sizeof(*e->addrs));
	e->gateways = calloc(cfg->n_gateways + 1, sizeof(*e->gateways));
	if (e->addrs == NULL || e->gateways == NULL)
		return hr_error(err, errlen, -ENOMEM, "engine %s: no memory for its configuration",
			e->name);
	if (cfg->addrs != NULL)
		memcpy(e->addrs, cfg->addrs, cfg->n_addrs * sizeof(*e->addrs));
	if (cfg->gateways != NULL)
		memcpy(e->gateways, cfg->gateways, cfg->n_gateways * sizeof(*e->gateways));
	e->cfg.addrs = cfg->addrs != NULL ? e->addrs : NULL;
	e->cfg.gateways = e->gateways;
	return 0;
}

static int make_secrets(struct hr_engine *e, char *err, size_t errlen)
{
	e->seed = e->cfg.seed;
	if (e->seed == 0 && getrandom(&e->seed, sizeof(e->seed), 0) != sizeof(e->seed))
		return hr_error(err, errlen, -EIO,
			"engine %s: the kernel gives no random bytes; set a seed", e->name);
	hr_engine_key(e, "isn", 0, e->isn_key);
	hr_engine_key(e, "cookie", 0, e->cookie_key);
	e->us_per_tick = (uint64_t)(((unsigned __int128)1000000 << 64) / rte_get_tsc_hz());
	return 0;
}

static int make_workers(struct hr_engine *e, char *err, size_t errlen)
{
	int rc = 0;

	for (unsigned i = 0; i < e->cfg.workers && rc == 0; i++) {
		rc = hr_memory_pool(e, i, err, errlen);
		if (rc < 0)
			return rc;
		e->n_workers = i + 1;
		rc = hr_worker_create(e, i, &e->worker[i], err, errlen);
	}
	for (unsigned p = 0; p < e->cfg.n_ports && rc == 0; p++)
		rc = hr_plan_start(e, p, err, errlen);
	return rc;
}

int hr_engine_create(
	const struct hr_engine_config *cfg, struct hr_engine **engine, char *err, size_t errlen)
{
	struct hr_engine *e = calloc(1, sizeof(*e));
	int rc;

	*engine = NULL;
	if (e == NULL) {
		for (unsigned p = 0; p < RTE_MIN(cfg->n_ports, (unsigned)HR_MAX_PORTS); p++)
			hr_port_close(cfg->ports[p]);
		return hr_error(err, errlen, -ENOMEM, "no memory for an engine");
	}
	rc = copy_config(e, cfg, err, errlen);
	if (rc == 0)
		rc = check_limits(e, err, errlen);
	if (rc == 0)
		rc = make_secrets(e, err, errlen);
	if (rc == 0) {
		e->mark_off = hr_mark_register(err, errlen);
		rc = e->mark_off < 0 ? e->mark_off : 0;
	}
	if (rc == 0)
		rc = hr_plan_ports(e, err, errlen);
	if (rc == 0)
		rc = make_workers(e, err, errlen);
	if (rc < 0) {
		hr_engine_destroy(e);
		return rc;
	}
	/* Once for all workers: the neighbours' answers are copied to each. */
	hr_ip_announce(e->worker[0]->ip, e->worker[0]->now_us);
	*engine = e;
	return 0;
}

void hr_engine_destroy(struct hr_engine *e)
{
	if (e == NULL)
		return;
	for (unsigned i = 0; i < e->n_workers; i++)
		if (e->worker[i] != NULL)
			hr_worker_free(e->worker[i]);
	for (unsigned p = 0; p < HR_MAX_PORTS; p++)
		hr_port_close(e->port[p]);
	/* Last: ports gave back what they held. */
	for (unsigned i = 0; i < HR_MAX_WORKERS; i++)
		rte_mempool_free(e->pool[i]);
	for (unsigned p = 0; p < HR_MAX_PORTS; p++)
		if (e->rss[p] != NULL)
			hr_rss_free(e->rss[p]);
	free(e->addrs);
	free(e->gateways);
	free(e);
}

unsigned hr_engine_workers(const struct hr_engine *e)
{
	return e->n_workers;
}

struct hr_worker *hr_engine_worker(struct hr_engine *e, unsigned i)
{
	return i < e->n_workers ? e->worker[i] : NULL;
}

enum hr_idle hr_engine_idle(const struct hr_engine *e)
{
	return e->cfg.idle;
}

const char *hr_engine_name(const struct hr_engine *e)
{
	return e->name;
}
