/* SPDX-License-Identifier: BSD-3-Clause */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_assert.h"

#define START_US 1000000

static uint64_t pair_clock(void *arg)
{
	return ((struct pair *)arg)->now_us;
}

struct hr_ip pair_ip(unsigned side, unsigned family, unsigned n)
{
	static const char *const first[2][2] = {
		{"198.18.0.1", "198.18.1.1"}, {"2001:db8::1", "2001:db8::1:1"}};
	struct hr_ip ip;

	assert_int_equal(hr_ip_parse(first[family == 6][side], &ip, NULL, 0), 0);
	return hr_ip_add(&ip, n);
}

static struct hr_engine *side_open(
	struct pair *p, const struct pair_opts *o, unsigned side, const char *wire)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	uint32_t n = o->addrs != 0 ? o->addrs : 1;
	const struct hr_addr_config addrs[] = {
		{.first = pair_ip(side, 4, 0), .count = n, .prefix_len = 16},
		{.first = pair_ip(side, 6, 0), .count = n, .prefix_len = 64}};
	char spec[256], err[HR_ERRLEN] = "";
	struct hr_engine *e;

	if (side == PAIR_A && o->impair != NULL)
		snprintf(spec, sizeof(spec), "impair(%s) wire:%s%s", o->impair, wire,
			o->wire_args ? o->wire_args : "");
	else
		snprintf(spec, sizeof(spec), "wire:%s%s", wire, o->wire_args ? o->wire_args : "");
	cfg.name = side == PAIR_A ? "A" : "B";
	if (hr_port_open(spec, &cfg.ports[0], err, sizeof(err)) < 0)
		fail_msg("%s: %s", spec, err);
	if (side == PAIR_A && o->wrap != NULL)
		cfg.ports[0] = o->wrap(cfg.ports[0], o->wrap_arg);
	cfg.n_ports = 1;
	p->port[side] = cfg.ports[0];
	cfg.workers = o->workers != 0 ? o->workers : 1;
	cfg.addrs = addrs;
	cfg.n_addrs = 2;
	cfg.max_conns = o->max_conns != 0 ? o->max_conns : 4096;
	cfg.max_half_open = o->max_half_open != 0 ? o->max_half_open : 4096;
	cfg.max_time_wait = o->max_time_wait != 0 ? o->max_time_wait : 65536;
	cfg.mbufs = o->mbufs != 0 ? o->mbufs : 8192;
	cfg.rst_per_s = o->rst_per_s != 0 ? o->rst_per_s : 1000000;
	cfg.seed = (o->seed != 0 ? o->seed : 1) * 2 + side;
	cfg.siphash = true;
	cfg.clock = pair_clock;
	cfg.clock_arg = p;
	if (o->tcp != NULL)
		cfg.tcp = *o->tcp;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0)
		fail_msg("engine %s: %s", cfg.name, err);
	return e;
}

void pair_open(struct pair *p, const struct pair_opts *o)
{
	static unsigned serial;
	char wire[32];

	memset(p, 0, sizeof(*p));
	p->now_us = START_US;
	/* A test that failed leaves its wire behind. */
	snprintf(wire, sizeof(wire), "pair%d_%u", (int)getpid(), serial++);
	p->e[PAIR_A] = side_open(p, o, PAIR_A, wire);
	p->e[PAIR_B] = side_open(p, o, PAIR_B, wire);
}

struct hr_worker *pair_worker(struct pair *p, unsigned side, unsigned i)
{
	return hr_engine_worker(p->e[side], i);
}

void pair_close(struct pair *p)
{
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < hr_engine_workers(p->e[s]); i++)
			assert_true(hr_metrics_balanced(hr_worker_metrics(pair_worker(p, s, i))));
		hr_engine_destroy(p->e[s]);
	}
}

bool pair_round(struct pair *p)
{
	unsigned work = 0;

	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(p->e[s]); i++)
			work += hr_worker_turn(pair_worker(p, s, i));
	p->rounds++;
	return work != 0;
}

static uint64_t deadline(struct pair *p)
{
	uint64_t at = HR_NEVER;

	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < hr_engine_workers(p->e[s]); i++)
			at = RTE_MIN(at, hr_worker_deadline(pair_worker(p, s, i)));
	return at;
}

bool pair_run(struct pair *p, bool (*done)(void *arg), void *arg, uint64_t limit_us)
{
	uint64_t end = p->now_us + limit_us;

	while (p->now_us < end) {
		bool worked = pair_round(p);

		if (done != NULL && done(arg))
			return true;
		if (worked) {
			p->now_us += PAIR_ROUND_US;
			continue;
		}
		p->now_us = RTE_MAX(deadline(p), p->now_us + 1);
		p->now_us = RTE_MIN(end, p->now_us);
	}
	return done == NULL || done(arg);
}

void pair_empty(struct pair *p)
{
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < hr_engine_workers(p->e[s]); i++) {
			struct hr_census c;

			hr_worker_census(pair_worker(p, s, i), &c);
			if (c.conns | c.half_open | c.time_wait | c.ranges | c.exts | c.table |
				c.timers | c.app_timers | c.ready | c.dirty | c.mbufs)
				fail_msg("side %c worker %u: %u connections, %u half-open, %u "
					 "time-wait, %u ranges, %u exts, %u table "
					 "entries, %u timers, %u app timers, %u ready, %u dirty, "
					 "%u mbufs are left",
					"AB"[s], i, c.conns, c.half_open, c.time_wait, c.ranges,
					c.exts, c.table, c.timers, c.app_timers, c.ready, c.dirty,
					c.mbufs);
			assert_int_equal(hr_worker_conns(pair_worker(p, s, i)), 0);
		}
	}
}

uint64_t pair_count(const struct pair *p, unsigned side, const char *counter)
{
	int i = hr_counter_find(counter);

	assert_true(i >= 0);
	return hr_engine_counter(p->e[side], -1, (unsigned)i);
}

uint64_t pair_drops(const struct pair *p, unsigned side, const char *reason)
{
	for (unsigned i = 0; i < hr_drop_count(); i++)
		if (strcmp(hr_drop_name(i), reason) == 0)
			return hr_engine_drop(p->e[side], -1, i);
	fail_msg("no drop reason is called %s", reason);
	return 0;
}
