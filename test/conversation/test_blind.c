/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blind attackers (RFC 5961 1.2): whoever knows addresses and ports, but sees nothing. Where the
 * odds are one in 2^32 every number near the good one is tried, so that exactly one may hit; where
 * windows make them larger, seeded random segments are counted against what the windows allow.
 * Each attempt meets the same connection: a copy that is thrown away.
 */
#include "base/rng.h"
#include "talk.h"

#define NEAR   70000u /* numbers tried on both sides */
#define RANDOM 100000u

/* What a segment did. */
enum hit { NOTHING, CHALLENGED, TAKEN };

static struct tcp_seg blind_seg(const struct talk *v, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct tcp_seg){.flags = flags,
		.seq = seq,
		.ack = ack,
		.wnd = 1000,
		.ttl = 64,
		.family = v->world->ip6 ? 6 : 4,
		.sport = v->key.rport,
		.dport = v->key.lport};
}

/* Everything that an attacker could have changed. */
static bool touched(const struct tcb *a, const struct tcb *b)
{
	return a->state != b->state || a->rcv_nxt != b->rcv_nxt || a->snd_una != b->snd_una ||
	       a->snd_wnd != b->snd_wnd || a->snd_wl1 != b->snd_wl1 || a->rcv_held != b->rcv_held ||
	       a->ts_recent != b->ts_recent || a->ext != b->ext ||
	       a->last_rcv_ms != b->last_rcv_ms || a->snd_mss != b->snd_mss ||
	       a->rexmit_at != b->rexmit_at || a->cwnd != b->cwnd;
}

/* The segment meets a copy of the connection that has not been challenged yet. */
static enum hit try(struct talk *v, struct tcp_seg s)
{
	struct tcb t = *v->t;
	enum hit hit = NOTHING;
	uint32_t ev;

	t.challenged = 0;
	if (s.payload_len != 0) {
		s.m = rte_pktmbuf_alloc(v->pool);
		must(s.m != NULL && rte_pktmbuf_append(s.m, (uint16_t)s.payload_len) != NULL);
	}
	ev = hr_tcp_input(&v->ctx, &t, &s, v->now);
	/* The clock went on since the connection was last heard; silence alone moves nothing. */
	if (touched(&t, v->t) || hr_tcp_ev_drop(ev) == DROP_NONE)
		hit = TAKEN;
	else if (t.flags & TF_ACK_NOW)
		hit = CHALLENGED;
	/* What the connection itself holds stays its own. */
	if (t.ext != v->t->ext || t.rcvq != v->t->rcvq) {
		must(v->t->rcvq == NULL && v->t->ext == 0 && v->t->sendq == NULL);
		t.range_head = t.range_tail = 0;
		t.flags &= ~TF_EMBEDDED;
		hr_tcp_release(&v->ctx, &t);
	}
	return hit;
}

/* hits of n trials with this chance: within five standard deviations. */
static void likely_hits(struct talk *v, unsigned hits, unsigned n, double chance)
{
	double mean = n * chance, d = hits - mean;

	if (d * d > 25 * (mean * (1 - chance) + 1))
		talk_fail(v, "%u of %u segments hit, %.1f were expected", hits, n, mean);
}

static struct hr_rng seeded(const struct talk *v)
{
	struct hr_rng r;

	hr_rng_seed(&r, v->world->iss ^ 5961);
	return r;
}

/* B-1: of all numbers around RCV.NXT one resets; the rest of the window is answered, what is
 * outside is not. */
static void one_number_resets(struct talk *v)
{
	unsigned taken = 0, challenged = 0;

	given_established(v);
	for (uint32_t d = 0; d < 2 * NEAR; d++) {
		enum hit hit = try(v, blind_seg(v, RST, v->t->rcv_nxt - NEAR + d, 0));

		taken += hit == TAKEN;
		challenged += hit == CHALLENGED;
		expect(v, hit != TAKEN || d == NEAR);
	}
	expect(v, taken == 1);
	expect(v, challenged == v->t->rcv_adv - v->t->rcv_nxt);
}

/* B-1: with the largest window the odds of a reset are still one in 2^32, and those of a challenge
 * the window's share. */
