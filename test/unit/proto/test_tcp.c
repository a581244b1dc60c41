/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP headers and options: what parses to what, what is written as which bytes, and that both
 * agree. */
#include "packet.h"

#include <stdlib.h>

#include "base/rng.h"

/* Parse a header with these option bytes; the caller frees s->m. */
static enum hr_drop parse_options(
	const uint8_t *opt, unsigned len, unsigned extra, struct tcp_seg *s)
{
	struct pkt p = {.n = 0};
	enum hr_drop d;

	pkt_hex(&p, TCP);
	memcpy(p.b + p.n, opt, len);
	p.n += len;
	p.b[12] = (uint8_t)(p.n / 4 << 4);
	pkt_payload(&p, extra);
	struct rte_mbuf *m = pkt_mbuf(p.b, p.n, NULL, 0);
	d = hr_tcp_parse(m, 0, (uint16_t)p.n, s);
	if (d != DROP_NONE)
		pkt_free(m);
	return d;
}

static void parse_hex(const char *hex, struct tcp_seg *s)
{
	struct pkt o = {.n = 0};

	pkt_hex(&o, hex);
	assert_int_equal(parse_options(o.b, o.n, 0, s), DROP_NONE);
}

/* MUST-4, MUST-5, MUST-6, MUST-7, MUST-64, WS-3, BUG-1, UTO-2 */
static void options(void **state)
{
	static const struct {
		const char *hex;
		uint8_t opts;
		uint16_t mss;
		uint8_t wscale;
		uint32_t tsval, tsecr;
		uint8_t sack_n;
	} c[] = {
		/* RFC 9293 MUST-4: EOL, NOP and MSS; MUST-5: TCP here has ACK and PSH, not SYN. */
		{"020405b4", TCPO_MSS, 1460, 0, 0, 0, 0},
		{"01010101", 0, 0, 0, 0, 0, 0},
		/* What stands behind EOL is not read. */
		{"00020405 b4010101", 0, 0, 0, 0, 0, 0},
		{"020405b4 00ff0000", TCPO_MSS, 1460, 0, 0, 0, 0},
		/* A Linux SYN; the same set in the order of FreeBSD and of Windows. */
		{"020405b4 0402080a 0a0b0c0d 00000000 01030307",
			TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE, 1460, 7, 0x0a0b0c0d, 0, 0},
		{"020405b4 01030306 0402080a 0a0b0c0d 00000000",
			TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE, 1460, 6, 0x0a0b0c0d, 0, 0},
		{"020405b4 01030308 01010402", TCPO_MSS | TCPO_SACK_OK | TCPO_WSCALE, 1460, 8, 0, 0,
			0},
		/* MUST-64: options begin on any octet; timestamps here on the second, third and
		   fourth of a word. */
		{"01080a01 02030405 06070800", TCPO_TS, 0, 0, 0x01020304, 0x05060708, 0},
		{"0101080a 01020304 05060708", TCPO_TS, 0, 0, 0x01020304, 0x05060708, 0},
		{"01010108 0a010203 04050607 08000000", TCPO_TS, 0, 0, 0x01020304, 0x05060708, 0},
		{"080a0102 03040506 07080000", TCPO_TS, 0, 0, 0x01020304, 0x05060708, 0},
		/* MUST-6: unknown options are skipped by their length, also one of length 2. */
		{"fd040000 1e020204 05b40000", TCPO_MSS, 1460, 0, 0, 0, 0},
		/* User timeout (28). */
		{"1c040123 020405b4", TCPO_MSS | TCPO_UTO, 1460, 0, 0, 0, 0},
		/* MUST-7: length 0, length 1, past the header, and no length at all. */
		{"fd000000 020405b4", TCPO_BAD, 0, 0, 0, 0, 0},
		{"020405b4 08010000", TCPO_MSS | TCPO_BAD, 1460, 0, 0, 0, 0},
		{"02000000", TCPO_BAD, 0, 0, 0, 0, 0},
		{"020405b4 080a0102", TCPO_MSS | TCPO_BAD, 1460, 0, 0, 0, 0},
		{"01010102", TCPO_BAD, 0, 0, 0, 0, 0},
		{"010101fe", TCPO_BAD, 0, 0, 0, 0, 0},
		/* Known kinds with another kind's length are skipped; parsing goes on. */
		{"02030403 03090101", TCPO_WSCALE, 0, 9, 0, 0, 0},
		{"03020403 04010402", TCPO_SACK_OK, 0, 0, 0, 0, 0},
		{"0806 00000000 040301 010101", 0, 0, 0, 0, 0, 0},
		{"0502 0509 00000000000000 01", 0, 0, 0, 0, 0, 0},
		{"050c 00000000000000000000 0101 0101", 0, 0, 0, 0, 0, 0},
		/* WS-3: 15 and 255 count as 14; 14 is 14. */
		{"03030f01", TCPO_WSCALE, 0, 14, 0, 0, 0},
		{"0303ff01", TCPO_WSCALE, 0, 14, 0, 0, 0},
		{"03030e01", TCPO_WSCALE, 0, 14, 0, 0, 0},
		/* Duplicates: the first well-formed one wins. An MSS of 0 is none. */
		{"020405b4 02040200 03030101 03030201", TCPO_MSS | TCPO_WSCALE, 1460, 1, 0, 0, 0},
		{"02040000 02040218", TCPO_MSS, 536, 0, 0, 0, 0},
		{"0101080a 00000001 00000002 0101080a 00000003 00000004", TCPO_TS, 0, 0, 1, 2, 0},
		/* RFC 2018: one and four blocks, three beside timestamps. */
		{"0101050a 00000010 00000020", TCPO_SACK, 0, 0, 0, 0, 1},
		{"01010522 00000010 00000020 00000030 00000040 00000050 00000060 00000070 00000080",
			TCPO_SACK, 0, 0, 0, 0, 4},
		{"0101080a 01020304 05060708 0101051a 00000010 00000020 00000030 00000040 00000050 "
		 "00000060",
			TCPO_TS | TCPO_SACK, 0, 0, 0x01020304, 0x05060708, 3},
	};

	for (unsigned i = 0; i < RTE_DIM(c); i++) {
		struct tcp_seg s;

		print_message("%s\n", c[i].hex);
		parse_hex(c[i].hex, &s);
		assert_int_equal(s.opts, c[i].opts);
		assert_int_equal(s.mss, c[i].mss);
		assert_int_equal(s.wscale, c[i].wscale);
		assert_int_equal(s.tsval, c[i].tsval);
		assert_int_equal(s.tsecr, c[i].tsecr);
		assert_int_equal(s.sack_n, c[i].sack_n);
		for (unsigned k = 0; k < s.sack_n; k++) {
			assert_int_equal(hr_seg_sack(&s, k).left, 0x10 + 0x20 * k);
			assert_int_equal(hr_seg_sack(&s, k).right, 0x20 + 0x20 * k);
		}
		pkt_free(s.m);
	}
}

