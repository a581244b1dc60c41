/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Toeplitz against Microsoft's published verification suite and against rte_thash; the inversion
 * against counting all ports; the RETA replaced while another thread picks ports.
 */
#include "flow/rss.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_byteorder.h>
#include <rte_pause.h>
#include <rte_thash.h>

static const uint8_t key52[52] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25,
	0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
	0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0xe3,
	0x1b, 0x5c, 0x77, 0x0a, 0x91, 0x44, 0x8d, 0x3e, 0x62, 0xf9, 0x15};

/* "Verifying the RSS hash calculation": destination, source, hash with ports. */
static const struct vector {
	const char *dst;
	uint16_t dport;
	const char *src;
	uint16_t sport;
	uint32_t hash;
} vectors[] = {
	{"161.142.100.80", 1766, "66.9.149.187", 2794, 0x51ccc178},
	{"65.69.140.83", 4739, "199.92.111.2", 14230, 0xc626b0ea},
	{"12.22.207.184", 38024, "24.19.198.95", 12898, 0x5c2b394a},
	{"209.142.163.6", 2217, "38.27.205.30", 48228, 0xafc7327f},
	{"202.188.127.2", 1303, "153.39.163.191", 44251, 0x10e828a2},
	{"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x40207d3d},
	{"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0xdde51bbf},
	{"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
		0x02d1feef},
};

struct flow {
	bool v6;
	uint8_t peer[16], local[16];
	uint16_t peer_port; /* network order */
};

static struct hr_rss *rss(const uint16_t *reta, uint16_t size)
{
	struct hr_rss *r = NULL;

	assert_int_equal(hr_rss_create(key52, 40, reta, size, &r, NULL, 0), 0);
	return r;
}

static void spread(uint16_t *reta, unsigned size, unsigned queues)
{
	for (unsigned i = 0; i < size; i++)
		reta[i] = (uint16_t)(i % queues);
}

static void random_flow(struct hr_rng *rng, bool v6, struct flow *f)
{
	f->v6 = v6;
	for (unsigned i = 0; i < 16; i++) {
		f->peer[i] = (uint8_t)hr_rng_u64(rng);
		f->local[i] = (uint8_t)hr_rng_u64(rng);
	}
	f->peer_port = (uint16_t)hr_rng_u64(rng);
}

static uint16_t queue_of(const struct hr_rss *r, const struct flow *f, uint32_t port)
{
	return hr_rss_queue(r, f->v6, f->peer, f->local, f->peer_port, htons((uint16_t)port));
}

static uint16_t nth(const struct hr_rss *r, const struct flow *f, uint16_t q, uint32_t n,
	uint16_t lo, uint16_t hi)
{
	return hr_rss_port(r, f->v6, f->peer, f->local, f->peer_port, q, n, lo, hi);
}

static void test_vectors(void **state)
{
	const uint16_t reta[1] = {0};
	struct hr_rss *r = rss(reta, 1);

	for (unsigned i = 0; i < RTE_DIM(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint8_t src[16], dst[16];
		bool v6 = inet_pton(AF_INET, v->src, src) != 1;

		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, v->src, src), 1);
		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, v->dst, dst), 1);
		assert_int_equal(
			hr_rss_hash(r, v6, src, dst, htons(v->sport), htons(v->dport)), v->hash);
	}
	hr_rss_free(r);
}

/* DPDK takes host-order words; the port word is sport << 16 | dport. */
static void test_as_dpdk(void **state)
{
	uint16_t reta[512];
	struct hr_rss *r;
	struct hr_rng rng;

	spread(reta, 512, 7);
	r = rss(reta, 512);
	hr_rng_seed(&rng, 1);
	for (unsigned i = 0; i < 2000; i++) {
		bool v6 = i & 1;
		unsigned len = v6 ? 16 : 4;
		struct flow f;
		uint16_t local_port = (uint16_t)hr_rng_u64(&rng);
		uint8_t packet[36];
		uint32_t word[9], hash;

		random_flow(&rng, v6, &f);
		memcpy(packet, f.peer, len);
		memcpy(packet + len, f.local, len);
		memcpy(packet + 2 * len, &f.peer_port, 2);
		memcpy(packet + 2 * len + 2, &local_port, 2);
		for (unsigned w = 0; w < (2 * len + 4) / 4; w++) {
			memcpy(&word[w], packet + 4 * w, 4);
			word[w] = rte_be_to_cpu_32(word[w]);
		}
		hash = rte_softrss(word, (2 * len + 4) / 4, key52);
		assert_int_equal(
			hr_rss_hash(r, v6, f.peer, f.local, f.peer_port, local_port), hash);
		assert_int_equal(hr_rss_queue(r, v6, f.peer, f.local, f.peer_port, local_port),
			reta[hash & 511]);
	}
	hr_rss_free(r);
}

