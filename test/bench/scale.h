/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of the scale bench: the rig (two engines over wire and what their applications do), the
 * meter (how long each turn took, and what the machine did meanwhile), and the phases (scale.c).
 */
#ifndef HR_BENCH_SCALE_H
#define HR_BENCH_SCALE_H

#include <pthread.h>

#include "bench.h"
#include "engine/engine.h"

#define SCALE_CLIENT 0
#define SCALE_SERVER 1
#define SCALE_PHASES 24
#define SCALE_SLOW   64  /* slow turns remembered per end, */
#define SCALE_TAKEN  8   /* and of those in which the CPU was taken from us */
#define SCALE_WINDOW 256 /* connections, requests or closes under way at once */

/* --- scale_meter.c */

/* A turn of more than 1 ms, and what happened to the thread during it. */
struct slow_turn {
	unsigned phase;
	double us;
	uint64_t switches; /* involuntary context switches */
	uint64_t steal_ms; /* of this CPU, since at most 10 ms before the turn */
	uint64_t faults;   /* page faults without I/O */
	unsigned packets;  /* what the turn says it did */
	const char *stage; /* where most of it went */
	double stage_us;
};

/* Written by the thread that steps the end. */
struct meter_phase {
	uint64_t turns;           /* that found work */
	uint64_t cycles, packets; /* of those in which the CPU was not taken from us */
	double longest_us, longest_own_us;
	uint64_t over, over_own; /* 1 ms; own = without switches and steal */
};

struct meter {
	int cpu;
	uint64_t packets; /* received at the end of the last turn */
	double us_per_tick;
	int stat_fd;
	uint64_t switches, faults; /* at the end of the last turn */
	uint64_t steal, steal_tsc; /* as last read */
	uint64_t stage[8];         /* the profile at the end of the last turn */
	struct meter_phase phase[SCALE_PHASES];
	struct slow_turn slow[SCALE_SLOW];
	unsigned n_slow, n_taken;
};

/* By the thread that will step the end. */
void meter_start(struct meter *m, const struct hr_metrics *metrics);
void meter_stop(struct meter *m);
/* The application's part began at t[0], the turn at t[1], and ended at t[2]. */
void meter_turn(struct meter *m, unsigned phase, const uint64_t t[3], unsigned work, bool busy,
	const struct hr_metrics *metrics);
void meter_print_slow(const struct meter *m, const char *end, const char *const names[]);

/* --- scale_rig.c */

struct scale;

struct scale_end {
	struct hr_engine *e;
	struct hr_worker *w;
	struct meter meter;
	/* What the application does before each turn; true when it did something. */
	bool (*drive)(struct scale *s, struct scale_end *end);
	hr_conn *handle; /* in order of opening */
	uint32_t opened, closed, failed;
	uint32_t asked;        /* calls of this phase, less those that ended before it */
	const uint32_t *order; /* closes: numbers of handles; NULL: in order */
	uint32_t next, last;   /* closes: of those */
};

struct scale {
	struct bench *b;
	uint32_t n; /* connections */
	uint64_t keepalive_ms, seed;
	unsigned threads; /* now */
	pthread_t thread;
	struct scale_end end[2];
	unsigned phase;
	uint32_t target; /* connections opened when the phase is over */
	uint32_t answers, requests;
	uint64_t rng;
	bool stop;
};

void scale_open(struct scale *s);
void scale_close(struct scale *s);
/* The server's end gets a thread of its own, and loses it. */
void scale_part(struct scale *s);
void scale_join(struct scale *s);
/* Step the ends that have no thread until done(s); out when it takes so many seconds. */
void scale_run(struct scale *s, bool (*done)(struct scale *s), double seconds, const char *what);
/* The application of an end from now on. */
bool drive_idle(struct scale *s, struct scale_end *end);
bool drive_connect(struct scale *s, struct scale_end *end);
bool drive_request(struct scale *s, struct scale_end *end);
bool drive_close(struct scale *s, struct scale_end *end);
void scale_drive(struct scale *s, unsigned side, bool (*drive)(struct scale *, struct scale_end *));
/* Out with a sentence when a connection failed. */
void scale_judge(const struct scale *s);
uint64_t scale_count(const struct scale *s, unsigned side, const char *counter);

#define scale_get(x)    __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define scale_set(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

#endif
