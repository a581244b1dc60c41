/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for the driver tests: built byte by byte, so that what comes out can be compared as a
 * whole. */
#ifndef HR_TEST_PACKETS_H
#define HR_TEST_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "common/eal.h"
#include "port/port.h"

#define TCP_HEADERS (14 + 20 + 20)

/* len bytes of a pattern that begins with n. */
static inline void fill(uint8_t *p, size_t len, unsigned n)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(n + i * 7);
}

/* An mbuf chain of pieces of at most `piece` bytes that holds these bytes. */
static inline struct rte_mbuf *packet_of(
	struct rte_mempool *pool, const uint8_t *bytes, uint32_t len, uint32_t piece)
{
	struct rte_mbuf *head = NULL, *last = NULL;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t n = RTE_MIN(len, piece);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = m;
		bytes += n;
		len -= n;
	} while (len > 0);
	return head;
}

/* Ethernet, IPv4, TCP from 198.18.0.1:sport to 198.18.0.2:80, payload of the pattern n; good
 * checksums. Returns the length. */
static inline uint32_t tcp_frame(
	uint8_t *p, uint16_t sport, uint8_t flags, uint16_t payload, unsigned n)
{
	struct rte_ether_hdr *eth = (void *)p;
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);
	struct rte_tcp_hdr *tcp = (void *)(ip + 1);

	memset(p, 0, TCP_HEADERS);
	memset(&eth->dst_addr, 0x02, 6);
	memset(&eth->src_addr, 0x06, 6);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(40 + payload));
	ip->packet_id = RTE_BE16(100);
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	ip->src_addr = RTE_BE32(RTE_IPV4(198u, 18, 0, 1));
	ip->dst_addr = RTE_BE32(RTE_IPV4(198u, 18, 0, 2));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->src_port = rte_cpu_to_be_16(sport);
	tcp->dst_port = RTE_BE16(80);
	tcp->sent_seq = RTE_BE32(1000);
	tcp->data_off = 0x50;
	tcp->tcp_flags = flags;
	tcp->rx_win = RTE_BE16(65535);
	fill(p + TCP_HEADERS, payload, n);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	return TCP_HEADERS + payload;
}

static inline struct rte_mbuf *tcp_packet(
	struct rte_mempool *pool, uint16_t sport, uint8_t flags, uint16_t payload, unsigned n)
{
	uint8_t bytes[TCP_HEADERS + 1500];

	return packet_of(pool, bytes, tcp_frame(bytes, sport, flags, payload, n), sizeof(bytes));
}

/* The whole packet is these bytes. */
static inline void assert_packet(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len)
{
	uint8_t copy[65536];

	assert_int_equal(m->pkt_len, len);
	assert_memory_equal(rte_pktmbuf_read(m, 0, len, copy), bytes, len);
}

static inline struct hr_port *open_port(const char *spec)
{
	struct hr_port *port;
	char err[HR_ERRLEN] = "";
	int rc = hr_port_open(spec, &port, err, sizeof(err));

	if (rc != 0)
		print_message("%s: %s\n", spec, err);
	assert_int_equal(rc, 0);
	return port;
}

static inline void start_port(struct hr_port *port, const struct hr_port_setup *setup)
{
	char err[HR_ERRLEN] = "";
	int rc = port->ops->start(port->priv, setup, err, sizeof(err));

	if (rc != 0)
		print_message("start: %s\n", err);
	assert_int_equal(rc, 0);
}

static inline uint16_t port_rx(
	struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return port->ops->rx(port->priv, queue, m, n);
}

static inline uint16_t port_tx(
	struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return port->ops->tx(port->priv, queue, m, n);
}

#endif
