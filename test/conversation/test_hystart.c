/* SPDX-License-Identifier: BSD-3-Clause */
/* HyStart++ (RFC 9406): slow start that listens to the delay. */
#include "talk.h"

/* One round: the flight is acknowledged a segment at a time, rtt_us after it left. */
static void a_round(struct talk *v, uint64_t rtt_us)
{
	uint32_t end = (uint32_t)talk_info(v).bytes_acked + talk_info(v).inflight_bytes;

	after(v, rtt_us);
	swallow(v);
	while (talk_info(v).bytes_acked < end) {
		hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)talk_info(v).bytes_acked + 1001);
		swallow(v);
		app_sends(v, 200000);
		swallow(v);
	}
}

static void begin(struct talk *v)
{
	v->params.hystart = true;
	v->params.tlp = false;
	given_established(v, .sack = true, .ws = WS(8));
	app_sends(v, 200000);
	swallow(v);
	a_round(v, MS(100)); /* 20 segments */
	a_round(v, MS(100)); /* 40: a round was measured */
	expect(v, talk_info(v).cwnd_bytes == 40000);
	counted(v, hystart_css, 0);
}

/* HY-1, HY-2: the delay is up by an eighth (12.5 ms of 100): after eight samples growth is a
 * quarter, and after five rounds slow start is over. */
static void slow_start_ends(struct talk *v)
{
	uint32_t before;

	begin(v);
	a_round(v, MS(113));
	counted(v, hystart_css, 1);
	/* The round began within this flight: after its eighth sample growth is a quarter. */
	expect(v, talk_info(v).cwnd_bytes > 60000 && talk_info(v).cwnd_bytes < 75000);
	for (unsigned i = 0; i < 4; i++) {
		before = talk_info(v).cwnd_bytes;
		a_round(v, MS(113));
		expect(v, talk_info(v).cwnd_bytes >= before + before / 4 - 500 &&
				  talk_info(v).cwnd_bytes <= before + before / 4);
		counted(v, hystart_exits, 0);
	}
	/* The fifth round ends within this flight. */
	before = talk_info(v).cwnd_bytes;
	a_round(v, MS(113));
	counted(v, hystart_exits, 1);
	expect(v, talk_info(v).ssthresh_bytes >= before &&
			  talk_info(v).ssthresh_bytes < before + before / 4);
	expect(v, talk_info(v).cwnd_bytes <= talk_info(v).ssthresh_bytes + 1000);
}

/* HY-1: less than an eighth is not enough. */
static void a_little_more_delay_is_nothing(struct talk *v)
{
	begin(v);
	a_round(v, MS(112));
	counted(v, hystart_css, 0);
	expect(v, talk_info(v).cwnd_bytes == 80000);
}

/* HY-1: with short RTTs 4 ms count as rise, not less. */
static void four_milliseconds_at_least(struct talk *v)
{
	v->params.hystart = true;
	v->params.tlp = false;
	given_established(v, .sack = true, .ws = WS(8), .rtt_us = MS(2));
	app_sends(v, 200000);
	swallow(v);
	a_round(v, MS(2));
	a_round(v, MS(2));
	a_round(v, MS(5) + 999);
	counted(v, hystart_css, 0);
	a_round(v, MS(10)); /* the last round's minimum was 5.999 ms */
	counted(v, hystart_css, 1);
}

/* HY-3: the delay falls below where CSS began: it was noise. */
static void delay_falls_again(struct talk *v)
{
	uint32_t before;

	begin(v);
	a_round(v, MS(120));
	counted(v, hystart_css, 1);
	before = talk_info(v).cwnd_bytes;
	a_round(v, MS(100));
	expect(v, talk_info(v).cwnd_bytes > before + before / 2);
	before = talk_info(v).cwnd_bytes;
	a_round(v, MS(100));
	expect(v, talk_info(v).cwnd_bytes == 2 * before);
	counted(v, hystart_exits, 0);
}

/* HY-4: after a loss ssthresh knows, and the delay is not asked. */
static void only_the_first_slow_start(struct talk *v)
{
	begin(v);
	after(v, MS(300)); /* timeout */
	swallow(v);
	for (unsigned i = 0; i < 8; i++)
		a_round(v, MS(130));
	counted(v, hystart_css, 0);
}

/* HY-5: an ACK for all of a large flight opens the window by eight segments. */
static void eight_segments_an_ack(struct talk *v)
{
	begin(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)talk_info(v).bytes_acked + 40001);
	swallow(v);
	expect(v, talk_info(v).cwnd_bytes == 48000);
}

/* Windows of less than 16 segments are not measured, and take no memory. */
static void small_windows_are_left_alone(struct talk *v)
{
	v->params.hystart = true;
	given_established(v, .sack = true);
	app_sends(v, 15000);
	swallow(v);
	after(v, MS(100));
	for (uint32_t i = 1; i <= 5; i++) {
		hears(v, .flags = ACK, .seq = 1, .ack = 1 + 1000 * i);
		swallow(v);
	}
	expect(v, talk_info(v).cwnd_bytes == 15000 && v->exts.live == 0);
}

/* CU-7: off means off. */
static void off(struct talk *v)
{
	v->params.tlp = false;
	given_established(v, .sack = true, .ws = WS(8));
	app_sends(v, 200000);
	swallow(v);
	a_round(v, MS(100));
	a_round(v, MS(100));
	a_round(v, MS(150));
	expect(v, talk_info(v).cwnd_bytes == 80000);
	counted(v, hystart_css, 0);
}

int main(void)
{
	static const struct talk_test tests[] = {
		TALK(slow_start_ends),
		TALK(a_little_more_delay_is_nothing),
		TALK(four_milliseconds_at_least),
		TALK(delay_falls_again),
		TALK(only_the_first_slow_start),
		TALK(eight_segments_an_ack),
		TALK(small_windows_are_left_alone),
		TALK(off),
	};

	return talk_main("hystart", tests, RTE_DIM(tests));
}
