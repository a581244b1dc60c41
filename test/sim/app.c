/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The applications at both ends and the oracle on their streams: what arrives is a prefix of what
 * was sent, EOF means all of it, on_close comes once and last, and a connection whose both ends
 * behaved ends in order.
 */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define CHUNK_MAX 65536u

static uint8_t content(uint64_t key, uint64_t offset)
{
	return (uint8_t)(key + offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 29);
}

static void fill(uint64_t key, uint64_t offset, uint8_t *buf, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = content(key, offset + i);
}

static const char *who(const struct sim_end *e)
{
	return e->side == CLIENT ? "client" : "server";
}

void sim_app_roll(struct sim_end *e)
{
	static const enum sim_plan dice[] = {PLAN_SHUT, PLAN_SHUT, PLAN_SHUT, PLAN_SHUT,
		PLAN_AFTER_EOF, PLAN_AFTER_EOF, PLAN_CLOSE_EOF, PLAN_CLOSE_EOF, PLAN_CLOSE,
		PLAN_ABORT};
	uint32_t bits = hr_rng_below(&e->rng, 19);

	e->key = hr_rng_u64(&e->rng);
	e->total = bits == 0 ? 0 : hr_rng_below(&e->rng, 1u << bits);
	e->plan = dice[hr_rng_below(&e->rng, RTE_DIM(dice))];
	e->pull = hr_rng_chance(&e->rng, 0.3);
	e->mix = hr_rng_chance(&e->rng, 0.2);
	e->lazy = hr_rng_chance(&e->rng, 0.3);
}

/* --- sending
 * --------------------------------------------------------------------------------------------------------------
 */

static void shut(struct sim_end *e)
{
	if (e->shut)
		return;
	e->shut = true;
	if (e->plan == PLAN_CLOSE_EOF) {
		/* All was read (EOF was told), so nothing is lost by it. */
		if (hr_close(e->worker, e->c) != 0)
			sim_violation(e->w, "%s: hr_close() of a live connection fails", who(e));
	} else if (hr_shutdown(e->worker, e->c) != 0) {
		sim_violation(e->w, "%s: hr_shutdown() of a live connection fails", who(e));
	}
}

static void pump(struct sim_end *e);

static void pump_later(struct hr_worker *w, void *arg)
{
	struct sim_end *e = arg;

	e->waiting = false;
	if (!e->closed)
		pump(e);
}

static int64_t send_some(struct sim_end *e, uint32_t n)
{
	static uint8_t buf[CHUNK_MAX];
	bool pull = e->mix ? hr_rng_chance(&e->rng, 0.5) : e->pull;

	if (pull)
		return hr_send_pull(e->worker, e->c, n);
	fill(e->key, e->sent, buf, n);
	return hr_send(e->worker, e->c, buf, n);
}

static void pump(struct sim_end *e)
{
	if (!e->opened || e->closed || e->shut || e->waiting || e->given_up)
		return;
	while (e->sent < e->total) {
		uint32_t n = 1 + hr_rng_below(&e->rng,
					 hr_rng_chance(&e->rng, 0.3) ? 100 : CHUNK_MAX - 1);
		int64_t took;

		n = (uint32_t)RTE_MIN((uint64_t)n, e->total - e->sent);
		took = send_some(e, n);
		if (took < 0) {
			/* The core may know of the end already, on_close follows. */
			if (took != -ESTALE && took != -EPIPE)
				sim_violation(
					e->w, "%s: sending fails with %ld", who(e), (long)took);
			return;
		}
		e->sent += (uint64_t)took;
		if ((uint64_t)took < n)
			return; /* on_writable follows */
		if (hr_rng_chance(&e->rng, 0.1) && !e->w->healed) {
			e->waiting = hr_timer_start(e->worker, hr_rng_below(&e->rng, 500000),
					     pump_later, e) != 0;
			if (e->waiting)
				return;
		}
	}
	if (e->plan == PLAN_SHUT || e->eof)
		shut(e);
}

/* --- receiving
 * ------------------------------------------------------------------------------------------------------------
 */

static void resume(struct hr_worker *w, void *arg)
{
	struct sim_end *e = arg;

	if (!e->closed)
		hr_resume(e->worker, e->c);
}