static void sequence_length(void **state)
{
	assert_int_equal(
		hr_seg_len(&(struct tcp_seg){.flags = TCPF_SYN | TCPF_FIN, .payload_len = 3}), 5);
	assert_int_equal(hr_seg_len(&(struct tcp_seg){.flags = TCPF_ACK}), 0);
}

/* MUST-7: Option areas cut short by the data offset: nothing past it is an option. */
static void every_length(void **state)
{
	struct pkt o = {.n = 0};

	pkt_hex(&o,
		"020405b4 0402080a 0a0b0c0d 00000000 01030307 0101050a 00000010 00000020 01010101");
	for (unsigned len = 0; len <= 36; len += 4) {
		struct tcp_seg s;

		assert_int_equal(parse_options(o.b, len, 3, &s), DROP_NONE);
		assert_int_equal(s.payload_off, 20 + len);
		assert_int_equal(s.payload_len, 3);
		assert_int_equal(s.opts,
			(len >= 4 ? TCPO_MSS : 0) | (len >= 8 ? TCPO_SACK_OK : 0) |
				(len == 8 || len == 12 || len == 24 || len == 28 ? TCPO_BAD : 0) |
				(len >= 16 ? TCPO_TS : 0) | (len >= 20 ? TCPO_WSCALE : 0) |
				(len >= 32 ? TCPO_SACK : 0));
		pkt_free(s.m);
	}
}

