/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * State of a tcb: the one function that changes it, the table of allowed moves (RFC 9293 figure 5),
 * the beginning and the end of a connection, and the extra state that only some need.
 */
#include <rte_mbuf.h>

#include "tcp/core.h"

const char *hr_tcp_state_name(uint8_t state)
{
	static const char *const rfc[] = {"CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED",
		"FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"};

	_Static_assert(RTE_DIM(rfc) == TCPS_COUNT, "a name for each state");
	return state < TCPS_COUNT ? rfc[state] : "?";
}

/* RFC 9293 figure 5; every state may end (RST, abort, timeout). */
static const uint16_t moves[TCPS_COUNT] = {
	[TCPS_CLOSED] = BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED),
	[TCPS_SYN_SENT] = BIT(TCPS_CLOSED) | BIT(TCPS_SYN_RECEIVED) | BIT(TCPS_ESTABLISHED),
	[TCPS_SYN_RECEIVED] = BIT(TCPS_CLOSED) | BIT(TCPS_ESTABLISHED) | BIT(TCPS_FIN_WAIT_1),
	[TCPS_ESTABLISHED] = BIT(TCPS_CLOSED) | BIT(TCPS_FIN_WAIT_1) | BIT(TCPS_CLOSE_WAIT),
	[TCPS_FIN_WAIT_1] =
		BIT(TCPS_CLOSED) | BIT(TCPS_FIN_WAIT_2) | BIT(TCPS_CLOSING) | BIT(TCPS_TIME_WAIT),
	[TCPS_FIN_WAIT_2] = BIT(TCPS_CLOSED) | BIT(TCPS_TIME_WAIT),
	[TCPS_CLOSE_WAIT] = BIT(TCPS_CLOSED) | BIT(TCPS_LAST_ACK),
	[TCPS_CLOSING] = BIT(TCPS_CLOSED) | BIT(TCPS_TIME_WAIT),
	[TCPS_LAST_ACK] = BIT(TCPS_CLOSED),
	[TCPS_TIME_WAIT] = BIT(TCPS_CLOSED),
};

void tcb_enter(struct tcb *t, enum tcp_state s)
{
	must(moves[t->state] & BIT(s));
	t->state = (uint8_t)s;
}

uint32_t hr_tcb_end(struct tcb *t, enum hr_reason why)
{
	if (t->state == TCPS_CLOSED)
		return 0;
	tcb_enter(t, TCPS_CLOSED);
	t->reason = why & 0xf;
	t->flags &= ~(TF_ACK_NOW | TF_ACK_SOON | TF_ACK_DELAY | TF_SEND_RST | TF_PROBE |
		      TF_KEEPALIVE | TF_PACED);
	hr_timer_arm(t, TT_NONE, HR_NEVER);
	return TCP_EV_CLOSED;
}

void hr_tcb_init(
	struct tcp_ctx *c, struct tcb *t, uint16_t params, uint32_t ts_off, uint64_t now_us)
{
	const struct hr_tcp_params *p = &c->params[params];

	_Static_assert(offsetof(struct tcb, rcv_nxt) == 32, "what is set here lies before");
	hr_zero(&t->rcv_nxt, sizeof(*t) - offsetof(struct tcb, rcv_nxt));
	t->state = TCPS_CLOSED;
	t->snd_scale = 0;
	t->params = params;
	t->flags = p->nagle ? 0 : TF_NODELAY;
	t->rcv_buf = p->rcv_buf_bytes;
	t->rcv_mss = TCP_DEFAULT_MSS4; /* until a segment tells more */
	t->rcv_scale = hr_params_wscale(p);
	t->ts_off = ts_off;
	t->ssthresh = TCP_MAX_CWND;
	t->rto_us = p->rto_init_us;
	t->min_rtt_us = UINT32_MAX;
	t->rexmit_at = HR_NEVER;
	t->last_rcv_ms = tcp_ms(now_us);
}

/* Settle what both sides offered; snd_mss holds the payload limit of the path until now. */
void hr_tcb_peer_options(
	struct tcp_ctx *c, struct tcb *t, bool ts, bool sack, bool wscale, uint8_t shift)
{
	const struct hr_tcp_params *p = tcp_params(c, t);

	if (ts && p->timestamps)
		t->flags |= TF_TS;
	if (sack && p->sack)
		t->flags |= TF_SACK;
	if (wscale && p->wscale != 0) {
		t->flags |= TF_WSCALE;
		t->snd_scale = hr_min(shift, TCP_MAX_WSCALE) & 0xf;
	} else {
		t->snd_scale = 0;
		t->rcv_scale = 0;
	}
	/* More than the field can tell is of no use, and would look like a window that always wants
	 * an update. */
	t->rcv_buf = hr_min(t->rcv_buf, (uint32_t)UINT16_MAX << t->rcv_scale);
	t->snd_mss = hr_min(t->snd_mss, t->peer_mss);
	if (t->flags &
		TF_TS) /* RFC 6691: options come out of the payload, not out of the announced MSS */
		t->snd_mss -= TCP_TS_OPT_BYTES;
}

