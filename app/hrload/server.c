/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server role's connections and workers. A connection parses requests one at a time and answers
 * each (response.c) before it looks at the next. After a response with Connection: close the server
 * sends FIN and goes on reading until the client's FIN, so that bytes still under way do not earn a
 * RST that would destroy the response.
 */
#include "server.h"

#include "server_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_US 100000 /* between two looks at the lingering connections */

void server_linger(struct server_conn *sc)
{
	struct server_worker *sw = sc->worker;

	if (sc->lingering)
		return;
	sc->lingering = true;
	sc->linger_since_us = hr_worker_now(sw->w);
	TAILQ_REMOVE(&sw->open, sc, link);
	TAILQ_INSERT_TAIL(&sw->lingering, sc, link);
	if (sc->eof)
		hr_close(sw->w, sc->c);
	else
		hr_shutdown(sw->w, sc->c);
}

static int on_message_begin(http_parser *p)
{
	struct server_conn *sc = p->data;

	sc->target_len = 0;
	sc->too_long = false;
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct server_conn *sc = p->data;

	if (len > sizeof(sc->target) - sc->target_len) {
		sc->too_long = true;
		return 0;
	}
	memcpy(sc->target + sc->target_len, at, len);
	sc->target_len = (uint16_t)(sc->target_len + len);
	return 0;
}

/* One request at a time: the rest stays unread until this one is answered. */
static int on_message_complete(http_parser *p)
{
	struct server_conn *sc = p->data;

	sc->asked = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings request_settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_message_complete = on_message_complete,
};

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct server_worker *sw = hr_worker_user(w);
	struct server_conn *sc = calloc(1, sizeof(*sc));

	stat_add(&sw->stats.attempted, 1);
	stat_add(&sw->stats.established, 1);
	if (sc == NULL) {
		hr_abort(w, c);
		return;
	}
	sc->worker = sw;
	sc->c = c;
	http_parser_init(&sc->parser, HTTP_REQUEST);
	sc->parser.data = sc;
	TAILQ_INSERT_TAIL(&sw->open, sc, link);
	hr_set_user(w, c, sc);
	if (sw->stopping)
		server_linger(sc);
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct server_conn *sc = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t done = 0;

		/* After our FIN whatever comes is read and dropped, so that it earns no RST. */
		while (done < s[i].len && !sc->lingering) {
			if (sc->busy)
				return total + done;
			done += http_parser_execute(&sc->parser, &request_settings,
				(const char *)s[i].data + done, s[i].len - done);
			if (HTTP_PARSER_ERRNO(&sc->parser) == HPE_PAUSED)
				http_parser_pause(&sc->parser, 0);
			else if (HTTP_PARSER_ERRNO(&sc->parser) != HPE_OK) {
				sc->close = true;
				server_refuse(sc, 400, "this is not HTTP/1.1\n");
				if (sc->busy)
					return total + done;
			}
			if (sc->asked)
				server_answer(sc);
		}
		total += s[i].len;
	}
	return total;
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	struct server_conn *sc = user;

	if (!sc->busy || sc->sha != NULL)
		return;
	if (!response_pump(sc))
		return;
	hr_resume(w, c); /* the next request, or what is to be read and dropped after our FIN */
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct server_conn *sc = user;

	sc->eof = true;
	if (sc->lingering)
		hr_close(w, c);
	else if (!sc->busy)
		server_linger(sc);
}

static void conn_free(struct server_conn *sc)
{
	EVP_MD_CTX_free(sc->sha);
	free(sc->head);
	free(sc->bodies);
	free(sc);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct server_worker *sw = hr_worker_user(w);
	enum error e = error_of_reason(reason);
	struct server_conn *sc = user;

	stat_add(e == ERR_NONE ? &sw->stats.completed : &sw->stats.failed, 1);
	stat_add(&sw->stats.errors[e], 1);
	if (user == sw->server)
		return; /* there was no memory for it */
	if (sc->sha_timer != 0)
		hr_timer_stop(w, sc->sha_timer);
	TAILQ_REMOVE(sc->lingering ? &sw->lingering : &sw->open, sc, link);
	conn_free(sc);
}

/* Clients that do not answer our FIN with theirs do not stay for ever: the list is in order of
 * time. */
