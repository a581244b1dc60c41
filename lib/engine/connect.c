/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hr_connect(): addresses, route, source port, table entry. The source port is chosen so that the
 * peer's answers arrive at this worker; a tuple of ours in TIME-WAIT may be used again as RFC 6191
 * allows.
 */
#include <errno.h>

#include "engine/worker.h"

/* What taken() needs to know besides the key. */
struct pick {
	struct hr_worker *w;
	uint64_t now_us;
	uint16_t params;
};

static bool tuple_taken(void *arg, const struct hr_flow_key *k)
{
	struct pick *p = arg;
	struct hr_worker *w = p->w;
	uint32_t ref;

	/* A port we listen on must answer strangers, not be half of a connection of ours. */
	if (hr_listeners_find(w->listeners, k->laddr_id, k->lport) != 0)
		return true;
	ref = hr_table_find(w->table, k, hr_table_hash(w->table, k));
	if (ref == 0)
		return false;
	if (hr_ref_type(ref) != HR_REF_TW4 && hr_ref_type(ref) != HR_REF_TW6)
		return true;
	return !hr_tw_reusable(&w->tcp, hr_tw_of(w, ref), p->params, p->now_us);
}

static int pick_port(struct hr_worker *w, struct hr_flow_key *k, uint16_t wanted, struct pick *p)
{
	if (wanted != 0) {
		k->lport = wanted;
		if (tuple_taken(p, k))
			return -EADDRINUSE;
		/* Replies would arrive at another worker. */
		return w->multi && hr_owner(w, k) != w->index ? -EADDRNOTAVAIL : 0;
	}
	if (hr_ports_pick(w->ports, k, hr_laddr(w->ip, k->laddr_id)->b, tuple_taken, p) < 0) {
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
static int start(struct hr_worker *w, struct conn *c, const struct hr_flow_key *k, uint16_t nexthop,
	uint16_t params, uint64_t now_us)
{
	uint64_t hash = hr_table_hash(w->table, k);
	uint32_t old = hr_table_find(w->table, k, hash);
	struct tcp_path path = {.mtu = hr_nexthop(w->ip, nexthop)->mtu, .params = params};

	c->tcb.key = *k;
	if (hr_conn_enter(w, c, hash, old) < 0) {
		hr_count(&w->m, HR_C_no_memory);
		return -ENOMEM;
	}
	if (old != 0) {
		hr_tw_kill(w, old);
		hr_count(&w->m, HR_C_time_wait_reused);
	}
	c->nexthop = nexthop;
	c->eflags |= EF_ACTIVE;
	hr_tcp_connect(&w->tcp, &c->tcb, &path, now_us);
	hr_count(&w->m, HR_C_conns_opened);
	hr_conn_dirty(w, c);
	return 0;
}

int hr_connect(struct hr_worker *w, const struct hr_ip *remote, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_connect_opts *opts, hr_conn *handle)
{
	struct pick p = {.w = w, .now_us = hr_worker_time(w)};
	struct hr_flow_key k;
	uint32_t laddr_id;
	uint16_t nexthop;
	struct conn *c;
	int rc, app_id, params;

	if (port == 0 || app == NULL || app->on_data == NULL ||
		(remote->family != 4 && remote->family != 6) || !hr_ip_unicast(w->ip, remote) ||
		hr_laddr_find(w->ip, remote->family, remote->b) != 0)
		return -EINVAL;
	app_id = hr_app_add(w, app);
	params = pick_params(w, opts);
	if (app_id < 0 || params < 0)
		return app_id < 0 ? app_id : params;
	rc = pick_local(w, remote, opts, &laddr_id);
	if (rc < 0)
		return rc;
	nexthop = hr_route(w->ip, laddr_id, remote, p.now_us);
	if (nexthop == 0)
		return -ENETUNREACH;
	p.params = (uint16_t)params;
	hr_key_of(&k, laddr_id, remote->family, remote->b, 0, port);
	rc = pick_port(w, &k, opts != NULL ? opts->local_port : 0, &p);
	if (rc < 0)
		goto unroute;
	c = hr_conn_alloc(w);
	rc = c == NULL ? -ENOMEM : start(w, c, &k, nexthop, p.params, p.now_us);
	if (rc < 0) {
		if (c != NULL)
			hr_conn_discard(w, c);
		goto unroute;
	}
	c->app = (uint16_t)app_id;
	c->user = user;
	*handle = hr_conn_handle(w, c);
	return 0;

unroute:
	hr_nexthop_put(w->ip, nexthop);
	return rc;
}
