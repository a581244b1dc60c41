/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slabs: reservation of the address range, memory for chunks and its return, free lists. Owns no
 * object's content.
 *
 * A chunk hands out slots that were freed (a list through the free slots, last freed first) before
 * it touches new ones (`fresh` moves up), so the memory behind a chunk is what was in use at once,
 * not what fits.
 */
#include "base/slab.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef HR_SLAB_ASAN
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

#define SLAB_PAGE     ((size_t)4096)
#define SLAB_MAX_SIZE ((size_t)64 << 10)
/* A chunk of an odd size can be hundreds of MiB: no hugepage pool is meant for that. */
#define SLAB_MAX_HUGETLB ((size_t)16 << 20)

struct hr_slab_chunk {
	uint32_t live;  /* objects handed out */
	uint32_t fresh; /* slots from here on were never used */
	uint32_t head;  /* index of the first free object below fresh, 0 = none */
	uint32_t slots; /* slots that may be handed out */
	bool memory;    /* committed */
	bool hugetlb;   /* from the hugepage pool */
};

static size_t chunk_bytes(const struct hr_slab *s)
{
	return (size_t)s->stride << s->shift;
}

/* The first slot of the slab is index 0, which is never handed out. */
static uint32_t first_slot(uint32_t c)
{
	return c == 0 ? 1 : 0;
}

static void room_set(struct hr_slab *s, uint32_t c)
{
	s->room[c / 64] |= UINT64_C(1) << c % 64;
	if (c < s->first_free)
		s->first_free = c;
}

static void vacant_set(struct hr_slab *s, uint32_t c)
{
	s->vacant[c / 64] |= UINT64_C(1) << c % 64;
	s->empty++;
}

static void vacant_clear(struct hr_slab *s, uint32_t c)
{
	s->vacant[c / 64] &= ~(UINT64_C(1) << c % 64);
	s->empty--;
}

static void room_clear(struct hr_slab *s, uint32_t c)
{
	s->room[c / 64] &= ~(UINT64_C(1) << c % 64);
}

/* Lowest chunk with memory and a free slot, or s->chunks. 64 chunks per step: 128 MiB of objects at
 * least. */
static uint32_t room_find(struct hr_slab *s)
{
	uint32_t words = (s->chunks + 63) / 64;

	for (uint32_t i = s->first_free / 64; i < words; i++) {
		if (s->room[i] != 0) {
			s->first_free = i * 64 + (uint32_t)__builtin_ctzll(s->room[i]);
			return s->first_free;
		}
	}
	s->first_free = s->chunks;
	return s->chunks;
}

static unsigned long free_hugepages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

/* Prefer, not bind: memory of the wrong node is slow, SIGBUS for want of a page is worse. */
static void prefer_node(const struct hr_slab *s, void *p, size_t len)
{
	unsigned long mask[RTE_MAX_NUMA_NODES / (8 * sizeof(unsigned long)) + 1] = {0};
	size_t bits = 8 * sizeof(unsigned long);

	if (s->numa_node < 0)
		return;
	mask[(size_t)s->numa_node / bits] |= 1ul << (size_t)s->numa_node % bits;
	(void)mbind(p, len, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0);
}

/*
 * Hugepages for a chunk, or false. Mapped elsewhere and then moved: a MAP_FIXED that fails for want
 * of hugepages would leave a hole, which another thread's mmap may fill before we can. Without
 * MAP_NORESERVE, so that a pool that is too small says so here and not with SIGBUS at the first
 * touch.
 */
