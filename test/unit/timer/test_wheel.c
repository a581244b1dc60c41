/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timing wheel: single behaviours with whole expected values, then random operations against a
 * flat array of deadlines that is searched from end to end.
 */
#include "timer/wheel.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"

#define OBJECTS 512
#define SECOND  1000000ull
#define HOUR    (3600 * SECOND)

struct object {
	uint32_t id;
	struct hr_timer_node node;
};

struct bed {
	struct hr_slab slab;
	struct hr_wheel wheel;
	struct object *object[OBJECTS];
	struct hr_rng rng;
	uint64_t now_us;
	/* what fired in the last advance */
	uint32_t fired[4 * OBJECTS];
	uint32_t nfired;
	void (*on_fire)(struct bed *b, struct object *o);
	/* the reference: HR_NEVER = not queued */
	uint64_t when_us[OBJECTS];
	uint32_t advances;
	uint32_t set_in[OBJECTS]; /* the advance whose fire() set this object last, 0 = none */
};

static void bed_up(struct bed *b, uint64_t now_us)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(
		hr_slab_init(&b->slab, "timers", sizeof(struct object), 2 * OBJECTS, -1, NULL, 0),
		0);
	hr_wheel_init(&b->wheel, &b->slab, offsetof(struct object, node), now_us);
	b->now_us = now_us;
	for (uint32_t i = 0; i < OBJECTS; i++) {
		b->object[i] = hr_slab_alloc(&b->slab);
		assert_non_null(b->object[i]);
		b->object[i]->id = i;
		hr_timer_init(&b->object[i]->node);
		b->when_us[i] = HR_NEVER;
	}
}

static void bed_down(struct bed *b)
{
	hr_slab_fini(&b->slab);
}

static void record(void *arg, void *obj)
{
	struct bed *b = arg;
	struct object *o = obj;

	assert_false(hr_timer_queued(&o->node));
	assert_true(b->nfired < RTE_DIM(b->fired));
	b->fired[b->nfired++] = o->id;
	if (b->on_fire != NULL)
		b->on_fire(b, o);
}

static uint32_t advance(struct bed *b, uint64_t now_us, uint32_t budget)
{
	b->nfired = 0;
	b->now_us = now_us;
	return hr_wheel_advance(&b->wheel, now_us, budget, record, b);
}

static void set(struct bed *b, uint32_t i, uint64_t when_us)
{
	hr_wheel_set(&b->wheel, b->object[i], when_us);
}

/* Not a microsecond early, not one late, whatever the level; even where a node moves at the end of
 * 1024 turns of the top. */
static void test_exact(void **state)
{
	static const uint64_t delay_us[] = {1, 63, 64, 65, 4095, 4096, 262143, 262144, SECOND,
		90 * SECOND, HOUR, 400 * 24 * HOUR, 1ull << 54, 1ull << 60, (1ull << 63) + 12345,
		UINT64_MAX - 5001};
	static const uint64_t start_us[] = {0, 1, 63, 4095, 5000};
	struct bed b;

	for (unsigned s = 0; s < RTE_DIM(start_us); s++) {
		for (unsigned d = 0; d < RTE_DIM(delay_us); d++) {
			uint64_t when_us = start_us[s] + delay_us[d];

			bed_up(&b, start_us[s]);
			set(&b, 0, when_us);
			assert_int_equal(hr_wheel_next(&b.wheel), when_us);
			assert_int_equal(advance(&b, when_us - 1, 1000), 0);
			assert_int_equal(hr_wheel_next(&b.wheel), when_us);
			assert_int_equal(advance(&b, when_us, 1000), 1);
			assert_int_equal(b.wheel.count, 0);
			assert_int_equal(hr_wheel_next(&b.wheel), HR_NEVER);
			bed_down(&b);
		}
	}
}

/* Slot after slot; within a slot in the order of queueing; a later node of the same slot stays. */
static void test_order(void **state)
{
	static const uint32_t expected[] = {3, 1, 2, 0};
	struct bed b;

	bed_up(&b, 1000 * 64);
	set(&b, 0, 1000 * 64 + 5000);
	set(&b, 1, 1000 * 64 + 70);
	set(&b, 2, 1000 * 64 + 66);
	set(&b, 3, 1000 * 64 + 20);
	set(&b, 4, 1000 * 64 + 5001);
	assert_int_equal(advance(&b, 1000 * 64 + 5000, 100), 4);
	assert_memory_equal(b.fired, expected, sizeof(expected));
	assert_int_equal(hr_wheel_next(&b.wheel), 1000 * 64 + 5001);
	assert_int_equal(advance(&b, 1000 * 64 + 5001, 100), 1);
	assert_int_equal(b.fired[0], 4);
	bed_down(&b);
}

