/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client role's connections: connect, GET, check the response, again or end. When connections
 * are opened is in pacer.c. Time is the worker's turn clock: all three latencies are counted from
 * the call (connect, request) to the callback that saw the answer.
 */
#include "client.h"

#include "client_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_US 50000 /* between two looks at the oldest transaction */

static void record(struct client_worker *cw, enum latency which, uint64_t since_us)
{
	hr_hist_record(cw->latency[which], hr_worker_now(cw->w) - since_us);
}

/* This connection is a failure, whatever else comes. */
static void fail(struct client_conn *cc, enum error e)
{
	if (cc->error == ERR_NONE)
		cc->error = e;
	hr_abort(cc->worker->w, cc->c);
}

/* The timeout runs from here; the list stays in order because it is the same for all. */
static void restart_timeout(struct client_conn *cc)
{
	struct client_worker *cw = cc->worker;

	cc->since_us = hr_worker_now(cw->w);
	TAILQ_REMOVE(&cw->active, cc, link);
	TAILQ_INSERT_TAIL(&cw->active, cc, link);
}

static void push_request(struct client_conn *cc)
{
	const struct client *cl = cc->worker->client;
	const char *head = cc->last ? cl->last_request : cl->request;
	size_t len = cc->last ? cl->last_request_len : cl->request_len;
	int64_t n = hr_send(cc->worker->w, cc->c, head + cc->request_off, len - cc->request_off);

	if (n > 0)
		cc->request_off += (uint32_t)n;
}

static void next_request(struct client_conn *cc)
{
	const struct client *cl = cc->worker->client;

	restart_timeout(cc);
	cc->request_off = 0;
	cc->waiting = true;
	cc->got_byte = false;
	cc->body_bytes = 0;
	cc->last = cl->requests != 0 && cc->done + 1 == cl->requests;
	if (cl->sha256) {
		if (cc->sha == NULL)
			cc->sha = EVP_MD_CTX_new();
		if (cc->sha == NULL || EVP_DigestInit_ex(cc->sha, EVP_sha256(), NULL) != 1) {
			fail(cc, ERR_no_memory);
			return;
		}
	}
	push_request(cc);
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct client_conn *cc = user;

	stat_add(&cc->worker->stats.established, 1);
	record(cc->worker, LATENCY_CONNECT, cc->since_us);
	next_request(cc);
}

static int on_message_begin(http_parser *p)
{
	const struct client_conn *cc = p->data;

	return !cc->waiting; /* nobody asked */
}

static int on_headers_complete(http_parser *p)
{
	struct client_conn *cc = p->data;

	cc->headers_done = true;
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct client_conn *cc = p->data;

	cc->body_bytes += len;
	if (cc->sha != NULL)
		EVP_DigestUpdate(cc->sha, at, len);
	return 0;
}

static int on_message_complete(http_parser *p)
{
	struct client_conn *cc = p->data;

	if (p->status_code / 100 == 1)
		return 0; /* interim: the response proper follows */
	cc->waiting = false;
	cc->keep = http_should_keep_alive(p) != 0;
	return 0;
}

static const http_parser_settings response_settings = {
	.on_message_begin = on_message_begin,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* The body against what is expected of it. */
static enum error check_body(struct client_conn *cc)
{
	struct client_worker *cw = cc->worker;
	const struct client *cl = cw->client;
	char hex[SHA256_HEX];

	if (cc->parser.status_code / 100 != 2)
		return ERR_http_status;
	if (cl->expect_len && cc->body_bytes != cl->body_len)
		return cc->body_bytes < cl->body_len ? ERR_short_body : ERR_response_size;
	if (!cl->sha256)
		return ERR_NONE;
	digest_text(cc->sha, hex);
	if (cw->digest[0] == '\0')
		memcpy(cw->digest, hex, sizeof(hex));
	return cl->digest[0] != '\0' && strcmp(cl->digest, hex) != 0 ? ERR_digest : ERR_NONE;
}

/* A response is complete: count it, then the next request or the end. */
static void transaction_done(struct client_conn *cc)
{
	struct client_worker *cw = cc->worker;
	enum error e = check_body(cc);

	if (e != ERR_NONE) {
		fail(cc, e);
		return;
	}
	record(cw, LATENCY_TRANSACTION, cc->since_us);
	stat_add(&cw->stats.requests, 1);
	stat_add(&cw->stats.body_bytes, cc->body_bytes);
	cc->done++;
	cc->headers_done = false;
	if (!cc->keep)
		return; /* the server closes: on_eof */
	if (cw->stopping || (cw->client->requests != 0 && cc->done >= cw->client->requests)) {
		cc->ended = true;
		hr_close(cw->w, cc->c);
		return;
	}
	next_request(cc);
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct client_conn *cc = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		total += s[i].len;
		if (cc->error != ERR_NONE || cc->ended)
			continue;
		if (!cc->got_byte && cc->waiting) {
			cc->got_byte = true;
			record(cc->worker, LATENCY_FIRST_BYTE, cc->since_us);
		}
		http_parser_execute(
			&cc->parser, &response_settings, (const char *)s[i].data, s[i].len);
		if (HTTP_PARSER_ERRNO(&cc->parser) != HPE_OK)
			fail(cc, ERR_http_parse);
		else if (!cc->waiting && cc->got_byte) {
			cc->got_byte = false;
			transaction_done(cc);
		}
	}
	return total;
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
	if (cc->waiting) {
		/* A body without a length ends here. */
		http_parser_execute(&cc->parser, &response_settings, NULL, 0);
		if (!cc->waiting) {
			cc->keep = false;
			transaction_done(cc);
		} else {
			fail(cc, cc->headers_done ? ERR_short_body : ERR_closed_early);
		}
	}
	if (cc->error != ERR_NONE)
		return;
	cc->ended = true;
	hr_close(w, c);
}

