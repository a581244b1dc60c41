/* SPDX-License-Identifier: BSD-3-Clause */
/* What came out of a run, as a plain value, and its three forms: live lines, text, JSON. */
#ifndef HRLOAD_REPORT_H
#define HRLOAD_REPORT_H

#include "config.h"
#include "stats.h"

#include <stdio.h>

/* Readings of one moment, all since the start of the run. */
struct snapshot {
	uint64_t elapsed_us;
	struct stats client, server;
	uint64_t rx_bytes,
		tx_bytes; /* of the client's engine, or of the server's where there is no client */
	uint64_t retransmits; /* both sides */
	uint64_t busy_cycles[SIDES], total_cycles[SIDES];
};

struct quantiles {
	uint64_t p50, p90, p99, p999, max;
};

struct result {
	struct snapshot begin, end; /* of the measured interval: without the drain */
	struct snapshot final;      /* after the drain */
	struct quantiles latency[LATENCIES];
	const struct hr_engine *engine[SIDES]; /* for the drops; NULL: no such side */
	uint64_t rx_missed, no_mbuf;
	char digest[65]; /* of the first body, with --sha256 */
};

/* Share of the cycles between two snapshots in which a side worked: 0..1, or -1 when it did not
 * run. */
double busy_share(const struct snapshot *a, const struct snapshot *b, enum side side);
/* Connections counted as attempted that are neither completed nor failed. */
uint64_t active_of(const struct stats *s);
/* What limited the run, in a sentence. */
void report_verdict(const struct config *cfg, const struct result *r, char *buf, size_t len);
/* One live line for the time between two snapshots. */
void report_line(
	const struct config *cfg, const struct snapshot *a, const struct snapshot *b, FILE *f);
void report_header(FILE *f);
void report_text(const struct config *cfg, const struct result *r, FILE *f);
/* To a file, or stdout for "-". Negative errno with a sentence. */
int report_json(const struct config *cfg, const struct result *r, char *err, size_t errlen);
/* Only the config object, as text that the caller frees, and to the --json file for hrload check.
 */
char *report_config_text(const struct config *cfg);
int report_config(const struct config *cfg, char *err, size_t errlen);

#endif
