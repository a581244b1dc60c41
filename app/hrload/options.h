/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table of options: flags, YAML keys, --help, the manual's list and the `config` object of the
 * report all come from it. A row that belongs to a side ("workers") is a flag for both sides and,
 * with client- or server- before it, for one; in YAML it stands at the top or inside `client:` and
 * `server:`. What both ends must agree on is one value that may stand in any of the three places.
 * TCP rows stand in a `tcp:` section in the same places.
 */
#ifndef HRLOAD_OPTIONS_H
#define HRLOAD_OPTIONS_H

#include "config.h"

enum option_scope { SCOPE_RUN, SCOPE_ENDS, SCOPE_CLIENT, SCOPE_SERVER, SCOPE_SIDE, SCOPE_TCP };

enum option_type {
	OPTION_BOOL,
	OPTION_INVERTED, /* a bool stored the other way round: nodelay is nagle */
	OPTION_COUNT,    /* 10k, 2M */
	OPTION_RATE,     /* a count per second: "/s" may follow */
	OPTION_BYTES,    /* 64K */
	OPTION_US,       /* a duration stored in microseconds */
	OPTION_MS,       /* a duration stored in milliseconds */
	OPTION_TEXT,
	OPTION_CHOICE,  /* one of `words`, stored as its index */
	OPTION_TARGET,  /* ADDRESS:PORT */
	OPTION_ADDRESS, /* a list of FIRST[-LAST]/PREFIX */
	OPTION_GATEWAY, /* a list of addresses */
	OPTION_DIGEST,  /* true, or 64 hexadecimal digits */
};

struct option_row {
	const char *name; /* flag without --; the YAML key has _ for - */
	uint8_t scope;    /* enum option_scope */
	uint8_t type;     /* enum option_type */
	uint16_t offset;  /* in struct config, or in struct side_config for SCOPE_SIDE and SCOPE_TCP
			   */
	uint16_t size;    /* bytes of the field */
	uint64_t min, max;
	const char *words; /* OPTION_CHOICE: "auto|poll|yield" */
	const char *arg;   /* in --help */
	const char *help;
};

extern const struct option_row option_rows[];
extern const unsigned option_count;

/* Where a row lives in cfg, for one side. */
void *option_field(const struct config *cfg, const struct option_row *row, enum side side);
/* Row by flag or YAML name ('-' and '_' are the same), or NULL. */
const struct option_row *option_find(const char *name);
/*
 * Set a row on the sides in the mask from text. `place` begins the sentence: "--rate" or
 * "a.yaml:12: rate". Lists append; option_list_reset() first when a new source begins. -EINVAL with
 * a sentence.
 */
int option_set(struct config *cfg, const struct option_row *row, unsigned sides, const char *text,
	const char *place, char *err, size_t errlen);
/* The value as text that option_set() takes; lists: the i-th member, false after the last. */
bool option_text(const struct config *cfg, const struct option_row *row, enum side side, unsigned i,
	char *buf, size_t len);
/* Forget the members of a list row. */
void option_list_reset(struct config *cfg, const struct option_row *row, unsigned sides);
/* Take flags of `argv` into cfg. -EINVAL with a sentence. */
int options_parse(struct config *cfg, int argc, char **argv, char *err, size_t errlen);
/* The list of options for --help. */
void options_help(void);
/* "; did you mean rate?" for a name that is no option, else "". Returns buf. */
const char *option_suggest(const char *name, char *buf, size_t len);
/* YAML spelling of a row. */
const char *option_key(const struct option_row *row, char *buf, size_t len);
/* "; did you mean WORD?" for the nearest of `n` names; returns buf. */
const char *suggest(const char *word, const char *const *names, unsigned n, char *buf, size_t len);
/* Write one sentence into err and return -EINVAL. */
__attribute__((format(printf, 3, 4))) int bad_input(char *err, size_t errlen, const char *fmt, ...);

/* values.c: text to a number of a type, with the unit rules of headrace.h. `reason` says what is
 * wrong and what to do. */
int value_parse(
	const struct option_row *row, const char *text, uint64_t *value, char *reason, size_t len);
int value_parse_range(const char *text, struct hr_addr_config *range, char *reason, size_t len);
int value_parse_target(
	const char *text, struct hr_ip *ip, uint16_t *port, char *reason, size_t len);
/* A number as text that value_parse() takes. */
void value_text(const struct option_row *row, uint64_t value, char *buf, size_t len);

#endif
