/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets go and whose address they carry: connected prefixes (one per configured subnet and
 * port, longest first) and one default gateway per family and port. A local address lives on one
 * port and its packets leave there (the strong host model of RFC 1122 3.3.4.2). What a next hop is,
 * neighbour.c knows.
 */
#include "ip/layer.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>

static bool in_prefix(const struct hr_prefix *p, const struct hr_ip *a)
{
	uint64_t x[2], y[2];

	memcpy(x, p->net.b, sizeof(x));
	memcpy(y, a->b, sizeof(y));
	return p->net.family == a->family &&
	       (((x[0] ^ y[0]) & p->mask[0]) | ((x[1] ^ y[1]) & p->mask[1])) == 0;
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct hr_prefix *x = a, *y = b;
	int c;

	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	c = (int)x->net.family - (int)y->net.family;
	return c != 0 ? c : memcmp(x->net.b, y->net.b, sizeof(x->net.b));
}

static struct hr_prefix prefix_of(const struct hr_laddr_range *r)
{
	struct hr_prefix p = {.net = r->first, .len = r->prefix_len, .port = r->port};
	uint8_t mask[16];

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = r->prefix_len > 8 * i ? RTE_MIN(r->prefix_len - 8 * i, 8u) : 0;

		mask[i] = (uint8_t)(0xff00 >> keep);
		p.net.b[i] &= mask[i];
	}
	memcpy(p.mask, mask, sizeof(p.mask));
	p.link_local = hr_ip6_link_local(&p.net);
	return p;
}

static void build_prefixes(struct hr_ip_layer *ip)
{
	for (unsigned i = 0; i < ip->n_ranges; i++)
		ip->prefix[i] = prefix_of(&ip->range[i]);
	qsort(ip->prefix, ip->n_ranges, sizeof(*ip->prefix), compare_prefixes);
	for (unsigned i = 0; i < ip->n_ranges; i++)
		if (i == 0 ||
			compare_prefixes(&ip->prefix[ip->n_prefixes - 1], &ip->prefix[i]) != 0)
			ip->prefix[ip->n_prefixes++] = ip->prefix[i];
	for (unsigned i = ip->n_ranges; i-- > 0;) {
		struct hr_prefix want = prefix_of(&ip->range[i]), *p;

		p = bsearch(&want, ip->prefix, ip->n_prefixes, sizeof(want), compare_prefixes);
		must(p != NULL);
		ip->range[i].prefix = (uint16_t)(p - ip->prefix);
		p->turn_range = (uint16_t)i; /* ends at the first range */
	}
}

int hr_route_init(struct hr_ip_layer *ip, char *err, size_t errlen)
{
	const struct hr_engine_config *cfg = ip->cfg.cfg;

	ip->prefix = calloc(ip->n_ranges + 1, sizeof(*ip->prefix));
	ip->gateway = calloc(cfg->n_gateways + 1, sizeof(*ip->gateway));
	if (ip->prefix == NULL || ip->gateway == NULL)
		return hr_error(err, errlen, -ENOMEM, "no memory for routes");
	build_prefixes(ip);
	for (unsigned i = 0; i < cfg->n_gateways; i++) {
		const struct hr_gateway_config *g = &cfg->gateways[i];
		char text[48];

		if (g->port >= ip->n_ports)
			return hr_error(err, errlen, -EINVAL,
				"gateways[%u]: port %u, but there are only %u ports", i, g->port,
				ip->n_ports);
		if (!hr_ip_unicast(ip, &g->via))
			return hr_error(err, errlen, -EINVAL,
				"gateways[%u]: not the unicast address of a router", i);
		if (hr_laddr_find(ip, g->via.family, g->via.b) != 0)
			return hr_error(err, errlen, -EINVAL,
				"gateways[%u]: %s is one of our own addresses", i,
				hr_ip_text(&g->via, text, sizeof(text)));
		ip->gateway[i] = *g;
		ip->gateway[i].via = hr_ip_from(g->via.family, g->via.b);
	}
	ip->n_gateways = cfg->n_gateways;
	return 0;
}

