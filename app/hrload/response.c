/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers of the server role. Small bodies travel with their head in one hr_send(); larger ones are
 * produced by on_pull at each (re)transmission, so that a response of any size takes no payload
 * memory. The usual answer is the one before once more, and is kept ready. A digest is computed in
 * steps, one per turn, so that the worker's other connections do not wait for it.
 */
#include "server_conn.h"

#include <stdlib.h>
#include <string.h>

#define SHA_STEP   (1u << 18) /* bytes digested per turn for /sha256/N: a turn stays short */
#define BODIES_MIN 4

/* Forget bodies that the client has acknowledged, then note a new one at the end of the stream. */
static bool note_body(struct server_conn *sc, uint64_t len)
{
	struct server_ext *x = sc->ext;
	struct hr_conn_info info;
	uint32_t gone = 0;

	if (x->n_bodies > 0 && hr_conn_info(sc->worker->w, sc->c, &info) == 0)
		while (gone < x->n_bodies && x->bodies[gone].end <= info.bytes_acked)
			gone++;
	if (gone > 0) {
		x->n_bodies -= gone;
		memmove(x->bodies, x->bodies + gone, x->n_bodies * sizeof(*x->bodies));
	}
	if (x->n_bodies == x->max_bodies) {
		uint32_t max = x->max_bodies != 0 ? 2 * x->max_bodies : BODIES_MIN;
		struct body *more = realloc(x->bodies, max * sizeof(*more));

		if (more == NULL)
			return false;
		x->bodies = more;
		x->max_bodies = max;
	}
	x->bodies[x->n_bodies++] = (struct body){sc->queued, sc->queued + len};
	return true;
}

/* The response is queued: go on, or say goodbye. */
static void answered(struct server_conn *sc)
{
	sc->busy = false;
	stat_add(&sc->worker->stats.requests, 1);
	if (sc->close || sc->eof || sc->worker->stopping)
		server_linger(sc);
}

bool response_pump(struct server_conn *sc)
{
	struct hr_worker *w = sc->worker->w;
	struct server_ext *x = sc->ext;
	int64_t n;

	if (x->head != NULL) {
		n = hr_send(w, sc->c, x->head + x->head_off, x->head_len - x->head_off);
		if (n < 0)
			return false;
		x->head_off += (uint32_t)n;
		sc->queued += (uint64_t)n;
		if (x->head_off < x->head_len)
			return false;
		free(x->head);
		x->head = NULL;
		if (x->pull_left > 0 && !note_body(sc, x->pull_left)) {
			hr_abort(w, sc->c);
			return false;
		}
	}
	if (x->pull_left > 0) {
		n = hr_send_pull(w, sc->c, x->pull_left);
		if (n < 0)
			return false;
		sc->queued += (uint64_t)n;
		x->pull_left -= (uint64_t)n;
	}
	if (x->pull_left > 0)
		return false;
	answered(sc);
	return true;
}

void response_send(struct server_conn *sc, const void *bytes, size_t len, uint64_t pull)
{
	struct hr_worker *w = sc->worker->w;
	int64_t n = hr_send(w, sc->c, bytes, len);
	struct server_ext *x;

	if (n < 0) {
		server_linger(sc); /* the connection is going: on_close follows */
		return;
	}
	sc->queued += (uint64_t)n;
	stat_add(&sc->worker->stats.body_bytes, pull);
	if ((size_t)n == len && pull == 0) {
		answered(sc);
		return;
	}
	x = server_ext(sc);
	if (x == NULL)
		return;
	sc->busy = true;
	x->pull_left = pull;
	if ((size_t)n < len) {
		x->head = malloc(len - (size_t)n);
		if (x->head == NULL) {
			hr_abort(w, sc->c);
			return;
		}
		memcpy(x->head, (const char *)bytes + n, len - (size_t)n);
		x->head_off = 0;
		x->head_len = (uint32_t)(len - (size_t)n);
		return;
	}
	if (!note_body(sc, pull)) {
		hr_abort(w, sc->c);
		return;
	}
	response_pump(sc);
}

static void send_text(struct server_conn *sc, unsigned status, const char *text, bool head_only)
{
	char buf[HTTP_HEAD_MAX + TARGET_MAX];
	size_t n = http_response_head(buf, HTTP_HEAD_MAX, status, strlen(text), sc->close);

	if (!head_only) {
		memcpy(buf + n, text, strlen(text));
		n += strlen(text);
		stat_add(&sc->worker->stats.body_bytes, strlen(text));
	}
	response_send(sc, buf, n, 0);
}

