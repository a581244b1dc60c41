/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hr_connect() and hr_connect_burst(): addresses, route, source port, table entry. The source port
 * is chosen so that the peer's answers arrive at this worker; a tuple of ours in TIME-WAIT may be
 * used again as RFC 6191 allows. A burst looks up once what its connections have in common, and
 * fetches their table lines before it looks at the first.
 */
#include <errno.h>

#include "engine/worker.h"

#define CHUNK 16 /* lines on their way at a time */

/* One call. */
struct opening {
	struct hr_worker *w;
	const struct hr_connect_opts *opts;
	uint64_t now_us;
	uint16_t app, params;
	/* The tuple that was looked at last, when it is free: */
	uint64_t hash;
	uint32_t old; /* its TIME-WAIT entry, or 0 */
	/* The last route: */
	uint16_t nexthop;
	uint32_t laddr_id;
	unsigned port;
};

static bool taken_at(struct opening *o, const struct hr_flow_key *k, uint64_t hash)
{
	struct hr_worker *w = o->w;

	o->hash = hash;
	/* A port we listen on must answer strangers, not be half of a connection of ours. */
	if (hr_listeners_find(w->listeners, k->laddr_id, k->lport) != 0)
		return true;
	o->old = hr_table_find(w->table, k, hash);
	if (o->old == 0)
		return false;
	if (hr_ref_type(o->old) != HR_REF_TW4 && hr_ref_type(o->old) != HR_REF_TW6)
		return true;
	return !hr_tw_reusable(&w->tcp, hr_tw_of(w, o->old), o->params, o->now_us);
}

static bool tuple_taken(void *arg, const struct hr_flow_key *k)
{
	struct opening *o = arg;

	return taken_at(o, k, hr_table_hash(o->w->table, k));
}

/* Before the tuples are looked at: the port that is next for k, and its line on the way. */
static uint64_t propose_port(struct opening *o, struct hr_flow_key *k)
{
	struct hr_worker *w = o->w;
	uint64_t hash;

	k->lport = o->opts != NULL ? o->opts->local_port : 0;
	if (k->lport == 0) /* which address that is, RSS wants to know */
		hr_ports_next(w->ports, k, w->multi ? hr_laddr(w->ip, k->laddr_id)->b : NULL);
	hash = hr_table_hash(w->table, k);
	hr_table_prefetch(w->table, hash);
	return hash;
}

