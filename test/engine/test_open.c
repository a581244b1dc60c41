/* SPDX-License-Identifier: BSD-3-Clause */
/* Beginnings of connections and what may be in their way: refusals, absent hosts, bad requests,
 * TIME-WAIT. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "churn.h"
#include "common/eal.h"
#include "engine/worker.h"
#include "sink.h"
#include "test_assert.h"

static void finish(struct pair *p)
{
	pair_run(p, NULL, NULL, 130000000);
	pair_empty(p);
	pair_close(p);
}

/* BUG-16 */
static void test_refused(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct hr_ip remote = pair_ip(PAIR_B, family, 0);
		struct sink a;
		struct pair p;

		sink_init(&a);
		pair_open(&p, &(struct pair_opts){0});
		assert_int_equal(hr_connect(pair_worker(&p, PAIR_A, 0), &remote, 99, &sink_app, &a,
					 NULL, &a.c),
			0);
		assert_true(pair_run(&p, sink_closed, &a, 1000000));
		assert_int_equal(a.reason, HR_REFUSED);
		assert_string_equal(a.log, "c");
		assert_int_equal(pair_drops(&p, PAIR_B, "tcp_no_listener"), 1);
		assert_int_equal(pair_count(&p, PAIR_B, "rst_out"), 1);
		finish(&p);
	}
}

/* BUG-16: A thousand handshakes at once to a host that is not there, and one to a host that is. */
static void test_unreachable(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct hr_ip absent = pair_ip(PAIR_B, family, 77);
		struct sink *a = calloc(1000, sizeof(*a)), alive, b;
		struct pair p;
		hr_conn h;

		sink_init(&alive);
		sink_init(&b);
		pair_open(&p, &(struct pair_opts){0});
		assert_int_equal(sink_join(&p, family, &alive, &b, NULL), 0);
		for (unsigned i = 0; i < 1000; i++) {
			sink_init(&a[i]);
			assert_int_equal(hr_connect(pair_worker(&p, PAIR_A, 0), &absent, SINK_PORT,
						 &sink_app, &a[i], NULL, &a[i].c),
				0);
		}
		/* Three requests, a second apart. */
		pair_run(&p, NULL, NULL, 4000000);
		for (unsigned i = 0; i < 1000; i++) {
			assert_int_equal(a[i].closes, 1);
			assert_int_equal(a[i].reason, HR_UNREACHABLE);
		}
		/* While the failure is fresh, the next one is told at once. */
		sink_init(&a[0]);
		assert_int_equal(hr_connect(pair_worker(&p, PAIR_A, 0), &absent, SINK_PORT,
					 &sink_app, &a[0], NULL, &h),
			0);
		pair_run(&p, NULL, NULL, 1000);
		assert_int_equal(a[0].reason, HR_UNREACHABLE);
		assert_int_equal(a[0].closes, 1);
		assert_int_equal(alive.opens, 1);
		assert_int_equal(alive.closes, 0);
		assert_int_equal(hr_abort(alive.w, alive.c), 0);
		finish(&p);
		free(a);
	}
}

