/* SPDX-License-Identifier: BSD-3-Clause */
/* CUBIC's curve in integers against exact values (RFC 9438 4.2, C = 0.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "tcp/cubic.h"

/* CU-1: cube roots known by heart: 0.4 x 1 s^3 = 0.4 segments, 0.4 x 10^3 = 400, 0.4 x 5^3 = 50. */
static void k_of_round_numbers(void **state)
{
	assert_int_equal(hr_cubic_k_us(0, 1448), 0);
	assert_int_equal(hr_cubic_k_us(400, 1000), 1000000);
	assert_int_equal(hr_cubic_k_us(400 * 1000, 1000), 10000000);
	assert_int_equal(hr_cubic_k_us(50 * 1448, 1448), 5000000);
	assert_int_equal(hr_cubic_k_us(1, 1000), 135720); /* (1/400)^(1/3) s = 0.1357208... */
	assert_int_equal(hr_cubic_k_us(1, 65495), 33670); /* (1/26198)^(1/3) s = 0.0336700... */
}

static void far_of_round_numbers(void **state)
{
	assert_int_equal(hr_cubic_far(0, 1448), 0);
	assert_int_equal(hr_cubic_far(1000000, 1000), 400);
	assert_int_equal(hr_cubic_far(10000000, 1000), 400 * 1000);
	assert_int_equal(hr_cubic_far(999999, 1000), 399);
	assert_int_equal(hr_cubic_far(135720, 1000), 0);
	assert_int_equal(hr_cubic_far(135721, 1000), 1);
	/* Beyond any window: clamped, no wrap. */
	assert_int_equal(hr_cubic_far(UINT32_MAX, 65495), 1u << 31);
	assert_int_equal(hr_cubic_far(1u << 30, 36), 1u << 31);
}

/* The polynomial in floating point, which the core has none of. */
static long double far_exactly(uint32_t d_us, uint32_t mss)
{
	long double s = (long double)d_us / 1e6L;

	return 0.4L * s * s * s * mss;
}

/* The definition: C (K us)^3 is not above `below`, C ((K + 1) us)^3 is. */
static void k_is_the_floor_of_the_cube_root(void **state)
{
	struct hr_rng rng;

	hr_rng_seed(&rng, 9438);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t below = hr_rng_below(&rng, 1u << 30) >> hr_rng_below(&rng, 30);
		uint32_t mss = 36 + hr_rng_below(&rng, 65460);
		uint32_t k = hr_cubic_k_us(below, mss);

		assert_true(far_exactly(k, mss) <= below * (1 + 1e-15L));
		assert_true(far_exactly(k + 1, mss) > below * (1 - 1e-15L));
	}
}

static void far_matches_the_polynomial(void **state)
{
	struct hr_rng rng;

	hr_rng_seed(&rng, 8312);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t d = hr_rng_below(&rng, 1u << 30) >> hr_rng_below(&rng, 30);
		uint32_t mss = 36 + hr_rng_below(&rng, 65460);
		long double exact = far_exactly(d, mss), is = hr_cubic_far(d, mss);

		if (exact > 2147483648.0L)
			exact = 2147483648.0L;
		assert_true(is <= exact * (1 + 1e-15L) && is > exact * (1 - 1e-15L) - 1);
	}
}

/* The plateau is reached: K and the curve fit each other to the byte's worth of a microsecond. */
static void curve_begins_where_the_window_is(void **state)
{
	for (uint32_t below = 1; below < 1u << 30; below += below / 3 + 1) {
		uint32_t k = hr_cubic_k_us(below, 1448), far = hr_cubic_far(k, 1448);

		assert_true(far <= below);
		assert_true(hr_cubic_far(k + 1, 1448) >= below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(k_of_round_numbers),
		cmocka_unit_test(far_of_round_numbers),
		cmocka_unit_test(k_is_the_floor_of_the_cube_root),
		cmocka_unit_test(far_matches_the_polynomial),
		cmocka_unit_test(curve_begins_where_the_window_is),
	};

	return cmocka_run_group_tests_name("cubic", tests, NULL, NULL);
}
