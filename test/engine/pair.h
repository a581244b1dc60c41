/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two engines joined by a wire, stepped by the calling thread on a virtual clock: the stage of all
 * engine tests. After each round of turns the clock moves on by a few microseconds, and when
 * nothing happens, to the next deadline.
 */
#ifndef HR_TEST_ENGINE_PAIR_H
#define HR_TEST_ENGINE_PAIR_H

#include "engine/engine.h"
#include "port/port.h"

#define PAIR_ROUND_US 5
#define PAIR_A        0
#define PAIR_B        1

struct pair_opts {
	const char *impair;    /* "loss=2%": around A's end, both ways; NULL = none */
	const char *wire_args; /* ",queues=2,rss" */
	unsigned workers;      /* 0 = 1 */
	uint32_t addrs;        /* local addresses per family and side, 0 = 1 */
	uint32_t max_conns, max_half_open, max_time_wait, mbufs,
		rst_per_s; /* 0 = a small default */
	uint64_t seed;
	const struct hr_tcp_params *tcp;
	/* A's port is what this makes of it. */
	struct hr_port *(*wrap)(struct hr_port *inner, void *arg);
	void *wrap_arg;
};

struct pair {
	struct hr_engine *e[2];
	struct hr_port *port[2]; /* the engines' own */
	uint64_t now_us;
	uint64_t rounds;
};

/* Exits the test with a sentence when it cannot. */
void pair_open(struct pair *p, const struct pair_opts *o);
/* Checks that every packet left by one door, and destroys both engines. */
void pair_close(struct pair *p);
/* One turn of every worker; true when something happened. */
bool pair_round(struct pair *p);
/* Until done(arg), or until limit_us have passed: false. done may be NULL: all of the time passes.
 */
bool pair_run(struct pair *p, bool (*done)(void *arg), void *arg, uint64_t limit_us);
/* Asserts that nothing is left: no connection, entry, timer, range, mbuf. */
void pair_empty(struct pair *p);

struct hr_worker *pair_worker(struct pair *p, unsigned side, unsigned i);
/* Address n of a side: 198.18.0.1.. and 198.18.1.1.., 2001:db8::1.. and 2001:db8::1:1.. */
struct hr_ip pair_ip(unsigned side, unsigned family, unsigned n);
uint64_t pair_count(const struct pair *p, unsigned side, const char *counter);
uint64_t pair_drops(const struct pair *p, unsigned side, const char *reason);

#endif
