/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows through one drop-tail bottleneck for 60 virtual seconds: do they share, do they fill it,
 * and what does one flow make of a path with random loss? Prints a table; the limits are asserted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "bottleneck.h"

#define MBPS(n) ((uint64_t)(n)*1000000)
#define MS(n)   ((uint32_t)(n)*1000)

/* The bandwidth-delay product, bytes. */
static uint32_t bdp(uint64_t rate_bps, uint32_t rtt_us)
{
	return (uint32_t)(rate_bps / 8 * rtt_us / 1000000);
}

static void show(const struct neck *n, const char *what)
{
	printf("%-44s", what);
	for (unsigned i = 0; i < n->n_flows; i++)
		printf(" %6.2f", neck_goodput(n, i) / 1e6);
	printf(" Mbit/s  jain %.3f  used %.3f\n", neck_jain(n), neck_utilisation(n));
}

static void share(struct neck *n, uint64_t rate_bps, uint32_t rtt_us, double queue)
{
	n->rate_bps = rate_bps;
	n->queue_bytes = (uint32_t)(bdp(rate_bps, rtt_us) * queue);
	n->run_us = 60000000;
	neck_run(n);
}

static double part(const struct neck *n, unsigned flow)
{
	double all = 0;

	for (unsigned i = 0; i < n->n_flows; i++)
		all += (double)n->flow[i].counted;
	return (double)n->flow[flow].counted / all;
}

/* The part of the first of two CUBIC flows, of which the second comes later_us later. */
static double first_of_two(uint32_t rtt_us, uint32_t later_us, uint64_t warm_us, unsigned seed)
{
	struct neck n;
	char what[80];

	neck_init(&n, 2);
	n.seed = seed;
	n.warm_us = warm_us;
	n.flow[0].rtt_us = n.flow[1].rtt_us = rtt_us;
	n.flow[1].start_us = later_us;
	share(&n, MBPS(100), rtt_us, 1);
	snprintf(what, sizeof(what), "2 cubic, %u ms, +%u ms, from %u s, seed %u", rtt_us / 1000,
		later_us / 1000, (unsigned)(warm_us / 1000000), seed);
	show(&n, what);
	assert_true(neck_utilisation(&n) > 0.9);
	return part(&n, 0);
}

/* Which flow a full queue hits in its first second is chance, and CUBIC takes its time to make up
 * for it: the median of five seeds is held to `middle`, each of them to `least`. */
static void medians(uint32_t later_us, uint64_t warm_us, double middle, double least)
{
	static const uint32_t rtts[] = {MS(20), MS(40)};

	for (unsigned r = 0; r < RTE_DIM(rtts); r++) {
		double p[5];

		for (unsigned i = 0; i < RTE_DIM(p); i++) {
			unsigned at = i;

			p[i] = first_of_two(rtts[r], later_us * (i + 1), warm_us, i + 1);
			assert_true(p[i] > least && p[i] < 1 - least);
			for (; at > 0 && p[at - 1] > p[at]; at--) {
				double swap = p[at];

				p[at] = p[at - 1];
				p[at - 1] = swap;
			}
		}
		printf("%-44s %.3f\n", "median part of the first", p[2]);
		assert_true(p[2] > middle && p[2] < 1 - middle);
	}
}

/* Two CUBIC flows that begin together share within 40/60 over 60 s. */
static void two_cubic_flows(void **state)
{
	medians(7000, 0, 0.4, 0.4);
}

/* A flow that comes into a full link has most of its part within half a minute: 35/65. It gains on
 * the first with each loss that both meet, and with 40 ms those are seconds apart. */
static void a_late_cubic_flow(void **state)
{
	medians(200000, 30000000, 0.35, 0.2);
}

static void four_cubic_flows(void **state)
{
	struct neck n;

	neck_init(&n, 4);
	for (unsigned i = 0; i < 4; i++) {
		n.flow[i].rtt_us = MS(40);
		n.flow[i].start_us = i * 500000;
	}
	share(&n, MBPS(100), MS(40), 1);
	show(&n, "4 cubic, 100 Mbit/s, 40 ms, +500 ms each");
	assert_true(neck_jain(&n) > 0.9);
	assert_true(neck_utilisation(&n) > 0.9);
}

