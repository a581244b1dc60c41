/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection table through its interface: random operations against an array by key number,
 * growth, shrinking. */
#include "flows.h"

#include <errno.h>

#define KEYS 60000

struct bed {
	struct flows flows;
	struct hr_table *table;
	struct hr_rng rng;
	uint32_t ref[KEYS]; /* the reference: by key number; 0 = absent */
	uint32_t count;
};

static struct bed *bed_up(uint32_t max, bool siphash, uint64_t seed)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	flows_up(&b->flows, max, siphash);
	hr_rng_seed(&b->rng, seed);
	assert_int_equal(hr_table_create(&b->flows.cfg, &b->table, NULL, 0), 0);
	return b;
}

static void bed_down(struct bed *b)
{
	hr_table_free(b->table);
	flows_down(&b->flows);
	free(b);
}

/* Odd numbers are IPv6. */
static struct hr_flow_key key_of(struct bed *b, uint32_t n)
{
	return flow_key(n, n & 1, &b->rng);
}

static enum hr_ref_type type_of(struct bed *b, uint32_t n)
{
	uint32_t pick = hr_rng_below(&b->rng, 3);

	return pick == 2 ? (n & 1 ? HR_REF_TW6 : HR_REF_TW4) : pick == 1 ? HR_REF_SYN : HR_REF_CONN;
}

static void add(struct bed *b, uint32_t n)
{
	struct hr_flow_key k = key_of(b, n);
	uint32_t ref = flow_new(&b->flows, type_of(b, n), &k);

	assert_int_equal(hr_table_insert(b->table, &k, hr_table_hash(b->table, &k), ref), 0);
	b->ref[n] = ref;
	b->count++;
}

static void del(struct bed *b, uint32_t n)
{
	struct hr_flow_key k = key_of(b, n);

	hr_table_remove(b->table, &k, hr_table_hash(b->table, &k), b->ref[n]);
	flow_free(&b->flows, b->ref[n]);
	b->ref[n] = 0;
	b->count--;
}

static void turn_into(struct bed *b, uint32_t n)
{
	struct hr_flow_key k = key_of(b, n);
	uint32_t to = flow_new(&b->flows, type_of(b, n), &k);

	hr_table_replace(b->table, &k, hr_table_hash(b->table, &k), b->ref[n], to);
	flow_free(&b->flows, b->ref[n]);
	b->ref[n] = to;
}

static void check_key(struct bed *b, uint32_t n)
{
	struct hr_flow_key k = key_of(b, n);
	uint64_t hash = hr_table_hash(b->table, &k);

	hr_table_prefetch(b->table, hash);
	assert_int_equal(hr_table_find(b->table, &k, hash), b->ref[n]);
}

/* A burst agrees with its keys one by one. */
static void check_burst(struct bed *b)
{
	struct hr_flow_key k[64];
	uint32_t n[RTE_DIM(k)], ref[RTE_DIM(k)];
	uint64_t hash[RTE_DIM(k)];

	for (unsigned i = 0; i < RTE_DIM(k); i++) {
		n[i] = hr_rng_below(&b->rng, KEYS);
		k[i] = key_of(b, n[i]);
	}
	hr_table_hash_burst(b->table, k, hash, RTE_DIM(k));
	hr_table_find_burst(b->table, k, hash, ref, RTE_DIM(k));
	for (unsigned i = 0; i < RTE_DIM(k); i++) {
		assert_int_equal(hash[i], hr_table_hash(b->table, &k[i]));
		assert_int_equal(ref[i], b->ref[n[i]]);
	}
}

static void check_all(struct bed *b)
{
	for (uint32_t n = 0; n < KEYS; n++)
		check_key(b, n);
	for (unsigned i = 0; i < 200; i++)
		check_burst(b);
	assert_int_equal(hr_table_count(b->table), b->count);
}

/* Tides: fill, churn, drain; so that growth and shrinking are under way at every phase. */
static void random_run(bool siphash, uint64_t seed)
{
	struct bed *b = bed_up(KEYS, siphash, seed);
	uint32_t percent[] = {90, 50, 10, 80, 20, 5};
	size_t most = 0;

	print_message("seed %lu\n", seed);
	for (unsigned phase = 0; phase < RTE_DIM(percent); phase++) {
		for (uint32_t op = 0; op < 60000; op++) {
			uint32_t n = hr_rng_below(&b->rng, KEYS);
			bool want = hr_rng_below(&b->rng, 100) < percent[phase];

			if (b->ref[n] == 0 && want)
				add(b, n);
			else if (b->ref[n] != 0 && !want)
				del(b, n);
			else if (b->ref[n] != 0)
				turn_into(b, n);
			check_key(b, hr_rng_below(&b->rng, KEYS));
			if (op % 128 == 0)
				check_burst(b);
			if (op % 512 == 0)
				hr_table_step(b->table, hr_rng_below(&b->rng, 40));
			if (op % 20000 == 0)
				check_all(b);
		}
		check_all(b);
		most = RTE_MAX(most, hr_table_bytes(b->table));
	}
	for (uint32_t n = 0; n < KEYS; n++)
		if (b->ref[n] != 0)
			del(b, n);
	check_all(b);
	while (hr_table_step(b->table, 7))
		;
	assert_true(hr_table_bytes(b->table) < most / 8);
	for (int type = 0; type < HR_REF_TYPES; type++)
		assert_int_equal(b->flows.slab[type].live, 0);
	bed_down(b);
}

