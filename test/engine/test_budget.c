/* SPDX-License-Identifier: BSD-3-Clause */
/* What one turn may do: however much there is at once, each turn takes its share, the rest is done
 * by the next ones. */
#include <stdio.h>
#include <stdlib.h>

#include "common/eal.h"
#include "engine/worker.h"
#include "pair.h"
#include "test_assert.h"

#define CONNS 4000

/* --- a port that takes few frames, or none */

struct narrow {
	struct hr_port *inner;
	unsigned calls; /* of tx */
	bool shut;
};

static int narrow_caps(void *port, struct hr_port_caps *caps)
{
	return hr_port_caps(((struct narrow *)port)->inner, caps);
}

static int narrow_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	return hr_port_start(((struct narrow *)port)->inner, setup, err, errlen);
}

static uint16_t narrow_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return hr_port_rx(((struct narrow *)port)->inner, queue, m, n);
}

static uint16_t narrow_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct narrow *p = port;

	p->calls++;
	return p->shut ? 0 : hr_port_tx(p->inner, queue, m, n);
}

static void narrow_close(void *port)
{
	hr_port_close(((struct narrow *)port)->inner);
}

static struct hr_port *narrow_wrap(struct hr_port *inner, void *arg)
{
	static const struct hr_port_ops ops = {.driver = "narrow",
		.caps = narrow_caps,
		.start = narrow_start,
		.rx = narrow_rx,
		.tx = narrow_tx,
		.close = narrow_close};
	struct hr_port *port;

	((struct narrow *)arg)->inner = inner;
	assert_int_equal(hr_port_create(&ops, arg, &port), 0);
	return port;
}

/* --- many connections */

struct crowd {
	struct pair p;
	struct narrow port;
	hr_conn c[CONNS];
	unsigned opened, closed, answers;
};

static void opened(struct hr_worker *w, hr_conn c, void *user)
{
	((struct crowd *)user)->opened++;
}

static void closed(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	((struct crowd *)user)->closed++;
}

static size_t taken(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	return v[0].len;
}

static const struct hr_app client = {.on_open = opened, .on_data = taken, .on_close = closed};
static void leave(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_close(w, c);
}

static const struct hr_app server = {.on_data = taken, .on_eof = leave};

static bool all_opened(void *user)
{
	return ((struct crowd *)user)->opened == CONNS;
}

static bool all_closed(void *user)
{
	return ((struct crowd *)user)->closed == CONNS;
}

static struct hr_worker *worker(struct crowd *d)
{
	return pair_worker(&d->p, PAIR_A, 0);
}

static struct crowd *crowd_open(const struct hr_tcp_params *tcp)
{
	struct crowd *d = calloc(1, sizeof(*d));
	struct hr_ip to = pair_ip(PAIR_B, 4, 0);

	pair_open(&d->p, &(struct pair_opts){.wrap = narrow_wrap,
				 .wrap_arg = &d->port,
				 .mbufs = 16384,
				 .tcp = tcp,
				 .wire_args = ",depth=4096"});
	assert_int_equal(hr_listen(d->p.e[PAIR_B], NULL, 7, &server, NULL, NULL), 0);
	for (unsigned i = 0; i < CONNS; i++) {
		assert_int_equal(hr_connect(worker(d), &to, 7, &client, d, NULL, &d->c[i]), 0);
		if (i % 64 == 0)
			pair_run(&d->p, NULL, NULL, 50);
	}
	assert_true(pair_run(&d->p, all_opened, d, 10000000));
	pair_run(&d->p, NULL, NULL, 100000);
	return d;
}

static void crowd_close(struct crowd *d)
{
	pair_close(&d->p);
	free(d);
}

/* A port that takes nothing is asked once or twice in a turn, however many connections have data
 * for it: not once for each of them. */
static void test_full_port(void **state)
{
	struct crowd *d = crowd_open(NULL);
	struct hr_census c;

	d->port.shut = true;
	for (unsigned i = 0; i < CONNS; i++)
		assert_int_equal(hr_send(worker(d), d->c[i], "x", 1), 1);
	for (unsigned turn = 0; turn < 50; turn++) {
		d->port.calls = 0;
		(void)hr_worker_turn(worker(d));
		assert_true(d->port.calls <= 2);
	}
	hr_worker_census(worker(d), &c);
	assert_true(c.dirty >= CONNS - HR_TX_STAGE);
	d->port.shut = false;
	pair_run(&d->p, NULL, NULL, 100000);
	hr_worker_census(worker(d), &c);
	assert_int_equal(c.dirty, 0);
	assert_int_equal(pair_count(&d->p, PAIR_B, "bytes_in"), CONNS);
	crowd_close(d);
}

/* The ACK of the peer's FIN finds the port full: it waits for room like all others, and the peer
 * need not ask for it. */
