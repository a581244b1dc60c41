/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The send queue: mbufs with copied bytes from snd_una on, in sequence order. Bytes that no mbuf
 * covers are pull bytes: the application produces them again for each transmission.
 */
#include <errno.h>

#include "tcp/core.h"

/* Peers that are near get large bursts at any rate: half as large for each half of a millisecond.
 */
#define BURST_NEAR_US 512u
#define BURST_MOST    65536u

static struct hr_mark *mark(const struct tcp_ctx *c, struct rte_mbuf *m)
{
	return hr_mark(m, c->mark_off);
}

/* Twice what is in flight at most: one window on its way, one to follow it. */
uint32_t hr_send_limit(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct hr_tcp_params *p = tcp_params(c, t);

	return hr_max(p->snd_buf_bytes, hr_min(2 * t->cwnd, p->snd_buf_max_bytes));
}

void hr_tcp_send_begin(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x;

	if (likely(t->snd_nxt == t->snd_end) || tcp_params(c, t)->psh != HR_PSH_BURST ||
		!tcb_in(t, BIT(TCPS_ESTABLISHED) | BIT(TCPS_CLOSE_WAIT)))
		return;
	x = hr_ext_get(c, t);
	/* It is only a hint: without room the burst goes on into the next one. */
	if (x == NULL || x->n_push == TCB_MAX_PUSH ||
		(x->n_push != 0 && x->push[x->n_push - 1] == t->snd_end))
		return;
	x->push[x->n_push++] = t->snd_end;
}

uint32_t hr_sendq_burst_max(const struct tcb *t)
{
	uint32_t mss = t->snd_mss, age = t->min_rtt_us / BURST_NEAR_US;
	uint64_t bytes;

	if (!(t->flags & TF_RTT_VALID))
		return UINT32_MAX;
	/* cwnd a round trip, twice that in slow start; 6/5 above. */
	bytes = (uint64_t)t->cwnd * 8000 / hr_max(t->srtt_us8, 1u);
	bytes = t->cwnd < t->ssthresh / 2 ? bytes * 2 : bytes * 6 / 5;
	if (age < 16)
		bytes += BURST_MOST >> age;
	return (uint32_t)hr_min(hr_max(bytes / mss, 2ull) * mss, (uint64_t)BURST_MOST);
}

bool hr_sendq_burst(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t *len)
{
	struct tcb_ext *x = tcb_ext(c, t);
	unsigned gone = 0;
	uint32_t mss = t->snd_mss;

	if (x == NULL || x->n_push == 0 || seq_gt(x->push[0], seq + *len))
		return false;
	/* The segment in which a burst ends is the last of the descriptor, and a whole one. */
	*len = hr_min(*len, (x->push[0] - seq + mss - 1) / mss * mss);
	while (gone < x->n_push && seq_le(x->push[gone], seq + *len))
		gone++;
	x->n_push = (uint8_t)(x->n_push - gone);
	memmove(x->push, x->push + gone, x->n_push * sizeof(x->push[0]));
	return true;
}

int64_t hr_tcp_send_room(const struct tcp_ctx *c, const struct tcb *t)
{
	uint32_t used = t->snd_end - t->snd_una;
	uint32_t limit = hr_send_limit(c, t);

	if (tcb_in(t, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED)))
		return -ENOTCONN;
	if (!tcb_in(t, BIT(TCPS_ESTABLISHED) | BIT(TCPS_CLOSE_WAIT)) ||
		(t->flags & (TF_FIN_QUEUED | TF_SEND_RST)))
		return -EPIPE;
	return used < limit ? limit - used : 0;
}

void hr_tcp_send_mbuf(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len)
{
	struct hr_mark *k = mark(c, m);

	k->seq = t->snd_end;
	k->off = off;
	k->len = len;
	if (t->sendq == NULL) {
		k->next = m;
	} else {
		k->next = mark(c, t->sendq)->next;
		mark(c, t->sendq)->next = m;
	}
	t->sendq = m;
	t->snd_end += len;
}

struct rte_mbuf *hr_tcp_send_tail(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct hr_mark *k;

	if (t->sendq == NULL)
		return NULL;
	k = mark(c, t->sendq);
	if (k->seq + k->len != t->snd_end || seq_lt(k->seq, t->snd_nxt) ||
		rte_mbuf_refcnt_read(t->sendq) != 1)
		return NULL;
	return t->sendq;
}

void hr_tcp_send_grow(struct tcp_ctx *c, struct tcb *t, uint16_t len)
{
	must(t->sendq != NULL);
	mark(c, t->sendq)->len += len;
	t->snd_end += len;
}

void hr_tcp_send_pull(struct tcp_ctx *c, struct tcb *t, uint32_t len)
{
	t->snd_end += len;
}

bool hr_tcp_urgent(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = hr_ext_get(c, t);

	if (x == NULL || t->snd_end == t->iss + 1)
		return false;
	x->snd_up = t->snd_end; /* MUST-62: the octet after the urgent data */
	t->flags |= TF_URG_SND;
	return true;
}

uint32_t hr_tcp_send_find(
	const struct tcp_ctx *c, struct tcb *t, uint32_t seq, struct rte_mbuf **m, uint8_t **data)
{
	struct rte_mbuf *n;
	struct hr_mark *k;

	*m = NULL;
	*data = NULL;
	if (t->sendq == NULL)
		return t->snd_end - seq;
	/* Transmission goes forward: start where the last search ended, when that is not too far.
	 */
	n = t->send_hint != NULL && seq_le(mark(c, t->send_hint)->seq, seq)
		    ? t->send_hint
		    : mark(c, t->sendq)->next;
	for (;; n = k->next) {
		k = mark(c, n);
		if (seq_lt(seq, k->seq))
			return k->seq - seq; /* pull bytes up to this mbuf */
		if (seq_lt(seq, k->seq + k->len))
			break;
		if (n == t->sendq)
			return t->snd_end - seq;
	}
	t->send_hint = n;
	*m = n;
	*data = (uint8_t *)n->buf_addr + k->off + (seq - k->seq);
	return k->seq + k->len - seq;
}

uint64_t hr_tcp_send_offset(const struct tcb *t, uint32_t seq)
{
	uint32_t base = t->iss + 1;
	/* Not by comparison with base: that turns round after 2 GiB. */
	bool syn_out = tcb_in(t, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED));
	uint32_t una = syn_out ? 0 : t->snd_una - base;

	return ((uint64_t)t->snd_wraps << 32 | una) + (seq - base - una);
}

void hr_sendq_ack(struct tcp_ctx *c, struct tcb *t, uint32_t una)
{
	while (t->sendq != NULL) {
		struct rte_mbuf *m = mark(c, t->sendq)->next;
		struct hr_mark *k = mark(c, m);

		if (seq_gt(k->seq + k->len, una))
			break;
		if (m == t->sendq)
			t->sendq = NULL;
		else
			mark(c, t->sendq)->next = k->next;
		if (t->send_hint == m)
			t->send_hint = NULL;
		hr_mbuf_free_seg(m); /* m->next is a port's, or of an old frame */
	}
}

void hr_sendq_free(struct tcp_ctx *c, struct tcb *t)
{
	while (t->sendq != NULL) {
		struct rte_mbuf *m = mark(c, t->sendq)->next;

		if (m == t->sendq)
			t->sendq = NULL;
		else
			mark(c, t->sendq)->next = mark(c, m)->next;
		rte_pktmbuf_free_seg(m); /* m->next is a port's, or of an old frame */
	}
	t->send_hint = NULL;
}
