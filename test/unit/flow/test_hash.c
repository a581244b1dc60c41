/* SPDX-License-Identifier: BSD-3-Clause */
/* The keyed hash: what it covers, and that regular keys spread as chance would (chi-square over
 * bucket numbers and tags). */
#include "flow/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BINS 256
#define KEYS 65536

static const uint64_t secret[2] = {0x0123456789abcdef, 0xfedcba9876543210};

static bool have_aes(void)
{
	return __builtin_cpu_supports("aes");
}

static void test_choice(void **state)
{
	struct hr_hash h;

	hr_hash_init(&h, secret, true);
	assert_string_equal(hr_hash_name(&h), "siphash-1-3");
	hr_hash_init(&h, secret, false);
	assert_string_equal(hr_hash_name(&h), have_aes() ? "aes" : "siphash-1-3");
	if (!have_aes())
		print_message(
			"this CPU has no AES instructions: the AES hash is not tested here\n");
}

/* Key n of a pattern that a load test or a scan makes. */
static struct hr_flow_key pattern(int kind, uint32_t n)
{
	struct hr_flow_key k = {.laddr_id = 1, .lport = 80, .rport = 1024, .raddr = {0x0100120a}};

	switch (kind) {
	case 0: /* ports in sequence */
		k.rport = (uint16_t)n;
		break;
	case 1: /* addresses in sequence */
		k.raddr4 = __builtin_bswap32(0xc6120000 + n);
		break;
	case 2: /* both ports move together */
		k.rport = k.lport = (uint16_t)n;
		break;
	case 3: /* IPv6: the host part counts */
		k.laddr_id |= HR_LADDR_V6;
		k.raddr[3] = __builtin_bswap32(n);
		break;
	default: /* IPv6: the network part counts */
		k.laddr_id |= HR_LADDR_V6;
		k.raddr[1] = n << 8;
		break;
	}
	return k;
}

/* Sum of (seen - expected)^2 / expected: 255 +- 22.6 for a fair hash; 400 is 6.4 deviations away.
 */
static double chi_square(const struct hr_hash *h, int kind, unsigned shift)
{
	uint32_t bin[BINS] = {0};
	double sum = 0;

	for (uint32_t n = 0; n < KEYS; n++) {
		struct hr_flow_key k = pattern(kind, n);

		bin[hr_hash_key(h, &k) >> shift & (BINS - 1)]++;
	}
	for (unsigned i = 0; i < BINS; i++) {
		double off = bin[i] - (double)KEYS / BINS;

		sum += off * off / ((double)KEYS / BINS);
	}
	return sum;
}

static void test_spread(void **state)
{
	static const unsigned shift[] = {0, 8, 16, 24, 56};

	for (int siphash = 0; siphash < 2; siphash++) {
		struct hr_hash h;

		hr_hash_init(&h, secret, siphash);
		for (int kind = 0; kind < 5; kind++) {
			for (unsigned s = 0; s < RTE_DIM(shift); s++) {
				double chi = chi_square(&h, kind, shift[s]);

				if (chi < 150 || chi > 400)
					print_message("%s kind %d shift %u: %.0f\n",
						hr_hash_name(&h), kind, shift[s], chi);
				assert_true(chi > 150 && chi < 400);
			}
		}
	}
}

/* Each bit of the key that counts changes about half of the 64 output bits; the others change none.
 */
static void test_coverage(void **state)
{
	for (int siphash = 0; siphash < 2; siphash++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct hr_flow_key k = {
				.laddr_id = v6 ? 9 | HR_LADDR_V6 : 9, .lport = 7, .rport = 8};
			struct hr_hash h;
			uint64_t base;

			hr_hash_init(&h, secret, siphash);
			base = hr_hash_key(&h, &k);
			for (unsigned bit = 0; bit < 8 * sizeof(k); bit++) {
				struct hr_flow_key other = k;
				int changed;

				if (bit == 31) /* the family */
					continue;
				((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1u << bit % 8);
				changed = __builtin_popcountll(base ^ hr_hash_key(&h, &other));
				if (!v6 && bit >= 8 * HR_KEY4_LEN)
					assert_int_equal(changed, 0);
				else
					assert_in_range(changed, 12, 52);
			}
		}
	}
}

/* Another secret, another hash; and not the same for both halves of the secret. */
static void test_keyed(void **state)
{
	struct hr_flow_key k = pattern(0, 5);

	for (int siphash = 0; siphash < 2; siphash++) {
		uint64_t seen[3];

		for (unsigned i = 0; i < 3; i++) {
			uint64_t key[2] = {secret[0] + (i == 1), secret[1] + (i == 2)};
			struct hr_hash h;

			hr_hash_init(&h, key, siphash);
			seen[i] = hr_hash_key(&h, &k);
		}
		assert_int_not_equal(seen[0], seen[1]);
		assert_int_not_equal(seen[0], seen[2]);
		assert_int_not_equal(seen[1], seen[2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_keyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
