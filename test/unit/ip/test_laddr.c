/* SPDX-License-Identifier: BSD-3-Clause */
/* Local addresses, the choice among them, routes, and what a unicast address is. */
#include "rig.h"

#include <errno.h>
#include <time.h>

static uint32_t find(struct rig *r, const char *text)
{
	struct hr_ip a = addr(text);

	return hr_laddr_find(r->ip, a.family, a.b);
}

static void chosen_is(struct rig *r, const char *remote, const char *want)
{
	struct hr_ip to = addr(remote), local = addr(want);
	uint32_t id = hr_laddr_choose(r->ip, &to);

	assert_true(id != 0);
	assert_memory_equal(hr_laddr(r->ip, id), &local, sizeof(local));
}

static void none_chosen(struct rig *r, const char *remote)
{
	struct hr_ip to = addr(remote);

	assert_int_equal(hr_laddr_choose(r->ip, &to), 0);
}

static void ids_are_stable_and_tell_family_and_port(void **state)
{
	static const struct {
		const char *text;
		uint32_t id;
		unsigned port;
	} own[] = {{"198.18.0.1", 1, 0}, {"198.18.0.2", 2, 0}, {"198.18.0.3", 3, 0},
		{"198.19.0.1", 4, 1}, {"2001:db8::1", HR_LADDR_V6 | 5, 0},
		{"2001:db8::2", HR_LADDR_V6 | 6, 0}, {"fe80::ff:fe00:1", HR_LADDR_V6 | 7, 0}};
	static const char *const strangers[] = {"198.18.0.0", "198.18.0.4", "198.17.255.255",
		"198.19.0.2", "0.0.0.0", "255.255.255.255", "2001:db8::", "2001:db8::3",
		"2001:db8:0:1::1", "fe80::ff:fe00:2", "::c612:1", "ff02::1"};
	struct rig *r = *state;

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < RTE_DIM(own); i++) {
			struct hr_ip a = addr(own[i].text);

			assert_int_equal(find(r, own[i].text), own[i].id);
			assert_int_equal(find(r, own[i].text), own[i].id);
			assert_memory_equal(hr_laddr(r->ip, own[i].id), &a, sizeof(a));
			assert_int_equal(hr_laddr_port(r->ip, own[i].id), own[i].port);
		}
	for (unsigned i = 0; i < RTE_DIM(strangers); i++)
		assert_int_equal(find(r, strangers[i]), 0);
}

static void a_range_of_65536_is_cheap_and_complete(void **state)
{
	struct rig *r = *state;
	struct hr_addr_config a[] = {
		{.first = addr("198.18.0.1"), .count = 65536, .prefix_len = 15},
		{.first = addr("2001:db8::ffff:0001"), .count = 65536, .prefix_len = 64},
	};
	clock_t start = clock(), spent;
	struct hr_ip remote = addr("198.19.255.254");

	rig_rebuild(r, a, 2, NULL, 0);
	spent = clock() - start;
	print_message("creation took %ld us of CPU\n", (long)(spent * 1000000 / CLOCKS_PER_SEC));
	assert_true(spent < CLOCKS_PER_SEC / 10);
	for (uint32_t i = 0; i < 65536; i++) {
		struct hr_ip v4 = hr_ip_add(&a[0].first, i), v6 = hr_ip_add(&a[1].first, i);

		assert_int_equal(hr_laddr_find(r->ip, 4, v4.b), 1 + i);
		assert_int_equal(hr_laddr_find(r->ip, 6, v6.b), HR_LADDR_V6 | (65537 + i));
		assert_true(hr_ip_equal(hr_laddr(r->ip, 1 + i), &v4));
		assert_true(hr_ip_equal(hr_laddr(r->ip, HR_LADDR_V6 | (65537 + i)), &v6));
		assert_int_equal(hr_laddr_choose(r->ip, &remote), 1 + i);
	}
	assert_int_equal(hr_laddr_choose(r->ip, &remote), 1);
	assert_int_equal(find(r, "198.18.0.0"), 0);
	assert_int_equal(find(r, "198.19.0.1"), 0);
	assert_int_equal(find(r, "2001:db8::1:ffff:1"), 0);
	/* 64 announcements a port, shared by three ranges: IPv4, IPv6 and the link-local one of a
	 * single address. */
	hr_ip_announce(r->ip, 0);
	assert_int_equal(r->n_said, 21 + 21 + 1);
}

