/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of a conversation: a miniature engine around one connection that routes what is heard
 * to the listener, the half-open entry, the connection or the TIME-WAIT entry, pulls output after
 * each step and keeps it until the script names it. Printing, checking of what was said, and the
 * runner are in talk_main.c.
 */
#include "talk_internal.h"

#include <stdlib.h>

/* Byte k of either stream. */
static uint8_t pattern(uint64_t k)
{
	return (uint8_t)(k * 131 + (k >> 8) * 17 + 7);
}

uint32_t talk_ms(const struct talk *v)
{
	return (uint32_t)(v->now / 1000);
}

/* --- output
 * ------------------------------------------------------------------------------------------------------------
 */

static void check_sent_payload(struct talk *v, const struct tcp_out *o)
{
	uint32_t done = 0;

	while (done < o->payload_len) {
		struct rte_mbuf *m;
		uint8_t *data;
		uint32_t n = hr_tcp_send_find(&v->ctx, v->t, o->seq + done, &m, &data);
		uint64_t at = hr_tcp_send_offset(v->t, o->seq + done);

		if (n == 0)
			talk_fail(v, "byte %u was said but is in no queue", o->seq + done - v->iss);
		if (at != (uint32_t)(o->seq + done - v->iss - 1))
			talk_fail(v, "byte %u has stream offset %lu", o->seq + done - v->iss,
				(unsigned long)at);
		n = RTE_MIN(n, o->payload_len - done);
		for (uint32_t i = 0; m != NULL && i < n; i++)
			if (data[i] != pattern(at + i))
				talk_fail(
					v, "byte at offset %lu is wrong", (unsigned long)(at + i));
		done += n;
	}
}

/* RFC 9293 SHLD-14: the right edge does not move left, but for the rounding of the scale (RFC
 * 7323 2.4). */
static void check_edge(struct talk *v, const struct tcp_out *o)
{
	unsigned shift = v->place == AT_CONN && !(o->flags & TCPF_SYN) ? v->t->rcv_scale : 0;
	uint32_t edge = o->ack + ((uint32_t)o->wnd << shift);

	if (!(o->flags & TCPF_ACK) || (o->flags & TCPF_RST))
		return;
	if (v->edge_valid && seq_lt(edge + (BIT(shift) - 1), v->edge))
		talk_fail(v, "the right edge moved left from %u to %u", v->edge - v->irs,
			edge - v->irs);
	v->edge = v->edge_valid ? seq_max(v->edge, edge) : edge;
	v->edge_valid = true;
}

void talk_note_said(struct talk *v, const struct tcp_out *o)
{
	talk_print_out(v, "    ", o);
	if (v->n_said == RTE_DIM(v->said))
		talk_fail(v, "more than %u segments were said in one step", v->n_said);
	if (o->opts & TCPO_TS)
		v->heard_tsval = o->tsval;
	v->said[v->n_said++] = (struct said){*o, v->now};
}

/* The connection is over for the application: what the engine does at the end of the turn. */
static void bury(struct talk *v)
{
	bool tw = v->t->state == TCPS_TIME_WAIT;

	v->reason = v->t->reason;
	if (tw)
		hr_tw_enter(&v->ctx, &v->tw, v->t, v->now);
	hr_tcp_release(&v->ctx, v->t);
	free(v->t);
	v->t = NULL;
	v->place = tw ? AT_TW : AT_NOTHING;
}

void talk_pull(struct talk *v)
{
	struct tcp_out o;
	uint32_t ev;

	if (v->place != AT_CONN)
		return;
	hr_tcb_check(&v->ctx, v->t);
	for (;;) {
		memset(&o, 0xa5, sizeof(o));
		if (!hr_tcp_output(&v->ctx, v->t, RTE_MAX(v->t->snd_mss, 1), v->now, &o, &ev))
			break;
		v->events |= ev;
		check_edge(v, &o);
		talk_note_said(v, &o);
		if (o.payload_len > 0 && !(o.flags & TCPF_RST))
			check_sent_payload(v, &o);
	}
	v->events |= ev; /* SYN-SENT ends without a segment */
	hr_tcb_check(&v->ctx, v->t);
	if (v->t->state == TCPS_CLOSED || v->t->state == TCPS_TIME_WAIT) {
		if (!(v->events & TCP_EV_CLOSED))
			talk_fail(v, "the state is %s but CLOSED was never told",
				hr_tcp_state_name(v->t->state));
		bury(v);
	}
}

static void step_ends(struct talk *v, uint32_t ev)
{
	v->events |= ev & 0xffffff;
	if (!v->in_turn)
		talk_pull(v);
	else if (v->place == AT_CONN)
		hr_tcb_check(&v->ctx, v->t);
}

