/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of one queue: what happens to a packet, and when it comes out. Never writes into an
 * mbuf it was given: others may hold it too. Knows no port; time is an argument.
 */
#include "impair/impair.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_ether.h>

#define LINE_START 64
#define OVERTAKERS_MAX                                                                             \
	3 /* a reordered packet is passed by 1 to 3 later ones: enough for three duplicate ACKs */
#define FLIPPED_BITS_MAX 4

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

int hr_impair_lane_init(struct impair_lane *l, const struct impair_config *cfg,
	struct rte_mempool *pool, uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->cfg = cfg;
	l->pool = pool;
	l->line_size = LINE_START;
	l->line = calloc(LINE_START, sizeof(*l->line));
	l->rate_done_ns = calloc(cfg->queue_packets + 1, sizeof(*l->rate_done_ns));
	hr_rng_seed(&l->rng, seed);
	return l->line != NULL && l->rate_done_ns != NULL ? 0 : -ENOMEM;
}

void hr_impair_lane_fini(struct impair_lane *l)
{
	while (l->head != l->tail)
		rte_pktmbuf_free(l->line[l->tail++ & (l->line_size - 1)].m);
	for (unsigned i = 0; i < l->n_parked; i++)
		rte_pktmbuf_free(l->parked[i].m);
	free(l->line);
	free(l->rate_done_ns);
}

bool hr_impair_lane_room(const struct impair_lane *l)
{
	/* A packet, its duplicate, and everything that is parked may join the line at once. */
	return l->head - l->tail + IMPAIR_PARKED_MAX + 2 <= IMPAIR_LINE_MAX;
}

static bool grow_line(struct impair_lane *l)
{
	struct impair_held *line = calloc((size_t)l->line_size * 2, sizeof(*line));

	if (line == NULL)
		return false;
	for (uint32_t i = l->tail; i != l->head; i++)
		line[i & (l->line_size * 2 - 1)] = l->line[i & (l->line_size - 1)];
	free(l->line);
	l->line = line;
	l->line_size *= 2;
	return true;
}

static void join_line(struct impair_lane *l, struct rte_mbuf *m, uint64_t due_us)
{
	if (l->head - l->tail == l->line_size && !grow_line(l)) {
		rte_pktmbuf_free(m);
		count(&l->count.loss);
		return;
	}
	l->last_due_us = RTE_MAX(l->last_due_us, due_us);
	l->line[l->head++ & (l->line_size - 1)] =
		(struct impair_held){.due_us = l->last_due_us, .m = m};
}

static void unpark(struct impair_lane *l, unsigned i)
{
	l->n_parked--;
	memmove(&l->parked[i], &l->parked[i + 1], (l->n_parked - i) * sizeof(l->parked[0]));
}

/* A packet has joined the line: those parked before it let one more pass, and follow right behind
 * the last. */
static void let_pass(struct impair_lane *l)
{
	for (unsigned i = 0; i < l->n_parked;) {
		struct impair_parked p = l->parked[i];

		if (--l->parked[i].overtakers > 0) {
			i++;
			continue;
		}
		unpark(l, i);
		join_line(l, p.m, p.due_us);
	}
}

/* The packets that nobody came to overtake. */
static void unpark_late(struct impair_lane *l, uint64_t now_us)
{
	for (unsigned i = 0; i < l->n_parked;) {
		struct impair_parked p = l->parked[i];

		if (p.due_us + l->cfg->reorder_delay_us > now_us) {
			i++;
			continue;
		}
		unpark(l, i);
		join_line(l, p.m, p.due_us + l->cfg->reorder_delay_us);
	}
}

/* Its time on a link of the rate, queue included: false when the queue has no place. */
static bool pass_rate(
	struct impair_lane *l, const struct rte_mbuf *m, uint64_t now_us, uint64_t *out_us)
{
	const struct impair_config *c = l->cfg;
	uint64_t now_ns = now_us * 1000, slots = c->queue_packets + 1;

	if (c->rate_bps == 0) {
		*out_us = now_us;
		return true;
	}
	while (l->rate_tail != l->rate_head && l->rate_done_ns[l->rate_tail % slots] <= now_ns)
		l->rate_tail++;
	if (l->rate_head - l->rate_tail == slots)
		return false;
	l->rate_free_ns =
		RTE_MAX(l->rate_free_ns, now_ns) + m->pkt_len * 8000000000ull / c->rate_bps;
	l->rate_done_ns[l->rate_head++ % slots] = l->rate_free_ns;
	*out_us = (l->rate_free_ns + 999) / 1000;
	return true;
}

