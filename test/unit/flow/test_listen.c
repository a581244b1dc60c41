/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners: exact before any, and random additions and removals against a plain array. */
#include "flow/listen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"

#define ADDRS 5
#define PORTS 400

static void test_exact_before_any(void **state)
{
	struct hr_listeners *l = hr_listeners_create();

	assert_int_equal(hr_listeners_find(l, 1, 80), 0);
	assert_int_equal(hr_listeners_add(l, 0, 80, 10), 0);
	assert_int_equal(hr_listeners_add(l, 1, 80, 11), 0);
	assert_int_equal(hr_listeners_add(l, 1, 80, 12), -EADDRINUSE);
	assert_int_equal(hr_listeners_add(l, 0, 80, 12), -EADDRINUSE);
	assert_int_equal(hr_listeners_find(l, 1, 80), 11);
	assert_int_equal(hr_listeners_find(l, 2, 80), 10);
	assert_int_equal(hr_listeners_find(l, 1, 81), 0);
	assert_int_equal(hr_listeners_remove(l, 2, 80), -ENOENT);
	assert_int_equal(hr_listeners_remove(l, 1, 80), 11);
	assert_int_equal(hr_listeners_find(l, 1, 80), 10);
	assert_int_equal(hr_listeners_remove(l, 0, 80), 10);
	assert_int_equal(hr_listeners_find(l, 1, 80), 0);
	assert_int_equal(hr_listeners_add(l, 1, 80, 65535), 0);
	assert_int_equal(hr_listeners_find(l, 2, 80), 0);
	assert_int_equal(hr_listeners_remove(l, 1, 80), 65535);
	hr_listeners_free(l);
	hr_listeners_free(NULL);
}

static void test_random(void **state)
{
	static uint16_t expected[ADDRS][PORTS];
	struct hr_listeners *l = hr_listeners_create();
	struct hr_rng rng;

	hr_rng_seed(&rng, 1);
	for (uint32_t op = 1; op < 60000; op++) {
		uint32_t addr = hr_rng_below(&rng, ADDRS), port = hr_rng_below(&rng, PORTS);
		uint16_t *e = &expected[addr][port];

		/* Mostly full, then mostly empty: long probe sequences, wrapped ones too. */
		if (hr_rng_below(&rng, 10) < (op / 10000 % 2 == 0 ? 8u : 2u)) {
			uint16_t service = (uint16_t)(op % 65535 + 1);

			assert_int_equal(hr_listeners_add(l, addr, (uint16_t)port, service),
				*e != 0 ? -EADDRINUSE : 0);
			*e = *e != 0 ? *e : service;
		} else {
			assert_int_equal(hr_listeners_remove(l, addr, (uint16_t)port),
				*e != 0 ? *e : -ENOENT);
			*e = 0;
		}
		addr = 1 + hr_rng_below(&rng, ADDRS - 1);
		port = hr_rng_below(&rng, PORTS);
		assert_int_equal(hr_listeners_find(l, addr, (uint16_t)port),
			expected[addr][port] != 0 ? expected[addr][port] : expected[0][port]);
	}
	hr_listeners_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_before_any),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
