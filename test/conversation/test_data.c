/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations of an open connection without loss: delivery, acknowledgement, Nagle, PSH, segment
 * sizes. */
#include "talk.h"

static void data_is_delivered(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	told(v, TCP_EV_DATA);
	app_reads(v, 60);
	app_reads(v, 40);
	expect(v, talk_unread(v) == 0);
	counted(v, bytes_in, 100);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101);
}

/* SHLD-18, MUST-40: the timer starts with the first unacknowledged byte and is not put off by more.
 */
static void delayed_ack(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	quiet_for(v, v->params.delack_us / 2);
	hears(v, .flags = ACK | PSH, .seq = 101, .ack = 1, .len = 100);
	says_after(v, v->params.delack_us - v->params.delack_us / 2, .flags = ACK, .seq = 1,
		.ack = 201);
	quiet_for(v, SEC(10));
	expect(v, v->params.delack_us < 500000);
	counted(v, delayed_acks, 1);
}

/* SHLD-19 */
static void every_second_full_segment_is_acknowledged(struct talk *v)
{
	given_established(v);
	for (unsigned i = 0; i < 5; i++) {
		hears(v, .flags = ACK, .seq = 1 + i * 2000, .ack = 1, .len = 1000);
		silent(v);
		hears(v, .flags = ACK, .seq = 1001 + i * 2000, .ack = 1, .len = 1000);
		says(v, .flags = ACK, .seq = 1, .ack = 2001 + i * 2000);
	}
	app_reads(v, 10000);
}

/* MUST-58, MUST-59, CC-7: all segments of a burst are processed, then one ACK reflects them. */
static void one_ack_answers_a_burst(struct talk *v)
{
	given_established(v);
	turn_begins(v);
	for (unsigned i = 0; i < 8; i++)
		hears(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	app_reads(v, 8000);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 8001);
	quiet_for(v, SEC(1));
}

/* SHLD-18: the ACK rides on data, and then no bare one follows. */
static void ack_rides_on_the_reply(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_reads(v, 100);
	app_sends(v, 50);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 101, .len = 50);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 101, .ack = 51);
	quiet_for(v, SEC(10));
}

/* MUST-60, SHLD-7 */
static void nagle_holds_small_segments(struct talk *v)
{
	given_established(v);
	app_sends(v, 10);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	app_sends(v, 20);
	app_sends(v, 30);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 11);
	says(v, .flags = ACK | PSH, .seq = 11, .ack = 1, .len = 50);
}

/* Nagle never holds a full segment, only the tail. */
static void nagle_lets_full_segments_go(struct talk *v)
{
	given_established(v);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	app_sends(v, 900);
	silent(v);
	app_sends(v, 600);
	says(v, .flags = ACK, .seq = 11, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1011);
	says(v, .flags = ACK, .seq = 1011, .ack = 1, .len = 500);
}

/* A FIN lets the last small segment go: nothing can be added to it. */
static void nagle_does_not_hold_the_last_segment(struct talk *v)
{
	given_established(v);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	app_sends(v, 20);
	silent(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 11, .ack = 1, .len = 20);
}

/* MUST-17 */
static void nagle_off(struct talk *v)
{
	v->params.nagle = false;
	given_established(v);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	app_sends(v, 20);
	says(v, .flags = ACK, .seq = 11, .ack = 1, .len = 20);
}

/* MUST-61, SHLD-27, SHLD-28 */
static void psh_on_the_last_segment(struct talk *v)
{
	given_established(v);
	app_sends(v, 2500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .no_psh = true);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	says(v, .flags = ACK | PSH, .seq = 2001, .ack = 1, .len = 500);
}

/* MAY-16: Small writes behind a closed window leave as full segments. SHLD-27 */
static void small_writes_are_joined(struct talk *v)
{
	given_established(v, .wnd = 1000);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	for (unsigned i = 0; i < 30; i++)
		app_sends(v, 100);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .wnd = 3000);
	for (unsigned i = 0; i < 3; i++)
		says(v, .flags = ACK, .seq = 1001 + i * 1000, .ack = 1, .len = 1000);
}

/* MUST-15 */
static void default_mss(struct talk *v)
{
	uint32_t mss = v->world->ip6 ? 1220 : 536;

	v->params.mss = 0;
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	app_sends(v, 2 * mss);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = mss);
	(void)says_something(v);
}

