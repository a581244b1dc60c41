/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read this first. One turn of a worker is the way of the packets, in order:
 *
 *   port rx -> parse, look up -> tcp input -> timers -> mailbox
 *           -> callbacks -> tcp output -> port tx
 *
 * Consequences, all wanted: the third ACK carries the request, the response carries the FIN, one
 * ACK answers a burst; no callback pulls the ground from under the core; nothing waits for a tick.
 */
#include "engine/worker.h"

/* A connection's wheel node. It is lazy: the deadline may have moved on since it was queued. */
static void conn_timer(void *worker, void *obj)
{
	struct hr_worker *w = worker;
	struct conn *c = obj;
	uint64_t at = hr_tcp_deadline(&w->tcp, &c->tcb, w->now_us);

	if (at > w->now_us)
		hr_wheel_set(&w->wheel, c, at);
	else
		hr_conn_events(w, c, hr_tcp_expire(&w->tcp, &c->tcb, w->now_us));
}

/* More waits for output than a turn asks, or a port has not taken what it was given. */
static bool congested(const struct hr_worker *w)
{
	for (unsigned p = 0; p < w->e->cfg.n_ports; p++)
		if (w->stage[p].n > 0)
			return true;
	return w->dirty.n > HR_TURN_OUTPUT;
}

static void timers_run(struct hr_worker *w)
{
	/* What fires wants to send: it would take the room of answers to what was received. */
	uint32_t budget = unlikely(congested(w)) ? HR_TURN_LATE : HR_TURN_TIMERS;
	uint32_t fired = hr_wheel_advance(&w->wheel, w->now_us, budget, conn_timer, w);

	must(fired <= budget);
	hr_count_n(&w->m, HR_C_timers_fired, fired);
	hr_syn_expire(w);
	hr_tw_expire(w);
	hr_ip_expire(w->ip, w->now_us);
	hr_sweep(w);
	hr_apptimer_run(w);
}

static void account(struct hr_worker *w, uint64_t cycles, unsigned work)
{
	hr_count(&w->m, HR_C_turns);
	hr_count_n(&w->m, HR_C_total_cycles, cycles);
	if (work == 0)
		return;
	hr_count(&w->m, HR_C_busy_turns);
	hr_count_n(&w->m, HR_C_busy_cycles, cycles);
}

/* Memory of what ended: of one slab per turn, and of the table. */
static void give_back(struct hr_worker *w)
{
	(void)hr_slab_trim(&w->slab[w->turn_slab], HR_TURN_CHUNKS);
	w->turn_slab = (w->turn_slab + 1) % HR_MEM_COUNT;
	hr_table_step(w->table, HR_TURN_TABLE);
}

unsigned hr_worker_turn(struct hr_worker *w)
{
	uint64_t cycles = rte_rdtsc();
	unsigned work;

	w->out_us = hr_worker_time(w);
	w->in_turn = true;
	w->rx_n = w->tx_n = w->calls_n = 0;
	w->pool_checked = false;
	w->stamp = cycles;

	hr_handed_run(w);
	hr_rx_ports(w);
	timers_run(w);
	hr_mailbox_run(w);
	hr_stage_end(w, HR_C_cycles_timers);
	hr_ready_run(w);
	hr_stage_end(w, HR_C_cycles_callbacks);

	/* Callbacks took time; what is sent now must not look older than it is. */
	w->out_us = RTE_MAX(w->now_us, hr_engine_clock(w->e));
	hr_tx_run(w);
	hr_stage_end(w, HR_C_cycles_output);
	hr_tx_flush(w);
	hr_conn_reap(w);
	give_back(w);
	hr_stage_end(w, HR_C_cycles_tx);

	w->in_turn = false;
	work = w->rx_n + w->calls_n + w->tx_n;
	hr_tx_back_off(w, work != 0);
	account(w, rte_rdtsc() - cycles, work);
	return work;
}

uint64_t hr_worker_deadline(struct hr_worker *w)
{
	uint64_t now_us = hr_worker_time(w), at = hr_tx_deadline(w);

	/* Of the ended ones, those that wait for their last output have its deadline. */
	if (w->done.n > w->dirty.n)
		return now_us;
	if (w->ready.n > 0 || w->handed_n > 0 || w->sweep_left > 0 || hr_mailbox_waiting(w))
		return now_us;
	at = RTE_MIN(at, hr_wheel_next(&w->wheel));
	at = RTE_MIN(at, hr_wheel_next(&w->app_wheel));
	at = RTE_MIN(at, w->syn_next_us);
	at = RTE_MIN(at, hr_tw_deadline(w));
	at = RTE_MIN(at, hr_ip_deadline(w->ip));
	for (unsigned p = 0; p < w->e->cfg.n_ports; p++) {
		const struct hr_port *port = w->e->port[p];

		if (port->ops->deadline != NULL)
			at = RTE_MIN(at, port->ops->deadline(port->priv, w->index));
	}
	return RTE_MAX(at, now_us);
}
