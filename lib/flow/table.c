/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection table: buckets, overflow chains and incremental resizing. It owns references, not
 * entries: those live in the slabs of the configuration and are read to compare keys and, when a
 * bucket moves, to hash them again.
 *
 * In a chain every bucket but the last is full. Overflow buckets come from a slab of their own.
 *
 * A resize moves units: unit i is bucket i of the smaller array together with the two buckets, i
 * and i + n, of the larger that it corresponds to. Units below the cursor are in the array `next`,
 * the others in `cur`:
 *
 *   growing  cur   [xxxxxxxx|i.......]                 shrinking  cur
 * [xxxxxxx|i........xxxxxxxx|i+n.....] next  [i.......|........i+n.....|.......]            next
 * [.......|i........]
 */
#include "flow/table.h"

#include <emmintrin.h>
#include <errno.h>
#include <numaif.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_prefetch.h>

#include "flow/hash.h"

#define WAYS        12
#define MIN_BUCKETS 64
#define HUGE_BYTES  ((size_t)2 << 20)

struct bucket {
	uint8_t tag[WAYS]; /* 0 = empty */
	uint32_t overflow; /* slab index of the next bucket of the chain, 0 = none */
	uint32_t ref[WAYS];
} __rte_cache_aligned;

_Static_assert(sizeof(struct bucket) == 64, "one cache line");

struct array {
	struct bucket *bucket;
	uint32_t n; /* a power of two; 0 = no array */
};

struct hr_table {
	struct array cur, next; /* next.n != 0: a resize is under way */
	uint32_t cursor;        /* units moved */
	uint32_t count;
	uint64_t grow_above;   /* entries */
	uint64_t shrink_below; /* entries */
	struct hr_slab overflow;
	struct hr_hash hash;
	struct hr_table_config cfg;
};

/* From the top of the hash; the bucket number is its bottom. */
static uint8_t tag_of(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag == 0 ? 1 : tag;
}

/* One bit for each way that has this tag. */
static uint32_t match(const struct bucket *b, uint8_t tag)
{
	__m128i tags = _mm_load_si128((const __m128i *)b);
	__m128i wanted = _mm_set1_epi8((char)tag);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, wanted)) & (BIT(WAYS) - 1);
}

static struct bucket *overflow_at(const struct hr_table *t, uint32_t index)
{
	return hr_slab_at(&t->overflow, index);
}

static const struct hr_flow_key *key_of(const struct hr_table *t, uint32_t ref)
{
	return hr_slab_at(t->cfg.slab[hr_ref_type(ref)], hr_ref_index(ref));
}

/* The first bucket of the chain in which this hash is, if it is. */
static struct bucket *chain_of(const struct hr_table *t, uint64_t hash)
{
	uint32_t h = (uint32_t)hash;

	if (unlikely(t->next.n != 0) && (h & (RTE_MIN(t->cur.n, t->next.n) - 1)) < t->cursor)
		return &t->next.bucket[h & (t->next.n - 1)];
	return &t->cur.bucket[h & (t->cur.n - 1)];
}

static size_t array_bytes(const struct array *a)
{
	return (size_t)a->n * sizeof(struct bucket);
}

/*
 * Fresh pages are zero, and zeroed one by one as they are touched: no pass over the array. Large
 * arrays are aligned, so that the kernel can back them with huge pages; the ends of the oversized
 * mapping go back at once.
 */
