/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A long scoreboard: ten thousand segments in flight, every second of them lost, and every tenth
 * retransmission. A receiver of a few lines answers each segment that arrives; the counter
 * range_steps tells how many ranges were looked at, which must stay a few for each ACK.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/eal.h"
#include "tcp/core.h"

#define SEGMENTS 10000u
#define MSS      1000u
#define RTT_US   100000u
#define SPACE_US 10u /* between two segments of a burst */

struct lab {
	struct tcp_ctx c;
	struct tcb t;
	struct hr_slab ranges, exts;
	struct hr_metrics m;
	struct rte_mempool *pool;
	uint64_t now, last_at;
	uint32_t irs;

	/* on the way */
	struct flying {
		uint32_t k;
		bool lost;
		uint64_t at;
	} * fly;
	uint32_t head, tail, room;

	/* the receiver */
	bool got[SEGMENTS + 1];
	bool sent[SEGMENTS];
	uint32_t cum;       /* segments in order */
	uint32_t recent[4]; /* a segment of each block told last */
	unsigned n_recent;
	uint32_t again; /* retransmissions so far */

	uint64_t acks, most_steps;
	uint32_t most_ranges;
};

static struct rte_mempool *pool;

static void lab_open(struct lab *l)
{
	struct tcp_path path = {.mtu = 1500};
	struct hr_tcp_params p = hr_tcp_params_default;
	struct tcp_seg s = {.flags = TCPF_SYN | TCPF_ACK,
		.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_WSCALE,
		.mss = MSS,
		.wscale = 10,
		.wnd = UINT16_MAX};
	struct tcp_out o;
	char err[HR_ERRLEN];
	uint32_t ev;

	p.timestamps = p.hystart = p.undo = p.frto = false;
	p.cc = HR_CC_NEWRENO;
	p.mss = MSS;
	p.snd_buf_bytes = SEGMENTS * MSS * 2;
	p.snd_buf_max_bytes = 0;
	assert_int_equal(hr_slab_init(&l->ranges, "ranges", sizeof(struct tx_range), 4 * SEGMENTS,
				 -1, err, sizeof(err)),
		0);
	assert_int_equal(
		hr_slab_init(&l->exts, "exts", sizeof(struct tcb_ext), 4, -1, err, sizeof(err)), 0);
	l->c.ranges = &l->ranges;
	l->c.exts = &l->exts;
	l->c.m = &l->m;
	l->c.mark_off = hr_mark_register(err, sizeof(err));
	l->now = 1000000;
	l->room = 64 * SEGMENTS;
	l->fly = calloc(l->room, sizeof(*l->fly));
	assert_int_equal(hr_tcp_params_add(&l->c, &p), 0);
	l->t.key = (struct hr_flow_key){.laddr_id = 1, .lport = 40000, .rport = 80};
	hr_tcp_connect(&l->c, &l->t, &path, l->now);
	assert_true(hr_tcp_output(&l->c, &l->t, MSS, l->now, &o, &ev));
	l->now += RTT_US;
	s.ack = l->t.iss + 1;
	s.seq = l->irs = 5000;
	s.m = rte_pktmbuf_alloc(pool);
	hr_tcp_input(&l->c, &l->t, &s, l->now);
	assert_int_equal(l->t.state, TCPS_ESTABLISHED);
	l->t.cwnd = SEGMENTS * MSS;
	hr_tcp_send_pull(&l->c, &l->t, SEGMENTS * MSS);
}

static void lab_close(struct lab *l)
{
	hr_tcp_release(&l->c, &l->t);
	assert_int_equal(l->ranges.live, 0);
	assert_int_equal(l->exts.live, 0);
	hr_slab_fini(&l->ranges);
	hr_slab_fini(&l->exts);
	free(l->fly);
	free(l);
}

static void pull(struct lab *l)
{
	struct tcp_out o;
	uint32_t ev;

	while (hr_tcp_output(&l->c, &l->t, 64 * MSS, l->now, &o, &ev)) {
		uint32_t k = (o.seq - l->t.iss - 1) / MSS;

		for (uint32_t n = 0; n < o.payload_len / MSS; n++, k++) {
			struct flying *f = &l->fly[l->tail++];

			assert_true(l->tail < l->room && k < SEGMENTS);
			l->last_at = hr_max(l->last_at + SPACE_US, l->now + RTT_US);
			f->k = k;
			f->at = l->last_at;
			f->lost = l->sent[k] ? ++l->again % 10 == 0 : k % 2 == 0;
			l->sent[k] = true;
		}
	}
	l->most_ranges = hr_max(l->most_ranges, l->ranges.live);
}

