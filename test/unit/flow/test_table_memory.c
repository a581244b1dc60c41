/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection table from the inside: memory that fails, chains of many buckets, and the
 * invariants of chains. It includes table.c to fail its mmap() and its overflow slab, and to choose
 * hashes freely.
 */
#include <stdbool.h>
#include <sys/mman.h>

static bool mmap_fails;
static unsigned mmap_calls;

static void *test_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	mmap_calls++;
	return mmap_fails ? MAP_FAILED : mmap(addr, len, prot, flags, fd, off);
}

static size_t given_back;

static int test_madvise(void *addr, size_t len, int advice)
{
	given_back += advice == MADV_DONTNEED ? len : 0;
	return madvise(addr, len, advice);
}

#define mmap    test_mmap
#define madvise test_madvise
#include "flow/table.c"
#undef mmap
#undef madvise

#include "flows.h"

/* Every bucket but the last of a chain is full; each reference is where its hash says; overflow
 * buckets add up. */
static void check_table(const struct hr_table *t)
{
	uint32_t overflow = 0, count = 0, unit = t->next.n == 0 ? 0 : RTE_MIN(t->cur.n, t->next.n);

	for (int which = 0; which < 2; which++) {
		const struct array *a = which == 0 ? &t->cur : &t->next;

		for (uint32_t i = 0; i < a->n; i++) {
			const struct bucket *b = &a->bucket[i];

			if (unit != 0 && (i % unit < t->cursor) != (which == 1))
				continue;
			for (;;) {
				uint32_t used = (uint32_t)__builtin_popcount(match(b, 0) ^ 0xfff);

				count += used;
				for (uint32_t way = 0; way < WAYS; way++) {
					uint64_t hash;

					if (b->tag[way] == 0)
						continue;
					hash = hr_hash_key(&t->hash, key_of(t, b->ref[way]));
					assert_int_equal((uint32_t)hash & (a->n - 1), i);
					assert_int_equal(b->tag[way], tag_of(hash));
				}
				if (b->overflow == 0)
					break;
				assert_int_equal(used, WAYS);
				b = overflow_at(t, b->overflow);
				assert_int_not_equal(match(b, 0), 0xfff);
				overflow++;
			}
		}
	}
	assert_int_equal(count, t->count);
	assert_int_equal(overflow, t->overflow.live);
}

/* Begin a resize that the load does not ask for; no other follows it. */
static void resize_by_hand(struct hr_table *t, uint32_t buckets)
{
	mmap_fails = false;
	assert_int_equal(array_map(&t->next, buckets, -1), 0);
	mmap_fails = true;
}

static struct hr_table *table_up(struct flows *f, uint32_t max)
{
	struct hr_table *t = NULL;

	flows_up(f, max, true);
	assert_int_equal(hr_table_create(&f->cfg, &t, NULL, 0), 0);
	return t;
}

static int add(struct flows *f, struct hr_table *t, struct hr_rng *noise, uint32_t n)
{
	struct hr_flow_key k = flow_key(n, n & 1, noise);
	uint32_t ref = flow_new(f, n & 1 ? HR_REF_TW6 : HR_REF_TW4, &k);
	int rc = hr_table_insert(t, &k, hr_table_hash(t, &k), ref);

	if (rc < 0)
		flow_free(f, ref);
	return rc;
}

static uint32_t find(const struct hr_table *t, struct hr_rng *noise, uint32_t n)
{
	struct hr_flow_key k = flow_key(n, n & 1, noise);

	return hr_table_find(t, &k, hr_table_hash(t, &k));
}

static void del(struct flows *f, struct hr_table *t, struct hr_rng *noise, uint32_t n)
{
	struct hr_flow_key k = flow_key(n, n & 1, noise);
	uint64_t hash = hr_table_hash(t, &k);
	uint32_t ref = hr_table_find(t, &k, hash);

	assert_int_not_equal(ref, 0);
	hr_table_remove(t, &k, hash, ref);
	flow_free(f, ref);
}

/* Invariants at every step of growing and shrinking; and both happen as a sequence of small moves.
 */
