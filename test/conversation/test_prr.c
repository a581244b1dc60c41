/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about proportional rate reduction (RFC 9937), and recovery without SACK (RFC 6582).
 */
#include "talk.h"

/*
 * PRR-1, PRR-3, PRR-4, PRR-5: ten segments, the first is lost, ssthresh is 5 of 10: half a segment
 * an ACK until the flight is there.
 */
static void down_to_ssthresh(struct talk *v)
{
	v->params.prr = true;
	given_established(v, .sack = true);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	/* Three at once (RecoverFS = 10): the retransmission goes, 3 x 5 / 10 = 1.5 are due. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 5001}}); /* 4: 2 due */
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 6001}}); /* 5: 2.5 */
	silent(v);
	/* 6: pipe has come down to ssthresh; from here on one for one. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 7001}});
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 8001}});
	says(v, .flags = ACK, .seq = 11001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 9001}});
	says(v, .flags = ACK, .seq = 12001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 10001}});
	says(v, .flags = ACK, .seq = 13001, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	expect(v, talk_info(v).cwnd_bytes == 5000);
	swallow(v);
	counted(v, retransmits, 1);
}

/* PRR-2: most of the flight is lost: below ssthresh what is delivered may be sent, no more. */
static void conservation_below_ssthresh(struct talk *v)
{
	v->params.prr = true;
	given_established(v, .sack = true);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	/* 1 to 7000 are lost; pipe is 0, ssthresh 5000: three delivered, three may go. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{7001, 10001}});
	says_burst(v, 1, 3);
	silent(v);
	after(v, MS(100));
	/* Progress without new loss: what arrived and one more. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{7001, 10001}});
	says_burst(v, 3001, 2);
}

/* PRR-5, NR-2: without SACK each duplicate ACK stands for a segment. */
static void without_sack(struct talk *v)
{
	v->params.prr = true;
	given_established(v);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	for (unsigned i = 0; i < 2; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	expect(v, talk_info(v).cwnd_bytes == 5000);
	swallow(v);
	counted(v, retransmits, 1);
	counted(v, fast_recoveries, 1);
}

/* NR-1: duplicate ACKs at recover may come from our own copies. NR-3: no burst. */
static void no_second_fast_retransmit(struct talk *v)
{
	given_established(v);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	for (unsigned i = 0; i < 3; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_burst(v, 10001, 5);
	for (unsigned i = 0; i < 4; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	silent(v);
	counted(v, fast_recoveries, 1);
	/* Past it they count again. */
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 11001);
	swallow(v);
	for (unsigned i = 0; i < 3; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 11001);
	counted(v, fast_recoveries, 2);
	swallow(v);
}

/* NR-4, NR-1: the same after a timeout. */
static void timeout_remembers_recover(struct talk *v)
{
	given_established(v);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	app_sends(v, 5000);
	swallow(v);
	for (unsigned i = 0; i < 4; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	counted(v, fast_recoveries, 0);
	counted(v, retransmits, 1);
	swallow(v);
}

/* LT-2: cwnd is what it was. LT-3: with SACK, an ACK that tells nothing new releases nothing. */
static void limited_transmit_with_sack(struct talk *v)
{
	v->params.limited_transmit = true;
	given_established(v, .sack = true);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 3001}});
	says(v, .flags = ACK, .seq = 11001, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).cwnd_bytes == 10000);
}

/* CC-6 can be turned off. */
static void no_limited_transmit(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	silent(v);
}

/* WS-5: the window moved back by less than a unit of its scale: what left inside it goes again. */
static void rounding_does_not_strand_data(struct talk *v)
{
	given_established(v, .ws = WS(7), .wnd = 4000);
	app_sends(v, 4000);
	says_burst(v, 1, 4);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	/* 7 x 128 = 896: the edge is 2897, the range at 3001 begins less than a unit beyond it. */
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 7);
	says_burst(v, 2001, 2);
}

/* A known hole: nobody waits for an orphan whose peer shut its window on data in flight. */
static void orphan_with_a_shut_window(struct talk *v)
{
	v->params.retries = 4;
	given_established(v, .wnd = 4000);
	app_sends(v, 4000);
	says_burst(v, 1, 4);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = SHUT);
	app_closes(v);
	for (unsigned i = 0; i < 600 && v->place == AT_CONN; i++) {
		after(v, MS(100));
		swallow(v);
		if (v->place == AT_CONN)
			hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = SHUT);
	}
	ended(v, HR_TIMEOUT);
	counted(v, rto_fired, 4);
}

/* Ten segments of 988 bytes, the first and the last lost, and both repaired. */
static void given_two_repairs(struct talk *v)
{
	given_established(v, .ts = true);
	app_sends(v, 9880);
	swallow(v);
	after(v, MS(100));
	for (unsigned i = 0; i < 3; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 988);
	for (unsigned i = 0; i < 5; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 8893);
	says(v, .flags = ACK, .seq = 8893, .ack = 1, .len = 988);
	after(v, MS(100));
}

static void more_and_duplicates(struct talk *v)
{
	app_sends(v, 9880);
	swallow(v);
	for (unsigned i = 0; i < 3; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 9881);
	swallow(v);
}

/* NR-1: the full ACK echoes the last segment's own timestamp (6582 4.2): no copy of it is on its
 * way, so duplicate ACKs at recover tell of a new loss. */
static void echo_of_the_last_segment(struct talk *v)
{
	given_two_repairs(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 9881);
	more_and_duplicates(v);
	counted(v, fast_recoveries, 2);
}

/* NR-1: it echoes an older one: the duplicates may be of our own making. */
static void echo_of_an_older_segment(struct talk *v)
{
	given_two_repairs(v);
	v->heard_tsval -= 100; /* when the first was repaired */
	hears(v, .flags = ACK, .seq = 1, .ack = 9881);
	more_and_duplicates(v);
	counted(v, fast_recoveries, 1);
}

/* PRR-3, RACK-7: the reordering timer found the loss: the retransmission goes, new data waits for
 * ACKs, and then goes by what they deliver. */
static void begun_by_the_timer(struct talk *v)
{
	v->params.prr = true;
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001); /* the path reorders */
	app_sends(v, 30000);
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 6001}});
	silent(v);
	says_after(v, MS(25), .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	silent(v);
	counted(v, fast_recoveries, 1);
	/* RecoverFS is 7 (10 less the 3 that were told), ssthresh 5: after one delivered 5/7 of a
	 * segment is due, and the retransmission was more. */
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 7001}});
	silent(v);
	/* The flight is at ssthresh; from now on one for one. */
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 8001}});
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 9001}});
	says(v, .flags = ACK, .ack = 1, .seq = 12001, .len = 1000);
	silent(v);
}

static const struct talk_test tests[] = {
	TALK(echo_of_the_last_segment),
	TALK(echo_of_an_older_segment),
	TALK(begun_by_the_timer),
	TALK(down_to_ssthresh),
	TALK(conservation_below_ssthresh),
	TALK(without_sack),
	TALK(no_second_fast_retransmit),
	TALK(timeout_remembers_recover),
	TALK(limited_transmit_with_sack),
	TALK(no_limited_transmit),
	TALK(rounding_does_not_strand_data),
	TALK(orphan_with_a_shut_window),
};

int main(void)
{
	return talk_main("prr", tests, RTE_DIM(tests));
}
