/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the small benches share: options, pinning, the TSC, and figures with median and spread, as a
 * line for people or (--json) as a line of JSON. A bench measures everything once per round and
 * hands each value to bench_add(); rounds of one figure are told apart by nothing but their order.
 * What a bench measures, and how, is its own business.
 */
#ifndef HR_BENCH_BENCH_H
#define HR_BENCH_BENCH_H

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "base/base.h"

#define BENCH_ROUNDS_MAX 31
#define BENCH_FIGURES    128
#define BENCH_CPUS       2

struct bench_figure {
	char name[32], unit[24];
	char key[24]; /* of the one thing that varies: "entries", "conns"; "" = nothing does */
	uint64_t at;
	unsigned n;
	double run[BENCH_ROUNDS_MAX];
};

/* An option of one bench: --NAME COUNT. The last one has no name. */
struct bench_option {
	const char *name;
	uint64_t *value;
	const char *help;
};

#define BENCH_OPTIONS 8

struct bench {
	const char *name;
	const struct bench_option *options; /* NULL = none */
	unsigned rounds;
	uint64_t max; /* the largest number of entries, connections, ... */
	bool quick;   /* tiny sizes: whether it runs at all, not how fast */
	bool json;
	int cpu[BENCH_CPUS]; /* the first two of --cpu, or that we may run on; -1 = there is none */
	unsigned n_figures;
	struct bench_figure figure[BENCH_FIGURES];
};

/*
 * Reads --rounds, --max, --quick, --json and --cpu, pins the calling thread to the first CPU, calls
 * one(b) once per round, and prints the figures. The exit status: 1 when a value was not a positive
 * number, or there was none.
 */
int bench_main(struct bench *b, int argc, char **argv, void (*one)(struct bench *b));
/* One round's value of a figure. key NULL: nothing varies. */
void bench_add(struct bench *b, const char *figure, const char *unit, const char *key, uint64_t at,
	double value);
/* Out with a sentence, exit status 2: the machine or the bench is not what it should be. */
__attribute__((noreturn, format(printf, 2, 3))) void bench_die(
	const struct bench *b, const char *fmt, ...);
/* EAL without hugepages, PCI or a shared configuration; the pinning survives. */
void bench_eal(const struct bench *b, unsigned memory_mb);
void bench_pin(int cpu);
/* Serialised enough for stretches of thousands of cycles. */
static inline uint64_t bench_tsc(void)
{
	return rte_rdtsc_precise();
}

/* Ticks of the TSC in a second, measured: EAL need not be up. */
double bench_hz(void);
/* A permutation of 0..n-1: the order in which nothing can be guessed by a prefetcher. The caller
 * frees it. */
uint32_t *bench_shuffled(const struct bench *b, uint32_t n, uint64_t seed);
/* Touch all that is free in the pool: pages that frames will be in are not a connection's. */
void bench_touch_pool(const struct bench *b, struct rte_mempool *pool);
/* From /proc/self/status: VmRSS and HugetlbPages together, bytes. */
uint64_t bench_resident(const struct bench *b);

#endif
