/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server role against a client that writes raw bytes: two engines over a wire, stepped by hand
 * on a virtual clock. Each case says what the client sends, in pieces of which size, and the whole
 * answer up to the end of the stream.
 */
#include "http.h"
#include "server_conn.h"
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int up(void **state)
{
	char err[HR_ERRLEN] = "";
	struct world *wd;

	if (world_up(state) < 0)
		return -1;
	wd = *state;
	wd->server = server_create(&wd->cfg, wd->engine[SERVER], err, sizeof(err));
	return wd->server != NULL ? 0 : -1;
}

static void assert_answer(struct world *wd, struct talk t, const char *say, const char *want)
{
	converse(wd, &t, say);
	assert_string_equal(t.heard, want);
	assert_int_equal(t.reason, HR_CLOSED);
	assert_true(t.eof);
	free(t.heard);
}

#define OK_HEAD(n)                                                                                 \
	"HTTP/1.1 200 OK\r\nServer: hrload\r\nContent-Type: "                                      \
	"application/octet-stream\r\nContent-Length: " n "\r\n"
#define CLOSE "Connection: close\r\n"
#define BAD(n)                                                                                     \
	"HTTP/1.1 400 Bad Request\r\nServer: hrload\r\nContent-Type: "                             \
	"text/plain\r\nContent-Length: " n "\r\n" CLOSE "\r\n"

static void test_answers(void **state)
{
	static const char usage[] = BAD("50") "use /bytes/N, /sha256/N or a path below 256 bytes\n";
	struct world *wd = *state;
	char longest[400] = "GET /";

	assert_answer(wd, (struct talk){0}, "GET /bytes/0 HTTP/1.1\r\n" CLOSE "\r\n",
		OK_HEAD("0") CLOSE "\r\n");
	assert_answer(wd, (struct talk){0}, "HEAD /bytes/5000000000 HTTP/1.1\r\n" CLOSE "\r\n",
		OK_HEAD("5000000000") CLOSE "\r\n");
	/* HTTP/1.0 closes without being asked */
	assert_answer(wd, (struct talk){0}, "HEAD / HTTP/1.0\r\n\r\n", OK_HEAD("128") CLOSE "\r\n");
	assert_answer(wd, (struct talk){0},
		"POST / HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc",
		"HTTP/1.1 405 Method Not Allowed\r\nServer: hrload\r\nContent-Type: "
		"text/plain\r\nContent-Length: 34\r\n"
		"Allow: GET, HEAD\r\n" CLOSE "\r\nonly GET and HEAD are served here\n");
	assert_answer(wd, (struct talk){0}, "GET /bytes/12x HTTP/1.1\r\n" CLOSE "\r\n", usage);
	assert_answer(wd, (struct talk){0}, "nonsense\r\n\r\n", BAD("21") "this is not HTTP/1.1\n");
	memset(longest + 5, 'a', 300);
	strcpy(longest + 305, " HTTP/1.1\r\n" CLOSE "\r\n");
	assert_answer(wd, (struct talk){0}, longest, usage);
	/* sha256sum of bytes(i % 251 for i in range(1000000)): four steps */
	assert_answer(wd, (struct talk){0}, "GET /sha256/1000000 HTTP/1.1\r\n" CLOSE "\r\n",
		OK_HEAD("65") CLOSE
		"\r\n2c030d49ec131bfbbb446ad21e7a2f12cdb4f2f4f3fda3ac709dd2e68a4646c7\n");
}

static void test_pieces(void **state)
{
	static const char ask[] = "HEAD /a HTTP/1.1\r\n\r\nHEAD /sha256/300000 "
				  "HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n" CLOSE "\r\n";
	static const char want[] =
		OK_HEAD("128") "\r\n" OK_HEAD("65") "\r\n" OK_HEAD("128") CLOSE "\r\n";

	/* pipelined in one segment, and byte by byte; what follows the last request is read and
	 * dropped */
	assert_answer(*state, (struct talk){0}, ask, want);
	assert_answer(*state, (struct talk){.piece = 1}, ask, want);
	assert_answer(*state, (struct talk){.piece = 7},
		"HEAD / HTTP/1.1\r\n" CLOSE "\r\nand more that nobody asked for",
		OK_HEAD("128") CLOSE "\r\n");
	/* a client that closes its half first still gets the answer, and no Connection: close is
	 * needed */
	assert_answer(*state, (struct talk){.half_close = true}, "HEAD / HTTP/1.1\r\n\r\n",
		OK_HEAD("128") "\r\n");
	assert_answer(*state, (struct talk){.half_close = true}, "HEAD / HT", "");
}

/* Bodies longer than the send buffer and the window, several on one connection, to a slow reader.
 */