/* MUST-44 */
static void local_addresses_take_turns(void **state)
{
	struct rig *r = *state;

	for (unsigned round = 0; round < 2; round++) {
		chosen_is(r, "198.18.0.77", "198.18.0.1");
		chosen_is(r, "198.18.0.78", "198.18.0.2");
		/* Through the gateway: the subnet it is in, the same turn. */
		chosen_is(r, "203.0.113.1", "198.18.0.3");
		chosen_is(r, "198.19.0.9", "198.19.0.1");
		chosen_is(r, "2001:db8::99", "2001:db8::1");
		chosen_is(r, "2001:db8:5::1", "2001:db8::2");
		chosen_is(r, "fe80::99", "fe80::ff:fe00:1");
	}
}

static void ranges_of_one_subnet_and_equal_ports_take_turns(void **state)
{
	struct rig *r = *state;
	struct hr_addr_config one_subnet[] = {
		{.first = addr("198.18.0.20"), .count = 1, .prefix_len = 24},
		{.first = addr("198.18.0.1"), .count = 2, .prefix_len = 24},
		{.first = addr("198.18.0.129"), .count = 1, .prefix_len = 25},
	};
	struct hr_addr_config two_ports[] = {
		{.first = addr("198.18.0.1"), .count = 1, .prefix_len = 24, .port = 0},
		{.first = addr("198.18.0.2"), .count = 1, .prefix_len = 24, .port = 1},
		{.first = addr("2001:db8::1"), .count = 1, .prefix_len = 64, .port = 0},
		{.first = addr("2001:db8:1::1"), .count = 1, .prefix_len = 64, .port = 1},
	};
	struct hr_gateway_config gw = {.via = addr("fe80::1"), .port = 1};

	rig_rebuild(r, one_subnet, 3, NULL, 0);
	for (unsigned round = 0; round < 2; round++) {
		chosen_is(r, "198.18.0.77", "198.18.0.1");
		chosen_is(r, "198.18.0.77", "198.18.0.2");
		chosen_is(r, "198.18.0.77", "198.18.0.20");
	}
	/* The longer prefix wins. */
	chosen_is(r, "198.18.0.200", "198.18.0.129");
	none_chosen(r, "203.0.113.1");
	none_chosen(r, "2001:db8::1");

	rig_rebuild(r, two_ports, 4, &gw, 1);
	for (unsigned round = 0; round < 2; round++) {
		chosen_is(r, "198.18.0.77", "198.18.0.1");
		chosen_is(r, "198.18.0.77", "198.18.0.2");
		/* A link-local router: a global address of its port. */
		chosen_is(r, "2001:db8:5::1", "2001:db8:1::1");
	}
	none_chosen(r, "203.0.113.1");
}

static uint16_t route(struct rig *r, const char *local, const char *remote)
{
	struct hr_ip to = addr(remote);

	return hr_route(r->ip, find(r, local), &to, 0);
}

