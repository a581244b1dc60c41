/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes wrong inside of a host, and what strangers do: the n-th allocation of a slab fails, a
 * pool is empty for a while, a port takes only a part, the clock jumps, and segments come from off
 * the path that never carry the one right number (RFC 5961, RFC 5927).
 */
#include <stdlib.h>

#include "sim.h"

#include "tcp/core.h"

static struct hr_worker *some_worker(struct world *w, enum sim_side *side)
{
	*side = (enum sim_side)choose(w->ch, 2);
	return hr_engine_worker(
		w->engine[*side], choose(w->ch, hr_engine_workers(w->engine[*side])));
}

static void fail_alloc(struct world *w, uint32_t arg)
{
	static const uint32_t slabs[] = {HR_MEM_RANGE, HR_MEM_EXT, HR_MEM_CONN, HR_MEM_SYN,
		HR_MEM_TW4, HR_MEM_TW6, HR_MEM_TIMER};
	enum sim_side side;
	struct hr_worker *hw = some_worker(w, &side);
	struct hr_slab *s = hr_worker_slab(hw, (enum hr_memory)choose_of(w->ch, slabs, 7));

	w->starved = true;
	reach(w->reached, R_ALLOC_FAIL);
	s->fail_after = 1 + choose(w->ch, 20);
}

static void give_back(struct world *w, uint32_t side)
{
	if (w->n_held[side] != 0)
		rte_pktmbuf_free_bulk(w->held[side], w->n_held[side]);
	free(w->held[side]);
	w->held[side] = NULL;
	w->n_held[side] = 0;
}

/* All but a few: with one packet a SYN can come in, and its answer finds none. */
static void steal(struct world *w, enum sim_side side, struct rte_mempool *mp)
{
	uint32_t spare = choose(w->ch, 3);
	struct rte_mbuf *m;

	while (w->n_held[side] < mp->size && (m = rte_pktmbuf_alloc(mp)) != NULL)
		w->held[side][w->n_held[side]++] = m;
	while (spare-- > 0 && w->n_held[side] > 0)
		rte_pktmbuf_free(w->held[side][--w->n_held[side]]);
}

/* What was freed meanwhile is taken, too. */
static void steal_more(struct world *w, uint32_t arg)
{
	enum sim_side side = (enum sim_side)(arg & 1);
	uint32_t worker = arg >> 1;

	/* An earlier thief of another worker's pool has gone when that was given back. */
	if (w->held[side] == NULL || w->healed || w->held_of[side] != worker)
		return;
	steal(w, side, hr_worker_pool(hr_engine_worker(w->engine[side], worker)));
	sim_event_add(w, (struct sim_event){.at_us = w->now_us + 20000 - choose(w->ch, 19990),
				 .world = steal_more,
				 .arg = arg});
}

void sim_empty_pool(struct world *w, enum sim_side side, uint32_t worker)
{
	struct rte_mempool *mp = hr_worker_pool(hr_engine_worker(w->engine[side], worker));

	if (w->held[side] != NULL || w->healed)
		return;
	w->held[side] = calloc(mp->size, sizeof(struct rte_mbuf *));
	must(w->held[side] != NULL);
	w->held_of[side] = worker;
	steal(w, side, mp);
	/* Neighbours may be given up for want of an ARP packet. */
	w->starved = w->jumped = true;
	reach(w->reached, R_POOL_EMPTY);
	sim_event_add(w, (struct sim_event){.at_us = w->now_us + choose(w->ch, 3000000),
				 .world = give_back,
				 .arg = side});
	steal_more(w, worker << 1 | side);
}

static void empty_pool(struct world *w, uint32_t arg)
{
	enum sim_side side;
	const struct hr_worker *hw = some_worker(w, &side);

	sim_empty_pool(w, side, hr_worker_index(hw));
}

static void fill_tx(struct world *w, uint32_t arg)
{
	enum sim_side side = (enum sim_side)choose(w->ch, 2);

	w->port[side].tx_full_until_us = w->now_us + choose(w->ch, 500000);
}

static void jump(struct world *w, uint32_t arg)
{
	uint32_t far_us = PICK(w->ch, 10000, 1000000, 30000000);

	w->now_us += choose(w->ch, far_us);
	w->jumped = true;
	reach(w->reached, R_CLOCK_JUMP);
}

