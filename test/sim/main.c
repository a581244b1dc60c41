/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim: replay one world (--seed N [-v]), run many (--seeds A..B), print trace hashes (--hash-only),
 * or prove that a seed is a world: --determinism A..B runs each twice here and once in a process of
 * its own.
 */
#include "sim.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/eal.h"

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
	fprintf(stderr,
		"usage: sim --seed N [-v] | --seeds A..B | --determinism A..B  [--hash-only]\n");
	return 2;
}

static uint64_t run_seed(uint64_t seed, bool verbose, struct sim_totals *t)
{
	current_seed = seed;
	return sim_run(seed, verbose, t);
}

static void summary(const struct sim_totals *t, double seconds)
{
	static const char *const names[] = {"retransmits", "rto_fired", "tlp_fired",
		"fast_recoveries", "sack_reneged", "zero_window_probes", "keepalive_probes",
		"challenge_acks", "syn_cookies_sent", "syn_cookies_ok", "ooo_in",
		"time_wait_entered", "rst_out", "rst_in", "conns_failed", "forwarded"};

	printf("%" PRIu64 " worlds, %" PRIu64 " segments, %.0f virtual s, %.1f worlds/s, %" PRIu64
	       " violations; %" PRIu64 " connections (%" PRIu64 " in order, %" PRIu64
	       " ghosts); link: %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64
	       " reordered, %" PRIu64 " corrupted, %" PRIu64 " overflowed;",
		t->worlds, t->frames, (double)t->virtual_us / 1e6, (double)t->worlds / seconds,
		t->violations, t->conns, t->smooth, t->ghosts, t->lost, t->dups, t->reordered,
		t->corrupted, t->overflowed);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int k = hr_counter_find(names[i]);

		if (k >= 0)
			printf(" %s %" PRIu64, names[i], t->counters[k]);
	}
	printf("\n");
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

static int determinism(uint64_t from, uint64_t to, struct sim_totals *t)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int bad = 0;

	if (n < 0)
		return 1;
	self[n] = '\0';
	for (uint64_t seed = from; seed <= to; seed++) {
		uint64_t a = run_seed(seed, false, t), b = run_seed(seed, false, t),
			 c = hash_elsewhere(self, seed);

		if (a != b || a != c) {
			printf("VIOLATION seed %" PRIu64 ": hashes %016" PRIx64 ", %016" PRIx64
			       " and elsewhere %016" PRIx64 "\n",
				seed, a, b, c);
			bad++;
		}
	}
	printf("%" PRIu64 " seeds, each three times: %d differ\n", to - from + 1, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'r'},
		{"determinism", required_argument, NULL, 'd'},
		{"hash-only", no_argument, NULL, 'h'}, {"verbose", no_argument, NULL, 'v'}, {0}};
	struct sim_totals t = {0};
	uint64_t from = 0, to = 0;
	bool verbose = false, hash_only = false, twice = false, given = false;
	struct timespec start, end;
	int c;

	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (c == 'v')
			verbose = true;
		else if (c == 'h')
			hash_only = true;
		else if (c == 's' && sscanf(optarg, "%" SCNu64, &from) == 1)
			to = from, given = true;
		else if ((c == 'r' || c == 'd') &&
			 sscanf(optarg, "%" SCNu64 "..%" SCNu64, &from, &to) == 2)
			twice = c == 'd', given = true;
		else
			return usage();
	}
	if (!given || to < from)
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGABRT, on_abort);
	test_eal_start(256);
	t.counters = calloc(hr_counter_count(), sizeof(*t.counters));
	if (t.counters == NULL)
		return 1;
	if (twice) {
		int bad = determinism(from, to, &t);

		free(t.counters);
		return bad;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t seed = from; seed <= to; seed++) {
		uint64_t hash = run_seed(seed, verbose, &t);

		if (hash_only)
			printf("%" PRIu64 " %016" PRIx64 "\n", seed, hash);
		else if ((seed - from + 1) % 500 == 0)
			printf("... %" PRIu64 " worlds, %" PRIu64 " violations\n", seed - from + 1,
				t.violations);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (!hash_only)
		summary(&t, (double)(end.tv_sec - start.tv_sec) +
				    (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	free(t.counters);
	return t.violations != 0;
}
