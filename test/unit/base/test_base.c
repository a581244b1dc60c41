/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors, the generator, sequence arithmetic and addresses. */
#include "base/base.h"
#include "base/rng.h"
#include "base/seq.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void error_writes_one_sentence(void **state)
{
	char err[16] = "";

	assert_int_equal(hr_error(err, sizeof(err), -EINVAL, "port %d is taken", 80), -EINVAL);
	assert_string_equal(err, "port 80 is take");
	assert_int_equal(hr_error(NULL, 0, -ENOMEM, "x"), -ENOMEM);
	assert_int_equal(hr_error(err, 0, -ENOMEM, "x"), -ENOMEM);
	assert_string_equal(err, "port 80 is take");
}

static void must_stops_and_names_the_place(void **state)
{
	char out[512] = "";
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fd[1], STDERR_FILENO);
		must(1 + 1 == 3);
		_exit(0);
	}
	close(fd[1]);
	n = read(fd[0], out, sizeof(out) - 1);
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(n > 0);
	assert_non_null(strstr(out, "must(1 + 1 == 3) is false at "));
	assert_non_null(strstr(out, "test_base.c:"));
}

/* Published first outputs: splitmix64 from 1234567, xoshiro256** from the state {1, 2, 3, 4}. */
static void generator_matches_the_reference(void **state)
{
	struct hr_rng r;

	hr_rng_seed(&r, 1234567);
	assert_int_equal(r.s[0], 6457827717110365317u);
	assert_int_equal(r.s[1], 3203168211198807973u);
	assert_int_equal(r.s[2], 9817491932198370423u);
	assert_int_equal(r.s[3], 4593380528125082431u);
	r = (struct hr_rng){{1, 2, 3, 4}};
	assert_int_equal(hr_rng_u64(&r), 11520);
	assert_int_equal(hr_rng_u64(&r), 0);
	assert_int_equal(hr_rng_u64(&r), 1509978240);
	assert_int_equal(hr_rng_u64(&r), 1215971899390074240);
}

static void below_is_uniform_and_below(void **state)
{
	unsigned seen[6] = {0};
	struct hr_rng r;

	hr_rng_seed(&r, 0);
	for (unsigned i = 0; i < 60000; i++) {
		uint32_t v = hr_rng_below(&r, 6);

		assert_true(v < 6);
		seen[v]++;
	}
	for (unsigned i = 0; i < 6; i++)
		assert_in_range(seen[i], 9600, 10400); /* 4 sigma is 365 */
	assert_int_equal(hr_rng_below(&r, 1), 0);
	/* With n = 3 * 2^30 a biased draw would favour low values by 2 to 1. */
	seen[0] = 0;
	for (unsigned i = 0; i < 30000; i++)
		seen[0] += hr_rng_below(&r, 3u << 30) < 1u << 30;
	assert_in_range(seen[0], 9600, 10400);
}

static void chance_has_its_probability_and_draws_once(void **state)
{
	struct hr_rng a, b;
	unsigned hits = 0;

	hr_rng_seed(&a, 42);
	hr_rng_seed(&b, 42);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(hr_rng_chance(&a, 1));
		assert_false(hr_rng_chance(&b, 0));
	}
	assert_int_equal(hr_rng_u64(&a), hr_rng_u64(&b));
	for (unsigned i = 0; i < 100000; i++)
		hits += hr_rng_chance(&a, 0.01);
	assert_in_range(hits, 870, 1130); /* 4 sigma is 126 */
}

static void sequence_numbers_wrap(void **state)
{
	assert_true(seq_lt(0xfffffff0, 0x10));
	assert_true(seq_gt(0x10, 0xfffffff0));
	assert_false(seq_lt(5, 5));
	assert_true(seq_le(5, 5) && seq_ge(5, 5));
	assert_int_equal(seq_diff(0x10, 0xfffffff0), 0x20);
	assert_int_equal(seq_diff(0xfffffff0, 0x10), -0x20);
	assert_int_equal(seq_max(0xfffffff0, 0x10), 0x10);
	assert_int_equal(seq_min(0xfffffff0, 0x10), 0xfffffff0);
}

