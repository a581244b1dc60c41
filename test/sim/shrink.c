/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shrinker: from a choice string that fails to a smaller one that fails in the same way. Each
 * try is a process of its own, because must() aborts and a loop may not end. "The same way" is the
 * text of what it said first, without its numbers.
 *
 *   cut the tail -> delete spans -> zero spans -> lower bytes, as long as something helps
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define SEED_BYTES (1u << 20) /* of an endless string: worlds use less */
#define TRY_S      20u        /* a try that takes longer is a hang, which is a failure, too */
#define SECONDS    300

struct shrink {
	uint64_t seed;
	const char *broken;
	char wanted[160];
	uint8_t *best;
	size_t len;
	size_t used; /* bytes that the last try drew; all of them when it did not get to the end */
	unsigned tries, max_tries;
	time_t until;
};

/* What a failing run said first, letters only; "" when it said nothing. */
static void signature(const char *text, char *out, size_t n)
{
	const char *at = strstr(text, "must("), *v = strstr(text, "VIOLATION");
	size_t k = 0;

	if (at == NULL || (v != NULL && v < at))
		at = v;
	for (; at != NULL && *at != '\0' && *at != '\n' && k + 1 < n; at++)
		if (isalpha((unsigned char)*at))
			out[k++] = *at;
	out[k] = '\0';
}

static void child(struct shrink *s, const uint8_t *bytes, size_t len, int fd)
{
	struct sim_totals *t = calloc(1, sizeof(*t));
	struct choice ch = {0};

	alarm(TRY_S);
	signal(SIGABRT, SIG_DFL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	choice_given(&ch, bytes, len);
	(void)sim_run(s->seed, &ch, false, s->broken, t);
	printf("USED %zu\n", ch.pos);
	fflush(stdout);
	_exit(t->violations != 0);
}

/* Run the world of these bytes; its signature. */
static void attempt(struct shrink *s, const uint8_t *bytes, size_t len, char *out, size_t n)
{
	char text[8192];
	size_t got = 0;
	ssize_t r;
	int fd[2], status = 0;
	pid_t pid;

	s->tries++;
	fflush(stdout);
	must(pipe(fd) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0)
		child(s, bytes, len, fd[1]);
	close(fd[1]);
	while (got + 1 < sizeof(text) && (r = read(fd[0], text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)r;
	close(fd[0]);
	text[got] = '\0';
	waitpid(pid, &status, 0);
	signature(text, out, n);
	s->used = len;
	if (strstr(text, "USED ") != NULL)
		s->used = strtoul(strstr(text, "USED ") + 5, NULL, 10);
	if (WIFSIGNALED(status) && out[0] == '\0')
		snprintf(out, n, "signal%c", 'A' + WTERMSIG(status));
}

static bool out_of_time(const struct shrink *s)
{
	return s->tries >= s->max_tries || time(NULL) >= s->until;
}

/* What was not drawn says nothing, and zeros at the end are what follows the end. */
static void keep(struct shrink *s, const uint8_t *bytes, size_t len)
{
	memmove(s->best, bytes, len);
	s->len = hr_min(len, s->used);
	while (s->len > 0 && s->best[s->len - 1] == 0)
		s->len--;
}

/* Keep the bytes when they fail in the same way. */
static bool better(struct shrink *s, const uint8_t *bytes, size_t len)
{
	char got[sizeof(s->wanted)];

	if (out_of_time(s))
		return false;
	attempt(s, bytes, len, got, sizeof(got));
	if (strcmp(got, s->wanted) != 0)
		return false;
	keep(s, bytes, len);
	return true;
}

static bool cut_tail(struct shrink *s)
{
	bool any = false;

	for (size_t cut = s->len / 2; cut > 0; cut = cut > s->len ? s->len / 2 : cut / 2)
		while (cut <= s->len && better(s, s->best, s->len - cut))
			any = true;
	return any;
}

static bool delete_spans(struct shrink *s)
{
	uint8_t *try = malloc(s->len + 1);
	bool any = false;

	must(try != NULL);
	for (size_t span = s->len / 2; span > 0; span /= 2)
		for (size_t at = 0; at + span <= s->len && !out_of_time(s);) {
			memcpy(try, s->best, at);
			memcpy(try + at, s->best + at + span, s->len - at - span);
			if (better(s, try, s->len - span))
				any = true;
			else
				at += span;
		}
	free(try);
	return any;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0)
		p++, n--;
	return n == 0;
}

static bool zero_spans(struct shrink *s)
{
	uint8_t *try = malloc(s->len + 1);
	bool any = false;

	must(try != NULL);
	for (size_t span = s->len / 2; span > 0; span /= 2)
		for (size_t at = 0; at + span <= s->len && !out_of_time(s); at += span) {
			if (all_zero(s->best + at, span))
				continue;
			memcpy(try, s->best, s->len);
			memset(try + at, 0, span);
			any |= better(s, try, s->len);
		}
	free(try);
	return any;
}

static bool lower_bytes(struct shrink *s)
{
	uint8_t *try = malloc(s->len + 1);
	bool any = false;

	must(try != NULL);
	for (size_t at = 0; at < s->len && !out_of_time(s); at++)
		for (unsigned by = s->best[at] / 2; by > 0; by /= 2) {
			memcpy(try, s->best, s->len);
			try[at] = (uint8_t)(try[at] - by);
			any |= better(s, try, s->len);
		}
	free(try);
	return any;
}

static int write_file(const struct shrink *s, const char *file)
{
	FILE *f = fopen(file, "wb");
	bool ok = f != NULL && fwrite(s->best, 1, s->len, f) == s->len;

	if (f != NULL)
		ok &= fclose(f) == 0;
	if (!ok)
		fprintf(stderr, "cannot write %s\n", file);
	return ok ? 0 : 1;
}

int sim_shrink(
	uint64_t seed, struct choice *ch, const char *broken, unsigned max_tries, const char *file)
{
	struct shrink s = {.seed = seed,
		.broken = broken,
		.max_tries = max_tries,
		.until = time(NULL) + SECONDS};
	int rc;

	/* Draw what the world of a seed may use: the rest is cut off again. */
	while (!ch->given && ch->len < SEED_BYTES) {
		ch->pos = ch->len;
		(void)choose(ch, 256);
	}
	s.len = ch->len;
	s.best = malloc(s.len + 1);
	must(s.best != NULL);
	memcpy(s.best, ch->bytes, s.len);
	attempt(&s, s.best, s.len, s.wanted, sizeof(s.wanted));
	if (s.wanted[0] == '\0') {
		printf("nothing fails: there is nothing to shrink\n");
		free(s.best);
		return 2;
	}
	printf("failure: %s\n", s.wanted);
	keep(&s, s.best, s.len);
	while (!out_of_time(&s)) {
		bool any = cut_tail(&s);

		any |= delete_spans(&s);
		any |= zero_spans(&s);
		any |= lower_bytes(&s);
		if (!any)
			break;
	}
	rc = write_file(&s, file);
	printf("%zu bytes of choices after %u tries, in %s; replay: sim --choices %s --seed "
	       "%lu%s%s\n",
		s.len, s.tries, file, file, (unsigned long)seed, broken != NULL ? " --break " : "",
		broken != NULL ? broken : "");
	free(s.best);
	return rc;
}
