/* SPDX-License-Identifier: BSD-3-Clause */
/* The one-pass parser and writer of usual frames against the general ones: the same verdicts,
 * values and bytes for frames that are usual, nearly usual and broken. */
#include "packet.h"

#include <netinet/in.h>
#include <stdlib.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/rng.h"

static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};

static struct tcp_out random_out(struct hr_rng *rng)
{
	struct tcp_out o = {
		.seq = (uint32_t)hr_rng_u64(rng),
		.ack = (uint32_t)hr_rng_u64(rng),
		.tsval = (uint32_t)hr_rng_u64(rng),
		.tsecr = (uint32_t)hr_rng_u64(rng),
		.wnd = (uint16_t)hr_rng_u64(rng),
		.flags = (uint8_t)(hr_rng_u64(rng) & ~(uint64_t)TCPF_URG),
		.opts = hr_rng_below(rng, 2) ? TCPO_TS : 0,
		.ttl = (uint8_t)hr_rng_u64(rng),
		.tos = (uint8_t)hr_rng_u64(rng),
	};

	if (hr_rng_below(rng, 4) == 0) {
		o.opts = TCPO_MSS | TCPO_TS | TCPO_SACK_OK | TCPO_WSCALE;
		o.mss_opt = (uint16_t)hr_rng_u64(rng);
		o.wscale = (uint8_t)hr_rng_below(rng, 20);
	}
	assert_true(hr_usual_out(&o));
	/* Sums whose carries run through to the end. */
	if (hr_rng_below(rng, 4) == 0)
		o.seq = o.ack = o.tsval = UINT32_MAX;
	return o;
}

/* A packet that consists of payload so far, with room for headers in front. */
struct draft {
	struct rte_mbuf m;
	uint8_t buf[RTE_PKTMBUF_HEADROOM + 1500];
};

static void draft(struct draft *d, const uint8_t *bytes, unsigned len)
{
	memset(&d->m, 0, sizeof(d->m));
	d->m.buf_addr = d->buf;
	d->m.buf_len = sizeof(d->buf);
	d->m.data_off = RTE_PKTMBUF_HEADROOM;
	d->m.nb_segs = 1;
	d->m.data_len = (uint16_t)len;
	d->m.pkt_len = len;
	memcpy(rte_pktmbuf_mtod(&d->m, void *), bytes, len);
}

/* As the engine builds what is not usual. */
static void write_plain(struct rte_mbuf *m, uint32_t src, uint32_t dst, uint16_t sport,
	uint16_t dport, const struct tcp_out *o)
{
	uint16_t len = (uint16_t)(sizeof(struct rte_tcp_hdr) + hr_tcp_options_len(o)), sum;
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, len);

	hr_tcp_header_write(p, o, sport, dport);
	p = (uint8_t *)rte_pktmbuf_prepend(m, sizeof(struct rte_ipv4_hdr));
	hr_ip4_write(p, src, dst, IPPROTO_TCP, o->ttl, o->tos, 0, (uint16_t)m->pkt_len);
	sum = hr_l4_checksum(m, 0, sizeof(struct rte_ipv4_hdr));
	memcpy(p + sizeof(struct rte_ipv4_hdr) + 16, &sum, sizeof(sum));
	memcpy(rte_pktmbuf_prepend(m, sizeof(l2)), l2, sizeof(l2));
}

static void test_write(void **state)
{
	struct hr_rng rng;
	uint8_t bytes[1460];

	hr_rng_seed(&rng, 20261130);
	for (unsigned i = 0; i < 50000; i++) {
		struct tcp_out o = random_out(&rng);
		unsigned len = hr_rng_below(&rng, i % 16 == 0 ? sizeof(bytes) : 70);
		uint32_t src = (uint32_t)hr_rng_u64(&rng), dst = (uint32_t)hr_rng_u64(&rng);
		uint16_t sport = (uint16_t)hr_rng_u64(&rng), dport = (uint16_t)hr_rng_u64(&rng);
		struct draft a, b;

		for (unsigned k = 0; k < len; k++)
			bytes[k] = i % 8 == 0 ? 0xff : (uint8_t)hr_rng_u64(&rng);
		draft(&a, bytes, len);
		draft(&b, bytes, len);
		hr_usual_write(&a.m, l2, src, dst, sport, dport, &o);
		write_plain(&b.m, src, dst, sport, dport, &o);
		assert_int_equal(a.m.pkt_len, b.m.pkt_len);
		assert_int_equal(a.m.data_len, b.m.data_len);
		assert_memory_equal(rte_pktmbuf_mtod(&a.m, void *), rte_pktmbuf_mtod(&b.m, void *),
			a.m.data_len);
	}
}

static void write_plain6(struct rte_mbuf *m, const uint8_t src[16], const uint8_t dst[16],
	uint32_t label, uint16_t sport, uint16_t dport, const struct tcp_out *o)
{
	uint16_t len = (uint16_t)(sizeof(struct rte_tcp_hdr) + hr_tcp_options_len(o)), sum;
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, len);
	uint16_t payload_len = (uint16_t)m->pkt_len;

	hr_tcp_header_write(p, o, sport, dport);
	p = (uint8_t *)rte_pktmbuf_prepend(m, sizeof(struct rte_ipv6_hdr));
	hr_ip6_write(p, src, dst, IPPROTO_TCP, o->ttl, o->tos, label, payload_len);
	sum = hr_l4_checksum(m, 0, sizeof(struct rte_ipv6_hdr));
	memcpy(p + sizeof(struct rte_ipv6_hdr) + 16, &sum, sizeof(sum));
	memcpy(rte_pktmbuf_prepend(m, sizeof(l2)), l2, sizeof(l2));
}

