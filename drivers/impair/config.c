/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of impair(...): from text to struct impair_config, every mistake with a sentence.
 */
#include "impair/impair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REORDER_DELAY_US 1000
#define QUEUE_US         100000 /* unless said: what the rate sends in so long */
#define FRAME_BYTES      1514   /* a full frame: no queue is shorter */
#define QUEUE_LEAST      (10 * FRAME_BYTES)

/* In the order of enum rule_kind. */
static const char *const kinds[] = {"syn", "synack", "fin", "rst", "data", "ack", NULL};

static const char *const known[] = {"loss", "burst", "dup", "reorder", "reorder_delay", "jump",
	"corrupt", "delay", "jitter", "rate", "queue", "mark", "seed", "dir", "drop", NULL};

static int bad_value(
	const char *key, const char *value, int rc, const char *why, char *err, size_t errlen)
{
	return hr_error(err, errlen, rc, "impair(%s=%.40s): %s", key, value, why);
}

static int parse_share(
	const struct hr_port_args *args, const char *key, double *out, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char why[HR_ERRLEN];
	int rc = 0;

	if (text == NULL)
		return 0;
	rc = hr_parse_share(text, out, why, sizeof(why));
	if (rc < 0)
		return bad_value(key, text, rc, why, err, errlen);
	if (!(*out >= 0 && *out <= 1))
		return bad_value(
			key, text, -EINVAL, "a share is from 0 to 1, or 0% to 100%", err, errlen);
	return 0;
}

/* parse: one of hr_parse_*(). */
static int parse_number(const struct hr_port_args *args, const char *key,
	int (*parse)(const char *, uint64_t *, char *, size_t), uint64_t *out, char *err,
	size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char why[HR_ERRLEN];
	int rc = 0;

	if (text == NULL)
		return 0;
	rc = parse(text, out, why, sizeof(why));
	return rc < 0 ? bad_value(key, text, rc, why, err, errlen) : 0;
}

static int need_rate(const struct hr_port_args *args, const struct impair_config *cfg,
	const char *key, char *err, size_t errlen)
{
	if (cfg->rate_bps != 0 || hr_port_arg(args, key) == NULL)
		return 0;
	return bad_value(key, hr_port_arg(args, key), -EINVAL,
		"nothing waits where there is no rate: add rate=", err, errlen);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len > n && strcmp(text + len - n, end) == 0;
}

/* Bytes as they are, or as a time at the rate. */
static int parse_waiting(const char *key, const char *text, const struct impair_config *cfg,
	uint64_t *bytes, char *err, size_t errlen)
{
	char why[HR_ERRLEN];
	uint64_t us;
	int rc;

	if (!ends_with(text, "s")) {
		rc = hr_parse_bytes(text, bytes, why, sizeof(why));
		if (rc < 0)
			return bad_value(key, text, rc, why, err, errlen);
	} else {
		rc = hr_parse_duration_us(text, &us, why, sizeof(why));
		if (rc < 0)
			return bad_value(key, text, rc, why, err, errlen);
		if (us > 60000000)
			return bad_value(
				key, text, -EINVAL, "nothing waits for more than 1m", err, errlen);
		*bytes = (uint64_t)((unsigned __int128)us * cfg->rate_bps / 8000000);
		*bytes = RTE_MAX(*bytes, (uint64_t)FRAME_BYTES);
	}
	if (*bytes > 1ull << 32)
		return bad_value(key, text, -EINVAL, "4G is the most", err, errlen);
	return 0;
}

