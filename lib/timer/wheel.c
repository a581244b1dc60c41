/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timing wheel: where a deadline is kept, how the wheel turns, what fires. It knows objects
 * only as slab indices with a node inside; what a deadline means is its owner's business.
 *
 * A node's level is that of the highest base-64 digit in which its tick differs from the wheel's,
 * so level 0 holds the rest of the current level-1 slot, level 1 the rest of the current level-2
 * slot, and so on:
 *
 *   level 2   . . . . # . . . . . # . .      everything in level n is earlier than everything in
 * level n + 1, hence level 1           ^ . . # . . . .        the earliest node is in the first
 * occupied slot of the lowest occupied level 0             ^ . # . # . .        level, and no clock
 * jump ever walks empty slots tick ---------------^
 *
 * The slot the wheel stands in is empty on every level above 0. Ticks beyond the top level's turn
 * (570 years) share its last slot and are looked at again when the wheel gets there.
 *
 * A list's ends point to the list itself, by its number, so that a node leaves it without a look at
 * where its deadline belongs. An empty list points to itself.
 */
#include "timer/wheel.h"

#include <rte_prefetch.h>

#define TICK_SHIFT 6 /* 64 us */
#define SLOT_BITS  6
#define TURN_BITS  (SLOT_BITS * HR_WHEEL_LEVELS)
#define TOP        (HR_WHEEL_LEVELS - 1)

_Static_assert(HR_WHEEL_SLOTS == 1 << SLOT_BITS, "a digit is a slot number");

/* A reference to a list, not to an object. */
#define LIST BIT(31)

/* One bit in occupied[]. */
static void mark_occupied(struct hr_wheel *w, uint32_t list)
{
	w->occupied[list / HR_WHEEL_SLOTS] |= 1ull << list % HR_WHEEL_SLOTS;
}

static void mark_empty(struct hr_wheel *w, uint32_t list)
{
	w->occupied[list / HR_WHEEL_SLOTS] &= ~(1ull << list % HR_WHEEL_SLOTS);
}

static bool is_empty(const struct hr_wheel *w, enum hr_wheel_list list)
{
	return w->list[list].head & LIST;
}

static struct hr_timer_node *node_at(const struct hr_wheel *w, uint32_t index)
{
	return RTE_PTR_ADD(hr_slab_at(w->slab, index), w->node_off);
}

static struct hr_timer_node *node_of(const struct hr_wheel *w, void *obj)
{
	return RTE_PTR_ADD(obj, w->node_off);
}

/* The list for a node with this deadline, now that the wheel stands at w->tick. */
static inline uint32_t home(const struct hr_wheel *w, uint64_t when_us)
{
	uint64_t tick = RTE_MAX(when_us >> TICK_SHIFT, w->tick);
	uint64_t diff = tick ^ w->tick;
	uint32_t level;

	if (unlikely(diff >> TURN_BITS != 0))
		return TOP * HR_WHEEL_SLOTS + HR_WHEEL_SLOTS - 1;
	level = (63 - (uint32_t)__builtin_clzll(diff | 1)) / SLOT_BITS;
	return level * HR_WHEEL_SLOTS + (tick >> level * SLOT_BITS & (HR_WHEEL_SLOTS - 1));
}

static inline void append(
	struct hr_wheel *w, uint32_t list, uint32_t index, struct hr_timer_node *n)
{
	uint32_t last = w->list[list].tail;

	n->next = list | LIST;
	n->prev = last;
	w->list[list].tail = index;
	if (likely(!(last & LIST))) {
		node_at(w, last)->next = index;
		return;
	}
	w->list[list].head = index;
	mark_occupied(w, list);
}

/* Out of whichever list it is in. */
static inline void leave_list(struct hr_wheel *w, const struct hr_timer_node *n)
{
	uint32_t next = n->next, prev = n->prev;

	if (prev & LIST)
		w->list[prev & ~LIST].head = next;
	else
		node_at(w, prev)->next = next;
	if (next & LIST)
		w->list[next & ~LIST].tail = prev;
	else
		node_at(w, next)->prev = prev;
	if (next & prev & LIST)
		mark_empty(w, next & ~LIST);
}