/* From here on a packet is only late. */
static void send_on(struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us)
{
	const struct impair_config *c = l->cfg;
	uint64_t due_us;

	if (!pass_rate(l, m, now_us, &due_us)) {
		rte_pktmbuf_free(m);
		count(&l->count.loss);
		return;
	}
	due_us += c->delay_us;
	if (c->jitter_us > 0)
		due_us += hr_rng_below(&l->rng, (uint32_t)c->jitter_us + 1);
	if (c->reorder > 0 && l->n_parked < IMPAIR_PARKED_MAX &&
		hr_rng_chance(&l->rng, c->reorder)) {
		l->parked[l->n_parked++] = (struct impair_parked){.due_us = due_us,
			.m = m,
			.overtakers = 1 + hr_rng_below(&l->rng, OVERTAKERS_MAX)};
		count(&l->count.reorder);
		return;
	}
	join_line(l, m, due_us);
	let_pass(l);
}

/* A damaged copy of m, which is freed; m itself when no copy can be had. The Ethernet header stays:
 * what a switch cannot deliver would be plain loss. */
static struct rte_mbuf *corrupted(struct impair_lane *l, struct rte_mbuf *m)
{
	unsigned bits = 1 + hr_rng_below(&l->rng, FLIPPED_BITS_MAX);
	struct rte_mbuf *copy;

	if (m->pkt_len <= sizeof(struct rte_ether_hdr))
		return m;
	copy = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);
	if (copy == NULL)
		return m;
	for (; bits > 0; bits--) {
		uint32_t at =
			(uint32_t)sizeof(struct rte_ether_hdr) +
			hr_rng_below(&l->rng, m->pkt_len - (uint32_t)sizeof(struct rte_ether_hdr));
		uint32_t bit = hr_rng_below(&l->rng, 8);
		struct rte_mbuf *seg = copy;

		for (; at >= seg->data_len; seg = seg->next)
			at -= seg->data_len;
		*rte_pktmbuf_mtod_offset(seg, uint8_t *, at) ^= (uint8_t)(1u << bit);
	}
	/* Nobody has verified this one. */
	copy->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	rte_pktmbuf_free(m);
	count(&l->count.corrupt);
	return copy;
}

static bool ruled_out(struct impair_lane *l, const struct rte_mbuf *m)
{
	bool out = false;

	for (unsigned i = 0; l->rules != NULL && i < l->cfg->n_rules; i++)
		if (hr_impair_rule_matches(&l->rules[i], m) &&
			__atomic_add_fetch(&l->rules[i].seen, 1, __ATOMIC_RELAXED) ==
				l->rules[i].nth)
			out = true;
	return out;
}

void hr_impair_lane_put(struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us)
{
	const struct impair_config *c = l->cfg;

	unpark_late(l, now_us);
	if (ruled_out(l, m) || (c->loss > 0 && hr_rng_chance(&l->rng, c->loss))) {
		rte_pktmbuf_free(m);
		count(&l->count.loss);
		return;
	}
	if (c->corrupt > 0 && hr_rng_chance(&l->rng, c->corrupt))
		m = corrupted(l, m);
	if (c->dup > 0 && hr_rng_chance(&l->rng, c->dup)) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);

		if (copy != NULL) {
			count(&l->count.dup);
			send_on(l, copy, now_us);
		}
	}
	send_on(l, m, now_us);
}

uint16_t hr_impair_lane_peek(
	struct impair_lane *l, uint64_t now_us, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i = 0;

	unpark_late(l, now_us);
	for (uint32_t at = l->tail; i < n && at != l->head; at++) {
		const struct impair_held *held = &l->line[at & (l->line_size - 1)];

		if (held->due_us > now_us)
			break;
		m[i++] = held->m;
	}
	return i;
}

void hr_impair_lane_pop(struct impair_lane *l, uint16_t n)
{
	l->tail += n;
}

uint64_t hr_impair_lane_deadline(const struct impair_lane *l)
{
	uint64_t due = l->head != l->tail ? l->line[l->tail & (l->line_size - 1)].due_us : HR_NEVER;

	for (unsigned i = 0; i < l->n_parked; i++)
		due = RTE_MIN(due, l->parked[i].due_us + l->cfg->reorder_delay_us);
	return due;
}
