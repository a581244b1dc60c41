/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of one queue: what happens to a packet, and when it comes out. Never writes into an
 * mbuf it was given: others may hold it too. Knows no port; time is an argument.
 */
#include "impair/impair.h"

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

/* A gauge or a maximum, for readers of any thread. */
static void publish(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

void hr_impair_lane_init(struct impair_lane *l, const struct impair_config *cfg,
	struct rte_mempool *pool, uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->cfg = cfg;
	l->pool = pool;
	hr_rng_seed(&l->rng, seed);
}

static void free_line(struct impair_line *line)
{
	while (line->head != line->tail)
		rte_pktmbuf_free(line->held[line->tail++ & (line->size - 1)].m);
	free(line->held);
}

void hr_impair_lane_fini(struct impair_lane *l)
{
	free_line(&l->line);
	free_line(&l->express);
	for (unsigned i = 0; i < l->n_parked; i++)
		rte_pktmbuf_free(l->parked[i].m);
	free(l->queue.ring);
}

bool hr_impair_lane_room(const struct impair_lane *l, uint32_t n)
{
	uint32_t most = RTE_MAX(l->line.head - l->line.tail, l->express.head - l->express.tail);

	/* The packets, their duplicates, and everything that is parked may join a line at once. */
	return most + IMPAIR_PARKED_MAX + 2 * n <= IMPAIR_LINE_MAX;
}

/* Twice as large, or LINE_START when there was none: false when memory is gone. */
static bool grow_line(struct impair_line *line)
{
	uint32_t size = line->size > 0 ? line->size * 2 : LINE_START;
	struct impair_held *held = calloc(size, sizeof(*held));

	if (held == NULL)
		return false;
	for (uint32_t i = line->tail; i != line->head; i++)
		held[i & (size - 1)] = line->held[i & (line->size - 1)];
	free(line->held);
	line->held = held;
	line->size = size;
	return true;
}

static void join_line(
	struct impair_lane *l, struct impair_line *line, struct rte_mbuf *m, uint64_t due_us)
{
	if (line->head - line->tail == line->size && !grow_line(line)) {
		rte_pktmbuf_free(m);
		count(&l->count.loss);
		return;
	}
	line->last_due_us = RTE_MAX(line->last_due_us, due_us);
	line->held[line->head++ & (line->size - 1)] =
		(struct impair_held){.due_us = line->last_due_us, .m = m};
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
		join_line(l, &l->line, p.m, p.due_us);
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
		join_line(l, &l->line, p.m, p.due_us + l->cfg->reorder_delay_us);
	}
}

/* How a packet is late; one for itself and one for its duplicate. */
struct lateness {
	bool jump, reorder;
	uint32_t jitter_us, overtakers;
};

/* What chance has in store for a packet. */
struct fate {
	bool lost, corrupt, dup;
	uint64_t corrupt_seed;
	struct lateness late[2];
};

/* The two-state model of Gilbert and Elliott: the state first, then the loss in it. */
static bool lost_in_burst(struct impair_lane *l)
{
	const struct impair_config *c = l->cfg;
	bool unlucky;

	if (c->burst_share <= 0)
		return false;
	if (hr_rng_chance(&l->rng, l->bad ? c->burst_end : c->burst_enter))
		l->bad = !l->bad;
	unlucky = hr_rng_chance(&l->rng, c->burst_loss);
	return l->bad && unlucky;
}

static struct lateness draw_lateness(struct impair_lane *l)
{
	const struct impair_config *c = l->cfg;
	struct lateness late = {0};

	if (c->jump > 0)
		late.jump = hr_rng_chance(&l->rng, c->jump);
	if (c->jitter_us > 0)
		late.jitter_us = hr_rng_below(&l->rng, (uint32_t)c->jitter_us + 1);
	if (c->reorder > 0) {
		late.reorder = hr_rng_chance(&l->rng, c->reorder);
		late.overtakers = 1 + hr_rng_below(&l->rng, OVERTAKERS_MAX);
	}
	return late;
}

/*
 * Everything is drawn for every packet, needed or not: the fate of the nth packet then depends on
 * the seed alone, and not on when it came, how full the queue was or what became of the others.
 */
static struct fate draw_fate(struct impair_lane *l)
{
	const struct impair_config *c = l->cfg;
	struct fate f = {.lost = lost_in_burst(l)};

	if (c->loss > 0)
		f.lost |= hr_rng_chance(&l->rng, c->loss);
	if (c->corrupt > 0) {
		f.corrupt = hr_rng_chance(&l->rng, c->corrupt);
		f.corrupt_seed = hr_rng_u64(&l->rng);
	}
	f.late[0] = draw_lateness(l);
	if (c->dup > 0) {
		f.dup = hr_rng_chance(&l->rng, c->dup);
		f.late[1] = draw_lateness(l);
	}
	return f;
}

