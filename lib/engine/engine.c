/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine's birth and end: checks the request, takes over the ports, derives all secrets from one
 * seed, makes pools and workers, starts the ports. After that it only holds what the workers share.
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

/* Less is not worth the frame. */
#define TSO_SEGS_MIN  4
#define TSO_BYTES_MIN 4096u

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

/* Queue i % workers for entry i: what the engine asks the port for, and what it goes on believing.
 */
static void make_reta(const struct hr_engine *e, unsigned p, uint16_t *reta)
{
	for (unsigned i = 0; i < e->caps[p].reta_size; i++)
		reta[i] = (uint16_t)(i % e->cfg.workers);
}

static int plan_queues(struct hr_engine *e, unsigned p, char *err, size_t errlen)
{
	const struct hr_port_caps *c = &e->caps[p];
	uint16_t *reta;
	int rc;

	if (c->max_queues < e->cfg.workers)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: port %s has %u queues for %u workers; use %u workers (sharing "
			"a queue by software is not implemented)",
			e->name, c->name, c->max_queues, e->cfg.workers, c->max_queues);
	if (e->cfg.workers == 1)
		return 0;
	if ((c->offloads & HR_OFFLOAD_RSS) == 0 || c->reta_size == 0)
		return hr_error(err, errlen, -EINVAL,
			"engine %s: port %s does not spread packets over queues (no RSS); use 1 "
			"worker, or a port with RSS",
			e->name, c->name);
	/* Source ports are inverted once for all ports of the engine. */
	if (p > 0 &&
		(c->rss_key_len != e->caps[0].rss_key_len || c->reta_size != e->caps[0].reta_size ||
			memcmp(c->rss_key, e->caps[0].rss_key, c->rss_key_len) != 0))
		return hr_error(err, errlen, -EINVAL,
			"engine %s: ports %s and %s differ in RSS key or RETA size; use an engine "
			"for each of them, or 1 worker",
			e->name, e->caps[0].name, c->name);
	reta = calloc(c->reta_size, sizeof(*reta));
	if (reta == NULL)
		return hr_error(err, errlen, -ENOMEM,
			"engine %s: no memory for the RETA of port %s", e->name, c->name);
	make_reta(e, p, reta);
	rc = hr_rss_create(c->rss_key, c->rss_key_len, reta, c->reta_size, &e->rss[p], err, errlen);
	free(reta);
	return rc;
}

static uint32_t wanted_offloads(const struct hr_engine *e, struct hr_port_caps *c)
{
	uint32_t use = c->offloads & (HR_OFFLOAD_RX_CSUM | HR_OFFLOAD_TX_CSUM);

	if (e->cfg.workers > 1)
		use |= c->offloads & HR_OFFLOAD_RSS;
	/* Frames to be cut have a sum to be completed, and hardly ever fit one mbuf. */
	c->tso_bytes = RTE_MIN(c->tso_bytes, (uint32_t)UINT16_MAX);
	if ((use & HR_OFFLOAD_TX_CSUM) && c->tx_segs >= TSO_SEGS_MIN &&
		c->tso_bytes >= TSO_BYTES_MIN)
		use |= c->offloads & HR_OFFLOAD_TSO;
	return use;
}

static int plan_ports(struct hr_engine *e, char *err, size_t errlen)
{
	for (unsigned p = 0; p < e->cfg.n_ports; p++) {
		int rc = hr_port_caps(e->port[p], &e->caps[p]);

		if (rc < 0)
			return hr_error(err, errlen, rc,
				"engine %s: port %u does not say what it can do", e->name, p);
		e->offloads[p] = wanted_offloads(e, &e->caps[p]);
		rc = plan_queues(e, p, err, errlen);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int start_port(struct hr_engine *e, unsigned p, char *err, size_t errlen)
{
	struct hr_port *port = e->port[p];
	uint16_t *reta = calloc(e->caps[p].reta_size + 1u, sizeof(*reta));
	struct hr_port_setup setup = {.queues = (uint16_t)e->cfg.workers,
		.pools = e->pool,
		.offloads = e->offloads[p],
		.reta = e->caps[p].reta_size > 0 ? reta : NULL,
		.clock = e->cfg.clock,
		.clock_arg = e->cfg.clock_arg,
		.seed = e->seed + p,
		.numa_node = -1};
	int rc;

	if (reta == NULL)
		return hr_error(err, errlen, -ENOMEM,
			"engine %s: no memory for the RETA of port %s", e->name, e->caps[p].name);
	if (setup.clock == NULL) {
		setup.clock = (uint64_t(*)(void *))hr_engine_clock;
		setup.clock_arg = e;
	}
	make_reta(e, p, reta);
	rc = port->ops->start(port->priv, &setup, err, errlen);
	free(reta);
	return rc;
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
		rc = start_port(e, p, err, errlen);
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
		rc = plan_ports(e, err, errlen);
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
