/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops over ARP: resolution, failure, staleness, what is believed and what is answered. Whole
 * frames, exact times. */
#include "rig.h"

static uint16_t route_to(struct rig *r, const char *remote, uint64_t now)
{
	struct hr_ip local = addr("198.18.0.1"), to = addr(remote);

	return hr_route(r->ip, hr_laddr_find(r->ip, 4, local.b), &to, now);
}

static struct bytes request(const char *tpa)
{
	return arp(1, BROADCAST, ME, "198.18.0.1", NOBODY, tpa);
}

static struct bytes answer(const char *mac, const char *spa)
{
	return arp(2, ME, mac, spa, ME, "198.18.0.1");
}

static uint16_t resolved(struct rig *r, uint64_t now)
{
	uint16_t nh = route_to(r, "198.18.0.85", now);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 0), now));
	assert_int_equal(hears(r, 0, answer(PEER, "198.18.0.85"), now), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	rig_clear(r);
	return nh;
}

/* ARP-3 */
static void first_packet_asks_and_the_answer_releases_in_order(void **state)
{
	struct rig *r = *state;
	unsigned complete, incomplete, failed;
	uint16_t nh = route_to(r, "198.18.0.85", 0);

	assert_int_equal(nh, 1);
	silent(r);
	assert_int_equal(hr_nexthop(r->ip, nh)->mtu, 1500);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
	for (uint8_t tag = 1; tag <= 6; tag++)
		assert_true(hr_nexthop_send(r->ip, nh, packet(r, tag), 10));
	assert_int_equal(r->n_said, 1);
	/* Written out once, so that the helper's idea of ARP is checked too. */
	says(r, 0, 0,
		hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c6120001 "
		    "000000000000 c6120055"));
	assert_int_equal(hr_nexthop(r->ip, nh)->pending_n, 4);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(complete, 0);
	assert_int_equal(incomplete, 1);
	rig_clear(r);
	assert_int_equal(hears(r, 0, answer(PEER, "198.18.0.85"), 500), DROP_NONE);
	assert_int_equal(r->n_said, 4);
	for (uint8_t i = 0; i < 4; i++)
		says(r, i, 0, packet_frame(PEER, ME, 0x0800, (uint8_t)(3 + i)));
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 9), 600));
	says(r, 4, 0, packet_frame(PEER, ME, 0x0800, 9));
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(complete, 1);
	assert_int_equal(incomplete, 0);
	assert_int_equal(failed, 0);
	assert_int_equal(r->m.c[HR_C_arp_sent], 1);
	assert_int_equal(r->n_told, 0);
}

/* ARP-2 */
static void three_tries_a_second_apart_then_failure_and_retry_on_demand(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, "198.18.0.85", 0);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 0));
	assert_int_equal(hr_ip_deadline(r->ip), 1 * SECOND);
	until(r, 1 * SECOND - 1);
	assert_int_equal(r->n_said, 1);
	until(r, 1 * SECOND);
	assert_int_equal(r->n_said, 2);
	assert_int_equal(hr_ip_deadline(r->ip), 2 * SECOND);
	until(r, 2 * SECOND);
	for (unsigned i = 0; i < 3; i++)
		says(r, i, 0, request("198.18.0.85"));
	assert_int_equal(r->n_told, 0);
	assert_int_equal(hr_ip_deadline(r->ip), 3 * SECOND);
	until(r, 3 * SECOND);
	assert_int_equal(r->n_said, 3);
	assert_int_equal(r->n_told, 1);
	assert_int_equal(r->told[0], nh);
	assert_int_equal(r->told_state[0], NH_FAILED);
	assert_int_equal(test_pool_out(r->pool), 0);
	assert_int_equal(r->m.c[HR_C_arp_failed], 1);

	/* Refused for three seconds, then asked again because somebody sends. */
	assert_false(hr_nexthop_send(r->ip, nh, packet(r, 2), 6 * SECOND - 1));
	assert_int_equal(r->n_said, 3);
	until(r, 6 * SECOND);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 3), 8 * SECOND));
	assert_int_equal(r->n_said, 4);
	assert_int_equal(hears(r, 0, answer(PEER, "198.18.0.85"), 8 * SECOND), DROP_NONE);
	says(r, 4, 0, packet_frame(PEER, ME, 0x0800, 3));
	assert_int_equal(r->n_told, 2);
	assert_int_equal(r->told_state[1], NH_REACHABLE);
}

static void a_failed_hop_whose_owner_lets_go_is_forgotten(void **state)
{
	struct rig *r = *state;
	unsigned complete, incomplete, failed;
	uint16_t nh = route_to(r, "198.18.0.85", 0);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 0));
	r->put_when_told = nh;
	until(r, 3 * SECOND);
	assert_int_equal(r->n_told, 1);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(failed, 1);
	until(r, 6 * SECOND);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(failed, 0);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

