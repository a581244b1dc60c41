/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No cache line is written by two workers, but those that pass something on: what each thread
 * writes is found here by its place. A field that is moved into another's line makes a test fail,
 * not a figure worse.
 */
#include <rte_ring.h>

#include "common/eal.h"
#include "engine/worker.h"
#include "pair.h"
#include "test_assert.h"
#include "wire/wire.h"

#define LINE(type, field) (offsetof(type, field) / RTE_CACHE_LINE_SIZE)
#define LAST_LINE(type, field)                                                                     \
	((offsetof(type, field) + sizeof(((type *)0)->field) - 1) / RTE_CACHE_LINE_SIZE)

/* Fields with the thread that writes them; those of one line have one writer. */
struct written {
	size_t first, last; /* lines */
	const char *field;
	char by;
};

#define W(type, field, by)                                                                         \
	{                                                                                          \
		LINE(type, field), LAST_LINE(type, field), #type "." #field, by                    \
	}

static void check(const struct written *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (f[i].by != f[j].by && f[i].first <= f[j].last &&
				f[j].first <= f[i].last)
				fail_msg("%s and %s share a line", f[i].field, f[j].field);
}

static void test_rings(void **state)
{
	const struct written ring[] = {
		W(struct rte_ring, prod, 'w'),
		W(struct rte_ring, cons, 'r'),
		W(struct rte_ring, mask, '-'),
	};
	const struct written wire[] = {
		W(struct wire_ring, head, 'w'),
		W(struct wire_ring, next, 'w'),
		W(struct wire_ring, tail_seen, 'w'),
		W(struct wire_ring, tail, 'r'),
		W(struct wire_ring, head_seen, 'r'),
		W(struct wire_ring, slots, '-'),
		W(struct wire_ring, mask, '-'),
	};

	check(ring, RTE_DIM(ring));
	check(wire, RTE_DIM(wire));
	assert_int_equal(sizeof(struct wire_ring) % RTE_CACHE_LINE_SIZE, 0);
}

static void test_queues(void **state)
{
	const struct written end[] = {
		W(struct wire_end, rings, '-'),
		W(struct wire_end, reta, '-'),
		W(struct wire_end, key, '-'),
		W(struct wire_end, rxq[0], '0'),
		W(struct wire_end, rxq[1], '1'),
		W(struct wire_end, txq[0], '0'),
		W(struct wire_end, txq[1], '1'),
		W(struct wire_end, rxq[WIRE_QUEUES_MAX - 1], 'n'),
		W(struct wire_end, txq[WIRE_QUEUES_MAX - 1], 'n'),
	};

	check(end, RTE_DIM(end));
	assert_int_equal(sizeof(struct wire_end) % RTE_CACHE_LINE_SIZE, 0);
}

static void test_workers(void **state)
{
	const struct written worker[] = {
		W(struct hr_worker, e, 'w'),
		W(struct hr_worker, now_us, 'w'),
		W(struct hr_worker, rng, 'w'),
		W(struct hr_worker, messages, 'w'),
		W(struct hr_worker, from, 'w'),
		W(struct hr_worker, handed_n, 'w'),
		W(struct hr_worker, stage, 'w'),
		W(struct hr_worker, m, 'w'),
		W(struct hr_worker, post_lock, 'p'),
	};
	struct pair p;

	check(worker, RTE_DIM(worker));
	assert_int_equal(sizeof(struct hr_worker) % RTE_CACHE_LINE_SIZE, 0);
	pair_open(&p, &(struct pair_opts){.workers = 3, .wire_args = ",queues=3", .mbufs = 1024});
	for (unsigned i = 0; i < 3; i++) {
		const struct hr_worker *w = pair_worker(&p, PAIR_A, i);

		assert_int_equal((uintptr_t)w % RTE_CACHE_LINE_SIZE, 0);
		assert_int_equal((uintptr_t)w->messages % RTE_CACHE_LINE_SIZE, 0);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal((uintptr_t)w->from[j] % RTE_CACHE_LINE_SIZE, 0);
	}
	pair_close(&p);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_workers),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
