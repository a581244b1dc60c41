/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client role against a server that answers with given bytes, whatever was asked: each case
 * says the bytes, what the server does after them, and how the connection must be counted.
 */
#include "client_worker.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TURNS_MAX   200000
#define CLIENTS_MAX 60

enum after { STAYS, CLOSES, ABORTS };

struct script {
	const char *answer;
	enum after after;
	bool at_once; /* answers before it is asked */
	size_t len;   /* of the answer; 0: it is text */
};

static void say(struct hr_worker *w, hr_conn c, const struct script *s)
{
	size_t len = s->len != 0 ? s->len : strlen(s->answer);

	assert_int_equal(hr_send(w, c, s->answer, len), len);
	if (s->after == CLOSES)
		hr_shutdown(w, c);
	else if (s->after == ABORTS)
		hr_abort(w, c);
}

static void script_open(struct hr_worker *w, hr_conn c, void *user)
{
	const struct script *const *s = user;

	if ((*s)->at_once)
		say(w, c, *s);
}

static size_t script_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	const struct script *const *script = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += s[i].len;
	if (!(*script)->at_once)
		say(w, c, *script);
	return total;
}

static void script_eof(struct hr_worker *w, hr_conn c, void *user)
{
	hr_close(w, c);
}

static const struct hr_app script_app = {
	.on_open = script_open, .on_data = script_data, .on_eof = script_eof};

/* What the listener plays now; one per process, as the listener is. */
static const struct script *current;
/* A client's timers point at it until its engine is gone. */
static struct client *clients[CLIENTS_MAX];
static unsigned n_clients;

static int up(void **state)
{
	struct hr_ip any = {0};
	struct world *wd;

	if (world_up(state) < 0)
		return -1;
	wd = *state;
	return hr_listen(wd->engine[SERVER], &any, 80, &script_app, &current, NULL);
}

static int down(void **state)
{
	int rc = world_down(state);

	while (n_clients > 0)
		client_free(clients[--n_clients]);
	return rc;
}

static struct client *make(struct world *wd, struct config cfg, const struct script *s)
{
	char err[HR_ERRLEN] = "";
	struct client *cl;

	current = s;
	cfg.connections = 1;
	cl = client_create(&cfg, wd->engine[CLIENT], err, sizeof(err));
	assert_non_null(cl);
	assert_true(n_clients < CLIENTS_MAX);
	clients[n_clients++] = cl;
	return cl;
}

/* Its one connection from beginning to end; its counters. */
static struct stats run(struct world *wd, struct client *cl)
{
	struct stats sum;

	assert_true(client_start(cl));
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		world_turn(wd);
		client_stats(cl, &sum);
		if (client_exhausted(cl) && sum.attempted == sum.completed + sum.failed)
			break;
	}
	assert_int_equal(sum.attempted, 1);
	assert_int_equal(sum.completed + sum.failed, 1);
	return sum;
}

/* One connection with these options; its counters. */
static struct stats play(struct world *wd, struct config cfg, const struct script *s)
{
	return run(wd, make(wd, cfg, s));
}

static void assert_good(struct world *wd, struct config cfg, struct script s, uint64_t body_bytes)
{
	struct stats sum = play(wd, cfg, &s);

	for (unsigned e = ERR_NONE + 1; e < ERR_COUNT; e++)
		if (sum.errors[e] != 0)
			fail_msg("%s: %s", s.answer, error_names[e]);
	assert_int_equal(sum.completed, 1);
	assert_int_equal(sum.body_bytes, body_bytes);
}

static void assert_error(struct world *wd, struct config cfg, struct script s, enum error want)
{
	struct stats sum = play(wd, cfg, &s);

	for (unsigned e = ERR_NONE; e < ERR_COUNT; e++)
		if ((sum.errors[e] != 0) != (e == want))
			fail_msg("%s: %s counted %d, wanted %s", s.answer, error_names[e],
				(int)sum.errors[e], error_names[want]);
	assert_int_equal(sum.failed, 1);
}

#define LENGTH(n) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\n\r\n"

