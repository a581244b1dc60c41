/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queueing bytes to send. Copied bytes fill mbufs of one segment's payload each, with headroom for
 * all headers, so that the usual segment is sent in place (tx_payload.c); small writes are appended
 * to the last mbuf while nothing of it was sent. Packets of the application are queued as they are.
 */
#include <errno.h>

#include "engine/worker.h"

#define PIECE_MIN  512u
#define PIECE_MOST 2048u /* mbufs have room for that much */
/* Of one hr_send_mbuf(): a send buffer is not overdrawn by more. */
#define PACKET_MAX (1u << 20)

/* The connection and the room in its send buffer; a negative errno otherwise. */
static int64_t sendable(struct hr_worker *w, hr_conn h, struct conn **c)
{
	*c = hr_conn_get(w, h);
	if (*c == NULL)
		return -ESTALE;
	if (((*c)->eflags & (EF_DEAF | EF_CLOSE_ASKED | EF_ABORT_ASKED | EF_CLOSED)) ||
		((*c)->pending & TCP_EV_CLOSED))
		return -EPIPE;
	return hr_tcp_send_room(&w->tcp, &(*c)->tcb);
}

/*
 * Bytes per queued mbuf: a segment's, to be sent in place; but a peer that announced a tiny MSS
 * does not make one mbuf of each tiny segment: those are filled and copied from.
 */
static uint32_t piece_max(const struct conn *c)
{
	return c->tcb.snd_mss >= PIECE_MIN ? c->tcb.snd_mss : UINT16_MAX;
}

/* Append what fits to the last queued mbuf; returns the bytes taken. */
static uint32_t append(struct hr_worker *w, struct conn *c, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *m = hr_tcp_send_tail(&w->tcp, &c->tcb);
	struct hr_mark *mark;
	uint32_t end, limit;

	/* What lies behind bytes in somebody's buffer is not ours. */
	if (m == NULL || !RTE_MBUF_DIRECT(m))
		return 0;
	mark = hr_mark(m, w->tcp.mark_off);
	end = (uint32_t)mark->off + mark->len;
	limit = mark->len < piece_max(c)
			? RTE_MIN((uint32_t)m->buf_len - end, piece_max(c) - mark->len)
			: 0;
	len = RTE_MIN(len, limit);
	if (len == 0)
		return 0;
	memcpy((uint8_t *)m->buf_addr + end, data, len);
	hr_tcp_send_grow(&w->tcp, &c->tcb, (uint16_t)len);
	return len;
}

/* The last mbufs of the pool belong to segments, not to the queues behind them; so do the last of
 * those at hand. */
static struct rte_mbuf *send_mbuf(struct hr_worker *w)
{
	uint32_t had = w->tx_spares;

	if (unlikely(hr_memory_low(w)))
		return NULL;
	if (unlikely(had <= HR_TX_SPARE / 2)) {
		bool enough = hr_tx_refill(w, HR_TX_SPARE / 2 + 1);

		hr_memory_charge(w, w->tx_spares - had);
		if (!enough)
			return NULL;
	}
	return hr_tx_spare(w);
}

/* Bytes that make one segment, while nothing else is queued: false when it is not that simple. */
static inline bool send_usual(struct hr_worker *w, struct conn *c, const void *data, size_t len)
{
	struct tcb *t = &c->tcb;
	struct rte_mbuf *m;

	if ((c->eflags & (EF_DEAF | EF_CLOSE_ASKED | EF_ABORT_ASKED | EF_CLOSED)) ||
		(c->pending & TCP_EV_CLOSED) || t->state != TCPS_ESTABLISHED ||
		(t->flags & (TF_FIN_QUEUED | TF_SEND_RST)) || t->sendq != NULL ||
		t->snd_nxt != t->snd_end || len - 1 >= RTE_MIN(t->snd_mss, PIECE_MOST) ||
		t->snd_mss < PIECE_MIN || w->plain ||
		t->snd_end - t->snd_una + len > hr_params(w, t->params)->snd_buf_bytes)
		return false;
	m = send_mbuf(w);
	if (unlikely(m == NULL))
		return false;
	memcpy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, data, len);
	hr_tcp_send_first(&w->tcp, t, m, RTE_PKTMBUF_HEADROOM, (uint16_t)len);
	hr_conn_dirty(w, c);
	return true;
}

