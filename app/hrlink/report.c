/* SPDX-License-Identifier: BSD-3-Clause */
/* What hrlink says: a line a second, sentences at the end, JSON on request. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINES_PER_HEAD 20

static const char *const names[WAYS] = {"a to b", "b to a"};

static double mbps(uint64_t bytes, uint64_t us)
{
	return us > 0 ? (double)bytes * 8 / (double)us : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

void report_live(FILE *out, struct live *live, const struct link *l, uint64_t elapsed_us)
{
	if (live->lines++ % LINES_PER_HEAD == 0)
		fprintf(out,
			"   time  %-48s  %s\n"
			"         in Mbps out Mbps     lost   queue drops  in queue"
			"  in Mbps out Mbps     lost   queue drops  in queue\n",
			names[AB], names[BA]);
	fprintf(out, "%7.1f", (double)elapsed_us / 1e6);
	for (enum way w = AB; w < WAYS; w++) {
		struct link_figures f, *was = &live->last[w];

		link_figures(l, w, &f);
		fprintf(out, " %8.1f %8.1f %8" PRIu64 " %13" PRIu64 " %8.0fK ",
			mbps(f.in_bytes - was->in_bytes, elapsed_us - live->at_us),
			mbps(f.out_bytes - was->out_bytes, elapsed_us - live->at_us),
			f.lost - was->lost, f.queue_drops - was->queue_drops,
			(double)f.queue_bytes / 1024);
		*was = f;
	}
	fprintf(out, "\n");
	fflush(out);
	live->at_us = elapsed_us;
}

static void text_of(FILE *out, const struct link *l, enum way w, uint64_t elapsed_us)
{
	struct link_figures f;

	link_figures(l, w, &f);
	fprintf(out,
		"%s   in %" PRIu64 " frames, %" PRIu64 " bytes, %.1f Mbps; out %" PRIu64
		" frames, %" PRIu64 " bytes, %.1f Mbps\n",
		names[w], f.in_packets, f.in_bytes, mbps(f.in_bytes, elapsed_us), f.out_packets,
		f.out_bytes, mbps(f.out_bytes, elapsed_us));
	fprintf(out,
		"         lost %" PRIu64 " (%.3f %%), duplicated %" PRIu64 ", reordered %" PRIu64
		", corrupted %" PRIu64 ", marked %" PRIu64 "\n",
		f.lost, percent(f.lost, f.in_packets), f.duplicated, f.reordered, f.corrupted,
		f.marked);
	fprintf(out,
		"         queue %" PRIu64 " drops, %" PRIu64
		" bytes at most; late by over 100 us %" PRIu64 " (%.3f %%), %" PRIu64
		" us at most\n",
		f.queue_drops, f.queue_max_bytes, f.late, percent(f.late, f.out_packets),
		f.late_max_us);
	if (f.missed + f.no_mbuf + f.unsent > 0)
		fprintf(out,
			"         NOT ON PURPOSE: %" PRIu64 " frames missed (the port's ring ran "
			"over), %" PRIu64 " times without a packet (more --mbufs), %" PRIu64
			" not taken by the port\n",
			f.missed, f.no_mbuf, f.unsent);
}

void report_text(FILE *out, const struct link *l, uint64_t elapsed_us)
{
	fprintf(out, "\nran      %.3f s\n", (double)elapsed_us / 1e6);
	for (enum way w = AB; w < WAYS; w++)
		text_of(out, l, w, elapsed_us);
	fflush(out);
}

/* Port strings are printable, but may hold quotes and backslashes. */
static void json_text(FILE *f, const char *key, const char *text)
{
	fprintf(f, "\"%s\": \"", key);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		if ((unsigned char)*text < ' ')
			fprintf(f, "\\u%04x", *text);
		else
			fputc(*text, f);
	}
	fprintf(f, "\"");
}

static void json_way(FILE *out, const struct link *l, enum way w, uint64_t elapsed_us)
{
	struct link_figures f;

	link_figures(l, w, &f);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"in_packets", f.in_packets},
		{"in_bytes", f.in_bytes},
		{"out_packets", f.out_packets},
		{"out_bytes", f.out_bytes},
		{"lost", f.lost},
		{"duplicated", f.duplicated},
		{"reordered", f.reordered},
		{"corrupted", f.corrupted},
		{"marked", f.marked},
		{"queue_drops", f.queue_drops},
		{"queue_max_bytes", f.queue_max_bytes},
		{"late", f.late},
		{"late_max_us", f.late_max_us},
		{"missed", f.missed},
		{"no_mbuf", f.no_mbuf},
		{"unsent", f.unsent},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(out, "\"%s\": %" PRIu64 ", ", rows[i].key, rows[i].value);
	fprintf(out, "\"in_mbps\": %.3f, \"out_mbps\": %.3f", mbps(f.in_bytes, elapsed_us),
		mbps(f.out_bytes, elapsed_us));
}

int report_json(const struct options *o, const struct link *l, uint64_t mbufs, uint64_t elapsed_us)
{
	FILE *f = strcmp(o->json, "-") == 0 ? stdout : fopen(o->json, "we");
	int bad;

	if (f == NULL)
		return -1;
	fprintf(f, "{\"config\": {");
	json_text(f, "a", o->port[AB]);
	fprintf(f, ", ");
	json_text(f, "b", o->port[BA]);
	fprintf(f, ", ");
	json_text(f, "ab", o->impair[AB]);
	fprintf(f, ", ");
	json_text(f, "ba", o->impair[BA]);
	fprintf(f, ", \"seed\": %" PRIu64 ", \"idle\": \"%s\", \"mbufs\": %" PRIu64 "},\n", o->seed,
		o->poll ? "poll" : "sleep", mbufs);
	fprintf(f, " \"seconds\": %.6f,\n \"a_to_b\": {", (double)elapsed_us / 1e6);
	json_way(f, l, AB, elapsed_us);
	fprintf(f, "},\n \"b_to_a\": {");
	json_way(f, l, BA, elapsed_us);
	fprintf(f, "}}\n");
	bad = fflush(f) != 0 || ferror(f);
	if (f != stdout)
		bad |= fclose(f) != 0;
	return bad ? -1 : 0;
}
