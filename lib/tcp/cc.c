/* SPDX-License-Identifier: BSD-3-Clause */
/* NewReno (RFC 5681 3.1) with appropriate byte counting (RFC 3465, L = 2), behind the verbs of
 * struct tcp_cc_ops. */
#include "tcp/core.h"

static void newreno_init(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (x != NULL)
		x->cc_acked = 0;
}

/* RFC 7661: a window that was not used tells nothing about the path. */
static bool cwnd_limited(const struct tcb *t, const struct tcp_ack *a)
{
	if (t->cwnd < t->ssthresh)
		return t->cwnd < 2 * a->prior_flight;
	return a->prior_flight + 3u * t->snd_mss >= t->cwnd;
}

static void newreno_on_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	uint32_t mss = t->snd_mss;
	struct tcb_ext *x;

	if (!cwnd_limited(t, a))
		return;
	if (t->cwnd < t->ssthresh) {
		t->cwnd = hr_min(t->cwnd + hr_min(a->acked, 2 * mss), TCP_MAX_CWND);
		return;
	}
	x = hr_ext_get(c, t);
	if (x == NULL)
		return;
	x->cc_live = true;
	x->cc_acked += a->acked;
	if (x->cc_acked >= t->cwnd) {
		x->cc_acked -= t->cwnd;
		t->cwnd = hr_min(t->cwnd + mss, TCP_MAX_CWND);
	}
}

static uint32_t newreno_ssthresh(struct tcp_ctx *c, struct tcb *t)
{
	return hr_max(tcb_flight(t) / 2, 2u * t->snd_mss);
}

static void newreno_on_exit(struct tcp_ctx *c, struct tcb *t)
{
	newreno_init(c, t);
}

const struct tcp_cc_ops hr_cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.ssthresh = newreno_ssthresh,
	.on_exit = newreno_on_exit,
};