static void a_failed_hop_that_speaks_up_is_back(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, "198.18.0.85", 0);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 0));
	until(r, 3 * SECOND);
	/* A gratuitous ARP: its host has just come up. */
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER, "198.18.0.85", NOBODY, "198.18.0.85"),
				 4 * SECOND),
		DROP_NONE);
	assert_int_equal(r->n_told, 2);
	assert_int_equal(r->told_state[1], NH_STALE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 2), 4 * SECOND));
}

/* ARP-1 */
static void reachable_goes_stale_probes_by_unicast_and_recovers(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	uint64_t stale_us = hr_ip_deadline(r->ip), sent_us;

	assert_in_range(stale_us, 15 * SECOND, 45 * SECOND);
	/* TCP progress keeps it fresh: the timer fires, sees that it is early, and goes to the
	 * exact time. */
	hr_nexthop_confirm(r->ip, nh, stale_us - 1);
	hr_ip_expire(r->ip, stale_us);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	assert_int_equal(hr_ip_deadline(r->ip), 2 * stale_us - 1);
	until(r, 2 * stale_us - 2);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	until(r, 2 * stale_us - 1);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
	silent(r);

	sent_us = 3 * stale_us;
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), sent_us));
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 2), sent_us + SECOND));
	assert_int_equal(r->n_said, 2);
	assert_int_equal(hr_ip_deadline(r->ip), sent_us + 5 * SECOND);
	until(r, sent_us + 6 * SECOND);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_PROBE);
	assert_int_equal(r->n_said, 4);
	for (unsigned i = 2; i < 4; i++)
		says(r, i, 0, arp(1, PEER, ME, "198.18.0.1", NOBODY, "198.18.0.85"));
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 3), sent_us + 6 * SECOND));
	says(r, 4, 0, packet_frame(PEER, ME, 0x0800, 3));
	assert_int_equal(
		hears(r, 0, answer(PEER, "198.18.0.85"), sent_us + 6 * SECOND + 5), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	assert_in_range(
		hr_ip_deadline(r->ip), sent_us + 21 * SECOND + 5, sent_us + 51 * SECOND + 5);
}

static void progress_confirms_a_stale_and_a_probed_hop(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	uint64_t t = 46 * SECOND;

	until(r, t);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	hr_nexthop_confirm(r->ip, nh, t);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	until(r, t += 46 * SECOND);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), t));
	until(r, t += 5 * SECOND);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_PROBE);
	hr_nexthop_confirm(r->ip, nh, t);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	rig_clear(r);
	until(r, t + 10 * SECOND);
	silent(r);
}

static void a_peer_with_a_new_mac_is_found_again(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	uint64_t t = 46 * SECOND;

	until(r, t);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), t));
	rig_clear(r);
	until(r, t + 8 * SECOND);
	/* Three unicast probes to the dead MAC, then one to everybody. */
	assert_int_equal(r->n_said, 4);
	for (unsigned i = 0; i < 3; i++)
		says(r, i, 0, arp(1, PEER, ME, "198.18.0.1", NOBODY, "198.18.0.85"));
	says(r, 3, 0, request("198.18.0.85"));
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_INCOMPLETE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 2), t + 8 * SECOND));
	rig_clear(r);
	assert_int_equal(hears(r, 0, answer(PEER2, "198.18.0.85"), t + 8 * SECOND + 1), DROP_NONE);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, packet_frame(PEER2, ME, 0x0800, 2));
	assert_int_equal(r->n_told, 0);
}

static void a_silent_hop_that_nobody_holds_is_forgotten(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	unsigned complete, incomplete, failed;
	uint64_t t = 46 * SECOND;

	until(r, t);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), t));
	hr_nexthop_put(r->ip, nh);
	rig_clear(r);
	until(r, t + 8 * SECOND);
	assert_int_equal(r->n_said, 3);
	assert_int_equal(r->n_told, 0);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(complete + incomplete + failed, 0);
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

static void gratuitous_arp_updates_but_does_not_create(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	unsigned complete, incomplete, failed;

	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER2, "198.18.0.99", NOBODY, "198.18.0.99"), 1),
		DROP_NONE);
	assert_int_equal(
		hears(r, 0, arp(2, BROADCAST, PEER2, "198.18.0.98", BROADCAST, "198.18.0.98"), 1),
		DROP_NONE);
	assert_int_equal(hears(r, 0, answer(PEER2, "198.18.0.97"), 1), DROP_NONE);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(complete, 1);
	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER2, "198.18.0.85", NOBODY, "198.18.0.85"), 2),
		DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	silent(r);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 7), 3));
	says(r, 0, 0, packet_frame(PEER2, ME, 0x0800, 7));
}