/* MUST-14, MUST-16 */
static void small_mss_is_obeyed(struct talk *v)
{
	given_established(v, .mss = 88);
	app_sends(v, 200);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 88);
	says(v, .flags = ACK, .seq = 89, .ack = 1, .len = 88);
	silent(v);
}

/* MSS-1, MSS-2: timestamps come off the segment, not off the announced MSS. MUST-16 */
static void timestamps_come_off_the_payload(struct talk *v)
{
	given_established(v, .ts = true, .mss = 1000);
	app_sends(v, 3000);
	for (unsigned i = 0; i < 3; i++)
		says(v, .flags = ACK, .seq = 1 + i * 988, .ack = 1, .len = 988);
}

/* MUST-67: from the MTU. MUST-16: no segment is longer than the path takes. */
static void mss_from_the_mtu(struct talk *v)
{
	uint16_t ours = v->world->ip6 ? 1440 : 1460;

	v->params.mss = 0;
	app_connects(v);
	says(v, .flags = SYN, .mss = ours, .ts = TS_ON);
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 8960);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	app_sends(v, 1500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = ours);
	silent(v);
}

static void mss_from_the_mtu_passive(struct talk *v)
{
	v->params.mss = 0;
	v->path.mtu = 9000;
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1460);
	says(v, .flags = SYN | ACK, .ack = 1, .mss = v->world->ip6 ? 8940 : 8960);
}

/* A full send buffer refuses, and tells when there is room again. */
static void send_buffer_limit(struct talk *v)
{
	v->params.snd_buf_bytes = 4096;
	given_established(v);
	expect(v, app_sends(v, 10000) == 4096);
	for (unsigned i = 0; i < 4; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	expect(v, app_sends(v, 1) == 0);
	not_told(v, TCP_EV_WRITABLE);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001);
	told(v, TCP_EV_WRITABLE);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 96);
	expect(v, app_sends(v, 10000) == 4000);
	for (unsigned i = 0; i < 4; i++)
		(void)says_something(v);
}

/* Bytes without memory: the same segments, the same retransmission. */
static void pulled_bytes(struct talk *v)
{
	v->pull_only = true;
	given_established(v);
	app_sends(v, 2000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	quiet_for(v, SEC(20));
}

/* CC-1: slow start grows by what is acknowledged, at most one segment per ACK and no faster than
 * the data. */
static void slow_start(struct talk *v)
{
	given_established(v);
	app_sends(v, 60000);
	for (unsigned i = 0; i < 10; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 11001, .ack = 1, .len = 1000);
	silent(v);
}

/* RFC 9293 3.10.7.4: text segments with any mix of PSH and URG; content across mbuf borders. */
static void content_across_borders(struct talk *v)
{
	uint32_t seq = 1;

	given_established(v);
	for (uint32_t len = 1; len <= 40; seq += len, len += 3) {
		turn_begins(v);
		hears(v, .flags = ACK | PSH, .seq = seq, .ack = 1, .len = len);
		turn_ends(v);
		swallow(v);
	}
	app_reads(v, 7);
	app_reads(v, 100);
	app_reads(v, seq - 1 - 107);
	expect(v, talk_unread(v) == 0);
	after(v, MS(500));
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 1, .ack = seq);
}

static const struct talk_test tests[] = {
	TALK(data_is_delivered),
	TALK(delayed_ack),
	TALK(every_second_full_segment_is_acknowledged),
	TALK(one_ack_answers_a_burst),
	TALK(ack_rides_on_the_reply),
	TALK(nagle_holds_small_segments),
	TALK(nagle_lets_full_segments_go),
	TALK(nagle_does_not_hold_the_last_segment),
	TALK(nagle_off),
	TALK(psh_on_the_last_segment),
	TALK(small_writes_are_joined),
	TALK(default_mss),
	TALK(small_mss_is_obeyed),
	TALK(timestamps_come_off_the_payload),
	TALK(mss_from_the_mtu),
	TALK(mss_from_the_mtu_passive),
	TALK(send_buffer_limit),
	TALK(pulled_bytes),
	TALK(slow_start),
	TALK(content_across_borders),
};

int main(void)
{
	return talk_main("data", tests, RTE_DIM(tests));
}
