/* SPDX-License-Identifier: BSD-3-Clause */
/* Two workers a side over a port with RSS: replies come back to the worker that asked, also when
 * the RETA changes. */
#include <stdlib.h>

#include <stdio.h>

#include "churn.h"
#include "common/eal.h"
#include "test_assert.h"

static void check_forwarding(const struct pair *p, bool any)
{
	for (unsigned side = 0; side < 2; side++) {
		uint64_t out = pair_count(p, side, "forwarded");

		printf("side %c: %llu forwarded, %llu mismatches\n", "AB"[side],
			(unsigned long long)out,
			(unsigned long long)pair_count(p, side, "arrival_mismatch"));
		assert_int_equal(pair_count(p, side, "forwarded_in") > 0, out > 0 || any);
		if (any) {
			assert_true(out > 1000);
		} else {
			assert_int_equal(out, 0);
			assert_int_equal(pair_count(p, side, "arrival_mismatch"), 0);
		}
	}
}

/* Both workers of both sides did their share. */
static void check_spread(const struct pair *p, const char *counter, unsigned side, uint64_t total)
{
	int i = hr_counter_find(counter);

	assert_true(i >= 0);
	for (int w = 0; w < 2; w++)
		assert_in_range(
			hr_engine_counter(p->e[side], w, (unsigned)i), total / 3, total * 2 / 3);
	assert_int_equal(hr_engine_counter(p->e[side], -1, (unsigned)i), total);
}

static void finish(struct pair *p, struct churn *c)
{
	pair_run(p, NULL, NULL, 200000000);
	pair_empty(p);
	pair_close(p);
	churn_free(c);
}

static void run(unsigned family, uint32_t n)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.remotes = 4, .family = family};
	struct pair p;

	pair_open(&p,
		&(struct pair_opts){.workers = 2,
			.wire_args = ",queues=2",
			.tcp = &params,
			.addrs = n > 100000 ? 16 : 4, /* tuples enough beside those in TIME-WAIT */
			.mbufs = 8192});
	churn_start(&c, &p, n, 400);
	churn_finish(&c, 3600000000ull);
	assert_int_equal(c.connect_errors, 0);
	check_spread(&p, "conns_opened", PAIR_A, n);
	check_spread(&p, "conns_established", PAIR_A, n);
	/* Copies of ARP and NDP are not forwarded packets, and nothing else crossed. */
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(pair_count(&p, side, "forwarded"), 0);
		assert_int_equal(pair_count(&p, side, "arrival_mismatch"), 0);
	}
	finish(&p, &c);
}

/* engine_workers [CONNECTIONS] */
static uint32_t connections = 100000;

static void test_arrival(void **state)
{
	run(4, connections);
	run(6, connections / 10);
}

/* So many connections of the churn have ended. */
struct part {
	struct churn *c;
	uint32_t ended;
};

static bool part_done(void *arg)
{
	const struct part *part = arg;

	return part->c->ended >= part->ended;
}

static void test_permuted_reta(void **state)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.remotes = 4};
	struct hr_port_caps caps;
	struct part part;
	uint16_t reta[512];
	struct pair p;

	pair_open(&p, &(struct pair_opts){.workers = 2,
			      .wire_args = ",queues=2",
			      .tcp = &params,
			      .addrs = 4,
			      .mbufs = 8192});
	churn_start(&c, &p, 20000, 200);
	for (unsigned round = 0; round < 4; round++) {
		part = (struct part){.c = &c, .ended = c.total / 8 * (round + 1)};
		assert_true(pair_run(&p, part_done, &part, 60000000));
		assert_true(c.ended > 0 && c.ended < c.total);
		for (unsigned side = 0; side < 2; side++) {
			assert_int_equal(hr_port_caps(p.port[side], &caps), 0);
			assert_in_range(caps.reta_size, 1, 512);
			for (unsigned i = 0; i < caps.reta_size; i++)
				reta[i] = (uint16_t)((i / 2 + round) % 2);
			assert_int_equal(hr_port_set_reta(p.port[side], reta, caps.reta_size), 0);
		}
	}
	/* Not one connection noticed: churn fails the test at any end but the one its order asks
	 * for. */
	churn_finish(&c, 3600000000ull);
	check_forwarding(&p, true);
	assert_int_equal(c.connect_errors, 0);
	assert_int_equal(c.reasons[PAIR_A][HR_TIMEOUT] + c.reasons[PAIR_B][HR_TIMEOUT], 0);
	assert_true(pair_count(&p, PAIR_A, "arrival_mismatch") > 0);
	finish(&p, &c);
}

static int start(void **state)
{
	test_eal_start(384);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		connections = (uint32_t)strtoul(argv[1], NULL, 10);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrival),
		cmocka_unit_test(test_permuted_reta),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
