/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One port for more workers than it has queues. Worker i < queues owns queue i and moves packets
 * for the others: what it receives goes by Toeplitz and a RETA of ours, as a NIC with RSS would do
 * it, into a ring to the worker whose tuple it is; what others send comes through a ring and leaves
 * with its own. So the rest of the engine sees a port with a queue for each worker and RSS.
 *
 *   queue 0 --> worker 0 --in[1][0]--> worker 1        worker 1 --out[1]--> worker 0 --> queue 0
 *                        --in[2][0]--> worker 2        worker 2 --out[2]--> (flush)
 *
 * A ring has one writer and one reader, and nobody waits for anybody. What arrives is copied into
 * an mbuf of the receiver's pool, as a NIC does by DMA: a worker that leaves data unread uses up
 * its own memory and not that of the worker that receives for it. What is sent is handed over
 * itself when nobody else holds it, else as a copy from the sender's own pool.
 */
#include "engine/share.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include "engine/worker.h"

#define CHUNK    64
#define RX_RING  4096 /* a receiver that the system let wait for some milliseconds */
#define TX_RING  1024
#define RETRY_US 100 /* after the port did not take what others sent */
#define PORTS    4   /* bytes of two TCP ports */

/* Written by one worker's thread; two lines apart, because lines are fetched in pairs. */
struct lane {
	__attribute__((aligned(128))) uint64_t missed; /* a ring was full */
	uint64_t no_mbuf;
	uint64_t tx_full;
	uint16_t first;               /* whose ring is looked at first */
	uint16_t n;                   /* of late */
	struct rte_mbuf *late[CHUNK]; /* taken from a ring, and not yet by the port */
};

_Static_assert(sizeof(struct lane) % 128 == 0, "no line of two workers");

struct share {
	struct hr_port *inner;
	struct hr_rss *rss;
	uint8_t key[52], key_len;
	uint16_t reta_size, workers, queues;
	uint64_t (*clock)(void *arg);
	void *clock_arg;
	struct rte_mempool *pool[HR_MAX_WORKERS];
	struct rte_ring *in[HR_MAX_WORKERS][HR_MAX_WORKERS]; /* [receiver][owner of a queue] */
	struct rte_ring *out[HR_MAX_WORKERS];                /* by sender */
	struct lane lane[HR_MAX_WORKERS];
};

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Who gets what q received. Only plain TCP is distributed: the rest, fragments and extension
 * headers among it, stays with q, and the engine itself hands on what turns out to be another
 * worker's. */
static uint16_t receiver(const struct share *s, uint16_t q, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint32_t len = m->data_len, off = sizeof(*eth), addrs, l4;
	const uint8_t *p = (const uint8_t *)eth, *ports;
	bool v6;

	if (len >= off + sizeof(struct rte_ipv4_hdr) &&
		eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const void *)(p + off);

		if (ip->next_proto_id != IPPROTO_TCP ||
			(ip->fragment_offset &
				RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))
			return q;
		v6 = false;
		addrs = off + offsetof(struct rte_ipv4_hdr, src_addr);
		l4 = off + rte_ipv4_hdr_len(ip);
	} else if (len >= off + sizeof(struct rte_ipv6_hdr) &&
		   eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const struct rte_ipv6_hdr *ip = (const void *)(p + off);

		if (ip->proto != IPPROTO_TCP)
			return q;
		v6 = true;
		addrs = off + offsetof(struct rte_ipv6_hdr, src_addr);
		l4 = off + (uint32_t)sizeof(*ip);
	} else {
		return q;
	}
	if (len < l4 + PORTS)
		return q;
	ports = p + l4;
	return hr_rss_queue(s->rss, v6, p + addrs, p + addrs + (v6 ? 16 : 4),
		*(const unaligned_uint16_t *)ports, *(const unaligned_uint16_t *)(ports + 2));
}

/* The first packet's receiver gets all that are his; those of others move to the front. Returns how
 * many these are. */
static uint16_t hand_to_one(
	struct share *s, uint16_t q, struct rte_mbuf **m, uint16_t *to, uint16_t n)
{
	struct rte_mbuf *copy[CHUNK], *done[CHUNK];
	uint16_t whom = to[0], copies = 0, mine = 0, left = 0;
	unsigned sent;

