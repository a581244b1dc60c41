/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour discovery (RFC 4861 7): solicitations and advertisements, read and written. What an
 * answer means for a next hop is neighbour.c's business. Router discovery, redirects and duplicate
 * address detection are not done here or anywhere: addresses and gateways are configured.
 */
#include "ip/layer.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#define ND_SOLICIT   135
#define ND_ADVERT    136
#define ND_OPT_SLLA  1
#define ND_OPT_TLLA  2
#define ND_SOLICITED 0x40
#define ND_OVERRIDE  0x20
#define ND_HOP_LIMIT 255

/* A solicitation or advertisement, and the one option that we send. */
struct nd_msg {
	uint8_t type, code;
	uint16_t checksum;
	uint8_t flags, reserved[3];
	uint8_t target[16];
};
struct nd_lla {
	uint8_t type, len; /* in units of 8 bytes */
	uint8_t mac[RTE_ETHER_ADDR_LEN];
};
_Static_assert(sizeof(struct nd_msg) == 24 && sizeof(struct nd_lla) == 8, "as on the wire");

#define ND_L3        RTE_ETHER_HDR_LEN
#define ND_L4        (ND_L3 + sizeof(struct rte_ipv6_hdr))
#define ND_FRAME_LEN (ND_L4 + sizeof(struct nd_msg) + sizeof(struct nd_lla))

static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};
static const uint8_t unspecified[16];

/* RFC 4291 2.7.1. */
static void solicited_node(uint8_t group[16], const uint8_t addr[16])
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	memcpy(group, prefix, sizeof(prefix));
	memcpy(group + 13, addr + 13, 3);
}

static bool send_nd(struct hr_ip_layer *ip, unsigned port, const struct nd_msg *msg,
	const uint8_t *src, const uint8_t *dst, const uint8_t *dst_mac)
{
	struct nd_lla lla = {.type = msg->type == ND_SOLICIT ? ND_OPT_SLLA : ND_OPT_TLLA, .len = 1};
	/* RFC 2464 7: 33:33 and the last four bytes of the group. */
	uint8_t group_mac[RTE_ETHER_ADDR_LEN] = {0x33, 0x33, dst[12], dst[13], dst[14], dst[15]};
	uint16_t sum;
	uint8_t *p;
	struct rte_mbuf *m = hr_ip_alloc(ip, ND_FRAME_LEN, &p);

	if (m == NULL)
		return false;
	memcpy(lla.mac, ip->port[port].mac, sizeof(lla.mac));
	hr_eth_write(
		p, dst_mac != NULL ? dst_mac : group_mac, ip->port[port].mac, RTE_ETHER_TYPE_IPV6);
	hr_ip6_write(p + ND_L3, src, dst, IPPROTO_ICMPV6, ND_HOP_LIMIT, 0, 0,
		sizeof(*msg) + sizeof(lla));
	memcpy(p + ND_L4, msg, sizeof(*msg));
	memcpy(p + ND_L4 + sizeof(*msg), &lla, sizeof(lla));
	sum = rte_ipv6_udptcp_cksum((struct rte_ipv6_hdr *)(p + ND_L3), p + ND_L4);
	memcpy(p + ND_L4 + offsetof(struct nd_msg, checksum), &sum, sizeof(sum));
	hr_count(ip->cfg.m, HR_C_icmp_out);
	ip->cfg.emit(ip->cfg.arg, port, m);
	return true;
}

bool hr_ndp_solicit(struct hr_ip_layer *ip, unsigned port, uint32_t laddr_id,
	const struct hr_ip *target, const uint8_t *dst_mac)
{
	struct nd_msg msg = {.type = ND_SOLICIT};
	uint8_t group[16];

	memcpy(msg.target, target->b, 16);
	solicited_node(group, target->b);
	return send_nd(ip, port, &msg, hr_laddr(ip, laddr_id)->b,
		dst_mac != NULL ? target->b : group, dst_mac);
}

/* RFC 4861 7.2.6. */
bool hr_ndp_announce(struct hr_ip_layer *ip, uint32_t laddr_id)
{
	struct nd_msg msg = {.type = ND_ADVERT, .flags = ND_OVERRIDE};

	memcpy(msg.target, hr_laddr(ip, laddr_id)->b, 16);
	return send_nd(ip, hr_laddr_port(ip, laddr_id), &msg, msg.target, all_nodes, NULL);
}

/* Walk all options; copy the MAC of the wanted one. False when a length is 0 or leads past the end
 * (RFC 4861 7.1). */
static bool read_options(const struct rte_mbuf *m, const struct hr_frame *f, uint8_t wanted,
	bool *have, uint8_t *mac)
{
	uint32_t off = f->l4_off + sizeof(struct nd_msg), end = f->l4_off + f->l4_len;

	*have = false;
	while (off < end) {
		struct nd_lla room;
		const struct nd_lla *o;

		if (end - off < sizeof(room))
			return false;
		o = rte_pktmbuf_read(m, off, sizeof(room), &room);
		if (o == NULL || o->len == 0 || o->len * 8u > end - off)
			return false;
		if (o->type == wanted && o->len == 1) {
			memcpy(mac, o->mac, RTE_ETHER_ADDR_LEN);
			*have = true;
		}
		off += o->len * 8u;
	}
	/* A MAC that no station can have would poison the next hop. */
	return !*have || ((mac[0] & 1) == 0 && memcmp(mac, unspecified, RTE_ETHER_ADDR_LEN) != 0);
}