static void requests_are_answered_on_the_right_port_only(void **state)
{
	struct rig *r = *state;
	uint16_t nh;

	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER, "198.18.0.85", NOBODY, "198.18.0.2"), 1),
		DROP_NONE);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, arp(2, PEER, ME, "198.18.0.2", PEER, "198.18.0.85"));
	/* Who asks for us is known from then on: packets go at once. */
	nh = route_to(r, "198.18.0.85", 2);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 2));
	says(r, 1, 0, packet_frame(PEER, ME, 0x0800, 1));
	rig_clear(r);
	/* Port 1's address asked for on port 0, a stranger's, and a copy that another worker
	 * answers. */
	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER, "198.18.0.85", NOBODY, "198.19.0.1"), 3),
		DROP_NONE);
	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER, "198.18.0.77", NOBODY, "198.18.0.9"), 3),
		DROP_arp_other);
	assert_int_equal(
		hears_copy(r, 0, arp(1, BROADCAST, PEER, "198.18.0.85", NOBODY, "198.18.0.3"), 3),
		DROP_NONE);
	silent(r);
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER2, "0.0.0.0", NOBODY, "198.18.0.9"), 4),
		DROP_arp_other);
	silent(r);
	/* A probe for our address has no sender to learn (RFC 5227). */
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER2, "0.0.0.0", NOBODY, "198.18.0.3"), 4),
		DROP_NONE);
	says(r, 0, 0, arp(2, PEER2, ME, "198.18.0.3", PEER2, "0.0.0.0"));
	assert_int_equal(
		hears(r, 1, arp(1, BROADCAST, PEER, "198.19.0.7", NOBODY, "198.19.0.1"), 5),
		DROP_NONE);
	says(r, 1, 1, arp(2, PEER, ME_PORT1, "198.19.0.1", PEER, "198.19.0.7"));
}

static void a_reply_from_off_the_subnet_is_no_neighbour(void **state)
{
	struct rig *r = *state;
	unsigned complete, incomplete, failed;

	assert_int_equal(
		hears(r, 0, arp(1, BROADCAST, PEER, "203.0.113.5", NOBODY, "198.18.0.1"), 1),
		DROP_NONE);
	assert_int_equal(r->n_said, 1);
	hr_ip_neighbours(r->ip, &complete, &incomplete, &failed);
	assert_int_equal(complete + incomplete + failed, 0);
}

static void malformed_arp_is_dropped_by_name(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} breaks[] = {{15, 6}, {16, 0x86}, {18, 8}, {19, 16}, {21, 3}, {22, 0x03}, {28, 224},
		{28, 127}, {31, 255}};
	struct rig *r = *state;
	struct bytes good = arp(1, BROADCAST, PEER, "198.18.0.85", NOBODY, "198.18.0.1");

	for (unsigned i = 0; i < RTE_DIM(breaks); i++) {
		struct bytes bad = good;

		bad.b[breaks[i].at] = breaks[i].value;
		assert_int_equal(hears(r, 0, bad, 1), DROP_arp_bad);
	}
	silent(r);
	assert_int_equal(hears(r, 0, good, 1), DROP_NONE);
	assert_int_equal(r->n_said, 1);
}

/* ARP-4 */
static void an_address_conflict_is_counted_and_defended_every_ten_seconds(void **state)
{
	struct rig *r = *state;
	struct bytes claim = arp(1, BROADCAST, PEER2, "198.18.0.2", NOBODY, "198.18.0.2");
	struct bytes defence = arp(1, BROADCAST, ME, "198.18.0.2", NOBODY, "198.18.0.2");

	assert_int_equal(hears_copy(r, 0, claim, 0), DROP_arp_bad);
	silent(r);
	assert_int_equal(hears(r, 0, claim, 0), DROP_arp_bad);
	assert_int_equal(hears(r, 0, claim, 0), DROP_arp_bad);
	assert_int_equal(hears(r, 0, claim, 10 * SECOND), DROP_arp_bad);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, defence);
	assert_int_equal(hears(r, 0, claim, 10 * SECOND + 1), DROP_arp_bad);
	assert_int_equal(r->n_said, 2);
	says(r, 1, 0, defence);
	/* Our own words come back from a mirror: no conflict. */
	assert_int_equal(hears(r, 0, defence, 30 * SECOND), DROP_arp_other);
	assert_int_equal(r->n_said, 2);
}