/* --- time
 * ----------------------------------------------------------------------------------------------------------------
 */

static uint64_t deadline(struct talk *v)
{
	switch (v->place) {
	case AT_SYN:
		return v->syn_due_us;
	case AT_CONN:
		return hr_tcp_deadline(&v->ctx, v->t, v->now);
	case AT_TW:
		return (uint64_t)((int64_t)(v->now / 1000) + (int32_t)(v->tw.due_ms - talk_ms(v))) *
		       1000;
	default:
		return HR_NEVER;
	}
}

static void fire(struct talk *v)
{
	struct tcp_out o;

	switch (v->place) {
	case AT_SYN:
		if (v->syn.retries >= v->params.syn_retries) {
			v->place = AT_LISTEN;
			return;
		}
		v->syn.retries++;
		v->syn.challenged = 0;
		memset(&o, 0xa5, sizeof(o));
		hr_syn_ack(&v->ctx, &v->syn, &v->path, v->now, &o);
		talk_note_said(v, &o);
		v->syn_due_us = v->now + hr_syn_timeout_us(&v->params, v->syn.retries);
		return;
	case AT_CONN:
		step_ends(v, hr_tcp_expire(&v->ctx, v->t, v->now));
		return;
	case AT_TW:
		v->place = AT_NOTHING;
		return;
	default:
		return;
	}
}

/* Run to now + us, firing each deadline exactly at its time. */
void talk_after(struct talk *v, uint64_t us)
{
	uint64_t until = v->now + us, d;
	unsigned same = 0;

	talk_silent(v);
	while ((d = deadline(v)) <= until) {
		same = d <= v->now ? same + 1 : 0;
		if (same > 8)
			talk_fail(v, "the deadline stays in the past: expire() does not do what it "
				     "promised");
		v->now = RTE_MAX(v->now, d);
		fire(v);
	}
	v->now = until;
}

void talk_quiet_for(struct talk *v, uint64_t us)
{
	talk_after(v, us - 1);
	talk_silent(v);
	talk_after(v, 1);
}

/* --- hearing
 * --------------------------------------------------------------------------------------------------------------
 */

/* The segment as proto/ would hand it over: SACK blocks in network order in front of the payload.
 */
static void make_seg(struct talk *v, const struct line *l, struct tcp_seg *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(v->pool);
	bool ts = l->ts == TS_AUTO ? v->ts_on : l->ts != TS_NONE;
	uint8_t *p;

	must(m != NULL);
	*s = (struct tcp_seg){
		.m = m, .seq = v->irs + l->seq, .flags = l->flags, .payload_len = l->len};
	s->ack = l->flags & TCPF_ACK ? v->iss + l->ack : 0;
	s->wnd = (uint16_t)(l->wnd == SHUT ? 0 : l->wnd != 0 ? l->wnd : v->peer_wnd);
	s->urg = l->urg;
	s->ttl = 64;
	s->tos = l->ecn;
	s->family = v->world->ip6 ? 6 : 4;
	s->sport = v->key.rport;
	s->dport = v->key.lport;
	if (l->mss != 0) {
		s->opts |= TCPO_MSS;
		s->mss = l->mss;
	}
	if (l->ws != 0) {
		s->opts |= TCPO_WSCALE;
		s->wscale = (uint8_t)(l->ws - 1);
	}
	if (l->sack_ok)
		s->opts |= TCPO_SACK_OK;
	if (l->uto != 0) {
		s->opts |= TCPO_UTO;
		s->uto = l->uto;
	}
	if (ts) {
		s->opts |= TCPO_TS;
		s->tsval = v->peer_ts0 + (uint32_t)((v->now - v->t0) / 1000) + l->tsval;
		if (l->ts == TS_OLD)
			s->tsval = v->peer_ts0 - 5000;
		s->tsecr = l->flags & TCPF_ACK ? v->heard_tsval : 0;
	}
	while (s->sack_n < 4 && l->sack[s->sack_n].right != 0) {
		rte_be32_t b[2] = {rte_cpu_to_be_32(v->iss + l->sack[s->sack_n].left),
			rte_cpu_to_be_32(v->iss + l->sack[s->sack_n].right)};

		memcpy(rte_pktmbuf_append(m, sizeof(b)), b, sizeof(b));
		s->opts |= TCPO_SACK;
		s->sack_n++;
	}
	s->payload_off = rte_pktmbuf_data_len(m);
	must(s->payload_off + l->len <= 2000);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)l->len);
	for (uint32_t i = 0; i < l->len; i++)
		p[i] = pattern((uint64_t)l->seq + !!(l->flags & TCPF_SYN) + i - 1);
}

static void answer(struct talk *v, const struct tcp_out *o)
{
	talk_note_said(v, o);
}

