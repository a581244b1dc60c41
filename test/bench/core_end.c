/* SPDX-License-Identifier: BSD-3-Clause */
#include "core_end.h"

#include <stdlib.h>

#include "common/eal.h"

#define POOL 4095

/* Both ends of connection i: addresses 10.x and port 80 on the server. */
static void key_of(struct hr_flow_key *k, uint32_t i, bool server)
{
	uint16_t client_port = (uint16_t)(1024 + i % 60000);

	memset(k, 0, sizeof(*k));
	k->laddr_id = server ? 1 : 1 + i / 60000;
	k->lport = server ? 80 : client_port;
	k->rport = server ? client_port : 80;
	k->raddr4 = server ? 0x0a000001 + i / 60000 : 0x0b000001;
}

/* Objects will be handed out in an order that no prefetcher guesses, as by an engine that has been
 * running for a while; and their pages are there. */
static void shuffle(const struct bench *b, struct hr_slab *s, uint32_t n)
{
	uint32_t *order = bench_shuffled(b, n, n);

	for (uint32_t i = 0; i < n; i++) {
		void *p = hr_slab_alloc(s);

		if (p == NULL)
			bench_die(b, "no memory for %u objects of slab %s", n, s->name);
		memset(p, 0, s->stride);
	}
	for (uint32_t i = 0; i < n; i++)
		hr_slab_free(s, hr_slab_at(s, order[i] + 1));
	free(order);
}

static void open_slab(
	const struct bench *b, struct hr_slab *s, const char *name, size_t size, uint32_t max)
{
	char err[HR_ERRLEN];

	if (hr_slab_init(s, name, size, max, -1, err, sizeof(err)) < 0)
		bench_die(b, "%s", err);
	s->keep =
		true; /* memory is not given back between rounds: page faults are not the core's */
	if (max > 0)
		shuffle(b, s, max);
}

void core_end_open(const struct bench *b, struct core_end *e, uint32_t conns, bool server)
{
	static struct rte_mempool *pool;
	char err[HR_ERRLEN];

	memset(e, 0, sizeof(*e));
	if (pool == NULL)
		pool = test_pool(POOL);
	e->pool = pool;
	e->server = server;
	e->app_bytes = server ? CORE_RESPONSE : CORE_REQUEST;
	open_slab(b, &e->conns, "connections", sizeof(struct conn), conns);
	open_slab(b, &e->syns, "half-open", sizeof(struct tcp_syn), server ? conns : 1);
	open_slab(b, &e->tws, "time-wait4", sizeof(struct tcp_tw4), server ? conns : 1);
	open_slab(b, &e->ranges, "ranges", sizeof(struct tx_range), conns + 65536);
	open_slab(b, &e->exts, "tcb-ext", sizeof(struct tcb_ext), RTE_MIN(conns, 4096u));
	e->ctx.ranges = &e->ranges;
	e->ctx.exts = &e->exts;
	e->ctx.m = &e->m;
	e->ctx.mark_off = hr_mark_register(err, sizeof(err));
	must(e->ctx.mark_off > 0);
	e->ctx.params[0] = hr_tcp_params_default;
	e->ctx.n_params = 1;
	e->ctx.isn_key[0] = e->ctx.cookie_key[0] = server + 1;
	e->ref = calloc(conns, sizeof(*e->ref));
	e->tw = calloc(conns, sizeof(*e->tw));
	if (e->ref == NULL || e->tw == NULL)
		bench_die(b, "no memory for %u connections", conns);
}

void core_end_close(struct core_end *e)
{
	hr_slab_fini(&e->conns);
	hr_slab_fini(&e->syns);
	hr_slab_fini(&e->tws);
	hr_slab_fini(&e->ranges);
	hr_slab_fini(&e->exts);
	free(e->ref);
	free(e->tw);
}

