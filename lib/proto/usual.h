/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The headers of usual segments, made from values that are in registers: part of its two callers,
 * hr_usual_write() and the engine's short way (engine/tx.c). Nothing that was just stored is read
 * again, checksums come from the values.
 */
#ifndef HR_PROTO_USUAL_H
#define HR_PROTO_USUAL_H

#include "proto/internal.h"

#include <rte_ether.h>
#include <rte_tcp.h>

/* What differs from one usual segment to the next. */
struct hr_usual {
	uint32_t ports;    /* the source's in the low half, host order */
	uint32_t seq, ack; /* ack 0 without its flag */
	uint16_t wnd;
	uint8_t flags; /* TCPF_* */
	uint8_t ttl, tos;
};

static __rte_always_inline void hr_store64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static __rte_always_inline void hr_store32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* NOP NOP timestamps at p; returns their sum. */
static __rte_always_inline uint64_t hr_usual_ts(
	uint8_t *p, uint32_t kind, uint32_t tsval, uint32_t tsecr)
{
	tsval = rte_cpu_to_be_32(tsval);
	tsecr = rte_cpu_to_be_32(tsecr);
	hr_store32(p, kind);
	hr_store64(p + 4, tsval | (uint64_t)tsecr << 32);
	return (uint64_t)kind + tsval + tsecr;
}

/* 14 bytes as two words that overlap. */
static __rte_always_inline void hr_usual_l2(uint8_t *eth, const uint8_t l2[RTE_ETHER_HDR_LEN])
{
	uint64_t low, high;

	memcpy(&low, l2, sizeof(low));
	memcpy(&high, l2 + RTE_ETHER_HDR_LEN - sizeof(high), sizeof(high));
	hr_store64(eth, low);
	hr_store64(eth + RTE_ETHER_HDR_LEN - sizeof(high), high);
}

/* The 20 fixed bytes of a TCP header of hdr_len bytes; sum: of all that is not in them. */
static __rte_always_inline void hr_usual_tcp(
	uint8_t *tcp, unsigned hdr_len, uint64_t sum, const struct hr_usual *u)
{
	uint32_t swapped = rte_cpu_to_be_32(u->ports), ports = swapped << 16 | swapped >> 16;
	uint32_t seq = rte_cpu_to_be_32(u->seq), ack = rte_cpu_to_be_32(u->ack);
	/* In memory order: header length, flags, window. */
	uint32_t rest =
		hdr_len << 2 | (uint32_t)u->flags << 8 | (uint32_t)rte_cpu_to_be_16(u->wnd) << 16;

	sum += (uint64_t)ports + seq + ack + rest;
	hr_store64(tcp, ports | (uint64_t)seq << 32);
	hr_store64(tcp + 8, ack | (uint64_t)rest << 32);
	hr_store32(tcp + 16, (uint16_t)~hr_sum_fold(sum));
}

/*
 * Ethernet, IPv4 and the fixed part of TCP, which begins at tcp; the segment has hdr_len bytes of
 * TCP header and len of payload. sum: of options and payload. Returns where the frame begins.
 */
static __rte_always_inline uint8_t *hr_usual_front(uint8_t *tcp, unsigned hdr_len, unsigned len,
	uint64_t sum, const uint8_t l2[RTE_ETHER_HDR_LEN], uint32_t src, uint32_t dst,
	const struct hr_usual *u)
{
	uint8_t *ip = tcp - sizeof(struct rte_ipv4_hdr), *eth = ip - RTE_ETHER_HDR_LEN;
	unsigned l4_len = hdr_len + len, total = (unsigned)sizeof(struct rte_ipv4_hdr) + l4_len;
	uint64_t addresses = (uint64_t)src + dst;
	/* Version and header length, TOS, length, no identification, DF. */
	uint32_t first = RTE_IPV4_VHL_DEF | (uint32_t)u->tos << 8 |
			 (uint32_t)rte_cpu_to_be_16((uint16_t)total) << 16;
	uint32_t second = RTE_BE32(RTE_IPV4_HDR_DF_FLAG);
	uint32_t third = u->ttl | (uint32_t)IPPROTO_TCP << 8;

	sum += addresses + RTE_BE16(IPPROTO_TCP) + rte_cpu_to_be_16((uint16_t)l4_len);
	hr_usual_tcp(tcp, hdr_len, sum, u);
	third |= (uint32_t)(uint16_t)~hr_sum_fold(addresses + first + second + third) << 16;
	hr_store64(ip, first | (uint64_t)second << 32);
	hr_store64(ip + 8, third | (uint64_t)src << 32);
	hr_store32(ip + 16, dst);
	hr_usual_l2(eth, l2);
	return eth;
}

/* The same for IPv6, with a flow label. */
static inline uint8_t *hr_usual_front6(uint8_t *tcp, unsigned hdr_len, unsigned len, uint64_t sum,
	const uint8_t l2[RTE_ETHER_HDR_LEN], const uint8_t src[16], const uint8_t dst[16],
	uint32_t label, const struct hr_usual *u)
{
	uint8_t *ip = tcp - sizeof(struct rte_ipv6_hdr), *eth = ip - RTE_ETHER_HDR_LEN;
	unsigned l4_len = hdr_len + len;
	uint32_t first = rte_cpu_to_be_32(6u << 28 | (uint32_t)u->tos << 20 | label);
	uint32_t second = rte_cpu_to_be_16((uint16_t)l4_len) | (uint32_t)IPPROTO_TCP << 16 |
			  (uint32_t)u->ttl << 24;

	for (unsigned i = 0; i < 16; i += 4)
		sum += (uint64_t)hr_load32(src + i) + hr_load32(dst + i);
	sum += RTE_BE16(IPPROTO_TCP) + rte_cpu_to_be_16((uint16_t)l4_len);
	hr_usual_tcp(tcp, hdr_len, sum, u);
	hr_store64(ip, first | (uint64_t)second << 32);
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, dst, 16);
	hr_usual_l2(eth, l2);
	return eth;
}

#endif
