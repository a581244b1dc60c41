/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers count. One writer per block (the worker's thread); the control thread reads with
 * relaxed loads while the run goes on, and exactly after it. Latencies are the worker's alone until
 * the end of the run.
 */
#ifndef HRLOAD_STATS_H
#define HRLOAD_STATS_H

#include <headrace.h>

/* Why a connection failed: X(name). */
/* clang-format off */
#define ERROR_LIST \
	X(refused) \
	X(reset) \
	X(timeout) \
	X(unreachable) \
	X(closed_early) \
	X(short_body) \
	X(http_status) \
	X(http_parse) \
	X(digest) \
	X(response_size) \
	X(wrong_body) \
	X(keepalive) \
	X(orphaned) \
	X(aborted) \
	X(no_port) \
	X(no_memory)
/* clang-format on */

enum error {
	ERR_NONE,
#define X(name) ERR_##name,
	ERROR_LIST
#undef X
		ERR_COUNT
};

extern const char *const error_names[ERR_COUNT];

/* The failure that a reason of the engine means; ERR_NONE for an orderly end. */
enum error error_of_reason(enum hr_reason reason);

/* Either role of one worker: connections of a server are "attempted" when accepted. */
struct stats {
	uint64_t attempted, established, completed, failed;
	uint64_t requests; /* transactions done, or answered */
	uint64_t bad;      /* server: answered with 400 or 405 */
	uint64_t body_bytes;
	uint64_t late;      /* client: openings given up because the pacer could not keep up */
	uint64_t exhausted; /* client: nothing more will be opened */
	uint64_t errors[ERR_COUNT];
} __attribute__((aligned(64)));

static inline void stat_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t stat_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Add all counters of `from`, whose writer may be running. */
void stats_merge(struct stats *into, const struct stats *from);

enum latency { LATENCY_CONNECT, LATENCY_FIRST_BYTE, LATENCY_TRANSACTION, LATENCIES };

extern const char *const latency_names[LATENCIES];

#define LATENCY_FEW 4096u /* microseconds that are counted one by one */

/*
 * Counts of one kind of latency. The usual ones are counted by value, which is exact and costs
 * nothing; the others go into a histogram, many at once where they are the same, as they are for
 * connections that were opened in one turn and answered in one.
 */
struct latency_counts {
	struct hr_hist *rest;
	uint64_t run_us, run; /* the last value for `rest`, and how often it came in a row */
	uint64_t few[LATENCY_FEW];
};

static inline void latency_count(struct latency_counts *c, uint64_t us)
{
	if (us < LATENCY_FEW) {
		c->few[us]++;
	} else if (us == c->run_us) {
		c->run++;
	} else {
		hr_hist_record_n(c->rest, c->run_us, c->run);
		c->run_us = us;
		c->run = 1;
	}
}

/* Add all that was counted, when the worker stands still. */
void latency_merge(struct hr_hist *into, const struct latency_counts *c);

#endif