static __rte_noinline int64_t send_any(struct hr_worker *w, hr_conn h, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct conn *c;
	int64_t room = sendable(w, h, &c);
	uint32_t left, n;

	if (room < 0 || len == 0)
		return room < 0 ? room : 0;
	left = (uint32_t)RTE_MIN((uint64_t)room, (uint64_t)len);
	hr_tcp_send_begin(&w->tcp, &c->tcb);
	n = append(w, c, p, left);
	p += n;
	left -= n;
	while (left > 0) {
		struct rte_mbuf *m = send_mbuf(w);

		if (m == NULL) {
			/* No ACK may ever come to report room: the output stage watches the pool.
			 */
			hr_count(&w->m, HR_C_no_mbuf_tx);
			c->eflags |= EF_STARVED;
			hr_conn_dirty(w, c);
			break;
		}
		n = RTE_MIN(left, (uint32_t)(m->buf_len - RTE_PKTMBUF_HEADROOM));
		n = RTE_MIN(n, piece_max(c));
		memcpy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, p, n);
		hr_tcp_send_mbuf(&w->tcp, &c->tcb, m, RTE_PKTMBUF_HEADROOM, (uint16_t)n);
		p += n;
		left -= n;
	}
	n = (uint32_t)(p - (const uint8_t *)data);
	if (n < len)
		c->tcb.flags |= TF_WANT_ROOM;
	hr_conn_dirty(w, c);
	return n;
}

int64_t hr_send(struct hr_worker *w, hr_conn h, const void *data, size_t len)
{
	struct conn *c = hr_conn_get(w, h);

	return likely(c != NULL && send_usual(w, c, data, len)) ? (int64_t)len
								: send_any(w, h, data, len);
}

int64_t hr_send_pull(struct hr_worker *w, hr_conn h, size_t len)
{
	struct conn *c;
	int64_t room = sendable(w, h, &c);
	uint32_t n;

	if (room < 0)
		return room;
	if (w->apps[c->app]->on_pull == NULL)
		return -ENOTSUP;
	n = (uint32_t)RTE_MIN((uint64_t)room, (uint64_t)len);
	if (n < len)
		c->tcb.flags |= TF_WANT_ROOM;
	if (n > 0) {
		hr_tcp_send_begin(&w->tcp, &c->tcb);
		hr_tcp_send_pull(&w->tcp, &c->tcb, n);
		hr_conn_dirty(w, c);
	}
	return n;
}

static bool packet_valid(const struct rte_mbuf *m)
{
	uint32_t len = 0;

	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		if (rte_mbuf_refcnt_read(s) != 1)
			return false;
		len += s->data_len;
	}
	return len == m->pkt_len && len > 0 && len <= PACKET_MAX;
}

int64_t hr_send_mbuf(struct hr_worker *w, hr_conn h, struct rte_mbuf *m)
{
	struct conn *c;
	int64_t room = sendable(w, h, &c);
	uint32_t len = m->pkt_len;

	if (room < 0)
		return room;
	if (!packet_valid(m))
		return -EINVAL;
	if (room == 0) {
		c->tcb.flags |= TF_WANT_ROOM;
		return 0;
	}
	hr_tcp_send_begin(&w->tcp, &c->tcb);
	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		m->next = NULL;
		m->nb_segs = 1;
		if (m->data_len > 0)
			hr_tcp_send_mbuf(&w->tcp, &c->tcb, m, m->data_off, m->data_len);
		else
			rte_pktmbuf_free(m);
		m = next;
	}
	hr_conn_dirty(w, c);
	return len;
}

int hr_urgent(struct hr_worker *w, hr_conn h)
{
	struct conn *c;
	int64_t room = sendable(w, h, &c);

	if (room < 0)
		return (int)room;
	if (!hr_tcp_urgent(&w->tcp, &c->tcb))
		return -ENOMEM;
	hr_conn_dirty(w, c);
	return 0;
}

int64_t hr_send_room(struct hr_worker *w, hr_conn h)
{
	struct conn *c;

	return sendable(w, h, &c);
}
