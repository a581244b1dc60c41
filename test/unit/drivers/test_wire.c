/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire as a NIC would be tested: content and order, queues, full rings, empty pools, odd frames,
 * offloads, threads. */
#include "packets.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include <rte_thash.h>

static struct rte_mempool *pool_a, *pool_b;

struct pair {
	struct hr_port *a, *b;
};

static void start_end(
	struct hr_port *port, struct rte_mempool *pool, uint16_t queues, uint32_t offloads)
{
	struct rte_mempool *pools[16];
	struct hr_port_setup setup = {
		.queues = queues, .pools = pools, .offloads = offloads, .numa_node = -1};

	for (unsigned i = 0; i < 16; i++)
		pools[i] = pool;
	start_port(port, &setup);
}

static struct pair given_wire(
	const char *spec, uint16_t queues_a, uint16_t queues_b, uint32_t offloads)
{
	struct pair p = {open_port(spec), open_port(spec)};

	start_end(p.a, pool_a, queues_a, offloads);
	start_end(p.b, pool_b, queues_b, offloads);
	return p;
}

static void close_wire(struct pair p)
{
	hr_port_close(p.a);
	hr_port_close(p.b);
	assert_int_equal(test_pool_out(pool_a), 0);
	assert_int_equal(test_pool_out(pool_b), 0);
}

static void frames_arrive_whole_and_in_order(void **state)
{
	struct pair p = given_wire("wire:order", 1, 1, 0);
	uint8_t want[2048];
	struct hr_port_stats s;
	uint64_t bytes = 0;

	/* Lengths up to the largest frame, several bursts: the ring wraps more than twice. */
	for (unsigned i = 0; i < 2500; i += 25) {
		struct rte_mbuf *m[25];

		for (unsigned k = 0; k < 25; k++) {
			uint32_t len = 14 + (i + k) * 37 % 1509;

			fill(want, len, i + k);
			m[k] = packet_of(pool_a, want, len, 2000);
		}
		assert_int_equal(port_tx(p.a, 0, m, 25), 25);
		assert_int_equal(p.b->ops->deadline(p.b->priv, 0), 0);
		assert_int_equal(port_rx(p.b, 0, m, 25), 25);
		assert_true(p.b->ops->deadline(p.b->priv, 0) == HR_NEVER);
		for (unsigned k = 0; k < 25; k++) {
			uint32_t len = 14 + (i + k) * 37 % 1509;

			fill(want, len, i + k);
			assert_packet(m[k], want, len);
			assert_ptr_equal(m[k]->pool, pool_b);
			assert_int_equal(rte_pktmbuf_headroom(m[k]), RTE_PKTMBUF_HEADROOM);
			bytes += len;
		}
		rte_pktmbuf_free_bulk(m, 25);
	}
	assert_int_equal(hr_port_stats(p.a, &s), 0);
	assert_int_equal(s.tx_packets, 2500);
	assert_int_equal(s.tx_bytes, bytes);
	assert_int_equal(s.rx_packets, 0);
	assert_int_equal(hr_port_stats(p.b, &s), 0);
	assert_int_equal(s.rx_packets, 2500);
	assert_int_equal(s.rx_bytes, bytes);
	assert_int_equal(s.tx_full + s.rx_nombuf + s.rx_missed, 0);
	close_wire(p);
}

static void a_full_ring_takes_less(void **state)
{
	struct pair p = given_wire("wire:full,depth=8", 1, 1, 0);
	struct rte_mbuf *m[12], *got[12];
	struct hr_port_stats s;

	for (unsigned i = 0; i < 12; i++)
		m[i] = tcp_packet(pool_a, (uint16_t)(100 + i), 0, 10, i);
	assert_int_equal(port_tx(p.a, 0, m, 12), 8);
	assert_int_equal(port_tx(p.a, 0, m + 8, 4), 0);
	assert_int_equal(test_pool_out(pool_a), 4);
	assert_int_equal(port_rx(p.b, 0, got, 3), 3);
	assert_int_equal(port_tx(p.a, 0, m + 8, 4), 3);
	assert_int_equal(port_rx(p.b, 0, got + 3, 9), 8);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(rte_pktmbuf_mtod_offset(got[i], uint8_t *, TCP_HEADERS)[0], i);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.tx_packets, 11);
	assert_int_equal(s.tx_full, 4 + 4 + 1);
	rte_pktmbuf_free_bulk(got, 11);
	rte_pktmbuf_free(m[11]);
	close_wire(p);
}

