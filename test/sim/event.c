/* SPDX-License-Identifier: BSD-3-Clause */
/* The heap of everything that is going to happen, in order of time and then of birth. */
#include <stdlib.h>

#include "sim.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

void sim_event_add(struct world *w, struct sim_event ev)
{
	uint32_t i = w->n_events++;

	if (w->n_events > w->cap_events) {
		w->cap_events = w->cap_events * 2 + 64;
		w->heap = realloc(w->heap, w->cap_events * sizeof(*w->heap));
		must(w->heap != NULL);
	}
	ev.serial = ++w->serial;
	for (; i > 0 && before(&ev, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = ev;
}

bool sim_event_pop(struct world *w, uint64_t now_us, struct sim_event *ev)
{
	struct sim_event last;
	uint32_t i = 0, kid;

	if (w->n_events == 0 || w->heap[0].at_us > now_us)
		return false;
	*ev = w->heap[0];
	last = w->heap[--w->n_events];
	while ((kid = 2 * i + 1) < w->n_events) {
		if (kid + 1 < w->n_events && before(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (!before(&w->heap[kid], &last))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = last;
	return true;
}
