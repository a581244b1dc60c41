/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: a small open-addressing hash, looked up once per SYN. Its content is the operator's,
 * so a plain mixing function does; deletion closes the gap, so there are no tombstones.
 */
#include "flow/listen.h"

#include <errno.h>
#include <stdlib.h>

#define MIN_SLOTS 16

struct listener {
	uint32_t laddr_id; /* 0 = any */
	uint16_t port;
	uint16_t service; /* 0 = empty slot */
};

struct hr_listeners {
	struct listener *slot;
	uint32_t slots; /* a power of two; at most half are used */
	uint32_t used;
	uint32_t exact; /* of those used, bound to one address */
};

static uint32_t start_of(uint32_t slots, uint32_t laddr_id, uint16_t port)
{
	uint64_t x = ((uint64_t)laddr_id << 16 | port) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(x >> 32) & (slots - 1);
}

/* The slot of this listener, or the empty one where it would go. */
static struct listener *probe(const struct hr_listeners *l, uint32_t laddr_id, uint16_t port)
{
	uint32_t i = start_of(l->slots, laddr_id, port);

	for (;; i = (i + 1) & (l->slots - 1)) {
		struct listener *s = &l->slot[i];

		if (s->service == 0 || (s->laddr_id == laddr_id && s->port == port))
			return s;
	}
}

static int grow(struct hr_listeners *l)
{
	struct hr_listeners big = {.slots = l->slots * 2, .used = l->used, .exact = l->exact};
	uint32_t i;

	big.slot = calloc(big.slots, sizeof(*big.slot));
	if (big.slot == NULL)
		return -ENOMEM;
	for (i = 0; i < l->slots; i++)
		if (l->slot[i].service != 0)
			*probe(&big, l->slot[i].laddr_id, l->slot[i].port) = l->slot[i];
	free(l->slot);
	*l = big;
	return 0;
}

struct hr_listeners *hr_listeners_create(void)
{
	struct hr_listeners *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->slots = MIN_SLOTS;
	l->slot = calloc(l->slots, sizeof(*l->slot));
	if (l->slot == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void hr_listeners_free(struct hr_listeners *l)
{
	if (l == NULL)
		return;
	free(l->slot);
	free(l);
}

int hr_listeners_add(struct hr_listeners *l, uint32_t laddr_id, uint16_t port, uint16_t service)
{
	must(service != 0);
	if (probe(l, laddr_id, port)->service != 0)
		return -EADDRINUSE;
	if ((l->used + 1) * 2 > l->slots && grow(l) < 0)
		return -ENOMEM;
	*probe(l, laddr_id, port) = (struct listener){laddr_id, port, service};
	l->used++;
	l->exact += laddr_id != 0;
	return 0;
}

int hr_listeners_remove(struct hr_listeners *l, uint32_t laddr_id, uint16_t port)
{
	struct listener *s = probe(l, laddr_id, port);
	uint32_t mask = l->slots - 1, gap = (uint32_t)(s - l->slot), i;
	uint16_t service = s->service;

	if (service == 0)
		return -ENOENT;
	/* Pull back each follower whose probe passes the gap on its way to where it is now. */
	for (i = (gap + 1) & mask; l->slot[i].service != 0; i = (i + 1) & mask) {
		uint32_t start = start_of(l->slots, l->slot[i].laddr_id, l->slot[i].port);

		if (((i - start) & mask) < ((i - gap) & mask))
			continue;
		l->slot[gap] = l->slot[i];
		gap = i;
	}
	l->slot[gap].service = 0;
	l->used--;
	l->exact -= laddr_id != 0;
	return service;
}

uint16_t hr_listeners_find(const struct hr_listeners *l, uint32_t laddr_id, uint16_t port)
{
	uint16_t service = 0;

	if (l->exact != 0)
		service = probe(l, laddr_id, port)->service;
	if (service == 0 && l->used != l->exact)
		service = probe(l, 0, port)->service;
	return service;
}