static void addresses_read_and_write(void **state)
{
	static const struct {
		const char *text, *back;
		uint8_t family;
	} v[] = {
		{"198.18.0.1", "198.18.0.1", 4},
		{"2001:db8::1", "2001:db8::1", 6},
		{"[2001:DB8:0:0::1]", "2001:db8::1", 6},
		{"::ffff:198.18.0.1", "::ffff:198.18.0.1", 6},
		{"::", "::", 6},
	};
	char text[46], tiny[4], err[HR_ERRLEN] = "";
	struct hr_ip ip;

	for (unsigned i = 0; i < RTE_DIM(v); i++) {
		memset(&ip, 0xff, sizeof(ip));
		assert_int_equal(hr_ip_parse(v[i].text, &ip, err, sizeof(err)), 0);
		assert_int_equal(ip.family, v[i].family);
		assert_string_equal(hr_ip_text(&ip, text, sizeof(text)), v[i].back);
	}
	assert_int_equal(hr_ip_parse("198.18.0.1", &ip, NULL, 0), 0);
	assert_memory_equal(ip.b, ((uint8_t[16]){198, 18, 0, 1}), 16);
	assert_string_equal(hr_ip_text(&ip, tiny, sizeof(tiny)), "198");
	assert_string_equal(hr_ip_text(&(struct hr_ip){0}, text, sizeof(text)), "any");
	assert_string_equal(err, "");
}

static void addresses_are_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = {"", "[", "[]", "198.18.0", "198.18.0.256", "198.18.0.1 ",
		" 198.18.0.1", "[198.18.0.1]", "2001:db8::1::2", "[2001:db8::1", "2001:db8::1]",
		"fe80::1%eth0", "host", "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0001:0000"};
	struct hr_ip ip = {.family = 9};
	char err[HR_ERRLEN];

	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		assert_int_equal(hr_ip_parse(bad[i], &ip, err, sizeof(err)), -EINVAL);
	assert_int_equal(ip.family, 9); /* untouched */
	hr_ip_parse("[]", &ip, err, sizeof(err));
	assert_string_equal(
		err, "\"[]\" is not an address; write IPv4 as 198.18.0.1 or IPv6 as 2001:db8::1");
}

static struct hr_ip ip_of(const char *text)
{
	struct hr_ip ip;

	assert_int_equal(hr_ip_parse(text, &ip, NULL, 0), 0);
	return ip;
}

static void addresses_add_with_carry(void **state)
{
	static const struct {
		const char *from;
		uint32_t n;
		const char *to;
	} v[] = {
		{"198.18.0.1", 0, "198.18.0.1"},
		{"198.18.0.255", 1, "198.18.1.0"},
		{"255.255.255.255", 2, "0.0.0.1"},
		{"2001:db8::ffff", 1, "2001:db8::1:0"},
		{"2001:db8::ffff:ffff:ffff:ffff", 1, "2001:db8:0:1::"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "::"},
		{"2001:db8::", 0xffffffff, "2001:db8::ffff:ffff"},
	};
	char text[46];

	for (unsigned i = 0; i < RTE_DIM(v); i++) {
		struct hr_ip from = ip_of(v[i].from), to = hr_ip_add(&from, v[i].n);

		assert_string_equal(hr_ip_text(&to, text, sizeof(text)), v[i].to);
	}
}

static void addresses_compare_by_family_and_value(void **state)
{
	struct hr_ip a = ip_of("198.18.0.1"), b = a, c = ip_of("2001:db8::1"), d = c;
	struct hr_ip any = {0}, other_any = {.v4 = 7};

	b.b[9] = 1; /* an IPv4 address ends after four bytes */
	assert_true(hr_ip_equal(&a, &b));
	b.b[3] = 2;
	assert_false(hr_ip_equal(&a, &b));
	assert_true(hr_ip_equal(&c, &d));
	d.b[15] = 2;
	assert_false(hr_ip_equal(&c, &d));
	assert_false(hr_ip_equal(&a, &c));
	assert_true(hr_ip_equal(&any, &other_any));
	assert_false(hr_ip_equal(&any, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_writes_one_sentence),
		cmocka_unit_test(must_stops_and_names_the_place),
		cmocka_unit_test(generator_matches_the_reference),
		cmocka_unit_test(below_is_uniform_and_below),
		cmocka_unit_test(chance_has_its_probability_and_draws_once),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(addresses_read_and_write),
		cmocka_unit_test(addresses_are_refused_with_a_sentence),
		cmocka_unit_test(addresses_add_with_carry),
		cmocka_unit_test(addresses_compare_by_family_and_value),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
