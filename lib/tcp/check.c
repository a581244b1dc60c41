/* SPDX-License-Identifier: BSD-3-Clause */
/* Every invariant of a tcb, for tests, the simulator and the fuzzers. Walks all lists: never on the
 * data path. */
#include "tcp/core.h"

static void check_ranges(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	uint32_t seq = t->snd_una, sacked = 0, lost = 0, last = 0, segs = 0;
	struct tx_range *r;
	bool embedded = false;

	HR_RANGE_FOREACH(c, t, i, r)
	{
		must(r->seq == seq && seq_gt(r->end, r->seq));
		must(r->sent > 0);
		must(!(r->flags & TR_SACKED) || !(r->flags & TR_LOST));
		sacked += r->flags & TR_SACKED ? r->end - r->seq : 0;
		lost += r->flags & TR_LOST ? r->end - r->seq : 0;
		segs += r->flags & TR_SACKED ? r->segs : 0;
		embedded |= i == TR_EMBEDDED;
		seq = r->end;
		last = i;
	}
	must(last == t->range_tail);
	must(embedded == ((t->flags & TF_EMBEDDED) != 0));
	/* A passive open has its SYN out without a range: the SYN entry sent it. */
	must(seq == t->snd_nxt || (t->state == TCPS_SYN_RECEIVED && (t->flags & TF_PASSIVE)));
	if (x == NULL) {
		must(sacked == 0);
		return;
	}
	must(x->lost_bytes == lost && x->sacked_segs == (uint16_t)segs);
	if (t->flags & TF_SACK)
		must(x->sacked_bytes == sacked);
	else
		must(sacked == 0);
	must(x->sacked_bytes + lost <= tcb_flight(t));
}

#define ALL_HINTS (BIT(TCB_SACK_HINTS + 1) - 1)

/* One bit for each place that is range i. */
static uint32_t hints_at(const struct tcb_ext *x, uint32_t i)
{
	uint32_t bits = x->retx_at == i ? BIT(TCB_SACK_HINTS) : 0;

	for (unsigned k = 0; k < TCB_SACK_HINTS; k++)
		bits |= x->sack_hint[k] == i ? BIT(k) : 0;
	return bits;
}

/* The hints promise something of every range before them. */
static void check_recovery(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	bool before_lost, before_reo;
	struct tx_range *r;
	uint32_t xmit_us = 0, missing;
	bool any = false;

	if (x == NULL)
		return;
	before_lost = x->lost_hint != 0;
	before_reo = x->reo_hint != 0;
	missing = hints_at(x, 0) ^ ALL_HINTS;
	HR_RANGE_FOREACH(c, t, i, r)
	{
		before_lost &= i != x->lost_hint;
		before_reo &= i != x->reo_hint;
		missing &= ~hints_at(x, i);
		if (r->flags & TR_LOST)
			must(!before_lost);
		must(!before_reo || (r->flags & (TR_SACKED | TR_LOST | TR_RETX)));
		if (!(r->flags & TR_RETX))
			continue;
		if (!(r->flags & TR_SACKED))
			must(seq_le(r->end, x->retx_high));
		if ((r->flags & (TR_SACKED | TR_LOST)) || !x->retx_sorted)
			continue;
		must(!any || (int32_t)(r->xmit_us - xmit_us) >= 0);
		any = true;
		xmit_us = r->xmit_us;
	}
	must(!before_lost && !before_reo);
	must(missing == 0); /* they name ranges of this connection */
	must(x->reo_mult > 0);
	must(t->ca_state != CA_OPEN || x->frto == 0);
	if (t->ca_state != CA_OPEN)
		must(seq_gt(x->recover, t->snd_una) && seq_le(x->recover, t->snd_nxt));
}

