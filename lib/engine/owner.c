/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose packet is it? The Toeplitz hash and the RETA of the start decide who owns a tuple, for as
 * long as the engine lives. A NIC that is set differently later only makes packets take the way
 * through the mailboxes.
 */
#include <rte_byteorder.h>

#include "engine/worker.h"

unsigned hr_owner(const struct hr_worker *w, const struct hr_flow_key *k)
{
	const struct hr_rss *rss = w->e->rss[hr_laddr_port(w->ip, k->laddr_id)];

	if (rss == NULL)
		return w->index;
	return hr_rss_queue(rss, hr_key_is6(k), k->raddr6, hr_laddr(w->ip, k->laddr_id)->b,
		rte_cpu_to_be_16(k->rport), rte_cpu_to_be_16(k->lport));
}

/* The copy lies in the owner's pool, so that each mbuf is freed where it came from; port is all the
 * owner must be told. */
static enum hr_drop hand_over(
	struct hr_worker *w, unsigned owner, unsigned port, const struct rte_mbuf *m)
{
	struct hr_worker *to = w->e->worker[owner];
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, to->pool, 0, UINT32_MAX);

	if (copy == NULL)
		return DROP_no_mbuf;
	copy->port = (uint16_t)port;
	if (rte_ring_sp_enqueue(to->from[w->index], copy) != 0) {
		rte_pktmbuf_free(copy);
		return DROP_mailbox_full;
	}
	return DROP_NONE;
}

void hr_forward(struct hr_worker *w, unsigned owner, unsigned port, struct rte_mbuf *m)
{
	enum hr_drop why = hand_over(w, owner, port, m);

	if (why != DROP_NONE) {
		hr_rx_done(w, m, why);
		return;
	}
	rte_pktmbuf_free(m);
	hr_count(&w->m, HR_C_forwarded);
}

void hr_forward_copies(struct hr_worker *w, unsigned port, const struct rte_mbuf *m)
{
	/* A copy that finds no room is not a packet lost: this worker has learned from the packet
	 * itself. */
	for (unsigned i = 0; i < w->e->n_workers; i++)
		if (i != w->index)
			(void)hand_over(w, i, port, m);
}
