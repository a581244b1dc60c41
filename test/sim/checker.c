/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each connection says, against what it said and heard before. Every segment that leaves is
 * checked: no hole in the sequence, nothing beyond the window that the peer offered on the wire, no
 * ACK or SACK of what never arrived, no window taken back, timestamps that only grow, no ECT where
 * RFC 3168 forbids it. What arrives is noted before the engine sees it. The connection itself is
 * only asked for what a wire cannot tell: that it exists, its scale factors, its state.
 */
#include "sim.h"

#include "tcp/core.h"

static struct hr_worker *worker_of(struct world *w, enum sim_side side, unsigned i)
{
	return hr_engine_worker(w->engine[side], i);
}

struct conn *sim_conn_of(struct world *w, enum sim_side side, const struct sim_pkt *k, bool out,
	unsigned *worker, uint32_t *ref)
{
	uint8_t family = k->v6 ? 6 : 4;

	*ref = 0;
	for (unsigned i = 0; i < hr_engine_workers(w->engine[side]); i++) {
		struct hr_worker *hw = worker_of(w, side, i);
		uint32_t laddr = hr_laddr_find(hw->ip, family, out ? k->src : k->dst);
		struct hr_flow_key key;

		if (laddr == 0)
			return NULL;
		hr_key_of(&key, laddr, family, out ? k->dst : k->src, out ? k->sport : k->dport,
			out ? k->dport : k->sport);
		*ref = hr_table_find(hw->table, &key, hr_table_hash(hw->table, &key));
		if (*ref == 0)
			continue;
		*worker = i;
		return hr_ref_type(*ref) == HR_REF_CONN ? hr_conn_at(hw, hr_ref_index(*ref)) : NULL;
	}
	return NULL;
}

/* What came for this pair of ports before; NULL: nothing that is remembered. */
static struct sim_early *early_of(
	struct world *w, enum sim_side side, uint16_t sport, uint16_t dport)
{
	for (unsigned i = 0; i < SIM_EARLY; i++)
		if (w->early[side][i].sport == sport && w->early[side][i].dport == dport)
			return &w->early[side][i];
	return NULL;
}

static void note_early(struct world *w, enum sim_side side, const struct sim_pkt *k)
{
	struct sim_early *e = early_of(w, side, k->sport, k->dport);

	if (e == NULL || (k->flags & TCPF_SYN)) {
		if (e == NULL)
			e = &w->early[side][w->n_early[side]++ % SIM_EARLY];
		*e = (struct sim_early){k->sport, k->dport, k->end, false};
	}
	e->end = seq_max(e->end, k->end);
	e->ce |= k->ecn == 3;
}

/* The generation of its handle while that was good. */
static uint32_t life_of(const struct conn *c)
{
	return (hr_conn_generation(c) - 1) | 1;
}

static void begin(struct world *w, enum sim_side side, struct sim_flow *f, const struct conn *c)
{
	const struct tcb *t = &c->tcb;
	const struct sim_early *e = early_of(w, side, t->key.rport, t->key.lport);

	memset(f, 0, sizeof(*f));
	f->known = true;
	f->generation = life_of(c);
	f->out_max = t->iss + 1;
	f->in_max = t->rcv_nxt;
	f->edge_in = t->snd_una + t->snd_wnd;
	f->ts_max = 0;
	f->ts_in_max = t->ts_recent;
	if (t->state == TCPS_SYN_SENT) {
		f->out_max = t->iss;
		f->edge_in = t->iss + 1;
		f->active = true;
		return;
	}
	if (e == NULL)
		return;
	f->ce_in = e->ce;
	if (seq_gt(e->end, f->in_max))
		f->in_max = e->end; /* it came in the burst that made the connection */
}

struct sim_flow *sim_flow_of(
	struct world *w, enum sim_side side, unsigned worker, const struct conn *c)
{
	uint32_t i = hr_conn_index(worker_of(w, side, worker), c);
	struct sim_flow *f;

