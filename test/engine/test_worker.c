/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker as a host: messages from other threads, application timers, packets handed in,
 * deadlines, bad configurations. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "common/eal.h"
#include "proto/frame.h"
#include "sink.h"
#include "test_assert.h"

#define POSTS 20000

struct posts {
	struct hr_worker *w;
	uint64_t sum;
	unsigned n;
};

static void take_post(struct hr_worker *w, void *arg)
{
	struct posts *x = hr_worker_user(w);

	x->n++;
	x->sum += (uintptr_t)arg;
}

static void *post_many(void *arg)
{
	struct posts *x = arg;
	char err[HR_ERRLEN];

	/* A thread that EAL does not know may step a worker after this; twice does no harm. */
	if (hr_worker_attach(x->w, err, sizeof(err)) != 0 ||
		hr_worker_attach(x->w, err, sizeof(err)) != 0 || rte_lcore_id() == LCORE_ID_ANY)
		return NULL;
	for (uintptr_t i = 1; i <= POSTS; i++)
		while (hr_post(x->w, take_post, (void *)i) == -EAGAIN)
			sched_yield();
	return x;
}

static void test_post(void **state)
{
	struct posts x = {0};
	pthread_t thread[2];
	struct pair p;

	pair_open(&p, &(struct pair_opts){0});
	x.w = pair_worker(&p, PAIR_A, 0);
	hr_worker_set_user(x.w, &x);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, post_many, &x), 0);
	while (x.n < 2 * POSTS)
		hr_worker_turn(x.w);
	for (unsigned i = 0; i < 2; i++) {
		void *rc;

		assert_int_equal(pthread_join(thread[i], &rc), 0);
		assert_ptr_equal(rc, &x);
	}
	assert_int_equal(x.sum, (uint64_t)POSTS * (POSTS + 1));
	/* A full mailbox says so, and a waiting message is a reason to turn now. */
	pair_run(&p, NULL, NULL, 1000);
	x.n = 0;
	while (hr_post(x.w, take_post, NULL) == 0)
		x.n++;
	assert_int_equal(x.n, 1023);
	assert_int_equal(hr_post(x.w, take_post, NULL), -EAGAIN);
	assert_int_equal(hr_worker_deadline(x.w), p.now_us);
	x.n = 0;
	hr_worker_turn(x.w);
	assert_int_equal(x.n, 1023);
	pair_close(&p);
}

struct tick {
	char what;
	uint64_t at;
};

static struct {
	char text[32];
	unsigned n;
	uint64_t again_id;
} ticks;

static void on_tick(struct hr_worker *w, void *arg)
{
	struct tick *t = arg;

	ticks.text[ticks.n++] = t->what;
	assert_int_equal(hr_worker_now(w), t->at);
}

static void on_tick_again(struct hr_worker *w, void *arg)
{
	struct tick *t = arg;

	on_tick(w, arg);
	assert_int_equal(hr_timer_stop(w, ticks.again_id), -ENOENT);
	if (ticks.n < 6) {
		t->at += 1000;
		ticks.again_id = hr_timer_start(w, 1000, on_tick_again, t);
	}
}