/* Put an unlinked node into the slot of its deadline. */
static void settle(struct hr_wheel *w, uint32_t index)
{
	struct hr_timer_node *n = node_at(w, index);

	append(w, home(w, n->when_us), index, n);
}

/* Take a whole list: the last node's next is still a reference to a list. */
static uint32_t take(struct hr_wheel *w, uint32_t list)
{
	uint32_t first = w->list[list].head;

	w->list[list].head = w->list[list].tail = list | LIST;
	mark_empty(w, list);
	return first;
}

/* All nodes of a list become those of another, which is empty. */
static void rename_list(struct hr_wheel *w, uint32_t list, uint32_t to)
{
	uint32_t last = w->list[list].tail, first = take(w, list);

	w->list[to].head = first;
	w->list[to].tail = last;
	node_at(w, first)->prev = to | LIST;
	node_at(w, last)->next = to | LIST;
	mark_occupied(w, to);
}

/* The first occupied slot, as the number of its list, and the tick it begins at. */
static bool earliest(const struct hr_wheel *w, uint32_t *list, uint64_t *start)
{
	uint32_t level, shift, current, slot;

	for (level = 0; level < HR_WHEEL_LEVELS; level++)
		if (w->occupied[level] != 0)
			break;
	if (level == HR_WHEEL_LEVELS)
		return false;
	shift = level * SLOT_BITS;
	current = w->tick >> shift & (HR_WHEEL_SLOTS - 1);
	slot = (uint32_t)__builtin_ctzll(w->occupied[level]);
	*list = level * HR_WHEEL_SLOTS + slot;
	*start = w->tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS) | (uint64_t)slot << shift;
	/* Only nodes of a later turn can share a slot with the wheel above level 0: see them when
	 * this turn ends. */
	if (level == TOP && slot == current)
		*start = ((w->tick >> TURN_BITS) + 1) << TURN_BITS;
	return true;
}

/* Level 0: the nodes that are due go to the due list, the others stay. */
static void split(struct hr_wheel *w, uint32_t list)
{
	uint32_t index, next;

	for (index = take(w, list); !(index & LIST); index = next) {
		struct hr_timer_node *n = node_at(w, index);

		next = n->next;
		append(w, n->when_us <= w->now_us ? HR_WHEEL_DUE : list, index, n);
	}
}

/*
 * Go to the next slot that begins by now_us and take its nodes out: to be fired from level 0, to be
 * moved from above. False when there is no such slot, or nothing in it is due: the wheel stands at
 * now_us.
 */
static bool turn(struct hr_wheel *w)
{
	uint64_t target = w->now_us >> TICK_SHIFT, start;
	uint32_t list;

	if (!earliest(w, &list, &start) || start > target) {
		w->tick = target;
		return false;
	}
	w->tick = RTE_MAX(w->tick, start);
	if (list < HR_WHEEL_SLOTS && start == target) {
		split(w, list);
		return !is_empty(w, HR_WHEEL_DUE);
	}
	rename_list(w, list, list < HR_WHEEL_SLOTS ? HR_WHEEL_DUE : HR_WHEEL_MOVING);
	return true;
}

/*
 * A slot of a high level can hold all connections there are (one keepalive time for everybody):
 * moving them at once would stall the worker for milliseconds, so this has its share of the budget
 * too.
 */
static void move_down(struct hr_wheel *w, uint32_t *moves)
{
	for (; !is_empty(w, HR_WHEEL_MOVING) && *moves > 0; --*moves) {
		uint32_t index = w->list[HR_WHEEL_MOVING].head;
		const struct hr_timer_node *n = node_at(w, index);

		if (!(n->next & LIST))
			rte_prefetch0(node_at(w, n->next));
		leave_list(w, n);
		settle(w, index);
	}
}

static void forget(struct hr_wheel *w, struct hr_timer_node *n)
{
	if (n->when_us == w->next_us)
		w->next_us = 0;
	n->when_us = HR_NEVER;
	if (--w->count == 0)
		w->next_us = HR_NEVER;
}

static uint32_t fire_due(
	struct hr_wheel *w, uint32_t budget, void (*fire)(void *arg, void *obj), void *arg)
{
	uint32_t fired = 0;

