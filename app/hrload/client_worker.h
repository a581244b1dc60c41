/* SPDX-License-Identifier: BSD-3-Clause */
/* What client.c (connections) and pacer.c (when to open them) share: the structures of the client
 * role. */
#ifndef HRLOAD_CLIENT_WORKER_H
#define HRLOAD_CLIENT_WORKER_H

#include "client.h"

#include <sys/queue.h>

#include <http_parser.h>

struct client_conn {
	TAILQ_ENTRY(client_conn) link; /* in worker->active, in order of since_us */
	struct client_worker *worker;
	hr_conn c;
	uint64_t since_us; /* connect, or the request under way, began */
	uint64_t done;     /* transactions */
	uint64_t body_bytes;
	http_parser parser;
	EVP_MD_CTX *sha;
	uint32_t request_off; /* bytes of the request that the engine took */
	uint8_t error;        /* enum error: why this connection failed */
	bool last;            /* the request under way is the last one */
	bool waiting;         /* for a response */
	bool got_byte, headers_done;
	bool keep;  /* the server keeps the connection open */
	bool ended; /* closed here */
};

TAILQ_HEAD(client_list, client_conn);

struct client_worker {
	struct stats stats;
	struct client *client;
	struct hr_worker *w;
	unsigned index;
	struct client_list active;
	uint64_t open; /* members of active */
	uint64_t concurrency;
	bool limited, stopping, finished;
	uint64_t quota; /* connections left to open, when limited */
	/* pacer */
	uint64_t epoch_us; /* the rate counts from here */
	uint64_t opened;   /* of what was due since */
	uint64_t batch;    /* connections per turn: 1 at first, doubles up to the limit */
	struct hr_hist *latency[LATENCIES];
	char digest[SHA256_HEX]; /* of the first body */
};

struct client {
	struct hr_ip target;
	uint16_t port;
	struct hr_app app;
	char request[HTTP_HEAD_MAX], last_request[HTTP_HEAD_MAX];
	size_t request_len, last_request_len;
	uint64_t requests, rate, timeout_us, duration_us;
	bool sha256, expect_len;
	uint64_t body_len;
	char digest[SHA256_HEX]; /* expected, or "" */
	unsigned workers;
	struct client_worker worker[];
};

/* client.c: open one. */
int client_open(struct client_worker *cw);
/* pacer.c */
void pacer_start(struct client_worker *cw);
/* A connection ended: a closed loop opens the next. */
void pacer_closed(struct client_worker *cw);
/* Connections of worker `index` of `workers` due `elapsed_us` after the start, at `rate` per second
 * over all. */
uint64_t pacer_due(uint64_t rate, uint64_t elapsed_us, unsigned index, unsigned workers);

#endif
