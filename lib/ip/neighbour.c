/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What next hops do: the neighbour state machine of RFC 4861 7.3, spoken for ARP as well. It
 * decides when to ask, what to believe and when to give up; the messages are made by arp.c and
 * ndp.c, the entries are kept by nhtable.c.
 *
 *               first packet            answer                no news for 15..45 s
 *   INCOMPLETE ------------> (asking) ---------> REACHABLE --------------------------> STALE
 *       ^   |                                        ^                                   | in use
 * for 5 s |   | 3 tries, 1 s apart                     | answer, TCP progress              v |   v
 * +------------------------------- PROBE (unicast) | FAILED  refuses for 3 s, then              |
 *       +------ the next packet asks again           | 3 tries: the MAC may have changed
 *       +--------------------------------------------+
 */
#include "ip/layer.h"

static bool solicit(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	const uint8_t *mac = e->nh.state == NH_PROBE ? e->nh.l2 : NULL;
	bool sent = e->nh.family == 4
			    ? hr_arp_solicit(ip, e->nh.port, e->laddr_id, &e->nh.addr, mac)
			    : hr_ndp_solicit(ip, e->nh.port, e->laddr_id, &e->nh.addr, mac);

	if (sent)
		hr_count(ip->cfg.m, HR_C_arp_sent);
	return sent;
}

/* Ask, and come back in a second; when the pool is empty the attempt does not count and comes
 * sooner. */
static bool ask(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	bool asked = solicit(ip, e);

	e->nh.tries += asked;
	hr_nh_deadline(ip, e, now_us + (asked ? HR_NH_RETRY_US : HR_NO_MBUF_US));
	return asked;
}

/*
 * The same with a packet's memory when there is no other: what waits would wait for ever if the
 * pool were empty because of it. Not at the first attempt: memory may be back in a moment.
 */
static void ask_again(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	while (!ask(ip, e, now_us) && hr_nh_drop_oldest(ip, e))
		;
}

static void enter_incomplete(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	e->nh.state = NH_INCOMPLETE;
	e->nh.tries = 0;
	ask(ip, e, now_us);
}

static void enter_reachable(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	e->nh.state = NH_REACHABLE;
	e->nh.tries = 0;
	e->nh.confirmed_us = now_us;
	e->delay = false;
	/* RFC 4861 6.3.2: uniform in 0.5..1.5 of the base, so that hosts do not probe in step. */
	e->reach_us = (uint32_t)(HR_NH_REACH_US / 2) +
		      hr_rng_below(ip->cfg.rng, (uint32_t)HR_NH_REACH_US + 1);
	hr_nh_deadline(ip, e, now_us + e->reach_us);
}

static void enter_stale(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	e->nh.state = NH_STALE;
	e->nh.tries = 0;
	e->delay = false;
	hr_nh_deadline(ip, e, HR_NEVER);
}

/* Calls back last: whoever is told may drop references, ask for routes and so reuse e. */
static void fail(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	e->nh.state = NH_FAILED;
	e->told_failed = true;
	hr_nh_drop_pending(ip, e);
	hr_nh_deadline(ip, e, now_us + HR_NH_FAILED_US);
	hr_count(ip->cfg.m, HR_C_arp_failed);
	ip->cfg.unreachable(ip->cfg.arg, hr_nh_number(ip, e));
}

static void transmit(struct hr_ip_layer *ip, struct hr_nh_entry *e, struct rte_mbuf *m)
{
	char *p = rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN);

	must(p != NULL);
	memcpy(p, e->nh.l2, RTE_ETHER_HDR_LEN);
	ip->cfg.emit(ip->cfg.arg, e->nh.port, m);
}

bool hr_nexthop_send(struct hr_ip_layer *ip, uint16_t nh, struct rte_mbuf *m, uint64_t now_us)
{
	struct hr_nh_entry *e = &ip->nh[nh];

	must(nh > 0 && nh <= ip->nh_top);
	ip->now_us = now_us;
	switch (e->nh.state) {
	case NH_STALE:
		if (!e->delay) {
			e->delay = true;
			hr_nh_deadline(ip, e, now_us + HR_NH_DELAY_US);
		}
		/* fall through */
	case NH_REACHABLE:
	case NH_PROBE:
		transmit(ip, e, m);
		return true;
	case NH_INCOMPLETE:
		hr_nh_wait(ip, e, m);
		if (e->nh.deadline_us == HR_NEVER)
			enter_incomplete(ip, e, now_us);
		return true;
	case NH_FAILED:
		/* No deadline: the time of refusal is over and expire() has seen it. */
		if (e->nh.deadline_us != HR_NEVER && now_us < e->nh.deadline_us) {
			rte_pktmbuf_free(m);
			return false;
		}
		hr_nh_wait(ip, e, m);
		enter_incomplete(ip, e, now_us);
		return true;
	default:
		must(!"a free next hop was used");
		return false;
	}
}

