/* SPDX-License-Identifier: BSD-3-Clause */
/* Slabs: indices, order of filling, memory that comes and goes, limits, and a random walk against a
 * model. */
#include "base/rng.h"
#include "base/slab.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* 256 B objects: 8192 in a chunk, of which the first slot of the first chunk is never used. */
#define PER_CHUNK 8192u

static void init(struct hr_slab *s, size_t size, uint32_t max)
{
	char err[HR_ERRLEN] = "";

	assert_int_equal(hr_slab_init(s, "test", size, max, -1, err, sizeof(err)), 0);
	assert_string_equal(err, "");
}

/* Pages of the first n bytes of the slab that are resident. */
static size_t resident(const struct hr_slab *s, size_t bytes)
{
	size_t pages = bytes / 4096, n = 0;
	unsigned char *v = malloc(pages);

	assert_int_equal(mincore(s->base, bytes, v), 0);
	for (size_t i = 0; i < pages; i++)
		n += v[i] & 1;
	free(v);
	return n;
}

static void indices_start_at_one_and_convert(void **state)
{
	static const size_t sizes[] = {1, 4, 8, 20, 48, 100, 256, 4097, 65536};

	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		struct hr_slab s;

		init(&s, sizes[i], 100);
		assert_int_equal(s.stride, (sizes[i] + 3) / 4 * 4);
		assert_int_equal((uintptr_t)s.base % HR_SLAB_ALIGN, 0);
		for (uint32_t n = 1; n <= 100; n++) {
			uint8_t *p = hr_slab_alloc(&s);

			assert_ptr_equal(p, s.base + n * s.stride);
			assert_ptr_equal(p, hr_slab_at(&s, n));
			assert_int_equal(hr_slab_index(&s, p), n);
			memset(p, 0xa5, s.stride);
		}
		assert_null(hr_slab_alloc(&s));
		assert_int_equal(s.live, 100);
		hr_slab_fini(&s);
	}
}

/* The reciprocal is exact around every power of two up to the 29 bits of a reference. Nothing is
 * dereferenced. */
static void index_is_exact_everywhere(void **state)
{
	static const uint32_t strides[] = {4, 12, 48, 100, 256, 65532, 65536};

	for (unsigned i = 0; i < RTE_DIM(strides); i++) {
		struct hr_slab s = {
			.base = (uint8_t *)(uintptr_t)HR_SLAB_ALIGN,
			.stride = strides[i],
			.recip = UINT64_MAX / strides[i] + 1,
		};

		for (unsigned e = 1; e <= 29; e++)
			for (uint32_t n = (1u << e) - 1; n <= (1u << e) + 1; n++)
				assert_int_equal(hr_slab_index(&s, hr_slab_at(&s, n)), n);
	}
}

static void freed_last_is_used_next(void **state)
{
	struct hr_slab s;
	void *p[4];

	init(&s, 64, 10);
	for (unsigned i = 0; i < 4; i++)
		p[i] = hr_slab_alloc(&s);
	hr_slab_free(&s, p[1]);
	hr_slab_free(&s, p[3]);
	assert_ptr_equal(hr_slab_alloc(&s), p[3]);
	assert_ptr_equal(hr_slab_alloc(&s), p[1]);
	assert_int_equal(hr_slab_index(&s, hr_slab_alloc(&s)), 5);
	hr_slab_fini(&s);
}

static void a_fresh_slab_is_small(void **state)
{
	struct hr_slab s;

	init(&s, 256, 1000000);
	assert_int_equal(hr_slab_bytes(&s), 0);
	for (unsigned i = 0; i < 32; i++)
		memset(hr_slab_alloc(&s), 1, 256);
	if (!s.huge) {
		/* 33 slots of 256 B: three pages, not a huge one. */
		assert_int_equal(hr_slab_bytes(&s), 3 * 4096);
		assert_int_equal(resident(&s, HR_SLAB_ALIGN), 3);
	} else {
		assert_int_equal(hr_slab_bytes(&s), HR_SLAB_ALIGN);
	}
	hr_slab_fini(&s);
}

