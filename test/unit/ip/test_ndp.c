/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops over NDP: RFC 4861 7.2 message by message. Whole frames, exact times. */
#include "rig.h"

#define REMOTE     "2001:db8::55"
#define LOCAL      "2001:db8::1"
#define LINK_LOCAL "fe80::ff:fe00:1"
#define TLLA       "0201 020000000155"
#define SOLICITED  0x40
#define OVERRIDE   0x20

static uint16_t route_to(struct rig *r, const char *remote, uint64_t now)
{
	struct hr_ip local = addr(LOCAL), to = addr(remote);

	return hr_route(r->ip, hr_laddr_find(r->ip, 6, local.b), &to, now);
}

static struct bytes solicitation(void)
{
	return nd(
		135, 0, "3333ff000055", ME, LOCAL, "ff02::1:ff00:55", REMOTE, "0101 020000000001");
}

static struct bytes advert(uint8_t flags, const char *options)
{
	return nd(136, flags, ME, PEER, REMOTE, LOCAL, REMOTE, options);
}

static uint16_t resolved(struct rig *r, uint64_t now)
{
	uint16_t nh = route_to(r, REMOTE, now);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 0), now));
	assert_int_equal(hears(r, 0, advert(SOLICITED, TLLA), now), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	rig_clear(r);
	return nh;
}

static void resolution_and_failure(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, REMOTE, 0);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 0));
	/* Written out once, checksum computed apart, so that the helper's idea of NDP is checked
	 * too. */
	says(r, 0, 0,
		hex("3333ff000055 020000000001 86dd 60000000 0020 3a ff"
		    "20010db8000000000000000000000001 ff0200000000000000000001ff000055"
		    "87 00 1b81 00000000 20010db8000000000000000000000055 0101 020000000001"));
	says(r, 0, 0, solicitation());
	until(r, 3 * SECOND);
	assert_int_equal(r->n_said, 3);
	says(r, 2, 0, solicitation());
	assert_int_equal(r->n_told, 1);
	assert_int_equal(r->told_state[0], NH_FAILED);
	assert_int_equal(r->m.c[HR_C_arp_sent], 3);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 2), 6 * SECOND));
	assert_int_equal(hears(r, 0, advert(SOLICITED | OVERRIDE, TLLA), 6 * SECOND), DROP_NONE);
	assert_int_equal(r->n_said, 5);
	says(r, 4, 0, packet_frame(PEER, ME, 0x86dd, 2));
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
}

static void stale_hops_are_probed_by_unicast(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	uint64_t t = 46 * SECOND;

	until(r, t);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), t));
	rig_clear(r);
	until(r, t + 5 * SECOND);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, nd(135, 0, PEER, ME, LOCAL, REMOTE, REMOTE, "0101 020000000001"));
	/* A solicited answer to a unicast question may omit the option (RFC 4861 7.2.4). */
	assert_int_equal(hears(r, 0, advert(SOLICITED, ""), t + 5 * SECOND + 1), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
}

static void advertisements_follow_rfc4861_7_2_5(void **state)
{
	static const char other[] = "0201 020000000166";
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	struct hr_nexthop *h = hr_nexthop(r->ip, nh);

	/* Another MAC without Override: doubt, no change. */
	assert_int_equal(hears(r, 0, advert(SOLICITED, other), 1), DROP_NONE);
	assert_int_equal(h->state, NH_STALE);
	assert_memory_equal(h->l2, hex(PEER).b, 6);
	/* The same in STALE: ignored. */
	assert_int_equal(hears(r, 0, advert(SOLICITED, other), 2), DROP_NONE);
	assert_int_equal(h->state, NH_STALE);
	/* With Override and unsolicited: taken, but not proven. */
	assert_int_equal(hears(r, 0, advert(OVERRIDE, other), 3), DROP_NONE);
	assert_int_equal(h->state, NH_STALE);
	assert_memory_equal(h->l2, hex(PEER2).b, 6);
	/* Solicited with Override: taken and proven. */
	assert_int_equal(hears(r, 0, advert(SOLICITED | OVERRIDE, TLLA), 4), DROP_NONE);
	assert_int_equal(h->state, NH_REACHABLE);
	assert_memory_equal(h->l2, hex(PEER).b, 6);
	/* Unsolicited and nothing new: stays proven. */
	assert_int_equal(hears(r, 0, advert(OVERRIDE, TLLA), 5), DROP_NONE);
	assert_int_equal(h->state, NH_REACHABLE);
	/* For nobody we know: nothing is created. */
	assert_int_equal(
		hears(r, 0,
			nd(136, OVERRIDE, ME, PEER, "2001:db8::77", LOCAL, "2001:db8::77", TLLA),
			6),
		DROP_icmp_ignored);
	silent(r);
}

