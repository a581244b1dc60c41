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
	return 0;
}

static const http_parser_settings settings = {
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

	if (cc->ext->parser.status_code / 100 != 2)
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

/* One slice. */
static void take(struct client_conn *cc, const uint8_t *data, size_t len)
{
	struct client_ext *x = client_ext(cc);

	if (x == NULL)
		return;
	http_parser_execute(&x->parser, &settings, (const char *)data, len);
	if (HTTP_PARSER_ERRNO(&x->parser) != HPE_OK) {
		client_fail(cc, ERR_http_parse);
	} else if (!cc->waiting && cc->got_byte) {
		cc->got_byte = false;
		client_done(cc, check_body(cc));
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
	if (cc->ext != NULL) /* a body without a length ends here */
		http_parser_execute(&cc->ext->parser, &settings, NULL, 0);
	if (!cc->waiting) {
		cc->keep = false;
		client_done(cc, check_body(cc));
	} else {
		client_fail(cc, cc->headers_done ? ERR_short_body : ERR_closed_early);
	}
}
