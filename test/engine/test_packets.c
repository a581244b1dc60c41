/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole packets at the engine's door and on its wire: what is answered and what is not, errors that
 * find their connection, headers that stay the same for a flow, listeners beside what exists.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "common/eal.h"
#include "engine/worker.h"
#include "proto/frame.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

static const uint8_t stranger_mac[6] = {2, 0, 0, 0, 0, 9};

struct stage {
	struct pair p;
	struct tap *t;
	struct rte_mempool *pool;
	uint8_t mac[6];
};

static void stage_open(struct stage *s)
{
	struct hr_port_caps caps;

	s->t = calloc(1, sizeof(*s->t));
	pair_open(&s->p, &(struct pair_opts){.wrap = tap_wrap, .wrap_arg = s->t});
	pair_run(&s->p, NULL, NULL, 100000);
	assert_int_equal(hr_port_caps(s->p.port[PAIR_A], &caps), 0);
	memcpy(s->mac, caps.mac, 6);
	s->pool = test_pool(63);
}

static void stage_close(struct stage *s)
{
	pair_run(&s->p, NULL, NULL, 130000000);
	pair_empty(&s->p);
	assert_int_equal(test_pool_out(s->pool), 0);
	pair_close(&s->p);
	tap_free(s->t);
}

/* Hand a frame to A and let it answer. */
static void arrives(struct stage *s, struct rte_mbuf *m)
{
	struct rte_mbuf *back[1];
	uint16_t passed = hr_worker_input(pair_worker(&s->p, PAIR_A, 0), 0, &m, 1, back);

	rte_pktmbuf_free_bulk(back, passed);
	pair_run(&s->p, NULL, NULL, 1000);
}

static struct rte_mbuf *segment(struct stage *s, const struct hr_ip *src, const struct hr_ip *dst,
	uint16_t sport, uint16_t dport, uint8_t flags)
{
	struct tcp_out o = {.seq = 77, .flags = flags, .wnd = 1000};
	unsigned l4 = src->family == 4 ? 34 : 54;
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->pool);
	uint8_t *f = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l4 + 20));
	uint16_t sum;

	hr_eth_write(f, s->mac, stranger_mac, src->family == 4 ? 0x0800 : 0x86dd);
	if (src->family == 4)
		hr_ip4_write(f + 14, src->v4, dst->v4, IPPROTO_TCP, 64, 0, 0, 40);
	else
		hr_ip6_write(f + 14, src->b, dst->b, IPPROTO_TCP, 64, 0, 0, 20);
	hr_tcp_header_write(f + l4, &o, sport, dport);
	sum = hr_l4_checksum(m, 14, (uint16_t)l4);
	memcpy(f + l4 + 16, &sum, 2);
	return m;
}

static struct hr_ip ip_of(const char *text)
{
	struct hr_ip ip;

	assert_int_equal(hr_ip_parse(text, &ip, NULL, 0), 0);
	return ip;
}

/* MUST-57, MUST-63, ICMP-2: SYNs to an open and to a closed port, from what is no host and to what
 * is no host of ours: not a segment leaves, nothing is kept. From a host: an answer. */
