/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing: data leaves over the round trip, at exact times; and what is not paced. */
#include "talk.h"

/* A hundred segments are queued, ten of 1000 bytes are out, the RTT is 100 ms. */
static void bulk(struct talk *v)
{
	v->params.pacing = v->params.hystart = true;
	given_established(v, .sack = true, .ws = WS(6));
	app_sends(v, 100000);
	says_segments(v, 1, 10);
	silent(v);
}

/* PACE-1: in slow start twice the window per round trip: after the first ACK cwnd is 12000, so two
 * segments leave at once and the next two 2 x 1000 x 100 ms / 24000 = 8.332 ms later. */
static void slow_start_at_twice_the_window(struct talk *v)
{
	bulk(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	says_segments(v, 10001, 2);
	silent(v);
	says_after(v, 8332, .flags = ACK, .seq = 12001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 13001, .ack = 1, .len = 1000);
	quiet_for(v, MS(20)); /* the window is full: no wake-up for nothing */
	counted(v, pacing_waits, 1);
}

/* PACE-1: all that an ACK of the whole flight permits takes half a round trip: cwnd 20000, ten
 * quanta of two segments, one each 2000 x 100 / 40000 = 5 ms. */
static void a_window_takes_half_a_round_trip(struct talk *v)
{
	bulk(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_segments(v, 10001, 2);
	for (uint32_t i = 1; i < 10; i++) {
		quiet_for(v, MS(5) - 1);
		says_after(v, 1, .flags = ACK, .seq = 10001 + i * 2000, .ack = 1, .len = 1000);
		says(v, .flags = ACK, .seq = 11001 + i * 2000, .ack = 1, .len = 1000);
	}
	quiet_for(v, MS(5));
	counted(v, pacing_waits, 9);
}

/* PACE-2: above half of ssthresh 1.2 windows a round trip: twice 1000 x 100 ms / 24000 =
 * 4.166 ms. */
static void congestion_avoidance_at_a_fifth_more(struct talk *v)
{
	bulk(v);
	v->t->ssthresh = 10000;
	after(v, MS(100));
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	v->t->cwnd = 20000;
	turn_ends(v);
	says_segments(v, 10001, 2);
	silent(v);
	for (uint32_t i = 1; i < 10; i++) {
		says_after(v, 8332, .flags = ACK, .seq = 10001 + i * 2000, .ack = 1, .len = 1000);
		says(v, .flags = ACK, .seq = 11001 + i * 2000, .ack = 1, .len = 1000);
	}
	quiet_for(v, MS(50));
}

/* PACE-3: at 1 ms a quantum is a millisecond of the rate: 20 segments of window, 40 a millisecond:
 * all of it at once. */
static void a_quantum_is_a_millisecond(struct talk *v)
{
	v->params.pacing = v->params.hystart = true;
	given_established(v, .sack = true, .ws = WS(6), .rtt_us = MS(1));
	app_sends(v, 100000);
	swallow(v);
	after(v, MS(1));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_segments(v, 10001, 20);
	silent(v);
	counted(v, pacing_waits, 0);
}

/* PACE-4: what fits into the initial window is not paced and takes no memory, ever again. */
static void short_exchanges_are_not_paced(struct talk *v)
{
	v->params.pacing = v->params.hystart = true;
	given_established(v, .sack = true);
	for (uint32_t i = 0; i < 20; i++) {
		app_sends(v, 10000);
		says_segments(v, 1 + i * 10000, 10);
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = 10001 + i * 10000);
		v->t->cwnd = 10000;
		expect(v, v->exts.live == 0);
	}
	counted(v, pacing_waits, 0);
}

/* PACE-5: the retransmission that starts a recovery leaves at once, the second one waits its time.
 */
static void the_first_retransmission_does_not_wait(struct talk *v)
{
	bulk(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 5001);
	says_segments(v, 10001, 2);
	/* 2 x 1000 x 100 ms / 30000 = 6.666 ms of waiting; 1 ms later two losses show. */
	after(v, MS(1));
	hears(v, .flags = ACK, .seq = 1, .ack = 5001, .sack = {{7001, 10001}});
	says(v, .flags = ACK, .seq = 5001, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(4));
	hears(v, .flags = ACK, .seq = 1, .ack = 5001, .sack = {{7001, 12001}});
	silent(v);
	/* Each waits behind the other: at 6.666 + 1000 x 100 x 5 / 6 / 7500 = 17.777 ms. */
	says_after(v, 17777 - MS(5), .flags = ACK, .seq = 6001, .ack = 1, .len = 1000);
	swallow(v);
}

/* PACE-6: a FIN, ACKs and window probes do not wait. */
static void a_fin_does_not_wait(struct talk *v)
{
	v->params.pacing = v->params.hystart = true;
	given_established(v, .sack = true, .ws = WS(6));
	app_sends(v, 30000);
	says_segments(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_segments(v, 10001, 2);
	after(v, MS(45));
	for (uint32_t i = 0; i < 17; i++)
		(void)says_something(v);
	says(v, .flags = ACK | PSH, .seq = 29001, .ack = 1, .len = 1000);
	/* Data would wait 5 ms; the FIN does not. */
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 30001, .ack = 1);
	silent(v);
}

/* HY-5: paced, an ACK opens cwnd by all it acknowledges. */
static void one_ack_counts_in_full(struct talk *v)
{
	bulk(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == 20000);
}

int main(void)
{
	static const struct talk_test tests[] = {
		TALK(slow_start_at_twice_the_window),
		TALK(a_window_takes_half_a_round_trip),
		TALK(congestion_avoidance_at_a_fifth_more),
		TALK(a_quantum_is_a_millisecond),
		TALK(short_exchanges_are_not_paced),
		TALK(the_first_retransmission_does_not_wait),
		TALK(a_fin_does_not_wait),
		TALK(one_ack_counts_in_full),
	};

	return talk_main("pacing", tests, RTE_DIM(tests));
}
