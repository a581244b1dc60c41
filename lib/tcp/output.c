/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What to send next: a ladder of questions in order of priority, asked until the answer is no. RST;
 * what was lost; new data and FIN as windows allow; probes; an ACK. What is returned counts as
 * sent: a descriptor of many segments is one range.
 */
#include "tcp/recovery.h"

/* Fields that every segment has; also settles the ACK side, because every segment but the first SYN
 * acknowledges. */
static void fill(struct tcp_ctx *c, struct tcb *t, struct tcp_out *o, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);

	o->ttl = p->ttl;
	o->may_fragment = !p->pmtud || t->df_clear;
	o->tos = (uint8_t)(p->dscp << 2);
	if (t->flags & TF_TS) {
		o->opts |= TCPO_TS;
		o->tsval = tcp_tsval(t, now_us);
		o->tsecr = t->ts_recent;
	}
	if ((t->flags & TF_ECE) && !(o->flags & (TCPF_SYN | TCPF_RST)))
		o->flags |= TCPF_ECE;
	o->flags |= TCPF_ACK;
	o->ack = t->rcv_nxt;
	o->wnd = hr_window_field(c, t, (o->flags & TCPF_SYN) != 0);
	o->seg_size = t->snd_mss;
	t->last_ack_sent = t->rcv_nxt;
	t->flags &= ~(TF_ACK_NOW | TF_ACK_SOON | TF_ACK_DELAY);
}

/* RFC 2018 4 and RFC 2883 4: the duplicate first, then the most recent blocks, as many as fit. */
static void fill_sacks(struct tcp_ctx *c, struct tcb *t, struct tcp_out *o)
{
	struct tcb_ext *x = tcb_ext(c, t);
	unsigned room = t->flags & TF_TS ? 3 : 4;

	if (x == NULL || !(t->flags & TF_SACK))
		return;
	if (t->flags & TF_DSACK)
		o->sack[o->sack_n++] = (struct tcp_sack){x->dsack.left, x->dsack.right};
	for (unsigned i = 0; i < x->n_sacks && o->sack_n < room; i++)
		o->sack[o->sack_n++] = (struct tcp_sack){x->sacks[i].left, x->sacks[i].right};
	t->flags &= ~TF_DSACK;
	if (o->sack_n != 0)
		o->opts |= TCPO_SACK;
	hr_ext_put(c, t);
}

/* RFC 5482 3: once, and where there is room beside the rest. */
static void fill_uto(struct tcp_ctx *c, struct tcb *t, struct tcp_out *o)
{
	if (likely(!t->uto_due) || o->sack_n != 0)
		return;
	t->uto_due = false;
	o->opts |= TCPO_UTO;
	o->uto = hr_uto_value(tcp_params(c, t));
	o->seg_size -= TCP_UTO_OPT_BYTES;
}

static unsigned sack_bytes(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	unsigned n;

	if (x == NULL || !(t->flags & TF_SACK))
		return 0;
	n = hr_min((unsigned)x->n_sacks + !!(t->flags & TF_DSACK), t->flags & TF_TS ? 3u : 4u);
	return n == 0 ? 0 : 4 + 8 * n;
}

static bool out_rst(
	struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o, uint32_t *events)
{
	bool known = t->state != TCPS_SYN_SENT; /* the peer has no connection to reset yet */

	if (known) {
		o->seq = t->snd_nxt;
		o->flags = TCPF_RST;
		fill(c, t, o, now_us);
		hr_count(c->m, HR_C_rst_out);
	}
	*events |= hr_tcb_end(t, (enum hr_reason)t->reason);
	return known;
}

