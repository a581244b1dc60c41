/* SPDX-License-Identifier: BSD-3-Clause */
/* What server.c (connections, workers) and response.c (answers) share: the structures of the server
 * role. */
#ifndef HRLOAD_SERVER_CONN_H
#define HRLOAD_SERVER_CONN_H

#include "http.h"
#include "memo.h"
#include "server.h"
#include "slab.h"

#include <http_parser.h>

#define TARGET_MAX 256 /* bytes of a request target */

/* Where a pulled body lies in the sent stream. */
struct body {
	uint64_t start, end;
};

/* What a connection needs only while it parses, or when an answer is long or slow; kept until its
 * end. */
struct server_ext {
	struct slab_item item;
	http_parser parser;
	/* the response */
	char *head; /* what a full send buffer left over, malloced; NULL when nothing */
	uint32_t head_off, head_len;
	uint64_t pull_left;
	struct body *bodies; /* pulled bodies that may be retransmitted, oldest first */
	uint32_t n_bodies, max_bodies;
	/* a digest under way */
	EVP_MD_CTX *sha;
	uint64_t sha_off, sha_len, sha_timer;
	bool sha_head_only;
	/* the request */
	bool too_long;
	uint16_t target_len;
	char target[TARGET_MAX];
};

/* One cache line. */
struct server_conn {
	struct slab_item item;
	hr_conn c;
	struct server_worker *worker;
	struct server_ext *ext; /* NULL: not needed so far */
	uint64_t queued;        /* bytes given to the engine so far */
	uint64_t linger_since_us;
	uint32_t got;      /* tcp: bytes of the request under way */
	uint32_t answered; /* tcp: requests, where they are limited */
	bool mid;          /* the parser stands within a request */
	bool busy;         /* a response is being queued, or a digest computed */
	bool close;        /* after this response */
	bool eof;          /* the client sent FIN */
	bool lingering;    /* our FIN is queued */
};

_Static_assert(sizeof(struct server_conn) <= 64, "a connection is one cache line");

#define SMALL_BODY 1024 /* bodies up to here are copied: one range instead of two */

/* An answer that is ready to be sent: a head, and a body if it is small. */
struct answer {
	uint64_t size;       /* Content-Length */
	uint64_t body_bytes; /* in bytes[] */
	uint64_t pull;       /* bytes of the body that follow */
	uint32_t len;        /* 0: none so far */
	char bytes[HTTP_HEAD_MAX + SMALL_BODY];
};

struct server_worker {
	struct stats stats;
	struct server *server;
	struct hr_worker *w;
	struct slab conns, exts;
	uint32_t sweep_at; /* where the sweep goes on */
	bool stopping;
	struct memo memo;           /* of requests */
	struct answer answer[2][2]; /* the last with 200: [close][only the head] */
};

struct server {
	uint64_t response_size, linger_us;
	uint32_t request_size, requests; /* tcp; requests: the last one closes, 0 = none does */
	uint16_t port;
	bool plain; /* tests: each request goes through the parser */
	struct hr_app app;
	struct pattern pattern;
	unsigned workers;
	struct server_worker worker[];
};

/* server.c: the extension, made when it is needed first. NULL: there is no memory, and the
 * connection was aborted. */
struct server_ext *server_ext(struct server_conn *sc);
/* FIN after what is queued; the client's FIN, or the sweep, ends it. */
void server_linger(struct server_conn *sc);
/* request.c: hr_app.on_data for HTTP. */
size_t request_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n);
/* raw.c: the same for raw TCP. */
size_t raw_data(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n);
/* response.c: answer a request. */
void server_answer(struct server_conn *sc, const struct http_request *r);
/* Send `len` bytes and then `pull` bytes of the pattern, and FIN when sc->close. */
void response_send(struct server_conn *sc, const void *bytes, size_t len, uint64_t pull);
/* Answer with an error and a line of text. */
void server_refuse(struct server_conn *sc, unsigned status, const char *text);
/* Queue what is left of the response. True when that was all, and the connection is ready for what
 * follows. */
bool response_pump(struct server_conn *sc);
/* hr_app.on_pull: bytes of bodies queued with hr_send_pull(). */
void response_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len);

#endif