static void an_empty_pool_leaves_frames_in_the_ring(void **state)
{
	struct pair p = given_wire("wire:empty", 1, 1, 0);
	unsigned size = pool_b->size;
	struct rte_mbuf *m[4], *got[4], **hoard = calloc(size, sizeof(*hoard));
	struct hr_port_stats s;

	for (unsigned i = 0; i < size; i++)
		assert_non_null(hoard[i] = rte_pktmbuf_alloc(pool_b));
	for (unsigned i = 0; i < 4; i++)
		m[i] = tcp_packet(pool_a, 1, 0, 10, i);
	assert_int_equal(port_tx(p.a, 0, m, 4), 4);
	assert_int_equal(port_rx(p.b, 0, got, 4), 0);
	rte_pktmbuf_free_bulk(hoard, 2);
	assert_int_equal(port_rx(p.b, 0, got, 4), 2);
	hr_port_stats(p.b, &s);
	assert_int_equal(s.rx_nombuf, 2);
	assert_int_equal(s.rx_packets, 2);
	rte_pktmbuf_free_bulk(hoard + 2, size - 2);
	assert_int_equal(port_rx(p.b, 0, got + 2, 2), 2);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rte_pktmbuf_mtod_offset(got[i], uint8_t *, TCP_HEADERS)[0], i);
	rte_pktmbuf_free_bulk(got, 4);
	free(hoard);
	close_wire(p);
}

static void segments_and_jumbo_frames_pass(void **state)
{
	struct pair p = given_wire("wire:jumbo,mtu=9000", 1, 1, 0);
	uint8_t want[9014];
	struct rte_mbuf *m;

	fill(want, sizeof(want), 3);
	m = packet_of(pool_a, want, 9014, 700);
	assert_int_equal(m->nb_segs, 13);
	assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
	assert_int_equal(test_pool_out(pool_a), 0);
	assert_int_equal(port_rx(p.b, 0, &m, 1), 1);
	assert_int_equal(m->nb_segs, 5);
	rte_mbuf_sanity_check(m, 1);
	assert_packet(m, want, 9014);
	rte_pktmbuf_free(m);

	/* Half of a chain is no frame: with two mbufs left the frame stays where it is. */
	unsigned size = pool_b->size;
	struct rte_mbuf **hoard = calloc(size, sizeof(*hoard));

	for (unsigned i = 0; i < size - 2; i++)
		assert_non_null(hoard[i] = rte_pktmbuf_alloc(pool_b));
	m = packet_of(pool_a, want, 9014, 2000);
	assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
	assert_int_equal(port_rx(p.b, 0, &m, 1), 0);
	assert_int_equal(test_pool_out(pool_b), size - 2);
	rte_pktmbuf_free_bulk(hoard, size - 2);
	assert_int_equal(port_rx(p.b, 0, &m, 1), 1);
	assert_packet(m, want, 9014);
	rte_pktmbuf_free(m);
	free(hoard);
	close_wire(p);
}

static void a_frame_beyond_the_mtu_is_lost(void **state)
{
	struct pair p = given_wire("wire:oversize", 1, 1, 0);
	uint8_t bytes[1523] = {0};
	struct rte_mbuf *m[2] = {packet_of(pool_a, bytes, 1523, 2000),
		packet_of(pool_a, bytes, 1522, 2000)},
			*got[2];

	assert_int_equal(port_tx(p.a, 0, m, 2), 2);
	assert_int_equal(port_rx(p.b, 0, got, 2), 1);
	assert_int_equal(got[0]->pkt_len, 1522);
	rte_pktmbuf_free(got[0]);
	close_wire(p);
}

