/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071) over mbufs of any shape. It owns the arithmetic and the
 * pseudo-headers; whether a checksum has to be verified at all is the callers' business.
 *
 * DPDK's helpers are not enough here: rte_raw_cksum_mbuf() of 22.11 loses the carries of a segment
 * that starts at an odd offset, and the rte_ipv6_*_cksum() family takes protocol and length from
 * the fixed header, which is wrong behind extension headers.
 */
#include "proto/internal.h"

#include <immintrin.h>

#include <rte_ip.h>

/* Even and odd words of 32 bits go to lanes of their own: a shift and a mask are cheaper than
 * unpacking, and two sums of each do not wait for one another. */
__attribute__((target("avx2"))) uint64_t hr_sum_long(const uint8_t *p, size_t len)
{
	const __m256i low = _mm256_set1_epi64x(UINT32_MAX);
	__m256i even0 = _mm256_setzero_si256(), even1 = even0, odd0 = even0, odd1 = even0;
	uint64_t lane[4];

	for (; len >= 64; p += 64, len -= 64) {
		__m256i x = _mm256_loadu_si256((const __m256i *)p);
		__m256i y = _mm256_loadu_si256((const __m256i *)(p + 32));

		even0 = _mm256_add_epi64(even0, _mm256_and_si256(x, low));
		odd0 = _mm256_add_epi64(odd0, _mm256_srli_epi64(x, 32));
		even1 = _mm256_add_epi64(even1, _mm256_and_si256(y, low));
		odd1 = _mm256_add_epi64(odd1, _mm256_srli_epi64(y, 32));
	}
	even0 = _mm256_add_epi64(_mm256_add_epi64(even0, even1), _mm256_add_epi64(odd0, odd1));
	_mm256_storeu_si256((__m256i *)lane, even0);
	return lane[0] + lane[1] + lane[2] + lane[3] + hr_sum_short(p, len);
}

uint16_t hr_raw_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint32_t done = 0, n;
	uint64_t sum = 0;
	uint16_t part;

	if (likely(len <= m->data_len && off <= m->data_len - len))
		return hr_sum_fold(
			hr_sum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), len));
	for (; m != NULL && off >= m->data_len; m = m->next)
		off -= m->data_len;
	for (; m != NULL && done < len; m = m->next, off = 0) {
		n = RTE_MIN(m->data_len - off, len - done);
		part = hr_sum_fold(
			hr_sum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n));
		/* RFC 1071 2(B): a part that starts at an odd offset contributes with its bytes
		 * swapped. */
		sum += done & 1 ? rte_bswap16(part) : part;
		done += n;
	}
	must(done == len);
	return hr_sum_fold(sum);
}

/* RFC 9293 3.1 and RFC 8200 8.1: addresses, upper-layer length, zeros, protocol. */
static uint64_t pseudo_header_sum(const struct hr_frame *f)
{
	uint64_t sum;

	if (f->proto == IPPROTO_ICMP)
		return 0; /* RFC 792: ICMP has none */
	if (f->family == 4)
		sum = (uint64_t)hr_load32(f->src) + hr_load32(f->dst);
	else
		sum = hr_sum_bytes(f->src, 16) + hr_sum_bytes(f->dst, 16);
	return sum + rte_cpu_to_be_16(f->l4_len) + rte_cpu_to_be_16(f->proto);
}

uint16_t hr_l4_sum(const struct rte_mbuf *m, const struct hr_frame *f)
{
	return hr_sum_fold(pseudo_header_sum(f) + hr_raw_sum(m, f->l4_off, f->l4_len));
}

/* The protocol number behind the extension headers that end at l4_off. */
static uint8_t ip6_upper_proto(const uint8_t *ip, unsigned len)
{
	uint8_t proto = ip[6];
	unsigned off = sizeof(struct rte_ipv6_hdr), ext_len;

	while (off < len) {
		must(hr_ip6_is_ext(proto));
		ext_len = hr_ip6_ext_len(proto, ip + off);
		proto = ip[off];
		off += ext_len;
	}
	must(off == len);
	return proto;
}

uint16_t hr_l4_checksum(const struct rte_mbuf *m, uint16_t l3_off, uint16_t l4_off)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3_off);
	struct hr_frame f = {.l4_off = l4_off};
	unsigned hdr_len = l4_off - l3_off, total;

	must(l4_off <= m->data_len && hdr_len >= sizeof(struct rte_ipv4_hdr));
	if (ip[0] >> 4 == 4) {
		f.family = 4;
		f.proto = ip[9];
		f.src = ip + 12;
		f.dst = ip + 16;
		total = hr_load_be16(ip + 2);
	} else {
		must(hdr_len >= sizeof(struct rte_ipv6_hdr));
		f.family = 6;
		f.proto = ip6_upper_proto(ip, hdr_len);
		f.src = ip + 8;
		f.dst = ip + 24;
		total = sizeof(struct rte_ipv6_hdr) + hr_load_be16(ip + 4);
	}
	must(total >= hdr_len);
	f.l4_len = (uint16_t)(total - hdr_len);
	return (uint16_t)~hr_l4_sum(m, &f);
}
