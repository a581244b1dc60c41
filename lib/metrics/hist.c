/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log-linear histogram of any uint64_t. Each power of two is cut into 128 equal buckets, so a
 * bucket is never wider than 1/128 of the values in it, and values below 256 are exact.
 *
 *   value   0 ... 127 | 128 ... 255 | 256, 258 ... 510 | 512, 516 ... 1020 | ...
 *   bucket  0 ... 127 | 128 ... 255 | 256    ...   383 | 384    ...    511 | ...
 *
 * One writer; readers on other threads see whole words (relaxed atomics) and counts as of about
 * now.
 */
#include "base/base.h"

#include <stdlib.h>

#define SUB_BITS 7
#define SUB      (1u << SUB_BITS)
/* Exponents 7..63 have 128 buckets each, the values below 128 another 128. */
#define BUCKETS ((64 - SUB_BITS + 1) * SUB)

struct hr_hist {
	uint64_t sum_lo, sum_hi; /* 128 bits: the sum of many large values */
	uint64_t max;
	uint64_t bucket[BUCKETS];
};

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void store(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static unsigned bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < SUB)
		return (unsigned)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - SUB_BITS;
	return shift * SUB + (unsigned)(v >> shift);
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(unsigned b)
{
	unsigned shift;

	if (b < 2 * SUB)
		return b;
	shift = b / SUB - 1;
	/* The very last bucket: 256 << 56 wraps to 0, and 0 - 1 is the largest value, as wanted. */
	return ((uint64_t)(b % SUB + SUB + 1) << shift) - 1;
}

static void add_sum(struct hr_hist *h, unsigned __int128 n)
{
	unsigned __int128 sum = ((unsigned __int128)h->sum_hi << 64 | h->sum_lo) + n;

	store(&h->sum_lo, (uint64_t)sum);
	store(&h->sum_hi, (uint64_t)(sum >> 64));
}

struct hr_hist *hr_hist_create(void)
{
	return calloc(1, sizeof(struct hr_hist));
}

void hr_hist_free(struct hr_hist *h)
{
	free(h);
}

void hr_hist_record(struct hr_hist *h, uint64_t value)
{
	hr_hist_record_n(h, value, 1);
}

void hr_hist_record_n(struct hr_hist *h, uint64_t value, uint64_t n)
{
	uint64_t *b = &h->bucket[bucket_of(value)];

	if (n == 0)
		return;
	/* The maximum first: a reader that sees the count must not find a maximum below it for
	 * long. */
	if (value > h->max)
		store(&h->max, value);
	store(b, *b + n);
	add_sum(h, (unsigned __int128)value * n);
}

void hr_hist_merge(struct hr_hist *into, const struct hr_hist *from)
{
	unsigned __int128 sum = (unsigned __int128)load(&from->sum_hi) << 64 | load(&from->sum_lo);
	uint64_t max;

	for (unsigned i = 0; i < BUCKETS; i++) {
		uint64_t n = load(&from->bucket[i]);

		if (n != 0)
			store(&into->bucket[i], into->bucket[i] + n);
	}
	add_sum(into, sum);
	max = load(&from->max);
	if (max > into->max)
		store(&into->max, max);
}

uint64_t hr_hist_count(const struct hr_hist *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < BUCKETS; i++)
		n += load(&h->bucket[i]);
	return n;
}

uint64_t hr_hist_max(const struct hr_hist *h)
{
	return load(&h->max);
}

/* Top of the bucket that holds the value of rank ceil(q * count): never below it, at most 1/128
 * above. */
uint64_t hr_hist_quantile(const struct hr_hist *h, double q)
{
	uint64_t n = hr_hist_count(h), max = hr_hist_max(h), rank, seen = 0;

	if (n == 0)
		return 0;
	if (q >= 1)
		return max;
	rank = q > 0 ? (uint64_t)(q * (double)n) : 0;
	/* Rounding must not push 0.07 * 100 to rank 8: the share reached decides, not the product.
	 */
	if (rank == 0 || (double)rank / (double)n < q)
		rank++;
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += load(&h->bucket[i]);
		if (seen >= rank)
			return RTE_MIN(bucket_top(i), max);
	}
	return max;
}

double hr_hist_mean(const struct hr_hist *h)
{
	uint64_t n = hr_hist_count(h);

	if (n == 0)
		return 0;
	return ((double)load(&h->sum_hi) * 0x1p64 + (double)load(&h->sum_lo)) / (double)n;
}

void hr_hist_reset(struct hr_hist *h)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		store(&h->bucket[i], 0);
	store(&h->sum_lo, 0);
	store(&h->sum_hi, 0);
	store(&h->max, 0);
}
