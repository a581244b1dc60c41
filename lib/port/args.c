/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The small language of port strings: key=value lists with nested parentheses, and the "did you
 * mean" of every sentence about a misspelt word. What keys mean is left to the drivers.
 */
#include "port/port.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define WORD_MAX 31

/* Optimal string alignment distance: an exchange of two neighbours ("wrie") counts as one mistake.
 */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	size_t la = strnlen(a, WORD_MAX), lb = strnlen(b, WORD_MAX);

	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = RTE_MIN(best, d[i - 1][j] + 1);
			best = RTE_MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = RTE_MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *hr_port_nearest(const char *word, const char *const *list)
{
	const char *nearest = NULL;
	unsigned best = UINT32_MAX;

	for (; *list != NULL; list++) {
		unsigned distance = edit_distance(word, *list);
		/* A guess must share more than half of its letters with the word. */
		unsigned limit = (unsigned)RTE_MIN(strlen(*list), strlen(word)) / 2;

		if (distance < best && distance <= RTE_MIN(limit, 3u)) {
			best = distance;
			nearest = *list;
		}
	}
	return nearest;
}

const char *hr_port_suggest(const char *word, const char *const *list, char *buf, size_t len)
{
	const char *nearest = hr_port_nearest(word, list);

	buf[0] = '\0';
	if (nearest != NULL)
		snprintf(buf, len, "; did you mean %s?", nearest);
	return buf;
}

/* One item without surrounding blanks, [p, end). */
static int parse_item(const char *p, const char *end, struct hr_port_args *args, const char *what,
	char *err, size_t errlen)
{
	const char *eq = memchr(p, '=', (size_t)(end - p));
	const char *key_end = eq != NULL ? eq : end, *value = eq != NULL ? eq + 1 : end;
	int shown = (int)RTE_MIN(end - p, 40);

	while (key_end > p && isspace((unsigned char)key_end[-1]))
		key_end--;
	while (value < end && isspace((unsigned char)*value))
		value++;
	size_t key_len = (size_t)(key_end - p), value_len = (size_t)(end - value);

	if (key_len == 0)
		return hr_error(err, errlen, -EINVAL, "%s: \"%.*s\" has no key: write key=value",
			what, shown, p);
	if (eq != NULL && value_len == 0)
		return hr_error(err, errlen, -EINVAL, "%s: \"%.*s\" has no value: write key=value",
			what, shown, p);
	if (args->n == RTE_DIM(args->key))
		return hr_error(err, errlen, -EINVAL,
			"%s: \"%.*s\" is one key too many: %zu are allowed", what, shown, p,
			RTE_DIM(args->key));
	if (key_len >= sizeof(args->key[0]))
		return hr_error(err, errlen, -EINVAL,
			"%s: key \"%.*s...\" is too long: %zu letters at most", what, shown, p,
			sizeof(args->key[0]) - 1);
	if (value_len >= sizeof(args->value[0]))
		return hr_error(err, errlen, -EINVAL,
			"%s: value of \"%.*s\" is too long: %zu letters at most", what,
			(int)key_len, p, sizeof(args->value[0]) - 1);

	memcpy(args->key[args->n], p, key_len);
	args->key[args->n][key_len] = '\0';
	memcpy(args->value[args->n], value, value_len);
	args->value[args->n][value_len] = '\0';
	if (hr_port_arg(args, args->key[args->n]) != NULL)
		return hr_error(err, errlen, -EINVAL, "%s: key \"%s\" is given twice", what,
			args->key[args->n]);
	args->n++;
	return 0;
}

/* The end of an item: the next comma outside parentheses, or the end of the text. NULL when they do
 * not pair. */
static const char *item_end(const char *p)
{
	int depth = 0;

	for (; *p != '\0' && (depth > 0 || *p != ','); p++) {
		depth += (*p == '(') - (*p == ')');
		if (depth < 0)
			return NULL;
	}
	return depth == 0 ? p : NULL;
}

int hr_port_args_parse(
	const char *text, struct hr_port_args *args, const char *what, char *err, size_t errlen)
{
	args->n = 0;
	while (isspace((unsigned char)*text))
		text++;
	if (*text == '\0')
		return 0;
	for (;;) {
		const char *end = item_end(text), *next = end, *p = text;

		if (end == NULL)
			return hr_error(err, errlen, -EINVAL,
				"%s: parentheses do not pair in \"%.60s\"", what, text);
		while (p < end && isspace((unsigned char)*p))
			p++;
		while (end > p && isspace((unsigned char)end[-1]))
			end--;
		if (p == end)
			return hr_error(err, errlen, -EINVAL,
				"%s: nothing between two commas, or a comma too many", what);
		int rc = parse_item(p, end, args, what, err, errlen);

		if (rc < 0)
			return rc;
		if (*next == '\0')
			return 0;
		text = next + 1;
	}
}

const char *hr_port_arg(const struct hr_port_args *args, const char *key)
{
	for (unsigned i = 0; i < args->n; i++)
		if (strcmp(args->key[i], key) == 0)
			return args->value[i];
	return NULL;
}

int hr_port_args_known(const struct hr_port_args *args, const char *const *known, const char *what,
	char *err, size_t errlen)
{
	char list[160] = "", suggestion[64];

	for (unsigned i = 0; i < args->n; i++) {
		const char *const *k = known;

		while (*k != NULL && strcmp(*k, args->key[i]) != 0)
			k++;
		if (*k != NULL)
			continue;
		for (k = known; *k != NULL; k++) {
			size_t used = strlen(list);

			snprintf(list + used, sizeof(list) - used, "%s%s", k == known ? "" : ", ",
				*k);
		}
		return hr_error(err, errlen, -EINVAL, "unknown key \"%s\" in %s%s (known: %s)",
			args->key[i], what,
			hr_port_suggest(args->key[i], known, suggestion, sizeof(suggestion)), list);
	}
	return 0;
}
