/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario files and flags: what each value becomes, which source wins, and that the report's
 * config reads back. */
#include "options.h"
#include "report.h"
#include "scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void load(struct config *cfg, const char *file)
{
	char err[HR_ERRLEN + CONFIG_TEXT] = "";

	config_init(cfg);
	if (scenario_load(cfg, file, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static void flags(struct config *cfg, int argc, char **argv)
{
	char err[HR_ERRLEN + CONFIG_TEXT] = "";

	if (options_parse(cfg, argc, argv, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static void finish(struct config *cfg)
{
	char err[HR_ERRLEN + CONFIG_TEXT] = "";

	if (config_finish(cfg, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static void assert_ip(const struct hr_ip *ip, const char *want)
{
	char text[64];

	assert_string_equal(hr_ip_text(ip, text, sizeof(text)), want);
}

static void test_everything(void **state)
{
	struct config cfg;
	const struct side_config *c = &cfg.side[CLIENT], *s = &cfg.side[SERVER];

	load(&cfg, GOOD "/everything.yaml");
	finish(&cfg);
	assert_int_equal(cfg.role, ROLE_BOTH);
	assert_int_equal(cfg.duration_us, 1500000);
	assert_int_equal(cfg.drain_us, 200000);
	assert_int_equal(cfg.interval_us, 250000);
	assert_true(cfg.quiet);
	assert_false(cfg.huge);
	assert_false(cfg.verbose);
	assert_int_equal(cfg.idle, HR_IDLE_YIELD);
	assert_true(cfg.seed == UINT64_MAX);
	assert_int_equal(cfg.response_size, 65536);
	assert_true(cfg.expect_size);
	assert_string_equal(c->port, "wire:test");
	assert_string_equal(s->port, "wire:test");
	assert_int_equal(c->workers, 2);
	assert_int_equal(s->workers, 1);
	/* tcp: the top is for both sides, a section for its own */
	assert_int_equal(c->tcp.mss, 536);
	assert_int_equal(s->tcp.mss, 1400);
	assert_false(c->tcp.nagle);
	assert_false(s->tcp.nagle);
	assert_int_equal(s->tcp.time_wait_ms, 1500);
	assert_false(c->tcp.timestamps);
	assert_true(s->tcp.timestamps);
	assert_true(c->tcp.sack);
	assert_false(s->tcp.sack);
	assert_int_equal(c->n_addrs, 2);
	assert_ip(&c->addrs[0].first, "198.18.0.1");
	assert_int_equal(c->addrs[0].count, 9);
	assert_int_equal(c->addrs[0].prefix_len, 24);
	assert_ip(&c->addrs[1].first, "198.18.1.1");
	assert_int_equal(c->addrs[1].count, 1);
	assert_int_equal(c->n_gateways, 1);
	assert_ip(&c->gateways[0].via, "198.18.0.254");
	assert_int_equal(s->n_gateways, 0);
	assert_string_equal(cfg.path, "/bytes/65536");
	assert_int_equal(cfg.requests, 10);
	assert_true(cfg.keepalive);
	assert_int_equal(cfg.connections, 2000000);
	assert_int_equal(cfg.concurrency, 50);
	assert_int_equal(cfg.rate, 10000);
	assert_int_equal(cfg.timeout_us, 3000000);
	assert_true(cfg.sha256);
	assert_string_equal(cfg.sha256_hex, "");
	assert_int_equal(cfg.listen, 8080);
	/* both: the target is the server's first address */
	assert_ip(&cfg.target, "198.18.0.100");
	assert_int_equal(cfg.target_port, 8080);
}

static void test_defaults(void **state)
{
	struct config cfg;

	config_init(&cfg);
	finish(&cfg);
	assert_string_equal(cfg.side[CLIENT].port, "wire:hrload");
	assert_int_equal(cfg.side[CLIENT].n_addrs, 2);
	assert_ip(&cfg.side[CLIENT].addrs[0].first, "198.18.0.1");
	assert_int_equal(cfg.side[CLIENT].addrs[0].count, 1);
	assert_ip(&cfg.side[CLIENT].addrs[1].first, "198.18.0.3");
	assert_int_equal(cfg.side[CLIENT].addrs[1].count, 15);
	assert_ip(&cfg.target, "198.18.0.2");
	assert_int_equal(cfg.target_port, 80);
	assert_int_equal(cfg.concurrency, 100);
	assert_int_equal(cfg.duration_us, 10000000);
	assert_false(cfg.expect_size);

	config_init(&cfg);
	cfg.ipv6 = true;
	finish(&cfg);
	assert_ip(&cfg.side[CLIENT].addrs[0].first, "2001:db8::1");
	assert_ip(&cfg.target, "2001:db8::2");

	/* A number of connections is a limit of its own: no duration then. */
	config_init(&cfg);
	flags(&cfg, 2, (char *[]){"--connections", "10"});
	finish(&cfg);
	assert_int_equal(cfg.duration_us, 0);
	/* An open rate is not held back by a concurrency that nobody asked for. */
	config_init(&cfg);
	flags(&cfg, 4, (char *[]){"--rate", "10k/s", "--client-max-conns", "500"});
	finish(&cfg);
	assert_int_equal(cfg.concurrency, 500);
}

/* What both ends must agree on is one value, wherever it stands. */
static void test_protocol(void **state)
{
	struct config cfg;

	load(&cfg, CONFIG "/tcp.yaml");
	finish(&cfg);
	assert_int_equal(cfg.protocol, PROTOCOL_TCP);
	assert_int_equal(cfg.requests, 1);
	assert_int_equal(cfg.request_size, 1);
	assert_int_equal(cfg.response_size, 1);

	/* a response is short where nothing else was said */
	config_init(&cfg);
	flags(&cfg, 4, (char *[]){"--protocol", "tcp", "--request-size", "64K"});
	finish(&cfg);
	assert_int_equal(cfg.request_size, 65536);
	assert_int_equal(cfg.response_size, 1);
	config_init(&cfg);
	flags(&cfg, 4, (char *[]){"--response-size", "2K", "--protocol", "tcp"});
	finish(&cfg);
	assert_int_equal(cfg.response_size, 2048);

	load(&cfg, GOOD "/tcp-server.yaml");
	finish(&cfg);
	assert_int_equal(cfg.role, ROLE_SERVER);
	assert_int_equal(cfg.protocol, PROTOCOL_TCP);
	assert_int_equal(cfg.requests, 0);
	assert_int_equal(cfg.request_size, 100);
	assert_int_equal(cfg.response_size, 3000);
}

static void test_flags_win(void **state)
{
	struct config cfg;

	load(&cfg, GOOD "/everything.yaml");
	flags(&cfg, 13,
		(char *[]){"--duration=3s", "--workers", "3", "--server-workers", "4",
			"--client-address", "198.18.2.1/24", "--client-address", "198.18.3.1/24",
			"--no-nodelay", "--client-sack=no", "--no-keepalive", "--no-sha256"});
	finish(&cfg);
	assert_int_equal(cfg.duration_us, 3000000);
	assert_int_equal(cfg.side[CLIENT].workers, 3);
	assert_int_equal(cfg.side[SERVER].workers, 4);
	/* a list is replaced by the first flag, and grows with the next */
	assert_int_equal(cfg.side[CLIENT].n_addrs, 2);
	assert_ip(&cfg.side[CLIENT].addrs[0].first, "198.18.2.1");
	assert_ip(&cfg.side[CLIENT].addrs[1].first, "198.18.3.1");
	assert_int_equal(cfg.side[SERVER].n_addrs, 1);
	assert_true(cfg.side[CLIENT].tcp.nagle);
	assert_false(cfg.side[CLIENT].tcp.sack);
	assert_false(cfg.keepalive);
	assert_false(cfg.sha256);
}

static void test_digest_flag(void **state)
{
	static const char hex[] =
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
	char flag[100];
	struct config cfg;

	config_init(&cfg);
	snprintf(flag, sizeof(flag), "--sha256=%s", hex);
	flags(&cfg, 1, (char *[]){flag});
	assert_true(cfg.sha256);
	assert_string_equal(
		cfg.sha256_hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* A scenario, its config object, and the scenario that object is: twice the same. */
static void round_trip(const char *file)
{
	char path[] = "/tmp/hrload-round-XXXXXX";
	int fd = mkstemp(path);
	struct config first, second;
	char *a, *b;
	FILE *f;

	assert_true(fd >= 0);
	load(&first, file);
	finish(&first);
	a = report_config_text(&first);
	assert_non_null(a);
	f = fdopen(fd, "w");
	assert_non_null(f);
	assert_true(fputs(a, f) >= 0);
	assert_int_equal(fclose(f), 0);
	load(&second, path);
	finish(&second);
	b = report_config_text(&second);
	unlink(path);
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void test_round_trip(void **state)
{
	static const char *const files[] = {GOOD "/everything.yaml", GOOD "/tcp-server.yaml",
		CONFIG "/demo.yaml", CONFIG "/demo-v6.yaml", CONFIG "/rate.yaml",
		CONFIG "/keepalive.yaml", CONFIG "/impaired.yaml", CONFIG "/tcp.yaml",
		CONFIG "/server.yaml", CONFIG "/client.yaml"};

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		round_trip(files[i]);
}

/* Each row of the table can be set from the text that its default is written as, and then is the
 * default again. */
static void test_table(void **state)
{
	char text[CONFIG_TEXT], again[CONFIG_TEXT], err[HR_ERRLEN + CONFIG_TEXT];
	struct config cfg;

	config_init(&cfg);
	for (unsigned i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];

		assert_ptr_equal(option_find(row->name), row);
		if (!option_text(&cfg, row, CLIENT, 0, text, sizeof(text)))
			continue;
		if (option_set(&cfg, row, 1u << CLIENT, text, row->name, err, sizeof(err)) < 0)
			fail_msg("%s", err);
		assert_true(option_text(&cfg, row, CLIENT, 0, again, sizeof(again)));
		assert_string_equal(text, again);
	}
	assert_null(option_find("no-such-option"));
	assert_ptr_equal(option_find("max_conns"), option_find("max-conns"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_flags_win),
		cmocka_unit_test(test_digest_flag),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
