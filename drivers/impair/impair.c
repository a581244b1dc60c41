/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The port around the lanes: takes packets from both sides, asks the clock, and passes straight
 * through where a direction has nothing to do. What happens to a packet is lane.c's.
 */
#include "impair/impair.h"

#include <errno.h>
#include <stdlib.h>

#define BURST 32

struct impair {
	struct hr_port *inner;
	struct impair_config cfg;
	struct impair_config
		rules_only; /* the way out when dir=rx: an untroubled lane, but for the rules */
	uint64_t (*clock)(void *arg);
	void *clock_arg;
	uint16_t queues;
	struct impair_lane *lanes; /* [queue][direction] */
};

static struct impair_lane *lane_of(const struct impair *p, uint16_t queue, enum impair_dir dir)
{
	return &p->lanes[(size_t)queue * IMPAIR_DIRS + dir];
}

/* What is due goes out; what the inner port does not take stays first in line. */
static void pump_tx(struct impair *p, uint16_t queue, uint64_t now_us)
{
	struct impair_lane *l = lane_of(p, queue, IMPAIR_TX);
	struct rte_mbuf *m[BURST];
	uint16_t n, taken;

	do {
		n = hr_impair_lane_peek(l, now_us, m, BURST);
		taken = n > 0 ? p->inner->ops->tx(p->inner->priv, queue, m, n) : 0;
		hr_impair_lane_pop(l, now_us, taken);
	} while (taken == BURST);
}

static uint16_t impair_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct impair *p = port;
	struct impair_lane *l;
	uint64_t now_us;
	uint16_t i = 0;

	if (!p->cfg.on[IMPAIR_TX])
		return p->inner->ops->tx(p->inner->priv, queue, m, n);
	l = lane_of(p, queue, IMPAIR_TX);
	now_us = p->clock(p->clock_arg);
	for (; i < n && hr_impair_lane_room(l, 1); i++)
		hr_impair_lane_put(l, m[i], now_us);
	pump_tx(p, queue, now_us);
	return i;
}

static uint16_t impair_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct impair *p = port;
	struct impair_lane *l;
	uint64_t now_us;

	if (!p->cfg.on[IMPAIR_RX] && !p->cfg.on[IMPAIR_TX])
		return p->inner->ops->rx(p->inner->priv, queue, m, n);
	now_us = p->clock(p->clock_arg);
	if (p->cfg.on[IMPAIR_TX])
		pump_tx(p, queue, now_us);
	if (!p->cfg.on[IMPAIR_RX])
		return p->inner->ops->rx(p->inner->priv, queue, m, n);

	l = lane_of(p, queue, IMPAIR_RX);
	for (uint16_t taken = 0; taken < n && hr_impair_lane_room(l, BURST);) {
		struct rte_mbuf *in[BURST];
		uint16_t want = RTE_MIN((uint16_t)(n - taken), (uint16_t)BURST);
		uint16_t got = p->inner->ops->rx(p->inner->priv, queue, in, want);

		for (uint16_t i = 0; i < got; i++)
			hr_impair_lane_put(l, in[i], now_us);
		taken += got;
		if (got < want)
			break;
	}
	uint16_t out = hr_impair_lane_peek(l, now_us, m, n);

	hr_impair_lane_pop(l, now_us, out);
	return out;
}

static void impair_flush(void *port, uint16_t queue)
{
	struct impair *p = port;

	if (p->cfg.on[IMPAIR_TX])
		pump_tx(p, queue, p->clock(p->clock_arg));
	if (p->inner->ops->flush != NULL)
		p->inner->ops->flush(p->inner->priv, queue);
}

static uint64_t impair_deadline(void *port, uint16_t queue)
{
	const struct impair *p = port;
	uint64_t due = HR_NEVER;

	if (p->inner->ops->deadline != NULL)
		due = p->inner->ops->deadline(p->inner->priv, queue);
	for (unsigned dir = 0; dir < IMPAIR_DIRS; dir++) {
		if (p->cfg.on[dir]) {
			uint64_t own = hr_impair_lane_deadline(lane_of(p, queue, dir));

			due = RTE_MIN(due, own);
		}
	}
	return due;
}

/*
 * Offloads that would undo the work are hidden: a NIC that writes checksums heals what we broke,
 * and TSO makes one packet of forty. Held packets are not copied yet.
 */
static int impair_caps(void *port, struct hr_port_caps *caps)
{
	const struct impair *p = port;
	int rc = p->inner->ops->caps(p->inner->priv, caps);

	if (p->cfg.on[IMPAIR_TX]) {
		caps->copies_tx = false;
		caps->offloads &= ~(HR_OFFLOAD_TSO | HR_OFFLOAD_FAST_FREE);
		if (p->cfg.corrupt > 0 && p->cfg.shaped[IMPAIR_TX])
			caps->offloads &= ~HR_OFFLOAD_TX_CSUM;
	}
	return rc;
}