/* From here on a packet is only late. */
static void send_on(
	struct impair_lane *l, struct rte_mbuf *m, const struct lateness *late, uint64_t now_us)
{
	const struct impair_config *c = l->cfg;
	uint64_t due_us = now_us;

	if (c->rate_bps > 0) {
		m = hr_impair_queue_pass(l, m, now_us, &due_us);
		if (m == NULL)
			return;
	}
	if (late->jump) {
		join_line(l, &l->express, m, due_us);
		count(&l->count.jump);
		return;
	}
	due_us += c->delay_us + late->jitter_us;
	if (late->reorder && l->n_parked < IMPAIR_PARKED_MAX) {
		l->parked[l->n_parked++] = (struct impair_parked){
			.due_us = due_us, .m = m, .overtakers = late->overtakers};
		count(&l->count.reorder);
		return;
	}
	join_line(l, &l->line, m, due_us);
	let_pass(l);
}

/* A damaged copy of m, which is freed; m itself when no copy can be had. The Ethernet header stays:
 * what a switch cannot deliver would be plain loss. */
static struct rte_mbuf *corrupted(struct impair_lane *l, struct rte_mbuf *m, uint64_t seed)
{
	struct rte_mbuf *copy;
	struct hr_rng rng;
	unsigned bits;

	hr_rng_seed(&rng, seed);
	bits = 1 + hr_rng_below(&rng, FLIPPED_BITS_MAX);
	if (m->pkt_len <= sizeof(struct rte_ether_hdr))
		return m;
	copy = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);
	if (copy == NULL)
		return m;
	for (; bits > 0; bits--) {
		uint32_t at =
			(uint32_t)sizeof(struct rte_ether_hdr) +
			hr_rng_below(&rng, m->pkt_len - (uint32_t)sizeof(struct rte_ether_hdr));
		uint32_t bit = hr_rng_below(&rng, 8);
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
	struct fate f = draw_fate(l);

	unpark_late(l, now_us);
	if (ruled_out(l, m) || f.lost) {
		rte_pktmbuf_free(m);
		count(&l->count.loss);
		return;
	}
	if (f.corrupt)
		m = corrupted(l, m, f.corrupt_seed);
	if (f.dup) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);

		if (copy != NULL) {
			count(&l->count.dup);
			send_on(l, copy, &f.late[1], now_us);
		}
	}
	send_on(l, m, &f.late[0], now_us);
}

/* Which line has the packet that leaves first, when tail and etail are their first? NULL: neither
 * has one. */
static struct impair_held *first_due(
	struct impair_lane *l, uint32_t tail, uint32_t etail, struct impair_line **from)
{
	struct impair_line *line = &l->line, *express = &l->express;
	struct impair_held *a = tail != line->head ? &line->held[tail & (line->size - 1)] : NULL;
	struct impair_held *b =
		etail != express->head ? &express->held[etail & (express->size - 1)] : NULL;

	*from = b != NULL && (a == NULL || b->due_us < a->due_us) ? express : line;
	return *from == express ? b : a;
}

uint16_t hr_impair_lane_peek(
	struct impair_lane *l, uint64_t now_us, struct rte_mbuf **m, uint16_t n)
{
	uint32_t tail = l->line.tail, etail = l->express.tail;
	struct impair_line *from;
	uint16_t i = 0;

	unpark_late(l, now_us);
	if (l->cfg->rate_bps > 0)
		hr_impair_queue_drain(l, now_us);
	while (i < n) {
		const struct impair_held *held = first_due(l, tail, etail, &from);

		if (held == NULL || held->due_us > now_us)
			break;
		m[i++] = held->m;
		if (from == &l->line)
			tail++;
		else
			etail++;
	}
	return i;
}

void hr_impair_lane_pop(struct impair_lane *l, uint64_t now_us, uint16_t n)
{
	struct impair_line *from;

	for (; n > 0; n--) {
		uint64_t late_us =
			now_us - first_due(l, l->line.tail, l->express.tail, &from)->due_us;

		from->tail++;
		if (unlikely(late_us > IMPAIR_LATE_US)) {
			count(&l->count.late);
			publish(&l->count.late_max_us, RTE_MAX(l->count.late_max_us, late_us));
		}
	}
}

uint64_t hr_impair_lane_deadline(const struct impair_lane *l)
{
	const struct impair_line *line = &l->line, *express = &l->express;
	uint64_t due = line->head != line->tail ? line->held[line->tail & (line->size - 1)].due_us
						: HR_NEVER;

	if (express->head != express->tail)
		due = hr_min(due, express->held[express->tail & (express->size - 1)].due_us);
	for (unsigned i = 0; i < l->n_parked; i++)
		due = hr_min(due, l->parked[i].due_us + l->cfg->reorder_delay_us);
	return due;
}
