/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The congestion window: how it begins, grows, is cut and goes stale. Slow start is the same for
 * all algorithms and is here; what comes above ssthresh, and how far a cut goes, is the algorithm's
 * (struct tcp_cc_ops). Loss is loss.c's business: it says when.
 *
 * State beyond cwnd and ssthresh lives in the ext and is taken when the window first grows past
 * what a short exchange needs. Without memory for it the window stays as it is, and cuts halve it.
 */
#include "tcp/core.h"

const struct tcp_cc_ops *const hr_cc_table[HR_CC_COUNT] = {
	[HR_CC_CUBIC] = &hr_cc_cubic,
	[HR_CC_NEWRENO] = &hr_cc_newreno,
	[HR_CC_DCTCP] = &hr_cc_dctcp,
};

#define HYSTART_MIN_SEGMENTS 16u /* a smaller window cannot fill a queue worth measuring */

static struct tcb_ext *cc_state(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = hr_ext_get(c, t);

	if (x != NULL)
		x->cc_live = true;
	return x;
}

uint32_t hr_cwnd_initial(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint32_t mss = t->snd_mss, iw = p->iw_segments * mss;

	return p->iw_segments <= 10 ? hr_min(iw, hr_max(2 * mss, 14600u)) : iw;
}

/* RFC 5681 3.1: one segment when the SYN or SYN-ACK was lost. */
void hr_cwnd_init(struct tcp_ctx *c, struct tcb *t)
{
	t->cwnd = t->flags & TF_TIMED_SYN ? t->snd_mss : hr_cwnd_initial(c, t);
	t->ssthresh = TCP_MAX_CWND; /* a lost SYN says nothing of the path's capacity */
}

/* RFC 5681 3.1 with byte counting: an ACK counts for L segments at most, 2 (RFC 3465 2.2) or 8
 * with HyStart++, any number when paced (RFC 9406 4.2). */
static void slow_start(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	bool hystart = tcp_params(c, t)->hystart;
	/* What had been SACKed before does not count again, unless SACKs are all that a path which
	 * reorders lets us hear in time: the same as Linux. */
	uint32_t acked = a->reordered ? a->acked : hr_min(a->acked, a->delivered);
	uint32_t grow = hr_min(acked, (hystart ? 8u : 2u) * t->snd_mss);
	struct tcb_ext *x;

	if (hystart && tcp_params(c, t)->pacing)
		grow = a->acked;

	/* RFC 9406 4.3: the initial one only; later ssthresh knows. */
	if (hystart && t->ssthresh == TCP_MAX_CWND &&
		t->cwnd >= HYSTART_MIN_SEGMENTS * t->snd_mss && (x = cc_state(c, t)) != NULL)
		grow = hr_hystart_growth(c, t, x, a, grow);
	t->cwnd = hr_min(t->cwnd + grow, hr_max(t->ssthresh, t->cwnd));
}

void hr_cwnd_on_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	struct tcb_ext *x = tcb_ext(c, t);

	if (hr_cwv_live(c, t, x))
		hr_cwv_on_ack(c, t, x, a);
	if (a->ece)
		return; /* RFC 3168 6.1.2 */
	/* RFC 7661: a window that was not used tells nothing about the path. */
	if (!(t->flags & TF_CWND_FULL)) {
		if (x != NULL && cc->unused != NULL)
			cc->unused(x, a->now_us);
		return;
	}
	if (t->cwnd < t->ssthresh) {
		slow_start(c, t, a);
		return;
	}
	x = cc_state(c, t);
	if (x != NULL)
		cc->avoid(c, t, x, a);
	t->cwnd = hr_min(t->cwnd, TCP_MAX_CWND);
}

uint32_t hr_cwnd_in_use(const struct tcb *t, const struct tcp_ack *a)
{
	/* Earlier ACKs of this turn took their part off the flight, and nothing has filled it yet:
	 * for a sender that waits for ACKs only, the flight is the window. */
	return (t->flags & TF_CWND_FULL) && seq_gt(t->snd_end, t->snd_nxt)
		       ? hr_min(t->cwnd, t->snd_wnd)
		       : a->prior_flight;
}

bool hr_cwnd_cut_lately(const struct tcb_ext *x, const struct tcb *t)
{
	return x != NULL && x->cut && seq_lt(t->snd_una, x->cut_end);
}

