/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery among its own files: loss.c decides what state the sender is in, each mechanism is
 * a file of its own. Facts about one ACK are in struct tcp_ack (core.h), state in struct tcb_ext.
 *
 *	sack.c    the scoreboard: what the peer holds
 *	rack.c    what is lost, by time (RFC 8985 6)
 *	tlp.c     a lost tail is asked for (RFC 8985 7)
 *	reno.c    duplicate and partial ACKs of peers without SACK (RFC 6582)
 *	prr.c     how much may leave during a recovery (RFC 9937)
 *	frto.c    was the timeout one? (RFC 5682)
 *	undo.c    was the retransmission needed? (RFC 3522, 3708), and what follows (RFC 4015)
 */
#ifndef HR_TCP_RECOVERY_H
#define HR_TCP_RECOVERY_H

#include "tcp/core.h"

/* Fast recovery begins: a may be NULL (a timer found the loss). */
void hr_recovery_enter(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);

/* sack.c */
/* The SACK option of an acceptable ACK; a gets the bytes newly SACKed, and the duplicate. */
void hr_sack_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, struct tcp_ack *a,
	uint64_t now_us);
/* RFC 2018 8: the peer took back what it had SACKed. */
void hr_sack_reneged(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x);

/* rack.c */
/* r, up to end, was delivered (steps 2 and 3); before its marks change. */
void hr_rack_delivered(struct tcb *t, struct tcb_ext *x, const struct tx_range *r, uint32_t end,
	const struct tcp_ack *a, uint64_t now_us);
/* Step 4, the part that lasts: DSACKs widen the reordering window. */
void hr_rack_dsack(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);
void hr_rack_recovered(struct tcb_ext *x);
/* Step 5: mark what is overdue, arm the timer for what will be. True when something was marked. */
bool hr_rack_detect(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, bool timer, uint64_t now_us);
/* RFC 8985 6.3: a timeout. */
void hr_rack_mark_on_rto(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint64_t now_us);
/* The range's TSval when it was sent last. */
static inline uint32_t hr_range_tsval(
	const struct tcb *t, const struct tx_range *r, uint64_t now_us)
{
	return tcp_tsval(t, tcp_expand(now_us, r->xmit_us));
}

/* tlp.c */
/* May a probe be scheduled, and when (RFC 8985 7.2)? */
bool hr_tlp_wanted(const struct tcp_ctx *c, const struct tcb *t);
uint32_t hr_tlp_pto_us(const struct tcp_ctx *c, const struct tcb *t);
/* True when the ACK tells that the probe repaired a loss. */
bool hr_tlp_on_ack(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);

/* reno.c */
/* True when the oldest data is lost, and was marked. */
bool hr_reno_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a);
void hr_reno_recovered(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);

/* prr.c */
void hr_prr_begin(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);
void hr_prr_on_ack(
	struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a, bool safe);

/* frto.c */
/* A timeout that began an episode. */
void hr_frto_begin(const struct tcp_ctx *c, const struct tcb *t, struct tcb_ext *x);
/* True when the timeout turned out to be spurious. */
bool hr_frto_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);

/* undo.c */
/* ssthresh is about to be reduced; flight: what was in flight. */
void hr_undo_begin(
	const struct tcp_ctx *c, const struct tcb *t, struct tcb_ext *x, uint32_t flight);
void hr_undo_retransmitted(
	struct tcb *t, struct tcb_ext *x, const struct tx_range *r, uint64_t now_us);
/* The first block of the ACK reports a duplicate. */
void hr_undo_dsack(struct tcb_ext *x, const struct tcp_ack *a);
/* Undo when this ACK proves that it is right. */
void hr_undo_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct tcp_ack *a);
/* RFC 4015 3.2: the response. */
void hr_undo(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, struct tcp_ack *a);

#endif