/* The queue that RSS must choose, from the published key by DPDK's plain Toeplitz. */
static unsigned rss_reference(struct hr_port *port, uint16_t sport, unsigned queues, uint32_t *hash)
{
	struct hr_port_caps caps;
	uint32_t key[10];
	uint32_t tuple[3] = {
		RTE_IPV4(198u, 18, 0, 1), RTE_IPV4(198u, 18, 0, 2), (uint32_t)sport << 16 | 80};

	assert_int_equal(hr_port_caps(port, &caps), 0);
	assert_int_equal(caps.reta_size, 128);
	assert_int_equal(caps.rss_key_len, 40);
	memcpy(key, caps.rss_key, sizeof(key)); /* rte_softrss() reads words */
	*hash = rte_softrss(tuple, 3, (const uint8_t *)key);
	return *hash % 128 % queues;
}

static void rss_spreads_by_the_key_and_the_reta(void **state)
{
	struct pair p = given_wire("wire:rss", 2, 3, HR_OFFLOAD_RSS);
	unsigned seen[3] = {0};
	struct rte_mbuf *m;
	uint16_t reta[128];
	uint32_t hash;

	for (uint16_t i = 0; i < 600; i++) {
		uint16_t sport = (uint16_t)(20000 + i);
		unsigned want = rss_reference(p.b, sport, 3, &hash);

		m = tcp_packet(pool_a, sport, 0, 0, 0);
		assert_int_equal(port_tx(p.a, i & 1, &m, 1), 1);
		assert_int_equal(port_rx(p.b, (uint16_t)want, &m, 1), 1);
		assert_true(m->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
		assert_int_equal(m->hash.rss, hash);
		rte_pktmbuf_free(m);
		seen[want]++;
	}
	for (unsigned q = 0; q < 3; q++)
		assert_in_range(seen[q], 120, 280);

	for (unsigned i = 0; i < 128; i++)
		reta[i] = 2;
	assert_int_equal(hr_port_set_reta(p.b, reta, 128), 0);
	m = tcp_packet(pool_a, 20000, 0, 0, 0);
	assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
	assert_int_equal(port_rx(p.b, 2, &m, 1), 1);
	rte_pktmbuf_free(m);
	assert_int_equal(hr_port_set_reta(p.b, reta, 64), -EINVAL);
	reta[5] = 3;
	assert_int_equal(hr_port_set_reta(p.b, reta, 128), -EINVAL);
	close_wire(p);
}

/* The test vectors of Microsoft's "Verifying the RSS hash calculation" for TCP over IPv6. */
static void rss_hashes_ipv6_and_leaves_the_rest_to_queue_0(void **state)
{
	static const uint8_t src[16] = {
		0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x07};
	static const uint8_t dst[16] = {
		0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x01};
	struct pair p = given_wire("wire:rss6", 1, 2, HR_OFFLOAD_RSS);
	uint8_t f[18 + 40 + 20] = {0};
	struct rte_mbuf *m;

	f[12] = 0x81; /* under a VLAN tag */
	f[16] = 0x86;
	f[17] = 0xdd;
	f[18] = 0x60;
	f[18 + 5] = 20;
	f[18 + 6] = IPPROTO_TCP;
	memcpy(f + 18 + 8, src, 16);
	memcpy(f + 18 + 24, dst, 16);
	f[58] = 2794 >> 8;
	f[59] = 2794 & 0xff;
	f[60] = 1766 >> 8;
	f[61] = 1766 & 0xff;
	m = packet_of(pool_a, f, sizeof(f), 30);
	assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
	assert_int_equal(port_rx(p.b, 0x40207d3d % 128 % 2, &m, 1), 1);
	assert_int_equal(m->hash.rss, 0x40207d3d);
	rte_pktmbuf_free(m);

	/* ARP, a fragment, an ICMP packet, a runt. */
	for (unsigned i = 0; i < 4; i++) {
		uint8_t bytes[TCP_HEADERS];
		uint32_t len = tcp_frame(bytes, 7, 0, 0, 0);

		if (i == 0)
			bytes[13] = 0x06;
		if (i == 1)
			bytes[14 + 6] = 0x20;
		if (i == 2)
			bytes[14 + 9] = IPPROTO_ICMP;
		m = packet_of(pool_a, bytes, i == 3 ? 13 : len, 2000);
		assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
		assert_int_equal(port_rx(p.b, 0, &m, 1), 1);
		assert_false(m->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
		rte_pktmbuf_free(m);
	}
	close_wire(p);
}

static void senders_are_served_in_turn(void **state)
{
	struct pair p = given_wire("wire:turns", 2, 1, 0);
	struct rte_mbuf *m[8], *got[4];
	unsigned from[2] = {0};

	for (unsigned i = 0; i < 8; i++)
		m[i] = tcp_packet(pool_a, (uint16_t)(1 + i / 4), 0, 1, i / 4);
	assert_int_equal(port_tx(p.a, 0, m, 4), 4);
	assert_int_equal(port_tx(p.a, 1, m + 4, 4), 4);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(port_rx(p.b, 0, got, 2), 2);
		from[rte_pktmbuf_mtod_offset(got[0], uint8_t *, TCP_HEADERS)[0]]++;
		rte_pktmbuf_free_bulk(got, 2);
	}
	assert_int_equal(from[0], 1);
	assert_int_equal(from[1], 1);
	assert_int_equal(port_rx(p.b, 0, got, 4), 4);
	rte_pktmbuf_free_bulk(got, 4);
	close_wire(p);
}

static void ends_open_in_turn_and_end_together(void **state)
{
	struct hr_port *a = open_port("wire:ends,mtu=1400,queues=1"), *b, *c;
	struct hr_port_caps ca, cb;
	char err[HR_ERRLEN];

	assert_int_equal(hr_port_open("wire:ends/a", &c, err, sizeof(err)), -EBUSY);
	assert_string_equal(err, "wire:ends: end /a is in use: open the other one");
	assert_int_equal(hr_port_open("wire:ends,mtu=1500", &c, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "wire:ends: mtu=1500 here, but 1400 at its other end");
	b = open_port("wire:ends/b");
	assert_int_equal(hr_port_open("wire:ends", &c, err, sizeof(err)), -EBUSY);
	assert_string_equal(err, "wire:ends: both of its ends are in use: choose another name");
	assert_null(c);

	hr_port_caps(a, &ca);
	hr_port_caps(b, &cb);
	assert_string_equal(ca.name, "wire:ends/a");
	assert_string_equal(cb.name, "wire:ends/b");
	assert_int_equal(ca.mac[0], 0x02);
	assert_memory_equal(ca.mac, cb.mac, 5);
	assert_int_not_equal(ca.mac[5], cb.mac[5]);
	assert_int_equal(ca.mtu, 1400);
	assert_int_equal(cb.mtu, 1400);
	assert_int_equal(ca.max_queues, 1);
	assert_int_equal(cb.max_queues, 16);
	assert_int_equal(ca.offloads, 0);
	assert_int_equal(ca.reta_size, 0);
	assert_int_equal(cb.offloads, HR_OFFLOAD_RSS);
	assert_true(ca.copies_tx);

	hr_port_close(a);
	assert_int_equal(hr_port_open("wire:ends", &c, err, sizeof(err)), -EBUSY);
	assert_string_equal(
		err, "wire:ends: end /a was closed and the other is still open: close that too");
	hr_port_close(b);
	c = open_port("wire:ends"); /* a new wire, with nothing of the old one */
	hr_port_caps(c, &ca);
	assert_int_equal(ca.mtu, 1500);
	hr_port_close(c);
}

static void a_cable_without_a_peer_loses_frames(void **state)
{
	struct pair p = {open_port("wire:alone"), open_port("wire:alone")};
	struct rte_mbuf *m[2];
	struct hr_port_stats s;

	start_end(p.a, pool_a, 1, 0);
	assert_false(p.a->ops->link_up(p.a->priv));
	m[0] = tcp_packet(pool_a, 1, 0, 0, 0);
	assert_int_equal(port_tx(p.a, 0, m, 1), 1);
	assert_int_equal(port_rx(p.a, 0, m, 1), 0);
	assert_true(p.a->ops->deadline(p.a->priv, 0) == HR_NEVER);
	start_end(p.b, pool_b, 1, 0);
	assert_true(p.a->ops->link_up(p.a->priv));
	assert_int_equal(port_rx(p.b, 0, m, 1), 0);

	/* What was under way when the sender closed still arrives; what is sent to it is lost. */
	m[0] = tcp_packet(pool_a, 1, 0, 0, 0);
	assert_int_equal(port_tx(p.a, 0, m, 1), 1);
	hr_port_close(p.a);
	assert_false(p.b->ops->link_up(p.b->priv));
	assert_int_equal(port_rx(p.b, 0, m, 2), 1);
	assert_int_equal(port_tx(p.b, 0, m, 1), 1);
	hr_port_stats(p.b, &s);
	assert_int_equal(s.tx_packets, 1);
	assert_int_equal(s.tx_bytes, TCP_HEADERS);
	hr_port_close(p.b);
	assert_int_equal(test_pool_out(pool_a), 0);
	assert_int_equal(test_pool_out(pool_b), 0);
}

#define CSUM (HR_OFFLOAD_RX_CSUM | HR_OFFLOAD_TX_CSUM)

/* MUST-2, MUST-3 */
static void checksums_are_written_and_verified(void **state)
{
	struct pair p = given_wire("wire:csum,caps=csum", 1, 1, CSUM);
	uint8_t want[TCP_HEADERS + 101];
	uint32_t len = tcp_frame(want, 9, RTE_TCP_ACK_FLAG, 101, 5);
	struct rte_mbuf *m[3];

	m[0] = packet_of(pool_a, want, len, 40);
	m[0]->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	m[0]->l2_len = 14;
	m[0]->l3_len = 20;
	m[0]->l4_len = 20;
	memset(rte_pktmbuf_mtod_offset(m[0], uint8_t *, 14 + 10), 0, 2);
	memset(rte_pktmbuf_mtod_offset(m[0]->next, uint8_t *, 10), 0x55, 2);
	m[1] = packet_of(pool_a, want, len, 2000);
	m[2] = packet_of(pool_a, want, len, 2000);
	rte_pktmbuf_mtod(m[2], uint8_t *)[len - 1] ^= 4;
	assert_int_equal(port_tx(p.a, 0, m, 3), 3);
	assert_int_equal(port_rx(p.b, 0, m, 3), 3);
	assert_packet(m[0], want, len);
	assert_int_equal(m[0]->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	assert_int_equal(m[1]->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	assert_int_equal(m[2]->ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD);
	rte_pktmbuf_free_bulk(m, 3);
	close_wire(p);
}

static void a_large_frame_is_cut_as_by_a_nic(void **state)
{
	struct pair p = given_wire("wire:tso,caps=tso,depth=4", 1, 1, CSUM | HR_OFFLOAD_TSO);
	uint8_t big[TCP_HEADERS + 3500], all[3500];
	struct rte_mbuf *m[4];

	tcp_frame(big, 9, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG,
		3500, 5);
	m[0] = packet_of(pool_a, big, sizeof(big), 1000);
	m[0]->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	m[0]->l2_len = 14;
	m[0]->l3_len = 20;
	m[0]->l4_len = 20;
	m[0]->tso_segsz = 1460;
	assert_int_equal(port_tx(p.a, 0, m, 1), 1);
	assert_int_equal(port_rx(p.b, 0, m, 4), 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m[i], void *, 14);
		const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);
		uint16_t payload = i == 2 ? 580 : 1460;
		uint8_t flags = RTE_TCP_ACK_FLAG;

		if (i == 0)
			flags |= RTE_TCP_CWR_FLAG;
		if (i == 2)
			flags |= RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG;
		assert_int_equal(m[i]->pkt_len, TCP_HEADERS + payload);
		assert_int_equal(rte_be_to_cpu_16(ip->total_length), 40 + payload);
		assert_int_equal(rte_be_to_cpu_16(ip->packet_id), 100 + i);
		assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq), 1000 + i * 1460);
		assert_int_equal(tcp->tcp_flags, flags);
		assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
		assert_int_equal(rte_ipv4_udptcp_cksum(ip, tcp), 0);
		memcpy(all + i * 1460, tcp + 1, payload);
	}
	assert_memory_equal(all, big + TCP_HEADERS, 3500);
	rte_pktmbuf_free_bulk(m, 3);
	close_wire(p);
}

