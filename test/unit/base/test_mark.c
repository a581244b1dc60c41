/* SPDX-License-Identifier: BSD-3-Clause */
/* The dynamic field of held mbufs: registered once, found again, aligned, and apart from DPDK's own
 * fields. */
#include "base/mark.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include "common/eal.h"

static void registration_is_shared(void **state)
{
	char err[HR_ERRLEN] = "";
	int off = hr_mark_register(err, sizeof(err));

	assert_string_equal(err, "");
	assert_true(off >= (int)offsetof(struct rte_mbuf, dynfield1));
	assert_true(off + (int)sizeof(struct hr_mark) <= (int)sizeof(struct rte_mbuf));
	assert_int_equal(off % 8, 0);
	assert_int_equal(hr_mark_register(NULL, 0), off);
}

static void mark_keeps_its_values(void **state)
{
	struct rte_mempool *pool = test_pool(8);
	struct rte_mbuf *a = rte_pktmbuf_alloc(pool), *b = rte_pktmbuf_alloc(pool);
	int off = hr_mark_register(NULL, 0);

	assert_non_null(rte_pktmbuf_append(a, 100));
	*hr_mark(a, off) = (struct hr_mark){.next = b, .seq = 0xfffffff0, .off = 128, .len = 100};
	*hr_mark(b, off) = (struct hr_mark){.next = a, .seq = 84, .off = 0, .len = 1};
	assert_ptr_equal(hr_mark(a, off)->next, b);
	assert_int_equal(hr_mark(a, off)->seq, 0xfffffff0);
	assert_int_equal(hr_mark(a, off)->off, 128);
	assert_int_equal(hr_mark(a, off)->len, 100);
	assert_int_equal(a->pkt_len, 100);
	assert_int_equal(rte_mbuf_check(a, 1, &(const char *){NULL}), 0);
	rte_pktmbuf_free(a);
	rte_pktmbuf_free(b);
	assert_int_equal(test_pool_out(pool), 0);
	rte_mempool_free(pool);
}

/*
 * Other libraries have taken every word: a child with an EAL of its own, because what is registered
 * stays registered. Exit status 0 = as wanted.
 */
static int full_mbuf(void)
{
	struct rte_mbuf_dynfield f = {.size = 4, .align = 4};
	char err[HR_ERRLEN] = "";

	test_eal_start(32);
	for (unsigned n = 0; n < 100; n++) {
		snprintf(f.name, sizeof(f.name), "filler_%u", n);
		if (rte_mbuf_dynfield_register(&f) < 0)
			break;
	}
	if (hr_mark_register(err, sizeof(err)) != -ENOENT)
		return 1;
	return strstr(err, "no room for 16 bytes") == NULL;
}

static int full_status;

static void a_full_mbuf_says_so(void **state)
{
	assert_true(WIFEXITED(full_status));
	assert_int_equal(WEXITSTATUS(full_status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registration_is_shared),
		cmocka_unit_test(mark_keeps_its_values),
		cmocka_unit_test(a_full_mbuf_says_so),
	};
	/* Before EAL runs here: its threads and shared mappings do not survive a fork. */
	pid_t pid = fork();

	if (pid == 0)
		_exit(full_mbuf());
	if (pid < 0 || waitpid(pid, &full_status, 0) != pid)
		return 1;
	test_eal_start(32);
	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
