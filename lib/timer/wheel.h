/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hierarchical timing wheel of nodes that live in a slab (links are 32-bit slab indices).
 * Insertion, removal and finding the next deadline are O(1); 64-slot levels with occupancy bitmaps;
 * level 0 has slots of 64 us, so levels reach past 100 days (later times wait in the last slot and
 * cascade again). A node never fires before its time and, when hr_wheel_advance() is called at its
 * time, not after it: exact to the microsecond, because virtual-time tests are. Equal inputs give
 * equal firing order: slot after slot, and within 64 us in the order of queueing. One owner thread.
 */
#ifndef HR_TIMER_WHEEL_H
#define HR_TIMER_WHEEL_H

#include "base/slab.h"

struct hr_timer_node {
	uint32_t next, prev; /* references: slab indices, or the list; private to the wheel */
	uint64_t when_us;    /* HR_NEVER = not queued; read-only outside */
};

#define HR_WHEEL_LEVELS 8
#define HR_WHEEL_SLOTS  64
#define HR_WHEEL_MOVES  4   /* nodes moved between levels that cost as much as firing one */
#define HR_WHEEL_LOOK   512 /* nodes looked at for the next deadline */

/* The lists beside those of the slots. */
enum hr_wheel_list {
	HR_WHEEL_DUE = HR_WHEEL_LEVELS * HR_WHEEL_SLOTS, /* taken from their slot, about to fire */
	HR_WHEEL_MOVING, /* taken from a slot above level 0, on their way to lower levels */
	HR_WHEEL_LATE,   /* set for now or the past, queued by the next advance */
	HR_WHEEL_LISTS
};

struct hr_wheel {
	const struct hr_slab *slab;
	uint32_t node_off; /* of struct hr_timer_node within the object */
	uint32_t count;
	uint64_t now_us;  /* of the last advance; unless its budget ran out, all nodes due then have
			     fired */
	uint64_t tick;    /* where the wheel stands, in 64 us; behind now_us after a spent budget */
	uint64_t next_us; /* cached next deadline, 0 = unknown, HR_NEVER = no node */
	/* One bit for each list with a node: levels, and those beside them. */
	uint64_t occupied[HR_WHEEL_LEVELS + 1];
	struct {
		uint32_t head, tail; /* as in a node */
	} list[HR_WHEEL_LISTS];
};

void hr_wheel_init(
	struct hr_wheel *w, const struct hr_slab *slab, uint32_t node_off, uint64_t now_us);
/* A node must be initialised once before its first use. */
static inline void hr_timer_init(struct hr_timer_node *n)
{
	n->when_us = HR_NEVER;
}

static inline bool hr_timer_queued(const struct hr_timer_node *n)
{
	return n->when_us != HR_NEVER;
}

/* Nodes are on their way to lower levels. */
static inline bool hr_wheel_moving(const struct hr_wheel *w)
{
	return (w->occupied[HR_WHEEL_MOVING / HR_WHEEL_SLOTS] >> HR_WHEEL_MOVING % HR_WHEEL_SLOTS &
		       1) != 0;
}

/* Queue the object, or move it. A time in the past fires at the next advance. when_us == HR_NEVER
 * removes it. */
void hr_wheel_set(struct hr_wheel *w, void *obj, uint64_t when_us);
void hr_wheel_remove(struct hr_wheel *w, void *obj);
/*
 * Fire (unqueue, then call) nodes that are due at now_us, at most `budget`; fire() may set, remove
 * and free any node. Returns the number fired; when it equals budget more may be due: call again
 * next turn. So may be after many nodes had to move to lower levels at once: at most HR_WHEEL_MOVES
 * * budget do in one call, and hr_wheel_next() is now_us until all have.
 */
uint32_t hr_wheel_advance(struct hr_wheel *w, uint64_t now_us, uint32_t budget,
	void (*fire)(void *arg, void *obj), void *arg);
/*
 * The exact earliest when_us, or HR_NEVER; now_us when the last advance could not look at all that
 * may be due. When more than HR_WHEEL_LOOK nodes share the earliest slot, as 10^7 connections with
 * one keep-alive time do, it is the beginning of that slot: never late, and after the next advance
 * it is looked for again among fewer.
 */
uint64_t hr_wheel_next(struct hr_wheel *w);

#endif
