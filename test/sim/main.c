/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim: replay a world (--seed N [-v], --choices FILE), run many (--seeds A..B), print trace hashes
 * (--hash-only), shrink what fails (--shrink), or prove that a seed is a world: --determinism A..B
 * runs each here, again without the engine's short ways for what is usual (--plain), and in a
 * process of its own.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/eal.h"
#include "sim.h"

#define MEMORY_MB     256
#define PROGRESS      5000 /* worlds between lines */
#define CHOICES_MAX   (1u << 24)
#define DEFAULT_TRIES 4000
#define DEFAULT_FILE  "sim-shrunk.choices"

struct run {
	uint64_t from, to;
	unsigned tries;
	const char *choices, *save, *broken, *out;
	bool plain, verbose, hash_only, determinism, shrink, require_all, table, given;
	struct choice ch;
	struct sim_totals t;
};

static volatile uint64_t current_seed; /* for the one line that a failed must() leaves behind */

static void on_abort(int sig)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
		"VIOLATION seed %" PRIu64 ": must() failed (see above)\n", current_seed);

	if (write(STDOUT_FILENO, text, (size_t)n) < 0)
		_exit(3);
	_exit(2);
}

static int usage(void)
{
	fprintf(stderr, "usage: sim --seed N [-v] [--save FILE]   replay one world\n"
			"       sim --choices FILE [--seed N]     replay a choice string\n"
			"       sim --seeds A..B [--require-all] [--table]\n"
			"       sim --shrink --seed N | --choices FILE [--out FILE] [--tries N]\n"
			"       sim --determinism A..B\n"
			"   --hash-only        print trace hashes\n"
			"   --plain            no short ways for what is usual: the same hashes\n"
			"   --require-all      fail when a mechanism was not reached\n"
			"   --table            print how often each mechanism was reached\n"
			"   --break NAME       make the oracle wrong on purpose: stream, window, "
			"ack, cwnd\n");
	return 2;
}

static bool load(struct run *r)
{
	uint8_t *bytes = malloc(CHOICES_MAX);
	FILE *f = fopen(r->choices, "rb");
	size_t n = f != NULL && bytes != NULL ? fread(bytes, 1, CHOICES_MAX, f) : 0;

	if (f == NULL)
		fprintf(stderr, "%s cannot be read\n", r->choices);
	else
		fclose(f);
	choice_given(&r->ch, bytes, n);
	free(bytes);
	return f != NULL;
}

static bool save(const struct run *r)
{
	FILE *f = fopen(r->save, "wb");
	bool ok = f != NULL && fwrite(r->ch.bytes, 1, r->ch.pos, f) == r->ch.pos;

	if (f != NULL)
		ok &= fclose(f) == 0;
	if (!ok)
		fprintf(stderr, "cannot write %s\n", r->save);
	return ok;
}

static uint64_t run_seed(struct run *r, uint64_t seed)
{
	current_seed = seed;
	if (r->choices == NULL)
		choice_seed(&r->ch, seed);
	else
		r->ch.pos = 0;
	r->t.plain = r->plain;
	return sim_run(seed, &r->ch, r->verbose, r->broken, &r->t);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void summary(struct sim_totals *t, double seconds)
{
	uint64_t segments = 0;

	qsort(t->segments, t->worlds, sizeof(*t->segments), by_size);
	for (uint64_t i = 0; i < t->worlds; i++)
		segments += t->segments[i];
	printf("%" PRIu64 " worlds, %.1f worlds/s, %" PRIu64 " segments (mean %" PRIu64
	       ", median %u), %.0f virtual s, %" PRIu64 " connections (%" PRIu64
	       " in order, %" PRIu64 " ghosts), %" PRIu64 " violations\n",
		t->worlds, (double)t->worlds / seconds, segments, segments / t->worlds,
		t->segments[t->worlds / 2], (double)t->virtual_us / 1e6, t->conns, t->smooth,
		t->ghosts, t->violations);
}

/* The hash that a process of its own prints for this seed. */
static uint64_t hash_elsewhere(const char *self, uint64_t seed)
{
	char cmd[4200], line[128] = "";
	uint64_t s = 0, h = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "'%s' --hash-only --seed %" PRIu64, self, seed);
	f = popen(cmd, "r");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL ||
		sscanf(line, "%" SCNu64 " %" SCNx64, &s, &h) != 2)
		h = 0;
	if (f != NULL)
		pclose(f);
	return s == seed ? h : 0;
}

