/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about windows: zero, shrinking, silly, scaled, overrun (RFC 9293 3.8.6, RFC 7323
 * 2). */
#include "talk.h"

/* Two segments fill the window, 100 ms later it is shut: SRTT 100 ms, RTTVAR 37.5 ms, RTO 250 ms.
 */
static void given_zero_window(struct talk *v)
{
	given_established(v, .wnd = 2000);
	app_sends(v, 5000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = SHUT);
	silent(v);
}

/*
 * A probe that must be answered: one octet of new data (RFC 9293 3.8.6.1), or, as Linux does it, an
 * empty segment one below what the peer expects; either is unacceptable to a peer with a shut
 * window and earns an ACK that tells the window.
 */
static void is_probe(struct talk *v)
{
	struct tcp_out o = says_something(v);
	uint32_t seq = o.seq - v->iss;

	expect(v, o.flags == ACK || o.flags == (ACK | PSH));
	expect(v, (seq == 2001 && o.payload_len == 1) || (seq == 2000 && o.payload_len == 0));
}

/* MUST-36, SHLD-29, SHLD-30: the first probe after one RTO, then ever further apart. */
static void zero_window_probe_timeline(struct talk *v)
{
	uint64_t gap = MS(250);

	given_zero_window(v);
	for (unsigned i = 0; i < 5; i++, gap *= 2) {
		quiet_for(v, gap - 1);
		after(v, 1);
		is_probe(v);
	}
	counted(v, zero_window_probes, 5);
	state_is(v, TCPS_ESTABLISHED);
}

/* MUST-37: as long as probes are answered the window may stay shut. */
static void window_shut_for_hours(struct talk *v)
{
	uint64_t end;

	given_zero_window(v);
	end = v->now + SEC(6 * 3600);
	while (v->now < end) {
		uint64_t before = v->now;

		while (v->next_said == v->n_said) {
			after(v, MS(50));
			expect(v, v->now - before < SEC(130));
		}
		is_probe(v);
		hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = SHUT);
	}
	state_is(v, TCPS_ESTABLISHED);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 3000);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 5001, .wnd = 3000);
	quiet_for(v, SEC(300));
}

/* A peer that does not answer probes is dead after R2. MUST-20 */
static void unanswered_probes_end_the_connection(struct talk *v)
{
	uint64_t start = v->now;

	given_zero_window(v);
	while (v->place == AT_CONN) {
		after(v, SEC(1));
		while (v->next_said != v->n_said)
			is_probe(v);
		expect(v, v->now - start < SEC(3600));
	}
	ended(v, HR_TIMEOUT);
	expect(v, v->now - start > SEC(100));
}

/* The answer to the probe opens the window. */
static void probe_is_answered_with_a_window(struct talk *v)
{
	given_zero_window(v);
	quiet_for(v, MS(250) - 1);
	after(v, 1);
	is_probe(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 2000);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 2000);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
}

/* BUG-10: A bug of real stacks: the pure window update is ignored. */
static void window_update_resumes(struct talk *v)
{
	given_zero_window(v);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 1000);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	silent(v);
}

/* A FIN behind a shut window: the probe still gets the peer to tell its window. */
static void fin_behind_a_zero_window(struct talk *v)
{
	given_zero_window(v);
	app_shuts(v);
	silent(v);
	quiet_for(v, MS(250) - 1);
	after(v, 1);
	is_probe(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 65535);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	says(v, .flags = FIN | ACK, .seq = 4001, .ack = 1, .len = 1000);
}

/* MUST-34, SHLD-15, SHLD-16, MAY-7 */
static void window_shrinks_below_flight(struct talk *v)
{
	given_established(v, .wnd = 10000);
	app_sends(v, 20000);
	for (unsigned i = 0; i < 10; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .wnd = 2000);
	silent(v);
	/* The oldest data is still retransmitted, an RTO after the ACK: one of eight samples that
	 * ten segments may give took 1/32 off RTTVAR. */
	says_after(v, 293750, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001, .wnd = 2000);
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 11001, .ack = 1, .len = 1000);
	silent(v);
}

/* MUST-35: shrinks to nothing while data is in flight. The flight is what asks the peer then. */
static void window_shrinks_to_zero(struct talk *v)
{
	given_established(v, .wnd = 4000);
	app_sends(v, 6000);
	for (unsigned i = 0; i < 4; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = SHUT);
	silent(v);
	after(v, SEC(3));
	expect(v, v->n_said >= 2);
	while (v->next_said != v->n_said)
		expect(v, says_something(v).seq == v->iss + 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 4000);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 5001, .ack = 1, .len = 1000);
}

