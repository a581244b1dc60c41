/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte streams through two whole engines: order, content, back-pressure, pull mode, urgent mark,
 * end of data. */
#include <stdlib.h>

#include "common/eal.h"
#include "sink.h"
#include "test_assert.h"

#define MB (1u << 20)

struct ends {
	struct sink a, b;
	struct sink *both[2];
};

static void ends_init(struct ends *e)
{
	sink_init(&e->a);
	sink_init(&e->b);
	e->both[0] = &e->a;
	e->both[1] = &e->b;
}

static void ends_free(struct ends *e)
{
	sink_free(&e->a);
	sink_free(&e->b);
}

/* What is left after the last connection: let TIME-WAIT pass. */
static void settle(struct pair *p)
{
	pair_run(p, NULL, NULL, 130000000);
	pair_empty(p);
	pair_close(p);
}

static void echo(unsigned family, const char *impair)
{
	uint8_t *bytes = sink_pattern(MB, family);
	struct pair p;
	struct ends e;

	ends_init(&e);
	pair_open(&p, &(struct pair_opts){.impair = impair, .seed = family});
	e.a.out = bytes;
	e.a.out_len = MB;
	e.a.shutdown_when_sent = true;
	e.a.close_at_eof = true;
	e.b.echo = true;
	e.b.close_at_eof = true;
	assert_int_equal(sink_join(&p, family, &e.a, &e.b, NULL), 0);
	assert_true(pair_run(&p, sink_both_closed, e.both, 300000000));
	assert_int_equal(e.b.len, MB);
	assert_memory_equal(e.b.data, bytes, MB);
	assert_int_equal(e.a.len, MB);
	assert_memory_equal(e.a.data, bytes, MB);
	assert_int_equal(e.a.reason, HR_CLOSED);
	assert_int_equal(e.b.reason, HR_CLOSED);
	assert_int_equal(e.a.eofs + e.b.eofs, 2);
	if (impair == NULL)
		assert_int_equal(pair_count(&p, PAIR_A, "retransmits") +
					 pair_count(&p, PAIR_B, "retransmits"),
			0);
	settle(&p);
	ends_free(&e);
	free(bytes);
}

static void test_echo(void **state)
{
	echo(4, NULL);
	echo(6, NULL);
}

static void test_echo_lossy(void **state)
{
	echo(4, "loss=2%,reorder=1%,dup=1%,delay=1ms,seed=5");
	echo(6, "loss=2%,reorder=1%,dup=1%,delay=1ms,seed=6");
}

/* Bytes that on_pull makes arrive as bytes that hr_send() copies; mixed with them, too. */
static void test_pull(void **state)
{
	uint8_t *bytes = sink_pattern(MB, 3);

	for (unsigned lossy = 0; lossy < 2; lossy++) {
		struct pair p;
		struct ends e;

		ends_init(&e);
		pair_open(&p,
			&(struct pair_opts){.impair = lossy ? "loss=2%,delay=1ms,seed=9" : NULL});
		e.a.out = bytes;
		e.a.out_len = MB;
		e.a.pull = true;
		e.a.close_when_sent = true;
		e.b.close_at_eof = true;
		assert_int_equal(sink_join(&p, 4, &e.a, &e.b, NULL), 0);
		assert_true(pair_run(&p, sink_both_closed, e.both, 300000000));
		assert_int_equal(e.b.len, MB);
		assert_memory_equal(e.b.data, bytes, MB);
		settle(&p);
		ends_free(&e);
	}
	free(bytes);
}

static void test_pull_mixed(void **state)
{
	enum { PART = 3000, PARTS = 40 };
	uint8_t *bytes = sink_pattern(PART * PARTS, 4);
	struct pair p;
	struct ends e;

	ends_init(&e);
	pair_open(&p, &(struct pair_opts){.impair = "loss=3%,delay=1ms,seed=2"});
	e.b.close_at_eof = true;
	assert_int_equal(sink_join(&p, 6, &e.a, &e.b, NULL), 0);
	pair_run(&p, NULL, NULL, 100000);
	assert_int_equal(e.a.opens, 1);
	/* For on_pull: offsets are those of the whole stream. */
	e.a.out = bytes;
	e.a.out_len = PART * PARTS;
	for (unsigned i = 0; i < PARTS; i++) {
		int64_t n = i % 2 ? hr_send_pull(e.a.w, e.a.c, PART)
				  : hr_send(e.a.w, e.a.c, bytes + i * PART, PART);

		assert_int_equal(n, PART);
	}
	assert_int_equal(hr_close(e.a.w, e.a.c), 0);
	assert_true(pair_run(&p, sink_both_closed, e.both, 300000000));
	assert_int_equal(e.b.len, PART * PARTS);
	assert_memory_equal(e.b.data, bytes, PART * PARTS);
	settle(&p);
	ends_free(&e);
	free(bytes);
}

