/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438): after congestion the window climbs back on a cubic curve of time whose plateau
 * is where congestion met it last, so that growth does not depend on the RTT.
 *
 *      bytes                                      . '
 *             w_max - - - - - - - - - . - - ' - - - - - - W_cubic(t) = C (t - K)^3 + W_max
 *                            .  '
 *                       .'
 *       cwnd_epoch   .
 *                   +----------------K-------------> t: time in use since the epoch began
 *
 * Where Reno would be faster (short RTTs, small windows) its estimate w_est is followed instead.
 */
#include "tcp/cubic.h"
#include "tcp/core.h"

/* beta_cubic = 7/10 (4.6); alpha_cubic = 3 (1 - beta) / (1 + beta) = 9/17 (4.3). */
#define BETA(w)  ((uint32_t)((uint64_t)(w)*7 / 10))
#define ALPHA    9u
#define ALPHA_OF 17u

#define MAX_T_US ((1 << 30) - 1) /* the curve has left every window long before */

__extension__ typedef unsigned __int128 wide;

/* K^3 = below / (mss C), so (K in us)^3 x 2 mss = below x 5 x 10^18: compared without division. */
uint32_t hr_cubic_k_us(uint32_t below, uint32_t mss)
{
	wide want = (wide)below * 5000000000000000000u;
	uint32_t k = 0;

	for (uint32_t bit = 1u << 30; bit != 0; bit >>= 1) {
		uint64_t x = k | bit;

		if ((wide)x * x * x * (2 * mss) <= want)
			k |= bit;
	}
	return k;
}

uint32_t hr_cubic_far(uint32_t d_us, uint32_t mss)
{
	wide n = (wide)d_us * d_us * d_us * (2 * mss) / 5000000000000000000u;

	return n < (wide)1 << 31 ? (uint32_t)n : 1u << 31;
}

/* W_cubic(t): depends on t - K alone. */
static uint32_t curve(const struct tcp_cubic_epoch *e, int64_t t_k_us, uint32_t mss)
{
	uint32_t far = hr_cubic_far((uint32_t)(t_k_us < 0 ? -t_k_us : t_k_us), mss);

	if (t_k_us >= 0)
		return hr_min(e->w_max + far, TCP_MAX_CWND);
	return e->w_max > far ? e->w_max - far : 0;
}

/* A congestion avoidance stage begins (4.2). w_max is 0 when no congestion led here (slow start
 * ended by delay) or a timeout did (4.8): then the plateau is here and K is 0. */
static void begin_epoch(struct tcp_cubic *q, const struct tcb *t, uint32_t now_us)
{
	uint32_t k_us = 0;

	if (q->e.w_max > t->cwnd)
		k_us = hr_min(hr_cubic_k_us(q->e.w_max - t->cwnd, t->snd_mss), (uint32_t)MAX_T_US);
	else
		q->e.w_max = t->cwnd;
	q->e.running = true;
	q->e.t_k_us = -(int32_t)k_us;
	q->e.w_est = t->cwnd;
	q->est_acked = 0;
	q->last_us = now_us;
}

/*
 * Turn acknowledged bytes into `per_window` bytes of growth for each window of them; what is less
 * than a byte of growth stays in *acked.
 */
static uint32_t grow(uint32_t *acked, uint64_t per_window, uint64_t window)
{
	uint32_t inc;

	if (per_window == 0) {
		*acked = 0;
		return 0;
	}
	inc = (uint32_t)(*acked * per_window / window);
	*acked -= hr_min(*acked, (uint32_t)((inc * window + per_window - 1) / per_window));
	return inc;
}

/* The Reno-friendly estimate (4.3). */
static void estimate(struct tcp_cubic *q, const struct tcb *t, const struct tcp_ack *a)
{
	uint32_t alpha = q->e.w_est >= q->e.cwnd_prior ? ALPHA_OF : ALPHA;

	q->est_acked += a->acked;
	q->e.w_est +=
		grow(&q->est_acked, (uint64_t)alpha * t->snd_mss, (uint64_t)ALPHA_OF * t->cwnd);
	q->e.w_est = hr_min(q->e.w_est, TCP_MAX_CWND);
}

static void cubic_avoid(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	struct tcp_cubic *q = &x->cubic;
	uint32_t now_us = (uint32_t)a->now_us, target;
	int64_t t_k_us;

	if (!q->e.running) {
		begin_epoch(q, t, now_us);
		x->cc_acked = 0;
	}
	t_k_us = (int64_t)q->e.t_k_us + (now_us - q->last_us);
	if (t_k_us > MAX_T_US)
		t_k_us = MAX_T_US;
	q->e.t_k_us = (int32_t)t_k_us;
	q->last_us = now_us;
	estimate(q, t, a);
	if (curve(&q->e, t_k_us, t->snd_mss) < q->e.w_est) {
		t->cwnd = hr_max(t->cwnd, q->e.w_est);
		x->cc_acked = 0;
		return;
	}
	/* 4.4, 4.5: to where the curve will be in one round, by at most half a window. */
	target = curve(&q->e, t_k_us + t->srtt_us8 / 8, t->snd_mss);
	target = hr_min(hr_max(target, t->cwnd), t->cwnd + t->cwnd / 2);
	x->cc_acked += a->acked;
	t->cwnd += grow(&x->cc_acked, target - t->cwnd, t->cwnd);
}

/* 5.8, end of 4.2: time in which the window was not in use does not count. */
static void cubic_unused(struct tcb_ext *x, uint64_t now_us)
{
	x->cubic.last_us = (uint32_t)now_us;
}

static uint32_t cubic_ssthresh(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t window)
{
	struct tcp_cubic_epoch *e = &x->cubic.e;

	x->cubic.prior = *e;
	e->cwnd_prior = t->cwnd;
	/* 4.7, fast convergence: less than last time means that somebody else needs room. */
	e->w_max = window < e->w_max ? (uint32_t)((uint64_t)window * 17 / 20) : window;
	e->running = false;
	return BETA(window);
}

/* 4.8 */
static void cubic_on_rto(struct tcb_ext *x)
{
	x->cubic.e.w_max = 0;
	x->cubic.e.running = false;
}

/* 4.9: the event was none. */
static void cubic_undo(struct tcb_ext *x, uint64_t now_us)
{
	x->cubic.e = x->cubic.prior;
	x->cubic.last_us = (uint32_t)now_us;
}

const struct tcp_cc_ops hr_cc_cubic = {
	.name = "cubic",
	.avoid = cubic_avoid,
	.unused = cubic_unused,
	.ssthresh = cubic_ssthresh,
	.on_rto = cubic_on_rto,
	.undo = cubic_undo,
};
