/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Half-open entries: memory, their timers and their end. Entries of one parameter set and one
 * attempt all wait equally long, so a FIFO per set and attempt keeps them sorted and a timer costs
 * two links. A FIFO is circular around a sentinel from the same slab: an entry leaves it without
 * knowing which one it is in.
 *
 *   syn_fifo[params][attempt] -> sentinel <-> oldest <-> ... <-> newest <-> (sentinel)
 *
 * What a segment means for an entry is decided in open.c and tcp/.
 */
#include <stdlib.h>

#include "engine/worker.h"

static struct hr_slab *syn_slab(struct hr_worker *w)
{
	return &w->slab[HR_MEM_SYN];
}

struct tcp_syn *hr_syn_new(struct hr_worker *w)
{
	struct tcp_syn *e =
		w->n_half_open < w->e->cfg.max_half_open ? hr_slab_alloc(syn_slab(w)) : NULL;

	if (e == NULL)
		return NULL;
	w->n_half_open++;
	e->next = e->prev = 0;
	return e;
}

/* The sentinel of a FIFO, made at its first use; 0 without memory. */
static uint32_t sentinel(struct hr_worker *w, uint16_t params, unsigned attempt)
{
	struct tcp_syn *s;
	uint32_t *fifo = w->syn_fifo[params];

	if (fifo == NULL) {
		fifo = w->syn_fifo[params] = calloc(HR_SYN_ATTEMPTS, sizeof(*fifo));
		if (fifo == NULL)
			return 0;
	}
	if (fifo[attempt] == 0) {
		s = hr_slab_alloc(syn_slab(w));
		if (s == NULL)
			return 0;
		fifo[attempt] = hr_slab_index(syn_slab(w), s);
		s->next = s->prev = fifo[attempt];
	}
	return fifo[attempt];
}

bool hr_syn_link(struct hr_worker *w, struct tcp_syn *e, uint16_t params)
{
	uint32_t s = sentinel(w, params, e->retries), i = hr_slab_index(syn_slab(w), e);
	uint64_t due_us = w->now_us + hr_syn_timeout_us(hr_params(w, params), e->retries);
	struct tcp_syn *head;

	if (s == 0)
		return false;
	head = hr_syn_at(w, s);
	due_us = hr_syn_set_due(e, due_us);
	e->prev = head->prev;
	e->next = s;
	hr_syn_at(w, head->prev)->next = i;
	head->prev = i;
	w->syn_next_us = RTE_MIN(w->syn_next_us, due_us);
	return true;
}

void hr_syn_unlink(struct hr_worker *w, struct tcp_syn *e)
{
	if (e->next == 0)
		return;
	hr_syn_at(w, e->prev)->next = e->next;
	hr_syn_at(w, e->next)->prev = e->prev;
	e->next = e->prev = 0;
}

void hr_syn_free(struct hr_worker *w, struct tcp_syn *e)
{
	hr_syn_unlink(w, e);
	w->n_half_open--;
	hr_slab_free(syn_slab(w), e);
}

static void drop_entry(struct hr_worker *w, struct tcp_syn *e)
{
	hr_table_remove_key(w, &e->key, hr_ref(HR_REF_SYN, hr_slab_index(syn_slab(w), e)));
	hr_syn_free(w, e);
}

/* The SYN-ACK again with the next attempt's wait, or the end after the last one (RFC 9293 MUST-23's
 * R2 for a passive open). */
static void entry_due(struct hr_worker *w, struct tcp_syn *e)
{
	uint16_t service = hr_listeners_find(w->listeners, e->key.laddr_id, e->key.lport);
	struct tcp_path path;
	struct hr_ip remote = {.family = hr_key_is6(&e->key) ? 6 : 4};
	struct tcp_out o;
	uint16_t nexthop;

	if (service == 0 || e->retries >= hr_params(w, w->services[service].params)->syn_retries) {
		hr_count(&w->m, HR_C_syn_expired);
		drop_entry(w, e);
		return;
	}
	hr_syn_unlink(w, e);
	e->retries++;
	e->challenged = 0;
	if (!hr_syn_link(w, e, w->services[service].params)) {
		hr_count(&w->m, HR_C_no_memory);
		drop_entry(w, e);
		return;
	}
	memcpy(remote.b, e->key.raddr6, hr_key_is6(&e->key) ? 16 : 4);
	nexthop = hr_route(w->ip, e->key.laddr_id, &remote, w->now_us);
	if (nexthop == 0)
		return;
	path = (struct tcp_path){
		.mtu = hr_nexthop(w->ip, nexthop)->mtu, .params = w->services[service].params};
	hr_syn_ack(&w->tcp, e, &path, w->now_us, &o);
	hr_count(&w->m, HR_C_retransmits);
	hr_tx_reply(w, nexthop, &e->key, &o);
	hr_nexthop_put(w->ip, nexthop);
}

/* Run one FIFO; *next gets the time of its first entry that is not due. */
static void fifo_expire(struct hr_worker *w, uint32_t s, uint64_t *next, uint32_t *budget)
{
	for (;;) {
		uint32_t i = hr_syn_at(w, s)->next;
		struct tcp_syn *e = hr_syn_at(w, i);

		if (i == s)
			return;
		if (hr_syn_due_us(e, w->now_us) > w->now_us || *budget == 0) {
			*next = RTE_MIN(*next, hr_syn_due_us(e, w->now_us));
			return;
		}
		(*budget)--;
		entry_due(w, e);
	}
}

void hr_syn_expire(struct hr_worker *w)
{
	uint32_t budget = HR_TURN_SYNS;
	uint64_t next = HR_NEVER;

	if (w->now_us < w->syn_next_us)
		return;
	w->syn_next_us = HR_NEVER;
	/* Backwards: an entry moves on to the next attempt's FIFO, whose first time must be seen,
	 * but only once. */
	for (unsigned p = 0; p < w->tcp.n_params; p++) {
		for (unsigned a = HR_SYN_ATTEMPTS; w->syn_fifo[p] != NULL && a-- > 0;)
			if (w->syn_fifo[p][a] != 0)
				fifo_expire(w, w->syn_fifo[p][a], &next, &budget);
	}
	/* hr_syn_link() has put the times of those that moved on into syn_next_us. */
	w->syn_next_us = RTE_MIN(w->syn_next_us, next);
}

void hr_syn_fini(struct hr_worker *w)
{
	for (unsigned p = 0; p < TCP_MAX_PARAMS; p++)
		free(w->syn_fifo[p]);
}
