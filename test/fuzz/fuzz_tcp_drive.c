/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The miniature engine of the fuzz_tcp target: routes a segment to whatever holds the tuple, pulls
 * output, runs what is due, and asks the oracle after each of these.
 */
#include <stdlib.h>

#include "fuzz_tcp.h"

#define SAME_TIME 8 /* expiries at one time that are still progress */

/* --- what holds the tuple */

uint32_t fz_rcv_nxt(const struct fz *f)
{
	if (f->place == AT_CONN && f->t->state != TCPS_SYN_SENT)
		return f->t->rcv_nxt;
	return f->place == AT_TW ? f->tw.rcv_nxt : f->irs + 1;
}

uint32_t fz_rcv_adv(const struct fz *f)
{
	if (f->place == AT_CONN && f->t->state != TCPS_SYN_SENT)
		return f->t->rcv_adv;
	return fz_rcv_nxt(f) + (f->place == AT_SYN ? 2048 : 0);
}

uint32_t fz_snd_una(const struct fz *f)
{
	if (f->place == AT_CONN)
		return f->t->snd_una;
	return f->place == AT_TW ? f->tw.snd_nxt : f->iss;
}

uint32_t fz_snd_nxt(const struct fz *f)
{
	if (f->place == AT_CONN)
		return f->t->snd_nxt;
	return f->place == AT_TW ? f->tw.snd_nxt : f->iss + 1;
}

/* --- output */

void fz_starve(struct fz *f)
{
	f->ctx.ranges->fail_after = f->starve & FZ_STARVE_RANGES ? 1 : 0;
	f->ctx.exts->fail_after = f->starve & FZ_STARVE_EXTS ? 1 : 0;
}

/* The end of a turn of an engine whose application has seen on_close. */
static void bury(struct fz *f)
{
	bool tw = f->t->state == TCPS_TIME_WAIT;

	if (tw)
		hr_tw_enter(&f->ctx, &f->tw, f->t, f->now);
	hr_tcp_release(&f->ctx, f->t);
	must(f->t->ext == 0 && f->t->rcvq == NULL && f->t->sendq == NULL && !f->t->rcv_held);
	must(f->t->range_head == 0);
	free(f->t);
	f->t = NULL;
	f->place = tw ? AT_TW : AT_NOTHING;
}

static void pull(struct fz *f)
{
	uint32_t limit = 100 + (f->t->snd_end - f->t->snd_una) / 16;

	for (uint32_t n = 0;; n++) {
		struct tcb before = *f->t;
		struct tcp_out o;
		uint32_t ev;
		bool more;

		must(n < limit); /* a ladder of answers ends */
		memset(&o, 0xa5, sizeof(o));
		fz_starve(f);
		more = hr_tcp_output(&f->ctx, f->t, f->max_len, f->now, &o, &ev);
		fz_judge_events(f, ev);
		if (!more)
			break;
		fz_trace_out(f, &o);
		fz_judge_out(f, &before, f->max_len, &o);
		fz_peer_hears(f, &o);
	}
	/* What was asked for has been said. */
	must(!(f->t->flags & (TF_ACK_NOW | TF_ACK_SOON | TF_SEND_RST | TF_KEEPALIVE | TF_PROBE)) ||
		f->t->state == TCPS_SYN_SENT || f->t->state == TCPS_CLOSED);
}

/* Whatever is due now is done now, and then no longer due. */
static void expire_due(struct fz *f)
{
	for (unsigned n = 0; hr_tcp_deadline(&f->ctx, f->t, f->now) <= f->now; n++) {
		must(n < SAME_TIME);
		fz_starve(f);
		fz_trace(f, "expires");
		fz_judge_events(f, hr_tcp_expire(&f->ctx, f->t, f->now));
		fz_judge_state(f);
		if (!f->in_turn)
			pull(f);
	}
}

/* After each step. */
void fz_settle(struct fz *f)
{
	if (f->place != AT_CONN)
		return;
	fz_judge_state(f);
	if (!f->in_turn)
		pull(f);
	fz_judge_state(f);
	expire_due(f);
	fz_judge_state(f);
	if (f->closes != 0 && !f->in_turn)
		bury(f);
}

void fz_told(struct fz *f, uint32_t ev)
{
	fz_judge_events(f, ev);
	fz_settle(f);
}

/* --- input */

/* The right edge that an accepted segment would offer (an overestimate when it is refused). */
static void note_offer(struct fz *f, const struct tcp_seg *s)
{
	const struct tcb *t = f->t;
	uint32_t reach = RTE_MAX(t->snd_max_wnd, 65535u), edge;
	unsigned shift = s->flags & TCPF_SYN ? 0 : t->snd_scale;

	if (!(s->flags & TCPF_ACK) || (s->flags & TCPF_RST))
		return;
	if (seq_gt(s->ack, t->snd_nxt) || seq_lt(s->ack, t->snd_una - reach))
		return;
	edge = s->ack + ((uint32_t)s->wnd << shift);
	f->offered = f->offer_valid ? seq_max(f->offered, edge) : edge;
	f->offer_valid = true;
}

