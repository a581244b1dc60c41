/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks and small helpers for everybody. must() states what can only be false through a bug of
 * ours; a bad packet is a drop reason and a bad request is an errno, never a must().
 */
#ifndef HR_BASE_BASE_H
#define HR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <emmintrin.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "headrace.h"

#define BIT(n) (1u << (n))

/* Unlike RTE_MIN and RTE_MAX these nest without shadowing; for unsigned quantities. */
static inline uint64_t hr_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t hr_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Zero n bytes, a multiple of 16 that is known where this is called: of memset() the compiler would
 * make `rep stos`, which takes long for so few. */
static inline __attribute__((always_inline)) void hr_zero(void *p, size_t n)
{
	__m128i zero = _mm_setzero_si128();

	__asm__("" : "+x"(zero)); /* nothing that memset() could do */
#pragma GCC unroll 16
	for (size_t i = 0; i < n; i += 16)
		_mm_storeu_si128((__m128i *)(void *)((uint8_t *)p + i), zero);
}

/* Print expression and place, then abort. */
__attribute__((noreturn, cold)) void hr_must_fail(const char *expr, const char *file, int line);

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			hr_must_fail(#cond, __FILE__, __LINE__);                                   \
	} while (0)

/* Write one sentence for people into err (when there is one) and return code. */
__attribute__((format(printf, 4, 5))) int hr_error(
	char *err, size_t errlen, int code, const char *fmt, ...);

#endif