static void hear_conn(struct talk *v, struct tcp_seg *s)
{
	struct tcp_seg copy = *s;
	struct tcp_out o;
	uint32_t ev;

	/* RFC 5681 4.2: an ACK that must go out goes before the next segment is processed. */
	if (v->in_turn && (v->t->flags & TF_ACK_NOW))
		talk_pull(v);
	ev = hr_tcp_input(&v->ctx, v->t, s, v->now);
	s->m = NULL;
	v->drop = hr_tcp_ev_drop(ev);
	memset(&o, 0xa5, sizeof(o));
	if ((ev & TCP_EV_STRAY) && hr_tcp_reset_for(&copy, &o))
		answer(v, &o);
	step_ends(v, ev);
}

/* The half-open entry becomes a connection, and the segment is its first. */
static void promote(struct talk *v, struct tcp_seg *s)
{
	v->t = malloc(sizeof(*v->t));
	memset(v->t, 0xa5, sizeof(*v->t));
	hr_tcp_accept(&v->ctx, v->t, &v->syn, &v->path, v->now);
	v->place = AT_CONN;
	hear_conn(v, s);
}

static void hear_listen(struct talk *v, struct tcp_seg *s)
{
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	if (s->flags & TCPF_RST) {
		v->drop = DROP_tcp_rst_stray;
	} else if (s->flags & TCPF_ACK) {
		memset(&v->syn, 0xa5, sizeof(v->syn));
		if (v->cookies && hr_cookie_check(&v->ctx, &v->syn, &v->key, &v->path, s, v->now)) {
			promote(v, s);
			return;
		}
		v->drop = DROP_tcp_no_listener;
		if (hr_tcp_reset_for(s, &o))
			answer(v, &o);
	} else if (v->cookies) {
		v->drop = hr_syn_cookie(&v->ctx, &v->key, &v->path, s, v->now, &o);
		if (v->drop == DROP_NONE) {
			v->iss = o.seq;
			answer(v, &o);
		}
	} else {
		memset(&v->syn, 0xa5, sizeof(v->syn));
		v->syn.key = v->key;
		v->drop = hr_syn_open(&v->ctx, &v->syn, &v->key, &v->path, s, v->now, &o);
		if (v->drop != DROP_NONE)
			return;
		v->iss = v->world->iss;
		v->syn.iss = o.seq = v->iss;
		v->place = AT_SYN;
		v->syn_due_us = v->now + hr_syn_timeout_us(&v->params, 0);
		answer(v, &o);
	}
}

static void hear_syn(struct talk *v, struct tcp_seg *s)
{
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	v->drop = DROP_NONE;
	switch (hr_syn_input(&v->ctx, &v->syn, &v->path, s, v->now, &o, &v->drop)) {
	case SYN_DROP:
		break;
	case SYN_ANSWER:
		answer(v, &o);
		break;
	case SYN_RESET:
		v->place = AT_LISTEN;
		break;
	case SYN_ACCEPT:
		promote(v, s);
		break;
	}
}

static void hear_tw(struct talk *v, struct tcp_seg *s)
{
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	v->drop = DROP_NONE;
	switch (hr_tw_input(&v->ctx, &v->tw, &v->key, 0, s, v->now, &o, &v->drop)) {
	case TW_DROP:
		break;
	case TW_END:
		v->place = AT_LISTEN;
		break;
	case TW_ANSWER:
		answer(v, &o);
		break;
	case TW_REOPEN:
		v->place = AT_LISTEN;
		v->edge_valid = false;
		hear_listen(v, s);
		break;
	}
}

void talk_hears(struct talk *v, const struct line *l)
{
	struct tcp_seg s;
	struct tcp_out o;

	if (!v->in_turn)
		talk_silent(v);
	make_seg(v, l, &s);
	talk_print_seg(v, &s);
	v->drop = DROP_NONE;
	switch (v->place) {
	case AT_NOTHING:
		memset(&o, 0xa5, sizeof(o));
		v->drop = DROP_tcp_no_listener;
		if (hr_tcp_reset_for(&s, &o))
			answer(v, &o);
		break;
	case AT_LISTEN:
		hear_listen(v, &s);
		break;
	case AT_SYN:
		hear_syn(v, &s);
		break;
	case AT_CONN:
		hear_conn(v, &s);
		break;
	case AT_TW:
		hear_tw(v, &s);
		break;
	}
	/* What the core took is its own; hear_conn() cleared the pointer. */
	rte_pktmbuf_free(s.m);
}

/* --- the application
 * ------------------------------------------------------------------------------------------------------
 */

static struct tcb *conn(struct talk *v)
{
	if (v->place != AT_CONN)
		talk_fail(v, "there is no connection");
	return v->t;
}

