/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front door for received frames: Ethernet, then the IP parsers, then the L4 checksum and the
 * TCP parser. It decides kind and drop reason; what to do with ARP, ICMP and UDP, and whether an
 * address is ours, is the ip layer's business.
 */
#include "proto/internal.h"

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

/*
 * RFC 9293 MUST-57: a segment to a broadcast or multicast address is discarded silently. A
 * link-layer group address means the same (RFC 1122 3.3.6). Subnet broadcasts are known to the ip
 * layer only.
 */
static bool to_group(const struct hr_frame *f)
{
	if (f->l2_group)
		return true;
	if (f->family == 6)
		return f->dst[0] == 0xff;
	/* 224.0.0.0/4 and 255.255.255.255 */
	return f->dst[0] >> 4 == 0xe || hr_load_be32(f->dst) == UINT32_MAX;
}

static enum hr_drop parse_tcp(struct rte_mbuf *m, struct hr_frame *f, struct tcp_seg *s)
{
	uint64_t l4_cksum = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	enum hr_drop d;

	if (to_group(f))
		return DROP_ip_broadcast;
	if (f->l4_len < sizeof(struct rte_tcp_hdr))
		return DROP_tcp_short;
	/* Two bits make four states: GOOD and BAD are single bits, NONE is both, so compare under
	 * the mask. */
	if (l4_cksum == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return DROP_tcp_checksum;
	if (l4_cksum != RTE_MBUF_F_RX_L4_CKSUM_GOOD && hr_l4_sum(m, f) != 0xffff)
		return DROP_tcp_checksum;
	d = hr_tcp_parse(m, f->l4_off, f->l4_len, s);
	if (unlikely(d != DROP_NONE))
		return d;
	s->tos = f->tos;
	s->ttl = f->ttl;
	s->l3_off = f->l3_off;
	s->family = f->family;
	return DROP_NONE;
}

static enum hr_drop parse_l4(struct rte_mbuf *m, struct hr_frame *f, struct tcp_seg *s)
{
	if (likely(f->proto == IPPROTO_TCP)) {
		f->kind = HR_FRAME_TCP;
		return parse_tcp(m, f, s);
	}
	if (f->proto == IPPROTO_UDP)
		f->kind = HR_FRAME_UDP;
	else if (f->family == 4 && f->proto == IPPROTO_ICMP)
		f->kind = HR_FRAME_ICMP4;
	else if (f->family == 6 && f->proto == IPPROTO_ICMPV6)
		f->kind = HR_FRAME_ICMP6;
	else
		f->kind = HR_FRAME_OTHER;
	return DROP_NONE;
}

/* Length only: what the packet says is the ip layer's business. */
static enum hr_drop parse_arp(const struct rte_mbuf *m, struct hr_frame *f)
{
	f->kind = HR_FRAME_ARP;
	if (m->pkt_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_arp_hdr))
		return DROP_arp_bad;
	if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_arp_hdr))
		return DROP_short_frame;
	return DROP_NONE;
}

enum hr_drop hr_frame_parse_any(
	struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s)
{
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *);
	enum hr_drop d;

	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN))
		return DROP_short_frame;
	*f = (struct hr_frame){.l3_off = RTE_ETHER_HDR_LEN, .l2_group = eth[0] & 1};
	if (!f->l2_group && memcmp(eth, mac, RTE_ETHER_ADDR_LEN) != 0)
		return DROP_not_our_mac;
	f->src_mac = eth + RTE_ETHER_ADDR_LEN;

	switch (hr_load_be16(eth + 2 * RTE_ETHER_ADDR_LEN)) {
	case RTE_ETHER_TYPE_IPV4:
		d = hr_ip4_parse(m, f);
		break;
	case RTE_ETHER_TYPE_IPV6:
		d = hr_ip6_parse(m, f);
		break;
	case RTE_ETHER_TYPE_ARP:
		return parse_arp(m, f);
	default: /* a VLAN tag too: tags are stripped by the NIC or are not for us */
		return DROP_ethertype;
	}
	return likely(d == DROP_NONE) ? parse_l4(m, f, s) : d;
}

enum hr_drop hr_frame_parse(
	struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s)
{
	return likely(hr_usual_frame(m, mac, f, s)) ? DROP_NONE : hr_frame_parse_any(m, mac, f, s);
}

unsigned hr_eth_write(uint8_t *p, const uint8_t dst[6], const uint8_t src[6], uint16_t ethertype)
{
	memcpy(p, dst, RTE_ETHER_ADDR_LEN);
	memcpy(p + RTE_ETHER_ADDR_LEN, src, RTE_ETHER_ADDR_LEN);
	hr_store_be16(p + 2 * RTE_ETHER_ADDR_LEN, ethertype);
	return RTE_ETHER_HDR_LEN;
}
