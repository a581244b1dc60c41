/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of every type in real slabs, for the tests of the connection table. */
#ifndef TEST_UNIT_FLOW_FLOWS_H
#define TEST_UNIT_FLOW_FLOWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "flow/table.h"

struct flows {
	struct hr_slab slab[HR_REF_TYPES];
	struct hr_table_config cfg;
};

/* Sizes as they are in the engine; all are filled with garbage past the key. */
static inline void flows_up(struct flows *f, uint32_t max, bool siphash)
{
	static const uint32_t size[HR_REF_TYPES] = {256, 48, 32, 48};

	memset(f, 0, sizeof(*f));
	for (int type = 0; type < HR_REF_TYPES; type++) {
		assert_int_equal(
			hr_slab_init(&f->slab[type], "entries", size[type], max, -1, NULL, 0), 0);
		f->cfg.slab[type] = &f->slab[type];
	}
	f->cfg.key[0] = 0x0706050403020100;
	f->cfg.key[1] = 0x0f0e0d0c0b0a0908;
	f->cfg.siphash = siphash;
	f->cfg.max_entries = max;
	f->cfg.numa_node = -1;
}

static inline void flows_down(struct flows *f)
{
	for (int type = 0; type < HR_REF_TYPES; type++)
		hr_slab_fini(&f->slab[type]);
}

/* Key number n, always the same; the bytes that IPv4 does not use are different each time. */
static inline struct hr_flow_key flow_key(uint32_t n, bool v6, struct hr_rng *noise)
{
	struct hr_flow_key k = {.laddr_id = 1 + n % 3,
		.lport = (uint16_t)(n >> 2),
		.rport = (uint16_t)(443 + n % 5),
		.raddr = {0xc6120000 + n}};

	for (int i = 1; i < 4; i++)
		k.raddr[i] = v6 ? n * (uint32_t)i : (uint32_t)hr_rng_u64(noise);
	if (v6)
		k.laddr_id |= HR_LADDR_V6;
	return k;
}

static inline uint32_t flow_new(struct flows *f, enum hr_ref_type type, const struct hr_flow_key *k)
{
	uint8_t *e = hr_slab_alloc(&f->slab[type]);

	assert_non_null(e);
	memset(e, 0xa5, f->slab[type].stride);
	memcpy(e, k, type == HR_REF_TW4 ? HR_KEY4_LEN : HR_KEY6_LEN);
	return hr_ref(type, hr_slab_index(&f->slab[type], e));
}

static inline void flow_free(struct flows *f, uint32_t ref)
{
	struct hr_slab *s = &f->slab[hr_ref_type(ref)];

	hr_slab_free(s, hr_slab_at(s, hr_ref_index(ref)));
}

#endif