/* The block around a segment that is held. */
static struct tcp_sack block(const struct lab *l, uint32_t k)
{
	uint32_t left = k, right = k;

	while (left > l->cum && l->got[left - 1])
		left--;
	while (l->got[right])
		right++;
	return (struct tcp_sack){l->t.iss + 1 + left * MSS, l->t.iss + 1 + right * MSS};
}

/* RFC 2018 4: the block of what arrived last comes first. */
static unsigned blocks(struct lab *l, uint32_t k, struct tcp_sack *b)
{
	uint32_t old[4];
	unsigned n = 0, n_old = l->n_recent;

	memcpy(old, l->recent, sizeof(old));
	l->n_recent = 0;
	for (unsigned i = 0; i <= n_old && n < 4; i++) {
		uint32_t who = i == 0 ? k : old[i - 1];
		struct tcp_sack one;
		bool known = false;

		if (who < l->cum)
			continue;
		one = block(l, who);
		for (unsigned j = 0; j < n; j++)
			known |= b[j].left == one.left;
		if (known)
			continue;
		l->recent[l->n_recent++] = who;
		b[n++] = one;
	}
	return n;
}

static void arrives(struct lab *l, uint32_t k)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint64_t before = l->m.c[HR_C_range_steps];
	struct tcp_sack b[4];
	struct tcp_seg s = {
		.m = m, .flags = TCPF_ACK, .seq = l->irs + 1, .wnd = UINT16_MAX, .family = 4};

	l->got[k] = true;
	while (l->got[l->cum])
		l->cum++;
	s.ack = l->t.iss + 1 + l->cum * MSS;
	s.sack_n = (uint8_t)blocks(l, k, b);
	if (s.sack_n != 0)
		s.opts = TCPO_SACK;
	for (unsigned i = 0; i < s.sack_n; i++) {
		rte_be32_t w[2] = {rte_cpu_to_be_32(b[i].left), rte_cpu_to_be_32(b[i].right)};

		memcpy(rte_pktmbuf_append(m, sizeof(w)), w, sizeof(w));
	}
	s.payload_off = rte_pktmbuf_data_len(m);
	hr_tcp_input(&l->c, &l->t, &s, l->now);
	l->most_steps = hr_max(l->most_steps, l->m.c[HR_C_range_steps] - before);
	if (l->acks++ % 64 == 0)
		hr_tcb_check(&l->c, &l->t);
}

static void run(struct lab *l)
{
	pull(l);
	while (l->cum < SEGMENTS) {
		uint64_t due = hr_tcp_deadline(&l->c, &l->t, l->now);
		struct flying *f = &l->fly[l->head];

		assert_true(l->head < l->tail || due != HR_NEVER);
		if (l->head == l->tail || due < f->at) {
			l->now = hr_max(l->now, due);
			hr_tcp_expire(&l->c, &l->t, l->now);
		} else {
			l->now = f->at;
			l->head++;
			if (f->lost)
				continue;
			arrives(l, f->k);
		}
		pull(l);
	}
}

static void every_second_is_lost(void **state)
{
	struct lab *l = aligned_alloc(64, (sizeof(*l) + 63) / 64 * 64);
	uint64_t steps;

	memset(l, 0, sizeof(*l));
	lab_open(l);
	run(l);
	steps = l->m.c[HR_C_range_steps];
	printf("%lu ACKs, %u ranges at most; ranges looked at: %.1f for an ACK, %lu at most; %lu "
	       "timeouts, %lu retransmissions\n",
		(unsigned long)l->acks, l->most_ranges, (double)steps / (double)l->acks,
		(unsigned long)l->most_steps, (unsigned long)l->m.c[HR_C_rto_fired],
		(unsigned long)l->m.c[HR_C_retransmits]);
	assert_true(l->most_ranges > SEGMENTS - 10);
	assert_true(steps < 80 * l->acks);
	assert_true(l->most_steps < 256);
	assert_int_equal(l->m.c[HR_C_rto_fired], 0);
	/* Nothing but what was lost: 5000, and the lost tenth of the copies. */
	assert_int_equal(l->m.c[HR_C_retransmits], SEGMENTS / 2 + l->again / 10);
	lab_close(l);
}

static int start(void **state)
{
	test_eal_start(64);
	pool = test_pool(1024);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_second_is_lost),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