static void test_invariants(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	unsigned moving = 0;

	hr_rng_seed(&noise, 1);
	for (uint32_t n = 0; n < 20000; n++) {
		assert_int_equal(add(&f, t, &noise, n), 0);
		moving += t->next.n != 0;
		if (n % 97 == 0)
			check_table(t);
	}
	while (hr_table_step(t, 3))
		check_table(t);
	assert_int_equal(t->cur.n, 4096);
	assert_true(moving > 2000);
	for (uint32_t n = 0; n < 20000; n++) {
		del(&f, t, &noise, n);
		if (n % 97 == 0)
			check_table(t);
	}
	while (hr_table_step(t, 3))
		check_table(t);
	assert_int_equal(t->cur.n, MIN_BUCKETS);
	assert_int_equal(t->overflow.live, 0);
	hr_table_free(t);
	flows_down(&f);
}

/* Without another array the table goes on in longer chains, asks rarely, and grows when it can
 * again. */
static void test_mmap_fails(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	unsigned calls;

	hr_rng_seed(&noise, 2);
	mmap_fails = true;
	calls = mmap_calls;
	for (uint32_t n = 0; n < 4000; n++)
		assert_int_equal(add(&f, t, &noise, n), 0);
	check_table(t);
	assert_int_equal(t->cur.n, MIN_BUCKETS);
	assert_in_range(mmap_calls - calls, 10, 100);
	mmap_fails = false;
	for (uint32_t n = 4000; n < 8000; n++)
		assert_int_equal(add(&f, t, &noise, n), 0);
	check_table(t);
	assert_true(t->cur.n >= 512);
	for (uint32_t n = 0; n < 8000; n++)
		assert_int_not_equal(find(t, &noise, n), 0);
	/* Nor does shrinking need memory to be had. */
	mmap_fails = true;
	for (uint32_t n = 0; n < 8000; n++)
		del(&f, t, &noise, n);
	check_table(t);
	mmap_fails = false;
	hr_table_free(t);
	flows_down(&f);
}

static void test_create_without_memory(void **state)
{
	struct hr_table *t = NULL;
	struct flows f;
	char err[128];

	flows_up(&f, 100, true);
	mmap_fails = true;
	assert_int_equal(hr_table_create(&f.cfg, &t, err, sizeof(err)), -ENOMEM);
	mmap_fails = false;
	assert_string_equal(err, "connection table: no memory for its first 4096 bytes");
	assert_null(t);
	flows_down(&f);
}

/* Each insertion that needs an overflow bucket fails once: nothing changes, the next attempt goes
 * through. */
static void test_overflow_fails(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	unsigned failed = 0;

	hr_rng_seed(&noise, 3);
	for (uint32_t n = 0; n < 10000; n++) {
		uint32_t live = t->overflow.live;

		t->overflow.fail_after = 1;
		if (add(&f, t, &noise, n) < 0) {
			failed++;
			assert_int_equal(hr_table_count(t), n);
			assert_int_equal(find(t, &noise, n), 0);
			assert_true(t->overflow.live <= live);
			check_table(t);
			t->overflow.fail_after = 0;
			assert_int_equal(add(&f, t, &noise, n), 0);
		}
		t->overflow.fail_after = 0;
	}
	assert_true(failed > 50);
	check_table(t);
	for (uint32_t n = 0; n < 10000; n++)
		assert_int_not_equal(find(t, &noise, n), 0);
	hr_table_free(t);
	flows_down(&f);
}

/* Shrinking waits while the overflow bucket that a join may need cannot be had. */
static void test_join_fails(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	uint32_t cursor = 0;
	bool blocked = false;

	hr_rng_seed(&noise, 4);
	for (uint32_t n = 0; n < 9000; n++)
		assert_int_equal(add(&f, t, &noise, n), 0);
	hr_table_step(t, 10000);
	/* By hand, at a load where joined chains overflow. */
	resize_by_hand(t, t->cur.n / 2);
	while (t->next.n != 0 && !blocked) {
		cursor = t->cursor;
		t->overflow.fail_after = 1;
		blocked = hr_table_step(t, 1) && t->cursor == cursor;
	}
	assert_true(blocked);
	check_table(t);
	for (uint32_t n = 0; n < 9000; n++)
		assert_int_not_equal(find(t, &noise, n), 0);
	t->overflow.fail_after = 0;
	assert_false(hr_table_step(t, 10000));
	check_table(t);
	mmap_fails = false;
	hr_table_free(t);
	flows_down(&f);
}

/* All hashes end alike: one chain of 25 buckets; with equal tags too, only keys tell entries apart.
 */