/* A SYN or SYN-ACK, the first or again. */
static void out_syn(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	bool first = t->state == TCPS_SYN_SENT;

	o->seq = t->iss;
	o->flags = TCPF_SYN;
	o->syn_order = p->syn_order;
	fill(c, t, o, now_us);
	o->opts = TCPO_MSS;
	/* snd_mss has lost what the timestamps took (RFC 6691), and what the peer cannot take:
	 * never more than the path allows. */
	o->mss_opt = (uint16_t)(t->snd_mss + (!first && (t->flags & TF_TS) ? TCP_TS_OPT_BYTES : 0));
	if (first ? p->timestamps : (t->flags & TF_TS) != 0)
		o->opts |= TCPO_TS;
	if (first ? p->sack : (t->flags & TF_SACK) != 0)
		o->opts |= TCPO_SACK_OK;
	if (first ? p->wscale != 0 : (t->flags & TF_WSCALE) != 0)
		o->opts |= TCPO_WSCALE;
	if (first && hr_uto_told(p)) {
		o->opts |= TCPO_UTO;
		o->uto = hr_uto_value(p);
	}
	o->wscale = t->rcv_scale;
	o->tsval = tcp_tsval(t, now_us);
	o->tsecr = first ? 0 : t->ts_recent; /* RFC 7323 3.2: zero while ACK is clear */
	if (first) {
		o->flags = TCPF_SYN;
		if (hr_ecn_asks(c, t))
			o->flags |= TCPF_ECE | TCPF_CWR;
		o->ack = 0;
	}
	hr_count(c->m, HR_C_syn_sent);
}

/* Bytes of payload a range stands for. */
static uint32_t range_payload(const struct tx_range *r)
{
	return r->end - r->seq - !!(r->flags & TR_FIN) - !!(r->flags & TR_SYN);
}

static void out_payload(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t len, bool is_fin,
	uint64_t now_us, struct tcp_out *o)
{
	struct tcb_ext *x = tcb_ext(c, t);
	unsigned sacks = sack_bytes(c, t);

	o->seq = seq;
	o->payload_len = len;
	if (len != 0 && t->rcv_nxt != t->last_ack_sent)
		t->flags |= TF_PINGPONG;
	if (len != 0 && seq + len == t->snd_end)
		o->flags |= TCPF_PSH; /* MUST-61 */
	if (is_fin)
		o->flags |= TCPF_FIN;
	if ((t->flags & TF_URG_SND) && x != NULL && seq_gt(x->snd_up, seq)) {
		o->flags |= TCPF_URG;
		o->urg = (uint16_t)hr_min(x->snd_up - seq, (uint32_t)UINT16_MAX);
	}
	fill(c, t, o, now_us);
	/* Blocks ride along only when they cost less than half of the payload room. */
	if (sacks != 0 && sacks * 2 < t->snd_mss) {
		fill_sacks(c, t, o);
		o->seg_size = (uint16_t)(t->snd_mss - sacks);
	}
	fill_uto(c, t, o);
}

/* Send r, or its first len bytes, again. */
static void retransmit(
	struct tcp_ctx *c, struct tcb *t, struct tx_range *r, uint64_t now_us, struct tcp_out *o)
{
	struct tcb_ext *x = tcb_ext(c, t);

	hr_range_mark(x, r, TR_RETX, TR_LOST);
	r->xmit_us = (uint32_t)now_us;
	if (r->sent < UINT8_MAX)
		r->sent++;
	if (x != NULL) {
		/* Half an hour later the 32-bit clock says "before": timers were late, the host
		 * slept. */
		x->retx_sorted = seq_ge(t->snd_una, x->retx_high) ||
				 (x->retx_sorted && seq_ge(r->seq, x->retx_high) &&
					 (int32_t)(r->xmit_us - x->retx_us) >= 0);
		x->retx_us = r->xmit_us;
		x->retx_high = seq_max(x->retx_high, r->end);
		if (t->ca_state == CA_RECOVERY)
			x->prr.out += r->end - r->seq;
		hr_undo_retransmitted(t, x, r, now_us);
	}
	if ((r->flags & TR_PSH) ||
		(range_payload(r) > t->snd_mss && tcp_params(c, t)->psh == HR_PSH_BURST))
		o->flags |= TCPF_PSH;
	if (r->flags & TR_SYN)
		out_syn(c, t, now_us, o);
	else
		out_payload(c, t, r->seq, range_payload(r), (r->flags & TR_FIN) != 0, now_us, o);
	o->retransmit = true;
	hr_count_n(c->m, HR_C_retransmits,
		o->payload_len == 0 ? 1 : (o->payload_len + o->seg_size - 1) / o->seg_size);
}

