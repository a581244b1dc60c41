/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire with impair around one end, on a clock of the test's own, for the tests of impair. One
 * pair at a time per program. */
#ifndef HR_TEST_IMPAIRED_H
#define HR_TEST_IMPAIRED_H

#include "packets.h"

#include <errno.h>
#include <stdio.h>

#include "impair/impair.h"

static struct rte_mempool *pool_a, *pool_b;
static uint64_t now_us;

static inline uint64_t own_clock(void *arg)
{
	return now_us;
}

/* a is impaired, b is the plain other end. */
struct pair {
	struct hr_port *a, *b;
};

static inline void start_end(struct hr_port *port, struct rte_mempool *pool, uint64_t seed)
{
	struct rte_mempool *pools[2] = {pool, pool};
	struct hr_port_setup setup = {
		.queues = 1, .pools = pools, .clock = own_clock, .seed = seed, .numa_node = -1};

	start_port(port, &setup);
}

static inline struct pair given_impair(const char *args)
{
	char spec[256];
	struct pair p;

	snprintf(spec, sizeof(spec), "impair(%s) wire:impair", args);
	p.a = open_port(spec);
	p.b = open_port("wire:impair");
	start_end(p.a, pool_a, 1);
	start_end(p.b, pool_b, 1);
	now_us = 1000000;
	return p;
}

static inline void close_pair(struct pair p)
{
	hr_port_close(p.a);
	hr_port_close(p.b);
	assert_int_equal(test_pool_out(pool_a), 0);
	assert_int_equal(test_pool_out(pool_b), 0);
}

/* Send one TCP segment that carries its number. */
static inline void sends(struct hr_port *port, struct rte_mempool *pool, uint8_t number,
	uint8_t flags, uint16_t payload)
{
	struct rte_mbuf *m = tcp_packet(pool, number, flags, payload, number);

	assert_int_equal(port_tx(port, 0, &m, 1), 1);
}

static inline uint8_t number_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 20)[1];
}

/* Numbers of what has arrived by now, as text: "1 2 4". */
static inline const char *arrived(struct hr_port *port)
{
	static char text[512];
	struct rte_mbuf *m[64];
	uint16_t n = port_rx(port, 0, m, 64);
	size_t used = 0;

	text[0] = '\0';
	for (uint16_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
			i == 0 ? "" : " ", number_of(m[i]));
	rte_pktmbuf_free_bulk(m, n);
	return text;
}

static inline uint64_t deadline(struct hr_port *port)
{
	return port->ops->deadline(port->priv, 0);
}

static inline void flush(struct hr_port *port)
{
	port->ops->flush(port->priv, 0);
}

#endif