static void test_timers(void **state)
{
	struct hr_worker *w;
	struct hr_census census;
	struct pair p;
	uint64_t id[3];

	pair_open(&p, &(struct pair_opts){0});
	w = pair_worker(&p, PAIR_A, 0);
	pair_run(&p, NULL, NULL, 1000);
	struct tick a = {'a', p.now_us + 500000}, b = {'b', p.now_us + 1}, c = {'c', p.now_us + 7},
		    d = {'d', p.now_us + 600000};

	id[0] = hr_timer_start(w, 500000, on_tick, &a);
	id[1] = hr_timer_start(w, 1, on_tick, &b);
	id[2] = hr_timer_start(w, 7, on_tick, &c);
	assert_true(id[0] != 0 && id[1] != 0 && id[2] != 0 && id[0] != id[1]);
	assert_int_equal(hr_worker_deadline(w), p.now_us + 1);
	assert_int_equal(hr_timer_stop(w, id[2]), 0);
	assert_int_equal(hr_timer_stop(w, id[2]), -ENOENT);
	assert_int_equal(hr_timer_stop(w, 0), -ENOENT);
	assert_int_equal(hr_timer_stop(w, UINT64_MAX), -ENOENT);
	ticks.again_id = hr_timer_start(w, 600000, on_tick_again, &d);
	hr_worker_census(w, &census);
	assert_int_equal(census.app_timers, 3);
	/* Exact to the microsecond, because the clock jumps from deadline to deadline. */
	while (ticks.n < 6) {
		uint64_t at = hr_worker_deadline(w);

		assert_true(at >= p.now_us && at != HR_NEVER);
		p.now_us = at;
		hr_worker_turn(w);
	}
	assert_string_equal(ticks.text, "badddd");
	assert_int_equal(hr_timer_stop(w, id[0]), -ENOENT);
	hr_worker_census(w, &census);
	assert_int_equal(census.app_timers, 0);
	pair_run(&p, NULL, NULL, 100000000);
	assert_int_equal(ticks.n, 6);
	assert_int_equal(hr_worker_deadline(w), HR_NEVER);
	pair_empty(&p);
	pair_close(&p);
}

/* An appliance's view: what is addressed to the engine is taken, the rest comes back in order. */
static void test_input(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct hr_ip peer = pair_ip(PAIR_B, 4, 9), ours = pair_ip(PAIR_A, 4, 0),
		     other = pair_ip(PAIR_A, 4, 200);
	struct rte_mbuf *in[6], *back[6];
	struct rte_mempool *pool = test_pool(63);
	struct hr_port_caps caps;
	struct pair p;

	pair_open(&p, &(struct pair_opts){0});
	pair_run(&p, NULL, NULL, 100000);
	assert_int_equal(hr_port_caps(p.port[PAIR_A], &caps), 0);
	for (unsigned i = 0; i < 6; i++) {
		struct tcp_out o = {.seq = i, .flags = TCPF_SYN, .wnd = 1000};
		uint16_t sum;
		uint8_t *f;

		in[i] = rte_pktmbuf_alloc(pool);
		f = (uint8_t *)rte_pktmbuf_append(in[i], 54);
		hr_eth_write(f, caps.mac, mac, RTE_ETHER_TYPE_IPV4);
		hr_ip4_write(
			f + 14, peer.v4, i % 2 ? other.v4 : ours.v4, IPPROTO_TCP, 64, 0, 0, 40);
		hr_tcp_header_write(f + 34, &o, (uint16_t)(1000 + i), 80);
		sum = hr_l4_checksum(in[i], 14, 34);
		memcpy(f + 50, &sum, 2);
	}
	/* The last one is not even a frame. */
	rte_pktmbuf_trim(in[5], 50);
	uint64_t before = pair_count(&p, PAIR_A, "rx_packets");

	assert_int_equal(hr_worker_input(pair_worker(&p, PAIR_A, 0), 0, in, 6, back), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(back[i], in[i * 2 + 1]);
		rte_pktmbuf_free(back[i]);
	}
	assert_int_equal(pair_count(&p, PAIR_A, "passed"), 3);
	assert_int_equal(pair_drops(&p, PAIR_A, "tcp_no_listener"), 0);
	assert_int_equal(hr_worker_deadline(pair_worker(&p, PAIR_A, 0)), p.now_us);
	hr_worker_turn(pair_worker(&p, PAIR_A, 0));
	assert_int_equal(pair_drops(&p, PAIR_A, "tcp_no_listener"), 3);
	assert_int_equal(pair_count(&p, PAIR_A, "rx_packets"), before + 6);
	assert_int_equal(test_pool_out(pool), 0);
	pair_close(&p);
}

