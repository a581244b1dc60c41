/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/utsname.h>

#include <rte_version.h>

#include "base/rng.h"
#include "common/eal.h"

#define FIXED_OPTIONS 5
#define OWN           0x100 /* getopt's value of a bench's first own option */

void bench_die(const struct bench *b, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bench_%s: ", b->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

void bench_eal(const struct bench *b, unsigned memory_mb)
{
	test_eal_start(memory_mb);
	bench_pin(b->cpu[0]);
}

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

double bench_hz(void)
{
	static double hz;
	uint64_t ns = monotonic_ns(), tsc = bench_tsc(), end;

	if (hz != 0)
		return hz;
	do {
		end = monotonic_ns();
	} while (end < ns + 20000000);
	hz = (double)(bench_tsc() - tsc) * 1e9 / (double)(end - ns);
	return hz;
}

uint32_t *bench_shuffled(const struct bench *b, uint32_t n, uint64_t seed)
{
	uint32_t *v = malloc(n * sizeof(*v));
	struct hr_rng rng;

	if (v == NULL)
		bench_die(b, "no memory for %u numbers", n);
	hr_rng_seed(&rng, seed);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = hr_rng_below(&rng, i + 1);

		v[i] = v[j];
		v[j] = i;
	}
	return v;
}

void bench_touch_pool(const struct bench *b, struct rte_mempool *pool)
{
	struct rte_mbuf **m = calloc(pool->size, sizeof(struct rte_mbuf *));
	unsigned n = 0;

	if (m == NULL)
		bench_die(b, "no memory for %u pointers", pool->size);
	while (n < pool->size && (m[n] = rte_pktmbuf_alloc(pool)) != NULL) {
		memset(m[n]->buf_addr, 0, m[n]->buf_len);
		n++;
	}
	rte_pktmbuf_free_bulk(m, n);
	free(m);
}

uint64_t bench_resident(const struct bench *b)
{
	unsigned long rss = 0, huge = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	if (f == NULL)
		bench_die(b, "/proc/self/status cannot be read");
	while (fgets(line, sizeof(line), f) != NULL) {
		(void)sscanf(line, "VmRSS: %lu kB", &rss);
		(void)sscanf(line, "HugetlbPages: %lu kB", &huge);
	}
	fclose(f);
	return (uint64_t)(rss + huge) * 1024;
}

/* --- figures */

void bench_add(struct bench *b, const char *figure, const char *unit, const char *key, uint64_t at,
	double value)
{
	struct bench_figure *f = b->figure;

	if (key == NULL)
		key = "";
	while (f < b->figure + b->n_figures &&
		(strcmp(f->name, figure) != 0 || strcmp(f->key, key) != 0 || f->at != at))
		f++;
	must(f < b->figure + BENCH_FIGURES);
	if (f == b->figure + b->n_figures) {
		b->n_figures++;
		snprintf(f->name, sizeof(f->name), "%s", figure);
		snprintf(f->unit, sizeof(f->unit), "%s", unit);
		snprintf(f->key, sizeof(f->key), "%s", key);
		f->at = at;
	}
	must(f->n < BENCH_ROUNDS_MAX);
	f->run[f->n++] = value;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct summary {
	double median, spread; /* from the least to the most, in percent of the median */
	bool valid;
};

static struct summary summarise(const struct bench_figure *f)
{
	double v[BENCH_ROUNDS_MAX];
	struct summary s;

	memcpy(v, f->run, f->n * sizeof(*v));
	qsort(v, f->n, sizeof(*v), by_size);
	s.median = f->n % 2 ? v[f->n / 2] : (v[f->n / 2 - 1] + v[f->n / 2]) / 2;
	s.valid = v[0] > 0 && isfinite(v[f->n - 1]);
	s.spread = s.valid ? 100 * (v[f->n - 1] - v[0]) / s.median : 0;
	return s;
}

static void cpu_model(char *buf, size_t len)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "r");

	snprintf(buf, len, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		line[strcspn(line, "\n\"\\")] = 0;
		snprintf(buf, len, "%s", colon[1] == ' ' ? colon + 2 : colon + 1);
		break;
	}
	if (f != NULL)
		fclose(f);
}

static void print_json(const struct bench *b, const struct bench_figure *f, const struct summary *s)
{
	struct utsname u = {0};
	double load[1] = {0};
	char cpu[128];

	cpu_model(cpu, sizeof(cpu));
	(void)uname(&u);
	(void)getloadavg(load, 1);
	printf("{\"bench\": \"%s\", \"figure\": \"%s\", ", b->name, f->name);
	if (f->key[0] != 0)
		printf("\"%s\": %lu, ", f->key, f->at);
	printf("\"value\": %.6g, \"unit\": \"%s\", \"spread\": %.1f, \"valid\": %s, \"runs\": [",
		s->median, f->unit, s->spread, s->valid ? "true" : "false");
	for (unsigned i = 0; i < f->n; i++)
		printf("%s%.6g", i == 0 ? "" : ", ", f->run[i]);
	printf("], \"quick\": %s, \"machine\": {\"cpu\": \"%s\", \"kernel\": \"%s\", \"dpdk\": "
	       "\"%s\", \"tsc_hz\": %.0f, \"load\": %.2f}}\n",
		b->quick ? "true" : "false", cpu, u.release, rte_version(), bench_hz(), load[0]);
}

