/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the ends of a goodput run have in common: when bytes count, and the line that says how many
 * did. The receiver's clock starts with its first byte; what comes before `skip` only sets the
 * clock, and a silence counts from its last byte or from `skip`, whichever is later.
 */
#ifndef HR_BENCH_FLOW_H
#define HR_BENCH_FLOW_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct meter {
	uint64_t skip_us, run_us;
	uint64_t start_us; /* 0 before the first byte */
	uint64_t last_us, gap_us, gap_at_us;
	uint64_t bytes, skipped_bytes;
};

static inline uint64_t meter_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline void meter_gap(struct meter *m, uint64_t now_us)
{
	uint64_t from = m->start_us + m->skip_us;

	if (now_us <= from)
		return;
	from = m->last_us > from ? m->last_us : from;
	if (now_us > from && now_us - from > m->gap_us) {
		m->gap_us = now_us - from;
		m->gap_at_us = from - m->start_us;
	}
}

static inline bool meter_over(const struct meter *m, uint64_t now_us)
{
	return m->start_us != 0 && now_us >= m->start_us + m->run_us;
}

static inline void meter_add(struct meter *m, uint64_t bytes, uint64_t now_us)
{
	if (m->start_us == 0)
		m->start_us = now_us;
	if (meter_over(m, now_us))
		return;
	meter_gap(m, now_us);
	m->last_us = now_us;
	if (now_us >= m->start_us + m->skip_us)
		m->bytes += bytes;
	else
		m->skipped_bytes += bytes;
}

/* One line of JSON. */
static inline void meter_print(struct meter *m)
{
	if (m->start_us != 0)
		meter_gap(m, m->start_us + m->run_us);
	printf("{\"bytes\": %" PRIu64 ", \"skipped_bytes\": %" PRIu64
	       ", \"mbps\": %.3f, \"gap_ms\": %.1f, \"gap_at_s\": %.3f}\n",
		m->bytes, m->skipped_bytes, (double)m->bytes * 8 / (double)(m->run_us - m->skip_us),
		(double)m->gap_us / 1000, (double)m->gap_at_us / 1e6);
	fflush(stdout);
}

#endif
