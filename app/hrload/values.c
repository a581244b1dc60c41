/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text to values and back. Numbers and units are the library's business (hr_parse_*); here live the
 * forms that only hrload has: rates, address ranges, targets. A reason begins with the quoted text,
 * so that a place can stand before it.
 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Durations are microseconds everywhere but in the fields of headrace.h that end in _ms. */
#define US_PER_MS 1000u

int bad_input(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int parse_bool(const char *text, uint64_t *value, char *reason, size_t len)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*value = i & 1;
			return 0;
		}
	return bad_input(reason, len, "\"%.60s\" is neither true nor false; write yes or no", text);
}

static int parse_choice(
	const struct option_row *row, const char *text, uint64_t *value, char *reason, size_t len)
{
	const char *word = row->words;

	for (uint64_t i = 0;; i++) {
		size_t n = strcspn(word, "|");

		if (strlen(text) == n && strncmp(text, word, n) == 0) {
			*value = i;
			return 0;
		}
		if (word[n] == '\0')
			break;
		word += n + 1;
	}
	return bad_input(reason, len, "\"%.60s\" is unknown; use one of %s", text, row->words);
}

/* "10k" or "10k/s". The sentence shows the text as it was written. */
static int parse_rate(const char *text, uint64_t *value, char *reason, size_t len)
{
	char bare[64], inner[HR_ERRLEN];
	size_t n = strlen(text);

	if (n >= sizeof(bare))
		return bad_input(
			reason, len, "\"%.40s...\" is too long for a rate; write 10k/s", text);
	memcpy(bare, text, n + 1);
	if (n >= 2 && strcmp(text + n - 2, "/s") == 0)
		bare[n - 2] = '\0';
	if (hr_parse_count(bare, value, inner, sizeof(inner)) == 0)
		return 0;
	n = strlen(bare);
	if (inner[0] == '"' && strncmp(inner + 1, bare, n) == 0)
		return bad_input(reason, len, "\"%s%s", text, inner + 1 + n);
	return bad_input(reason, len, "%s", inner);
}

/* The limits in the option's own unit, so that the sentence can be followed. */
static int check_range(
	const struct option_row *row, const char *text, uint64_t value, char *reason, size_t len)
{
	char low[32], high[32];

	if (value >= row->min && value <= row->max)
		return 0;
	value_text(row, row->min, low, sizeof(low));
	value_text(row, row->max, high, sizeof(high));
	return bad_input(reason, len, "\"%.60s\" is out of range; give %s to %s", text, low, high);
}

int value_parse(
	const struct option_row *row, const char *text, uint64_t *value, char *reason, size_t len)
{
	int rc;

	switch (row->type) {
	case OPTION_BOOL:
	case OPTION_INVERTED:
		return parse_bool(text, value, reason, len);
	case OPTION_CHOICE:
		return parse_choice(row, text, value, reason, len);
	case OPTION_RATE:
		rc = parse_rate(text, value, reason, len);
		break;
	case OPTION_BYTES:
		rc = hr_parse_bytes(text, value, reason, len);
		break;
	case OPTION_US:
	case OPTION_MS:
		rc = hr_parse_duration_us(text, value, reason, len);
		if (rc == 0 && row->type == OPTION_MS) {
			if (*value % US_PER_MS != 0)
				return bad_input(reason, len,
					"\"%.60s\" is finer than this option; give whole "
					"milliseconds",
					text);
			*value /= US_PER_MS;
		}
		break;
	default:
		rc = hr_parse_count(text, value, reason, len);
		break;
	}
	return rc < 0 ? -EINVAL : check_range(row, text, *value, reason, len);
}

/* Position of an address as a number within its own /96 (IPv4: whole), for the distance between two
 * of them. */
static uint32_t low_word(const struct hr_ip *ip)
{
	uint32_t n;

	memcpy(&n, ip->b + (ip->family == 6 ? 12 : 0), sizeof(n));
	return ntohl(n);
}