/* A million picks: each arrives at the wanted queue and is inside of the range. */
static void test_picks(void **state)
{
	static const uint16_t sizes[] = {1, 64, 128, 512, 2048};
	static const unsigned queues[] = {1, 2, 3, 5, 8, 13, 32};
	uint16_t reta[2048];
	struct hr_rng rng;
	unsigned picks = 0;

	hr_rng_seed(&rng, 2);
	for (unsigned s = 0; s < RTE_DIM(sizes); s++) {
		for (unsigned q = 0; q < RTE_DIM(queues); q++) {
			unsigned used = RTE_MIN(queues[q], sizes[s]);
			struct hr_rss *r;

			spread(reta, sizes[s], used);
			r = rss(reta, sizes[s]);
			for (unsigned i = 0; i < 29000; i++, picks++) {
				static struct flow f;
				uint16_t queue = (uint16_t)hr_rng_below(&rng, used), port;

				if (i % 16 == 0)
					random_flow(&rng, i & 16, &f);
				port = nth(r, &f, queue, (uint32_t)hr_rng_u64(&rng), 32768, 60999);
				assert_in_range(port, 32768, 60999);
				assert_int_equal(queue_of(r, &f, port), queue);
			}
			hr_rss_free(r);
		}
	}
	assert_true(picks > 1000000);
}

/* Exactly the ports that a count of the range finds, each once, and then the first again. */
static void test_complete(void **state)
{
	static const uint16_t range[][2] = {{1024, 65535}, {32768, 60999}, {0, 65535},
		{50000, 50000}, {50001, 50090}, {4095, 4096}, {4096, 8191}, {1, 1}, {65535, 65535},
		{60001, 65535}};
	static uint8_t seen[65536];
	uint16_t reta[512];
	struct hr_rng rng;

	hr_rng_seed(&rng, 3);
	for (unsigned size = 128; size <= 512; size *= 4) {
		struct hr_rss *r;

		/* Not even shares: an operator's weights, and one queue that gets nothing. */
		for (unsigned i = 0; i < size; i++)
			reta[i] =
				(uint16_t)(hr_rng_below(&rng, 10) < 5 ? 0
								      : 1 + hr_rng_below(&rng, 3));
		r = rss(reta, (uint16_t)size);
		for (unsigned c = 0; c < 2 * RTE_DIM(range); c++) {
			uint16_t lo = range[c / 2][0], hi = range[c / 2][1];
			struct flow f;

			random_flow(&rng, c & 1, &f);
			for (uint16_t queue = 0; queue < 5; queue++) {
				uint32_t number = 0;

				for (uint32_t port = RTE_MAX(lo, 1); port <= hi; port++)
					number += queue_of(r, &f, port) == queue;
				memset(seen, 0, sizeof(seen));
				for (uint32_t n = 0; n < number; n++) {
					uint16_t port = nth(r, &f, queue, n, lo, hi);

					assert_in_range(port, RTE_MAX(lo, 1), hi);
					assert_int_equal(seen[port]++, 0);
				}
				assert_int_equal(nth(r, &f, queue, number, lo, hi),
					nth(r, &f, queue, 0, lo, hi));
				if (number == 0)
					assert_int_equal(nth(r, &f, queue, 5, lo, hi), 0);
			}
			assert_int_equal(nth(r, &f, 2000, 0, lo, hi), 0);
		}
		hr_rss_free(r);
	}
}

/* The order is no ladder: few neighbours in the order are neighbours in number. */
static void test_order(void **state)
{
	uint16_t reta[128], last = 0;
	struct flow f = {.v6 = false};
	unsigned near = 0, up = 0;
	struct hr_rss *r;

	spread(reta, 128, 4);
	r = rss(reta, 128);
	for (uint32_t n = 0; n < 7000; n++) {
		uint16_t port = nth(r, &f, 2, n, 32768, 60999);

		near += abs((int)port - last) < 64;
		up += port > last;
		last = port;
	}
	/* By chance: 7000 * 128 / 28232 = 32 near, half go up. */
	assert_in_range(near, 5, 100);
	assert_in_range(up, 3200, 3800);
	hr_rss_free(r);
}