static void an_empty_pool_puts_the_question_off(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, "198.18.0.85", 0);
	struct rte_mbuf *m = packet(r, 1);

	/* Somebody else holds it, too: dropping it frees nothing. */
	rte_mbuf_refcnt_update(m, 1);
	hoard(r);
	assert_true(hr_nexthop_send(r->ip, nh, m, 0));
	assert_int_equal(r->m.c[HR_C_no_mbuf_tx], 1);
	assert_int_equal(hr_ip_deadline(r->ip), 100 * MS);
	until(r, 4 * SECOND);
	silent(r);
	assert_int_equal(r->n_told, 0);
	/* A request that finds the pool empty stays without reply: the asker repeats it. */
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER2, "198.18.0.86", NOBODY, "198.18.0.2"),
				 4 * SECOND),
		DROP_NONE);
	assert_int_equal(r->m.c[HR_C_no_mbuf_tx], 43);
	unhoard(r);
	rte_pktmbuf_free(m);
	until(r, 4 * SECOND + 100 * MS);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, request("198.18.0.85"));
	assert_int_equal(hr_ip_deadline(r->ip), 5 * SECOND + 100 * MS);
}

/* What waits is all that is left of the pool: at the second attempt one packet gives way to the
 * request, and the answer releases the others. */
static void what_waits_gives_way_to_the_question(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, "198.18.0.85", 0);
	struct rte_mbuf *m[3];

	for (uint8_t i = 0; i < 3; i++)
		m[i] = packet(r, (uint8_t)(1 + i));
	hoard(r);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hr_nexthop_send(r->ip, nh, m[i], 0));
	until(r, 100 * MS - 1);
	silent(r);
	assert_int_equal(hr_nexthop(r->ip, nh)->pending_n, 3);
	until(r, 100 * MS);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, request("198.18.0.85"));
	assert_int_equal(r->m.c[HR_C_arp_dropped], 1);
	assert_int_equal(hr_ip_deadline(r->ip), SECOND + 100 * MS);
	rig_clear(r);
	assert_int_equal(hears(r, 0, answer(PEER, "198.18.0.85"), 200 * MS), DROP_NONE);
	assert_int_equal(r->n_said, 2);
	for (unsigned i = 0; i < 2; i++)
		says(r, i, 0, packet_frame(PEER, ME, 0x0800, (uint8_t)(2 + i)));
}

static void announcements_at_start_and_after_an_empty_pool(void **state)
{
	struct rig *r = *state;

	hoard(r);
	hr_ip_announce(r->ip, 0);
	silent(r);
	assert_int_equal(hr_ip_deadline(r->ip), 100 * MS);
	unhoard(r);
	until(r, 100 * MS);
	assert_int_equal(r->n_said, 7);
	says(r, 0, 0, arp(1, BROADCAST, ME, "198.18.0.1", NOBODY, "198.18.0.1"));
	says(r, 1, 0, arp(1, BROADCAST, ME, "198.18.0.2", NOBODY, "198.18.0.2"));
	says(r, 2, 0, arp(1, BROADCAST, ME, "198.18.0.3", NOBODY, "198.18.0.3"));
	for (unsigned i = 0; i < 3; i++) {
		static const char *const own[] = {"2001:db8::1", "2001:db8::2", "fe80::ff:fe00:1"};

		says(r, 3 + i, 0,
			nd(136, 0x20, "333300000001", ME, own[i], "ff02::1", own[i],
				"0201 020000000001"));
	}
	says(r, 6, 1, arp(1, BROADCAST, ME_PORT1, "198.19.0.1", NOBODY, "198.19.0.1"));
	assert_int_equal(hr_ip_deadline(r->ip), HR_NEVER);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(first_packet_asks_and_the_answer_releases_in_order),
		T(three_tries_a_second_apart_then_failure_and_retry_on_demand),
		T(a_failed_hop_whose_owner_lets_go_is_forgotten),
		T(a_failed_hop_that_speaks_up_is_back),
		T(reachable_goes_stale_probes_by_unicast_and_recovers),
		T(progress_confirms_a_stale_and_a_probed_hop),
		T(a_peer_with_a_new_mac_is_found_again),
		T(a_silent_hop_that_nobody_holds_is_forgotten),
		T(gratuitous_arp_updates_but_does_not_create),
		T(requests_are_answered_on_the_right_port_only),
		T(a_reply_from_off_the_subnet_is_no_neighbour),
		T(malformed_arp_is_dropped_by_name),
		T(an_address_conflict_is_counted_and_defended_every_ten_seconds),
		T(an_empty_pool_puts_the_question_off),
		T(what_waits_gives_way_to_the_question),
		T(announcements_at_start_and_after_an_empty_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
