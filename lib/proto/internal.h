/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of proto/ share with each other and with their tests: loads that need no
 * alignment, the two IP parsers behind hr_frame_parse(), checksum pieces, and the general TCP
 * option parser behind the fast path.
 */
#ifndef HR_PROTO_INTERNAL_H
#define HR_PROTO_INTERNAL_H

#include <emmintrin.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "proto/frame.h"

/* IPv6 extension headers that one packet may carry (RFC 8504 5.3 lets a host set such a limit). */
#define HR_IP6_MAX_EXTENSIONS 8

/* In memory order: for comparing and summing. */
static __rte_always_inline uint32_t hr_load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __rte_always_inline uint64_t hr_load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __rte_always_inline uint16_t hr_load16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __rte_always_inline uint16_t hr_load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_16(v);
}

static __rte_always_inline uint32_t hr_load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

static __rte_always_inline void hr_store_be16(void *p, uint16_t v)
{
	v = rte_cpu_to_be_16(v);
	memcpy(p, &v, sizeof(v));
}

static __rte_always_inline void hr_store_be32(void *p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(p, &v, sizeof(v));
}

/*
 * Parse the IP header at f->l3_off: fills family, l4_off, l4_len, ttl, proto, tos, src, dst; leaves
 * kind alone. Addresses are judged too.
 */
enum hr_drop hr_ip4_parse(const struct rte_mbuf *m, struct hr_frame *f);
enum hr_drop hr_ip6_parse(const struct rte_mbuf *m, struct hr_frame *f);

/*
 * An extension header that can be stepped over (RFC 8200 4): hop-by-hop, destination options,
 * routing, fragment. hr_ip6_ext_len() needs two readable bytes.
 */
bool hr_ip6_is_ext(uint8_t proto);
unsigned hr_ip6_ext_len(uint8_t proto, const uint8_t *ext);

/* NOP NOP timestamps(10): all the options of nearly every segment (RFC 7323 appendix A). */
#define HR_NOP_NOP_TS     RTE_BE32(0x0101080a)
#define HR_NOP_NOP_TS_LEN 12u

/* MSS, SACK-permitted, timestamps, NOP, window scale: a SYN of Linux, and ours. Two variable bytes
 * in the first word, and the shift count in the last. */
#define HR_LINUX_SYN_LEN 20u
#define HR_SYN_MSS       0x0204u
#define HR_SYN_SACK_TS   RTE_BE32(0x0402080a)
#define HR_SYN_WSCALE    0x010303u

/* hr_frame_parse() for the usual frames; false: it is another one, and nothing is known of it. */
bool hr_usual_frame(
	struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s);
/* len bytes of options at p when they are those that nearly all segments have; false: others, and
 * nothing was taken. Agrees with the general parser. */
bool hr_tcp_usual_options(const uint8_t *p, unsigned len, struct tcp_seg *s);

/*
 * One's complement sum, not folded, in memory order: 2^16 = 1 modulo 0xffff, so wider words may be
 * added as they are (RFC 1071 2(B), 2(C)). Lanes of 64 bits that add words of 32 cannot overflow.
 */
static inline uint64_t hr_sum_short(const uint8_t *p, size_t len)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i acc = zero;
	uint64_t sum;

	for (; len >= 16; p += 16, len -= 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)p);

		acc = _mm_add_epi64(acc, _mm_unpacklo_epi32(x, zero));
		acc = _mm_add_epi64(acc, _mm_unpackhi_epi32(x, zero));
	}
	sum = (uint64_t)_mm_cvtsi128_si64(acc) +
	      (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(acc, 8));
	if (len & 8) {
		sum += (uint64_t)hr_load32(p) + hr_load32(p + 4);
		p += 8;
	}
	if (len & 4) {
		sum += hr_load32(p);
		p += 4;
	}
	if (len & 2) {
		sum += hr_load16(p);
		p += 2;
	}
	return len & 1 ? sum + *p : sum;
}

/* The same with AVX2, where the CPU has it and the length is worth the call. */
#define HR_SUM_LONG 128u
uint64_t hr_sum_long(const uint8_t *p, size_t len);

static inline uint64_t hr_sum_bytes(const uint8_t *p, size_t len)
{
	if (len >= HR_SUM_LONG && __builtin_cpu_supports("avx2"))
		return hr_sum_long(p, len);
	return hr_sum_short(p, len);
}

static __rte_always_inline uint16_t hr_sum_fold(uint64_t sum)
{
	/* 2^32 and 2^16 are both 1: halves onto each other, carries come back in at the bottom. */
	uint32_t half = (uint32_t)sum, upper = (uint32_t)(sum >> 32), low;

	half += upper;
	half += half < upper;
	low = half << 16;
	half += low;
	return (uint16_t)((half >> 16) + (half < low));
}

/* Over an IPv4 header without options: 0xffff when a received one is good. */
static __rte_always_inline uint16_t hr_ip4_sum(const void *hdr)
{
	const uint8_t *p = hdr;

	return hr_sum_fold((uint64_t)hr_load32(p) + hr_load32(p + 4) + hr_load32(p + 8) +
			   hr_load32(p + 12) + hr_load32(p + 16));
}

/* One's complement sum of len bytes at off over all segments, folded to 16 bits, not complemented.
 */
uint16_t hr_raw_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len);
/* The same over L4 with the pseudo-header that proto asks for: 0xffff when a received checksum is
 * good. */
uint16_t hr_l4_sum(const struct rte_mbuf *m, const struct hr_frame *f);

/* The general option parser; p is `off` bytes from the data start. Sets opts and the option values
 * of s only. */
void hr_tcp_options_parse(const uint8_t *p, unsigned len, unsigned off, struct tcp_seg *s);

#endif
