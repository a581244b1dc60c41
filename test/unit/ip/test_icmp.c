/* SPDX-License-Identifier: BSD-3-Clause */
/* Echo, errors in both directions, and every case in which silence is the answer. */
#include "rig.h"

#define PEER4 "198.18.0.85"
#define PEER6 "2001:db8::55"
#define OWN4  "198.18.0.1"
#define OWN6  "2001:db8::1"

/* The peers ask for us first, so that answers leave at once. */
static int setup_known(void **state)
{
	struct rig *r;

	rig_setup(state);
	r = *state;
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER, PEER4, NOBODY, OWN4), 0), DROP_NONE);
	assert_int_equal(
		hears(r, 0, nd(135, 0, ME, PEER, PEER6, OWN6, OWN6, "0101 020000000155"), 0),
		DROP_NONE);
	assert_int_equal(r->n_said, 2);
	rig_clear(r);
	return 0;
}

/* Echo with len data bytes that depend on their position. */
static struct bytes echo(uint8_t type, unsigned len)
{
	struct bytes x = {.len = 8 + len, .b = {type, 0, 0, 0, 0x12, 0x34, 0x00, 0x07}};

	for (unsigned i = 0; i < len; i++)
		x.b[8 + i] = (uint8_t)(i * 7 + len);
	return x;
}

/* ICMP-1 */
static void echo_comes_back_whole_at_every_size(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 3, 55, 56, 57, 511, 999, 1000, 1279, 1399, 1400};
	struct rig *r = *state;

	for (unsigned segment = 0; segment <= 99; segment += 99)
		for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
			uint64_t now = SECOND + i;

			r->rx_segment = segment;
			assert_int_equal(
				hears(r, 0,
					ip_frame(ME, PEER, PEER4, OWN4, 1, 60, echo(8, sizes[i])),
					now),
				DROP_NONE);
			says(r, 0, 0, ip_frame(PEER, ME, OWN4, PEER4, 1, 64, echo(0, sizes[i])));
			assert_int_equal(hears(r, 0,
						 ip_frame(ME, PEER, PEER6, OWN6, 58, 60,
							 echo(128, sizes[i])),
						 now),
				DROP_NONE);
			says(r, 1, 0, ip_frame(PEER, ME, OWN6, PEER6, 58, 64, echo(129, sizes[i])));
			assert_int_equal(r->n_said, 2);
			rig_clear(r);
		}
}

static void an_echo_larger_than_an_mbuf_is_answered_in_several(void **state)
{
	struct rig *r = *state;
	struct hr_addr_config a = {.first = addr(OWN4), .count = 1, .prefix_len = 24};

	r->caps[0].mtu = 9000;
	rig_rebuild(r, &a, 1, NULL, 0);
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER, PEER4, NOBODY, OWN4), 0), DROP_NONE);
	rig_clear(r);
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 60, echo(8, 8971)), 1), DROP_NONE);
	says(r, 0, 0, ip_frame(PEER, ME, OWN4, PEER4, 1, 64, echo(0, 8971)));
	/* One byte more than the link carries is not sent. */
	r->caps[0].mtu = 8999;
	rig_rebuild(r, &a, 1, NULL, 0);
	assert_int_equal(hears(r, 0, arp(1, BROADCAST, PEER, PEER4, NOBODY, OWN4), 0), DROP_NONE);
	rig_clear(r);
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 60, echo(8, 8972)), 1), DROP_NONE);
	silent(r);
}

static void echo_keeps_the_class_of_service_without_congestion_marks(void **state)
{
	struct rig *r = *state;
	struct bytes x = ip_frame(ME, PEER, PEER6, OWN6, 58, 60, echo(128, 4));
	struct bytes want = ip_frame(PEER, ME, OWN6, PEER6, 58, 64, echo(129, 4));

	x.b[14] |= 0x0b; /* traffic class 0xbb: EF, CE */
	x.b[15] |= 0xb0;
	want.b[14] |= 0x0b;
	want.b[15] |= 0x80;
	assert_int_equal(hears(r, 0, x, 1), DROP_NONE);
	says(r, 0, 0, want);
}

static void an_unknown_asker_is_resolved_first(void **state)
{
	struct rig *r = *state;
	struct bytes ping = ip_frame(ME, PEER2, "198.18.0.102", "198.18.0.2", 1, 64, echo(8, 8));

	assert_int_equal(hears(r, 0, ping, 1), DROP_NONE);
	says(r, 0, 0, arp(1, BROADCAST, ME, "198.18.0.2", NOBODY, "198.18.0.102"));
	assert_int_equal(
		hears(r, 0, arp(2, ME, PEER2, "198.18.0.102", ME, "198.18.0.2"), 2), DROP_NONE);
	says(r, 1, 0, ip_frame(PEER2, ME, "198.18.0.2", "198.18.0.102", 1, 64, echo(0, 8)));
	assert_int_equal(r->n_said, 2);
}