static void test_write6(void **state)
{
	struct hr_rng rng;
	uint8_t bytes[1440];

	hr_rng_seed(&rng, 20261201);
	for (unsigned i = 0; i < 50000; i++) {
		struct tcp_out o = random_out(&rng);
		unsigned len = hr_rng_below(&rng, i % 16 == 0 ? sizeof(bytes) : 70);
		uint32_t label = hr_rng_below(&rng, 1u << 20);
		uint16_t sport = (uint16_t)hr_rng_u64(&rng), dport = (uint16_t)hr_rng_u64(&rng);
		uint8_t addresses[32];
		struct draft a, b;

		for (unsigned k = 0; k < len; k++)
			bytes[k] = i % 8 == 0 ? 0xff : (uint8_t)hr_rng_u64(&rng);
		for (unsigned k = 0; k < sizeof(addresses); k++)
			addresses[k] = i % 8 == 1 ? 0xff : (uint8_t)hr_rng_u64(&rng);
		draft(&a, bytes, len);
		draft(&b, bytes, len);
		hr_usual_write6(&a.m, l2, addresses, addresses + 16, label, sport, dport, &o);
		write_plain6(&b.m, addresses, addresses + 16, label, sport, dport, &o);
		assert_int_equal(a.m.pkt_len, b.m.pkt_len);
		assert_int_equal(a.m.data_len, b.m.data_len);
		assert_memory_equal(rte_pktmbuf_mtod(&a.m, void *), rte_pktmbuf_mtod(&b.m, void *),
			a.m.data_len);
	}
}

/* Both parsers on the same frame. */
static bool agree(struct rte_mbuf *m)
{
	struct hr_frame f, g;
	struct tcp_seg s, t;
	enum hr_drop why;

	memset(&f, 0, sizeof(f));
	memset(&g, 0, sizeof(g));
	memset(&s, 0, sizeof(s));
	memset(&t, 0, sizeof(t));
	if (!hr_usual_frame(m, our_mac, &f, &s))
		return false;
	why = hr_frame_parse_any(m, our_mac, &g, &t);
	assert_int_equal(why, DROP_NONE);
	assert_memory_equal(&f, &g, sizeof(f));
	assert_memory_equal(&s, &t, sizeof(s));
	return true;
}

/* Nearly all options of SYNs and others. */
static void random_frame(struct hr_rng *rng, struct draft *d)
{
	static const uint32_t hosts[] = {RTE_BE32(0xc6120001), RTE_BE32(0xc6120102),
		RTE_BE32(0x01020304), RTE_BE32(0xdfffffff), RTE_BE32(0x7f000001), 0, UINT32_MAX,
		RTE_BE32(0xe0000001)};
	unsigned odd = hr_rng_below(rng, 8);
	struct tcp_out o = random_out(rng);
	uint8_t bytes[64];

	for (unsigned k = 0; k < sizeof(bytes); k++)
		bytes[k] = (uint8_t)hr_rng_u64(rng);
	if (odd == 2) {
		o.opts |= TCPO_SACK;
		o.sack_n = 1;
	}
	draft(d, bytes, hr_rng_below(rng, sizeof(bytes)));
	write_plain(&d->m, hosts[hr_rng_below(rng, odd == 3 ? 8 : 3)],
		hosts[hr_rng_below(rng, odd == 4 ? 8 : 3)],
		(uint16_t)(1 + hr_rng_below(rng, 65535)), (uint16_t)(1 + hr_rng_below(rng, 65535)),
		&o);
}

/* Change a byte of the headers, half of the time with checksums that fit again. */
static void damage(struct hr_rng *rng, struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *ip = (void *)(p + 14);
	unsigned at = hr_rng_below(rng, 14 + 20 + 20 + 12);
	uint16_t sum;

	if (at >= m->data_len)
		return;
	p[at] ^= (uint8_t)(1u << hr_rng_below(rng, 8));
	if (hr_rng_below(rng, 2) || ip->version_ihl != 0x45 ||
		rte_be_to_cpu_16(ip->total_length) != m->data_len - 14)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	if (ip->next_proto_id != IPPROTO_TCP)
		return;
	memset(p + 14 + 20 + 16, 0, 2);
	sum = hr_l4_checksum(m, 14, 34);
	memcpy(p + 14 + 20 + 16, &sum, sizeof(sum));
}

static void test_parse(void **state)
{
	static const uint64_t marks[] = {0,
		RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		RTE_MBUF_F_RX_IP_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		RTE_MBUF_F_RX_L4_CKSUM_NONE};
	struct hr_rng rng;
	unsigned fast = 0;

	hr_rng_seed(&rng, 20261201);
	for (unsigned i = 0; i < 200000; i++) {
		struct rte_mbuf *m;
		struct draft d;

		random_frame(&rng, &d);
		if (i % 2)
			damage(&rng, &d.m);
		if (i % 5 == 0) /* padding of short frames, or cut off */
			d.m.data_len = (uint16_t)(d.m.data_len + (hr_rng_below(&rng, 2) ? 6 : -1));
		m = pkt_mbuf(rte_pktmbuf_mtod(&d.m, uint8_t *), d.m.data_len, NULL, 0);
		if (i % 7 == 0)
			m->ol_flags |= marks[hr_rng_below(&rng, RTE_DIM(marks))];
		fast += agree(m);
		pkt_free(m);
	}
	/* The usual frames must take the short way, or this tests nothing. */
	assert_in_range(fast, 60000, 150000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_write),
		cmocka_unit_test(test_write6), cmocka_unit_test(test_parse)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