/* MUST-38: a full segment, or half of the largest window, or nothing. */
static void sender_waits_for_a_worthwhile_window(struct talk *v)
{
	given_established(v, .wnd = 4000);
	app_sends(v, 6000);
	for (unsigned i = 0; i < 4; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 300);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 999);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 1000);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	silent(v);
}

/* MUST-38 (3): half of the largest window the peer ever had is worth a segment. */
static void half_of_a_small_window_is_used(struct talk *v)
{
	given_established(v, .wnd = 800);
	app_sends(v, 3000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 800);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 801, .wnd = 399);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 801, .wnd = 400);
	says(v, .flags = ACK, .seq = 801, .ack = 1, .len = 400);
}

/* MUST-38 (4): the override timeout, lest a small window stops everything for ever. */
static void small_window_is_used_in_the_end(struct talk *v)
{
	struct tcp_out o;

	given_established(v, .wnd = 4000);
	app_sends(v, 6000);
	for (unsigned i = 0; i < 4; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 300);
	silent(v);
	after(v, SEC(1));
	o = says_something(v);
	expect(v, o.seq - v->iss == 4001 && o.payload_len >= 1 && o.payload_len <= 300);
	swallow(v);
}

/* MUST-39, SHLD-14: the window reopens by a segment (or half the buffer) at once, not by crumbs. */
static void receiver_avoids_silly_windows(struct talk *v)
{
	v->params.rcv_buf_bytes = 4000;
	given_established(v);
	for (unsigned i = 0; i < 4; i++) {
		hears(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
		if (i & 1)
			says(v, .flags = ACK, .seq = 1, .ack = 1001 + i * 1000);
	}
	expect(v, v->edge == v->irs + 4001);
	for (unsigned i = 0; i < 999; i += 27)
		app_reads(v, 27);
	silent(v);
	app_reads(v, 1);
	says(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 1000);
	app_reads(v, 3000);
	says(v, .flags = ACK, .seq = 1, .ack = 4001, .wnd = 4000);
}

/* MAY-8: the application never reads; the peer's probes are answered. MUST-66: ACK, URG and RST
 * still count. */
static void our_window_is_shut(struct talk *v)
{
	v->params.rcv_buf_bytes = 2048;
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1048);
	says(v, .flags = ACK, .seq = 501, .ack = 2049, .wnd = SHUT);
	hears(v, .flags = ACK, .seq = 2049, .ack = 1, .len = 1); /* a probe */
	says(v, .flags = ACK, .seq = 501, .ack = 2049, .wnd = SHUT);
	expect(v, talk_unread(v) == 2048);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 2049, .ack = 501);
	silent(v);
	expect(v, v->t->snd_una == v->iss + 501);
	/* The ACK of an unacceptable segment counts, too: RFC 9293 3.10.7.4, "special allowance".
	 */
	hears(v, .flags = RST, .seq = 2049);
	silent(v);
	ended(v, HR_RESET);
}

/* BUG-9: A bug of real stacks: payload that runs past the window is dropped whole. */
static void data_past_the_window_is_trimmed(struct talk *v)
{
	v->params.rcv_buf_bytes = 2048;
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK | FIN, .seq = 1001, .ack = 1, .len = 1500);
	says(v, .flags = ACK, .seq = 1, .ack = 2049, .wnd = SHUT);
	expect(v, talk_unread(v) == 2048);
	app_reads(v, 2048);
	says(v, .flags = ACK, .seq = 1, .ack = 2049, .wnd = 2048);
	/* The FIN lay past the window: it did not count. */
	not_told(v, TCP_EV_EOF);
	state_is(v, TCPS_ESTABLISHED);
}

/* WS-2, BUG-13: never scaled in a SYN, always after. */
static void scaled_windows(struct talk *v)
{
	v->params.rcv_buf_bytes = 1 << 20;
	v->params.wscale = 5;
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .ws = WS(9), .wnd = 700);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = (1 << 20) >> 5);
	told(v, TCP_EV_OPEN);
	expect(v, talk_info(v).snd_wnd_bytes == 700);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 700);
	expect(v, talk_info(v).snd_wnd_bytes == 700 << 9);
}

