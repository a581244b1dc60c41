/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What connections learned of the MTU of paths (RFC 1191 6.1, RFC 8201 5.2): a small cache by
 * remote address, so that the next connection does not stumble over the same router. An entry is
 * forgotten after ten minutes (RFC 1191 6.3), or when its bucket is full and it is the oldest.
 * Nothing is allocated before something is learned, which on most networks is never.
 */
#include "ip/layer.h"

#include <stdlib.h>

#include "base/siphash.h"

#define BUCKETS 512
#define WAYS    4
#define KEEP_US UINT64_C(600000000)

struct hr_pmtu_entry {
	uint64_t at_us; /* learned; 0 = free */
	uint8_t addr[16];
	uint8_t family;
	bool df_clear;
	uint16_t mtu;
};

static struct hr_pmtu_entry *bucket_of(const struct hr_ip_layer *ip, const struct hr_ip *remote)
{
	uint8_t key[17] = {remote->family};

	memcpy(key + 1, remote->b, 16);
	return &ip->pmtu[hr_siphash13(ip->hash_key, key, sizeof(key)) % BUCKETS * WAYS];
}

static bool is(const struct hr_pmtu_entry *e, const struct hr_ip *remote)
{
	return e->at_us != 0 && e->family == remote->family &&
	       memcmp(e->addr, remote->b, sizeof(e->addr)) == 0;
}

uint16_t hr_pmtu(
	const struct hr_ip_layer *ip, const struct hr_ip *remote, uint64_t now_us, bool *df_clear)
{
	const struct hr_pmtu_entry *e;

	*df_clear = false;
	if (likely(ip->pmtu == NULL))
		return 0;
	e = bucket_of(ip, remote);
	for (unsigned i = 0; i < WAYS; i++)
		if (is(&e[i], remote) && now_us - e[i].at_us < KEEP_US) {
			*df_clear = e[i].df_clear;
			return e[i].mtu;
		}
	return 0;
}

void hr_pmtu_learn(struct hr_ip_layer *ip, const struct hr_ip *remote, uint16_t mtu, bool df_clear,
	uint64_t now_us)
{
	struct hr_pmtu_entry *e, *to;

	if (ip->pmtu == NULL)
		ip->pmtu = calloc((size_t)BUCKETS * WAYS, sizeof(*ip->pmtu));
	if (ip->pmtu == NULL) {
		hr_count(ip->cfg.m, HR_C_no_memory);
		return;
	}
	to = e = bucket_of(ip, remote);
	for (unsigned i = 0; i < WAYS; i++) {
		if (is(&e[i], remote)) {
			to = &e[i];
			break;
		}
		if (e[i].at_us < to->at_us)
			to = &e[i];
	}
	*to = (struct hr_pmtu_entry){.at_us = RTE_MAX(now_us, UINT64_C(1)),
		.family = remote->family,
		.mtu = mtu,
		.df_clear = df_clear};
	memcpy(to->addr, remote->b, sizeof(to->addr));
}

void hr_pmtu_fini(struct hr_ip_layer *ip)
{
	free(ip->pmtu);
}
