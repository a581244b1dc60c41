/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional rate reduction (RFC 9937): during a recovery cwnd follows what the ACKs deliver, so
 * that the flight comes down to ssthresh evenly and not at once.
 */
#include "tcp/recovery.h"

/* 6.1; cwnd stays what it was until ACKs come. */
void hr_prr_begin(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a)
{
	uint32_t flight = tcb_flight(t) - x->sacked_bytes;

	/* RecoverFS: in flight when this ACK arrived, without what had been SACKed before. */
	if (a != NULL)
		flight += t->flags & TF_SACK ? a->sacked + a->acked : a->delivered;
	x->hystart = (struct tcp_hystart){0}; /* should this be undone, a new round begins */
	x->prr = (struct tcp_prr){.flight = hr_max(flight, (uint32_t)t->snd_mss)};
	/* A timer found the loss: the retransmission goes, the rest waits for ACKs. */
	if (a == NULL)
		t->cwnd = hr_tcb_pipe(c, t) + t->snd_mss;
}

/* 6.2; safe: progress, and nothing more was lost. */
void hr_prr_on_ack(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a, bool safe)
{
	uint32_t pipe = hr_tcb_pipe(c, t), mss = t->snd_mss;
	int64_t more;

	if (a->delivered == 0)
		return;
	x->prr.delivered += a->delivered;
	if (pipe > t->ssthresh) {
		uint64_t share = (uint64_t)x->prr.delivered * t->ssthresh;

		more = (int64_t)((share + x->prr.flight - 1) / x->prr.flight) - x->prr.out;
	} else {
		/* The bound of conservation; a segment more while all goes well (slow start). */
		more = hr_max((int64_t)x->prr.delivered - x->prr.out, (int64_t)a->delivered);
		if (safe)
			more += mss;
		more = hr_min(more, (int64_t)(t->ssthresh - pipe));
	}
	/* The first retransmission does not wait. */
	if (x->prr.out == 0 && more <= 0)
		more = mss;
	t->cwnd = hr_min(pipe + (uint32_t)hr_max(more, (int64_t)0), TCP_MAX_CWND);
}
