/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers on threads of their own, as programs run them: connections open, talk and close on all of
 * them at once, over queues of their own and over one that they share. What it proves is proved
 * under ThreadSanitizer (scripts/sanitize thread): workers meet in rings only.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/eal.h"
#include "engine/engine.h"
#include "test_assert.h"

#define WORKERS     2
#define CONNECTIONS 500 /* per client worker */
#define AT_ONCE     20
#define BYTES       20000 /* more than an initial window: the send queue is used */

/* Of one worker, on one thread. */
struct actor {
	struct hr_worker *w;
	const struct hr_app *app;
	struct hr_ip server;
	uint32_t started, good, bad;
	const bool *stop;
	bool done; /* atomic */
} __attribute__((aligned(128)));

/* The client's pointer: bytes that came back. */
struct talk {
	struct actor *a;
	uint32_t got;
};

static uint8_t bytes[BYTES];

static void open_one(struct actor *a)
{
	struct talk *t = calloc(1, sizeof(*t));
	hr_conn c;

	assert_non_null(t);
	t->a = a;
	a->started++;
	assert_int_equal(hr_connect(a->w, &a->server, 7, a->app, t, NULL, &c), 0);
}

static void client_open(struct hr_worker *w, hr_conn c, void *user)
{
	hr_send(w, c, bytes, BYTES);
}

static size_t client_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct talk *t = user;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		if (memcmp(s[i].data, bytes + t->got + len, s[i].len) != 0)
			hr_abort(w, c);
		len += s[i].len;
	}
	t->got += (uint32_t)len;
	if (t->got == BYTES)
		hr_close(w, c);
	return len;
}

static void client_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason why)
{
	struct talk *t = user;
	struct actor *a = t->a;

	a->good += why == HR_CLOSED && t->got == BYTES;
	a->bad += why != HR_CLOSED || t->got != BYTES;
	free(t);
	if (a->started < CONNECTIONS)
		open_one(a);
	else if (a->good + a->bad == CONNECTIONS)
		__atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
}

static size_t server_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		if (hr_send(w, c, s[i].data, s[i].len) != (int64_t)s[i].len)
			hr_abort(w, c);
		len += s[i].len;
	}
	return len;
}

static void server_eof(struct hr_worker *w, hr_conn c, void *user)
{
	hr_close(w, c);
}

static void *step(void *arg)
{
	struct actor *a = arg;
	char err[HR_ERRLEN];

	if (hr_worker_attach(a->w, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	for (unsigned i = 0; a->app != NULL && i < AT_ONCE; i++)
		open_one(a);
	while (!__atomic_load_n(a->stop, __ATOMIC_RELAXED)) {
		if (hr_worker_turn(a->w) > 0)
			continue;
		/* As a worker that sleeps would. */
		(void)hr_worker_deadline(a->w);
		sched_yield();
	}
	return NULL;
}

static struct hr_engine *engine(unsigned side, const char *wire)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = 2, .prefix_len = 16};
	char err[HR_ERRLEN];
	struct hr_engine *e;

	assert_int_equal(
		hr_ip_parse(side ? "198.18.1.1" : "198.18.0.1", &addr.first, err, sizeof(err)), 0);
	if (hr_port_open(wire, &cfg.ports[0], err, sizeof(err)) < 0)
		fail_msg("%s", err);
	cfg.name = side ? "B" : "A";
	cfg.n_ports = 1;
	cfg.workers = WORKERS;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.max_conns = 4096;
	cfg.mbufs = 8192;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	return e;
}

static void run(const char *wire)
{
	static const struct hr_app client = {
		.on_open = client_open, .on_data = client_data, .on_close = client_close};
	static const struct hr_app server = {.on_data = server_data, .on_eof = server_eof};
	struct hr_engine *e[2] = {engine(0, wire), engine(1, wire)};
	struct actor a[2 * WORKERS] = {0};
	pthread_t thread[2 * WORKERS];
	bool stop = false;

	assert_int_equal(hr_listen(e[1], NULL, 7, &server, NULL, NULL), 0);
	for (unsigned i = 0; i < 2 * WORKERS; i++) {
		a[i].w = hr_engine_worker(e[i / WORKERS], i % WORKERS);
		a[i].app = i < WORKERS ? &client : NULL;
		a[i].stop = &stop;
		assert_int_equal(hr_ip_parse("198.18.1.1", &a[i].server, NULL, 0), 0);
	}
	for (unsigned i = 0; i < 2 * WORKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, step, &a[i]), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		while (!__atomic_load_n(&a[i].done, __ATOMIC_ACQUIRE))
			usleep(1000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2 * WORKERS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(a[i].bad, 0);
		assert_int_equal(a[i].good, CONNECTIONS);
	}
	for (unsigned i = 0; i < 2 * WORKERS; i++)
		assert_true(hr_metrics_balanced(hr_worker_metrics(a[i].w)));
	hr_engine_destroy(e[0]);
	hr_engine_destroy(e[1]);
}

static void test_own_queues(void **state)
{
	run("wire:threads,queues=2");
}

static void test_shared_queue(void **state)
{
	run("wire:threads,queues=1");
}

static int start(void **state)
{
	test_eal_start(384);
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_queues),
		cmocka_unit_test(test_shared_queue),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