static void check_queues(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	struct rte_mbuf *m = NULL;
	const uint8_t *data;
	uint32_t len, held = 0;

	while (hr_tcp_unread(c, t, &m, &data, &len)) {
		must(len != 0);
		held += len;
	}
	must(held == t->rcv_held);
	if (t->sendq != NULL) {
		uint32_t seq = t->snd_una;

		m = t->sendq;
		do {
			const struct hr_mark *k;

			m = hr_mark(m, c->mark_off)->next;
			k = hr_mark(m, c->mark_off);
			must(k->len != 0 && seq_gt(k->seq + k->len, seq));
			must(m == hr_mark(t->sendq, c->mark_off)->next || seq_ge(k->seq, seq));
			seq = k->seq + k->len;
		} while (m != t->sendq);
		must(seq_le(seq, t->snd_end));
	}
	if (x != NULL && x->ooo != NULL) {
		uint32_t bytes = 0, seq = t->rcv_nxt;

		m = x->ooo;
		do {
			const struct hr_mark *k;

			m = hr_mark(m, c->mark_off)->next;
			k = hr_mark(m, c->mark_off);
			must(k->len != 0 && seq_ge(k->seq, seq));
			bytes += k->len;
			seq = k->seq + k->len;
		} while (m != x->ooo);
		must(bytes == x->ooo_bytes);
	}
}

static void check_sequence(const struct tcb *t)
{
	must(seq_le(t->snd_una, t->snd_nxt));
	must(seq_le(t->snd_nxt, t->snd_end + 1));
	must(t->snd_nxt != t->snd_end + 1 || (t->flags & TF_FIN_SENT));
	must(!(t->flags & TF_FIN_SENT) || (t->flags & TF_FIN_QUEUED));
	if (t->state != TCPS_SYN_SENT) {
		must(seq_le(t->rcv_nxt, t->rcv_adv));
		must(t->rcv_adv - t->rcv_nxt <= t->rcv_buf + (1u << t->rcv_scale));
	}
	must(t->state == TCPS_SYN_SENT || t->rcv_mss >= TCP_MIN_MSS);
	must(t->snd_mss >= 36 && t->cwnd <= TCP_MAX_CWND + t->snd_mss);
}

static void check_state(const struct tcp_ctx *c, const struct tcb *t)
{
	bool fin_sent = (t->flags & TF_FIN_SENT) != 0, fin_rcvd = (t->flags & TF_FIN_RCVD) != 0;
	bool fin_acked = fin_sent && t->snd_una == t->snd_end + 1;

	must((t->timer == TT_NONE) == (t->rexmit_at == HR_NEVER));
	switch ((enum tcp_state)t->state) {
	case TCPS_ESTABLISHED:
		must(!fin_sent && !fin_rcvd);
		break;
	case TCPS_FIN_WAIT_1:
		must(!fin_rcvd && !fin_acked);
		break;
	case TCPS_FIN_WAIT_2:
		must(!fin_rcvd && fin_acked);
		break;
	case TCPS_CLOSE_WAIT:
		must(fin_rcvd && !fin_sent);
		break;
	case TCPS_CLOSING:
	case TCPS_LAST_ACK:
		must(fin_rcvd && !fin_acked);
		break;
	case TCPS_TIME_WAIT:
		must(fin_rcvd && fin_acked && t->timer == TT_NONE);
		break;
	default:
		break;
	}
	/* Data in flight is always watched by a timer. */
	if (tcb_in(t, TCPS_SYNCHRONISED) && tcb_flight(t) != 0)
		must(t->timer == TT_RTO || t->timer == TT_TLP || t->timer == TT_REO);
	if (t->ca_state != CA_OPEN)
		must(t->ext != 0);
	if (t->flags & TF_PACED)
		must(t->ext != 0 && tcb_ext(c, t)->pace_on);
	if (t->ext != 0 && tcb_ext(c, t)->drs_live)
		must(tcb_ext(c, t)->drs_bytes != 0);
}

void hr_tcb_check(const struct tcp_ctx *c, const struct tcb *t)
{
	must(t->state < TCPS_COUNT);
	if (t->state == TCPS_CLOSED)
		return;
	check_sequence(t);
	check_ranges(c, t);
	check_recovery(c, t);
	check_queues(c, t);
	check_state(c, t);
}
