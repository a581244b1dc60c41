/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of the core bench: lib/tcp with the slabs that an engine gives it, and what the engine
 * does with a burst of segments around it, in the engine's order: fetch the lines of all
 * connections, hand in all segments, call the application, ask for output and the deadline. No
 * frames, no table, no timer wheel: those have figures of their own. Cycles are counted per stage.
 */
#ifndef HR_BENCH_CORE_END_H
#define HR_BENCH_CORE_END_H

#include <rte_prefetch.h>

#include "bench.h"
#include "engine/conn.h"

#define CORE_BURST    64 /* HR_RX_BURST of the engine */
#define CORE_REQUEST  64
#define CORE_RESPONSE 128

enum core_stage { CORE_INPUT, CORE_APP, CORE_OUTPUT, CORE_FREE, CORE_STAGES };

struct core_end {
	struct tcp_ctx ctx;
	struct hr_metrics m;
	struct hr_slab conns, syns, tws, ranges, exts;
	struct rte_mempool *pool; /* what arrives with payload needs an mbuf */
	uint32_t *ref;            /* of connection i: slab index of its conn or half-open entry */
	uint32_t *tw;             /* of its TIME-WAIT entry, 0 = none */
	uint32_t app_bytes;       /* what its application says: the request, or the response */
	bool server, closing;     /* closing: the server, after its response */
	uint64_t cycles[CORE_STAGES];
};

/* A burst of connections on its way through an end: seg[i] is what came for connection first + i,
 * and then what it answers (flags 0: nothing). */
struct core_burst {
	uint32_t first, n;
	struct tcp_seg seg[CORE_BURST];
	struct conn *c[CORE_BURST];
};

void core_end_open(const struct bench *b, struct core_end *e, uint32_t conns, bool server);
void core_end_close(struct core_end *e);

/* The active end opens the burst's connections; each says SYN. */
void core_connect(struct core_end *e, struct core_burst *x, uint64_t now_us);
/* The passive end hears SYNs: half-open entries, each says SYN-ACK. */
void core_listen(struct core_end *e, struct core_burst *x, uint64_t now_us);
/* A segment for each connection of the burst: what a turn does. Half-open entries become
 * connections. What is over is freed, TIME-WAIT becomes a compact entry. */
void core_turn(struct core_end *e, struct core_burst *x, uint64_t now_us);
/* Forget all TIME-WAIT entries of n connections. Not counted. */
void core_forget(struct core_end *e, uint32_t n);

static inline void core_fetch(const void *object, size_t size)
{
	for (size_t line = 0; line < size; line += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const uint8_t *)object + line);
}

/* A segment as the peer's parser would hand it over. */
void core_seg_of(struct tcp_seg *s, const struct tcp_out *o, const struct tcb *from);
/* Mbufs for the payloads of a burst, whose bytes nobody reads. Not counted: it is the driver's
 * work. */
void core_arrive(struct core_end *e, struct tcp_seg *s, uint32_t n);

#endif