/* MUST-41, MUST-43, MUST-46 */
static void test_bad_requests(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0), own = pair_ip(PAIR_A, 4, 0), other, any = {0},
		     group;
	struct hr_tcp_params bad = hr_tcp_params_default;
	struct hr_app nothing = {0};
	struct hr_worker *w;
	struct sink a;
	struct pair p;
	hr_conn h;

	sink_init(&a);
	pair_open(&p, &(struct pair_opts){.max_conns = 2});
	w = pair_worker(&p, PAIR_A, 0);
	assert_int_equal(hr_ip_parse("198.19.7.7", &other, NULL, 0), 0);
	assert_int_equal(hr_ip_parse("224.0.0.1", &group, NULL, 0), 0);
	assert_int_equal(hr_connect(w, &remote, 0, &sink_app, &a, NULL, &h), -EINVAL);
	assert_int_equal(hr_connect(w, &any, 7, &sink_app, &a, NULL, &h), -EINVAL);
	assert_int_equal(hr_connect(w, &group, 7, &sink_app, &a, NULL, &h), -EINVAL);
	assert_int_equal(hr_connect(w, &own, 7, &sink_app, &a, NULL, &h), -EINVAL);
	assert_int_equal(hr_connect(w, &remote, 7, &nothing, &a, NULL, &h), -EINVAL);
	assert_int_equal(hr_connect(w, &other, 7, &sink_app, &a, NULL, &h), -ENETUNREACH);
	bad.ttl = 0;
	assert_int_equal(hr_connect(w, &remote, 7, &sink_app, &a,
				 &(struct hr_connect_opts){.params = &bad}, &h),
		-EINVAL);
	assert_int_equal(hr_connect(w, &remote, 7, &sink_app, &a,
				 &(struct hr_connect_opts){.local = remote}, &h),
		-EADDRNOTAVAIL);
	assert_int_equal(hr_connect(w, &remote, 7, &sink_app, &a,
				 &(struct hr_connect_opts){.local = own, .local_port = 5555}, &h),
		0);
	assert_int_equal(hr_connect(w, &remote, 7, &sink_app, &a,
				 &(struct hr_connect_opts){.local_port = 5555}, &h),
		-EADDRINUSE);
	/* The same port towards another port of the peer is another connection. */
	assert_int_equal(hr_connect(w, &remote, 8, &sink_app, &a,
				 &(struct hr_connect_opts){.local_port = 5555}, &h),
		0);
	assert_int_equal(hr_connect(w, &remote, 9, &sink_app, &a, NULL, &h), -ENOMEM);
	assert_int_equal(hr_worker_listen(w, NULL, 0, &sink_app, &a, NULL), -EINVAL);
	assert_int_equal(hr_worker_listen(w, NULL, 80, &nothing, &a, NULL), -EINVAL);
	assert_int_equal(hr_worker_listen(w, NULL, 80, &sink_app, &a, &bad), -EINVAL);
	assert_int_equal(hr_worker_listen(w, &remote, 80, &sink_app, &a, NULL), -EADDRNOTAVAIL);
	assert_int_equal(hr_worker_listen(w, &own, 80, &sink_app, &a, NULL), 0);
	assert_int_equal(hr_worker_listen(w, &own, 80, &sink_app, &a, NULL), -EADDRINUSE);
	assert_int_equal(hr_worker_unlisten(w, NULL, 80), -ENOENT);
	assert_int_equal(hr_worker_unlisten(w, &own, 80), 0);
	assert_int_equal(hr_worker_unlisten(w, &own, 80), -ENOENT);
	pair_close(&p);
}

/* MUST-10: RFC 9293 figure 8: both ends connect at once, and one connection comes of it. */
static void test_simultaneous(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct hr_ip ip[2] = {pair_ip(PAIR_A, family, 0), pair_ip(PAIR_B, family, 0)};
		struct sink s[2], *both[2] = {&s[0], &s[1]};
		struct pair p;

		pair_open(&p, &(struct pair_opts){.impair = "delay=3ms,seed=1"});
		for (unsigned side = 0; side < 2; side++) {
			sink_init(&s[side]);
			s[side].w = pair_worker(&p, side, 0);
			s[side].out = (const uint8_t *)"both ways";
			s[side].out_len = 9;
			s[side].shutdown_when_sent = s[side].close_at_eof = true;
			assert_int_equal(hr_connect(s[side].w, &ip[!side], (uint16_t)(5000 + !side),
						 &sink_app, &s[side],
						 &(struct hr_connect_opts){
							 .local_port = (uint16_t)(5000 + side)},
						 &s[side].c),
				0);
		}
		assert_true(pair_run(&p, sink_both_closed, both, 10000000));
		for (unsigned side = 0; side < 2; side++) {
			assert_int_equal(s[side].opens, 1);
			assert_int_equal(s[side].reason, HR_CLOSED);
			assert_int_equal(s[side].len, 9);
			assert_memory_equal(s[side].data, "both ways", 9);
			sink_free(&s[side]);
		}
		assert_int_equal(pair_count(&p, PAIR_A, "conns_accepted") +
					 pair_count(&p, PAIR_B, "conns_accepted"),
			0);
		finish(&p);
	}
}

