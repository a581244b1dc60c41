/* SPDX-License-Identifier: BSD-3-Clause */
/* The congestion window above ssthresh: NewReno, CUBIC; when it does not grow; what goes idle. */
#include "talk.h"
#include "tcp/cubic.h"

/* One round trip: everything in flight is acknowledged in steps of `step` bytes. */
static void a_round(struct talk *v, uint32_t step)
{
	uint32_t end = (uint32_t)talk_info(v).bytes_acked + talk_info(v).inflight_bytes;

	after(v, talk_info(v).srtt_us);
	while (talk_info(v).bytes_acked < end) {
		uint32_t una = (uint32_t)talk_info(v).bytes_acked + step;

		hears(v, .flags = ACK, .seq = 1, .ack = RTE_MIN(una, end) + 1);
		swallow(v);
		app_sends(v, 100000);
		swallow(v);
	}
}

static void bulk_at(struct talk *v, enum hr_cc cc, uint32_t rtt_us)
{
	v->params.cc = (uint8_t)cc;
	given_established(v, .sack = true, .ws = WS(6), .rtt_us = rtt_us);
	app_sends(v, 100000);
	swallow(v);
}

static void bulk(struct talk *v, enum hr_cc cc)
{
	bulk_at(v, cc, MS(100));
}

/* One segment is lost, SACK says so, its retransmission and all else arrives. */
static void a_loss(struct talk *v)
{
	uint32_t una = (uint32_t)talk_info(v).bytes_acked + 1;
	uint32_t end = una + talk_info(v).inflight_bytes;

	after(v, talk_info(v).srtt_us);
	hears(v, .flags = ACK, .seq = 1, .ack = una, .sack = {{una + 1000, end}});
	swallow(v);
	after(v, talk_info(v).srtt_us);
	hears(v, .flags = ACK, .seq = 1, .ack = una + talk_info(v).inflight_bytes);
	swallow(v);
	app_sends(v, 100000);
	swallow(v);
	expect(v, strcmp(talk_info(v).recovery, "open") == 0);
}

/* CC-9, CC-12: a segment a round trip, whether ACKs come for one segment or for five. */
static void newreno_grows_by_a_segment(struct talk *v)
{
	bulk(v, HR_CC_NEWRENO);
	a_loss(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000 && talk_info(v).cwnd_bytes == 5000);
	a_round(v, 1000);
	expect(v, talk_info(v).cwnd_bytes == 6000);
	a_round(v, 6000);
	expect(v, talk_info(v).cwnd_bytes == 7000);
	a_round(v, 3500);
	expect(v, talk_info(v).cwnd_bytes == 8000);
}

/* CC-11 */
static void ssthresh_begins_high(struct talk *v)
{
	given_established(v);
	expect(v, talk_info(v).ssthresh_bytes == 1u << 30);
}

/* CU-3: 0.7 of what was in flight. */
static void cubic_cuts_to_seven_tenths(struct talk *v)
{
	bulk(v, HR_CC_CUBIC);
	a_loss(v);
	expect(v, talk_info(v).ssthresh_bytes == 7000 && talk_info(v).cwnd_bytes == 7000);
	expect(v, strcmp(talk_info(v).cc, "cubic") == 0);
}

/* CU-2: at 100 ms and ten segments Reno's estimate leads: 9/17 segments a round up to the window
 * before the cut, one beyond it. */
static void cubic_follows_reno_when_that_is_faster(struct talk *v)
{
	uint32_t cwnd;

	bulk(v, HR_CC_CUBIC);
	a_loss(v);
	for (unsigned i = 0; i < 5; i++) {
		cwnd = talk_info(v).cwnd_bytes;
		a_round(v, 1000);
		expect(v, talk_info(v).cwnd_bytes >= cwnd + 440 &&
				  talk_info(v).cwnd_bytes <= cwnd + 560);
	}
	while (talk_info(v).cwnd_bytes < 10000)
		a_round(v, 1000);
	cwnd = talk_info(v).cwnd_bytes;
	a_round(v, 1000);
	expect(v, talk_info(v).cwnd_bytes >= cwnd + 880 && talk_info(v).cwnd_bytes <= cwnd + 1050);
}

/* Grow to n segments by slow start. */
static void grow_to(struct talk *v, uint32_t bytes)
{
	while (talk_info(v).cwnd_bytes < bytes)
		a_round(v, 1000);
}

/* W(t) in bytes for segments of 1000, when congestion left `cwnd`. */
static double curve_at(uint32_t cwnd, double t)
{
	double t_k = t - hr_cubic_k_us(cwnd * 3 / 7, 1000) / 1e6;

	return cwnd / 0.7 + 400 * t_k * t_k * t_k;
}

