/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The short ways of the core beside the general ones: two ends live the same random life, one of
 * them with ctx.plain, and after every step all that they know, say and count must be equal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "common/eal.h"
#include "tcp/core.h"

#define LIVES 4000
#define STEPS 60
#define MSS   1000u

struct side {
	struct tcp_ctx c;
	struct tcb t;
	struct hr_slab ranges, exts;
	struct hr_metrics m;
};

struct lab {
	struct side s[2]; /* with short ways, without */
	struct hr_rng rng;
	uint64_t now;
	uint32_t peer_ts;
	bool ts, sack;
};

static struct rte_mempool *pool;

static uint32_t below(struct lab *l, uint32_t n)
{
	return (uint32_t)hr_rng_below(&l->rng, n);
}

static struct tcb *first(struct lab *l)
{
	return &l->s[0].t;
}

/* Pointers differ, what they lead to has the same length. */
static struct tcb without_pointers(const struct tcb *t)
{
	struct tcb x = *t;

	x.rcvq = t->rcvq != NULL ? (struct rte_mbuf *)1 : NULL;
	x.sendq = t->sendq != NULL ? (struct rte_mbuf *)1 : NULL;
	x.send_hint = t->send_hint != NULL ? (struct rte_mbuf *)1 : NULL;
	if (t->state == TCPS_CLOSED) /* nobody will echo it */
		x.ts_recent = x.ts_recent_ms = 0;
	return x;
}

static void assert_same(struct lab *l)
{
	struct tcb a = without_pointers(&l->s[0].t), b = without_pointers(&l->s[1].t);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_equal(&l->s[0].m, &l->s[1].m, sizeof(l->s[0].m));
	if (a.state == TCPS_CLOSED)
		return;
	for (unsigned k = 0; k < 2; k++)
		hr_tcb_check(&l->s[k].c, &l->s[k].t);
	assert_true(hr_tcp_deadline(&l->s[0].c, &l->s[0].t, l->now) ==
		    hr_tcp_deadline(&l->s[1].c, &l->s[1].t, l->now));
}

static void hear(struct lab *l, const struct tcp_seg *seg)
{
	uint32_t ev[2];

	for (unsigned k = 0; k < 2; k++) {
		struct tcp_seg s = *seg;

		s.m = rte_pktmbuf_alloc(pool);
		assert_non_null(s.m);
		s.payload_off = 10;
		assert_non_null(rte_pktmbuf_append(s.m, (uint16_t)(10 + s.payload_len)));
		ev[k] = hr_tcp_input(&l->s[k].c, &l->s[k].t, &s, l->now);
		assert_null(s.m);
	}
	assert_int_equal(ev[0], ev[1]);
}

static void pull(struct lab *l)
{
	for (unsigned n = 0; n < 64; n++) {
		struct tcp_out o[2];
		uint32_t ev[2];
		bool more[2];

		memset(o, 0, sizeof(o));
		for (unsigned k = 0; k < 2; k++)
			more[k] = hr_tcp_output(
				&l->s[k].c, &l->s[k].t, 4 * MSS, l->now, &o[k], &ev[k]);
		assert_int_equal(more[0], more[1]);
		assert_int_equal(ev[0], ev[1]);
		if (!more[0])
			return;
		assert_memory_equal(&o[0], &o[1], sizeof(o[0]));
	}
}

