/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling the neighbours about us: at start, so that nobody keeps an old MAC for our addresses, and
 * when another station claims one of them. Announcements that find the pool empty go on by timer.
 */
#include "ip/layer.h"

static bool announce(struct hr_ip_layer *ip, uint32_t id)
{
	return id & HR_LADDR_V6 ? hr_ndp_announce(ip, id) : hr_arp_announce(ip, id);
}

void hr_announce_expire(struct hr_ip_layer *ip, uint64_t now_us)
{
	while (ip->announce_next < ip->announce_n &&
		announce(ip, ip->announce_id[ip->announce_next]))
		ip->announce_next++;
	ip->announce_us = ip->announce_next < ip->announce_n ? now_us + HR_NO_MBUF_US : HR_NEVER;
}

/* Every range of a port gets its share of the port's 64, so that a large one does not silence the
 * others. */
static void collect(struct hr_ip_layer *ip, unsigned port)
{
	unsigned left = HR_ANNOUNCE_MAX, ranges = 0;

	for (unsigned i = 0; i < ip->n_ranges; i++)
		ranges += ip->range[i].port == port;
	for (unsigned i = 0; i < ip->n_ranges && left > 0; i++) {
		const struct hr_laddr_range *r = &ip->range[i];
		unsigned n;

		if (r->port != port)
			continue;
		n = RTE_MAX(left / ranges, 1u);
		n = RTE_MIN(n, r->count);
		ranges--;
		left -= n;
		for (unsigned k = 0; k < n; k++)
			ip->announce_id[ip->announce_n++] =
				(r->index + k) | (r->first.family == 6 ? HR_LADDR_V6 : 0);
	}
}

void hr_ip_announce(struct hr_ip_layer *ip, uint64_t now_us)
{
	ip->now_us = now_us;
	ip->announce_n = ip->announce_next = 0;
	for (unsigned port = 0; port < ip->n_ports; port++)
		collect(ip, port);
	hr_announce_expire(ip, now_us);
}

void hr_ip_defend(struct hr_ip_layer *ip, uint32_t laddr_id, uint64_t now_us)
{
	struct hr_laddr_entry *e = hr_laddr_entry(ip, laddr_id);

	if (e->defended_us != 0 && now_us < e->defended_us + HR_IP_DEFEND_US)
		return;
	/* Time 0 would read as never; one microsecond more does no harm. */
	if (announce(ip, laddr_id))
		e->defended_us = RTE_MAX(now_us, UINT64_C(1));
}
