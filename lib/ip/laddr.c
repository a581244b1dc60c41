/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local addresses, interned: each has a number, ids are stable for the life of the layer. They come
 * as ranges (a load generator has 65,536 in a row), so an id is the range's first index plus an
 * offset and a lookup costs a binary search over ranges, whatever they hold. An address is written
 * out as struct hr_ip only when somebody asks for it. Which of them to use is left to route.c.
 *
 *   range[0]           range[1]      range[2]
 *   198.18.0.1 x 3     198.18.9.1    2001:db8::1 x 2     sorted: family, then address
 *   index 1 2 3        4             5 6                 id = index, with bit 31 for IPv6
 */
#include "ip/layer.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT_LEN 48

static int compare_ranges(const void *a, const void *b)
{
	const struct hr_laddr_range *x = a, *y = b;

	if (x->first.family != y->first.family)
		return x->first.family < y->first.family ? -1 : 1;
	return memcmp(x->first.b, y->first.b, sizeof(x->first.b));
}

static uint32_t v4_number(const uint8_t *addr)
{
	rte_be32_t v4;

	memcpy(&v4, addr, sizeof(v4));
	return rte_be_to_cpu_32(v4);
}

/* How far addr is past first (same family, not smaller); UINT32_MAX when further than that. Each
 * stranger's IPv4 address is looked for: as a number. */
static uint32_t distance(const struct hr_ip *first, const uint8_t *addr)
{
	uint64_t d = 0;
	int borrow = 0;

	if (first->family == 4)
		return v4_number(addr) - rte_be_to_cpu_32(first->v4);
	for (unsigned i = 16; i-- > 0;) {
		int x = addr[i] - first->b[i] - borrow;
		unsigned shift = 8 * (15 - i);

		borrow = x < 0;
		x &= 0xff;
		if (shift < 32)
			d |= (uint64_t)x << shift;
		else if (x != 0)
			return UINT32_MAX;
	}
	return (uint32_t)d;
}

static int check_range(const struct hr_ip_layer *ip, unsigned i, char *err, size_t errlen)
{
	const struct hr_addr_config *a = &ip->cfg.cfg->addrs[i];
	unsigned bits = a->first.family == 4 ? 32 : 128;
	struct hr_ip last;
	char text[TEXT_LEN];

	if (a->first.family != 4 && a->first.family != 6)
		return hr_error(err, errlen, -EINVAL,
			"addrs[%u]: the address has no family; use 4 or 6", i);
	hr_ip_text(&a->first, text, sizeof(text));
	if (a->port >= ip->n_ports)
		return hr_error(err, errlen, -EINVAL,
			"addrs[%u]: %s is on port %u, but there are only %u ports", i, text,
			a->port, ip->n_ports);
	if (a->prefix_len == 0 || a->prefix_len > bits)
		return hr_error(err, errlen, -EINVAL,
			"addrs[%u]: %s/%u: the prefix length must be 1 to %u", i, text,
			a->prefix_len, bits);
	if (a->count == 0 || a->count > HR_LADDR_MAX)
		return hr_error(err, errlen, -EINVAL,
			"addrs[%u]: %u addresses from %s; use 1 to %u", i, a->count, text,
			HR_LADDR_MAX);
	if (!hr_ip_unicast(ip, &a->first))
		return hr_error(
			err, errlen, -EINVAL, "addrs[%u]: %s is not a unicast address", i, text);
	last = hr_ip_add(&a->first, a->count - 1);
	for (unsigned bit = 0; bit < a->prefix_len; bit++)
		if ((a->first.b[bit / 8] ^ last.b[bit / 8]) & (0x80 >> bit % 8))
			return hr_error(err, errlen, -EINVAL,
				"addrs[%u]: %u addresses from %s do not fit in a /%u; use a "
				"shorter prefix",
				i, a->count, text, a->prefix_len);
	if (a->first.family == 4 && a->prefix_len <= 30 &&
		(rte_be_to_cpu_32(last.v4) | ~(UINT32_MAX >> a->prefix_len)) == UINT32_MAX)
		return hr_error(err, errlen, -EINVAL,
			"addrs[%u]: %u addresses from %s/%u reach the broadcast address; use one "
			"less",
			i, a->count, text, a->prefix_len);
	return 0;
}

/* RFC 4291 2.5.1 and 2.5.6: the port's own link-local address, which NDP wants (RFC 4861 6.1, RFC
 * 4291 2.8). */
