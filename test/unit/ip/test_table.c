/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of next hops at its limits: full, evicting, expiring, with thousands of timers. */
#include "rig.h"

#include "ip/layer.h"

#define TABLE_MAX 4096

static int setup_wide(void **state)
{
	struct hr_addr_config a = {.first = addr("198.18.0.1"), .count = 1, .prefix_len = 16};

	rig_setup(state);
	rig_rebuild(*state, &a, 1, NULL, 0);
	return 0;
}

/* The i-th peer: 198.18.1.0 and on. */
static struct hr_ip peer(unsigned i)
{
	struct hr_ip first = addr("198.18.1.0");

	return hr_ip_add(&first, i);
}

static uint16_t route(struct rig *r, unsigned i, uint64_t now)
{
	struct hr_ip to = peer(i);

	return hr_route(r->ip, 1, &to, now);
}

static unsigned entries(struct rig *r)
{
	unsigned complete, incomplete, failed;

	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	return complete + incomplete + failed;
}

static void hear_from(struct rig *r, unsigned i, uint64_t now)
{
	struct hr_ip p = peer(i);
	char text[48];

	assert_int_equal(hears(r, 0,
				 arp(1, BROADCAST, PEER, hr_ip_text(&p, text, sizeof(text)), NOBODY,
					 "198.18.0.1"),
				 now),
		DROP_NONE);
}

static void a_full_table_refuses_and_referenced_entries_stay(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < TABLE_MAX; i++)
		assert_int_equal(route(r, i, i), i + 1);
	assert_int_equal(route(r, TABLE_MAX, TABLE_MAX), 0);
	assert_int_equal(r->m.c[HR_C_no_memory], 1);
	/* Known ones are found as before, and a stranger's request is answered without being
	 * learned. */
	assert_int_equal(route(r, 7, TABLE_MAX), 8);
	assert_int_equal(hr_nexthop(r->ip, 8)->refs, 2);
	hear_from(r, TABLE_MAX, TABLE_MAX);
	assert_int_equal(r->n_said, 1);
	assert_int_equal(r->m.c[HR_C_no_memory], 2);
	assert_int_equal(entries(r), TABLE_MAX);
	/* Half of them let go; time passes; only those go. */
	for (unsigned i = 0; i < TABLE_MAX; i += 2)
		hr_nexthop_put(r->ip, (uint16_t)(i + 1));
	until(r, 700 * SECOND);
	assert_int_equal(entries(r), TABLE_MAX / 2);
	for (unsigned i = 1; i < TABLE_MAX; i += 2) {
		struct hr_ip p = peer(i);

		assert_true(hr_ip_equal(&hr_nexthop(r->ip, (uint16_t)(i + 1))->addr, &p));
	}
}

static void the_entry_unused_for_longest_makes_room(void **state)
{
	struct rig *r = *state;
	struct hr_ip p;
	uint16_t nh;

	for (unsigned i = 0; i < TABLE_MAX; i++)
		route(r, i, 0);
	/* 100 holds a packet that waits; 50 is let go later than 100, and 100 before 3. */
	assert_true(hr_nexthop_send(r->ip, 101, packet(r, 1), 0));
	assert_int_equal(test_pool_out(r->pool), 1);
	hr_nexthop_put(r->ip, 101);
	hr_nexthop_put(r->ip, 51);
	hr_nexthop_put(r->ip, 4);
	/* Used again in between: no longer the oldest. */
	assert_int_equal(route(r, 50, 1), 51);
	hr_nexthop_put(r->ip, 51);

	nh = route(r, 5000, 2);
	assert_int_equal(nh, 101);
	p = peer(5000);
	assert_true(hr_ip_equal(&hr_nexthop(r->ip, nh)->addr, &p));
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_INCOMPLETE);
	assert_int_equal(test_pool_out(r->pool), 0);
	assert_int_equal(route(r, 5001, 2), 4);
	assert_int_equal(route(r, 5002, 2), 51);
	assert_int_equal(route(r, 5003, 2), 0);
	/* The timer of the evicted one went with it. */
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

/* A flood from made-up neighbours: the host that has answered stays known, though nobody uses it.
 */
