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
 */
#ifndef HR_BASE_SLAB_H
#define HR_BASE_SLAB_H

#include "base/base.h"

struct hr_slab_chunk;

struct hr_slab {
	uint8_t *base;
	uint32_t stride;     /* bytes per object */
	uint32_t shift;      /* log2 of objects in a chunk */
	uint64_t recip;      /* ceil(2^64 / stride) */
	uint32_t max;        /* objects at most */
	uint32_t live;       /* objects handed out */
	uint32_t first_free; /* no committed chunk below this one has room */
	uint32_t empty;      /* chunks with memory and without objects */
	uint32_t chunks;     /* chunks reserved */
	uint32_t committed;  /* chunks with memory */
	int numa_node;       /* -1 = any */
	bool huge;           /* MAP_HUGETLB works here */
	bool keep;           /* never give chunks back; implies readable */
	bool readable;       /* freed objects can be read, those of chunks given back as zeros */
	struct hr_slab_chunk *chunk;
	uint64_t *room;   /* one bit per chunk: it has memory and a free slot */
	uint64_t *vacant; /* one bit per chunk: it is one of the empty ones */
	const char *name;
	uint64_t fail_after; /* tests: the n-th allocation from now fails; 0 = never */
};

/* 0; -ENOMEM or -EINVAL with a sentence. stride is size rounded up to 4. */
int hr_slab_init(struct hr_slab *s, const char *name, size_t size, uint32_t max, int numa_node,
	char *err, size_t errlen);
void hr_slab_fini(struct hr_slab *s);

/* An object with undefined content and index 1..max, or NULL when the limit or the memory is
 * reached. */
void *hr_slab_alloc(struct hr_slab *s);
/*
 * The link of the free list goes into the last four bytes of the object. In a slab with keep or
 * readable set (before the first allocation) a freed object stays readable, and its other bytes
 * stay what they were until its chunk is given back.
 */
void hr_slab_free(struct hr_slab *s, void *obj);
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

#endif
