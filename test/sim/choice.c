/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice string: see choice.h. */
#include "choice.h"

#include <stdlib.h>

static void put(struct choice *c, uint8_t byte)
{
	if (c->len == c->cap) {
		c->cap = c->cap * 2 + 4096;
		c->bytes = realloc(c->bytes, c->cap);
		must(c->bytes != NULL);
	}
	c->bytes[c->len++] = byte;
}

void choice_seed(struct choice *c, uint64_t seed)
{
	c->len = c->pos = 0;
	c->given = false;
	c->n_bits = 0;
	hr_rng_seed(&c->rng, seed);
}

void choice_given(struct choice *c, const void *bytes, size_t len)
{
	choice_seed(c, 0);
	for (size_t i = 0; i < len; i++)
		put(c, ((const uint8_t *)bytes)[i]);
	c->given = true;
}

void choice_fini(struct choice *c)
{
	free(c->bytes);
	memset(c, 0, sizeof(*c));
}

static uint32_t next(struct choice *c)
{
	if (c->pos == c->len) {
		if (c->given)
			return 0;
		if (c->n_bits == 0) {
			c->bits = hr_rng_u64(&c->rng);
			c->n_bits = 64;
		}
		put(c, (uint8_t)c->bits);
		c->bits >>= 8;
		c->n_bits -= 8;
	}
	return c->bytes[c->pos++];
}

static uint32_t next_n(struct choice *c, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | next(c);
	return v;
}

/* A product instead of a remainder: a smaller byte is a smaller choice. */
uint32_t choose(struct choice *c, uint32_t n)
{
	if (n <= 1)
		return 0;
	if (n <= 16)
		return next_n(c, 1) * n >> 8;
	if (n <= 4096)
		return next_n(c, 2) * n >> 16;
	return (uint32_t)((uint64_t)next_n(c, 4) * n >> 32);
}

uint32_t choose_range(struct choice *c, uint32_t lo, uint32_t hi)
{
	return lo + choose(c, hi - lo + 1);
}

bool chance(struct choice *c, uint32_t ppm)
{
	if (ppm == 0)
		return false;
	if (ppm >= 1000000)
		return true;
	return next_n(c, 2) >= 65536 - RTE_MAX((uint32_t)((uint64_t)ppm * 65536 / 1000000), 1u);
}

uint32_t choose_of(struct choice *c, const uint32_t *of, unsigned n)
{
	return of[choose(c, n)];
}
