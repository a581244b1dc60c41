/* SPDX-License-Identifier: BSD-3-Clause */
/* What a world is: links, parameters, applications, drawn from the choice string. The first of each
 * list is the dullest. */
#include "sim.h"

void sim_roll_link(struct world *w, struct sim_impair *im)
{
	struct choice *ch = w->ch;

	im->loss = PICK(ch, 0, 0, 1000, 5000, 20000, 100000, 200000);
	if (chance(ch, PERCENT(25))) {
		im->to_bad = PICK(ch, 2000, 10000);
		im->to_good = PICK(ch, 500000, 200000, 50000);
		im->bad_loss = PICK(ch, 500000, 1000000);
	}
	im->dup = PICK(ch, 0, 0, 10000, 100000);
	im->reorder = PICK(ch, 0, 0, 10000, 100000);
	im->corrupt = PICK(ch, 0, 0, 0, 20000);
	im->good_flag = choose(ch, 2) != 0;
	im->lie = PICK(ch, 0, 0, 0, 0, 10000);
	im->delay_us = PICK(ch, 1000, 10, 20000, 100000, 300000);
	im->jitter_us = PICK(ch, 0, 0, 100, 5000, 50000);
	im->bytes_per_s = PICK(ch, 0, 0, 50000, 1000000, 100000000);
	im->queue_bytes = PICK(ch, 200000, 30000, 5000);
	im->mark_bytes = PICK(ch, 0, 3000, 20000);
	im->mark = PICK(ch, 0, 0, 20000);
	if (chance(ch, w->impatient ? PERCENT(50) : PERCENT(10))) {
		im->outage_from_us = w->start_us + choose(ch, 10000000);
		im->outage_us = choose(ch, 8000000);
	}
	if (chance(ch, PERCENT(30))) {
		im->drop_kind = (uint8_t)choose(ch, KIND_N);
		im->drop_first = choose(ch, 12);
		im->drop_n = 1 + choose(ch, 3);
	}
	if (chance(ch, PERCENT(15))) {
		im->mtu = (uint16_t)(w->v6 ? 1280 : PICK(ch, 1280, 1006, 576));
		im->mtu_at_us = w->start_us + choose(ch, 5000000);
		im->mtu_icmp = choose(ch, 2) == 0;
	}
	if (chance(ch, PERCENT(5))) {
		im->strip_ts_at_us = w->start_us + choose(ch, 5000000);
		im->strip_ts_us = 1 + choose(ch, 3000000);
	}
	im->strip_sacks = chance(ch, PERCENT(4));
}

/* Which mechanisms are switched: every row of the table that is a bool. */
static void roll_switches(struct world *w, struct hr_tcp_params *p)
{
	struct choice *ch = w->ch;

#define X(field, dflt, on_linux, on_freebsd, least, most)                                          \
	if ((most) == 1 && chance(ch, PERCENT(15)))                                                \
		p->field = !p->field;
#include "tcp/params.def"
#undef X
}

static void roll_patience(struct world *w, struct hr_tcp_params *p)
{
	struct choice *ch = w->ch;

	p->retries = (uint8_t)PICK(ch, 15, 3);
	p->syn_retries = (uint8_t)PICK(ch, 5, 1);
	p->keepalive_ms = PICK(ch, 0, 2000);
	p->keepalive_interval_ms = PICK(ch, 75000, 500);
	p->keepalive_probes = (uint8_t)PICK(ch, 9, 2);
	p->user_timeout_ms = PICK(ch, 0, 3000);
	p->connect_timeout_ms = PICK(ch, 190000, 2000);
	p->fin_wait2_ms = PICK(ch, 60000, 1000);
	p->time_wait_ms = PICK(ch, 60000, 100);
}

void sim_roll_params(struct world *w, struct hr_tcp_params *p)
{
	static const struct hr_tcp_params *const sets[] = {
		&hr_tcp_params_default, &hr_tcp_params_linux, &hr_tcp_params_freebsd};
	struct choice *ch = w->ch;

	*p = *sets[choose(ch, RTE_DIM(sets))];
	roll_switches(w, p);
	p->cc = (uint8_t)PICK(ch, HR_CC_CUBIC, HR_CC_CUBIC, HR_CC_NEWRENO, HR_CC_DCTCP);
	p->ecn = (uint8_t)PICK(ch, HR_ECN_PASSIVE, HR_ECN_OFF, HR_ECN_ACTIVE, HR_ECN_ACTIVE);
	p->syn_order = (uint8_t)choose(ch, HR_SYN_COUNT);
	p->psh = (uint8_t)choose(ch, HR_PSH_COUNT);
	p->mss = (uint16_t)PICK(ch, 0, 0, 0, 536, 1000, 100);
	p->iw_segments = (uint16_t)PICK(ch, 10, 1, 4, 32);
	p->wscale = (uint8_t)PICK(ch, 255, 255, 0, 7, 14);
	p->quickack_segments = (uint8_t)PICK(ch, 16, 0, 64);
	p->ack_every = (uint8_t)PICK(ch, 2, 2, 1);
	p->rcv_buf_bytes = PICK(ch, 262144, 2048, 5000, 30000, 100000);
	p->rcv_buf_max_bytes = PICK(ch, 0, 500000, 1000000);
	p->snd_buf_bytes = PICK(ch, 262144, 2048, 5000, 30000);
	p->snd_buf_max_bytes = PICK(ch, 0, 1000000);
	p->delack_us = PICK(ch, 40000, 0, 1000, 200000);
	p->rto_min_us = PICK(ch, 200000, 200000, 5000, 50000, 1000000);
	p->rto_max_us = PICK(ch, 60000000, 20000000, 5000000);
	p->retries = 15;
	p->syn_retries = 6;
	p->connect_timeout_ms = 190000;
	p->keepalive_ms = PICK(ch, 0, 0, 3000);
	p->keepalive_interval_ms = 75000;
	p->oow_ack_interval_ms = PICK(ch, 0, 500);
	if (w->impatient)
		roll_patience(w, p);
	p->rcv_buf_max_bytes = RTE_MAX(p->rcv_buf_max_bytes, p->rcv_buf_bytes);
	p->snd_buf_max_bytes = RTE_MAX(p->snd_buf_max_bytes, p->snd_buf_bytes);
	/* A shift too coarse for a small buffer is refused: take the largest that is not. */
	while (p->wscale != 255 && p->wscale > 0 && hr_tcp_params_check(p, NULL, 0) != 0)
		p->wscale--;
}