static void test_syn_of_nobody(void **state)
{
	static const struct {
		const char *src, *dst;
		unsigned answers;
	} c[] = {
		{"198.18.0.77", "198.18.0.1", 1},
		{"0.0.0.0", "198.18.0.1", 0},
		{"255.255.255.255", "198.18.0.1", 0},
		{"198.18.255.255", "198.18.0.1", 0},
		{"224.0.0.5", "198.18.0.1", 0},
		{"127.0.0.1", "198.18.0.1", 0},
		{"240.0.0.1", "198.18.0.1", 0},
		{"198.18.0.1", "198.18.0.1", 0},
		{"198.18.0.77", "198.18.255.255", 0},
		{"198.18.0.77", "255.255.255.255", 0},
		{"198.18.0.77", "224.0.0.1", 0},
		{"198.18.0.77", "198.18.0.2", 0},
		{"2001:db8::77", "2001:db8::1", 1},
		{"::", "2001:db8::1", 0},
		{"::1", "2001:db8::1", 0},
		{"ff02::1", "2001:db8::1", 0},
		{"::ffff:198.18.0.77", "2001:db8::1", 0},
		{"2001:db8::1", "2001:db8::1", 0},
		{"2001:db8::77", "ff02::1", 0},
		{"2001:db8::77", "2001:db8::2", 0},
	};
	struct sink b;
	struct stage s;

	sink_init(&b);
	stage_open(&s);
	assert_int_equal(hr_listen(s.p.e[PAIR_A], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		struct hr_ip src = ip_of(c[i].src), dst = ip_of(c[i].dst);

		for (uint16_t port = SINK_PORT; port <= SINK_PORT + 1; port++) {
			uint64_t rsts = pair_count(&s.p, PAIR_A, "rst_out");
			struct hr_census census;

			arrives(&s, segment(&s, &src, &dst, (uint16_t)(3000 + i), port, TCPF_SYN));
			hr_worker_census(pair_worker(&s.p, PAIR_A, 0), &census);
			rsts = pair_count(&s.p, PAIR_A, "rst_out") - rsts;
			if (census.half_open != (port == SINK_PORT ? c[i].answers : 0) ||
				rsts != (port == SINK_PORT ? 0 : c[i].answers))
				fail_msg("%s to %s, port %u: %u half-open, %u RSTs", c[i].src,
					c[i].dst, port, census.half_open, (unsigned)rsts);
			/* The half-open entry goes. */
			if (census.half_open != 0)
				pair_run(&s.p, NULL, NULL, 128000000);
		}
	}
	assert_int_equal(b.opens, 0);
	stage_close(&s);
}

/* An ICMP error from a router that quotes the first bytes of a segment of ours. */
static struct rte_mbuf *icmp_error(
	struct stage *s, uint8_t type, uint8_t code, const struct hr_conn_info *i, uint32_t seq)
{
	struct hr_ip router = ip_of("198.18.0.99");
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->pool);
	uint8_t *f = (uint8_t *)rte_pktmbuf_append(m, 14 + 20 + 8 + 28), *icmp = f + 34,
		*q = f + 42;
	uint16_t ports[2] = {rte_cpu_to_be_16(i->local_port), rte_cpu_to_be_16(i->remote_port)};
	uint16_t sum;

	assert_non_null(rte_pktmbuf_append(m, 14 + 20 + 8 + 28));
	seq = rte_cpu_to_be_32(seq);
	hr_eth_write(f, s->mac, stranger_mac, 0x0800);
	hr_ip4_write(f + 14, router.v4, i->local.v4, IPPROTO_ICMP, 64, 0, 0, 56);
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	hr_ip4_write(q, i->local.v4, i->remote.v4, IPPROTO_TCP, 60, 0, 0, 60);
	memcpy(q + 20, ports, 4);
	memcpy(q + 24, &seq, 4);
	sum = hr_l4_checksum(m, 14, 34);
	memcpy(icmp + 2, &sum, 2);
	return m;
}

/* MUST-54, MUST-55, IC-1: an error finds the connection whose segment it quotes, and no other;
 * source quench and what is not in flight find none. */
static void test_icmp_finds_its_connection(void **state)
{
	struct hr_conn_info info, other;
	struct sink a, b, a2;
	struct stage s;
	unsigned sent;
	uint32_t seq;

	sink_init(&a);
	sink_init(&b);
	sink_init(&a2);
	stage_open(&s);
	assert_int_equal(sink_join(&s.p, 4, &a, &b, NULL), 0);
	pair_run(&s.p, NULL, NULL, 10000);
	s.t->cut = true;
	sent = s.t->n;
	assert_int_equal(hr_send(a.w, a.c, "x", 1), 1);
	pair_run(&s.p, NULL, NULL, 1000);
	assert_int_equal(s.t->n, sent + 1);
	memcpy(&seq, s.t->frame[sent].data + 38, 4);
	seq = rte_be_to_cpu_32(seq);
	assert_int_equal(hr_conn_info(a.w, a.c, &info), 0);

	arrives(&s, icmp_error(&s, 4, 0, &info, seq));
	arrives(&s, icmp_error(&s, 3, 1, &info, seq + 1));
	arrives(&s, icmp_error(&s, 3, 1, &info, seq - 1));
	other = info;
	other.local_port++;
	arrives(&s, icmp_error(&s, 3, 1, &other, seq));
	assert_int_equal(hr_conn_info(a.w, a.c, &info), 0);
	assert_int_equal(info.soft_error, HR_SOFT_NONE);
	assert_string_equal(info.state, "ESTABLISHED");
	arrives(&s, icmp_error(&s, 11, 0, &info, seq));
	assert_int_equal(hr_conn_info(a.w, a.c, &info), 0);
	assert_int_equal(info.soft_error, HR_SOFT_TTL);
	assert_string_equal(info.state, "ESTABLISHED");
	s.t->cut = false;
	assert_int_equal(hr_abort(a.w, a.c), 0);
	stage_close(&s);
	sink_free(&b);
}

static uint32_t label_of(const uint8_t *f)
{
	return (uint32_t)(f[15] & 0xf) << 16 | (uint32_t)f[16] << 8 | f[17];
}

/* V6-5: all segments of one connection have one flow label, another connection has another, and
 * none is 0. */