static void set_zero_delay(struct bed *b, struct object *o)
{
	set(b, o->id, b->now_us);
}

/* A time that has come or passed fires at the next advance, even when fire() sets it and the clock
 * stands still. */
static void test_past(void **state)
{
	struct bed b;

	bed_up(&b, 10 * SECOND);
	set(&b, 0, 3);
	set(&b, 1, 10 * SECOND);
	set(&b, 2, 0);
	assert_int_equal(hr_wheel_next(&b.wheel), 0);
	assert_int_equal(advance(&b, 10 * SECOND, 100), 3);
	b.on_fire = set_zero_delay;
	set(&b, 0, 10 * SECOND + 50);
	assert_int_equal(advance(&b, 11 * SECOND, 100), 1);
	assert_int_equal(hr_wheel_next(&b.wheel), 11 * SECOND);
	assert_int_equal(advance(&b, 11 * SECOND, 100), 1);
	/* A clock that steps back does no harm. */
	assert_int_equal(advance(&b, 10 * SECOND, 100), 1);
	assert_int_equal(b.wheel.now_us, 11 * SECOND);
	b.on_fire = NULL;
	assert_int_equal(advance(&b, 12 * SECOND, 100), 1);
	assert_int_equal(b.wheel.count, 0);
	bed_down(&b);
}

static void test_set_again_and_never(void **state)
{
	struct bed b;

	bed_up(&b, 0);
	set(&b, 0, 100);
	set(&b, 1, 200);
	set(&b, 0, 300);
	assert_int_equal(hr_wheel_next(&b.wheel), 200);
	set(&b, 1, HR_NEVER);
	set(&b, 1, HR_NEVER);
	assert_int_equal(b.wheel.count, 1);
	assert_int_equal(hr_wheel_next(&b.wheel), 300);
	hr_wheel_remove(&b.wheel, b.object[0]);
	hr_wheel_remove(&b.wheel, b.object[0]);
	assert_int_equal(hr_wheel_next(&b.wheel), HR_NEVER);
	assert_int_equal(advance(&b, HOUR, 100), 0);
	bed_down(&b);
}

/* BUG-23 */
static void test_budget(void **state)
{
	struct bed b;

	bed_up(&b, 7);
	for (uint32_t i = 0; i < 100; i++)
		set(&b, i, 1000 + i * 40);
	assert_int_equal(advance(&b, SECOND, 30), 30);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(b.fired[i], i);
	assert_int_equal(hr_wheel_next(&b.wheel), 1000 + 30 * 40);
	/* One among those waiting is taken away, one is put off. */
	set(&b, 30, HR_NEVER);
	set(&b, 31, 2 * SECOND);
	assert_int_equal(advance(&b, SECOND, 0), 0);
	assert_int_equal(advance(&b, SECOND, 30), 30);
	assert_int_equal(b.fired[0], 32);
	assert_int_equal(advance(&b, SECOND, 1000), 38);
	assert_int_equal(advance(&b, SECOND, 1000), 0);
	assert_int_equal(hr_wheel_next(&b.wheel), 2 * SECOND);
	bed_down(&b);
}

/* 500 nodes reach a lower level: 4 per unit of budget move in one call, and only then do the first
 * fire. */
static void test_moving_is_budgeted(void **state)
{
	struct bed b;

	bed_up(&b, 0);
	for (uint32_t i = 0; i < 500; i++)
		set(&b, i, 262144 + i * 10);
	for (uint32_t calls = 1; calls <= 10; calls++) {
		assert_int_equal(advance(&b, 262144, 10), 0);
		assert_true(hr_wheel_moving(&b.wheel));
		assert_int_equal(hr_wheel_next(&b.wheel), 262144);
	}
	/* Those on their way can be taken away, put off and brought forward. */
	set(&b, 499, HR_NEVER);
	set(&b, 400, HR_NEVER);
	set(&b, 401, HOUR);
	set(&b, 498, 262145);
	assert_int_equal(advance(&b, 262144, 0), 0);
	assert_int_equal(advance(&b, 262144, 100), 1);
	assert_int_equal(b.fired[0], 0);
	assert_false(hr_wheel_moving(&b.wheel));
	assert_int_equal(hr_wheel_next(&b.wheel), 262145);
	assert_int_equal(advance(&b, SECOND, 1000), 496);
	assert_int_equal(hr_wheel_next(&b.wheel), HOUR);
	assert_int_equal(b.wheel.count, 1);
	bed_down(&b);
}