void core_seg_of(struct tcp_seg *s, const struct tcp_out *o, const struct tcb *from)
{
	*s = (struct tcp_seg){.seq = o->seq,
		.ack = o->ack,
		.tsval = o->tsval,
		.tsecr = o->tsecr,
		.wnd = o->wnd,
		.mss = o->mss_opt,
		.payload_len = o->payload_len,
		.flags = o->flags,
		.opts = o->opts,
		.wscale = o->wscale,
		.tos = o->tos,
		.ttl = o->ttl,
		.family = 4};
	/* SACK blocks would need bytes in an mbuf; nothing is lost here. */
	must((o->opts & TCPO_SACK) == 0);
	if (from != NULL) {
		s->sport = from->key.lport;
		s->dport = from->key.rport;
	}
}

void core_arrive(struct core_end *e, struct tcp_seg *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		must(s[i].flags != 0);
		if (s[i].payload_len == 0)
			continue;
		s[i].m = rte_pktmbuf_alloc(e->pool);
		must(s[i].m != NULL);
		s[i].m->data_len = (uint16_t)s[i].payload_len;
		s[i].m->pkt_len = s[i].payload_len;
	}
}

/* --- stages */

static uint64_t stage_ends(struct core_end *e, enum core_stage stage, uint64_t since)
{
	uint64_t now = bench_tsc();

	e->cycles[stage] += now - since;
	return now;
}

/* One segment of output at most: what the bench's dialogue consists of. */
static void pull(struct core_end *e, struct conn *c, struct tcp_seg *s, uint64_t now_us)
{
	struct tcb *t = &c->tcb;
	struct tcp_out o;
	uint32_t events;

	s->flags = 0;
	while (hr_tcp_output(&e->ctx, t, RTE_MAX(t->snd_mss, 1u), now_us, &o, &events)) {
		must(s->flags == 0);
		core_seg_of(s, &o, t);
	}
	/* Only the cost counts: the engine would queue its timer by it. */
	must(hr_tcp_deadline(&e->ctx, t, now_us) != 0);
}

static void output(struct core_end *e, struct core_burst *x, uint64_t now_us)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (x->c[i] != NULL)
			pull(e, x->c[i], &x->seg[i], now_us);
}

static void say(struct core_end *e, struct tcb *t)
{
	hr_tcp_send_begin(&e->ctx, t);
	must(hr_tcp_send_room(&e->ctx, t) >= e->app_bytes);
	hr_tcp_send_pull(&e->ctx, t, e->app_bytes);
}

/* The application of either end, after the turn's segments. */
static void app(struct core_end *e, struct conn *c, uint64_t now_us)
{
	struct tcb *t = &c->tcb;
	bool answer = t->rcv_held > 0;

	if (answer)
		hr_tcp_consume(&e->ctx, t, t->rcv_held, now_us);
	if (hr_tcp_at_eof(t)) {
		if (!e->server)
			(void)hr_tcp_close(&e->ctx, t, false, now_us);
		return;
	}
	/* The client speaks first: when its connection is open. */
	if (!answer && e->server)
		return;
	say(e, t);
	if (e->server && e->closing)
		(void)hr_tcp_close(&e->ctx, t, false, now_us);
}

static const struct tcp_path path = {.mtu = 1500};

/* A segment for a half-open entry: the connection that it becomes. */
static struct conn *accept_entry(
	struct core_end *e, uint32_t i, const struct tcp_seg *s, uint64_t now_us)
{
	struct tcp_syn *syn = hr_slab_at(&e->syns, e->ref[i]);
	enum hr_drop drop;
	struct tcp_out o;
	struct conn *c;

	must(hr_syn_input(&e->ctx, syn, &path, s, now_us, &o, &drop) == SYN_ACCEPT);
	c = hr_slab_alloc(&e->conns);
	must(c != NULL);
	hr_tcp_accept(&e->ctx, &c->tcb, syn, &path, now_us);
	hr_slab_free(&e->syns, syn);
	c->pending = 0;
	e->ref[i] = hr_slab_index(&e->conns, c);
	return c;
}

