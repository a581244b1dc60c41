/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about RACK and tail loss probes (RFC 8985), with exact times: RTT 100 ms. */
#include "talk.h"

/* One segment SACKed of two, the other is acknowledged late: the path reorders. */
static void given_reordering(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	expect(v, !talk_info(v).reordering);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	silent(v);
	expect(v, talk_info(v).reordering);
}

/* RACK-6, RACK-4, RACK-7: once reordering was seen, three SACKed segments are no proof either; a
 * quarter of the least round trip (25 ms) is, after the round trip of what arrived. */
static void reordering_is_remembered(struct talk *v)
{
	given_reordering(v);
	app_sends(v, 5000);
	says_burst(v, 2001, 5);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 7001}});
	silent(v);
	says_after(v, MS(25), .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	counted(v, fast_recoveries, 1);
	counted(v, rto_fired, 0);
}

/* RACK-4: a round with a DSACK makes it two quarters. */
static void duplicates_widen_the_window(struct talk *v)
{
	given_reordering(v);
	app_sends(v, 5000);
	says_burst(v, 2001, 5);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 7001}});
	says_after(v, MS(25), .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	after(v, MS(5));
	hears(v, .flags = ACK, .seq = 1, .ack = 7001); /* the original was late */
	after(v, MS(95));
	hears(v, .flags = ACK, .seq = 1, .ack = 7001, .sack = {{2001, 3001}});
	counted(v, dsack_in, 1);
	app_sends(v, 5000);
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 7001, .sack = {{8001, 9001}});
	talk_quiet_for(AT(v), MS(50));
	expect(v, says_something(v).seq == v->iss + 7001);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
}

/* RACK-3: an ACK sooner than any round trip, for data sent twice, was for the first copy: what left
 * before the retransmission is not lost for it. */
static void too_quick_for_the_retransmission(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001);
	quiet_for(v, MS(60));
	hears(v, .flags = ACK, .seq = 1, .ack = 6001);
	counted(v, retransmits, 1);
}

/* RACK-8: a timeout marks the oldest and what had its round trip; what left 50 ms ago is waited
 * for. */
static void timeout_spares_the_recent(struct talk *v)
{
	v->params.tlp = false;
	v->params.nagle = false;
	given_established(v, .sack = true);
	app_sends(v, 1000);
	says_burst(v, 1, 1);
	after(v, MS(250));
	app_sends(v, 1000);
	says_burst(v, 1001, 1);
	says_after(v, MS(50), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	expect(v, talk_info(v).lost_bytes == 0); /* the head is on its way again */
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	quiet_for(v, SEC(10));
	counted(v, retransmits, 1);
}

/* RACK-5: the least round trip of five minutes ago is no longer believed. */
static void least_round_trip_grows_old(struct talk *v)
{
	given_established(v, .sack = true);
	expect(v, talk_info(v).min_rtt_us == 100000);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t seq = 1 + i * 1000;

		app_sends(v, 1000);
		says(v, .flags = ACK, .seq = seq, .ack = 1, .len = 1000);
		after(v, MS(150));
		hears(v, .flags = ACK, .seq = 1, .ack = seq + 1000);
		if (i < 2)
			expect(v, talk_info(v).min_rtt_us == 100000);
		after(v, SEC(70));
	}
	expect(v, talk_info(v).min_rtt_us == 150000);
}

/* RACK-1: without SACK time does not mark anything. */
static void not_without_sack(struct talk *v)
{
	given_established(v);
	app_sends(v, 3000);
	says_burst(v, 1, 3);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	quiet_for(v, MS(190));
	counted(v, tlp_fired, 0);
	says_after(v, MS(10), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	counted(v, rto_fired, 1);
}

/* DSACK-4: a duplicate's block above nothing held marks nothing. */
static void a_duplicate_is_not_held_data(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 3001, .sack = {{2001, 3001}});
	expect(v, talk_info(v).sacked_bytes == 0);
	hears(v, .flags = ACK, .seq = 1, .ack = 3001, .sack = {{4001, 5001}, {4001, 6001}});
	expect(v, talk_info(v).sacked_bytes == 2000);
	counted(v, dsack_in, 2);
}

/* A lost ACK tells two blocks at once, the higher first: no reordering. */
static void blocks_of_a_lost_ack(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{4001, 5001}, {2001, 3001}});
	expect(v, !talk_info(v).reordering);
	expect(v, talk_info(v).sacked_bytes == 2000);
}

/* TLP-4, TLP-1: a lone segment may meet a delayed ACK: 2 x 100 + 200 ms, but the RTO (300 ms) is
 * the limit; TLP-5: the RTO follows a full timeout later. */
static void probe_for_a_lone_segment(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, tlp_fired, 1);
	counted(v, rto_fired, 0);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, rto_fired, 1);
	/* TLP-3: after a timeout, timeouts. */
	says_after(v, MS(600), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, tlp_fired, 1);
	counted(v, rto_fired, 2);
}

/* TLP-4: the delay is the peer's, whatever our least RTO is. */
static void probe_does_not_follow_rto_min(struct talk *v)
{
	v->params.rto_min_us = 20000;
	given_established(v, .sack = true, .rtt_us = 200000);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	/* min(2 x 200 + 200, 600) */
	says_after(v, MS(600), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, tlp_fired, 1);
}

/* Two round trips of a near peer are less than what a busy host may take: a floor, and a lower one.
 */