/* Fill three chunks, empty them from the top: one empty chunk stays, the others go back to the
 * kernel. */
static void empty_chunks_go_back(void **state)
{
	enum { N = 3 * PER_CHUNK - 1 };
	void **p = calloc(N, sizeof(*p));
	struct hr_slab s;

	init(&s, 256, N);
	for (unsigned i = 0; i < N; i++) {
		p[i] = hr_slab_alloc(&s);
		memset(p[i], 1, 256);
	}
	assert_null(hr_slab_alloc(&s));
	assert_int_equal(s.committed, 3);
	assert_int_equal(hr_slab_bytes(&s), 3 * HR_SLAB_ALIGN);
	for (unsigned i = 2 * PER_CHUNK - 1; i < N; i++)
		hr_slab_free(&s, p[i]);
	assert_false(hr_slab_trim(&s, 9));
	assert_int_equal(s.committed, 3); /* the lowest empty one stays */
	for (unsigned i = PER_CHUNK - 1; i < 2 * PER_CHUNK - 1; i++)
		hr_slab_free(&s, p[i]);
	assert_int_equal(s.committed, 3);
	assert_false(hr_slab_trim(&s, 9));
	assert_int_equal(s.committed, 2); /* chunk 2 is gone, chunk 1 stays */
	assert_true(hr_slab_backed(&s, PER_CHUNK));
	assert_false(hr_slab_backed(&s, 2 * PER_CHUNK));
	assert_false(hr_slab_backed(&s, UINT32_MAX));
	for (unsigned i = 0; i < PER_CHUNK - 1; i++)
		hr_slab_free(&s, p[i]);
	assert_false(hr_slab_trim(&s, 1));
	assert_int_equal(s.committed, 1);
	assert_int_equal(s.live, 0);
	assert_int_equal(hr_slab_bytes(&s), HR_SLAB_ALIGN);

	/* And up again: the lowest chunk with memory is filled first, then new memory. */
	for (unsigned i = 0; i < PER_CHUNK - 1; i++)
		assert_true(hr_slab_index(&s, hr_slab_alloc(&s)) < PER_CHUNK);
	assert_int_equal(s.committed, 1);
	p[0] = hr_slab_alloc(&s);
	assert_int_equal(hr_slab_index(&s, p[0]), PER_CHUNK);
	memset(p[0], 2, 256);
	assert_int_equal(s.committed, 2);
	hr_slab_fini(&s);
	free(p);
}

/* A population that swings around a chunk's edge costs no system calls: the chunk stays. */
static void swinging_at_the_edge_keeps_the_spare(void **state)
{
	struct hr_slab s;

	init(&s, 256, 3 * PER_CHUNK);
	for (unsigned i = 0; i < PER_CHUNK - 1; i++)
		assert_non_null(hr_slab_alloc(&s));
	for (unsigned i = 0; i < 10; i++) {
		void *p = hr_slab_alloc(&s);

		assert_int_equal(hr_slab_index(&s, p), PER_CHUNK);
		hr_slab_free(&s, p);
		assert_false(hr_slab_trim(&s, 9));
		assert_int_equal(s.committed, 2);
	}
	hr_slab_fini(&s);
}

static void holes_below_are_filled_before_the_top(void **state)
{
	enum { N = 2 * PER_CHUNK };
	struct hr_slab s;

	init(&s, 256, 4 * PER_CHUNK);
	for (unsigned i = 0; i < N; i++)
		assert_non_null(hr_slab_alloc(&s));
	assert_int_equal(s.committed, 3);
	hr_slab_free(&s, hr_slab_at(&s, PER_CHUNK + 7));
	hr_slab_free(&s, hr_slab_at(&s, 5));
	assert_int_equal(hr_slab_index(&s, hr_slab_alloc(&s)), 5);
	assert_int_equal(hr_slab_index(&s, hr_slab_alloc(&s)), PER_CHUNK + 7);
	assert_int_equal(hr_slab_index(&s, hr_slab_alloc(&s)), 2 * PER_CHUNK + 1);
	hr_slab_fini(&s);
}

/* Application timers: freed entries stay readable, their first four bytes stay what they were,
 * memory stays. */