#define THREAD_FRAMES 20000

struct side {
	struct hr_port *port;
	struct rte_mempool *pool;
	unsigned got, wrong, reordered;
	const unsigned *stop;
};

/* Send numbered frames and take the peer's; each queue's numbers must rise. */
static void *exchange(void *arg)
{
	struct side *s = arg;
	uint8_t frame[TCP_HEADERS + 32];
	uint32_t last[2] = {0};
	unsigned sent = 0;

	while ((sent < THREAD_FRAMES || s->got < THREAD_FRAMES) &&
		!__atomic_load_n(s->stop, __ATOMIC_RELAXED)) {
		struct rte_mbuf *m[32];
		uint16_t n = 0, taken;

		while (n < 32 && sent + n < THREAD_FRAMES &&
			(m[n] = rte_pktmbuf_alloc(s->pool)) != NULL) {
			uint32_t number = sent + n + 1;

			tcp_frame(frame, (uint16_t)(number % 64), 0, 32, number);
			memcpy(rte_pktmbuf_append(m[n], sizeof(frame)), frame, sizeof(frame));
			rte_pktmbuf_mtod_offset(m[n], struct rte_tcp_hdr *, 34)->recv_ack = number;
			n++;
		}
		taken = port_tx(s->port, 0, m, n);
		sent += taken;
		rte_pktmbuf_free_bulk(m + taken, (unsigned)(n - taken));
		for (uint16_t q = 0; q < 2; q++) {
			n = port_rx(s->port, q, m, 32);
			for (unsigned i = 0; i < n; i++) {
				uint32_t number =
					rte_pktmbuf_mtod_offset(m[i], struct rte_tcp_hdr *, 34)
						->recv_ack;

				s->reordered += number <= last[q];
				last[q] = number;
				fill(frame, 32, number);
				s->wrong +=
					m[i]->pkt_len != sizeof(frame) ||
					memcmp(rte_pktmbuf_mtod_offset(m[i], void *, TCP_HEADERS),
						frame, 32) != 0;
			}
			s->got += n;
			rte_pktmbuf_free_bulk(m, n);
		}
		sched_yield();
	}
	return NULL;
}

