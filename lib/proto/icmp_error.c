/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6 errors that quote a TCP segment (RFC 792, RFC 4443): finds out which segment of
 * ours somebody complains about. Whether such a connection exists, whether the sequence number fits
 * and what the error means for it (RFC 5927) is left to the engine and the core. Messages that are
 * no errors belong to the ip layer and are "ignored" here.
 */
#include "proto/internal.h"

#include <rte_icmp.h>
#include <rte_ip.h>

#define ICMP4_UNREACHABLE        3
#define ICMP4_FRAGMENTATION_CODE 4
#define ICMP4_TIME_EXCEEDED      11
#define ICMP4_PARAMETER          12
#define ICMP6_TOO_BIG            2
#define ICMP6_INFORMATIONAL      128 /* errors have the high bit clear (RFC 4443 2.1) */

/* Both families: 8 bytes of type, code, checksum and one word, then the quoted packet. */
#define ICMP_HDR_LEN 8
/* RFC 792 promises this much of what follows the quoted IP header: ports and sequence number. */
#define QUOTED_TCP_LEN 8

/* RFC 6633 deprecates source quench; redirects concern routing, not a connection. */
static bool is_error(uint8_t family, uint8_t type)
{
	if (family == 4)
		return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
		       type == ICMP4_PARAMETER;
	/* RFC 4443 2.4(a): unknown errors are passed on as well. */
	return type < ICMP6_INFORMATIONAL;
}

static enum hr_drop take_tcp(const uint8_t *p, unsigned len, struct hr_icmp_error *e)
{
	if (len < QUOTED_TCP_LEN)
		return DROP_icmp_bad;
	e->sport = hr_load_be16(p);
	e->dport = hr_load_be16(p + 2);
	e->seq = hr_load_be32(p + 4);
	return DROP_NONE;
}

static bool is_fragmentation_needed(uint8_t type, uint8_t code)
{
	return type == ICMP4_UNREACHABLE && code == ICMP4_FRAGMENTATION_CODE;
}

/* RFC 1191 5: a router that predates it tells no MTU. The next of the sizes in use (7.1) below that
 * of the packet it could not forward. */
static uint32_t plateau_below(uint32_t total)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (unsigned i = 0; i < RTE_DIM(plateau); i++)
		if (plateau[i] < total)
			return plateau[i];
	return 68;
}

/* The quoted header was ours, but it went through other hands: its checksum may be stale (NAT,
 * TTL), its lengths not. */
static enum hr_drop parse_quoted4(const uint8_t *p, unsigned len, struct hr_icmp_error *e)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)p;
	unsigned hdr_len;

	if (len < sizeof(*ip) || ip->version_ihl >> 4 != 4)
		return DROP_icmp_bad;
	hdr_len = rte_ipv4_hdr_len(ip);
	if (hdr_len < sizeof(*ip) || hdr_len > len)
		return DROP_icmp_bad;
	/* Only a first fragment carries the ports. */
	if (ip->next_proto_id != IPPROTO_TCP ||
		(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
		return DROP_icmp_ignored;
	if (is_fragmentation_needed(e->type, e->code) && e->mtu == 0)
		e->mtu = plateau_below(rte_be_to_cpu_16(ip->total_length));
	e->src = p + offsetof(struct rte_ipv4_hdr, src_addr);
	e->dst = p + offsetof(struct rte_ipv4_hdr, dst_addr);
	return take_tcp(p + hdr_len, len - hdr_len, e);
}

static enum hr_drop parse_quoted6(const uint8_t *p, unsigned len, struct hr_icmp_error *e)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)p;
	unsigned off = sizeof(*ip), n;
	uint8_t proto, next;

	if (len < sizeof(*ip) || p[0] >> 4 != 6)
		return DROP_icmp_bad;
	proto = ip->proto;
	for (n = 0; n < HR_IP6_MAX_EXTENSIONS && hr_ip6_is_ext(proto); n++) {
		if (len - off < 8)
			return DROP_icmp_bad;
		if (proto == IPPROTO_FRAGMENT &&
			(hr_load_be16(p + off + 2) & RTE_IPV6_EHDR_FO_MASK) != 0)
			return DROP_icmp_ignored;
		next = p[off];
		off += hr_ip6_ext_len(proto, p + off);
		if (off > len)
			return DROP_icmp_bad;
		proto = next;
	}
	if (proto != IPPROTO_TCP)
		return DROP_icmp_ignored;
	e->src = ip->src_addr;
	e->dst = ip->dst_addr;
	return take_tcp(p + off, len - off, e);
}

/* RFC 1191 4, RFC 4443 3.2. */
static uint32_t next_hop_mtu(uint8_t family, const uint8_t *icmp)
{
	if (family == 4)
		return is_fragmentation_needed(icmp[0], icmp[1]) ? hr_load_be16(icmp + 6) : 0;
	return icmp[0] == ICMP6_TOO_BIG ? hr_load_be32(icmp + 4) : 0;
}

enum hr_drop hr_icmp_error_parse(
	const struct rte_mbuf *m, const struct hr_frame *f, struct hr_icmp_error *e)
{
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, f->l4_off);
	unsigned len;

	must(f->kind == HR_FRAME_ICMP4 || f->kind == HR_FRAME_ICMP6);
	if (f->l4_len < ICMP_HDR_LEN)
		return DROP_icmp_bad;
	if (m->data_len < f->l4_off + ICMP_HDR_LEN)
		return DROP_short_frame;
	/* NICs that verify ICMP are rare and the flags do not say so: always in software. */
	if (hr_l4_sum(m, f) != 0xffff)
		return DROP_icmp_bad;
	if (!is_error(f->family, icmp[0]))
		return DROP_icmp_ignored;
	*e = (struct hr_icmp_error){
		.family = f->family,
		.type = icmp[0],
		.code = icmp[1],
		.mtu = next_hop_mtu(f->family, icmp),
	};
	/* Only what lies in the first segment is read; more than the headers is never needed. */
	len = RTE_MIN((unsigned)f->l4_len, (unsigned)m->data_len - f->l4_off) - ICMP_HDR_LEN;
	return f->family == 4 ? parse_quoted4(icmp + ICMP_HDR_LEN, len, e)
			      : parse_quoted6(icmp + ICMP_HDR_LEN, len, e);
}
