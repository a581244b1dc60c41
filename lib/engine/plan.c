/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is asked of the ports, and what the workers may believe of them: offloads, queues, and the
 * one RSS key and RETA that decide whose a tuple is. A port that does not spread packets over as
 * many queues as there are workers, by that key and a RETA of that size, is shared by software.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/share.h"
#include "engine/worker.h"

#define RETA_SIZE 128 /* when no port has one: twice HR_MAX_WORKERS */

/* Less is not worth the frame. */
#define TSO_SEGS_MIN  4
#define TSO_BYTES_MIN 4096u

/* Microsoft's, that most drivers use, too. */
static const uint8_t default_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77,
	0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static bool has_rss(const struct hr_port_caps *c)
{
	return (c->offloads & HR_OFFLOAD_RSS) && c->reta_size > 0;
}

/* Queue i % workers for entry i: what the engine asks the port for, and what it goes on believing.
 */
static void make_reta(const struct hr_engine *e, unsigned p, uint16_t *reta)
{
	for (unsigned i = 0; i < e->caps[p].reta_size; i++)
		reta[i] = (uint16_t)(i % e->cfg.workers);
}

/* Source ports are inverted once for all ports of the engine: the first that can do without us sets
 * the key and the size. */
static void choose_rss(const struct hr_engine *e, struct hr_share_config *rss)
{
	*rss = (struct hr_share_config){.workers = e->cfg.workers,
		.key = default_key,
		.key_len = sizeof(default_key),
		.reta_size = RETA_SIZE};
	for (unsigned p = 0; p < e->cfg.n_ports; p++) {
		const struct hr_port_caps *c = &e->caps[p];

		if (!has_rss(c) || c->max_queues < e->cfg.workers || c->reta_size < e->cfg.workers)
			continue;
		rss->key = c->rss_key;
		rss->key_len = c->rss_key_len;
		rss->reta_size = c->reta_size;
		return;
	}
}

static bool spreads_as(const struct hr_port_caps *c, const struct hr_share_config *rss)
{
	return has_rss(c) && c->max_queues >= rss->workers && c->reta_size == rss->reta_size &&
	       c->rss_key_len == rss->key_len && memcmp(c->rss_key, rss->key, rss->key_len) == 0;
}

/* queues: of the port itself, that are used. */
static int share(struct hr_engine *e, unsigned p, const struct hr_share_config *rss,
	uint16_t queues, char *err, size_t errlen)
{
	struct hr_share_config cfg = *rss;
	int rc;

	cfg.queues = queues;
	rc = hr_share_port(e->port[p], &cfg, err, errlen);
	return rc < 0 ? rc : hr_port_caps(e->port[p], &e->caps[p]);
}

static int plan_queues(struct hr_engine *e, unsigned p, const struct hr_share_config *rss,
	char *err, size_t errlen)
{
	const struct hr_port_caps *c = &e->caps[p];
	uint16_t queues = RTE_MIN(c->max_queues, (uint16_t)e->cfg.workers), *reta;
	int rc = 0;

	/* Queues that are fed by a rule we do not know would mix up the order within a connection
	 * when that rule changes its mind. */
	if (!spreads_as(c, rss))
		rc = share(e, p, rss, has_rss(c) ? queues : 1, err, errlen);
	if (rc < 0)
		return rc;
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

int hr_plan_ports(struct hr_engine *e, char *err, size_t errlen)
{
	struct hr_share_config rss;
	uint8_t key[sizeof(e->caps[0].rss_key)];
	int rc;

	for (unsigned p = 0; p < e->cfg.n_ports; p++) {
		rc = hr_port_caps(e->port[p], &e->caps[p]);
		if (rc < 0)
			return hr_error(err, errlen, rc,
				"engine %s: port %u does not say what it can do", e->name, p);
		if (e->caps[p].max_queues == 0)
			return hr_error(err, errlen, -EINVAL, "engine %s: port %s has no queues",
				e->name, e->caps[p].name);
	}
	choose_rss(e, &rss);
	memcpy(key, rss.key, rss.key_len);
	rss.key = key;
	for (unsigned p = 0; p < e->cfg.n_ports; p++) {
		rc = e->cfg.workers > 1 ? plan_queues(e, p, &rss, err, errlen) : 0;
		if (rc < 0)
			return rc;
		e->offloads[p] = wanted_offloads(e, &e->caps[p]);
	}
	return 0;
}

/* The port does not do what it said it could: one queue, and software does it by the same rule. */
static int do_without_rss(
	struct hr_engine *e, unsigned p, struct hr_port_setup *setup, char *err, size_t errlen)
{
	const struct hr_port_caps was = e->caps[p];
	const struct hr_share_config rss = {.workers = e->cfg.workers,
		.key = was.rss_key,
		.key_len = was.rss_key_len,
		.reta_size = was.reta_size};
	int rc = share(e, p, &rss, 1, err, errlen);

	if (rc < 0)
		return rc;
	e->offloads[p] = setup->offloads = wanted_offloads(e, &e->caps[p]);
	return hr_port_start(e->port[p], setup, err, errlen);
}

int hr_plan_start(struct hr_engine *e, unsigned p, char *err, size_t errlen)
{
	uint16_t *reta = calloc(e->caps[p].reta_size + 1u, sizeof(*reta));
	struct hr_port_setup setup = {.queues = (uint16_t)e->cfg.workers,
		.pools = e->pool,
		.offloads = e->offloads[p],
		.reta = e->caps[p].reta_size > 0 ? reta : NULL,
		.clock = e->cfg.clock,
		.clock_arg = e->cfg.clock_arg,
		.seed = e->seed + p,
		.numa_node = -1};
	char why[HR_ERRLEN] = "";
	int rc;

	if (reta == NULL)
		return hr_error(err, errlen, -ENOMEM,
			"engine %s: no memory for the RETA of port %s", e->name, e->caps[p].name);
	if (setup.clock == NULL) {
		setup.clock = (uint64_t(*)(void *))hr_engine_clock;
		setup.clock_arg = e;
	}
	make_reta(e, p, reta);
	rc = hr_port_start(e->port[p], &setup, why, sizeof(why));
	if (rc == -ENOTSUP && e->rss[p] != NULL && hr_share_queues(e->port[p]) == 0) {
		memcpy(e->rss_refused[p], why, sizeof(why));
		rc = do_without_rss(e, p, &setup, why, sizeof(why));
	}
	if (rc < 0)
		hr_error(err, errlen, rc, "%s", why);
	free(reta);
	return rc;
}