/* CU-1: W(t) = 0.4 (t - K)^3 + Wmax. Forty segments, RTT 0.9 s: cut to 28, K = (12 / 0.4)^(1/3) =
 * 3.107 s, so the curve is at 37.6 after 2 s and back at 40 about then; at 6 s it is at 49.7. Reno
 * would be at 31. */
static void cubic_follows_the_curve(struct talk *v)
{
	uint32_t before;

	bulk_at(v, HR_CC_CUBIC, MS(900));
	grow_to(v, 40000);
	a_loss(v);
	before = talk_info(v).ssthresh_bytes;
	expect(v, before >= 28000 && before <= 29500);
	for (unsigned s = 1; s <= 7; s++) {
		a_round(v, 1000);
		/* What ACKs did in this round led from the curve a round ago to that of now. */
		if (s >= 2)
			expect(v,
				talk_info(v).cwnd_bytes > 0.95 * curve_at(before, 0.9 * (s - 1)) &&
					talk_info(v).cwnd_bytes < curve_at(before, 0.9 * s));
	}
	expect(v, talk_info(v).cwnd_bytes > 46000);
}

/* CU-4: the second event meets less than the first: the plateau is put lower than that. */
static void cubic_gives_way(struct talk *v)
{
	struct tcb_ext *x;

	bulk(v, HR_CC_CUBIC);
	a_loss(v); /* at 10000 */
	a_loss(v); /* at 7000 or a little more: W_max = 7000 x 0.85 */
	x = hr_slab_at(v->ctx.exts, v->t->ext);
	expect(v, talk_info(v).ssthresh_bytes >= 4900 && talk_info(v).ssthresh_bytes < 5600);
	expect(v, x->cubic.e.w_max >= 5950 && x->cubic.e.w_max < 6800);
}

/* CU-5, CC-4, CC-10: a timeout leaves 0.7 once, one segment of window, and no plateau; its
 * repetition changes nothing. */
static void cubic_after_a_timeout(struct talk *v)
{
	struct tcb_ext *x;

	v->params.cc = HR_CC_CUBIC;
	given_established(v, .ws = WS(6)); /* no SACK, no tail loss probe */
	app_sends(v, 100000);
	swallow(v);
	after(v, MS(300));
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 7000 && talk_info(v).cwnd_bytes == 1000);
	after(v, MS(600));
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 7000 && talk_info(v).cwnd_bytes == 1000);
	x = hr_slab_at(v->ctx.exts, v->t->ext);
	expect(v, x->cubic.e.w_max == 0);
}

/* CU-8: ten seconds in which little is sent are not ten seconds of the curve. */
static void unused_time_does_not_count(struct talk *v)
{
	uint32_t cwnd, seq;

	bulk(v, HR_CC_CUBIC);
	grow_to(v, 40000);
	a_loss(v);
	a_round(v, 1000);
	/* The application pauses: drain, then a segment a second. */
	while (talk_info(v).inflight_bytes != 0 || talk_info(v).unsent_bytes != 0) {
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1,
			.ack = (uint32_t)talk_info(v).bytes_acked + 1 +
			       talk_info(v).inflight_bytes);
		swallow(v);
	}
	cwnd = talk_info(v).cwnd_bytes;
	for (unsigned i = 0; i < 50; i++) {
		app_sends(v, 1000);
		swallow(v);
		after(v, MS(100));
		seq = (uint32_t)talk_info(v).bytes_acked + 1001;
		hears(v, .flags = ACK, .seq = 1, .ack = seq);
	}
	expect(v, talk_info(v).cwnd_bytes == cwnd);
	/* In use again: it goes on where it was. */
	app_sends(v, 100000);
	swallow(v);
	a_round(v, 1000);
	expect(v, talk_info(v).cwnd_bytes < cwnd + 3500);
}

/* CC-8, IW-2: without validation, after ten idle seconds ten segments; what was known is forgotten
 * and its memory given back, and ten seconds are not ten seconds of the curve. */
