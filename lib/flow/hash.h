/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keyed hash of the connection table. Keyed because peers choose their ports and addresses:
 * with CRC32C or Toeplitz, which are linear, they would choose them into one bucket. Read-only
 * after hr_hash_init().
 */
#ifndef HR_FLOW_HASH_H
#define HR_FLOW_HASH_H

#include "flow/key.h"

#define HR_HASH_ROUND_KEYS 9

struct hr_hash {
	uint64_t key[2];
	uint64_t round_key[HR_HASH_ROUND_KEYS][2];
	bool aes;
};

/* siphash: do not use AES even where the CPU has it. */
void hr_hash_init(struct hr_hash *h, const uint64_t key[2], bool siphash);
/* Reads no more than hr_key_len(k) bytes. */
uint64_t hr_hash_key(const struct hr_hash *h, const struct hr_flow_key *k);
/* Of n keys, all 24 bytes of which can be read. */
void hr_hash_keys(const struct hr_hash *h, const struct hr_flow_key *k, uint64_t *hash, unsigned n);
const char *hr_hash_name(const struct hr_hash *h);

#endif