static void remove_and_free_others(struct bed *b, struct object *o)
{
	uint32_t self = o->id;

	for (uint32_t i = 0; i < 8; i++) {
		if (b->object[i] == NULL || (i != self && i % 2 == 0))
			continue;
		hr_wheel_remove(&b->wheel, b->object[i]);
		hr_slab_free(&b->slab, b->object[i]);
		b->object[i] = NULL;
	}
}

/* The first to fire frees itself and others that wait on the same list. */
static void test_free_in_fire(void **state)
{
	struct bed b;

	bed_up(&b, 0);
	for (uint32_t i = 0; i < 8; i++)
		set(&b, i, 640 + i);
	b.on_fire = remove_and_free_others;
	assert_int_equal(advance(&b, 1000, 100), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(b.fired[i], 2 * i);
	assert_int_equal(b.wheel.count, 0);
	bed_down(&b);
}

/* ---- random operations ---- */

/* Spread over all magnitudes, so that all levels, and the line between them, are hit. */
static uint64_t random_delay(struct hr_rng *r)
{
	uint32_t bits = hr_rng_below(r, 100);

	bits = bits < 60 ? bits % 20 : bits < 97 ? bits % 40 : bits % 63;
	return hr_rng_u64(r) & ((1ull << bits) - 1);
}

static void random_set(struct bed *b, uint32_t advances)
{
	uint32_t i = hr_rng_below(&b->rng, OBJECTS);
	uint64_t when_us = b->now_us + random_delay(&b->rng);

	if (hr_rng_below(&b->rng, 8) == 0)
		when_us = b->now_us - RTE_MIN(b->now_us, random_delay(&b->rng));
	if (hr_rng_below(&b->rng, 16) == 0 || when_us < b->now_us / 2)
		when_us = HR_NEVER;
	set(b, i, when_us);
	/* Setting the time that a node has already changes nothing: it may fire in this advance. */
	if (b->when_us[i] != when_us)
		b->set_in[i] = advances;
	b->when_us[i] = when_us;
}

static void check_fired(struct bed *b, struct object *o)
{
	assert_int_not_equal(b->when_us[o->id], HR_NEVER);
	assert_true(b->when_us[o->id] <= b->now_us);
	assert_int_not_equal(b->set_in[o->id], b->advances);
	b->when_us[o->id] = HR_NEVER;
	if (hr_rng_below(&b->rng, 4) == 0)
		random_set(b, b->advances);
	if (hr_rng_below(&b->rng, 8) == 0) {
		uint32_t i = hr_rng_below(&b->rng, OBJECTS);

		hr_wheel_remove(&b->wheel, b->object[i]);
		b->when_us[i] = HR_NEVER;
		hr_slab_free(&b->slab, b->object[i]);
		b->object[i] = hr_slab_alloc(&b->slab);
		b->object[i]->id = i;
		hr_timer_init(&b->object[i]->node);
	}
}

static uint64_t reference_next(const struct bed *b)
{
	uint64_t least = HR_NEVER;

	for (uint32_t i = 0; i < OBJECTS; i++)
		least = RTE_MIN(least, b->when_us[i]);
	return least;
}

static void check_state(struct bed *b)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < OBJECTS; i++) {
		assert_int_equal(b->object[i]->node.when_us, b->when_us[i]);
		count += b->when_us[i] != HR_NEVER;
	}
	assert_int_equal(b->wheel.count, count);
	assert_int_equal(hr_wheel_next(&b->wheel),
		hr_wheel_moving(&b->wheel) ? b->wheel.now_us : reference_next(b));
}

/* Within the budget all that is due fires, but for what fire() sets; check_fired() sees that
 * nothing else does. */
static void random_advance(struct bed *b)
{
	uint32_t budget = hr_rng_below(&b->rng, 3) == 0 ? hr_rng_below(&b->rng, 20) : UINT32_MAX,
		 fired;
	uint64_t now_us = b->now_us, next_us = hr_wheel_next(&b->wheel);

	switch (hr_rng_below(&b->rng, 4)) {
	case 0:
		now_us += random_delay(&b->rng);
		break;
	case 1:
		now_us += hr_rng_below(&b->rng, 200);
		break;
	case 2: /* just before, at, or just after the next deadline */
		if (next_us != HR_NEVER && next_us > now_us)
			now_us = next_us - 1 + hr_rng_below(&b->rng, 3);
		break;
	default:
		break;
	}
	if (now_us > UINT64_MAX / 2)
		now_us = b->now_us;
	b->advances++;
	fired = advance(b, now_us, budget);
	assert_int_equal(fired, b->nfired);
	assert_true(fired <= budget);
	for (uint32_t i = 0; fired < budget && !hr_wheel_moving(&b->wheel) && i < OBJECTS; i++)
		assert_true(b->when_us[i] > now_us || b->set_in[i] == b->advances);
}

