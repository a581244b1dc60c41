/* SPDX-License-Identifier: BSD-3-Clause */
/* impair as a bottleneck: the rate with its queue and its marks, and what netem's users expect
 * besides: bursts of loss and packets that jump the delay. */
#include "impaired.h"

static void rate_spaces_packets_and_drops_the_rest(void **state)
{
	/* 1000-byte frames at 8 Mbit/s take 1 ms each; one is being sent, two may wait. */
	struct pair p = given_impair("rate=8M,queue=2p");
	struct hr_port_stats s;

	for (uint8_t i = 1; i <= 4; i++)
		sends(p.a, pool_a, i, 0, 1000 - TCP_HEADERS);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_queue_drop, 1);
	assert_int_equal(s.impaired_loss, 0);
	assert_int_equal(s.impaired_queue_bytes, 2000);
	assert_int_equal(s.impaired_queue_max_bytes, 2000);
	assert_int_equal(deadline(p.a), 1001000);
	now_us = 1000999;
	flush(p.a);
	assert_string_equal(arrived(p.b), "");
	now_us = 1001000;
	flush(p.a);
	assert_string_equal(arrived(p.b), "1");
	sends(p.a, pool_a, 5, 0, 1000 - TCP_HEADERS);
	now_us = 1002999;
	flush(p.a);
	assert_string_equal(arrived(p.b), "2");
	now_us = 1004000;
	flush(p.a);
	assert_string_equal(arrived(p.b), "3 5");
	/* An idle link gives no credit. */
	now_us = 2000000;
	sends(p.a, pool_a, 6, 0, 500 - TCP_HEADERS);
	assert_int_equal(deadline(p.a), 2000500);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_queue_bytes, 0);
	close_pair(p);
}

/* How many of ten 1000-byte frames that come at once find a place. */
static unsigned places(const char *args)
{
	struct pair p = given_impair(args);
	struct hr_port_stats s;

	for (uint8_t i = 1; i <= 10; i++)
		sends(p.a, pool_a, i, 0, 1000 - TCP_HEADERS);
	hr_port_stats(p.a, &s);
	close_pair(p);
	return 10 - (unsigned)s.impaired_queue_drop;
}

static void a_queue_is_of_bytes_of_packets_or_of_a_time(void **state)
{
	/* One is being sent; then 3999 bytes are three frames, 4000 are four, 5 ms are five. */
	assert_int_equal(places("rate=8M,queue=3999"), 4);
	assert_int_equal(places("rate=8M,queue=4000"), 5);
	assert_int_equal(places("rate=8M,queue=5ms"), 6);
	assert_int_equal(places("rate=8M,queue=7p"), 8);
	/* 100 ms at 80 kbit/s are a single frame: ten full ones are the least. */
	assert_int_equal(places("rate=80k"), 10);
	/* A time that is shorter than a full frame lasts holds that frame. */
	assert_int_equal(places("rate=8M,queue=1us"), 2);
}

/* The delay comes behind the rate: what waits is not longer for it, and nothing leaves twice. */
static void the_delay_follows_the_rate(void **state)
{
	struct pair p = given_impair("rate=8M,queue=2p,delay=20ms");
	struct hr_port_stats s;

	for (uint8_t i = 1; i <= 3; i++)
		sends(p.a, pool_a, i, 0, 1000 - TCP_HEADERS);
	now_us += 3000; /* all were sent, all are in the air: the queue is empty again */
	for (uint8_t i = 4; i <= 6; i++)
		sends(p.a, pool_a, i, 0, 1000 - TCP_HEADERS);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_queue_drop, 0);
	now_us = 1020999;
	flush(p.a);
	assert_string_equal(arrived(p.b), "");
	now_us = 1026000;
	flush(p.a);
	assert_string_equal(arrived(p.b), "1 2 3 4 5 6");
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_late, 5);
	assert_int_equal(s.impaired_late_max_us, 5000);
	close_pair(p);
}