/* queue=1000p packets, queue=256K bytes, queue=50ms at the rate; mark= likewise without packets. */
static int parse_queue(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, "queue"), *mark = hr_port_arg(args, "mark");
	int rc = need_rate(args, cfg, "queue", err, errlen);

	if (rc == 0)
		rc = need_rate(args, cfg, "mark", err, errlen);
	if (rc < 0 || cfg->rate_bps == 0)
		return rc;
	if (text == NULL) {
		uint64_t usual = (uint64_t)((unsigned __int128)QUEUE_US * cfg->rate_bps / 8000000);

		cfg->queue_bytes = RTE_MAX(usual, (uint64_t)QUEUE_LEAST);
	} else if (ends_with(text, "p")) {
		char *end;

		cfg->queue_packets = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
		if (cfg->queue_packets < 1 || cfg->queue_packets > IMPAIR_LINE_MAX / 2 ||
			strcmp(end, "p") != 0)
			return bad_value("queue", text, -EINVAL, "1p to 524288p packets can wait",
				err, errlen);
	} else {
		rc = parse_waiting("queue", text, cfg, &cfg->queue_bytes, err, errlen);
		if (rc == 0 && cfg->queue_bytes < FRAME_BYTES)
			rc = bad_value("queue", text, -EINVAL,
				"a queue holds 1514 bytes at least; for packets write 10p, for a "
				"time 50ms",
				err, errlen);
	}
	if (rc == 0 && mark != NULL)
		rc = parse_waiting("mark", mark, cfg, &cfg->mark_bytes, err, errlen);
	if (rc == 0 && mark != NULL && cfg->mark_bytes == 0)
		rc = bad_value("mark", mark, -EINVAL, "write how much may wait unmarked, as in 64K",
			err, errlen);
	return rc;
}

/*
 * burst=SHARE:LENGTH[:LOSS]: the share of packets that meet the bad state, how many in a row in the
 * mean, and the share of those that is lost. The chances of the two-state model follow from that.
 */
static int parse_burst(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, "burst");
	char part[3][32] = {"", "", "100%"}, why[HR_ERRLEN];
	uint64_t packets = 0;
	unsigned n = 0;
	int rc = 0;

	if (text == NULL)
		return 0;
	for (const char *p = text; p != NULL && n < 3; n++) {
		size_t len = strcspn(p, ":");

		snprintf(part[n], sizeof(part[n]), "%.*s", (int)RTE_MIN(len, (size_t)31), p);
		p = p[len] == ':' ? p + len + 1 : NULL;
		if (n == 2 && p != NULL)
			n = 3;
	}
	if (n < 2 || n > 3)
		return bad_value("burst", text, -EINVAL,
			"write SHARE:LENGTH or SHARE:LENGTH:LOSS, as in 1%:8 for bursts of 8 "
			"packets",
			err, errlen);
	rc = hr_parse_share(part[0], &cfg->burst_share, why, sizeof(why));
	if (rc == 0)
		rc = hr_parse_count(part[1], &packets, why, sizeof(why));
	if (rc == 0)
		rc = hr_parse_share(part[2], &cfg->burst_loss, why, sizeof(why));
	if (rc < 0)
		return bad_value("burst", text, rc, why, err, errlen);
	if (packets < 1 || packets > 1000000 || cfg->burst_share > 0.9)
		return bad_value("burst", text, -EINVAL,
			"the share goes up to 90%, the length from 1 to 1M packets", err, errlen);
	cfg->burst_end = 1 / (double)packets;
	cfg->burst_enter = cfg->burst_share / (1 - cfg->burst_share) * cfg->burst_end;
	if (cfg->burst_enter > 1)
		return bad_value("burst", text, -EINVAL,
			"bursts so short cannot meet so many packets: make them longer", err,
			errlen);
	return 0;
}

/* "syn:2+data:5" */
static int parse_rules(const char *text, struct impair_config *cfg, char *err, size_t errlen)
{
	const char *p = text;

	while (p != NULL) {
		size_t word_len = strcspn(p, ":+");
		char word[16], suggestion[64], *end;
		unsigned kind = 0;

		snprintf(word, sizeof(word), "%.*s", (int)RTE_MIN(word_len, sizeof(word) - 1), p);
		while (kinds[kind] != NULL && strcmp(kinds[kind], word) != 0)
			kind++;
		if (kinds[kind] == NULL)
			return hr_error(err, errlen, -EINVAL,
				"impair(drop=%.40s): no kind of segment is called \"%s\"%s (known: "
				"syn, synack, fin, rst, "
				"data, ack)",
				text, word,
				hr_port_suggest(word, kinds, suggestion, sizeof(suggestion)));
		p += word_len;
		unsigned long nth =
			*p == ':' && p[1] >= '0' && p[1] <= '9' ? strtoul(p + 1, &end, 10) : 0;

		if (nth == 0 || (*end != '\0' && *end != '+'))
			return bad_value("drop", text, -EINVAL,
				"write KIND:N, as in syn:2 for the second SYN", err, errlen);
		if (cfg->n_rules == IMPAIR_RULES_MAX)
			return bad_value("drop", text, -EINVAL, "more than 8 rules", err, errlen);
		cfg->rule[cfg->n_rules++] = (struct impair_rule){.kind = (uint8_t)kind, .nth = nth};
		p = *end == '+' ? end + 1 : NULL;
	}
	return 0;
}

