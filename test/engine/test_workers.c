/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several workers a side: replies come back to the worker that asked, over a port with RSS and a
 * queue for each, over one with fewer queues, which is shared by software, and also when the RETA
 * changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Each worker of the side did its share. */
static void check_spread(const struct pair *p, const char *counter, unsigned side, uint64_t total)
{
	int i = hr_counter_find(counter), n = (int)hr_engine_workers(p->e[side]);

	assert_true(i >= 0);
	for (int w = 0; w < n; w++)
		assert_in_range(hr_engine_counter(p->e[side], w, (unsigned)i),
			total * 2 / 3 / (unsigned)n, total * 4 / 3 / (unsigned)n);
	assert_int_equal(hr_engine_counter(p->e[side], -1, (unsigned)i), total);
}

static void finish(struct pair *p, struct churn *c)
{
	pair_run(p, NULL, NULL, 200000000);
	pair_empty(p);
	pair_close(p);
	churn_free(c);
}

struct stage {
	unsigned workers;
	const char *wire, *impair;
	unsigned family;
	uint32_t connections, response;
	bool slow; /* the port does not take all at once */
};

static void open_stage(struct pair *p, const struct stage *s, const struct hr_tcp_params *params)
{
	pair_open(p, &(struct pair_opts){.workers = s->workers,
			     .wire_args = s->wire,
			     .impair = s->impair,
			     .tcp = params,
			     /* tuples enough beside those in TIME-WAIT */
			     .addrs = s->connections > 100000 ? 16 : 4,
			     .mbufs = 8192});
}

/* Nothing was lost between a queue and its worker, and the frames are where they were counted. */
static void check_port(const struct pair *p, unsigned side, bool slow)
{
	struct hr_port_stats s;

	assert_int_equal(hr_port_stats(p->port[side], &s), 0);
	assert_int_equal(s.rx_missed, 0);
	assert_int_equal(s.rx_nombuf, 0);
	assert_true(!slow || s.tx_full > 0);
}

static void run(const struct stage *s)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.remotes = 4, .family = s->family, .response = s->response};
	struct pair p;

	c.lossy = s->impair != NULL;
	open_stage(&p, s, &params);
	churn_start(&c, &p, s->connections, 400);
	churn_finish(&c, 3600000000ull);
	assert_int_equal(c.connect_errors, 0);
	check_spread(&p, "conns_opened", PAIR_A, s->connections);
	if (!c.lossy)
		check_spread(&p, "conns_established", PAIR_A, s->connections);
	/* Copies of ARP and NDP are not forwarded packets, and nothing else crossed. */
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(pair_count(&p, side, "forwarded"), 0);
		assert_int_equal(pair_count(&p, side, "arrival_mismatch"), 0);
		check_port(&p, side, s->slow);
	}
	finish(&p, &c);
}

/* engine_workers [CONNECTIONS] */
static uint32_t connections = 100000;

static void test_arrival(void **state)
{
	run(&(struct stage){2, ",queues=2", NULL, 4, connections, 0});
	run(&(struct stage){2, ",queues=2", NULL, 6, connections / 10, 0});
}

/* Fewer queues than workers. */
static void test_shared(void **state)
{
	run(&(struct stage){2, ",queues=1", NULL, 4, connections / 4, 0});
	run(&(struct stage){2, ",queues=1", NULL, 6, connections / 10, 0});
	run(&(struct stage){3, ",queues=1", NULL, 4, connections / 10, 0});
	run(&(struct stage){3, ",queues=2", NULL, 4, connections / 10, 0});
	run(&(struct stage){5, ",queues=2,caps=csum", NULL, 6, connections / 10, 0});
}

/* Segments that stay in the send queue until they are acknowledged, in place and again. */
static void test_shared_bulk(void **state)
{
	run(&(struct stage){3, ",queues=1", NULL, 4, connections / 500, 60000});
	run(&(struct stage){
		3, ",queues=2", "loss=1%,dup=1%,reorder=1%", 4, connections / 500, 20000});
}

