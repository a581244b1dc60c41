/* SPDX-License-Identifier: BSD-3-Clause */
/* Overload: SYN floods answered by cookies, half-open entries that expire, answers to strangers
 * within a rate. */
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "common/eal.h"
#include "proto/frame.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

#define MANY 300

/* A segment from a made-up host, as a frame that B's worker is handed. */
/* Sources that do not exist: fewer than what strangers may ask for at once, or far more. */
#define HOSTS      200
#define MANY_HOSTS 39000

static struct rte_mbuf *forged(struct pair *p, struct rte_mempool *pool, unsigned n, uint8_t flags,
	uint16_t dport, unsigned hosts)
{
	struct tcp_out o = {.seq = 1000 + n + (flags == TCPF_RST),
		.ack = flags & TCPF_ACK ? 77 : 0,
		.wnd = 5000,
		.flags = flags};
	struct hr_ip src, dst = pair_ip(PAIR_B, 4, 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct hr_port_caps caps;
	uint16_t sum;
	uint8_t *f;

	assert_non_null(m);
	assert_int_equal(hr_port_caps(p->port[PAIR_B], &caps), 0);
	assert_int_equal(hr_ip_parse("198.18.100.0", &src, NULL, 0), 0);
	src = hr_ip_add(&src, n % hosts);
	f = (uint8_t *)rte_pktmbuf_append(m, 54);
	hr_eth_write(f, caps.mac, mac, RTE_ETHER_TYPE_IPV4);
	hr_ip4_write(f + 14, src.v4, dst.v4, IPPROTO_TCP, 64, 0, 0, 40);
	assert_int_equal(hr_tcp_header_write(f + 34, &o, (uint16_t)(2000 + n % 60000), dport), 20);
	sum = hr_l4_checksum(m, 14, 34);
	memcpy(f + 50, &sum, 2);
	return m;
}

static void hand(struct pair *p, struct rte_mbuf *m)
{
	struct rte_mbuf *back[1];

	assert_int_equal(hr_worker_input(pair_worker(p, PAIR_B, 0), 0, &m, 1, back), 0);
}

static void finish(struct pair *p)
{
	pair_run(p, NULL, NULL, 300000000);
	pair_empty(p);
	pair_close(p);
}

/* One server, many handshakes under way at once, room for eight entries: the others are accepted by
 * cookie. */
static size_t count_bytes(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		*(uint64_t *)user += v[i].len;
	return v[0].len + (n > 1 ? v[1].len : 0);
}

static void close_back(struct hr_worker *w, hr_conn c, void *user)
{
	assert_int_equal(hr_close(w, c), 0);
}

static const struct hr_app counter = {.on_data = count_bytes, .on_eof = close_back};

static void test_cookies(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct hr_ip remote = pair_ip(PAIR_B, family, 0);
		struct sink *s = calloc(MANY, sizeof(*s));
		uint8_t *bytes = sink_pattern(3000, 1);
		uint64_t got = 0;
		struct pair p;

		pair_open(
			&p, &(struct pair_opts){.max_half_open = 8, .impair = "delay=5ms,seed=1"});
		assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &counter, &got, NULL), 0);
		for (unsigned i = 0; i < MANY; i++) {
			sink_init(&s[i]);
			s[i].w = pair_worker(&p, PAIR_A, 0);
			s[i].out = bytes;
			s[i].out_len = 3000;
			s[i].close_when_sent = true;
			/* One handshake's worth of neighbour discovery first. */
			if (i == 1)
				pair_run(&p, NULL, NULL, 100000);
			assert_int_equal(
				hr_connect(s[i].w, &remote, 7, &sink_app, &s[i], NULL, &s[i].c), 0);
		}
		pair_run(&p, NULL, NULL, 10000000);
		for (unsigned i = 0; i < MANY; i++) {
			assert_int_equal(s[i].opens, 1);
			assert_int_equal(s[i].closes, 1);
			assert_int_equal(s[i].reason, HR_CLOSED);
		}
		assert_int_equal(got, MANY * 3000);
		assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_sent"), MANY - 9);
		assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_ok"), MANY - 9);
		assert_int_equal(pair_count(&p, PAIR_B, "conns_accepted"), MANY);
		assert_int_equal(pair_count(&p, PAIR_A, "retransmits"), 0);
		finish(&p);
		free(bytes);
		free(s);
	}
}

/* SYN-1: A thousand SYNs from nowhere: memory stays at its limit, real clients get in, and the
 * entries go when nobody answers. */
