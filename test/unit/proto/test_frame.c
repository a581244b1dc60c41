/* SPDX-License-Identifier: BSD-3-Clause */
/* hr_frame_parse(): what is accepted and as what, and every reason to drop, each by a frame made
 * for it. */
#include "packet.h"

#include <netinet/in.h>

#define PADN6 "0104 00000000" /* fills a minimal options header */

struct drop_case {
	const char *what;
	const char *hex;
	unsigned l4_off; /* 0: leave lengths and checksums as they are */
	int proto;
	unsigned patch_at; /* after finishing: add 1 here (0 = no patch) */
	unsigned cut;      /* bytes taken off the end */
	enum hr_drop want;
};

#define T4     34, IPPROTO_TCP
#define T6     54, IPPROTO_TCP
#define EXT(n) (54 + 8 * (n)), IPPROTO_TCP
#define AS_IS  0, 0

static const struct drop_case drops[] = {
	{"13 bytes", ETH4, AS_IS, 0, 1, DROP_short_frame},
	{"other station", "020000000009 020000000002 0800" IP4 TCP, T4, 0, 0, DROP_not_our_mac},
	{"VLAN tag", "020000000001 020000000002 8100 0005 0800" IP4 TCP, AS_IS, 0, 0,
		DROP_ethertype},
	{"LLDP", "0180c200000e 020000000002 88cc 0000", AS_IS, 0, 0, DROP_ethertype},
	{"ARP of 27",
		"ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 c6120002 "
		"000000000000 c61200",
		AS_IS, 0, 0, DROP_arp_bad},
	{"IPv4 of 19", ETH4 IP4, AS_IS, 0, 1, DROP_ip_short},
	{"IPv4 longer than the frame", ETH4 IP4 TCP, T4, 0, 1, DROP_ip_short},
	{"IPv6 of 39", ETH6 IP6, AS_IS, 0, 1, DROP_ip_short},
	{"IPv6 longer than the frame", ETH6 IP6 TCP, T6, 0, 1, DROP_ip_short},
	{"IPv6 in an IPv4 frame", ETH4 IP6 TCP, T6, 0, 0, DROP_ip_version},
	{"IPv4 in an IPv6 frame", ETH6 IP4 TCP TCP, T4, 0, 0, DROP_ip_version},
	{"IHL 4", ETH4 "4400 0028 1234 4000 40 06 0000 c6120002 c6120001" TCP, T4, 0, 0,
		DROP_ip_header},
	{"IHL past total length", ETH4 "4600 0014 0000 4000 40 06 0000 c6120002 c6120001 00000000",
		AS_IS, 0, 0, DROP_ip_header},
	{"total length 0", ETH4 IP4 TCP, AS_IS, 0, 0, DROP_ip_header},
	{"IPv4 option of length 1",
		ETH4 "4600 0000 1234 4000 40 06 0000 c6120002 c6120001 0701 0000" TCP, 38,
		IPPROTO_TCP, 0, 0, DROP_ip_header},
	{"IPv4 option past the header",
		ETH4 "4600 0000 1234 4000 40 06 0000 c6120002 c6120001 0705 0000" TCP, 38,
		IPPROTO_TCP, 0, 0, DROP_ip_header},
	{"IPv4 option without length",
		ETH4 "4600 0000 1234 4000 40 06 0000 c6120002 c6120001 01010107" TCP, 38,
		IPPROTO_TCP, 0, 0, DROP_ip_header},
	{"bad IPv4 checksum", ETH4 IP4 TCP, T4, 24, 0, DROP_ip_checksum},
	{"TTL changed", ETH4 IP4 TCP, T4, 22, 0, DROP_ip_checksum},
	{"first fragment", ETH4 "4500 0000 1234 2000 40 06 0000 c6120002 c6120001" TCP, T4, 0, 0,
		DROP_ip_fragment},
	{"last fragment", ETH4 "4500 0000 1234 0001 40 06 0000 c6120002 c6120001" TCP, T4, 0, 0,
		DROP_ip_fragment},
	{"from multicast", ETH4 "4500 0000 1234 4000 40 06 0000 e0000001 c6120001" TCP, T4, 0, 0,
		DROP_ip_source},
	{"from broadcast", ETH4 "4500 0000 1234 4000 40 06 0000 ffffffff c6120001" TCP, T4, 0, 0,
		DROP_ip_source},
	{"from 0.0.0.0", ETH4 "4500 0000 1234 4000 40 06 0000 00000000 c6120001" TCP, T4, 0, 0,
		DROP_ip_source},
	{"from loopback", ETH4 "4500 0000 1234 4000 40 06 0000 7f000001 c6120001" TCP, T4, 0, 0,
		DROP_ip_source},
	{"UDP from multicast",
		ETH4 "4500 0000 1234 4000 40 11 0000 efffffff c6120001 0007000700080000", 34,
		IPPROTO_UDP, 0, 0, DROP_ip_source},
	{"to loopback", ETH4 "4500 0000 1234 4000 40 06 0000 c6120002 7f000001" TCP, T4, 0, 0,
		DROP_ip_not_local},
	{"loose source route",
		ETH4 "4700 0000 1234 4000 40 06 0000 c6120002 c6120001 830704c6120009 00" TCP, 42,
		IPPROTO_TCP, 0, 0, DROP_ip_source_route},
	{"strict source route behind a NOP and an unknown option",
		ETH4
		"4800 0000 1234 4000 40 06 0000 c6120002 c6120001 01 440400 00 890704c6120009" TCP,
		46, IPPROTO_TCP, 0, 0, DROP_ip_source_route},
	/* RFC 9293 MUST-57 */
	{"TCP in an Ethernet broadcast", "ffffffffffff 020000000002 0800" IP4 TCP, T4, 0, 0,
		DROP_ip_broadcast},
	{"TCP to multicast", ETH4 "4500 0000 1234 4000 40 06 0000 c6120002 e0000001" TCP, T4, 0, 0,
		DROP_ip_broadcast},
	{"TCP to broadcast", ETH4 "4500 0000 1234 4000 40 06 0000 c6120002 ffffffff" TCP, T4, 0, 0,
		DROP_ip_broadcast},
	{"TCP to IPv6 multicast",
		ETH6 "60000000 0000 06 40" A2 "ff020000000000000000000000000001" TCP, T6, 0, 0,
		DROP_ip_broadcast},

	{"from IPv6 multicast", ETH6 "60000000 0000 06 40 ff020000000000000000000000000001" A1 TCP,
		T6, 0, 0, DROP_ip_source},
	{"from ::1", ETH6 "60000000 0000 06 40 00000000000000000000000000000001" A1 TCP, T6, 0, 0,
		DROP_ip_source},
	{"from ::", ETH6 "60000000 0000 06 40 00000000000000000000000000000000" A1 TCP, T6, 0, 0,
		DROP_ip_source},
	{"from ::ffff:198.18.0.2",
		ETH6 "60000000 0000 06 40 00000000000000000000ffffc6120002" A1 TCP, T6, 0, 0,
		DROP_ip_source},
	{"to ::1", ETH6 "60000000 0000 06 40" A2 "00000000000000000000000000000001" TCP, T6, 0, 0,
		DROP_ip_not_local},
	{"to ::", ETH6 "60000000 0000 06 40" A2 "00000000000000000000000000000000" TCP, T6, 0, 0,
		DROP_ip_not_local},
	{"to ::ffff:198.18.0.1",
		ETH6 "60000000 0000 06 40" A2 "00000000000000000000ffffc6120001" TCP, T6, 0, 0,
		DROP_ip_not_local},

	{"IPv6 fragment, more to come", ETH6 "60000000 0000 2c 40" A2 A1 "0600 0001 11223344" TCP,
		EXT(1), 0, 0, DROP_ip_fragment},
	{"IPv6 fragment, offset 8", ETH6 "60000000 0000 2c 40" A2 A1 "0600 0008 11223344" TCP,
		EXT(1), 0, 0, DROP_ip_fragment},
	{"unknown option 01: discard", ETH6 "60000000 0000 3c 40" A2 A1 "0600 4004 00000000" TCP,
		EXT(1), 0, 0, DROP_ip6_extension},
	{"unknown option 10: discard", ETH6 "60000000 0000 3c 40" A2 A1 "0600 8004 00000000" TCP,
		EXT(1), 0, 0, DROP_ip6_extension},
	{"jumbo payload (11)", ETH6 "60000000 0000 00 40" A2 A1 "0600 c204 00010000" TCP, EXT(1), 0,
		0, DROP_ip6_extension},
	{"option past its header", ETH6 "60000000 0000 3c 40" A2 A1 "0600 0105 00000000" TCP,
		EXT(1), 0, 0, DROP_ip6_extension},
	{"option without length", ETH6 "60000000 0000 3c 40" A2 A1 "0600 0103 00000001" TCP, EXT(1),
		0, 0, DROP_ip6_extension},
	{"hop-by-hop second", ETH6 "60000000 0000 3c 40" A2 A1 "0000" PADN6 "0600" PADN6 TCP,
		EXT(2), 0, 0, DROP_ip6_extension},
	{"segments left", ETH6 "60000000 0000 2b 40" A2 A1 "0600 0301 00000000" TCP, EXT(1), 0, 0,
		DROP_ip6_extension},
	{"extension past the packet", ETH6 "60000000 0000 3c 40" A2 A1 "0603" PADN6 TCP, EXT(1), 0,
		0, DROP_ip6_extension},
	{"extension of 7 bytes", ETH6 "60000000 0007 3c 40" A2 A1 "0600" PADN6, AS_IS, 0, 1,
		DROP_ip6_extension},
	{"nine extensions",
		ETH6 "60000000 0000 3c 40" A2 A1 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6
		     "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "0600" PADN6 TCP,
		EXT(9), 0, 0, DROP_ip6_extension},

	{"TCP of 19", ETH4 IP4 "9c40 0050 01020304 05060708 5018 7210 0000 00", T4, 0, 0,
		DROP_tcp_short},
	{"IPv4 without payload", ETH4 IP4, T4, 0, 0, DROP_tcp_short},
	{"TCP over IPv6 of 19", ETH6 IP6 "9c40 0050 01020304 05060708 5018 7210 0000 00", T6, 0, 0,
		DROP_tcp_short},
	{"data offset 4", ETH4 IP4 "9c40 0050 01020304 05060708 4018 7210 0000 0000", T4, 0, 0,
		DROP_tcp_offset},
	{"data offset 0", ETH6 IP6 "9c40 0050 01020304 05060708 0018 7210 0000 0000", T6, 0, 0,
		DROP_tcp_offset},
	{"data offset past the segment",
		ETH4 IP4 "9c40 0050 01020304 05060708 6018 7210 0000 0000 010101", T4, 0, 0,
		DROP_tcp_offset},
	{"bad TCP checksum", ETH4 IP4 TCP "aa", T4, 50, 0, DROP_tcp_checksum},
	{"payload changed", ETH4 IP4 TCP "aabbcc", T4, 56, 0, DROP_tcp_checksum},
	{"bad TCP checksum, IPv6", ETH6 IP6 TCP "aa", T6, 74, 0, DROP_tcp_checksum},
	{"source port 0", ETH4 IP4 "0000 0050 01020304 05060708 5018 7210 0000 0000", T4, 0, 0,
		DROP_tcp_port_zero},
	{"destination port 0", ETH6 IP6 "9c40 0000 01020304 05060708 5018 7210 0000 0000", T6, 0, 0,
		DROP_tcp_port_zero},
};