static void check(struct sim_end *e, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; e->peer != NULL && i < len; i++)
		if (data[i] != content(e->peer->key, e->rcvd + i)) {
			sim_violation(e->w, "%s: byte %lu of the stream is wrong", who(e),
				(unsigned long)(e->rcvd + i));
			return;
		}
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct sim_end *e = user;
	size_t all = 0, take, done = 0;

	if (e->closed || e->eof)
		sim_violation(e->w, "%s: data after the end", who(e));
	for (unsigned i = 0; i < n; i++)
		all += s[i].len;
	if (all == 0)
		sim_violation(e->w, "%s: on_data without data", who(e));
	take = all;
	if (e->lazy && !e->w->healed && hr_rng_chance(&e->rng, 0.5)) {
		take = hr_rng_below(&e->rng, (uint32_t)all + 1);
		if (take < all && hr_timer_start(w, hr_rng_below(&e->rng, 1000000), resume, e) == 0)
			take = all;
	}
	for (unsigned i = 0; i < n && done < take; i++) {
		uint32_t len = (uint32_t)RTE_MIN((size_t)s[i].len, take - done);

		check(e, s[i].data, len);
		e->rcvd += len;
		done += len;
	}
	if (e->peer != NULL && e->rcvd > e->peer->sent)
		sim_violation(e->w, "%s: received more than was sent", who(e));
	return take;
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct sim_end *e = user;

	if (e->eof || e->closed)
		sim_violation(e->w, "%s: on_eof twice or after on_close", who(e));
	e->eof = true;
	if (e->peer != NULL && e->rcvd != e->peer->sent)
		sim_violation(e->w, "%s: EOF after %lu bytes, the peer sent %lu", who(e),
			(unsigned long)e->rcvd, (unsigned long)e->peer->sent);
	if (e->sent == e->total)
		shut(e);
	else
		pump(e);
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	pump(user);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct sim_end *e = user;

	if (e->closed)
		sim_violation(e->w, "%s: on_close twice", who(e));
	e->closed = true;
	e->reason = (uint8_t)reason;
	sim_log(e->w, "%s port %u closed: reason %u, sent %lu of %lu, received %lu", who(e),
		e->local_port, reason, (unsigned long)e->sent, (unsigned long)e->total,
		(unsigned long)e->rcvd);
}

static void on_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len)
{
	struct sim_end *e = user;

	if (offset + len > e->sent + CHUNK_MAX)
		sim_violation(e->w, "%s: on_pull for bytes %lu to %lu, %lu were sent", who(e),
			(unsigned long)offset, (unsigned long)(offset + len),
			(unsigned long)e->sent);
	fill(e->key, offset, buf, len);
}

/* --- life
 * -------------------------------------------------------------------------------------------------------------------
 */

/* hr_close() or hr_abort() at a random time. */
static void give_up(struct sim_end *e)
{
	if (e->closed || !e->connected || e->given_up)
		return;
	e->given_up = true;
	sim_log(e->w, "%s port %u gives up (%s)", who(e), e->local_port,
		e->plan == PLAN_ABORT ? "abort" : "close");
	if (e->plan == PLAN_ABORT)
		hr_abort(e->worker, e->c);
	else
		hr_close(e->worker, e->c);
}

static void plan_the_end(struct sim_end *e)
{
	if (e->plan == PLAN_CLOSE || e->plan == PLAN_ABORT)
		sim_event_add(e->w,
			(struct sim_event){.at_us = e->w->now_us + hr_rng_below(&e->rng, 5000000),
				.end = e,
				.act = give_up});
}

static void opened(struct sim_end *e)
{
	if (e->opened || e->closed)
		sim_violation(e->w, "%s: on_open twice or after on_close", who(e));
	e->opened = true;
	pump(e);
}

static void client_open(struct hr_worker *w, hr_conn c, void *user)
{
	opened(user);
}

static struct sim_end *client_of_port(struct world *w, uint16_t port)
{
	for (unsigned i = w->n_conns; i-- > 0;)
		if (w->ends[i]->connected && w->ends[i]->local_port == port)
			return w->ends[i];
	return NULL;
}