static void idle_time_restarts(struct talk *v)
{
	uint32_t una;

	v->params.cwnd_validation = false;
	bulk(v, HR_CC_CUBIC);
	grow_to(v, 40000);
	a_loss(v);
	a_round(v, 1000);
	while (talk_info(v).inflight_bytes != 0 || talk_info(v).unsent_bytes != 0) {
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1,
			.ack = (uint32_t)talk_info(v).bytes_acked + 1 +
			       talk_info(v).inflight_bytes);
		swallow(v);
	}
	expect(v, v->exts.live == 1 && talk_info(v).cwnd_bytes > 25000);
	quiet_for(v, SEC(10));
	una = (uint32_t)talk_info(v).bytes_acked + 1;
	app_sends(v, 100000);
	for (uint32_t i = 0; i < 10; i++)
		says(v, .flags = ACK, .seq = una + i * 1000, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = una + 1000);
	swallow(v);
	expect(v, v->exts.live == 0 && talk_info(v).cwnd_bytes == 11000);
}

/* What ACKs of everything in flight, and then nothing, leave. */
static void drain(struct talk *v)
{
	while (talk_info(v).inflight_bytes != 0 || talk_info(v).unsent_bytes != 0) {
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1,
			.ack = (uint32_t)talk_info(v).bytes_acked + 1 +
			       talk_info(v).inflight_bytes);
		swallow(v);
	}
}

/* CV-4: answers to keep-alive probes are no data: idle is who sent none. */
static void keepalives_do_not_keep_the_window(struct talk *v)
{
	uint32_t una;

	v->params.cwnd_validation = false;
	v->params.keepalive_ms = 1000;
	v->params.keepalive_interval_ms = 1000;
	bulk(v, HR_CC_CUBIC);
	grow_to(v, 40000);
	drain(v);
	una = (uint32_t)talk_info(v).bytes_acked + 1;
	for (unsigned i = 0; i < 5; i++) {
		after(v, SEC(1));
		swallow(v);
		hears(v, .flags = ACK, .seq = 1, .ack = una);
	}
	app_sends(v, 100000);
	swallow(v);
	expect(v, talk_info(v).inflight_bytes == 10000 && talk_info(v).cwnd_bytes == 10000);
}

/* CV-2, CV-5: after ten idle seconds the window is as it was, and a window of data takes a round
 * trip to leave instead of an instant. */
static void an_idle_window_is_kept_and_paced(struct talk *v)
{
	uint32_t cwnd;

	v->params.hystart = true; /* which has state from 16 segments on */
	bulk(v, HR_CC_CUBIC);
	grow_to(v, 30000);
	drain(v);
	cwnd = talk_info(v).cwnd_bytes;
	expect(v, cwnd >= 30000);
	quiet_for(v, SEC(10));
	app_sends(v, 100000);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == cwnd && talk_info(v).inflight_bytes == 2000);
	after(v, MS(20));
	swallow(v);
	after(v, MS(25));
	swallow(v);
	/* ssthresh is unknown: twice the window per round trip; 45 of 100 ms are 0.9 of it. */
	expect(v,
		talk_info(v).inflight_bytes > cwnd * 8 / 10 && talk_info(v).inflight_bytes < cwnd);
	counted(v, cwnd_lowered, 0);
}

/* CV-2: after five minutes half of it, after ten a quarter, never less than the initial window. */
static void an_idle_window_is_halved_after_five_minutes(struct talk *v)
{
	uint32_t cwnd;

	bulk(v, HR_CC_CUBIC);
	grow_to(v, 40000);
	a_loss(v);
	drain(v);
	cwnd = talk_info(v).cwnd_bytes;
	expect(v, cwnd > 25000 && cwnd < 40000);
	after(v, SEC(299));
	app_sends(v, 1000);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == cwnd);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)talk_info(v).bytes_acked + 1001);
	/* One segment proves nothing: the five minutes go on. */
	after(v, SEC(2));
	app_sends(v, 1000);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == cwnd / 2);
	expect(v, talk_info(v).ssthresh_bytes >= cwnd * 3 / 4);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)talk_info(v).bytes_acked + 1001);
	counted(v, cwnd_lowered, 1);
	after(v, SEC(1200));
	app_sends(v, 1000);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == 10000);
}

/* CV-3: four segments of a window of forty are in flight when one is lost: what was proven last,
 * four a round trip, counts, not the window. */
static void loss_in_an_unproven_window(struct talk *v)
{
	uint32_t una;

	v->params.undo = true; /* it counts what is sent again */
	v->params.hystart = true;
	bulk(v, HR_CC_NEWRENO);
	grow_to(v, 40000);
	drain(v);
	for (unsigned i = 0; i < 20; i++) {
		una = (uint32_t)talk_info(v).bytes_acked + 1;
		app_sends(v, 8000);
		swallow(v);
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = una + talk_info(v).inflight_bytes);
	}
	expect(v, talk_info(v).cwnd_bytes >= 40000);
	una = (uint32_t)talk_info(v).bytes_acked + 1;
	app_sends(v, 4000);
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = una, .sack = {{una + 1000, una + 4000}});
	swallow(v);
	/* max(pipeACK 8000, flight 4000) / 2. */
	expect(v, talk_info(v).ssthresh_bytes == 4000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = una + 4000);
	/* (8000 - 1000 sent again) / 2. */
	expect(v, talk_info(v).cwnd_bytes == 3500 && talk_info(v).ssthresh_bytes == 3500);
}

