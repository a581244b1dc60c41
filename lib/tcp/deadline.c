/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time: the retransmission family is one timer at a time (RTO, tail loss probe, reordering,
 * zero-window probe), beside the delayed ACK and the slow ones (keep-alive, orphaned FIN-WAIT-2),
 * which follow from when the peer was last heard. Deadlines are stored when the reason arises;
 * hr_tcp_deadline() only takes the least.
 */
#include "tcp/recovery.h"

void hr_timer_arm(struct tcb *t, enum tcp_timer kind, uint64_t when_us)
{
	t->timer = kind & 7;
	t->rexmit_at = when_us;
}

/* The peer shrank its window to nothing with data in flight, and answers. Nobody waits for an
 * orphan: that one has only its attempts. */
static bool shut_but_alive(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	return t->snd_wnd == 0 && !(t->flags & TF_DEAF) && tcb_in(t, TCPS_SYNCHRONISED) &&
	       tcp_ms(now_us) - t->last_rcv_ms < 2 * (tcp_params(c, t)->rto_max_us / 1000);
}

/* How long the application lets the oldest data (or the SYN) wait, HR_NEVER when only the number of
 * attempts counts. */
static uint64_t give_up_at(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint64_t first_us = tcp_expand(now_us, hr_range_at(c, t, t->range_head)->first_us);
	uint32_t user_ms;

	if (tcb_in(t, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED)))
		return first_us + p->connect_timeout_ms * 1000ull;
	/* SHLD-17: a peer that shrank its window to nothing and keeps answering is alive. */
	if (shut_but_alive(c, t, now_us))
		return HR_NEVER;
	user_ms = hr_user_timeout_ms(c, t);
	return user_ms != 0 ? first_us + user_ms * 1000ull : HR_NEVER;
}

/* The next timeout: not later than the moment of giving up. */
static void arm_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint64_t at = now_us + hr_rto_us(c, t);

	hr_timer_arm(t, TT_RTO, hr_min(at, hr_max(give_up_at(c, t, now_us), now_us + 1)));
}

void hr_timer_rearm(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if (tcb_flight(t) == 0)
		hr_timer_arm(t, TT_NONE, HR_NEVER);
	else if (hr_tlp_wanted(c, t))
		/* RFC 8985 7.2: not later than the RTO; that follows if the probe fails. */
		hr_timer_arm(t, TT_TLP, now_us + hr_min(hr_tlp_pto_us(c, t), hr_rto_us(c, t)));
	else
		arm_rto(c, t, now_us);
}

/* When the RTO of the oldest data would expire, had nothing been acknowledged since. */
static uint64_t head_rto_at(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	return tcp_expand(now_us, hr_range_at(c, t, t->range_head)->xmit_us) + hr_rto_us(c, t);
}

/* New data starts a timer that does not run (RFC 6298 5.1), and moves the probe behind it (RFC
 * 8985 7.2), but not behind the RTO. */
void hr_timer_sent(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint64_t at, last;

	if (t->timer == TT_REO)
		return;
	if (t->timer == TT_RTO || t->timer == TT_TLP) {
		if (!hr_tlp_wanted(c, t))
			return;
		last = hr_max(t->rexmit_at, head_rto_at(c, t, now_us));
		at = now_us + hr_tlp_pto_us(c, t);
		hr_timer_arm(t, TT_TLP, hr_min(at, last));
		return;
	}
	if (t->timer == TT_PERSIST)
		t->backoff = 0;
	hr_timer_rearm(c, t, now_us);
}

/* A time on the ms clock, as microseconds; it may lie up to 24 days around now. */
static uint64_t at_ms(uint64_t now_us, uint32_t ms)
{
	uint64_t now_ms = now_us / 1000;
	int64_t at = (int64_t)now_ms + (int32_t)(ms - (uint32_t)now_ms);

	return at < 0 ? 0 : (uint64_t)at * 1000;
}

static bool orphan_in_fin_wait_2(const struct tcb *t)
{
	return t->state == TCPS_FIN_WAIT_2 && (t->flags & TF_DEAF);
}

