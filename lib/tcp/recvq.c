/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received data (RFC 9293 3.10.7.4 steps 6 to 8): in-order bytes go to the receive queue where the
 * application finds them, others to reasm.c; when to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2);
 * the peer's FIN; the urgent pointer.
 */
#include "tcp/recvq.h"

/* A payload this small is copied behind the last one when that mbuf has room: held memory follows
 * bytes, not packets. */
#define COALESCE_BYTES 256u

static struct hr_mark *mark(const struct tcp_ctx *c, struct rte_mbuf *m)
{
	return hr_mark(m, c->mark_off);
}

static bool coalesce(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len)
{
	struct rte_mbuf *tail = t->rcvq;
	struct hr_mark *k;
	uint8_t *end;

	if (tail == NULL || len > COALESCE_BYTES || !RTE_MBUF_DIRECT(tail) ||
		rte_mbuf_refcnt_read(tail) != 1)
		return false;
	k = mark(c, tail);
	end = rte_pktmbuf_mtod_offset(tail, uint8_t *, k->off + k->len);
	if (end + len > (uint8_t *)tail->buf_addr + tail->buf_len)
		return false;
	rte_memcpy(end, rte_pktmbuf_mtod_offset(m, uint8_t *, off), len);
	k->len += len;
	rte_pktmbuf_free(m);
	return true;
}

/* One single-segment mbuf whose payload starts at rcv_nxt. */
void hr_recv_append(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len)
{
	t->rcv_nxt += len;
	t->rcv_held += len;
	hr_count_n(c->m, HR_C_bytes_in, len);
	if (coalesce(c, t, m, off, len))
		return;
	*mark(c, m) = (struct hr_mark){.seq = t->rcv_nxt - len, .off = off, .len = len, .next = m};
	if (t->rcvq != NULL) {
		mark(c, m)->next = mark(c, t->rcvq)->next;
		mark(c, t->rcvq)->next = m;
	}
	t->rcvq = m;
}

/*
 * Hand the payload pieces of a (possibly chained) packet to take(), each as a single-segment mbuf
 * of its own: later segments of a chain have no headers, so each can be queued and freed alone.
 */
static void each_piece(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s,
	bool (*take)(struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint32_t seq,
		uint16_t off, uint16_t len))
{
	uint32_t seq = s->seq, left = s->payload_len, skip = s->payload_off;
	struct rte_mbuf *m = s->m;

	s->m = NULL;
	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		uint32_t here = m->data_len > skip ? hr_min(m->data_len - skip, left) : 0;
		uint32_t off = skip;

		skip -= hr_min(skip, (uint32_t)m->data_len);
		m->next = NULL;
		m->nb_segs = 1;
		m->pkt_len = m->data_len;
		/* take() may free m. */
		if (here == 0 || !take(c, t, m, seq, (uint16_t)off, (uint16_t)here))
			rte_pktmbuf_free(m);
		seq += here;
		left -= here;
		m = next;
	}
}

static bool take_in_order(struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint32_t seq,
	uint16_t off, uint16_t len)
{
	hr_recv_append(c, t, m, off, len);
	return true;
}

uint32_t hr_recv_fin(struct tcp_ctx *c, struct tcb *t)
{
	struct tcb_ext *x = tcb_ext(c, t);

	/* Nothing follows a FIN: what a confused peer sent behind it is neither kept nor told. */
	if (x != NULL) {
		hr_reasm_free(c, x);
		x->n_sacks = 0;
		x->has_ooo_fin = false;
		x->drs_live = false;
	}
	t->rcv_nxt++;
	t->flags |= TF_FIN_RCVD | TF_ACK_SOON;
	if (seq_lt(t->rcv_adv, t->rcv_nxt))
		t->rcv_adv = t->rcv_nxt;
	switch ((enum tcp_state)t->state) {
	case TCPS_ESTABLISHED:
		tcb_enter(t, TCPS_CLOSE_WAIT);
		return TCP_EV_EOF;
	case TCPS_FIN_WAIT_1: /* our FIN is not acknowledged, or step 5 had moved on */
		tcb_enter(t, TCPS_CLOSING);
		return TCP_EV_EOF;
	case TCPS_FIN_WAIT_2:
		tcb_enter(t, TCPS_TIME_WAIT);
		hr_timer_arm(t, TT_NONE, HR_NEVER);
		return TCP_EV_EOF | TCP_EV_CLOSED | TCP_EV_TIMEWAIT;
	default:
		return 0;
	}
}

