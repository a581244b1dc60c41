/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6: echo is answered, errors about our TCP segments are handed to the engine, UDP
 * earns a port unreachable. Neighbour discovery goes to ndp.c. Replies take the same way as
 * everything else: route, next hop, resolution.
 */
#include "ip/layer.h"

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#define ICMP_HDR_LEN      8
#define ICMP_CHECKSUM_OFF 2

#define ICMP4_UNREACHABLE   3
#define ICMP4_PORT_CODE     3
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER     12

#define ICMP6_UNREACHABLE   1
#define ICMP6_PORT_CODE     4
#define ICMP6_INFORMATIONAL 128 /* errors are below (RFC 4443 2.1) */
#define ICMP6_ECHO_REQUEST  128
#define ICMP6_ECHO_REPLY    129
#define ICMP6_ND_SOLICIT    135
#define ICMP6_ND_ADVERT     136

/* An error with its quotation fills at most this much of an IP packet (RFC 1812 4.3.2.3, RFC
 * 4443 2.4(c)). */
#define ERROR4_MAX 576
#define ERROR6_MAX 1280

static unsigned ip_hdr_len(uint8_t family)
{
	return family == 4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

static void set_checksum(struct rte_mbuf *m, unsigned l4_off)
{
	uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, l4_off + ICMP_CHECKSUM_OFF);
	uint16_t sum = 0;

	memcpy(at, &sum, sizeof(sum));
	sum = hr_l4_checksum(m, 0, (uint16_t)l4_off);
	memcpy(at, &sum, sizeof(sum));
}

/* Send the message that m starts with. Takes m; without a route, or too big for the link, it is not
 * sent. */
static void send_message(struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote,
	struct rte_mbuf *m, uint8_t tos, uint64_t now_us)
{
	const struct hr_ip *local = hr_laddr(ip, laddr_id);
	uint16_t nh = hr_route_back(ip, laddr_id, remote, now_us);
	unsigned hdr_len = ip_hdr_len(local->family);
	uint32_t len = m->pkt_len;
	uint8_t *p;

	if (nh == 0 || len + hdr_len > hr_nexthop(ip, nh)->mtu) {
		rte_pktmbuf_free(m);
	} else {
		p = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)hdr_len);
		must(p != NULL);
		if (local->family == 4)
			hr_ip4_write(p, local->v4, remote->v4, IPPROTO_ICMP, HR_IP_TTL, tos, 0,
				(uint16_t)(len + hdr_len));
		else
			hr_ip6_write(p, local->b, remote->b, IPPROTO_ICMPV6, HR_IP_TTL, tos, 0,
				(uint16_t)len);
		set_checksum(m, hdr_len);
		if (hr_nexthop_send(ip, nh, m, now_us))
			hr_count(ip->cfg.m, HR_C_icmp_out);
	}
	if (nh != 0)
		hr_nexthop_put(ip, nh);
}

/* A copy of len bytes of m from off, in our pool and free of what the receiver noted on it; NULL:
 * counted. */
static struct rte_mbuf *copy_of(
	struct hr_ip_layer *ip, const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, ip->cfg.pool, off, len);

	if (copy == NULL) {
		hr_count(ip->cfg.m, HR_C_no_mbuf_tx);
		return NULL;
	}
	copy->ol_flags = 0;
	copy->tx_offload = 0;
	copy->packet_type = 0;
	return copy;
}

/* The local address a packet is for, or 0 and why it is not for us. */
static uint32_t destination(
	struct hr_ip_layer *ip, unsigned port, const struct hr_frame *f, enum hr_drop *drop)
{
	struct hr_ip dst = hr_ip_from(f->family, f->dst);
	uint32_t id = hr_laddr_on_port(ip, port, f->family, f->dst);

	/* RFC 1122 3.3.6: a unicast address in a link-layer broadcast is somebody's mistake. */
	if (id != 0 && !f->l2_group)
		return id;
	*drop = id != 0 || !hr_ip_unicast(ip, &dst) ? DROP_ip_broadcast : DROP_ip_not_local;
	return 0;
}

/* RFC 4443 4.2: an echo request to a group we are in is answered from a unicast address. Of groups
 * there is one. */
static uint32_t echo_destination(
	struct hr_ip_layer *ip, unsigned port, const struct hr_frame *f, enum hr_drop *drop)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};
	struct hr_ip remote = hr_ip_from(f->family, f->src);

	if (f->family == 6 && memcmp(f->dst, all_nodes, 16) == 0) {
		*drop = DROP_ip_broadcast;
		return hr_route_source(ip, port, &remote);
	}
	return destination(ip, port, f, drop);
}

static bool good_source(const struct hr_ip_layer *ip, const struct hr_ip *remote)
{
	return hr_ip_unicast(ip, remote) && hr_laddr_find(ip, remote->family, remote->b) == 0;
}

/* RFC 1122 3.2.2.6, RFC 4443 4.2: the data comes back as it was. */
static enum hr_drop echo(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok)
{
	struct hr_ip remote = hr_ip_from(f->family, f->src);
	enum hr_drop drop = DROP_NONE;
	uint32_t id = echo_destination(ip, port, f, &drop);
	struct rte_mbuf *reply;