static void test_flood(void **state)
{
	struct rte_mempool *pool = test_pool(4095);
	struct hr_census c;
	struct sink a, b;
	struct pair p;
	uint64_t before;

	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.max_half_open = 50, .rst_per_s = 10});
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(hr_abort(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 10000);
	for (unsigned i = 0; i < 1000; i++)
		hand(&p, forged(&p, pool, i, TCPF_SYN, SINK_PORT, HOSTS));
	pair_run(&p, NULL, NULL, 10000);
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_int_equal(c.half_open, 50);
	assert_int_equal(c.conns, 0);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_received"), 1001);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_sent"), 950);
	sink_init(&a);
	b.opens = b.closes = 0;
	a.w = pair_worker(&p, PAIR_A, 0);
	assert_int_equal(
		hr_connect(a.w, &(struct hr_ip){0}, 7, &sink_app, &a, NULL, &a.c), -EINVAL);
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);

	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &a, NULL, &a.c), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_ok"), 1);
	/* ACKs that answer no cookie go unanswered while cookies are out; for the others each host
	 * gets ten RSTs a second, no more, and up to a quarter less, whatever others get. */
	for (unsigned i = 0; i < 100; i++)
		hand(&p, forged(&p, pool, 2000 + i, TCPF_ACK, SINK_PORT, HOSTS));
	for (unsigned i = 0; i < 100; i++)
		hand(&p, forged(&p, pool, 3000 + i, TCPF_ACK, 4444, 1));
	for (unsigned i = 0; i < 100; i++)
		hand(&p, forged(&p, pool, 4000 + i, TCPF_RST, 4444, HOSTS));
	pair_run(&p, NULL, NULL, 10);
	assert_int_equal(pair_drops(&p, PAIR_B, "tcp_cookie_bad"), 100);
	assert_int_equal(pair_drops(&p, PAIR_B, "tcp_no_listener"), 100);
	assert_int_equal(pair_drops(&p, PAIR_B, "tcp_rst_stray"), 100);
	assert_in_range(pair_count(&p, PAIR_B, "rst_out"), 8, 10);
	assert_int_equal(
		pair_count(&p, PAIR_B, "rst_limited"), 100 - pair_count(&p, PAIR_B, "rst_out"));
	before = pair_count(&p, PAIR_B, "rst_out");
	for (unsigned i = 1; i <= 100; i++)
		hand(&p, forged(&p, pool, 5000 + i, TCPF_ACK, 4444, HOSTS));
	pair_run(&p, NULL, NULL, 10);
	assert_in_range(pair_count(&p, PAIR_B, "rst_out") - before, 95, 100);
	/* Six SYN-ACKs more, 1 + 2 + 4 + 8 + 16 + 32 + 64 s. */
	assert_int_equal(hr_abort(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 120000000);
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_int_equal(c.half_open, 50);
	pair_run(&p, NULL, NULL, 9000000);
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_int_equal(c.half_open, 0);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_expired"), 50);
	finish(&p);
	assert_int_equal(test_pool_out(pool), 0);
}

/* The only entry is taken, so a client is answered by a cookie; the entry goes, and a second copy
 * of the client's SYN gets one, with another ISS. The ACK of the cookie opens the connection all
 * the same.
 */
static void test_cookie_before_the_entry(void **state)
{
	struct rte_mempool *pool = test_pool(255);
	struct tap *t = calloc(1, sizeof(*t));
	struct sink a, b;
	struct hr_census c;
	struct pair p;

	assert_non_null(t);
	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.max_half_open = 1,
			      .impair = "delay=50ms,seed=1",
			      .wrap = tap_wrap,
			      .wrap_arg = t});
	hand(&p, forged(&p, pool, 1, TCPF_SYN, SINK_PORT, HOSTS));
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	for (unsigned ms = 0; ms < 1000 && pair_count(&p, PAIR_B, "syn_cookies_sent") == 0; ms++)
		pair_run(&p, NULL, NULL, 1000);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_sent"), 1);
	hand(&p, forged(&p, pool, 1, TCPF_RST, SINK_PORT, HOSTS)); /* at 1001, what is next */
	hand(&p, tap_mbuf(t, t->n - 1, pool));
	pair_run(&p, NULL, NULL, 1000);
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_int_equal(c.half_open, 1);
	pair_run(&p, NULL, NULL, 500000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(a.closes, 0);
	assert_int_equal(pair_count(&p, PAIR_B, "syn_cookies_ok"), 1);
	assert_int_equal(pair_count(&p, PAIR_B, "rst_out"), 0);
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_int_equal(c.half_open, 0);
	assert_int_equal(c.conns, 1);
	assert_int_equal(hr_abort(a.w, a.c), 0);
	finish(&p);
	tap_free(t);
	assert_int_equal(test_pool_out(pool), 0);
}

