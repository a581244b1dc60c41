/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes on the wire: sending queued mbufs in place and copying them give the same frames; large
 * descriptors are cut as TCP wants; a port that fills in checksums gets the pseudo-header's. The
 * frames are seen by a port of our own.
 */
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "common/eal.h"
#include "proto/frame.h"
#include "sink.h"
#include "tap.h"
#include "test_assert.h"

/* 100 KB from A in one go, then a close: what A put on the wire. */
static struct tap *record(unsigned family, bool copy, bool tx_csum, const struct hr_tcp_params *tcp)
{
	struct tap *t = calloc(1, sizeof(*t));
	uint8_t *bytes = sink_pattern(100000, 5);
	struct sink a, b, *both[2] = {&a, &b};
	struct pair p;

	t->keep_tx_csum = tx_csum;
	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){.wrap = tap_wrap, .wrap_arg = t, .tcp = tcp});
	hr_worker_force_copy(pair_worker(&p, PAIR_A, 0), copy);
	a.out = bytes;
	a.out_len = 100000;
	a.close_when_sent = true;
	b.close_at_eof = true;
	assert_int_equal(sink_join(&p, family, &a, &b, NULL), 0);
	assert_true(pair_run(&p, sink_both_closed, both, 10000000));
	assert_int_equal(b.len, 100000);
	assert_memory_equal(b.data, bytes, 100000);
	pair_run(&p, NULL, NULL, 130000000);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&b);
	free(bytes);
	return t;
}

static bool is_tcp(const uint8_t *frame)
{
	return frame[12] == 0x08 && frame[13] == 0 ? frame[23] == IPPROTO_TCP
						   : frame[12] == 0x86 && frame[20] == IPPROTO_TCP;
}

static void same_frames(const struct tap *x, const struct tap *y)
{
	unsigned tcp = 0;

	assert_int_equal(x->n, y->n);
	for (unsigned i = 0; i < x->n; i++) {
		assert_int_equal(x->frame[i].len, y->frame[i].len);
		/* Each wire has MAC addresses of its own, and ARP and NDP tell them. */
		if (is_tcp(x->frame[i].data)) {
			assert_memory_equal(
				x->frame[i].data + 12, y->frame[i].data + 12, x->frame[i].len - 12);
			tcp++;
		}
	}
	assert_true(tcp > 70);
}

/* BUG-18 */
static void test_paths_agree(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct tap *fast = record(family, false, false, NULL);
		struct tap *slow = record(family, true, false, NULL);
		struct tap *port = record(family, false, true, NULL);

		same_frames(fast, slow);
		same_frames(fast, port);
		assert_true(fast->in_place > 60);
		assert_int_equal(slow->in_place, 0);
		tap_free(fast);
		tap_free(slow);
		tap_free(port);
	}
}

/* IP-6, PM-5, MUST-61: Every frame parses (checksums too), segments follow each other, and flags
 * are where RFC 9293 wants them. */
static void test_cutting(void **state)
{
	static const uint8_t anyone[6];
	struct rte_mempool *pool = test_pool(64);
	struct tap *t = record(4, false, false, NULL);
	uint32_t next = 0, data = 0, full = 0, fins = 0;

	for (unsigned i = 0; i < t->n; i++) {
		struct rte_mbuf *m = tap_mbuf(t, i, pool);
		struct hr_frame f;
		struct tcp_seg s;
		uint8_t mac[6];

		memcpy(mac, t->frame[i].data, 6);
		assert_int_equal(hr_frame_parse(m, mac, &f, &s), DROP_NONE);
		if (f.kind == HR_FRAME_TCP) {
			const struct rte_ipv4_hdr *ip =
				rte_pktmbuf_mtod_offset(m, void *, f.l3_off);

			/* Atomic datagrams (RFC 6864): DF set, no fragment. */
			assert_int_equal(
				rte_be_to_cpu_16(ip->fragment_offset), RTE_IPV4_HDR_DF_FLAG);
			if (s.flags & TCPF_SYN)
				next = s.seq + 1;
			else
				assert_int_equal(s.seq, next);
			if (s.payload_len > 0)
				next += s.payload_len;
			data += s.payload_len;
			full += s.payload_len == 1448;
			fins += (s.flags & TCPF_FIN) != 0;
			if (s.flags & TCPF_FIN)
				next++;
			/* The last byte queued is pushed; nothing before it needs to be. */
			if (data < 100000)
				assert_false(s.flags & TCPF_PSH);
			else if (s.payload_len > 0)
				assert_true(s.flags & TCPF_PSH);
			assert_true(memcmp(mac, anyone, 6) != 0);
		}
		rte_pktmbuf_free(m);
	}
	assert_int_equal(data, 100000);
	assert_true(full >= 100000 / 1448);
	assert_int_equal(fins, 1);
	tap_free(t);
}

/* IP-6, PM-8: where routers may cut, no two full segments near each other have the same
 * identification, whatever their size. */
static void test_identification_without_df(void **state)
{
	static const uint16_t sizes[] = {256, 500, 1448};
	struct hr_tcp_params tcp = hr_tcp_params_default;

	tcp.pmtud = false;
	tcp.timestamps = false;
	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		uint8_t seen[1 << 16] = {0};
		unsigned full = 0;
		struct tap *t;

		tcp.mss = sizes[i];
		t = record(4, false, false, &tcp);
		for (unsigned k = 0; k < t->n; k++) {
			const struct rte_ipv4_hdr *ip = (const void *)(t->frame[k].data + 14);

			if (!is_tcp(t->frame[k].data))
				continue;
			assert_int_equal(ip->fragment_offset, 0);
			if (rte_be_to_cpu_16(ip->total_length) != 40 + sizes[i])
				continue;
			assert_int_equal(seen[rte_be_to_cpu_16(ip->packet_id)]++, 0);
			full++;
		}
		assert_true(full >= 100000u / sizes[i]);
		tap_free(t);
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
		cmocka_unit_test(test_paths_agree),
		cmocka_unit_test(test_cutting),
		cmocka_unit_test(test_identification_without_df),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