static void prepare(
	struct answer *a, const struct pattern *p, uint64_t size, bool close, bool head_only)
{
	size_t n = http_response_head(a->bytes, HTTP_HEAD_MAX, 200, size, close);

	a->size = size;
	a->body_bytes = !head_only && size <= SMALL_BODY ? size : 0;
	a->pull = !head_only && size > SMALL_BODY ? size : 0;
	pattern_fill(p, 0, (uint8_t *)a->bytes + n, (uint32_t)a->body_bytes);
	a->len = (uint32_t)(n + a->body_bytes);
}

static void send_bytes(struct server_conn *sc, uint64_t size, bool head_only)
{
	struct server_worker *sw = sc->worker;
	struct answer *a = &sw->answer[sc->close][head_only];

	if (a->size != size || a->len == 0)
		prepare(a, &sw->server->pattern, size, sc->close, head_only);
	stat_add(&sw->stats.body_bytes, a->body_bytes);
	response_send(sc, a->bytes, a->len, a->pull);
}

void server_refuse(struct server_conn *sc, unsigned status, const char *text)
{
	stat_add(&sc->worker->stats.bad, 1);
	send_text(sc, status, text, false);
}

/* One step of the digest for /sha256/N; the next one in a later turn. */
static void sha_step(struct hr_worker *w, void *arg)
{
	struct server_conn *sc = arg;
	struct server_ext *x = sc->ext;
	uint64_t n = x->sha_len - x->sha_off;
	char hex[SHA256_HEX + 1];

	x->sha_timer = 0;
	if (n > SHA_STEP)
		n = SHA_STEP;
	pattern_digest(&sc->worker->server->pattern, x->sha, x->sha_off, n);
	x->sha_off += n;
	if (x->sha_off < x->sha_len) {
		x->sha_timer = hr_timer_start(w, 0, sha_step, sc);
		if (x->sha_timer == 0)
			hr_abort(w, sc->c);
		return;
	}
	digest_text(x->sha, hex);
	hex[SHA256_HEX - 1] = '\n';
	hex[SHA256_HEX] = '\0';
	EVP_MD_CTX_free(x->sha);
	x->sha = NULL;
	send_text(sc, 200, hex, x->sha_head_only);
	if (!sc->busy)
		hr_resume(w, sc->c);
}

static void send_sha256(struct server_conn *sc, uint64_t size, bool head_only)
{
	struct server_ext *x = server_ext(sc);

	if (x == NULL)
		return;
	x->sha = EVP_MD_CTX_new();
	if (x->sha == NULL || EVP_DigestInit_ex(x->sha, EVP_sha256(), NULL) != 1) {
		hr_abort(sc->worker->w, sc->c);
		return;
	}
	sc->busy = true;
	x->sha_off = 0;
	x->sha_len = size;
	x->sha_head_only = head_only;
	sha_step(sc->worker->w, sc);
}

void server_answer(struct server_conn *sc, const struct http_request *r)
{
	sc->close = r->close;
	if (r->other) {
		server_refuse(sc, 405, "only GET and HEAD are served here\n");
		return;
	}
	switch ((enum resource)r->resource) {
	case RESOURCE_DEFAULT:
	case RESOURCE_BYTES:
		send_bytes(sc, r->n, r->head);
		break;
	case RESOURCE_SHA256:
		send_sha256(sc, r->n, r->head);
		break;
	case RESOURCE_BAD:
		server_refuse(sc, 400, "use /bytes/N, /sha256/N or a path below 256 bytes\n");
		break;
	}
}

void response_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len)
{
	const struct server_conn *sc = user;
	const struct server_ext *x = sc->ext;
	uint32_t i = 0;

	while (len > 0) {
		while (x->bodies[i].end <= offset)
			i++; /* a pulled byte lies in some body that is not acknowledged */
		uint64_t left = x->bodies[i].end - offset;
		uint32_t n = len < left ? len : (uint32_t)left;

		pattern_fill(&sc->worker->server->pattern, offset - x->bodies[i].start, buf, n);
		offset += n;
		buf += n;
		len -= n;
	}
}