static int parse_dir(const char *dir, struct impair_config *cfg, char *err, size_t errlen)
{
	bool both = dir == NULL || strcmp(dir, "both") == 0;
	bool something = cfg->loss > 0 || cfg->burst_share > 0 || cfg->dup > 0 ||
			 cfg->reorder > 0 || cfg->corrupt > 0 || cfg->delay_us > 0 ||
			 cfg->jitter_us > 0 || cfg->rate_bps > 0;

	if (!both && strcmp(dir, "tx") != 0 && strcmp(dir, "rx") != 0)
		return bad_value(
			"dir", dir, -EINVAL, "the directions are both, tx and rx", err, errlen);
	cfg->shaped[IMPAIR_TX] = cfg->on[IMPAIR_TX] = something && (both || dir[0] == 't');
	cfg->shaped[IMPAIR_RX] = cfg->on[IMPAIR_RX] = something && (both || dir[0] == 'r');
	return 0;
}

int hr_impair_parse(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen)
{
	int rc;

	memset(cfg, 0, sizeof(*cfg));
	cfg->reorder_delay_us = REORDER_DELAY_US;
	rc = hr_port_args_known(args, known, "impair(...)", err, errlen);
	if (rc == 0)
		rc = parse_share(args, "loss", &cfg->loss, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "dup", &cfg->dup, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "reorder", &cfg->reorder, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "corrupt", &cfg->corrupt, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "jump", &cfg->jump, err, errlen);
	if (rc == 0)
		rc = parse_burst(args, cfg, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "delay", hr_parse_duration_us, &cfg->delay_us, err, errlen);
	if (rc == 0)
		rc = parse_number(
			args, "jitter", hr_parse_duration_us, &cfg->jitter_us, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "reorder_delay", hr_parse_duration_us,
			&cfg->reorder_delay_us, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "rate", hr_parse_bps, &cfg->rate_bps, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "seed", hr_parse_count, &cfg->seed, err, errlen);
	if (rc < 0)
		return rc;
	if (cfg->jump > 0 && cfg->delay_us == 0)
		return bad_value("jump", hr_port_arg(args, "jump"), -EINVAL,
			"there is no delay to be let past: add delay=", err, errlen);
	/* A random jitter draws 32 bits, and nobody waits an hour for a packet. */
	if (cfg->delay_us > 3600000000 || cfg->jitter_us > 3600000000 ||
		cfg->reorder_delay_us > 3600000000)
		return hr_error(err, errlen, -EINVAL,
			"impair(...): delay, jitter and reorder_delay go up to 1h each");
	if (hr_port_arg(args, "rate") != NULL &&
		(cfg->rate_bps < 1000 || cfg->rate_bps > 1000000000000))
		return bad_value("rate", hr_port_arg(args, "rate"), -EINVAL,
			"a rate is from 1k to 1000G", err, errlen);
	cfg->seeded = hr_port_arg(args, "seed") != NULL;
	rc = parse_queue(args, cfg, err, errlen);
	if (rc == 0)
		rc = parse_dir(hr_port_arg(args, "dir"), cfg, err, errlen);
	if (rc == 0)
		rc = parse_rules(hr_port_arg(args, "drop"), cfg, err, errlen);
	/* Rules are about what we send, whatever dir says of the rest. */
	if (cfg->n_rules > 0)
		cfg->on[IMPAIR_TX] = true;
	return rc;
}
