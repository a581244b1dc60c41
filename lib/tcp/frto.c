/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * F-RTO (RFC 5682): after a timeout and its one retransmission, new data goes instead of old. When
 * ACKs then come for data that left only once, the timeout was spurious. Section 2.1 without SACK,
 * 3.1 with it. What follows is undo.c.
 *
 *	step 1  the head was retransmitted; the ACK for it decides whether to go on
 *	step 2  two new segments may go (output.c); the next ACK decides
 */
#include "tcp/recovery.h"

void hr_frto_begin(const struct tcp_ctx *c, const struct tcb *t, struct tcb_ext *x)
{
	x->frto = tcp_params(c, t)->frto && tcb_in(t, TCPS_SYNCHRONISED) ? 1 : 0;
}

/* The usual recovery; after a duplicate with three segments, or the new data would leave no room.
 */
static bool not_spurious(struct tcb *t, struct tcb_ext *x, bool duplicate)
{
	x->frto = 0;
	if (duplicate)
		t->cwnd = 3u * t->snd_mss;
	return false;
}

/* Step 2 of the RFC. */
static void first_ack(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	/* Duplicates that come before tell SACK blocks, no more (3.1). */
	if (a->acked == 0 && ((t->flags & TF_SACK) || !a->dup))
		return;
	/* 5.: without new data, or a window for it, the usual recovery. */
	if (a->acked < t->snd_mss || seq_ge(t->snd_una, x->recover) || !tcb_new_data_fits(t))
		not_spurious(t, x, false);
	else
		x->frto = 2;
}

bool hr_frto_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	if (x->frto == 0 || t->ca_state != CA_LOSS)
		return false;
	if (x->frto == 1) {
		first_ack(t, x, a);
		return false;
	}
	/* Step 3. */
	if (!(t->flags & TF_SACK) && a->dup)
		return not_spurious(t, x, true);
	if (a->acked == 0 && a->sacked == 0)
		return false;
	if ((t->flags & TF_SACK) && (seq_gt(t->snd_una, x->recover) || seq_gt(x->fack, x->recover)))
		return not_spurious(t, x, true);
	if (!a->original)
		return not_spurious(t, x, false);
	hr_count(c->m, HR_C_frto_spurious);
	return true;
}