static void test_flow_label(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 6, 0);
	uint32_t label[4] = {0};
	struct sink b, a[4];
	struct stage s;

	sink_init(&b);
	stage_open(&s);
	b.close_at_eof = true;
	assert_int_equal(hr_listen(s.p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct hr_connect_opts o = {.local_port = (uint16_t)(5000 + i)};
		unsigned from = s.t->n, seen = 0;

		sink_init(&a[i]);
		b.opens = b.closes = b.eofs = 0;
		a[i].w = pair_worker(&s.p, PAIR_A, 0);
		assert_int_equal(
			hr_connect(a[i].w, &remote, SINK_PORT, &sink_app, &a[i], &o, &a[i].c), 0);
		pair_run(&s.p, NULL, NULL, 10000);
		assert_int_equal(hr_send(a[i].w, a[i].c, "hello", 5), 5);
		pair_run(&s.p, NULL, NULL, 10000);
		assert_int_equal(hr_close(a[i].w, a[i].c), 0);
		pair_run(&s.p, NULL, NULL, 100000);
		for (unsigned k = from; k < s.t->n; k++) {
			const uint8_t *f = s.t->frame[k].data;

			if (f[12] != 0x86 || f[20] != IPPROTO_TCP)
				continue;
			if (seen++ == 0)
				label[i] = label_of(f);
			assert_int_equal(label_of(f), label[i]);
		}
		assert_true(seen >= 4);
		assert_int_not_equal(label[i], 0);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(label[i], label[k]);
	}
	stage_close(&s);
	sink_free(&b);
}

/* MUST-41, MUST-42: while connections from port 5000 are in SYN-SENT and ESTABLISHED one can listen
 * on it; a second listener is refused; all of them go on. */
static void test_listen_beside(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0), own = pair_ip(PAIR_A, 4, 0);
	struct hr_connect_opts o = {.local_port = 5000};
	struct sink up, half, server, b, late, in;
	struct stage s;

	sink_init(&up);
	sink_init(&half);
	sink_init(&server);
	sink_init(&b);
	sink_init(&late);
	sink_init(&in);
	stage_open(&s);
	assert_int_equal(hr_listen(s.p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	up.w = half.w = pair_worker(&s.p, PAIR_A, 0);
	assert_int_equal(hr_connect(up.w, &remote, SINK_PORT, &sink_app, &up, &o, &up.c), 0);
	pair_run(&s.p, NULL, NULL, 10000);
	assert_int_equal(up.opens, 1);
	s.t->cut = true;
	assert_int_equal(hr_connect(half.w, &remote, 9, &sink_app, &half, &o, &half.c), 0);
	pair_run(&s.p, NULL, NULL, 10000);
	assert_int_equal(hr_worker_listen(up.w, NULL, 5000, &sink_app, &server, NULL), 0);
	assert_int_equal(hr_worker_listen(up.w, NULL, 5000, &sink_app, &late, NULL), -EADDRINUSE);
	s.t->cut = false;
	assert_int_equal(hr_listen(s.p.e[PAIR_B], NULL, 9, &sink_app, &late, NULL), 0);
	late.w = pair_worker(&s.p, PAIR_B, 0);
	in.w = late.w;
	assert_int_equal(hr_connect(in.w, &own, 5000, &sink_app, &in, NULL, &in.c), 0);
	pair_run(&s.p, NULL, NULL, 3000000);
	assert_int_equal(half.opens, 1);
	assert_int_equal(server.opens, 1);
	assert_int_equal(in.opens, 1);
	assert_int_equal(hr_send(up.w, up.c, "still", 5), 5);
	pair_run(&s.p, NULL, NULL, 100000);
	assert_int_equal(b.len, 5);
	assert_int_equal(hr_abort(up.w, up.c), 0);
	assert_int_equal(hr_abort(half.w, half.c), 0);
	assert_int_equal(hr_abort(in.w, in.c), 0);
	stage_close(&s);
	sink_free(&b);
}

/* ISN-2, MUST-9: without a seed the keys come from the kernel and differ between engines; a seed
 * makes them equal, for those who want to repeat a run. */
static void test_keys(void **state)
{
	static const uint64_t seeds[] = {0, 0, 5, 5};
	uint64_t key[4][2];

	for (unsigned i = 0; i < 4; i++) {
		const struct hr_addr_config addr = {
			.first = pair_ip(PAIR_A, 4, 0), .count = 1, .prefix_len = 24};
		struct hr_engine_config cfg = hr_engine_config_default;
		char err[HR_ERRLEN] = "", spec[32];
		struct hr_engine *e;

		snprintf(spec, sizeof(spec), "wire:keys%u", i);
		assert_int_equal(hr_port_open(spec, &cfg.ports[0], err, sizeof(err)), 0);
		cfg.n_ports = 1;
		cfg.name = "K";
		cfg.workers = 1;
		cfg.addrs = &addr;
		cfg.n_addrs = 1;
		cfg.max_conns = 16;
		cfg.mbufs = 4096;
		cfg.seed = seeds[i];
		if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0)
			fail_msg("%s", err);
		memcpy(key[i], hr_engine_worker(e, 0)->tcp.isn_key, sizeof(key[i]));
		hr_engine_destroy(e);
	}
	assert_memory_not_equal(key[0], key[1], sizeof(key[0]));
	assert_int_not_equal(key[0][0], key[0][1]);
	assert_memory_equal(key[2], key[3], sizeof(key[2]));
	assert_memory_not_equal(key[0], key[2], sizeof(key[0]));
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_of_nobody),
		cmocka_unit_test(test_icmp_finds_its_connection),
		cmocka_unit_test(test_flow_label),
		cmocka_unit_test(test_listen_beside),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