/* --- off the path --------------------------------------------------------------------------------
 */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* Ethernet and IP headers from src to dst, l4_len bytes behind them. Returns where they begin. */
static uint8_t *write_ip(
	struct world *w, uint8_t *at, enum sim_side to, uint8_t proto, uint32_t l4_len)
{
	const uint8_t *dst = w->addr[to].b, *src = w->addr[1 - to].b;

	if (w->v6) {
		at[0] = 0x60;
		put16(at + 4, l4_len);
		at[6] = proto;
		at[7] = 64;
		memcpy(at + 8, src, 16);
		memcpy(at + 24, dst, 16);
		return at + 40;
	}
	at[0] = 0x45;
	put16(at + 2, 20 + l4_len);
	at[8] = 64;
	at[9] = proto;
	memcpy(at + 12, src, 4);
	memcpy(at + 16, dst, 4);
	return at + 20;
}

uint8_t *sim_forgery_begin(
	struct world *w, struct sim_forgery *f, enum sim_side to, uint8_t proto, uint32_t l4_len)
{
	memset(f, 0, sizeof(*f));
	f->b[0] = f->b[6] = 2;
	f->b[5] = (uint8_t)(to + 1);
	f->b[11] = (uint8_t)(2 - to);
	put16(f->b + 12, w->v6 ? 0x86dd : 0x0800);
	f->len = 14 + (w->v6 ? 40 : 20) + l4_len;
	return write_ip(w, f->b + 14, to, proto, l4_len);
}

static bool behind_fin(const struct tcb *t)
{
	return tcb_in(t, BIT(TCPS_CLOSE_WAIT) | BIT(TCPS_CLOSING) | BIT(TCPS_LAST_ACK));
}

static void forge_segment(
	struct world *w, const struct sim_end *e, const struct tcb *t, const struct tcb *peer)
{
	struct choice *ch = w->ch;
	uint32_t what = choose(ch, 5), seq, ack = t->snd_una;
	/* Nothing that the peer has sent can make this the next number. */
	uint32_t ahead = peer->snd_nxt + 1 + choose(ch, 3000);
	uint32_t behind = t->rcv_nxt - 1 - choose(ch, 100000);
	uint32_t ts = (t->flags & TF_TS) && choose(ch, 2) ? 12 : 0;
	uint32_t data = what == 2 ? 20 : 0;
	struct sim_forgery f;
	uint8_t *p = sim_forgery_begin(w, &f, e->side, 6, 20 + ts + data), flags = TCPF_ACK;

	seq = choose(ch, 2) ? behind : ahead;
	/* RFC 9293 3.10.7.4: what lies behind the peer's FIN is ignored. */
	if (data != 0 && behind_fin(t) && choose(ch, 2)) {
		flags |= choose(ch, 2) ? TCPF_FIN : 0;
		seq = t->rcv_nxt + (choose(ch, 2) ? 10 : 0);
		what = 5;
	}
	switch (what) {
	case 0:
		flags = (uint8_t)(TCPF_RST | (choose(ch, 2) ? TCPF_ACK : 0));
		reach(w->reached, R_FORGED_RST);
		break;
	case 1:
		flags = TCPF_SYN;
		reach(w->reached, R_FORGED_SYN);
		break;
	case 2: /* with a number that fits, but never the ACK; or the other way round */
		if (choose(ch, 2)) {
			seq = t->rcv_nxt;
			ack = t->snd_nxt + 1 + choose(ch, 1u << 30);
		} else {
			seq = behind - 100;
		}
		reach(w->reached, R_FORGED_DATA);
		break;
	case 5:
		reach(w->reached, R_FORGED_TAIL);
		break;
	default:
		ack = choose(ch, 2) ? t->snd_nxt + 1 + choose(ch, 1u << 30)
				    : t->snd_una - t->snd_max_wnd - 1 - choose(ch, 1u << 29);
		seq = t->rcv_nxt;
		reach(w->reached, R_FORGED_ACK);
		break;
	}
	put16(p, t->key.rport);
	put16(p + 2, t->key.lport);
	put32(p + 4, seq);
	put32(p + 8, flags & TCPF_ACK ? ack : 0);
	p[12] = (uint8_t)((20 + ts) << 2);
	p[13] = flags;
	put16(p + 14, 1000);
	if (ts != 0) {
		put32(p + 20, 0x0101080a);
		put32(p + 24, t->ts_recent + (what == 5 ? 0 : choose(ch, 100)));
		put32(p + 28, 0);
	}
	memset(p + 20 + ts, 0xee, data);
	sim_fix_checksums(f.b, f.len);
	sim_link_inject(&w->port[e->side], f.b, f.len, w->now_us);
}

