/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 headers (RFC 791): parse with every length, the checksum, the options and the address
 * classes checked; write. Reassembly is nobody's yet: fragments are dropped by name. Whether the
 * destination is ours is left to the ip layer.
 */
#include "proto/internal.h"

#include <rte_ip.h>

/* RFC 791 3.1 option types: copied flag, class and number in one octet. */
#define OPT_EOL  0
#define OPT_NOP  1
#define OPT_LSRR 131
#define OPT_SSRR 137

/* RFC 1122 3.2.1.8: unknown options are ignored. RFC 7126 4.3, 4.4: source routes are refused. */
static enum hr_drop check_options(const uint8_t *p, unsigned len)
{
	while (len > 0) {
		if (p[0] == OPT_EOL)
			return DROP_NONE;
		if (p[0] == OPT_NOP) {
			p++;
			len--;
			continue;
		}
		if (p[0] == OPT_LSRR || p[0] == OPT_SSRR)
			return DROP_ip_source_route;
		if (len < 2 || p[1] < 2 || p[1] > len)
			return DROP_ip_header;
		len -= p[1];
		p += p[1];
	}
	return DROP_NONE;
}

static enum hr_drop check_checksum(
	const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip, unsigned len)
{
	uint64_t flags = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (flags == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		return DROP_NONE;
	if (flags == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		return DROP_ip_checksum;
	if ((likely(len == sizeof(*ip)) ? hr_ip4_sum(ip) : rte_raw_cksum(ip, len)) != 0xffff)
		return DROP_ip_checksum;
	return DROP_NONE;
}

/*
 * RFC 1122 3.2.1.3: the classes that are wrong on any subnet. (DPDK's RTE_IPV4_BROADCAST is
 * 224.0.0.0, and its multicast macro shifts into the sign bit: neither is used.)
 */
static enum hr_drop check_addresses(uint32_t src, uint32_t dst)
{
	if (src == RTE_IPV4_ANY || src == UINT32_MAX || src >> 24 == 127 || src >> 28 == 0xe)
		return DROP_ip_source;
	/* {127, any} must not appear outside a host. */
	if (dst >> 24 == 127)
		return DROP_ip_not_local;
	return DROP_NONE;
}

enum hr_drop hr_ip4_parse(const struct rte_mbuf *m, struct hr_frame *f)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, f->l3_off);
	uint32_t avail = m->pkt_len - f->l3_off;
	unsigned hdr_len, total;
	enum hr_drop d;

	if (avail < sizeof(*ip))
		return DROP_ip_short;
	if (m->data_len < f->l3_off + sizeof(*ip))
		return DROP_short_frame;
	if (ip->version_ihl >> 4 != 4)
		return DROP_ip_version;
	hdr_len = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (hdr_len < sizeof(*ip) || hdr_len > total)
		return DROP_ip_header;
	if (total > avail)
		return DROP_ip_short;
	if (m->data_len < f->l3_off + hdr_len)
		return DROP_short_frame;
	d = check_checksum(m, ip, hdr_len);
	if (d == DROP_NONE && unlikely(hdr_len > sizeof(*ip)))
		d = check_options((const uint8_t *)(ip + 1), hdr_len - sizeof(*ip));
	if (d != DROP_NONE)
		return d;
	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return DROP_ip_fragment;

	f->family = 4;
	f->l4_off = (uint16_t)(f->l3_off + hdr_len);
	f->l4_len = (uint16_t)(total - hdr_len);
	f->ttl = ip->time_to_live;
	f->proto = ip->next_proto_id;
	f->tos = ip->type_of_service;
	f->src = (const uint8_t *)ip + offsetof(struct rte_ipv4_hdr, src_addr);
	f->dst = (const uint8_t *)ip + offsetof(struct rte_ipv4_hdr, dst_addr);
	return check_addresses(rte_be_to_cpu_32(ip->src_addr), rte_be_to_cpu_32(ip->dst_addr));
}

/* With DF, for path MTU discovery (RFC 1191); an id is then free to be anything (RFC 6864). */
unsigned hr_ip4_write(uint8_t *p, uint32_t src, uint32_t dst, uint8_t proto, uint8_t ttl,
	uint8_t tos, uint16_t id, uint16_t total_len)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = tos,
		.total_length = rte_cpu_to_be_16(total_len),
		.packet_id = rte_cpu_to_be_16(id),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = ttl,
		.next_proto_id = proto,
		.src_addr = src,
		.dst_addr = dst,
	};

	/* From the values: words that were just written in halves would have to be waited for. */
	ip.hdr_checksum = (uint16_t)~hr_sum_fold(
		(uint64_t)rte_cpu_to_be_16((uint16_t)(RTE_IPV4_VHL_DEF << 8 | tos)) +
		ip.total_length + ip.packet_id + ip.fragment_offset +
		rte_cpu_to_be_16((uint16_t)(ttl << 8 | proto)) + src + dst);
	memcpy(p, &ip, sizeof(ip));
	return sizeof(ip);
}

void hr_ip4_allow_fragments(uint8_t *p, uint16_t id)
{
	struct rte_ipv4_hdr ip;

	memcpy(&ip, p, sizeof(ip));
	ip.packet_id = rte_cpu_to_be_16(id);
	ip.fragment_offset = 0;
	ip.hdr_checksum = 0;
	ip.hdr_checksum = (uint16_t)~hr_ip4_sum(&ip);
	memcpy(p, &ip, sizeof(ip));
}