	must(i < SIM_FLOWS);
	f = &w->flow[side][worker][i];
	if (!f->known || f->generation != life_of(c))
		begin(w, side, f, c);
	return f;
}

/* --- what leaves ----------------------------------------------------------------------------- */

#define BAD(p, k, ...)                                                                             \
	do {                                                                                       \
		sim_violation((p)->w, __VA_ARGS__);                                                \
		sim_log((p)->w, "side %u, port %u to %u, seq %u ack %u len %u", (p)->side,         \
			(k)->sport, (k)->dport, (k)->seq, (k)->ack, (k)->len);                     \
	} while (0)

static void out_sequence(struct sim_port *p, const struct sim_pkt *k, const struct tcb *t,
	struct sim_flow *f, bool retx)
{
	uint32_t edge = f->edge_in;

	if (seq_gt(k->seq, f->out_max) && !p->w->jumped)
		BAD(p, k, "a hole in the sequence: %u after %u", k->seq, f->out_max);
	if (t->state != TCPS_CLOSED && seq_gt(k->end, t->snd_nxt))
		BAD(p, k, "a segment beyond SND.NXT: %u, %u", k->end, t->snd_nxt);
	if (p->w->broken != NULL && strcmp(p->w->broken, "window") == 0)
		edge -= 30000;
	if (!(k->flags & TCPF_SYN) && k->end != k->seq && seq_gt(k->end, edge))
		BAD(p, k, "beyond the peer's window: %u, it offered up to %u", k->end, f->edge_in);
	if (!(k->flags & TCPF_SYN) && k->len != 0 && k->len + k->opt_len > t->peer_mss)
		BAD(p, k, "payload %u and options %u over an MSS of %u", k->len, k->opt_len,
			t->peer_mss);
	if (!retx && k->end != k->seq && k->end < k->seq)
		reach(p->w->reached, R_SEQ_WRAP);
	f->out_max = seq_max(f->out_max, k->end);
}

static void out_sacks(
	struct sim_port *p, const struct sim_pkt *k, const struct tcb *t, const struct sim_flow *f)
{
	bool dsack = k->n_sack != 0 && seq_le(k->sack[0].right, k->ack);

	/* RFC 2883 4: the block around a duplicate should be the second; anywhere will do when
	 * other segments came before the ACK could leave. */
	for (unsigned i = 1; i < k->n_sack; i++)
		dsack |= seq_ge(k->sack[0].left, k->sack[i].left) &&
			 seq_le(k->sack[0].right, k->sack[i].right);

	if (k->n_sack != 0 && !(t->flags & TF_SACK))
		BAD(p, k, "SACK that was not negotiated");
	for (unsigned i = 0; i < k->n_sack; i++) {
		uint32_t left = k->sack[i].left, right = k->sack[i].right;

		if (!seq_lt(left, right))
			BAD(p, k, "an empty SACK block: %u to %u", left, right);
		if (seq_gt(right, f->in_max))
			BAD(p, k, "SACK of what never arrived: %u to %u, %u came", left, right,
				f->in_max);
		if (i == 0 && dsack)
			continue;
		if (seq_le(left, k->ack))
			BAD(p, k, "a SACK block at or below the ACK: %u to %u", left, right);
		for (unsigned j = dsack; j < i; j++)
			if (seq_lt(left, k->sack[j].right) && seq_lt(k->sack[j].left, right))
				BAD(p, k, "SACK blocks that overlap: %u to %u", left, right);
	}
	if (k->n_sack > dsack)
		reach(p->w->reached, R_SACK_OUT);
	if (dsack)
		reach(p->w->reached, R_DSACK_OUT);
}

static void out_ack(
	struct sim_port *p, const struct sim_pkt *k, const struct tcb *t, struct sim_flow *f)
{
	uint32_t scale = k->flags & TCPF_SYN ? 0 : t->rcv_scale;
	uint32_t edge = k->ack + ((uint32_t)k->wnd << scale), in = f->in_max;