static void same_options(const struct tcp_seg *a, const struct tcp_seg *b)
{
	assert_int_equal(a->opts, b->opts);
	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->tsval, b->tsval);
	assert_int_equal(a->tsecr, b->tsecr);
	assert_int_equal(a->sack_off, b->sack_off);
	assert_int_equal(a->sack_n, b->sack_n);
}

/* The NOP NOP TS shortcut and the general parser agree on any bytes: random layouts, many of them
 * near misses. */
static void fast_path_agrees(void **state)
{
	static const uint8_t kinds[] = {0, 1, 1, 1, 2, 3, 4, 5, 8, 8, 30, 253};
	static const uint8_t ts[] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
	const uint64_t seed = 20260727;
	struct hr_rng rng;
	unsigned fast = 0;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned round = 0; round < 50000; round++) {
		unsigned len = 4 * hr_rng_below(&rng, 11), i;
		struct tcp_seg s, slow = {0};
		uint8_t opt[40];

		for (i = 0; i < len; i++)
			opt[i] = hr_rng_below(&rng, 3) == 0 ? (uint8_t)hr_rng_u64(&rng)
				 : hr_rng_below(&rng, 2) == 0
					 ? kinds[hr_rng_below(&rng, RTE_DIM(kinds))]
					 : (uint8_t)(2 + hr_rng_below(&rng, 10));
		if (round % 2 == 0 && len >= sizeof(ts)) {
			if (round % 4 == 0)
				len = sizeof(ts);
			memcpy(opt, ts, sizeof(ts));
			if (round % 3 == 0)
				opt[hr_rng_below(&rng, 12)] ^=
					(uint8_t)(1u << hr_rng_below(&rng, 8));
		}
		fast += len == 12 && memcmp(opt, ts, 4) == 0;
		assert_int_equal(parse_options(opt, len, 0, &s), DROP_NONE);
		hr_tcp_options_parse(opt, len, 20, &slow);
		same_options(&s, &slow);
		pkt_free(s.m);
	}
	assert_in_range(fast, 5000, 15000);
}

/* The shortcut for a SYN as Linux makes it, too: a bit or two of it turned, sometimes cut short. */
static void syn_fast_path_agrees(void **state)
{
	static const uint8_t linux_syn[20] = {
		2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};
	const uint64_t seed = 20261122;
	struct hr_rng rng;
	unsigned all = 0;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned len = round % 10 == 0 ? 4 * hr_rng_below(&rng, 6) : sizeof(linux_syn);
		struct tcp_seg s, slow = {0};
		uint8_t opt[20];

		memcpy(opt, linux_syn, sizeof(opt));
		if (round % 7 == 0) /* an MSS of 0, a shift above 14 */
			opt[2] = opt[3] = 0;
		opt[19] = (uint8_t)hr_rng_u64(&rng);
		for (unsigned n = hr_rng_below(&rng, 3); n > 0; n--)
			opt[hr_rng_below(&rng, 20)] ^= (uint8_t)(1u << hr_rng_below(&rng, 8));
		assert_int_equal(parse_options(opt, len, 0, &s), DROP_NONE);
		hr_tcp_options_parse(opt, len, 20, &slow);
		same_options(&s, &slow);
		all += s.opts == (TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE);
		pkt_free(s.m);
	}
	assert_in_range(all, 5000, 19000);
}

static void writes(const struct tcp_out *o, const char *hex)
{
	struct pkt want = {.n = 0};
	uint8_t got[60];

	print_message("%s\n", hex);
	pkt_hex(&want, hex);
	assert_int_equal(hr_tcp_header_write(got, o, 40000, 80), want.n);
	assert_memory_equal(got, want.b, want.n);
	assert_int_equal(hr_tcp_options_len(o), want.n - 20);
}