/* What the end of a turn does with what is over. */
static void reap(struct core_end *e, struct core_burst *x, uint64_t now_us)
{
	for (uint32_t i = 0; i < x->n; i++) {
		struct conn *c = x->c[i];

		if (c == NULL || (c->tcb.state != TCPS_CLOSED && c->tcb.state != TCPS_TIME_WAIT))
			continue;
		if (c->tcb.state == TCPS_TIME_WAIT) {
			struct tcp_tw4 *tw = hr_slab_alloc(&e->tws);

			must(tw != NULL);
			memcpy(tw, &c->tcb.key, HR_KEY4_LEN);
			hr_tw_enter(&e->ctx, &tw->tw, &c->tcb, now_us);
			e->tw[x->first + i] = hr_slab_index(&e->tws, tw);
		}
		hr_tcp_release(&e->ctx, &c->tcb);
		hr_slab_free(&e->conns, c);
		e->ref[x->first + i] = 0;
		x->c[i] = NULL;
	}
}

/* --- bursts */

void core_connect(struct core_end *e, struct core_burst *x, uint64_t now_us)
{
	uint64_t since = bench_tsc();

	for (uint32_t i = 0; i < x->n; i++) {
		struct conn *c = hr_slab_alloc(&e->conns);

		must(c != NULL);
		key_of(&c->tcb.key, x->first + i, false);
		hr_tcp_connect(&e->ctx, &c->tcb, &path, now_us);
		e->ref[x->first + i] = hr_slab_index(&e->conns, c);
		x->c[i] = c;
	}
	since = stage_ends(e, CORE_APP, since);
	output(e, x, now_us);
	(void)stage_ends(e, CORE_OUTPUT, since);
}

void core_listen(struct core_end *e, struct core_burst *x, uint64_t now_us)
{
	struct hr_flow_key k[CORE_BURST];
	uint64_t since;

	for (uint32_t i = 0; i < x->n; i++)
		key_of(&k[i], x->first + i, true);
	since = bench_tsc();
	for (uint32_t i = 0; i < x->n; i++) {
		struct tcp_syn *syn = hr_slab_alloc(&e->syns);
		struct tcp_out o;

		must(syn != NULL);
		syn->key = k[i];
		must(hr_syn_open(&e->ctx, syn, &k[i], &path, &x->seg[i], now_us, &o) == DROP_NONE);
		syn->next = syn->prev = 0;
		syn->retries = 0;
		(void)hr_syn_set_due(syn, now_us + hr_syn_timeout_us(&e->ctx.params[0], 0));
		e->ref[x->first + i] = hr_slab_index(&e->syns, syn);
		core_seg_of(&x->seg[i], &o, NULL);
		x->seg[i].sport = k[i].lport;
		x->seg[i].dport = k[i].rport;
	}
	(void)stage_ends(e, CORE_INPUT, since);
}

void core_turn(struct core_end *e, struct core_burst *x, uint64_t now_us)
{
	bool handshake = e->server && e->syns.live > 0;
	uint64_t since;
	uint32_t events;

	core_arrive(e, x->seg, x->n);
	since = bench_tsc();
	for (uint32_t i = 0; i < x->n; i++) {
		x->c[i] = handshake ? NULL : hr_slab_at(&e->conns, e->ref[x->first + i]);
		if (handshake)
			core_fetch(
				hr_slab_at(&e->syns, e->ref[x->first + i]), sizeof(struct tcp_syn));
		else
			core_fetch(x->c[i], sizeof(struct conn));
	}
	for (uint32_t i = 0; i < x->n; i++) {
		if (handshake)
			x->c[i] = accept_entry(e, x->first + i, &x->seg[i], now_us);
		events = hr_tcp_input(&e->ctx, &x->c[i]->tcb, &x->seg[i], now_us);
		must(hr_tcp_ev_drop(events) == DROP_NONE);
		x->c[i]->pending = (uint16_t)events;
	}
	since = stage_ends(e, CORE_INPUT, since);
	for (uint32_t i = 0; i < x->n; i++)
		if (x->c[i]->pending & (TCP_EV_OPEN | TCP_EV_DATA | TCP_EV_EOF))
			app(e, x->c[i], now_us);
	since = stage_ends(e, CORE_APP, since);
	output(e, x, now_us);
	since = stage_ends(e, CORE_OUTPUT, since);
	reap(e, x, now_us);
	(void)stage_ends(e, CORE_FREE, since);
}

void core_forget(struct core_end *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (e->tw[i] != 0)
			hr_slab_free(&e->tws, hr_slab_at(&e->tws, e->tw[i]));
		e->tw[i] = 0;
	}
}
