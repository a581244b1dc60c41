/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Toeplitz in software and its inversion. The packet's side (hash, queue) is a table walk per input
 * byte. The inverse needs, for a residue g of the RETA mask, the ports p with T[p] & mask == g. T
 * is linear, so with the lowest `low_bits` port bits chosen such that they alone reach all
 * residues, each aligned block of 2^low_bits ports holds equally many
 * (`per_block`) ports of each residue, and one small list by residue serves all blocks:
 *
 *   T[block | low] = T[block] ^ T[low]   hence   ports of g in a block = block | low_list[g ^
 * T[block]]
 *
 * So counting and choosing is arithmetic, but for the two blocks that the port range may cut.
 *
 * Workers read the RETA while hr_rss_set_reta() replaces it: two views and a version. An odd
 * version says that the view not in use is being written; a reader that took so long that its own
 * view was overwritten reads again.
 */
#include "flow/rss.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/permute.h"

#define TUPLE4_BYTES 12
#define TUPLE6_BYTES 36
#define QUEUES_MAX   1024 /* RTE_MAX_QUEUES_PER_PORT */
#define RETA_MAX     32768

/*
 * Elements are read with acquire, so that the version is checked after them, and written with
 * release, so that nobody sees one of them before the odd version. (Fences would do too, but not
 * under ThreadSanitizer.)
 */
struct view {
	uint16_t *reta;
	uint16_t *index;                /* RETA indices ordered by queue */
	uint16_t first[QUEUES_MAX + 1]; /* of queue q: index[first[q]] up to index[first[q + 1]] */
};

/* T of one family, and its inverse. */
struct port_map {
	const uint32_t *high, *low; /* T[p] = high[p >> 8] ^ low[p & 255] */
	uint32_t low_bits, per_block;
	uint16_t *low_list; /* ports of block 0: per_block of residue 0, then of residue 1, ... */
};

struct hr_rss {
	uint32_t table[TUPLE6_BYTES][256]; /* hash of one input byte with this value, by position */
	struct port_map map[2];            /* IPv4, IPv6 */
	uint32_t mask;
	uint64_t order;   /* key of the order in which ports are visited */
	uint32_t version; /* number of RETA changes * 2, + 1 while one is under way */
	struct view view[2];
};

/* One question about ports, prepared. */
struct range {
	const struct port_map *map;
	uint32_t h0; /* hash with local port 0 */
	uint32_t lo, hi;
	uint32_t first_block, blocks; /* those fully inside */
	uint32_t edge[2], edges;      /* those cut */
};

static uint32_t port_hash(const struct port_map *m, uint32_t port)
{
	return m->high[port >> 8] ^ m->low[port & 255];
}

/* ---- the packet's side ---- */

/* Bit i of the input, counted from the first, selects the 32 key bits that begin at bit i. */
static void fill_tables(struct hr_rss *r, const uint8_t *key)
{
	for (unsigned pos = 0; pos < TUPLE6_BYTES; pos++) {
		uint64_t window = (uint64_t)key[pos] << 32 | (uint64_t)key[pos + 1] << 24 |
				  (uint64_t)key[pos + 2] << 16 | (uint64_t)key[pos + 3] << 8 |
				  key[pos + 4];

		for (unsigned value = 0; value < 256; value++) {
			uint32_t hash = 0;

			for (unsigned bit = 0; bit < 8; bit++)
				if (value & (0x80u >> bit))
					hash ^= (uint32_t)(window >> (8 - bit));
			r->table[pos][value] = hash;
		}
	}
}

static uint32_t hash_bytes(const struct hr_rss *r, unsigned pos, const void *data, unsigned len)
{
	const uint8_t *byte = data;
	uint32_t hash = 0;

	for (unsigned i = 0; i < len; i++)
		hash ^= r->table[pos + i][byte[i]];
	return hash;
}

uint32_t hr_rss_hash(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t local_port)
{
	unsigned len = v6 ? 16 : 4;

	return hash_bytes(r, 0, peer, len) ^ hash_bytes(r, len, local, len) ^
	       hash_bytes(r, 2 * len, &peer_port, 2) ^ hash_bytes(r, 2 * len + 2, &local_port, 2);
}

/* ---- the RETA, read while it changes ---- */

static const struct view *view_begin(const struct hr_rss *r, uint32_t *version)
{
	*version = __atomic_load_n(&r->version, __ATOMIC_ACQUIRE);
	return &r->view[*version >> 1 & 1];
}

/* Whether what was read since view_begin() is of one RETA: the view is rewritten by the change
 * after the next. */
static bool view_held(const struct hr_rss *r, uint32_t version)
{
	return __atomic_load_n(&r->version, __ATOMIC_RELAXED) - (version & ~1u) < 3;
}

