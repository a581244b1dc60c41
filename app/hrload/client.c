/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client role as a whole: set-up, start and stop through the workers' mailboxes, sums. What its
 * connections do is in client_conn.c.
 */
#include "client.h"

#include "client_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(struct hr_worker *w, void *arg)
{
	client_watch(w, arg);
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

	cw->stopping = cw->finished = true;
	for (uint32_t i = 0; i < cw->conns.items; i++) {
		struct client_conn *cc = slab_at(&cw->conns, i);

		if (cc == NULL)
			continue;
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
	uint64_t n = 0;
	enum resource path = http_resource(cfg->path, strlen(cfg->path), &n);

	if (path == RESOURCE_BYTES) {
		cl->expect_len = true;
		cl->body_len = n;
	} else if (cl->raw || cfg->role == ROLE_BOTH || cfg->expect_size) {
		cl->expect_len = path == RESOURCE_DEFAULT;
		cl->body_len = cfg->response_size;
	}
	memcpy(cl->digest, cfg->sha256_hex, sizeof(cl->digest));
	if (cl->sha256 && cl->digest[0] == '\0' && cl->expect_len)
		return pattern_sha256(&cl->pattern, cl->body_len, cl->digest);
	return true;
}

static void init_worker(
	struct client *cl, const struct config *cfg, struct hr_engine *e, unsigned i)
{
	struct client_worker *cw = &cl->worker[i];
	unsigned n = cl->workers;

	cw->client = cl;
	cw->index = i;
	cw->w = hr_engine_worker(e, i);
	/* As many as the engine may have, and those whose end is being told. */
	slab_init(&cw->conns, sizeof(struct client_conn), 2ull * cfg->side[CLIENT].max_conns);
	slab_init(&cw->exts, sizeof(struct client_ext), 2ull * cfg->side[CLIENT].max_conns);
	cw->limited = cfg->connections != 0;
	cw->quota = cfg->connections / n + (i < cfg->connections % n);
	cw->concurrency = cfg->concurrency / n + (i < cfg->concurrency % n);
	for (int l = 0; l < LATENCIES; l++)
		cw->latency[l].rest = hr_hist_create();
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
	cl->memo = !cfg->sha256;
	cl->raw = cfg->protocol == PROTOCOL_TCP;
	cl->keepalive = cfg->keepalive;
	cl->request_size = (uint32_t)cfg->request_size;
	pattern_init(&cl->pattern);
	client_app(&cl->app, cl->raw);
	client_http_init(cl);
	hr_ip_text(&cfg->target, ip, sizeof(ip));
	snprintf(host, sizeof(host), cfg->target.family == 6 ? "[%s]:%u" : "%s:%u", ip,
		cfg->target_port);
	for (int last = 0; last < 2; last++) {
		size_t n = http_request_head(cl->head[last], HTTP_HEAD_MAX, cfg->path, host,
			last != 0 && !cfg->keepalive);

		cl->ask[last] = (struct ask){(const uint8_t *)cl->head[last], n};
		if (cl->raw)
			cl->ask[last] = (struct ask){
				cfg->request_size <= PATTERN_CHUNK ? cl->pattern.bytes : NULL,
				cfg->request_size};
	}
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
		latency_merge(into, &cl->worker[i].latency[which]);
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
	for (unsigned i = 0; cl != NULL && i < cl->workers; i++) {
		struct client_worker *cw = &cl->worker[i];

		/* The engine is gone: connections that were open have no on_close any more. */
		for (uint32_t k = 0; k < cw->conns.items; k++) {
			struct client_conn *cc = slab_at(&cw->conns, k);

			if (cc != NULL)
				client_conn_free(cc);
		}
		slab_release(&cw->conns);
		slab_release(&cw->exts);
		for (int l = 0; l < LATENCIES; l++)
			hr_hist_free(cw->latency[l].rest);
	}
	free(cl);
}
