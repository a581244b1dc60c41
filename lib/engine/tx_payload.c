/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a part of the send queue to a packet that consists of payload so far, with room for all
 * headers in front.
 *
 * Fast path: a segment that is exactly one queued mbuf, which nobody else holds, goes out as that
 * mbuf with one more reference; its headroom takes the headers. Where the port takes chains, longer
 * pieces are linked as they lie in the queue, and what a port still holds, or what is cut in the
 * middle, is referred to by an mbuf of ours. All else is copied:
 *
 *   headers -> [queued mbuf] -> [ours, to the middle of one] -> [short pieces and pull bytes,
 * copied]
 *
 * A queued mbuf is never written to while a port may hold it, its fields included.
 */
#include <rte_ether.h>
#include <rte_ip.h>

#include "engine/worker.h"

/* Copying less is cheaper than one more mbuf. Half a segment, too, because devices bound the mbufs
 * per segment on the wire, down to 8. */
#define SHARE_MIN 512u
#define SEGS_MAX  8u

_Static_assert(HR_TX_HEADERS_MAX == RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr) + 60, "all");
_Static_assert(
	HR_TX_HEADERS_MAX <= RTE_PKTMBUF_HEADROOM, "all headers fit in front of the payload");

struct chain {
	struct rte_mbuf *head, *last;
	uint32_t left; /* mbufs that it may still have */
	uint32_t room; /* payload bytes of an mbuf of ours */
	bool ours;     /* the last one is: bytes may be appended */
};

/* One more reference to a queued mbuf that nobody else holds: len bytes of it from data on. */
static void take(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	rte_mbuf_refcnt_update(m, 1);
	m->data_off = (uint16_t)(data - (const uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->next = NULL; /* in an earlier transmission something may have followed */
	m->nb_segs = 1;
	m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	m->tx_offload = 0;
}

/* Does all of m's payload begin here, with room for headers that nobody else sees? */
static bool takes_headers(const struct hr_worker *w, struct rte_mbuf *m, const uint8_t *data)
{
	const struct hr_mark *mark = hr_mark(m, w->tcp.mark_off);

	return data == (uint8_t *)m->buf_addr + mark->off && mark->off >= HR_TX_HEADERS_MAX &&
	       RTE_MBUF_DIRECT(m);
}

/* The queued mbuf that is this very segment, referenced once more; NULL when it is not one. */
static struct rte_mbuf *in_place(struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len)
{
	struct rte_mbuf *m;
	uint8_t *data;

	if (w->force_copy || hr_tcp_send_find(&w->tcp, &c->tcb, seq, &m, &data) != len ||
		m == NULL || !takes_headers(w, m, data) || rte_mbuf_refcnt_read(m) != 1)
		return NULL;
	take(m, data, len);
	return m;
}

/* Gather [seq, seq + len) from queued mbufs and, where there are none, from the application. */
static void gather(struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len, uint8_t *to)
{
	while (len > 0) {
		struct rte_mbuf *m;
		uint8_t *data;
		uint32_t n = RTE_MIN(hr_tcp_send_find(&w->tcp, &c->tcb, seq, &m, &data), len);

		must(n > 0);
		if (m != NULL)
			memcpy(to, data, n);
		else
			w->apps[c->app]->on_pull(hr_conn_handle(c), c->user,
				hr_tcp_send_offset(&c->tcb, seq), to, n);
		seq += n;
		to += n;
		len -= n;
	}
}

static void link_mbuf(struct chain *k, struct rte_mbuf *m, bool ours)
{
	must(k->left > 0);
	k->left--;
	if (k->head == NULL) {
		k->head = m;
	} else {
		k->last->next = m;
		k->head->nb_segs++;
		k->head->pkt_len += m->data_len;
	}
	k->last = m;
	k->ours = ours;
}

static void copy(struct hr_worker *w, struct conn *c, struct chain *k, uint32_t seq, uint32_t len)
{
	while (len > 0) {
		uint32_t n;

		if (!k->ours || rte_pktmbuf_tailroom(k->last) == 0)
			link_mbuf(k, hr_tx_spare(w), true);
		n = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(k->last));
		gather(w, c, seq, n,
			(uint8_t *)k->last->buf_addr + k->last->data_off + k->last->data_len);
		k->last->data_len += (uint16_t)n;
		k->head->pkt_len += n;
		seq += n;
		len -= n;
	}
}

/*
 * Link len bytes of queued mbuf m, of `all` that are still to come. False when the rest, should it
 * have to be copied, would not find mbufs any more.
 */
static bool share(struct hr_worker *w, struct chain *k, struct rte_mbuf *m, const uint8_t *data,
	uint32_t len, uint32_t all)
{
	bool alone = rte_mbuf_refcnt_read(m) == 1;
	uint32_t head = k->head == NULL && !(alone && takes_headers(w, m, data));
	uint32_t ours = head + !alone, rest = (all - len + k->room - 1) / k->room;
	struct rte_mbuf *to;

	if (k->left < head + 1 + rest || w->tx_spares < ours + rest)
		return false;
	if (head)
		link_mbuf(k, hr_tx_spare(w), false);
	if (alone) {
		take(m, data, len);
		link_mbuf(k, m, false);
		return true;
	}
	to = hr_tx_spare(w);
	rte_pktmbuf_attach(to, m);
	to->data_off = (uint16_t)(data - (const uint8_t *)m->buf_addr);
	to->data_len = (uint16_t)len;
	to->pkt_len = len;
	to->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	to->tx_offload = 0;
	link_mbuf(k, to, false);
	return true;
}

static struct rte_mbuf *chained(
	struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len, unsigned segs)
{
	const uint32_t least = RTE_MAX(SHARE_MIN, c->tcb.snd_mss / 2u);
	struct chain k = {.left = len <= c->tcb.snd_mss ? RTE_MIN(segs, SEGS_MAX) : segs,
		.room = rte_pktmbuf_data_room_size(w->pool) - RTE_PKTMBUF_HEADROOM};

	while (len > 0) {
		struct rte_mbuf *m;
		uint8_t *data;
		uint32_t n = RTE_MIN(hr_tcp_send_find(&w->tcp, &c->tcb, seq, &m, &data), len);

		if (m == NULL || n < least || w->force_copy || !share(w, &k, m, data, n, len))
			copy(w, c, &k, seq, n);
		seq += n;
		len -= n;
	}
	return k.head;
}

struct rte_mbuf *hr_tx_payload(
	struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len, unsigned segs)
{
	struct rte_mbuf *m = len > 0 ? in_place(w, c, seq, len) : NULL;
	char *to;

	if (m != NULL)
		return m;
	if (segs > 1 && len >= SHARE_MIN)
		return chained(w, c, seq, len, segs);
	m = hr_tx_spare(w);
	if (len > 0) {
		to = rte_pktmbuf_append(m, (uint16_t)len);
		must(to != NULL);
		gather(w, c, seq, len, (uint8_t *)to);
	}
	return m;
}
