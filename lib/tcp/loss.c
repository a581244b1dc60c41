/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery: which state the sender is in, and who is asked when an ACK, the reordering timer
 *or the retransmission timeout says something new (RFC 5681 3, 6298 5, 8985). The mechanisms are in
 * the files that recovery.h lists. What is lost is marked TR_LOST; output.c sends it as cwnd
 *allows.
 *
 *	          loss found                    timeout
 *	CA_OPEN -------------> CA_RECOVERY --------------> CA_LOSS <--- timeout, from CA_OPEN too
 *	   ^                        |                         |
 *	   +------------------------+-------------------------+  recover acknowledged, or undone
 */
#include "tcp/recovery.h"

void hr_recovery_enter(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	uint32_t flight = a != NULL ? hr_cwnd_in_use(t, a) : tcb_flight(t);

	x->recover = t->snd_nxt;
	x->tlp_out = false;
	hr_undo_begin(c, t, x, flight);
	hr_cwnd_cut(c, t, flight);
	t->ca_state = CA_RECOVERY;
	t->flags |= TF_RETX_HEAD; /* the fast retransmit itself does not wait for cwnd (RFC 5681 3.2
				     step 3) */
	if (tcp_params(c, t)->prr)
		hr_prr_begin(c, t, x, a);
	else
		t->cwnd = t->ssthresh;
	hr_count(c->m, HR_C_fast_recoveries);
}

/* recover was acknowledged. */
static void exit_recovery(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	if (t->ca_state == CA_RECOVERY) {
		/* RFC 9937 6.2: the flight is about there. */
		t->cwnd = tcp_params(c, t)->prr ? t->ssthresh : hr_min(t->cwnd, t->ssthresh);
	}
	t->ca_state = CA_OPEN;
	t->dup_acks = 0;
	t->flags &= ~TF_RETX_HEAD;
	x->frto = 0;
	if (t->flags & TF_SACK) {
		hr_rack_recovered(x);
		/* What was retransmitted last may still be reported as a duplicate. */
		x->undo_live &= x->undo_any && x->undo_retx != 0;
		x->recover = t->snd_nxt;
	} else {
		x->undo_live = false;
		hr_reno_recovered(t, x, a);
	}
	hr_cwnd_recovered(c, t);
}

/* RFC 8985 7.4: the probe repaired the only loss: a recovery that is over as it begins. */
static void tlp_repaired(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	if (t->ca_state != CA_OPEN)
		return;
	hr_cwnd_cut(c, t, hr_cwnd_in_use(t, a));
	t->cwnd = hr_min(t->cwnd, t->ssthresh);
	hr_cwnd_recovered(c, t);
	hr_count(c->m, HR_C_tlp_recoveries);
}

void hr_loss_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	bool lost;

	if (x != NULL) {
		if (a->dsack)
			hr_undo_dsack(x, a);
		hr_rack_dsack(t, x, a);
		if (x->tlp_out && hr_tlp_on_ack(t, x, a))
			tlp_repaired(c, t, a);
		hr_undo_on_ack(c, t, x, a);
		if (hr_frto_on_ack(c, t, x, a))
			hr_undo(c, t, x, a);
		if (t->ca_state != CA_OPEN && seq_ge(t->snd_una, x->recover))
			exit_recovery(c, t, x, a);
	} else if (t->flags & TF_SACK) {
		return; /* nothing SACKed, nothing retransmitted: a cumulative ACK alone proves no
			   loss */
	}
	if (!(t->flags & TF_SACK))
		lost = hr_reno_on_ack(c, t, a);
	else
		lost = (a->delivered != 0 || a->undone) && hr_rack_detect(c, t, x, false, now_us);
	x = tcb_ext(c, t);
	if (lost && t->ca_state == CA_OPEN)
		hr_recovery_enter(c, t, x, a);
	if (t->ca_state == CA_RECOVERY && tcp_params(c, t)->prr)
		hr_prr_on_ack(c, t, x, a, a->acked != 0 && !lost);
}

void hr_loss_on_reo(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	hr_timer_rearm(c, t, now_us);
	if (x != NULL && hr_rack_detect(c, t, x, true, now_us) && t->ca_state == CA_OPEN)
		hr_recovery_enter(c, t, x, NULL);
}

void hr_loss_mark_all(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);
	struct tx_range *r;

	if (x != NULL && !(t->flags & TF_SACK))
		x->sacked_bytes = 0; /* an estimate, which marks of all leave no room for */
	HR_RANGE_FOREACH(c, t, i, r)
	{
		if (!(r->flags & TR_SACKED))
			hr_range_lost(c, t, i);
	}
}

/* RFC 6298 5.4 to 5.6, RFC 5681 3.1, RFC 8985 6.3. */
void hr_loss_on_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = hr_ext_get(c, t);
	struct tx_range *head = hr_range_at(c, t, t->range_head);
	/* ssthresh is cut once per event: not again by the timeout of a retransmission. */
	bool first = t->ca_state == CA_OPEN && t->backoff == 0;

	if (head->flags & TR_SACKED)
		hr_sack_reneged(c, t, x);
	if (first && x != NULL)
		hr_undo_begin(c, t, x, tcb_flight(t));
	hr_cwnd_on_rto(c, t, first);
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
	x->frto = 0;
	if (first) {
		x->undo_rto = true;
		hr_frto_begin(c, t, x);
	}
	x->recover = t->snd_nxt;
	t->ca_state = CA_LOSS;
	if ((t->flags & TF_SACK) && (t->flags & TF_RTT_VALID))
		hr_rack_mark_on_rto(c, t, x, now_us);
	else
		hr_loss_mark_all(c, t);
}