/* Six frames with this byte as IPv4 type of service; how many arrive with CE, checksums good. */
static unsigned marked(const char *args, uint8_t tos)
{
	struct pair p = given_impair(args);
	struct rte_mbuf *given[6], *m[8];
	struct hr_port_stats s;
	unsigned ce = 0;

	for (unsigned i = 0; i < 6; i++) {
		uint8_t bytes[1514];
		struct rte_ipv4_hdr *ip = (void *)(bytes + 14);
		uint32_t len = tcp_frame(bytes, (uint16_t)i, 0, 1000 - TCP_HEADERS, i);

		ip->type_of_service = tos;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		given[i] = packet_of(pool_a, bytes, len, sizeof(bytes));
		rte_pktmbuf_refcnt_update(given[i], 1);
		m[0] = given[i];
		assert_int_equal(port_tx(p.a, 0, m, 1), 1);
	}
	now_us += 10000;
	flush(p.a);
	assert_int_equal(port_rx(p.b, 0, m, 8), 6);
	for (unsigned i = 0; i < 6; i++) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m[i], void *, 14);
		const struct rte_ipv4_hdr *was = rte_pktmbuf_mtod_offset(given[i], void *, 14);

		ce += (ip->type_of_service & 3) == 3;
		assert_int_equal(ip->type_of_service & 0xfc, tos & 0xfc);
		assert_int_equal(was->type_of_service, tos);
		assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
		rte_pktmbuf_free(m[i]);
		rte_pktmbuf_free(given[i]);
	}
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_mark, (tos & 3) != 0 ? ce : 0);
	close_pair(p);
	return ce;
}

/* RFC 3168 5: of six, one is being sent and two wait unmarked below 2000 bytes. */
static void a_long_queue_marks_those_who_can_be_marked(void **state)
{
	assert_int_equal(marked("rate=8M,mark=2000", 0x02), 3);
	assert_int_equal(marked("rate=8M,mark=2ms", 0xb9), 3);
	assert_int_equal(marked("rate=8M,mark=2000", 0x00), 0);
	assert_int_equal(marked("rate=8M,mark=64K", 0x02), 0);
}

static void a_mark_is_found_in_ipv6_and_behind_a_tag(void **state)
{
	uint8_t six[14 + 40 + 20] = {[12] = 0x86, [13] = 0xdd, [14] = 0x61, [15] = 0x25},
			      tagged[14 + 4 + 40 + 20] = {[12] = 0x81,
				      [15] = 5,
				      [16] = 0x86,
				      [17] = 0xdd,
				      [18] = 0x61,
				      [19] = 0x15},
			      arp[60] = {[12] = 0x08, [13] = 0x06, [15] = 0x33};
	struct rte_mbuf *m = packet_of(pool_a, six, sizeof(six), sizeof(six));
	struct rte_mbuf *copy = hr_impair_marked(m, pool_a);

	six[15] = 0x35;
	assert_packet(copy, six, sizeof(six));
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(copy);
	m = packet_of(pool_a, tagged, sizeof(tagged), sizeof(tagged));
	copy = hr_impair_marked(m, pool_a);
	tagged[19] = 0x35;
	assert_packet(copy, tagged, sizeof(tagged));
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(copy);
	m = packet_of(pool_a, arp, sizeof(arp), sizeof(arp));
	assert_null(hr_impair_marked(m, pool_a));
	rte_pktmbuf_free(m);
	m = packet_of(pool_a, six, 20, 20);
	assert_null(hr_impair_marked(m, pool_a));
	rte_pktmbuf_free(m);
}

static void some_jump_the_delay(void **state)
{
	struct pair p = given_impair("delay=10ms,jump=100%,dir=tx");
	struct hr_port_stats s;
	unsigned early = 0, late = 0;

	sends(p.a, pool_a, 1, 0, 1);
	assert_string_equal(arrived(p.b), "1");
	close_pair(p);

	p = given_impair("delay=10ms,jump=25%,seed=4");
	for (uint8_t i = 0; i < 200; i++) {
		struct rte_mbuf *m[4];
		uint16_t n;

		now_us += 1000;
		sends(p.a, pool_a, i, 0, 1);
		n = port_rx(p.b, 0, m, 4);
		for (uint16_t k = 0; k < n; k++) {
			unsigned age = (uint8_t)(i - number_of(m[k]));

			assert_true(age == 0 || age == 10);
			early += age == 0;
			late += age == 10;
		}
		rte_pktmbuf_free_bulk(m, n);
	}
	assert_in_range(early, 30, 70);
	assert_in_range(early + late, 188, 200);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_reorder, early);
	now_us += 10000;
	flush(p.a);
	assert_true(deadline(p.a) == HR_NEVER);
	close_pair(p);
}