static void a_host_that_answered_outlives_made_up_ones(void **state)
{
	struct rig *r = *state;
	uint16_t nh;

	hear_from(r, 0, 5);
	for (unsigned i = 1; i < 5 * TABLE_MAX; i++)
		hr_nexthop_put(r->ip, route(r, i, 5 + i));
	nh = route(r, 0, 6 * TABLE_MAX);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_int_equal(entries(r), TABLE_MAX);
}

static uint16_t route_back(struct rig *r, unsigned i, uint64_t now)
{
	struct hr_ip to = peer(i);

	return hr_route_back(r->ip, 1, &to, now);
}

/* Answers to strangers make 256 new neighbours at once and 256 a second, no more; whoever is known,
 * or asked for our address, is answered all the same, and so is what we begin ourselves. */
static void strangers_cost_so_many_new_neighbours_a_second(void **state)
{
	struct rig *r = *state;
	unsigned made = 0;

	hear_from(r, 1, SECOND);
	for (unsigned i = 1000; i < 3000; i++)
		made += route_back(r, i, SECOND) != 0;
	assert_int_equal(made, 256);
	assert_int_equal(r->m.c[HR_C_arp_limited], 2000 - 256);
	assert_int_not_equal(route_back(r, 1, SECOND), 0);
	assert_int_not_equal(route_back(r, 1001, SECOND), 0);
	hear_from(r, 2, SECOND);
	assert_int_not_equal(route_back(r, 2, SECOND), 0);
	assert_int_not_equal(route(r, 4, SECOND), 0);
	for (unsigned i = 1000; i < 3000; i++)
		made += route_back(r, i, SECOND + SECOND / 2) != 0;
	assert_int_equal(made, 256 + 256 + 128);
}

static void unused_entries_go_after_ten_minutes(void **state)
{
	struct rig *r = *state;
	uint16_t nh;

	hear_from(r, 1, 5);
	nh = route(r, 2, 10);
	assert_int_equal(entries(r), 2);
	assert_int_equal(hr_ip_deadline(r->ip), 600 * SECOND + 5);
	until(r, 600 * SECOND + 4);
	assert_int_equal(entries(r), 2);
	until(r, 600 * SECOND + 5);
	assert_int_equal(entries(r), 1);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
	hr_nexthop_put(r->ip, nh);
	assert_int_equal(hr_ip_deadline(r->ip), 1200 * SECOND + 5);
	until(r, 1200 * SECOND + 5);
	assert_int_equal(entries(r), 0);
}

static void strangers_cannot_push_out_what_is_in_use(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route(r, 0, 0);
	struct hr_ip p = peer(0);

	for (unsigned i = 1; i < 3 * TABLE_MAX; i++)
		hear_from(r, i, i);
	assert_int_equal(entries(r), TABLE_MAX);
	assert_true(hr_ip_equal(&hr_nexthop(r->ip, nh)->addr, &p));
	assert_int_equal(hr_nexthop(r->ip, nh)->refs, 1);
}

/*
 * Each hop asks at t, t + 1 s and t + 2 s and fails at t + 3 s, exactly, whatever the others do: a
 * model against the heap. The packets that wait come from the pool, so no more hops than it has
 * mbufs.
 */
static void hundreds_of_timers_fire_exactly(void **state)
{
	enum { HOPS = 400, STEP_US = 10000 };
	const uint64_t seed = 42;
	struct rig *r = *state;
	uint64_t begun[HOPS], now = 0;
	unsigned said, told;
	struct hr_rng rng;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned i = 0; i < HOPS; i++) {
		now += hr_rng_below(&rng, STEP_US);
		until(r, now);
		begun[i] = now;
		assert_true(hr_nexthop_send(r->ip, route(r, i, now), packet(r, 0), now));
	}
	while (now < begun[HOPS - 1] + 3 * SECOND) {
		assert_true(hr_ip_deadline(r->ip) > now);
		now = hr_ip_deadline(r->ip);
		hr_ip_expire(r->ip, now);
		said = told = 0;
		for (unsigned i = 0; i < HOPS; i++) {
			for (unsigned k = 0; k < 3; k++)
				said += begun[i] + k * SECOND <= now;
			told += begun[i] + 3 * SECOND <= now;
		}
		assert_int_equal(r->n_said, said);
		assert_int_equal(r->n_told, told);
	}
	assert_int_equal(r->n_said, 3 * HOPS);
	assert_int_equal(r->n_told, HOPS);
	until(r, now + 3 * SECOND);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

