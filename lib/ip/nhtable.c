/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where next hops live: a fixed array whose numbers never move, found by a keyed hash of (port,
 * address), with a heap of deadlines and a list of the entries nobody references. An entry with
 * references is never freed; unused ones go after ten minutes, or oldest first when a new one needs
 * the room. What entries do is left to neighbour.c.
 *
 *   bucket[] --> entry --> entry      heap[1] = nearest deadline      lru_head = unused for longest
 */
#include "ip/layer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/siphash.h"

#define SECOND_CHANCES 8

int hr_nh_init(struct hr_ip_layer *ip, char *err, size_t errlen)
{
	/* Big and sparse: untouched pages of it cost nothing. */
	ip->nh = calloc(HR_NH_MAX + 1, sizeof(*ip->nh));
	ip->bucket = calloc(HR_NH_BUCKETS, sizeof(*ip->bucket));
	ip->heap = calloc(HR_NH_MAX + 1, sizeof(*ip->heap));
	if (ip->nh == NULL || ip->bucket == NULL || ip->heap == NULL)
		return hr_error(err, errlen, -ENOMEM, "no memory for %d next hops", HR_NH_MAX);
	ip->hash_key[0] = hr_rng_u64(ip->cfg.rng);
	ip->hash_key[1] = hr_rng_u64(ip->cfg.rng);
	return 0;
}

void hr_nh_fini(struct hr_ip_layer *ip)
{
	for (unsigned i = 1; i <= ip->nh_top; i++)
		hr_nh_drop_pending(ip, &ip->nh[i]);
	free(ip->heap);
	free(ip->bucket);
	free(ip->nh);
}

uint16_t hr_nh_number(const struct hr_ip_layer *ip, const struct hr_nh_entry *e)
{
	return (uint16_t)(e - ip->nh);
}

/* --- hash ---------------------------------------------------------------------------------- */

static uint16_t *bucket_of(const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr)
{
	uint8_t key[18] = {(uint8_t)port, addr->family};

	memcpy(key + 2, addr->b, 16);
	return &ip->bucket[hr_siphash13(ip->hash_key, key, sizeof(key)) % HR_NH_BUCKETS];
}

struct hr_nh_entry *hr_nh_find(
	const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr)
{
	for (uint16_t n = *bucket_of(ip, port, addr); n != 0; n = ip->nh[n].hash_next)
		if (ip->nh[n].nh.port == port && hr_ip_same(&ip->nh[n].nh.addr, addr))
			return &ip->nh[n];
	return NULL;
}

static void unhash(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	uint16_t n = hr_nh_number(ip, e), *link = bucket_of(ip, e->nh.port, &e->nh.addr);

	while (*link != n) {
		must(*link != 0);
		link = &ip->nh[*link].hash_next;
	}
	*link = e->hash_next;
}

/* --- the unused, oldest first -------------------------------------------------------------- */

static void lru_append(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	uint16_t n = hr_nh_number(ip, e);

	e->unused_us = ip->now_us;
	e->lru_next = 0;
	e->lru_prev = ip->lru_tail;
	if (ip->lru_tail != 0)
		ip->nh[ip->lru_tail].lru_next = n;
	else
		ip->lru_head = n;
	ip->lru_tail = n;
}

static void lru_remove(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	if (e->lru_prev != 0)
		ip->nh[e->lru_prev].lru_next = e->lru_next;
	else
		ip->lru_head = e->lru_next;
	if (e->lru_next != 0)
		ip->nh[e->lru_next].lru_prev = e->lru_prev;
	else
		ip->lru_tail = e->lru_prev;
}

void hr_nh_hold(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	if (e->nh.refs++ == 0)
		lru_remove(ip, e);
}

/* The time of being unused starts at the latest time the layer was told. Never frees: the caller
 * may still look at it. */
void hr_nexthop_hold(struct hr_ip_layer *ip, uint16_t nh)
{
	must(nh <= HR_NH_MAX && ip->nh[nh].nh.refs > 0);
	ip->nh[nh].nh.refs++;
}

void hr_nexthop_put(struct hr_ip_layer *ip, uint16_t nh)
{
	struct hr_nh_entry *e = &ip->nh[nh];

	must(nh <= HR_NH_MAX && e->nh.refs > 0);
	if (unlikely(--e->nh.refs == 0))
		lru_append(ip, e);
}

struct hr_nexthop *hr_nexthop(struct hr_ip_layer *ip, uint16_t nh)
{
	/* Number 0 and those never used are free, too. */
	must(nh <= HR_NH_MAX && ip->nh[nh].nh.state != NH_FREE);
	return &ip->nh[nh].nh;
}

/* --- deadlines ----------------------------------------------------------------------------- */