static bool joined(void *ends)
{
	struct ends *e = ends;

	return e->a.opens == 1 && e->b.opens == 1;
}

/* Frames of 9000 bytes: mbufs have room for them, the MSS says so, and a segment is one mbuf. */
static void test_jumbo(void **state)
{
	static const char *const wires[] = {",mtu=9000", ",mtu=9000,caps=csum+tso"};
	static const char *const impair[] = {NULL, "loss=3%,reorder=1%,delay=1ms,seed=3"};
	uint8_t *bytes = sink_pattern(2 * MB, 12);

	for (unsigned i = 0; i < 16; i++) {
		struct hr_conn_info info;
		struct pair p;
		struct ends e;
		uint16_t mss;

		ends_init(&e);
		pair_open(&p, &(struct pair_opts){.wire_args = wires[i & 1],
				      .impair = impair[i >> 1 & 1],
				      .mbufs = 4096});
		assert_int_equal(sink_join(&p, i & 4 ? 6 : 4, &e.a, &e.b, NULL), 0);
		assert_true(pair_run(&p, joined, &e, 10000000));
		mss = 9000 - (i & 4 ? 40 : 20) - 20 - 12;
		assert_int_equal(hr_conn_info(e.a.w, e.a.c, &info), 0);
		assert_int_equal(info.snd_mss, mss);
		assert_int_equal(info.pmtu, 9000);
		/* A half-open entry keeps it in steps. */
		assert_int_equal(hr_conn_info(e.b.w, e.b.c, &info), 0);
		assert_in_range(info.snd_mss, mss - 31, mss);
		e.b.out = bytes; /* B's end has TSO, A's is the impaired one */
		e.b.out_len = 2 * MB;
		e.b.pull = (i & 8) != 0;
		e.b.close_when_sent = true;
		e.a.close_at_eof = true;
		sink_push(&e.b);
		assert_true(pair_run(&p, sink_both_closed, e.both, 300000000));
		assert_int_equal(e.a.len, 2 * MB);
		assert_memory_equal(e.a.data, bytes, 2 * MB);
		assert_true(pair_count(&p, PAIR_B, "tx_bytes") < 3 * MB);
		settle(&p);
		ends_free(&e);
	}
	free(bytes);
}

/* A reader that stops: the window closes, the writer stops; hr_resume() brings all of it back,
 * nothing twice. */
static void test_back_pressure(void **state)
{
	uint8_t *bytes = sink_pattern(MB, 7);
	struct hr_conn_info info;
	struct pair p;
	struct ends e;

	ends_init(&e);
	pair_open(&p, &(struct pair_opts){0});
	e.a.out = bytes;
	e.a.out_len = MB;
	e.a.close_when_sent = true;
	e.b.close_at_eof = true;
	e.b.take = 100;
	assert_int_equal(sink_join(&p, 4, &e.a, &e.b, NULL), 0);
	pair_run(&p, NULL, NULL, 20000000);
	assert_int_equal(e.b.datas, 1);
	assert_int_equal(e.b.len, 100);
	assert_int_equal(hr_conn_info(e.b.w, e.b.c, &info), 0);
	/* The receive buffer is full, as far as whole windows go, and not more than full, but for a
	 * unit of the window. */
	assert_in_range(info.unread_bytes, hr_tcp_params_default.rcv_buf_bytes - 2000,
		hr_tcp_params_default.rcv_buf_bytes + (1u << info.rcv_wscale));
	assert_true(pair_count(&p, PAIR_A, "zero_window_probes") > 0);
	assert_true(e.a.out_done < MB);
	/* A few bytes at a time. */
	e.b.take = 10000;
	for (unsigned i = 0; i < 2000 && e.b.closes == 0; i++) {
		int rc = hr_resume(e.b.w, e.b.c);

		assert_true(rc == 0 || rc == -ESTALE);
		pair_run(&p, NULL, NULL, 100000);
	}
	assert_int_equal(e.b.len, MB);
	assert_memory_equal(e.b.data, bytes, MB);
	assert_int_equal(e.b.reason, HR_CLOSED);
	assert_true(e.a.writables > 0);
	settle(&p);
	ends_free(&e);
	free(bytes);
}

