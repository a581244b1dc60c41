/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The choice string: every decision of a world is drawn from one string of bytes through these
 * functions. A seed makes an endless string and records what was used of it; a given string
 * (replayed, shrunk, or a fuzzer's) that is used up goes on with zeros. 0 is always the dullest
 * choice (no fault, the default, the first of a list), so that every world ends and a shrinker
 * knows which way is down.
 *
 * Only integers: the same string is the same world with every compiler. Never draw twice in one
 * expression or initialiser: C does not order them.
 */
#ifndef HR_TEST_SIM_CHOICE_H
#define HR_TEST_SIM_CHOICE_H

#include "base/rng.h"

struct choice {
	uint8_t *bytes;
	size_t len, cap, pos;
	bool given; /* a string was given: zeros follow it */
	struct hr_rng rng;
	uint64_t bits; /* of rng, not used yet */
	unsigned n_bits;
};

void choice_seed(struct choice *c, uint64_t seed);
/* The bytes are copied. */
void choice_given(struct choice *c, const void *bytes, size_t len);
void choice_fini(struct choice *c);

/* 0..n-1; n = 0 and n = 1 draw nothing. */
uint32_t choose(struct choice *c, uint32_t n);
/* lo..hi. */
uint32_t choose_range(struct choice *c, uint32_t lo, uint32_t hi);
/* True ppm times in a million; never and always draw nothing. Resolution: 1/65536. */
bool chance(struct choice *c, uint32_t ppm);
/* One of a list. */
uint32_t choose_of(struct choice *c, const uint32_t *of, unsigned n);
#define PICK(c, ...)                                                                               \
	choose_of(c, (const uint32_t[]){__VA_ARGS__},                                              \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

#define PERCENT(n) ((n)*10000u)

#endif
