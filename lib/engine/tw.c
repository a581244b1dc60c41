/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME-WAIT as compact entries: two FIFOs (IPv4 and IPv6 entries differ in size) in order of
 * arrival. An entry that is replaced by a new connection only loses its table entry and waits for
 * its turn as a tombstone; one whose time was restarted by a FIN goes to the back when its old time
 * comes. At the limit the oldest makes room.
 *
 * What a segment means for an entry is the core's (hr_tw_input); open.c asks it.
 */
#include "engine/worker.h"

#define TW_BATCH 16 /* entries that are freed together */

static struct hr_slab *tw_slab(struct hr_worker *w, unsigned v6)
{
	return &w->slab[v6 ? HR_MEM_TW6 : HR_MEM_TW4];
}

/* Without hr_slab_at(): the sizes are known here. */
static void *entry_at(struct hr_worker *w, unsigned v6, uint32_t i)
{
	uint8_t *base = tw_slab(w, v6)->base;

	return base + (size_t)i * (v6 ? sizeof(struct tcp_tw6) : sizeof(struct tcp_tw4));
}

static struct tcp_tw *tw_at(struct hr_worker *w, unsigned v6, uint32_t i)
{
	void *p = entry_at(w, v6, i);

	return v6 ? &((struct tcp_tw6 *)p)->tw : &((struct tcp_tw4 *)p)->tw;
}

struct tcp_tw *hr_tw_of(struct hr_worker *w, uint32_t ref)
{
	return tw_at(w, hr_ref_type(ref) == HR_REF_TW6, hr_ref_index(ref));
}

static void link_set(struct tcp_tw *tw, uint32_t next)
{
	tw->link = (tw->link & ~TW_LINK_MASK) | next;
}

static inline void tw_push(struct hr_worker *w, unsigned v6, uint32_t i)
{
	struct hr_fifo *f = &w->tw[v6];

	link_set(tw_at(w, v6, i), 0);
	if (f->tail == 0)
		f->head = i;
	else
		link_set(tw_at(w, v6, f->tail), i);
	f->tail = i;
	f->n++;
}

static inline uint32_t tw_pop(struct hr_worker *w, unsigned v6)
{
	struct hr_fifo *f = &w->tw[v6];
	uint32_t i = f->head;

	f->head = tw_at(w, v6, i)->link & TW_LINK_MASK;
	if (f->head == 0)
		f->tail = 0;
	f->n--;
	return i;
}

static inline uint64_t tw_hash(struct hr_worker *w, unsigned v6, uint32_t i)
{
	struct hr_flow_key k = {0};

	if (likely(!v6))
		memcpy(&k, entry_at(w, 0, i), HR_KEY4_LEN);
	else
		memcpy(&k, entry_at(w, 1, i), HR_KEY6_LEN);
	return hr_table_hash(w->table, &k);
}

/* Free an entry that left its FIFO; a live one leaves the table too. */
static inline void tw_free(struct hr_worker *w, unsigned v6, uint32_t i, uint64_t hash)
{
	void *p = entry_at(w, v6, i);

	if ((tw_at(w, v6, i)->link & TW_DEAD) == 0) {
		hr_table_remove(w->table, p, hash, hr_ref(v6 ? HR_REF_TW6 : HR_REF_TW4, i));
		hr_table_changed(w, hash);
		w->n_time_wait--;
	}
	hr_slab_free(tw_slab(w, v6), p);
}

static bool due_before(uint32_t a_ms, uint32_t b_ms)
{
	return (int32_t)(a_ms - b_ms) < 0;
}

/* Make room: the head that would expire first. */
static void recycle(struct hr_worker *w)
{
	unsigned v6 = w->tw[0].n == 0;
	uint32_t i;

	if (w->tw[0].n != 0 && w->tw[1].n != 0)
		v6 = due_before(
			tw_at(w, 1, w->tw[1].head)->due_ms, tw_at(w, 0, w->tw[0].head)->due_ms);
	i = tw_pop(w, v6);
	if ((tw_at(w, v6, i)->link & TW_DEAD) == 0)
		hr_count(&w->m, HR_C_time_wait_recycled);
	tw_free(w, v6, i, tw_hash(w, v6, i));
}

/* No entry: TIME-WAIT assassination beats running out of memory. */
static __rte_noinline void enter_nowhere(
	struct hr_worker *w, const struct hr_flow_key *k, uint64_t hash, uint32_t ref)
{
	hr_count(&w->m, w->e->cfg.max_time_wait > 0 ? HR_C_no_memory : HR_C_time_wait_recycled);
	hr_table_remove(w->table, k, hash, ref);
}

