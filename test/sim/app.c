/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The applications at both ends and the oracle on their streams: what arrives is a prefix of what
 * was sent, EOF means all of it, on_close comes once and last, and a connection whose both ends
 * behaved ends in order.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

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

/* Connections may end in any way, and nothing is said of how much arrived. */
static bool lenient(const struct world *w)
{
	return w->starved || w->impatient || w->jumped;
}

/* --- sending --------------------------------------------------------------------------------- */

/* Calls that come too late: nothing may be sent behind a FIN, and a second FIN is none. */
static void pester(struct hr_worker *w, void *arg)
{
	struct sim_end *e = arg;
	int64_t took;

	if (e->closed)
		return;
	sim_check_call(e, E_SEND);
	took = hr_send(e->worker, e->c, "x", 1);
	if (took != -EPIPE && took != -ESTALE && took != -ENOTCONN)
		sim_violation(e->w, "%s: hr_send() after the end says %ld", who(e), (long)took);
	sim_check_call(e, E_SHUTDOWN);
	(void)hr_shutdown(e->worker, e->c);
}

static void shut(struct sim_end *e)
{
	if (e->shut)
		return;
	e->shut = true;
	if (e->plan == PLAN_CLOSE_EOF) {
		/* All was read (EOF was told), so nothing is lost by it. */
		sim_check_call(e, E_CLOSE);
		if (hr_close(e->worker, e->c) != 0)
			sim_violation(e->w, "%s: hr_close() of a live connection fails", who(e));
	} else {
		sim_check_call(e, E_SHUTDOWN);
		if (hr_shutdown(e->worker, e->c) != 0)
			sim_violation(e->w, "%s: hr_shutdown() of a live connection fails", who(e));
	}
	if (!e->w->healed && chance(e->w->ch, PERCENT(20)))
		(void)hr_timer_start(e->worker, choose(e->w->ch, 1000000), pester, e);
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
	bool pull = e->mix ? choose(e->w->ch, 2) != 0 : e->pull;

	sim_check_call(e, E_SEND);
	if (pull)
		return hr_send_pull(e->worker, e->c, n);
	fill(e->key, e->sent, buf, n);
	return hr_send(e->worker, e->c, buf, n);
}

/* True: the sender waits for a timer. */
static bool pause_now(struct sim_end *e)
{
	struct choice *ch = e->w->ch;

	if (e->w->healed || !chance(ch, e->pause_ppm))
		return false;
	e->waiting = hr_timer_start(e->worker, choose(ch, e->pause_us), pump_later, e) != 0;
	return e->waiting;
}

static void pump(struct sim_end *e)
{
	struct choice *ch = e->w->ch;

	if (!e->opened || e->closed || e->shut || e->waiting || e->given_up)
		return;
	while (e->sent < e->total) {
		uint32_t most = chance(ch, PERCENT(30)) ? 100 : CHUNK_MAX - 1;
		uint32_t n =
			(uint32_t)RTE_MIN((uint64_t)most - choose(ch, most), e->total - e->sent);
		int64_t took = send_some(e, n);

		if (took < 0) {
			/* The core may know of the end already, on_close follows. */
			if (took != -ESTALE && took != -EPIPE)
				sim_violation(
					e->w, "%s: sending fails with %ld", who(e), (long)took);
			return;
		}
		e->sent += (uint64_t)took;
		if (took > 0 && chance(ch, e->urgent_ppm))
			(void)hr_urgent(e->worker, e->c);
		if ((uint64_t)took < n)
			return; /* on_writable follows */
		if (pause_now(e))
			return;
	}
	if (e->plan == PLAN_SHUT || e->eof ||
		(e->hasty && (e->plan == PLAN_CLOSE || e->plan == PLAN_ABORT)))
		shut(e);
}

/* --- receiving ------------------------------------------------------------------------------- */

static void resume(struct hr_worker *w, void *arg)
{
	struct sim_end *e = arg;

	if (!e->closed)
		hr_resume(e->worker, e->c);
}

bool sim_app_taint(struct world *w, enum sim_side side, const struct sim_pkt *k, uint32_t at)
{
	unsigned worker;
	uint32_t ref;
	const struct conn *c =
		sim_conn_of(w, side == CLIENT ? SERVER : CLIENT, k, true, &worker, &ref);
	const struct sim_end *sender = c != NULL ? c->user : NULL;

	for (unsigned i = 0; i < w->n_ends; i++)
		if (w->ends[i] == sender && sender->peer != NULL &&
			sender->peer->taints < SIM_TAINTS) {
			struct sim_end *e = sender->peer;

			e->taint[e->taints++] = k->seq + at - c->tcb.iss - 1;
			return true;
		}
	return false;
}

