/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash against the authors' vectors (2-4) and against OpenSSL's implementation (1-3). */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Key bytes 00..0f, message bytes 00, 01, ... */
static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void message(uint8_t *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m[i] = (uint8_t)i;
}

static void siphash24_matches_the_paper(void **state)
{
	static const uint64_t want[16] = {
		0x726fdb47dd0e0e31,
		0x74f839c593dc67fd,
		0x0d6c8009d9a94f5a,
		0x85676696d7fb7e2d,
		0xcf2794e0277187b7,
		0x18765564cd99a68d,
		0xcbc9466e58fee3ce,
		0xab0200f58b01d137,
		0x93f5f5799a932462,
		0x9e0082df0ba9e4b0,
		0x7a5dbbc594ddb9f3,
		0xf4b32f46226bada7,
		0x751e8fbc860ee5fb,
		0x14ea5627c0843d90,
		0xf723ca908e7af2ee,
		0xa129ca6149be45e5,
	};
	uint8_t m[16];

	message(m, sizeof(m));
	for (size_t n = 0; n < 16; n++)
		assert_int_equal(hr_siphash24(key, m, n), want[n]);
}

static void siphash13_matches_openssl(void **state)
{
	static const struct {
		size_t len;
		uint64_t want;
	} v[] = {
		{0, 0xabac0158050fc4dc},
		{1, 0xc9f49bf37d57ca93},
		{7, 0xd3927d989bb11140},
		{8, 0x369095118d299a8e},
		{9, 0x25a48eb36c063de4},
		{15, 0xd320d86d2a519956},
		{16, 0xcc4fdd1a7d908b66},
		{40, 0xc1d2363299e41531},
		{63, 0x9d199062b7bbb3a8},
	};
	uint8_t m[64];

	message(m, sizeof(m));
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_int_equal(hr_siphash13(key, m, v[i].len), v[i].want);
}

static void alignment_does_not_matter(void **state)
{
	uint8_t m[64], shifted[72];

	message(m, sizeof(m));
	for (size_t off = 1; off < 8; off++) {
		message(shifted + off, sizeof(m));
		assert_int_equal(hr_siphash13(key, shifted + off, 40), hr_siphash13(key, m, 40));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash24_matches_the_paper),
		cmocka_unit_test(siphash13_matches_openssl),
		cmocka_unit_test(alignment_does_not_matter),
	};

	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
