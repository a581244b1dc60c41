/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about the path MTU: reports of routers (RFC 1191, 8201), their absence (RFC 4821,
 * 8899), and the way up again. */
#include "talk_internal.h"

static uint32_t fixed(const struct talk *v)
{
	return v->world->ip6 ? 60 : 40;
}

/* A router reports that the segment at seq was too big for its next hop. */
static void router_says(struct talk *v, uint32_t seq, uint32_t mtu)
{
	bool v6 = v->world->ip6;

	talk_print(v, "< ICMP too big: %u, seq %u", mtu, seq);
	v->events |= hr_tcp_icmp(&v->ctx, v->t, v6 ? 6 : 4, v6 ? 2 : 3, v6 ? 0 : 4, v->iss + seq,
			     mtu, v->now) &
		     0xffffff;
	turn_ends(v);
}

static void given_path(struct talk *v, bool sack)
{
	v->params.mss = 0;
	v->params.plpmtud = true;
	v->params.snd_buf_bytes = 1 << 20;
	v->params.tlp = false; /* timeouts are what this is about */
	given_established(v, .mss = 1400, .sack = sack);
}

/* PM-1: only what does not fit is sent again, in pieces that do; no timeout, no smaller cwnd. */
static void only_what_is_too_big(struct talk *v)
{
	uint32_t mss = 1300 - fixed(v), cwnd;

	given_path(v, true);
	v->t->flags |= TF_NODELAY;
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	after(v, MS(1));
	app_sends(v, 300);
	says(v, .flags = ACK, .seq = 1401, .ack = 1, .len = 300);
	cwnd = v->t->cwnd;
	router_says(v, 1, 1300);
	told(v, TCP_EV_PMTU);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = mss);
	says(v, .flags = ACK, .seq = 1 + mss, .ack = 1, .len = 1400 - mss);
	silent(v);
	expect(v, v->t->cwnd == cwnd && hr_tcp_pmtu(v->t) == 1300);
	counted(v, rto_fired, 0);
	counted(v, pmtu_lowered, 1);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1701);
	counted(v, fast_recoveries, 0);
	expect(v, v->t->ssthresh >= 1u << 30);
}

/* The same to a peer without SACK whose duplicate ACKs had told of data that is now sent again. */
static void duplicates_before_the_report(struct talk *v)
{
	uint32_t mss = 1300 - fixed(v);

	given_path(v, false);
	v->t->flags |= TF_NODELAY;
	app_sends(v, 4200);
	for (uint32_t seq = 1; seq < 4201; seq += 1400)
		says(v, .flags = ACK, .seq = seq, .ack = 1, .len = 1400);
	after(v, MS(20));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	silent(v);
	router_says(v, 1, 1300);
	told(v, TCP_EV_PMTU);
	for (uint32_t seq = 1; seq < 4201; seq += mss)
		says(v, .flags = ACK, .seq = seq, .ack = 1, .len = hr_min(mss, 4201 - seq));
	silent(v);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 4201);
	counted(v, fast_recoveries, 0);
}

/* PM-3, and RFC 8201 4: 1280 is the least of IPv6: less is not believed; of IPv4 pmtu_min is, and
 * DF is clear. */
static void not_below_the_least(struct talk *v)
{
	given_path(v, true);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	router_says(v, 1, 60);
	expect(v, v->t->snd_mss == 1400);
	router_says(v, 1, 200);
	if (v->world->ip6) {
		expect(v, v->t->snd_mss == 1400);
		return;
	}
	expect(v, hr_tcp_pmtu(v->t) == v->params.pmtu_min);
	while (v->next_said != v->n_said) {
		struct tcp_out o = says_something(v);

		expect(v, o.seg_size == 512 && o.may_fragment);
	}
}

/* Everything that was said and not yet expected; all of it lets routers cut, or none. */
static uint32_t said_bytes(struct talk *v, bool df_clear)
{
	uint32_t bytes = 0;

	while (v->next_said != v->n_said) {
		struct tcp_out o = says_something(v);

		expect(v, o.may_fragment == df_clear && o.seg_size <= 512);
		bytes += o.payload_len;
	}
	return bytes;
}

/* PM-8: exactly the least is a size like any other; less, and what was dropped goes again with DF
 * clear, once; so does all that follows. */
static void below_the_least_df_is_clear(struct talk *v)
{
	uint32_t cwnd;

	given_path(v, true);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	if (v->world->ip6) {
		router_says(v, 1, 1279);
		silent(v);
		not_told(v, TCP_EV_PMTU);
		expect(v, !v->t->df_clear);
		return;
	}
	cwnd = v->t->cwnd;
	router_says(v, 1, 552);
	expect(v, said_bytes(v, false) == 1400);
	told(v, TCP_EV_PMTU);
	after(v, MS(20));
	router_says(v, 1, 551);
	/* 512 and 512: the rest is as short as the router can have passed. */
	expect(v, said_bytes(v, true) == 1024);
	told(v, TCP_EV_PMTU);
	router_says(v, 1, 296);
	silent(v);
	not_told(v, TCP_EV_PMTU);
	expect(v, v->t->cwnd == cwnd);
	counted(v, rto_fired, 0);
	after(v, MS(20));
	hears(v, .flags = ACK, .seq = 1, .ack = 1401);
	hears(v, .flags = ACK, .seq = 1, .ack = 1401, .len = 100);
	hears(v, .flags = ACK, .seq = 101, .ack = 1401, .len = 1000);
	expect(v, says_something(v).may_fragment);
	app_sends(v, 700);
	expect(v, said_bytes(v, true) == 512);
}

