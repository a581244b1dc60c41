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
 */
#include "timer/wheel.h"

#include <rte_prefetch.h>

#define TICK_SHIFT 6 /* 64 us */
#define SLOT_BITS  6
#define TURN_BITS  (SLOT_BITS * HR_WHEEL_LEVELS)
#define TOP        (HR_WHEEL_LEVELS - 1)

_Static_assert(HR_WHEEL_SLOTS == 1 << SLOT_BITS, "a digit is a slot number");

struct place {
	uint32_t level, slot;
};

static struct hr_timer_node *node_at(const struct hr_wheel *w, uint32_t index)
{
	return RTE_PTR_ADD(hr_slab_at(w->slab, index), w->node_off);
}

static struct hr_timer_node *node_of(const struct hr_wheel *w, void *obj)
{
	return RTE_PTR_ADD(obj, w->node_off);
}

/* Where a node with this deadline is kept, now that the wheel stands at w->tick. */
static struct place home(const struct hr_wheel *w, uint64_t when_us)
{
	uint64_t tick = RTE_MAX(when_us >> TICK_SHIFT, w->tick);
	uint64_t diff = tick ^ w->tick;
	uint32_t level;

	if (diff >> TURN_BITS != 0)
		return (struct place){TOP, HR_WHEEL_SLOTS - 1};
	level = diff == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(diff)) / SLOT_BITS;
	return (struct place){level, tick >> (level * SLOT_BITS) & (HR_WHEEL_SLOTS - 1)};
}

/* Lists are circular, so that a head is enough to append. */
static void append(const struct hr_wheel *w, uint32_t *head, uint32_t index)
{
	struct hr_timer_node *n = node_at(w, index), *first, *last;

	if (*head == 0) {
		*head = n->next = n->prev = index;
		return;
	}
	first = node_at(w, *head);
	n->next = *head;
	n->prev = first->prev;
	last = node_at(w, first->prev);
	last->next = index;
	first->prev = index;
}

static void unlink_from(const struct hr_wheel *w, uint32_t *head, uint32_t index)
{
	struct hr_timer_node *n = node_at(w, index);

	if (n->next == index) {
		must(*head == index);
		*head = 0;
		return;
	}
	node_at(w, n->next)->prev = n->prev;
	node_at(w, n->prev)->next = n->next;
	if (*head == index)
		*head = n->next;
}

/* Put an unlinked node into the slot of its deadline. */
static void settle(struct hr_wheel *w, uint32_t index)
{
	struct place p = home(w, node_at(w, index)->when_us);

	append(w, &w->slot[p.level][p.slot], index);
	w->occupied[p.level] |= 1ull << p.slot;
}

/* Unlink from whichever list the node is in: only the list it heads must be known. */
static void detach(struct hr_wheel *w, uint32_t index, struct hr_timer_node *n)
{
	struct place p;

	if (w->due == index) {
		unlink_from(w, &w->due, index);
	} else if (w->late == index) {
		unlink_from(w, &w->late, index);
	} else if (w->moving == index) {
		unlink_from(w, &w->moving, index);
	} else {
		p = home(w, n->when_us);
		unlink_from(w, &w->slot[p.level][p.slot], index);
		if (w->slot[p.level][p.slot] == 0)
			w->occupied[p.level] &= ~(1ull << p.slot);
	}
}

/* Take a whole list, opened at its end: the last node's next is 0. */
static uint32_t take(const struct hr_wheel *w, uint32_t *head)
{
	uint32_t first = *head;

	if (first != 0)
		node_at(w, node_at(w, first)->prev)->next = 0;
	*head = 0;
	return first;
}

/* The first occupied slot and the tick it begins at. */
static bool earliest(const struct hr_wheel *w, struct place *p, uint64_t *start)
{
	uint32_t level, shift, current;

	for (level = 0; level < HR_WHEEL_LEVELS; level++)
		if (w->occupied[level] != 0)
			break;
	if (level == HR_WHEEL_LEVELS)
		return false;
	shift = level * SLOT_BITS;
	current = w->tick >> shift & (HR_WHEEL_SLOTS - 1);
	p->level = level;
	p->slot = (uint32_t)__builtin_ctzll(w->occupied[level]);
	*start = w->tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS) | (uint64_t)p->slot << shift;
	/* Only nodes of a later turn can share a slot with the wheel above level 0: see them when
	 * this turn ends. */
	if (level == TOP && p->slot == current)
		*start = ((w->tick >> TURN_BITS) + 1) << TURN_BITS;
	return true;
}

