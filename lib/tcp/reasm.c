/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Out-of-order data (RFC 9293 SHLD-31): mbufs sorted by sequence number without overlaps, and the
 * SACK blocks that tell of them (RFC 2018 4: the most recent first). Memory is bounded by what the
 * mbufs really take, not by their payload, and so is the search for a place; what was SACKed is not
 * dropped.
 */
#include "tcp/core.h"

#define OOO_STEPS     1024
#define OOO_HINT_STEP 32

static struct hr_mark *mark(const struct tcp_ctx *c, struct rte_mbuf *m)
{
	return hr_mark(m, c->mark_off);
}

static uint32_t true_size(const struct rte_mbuf *m)
{
	return (uint32_t)m->buf_len + (uint32_t)sizeof(*m);
}

/* Cut what prev and next already cover; false when nothing is left. */
static bool trim(struct tcp_ctx *c, struct rte_mbuf *prev, struct rte_mbuf *next, uint32_t *seq,
	uint16_t *off, uint16_t *len)
{
	if (prev != NULL) {
		int32_t over = seq_diff(mark(c, prev)->seq + mark(c, prev)->len, *seq);

		if (over >= *len)
			return false;
		if (over > 0) {
			*seq += (uint32_t)over;
			*off += (uint16_t)over;
			*len -= (uint16_t)over;
		}
	}
	if (next != NULL && seq_lt(mark(c, next)->seq, *seq + *len))
		*len = (uint16_t)(mark(c, next)->seq - *seq);
	return *len != 0;
}

static void forget(struct tcb_ext *x, const struct rte_mbuf *m)
{
	for (unsigned i = 0; i < OOO_HINTS; i++)
		if (x->ooo_hint[i] == m)
			x->ooo_hint[i] = NULL;
}

/* What came last is the first hint. The others are spread over the newest part of the tail, where a
 * path that reorders puts what it held back. */
static void remember(struct tcb_ext *x, struct rte_mbuf *m, bool tail)
{
	x->ooo_hint[0] = m;
	if (tail && x->ooo_tick++ % OOO_HINT_STEP == 0)
		x->ooo_hint[1 + x->ooo_tick / OOO_HINT_STEP % (OOO_HINTS - 1)] = m;
}

static void drop_after(struct tcp_ctx *c, struct tcb_ext *x, struct rte_mbuf *prev)
{
	struct rte_mbuf *m = mark(c, prev)->next;

	x->ooo_bytes -= mark(c, m)->len;
	x->ooo_true -= true_size(m);
	forget(x, m);
	if (m == prev) {
		x->ooo = NULL;
	} else {
		mark(c, prev)->next = mark(c, m)->next;
		if (x->ooo == m)
			x->ooo = prev;
	}
	rte_pktmbuf_free(m);
}

static void insert_after(
	struct tcp_ctx *c, struct tcb_ext *x, struct rte_mbuf *prev, struct rte_mbuf *m)
{
	bool tail = x->ooo == NULL || prev == x->ooo;

	if (x->ooo == NULL) {
		mark(c, m)->next = m;
		x->ooo = m;
	} else if (prev == NULL) { /* new head */
		mark(c, m)->next = mark(c, x->ooo)->next;
		mark(c, x->ooo)->next = m;
	} else {
		mark(c, m)->next = mark(c, prev)->next;
		mark(c, prev)->next = m;
		if (x->ooo == prev)
			x->ooo = m;
	}
	x->ooo_bytes += mark(c, m)->len;
	x->ooo_true += true_size(m);
	remember(x, m, tail);
}

/*
 * The last mbuf that begins at or before seq, NULL when none does. The tail is tried first, because
 * most arrivals extend it, then the hints: holes are filled from the left, and what was held back
 * belongs not far behind the tail. False: it is too far from all. A peer that scatters single bytes
 * over a large window must not make each packet cost more than this.
 */
