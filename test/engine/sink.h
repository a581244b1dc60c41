/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection end as a record: what happened on it, in order, and what it shall do. For tests
 * that look at single connections; user pointer of both ends.
 */
#ifndef HR_TEST_ENGINE_SINK_H
#define HR_TEST_ENGINE_SINK_H

#include "pair.h"

struct sink {
	struct hr_worker *w;
	hr_conn c;
	/* receiving */
	uint8_t *data; /* everything consumed */
	size_t len, size;
	size_t take; /* consume at most so much per on_data, SIZE_MAX = all */
	bool echo;   /* send back what arrives, pausing when it does not fit */
	bool close_at_eof;
	/* sending */
	const uint8_t *out;
	size_t out_len, out_done;
	bool pull; /* by hr_send_pull() */
	bool close_when_sent, shutdown_when_sent;
	/* what happened */
	unsigned opens, datas, writables, eofs, closes, urgents;
	uint32_t urgent_ahead;
	enum hr_reason reason;
	char log[64]; /* o d w e c u */
};

extern const struct hr_app sink_app;

/* Close as if new; take = SIZE_MAX. */
void sink_init(struct sink *s);
void sink_free(struct sink *s);
/* Listen on B with `server` as the user, connect from A with `client`; -errno of the failing call.
 */
int sink_join(struct pair *p, unsigned family, struct sink *client, struct sink *server,
	const struct hr_tcp_params *params);
/* Queue as much of out as fits. */
void sink_push(struct sink *s);
bool sink_both_closed(void *two_sinks); /* struct sink *[2] */
bool sink_closed(void *sink);
/* n bytes that follow from the seed; free() them. */
uint8_t *sink_pattern(size_t n, uint32_t seed);

#define SINK_PORT 7

#endif
