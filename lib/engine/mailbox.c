/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What reaches a worker from outside its thread: messages of hr_post() from anyone (many writers,
 * one reader), and packets that other workers received for it (one ring per sender). owner.c is the
 * sending side of the latter.
 *
 *   any thread ---> messages ---\
 *   worker 0 -----> from[0] -----+--> worker, once per turn
 *   worker n -----> from[n] ----/
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_ring_elem.h>

#include "engine/worker.h"

_Static_assert(sizeof(struct hr_message) == 16, "an element size that rings copy fast");

struct rte_ring *hr_ring_create(unsigned elem_size, unsigned n)
{
	ssize_t size = rte_ring_get_memsize_elem(elem_size, n);
	struct rte_ring *r;

	must(size > 0);
	r = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL((size_t)size, (size_t)RTE_CACHE_LINE_SIZE));
	if (r == NULL)
		return NULL;
	must(rte_ring_init(r, "mailbox", n, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
	return r;
}

void hr_ring_free(struct rte_ring *r)
{
	struct rte_mbuf *m;

	while (r != NULL && rte_ring_sc_dequeue(r, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	free(r);
}

int hr_mailbox_init(struct hr_worker *w, char *err, size_t errlen)
{
	w->messages = hr_ring_create(sizeof(struct hr_message), HR_MAILBOX);
	if (w->messages == NULL)
		goto no_memory;
	pthread_mutex_init(&w->post_lock, NULL);
	for (unsigned i = 0; i < w->e->cfg.workers; i++) {
		if (i == w->index)
			continue;
		w->from[i] = hr_ring_create(sizeof(void *), HR_MAILBOX);
		if (w->from[i] == NULL)
			goto no_memory;
	}
	return 0;
no_memory:
	return hr_error(err, errlen, -ENOMEM, "engine %s: no memory for the mailbox of worker %u",
		w->e->name, w->index);
}

void hr_mailbox_fini(struct hr_worker *w)
{
	for (unsigned i = 0; i < HR_MAX_WORKERS; i++) {
		hr_ring_free(w->from[i]);
		w->from[i] = NULL;
	}
	if (w->messages != NULL)
		pthread_mutex_destroy(&w->post_lock);
	free(w->messages);
	w->messages = NULL;
}

int hr_post(struct hr_worker *w, void (*fn)(struct hr_worker *w, void *arg), void *arg)
{
	struct hr_message msg = {.fn = fn, .arg = arg};
	int rc;

	/*
	 * Writers line up among themselves and the worker never waits for them. Multi-producer
	 * rings of DPDK 22.11 would do without the lock, but leave the order between two writers'
	 * elements to the hardware.
	 */
	pthread_mutex_lock(&w->post_lock);
	rc = rte_ring_sp_enqueue_elem(w->messages, &msg, sizeof(msg));
	pthread_mutex_unlock(&w->post_lock);
	return rc == 0 ? 0 : -EAGAIN;
}

static void packets_from(struct hr_worker *w, struct rte_ring *r)
{
	struct rte_mbuf *m[HR_RX_BURST];
	unsigned left = hr_ring_waiting(r);

	while (left > 0) {
		unsigned n = rte_ring_sc_dequeue_burst(
			r, (void **)m, RTE_MIN(left, (unsigned)HR_RX_BURST), NULL);

		if (n == 0)
			return;
		left -= RTE_MIN(left, n);
		hr_count_n(&w->m, HR_C_forwarded_in, n);
		/* A burst has one port. */
		for (unsigned i = 0, from = 0; i < n; i++) {
			if (i + 1 < n && m[i + 1]->port == m[from]->port)
				continue;
			hr_rx_burst(w, m[from]->port, m + from, i + 1 - from, RX_FORWARDED);
			from = i + 1;
		}
	}
}

void hr_mailbox_run(struct hr_worker *w)
{
	struct hr_message msg;

	for (unsigned i = 0; w->multi && i < w->e->n_workers; i++)
		if (w->from[i] != NULL && hr_ring_waiting(w->from[i]) > 0)
			packets_from(w, w->from[i]);
	for (unsigned n = hr_ring_waiting(w->messages); n > 0; n--) {
		if (rte_ring_sc_dequeue_elem(w->messages, &msg, sizeof(msg)) != 0)
			break;
		w->calls_n++;
		msg.fn(w, msg.arg);
	}
}

bool hr_mailbox_waiting(const struct hr_worker *w)
{
	for (unsigned i = 0; w->multi && i < w->e->n_workers; i++)
		if (w->from[i] != NULL && hr_ring_waiting(w->from[i]) > 0)
			return true;
	return hr_ring_waiting(w->messages) > 0;
}