static bool find_prev(struct tcp_ctx *c, struct tcb_ext *x, uint32_t seq, struct rte_mbuf **prev)
{
	struct rte_mbuf *m;
	uint32_t steps = 0;

	*prev = NULL;
	if (x->ooo == NULL)
		return true;
	if (seq_le(mark(c, x->ooo)->seq, seq)) {
		*prev = x->ooo;
		return true;
	}
	for (unsigned i = 0; i < OOO_HINTS; i++) {
		struct rte_mbuf *h = x->ooo_hint[i];

		if (h != NULL && seq_le(mark(c, h)->seq, seq) &&
			(*prev == NULL || seq_gt(mark(c, h)->seq, mark(c, *prev)->seq)))
			*prev = h;
	}
	m = mark(c, *prev != NULL ? *prev : x->ooo)->next;
	for (; seq_le(mark(c, m)->seq, seq) && steps < OOO_STEPS; m = mark(c, m)->next, steps++)
		*prev = m;
	hr_count_n(c->m, HR_C_ooo_steps, steps);
	return steps < OOO_STEPS;
}

bool hr_reasm_hold(struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint32_t seq, uint16_t off,
	uint16_t len)
{
	struct tcb_ext *x = hr_ext_get(c, t);
	struct rte_mbuf *prev, *next;
	uint32_t left = seq, right = seq + len;

	if (x == NULL || x->ooo_true + true_size(m) > 2 * t->rcv_buf + 4 * true_size(m) ||
		!find_prev(c, x, seq, &prev))
		return false;
	/* Mbufs that the new one covers wholly go; a longer one replaces them. */
	for (;;) {
		next = x->ooo == NULL || prev == x->ooo
			       ? NULL
			       : mark(c, prev != NULL ? prev : x->ooo)->next;
		if (next == NULL || seq_gt(mark(c, next)->seq + mark(c, next)->len, right))
			break;
		drop_after(c, x, prev != NULL ? prev : x->ooo);
	}
	if (!trim(c, prev, next, &seq, &off, &len)) {
		hr_sack_update(x, left, right);
		hr_ext_put(c, t);
		rte_pktmbuf_free(m); /* all of it is held already */
		return true;
	}
	*mark(c, m) = (struct hr_mark){.seq = seq, .off = off, .len = len};
	insert_after(c, x, prev, m);
	hr_sack_update(x, left, right);
	return true;
}

struct rte_mbuf *hr_reasm_pull(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);

	while (x != NULL && x->ooo != NULL) {
		struct rte_mbuf *m = mark(c, x->ooo)->next;
		struct hr_mark *k = mark(c, m);
		uint32_t end = k->seq + k->len;

		if (seq_gt(k->seq, t->rcv_nxt))
			return NULL;
		if (seq_le(end, t->rcv_nxt)) { /* covered by what came in order */
			drop_after(c, x, x->ooo);
			continue;
		}
		x->ooo_bytes -= k->len;
		x->ooo_true -= true_size(m);
		forget(x, m);
		if (m == x->ooo)
			x->ooo = NULL;
		else
			mark(c, x->ooo)->next = k->next;
		k->off += (uint16_t)(t->rcv_nxt - k->seq);
		k->len = (uint16_t)(end - t->rcv_nxt);
		k->seq = t->rcv_nxt;
		return m;
	}
	return NULL;
}

void hr_reasm_free(struct tcp_ctx *c, struct tcb_ext *x)
{
	while (x->ooo != NULL)
		drop_after(c, x, x->ooo);
}

/* [left, right) arrived: join the blocks it touches and put the result first. */
void hr_sack_update(struct tcb_ext *x, uint32_t left, uint32_t right)
{
	struct tcp_sack_block out[TCB_MAX_SACKS + 1];
	unsigned n = 1;

	for (unsigned i = 0; i < x->n_sacks; i++) {
		struct tcp_sack_block b = x->sacks[i];

		if (seq_gt(b.left, right) || seq_lt(b.right, left)) {
			out[n++] = b;
			continue;
		}
		left = seq_min(left, b.left);
		right = seq_max(right, b.right);
	}
	out[0] = (struct tcp_sack_block){left, right};
	x->n_sacks = (uint8_t)hr_min(n, (unsigned)TCB_MAX_SACKS);
	memcpy(x->sacks, out, x->n_sacks * sizeof(out[0]));
}

/* Blocks at or below rcv_nxt are told by the ACK itself. */
void hr_sack_advance(struct tcb_ext *x, uint32_t rcv_nxt)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x->n_sacks; i++)
		if (seq_gt(x->sacks[i].right, rcv_nxt))
			x->sacks[n++] = x->sacks[i];
	x->n_sacks = (uint8_t)n;
}