static void open_both(struct lab *l)
{
	uint32_t iss_near = below(l, 3),
		 irs = below(l, 2) ? (uint32_t)hr_rng_u64(&l->rng) : 0 - 500u;
	bool passive = below(l, 2);
	uint8_t opts = (uint8_t)(TCPO_MSS | (l->ts ? TCPO_TS : 0) | (l->sack ? TCPO_SACK_OK : 0) |
				 (below(l, 2) ? TCPO_WSCALE : 0));
	struct tcp_seg syn = {.flags = TCPF_SYN,
		.opts = opts,
		.seq = irs,
		.mss = MSS,
		.wscale = 7,
		.wnd = 20000,
		.family = 4,
		.tsval = l->peer_ts};
	uint64_t rtt_us = below(l, 3) ? below(l, 100000) : 0;
	struct tcp_out o;

	for (unsigned k = 0; k < 2; k++) {
		struct side *s = &l->s[k];
		struct tcp_path path = {.mtu = 1500};
		struct hr_flow_key key = {.laddr_id = 1, .lport = 40000, .rport = 80};
		struct tcp_syn e;

		if (iss_near != 0) { /* close to where numbers wrap */
			path.reopened = true;
			path.iss_floor = (iss_near == 1 ? UINT32_MAX : INT32_MAX) - 70000u;
		}
		s->t.key = key;
		memset(&o, 0, sizeof(o));
		if (!passive) {
			hr_tcp_connect(&s->c, &s->t, &path, l->now);
			continue;
		}
		assert_int_equal(hr_syn_open(&s->c, &e, &key, &path, &syn, l->now, &o), DROP_NONE);
		hr_tcp_accept(&s->c, &s->t, &e, &path, l->now + rtt_us);
	}
	if (passive) {
		l->now += rtt_us;
		return;
	}
	pull(l);
	l->now += rtt_us;
	syn.flags |= TCPF_ACK;
	syn.ack = first(l)->iss + 1;
	syn.tsecr = tcp_tsval(first(l), l->now - rtt_us);
	hear(l, &syn);
}

/* Something that the peer may say, and often does. */
static struct tcp_seg random_segment(struct lab *l)
{
	static const uint8_t odd_flags[] = {0, TCPF_SYN, TCPF_RST, TCPF_URG, TCPF_ECE};
	const struct tcb *t = first(l);
	struct tcp_seg s = {.flags = TCPF_ACK,
		.seq = t->rcv_nxt,
		.ack = below(l, 4) ? t->snd_nxt : t->snd_una,
		.wnd = (uint16_t)(below(l, 8) ? 20000 + below(l, 3) : 0),
		.opts = l->ts ? TCPO_TS : 0,
		.family = 4};

	if (below(l, 2))
		s.payload_len = below(l, 3) ? 1 + below(l, 200) : MSS;
	if (below(l, 2))
		s.flags |= TCPF_PSH;
	if (below(l, 16) == 0)
		s.flags |= TCPF_FIN;
	if (below(l, 16) == 0)
		s.seq += below(l, 3) ? MSS : 0 - MSS;
	if (below(l, 16) == 0)
		s.ack += below(l, 3) - 1;
	if (below(l, 32) == 0)
		s.flags = (uint8_t)((s.flags | odd_flags[below(l, 5)]) ^
				    (below(l, 4) ? 0 : TCPF_ACK));
	if (below(l, 64) == 0)
		s.opts ^= TCPO_TS;
	l->peer_ts += below(l, 8) ? below(l, 3) : 0u - 1;
	s.tsval = l->peer_ts;
	s.tsecr = below(l, 8) ? tcp_tsval(t, l->now) - below(l, 50) : 0;
	return s;
}

static void send_some(struct lab *l)
{
	uint32_t len = below(l, 4) ? 1 + below(l, 300) : 1 + below(l, 5000);
	bool mbuf = below(l, 2), want = below(l, 2);

	for (unsigned k = 0; k < 2; k++) {
		struct side *s = &l->s[k];
		struct rte_mbuf *m;

		if (hr_tcp_send_room(&s->c, &s->t) < (int64_t)len) {
			s->t.flags |= want ? TF_WANT_ROOM : 0;
			continue;
		}
		hr_tcp_send_begin(&s->c, &s->t);
		if (!mbuf) {
			hr_tcp_send_pull(&s->c, &s->t, len);
			continue;
		}
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		hr_tcp_send_mbuf(&s->c, &s->t, m, 128, (uint16_t)(len > MSS ? MSS : len));
	}
}

