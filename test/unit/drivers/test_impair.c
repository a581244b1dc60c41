/* SPDX-License-Identifier: BSD-3-Clause */
/* Each trouble that impair makes, alone and exactly, on a clock of our own; and that nothing leaks
 * or changes by itself. */
#include "impaired.h"

static void delay_is_exact_both_ways(void **state)
{
	struct pair p = given_impair("delay=2ms");
	struct hr_port_caps caps;

	assert_int_equal(hr_port_caps(p.a, &caps), 0);
	assert_false(caps.copies_tx);
	assert_true(deadline(p.a) == HR_NEVER);
	sends(p.a, pool_a, 1, 0, 10);
	now_us += 500;
	sends(p.a, pool_a, 2, 0, 10);
	assert_int_equal(deadline(p.a), 1002000);
	now_us = 1001999;
	flush(p.a);
	assert_string_equal(arrived(p.b), "");
	now_us = 1002000;
	flush(p.a);
	assert_string_equal(arrived(p.b), "1");
	assert_int_equal(deadline(p.a), 1002500);
	now_us = 1002500;
	assert_string_equal(arrived(p.a), ""); /* rx moves what is due, too */
	assert_string_equal(arrived(p.b), "2");

	sends(p.b, pool_b, 3, 0, 10);
	assert_int_equal(deadline(p.a), 0); /* the wire has something for us */
	assert_string_equal(arrived(p.a), "");
	assert_int_equal(deadline(p.a), 1004500);
	now_us = 1004499;
	assert_string_equal(arrived(p.a), "");
	now_us = 1004500;
	assert_string_equal(arrived(p.a), "3");
	close_pair(p);
}

static void one_direction_leaves_the_other_alone(void **state)
{
	struct pair p = given_impair("delay=2ms,dir=rx");
	struct hr_port_caps caps;

	hr_port_caps(p.a, &caps);
	assert_true(caps.copies_tx);
	sends(p.a, pool_a, 1, 0, 10);
	assert_int_equal(test_pool_out(pool_a), 0);
	assert_string_equal(arrived(p.b), "1");
	sends(p.b, pool_b, 2, 0, 10);
	assert_string_equal(arrived(p.a), "");
	now_us += 2000;
	assert_string_equal(arrived(p.a), "2");
	close_pair(p);

	p = given_impair("delay=2ms,dir=tx");
	sends(p.b, pool_b, 2, 0, 10);
	assert_string_equal(arrived(p.a), "2");
	sends(p.a, pool_a, 1, 0, 10);
	assert_string_equal(arrived(p.b), "");
	close_pair(p); /* with one held */
}

static void jitter_stays_in_its_bounds_and_in_order(void **state)
{
	struct pair p = given_impair("delay=1ms,jitter=300us,seed=5");
	unsigned distinct = 0;
	uint64_t previous = 0;

	for (uint8_t i = 1; i <= 100; i++) {
		char want[8];
		uint64_t due;

		now_us += 10000;
		sends(p.a, pool_a, i, 0, 1);
		due = deadline(p.a) - now_us;
		assert_in_range(due, 1000, 1300);
		distinct += due != previous;
		previous = due;
		now_us += due;
		flush(p.a);
		snprintf(want, sizeof(want), "%u", i);
		assert_string_equal(arrived(p.b), want);
	}
	assert_true(distinct > 80);
	for (uint8_t i = 1; i <= 5; i++)
		sends(p.a, pool_a, i, 0, 1);
	now_us += 1300;
	flush(p.a);
	assert_string_equal(arrived(p.b), "1 2 3 4 5");
	close_pair(p);
}

static unsigned count_lost(const char *args, unsigned *pattern)
{
	struct pair p = given_impair(args);
	struct hr_port_stats s;
	unsigned got = 0;

	*pattern = 0;
	for (unsigned i = 0; i < 2000; i++) {
		struct rte_mbuf *m;

		sends(p.a, pool_a, (uint8_t)i, 0, 1);
		if (port_rx(p.b, 0, &m, 1) == 1) {
			rte_pktmbuf_free(m);
			*pattern = *pattern * 31 + i;
			got++;
		}
	}
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_loss, 2000 - got);
	assert_int_equal(s.tx_packets, got);
	close_pair(p);
	return 2000 - got;
}

static void loss_is_a_share_and_a_seed_repeats_it(void **state)
{
	unsigned first, again, other, none;

	assert_in_range(count_lost("loss=10%,seed=7", &first), 150, 250);
	assert_in_range(count_lost("loss=0.1,seed=7", &again), 150, 250);
	assert_int_equal(first, again);
	assert_in_range(count_lost("loss=10%,seed=8", &other), 150, 250);
	assert_int_not_equal(first, other);
	assert_int_equal(count_lost("loss=0%", &none), 0);
	assert_int_equal(count_lost("loss=100%", &none), 2000);
}