static void test_random_siphash(void **state)
{
	random_run(true, 1);
	random_run(true, 2);
}

static void test_random_native_hash(void **state)
{
	random_run(false, 3);
	random_run(false, 4);
}

/* Memory follows the entries: at most 64 bytes for 12 at 75 %, twice that just after growth, plus
 * one array on the way. */
static void test_memory_follows(void **state)
{
	struct bed *b = bed_up(KEYS, true, 5);
	size_t empty = hr_table_bytes(b->table), full;

	assert_true(empty < 8192);
	for (uint32_t n = 0; n < KEYS; n++) {
		add(b, n);
		/* One overflow slab chunk of 2 MiB besides. */
		assert_true(hr_table_bytes(b->table) <=
			    empty + (2u << 20) + (size_t)(n + 600) * 64 / 9 * 3);
	}
	check_all(b);
	full = hr_table_bytes(b->table);
	for (uint32_t n = 0; n < KEYS; n++)
		del(b, n);
	while (hr_table_step(b->table, 1))
		;
	/* The overflow slab keeps the pages of one empty chunk. */
	print_message(
		"bytes: %zu empty, %zu full, %zu emptied\n", empty, full, hr_table_bytes(b->table));
	assert_true(hr_table_bytes(b->table) < full / 4);
	bed_down(b);
}

static void test_limit(void **state)
{
	struct bed *b = bed_up(100, true, 6);
	struct hr_flow_key k;
	uint32_t ref;

	for (uint32_t n = 0; n < 100; n++)
		add(b, n);
	del(b, 99);
	k = key_of(b, 100);
	ref = flow_new(&b->flows, HR_REF_SYN, &k);
	assert_int_equal(hr_table_insert(b->table, &k, hr_table_hash(b->table, &k), ref), 0);
	k = key_of(b, 99);
	assert_int_equal(
		hr_table_insert(b->table, &k, hr_table_hash(b->table, &k), hr_ref(HR_REF_CONN, 1)),
		-ENOMEM);
	assert_int_equal(hr_table_find(b->table, &k, hr_table_hash(b->table, &k)), 0);
	assert_int_equal(hr_table_count(b->table), 100);
	bed_down(b);
}

static void test_bad_request(void **state)
{
	struct hr_table_config cfg = {0};
	struct hr_table *t = NULL;
	char err[128];

	assert_int_equal(hr_table_create(&cfg, &t, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "connection table: max_entries is 0; it must be at least 1");
	assert_null(t);
	hr_table_free(NULL);
}

/* The same four fields in another family, and neighbours in each field, are other keys. */
static void test_keys_apart(void **state)
{
	struct bed *b = bed_up(100, false, 7);
	struct hr_flow_key base = {
		.laddr_id = 5, .lport = 80, .rport = 1024, .raddr = {0x010012c6}};
	struct hr_flow_key k[7] = {base, base, base, base, base, base, base};
	uint32_t ref[7];

	k[1].laddr_id = 6;
	k[2].lport = 81;
	k[3].rport = 1025;
	k[4].raddr4++;
	k[5].laddr_id |= HR_LADDR_V6;
	k[6].laddr_id |= HR_LADDR_V6;
	k[6].raddr[3] = 1;
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(hr_table_find(b->table, &k[i], hr_table_hash(b->table, &k[i])), 0);
		ref[i] = flow_new(&b->flows, i < 5 ? HR_REF_TW4 : HR_REF_TW6, &k[i]);
		assert_int_equal(
			hr_table_insert(b->table, &k[i], hr_table_hash(b->table, &k[i]), ref[i]),
			0);
	}
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(
			hr_table_find(b->table, &k[i], hr_table_hash(b->table, &k[i])), ref[i]);
	/* What follows an IPv4 key does not matter. */
	k[0].raddr[2] = 77;
	assert_int_equal(hr_table_find(b->table, &k[0], hr_table_hash(b->table, &k[0])), ref[0]);
	bed_down(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_siphash),
		cmocka_unit_test(test_random_native_hash),
		cmocka_unit_test(test_memory_follows),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_keys_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
