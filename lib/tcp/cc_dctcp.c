/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DCTCP (RFC 8257): the cut follows the share of bytes that were marked, estimated over windows:
 *
 *	alpha += (marked / acked - alpha) / 16          cwnd -= cwnd alpha / 2
 *
 * Growth is NewReno's, and so is the answer to loss (3.5). With a peer that does not speak ECN
 * nothing else is left of it. The echo side is ecn.c's.
 */
#include "tcp/core.h"

#define ONE   (1u << 20) /* alpha is a fraction of this */
#define SHIFT 4u         /* g = 1/16 (4.2) */

static void begin_window(struct tcp_dctcp *d, const struct tcb *t)
{
	d->acked = d->marked = 0;
	d->window_end = t->snd_nxt;
}

static void dctcp_delivered(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	struct tcp_dctcp *d = &x->dctcp;

	if (!d->on) {
		d->on = true;
		d->alpha = ONE; /* 3.3: until something is known */
		begin_window(d, t);
	}
	d->acked += a->acked;
	d->marked += a->ece ? a->acked : 0;
	if (seq_le(t->snd_una, d->window_end) || d->acked == 0)
		return;
	d->alpha -= d->alpha >> SHIFT;
	d->alpha += (uint32_t)(((uint64_t)d->marked * ONE / d->acked) >> SHIFT);
	begin_window(d, t);
}

static uint32_t dctcp_ssthresh(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t window)
{
	return window / 2;
}

static uint32_t dctcp_ecn_ssthresh(struct tcb *t, struct tcb_ext *x, uint32_t window)
{
	uint32_t alpha = x->dctcp.on ? x->dctcp.alpha : ONE;

	return window - (uint32_t)((uint64_t)window * alpha / ONE / 2);
}

const struct tcp_cc_ops hr_cc_dctcp = {
	.name = "dctcp",
	.avoid = hr_newreno_avoid,
	.delivered = dctcp_delivered,
	.ssthresh = dctcp_ssthresh,
	.ecn_ssthresh = dctcp_ecn_ssthresh,
};