static void all_nodes_are_pinged(void **state)
{
	struct rig *r = *state;

	assert_int_equal(
		hears(r, 0, ip_frame("333300000001", PEER, PEER6, "ff02::1", 58, 1, echo(128, 3)),
			1),
		DROP_NONE);
	says(r, 0, 0, ip_frame(PEER, ME, OWN6, PEER6, 58, 64, echo(129, 3)));
	assert_int_equal(
		hears(r, 0, nd(135, 0, ME, PEER, "fe80::55", OWN6, OWN6, "0101 020000000155"), 2),
		DROP_NONE);
	assert_int_equal(
		hears(r, 0,
			ip_frame("333300000001", PEER, "fe80::55", "ff02::1", 58, 1, echo(128, 3)),
			3),
		DROP_NONE);
	says(r, 2, 0, ip_frame(PEER, ME, "fe80::ff:fe00:1", "fe80::55", 58, 64, echo(129, 3)));
}

/* ICMP-2, IP-2 */
static void silence(void **state)
{
	struct rig *r = *state;
	struct bytes ping = ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(8, 8)), x;
	struct bytes udp = hex("1234 0035 000c 0000 61626364"), tampered;
	const struct {
		const char *mac, *src, *dst;
		enum hr_drop drop;
	} cases[] = {
		{BROADCAST, PEER4, "255.255.255.255", DROP_ip_broadcast},
		{BROADCAST, PEER4, "198.18.0.255", DROP_ip_broadcast},
		{"01005e000001", PEER4, "224.0.0.1", DROP_ip_broadcast},
		{BROADCAST, PEER4, OWN4, DROP_ip_broadcast},
		{ME, PEER4, "198.18.0.9", DROP_ip_not_local},
		{ME, PEER4, "198.19.0.1", DROP_ip_not_local},
		{ME, "198.18.0.255", OWN4, DROP_ip_source},
		{ME, "198.18.0.2", OWN4, DROP_ip_source},
		{ME, "240.0.0.1", OWN4, DROP_ip_source},
		{"333300000002", PEER6, "ff02::2", DROP_ip_broadcast},
		{"333300000001", PEER6, OWN6, DROP_ip_broadcast},
		{ME, PEER6, "2001:db8::9", DROP_ip_not_local},
		{ME, "2001:db8::2", OWN6, DROP_ip_source},
	};

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		bool v6 = addr(cases[i].src).family == 6;

		assert_int_equal(hears(r, 0,
					 ip_frame(cases[i].mac, PEER, cases[i].src, cases[i].dst,
						 v6 ? 58 : 1, 64, echo(v6 ? 128 : 8, 8)),
					 1),
			cases[i].drop);
		assert_int_equal(hears(r, 0,
					 ip_frame(cases[i].mac, PEER, cases[i].src, cases[i].dst,
						 17, 64, udp),
					 1),
			cases[i].drop);
	}
	/* All nodes of a link on which we have no IPv6. */
	assert_int_equal(
		hears(r, 1, ip_frame("333300000001", PEER, PEER6, "ff02::1", 58, 64, echo(128, 8)),
			1),
		DROP_ip_broadcast);
	/* Bad checksum, too short, types that ask nothing of us, a copy for another worker. */
	x = ping;
	x.b[x.len - 1] ^= 0x40;
	assert_int_equal(hears(r, 0, x, 1), DROP_icmp_bad);
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 64, hex("0800 0000 00")), 1),
		DROP_icmp_bad);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(0, 8)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(5, 8)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(13, 8)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER6, OWN6, 58, 64, echo(129, 8)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER6, OWN6, 58, 255, echo(134, 8)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER6, OWN6, 58, 255, echo(137, 32)), 1),
		DROP_icmp_ignored);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, "::", OWN6, 58, 64, echo(128, 8)), 1),
		DROP_ip_source);
	assert_int_equal(hears_copy(r, 0, ping, 1), DROP_NONE);
	assert_int_equal(
		hears_copy(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 17, 64, udp), 1), DROP_udp_closed);
	/* UDP: damaged, of the wrong length, and IPv6 without a checksum. */
	tampered = ip_frame(ME, PEER, PEER4, OWN4, 17, 64, udp);
	tampered.b[tampered.len - 1] ^= 1;
	assert_int_equal(hears(r, 0, tampered, 1), DROP_udp_closed);
	assert_int_equal(hears(r, 0,
				 ip_frame(ME, PEER, PEER4, OWN4, 17, 64,
					 hex("1234 0035 000b 0000 61626364")),
				 1),
		DROP_udp_closed);
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 17, 64, hex("1234 0035 00")), 1),
		DROP_udp_closed);
	tampered = ip_frame(ME, PEER, PEER6, OWN6, 17, 64, udp);
	tampered.b[60] = tampered.b[61] = 0;
	assert_int_equal(hears(r, 0, tampered, 1), DROP_udp_closed);
	/* SCTP: nobody here takes it. */
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 132, 64, udp), 1), DROP_ip_proto);
	silent(r);
	assert_int_equal(hears(r, 0, ping, 1), DROP_NONE);
	assert_int_equal(r->n_said, 1);
}

