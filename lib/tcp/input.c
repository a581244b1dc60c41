/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One segment for a connection: RFC 9293 3.10.7.3 (SYN-SENT) and 3.10.7.4 (all others), step by
 * step in the RFC's order. What an ACK means is ack.c, what data means is recvq.c; this file
 * decides whether the segment gets that far. Nearly all segments take the short way in usual.c
 * instead.
 */
#include "tcp/core.h"

/* A step returns false when it has finished the segment. */
static bool refuse(uint32_t *events, enum hr_drop why)
{
	*events |= (uint32_t)why << TCP_EV_DROP_SHIFT;
	return false;
}

/* The time of an orphan in FIN-WAIT-2 is not prolonged by what the peer says short of a FIN. */
static void heard(struct tcb *t, uint64_t now_us)
{
	if (t->state != TCPS_FIN_WAIT_2 || !(t->flags & TF_DEAF))
		t->last_rcv_ms = tcp_ms(now_us);
}

/* The peer was silent for longer than its window can explain: it begins with slow start again. */
static void after_idle(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if ((uint64_t)(tcp_ms(now_us) - t->last_rcv_ms) * 1000 <= t->rto_us)
		return;
	t->quickack = tcp_params(c, t)->quickack_segments;
	t->rcv_full = 0;
}

/*
 * An empty ACK that another one overtook on its way, by no more than an RTO (the peer's clock is
 * taken to tick in milliseconds): no old duplicate that PAWS is about. Where a path reorders they
 * come by the hundred.
 */
static bool overtaken(const struct tcb *t, const struct tcp_seg *s)
{
	return (s->flags & (TCPF_ACK | TCPF_SYN | TCPF_FIN | TCPF_URG)) == TCPF_ACK &&
	       s->payload_len == 0 && t->ts_recent - s->tsval <= t->rto_us / 1000;
}

/* RFC 7323 5.3 R1 to R3: before step 1; a RST is exempt. */
static bool step_timestamp(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s,
	uint64_t now_us, uint32_t *events)
{
	if (!(t->flags & TF_TS) || (s->flags & TCPF_RST))
		return true;
	if (!(s->opts & TCPO_TS))
		return refuse(events, DROP_tcp_no_timestamp); /* 3.2: silently; one lost option must
								 not cost the connection */
	if (tcp_ts_old(t, s, now_us)) {
		bool late = overtaken(t, s);

		/* Its SACK blocks count; its window does not (ack.c). */
		if (late && s->seq == t->rcv_nxt && seq_le(s->ack, t->snd_una))
			return true;
		/* Data overtook it: there is nobody to be told anything. */
		if (late && seq_lt(s->seq, t->rcv_nxt))
			return refuse(events, DROP_tcp_paws);
		if (s->payload_len != 0 || (s->flags & (TCPF_SYN | TCPF_FIN)))
			t->flags |= TF_ACK_NOW;
		else
			hr_challenge_ack(c, t, now_us);
		return refuse(events, DROP_tcp_paws);
	}
	return true;
}

/* RFC 7323 4.3: only a segment at or before the last ACK sent may set what we echo. */
static void take_timestamp(struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	if (!(t->flags & TF_TS) || !(s->opts & TCPO_TS) || seq_gt(s->seq, t->last_ack_sent) ||
		tcp_ts_old(t, s, now_us))
		return;
	t->ts_recent = s->tsval;
	t->ts_recent_ms = tcp_ms(now_us);
}

/*
 * Step 1: the sequence number. Acceptable is what overlaps [RCV.NXT, right edge); an empty segment
 * may sit on the right edge (a peer that filled the window acknowledges from there), and with a
 * zero window the ACK, RST and URG of a probe still count.
 */