static bool tainted(const struct sim_end *e, uint64_t offset)
{
	for (unsigned i = 0; i < e->taints; i++)
		if (e->taint[i] == offset)
			return true;
	return false;
}

static void check(struct sim_end *e, const uint8_t *data, uint32_t len)
{
	bool broken = e->w->broken != NULL && strcmp(e->w->broken, "stream") == 0;

	for (uint32_t i = 0; e->peer != NULL && i < len; i++)
		if ((data[i] != content(e->peer->key, e->rcvd + i) && !tainted(e, e->rcvd + i)) ||
			(broken && e->rcvd + i == 20000)) {
			sim_violation(e->w, "%s: byte %lu of the stream is wrong", who(e),
				(unsigned long)(e->rcvd + i));
			return;
		}
}

/* How much of it the application takes now. */
static size_t appetite(struct sim_end *e, size_t all)
{
	struct choice *ch = e->w->ch;
	uint32_t take;

	if (!e->lazy || e->w->healed || !chance(ch, PERCENT(50)))
		return all;
	take = (uint32_t)all - choose(ch, (uint32_t)all + 1);
	if (take < all && hr_timer_start(e->worker, choose(ch, 1000000), resume, e) == 0)
		return all;
	return take;
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
	take = appetite(e, all);
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
	if (e->peer != NULL && e->rcvd != e->peer->sent && !e->haunted)
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

static void on_urgent(struct hr_worker *w, hr_conn c, void *user, uint32_t ahead)
{
	struct sim_end *e = user;

	if (e->closed)
		sim_violation(e->w, "%s: urgent data after the end", who(e));
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

/* --- life ----------------------------------------------------------------------------------------
 */

static struct sim_end *end_new(struct world *w, enum sim_side side)
{
	struct sim_end *e = calloc(1, sizeof(*e));

	must(e != NULL && w->n_ends < SIM_MAX_ENDS);
	w->ends[w->n_ends++] = e;
	e->w = w;
	e->side = side;
	return e;
}

/* The same tuple once more: the peer may be in TIME-WAIT, or we are. */
static void connect_again(struct sim_end *old)
{
	struct world *w = old->w;
	struct choice *ch = w->ch;
	struct sim_end *e;

	if (w->n_ends + SIM_MAX_CONNS >= SIM_MAX_ENDS)
		return;
	e = end_new(w, CLIENT);
	sim_roll_app(e);
	e->worker = old->worker;
	e->local_port = old->local_port;
	e->remote_port = old->remote_port;
	e->again = (uint8_t)(old->again - 1);
	sim_event_add(w, (struct sim_event){.at_us = w->now_us + choose(ch, 4000000),
				 .end = e,
				 .act = sim_app_connect});
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct sim_end *e = user;

	if (e->closed)
		sim_violation(e->w, "%s: on_close twice", who(e));
	e->closed = true;
	e->reason = (uint8_t)reason;
	if (reason == HR_REFUSED)
		reach(e->w->reached, R_REFUSED);
	if (reason == HR_TIMEOUT || reason == HR_KEEPALIVE)
		sim_check_gone(e);
	sim_log(e->w, "%s port %u closed: reason %u, sent %lu of %lu, received %lu", who(e),
		e->local_port, reason, (unsigned long)e->sent, (unsigned long)e->total,
		(unsigned long)e->rcvd);
	if (e->again > 0 && !e->crossing)
		connect_again(e);
}

/* hr_close() or hr_abort() at a random time. */
static void give_up(struct sim_end *e)
{
	if (e->closed || !e->connected || e->given_up)
		return;
	e->given_up = true;
	sim_log(e->w, "%s port %u gives up (%s)", who(e), e->local_port,
		e->plan == PLAN_ABORT ? "abort" : "close");
	sim_check_call(e, e->plan == PLAN_ABORT ? E_ABORT : E_CLOSE);
	if (e->plan == PLAN_ABORT)
		hr_abort(e->worker, e->c);
	else
		hr_close(e->worker, e->c);
}

static void plan_the_end(struct sim_end *e)
{
	struct choice *ch = e->w->ch;
	uint32_t within_us;

	if (e->plan != PLAN_CLOSE && e->plan != PLAN_ABORT)
		return;
	within_us = PICK(ch, 5000000, 1000000, 100000, 1000);
	sim_event_add(e->w,
		(struct sim_event){
			.at_us = e->w->now_us + choose(ch, within_us), .end = e, .act = give_up});
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

static struct sim_end *client_of(struct world *w, uint16_t port, uint32_t iss)
{
	for (unsigned i = w->n_ends; i-- > 0;)
		if (w->ends[i]->side == CLIENT && w->ends[i]->connected &&
			w->ends[i]->local_port == port && w->ends[i]->iss == iss &&
			!w->ends[i]->crossing)
			return w->ends[i];
	return NULL;
}

/* A full table of half-open connections, or one without memory, answers with cookies. */
static bool cookies_out(const struct world *w)
{
	return world_counter(w, SERVER, "syn_cookies_sent") != 0;
}

static void server_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct world *world = user;
	struct sim_end *e = end_new(world, SERVER), *client;
	struct hr_conn_info info;
	const struct tcb *t;

	e->worker = w;
	e->c = c;
	e->connected = true;
	if (hr_set_user(w, c, e) != 0 || hr_conn_info(w, c, &info) != 0) {
		sim_violation(world, "server: a connection is stale in its own on_open");
		return;
	}
	e->local_port = info.remote_port;
	t = &hr_conn_get(w, c)->tcb;
	/* Nothing was consumed yet. */
	client = client_of(
		world, info.remote_port, t->rcv_nxt - t->rcv_held - !!(t->flags & TF_FIN_RCVD) - 1);
	if (client == NULL)
		sim_violation(world, "server: a connection from port %u, which no client has",
			info.remote_port);
	if (client == NULL || client->peer != NULL) {
		/* An old duplicate, or a cookie that outlived its connection: it must die by
		 * itself. */
		reach(world->reached, R_GHOST);
		/* A cookie is good for its whole life (RFC 4987 3.6): the ACK that brought it may
		 * open the same sequence numbers again behind an abort. */
		if (client != NULL)
			client->haunted = cookies_out(world);
		world->ghosts++;
		e->plan = PLAN_CLOSE;
		e->opened = true;
		give_up(e);
		return;
	}
	e->peer = client;
	client->peer = e;
	sim_roll_app(e);
	e->again = 0;
	/* Somebody has to shut first. */
	if ((client->plan == PLAN_AFTER_EOF || client->plan == PLAN_CLOSE_EOF) &&
		(e->plan == PLAN_AFTER_EOF || e->plan == PLAN_CLOSE_EOF))
		e->plan = PLAN_SHUT;
	opened(e);
	if (!e->closed)
		plan_the_end(e);
}

/* A port that was asked for belongs to one of the workers. */
static int connect_on_some(struct sim_end *e)
{
	struct world *w = e->w;
	const struct hr_connect_opts opts = {.local_port = e->local_port};
	unsigned n = hr_engine_workers(w->engine[e->side]);
	int rc = 0;

	for (unsigned i = 0; i < n; i++) {
		rc = hr_connect(e->worker, &w->addr[1 - e->side], e->remote_port, &sim_client_app,
			e, &opts, &e->c);
		if (rc != -EADDRNOTAVAIL || e->local_port == 0)
			break;
		e->worker =
			hr_engine_worker(w->engine[e->side], (hr_worker_index(e->worker) + 1) % n);
	}
	return rc;
}

/* Nothing was sent yet: the connection may be moved in sequence space. */
static void move_near_wrap(struct sim_end *e)
{
	struct conn *c = hr_conn_get(e->worker, e->c);
	uint32_t to = PICK(e->w->ch, 0, 0x80000000u) - 1 - choose(e->w->ch, 30000), delta;

	if (c == NULL)
		return;
	delta = to - c->tcb.iss;
	c->tcb.iss += delta;
	c->tcb.snd_una += delta;
	c->tcb.snd_nxt += delta;
	c->tcb.snd_end += delta;
	/* Its timestamps, too: a few seconds before 2^32. */
	c->tcb.ts_off = (uint32_t)-choose(e->w->ch, 4000) - (uint32_t)(e->w->now_us / 1000);
}

/* RFC 9293 3.10.2, 3.10.4: in SYN-RECEIVED sending waits for on_open, CLOSE waits for the
 * handshake. */
static void poke(struct sim_end *e)
{
	int64_t took;

	if (e->opened || e->closed || e->shut || e->given_up)
		return;
	sim_check_call(e, E_SEND);
	took = hr_send(e->worker, e->c, "x", 1);
	if (took != -ENOTCONN && took != -ESTALE)
		sim_violation(e->w, "%s: hr_send() before on_open says %ld", who(e), (long)took);
	if (took == -ENOTCONN && e->plan == PLAN_SHUT && choose(e->w->ch, 2)) {
		e->total = 0;
		shut(e);
	}
}

void sim_app_crossed(struct world *w, const struct conn *c)
{
	for (unsigned i = 0; i < w->n_ends; i++)
		if (w->ends[i] == c->user && chance(w->ch, PERCENT(40)))
			sim_event_add(
				w, (struct sim_event){.at_us = w->now_us + choose(w->ch, 2000),
					   .end = w->ends[i],
					   .act = poke});
}

void sim_app_connect(struct sim_end *e)
{
	struct world *w = e->w;
	struct hr_conn_info info;
	bool again = e->local_port != 0 && !e->crossing;
	int rc = connect_on_some(e);

	if (rc != 0) {
		/* The old connection of the tuple may be alive, or its TIME-WAIT too young. */
		if (!(again && (rc == -EADDRINUSE || rc == -EADDRNOTAVAIL)) && !lenient(w))
			sim_violation(w, "hr_connect() fails with %d", rc);
		e->closed = true;
		return;
	}
	if (again)
		reach(w->reached, R_AGAIN);
	e->connected = true;
	if (hr_conn_info(e->worker, e->c, &info) != 0)
		sim_violation(w, "a new connection is stale");
	e->local_port = info.local_port;
	/* The ISS of a tuple that is used again is above the last one's for a reason. */
	if (e->near_wrap && !again && e->again == 0)
		move_near_wrap(e);
	e->iss = hr_conn_get(e->worker, e->c)->tcb.iss;
	sim_log(w, "%s port %u connects: plan %u, %lu bytes", who(e), e->local_port, e->plan,
		(unsigned long)e->total);
	sim_check_call(e, E_SEND);
	if (hr_send(e->worker, e->c, "x", 1) != -ENOTCONN)
		sim_violation(w, "hr_send() before on_open does not say -ENOTCONN");
	if (e->plan == PLAN_SHUT && chance(w->ch, PERCENT(2))) {
		/* RFC 9293 3.10.4: nothing of a connection in SYN-SENT outlives CLOSE. */
		e->given_up = true;
		shut(e);
	}
	plan_the_end(e);
}

/* --- the judgement
 * -------------------------------------------------------------------------------- */

/*
 * A listener forgets a handshake when its last ACK stays lost beyond the last SYN-ACK, or beyond
 * the life of a cookie (RFC 4987 3.6), and then resets what it cannot know. The client had not
 * heard anything of the server's stream.
 */
static bool handshake_forgotten(const struct sim_end *e, const struct sim_end *p)
{
	const struct sim_end *client = e->side == CLIENT ? e : p;

	return client != NULL && client->reason == HR_RESET && client->rcvd == 0 &&
	       (cookies_out(e->w) || world_counter(e->w, SERVER, "syn_expired") != 0);
}

/* A full table of TIME-WAIT forgets the oldest: who repeats a FIN then meets a stranger, and what
 * was not read yet is gone with the RST. */
static bool time_wait_forgotten(const struct sim_end *e, const struct sim_end *p)
{
	return p != NULL && e->reason == HR_RESET && p->reason == HR_CLOSED &&
	       e->sent == e->total && p->rcvd == e->total &&
	       world_counter(e->w, p->side, "time_wait_recycled") != 0;
}

void sim_app_judge(struct sim_end *e)
{
	const struct sim_end *p = e->peer;

	if (!e->connected)
		return;
	if (!e->closed) {
		sim_violation(e->w,
			"%s port %u: never closed (sent %lu of %lu, received %lu, eof %d)", who(e),
			e->local_port, (unsigned long)e->sent, (unsigned long)e->total,
			(unsigned long)e->rcvd, e->eof);
		return;
	}
	if (lenient(e->w))
		return;
	/* Both ends well-behaved: both must have got everything. */
	if (p == NULL ? e->given_up || e->side == SERVER : e->given_up || p->given_up)
		return;
	if (handshake_forgotten(e, p) || time_wait_forgotten(e, p))
		return;
	if (e->remote_port == SIM_PORT + 1 && p == NULL && e->reason == HR_REFUSED)
		return; /* as it should be */
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
	.on_urgent = on_urgent,
};

const struct hr_app sim_server_app = {
	.on_open = server_open,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_pull = on_pull,
	.on_urgent = on_urgent,
};
