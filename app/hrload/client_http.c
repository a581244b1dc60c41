/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses to the client role: bytes to a complete response, and whether it is the right one. */
#include "client_worker.h"

#include <string.h>

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
	if (cc->ext->sha != NULL)
		EVP_DigestUpdate(cc->ext->sha, at, len);
	return 0;
}

static int on_message_complete(http_parser *p)
{
	struct client_conn *cc = p->data;

	if (p->status_code / 100 == 1)
		return 0; /* interim: the response proper follows */
	cc->waiting = false;
	cc->keep = http_should_keep_alive(p) != 0;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_message_begin,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* The body against what is expected of it. */
static enum error check(struct client_conn *cc, unsigned status)
{
	struct client_worker *cw = cc->worker;
	const struct client *cl = cw->client;
	char hex[SHA256_HEX];

	if (status / 100 != 2)
		return ERR_http_status;
	if (cl->expect_len && cc->body_bytes != cl->body_len)
		return cc->body_bytes < cl->body_len ? ERR_short_body : ERR_response_size;
	if (!cl->sha256)
		return ERR_NONE;
	digest_text(cc->ext->sha, hex);
	if (cw->digest[0] == '\0')
		memcpy(cw->digest, hex, sizeof(hex));
	return cl->digest[0] != '\0' && strcmp(cl->digest, hex) != 0 ? ERR_digest : ERR_NONE;
}

bool client_http_sha(struct client_conn *cc)
{
	struct client_ext *x = client_ext(cc);

	if (x != NULL && x->sha == NULL)
		x->sha = EVP_MD_CTX_new();
	return x != NULL && x->sha != NULL && EVP_DigestInit_ex(x->sha, EVP_sha256(), NULL) == 1;
}

/* Parse a slice. True when a response ended with its last byte; then the next one begins with a new
 * parser. */
static bool parse(struct client_conn *cc, struct client_ext *x, const uint8_t *data, size_t len)
{
	enum http_errno e;

	if (!cc->mid) {
		if (cc->waiting)
			http_parser_init(&x->parser, HTTP_RESPONSE);
		else
			x->parser = cc->worker->client->dead;
		x->parser.data = cc;
		cc->mid = true;
	}
	do {
		size_t n = http_parser_execute(&x->parser, &settings, (const char *)data, len);

		data += n;
		len -= n;
		e = HTTP_PARSER_ERRNO(&x->parser);
		if (e == HPE_PAUSED)
			http_parser_pause(&x->parser, 0); /* whatever follows is judged, too */
	} while (len > 0 && e == HPE_PAUSED);
	cc->mid = e != HPE_PAUSED;
	return !cc->mid;
}

/* One slice. */
static void take(struct client_conn *cc, const uint8_t *data, size_t len)
{
	struct client_worker *cw = cc->worker;
	bool memo = cw->client->memo && !cc->mid && cc->waiting;
	const union memo_said *m = NULL;
	struct client_ext *x;
	union memo_said said;
	size_t taken;

	if (memo)
		m = memo_find(&cw->memo, data, len, &taken);
	if (m != NULL && taken == len) {
		cc->waiting = cc->got_byte = false;
		cc->body_bytes = m->response.body_bytes;
		cc->keep = m->response.keep;
		client_done(cc, (enum error)m->response.error);
		return;
	}
	x = client_ext(cc);
	if (x == NULL)
		return;
	memo &= parse(cc, x, data, len);
	if (HTTP_PARSER_ERRNO(&x->parser) != HPE_OK) {
		client_fail(cc, ERR_http_parse);
	} else if (!cc->waiting && cc->got_byte) {
		cc->got_byte = false;
		said.response = (struct http_response){.body_bytes = cc->body_bytes,
			.error = (uint8_t)check(cc, x->parser.status_code),
			.keep = cc->keep};
		if (memo)
			memo_keep(&cw->memo, data, len, &said);
		client_done(cc, (enum error)said.response.error);
	}
}

size_t client_http_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct client_conn *cc = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		total += s[i].len;
		if (cc->error != ERR_NONE || cc->ended)
			continue;
		if (!cc->got_byte && cc->waiting)
			client_first_byte(cc);
		take(cc, s[i].data, s[i].len);
	}
	return total;
}

void client_http_eof(struct client_conn *cc)
{
	if (cc->mid) /* a body without a length ends here */
		http_parser_execute(&cc->ext->parser, &settings, NULL, 0);
	if (!cc->waiting) {
		cc->keep = false;
		client_done(cc, check(cc, cc->ext->parser.status_code));
	} else {
		client_fail(cc, cc->headers_done ? ERR_short_body : ERR_closed_early);
	}
}

void client_http_init(struct client *cl)
{
	static const char last[] = "HTTP/1.0 204 No Content\r\n\r\n";
	static const http_parser_settings none = {0};

	http_parser_init(&cl->dead, HTTP_RESPONSE);
	http_parser_execute(&cl->dead, &none, last, sizeof(last) - 1);
}