/* An orphan has a limit of its own, which answers do not move: probes would follow one another. */
static bool keepalive_applies(const struct tcp_ctx *c, const struct tcb *t)
{
	return tcp_params(c, t)->keepalive_ms != 0 && tcb_flight(t) == 0 &&
	       t->timer != TT_PERSIST && !orphan_in_fin_wait_2(t) &&
	       tcb_in(t, BIT(TCPS_ESTABLISHED) | BIT(TCPS_CLOSE_WAIT) | BIT(TCPS_FIN_WAIT_2));
}

/*
 * The next probe, or the time to give up. A user timeout says when that is, whatever the number of
 * probes (RFC 5482 4.2: keep-alives must not be less patient), but not before one probe had its
 * time. Their count is 8 bits: with a long timeout they are further apart.
 */
static uint32_t keepalive_ms(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint32_t user_ms = hr_user_timeout_ms(c, t);
	uint64_t step = hr_max(p->keepalive_interval_ms, user_ms / 128);
	uint64_t at = p->keepalive_ms + t->keep_probes * step;

	if (user_ms != 0 && t->keep_probes != 0)
		at = hr_min(at, hr_max((uint64_t)user_ms, p->keepalive_ms + step));
	return t->last_rcv_ms + (uint32_t)at;
}

static __attribute__((noinline)) uint64_t deadline_any(
	const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	uint64_t at = t->rexmit_at;

	/* A RST waits for output, and when there is no room for it, not for time. */
	if (t->state == TCPS_CLOSED || (t->flags & TF_SEND_RST))
		return HR_NEVER;
	if (t->flags & TF_ACK_DELAY)
		at = hr_min(at, tcp_expand(now_us, t->delack_at));
	if (t->flags & TF_PACED)
		at = hr_min(at, tcp_expand(now_us, tcb_ext(c, t)->pace_at_us));
	if (orphan_in_fin_wait_2(t))
		at = hr_min(at, at_ms(now_us, t->last_rcv_ms + tcp_params(c, t)->fin_wait2_ms));
	if (keepalive_applies(c, t))
		at = hr_min(at, at_ms(now_us, keepalive_ms(c, t)));
	return at;
}

uint64_t hr_tcp_deadline(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	const uint32_t others = TF_SEND_RST | TF_ACK_DELAY | TF_PACED;

	/* Nothing but the retransmission family runs; in CLOSED not even that. */
	if (likely((t->flags & others) == 0 && t->state != TCPS_FIN_WAIT_2 &&
		    tcp_params(c, t)->keepalive_ms == 0))
		return t->rexmit_at;
	return deadline_any(c, t, now_us);
}

/* R2 (RFC 9293 3.8.3): has the oldest data waited too long? */
static bool given_up(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint64_t at = give_up_at(c, t, now_us);

	if (at != HR_NEVER)
		return at <= now_us;
	return hr_user_timeout_ms(c, t) == 0 && !shut_but_alive(c, t, now_us) &&
	       hr_range_at(c, t, t->range_head)->sent > p->retries;
}

static uint32_t expire_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint32_t events = TCP_EV_OUTPUT;

	if (given_up(c, t, now_us))
		return hr_tcb_end(t, HR_TIMEOUT);
	hr_count(c->m, HR_C_rto_fired);
	if (tcb_in(t, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED)))
		t->flags |= TF_TIMED_SYN;
	/* R1, before R2 and told once in a row: three retransmissions brought no answer. */
	if (hr_range_at(c, t, t->range_head)->sent == 1 + TCP_R1) {
		hr_count(c->m, HR_C_r1_reached);
		events |= tcb_soft_error(t, HR_SOFT_RETRANSMITS);
	}
	hr_loss_on_rto(c, t, now_us);
	if (unlikely(t->backoff >= 3))
		hr_pmtu_on_rto(c, t, now_us);
	arm_rto(c, t, now_us);
	return events;
}