static void test_last_ack_waits_for_room(void **state)
{
	struct crowd *d = crowd_open(NULL);
	struct hr_census c;

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(hr_close(worker(d), d->c[i]), 0);
	(void)hr_worker_turn(worker(d));
	d->port.shut = true;
	for (unsigned i = 100; i < 1000; i++)
		assert_int_equal(hr_send(worker(d), d->c[i], "x", 1), 1);
	(void)hr_worker_turn(worker(d));
	for (unsigned i = 0; i < 20; i++)
		pair_round(&d->p);
	assert_int_equal(d->closed, 100);
	d->port.shut = false;
	for (unsigned i = 0; i < 100; i++)
		pair_round(&d->p);
	hr_worker_census(pair_worker(&d->p, PAIR_B, 0), &c);
	assert_int_equal(c.conns, CONNS - 100);
	assert_int_equal(pair_count(&d->p, PAIR_B, "retransmits"), 0);
	hr_worker_census(worker(d), &c);
	assert_int_equal(c.conns, CONNS - 100);
	assert_int_equal(c.time_wait, 100);
	crowd_close(d);
}

/* Everybody's keep-alive is due while the port takes nothing: probes do not queue up in front of
 * it, but wait in the wheel, and what is received later is not answered behind all of them. */
static void test_timers_wait_for_output(void **state)
{
	struct hr_tcp_params tcp = hr_tcp_params_default;
	struct crowd *d;
	struct hr_census c;

	tcp.keepalive_ms = 10000;
	d = crowd_open(&tcp);
	d->port.shut = true;
	d->p.now_us += 10000000;
	for (unsigned turn = 0; turn < 100; turn++) {
		(void)hr_worker_turn(worker(d));
		hr_worker_census(worker(d), &c);
		assert_true(c.dirty <= HR_TX_STAGE + HR_TURN_TIMERS + turn * HR_TURN_LATE);
	}
	assert_int_equal(hr_worker_deadline(worker(d)), d->p.now_us);
	d->port.shut = false;
	pair_run(&d->p, NULL, NULL, 1000000);
	assert_int_equal(pair_count(&d->p, PAIR_A, "keepalive_probes"), CONNS);
	crowd_close(d);
}

/* Everybody ends at once: callbacks, output and freeing take their share of each turn, and nothing
 * is forgotten when the worker sleeps until its deadline. */
static void test_all_abort(void **state)
{
	struct crowd *d = crowd_open(NULL);
	unsigned turns = 0;

	for (unsigned i = 0; i < CONNS; i++)
		assert_int_equal(hr_abort(worker(d), d->c[i]), 0);
	while (d->closed < CONNS) {
		unsigned before = d->closed;
		uint32_t live = worker(d)->slab[HR_MEM_CONN].live;

		assert_int_equal(hr_worker_deadline(worker(d)), d->p.now_us);
		(void)hr_worker_turn(worker(d));
		assert_true(d->closed - before <= HR_TURN_READY);
		assert_true(live - worker(d)->slab[HR_MEM_CONN].live <= HR_TURN_REAP);
		assert_true(++turns < 100);
	}
	assert_true(turns >= CONNS / HR_TURN_READY);
	assert_true(pair_run(&d->p, all_closed, d, 1000000));
	pair_run(&d->p, NULL, NULL, 130000000);
	pair_empty(&d->p);
	crowd_close(d);
}

/* The memory of connections goes back when they have ended, piece by piece, and a handle of then is
 * stale for ever, also when that memory is used again. */
static void test_memory_goes_back(void **state)
{
	enum { N = 100000 }; /* in 13 chunks */
	hr_conn *old = calloc(N, sizeof(*old)), *new = calloc(N, sizeof(*new));
	struct conn **c = calloc(N, sizeof(*c));
	struct hr_slab *conns;
	struct hr_worker *w;
	struct pair p;

	pair_open(&p, &(struct pair_opts){.max_conns = N});
	w = pair_worker(&p, PAIR_A, 0);
	conns = hr_worker_slab(w, HR_MEM_CONN);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++) {
			c[i] = hr_conn_alloc(w);
			new[i] = hr_conn_handle(c[i]);
			assert_ptr_equal(hr_conn_get(w, new[i]), c[i]);
			assert_true(old[i] == 0 || hr_conn_get(w, old[i]) == NULL);
			assert_true(old[i] != new[i]);
		}
		assert_int_equal(conns->committed, 13);
		for (unsigned i = 0; i < N; i++)
			hr_conn_discard(w, c[i]);
		for (uint32_t turns = 0; conns->committed > 1; turns++) {
			uint32_t before = conns->committed;

			(void)hr_worker_turn(w);
			assert_true(before - conns->committed <= HR_TURN_CHUNKS);
			assert_true(turns < 1000);
		}
		for (unsigned i = 0; i < N; i++)
			assert_null(hr_conn_get(w, new[i]));
		memcpy(old, new, N * sizeof(*old));
	}
	pair_close(&p);
	free(old);
	free(new);
	free(c);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_port),
		cmocka_unit_test(test_last_ack_waits_for_room),
		cmocka_unit_test(test_timers_wait_for_output),
		cmocka_unit_test(test_all_abort),
		cmocka_unit_test(test_memory_goes_back),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
