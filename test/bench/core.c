/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TCP core alone (lib/tcp), in memory: two ends hand each other struct tcp_seg. Whole
 * connections (SYN to TIME-WAIT with one request and one response, six segments), requests and
 * responses on connections that stay, and bulk. All connections take each step before any takes the
 * next one, in an order that is not that of memory: with many of them each segment meets a
 * connection that has left the caches.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/eal.h"
#include "core_end.h"

struct world {
	struct bench *b;
	struct core_end end[2]; /* client, server */
	struct tcp_seg *link;   /* of connection i: what is under way */
	uint32_t n;
	uint64_t now_us;
};

static void world_open(struct world *w, struct bench *b, uint32_t n)
{
	memset(w, 0, sizeof(*w));
	w->b = b;
	w->n = n;
	w->now_us = 1000000;
	core_end_open(b, &w->end[0], n, false);
	core_end_open(b, &w->end[1], n, true);
	w->link = calloc(n, sizeof(*w->link));
	if (w->link == NULL)
		bench_die(b, "no memory for %u segments", n);
}

static void world_close(struct world *w)
{
	core_end_close(&w->end[0]);
	core_end_close(&w->end[1]);
	free(w->link);
}

typedef void (*step_fn)(struct core_end *e, struct core_burst *x, uint64_t now_us);

/* All connections take a step at one end. */
static void step(struct world *w, unsigned end, step_fn fn)
{
	struct core_burst x;

	for (x.first = 0; x.first < w->n; x.first += x.n) {
		x.n = RTE_MIN(w->n - x.first, (uint32_t)CORE_BURST);
		memcpy(x.seg, w->link + x.first, x.n * sizeof(*x.seg));
		fn(&w->end[end], &x, w->now_us);
		memcpy(w->link + x.first, x.seg, x.n * sizeof(*x.seg));
		w->now_us++;
	}
	w->now_us += 20;
}

/* SYN, SYN-ACK, ACK with the request: then the server's turn is next. */
static void open_all(struct world *w)
{
	step(w, 0, core_connect);
	step(w, 1, core_listen);
	step(w, 0, core_turn);
}

/* Response with FIN, FIN, ACK; the server is in TIME-WAIT, the client's is gone. */
static void finish_all(struct world *w)
{
	step(w, 1, core_turn);
	step(w, 0, core_turn);
	step(w, 1, core_turn);
	step(w, 0, core_turn);
}

static uint64_t end_cycles(const struct core_end *e)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CORE_STAGES; i++)
		sum += e->cycles[i];
	return sum;
}

static void forget_cycles(struct world *w)
{
	memset(w->end[0].cycles, 0, sizeof(w->end[0].cycles));
	memset(w->end[1].cycles, 0, sizeof(w->end[1].cycles));
}

/* Whole connections, n at a time. */
static void measure_conns(struct bench *b, uint32_t n, uint32_t total)
{
	static const char *const stage[CORE_STAGES] = {
		"conn_input", "conn_app", "conn_output", "conn_free"};
	uint32_t laps = RTE_MAX(total / n, 1u), warm = laps > 1;
	double conns = (double)laps * n;
	struct world w;

	world_open(&w, b, n);
	w.end[1].closing = true;
	for (uint32_t i = 0; i < laps + warm; i++) {
		if (i == warm)
			forget_cycles(&w);
		open_all(&w);
		finish_all(&w);
		must(w.end[0].conns.live + w.end[1].conns.live == 0 && w.end[1].tws.live == n);
		core_forget(&w.end[1], n);
	}
	bench_add(
		b, "conn_client", "cycles/conn", "conns", n, (double)end_cycles(&w.end[0]) / conns);
	bench_add(
		b, "conn_server", "cycles/conn", "conns", n, (double)end_cycles(&w.end[1]) / conns);
	for (unsigned i = 0; i < CORE_STAGES; i++)
		bench_add(b, stage[i], "cycles/conn/end", "conns", n,
			(double)(w.end[0].cycles[i] + w.end[1].cycles[i]) / 2 / conns);
	bench_add(b, "conn_end", "cycles/conn/end", "conns", n,
		(double)(end_cycles(&w.end[0]) + end_cycles(&w.end[1])) / 2 / conns);
	world_close(&w);
}

/* Requests and responses on n connections: cycles per segment, its input and what answers it. */
static void measure_keepalive(struct bench *b, uint32_t n, uint32_t total)
{
	uint32_t laps = RTE_MAX(total / n, 1u);
	double segments = 2.0 * laps * n;
	struct world w;

	world_open(&w, b, n);
	open_all(&w);
	for (unsigned i = 0; i < 2; i++) {
		step(&w, 1, core_turn);
		step(&w, 0, core_turn);
	}
	forget_cycles(&w);
	for (uint32_t i = 0; i < laps; i++) {
		step(&w, 1, core_turn);
		step(&w, 0, core_turn);
	}
	bench_add(b, "keepalive", "cycles/packet", "conns", n,
		(double)(end_cycles(&w.end[0]) + end_cycles(&w.end[1])) / segments);
	bench_add(b, "keepalive_input", "cycles/packet", "conns", n,
		(double)(w.end[0].cycles[CORE_INPUT] + w.end[1].cycles[CORE_INPUT]) / segments);
	bench_add(b, "keepalive_output", "cycles/packet", "conns", n,
		(double)(w.end[0].cycles[CORE_OUTPUT] + w.end[1].cycles[CORE_OUTPUT]) / segments);
	world_close(&w);
}

/* --- bulk */

/* What a turn of the engine gives to one connection. */
#define TURN_MAX (64u << 10)