/* The one proposed when it is free, else what else there is. */
static int settle_port(struct opening *o, struct hr_flow_key *k, uint64_t hash)
{
	struct hr_worker *w = o->w;

	if (o->opts != NULL && o->opts->local_port != 0) {
		if (taken_at(o, k, hash))
			return -EADDRINUSE;
		/* Replies would arrive at another worker. */
		return w->multi && hr_owner(w, k) != w->index ? -EADDRNOTAVAIL : 0;
	}
	if (likely(k->lport != 0 && !taken_at(o, k, hash)))
		return 0;
	if (hr_ports_pick(w->ports, k, hr_laddr(w->ip, k->laddr_id)->b, tuple_taken, o) < 0) {
		hr_count(&w->m, HR_C_port_exhausted);
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/* The local address: the one asked for, or the next in turn. 0 or a negative errno. */
static int pick_local(struct hr_worker *w, const struct hr_ip *remote,
	const struct hr_connect_opts *o, uint32_t *laddr_id)
{
	if (o != NULL && o->local.family != 0) {
		*laddr_id = o->local.family == remote->family
				    ? hr_laddr_find(w->ip, o->local.family, o->local.b)
				    : 0;
		return *laddr_id == 0 ? -EADDRNOTAVAIL : 0;
	}
	*laddr_id = hr_laddr_choose(w->ip, remote);
	return *laddr_id == 0 ? -ENETUNREACH : 0;
}

static int pick_params(struct hr_worker *w, const struct hr_connect_opts *o)
{
	if (o == NULL || o->params == NULL)
		return 0;
	if (hr_tcp_params_check(o->params, NULL, 0) < 0)
		return -EINVAL;
	return hr_tcp_params_add(&w->tcp, o->params) >= 0 ? hr_tcp_params_add(&w->tcp, o->params)
							  : -ENOMEM;
}

/* The connection goes live: nothing fails from here on but memory for the table. */
static int start(struct opening *o, struct conn *c, const struct hr_flow_key *k, uint16_t nexthop)
{
	struct hr_worker *w = o->w;
	struct tcp_path path = {.mtu = hr_nexthop(w->ip, nexthop)->mtu, .params = o->params};

	c->tcb.key = *k;
	if (hr_conn_enter(w, c, o->hash, o->old) < 0) {
		hr_count(&w->m, HR_C_no_memory);
		return -ENOMEM;
	}
	if (o->old != 0) {
		hr_tw_kill(w, o->old);
		hr_count(&w->m, HR_C_time_wait_reused);
	}
	c->nexthop = nexthop;
	c->app = o->app;
	c->eflags |= EF_ACTIVE;
	hr_tcp_connect(&w->tcp, &c->tcb, &path, o->now_us);
	hr_count(&w->m, HR_C_conns_opened);
	hr_conn_dirty(w, c);
	return 0;
}

/* A reference to the next hop; the connection opened before holds the last one. 0 without a route.
 */
static uint16_t next_hop(struct opening *o, uint32_t laddr_id, const struct hr_ip *remote)
{
	struct hr_ip_layer *ip = o->w->ip;
	unsigned port = hr_laddr_port(ip, laddr_id);

	/* An IPv4 route depends on nothing else. */
	if (o->nexthop != 0 &&
		(laddr_id == o->laddr_id || (remote->family == 4 && port == o->port))) {
		hr_nexthop_hold(ip, o->nexthop);
		return o->nexthop;
	}
	o->nexthop = hr_route(ip, laddr_id, remote, o->now_us);
	o->laddr_id = laddr_id;
	o->port = port;
	return o->nexthop;
}

static int open_one(struct opening *o, const struct hr_ip *remote, struct hr_flow_key *k,
	uint64_t hash, void *user, hr_conn *handle)
{
	struct hr_worker *w = o->w;
	uint16_t nexthop = next_hop(o, k->laddr_id, remote);
	struct conn *c;
	int rc;

	if (nexthop == 0)
		return -ENETUNREACH;
	rc = settle_port(o, k, hash);
	if (rc < 0)
		goto unroute;
	c = hr_conn_alloc(w);
	rc = c == NULL ? -ENOMEM : start(o, c, k, nexthop);
	if (rc < 0) {
		if (c != NULL)
			hr_conn_discard(w, c);
		goto unroute;
	}
	c->user = user;
	*handle = hr_conn_handle(c);
	return 0;

unroute:
	hr_nexthop_put(w->ip, nexthop);
	return rc;
}

/* A single other host; what we are does not change, so that it is asked once of each in a row. */
static bool can_be_remote(struct hr_worker *w, const struct hr_ip *remote)
{
	if (likely(remote->family != 0 && memcmp(&w->last_remote, remote, sizeof(*remote)) == 0))
		return true;
	if ((remote->family != 4 && remote->family != 6) || !hr_ip_unicast(w->ip, remote) ||
		hr_laddr_find(w->ip, remote->family, remote->b) != 0)
		return false;
	w->last_remote = *remote;
	return true;
}

/* What all connections of the call have in common. */
static int prepare(
	struct opening *o, const struct hr_ip *remote, uint16_t port, const struct hr_app *app)
{
	struct hr_worker *w = o->w;
	int app_id, params;

	if (port == 0 || app == NULL || app->on_data == NULL || !can_be_remote(w, remote))
		return -EINVAL;
	app_id = hr_app_add(w, app);
	params = pick_params(w, o->opts);
	if (app_id < 0 || params < 0)
		return app_id < 0 ? app_id : params;
	o->app = (uint16_t)app_id;
	o->params = (uint16_t)params;
	return 0;
}

unsigned hr_connect_burst(struct hr_worker *w, const struct hr_ip *remote, uint16_t port,
	const struct hr_app *app, void *const *users, const struct hr_connect_opts *opts,
	hr_conn *handles, unsigned n, int *error)
{
	struct opening o = {.w = w, .opts = opts, .now_us = hr_worker_time(w)};
	struct hr_flow_key k[CHUNK];
	uint64_t hash[CHUNK];
	unsigned done = 0;
	int rc = prepare(&o, remote, port, app);

	while (rc == 0 && done < n) {
		unsigned most = RTE_MIN(n - done, (unsigned)CHUNK), ready = 0, i;
		int later = 0;

		for (; ready < most; ready++) {
			uint32_t laddr_id;

			later = pick_local(w, remote, opts, &laddr_id);
			if (later < 0)
				break;
			hr_key_of(&k[ready], laddr_id, remote->family, remote->b, 0, port);
			hash[ready] = propose_port(&o, &k[ready]);
		}
		for (i = 0; i < ready && rc == 0; i++) {
			rc = open_one(&o, remote, &k[i], hash[i], users[done], &handles[done]);
			done += rc == 0;
		}
		if (rc == 0)
			rc = later;
	}
	if (error != NULL)
		*error = rc;
	return done;
}

int hr_connect(struct hr_worker *w, const struct hr_ip *remote, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_connect_opts *opts, hr_conn *handle)
{
	int rc;

	(void)hr_connect_burst(w, remote, port, app, &user, opts, handle, 1, &rc);
	return rc;
}