	for (uint16_t i = 0; i < n; i++) {
		if (to[i] != whom) {
			m[left] = m[i];
			to[left++] = to[i];
			continue;
		}
		copy[copies] = rte_pktmbuf_copy(m[i], s->pool[whom], 0, UINT32_MAX);
		copies += copy[copies] != NULL;
		done[mine++] = m[i];
	}
	sent = rte_ring_sp_enqueue_burst(s->in[whom][q], (void **)copy, copies, NULL);
	if (unlikely(sent < copies)) {
		rte_pktmbuf_free_bulk(copy + sent, copies - sent);
		count(&s->lane[q].missed, copies - sent);
	}
	if (unlikely(copies < mine))
		count(&s->lane[q].no_mbuf, (uint64_t)(mine - copies));
	rte_pktmbuf_free_bulk(done, mine);
	return left;
}

/* Of n received packets those that are q's own stay, in order; the others go. */
static uint16_t distribute(struct share *s, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct rte_mbuf *away[CHUNK];
	uint16_t to[CHUNK], kept = 0, others = 0;

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		uint16_t whom = receiver(s, q, m[i]);

		if (whom == q) {
			m[kept++] = m[i];
		} else {
			away[others] = m[i];
			to[others++] = whom;
		}
	}
	while (others > 0)
		others = hand_to_one(s, q, away, to, others);
	return kept;
}

/* What the owners of queues received for w. */
static uint16_t take(struct share *s, uint16_t w, struct rte_mbuf **m, uint16_t n)
{
	struct lane *l = &s->lane[w];
	unsigned got = 0;

	for (uint16_t i = 0; i < s->queues && got < n; i++) {
		struct rte_ring *r = s->in[w][(l->first + i) % s->queues];

		if (r != NULL && hr_ring_waiting(r) > 0)
			got += rte_ring_sc_dequeue_burst(r, (void **)(m + got), n - got, NULL);
	}
	l->first = (uint16_t)((l->first + 1) % s->queues);
	return (uint16_t)got;
}

static uint16_t share_rx(void *port, uint16_t w, struct rte_mbuf **m, uint16_t n)
{
	struct share *s = port;
	uint16_t got = 0, most;

	if (w >= s->queues)
		return take(s, w, m, n);
	/* Neither of the two sources can keep the other out. */
	if (s->queues > 1)
		got = take(s, w, m, n / 2);
	most = RTE_MIN((uint16_t)(n - got), (uint16_t)CHUNK);
	return (uint16_t)(got + distribute(s, w, m + got, hr_port_rx(s->inner, w, m + got, most)));
}

/* Nobody else looks at it, or will: it can change hands. */
static bool exclusive(const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1)
			return false;
	return true;
}

/* Up to CHUNK packets into w's ring; how many it took. */
static uint16_t post(struct share *s, uint16_t w, struct rte_mbuf **m, uint16_t n)
{
	struct rte_mbuf *out[CHUNK];
	uint16_t ready = 0, sent;

	for (; ready < n; ready++) {
		struct rte_mbuf *p = m[ready];

		out[ready] = exclusive(p) ? p : rte_pktmbuf_copy(p, s->pool[w], 0, UINT32_MAX);
		if (unlikely(out[ready] == NULL))
			break;
	}
	sent = (uint16_t)rte_ring_sp_enqueue_burst(s->out[w], (void **)out, ready, NULL);
	/* A packet that went itself is no longer ours to look at: only pointers are compared. */
	for (uint16_t i = 0; i < ready; i++)
		if (out[i] != m[i])
			rte_pktmbuf_free(i < sent ? m[i] : out[i]);
	return sent;
}

static uint16_t share_tx(void *port, uint16_t w, struct rte_mbuf **m, uint16_t n)
{
	struct share *s = port;
	uint16_t done = 0;

	if (w < s->queues)
		return hr_port_tx(s->inner, w, m, n);
	while (done < n) {
		uint16_t want = RTE_MIN((uint16_t)(n - done), (uint16_t)CHUNK);
		uint16_t sent = post(s, w, m + done, want);

		done = (uint16_t)(done + sent);
		if (sent < want)
			break;
	}
	if (unlikely(done < n))
		count(&s->lane[w].tx_full, (uint64_t)(n - done));
	return done;
}

/* What is late goes to the port. False when some of it is still late. */
static bool send_late(struct share *s, uint16_t q)
{
	struct lane *l = &s->lane[q];
	uint16_t sent;

	if (l->n == 0)
		return true;
	sent = hr_port_tx(s->inner, q, l->late, l->n);
	l->n = (uint16_t)(l->n - sent);
	memmove(l->late, l->late + sent, l->n * sizeof(l->late[0]));
	return l->n == 0;
}

