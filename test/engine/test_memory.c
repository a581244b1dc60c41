/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that runs out: mbufs on the sending and on the receiving side, and the n-th allocation of
 * every slab. */
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "churn.h"
#include "common/eal.h"
#include "sink.h"
#include "test_assert.h"

#define CONNS 60
#define EACH  60000

/* Readers of one byte stream each, all the same. */
struct readers {
	uint64_t bytes;
	unsigned opens, closes, in_order;
	bool lazy; /* do not read before told */
};

static void reader_open(struct hr_worker *w, hr_conn c, void *user)
{
	((struct readers *)user)->opens++;
}

static size_t reader_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	struct readers *r = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += v[i].len;
	r->bytes += total;
	return total;
}

static void reader_eof(struct hr_worker *w, hr_conn c, void *user)
{
	assert_int_equal(hr_close(w, c), 0);
}

static void reader_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct readers *r = user;

	r->closes++;
	r->in_order += reason == HR_CLOSED;
}

static const struct hr_app reader_app = {.on_open = reader_open,
	.on_data = reader_data,
	.on_eof = reader_eof,
	.on_close = reader_close};

static bool all_closed(void *user)
{
	return ((struct readers *)user)->closes == CONNS;
}

/* BUG-17: Sixty writers share a pool that holds a fraction of what they want to queue: all get
 * through, nothing hangs. */
static void test_sending_pool(void **state)
{
	struct sink *s = calloc(CONNS, sizeof(*s));
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);
	uint8_t *bytes = sink_pattern(EACH, 1);
	struct readers r = {0};
	struct pair p;

	pair_open(&p, &(struct pair_opts){.mbufs = 600, .impair = "loss=1%,delay=1ms,seed=4"});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, 7, &reader_app, &r, NULL), 0);
	for (unsigned i = 0; i < CONNS; i++) {
		sink_init(&s[i]);
		s[i].w = pair_worker(&p, PAIR_A, 0);
		s[i].out = bytes;
		s[i].out_len = EACH;
		s[i].close_when_sent = true;
		assert_int_equal(
			hr_connect(s[i].w, &remote, 7, &sink_app, &s[i], NULL, &s[i].c), 0);
	}
	assert_true(pair_run(&p, all_closed, &r, 600000000));
	assert_int_equal(r.bytes, CONNS * EACH);
	assert_int_equal(r.in_order, CONNS);
	assert_true(pair_count(&p, PAIR_A, "no_mbuf_tx") > 0);
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	free(bytes);
	free(s);
}

/* Somebody else takes every mbuf of a side for a second, again and again. */
static void starve(unsigned side)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.lossy = true, .poor = true, .remotes = 1, .response = 20000};
	struct rte_mbuf *held[8192];
	unsigned n = 0;
	struct pair p;

	pair_open(&p, &(struct pair_opts){
			      .mbufs = 2048, .tcp = &params, .impair = "loss=1%,delay=1ms,seed=5"});
	churn_start(&c, &p, 800, 60);
	for (unsigned i = 0; i < 20; i++) {
		pair_run(&p, churn_done, &c, 20000);
		while (n < RTE_DIM(held) && (held[n] = rte_pktmbuf_alloc(hr_worker_pool(
						     pair_worker(&p, side, 0)))) != NULL)
			n++;
		assert_true(n > 0);
		pair_run(&p, churn_done, &c, 1000000);
		hr_worker_check(pair_worker(&p, side, 0));
		while (n > 0)
			rte_pktmbuf_free(held[--n]);
	}
	churn_finish(&c, 3600000000ull);
	assert_true(c.reasons[PAIR_A][HR_CLOSED] > 100);
	pair_run(&p, NULL, NULL, 200000000);
	pair_empty(&p);
	pair_close(&p);
	churn_free(&c);
}

/* BUG-17 */
static void test_starved(void **state)
{
	starve(PAIR_A);
	starve(PAIR_B);
}

/* The n-th allocation fails, for every slab of every side: connections may fail, nothing else may.
 */
static void nth_fails(struct pair *p, unsigned side, enum hr_memory which, unsigned n)
{
	struct churn c = {.lossy = true, .remotes = 1, .family = which == HR_MEM_TW6 ? 6 : 4};
	struct hr_slab *slab = hr_worker_slab(pair_worker(p, side, 0), which);

	slab->fail_after = n;
	churn_start(&c, p, 240, 48);
	churn_finish(&c, 600000000);
	slab->fail_after = 0;
	/* Peers that missed the end find out by keep-alive. */
	pair_run(p, NULL, NULL, 30000000);
	pair_empty(p);
	churn_free(&c);
}

static void test_nth_allocation(void **state)
{
	struct hr_tcp_params params = churn_params();
	unsigned failed = 0;

	for (unsigned side = 0; side < 2; side++) {
		struct pair p;

		pair_open(&p, &(struct pair_opts){.tcp = &params,
				      .impair = "loss=4%,delay=1ms,seed=6",
				      .mbufs = 4096});
		for (unsigned which = 0; which < HR_MEM_COUNT; which++)
			for (unsigned n = 1; n <= 200; n += n < 60 ? 1 : 5)
				nth_fails(&p, side, (enum hr_memory)which, n);
		failed += (unsigned)pair_count(&p, side, "no_memory");
		pair_close(&p);
	}
	printf("allocations that failed and were counted: %u\n", failed);
	assert_true(failed > 500);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sending_pool),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_nth_allocation),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
