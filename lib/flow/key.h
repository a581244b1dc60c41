/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The name of a connection within a worker, and typed references to the things that can have one.
 * The local address is interned (ip/laddr.h): 32 bits whatever the family, bit 31 tells IPv6. For
 * IPv4 the key is its first 12 bytes.
 */
#ifndef HR_FLOW_KEY_H
#define HR_FLOW_KEY_H

#include "base/base.h"

#define HR_LADDR_V6 BIT(31)

struct hr_flow_key {
	uint32_t laddr_id; /* 0 is never valid */
	uint16_t lport;    /* host order */
	uint16_t rport;
	union {
		uint32_t raddr4; /* network order */
		uint8_t raddr6[16];
		uint32_t raddr[4];
	};
};

#define HR_KEY4_LEN 12
#define HR_KEY6_LEN 24
_Static_assert(sizeof(struct hr_flow_key) == HR_KEY6_LEN, "24 bytes, no padding");

static inline bool hr_key_is6(const struct hr_flow_key *k)
{
	return (k->laddr_id & HR_LADDR_V6) != 0;
}

static inline uint32_t hr_key_len(const struct hr_flow_key *k)
{
	return hr_key_is6(k) ? HR_KEY6_LEN : HR_KEY4_LEN;
}

static inline bool hr_key_equal(const struct hr_flow_key *a, const struct hr_flow_key *b)
{
	if (a->laddr_id != b->laddr_id || a->lport != b->lport || a->rport != b->rport ||
		a->raddr4 != b->raddr4)
		return false;
	return !hr_key_is6(a) || memcmp(a->raddr6 + 4, b->raddr6 + 4, 12) == 0;
}

/* A typed reference: 3 bits of type over 29 bits of slab index; 0 is none. Every entry starts with
 * its key. */
enum hr_ref_type { HR_REF_CONN = 0, HR_REF_SYN, HR_REF_TW4, HR_REF_TW6, HR_REF_TYPES };

#define HR_REF_INDEX_BITS 29
#define HR_REF_INDEX_MASK (BIT(HR_REF_INDEX_BITS) - 1)

static inline uint32_t hr_ref(enum hr_ref_type type, uint32_t index)
{
	return (uint32_t)type << HR_REF_INDEX_BITS | index;
}

static inline enum hr_ref_type hr_ref_type(uint32_t ref)
{
	return (enum hr_ref_type)(ref >> HR_REF_INDEX_BITS);
}

static inline uint32_t hr_ref_index(uint32_t ref)
{
	return ref & HR_REF_INDEX_MASK;
}

#endif
