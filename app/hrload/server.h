/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server role: one struct server per run, one struct server_worker per worker. Set up and read
 * by the control thread, everything else happens on the workers.
 */
#ifndef HRLOAD_SERVER_H
#define HRLOAD_SERVER_H

#include "config.h"
#include "stats.h"

struct server;

/* Listen on every worker of the engine. NULL with a sentence. */
struct server *server_create(
	const struct config *cfg, struct hr_engine *e, char *err, size_t errlen);
/* Stop accepting; idle connections close now, busy ones after their response. False: ask again
 * (mailbox full). */
bool server_stop(struct server *s);
/* FIN on whatever is still open. */
bool server_finish(struct server *s);
/* Sum over the workers. */
void server_stats(const struct server *s, struct stats *sum);
void server_free(struct server *s);

#endif