static struct tx_range *first_lost(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x)
{
	uint32_t i = x != NULL && x->lost_hint != 0 ? x->lost_hint : t->range_head, steps = 1;

	for (; i != 0; i = hr_range_at(c, t, i)->next, steps++) {
		struct tx_range *r = hr_range_at(c, t, i);

		if (!(r->flags & TR_LOST))
			continue;
		hr_count_n(c->m, HR_C_range_steps, steps);
		if (x != NULL)
			x->lost_hint = i;
		return r;
	}
	return NULL;
}

/* SHLD-16: inside the peer's window, give or take what its scale cannot tell (RFC 7323 2.4); beyond
 * a shrunken edge only the oldest data, as a probe. */
static bool inside_window(const struct tcb *t, const struct tx_range *r)
{
	uint32_t slack = t->snd_wnd != 0 ? (1u << t->snd_scale) - 1 : 0;

	return r->seq == t->snd_una || seq_lt(r->seq, t->snd_una + t->snd_wnd + slack);
}

/* Lost data goes first, as cwnd allows; the one segment that starts a recovery does not wait for
 * cwnd. */
static bool out_lost(
	struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us, struct tcp_out *o)
{
	struct tcb_ext *x = tcb_ext(c, t);
	struct tx_range *r;
	uint32_t pipe, room, mss = t->snd_mss;

	if (!(t->flags & TF_RETX_HEAD) && (x == NULL || x->lost_bytes == 0))
		return false;
	/* RFC 5682: new data goes instead, and tells whether the timeout was one. */
	if (!(t->flags & TF_RETX_HEAD) && x->frto != 0)
		return false;
	r = first_lost(c, t, x);
	if (r == NULL) {
		t->flags &= ~TF_RETX_HEAD;
		return false;
	}
	pipe = hr_tcb_pipe(c, t);
	hr_cwnd_note_use(t, pipe + (x != NULL ? x->lost_bytes : 0));
	room = t->cwnd > pipe ? t->cwnd - pipe : 0;
	if (t->flags & TF_RETX_HEAD)
		room = hr_max(room, mss);
	if (room < hr_min(mss, r->end - r->seq))
		return false;
	if (!inside_window(t, r))
		return false;
	if (unlikely(hr_paced(c, t)))
		max_len = hr_pacing_limit(c, t, max_len, now_us);
	room = hr_min(room, max_len);
	/* Whole segments, but for what ends short of one; after a timeout one is one, however
	 * short. */
	if (room < range_payload(r) || t->ca_state == CA_LOSS)
		room = room / mss * mss;
	if (room == 0)
		return false;
	/* The one that starts a recovery does not wait, the others do. */
	if (!(t->flags & TF_RETX_HEAD) && hr_pacing_waits(c, t, now_us))
		return false;
	if (range_payload(r) > room && !hr_range_split(c, t, r, r->seq + room))
		return false;
	t->flags &= ~TF_RETX_HEAD;
	retransmit(c, t, r, now_us, o);
	if (t->timer == TT_NONE || t->timer == TT_TLP ||
		(r->seq == t->snd_una && t->timer == TT_RTO && t->ca_state == CA_RECOVERY))
		hr_timer_rearm(c, t, now_us);
	return true;
}

static bool out_first_syn(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	if (t->snd_nxt != t->iss || !hr_range_push(c, t, t->iss, t->iss + 1, TR_SYN, now_us))
		return false;
	t->snd_nxt = t->iss + 1;
	out_syn(c, t, now_us, o);
	hr_timer_rearm(c, t, now_us);
	return true;
}

#define TCPS_SENDING                                                                               \
	(BIT(TCPS_ESTABLISHED) | BIT(TCPS_CLOSE_WAIT) | BIT(TCPS_FIN_WAIT_1) | BIT(TCPS_CLOSING) | \
		BIT(TCPS_LAST_ACK))