	while (!is_empty(w, HR_WHEEL_DUE) && fired < budget) {
		uint32_t index = w->list[HR_WHEEL_DUE].head;
		struct hr_timer_node *n = node_at(w, index);

		if (!(n->next & LIST))
			rte_prefetch0(node_at(w, n->next));
		leave_list(w, n);
		forget(w, n);
		fired++;
		fire(arg, hr_slab_at(w->slab, index));
	}
	return fired;
}

void hr_wheel_init(
	struct hr_wheel *w, const struct hr_slab *slab, uint32_t node_off, uint64_t now_us)
{
	memset(w, 0, sizeof(*w));
	w->slab = slab;
	w->node_off = node_off;
	w->now_us = now_us;
	w->tick = now_us >> TICK_SHIFT;
	w->next_us = HR_NEVER;
	for (uint32_t i = 0; i < HR_WHEEL_LISTS; i++)
		w->list[i].head = w->list[i].tail = i | LIST;
}

void hr_wheel_set(struct hr_wheel *w, void *obj, uint64_t when_us)
{
	struct hr_timer_node *n = node_of(w, obj);
	uint32_t index;

	if (n->when_us == when_us)
		return;
	if (hr_timer_queued(n))
		hr_wheel_remove(w, obj);
	if (when_us == HR_NEVER)
		return;
	index = hr_slab_index(w->slab, obj);
	must(index != 0);
	n->when_us = when_us;
	/* Not into the slot: what fire() sets for now must wait for the next advance, or a turn
	 * need not end. */
	append(w, when_us <= w->now_us ? HR_WHEEL_LATE : home(w, when_us), index, n);
	w->count++;
	if (when_us < w->next_us)
		w->next_us = when_us;
}

void hr_wheel_remove(struct hr_wheel *w, void *obj)
{
	struct hr_timer_node *n = node_of(w, obj);

	if (!hr_timer_queued(n))
		return;
	must(w->count > 0);
	leave_list(w, n);
	forget(w, n);
}

uint32_t hr_wheel_advance(struct hr_wheel *w, uint64_t now_us, uint32_t budget,
	void (*fire)(void *arg, void *obj), void *arg)
{
	uint32_t moves =
		budget > UINT32_MAX / HR_WHEEL_MOVES ? UINT32_MAX : budget * HR_WHEEL_MOVES;
	uint32_t fired = 0, index, next;

	/* The time handed in by an embedding program may step back; ours does not. */
	w->now_us = RTE_MAX(w->now_us, now_us);
	for (index = take(w, HR_WHEEL_LATE); !(index & LIST); index = next) {
		next = node_at(w, index)->next;
		settle(w, index);
	}
	do {
		move_down(w, &moves);
		fired += fire_due(w, budget - fired, fire, arg);
	} while (is_empty(w, HR_WHEEL_MOVING) && is_empty(w, HR_WHEEL_DUE) && turn(w));
	/* It was no node's time but the beginning of a slot: look again. */
	if (w->next_us <= w->now_us)
		w->next_us = 0;
	return fired;
}

/* The earliest of a list, no node of which is before `start`; that when the list is long. */
static uint64_t list_min(const struct hr_wheel *w, uint32_t list, uint64_t start)
{
	uint64_t least = HR_NEVER;
	uint32_t index = w->list[list].head;

	for (uint32_t n = 0; n < HR_WHEEL_LOOK; n++) {
		const struct hr_timer_node *node;

		if (index & LIST)
			return least;
		node = node_at(w, index);
		least = RTE_MIN(least, node->when_us);
		index = node->next;
	}
	return index & LIST ? least : start;
}

uint64_t hr_wheel_next(struct hr_wheel *w)
{
	uint64_t least = HR_NEVER, start;
	uint32_t list;

	if (w->count == 0)
		return HR_NEVER;
	if (hr_wheel_moving(w))
		return w->now_us;
	if (w->next_us != 0)
		return w->next_us;
	if (earliest(w, &list, &start))
		least = list_min(w, list, RTE_MAX(start << TICK_SHIFT, w->now_us));
	least = RTE_MIN(least, list_min(w, HR_WHEEL_DUE, w->now_us));
	least = RTE_MIN(least, list_min(w, HR_WHEEL_LATE, w->now_us));
	w->next_us = least;
	return least;
}