static struct hr_laddr_range link_local_range(const struct hr_ip_layer *ip, unsigned port)
{
	const uint8_t *mac = ip->port[port].mac;
	struct hr_laddr_range r = {.count = 1, .prefix_len = 64, .port = (uint8_t)port};

	r.first.family = 6;
	r.first.b[0] = 0xfe;
	r.first.b[1] = 0x80;
	memcpy(r.first.b + 8, mac, 3);
	r.first.b[8] ^= 0x02;
	r.first.b[11] = 0xff;
	r.first.b[12] = 0xfe;
	memcpy(r.first.b + 13, mac + 3, 3);
	return r;
}

/* Append one for each port with IPv6, unless the address exists already: configured, or on a port
 * with the same MAC. */
static void add_link_locals(struct hr_ip_layer *ip)
{
	unsigned configured = ip->n_ranges;

	for (unsigned port = 0; port < ip->n_ports; port++) {
		struct hr_laddr_range r = link_local_range(ip, port);
		bool wanted = false;

		for (unsigned i = 0; i < configured; i++)
			wanted |= ip->range[i].first.family == 6 && ip->range[i].port == port;
		for (unsigned i = 0; i < ip->n_ranges; i++) {
			const struct hr_laddr_range *o = &ip->range[i];

			if (o->first.family == 6 && memcmp(o->first.b, r.first.b, 16) <= 0 &&
				distance(&o->first, r.first.b) < o->count)
				wanted = false;
		}
		if (wanted)
			ip->range[ip->n_ranges++] = r;
	}
}

static int number_ranges(struct hr_ip_layer *ip, char *err, size_t errlen)
{
	uint32_t index = 1;

	qsort(ip->range, ip->n_ranges, sizeof(*ip->range), compare_ranges);
	for (unsigned i = 0; i < ip->n_ranges; i++) {
		struct hr_laddr_range *r = &ip->range[i], *next = r + 1;
		char text[TEXT_LEN];

		if (i + 1 < ip->n_ranges && next->first.family == r->first.family &&
			distance(&r->first, next->first.b) < r->count)
			return hr_error(err, errlen, -EINVAL,
				"addrs: %s is configured twice; let the ranges not overlap",
				hr_ip_text(&next->first, text, sizeof(text)));
		if (r->count > HR_LADDR_MAX - index)
			return hr_error(err, errlen, -EINVAL,
				"addrs: more than %u local addresses in all", HR_LADDR_MAX - 1);
		r->index = index;
		index += r->count;
		ip->n_ranges4 += r->first.family == 4;
	}
	ip->n_laddrs = index - 1;
	return 0;
}

int hr_laddr_init(struct hr_ip_layer *ip, char *err, size_t errlen)
{
	const struct hr_engine_config *cfg = ip->cfg.cfg;
	int ret;

	if (cfg->n_addrs > UINT16_MAX - HR_MAX_PORTS)
		return hr_error(err, errlen, -EINVAL,
			"addrs: %u ranges are too many; use at most %d", cfg->n_addrs,
			UINT16_MAX - HR_MAX_PORTS);
	ip->range = calloc(cfg->n_addrs + ip->n_ports, sizeof(*ip->range));
	ip->last = aligned_alloc(RTE_CACHE_LINE_SIZE,
		RTE_ALIGN_CEIL(sizeof(*ip->last), (size_t)RTE_CACHE_LINE_SIZE));
	if (ip->range == NULL || ip->last == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "no memory for %u address ranges", cfg->n_addrs);
	memset(ip->last, 0, sizeof(*ip->last));
	for (unsigned i = 0; i < cfg->n_addrs; i++) {
		const struct hr_addr_config *a = &cfg->addrs[i];

		ret = check_range(ip, i, err, errlen);
		if (ret != 0)
			return ret;
		ip->range[ip->n_ranges++] = (struct hr_laddr_range){
			.first = hr_ip_from(a->first.family, a->first.b),
			.count = a->count,
			.prefix_len = a->prefix_len,
			.port = a->port,
		};
	}
	add_link_locals(ip);
	ret = number_ranges(ip, err, errlen);
	if (ret != 0)
		return ret;
	/* Zero pages until they are used: calloc, and filled in one by one. */
	ip->laddr = calloc((size_t)ip->n_laddrs + 1, sizeof(*ip->laddr));
	if (ip->laddr == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "no memory for %u local addresses", ip->n_laddrs);
	return 0;
}

