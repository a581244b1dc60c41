/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hr_tcp_input(), and its short way: what nearly every segment is. It is in order, with the options
 * that were agreed on and no others; its ACK says that all in flight has arrived, or nothing new
 * while the segment has something to say; and nothing special happened to the connection. One
 * question finds that out, and then RFC 9293 3.10.7.4 is a list of assignments. All else goes the
 * general way (input.c, ack.c, recvq.c), which does the same with these segments: with ctx->plain
 * it gets them, too, and the tests compare.
 *
 * Without an ext nothing is lost, SACKed, held out of order, urgent or measured, ca_state is
 * CA_OPEN and the reordering timer does not run.
 */
#include "tcp/recvq.h"

/* Something is to be decided that only the general way decides. */
#define SPECIAL (TF_ECN | TF_URG_SND | TF_WANT_ROOM | TF_CWND_FULL | TF_SEND_RST)

#define TR_UNSURE (TR_RETX | TR_SACKED | TR_LOST)

_Static_assert(TCPF_FIN == 1 && TCPO_TS == 8 && TF_TS == 1, "shifted below");

/* Everything in flight is one range, as it left; or, before the handshake's last ACK, the SYN-ACK
 * that a half-open entry had sent. */
static inline bool settles(const struct tcb *t, const struct tcp_seg *s)
{
	if (s->ack != t->snd_nxt || t->range_head != t->range_tail)
		return false;
	if (likely(t->state != TCPS_SYN_RECEIVED))
		return t->range_head == TR_EMBEDDED && (t->range.flags & TR_UNSURE) == 0;
	return t->range_head == 0 && !(t->flags & TF_FIN_QUEUED);
}

static inline bool usual(const struct tcp_ctx *c, const struct tcb *t, const struct tcp_seg *s)
{
	const uint32_t empty = BIT(TCPS_SYN_RECEIVED) | BIT(TCPS_CLOSE_WAIT) | BIT(TCPS_LAST_ACK);
	uint32_t len = s->payload_len + (s->flags & TCPF_FIN), odd;

	odd = (s->flags & ~(TCPF_PSH | TCPF_FIN)) ^ TCPF_ACK;
	odd |= s->opts ^ (t->flags & TF_TS) << 3;
	odd |= s->seq ^ t->rcv_nxt;
	odd |= t->flags & SPECIAL;
	odd |= t->ext | t->backoff | c->plain;
	if (odd != 0 || t->timer > TT_TLP)
		return false;
	if (!tcb_in(t, len != 0 ? TCPS_RECEIVING | BIT(TCPS_SYN_RECEIVED) : TCPS_RECEIVING | empty))
		return false;
	if (len > t->rcv_adv - t->rcv_nxt)
		return false;
	if ((t->flags & TF_TS) && seq_lt(s->tsval, t->ts_recent))
		return false;
	if (s->payload_len != 0 && (s->m == NULL || s->m->nb_segs != 1 || (t->flags & TF_DEAF)))
		return false;
	if (s->ack == t->snd_una)
		return (len != 0 || t->snd_nxt == s->ack) && t->state != TCPS_SYN_RECEIVED;
	return settles(t, s);
}

/* Usually one mbuf held all of it. */
static inline void take_sendq(struct tcp_ctx *c, struct tcb *t, uint32_t ack)
{
	struct rte_mbuf *m = t->sendq;
	const struct hr_mark *k = hr_mark(m, c->mark_off);

	if (unlikely(k->next != m || seq_gt(k->seq + k->len, ack))) {
		hr_sendq_ack(c, t, ack);
		return;
	}
	t->sendq = t->send_hint = NULL;
	hr_mbuf_free_seg(m);
}

/* All in flight has arrived (una_advance() and more, of ack.c). */
static inline void settle(struct tcp_ctx *c, struct tcb *t, uint32_t ack, uint64_t now_us)
{
	uint32_t base = t->iss + 1, una = t->snd_una;
	uint32_t rtt_us = (uint32_t)now_us - t->range.xmit_us;

	rtt_us += rtt_us == 0;
	if ((t->flags & TF_SYN_DONE) && ack - base < una - base)
		t->snd_wraps++;
	t->flags = (t->flags | TF_SYN_DONE) & ~TF_EMBEDDED;
	t->range_head = t->range_tail = 0;
	t->snd_una = ack;
	t->dup_acks = 0;
	if (t->sendq != NULL)
		take_sendq(c, t, ack);
	hr_rtt_sample(c, t, rtt_us, ack - una, now_us);
	t->timer = TT_NONE;
	t->rexmit_at = HR_NEVER;
	/* The range that knew it is gone. */
	t->sent_ms = tcp_ms(now_us) - rtt_us / 1000;
}

static inline void take_window(struct tcb *t, const struct tcp_seg *s, unsigned scale)
{
	uint32_t wnd = (uint32_t)s->wnd << scale;

	t->snd_wl1 = s->seq;
	t->snd_wnd = wnd;
	if (wnd > t->snd_max_wnd)
		t->snd_max_wnd = wnd;
}

/* The handshake's last ACK. When the SYN-ACK left only its timestamp tells. */
static __attribute__((noinline)) uint32_t opened(
	struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	hr_tcb_established(c, t, now_us);
	t->flags |= TF_SYN_DONE;
	t->snd_una = s->ack;
	if ((t->flags & TF_TS) && s->tsecr != 0) {
		uint32_t rtt_us = tcp_ts_rtt_us(t, s->tsecr, now_us);

		if (rtt_us != 0)
			hr_rtt_sample(c, t, rtt_us, 1, now_us);
	}
	t->snd_max_wnd = 0;
	take_window(t, s, t->snd_scale);
	t->dup_acks = 0;
	t->timer = TT_NONE;
	t->rexmit_at = HR_NEVER;
	t->sent_ms = tcp_ms(now_us);
	return TCP_EV_OPEN;
}