/* MUST-3, MUST-57, MUST-63, IP-1, IP-2, BUG-19 */
static void every_drop_reason(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(drops); i++) {
		const struct drop_case *c = &drops[i];
		struct pkt p = {.n = 0};
		struct hr_frame f;
		struct tcp_seg s;
		struct rte_mbuf *m;
		enum hr_drop got;

		pkt_hex(&p, c->hex);
		if (c->l4_off != 0)
			pkt_finish(&p, c->l4_off, (uint8_t)c->proto);
		if (c->patch_at != 0)
			p.b[c->patch_at]++;
		m = pkt_mbuf(p.b, p.n - c->cut, NULL, 0);
		got = hr_frame_parse(m, our_mac, &f, &s);
		if (got != c->want)
			fail_msg("%s: drop reason %d, want %d", c->what, got, c->want);
		pkt_free(m);
	}
}

static enum hr_drop parse(const char *hex, unsigned l4_off, uint8_t proto, struct rte_mbuf **m,
	struct hr_frame *f, struct tcp_seg *s)
{
	struct pkt p = {.n = 0};

	pkt_hex(&p, hex);
	if (l4_off != 0)
		pkt_finish(&p, l4_off, proto);
	*m = pkt_mbuf(p.b, p.n, NULL, 0);
	return hr_frame_parse(*m, our_mac, f, s);
}

