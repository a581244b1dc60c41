/* SPDX-License-Identifier: BSD-3-Clause */
/* Live lines, the text report and the verdict. JSON is in json.c. */
#include "report.h"

#include <string.h>

#define SATURATED    0.95 /* of the cycles: no room for more work */
#define RATE_REACHED 0.99

double busy_share(const struct snapshot *a, const struct snapshot *b, enum side side)
{
	uint64_t total = b->total_cycles[side] - a->total_cycles[side];

	return total == 0 ? -1
			  : (double)(b->busy_cycles[side] - a->busy_cycles[side]) / (double)total;
}

uint64_t active_of(const struct stats *s)
{
	uint64_t ended = s->completed + s->failed;

	/* Read while the writers run, the parts may be of slightly different moments. */
	return s->attempted > ended ? s->attempted - ended : 0;
}

static const struct stats *main_stats(const struct config *cfg, const struct snapshot *s)
{
	return cfg->role == ROLE_SERVER ? &s->server : &s->client;
}

static const char *worst_error(const struct stats *s, uint64_t *count)
{
	unsigned worst = ERR_NONE + 1;

	for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++)
		if (s->errors[i] > s->errors[worst])
			worst = i;
	*count = s->errors[worst];
	return error_names[worst];
}

void report_verdict(const struct config *cfg, const struct result *r, char *buf, size_t len)
{
	const struct stats *s = main_stats(cfg, &r->final);
	double client = busy_share(&r->begin, &r->end, CLIENT),
	       server = busy_share(&r->begin, &r->end, SERVER);
	double seconds = (double)(r->end.elapsed_us - r->begin.elapsed_us) / 1e6;
	double opened =
		seconds > 0
			? (double)(r->end.client.attempted - r->begin.client.attempted) / seconds
			: 0;
	uint64_t active = cfg->role == ROLE_SERVER ? 0 : s->attempted - s->completed - s->failed;
	uint64_t n;
	const char *name = worst_error(s, &n);

	if (s->completed == 0 && cfg->role != ROLE_SERVER)
		snprintf(buf, len,
			n > 0 ? "nothing completed: %s %llu times"
			      : "nothing completed: no answer within the run",
			name, (unsigned long long)n);
	else if (s->errors[ERR_no_port] > 0)
		snprintf(buf, len,
			"port exhaustion: %llu connects found no source port; add client addresses",
			(unsigned long long)s->errors[ERR_no_port]);
	else if (active > 0)
		snprintf(buf, len,
			"%llu connections were still open after the drain: no answer, or too short "
			"a --drain",
			(unsigned long long)active);
	else if (r->no_mbuf > 0)
		snprintf(buf, len,
			"mbuf shortage: %llu times no packet buffer was free; raise --mbufs",
			(unsigned long long)r->no_mbuf);
	else if (cfg->role != ROLE_SERVER && cfg->rate > 0 && s->late == 0 &&
		 opened >= RATE_REACHED * (double)cfg->rate)
		snprintf(buf, len, "pacing: the asked rate of %llu connections/s was reached",
			(unsigned long long)cfg->rate);
	else if (client >= SATURATED && client >= server)
		snprintf(buf, len, "generator CPU saturated (client busy %.0f %%)", 100 * client);
	else if (server >= SATURATED)
		snprintf(buf, len, "server CPU saturated (server busy %.0f %%)", 100 * server);
	else if (r->rx_missed > 0)
		snprintf(buf, len, "rx missed: the ports lost %llu packets before they were read",
			(unsigned long long)r->rx_missed);
	else if (cfg->role == ROLE_SERVER)
		snprintf(buf, len, "the clients: this server had time to spare");
	else if (cfg->rate > 0)
		snprintf(buf, len,
			"the asked rate was not reached: %.0f of %llu connections/s; concurrency "
			"%u or the device under test",
			opened, (unsigned long long)cfg->rate, cfg->concurrency);
	else
		snprintf(buf, len,
			"the device under test, or %u connections at a time: the generator had "
			"time to spare",
			cfg->concurrency);
}

void report_header(FILE *f)
{
	fprintf(f, "   time       CPS       RPS  rx Gbps  tx Gbps   active    failed   retrans  "
		   "busy %%\n");
}