/* FIRST[-LAST]/PREFIX */
int value_parse_range(const char *text, struct hr_addr_config *range, char *reason, size_t len)
{
	char copy[128], inner[HR_ERRLEN];
	char *slash, *dash, *end;
	struct hr_ip last, expect;
	unsigned long prefix;

	if (strlen(text) >= sizeof(copy))
		return bad_input(reason, len,
			"\"%.40s...\" is too long for an address; write 198.18.0.1/24", text);
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (slash == NULL)
		return bad_input(reason, len,
			"\"%s\" has no prefix length; write %s/24, for example", text, text);
	*slash++ = '\0';
	dash = strchr(copy, '-');
	if (dash != NULL)
		*dash++ = '\0';
	if (hr_ip_parse(copy, &range->first, inner, sizeof(inner)) < 0 ||
		hr_ip_parse(dash != NULL ? dash : copy, &last, inner, sizeof(inner)) < 0)
		return bad_input(reason, len, "%s", inner);
	prefix = strtoul(slash, &end, 10);
	if (*slash < '0' || *slash > '9' || *end != '\0' || prefix < 1 ||
		prefix > (range->first.family == 4 ? 32 : 128))
		return bad_input(reason, len,
			"\"%s\" has a bad prefix length; give 1 to %d after the slash", text,
			range->first.family == 4 ? 32 : 128);
	range->prefix_len = (uint8_t)prefix;
	range->port = 0;
	range->count = low_word(&last) - low_word(&range->first) + 1;
	expect = hr_ip_add(&range->first, range->count - 1);
	if (last.family != range->first.family || !hr_ip_equal(&expect, &last) ||
		range->count < 1 || range->count > 65536)
		return bad_input(reason, len,
			"\"%s\" is not a range; write FIRST-LAST/PREFIX of one family, upwards, "
			"65536 addresses at most",
			text);
	return 0;
}

/* 198.18.0.2:80 or [2001:db8::2]:80 */
int value_parse_target(const char *text, struct hr_ip *ip, uint16_t *port, char *reason, size_t len)
{
	char copy[128], inner[HR_ERRLEN];
	unsigned long n;
	char *colon, *end;

	if (strlen(text) >= sizeof(copy))
		return bad_input(reason, len,
			"\"%.40s...\" is too long for a target; write 198.18.0.2:80", text);
	memcpy(copy, text, strlen(text) + 1);
	colon = strrchr(copy, ':');
	if (colon == NULL || (strchr(copy, ':') != colon && colon > copy && colon[-1] != ']'))
		return bad_input(reason, len, "\"%s\" has no port; write %s, for example", text,
			colon == NULL ? "198.18.0.2:80" : "[2001:db8::2]:80");
	*colon++ = '\0';
	if (hr_ip_parse(copy, ip, inner, sizeof(inner)) < 0)
		return bad_input(reason, len, "%s", inner);
	n = strtoul(colon, &end, 10);
	if (*colon < '0' || *colon > '9' || *end != '\0' || n < 1 || n > UINT16_MAX)
		return bad_input(reason, len,
			"\"%s\" has a bad port number; give 1 to 65535 after the colon", text);
	*port = (uint16_t)n;
	return 0;
}

/* Duration in the largest unit that keeps it whole. */
static void duration_text(uint64_t us, char *buf, size_t len)
{
	if (us % 1000000 == 0)
		snprintf(buf, len, "%llus", (unsigned long long)(us / 1000000));
	else if (us % 1000 == 0)
		snprintf(buf, len, "%llums", (unsigned long long)(us / 1000));
	else
		snprintf(buf, len, "%lluus", (unsigned long long)us);
}

void value_text(const struct option_row *row, uint64_t value, char *buf, size_t len)
{
	const char *word = row->words;

	switch (row->type) {
	case OPTION_BOOL:
	case OPTION_INVERTED:
		snprintf(buf, len, "%s", value != 0 ? "true" : "false");
		break;
	case OPTION_CHOICE:
		while (value-- > 0 && strchr(word, '|') != NULL)
			word = strchr(word, '|') + 1;
		snprintf(buf, len, "%.*s", (int)strcspn(word, "|"), word);
		break;
	case OPTION_US:
		duration_text(value, buf, len);
		break;
	case OPTION_MS:
		duration_text(value * US_PER_MS, buf, len);
		break;
	default:
		snprintf(buf, len, "%llu", (unsigned long long)value);
		break;
	}
}
