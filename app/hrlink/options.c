/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flags. What stands in --ab, --ba and --both belongs to impair and is passed on; only what would
 * collide with what hrlink adds itself is refused here.
 */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum flag {
	FLAG_A,
	FLAG_B,
	FLAG_AB,
	FLAG_BA,
	FLAG_BOTH,
	FLAG_DURATION,
	FLAG_INTERVAL,
	FLAG_SEED,
	FLAG_MBUFS,
	FLAG_JSON,
	FLAG_IDLE,
	FLAG_QUIET,
	FLAG_NO_HUGE,
	FLAG_VERSION,
	FLAG_HELP,
	FLAGS
};

struct row {
	const char *name, *arg, *help;
};

static const struct row rows[FLAGS] = {
	[FLAG_A] = {"a", "PORT", "one end of the link, as in net_af_packet0,iface=eth1"},
	[FLAG_B] = {"b", "PORT", "the other end"},
	[FLAG_AB] = {"ab", "LIST", "what is done to frames from a to b, as in loss=1%,delay=10ms"},
	[FLAG_BA] = {"ba", "LIST", "what is done to frames from b to a"},
	[FLAG_BOTH] = {"both", "LIST", "what is done to frames of both directions"},
	[FLAG_DURATION] = {"duration", "TIME", "end by itself after so long [until Ctrl-C]"},
	[FLAG_INTERVAL] = {"interval", "TIME", "between live lines [1s]"},
	[FLAG_SEED] = {"seed", "N",
		"of all chance; the same seed, the same fate [drawn, and told]"},
	[FLAG_MBUFS] = {"mbufs", "N", "packets that can be held [from rate, delay and queue]"},
	[FLAG_JSON] = {"json", "FILE", "write the report as JSON, too; - is stdout"},
	[FLAG_IDLE] = {"idle", "WORD",
		"when nothing is due: sleep (50 us at most) or poll (a CPU of its own) [sleep]"},
	[FLAG_QUIET] = {"quiet", NULL, "no live lines"},
	[FLAG_NO_HUGE] = {"no-huge", NULL, "do not use hugepages"},
	[FLAG_VERSION] = {"version", NULL, "the version"},
	[FLAG_HELP] = {"help", NULL, "this text"},
};

