/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bad network in front of any port. Each queue has a lane per direction, stepped by the queue's
 * owner:
 *
 *   packet -> drop rules -> loss, bursts -> corruption -> duplication -> queue at the rate (marks)
 *          -> delay + jitter -> [ line: FIFO by due time ] ------------------------\
 *          -> jump: no delay -> [ express line ] ----------------------------------- > out
 *          -> parked (reorder): joins the line behind a few later packets --------/
 *
 * Times on a line never go back, so a ring is enough: jitter stretches gaps but keeps the order,
 * as queues in real networks do; only `reorder` and `jump` change it.
 */
#ifndef HR_DRIVERS_IMPAIR_H
#define HR_DRIVERS_IMPAIR_H

#include <rte_mbuf.h>

#include "base/rng.h"
#include "port/port.h"

#define IMPAIR_LINE_MAX   (1u << 20) /* packets held per line, and packets that wait for the rate */
#define IMPAIR_PARKED_MAX 16
#define IMPAIR_RULES_MAX  8
#define IMPAIR_LATE_US    100 /* a packet that leaves so much after its time is counted as late */

enum impair_dir { IMPAIR_TX, IMPAIR_RX, IMPAIR_DIRS };

/* drop=syn:2 */
struct impair_rule {
	uint8_t kind; /* index into the list of kinds in config.c */
	uint64_t nth;
	uint64_t seen; /* atomic: counted over all queues */
};

struct impair_config {
	double loss, dup, reorder, corrupt, jump;
	double burst_share; /* of packets that meet the bad state (Gilbert and Elliott) */
	double burst_enter, burst_end; /* chances per packet of going into it and out of it */
	double burst_loss;             /* of those that meet it */
	uint64_t delay_us, jitter_us, reorder_delay_us;
	uint64_t rate_bps; /* 0 = no limit */
	/* What may wait for the rate, beyond the packet being sent; 0 = not limited so. */
	uint64_t queue_bytes, queue_packets;
	uint64_t
		mark_bytes; /* waiting bytes from which ECN-capable packets are marked; 0 = never */
	bool seeded;
	uint64_t seed;
	bool shaped[IMPAIR_DIRS]; /* everything but the rules applies to the direction */
	bool on[IMPAIR_DIRS];     /* the direction has something to do */
	unsigned n_rules;
	struct impair_rule rule[IMPAIR_RULES_MAX];
};

struct impair_held {
	uint64_t due_us;
	struct rte_mbuf *m;
};

/* A ring that grows up to IMPAIR_LINE_MAX; size is a power of two. */
struct impair_line {
	struct impair_held *held;
	uint32_t size, head, tail;
	uint64_t last_due_us;
};

struct impair_parked {
	uint64_t due_us; /* when it would have left; it leaves reorder_delay later at the latest */
	struct rte_mbuf *m;
	uint32_t overtakers; /* packets still to pass */
};

/* One that is being sent at the rate, or waits for it. */
struct impair_sent {
	uint64_t done_ns;
	uint32_t len;
};

/* The queue in front of the rate. */
struct impair_queue {
	struct impair_sent *ring;
	uint32_t size, head, tail;
	uint64_t free_ns;     /* when the last packet taken has been sent */
	uint64_t total_bytes; /* on the ring, the one being sent included */
};

/* Written by the owner, read by any thread: relaxed atomics. */
struct impair_counts {
	uint64_t loss, dup, reorder, jump, corrupt, queue_drop, mark, late;
	uint64_t late_max_us, queue_bytes, queue_max_bytes;
};

struct impair_lane {
	struct impair_counts count;
	const struct impair_config *cfg;
	struct impair_rule *rules; /* NULL on the way in */
	struct rte_mempool *pool;  /* for copies */
	struct hr_rng rng;
	bool bad; /* in a burst of loss */
	struct impair_line line, express;
	unsigned n_parked;
	struct impair_parked parked[IMPAIR_PARKED_MAX];
	struct impair_queue queue;
};

int hr_impair_parse(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen);
/* Is m of the rule's kind? */
bool hr_impair_rule_matches(const struct impair_rule *r, const struct rte_mbuf *m);
/* A copy of m with Congestion Experienced set, out of pool; NULL when m is not ECN-capable or no
 * copy can be had. */
struct rte_mbuf *hr_impair_marked(const struct rte_mbuf *m, struct rte_mempool *pool);

/* The time at which m has been sent at the rate, and m or a marked copy in its place; NULL: the
 * queue was full, and m is gone and counted. */
struct rte_mbuf *hr_impair_queue_pass(
	struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us, uint64_t *out_us);
/* What has been sent by now no longer waits. */
void hr_impair_queue_drain(struct impair_lane *l, uint64_t now_us);

void hr_impair_lane_init(struct impair_lane *l, const struct impair_config *cfg,
	struct rte_mempool *pool, uint64_t seed);
/* Frees what is held, too. */
void hr_impair_lane_fini(struct impair_lane *l);
/* Is there room for n packets and their duplicates? */
bool hr_impair_lane_room(const struct impair_lane *l, uint32_t n);
/* Take ownership of m; call only when there is room. */
void hr_impair_lane_put(struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us);
/* Up to n packets that are due, in order; they stay in the lane until hr_impair_lane_pop(). */
uint16_t hr_impair_lane_peek(
	struct impair_lane *l, uint64_t now_us, struct rte_mbuf **m, uint16_t n);
/* The first n of those have left. */
void hr_impair_lane_pop(struct impair_lane *l, uint64_t now_us, uint16_t n);
uint64_t hr_impair_lane_deadline(const struct impair_lane *l);

#endif