static void headers_as_linux_writes_them(void **state)
{
	struct tcp_out o = {
		.seq = 0x01020304,
		.ack = 0x05060708,
		.tsval = 0x0a0b0c0d,
		.tsecr = 0x0e0f1011,
		.wnd = 64240,
		.urg = 5,
		.mss_opt = 1460,
		.wscale = 7,
		.flags = TCPF_SYN,
		.sack = {{0x10, 0x20}, {0x30, 0x40}, {0x50, 0x60}, {0x70, 0x80}},
	};

	/* Without the ACK and URG flags their fields are 0. */
	o.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 a002 faf0 0000 0000 020405b4 0402080a 0a0b0c0d "
		   "0e0f1011 01030307");
	o.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 8002 faf0 0000 0000 020405b4 01010402 01030307");
	o.opts = TCPO_MSS | TCPO_TS | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 a002 faf0 0000 0000 020405b4 0101080a 0a0b0c0d "
		   "0e0f1011 01030307");
	o.opts = TCPO_MSS;
	o.flags = TCPF_SYN | TCPF_ACK | TCPF_ECE;
	writes(&o, "9c40 0050 01020304 05060708 6052 faf0 0000 0000 020405b4");

	o.flags = TCPF_ACK | TCPF_PSH | TCPF_URG;
	o.opts = 0;
	writes(&o, "9c40 0050 01020304 05060708 5038 faf0 0000 0005");
	o.opts = TCPO_TS;
	o.flags = TCPF_ACK | TCPF_FIN | TCPF_CWR;
	writes(&o, "9c40 0050 01020304 05060708 8091 faf0 0000 0000 0101080a 0a0b0c0d 0e0f1011");
	o.flags = TCPF_ACK;
	o.opts = TCPO_TS | TCPO_SACK;
	o.sack_n = 1;
	writes(&o, "9c40 0050 01020304 05060708 b010 faf0 0000 0000 0101080a 0a0b0c0d 0e0f1011"
		   "0101050a 00000010 00000020");
	/* Three blocks fit beside timestamps; the fourth, the oldest, is left out. */
	o.sack_n = 4;
	writes(&o, "9c40 0050 01020304 05060708 f010 faf0 0000 0000 0101080a 0a0b0c0d 0e0f1011"
		   "0101051a 00000010 00000020 00000030 00000040 00000050 00000060");
	o.opts = TCPO_SACK;
	writes(&o,
		"9c40 0050 01020304 05060708 e010 faf0 0000 0000"
		"01010522 00000010 00000020 00000030 00000040 00000050 00000060 00000070 00000080");
	o.sack_n = 0;
	writes(&o, "9c40 0050 01020304 05060708 5010 faf0 0000 0000");
	o.flags = TCPF_RST;
	o.opts = 0;
	o.wnd = 0;
	writes(&o, "9c40 0050 01020304 00000000 5004 0000 0000 0000");
}