static bool step_sequence(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us, uint32_t *events)
{
	uint32_t len = hr_seg_len(s), end = s->seq + len;
	uint32_t wnd = t->rcv_adv - t->rcv_nxt;

	if (len == 0 ? seq_ge(s->seq, t->rcv_nxt) && seq_le(s->seq, t->rcv_adv)
		     : seq_lt(s->seq, t->rcv_adv) && seq_gt(end, t->rcv_nxt))
		return true;
	if (len != 0 && wnd == 0 && s->seq == t->rcv_nxt) {
		if (!(s->flags & TCPF_RST))
			t->flags |= TF_ACK_NOW;
		s->payload_len = 0;
		s->flags &= (uint8_t)~TCPF_FIN;
		return true;
	}
	if (s->flags & TCPF_RST)
		return refuse(events, DROP_tcp_rst_window);
	if (len != 0 && seq_le(end, t->rcv_nxt)) {
		/* A retransmission: the ACK was lost. RFC 2883 4.1: say so. */
		struct tcb_ext *x = NULL;

		/* Further below than any window reaches (RFC 7323 2.2) nothing was ever
		 * acknowledged: half the sequence space away "before" turns into "after". */
		if ((t->flags & TF_SACK) && tcp_params(c, t)->dsack && s->payload_len != 0 &&
			t->rcv_nxt - s->seq <= TCP_MAX_WINDOW)
			x = hr_ext_get(c, t);
		if (x != NULL) {
			x->dsack = (struct tcp_sack_block){s->seq, s->seq + s->payload_len};
			t->flags |= TF_DSACK;
		}
		t->flags |= TF_ACK_NOW;
		hr_recv_quickack(c, t);
		heard(t, now_us);
		return refuse(events, DROP_tcp_old);
	}
	if (len == 0 && s->seq + 1 == t->rcv_nxt) /* a keep-alive or window probe */
		t->flags |= TF_ACK_NOW;
	else
		hr_challenge_ack(c, t, now_us); /* limited: two confused ends must not answer each
						   other for ever */
	return refuse(events, DROP_tcp_window);
}

/* Step 2 as RFC 5961 3.2 has it: exactly RCV.NXT resets, elsewhere in the window earns a challenge.
 */
static bool step_rst(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us,
	uint32_t *events)
{
	if (!(s->flags & TCPF_RST))
		return true;
	if (s->seq != t->rcv_nxt) {
		hr_challenge_ack(c, t, now_us);
		return refuse(events, DROP_tcp_rst_window);
	}
	hr_count(c->m, HR_C_rst_in);
	if (t->state == TCPS_TIME_WAIT) {
		if (tcp_params(c, t)->rfc1337)
			return refuse(events, DROP_tcp_time_wait);
		*events |= hr_tcb_end(t, HR_CLOSED); /* the application was told already */
		return false;
	}
	/* MUST-11: only a connection that we opened was refused. */
	*events |= hr_tcb_end(t,
		t->state == TCPS_SYN_RECEIVED && !(t->flags & TF_PASSIVE) ? HR_REFUSED : HR_RESET);
	return false;
}

/* Step 4 as RFC 5961 4.2 has it. */
static bool step_syn(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us, uint32_t *events)
{
	if (!(s->flags & TCPF_SYN))
		return true;
	hr_challenge_ack(c, t, now_us);
	return refuse(events, DROP_tcp_syn_sync);
}

/* The handshake's last ACK (step 5, SYN-RECEIVED). */
static bool step_ack_syn_received(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s,
	uint64_t now_us, uint32_t *events)
{
	if (seq_le(s->ack, t->iss) || seq_gt(s->ack, t->snd_nxt)) {
		*events |= TCP_EV_STRAY;
		return refuse(events, DROP_tcp_ack_bad);
	}
	hr_tcb_established(c, t, now_us);
	t->snd_wnd = (uint32_t)s->wnd << t->snd_scale;
	t->snd_max_wnd = t->snd_wnd;
	t->snd_wl1 = s->seq;
	*events |= TCP_EV_OPEN;
	if (t->flags & TF_FIN_QUEUED)
		tcb_enter(t, TCPS_FIN_WAIT_1);
	return true;
}

static bool fin_acked(const struct tcb *t)
{
	return (t->flags & TF_FIN_SENT) && t->snd_una == t->snd_end + 1;
}