static void heap_place(struct hr_ip_layer *ip, uint16_t pos, uint16_t n)
{
	ip->heap[pos] = n;
	ip->nh[n].heap_pos = pos;
}

static uint64_t heap_key(const struct hr_ip_layer *ip, uint16_t pos)
{
	return ip->nh[ip->heap[pos]].nh.deadline_us;
}

/* Let the entry at pos rise or sink to where its deadline belongs. */
static void heap_settle(struct hr_ip_layer *ip, uint16_t pos)
{
	uint16_t n = ip->heap[pos], child;
	uint64_t key = ip->nh[n].nh.deadline_us;

	for (; pos > 1 && heap_key(ip, pos / 2) > key; pos /= 2)
		heap_place(ip, pos, ip->heap[pos / 2]);
	for (; (child = (uint16_t)(2 * pos)) <= ip->heap_n; pos = child) {
		if (child < ip->heap_n && heap_key(ip, (uint16_t)(child + 1)) < heap_key(ip, child))
			child++;
		if (heap_key(ip, child) >= key)
			break;
		heap_place(ip, pos, ip->heap[child]);
	}
	heap_place(ip, pos, n);
}

/* HR_NEVER takes the entry off the heap. */
void hr_nh_deadline(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t at_us)
{
	uint16_t pos = e->heap_pos;

	e->nh.deadline_us = at_us;
	if (at_us != HR_NEVER) {
		if (pos == 0) {
			pos = ++ip->heap_n;
			ip->heap[pos] = hr_nh_number(ip, e);
		}
		heap_settle(ip, pos);
	} else if (pos != 0) {
		uint16_t last = ip->heap[ip->heap_n--];

		e->heap_pos = 0;
		if (last != hr_nh_number(ip, e)) {
			ip->heap[pos] = last;
			heap_settle(ip, pos);
		}
	}
}

/* --- entries ------------------------------------------------------------------------------- */

void hr_nh_release(struct hr_ip_layer *ip, struct hr_nh_entry *e)
{
	must(e->nh.refs == 0 && e->nh.state != NH_FREE);
	memset(ip->memo, 0, sizeof(ip->memo));
	hr_nh_drop_pending(ip, e);
	hr_nh_deadline(ip, e, HR_NEVER);
	lru_remove(ip, e);
	unhash(ip, e);
	e->nh.state = NH_FREE;
	e->hash_next = ip->nh_free;
	ip->nh_free = hr_nh_number(ip, e);
}

/*
 * Who makes room: the one that is unused for longest, but not a host that has answered as long as
 * there are some that never did: it goes to the end, as if just used. Else a flood from made-up
 * neighbours would push the real ones out.
 */
static struct hr_nh_entry *victim(struct hr_ip_layer *ip)
{
	struct hr_nh_entry *e = &ip->nh[ip->lru_head];

	for (unsigned i = 0; i < SECOND_CHANCES; i++) {
		if (e->nh.state == NH_INCOMPLETE || e->nh.state == NH_FAILED)
			break;
		lru_remove(ip, e);
		lru_append(ip, e);
		e = &ip->nh[ip->lru_head];
	}
	return e;
}

struct hr_nh_entry *hr_nh_create(
	struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr, uint32_t laddr_id)
{
	uint16_t n, *bucket;
	struct hr_nh_entry *e;

	if (ip->nh_free == 0 && ip->nh_top == HR_NH_MAX && ip->lru_head != 0)
		hr_nh_release(ip, victim(ip));
	if (ip->nh_free != 0) {
		n = ip->nh_free;
		ip->nh_free = ip->nh[n].hash_next;
	} else if (ip->nh_top < HR_NH_MAX) {
		n = ++ip->nh_top;
	} else {
		hr_count(ip->cfg.m, HR_C_no_memory);
		return NULL;
	}
	e = &ip->nh[n];
	*e = (struct hr_nh_entry){.laddr_id = laddr_id};
	e->nh.state = NH_INCOMPLETE;
	e->nh.family = addr->family;
	e->nh.port = (uint8_t)port;
	e->nh.mtu = ip->port[port].mtu;
	e->nh.deadline_us = HR_NEVER;
	e->nh.addr = *addr;
	memcpy(e->nh.l2 + RTE_ETHER_ADDR_LEN, ip->port[port].mac, RTE_ETHER_ADDR_LEN);
	e->nh.l2[12] = addr->family == 4 ? 0x08 : 0x86;
	e->nh.l2[13] = addr->family == 4 ? 0x00 : 0xdd;
	bucket = bucket_of(ip, port, addr);
	e->hash_next = *bucket;
	*bucket = n;
	lru_append(ip, e);
	return e;
}
