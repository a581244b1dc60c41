/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts that need no engine: pattern and digests, resources, message heads, the pacer's
 * arithmetic, the verdict. */
#include "client_worker.h"
#include "http.h"
#include "report.h"
#include "slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_pattern(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t len;
	} cases[] = {{0, 1}, {250, 2}, {1, 251}, {12345678901234567u, 100000}, {16063, 16064},
		{0, 16065}, {7, 0}};
	struct pattern *p = malloc(sizeof(*p));
	uint8_t *buf = malloc(100002);

	assert_non_null(p);
	assert_non_null(buf);
	pattern_init(p);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(buf, 0xee, 100002);
		pattern_fill(p, cases[i].offset, buf, cases[i].len);
		for (uint32_t k = 0; k < cases[i].len; k++)
			assert_int_equal(buf[k], (cases[i].offset + k) % 251);
		assert_int_equal(buf[cases[i].len], 0xee);
	}
	free(buf);
	free(p);
}

/* Reference values from sha256sum over bytes(i % 251 for i in range(n)) of Python. */
static void test_sha256(void **state)
{
	struct pattern *p = malloc(sizeof(*p));
	char hex[SHA256_HEX];

	assert_non_null(p);
	pattern_init(p);
	assert_true(pattern_sha256(p, 0, hex));
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(pattern_sha256(p, 1000, hex));
	assert_string_equal(
		hex, "4e4c294b331f7a2099a379bec34b9f9fc03dc46ab465d998f4d683da53487e6d");
	assert_true(pattern_sha256(p, 1048576, hex));
	assert_string_equal(
		hex, "631b84027d6b9e52b539c4e8373622d23032dfadc64d60af87339c9037e4f769");
	free(p);
}

