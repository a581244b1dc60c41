/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends of connections: churn in every closing order with and without loss, stale handles, unread
 * data, orphans. */
#include <stdio.h>
#include <stdlib.h>

#include "churn.h"
#include "common/eal.h"
#include "sink.h"
#include "test_assert.h"

static void churn(unsigned family, const char *impair, uint32_t n)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.family = family,
		.lossy = impair != NULL,
		.remotes = 4,
		.response = family == 4 ? 300 : 5000};
	struct pair p;

	pair_open(&p,
		&(struct pair_opts){.impair = impair, .tcp = &params, .addrs = 4, .mbufs = 16384});
	churn_start(&c, &p, n, 500);
	churn_finish(&c, 3600000000ull);
	assert_int_equal(c.connect_errors, 0);
	if (impair == NULL) {
		/* Two of eight orders end by our RST, one by the peer's. */
		assert_int_equal(c.reasons[PAIR_A][HR_CLOSED], n / ORDER_COUNT * 5);
		assert_int_equal(c.reasons[PAIR_A][HR_ABORTED], n / ORDER_COUNT * 2);
		assert_int_equal(c.reasons[PAIR_A][HR_RESET], n / ORDER_COUNT);
		assert_int_equal(c.reasons[PAIR_B][HR_CLOSED], n / ORDER_COUNT * 5);
		assert_int_equal(c.reasons[PAIR_B][HR_ABORTED], n / ORDER_COUNT);
	}
	pair_run(&p, NULL, NULL, 200000000);
	pair_empty(&p);
	pair_close(&p);
	churn_free(&c);
}

static void test_churn(void **state)
{
	churn(4, NULL, 10000);
	churn(6, NULL, 10000);
}

static void test_churn_lossy(void **state)
{
	churn(4, "loss=2%,delay=500us,seed=11", 10000);
	churn(6, "loss=2%,delay=500us,dup=1%,reorder=1%,seed=12", 10000);
}

static void test_stale(void **state)
{
	struct sink a, b, a2;
	struct sink *both[2] = {&a, &b};
	struct hr_conn_info info;
	struct pair p;
	hr_conn old;

	sink_init(&a);
	sink_init(&b);
	sink_init(&a2);
	pair_open(&p, &(struct pair_opts){0});
	b.close_at_eof = true;
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 10000);
	old = a.c;
	assert_int_equal(hr_worker_conns(a.w), 1);
	assert_int_equal(hr_conn_info(a.w, old, &info), 0);
	assert_string_equal(info.state, "ESTABLISHED");
	assert_int_equal(info.remote_port, SINK_PORT);
	assert_int_equal(hr_close(a.w, a.c), 0);
	assert_true(pair_run(&p, sink_both_closed, both, 1000000));
	assert_int_equal(hr_worker_conns(a.w), 0);
	assert_int_equal(hr_conn_info(a.w, old, &info), -ESTALE);
	assert_int_equal(hr_send(a.w, old, "x", 1), -ESTALE);
	assert_int_equal(hr_send_pull(a.w, old, 1), -ESTALE);
	assert_int_equal(hr_send_room(a.w, old), -ESTALE);
	assert_int_equal(hr_urgent(a.w, old), -ESTALE);
	assert_int_equal(hr_resume(a.w, old), -ESTALE);
	assert_int_equal(hr_shutdown(a.w, old), -ESTALE);
	assert_int_equal(hr_close(a.w, old), -ESTALE);
	assert_int_equal(hr_abort(a.w, old), -ESTALE);
	assert_int_equal(hr_set_user(a.w, old, NULL), -ESTALE);
	/* The next connection takes the same place under another name. */
	struct hr_ip remote = pair_ip(PAIR_B, 4, 0);

	assert_int_equal(hr_connect(a.w, &remote, 9, &sink_app, &a2, NULL, &a2.c), 0);
	assert_int_equal((uint32_t)a2.c, (uint32_t)old);
	assert_int_not_equal(a2.c, old);
	assert_int_equal(hr_abort(a.w, old), -ESTALE);
	assert_int_equal(hr_conn_info(a.w, a2.c, &info), 0);
	/* No handle at all, and handles of places that never were. */
	assert_int_equal(hr_close(a.w, 0), -ESTALE);
	assert_int_equal(hr_close(a.w, UINT64_MAX), -ESTALE);
	assert_int_equal(hr_close(a.w, 1ull << 32 | 4000), -ESTALE);
	assert_int_equal(hr_close(a.w, a2.c | 1ull << 26), -ESTALE);
	pair_run(&p, NULL, NULL, 130000000);
	assert_int_equal(a2.reason, HR_REFUSED);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&b);
}

/* SHLD-3, BUG-16: RFC 9293 3.6.1: hr_close() with unread bytes is a RST, and so is what arrives
 * after it. */
static void test_unread(void **state)
{
	static const uint8_t bytes[3000];

	for (unsigned later = 0; later < 2; later++) {
		struct sink a, b;
		struct pair p;

		sink_init(&a);
		sink_init(&b);
		pair_open(&p, &(struct pair_opts){0});
		b.take = 1;
		assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
		pair_run(&p, NULL, NULL, 10000);
		if (later)
			assert_int_equal(hr_close(b.w, b.c), 0);
		pair_run(&p, NULL, NULL, 10000);
		assert_int_equal(hr_send(a.w, a.c, bytes, sizeof(bytes)), sizeof(bytes));
		pair_run(&p, NULL, NULL, 10000);
		if (!later)
			assert_int_equal(hr_close(b.w, b.c), 0);
		pair_run(&p, NULL, NULL, 10000);
		assert_int_equal(a.closes, 1);
		assert_int_equal(a.reason, HR_RESET);
		assert_int_equal(b.closes, 1);
		assert_int_equal(b.reason, HR_ABORTED);
		assert_int_equal(b.datas, later ? 0 : 1);
		pair_run(&p, NULL, NULL, 130000000);
		pair_empty(&p);
		pair_close(&p);
		sink_free(&a);
		sink_free(&b);
	}
}

/* The peer never closes: an orphan in FIN-WAIT-2 ends after fin_wait2_ms. */
static void test_orphan(void **state)
{
	struct hr_tcp_params params = hr_tcp_params_default;
	struct sink a, b;
	struct pair p;
	uint64_t began;

	params.fin_wait2_ms = 7000;
	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(sink_join(&p, 4, &a, &b, &params), 0);
	pair_run(&p, NULL, NULL, 10000);
	began = p.now_us;
	assert_int_equal(hr_close(a.w, a.c), 0);
	assert_true(pair_run(&p, sink_closed, &a, 60000000));
	assert_int_equal(a.reason, HR_ORPHANED);
	assert_in_range(p.now_us - began, 7000000, 7100000);
	assert_string_equal(b.log, "oe");
	assert_int_equal(hr_abort(b.w, b.c), 0);
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
}

static int start(void **state)
{
	test_eal_start(384);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_churn_lossy),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_orphan),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