void hr_tcb_established(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	tcb_enter(t, TCPS_ESTABLISHED);
	hr_count(c->m, HR_C_conns_established);
	/* RFC 6298 5.7; until a timestamp tells the round trip. */
	if (t->flags & TF_TIMED_SYN)
		t->rto_us = hr_max(t->rto_us, TCP_RTO_SYN_LOST_US);
	t->backoff = 0;
	t->quickack = tcp_params(c, t)->quickack_segments;
	t->last_rcv_ms = tcp_ms(now_us);
	/* RFC 5482 3: in the SYN, and again in the first segment after it: who answered the SYN
	 * need not have kept it. */
	if (hr_uto_told(tcp_params(c, t)))
		t->uto_due = true;
	hr_cwnd_init(c, t);
}

struct tcb_ext *hr_ext_get(struct tcp_ctx *c, struct tcb *t)
{
	struct tx_range *r;
	struct tcb_ext *x;

	if (t->ext != 0)
		return tcb_ext(c, t);
	x = hr_slab_alloc(c->exts);
	if (x == NULL) {
		hr_count(c->m, HR_C_no_memory);
		return NULL;
	}
	memset(x, 0, sizeof(*x));
	x->retx_high = t->snd_una;
	x->fack = t->snd_una;
	x->reo_mult = 1;
	/* A timeout without memory for this marked what is lost all the same. */
	HR_RANGE_FOREACH(c, t, i, r)
	{
		x->lost_bytes += r->flags & TR_LOST ? r->end - r->seq : 0;
		if (r->flags & TR_RETX)
			x->retx_high = r->end;
	}
	t->ext = hr_slab_index(c->exts, x);
	return x;
}

void hr_ext_put(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (x == NULL || x->ooo != NULL || x->n_sacks != 0 || x->has_ooo_fin || x->urg_pending ||
		x->sacked_bytes != 0 || x->lost_bytes != 0 || x->tlp_out || x->cc_live ||
		x->undo_live || x->reo_mult > 1 || x->dsack_round_on || x->reno_hold || x->ce_ack ||
		x->drs_live || x->uto_s != 0 || x->pl_live || x->n_push != 0 ||
		t->ca_state != CA_OPEN || seq_lt(t->snd_una, x->retx_high) ||
		(t->flags & (TF_DSACK | TF_URG_SND)) || t->timer == TT_REO)
		return;
	hr_slab_free(c->exts, x);
	t->ext = 0;
}

void hr_tcp_release(struct tcp_ctx *c, struct tcb *t)
{
	hr_sendq_free(c, t);
	hr_range_free_all(c, t);
	hr_recv_free(c, t);
	if (t->ext != 0) {
		hr_reasm_free(c, tcb_ext(c, t));
		hr_slab_free(c->exts, tcb_ext(c, t));
		t->ext = 0;
	}
}

static uint32_t retransmitted(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tx_range *r;
	uint32_t n = 0;

	HR_RANGE_FOREACH(c, t, i, r)
	if ((r->flags & (TR_RETX | TR_SACKED | TR_LOST)) == TR_RETX)
		n += r->end - r->seq;
	return n;
}

void hr_tcp_info(const struct tcp_ctx *c, const struct tcb *t, struct hr_conn_info *i)
{
	static const char *const ca_name[] = {"open", "recovery", "loss"};
	const struct tx_range *head = t->range_head ? hr_range_at(c, t, t->range_head) : NULL;
	const struct tcb_ext *x = tcb_ext(c, t);

	i->state = hr_tcp_state_name(t->state);
	i->srtt_us = t->srtt_us8 / 8;
	i->rttvar_us = t->rttvar_us4 / 4;
	i->rto_us = hr_rto_us(c, t);
	i->min_rtt_us = t->min_rtt_us == UINT32_MAX ? 0 : t->min_rtt_us;
	i->cwnd_bytes = t->cwnd;
	i->ssthresh_bytes = t->ssthresh;
	i->snd_wnd_bytes = t->snd_wnd;
	i->rcv_wnd_bytes = t->rcv_adv - t->rcv_nxt;
	i->inflight_bytes = tcb_flight(t);
	i->unsent_bytes = tcb_unsent(t);
	i->unread_bytes = t->rcv_held;
	i->snd_mss = t->snd_mss;
	i->retransmits = head != NULL && head->sent > 0 ? head->sent - 1 : 0;
	i->cc = tcp_cc(c, t)->name;
	i->recovery = ca_name[t->ca_state];
	i->ecn = (t->flags & TF_ECN) != 0;
	i->reordering = (t->flags & TF_REORDER) != 0;
	i->sacked_bytes = x != NULL ? x->sacked_bytes : 0;
	i->lost_bytes = x != NULL ? x->lost_bytes : 0;
	i->retrans_bytes = retransmitted(c, t);
	i->rcv_buf_bytes = t->rcv_buf;
	i->snd_buf_bytes = hr_send_limit(c, t);
	i->pmtu = hr_tcp_pmtu(t);
	i->rcv_mss = t->rcv_mss;
	i->snd_wscale = t->snd_scale;
	i->rcv_wscale = t->rcv_scale;
	i->timestamps = (t->flags & TF_TS) != 0;
	i->sack = (t->flags & TF_SACK) != 0;
	i->soft_error = (enum hr_soft_error)t->soft_error;
	i->urgent_bytes = x != NULL && x->urg_pending ? x->rcv_up - (t->rcv_nxt - t->rcv_held) : 0;
	i->bytes_acked = t->snd_una == t->iss ? 0 : hr_tcp_send_offset(t, t->snd_una);
}
