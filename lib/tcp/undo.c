/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Was a reduction needed? The echo of a timestamp shows that the first copy arrived (Eifel, RFC
 * 3522), reports of duplicates that all retransmissions were needless (RFC 3708); F-RTO is frto.c.
 * When it was not, cwnd and ssthresh are as before (RFC 4015).
 */
#include "tcp/recovery.h"

void hr_undo_begin(const struct tcp_ctx *c, const struct tcb *t, struct tcb_ext *x, uint32_t flight)
{
	x->prior_cwnd = t->cwnd;
	x->prior_ssthresh = hr_max(flight, t->ssthresh); /* RFC 4015 3.2: pipe_prev */
	x->undo_live = tcp_params(c, t)->undo;
	x->undo_any = false;
	x->undo_rto = false;
	x->undo_retx = 0;
}

void hr_undo_retransmitted(
	struct tcb *t, struct tcb_ext *x, const struct tx_range *r, uint64_t now_us)
{
	if (!x->undo_live || t->ca_state == CA_OPEN)
		return;
	if (!x->undo_any) {
		x->undo_any = true;
		x->undo_low = r->seq;
		x->eifel_tsval = tcp_tsval(t, now_us);
	}
	x->undo_low = seq_min(x->undo_low, r->seq);
	x->undo_retx += r->end - r->seq;
}

void hr_undo_dsack(struct tcb_ext *x, const struct tcp_ack *a)
{
	if (!x->undo_live || !x->undo_any || seq_lt(a->dup_block.left, x->undo_low) ||
		seq_gt(a->dup_block.right, x->retx_high))
		return;
	x->undo_retx -= hr_min(x->undo_retx, a->dup_block.right - a->dup_block.left);
}

static void unmark_lost(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x)
{
	struct tx_range *r;

	if (x->lost_bytes == 0)
		return;
	HR_RANGE_FOREACH(c, t, i, r)
	hr_range_mark(x, r, 0, TR_LOST);
	x->reo_hint = 0;
}

/*
 * RFC 4015 3.2 (7): go on from where it was, but without a burst. 3.3: a spurious timeout tells how
 * long the path may take.
 */
void hr_undo(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct tcp_ack *a)
{
	uint32_t cwnd = tcb_flight(t) + hr_min(a->acked, hr_cwnd_initial(c, t));

	t->ssthresh = hr_max(t->ssthresh, x->prior_ssthresh);
	t->cwnd = hr_max(t->cwnd, hr_max(hr_min(cwnd, x->prior_cwnd), 2u * t->snd_mss));
	if (t->ca_state == CA_LOSS && a->rtt_us != 0)
		hr_rtt_spurious(c, t, a->rtt_us);
	if (!x->undo_rto)
		t->flags |= TF_REORDER; /* fast retransmit was too fast */
	unmark_lost(c, t, x);
	if (!(t->flags & TF_SACK))
		x->sacked_bytes = 0;
	t->ca_state = CA_OPEN;
	t->dup_acks = 0;
	t->flags &= ~TF_RETX_HEAD;
	x->undo_live = false;
	x->frto = 0;
	a->undone = true;
	hr_cwnd_undo(c, t, a->now_us);
}

/* RFC 3522 3.2 for the ACK that advances. In a fast recovery of several holes the first may have
 * been late and the others lost: all must be settled. */
static bool eifel(const struct tcb *t, const struct tcb_ext *x, const struct tcp_ack *a)
{
	if (a->acked == 0 || !a->ts || (int32_t)(a->tsecr - x->eifel_tsval) >= 0)
		return false;
	return t->ca_state == CA_LOSS || (t->ca_state == CA_RECOVERY && x->lost_bytes == 0 &&
						 seq_ge(t->snd_una, x->retx_high));
}

void hr_undo_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct tcp_ack *a)
{
	if (!x->undo_live)
		return;
	if (!x->undo_any && t->ca_state == CA_RECOVERY && x->lost_bytes == 0) {
		hr_count(c->m, HR_C_undo_unused); /* all of it came before it was sent again */
		hr_undo(c, t, x, a);
	} else if (x->undo_any && a->dsack && x->undo_retx == 0 && x->lost_bytes == 0) {
		hr_count(c->m, HR_C_undo_dsack);
		hr_undo(c, t, x, a);
	} else if (x->undo_any && eifel(t, x, a)) {
		hr_count(c->m, HR_C_undo_eifel);
		hr_undo(c, t, x, a);
	} else if (t->ca_state == CA_OPEN && seq_ge(t->snd_una, x->recover)) {
		x->undo_live = false; /* a report would have come by now */
	}
}