/* WS-1: the peer does not scale, so we do not either. */
static void unscaled_when_the_peer_does_not(struct talk *v)
{
	v->params.rcv_buf_bytes = 1 << 20;
	v->params.wscale = 5;
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .wnd = 700);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 65535);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 800);
	expect(v, talk_info(v).snd_wnd_bytes == 800);
}

/* WS-3 */
static void shift_above_14_counts_as_14(struct talk *v)
{
	given_established(v, .ws = WS(15));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 3);
	expect(v, talk_info(v).snd_wnd_bytes == 3 << 14);
}

static void shift_above_14_counts_as_14_passive(struct talk *v)
{
	given_established(v, .ws = WS(200), .passive = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 3);
	expect(v, talk_info(v).snd_wnd_bytes == 3 << 14);
}

/* WS-1: a window scale option on anything but a SYN means nothing. */
static void shift_outside_a_syn_is_ignored(struct talk *v)
{
	given_established(v, .ws = WS(2));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 5000, .ws = WS(7));
	expect(v, talk_info(v).snd_wnd_bytes == 5000 << 2);
}

/* MUST-1, REC-1: 0x8000 and more, and scaled values past 2^29, are plain large numbers. */
static void large_windows_are_unsigned(struct talk *v)
{
	given_established(v, .ws = WS(14), .wnd = 0xffff);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 0xffff);
	expect(v, talk_info(v).snd_wnd_bytes == 0xffffu << 14);
	app_sends(v, 10000);
	for (unsigned i = 0; i < 10; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001, .wnd = 0x8000);
	expect(v, talk_info(v).snd_wnd_bytes == 0x8000u << 14);
}

/* RFC 9293 3.10.7.4: SND.WL1 and SND.WL2 keep an old segment from changing the window. */
static void old_segment_does_not_change_the_window(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .wnd = 5000);
	expect(v, talk_info(v).snd_wnd_bytes == 5000);
	after(v, v->params.delack_us);
	says(v, .flags = ACK, .seq = 1, .ack = 101);
	hears(v, .flags = ACK, .seq = 101, .ack = 1, .len = 100, .wnd = 6000);
	after(v, v->params.delack_us);
	says(v, .flags = ACK, .seq = 1, .ack = 201);
	/* An ACK that was overtaken. */
	hears(v, .flags = ACK, .seq = 101, .ack = 1, .wnd = 100);
	expect(v, talk_info(v).snd_wnd_bytes == 6000);
	swallow(v);
}

/* WS-4: bytes smaller than the granularity arrive; the edge check of the harness is the test. */
static void rounding_of_the_scale(struct talk *v)
{
	uint32_t seq = 1;

	v->params.rcv_buf_bytes = 100000;
	v->params.wscale = 10;
	given_established(v, .ws = WS(0));
	for (unsigned i = 0; i < 60; i++, seq += 7) {
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = 7);
		after(v, MS(50));
		says(v, .flags = ACK, .seq = 1, .ack = seq + 7);
		if (i % 3 == 0) {
			app_reads(v, talk_unread(v));
			swallow(v);
		}
	}
}

static const struct talk_test tests[] = {
	TALK(zero_window_probe_timeline),
	TALK(window_shut_for_hours),
	TALK(unanswered_probes_end_the_connection),
	TALK(probe_is_answered_with_a_window),
	TALK(window_update_resumes),
	TALK(fin_behind_a_zero_window),
	TALK(window_shrinks_below_flight),
	TALK(window_shrinks_to_zero),
	TALK(sender_waits_for_a_worthwhile_window),
	TALK(half_of_a_small_window_is_used),
	TALK(small_window_is_used_in_the_end),
	TALK(receiver_avoids_silly_windows),
	TALK(our_window_is_shut),
	TALK(data_past_the_window_is_trimmed),
	TALK(scaled_windows),
	TALK(unscaled_when_the_peer_does_not),
	TALK(shift_above_14_counts_as_14),
	TALK(shift_above_14_counts_as_14_passive),
	TALK(shift_outside_a_syn_is_ignored),
	TALK(large_windows_are_unsigned),
	TALK(old_segment_does_not_change_the_window),
	TALK(rounding_of_the_scale),
};

int main(void)
{
	return talk_main("window", tests, RTE_DIM(tests));
}