static bool at_or_before(const struct hr_ip *first, const uint8_t *addr)
{
	return first->family == 4 ? rte_be_to_cpu_32(first->v4) <= v4_number(addr)
				  : memcmp(first->b, addr, sizeof(first->b)) <= 0;
}

/* Where the first range of the family is that starts after addr, from lo to hi. */
static unsigned range_after(
	const struct hr_ip_layer *ip, unsigned lo, unsigned hi, const uint8_t *addr)
{
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (at_or_before(&ip->range[mid].first, addr))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t search6(const struct hr_ip_layer *ip, const uint8_t *addr)
{
	unsigned after = range_after(ip, ip->n_ranges4, ip->n_ranges, addr);
	const struct hr_laddr_range *r;
	uint32_t d;

	if (after == ip->n_ranges4)
		return 0;
	r = &ip->range[after - 1];
	d = distance(&r->first, addr);
	return d < r->count ? (r->index + d) | HR_LADDR_V6 : 0;
}

/* Remembers the range, or what is between two: both addresses of each SYN are looked for. */
static uint32_t search4(const struct hr_ip_layer *ip, const uint8_t *addr)
{
	unsigned after = range_after(ip, 0, ip->n_ranges4, addr);
	struct hr_laddr_last *last = ip->last;
	uint32_t from = 0, end = UINT32_MAX;

	if (after != 0) {
		const struct hr_laddr_range *r = &ip->range[after - 1];
		uint32_t first = rte_be_to_cpu_32(r->first.v4), d = v4_number(addr) - first;

		if (d < r->count) {
			last->first4 = first;
			last->count4 = r->count;
			last->index4 = r->index;
			return r->index + d;
		}
		from = first + r->count;
	}
	if (after < ip->n_ranges4)
		end = rte_be_to_cpu_32(ip->range[after].first.v4);
	last->gap4 = from;
	last->gap_count4 = end - from;
	return 0;
}

/* The range that an id is in. */
static const struct hr_laddr_range *range_of(const struct hr_ip_layer *ip, uint32_t id)
{
	uint32_t index = HR_LADDR_INDEX(id);
	unsigned lo = 0, hi = ip->n_ranges;

	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (ip->range[mid].index <= index)
			lo = mid;
		else
			hi = mid;
	}
	return &ip->range[lo];
}

uint32_t hr_laddr_find(const struct hr_ip_layer *ip, uint8_t family, const void *addr)
{
	struct hr_laddr_last *last = ip->last;
	uint32_t id;

	if (likely(family == 4)) {
		uint32_t v4 = v4_number(addr), d = v4 - last->first4;

		/* In the range of the last one: every client of a load generator is. */
		if (likely(d < last->count4))
			return last->index4 + d;
		if (likely(v4 - last->gap4 < last->gap_count4))
			return 0;
		return search4(ip, addr);
	}
	if (last->id6 != 0 && memcmp(last->addr6, addr, 16) == 0)
		return last->id6;
	id = search6(ip, addr);
	if (id != 0) {
		memcpy(last->addr6, addr, 16);
		last->id6 = id;
	}
	return id;
}

const struct hr_laddr_last *hr_laddr_last(const struct hr_ip_layer *ip)
{
	return ip->last;
}

uint32_t hr_laddr_on_port(
	const struct hr_ip_layer *ip, unsigned port, uint8_t family, const void *addr)
{
	uint32_t id = hr_laddr_find(ip, family, addr);

	return id != 0 && hr_laddr_port(ip, id) == port ? id : 0;
}

static void fill_in(const struct hr_ip_layer *ip, struct hr_laddr_entry *e, uint32_t index)
{
	const struct hr_laddr_range *r = range_of(ip, index);

	e->ip = hr_ip_add(&r->first, index - r->index);
	e->port = r->port;
}

struct hr_laddr_entry *hr_laddr_entry(const struct hr_ip_layer *ip, uint32_t id)
{
	uint32_t index = HR_LADDR_INDEX(id);
	struct hr_laddr_entry *e = &ip->laddr[index];

	must(index > 0 && index <= ip->n_laddrs);
	if (unlikely(e->ip.family == 0))
		fill_in(ip, e, index);
	return e;
}

const struct hr_ip *hr_laddr(const struct hr_ip_layer *ip, uint32_t id)
{
	return &hr_laddr_entry(ip, id)->ip;
}

unsigned hr_laddr_port(const struct hr_ip_layer *ip, uint32_t id)
{
	return ip->n_ports == 1 ? 0 : hr_laddr_entry(ip, id)->port;
}