static void random_run(uint64_t seed, uint64_t start_us, unsigned ops)
{
	uint32_t total = 0, waves = 0;
	struct bed b;

	bed_up(&b, start_us);
	hr_rng_seed(&b.rng, seed);
	b.on_fire = check_fired;
	for (unsigned op = 0; op < ops; op++) {
		if (hr_rng_below(&b.rng, 5) != 0) {
			random_set(&b, 0);
		} else {
			random_advance(&b);
			total += b.nfired;
			waves += b.nfired > 1;
		}
		if (op % 8 == 0)
			check_state(&b);
		if (op % 1000 == 999) {
			/* Nothing new: all that is due must go in one advance with budget to spare.
			 */
			b.on_fire = NULL;
			advance(&b, b.now_us, UINT32_MAX);
			for (uint32_t i = 0; i < b.nfired; i++) {
				assert_true(b.when_us[b.fired[i]] <= b.now_us);
				b.when_us[b.fired[i]] = HR_NEVER;
			}
			assert_true(reference_next(&b) > b.now_us);
			check_state(&b);
			b.on_fire = check_fired;
		}
	}
	assert_true(total > ops / 100);
	assert_true(waves > ops / 1000);
	bed_down(&b);
}

static void test_random(void **state)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		print_message("seed %lu\n", seed);
		random_run(seed, seed % 2 == 0 ? 0 : seed * 12345678901ull, 30000);
	}
	/* Across the end of the top level's turn. */
	random_run(99, (1ull << 54) - 100000, 30000);
}

/* Two wheels, equal inputs: equal order. And slots never fire out of order. */
static void test_deterministic(void **state)
{
	static struct bed a, b;
	uint64_t when_us[OBJECTS];

	bed_up(&a, 0);
	bed_up(&b, 0);
	hr_rng_seed(&a.rng, 5);
	for (unsigned round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < OBJECTS; i++) {
			when_us[i] = a.now_us + 1 + random_delay(&a.rng) % HOUR;
			set(&a, i, when_us[i]);
			set(&b, i, when_us[i]);
		}
		advance(&b, a.now_us + 20 * SECOND, UINT32_MAX);
		advance(&a, a.now_us + 20 * SECOND, UINT32_MAX);
		assert_true(a.nfired > 0);
		assert_int_equal(a.nfired, b.nfired);
		assert_memory_equal(a.fired, b.fired, a.nfired * sizeof(a.fired[0]));
		for (uint32_t i = 1; i < a.nfired; i++)
			assert_true(when_us[a.fired[i - 1]] / 64 <= when_us[a.fired[i]] / 64);
	}
	bed_down(&a);
	bed_down(&b);
}

static void note(void *arg, void *obj)
{
	uint64_t *latest = arg;

	*latest = ((struct object *)obj)->id;
}

/* Many nodes in one slot far away: the next deadline is told without looking at all of them, and is
 * never too late; whoever sleeps until then each time fires every node at its time. */
static void test_next_of_many(void **state)
{
	enum { MANY = 20 * HR_WHEEL_LOOK };
	const uint64_t first_us = 60 * SECOND, step_us = 100;
	struct hr_slab slab;
	struct hr_wheel w;
	uint64_t now_us = 5;
	uint32_t fired = 0, calls = 0;

	assert_int_equal(hr_slab_init(&slab, "many", sizeof(struct object), MANY, -1, NULL, 0), 0);
	hr_wheel_init(&w, &slab, offsetof(struct object, node), now_us);
	/* The earliest is the last that a walk would come to. */
	for (uint32_t i = MANY; i > 0; i--) {
		struct object *o = hr_slab_alloc(&slab);

		o->id = i - 1;
		hr_timer_init(&o->node);
		hr_wheel_set(&w, o, first_us + (i - 1) * step_us);
	}
	while (fired < MANY) {
		uint64_t next_us = hr_wheel_next(&w), id = 0, due_us = first_us + fired * step_us;

		assert_in_range(next_us, now_us, due_us);
		assert_int_equal(hr_wheel_next(&w), next_us);
		now_us = next_us;
		if (hr_wheel_advance(&w, now_us, 1000, note, &id) > 0) {
			assert_int_equal(now_us, due_us);
			assert_int_equal(id, fired);
			fired++;
		}
		assert_true(++calls < 2 * MANY);
	}
	assert_int_equal(hr_wheel_next(&w), HR_NEVER);
	hr_slab_fini(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_set_again_and_never),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_moving_is_budgeted),
		cmocka_unit_test(test_next_of_many),
		cmocka_unit_test(test_free_in_fire),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