static int determinism(struct run *r)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int bad = 0;

	if (n < 0)
		return 1;
	self[n] = '\0';
	for (uint64_t seed = r->from; seed <= r->to; seed++) {
		uint64_t a = run_seed(r, seed), b, c = hash_elsewhere(self, seed);

		r->plain = true;
		b = run_seed(r, seed);
		r->plain = false;
		if (a != b || a != c) {
			printf("VIOLATION seed %" PRIu64 ": hashes %016" PRIx64
			       ", without short ways %016" PRIx64 " and elsewhere %016" PRIx64 "\n",
				seed, a, b, c);
			bad++;
		}
	}
	printf("%" PRIu64 " seeds, each three times: %d differ\n", r->to - r->from + 1, bad);
	return bad != 0 || r->t.violations != 0;
}

static int run_all(struct run *r)
{
	struct timespec start, end;
	unsigned missing = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t seed = r->from; seed <= r->to; seed++) {
		uint64_t hash = run_seed(r, seed);

		if (r->hash_only)
			printf("%" PRIu64 " %016" PRIx64 "\n", seed, hash);
		else if ((seed - r->from + 1) % PROGRESS == 0)
			printf("... %" PRIu64 " worlds, %" PRIu64 " violations\n",
				seed - r->from + 1, r->t.violations);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (r->save != NULL && !save(r))
		return 1;
	if (!r->hash_only) {
		if (r->from != r->to || r->table || r->require_all)
			missing = sometimes_report(&r->t.reached, r->table);
		summary(&r->t, (double)(end.tv_sec - start.tv_sec) +
				       (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	}
	return r->t.violations != 0 || (r->require_all && missing != 0);
}

static bool parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'r'},
		{"determinism", required_argument, NULL, 'd'},
		{"choices", required_argument, NULL, 'c'}, {"save", required_argument, NULL, 'w'},
		{"out", required_argument, NULL, 'o'}, {"break", required_argument, NULL, 'b'},
		{"tries", required_argument, NULL, 'n'}, {"shrink", no_argument, NULL, 'x'},
		{"require-all", no_argument, NULL, 'a'}, {"table", no_argument, NULL, 't'},
		{"hash-only", no_argument, NULL, 'h'}, {"plain", no_argument, NULL, 'p'},
		{"verbose", no_argument, NULL, 'v'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		r->verbose |= c == 'v';
		r->hash_only |= c == 'h';
		r->plain |= c == 'p';
		r->shrink |= c == 'x';
		r->require_all |= c == 'a';
		r->table |= c == 't';
		r->determinism |= c == 'd';
		if (c == 's' && sscanf(optarg, "%" SCNu64, &r->from) == 1)
			r->to = r->from, r->given = true;
		else if ((c == 'r' || c == 'd') &&
			 sscanf(optarg, "%" SCNu64 "..%" SCNu64, &r->from, &r->to) == 2)
			r->given = true;
		else if (c == 'n' && sscanf(optarg, "%u", &r->tries) == 1)
			continue;
		else if (c == 'c')
			r->choices = optarg, r->given = true;
		else if (c == 'w')
			r->save = optarg;
		else if (c == 'o')
			r->out = optarg;
		else if (c == 'b')
			r->broken = optarg;
		else if (strchr("vhxatp", c) == NULL)
			return false;
	}
	return r->given && r->to >= r->from && optind == argc;
}

int main(int argc, char **argv)
{
	static struct run r;
	int rc;

	r.out = DEFAULT_FILE;
	r.tries = DEFAULT_TRIES;
	if (!parse(&r, argc, argv) || (r.choices != NULL && !load(&r)))
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGABRT, on_abort);
	test_eal_start(MEMORY_MB);
	if (r.determinism) {
		rc = determinism(&r);
	} else if (r.shrink) {
		if (r.choices == NULL)
			choice_seed(&r.ch, r.from);
		rc = sim_shrink(r.from, &r.ch, r.broken, r.tries, r.out);
	} else {
		rc = run_all(&r);
	}
	sim_pools_fini();
	choice_fini(&r.ch);
	free(r.t.segments);
	return rc;
}
