/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire format alone: hr_frame_parse() of whole frames, in bursts of 64, and the headers of a
 * segment written. Frames are in the cache; "nic" means that ol_flags say the checksums are good,
 * the others are verified in software. Cycles per frame.
 */
#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "common/eal.h"
#include "proto/frame.h"

#define BURST 64

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t addr6[2][16] = {
	{0x20, 1, 0x0d, 0xb8, [15] = 1}, {0x20, 1, 0x0d, 0xb8, [15] = 2}};

/* A kind of frame; the options are those that both ends of a modern connection use. */
static const struct kind {
	const char *figure;
	uint8_t family, flags, opts;
	uint16_t payload;
	bool nic;
} kinds[] = {
	{"syn4", 4, TCPF_SYN, TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE, 0, false},
	{"ack4", 4, TCPF_ACK, TCPO_TS, 0, false},
	{"ack4_nic", 4, TCPF_ACK, TCPO_TS, 0, true},
	{"ack6", 6, TCPF_ACK, TCPO_TS, 0, false},
	{"ack6_nic", 6, TCPF_ACK, TCPO_TS, 0, true},
	{"data4", 4, TCPF_ACK | TCPF_PSH, TCPO_TS, 1448, false},
	{"data4_nic", 4, TCPF_ACK | TCPF_PSH, TCPO_TS, 1448, true},
};

static unsigned write_headers(uint8_t *p, const struct kind *k, uint32_t i)
{
	const struct tcp_out o = {.seq = i,
		.ack = i,
		.wnd = 500,
		.flags = k->flags,
		.opts = k->opts,
		.mss_opt = 1460,
		.wscale = 7,
		.tsval = i,
		.tsecr = i};
	unsigned l3 = RTE_ETHER_HDR_LEN, l4 = l3 + (k->family == 4 ? 20 : 40), tcp;

	tcp = hr_tcp_header_write(p + l4, &o, (uint16_t)(1024 + i), 80);
	if (k->family == 4) {
		hr_eth_write(p, our_mac, peer_mac, RTE_ETHER_TYPE_IPV4);
		hr_ip4_write(p + l3, htonl(0xc6120002), htonl(0xc6120001), IPPROTO_TCP, 64, 0, 0,
			(uint16_t)(20 + tcp + k->payload));
	} else {
		hr_eth_write(p, our_mac, peer_mac, RTE_ETHER_TYPE_IPV6);
		hr_ip6_write(p + l3, addr6[1], addr6[0], IPPROTO_TCP, 64, 0, 0,
			(uint16_t)(tcp + k->payload));
	}
	return l4 + tcp;
}

static struct rte_mbuf *make_frame(
	const struct bench *b, struct rte_mempool *pool, const struct kind *k, uint32_t i)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned headers, l4 = RTE_ETHER_HDR_LEN + (k->family == 4 ? 20 : 40);
	uint16_t sum;
	uint8_t *p;

	if (m == NULL)
		bench_die(b, "the pool is empty");
	p = rte_pktmbuf_mtod(m, uint8_t *);
	headers = write_headers(p, k, i);
	memset(p + headers, (int)i, k->payload);
	m->data_len = (uint16_t)(headers + k->payload);
	m->pkt_len = m->data_len;
	sum = hr_l4_checksum(m, RTE_ETHER_HDR_LEN, (uint16_t)l4);
	memcpy(p + l4 + 16, &sum, sizeof(sum));
	if (k->nic)
		m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}

static double measure_parse(
	const struct bench *b, struct rte_mempool *pool, const struct kind *k, unsigned bursts)
{
	struct rte_mbuf *m[BURST];
	struct hr_frame f[BURST];
	struct tcp_seg s[BURST];
	uint64_t start;

	for (uint32_t i = 0; i < BURST; i++)
		m[i] = make_frame(b, pool, k, i);
	start = bench_tsc();
	for (unsigned n = 0; n < bursts; n++)
		for (unsigned i = 0; i < BURST; i++)
			must(hr_frame_parse(m[i], our_mac, &f[i], &s[i]) == DROP_NONE);
	start = bench_tsc() - start;
	must(s[BURST - 1].payload_len == k->payload);
	rte_pktmbuf_free_bulk(m, BURST);
	return (double)start / bursts / BURST;
}

static double measure_write(const struct kind *k, unsigned bursts)
{
	uint8_t p[BURST][128];
	uint64_t start = bench_tsc();
	unsigned bytes = 0;

	for (unsigned n = 0; n < bursts; n++)
		for (uint32_t i = 0; i < BURST; i++)
			bytes += write_headers(p[i], k, i);
	must(bytes != 0);
	return (double)(bench_tsc() - start) / bursts / BURST;
}

static void one(struct bench *b)
{
	static struct rte_mempool *pool;
	unsigned bursts = b->quick ? 100 : 20000;

	if (pool == NULL) {
		bench_eal(b, 32);
		pool = test_pool(2047);
	}
	for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
		char name[32];

		bench_add(b, kinds[i].figure, "cycles", NULL, 0,
			measure_parse(b, pool, &kinds[i], bursts));
		if (kinds[i].nic)
			continue;
		snprintf(name, sizeof(name), "write_%s", kinds[i].figure);
		bench_add(b, name, "cycles", NULL, 0, measure_write(&kinds[i], bursts));
	}
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "parse", .max = 1};

	return bench_main(&b, argc, argv, one);
}
