/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that are not TCP, and what the IP layer has to say about next hops: ARP, neighbour
 * discovery and ICMP go to ip/; ICMP errors come back from there for the connection they quote; a
 * next hop that does not answer ends the handshakes that wait for it.
 */
#include "engine/worker.h"

#define ND_FIRST 133 /* ICMPv6 types of RFC 4861 */
#define ND_LAST  137

/* ARP and neighbour discovery: every worker keeps its own neighbours and must hear them. */
static bool for_everyone(const struct rte_mbuf *m, const struct hr_frame *f)
{
	const uint8_t *type;
	uint8_t room;

	if (f->kind == HR_FRAME_ARP)
		return true;
	if (f->kind != HR_FRAME_ICMP6)
		return false;
	type = rte_pktmbuf_read(m, f->l4_off, 1, &room);
	return type != NULL && *type >= ND_FIRST && *type <= ND_LAST;
}

/* An error about a segment of ours. True when m went to another worker. */
static bool icmp_error(struct hr_worker *w, struct rx_batch *b, unsigned i,
	const struct hr_icmp_error *e, enum hr_drop *why)
{
	struct hr_flow_key k;
	struct conn *c;
	uint32_t ref;

	hr_key_of(
		&k, hr_laddr_find(w->ip, e->family, e->src), e->family, e->dst, e->sport, e->dport);
	*why = DROP_icmp_ignored;
	if (k.laddr_id == 0)
		return false;
	ref = hr_table_find(w->table, &k, hr_table_hash(w->table, &k));
	if (ref == 0 && w->multi && b->source != RX_FORWARDED) {
		unsigned owner = hr_owner(w, &k);

		if (owner == w->index)
			return false;
		hr_forward(w, owner, b->port, b->m[i]);
		return true;
	}
	/* RFC 5927: half-open and TIME-WAIT entries need no advice from strangers. */
	if (ref == 0 || hr_ref_type(ref) != HR_REF_CONN)
		return false;
	c = hr_conn_at(w, hr_ref_index(ref));
	hr_conn_events(w, c,
		hr_tcp_icmp(
			&w->tcp, &c->tcb, e->family, e->type, e->code, e->seq, e->mtu, w->now_us));
	*why = DROP_NONE;
	return false;
}

void hr_control(struct hr_worker *w, struct rx_batch *b, unsigned i)
{
	struct rte_mbuf *m = b->m[i];
	const struct hr_frame *f = &b->frame[i];
	struct hr_icmp_error error;
	bool is_error = false;
	enum hr_drop why = hr_ip_input(
		w->ip, b->port, m, f, w->now_us, b->source != RX_FORWARDED, &error, &is_error);

	if (is_error && icmp_error(w, b, i, &error, &why))
		return;
	if (w->multi && b->source != RX_FORWARDED && for_everyone(m, f))
		hr_forward_copies(w, b->port, m);
	hr_rx_done(w, m, why);
}

void hr_unreachable(void *worker, uint16_t nexthop)
{
	struct hr_worker *w = worker;

	w->dirty_look = UINT32_MAX;
	/* One walk serves all next hops that failed; it starts over a whole round with each. */
	if (hr_nexthop(w->ip, nexthop)->state == NH_FAILED)
		w->sweep_left = w->conn_top;
}

/* RFC 1122 3.3.1.4 and 4.2.3.9: a SYN that cannot leave is over; what is established keeps trying
 * until R2. */
static void sweep_conn(struct hr_worker *w, struct conn *c)
{
	if (c->tcb.state != TCPS_SYN_SENT || (c->tcb.flags & TF_SEND_RST))
		return;
	if (hr_nexthop(w->ip, c->nexthop)->state == NH_FAILED)
		hr_conn_events(w, c, hr_tcp_abort(&w->tcp, &c->tcb, HR_UNREACHABLE));
}

void hr_sweep(struct hr_worker *w)
{
	uint32_t n = RTE_MIN(w->sweep_left, (uint32_t)HR_TURN_SWEEP);

	w->sweep_left -= n;
	while (n-- > 0) {
		struct conn *c;

		if (++w->sweep > w->conn_top)
			w->sweep = 1;
		c = hr_conn_of(w, w->sweep);
		if (c != NULL)
			sweep_conn(w, c);
	}
}