static void random_resets(struct talk *v)
{
	unsigned taken = 0, challenged = 0;
	struct hr_rng r = seeded(v);

	v->params.rcv_buf_bytes = 1u << 30;
	given_established(v, .ws = WS(14));
	for (unsigned i = 0; i < RANDOM; i++) {
		uint8_t flags = (uint8_t)(RST | (hr_rng_u64(&r) & (ACK | PSH | URG | FIN | SYN)));
		enum hit hit = try(
			v, blind_seg(v, flags, (uint32_t)hr_rng_u64(&r), (uint32_t)hr_rng_u64(&r)));

		taken += hit == TAKEN;
		challenged += hit == CHALLENGED;
	}
	expect(v, taken == 0);
	likely_hits(v, challenged, RANDOM, (v->t->rcv_adv - v->t->rcv_nxt) / 4294967296.0);
}

/* B-2: a SYN does nothing in any synchronised state, wherever it points. */
static void random_syns(struct talk *v)
{
	struct hr_rng r = seeded(v);

	v->params.rcv_buf_bytes = 1u << 30;
	given_established(v, .ws = WS(14));
	for (unsigned i = 0; i < RANDOM; i++) {
		uint8_t flags = (uint8_t)(SYN | (hr_rng_u64(&r) & (ACK | PSH | URG | FIN)));
		uint32_t near = (uint32_t)hr_rng_u64(&r) % 64 - 32;
		bool aimed = i % 2;
		enum hit hit = try(v,
			blind_seg(v, flags, aimed ? v->t->rcv_nxt + near : (uint32_t)hr_rng_u64(&r),
				aimed ? v->t->snd_nxt : (uint32_t)hr_rng_u64(&r)));

		expect(v, hit == CHALLENGED);
	}
}

/* B-3: data is taken when both numbers fit: the receive window's share times that of [SND.UNA -
 * MAX.SND.WND, SND.NXT]. */
static void random_data(struct talk *v)
{
	unsigned taken = 0;
	double seq_share, ack_share;
	struct hr_rng r = seeded(v);

	v->params.rcv_buf_bytes = 1u << 30;
	given_established(v, .ws = WS(14), .wnd = 60000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 60000); /* scaled from now on */
	seq_share = (v->t->rcv_adv - v->t->rcv_nxt + 9) / 4294967296.0;
	ack_share = (v->t->snd_max_wnd + 1.0) / 4294967296.0;
	expect(v, v->t->snd_max_wnd == 60000u << 14);
	for (unsigned i = 0; i < RANDOM; i++) {
		struct tcp_seg s = blind_seg(v, (uint8_t)(ACK | (i & 1 ? FIN : 0)),
			(uint32_t)hr_rng_u64(&r), (uint32_t)hr_rng_u64(&r));

		s.payload_len = i & 1 ? 9 : 10;
		taken += try(v, s) == TAKEN;
	}
	likely_hits(v, taken, RANDOM, seq_share * ack_share);
}

/* B-3: with windows of 64 KB, of all acknowledgment numbers around SND.UNA exactly those of RFC
 * 5961 5.2 bring data in, at the best sequence number there is. */
static void aimed_data(struct talk *v)
{
	unsigned taken = 0;

	given_established(v, .wnd = 5000);
	for (uint32_t d = 0; d < 2 * NEAR; d++) {
		struct tcp_seg s = blind_seg(v, ACK, v->t->rcv_nxt, v->t->snd_una - NEAR + d);
		enum hit hit;

		s.payload_len = 1;
		hit = try(v, s);
		taken += hit == TAKEN;
		expect(v, hit == (d >= NEAR - 5000 && d <= NEAR ? TAKEN : CHALLENGED));
	}
	expect(v, taken == 5001);
}

/* TS-2: with timestamps the attacker has to have a recent one, too: without, nothing is taken. */
static void data_without_the_timestamp(struct talk *v)
{
	struct hr_rng r = seeded(v);
	unsigned taken = 0;

	given_established(v, .ts = true);
	for (unsigned i = 0; i < RANDOM; i++) {
		struct tcp_seg s = blind_seg(v, ACK, v->t->rcv_nxt, v->t->snd_una);

		s.payload_len = 1;
		expect(v, try(v, s) == NOTHING);
		s.opts = TCPO_TS;
		s.tsval = (uint32_t)hr_rng_u64(&r);
		taken += try(v, s) == TAKEN;
	}
	likely_hits(v, taken, RANDOM, 0.5);
}

