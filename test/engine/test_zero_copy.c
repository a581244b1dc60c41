/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hr_send_mbuf(): packets of every shape arrive byte for byte over a link that loses, by ports that
 * chain, cut, or do neither; what a port holds stays as it was, and each buffer is given back once.
 */
#include <errno.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "base/rng.h"
#include "common/eal.h"
#include "sink.h"
#include "test_assert.h"

#define TOTAL (1u << 20)
#define HELD  4096
#define EXT   30000u

/* --- a port that holds packets for a while, as a NIC does, and looks whether they change */

struct held {
	struct rte_mbuf *m;
	uint64_t hash;
	uint64_t due_us;
};

struct holder {
	struct hr_port *inner, *self;
	uint64_t (*clock)(void *arg);
	void *clock_arg;
	uint64_t hold_us;
	uint16_t segs; /* tx_segs it claims; 0: the inner port's */
	unsigned lose; /* every so many frames; 0: none */
	unsigned head, tail, sent, chains;
	struct held ring[HELD];
};

/* Bytes and fields of all mbufs of a frame. */
static uint64_t fingerprint(const struct rte_mbuf *m)
{
	uint64_t h = 14695981039346656037ull;

	for (; m != NULL; m = m->next) {
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		for (unsigned i = 0; i < m->data_len; i++)
			h = (h ^ p[i]) * 1099511628211ull;
		h = (h ^ m->data_len ^ (uint64_t)m->data_off << 16 ^ (uintptr_t)m->next) *
		    1099511628211ull;
	}
	return h;
}

static int holder_caps(void *port, struct hr_port_caps *caps)
{
	struct holder *t = port;
	int rc = hr_port_caps(t->inner, caps);

	caps->copies_tx = false;
	if (t->segs != 0)
		caps->tx_segs = t->segs;
	return rc;
}

static int holder_start(void *port, const struct hr_port_setup *s, char *err, size_t errlen)
{
	struct holder *t = port;

	t->clock = s->clock;
	t->clock_arg = s->clock_arg;
	return hr_port_start(t->inner, s, err, errlen);
}

static void release(struct holder *t)
{
	while (t->tail != t->head) {
		struct held *x = &t->ring[t->tail % HELD];

		if (x->due_us > t->clock(t->clock_arg))
			return;
		assert_true(fingerprint(x->m) == x->hash);
		t->sent++;
		if (t->lose != 0 && t->sent % t->lose == 0)
			rte_pktmbuf_free(x->m);
		else if (hr_port_tx(t->inner, 0, &x->m, 1) == 0)
			return;
		t->tail++;
	}
}

static uint16_t holder_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct holder *t = port;

	release(t);
	return hr_port_rx(t->inner, queue, m, n);
}

static uint16_t holder_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct holder *t = port;
	uint16_t i = 0;

	for (; i < n && t->head - t->tail < HELD; i++) {
		if (t->segs != 0)
			assert_true(m[i]->nb_segs <= t->segs);
		t->chains += m[i]->nb_segs > 1;
		t->ring[t->head++ % HELD] = (struct held){.m = m[i],
			.hash = fingerprint(m[i]),
			.due_us = t->clock(t->clock_arg) + t->hold_us};
	}
	return i;
}

static void holder_flush(void *port, uint16_t queue)
{
	hr_port_flush(((struct holder *)port)->inner, queue);
}

static uint64_t holder_deadline(void *port, uint16_t queue)
{
	struct holder *t = port;
	uint64_t at = hr_port_deadline(t->inner, queue);

	return t->head == t->tail ? at : RTE_MIN(at, t->ring[t->tail % HELD].due_us);
}

static void holder_close(void *port)
{
	struct holder *t = port;

	for (; t->tail != t->head; t->tail++)
		rte_pktmbuf_free(t->ring[t->tail % HELD].m);
	hr_port_close(t->inner);
}

static const struct hr_port_ops holder_ops = {.driver = "holder",
	.caps = holder_caps,
	.start = holder_start,
	.rx = holder_rx,
	.tx = holder_tx,
	.flush = holder_flush,
	.deadline = holder_deadline,
	.close = holder_close};

