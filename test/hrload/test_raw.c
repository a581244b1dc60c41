/* SPDX-License-Identifier: BSD-3-Clause */
/* The server role without HTTP, against a client that writes raw bytes: what is a request, what it
 * earns, and who closes. The client role is in test_client.c. */
#include "http.h"
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SERVERS_MAX 8

/* A server's timers point at it until its engine is gone. */
static struct server *servers[SERVERS_MAX];
static unsigned n_servers;

/* Another server, on a port of its own. */
static void serve(
	struct world *wd, uint64_t request_size, uint64_t response_size, uint64_t requests)
{
	char err[HR_ERRLEN] = "";

	assert_true(n_servers < SERVERS_MAX);
	wd->cfg.protocol = PROTOCOL_TCP;
	wd->cfg.request_size = request_size;
	wd->cfg.response_size = response_size;
	wd->cfg.requests = requests;
	wd->cfg.listen = wd->cfg.target_port = (uint16_t)(1000 + n_servers);
	servers[n_servers] = server_create(&wd->cfg, wd->engine[SERVER], err, sizeof(err));
	assert_non_null(servers[n_servers]);
	n_servers++;
}

/* So many responses of so many bytes, then FIN. */
static void assert_answer(
	struct world *wd, struct talk t, const char *say, unsigned responses, size_t size)
{
	struct stats before, after;

	server_stats(servers[n_servers - 1], &before);
	converse(wd, &t, say);
	assert_int_equal(t.heard_len, responses * size);
	for (size_t i = 0; i < t.heard_len; i++)
		if ((uint8_t)t.heard[i] != i % size % PATTERN_PERIOD)
			fail_msg("byte %zu is %u", i, (uint8_t)t.heard[i]);
	assert_true(t.eof);
	assert_int_equal(t.reason, HR_CLOSED);
	free(t.heard);
	for (unsigned i = 0; i < 20; i++)
		world_turn(wd);
	server_stats(servers[n_servers - 1], &after);
	assert_int_equal(after.requests, before.requests + responses);
	assert_int_equal(after.body_bytes, before.body_bytes + responses * size);
	assert_int_equal(after.completed, before.completed + 1);
}

static void test_one(void **state)
{
	struct world *wd = *state;

	serve(wd, 1, 1, 1);
	assert_answer(wd, (struct talk){0}, "x", 1, 1);
	/* what follows the last request is read and dropped */
	assert_answer(wd, (struct talk){0}, "xyz", 1, 1);
	assert_answer(wd, (struct talk){.piece = 1}, "xyz", 1, 1);
	assert_answer(wd, (struct talk){.half_close = true}, "x", 1, 1);
	assert_answer(wd, (struct talk){.len = 2, .half_close = true}, "\0\0", 1, 1);
}

static void test_several(void **state)
{
	struct world *wd = *state;

	serve(wd, 3, 5, 2);
	assert_answer(wd, (struct talk){0}, "abcdef", 2, 5);
	for (size_t piece = 1; piece < 8; piece++)
		assert_answer(wd, (struct talk){.piece = piece}, "abcdefghij", 2, 5);
	/* the client's FIN ends the rest */
	assert_answer(wd, (struct talk){.half_close = true}, "abcde", 1, 5);
	assert_answer(wd, (struct talk){.half_close = true}, "ab", 0, 5);
}

/* With --requests 0 the server never closes first. */
static void test_endless(void **state)
{
	struct world *wd = *state;
	struct dice dice = {1};

	serve(wd, 2, 300, 0);
	assert_answer(wd, (struct talk){.half_close = true}, "aabbccddeeffg", 6, 300);
	assert_answer(wd, (struct talk){.piece = 2, .dice = &dice, .half_close = true},
		"aabbccddeeffg", 6, 300);
}

/* Longer than what is copied, than the send buffer and than the window; pipelined, to a slow
 * reader. */
static void test_long(void **state)
{
	struct world *wd = *state;

	serve(wd, 2, 1025, 3);
	assert_answer(wd, (struct talk){0}, "aabbcc", 3, 1025);
	serve(wd, 2, 900001, 3);
	assert_answer(wd, (struct talk){0}, "aabbcc", 3, 900001);
	assert_answer(wd, (struct talk){.slow = true, .piece = 1}, "aabbccdd", 3, 900001);
}

static int down(void **state)
{
	int rc = world_down(state);

	while (n_servers > 0)
		server_free(servers[--n_servers]);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, world_up, down);
}
