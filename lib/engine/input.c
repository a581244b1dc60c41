/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that an embedding program received itself: what is addressed to one of our addresses
 * waits for the next turn, the rest goes back. The queue is linked through the mbufs' own dynamic
 * field, so it needs no memory and has no limit of its own.
 */
#include <rte_arp.h>
#include <rte_ether.h>

#include "engine/worker.h"

#define ND_GROUP 0xff /* first byte of IPv6 multicast: neighbour discovery comes by it */

static bool arp_is_ours(const struct hr_worker *w, struct rte_mbuf *m, const struct hr_frame *f)
{
	const struct rte_arp_hdr *a;
	struct rte_arp_hdr room;
	uint32_t target;

	a = rte_pktmbuf_read(m, f->l3_off, sizeof(room), &room);
	if (a == NULL)
		return false;
	memcpy(&target, &a->arp_data.arp_tip, sizeof(target));
	return hr_laddr_find(w->ip, 4, &target) != 0;
}

static bool is_ours(const struct hr_worker *w, unsigned port, struct rte_mbuf *m)
{
	struct hr_frame f;
	struct tcp_seg s;

	/* What does not parse has no address that could be ours. */
	if (hr_frame_parse(m, w->e->caps[port].mac, &f, &s) != DROP_NONE)
		return false;
	if (f.kind == HR_FRAME_ARP)
		return arp_is_ours(w, m, &f);
	if (f.kind != HR_FRAME_TCP && f.kind != HR_FRAME_ICMP4 && f.kind != HR_FRAME_ICMP6)
		return false;
	if (f.kind == HR_FRAME_ICMP6 && f.dst[0] == ND_GROUP)
		return true;
	return hr_laddr_find(w->ip, f.family, f.dst) != 0;
}

static void handed_push(struct hr_worker *w, unsigned port, struct rte_mbuf *m)
{
	struct hr_mark *mark = hr_mark(m, w->tcp.mark_off);
	struct rte_mbuf *tail = w->handed[port];

	if (tail == NULL) {
		mark->next = m;
	} else {
		mark->next = hr_mark(tail, w->tcp.mark_off)->next;
		hr_mark(tail, w->tcp.mark_off)->next = m;
	}
	w->handed[port] = m;
	w->handed_n++;
}

static struct rte_mbuf *handed_pop(struct hr_worker *w, unsigned port)
{
	struct rte_mbuf *tail = w->handed[port], *m;

	if (tail == NULL)
		return NULL;
	m = hr_mark(tail, w->tcp.mark_off)->next;
	if (m == tail)
		w->handed[port] = NULL;
	else
		hr_mark(tail, w->tcp.mark_off)->next = hr_mark(m, w->tcp.mark_off)->next;
	w->handed_n--;
	return m;
}

uint16_t hr_worker_input(struct hr_worker *w, unsigned port, struct rte_mbuf **m, uint16_t n,
	struct rte_mbuf **passed)
{
	uint64_t bytes = 0;
	uint16_t back = 0;

	must(port < w->e->cfg.n_ports);
	for (uint16_t i = 0; i < n; i++) {
		if (is_ours(w, port, m[i])) {
			handed_push(w, port, m[i]);
		} else {
			bytes += m[i]->pkt_len;
			passed[back++] = m[i];
		}
	}
	/* The others are counted with their turn. */
	hr_count_n(&w->m, HR_C_rx_packets, back);
	hr_count_n(&w->m, HR_C_rx_bytes, bytes);
	hr_count_n(&w->m, HR_C_passed, back);
	return back;
}

void hr_handed_run(struct hr_worker *w)
{
	for (unsigned p = 0; p < w->e->cfg.n_ports; p++) {
		while (w->handed[p] != NULL) {
			struct rte_mbuf *m[HR_RX_BURST];
			unsigned n = 0;

			while (n < HR_RX_BURST && (m[n] = handed_pop(w, p)) != NULL)
				n++;
			hr_rx_burst(w, p, m, n, RX_HANDED);
		}
	}
}

void hr_handed_fini(struct hr_worker *w)
{
	for (unsigned p = 0; p < HR_MAX_PORTS; p++) {
		struct rte_mbuf *m;

		while ((m = handed_pop(w, p)) != NULL)
			rte_pktmbuf_free(m);
	}
}
