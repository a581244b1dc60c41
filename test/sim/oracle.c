/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * After every turn: each connection of the worker is whole (hr_tcb_check()), its numbers only move
 * forward, and what it sent fits its congestion window. At the end of the world: nothing is left
 * over and every received packet left by one door.
 */
#include "sim.h"

#include "tcp/core.h"

/*
 * What may be in flight beyond cwnd when something was sent: two segments of limited transmit (RFC
 * 3042), and the first retransmission of a recovery.
 */
#define PIPE_ALLOWANCE_SEGMENTS 4

/*
 * Two mechanisms send new data whatever cwnd says, and a cut may have left cwnd far below what is
 * in flight: the tail loss probe of one segment (RFC 8985 7.3), and the two segments with which
 * F-RTO asks whether a timeout was one (RFC 5682 2.1 step 2b).
 */
static bool whatever_cwnd_says(
	const struct tcp_ctx *ctx, const struct tcb *t, const struct sim_flow *f)
{
	const struct tcb_ext *x = tcb_ext(ctx, t);
	uint32_t sent = t->snd_nxt - f->snd_nxt;

	if (x == NULL)
		return false;
	if (t->ca_state == CA_OPEN && x->tlp_out && !x->tlp_is_retx && x->tlp_end == t->snd_nxt)
		return sent <= t->snd_mss + 1u;
	return t->ca_state == CA_LOSS && x->frto == 2 &&
	       t->snd_nxt - x->recover <= 2u * t->snd_mss + 1;
}

static void watch_cwnd(
	struct world *w, const struct tcp_ctx *ctx, const struct tcb *t, const struct sim_flow *f)
{
	uint32_t acked = t->snd_una - f->snd_una, pipe, most;

	if (t->snd_nxt == f->snd_nxt || !tcb_in(t, TCPS_SYNCHRONISED))
		return;
	if (t->snd_nxt == f->snd_nxt + 1 && (t->flags & TF_FIN_SENT))
		return; /* a FIN alone does not wait for cwnd */
	pipe = hr_tcb_pipe(ctx, t);
	if (t->ca_state == CA_OPEN && pipe <= t->cwnd && tcb_flight(t) > t->cwnd)
		reach(w->reached, R_LIMITED);
	if (t->ca_state == CA_RECOVERY && tcp_params(ctx, t)->prr && t->cwnd != t->ssthresh)
		reach(w->reached, R_PRR);
	/* The window of the last turn grows by no more than what was acknowledged since. */
	most = RTE_MAX(f->cwnd + acked, t->cwnd) + PIPE_ALLOWANCE_SEGMENTS * t->snd_mss;
	if (w->broken != NULL && strcmp(w->broken, "cwnd") == 0)
		most /= 2;
	if (pipe > most && !whatever_cwnd_says(ctx, t, f))
		sim_violation(w, "in flight %u, allowed %u (cwnd was %u, is %u)", pipe, most,
			f->cwnd, t->cwnd);
}

static void watch(struct world *w, enum sim_side side, unsigned worker, struct hr_worker *hw,
	const struct conn *c)
{
	const struct tcb *t = &c->tcb;
	struct sim_flow *f;

	hr_tcb_check(&hw->tcp, t);
	if (t->state == TCPS_CLOSED)
		return;
	f = sim_flow_of(w, side, worker, c);
	if (f->watched) {
		if (seq_lt(t->snd_una, f->snd_una) || seq_lt(t->snd_nxt, f->snd_nxt))
			sim_violation(w, "SND.UNA or SND.NXT went back: %u to %u, %u to %u",
				f->snd_una, t->snd_una, f->snd_nxt, t->snd_nxt);
		if (f->state == TCPS_SYN_SENT && t->state == TCPS_SYN_RECEIVED) {
			reach(w->reached, R_SIM_OPEN);
			sim_app_crossed(w, c);
		}
		if (f->state == TCPS_FIN_WAIT_1 && t->state == TCPS_CLOSING)
			reach(w->reached, R_SIM_CLOSE);
		if (t->backoff > f->backoff)
			reach_cell(
				w->reached, f->state, t->timer == TT_PERSIST ? E_PERSIST : E_RTO);
		if (t->keep_probes > f->keep_probes)
			reach_cell(w->reached, f->state, E_KEEPALIVE);
		watch_cwnd(w, &hw->tcp, t, f);
	}
	f->watched = true;
	f->state = t->state;
	f->backoff = t->backoff;
	f->keep_probes = t->keep_probes;
	f->snd_una = t->snd_una;
	f->snd_nxt = t->snd_nxt;
	f->cwnd = t->cwnd;
}

void sim_oracle_turn(struct world *w, enum sim_side side, unsigned worker)
{
	struct hr_worker *hw = hr_engine_worker(w->engine[side], worker);

	for (uint32_t i = 1; i <= hw->conn_top; i++) {
		struct conn *c = hr_conn_of(hw, i);

		if (c != NULL)
			watch(w, side, worker, hw, c);
	}
}

bool sim_oracle_empty(struct world *w, struct hr_census *sum)
{
	bool yes = w->in_flight == 0;

	memset(sum, 0, sizeof(*sum));
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++) {
			struct hr_census c;

			hr_worker_census(hr_engine_worker(w->engine[s], i), &c);
			for (unsigned k = 0; k < sizeof(c) / sizeof(uint32_t); k++)
				((uint32_t *)sum)[k] += ((uint32_t *)&c)[k];
		}
	for (unsigned k = 0; k < sizeof(*sum) / sizeof(uint32_t); k++)
		yes &= ((uint32_t *)sum)[k] == 0;
	return yes;
}

void sim_oracle_end(struct world *w)
{
	struct hr_census c;

	for (unsigned i = 0; i < w->n_ends; i++)
		sim_app_judge(w->ends[i]);
	if (!sim_oracle_empty(w, &c))
		sim_violation(w,
			"left over: %u connections, %u half-open, %u TIME-WAIT, %u ranges, %u "
			"extensions, %u table entries, "
			"%u timers, %u application timers, %u ready, %u dirty, %u mbufs, %u frames "
			"in flight",
			c.conns, c.half_open, c.time_wait, c.ranges, c.exts, c.table, c.timers,
			c.app_timers, c.ready, c.dirty, c.mbufs, w->in_flight);
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(w->engine[s]); i++)
			if (!hr_metrics_balanced(
				    hr_worker_metrics(hr_engine_worker(w->engine[s], i))))
				sim_violation(w,
					"side %u worker %u: a received packet left by no door, or "
					"by two",
					s, i);
}
