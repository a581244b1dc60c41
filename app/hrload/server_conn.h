/* SPDX-License-Identifier: BSD-3-Clause */
/* What server.c (connections, workers) and response.c (answers) share: the structures of the server
 * role. */
#ifndef HRLOAD_SERVER_CONN_H
#define HRLOAD_SERVER_CONN_H

#include "http.h"
#include "server.h"

#include <sys/queue.h>

#include <http_parser.h>

#define TARGET_MAX 256 /* bytes of a request target */

/* Where a pulled body lies in the sent stream. */
struct body {
	uint64_t start, end;
};

struct server_conn {
	TAILQ_ENTRY(server_conn) link; /* in worker->open, or in worker->lingering after our FIN */
	struct server_worker *worker;
	hr_conn c;
	http_parser parser;
	char target[TARGET_MAX];
	uint16_t target_len;
	bool too_long;
	bool asked;     /* a whole request was parsed and not yet answered */
	bool busy;      /* a response is being queued, or a digest computed */
	bool close;     /* after this response */
	bool eof;       /* the client sent FIN */
	bool lingering; /* our FIN is queued */
	uint64_t linger_since_us;
	/* the response */
	char *head; /* what a full send buffer left over, malloced; NULL when nothing */
	uint32_t head_off, head_len;
	uint64_t pull_left;
	/* the stream */
	uint64_t queued;     /* bytes given to the engine so far */
	struct body *bodies; /* pulled bodies that may be retransmitted, oldest first */
	uint32_t n_bodies, max_bodies;
	/* a digest under way */
	EVP_MD_CTX *sha;
	uint64_t sha_off, sha_len, sha_timer;
	bool sha_head_only;
};

TAILQ_HEAD(server_list, server_conn);

struct server_worker {
	struct stats stats;
	struct server *server;
	struct hr_worker *w;
	struct server_list open, lingering;
	bool stopping;
};

struct server {
	uint64_t response_size, linger_us;
	uint16_t port;
	struct hr_app app;
	struct pattern pattern;
	unsigned workers;
	struct server_worker worker[];
};

/* response.c: answer the request that was just parsed. */
void server_answer(struct server_conn *sc);
/* Answer with an error and a line of text. */
void server_refuse(struct server_conn *sc, unsigned status, const char *text);
/* Queue what is left of the response. True when that was all, and the connection is ready for what
 * follows. */
bool response_pump(struct server_conn *sc);
/* hr_app.on_pull: bytes of bodies queued with hr_send_pull(). */
void response_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len);
/* server.c: FIN after what is queued; the client's FIN, or the sweep, ends it. */
void server_linger(struct server_conn *sc);

#endif