/* A capture-like frame with its checksums written out, and 6 bytes of Ethernet padding to be
 * trimmed. */
static void tcp_over_ipv4(void **state)
{
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;
	const uint8_t *b;

	assert_int_equal(parse("020000000001 020000000002 0800"
			       "452e 0028 1234 4000 3f06 9d46 c6120002 c6120001"
			       "9c40 0050 01020304 05060708 5018 7210 04e7 0009"
			       "ffff ffff ffff",
				 0, 0, &m, &f, &s),
		DROP_NONE);
	b = m->buf_addr;
	assert_int_equal(f.kind, HR_FRAME_TCP);
	assert_int_equal(f.family, 4);
	assert_int_equal(f.l3_off, 14);
	assert_int_equal(f.l2_group, 0);
	assert_int_equal(f.l4_off, 34);
	assert_int_equal(f.l4_len, 20);
	assert_int_equal(f.ttl, 63);
	assert_int_equal(f.proto, IPPROTO_TCP);
	assert_int_equal(f.tos, 0x2e);
	assert_ptr_equal(f.src, b + 26);
	assert_ptr_equal(f.dst, b + 30);
	assert_ptr_equal(f.src_mac, b + 6);
	assert_ptr_equal(s.m, m);
	assert_int_equal(s.seq, 0x01020304);
	assert_int_equal(s.ack, 0x05060708);
	assert_int_equal(s.wnd, 0x7210);
	assert_int_equal(s.urg, 9);
	assert_int_equal(s.payload_off, 54);
	assert_int_equal(s.payload_len, 0);
	assert_int_equal(s.flags, TCPF_PSH | TCPF_ACK);
	assert_int_equal(s.opts, 0);
	assert_int_equal(s.tos, 0x2e);
	assert_int_equal(s.ttl, 63);
	assert_int_equal(s.sport, 40000);
	assert_int_equal(s.dport, 80);
	assert_int_equal(s.l3_off, 14);
	assert_int_equal(s.family, 4);
	pkt_free(m);
}