static void test_one_chain(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	struct hr_flow_key k[300];
	uint32_t ref[300];

	hr_rng_seed(&noise, 5);
	for (uint32_t n = 0; n < 300; n++) {
		k[n] = flow_key(n, false, &noise);
		ref[n] = flow_new(&f, HR_REF_TW4, &k[n]);
		assert_int_equal(hr_table_insert(t, &k[n], (uint64_t)(n % 2) << 56 | 7, ref[n]), 0);
	}
	assert_int_equal(t->overflow.live, 24);
	/* Tag 0 means empty, so hashes that begin with 0 share tag 1. */
	assert_int_equal(tag_of(7), tag_of(1ull << 56 | 7));
	for (uint32_t n = 0; n < 300; n += 3)
		hr_table_remove(t, &k[n], 1ull << 56 | 7, ref[n]);
	assert_int_equal(t->overflow.live, 16);
	for (uint32_t n = 0; n < 300; n++)
		assert_int_equal(hr_table_find(t, &k[n], 7), n % 3 == 0 ? 0 : ref[n]);
	hr_table_free(t);
	flows_down(&f);
}

/*
 * Long chains that move: 60 entries per bucket, so 5 buckets per chain, go to an array of twice the
 * size and come back joined, with no overflow bucket to be had but the ones they bring, plus one
 * for a join.
 */
static void test_long_chains_move(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	uint32_t live;

	hr_rng_seed(&noise, 6);
	mmap_fails = true;
	for (uint32_t n = 0; n < 3840; n++)
		assert_int_equal(add(&f, t, &noise, n), 0);
	for (int round = 0; round < 3; round++) {
		resize_by_hand(t, t->cur.n * 2);
		live = t->overflow.live;
		t->overflow.fail_after = 1;
		assert_false(hr_table_step(t, 1000000));
		assert_true(t->overflow.live <= live);
		check_table(t);
	}
	t->overflow.fail_after = 0;
	for (int round = 0; round < 3; round++) {
		resize_by_hand(t, t->cur.n / 2);
		while (hr_table_step(t, 5))
			check_table(t);
	}
	mmap_fails = false;
	check_table(t);
	assert_int_equal(t->cur.n, MIN_BUCKETS);
	for (uint32_t n = 0; n < 3840; n++)
		assert_int_not_equal(find(t, &noise, n), 0);
	hr_table_free(t);
	flows_down(&f);
}

/* Arrays of 2 MiB and more are aligned for huge pages; the slack is not kept. */
static void test_large_array(void **state)
{
	struct array a = {0};

	for (uint32_t n = 32768; n <= 131072; n *= 2) {
		assert_int_equal(array_map(&a, n, 0), 0);
		assert_int_equal((uintptr_t)a.bucket % HUGE_BYTES, 0);
		a.bucket[0].tag[0] = a.bucket[n - 1].tag[0] = 1;
		assert_int_equal(a.bucket[n / 2].tag[0], 0);
		array_unmap(&a);
		assert_null(a.bucket);
	}
}

/* A large array's memory goes back while it is left, not all at its end; what is in the table stays
 * to be found. */
static void test_left_in_pieces(void **state)
{
	struct hr_rng noise;
	struct flows f;
	struct hr_table *t = table_up(&f, 20000);
	const uint32_t large = 4 * HUGE_BYTES / sizeof(struct bucket);

	hr_rng_seed(&noise, 7);
	for (uint32_t n = 0; n < 500; n++)
		assert_int_equal(add(&f, t, &noise, n), 0);
	while (t->cur.n < large) {
		resize_by_hand(t, t->cur.n * 2);
		while (hr_table_step(t, 1000))
			continue;
	}
	/* Growing leaves one range, shrinking two. */
	for (unsigned shrink = 0; shrink < 2; shrink++) {
		size_t bytes = array_bytes(&t->cur), before = 0;

		given_back = 0;
		resize_by_hand(t, shrink ? t->cur.n / 2 : t->cur.n * 2);
		while (hr_table_step(t, 1000)) {
			assert_true(given_back - before <= (shrink ? 2 : 1) * HUGE_BYTES);
			before = given_back;
		}
		assert_int_equal(given_back, bytes);
		check_table(t);
		for (uint32_t n = 0; n < 500; n++)
			assert_int_not_equal(find(t, &noise, n), 0);
	}
	mmap_fails = false;
	hr_table_free(t);
	flows_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariants),
		cmocka_unit_test(test_mmap_fails),
		cmocka_unit_test(test_create_without_memory),
		cmocka_unit_test(test_overflow_fails),
		cmocka_unit_test(test_join_fails),
		cmocka_unit_test(test_one_chain),
		cmocka_unit_test(test_long_chains_move),
		cmocka_unit_test(test_large_array),
		cmocka_unit_test(test_left_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