static void test_bad_request(void **state)
{
	const uint16_t two[3] = {0, 1, 0}, high[2] = {0, 1024};
	uint8_t no_rank[40] = {1};
	struct hr_rss *r = NULL;
	char err[160];

	assert_int_equal(hr_rss_create(key52, 39, two, 2, &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "RSS key of 39 bytes: 40 or 52 are needed");
	assert_int_equal(hr_rss_create(key52, 40, two, 3, &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(
		err, "RSS redirection table of 3 entries: a power of two up to 32768 is needed");
	assert_int_equal(hr_rss_create(key52, 40, high, 2, &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(
		err, "RSS redirection table entry 1 is queue 1024: 1023 is the highest");
	assert_int_equal(hr_rss_create(no_rank, 40, two, 2, &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "RSS key: local ports do not reach all 2 redirection table "
				 "entries; use the default key");
	assert_null(r);
	assert_int_equal(hr_rss_create(key52, 52, two, 2, &r, err, sizeof(err)), 0);
	hr_rss_free(r);
	hr_rss_free(NULL);
}

/* Keys that programs use to make both directions meet repeat 16 bits: rank 16, so every RETA size
 * works. */
static void test_symmetric_key(void **state)
{
	uint16_t reta[512];
	uint8_t key[40];
	struct hr_rss *r = NULL;
	struct flow f = {
		.v6 = true, .peer = {0x20, 1, 0xd, 0xb8}, .local = {0x20, 1, 0xd, 0xb8, 1}};

	for (unsigned i = 0; i < 40; i++)
		key[i] = i % 2 == 0 ? 0x6d : 0x5a;
	spread(reta, 512, 3);
	assert_int_equal(hr_rss_create(key, 40, reta, 512, &r, NULL, 0), 0);
	for (uint32_t n = 0; n < 3000; n++)
		assert_int_equal(queue_of(r, &f, nth(r, &f, 1, n, 1024, 65535)), 1);
	hr_rss_free(r);
}

/* ---- the RETA changes under a reader ---- */

#define LARGE 2048 /* entries: a pick takes about as long as a change */
#define PICKS 512
#define KINDS 3

struct changer {
	struct hr_rss *rss;
	bool stop;
	uint32_t changes;
};

/*
 * Queue 5 has a part of the front, listed after the rest: begin, length and every index of its list
 * differ. Three kinds, as with two each of the two views would be overwritten with what it holds.
 */
static void quarters(uint16_t *reta, uint32_t change)
{
	for (unsigned i = 0; i < LARGE; i++)
		reta[i] = i / (LARGE / 4) <= change % KINDS ? 5 : 0;
}

static void *change(void *arg)
{
	struct changer *c = arg;
	uint16_t reta[LARGE];
	struct hr_rng rng;

	hr_rng_seed(&rng, 1);
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		quarters(reta, c->changes + 1);
		hr_rss_set_reta(c->rss, reta);
		__atomic_fetch_add(&c->changes, 1, __ATOMIC_RELAXED);
		/* Now and then long enough for a pick to come through. */
		for (uint32_t n = hr_rng_below(&rng, 1000); n > 0; n--)
			rte_pause();
	}
	return NULL;
}

/* Every pick is what one of the RETAs says, whole; and all are seen. */
static void test_reta_changes(void **state)
{
	struct flow f = {.peer = {198, 18, 0, 2}, .local = {198, 18, 0, 1}, .peer_port = 0x5000};
	static uint16_t reta[LARGE], expected[KINDS][PICKS];
	struct changer c = {0};
	unsigned seen[KINDS] = {0};
	pthread_t thread;

	quarters(reta, 0);
	c.rss = rss(reta, LARGE);
	for (uint32_t i = 0; i < KINDS; i++) {
		quarters(reta, i);
		hr_rss_set_reta(c.rss, reta);
		for (uint32_t n = 0; n < PICKS; n++) {
			expected[i][n] = nth(c.rss, &f, 5, n, 32768, 60999);
			assert_int_equal(queue_of(c.rss, &f, expected[i][n]), 5);
		}
	}
	c.changes = KINDS - 1;
	assert_int_equal(pthread_create(&thread, NULL, change, &c), 0);
	for (uint32_t n = 0; n < 10000 || __atomic_load_n(&c.changes, __ATOMIC_RELAXED) < 1000;
		n++) {
		uint16_t port = nth(c.rss, &f, 5, n % PICKS, 32768, 60999);
		uint32_t kind = 0;

		while (kind < KINDS && port != expected[kind][n % PICKS])
			kind++;
		if (kind == KINDS)
			fail_msg("pick %u: port %u is of no RETA", n, port);
		seen[kind]++;
		port = queue_of(c.rss, &f, port);
		assert_true(port == 5 || port == 0);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
	hr_rss_free(c.rss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_as_dpdk),
		cmocka_unit_test(test_picks),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_symmetric_key),
		cmocka_unit_test(test_reta_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