static struct bytes datagram(unsigned data)
{
	struct bytes x = {.len = 8 + data,
		.b = {0x12, 0x34, 0, 53, (uint8_t)((8 + data) >> 8), (uint8_t)(8 + data)}};

	for (unsigned i = 0; i < data; i++)
		x.b[8 + i] = (uint8_t)(i ^ data);
	return x;
}

/* ICMP-3 */
static void udp_earns_port_unreachable_with_as_much_as_fits(void **state)
{
	static const unsigned sizes[] = {0, 1, 33, 519, 520, 521, 1183, 1184, 1185, 1400};
	struct rig *r = *state;

	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		struct bytes in4 = ip_frame(ME, PEER, PEER4, OWN4, 17, 64, datagram(sizes[i]));
		struct bytes in6 = ip_frame(ME, PEER, PEER6, OWN6, 17, 64, datagram(sizes[i]));
		struct bytes q4 = {.b = {3, 3}}, q6 = {.b = {1, 4}};
		uint64_t now = SECOND * (i + 1);

		q4.len = 8 + RTE_MIN(in4.len - 14, 576u - 28);
		memcpy(q4.b + 8, in4.b + 14, q4.len - 8);
		q6.len = 8 + RTE_MIN(in6.len - 14, 1280u - 48);
		memcpy(q6.b + 8, in6.b + 14, q6.len - 8);
		assert_int_equal(hears(r, 0, in4, now), DROP_udp_closed);
		assert_int_equal(hears(r, 0, in6, now), DROP_udp_closed);
		assert_int_equal(r->n_said, 2);
		says(r, 0, 0, ip_frame(PEER, ME, OWN4, PEER4, 1, 64, q4));
		says(r, 1, 0, ip_frame(PEER, ME, OWN6, PEER6, 58, 64, q6));
		rig_clear(r);
	}
	assert_int_equal(
		r->m.c[HR_C_icmp_out], 1 + 2 * RTE_DIM(sizes)); /* and the NA of the set-up */
}

/* ICMP-3, ICMP6-1 */
static void rates_are_limited(void **state)
{
	struct rig *r = *state;
	struct bytes ping = ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(8, 0));
	struct bytes udp = ip_frame(ME, PEER, PEER4, OWN4, 17, 64, datagram(1));
	uint64_t now = 100 * SECOND;

	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(hears(r, 0, ping, now), DROP_NONE);
	assert_int_equal(hears(r, 0, ping, now), DROP_icmp_rate);
	assert_int_equal(hears(r, 0, ping, now + 99), DROP_icmp_rate);
	assert_int_equal(hears(r, 0, ping, now + 100), DROP_NONE);
	assert_int_equal(hears(r, 0, ping, now + 100), DROP_icmp_rate);
	assert_int_equal(r->n_said, 10001);
	rig_clear(r);
	/* rst_per_s = 5: five at once, then one every 200 ms. */
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(hears(r, 0, udp, now), DROP_udp_closed);
	assert_int_equal(r->n_said, 5);
	assert_int_equal(hears(r, 0, udp, now + 200 * MS - 1), DROP_udp_closed);
	assert_int_equal(r->n_said, 5);
	assert_int_equal(hears(r, 0, udp, now + 200 * MS), DROP_udp_closed);
	assert_int_equal(r->n_said, 6);
	r->cfg.rst_per_s = 0;
	rig_rebuild(r,
		(struct hr_addr_config[]){{.first = addr(OWN4), .count = 1, .prefix_len = 24}}, 1,
		NULL, 0);
	assert_int_equal(hears(r, 0, udp, now), DROP_udp_closed);
	assert_int_equal(r->n_said, 6);
}