static void conn_free(struct client_conn *cc)
{
	TAILQ_REMOVE(&cc->worker->active, cc, link);
	EVP_MD_CTX_free(cc->sha);
	free(cc);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct client_conn *cc = user;
	struct client_worker *cw = cc->worker;
	enum error e = cc->error != ERR_NONE ? cc->error : error_of_reason(reason);

	if (e == ERR_NONE && cc->done == 0)
		e = ERR_closed_early;
	cw->open--;
	conn_free(cc);
	if (cw->finished)
		return; /* given up at the end of the run: it stays counted as active */
	stat_add(e == ERR_NONE ? &cw->stats.completed : &cw->stats.failed, 1);
	stat_add(&cw->stats.errors[e], 1);
	pacer_closed(cw);
}

/* The oldest transactions first. */
static void watch(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;
	uint64_t now_us = hr_worker_now(w);
	struct client_conn *cc;

	while ((cc = TAILQ_FIRST(&cw->active)) != NULL &&
		now_us - cc->since_us >= cw->client->timeout_us) {
		restart_timeout(cc);
		fail(cc, ERR_timeout);
	}
	hr_timer_start(w, WATCH_US, watch, cw);
}

/* One connection more. A negative errno when the engine refuses. */
int client_open(struct client_worker *cw)
{
	const struct client *cl = cw->client;
	struct client_conn *cc = calloc(1, sizeof(*cc));
	int rc;

	stat_add(&cw->stats.attempted, 1);
	if (cc == NULL) {
		rc = -ENOMEM;
	} else {
		cc->worker = cw;
		cc->since_us = hr_worker_now(cw->w);
		http_parser_init(&cc->parser, HTTP_RESPONSE);
		cc->parser.data = cc;
		rc = hr_connect(cw->w, &cl->target, cl->port, &cl->app, cc, NULL, &cc->c);
	}
	if (rc < 0) {
		enum error e = rc == -ENOMEM        ? ERR_no_memory
			       : rc == -ENETUNREACH ? ERR_unreachable
						    : ERR_no_port;

		stat_add(&cw->stats.failed, 1);
		stat_add(&cw->stats.errors[e], 1);
		free(cc);
		return rc;
	}
	TAILQ_INSERT_TAIL(&cw->active, cc, link);
	cw->open++;
	return 0;
}

static void start(struct hr_worker *w, void *arg)
{
	hr_timer_start(w, WATCH_US, watch, arg);
	pacer_start(arg);
}

/* Keep-alive connections end after the response that is under way; no others are idle. */
static void stop(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;

	cw->stopping = true;
	stat_add(&cw->stats.exhausted, cw->stats.exhausted == 0);
}

static void finish(struct hr_worker *w, void *arg)
{
	struct client_worker *cw = arg;
	struct client_conn *cc;

	cw->stopping = cw->finished = true;
	TAILQ_FOREACH(cc, &cw->active, link)
	{
		cc->ended = true;
		hr_close(w, cc->c);
	}
}

static bool post_all(struct client *cl, void (*fn)(struct hr_worker *, void *))
{
	bool ok = true;

	for (unsigned i = 0; i < cl->workers; i++)
		ok &= hr_post(cl->worker[i].w, fn, &cl->worker[i]) == 0;
	return ok;
}

bool client_start(struct client *cl)
{
	return post_all(cl, start);
}

bool client_stop(struct client *cl)
{
	return post_all(cl, stop);
}

bool client_finish(struct client *cl)
{
	return post_all(cl, finish);
}

