/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hrlink: two ports joined by a bad link. This file has the start, the loop and the end; what is
 * done to a frame is impair's.
 */
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>

#define EXIT_BAD       2
#define SLEEP_MAX_US   50   /* what arrives meanwhile is so late at the most */
#define SLEEP_LEAST_US 4    /* a sleep takes longer than that, whatever it is asked for */
#define LOOK_US        1000 /* between looks at the signals and at the time for a line */
#define MBUF_MEMORY    4400 /* a page and a little, when there are no hugepages */

static uint64_t monotonic_us(void *arg)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int complain(const char *err)
{
	fprintf(stderr, "%s\n", err);
	return EXIT_BAD;
}

/* SIGINT and SIGTERM as a file to look at: no handler, so no variable that everybody can write. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool signalled(int fd)
{
	struct signalfd_siginfo info;

	return fd >= 0 && read(fd, &info, sizeof(info)) == sizeof(info);
}

/* Until the next packet is due, at most SLEEP_MAX_US; the longer nothing came, the longer. */
static void rest(struct link *l, unsigned idle_turns)
{
	uint64_t now = monotonic_us(NULL), due = link_deadline(l), wait_us = SLEEP_LEAST_US;
	struct timespec t = {0};

	wait_us <<= idle_turns < 4 ? idle_turns : 4;
	wait_us = wait_us < SLEEP_MAX_US ? wait_us : SLEEP_MAX_US;
	if (due <= now + SLEEP_LEAST_US) {
		rte_pause();
		return;
	}
	if (wait_us > due - now)
		wait_us = due - now;
	t.tv_nsec = (long)wait_us * 1000;
	(void)nanosleep(&t, NULL);
}

/* Until the time is over or somebody wants the end. Returns how long it ran. */
static uint64_t run(struct link *l, const struct options *o, FILE *out, int signals)
{
	uint64_t start = monotonic_us(NULL), now = start, look = start,
		 line = start + o->interval_us;
	struct live live = {0};
	unsigned idle_turns = 0;

	for (;;) {
		idle_turns = link_turn(l) > 0 ? 0 : idle_turns + 1;
		now = monotonic_us(NULL);
		if (now >= look) {
			look = now + LOOK_US;
			if (signalled(signals) ||
				(o->duration_us > 0 && now - start >= o->duration_us))
				return now - start;
			if (now >= line) {
				line += o->interval_us;
				if (!o->quiet)
					report_live(out, &live, l, now - start);
			}
		}
		if (o->poll)
			rte_pause();
		else if (idle_turns > 0)
			rest(l, idle_turns - 1);
	}
}

/* The PCI address that a port string ends in (with options behind it), or NULL. */
static const char *pci_address(const char *port, char *buf, size_t len)
{
	const char *word = port + strlen(port);
	unsigned domain, bus, device, function;

	while (word > port && !isspace((unsigned char)word[-1]) && word[-1] != ')')
		word--;
	if (sscanf(word, "%4x:%2x:%2x.%1u", &domain, &bus, &device, &function) != 4)
		return NULL;
	snprintf(buf, len, "%.*s", (int)strcspn(word, ","), word);
	return buf;
}

static int start_runtime(
	const struct options *o, char *note, size_t notelen, char *err, size_t errlen)
{
	struct hr_runtime_config cfg = {.program = "hrlink",
		.cores = 1,
		.memory_bytes = link_mbufs(o) * MBUF_MEMORY + (48u << 20),
		.no_huge = o->no_huge};
	char text[WAYS][64];
	const char *pci[WAYS + 1] = {NULL};
	unsigned n = 0;

	for (enum way w = AB; w < WAYS; w++)
		if (pci_address(o->port[w], text[w], sizeof(text[w])) != NULL)
			pci[n++] = text[w];
	if (n > 0)
		cfg.pci = pci;
	return hr_runtime_init(&cfg, note, notelen, err, errlen);
}

static void describe(FILE *out, const struct options *o, const char *note)
{
	fprintf(out, "a %s, b %s; %s\n", o->port[AB], o->port[BA], note);
	fprintf(out, "a to b: %s; b to a: %s\n",
		o->impair[AB][0] != '\0' ? o->impair[AB] : "as it is",
		o->impair[BA][0] != '\0' ? o->impair[BA] : "as it is");
	fprintf(out, "seed %" PRIu64 ", %" PRIu64 " packets can be held, idle %s\n", o->seed,
		link_mbufs(o), o->poll ? "poll" : "sleep");
	fflush(out);
}

static int run_link(struct options *o)
{
	bool apart = o->json != NULL && strcmp(o->json, "-") == 0;
	FILE *out = apart ? stderr : stdout; /* JSON on stdout is alone there */
	char err[HR_ERRLEN + 16] = "", note[HR_ERRLEN] = "";
	int signals = open_signals(), status = 0;
	struct link *l;
	uint64_t ran_us;

	if (!o->seeded && getrandom(&o->seed, sizeof(o->seed), 0) == sizeof(o->seed))
		o->seed &= 0xffffffff; /* short enough to be typed again */
	if (start_runtime(o, note, sizeof(note), err, sizeof(err)) < 0)
		return complain(err);
	if (link_open(&l, o, monotonic_us, NULL, err, sizeof(err)) < 0) {
		hr_runtime_fini();
		return complain(err);
	}
	/* A sleep of 50 us must not become 100: the kernel's usual slack is as long as the sleep.
	 */
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	describe(out, o, note);
	ran_us = run(l, o, out, signals);
	report_text(out, l, ran_us);
	if (o->json != NULL && report_json(o, l, link_mbufs(o), ran_us) < 0) {
		fprintf(stderr, "--json %s cannot be written: %s\n", o->json, strerror(errno));
		status = EXIT_BAD;
	}
	link_close(l);
	hr_runtime_fini();
	return status;
}

int main(int argc, char **argv)
{
	char err[HR_ERRLEN + 64];
	struct options o;

	if (options_parse(argc, argv, &o, err, sizeof(err)) < 0)
		return complain(err);
	if (o.version) {
		printf("hrlink %s\n", hr_version());
		return 0;
	}
	if (o.help) {
		options_help();
		return 0;
	}
	return run_link(&o);
}