static void test_resources(void **state)
{
	static const struct {
		const char *path;
		enum resource want;
		uint64_t n;
	} cases[] = {
		{"/", RESOURCE_DEFAULT, 7},
		{"/bytes", RESOURCE_DEFAULT, 7},
		{"/bytes/0", RESOURCE_BYTES, 0},
		{"/bytes/104857600", RESOURCE_BYTES, 104857600},
		{"/bytes/999999999999999", RESOURCE_BYTES, 999999999999999},
		{"/bytes/1000000000000000", RESOURCE_BAD, 7},
		{"/bytes/", RESOURCE_BAD, 7},
		{"/bytes/-1", RESOURCE_BAD, 0},
		{"/bytes/1k", RESOURCE_BAD, 1},
		{"/sha256/12", RESOURCE_SHA256, 12},
		{"/sha256/x", RESOURCE_BAD, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t n = 7;

		assert_int_equal(
			http_resource(cases[i].path, strlen(cases[i].path), &n), cases[i].want);
		assert_int_equal(n, cases[i].n);
	}
}

static void test_heads(void **state)
{
	char buf[HTTP_HEAD_MAX];
	size_t n = http_request_head(buf, sizeof(buf), "/a", "198.18.0.2:80", true);

	assert_string_equal(buf, "GET /a HTTP/1.1\r\nHost: 198.18.0.2:80\r\nUser-Agent: "
				 "hrload\r\nConnection: close\r\n\r\n");
	assert_int_equal(n, strlen(buf));
	n = http_response_head(buf, sizeof(buf), 200, 5, false);
	assert_string_equal(buf,
		"HTTP/1.1 200 OK\r\nServer: hrload\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: 5\r\n\r\n");
	assert_int_equal(n, strlen(buf));
	http_response_head(buf, sizeof(buf), 405, 0, true);
	assert_string_equal(buf,
		"HTTP/1.1 405 Method Not Allowed\r\nServer: hrload\r\nContent-Type: text/plain\r\n"
		"Content-Length: 0\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n");
	assert_int_equal(http_request_head(buf, 20, "/a", "h", true), 0);
}

/* Over any time the workers' shares add up to the rate, are even, and never run backwards. */
static void test_pacer(void **state)
{
	static const uint64_t rates[] = {1, 3, 999, 1000, 100000, 100000000};

	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
		for (unsigned workers = 1; workers <= 5; workers++)
			for (uint64_t t = 0; t < 3000000; t += 99991) {
				uint64_t sum = 0, low = UINT64_MAX, high = 0;

				for (unsigned i = 0; i < workers; i++) {
					uint64_t due = pacer_due(rates[r], t, i, workers);

					assert_true(due <= pacer_due(rates[r], t + 1, i, workers));
					sum += due;
					low = due < low ? due : low;
					high = due > high ? due : high;
				}
				assert_int_equal(sum, rates[r] * t / 1000000);
				assert_true(high - low <= 1);
			}
	/* 11 days at the highest rate do not overflow. */
	assert_int_equal(pacer_due(100000000, 1000000000000u, 0, 1), 100000000000000u);
}

/* A run of one second with both sides half idle in which 1000 connections completed. */
static void given_run(struct config *cfg, struct result *r)
{
	config_init(cfg);
	cfg->concurrency = 100;
	*r = (struct result){0};
	r->end.elapsed_us = 1000000;
	r->end.client.attempted = r->end.client.completed = 1000;
	for (int s = 0; s < SIDES; s++) {
		r->end.total_cycles[s] = 1000;
		r->end.busy_cycles[s] = 500;
	}
	r->final = r->end;
}

static void assert_verdict(const struct config *cfg, const struct result *r, const char *want)
{
	char got[HR_ERRLEN];

	report_verdict(cfg, r, got, sizeof(got));
	assert_string_equal(got, want);
}

static void test_verdict(void **state)
{
	struct config cfg;
	struct result r;

	given_run(&cfg, &r);
	assert_verdict(&cfg, &r,
		"the device under test, or 100 connections at a time: the generator had time to "
		"spare");
	r.rx_missed = 3;
	assert_verdict(&cfg, &r, "rx missed: the ports lost 3 packets before they were read");
	r.end.busy_cycles[SERVER] = 960;
	assert_verdict(&cfg, &r, "server CPU saturated (server busy 96 %)");
	r.end.busy_cycles[CLIENT] = 990;
	assert_verdict(&cfg, &r, "generator CPU saturated (client busy 99 %)");
	cfg.rate = 1000;
	assert_verdict(&cfg, &r, "pacing: the asked rate of 1000 connections/s was reached");
	r.no_mbuf = 4;
	assert_verdict(&cfg, &r, "mbuf shortage: 4 times no packet buffer was free; raise --mbufs");
	r.final.client.errors[ERR_no_port] = 5;
	assert_verdict(
		&cfg, &r, "port exhaustion: 5 connects found no source port; add client addresses");
	r.final.client.completed = 0;
	assert_verdict(&cfg, &r, "nothing completed: no_port 5 times");
	r.final.client.errors[ERR_no_port] = 0;
	assert_verdict(&cfg, &r, "nothing completed: no answer within the run");

	given_run(&cfg, &r);
	cfg.rate = 2000;
	assert_verdict(&cfg, &r,
		"the asked rate was not reached: 1000 of 2000 connections/s; concurrency 100 or "
		"the device under test");
	/* A side that did not run has no share. */
	r.end.total_cycles[SERVER] = 0;
	assert_true(busy_share(&r.begin, &r.end, SERVER) < 0);
	assert_true(busy_share(&r.begin, &r.end, CLIENT) == 0.5);
}

static void test_reasons(void **state)
{
	assert_int_equal(error_of_reason(HR_CLOSED), ERR_NONE);
	for (int r = HR_CLOSED + 1; r < HR_REASON_COUNT; r++)
		assert_int_not_equal(error_of_reason((enum hr_reason)r), ERR_NONE);
	assert_string_equal(error_names[error_of_reason(HR_REFUSED)], "refused");
	assert_string_equal(error_names[error_of_reason(HR_TIMEOUT)], "timeout");
}

#define OBJECTS 1000u

/* What came back last goes out first, objects do not overlap, and the limit holds. */
static void test_slab(void **state)
{
	struct thing {
		struct slab_item item;
		uint32_t mark;
	} * things[OBJECTS], *again;
	struct slab s;

	slab_init(&s, sizeof(struct thing), OBJECTS);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		things[i] = slab_get(&s);
		assert_non_null(things[i]);
		assert_int_equal((uintptr_t)things[i] % 64, 0);
		things[i]->mark = i;
	}
	assert_null(slab_get(&s));
	assert_int_equal(s.items, OBJECTS);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		assert_int_equal(things[i]->mark, i);
		assert_ptr_equal(slab_at(&s, i), things[i]);
	}
	slab_put(&s, things[7]);
	slab_put(&s, things[OBJECTS - 1]);
	assert_null(slab_at(&s, 7));
	assert_null(slab_at(&s, OBJECTS - 1));
	assert_non_null(slab_at(&s, 8));
	again = slab_get(&s);
	assert_ptr_equal(again, things[OBJECTS - 1]);
	again = slab_get(&s);
	assert_ptr_equal(again, things[7]);
	assert_null(slab_get(&s));
	slab_release(&s);
	assert_int_equal(s.items, 0);
	/* it can be filled again, and nothing has to come back before the end */
	assert_non_null(slab_get(&s));
	slab_release(&s);
}

/* The same quantiles as when each value goes into a histogram by itself. */
static void test_latency(void **state)
{
	struct latency_counts *c = calloc(1, sizeof(*c));
	struct hr_hist *want = hr_hist_create(), *got = hr_hist_create();
	uint64_t us = 1;

	assert_non_null(c);
	c->rest = hr_hist_create();
	for (unsigned i = 0; i < 20000; i++) {
		if (i % 3 == 0) /* 0 .. 16383, some in a row */
			us = us * 6364136223846793005u + 1442695040888963407u;
		latency_count(c, us >> 50);
		hr_hist_record(want, us >> 50);
	}
	latency_merge(got, c);
	assert_int_equal(hr_hist_count(got), 20000);
	assert_int_equal(hr_hist_max(got), hr_hist_max(want));
	assert_true(hr_hist_mean(got) == hr_hist_mean(want));
	for (unsigned q = 0; q <= 1000; q++)
		assert_int_equal(
			hr_hist_quantile(got, q / 1000.), hr_hist_quantile(want, q / 1000.));
	hr_hist_free(c->rest);
	hr_hist_free(want);
	hr_hist_free(got);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_pacer),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_slab),
		cmocka_unit_test(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
