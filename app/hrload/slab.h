/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools of equal objects, one worker's each. What was given back last is given out first, while it
 * is warm, and nothing is cleared: a new object begins with whatever its user writes. Memory grows
 * with the most objects that were ever in use and goes back at the end of the run. Objects keep
 * their places, so that all in use can be visited without a list of them.
 */
#ifndef HRLOAD_SLAB_H
#define HRLOAD_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define SLAB_CHUNK 64u /* objects that one allocation makes */

/* The beginning of each object. */
struct slab_item {
	struct slab_item *next; /* of a free object; of one in use, itself */
};

struct slab {
	struct slab_item *free;
	char **chunks;
	uint32_t n_chunks;
	uint32_t size;  /* bytes of an object, whole cache lines */
	uint32_t limit; /* most objects */
	uint32_t items; /* objects made so far */
};

/* Objects of `size` bytes, `limit` of them at most. */
void slab_init(struct slab *s, size_t size, uint64_t limit);
/* Make more objects. False: no memory, or the limit is reached. */
bool slab_grow(struct slab *s);
/* The object in place `i` < items when it is in use, else NULL. */
void *slab_at(const struct slab *s, uint32_t i);
/* Free all memory; objects in use go with it. */
void slab_release(struct slab *s);

/* An object, or NULL. */
static inline void *slab_get(struct slab *s)
{
	struct slab_item *item = s->free;

	if (item == NULL) {
		if (!slab_grow(s))
			return NULL;
		item = s->free;
	}
#ifdef SLAB_ASAN
	ASAN_UNPOISON_MEMORY_REGION(item, s->size);
#endif
	s->free = item->next;
	item->next = item;
	return item;
}

static inline void slab_put(struct slab *s, void *object)
{
	struct slab_item *item = object;

	item->next = s->free;
	s->free = item;
#ifdef SLAB_ASAN
	ASAN_POISON_MEMORY_REGION(item + 1, s->size - sizeof(*item));
#endif
}

#endif