static bool unicast4(const struct hr_ip_layer *ip, const struct hr_ip *a)
{
	uint32_t addr = rte_be_to_cpu_32(a->v4);

	/* RFC 1122 3.2.1.3: this network, loopback, multicast and class E, which ends in the
	 * limited broadcast. */
	if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 14)
		return false;
	for (unsigned i = 0; i < ip->n_prefixes; i++) {
		const struct hr_prefix *p = &ip->prefix[i];

		/* A /31 has no broadcast address (RFC 3021 2.2). */
		if (p->len <= 30 && in_prefix(p, a) &&
			(addr | ~(UINT32_MAX >> p->len)) == UINT32_MAX)
			return false;
	}
	return true;
}

bool hr_ip_unicast(const struct hr_ip_layer *ip, const struct hr_ip *a)
{
	static const uint8_t zero[15], mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == 4)
		return unicast4(ip, a);
	if (a->family != 6 || a->b[0] == 0xff)
		return false;
	/* :: and ::1 (RFC 4291 2.5.2, 2.5.3); an IPv4-mapped address is never on the wire
	 * (2.5.5.2). */
	if (memcmp(a->b, zero, 15) == 0 && a->b[15] <= 1)
		return false;
	return memcmp(a->b, mapped, sizeof(mapped)) != 0;
}

bool hr_route_connected(const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *a)
{
	for (unsigned i = 0; i < ip->n_prefixes; i++)
		if (ip->prefix[i].port == port && in_prefix(&ip->prefix[i], a))
			return true;
	return false;
}

static const struct hr_gateway_config *gateway_of(
	const struct hr_ip_layer *ip, unsigned port, uint8_t family)
{
	for (unsigned i = 0; i < ip->n_gateways; i++)
		if (ip->gateway[i].port == port && ip->gateway[i].via.family == family)
			return &ip->gateway[i];
	return NULL;
}

_Static_assert(HR_ROUTE_MEMO == 1 << 8, "the top byte of the product is the place");

/* Most packets go where one went before. Whoever collides only makes others take the long way. */
static struct hr_route_memo *memo_of(struct hr_ip_layer *ip, uint32_t remote4)
{
	return &ip->memo[remote4 * UINT32_C(0x9e3779b1) >> (32 - 8)];
}

/* The way that is not remembered. */
static __rte_noinline uint16_t find_route(struct hr_ip_layer *ip, uint32_t laddr_id,
	const struct hr_ip *remote, uint64_t now_us, struct hr_rate *limit)
{
	const struct hr_laddr_entry *local = hr_laddr_entry(ip, laddr_id);
	unsigned port = local->port;
	struct hr_nh_entry *e;
	struct hr_ip hop;

	hop = hr_ip_from(remote->family, remote->b);
	if (local->ip.family != remote->family || !hr_ip_unicast(ip, remote))
		return 0;
	if (!hr_route_connected(ip, port, remote)) {
		const struct hr_gateway_config *g = gateway_of(ip, port, remote->family);

		/* RFC 4291 2.5.6: routers do not forward link-local addresses. */
		if (g == NULL || hr_ip6_link_local(remote) || hr_ip6_link_local(&local->ip))
			return 0;
		hop = g->via;
	}
	e = hr_nh_find(ip, port, &hop);
	if (e == NULL && limit != NULL && !hr_rate_take(limit, now_us)) {
		hr_count(ip->cfg.m, HR_C_arp_limited);
		return 0;
	}
	if (e == NULL)
		e = hr_nh_create(ip, port, &hop, laddr_id);
	if (e == NULL)
		return 0;
	hr_nh_hold(ip, e);
	if (remote->family == 4)
		*memo_of(ip, remote->v4) =
			(struct hr_route_memo){remote->v4, hr_nh_number(ip, e), (uint8_t)port};
	return hr_nh_number(ip, e);
}

/* The next hop of an IPv4 destination that was asked for before, from an address of the same port;
 * 0: it is not remembered. */
static inline uint16_t remembered(struct hr_ip_layer *ip, uint32_t laddr_id, uint32_t remote4)
{
	const struct hr_route_memo *memo = memo_of(ip, remote4);

	if (unlikely(memo->remote4 != remote4 || memo->nh == 0 || (laddr_id & HR_LADDR_V6) ||
		     memo->port != hr_laddr_port(ip, laddr_id)))
		return 0;
	hr_nh_hold(ip, &ip->nh[memo->nh]);
	return memo->nh;
}

