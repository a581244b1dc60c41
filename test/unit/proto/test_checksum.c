/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum over mbufs of every shape, against plain code and against values worked out
 * by hand. */
#include "packet.h"

#include <netinet/in.h>

#include <rte_ip.h>

#include "base/rng.h"

/* RFC 1071 section 3's own example: sum ddf2. */
static void example_of_rfc1071(void **state)
{
	static const uint8_t b[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	struct rte_mbuf *m = pkt_mbuf(b, sizeof(b), NULL, 0);

	assert_int_equal(rte_be_to_cpu_16(hr_raw_sum(m, 0, 8)), 0xddf2);
	assert_int_equal(rte_be_to_cpu_16(hr_raw_sum(m, 0, 0)), 0);
	pkt_free(m);
}

/* CK-1: Random bytes in up to five segments, odd and empty ones among them, summed over random
 * ranges. Runs of 0xff make the carries that a 16-bit byte swap in the middle of a sum would lose.
 */
static void any_shape(void **state)
{
	const uint64_t seed = 42;
	struct hr_rng rng;
	unsigned odd = 0;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned n = hr_rng_below(&rng, round % 16 == 0 ? 4000 : 120), i, cut[4], cuts, off,
			 len;
		bool ones = hr_rng_below(&rng, 2) == 0;
		struct rte_mbuf *m;
		uint8_t b[4096];

		for (i = 0; i < n; i++)
			b[i] = ones && hr_rng_below(&rng, 8) != 0 ? 0xff
								  : (uint8_t)hr_rng_u64(&rng);
		cuts = hr_rng_below(&rng, 5);
		for (i = 0; i < cuts; i++) {
			unsigned from = i == 0 ? 0 : cut[i - 1];

			cut[i] = from + hr_rng_below(&rng, n - from + 1);
			odd += cut[i] & 1;
		}
		off = hr_rng_below(&rng, n + 1);
		len = hr_rng_below(&rng, n - off + 1);
		m = pkt_mbuf(b, n, cut, cuts);
		assert_int_equal(rte_be_to_cpu_16((uint16_t)~hr_raw_sum(m, off, len)),
			naive_checksum(b + off, len));
		/* Wide additions and DPDK's 16-bit ones agree. */
		if (cuts == 0)
			assert_int_equal(hr_raw_sum(m, off, len), rte_raw_cksum(b + off, len));
		pkt_free(m);
	}
	assert_true(odd > 1000);
}

/* The longest TCP segment IPv4 can carry, all ones, in segments of 1 and 2047 bytes. */
static void longest_segment(void **state)
{
	static uint8_t b[65535];
	unsigned cut[80], cuts = 0, at = 0;
	struct rte_mbuf *m;

	memset(b, 0xff, sizeof(b));
	b[777] = 0x12;
	while (at + 2048 < sizeof(b)) {
		at += cuts % 2 == 0 ? 1 : 2047;
		cut[cuts++] = at;
	}
	/* The naive sum of 65535 bytes stays below 2^32. */
	m = pkt_mbuf(b, sizeof(b), cut, cuts);
	assert_int_equal(rte_be_to_cpu_16((uint16_t)~hr_raw_sum(m, 0, sizeof(b))),
		naive_checksum(b, sizeof(b)));
	pkt_free(m);
}

/* MUST-2, CK-1: What is written into the packet verifies: each L4 protocol, both families, odd and
 * even lengths, every cut. */
static void written_checksums_verify(void **state)
{
	static const struct {
		const char *hex;
		unsigned l4_off, at;
		uint8_t proto;
	} c[] = {
		{ETH4 IP4 TCP, 34, 50, IPPROTO_TCP},
		{ETH6 IP6 TCP, 54, 70, IPPROTO_TCP},
		{ETH6 "60000000 0000 3c 40" A2 A1 "2c00 0104 00000000 0600 0000 11223344" TCP, 70,
			86, IPPROTO_TCP},
		{ETH4 "4500 0000 1234 4000 40 01 0000 c6120002 c6120001 0800 0000 0001 0001", 34,
			36, IPPROTO_ICMP},
		{ETH6 "60000000 0000 3a 40" A2 A1 "8000 0000 0001 0001", 54, 56, IPPROTO_ICMPV6},
		{ETH4 "4500 0000 1234 4000 40 11 0000 c6120002 c6120001 0035 0035 0000 0000", 34,
			40, IPPROTO_UDP},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		for (unsigned payload = 0; payload < 5; payload++) {
			struct pkt p = {.n = 0};
			unsigned frame;
			uint16_t want;

			pkt_hex(&p, c[i].hex);
			pkt_payload(&p, payload);
			pkt_finish(&p, c[i].l4_off, c[i].proto);
			memcpy(&want, p.b + c[i].at, 2);
			frame = p.n;
			pkt_hex(&p, "ffeedd"); /* Ethernet padding is no part of it */
			for (unsigned cut = c[i].l4_off; cut <= frame; cut++) {
				struct rte_mbuf *m = pkt_mbuf(p.b, p.n, &cut, 1);

				assert_int_equal(hr_l4_checksum(m, 14, (uint16_t)c[i].l4_off), 0);
				pkt_free(m);
			}
			memset(p.b + c[i].at, 0, 2);
			struct rte_mbuf *m = pkt_mbuf(p.b, p.n, NULL, 0);

			assert_int_equal(hr_l4_checksum(m, 14, (uint16_t)c[i].l4_off), want);
			pkt_free(m);
		}
	}
}

/* CK-1: One's complement has two zeros: a segment whose checksum is 0x0000 verifies with 0xffff in
 * the field as well. */
static void both_zeros(void **state)
{
	struct pkt p = {.n = 0};
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;
	uint8_t *b;

	pkt_hex(&p, ETH4 IP4 TCP "0000");
	pkt_finish(&p, 34, IPPROTO_TCP);
	/* Move the checksum into the payload, whose place in the sum is as good: the field is then
	 * 0. */
	memcpy(p.b + 54, p.b + 50, 2);
	pkt_finish(&p, 34, IPPROTO_TCP);
	m = pkt_mbuf(p.b, p.n, NULL, 0);
	b = m->buf_addr;
	for (unsigned v = 0; v < 0x10000; v++) {
		hr_store_be16(b + 50, (uint16_t)v);
		assert_int_equal(hr_frame_parse(m, our_mac, &f, &s),
			v == 0 || v == 0xffff ? DROP_NONE : DROP_tcp_checksum);
	}
	hr_store_be16(b + 50, 0);
	assert_int_equal(hr_l4_checksum(m, 14, 34), 0);
	pkt_free(m);
}

/* The two ways to add up differ in width only; sums that carry all the way, too. */
static void test_long_sums(void **state)
{
	uint8_t b[9000 + 64];
	struct hr_rng rng;

	if (!__builtin_cpu_supports("avx2"))
		skip();
	hr_rng_seed(&rng, 20261201);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < sizeof(b); i++)
			b[i] = round == 0 ? 0xff : (uint8_t)hr_rng_u64(&rng);
		for (unsigned len = 0; len < 9000; len += len < 400 ? 1 : 37) {
			const uint8_t *p = b + len % 64;
			uint16_t sum = hr_sum_fold(hr_sum_short(p, len));

			assert_int_equal(hr_sum_fold(hr_sum_long(p, len)), sum);
			assert_int_equal(hr_sum_fold(hr_sum_bytes(p, len)), sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_sums),
		cmocka_unit_test(example_of_rfc1071),
		cmocka_unit_test(any_shape),
		cmocka_unit_test(longest_segment),
		cmocka_unit_test(written_checksums_verify),
		cmocka_unit_test(both_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