/* RFC 5927: an error about something that is not in flight, or one that a live connection shrugs
 * off. */
static void forge_icmp(struct world *w, const struct sim_end *e, const struct tcb *t)
{
	struct choice *ch = w->ch;
	uint32_t hdr = w->v6 ? 40 : 20;
	bool too_big = choose(ch, 2) != 0;
	struct sim_forgery f;
	uint8_t *p = sim_forgery_begin(w, &f, e->side, w->v6 ? 58 : 1, 8 + hdr + 20), *q;

	reach(w->reached, R_FORGED_ICMP);
	p[0] = too_big && w->v6 ? 2 : w->v6 ? 1 : 3;
	p[1] = too_big ? (w->v6 ? 0 : 4) : (w->v6 ? 4 : 3);
	put16(p + 6, too_big ? 600 : 0);
	q = write_ip(w, p + 8, 1 - e->side, 6, 20);
	put16(q, t->key.lport);
	put16(q + 2, t->key.rport);
	put32(q + 4, too_big ? t->snd_nxt + 1 + choose(ch, 1u << 30) : t->snd_una);
	q[12] = 0x50;
	if (!w->v6)
		sim_fix_checksums(f.b + 8 + hdr, 14 + hdr + 20);
	sim_fix_checksums(f.b, f.len);
	sim_link_inject(&w->port[e->side], f.b, f.len, w->now_us);
}

static const struct conn *conn_of(const struct sim_end *e)
{
	return e->connected && !e->closed ? hr_conn_get(e->worker, e->c) : NULL;
}

static void forge(struct world *w, uint32_t arg)
{
	struct sim_end *e;
	const struct conn *c, *peer;

	if (arg > 0) /* a volley: the next one soon */
		sim_event_add(w, (struct sim_event){.at_us = w->now_us + choose(w->ch, 200000),
					 .world = forge,
					 .arg = arg - 1});
	if (w->n_ends == 0)
		return;
	e = w->ends[choose(w->ch, w->n_ends)];
	/* CLOSING does not last: whoever is there comes first. */
	for (unsigned i = 0; i < w->n_ends; i++)
		if ((c = conn_of(w->ends[i])) != NULL && c->tcb.state == TCPS_CLOSING)
			e = w->ends[i];
	c = conn_of(e);
	peer = e->peer != NULL ? conn_of(e->peer) : NULL;
	if (c == NULL || peer == NULL || !tcb_in(&c->tcb, TCPS_SYNCHRONISED) ||
		peer->tcb.state == TCPS_CLOSED)
		return;
	w->forged = true;
	if (choose(w->ch, 6) == 5)
		forge_icmp(w, e, &c->tcb);
	else
		forge_segment(w, e, &c->tcb, &peer->tcb);
}

void sim_faults_plan(struct world *w)
{
	static void (*const what[])(struct world *, uint32_t) = {
		forge, fill_tx, jump, empty_pool, fail_alloc, sim_stray, sim_flood};
	struct choice *ch = w->ch;
	uint32_t n = PICK(ch, 0, 0, 1, 3), which, at_us, arg;

	while (n-- > 0) {
		which = choose(ch, RTE_DIM(what));
		at_us = choose(ch, 4000000);
		arg = which == 0 || which == 5 ? choose(ch, 60) : 0;
		sim_event_add(
			w, (struct sim_event){
				   .at_us = w->start_us + at_us, .world = what[which], .arg = arg});
	}
}

void sim_faults_end(struct world *w)
{
	give_back(w, CLIENT);
	give_back(w, SERVER);
}
