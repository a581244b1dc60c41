/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ranges in flight: retransmission queue and SACK scoreboard in one list. The first range lives
 * in the tcb, more come from the worker's pool. Data that leaves in the same instant extends the
 * last range instead of making a new one.
 */
#include "tcp/core.h"

struct tx_range *hr_range_at(const struct tcp_ctx *c, const struct tcb *t, uint32_t i)
{
	return i == TR_EMBEDDED ? (struct tx_range *)&t->range : hr_slab_at(c->ranges, i);
}

static struct tx_range *range_alloc(struct tcp_ctx *c, struct tcb *t, uint32_t *i)
{
	struct tx_range *r;

	if (!(t->flags & TF_EMBEDDED)) {
		t->flags |= TF_EMBEDDED;
		*i = TR_EMBEDDED;
		return &t->range;
	}
	r = hr_slab_alloc(c->ranges);
	if (r == NULL) {
		hr_count(c->m, HR_C_no_memory);
		return NULL;
	}
	*i = hr_slab_index(c->ranges, r);
	return r;
}

/* Hints that point to range i point to `to` from now on. */
static void hints_move(struct tcb_ext *x, uint32_t i, uint32_t to)
{
	if (x->lost_hint == i)
		x->lost_hint = to;
	if (x->reo_hint == i)
		x->reo_hint = to;
	if (x->retx_at == i)
		x->retx_at = to;
	for (unsigned k = 0; k < TCB_SACK_HINTS; k++)
		if (x->sack_hint[k] == i)
			x->sack_hint[k] = to;
}

static void range_free(struct tcp_ctx *c, struct tcb *t, uint32_t i)
{
	if (t->ext != 0)
		hints_move(tcb_ext(c, t), i, 0);
	if (i == TR_EMBEDDED)
		t->flags &= ~TF_EMBEDDED;
	else
		hr_slab_free(c->ranges, hr_slab_at(c->ranges, i));
}

bool hr_range_push(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t end, uint8_t flags,
	uint64_t now_us)
{
	struct tx_range *tail = t->range_tail ? hr_range_at(c, t, t->range_tail) : NULL;
	struct tx_range *r;
	uint32_t i;

	must(tail == NULL || tail->end == seq);
	if (tail != NULL && tail->xmit_us == (uint32_t)now_us && tail->flags == 0 && flags == 0) {
		tail->end = end;
		return true;
	}
	r = range_alloc(c, t, &i);
	if (r == NULL)
		return false;
	*r = (struct tx_range){.seq = seq,
		.end = end,
		.xmit_us = (uint32_t)now_us,
		.first_us = (uint32_t)now_us,
		.sent = 1,
		.flags = flags};
	if (tail != NULL)
		tail->next = i;
	else
		t->range_head = i;
	t->range_tail = i;
	return true;
}

bool hr_range_split(struct tcp_ctx *c, struct tcb *t, struct tx_range *r, uint32_t seq)
{
	struct tx_range *b;
	uint32_t i;

	must(seq_gt(seq, r->seq) && seq_lt(seq, r->end));
	b = range_alloc(c, t, &i);
	if (b == NULL)
		return false;
	*b = *r;
	b->seq = seq;
	b->flags &= (uint8_t)~TR_SYN;
	r->end = seq;
	r->flags &= (uint8_t) ~(TR_FIN | TR_PSH);
	r->next = i;
	if (b->next == 0)
		t->range_tail = i;
	return true;
}

static uint32_t counted(const struct tx_range *r, uint8_t flag)
{
	return r->flags & flag ? r->end - r->seq : 0;
}

