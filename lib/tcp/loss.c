/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss: RACK decides what is lost from when it was sent (RFC 8985), tail loss probes turn a lost
 * tail into ACKs, timeouts mark the rest. Peers without SACK get three duplicate ACKs and partial
 * ACKs (RFC 5681, 6582). What is lost is marked TR_LOST; output.c sends it as cwnd allows.
 */
#include "tcp/core.h"

/* RFC 8985 6.2: sent later, or at the same time and higher in the sequence space. */
static bool sent_after(uint32_t xmit1, uint32_t end1, uint32_t xmit2, uint32_t end2)
{
	return (int32_t)(xmit1 - xmit2) > 0 || (xmit1 == xmit2 && seq_gt(end1, end2));
}

void hr_rack_delivered(
	struct tcb_ext *x, const struct tcb *t, const struct tx_range *r, uint64_t now_us)
{
	uint32_t rtt_us = (uint32_t)now_us - r->xmit_us;

	/* Original data arriving below something already delivered: the path reorders (RFC 8985 6.2
	 * step 3). */
	if (x->rack_valid && !(r->flags & TR_RETX) && seq_lt(r->end, x->fack))
		x->reo_seen = true;
	if (!x->rack_valid || seq_gt(r->end, x->fack))
		x->fack = r->end;
	/* Too quick for the retransmission: the original was acknowledged (step 2). */
	if ((r->flags & TR_RETX) && rtt_us < t->min_rtt_us)
		return;
	if (!x->rack_valid || sent_after(r->xmit_us, r->end, x->rack_xmit_us, x->rack_end)) {
		x->rack_valid = true;
		x->rack_xmit_us = r->xmit_us;
		x->rack_end = r->end;
		x->rack_rtt_us = rtt_us;
	}
}

/* Step 4: how much later than expected a segment may be before it is lost. */
static uint32_t reo_window_us(const struct tcb *t, const struct tcb_ext *x)
{
	uint32_t w;

	if (!x->reo_seen &&
		(t->ca_state != CA_OPEN || x->sacked_bytes >= TCP_DUP_THRESH * t->snd_mss))
		return 0;
	w = t->min_rtt_us == UINT32_MAX ? 1000 : t->min_rtt_us / 4;
	return hr_min(w, t->srtt_us8 / 8);
}

/* Step 5: mark what is overdue; arm the timer for what will be. True when something was marked. */
static bool rack_detect(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint64_t now_us)
{
	uint32_t reo_us = reo_window_us(t, x);
	uint32_t wait_us = 0;
	bool lost = false;
	struct tx_range *r;

	if (!x->rack_valid)
		return false;
	HR_RANGE_FOREACH(c, t, i, r)
	{
		int32_t left_us;

		if (r->flags & (TR_SACKED | TR_LOST))
			continue;
		if (!sent_after(x->rack_xmit_us, x->rack_end, r->xmit_us, r->end)) {
			if (seq_ge(r->seq, x->retx_high))
				break; /* from here on sequence order is time order */
			continue;
		}
		left_us = (int32_t)(r->xmit_us + x->rack_rtt_us + reo_us - (uint32_t)now_us);
		if (left_us <= 0) {
			lost |= !(r->flags & TR_PROBE); /* RFC 4821 7.6: no congestion */
			hr_range_mark(x, r, TR_LOST, 0);
		} else {
			wait_us = hr_max(wait_us, (uint32_t)left_us);
		}
	}
	if (wait_us != 0)
		hr_timer_arm(t, TT_REO, now_us + wait_us);
	else if (t->timer == TT_REO)
		hr_timer_rearm(c, t, now_us);
	return lost;
}

static void enter_recovery(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t flight)
{
	x->recover = t->snd_nxt;
	x->tlp_out = false;
	hr_cwnd_cut(c, t, flight);
	t->cwnd = t->ssthresh;
	t->ca_state = CA_RECOVERY;
	t->flags |= TF_RETX_HEAD; /* the fast retransmit itself does not wait for cwnd (RFC 5681 3.2
				     step 3) */
	hr_count(c->m, HR_C_fast_recoveries);
}

static void exit_recovery(struct tcp_ctx *c, struct tcb *t)
{
	if (t->ca_state == CA_RECOVERY)
		t->cwnd = hr_min(t->cwnd, t->ssthresh);
	t->ca_state = CA_OPEN;
	t->dup_acks = 0;
	t->flags &= ~TF_RETX_HEAD;
	hr_cwnd_recovered(c, t);
}

