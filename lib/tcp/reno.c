/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss by counting ACKs (RFC 5681 3.2, 6582), for peers without SACK. Each duplicate ACK tells that
 * one segment arrived: ext->sacked_bytes estimates them (RFC 9937 6), so that pipe, and with it the
 * window inflation of RFC 6582, comes out as with SACK.
 */
#include "tcp/recovery.h"

/* The oldest segment is lost; the peer said nothing of what follows. */
static bool mark_head(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x)
{
	struct tx_range *r;

	if (t->range_head == 0)
		return false;
	r = hr_range_at(c, t, t->range_head);
	if (r->end - r->seq > t->snd_mss && !(r->flags & TR_LOST) &&
		!hr_range_split(c, t, r, r->seq + t->snd_mss))
		return false;
	hr_range_mark(x, r, TR_LOST, 0);
	x->sacked_bytes = hr_min(x->sacked_bytes, tcb_flight(t) - x->lost_bytes);
	t->flags |= TF_RETX_HEAD;
	return true;
}

static void count_duplicate(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a)
{
	struct tcb_ext *x;
	uint32_t bytes;

	if (t->dup_acks < UINT8_MAX)
		t->dup_acks++;
	x = hr_ext_get(c, t);
	/* RFC 3042: two segments beyond cwnd; the third duplicate decides. */
	if (x == NULL || t->ca_state == CA_LOSS ||
		(t->ca_state == CA_OPEN &&
			t->dup_acks > (x->reno_hold ? TCP_DUP_THRESH - 1 : TCP_DUP_THRESH)))
		return;
	bytes = hr_min((uint32_t)t->snd_mss, tcb_flight(t) - x->sacked_bytes - x->lost_bytes);
	x->sacked_bytes += bytes;
	a->delivered = bytes;
}

/* What duplicate ACKs told before was not delivered by this one. */
static void count_progress(struct tcb *t, struct tcb_ext *x, struct tcp_ack *a)
{
	uint32_t told = x->sacked_bytes;

	a->delivered = a->acked > told ? a->acked - told : 0;
	/* One segment of it filled the hole. */
	told -= hr_min(told, a->acked - hr_min(a->acked, (uint32_t)t->snd_mss));
	x->sacked_bytes =
		t->ca_state == CA_RECOVERY ? hr_min(told, tcb_flight(t) - x->lost_bytes) : 0;
	if (x->reno_hold && seq_gt(t->snd_una, x->recover))
		x->reno_hold = false;
}

bool hr_reno_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (a->dup)
		count_duplicate(c, t, a);
	else if (a->acked != 0 && x != NULL)
		count_progress(t, x, a);
	if (a->acked != 0 && t->ca_state == CA_OPEN)
		t->dup_acks = 0;
	x = tcb_ext(c, t);
	if (x == NULL)
		return false;
	switch ((enum tcp_ca_state)t->ca_state) {
	case CA_OPEN:
		/* 3.2 step 2: below recover they may be echoes of our own retransmissions. */
		return t->dup_acks >= TCP_DUP_THRESH && !x->reno_hold && mark_head(c, t, x);
	case CA_RECOVERY:
		/* A partial ACK: the next hole (3.2 step 3). */
		return a->acked != 0 && mark_head(c, t, x);
	default:
		return false;
	}
}

/*
 * Recovery is over. Copies of what was acknowledged just now may still be on their way and earn
 * duplicate ACKs, unless the ACK echoes the newest of them (6582 4.2, the timestamp heuristic).
 */
void hr_reno_recovered(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	uint32_t newest;

	x->sacked_bytes = 0;
	newest = tcp_tsval(t, tcp_expand(a->now_us, a->last_xmit_us));
	x->reno_hold = t->snd_una == x->recover && !(a->ts && a->tsecr == newest);
}
