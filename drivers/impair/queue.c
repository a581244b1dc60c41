/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue in front of the rate: drop-tail in bytes or packets, marks instead of growing. A packet
 * passes at once in our time; what is kept is when each one that still waits would have been sent.
 *
 *      waiting, at most queue_bytes     being sent
 *   -> [ ] [ ] [ ] [ ] [ ] [ ] [ ] [ ] ->  [====]  -> delay
 *                      ^ CE from mark_bytes on
 */
#include "impair/impair.h"

#include <stdlib.h>

#define QUEUE_START 64

static struct impair_sent *at(const struct impair_queue *q, uint32_t i)
{
	return &q->ring[i & (q->size - 1)];
}

/* The first is being sent and does not wait. */
static uint64_t waiting_bytes(const struct impair_queue *q)
{
	return q->head == q->tail ? 0 : q->total_bytes - at(q, q->tail)->len;
}

static bool grow(struct impair_queue *q)
{
	uint32_t size = q->size > 0 ? q->size * 2 : QUEUE_START;
	struct impair_sent *ring = size <= IMPAIR_LINE_MAX ? calloc(size, sizeof(*ring)) : NULL;

	if (ring == NULL)
		return false;
	for (uint32_t i = q->tail; i != q->head; i++)
		ring[i & (size - 1)] = *at(q, i);
	free(q->ring);
	q->ring = ring;
	q->size = size;
	return true;
}

void hr_impair_queue_drain(struct impair_lane *l, uint64_t now_us)
{
	struct impair_queue *q = &l->queue;

	while (q->tail != q->head && at(q, q->tail)->done_ns <= now_us * 1000)
		q->total_bytes -= at(q, q->tail++)->len;
	__atomic_store_n(&l->count.queue_bytes, waiting_bytes(q), __ATOMIC_RELAXED);
}

static bool has_place(const struct impair_lane *l, uint32_t len)
{
	const struct impair_queue *q = &l->queue;
	const struct impair_config *c = l->cfg;

	/* An idle link takes any packet. */
	if (q->head == q->tail)
		return true;
	if (c->queue_bytes > 0 && waiting_bytes(q) + len > c->queue_bytes)
		return false;
	return c->queue_packets == 0 || q->head - q->tail <= c->queue_packets;
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

struct rte_mbuf *hr_impair_queue_pass(
	struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us, uint64_t *out_us)
{
	const struct impair_config *c = l->cfg;
	struct impair_queue *q = &l->queue;
	uint64_t waits;

	hr_impair_queue_drain(l, now_us);
	if (!has_place(l, m->pkt_len) || (q->head - q->tail == q->size && !grow(q))) {
		rte_pktmbuf_free(m);
		add(&l->count.queue_drop, 1);
		return NULL;
	}
	if (c->mark_bytes > 0 && waiting_bytes(q) >= c->mark_bytes) {
		struct rte_mbuf *marked = hr_impair_marked(m, l->pool);

		if (marked != NULL) {
			rte_pktmbuf_free(m);
			m = marked;
			add(&l->count.mark, 1);
		}
	}
	q->free_ns = RTE_MAX(q->free_ns, now_us * 1000) + m->pkt_len * 8000000000ull / c->rate_bps;
	*at(q, q->head++) = (struct impair_sent){.done_ns = q->free_ns, .len = m->pkt_len};
	q->total_bytes += m->pkt_len;
	*out_us = (q->free_ns + 999) / 1000;

	waits = waiting_bytes(q);
	__atomic_store_n(&l->count.queue_bytes, waits, __ATOMIC_RELAXED);
	if (waits > l->count.queue_max_bytes)
		__atomic_store_n(&l->count.queue_max_bytes, waits, __ATOMIC_RELAXED);
	return m;
}
