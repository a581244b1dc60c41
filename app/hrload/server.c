/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server role's connections and workers. A connection parses requests one at a time (request.c)
 * and answers each (response.c) before it looks at the next. After a response with Connection:
 * close the server sends FIN and goes on reading until the client's FIN, so that bytes still under
 * way do not earn a RST that would destroy the response.
 */
#include "server.h"

#include "server_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_US    100000 /* between two looks at the lingering connections */
#define SWEEP_STEPS 16u    /* looks at all of them, when they are many */
#define SWEEP_LEAST 4096u  /* connections looked at in any case */

struct server_ext *server_ext(struct server_conn *sc)
{
	struct server_ext *x = sc->ext;

	if (x != NULL)
		return x;
	x = slab_get(&sc->worker->exts);
	if (x == NULL) {
		sc->busy = true; /* nothing more is read */
		hr_abort(sc->worker->w, sc->c);
		return NULL;
	}
	x->head = NULL;
	x->pull_left = 0;
	x->bodies = NULL;
	x->n_bodies = x->max_bodies = 0;
	x->sha = NULL;
	x->sha_timer = 0;
	sc->ext = x;
	return x;
}

static void conn_free(struct server_conn *sc)
{
	struct server_worker *sw = sc->worker;
	struct server_ext *x = sc->ext;

	if (x != NULL) {
		EVP_MD_CTX_free(x->sha);
		free(x->head);
		free(x->bodies);
		slab_put(&sw->exts, x);
	}
	slab_put(&sw->conns, sc);
}

void server_linger(struct server_conn *sc)
{
	struct hr_worker *w = sc->worker->w;

	if (sc->lingering)
		return;
	sc->lingering = true;
	sc->linger_since_us = hr_worker_now(w);
	if (sc->eof)
		hr_close(w, sc->c);
	else
		hr_shutdown(w, sc->c);
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct server_worker *sw = hr_worker_user(w);
	struct server_conn *sc = slab_get(&sw->conns);

	stat_add(&sw->stats.attempted, 1);
	stat_add(&sw->stats.established, 1);
	if (sc == NULL) {
		hr_abort(w, c);
		return;
	}
	*sc = (struct server_conn){.item = sc->item, .c = c, .worker = sw};
	hr_set_user(w, c, sc);
	if (sw->stopping)
		server_linger(sc);
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	struct server_conn *sc = user;

	if (!sc->busy || sc->ext == NULL || sc->ext->sha != NULL)
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

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct server_conn *sc = user;
	struct server_worker *sw = sc != NULL ? sc->worker : hr_worker_user(w);

	if (reason == HR_CLOSED) {
		stat_add(&sw->stats.completed, 1);
	} else {
		stat_add(&sw->stats.failed, 1);
		stat_add(&sw->stats.errors[error_of_reason(reason)], 1);
	}
	if (sc == NULL)
		return; /* there was no memory for it */
	if (sc->ext != NULL && sc->ext->sha_timer != 0)
		hr_timer_stop(w, sc->ext->sha_timer);
	conn_free(sc);
}

/*
 * Clients that do not answer our FIN with theirs do not stay for ever. Each step looks at some of
 * the places, so that many connections make no long turn; with up to SWEEP_LEAST it looks at all.
 */
static void sweep(struct hr_worker *w, void *arg)
{
	struct server_worker *sw = arg;
	uint64_t now_us = hr_worker_now(w);
	uint32_t n = sw->conns.items / SWEEP_STEPS;

	n = n > SWEEP_LEAST ? n : SWEEP_LEAST;
	for (n = n < sw->conns.items ? n : sw->conns.items; n > 0; n--) {
		struct server_conn *sc = slab_at(&sw->conns, sw->sweep_at);

		sw->sweep_at = sw->sweep_at + 1 < sw->conns.items ? sw->sweep_at + 1 : 0;
		if (sc == NULL || !sc->lingering ||
			now_us - sc->linger_since_us < sw->server->linger_us)
			continue;
		sc->linger_since_us = now_us; /* hr_close() hands it to the engine's own limits */
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

	if (!sw->stopping)
		hr_worker_unlisten(w, &any, sw->server->port);
	sw->stopping = true;
	for (uint32_t i = 0; i < sw->conns.items; i++) {
		struct server_conn *sc = slab_at(&sw->conns, i);

		if (sc != NULL && !sc->busy)
			server_linger(sc);
	}
}

static void finish(struct hr_worker *w, void *arg)
{
	struct server_worker *sw = arg;

	for (uint32_t i = 0; i < sw->conns.items; i++) {
		struct server_conn *sc = slab_at(&sw->conns, i);

		if (sc != NULL)
			hr_close(w, sc->c);
	}
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
	uint32_t max = cfg->side[SERVER].max_conns;
	struct hr_ip any = {0};
	int rc;

	if (s == NULL) {
		snprintf(err, errlen, "no memory for the server; free some");
		return NULL;
	}
	memset(s, 0, size);
	s->response_size = cfg->response_size;
	s->linger_us = cfg->linger_us;
	s->request_size = (uint32_t)cfg->request_size;
	/* With keepalive the clients close. */
	s->requests = cfg->keepalive ? 0 : (uint32_t)cfg->requests;
	s->port = cfg->listen;
	s->workers = workers;
	s->app = (struct hr_app){.on_open = on_open,
		.on_data = cfg->protocol == PROTOCOL_TCP ? raw_data : request_data,
		.on_writable = on_writable,
		.on_eof = on_eof,
		.on_close = on_close,
		.on_pull = response_pull};
	pattern_init(&s->pattern);
	for (unsigned i = 0; i < workers; i++) {
		struct server_worker *sw = &s->worker[i];

		sw->server = s;
		sw->w = hr_engine_worker(e, i);
		/* As many as the engine may have, and those whose end is being told. */
		slab_init(&sw->conns, sizeof(struct server_conn), 2ull * max);
		slab_init(&sw->exts, sizeof(struct server_ext), 2ull * max);
		hr_worker_set_user(sw->w, sw);
	}
	rc = hr_listen(e, &any, cfg->listen, &s->app, NULL, NULL);
	if (rc < 0 || !post_all(s, start)) {
		snprintf(err, errlen, "--listen %u: %s; choose another port", cfg->listen,
			rc < 0 ? strerror(-rc) : "mailbox full");
		server_free(s);
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
	/* The engine is gone: connections that were open have no on_close any more. */
	for (unsigned i = 0; s != NULL && i < s->workers; i++) {
		struct server_worker *sw = &s->worker[i];

		for (uint32_t k = 0; k < sw->conns.items; k++) {
			struct server_conn *sc = slab_at(&sw->conns, k);

			if (sc != NULL)
				conn_free(sc);
		}
		slab_release(&sw->conns);
		slab_release(&sw->exts);
	}
	free(s);
}
