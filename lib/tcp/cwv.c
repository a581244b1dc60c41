/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion window validation (RFC 7661) for senders that do not always fill their window. What
 * was acknowledged per round trip (pipeACK) tells how much of it is proven. A window that is not is
 * kept for five minutes, then halved every five minutes; loss meanwhile is answered from what
 * was really sent, not from what might have been. After an idle time the first round is paced
 * (4.4.2), whatever the parameter `pacing` says. That an unused window does not grow is cwnd.c's.
 *
 *	validated: pipeACK >= cwnd / 2, or unknown
 *	      |  ^                    \
 *	 sends less                    loss: cwnd.c as ever
 *	      v  |
 *	non-validated ---- 5 min ----> ssthresh = 3/4 cwnd at least, cwnd / 2
 *	             \
 *	              loss: from max(pipeACK, flight); at the end less what was sent again
 *
 * The state is in the ext, which a connection has when its window passed what a short exchange
 * needs; without it there is nothing worth keeping.
 */
#include "tcp/core.h"

#define NVP_MS    300000u /* 4.4.3 */
#define PERIOD_MS 1000u   /* 4.2: the sampling period is three round trips, at least this */
#define NOTHING   1u      /* pipeACK of somebody who sent nothing for long; 0 is unknown */

static bool validated(const struct tcb *t, const struct tcb_ext *x)
{
	return x->cv_pipe == 0 || x->cv_pipe >= t->cwnd / 2;
}

static uint32_t period_ms(const struct tcb *t)
{
	return (uint32_t)hr_max(PERIOD_MS, 3u * (t->srtt_us8 / 8000));
}

/* 4.4.3: nothing proved it for five minutes, as often as that was. */
static void lower(const struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t now_ms)
{
	uint32_t least = hr_cwnd_initial(c, t);

	while (!validated(t, x) && now_ms - x->cv_valid_ms >= NVP_MS && t->cwnd > least) {
		t->ssthresh = (uint32_t)hr_max(t->ssthresh, (uint64_t)t->cwnd * 3 / 4);
		t->cwnd = hr_max(t->cwnd / 2, least);
		x->cv_valid_ms += NVP_MS;
		hr_count(c->m, HR_C_cwnd_lowered);
	}
}

static void begin(struct tcb *t, struct tcb_ext *x, uint32_t now_ms)
{
	x->cv_on = true;
	x->cv_pipe = x->cv_acked = 0;
	x->cv_end = t->snd_nxt;
	x->cv_at_ms = x->cv_valid_ms = now_ms;
}

void hr_cwv_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	uint32_t now_ms = tcp_ms(a->now_us);

	if (!x->cv_on) {
		begin(t, x, now_ms);
		return;
	}
	/* The last round ended with nothing in flight: all that left since is this one. */
	if (x->cv_end == a->prior_una)
		x->cv_end = t->snd_nxt;
	x->cv_acked += a->acked;
	if (seq_lt(t->snd_una, x->cv_end))
		return;
	if (now_ms - x->cv_at_ms > period_ms(t)) {
		x->cv_pipe = x->cv_acked;
		x->cv_at_ms = now_ms;
	} else {
		x->cv_pipe = hr_max(x->cv_pipe, x->cv_acked);
	}
	x->cv_acked = 0;
	x->cv_end = t->snd_nxt;
	x->cv_kept = false;
	if (validated(t, x))
		x->cv_valid_ms = now_ms;
	else
		lower(c, t, x, now_ms);
}

void hr_cwv_resume(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint64_t now_us)
{
	uint32_t now_ms = tcp_ms(now_us);

	if (!x->cv_on) {
		begin(t, x, t->sent_ms); /* the window is as old as that */
		x->cv_pipe = NOTHING;
	}
	if (now_ms - x->cv_at_ms > period_ms(t))
		x->cv_pipe = NOTHING;
	lower(c, t, x, now_ms);
	/* 4.4.2: no burst of the whole window; pacing.c begins when it is one. */
	x->pace_on = false;
	x->cv_kept = true;
	t->flags &= ~TF_PACED;
}

uint32_t hr_cwv_congestion(const struct tcb *t, struct tcb_ext *x, uint32_t flight)
{
	uint32_t window = flight;

	x->cv_lossy = x->cv_on && !validated(t, x);
	if (x->cv_lossy)
		window = hr_min(hr_max(flight, x->cv_pipe), t->cwnd);
	x->cv_on = false;
	x->cv_pipe = 0;
	return window;
}

/* 4.4.1: and less what was sent again in between. A cut leaves half or more of the window. */
void hr_cwv_recovered(struct tcb *t, struct tcb_ext *x)
{
	uint32_t again = x->undo_retx / 2;

	x->cv_lossy = false;
	t->ssthresh = hr_max(t->ssthresh > again ? t->ssthresh - again : 0, 2u * t->snd_mss);
	t->cwnd = hr_min(t->cwnd, t->ssthresh);
}
