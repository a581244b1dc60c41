/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xoshiro256** (Blackman, Vigna), seeded through splitmix64. Reproducible on every machine:
 * simulator, impairments and tests replay from the seed alone. Not for secrets: those come from
 * SipHash under a random key.
 */
#include "base/rng.h"

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void hr_rng_seed(struct hr_rng *r, uint64_t seed)
{
	/* splitmix64 is a bijection of four different inputs, so the state is never all zero. */
	for (unsigned i = 0; i < RTE_DIM(r->s); i++)
		r->s[i] = splitmix(&seed);
}

uint64_t hr_rng_u64(struct hr_rng *r)
{
	uint64_t out = rotl(r->s[1] * 5, 7) * 9;
	uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return out;
}

/* A 32 x 32 bit product; the few products that would favour small results are drawn again (Lemire).
 */
uint32_t hr_rng_below(struct hr_rng *r, uint32_t n)
{
	uint32_t reject;
	uint64_t p;

	must(n > 0);
	reject = -n % n;
	do {
		p = (hr_rng_u64(r) >> 32) * n;
	} while ((uint32_t)p < reject);
	return (uint32_t)(p >> 32);
}

bool hr_rng_chance(struct hr_rng *r, double p)
{
	/* Always draw, so that a probability of 0 or 1 does not shift the sequence of everything
	 * after it. */
	double u = (double)(hr_rng_u64(r) >> 11) * 0x1p-53;

	return u < p;
}