/* RFC 5927: ICMP counts when it quotes what is in flight: here 10 of all numbers. */
static void blind_icmp(struct talk *v)
{
	unsigned taken = 0;

	v->params.mss = 1400; /* above what ICMP may lower it to, in both families */
	given_established(v, .mss = 1400);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	for (uint32_t d = 0; d < 2 * NEAR; d++) {
		struct tcb t = *v->t;
		bool v6 = v->world->ip6, hit;

		(void)hr_tcp_icmp(&v->ctx, &t, v6 ? 6 : 4, v6 ? 2 : 3, v6 ? 0 : 4,
			t.snd_una - NEAR + d, v6 ? 1300 : 600, v->now);
		hit = t.snd_mss != v->t->snd_mss || memcmp(&t, v->t, sizeof(t)) != 0;
		if (t.ext != v->t->ext) /* the one range is in the copy */
			hr_slab_free(&v->exts, hr_slab_at(&v->exts, t.ext));
		taken += hit;
		expect(v, hit == (d >= NEAR && d < NEAR + 10));
	}
	expect(v, taken == 10);
}

/* MUST-11, B-1: half-open: one number ends it, one acknowledgment completes it, and guesses earn
 * one answer until the next SYN-ACK. */
static void half_open(struct talk *v)
{
	unsigned reset = 0, accepted = 0, answers = 0;
	enum hr_drop drop;
	struct tcp_out o;

	given_syn_received(v);
	for (uint32_t d = 0; d < 2 * NEAR; d++) {
		struct tcp_seg s = blind_seg(v, RST, v->syn.irs + 1 - NEAR + d, 0);
		enum tcp_syn_verdict verdict =
			hr_syn_input(&v->ctx, &v->syn, &v->path, &s, v->now, &o, &drop);

		answers += verdict == SYN_ANSWER;
		reset += verdict == SYN_RESET;
		expect(v, verdict != SYN_RESET || d == NEAR);
		s = blind_seg(v, ACK, v->syn.irs + 1, v->syn.iss + 1 - NEAR + d);
		verdict = hr_syn_input(&v->ctx, &v->syn, &v->path, &s, v->now, &o, &drop);
		accepted += verdict == SYN_ACCEPT;
		expect(v, verdict == (d == NEAR ? SYN_ACCEPT : SYN_ANSWER));
		expect(v, verdict == SYN_ACCEPT || (o.flags & RST));
	}
	expect(v, reset == 1 && accepted == 1 && answers == 1);
	after(v, MS(1000));
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = TS_NONE);
	hears(v, .flags = RST, .seq = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = RST, .seq = 100);
	silent(v);
}

/* RFC 1337: nothing but a SYN or time ends TIME-WAIT, and there are few answers to be had from it.
 */
static void time_wait(struct talk *v)
{
	unsigned answers = 0;
	struct hr_rng r = seeded(v);

	given_time_wait(v);
	for (unsigned i = 0; i < RANDOM; i++) {
		uint8_t flags = (uint8_t)(hr_rng_u64(&r) & (RST | ACK | FIN | PSH | URG));
		struct tcp_seg s = blind_seg(v, flags,
			i % 2 ? v->tw.rcv_nxt + (uint32_t)hr_rng_u64(&r) % 64
			      : (uint32_t)hr_rng_u64(&r),
			(uint32_t)hr_rng_u64(&r));
		enum hr_drop drop;
		struct tcp_out o;
		enum tcp_tw_verdict verdict =
			hr_tw_input(&v->ctx, &v->tw, &v->key, 0, &s, v->now, &o, &drop);

		expect(v, verdict == TW_DROP || verdict == TW_ANSWER);
		answers += verdict == TW_ANSWER && drop != DROP_NONE;
	}
	expect(v, answers <= 7);
}

/* SYN-1: of the acknowledgment numbers around a cookie those that stand for its period and an MSS
 * are good: 8 of 2^32, 16 with the period before; of 2^20 random ones none. */
