/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What impair looks at inside a frame: the kinds of segments that drop rules name, and the ECN
 * field that is marked. Frames are raw and may be anything; what is not understood matches nothing.
 */
#include "impair/impair.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define ECN_MASK 3
#define ECN_CE   3

enum rule_kind { RULE_SYN, RULE_SYNACK, RULE_FIN, RULE_RST, RULE_DATA, RULE_ACK };

/* The TCP header of a plain IPv4 or IPv6 frame and its payload length, or NULL. */
static const struct rte_tcp_hdr *find_tcp(
	const struct rte_mbuf *m, struct rte_tcp_hdr *copy, uint32_t *payload)
{
	uint8_t head[sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv6_hdr)];
	uint32_t have = RTE_MIN(m->pkt_len, (uint32_t)sizeof(head)),
		 off = sizeof(struct rte_ether_hdr), end;

	if (have < off + sizeof(struct rte_ipv4_hdr))
		return NULL;
	const uint8_t *p = rte_pktmbuf_read(m, 0, have, head);
	uint16_t type = (uint16_t)(p[12] << 8 | p[13]);

	if (type == RTE_ETHER_TYPE_IPV4) {
		const struct rte_ipv4_hdr *ip = (const void *)(p + off);

		if (ip->next_proto_id != IPPROTO_TCP)
			return NULL;
		end = off + rte_be_to_cpu_16(ip->total_length);
		off += rte_ipv4_hdr_len(ip);
	} else if (type == RTE_ETHER_TYPE_IPV6 && have == sizeof(head)) {
		const struct rte_ipv6_hdr *ip = (const void *)(p + off);

		if (ip->proto != IPPROTO_TCP)
			return NULL;
		off += (uint32_t)sizeof(*ip);
		end = off + rte_be_to_cpu_16(ip->payload_len);
	} else {
		return NULL;
	}
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_read(m, off, sizeof(*copy), copy);

	if (tcp == NULL)
		return NULL;
	uint32_t headers = off + (uint32_t)(tcp->data_off >> 4) * 4;

	*payload = end > headers ? end - headers : 0;
	return tcp;
}

bool hr_impair_rule_matches(const struct impair_rule *r, const struct rte_mbuf *m)
{
	struct rte_tcp_hdr copy;
	uint32_t payload;
	const struct rte_tcp_hdr *tcp = find_tcp(m, &copy, &payload);

	if (tcp == NULL)
		return false;
	uint8_t f = tcp->tcp_flags;
	bool syn = f & RTE_TCP_SYN_FLAG, ack = f & RTE_TCP_ACK_FLAG;

	switch (r->kind) {
	case RULE_SYN:
		return syn && !ack;
	case RULE_SYNACK:
		return syn && ack;
	case RULE_FIN:
		return f & RTE_TCP_FIN_FLAG;
	case RULE_RST:
		return f & RTE_TCP_RST_FLAG;
	case RULE_DATA:
		return payload > 0;
	default:
		return payload == 0 && ack &&
		       !(f & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG));
	}
}

/* Where the IP header begins and of which family it is, behind up to one VLAN tag: 4, 6 or 0. */
static unsigned find_ip(const struct rte_mbuf *m, uint32_t *off)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type;

	*off = sizeof(struct rte_ether_hdr);
	if (m->data_len < *off + sizeof(struct rte_vlan_hdr) + sizeof(struct rte_ipv4_hdr))
		return 0;
	type = (uint16_t)(p[12] << 8 | p[13]);
	if (type == RTE_ETHER_TYPE_VLAN) {
		type = (uint16_t)(p[16] << 8 | p[17]);
		*off += (uint32_t)sizeof(struct rte_vlan_hdr);
	}
	if (type == RTE_ETHER_TYPE_IPV4 && p[*off] >> 4 == 4)
		return 4;
	return type == RTE_ETHER_TYPE_IPV6 && p[*off] >> 4 == 6 ? 6 : 0;
}

/* RFC 3168 5: a router sets CE instead of dropping, and only where the sender said ECT(0) or
 * ECT(1). CE stays CE. */
struct rte_mbuf *hr_impair_marked(const struct rte_mbuf *m, struct rte_mempool *pool)
{
	uint32_t off;
	unsigned family = find_ip(m, &off);
	const uint8_t *old = rte_pktmbuf_mtod_offset(m, const uint8_t *, off);
	uint8_t ecn = family == 4 ? old[1] & ECN_MASK : family == 6 ? old[1] >> 4 & ECN_MASK : 0;
	struct rte_mbuf *copy;
	uint8_t *p;

	if (ecn == 0)
		return NULL;
	copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	if (copy == NULL)
		return NULL;
	p = rte_pktmbuf_mtod_offset(copy, uint8_t *, off);
	if (family == 6) {
		p[1] |= ECN_CE << 4;
		return copy;
	}
	/* RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m'), m being the first 16 bits of the header. */
	uint32_t sum = (uint32_t)(uint16_t) ~(p[10] << 8 | p[11]) +
		       (uint32_t)(uint16_t) ~(p[0] << 8 | p[1]);

	p[1] |= ECN_CE;
	sum += (uint32_t)(p[0] << 8 | p[1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
	return copy;
}