static uint16_t get(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void put(uint16_t *p, uint32_t value)
{
	__atomic_store_n(p, (uint16_t)value, __ATOMIC_RELEASE);
}

/* Counting sort of the RETA's indices by queue. */
static void view_fill(struct view *v, const uint16_t *reta, uint32_t reta_size)
{
	uint16_t next[QUEUES_MAX + 1] = {0};

	for (uint32_t i = 0; i < reta_size; i++) {
		must(reta[i] < QUEUES_MAX);
		next[reta[i] + 1]++;
		put(&v->reta[i], reta[i]);
	}
	for (uint32_t q = 0; q < QUEUES_MAX; q++) {
		next[q + 1] += next[q];
		put(&v->first[q], next[q]);
	}
	put(&v->first[QUEUES_MAX], next[QUEUES_MAX]);
	for (uint32_t i = 0; i < reta_size; i++)
		put(&v->index[next[reta[i]]++], i);
}

void hr_rss_set_reta(struct hr_rss *r, const uint16_t *reta)
{
	uint32_t version = r->version;

	__atomic_store_n(&r->version, version + 1, __ATOMIC_RELAXED);
	view_fill(&r->view[((version >> 1) + 1) & 1], reta, r->mask + 1);
	__atomic_store_n(&r->version, version + 2, __ATOMIC_RELEASE);
}

uint16_t hr_rss_queue(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t local_port)
{
	uint32_t i = hr_rss_hash(r, v6, peer, local, peer_port, local_port) & r->mask, version;
	uint16_t queue;

	do {
		queue = get(&view_begin(r, &version)->reta[i]);
	} while (unlikely(!view_held(r, version)));
	return queue;
}

/* ---- ports for a queue ---- */

/* Ports of residue g in a block. */
static const uint16_t *block_ports(
	const struct hr_rss *r, const struct port_map *m, uint32_t block, uint32_t g)
{
	uint32_t residue = (g ^ port_hash(m, block << m->low_bits)) & r->mask;

	return &m->low_list[residue * m->per_block];
}

static void range_init(
	struct range *g, const struct port_map *m, uint32_t h0, uint32_t lo, uint32_t hi)
{
	uint32_t size = BIT(m->low_bits), end = hi + 1;
	uint32_t first = (lo + size - 1) >> m->low_bits, last = end >> m->low_bits;

	*g = (struct range){.map = m, .h0 = h0, .lo = lo, .hi = hi, .first_block = first};
	g->blocks = last > first ? last - first : 0;
	if ((lo & (size - 1)) != 0)
		g->edge[g->edges++] = lo >> m->low_bits;
	if ((end & (size - 1)) != 0 && (g->edges == 0 || g->edge[0] != last))
		g->edge[g->edges++] = last;
}

/* Of residue g's ports in the cut blocks: the one numbered *skip, which counts down to it; 0 when
 * there are fewer. */
static uint32_t edge_port(
	const struct hr_rss *r, const struct range *g, uint32_t residue, uint32_t *skip)
{
	for (uint32_t e = 0; e < g->edges; e++) {
		const uint16_t *list = block_ports(r, g->map, g->edge[e], residue);

		for (uint32_t j = 0; j < g->map->per_block; j++) {
			uint32_t port = g->edge[e] << g->map->low_bits | list[j];

			if (port >= g->lo && port <= g->hi && (*skip)-- == 0)
				return port;
		}
	}
	return 0;
}

/* The residue that port hashes need for RETA index number i of the queue. */
static uint32_t residue_of(
	const struct hr_rss *r, const struct range *g, const uint16_t *index, uint32_t i)
{
	return (g->h0 ^ get(&index[i])) & r->mask;
}

/* The n-th (modulo their number) port of the range for a queue with these RETA indices; 0 when
 * there is none. */
static uint16_t choose(const struct hr_rss *r, const struct range *g, const uint16_t *index,
	uint32_t indices, uint32_t n)
{
	uint32_t inside = indices * g->blocks * g->map->per_block, cut = 0, skip, port;

	for (uint32_t i = 0; g->edges != 0 && i < indices; i++) {
		skip = UINT32_MAX;
		edge_port(r, g, residue_of(r, g, index, i), &skip);
		cut += UINT32_MAX - skip;
	}
	if (inside + cut == 0)
		return 0;
	n = hr_permute(n % (inside + cut), inside + cut, r->order);
	if (n < inside) {
		uint32_t row = n / indices, block = g->first_block + row / g->map->per_block;
		const uint16_t *list =
			block_ports(r, g->map, block, residue_of(r, g, index, n % indices));

		return (uint16_t)(block << g->map->low_bits | list[row % g->map->per_block]);
	}
	skip = n - inside;
	for (uint32_t i = 0; i < indices; i++) {
		port = edge_port(r, g, residue_of(r, g, index, i), &skip);
		if (port != 0)
			return (uint16_t)port;
	}
	return 0; /* only when the RETA has changed meanwhile: the caller looks again */
}

uint16_t hr_rss_port(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t queue, uint32_t n, uint16_t lo, uint16_t hi)
{
	const struct view *v;
	uint32_t version, first, end;
	struct range g;
	uint16_t port;

	lo = RTE_MAX(lo, 1);
	if (queue >= QUEUES_MAX || lo > hi)
		return 0;
	range_init(&g, &r->map[v6], hr_rss_hash(r, v6, peer, local, peer_port, 0), lo, hi);
	do {
		v = view_begin(r, &version);
		first = get(&v->first[queue]);
		end = get(&v->first[queue + 1]);
		port = end > first ? choose(r, &g, &v->index[first], end - first, n) : 0;
	} while (unlikely(!view_held(r, version)));
	return port;
}

/* ---- creation ---- */

/* How many of the residues the ports below 2^bits reach, as a dimension: Gaussian elimination over
 * GF(2). */
static uint32_t rank(const struct port_map *m, uint32_t mask, uint32_t bits)
{
	uint32_t basis[16] = {0}, dimension = 0;

	for (uint32_t bit = 0; bit < bits; bit++) {
		uint32_t row = port_hash(m, BIT(bit)) & mask;

		while (row != 0) {
			uint32_t lead = 31 - (uint32_t)__builtin_clz(row);

			if (basis[lead] == 0) {
				basis[lead] = row;
				dimension++;
				break;
			}
			row ^= basis[lead];
		}
	}
	return dimension;
}

/* The fewest low port bits that reach every residue, and their ports sorted by residue. */
static int map_init(struct hr_rss *r, struct port_map *m, unsigned local_port_pos)
{
	uint32_t wanted = (uint32_t)__builtin_popcount(r->mask), *fill;

	m->high = r->table[local_port_pos];
	m->low = r->table[local_port_pos + 1];
	if (rank(m, r->mask, 16) != wanted)
		return -EINVAL;
	for (m->low_bits = wanted; rank(m, r->mask, m->low_bits) != wanted;)
		m->low_bits++;
	m->per_block = BIT(m->low_bits) >> wanted;
	m->low_list = calloc(BIT(m->low_bits), sizeof(*m->low_list));
	fill = calloc(r->mask + 1, sizeof(*fill));
	if (m->low_list == NULL || fill == NULL) {
		free(fill);
		return -ENOMEM;
	}
	for (uint32_t port = 0; port < BIT(m->low_bits); port++) {
		uint32_t residue = port_hash(m, port) & r->mask;

		m->low_list[residue * m->per_block + fill[residue]++] = (uint16_t)port;
	}
	free(fill);
	return 0;
}

static int check(
	unsigned key_len, const uint16_t *reta, uint16_t reta_size, char *err, size_t errlen)
{
	if (key_len != 40 && key_len != 52)
		return hr_error(
			err, errlen, -EINVAL, "RSS key of %u bytes: 40 or 52 are needed", key_len);
	if (reta_size == 0 || reta_size > RETA_MAX || (reta_size & (reta_size - 1)) != 0)
		return hr_error(err, errlen, -EINVAL,
			"RSS redirection table of %u entries: a power of two up to %u is needed",
			reta_size, RETA_MAX);
	for (unsigned i = 0; i < reta_size; i++)
		if (reta[i] >= QUEUES_MAX)
			return hr_error(err, errlen, -EINVAL,
				"RSS redirection table entry %u is queue %u: %u is the highest", i,
				reta[i], QUEUES_MAX - 1);
	return 0;
}

int hr_rss_create(const uint8_t *key, unsigned key_len, const uint16_t *reta, uint16_t reta_size,
	struct hr_rss **out, char *err, size_t errlen)
{
	int rc = check(key_len, reta, reta_size, err, errlen);
	struct hr_rss *r;

	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return hr_error(
			err, errlen, -ENOMEM, "RSS tables: no memory for %zu bytes", sizeof(*r));
	r->mask = reta_size - 1u;
	fill_tables(r, key);
	/* One order for everybody: where in it a destination begins is ports.c's secret. */
	memcpy(&r->order, key, sizeof(r->order));
	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		r->view[i].reta = calloc(reta_size, sizeof(uint16_t));
		r->view[i].index = calloc(reta_size, sizeof(uint16_t));
		if (r->view[i].reta == NULL || r->view[i].index == NULL)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = map_init(r, &r->map[0], TUPLE4_BYTES - 2);
	if (rc == 0)
		rc = map_init(r, &r->map[1], TUPLE6_BYTES - 2);
	if (rc < 0) {
		hr_rss_free(r);
		if (rc == -ENOMEM)
			return hr_error(err, errlen, rc, "RSS tables: no memory");
		return hr_error(err, errlen, rc,
			"RSS key: local ports do not reach all %u redirection table entries; use "
			"the default key",
			reta_size);
	}
	view_fill(&r->view[0], reta, reta_size);
	*out = r;
	return 0;
}

void hr_rss_free(struct hr_rss *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < 2; i++) {
		free(r->view[i].reta);
		free(r->view[i].index);
		free(r->map[i].low_list);
	}
	free(r);
}
