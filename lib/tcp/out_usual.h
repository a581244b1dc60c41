/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The short way of output, for a connection to which nothing special happened: an ACK; or all that
 * is queued, where one segment takes it and nothing is in flight; or nothing. It is part of its two
 * callers, hr_tcp_output() and the engine's (engine/tx.c), which alone of those outside lib/tcp
 * includes this. hr_tcp_output_any() would decide the same, and is asked about everything else.
 */
#ifndef HR_TCP_OUT_USUAL_H
#define HR_TCP_OUT_USUAL_H

#include "tcp/core.h"

enum tcp_usual_answer {
	TCP_USUAL_NOT,    /* ask hr_tcp_output_any(); nothing changed */
	TCP_USUAL_SILENT, /* there is nothing to send */
	TCP_USUAL_SEGMENT /* one segment, after which there is nothing */
};

/* The segment; ACK is t->rcv_nxt, TSecr t->ts_recent, and DF is set. */
struct tcp_usual {
	uint32_t seq, len;
	uint32_t tsval; /* when TF_TS */
	uint16_t wnd;
	uint8_t flags; /* TCPF_* */
	uint8_t ttl, tos;
};

/* Write it out, as hr_tcp_output() returns it. */
void hr_tcp_usual_out(const struct tcb *t, const struct tcp_usual *u, struct tcp_out *o);

/* New data left, the first in flight: hr_timer_sent() where no timer runs. */
static __rte_always_inline void tcp_usual_timer(struct tcp_ctx *c, struct tcb *t,
	const struct hr_tcp_params *p, uint32_t flight, uint64_t now_us)
{
	uint32_t pto = TCP_TLP_NO_RTT_US;

	if (unlikely(!(t->flags & TF_SACK) || !p->tlp)) {
		hr_timer_rearm(c, t, now_us);
		return;
	}
	if (t->flags & TF_RTT_VALID) {
		pto = t->srtt_us8 / 4 + (flight <= t->snd_mss ? TCP_TLP_ACK_US : 0);
		pto = (uint32_t)hr_max(pto, p->tlp_min_us);
	}
	t->timer = TT_TLP;
	t->rexmit_at = now_us + hr_min(pto, hr_min(t->rto_us, p->rto_max_us));
}

/* len bytes, all there are, and FIN when the application closed. Returns the segment's flags. */
static __rte_always_inline uint8_t tcp_usual_push(struct tcp_ctx *c, struct tcb *t,
	const struct hr_tcp_params *p, uint32_t len, bool fin, uint64_t now_us)
{
	uint32_t end = t->snd_nxt + len + fin;
	uint8_t flags = 0;

	if (unlikely((uint64_t)(tcp_ms(now_us) - t->sent_ms) * 1000 > t->rto_us))
		hr_cwnd_restart(c, t, now_us);
	t->range.flags = fin ? TR_FIN : 0;
	if (len != 0) {
		hr_cwnd_note_use(t, len);
		if (t->rcv_nxt != t->last_ack_sent)
			t->flags |= TF_PINGPONG;
		if (p->psh == HR_PSH_BURST)
			t->range.flags |= TR_PSH;
		flags = TCPF_PSH; /* MUST-61 */
		hr_count_n(c->m, HR_C_bytes_out, len);
	}
	t->flags |= TF_EMBEDDED;
	t->range.seq = t->snd_nxt;
	t->range.end = end;
	t->range.xmit_us = t->range.first_us = (uint32_t)now_us;
	t->range.sent = 1;
	t->range.segs = 0;
	t->range.next = 0;
	t->range_head = t->range_tail = TR_EMBEDDED;
	t->snd_nxt = end;
	if (fin) {
		t->flags |= TF_FIN_SENT;
		flags |= TCPF_FIN;
	}
	tcp_usual_timer(c, t, p, len + fin, now_us);
	return flags;
}

static __rte_always_inline enum tcp_usual_answer tcp_usual_output(
	struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_usual *u)
{
	/* What has a segment of its own, a closer look at each, or more than the usual options. */
	const uint32_t special = TF_SEND_RST | TF_TLP | TF_PROBE | TF_KEEPALIVE | TF_URG_SND |
				 TF_ECN | TF_DSACK | TF_ECE | TF_RETX_HEAD | TF_CWR | TF_PACED;
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint32_t fin_bits = t->flags & (TF_FIN_QUEUED | TF_FIN_SENT);
	uint32_t len = t->snd_end + !!(fin_bits & TF_FIN_SENT) - t->snd_nxt;
	bool fin = fin_bits == TF_FIN_QUEUED;

	/* Without ext no loss is known, nothing waits out of order, nothing is paced after idle. */
	if (unlikely((t->flags & special) || t->ext != 0 || t->state < TCPS_ESTABLISHED ||
		     t->uto_due || t->df_clear || !p->pmtud || c->plain))
		return TCP_USUAL_NOT;
	u->seq = t->snd_nxt;
	u->len = len;
	u->flags = TCPF_ACK;
	if (len != 0 || fin) {
		/* The usable window is all of it; Nagle and cwnd let one segment go. */
		if (unlikely(t->snd_nxt != t->snd_una || t->range_tail != 0 || len > t->snd_mss ||
			     len >= t->snd_wnd || len > t->cwnd || t->timer != TT_NONE ||
			     t->backoff != 0 || p->pacing))
			return TCP_USUAL_NOT;
		u->flags |= tcp_usual_push(c, t, p, len, fin, now_us);
	} else if (!(t->flags & (TF_ACK_NOW | TF_ACK_SOON))) {
		return TCP_USUAL_SILENT;
	}
	u->wnd = tcp_window_field(t);
	u->tsval = tcp_tsval(t, now_us);
	u->ttl = p->ttl;
	u->tos = (uint8_t)(p->dscp << 2);
	t->last_ack_sent = t->rcv_nxt;
	t->flags &= ~(TF_ACK_NOW | TF_ACK_SOON | TF_ACK_DELAY);
	return TCP_USUAL_SEGMENT;
}

#endif