/* What a body must be: by --response-size where it was given, by the path where it says so. */
static bool expect(struct client *cl, const struct config *cfg)
{
	struct pattern *p;
	uint64_t n = 0;
	bool ok = true;

	if (http_resource(cfg->path, strlen(cfg->path), &n) == RESOURCE_BYTES) {
		cl->expect_len = true;
		cl->body_len = n;
	} else if (cfg->role == ROLE_BOTH || cfg->expect_size) {
		cl->expect_len =
			http_resource(cfg->path, strlen(cfg->path), &n) == RESOURCE_DEFAULT;
		cl->body_len = cfg->response_size;
	}
	memcpy(cl->digest, cfg->sha256_hex, sizeof(cl->digest));
	if (cl->sha256 && cl->digest[0] == '\0' && cl->expect_len) {
		p = malloc(sizeof(*p));
		ok = p != NULL;
		if (ok) {
			pattern_init(p);
			ok = pattern_sha256(p, cl->body_len, cl->digest);
		}
		free(p);
	}
	return ok;
}

static void init_worker(
	struct client *cl, const struct config *cfg, struct hr_engine *e, unsigned i)
{
	struct client_worker *cw = &cl->worker[i];
	unsigned n = cl->workers;

	cw->client = cl;
	cw->index = i;
	cw->w = hr_engine_worker(e, i);
	TAILQ_INIT(&cw->active);
	cw->limited = cfg->connections != 0;
	cw->quota = cfg->connections / n + (i < cfg->connections % n);
	cw->concurrency = cfg->concurrency / n + (i < cfg->concurrency % n);
	for (int l = 0; l < LATENCIES; l++)
		cw->latency[l] = hr_hist_create();
	hr_worker_set_user(cw->w, cw);
}

struct client *client_create(
	const struct config *cfg, struct hr_engine *e, char *err, size_t errlen)
{
	unsigned workers = hr_engine_workers(e);
	size_t size = sizeof(struct client) + workers * sizeof(struct client_worker);
	struct client *cl = aligned_alloc(64, (size + 63) / 64 * 64);
	char host[64], ip[48];

	if (cl == NULL) {
		snprintf(err, errlen, "no memory for the client; free some");
		return NULL;
	}
	memset(cl, 0, size);
	cl->target = cfg->target;
	cl->port = cfg->target_port;
	cl->requests = cfg->requests;
	cl->rate = cfg->rate;
	cl->timeout_us = cfg->timeout_us;
	cl->duration_us = cfg->duration_us;
	cl->sha256 = cfg->sha256;
	cl->workers = workers;
	cl->app = (struct hr_app){.on_open = on_open,
		.on_data = on_data,
		.on_writable = on_writable,
		.on_eof = on_eof,
		.on_close = on_close};
	hr_ip_text(&cfg->target, ip, sizeof(ip));
	snprintf(host, sizeof(host), cfg->target.family == 6 ? "[%s]:%u" : "%s:%u", ip,
		cfg->target_port);
	cl->request_len =
		http_request_head(cl->request, sizeof(cl->request), cfg->path, host, false);
	cl->last_request_len = http_request_head(
		cl->last_request, sizeof(cl->last_request), cfg->path, host, !cfg->keepalive);
	for (unsigned i = 0; i < workers; i++)
		init_worker(cl, cfg, e, i);
	if (!expect(cl, cfg)) {
		snprintf(err, errlen, "no memory for the digest; free some");
		client_free(cl);
		return NULL;
	}
	return cl;
}

void client_stats(const struct client *cl, struct stats *sum)
{
	*sum = (struct stats){0};
	for (unsigned i = 0; i < cl->workers; i++)
		stats_merge(sum, &cl->worker[i].stats);
}

bool client_exhausted(const struct client *cl)
{
	for (unsigned i = 0; i < cl->workers; i++)
		if (stat_read(&cl->worker[i].stats.exhausted) == 0)
			return false;
	return true;
}

void client_latency(const struct client *cl, enum latency which, struct hr_hist *into)
{
	for (unsigned i = 0; i < cl->workers; i++)
		hr_hist_merge(into, cl->worker[i].latency[which]);
}

const char *client_digest(const struct client *cl)
{
	for (unsigned i = 0; i < cl->workers; i++)
		if (cl->worker[i].digest[0] != '\0')
			return cl->worker[i].digest;
	return "";
}

void client_free(struct client *cl)
{
	struct client_conn *cc;

	for (unsigned i = 0; cl != NULL && i < cl->workers; i++) {
		/* The engine is gone: connections that were open have no on_close any more. */
		while ((cc = TAILQ_FIRST(&cl->worker[i].active)) != NULL)
			conn_free(cc);
		for (int l = 0; l < LATENCIES; l++)
			hr_hist_free(cl->worker[i].latency[l]);
	}
	free(cl);
}