/* A listener that goes away refuses, and what it accepted lives on. */
static void test_unlisten(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct sink a, b, late;
	struct pair p;

	sink_init(&a);
	sink_init(&b);
	sink_init(&late);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(hr_worker_unlisten(pair_worker(&p, PAIR_B, 0), NULL, SINK_PORT), 0);
	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &late, NULL, &late.c), 0);
	assert_int_equal(hr_send(a.w, a.c, "still", 5), 5);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(late.reason, HR_REFUSED);
	assert_int_equal(b.len, 5);
	assert_int_equal(hr_abort(a.w, a.c), 0);
	finish(&p);
	sink_free(&b);
}

/* Open and close one connection from a fixed port; the client closes first and keeps TIME-WAIT. */
static void one_from(struct pair *p, uint16_t port, struct sink *server)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct sink a;

	sink_init(&a);
	a.close_at_eof = true;
	server->opens = server->closes = server->eofs = 0;
	a.w = pair_worker(p, PAIR_A, 0);
	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &a,
				 &(struct hr_connect_opts){.local_port = port}, &a.c),
		0);
	pair_run(p, NULL, NULL, 10000);
	assert_int_equal(a.opens, 1);
	assert_int_equal(hr_close(a.w, a.c), 0);
	pair_run(p, NULL, NULL, 10000);
	assert_int_equal(a.reason, HR_CLOSED);
	assert_int_equal(a.closes, 1);
}

/* RFC 6191: the same tuple again, after a second. */
static void test_time_wait_reuse(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct hr_census c;
	struct sink b;
	struct pair p;
	hr_conn h;

	sink_init(&b);
	b.close_at_eof = true;
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	one_from(&p, 5000, &b);
	hr_worker_census(pair_worker(&p, PAIR_A, 0), &c);
	assert_int_equal(c.time_wait, 1);
	assert_int_equal(hr_connect(pair_worker(&p, PAIR_A, 0), &remote, SINK_PORT, &sink_app, &b,
				 &(struct hr_connect_opts){.local_port = 5000}, &h),
		-EADDRINUSE);
	pair_run(&p, NULL, NULL, 2000000);
	one_from(&p, 5000, &b);
	assert_int_equal(pair_count(&p, PAIR_A, "time_wait_reused"), 1);
	hr_worker_census(pair_worker(&p, PAIR_A, 0), &c);
	assert_int_equal(c.time_wait, 1);
	/* 60 s later nothing is left, tombstones neither. */
	pair_run(&p, NULL, NULL, 60100000);
	hr_worker_census(pair_worker(&p, PAIR_A, 0), &c);
	assert_int_equal(c.time_wait, 0);
	assert_int_equal(hr_worker_slab(pair_worker(&p, PAIR_A, 0), HR_MEM_TW4)->live, 0);
	finish(&p);
}

/* The server closes first and keeps TIME-WAIT: a new SYN of the same tuple gets through (RFC
 * 9293 3.10.7.4). */
static void test_time_wait_reopen(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct sink a, b;
	struct pair p;

	sink_init(&b);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		sink_init(&a);
		a.close_at_eof = true;
		b.opens = b.closes = b.eofs = 0;
		a.w = pair_worker(&p, PAIR_A, 0);
		assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &a,
					 &(struct hr_connect_opts){.local_port = 5000}, &a.c),
			0);
		pair_run(&p, NULL, NULL, 10000);
		assert_int_equal(b.opens, 1);
		assert_int_equal(hr_close(b.w, b.c), 0);
		pair_run(&p, NULL, NULL, 10000);
		assert_int_equal(a.reason, HR_CLOSED);
		assert_int_equal(b.closes, 1);
		pair_run(&p, NULL, NULL, 50000);
	}
	assert_int_equal(pair_count(&p, PAIR_B, "time_wait_reused"), 2);
	assert_int_equal(pair_count(&p, PAIR_B, "time_wait_entered"), 3);
	finish(&p);
}

/* An application that is slow to read does not keep the tuple in TIME-WAIT from being used again,
 * and loses nothing by it. */