void report_line(
	const struct config *cfg, const struct snapshot *a, const struct snapshot *b, FILE *f)
{
	double seconds = (double)(b->elapsed_us - a->elapsed_us) / 1e6;
	const struct stats *from = main_stats(cfg, a), *to = main_stats(cfg, b);
	double client = busy_share(a, b, CLIENT), server = busy_share(a, b, SERVER);

	if (seconds <= 0)
		return;
	fprintf(f, "%7.1f %9.0f %9.0f %8.3f %8.3f %8llu %9llu %9llu ", (double)b->elapsed_us / 1e6,
		(double)(to->completed - from->completed) / seconds,
		(double)(to->requests - from->requests) / seconds,
		(double)(b->rx_bytes - a->rx_bytes) * 8e-9 / seconds,
		(double)(b->tx_bytes - a->tx_bytes) * 8e-9 / seconds,
		(unsigned long long)active_of(to), (unsigned long long)to->failed,
		(unsigned long long)(b->retransmits - a->retransmits));
	if (client >= 0)
		fprintf(f, " client %.0f", 100 * client);
	if (server >= 0)
		fprintf(f, " server %.0f", 100 * server);
	fputc('\n', f);
	fflush(f);
}

static void text_drops(const struct result *r, FILE *f)
{
	for (unsigned i = 0; i < hr_drop_count(); i++) {
		uint64_t n = 0;

		for (int s = 0; s < SIDES; s++)
			if (r->engine[s] != NULL)
				n += hr_engine_drop(r->engine[s], -1, i);
		if (n > 0)
			fprintf(f, "dropped       %-18s %llu (%s)\n", hr_drop_name(i),
				(unsigned long long)n, hr_drop_help(i));
	}
}

void report_text(const struct config *cfg, const struct result *r, FILE *f)
{
	const struct stats *s = main_stats(cfg, &r->final);
	const struct stats *a = main_stats(cfg, &r->begin), *b = main_stats(cfg, &r->end);
	double seconds = (double)(r->end.elapsed_us - r->begin.elapsed_us) / 1e6;
	char verdict[HR_ERRLEN];

	fprintf(f,
		"\nconnections   %llu attempted, %llu established, %llu completed, %llu failed, "
		"%llu active\n",
		(unsigned long long)s->attempted, (unsigned long long)s->established,
		(unsigned long long)s->completed, (unsigned long long)s->failed,
		(unsigned long long)active_of(s));
	if (r->engine[SERVER] != NULL)
		fprintf(f, "server        %llu accepted, %llu requests, %llu bad requests\n",
			(unsigned long long)r->final.server.attempted,
			(unsigned long long)r->final.server.requests,
			(unsigned long long)r->final.server.bad);
	if (seconds > 0)
		fprintf(f,
			"rates         %.0f connections/s, %.0f requests/s, rx %.3f Gbps, tx %.3f "
			"Gbps over %.3f s\n",
			(double)(b->completed - a->completed) / seconds,
			(double)(b->requests - a->requests) / seconds,
			(double)(r->end.rx_bytes - r->begin.rx_bytes) * 8e-9 / seconds,
			(double)(r->end.tx_bytes - r->begin.tx_bytes) * 8e-9 / seconds, seconds);
	for (int l = 0; l < LATENCIES && r->engine[CLIENT] != NULL; l++)
		fprintf(f, "%-13s p50 %llu, p90 %llu, p99 %llu, p99.9 %llu, max %llu us\n",
			latency_names[l], (unsigned long long)r->latency[l].p50,
			(unsigned long long)r->latency[l].p90,
			(unsigned long long)r->latency[l].p99,
			(unsigned long long)r->latency[l].p999,
			(unsigned long long)r->latency[l].max);
	fprintf(f, "retransmits   %llu\n", (unsigned long long)r->final.retransmits);
	for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++)
		if (s->errors[i] > 0)
			fprintf(f, "failed        %-18s %llu\n", error_names[i],
				(unsigned long long)s->errors[i]);
	text_drops(r, f);
	if (r->digest[0] != '\0')
		fprintf(f, "sha256        %s\n", r->digest);
	report_verdict(cfg, r, verdict, sizeof(verdict));
	fprintf(f, "limit         %s\n", verdict);
	fflush(f);
}