	if (p->w->broken != NULL && strcmp(p->w->broken, "ack") == 0)
		in -= 10000;
	if (seq_gt(k->ack, in))
		BAD(p, k, "ACK of what never arrived: %u, %u came", k->ack, f->in_max);
	if (f->sent_ack && seq_lt(k->ack, f->ack_max))
		BAD(p, k, "an ACK that goes back: %u after %u", k->ack, f->ack_max);
	/* A repeated SYN cannot say as much as the ACK before it: 16 bits, not scaled. */
	if (f->sent_ack && !(k->flags & TCPF_SYN) && seq_lt(edge + BIT(scale), f->edge_out + 1))
		BAD(p, k, "a window taken back: up to %u after %u", edge, f->edge_out);
	f->ack_max = k->ack;
	f->edge_out = f->sent_ack ? seq_max(f->edge_out, edge) : edge;
	f->sent_ack = true;
	if (k->wnd == 0)
		reach(p->w->reached, R_ZERO_WND);
	else if (f->zero_wnd)
		reach(p->w->reached, R_WND_UPDATE);
	f->zero_wnd = k->wnd == 0;
	out_sacks(p, k, t, f);
}

static void out_timestamp(
	struct sim_port *p, const struct sim_pkt *k, const struct tcb *t, struct sim_flow *f)
{
	bool on = (t->flags & TF_TS) != 0;

	if (!(k->flags & TCPF_SYN) && k->has_ts != on)
		BAD(p, k, "timestamps are %s, the segment has %s", on ? "on" : "off",
			k->has_ts ? "one" : "none");
	if (!k->has_ts)
		return;
	if (f->sent_ts && seq_lt(k->tsval, f->ts_max))
		BAD(p, k, "a timestamp that goes back: %u after %u", k->tsval, f->ts_max);
	if (f->sent_ts && k->tsval < f->ts_max)
		reach(p->w->reached, R_TS_WRAP);
	f->sent_ts = true;
	f->ts_max = k->tsval;
	if ((k->flags & TCPF_ACK) && seq_gt(k->tsecr, f->ts_in_max))
		BAD(p, k, "an echo of a timestamp that never came: %u after %u", k->tsecr,
			f->ts_in_max);
}

/* RFC 3168 6.1.1, 6.1.4, 6.1.5; RFC 8257 3.2 says when ECE is set, and both say: never unmarked. */
static void out_ecn(struct sim_port *p, const struct sim_pkt *k, const struct tcb *t,
	struct sim_flow *f, bool retx)
{
	bool agreed = (t->flags & TF_ECN) && (!f->active || (f->ecn_asked && f->ecn_answered));

	if ((k->flags & TCPF_SYN) && (k->flags & (TCPF_ECE | TCPF_CWR)) == (TCPF_ECE | TCPF_CWR))
		f->ecn_asked = true;
	if (k->ecn != 0 && !agreed)
		BAD(p, k, "ECT, and ECN was not agreed upon");
	if (!(k->flags & TCPF_SYN) && (k->flags & (TCPF_ECE | TCPF_CWR)) && !agreed)
		BAD(p, k, "ECE or CWR, and ECN was not agreed upon");
	if (!(k->flags & TCPF_SYN) && (k->flags & TCPF_ECE) && !f->ce_in)
		BAD(p, k, "ECE, and no mark ever came");
	if (k->ecn == 3)
		BAD(p, k, "a segment sent with CE");
	if (k->ecn != 0 && (k->flags & TCPF_SYN))
		BAD(p, k, "ECT on a SYN");
	if (k->ecn != 0 && k->len == 0)
		BAD(p, k, "ECT on a segment without data");
	if (k->ecn != 0 && retx)
		BAD(p, k, "ECT on a retransmission");
	if (k->ecn != 0)
		reach(p->w->reached, R_ECT_OUT);
	if (!(k->flags & TCPF_SYN) && (k->flags & TCPF_ECE))
		reach(p->w->reached, R_ECE_OUT);
	if (!(k->flags & TCPF_SYN) && (k->flags & TCPF_CWR))
		reach(p->w->reached, R_CWR_OUT);
}