/* Step 5. */
static bool step_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us,
	uint32_t *events)
{
	if (!(s->flags & TCPF_ACK))
		return refuse(events, DROP_tcp_flags);
	if (t->state == TCPS_SYN_RECEIVED && !step_ack_syn_received(c, t, s, now_us, events))
		return false;
	/* RFC 5961 5.2: not older than the largest window could explain, not for what was never
	 * sent. */
	if (seq_gt(s->ack, t->snd_nxt)) {
		hr_challenge_ack(c, t, now_us);
		return refuse(events, DROP_tcp_ack_unsent);
	}
	if (seq_lt(s->ack, t->snd_una - t->snd_max_wnd)) {
		hr_challenge_ack(c, t, now_us);
		return refuse(events, DROP_tcp_ack_bad);
	}
	*events |= hr_ack_input(c, t, s, now_us);
	if (!fin_acked(t))
		return true;
	switch ((enum tcp_state)t->state) {
	case TCPS_FIN_WAIT_1:
		tcb_enter(t, TCPS_FIN_WAIT_2);
		break;
	case TCPS_CLOSING:
		tcb_enter(t, TCPS_TIME_WAIT);
		hr_timer_arm(t, TT_NONE, HR_NEVER);
		*events |= TCP_EV_CLOSED | TCP_EV_TIMEWAIT;
		break;
	case TCPS_LAST_ACK:
		*events |= hr_tcb_end(t, HR_CLOSED);
		return false;
	default:
		break;
	}
	return true;
}

/* Steps 6 to 8: urgent pointer, data, FIN. */
static void step_text(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us, uint32_t *events)
{
	if (s->flags & TCPF_URG)
		hr_recv_urgent(c, t, s, events);
	if (!tcb_in(t, TCPS_RECEIVING)) {
		if (hr_seg_len(s) != 0)
			t->flags |= TF_ACK_NOW; /* a repeated FIN in TIME-WAIT, nonsense behind a
						   FIN elsewhere */
		return;
	}
	if (s->payload_len != 0 && (t->flags & TF_DEAF) &&
		seq_gt(s->seq + s->payload_len, t->rcv_nxt)) {
		/* RFC 9293 3.6.1, SHLD-3: nobody will read this; the peer should know. What was
		 * read before may well come again, with the FIN on it. The RST is at SEG.ACK: that
		 * is where the peer takes it (RFC 5961 3.2), whatever of ours was lost. */
		*events |= TCP_EV_STRAY | hr_tcb_end(t, HR_ABORTED);
		refuse(events, DROP_tcp_after_close);
		return;
	}
	if (s->payload_len != 0 || (s->flags & TCPF_FIN))
		*events |= hr_recv_data(c, t, s, now_us);
}

/*
 * The peer still knows an old connection of this tuple (it is in TIME-WAIT there, or half-open):
 * the RST ends that, and our SYN is due again. Once, at once: the timeout would cost a second.
 */
static void syn_again(struct tcp_ctx *c, struct tcb *t, uint32_t *events)
{
	struct tx_range *r = t->range_head != 0 ? hr_range_at(c, t, t->range_head) : NULL;

	if (r == NULL || r->sent > 1)
		return;
	hr_range_mark(tcb_ext(c, t), r, TR_LOST, 0);
	t->flags |= TF_RETX_HEAD;
	*events |= TCP_EV_OUTPUT;
}

/* RFC 9293 3.10.7.3, first and second: is the ACK for our SYN; is it a refusal? */
static bool syn_sent_ack_rst(
	struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint32_t *events)
{
	bool ack_ok = (s->flags & TCPF_ACK) && seq_gt(s->ack, t->iss) && seq_le(s->ack, t->snd_nxt);

	if ((s->flags & TCPF_ACK) && !ack_ok) {
		if (!(s->flags & TCPF_RST)) {
			*events |= TCP_EV_STRAY;
			syn_again(c, t, events);
		}
		return refuse(events, DROP_tcp_ack_bad);
	}
	if (s->flags & TCPF_RST) {
		if (!ack_ok)
			return refuse(events, DROP_tcp_rst_window);
		hr_count(c->m, HR_C_rst_in);
		*events |= hr_tcb_end(t, HR_REFUSED);
		return false;
	}
	if (!(s->flags & TCPF_SYN))
		return refuse(events, DROP_tcp_flags);
	return true;
}