static void probe_has_a_floor(struct talk *v)
{
	given_established(v, .sack = true, .rtt_us = 1000);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	says_after(v, MS(10), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	expect(v, talk_info(v).retrans_bytes == 1000);
}

static void probe_has_the_floor_asked_for(struct talk *v)
{
	v->params.tlp_min_us = 3000;
	given_established(v, .sack = true, .rtt_us = 1000);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	says_after(v, MS(3), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
}

/* TLP-3: none in recovery. */
static void no_probe_in_recovery(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	counted(v, tlp_fired, 0);
	counted(v, rto_fired, 1);
}

/* TLP-2: the probe repaired the loss: one reduction, as by a recovery. */
static void probe_repairs(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	says_after(v, MS(200), .flags = ACK, .seq = 9001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 11001);
	counted(v, tlp_recoveries, 1);
	/* Of the flight when the ACK came: one segment; two is the least. */
	expect(v, talk_info(v).ssthresh_bytes == 2000);
}

/* Two segments, the second SACKed, the first found lost by the timer, all acknowledged. */
static uint32_t a_recovery(struct talk *v, uint32_t seq)
{
	uint64_t recoveries = v->m.c[HR_C_fast_recoveries];

	app_sends(v, 2000);
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = seq, .sack = {{seq + 1000, seq + 2000}});
	after(v, MS(60)); /* a window of two quarters of the round trip is over */
	expect(v, says_something(v).retransmit);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = seq + 2000);
	expect(v, v->m.c[HR_C_fast_recoveries] == recoveries + 1);
	return seq + 2000;
}

/* After so many recoveries a hole is waited for that long. */
static void a_hole_after_recoveries(struct talk *v, uint32_t seq, unsigned n, uint64_t wait_us)
{
	while (n-- > 0)
		seq = a_recovery(v, seq);
	app_sends(v, 2000);
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = seq, .sack = {{seq + 1000, seq + 2000}});
	says_after(v, wait_us, .flags = ACK, .seq = seq, .ack = 1, .len = 1000);
}

/* RACK-4: sixteen recoveries without a DSACK, and the window is a quarter again. */
static void the_wide_window_lasts_sixteen_recoveries(struct talk *v)
{
	uint32_t seq;

	given_reordering(v);
	seq = a_recovery(v, 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = seq, .sack = {{2001, 3001}});
	counted(v, dsack_in, 1);
	a_hole_after_recoveries(v, seq, 16, MS(25));
}

/* RACK-4: after fifteen it is still wide. */
static void the_wide_window_lasts_so_long(struct talk *v)
{
	uint32_t seq;

	given_reordering(v);
	seq = a_recovery(v, 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = seq, .sack = {{2001, 3001}});
	a_hole_after_recoveries(v, seq, 15, MS(50));
}

/* TLP-1: the SYN left twice, so no round trip is known: the probe comes after a second, the timeout
 * (3 s, RTO-8) after that. TLP-5, RACK-9. */
static void probe_without_a_round_trip(struct talk *v)
{
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .sack_ok = true);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, SEC(1), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, tlp_fired, 1);
	says_after(v, SEC(3), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, tlp_fired, 1);
	counted(v, rto_fired, 2); /* the SYN's was the first */
}

/* The host slept for an hour: no probe, all of it is gone. A later hole is found as ever. */
static void timers_an_hour_late(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	v->now += SEC(3600);
	after(v, 0);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	counted(v, tlp_fired, 0);
	counted(v, rto_fired, 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{2001, 3001}});
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	counted(v, rto_fired, 1);
}

/* No memory to cut the range that is in flight: the block counts when it is told again. */
static void no_memory_for_the_scoreboard(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	v->ranges.fail_after = 1;
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	silent(v);
	counted(v, no_memory, 1);
	expect(v, talk_info(v).sacked_bytes == 0);
	v->ranges.fail_after = 2; /* the second cut: what lies before the block is known */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	silent(v);
	counted(v, no_memory, 2);
	expect(v, talk_info(v).sacked_bytes == 0);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	expect(v, talk_info(v).sacked_bytes == 3000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
}

/* No memory for the extension: SACKs cannot be kept, the timeout repairs. */
static void no_memory_for_recovery(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	v->exts.fail_after = 1;
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	silent(v);
	counted(v, no_memory, 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 6001);
	counted(v, retransmits, 1);
	counted(v, rto_fired, 0);
}

/* No memory to cut the lost range: it goes at the next chance, and the timer sees to that. */
static void no_memory_for_the_retransmission(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	v->ranges.fail_after = 2; /* the first cut is the block's */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{3001, 6001}});
	silent(v);
	counted(v, no_memory, 1);
	expect(v, talk_info(v).lost_bytes == 3000);
	talk_after(AT(v), SEC(1));
	expect(v, says_something(v).seq == v->iss + 1);
	while (v->next_said != v->n_said)
		expect(v, says_something(v).retransmit);
	hears(v, .flags = ACK, .seq = 1, .ack = 6001);
	quiet_for(v, SEC(1));
}

static const struct talk_test tests[] = {
	TALK(the_wide_window_lasts_sixteen_recoveries),
	TALK(the_wide_window_lasts_so_long),
	TALK(probe_without_a_round_trip),
	TALK(timers_an_hour_late),
	TALK(no_memory_for_the_scoreboard),
	TALK(no_memory_for_recovery),
	TALK(no_memory_for_the_retransmission),
	TALK(reordering_is_remembered),
	TALK(duplicates_widen_the_window),
	TALK(too_quick_for_the_retransmission),
	TALK(timeout_spares_the_recent),
	TALK(least_round_trip_grows_old),
	TALK(not_without_sack),
	TALK(a_duplicate_is_not_held_data),
	TALK(blocks_of_a_lost_ack),
	TALK(probe_for_a_lone_segment),
	TALK(probe_does_not_follow_rto_min),
	TALK(probe_has_a_floor),
	TALK(probe_has_the_floor_asked_for),
	TALK(no_probe_in_recovery),
	TALK(probe_repairs),
};

int main(void)
{
	return talk_main("rack", tests, RTE_DIM(tests));
}