static void duplicates_are_copies(void **state)
{
	struct pair p = given_impair("dup=100%");
	struct hr_port_stats s;
	uint8_t want[TCP_HEADERS + 50];
	uint32_t len = tcp_frame(want, 9, 0, 50, 9);
	struct rte_mbuf *m[3];

	/* Straight at the wire, the original is gone with its copy; on the way in both come out of
	 * the queue's pool. */
	sends(p.a, pool_a, 9, 0, 50);
	assert_int_equal(port_rx(p.b, 0, m, 3), 2);
	assert_packet(m[0], want, len);
	assert_packet(m[1], want, len);
	rte_pktmbuf_free_bulk(m, 2);
	sends(p.b, pool_b, 9, 0, 50);
	assert_int_equal(port_rx(p.a, 0, m, 3), 2);
	assert_ptr_not_equal(m[0]->buf_addr, m[1]->buf_addr);
	assert_packet(m[0], want, len);
	assert_packet(m[1], want, len);
	rte_pktmbuf_free_bulk(m, 2);
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_dup, 2);
	close_pair(p);
}

static unsigned bits_that_differ(
	const struct rte_mbuf *m, const uint8_t *want, uint32_t from, uint32_t to)
{
	unsigned bits = 0;
	uint8_t copy[2048];
	const uint8_t *got = rte_pktmbuf_read(m, 0, m->pkt_len, copy);

	for (uint32_t i = from; i < to; i++)
		bits += (unsigned)__builtin_popcount(got[i] ^ want[i]);
	return bits;
}

static void corruption_spares_the_given_mbuf(void **state)
{
	struct pair p = given_impair("corrupt=100%,seed=3");
	struct hr_port_stats s;
	struct hr_port_caps caps;
	uint8_t want[TCP_HEADERS + 500];
	uint32_t len = tcp_frame(want, 9, 0, 500, 9);
	unsigned damaged = 0;

	hr_port_caps(p.a, &caps);
	assert_false(caps.offloads & (HR_OFFLOAD_TX_CSUM | HR_OFFLOAD_TSO));
	for (unsigned i = 0; i < 100; i++) {
		struct rte_mbuf *given = packet_of(pool_a, want, len, 200), *m = given;

		rte_pktmbuf_refcnt_update(given, 1); /* somebody else still looks at it */
		assert_int_equal(port_tx(p.a, 0, &m, 1), 1);
		assert_int_equal(port_rx(p.b, 0, &m, 1), 1);
		assert_int_equal(m->pkt_len, len);
		assert_int_equal(bits_that_differ(m, want, 0, 14), 0);
		assert_in_range(bits_that_differ(m, want, 14, len), 0, 4);
		damaged += bits_that_differ(m, want, 14, len) > 0;
		assert_int_equal(rte_mbuf_refcnt_read(given), 1);
		assert_memory_equal(rte_pktmbuf_mtod(given, void *), want, 200);
		rte_pktmbuf_free(m);
		rte_pktmbuf_free(given);
	}
	assert_true(damaged >= 95); /* two flips may meet on one bit */
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_corrupt, 100);
	close_pair(p);
}

static void corruption_takes_back_the_good_word(void **state)
{
	struct hr_port *a = open_port("impair(corrupt=100%,dir=rx) wire:word,caps=csum"),
		       *b = open_port("wire:word");
	struct rte_mempool *pools[1] = {pool_a};
	struct hr_port_setup setup = {
		.queues = 1, .pools = pools, .clock = own_clock, .offloads = HR_OFFLOAD_RX_CSUM};
	struct rte_mbuf *m;

	start_port(a, &setup);
	start_end(b, pool_b, 1);
	sends(b, pool_b, 1, 0, 100);
	assert_int_equal(port_rx(a, 0, &m, 1), 1);
	assert_int_equal(
		m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK), 0);
	rte_pktmbuf_free(m);
	close_pair((struct pair){a, b});
}