void hr_range_ack(struct tcp_ctx *c, struct tcb *t, uint32_t una)
{
	struct tcb_ext *x = tcb_ext(c, t);

	while (t->range_head != 0) {
		uint32_t i = t->range_head;
		struct tx_range *r = hr_range_at(c, t, i);

		if (seq_le(una, r->seq))
			break;
		if (x != NULL) {
			uint32_t part = seq_min(una, r->end) - r->seq;

			x->sacked_bytes -= r->flags & TR_SACKED ? part : 0;
			x->lost_bytes -= r->flags & TR_LOST ? part : 0;
		}
		if (x != NULL && (r->flags & TR_SACKED) && seq_ge(una, r->end))
			x->sacked_segs -= r->segs;
		if (seq_lt(una, r->end)) {
			r->seq = una;
			r->flags &= (uint8_t)~TR_SYN;
			break;
		}
		t->range_head = r->next;
		range_free(c, t, i);
	}
	if (t->range_head == 0)
		t->range_tail = 0;
	if (x != NULL) /* never behind by half of the sequence space */
		x->retx_high = seq_max(x->retx_high, una);
}

void hr_range_free_all(struct tcp_ctx *c, struct tcb *t)
{
	while (t->range_head != 0) {
		uint32_t i = t->range_head;

		t->range_head = hr_range_at(c, t, i)->next;
		range_free(c, t, i);
	}
	t->range_tail = 0;
}

void hr_range_mark(struct tcb_ext *x, struct tx_range *r, uint8_t set, uint8_t clear)
{
	if (x != NULL) {
		x->sacked_bytes -= counted(r, TR_SACKED);
		x->sacked_segs -= r->flags & TR_SACKED ? r->segs : 0;
		x->lost_bytes -= counted(r, TR_LOST);
	}
	r->flags = (uint8_t)((r->flags | set) & ~clear);
	if (x == NULL)
		return;
	if ((r->flags & (TR_PROBE | TR_LOST)) == (TR_PROBE | TR_LOST)) {
		r->flags &= (uint8_t)~TR_PROBE; /* it goes again in segments that pass */
		x->pl_lost = true;
	}
	x->sacked_bytes += counted(r, TR_SACKED);
	x->sacked_segs += r->flags & TR_SACKED ? r->segs : 0;
	x->lost_bytes += counted(r, TR_LOST);
	if (set & TR_LOST)
		x->lost_hint = 0;
}

void hr_range_lost(const struct tcp_ctx *c, const struct tcb *t, uint32_t i)
{
	struct tcb_ext *x = tcb_ext(c, t);
	struct tx_range *r = hr_range_at(c, t, i);
	uint32_t hint = 0;

	if (x != NULL) {
		hint = x->lost_hint;
		if (x->lost_bytes == 0 ||
			(hint != 0 && seq_lt(r->seq, hr_range_at(c, t, hint)->seq)))
			hint = i;
	}
	hr_range_mark(x, r, TR_LOST, 0);
	if (x != NULL)
		x->lost_hint = hint;
}

void hr_range_merge_next(struct tcp_ctx *c, struct tcb *t, uint32_t i)
{
	struct tcb_ext *x = tcb_ext(c, t);
	struct tx_range *r = hr_range_at(c, t, i);
	uint32_t j = r->next, segs;
	struct tx_range *b = hr_range_at(c, t, j);

	must(r->flags & b->flags & TR_SACKED);
	segs = (uint32_t)r->segs + b->segs;
	if (segs > UINT16_MAX) {
		x->sacked_segs -= (uint16_t)(segs - UINT16_MAX);
		segs = UINT16_MAX;
	}
	r->segs = (uint16_t)segs;
	r->end = b->end;
	r->flags = (uint8_t)((r->flags & ~TR_PSH) | (b->flags & (TR_RETX | TR_PSH)));
	r->sent = hr_max(r->sent, b->sent);
	r->next = b->next;
	if (t->range_tail == j)
		t->range_tail = i;
	hints_move(x, j, i);
	range_free(c, t, j);
}

/*
 * RFC 6675 "pipe", with RACK's marks instead of counting: what is still in the network. While no
 * loss is known, what was SACKed (or told by duplicate ACKs) makes room for new data: this is
 * limited transmit (RFC 3042), and cwnd stays as it is.
 */
uint32_t hr_tcb_pipe(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	uint32_t out = tcb_flight(t);

	if (x == NULL)
		return out;
	if (t->ca_state == CA_OPEN && !tcp_params(c, t)->limited_transmit)
		return out - x->lost_bytes;
	return out - x->sacked_bytes - x->lost_bytes;
}
