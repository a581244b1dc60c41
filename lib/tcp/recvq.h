/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What recvq.c and the short way (usual.c) share: the measuring of segments, when to acknowledge,
 * and the end of the receive queue. Inline, because each of these is a part of what the usual
 * segment costs.
 */
#ifndef HR_TCP_RECVQ_H
#define HR_TCP_RECVQ_H

#include "tcp/core.h"

/* Behind others: small payloads are copied to the last one. Takes m. */
void hr_recv_append(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len);
/* The peer's FIN is at rcv_nxt. Returns events. */
uint32_t hr_recv_fin(struct tcp_ctx *c, struct tcb *t);

/*
 * The peer's segment size, which is its own choice and may change with its path (RFC 1122 4.2.3.2
 * counts full-sized segments): the largest seen; less when two in a row have the same smaller
 * length although they do not end anything.
 */
static inline void hr_recv_measure(
	struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	uint32_t len = (uint32_t)hr_min(s->payload_len, UINT16_MAX);

	if (len >= t->rcv_mss) {
		t->rcv_mss = (uint16_t)len;
		if (t->rcv_full < BULK_SEGMENTS && ++t->rcv_full == BULK_SEGMENTS)
			hr_autotune_start(c, t, now_us);
	} else if (!(s->flags & (TCPF_PSH | TCPF_FIN | TCPF_URG))) {
		if (t->rcv_odd == (len & 15) && len >= TCP_MIN_MSS)
			t->rcv_mss = (uint16_t)len;
		t->rcv_odd = len & 15;
	}
}

/*
 * RFC 9293 3.8.6.3, RFC 5681 4.2: when more than one full segment (any, with
 * ack_every = 1) waits for an ACK, whatever pieces the bytes came in. At once, too, while the
 * peer's slow start needs each ACK; but where the application answers, its answer carries the ACK.
 */
static inline void hr_recv_ack_due(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	bool quick = t->quickack != 0 && !(t->flags & TF_PINGPONG);

	t->quickack -= quick;
	if (quick || p->delack_us == 0 ||
		t->rcv_nxt - t->last_ack_sent > (p->ack_every - 1u) * t->rcv_mss) {
		t->flags |= TF_ACK_SOON;
	} else if (!(t->flags & TF_ACK_DELAY)) {
		t->flags |= TF_ACK_DELAY;
		t->delack_at = (uint32_t)(now_us + p->delack_us);
	}
}

#endif