bool sim_check_out(struct sim_port *p, const struct sim_pkt *k)
{
	unsigned worker;
	uint32_t ref;
	struct conn *c = sim_conn_of(p->w, p->side, k, true, &worker, &ref);
	struct sim_flow *f;
	bool retx;

	reach(p->w->reached, k->v6 ? R_V6 : R_V4);
	/* What has no connection (any more) speaks for a half-open or TIME-WAIT entry, or for none.
	 */
	if (c == NULL || (k->flags & TCPF_RST))
		return false;
	/* The last word of the tuple's last life left in the turn in which it was connected again.
	 */
	if (c->tcb.state == TCPS_SYN_SENT && !(k->flags & TCPF_SYN))
		return false;
	f = sim_flow_of(p->w, p->side, worker, c);
	retx = k->end != k->seq && seq_lt(k->seq, f->out_max);
	out_sequence(p, k, &c->tcb, f, retx);
	if (k->flags & TCPF_ACK)
		out_ack(p, k, &c->tcb, f);
	out_timestamp(p, k, &c->tcb, f);
	out_ecn(p, k, &c->tcb, f, retx);
	if (k->flags & TCPF_URG)
		reach(p->w->reached, R_URGENT);
	if (k->len != 0 && (c->tcb.state == TCPS_CLOSE_WAIT || c->tcb.state == TCPS_LAST_ACK))
		reach(p->w->reached, R_HALF_CLOSE);
	return retx;
}

/* --- what arrives ------------------------------------------------------------------------------
 */

/* Which event a segment is to somebody who expects rcv_nxt and has sent up to snd_nxt. */
static enum sim_did event_of(
	const struct sim_pkt *k, unsigned state, uint32_t rcv_nxt, uint32_t snd_nxt)
{
	bool listen = state == TCPS_CLOSED, fin = (k->flags & TCPF_FIN) != 0;

	if (k->flags & TCPF_SYN)
		return k->flags & TCPF_ACK ? E_SYNACK : E_SYN;
	if (k->flags & TCPF_RST) {
		if (state == TCPS_SYN_SENT)
			return (k->flags & TCPF_ACK) && k->ack == snd_nxt ? E_RST : E_RST_WINDOW;
		return listen || k->seq == rcv_nxt ? E_RST : E_RST_WINDOW;
	}
	if (listen || state == TCPS_SYN_SENT) {
		if (!listen && k->ack != snd_nxt)
			return E_ACK_UNSENT;
		return fin ? E_FIN : k->len != 0 ? E_DATA : E_ACK;
	}
	if (seq_gt(k->ack, snd_nxt))
		return E_ACK_UNSENT;
	if (k->seq == k->end)
		return seq_lt(k->seq, rcv_nxt) ? E_OLD : E_ACK;
	if (seq_le(k->end, rcv_nxt))
		return E_OLD;
	if (seq_gt(k->seq, rcv_nxt))
		return fin ? E_OOO_FIN : E_OOO;
	return fin ? E_FIN : E_DATA;
}

static void note_cell(struct sim_port *p, const struct sim_pkt *k, const struct conn *c,
	unsigned worker, uint32_t ref)
{
	struct hr_worker *hw;
	unsigned state = TCPS_CLOSED;
	uint32_t rcv_nxt = 0, snd_nxt = 0;

	if (c != NULL) {
		state = c->tcb.state;
		rcv_nxt = c->tcb.rcv_nxt;
		snd_nxt = c->tcb.snd_nxt;
	} else if (ref == 0) {
		if (p->side != SERVER || k->dport != SIM_PORT)
			return;
	} else {
		hw = worker_of(p->w, p->side, worker);
		if (hr_ref_type(ref) == HR_REF_SYN) {
			const struct tcp_syn *e = hr_syn_at(hw, hr_ref_index(ref));

			state = TCPS_SYN_RECEIVED;
			rcv_nxt = e->irs + 1;
			snd_nxt = e->iss + 1;
		} else {
			state = TCPS_TIME_WAIT;
			rcv_nxt = hr_tw_of(hw, ref)->rcv_nxt;
			snd_nxt = hr_tw_of(hw, ref)->snd_nxt;
		}
	}
	reach_cell(p->w->reached, state, event_of(k, state, rcv_nxt, snd_nxt));
}