/* New bytes that cwnd has room for. */
static uint32_t usable_cwnd(struct tcp_ctx *c, struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	uint32_t used = hr_tcb_pipe(c, t), cwnd = t->cwnd;

	/* RFC 5682 2.1: none before the first ACK, then two segments whatever cwnd says. */
	if (t->ca_state == CA_LOSS && x->frto != 0) {
		used = t->snd_nxt - x->recover;
		cwnd = x->frto == 2 ? 2u * t->snd_mss : 0;
	}
	return cwnd > used ? cwnd - used : 0;
}

/* How many new bytes may go now: windows, Nagle (3.7.4), silly window avoidance (3.8.6.2.1). */
static uint32_t new_bytes(struct tcp_ctx *c, struct tcb *t, uint32_t max_len)
{
	uint32_t unsent = t->snd_end - t->snd_nxt, wnd = tcb_usable_window(t), mss = t->snd_mss;
	uint32_t len = hr_min(hr_min(unsent, wnd), hr_min(usable_cwnd(c, t), max_len));

	/* What the engine has no room for now is not held back by cwnd: a window that counted it
	 * would grow without end, and the send buffer with it. */
	hr_cwnd_note_use(t, hr_tcb_pipe(c, t) + hr_min(hr_min(unsent, wnd), max_len));
	if (len >= mss)
		return len == unsent && ((t->flags & (TF_NODELAY | TF_FIN_QUEUED)) ||
						tcb_flight(t) == 0)
			       ? len
			       : len / mss * mss;
	if (len == 0)
		return 0;
	if (len == unsent)
		return tcb_flight(t) == 0 || (t->flags & (TF_NODELAY | TF_FIN_QUEUED)) ? len : 0;
	/* Less than a segment because of a window: only when it is as good as the peer's window
	 * gets. */
	return len == wnd && tcb_flight(t) == 0 && len >= t->snd_max_wnd / 2 ? len : 0;
}

/*
 * HR_PSH_BURST: how much of *len leaves as one burst, and how its range is marked. Linux has PSH on
 * the last segment of each burst of several, so that receivers which join segments need not wait
 * for more; it cuts bursts at what the path carries in a millisecond, two segments at least. The
 * end of a write keeps its PSH when it leaves again.
 */
static uint8_t burst(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t *len)
{
	bool push;

	if (tcp_params(c, t)->psh != HR_PSH_BURST || *len == 0)
		return 0;
	*len = hr_min(*len, hr_sendq_burst_max(t));
	push = hr_sendq_burst(c, t, seq, len) || seq + *len == t->snd_end;
	return (uint8_t)((push ? TR_PSH : 0) | (*len > t->snd_mss ? TR_BURST : 0));
}

static bool push_new(
	struct tcp_ctx *c, struct tcb *t, uint32_t len, uint64_t now_us, struct tcp_out *o)
{
	uint32_t seq = t->snd_nxt;
	uint8_t flags = burst(c, t, seq, &len);
	struct tcb_ext *x;
	bool is_fin = (t->flags & (TF_FIN_QUEUED | TF_FIN_SENT)) == TF_FIN_QUEUED &&
		      seq + len == t->snd_end && tcb_usable_window(t) > len;

	if (len == 0 && !is_fin)
		return false;
	if (is_fin)
		flags |= TR_FIN;
	if (!hr_range_push(c, t, seq, seq + len + is_fin, flags, now_us))
		return false;
	/* Transmission times are 32 bits of microseconds: those of before an idle hour mean
	 * nothing. */
	x = tcb_ext(c, t);
	if (x != NULL) {
		if (tcb_flight(t) == 0)
			x->rack_valid = false;
		if (t->ca_state == CA_RECOVERY)
			x->prr.out += len;
	}
	t->snd_nxt = seq + len + is_fin;
	if (is_fin)
		t->flags |= TF_FIN_SENT;
	if (flags & (TR_PSH | TR_BURST))
		o->flags |= TCPF_PSH;
	out_payload(c, t, seq, len, is_fin, now_us, o);
	if ((t->flags & TF_ECN) && len != 0)
		hr_ecn_data_out(c, t, o);
	hr_count_n(c->m, HR_C_bytes_out, len);
	hr_timer_sent(c, t, now_us);
	return true;
}

