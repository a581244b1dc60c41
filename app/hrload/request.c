/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the server role: bytes to a request, one at a time. What it is answered is in
 * response.c. */
#include "server_conn.h"

#include <string.h>

static int on_message_begin(http_parser *p)
{
	struct server_ext *x = ((struct server_conn *)p->data)->ext;

	x->target_len = 0;
	x->too_long = false;
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct server_ext *x = ((struct server_conn *)p->data)->ext;

	if (len > sizeof(x->target) - x->target_len) {
		x->too_long = true;
		return 0;
	}
	memcpy(x->target + x->target_len, at, len);
	x->target_len = (uint16_t)(x->target_len + len);
	return 0;
}

/* One request at a time: the rest stays unread until this one is answered. */
static int on_message_complete(http_parser *p)
{
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_message_complete = on_message_complete,
};

/* What the parser has just said. */
static struct http_request said(const struct server_conn *sc)
{
	const struct server_ext *x = sc->ext;
	struct http_request r = {.n = sc->worker->server->response_size,
		.resource = RESOURCE_BAD,
		.head = x->parser.method == HTTP_HEAD,
		.other = x->parser.method != HTTP_GET && x->parser.method != HTTP_HEAD,
		.close = !http_should_keep_alive(&x->parser)};

	if (!x->too_long)
		r.resource = (uint8_t)http_resource(x->target, x->target_len, &r.n);
	return r;
}

/* Parse, and answer when a request is complete. Returns the bytes taken. */
static size_t parse(struct server_conn *sc, const uint8_t *data, size_t len)
{
	struct server_ext *x = server_ext(sc);
	bool whole = !sc->mid;
	union memo_said m;
	size_t n;

	if (x == NULL)
		return 0;
	if (!sc->mid) {
		http_parser_init(&x->parser, HTTP_REQUEST);
		x->parser.data = sc;
		sc->mid = true;
	}
	n = http_parser_execute(&x->parser, &settings, (const char *)data, len);
	if (HTTP_PARSER_ERRNO(&x->parser) == HPE_PAUSED) {
		sc->mid = false; /* the next request begins with a new parser */
		m.request = said(sc);
		if (whole)
			memo_keep(&sc->worker->memo, data, n, &m);
		server_answer(sc, &m.request);
	} else if (HTTP_PARSER_ERRNO(&x->parser) != HPE_OK) {
		sc->close = true;
		server_refuse(sc, 400, "this is not HTTP/1.1\n");
	}
	return n;
}

/* The next bytes, up to the end of a request at most. Returns how many were taken. */
static size_t take(struct server_conn *sc, const uint8_t *data, size_t len)
{
	struct server_worker *sw = sc->worker;
	const union memo_said *m = NULL;
	size_t n;

	if (!sc->mid && !sw->server->plain)
		m = memo_find(&sw->memo, data, len, &n);
	if (m == NULL)
		return parse(sc, data, len);
	server_answer(sc, &m->request);
	return n;
}

size_t request_data(
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
			done += take(sc, s[i].data + done, s[i].len - done);
		}
		total += s[i].len;
	}
	return total;
}
