/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A slab: equal objects by index, in one reserved address range that is committed in chunks as it
 * grows and given back when a chunk is empty. A chunk is the smallest multiple of 2 MiB that holds
 * a power of two of objects, so objects never straddle chunks and address = base + index * stride.
 * Index 0 is never handed out: 0 can mean "none" in 32-bit references. One owner thread. Freed
 * objects are poisoned under AddressSanitizer. Lower chunks are filled first, so that the tail
 * empties; within a chunk the slot freed last is used next (it is warm). Chunks that became empty
 * go back in hr_slab_trim(), since giving one back takes as long as hundreds of other operations;
 * the lowest stays, so that a population that swings around a chunk's edge costs no system calls.
 *
 *   base -> | chunk 0 | chunk 1 | ... reserved, PROT_NONE ... |
 *
 * The lowest chunk with room is the open one: its free list and its count are in struct hr_slab
 * itself, so that what is usual, an object freed there and taken again, looks at no chunk.
 */
#ifndef HR_BASE_SLAB_H
#define HR_BASE_SLAB_H

#include <rte_prefetch.h>

#include "base/base.h"

#if defined(__SANITIZE_ADDRESS__)
#define HR_SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HR_SLAB_ASAN 1
#endif
#endif
#ifdef HR_SLAB_ASAN
#include <sanitizer/asan_interface.h>
#endif

struct hr_slab_chunk;

struct hr_slab {
	uint8_t *base;
	uint32_t stride; /* bytes per object */
	uint32_t live;   /* objects handed out */
	uint64_t recip;  /* ceil(2^64 / stride) */
	/* the open chunk: what its struct hr_slab_chunk says of list and count is old */
	uint32_t head;       /* index of the first free object below fresh, 0 = none */
	uint32_t open_live;  /* objects handed out */
	uint32_t open_first; /* index of its first object */
	uint32_t open_slots; /* objects in it; 0 = no chunk is open */
	uint64_t fail_after; /* tests: the n-th allocation from now fails; 0 = never */
	uint32_t open;       /* its number; `chunks` = no chunk is open */
	uint32_t shift;      /* log2 of objects in a chunk */
	uint32_t max;        /* objects at most */
	uint32_t first_free; /* no committed chunk below this one has room */
	uint32_t empty;      /* chunks with memory and without objects */
	uint32_t chunks;     /* chunks reserved */
	uint32_t committed;  /* chunks with memory */
	int numa_node;       /* -1 = any */
	bool huge;           /* MAP_HUGETLB works here */
	bool keep;           /* never give chunks back; implies readable */
	bool readable;       /* freed objects can be read, those of chunks given back as zeros */
	uint32_t shown;      /* readable: these eight bytes (AddressSanitizer watches the others) */
	struct hr_slab_chunk *chunk;
	uint64_t *room;   /* one bit per chunk: it has memory and a free slot, or is open */
	uint64_t *vacant; /* one bit per chunk: it is one of the empty ones and not open */
	const char *name;
};

/* 0; -ENOMEM or -EINVAL with a sentence. stride is size rounded up to 4. */
int hr_slab_init(struct hr_slab *s, const char *name, size_t size, uint32_t max, int numa_node,
	char *err, size_t errlen);
void hr_slab_fini(struct hr_slab *s);

/* For hr_slab_alloc() and hr_slab_free(): whatever is not usual. */
void *hr_slab_alloc_other(struct hr_slab *s);
void hr_slab_free_other(struct hr_slab *s, void *obj, uint32_t index);
/* Give back up to n empty chunks, the highest first; the lowest stays. True when more could be. */
bool hr_slab_trim(struct hr_slab *s, uint32_t n);

/* Bytes of memory behind the slab now: the pages that objects have touched, whole chunks where
 * pages are huge. */
size_t hr_slab_bytes(const struct hr_slab *s);

#define HR_SLAB_ALIGN ((size_t)2 << 20)

/* True when the index has memory behind it: reading hr_slab_at(index) does not fault. For handles
 * from outside. */
bool hr_slab_backed(const struct hr_slab *s, uint32_t index);

static inline void *hr_slab_at(const struct hr_slab *s, uint32_t index)
{
	return s->base + (size_t)index * s->stride;
}

static inline uint32_t hr_slab_index(const struct hr_slab *s, const void *obj)
{
	uint64_t off = (uint64_t)((const uint8_t *)obj - s->base);

	/* Exact for multiples of stride: the error of recip is below stride / 2^64 per byte. */
	return (uint32_t)(((unsigned __int128)off * s->recip) >> 64);
}

/* The link of the free list lies in the last four bytes, so that what a readable object begins with
 * survives. */
static inline uint32_t *hr_slab_link(const struct hr_slab *s, void *obj)
{
	return (uint32_t *)(void *)((uint8_t *)obj + s->stride - sizeof(uint32_t));
}

/* AddressSanitizer: an object goes to, or comes from, the application. */
static inline void hr_slab_hide(const struct hr_slab *s, void *obj)
{
#ifdef HR_SLAB_ASAN
	if (s->keep)
		return;
	__asan_poison_memory_region(obj, s->stride);
	if (s->readable)
		__asan_unpoison_memory_region((uint8_t *)obj + s->shown, sizeof(uint64_t));
#else
	(void)s;
	(void)obj;
#endif
}

static inline void hr_slab_show(const struct hr_slab *s, void *obj)
{
#ifdef HR_SLAB_ASAN
	__asan_unpoison_memory_region(obj, s->stride);
#else
	(void)s;
	(void)obj;
#endif
}

/* The first of the open chunk's list, which has one. */
static inline void *hr_slab_pop(struct hr_slab *s)
{
	void *obj = hr_slab_at(s, s->head);

	hr_slab_show(s, obj);
	s->head = *hr_slab_link(s, obj);
	/* Its link is the first that the next allocation needs. */
	rte_prefetch0(hr_slab_link(s, hr_slab_at(s, s->head)));
	s->open_live++;
	s->live++;
	return obj;
}

/* An object with undefined content and index 1..max, or NULL when the limit or the memory is
 * reached. */
static inline void *hr_slab_alloc(struct hr_slab *s)
{
	if (unlikely(s->head == 0 || s->fail_after != 0))
		return hr_slab_alloc_other(s);
	return hr_slab_pop(s);
}

/*
 * The link of the free list goes into the last four bytes of the object. In a slab with keep or
 * readable set (before the first allocation) a freed object stays readable, and its other bytes
 * stay what they were until its chunk is given back.
 */
static inline void hr_slab_free(struct hr_slab *s, void *obj)
{
	uint32_t index = hr_slab_index(s, obj);

	if (unlikely(index - s->open_first >= s->open_slots)) {
		hr_slab_free_other(s, obj, index);
		return;
	}
	must(hr_slab_at(s, index) == obj && s->open_live != 0);
#ifdef HR_SLAB_ASAN
	must(s->keep || !__asan_address_is_poisoned(obj)); /* freed twice */
#endif
	*hr_slab_link(s, obj) = s->head;
	s->head = index;
	hr_slab_hide(s, obj);
	s->open_live--;
	s->live--;
}

#endif