/* RFC 4821 7: a larger segment of new data, to see whether the path carries it. */
static bool out_mtu_probe(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	uint32_t size = hr_pmtu_probe_due(c, t, now_us), seq = t->snd_nxt;

	if (size == 0 || t->snd_end - seq < size || tcb_usable_window(t) < size ||
		t->cwnd < hr_tcb_pipe(c, t) + size || sack_bytes(c, t) != 0 || t->uto_due ||
		!hr_range_push(c, t, seq, seq + size, TR_PROBE, now_us))
		return false;
	t->snd_nxt = seq + size;
	hr_pmtu_probe_sent(c, t, size);
	out_payload(c, t, seq, size, false, now_us, o);
	o->seg_size = (uint16_t)size;
	o->may_fragment = false; /* else it tells nothing */
	hr_count_n(c->m, HR_C_bytes_out, size);
	hr_timer_sent(c, t, now_us);
	return true;
}

static bool out_new(
	struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us, struct tcp_out *o)
{
	uint32_t len = 0;

	if (!tcb_in(t, TCPS_SENDING) || seq_gt(t->snd_nxt, t->snd_end))
		return false;
	if (t->snd_nxt == t->snd_end && !(t->flags & TF_FIN_QUEUED))
		return false;
	hr_cwnd_restart(c, t, now_us);
	if (unlikely(hr_paced(c, t)))
		max_len = hr_pacing_limit(c, t, max_len, now_us);
	if (t->snd_nxt != t->snd_end)
		len = new_bytes(c, t, max_len);
	if (len != 0 && hr_pacing_waits(c, t, now_us))
		return false;
	if (t->ext != 0 && unlikely(tcb_ext(c, t)->pl_live) && out_mtu_probe(c, t, now_us, o))
		return true;
	return push_new(c, t, len, now_us, o);
}

/* RFC 8985 7.3: new data when there is some, else the last segment again; cwnd does not matter. */
static bool out_tlp(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	struct tcb_ext *x;
	struct tx_range *r, *last = NULL;

	t->flags &= ~TF_TLP;
	if (tcb_flight(t) == 0 || t->ca_state != CA_OPEN || (x = hr_ext_get(c, t)) == NULL)
		return false;
	if (tcb_in(t, TCPS_SENDING) && tcb_new_data_fits(t)) {
		if (!push_new(c, t, hr_min(tcb_unsent(t), (uint32_t)t->snd_mss), now_us, o))
			return false;
		x = hr_ext_get(c, t); /* a DSACK that rode along may have given it back */
		if (x == NULL)
			return true;
		x->tlp_is_retx = false;
	} else {
		HR_RANGE_FOREACH(c, t, i, r)
		if (!(r->flags & TR_SACKED))
			last = r;
		if (last == NULL)
			return false;
		if (range_payload(last) > t->snd_mss) {
			if (!hr_range_split(c, t, last,
				    last->seq +
					    (range_payload(last) - 1) / t->snd_mss * t->snd_mss))
				return false;
			last = hr_range_at(c, t, last->next);
		}
		retransmit(c, t, last, now_us, o);
		x->tlp_is_retx = true;
	}
	x->tlp_out = true;
	x->tlp_end = t->snd_nxt;
	hr_timer_rearm(c, t, now_us);
	hr_count(c->m, HR_C_tlp_fired);
	return true;
}

/* An empty segment that must be answered: one below what the peer expects. */
static void out_probe(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	o->seq = t->snd_una - 1;
	fill(c, t, o, now_us);
}

