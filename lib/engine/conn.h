/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection as the engine keeps it: the core's tcb and 48 bytes for timer, queues and handle. It
 * is freed only at the end of a turn, so a pointer stays good throughout the turn that looked it
 * up; across turns only the handle does.
 *
 *   handle = | generation:32 | worker:6 | slab index:26 |
 *                                               v
 *                                          struct conn, which holds its own handle
 *
 * The generation counts up with each taking and each end, so that it is odd while the handle is
 * good. It survives in freed memory, and where memory was given back zeros are read; what it begins
 * with there is above all that handles of that memory ever had. A stale handle is always
 * recognised.
 */
#ifndef HR_ENGINE_CONN_H
#define HR_ENGINE_CONN_H

#include "tcp/tcp.h"
#include "timer/wheel.h"

struct hr_worker;

/* conn.eflags */
#define EF_READY       BIT(0)  /* in the ready FIFO */
#define EF_DIRTY       BIT(1)  /* in the dirty FIFO */
#define EF_TABLED      BIT(2)  /* in the table */
#define EF_OPENED      BIT(3)  /* on_open was called */
#define EF_ACTIVE      BIT(4)  /* hr_connect(): on_close follows even without on_open */
#define EF_PAUSED      BIT(5)  /* on_data took less than it was given: silent until hr_resume() */
#define EF_EOF_TOLD    BIT(6)  /* on_eof was called */
#define EF_DEAF        BIT(7)  /* hr_close() or hr_abort(): no more data callbacks */
#define EF_CLOSED      BIT(8)  /* the core reported the end: on_close follows when all is read */
#define EF_DONE        BIT(9)  /* on_close was called: waits for the end of the turn to be freed */
#define EF_IN_DATA     BIT(10) /* on_data is running: the slices must stay */
#define EF_CLOSE_ASKED BIT(11) /* hr_close() within on_data: done when it returns */
#define EF_ABORT_ASKED BIT(12) /* hr_abort() within on_data: the same */
#define EF_STARVED                                                                                 \
	BIT(13) /* hr_send() found the pool empty: on_writable follows when it is not              \
		 */

struct conn {
	struct tcb tcb;             /* 208 bytes; starts with the key, as the table wants */
	struct hr_timer_node timer; /* lazy: may fire before the deadline, never after it */
	void *user;
	uint64_t handle;     /* once it is stale, the next generation above nothing */
	uint32_t ready_next; /* slab index: ready FIFO, or the list of those to be freed */
	uint32_t dirty_next;
	uint16_t app;     /* index into worker.apps */
	uint16_t pending; /* TCP_EV_* not yet told */
	uint16_t nexthop;
	uint16_t eflags;
};
_Static_assert(sizeof(struct conn) == 256, "four cache lines");

#define HR_INDEX_BITS 26
#define HR_MAX_CONNS  (BIT(HR_INDEX_BITS) - 1)

/* Of a freed connection, its handle can be read. */
static inline uint32_t hr_conn_generation(const struct conn *c)
{
	return (uint32_t)(c->handle >> 32);
}

/* A connection with a handle, all engine fields set, in no list and not in the table; NULL without
 * memory. */
struct conn *hr_conn_alloc(struct hr_worker *w);
/* Undo hr_conn_alloc() at once, for a connection that nothing refers to. */
void hr_conn_discard(struct hr_worker *w, struct conn *c);
/* The handle becomes stale now; the memory stays until hr_conn_reap(). */
void hr_conn_retire(struct hr_worker *w, struct conn *c);
/* The tuple is another's from now on, or a TIME-WAIT entry's; handle and unread data stay. */
void hr_conn_untable(struct hr_worker *w, struct conn *c);
/* Free what was retired, unless it still waits for its last output. TIME-WAIT becomes a compact
 * entry. */
void hr_conn_reap(struct hr_worker *w);
/* All connections, without a word: hr_engine_destroy(). */
void hr_conn_free_all(struct hr_worker *w);

/* The connection with slab index i, 1..w->conn_top, or NULL. */
struct conn *hr_conn_of(struct hr_worker *w, uint32_t i);

/* What the core said: events go to the ready stage, a CLOSED tcb leaves the table. */
void hr_conn_told(struct hr_worker *w, struct conn *c, uint32_t events);
/* The same, and the connection goes to the output stage, which also looks at its deadline. */
void hr_conn_events(struct hr_worker *w, struct conn *c, uint32_t events);
/* The same of a segment, whose hash is known. */
void hr_conn_heard(struct hr_worker *w, struct conn *c, uint64_t hash, uint32_t events);
/* Put the connection into the table, in place of a TIME-WAIT or half-open entry (0 = none). 0 or
 * -ENOMEM. */
int hr_conn_enter(struct hr_worker *w, struct conn *c, uint64_t hash, uint32_t instead);
/* The wheel node follows the core's deadline, only ever to an earlier time. */
void hr_conn_rearm(struct hr_worker *w, struct conn *c);

#endif