/* MUST-50, V6-3: All four kinds of extension header, with an option to skip (00) and an atomic
 * fragment (RFC 6946). */
static void tcp_over_ipv6_extensions(void **state)
{
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	assert_int_equal(parse(ETH6 "6b812345 0000 00 41" A2 A1 "2b00 3e02 beef 0000"
				    "3c00 0300 00000000"
				    "2c01 0104 00000000 0000 0104 00000000"
				    "0600 0000 11223344" TCP "68656c6c6f",
				 54 + 40, IPPROTO_TCP, &m, &f, &s),
		DROP_NONE);
	assert_int_equal(f.kind, HR_FRAME_TCP);
	assert_int_equal(f.family, 6);
	assert_int_equal(f.l4_off, 94);
	assert_int_equal(f.l4_len, 25);
	assert_int_equal(f.ttl, 0x41);
	assert_int_equal(f.proto, IPPROTO_TCP);
	assert_int_equal(f.tos, 0xb8);
	assert_int_equal(s.payload_off, 114);
	assert_int_equal(s.payload_len, 5);
	assert_int_equal(s.family, 6);
	assert_int_equal(s.tos, 0xb8);
	assert_int_equal(s.ttl, 0x41);
	/* The writer's view of the same bytes: a received checksum comes out as 0. */
	assert_int_equal(hr_l4_checksum(m, 14, 94), 0);
	pkt_free(m);
}

static void eight_extensions_are_allowed(void **state)
{
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	assert_int_equal(
		parse(ETH6 "60000000 0000 3c 40" A2 A1 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6
			   "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "0600" PADN6 TCP,
			EXT(8), &m, &f, &s),
		DROP_NONE);
	assert_int_equal(f.l4_off, 54 + 64);
	pkt_free(m);
}

/* MUST-50, IP-5 */
static void ipv4_options_are_skipped(void **state)
{
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	/* NOP, router alert, EOL, and a source route that nobody reads any more. */
	assert_int_equal(parse(ETH4 "4800 0000 1234 4000 40 06 0000 c6120002 c6120001"
				    "01 94040000 00 830704c61200" TCP "aabb",
				 46, IPPROTO_TCP, &m, &f, &s),
		DROP_NONE);
	assert_int_equal(f.l4_off, 46);
	assert_int_equal(f.l4_len, 22);
	assert_int_equal(s.payload_off, 66);
	assert_int_equal(s.payload_len, 2);
	pkt_free(m);
}