static void sweep(struct hr_worker *w, void *arg)
{
	struct server_worker *sw = arg;
	uint64_t now_us = hr_worker_now(w);
	struct server_conn *sc;

	while ((sc = TAILQ_FIRST(&sw->lingering)) != NULL &&
		now_us - sc->linger_since_us >= sw->server->linger_us) {
		sc->linger_since_us = now_us; /* hr_close() hands it to the engine's own limits */
		TAILQ_REMOVE(&sw->lingering, sc, link);
		TAILQ_INSERT_TAIL(&sw->lingering, sc, link);
		hr_close(w, sc->c);
	}
	hr_timer_start(w, SWEEP_US, sweep, sw);
}

static void start(struct hr_worker *w, void *arg)
{
	hr_timer_start(w, SWEEP_US, sweep, arg);
}

static void stop(struct hr_worker *w, void *arg)
{
	struct server_worker *sw = arg;
	struct hr_ip any = {0};
	struct server_conn *sc, *next;

	if (!sw->stopping)
		hr_worker_unlisten(w, &any, sw->server->port);
	sw->stopping = true;
	for (sc = TAILQ_FIRST(&sw->open); sc != NULL; sc = next) {
		next = TAILQ_NEXT(sc, link);
		if (!sc->busy)
			server_linger(sc);
	}
}

static void finish(struct hr_worker *w, void *arg)
{
	struct server_worker *sw = arg;
	struct server_conn *sc;

	TAILQ_FOREACH(sc, &sw->open, link)
	hr_close(w, sc->c);
	TAILQ_FOREACH(sc, &sw->lingering, link)
	hr_close(w, sc->c);
}

static bool post_all(struct server *s, void (*fn)(struct hr_worker *, void *))
{
	bool ok = true;

	for (unsigned i = 0; i < s->workers; i++)
		ok &= hr_post(s->worker[i].w, fn, &s->worker[i]) == 0;
	return ok;
}

bool server_stop(struct server *s)
{
	return post_all(s, stop);
}

bool server_finish(struct server *s)
{
	return post_all(s, finish);
}

struct server *server_create(
	const struct config *cfg, struct hr_engine *e, char *err, size_t errlen)
{
	unsigned workers = hr_engine_workers(e);
	size_t size = sizeof(struct server) + workers * sizeof(struct server_worker);
	struct server *s = aligned_alloc(64, (size + 63) / 64 * 64);
	struct hr_ip any = {0};
	int rc;

	if (s == NULL) {
		snprintf(err, errlen, "no memory for the server; free some");
		return NULL;
	}
	memset(s, 0, size);
	s->response_size = cfg->response_size;
	s->linger_us = cfg->linger_us;
	s->port = cfg->listen;
	s->workers = workers;
	s->app = (struct hr_app){.on_open = on_open,
		.on_data = on_data,
		.on_writable = on_writable,
		.on_eof = on_eof,
		.on_close = on_close,
		.on_pull = response_pull};
	pattern_init(&s->pattern);
	for (unsigned i = 0; i < workers; i++) {
		struct server_worker *sw = &s->worker[i];

		sw->server = s;
		sw->w = hr_engine_worker(e, i);
		TAILQ_INIT(&sw->open);
		TAILQ_INIT(&sw->lingering);
		hr_worker_set_user(sw->w, sw);
	}
	rc = hr_listen(e, &any, cfg->listen, &s->app, s, NULL);
	if (rc < 0 || !post_all(s, start)) {
		snprintf(err, errlen, "--listen %u: %s; choose another port", cfg->listen,
			rc < 0 ? strerror(-rc) : "mailbox full");
		free(s);
		return NULL;
	}
	return s;
}

void server_stats(const struct server *s, struct stats *sum)
{
	*sum = (struct stats){0};
	for (unsigned i = 0; i < s->workers; i++)
		stats_merge(sum, &s->worker[i].stats);
}

void server_free(struct server *s)
{
	struct server_conn *sc;

	/* The engine is gone: connections that were open have no on_close any more. */
	for (unsigned i = 0; s != NULL && i < s->workers; i++)
		for (int l = 0; l < 2; l++) {
			struct server_list *list =
				l == 0 ? &s->worker[i].open : &s->worker[i].lingering;

			while ((sc = TAILQ_FIRST(list)) != NULL) {
				TAILQ_REMOVE(list, sc, link);
				conn_free(sc);
			}
		}
	free(s);
}
