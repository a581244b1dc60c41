/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 6): lost is what left a round trip and a reordering window before something that
 * has arrived. Steps 2 to 5 of section 6.2 for each ACK; step 1, the least round trip, is rtt.c.
 *
 * Section 6.2.5 wants a list in the order of transmission. Ours is in the order of the sequence
 * space, which is the same order as long as nothing was retransmitted; and what was retransmitted
 * lies in the order of its transmission as long as nothing of it was lost again (retx_sorted). So
 * there are two searches, and each stops at the first range that RACK cannot judge yet.
 */
#include "tcp/recovery.h"

/* RFC 8985 6.2: sent later, or at the same time and higher in the sequence space. */
static bool sent_after(uint32_t xmit1, uint32_t end1, uint32_t xmit2, uint32_t end2)
{
	return (int32_t)(xmit1 - xmit2) > 0 || (xmit1 == xmit2 && seq_gt(end1, end2));
}

void hr_rack_delivered(struct tcb *t, struct tcb_ext *x, const struct tx_range *r, uint32_t end,
	const struct tcp_ack *a, uint64_t now_us)
{
	uint32_t rtt_us = (uint32_t)now_us - r->xmit_us;
	bool again = (r->flags & TR_RETX) != 0;
	/* The echo is older than the retransmission: the first copy arrived. */
	bool first_copy = again && a->ts && (int32_t)(a->tsecr - hr_range_tsval(t, r, now_us)) < 0;

	/* Step 3. A timestamp tells as well as a single transmission that the original was late. */
	if (seq_gt(end, x->fack))
		x->fack = end;
	else if (seq_lt(end, x->fack) && (!again || first_copy))
		t->flags |= TF_REORDER;
	/* Step 2. Too quick for the retransmission: the same. */
	if (again && (first_copy || rtt_us < t->min_rtt_us))
		return;
	x->rack_rtt_us = rtt_us;
	if (!x->rack_valid || sent_after(r->xmit_us, end, x->rack_xmit_us, x->rack_end)) {
		x->rack_valid = true;
		x->rack_xmit_us = r->xmit_us;
		x->rack_end = end;
	}
}

/* A needless retransmission means that the window was too narrow: once per round trip. */
void hr_rack_dsack(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	if (x->dsack_round_on && seq_ge(t->snd_una, x->dsack_round))
		x->dsack_round_on = false;
	/* A probe is sent on suspicion: its duplicate is no fault of the window. */
	if (!a->dsack || x->dsack_round_on || (x->tlp_out && a->dup_block.right == x->tlp_end))
		return;
	x->dsack_round_on = true;
	x->dsack_round = t->snd_nxt;
	if (x->reo_mult < UINT8_MAX)
		x->reo_mult++;
	x->reo_persist = RACK_REO_PERSIST;
}

void hr_rack_recovered(struct tcb_ext *x)
{
	if (x->reo_persist > 0)
		x->reo_persist--;
	if (x->reo_persist == 0)
		x->reo_mult = 1;
}

/* Step 4: how much later than expected a segment may be before it is lost. */
static uint32_t reo_window_us(const struct tcb *t, const struct tcb_ext *x)
{
	uint64_t w;

	if (!(t->flags & TF_REORDER) &&
		(t->ca_state != CA_OPEN || x->sacked_segs >= TCP_DUP_THRESH))
		return 0;
	w = t->min_rtt_us == UINT32_MAX ? 1000 : t->min_rtt_us / 4;
	return (uint32_t)hr_min(w * x->reo_mult, (uint64_t)t->srtt_us8 / 8);
}

#define RACK_STEPS   64u   /* ranges of retransmissions that one ACK looks at */
#define RACK_PART_US 1000u /* without another ACK the timer looks at the rest */

/* One pass of step 5. */
struct search {
	uint32_t deadline_us; /* what was sent at time 0 is overdue from then on */
	uint32_t wait_us;     /* how long until the last that is not overdue yet will be */
	uint32_t steps;       /* ranges looked at */
	bool timer;           /* not an ACK: look at all */
	bool lost;
};