static void refuse(struct hr_engine_config *cfg, const char *spec, int rc, const char *words)
{
	char err[HR_ERRLEN] = "";
	struct hr_engine *e;

	if (spec != NULL) {
		assert_int_equal(hr_port_open(spec, &cfg->ports[0], err, sizeof(err)), 0);
		cfg->n_ports = 1;
	}
	assert_int_equal(hr_engine_create(cfg, &e, err, sizeof(err)), rc);
	assert_null(e);
	if (strstr(err, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err, words);
}

static void test_bad_config(void **state)
{
	const struct hr_addr_config addr = {
		.first = pair_ip(PAIR_A, 4, 0), .count = 1, .prefix_len = 24};
	struct hr_engine_config base = hr_engine_config_default, c;

	base.addrs = &addr;
	base.n_addrs = 1;
	base.mbufs = 1024;
	base.seed = 1;
	c = base;
	refuse(&c, NULL, -EINVAL, "0 ports");
	c = base;
	c.workers = 0;
	refuse(&c, "wire:bad", -EINVAL, "workers=0; use 1 to 64");
	c = base;
	c.n_addrs = 0;
	refuse(&c, "wire:bad", -EINVAL, "no local address");
	c = base;
	c.max_conns = 1u << 26;
	refuse(&c, "wire:bad", -EINVAL, "max_conns=67108864");
	c = base;
	c.tcp.ttl = 0;
	refuse(&c, "wire:bad", -EINVAL, "ttl");
	c = base;
	c.mbufs = 100;
	refuse(&c, "wire:bad", -EINVAL, "mbufs=100");
	c = base;
	c.mbufs = 100000000;
	refuse(&c, "wire:bad", -ENOMEM, "give EAL more memory");
}

static void test_describe(void **state)
{
	char text[2000], small[10];
	struct pair p;

	for (unsigned i = 0; i < 10; i++) {
		pair_open(
			&p, &(struct pair_opts){.workers = 2, .wire_args = ",queues=2,caps=csum"});
		hr_engine_describe(p.e[PAIR_A], text, sizeof(text));
		assert_non_null(strstr(text, "engine A: 2 workers, table hash siphash-1-3\n"));
		assert_non_null(strstr(text, "mtu 1500, 2 queues\n"));
		assert_non_null(strstr(
			text, "receive checksums by the port, transmit checksums by the port"));
		assert_non_null(strstr(text, "RSS by Toeplitz"));
		assert_ptr_equal(hr_engine_describe(p.e[PAIR_A], small, sizeof(small)), small);
		assert_string_equal(small, "engine A:");
		assert_int_equal(hr_engine_workers(p.e[PAIR_A]), 2);
		assert_ptr_equal(hr_worker_engine(pair_worker(&p, PAIR_A, 1)), p.e[PAIR_A]);
		assert_int_equal(hr_worker_index(pair_worker(&p, PAIR_A, 1)), 1);
		assert_null(pair_worker(&p, PAIR_A, 2));
		assert_int_equal(hr_engine_idle(p.e[PAIR_A]), HR_IDLE_AUTO);
		assert_string_equal(hr_engine_name(p.e[PAIR_A]), "A");
		assert_int_equal(hr_engine_counter(p.e[PAIR_A], 0, hr_counter_count()), 0);
		assert_int_equal(hr_engine_drop(p.e[PAIR_A], 7, 0), 0);
		pair_close(&p);
	}
}

/* Live connections, half-open ones, timers and frames under way: destroying the engines gives all
 * of it back (ASan looks). */
static void test_destroy_busy(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	uint8_t bytes[20000] = {0};
	struct sink a, b, c;
	struct pair p;
	hr_conn h;

	sink_init(&a);
	sink_init(&b);
	sink_init(&c);
	b.take = 1;
	pair_open(&p, &(struct pair_opts){.impair = "delay=20ms,seed=1"});
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 200000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(hr_send(a.w, a.c, bytes, sizeof(bytes)), sizeof(bytes));
	pair_run(&p, NULL, NULL, 45000);
	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &c, NULL, &h), 0);
	assert_int_not_equal(hr_timer_start(a.w, 1000000, take_post, NULL), 0);
	assert_int_equal(hr_post(a.w, take_post, NULL), 0);
	hr_worker_turn(pair_worker(&p, PAIR_B, 0));
	assert_int_equal(b.closes, 0);
	hr_engine_destroy(p.e[PAIR_A]);
	hr_engine_destroy(p.e[PAIR_B]);
	hr_engine_destroy(NULL);
	sink_free(&b);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_destroy_busy),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
