/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures for people and for programs. */
#ifndef HRLINK_REPORT_H
#define HRLINK_REPORT_H

#include <stdio.h>

#include "link.h"

/* The live lines so far. */
struct live {
	uint64_t at_us;
	unsigned lines;
	struct link_figures last[WAYS];
};

/* One line of what passed since the one before; elapsed_us since the start. */
void report_live(FILE *out, struct live *live, const struct link *l, uint64_t elapsed_us);
/* The end of a run, in sentences. */
void report_text(FILE *out, const struct link *l, uint64_t elapsed_us);
/* The same as JSON. 0, or -1 with errno set. */
int report_json(const struct options *o, const struct link *l, uint64_t mbufs, uint64_t elapsed_us);

#endif
