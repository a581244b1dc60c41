/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keyed hashing of flow keys: four AES rounds per 16 bytes where the CPU has the instruction,
 * SipHash-1-3 elsewhere and wherever a run must not depend on the CPU (the simulator). The choice
 * is made once, at creation.
 */
#include "flow/hash.h"

#include <emmintrin.h>
#include <wmmintrin.h>

#include "base/siphash.h"

static __m128i round_key(const struct hr_hash *h, unsigned n)
{
	return _mm_loadu_si128((const __m128i *)h->round_key[n]);
}

/*
 * Four rounds under secret, independent round keys leave no differential with a probability a peer
 * could use, and spread every input bit over all output bits; IPv6's last 8 bytes are chained in
 * through four more. Families cannot collide by construction of the input: laddr_id tells them
 * apart.
 */
__attribute__((target("aes"))) static uint64_t hash_aes(
	const struct hr_hash *h, const struct hr_flow_key *k)
{
	bool v6 = hr_key_is6(k);
	uint64_t word;
	__m128i s;

	memcpy(&word, k, sizeof(word));
	if (v6)
		s = _mm_loadu_si128((const __m128i *)k);
	else
		s = _mm_set_epi64x(k->raddr4, (int64_t)word);
	s = _mm_xor_si128(s, round_key(h, 0));
	s = _mm_aesenc_si128(s, round_key(h, 1));
	s = _mm_aesenc_si128(s, round_key(h, 2));
	s = _mm_aesenc_si128(s, round_key(h, 3));
	s = _mm_aesenc_si128(s, round_key(h, 4));
	if (v6) {
		s = _mm_xor_si128(s, _mm_loadl_epi64((const __m128i *)&k->raddr[2]));
		s = _mm_aesenc_si128(s, round_key(h, 5));
		s = _mm_aesenc_si128(s, round_key(h, 6));
		s = _mm_aesenc_si128(s, round_key(h, 7));
		s = _mm_aesenc_si128(s, round_key(h, 8));
	}
	return (uint64_t)_mm_cvtsi128_si64(s);
}

/* The same for many: round keys stay in registers, and one key's rounds overlap with the next's. */
__attribute__((target("aes"))) static void hash_aes_burst(
	const struct hr_hash *h, const struct hr_flow_key *k, uint64_t *hash, unsigned n)
{
	const __m128i used = _mm_set_epi32(0, -1, -1, -1); /* of IPv4's: 12 bytes */
	const __m128i k0 = round_key(h, 0), k1 = round_key(h, 1), k2 = round_key(h, 2);
	const __m128i k3 = round_key(h, 3), k4 = round_key(h, 4);

	for (unsigned i = 0; i < n; i++) {
		__m128i s;

		if (unlikely(hr_key_is6(&k[i]))) {
			hash[i] = hash_aes(h, &k[i]);
			continue;
		}
		s = _mm_and_si128(_mm_loadu_si128((const __m128i *)&k[i]), used);
		s = _mm_aesenc_si128(_mm_xor_si128(s, k0), k1);
		s = _mm_aesenc_si128(_mm_aesenc_si128(s, k2), k3);
		hash[i] = (uint64_t)_mm_cvtsi128_si64(_mm_aesenc_si128(s, k4));
	}
}

void hr_hash_init(struct hr_hash *h, const uint64_t key[2], bool siphash)
{
	uint32_t i;

	h->key[0] = key[0];
	h->key[1] = key[1];
	for (i = 0; i < 2 * HR_HASH_ROUND_KEYS; i++)
		h->round_key[i / 2][i % 2] = hr_siphash24(key, &i, sizeof(i));
	h->aes = !siphash && __builtin_cpu_supports("aes");
}

uint64_t hr_hash_key(const struct hr_hash *h, const struct hr_flow_key *k)
{
	if (likely(h->aes))
		return hash_aes(h, k);
	return hr_siphash13(h->key, k, hr_key_len(k));
}

void hr_hash_keys(const struct hr_hash *h, const struct hr_flow_key *k, uint64_t *hash, unsigned n)
{
	if (likely(h->aes)) {
		hash_aes_burst(h, k, hash, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		hash[i] = hr_siphash13(h->key, &k[i], hr_key_len(&k[i]));
}

const char *hr_hash_name(const struct hr_hash *h)
{
	return h->aes ? "aes" : "siphash-1-3";
}
