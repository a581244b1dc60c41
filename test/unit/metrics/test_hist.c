/* SPDX-License-Identifier: BSD-3-Clause */
/* The histogram against sorted samples, at the edges of uint64_t, and read while it is written. */
#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void empty_histogram_says_zero(void **state)
{
	struct hr_hist *h = hr_hist_create();

	assert_int_equal(hr_hist_count(h), 0);
	assert_int_equal(hr_hist_max(h), 0);
	assert_int_equal(hr_hist_quantile(h, 0.5), 0);
	assert_int_equal(hr_hist_quantile(h, 1), 0);
	assert_true(hr_hist_mean(h) == 0);
	hr_hist_free(h);
	hr_hist_free(NULL);
}

static void small_values_are_exact(void **state)
{
	struct hr_hist *h = hr_hist_create();

	for (uint64_t v = 1; v <= 100; v++)
		hr_hist_record(h, v);
	assert_int_equal(hr_hist_quantile(h, 0), 1);
	assert_int_equal(hr_hist_quantile(h, -1), 1);
	for (unsigned p = 1; p <= 100; p++)
		assert_int_equal(hr_hist_quantile(h, p / 100.0), p);
	assert_int_equal(hr_hist_quantile(h, 2), 100);
	assert_true(hr_hist_mean(h) == 50.5);
	hr_hist_reset(h);
	assert_int_equal(hr_hist_count(h), 0);
	assert_int_equal(hr_hist_max(h), 0);
	assert_true(hr_hist_mean(h) == 0);
	hr_hist_free(h);
}

/* At every power of two and beside it, the value alone comes back exactly: the maximum caps its
 * bucket. */
static void edges_of_the_range(void **state)
{
	struct hr_hist *h = hr_hist_create();

	for (unsigned e = 0; e < 64; e++) {
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (UINT64_C(1) << e) + (uint64_t)d, low;

			hr_hist_reset(h);
			hr_hist_record(h, v);
			hr_hist_record(h, UINT64_MAX);
			low = hr_hist_quantile(h, 0.5);
			assert_true(low >= v && low - v <= v / 128);
			assert_int_equal(hr_hist_quantile(h, 1), UINT64_MAX);
			hr_hist_reset(h);
			hr_hist_record_n(h, v, 3);
			assert_int_equal(hr_hist_quantile(h, 0.5), v);
			assert_int_equal(hr_hist_count(h), 3);
		}
	}
	hr_hist_free(h);
}

static void sum_does_not_wrap(void **state)
{
	struct hr_hist *h = hr_hist_create();

	hr_hist_record_n(h, UINT64_C(1) << 63, UINT64_C(1) << 20);
	assert_true(hr_hist_mean(h) == 0x1p63);
	hr_hist_record_n(h, 7, 0);
	assert_int_equal(hr_hist_count(h), 1u << 20);
	hr_hist_free(h);
}

/* Samples over all magnitudes: the quantile is never below the sorted sample's and at most 1/128
 * above. */
static void quantiles_agree_with_sorting(void **state)
{
	enum { N = 5000 };
	static uint64_t v[N];
	struct hr_hist *h = hr_hist_create(), *odd = hr_hist_create(), *even = hr_hist_create();
	struct hr_rng r;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		hr_rng_seed(&r, seed);
		hr_hist_reset(h);
		hr_hist_reset(odd);
		hr_hist_reset(even);
		for (unsigned i = 0; i < N; i++) {
			v[i] = hr_rng_u64(&r) >> hr_rng_below(&r, 64);
			hr_hist_record(h, v[i]);
			hr_hist_record(i % 2 ? odd : even, v[i]);
		}
		hr_hist_merge(odd, even);
		qsort(v, N, sizeof(v[0]), by_value);
		for (unsigned p = 1; p <= 1000; p++) {
			uint64_t exact = v[(p * N + 999) / 1000 - 1];
			uint64_t got = hr_hist_quantile(h, p / 1000.0);

			assert_true(got >= exact && got - exact <= exact / 128);
			assert_int_equal(hr_hist_quantile(odd, p / 1000.0), got);
		}
		assert_int_equal(hr_hist_max(h), v[N - 1]);
		assert_int_equal(hr_hist_count(odd), N);
		assert_true(hr_hist_mean(odd) == hr_hist_mean(h));
	}
	hr_hist_free(h);
	hr_hist_free(odd);
	hr_hist_free(even);
}

static void *write_many(void *arg)
{
	for (unsigned i = 0; i < 200000; i++)
		hr_hist_record(arg, i % 1000);
	return NULL;
}

/* What a reporting thread does while a worker records (the TSan build watches this one). */
static void merge_while_writing(void **state)
{
	struct hr_hist *h = hr_hist_create(), *copy = hr_hist_create();
	uint64_t before = 0;
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, write_many, h), 0);
	for (unsigned i = 0; i < 20; i++) {
		hr_hist_reset(copy);
		hr_hist_merge(copy, h);
		assert_true(hr_hist_count(copy) >= before);
		before = hr_hist_count(copy);
		assert_true(hr_hist_quantile(copy, 0.99) <= 999);
	}
	pthread_join(writer, NULL);
	hr_hist_reset(copy);
	hr_hist_merge(copy, h);
	assert_int_equal(hr_hist_count(copy), 200000);
	assert_int_equal(hr_hist_max(copy), 999);
	assert_true(hr_hist_mean(copy) == 499.5);
	hr_hist_free(h);
	hr_hist_free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_histogram_says_zero),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(edges_of_the_range),
		cmocka_unit_test(sum_does_not_wrap),
		cmocka_unit_test(quantiles_agree_with_sorting),
		cmocka_unit_test(merge_while_writing),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
