/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection of the client role: connect, ask, again or end. What is a complete response is in
 * client_http.c and client_raw.c, when connections are opened in pacer.c. Time is the worker's turn
 * clock: all three latencies are counted from the call (connect, request) to the callback that saw
 * the answer.
 */
#include "client_worker.h"

#include <errno.h>

#define WATCH_US    50000 /* between two looks at the transactions under way */
#define WATCH_STEPS 16u   /* looks at all of them, when they are many */
#define WATCH_LEAST 4096u /* connections looked at in any case */

static void record(struct client_conn *cc, enum latency which)
{
	struct client_worker *cw = cc->worker;

	latency_count(&cw->latency[which], hr_worker_now(cw->w) - cc->since_us);
}

void client_fail(struct client_conn *cc, enum error e)
{
	if (cc->error == ERR_NONE)
		cc->error = e;
	hr_abort(cc->worker->w, cc->c);
}

struct client_ext *client_ext(struct client_conn *cc)
{
	struct client_ext *x = cc->ext;

	if (x != NULL)
		return x;
	x = slab_get(&cc->worker->exts);
	if (x == NULL) {
		client_fail(cc, ERR_no_memory);
		return NULL;
	}
	x->sha = NULL;
	cc->ext = x;
	return x;
}

void client_conn_free(struct client_conn *cc)
{
	struct client_worker *cw = cc->worker;

	if (cc->ext != NULL) {
		EVP_MD_CTX_free(cc->ext->sha);
		slab_put(&cw->exts, cc->ext);
	}
	slab_put(&cw->conns, cc);
}

/* Queue what is left of the request. */
static void push_request(struct client_conn *cc)
{
	const struct client *cl = cc->worker->client;
	const struct ask *ask = &cl->ask[cc->last];
	int64_t n;

	if (ask->bytes == NULL) {
		client_raw_push(cc);
		return;
	}
	n = hr_send(cc->worker->w, cc->c, ask->bytes + cc->request_off, ask->len - cc->request_off);
	if (n > 0)
		cc->request_off += (uint32_t)n;
}

static void next_request(struct client_conn *cc, uint64_t now_us)
{
	const struct client *cl = cc->worker->client;

	cc->since_us = now_us; /* the timeout runs from here */
	cc->request_off = 0;
	cc->waiting = true;
	cc->got_byte = false;
	cc->body_bytes = 0;
	cc->last = cl->requests != 0 && cc->done + 1ull == cl->requests;
	if (cl->sha256 && !client_http_sha(cc)) {
		client_fail(cc, ERR_no_memory);
		return;
	}
	push_request(cc);
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	uint64_t now_us = hr_worker_now(w);
	struct client_conn *cc = user;

	stat_add(&cc->worker->stats.established, 1);
	latency_count(&cc->worker->latency[LATENCY_CONNECT], now_us - cc->since_us);
	next_request(cc, now_us);
}

void client_first_byte(struct client_conn *cc)
{
	cc->got_byte = true;
	record(cc, LATENCY_FIRST_BYTE);
}

void client_done(struct client_conn *cc, enum error e)
{
	struct client_worker *cw = cc->worker;

	if (e != ERR_NONE) {
		client_fail(cc, e);
		return;
	}
	record(cc, LATENCY_TRANSACTION);
	stat_add(&cw->stats.requests, 1);
	stat_add(&cw->stats.body_bytes, cc->body_bytes);
	cc->done += cc->done < UINT32_MAX;
	cc->headers_done = false;
	if (!cc->keep)
		return; /* the server closes: on_eof */
	if (cw->stopping || (cw->client->requests != 0 && cc->done >= cw->client->requests)) {
		cc->ended = true;
		hr_close(cw->w, cc->c);
		return;
	}
	next_request(cc, hr_worker_now(cw->w));
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	push_request(user);
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct client_conn *cc = user;

	if (cc->error != ERR_NONE || cc->ended)
		return;
	if (cc->waiting && !cc->worker->client->raw)
		client_http_eof(cc);
	else if (cc->waiting)
		client_fail(cc, cc->body_bytes > 0 ? ERR_short_body : ERR_closed_early);
	if (cc->error != ERR_NONE)
		return;
	cc->ended = true;
	hr_close(w, c);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct client_conn *cc = user;
	struct client_worker *cw = cc->worker;
	enum error e = (enum error)cc->error;

	if (e == ERR_NONE && reason != HR_CLOSED)
		e = error_of_reason(reason);
	if (e == ERR_NONE && cc->done == 0)
		e = ERR_closed_early;
	cw->open--;
	client_conn_free(cc);
	if (cw->finished)
		return; /* given up at the end of the run: it stays counted as active */
	if (e == ERR_NONE) {
		stat_add(&cw->stats.completed, 1);
	} else {
		stat_add(&cw->stats.failed, 1);
		stat_add(&cw->stats.errors[e], 1);
	}
	pacer_closed(cw);
}

void client_app(struct hr_app *app, bool raw)
{
	*app = (struct hr_app){.on_open = on_open,
		.on_data = raw ? client_raw_data : client_http_data,
		.on_writable = on_writable,
		.on_eof = on_eof,
		.on_close = on_close};
}

/* Each step looks at some of the places, so that many connections make no long turn; with up to
 * WATCH_LEAST it looks at all. */
void client_watch(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;
	uint64_t now_us = hr_worker_now(w);
	uint32_t n = cw->conns.items / WATCH_STEPS;

	n = n > WATCH_LEAST ? n : WATCH_LEAST;
	for (n = n < cw->conns.items ? n : cw->conns.items; n > 0; n--) {
		struct client_conn *cc = slab_at(&cw->conns, cw->watch_at);

		cw->watch_at = cw->watch_at + 1 < cw->conns.items ? cw->watch_at + 1 : 0;
		if (cc == NULL || now_us - cc->since_us < cw->client->timeout_us)
			continue;
		cc->since_us = now_us;
		client_fail(cc, ERR_timeout);
	}
	hr_timer_start(w, WATCH_US, client_watch, cw);
}

/* The engine refused one, or there was no memory for it. */
static void refused(struct client_worker *cw, int rc)
{
	enum error e = rc == -ENOMEM        ? ERR_no_memory
		       : rc == -ENETUNREACH ? ERR_unreachable
					    : ERR_no_port;

	stat_add(&cw->stats.attempted, 1);
	stat_add(&cw->stats.failed, 1);
	stat_add(&cw->stats.errors[e], 1);
}

unsigned client_open(struct client_worker *cw, unsigned n, int *rc)
{
	const struct client *cl = cw->client;
	void *cc[CLIENT_BURST];
	hr_conn c[CLIENT_BURST];
	unsigned room = 0, opened;

	for (; room < n; room++) {
		struct client_conn *one = slab_get(&cw->conns);

		if (one == NULL)
			break;
		*one = (struct client_conn){
			.item = one->item, .worker = cw, .since_us = hr_worker_now(cw->w)};
		cc[room] = one;
	}
	*rc = 0;
	opened = room == 0 ? 0
			   : hr_connect_burst(
				     cw->w, &cl->target, cl->port, &cl->app, cc, NULL, c, room, rc);
	for (unsigned i = 0; i < opened; i++)
		((struct client_conn *)cc[i])->c = c[i];
	for (unsigned i = room; i > opened; i--)
		slab_put(&cw->conns, cc[i - 1]);
	stat_add(&cw->stats.attempted, opened);
	cw->open += opened;
	if (*rc == 0 && room < n)
		*rc = -ENOMEM;
	if (*rc < 0)
		refused(cw, *rc);
	return opened;
}