static void test_time_wait_unread(void **state)
{
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	uint8_t *bytes = sink_pattern(3000, 7);
	struct sink a, a2, b;
	struct hr_census c;
	struct pair p;

	sink_init(&a);
	sink_init(&a2);
	sink_init(&b);
	a.take = 1;
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	a.w = a2.w = pair_worker(&p, PAIR_A, 0);
	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &a,
				 &(struct hr_connect_opts){.local_port = 5000}, &a.c),
		0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(hr_shutdown(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(hr_send(b.w, b.c, bytes, 3000), 3000);
	assert_int_equal(hr_close(b.w, b.c), 0);
	pair_run(&p, NULL, NULL, 2000000);
	assert_int_equal(b.reason, HR_CLOSED);
	assert_int_equal(b.closes, 1);
	assert_int_equal(a.closes, 0);
	hr_worker_census(a.w, &c);
	assert_int_equal(c.time_wait, 1);

	b.opens = b.closes = 0;
	assert_int_equal(hr_connect(a.w, &remote, SINK_PORT, &sink_app, &a2,
				 &(struct hr_connect_opts){.local_port = 5000}, &a2.c),
		0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(a2.opens, 1);
	assert_int_equal(pair_count(&p, PAIR_A, "time_wait_reused"), 1);
	assert_int_equal(a.closes, 0);
	a.take = SIZE_MAX;
	assert_int_equal(hr_resume(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(a.len, 3000);
	assert_memory_equal(a.data, bytes, 3000);
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.reason, HR_CLOSED);
	assert_int_equal(a2.closes, 0);
	assert_int_equal(hr_abort(a2.w, a2.c), 0);
	finish(&p);
	assert_int_equal(b.reason, HR_RESET);
	sink_free(&a);
	free(bytes);
}

/* At the limit the oldest entry makes room. */
static void test_time_wait_recycling(void **state)
{
	struct hr_census c;
	struct sink b;
	struct pair p;

	sink_init(&b);
	b.close_at_eof = true;
	pair_open(&p, &(struct pair_opts){.max_time_wait = 5});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	for (uint16_t port = 5000; port < 5012; port++)
		one_from(&p, port, &b);
	hr_worker_census(pair_worker(&p, PAIR_A, 0), &c);
	assert_int_equal(c.time_wait, 5);
	assert_int_equal(c.table, 5);
	assert_int_equal(pair_count(&p, PAIR_A, "time_wait_recycled"), 7);
	finish(&p);
}

/* --- several at once --- */

#define MANY 40

struct many {
	struct pair p;
	struct sink a[MANY];
	void *users[MANY];
	hr_conn c[MANY];
	struct hr_flow_key key[MANY];
};

static struct many *many_open(const struct pair_opts *o)
{
	struct many *m = calloc(1, sizeof(*m));
	struct pair_opts opts = *o;

	assert_non_null(m);
	opts.mbufs = 1024; /* two pairs at a time */
	pair_open(&m->p, &opts);
	for (unsigned i = 0; i < MANY; i++) {
		sink_init(&m->a[i]);
		m->users[i] = &m->a[i];
	}
	return m;
}

static void many_close(struct many *m)
{
	finish(&m->p);
	free(m);
}

/* What became of the first n. */
static void many_keys(struct many *m, unsigned n)
{
	struct hr_worker *w = pair_worker(&m->p, PAIR_A, 0);

	for (unsigned i = 0; i < n; i++) {
		struct conn *c = hr_conn_get(w, m->c[i]);

		assert_non_null(c);
		assert_ptr_equal(c->user, m->users[i]);
		m->key[i] = c->tcb.key;
		assert_int_equal(hr_abort(w, m->c[i]), 0);
	}
}

/* As many single calls, in all that can be seen. */
static void same_as_single(
	const struct pair_opts *o, unsigned family, const struct hr_connect_opts *opts)
{
	struct many *x = many_open(o), *y = many_open(o);
	struct hr_ip remote = pair_ip(PAIR_B, family, 0);
	struct hr_worker *wx = pair_worker(&x->p, PAIR_A, 0), *wy = pair_worker(&y->p, PAIR_A, 0);
	unsigned one_by_one = 0;
	int rc = 0, error = 1;

	while (one_by_one < MANY) {
		rc = hr_connect(
			wx, &remote, 9, &sink_app, &x->a[one_by_one], opts, &x->c[one_by_one]);
		if (rc < 0)
			break;
		one_by_one++;
	}
	assert_int_equal(
		hr_connect_burst(wy, &remote, 9, &sink_app, y->users, opts, y->c, MANY, &error),
		one_by_one);
	assert_int_equal(error, rc);
	assert_memory_equal(x->c, y->c, sizeof(x->c));
	many_keys(x, one_by_one);
	many_keys(y, one_by_one);
	assert_memory_equal(x->key, y->key, sizeof(x->key));
	for (unsigned i = 0; i < hr_counter_count(); i++)
		if (strcmp(hr_counter_name(i), "turns") != 0 &&
			strstr(hr_counter_name(i), "cycles") == NULL)
			assert_int_equal(hr_engine_counter(x->p.e[PAIR_A], -1, i),
				hr_engine_counter(y->p.e[PAIR_A], -1, i));
	many_close(x);
	many_close(y);
}

static void test_burst(void **state)
{
	const struct hr_connect_opts local = {.local = pair_ip(PAIR_A, 4, 1)},
				     port = {.local_port = 7777};

	for (unsigned family = 4; family <= 6; family += 2) {
		same_as_single(&(struct pair_opts){0}, family, NULL);
		same_as_single(&(struct pair_opts){.addrs = 3}, family, NULL);
		same_as_single(
			&(struct pair_opts){.workers = 2, .wire_args = ",queues=2", .addrs = 3},
			family, NULL);
		/* as far as it goes */
		same_as_single(&(struct pair_opts){.max_conns = MANY - 7}, family, NULL);
		same_as_single(&(struct pair_opts){.addrs = 5}, family, &port);
	}
	same_as_single(&(struct pair_opts){.addrs = 3}, 4, &local);
}

static void test_burst_refused(void **state)
{
	struct many *m = many_open(&(struct pair_opts){0});
	struct hr_worker *w = pair_worker(&m->p, PAIR_A, 0);
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0), other, own = pair_ip(PAIR_A, 4, 0);
	int error = 1;

	assert_int_equal(hr_ip_parse("203.0.113.1", &other, NULL, 0), 0);
	assert_int_equal(
		hr_connect_burst(w, &own, 9, &sink_app, m->users, NULL, m->c, 3, &error), 0);
	assert_int_equal(error, -EINVAL);
	assert_int_equal(
		hr_connect_burst(w, &other, 9, &sink_app, m->users, NULL, m->c, 3, &error), 0);
	assert_int_equal(error, -ENETUNREACH);
	assert_int_equal(
		hr_connect_burst(w, &remote, 9, &sink_app, m->users, NULL, m->c, 0, &error), 0);
	assert_int_equal(error, 0);
	assert_int_equal(
		hr_connect_burst(w, &remote, 9, &sink_app, m->users, NULL, m->c, 1, NULL), 1);
	many_keys(m, 1);
	many_close(m);
}

/* Ports that were next in turn are taken: others are found, each once. */
static void test_burst_around_taken_ports(void **state)
{
	struct many *x = many_open(&(struct pair_opts){0}), *y = many_open(&(struct pair_opts){0});
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	struct hr_worker *w = pair_worker(&y->p, PAIR_A, 0);
	int error = 1;

	assert_int_equal(hr_connect_burst(pair_worker(&x->p, PAIR_A, 0), &remote, 9, &sink_app,
				 x->users, NULL, x->c, MANY, &error),
		MANY);
	many_keys(x, MANY);
	for (unsigned i = 0; i < 5; i++) {
		const struct hr_connect_opts o = {.local_port = x->key[3 * i].lport};

		assert_int_equal(hr_connect(w, &remote, 9, &sink_app, &y->a[i], &o, &y->c[i]), 0);
	}
	assert_int_equal(hr_connect_burst(w, &remote, 9, &sink_app, y->users + 5, NULL, y->c + 5,
				 MANY - 5, &error),
		MANY - 5);
	assert_int_equal(error, 0);
	many_keys(y, MANY);
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(y->key[i].lport, y->key[j].lport);
	many_close(x);
	many_close(y);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_unlisten),
		cmocka_unit_test(test_time_wait_reuse),
		cmocka_unit_test(test_time_wait_reopen),
		cmocka_unit_test(test_time_wait_unread),
		cmocka_unit_test(test_time_wait_recycling),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_burst_refused),
		cmocka_unit_test(test_burst_around_taken_ports),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
