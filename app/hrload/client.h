/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client role: opens connections in a closed loop or at a rate, does one or more GETs on each,
 * measures. One struct client per run, one worker block per worker; the control thread only posts
 * start, stop and finish, and reads.
 */
#ifndef HRLOAD_CLIENT_H
#define HRLOAD_CLIENT_H

#include "config.h"
#include "http.h"
#include "stats.h"

struct client;

/* NULL with a sentence. */
struct client *client_create(
	const struct config *cfg, struct hr_engine *e, char *err, size_t errlen);
/* Begin to open connections. False: the mailbox is full, ask again; so for the next two. */
bool client_start(struct client *c);
/* Open no more; connections end after the transaction they are in. */
bool client_stop(struct client *c);
/* FIN on whatever is still open; those connections stay counted as active. */
bool client_finish(struct client *c);
/* Sum over the workers. */
void client_stats(const struct client *c, struct stats *sum);
/* True when every worker has opened all it may. */
bool client_exhausted(const struct client *c);
/* Add the workers' histogram to `into`. */
void client_latency(const struct client *c, enum latency which, struct hr_hist *into);
/* SHA-256 of the first complete body of some worker, "" when none was taken. */
const char *client_digest(const struct client *c);
void client_free(struct client *c);

#endif