void sim_roll_app(struct sim_end *e)
{
	static const uint32_t dice[] = {PLAN_SHUT, PLAN_SHUT, PLAN_SHUT, PLAN_SHUT, PLAN_AFTER_EOF,
		PLAN_AFTER_EOF, PLAN_CLOSE_EOF, PLAN_CLOSE_EOF, PLAN_CLOSE, PLAN_ABORT};
	struct choice *ch = e->w->ch;
	uint32_t bits = choose(ch, 18);

	/* The content is no choice: every world has its own. */
	e->key = e->w->seed * 1000003 + e->w->n_ends * 77 + e->side;
	e->total = bits == 0 ? 0 : choose(ch, 1u << RTE_MAX(bits, 6u));
	e->plan = (enum sim_plan)choose_of(ch, dice, RTE_DIM(dice));
	e->pull = chance(ch, PERCENT(30));
	e->mix = chance(ch, PERCENT(20));
	e->lazy = chance(ch, PERCENT(30));
	e->pause_ppm = PICK(ch, 0, PERCENT(10), PERCENT(10), PERCENT(50));
	e->pause_us = PICK(ch, 500000, 1000, 5000000, 15000000);
	e->urgent_ppm = PICK(ch, 0, 0, 0, PERCENT(20));
	e->hasty = choose(ch, 2) != 0;
	e->near_wrap = chance(ch, PERCENT(30));
	e->again = (uint8_t)PICK(ch, 0, 0, 0, 1, 3);
}

/* Clocks near the wrap of their low 32 bits are as likely as others. */
static uint64_t roll_clock(struct choice *ch)
{
	switch (PICK(ch, 0, 0, 1, 2)) {
	case 1:
		return (UINT64_C(1) << 32) - choose(ch, 20000000);
	case 2:
		return (UINT64_C(1) << 32) * 1000 - choose(ch, 20000000);
	default:
		return 1000000 + choose(ch, 1u << 31);
	}
}

static void roll_host(struct world *w, enum sim_side side)
{
	struct choice *ch = w->ch;
	struct sim_port *p = &w->port[side];

	w->workers[side] = (uint8_t)PICK(ch, 1, 1, 1, 1, 2, 3);
	sim_port_init(p, w, side, w->workers[side]);
	p->rx_burst = (uint16_t)PICK(ch, 64, 64, 1, 4);
	p->astray = chance(ch, PERCENT(30)) ? PERCENT(5) : 0;
	if (w->workers[side] > 1)
		reach(w->reached, R_ASTRAY);
	w->max_half_open[side] = (uint16_t)PICK(ch, 64, 64, 64, 64, 1);
	w->max_time_wait[side] = (uint16_t)PICK(ch, 64, 64, 64, 2);
	w->mbufs[side] = PICK(ch, 2048, 2048, 1024);
	sim_roll_link(w, &p->out);
	sim_roll_params(w, &w->params[side]);
}

static bool black_hole(const struct sim_impair *im)
{
	return im->mtu != 0 || (im->to_bad != 0 && im->bad_loss == 1000000);
}

void sim_roll_world(struct world *w)
{
	struct choice *ch = w->ch;
	uint8_t strip;

	w->start_us = roll_clock(ch);
	w->now_us = w->start_us;
	w->v6 = chance(ch, PERCENT(40));
	w->mtu = (uint16_t)(w->v6 ? PICK(ch, 1500, 1280) : PICK(ch, 1500, 1500, 1006, 576));
	w->impatient = chance(ch, PERCENT(8));
	w->shuffle = chance(ch, PERCENT(40));
	w->force_copy = chance(ch, PERCENT(20));
	roll_host(w, CLIENT);
	roll_host(w, SERVER);
	/* A middlebox sits on both ways: options that only one side knows of are no TCP. */
	strip = chance(ch, PERCENT(10)) ? (uint8_t)choose(ch, 16) : 0;
	w->port[CLIENT].out.strip = w->port[SERVER].out.strip = strip;
	w->heal_us = w->start_us + PICK(ch, 5000000, 15000000, 40000000);
	/* A black hole must end before retransmissions do (R2); a burst that loses all may last as
	 * long as few frames come. */
	if (black_hole(&w->port[CLIENT].out) || black_hole(&w->port[SERVER].out))
		w->heal_us = RTE_MIN(w->heal_us, w->start_us + 15000000);
	w->n_conns = 1 + choose(ch, choose(ch, 2) == 0 ? 3 : SIM_MAX_CONNS);
}