static void an_empty_pool_loses_replies_and_counts_them(void **state)
{
	struct rig *r = *state;

	hoard(r);
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, PEER4, OWN4, 1, 64, echo(8, 9)), 1), DROP_NONE);
	assert_int_equal(hears(r, 0, ip_frame(ME, PEER, PEER6, OWN6, 17, 64, datagram(9)), 1),
		DROP_udp_closed);
	silent(r);
	assert_int_equal(r->m.c[HR_C_no_mbuf_tx], 2);
	assert_int_equal(hr_ip_deadline(r->ip), 600 * SECOND);
}

/* MUST-54 */
static void errors_about_our_segments_are_handed_over(void **state)
{
	static const char quoted4[] =
		"45000028 00004000 40060000 c6120001 c6120055 9c40 0050 01020304";
	static const char quoted6[] = "60000000 0014 06 40 20010db8000000000000000000000001 "
				      "20010db8000000000000000000000055 9c40 0050 0a0b0c0d";
	struct rig *r = *state;
	struct hr_ip own4 = addr(OWN4), own6 = addr(OWN6), to4 = addr(PEER4), to6 = addr(PEER6);
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->rx_pool);
	struct bytes x = hex("0304 0000 0000 0578"), y = hex("0200 0000 00000500"),
		     q = hex(quoted4), frame;

	memcpy(x.b + x.len, q.b, q.len);
	x.len += q.len;
	q = hex(quoted6);
	memcpy(y.b + y.len, q.b, q.len);
	y.len += q.len;

	/* The pointers lead into the packet, so this one stays alive while we look. */
	frame = ip_frame(ME, PEER, "192.0.2.1", OWN4, 1, 60, x);
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame.len), frame.b, frame.len);
	assert_int_equal(hr_frame_parse(m, r->caps[0].mac, &f, &s), DROP_NONE);
	assert_int_equal(hr_ip_input(r->ip, 0, m, &f, 1, true, &r->err, &r->is_err), DROP_NONE);
	assert_true(r->is_err);
	assert_int_equal(r->err.family, 4);
	assert_int_equal(r->err.type, 3);
	assert_int_equal(r->err.code, 4);
	assert_int_equal(r->err.mtu, 1400);
	assert_memory_equal(r->err.src, own4.b, 4);
	assert_memory_equal(r->err.dst, to4.b, 4);
	assert_int_equal(r->err.sport, 40000);
	assert_int_equal(r->err.dport, 80);
	assert_int_equal(r->err.seq, 0x01020304);
	rte_pktmbuf_reset(m);

	frame = ip_frame(ME, PEER, "2001:db8:9::1", OWN6, 58, 60, y);
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame.len), frame.b, frame.len);
	assert_int_equal(hr_frame_parse(m, r->caps[0].mac, &f, &s), DROP_NONE);
	assert_int_equal(hr_ip_input(r->ip, 0, m, &f, 1, true, &r->err, &r->is_err), DROP_NONE);
	assert_true(r->is_err);
	assert_int_equal(r->err.mtu, 1280);
	assert_memory_equal(r->err.src, own6.b, 16);
	assert_memory_equal(r->err.dst, to6.b, 16);
	assert_int_equal(r->err.seq, 0x0a0b0c0d);
	rte_pktmbuf_free(m);

	/* Not about us, damaged, to a group: nothing for the engine. */
	x.b[8 + 15] = 99;
	assert_int_equal(
		hears(r, 0, ip_frame(ME, PEER, "192.0.2.1", OWN4, 1, 60, x), 1), DROP_icmp_ignored);
	assert_false(r->is_err);
	x.b[8 + 15] = 1;
	frame = ip_frame(ME, PEER, "192.0.2.1", OWN4, 1, 60, x);
	frame.b[frame.len - 1] ^= 1;
	assert_int_equal(hears(r, 0, frame, 1), DROP_icmp_bad);
	assert_false(r->is_err);
	assert_int_equal(
		hears(r, 0, ip_frame("333300000001", PEER, PEER6, "ff02::1", 58, 60, y), 1),
		DROP_ip_broadcast);
	assert_false(r->is_err);
	silent(r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_known, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(echo_comes_back_whole_at_every_size),
		T(an_echo_larger_than_an_mbuf_is_answered_in_several),
		T(echo_keeps_the_class_of_service_without_congestion_marks),
		T(an_unknown_asker_is_resolved_first),
		T(all_nodes_are_pinged),
		T(silence),
		T(udp_earns_port_unreachable_with_as_much_as_fits),
		T(rates_are_limited),
		T(an_empty_pool_loses_replies_and_counts_them),
		T(errors_about_our_segments_are_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