static void kept_slabs_keep(void **state)
{
	enum { N = 600000 };
	struct entry {
		uint32_t generation, ref;
	} * e;
	struct hr_slab s;

	init(&s, sizeof(struct entry), N);
	s.keep = true;
	for (unsigned i = 1; i <= N; i++) {
		e = hr_slab_alloc(&s);
		*e = (struct entry){.generation = i, .ref = 7};
	}
	assert_int_equal(s.committed, 3);
	for (unsigned i = N; i > 0; i--)
		hr_slab_free(&s, hr_slab_at(&s, i));
	assert_int_equal(s.committed, 3);
	for (unsigned i = 1; i <= N; i++) {
		e = hr_slab_at(&s, i);
		assert_int_equal(e->generation, i);
	}
	assert_int_equal(hr_slab_index(&s, hr_slab_alloc(&s)), 1);
	hr_slab_fini(&s);
}

/* The handle directory: the same, but chunks go back and are then read as zeros. */
static void readable_slabs_read_zeros(void **state)
{
	enum { N = 600000 };
	uint32_t(*e)[2];
	struct hr_slab s;

	init(&s, sizeof(*e), N);
	s.readable = true;
	for (unsigned i = 1; i <= N; i++) {
		e = hr_slab_alloc(&s);
		(*e)[0] = i;
	}
	for (unsigned i = 1; i <= N; i++)
		hr_slab_free(&s, hr_slab_at(&s, i));
	assert_true(hr_slab_trim(&s, 1));
	assert_int_equal(s.committed, 2);
	for (unsigned i = 1; i <= N; i++) {
		e = hr_slab_at(&s, i);
		assert_int_equal((*e)[0], i < 524288 ? i : 0);
	}
	assert_false(hr_slab_trim(&s, 1));
	for (unsigned i = 262144; i <= N; i++) {
		e = hr_slab_at(&s, i);
		assert_int_equal((*e)[0], 0);
	}
	/* And can be taken again. */
	for (unsigned i = 1; i <= N; i++) {
		e = hr_slab_alloc(&s);
		assert_non_null(e);
		(*e)[0] = i;
	}
	hr_slab_fini(&s);
}

static void nth_allocation_fails_on_request(void **state)
{
	struct hr_slab s;

	init(&s, 64, 10);
	s.fail_after = 3;
	assert_non_null(hr_slab_alloc(&s));
	assert_non_null(hr_slab_alloc(&s));
	assert_null(hr_slab_alloc(&s));
	assert_non_null(hr_slab_alloc(&s));
	assert_int_equal(s.live, 3);
	hr_slab_fini(&s);
}

/* A hugepage pool that runs dry between init and use: small pages take over without a word. */
static void an_empty_hugepage_pool_is_no_failure(void **state)
{
	struct hr_slab s;

	init(&s, 256, 2 * PER_CHUNK);
	s.huge = true;
	for (unsigned i = 0; i < 2 * PER_CHUNK; i++) {
		uint8_t *p = hr_slab_alloc(&s);

		assert_non_null(p);
		memset(p, 1, 256);
	}
	for (unsigned i = 2 * PER_CHUNK; i > 0; i--)
		hr_slab_free(&s, hr_slab_at(&s, i));
	assert_true(hr_slab_trim(&s, 1));
	assert_int_equal(s.committed, 2);
	assert_false(hr_slab_trim(&s, 1));
	assert_int_equal(s.committed, 1);
	hr_slab_fini(&s);
}

