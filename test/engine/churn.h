/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many short connections from side A to side B in every order of closing, each with a request and a
 * response whose bytes are checked, and with every callback checked against what may still come on
 * that connection.
 */
#ifndef HR_TEST_ENGINE_CHURN_H
#define HR_TEST_ENGINE_CHURN_H

#include "pair.h"

enum order {
	ORDER_CLIENT,       /* the client closes when it has the response */
	ORDER_SERVER,       /* the server closes behind the response */
	ORDER_BOTH,         /* both, before either FIN arrives */
	ORDER_CLIENT_ABORT, /* RST from the client when it has the response */
	ORDER_SERVER_ABORT, /* RST instead of a response */
	ORDER_HALF, /* the client shuts down behind the request; the server answers the end of data
		     */
	ORDER_MUTE, /* the client closes at once and says nothing */
	ORDER_OPEN_ABORT, /* the client aborts in on_open */
	ORDER_COUNT
};

struct churn_conn {
	struct churn *churn;
	struct hr_worker *w;
	hr_conn handle;
	uint32_t id;
	uint32_t got; /* bytes */
	struct churn_conn *next_free;
	uint8_t side, order;
	bool opened, eof, closed;
};

struct churn {
	struct pair *p;
	uint32_t total;    /* connections to open, from all workers of A in turn */
	uint32_t at_once;  /* open at the same time */
	uint32_t response; /* bytes */
	unsigned family;
	bool lossy;       /* RSTs may be lost: the other side then ends by keep-alive */
	bool poor;        /* mbufs may run out */
	uint32_t remotes; /* addresses of B in use */
	/* results */
	uint32_t started, ended;         /* on A */
	uint32_t accepted, server_ended; /* on B */
	uint32_t connect_errors, short_sends;
	uint32_t reasons[2][HR_REASON_COUNT];
	uint32_t by_order[ORDER_COUNT];
	/* memory */
	struct churn_conn *slots[2], *free[2];
	uint32_t n_slots, used[2];
	hr_conn *server_of; /* by id: the server's handle */
};

#define CHURN_PORT 8080

void churn_start(struct churn *c, struct pair *p, uint32_t total, uint32_t at_once);
/* Run to the end (asserts that it comes within limit_us of virtual time), check what must add up,
 * and stop listening. */
void churn_finish(struct churn *c, uint64_t limit_us);
bool churn_done(void *churn);
void churn_free(struct churn *c);
/* Parameters for lossy runs: short TIME-WAIT, keep-alive. */
struct hr_tcp_params churn_params(void);

#endif