static inline uint32_t take_ack(
	struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	if (s->ack == t->snd_una) {
		if (seq_ge(s->seq, t->snd_wl1))
			take_window(t, s, t->snd_scale);
		return 0;
	}
	settle(c, t, s->ack, now_us);
	take_window(t, s, t->snd_scale);
	if (!(t->flags & TF_FIN_SENT) || s->ack != t->snd_end + 1)
		return 0;
	/* Our FIN has arrived. */
	if (t->state == TCPS_LAST_ACK)
		return hr_tcb_end(t, HR_CLOSED);
	if (t->state == TCPS_FIN_WAIT_1)
		tcb_enter(t, TCPS_FIN_WAIT_2);
	return 0;
}

static inline void take_payload(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	uint32_t len = s->payload_len;
	struct rte_mbuf *m = s->m;

	hr_recv_measure(c, t, s, now_us);
	s->m = NULL;
	if (unlikely(t->rcvq != NULL)) {
		hr_recv_append(c, t, m, s->payload_off, (uint16_t)len);
	} else {
		struct hr_mark *k = hr_mark(m, c->mark_off);

		k->next = m;
		k->seq = t->rcv_nxt;
		k->off = s->payload_off;
		k->len = (uint16_t)len;
		t->rcvq = m;
		t->rcv_nxt += len;
		t->rcv_held += len;
		hr_count_n(c->m, HR_C_bytes_in, len);
	}
	hr_recv_ack_due(c, t, now_us);
	if (unlikely(t->ext != 0)) /* from now on it is bulk */
		hr_autotune_rtt(c, t, s, now_us);
}

static __attribute__((noinline)) uint32_t take(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	uint32_t now_ms = tcp_ms(now_us), events;

	t->keep_probes = 0;
	if (unlikely(t->state == TCPS_SYN_RECEIVED)) {
		events = opened(c, t, s, now_us);
	} else {
		if (s->payload_len != 0 && (uint64_t)(now_ms - t->last_rcv_ms) * 1000 > t->rto_us) {
			t->quickack = tcp_params(c, t)->quickack_segments;
			t->rcv_full = 0;
		}
		if (t->state != TCPS_FIN_WAIT_2 || !(t->flags & TF_DEAF))
			t->last_rcv_ms = now_ms;
		events = take_ack(c, t, s, now_us);
	}
	if (seq_gt(t->snd_end + !!(t->flags & TF_FIN_QUEUED), t->snd_nxt))
		events |= TCP_EV_OUTPUT;
	if ((t->flags & TF_TS) && seq_le(s->seq, t->last_ack_sent)) {
		t->ts_recent = s->tsval;
		t->ts_recent_ms = now_ms;
	}
	if (s->payload_len != 0) {
		take_payload(c, t, s, now_us);
		events |= TCP_EV_DATA;
	}
	if (s->flags & TCPF_FIN)
		events |= hr_recv_fin(c, t);
	if (s->m != NULL) {
		hr_mbuf_free(s->m);
		s->m = NULL;
	}
	if (unlikely(t->ext != 0))
		hr_ext_put(c, t);
	if (t->flags & (TF_ACK_NOW | TF_ACK_SOON))
		events |= TCP_EV_OUTPUT;
	return events;
}

/* The SYN-ACK for a SYN that left once, and nothing but that. */
static inline bool usual_answer(
	const struct tcp_ctx *c, const struct tcb *t, const struct tcp_seg *s)
{
	const uint32_t opts = TCPO_MSS | TCPO_WSCALE | TCPO_SACK_OK | TCPO_TS;
	uint32_t odd = s->flags ^ (TCPF_SYN | TCPF_ACK);

	odd |= s->opts & ~opts;
	odd |= s->payload_len | (s->ack ^ t->snd_nxt);
	odd |= t->flags & SPECIAL;
	odd |= t->ext | t->backoff | c->plain;
	return odd == 0 && t->state == TCPS_SYN_SENT && t->snd_nxt == t->iss + 1 && settles(t, s);
}

/* RFC 9293 3.10.7.3, fourth. */
static __attribute__((noinline)) uint32_t answered(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	bool ts = s->opts & TCPO_TS;

	t->rcv_nxt = s->seq + 1;
	t->rcv_adv += t->rcv_nxt; /* held the window's size until now */
	t->last_ack_sent = t->rcv_nxt;
	if (s->opts & TCPO_MSS)
		t->peer_mss = (uint16_t)hr_max(s->mss, TCP_MIN_MSS);
	hr_tcb_peer_options(c, t, ts, s->opts & TCPO_SACK_OK, s->opts & TCPO_WSCALE, s->wscale);
	t->ts_recent = ts ? s->tsval : 0;
	t->ts_recent_ms = tcp_ms(now_us);
	hr_tcb_established(c, t, now_us);
	settle(c, t, s->ack, now_us);
	take_window(t, s, 0); /* RFC 7323 2.2: not scaled */
	t->flags |= TF_ACK_SOON;
	if (s->m != NULL) {
		hr_mbuf_free(s->m);
		s->m = NULL;
	}
	return TCP_EV_OPEN | TCP_EV_OUTPUT;
}

static __attribute__((noinline)) uint32_t others(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	if (usual_answer(c, t, s))
		return answered(c, t, s, now_us);
	return hr_input_any(c, t, s, now_us);
}

uint32_t hr_tcp_input(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	hr_count(c->m, HR_C_segs_in);
	if (likely(usual(c, t, s)))
		return take(c, t, s, now_us);
	return others(c, t, s, now_us);
}