static void test_bodies(void **state)
{
	static const char ask[] = "GET /bytes/1500000 HTTP/1.1\r\n\r\nGET /bytes/1025 "
				  "HTTP/1.1\r\n\r\nGET /bytes/1024 "
				  "HTTP/1.1\r\n\r\nGET /bytes/700001 HTTP/1.1\r\n" CLOSE "\r\n";
	static const struct {
		const char *head;
		size_t body;
	} want[] = {{OK_HEAD("1500000") "\r\n", 1500000}, {OK_HEAD("1025") "\r\n", 1025},
		{OK_HEAD("1024") "\r\n", 1024}, {OK_HEAD("700001") CLOSE "\r\n", 700001}};

	for (int slow = 0; slow < 2; slow++) {
		struct talk t = {.slow = slow != 0};
		size_t at = 0;

		converse(*state, &t, ask);
		for (unsigned i = 0; i < 4; i++) {
			assert_memory_equal(t.heard + at, want[i].head, strlen(want[i].head));
			at += strlen(want[i].head);
			for (size_t k = 0; k < want[i].body; k++, at++)
				if ((uint8_t)t.heard[at] != k % 251)
					fail_msg("body %u differs at byte %zu", i, k);
		}
		assert_int_equal(at, t.heard_len);
		assert_int_equal(t.reason, HR_CLOSED);
		free(t.heard);
	}
}

/* A client that never sends its FIN is let go after the linger time; then the engine's own limit
 * ends it. */
static void test_linger(void **state)
{
	struct world *wd = *state;
	struct stats before, after;
	struct talk t = {.slow = true};
	uint64_t begin_us;

	server_stats(wd->server, &before);
	talk_start(wd, &t, "GET /bytes/200000 HTTP/1.1\r\n" CLOSE "\r\n");
	for (unsigned i = 0; i < 1000 && t.heard_len == 0; i++)
		talk_step(wd, &t);
	assert_true(t.heard_len > 0);
	/* From here the client reads nothing: its window closes, the FIN cannot get through. */
	begin_us = wd->now_us;
	while (!t.closed && wd->now_us - begin_us < 3600u * 1000000) {
		world_turn(wd);
		wd->now_us += 10000;
		if (wd->now_us - begin_us > 8000000 && wd->now_us - begin_us < 8010011)
			assert_int_equal(hr_abort(wd->w[CLIENT], t.c), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		world_turn(wd);
	server_stats(wd->server, &after);
	assert_int_equal(after.failed, before.failed + 1);
	assert_int_equal(after.attempted, after.completed + after.failed);
	free(t.heard);
}

/* Without memory for a connection, or for parsing on it, the client gets a RST and it is counted.
 */
static void test_no_memory(void **state)
{
	struct world *wd = *state;
	struct server_worker *sw = &wd->server->worker[0];

	for (int i = 0; i < 2; i++) {
		struct slab *slab = i == 0 ? &sw->conns : &sw->exts, spare = *slab;
		struct stats before, after;
		struct talk t = {0};

		server_stats(wd->server, &before);
		slab_init(slab, spare.size, 0);
		converse(wd, &t, "HEAD /never-asked-before HTTP/1.1\r\n\r\n");
		assert_int_equal(t.reason, HR_RESET);
		assert_int_equal(t.heard_len, 0);
		for (unsigned k = 0; k < 100; k++)
			world_turn(wd);
		*slab = spare;
		server_stats(wd->server, &after);
		assert_int_equal(after.attempted, before.attempted + 1);
		assert_int_equal(after.failed, before.failed + 1);
		assert_int_equal(after.errors[ERR_aborted], before.errors[ERR_aborted] + 1);
		free(t.heard);
	}
	assert_answer(wd, (struct talk){0}, "HEAD / HTTP/1.1\r\n" CLOSE "\r\n",
		OK_HEAD("128") CLOSE "\r\n");
}

/* Last, because it ends the listener: idle connections get FIN, busy ones after their answer, new
 * ones RST. */
static void test_stop(void **state)
{
	struct world *wd = *state;
	struct talk idle = {0}, busy = {.slow = true}, late = {0};

	talk_start(wd, &idle, "HEAD / HTTP/1.1\r\n\r\n");
	talk_start(wd, &busy, "GET /bytes/900000 HTTP/1.1\r\n\r\n");
	for (unsigned i = 0; i < 50; i++) {
		talk_step(wd, &idle);
		talk_step(wd, &busy);
	}
	assert_true(idle.heard_len > 0 && busy.heard_len > 0 && !idle.eof);
	assert_true(server_stop(wd->server));
	for (unsigned i = 0; i < 50; i++)
		talk_step(wd, &idle);
	assert_true(idle.eof);
	assert_true(server_stop(wd->server)); /* twice is harmless */
	for (unsigned i = 0; i < TURNS_MAX && !busy.closed; i++)
		talk_step(wd, &busy);
	assert_int_equal(busy.heard_len, strlen(OK_HEAD("900000") "\r\n") + 900000);
	assert_int_equal(busy.reason, HR_CLOSED);
	converse(wd, &late, "");
	assert_int_equal(late.reason, HR_REFUSED);
	assert_true(server_finish(wd->server));
	world_turn(wd);
	free(idle.heard);
	free(busy.heard);
	free(late.heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, up, world_down);
}
