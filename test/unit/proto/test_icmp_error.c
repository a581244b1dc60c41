/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP and ICMPv6 errors that quote our segments: whole values, and every way not to be one. */
#include "packet.h"

#include <netinet/in.h>

#define ICMP4 ETH4 "45c0 0000 0001 0000 40 01 0000 c61200fe c6120001"
#define ICMP6 ETH6 "60000000 0000 3a 40 20010db80000000000000000000000fe" A1
/* What we sent: from 198.18.0.1:80 to 198.18.0.2:40000. */
#define QUOTED4     "4500 05dc 1234 4000 3f 06 0000 c6120001 c6120002"
#define QUOTED6(nh) "60000000 05dc" nh "3f" A1 A2
#define PORTS       "0050 9c40 a1a2a3a4"

static enum hr_drop parse(
	const char *hex, unsigned l4_off, struct rte_mbuf **m, struct hr_icmp_error *e)
{
	struct pkt p = {.n = 0};
	struct hr_frame f;
	struct tcp_seg s;

	pkt_hex(&p, hex);
	pkt_finish(&p, l4_off, l4_off == 34 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	*m = pkt_mbuf(p.b, p.n, NULL, 0);
	assert_int_equal(hr_frame_parse(*m, our_mac, &f, &s), DROP_NONE);
	return hr_icmp_error_parse(*m, &f, e);
}

/* MUST-54, PM-6 */
static void errors(void **state)
{
	static const struct {
		const char *hex;
		unsigned l4_off, quoted, type, code, mtu;
	} c[] = {
		{ICMP4 "0301 0000 00000000" QUOTED4 PORTS, 34, 42, 3, 1, 0},
		{ICMP4 "0303 0000 ffffffff" QUOTED4 PORTS, 34, 42, 3, 3, 0},
		{ICMP4 "0304 0000 00000578" QUOTED4 PORTS "0102030405", 34, 42, 3, 4, 1400},
		/* PM-6: no MTU told, 1500 bytes quoted: the plateau below. */
		{ICMP4 "0304 0000 00000000" QUOTED4 PORTS, 34, 42, 3, 4, 1492},
		{ICMP4 "0b00 0000 00000000" QUOTED4 PORTS, 34, 42, 11, 0, 0},
		{ICMP4 "0c00 0000 14000000" QUOTED4 PORTS, 34, 42, 12, 0, 0},
		{ICMP4 "0301 0000 00000000 4600 05dc 1234 2000 3f 06 0000 c6120001 c6120002 "
		       "94040000" PORTS,
			34, 42, 3, 1, 0},
		{ICMP6 "0104 0000 00000000" QUOTED6("06") PORTS, 54, 62, 1, 4, 0},
		{ICMP6 "0200 0000 00000514" QUOTED6("06") PORTS, 54, 62, 2, 0, 1300},
		{ICMP6 "0200 0000 00011000" QUOTED6("06") PORTS, 54, 62, 2, 0, 0x11000},
		{ICMP6 "0301 0000 00000000" QUOTED6("2c") "0600 0001 00000001" PORTS, 54, 62, 3, 1,
			0},
		{ICMP6 "0401 0000 00000028" QUOTED6(
			 "00") "3c00 0104 00000000 0600 0104 00000000" PORTS,
			54, 62, 4, 1, 0},
		{ICMP6 "6400 0000 00000028" QUOTED6("06") PORTS, 54, 62, 100, 0, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		unsigned v4 = c[i].l4_off == 34;
		struct hr_icmp_error e;
		struct rte_mbuf *m;

		print_message("error %u\n", i);
		assert_int_equal(parse(c[i].hex, c[i].l4_off, &m, &e), DROP_NONE);
		assert_int_equal(e.family, v4 ? 4 : 6);
		assert_int_equal(e.type, c[i].type);
		assert_int_equal(e.code, c[i].code);
		assert_int_equal(e.mtu, c[i].mtu);
		assert_ptr_equal(e.src, (uint8_t *)m->buf_addr + c[i].quoted + (v4 ? 12 : 8));
		assert_ptr_equal(e.dst, (uint8_t *)m->buf_addr + c[i].quoted + (v4 ? 16 : 24));
		assert_int_equal(e.sport, 80);
		assert_int_equal(e.dport, 40000);
		assert_int_equal(e.seq, 0xa1a2a3a4);
		pkt_free(m);
	}
}

/* MUST-55 */
static void refusals(void **state)
{
	static const struct {
		const char *what, *hex;
		unsigned l4_off;
		enum hr_drop want;
	} c[] = {
		{"echo request", ICMP4 "0800 0000 00010001", 34, DROP_icmp_ignored},
		{"echo reply", ICMP4 "0000 0000 00010001", 34, DROP_icmp_ignored},
		{"source quench", ICMP4 "0400 0000 00000000" QUOTED4 PORTS, 34, DROP_icmp_ignored},
		{"redirect", ICMP4 "0501 0000 c61200fd" QUOTED4 PORTS, 34, DROP_icmp_ignored},
		{"ICMPv6 echo", ICMP6 "8000 0000 00010001", 54, DROP_icmp_ignored},
		{"7 bytes", ICMP4 "0301 0000 000000", 34, DROP_icmp_bad},
		{"nothing quoted", ICMP4 "0301 0000 00000000", 34, DROP_icmp_bad},
		{"nothing quoted, v6", ICMP6 "0100 0000 00000000", 54, DROP_icmp_bad},
		{"7 bytes of TCP", ICMP4 "0301 0000 00000000" QUOTED4 "00509c40a1a2a3", 34,
			DROP_icmp_bad},
		{"7 bytes of TCP, v6", ICMP6 "0100 0000 00000000" QUOTED6("06") "00509c40a1a2a3",
			54, DROP_icmp_bad},
		{"quotes UDP",
			ICMP4
			"0303 0000 00000000 4500 05dc 1234 4000 3f 11 0000 c6120001 c6120002" PORTS,
			34, DROP_icmp_ignored},
		{"quotes UDP, v6", ICMP6 "0104 0000 00000000" QUOTED6("11") PORTS, 54,
			DROP_icmp_ignored},
		{"quotes a later fragment",
			ICMP4
			"0301 0000 00000000 4500 05dc 1234 0010 3f 06 0000 c6120001 c6120002" PORTS,
			34, DROP_icmp_ignored},
		{"quotes a later fragment, v6",
			ICMP6 "0301 0000 00000000" QUOTED6("2c") "0600 0010 00000001" PORTS, 54,
			DROP_icmp_ignored},
		{"quotes IPv6 in ICMP", ICMP4 "0301 0000 00000000" QUOTED6("06") PORTS, 34,
			DROP_icmp_bad},
		{"quotes IPv4 in ICMPv6", ICMP6 "0100 0000 00000000" QUOTED4 QUOTED4 PORTS, 54,
			DROP_icmp_bad},
		{"quoted IHL 4",
			ICMP4
			"0301 0000 00000000 4400 05dc 1234 4000 3f 06 0000 c6120001 c6120002" PORTS,
			34, DROP_icmp_bad},
		{"quoted IHL past the end",
			ICMP4
			"0301 0000 00000000 4f00 05dc 1234 4000 3f 06 0000 c6120001 c6120002" PORTS,
			34, DROP_icmp_bad},
		{"quoted extension cut",
			ICMP6 "0100 0000 00000000" QUOTED6("3c") "0600 0104 000000", 54,
			DROP_icmp_bad},
		{"quoted extension past the end",
			ICMP6 "0100 0000 00000000" QUOTED6("3c") "0609 0104 00000000" PORTS, 54,
			DROP_icmp_bad},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		struct hr_icmp_error e;
		struct rte_mbuf *m;
		enum hr_drop got = parse(c[i].hex, c[i].l4_off, &m, &e);

		if (got != c[i].want)
			fail_msg("%s: %d, want %d", c[i].what, got, c[i].want);
		pkt_free(m);
	}
}

/* The NIC's word about L4 does not cover ICMP: it is verified all the same. */
static void bad_checksum(void **state)
{
	struct hr_icmp_error e;
	struct hr_frame f;
	struct tcp_seg s;
	struct rte_mbuf *m;

	assert_int_equal(parse(ICMP4 "0301 0000 00000000" QUOTED4 PORTS, 34, &m, &e), DROP_NONE);
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	((uint8_t *)m->buf_addr)[60] ^= 4;
	assert_int_equal(hr_frame_parse(m, our_mac, &f, &s), DROP_NONE);
	assert_int_equal(hr_icmp_error_parse(m, &f, &e), DROP_icmp_bad);
	pkt_free(m);
}

/* The quotation may run into a second segment, not the part that is read. */
static void chained(void **state)
{
	struct pkt p = {.n = 0};

	pkt_hex(&p, ICMP4 "0304 0000 00000578" QUOTED4 PORTS "0102030405");
	pkt_finish(&p, 34, IPPROTO_ICMP);
	for (unsigned cut = 34; cut <= p.n; cut++) {
		struct rte_mbuf *m = pkt_mbuf(p.b, p.n, &cut, 1);
		struct hr_icmp_error e;
		struct hr_frame f;
		struct tcp_seg s;

		assert_int_equal(hr_frame_parse(m, our_mac, &f, &s), DROP_NONE);
		assert_int_equal(hr_icmp_error_parse(m, &f, &e), cut < 42   ? DROP_short_frame
								 : cut < 70 ? DROP_icmp_bad
									    : DROP_NONE);
		pkt_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bad_checksum),
		cmocka_unit_test(chained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
