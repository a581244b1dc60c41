/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit Congestion Notification (RFC 3168): agreed upon in the handshake, told back by the
 * receiver, answered by the sender once a window.
 *
 *	data, ECT(0) ----> queue marks CE ----> receiver
 *	sender <---- ACKs with ECE ... <----       |
 *	cuts, data with CWR ------------------->   | stops echoing
 *
 * A receiver that runs DCTCP (RFC 8257 3.2) echoes the mark of each segment instead, so that the
 * sender learns how many there were.
 */
#include "tcp/core.h"

#define IP_ECN_MASK 3u
#define IP_ECT0     2u
#define IP_CE       3u

static bool is_dctcp(const struct tcp_ctx *c, const struct tcb *t)
{
	return tcp_params(c, t)->cc == HR_CC_DCTCP;
}

/* 6.1.1. ECT on a SYN is somebody's broken marking, but for DCTCP hosts (RFC 8257 3.5). */
bool hr_ecn_accept_syn(const struct hr_tcp_params *p, const struct tcp_seg *s)
{
	return p->ecn != HR_ECN_OFF &&
	       (s->flags & (TCPF_ECE | TCPF_CWR)) == (TCPF_ECE | TCPF_CWR) &&
	       ((s->tos & IP_ECN_MASK) == 0 || p->cc == HR_CC_DCTCP);
}

/* The first SYN asks; repeated ones do not (6.1.1.1): something on the path may dislike the bits.
 */
bool hr_ecn_asks(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct hr_tcp_params *p = tcp_params(c, t);

	return (p->ecn == HR_ECN_ACTIVE || (p->ecn != HR_ECN_OFF && p->cc == HR_CC_DCTCP)) &&
	       t->range_head != 0 && hr_range_at(c, t, t->range_head)->sent == 1;
}

/* ECE without CWR is a yes, but only to a question; both are our own bits reflected (6.1.1). */
void hr_ecn_syn_ack_in(const struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s)
{
	if ((s->flags & (TCPF_ECE | TCPF_CWR)) == TCPF_ECE && hr_ecn_asks(c, t))
		t->flags |= TF_ECN;
}

/*
 * The mark changed and earlier data waits for its ACK: that goes out first, with the old mark
 * (RFC 8257 3.2).
 */
static void dctcp_mark_changes(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x;

	if (t->rcv_nxt != t->last_ack_sent && (x = hr_ext_get(c, t)) != NULL) {
		x->ce_ack = true;
		x->ce_ack_nxt = t->rcv_nxt;
	}
	t->flags ^= TF_CE;
	t->flags = t->flags & TF_CE ? t->flags | TF_ECE : t->flags & ~TF_ECE;
	t->flags |= TF_ACK_NOW;
}

void hr_ecn_data_in(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s)
{
	bool ce = (s->tos & IP_ECN_MASK) == IP_CE;

	if (ce)
		hr_count(c->m, HR_C_ecn_ce_in);
	if (is_dctcp(c, t)) {
		if (ce != ((t->flags & TF_CE) != 0))
			dctcp_mark_changes(c, t);
		return;
	}
	/* 6.1.3: in this order, the segment with CWR may be marked itself. */
	if (s->flags & TCPF_CWR)
		t->flags &= ~TF_ECE;
	if (ce && !(t->flags & TF_ECE))
		t->flags |= TF_ECE | TF_ACK_NOW;
}

void hr_ecn_data_out(struct tcp_ctx *c, struct tcb *t, struct tcp_out *o)
{
	o->tos |= IP_ECT0;
	if (!(t->flags & TF_CWR))
		return;
	t->flags &= ~TF_CWR;
	o->flags |= TCPF_CWR;
	hr_count(c->m, HR_C_ecn_cwr_out);
}

void hr_ecn_ack_in(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a)
{
	const struct tcp_cc_ops *cc = tcp_cc(c, t);
	struct tcb_ext *x = tcb_ext(c, t);

	if (a->ece)
		hr_count(c->m, HR_C_ecn_ece_in);
	if (x != NULL && cc->delivered != NULL)
		cc->delivered(t, x, a);
	/* Loss has cut already, or the data in flight left before the last cut. */
	if (!a->ece || t->ca_state != CA_OPEN || a->prior_flight == 0 || hr_cwnd_cut_lately(x, t))
		return;
	hr_cwnd_cut_ecn(c, t, hr_cwnd_in_use(t, a));
	hr_count(c->m, HR_C_ecn_cuts);
}