static void an_incomplete_hop_needs_the_option(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, REMOTE, 0);

	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 0));
	assert_int_equal(hears(r, 0, advert(SOLICITED, ""), 1), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_INCOMPLETE);
	/* Unsolicited but with a MAC: STALE, and what waited goes out. */
	assert_int_equal(hears(r, 0, advert(0, TLLA), 2), DROP_NONE);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_int_equal(r->n_said, 2);
	says(r, 1, 0, packet_frame(PEER, ME, 0x86dd, 1));
}

static void solicitations_are_answered_and_teach(void **state)
{
	struct rig *r = *state;
	uint16_t nh;

	assert_int_equal(hears(r, 0,
				 nd(135, 0, "3333ff000002", PEER, REMOTE, "ff02::1:ff00:2",
					 "2001:db8::2", "0101 020000000155"),
				 1),
		DROP_NONE);
	says(r, 0, 0,
		nd(136, SOLICITED | OVERRIDE, PEER, ME, "2001:db8::2", REMOTE, "2001:db8::2",
			"0201 020000000001"));
	nh = route_to(r, REMOTE, 2);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_STALE);
	assert_true(hr_nexthop_send(r->ip, nh, packet(r, 1), 2));
	says(r, 1, 0, packet_frame(PEER, ME, 0x86dd, 1));
	rig_clear(r);
	/* The link-local address made from the MAC, asked by unicast without the option. */
	assert_int_equal(
		hears(r, 0, nd(135, 0, ME, PEER2, "fe80::66", LINK_LOCAL, LINK_LOCAL, ""), 3),
		DROP_NONE);
	says(r, 0, 0,
		nd(136, SOLICITED | OVERRIDE, PEER2, ME, LINK_LOCAL, "fe80::66", LINK_LOCAL,
			"0201 020000000001"));
	/* Somebody probes for a duplicate (RFC 4862): everybody hears the answer. */
	assert_int_equal(
		hears(r, 0, nd(135, 0, "3333ff000001", PEER2, "::", "ff02::1:ff00:1", LOCAL, ""),
			4),
		DROP_NONE);
	says(r, 1, 0,
		nd(136, OVERRIDE, "333300000001", ME, LOCAL, "ff02::1", LOCAL,
			"0201 020000000001"));
	/* A copy that another worker answers; a target that is not ours; IPv6 on a port without it.
	 */
	assert_int_equal(
		hears_copy(r, 0, nd(135, 0, ME, PEER2, "fe80::66", LINK_LOCAL, LINK_LOCAL, ""), 5),
		DROP_NONE);
	assert_int_equal(hears(r, 0,
				 nd(135, 0, "3333ff000009", PEER2, REMOTE, "ff02::1:ff00:9",
					 "2001:db8::9", ""),
				 5),
		DROP_icmp_ignored);
	assert_int_equal(
		hears(r, 1, nd(135, 0, "3333ff000001", PEER2, REMOTE, "ff02::1:ff00:1", LOCAL, ""),
			5),
		DROP_icmp_ignored);
	assert_int_equal(r->n_said, 2);
}

