/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HyStart++ (RFC 9406): the initial slow start watches the smallest RTT of each round. When it
 * rises, a queue builds: growth slows down to a quarter (conservative slow start, CSS), and when
 *the delay has not fallen again for five rounds, slow start ends before it overflows the queue.
 *
 *	slow start --- delay rises ---> CSS --- five rounds ---> congestion avoidance
 *	     ^--------- delay falls ------'
 */
#include "tcp/core.h"

/* RFC 9406 4.3 */
#define MIN_RTT_THRESH_US  4000u
#define MAX_RTT_THRESH_US  16000u
#define MIN_RTT_DIVISOR    8u
#define N_RTT_SAMPLE       8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS         5u
#define UNKNOWN_US         UINT32_MAX

static void next_round(struct tcp_hystart *h, const struct tcb *t)
{
	/* The handshake's round, and those too small to measure, left the connection's minimum. */
	h->last_min_us = h->on ? h->min_us : t->min_rtt_us;
	h->min_us = UNKNOWN_US;
	h->samples = 0;
	h->window_end = t->snd_nxt;
	h->on = true;
	if (h->css)
		h->css_rounds++;
}

static void sample(struct tcp_hystart *h, uint32_t rtt_us)
{
	if (rtt_us == 0)
		return;
	h->min_us = hr_min(h->min_us, rtt_us);
	if (h->samples < UINT8_MAX)
		h->samples++;
}

/* 4.2: enough samples, and the delay is up by an eighth, at least 4 ms and at most 16 ms. */
static bool delay_rises(const struct tcp_hystart *h)
{
	uint32_t thresh_us = (uint32_t)hr_max(
		MIN_RTT_THRESH_US, hr_min(h->last_min_us / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US));

	return h->samples >= N_RTT_SAMPLE && h->last_min_us != UNKNOWN_US &&
	       h->min_us >= (uint64_t)h->last_min_us + thresh_us;
}

uint32_t hr_hystart_growth(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a, uint32_t grow)
{
	struct tcp_hystart *h = &x->hystart;

	if (!h->on || seq_ge(t->snd_una, h->window_end))
		next_round(h, t);
	sample(h, a->rtt_us);
	if (!h->css) {
		if (!delay_rises(h))
			return grow;
		h->css = true;
		h->css_rounds = 0;
		h->css_us = h->min_us;
		hr_count(c->m, HR_C_hystart_css);
	} else if (h->samples >= N_RTT_SAMPLE && h->min_us < h->css_us) {
		h->css = false; /* it was noise */
		return grow;
	} else if (h->css_rounds >= CSS_ROUNDS) {
		t->ssthresh = t->cwnd;
		hr_count(c->m, HR_C_hystart_exits);
		return 0;
	}
	return grow / CSS_GROWTH_DIVISOR;
}
