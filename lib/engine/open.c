/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments that belong to no connection: another worker's, a listener's (half-open entries and SYN
 * cookies, RFC 4987), TIME-WAIT entries', and strangers', who get a RST (RFC 9293 3.10.7.1) within
 * a rate. The verdicts are the core's; what is done about memory, table and timers is done here.
 */
#include "base/siphash.h"
#include "engine/worker.h"

static void remote_of(const struct hr_flow_key *k, struct hr_ip *ip)
{
	if (likely(!hr_key_is6(k))) {
		*ip = (struct hr_ip){.family = 4, .v4 = k->raddr4};
		return;
	}
	memset(ip, 0, sizeof(*ip));
	ip->family = 6;
	memcpy(ip->b, k->raddr6, 16);
}

static bool from_ourselves(const struct hr_worker *w, const struct hr_flow_key *k)
{
	return hr_laddr_find(w->ip, hr_key_is6(k) ? 6 : 4, k->raddr6) != 0;
}

/* RFC 9293 MUST-63: nothing is opened towards, or answered to, what cannot be a single other host.
 */
static bool answerable(const struct hr_worker *w, const struct hr_flow_key *k)
{
	struct hr_ip ip;

	remote_of(k, &ip);
	return hr_ip_unicast(w->ip, &ip) && !from_ourselves(w, k);
}

/*
 * So many a second to each destination (an IPv6 one is its /64, which is what one host may have).
 * No budget is shared by all: who can count what is left of one learns whether segments he sent in
 * another's name were answered with a RST, and so which ports that one has connections on (as with
 * challenge ACKs, RFC 5961 7). Destinations share buckets by a keyed hash that is another one each
 * second, and the number in a second varies, so that a collision is not found in time.
 */
static bool rst_allowed(struct hr_worker *w, const struct hr_flow_key *k)
{
	/* One word more than a flow label is made from, with the same key. */
	uint64_t in[4] = {w->now_us / 1000000}, hash;
	uint32_t rate = w->e->cfg.rst_per_s, *sent;

	if (rate == 0)
		return false;
	if (in[0] != w->rst_second) {
		w->rst_second = in[0];
		w->rst_most = rate - hr_rng_below(&w->rng, rate / 4 + 1);
		memset(w->rst_sent, 0, sizeof(w->rst_sent));
	}
	memcpy(in + 1, k->raddr6, hr_key_is6(k) ? 8 : 4);
	hash = hr_siphash13(w->label_key, in, sizeof(in));
	sent = &w->rst_sent[hash % HR_RST_BUCKETS];
	if (*sent >= w->rst_most)
		return false;
	(*sent)++;
	return true;
}

void hr_open_reset(struct hr_worker *w, const struct hr_flow_key *k, const struct tcp_seg *s)
{
	struct tcp_out o;

	if (!answerable(w, k) || !hr_tcp_reset_for(s, &o))
		return;
	if (!rst_allowed(w, k)) {
		hr_count(&w->m, HR_C_rst_limited);
		return;
	}
	if (hr_tx_reply_routed(w, k, &o))
		hr_count(&w->m, HR_C_rst_out);
}

/* The way back to the peer; the next hop is referenced. False without a route, also to what is not
 * a single host. */
static bool path_to(struct hr_worker *w, const struct hr_flow_key *k, uint16_t params,
	struct tcp_path *path, uint16_t *nexthop)
{
	*nexthop = likely(!hr_key_is6(k) && !w->plain)
			   ? hr_route_known(w->ip, k->laddr_id, k->raddr4, w->now_us)
			   : 0;
	if (unlikely(*nexthop == 0)) {
		struct hr_ip remote;

		remote_of(k, &remote);
		*nexthop = hr_route_back(w->ip, k->laddr_id, &remote, w->now_us);
	}
	memset(path, 0, sizeof(*path));
	if (*nexthop == 0)
		return false;
	path->mtu = hr_nexthop(w->ip, *nexthop)->mtu;
	path->params = params;
	return true;
}

/* A completed handshake becomes a connection; false: there is no room for it. syn_ref: the entry's
 * place in the table, or 0. */
static struct conn *accept_conn(struct hr_worker *w, const struct tcp_syn *e, uint64_t hash,
	uint32_t syn_ref, const struct hr_service *sv, const struct tcp_path *path,
	uint16_t nexthop)
{
	struct conn *c = hr_conn_alloc(w);

	if (c == NULL)
		return NULL;
	hr_tcp_accept(&w->tcp, &c->tcb, e, path, w->now_us);
	if (hr_conn_enter(w, c, hash, syn_ref) < 0) {
		hr_count(&w->m, HR_C_no_memory);
		hr_tcp_release(&w->tcp, &c->tcb);
		hr_conn_discard(w, c);
		return NULL;
	}
	c->nexthop = nexthop;
	c->app = sv->app;
	c->user = sv->user;
	hr_count(&w->m, HR_C_conns_accepted);
	return c;
}