static inline void enter(struct hr_worker *w, struct conn *c, unsigned v6)
{
	const struct hr_flow_key *k = &c->tcb.key;
	uint64_t hash = hr_table_hash(w->table, k);
	uint32_t ref = hr_ref(HR_REF_CONN, hr_conn_index(w, c)), i;
	uint32_t most = w->e->cfg.max_time_wait, n = w->tw[0].n + w->tw[1].n;
	struct tcp_tw *tw;
	void *p;

	if (unlikely(n >= most && n > 0))
		recycle(w);
	p = likely(most > 0) ? hr_slab_alloc(tw_slab(w, v6)) : NULL;
	hr_table_changed(w, hash);
	c->eflags &= (uint16_t)~EF_TABLED;
	if (unlikely(p == NULL)) {
		enter_nowhere(w, k, hash, ref);
		return;
	}
	memcpy(p, k, v6 ? HR_KEY6_LEN : HR_KEY4_LEN);
	i = hr_slab_index(tw_slab(w, v6), p);
	tw = v6 ? &((struct tcp_tw6 *)p)->tw : &((struct tcp_tw4 *)p)->tw;
	hr_tw_enter(&w->tcp, tw, &c->tcb, w->out_us);
	hr_table_replace(w->table, k, hash, ref, hr_ref(v6 ? HR_REF_TW6 : HR_REF_TW4, i));
	tw_push(w, v6, i);
	w->n_time_wait++;
}

void hr_tw_enter_conn(struct hr_worker *w, struct conn *c)
{
	if (likely(!hr_key_is6(&c->tcb.key)))
		enter(w, c, 0);
	else
		enter(w, c, 1);
}

void hr_tw_kill(struct hr_worker *w, uint32_t ref)
{
	hr_tw_of(w, ref)->link |= TW_DEAD;
	w->n_time_wait--;
}

/* The head's time was restarted, or it waits longer by its parameters: those behind it go first. */
static bool head_in_the_way(struct hr_worker *w, unsigned v6)
{
	const struct tcp_tw *tw = tw_at(w, v6, w->tw[v6].head);
	uint32_t next = tw->link & TW_LINK_MASK;

	return next != 0 && due_before(tw_at(w, v6, next)->due_ms, tw->due_ms);
}

/* Take entries whose time has come out of the FIFO, n at most; those behind one that waits longer
 * than they go first. *budget counts what was looked at. */
static inline unsigned take_due(struct hr_worker *w, unsigned v6, uint32_t now_ms, uint32_t *due,
	unsigned n, uint32_t *budget)
{
	unsigned got = 0;

	for (; *budget != 0 && got < n && w->tw[v6].head != 0; --*budget) {
		const struct tcp_tw *tw = tw_at(w, v6, w->tw[v6].head);

		/* A tombstone needs no time. */
		if ((tw->link & TW_DEAD) == 0 && due_before(now_ms, tw->due_ms)) {
			if (!head_in_the_way(w, v6))
				break;
			tw_push(w, v6, tw_pop(w, v6));
			continue;
		}
		due[got++] = tw_pop(w, v6);
	}
	return got;
}

static inline void expire(struct hr_worker *w, unsigned v6)
{
	uint32_t now_ms = (uint32_t)(w->now_us / 1000), budget = HR_TURN_TW, due[TW_BATCH];
	uint64_t hash[TW_BATCH];
	unsigned n;

	/* Their buckets were last touched when they were made: far from any cache by now, so all of
	 * a batch are on their way before the first is needed. */
	while ((n = take_due(w, v6, now_ms, due, TW_BATCH, &budget)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			hash[i] = tw_hash(w, v6, due[i]);
			hr_table_prefetch(w->table, hash[i]);
		}
		for (unsigned i = 0; i < n; i++)
			tw_free(w, v6, due[i], hash[i]);
	}
}

void hr_tw_expire(struct hr_worker *w)
{
	if (w->tw[0].head != 0)
		expire(w, 0);
	if (w->tw[1].head != 0)
		expire(w, 1);
}

uint64_t hr_tw_deadline(const struct hr_worker *w)
{
	uint64_t now_ms = w->now_us / 1000, at = HR_NEVER;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		const struct tcp_tw *tw;

		if (w->tw[v6].head == 0)
			continue;
		tw = tw_at((struct hr_worker *)(uintptr_t)w, v6, w->tw[v6].head);
		if (tw->link & TW_DEAD)
			return w->now_us;
		at = RTE_MIN(
			at, (now_ms + (uint64_t)(int64_t)(int32_t)(tw->due_ms - (uint32_t)now_ms)) *
				    1000);
	}
	return at;
}