/* The port takes little, and the rings behind it fill up: nothing is lost, and it ends. */
static void test_shared_slow_port(void **state)
{
	run(&(struct stage){3, ",queues=1,depth=8", NULL, 4, connections / 500, 30000, true});
}

static void test_described(void **state)
{
	static const struct {
		unsigned workers;
		const char *wire, *text;
	} cases[] = {
		{2, ",queues=1", "1 queue\n"},
		{2, ",queues=1",
			"software distribution: 1 queue for 2 workers, Toeplitz over 128 RETA "
			"entries"},
		{3, ",queues=2", "software distribution: 2 queues for 3 workers"},
		{2, ",queues=2", "RSS by Toeplitz over 128 RETA entries"},
	};

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		char text[2048];
		struct pair p;

		pair_open(&p, &(struct pair_opts){
				      .workers = cases[i].workers, .wire_args = cases[i].wire});
		hr_engine_describe(p.e[PAIR_A], text, sizeof(text));
		if (strstr(text, cases[i].text) == NULL)
			fail_msg("no \"%s\" in:\n%s", cases[i].text, text);
		pair_close(&p);
	}
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

static void permute_reta(const char *wire)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.remotes = 4};
	struct hr_port_caps caps;
	struct part part;
	uint16_t reta[512];
	struct pair p;

	open_stage(&p, &(struct stage){.workers = 2, .wire = wire}, &params);
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

static void test_permuted_reta(void **state)
{
	permute_reta(",queues=2");
}

/* The RETA of a shared port is ours. */
static void test_permuted_shared(void **state)
{
	permute_reta(",queues=1");
}

/* A NIC that has RSS, as it says, and does not do what it is told. */
static const struct hr_port_ops *obedient;
static unsigned refusals;

static int refuse_rss(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	if (setup->offloads & HR_OFFLOAD_RSS) {
		refusals++;
		return hr_error(err, errlen, -ENOTSUP,
			"nic0: entry 3 of the RSS table is queue 0 and not 1 as it was told");
	}
	assert_int_equal(setup->queues, 1);
	return obedient->start(port, setup, err, errlen);
}

static struct hr_port *disobedient(struct hr_port *port, void *arg)
{
	static struct hr_port_ops ops;

	obedient = port->ops;
	ops = *port->ops;
	ops.start = refuse_rss;
	port->ops = &ops;
	return port;
}

/* told: the engine asked that NIC itself, and can say why. */
static void run_disobedient(const char *wire, bool told)
{
	struct hr_tcp_params params = churn_params();
	struct churn c = {.remotes = 4};
	char text[2048];
	struct pair p;

	refusals = 0;
	pair_open(&p, &(struct pair_opts){.workers = 3,
			      .wire_args = wire,
			      .tcp = &params,
			      .addrs = 4,
			      .wrap = disobedient});
	assert_int_equal(refusals, 1);
	hr_engine_describe(p.e[PAIR_A], text, sizeof(text));
	assert_non_null(strstr(text, "software distribution: 1 queue for 3 workers"));
	assert_true(strstr(text, "port 0: nic0: entry 3 of the RSS table") != NULL || !told);
	churn_start(&c, &p, 3000, 200);
	churn_finish(&c, 3600000000ull);
	check_spread(&p, "conns_established", PAIR_A, 3000);
	assert_int_equal(pair_count(&p, PAIR_A, "forwarded"), 0);
	finish(&p, &c);
}

static void test_rss_refused(void **state)
{
	run_disobedient(",queues=3", true);
	run_disobedient(",queues=2", false);
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
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_shared_bulk),
		cmocka_unit_test(test_shared_slow_port),
		cmocka_unit_test(test_permuted_shared),
		cmocka_unit_test(test_described),
		cmocka_unit_test(test_rss_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
