/* SPDX-License-Identifier: BSD-3-Clause */
/* What leaves when, and with which congestion bits: pacing over a link with delay, ECN on the wire.
 */
#include <stdlib.h>

#include <rte_mbuf.h>

#include "common/eal.h"
#include "engine/worker.h"
#include "proto/frame.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

#define MUCH 600000u

/* How many frames left in one turn, at most, once the window is large. */
struct watch {
	struct sink *both[2];
	struct tap *t;
	unsigned seen, turns, most;
};

static bool look(void *arg)
{
	struct watch *w = arg;
	unsigned n = w->t->n - w->seen;

	if (w->seen > 100 && n > 0) {
		w->turns++;
		w->most = RTE_MAX(w->most, n);
	}
	w->seen = w->t->n;
	return sink_both_closed(w->both);
}

static struct watch much(bool pacing, uint64_t *waits)
{
	struct hr_tcp_params params = hr_tcp_params_default;
	struct tap *t = calloc(1, sizeof(*t));
	uint8_t *bytes = sink_pattern(MUCH, 5);
	struct sink a, b;
	struct watch w = {.both = {&a, &b}, .t = t};
	struct pair p;

	params.pacing = pacing;
	params.snd_buf_bytes = params.rcv_buf_bytes = 1u << 20;
	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.impair = "delay=10ms",
			      .tcp = &params,
			      .mbufs = 16384,
			      .wrap = tap_wrap,
			      .wrap_arg = t});
	a.out = bytes;
	a.out_len = MUCH;
	a.close_when_sent = true;
	b.close_at_eof = true;
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	assert_true(pair_run(&p, look, &w, 60000000));
	assert_int_equal(b.len, MUCH);
	assert_memory_equal(b.data, bytes, MUCH);
	*waits = pair_count(&p, PAIR_A, "pacing_waits");
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&b);
	free(bytes);
	tap_free(t);
	return w;
}

/* PACE-1, PACE-3: the same bytes, in bursts or spread: a paced turn has no more than a millisecond
 * of a rate of two windows a round trip (20 ms). */
static void test_pacing_spreads(void **state)
{
	uint64_t waits[2];
	struct watch burst = much(false, &waits[0]), paced = much(true, &waits[1]);

	printf("turns that sent, most frames in one: %u, %u; paced %u, %u (%llu waits)\n",
		burst.turns, burst.most, paced.turns, paced.most, (unsigned long long)waits[1]);
	assert_int_equal(waits[0], 0);
	assert_true(waits[1] > 30);
	assert_true(burst.most >= 40);
	assert_true(paced.most <= burst.most / 2);
	assert_true(paced.turns > 2 * burst.turns);
}

static void ecn_of(unsigned family)
{
	struct hr_tcp_params params = hr_tcp_params_default;
	struct tap *t = calloc(1, sizeof(*t));
	uint8_t *bytes = sink_pattern(20000, 5);
	struct sink a, b, *both[2] = {&a, &b};
	struct rte_mempool *pool = test_pool(64);
	struct pair p;
	unsigned data = 0, cwr = 0, bare = 0;

	params.ecn = HR_ECN_ACTIVE;
	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.tcp = &params, .wrap = tap_wrap, .wrap_arg = t});
	b.close_at_eof = true;
	assert_int_equal(sink_join(&p, family, &a, &b, NULL), 0);
	pair_run(&p, NULL, NULL, 1000000);
	assert_int_equal(a.opens, 1);
	/* As after a cut. */
	hr_conn_get(a.w, a.c)->tcb.flags |= TF_CWR;
	a.out = bytes;
	a.out_len = 20000;
	a.close_when_sent = true;
	sink_push(&a);
	assert_true(pair_run(&p, sink_both_closed, both, 10000000));
	assert_int_equal(b.len, 20000);
	for (unsigned i = 0; i < t->n; i++) {
		struct rte_mbuf *m = tap_mbuf(t, i, pool);
		struct hr_frame f;
		struct tcp_seg s;
		uint8_t mac[6];

		memcpy(mac, t->frame[i].data, 6);
		assert_int_equal(hr_frame_parse(m, mac, &f, &s), DROP_NONE);
		if (f.kind == HR_FRAME_TCP && s.payload_len > 0) {
			/* ECT(0) on each segment, CWR on the first alone. */
			assert_int_equal(s.tos & 3, 2);
			assert_int_equal((s.flags & TCPF_CWR) != 0, data == 0);
			cwr += (s.flags & TCPF_CWR) != 0;
			data++;
		} else if (f.kind == HR_FRAME_TCP) {
			assert_int_equal(s.tos & 3, 0);
			bare++;
		}
		rte_pktmbuf_free(m);
	}
	assert_true(data >= 14 && bare >= 2);
	assert_int_equal(cwr, 1);
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&b);
	free(bytes);
	tap_free(t);
}

/* ECN-1, ECN-3: one descriptor of many segments, IPv4 and IPv6. */
static void test_ecn_bits(void **state)
{
	ecn_of(4);
	ecn_of(6);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pacing_spreads),
		cmocka_unit_test(test_ecn_bits),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