/* Take the connection from entry or cookie and give it the segment; takes over the reference to the
 * next hop. */
static void accept_segment(struct hr_worker *w, struct rx_batch *b, unsigned i,
	const struct tcp_syn *e, uint32_t syn_ref, const struct hr_service *sv,
	const struct tcp_path *path, uint16_t nexthop)
{
	struct conn *c = accept_conn(w, e, b->hash[i], syn_ref, sv, path, nexthop);

	if (c != NULL) {
		hr_rx_conn(w, c, b, i);
		return;
	}
	hr_open_reset(w, &b->key[i], &b->seg[i]);
	hr_nexthop_put(w->ip, nexthop);
	if (syn_ref != 0)
		hr_table_remove_key(w, &b->key[i], syn_ref);
	hr_rx_done(w, b->m[i], DROP_tcp_conn_limit);
}

/* An entry for a SYN, in the table and its FIFO; NULL when there is no room. */
static struct tcp_syn *half_open(struct hr_worker *w, struct rx_batch *b, unsigned i,
	const struct tcp_path *path, struct tcp_out *o, enum hr_drop *why)
{
	struct tcp_syn *e = hr_syn_new(w);

	if (e == NULL)
		return NULL;
	*why = hr_syn_open(&w->tcp, e, &b->key[i], path, &b->seg[i], w->now_us, o);
	if (*why != DROP_NONE) {
		e->next = e->prev = 0;
		hr_syn_free(w, e);
		return NULL;
	}
	e->next = e->prev = 0;
	if (!hr_syn_link(w, e, path->params) ||
		hr_table_insert(w->table, &b->key[i], b->hash[i],
			hr_ref(HR_REF_SYN, hr_slab_index(&w->slab[HR_MEM_SYN], e))) < 0) {
		hr_count(&w->m, HR_C_no_memory);
		hr_syn_free(w, e);
		return NULL;
	}
	hr_table_changed(w, b->hash[i]);
	return e;
}

/* The SYN's own mbuf takes the answer: it is in the cache, and the pool is left alone. What the SYN
 * said has been read. */
static bool recycle(struct hr_worker *w, struct rx_batch *b, unsigned i)
{
	struct rte_mbuf *m = b->m[i];

	if (w->tx_spares == HR_TX_SPARE || m->pool != w->pool || !RTE_MBUF_DIRECT(m) ||
		m->nb_segs != 1 || rte_mbuf_refcnt_read(m) != 1)
		return false;
	rte_pktmbuf_reset(m);
	w->tx_spare[w->tx_spares++] = m;
	b->m[i] = NULL;
	return true;
}

/* A SYN for a listener: an entry while there is room, a cookie otherwise. */
static enum hr_drop listen_syn(struct hr_worker *w, struct rx_batch *b, unsigned i,
	uint16_t nexthop, const struct tcp_path *path)
{
	enum hr_drop why = DROP_NONE;
	struct tcp_out o;

	if (!recycle(w, b, i) && !hr_tx_refill(w, 1))
		return DROP_tcp_syn_limit;
	if (hr_memory_low(w) || half_open(w, b, i, path, &o, &why) == NULL) {
		if (why == DROP_NONE)
			why = hr_syn_cookie(&w->tcp, &b->key[i], path, &b->seg[i], w->now_us, &o);
		if (why != DROP_NONE)
			return why;
	}
	hr_tx_reply(w, nexthop, &b->key[i], &o);
	return DROP_NONE;
}

/* A segment for a listener (RFC 9293 3.10.7.2). reopened: it met this TIME-WAIT entry, which is
 * gone. */
static void listener(struct hr_worker *w, struct rx_batch *b, unsigned i,
	const struct hr_service *sv, bool reopened, uint32_t iss_floor)
{
	const struct tcp_seg *s = &b->seg[i];
	const struct hr_flow_key *k = &b->key[i];
	struct tcp_path path;
	struct tcp_syn e;
	uint16_t nexthop;
	enum hr_drop why;

	if (!(s->flags & (TCPF_SYN | TCPF_ACK))) {
		hr_rx_done(w, b->m[i], DROP_tcp_flags);
		return;
	}
	if (((s->flags & TCPF_SYN) && (s->flags & TCPF_FIN)) || from_ourselves(w, k) ||
		!path_to(w, k, sv->params, &path, &nexthop)) {
		hr_rx_done(w, b->m[i], DROP_tcp_syn_bad);
		return;
	}
	if (!(s->flags & TCPF_ACK)) {
		path.reopened = reopened;
		path.iss_floor = iss_floor;
		why = listen_syn(w, b, i, nexthop, &path);
		hr_rx_done(w, b->m[i], why);
		hr_nexthop_put(w->ip, nexthop);
		return;
	}
	if (!(s->flags & TCPF_SYN) && hr_cookie_check(&w->tcp, &e, k, &path, s, w->now_us)) {
		accept_segment(w, b, i, &e, 0, sv, &path, nexthop);
		return;
	}
	hr_nexthop_put(w->ip, nexthop);
	/* The ACK with the cookie may be lost or late: a RST would kill what its repetition opens.
	 */
	if ((s->flags & TCPF_SYN) || !hr_cookies_out(&w->tcp, w->now_us))
		hr_open_reset(w, k, s);
	hr_rx_done(w, b->m[i], DROP_tcp_cookie_bad);
}

