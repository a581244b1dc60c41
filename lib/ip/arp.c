/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ARP (RFC 826) for Ethernet and IPv4: requests, replies, announcements (RFC 5227). It reads and
 * writes packets; what an answer means for a next hop is neighbour.c's business.
 */
#include "ip/layer.h"

#include <rte_arp.h>
#include <rte_byteorder.h>

#define ARP_FRAME_LEN (RTE_ETHER_HDR_LEN + sizeof(struct rte_arp_hdr))

static const uint8_t broadcast[RTE_ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[RTE_ETHER_ADDR_LEN];

static bool send_arp(struct hr_ip_layer *ip, unsigned port, uint16_t op, const uint8_t *dst_mac,
	uint32_t spa, const uint8_t *tha, uint32_t tpa)
{
	const uint8_t *mac = ip->port[port].mac;
	struct rte_arp_hdr *a;
	uint8_t *p;
	struct rte_mbuf *m = hr_ip_alloc(ip, ARP_FRAME_LEN, &p);

	if (m == NULL)
		return false;
	p += hr_eth_write(p, dst_mac, mac, RTE_ETHER_TYPE_ARP);
	a = (struct rte_arp_hdr *)p;
	a->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	a->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	a->arp_hlen = RTE_ETHER_ADDR_LEN;
	a->arp_plen = 4;
	a->arp_opcode = rte_cpu_to_be_16(op);
	memcpy(&a->arp_data.arp_sha, mac, RTE_ETHER_ADDR_LEN);
	a->arp_data.arp_sip = spa;
	memcpy(&a->arp_data.arp_tha, tha, RTE_ETHER_ADDR_LEN);
	a->arp_data.arp_tip = tpa;
	ip->cfg.emit(ip->cfg.arg, port, m);
	return true;
}

bool hr_arp_solicit(struct hr_ip_layer *ip, unsigned port, uint32_t laddr_id,
	const struct hr_ip *target, const uint8_t *dst_mac)
{
	return send_arp(ip, port, RTE_ARP_OP_REQUEST, dst_mac != NULL ? dst_mac : broadcast,
		hr_laddr(ip, laddr_id)->v4, nobody, target->v4);
}

/* RFC 5227 2.3: a request for ourselves, which nobody answers and everybody reads. */
bool hr_arp_announce(struct hr_ip_layer *ip, uint32_t laddr_id)
{
	uint32_t addr = hr_laddr(ip, laddr_id)->v4;

	return send_arp(
		ip, hr_laddr_port(ip, laddr_id), RTE_ARP_OP_REQUEST, broadcast, addr, nobody, addr);
}

static bool well_formed(const struct rte_arp_hdr *a)
{
	uint16_t op = rte_be_to_cpu_16(a->arp_opcode);

	return a->arp_hardware == RTE_BE16(RTE_ARP_HRD_ETHER) &&
	       a->arp_protocol == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	       a->arp_hlen == RTE_ETHER_ADDR_LEN && a->arp_plen == 4 &&
	       (op == RTE_ARP_OP_REQUEST || op == RTE_ARP_OP_REPLY) &&
	       rte_is_valid_assigned_ether_addr(&a->arp_data.arp_sha);
}

enum hr_drop hr_arp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok)
{
	struct rte_arp_hdr room;
	const struct rte_arp_hdr *a = rte_pktmbuf_read(m, f->l3_off, sizeof(room), &room);
	const uint8_t *sha;
	struct hr_ip sender;
	struct hr_nh_entry *e;
	uint32_t target_id, claimed_id;
	bool request;

	if (a == NULL || !well_formed(a))
		return DROP_arp_bad;
	sha = a->arp_data.arp_sha.addr_bytes;
	request = a->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);
	sender = hr_ip_from(4, &a->arp_data.arp_sip);
	if (memcmp(sha, ip->port[port].mac, RTE_ETHER_ADDR_LEN) == 0)
		return DROP_arp_other; /* an echo of our own words: loops and mirrors do that */
	target_id = hr_laddr_on_port(ip, port, 4, &a->arp_data.arp_tip);

	/* RFC 5227 2.1.1: sender 0.0.0.0 probes whether the address is free. It is not, but there
	 * is nothing to learn. */
	if (sender.v4 == 0) {
		if (target_id == 0 || !request)
			return DROP_arp_other;
	} else {
		if (!hr_ip_unicast(ip, &sender))
			return DROP_arp_bad;
		claimed_id = hr_laddr_on_port(ip, port, 4, sender.b);
		if (claimed_id != 0) {
			if (reply_ok)
				hr_ip_defend(ip, claimed_id, now_us);
			return DROP_arp_bad;
		}
		/* RFC 826: update what we know; learn who asks for us, for that one will be spoken
		 * to next. */
		e = hr_nh_find(ip, port, &sender);
		if (e == NULL && request && target_id != 0 && hr_route_connected(ip, port, &sender))
			e = hr_nh_create(ip, port, &sender, target_id);
		if (e != NULL)
			hr_nh_learn(ip, e, sha, !request && target_id != 0 && !f->l2_group, true,
				now_us);
		if (target_id == 0)
			/* An announcement asks for nothing: it was heard, also when there was
			 * nothing to update. */
			return e != NULL || memcmp(&a->arp_data.arp_sip, &a->arp_data.arp_tip, 4) ==
						       0
				       ? DROP_NONE
				       : DROP_arp_other;
	}
	if (request && reply_ok)
		send_arp(ip, port, RTE_ARP_OP_REPLY, sha, a->arp_data.arp_tip, sha,
			a->arp_data.arp_sip);
	return DROP_NONE;
}