static int impair_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct impair *p = port;
	uint64_t seed = p->cfg.seeded ? p->cfg.seed : setup->seed;

	if (p->lanes != NULL)
		return hr_error(err, errlen, -EBUSY, "impair(...): this port was started before");
	if (setup->queues == 0 || setup->clock == NULL)
		return hr_error(err, errlen, -EINVAL,
			"impair(...) needs at least one queue, and a clock to delay by");
	p->clock = setup->clock;
	p->clock_arg = setup->clock_arg;
	p->queues = setup->queues;
	p->lanes = calloc((size_t)setup->queues * IMPAIR_DIRS, sizeof(*p->lanes));
	if (p->lanes == NULL)
		return hr_error(err, errlen, -ENOMEM, "impair(...): no memory for %u queues",
			setup->queues);
	for (unsigned i = 0; i < (unsigned)setup->queues * IMPAIR_DIRS; i++) {
		const struct impair_config *cfg =
			p->cfg.shaped[i % IMPAIR_DIRS] ? &p->cfg : &p->rules_only;
		struct impair_lane *l = &p->lanes[i];

		/* Lanes draw from streams of their own: packets of one queue do not change the fate
		 * of another's. */
		hr_impair_lane_init(
			l, cfg, setup->pools[i / IMPAIR_DIRS], seed * 0x9e3779b97f4a7c15 + i);
		l->rules = i % IMPAIR_DIRS == IMPAIR_TX ? p->cfg.rule : NULL;
	}
	return p->inner->ops->start(p->inner->priv, setup, err, errlen);
}

static int impair_set_reta(void *port, const uint16_t *reta, uint16_t n)
{
	return hr_port_set_reta(((struct impair *)port)->inner, reta, n);
}

static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static int impair_stats(void *port, struct hr_port_stats *s)
{
	const struct impair *p = port;

	if (p->inner->ops->stats != NULL)
		p->inner->ops->stats(p->inner->priv, s);
	for (unsigned i = 0; p->lanes != NULL && i < (unsigned)p->queues * IMPAIR_DIRS; i++) {
		const struct impair_counts *c = &p->lanes[i].count;
		uint64_t late_max_us = read_counter(&c->late_max_us);

		s->impaired_loss += read_counter(&c->loss);
		s->impaired_dup += read_counter(&c->dup);
		s->impaired_reorder += read_counter(&c->reorder) + read_counter(&c->jump);
		s->impaired_corrupt += read_counter(&c->corrupt);
		s->impaired_queue_drop += read_counter(&c->queue_drop);
		s->impaired_mark += read_counter(&c->mark);
		s->impaired_late += read_counter(&c->late);
		s->impaired_late_max_us = RTE_MAX(s->impaired_late_max_us, late_max_us);
		s->impaired_queue_bytes += read_counter(&c->queue_bytes);
		s->impaired_queue_max_bytes += read_counter(&c->queue_max_bytes);
	}
	return 0;
}

static bool impair_link_up(void *port)
{
	const struct impair *p = port;

	return p->inner->ops->link_up == NULL || p->inner->ops->link_up(p->inner->priv);
}

static void impair_close(void *port)
{
	struct impair *p = port;

	for (unsigned i = 0; p->lanes != NULL && i < (unsigned)p->queues * IMPAIR_DIRS; i++)
		hr_impair_lane_fini(&p->lanes[i]);
	free(p->lanes);
	hr_port_close(p->inner);
	free(p);
}

static const struct hr_port_ops impair_ops = {
	.driver = "impair",
	.caps = impair_caps,
	.start = impair_start,
	.rx = impair_rx,
	.tx = impair_tx,
	.flush = impair_flush,
	.deadline = impair_deadline,
	.set_reta = impair_set_reta,
	.stats = impair_stats,
	.link_up = impair_link_up,
	.close = impair_close,
};

static int impair_open(const char *spec, const struct hr_port_args *args, struct hr_port *inner,
	struct hr_port **port, char *err, size_t errlen)
{
	struct impair *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return hr_error(err, errlen, -ENOMEM, "impair(...): no memory");
	rc = hr_impair_parse(args, &p->cfg, err, errlen);
	if (rc == 0) {
		rc = hr_port_create(&impair_ops, p, port);
		if (rc < 0)
			hr_error(err, errlen, rc, "impair(...): no memory");
	}
	if (rc < 0) {
		free(p);
		return rc;
	}
	p->inner = inner;
	p->rules_only.n_rules = p->cfg.n_rules;
	return 0;
}

const struct hr_port_driver hr_impair_driver = {
	.name = "impair",
	.wrapper = true,
	.open = impair_open,
};