static void judge(const struct tcp_ctx *c, const struct tcb *t, struct search *s, uint32_t i)
{
	const struct tx_range *r = hr_range_at(c, t, i);
	int32_t left_us = (int32_t)(r->xmit_us + s->deadline_us);

	if (left_us <= 0) {
		s->lost |= !(r->flags & TR_PROBE); /* RFC 4821 7.6: no congestion */
		hr_range_lost(c, t, i);
	} else {
		s->wait_us = hr_max(s->wait_us, (uint32_t)left_us);
	}
}

static bool sent_before_rack(const struct tcb_ext *x, const struct tx_range *r)
{
	return sent_after(x->rack_xmit_us, x->rack_end, r->xmit_us, r->end);
}

/*
 * What was retransmitted: all of it lies below retx_high. An ACK looks at so many ranges at most;
 * when there are more, the next one goes on from there, or the timer if none comes.
 */
static void search_retransmitted(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct search *s)
{
	bool from_head = x->retx_at == 0 || s->timer;
	uint32_t i = from_head ? t->range_head : x->retx_at, n = 0;
	uint32_t most = s->timer ? UINT32_MAX : RACK_STEPS;
	const struct tx_range *r;

	for (; i != 0 && n < most; i = r->next, n++) {
		r = hr_range_at(c, t, i);
		if (seq_ge(r->seq, x->retx_high))
			break;
		if ((r->flags & (TR_SACKED | TR_LOST | TR_RETX)) != TR_RETX)
			continue;
		if (sent_before_rack(x, r))
			judge(c, t, s, i);
		else if (x->retx_sorted)
			break;
	}
	s->steps += n;
	x->retx_at = n == most ? i : 0;
	if (from_head && x->retx_at == 0)
		return;
	/* None of the others is due later than what left with the last that arrived. */
	s->wait_us = hr_max(s->wait_us, RACK_PART_US);
	if ((int32_t)(x->rack_xmit_us + s->deadline_us) > 0)
		s->wait_us = hr_max(s->wait_us, x->rack_xmit_us + s->deadline_us);
}

/* What left once: in the order of time. */
static void search_originals(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct search *s)
{
	uint32_t i = x->reo_hint != 0 ? x->reo_hint : t->range_head, first = 0, last = 0;
	struct tx_range *r;

	for (; i != 0; last = i, i = r->next, s->steps++) {
		r = hr_range_at(c, t, i);
		if (r->flags & (TR_SACKED | TR_LOST | TR_RETX))
			continue;
		if (!sent_before_rack(x, r)) {
			first = first != 0 ? first : i;
			break;
		}
		judge(c, t, s, i);
		if (first == 0 && !(r->flags & TR_LOST))
			first = i;
	}
	x->reo_hint = first != 0 ? first : last;
}

bool hr_rack_detect(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, bool timer, uint64_t now_us)
{
	struct search s = {.deadline_us = x->rack_rtt_us + reo_window_us(t, x) - (uint32_t)now_us,
		.timer = timer};

	if (!x->rack_valid)
		return false;
	search_retransmitted(c, t, x, &s);
	search_originals(c, t, x, &s);
	hr_count_n(c->m, HR_C_range_steps, s.steps);
	if (s.wait_us != 0)
		hr_timer_arm(t, TT_REO, now_us + s.wait_us);
	else if (t->timer == TT_REO)
		hr_timer_rearm(c, t, now_us);
	return s.lost;
}

/* What has not had its round trip yet may still arrive: only the rest is lost. */
void hr_rack_mark_on_rto(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint64_t now_us)
{
	uint32_t rtt_us = x->rack_valid ? x->rack_rtt_us : t->srtt_us8 / 8;
	uint32_t due_us = rtt_us + reo_window_us(t, x) - (uint32_t)now_us;
	struct tx_range *r;

	HR_RANGE_FOREACH(c, t, i, r)
	{
		if (!(r->flags & TR_SACKED) &&
			(i == t->range_head || (int32_t)(r->xmit_us + due_us) <= 0))
			hr_range_lost(c, t, i);
	}
}
