/* SPDX-License-Identifier: BSD-3-Clause */
/* What the user asked for: flags become one of these, every mistake a sentence. */
#ifndef HRLINK_OPTIONS_H
#define HRLINK_OPTIONS_H

#include <headrace.h>

#define OPTIONS_IMPAIR 512 /* letters of what is done to a direction */

/* The two directions: from a to b, and from b to a. */
enum way { AB, BA, WAYS };

struct options {
	const char *port[WAYS];            /* where a direction begins: port[AB] is a */
	char impair[WAYS][OPTIONS_IMPAIR]; /* arguments of impair(...), may be empty */
	bool seeded;                       /* the seed was given; otherwise it is drawn */
	uint64_t seed;                     /* of a to b; b to a has the next */
	uint64_t duration_us;              /* 0 = until a signal */
	uint64_t interval_us;              /* between live lines */
	uint64_t mbufs;                    /* 0 = computed */
	const char *json;                  /* file of the report, "-" = stdout, or NULL */
	bool poll, quiet, no_huge, help, version;
};

/* 0, or -EINVAL with a sentence. */
int options_parse(int argc, char **argv, struct options *o, char *err, size_t errlen);
void options_help(void);
/* "key=VALUE" of a comma-separated list: VALUE into buf, or NULL when it is not there. */
const char *options_value(const char *list, const char *key, char *buf, size_t len);

#endif