static void bad_requests_get_a_sentence(void **state)
{
	char err[HR_ERRLEN];
	struct hr_slab s;

	assert_int_equal(hr_slab_init(&s, "conn", 0, 1, -1, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "slab conn: objects of 0 bytes; use 1 to 65536 bytes");
	assert_int_equal(hr_slab_init(&s, "conn", 65537, 1, -1, err, sizeof(err)), -EINVAL);
	assert_int_equal(hr_slab_init(&s, "conn", 64, 0, -1, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "slab conn: a limit of 0 objects; use 1 to 4294967293");
	assert_int_equal(hr_slab_init(&s, "conn", 64, UINT32_MAX, -1, err, sizeof(err)), -EINVAL);
	/* 256 TiB do not fit into 47 bits of address space. */
	assert_int_equal(
		hr_slab_init(&s, "conn", 65536, UINT32_MAX - 2, -1, err, sizeof(err)), -ENOMEM);
	assert_non_null(strstr(err, "slab conn: "));
	assert_null(s.base);
	hr_slab_fini(&s);
}

/* Runs fn in a child and says whether it aborted. */
static bool aborts(void (*fn)(struct hr_slab *s), struct hr_slab *s)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		assert_non_null(freopen("/dev/null", "w", stderr));
		fn(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void free_inside(struct hr_slab *s)
{
	hr_slab_free(s, s->base + s->stride + 4);
}

static void free_zero(struct hr_slab *s)
{
	hr_slab_free(s, s->base);
}

static void free_stranger(struct hr_slab *s)
{
	hr_slab_free(s, s);
}

static void free_right(struct hr_slab *s)
{
	hr_slab_free(s, s->base + s->stride);
}

static void freeing_a_stranger_stops(void **state)
{
	struct hr_slab s;

	init(&s, 64, 10);
	hr_slab_alloc(&s);
	assert_true(aborts(free_inside, &s));
	assert_true(aborts(free_zero, &s));
	assert_true(aborts(free_stranger, &s));
	assert_false(aborts(free_right, &s));
	hr_slab_free(&s, hr_slab_at(&s, 1));
	assert_true(aborts(free_right, &s)); /* twice */
	hr_slab_fini(&s);
}

/* Random allocations and frees: no object is handed out twice, none loses its content, the count is
 * right. */
static void random_walk(void **state)
{
	enum { MAX = 30000 };
	static uint32_t *held[MAX];

	for (uint64_t seed = 1; seed <= 6; seed++) {
		unsigned n = 0, want;
		struct hr_slab s;
		struct hr_rng r;

		print_message("seed %llu\n", (unsigned long long)seed);
		hr_rng_seed(&r, seed);
		init(&s, seed % 2 ? 256 : 300, MAX);
		for (unsigned phase = 0; phase < 8; phase++) {
			want = hr_rng_below(&r, MAX + 1);
			for (unsigned i = 0; n != want || i < 2000; i++) {
				bool up = n < want || (n == want && hr_rng_chance(&r, 0.5));

				if (up && n < MAX) {
					uint32_t *p = hr_slab_alloc(&s);

					assert_non_null(p);
					p[0] = hr_slab_index(&s, p);
					p[63] = ~p[0];
					assert_in_range(p[0], 1, MAX);
					held[n++] = p;
				} else if (n > 0) {
					unsigned k = hr_rng_below(&r, n);

					assert_int_equal(held[k][0], hr_slab_index(&s, held[k]));
					assert_int_equal(held[k][63], ~held[k][0]);
					held[k][0] = 0;
					hr_slab_free(&s, held[k]);
					held[k] = held[--n];
				}
				assert_int_equal(s.live, n);
			}
		}
		while (n > 0)
			hr_slab_free(&s, held[--n]);
		assert_int_equal(s.live, 0);
		while (hr_slab_trim(&s, 1))
			continue;
		assert_int_equal(s.committed, 1);
		hr_slab_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indices_start_at_one_and_convert),
		cmocka_unit_test(index_is_exact_everywhere),
		cmocka_unit_test(freed_last_is_used_next),
		cmocka_unit_test(a_fresh_slab_is_small),
		cmocka_unit_test(empty_chunks_go_back),
		cmocka_unit_test(swinging_at_the_edge_keeps_the_spare),
		cmocka_unit_test(holes_below_are_filled_before_the_top),
		cmocka_unit_test(kept_slabs_keep),
		cmocka_unit_test(readable_slabs_read_zeros),
		cmocka_unit_test(nth_allocation_fails_on_request),
		cmocka_unit_test(an_empty_hugepage_pool_is_no_failure),
		cmocka_unit_test(bad_requests_get_a_sentence),
		cmocka_unit_test(freeing_a_stranger_stops),
		cmocka_unit_test(random_walk),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
