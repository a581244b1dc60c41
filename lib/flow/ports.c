/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Source ports (RFC 6056 3.3.4, "double-hash": a cursor per group of destinations plus a secret
 * offset per destination). Per destination the order is a permutation, so a port comes round only
 * after all others; nobody without the key can tell where it starts. Which ports exist for a queue
 * is rss.c's knowledge, whether one is free the caller's.
 */
#include "flow/ports.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_byteorder.h>

#include "base/siphash.h"
#include "flow/permute.h"

#define CURSORS    4096 /* a power of two */
#define TRIES      128
#define MEMO_SHIFT 8

/* An IPv4 destination and its hash. */
struct memo {
	uint64_t hash;
	uint32_t laddr_id; /* 0 = none */
	uint32_t raddr4;
	uint16_t rport;
};

struct hr_ports {
	const struct hr_rss *rss; /* NULL: every port's replies arrive here */
	uint16_t queue, lo, hi;
	uint32_t number; /* of ports */
	uint64_t recip;  /* of that: ceil(2^64 / number) */
	uint64_t key[2];
	struct memo memo[1 << MEMO_SHIFT];
	uint32_t cursor[CURSORS];
};

struct hr_ports *hr_ports_create(
	const struct hr_rss *rss, uint16_t queue, uint16_t lo, uint16_t hi, const uint64_t key[2])
{
	struct hr_ports *p;
	uint32_t i;

	/* Port 0 is reserved: no packet may carry it. */
	lo = RTE_MAX(lo, 1);
	must(lo <= hi);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->rss = rss;
	p->queue = queue;
	p->lo = lo;
	p->hi = hi;
	p->number = (uint32_t)hi - lo + 1;
	p->recip = UINT64_MAX / p->number + 1;
	memcpy(p->key, key, sizeof(p->key));
	/* RFC 6056 3.3.4: cursors begin at random, so that counting them tells nothing about our
	 * age. */
	for (i = 0; i < CURSORS; i++)
		p->cursor[i] = (uint32_t)hr_siphash13(key, &i, sizeof(i)) >> 2;
	return p;
}

void hr_ports_free(struct hr_ports *p)
{
	free(p);
}

static uint64_t hash_of(const struct hr_ports *p, const struct hr_flow_key *k)
{
	struct hr_flow_key to = *k;

	to.lport = 0;
	return hr_siphash13(p->key, &to, hr_key_len(&to));
}

/* Connections go where others went before. Whoever collides only makes others take the long way. */
static uint64_t destination_hash(struct hr_ports *p, const struct hr_flow_key *k)
{
	uint32_t at = (k->laddr_id + k->raddr4 + k->rport) * UINT32_C(0x9e3779b1);
	struct memo *m = &p->memo[at >> (32 - MEMO_SHIFT)];

	if (unlikely(hr_key_is6(k)))
		return hash_of(p, k);
	if (m->laddr_id != k->laddr_id || m->raddr4 != k->raddr4 || m->rport != k->rport)
		*m = (struct memo){hash_of(p, k), k->laddr_id, k->raddr4, k->rport};
	return m->hash;
}

/* n % p->number, exact for all of 32 bits (Lemire, Kaser, Kurz 2019). */
static uint32_t modulo(const struct hr_ports *p, uint32_t n)
{
	return (uint32_t)((unsigned __int128)(p->recip * n) * p->number >> 64);
}

/* The n-th port of this destination's order; 0 when the queue has none. */
static uint16_t nth_port(const struct hr_ports *p, const struct hr_flow_key *k, const void *local,
	uint64_t hash, uint32_t n)
{
	if (p->rss == NULL)
		return (uint16_t)(p->lo + hr_permute(modulo(p, n), p->number, hash));
	return hr_rss_port(p->rss, hr_key_is6(k), k->raddr6, local, rte_cpu_to_be_16(k->rport),
		p->queue, n, p->lo, p->hi);
}

int hr_ports_pick(struct hr_ports *p, struct hr_flow_key *k, const void *local,
	bool (*taken)(void *arg, const struct hr_flow_key *k), void *arg)
{
	uint64_t hash = destination_hash(p, k);
	uint32_t *cursor = &p->cursor[hash & (CURSORS - 1)];
	uint32_t offset = (uint32_t)(hash >> 34);
	uint32_t tries;
	uint16_t first = 0;

	for (tries = 0; tries < TRIES; tries++) {
		uint16_t port = nth_port(p, k, local, hash, offset + *cursor);

		/* Once round: all of them are taken. */
		if (port == 0 || port == first)
			break;
		if (tries == 0)
			first = port;
		(*cursor)++;
		k->lport = port;
		if (!taken(arg, k))
			return 0;
	}
	return -EADDRNOTAVAIL;
}

void hr_ports_next(struct hr_ports *p, struct hr_flow_key *k, const void *local)
{
	uint64_t hash = destination_hash(p, k);
	uint32_t *cursor = &p->cursor[hash & (CURSORS - 1)];

	k->lport = nth_port(p, k, local, hash, (uint32_t)(hash >> 34) + *cursor);
	*cursor += k->lport != 0;
}