static struct hr_port *holder_wrap(struct hr_port *inner, void *arg)
{
	struct holder *t = arg;

	t->inner = inner;
	assert_int_equal(hr_port_create(&holder_ops, t, &t->self), 0);
	return t->self;
}

/* --- an application that sends packets */

struct packets {
	struct rte_mempool *pool;
	const uint8_t *bytes;
	size_t done;
	struct hr_rng rng;
	struct rte_mbuf_ext_shared_info shared[TOTAL / 64];
	unsigned given[TOTAL / 64], exts; /* external buffers: how often each came back */
	unsigned closes, refused;
};

static void came_back(void *addr, void *opaque)
{
	(*(unsigned *)opaque)++;
}

/* What was copied into mbufs of 2 KB behind `room` bytes. */
static struct rte_mbuf *of_pool(struct packets *k, size_t len, unsigned room)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->pool);

	assert_non_null(m);
	m->data_off = (uint16_t)room;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), k->bytes + k->done, len);
	return m;
}

static struct rte_mbuf *external(struct packets *k, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->pool);
	unsigned i = k->exts++;

	assert_non_null(m);
	k->shared[i].free_cb = came_back;
	k->shared[i].fcb_opaque = &k->given[i];
	rte_mbuf_ext_refcnt_set(&k->shared[i], 1);
	rte_pktmbuf_attach_extbuf(
		m, (void *)(uintptr_t)(k->bytes + k->done), 0, (uint16_t)len, &k->shared[i]);
	rte_pktmbuf_append(m, (uint16_t)len);
	return m;
}

static struct rte_mbuf *packet(struct packets *k)
{
	size_t left = TOTAL - k->done, len = 1 + hr_rng_below(&k->rng, 2000);
	struct rte_mbuf *m, *more;

	switch (hr_rng_below(&k->rng, 6)) {
	case 0: /* leaves as it is */
		return of_pool(k, RTE_MIN(left, 1448u), RTE_PKTMBUF_HEADROOM);
	case 1: /* longer than a segment, or shorter */
		return of_pool(k, RTE_MIN(left, len), RTE_PKTMBUF_HEADROOM);
	case 2: /* no room for headers */
		return of_pool(k, RTE_MIN(left, len), 0);
	case 3: /* a chain of three, one of them empty */
		m = of_pool(k, RTE_MIN(left, len), 20);
		assert_int_equal(rte_pktmbuf_chain(m, of_pool(k, 0, 0)), 0);
		k->done += m->pkt_len;
		more = of_pool(k, RTE_MIN(TOTAL - k->done, len), 3);
		k->done -= m->pkt_len;
		assert_int_equal(rte_pktmbuf_chain(m, more), 0);
		return m;
	case 4: /* a clone, whose original is gone */
		more = of_pool(k, RTE_MIN(left, len), RTE_PKTMBUF_HEADROOM);
		m = rte_pktmbuf_clone(more, k->pool);
		assert_non_null(m);
		rte_pktmbuf_free(more);
		return m;
	default:
		return external(k, RTE_MIN(left, EXT));
	}
}

static void push(struct hr_worker *w, hr_conn c, void *user)
{
	struct packets *k = user;

	while (k->done < TOTAL) {
		struct rte_mbuf *m = packet(k);
		uint32_t len = m->pkt_len;
		int64_t n = hr_send_mbuf(w, c, m);

		if (n == 0) {
			rte_pktmbuf_free(m);
			k->refused++;
			return;
		}
		assert_int_equal(n, len);
		k->done += len;
		/* Mixed with the other ways. */
		if (k->done < TOTAL && hr_rng_below(&k->rng, 4) == 0) {
			n = hr_send(w, c, k->bytes + k->done, RTE_MIN(TOTAL - k->done, 100u));
			assert_true(n >= 0);
			k->done += (size_t)n;
		}
	}
	assert_int_equal(hr_close(w, c), 0);
}

static size_t no_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	return s[0].len;
}

static void closed(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	((struct packets *)user)->closes++;
}

static const struct hr_app packets_app = {
	.on_open = push, .on_writable = push, .on_data = no_data, .on_close = closed};

