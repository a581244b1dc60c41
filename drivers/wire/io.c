/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data path of a wire: frames into slots, slots into mbufs, the choice of the receiving queue,
 * and segmentation for wires opened with caps=tso. Who is joined to whom is wire.c's business.
 */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_tcp.h>
#include <rte_thash.h>

#include "wire/wire.h"

#define HEADERS_MAX                                                                                \
	128 /* bytes looked at when hashing: Ethernet, two VLAN tags, IPv4 with options or IPv6,   \
	       ports */

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static struct wire_slot *slot_at(const struct wire_ring *r, uint32_t i)
{
	return (struct wire_slot *)(r->slots + (size_t)(i & r->mask) * r->stride);
}

/* Slots that may be filled from r->next on; looks at the reader's index only when fewer than
 * `wanted` are known of. */
static uint32_t ring_room(struct wire_ring *r, uint32_t wanted)
{
	uint32_t room = r->mask + 1 - (r->next - r->tail_seen);

	if (unlikely(room < wanted)) {
		r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		room = r->mask + 1 - (r->next - r->tail_seen);
	}
	return room;
}

static void ring_publish(struct wire_ring *r)
{
	/* Only the writer stores head, so its own load needs no order. */
	if (r->next != __atomic_load_n(&r->head, __ATOMIC_RELAXED))
		__atomic_store_n(&r->head, r->next, __ATOMIC_RELEASE);
}

/*
 * Toeplitz over the 4-tuple of an unfragmented TCP or UDP packet, as a NIC does it; false for
 * everything else. Host-order words, the source first.
 */
static bool rss_hash(const struct wire_end *to, const uint8_t *p, uint32_t len, uint32_t *hash)
{
	union rte_thash_tuple space; /* aligned as rte_thash_load_v6_addrs() wants it */
	uint32_t *tuple = (uint32_t *)&space, words, off = sizeof(struct rte_ether_hdr), ports;
	uint16_t type = 0;
	uint8_t proto;

	for (unsigned tags = 0; tags < 3; tags++, off += sizeof(struct rte_vlan_hdr)) {
		if (len < off)
			return false;
		type = (uint16_t)(p[off - 2] << 8 | p[off - 1]);
		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
	}
	if (type == RTE_ETHER_TYPE_IPV4 && len >= off + sizeof(struct rte_ipv4_hdr)) {
		const struct rte_ipv4_hdr *ip = (const void *)(p + off);

		if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
			return false;
		tuple[0] = rte_be_to_cpu_32(ip->src_addr);
		tuple[1] = rte_be_to_cpu_32(ip->dst_addr);
		words = 2;
		proto = ip->next_proto_id;
		ports = off + rte_ipv4_hdr_len(ip);
	} else if (type == RTE_ETHER_TYPE_IPV6 && len >= off + sizeof(struct rte_ipv6_hdr)) {
		const struct rte_ipv6_hdr *ip = (const void *)(p + off);

		rte_thash_load_v6_addrs(ip, &space);
		words = 8;
		proto = ip->proto;
		ports = off + (uint32_t)sizeof(*ip);
	} else {
		return false;
	}
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || len < ports + 4)
		return false;
	tuple[words] = (uint32_t)p[ports] << 24 | (uint32_t)p[ports + 1] << 16 |
		       (uint32_t)p[ports + 2] << 8 | p[ports + 3];
	*hash = rte_softrss_be(tuple, words + 1, (const uint8_t *)to->key);
	return true;
}

/* The ring that leads from our queue to the receiving queue of m. */
static struct wire_ring *ring_for(
	struct wire_end *e, uint16_t queue, const struct rte_mbuf *m, uint32_t *hash, bool *hashed)
{
	const struct wire_end *to = e->peer;
	uint8_t copy[HEADERS_MAX];
	uint16_t rxq = 0;

	*hash = 0;
	*hashed = false;
	if (to->queues > 1) {
		uint32_t len = RTE_MIN(m->pkt_len, (uint32_t)sizeof(copy));

		*hashed = rss_hash(to, rte_pktmbuf_read(m, 0, len, copy), len, hash);
		if (*hashed)
			rxq = __atomic_load_n(&to->reta[*hash % WIRE_RETA_SIZE], __ATOMIC_RELAXED);
	}
	return &e->rings[queue * to->queues + rxq];
}

/* The i-th piece of a TCP frame that is to be cut, in turn from the first: RFC 9293 3.7 by hand,
 * flags as NICs do it. */