static void server_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct world *world = user;
	struct sim_end *e, *client;
	struct hr_conn_info info;

	must(world->n_ends < SIM_MAX_ENDS);
	e = calloc(1, sizeof(*e));
	must(e != NULL);
	world->ends[world->n_ends++] = e;
	e->w = world;
	e->worker = w;
	e->side = SERVER;
	e->c = c;
	e->connected = true;
	if (hr_set_user(w, c, e) != 0 || hr_conn_info(w, c, &info) != 0) {
		sim_violation(world, "server: a connection is stale in its own on_open");
		return;
	}
	e->local_port = info.remote_port;
	client = client_of_port(world, info.remote_port);
	if (client == NULL)
		sim_violation(world, "server: a connection from port %u, which no client has",
			info.remote_port);
	if (client == NULL || client->peer != NULL) {
		/* An old duplicate, or a cookie that outlived its connection: it must die by
		 * itself. */
		world->ghosts++;
		hr_rng_seed(&e->rng, world->seed);
		e->plan = PLAN_CLOSE;
		e->opened = true;
		give_up(e);
		return;
	}
	e->peer = client;
	client->peer = e;
	hr_rng_seed(&e->rng, world->seed * 1000003 + info.remote_port);
	sim_app_roll(e);
	/* Somebody has to shut first. */
	if ((client->plan == PLAN_AFTER_EOF || client->plan == PLAN_CLOSE_EOF) &&
		(e->plan == PLAN_AFTER_EOF || e->plan == PLAN_CLOSE_EOF))
		e->plan = PLAN_SHUT;
	opened(e);
	if (!e->closed)
		plan_the_end(e);
}

void sim_app_connect(struct sim_end *e)
{
	struct world *w = e->w;
	struct hr_conn_info info;
	int rc;

	sim_app_roll(e);
	rc = hr_connect(e->worker, &w->addr[SERVER], SIM_PORT, &sim_client_app, e, NULL, &e->c);
	if (rc != 0) {
		sim_violation(w, "hr_connect() fails with %d", rc);
		e->closed = true;
		return;
	}
	e->connected = true;
	if (hr_conn_info(e->worker, e->c, &info) != 0)
		sim_violation(w, "a new connection is stale");
	e->local_port = info.local_port;
	sim_log(w, "client port %u connects: plan %u, %lu bytes", e->local_port, e->plan,
		(unsigned long)e->total);
	plan_the_end(e);
}

void sim_app_judge(struct sim_end *e)
{
	const struct sim_end *p = e->peer, *client;

	if (!e->connected)
		return;
	if (!e->closed) {
		sim_violation(e->w,
			"%s port %u: never closed (sent %lu of %lu, received %lu, eof %d)", who(e),
			e->local_port, (unsigned long)e->sent, (unsigned long)e->total,
			(unsigned long)e->rcvd, e->eof);
		return;
	}
	/* Both ends well-behaved: both must have got everything. */
	if (p == NULL ? e->given_up || e->side == SERVER : e->given_up || p->given_up)
		return;
	/*
	 * A listener forgets a handshake when its last ACK stays lost beyond the last SYN-ACK, or
	 * beyond the life of a cookie (RFC 4987 3.6), and then resets what it cannot know. The
	 * client had not heard anything of the server's stream.
	 */
	client = e->side == CLIENT ? e : p;
	if (client != NULL && client->reason == HR_RESET && client->rcvd == 0 &&
		(e->w->cookies || world_counter(e->w, SERVER, "syn_expired") != 0))
		return;
	if (p == NULL || e->rcvd != p->total || e->sent != e->total || !e->eof) {
		sim_violation(e->w,
			"%s port %u: ended for reason %u with %lu of %lu bytes received, %lu of "
			"%lu sent, eof %d",
			who(e), e->local_port, e->reason, (unsigned long)e->rcvd,
			(unsigned long)(p != NULL ? p->total : 0), (unsigned long)e->sent,
			(unsigned long)e->total, e->eof);
		return;
	}
	/*
	 * Everything arrived. Only the very last ACK may have been lost for longer than the other
	 * end stays in TIME-WAIT: then the end that repeats its FIN meets a stranger.
	 */
	if (e->reason != HR_CLOSED && p->reason != HR_CLOSED)
		sim_violation(e->w, "%s port %u: all arrived, yet the reasons are %u and %u",
			who(e), e->local_port, e->reason, p->reason);
}

const struct hr_app sim_client_app = {
	.on_open = client_open,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_pull = on_pull,
};

const struct hr_app sim_server_app = {
	.on_open = server_open,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_pull = on_pull,
};
