/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memo against the parser: the same random streams of messages, whole, in pieces, pipelined and
 * with single bytes changed, once with the memo and once with each message parsed. What comes of
 * them must be the same. usage: test_hrload_memo [SEED]
 */
#include "client_worker.h"
#include "server_conn.h"
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STREAM_MAX 4096
#define STREAMS    2000 /* of requests */
#define RUNS       300  /* of a client, each of so many connections: */
#define CONNS      8
#define CLIENTS    (2 * RUNS)

static uint64_t seed = 20260611;

struct stream {
	char bytes[STREAM_MAX];
	size_t len;
};

/* Up to `most` messages, mostly from[same]; with `change`, now and then a byte is another one. */
static void compose(struct dice *d, const char *const *from, unsigned n, unsigned same,
	unsigned most, bool change, struct stream *s)
{
	s->len = 0;
	for (uint64_t left = 1 + roll(d, most); left > 0; left--) {
		const char *m = from[roll(d, 4) != 0 ? same : roll(d, n)];
		size_t len = strlen(m);

		assert_true(s->len + len <= STREAM_MAX);
		memcpy(s->bytes + s->len, m, len);
		if (change && roll(d, 4) == 0) {
			char *at = &s->bytes[s->len + roll(d, len)];

			*at = (char)(roll(d, 2) != 0 ? *at ^ 1 << roll(d, 8)
						     : " \r\n\0:a0"[roll(d, 7)]);
		}
		s->len += len;
	}
}

/* The server: streams of requests. */

static const char *const requests[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET /bytes/5 HTTP/1.1\r\n\r\n",
	"GET /bytes/50 HTTP/1.1\r\n\r\n",
	"GET /bytes/2000 HTTP/1.1\r\n\r\n",
	"HEAD /bytes/5 HTTP/1.1\r\n\r\n",
	"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET /sha256/7 HTTP/1.1\r\n\r\n",
	"GET /bytes/x HTTP/1.1\r\n\r\n",
	"\r\nGET /a HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
	"GET /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
};

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* What came of one stream. */
struct heard {
	struct talk talk;
	struct stats before, after;
};

static void hear(
	struct world *wd, const struct stream *s, size_t piece, struct dice dice, struct heard *h)
{
	*h = (struct heard){
		.talk = {.len = s->len, .piece = piece, .dice = &dice, .half_close = true}};
	server_stats(wd->server, &h->before);
	converse(wd, &h->talk, s->bytes);
	for (unsigned i = 0; i < 20; i++)
		world_turn(wd);
	server_stats(wd->server, &h->after);
}

static void assert_same(const struct heard *a, const struct heard *b)
{
	assert_int_equal(a->talk.heard_len, b->talk.heard_len);
	assert_memory_equal(a->talk.heard, b->talk.heard, a->talk.heard_len);
	assert_int_equal(a->talk.reason, b->talk.reason);
	assert_int_equal(a->talk.eof, b->talk.eof);
	assert_int_equal(
		a->after.requests - a->before.requests, b->after.requests - b->before.requests);
	assert_int_equal(a->after.bad - a->before.bad, b->after.bad - b->before.bad);
	assert_int_equal(a->after.body_bytes - a->before.body_bytes,
		b->after.body_bytes - b->before.body_bytes);
}

static void test_requests(void **state)
{
	struct world *wd = *state;
	struct dice d = {seed};
	char err[HR_ERRLEN] = "";
	uint64_t answered = 0;
	struct stream s;

	print_message("seed %lu\n", (unsigned long)seed);
	wd->server = server_create(&wd->cfg, wd->engine[SERVER], err, sizeof(err));
	assert_non_null(wd->server);
	for (unsigned i = 0; i < STREAMS; i++) {
		size_t piece;
		struct heard with, plain;

		compose(&d, requests, REQUESTS, (unsigned)roll(&d, REQUESTS), 8, i % 2 != 0, &s);
		piece = roll(&d, 2) != 0 ? s.len : 1 + roll(&d, 60);
		hear(wd, &s, piece, d, &with);
		wd->server->plain = true;
		hear(wd, &s, piece, d, &plain);
		wd->server->plain = false;
		assert_same(&with, &plain);
		answered += with.after.requests - with.before.requests;
		free(with.talk.heard);
		free(plain.talk.heard);
	}
	print_message("%lu requests, %lu from the memo\n", (unsigned long)answered,
		(unsigned long)wd->server->worker[0].memo.hits);
	assert_true(wd->server->worker[0].memo.hits > answered / 10);
	assert_true(wd->server->worker[0].memo.hits < answered);
	assert_true(server_stop(wd->server));
	world_turn(wd);
}

/* The client: a server that answers each request with the next bytes of a stream, in pieces. */

static const char *const responses[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
	"HTTP/1.0 204 No Content\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nhello",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
	"\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
};

