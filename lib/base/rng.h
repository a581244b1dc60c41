/* SPDX-License-Identifier: BSD-3-Clause */
/* A seeded generator (xoshiro256**): fast, reproducible, not for secrets. One owner thread. */
#ifndef HR_BASE_RNG_H
#define HR_BASE_RNG_H

#include "base/base.h"

struct hr_rng {
	uint64_t s[4];
};

/* Expands the seed with splitmix64; every seed, 0 too, is fine. */
void hr_rng_seed(struct hr_rng *r, uint64_t seed);
uint64_t hr_rng_u64(struct hr_rng *r);
/* Uniform in 0..n-1; n > 0. */
uint32_t hr_rng_below(struct hr_rng *r, uint32_t n);
/* True with probability p (0..1). */
bool hr_rng_chance(struct hr_rng *r, double p);

#endif