/* The gap before an early FIN may be filled now. */
uint32_t hr_recv_fin_check(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (x == NULL || !x->has_ooo_fin || t->rcv_nxt != x->ooo_fin || !tcb_in(t, TCPS_RECEIVING))
		return 0;
	x->has_ooo_fin = false;
	return hr_recv_fin(c, t);
}

void hr_recv_quickack(struct tcp_ctx *c, struct tcb *t)
{
	t->quickack = tcp_params(c, t)->quickack_segments;
	t->flags &= ~TF_PINGPONG;
}

static uint32_t in_order(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	bool had_gap = x != NULL && x->ooo != NULL;
	struct rte_mbuf *m;

	each_piece(c, t, s, take_in_order);
	while ((m = hr_reasm_pull(c, t)) != NULL)
		hr_recv_append(c, t, m, mark(c, m)->off, mark(c, m)->len);
	if (x != NULL)
		hr_sack_advance(x, t->rcv_nxt);
	/* RFC 5681 4.2: at once when a gap is filled, wholly or in part. */
	if (had_gap)
		t->flags |= TF_ACK_NOW;
	else
		hr_recv_ack_due(c, t, now_us);
	if (x != NULL && x->drs_live)
		hr_autotune_rtt(c, t, s, now_us);
	return TCP_EV_DATA;
}

static bool take_out_of_order(struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint32_t seq,
	uint16_t off, uint16_t len)
{
	return hr_reasm_hold(c, t, m, seq, off, len);
}

/* RFC 2883: what arrived twice is told once. */
static void note_duplicate(struct tcp_ctx *c, struct tcb *t, uint32_t left, uint32_t right)
{
	struct tcb_ext *x;

	t->flags |= TF_ACK_NOW;
	hr_recv_quickack(c, t);
	if (!(t->flags & TF_SACK) || !tcp_params(c, t)->dsack || left == right)
		return;
	x = hr_ext_get(c, t);
	if (x == NULL)
		return;
	x->dsack = (struct tcp_sack_block){left, right};
	t->flags |= TF_DSACK;
}

/* Keep the part of the payload between rcv_nxt and the right edge of the window. */
static void trim_to_window(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s)
{
	uint32_t end = s->seq + s->payload_len;

	if (seq_lt(s->seq, t->rcv_nxt)) {
		uint32_t cut = hr_min(t->rcv_nxt - s->seq, s->payload_len);

		note_duplicate(c, t, s->seq, s->seq + cut);
		s->seq += cut;
		s->payload_off += (uint16_t)cut;
		s->payload_len -= cut;
	}
	if (seq_gt(end, t->rcv_adv)) {
		uint32_t over = hr_min(end - t->rcv_adv, s->payload_len);

		s->payload_len -= over;
		s->flags &= (uint8_t)~TCPF_FIN; /* it lies behind the window */
		t->flags |= TF_ACK_NOW;
	}
}

uint32_t hr_recv_data(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us)
{
	uint32_t events = 0, fin_seq;
	bool is_fin;

	if (s->payload_len != 0)
		hr_recv_measure(c, t, s, now_us);
	if ((t->flags & TF_ECN) && s->payload_len != 0)
		hr_ecn_data_in(c, t, s);
	trim_to_window(c, t, s);
	is_fin = (s->flags & TCPF_FIN) != 0;
	fin_seq = s->seq + s->payload_len;
	if (s->payload_len != 0 && s->seq == t->rcv_nxt) {
		events |= in_order(c, t, s, now_us);
	} else if (s->payload_len != 0) {
		struct tcb_ext *x = hr_ext_get(c, t);
		uint32_t before = x != NULL ? x->ooo_bytes : 0;

		hr_count(c->m, HR_C_ooo_in);
		t->flags |= TF_ACK_NOW;
		if (x != NULL)
			each_piece(c, t, s, take_out_of_order);
		/* Nothing of it was new, or there was no room: tell why this packet was for
		 * nothing. */
		if (x == NULL || x->ooo_bytes == before) {
			bool held = x != NULL && x->n_sacks != 0 &&
				    seq_le(x->sacks[0].left, s->seq) &&
				    seq_ge(x->sacks[0].right, fin_seq);

			if (held)
				note_duplicate(c, t, s->seq, fin_seq);
			events |= (uint32_t)(held ? DROP_tcp_old : DROP_tcp_ooo_full)
				  << TCP_EV_DROP_SHIFT;
		}
	}
	if (is_fin && fin_seq == t->rcv_nxt) {
		events |= hr_recv_fin(c, t);
	} else if (is_fin && seq_gt(fin_seq, t->rcv_nxt)) {
		struct tcb_ext *x = hr_ext_get(c, t);

		t->flags |= TF_ACK_NOW;
		if (x != NULL) {
			x->has_ooo_fin = true;
			x->ooo_fin = fin_seq;
		}
	}
	return events | hr_recv_fin_check(c, t, now_us);
}