/* IP-4: a TTL of 0 or 1 that has come this far is for us all the same (RFC 1122 3.2.1.7). */
static void ttl_is_not_looked_at(void **state)
{
	static const char *const ttl[] = {"00", "01", "ff"};
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	for (unsigned i = 0; i < RTE_DIM(ttl); i++) {
		char v4[200], v6[300];

		snprintf(v4, sizeof(v4), "%s 4500 0000 1234 4000 %s 06 0000 c6120002 c6120001 %s",
			ETH4, ttl[i], TCP);
		assert_int_equal(parse(v4, 34, IPPROTO_TCP, &m, &f, &s), DROP_NONE);
		pkt_free(m);
		snprintf(v6, sizeof(v6), "%s 60000000 0000 06 %s %s %s %s", ETH6, ttl[i], A2, A1,
			TCP);
		assert_int_equal(parse(v6, 54, IPPROTO_TCP, &m, &f, &s), DROP_NONE);
		pkt_free(m);
	}
}

static void other_kinds(void **state)
{
	static const struct {
		const char *hex;
		unsigned l4_off;
		int proto, kind, family, l2_group;
	} c[] = {
		{ETH4 "4500 0000 1234 4000 40 11 0000 c6120002 e0000001 0007 0007 0008 0000", 34,
			IPPROTO_UDP, HR_FRAME_UDP, 4, 0},
		{"ffffffffffff 020000000002 0800 4500 0000 1234 4000 40 01 0000 c6120002 c61200ff "
		 "0800 0000 0001 0001",
			34, IPPROTO_ICMP, HR_FRAME_ICMP4, 4, 1},
		{ETH4 "4500 0000 1234 4000 40 2f 0000 c6120002 c6120001 0000 0800", 34, 47,
			HR_FRAME_OTHER, 4, 0},
		{ETH4 "4500 0000 1234 4000 40 3a 0000 c6120002 c6120001 8000 0000 0001 0001", 34,
			58, HR_FRAME_OTHER, 4, 0},
		/* Duplicate address detection: from ::, to the solicited-node group (RFC
		   4862 5.4.2). */
		{"3333ff000001 020000000002 86dd 60000000 0000 3a ff "
		 "00000000000000000000000000000000"
		 "ff0200000000000000000001ff000001 8700 0000 00000000" A1,
			54, IPPROTO_ICMPV6, HR_FRAME_ICMP6, 6, 1},
		{ETH6 "60000000 0000 11 40" A2 A1 "0007 0007 0008 0000", 54, IPPROTO_UDP,
			HR_FRAME_UDP, 6, 0},
		{ETH6 "60000000 0000 3b 40" A2 A1, 54, 59, HR_FRAME_OTHER, 6, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		struct hr_frame f;
		struct tcp_seg s;
		struct rte_mbuf *m;

		print_message("kind %u\n", i);
		assert_int_equal(
			parse(c[i].hex, c[i].l4_off, (uint8_t)c[i].proto, &m, &f, &s), DROP_NONE);
		assert_int_equal(f.kind, c[i].kind);
		assert_int_equal(f.family, c[i].family);
		assert_int_equal(f.l2_group, c[i].l2_group);
		assert_int_equal(f.l4_off, c[i].l4_off);
		assert_int_equal(f.l4_len, m->pkt_len - c[i].l4_off);
		pkt_free(m);
	}
}

static void arp(void **state)
{
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	assert_int_equal(
		parse("ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 c6120002"
		      "000000000000 c6120001",
			0, 0, &m, &f, &s),
		DROP_NONE);
	assert_int_equal(f.kind, HR_FRAME_ARP);
	assert_int_equal(f.family, 0);
	assert_int_equal(f.l3_off, 14);
	assert_int_equal(f.l2_group, 1);
	assert_ptr_equal(f.src_mac, (uint8_t *)m->buf_addr + 6);
	pkt_free(m);
}

/* MUST-3: What the NIC says about checksums: two-bit fields, compared under their masks. */
static void checksum_flags(void **state)
{
	static const struct {
		uint64_t flags;
		enum hr_drop good, bad_ip, bad_l4; /* for a sound frame, and for broken ones */
	} c[] = {
		{0, DROP_NONE, DROP_ip_checksum, DROP_tcp_checksum},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, DROP_NONE, DROP_NONE,
			DROP_NONE},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD, DROP_NONE, DROP_NONE, DROP_tcp_checksum},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, DROP_NONE, DROP_ip_checksum, DROP_NONE},
		{RTE_MBUF_F_RX_IP_CKSUM_BAD, DROP_ip_checksum, DROP_ip_checksum, DROP_ip_checksum},
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, DROP_tcp_checksum, DROP_ip_checksum,
			DROP_tcp_checksum},
		{RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, DROP_NONE,
			DROP_ip_checksum, DROP_tcp_checksum},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		struct hr_frame f;
		struct tcp_seg s;
		struct rte_mbuf *m;
		uint8_t *b;

		parse(ETH4 IP4 TCP "aabb", 34, IPPROTO_TCP, &m, &f, &s);
		b = m->buf_addr;
		m->ol_flags = c[i].flags;
		assert_int_equal(hr_frame_parse(m, our_mac, &f, &s), c[i].good);
		b[22]--; /* TTL: no part of the pseudo-header */
		assert_int_equal(hr_frame_parse(m, our_mac, &f, &s), c[i].bad_ip);
		b[22]++;
		b[54] ^= 1;
		assert_int_equal(hr_frame_parse(m, our_mac, &f, &s), c[i].bad_l4);
		pkt_free(m);
	}
}