static void cut_piece(struct wire_slot *s, const struct rte_mbuf *m, uint32_t i, uint32_t headers,
	struct wire_cursor *payload)
{
	uint32_t at = i * m->tso_segsz, all = m->pkt_len - headers;
	uint32_t len = RTE_MIN(all - at, (uint32_t)m->tso_segsz);
	struct rte_tcp_hdr *tcp = (void *)(s->data + m->l2_len + m->l3_len);
	struct wire_cursor front = {m, 0};

	hr_wire_copy(&front, headers, s->data);
	if (i == 0)
		*payload = front;
	hr_wire_copy(payload, len, s->data + headers);
	s->len = headers + len;
	if (m->ol_flags & RTE_MBUF_F_TX_IPV4) {
		struct rte_ipv4_hdr *ip = (void *)(s->data + m->l2_len);

		ip->total_length = rte_cpu_to_be_16((uint16_t)(m->l3_len + m->l4_len + len));
		ip->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->packet_id) + i));
	} else {
		struct rte_ipv6_hdr *ip = (void *)(s->data + m->l2_len);

		ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->l4_len + len));
	}
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + at);
	if (at + len < all)
		tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	if (i > 0)
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	s->summed = hr_wire_checksum_write(s->data, m);
}

/* Fill one slot, or one per piece when m is to be segmented. False when the ring has no room for
 * all of it. */
static bool put_frame(struct wire_end *e, struct wire_txq *q, struct wire_ring *r,
	const struct rte_mbuf *m, uint32_t hash, bool hashed)
{
	bool cut = (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && (e->offloads & HR_OFFLOAD_TSO);
	uint32_t headers = cut ? (uint32_t)(m->l2_len + m->l3_len + m->l4_len) : 0, pieces = 1;
	struct wire_cursor payload = {m, 0};

	if (unlikely(cut)) {
		if (m->tso_segsz == 0 || m->pkt_len <= headers ||
			headers + m->tso_segsz > e->wire->frame_max)
			return true; /* as a NIC: such a descriptor is thrown away */
		pieces = (m->pkt_len - headers + m->tso_segsz - 1) / m->tso_segsz;
		if (pieces > r->mask)
			return true;
	} else if (unlikely(m->pkt_len > e->wire->frame_max)) {
		return true;
	}
	if (unlikely(ring_room(r, pieces) < pieces))
		return false;

	for (uint32_t i = 0; i < pieces; i++) {
		struct wire_slot *s = slot_at(r, r->next++);

		s->hash = hash;
		s->hashed = hashed;
		s->summed = 0;
		if (cut) {
			cut_piece(s, m, i, headers, &payload);
		} else {
			s->len = m->pkt_len;
			if (likely(m->nb_segs == 1))
				rte_memcpy(s->data, rte_pktmbuf_mtod(m, void *), m->data_len);
			else
				hr_wire_copy(&payload, m->pkt_len, s->data);
			if (unlikely(e->offloads & HR_OFFLOAD_TX_CSUM))
				s->summed = hr_wire_checksum_write(s->data, m);
		}
		q->count.packets++;
		q->count.bytes += s->len;
	}
	return true;
}

uint16_t hr_wire_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct wire_end *e = port;
	struct wire_txq *q = &e->txq[queue];
	uint16_t done;

	/* Nobody at the other end: frames leave and are lost, as on a cable that is plugged in
	 * nowhere. */
	if (unlikely(__atomic_load_n(&e->wire->link, __ATOMIC_ACQUIRE) != WIRE_UP)) {
		uint64_t bytes = 0;

		for (done = 0; done < n; done++)
			bytes += m[done]->pkt_len;
		rte_pktmbuf_free_bulk(m, n);
		count(&q->count.packets, n);
		count(&q->count.bytes, bytes);
		return n;
	}
	struct wire_txq local = *q;

	for (done = 0; done < n; done++) {
		uint32_t hash;
		bool hashed;

		if (done + 1 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[done + 1], void *));
		struct wire_ring *r = ring_for(e, queue, m[done], &hash, &hashed);

		if (unlikely(!put_frame(e, &local, r, m[done], hash, hashed)))
			break;
	}
	for (uint16_t i = 0; i < e->peer->queues; i++)
		ring_publish(&e->rings[queue * e->peer->queues + i]);
	rte_pktmbuf_free_bulk(m, done);
	count(&q->count.packets, local.count.packets - q->count.packets);
	count(&q->count.bytes, local.count.bytes - q->count.bytes);
	if (unlikely(done < n))
		count(&q->count.refused, (uint64_t)(n - done));
	return done;
}

