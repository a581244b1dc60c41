/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ports and what passes between them. Stepped by one thread; the clock is an argument. */
#ifndef HRLINK_LINK_H
#define HRLINK_LINK_H

#include "options.h"

struct link;

/* Figures of one direction, all since the start. */
struct link_figures {
	uint64_t in_packets, in_bytes;   /* taken from the port where the direction begins */
	uint64_t out_packets, out_bytes; /* sent by the other */
	uint64_t lost;                   /* on purpose: loss, burst, drop rules */
	uint64_t duplicated, reordered, corrupted, marked;
	uint64_t queue_drops;                  /* the queue in front of the rate was full */
	uint64_t queue_bytes, queue_max_bytes; /* of that queue: now, and the most */
	uint64_t late, late_max_us;            /* left more than 100 us after their time */
	uint64_t missed;  /* not on purpose: the port's ring ran over before we came */
	uint64_t no_mbuf; /* not on purpose: all packets of the pool were held */
	uint64_t unsent;  /* not on purpose: the port did not take them */
};

/* Packets that the two directions can hold at a time, from what their lists say. */
uint64_t link_mbufs(const struct options *o);
/* Open and start both ports. EAL is up. Negative errno with a sentence. */
int link_open(struct link **link, const struct options *o, uint64_t (*clock)(void *arg),
	void *clock_arg, char *err, size_t errlen);
/* Take what has arrived, send what is due. Returns the packets that came in. */
unsigned link_turn(struct link *l);
/* When the next turn has something to do by itself, or HR_NEVER. */
uint64_t link_deadline(struct link *l);
void link_figures(const struct link *l, enum way way, struct link_figures *f);
void link_close(struct link *l);

#endif
