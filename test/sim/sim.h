/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The deterministic simulator: two engines, client and server, joined by an impaired link on a
 * virtual clock. A seed is a world: link, parameters, connections and what the applications do.
 * link.c owns packets and events, app.c the applications and the oracle on their streams, world.c
 * the dice, the clock and the final account, main.c the command line.
 *
 *   seed -> world -> [events, turns of workers, in order of time] -> verdict + trace hash
 *
 * Nothing depends on addresses, the time of day or uninitialised memory.
 */
#ifndef HR_TEST_SIM_H
#define HR_TEST_SIM_H

#include "base/rng.h"
#include "headrace.h"

#define SIM_MAX_CONNS 20
#define SIM_MAX_ENDS                                                                               \
	(8 * SIM_MAX_CONNS) /* server ends may be born twice: old duplicates, cookies */
#define SIM_MAX_WORKERS 2
#define SIM_PORT        80
#define SIM_RETA        128

enum sim_side { CLIENT, SERVER };

struct world;

/* --- link.c
 * ------------------------------------------------------------------------------------------------------------
 */

/* What one direction of the link does to TCP frames. ARP and neighbour discovery pass: they have no
 * checksum to save them. */
struct sim_impair {
	double loss, dup, reorder, corrupt;
	double burst;       /* probability that a loss burst begins */
	uint32_t burst_len; /* frames at most */
	uint32_t delay_us, jitter_us;
	uint64_t bytes_per_s; /* 0 = no limit */
	uint32_t queue_bytes;
	uint64_t outage_from_us, outage_us;
};

struct sim_frame {
	struct sim_frame *next; /* in a receive queue */
	uint32_t len;
	uint8_t data[];
};

/* One end of the link as the engine sees it: an hr_port. */
struct sim_port {
	struct world *w;
	enum sim_side side;
	uint16_t queues;
	double astray; /* share of frames that a NIC with other ideas gives to the wrong queue */
	uint16_t reta[SIM_RETA];
	struct rte_mempool *pools[SIM_MAX_WORKERS];
	struct {
		struct sim_frame *head, **tail;
	} rxq[SIM_MAX_WORKERS];
	struct sim_impair out; /* what happens to what this end sends */
	struct hr_rng rng;
	uint32_t burst_left;
	uint64_t wire_free_us; /* when the rate limit lets the next frame start */
};

/* Something that happens at a time: a frame arrives, or an application acts (frame NULL). */
struct sim_event {
	uint64_t at_us;
	uint64_t serial; /* order among equals */
	struct sim_frame *frame;
	enum sim_side to;
	struct sim_end *end;
	void (*act)(struct sim_end *e);
};

void sim_port_init(struct sim_port *p, struct world *w, enum sim_side side, uint16_t queues);
struct hr_port *sim_port_open(struct sim_port *p);
void sim_port_fini(struct sim_port *p);
/* A frame arrives: into the receive queue of its worker. */
void sim_port_deliver(struct sim_port *p, struct sim_frame *f);
void sim_event_add(struct world *w, struct sim_event ev);
/* The earliest event when it is due by now; false otherwise. */
bool sim_event_pop(struct world *w, uint64_t now_us, struct sim_event *ev);

/* --- app.c
 * -------------------------------------------------------------------------------------------------------------
 */

/* How an application lets go. */
enum sim_plan {
	PLAN_SHUT,      /* shuts its direction when all is sent, reads to the end */
	PLAN_AFTER_EOF, /* sends the rest, then shuts after the peer did */
	PLAN_CLOSE_EOF, /* the same with hr_close() */
	PLAN_CLOSE,     /* hr_close() at a random time: unread data is lost */
	PLAN_ABORT,     /* hr_abort() at a random time */
	PLAN_COUNT
};

/* One end of one connection. Lives until the world ends. */
struct sim_end {
	struct world *w;
	struct hr_worker *worker;
	struct sim_end *peer; /* NULL for a server end that no client is waiting for */
	hr_conn c;
	struct hr_rng rng;
	uint64_t key;   /* of the content it sends */
	uint64_t total; /* bytes it wants to send */
	uint64_t sent, rcvd;
	enum sim_side side;
	enum sim_plan plan;
	uint16_t local_port;
	bool pull, mix, lazy; /* sends by on_pull; by both; reads in portions with pauses */
	bool connected, opened, eof, shut, closed, waiting;
	bool given_up; /* hr_close() with something unread, or hr_abort() */
	uint8_t reason;
};

extern const struct hr_app sim_client_app, sim_server_app;
void sim_app_roll(struct sim_end *e); /* dice: what this application will do */
void sim_app_connect(struct sim_end *e);
/* The oracle at the end of the world. */
void sim_app_judge(struct sim_end *e);

/* --- world.c
 * -----------------------------------------------------------------------------------------------------------
 */

/* Sums over many worlds. */
struct sim_totals {
	uint64_t worlds, violations, frames, virtual_us;
	uint64_t conns, ghosts, smooth, lost, dups, reordered, corrupted, overflowed;
	uint64_t *counters; /* hr_counter_count() */
};

struct world {
	uint64_t seed;
	bool verbose;
	struct hr_rng rng;
	uint64_t now_us, start_us, heal_us;
	bool healed;
	bool v6;
	bool cookies; /* the server keeps one half-open entry */
	uint16_t mtu;
	struct sim_port port[2];
	struct hr_engine *engine[2];
	struct hr_ip addr[2];
	struct sim_event *heap;
	uint32_t n_events, cap_events, in_flight; /* of the events: frames */
	uint64_t serial;
	struct sim_end *ends[SIM_MAX_ENDS]; /* clients first */
	unsigned n_conns, n_ends;
	uint64_t hash;
	unsigned violations;
	uint64_t frames, ghosts, lost, dups, reordered, corrupted, overflowed, no_mbuf;
};

/* Run one world to its end; adds to t and returns the trace hash. */
uint64_t sim_run(uint64_t seed, bool verbose, struct sim_totals *t);
/* A counter of a host, by name. */
uint64_t world_counter(const struct world *w, unsigned side, const char *name);
__attribute__((format(printf, 2, 3))) void sim_violation(struct world *w, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void sim_log(struct world *w, const char *fmt, ...);
void sim_hash(struct world *w, const void *data, size_t len);

#endif