/* Level 0: the nodes that are due go to the due list, the others stay. */
static void split(struct hr_wheel *w, uint32_t *slot)
{
	uint32_t index, next;

	for (index = take(w, slot); index != 0; index = next) {
		struct hr_timer_node *n = node_at(w, index);

		next = n->next;
		if (n->when_us <= w->now_us)
			append(w, &w->due, index);
		else
			settle(w, index);
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
	struct place p;
	uint32_t *slot;

	if (!earliest(w, &p, &start) || start > target) {
		w->tick = target;
		return false;
	}
	w->tick = RTE_MAX(w->tick, start);
	w->occupied[p.level] &= ~(1ull << p.slot);
	slot = &w->slot[p.level][p.slot];
	if (p.level == 0 && start == target) {
		split(w, slot);
		return w->due != 0;
	}
	*(p.level == 0 ? &w->due : &w->moving) = *slot;
	*slot = 0;
	return true;
}

/*
 * A slot of a high level can hold all connections there are (one keepalive time for everybody):
 * moving them at once would stall the worker for milliseconds, so this has its share of the budget
 * too.
 */
static void move_down(struct hr_wheel *w, uint32_t *moves)
{
	for (; w->moving != 0 && *moves > 0; --*moves) {
		uint32_t index = w->moving;

		unlink_from(w, &w->moving, index);
		if (w->moving != 0)
			rte_prefetch0(node_at(w, node_at(w, w->moving)->next));
		settle(w, index);
	}
}

static void forget(struct hr_wheel *w, struct hr_timer_node *n)
{
	if (n->when_us == w->next_us)
		w->next_us = 0;
	n->when_us = HR_NEVER;
	w->count--;
}

static uint32_t fire_due(
	struct hr_wheel *w, uint32_t budget, void (*fire)(void *arg, void *obj), void *arg)
{
	uint32_t fired = 0;

	while (w->due != 0 && fired < budget) {
		uint32_t index = w->due;
		struct hr_timer_node *n = node_at(w, index);

		rte_prefetch0(node_at(w, n->next));
		unlink_from(w, &w->due, index);
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
}

void hr_wheel_set(struct hr_wheel *w, void *obj, uint64_t when_us)
{
	struct hr_timer_node *n = node_of(w, obj);
	uint32_t index;

	if (n->when_us == when_us)
		return;
	hr_wheel_remove(w, obj);
	if (when_us == HR_NEVER)
		return;
	index = hr_slab_index(w->slab, obj);
	must(index != 0);
	n->when_us = when_us;
	/* Not into the slot: what fire() sets for now must wait for the next advance, or a turn
	 * need not end. */
	if (when_us <= w->now_us)
		append(w, &w->late, index);
	else
		settle(w, index);
	if (w->count++ == 0 || (w->next_us != 0 && when_us < w->next_us))
		w->next_us = when_us;
}

void hr_wheel_remove(struct hr_wheel *w, void *obj)
{
	struct hr_timer_node *n = node_of(w, obj);

	if (!hr_timer_queued(n))
		return;
	must(w->count > 0);
	detach(w, hr_slab_index(w->slab, obj), n);
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
	for (index = take(w, &w->late); index != 0; index = next) {
		next = node_at(w, index)->next;
		settle(w, index);
	}
	do {
		move_down(w, &moves);
		fired += fire_due(w, budget - fired, fire, arg);
	} while (w->moving == 0 && w->due == 0 && turn(w));
	/* It was no node's time but the beginning of a slot: look again. */
	if (w->next_us <= w->now_us)
		w->next_us = 0;
	return fired;
}

/* The earliest of a list, no node of which is before `start`; that when the list is long. */
static uint64_t list_min(const struct hr_wheel *w, uint32_t head, uint64_t start)
{
	uint64_t least = HR_NEVER;
	uint32_t index = head;

	if (head == 0)
		return HR_NEVER;
	for (uint32_t n = 0; n < HR_WHEEL_LOOK; n++) {
		const struct hr_timer_node *node = node_at(w, index);

		least = RTE_MIN(least, node->when_us);
		index = node->next;
		if (index == head)
			return least;
	}
	return start;
}

uint64_t hr_wheel_next(struct hr_wheel *w)
{
	uint64_t least = HR_NEVER, start;
	struct place p;

	if (w->count == 0)
		return HR_NEVER;
	if (w->moving != 0)
		return w->now_us;
	if (w->next_us != 0)
		return w->next_us;
	if (earliest(w, &p, &start))
		least = list_min(
			w, w->slot[p.level][p.slot], RTE_MAX(start << TICK_SHIFT, w->now_us));
	least = RTE_MIN(least, list_min(w, w->due, w->now_us));
	least = RTE_MIN(least, list_min(w, w->late, w->now_us));
	w->next_us = least;
	return least;
}