static void step(struct lab *l)
{
	static const uint32_t most[] = {1, 200, 5000, 300000, 5000000};
	uint32_t what = below(l, 16), part = below(l, 3);
	struct tcp_seg s;

	if (below(l, 3) == 0)
		l->now += below(l, most[below(l, 5)]);
	if (what < 8) {
		s = random_segment(l);
		hear(l, &s);
		if (below(l, 3) == 0)
			return;
	} else if (what < 11) {
		send_some(l);
	} else if (what < 13) {
		for (unsigned k = 0; k < 2; k++)
			hr_tcp_consume(&l->s[k].c, &l->s[k].t,
				part ? l->s[k].t.rcv_held : l->s[k].t.rcv_held / 2, l->now);
	} else if (what == 13 && below(l, 4) == 0) {
		for (unsigned k = 0; k < 2; k++)
			hr_tcp_close(&l->s[k].c, &l->s[k].t, part != 0, l->now);
	}
	if (hr_tcp_deadline(&l->s[0].c, &l->s[0].t, l->now) <= l->now) {
		uint32_t a = hr_tcp_expire(&l->s[0].c, &l->s[0].t, l->now);
		uint32_t b = hr_tcp_expire(&l->s[1].c, &l->s[1].t, l->now);

		assert_int_equal(a, b);
	}
	pull(l);
}

static void side_init(struct lab *l, unsigned k)
{
	struct side *s = &l->s[k];
	char err[HR_ERRLEN];

	assert_int_equal(hr_slab_init(&s->ranges, "ranges", sizeof(struct tx_range), 4096, -1, err,
				 sizeof(err)),
		0);
	assert_int_equal(
		hr_slab_init(&s->exts, "exts", sizeof(struct tcb_ext), 16, -1, err, sizeof(err)),
		0);
	s->c.ranges = &s->ranges;
	s->c.exts = &s->exts;
	s->c.m = &s->m;
	s->c.mark_off = hr_mark_register(err, sizeof(err));
	s->c.plain = k == 1;
}

static void same_lives(void **state)
{
	struct lab *l = NULL;
	unsigned long ended = 0;

	assert_int_equal(posix_memalign((void **)&l, RTE_CACHE_LINE_SIZE, sizeof(*l)), 0);
	memset(l, 0, sizeof(*l));
	hr_rng_seed(&l->rng, 1);
	for (unsigned k = 0; k < 2; k++)
		side_init(l, k);
	for (unsigned n = 0; n < LIVES; n++) {
		struct hr_tcp_params p = hr_tcp_params_default;

		l->now = below(l, 4) ? hr_rng_u64(&l->rng) >> 20 : (UINT64_C(1) << 32) - 100000;
		l->peer_ts = (uint32_t)hr_rng_u64(&l->rng);
		l->ts = below(l, 4) != 0;
		l->sack = below(l, 4) != 0;
		p.mss = MSS;
		p.nagle = below(l, 2);
		if (below(l, 4) == 0) /* that segments fill */
			p.rcv_buf_bytes = p.rcv_buf_max_bytes = 2048 + below(l, 2000);
		p.keepalive_ms = below(l, 8) ? 0 : 1000;
		p.tlp = below(l, 8) != 0;
		p.ack_every = (uint8_t)(1 + below(l, 2));
		p.quickack_segments = (uint8_t)(below(l, 2) ? 16 : 0);
		for (unsigned k = 0; k < 2; k++) {
			l->s[k].c.n_params = 0;
			assert_int_equal(hr_tcp_params_add(&l->s[k].c, &p), 0);
		}
		open_both(l);
		assert_same(l);
		for (unsigned i = 0; i < STEPS && first(l)->state != TCPS_CLOSED; i++) {
			step(l);
			assert_same(l);
		}
		ended += first(l)->state == TCPS_CLOSED;
		for (unsigned k = 0; k < 2; k++)
			hr_tcp_release(&l->s[k].c, &l->s[k].t);
	}
	assert_true(ended > LIVES / 20);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(l->s[k].ranges.live, 0);
		assert_int_equal(l->s[k].exts.live, 0);
		hr_slab_fini(&l->s[k].ranges);
		hr_slab_fini(&l->s[k].exts);
	}
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_lives)};

	test_eal_start(64);
	pool = test_pool(8192);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