/* One slot into m, adding mbufs of the pool when it is longer than one. False when the pool has no
 * more. */
static bool take_frame(const struct wire_end *e, struct rte_mempool *pool,
	const struct wire_slot *s, struct rte_mbuf *m)
{
	uint32_t len = s->len, off = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
	struct rte_mbuf *last = m;

	rte_memcpy(rte_pktmbuf_mtod(m, void *), s->data, off);
	m->data_len = (uint16_t)off;
	m->pkt_len = len;
	while (unlikely(off < len)) {
		struct rte_mbuf *more = rte_pktmbuf_alloc(pool);

		if (more == NULL)
			return false;
		more->data_len = (uint16_t)RTE_MIN(len - off, (uint32_t)rte_pktmbuf_tailroom(more));
		memcpy(rte_pktmbuf_mtod(more, void *), s->data + off, more->data_len);
		off += more->data_len;
		last->next = more;
		last = more;
		m->nb_segs++;
	}
	if (s->hashed && (e->offloads & HR_OFFLOAD_RSS)) {
		m->hash.rss = s->hash;
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
	if (unlikely(e->offloads & HR_OFFLOAD_RX_CSUM))
		m->ol_flags |= s->summed ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD
					 : hr_wire_checksum_verify(s->data, len);
	return true;
}

/* Mbufs for up to n frames: all in one go, or one at a time from a pool that is nearly empty. */
static uint16_t alloc_some(struct rte_mempool *pool, struct rte_mbuf **m, uint16_t n)
{
	uint16_t got = 0;

	if (likely(rte_pktmbuf_alloc_bulk(pool, m, n) == 0))
		return n;
	while (got < n && (m[got] = rte_pktmbuf_alloc(pool)) != NULL)
		got++;
	return got;
}

static uint16_t drain_ring(struct wire_end *e, struct wire_rxq *q, struct wire_ring *r,
	struct rte_mbuf **m, uint16_t n)
{
	uint32_t tail = r->tail, waiting = r->head_seen - tail;
	uint16_t got, done = 0;
	uint64_t bytes = 0;

	if (waiting < n) {
		r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		waiting = r->head_seen - tail;
	}
	if (waiting == 0)
		return 0;
	n = (uint16_t)RTE_MIN(waiting, (uint32_t)n);
	rte_prefetch0(slot_at(r, tail));
	got = alloc_some(q->pool, m, n);
	while (done < got) {
		rte_prefetch0(slot_at(r, tail + done + 1));
		if (unlikely(!take_frame(e, q->pool, slot_at(r, tail + done), m[done])))
			break;
		bytes += m[done]->pkt_len;
		done++;
	}
	if (unlikely(done < got))
		rte_pktmbuf_free_bulk(m + done, (unsigned)(got - done));
	if (unlikely(done < n))
		count(&q->count.refused, 1);
	if (likely(done > 0))
		__atomic_store_n(&r->tail, tail + done, __ATOMIC_RELEASE);
	count(&q->count.packets, done);
	count(&q->count.bytes, bytes);
	return done;
}

uint16_t hr_wire_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct wire_end *e = port, *from = e->peer;
	struct wire_rxq *q = &e->rxq[queue];
	uint16_t got = 0, senders;

	/* What was sent before the other end closed still arrives. */
	if (unlikely(__atomic_load_n(&e->wire->link, __ATOMIC_ACQUIRE) == WIRE_WAITING ||
		     from->rings == NULL))
		return 0;
	senders = from->queues;
	for (uint16_t i = 0; i < senders && got < n; i++) {
		uint16_t s = (uint16_t)((q->first + i) % senders);

		got += drain_ring(
			e, q, &from->rings[s * e->queues + queue], m + got, (uint16_t)(n - got));
	}
	/* The next burst starts one sender further: none can starve the others. */
	q->first = (uint16_t)((q->first + 1) % senders);
	return got;
}

uint64_t hr_wire_deadline(void *port, uint16_t queue)
{
	const struct wire_end *e = port, *from = e->peer;

	if (__atomic_load_n(&e->wire->link, __ATOMIC_ACQUIRE) == WIRE_WAITING ||
		from->rings == NULL)
		return HR_NEVER;
	for (uint16_t s = 0; s < from->queues; s++) {
		const struct wire_ring *r = &from->rings[s * e->queues + queue];

		if (__atomic_load_n(&r->head, __ATOMIC_RELAXED) != r->tail)
			return 0;
	}
	return HR_NEVER;
}