static void stranger(
	struct hr_worker *w, struct rx_batch *b, unsigned i, bool reopened, uint32_t iss_floor)
{
	const struct hr_flow_key *k = &b->key[i];
	uint16_t service;

	if (b->seg[i].flags & TCPF_RST) {
		hr_rx_done(w, b->m[i], DROP_tcp_rst_stray);
		return;
	}
	service = hr_listeners_find(w->listeners, k->laddr_id, k->lport);
	if (service != 0) {
		listener(w, b, i, &w->services[service], reopened, iss_floor);
		return;
	}
	hr_open_reset(w, k, &b->seg[i]);
	hr_rx_done(w, b->m[i], DROP_tcp_no_listener);
}

void hr_open_stranger(struct hr_worker *w, struct rx_batch *b, unsigned i)
{
	/* A packet is forwarded once: what the owner does not know is unknown. */
	if (w->multi && b->source != RX_FORWARDED) {
		unsigned owner = hr_owner(w, &b->key[i]);

		if (owner != w->index) {
			hr_forward(w, owner, b->port, b->m[i]);
			return;
		}
	}
	stranger(w, b, i, false, 0);
}

/* A SYN that came twice may have been answered by a cookie before there was room for its entry, and
 * the two have different ISNs: the peer acknowledges the one that it heard first. */
static bool acks_a_cookie(struct hr_worker *w, const struct rx_batch *b, unsigned i,
	const struct tcp_syn *e, const struct tcp_path *path, struct tcp_syn *cookie)
{
	const struct tcp_seg *s = &b->seg[i];

	return s->ack != e->iss + 1 &&
	       hr_cookie_check(&w->tcp, cookie, &b->key[i], path, s, w->now_us);
}

void hr_open_syn(struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref)
{
	struct tcp_syn *e = hr_syn_at(w, hr_ref_index(ref)), cookie;
	const struct hr_flow_key *k = &b->key[i];
	uint16_t service = hr_listeners_find(w->listeners, k->laddr_id, k->lport), nexthop;
	enum hr_drop why = DROP_NONE;
	struct tcp_path path;
	struct tcp_out o;

	/* The listener is gone, and with it whoever would have the connection. */
	if (service == 0) {
		hr_table_remove_key(w, k, ref);
		hr_syn_free(w, e);
		stranger(w, b, i, false, 0);
		return;
	}
	if (!path_to(w, k, w->services[service].params, &path, &nexthop)) {
		hr_rx_done(w, b->m[i], DROP_tcp_syn_bad);
		return;
	}
	if (acks_a_cookie(w, b, i, e, &path, &cookie)) {
		accept_segment(w, b, i, &cookie, ref, &w->services[service], &path, nexthop);
		hr_syn_free(w, e);
		return;
	}
	switch (hr_syn_input(&w->tcp, e, &path, &b->seg[i], w->now_us, &o, &why)) {
	case SYN_ACCEPT:
		accept_segment(w, b, i, e, ref, &w->services[service], &path, nexthop);
		hr_syn_free(w, e);
		return;
	case SYN_RESET:
		hr_table_remove_key(w, k, ref);
		hr_syn_free(w, e);
		break;
	case SYN_ANSWER:
		hr_tx_reply(w, nexthop, k, &o);
		break;
	case SYN_DROP:
		break;
	}
	hr_rx_done(w, b->m[i], why);
	hr_nexthop_put(w->ip, nexthop);
}

void hr_open_tw(struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref)
{
	struct tcp_tw *tw = hr_tw_of(w, ref);
	const struct hr_flow_key *k = &b->key[i];
	uint16_t service = hr_listeners_find(w->listeners, k->laddr_id, k->lport);
	enum hr_drop why = DROP_NONE;
	uint32_t iss_floor;
	struct tcp_out o;

	switch (hr_tw_input(&w->tcp, tw, k, service != 0 ? w->services[service].params : 0,
		&b->seg[i], w->now_us, &o, &why)) {
	case TW_REOPEN:
		iss_floor = tw->snd_nxt;
		hr_table_remove_key(w, k, ref);
		hr_tw_kill(w, ref);
		hr_count(&w->m, HR_C_time_wait_reused);
		stranger(w, b, i, true, iss_floor);
		return;
	case TW_END:
		hr_table_remove_key(w, k, ref);
		hr_tw_kill(w, ref);
		break;
	case TW_ANSWER:
		hr_tx_reply_routed(w, k, &o);
		break;
	case TW_DROP:
		break;
	}
	hr_rx_done(w, b->m[i], why);
}
