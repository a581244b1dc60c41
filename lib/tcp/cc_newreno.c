/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NewReno (RFC 5681 3.1): one segment a round in congestion avoidance, counted in bytes
 * (RFC 3465); half of the window after congestion. Slow start is cwnd.c's, recovery loss.c's.
 */
#include "tcp/core.h"

void hr_newreno_avoid(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	x->cc_acked += a->acked;
	if (x->cc_acked >= t->cwnd) {
		x->cc_acked -= t->cwnd;
		t->cwnd += t->snd_mss;
	}
}

static uint32_t newreno_ssthresh(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t window)
{
	return window / 2;
}

const struct tcp_cc_ops hr_cc_newreno = {
	.name = "newreno",
	.avoid = hr_newreno_avoid,
	.ssthresh = newreno_ssthresh,
};