/* The oldest range is lost (no SACK to know more). */
static void mark_head(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x)
{
	struct tx_range *r;

	if (t->range_head == 0)
		return;
	r = hr_range_at(c, t, t->range_head);
	/* One segment of it: the peer said nothing of what follows. */
	if (r->end - r->seq > t->snd_mss && !(r->flags & TR_LOST) &&
		!hr_range_split(c, t, r, r->seq + t->snd_mss))
		return;
	hr_range_mark(x, r, TR_LOST, 0);
	t->flags |= TF_RETX_HEAD;
}

/* RFC 6582 over ranges. */
static void newreno_on_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	struct tcb_ext *x;

	if (a->dup && t->dup_acks < UINT8_MAX)
		t->dup_acks++;
	if (t->ca_state == CA_OPEN) {
		if (a->acked != 0)
			t->dup_acks = 0;
		if (t->dup_acks < TCP_DUP_THRESH)
			return;
		x = hr_ext_get(c, t);
		if (x == NULL)
			return;
		enter_recovery(c, t, x, hr_cwnd_in_use(t, a));
		mark_head(c, t, x);
	} else if (t->ca_state == CA_RECOVERY && a->acked != 0) {
		/* A partial ACK: the next hole (3.2 step 3). */
		t->dup_acks -= (uint8_t)hr_min((uint32_t)t->dup_acks, a->acked / t->snd_mss + 1);
		mark_head(c, t, tcb_ext(c, t));
	}
}

/* RFC 8985 7.4. */
static void tlp_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	if (seq_lt(t->snd_una, x->tlp_end))
		return;
	if (!x->tlp_is_retx || a->dsack) {
		x->tlp_out = false; /* new data, or both copies arrived: nothing was lost */
	} else if (seq_gt(t->snd_una, x->tlp_end)) {
		x->tlp_out = false; /* the probe repaired a loss */
		hr_cwnd_cut(c, t, hr_cwnd_in_use(t, a));
		t->cwnd = hr_min(t->cwnd, t->ssthresh);
	} else if (a->dup) {
		x->tlp_out = false;
	}
}

void hr_loss_on_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (t->ca_state != CA_OPEN && (x == NULL || seq_ge(t->snd_una, x->recover)))
		exit_recovery(c, t);
	if (!(t->flags & TF_SACK)) {
		newreno_on_ack(c, t, a);
		return;
	}
	if (x == NULL)
		return; /* nothing SACKed, nothing retransmitted: a cumulative ACK alone proves no
			   loss */
	if (x->tlp_out)
		tlp_on_ack(c, t, x, a);
	if (rack_detect(c, t, x, now_us) && t->ca_state == CA_OPEN)
		enter_recovery(c, t, x, hr_cwnd_in_use(t, a));
}

void hr_loss_on_reo(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	hr_timer_rearm(c, t, now_us);
	if (x != NULL && rack_detect(c, t, x, now_us) && t->ca_state == CA_OPEN)
		enter_recovery(c, t, x, tcb_flight(t));
}

void hr_loss_mark_all(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);
	struct tx_range *r;

	HR_RANGE_FOREACH(c, t, i, r)
	{
		if (!(r->flags & TR_SACKED))
			hr_range_mark(x, r, TR_LOST, 0);
	}
}

/* RFC 6298 5.4 to 5.6, RFC 5681 3.1, RFC 8985 6.3. */
void hr_loss_on_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = hr_ext_get(c, t);
	struct tx_range *head = hr_range_at(c, t, t->range_head);
	struct tx_range *r;

	/* RFC 2018 8: the peer dropped what it had SACKed. */
	if (head->flags & TR_SACKED) {
		hr_count(c->m, HR_C_sack_reneged);
		HR_RANGE_FOREACH(c, t, i, r)
		hr_range_mark(x, r, 0, TR_SACKED);
	}
	/* ssthresh is cut once per event: not again by the timeout of a retransmission. */
	hr_cwnd_on_rto(c, t, t->ca_state == CA_OPEN && t->backoff == 0);
	t->dup_acks = 0;
	t->flags |= TF_RETX_HEAD;
	t->flags &= ~TF_TLP;
	if (t->backoff < UINT8_MAX)
		t->backoff++;
	if (x == NULL) {
		/* No memory for recovery: only the oldest data, again and again, until there is. */
		hr_range_mark(tcb_ext(c, t), head, TR_LOST, 0); /* cc may have got some */
		return;
	}
	x->tlp_out = false;
	x->recover = t->snd_nxt;
	t->ca_state = CA_LOSS;
	hr_loss_mark_all(c, t);
}
