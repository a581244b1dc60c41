/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection table alone, as rx uses it: bursts of 64 tuples are hashed and their lines
 * fetched, then found one after the other. Entries lie in a slab of objects as large as a
 * connection, since a hit also reads the key there. Cycles per operation, the hash included.
 */
#include <stdlib.h>

#include "bench.h"
#include "engine/conn.h"
#include "flow/table.h"

#define BURST 64

struct world {
	struct bench *b;
	struct hr_slab slab;
	struct hr_table *t;
	uint32_t n, ops;
	uint32_t *order;
};

/* The key of entry i; those that are in the table have i < n. */
static struct hr_flow_key key_of(uint32_t i)
{
	struct hr_flow_key k;

	memset(&k, 0, sizeof(k));
	k.laddr_id = 1;
	k.lport = 80;
	k.rport = (uint16_t)(1024 + i % 60000);
	k.raddr4 = 0x0a000000 + i / 60000;
	return k;
}

typedef void (*op_fn)(struct world *w, const struct hr_flow_key *k, uint64_t hash, uint32_t i);

static void op_find(struct world *w, const struct hr_flow_key *k, uint64_t hash, uint32_t i)
{
	must(hr_ref_index(hr_table_find(w->t, k, hash)) == i + 1);
}

static void op_miss(struct world *w, const struct hr_flow_key *k, uint64_t hash, uint32_t i)
{
	must(hr_table_find(w->t, k, hash) == 0);
}

static void op_insert(struct world *w, const struct hr_flow_key *k, uint64_t hash, uint32_t i)
{
	must(hr_table_insert(w->t, k, hash, hr_ref(HR_REF_CONN, i + 1)) == 0);
}

static void op_remove(struct world *w, const struct hr_flow_key *k, uint64_t hash, uint32_t i)
{
	hr_table_remove(w->t, k, hash, hr_ref(HR_REF_CONN, i + 1));
}

/* `ops` operations in bursts, entries in shuffled order; keys start at `from`. Keys are made
 * outside of what is measured, as parsed segments would bring them. */
static double measure(struct world *w, op_fn op, uint32_t ops, uint32_t from)
{
	struct hr_flow_key k[BURST];
	uint64_t hash[BURST], cycles = 0;

	for (uint32_t done = 0; done < ops; done += BURST) {
		uint32_t n = RTE_MIN(ops - done, (uint32_t)BURST), at[BURST];
		uint64_t start;

		for (uint32_t i = 0; i < n; i++) {
			at[i] = w->order[(done + i) % w->n];
			k[i] = key_of(from + at[i]);
		}
		start = bench_tsc();
		for (uint32_t i = 0; i < n; i++) {
			hash[i] = hr_table_hash(w->t, &k[i]);
			hr_table_prefetch(w->t, hash[i]);
		}
		for (uint32_t i = 0; i < n; i++)
			op(w, &k[i], hash[i], at[i]);
		cycles += bench_tsc() - start;
	}
	return (double)cycles / ops;
}

static void open_world(struct world *w)
{
	struct hr_table_config cfg = {.key = {1, 2}, .max_entries = w->n, .numa_node = -1};
	char err[HR_ERRLEN];

	if (hr_slab_init(&w->slab, "bench", sizeof(struct conn), w->n, -1, err, sizeof(err)) < 0)
		bench_die(w->b, "%s", err);
	cfg.slab[HR_REF_CONN] = &w->slab;
	for (uint32_t i = 0; i < w->n; i++) {
		struct conn *c = hr_slab_alloc(&w->slab);

		if (c == NULL)
			bench_die(w->b, "no memory for %u entries", w->n);
		must(hr_slab_index(&w->slab, c) == i + 1);
		c->tcb.key = key_of(i);
	}
	if (hr_table_create(&cfg, &w->t, err, sizeof(err)) < 0)
		bench_die(w->b, "%s", err);
}

static void measure_size(struct bench *b, uint32_t n)
{
	struct world w = {.b = b, .n = n, .order = bench_shuffled(b, n, n)};
	uint32_t ops = b->quick ? n : 1u << 20;
	double insert = 0, remove = 0;
	unsigned reps = 0;

	open_world(&w);
	/* Small tables are filled and emptied several times: the stretch must not be too short. */
	do {
		if (reps > 0)
			remove += measure(&w, op_remove, n, 0);
		insert += measure(&w, op_insert, n, 0);
		reps++;
	} while (!b->quick && (uint64_t)reps * n < ops);
	while (hr_table_step(w.t, 1024))
		;
	bench_add(b, "lookup_hit", "cycles", "entries", n, measure(&w, op_find, ops, 0));
	bench_add(b, "lookup_miss", "cycles", "entries", n, measure(&w, op_miss, ops, n));
	remove += measure(&w, op_remove, n, 0);
	bench_add(b, "insert", "cycles", "entries", n, insert / reps);
	bench_add(b, "delete", "cycles", "entries", n, remove / reps);
	hr_table_free(w.t);
	hr_slab_fini(&w.slab);
	free(w.order);
}

static void one(struct bench *b)
{
	for (uint64_t n = 1000; n <= b->max && n <= (b->quick ? 10000 : 10000000); n *= 10)
		measure_size(b, (uint32_t)n);
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "table", .max = 10000000};

	return bench_main(&b, argc, argv, one);
}