static int array_map(struct array *a, uint32_t n, int numa_node)
{
	size_t bytes = (size_t)n * sizeof(struct bucket);
	size_t slack = bytes >= HUGE_BYTES ? HUGE_BYTES : 0;
	uint8_t *p = mmap(
		NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	if (slack != 0) {
		uint8_t *aligned = RTE_PTR_ALIGN_CEIL(p, HUGE_BYTES);
		size_t before = (size_t)(aligned - p);

		if (before != 0)
			munmap(p, before);
		if (slack != before)
			munmap(aligned + bytes, slack - before);
		p = aligned;
		madvise(p, bytes, MADV_HUGEPAGE);
	}
	/* Placement and huge pages are wishes: the table works without. */
	if (numa_node >= 0 && numa_node < 63) {
		unsigned long nodes = 1ul << numa_node;

		(void)mbind(p, bytes, MPOL_PREFERRED, &nodes, 64, 0);
	}
	a->bucket = (struct bucket *)p;
	a->n = n;
	return 0;
}

static void array_unmap(struct array *a)
{
	if (a->n != 0)
		munmap(a->bucket, array_bytes(a));
	a->bucket = NULL;
	a->n = 0;
}

/* Grow above 9 of 12 references per bucket on average (75 %), shrink below 2.4 (20 %). */
static void set_thresholds(struct hr_table *t)
{
	t->grow_above = t->cur.n == BIT(31) ? UINT64_MAX : (uint64_t)t->cur.n * (WAYS * 3 / 4);
	t->shrink_below = t->cur.n == MIN_BUCKETS ? 0 : (uint64_t)t->cur.n * WAYS / 5;
}

/* An empty bucket: a spare one (linked through overflow), else a new one. 0 = no memory. */
static uint32_t overflow_alloc(struct hr_table *t, uint32_t *spare)
{
	uint32_t index = *spare;
	struct bucket *b;

	if (index != 0) {
		b = overflow_at(t, index);
		*spare = b->overflow;
	} else {
		b = hr_slab_alloc(&t->overflow);
		if (b == NULL)
			return 0;
		index = hr_slab_index(&t->overflow, b);
	}
	memset(b, 0, sizeof(*b));
	return index;
}

/* Add a reference at the end of the chain of b. */
static int chain_add(
	struct hr_table *t, struct bucket *b, uint8_t tag, uint32_t ref, uint32_t *spare)
{
	uint32_t empty, way;

	while (b->overflow != 0)
		b = overflow_at(t, b->overflow);
	empty = match(b, 0);
	if (empty == 0) {
		uint32_t index = overflow_alloc(t, spare);

		if (index == 0)
			return -ENOMEM;
		b->overflow = index;
		b = overflow_at(t, index);
		empty = BIT(WAYS) - 1;
	}
	way = (uint32_t)__builtin_ctz(empty);
	b->tag[way] = tag;
	b->ref[way] = ref;
	return 0;
}

/*
 * Move bucket i of cur, with its chain, into next. Each overflow bucket is copied and becomes spare
 * before its content is placed: j buckets of one chain never need more than j - 1 overflow buckets
 * in the one or two they go to.
 */
static void move_chain(struct hr_table *t, uint32_t i, uint32_t *spare)
{
	struct bucket b = t->cur.bucket[i], *source;
	uint32_t full, way, index;

	for (;;) {
		for (full = ~match(&b, 0) & (BIT(WAYS) - 1); full != 0; full &= full - 1)
			rte_prefetch0(key_of(t, b.ref[__builtin_ctz(full)]));
		for (full = ~match(&b, 0) & (BIT(WAYS) - 1); full != 0; full &= full - 1) {
			uint64_t hash;

			way = (uint32_t)__builtin_ctz(full);
			hash = hr_hash_key(&t->hash, key_of(t, b.ref[way]));
			must(chain_add(t, &t->next.bucket[(uint32_t)hash & (t->next.n - 1)],
				     b.tag[way], b.ref[way], spare) == 0);
		}
		index = b.overflow;
		if (index == 0)
			return;
		source = overflow_at(t, index);
		b = *source;
		source->overflow = *spare;
		*spare = index;
	}
}

/* Joining two chains may need one overflow bucket more than both had. False: no memory for it. */
static bool reserve_joint(struct hr_table *t, uint32_t *spare)
{
	const struct bucket *a = &t->cur.bucket[t->cursor],
			    *b = &t->cur.bucket[t->cursor + t->next.n];

	if (a->overflow == 0 && b->overflow == 0 &&
		__builtin_popcount(match(a, 0)) + __builtin_popcount(match(b, 0)) >= WAYS)
		return true;
	*spare = overflow_alloc(t, spare);
	return *spare != 0;
}

/*
 * What lies before the cursor is not read any more: its memory goes back in pieces while the resize
 * runs, since all of a large array at once takes milliseconds. Should the kernel refuse, it goes
 * with the array.
 */
static void array_leave(struct array *a, uint32_t end)
{
	const uint32_t piece = HUGE_BYTES / sizeof(struct bucket);

	if (end % piece == 0)
		(void)madvise(&a->bucket[end - piece], HUGE_BYTES, MADV_DONTNEED);
}

/* Move one unit. False: there was no memory to do so, and nothing has changed. */
static bool move_unit(struct hr_table *t)
{
	bool shrinking = t->next.n < t->cur.n;
	uint32_t spare = 0;

	if (shrinking && !reserve_joint(t, &spare))
		return false;
	move_chain(t, t->cursor, &spare);
	if (shrinking)
		move_chain(t, t->cursor + t->next.n, &spare);
	t->cursor++;
	while (spare != 0) {
		struct bucket *b = overflow_at(t, spare);

		spare = b->overflow;
		hr_slab_free(&t->overflow, b);
	}
	array_leave(&t->cur, t->cursor);
	if (shrinking)
		array_leave(&t->cur, t->cursor + t->next.n);
	if (t->cursor == RTE_MIN(t->cur.n, t->next.n)) {
		array_unmap(&t->cur);
		t->cur = t->next;
		t->next = (struct array){0};
		t->cursor = 0;
		set_thresholds(t);
	}
	return true;
}

/* Without memory for another array the table stays as it is, and asks again some way further on. */
static void resize_if_due(struct hr_table *t)
{
	if (t->next.n != 0)
		return;
	if (t->count > t->grow_above) {
		if (array_map(&t->next, t->cur.n * 2, t->cfg.numa_node) < 0)
			t->grow_above += t->cur.n;
	} else if (t->count < t->shrink_below) {
		if (array_map(&t->next, t->cur.n / 2, t->cfg.numa_node) < 0)
			t->shrink_below -= t->shrink_below / 4;
	}
}

int hr_table_create(
	const struct hr_table_config *cfg, struct hr_table **out, char *err, size_t errlen)
{
	struct hr_table *t;
	int rc;

	if (cfg->max_entries == 0)
		return hr_error(err, errlen, -EINVAL,
			"connection table: max_entries is 0; it must be at least 1");
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return hr_error(err, errlen, -ENOMEM, "connection table: no memory for %zu bytes",
			sizeof(*t));
	t->cfg = *cfg;
	hr_hash_init(&t->hash, cfg->key, cfg->siphash);
	/* Full chains need one overflow bucket per 12 entries; half as many as entries is never the
	 * limit. */
	rc = hr_slab_init(&t->overflow, "table overflow", sizeof(struct bucket),
		cfg->max_entries / 2 + MIN_BUCKETS, cfg->numa_node, err, errlen);
	if (rc < 0) {
		free(t);
		return rc;
	}
	if (array_map(&t->cur, MIN_BUCKETS, cfg->numa_node) < 0) {
		hr_slab_fini(&t->overflow);
		free(t);
		return hr_error(err, errlen, -ENOMEM,
			"connection table: no memory for its first %zu bytes",
			MIN_BUCKETS * sizeof(struct bucket));
	}
	set_thresholds(t);
	*out = t;
	return 0;
}

void hr_table_free(struct hr_table *t)
{
	if (t == NULL)
		return;
	array_unmap(&t->cur);
	array_unmap(&t->next);
	hr_slab_fini(&t->overflow);
	free(t);
}

uint64_t hr_table_hash(const struct hr_table *t, const struct hr_flow_key *k)
{
	return hr_hash_key(&t->hash, k);
}

void hr_table_prefetch(const struct hr_table *t, uint64_t hash)
{
	rte_prefetch0(chain_of(t, hash));
}

uint32_t hr_table_find(const struct hr_table *t, const struct hr_flow_key *k, uint64_t hash)
{
	const struct bucket *b = chain_of(t, hash);
	uint8_t tag = tag_of(hash);

	for (;;) {
		uint32_t hits;

		for (hits = match(b, tag); hits != 0; hits &= hits - 1) {
			uint32_t ref = b->ref[__builtin_ctz(hits)];

			if (likely(hr_key_equal(k, key_of(t, ref))))
				return ref;
		}
		if (likely(b->overflow == 0))
			return 0;
		b = overflow_at(t, b->overflow);
	}
}

void hr_table_hash_burst(
	const struct hr_table *t, const struct hr_flow_key *k, uint64_t *hash, unsigned n)
{
	hr_hash_keys(&t->hash, k, hash, n);
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(chain_of(t, hash[i]));
}

/* The entry that the tag speaks for, without a look at its key; its lines are on their way. */
static uint32_t guess(const struct hr_table *t, uint64_t hash)
{
	const struct bucket *b = chain_of(t, hash);
	uint32_t hits = match(b, tag_of(hash)), ref;
	const uint8_t *e;

	if (hits == 0)
		return 0;
	ref = b->ref[__builtin_ctz(hits)];
	e = (const uint8_t *)key_of(t, ref);
	rte_prefetch0(e);
	if (hr_ref_type(ref) == HR_REF_CONN) {
		rte_prefetch0(e + RTE_CACHE_LINE_SIZE);
		rte_prefetch0(e + 2 * RTE_CACHE_LINE_SIZE);
		rte_prefetch0(e + 3 * RTE_CACHE_LINE_SIZE);
	}
	return ref;
}

void hr_table_find_burst(const struct hr_table *t, const struct hr_flow_key *k,
	const uint64_t *hash, uint32_t *ref, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ref[i] = guess(t, hash[i]);
	for (unsigned i = 0; i < n; i++) {
		/* A bucket without the tag that nothing follows: most strangers. */
		if (ref[i] == 0 && chain_of(t, hash[i])->overflow == 0)
			continue;
		if (unlikely(ref[i] == 0 || !hr_key_equal(&k[i], key_of(t, ref[i]))))
			ref[i] = hr_table_find(t, &k[i], hash[i]);
	}
}

int hr_table_insert(struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t ref)
{
	uint32_t no_spare = 0;

	must(hr_ref_type(ref) < HR_REF_TYPES && hr_ref_index(ref) != 0);
	if (t->count >= t->cfg.max_entries)
		return -ENOMEM;
	if (t->next.n != 0)
		move_unit(t);
	if (chain_add(t, chain_of(t, hash), tag_of(hash), ref, &no_spare) < 0)
		return -ENOMEM;
	t->count++;
	resize_if_due(t);
	return 0;
}

/* The way that holds ref in the chain of b, and its bucket. References are unique, so no key need
 * be read. */
static struct bucket *must_locate(
	const struct hr_table *t, struct bucket *b, uint8_t tag, uint32_t ref, uint32_t *way)
{
	for (;;) {
		uint32_t hits;

		for (hits = match(b, tag); hits != 0; hits &= hits - 1) {
			*way = (uint32_t)__builtin_ctz(hits);
			if (b->ref[*way] == ref)
				return b;
		}
		must(b->overflow != 0);
		b = overflow_at(t, b->overflow);
	}
}

void hr_table_replace(
	struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t from, uint32_t to)
{
	uint32_t way;
	struct bucket *b;

	must(hr_ref_type(to) < HR_REF_TYPES && hr_ref_index(to) != 0);
	b = must_locate(t, chain_of(t, hash), tag_of(hash), from, &way);
	b->ref[way] = to;
}

void hr_table_remove(struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t ref)
{
	struct bucket *first, *b, *last, *before = NULL;
	uint32_t way, end;

	if (t->next.n != 0)
		move_unit(t);
	first = chain_of(t, hash);
	b = must_locate(t, first, tag_of(hash), ref, &way);
	for (last = first; last->overflow != 0; last = overflow_at(t, last->overflow))
		before = last;
	/* Fill the hole from the end of the chain; give the last bucket back when that empties it.
	 */
	end = 31 - (uint32_t)__builtin_clz(~match(last, 0) & (BIT(WAYS) - 1));
	b->tag[way] = last->tag[end];
	b->ref[way] = last->ref[end];
	last->tag[end] = 0;
	if (before != NULL && end == 0) {
		before->overflow = 0;
		hr_slab_free(&t->overflow, last);
	}
	t->count--;
	resize_if_due(t);
}

bool hr_table_step(struct hr_table *t, uint32_t buckets)
{
	(void)hr_slab_trim(&t->overflow, 1);
	resize_if_due(t);
	while (t->next.n != 0 && buckets-- > 0) {
		if (!move_unit(t))
			break;
		resize_if_due(t);
	}
	return t->next.n != 0;
}

uint32_t hr_table_count(const struct hr_table *t)
{
	return t->count;
}

size_t hr_table_bytes(const struct hr_table *t)
{
	return sizeof(*t) + array_bytes(&t->cur) + array_bytes(&t->next) +
	       hr_slab_bytes(&t->overflow);
}

const char *hr_table_hash_name(const struct hr_table *t)
{
	return hr_hash_name(&t->hash);
}
