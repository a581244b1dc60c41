/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 headers (RFC 8200): parse the fixed header, step over a bounded chain of extension headers,
 * judge the addresses; write. Parameter Problem replies are not sent: a packet that asks for one is
 * dropped by name. Fragments are dropped too, but an atomic one (RFC 6946) is a whole packet and
 * goes on. Jumbograms are an unknown option here, which discards them.
 */
#include "proto/internal.h"

#include <rte_ip.h>

#define OPT_PAD1 0
#define OPT_PADN 1

/* RFC 8200 4.2: the two high bits say what to do with an unknown option; 00 is "skip it". */
#define OPT_ACTION_MASK 0xc0

bool hr_ip6_is_ext(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS;
}

unsigned hr_ip6_ext_len(uint8_t proto, const uint8_t *ext)
{
	return proto == IPPROTO_FRAGMENT ? RTE_IPV6_FRAG_HDR_SIZE : (ext[1] + 1u) * 8;
}

/* The options of a hop-by-hop or destination options header. */
static enum hr_drop check_options(const uint8_t *p, unsigned len)
{
	while (len > 0) {
		if (p[0] == OPT_PAD1) {
			p++;
			len--;
			continue;
		}
		if (len < 2 || p[1] + 2u > len)
			return DROP_ip6_extension;
		if (p[0] != OPT_PADN && (p[0] & OPT_ACTION_MASK) != 0)
			return DROP_ip6_extension;
		len -= p[1] + 2u;
		p += p[1] + 2u;
	}
	return DROP_NONE;
}

static enum hr_drop check_ext(uint8_t proto, const uint8_t *ext, unsigned len)
{
	switch (proto) {
	case IPPROTO_ROUTING:
		/* RFC 8200 4.4: no segments left, nothing to do; else it is for a router (RFC 5095
		 * for type 0). */
		return ext[3] == 0 ? DROP_NONE : DROP_ip6_extension;
	case IPPROTO_FRAGMENT:
		/* RFC 6946 4: offset 0 and no more fragments is not a fragment. */
		return hr_load_be16(ext + 2) & (RTE_IPV6_EHDR_FO_MASK | RTE_IPV6_EHDR_MF_MASK)
			       ? DROP_ip_fragment
			       : DROP_NONE;
	default:
		return check_options(ext + 2, len - 2);
	}
}

/* Step over the chain; on success f->l4_off, f->l4_len and f->proto describe the upper layer. */
static enum hr_drop walk_extensions(const struct rte_mbuf *m, struct hr_frame *f)
{
	const uint8_t *ext;
	unsigned n, len;
	enum hr_drop d;

	for (n = 0; hr_ip6_is_ext(f->proto); n++) {
		/* RFC 8200 4.1: hop-by-hop options stand right behind the fixed header or nowhere.
		 */
		if (n == HR_IP6_MAX_EXTENSIONS || (n > 0 && f->proto == IPPROTO_HOPOPTS))
			return DROP_ip6_extension;
		if (f->l4_len < 8)
			return DROP_ip6_extension;
		if (m->data_len < f->l4_off + 8u)
			return DROP_short_frame;
		ext = rte_pktmbuf_mtod_offset(m, const uint8_t *, f->l4_off);
		len = hr_ip6_ext_len(f->proto, ext);
		if (len > f->l4_len)
			return DROP_ip6_extension;
		if (m->data_len < f->l4_off + len)
			return DROP_short_frame;
		d = check_ext(f->proto, ext, len);
		if (d != DROP_NONE)
			return d;
		f->proto = ext[0];
		f->l4_off = (uint16_t)(f->l4_off + len);
		f->l4_len = (uint16_t)(f->l4_len - len);
	}
	return DROP_NONE;
}

/* ::, ::1 and ::ffff:a.b.c.d stand for something that is never on a wire (RFC 4291 2.5, RFC
 * 4942 2.2). */
static enum hr_drop check_addresses(const struct hr_frame *f)
{
	static const uint8_t any[16], loopback[16] = {[15] = 1};
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (f->src[0] == 0xff)
		return DROP_ip_source;
	if (f->src[0] == 0) {
		if (memcmp(f->src, loopback, 16) == 0 || memcmp(f->src, mapped, 12) == 0)
			return DROP_ip_source;
		/* RFC 4862 5.4.2: duplicate address detection asks from the unspecified address. */
		if (memcmp(f->src, any, 16) == 0 && f->proto != IPPROTO_ICMPV6)
			return DROP_ip_source;
	}
	if (f->dst[0] == 0 && (memcmp(f->dst, any, 16) == 0 || memcmp(f->dst, loopback, 16) == 0 ||
				      memcmp(f->dst, mapped, 12) == 0))
		return DROP_ip_not_local;
	return DROP_NONE;
}

enum hr_drop hr_ip6_parse(const struct rte_mbuf *m, struct hr_frame *f)
{
	const struct rte_ipv6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, f->l3_off);
	uint32_t avail = m->pkt_len - f->l3_off;
	uint32_t vtc_flow;
	enum hr_drop d;

	if (avail < sizeof(*ip))
		return DROP_ip_short;
	if (m->data_len < f->l3_off + sizeof(*ip))
		return DROP_short_frame;
	vtc_flow = rte_be_to_cpu_32(ip->vtc_flow);
	if (vtc_flow >> 28 != 6)
		return DROP_ip_version;
	f->family = 6;
	f->l4_off = (uint16_t)(f->l3_off + sizeof(*ip));
	f->l4_len = rte_be_to_cpu_16(ip->payload_len);
	if (f->l4_len > avail - sizeof(*ip))
		return DROP_ip_short;
	f->tos = (uint8_t)(vtc_flow >> RTE_IPV6_HDR_TC_SHIFT);
	f->ttl = ip->hop_limits;
	f->proto = ip->proto;
	f->src = ip->src_addr;
	f->dst = ip->dst_addr;
	d = walk_extensions(m, f);
	return d == DROP_NONE ? check_addresses(f) : d;
}

unsigned hr_ip6_write(uint8_t *p, const uint8_t src[16], const uint8_t dst[16], uint8_t proto,
	uint8_t hop_limit, uint8_t tclass, uint32_t flow_label, uint16_t payload_len)
{
	hr_store_be32(p, 6u << 28 | (uint32_t)tclass << RTE_IPV6_HDR_TC_SHIFT |
				 (flow_label & RTE_IPV6_HDR_FL_MASK));
	hr_store_be16(p + 4, payload_len);
	p[6] = proto;
	p[7] = hop_limit;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	return sizeof(struct rte_ipv6_hdr);
}