static void syn_sent_input(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us, uint32_t *events)
{
	if (!syn_sent_ack_rst(c, t, s, events))
		return;
	if (t->snd_nxt == t->iss) {
		/* Our own SYN waits for its next hop: the peer will repeat this one. */
		refuse(events, DROP_tcp_flags);
		return;
	}
	/* Fourth: the SYN. */
	t->rcv_nxt = s->seq + 1;
	t->rcv_adv += t->rcv_nxt; /* held the window's size until now */
	t->last_ack_sent = t->rcv_nxt;
	if (s->opts & TCPO_MSS)
		t->peer_mss = hr_max(s->mss, TCP_MIN_MSS);
	hr_tcb_peer_options(
		c, t, s->opts & TCPO_TS, s->opts & TCPO_SACK_OK, s->opts & TCPO_WSCALE, s->wscale);
	t->ts_recent = s->opts & TCPO_TS ? s->tsval : 0;
	t->ts_recent_ms = tcp_ms(now_us);
	if (!(s->flags & TCPF_ACK)) {
		/* MUST-10, simultaneous open: our SYN again, now with an ACK. */
		tcb_enter(t, TCPS_SYN_RECEIVED);
		t->snd_wnd = s->wnd;
		t->snd_wl1 = s->seq;
		hr_range_mark(tcb_ext(c, t), hr_range_at(c, t, t->range_head), TR_LOST, 0);
		t->flags |= TF_RETX_HEAD;
		*events |= TCP_EV_OUTPUT;
		return;
	}
	hr_ecn_syn_ack_in(c, t, s);
	if (s->opts & TCPO_UTO)
		hr_uto_input(c, t, s);
	hr_tcb_established(c, t, now_us);
	*events |= TCP_EV_OPEN | TCP_EV_OUTPUT | hr_ack_input(c, t, s, now_us);
	t->flags |= TF_ACK_SOON;
	/* Seventh: text on the SYN-ACK, if any, starts one later. */
	s->seq++;
	s->flags &= (uint8_t)~TCPF_SYN;
	step_text(c, t, s, now_us, events);
}

/* The peer's SYN-ACK crossing ours (RFC 9293 figure 8): its SYN is known, its ACK is what counts.
 */
static void strip_known_syn(struct tcb *t, struct tcp_seg *s)
{
	if (t->state != TCPS_SYN_RECEIVED || !(s->flags & TCPF_SYN) || !(s->flags & TCPF_ACK) ||
		s->seq + 1 != t->rcv_nxt)
		return;
	s->seq++;
	s->flags &= (uint8_t)~TCPF_SYN;
	s->wnd >>= t->snd_scale; /* RFC 7323 2.2: the window of a SYN is not scaled */
	t->flags |= TF_ACK_SOON;
}

static void synchronised_input(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us, uint32_t *events)
{
	strip_known_syn(t, s);
	if (!step_timestamp(c, t, s, now_us, events))
		return;
	if (!step_sequence(c, t, s, now_us, events))
		return;
	if (!step_rst(c, t, s, now_us, events))
		return;
	/* Step 3, security and precedence, is obsolete. */
	if (!step_syn(c, t, s, now_us, events))
		return;
	if (s->payload_len != 0)
		after_idle(c, t, now_us);
	heard(t, now_us);
	t->keep_probes = 0;
	if (!step_ack(c, t, s, now_us, events))
		return;
	take_timestamp(t, s, now_us);
	if (unlikely(s->opts & TCPO_UTO))
		hr_uto_input(c, t, s);
	step_text(c, t, s, now_us, events);
}

uint32_t hr_input_any(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	uint32_t events = 0;

	if (t->state == TCPS_CLOSED || (t->flags & TF_SEND_RST))
		refuse(&events, DROP_tcp_after_close); /* over: the RST is on its way */
	else if (t->state == TCPS_SYN_SENT)
		syn_sent_input(c, t, s, now_us, &events);
	else
		synchronised_input(c, t, s, now_us, &events);
	if (s->m != NULL) {
		rte_pktmbuf_free(s->m);
		s->m = NULL;
	}
	if (t->ext != 0) {
		if (unlikely(tcb_ext(c, t)->pl_live))
			events |= hr_pmtu_on_ack(c, t, now_us);
		hr_ext_put(c, t);
	}
	if (t->flags & (TF_ACK_NOW | TF_ACK_SOON | TF_SEND_RST))
		events |= TCP_EV_OUTPUT;
	return events;
}