static void reordering_is_by_few_packets_or_a_short_time(void **state)
{
	struct pair p = given_impair("reorder=20%,seed=11");
	unsigned seen[200] = {0}, displaced = 0, position = 0;
	struct hr_port_stats s;
	struct rte_mbuf *m[64];

	for (unsigned i = 0; i < 200; i++) {
		sends(p.a, pool_a, (uint8_t)i, 0, 1);
		uint16_t n = port_rx(p.b, 0, m, 64);

		for (uint16_t k = 0; k < n; k++, position++) {
			unsigned number = number_of(m[k]);

			seen[number]++;
			displaced += number != position;
			/* Up to three pass it, and as many parked ones may stand in between. */
			assert_in_range(position + 16, number, number + 32);
		}
		rte_pktmbuf_free_bulk(m, n);
	}
	now_us += 1000;
	flush(p.a);
	uint16_t rest = port_rx(p.b, 0, m, 64);

	for (uint16_t k = 0; k < rest; k++)
		seen[number_of(m[k])]++;
	rte_pktmbuf_free_bulk(m, rest);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(seen[i], 1);
	assert_true(displaced > 20);
	hr_port_stats(p.a, &s);
	assert_in_range(s.impaired_reorder, 20, 65);
	assert_true(deadline(p.a) == HR_NEVER);
	close_pair(p);

	/* Alone, a packet leaves after reorder_delay. */
	p = given_impair("reorder=100%,reorder_delay=700us");
	sends(p.a, pool_a, 1, 0, 1);
	assert_int_equal(deadline(p.a), 1000700);
	now_us = 1000699;
	flush(p.a);
	assert_string_equal(arrived(p.b), "");
	now_us = 1000700;
	flush(p.a);
	assert_string_equal(arrived(p.b), "1");
	sends(p.a, pool_a, 2, 0, 1);
	close_pair(p); /* with one parked */
}

static void the_nth_segment_of_a_kind_is_dropped(void **state)
{
	struct pair p = given_impair("drop=syn:2+data:3+fin:1+ack:1+synack:1+rst:1,dir=rx,loss=0");
	struct hr_port_stats s;

	sends(p.a, pool_a, 1, RTE_TCP_SYN_FLAG, 0);
	sends(p.a, pool_a, 2, RTE_TCP_SYN_FLAG, 0); /* dropped */
	sends(p.a, pool_a, 3, RTE_TCP_SYN_FLAG, 0);
	sends(p.a, pool_a, 4, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, 0); /* dropped */
	sends(p.a, pool_a, 5, RTE_TCP_ACK_FLAG, 1);
	sends(p.a, pool_a, 6, RTE_TCP_ACK_FLAG, 1);
	sends(p.a, pool_a, 7, RTE_TCP_ACK_FLAG, 1); /* dropped */
	sends(p.a, pool_a, 8, RTE_TCP_ACK_FLAG, 1);
	sends(p.a, pool_a, 9, RTE_TCP_ACK_FLAG, 0); /* dropped */
	sends(p.a, pool_a, 10, RTE_TCP_ACK_FLAG, 0);
	sends(p.a, pool_a, 11, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 0); /* dropped */
	sends(p.a, pool_a, 12, RTE_TCP_RST_FLAG, 0);                    /* dropped */
	sends(p.a, pool_a, 13, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, 0);
	assert_string_equal(arrived(p.b), "1 3 5 6 8 10 13");
	hr_port_stats(p.a, &s);
	assert_int_equal(s.impaired_loss, 6);
	/* Rules are about what we send. */
	sends(p.b, pool_b, 1, RTE_TCP_RST_FLAG, 0);
	assert_string_equal(arrived(p.a), "1");
	close_pair(p);
}

static void a_full_inner_port_is_retried(void **state)
{
	struct hr_port *a = open_port("impair(delay=1ms) wire:slow,depth=2"),
		       *b = open_port("wire:slow");

	start_end(a, pool_a, 1);
	start_end(b, pool_b, 1);
	now_us = 1000000;
	for (uint8_t i = 1; i <= 5; i++)
		sends(a, pool_a, i, 0, 1);
	now_us += 1000;
	flush(a);
	assert_int_equal(deadline(a), 1001000);
	assert_string_equal(arrived(b), "1 2");
	assert_string_equal(arrived(a), "");
	assert_string_equal(arrived(b), "3 4");
	flush(a);
	assert_string_equal(arrived(b), "5");
	close_pair((struct pair){a, b});
}

static void the_line_is_bounded(void **state)
{
	struct pair p = given_impair("delay=1m,dir=tx");
	unsigned taken = 0, last = 1;

	/* An mbuf many times over: the lane only holds references. */
	while (last > 0) {
		struct rte_mbuf *m = tcp_packet(pool_a, 1, 0, 1, 1);

		rte_mbuf_refcnt_set(m, 65530);
		for (last = 0; last < 65530 && port_tx(p.a, 0, &m, 1) == 1; last++)
			taken++;
		rte_mbuf_refcnt_set(m, (uint16_t)RTE_MAX(last, 1u));
		if (last == 0)
			rte_pktmbuf_free(m);
	}
	assert_int_equal(taken, IMPAIR_LINE_MAX - 17);
	close_pair(p);
}