/* FIN is behind unread bytes: on_eof and on_close wait for them, also when both ways are closed by
 * then. */
static void test_close_waits_for_reader(void **state)
{
	uint8_t *bytes = sink_pattern(5000, 8);
	struct pair p;
	struct ends e;

	ends_init(&e);
	pair_open(&p, &(struct pair_opts){0});
	e.a.out = bytes;
	e.a.out_len = 5000;
	e.a.shutdown_when_sent = true;
	e.a.close_at_eof = true;
	e.b.take = 1;
	assert_int_equal(sink_join(&p, 4, &e.a, &e.b, NULL), 0);
	pair_run(&p, NULL, NULL, 1000000);
	assert_int_equal(hr_shutdown(e.b.w, e.b.c), 0);
	pair_run(&p, NULL, NULL, 1000000);
	assert_int_equal(e.a.closes, 1);
	assert_int_equal(e.b.closes + e.b.eofs, 0);
	e.b.take = SIZE_MAX;
	assert_int_equal(hr_resume(e.b.w, e.b.c), 0);
	pair_run(&p, NULL, NULL, 1000);
	assert_int_equal(e.b.len, 5000);
	assert_memory_equal(e.b.data, bytes, 5000);
	assert_string_equal(e.b.log, "odec");
	assert_int_equal(e.b.reason, HR_CLOSED);
	settle(&p);
	ends_free(&e);
	free(bytes);
}

static void test_send_buffer(void **state)
{
	struct hr_tcp_params params = hr_tcp_params_default;
	uint8_t *bytes = sink_pattern(100000, 9);
	struct pair p;
	struct ends e;

	params.snd_buf_bytes = 10000;
	params.snd_buf_max_bytes = 0;
	ends_init(&e);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(sink_join(&p, 4, &e.a, &e.b, &params), 0);
	assert_int_equal(hr_send(e.a.w, e.a.c, bytes, 1), -ENOTCONN);
	assert_int_equal(hr_send_room(e.a.w, e.a.c), -ENOTCONN);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(hr_send_room(e.a.w, e.a.c), 10000);
	assert_int_equal(hr_send(e.a.w, e.a.c, NULL, 0), 0);
	assert_int_equal(hr_send(e.a.w, e.a.c, bytes, 4000), 4000);
	assert_int_equal(hr_send_room(e.a.w, e.a.c), 6000);
	/* It fitted: nobody waits for room. */
	pair_run(&p, NULL, NULL, 1000000);
	assert_int_equal(e.a.writables, 0);
	assert_int_equal(hr_send(e.a.w, e.a.c, bytes + 4000, 96000), 10000);
	assert_int_equal(hr_send(e.a.w, e.a.c, bytes, 1), 0);
	pair_run(&p, NULL, NULL, 1000000);
	assert_true(e.a.writables >= 1);
	assert_int_equal(hr_send_room(e.a.w, e.a.c), 10000);
	assert_int_equal(e.b.len, 14000);
	assert_memory_equal(e.b.data, bytes, 14000);
	assert_int_equal(hr_abort(e.a.w, e.a.c), 0);
	settle(&p);
	ends_free(&e);
	free(bytes);
}

static void test_urgent(void **state)
{
	struct pair p;
	struct ends e;

	ends_init(&e);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(sink_join(&p, 4, &e.a, &e.b, NULL), 0);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(hr_send(e.a.w, e.a.c, "hello!", 6), 6);
	assert_int_equal(hr_urgent(e.a.w, e.a.c), 0);
	pair_run(&p, NULL, NULL, 1000000);
	assert_string_equal(e.b.log, "oud");
	assert_int_equal(e.b.urgent_ahead, 6);
	assert_int_equal(e.b.len, 6);
	assert_int_equal(hr_abort(e.a.w, e.a.c), 0);
	settle(&p);
	ends_free(&e);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_lossy),
		cmocka_unit_test(test_pull),
		cmocka_unit_test(test_pull_mixed),
		cmocka_unit_test(test_jumbo),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_close_waits_for_reader),
		cmocka_unit_test(test_send_buffer),
		cmocka_unit_test(test_urgent),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