static void test_good(void **state)
{
	struct world *wd = *state;
	struct config cfg = wd->cfg;

	cfg.role = ROLE_CLIENT; /* no expectation of the body */
	assert_good(wd, cfg, (struct script){LENGTH("5") "hello", CLOSES}, 5);
	assert_good(wd, cfg, (struct script){LENGTH("0"), CLOSES}, 0);
	/* no length: the body ends with the stream */
	assert_good(wd, cfg, (struct script){"HTTP/1.1 200 OK\r\n\r\nhello", CLOSES}, 5);
	assert_good(wd, cfg, (struct script){"HTTP/1.0 204 No Content\r\n\r\n", CLOSES}, 0);
	assert_good(wd, cfg,
		(struct script){"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
				"chunked\r\n\r\n3\r\nabc\r\n10;x=y\r\n"
				"0123456789abcdef\r\n0\r\nTrailer: 1\r\n\r\n",
			CLOSES},
		19);
	/* an interim response is not the answer */
	assert_good(wd, cfg,
		(struct script){"HTTP/1.1 100 Continue\r\n\r\n" LENGTH("2") "ok", CLOSES}, 2);
	/* the client closes by itself where the server keeps the connection open */
	cfg.keepalive = true;
	assert_good(wd, cfg, (struct script){LENGTH("2") "ok", STAYS}, 2);
	/* SHA-256 of "hello" */
	strcpy(cfg.sha256_hex, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	cfg.sha256 = true;
	assert_good(wd, cfg, (struct script){LENGTH("5") "hello", STAYS}, 5);
	/* the server may end a longer conversation after any response */
	cfg.requests = 10;
	assert_good(wd, cfg,
		(struct script){
			"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
			CLOSES},
		5);
}

static void test_bad(void **state)
{
	struct world *wd = *state;
	struct config cfg = wd->cfg;

	cfg.role = ROLE_CLIENT;
	cfg.timeout_us = 200000;
	assert_error(wd, cfg, (struct script){LENGTH("5") "hel", CLOSES}, ERR_short_body);
	assert_error(wd, cfg,
		(struct script){"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
			CLOSES},
		ERR_short_body);
	assert_error(wd, cfg, (struct script){"", CLOSES}, ERR_closed_early);
	assert_error(wd, cfg, (struct script){"HTTP/1.1 200", CLOSES}, ERR_closed_early);
	assert_error(wd, cfg, (struct script){"", CLOSES, true}, ERR_closed_early);
	assert_error(wd, cfg, (struct script){"", STAYS}, ERR_timeout);
	assert_error(wd, cfg, (struct script){LENGTH("5") "hel", STAYS}, ERR_timeout);
	assert_error(wd, cfg, (struct script){"", ABORTS}, ERR_reset);
	assert_error(wd, cfg, (struct script){"SSH-2.0-OpenSSH_9.2\r\n", STAYS}, ERR_http_parse);
	assert_error(wd, cfg,
		(struct script){"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", CLOSES},
		ERR_http_status);
	/* a second response that nobody asked for */
	assert_error(
		wd, cfg, (struct script){LENGTH("2") "ok" LENGTH("2") "ok", STAYS}, ERR_http_parse);
	cfg.expect_size = true;
	cfg.response_size = 4;
	assert_error(wd, cfg, (struct script){LENGTH("5") "hello", CLOSES}, ERR_response_size);
	assert_error(wd, cfg, (struct script){LENGTH("3") "hel", CLOSES}, ERR_short_body);
	cfg.sha256 = true; /* of the first four bytes of the pattern */
	assert_error(wd, cfg, (struct script){LENGTH("4") "hell", CLOSES}, ERR_digest);
}

#define RAW(text, after)                                                                           \
	(struct script)                                                                            \
	{                                                                                          \
		text, after, false, sizeof(text) - 1                                               \
	}

/* Raw TCP: three bytes of the pattern are expected. */
static void test_raw(void **state)
{
	struct world *wd = *state;
	struct config cfg = wd->cfg;

	cfg.role = ROLE_CLIENT;
	cfg.protocol = PROTOCOL_TCP;
	cfg.response_size = 3;
	cfg.timeout_us = 200000;
	assert_good(wd, cfg, RAW("\0\1\2", CLOSES), 3);
	assert_error(wd, cfg, RAW("\0\1\2", STAYS), ERR_timeout);
	assert_error(wd, cfg, RAW("\0\1\2", ABORTS), ERR_reset);
	assert_error(wd, cfg, RAW("\0\1\3", CLOSES), ERR_wrong_body);
	assert_error(wd, cfg, RAW("\1", STAYS), ERR_wrong_body);
	assert_error(wd, cfg, RAW("\0\1", CLOSES), ERR_short_body);
	assert_error(wd, cfg, RAW("\0\1", STAYS), ERR_timeout);
	assert_error(wd, cfg, RAW("\0\1\2\3", CLOSES), ERR_response_size);
	assert_error(wd, cfg, (struct script){"", CLOSES}, ERR_closed_early);
	assert_error(wd, cfg, (struct script){"", CLOSES, true}, ERR_closed_early);
	cfg.keepalive = true;
	assert_good(wd, cfg, RAW("\0\1\2", STAYS), 3);
	/* each response begins with the first byte of the pattern */
	cfg.requests = 4;
	assert_good(wd, cfg, RAW("\0\1\2", STAYS), 12);
	cfg.keepalive = false;
	assert_error(wd, cfg, RAW("\0\1\2", CLOSES), ERR_closed_early);
}

/* Without memory for a connection, or for parsing on it, the attempt has failed by that name. */
static void test_no_memory(void **state)
{
	static const struct script answer = {LENGTH("5") "hello", CLOSES};
	struct world *wd = *state;
	struct config cfg = wd->cfg;
	struct client *cl;
	struct stats sum;

	cfg.role = ROLE_CLIENT;
	for (int i = 0; i < 2; i++) {
		cl = make(wd, cfg, &answer);
		slab_init(i == 0 ? &cl->worker[0].conns : &cl->worker[0].exts, 64, 0);
		sum = run(wd, cl);
		assert_int_equal(sum.failed, 1);
		assert_int_equal(sum.errors[ERR_no_memory], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, up, down);
}
