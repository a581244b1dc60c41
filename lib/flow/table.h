/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The connection table of one worker: key -> typed reference. Buckets of one cache line: 12
 * one-byte tags compared by one SIMD instruction, an overflow link, 12 references. A full bucket
 * chains to overflow buckets, so that a miss is normally one line. Growth and shrinking are
 * incremental: a bucket (with its chain) of the old table is moved at each insertion or deletion
 * and by hr_table_step(); a key is always in exactly one place, decided by its bucket number
 * against the cursor.
 *
 *   | tag x 12 | overflow:32 | ref x 12 |   64 bytes
 */
#ifndef HR_FLOW_TABLE_H
#define HR_FLOW_TABLE_H

#include "base/slab.h"
#include "flow/key.h"

struct hr_table;

/* Where entries of each type live, so that keys can be compared and rehashed. */
struct hr_table_config {
	const struct hr_slab *slab[HR_REF_TYPES]; /* every object starts with struct hr_flow_key (12
						     bytes of it for TW4) */
	uint64_t key[2];                          /* hash key: secret */
	bool siphash;                             /* else AES rounds where the CPU has them */
	uint32_t max_entries;                     /* over all types */
	int numa_node;
};

int hr_table_create(
	const struct hr_table_config *cfg, struct hr_table **t, char *err, size_t errlen);
void hr_table_free(struct hr_table *t);

/* The keyed hash of a key. */
uint64_t hr_table_hash(const struct hr_table *t, const struct hr_flow_key *k);
void hr_table_prefetch(const struct hr_table *t, uint64_t hash);

/*
 * For a burst, in three rounds, so that its cache misses overlap: hr_table_hash_burst() hashes n
 * keys and fetches their buckets' lines; hr_table_find_burst() fetches the lines of the entries
 * that the tags in the buckets speak for, all four of a connection, and then compares keys. ref[i]:
 * the reference, or 0. The keys are read as a whole, whatever their family.
 */
void hr_table_hash_burst(
	const struct hr_table *t, const struct hr_flow_key *k, uint64_t *hash, unsigned n);
void hr_table_find_burst(const struct hr_table *t, const struct hr_flow_key *k,
	const uint64_t *hash, uint32_t *ref, unsigned n);
/* The reference, or 0. */
uint32_t hr_table_find(const struct hr_table *t, const struct hr_flow_key *k, uint64_t hash);
/* The key must not be present. 0 or -ENOMEM. */
int hr_table_insert(struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t ref);
/* Point an existing key at another entry (which already holds the same key). must() find it. */
void hr_table_replace(
	struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t from, uint32_t to);
/* must() find it. */
void hr_table_remove(struct hr_table *t, const struct hr_flow_key *k, uint64_t hash, uint32_t ref);

/* Move up to `buckets` buckets of a resize under way; returns true while one is. */
bool hr_table_step(struct hr_table *t, uint32_t buckets);
uint32_t hr_table_count(const struct hr_table *t);
size_t hr_table_bytes(const struct hr_table *t);
/* The hash function in use: "aes" or "siphash-1-3". */
const char *hr_table_hash_name(const struct hr_table *t);

#endif
