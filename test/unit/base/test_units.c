/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that people write: exact results, and a sentence for everything else. */
#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct good {
	const char *text;
	uint64_t value;
};

struct bad {
	const char *text;
	const char *sentence;
};

typedef int parse_fn(const char *text, uint64_t *out, char *err, size_t errlen);

static void check(parse_fn *parse, const struct good *good, unsigned n_good, const struct bad *bad,
	unsigned n_bad)
{
	char err[HR_ERRLEN];
	uint64_t v;

	for (unsigned i = 0; i < n_good; i++) {
		v = 12345;
		assert_int_equal(parse(good[i].text, &v, err, sizeof(err)), 0);
		assert_int_equal(v, good[i].value);
	}
	for (unsigned i = 0; i < n_bad; i++) {
		v = 12345;
		assert_int_equal(parse(bad[i].text, &v, err, sizeof(err)), -EINVAL);
		assert_string_equal(err, bad[i].sentence);
		assert_int_equal(v, 12345);
		assert_int_equal(parse(bad[i].text, &v, NULL, 0), -EINVAL);
	}
}

#define CHECK(parse, good, bad) check(parse, good, RTE_DIM(good), bad, RTE_DIM(bad))

static void counts(void **state)
{
	static const struct good good[] = {{"0", 0}, {"10", 10}, {"10k", 10000}, {"10K", 10000},
		{"2M", 2000000}, {"1G", 1000000000}, {"1.5M", 1500000}, {"0.001k", 1}, {"2.0", 2},
		{"007", 7}, {"18446744073709551615", UINT64_MAX},
		{"18446744073.709551615G", UINT64_MAX}};
	static const struct bad bad[] = {
		{"", "a number is expected, the text is empty"},
		{"-5", "\"-5\": a number cannot be negative"},
		{"+5", "\"+5\" is not a number; it must begin with a digit"},
		{" 5", "\" 5\" is not a number; it must begin with a digit"},
		{"k", "\"k\" is not a number; it must begin with a digit"},
		{".5k", "\".5k\" is not a number; it must begin with a digit"},
		{"10q", "\"10q\": unit q is unknown; use k, M, G or none"},
		{"10 k", "\"10 k\": unit  k is unknown; use k, M, G or none"},
		{"10kk", "\"10kk\": unit kk is unknown; use k, M, G or none"},
		{"1.", "\"1.\": unit . is unknown; use k, M, G or none"},
		{"1.5.5", "\"1.5.5\": unit .5 is unknown; use k, M, G or none"},
		{"0x10", "\"0x10\": unit x10 is unknown; use k, M, G or none"},
		{"1e3", "\"1e3\": unit e3 is unknown; use k, M, G or none"},
		{"1.5", "\"1.5\": that is not a whole number of units"},
		{"0.0001k", "\"0.0001k\": that is not a whole number of units"},
		{"18446744073709551616", "\"18446744073709551616\": too many digits"},
		{"18446744073709551615k", "\"18446744073709551615k\": the number is too large"},
		{"0.000000000000000000001", "\"0.000000000000000000001\": too many digits"},
	};

	CHECK(hr_parse_count, good, bad);
}

static void bytes(void **state)
{
	static const struct good good[] = {{"512", 512}, {"512B", 512}, {"64K", 65536},
		{"64k", 65536}, {"1M", 1048576}, {"1G", 1073741824}, {"10kB", 10000},
		{"10MB", 10000000}, {"1GB", 1000000000}, {"64KiB", 65536}, {"1MiB", 1048576},
		{"1GiB", 1073741824}, {"1.5K", 1536}};
	static const struct bad bad[] = {
		{"1x", "\"1x\": unit x is unknown; use K, M, G (powers of 1024), kB, MB, GB "
		       "(powers of "
		       "1000) or none"},
		{"0.5", "\"0.5\": that is not a whole number of bytes"},
		{"-1K", "\"-1K\": a number of bytes cannot be negative"},
		{"17179869184G", "\"17179869184G\": the number of bytes is too large"},
	};

	CHECK(hr_parse_bytes, good, bad);
}

static void durations(void **state)
{
	static const struct good good[] = {{"10us", 10}, {"2ms", 2000}, {"1.5s", 1500000},
		{"3m", 180000000}, {"1h", 3600000000}, {"5", 5000000}, {"0.25", 250000}, {"0", 0},
		{"1.5h", 5400000000}};
	static const struct bad bad[] = {
		{"10min",
			"\"10min\": unit min is unknown; use us, ms, s, m, h or none for seconds"},
		{"0.5us", "\"0.5us\": that is not a whole number of microseconds"},
		{"5124095577h", "\"5124095577h\": the duration is too large"},
		{"soon", "\"soon\" is not a duration; it must begin with a digit"},
	};

	CHECK(hr_parse_duration_us, good, bad);
}

static void bit_rates(void **state)
{
	static const struct good good[] = {{"200M", 200000000}, {"10G", 10000000000},
		{"100Mbps", 100000000}, {"2.5Gbps", 2500000000}, {"64k", 64000}, {"64kbps", 64000},
		{"9600", 9600}, {"9600bps", 9600}};
	static const struct bad bad[] = {
		{"10MB", "\"10MB\": unit MB is unknown; use k, M, G, kbps, Mbps, Gbps or none for "
			 "bits per "
			 "second"},
		{"0.1", "\"0.1\": that is not a whole number of bits per second"},
		{"-1M", "\"-1M\": a bit rate cannot be negative"},
	};

	CHECK(hr_parse_bps, good, bad);
}

static void shares(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {{"0", 0}, {"0%", 0}, {"1", 1}, {"100%", 1}, {"0.1%", 0.001}, {"0.001", 0.001},
		{"12.5%", 0.125}, {"50%", 0.5}};
	static const struct bad bad[] = {
		{"", "a share is expected, the text is empty"},
		{"-1%", "\"-1%\": a share cannot be negative"},
		{"101%", "\"101%\": a share is at most 100% or 1"},
		{"1.001", "\"1.001\": a share is at most 100% or 1"},
		{"5 %", "\"5 %\": unit  % is unknown; use % or none"},
		{"5%%", "\"5%%\": unit %% is unknown; use % or none"},
		{"0.000000000000000000001", "\"0.000000000000000000001\": too many digits"},
	};
	char err[HR_ERRLEN];
	double v;

	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		assert_int_equal(hr_parse_share(good[i].text, &v, err, sizeof(err)), 0);
		assert_true(v == good[i].value);
	}
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		v = 7;
		assert_int_equal(hr_parse_share(bad[i].text, &v, err, sizeof(err)), -EINVAL);
		assert_string_equal(err, bad[i].sentence);
		assert_true(v == 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(bytes),
		cmocka_unit_test(durations),
		cmocka_unit_test(bit_rates),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