void hr_nexthop_confirm(struct hr_ip_layer *ip, uint16_t nh, uint64_t now_us)
{
	struct hr_nh_entry *e = &ip->nh[nh];

	must(nh > 0 && nh <= ip->nh_top);
	ip->now_us = now_us;
	/* The timer finds out later that it fired too early: nothing else to do per ACK. */
	if (likely(e->nh.state == NH_REACHABLE))
		e->nh.confirmed_us = now_us;
	else if (e->nh.state == NH_STALE || e->nh.state == NH_PROBE)
		enter_reachable(ip, e, now_us);
}

void hr_nexthop_doubt(struct hr_ip_layer *ip, uint16_t nh)
{
	struct hr_nh_entry *e = &ip->nh[nh];

	must(nh > 0 && nh <= ip->nh_top);
	if (e->nh.state == NH_REACHABLE)
		enter_stale(ip, e);
}

/* The answer is here: send what waited, oldest first, and tell those who were told of a failure. */
static void resolved(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	uint16_t nh = hr_nh_number(ip, e);
	struct rte_mbuf *m[HR_NH_PENDING];
	unsigned n = hr_nh_waited(ip, e, m);
	bool tell = e->told_failed;

	e->told_failed = false;
	for (unsigned i = 0; i < n; i++)
		hr_nexthop_send(ip, nh, m[i], now_us);
	if (tell)
		ip->cfg.unreachable(ip->cfg.arg, nh);
}

void hr_nh_learn(struct hr_ip_layer *ip, struct hr_nh_entry *e, const uint8_t *mac, bool solicited,
	bool override, uint64_t now_us)
{
	bool differs = mac != NULL && memcmp(e->nh.l2, mac, RTE_ETHER_ADDR_LEN) != 0;

	if (e->nh.state == NH_INCOMPLETE || e->nh.state == NH_FAILED) {
		if (mac == NULL)
			return;
		memcpy(e->nh.l2, mac, RTE_ETHER_ADDR_LEN);
		if (solicited)
			enter_reachable(ip, e, now_us);
		else
			enter_stale(ip, e);
		resolved(ip, e, now_us);
		return;
	}
	/* RFC 4861 7.2.5 I: another MAC without Override only casts doubt. */
	if (differs && !override) {
		if (e->nh.state == NH_REACHABLE)
			enter_stale(ip, e);
		return;
	}
	if (differs)
		memcpy(e->nh.l2, mac, RTE_ETHER_ADDR_LEN);
	if (solicited)
		enter_reachable(ip, e, now_us);
	else if (differs)
		enter_stale(ip, e);
}

static void timer(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t now_us)
{
	switch (e->nh.state) {
	case NH_INCOMPLETE:
		if (e->nh.tries >= HR_NH_TRIES)
			fail(ip, e, now_us);
		else
			ask_again(ip, e, now_us);
		break;
	case NH_REACHABLE:
		if (e->nh.confirmed_us + e->reach_us > now_us)
			hr_nh_deadline(ip, e, e->nh.confirmed_us + e->reach_us);
		else
			enter_stale(ip, e);
		break;
	case NH_STALE:
		e->nh.state = NH_PROBE;
		e->nh.tries = 0;
		e->delay = false;
		ask(ip, e, now_us);
		break;
	case NH_PROBE:
		/* RFC 4861 7.3.3 deletes the entry here; who still holds it wants to know the new
		 * MAC. */
		if (e->nh.tries < HR_NH_TRIES)
			ask(ip, e, now_us);
		else if (e->nh.refs == 0)
			hr_nh_release(ip, e);
		else
			enter_incomplete(ip, e, now_us);
		break;
	case NH_FAILED:
		if (e->nh.refs == 0)
			hr_nh_release(ip, e);
		else
			hr_nh_deadline(ip, e, HR_NEVER);
		break;
	default:
		must(!"a free next hop has no timer");
	}
}

static uint64_t unused_deadline(const struct hr_ip_layer *ip)
{
	return ip->lru_head != 0 ? ip->nh[ip->lru_head].unused_us + HR_NH_UNUSED_US : HR_NEVER;
}

void hr_nh_expire(struct hr_ip_layer *ip, uint64_t now_us)
{
	/* Every timer() moves its deadline past now, so each entry fires once or twice at most. */
	while (ip->heap_n > 0) {
		struct hr_nh_entry *e = &ip->nh[ip->heap[1]];

		if (e->nh.deadline_us > now_us)
			break;
		timer(ip, e, now_us);
	}
	while (unused_deadline(ip) <= now_us)
		hr_nh_release(ip, &ip->nh[ip->lru_head]);
}

uint64_t hr_nh_next_deadline(const struct hr_ip_layer *ip)
{
	uint64_t timer_us = ip->heap_n > 0 ? ip->nh[ip->heap[1]].nh.deadline_us : HR_NEVER;

	return RTE_MIN(timer_us, unused_deadline(ip));
}

void hr_ip_neighbours(
	const struct hr_ip_layer *ip, unsigned *complete, unsigned *incomplete, unsigned *failed)
{
	*complete = *incomplete = *failed = 0;
	for (unsigned i = 1; i <= ip->nh_top; i++) {
		uint8_t state = ip->nh[i].nh.state;

		*complete += state == NH_REACHABLE || state == NH_STALE || state == NH_PROBE;
		*incomplete += state == NH_INCOMPLETE;
		*failed += state == NH_FAILED;
	}
}