/* ND-1 */
static void bad_messages_change_nothing(void **state)
{
	struct rig *r = *state;
	uint16_t nh = resolved(r, 0);
	struct bytes x, payload;
	static const char *const bad_options[] = {"0200 020000000166", "0202 020000000166",
		"0201 02000000", "0201 020000000166 05", "0201 030000000166", "0201 000000000000",
		"0e01 000000000000 0200 0000"};

	for (unsigned i = 0; i < RTE_DIM(bad_options); i++)
		assert_int_equal(
			hears(r, 0, advert(SOLICITED | OVERRIDE, bad_options[i]), 1), DROP_nd_bad);
	/* Unknown options are stepped over (RFC 4861 4.6). */
	assert_int_equal(
		hears(r, 0, advert(OVERRIDE, "0e02 000000000000 0000000000000000 " TLLA), 1),
		DROP_NONE);

	/* Hop limit 254: it came through a router. */
	x = advert(SOLICITED | OVERRIDE, "0201 020000000166");
	x.b[21] = 254;
	assert_int_equal(hears(r, 0, x, 2), DROP_nd_bad);
	/* One bit of the checksum. */
	x.b[21] = 255;
	x.b[56] ^= 1;
	assert_int_equal(hears(r, 0, x, 2), DROP_icmp_bad);
	/* Solicited to a group; a group as the target; code 1; too short. */
	assert_int_equal(hears(r, 0,
				 nd(136, SOLICITED, "333300000001", PEER2, REMOTE, "ff02::1",
					 REMOTE, "0201 020000000166"),
				 2),
		DROP_nd_bad);
	assert_int_equal(
		hears(r, 0, nd(135, 0, ME, PEER2, REMOTE, LOCAL, "ff02::1", ""), 2), DROP_nd_bad);
	payload = hex("8801 0000 60000000 20010db8000000000000000000000055 0201 020000000166");
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER2, REMOTE, LOCAL, 58, 255, payload), 2), DROP_nd_bad);
	payload = hex("8800 0000 60000000 20010db80000000000000000000000");
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER2, REMOTE, LOCAL, 58, 255, payload), 2), DROP_nd_bad);
	/* A duplicate probe with a source option, or to a unicast address (7.1.1). */
	assert_int_equal(hears(r, 0,
				 nd(135, 0, "3333ff000001", PEER2, "::", "ff02::1:ff00:1", LOCAL,
					 "0101 020000000166"),
				 2),
		DROP_nd_bad);
	assert_int_equal(
		hears(r, 0, nd(135, 0, ME, PEER2, "::", LOCAL, LOCAL, ""), 2), DROP_nd_bad);
	/* Our own address as the source. */
	assert_int_equal(hears(r, 0, nd(135, 0, ME, PEER2, "2001:db8::2", LOCAL, LOCAL, ""), 2),
		DROP_ip_source);
	assert_int_equal(hr_nexthop(r->ip, nh)->state, NH_REACHABLE);
	assert_memory_equal(hr_nexthop(r->ip, nh)->l2, hex(PEER).b, 6);
	silent(r);
}

static void another_station_with_our_address_is_answered(void **state)
{
	struct rig *r = *state;
	struct bytes claim = nd(
		136, OVERRIDE, "333300000001", PEER2, LOCAL, "ff02::1", LOCAL, "0201 020000000166");
	struct bytes own =
		nd(136, OVERRIDE, "333300000001", ME, LOCAL, "ff02::1", LOCAL, "0201 020000000001");

	assert_int_equal(hears(r, 0, claim, SECOND), DROP_nd_bad);
	assert_int_equal(hears(r, 0, claim, 2 * SECOND), DROP_nd_bad);
	assert_int_equal(hears(r, 0, own, 3 * SECOND), DROP_icmp_ignored);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, own);
}

static void messages_in_small_segments_are_read_whole(void **state)
{
	struct rig *r = *state;

	r->rx_segment = 14 + 40 + 5;
	resolved(r, 0);
}

static void a_gateway_stands_for_what_is_not_connected(void **state)
{
	struct rig *r = *state;
	uint16_t far = route_to(r, "2001:db8:ffff::1", 0), gateway = route_to(r, "2001:db8::fe", 0);

	assert_true(far != 0);
	assert_int_equal(far, gateway);
	assert_true(hr_nexthop_send(r->ip, far, packet(r, 1), 0));
	says(r, 0, 0,
		nd(135, 0, "3333ff0000fe", ME, LOCAL, "ff02::1:ff00:fe", "2001:db8::fe",
			"0101 020000000001"));
}

static void an_empty_pool_puts_the_question_off(void **state)
{
	struct rig *r = *state;
	uint16_t nh = route_to(r, REMOTE, 0);
	struct rte_mbuf *m = packet(r, 1);

	hoard(r);
	assert_true(hr_nexthop_send(r->ip, nh, m, 0));
	silent(r);
	assert_int_equal(r->m.c[HR_C_no_mbuf_tx], 1);
	assert_int_equal(r->m.c[HR_C_arp_sent], 0);
	unhoard(r);
	until(r, 100 * MS);
	assert_int_equal(r->n_said, 1);
	says(r, 0, 0, solicitation());
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(resolution_and_failure),
		T(stale_hops_are_probed_by_unicast),
		T(advertisements_follow_rfc4861_7_2_5),
		T(an_incomplete_hop_needs_the_option),
		T(solicitations_are_answered_and_teach),
		T(bad_messages_change_nothing),
		T(another_station_with_our_address_is_answered),
		T(messages_in_small_segments_are_read_whole),
		T(an_empty_pool_puts_the_question_off),
		T(a_gateway_stands_for_what_is_not_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
