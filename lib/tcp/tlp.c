/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probes (RFC 8985 7): when the last data of a burst gets no ACK, one segment asks for it
 * before the timeout would. This file says when, and what the answer means; output.c sends it.
 */
#include "tcp/recovery.h"

/*
 * 7.2: one probe per tail, while all is well. What is SACKed has its own timer; a window that is
 * shut answers probes of another kind.
 */
bool hr_tlp_wanted(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);

	return (t->flags & TF_SACK) && tcp_params(c, t)->tlp && t->ca_state == CA_OPEN &&
	       t->backoff == 0 && t->snd_wnd != 0 && tcb_in(t, TCPS_SYNCHRONISED) &&
	       (x == NULL || (!x->tlp_out && x->lost_bytes == 0 && x->sacked_bytes == 0));
}

/* PTO, without its upper limit: the caller knows when the RTO would expire. */
uint32_t hr_tlp_pto_us(const struct tcp_ctx *c, const struct tcb *t)
{
	uint32_t pto = t->srtt_us8 / 4; /* 2 x SRTT */

	if (!(t->flags & TF_RTT_VALID))
		return TCP_TLP_NO_RTT_US;
	/* A single segment may meet a delayed ACK. */
	if (tcb_flight(t) <= t->snd_mss)
		pto += TCP_TLP_ACK_US;
	return hr_max(pto, tcp_params(c, t)->tlp_min_us);
}

/* 7.4.2 */
bool hr_tlp_on_ack(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	if (seq_lt(t->snd_una, x->tlp_end))
		return false;
	if (!x->tlp_is_retx || (a->dsack && a->dup_block.right == x->tlp_end)) {
		x->tlp_out = false; /* new data, or both copies arrived: nothing was lost */
		return false;
	}
	if (seq_gt(t->snd_una, x->tlp_end)) {
		x->tlp_out = false;
		return true;
	}
	/* A duplicate ACK of a peer that does not report duplicates: both arrived. */
	if (a->dup && a->sacked == 0 && !a->dsack)
		x->tlp_out = false;
	return false;
}