/* RFC 9293 3.10.7.4 step 6: the pointer is the octet after the urgent data. */
void hr_recv_urgent(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint32_t *events)
{
	uint32_t up = s->seq + s->urg;
	struct tcb_ext *x;

	if (!tcb_in(t, TCPS_RECEIVING) || seq_le(up, t->rcv_nxt - t->rcv_held))
		return;
	x = hr_ext_get(c, t);
	if (x == NULL || (x->urg_pending && seq_le(up, x->rcv_up)))
		return;
	x->urg_pending = true;
	x->rcv_up = up;
	*events |= TCP_EV_URGENT;
}

bool hr_tcp_unread(const struct tcp_ctx *c, const struct tcb *t, struct rte_mbuf **m,
	const uint8_t **data, uint32_t *len)
{
	struct hr_mark *k;

	if (t->rcvq == NULL || *m == t->rcvq)
		return false;
	*m = *m == NULL ? mark(c, t->rcvq)->next : mark(c, *m)->next;
	k = mark(c, *m);
	*data = rte_pktmbuf_mtod_offset(*m, const uint8_t *, k->off);
	*len = k->len;
	return true;
}

static __rte_noinline void read_bytes(struct tcp_ctx *c, struct tcb *t, uint32_t n)
{
	must(n <= t->rcv_held);
	t->rcv_held -= n;
	while (n != 0) {
		struct rte_mbuf *m = mark(c, t->rcvq)->next;
		struct hr_mark *k = mark(c, m);

		if (n < k->len) {
			k->off += (uint16_t)n;
			k->len -= (uint16_t)n;
			k->seq += n;
			break;
		}
		n -= k->len;
		if (m == t->rcvq)
			t->rcvq = NULL;
		else
			mark(c, t->rcvq)->next = k->next;
		hr_mbuf_free(m);
	}
}

static __rte_noinline void consume_ext(
	struct tcp_ctx *c, struct tcb *t, uint32_t n, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	read_bytes(c, t, n);
	if (x->urg_pending && seq_ge(t->rcv_nxt - t->rcv_held, x->rcv_up)) {
		x->urg_pending = false;
		hr_ext_put(c, t);
		x = tcb_ext(c, t);
	}
	if (x != NULL && x->drs_live && tcb_in(t, TCPS_RECEIVING)) {
		hr_autotune_read(c, t, now_us);
		if (!x->drs_live)
			hr_ext_put(c, t);
	}
}

void hr_tcp_consume(struct tcp_ctx *c, struct tcb *t, uint32_t n, uint64_t now_us)
{
	struct rte_mbuf *m = t->rcvq;

	if (unlikely(t->ext != 0)) {
		consume_ext(c, t, n, now_us);
	} else if (likely(n == t->rcv_held && m != NULL && mark(c, m)->next == m)) {
		t->rcv_held = 0;
		t->rcvq = NULL;
		rte_pktmbuf_free_seg(m);
	} else {
		read_bytes(c, t, n);
	}
	if (tcb_in(t, TCPS_RECEIVING) && hr_window_update_due(t))
		t->flags |= TF_ACK_SOON;
}

bool hr_tcp_at_eof(const struct tcb *t)
{
	return (t->flags & TF_FIN_RCVD) && t->rcv_held == 0;
}

void hr_recv_free(struct tcp_ctx *c, struct tcb *t)
{
	read_bytes(c, t, t->rcv_held);
}