/*
 * All that waits has an eighth of the pool together, at most four for each; who waits for longest
 * gives way. The first packet for a neighbour always gets its place, because it asks; hence
 * whoever answers has something sent.
 */
static void what_waits_has_a_share_of_the_pool(void **state)
{
	enum { SHARE = 511 / 8 };
	struct rig *r = *state;
	uint16_t first = route(r, 0, 0), nh;

	for (unsigned i = 0; i < 5; i++)
		assert_true(hr_nexthop_send(r->ip, first, packet(r, (uint8_t)i), 0));
	assert_true(hr_nexthop_full(r->ip, first));
	assert_int_equal(r->m.c[HR_C_arp_dropped], 1);
	assert_int_equal(r->m.c[HR_C_arp_crowded], 0);
	for (unsigned i = 1; i <= SHARE - 4; i++) {
		nh = route(r, i, i);
		assert_false(hr_nexthop_full(r->ip, nh));
		assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), i));
	}
	assert_int_equal(test_pool_out(r->pool), SHARE);
	assert_int_equal(r->m.c[HR_C_arp_crowded], 0);
	assert_true(hr_nexthop_full(r->ip, nh));
	for (unsigned i = 0; i < 300; i++) {
		nh = route(r, 1000 + i, 100 + i);
		assert_false(hr_nexthop_full(r->ip, nh));
		assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 100 + i));
		assert_int_equal(test_pool_out(r->pool), SHARE);
		assert_int_equal(hr_nexthop(r->ip, first)->pending_n, i < 4 ? 3 - i : 0);
	}
	assert_int_equal(r->m.c[HR_C_arp_crowded], 300);
	assert_int_equal(r->m.c[HR_C_arp_dropped], 301);
	rig_clear(r);
	hear_from(r, 1299, 500);
	assert_int_equal(test_pool_out(r->pool), SHARE - 1);
	until(r, 10 * SECOND);
	assert_int_equal(test_pool_out(r->pool), 0);
	assert_int_equal(r->m.c[HR_C_arp_dropped], 301 + SHARE - 1);
}

/* The heap alone, with deadlines that move both ways and vanish, against a search through all of
 * them. */
static void the_nearest_deadline_is_found_whatever_moves(void **state)
{
	enum { HOPS = 300, ROUNDS = 5000 };
	const uint64_t seed = 7;
	struct rig *r = *state;
	struct hr_rng rng;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned i = 0; i < HOPS; i++)
		assert_int_equal(route(r, i, 0), i + 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct hr_nh_entry *e = &r->ip->nh[1 + hr_rng_below(&rng, HOPS)];
		bool off = hr_rng_below(&rng, 4) == 0;
		uint64_t nearest = HR_NEVER;

		hr_nh_deadline(r->ip, e, off ? HR_NEVER : hr_rng_below(&rng, 1000000));
		for (unsigned i = 1; i <= HOPS; i++)
			nearest = RTE_MIN(nearest, r->ip->nh[i].nh.deadline_us);
		assert_int_equal(hr_ip_deadline(r->ip), nearest);
	}
	for (unsigned i = 1; i <= HOPS; i++)
		hr_nh_deadline(r->ip, &r->ip->nh[i], HR_NEVER);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_wide, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(a_full_table_refuses_and_referenced_entries_stay),
		T(the_entry_unused_for_longest_makes_room),
		T(a_host_that_answered_outlives_made_up_ones),
		T(strangers_cost_so_many_new_neighbours_a_second),
		T(unused_entries_go_after_ten_minutes),
		T(strangers_cannot_push_out_what_is_in_use),
		T(hundreds_of_timers_fire_exactly),
		T(what_waits_has_a_share_of_the_pool),
		T(the_nearest_deadline_is_found_whatever_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
