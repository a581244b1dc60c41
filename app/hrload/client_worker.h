/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the client role share: client.c (set-up and control), client_conn.c (one
 * connection), client_http.c and client_raw.c (responses) and pacer.c (when to open). */
#ifndef HRLOAD_CLIENT_WORKER_H
#define HRLOAD_CLIENT_WORKER_H

#include "client.h"
#include "memo.h"
#include "slab.h"

#include <http_parser.h>

/* What a connection needs only while it parses; kept until its end. */
struct client_ext {
	struct slab_item item;
	http_parser parser;
	EVP_MD_CTX *sha; /* NULL without --sha256 */
};

/* One cache line. */
struct client_conn {
	struct slab_item item;
	hr_conn c;
	struct client_worker *worker;
	struct client_ext *ext; /* NULL: not needed so far */
	uint64_t since_us;      /* connect, or the request under way, began */
	uint64_t body_bytes;
	uint32_t done;        /* transactions; stays at the highest number */
	uint32_t request_off; /* bytes of the request that the engine took */
	uint8_t error;        /* enum error: why this connection failed */
	bool last;            /* the request under way is the last one */
	bool waiting;         /* for a response */
	bool got_byte, headers_done;
	bool mid;   /* the parser stands within a response, or behind one that nobody asked for */
	bool keep;  /* the server keeps the connection open */
	bool ended; /* closed here */
};

_Static_assert(sizeof(struct client_conn) <= 64, "a connection is one cache line");

struct client_worker {
	struct stats stats;
	struct client *client;
	struct hr_worker *w;
	unsigned index;
	struct slab conns, exts;
	uint64_t open;     /* conns in use */
	uint32_t watch_at; /* where the watch goes on */
	uint64_t concurrency;
	bool limited, stopping, finished;
	uint64_t quota; /* connections left to open, when limited */
	/* pacer */
	uint64_t epoch_us; /* the rate counts from here */
	uint64_t opened;   /* of what was due since */
	uint64_t batch;    /* connections per turn: 1 at first, doubles up to the limit */
	uint64_t ended;    /* closed loop: to be followed by others in the next turn */
	struct memo memo;  /* of responses */
	struct latency_counts latency[LATENCIES];
	char digest[SHA256_HEX]; /* of the first body */
};

/* A request, ready to be sent. */
struct ask {
	const uint8_t *bytes; /* NULL: tcp, longer than the pattern at hand */
	size_t len;
};

struct client {
	struct hr_ip target;
	uint16_t port;
	struct hr_app app;
	char head[2][HTTP_HEAD_MAX]; /* of a request, of the last one */
	struct ask ask[2];           /* the same */
	uint64_t requests, rate, timeout_us, duration_us;
	http_parser dead; /* as it is after a response with Connection: close */
	bool raw;         /* protocol tcp */
	bool keepalive;   /* tcp: the server keeps the connection open after the last response */
	uint32_t request_size; /* tcp */
	bool sha256, expect_len;
	bool memo; /* not with digests, nor where a test wants each response parsed */
	uint64_t body_len;
	char digest[SHA256_HEX]; /* expected, or "" */
	struct pattern pattern;
	unsigned workers;
	struct client_worker worker[];
};

/* client_conn.c: the callbacks of a connection. */
void client_app(struct hr_app *app, bool raw);
#define CLIENT_BURST 64
/* Open n <= CLIENT_BURST. Returns how many; *rc: 0, or a negative errno for the one that the engine
 * refused, which is counted. */
unsigned client_open(struct client_worker *cw, unsigned n, int *rc);
/* hr_timer: looks for transactions that take too long, now and from now on. */
void client_watch(struct hr_worker *w, void *arg);
/* The extension, made when it is needed first. NULL: no memory, and the connection failed. */
struct client_ext *client_ext(struct client_conn *cc);
/* Give back what the connection holds. */
void client_conn_free(struct client_conn *cc);
/* This connection is a failure, whatever else comes. */
void client_fail(struct client_conn *cc, enum error e);
/* The first byte of a response came. */
void client_first_byte(struct client_conn *cc);
/* A response is complete: count it, or fail with `e`; then the next request or the end. */
void client_done(struct client_conn *cc, enum error e);
/* client_http.c */
size_t client_http_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n);
/* Make cl->dead. */
void client_http_init(struct client *cl);
/* The peer's FIN, while a response is awaited: it may end a body, or come too early. */
void client_http_eof(struct client_conn *cc);
/* Begin a digest of the body to come. False when out of memory. */
bool client_http_sha(struct client_conn *cc);
/* client_raw.c */
size_t client_raw_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n);
/* Queue what is left of a long request. */
void client_raw_push(struct client_conn *cc);
/* pacer.c */
void pacer_start(struct client_worker *cw);
/* A connection ended: a closed loop opens the next. */
void pacer_closed(struct client_worker *cw);
/* Connections of worker `index` of `workers` due `elapsed_us` after the start, at `rate` per second
 * over all. */
uint64_t pacer_due(uint64_t rate, uint64_t elapsed_us, unsigned index, unsigned workers);

#endif