	if (id == 0)
		return drop;
	if (!good_source(ip, &remote))
		return DROP_ip_source;
	if (!reply_ok)
		return DROP_NONE;
	if (!hr_rate_take(&ip->echo_rate, now_us))
		return DROP_icmp_rate;
	reply = copy_of(ip, m, f->l4_off, f->l4_len);
	if (reply != NULL) {
		*rte_pktmbuf_mtod(reply, uint8_t *) =
			f->family == 4 ? RTE_IP_ICMP_ECHO_REPLY : ICMP6_ECHO_REPLY;
		/* The same class of service, but not the sender's congestion marks (RFC 3168 5). */
		send_message(ip, id, &remote, reply, f->tos & 0xfc, now_us);
	}
	return DROP_NONE;
}

static enum hr_drop error(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, struct hr_icmp_error *err, bool *is_err)
{
	enum hr_drop drop = DROP_NONE;

	if (destination(ip, port, f, &drop) == 0)
		return drop;
	drop = hr_icmp_error_parse(m, f, err);
	if (drop != DROP_NONE)
		return drop;
	/* RFC 5927 4.1: only about packets that we can have sent. */
	if (hr_laddr_find(ip, err->family, err->src) == 0)
		return DROP_icmp_ignored;
	*is_err = true;
	return DROP_NONE;
}

static bool is_error(uint8_t family, uint8_t type)
{
	if (family == 6)
		return type < ICMP6_INFORMATIONAL;
	return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER;
}

enum hr_drop hr_icmp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok, struct hr_icmp_error *err,
	bool *is_err)
{
	const uint8_t *type;
	uint8_t room;

	if (f->l4_len < ICMP_HDR_LEN)
		return DROP_icmp_bad;
	type = rte_pktmbuf_read(m, f->l4_off, sizeof(room), &room);
	must(type != NULL);
	if (is_error(f->family, *type))
		return error(ip, port, m, f, err, is_err);
	if (hr_l4_checksum(m, f->l3_off, f->l4_off) != 0)
		return DROP_icmp_bad;
	if (*type == (f->family == 4 ? RTE_IP_ICMP_ECHO_REQUEST : ICMP6_ECHO_REQUEST))
		return echo(ip, port, m, f, now_us, reply_ok);
	if (f->family == 6 && (*type == ICMP6_ND_SOLICIT || *type == ICMP6_ND_ADVERT))
		return hr_ndp_input(ip, port, m, f, now_us, reply_ok);
	/* Redirects and router advertisements too: our routes are configured. */
	return DROP_icmp_ignored;
}

/* RFC 768, RFC 8200 8.1: is it a datagram that arrived as it was sent? */
static bool udp_intact(const struct rte_mbuf *m, const struct hr_frame *f)
{
	struct rte_udp_hdr room;
	const struct rte_udp_hdr *u = rte_pktmbuf_read(m, f->l4_off, sizeof(room), &room);

	if (u == NULL || f->l4_len < sizeof(room) || rte_be_to_cpu_16(u->dgram_len) != f->l4_len)
		return false;
	if (u->dgram_cksum == 0)
		return f->family == 4;
	return hr_l4_checksum(m, f->l3_off, f->l4_off) == 0;
}

/* Quotes as much of the packet as an error may carry. */
static void port_unreachable(struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote,
	const struct rte_mbuf *m, const struct hr_frame *f, uint64_t now_us)
{
	uint32_t room =
		(f->family == 4 ? ERROR4_MAX : ERROR6_MAX) - ip_hdr_len(f->family) - ICMP_HDR_LEN;
	uint32_t whole = (uint32_t)(f->l4_off - f->l3_off) + f->l4_len;
	struct rte_mbuf *reply = copy_of(ip, m, f->l3_off, RTE_MIN(whole, room));
	uint8_t *p;

	if (reply == NULL)
		return;
	p = (uint8_t *)rte_pktmbuf_prepend(reply, ICMP_HDR_LEN);
	must(p != NULL);
	memset(p, 0, ICMP_HDR_LEN);
	p[0] = f->family == 4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	p[1] = f->family == 4 ? ICMP4_PORT_CODE : ICMP6_PORT_CODE;
	send_message(ip, laddr_id, remote, reply, 0, now_us);
}

/* Always dropped; answered when RFC 1122 3.2.2 (ICMP-2) and RFC 4443 2.4(e) allow it: never to or
 * about a group. */
enum hr_drop hr_udp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok)
{
	struct hr_ip remote = hr_ip_from(f->family, f->src);
	enum hr_drop drop = DROP_NONE;
	uint32_t id = destination(ip, port, f, &drop);

	if (id == 0)
		return drop;
	if (!good_source(ip, &remote))
		return DROP_ip_source;
	if (reply_ok && udp_intact(m, f) && hr_rate_take(&ip->error_rate, now_us))
		port_unreachable(ip, id, &remote, m, f, now_us);
	return DROP_udp_closed;
}