/* PM-8: in one step, too; and a peer with small segments had nothing to lower. */
static void far_below_the_least(struct talk *v)
{
	if (v->world->ip6)
		return;
	v->params.mss = 0;
	given_established(v, .mss = 500, .ts = true);
	app_sends(v, 400);
	expect(v, said_bytes(v, false) == 400);
	router_says(v, 1, 67);
	silent(v);
	router_says(v, 1, 68);
	told(v, TCP_EV_PMTU);
	expect(v, said_bytes(v, true) == 400);
	expect(v, v->t->snd_mss == 488);
	after(v, MS(20));
	hears(v, .flags = ACK, .seq = 1, .ack = 401);
	expect(v, v->t->ext == 0);
}

/* PM-8, PM-2: the search for more begins after ten minutes as always, with DF set: fragments would
 * tell nothing. When the probe arrives, DF is back. */
static void df_is_back_with_a_larger_size(struct talk *v)
{
	bool probed = false;

	if (v->world->ip6)
		return;
	given_path(v, true);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	router_says(v, 1, 296);
	expect(v, said_bytes(v, true) == 1400);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1401);
	after(v, SEC(610));
	app_sends(v, 3 * 1400);
	while (v->next_said != v->n_said) {
		struct tcp_out o = says_something(v);

		expect(v, o.may_fragment == (o.seg_size == 512));
		probed |= o.seg_size == 1400 && o.payload_len == 1400;
	}
	expect(v, probed);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = v->t->snd_nxt - v->iss);
	expect(v, v->t->snd_mss == 1400 && !v->t->df_clear);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).may_fragment);
}

/* PM-7, PM-8: what another connection learned of such a path; no IPv6 path is one. */
static void known_to_need_fragments(struct talk *v)
{
	v->params.mss = 0;
	given_established(v, .mss = 1400);
	hr_tcp_pmtu_known(&v->ctx, v->t, v->world->ip6 ? 1280 : 552, true);
	app_sends(v, 1000);
	expect(v, says_something(v).may_fragment == !v->world->ip6);
	swallow(v);
}

/* PM-5's other half: switched off, reports mean nothing. */
static void not_when_switched_off(struct talk *v)
{
	v->params.pmtud = false;
	given_path(v, true);
	app_sends(v, 1400);
	expect(v, says_something(v).may_fragment);
	router_says(v, 1, 1300);
	expect(v, v->t->snd_mss == 1400);
}

/* PM-5: every segment says Don't Fragment, the SYN too. */
static void dont_fragment(struct talk *v)
{
	app_connects(v);
	expect(v, !says_something(v).may_fragment);
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000);
	expect(v, !says_something(v).may_fragment);
}

/* PM-7: what another connection learned holds from the first segment on; what we announce stays. */
static void known_from_the_start(struct talk *v)
{
	v->params.mss = 0;
	given_established(v, .mss = 1400);
	hr_tcp_pmtu_known(&v->ctx, v->t, 1300, false);
	app_sends(v, 2000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1300 - fixed(v));
	hears(v, .flags = ACK, .seq = 1, .ack = 1301 - fixed(v));
	swallow(v);
	expect(v, v->t->ext == 0);
}

/* Did a segment of this length leave in one piece? */
static bool probed(struct talk *v, uint32_t len)
{
	bool seen = false;

	while (v->next_said != v->n_said) {
		struct tcp_out o = says_something(v);

		seen |= o.payload_len == len && o.seg_size == len;
	}
	return seen;
}

/* Some data goes over, and a probe of this size is among it. */
static bool sees_a_probe(struct talk *v, uint32_t len)
{
	bool seen;

	app_sends(v, 3 * 1460);
	seen = probed(v, len);
	for (unsigned i = 0; i < 3; i++) {
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = v->t->snd_nxt - v->iss);
		seen |= probed(v, len);
	}
	return seen;
}

/* PM-2, PM-4: not within ten minutes; then a probe of the size there was, and it stays when it
 * arrives. */
static void up_again_after_ten_minutes(struct talk *v)
{
	uint32_t mss = 1300 - fixed(v);

	given_path(v, true);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	router_says(v, 1, 1300);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = mss);
	says(v, .flags = ACK, .seq = 1 + mss, .ack = 1, .len = 1400 - mss);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1401);
	after(v, SEC(590));
	expect(v, !sees_a_probe(v, 1400));
	counted(v, pmtu_probes, 0);
	after(v, SEC(20));
	expect(v, sees_a_probe(v, 1400));
	counted(v, pmtu_raised, 1);
	expect(v, v->t->snd_mss == 1400);
	told(v, TCP_EV_PMTU);
}