/* Wherever a sound frame is cut in two, headers in the first segment parse to the same values and
 * others are short_frame. */
static void chained_at_every_byte(void **state)
{
	static const char *const hex[] = {
		ETH4 "4600 0000 1234 4000 40 06 0000 c6120002 c6120001 01010101"
		     "9c40 0050 01020304 05060708 8018 7210 0000 0000 0101080a 11111111 22222222",
		ETH6 "60000000 0000 3c 40" A2 A1 "0600" PADN6
		     "9c40 0050 01020304 05060708 8018 7210 0000 0000 0101080a 11111111 22222222",
	};
	static const unsigned l4_off[] = {38, 62};

	for (unsigned i = 0; i < 2; i++) {
		unsigned headers = l4_off[i] + 32;
		struct pkt p = {.n = 0};

		pkt_hex(&p, hex[i]);
		pkt_payload(&p, 21);
		pkt_finish(&p, l4_off[i], IPPROTO_TCP);
		for (unsigned cut = 0; cut <= p.n; cut++) {
			struct rte_mbuf *m = pkt_mbuf(p.b, p.n, &cut, 1);
			struct hr_frame f;
			struct tcp_seg s;
			enum hr_drop d = hr_frame_parse(m, our_mac, &f, &s);

			assert_int_equal(d, cut < headers ? DROP_short_frame : DROP_NONE);
			if (d == DROP_NONE) {
				assert_int_equal(s.payload_off, headers);
				assert_int_equal(s.payload_len, 21);
				assert_int_equal(s.tsval, 0x11111111);
			}
			pkt_free(m);
		}
	}
}

/* PM-5 */
static void header_writers(void **state)
{
	static const uint8_t a[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	static const uint8_t b[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};
	struct pkt want = {.n = 0};
	uint8_t got[74];

	pkt_hex(&want, "020000000001 0200000000ff 0800"
		       "452e 0028 1234 4000 3f06 9d46 c6120002 c6120001"
		       "6b812345 0014 06 41" A1 A2);
	assert_int_equal(
		hr_eth_write(got, our_mac, (const uint8_t[]){2, 0, 0, 0, 0, 0xff}, 0x0800), 14);
	assert_int_equal(hr_ip4_write(got + 14, RTE_BE32(0xc6120002), RTE_BE32(0xc6120001),
				 IPPROTO_TCP, 63, 0x2e, 0x1234, 40),
		20);
	assert_int_equal(hr_ip6_write(got + 34, a, b, IPPROTO_TCP, 0x41, 0xb8, 0xfff12345, 20), 40);
	assert_memory_equal(got, want.b, sizeof(got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_drop_reason),
		cmocka_unit_test(tcp_over_ipv4),
		cmocka_unit_test(tcp_over_ipv6_extensions),
		cmocka_unit_test(eight_extensions_are_allowed),
		cmocka_unit_test(ipv4_options_are_skipped),
		cmocka_unit_test(ttl_is_not_looked_at),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(arp),
		cmocka_unit_test(checksum_flags),
		cmocka_unit_test(chained_at_every_byte),
		cmocka_unit_test(header_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