/* What the worker has of the system: committed chunks of everything that a SYN could take. */
static uint64_t committed(struct pair *p)
{
	static const enum hr_memory all[] = {
		HR_MEM_CONN, HR_MEM_SYN, HR_MEM_TW4, HR_MEM_TW6, HR_MEM_RANGE, HR_MEM_EXT};
	uint64_t bytes = 0;

	for (unsigned i = 0; i < RTE_DIM(all); i++)
		bytes += hr_slab_bytes(hr_worker_slab(pair_worker(p, PAIR_B, 0), all[i]));
	return bytes;
}

/* A million SYNs a second for a tenth of one, from hosts of the subnet that do not exist; beside
 * them 200 clients connect, send and leave: all of them succeed, no memory is taken for the
 * flood beyond the limit of half-open entries. */
static void long_flood(unsigned hosts)
{
	struct rte_mempool *pool = test_pool(1023);
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct sink *s = calloc(200, sizeof(*s));
	uint8_t *bytes = sink_pattern(3000, 1);
	uint64_t got = 0, before = 0;
	struct hr_census c;
	struct pair p;

	pair_open(&p, &(struct pair_opts){.max_half_open = 1000, .mbufs = 16384});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &counter, &got, NULL), 0);
	for (unsigned round = 0; round < 20000; round++) {
		for (unsigned i = 0; i < 5; i++)
			hand(&p, forged(&p, pool, round * 5 + i, TCPF_SYN, 7, hosts));
		if (round % 100 == 0) {
			struct sink *k = &s[round / 100];

			sink_init(k);
			k->w = pair_worker(&p, PAIR_A, 0);
			k->out = bytes;
			k->out_len = 3000;
			k->close_when_sent = true;
			assert_int_equal(
				hr_connect(k->w, &remote, 7, &sink_app, k, NULL, &k->c), 0);
		}
		pair_round(&p);
		p.now_us += PAIR_ROUND_US;
		if (round == 1000)
			before = committed(&p);
	}
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_in_range(c.half_open, 1, 1000);
	/* At its limit long before the end; the few of made-up neighbours grow with time. */
	if (hosts == HOSTS) {
		assert_int_equal(c.half_open, 1000);
		assert_int_equal(committed(&p), before);
	}
	pair_run(&p, NULL, NULL, 3000000);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(s[i].opens, 1);
		assert_int_equal(s[i].closes, 1);
		assert_int_equal(s[i].reason, HR_CLOSED);
	}
	assert_int_equal(got, 200 * 3000);
	if (hosts == HOSTS) {
		assert_true(pair_count(&p, PAIR_B, "syn_received") >= 99200);
		assert_true(pair_count(&p, PAIR_B, "syn_cookies_ok") >= 195);
	} else {
		/* 256 at once, and 256 a second; each is asked for three times. */
		assert_true(pair_count(&p, PAIR_B, "arp_limited") >= 99000);
		assert_true(pair_count(&p, PAIR_B, "arp_sent") <= 3 * 300);
	}
	assert_int_equal(pair_count(&p, PAIR_A, "retransmits"), 0);
	finish(&p);
	assert_int_equal(test_pool_out(pool), 0);
	free(bytes);
	free(s);
}

static void test_long_flood(void **state)
{
	long_flood(HOSTS);
}

/* Each source a neighbour of its own. */
static void test_flood_of_neighbours(void **state)
{
	long_flood(MANY_HOSTS);
}

/*
 * Each of 250 made-up neighbours sends four SYNs to a worker with few mbufs. The answers wait for
 * addresses that nobody will tell, but only with their share of the pool: a real client gets in at
 * once, and its request for our address is answered, and when the neighbours were given up all
 * memory is back.
 */
static void test_neighbours_and_memory(void **state)
{
	enum { NEIGHBOURS = 250, MBUFS = 1024 };
	struct rte_mempool *pool = test_pool(1023);
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	uint8_t *bytes = sink_pattern(3000, 1);
	uint64_t got = 0, begun;
	struct hr_census c;
	struct sink a;
	struct pair p;

	pair_open(&p, &(struct pair_opts){.max_half_open = 100, .mbufs = MBUFS});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &counter, &got, NULL), 0);
	for (unsigned i = 0; i < 4 * NEIGHBOURS; i++) {
		hand(&p, forged(&p, pool, i, TCPF_SYN, 7, NEIGHBOURS));
		if (i % 50 == 49)
			pair_round(&p);
	}
	hr_worker_census(pair_worker(&p, PAIR_B, 0), &c);
	assert_in_range(c.mbufs, 1, MBUFS / 8);
	assert_true(pair_count(&p, PAIR_B, "arp_crowded") > 0);
	sink_init(&a);
	a.w = pair_worker(&p, PAIR_A, 0);
	a.out = bytes;
	a.out_len = 3000;
	a.close_when_sent = true;
	begun = p.now_us;
	assert_int_equal(hr_connect(a.w, &remote, 7, &sink_app, &a, NULL, &a.c), 0);
	pair_run(&p, NULL, NULL, 500000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.reason, HR_CLOSED);
	assert_int_equal(got, 3000);
	assert_int_equal(pair_count(&p, PAIR_A, "retransmits"), 0);
	pair_run(&p, NULL, NULL, begun + 3100000 - p.now_us);
	assert_int_equal(pair_count(&p, PAIR_B, "arp_failed"), NEIGHBOURS);
	finish(&p);
	assert_int_equal(test_pool_out(pool), 0);
	free(bytes);
}