static void send_packets(struct holder *t, const char *wire_args, unsigned family, uint64_t seed)
{
	struct packets *k = calloc(1, sizeof(*k));
	uint8_t *bytes = sink_pattern(TOTAL, (uint32_t)seed);
	struct hr_ip remote = pair_ip(PAIR_B, family, 0);
	struct sink b;
	struct pair p;
	hr_conn c;

	sink_init(&b);
	b.close_at_eof = true;
	k->pool = test_pool(8191);
	k->bytes = bytes;
	hr_rng_seed(&k->rng, seed);
	pair_open(&p,
		&(struct pair_opts){
			.wire_args = wire_args, .wrap = holder_wrap, .wrap_arg = t, .seed = seed});
	assert_int_equal(hr_listen(p.e[PAIR_B], NULL, SINK_PORT, &sink_app, &b, NULL), 0);
	assert_int_equal(hr_connect(pair_worker(&p, PAIR_A, 0), &remote, SINK_PORT, &packets_app, k,
				 NULL, &c),
		0);
	assert_true(pair_run(&p, sink_closed, &b, 600000000));
	assert_int_equal(b.len, TOTAL);
	assert_memory_equal(b.data, bytes, TOTAL);
	assert_true(k->refused > 0);
	assert_true(t->lose == 0 || pair_count(&p, PAIR_A, "retransmits") > 0);
	pair_run(&p, NULL, NULL, 130000000);
	assert_int_equal(k->closes, 1);
	pair_empty(&p);
	pair_close(&p);
	assert_true(k->exts > 10);
	for (unsigned i = 0; i < k->exts; i++)
		assert_int_equal(k->given[i], 1);
	assert_int_equal(rte_mempool_in_use_count(k->pool), 0);
	rte_mempool_free(k->pool);
	sink_free(&b);
	free(bytes);
	free(k);
}

static void test_shapes(void **state)
{
	static const uint16_t segs[] = {0, 1, 3};

	for (unsigned i = 0; i < 3 * 2 * 2 * 2; i++) {
		struct holder *t = calloc(1, sizeof(*t));

		assert_non_null(t);
		t->segs = segs[i % 3];
		t->hold_us = i / 3 % 2 ? 700 : 0;
		t->lose = i / 6 % 2 ? 37 : 0;
		send_packets(t, i / 12 ? ",caps=csum+tso" : NULL, i & 1 ? 6 : 4, i + 1);
		assert_true(t->segs == 1 ? t->chains == 0 : t->chains > t->sent / 2);
		free(t);
	}
}

static void test_refusals(void **state)
{
	struct rte_mempool *pool = test_pool(64);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *clone;
	struct sink a, b;
	struct pair p;

	sink_init(&a);
	sink_init(&b);
	pair_open(&p, &(struct pair_opts){0});
	assert_int_equal(sink_join(&p, 4, &a, &b, NULL), 0);
	memset(rte_pktmbuf_append(m, 10), 'x', 10);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), -ENOTCONN);
	pair_run(&p, NULL, NULL, 10000);
	/* Somebody else has it. */
	clone = rte_pktmbuf_clone(m, pool);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), -EINVAL);
	rte_pktmbuf_free(clone);
	rte_pktmbuf_trim(m, 10);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), -EINVAL);
	memset(rte_pktmbuf_append(m, 10), 'x', 10);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), 10);
	pair_run(&p, NULL, NULL, 10000);
	assert_int_equal(b.len, 10);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	/* What is queued when the connection ends comes back, too. */
	m = rte_pktmbuf_alloc(pool);
	memset(rte_pktmbuf_append(m, 10), 'x', 10);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), 10);
	assert_int_equal(hr_abort(a.w, a.c), 0);
	m = rte_pktmbuf_alloc(pool);
	memset(rte_pktmbuf_append(m, 10), 'x', 10);
	pair_run(&p, NULL, NULL, 130000000);
	assert_int_equal(hr_send_mbuf(a.w, a.c, m), -ESTALE);
	rte_pktmbuf_free(m);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	pair_empty(&p);
	pair_close(&p);
	sink_free(&b);
	rte_mempool_free(pool);
}

static int start(void **state)
{
	test_eal_start(256);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
