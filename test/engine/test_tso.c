/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of many segments for a port that cuts them: B sends, its end of the wire cuts, and A's
 * port, which may lose and reorder, has what comes out. Streams are exact, and what arrives is what
 * arrives when the engine cuts.
 */
#include <stdlib.h>

#include <rte_ip.h>

#include "common/eal.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

#define MB  (1u << 20)
#define TSO ",caps=csum+tso"

struct flow {
	const char *wire_args, *impair;
	unsigned family;
	bool pull, copy;
	const struct hr_tcp_params *tcp;
	struct tap *tap;
	/* what came of it */
	uint64_t segments, frames;
};

/* A megabyte from B to A. */
static void send_stream(struct flow *f)
{
	uint8_t *bytes = sink_pattern(MB, 11);
	struct sink a, b, *both[2] = {&a, &b};
	char text[2048];
	struct pair p;

	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.impair = f->impair,
			      .wire_args = f->wire_args,
			      .tcp = f->tcp,
			      .wrap = f->tap != NULL ? tap_wrap : NULL,
			      .wrap_arg = f->tap});
	hr_worker_force_copy(pair_worker(&p, PAIR_B, 0), f->copy);
	b.out = bytes;
	b.out_len = MB;
	b.pull = f->pull;
	b.close_when_sent = true;
	a.close_at_eof = true;
	assert_int_equal(sink_join(&p, f->family, &a, &b, NULL), 0);
	assert_true(pair_run(&p, sink_both_closed, both, 300000000));
	assert_int_equal(a.len, MB);
	assert_memory_equal(a.data, bytes, MB);
	f->segments = pair_count(&p, PAIR_B, "segs_out");
	f->frames = pair_count(&p, PAIR_B, "tx_packets");
	assert_non_null(strstr(hr_engine_describe(p.e[PAIR_B], text, sizeof(text)),
		strstr(f->wire_args, "tso") != NULL ? "TSO of up to 65535 bytes" : "no TSO"));
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&a);
	free(bytes);
}

static void test_streams(void **state)
{
	static const char *const impair[] = {
		NULL, "loss=2%,reorder=2%,dup=1%,delay=1ms,seed=4", "loss=8%,delay=2ms,seed=5"};

	for (unsigned i = 0; i < RTE_DIM(impair); i++)
		for (unsigned kind = 0; kind < 6; kind++) {
			struct flow f = {.wire_args = TSO,
				.impair = impair[i],
				.family = kind & 1 ? 6 : 4,
				.pull = kind / 2 == 1,
				.copy = kind / 2 == 2};

			send_stream(&f);
			assert_true(f.segments > MB / 1448);
			assert_true(f.frames < f.segments);
			if (impair[i] == NULL)
				assert_true(f.frames < f.segments / 10);
		}
}

/* Segments that no port may be trusted with are cut by us. */
static void test_not_for_ports(void **state)
{
	struct hr_tcp_params tcp = hr_tcp_params_default;
	struct flow f = {.wire_args = TSO, .family = 4, .tcp = &tcp};

	tcp.mss = 200;
	send_stream(&f);
	assert_true(f.frames >= f.segments);
	tcp = hr_tcp_params_default;
	tcp.pmtud = false; /* identifications count */
	send_stream(&f);
	assert_true(f.frames >= f.segments);
}

/* Ports number the segments they cut; without fragments it does not matter (RFC 6864 4.1). */
static void forget_identification(struct tap *t, unsigned i)
{
	struct rte_ipv4_hdr *ip = (void *)(t->frame[i].data + 14);

	if (t->frame[i].data[12] == 0x08 && t->frame[i].data[13] == 0) {
		assert_int_equal(rte_ipv4_cksum(ip), 0);
		ip->packet_id = ip->hdr_checksum = 0;
	}
}

static void test_same_segments(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct flow f = {.wire_args = TSO, .family = family};
		struct tap *t[2];

		for (unsigned i = 0; i < 2; i++) {
			t[i] = calloc(1, sizeof(*t[i]));
			t[i]->hears = true;
			f.tap = t[i];
			f.wire_args = i == 0 ? TSO : ",caps=csum";
			send_stream(&f);
		}
		assert_true(t[0]->n > MB / 1448);
		assert_int_equal(t[0]->n, t[1]->n);
		for (unsigned i = 0; i < t[0]->n; i++) {
			forget_identification(t[0], i);
			forget_identification(t[1], i);
			assert_int_equal(t[0]->frame[i].len, t[1]->frame[i].len);
			if (t[0]->frame[i].len > 100) /* not ARP and NDP: MACs differ */
				assert_memory_equal(t[0]->frame[i].data + 12,
					t[1]->frame[i].data + 12, t[0]->frame[i].len - 12);
		}
		tap_free(t[0]);
		tap_free(t[1]);
	}
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_not_for_ports),
		cmocka_unit_test(test_same_segments),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