void talk_turn_begins(struct talk *v)
{
	talk_silent(v);
	v->in_turn = true;
}

void talk_turn_ends(struct talk *v)
{
	v->in_turn = false;
	talk_pull(v);
}

void talk_connect(struct talk *v)
{
	uint32_t delta;

	talk_setup_params(v);
	v->t = malloc(sizeof(*v->t));
	memset(v->t, 0xa5, sizeof(*v->t));
	v->t->key = v->key;
	hr_tcp_connect(&v->ctx, v->t, &v->path, v->now);
	/* The world chooses the ISS: nothing was sent yet, so the connection may be moved in
	 * sequence space. */
	delta = v->world->iss - v->t->iss;
	v->t->iss += delta;
	v->t->snd_una += delta;
	v->t->snd_nxt += delta;
	v->t->snd_end += delta;
	v->iss = v->world->iss;
	v->place = AT_CONN;
	talk_print(v, "    app connects");
	step_ends(v, 0);
}

uint32_t talk_send(struct talk *v, uint32_t n)
{
	struct tcb *t = conn(v);
	int64_t room = hr_tcp_send_room(&v->ctx, t);
	uint32_t take, left;

	if (room < 0)
		talk_fail(v, "the core refuses to send: %ld", (long)room);
	take = RTE_MIN((uint32_t)room, n);
	if (take < n)
		t->flags |= TF_WANT_ROOM;
	talk_print(v, "    app sends %u, %u taken", n, take);
	hr_tcp_send_begin(&v->ctx, t);
	if (v->pull_only && take > 0) {
		hr_tcp_send_pull(&v->ctx, t, take);
		v->wrote += take;
	}
	for (left = v->pull_only ? 0 : take; left > 0;) {
		struct rte_mbuf *m = hr_tcp_send_tail(&v->ctx, t);
		struct hr_mark *mark = m != NULL ? hr_mark(m, v->ctx.mark_off) : NULL;
		uint32_t off = m != NULL ? (uint32_t)mark->off + mark->len : 128;
		uint32_t room_left = m == NULL || off > 1600 ? 0 : 1600 - off;
		uint32_t some = RTE_MIN(left, room_left);
		bool grow = some > 0;

		if (!grow) {
			m = rte_pktmbuf_alloc(v->pool);
			must(m != NULL);
			off = 128;
			some = RTE_MIN(left, 1472u);
		}
		for (uint32_t i = 0; i < some; i++)
			((uint8_t *)m->buf_addr)[off + i] = pattern(v->wrote + i);
		if (grow)
			hr_tcp_send_grow(&v->ctx, t, (uint16_t)some);
		else
			hr_tcp_send_mbuf(&v->ctx, t, m, (uint16_t)off, (uint16_t)some);
		v->wrote += some;
		left -= some;
	}
	step_ends(v, 0);
	return take;
}

uint32_t talk_unread(struct talk *v)
{
	struct rte_mbuf *m = NULL;
	const uint8_t *data;
	uint32_t len, sum = 0;

	while (hr_tcp_unread(&v->ctx, conn(v), &m, &data, &len))
		sum += len;
	return sum;
}

void talk_read(struct talk *v, uint32_t n)
{
	struct rte_mbuf *m = NULL;
	const uint8_t *data;
	uint32_t len, done = 0;

	talk_print(v, "    app reads %u", n);
	while (done < n) {
		if (!hr_tcp_unread(&v->ctx, conn(v), &m, &data, &len))
			talk_fail(v, "only %u of %u bytes are there to read", done, n);
		len = RTE_MIN(len, n - done);
		for (uint32_t i = 0; i < len; i++)
			if (data[i] != pattern(v->read + done + i))
				talk_fail(v, "read a wrong byte at offset %lu",
					(unsigned long)(v->read + done + i));
		done += len;
	}
	v->read += n;
	hr_tcp_consume(&v->ctx, v->t, n, v->now);
	step_ends(v, 0);
}

void talk_close(struct talk *v, bool deaf)
{
	talk_print(v, deaf ? "    app closes" : "    app shuts its direction");
	step_ends(v, hr_tcp_close(&v->ctx, conn(v), deaf, v->now));
}

void talk_abort(struct talk *v)
{
	talk_print(v, "    app aborts");
	step_ends(v, hr_tcp_abort(&v->ctx, conn(v), HR_ABORTED));
}

void talk_urgent(struct talk *v)
{
	if (!hr_tcp_urgent(&v->ctx, conn(v)))
		talk_fail(v, "urgent was refused");
	step_ends(v, 0);
}

struct hr_conn_info talk_info(struct talk *v)
{
	struct hr_conn_info i;

	memset(&i, 0, sizeof(i));
	hr_tcp_info(&v->ctx, conn(v), &i);
	return i;
}