static void share_flush(void *port, uint16_t q)
{
	struct share *s = port;
	struct lane *l = &s->lane[q];

	if (q >= s->queues)
		return;
	for (uint16_t w = (uint16_t)(s->queues + q); w < s->workers;
		w = (uint16_t)(w + s->queues)) {
		/* What comes meanwhile waits for the next turn. */
		for (unsigned left = hr_ring_waiting(s->out[w]); left > 0 && send_late(s, q);) {
			l->n = (uint16_t)rte_ring_sc_dequeue_burst(
				s->out[w], (void **)l->late, RTE_MIN(left, (unsigned)CHUNK), NULL);
			left -= RTE_MIN(left, (unsigned)l->n);
		}
	}
	(void)send_late(s, q);
	hr_port_flush(s->inner, q);
}

static uint64_t share_deadline(void *port, uint16_t w)
{
	struct share *s = port;

	for (uint16_t q = 0; q < s->queues; q++)
		if (s->in[w][q] != NULL && hr_ring_waiting(s->in[w][q]) > 0)
			return 0;
	if (w >= s->queues)
		return HR_NEVER;
	for (unsigned o = s->queues + w; s->lane[w].n == 0 && o < s->workers; o += s->queues)
		if (hr_ring_waiting(s->out[o]) > 0)
			return 0;
	if (s->lane[w].n > 0)
		return RTE_MIN(s->clock(s->clock_arg) + RETRY_US, hr_port_deadline(s->inner, w));
	return hr_port_deadline(s->inner, w);
}

static int share_caps(void *port, struct hr_port_caps *caps)
{
	const struct share *s = port;
	int rc = hr_port_caps(s->inner, caps);

	if (rc < 0)
		return rc;
	caps->max_queues = s->workers;
	/* Mbufs of several pools meet; and the copy of a frame that is to be cut, which lies in the
	 * send queue, too, may be in more pieces than the port takes. */
	caps->offloads &= ~(uint32_t)(HR_OFFLOAD_FAST_FREE | HR_OFFLOAD_TSO);
	caps->tso_bytes = 0;
	caps->offloads |= HR_OFFLOAD_RSS;
	caps->reta_size = s->reta_size;
	caps->rss_key_len = s->key_len;
	memcpy(caps->rss_key, s->key, s->key_len);
	return 0;
}

/* When the port hashes as we do, what belongs to the owner of a queue shall arrive there. */
static bool inner_reta(const struct share *s, const uint16_t *ours, uint16_t *reta)
{
	struct hr_port_caps caps;

	if (s->queues == 1 || hr_port_caps(s->inner, &caps) < 0 || ours == NULL ||
		caps.reta_size != s->reta_size || caps.rss_key_len != s->key_len ||
		memcmp(caps.rss_key, s->key, s->key_len) != 0)
		return false;
	for (unsigned i = 0; i < s->reta_size; i++)
		reta[i] = (uint16_t)(ours[i] % s->queues);
	return true;
}