static void routes(void **state)
{
	struct rig *r = *state;
	struct hr_ip gw = addr("198.18.0.254"), near = addr("198.18.0.85");
	uint16_t a = route(r, "198.18.0.1", "198.18.0.85"),
		 b = route(r, "198.18.0.2", "198.18.0.85");
	uint16_t far = route(r, "198.18.0.1", "203.0.113.1"),
		 farther = route(r, "198.18.0.1", "192.0.2.1");

	assert_true(a != 0);
	assert_int_equal(a, b);
	assert_int_equal(hr_nexthop(r->ip, a)->refs, 2);
	assert_true(hr_ip_equal(&hr_nexthop(r->ip, a)->addr, &near));
	assert_true(far != 0 && far != a);
	assert_int_equal(far, farther);
	assert_true(hr_ip_equal(&hr_nexthop(r->ip, far)->addr, &gw));
	assert_int_equal(hr_nexthop(r->ip, far)->port, 0);
	/* Port 1 has no gateway, and its addresses do not leave by port 0. */
	assert_int_equal(route(r, "198.19.0.1", "203.0.113.1"), 0);
	assert_int_equal(route(r, "198.19.0.1", "198.18.0.85"), 0);
	assert_true(route(r, "198.19.0.1", "198.19.0.85") != 0);
	/* Families do not mix, link-local addresses are not routed, groups have no next hop. */
	assert_int_equal(route(r, "198.18.0.1", "2001:db8::55"), 0);
	assert_int_equal(route(r, "fe80::ff:fe00:1", "2001:db8:5::1"), 0);
	assert_true(route(r, "fe80::ff:fe00:1", "fe80::55") != 0);
	assert_int_equal(route(r, "198.18.0.1", "198.18.0.255"), 0);
	assert_int_equal(route(r, "198.18.0.1", "224.0.0.1"), 0);
}

static void what_a_unicast_address_is(void **state)
{
	static const char *const yes[] = {"198.18.0.85", "198.18.0.254", "203.0.113.255",
		"223.255.255.254", "2001:db8::1", "fe80::1", "1::"};
	static const char *const no[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "198.18.0.255", "198.19.0.255",
		"::", "::1", "ff02::1", "ff0e::1", "::ffff:198.18.0.1"};
	struct rig *r = *state;
	struct hr_addr_config p2p = {.first = addr("198.18.0.2"), .count = 1, .prefix_len = 31};
	struct hr_ip a = {0};

	assert_false(hr_ip_unicast(r->ip, &a));
	for (unsigned i = 0; i < RTE_DIM(yes); i++) {
		a = addr(yes[i]);
		assert_true(hr_ip_unicast(r->ip, &a));
	}
	for (unsigned i = 0; i < RTE_DIM(no); i++) {
		a = addr(no[i]);
		assert_false(hr_ip_unicast(r->ip, &a));
	}
	/* A /31 has two hosts and no broadcast address (RFC 3021). */
	rig_rebuild(r, &p2p, 1, NULL, 0);
	a = addr("198.18.0.3");
	assert_true(hr_ip_unicast(r->ip, &a));
	chosen_is(r, "198.18.0.3", "198.18.0.2");
}

static void a_configured_link_local_address_is_not_added_again(void **state)
{
	struct rig *r = *state;
	struct hr_addr_config a[] = {
		{.first = addr("fe80::ff:fe00:0"), .count = 4, .prefix_len = 64, .port = 0},
		{.first = addr("2001:db8::1"), .count = 1, .prefix_len = 64, .port = 1},
	};

	rig_rebuild(r, a, 2, NULL, 0);
	assert_int_equal(find(r, "2001:db8::1"), HR_LADDR_V6 | 1);
	assert_int_equal(find(r, "fe80::ff:fe00:1"), HR_LADDR_V6 | 3);
	assert_int_equal(hr_laddr_port(r->ip, find(r, "fe80::ff:fe00:2")), 0);
	hr_ip_announce(r->ip, 0);
	assert_int_equal(r->n_said, 5);
}

