/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bad network in front of any port. Each queue has a lane per direction, stepped by the queue's
 * owner:
 *
 *   packet -> drop rules -> loss -> corruption -> duplication -> rate -> delay + jitter -> [ line:
 * FIFO by due time ] -> out
 *                                                                                \-> parked
 * (reordering), joins the line later
 *
 * Times on the line never go back, so a ring is enough: jitter stretches gaps but keeps the order,
 * as queues in real networks do; only `reorder` changes it.
 */
#ifndef HR_DRIVERS_IMPAIR_H
#define HR_DRIVERS_IMPAIR_H

#include <rte_mbuf.h>

#include "base/rng.h"
#include "port/port.h"

#define IMPAIR_LINE_MAX   65536 /* packets held per lane */
#define IMPAIR_PARKED_MAX 16
#define IMPAIR_RULES_MAX  8

enum impair_dir { IMPAIR_TX, IMPAIR_RX, IMPAIR_DIRS };

/* drop=syn:2 */
struct impair_rule {
	uint8_t kind; /* index into the list of kinds in config.c */
	uint64_t nth;
	uint64_t seen; /* atomic: counted over all queues */
};

struct impair_config {
	double loss, dup, reorder, corrupt;
	uint64_t delay_us, jitter_us, reorder_delay_us;
	uint64_t rate_bps;      /* 0 = no limit */
	uint32_t queue_packets; /* that may wait for the rate, beyond the one being sent */
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

struct impair_parked {
	uint64_t due_us; /* when it would have left; it leaves reorder_delay later at the latest */
	struct rte_mbuf *m;
	uint32_t overtakers; /* packets still to pass */
};

/* Written by the owner, read by any thread: relaxed atomics. */
struct impair_counts {
	uint64_t loss, dup, reorder, corrupt;
};

struct impair_lane {
	struct impair_counts count;
	const struct impair_config *cfg;
	struct impair_rule *rules; /* NULL on the way in */
	struct rte_mempool *pool;  /* for copies */
	struct hr_rng rng;
	struct impair_held
		*line; /* ring of line_size, a power of two; grows up to IMPAIR_LINE_MAX */
	uint32_t line_size, head, tail;
	unsigned n_parked;
	struct impair_parked parked[IMPAIR_PARKED_MAX];
	uint64_t last_due_us;
	uint64_t rate_free_ns;  /* when the last packet taken has been sent at the rate */
	uint64_t *rate_done_ns; /* ring of the send times of those that wait */
	uint64_t rate_head, rate_tail;
};

int hr_impair_parse(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen);
/* Is m of the rule's kind? */
bool hr_impair_rule_matches(const struct impair_rule *r, const struct rte_mbuf *m);

int hr_impair_lane_init(struct impair_lane *l, const struct impair_config *cfg,
	struct rte_mempool *pool, uint64_t seed);
/* Frees what is held, too. */
void hr_impair_lane_fini(struct impair_lane *l);
/* Is there room for a packet and its duplicate? */
bool hr_impair_lane_room(const struct impair_lane *l);
/* Take ownership of m; call only when there is room. */
void hr_impair_lane_put(struct impair_lane *l, struct rte_mbuf *m, uint64_t now_us);
/* Up to n packets that are due, in order; they stay on the line until hr_impair_lane_pop(). */
uint16_t hr_impair_lane_peek(
	struct impair_lane *l, uint64_t now_us, struct rte_mbuf **m, uint16_t n);
void hr_impair_lane_pop(struct impair_lane *l, uint16_t n);
uint64_t hr_impair_lane_deadline(const struct impair_lane *l);

#endif