/* The layouts of tcp_addoptions() in FreeBSD's tcp_output.c. */
static void headers_as_freebsd_writes_them(void **state)
{
	struct tcp_out o = {
		.seq = 0x01020304,
		.ack = 0x05060708,
		.tsval = 0x0a0b0c0d,
		.tsecr = 0x0e0f1011,
		.wnd = 65535,
		.mss_opt = 1460,
		.wscale = 6,
		.flags = TCPF_SYN,
		.syn_order = HR_SYN_FREEBSD,
	};

	o.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 a002 ffff 0000 0000 020405b4 01030306 0402080a "
		   "0a0b0c0d 0e0f1011");
	o.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 8002 ffff 0000 0000 020405b4 01030306 04020000");
	o.opts = TCPO_MSS | TCPO_TS | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 a002 ffff 0000 0000 020405b4 01030306 0101080a "
		   "0a0b0c0d 0e0f1011");
	o.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_TS;
	writes(&o, "9c40 0050 01020304 00000000 9002 ffff 0000 0000 020405b4 0402080a 0a0b0c0d "
		   "0e0f1011");
	o.opts = TCPO_MSS | TCPO_WSCALE;
	writes(&o, "9c40 0050 01020304 00000000 7002 ffff 0000 0000 020405b4 01030306");
	o.opts = TCPO_MSS | TCPO_SACK_OK;
	writes(&o, "9c40 0050 01020304 00000000 7002 ffff 0000 0000 020405b4 04020000");
	o.opts = TCPO_MSS;
	writes(&o, "9c40 0050 01020304 00000000 6002 ffff 0000 0000 020405b4");
	/* All but the SYN are the same in both. */
	o.flags = TCPF_ACK;
	o.opts = TCPO_TS | TCPO_SACK;
	o.sack_n = 1;
	o.sack[0] = (struct tcp_sack){0x10, 0x20};
	writes(&o, "9c40 0050 01020304 05060708 b010 ffff 0000 0000 0101080a 0a0b0c0d 0e0f1011"
		   "0101050a 00000010 00000020");
}

/* RFC 5482 3: kind 28, length 4, a bit for minutes and 15 for the value. */
static void user_timeout_option(void **state)
{
	struct tcp_out o = {.wnd = 64240,
		.mss_opt = 1460,
		.wscale = 7,
		.flags = TCPF_SYN,
		.uto = 0x803c,
		.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_WSCALE | TCPO_UTO};

	writes(&o, "9c40 0050 00000000 00000000 9002 faf0 0000 0000 020405b4 01010402 01030307 "
		   "1c04803c");
	o.syn_order = HR_SYN_FREEBSD;
	writes(&o, "9c40 0050 00000000 00000000 9002 faf0 0000 0000 020405b4 01030307 04020101 "
		   "1c04803c");
	o.flags = TCPF_ACK;
	o.opts = TCPO_TS | TCPO_UTO;
	writes(&o, "9c40 0050 00000000 00000000 9010 faf0 0000 0000 0101080a 00000000 00000000 "
		   "1c04803c");
}

/* Every combination of options and blocks comes back as it was written. */
static void round_trip(void **state)
{
	const uint64_t seed = 7;
	struct hr_rng rng;

	print_message("seed %lu\n", (unsigned long)seed);
	hr_rng_seed(&rng, seed);
	for (unsigned i = 0; i < 64 * 5 * 256; i++) {
		unsigned n = i / 64 % 5, len, fit;
		uint8_t buf[60];
		struct tcp_seg s;
		struct tcp_out o = {
			.seq = (uint32_t)hr_rng_u64(&rng),
			.ack = (uint32_t)hr_rng_u64(&rng),
			.tsval = (uint32_t)hr_rng_u64(&rng),
			.tsecr = (uint32_t)hr_rng_u64(&rng),
			.wnd = (uint16_t)hr_rng_u64(&rng),
			.urg = (uint16_t)hr_rng_u64(&rng),
			.mss_opt = (uint16_t)(1 + hr_rng_below(&rng, 65535)),
			.wscale = (uint8_t)hr_rng_below(&rng, 15),
			.uto = (uint16_t)(1 + hr_rng_below(&rng, 32767)),
			.syn_order = (uint8_t)hr_rng_below(&rng, HR_SYN_COUNT),
			.flags = (uint8_t)(i / 320),
			.opts = i % 64,
			.sack_n = (uint8_t)n,
		};

		for (unsigned k = 0; k < n; k++)
			o.sack[k] = (struct tcp_sack){
				(uint32_t)hr_rng_u64(&rng), (uint32_t)hr_rng_u64(&rng)};
		len = hr_tcp_header_write(buf, &o, 1, 65535);
		assert_in_range(len, 20, 60);
		struct rte_mbuf *m = pkt_mbuf(buf, len, NULL, 0);
		assert_int_equal(hr_tcp_parse(m, 0, (uint16_t)len, &s), DROP_NONE);
		fit = s.sack_n;
		assert_int_equal(s.seq, o.seq);
		assert_int_equal(s.ack, o.flags & TCPF_ACK ? o.ack : 0);
		assert_int_equal(s.urg, o.flags & TCPF_URG ? o.urg : 0);
		assert_int_equal(s.wnd, o.wnd);
		assert_int_equal(s.flags, o.flags);
		assert_int_equal(s.sport, 1);
		assert_int_equal(s.dport, 65535);
		assert_int_equal(s.payload_len, 0);
		assert_int_equal(s.opts & ~TCPO_SACK, o.opts & ~TCPO_SACK);
		assert_int_equal(s.mss, o.opts & TCPO_MSS ? o.mss_opt : 0);
		assert_int_equal(s.wscale, o.opts & TCPO_WSCALE ? o.wscale : 0);
		assert_int_equal(s.uto, o.opts & TCPO_UTO ? o.uto : 0);
		assert_int_equal(s.tsval, o.opts & TCPO_TS ? o.tsval : 0);
		assert_int_equal(s.tsecr, o.opts & TCPO_TS ? o.tsecr : 0);
		/* All that was asked for, or the header has no room for one block more. */
		if (o.opts & TCPO_SACK)
			assert_true(fit == n || (fit < n && len + (fit == 0 ? 12 : 8) > 60));
		else
			assert_int_equal(fit, 0);
		for (unsigned k = 0; k < fit; k++) {
			assert_int_equal(hr_seg_sack(&s, k).left, o.sack[k].left);
			assert_int_equal(hr_seg_sack(&s, k).right, o.sack[k].right);
		}
		pkt_free(m);
	}
}

