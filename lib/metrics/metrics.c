/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names and explanations of counters and drop reasons, and the law that ties them: every received
 * packet leaves by exactly one door. The values of an engine (hr_engine_counter) are the engine's
 * to sum.
 */
#include "metrics/metrics.h"

#include <errno.h>

struct row {
	const char *name;
	const char *help;
};

#define X(name, help) {#name, help},
static const struct row counters[] = {
#include "metrics/counters.def"
};

/* Public index i is enum value i + 1: "no drop" is no reason and has no row. */
static const struct row drops[] = {
#include "metrics/drops.def"
};
#undef X

_Static_assert(RTE_DIM(counters) == HR_C_COUNT, "one row, one counter");
_Static_assert(RTE_DIM(drops) == DROP_COUNT - 1, "one row, one reason");

unsigned hr_counter_count(void)
{
	return RTE_DIM(counters);
}

const char *hr_counter_name(unsigned i)
{
	return i < RTE_DIM(counters) ? counters[i].name : NULL;
}

const char *hr_counter_help(unsigned i)
{
	return i < RTE_DIM(counters) ? counters[i].help : NULL;
}

int hr_counter_find(const char *name)
{
	for (unsigned i = 0; i < RTE_DIM(counters); i++)
		if (strcmp(counters[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

unsigned hr_drop_count(void)
{
	return RTE_DIM(drops);
}

const char *hr_drop_name(unsigned i)
{
	return i < RTE_DIM(drops) ? drops[i].name : NULL;
}

const char *hr_drop_help(unsigned i)
{
	return i < RTE_DIM(drops) ? drops[i].help : NULL;
}

/* Exact between turns; a reader on another thread may look into the middle of one. */
bool hr_metrics_balanced(const struct hr_metrics *m)
{
	uint64_t out = hr_counter_read(m, HR_C_accepted) + hr_counter_read(m, HR_C_passed) +
		       hr_counter_read(m, HR_C_forwarded);

	for (unsigned d = DROP_NONE + 1; d < DROP_COUNT; d++)
		out += __atomic_load_n(&m->drop[d], __ATOMIC_RELAXED);
	return out == hr_counter_read(m, HR_C_rx_packets);
}
