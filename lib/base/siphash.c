/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash (Aumasson, Bernstein 2012). 2-4 where an attacker sees the result (ISN, cookies), 1-3
 * where he sees only its consequences (the table). The key is two words in host order: key[0] is
 * the first eight bytes read little-endian.
 */
#include "base/siphash.h"

#include <string.h>

#include <rte_byteorder.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void rounds(struct sip *s, unsigned n)
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 = rotl(s->v2, 32);
	}
}

static inline void absorb(struct sip *s, uint64_t word, unsigned c)
{
	s->v3 ^= word;
	rounds(s, c);
	s->v0 ^= word;
}

/* Always inlined, so that both variants get their round counts as constants. */
static inline __attribute__((always_inline)) uint64_t siphash(
	const uint64_t key[2], const void *data, size_t len, unsigned c, unsigned d)
{
	const uint8_t *p = data;
	struct sip s = {
		.v0 = key[0] ^ 0x736f6d6570736575u,
		.v1 = key[1] ^ 0x646f72616e646f6du,
		.v2 = key[0] ^ 0x6c7967656e657261u,
		.v3 = key[1] ^ 0x7465646279746573u,
	};
	uint64_t word, last = (uint64_t)len << 56;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		absorb(&s, rte_le_to_cpu_64(word), c);
	}
	if (len & 4) {
		uint32_t half;

		memcpy(&half, p, 4);
		last |= rte_le_to_cpu_32(half);
	}
	for (size_t i = len & 4; i < len; i++)
		last |= (uint64_t)p[i] << 8 * i;
	absorb(&s, last, c);
	s.v2 ^= 0xff;
	rounds(&s, d);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hr_siphash13(const uint64_t key[2], const void *data, size_t len)
{
	return siphash(key, data, len, 1, 3);
}

uint64_t hr_siphash24(const uint64_t key[2], const void *data, size_t len)
{
	return siphash(key, data, len, 2, 4);
}