static inline uint16_t route(struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote,
	uint64_t now_us, struct hr_rate *limit)
{
	uint16_t nh;

	ip->now_us = now_us;
	nh = likely(remote->family == 4) ? remembered(ip, laddr_id, remote->v4) : 0;
	return likely(nh != 0) ? nh : find_route(ip, laddr_id, remote, now_us, limit);
}

uint16_t hr_route_known(
	struct hr_ip_layer *ip, uint32_t laddr_id, uint32_t remote4, uint64_t now_us)
{
	ip->now_us = now_us;
	return remembered(ip, laddr_id, remote4);
}

uint16_t hr_route(
	struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote, uint64_t now_us)
{
	return route(ip, laddr_id, remote, now_us, NULL);
}

uint16_t hr_route_back(
	struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote, uint64_t now_us)
{
	return route(ip, laddr_id, remote, now_us, &ip->back_rate);
}

/* The next address of a subnet in turn: each range from first to last, then the next range. */
static uint32_t next_in_prefix(struct hr_ip_layer *ip, struct hr_prefix *p)
{
	const struct hr_laddr_range *r = &ip->range[p->turn_range];
	uint32_t id = r->index + p->turn_off;

	must(&ip->prefix[r->prefix] == p);
	if (++p->turn_off == r->count) {
		p->turn_off = 0;
		do
			p->turn_range = (uint16_t)((p->turn_range + 1) % ip->n_ranges);
		while (&ip->prefix[ip->range[p->turn_range].prefix] != p);
	}
	return id | (p->net.family == 6 ? HR_LADDR_V6 : 0);
}

/* The subnet that remote is in. Several ports may be equally near: they take turns, but not for
 * link-local addresses, whose link we would be guessing. */
static struct hr_prefix *nearest_prefix(struct hr_ip_layer *ip, const struct hr_ip *remote)
{
	struct hr_prefix *best = NULL;
	unsigned n = 0;

	if (likely(remote->family == 4 && ip->near4 == remote->v4 && ip->near != NULL))
		return ip->near;
	for (unsigned i = 0; i < ip->n_prefixes; i++) {
		struct hr_prefix *p = &ip->prefix[i];

		if (!in_prefix(p, remote))
			continue;
		if (best == NULL)
			best = p;
		n += p->len == best->len;
	}
	if (n < 2 || best->link_local) {
		if (remote->family == 4) {
			ip->near = best;
			ip->near4 = remote->v4;
		}
		return best;
	}
	n = ip->turn++ % n;
	for (struct hr_prefix *p = best;; p++)
		if (in_prefix(p, remote) && n-- == 0)
			return p;
}

/* The subnet from which a gateway is used: the one it is in, else any with global addresses on its
 * port. */
static struct hr_prefix *gateway_prefix(struct hr_ip_layer *ip, const struct hr_gateway_config *g)
{
	struct hr_prefix *found = NULL;

	for (unsigned i = 0; i < ip->n_prefixes; i++) {
		struct hr_prefix *p = &ip->prefix[i];

		if (p->port != g->port || p->net.family != g->via.family || p->link_local)
			continue;
		if (in_prefix(p, &g->via))
			return p;
		if (found == NULL)
			found = p;
	}
	return found;
}

uint32_t hr_laddr_choose(struct hr_ip_layer *ip, const struct hr_ip *remote)
{
	struct hr_prefix *p = nearest_prefix(ip, remote);
	unsigned start;

	if (p != NULL)
		return next_in_prefix(ip, p);
	if (ip->n_gateways == 0 || hr_ip6_link_local(remote))
		return 0;
	start = ip->n_gateways > 1 ? ip->turn++ % ip->n_gateways : 0;
	for (unsigned i = 0; i < ip->n_gateways; i++) {
		const struct hr_gateway_config *g = &ip->gateway[(start + i) % ip->n_gateways];

		p = g->via.family == remote->family ? gateway_prefix(ip, g) : NULL;
		if (p != NULL)
			return next_in_prefix(ip, p);
	}
	return 0;
}

uint32_t hr_route_source(const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *remote)
{
	bool link_local = hr_ip6_link_local(remote);

	for (unsigned i = 0; i < ip->n_ranges; i++) {
		const struct hr_laddr_range *r = &ip->range[i];

		if (r->port == port && r->first.family == remote->family &&
			hr_ip6_link_local(&r->first) == link_local)
			return r->index | (r->first.family == 6 ? HR_LADDR_V6 : 0);
	}
	return 0;
}
