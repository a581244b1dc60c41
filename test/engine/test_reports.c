/* SPDX-License-Identifier: BSD-3-Clause */
/* What the application hears of trouble, what is done about it, and what it may change meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/eal.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

static unsigned errors;
static enum hr_soft_error last;

static void on_error(struct hr_worker *w, hr_conn c, void *user, enum hr_soft_error what)
{
	struct hr_conn_info info;

	errors++;
	last = what;
	assert_int_equal(hr_conn_info(w, c, &info), 0);
	assert_int_equal(info.soft_error, what);
	assert_ptr_equal(((struct sink *)user)->w, w);
}

/* A sink that listens for errors, too. */
static struct hr_app listening_app(void)
{
	struct hr_app app = sink_app;

	errors = 0;
	app.on_error = on_error;
	return app;
}

static int join(
	struct pair *p, unsigned family, const struct hr_app *app, struct sink *a, struct sink *b)
{
	struct hr_ip remote = pair_ip(PAIR_B, family, 0);
	int rc = hr_listen(p->e[PAIR_B], NULL, SINK_PORT, &sink_app, b, NULL);

	a->w = pair_worker(p, PAIR_A, 0);
	return rc < 0 ? rc : hr_connect(a->w, &remote, SINK_PORT, app, a, NULL, &a->c);
}

/* MUST-20, SHLD-9: the wire is cut. After R1 the application hears of it once, and the next hop is
 * asked by ARP or NDP long before it would be by itself; when the wire is whole again nothing is
 * lost. */
static void test_r1(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct hr_app app = listening_app();
		struct tap *t = calloc(1, sizeof(*t));
		struct sink a, b;
		struct pair p;
		uint64_t asked;

		sink_init(&a);
		sink_init(&b);
		pair_open(&p, &(struct pair_opts){.wrap = tap_wrap, .wrap_arg = t});
		assert_int_equal(join(&p, family, &app, &a, &b), 0);
		pair_run(&p, NULL, NULL, 10000);
		assert_int_equal(a.opens, 1);
		asked = pair_count(&p, PAIR_A, "arp_sent");
		t->cut = true;
		assert_int_equal(hr_send(a.w, a.c, "hello", 5), 5);
		/* 0.2 + 0.4 + 0.8 s, and 1.6 s of waiting for an answer; a probe came first. */
		pair_run(&p, NULL, NULL, 1300000);
		assert_int_equal(errors, 0);
		pair_run(&p, NULL, NULL, 2200000);
		assert_int_equal(errors, 1);
		assert_int_equal(last, HR_SOFT_RETRANSMITS);
		assert_int_equal(pair_count(&p, PAIR_A, "r1_reached"), 1);
		assert_int_equal(pair_count(&p, PAIR_A, "arp_sent"), asked);
		/* Its next retransmission casts the doubt, RFC 4861's 5 s later the probe goes. */
		pair_run(&p, NULL, NULL, 9500000);
		assert_true(pair_count(&p, PAIR_A, "arp_sent") > asked);
		t->cut = false;
		pair_run(&p, NULL, NULL, 60000000);
		assert_int_equal(b.len, 5);
		assert_int_equal(errors, 1);
		assert_int_equal(a.closes, 0);
		assert_int_equal(hr_abort(a.w, a.c), 0);
		pair_run(&p, NULL, NULL, 130000000);
		pair_empty(&p);
		pair_close(&p);
		tap_free(t);
		sink_free(&b);
	}
}

/* SHLD-20: who has no on_error hears of none, and nobody does after hr_close(). */
static void test_nobody_listens(void **state)
{
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct hr_app app = listening_app();
		struct tap *t = calloc(1, sizeof(*t));
		struct hr_conn_info info;
		struct sink a, b;
		struct pair p;

		sink_init(&a);
		sink_init(&b);
		pair_open(&p, &(struct pair_opts){.wrap = tap_wrap, .wrap_arg = t});
		assert_int_equal(join(&p, 4, deaf ? &app : &sink_app, &a, &b), 0);
		pair_run(&p, NULL, NULL, 10000);
		t->cut = true;
		assert_int_equal(hr_send(a.w, a.c, "hello", 5), 5);
		if (deaf)
			assert_int_equal(hr_close(a.w, a.c), 0);
		pair_run(&p, NULL, NULL, 10000000);
		assert_int_equal(pair_count(&p, PAIR_A, "r1_reached"), 1);
		assert_int_equal(hr_conn_info(a.w, a.c, &info), 0);
		assert_int_equal(info.soft_error, HR_SOFT_RETRANSMITS);
		assert_int_equal(errors, 0);
		t->cut = false;
		assert_int_equal(hr_abort(a.w, a.c), 0);
		pair_run(&p, NULL, NULL, 7300000000ull);
		if (b.closes == 0 && b.opens > 0)
			assert_int_equal(hr_abort(b.w, b.c), 0);
		pair_run(&p, NULL, NULL, 130000000);
		pair_empty(&p);
		pair_close(&p);
		tap_free(t);
		sink_free(&b);
	}
}

static uint8_t class_of(const struct tap *t)
{
	/* The last TCP frame: IPv4 here. */
	for (unsigned i = t->n; i-- > 0;)
		if (t->frame[i].data[12] == 8 && t->frame[i].data[13] == 0 &&
			t->frame[i].data[23] == 6)
			return t->frame[i].data[15];
	return 0xff;
}

/* SHLD-21, SHLD-22, MUST-48: through the API and onto the wire; bad sets are refused. */
static void test_set_params(void **state)
{
	struct hr_tcp_params q = hr_tcp_params_default;
	struct tap *t = calloc(1, sizeof(*t));
	struct sink a, b;
	struct pair p;

	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.wrap = tap_wrap, .wrap_arg = t});
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(class_of(t) & 0xfc, 0);
	q.dscp = 46;
	assert_int_equal(hr_set_params(a.w, a.c, &q), 0);
	assert_int_equal(hr_send(a.w, a.c, "x", 1), 1);
	pair_run(&p, NULL, NULL, 100000);
	assert_int_equal(class_of(t) & 0xfc, 46 << 2);
	q.ttl = 0;
	assert_int_equal(hr_set_params(a.w, a.c, &q), -EINVAL);
	assert_int_equal(hr_set_params(a.w, a.c + 1, &q), -ESTALE);
	/* A worker keeps 256 sets: then it says so, and the connection keeps what it has. */
	q.ttl = 64;
	for (unsigned i = 0; i < 256; i++) {
		q.user_timeout_ms = 1000 + i;
		if (hr_set_params(a.w, a.c, &q) == -ENOSPC)
			break;
		assert_true(i < 255);
	}
	q.user_timeout_ms = 0;
	assert_int_equal(hr_set_params(a.w, a.c, &q), 0);
	assert_int_equal(hr_abort(a.w, a.c), 0);
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	tap_free(t);
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
		cmocka_unit_test(test_r1),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_set_params),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