static void forged_cookies(struct talk *v)
{
	struct hr_rng r = seeded(v);
	unsigned good = 0;
	struct tcp_syn e;

	v->cookies = true;
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1460, .ts = TS_NONE);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = TS_NONE);
	for (uint32_t d = 0; d < 2 * NEAR; d++) {
		struct tcp_seg s = blind_seg(v, ACK, v->irs + 1, v->iss + 1 - NEAR + d);

		good += hr_cookie_check(&v->ctx, &e, &v->key, &v->path, &s, v->now);
	}
	expect(v, good == 8);
	for (uint32_t i = 0; i < 1u << 20; i++) {
		struct tcp_seg s =
			blind_seg(v, ACK, (uint32_t)hr_rng_u64(&r), (uint32_t)hr_rng_u64(&r));

		s.opts = i % 2 ? TCPO_TS : 0;
		s.tsval = s.tsecr = (uint32_t)hr_rng_u64(&r);
		expect(v, !hr_cookie_check(&v->ctx, &e, &v->key, &v->path, &s, v->now));
	}
}

/* SYN-1: with timestamps the echo has to fall into the cookie's time, too. */
static void forged_cookies_with_timestamps(struct talk *v)
{
	unsigned good = 0;
	struct tcp_syn e;

	v->cookies = true;
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1460, .ws = WS(7), .sack_ok = true, .ts = TS_ON);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = TS_ON);
	for (uint32_t d = 0; d < 1u << 20; d++) {
		struct tcp_seg s = blind_seg(v, ACK, v->irs + 1, v->iss + 1);

		expect(v, !hr_cookie_check(&v->ctx, &e, &v->key, &v->path, &s, v->now));
		s.opts = TCPO_TS;
		s.tsecr = v->heard_tsval - (1u << 19) + d;
		good += hr_cookie_check(&v->ctx, &e, &v->key, &v->path, &s, v->now);
	}
	/* 128 s and what the options take of it. */
	expect(v, good >= 128000 && good <= 128064);
}

/* B-4, CVE-2016-5696: what is sent against one connection does not show in the answers that another
 * one gets. */
static void nothing_to_count(struct talk *v)
{
	unsigned answers[2] = {0, 0};

	given_established(v);
	for (unsigned round = 0; round < 2; round++) {
		struct tcb victim = *v->t, mine = *v->t;

		victim.challenged = mine.challenged = 0;
		for (unsigned i = 0; i < 5000; i++) {
			struct tcp_seg s = blind_seg(v, SYN, v->t->rcv_nxt + i, 0);

			mine.flags &= ~TF_ACK_NOW;
			if (round == 1)
				(void)hr_tcp_input(&v->ctx, &victim, &s, v->now);
			s = blind_seg(v, RST, v->t->rcv_nxt + 1 + i, 0);
			(void)hr_tcp_input(&v->ctx, &mine, &s, v->now);
			answers[round] += (mine.flags & TF_ACK_NOW) != 0;
		}
	}
	expect(v, answers[0] == answers[1] && answers[0] == 5);
}

/* B-4: with an interval instead of a count, two challenges are never closer than that. */
static void spaced_challenges(struct talk *v)
{
	v->params.oow_ack_interval_ms = 500;
	given_established(v);
	for (unsigned round = 0; round < 40; round++) {
		hears(v, .flags = ACK, .seq = 0x40000000, .ack = 1);
		says(v, .flags = ACK, .seq = 1, .ack = 1);
		hears(v, .flags = SYN, .seq = 1);
		silent(v);
		after(v, MS(499));
		hears(v, .flags = RST, .seq = 2);
		silent(v);
		after(v, MS(64));
	}
	counted(v, challenge_acks, 40);
	counted(v, challenge_acks_limited, 80);
	/* Data that was acknowledged before is no challenge: it is answered each time. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	app_reads(v, 10);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 11);
	for (unsigned i = 0; i < 3; i++) {
		hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
		says(v, .flags = ACK, .seq = 1, .ack = 11);
	}
}

static const struct talk_test tests[] = {
	TALK(one_number_resets),
	TALK(random_resets),
	TALK(random_syns),
	TALK(random_data),
	TALK(aimed_data),
	TALK(data_without_the_timestamp),
	TALK(blind_icmp),
	TALK(spaced_challenges),
	TALK(half_open),
	TALK(time_wait),
	TALK(forged_cookies),
	TALK(forged_cookies_with_timestamps),
	TALK(nothing_to_count),
};

int main(void)
{
	return talk_main("blind", tests, RTE_DIM(tests));
}