#define RESPONSES (sizeof(responses) / sizeof(responses[0]))

/* What the listener says now; one connection at a time. */
struct script {
	struct dice dice;
	struct stream now; /* answer under way */
	size_t said, piece;
	hr_conn c; /* 0: nobody listens any more */
	unsigned left;
	unsigned same;
	bool change;
};

static void script_next(struct script *s)
{
	/* More than one response to a request is one too many, but that is the client's business.
	 */
	compose(&s->dice, responses, RESPONSES, s->same, roll(&s->dice, 8) == 0 ? 2 : 1, s->change,
		&s->now);
	s->said = 0;
	s->piece = roll(&s->dice, 3) != 0 ? s->now.len : 1 + roll(&s->dice, 40);
	s->left--;
}

/* The next piece; FIN behind the last one. */
static void script_say(struct hr_worker *w, struct script *s)
{
	size_t n = s->now.len - s->said < s->piece ? s->now.len - s->said : s->piece;

	if (s->c == 0 || n == 0)
		return;
	assert_int_equal(hr_send(w, s->c, s->now.bytes + s->said, n), n);
	s->said += n;
	if (s->said == s->now.len && s->left == 0)
		hr_shutdown(w, s->c);
}

static void script_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct script *s = user;

	s->c = c;
	s->left = 1 + (unsigned)roll(&s->dice, 4);
	s->change = roll(&s->dice, 4) == 0;
	s->said = s->now.len = 0;
}

static size_t script_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	struct script *s = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += v[i].len;
	if (s->left > 0 && s->said == s->now.len) {
		script_next(s);
		script_say(w, s);
	}
	return total;
}

static void script_eof(struct hr_worker *w, hr_conn c, void *user)
{
	((struct script *)user)->c = 0;
	hr_close(w, c);
}

static void script_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	((struct script *)user)->c = 0;
}

static const struct hr_app script_app = {.on_open = script_open,
	.on_data = script_data,
	.on_eof = script_eof,
	.on_close = script_close};

/* A client's timers point at it until its engine is gone. */
static struct client *clients[CLIENTS];
static unsigned n_clients;
static struct script script;

/* Some connections, one after the other; what was counted. */
static struct stats play(struct world *wd, const struct config *cfg, struct dice d, bool plain)
{
	char err[HR_ERRLEN] = "";
	struct client *cl = client_create(cfg, wd->engine[CLIENT], err, sizeof(err));
	struct stats sum;

	assert_non_null(cl);
	clients[n_clients++] = cl;
	cl->memo = !plain;
	script = (struct script){.dice = d, .same = (unsigned)roll(&d, RESPONSES)};
	assert_true(client_start(cl));
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		world_turn(wd);
		script_say(wd->w[SERVER], &script);
		client_stats(cl, &sum);
		if (client_exhausted(cl) && sum.attempted == sum.completed + sum.failed)
			break;
	}
	assert_int_equal(sum.completed + sum.failed, CONNS);
	return sum;
}

static void test_responses(void **state)
{
	uint64_t hits = 0, requests_done = 0, failed = 0;
	struct world *wd = *state;
	struct dice d = {seed};
	struct hr_ip any = {0};

	print_message("seed %lu\n", (unsigned long)seed);
	assert_int_equal(hr_listen(wd->engine[SERVER], &any, 81, &script_app, &script, NULL), 0);
	for (unsigned i = 0; i < RUNS; i++) {
		struct config cfg = wd->cfg;
		struct stats with, plain;

		cfg.role = ROLE_CLIENT;
		cfg.target_port = 81;
		cfg.connections = CONNS;
		cfg.concurrency = 1;
		cfg.timeout_us = 10000;
		cfg.requests = 1 + roll(&d, 4);
		cfg.keepalive = roll(&d, 2) != 0;
		cfg.expect_size = roll(&d, 4) == 0;
		cfg.response_size = 5;
		with = play(wd, &cfg, d, false);
		plain = play(wd, &cfg, d, true);
		assert_memory_equal(&with, &plain, sizeof(with));
		hits += clients[n_clients - 2]->worker[0].memo.hits;
		assert_int_equal(clients[n_clients - 1]->worker[0].memo.hits, 0);
		requests_done += with.requests;
		failed += with.failed;
		roll(&d, 2);
	}
	print_message("%lu responses, %lu from the memo; %lu of %u connections failed\n",
		(unsigned long)requests_done, (unsigned long)hits, (unsigned long)failed,
		RUNS * CONNS);
	assert_true(hits > requests_done / 20 && hits < requests_done);
	assert_true(failed > 0 && failed < RUNS * CONNS);
}

static int down(void **state)
{
	int rc = world_down(state);

	while (n_clients > 0)
		client_free(clients[--n_clients]);
	return rc;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, world_up, down);
}