/* CU-2: in the Reno-friendly region neither starves. */
static void cubic_beside_newreno(void **state)
{
	static const uint32_t rtts[] = {MS(10), MS(40), MS(100)};

	for (unsigned r = 0; r < RTE_DIM(rtts); r++) {
		struct neck n;
		char what[64];

		neck_init(&n, 2);
		n.flow[1].params.cc = HR_CC_NEWRENO;
		n.flow[0].rtt_us = n.flow[1].rtt_us = rtts[r];
		share(&n, MBPS(20), rtts[r], 1);
		snprintf(what, sizeof(what), "cubic + newreno, 20 Mbit/s, %u ms", rtts[r] / 1000);
		show(&n, what);
		assert_true(part(&n, 1) > 0.15 && part(&n, 0) > 0.25);
	}
}

/* RTT fairness (RFC 9438 5.1: far from Reno's square of the ratio). */
static void short_beside_long_rtt(void **state)
{
	struct neck n;

	neck_init(&n, 2);
	n.flow[0].rtt_us = MS(20);
	n.flow[1].rtt_us = MS(80);
	share(&n, MBPS(100), MS(40), 1);
	show(&n, "2 cubic, 100 Mbit/s, 20 ms beside 80 ms");
	assert_true(part(&n, 1) > 1.0 / (1 + 16));
	assert_true(neck_utilisation(&n) > 0.9);
}

/*
 * One flow, 200 Mbit/s, random loss p. Expected (RFC 9438 5.1, 5.2, RFC 5681 by Mathis): the larger
 * of the averages of AIMD(alpha, 0.7) and of the cubic curve, in segments:
 *	aimd = sqrt(alpha (1 + beta) / (2 (1 - beta) p)) = sqrt(1.5 / p), cubic = 1.054 (RTT /
 *p)^(3/4)
 */
static void one_flow_under_loss(void **state)
{
	static const double losses[] = {0.0005, 0.001, 0.01, 0.03};
	static const uint32_t rtts[] = {MS(20), MS(100)};

	for (unsigned r = 0; r < RTE_DIM(rtts); r++)
		for (unsigned l = 0; l < RTE_DIM(losses); l++) {
			double p = losses[l], rtt = rtts[r] / 1e6, most, expected;
			struct neck n;
			char what[64];

			neck_init(&n, 1);
			n.loss = p;
			n.warm_us = 5000000;
			n.flow[0].rtt_us = rtts[r];
			share(&n, MBPS(200), rtts[r], 1);
			expected = fmax(sqrt(1.5 / p), 1.054 * pow(rtt / p, 0.75)) * 1448 * 8 / rtt;
			most = 200e6 * 1448 / 1502;
			expected = fmin(expected, most);
			snprintf(what, sizeof(what), "1 cubic, 200 Mbit/s, %u ms, loss %.2f %%",
				rtts[r] / 1000, p * 100);
			show(&n, what);
			printf("%44s %6.2f Mbit/s expected: x %.2f\n", "", expected / 1e6,
				neck_goodput(&n, 0) / expected);
			assert_true(neck_goodput(&n, 0) > 0.7 * expected);
		}
}

/* No loss but its own: the queue of one BDP keeps the link busy. */
static void one_flow_fills_the_link(void **state)
{
	for (enum hr_cc cc = 0; cc < HR_CC_COUNT; cc++) {
		struct neck n;
		char what[64];

		neck_init(&n, 1);
		n.flow[0].params.cc = (uint8_t)cc;
		n.flow[0].rtt_us = MS(40);
		n.warm_us = 5000000;
		share(&n, MBPS(100), MS(40), 1);
		snprintf(what, sizeof(what), "1 %s, 100 Mbit/s, 40 ms", n.flow[0].info.cc);
		show(&n, what);
		assert_true(neck_utilisation(&n) > 0.9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_cubic_flows),
		cmocka_unit_test(a_late_cubic_flow),
		cmocka_unit_test(four_cubic_flows),
		cmocka_unit_test(cubic_beside_newreno),
		cmocka_unit_test(short_beside_long_rtt),
		cmocka_unit_test(one_flow_under_loss),
		cmocka_unit_test(one_flow_fills_the_link),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	neck_setup();
	return cmocka_run_group_tests_name("fairness", tests, NULL, NULL);
}
