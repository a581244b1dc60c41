/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flood of SYNs from neighbours that do not exist: addresses of the link that nobody answers for.
 * They come over the link, or from an embedding program that receives into memory of its own
 * (hr_worker_input()), now and then while the worker's pool is empty. Answers wait for addresses in
 * vain; honest connections must not be held up for longer than a repeated SYN takes.
 */
#include "sim.h"

#define FLOOD_AT_ONCE 64 /* SYNs of a volley */
#define FLOOD_MBUFS   200
#define FLOOD_TCP_LEN 20

/* SYN number n: each from a neighbour of its own, or four from each. */
static void make_syn(struct world *w, struct sim_forgery *f, uint32_t n, bool four)
{
	uint32_t host = 0x1000 + (four ? n / 4 : n);
	uint8_t *p = sim_forgery_begin(w, f, SERVER, 6, FLOOD_TCP_LEN);
	uint8_t *src = f->b + 14 + (w->v6 ? 8 + 14 : 12 + 2);

	f->b[11] = 9;
	src[0] = (uint8_t)(host >> 8);
	src[1] = (uint8_t)host;
	p[0] = 0x80;
	p[1] = (uint8_t)n;
	p[3] = SIM_PORT;
	p[7] = (uint8_t)n;
	p[12] = 0x50;
	p[13] = TCPF_SYN;
	p[14] = 0x10;
	sim_fix_checksums(f->b, f->len);
}

/* False: the embedding program has no memory left, or the worker does not want it. */
static bool hand_in(struct world *w, struct hr_worker *hw, const struct sim_forgery *f)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->own_pool), *back[1];
	char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)f->len) : NULL;

	if (to == NULL)
		return false;
	memcpy(to, f->b, f->len);
	if (hr_worker_input(hw, 0, &m, 1, back) == 0)
		return true;
	rte_pktmbuf_free(back[0]);
	return false;
}

/* arg: the number of the next SYN, and above that what kind of flood it is. */
#define ARG_N      BIT(16)
#define ARG_FOUR   BIT(16)
#define ARG_HANDED BIT(17)
#define ARG_LEFT   18 /* volleys still to come, from this bit on */

static void volley(struct world *w, uint32_t arg)
{
	uint32_t n = arg % ARG_N, left = arg >> ARG_LEFT;
	uint32_t many = 1 + choose(w->ch, FLOOD_AT_ONCE);
	struct hr_worker *hw = hr_engine_worker(w->engine[SERVER], 0);
	struct sim_forgery f;

	for (uint32_t i = 0; i < many; i++, n++) {
		make_syn(w, &f, n, (arg & ARG_FOUR) != 0);
		if (!(arg & ARG_HANDED))
			sim_link_inject(&w->port[SERVER], f.b, f.len, w->now_us);
		else if (!hand_in(w, hw, &f))
			break;
	}
	if (left == 0)
		return;
	arg = (arg & (ARG_FOUR | ARG_HANDED)) | n | (left - 1) << ARG_LEFT;
	sim_event_add(
		w, (struct sim_event){
			   .at_us = w->now_us + choose(w->ch, 50000), .world = volley, .arg = arg});
}

/* Memory of the embedding program; it outlives the engines, whose workers hold packets of it. */
static bool own_memory(struct world *w)
{
	if (w->own_pool == NULL)
		w->own_pool = rte_pktmbuf_pool_create(
			"own", FLOOD_MBUFS - 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return w->own_pool != NULL;
}

void sim_flood(struct world *w, uint32_t arg)
{
	struct choice *ch = w->ch;
	uint32_t kind = choose(ch, 4), left = PICK(ch, 3, 7, 15);

	reach(w->reached, R_FLOOD);
	arg = (kind & 1 ? ARG_FOUR : 0) | left << ARG_LEFT;
	if (kind >= 2 && own_memory(w)) {
		arg |= ARG_HANDED;
		/* What the worker has at hand for sending is all that is left. */
		if (choose(ch, 2) != 0)
			sim_empty_pool(w, SERVER, 0);
	}
	volley(w, arg);
}

void sim_flood_end(struct world *w)
{
	rte_mempool_free(w->own_pool);
	w->own_pool = NULL;
}