static bool map_hugetlb(struct hr_slab *s, uint8_t *p, size_t len)
{
	void *q;

	if (!s->huge || len > SLAB_MAX_HUGETLB)
		return false;
	q = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (q == MAP_FAILED)
		return false;
	if (mremap(q, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p)
		return true;
	/* Linux before 5.16 cannot move them and has removed the target: reserve it again. */
	munmap(q, len);
	s->huge = false;
	must(mmap(p, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		     0) == p);
	return false;
}

/*
 * Memory for chunk c. Without a hugepage pool the first chunk begins with small pages, since most
 * slabs stay tiny and a huge page would make each of them 2 MiB; it asks for huge pages once it is
 * well used (grow_pages). Later chunks ask at once: the slab has shown that it is large.
 */
static bool chunk_commit(struct hr_slab *s, uint32_t c)
{
	struct hr_slab_chunk *k = &s->chunk[c];
	uint8_t *p = s->base + (size_t)c * chunk_bytes(s);
	size_t len = chunk_bytes(s);

	k->hugetlb = map_hugetlb(s, p, len);
	if (!k->hugetlb) {
		if (mprotect(p, len, PROT_READ | PROT_WRITE) != 0)
			return false;
		(void)madvise(p, len, c == 0 ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	}
	prefer_node(s, p, len);
#ifdef HR_SLAB_ASAN
	for (uint32_t i = 0; i < k->slots; i++)
		hr_slab_hide(s, p + (size_t)i * s->stride);
#endif
	k->memory = true;
	k->live = 0;
	k->head = 0;
	k->fresh = first_slot(c);
	s->committed++;
	room_set(s, c);
	if (!s->keep)
		vacant_set(s, c);
	return true;
}

/* Back to a bare reservation. Should the kernel refuse, the chunk stays: empty and usable. */
static void chunk_release(struct hr_slab *s, uint32_t c)
{
	struct hr_slab_chunk *k = &s->chunk[c];
	int prot = s->readable ? PROT_READ : PROT_NONE;
	uint8_t *p = s->base + (size_t)c * chunk_bytes(s);
	size_t len = chunk_bytes(s);

	k->head = 0;
	k->fresh = first_slot(c);
	if (k->hugetlb) {
		/* Only a new mapping returns the pages and their reservation to the pool. */
		if (mmap(p, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			    0) != p)
			return;
	} else if (madvise(p, len, MADV_DONTNEED) != 0 || mprotect(p, len, prot) != 0) {
		return;
	}
	UNPOISON(p, (size_t)k->slots * s->stride);
	k->memory = false;
	k->hugetlb = false;
	s->committed--;
	room_clear(s, c);
	vacant_clear(s, c);
}

/* Half a huge page of objects in the first chunk: from here on a huge page costs at most as much
 * again. */
static void grow_pages(struct hr_slab *s, uint32_t c, uint32_t slot)
{
	struct hr_slab_chunk *k = &s->chunk[c];
	uint32_t half = (uint32_t)(HR_SLAB_ALIGN / 2 / s->stride);

	if (c == 0 && slot == half && !k->hugetlb)
		(void)madvise(s->base, chunk_bytes(s), MADV_HUGEPAGE);
}

static void *reserve(size_t bytes)
{
	size_t all = bytes + HR_SLAB_ALIGN;
	uint8_t *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *base;

	if (p == MAP_FAILED)
		return NULL;
	base = RTE_PTR_ALIGN_CEIL(p, HR_SLAB_ALIGN);
	if (base > p)
		munmap(p, (size_t)(base - p));
	munmap(base + bytes, (size_t)(p + all - (base + bytes)));
	return base;
}

static int check_request(
	const char *name, size_t size, uint32_t max, int numa_node, char *err, size_t errlen)
{
	if (size == 0 || size > SLAB_MAX_SIZE)
		return hr_error(err, errlen, -EINVAL,
			"slab %s: objects of %zu bytes; use 1 to %zu bytes", name, size,
			SLAB_MAX_SIZE);
	if (max == 0 || max >= UINT32_MAX - 1)
		return hr_error(err, errlen, -EINVAL, "slab %s: a limit of %u objects; use 1 to %u",
			name, max, UINT32_MAX - 2);
	if (numa_node >= 0 && numa_available() >= 0 && numa_node > numa_max_node())
		return hr_error(err, errlen, -EINVAL,
			"slab %s: NUMA node %d does not exist; the highest is %d, -1 means any",
			name, numa_node, numa_max_node());
	return 0;
}

int hr_slab_init(struct hr_slab *s, const char *name, size_t size, uint32_t max, int numa_node,
	char *err, size_t errlen)
{
	int rc = check_request(name, size, max, numa_node, err, errlen);
	uint64_t slots = (uint64_t)max + 1; /* index 0 stays unused */
	unsigned zeros;

	memset(s, 0, sizeof(*s));
	if (rc != 0)
		return rc;
	s->name = name;
	s->stride = (uint32_t)RTE_ALIGN_CEIL(size, 4);
	zeros = (unsigned)__builtin_ctz(s->stride);
	s->shift = zeros < 21 ? 21 - zeros : 0;
	s->recip = UINT64_MAX / s->stride + 1; /* right for powers of two as well */
	s->max = max;
	s->chunks = (uint32_t)((slots + (UINT64_C(1) << s->shift) - 1) >> s->shift);
	s->first_free = s->open = s->chunks;
	/* One node or none known to the kernel: nothing to prefer. */
	s->numa_node =
		numa_node >= 0 && numa_available() >= 0 && numa_max_node() > 0 ? numa_node : -1;
	s->huge = slots * s->stride >= HR_SLAB_ALIGN && free_hugepages() > 0;

	s->chunk = calloc(s->chunks, sizeof(*s->chunk));
	s->room = calloc((s->chunks + 63) / 64, sizeof(*s->room));
	s->vacant = calloc((s->chunks + 63) / 64, sizeof(*s->vacant));
	s->base = reserve((size_t)s->chunks * chunk_bytes(s));
	if (s->chunk == NULL || s->room == NULL || s->vacant == NULL || s->base == NULL) {
		rc = hr_error(err, errlen, -ENOMEM,
			"slab %s: %zu MiB of address space for %u objects are not to be had; lower "
			"the "
			"limit or raise \"ulimit -v\"",
			name, (size_t)s->chunks * chunk_bytes(s) >> 20, max);
		hr_slab_fini(s);
		return rc;
	}
	for (uint32_t c = 0; c < s->chunks; c++)
		s->chunk[c].slots = (uint32_t)RTE_MIN(
			slots - ((uint64_t)c << s->shift), UINT64_C(1) << s->shift);
	return 0;
}

void hr_slab_fini(struct hr_slab *s)
{
	size_t bytes = (size_t)s->chunks * chunk_bytes(s);

	if (s->base != NULL) {
		UNPOISON(s->base, bytes);
		munmap(s->base, bytes);
	}
	free(s->chunk);
	free(s->room);
	free(s->vacant);
	memset(s, 0, sizeof(*s));
}

/* Memory for the lowest chunk that has none; s->chunks when there is no memory. Rare: once per
 * chunk of objects. */
static uint32_t commit_lowest(struct hr_slab *s)
{
	for (uint32_t c = 0; c < s->chunks; c++)
		if (!s->chunk[c].memory)
			return chunk_commit(s, c) ? c : s->chunks;
	return s->chunks;
}

/* What the open chunk's own place says is old: bring it up to date. */
static void open_leave(struct hr_slab *s)
{
	struct hr_slab_chunk *k = &s->chunk[s->open];

	if (s->open == s->chunks)
		return;
	k->head = s->head;
	k->live = s->open_live;
	if (k->head == 0 && k->fresh == k->slots)
		room_clear(s, s->open);
	else
		room_set(s, s->open);
	if (k->live == 0 && !s->keep)
		vacant_set(s, s->open);
}

/* Open chunk c, the lowest with room. */
static void open_enter(struct hr_slab *s, uint32_t c)
{
	struct hr_slab_chunk *k = &s->chunk[c];

	open_leave(s);
	if (k->live == 0 && !s->keep)
		vacant_clear(s, c);
	s->head = k->head;
	s->open_live = k->live;
	s->open_first = (c << s->shift) + first_slot(c);
	s->open_slots = k->slots - first_slot(c);
	s->open = c;
}

/* A chunk with room is open; false at the limit and without memory. */
static bool open_some(struct hr_slab *s)
{
	uint32_t c = s->open;

	if (c != s->chunks && s->chunk[c].fresh < s->chunk[c].slots)
		return true;
	if (s->live >= s->max)
		return false;
	if (c != s->chunks)
		room_clear(s, c);
	c = room_find(s);
	if (c == s->chunks)
		c = commit_lowest(s);
	if (c == s->chunks)
		return false;
	open_enter(s, c);
	return true;
}

void *hr_slab_alloc_other(struct hr_slab *s)
{
	uint32_t slot;
	void *obj;

	if (s->fail_after != 0 && --s->fail_after == 0)
		return NULL;
	if (s->head == 0 && !open_some(s))
		return NULL;
	if (s->head != 0)
		return hr_slab_pop(s);
	slot = s->chunk[s->open].fresh++;
	obj = hr_slab_at(s, (s->open << s->shift) + slot);
	hr_slab_show(s, obj);
	grow_pages(s, s->open, slot);
	s->open_live++;
	s->live++;
	return obj;
}

void hr_slab_free_other(struct hr_slab *s, void *obj, uint32_t index)
{
	uint32_t c = index >> s->shift;
	struct hr_slab_chunk *k;

	must(index > 0 && index <= s->max && hr_slab_at(s, index) == obj);
	k = &s->chunk[c];
	must(k->memory && k->live > 0);
#ifdef HR_SLAB_ASAN
	must(s->keep || !__asan_address_is_poisoned(obj)); /* freed twice */
#endif
	*hr_slab_link(s, obj) = k->head;
	k->head = index;
	hr_slab_hide(s, obj);
	room_set(s, c);
	k->live--;
	s->live--;
	if (k->live == 0 && !s->keep)
		vacant_set(s, c);
	if (c < s->open)
		open_enter(s, c);
}

bool hr_slab_trim(struct hr_slab *s, uint32_t n)
{
	uint32_t word = (s->chunks + 63) / 64, spare = 1;

	/* The open chunk is the lowest of the empty ones when it is empty. */
	if (s->open != s->chunks && s->open_live == 0 && !s->keep)
		spare = 0;
	while (s->empty > spare && n > 0) {
		if (s->vacant[word - 1] == 0) {
			word--;
			continue;
		}
		chunk_release(s, word * 64 - 1 - (uint32_t)__builtin_clzll(s->vacant[word - 1]));
		n--;
	}
	return s->empty > spare;
}

size_t hr_slab_bytes(const struct hr_slab *s)
{
	size_t bytes = 0;

	for (uint32_t c = 0; c < s->chunks; c++) {
		const struct hr_slab_chunk *k = &s->chunk[c];

		if (k->memory)
			bytes += k->hugetlb
					 ? chunk_bytes(s)
					 : RTE_ALIGN_CEIL((size_t)k->fresh * s->stride, SLAB_PAGE);
	}
	return bytes;
}

bool hr_slab_backed(const struct hr_slab *s, uint32_t index)
{
	return index <= s->max && s->chunk[index >> s->shift].memory;
}