/* MUST-68, MUST-69: of what we write, each option but NOP has a length that stays in the header;
 * there is no End of List, so nothing stands behind one. */
static void written_options_are_sound(void **state)
{
	for (unsigned opts = 0; opts < 32; opts++) {
		for (uint8_t n = 0; n <= 4; n++) {
			struct tcp_out o = {.flags = TCPF_ACK, .opts = (uint8_t)opts, .sack_n = n};
			uint8_t buf[60];
			unsigned len = hr_tcp_header_write(buf, &o, 1, 2), i = 20;

			assert_int_equal(len, (buf[12] >> 4) * 4u);
			while (i < len) {
				assert_int_not_equal(buf[i], 0);
				if (buf[i] == 1) {
					i++;
					continue;
				}
				assert_true(i + 1 < len);
				assert_true(buf[i + 1] >= 2);
				i += buf[i + 1];
			}
			assert_int_equal(i, len);
		}
	}
}

/* BUG-19: hr_tcp_parse() on its own trusts no length it is given. */
static void lengths_are_checked(void **state)
{
	struct pkt p = {.n = 0};
	struct rte_mbuf *m;
	struct tcp_seg s;
	unsigned cut = 19;

	pkt_hex(&p, TCP);
	m = pkt_mbuf(p.b, p.n, NULL, 0);
	assert_int_equal(hr_tcp_parse(m, 0, 20, &s), DROP_NONE);
	assert_int_equal(hr_tcp_parse(m, 0, 19, &s), DROP_tcp_short);
	assert_int_equal(hr_tcp_parse(m, 0, 21, &s), DROP_tcp_short);
	assert_int_equal(hr_tcp_parse(m, 1, 20, &s), DROP_tcp_short);
	pkt_free(m);
	m = pkt_mbuf(p.b, p.n, &cut, 1);
	assert_int_equal(hr_tcp_parse(m, 0, 20, &s), DROP_short_frame);
	pkt_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(sequence_length),
		cmocka_unit_test(every_length),
		cmocka_unit_test(fast_path_agrees),
		cmocka_unit_test(syn_fast_path_agrees),
		cmocka_unit_test(headers_as_linux_writes_them),
		cmocka_unit_test(headers_as_freebsd_writes_them),
		cmocka_unit_test(user_timeout_option),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(written_options_are_sound),
		cmocka_unit_test(lengths_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