__attribute__((format(printf, 3, 4))) static int bad(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *options_value(const char *list, const char *key, char *buf, size_t len)
{
	size_t key_len = strlen(key);

	while (list != NULL) {
		list += strspn(list, " ");
		if (strncmp(list, key, key_len) == 0 && list[key_len] == '=') {
			const char *value = list + key_len + 1;

			snprintf(buf, len, "%.*s", (int)strcspn(value, ", "), value);
			return buf;
		}
		list = strchr(list, ',');
		list = list != NULL ? list + 1 : NULL;
	}
	return NULL;
}

/* Add a list to what is done in a direction. */
static int add_list(struct options *o, enum way way, const char *flag, const char *list, char *err,
	size_t errlen)
{
	char *impair = o->impair[way], value[64];
	size_t used = strlen(impair);

	if (strchr(list, '(') != NULL || strchr(list, ')') != NULL)
		return bad(err, errlen,
			"--%s: \"%.60s\": write the list alone, as in loss=1%%,delay=10ms", flag,
			list);
	if (options_value(list, "dir", value, sizeof(value)) != NULL)
		return bad(err, errlen,
			"--%s: a direction has its own flag: use --ab or --ba instead of dir=",
			flag);
	if (options_value(list, "seed", value, sizeof(value)) != NULL)
		return bad(err, errlen,
			"--%s: one seed is for the whole link: use --seed %s instead of seed=",
			flag, value);
	if (list[0] == '\0')
		return bad(
			err, errlen, "--%s: the list is empty; write loss=1%%, for example", flag);
	if (used + strlen(list) + 2 > OPTIONS_IMPAIR)
		return bad(err, errlen, "--%s: \"%.40s...\" is too long", flag, list);
	snprintf(impair + used, OPTIONS_IMPAIR - used, "%s%s", used > 0 ? "," : "", list);
	return 0;
}

static int take_number(enum flag flag, const char *text,
	int (*parse)(const char *, uint64_t *, char *, size_t), uint64_t *out, uint64_t min,
	uint64_t max, char *err, size_t errlen)
{
	char why[HR_ERRLEN];

	if (parse(text, out, why, sizeof(why)) < 0)
		return bad(err, errlen, "--%s: %s", rows[flag].name, why);
	if (*out < min || *out > max)
		return bad(err, errlen, "--%s \"%.40s\" is out of range; see hrlink --help",
			rows[flag].name, text);
	return 0;
}

static int take(struct options *o, enum flag flag, const char *value, char *err, size_t errlen)
{
	const char *name = rows[flag].name;
	int rc = 0;

	switch (flag) {
	case FLAG_A:
	case FLAG_B:
		if (o->port[flag - FLAG_A] != NULL)
			return bad(err, errlen, "--%s is given twice; a link has two ends", name);
		o->port[flag - FLAG_A] = value;
		return 0;
	case FLAG_AB:
	case FLAG_BA:
		return add_list(o, flag == FLAG_AB ? AB : BA, name, value, err, errlen);
	case FLAG_BOTH:
		rc = add_list(o, AB, name, value, err, errlen);
		return rc < 0 ? rc : add_list(o, BA, name, value, err, errlen);
	case FLAG_DURATION:
		return take_number(flag, value, hr_parse_duration_us, &o->duration_us, 1000,
			UINT64_MAX / 2, err, errlen);
	case FLAG_INTERVAL:
		return take_number(flag, value, hr_parse_duration_us, &o->interval_us, 10000,
			3600000000, err, errlen);
	case FLAG_SEED:
		o->seeded = true;
		return take_number(
			flag, value, hr_parse_count, &o->seed, 0, UINT64_MAX - 1, err, errlen);
	case FLAG_MBUFS:
		return take_number(
			flag, value, hr_parse_count, &o->mbufs, 512, 1u << 24, err, errlen);
	case FLAG_JSON:
		o->json = value;
		return value[0] != '\0' ? 0 : bad(err, errlen, "--json \"\" names no file");
	case FLAG_IDLE:
		o->poll = strcmp(value, "poll") == 0;
		return o->poll || strcmp(value, "sleep") == 0
			       ? 0
			       : bad(err, errlen, "--idle \"%.40s\": use sleep or poll", value);
	case FLAG_QUIET:
		o->quiet = true;
		return 0;
	case FLAG_NO_HUGE:
		o->no_huge = true;
		return 0;
	case FLAG_VERSION:
		o->version = true;
		return 0;
	default:
		o->help = true;
		return 0;
	}
}

/* --name, --name=value or --name value. */
static int take_flag(struct options *o, int argc, char **argv, int *i, char *err, size_t errlen)
{
	const char *word = argv[*i], *eq, *value = NULL;
	size_t len;
	unsigned f = 0;

	if (strncmp(word, "--", 2) != 0)
		return bad(err, errlen, "\"%.60s\" is one word too many; see hrlink --help", word);
	word += 2;
	eq = strchr(word, '=');
	len = eq != NULL ? (size_t)(eq - word) : strlen(word);
	while (f < FLAGS && (strlen(rows[f].name) != len || strncmp(rows[f].name, word, len) != 0))
		f++;
	if (f == FLAGS)
		return bad(err, errlen, "--%.*s: there is no such flag; see hrlink --help",
			(int)(len > 40 ? 40 : len), word);
	if (rows[f].arg == NULL && eq != NULL)
		return bad(err, errlen, "--%s takes no value; remove \"=%.40s\"", rows[f].name,
			eq + 1);
	if (rows[f].arg != NULL) {
		if (eq == NULL && (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0))
			return bad(err, errlen, "--%s: the value is missing; write --%s %s",
				rows[f].name, rows[f].name, rows[f].arg);
		value = eq != NULL ? eq + 1 : argv[++*i];
	}
	return take(o, (enum flag)f, value, err, errlen);
}

int options_parse(int argc, char **argv, struct options *o, char *err, size_t errlen)
{
	memset(o, 0, sizeof(*o));
	o->interval_us = 1000000;
	for (int i = 1; i < argc; i++) {
		int rc = take_flag(o, argc, argv, &i, err, errlen);

		if (rc < 0)
			return rc;
	}
	if (o->help || o->version)
		return 0;
	for (enum way w = AB; w < WAYS; w++)
		if (o->port[w] == NULL)
			return bad(err, errlen,
				"--%c is missing: a link joins two ports, as in --a "
				"net_af_packet0,iface=eth1 --b net_af_packet1,iface=eth2",
				w == AB ? 'a' : 'b');
	return 0;
}

void options_help(void)
{
	printf("hrlink: joins two ports by a link as bad as you say.\n\n"
	       "  hrlink --a PORT --b PORT [FLAGS]\n\n");
	for (unsigned f = 0; f < FLAGS; f++) {
		char flag[32];

		snprintf(flag, sizeof(flag), "--%s%s%s", rows[f].name,
			rows[f].arg != NULL ? " " : "", rows[f].arg != NULL ? rows[f].arg : "");
		printf("  %-18s %s\n", flag, rows[f].help);
	}
	printf("\nLIST, in the order in which it happens to a frame:\n"
	       "  drop=KIND:N      the Nth segment of a kind: syn synack fin rst data ack; more by "
	       "+\n"
	       "  loss=SHARE       each frame by itself\n"
	       "  burst=SHARE:N    a share of frames lost in runs of N in the mean; SHARE:N:SHARE\n"
	       "  corrupt=SHARE    1 to 4 bits flipped behind the Ethernet header\n"
	       "  dup=SHARE        sent twice\n"
	       "  rate=BPS         200M, 1G: what leaves; frames without preamble, gap and CRC\n"
	       "  queue=SIZE       drop-tail in front of the rate: 256K bytes, 50ms, 100p [100ms]\n"
	       "  mark=SIZE        Congestion Experienced instead of growing, from so many on\n"
	       "  delay=TIME       behind the rate; jitter=TIME adds 0 to TIME, order kept\n"
	       "  jump=SHARE       reorder as netem: let past the delay\n"
	       "  reorder=SHARE    held back until 1 to 3 later frames have passed\n"
	       "  reorder_delay=TIME  or so long, when none come [1ms]\n"
	       "\nExit status: 0 after a run, 2 for wrong input or environment. Manual: "
	       "doc/hrlink.md\n");
}