static uint32_t expire_persist(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);

	/* RFC 9293 MUST-37: answered probes keep the connection for ever; keep_probes counts the
	 * unanswered ones. Nobody owns an orphan: a peer that keeps its window shut does not keep
	 * it for ever. */
	if (t->keep_probes >= p->retries || ((t->flags & TF_DEAF) && t->backoff >= p->retries))
		return hr_tcb_end(t, HR_TIMEOUT);
	t->keep_probes++;
	t->flags |= TF_PROBE;
	if (t->backoff < UINT8_MAX)
		t->backoff++; /* SHLD-30 */
	hr_timer_arm(t, TT_PERSIST, now_us + hr_rto_us(c, t));
	return TCP_EV_OUTPUT;
}

static uint32_t expire_tlp(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	t->flags |= TF_TLP;
	arm_rto(c, t, now_us);
	return TCP_EV_OUTPUT;
}

/*
 * A timer that is very late belongs to a host that slept. Nothing of what was in flight then is.
 * The 32-bit times of transmission cannot tell how long that was: all of it becomes as old as they
 * can safely say, also for a timeout that is undone later.
 */
static bool host_slept(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t then = (uint32_t)now_us - TCP_SLEPT_US;
	struct tx_range *r;

	if (now_us - t->rexmit_at < TCP_SLEPT_US || t->range_head == 0 || t->timer == TT_PERSIST)
		return false;
	HR_RANGE_FOREACH(c, t, i, r)
	{
		r->xmit_us = then;
		r->first_us = then;
	}
	if (x != NULL) {
		x->retx_us = then;
		x->rack_valid = false;
	}
	return true;
}

static uint32_t expire_rexmit(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if (unlikely(host_slept(c, t, now_us)))
		return expire_rto(c, t, now_us);
	switch ((enum tcp_timer)t->timer) {
	case TT_RTO:
		return expire_rto(c, t, now_us);
	case TT_TLP:
		return expire_tlp(c, t, now_us);
	case TT_REO:
		hr_loss_on_reo(c, t, now_us);
		return TCP_EV_OUTPUT;
	case TT_PERSIST:
		return expire_persist(c, t, now_us);
	case TT_NONE:
		break;
	}
	return 0;
}

static uint32_t expire_keepalive(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint32_t user_ms = hr_user_timeout_ms(c, t);

	if (user_ms != 0 ? t->keep_probes != 0 && tcp_ms(now_us) - t->last_rcv_ms >= user_ms
			 : t->keep_probes >= tcp_params(c, t)->keepalive_probes) {
		/* RFC 9293 3.8.4: the peer is dead; should it be back, a RST tells it. */
		return hr_tcp_abort(c, t, HR_KEEPALIVE);
	}
	t->keep_probes++;
	t->flags |= TF_KEEPALIVE;
	return TCP_EV_OUTPUT;
}

uint32_t hr_tcp_expire(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint32_t events = 0;

	if (t->state == TCPS_CLOSED || (t->flags & TF_SEND_RST))
		return 0;
	if ((t->flags & TF_ACK_DELAY) && tcp_expand(now_us, t->delack_at) <= now_us) {
		t->flags &= ~TF_ACK_DELAY;
		t->flags |= TF_ACK_SOON;
		t->flags &= ~TF_PINGPONG; /* it did not answer in time */
		hr_count(c->m, HR_C_delayed_acks);
		events |= TCP_EV_OUTPUT;
	}
	if ((t->flags & TF_PACED) && tcp_expand(now_us, tcb_ext(c, t)->pace_at_us) <= now_us) {
		t->flags &= ~TF_PACED;
		events |= TCP_EV_OUTPUT;
	}
	if (t->rexmit_at <= now_us)
		events |= expire_rexmit(c, t, now_us);
	if (t->state == TCPS_CLOSED)
		return events;
	if (orphan_in_fin_wait_2(t) &&
		at_ms(now_us, t->last_rcv_ms + tcp_params(c, t)->fin_wait2_ms) <= now_us)
		return events | hr_tcb_end(t, HR_ORPHANED);
	if (keepalive_applies(c, t) && at_ms(now_us, keepalive_ms(c, t)) <= now_us)
		events |= expire_keepalive(c, t, now_us);
	return events;
}
