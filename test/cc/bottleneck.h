/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk flows of the TCP core through one bottleneck, in virtual time: the stage for questions of
 * congestion control. No engine and no frames: segments are values, as hr_tcp_output() made them.
 *
 *   sender --> loss --> [ drop-tail queue, rate, CE above a threshold ] --> delay --> receiver
 *      ^-------------------------------- delay -------------------------------------'
 *
 * Seeded, and the same on every machine.
 */
#ifndef HR_TEST_CC_BOTTLENECK_H
#define HR_TEST_CC_BOTTLENECK_H

#include "base/rng.h"
#include "tcp/tcp.h"

#define NECK_MAX_FLOWS 8

struct neck_flow {
	/* before neck_run() */
	struct hr_tcp_params params;
	uint64_t start_us, stop_us; /* stop 0: at the end of the run */
	uint32_t rtt_us;            /* without queue and serialisation */
	/* after it */
	uint64_t delivered; /* bytes to the receiver's application */
	uint64_t counted;   /* of them within the measured time */
	uint64_t sent, dropped, marked;
	struct hr_conn_info info; /* of the sender at the end */

	struct tcb *end[2]; /* sender, receiver */
	unsigned number;
	uint64_t back_us; /* when the last ACK arrives */
	bool listening;
	struct tcp_syn syn;
};

struct neck {
	uint64_t rate_bps; /* 0 = no bottleneck */
	uint32_t queue_bytes;
	uint32_t mark_bytes; /* CE for ECT segments that find more; 0 = never */
	double loss;         /* of data segments */
	uint32_t jitter_us;  /* of ACKs */
	uint64_t seed;
	uint64_t warm_us, run_us; /* counted: [warm, run) */
	unsigned n_flows;
	struct neck_flow flow[NECK_MAX_FLOWS];
	uint64_t wire_bytes; /* through the bottleneck while counted */
	uint64_t max_queue;

	uint64_t now_us, t0, free_ns;
	struct hr_rng rng;
	struct tcp_ctx ctx;
	struct hr_slab ranges, exts;
	struct hr_metrics m;
	struct rte_mempool *pool;
	struct neck_event *heap;
	uint32_t n_events, cap_events;
	uint64_t serial;
	/* Called at each change of a sender's cwnd when not NULL. */
	void (*trace)(struct neck *n, struct neck_flow *f, void *arg);
	void *trace_arg;
};

/* Once per process. */
void neck_setup(void);
/* A stage with defaults: 1500-byte packets, windows that do not limit. */
void neck_init(struct neck *n, unsigned flows);
void neck_run(struct neck *n);
/* Jain's index of the counted bytes of all flows: 1 = equal, 1/n = one has all. */
double neck_jain(const struct neck *n);
/* Payload through the bottleneck against what it could carry. */
double neck_utilisation(const struct neck *n);
/* Bits per second of payload while counted. */
double neck_goodput(const struct neck *n, unsigned flow);

#endif
