/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and sums of what workers count. */
#include "stats.h"

const char *const error_names[ERR_COUNT] = {"none",
#define X(name) #name,
	ERROR_LIST
#undef X
};

const char *const latency_names[LATENCIES] = {"connect", "first_byte", "transaction"};

enum error error_of_reason(enum hr_reason reason)
{
	static const enum error table[HR_REASON_COUNT] = {
		[HR_CLOSED] = ERR_NONE,
		[HR_RESET] = ERR_reset,
		[HR_REFUSED] = ERR_refused,
		[HR_TIMEOUT] = ERR_timeout,
		[HR_UNREACHABLE] = ERR_unreachable,
		[HR_ABORTED] = ERR_aborted,
		[HR_KEEPALIVE] = ERR_keepalive,
		[HR_ORPHANED] = ERR_orphaned,
		[HR_NO_MEMORY] = ERR_no_memory,
	};

	return table[reason];
}

void latency_merge(struct hr_hist *into, const struct latency_counts *c)
{
	hr_hist_merge(into, c->rest);
	hr_hist_record_n(into, c->run_us, c->run);
	for (unsigned us = 0; us < LATENCY_FEW; us++)
		hr_hist_record_n(into, us, c->few[us]);
}

void stats_merge(struct stats *into, const struct stats *from)
{
	into->attempted += stat_read(&from->attempted);
	into->established += stat_read(&from->established);
	into->completed += stat_read(&from->completed);
	into->failed += stat_read(&from->failed);
	into->requests += stat_read(&from->requests);
	into->bad += stat_read(&from->bad);
	into->body_bytes += stat_read(&from->body_bytes);
	into->late += stat_read(&from->late);
	into->exhausted += stat_read(&from->exhausted);
	for (unsigned i = 0; i < ERR_COUNT; i++)
		into->errors[i] += stat_read(&from->errors[i]);
}
