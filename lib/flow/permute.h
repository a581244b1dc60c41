/* SPDX-License-Identifier: BSD-3-Clause */
/* Small keyed permutations: an order of 0..n-1 that looks random and needs no memory. Not a cipher.
 */
#ifndef HR_FLOW_PERMUTE_H
#define HR_FLOW_PERMUTE_H

#include "base/base.h"

/*
 * Where i (< n) goes. Every step (an odd multiple plus a constant, a right shift folded in) is
 * invertible on the numbers below the next power of two; walking on while outside of 0..n-1 keeps
 * that so, in less than two rounds on average.
 */
static inline uint32_t hr_permute(uint32_t i, uint32_t n, uint64_t key)
{
	uint32_t bits, mask, shift, k1 = (uint32_t)key, k2 = (uint32_t)(key >> 32);

	if (n <= 1)
		return 0;
	bits = 32 - (uint32_t)__builtin_clz(n - 1);
	mask = bits == 32 ? UINT32_MAX : BIT(bits) - 1;
	shift = bits / 2 + 1;
	do {
		i = ((i + k1) * 0x9e3779b1u) & mask;
		i ^= i >> shift;
		i = ((i + k2) * ((k1 << 1 | 1) ^ 0x85ebca6au)) & mask;
		i ^= i >> shift;
		i = ((i + (k1 >> 7)) * ((k2 << 1 | 1) ^ 0xc2b2ae34u)) & mask;
		i ^= i >> shift;
	} while (i >= n);
	return i;
}

#endif
