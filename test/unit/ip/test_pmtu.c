/* SPDX-License-Identifier: BSD-3-Clause */
/* What connections learned of paths: found again, forgotten after ten minutes, and when there is no
 * room. */
#include "rig.h"

#define KEEP (600 * SECOND)

static struct hr_ip peer4(uint32_t i)
{
	struct hr_ip a = {.family = 4};

	a.b[0] = 198;
	a.b[1] = (uint8_t)(18 + (i >> 16 & 1));
	a.b[2] = (uint8_t)(i >> 8);
	a.b[3] = (uint8_t)i;
	return a;
}

static unsigned known(struct rig *r, struct hr_ip a, uint64_t now_us)
{
	bool df_clear = true;
	unsigned mtu = hr_pmtu(r->ip, &a, now_us, &df_clear);

	assert_false(df_clear);
	return mtu;
}

static void learn(struct rig *r, struct hr_ip a, uint16_t mtu, uint64_t now_us)
{
	hr_pmtu_learn(r->ip, &a, mtu, false, now_us);
}

/* PM-7 */
static void what_is_learned_is_known(void **state)
{
	struct rig *r = *state;
	struct hr_ip a = addr("198.18.0.9"), b = addr("2001:db8::9");

	assert_int_equal(known(r, a, 0), 0);
	learn(r, a, 1300, 1);
	assert_int_equal(known(r, a, 1), 1300);
	assert_int_equal(known(r, addr("198.18.0.10"), 1), 0);
	assert_int_equal(known(r, b, 1), 0);
	learn(r, b, 1280, 5);
	assert_int_equal(known(r, b, 5), 1280);
	assert_int_equal(known(r, a, 5), 1300);
	/* The last word counts, up and down. */
	learn(r, a, 1000, 6);
	assert_int_equal(known(r, a, 6), 1000);
	learn(r, a, 1400, 7);
	assert_int_equal(known(r, a, 7), 1400);
}

/* The families share nothing, though the bytes be the same. */
static void families_are_apart(void **state)
{
	struct rig *r = *state;
	struct hr_ip a = addr("198.18.0.9"), b = a;

	b.family = 6;
	learn(r, a, 1300, 1);
	assert_int_equal(known(r, b, 1), 0);
	learn(r, b, 1290, 1);
	assert_int_equal(known(r, a, 1), 1300);
	assert_int_equal(known(r, b, 1), 1290);
}

/* PM-8: below the least the path needs fragments; as long as nothing else is heard. */
static void floor_is_kept_with_the_size(void **state)
{
	struct rig *r = *state;
	struct hr_ip a = addr("198.18.0.9");
	bool df_clear = false;

	hr_pmtu_learn(r->ip, &a, 552, true, SECOND);
	assert_int_equal(hr_pmtu(r->ip, &a, SECOND, &df_clear), 552);
	assert_true(df_clear);
	assert_int_equal(hr_pmtu(r->ip, &a, SECOND + KEEP, &df_clear), 0);
	assert_false(df_clear);
	learn(r, a, 1400, 2 * SECOND);
	assert_int_equal(known(r, a, 2 * SECOND), 1400);
}

/* PM-2, RFC 1191 6.3: forgotten ten minutes after it was heard last, whoever asks in between. */
static void forgotten_after_ten_minutes(void **state)
{
	struct rig *r = *state;
	struct hr_ip a = addr("198.18.0.9");

	learn(r, a, 1300, SECOND);
	assert_int_equal(known(r, a, SECOND + KEEP / 2), 1300);
	assert_int_equal(known(r, a, SECOND + KEEP - 1), 1300);
	assert_int_equal(known(r, a, SECOND + KEEP), 0);
	learn(r, a, 1300, SECOND + KEEP);
	learn(r, a, 1300, SECOND + KEEP + 100);
	assert_int_equal(known(r, a, SECOND + 2 * KEEP + 99), 1300);
	assert_int_equal(known(r, a, SECOND + 2 * KEEP + 100), 0);
}

/* Many more paths than there is room for: what was learned last stays, the oldest go first, and
 * nobody gets another's. */
static void the_oldest_gives_way(void **state)
{
	enum { N = 20000, ROOM = 2048 };
	struct rig *r = *state;
	unsigned held = 0, old = 0;

	for (uint32_t i = 0; i < N; i++)
		learn(r, peer4(i), (uint16_t)(600 + i % 800), SECOND + i);
	for (uint32_t i = 0; i < N; i++) {
		unsigned mtu = known(r, peer4(i), SECOND + N);

		assert_true(mtu == 0 || mtu == 600 + i % 800);
		held += mtu != 0;
		old += mtu != 0 && i < N - 4 * ROOM;
		/* Its bucket took at most this many since. */
		if (i >= N - 4)
			assert_int_equal(mtu, 600 + i % 800);
	}
	/* Every place is taken, and of each bucket by the last four: of those before the last 8192
	 * (16 for each of 512 buckets) there can be only a few. */
	assert_true(held > ROOM * 95 / 100 && held <= ROOM);
	assert_true(old < ROOM / 100);
	/* One that is heard of again and again outlives all the others. */
	for (uint32_t i = 0; i < N; i++) {
		learn(r, peer4(70000), 1234, SECOND + N + 2 * i);
		learn(r, peer4(i), 700, SECOND + N + 2 * i + 1);
		assert_int_equal(known(r, peer4(70000), SECOND + N + 2 * i + 1), 1234);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_learned_is_known),
		T(families_are_apart),
		T(floor_is_kept_with_the_size),
		T(forgotten_after_ten_minutes),
		T(the_oldest_gives_way),
	};

	return cmocka_run_group_tests_name("ip_pmtu", tests, NULL, NULL);
}