/* Losses come in runs: 5 % of 20,000 in bursts of 10 are about a hundred runs, not a thousand. */
static void bursts_lose_packets_in_a_row(void **state)
{
	struct pair p = given_impair("burst=5%:10,seed=2");
	unsigned lost = 0, runs = 0;
	bool before = false;

	for (unsigned i = 0; i < 20000; i++) {
		struct rte_mbuf *m;
		bool gone;

		sends(p.a, pool_a, (uint8_t)i, 0, 1);
		gone = port_rx(p.b, 0, &m, 1) == 0;
		if (!gone)
			rte_pktmbuf_free(m);
		lost += gone;
		runs += gone && !before;
		before = gone;
	}
	assert_in_range(lost, 700, 1300);
	assert_in_range(runs, 70, 130);
	close_pair(p);
	/* In the bad state one of two gets through. */
	p = given_impair("burst=50%:1000:50%,seed=2");
	struct hr_port_stats s;

	for (unsigned i = 0; i < 20000; i++)
		sends(p.a, pool_a, (uint8_t)i, 0, 1), arrived(p.b);
	hr_port_stats(p.a, &s);
	assert_in_range(s.impaired_loss, 3000, 7000);
	close_pair(p);
}

/* Which of the frames on either side of a burst get through, as bits; the burst fills a queue or
 * not. */
static uint64_t fate_around(const char *args, unsigned burst)
{
	struct pair p = given_impair(args);
	uint64_t bits = 0;

	for (unsigned i = 0; i < 60; i++) {
		struct rte_mbuf *m[4];
		bool queued = i >= 20 && i < 40;
		uint16_t n;

		if (!queued || burst == 0)
			now_us += 10000;
		sends(p.a, pool_a, (uint8_t)i, 0, 1000 - TCP_HEADERS);
		if (i == 39)
			now_us += 100000;
		now_us += queued && burst > 0 ? 0 : 5000;
		flush(p.a);
		while ((n = port_rx(p.b, 0, m, 4)) > 0) {
			for (uint16_t k = 0; k < n; k++)
				if (number_of(m[k]) < 20 || number_of(m[k]) >= 40)
					bits |= 1ull << number_of(m[k]);
			rte_pktmbuf_free_bulk(m, n);
		}
	}
	close_pair(p);
	return bits;
}

/* The fate of the nth frame is the seed's, whatever the queue did to those before it. */
static void chance_does_not_depend_on_the_queue(void **state)
{
	const char *args =
		"rate=8M,queue=2p,loss=30%,jitter=2ms,reorder=20%,dup=10%,corrupt=5%,seed=9";
	uint64_t calm = fate_around(args, 0), full = fate_around(args, 1);

	assert_true(calm != 0);
	assert_true(calm == full);
}

static int setup(void **state)
{
	test_eal_start(64);
	pool_a = test_pool(2047);
	pool_b = test_pool(2047);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_spaces_packets_and_drops_the_rest),
		cmocka_unit_test(a_queue_is_of_bytes_of_packets_or_of_a_time),
		cmocka_unit_test(the_delay_follows_the_rate),
		cmocka_unit_test(a_long_queue_marks_those_who_can_be_marked),
		cmocka_unit_test(a_mark_is_found_in_ipv6_and_behind_a_tag),
		cmocka_unit_test(some_jump_the_delay),
		cmocka_unit_test(bursts_lose_packets_in_a_row),
		cmocka_unit_test(chance_does_not_depend_on_the_queue),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
