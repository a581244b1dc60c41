/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an acceptable ACK does (RFC 9293 3.10.7.4 step 5): SND.UNA, RTT samples, the send
 * window; the SACK scoreboard is sack.c. The facts are gathered in one struct tcp_ack; what they
 * mean for loss and for cwnd is decided in loss.c and cc.c.
 */
#include "tcp/recovery.h"

/* RTT of the oldest newly acknowledged data that left only once and was not SACKed before (RFC 6298
 * 3, Karn). */
static void ack_ranges(
	struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a, uint32_t ack, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t sacked = x != NULL ? x->sacked_bytes : 0;
	struct tx_range *r;
	bool retx = false;

	HR_RANGE_FOREACH(c, t, i, r)
	{
		if (seq_le(ack, r->seq))
			break;
		if (a->wait_us == 0)
			a->wait_us = hr_max((uint32_t)now_us - r->first_us, 1u);
		if (r->flags & TR_RETX)
			retx = true;
		else if (a->rtt_us == 0 && !(r->flags & TR_SACKED))
			a->rtt_us = hr_max((uint32_t)now_us - r->xmit_us, 1u);
		a->original |= !(r->flags & (TR_RETX | TR_SACKED));
		a->last_xmit_us = r->xmit_us;
		if (x != NULL && !(r->flags & TR_SACKED) && (t->flags & TF_SACK))
			hr_rack_delivered(t, x, r, seq_min(r->end, ack), a, now_us);
	}
	if (retx)
		a->rtt_us = 0;
	a->only_retx = retx;
	hr_range_ack(c, t, ack);
	a->delivered = a->acked;
	if (x != NULL && (t->flags & TF_SACK))
		a->delivered -= sacked - x->sacked_bytes;
}

static void una_advance(struct tcp_ctx *c, struct tcb *t, uint32_t ack)
{
	uint32_t base = t->iss + 1;

	if ((t->flags & TF_SYN_DONE) && ack - base < t->snd_una - base)
		t->snd_wraps++;
	t->flags |= TF_SYN_DONE;
	t->snd_una = ack;
	if ((t->flags & TF_URG_SND) &&
		(tcb_ext(c, t) == NULL || seq_ge(ack, tcb_ext(c, t)->snd_up)))
		t->flags &= ~TF_URG_SND;
	/* Somebody is there: R1 and R2 count from here, also for what went out with what arrived.
	 */
	if (unlikely(t->ca_state != CA_OPEN || t->backoff != 0) && t->range_head != 0)
		hr_range_at(c, t, t->range_head)->sent = 1;
	hr_sendq_ack(c, t, ack);
}

/* RFC 9293 3.10.7.4: the newest segment tells the window; the field is unsigned (MUST-1). */
static bool window_input(struct tcb *t, const struct tcp_seg *s, uint32_t prior_una)
{
	uint32_t wnd = (uint32_t)s->wnd << (s->flags & TCPF_SYN ? 0 : t->snd_scale);
	bool newer = seq_gt(s->ack, prior_una) || seq_gt(s->seq, t->snd_wl1) ||
		     (s->seq == t->snd_wl1 && seq_ge(s->ack, prior_una));

	if (!newer || seq_lt(s->ack, prior_una))
		return false;
	bool changed = wnd != t->snd_wnd;

	t->snd_wl1 = s->seq;
	t->snd_wnd = wnd;
	t->snd_max_wnd = hr_max(t->snd_max_wnd, wnd);
	return changed;
}

/*
 * The answer is to a SYN before the last one: a long way, or that SYN waited in this host for the
 * neighbour's address. The second is common, and its second of RTT and half a second of RTTVAR
 * would make for timeouts of 3 s for many round trips: the first data tells instead.
 */
static bool held_syn(const struct tcb *t, const struct tcp_ack *a, uint32_t ms, uint64_t now_us)
{
	return (t->flags & TF_TIMED_SYN) && a->prior_una == t->iss && a->wait_us != 0 &&
	       ms > ((uint32_t)now_us - a->last_xmit_us) / 1000 + 1;
}