/*
 * The pool of a worker is empty but for what it has at hand for sending, and that goes to answers
 * which wait for made-up neighbours. It asks for them all the same, gives them up, and takes no
 * turn after the other in vain meanwhile; when memory comes back it serves at once.
 */
static void test_neighbours_without_memory(void **state)
{
	enum { NEIGHBOURS = 250, MBUFS = 1024 };
	struct rte_mempool *pool = test_pool(1023);
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	static struct rte_mbuf *held[MBUFS];
	struct rte_mempool *mp;
	unsigned n = 0;
	uint64_t got = 0, rounds;
	struct sink a;
	struct pair p;

	pair_open(&p, &(struct pair_opts){.max_half_open = 100, .mbufs = MBUFS});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &counter, &got, NULL), 0);
	sink_init(&a);
	a.w = pair_worker(&p, PAIR_A, 0);
	assert_int_equal(hr_connect(a.w, &remote, 7, &sink_app, &a, NULL, &a.c), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(a.opens, 1);
	mp = hr_worker_pool(pair_worker(&p, PAIR_B, 0));
	while ((held[n] = rte_pktmbuf_alloc(mp)) != NULL)
		n++;
	for (unsigned i = 0; i < NEIGHBOURS; i++)
		hand(&p, forged(&p, pool, i, TCPF_SYN, 7, NEIGHBOURS));
	pair_round(&p);
	assert_true(pair_drops(&p, PAIR_B, "tcp_syn_limit") > 0);
	rounds = p.rounds;
	pair_run(&p, NULL, NULL, 10000000);
	assert_true(pair_count(&p, PAIR_B, "arp_failed") > 100);
	assert_true(p.rounds - rounds < 20000);
	rte_pktmbuf_free_bulk(held, n);
	assert_int_equal(hr_send(a.w, a.c, "0123456789", 10), 10);
	assert_int_equal(hr_shutdown(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 500000);
	assert_int_equal(got, 10);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.reason, HR_CLOSED);
	finish(&p);
	assert_int_equal(test_pool_out(pool), 0);
}

/* More completed handshakes than connections: those that find no room are told. */
static void test_connection_limit(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct sink s[20];
	unsigned reset = 0;
	uint64_t got = 0;
	struct pair p;

	pair_open(&p, &(struct pair_opts){.max_conns = 20});
	/* B takes twelve of A's twenty by keeping eight of its own. */
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &counter, &got, NULL), 0);
	for (unsigned i = 0; i < 8; i++) {
		struct hr_ip absent = pair_ip(PAIR_A, 4, 50);
		hr_conn h;

		assert_int_equal(hr_connect(pair_worker(&p, PAIR_B, 0), &absent, 7, &counter, &got,
					 NULL, &h),
			0);
	}
	for (unsigned i = 0; i < 20; i++) {
		sink_init(&s[i]);
		s[i].w = pair_worker(&p, PAIR_A, 0);
		assert_int_equal(
			hr_connect(s[i].w, &remote, 7, &sink_app, &s[i], NULL, &s[i].c), 0);
	}
	/* Of twenty SYNs, four wait for ARP and the others come again after a second. */
	pair_run(&p, NULL, NULL, 2000000);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(s[i].opens, 1);
		reset += s[i].closes == 1 && s[i].reason == HR_RESET;
	}
	assert_int_equal(reset, 8);
	assert_int_equal(pair_drops(&p, PAIR_B, "tcp_conn_limit"), 8);
	for (unsigned i = 0; i < 20; i++)
		if (s[i].closes == 0)
			assert_int_equal(hr_close(s[i].w, s[i].c), 0);
	finish(&p);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_cookie_before_the_entry),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_long_flood),
		cmocka_unit_test(test_flood_of_neighbours),
		cmocka_unit_test(test_neighbours_and_memory),
		cmocka_unit_test(test_neighbours_without_memory),
		cmocka_unit_test(test_connection_limit),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
