/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections in every closing order over a link that loses 2 %: afterwards nothing is left. leak
 * [connections]. */
#include <stdio.h>
#include <stdlib.h>

#include "churn.h"
#include "common/eal.h"
#include "test_assert.h"

static uint32_t connections = 200000;

static void test_leak(void **state)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.lossy = true, .remotes = 4};
	struct pair p;

	pair_open(&p, &(struct pair_opts){.impair = "loss=2%,delay=200us,seed=21",
			      .tcp = &params,
			      .addrs = 4,
			      .mbufs = 32768,
			      .max_conns = 20000,
			      .max_half_open = 20000,
			      .max_time_wait = 200000});
	churn_start(&c, &p, connections, 2000);
	churn_finish(&c, UINT64_MAX / 4);
	pair_run(&p, NULL, NULL, 300000000);
	for (unsigned side = 0; side < 2; side++) {
		printf("side %c: ", "AB"[side]);
		for (unsigned r = 0; r < HR_REASON_COUNT; r++)
			printf("%u ", c.reasons[side][r]);
		printf("(by reason), %llu segments in, %llu retransmitted\n",
			(unsigned long long)pair_count(&p, side, "segs_in"),
			(unsigned long long)pair_count(&p, side, "retransmits"));
	}
	printf("seed 21, %u connections, %llu rounds, %.1f s of virtual time\n", connections,
		(unsigned long long)p.rounds, (double)p.now_us / 1e6);
	pair_empty(&p);
	pair_close(&p);
	churn_free(&c);
}

static int start(void **state)
{
	test_eal_start(512);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_leak)};

	if (argc > 1)
		connections = (uint32_t)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, start, NULL);
}