static void rtt_input(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a, uint64_t now_us)
{
	/* Only retransmitted data was acknowledged: the echoed timestamp tells which transmission
	 * it was (RFC 7323 4.1). Not one from before the data left. */
	if (a->rtt_us == 0 && a->ts) {
		uint32_t rtt_us = tcp_ts_rtt_us(t, a->tsecr, now_us);

		if ((a->wait_us == 0 || rtt_us / 1000 <= a->wait_us / 1000 + 1) &&
			!held_syn(t, a, rtt_us / 1000, now_us))
			a->rtt_us = rtt_us;
	}
	if (a->rtt_us != 0)
		hr_rtt_sample(c, t, a->rtt_us, a->prior_flight, now_us);
}

uint32_t hr_ack_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	struct tcp_ack a = {.prior_una = t->snd_una,
		.prior_flight = tcb_flight(t),
		.now_us = now_us,
		.reordered = (t->flags & TF_REORDER) != 0};
	uint32_t events = 0;
	bool window_changed, recovering = t->ca_state == CA_RECOVERY;

	if ((t->flags & TF_TS) && (s->opts & TCPO_TS) && s->tsecr != 0) {
		a.ts = true;
		a.tsecr = s->tsecr;
	}
	if (seq_gt(s->ack, t->snd_una)) {
		a.acked = s->ack - t->snd_una;
		ack_ranges(c, t, &a, s->ack, now_us);
		una_advance(c, t, s->ack);
		rtt_input(c, t, &a, now_us);
	}
	if ((s->opts & TCPO_SACK) && (t->flags & TF_SACK))
		hr_sack_input(c, t, s, &a, now_us);
	/* The newest segment tells the window: an overtaken one does not. */
	window_changed = tcp_ts_old(t, s, now_us) ? (uint32_t)s->wnd << t->snd_scale != t->snd_wnd
						  : window_input(t, s, a.prior_una);
	a.dup = s->ack == a.prior_una && a.prior_flight != 0 && s->payload_len == 0 &&
		!window_changed && !(s->flags & (TCPF_SYN | TCPF_FIN));
	if (a.dup)
		hr_count(c->m, HR_C_dup_acks_in);

	a.ece = (t->flags & TF_ECN) && (s->flags & (TCPF_ECE | TCPF_SYN)) == TCPF_ECE;

	hr_loss_on_ack(c, t, &a, now_us);
	if (t->flags & TF_ECN)
		hr_ecn_ack_in(c, t, &a);
	if (a.acked != 0) {
		/* Neither during recovery nor by the ACK that ends it. */
		if (!recovering && t->ca_state != CA_RECOVERY && !a.undone)
			hr_cwnd_on_ack(c, t, &a);
		/* RFC 6298 5.2, 5.3; the reordering timer knows better (RFC 8985 6.2.5). */
		if (t->timer != TT_REO || tcb_flight(t) == 0)
			hr_timer_rearm(c, t, now_us);
	}
	/* Idle time counts from the last transmission; the range that knew it is gone. */
	if (a.acked != 0 && tcb_flight(t) == 0)
		t->sent_ms = tcp_ms(now_us) -
			     (a.wait_us == 0 ? 0 : ((uint32_t)now_us - a.last_xmit_us) / 1000);
	if (a.undone && a.acked == 0 && t->timer != TT_REO)
		hr_timer_rearm(c, t, now_us);
	if (t->timer == TT_PERSIST && t->snd_wnd != 0 && window_changed) {
		hr_timer_arm(t, TT_NONE, HR_NEVER);
		t->backoff = 0;
	}
	if (seq_gt(t->snd_end + !!(t->flags & TF_FIN_QUEUED), t->snd_nxt) || t->ca_state != CA_OPEN)
		events |= TCP_EV_OUTPUT;
	if ((t->flags & TF_WANT_ROOM) && a.acked != 0 &&
		hr_tcp_send_room(c, t) >= (int64_t)hr_send_limit(c, t) / 4) {
		t->flags &= ~TF_WANT_ROOM;
		events |= TCP_EV_WRITABLE;
	}
	return events;
}
