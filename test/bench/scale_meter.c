/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long turns take. A turn that took more than 1 ms is either ours or the machine's: beside its
 * length stand the involuntary context switches of the thread during it, the time that the
 * hypervisor took from the CPU, page faults, and the stage in which most of it passed. Cycles and
 * packets are those of turns in which the thread kept its CPU: neighbours cost time, not cycles.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics/metrics.h"
#include "scale.h"

#define SLOW_US     1000.0
#define STEAL_EVERY 10000.0 /* us */
#define JIFFY_MS    10      /* USER_HZ */

static const struct {
	enum hr_counter counter;
	const char *name;
} stages[] = {{HR_C_cycles_rx, "rx"}, {HR_C_cycles_parse, "parse"}, {HR_C_cycles_lookup, "lookup"},
	{HR_C_cycles_input, "input"}, {HR_C_cycles_timers, "timers"},
	{HR_C_cycles_callbacks, "callbacks"}, {HR_C_cycles_output, "output"},
	{HR_C_cycles_tx, "tx"}};

_Static_assert(RTE_DIM(stages) == RTE_DIM(((struct meter *)0)->stage), "a number for each");

/* Jiffies that the hypervisor took from our CPU; 0 where the kernel does not say. */
static uint64_t read_steal(const struct meter *m)
{
	char text[4096], name[16], *line;
	ssize_t n = pread(m->stat_fd, text, sizeof(text) - 1, 0);
	unsigned long v[8] = {0};

	if (n <= 0)
		return 0;
	text[n] = 0;
	snprintf(name, sizeof(name), "\ncpu%d ", m->cpu);
	line = strstr(text, name);
	if (line == NULL || sscanf(line + strlen(name), "%lu %lu %lu %lu %lu %lu %lu %lu", &v[0],
				    &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) != 8)
		return 0;
	return v[7];
}

static void read_usage(uint64_t *switches, uint64_t *faults)
{
	struct rusage u;

	if (getrusage(RUSAGE_THREAD, &u) != 0)
		return;
	*switches = (uint64_t)u.ru_nivcsw;
	*faults = (uint64_t)u.ru_minflt;
}

void meter_start(struct meter *m, const struct hr_metrics *metrics)
{
	m->cpu = sched_getcpu();
	m->us_per_tick = 1e6 / bench_hz();
	m->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	m->steal = read_steal(m);
	m->steal_tsc = bench_tsc();
	read_usage(&m->switches, &m->faults);
	m->packets = hr_counter_read(metrics, HR_C_rx_packets);
	for (unsigned i = 0; i < RTE_DIM(stages); i++)
		m->stage[i] = hr_counter_read(metrics, stages[i].counter);
}

void meter_stop(struct meter *m)
{
	(void)close(m->stat_fd);
}

static void slow(struct meter *m, const struct slow_turn *t)
{
	struct meter_phase *p = &m->phase[t->phase];
	bool own = t->switches == 0 && t->steal_ms == 0;

	p->over++;
	p->over_own += own;
	if (m->n_slow == SCALE_SLOW || (!own && m->n_taken == SCALE_TAKEN))
		return;
	m->n_taken += !own;
	m->slow[m->n_slow++] = *t;
}

void meter_turn(struct meter *m, unsigned phase, const uint64_t t[3], unsigned work, bool busy,
	const struct hr_metrics *metrics)
{
	struct meter_phase *p = &m->phase[phase];
	struct slow_turn s = {.phase = phase,
		.us = (double)(t[2] - t[1]) * m->us_per_tick,
		.packets = work,
		.stage = ""};
	uint64_t switches = m->switches, faults = m->faults, steal = m->steal;
	uint64_t packets = hr_counter_read(metrics, HR_C_rx_packets);
	bool is_slow = s.us > SLOW_US;

	read_usage(&m->switches, &m->faults);
	s.switches = m->switches - switches;
	p->turns += busy;
	if (busy && s.switches == 0) {
		p->cycles += t[2] - t[0];
		p->packets += packets - m->packets;
	}
	m->packets = packets;
	s.faults = m->faults - faults;
	for (unsigned i = 0; i < RTE_DIM(stages); i++) {
		uint64_t now = hr_counter_read(metrics, stages[i].counter);
		double us = (double)(now - m->stage[i]) * m->us_per_tick;

		m->stage[i] = now;
		if (us > s.stage_us) {
			s.stage = stages[i].name;
			s.stage_us = us;
		}
	}
	if (is_slow || (double)(t[2] - m->steal_tsc) * m->us_per_tick > STEAL_EVERY) {
		m->steal = read_steal(m);
		m->steal_tsc = t[2];
	}
	s.steal_ms = (m->steal - steal) * JIFFY_MS;
	if (is_slow)
		slow(m, &s);
	p->longest_us = RTE_MAX(p->longest_us, s.us);
	if (s.switches == 0 && !(is_slow && s.steal_ms != 0))
		p->longest_own_us = RTE_MAX(p->longest_own_us, s.us);
}

void meter_print_slow(const struct meter *m, const char *end, const char *const names[])
{
	for (unsigned i = 0; i < m->n_slow; i++) {
		const struct slow_turn *t = &m->slow[i];

		fprintf(stderr,
			"  %-6s %-16s %8.0f us  %3lu switches %4lu ms steal %5lu faults  %4u "
			"events, "
			"%s %.0f us\n",
			end, names[t->phase], t->us, t->switches, t->steal_ms, t->faults,
			t->packets, t->stage, t->stage_us);
	}
	if (m->n_slow == SCALE_SLOW || m->n_taken == SCALE_TAKEN)
		fprintf(stderr, "  %-6s and more\n", end);
}
