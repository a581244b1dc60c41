/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scoreboard of the sender (RFC 2018, 2883): the blocks of an ACK mark ranges as SACKed. An
 * ACK repeats blocks that are known and adds a little to one of them, so searches for what
 * is high up start there; SACKed neighbours merge on the spot.
 */
#include "tcp/recovery.h"

#define SACK_STEPS 1024u /* ranges on the way to a block */

/* RFC 2883 4: the first block reports a duplicate when it begins below the ACK, or lies inside the
 * second block. */
static bool is_dsack(const struct tcp_seg *s, struct tcp_sack b)
{
	struct tcp_sack second;

	if (seq_lt(b.left, s->ack))
		return true;
	if (s->sack_n < 2)
		return false;
	second = hr_seg_sack(s, 1);
	return seq_ge(b.left, second.left) && seq_le(b.right, second.right);
}

/* Something we sent, and not longer ago than a window: else it says nothing. */
static bool plausible_dsack(const struct tcb *t, struct tcp_sack b)
{
	return seq_le(b.right, t->snd_nxt) &&
	       seq_ge(b.left, t->snd_una - hr_max(t->snd_max_wnd, tcb_flight(t)));
}

/* May a search for something at seq begin at range i? It begins below, or is the block itself. */
static bool good_start(const struct tx_range *r, uint32_t seq)
{
	return seq_lt(r->seq, seq) || (r->seq == seq && (r->flags & TR_SACKED));
}

/* The highest of the known places that is not above seq: where a block was before, or, for what is
 * told first, where RACK's search ended. */
static uint32_t search_from(
	const struct tcp_ctx *c, const struct tcb *t, const struct tcb_ext *x, uint32_t seq)
{
	uint32_t best = t->range_head, best_seq = t->snd_una;

	for (unsigned k = 0; k <= TCB_SACK_HINTS; k++) {
		uint32_t i = k < TCB_SACK_HINTS ? x->sack_hint[k] : x->reo_hint;
		const struct tx_range *r;

		if (i == 0)
			continue;
		r = hr_range_at(c, t, i);
		if (good_start(r, seq) && seq_gt(r->seq, best_seq)) {
			best = i;
			best_seq = r->seq;
		}
	}
	return best;
}

/* The place was used, or is new: it is the last to be forgotten. */
static void remember(struct tcb_ext *x, uint32_t i)
{
	unsigned k = 0;

	while (k < TCB_SACK_HINTS - 1 && x->sack_hint[k] != i)
		k++;
	memmove(&x->sack_hint[1], &x->sack_hint[0], k * sizeof(x->sack_hint[0]));
	x->sack_hint[0] = i;
}

static void delivered(
	struct tcb *t, struct tcb_ext *x, struct tx_range *r, struct tcp_ack *a, uint64_t now_us)
{
	uint32_t len = r->end - r->seq;

	hr_rack_delivered(t, x, r, r->end, a, now_us);
	r->segs = (uint16_t)hr_min((len + t->snd_mss - 1) / t->snd_mss, (uint32_t)UINT16_MAX);
	a->original |= !(r->flags & TR_RETX);
	hr_range_mark(x, r, TR_SACKED, TR_LOST);
	a->sacked += len;
	a->delivered += len;
}

/* Mark [left, right). What is marked costs nothing twice, because it merges; the way to it is
 * bounded: should the peer jump about, what it tells counts when it is told again. */
static void mark_block(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct tcp_sack b,
	struct tcp_ack *a, uint64_t now_us)
{
	uint32_t i = search_from(c, t, x, b.left), prev = 0, held = 0, steps = 0, before = 0;

	for (; i != 0; steps++) {
		struct tx_range *r = hr_range_at(c, t, i);

		if (seq_gt(r->seq, b.right))
			break;
		before += seq_le(r->end, b.left);
		if (before > SACK_STEPS) {
			held = i;
			break;
		}
		if (!(r->flags & TR_SACKED) && seq_lt(r->seq, b.right) && seq_gt(r->end, b.left)) {
			if (seq_lt(r->seq, b.left)) {
				if (!hr_range_split(c, t, r, b.left))
					break;
				prev = i;
				i = r->next;
				continue;
			}
			if (seq_gt(r->end, b.right) && !hr_range_split(c, t, r, b.right))
				break;
			delivered(t, x, r, a, now_us);
		}
		/* The FIN stays by itself: it is no payload. */
		if (prev != 0 && (r->flags & TR_SACKED) && !(r->flags & TR_FIN) &&
			(hr_range_at(c, t, prev)->flags & TR_SACKED)) {
			hr_range_merge_next(c, t, prev);
			i = prev;
			r = hr_range_at(c, t, i);
		}
		if (held == 0 && (r->flags & TR_SACKED) && seq_gt(r->end, b.left))
			held = i;
		prev = i;
		i = r->next;
	}
	hr_count_n(c->m, HR_C_range_steps, steps);
	if (held != 0)
		remember(x, held);
}

/* Lowest first: what a lost ACK did not tell must not look like reordering. */
static void sort_blocks(struct tcp_sack *b, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k > 0 && seq_lt(b[k].left, b[k - 1].left); k--) {
			struct tcp_sack low = b[k];

			b[k] = b[k - 1];
			b[k - 1] = low;
		}
}

void hr_sack_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, struct tcp_ack *a,
	uint64_t now_us)
{
	struct tcp_sack blocks[4];
	unsigned n = 0;
	struct tcb_ext *x;

	for (unsigned k = 0; k < s->sack_n && k < RTE_DIM(blocks); k++) {
		struct tcp_sack b = hr_seg_sack(s, k);

		if (seq_ge(b.left, b.right))
			continue;
		if (k == 0 && is_dsack(s, b)) {
			a->dsack = plausible_dsack(t, b);
			a->dup_block = (struct tcp_sack_block){b.left, b.right};
			continue;
		}
		/* Modular comparisons: a block must lie within what is in flight. The oldest byte
		 * is not SACKed but acknowledged. */
		if (seq_le(b.left, t->snd_una) || seq_gt(b.right, t->snd_nxt))
			continue;
		blocks[n++] = b;
	}
	if (a->dsack)
		hr_count(c->m, HR_C_dsack_in);
	if (n == 0)
		return;
	x = hr_ext_get(c, t);
	if (x == NULL)
		return;
	sort_blocks(blocks, n);
	for (unsigned k = 0; k < n; k++)
		mark_block(c, t, x, blocks[k], a, now_us);
}

void hr_sack_reneged(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x)
{
	struct tx_range *r;

	hr_count(c->m, HR_C_sack_reneged);
	HR_RANGE_FOREACH(c, t, i, r)
	{
		/* A SACKed piece counts as retransmitted when a part of it was
		 * (hr_range_merge_next): above retx_high, and with one time for all of it. */
		if (x != NULL && (r->flags & TR_RETX)) {
			x->retx_high = seq_max(x->retx_high, r->end);
			x->retx_sorted = false;
		}
		hr_range_mark(x, r, 0, TR_SACKED);
	}
	if (x != NULL)
		x->reo_hint = 0;
}
