/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checksum engine of a wire that was opened with caps=csum: fills in on the sender's side what
 * ol_flags ask for, and judges frames on the receiver's. Frames lie in one piece in their slot.
 */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "proto/internal.h"
#include "wire/wire.h"

/* Over l4 and the pseudo-header, with the field as it is: RFC 9293 3.1, RFC 8200 8.1. */
static uint16_t l4_sum(const void *ip, bool ip4, const void *l4)
{
	const struct rte_ipv4_hdr *h4 = ip;
	const struct rte_ipv6_hdr *h6 = ip;
	uint16_t total = ip4 ? rte_be_to_cpu_16(h4->total_length) : 0;
	uint16_t len = !ip4                           ? rte_be_to_cpu_16(h6->payload_len)
		       : total > rte_ipv4_hdr_len(h4) ? (uint16_t)(total - rte_ipv4_hdr_len(h4))
						      : 0;
	uint64_t sum = ip4 ? hr_sum_bytes((const uint8_t *)&h4->src_addr, 8)
			   : hr_sum_bytes(h6->src_addr, 32);

	sum += rte_cpu_to_be_16(len);
	sum += rte_cpu_to_be_16(ip4 ? h4->next_proto_id : h6->proto);
	return hr_sum_fold(sum + hr_sum_bytes(l4, len));
}

bool hr_wire_checksum_write(uint8_t *frame, const struct rte_mbuf *m)
{
	uint64_t l4_kind = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	bool tcp = l4_kind == RTE_MBUF_F_TX_TCP_CKSUM || (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	bool ip4 = m->ol_flags & RTE_MBUF_F_TX_IPV4;
	void *ip = frame + m->l2_len, *l4 = frame + m->l2_len + m->l3_len;
	rte_be16_t *field = NULL;

	if (tcp)
		field = &((struct rte_tcp_hdr *)l4)->cksum;
	else if (l4_kind == RTE_MBUF_F_TX_UDP_CKSUM)
		field = &((struct rte_udp_hdr *)l4)->dgram_cksum;
	if (field != NULL) {
		*field = 0;
		*field = (uint16_t)~l4_sum(ip, ip4, l4);
		if (*field == 0 && !tcp) /* RFC 768: 0 says that there is none */
			*field = UINT16_MAX;
	}
	if (ip4 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)) {
		struct rte_ipv4_hdr *h = ip;

		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
	return field != NULL && (!ip4 || (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM));
}

/* Is there a whole TCP or UDP header in len bytes? A UDP checksum of 0 over IPv4 says nothing (RFC
 * 768). */
static bool l4_verifiable(uint8_t proto, const uint8_t *l4, uint32_t len, bool ip4)
{
	if (proto == IPPROTO_TCP)
		return len >= sizeof(struct rte_tcp_hdr);
	return proto == IPPROTO_UDP && len >= sizeof(struct rte_udp_hdr) &&
	       !(ip4 && ((const struct rte_udp_hdr *)l4)->dgram_cksum == 0);
}

/* sum: with the received checksum in place. */
static uint64_t l4_verdict(uint16_t sum)
{
	return sum == 0xffff ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

static uint64_t verify4(const uint8_t *frame, uint32_t len)
{
	const struct rte_ipv4_hdr *ip = (const void *)frame;
	uint64_t flags;

	if (len < sizeof(*ip) || rte_ipv4_hdr_len(ip) < sizeof(*ip) || rte_ipv4_hdr_len(ip) > len)
		return 0;
	uint32_t header = rte_ipv4_hdr_len(ip), total = rte_be_to_cpu_16(ip->total_length);

	if (rte_raw_cksum(ip, header) != 0xffff)
		return RTE_MBUF_F_RX_IP_CKSUM_BAD;
	flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	if (total > len || total < header ||
		(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) ||
		!l4_verifiable(ip->next_proto_id, frame + header, total - header, true))
		return flags;
	return flags | l4_verdict(l4_sum(ip, true, frame + header));
}

static uint64_t verify6(const uint8_t *frame, uint32_t len)
{
	const struct rte_ipv6_hdr *ip = (const void *)frame;

	if (len < sizeof(*ip) || rte_be_to_cpu_16(ip->payload_len) > len - sizeof(*ip) ||
		!l4_verifiable(
			ip->proto, frame + sizeof(*ip), rte_be_to_cpu_16(ip->payload_len), false))
		return 0;
	return l4_verdict(l4_sum(ip, false, frame + sizeof(*ip)));
}

uint64_t hr_wire_checksum_verify(const uint8_t *frame, uint32_t len)
{
	const struct rte_ether_hdr *eth = (const void *)frame;

	if (len < sizeof(*eth))
		return 0;
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return verify4(frame + sizeof(*eth), len - (uint32_t)sizeof(*eth));
	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return verify6(frame + sizeof(*eth), len - (uint32_t)sizeof(*eth));
	return 0;
}