/* RFC 9293 3.8.6.1, and the override timeout of 3.8.6.2.1: what little the window allows. */
static bool out_zero_window(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	uint32_t wnd = tcb_usable_window(t);

	t->flags &= ~TF_PROBE;
	if (tcb_flight(t) != 0 || !tcb_in(t, TCPS_SENDING))
		return false;
	if (wnd != 0 && seq_gt(t->snd_end, t->snd_nxt))
		return push_new(c, t,
			hr_min(hr_min(wnd, t->snd_end - t->snd_nxt), (uint32_t)t->snd_mss), now_us,
			o);
	hr_count(c->m, HR_C_zero_window_probes);
	out_probe(c, t, now_us, o);
	return true;
}

static bool out_keepalive(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	t->flags &= ~TF_KEEPALIVE;
	if (tcb_flight(t) != 0)
		return false;
	hr_count(c->m, HR_C_keepalive_probes);
	out_probe(c, t, now_us, o); /* SHLD-12: SND.NXT - 1, no data */
	return true;
}

/* Something waits and no ACK will come by itself: the persist timer must run. */
static void arm_persist(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	bool waiting = seq_gt(t->snd_end, t->snd_nxt) ||
		       (t->flags & (TF_FIN_QUEUED | TF_FIN_SENT)) == TF_FIN_QUEUED;

	if (t->timer == TT_NONE && waiting && tcb_flight(t) == 0 && tcb_in(t, TCPS_SENDING) &&
		!(t->flags & TF_PACED))
		hr_timer_arm(t, TT_PERSIST, now_us + hr_rto_us(c, t));
}

/* The mark of what arrives changed before this was acknowledged (ecn.c); the right edge of the
 * window is the one that was offered: adding to the field would round down twice. */
static bool out_ce_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, struct tcp_out *o)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t owed = t->flags & (TF_ACK_NOW | TF_ACK_SOON | TF_ACK_DELAY), wnd;

	if (x == NULL || !x->ce_ack)
		return false;
	x->ce_ack = false;
	o->seq = t->snd_nxt;
	fill(c, t, o, now_us);
	wnd = (t->rcv_adv - x->ce_ack_nxt) >> t->rcv_scale;
	o->wnd = (uint16_t)hr_min(wnd, (uint32_t)UINT16_MAX);
	o->ack = x->ce_ack_nxt;
	o->flags ^= TCPF_ECE;
	t->last_ack_sent = x->ce_ack_nxt;
	t->flags |= owed;
	return true;
}

static bool ladder(
	struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us, struct tcp_out *o)
{
	if ((t->flags & (TF_ACK_NOW | TF_ECN)) == (TF_ACK_NOW | TF_ECN) &&
		out_ce_ack(c, t, now_us, o))
		return true;
	if (out_lost(c, t, max_len, now_us, o))
		return true;
	if (t->state == TCPS_SYN_SENT)
		return out_first_syn(c, t, now_us, o);
	if (out_new(c, t, max_len, now_us, o))
		return true;
	if ((t->flags & TF_TLP) && out_tlp(c, t, now_us, o))
		return true;
	if ((t->flags & TF_PROBE) && out_zero_window(c, t, now_us, o))
		return true;
	if ((t->flags & TF_KEEPALIVE) && out_keepalive(c, t, now_us, o))
		return true;
	arm_persist(c, t, now_us);
	if (!(t->flags & (TF_ACK_NOW | TF_ACK_SOON)))
		return false;
	o->seq = t->snd_nxt;
	fill(c, t, o, now_us);
	fill_sacks(c, t, o);
	fill_uto(c, t, o);
	return true;
}

bool hr_tcp_output_any(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us,
	struct tcp_out *o, uint32_t *events)
{
	*events = 0;
	if (t->state == TCPS_CLOSED)
		return false;
	memset(o, 0, offsetof(struct tcp_out, sack));
	if (t->flags & TF_SEND_RST)
		return out_rst(c, t, now_us, o, events);
	max_len = hr_max(max_len, (uint32_t)t->snd_mss);
	if (!ladder(c, t, max_len, now_us, o))
		return false;
	if (o->payload_len != 0 && unlikely(hr_paced(c, t)))
		hr_pacing_sent(c, t, o->payload_len, now_us);
	return true;
}