void sim_check_in(struct sim_port *p, const struct sim_frame *fr, bool first)
{
	struct world *w = p->w;
	struct sim_flow *f;
	struct sim_pkt k;
	struct conn *c;
	unsigned worker = 0;
	uint32_t ref, edge;

	if (fr->damaged || !sim_is_tcp(fr->data, fr->len) ||
		sim_parse(fr->data, fr->len, &k, false) != NULL)
		return;
	c = sim_conn_of(w, p->side, &k, false, &worker, &ref);
	if (first)
		note_cell(p, &k, c, worker, ref);
	if (c == NULL) {
		note_early(w, p->side, &k);
		return;
	}
	f = sim_flow_of(w, p->side, worker, c);
	if (k.flags & TCPF_RST)
		return;
	f->ce_in |= k.ecn == 3;
	if (c->tcb.state == TCPS_SYN_SENT) {
		if (k.flags & TCPF_SYN) {
			/* In one burst with the other half of a simultaneous open, in any order. */
			bool again = f->heard_syn && k.end == f->in_max;
			uint32_t newest = again ? f->ts_in_max : k.tsval;

			/* A cookie and an entry answered one SYN twice: in a burst the first is
			 * taken. What does not acknowledge our SYN is not. */
			if ((k.flags & TCPF_ACK) &&
				((f->heard_syn && !again) || k.ack != c->tcb.iss + 1))
				return;
			/* A bare SYN of simultaneous open offers a window above our SYN. */
			edge = (k.flags & TCPF_ACK ? k.ack : c->tcb.iss + 1) + k.wnd;
			f->edge_in = again ? seq_max(f->edge_in, edge) : edge;
			f->in_max = k.end;
			f->ts_in_max = seq_max(newest, k.tsval);
			f->scale_in = k.wscale;
			f->heard_syn = true;
			f->ecn_answered |= (k.flags & (TCPF_ACK | TCPF_ECE | TCPF_CWR)) ==
					   (TCPF_ACK | TCPF_ECE);
			return;
		}
		if (!f->heard_syn)
			return; /* of the tuple's last life */
	} else {
		f->scale_in = c->tcb.snd_scale;
	}
	edge = k.ack + ((uint32_t)k.wnd << (k.flags & TCPF_SYN ? 0 : f->scale_in));
	f->in_max = seq_max(f->in_max, k.end);
	if (k.flags & TCPF_ACK)
		f->edge_in = seq_max(f->edge_in, edge);
	if (k.has_ts)
		f->ts_in_max = seq_max(f->ts_in_max, k.tsval);
}

void sim_check_call(const struct sim_end *e, enum sim_did what)
{
	const struct conn *c = e->connected ? hr_conn_get(e->worker, e->c) : NULL;

	if (c != NULL && c->tcb.state != TCPS_CLOSED)
		reach_cell(e->w->reached, c->tcb.state, what);
}

void sim_check_gone(const struct sim_end *e)
{
	struct world *w = e->w;
	const struct conn *c = hr_conn_get(e->worker, e->c);
	const struct sim_flow *f;

	reach(w->reached, R_TIMED_OUT);
	if (c == NULL)
		return;
	f = sim_flow_of(w, e->side, hr_worker_index(e->worker), c);
	if (f->watched)
		reach_cell(w->reached, f->state, E_TIMEOUT);
}