static void refused(struct rig *r, const struct hr_addr_config *a, unsigned n,
	const struct hr_gateway_config *gw, const char *sentence)
{
	struct hr_engine_config cfg = {.n_ports = r->cfg.n_ports,
		.addrs = a,
		.n_addrs = n,
		.gateways = gw,
		.n_gateways = gw != NULL};
	struct hr_ip_config c = {.cfg = &cfg,
		.ports = r->caps,
		.m = &r->m,
		.rng = &r->rng,
		.pool = r->pool,
		.emit = (void (*)(void *, unsigned, struct rte_mbuf *))(uintptr_t)1,
		.unreachable = (void (*)(void *, uint16_t))(uintptr_t)1};
	char err[HR_ERRLEN] = "";
	struct hr_ip_layer *ip;

	assert_int_equal(hr_ip_create(&c, &ip, err, sizeof(err)), -EINVAL);
	assert_null(ip);
	assert_string_equal(err, sentence);
}

static void bad_configurations_get_a_sentence(void **state)
{
	struct rig *r = *state;
	struct rte_mempool *pool = r->pool;
	struct hr_addr_config a[2] = {
		{.first = addr("198.18.0.1"), .count = 300, .prefix_len = 24}};
	struct hr_gateway_config gw = {.via = addr("198.18.0.5"), .port = 0};

	refused(r, a, 1, NULL,
		"addrs[0]: 300 addresses from 198.18.0.1 do not fit in a /24; use a shorter "
		"prefix");
	a[0].count = 255;
	refused(r, a, 1, NULL,
		"addrs[0]: 255 addresses from 198.18.0.1/24 reach the broadcast address; use one "
		"less");
	a[0].count = 0;
	refused(r, a, 1, NULL, "addrs[0]: 0 addresses from 198.18.0.1; use 1 to 16777216");
	a[0].count = 5;
	a[0].prefix_len = 33;
	refused(r, a, 1, NULL, "addrs[0]: 198.18.0.1/33: the prefix length must be 1 to 32");
	a[0].prefix_len = 24;
	a[0].port = 2;
	refused(r, a, 1, NULL, "addrs[0]: 198.18.0.1 is on port 2, but there are only 2 ports");
	a[0].port = 0;
	refused(r, a, 1, &gw, "gateways[0]: 198.18.0.5 is one of our own addresses");
	gw.via = addr("198.18.0.255");
	refused(r, a, 1, &gw, "gateways[0]: not the unicast address of a router");
	gw.port = 3;
	refused(r, a, 1, &gw, "gateways[0]: port 3, but there are only 2 ports");
	a[1] = (struct hr_addr_config){.first = addr("198.18.0.5"), .count = 1, .prefix_len = 24};
	refused(r, a, 2, NULL, "addrs: 198.18.0.5 is configured twice; let the ranges not overlap");
	a[1] = (struct hr_addr_config){
		.first = addr("2001:db8::1"), .count = 16777216, .prefix_len = 64};
	refused(r, a, 2, NULL, "addrs: more than 16777215 local addresses in all");
	refused(r, a, 65528, NULL, "addrs: 65528 ranges are too many; use at most 65527");
	a[1] = (struct hr_addr_config){.first = addr("224.0.0.1"), .count = 1, .prefix_len = 24};
	refused(r, a, 2, NULL, "addrs[1]: 224.0.0.1 is not a unicast address");
	a[1].first.family = 0;
	refused(r, a, 2, NULL, "addrs[1]: the address has no family; use 4 or 6");

	r->cfg.n_ports = 9;
	refused(r, a, 1, NULL, "9 ports are configured; use 1 to 8");
	r->pool = rte_pktmbuf_pool_create("small", 3, 0, 0, 200, SOCKET_ID_ANY);
	refused(r, a, 1, NULL, "pool small has mbufs with 200 bytes of data room; 256 are needed");
	rte_mempool_free(r->pool);
	r->pool = pool;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(ids_are_stable_and_tell_family_and_port),
		T(a_range_of_65536_is_cheap_and_complete),
		T(local_addresses_take_turns),
		T(ranges_of_one_subnet_and_equal_ports_take_turns),
		T(routes),
		T(what_a_unicast_address_is),
		T(a_configured_link_local_address_is_not_added_again),
		T(bad_configurations_get_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