/* CU-6: the loss was none: plateau, estimate and time of the epoch are as before it. */
static void cubic_undo_restores_the_epoch(struct talk *v)
{
	struct tcp_cubic_epoch before;
	struct tcb_ext *x;
	uint32_t una, end, cwnd;

	v->params.undo = true;
	bulk(v, HR_CC_CUBIC);
	grow_to(v, 40000);
	a_loss(v);
	for (unsigned i = 0; i < 5; i++)
		a_round(v, 1000);
	x = hr_slab_at(v->ctx.exts, v->t->ext);
	before = x->cubic.e;
	expect(v, before.running && before.w_max > 30000);
	cwnd = talk_info(v).cwnd_bytes;
	una = (uint32_t)talk_info(v).bytes_acked + 1;
	end = una + talk_info(v).inflight_bytes;
	after(v, talk_info(v).srtt_us);
	hears(v, .flags = ACK, .seq = 1, .ack = una, .sack = {{una + 1000, end}});
	swallow(v);
	expect(v, !x->cubic.e.running && talk_info(v).cwnd_bytes < cwnd);
	/* The original was late; the copy arrives as a duplicate. */
	after(v, talk_info(v).srtt_us);
	hears(v, .flags = ACK, .seq = 1, .ack = end, .sack = {{una, una + 1000}});
	swallow(v);
	expect(v, x->cubic.e.w_max == before.w_max && x->cubic.e.running &&
			  x->cubic.e.t_k_us == before.t_k_us && x->cubic.e.w_est == before.w_est &&
			  x->cubic.e.cwnd_prior == before.cwnd_prior);
	expect(v, talk_info(v).ssthresh_bytes >= cwnd);
}

/* BUG-22, CV-1: one segment a round trip does not fill a window of ten. */
static void an_unused_window_does_not_grow(struct talk *v)
{
	given_established(v);
	for (uint32_t i = 0; i < 20; i++) {
		app_sends(v, 1000);
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = 1001 + i * 1000);
	}
	expect(v, talk_info(v).cwnd_bytes == 10000);
	expect(v, v->exts.live == 0);
}

/* CC-1 with byte counting: several ACKs in one turn, before anything new leaves, all count. */
static void acks_of_one_turn_all_count(struct talk *v)
{
	given_established(v, .ws = WS(6));
	app_sends(v, 100000);
	swallow(v);
	after(v, MS(100));
	turn_begins(v);
	for (uint32_t i = 1; i <= 5; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1 + i * 2000);
	turn_ends(v);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == 20000);
}

/* MAY-18: the algorithm is the parameter's. */
static void the_parameter_chooses(struct talk *v)
{
	static const char *const names[HR_CC_COUNT] = {"cubic", "newreno", "dctcp"};
	uint8_t cc =
		v->world->ip6 ? HR_CC_DCTCP : (v->world->iss == 1000 ? HR_CC_NEWRENO : HR_CC_CUBIC);

	v->params.cc = cc;
	given_established(v);
	expect(v, strcmp(talk_info(v).cc, names[cc]) == 0);
}

int main(void)
{
	static const struct talk_test tests[] = {
		TALK(newreno_grows_by_a_segment),
		TALK(ssthresh_begins_high),
		TALK(cubic_cuts_to_seven_tenths),
		TALK(cubic_follows_reno_when_that_is_faster),
		TALK(cubic_follows_the_curve),
		TALK(cubic_gives_way),
		TALK(cubic_after_a_timeout),
		TALK(unused_time_does_not_count),
		TALK(idle_time_restarts),
		TALK(keepalives_do_not_keep_the_window),
		TALK(an_idle_window_is_kept_and_paced),
		TALK(an_idle_window_is_halved_after_five_minutes),
		TALK(loss_in_an_unproven_window),
		TALK(cubic_undo_restores_the_epoch),
		TALK(an_unused_window_does_not_grow),
		TALK(acks_of_one_turn_all_count),
		TALK(the_parameter_chooses),
	};

	return talk_main("cc", tests, RTE_DIM(tests));
}