static void feed_conn(struct fz *f, struct tcp_seg *s)
{
	bool syn_sent = f->t->state == TCPS_SYN_SENT;
	struct tcp_seg copy = *s;
	struct tcp_out o;
	uint32_t ev;

	if (f->in_turn && (f->t->flags & TF_ACK_NOW))
		pull(f);
	note_offer(f, s);
	fz_starve(f);
	ev = hr_tcp_input(&f->ctx, f->t, s, f->now);
	fz_trace_state(f, ev);
	must(s->m == NULL);
	if (syn_sent && f->t->state != TCPS_SYN_SENT && f->t->state != TCPS_CLOSED) {
		f->irs = copy.seq;
		f->read_seq = f->peer.sent_to = copy.seq + 1;
	}
	memset(&o, 0xa5, sizeof(o));
	if ((ev & TCP_EV_STRAY) && hr_tcp_reset_for(&copy, &o))
		must(o.flags & TCPF_RST);
	fz_told(f, ev);
}

void fz_answer(struct fz *f, const struct tcp_out *o)
{
	fz_trace_out(f, o);
	fz_judge_answer(f, o);
	if (!(o->flags & TCPF_RST))
		fz_peer_hears(f, o);
}

static void promote(struct fz *f, struct tcp_seg *s)
{
	f->t = malloc(sizeof(*f->t));
	must(f->t != NULL);
	memset(f->t, 0xa5, sizeof(*f->t));
	hr_tcp_accept(&f->ctx, f->t, &f->syn, &f->path, f->now);
	f->irs = f->syn.irs;
	f->iss = f->syn.iss;
	f->read_seq = f->peer.sent_to = f->irs + 1;
	f->opens = f->eofs = f->closes = 0;
	f->offer_valid = false;
	f->wrote = 0;
	f->place = AT_CONN;
	feed_conn(f, s);
}

static void feed_listen(struct fz *f, struct tcp_seg *s)
{
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	if (s->flags & TCPF_RST)
		return;
	if (s->flags & TCPF_ACK) {
		memset(&f->syn, 0xa5, sizeof(f->syn));
		if (hr_cookie_check(&f->ctx, &f->syn, &f->key, &f->path, s, f->now))
			promote(f, s);
		else
			must(hr_tcp_reset_for(s, &o) && (o.flags & TCPF_RST));
		return;
	}
	if (!(s->flags & TCPF_SYN))
		return;
	f->edge_valid = false;
	if (f->cookies) {
		if (hr_syn_cookie(&f->ctx, &f->key, &f->path, s, f->now, &o) == DROP_NONE)
			fz_answer(f, &o);
		return;
	}
	memset(&f->syn, 0xa5, sizeof(f->syn));
	f->syn.key = f->key;
	if (hr_syn_open(&f->ctx, &f->syn, &f->key, &f->path, s, f->now, &o) != DROP_NONE)
		return;
	must(!f->path.reopened || seq_gt(f->syn.iss, f->path.iss_floor));
	if (!f->path.reopened && f->move_iss)
		f->syn.iss = o.seq = f->want_iss;
	f->irs = s->seq;
	f->place = AT_SYN;
	fz_answer(f, &o);
}

static void feed_syn(struct fz *f, struct tcp_seg *s)
{
	enum hr_drop drop = DROP_NONE;
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	switch (hr_syn_input(&f->ctx, &f->syn, &f->path, s, f->now, &o, &drop)) {
	case SYN_DROP:
		must(drop != DROP_NONE);
		break;
	case SYN_ANSWER:
		fz_answer(f, &o);
		break;
	case SYN_RESET:
		f->place = AT_LISTEN;
		break;
	case SYN_ACCEPT:
		promote(f, s);
		break;
	}
	must(drop < DROP_COUNT);
}

static void feed_tw(struct fz *f, struct tcp_seg *s)
{
	enum hr_drop drop = DROP_NONE;
	struct tcp_out o;

	memset(&o, 0xa5, sizeof(o));
	switch (hr_tw_input(&f->ctx, &f->tw, &f->key, 0, s, f->now, &o, &drop)) {
	case TW_DROP:
		must(drop != DROP_NONE && drop < DROP_COUNT);
		break;
	case TW_ANSWER:
		fz_judge_answer(f, &o);
		must(o.ack == f->tw.rcv_nxt && o.seq == f->tw.snd_nxt && o.flags == TCPF_ACK);
		break;
	case TW_END:
		must(drop == DROP_NONE);
		f->place = AT_LISTEN;
		break;
	case TW_REOPEN:
		f->path.reopened = true;
		f->path.iss_floor = f->tw.snd_nxt;
		f->place = AT_LISTEN;
		feed_listen(f, s);
		break;
	}
}

void fz_feed(struct fz *f, struct tcp_seg *s)
{
	struct tcp_out o;

	fz_trace_seg(f, s);
	switch (f->place) {
	case AT_NOTHING:
		(void)hr_tcp_reset_for(s, &o);
		break;
	case AT_LISTEN:
		feed_listen(f, s);
		break;
	case AT_SYN:
		feed_syn(f, s);
		break;
	case AT_CONN:
		feed_conn(f, s);
		break;
	case AT_TW:
		feed_tw(f, s);
		break;
	}
	rte_pktmbuf_free(s->m);
}
