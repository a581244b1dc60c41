/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that wait for the address of their next hop: a few for each, a share of the pool for all.
 * Without the share a few hundred made-up neighbours would take all memory with the answers to
 * their SYNs, and the requests that end the waiting could not be sent for want of it.
 *
 *   wait_head = waits for longest <-> ... <-> wait_tail    each: pending[0] oldest .. pending[n-1]
 *
 * Who has been waiting for longest is the least likely to answer, and gives way first.
 */
#include "ip/layer.h"

static void link_last(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	uint16_t n = hr_nh_number(ip, e);

	e->wait_next = 0;
	e->wait_prev = ip->wait_tail;
	if (ip->wait_tail != 0)
		ip->nh[ip->wait_tail].wait_next = n;
	else
		ip->wait_head = n;
	ip->wait_tail = n;
}

static void unlink_entry(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	if (e->wait_prev != 0)
		ip->nh[e->wait_prev].wait_next = e->wait_next;
	else
		ip->wait_head = e->wait_next;
	if (e->wait_next != 0)
		ip->nh[e->wait_next].wait_prev = e->wait_prev;
	else
		ip->wait_tail = e->wait_prev;
}

bool hr_nh_drop_oldest(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	struct hr_nexthop *h = &e->nh;

	if (h->pending_n == 0)
		return false;
	rte_pktmbuf_free(h->pending[0]);
	memmove(h->pending, h->pending + 1, (HR_NH_PENDING - 1) * sizeof(h->pending[0]));
	if (--h->pending_n == 0)
		unlink_entry(ip, e);
	must(ip->waiting > 0);
	ip->waiting--;
	hr_count(ip->cfg.m, HR_C_arp_dropped);
	return true;
}

void hr_nh_drop_pending(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	while (hr_nh_drop_oldest(ip, e))
		;
}

/* RFC 1122 2.3.2.2 (SHOULD save at least one), RFC 4861 7.2.2: the newest replace the oldest. */
void hr_nh_wait(struct hr_ip_layer *ip, struct hr_nh_entry *e, struct rte_mbuf *m)
{
	if (e->nh.pending_n == HR_NH_PENDING) {
		(void)hr_nh_drop_oldest(ip, e);
	} else if (ip->waiting >= ip->waiting_max) {
		hr_count(ip->cfg.m, HR_C_arp_crowded);
		(void)hr_nh_drop_oldest(ip, &ip->nh[ip->wait_head]);
	}
	if (e->nh.pending_n == 0)
		link_last(ip, e);
	e->nh.pending[e->nh.pending_n++] = m;
	ip->waiting++;
}

unsigned hr_nh_waited(
	struct hr_ip_layer *ip, struct hr_nh_entry *e, struct rte_mbuf *m[HR_NH_PENDING])
{
	unsigned n = e->nh.pending_n;

	if (n == 0)
		return 0;
	memcpy(m, e->nh.pending, n * sizeof(m[0]));
	e->nh.pending_n = 0;
	unlink_entry(ip, e);
	must(ip->waiting >= n);
	ip->waiting -= n;
	return n;
}

bool hr_nexthop_full(const struct hr_ip_layer *ip, uint16_t nh)
{
	const struct hr_nexthop *h = &ip->nh[nh].nh;

	/* The first packet asks: it goes ahead, whoever gives way for it. */
	return h->state == NH_INCOMPLETE &&
	       (h->pending_n == HR_NH_PENDING ||
		       (h->pending_n > 0 && ip->waiting >= ip->waiting_max));
}