/* Full segments vanish and nobody says why. */
static uint32_t given_black_hole(struct talk *v, bool sack)
{
	uint32_t base = (v->world->ip6 ? 1280 : 1200) - fixed(v);

	given_path(v, sack);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	/* RTO 300, 600 ms: two more of the same; the third timeout tries less. */
	after(v, MS(300));
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	after(v, MS(600));
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	counted(v, pmtu_lowered, 0);
	after(v, MS(1200));
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = base);
	counted(v, pmtu_lowered, 1);
	counted(v, pmtu_black_holes, 0);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1 + base);
	counted(v, pmtu_black_holes, 1);
	told(v, TCP_EV_PMTU);
	says(v, .flags = ACK, .seq = 1 + base, .ack = 1, .len = 1400 - base);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1401);
	expect(v, v->t->snd_mss == base);
	return base;
}

/* PL-1, PL-3: after three timeouts the base size; it gets through. */
static void black_hole(struct talk *v)
{
	given_black_hole(v, true);
}

/* A peer without SACK: nothing can be probed, but the base size serves. */
static void black_hole_without_sack(struct talk *v)
{
	given_black_hole(v, false);
	expect(v, !sees_a_probe(v, 1400));
}

/* It was an outage: the first probe finds the old size good. */
static void outage_is_no_black_hole(struct talk *v)
{
	given_black_hole(v, true);
	expect(v, sees_a_probe(v, 1400));
	expect(v, v->t->snd_mss == 1400);
}

/* PL-2: a probe that is lost is repaired in smaller pieces and cuts nothing; twice, and the search
 * goes on below. */
static void lost_probe(struct talk *v)
{
	uint32_t base = given_black_hole(v, true), nxt = 1501, cwnd;

	/* Something is measured again first: the back-off is over. */
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1401, .ack = 1, .len = 100);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = nxt);
	for (unsigned i = 0; i < 2; i++) {
		v->t->cwnd = 20000;
		after(v, SEC(i * 5));
		turn_begins(v);
		app_sends(v, 1400 + 4 * base);
		turn_ends(v);
		says(v, .flags = ACK, .seq = nxt, .ack = 1, .len = 1400);
		for (unsigned k = 0; k < 4; k++)
			says(v, .flags = ACK, .seq = nxt + 1400 + k * base, .ack = 1, .len = base);
		after(v, MS(100));
		cwnd = v->t->cwnd; /* a pause may have cut it before */
		hears(v, .flags = ACK, .seq = 1, .ack = nxt,
			.sack = {{nxt + 1400, nxt + 1400 + 4 * base}});
		says(v, .flags = ACK, .seq = nxt, .ack = 1, .len = base);
		says(v, .flags = ACK, .seq = nxt + base, .ack = 1, .len = 1400 - base);
		after(v, MS(100));
		nxt += 1400 + 4 * base;
		hears(v, .flags = ACK, .seq = 1, .ack = nxt);
		expect(v, v->t->cwnd >= cwnd);
		counted(v, fast_recoveries, 0);
		counted(v, pmtu_probes, i + 1);
	}
	after(v, SEC(5));
	expect(v, sees_a_probe(v, (base + 1400) / 2));
	expect(v, v->t->snd_mss == (base + 1400) / 2);
	counted(v, pmtu_raised, 1);
}

/* Nothing gets through at all: the size was not the reason, and is not blamed. */
static void dead_path(struct talk *v)
{
	given_path(v, true);
	app_sends(v, 1400);
	for (unsigned i = 0; i < 300; i++) {
		swallow(v);
		after(v, SEC(1));
	}
	swallow(v);
	expect(v, v->t->snd_mss == 1400);
	counted(v, pmtu_black_holes, 0);
}

/* Short segments that vanish are no hint. */
static void short_segments_do_not_count(struct talk *v)
{
	given_path(v, true);
	app_sends(v, 500);
	for (unsigned i = 0; i < 30; i++) {
		swallow(v);
		after(v, SEC(1));
	}
	swallow(v);
	expect(v, v->t->snd_mss == 1400);
	counted(v, pmtu_lowered, 0);
}

static const struct talk_test tests[] = {
	TALK(only_what_is_too_big),
	TALK(duplicates_before_the_report),
	TALK(not_below_the_least),
	TALK(below_the_least_df_is_clear),
	TALK(far_below_the_least),
	TALK(df_is_back_with_a_larger_size),
	TALK(known_to_need_fragments),
	TALK(not_when_switched_off),
	TALK(dont_fragment),
	TALK(known_from_the_start),
	TALK(up_again_after_ten_minutes),
	TALK(black_hole),
	TALK(black_hole_without_sack),
	TALK(outage_is_no_black_hole),
	TALK(lost_probe),
	TALK(dead_path),
	TALK(short_segments_do_not_count),
};

int main(void)
{
	return talk_main("pmtud", tests, RTE_DIM(tests));
}