/* All that leaves now, in segments. Returns how many. */
static unsigned emit(struct core_end *e, struct conn *c, struct tcp_seg *s, uint64_t now_us)
{
	struct tcb *t = &c->tcb;
	uint32_t budget = TURN_MAX / t->snd_mss * t->snd_mss, events;
	struct tcp_out o;
	unsigned n = 0;

	while (budget > 0 && hr_tcp_output(&e->ctx, t, budget, now_us, &o, &events)) {
		uint32_t left = o.payload_len;

		do {
			must(n < CORE_BURST);
			o.payload_len = RTE_MIN(left, (uint32_t)t->snd_mss);
			core_seg_of(&s[n++], &o, t);
			o.seq += o.payload_len;
			left -= o.payload_len;
			budget -= RTE_MIN(budget, o.payload_len);
		} while (left > 0);
	}
	must(hr_tcp_deadline(&e->ctx, t, now_us) != 0);
	return n;
}

/* n segments for a connection; what it says to them replaces them. */
static unsigned bulk_turn(
	struct core_end *e, uint32_t i, struct tcp_seg *s, unsigned n, uint64_t now_us)
{
	struct conn *c = hr_slab_at(&e->conns, e->ref[i]);
	struct tcp_seg out[CORE_BURST];
	uint64_t t[CORE_STAGES];
	unsigned said = 0;
	int64_t room;

	core_arrive(e, s, n);
	t[0] = bench_tsc();
	core_fetch(c, sizeof(*c));
	if (hr_tcp_deadline(&e->ctx, &c->tcb, now_us) <= now_us)
		(void)hr_tcp_expire(&e->ctx, &c->tcb, now_us);
	for (unsigned k = 0; k < n; k++) {
		if (c->tcb.flags & TF_ACK_NOW)
			said += emit(e, c, out + said, now_us);
		must(hr_tcp_ev_drop(hr_tcp_input(&e->ctx, &c->tcb, &s[k], now_us)) == DROP_NONE);
	}
	t[1] = bench_tsc();
	if (c->tcb.rcv_held > 0)
		hr_tcp_consume(&e->ctx, &c->tcb, c->tcb.rcv_held, now_us);
	room = e->server ? hr_tcp_send_room(&e->ctx, &c->tcb) : 0;
	if (room > 0) {
		hr_tcp_send_begin(&e->ctx, &c->tcb);
		hr_tcp_send_pull(&e->ctx, &c->tcb, (uint32_t)room);
	}
	t[2] = bench_tsc();
	said += emit(e, c, out + said, now_us);
	t[3] = bench_tsc();
	for (unsigned k = 0; k < CORE_FREE; k++)
		e->cycles[k] += t[k + 1] - t[k];
	memcpy(s, out, said * sizeof(*s));
	return said;
}

/* The server sends without end on n connections that take turns: cycles per full segment. */
static void measure_bulk(struct bench *b, uint32_t n, uint32_t total)
{
	unsigned *count = calloc(n, sizeof(*count));
	uint64_t segments = 0;
	struct tcp_seg *s;
	struct world w;
	bool warm = false;

	world_open(&w, b, n);
	open_all(&w);
	step(&w, 1, core_turn); /* the response opens the bulk */
	s = calloc((size_t)n * CORE_BURST, sizeof(*s));
	if (s == NULL || count == NULL)
		bench_die(b, "no memory for the segments of %u connections", n);
	for (uint32_t i = 0; i < n; i++) {
		s[(size_t)i * CORE_BURST] = w.link[i];
		count[i] = bulk_turn(&w.end[0], i, &s[(size_t)i * CORE_BURST], 1, w.now_us);
	}
	while (segments < total) {
		for (uint32_t i = 0; i < n; i++) {
			struct tcp_seg *mine = &s[(size_t)i * CORE_BURST];

			count[i] = bulk_turn(&w.end[1], i, mine, count[i], w.now_us);
			segments += count[i];
			count[i] = bulk_turn(&w.end[0], i, mine, count[i], w.now_us + 10);
			w.now_us++;
		}
		w.now_us += 20;
		/* Slow start is over. */
		if (!warm && segments > total / 10) {
			warm = true;
			segments = 0;
			forget_cycles(&w);
		}
	}
	bench_add(b, "bulk_sender", "cycles/segment", "conns", n,
		(double)end_cycles(&w.end[1]) / (double)segments);
	bench_add(b, "bulk_receiver", "cycles/segment", "conns", n,
		(double)end_cycles(&w.end[0]) / (double)segments);
	for (uint32_t i = 0; i < n; i++) {
		hr_tcp_release(&w.end[0].ctx,
			&((struct conn *)hr_slab_at(&w.end[0].conns, w.end[0].ref[i]))->tcb);
		hr_tcp_release(&w.end[1].ctx,
			&((struct conn *)hr_slab_at(&w.end[1].conns, w.end[1].ref[i]))->tcb);
	}
	world_close(&w);
	free(s);
	free(count);
}

static void one(struct bench *b)
{
	uint32_t total = b->quick ? 1000 : 1000000;

	bench_eal(b, 64);
	for (uint64_t n = 100; n <= b->max && n <= (b->quick ? 1000 : 1000000); n *= 100)
		measure_conns(b, (uint32_t)n, total);
	for (uint64_t n = 100; n <= b->max && n <= (b->quick ? 1000 : 10000000);
		n *= n == 1000000 ? 10 : 100)
		measure_keepalive(b, (uint32_t)n, total);
	measure_bulk(b, 1, total);
	measure_bulk(b, b->quick ? 10 : 1000, total);
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "core", .max = 1000000};

	return bench_main(&b, argc, argv, one);
}