static void cut(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t to)
{
	t->ssthresh = hr_max(to, 2u * t->snd_mss);
	if (!(t->flags & TF_ECN))
		return;
	/* RFC 3168 6.1.2: the peer hears of every reduction, whatever its reason. */
	t->flags |= TF_CWR;
	if (x != NULL) {
		x->cut = true;
		x->cut_end = t->snd_nxt;
	}
}

void hr_cwnd_cut(struct tcp_ctx *c, struct tcb *t, uint32_t flight)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	/* RFC 5681 3.1: what was in flight, not what might have been; and not more than cwnd, which
	 * limited transmit and SACK let the flight exceed. */
	uint32_t window = hr_min(flight, t->cwnd);
	struct tcb_ext *x = cc_state(c, t);

	/* RFC 3168 6.1.2: marks and losses of one window are one event, unless the answer to marks
	 * is a milder one (RFC 8257 3.5). */
	if (hr_cwnd_cut_lately(x, t) && cc->ecn_ssthresh == NULL)
		return;
	if (hr_cwv_live(c, t, x))
		window = hr_cwv_congestion(t, x, window);
	cut(c, t, x, x != NULL ? cc->ssthresh(c, t, x, window) : window / 2);
}

void hr_cwnd_cut_ecn(struct tcp_ctx *c, struct tcb *t, uint32_t flight)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	uint32_t window = hr_min(flight, t->cwnd), to = window / 2;
	struct tcb_ext *x;

	/* Without memory the flag alone knows that a cut is under way. */
	if (t->ext == 0 && (t->flags & TF_CWR))
		return;
	x = cc_state(c, t);
	if (hr_cwv_live(c, t, x)) {
		window = hr_cwv_congestion(t, x, window);
		x->cv_lossy = false;
	}
	if (x != NULL && cc->ecn_ssthresh != NULL)
		to = cc->ecn_ssthresh(t, x, window);
	else if (x != NULL)
		to = cc->ssthresh(c, t, x, window);
	cut(c, t, x, to);
	t->cwnd = hr_min(t->cwnd, t->ssthresh);
}

void hr_cwnd_recovered(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (x == NULL)
		return;
	x->cc_acked = 0;
	if (x->cv_lossy)
		hr_cwv_recovered(t, x);
}

void hr_cwnd_on_rto(struct tcp_ctx *c, struct tcb *t, bool first)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	struct tcb_ext *x;

	if (first)
		hr_cwnd_cut(c, t, tcb_flight(t));
	x = tcb_ext(c, t);
	if (x != NULL && cc->on_rto != NULL)
		cc->on_rto(x);
	t->cwnd = t->snd_mss;
}

void hr_cwnd_undo(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	struct tcb_ext *x = tcb_ext(c, t);

	if (x == NULL)
		return;
	x->cv_lossy = false;
	if (cc->undo != NULL)
		cc->undo(x, now_us);
}

/* What the algorithm knew of the path is old; the ext goes with it when nothing else needs one. */
static void forget(const struct tcp_cc_ops *cc, struct tcb *t, struct tcb_ext *x)
{
	if (cc->on_rto != NULL)
		cc->on_rto(x);
	x->hystart.on = x->hystart.css = false;
	x->cut = x->pace_on = x->cv_on = x->cv_kept = x->cv_lossy = false;
	x->cv_pipe = 0;
	x->cc_acked = 0;
	x->cc_live = false;
	t->flags &= ~TF_PACED; /* the time it waited for is gone with pace_on */
}

/* After an idle RTO the path must be learned again, from the initial window (RFC 5681 4.1), unless
 * what was known of it is kept for a while (RFC 7661). */
void hr_cwnd_restart(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	struct tcb_ext *x;

	if (tcb_flight(t) != 0)
		return;
	x = tcb_ext(c, t);
	if (x != NULL && cc->unused != NULL)
		cc->unused(x, now_us);
	if (tcp_ms(now_us) - t->sent_ms <= t->rto_us / 1000)
		return;
	if (hr_cwv_live(c, t, x) && t->cwnd > hr_cwnd_initial(c, t)) {
		hr_cwv_resume(c, t, x, now_us);
		if (t->cwnd > hr_cwnd_initial(c, t))
			return;
	}
	t->cwnd = hr_min(t->cwnd, hr_cwnd_initial(c, t));
	if (x != NULL)
		forget(cc, t, x);
}