static void two_threads_exchange_frames(void **state)
{
	struct pair p = given_wire("wire:threads,depth=64", 2, 2, HR_OFFLOAD_RSS);
	unsigned stop = 0;
	struct side a = {p.a, pool_a, .stop = &stop}, b = {p.b, pool_b, .stop = &stop};
	pthread_t t;
	struct hr_port_stats s;

	assert_int_equal(pthread_create(&t, NULL, exchange, &a), 0);
	exchange(&b);
	hr_port_stats(p.a, &s); /* any thread may, while the other still runs */
	pthread_join(t, NULL);
	assert_int_equal(a.got, THREAD_FRAMES);
	assert_int_equal(b.got, THREAD_FRAMES);
	assert_int_equal(a.wrong + b.wrong, 0);
	assert_int_equal(a.reordered + b.reordered, 0);
	close_wire(p);
}

static int setup(void **state)
{
	test_eal_start(64);
	pool_a = test_pool(2047);
	pool_b = test_pool(2047);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_whole_and_in_order),
		cmocka_unit_test(a_full_ring_takes_less),
		cmocka_unit_test(an_empty_pool_leaves_frames_in_the_ring),
		cmocka_unit_test(segments_and_jumbo_frames_pass),
		cmocka_unit_test(a_frame_beyond_the_mtu_is_lost),
		cmocka_unit_test(rss_spreads_by_the_key_and_the_reta),
		cmocka_unit_test(rss_hashes_ipv6_and_leaves_the_rest_to_queue_0),
		cmocka_unit_test(senders_are_served_in_turn),
		cmocka_unit_test(ends_open_in_turn_and_end_together),
		cmocka_unit_test(a_cable_without_a_peer_loses_frames),
		cmocka_unit_test(checksums_are_written_and_verified),
		cmocka_unit_test(a_large_frame_is_cut_as_by_a_nic),
		cmocka_unit_test(two_threads_exchange_frames),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