static void bad_arguments_earn_a_sentence(void **state)
{
	static const char *const bad[][2] = {
		{"loss=150%", "impair(loss=150%): "},
		{"loss", "impair(loss=): "},
		{"delay=2parsec", "impair(delay=2parsec): "},
		{"delay=2h", "impair(...): delay, jitter and reorder_delay go up to 1h each"},
		{"rate=fast", "impair(rate=fast): "},
		{"rate=10", "impair(rate=10): a rate is from 1k to 1000G"},
		{"rate=0", "impair(rate=0): a rate is from 1k to 1000G"},
		{"queue=10p", "impair(queue=10p): nothing waits where there is no rate: add rate="},
		{"mark=10K", "impair(mark=10K): nothing waits where there is no rate: add rate="},
		{"rate=1M,queue=0", "impair(queue=0): a queue holds 1514 bytes at least"},
		{"rate=1M,queue=1000", "impair(queue=1000): a queue holds 1514 bytes at least; for "
				       "packets write 10p, for a time 50ms"},
		{"rate=1M,queue=0p", "impair(queue=0p): 1p to 524288p packets can wait"},
		{"rate=1M,queue=1xp", "impair(queue=1xp): 1p to 524288p packets can wait"},
		{"rate=1M,queue=ms", "impair(queue=ms): "},
		{"rate=1M,queue=2m", "impair(queue=2m): "},
		{"rate=1M,queue=61s", "impair(queue=61s): nothing waits for more than 1m"},
		{"rate=1M,mark=0", "impair(mark=0): write how much may wait unmarked, as in 64K"},
		{"rate=1M,mark=5p", "impair(mark=5p): "},
		{"jump=1%", "impair(jump=1%): there is no delay to be let past: add delay="},
		{"burst=1%", "impair(burst=1%): write SHARE:LENGTH or SHARE:LENGTH:LOSS, as in "},
		{"burst=1%:8:50%:9", "impair(burst=1%:8:50%:9): write SHARE:LENGTH"},
		{"burst=x:8", "impair(burst=x:8): "},
		{"burst=95%:8", "impair(burst=95%:8): the share goes up to 90%"},
		{"burst=1%:0",
			"impair(burst=1%:0): the share goes up to 90%, the length from 1 to"},
		{"burst=80%:2", "impair(burst=80%:2): bursts so short cannot meet so many packets"},
		{"dir=up", "impair(dir=up): the directions are both, tx and rx"},
		{"drop=sym:2", "impair(drop=sym:2): no kind of segment is called \"sym\"; did you "
			       "mean syn? (known: syn, synack, "
			       "fin, rst, data, ack)"},
		{"drop=syn", "impair(drop=syn): write KIND:N, as in syn:2 for the second SYN"},
		{"drop=syn:0", "impair(drop=syn:0): write KIND:N, as in syn:2 for the second SYN"},
		{"drop=syn:1x",
			"impair(drop=syn:1x): write KIND:N, as in syn:2 for the second SYN"},
		{"drop=syn:1+", "impair(drop=syn:1+): no kind of segment is called \"\""},
		{"drop=rst:1+rst:2+rst:3+rst:4+rst:5+rst:6+rst:7+rst:8+rst:9", "impair(drop=rst:1"},
	};

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		char spec[256], err[HR_ERRLEN] = "";
		struct hr_port *port;

		snprintf(spec, sizeof(spec), "impair(%s) wire:bad", bad[i][0]);
		assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -EINVAL);
		if (strncmp(err, bad[i][1], strlen(bad[i][1])) != 0)
			print_message("%s: %s\n", spec, err);
		assert_memory_equal(err, bad[i][1], strlen(bad[i][1]));
	}
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
		cmocka_unit_test(delay_is_exact_both_ways),
		cmocka_unit_test(one_direction_leaves_the_other_alone),
		cmocka_unit_test(jitter_stays_in_its_bounds_and_in_order),
		cmocka_unit_test(loss_is_a_share_and_a_seed_repeats_it),
		cmocka_unit_test(duplicates_are_copies),
		cmocka_unit_test(corruption_spares_the_given_mbuf),
		cmocka_unit_test(corruption_takes_back_the_good_word),
		cmocka_unit_test(reordering_is_by_few_packets_or_a_short_time),
		cmocka_unit_test(the_nth_segment_of_a_kind_is_dropped),
		cmocka_unit_test(a_full_inner_port_is_retried),
		cmocka_unit_test(the_line_is_bounded),
		cmocka_unit_test(bad_arguments_earn_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