static void print_line(const struct bench *b, const struct bench_figure *f, const struct summary *s)
{
	char at[48] = "";

	if (f->key[0] != 0)
		snprintf(at, sizeof(at), "%s=%lu", f->key, f->at);
	printf("%-8s %-20s %-16s %12.5g %-16s spread %.1f %%%s\n", b->name, f->name, at, s->median,
		f->unit, s->spread, s->valid ? "" : "  INVALID");
}

static int report(const struct bench *b)
{
	bool good = b->n_figures > 0;

	for (unsigned i = 0; i < b->n_figures; i++) {
		struct summary s = summarise(&b->figure[i]);

		good &= s.valid;
		if (b->json)
			print_json(b, &b->figure[i], &s);
		else
			print_line(b, &b->figure[i], &s);
	}
	if (!good)
		fprintf(stderr, "bench_%s: a figure is not a positive number, or there is none\n",
			b->name);
	return good ? 0 : 1;
}

/* --- options */

static void usage(const struct bench *b)
{
	fprintf(stderr,
		"bench_%s [--rounds N] [--max N] [--quick] [--json] [--cpu N[,N]]\n"
		"  --rounds N  measure everything so often, 1..%d (default %u)\n"
		"  --max N     the largest number of entries or connections (default %lu)\n"
		"  --quick     tiny sizes: whether it works, not how fast\n"
		"  --json      a line of JSON per figure\n"
		"  --cpu N,N   where to run (default: the first two we may run on)\n",
		b->name, BENCH_ROUNDS_MAX, b->rounds, b->max);
	for (const struct bench_option *o = b->options; o != NULL && o->name != NULL; o++)
		fprintf(stderr, "  --%s N  %s (default %lu)\n", o->name, o->help, *o->value);
	exit(2);
}

static void default_cpus(struct bench *b)
{
	unsigned n = 0;
	cpu_set_t set;

	for (unsigned i = 0; i < BENCH_CPUS; i++)
		b->cpu[i] = -1;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && n < BENCH_CPUS; i++)
		if (CPU_ISSET(i, &set))
			b->cpu[n++] = i;
}

static bool read_cpus(struct bench *b, const char *text)
{
	int n = sscanf(text, "%d,%d", &b->cpu[0], &b->cpu[1]);

	if (n == 1)
		b->cpu[1] = -1;
	return n >= 1 && b->cpu[0] >= 0 && b->cpu[0] < CPU_SETSIZE && b->cpu[1] < CPU_SETSIZE;
}

static void options(struct bench *b, int argc, char **argv)
{
	struct option known[FIXED_OPTIONS + BENCH_OPTIONS + 1] = {{"rounds", 1, NULL, 'r'},
		{"max", 1, NULL, 'm'}, {"quick", 0, NULL, 'q'}, {"json", 0, NULL, 'j'},
		{"cpu", 1, NULL, 'c'}};
	char err[HR_ERRLEN];
	uint64_t n = 0;
	int c;

	for (int i = 0; b->options != NULL && b->options[i].name != NULL; i++) {
		must(i < BENCH_OPTIONS);
		known[FIXED_OPTIONS + i] = (struct option){b->options[i].name, 1, NULL, OWN + i};
	}
	default_cpus(b);
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if ((c == 'r' || c == 'm' || c >= OWN) &&
			hr_parse_count(optarg, &n, err, sizeof(err)) < 0)
			usage(b);
		if (c >= OWN)
			*b->options[c - OWN].value = n;
		else if (c == 'r' && n >= 1 && n <= BENCH_ROUNDS_MAX)
			b->rounds = (unsigned)n;
		else if (c == 'm' && n >= 1)
			b->max = n;
		else if (c == 'q')
			b->quick = true;
		else if (c == 'j')
			b->json = true;
		else if (c != 'c' || !read_cpus(b, optarg))
			usage(b);
	}
	if (optind != argc)
		usage(b);
}

int bench_main(struct bench *b, int argc, char **argv, void (*one)(struct bench *b))
{
	if (b->rounds == 0)
		b->rounds = 3;
	options(b, argc, argv);
	bench_pin(b->cpu[0]);
	for (unsigned i = 0; i < b->rounds; i++)
		one(b);
	return report(b);
}