/* Those that are missing. */
static int make_rings(struct share *s)
{
	for (uint16_t w = 0; w < s->workers; w++) {
		for (uint16_t q = 0; q < s->queues; q++) {
			if (q == w || s->in[w][q] != NULL)
				continue;
			s->in[w][q] = hr_ring_create(sizeof(void *), RX_RING);
			if (s->in[w][q] == NULL)
				return -ENOMEM;
		}
		if (w < s->queues || s->out[w] != NULL)
			continue;
		s->out[w] = hr_ring_create(sizeof(void *), TX_RING);
		if (s->out[w] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int share_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct share *s = port;
	struct hr_port_setup inner = *setup;
	uint16_t *reta = calloc(s->reta_size, sizeof(*reta));
	int rc = -ENOTSUP;

	must(setup->queues == s->workers);
	if (reta == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "no memory for a RETA of %u entries", s->reta_size);
	memcpy(s->pool, setup->pools, s->workers * sizeof(s->pool[0]));
	s->clock = setup->clock;
	s->clock_arg = setup->clock_arg;
	if (setup->reta != NULL)
		hr_rss_set_reta(s->rss, setup->reta);
	inner.reta = inner_reta(s, setup->reta, reta) ? reta : NULL;
	inner.queues = s->queues;
	if (s->queues > 1)
		rc = hr_port_start(s->inner, &inner, err, errlen);
	/* It does not spread packets as it was told: one queue will do. */
	if (rc == -ENOTSUP) {
		s->queues = inner.queues = 1;
		inner.reta = NULL;
		inner.offloads &= ~(uint32_t)HR_OFFLOAD_RSS;
		rc = make_rings(s);
		if (rc == 0)
			rc = hr_port_start(s->inner, &inner, err, errlen);
	}
	free(reta);
	return rc;
}

static int share_set_reta(void *port, const uint16_t *reta, uint16_t n)
{
	struct share *s = port;

	if (n != s->reta_size)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (reta[i] >= s->workers)
			return -EINVAL;
	hr_rss_set_reta(s->rss, reta);
	return 0;
}

static int share_stats(void *port, struct hr_port_stats *stats)
{
	const struct share *s = port;
	int rc = hr_port_stats(s->inner, stats);

	for (unsigned w = 0; rc == 0 && w < s->workers; w++) {
		stats->rx_missed += __atomic_load_n(&s->lane[w].missed, __ATOMIC_RELAXED);
		stats->rx_nombuf += __atomic_load_n(&s->lane[w].no_mbuf, __ATOMIC_RELAXED);
		stats->tx_full += __atomic_load_n(&s->lane[w].tx_full, __ATOMIC_RELAXED);
	}
	return rc;
}

static bool share_link_up(void *port)
{
	return hr_port_link_up(((struct share *)port)->inner);
}

/* Everything but the port inside. */
static void share_free(struct share *s)
{
	for (unsigned w = 0; w < HR_MAX_WORKERS; w++) {
		rte_pktmbuf_free_bulk(s->lane[w].late, s->lane[w].n);
		hr_ring_free(s->out[w]);
		for (unsigned q = 0; q < HR_MAX_WORKERS; q++)
			hr_ring_free(s->in[w][q]);
	}
	hr_rss_free(s->rss);
	free(s);
}

static void share_close(void *port)
{
	struct share *s = port;
	struct hr_port *inner = s->inner;

	share_free(s);
	hr_port_close(inner);
}

static const struct hr_port_ops share_ops = {
	.driver = "share",
	.caps = share_caps,
	.start = share_start,
	.rx = share_rx,
	.tx = share_tx,
	.flush = share_flush,
	.deadline = share_deadline,
	.set_reta = share_set_reta,
	.stats = share_stats,
	.link_up = share_link_up,
	.close = share_close,
};

static int make_rss(struct share *s, char *err, size_t errlen)
{
	uint16_t *reta = calloc(s->reta_size, sizeof(*reta));
	int rc;

	if (reta == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < s->reta_size; i++)
		reta[i] = (uint16_t)(i % s->workers);
	rc = hr_rss_create(s->key, s->key_len, reta, s->reta_size, &s->rss, err, errlen);
	free(reta);
	return rc;
}

int hr_share_port(struct hr_port *port, const struct hr_share_config *cfg, char *err, size_t errlen)
{
	struct share *s = aligned_alloc(128, RTE_ALIGN_CEIL(sizeof(*s), (size_t)128));
	int rc = -ENOMEM;

	if (s == NULL)
		return hr_error(err, errlen, rc, "no memory to share a port");
	memset(s, 0, sizeof(*s));
	s->workers = (uint16_t)cfg->workers;
	s->queues = cfg->queues;
	s->reta_size = cfg->reta_size;
	s->key_len = cfg->key_len;
	memcpy(s->key, cfg->key, cfg->key_len);
	hr_error(err, errlen, rc, "no memory to share a port");
	rc = make_rss(s, err, errlen);
	if (rc == 0)
		rc = make_rings(s);
	if (rc == 0)
		rc = hr_port_create(port->ops, port->priv, &s->inner);
	if (rc < 0) {
		share_free(s);
		return rc;
	}
	port->ops = &share_ops;
	port->priv = s;
	return 0;
}

uint16_t hr_share_queues(const struct hr_port *port)
{
	return port->ops == &share_ops ? ((const struct share *)port->priv)->queues : 0;
}

const char *hr_share_driver(const struct hr_port *port)
{
	if (port->ops == &share_ops)
		return ((const struct share *)port->priv)->inner->ops->driver;
	return port->ops->driver;
}
