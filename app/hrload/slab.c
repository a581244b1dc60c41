/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools of equal objects: what is not done for each connection; see slab.h. */
#include "slab.h"

#include <stdlib.h>

#define LINE 64u

void slab_init(struct slab *s, size_t size, uint64_t limit)
{
	*s = (struct slab){.size = (uint32_t)((size + LINE - 1) / LINE * LINE),
		.limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX};
}

bool slab_grow(struct slab *s)
{
	uint32_t n = s->limit - s->items < SLAB_CHUNK ? s->limit - s->items : SLAB_CHUNK;
	char *chunk;

	if (n == 0)
		return false;
	/* The table of chunks doubles: whenever their number is a power of two. */
	if ((s->n_chunks & (s->n_chunks - 1)) == 0) {
		size_t room = s->n_chunks != 0 ? 2 * (size_t)s->n_chunks : 1;
		char **more = realloc(s->chunks, room * sizeof(*more));

		if (more == NULL)
			return false;
		s->chunks = more;
	}
	chunk = aligned_alloc(LINE, (size_t)n * s->size);
	if (chunk == NULL)
		return false;
	s->chunks[s->n_chunks++] = chunk;
	s->items += n;
	/* The lowest address is the first to be given out. */
	while (n-- > 0)
		slab_put(s, chunk + (size_t)n * s->size);
	return true;
}

void *slab_at(const struct slab *s, uint32_t i)
{
	struct slab_item *item = (void *)(s->chunks[i / SLAB_CHUNK] + i % SLAB_CHUNK * s->size);

	return item->next == item ? item : NULL;
}

void slab_release(struct slab *s)
{
	for (uint32_t i = 0; i < s->n_chunks; i++)
		free(s->chunks[i]);
	free(s->chunks);
	*s = (struct slab){.size = s->size, .limit = s->limit};
}