static enum hr_drop solicited_by(struct hr_ip_layer *ip, unsigned port, const struct nd_msg *n,
	const struct hr_frame *f, const uint8_t *slla, uint64_t now_us, bool reply_ok)
{
	bool probe = memcmp(f->src, unspecified, 16) == 0;
	uint32_t id = hr_laddr_on_port(ip, port, 6, n->target);
	struct nd_msg reply = {.type = ND_ADVERT, .flags = ND_OVERRIDE};
	struct hr_ip sender = hr_ip_from(6, f->src);
	uint8_t group[16];

	solicited_node(group, n->target);
	/* RFC 4861 7.1.1: a duplicate address probe goes to the solicited-node group and has no
	 * source. */
	if (probe && (slla != NULL || memcmp(f->dst, group, 16) != 0))
		return DROP_nd_bad;
	if (!probe && (!hr_ip_unicast(ip, &sender) || hr_laddr_find(ip, 6, f->src) != 0))
		return DROP_ip_source;
	if (id == 0)
		return DROP_icmp_ignored;
	/* An echo of our own words, as in arp.c: there is nobody else at our address. */
	if (memcmp(slla != NULL ? slla : f->src_mac, ip->port[port].mac, RTE_ETHER_ADDR_LEN) == 0)
		return DROP_icmp_ignored;
	memcpy(reply.target, n->target, 16);
	if (probe) {
		if (reply_ok)
			send_nd(ip, port, &reply, n->target, all_nodes, NULL);
		return DROP_NONE;
	}
	if (slla != NULL) {
		struct hr_nh_entry *e = hr_nh_find(ip, port, &sender);

		if (e == NULL &&
			(hr_ip6_link_local(&sender) || hr_route_connected(ip, port, &sender)))
			e = hr_nh_create(ip, port, &sender, id);
		if (e != NULL)
			hr_nh_learn(ip, e, slla, false, true, now_us);
	}
	reply.flags |= ND_SOLICITED;
	/* Without the option the frame's own source is as good an answer as a resolution that it
	 * would wait for. */
	if (reply_ok)
		send_nd(ip, port, &reply, n->target, f->src, slla != NULL ? slla : f->src_mac);
	return DROP_NONE;
}

static enum hr_drop advertised_by(struct hr_ip_layer *ip, unsigned port, const struct nd_msg *n,
	const struct hr_frame *f, const uint8_t *tlla, uint64_t now_us, bool reply_ok)
{
	struct hr_ip target = hr_ip_from(6, n->target);
	struct hr_nh_entry *e;
	uint32_t id = hr_laddr_on_port(ip, port, 6, n->target);

	/* RFC 4861 7.1.2. */
	if (f->dst[0] == 0xff && (n->flags & ND_SOLICITED))
		return DROP_nd_bad;
	if (id != 0) {
		/* Another station has our address, unless it is an echo of our own words. */
		if (tlla == NULL || memcmp(tlla, ip->port[port].mac, RTE_ETHER_ADDR_LEN) == 0)
			return DROP_icmp_ignored;
		if (reply_ok)
			hr_ip_defend(ip, id, now_us);
		return DROP_nd_bad;
	}
	/* RFC 4861 7.2.5: nothing is created by an advertisement that nobody asked for. */
	e = hr_nh_find(ip, port, &target);
	if (e == NULL)
		return DROP_icmp_ignored;
	hr_nh_learn(ip, e, tlla, n->flags & ND_SOLICITED, n->flags & ND_OVERRIDE, now_us);
	return DROP_NONE;
}

enum hr_drop hr_ndp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok)
{
	struct nd_msg room;
	const struct nd_msg *n = rte_pktmbuf_read(m, f->l4_off, sizeof(room), &room);
	uint8_t mac[RTE_ETHER_ADDR_LEN];
	bool solicit, have;

	/* RFC 4861 7.1: a hop limit below 255 came through a router, so it is not our neighbour's.
	 */
	if (n == NULL || f->l4_len < sizeof(room) || f->ttl != ND_HOP_LIMIT || n->code != 0 ||
		n->target[0] == 0xff)
		return DROP_nd_bad;
	solicit = n->type == ND_SOLICIT;
	if (!read_options(m, f, solicit ? ND_OPT_SLLA : ND_OPT_TLLA, &have, mac))
		return DROP_nd_bad;
	if (solicit)
		return solicited_by(ip, port, n, f, have ? mac : NULL, now_us, reply_ok);
	return advertised_by(ip, port, n, f, have ? mac : NULL, now_us, reply_ok);
}
