/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about when data is acknowledged: RFC 9293 3.8.6.3, RFC 5681 4.2. */
#include "talk.h"

/* SHLD-19: full-sized is what the peer sends, however large our own segments are. */
static void counts_the_peers_segments(struct talk *v)
{
	v->params.mss = 1460;
	given_established(v, .mss = 1460);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 700);
	silent(v);
	expect(v, talk_info(v).rcv_mss == 700);
	hears(v, .flags = ACK, .seq = 701, .ack = 1, .len = 700);
	says(v, .flags = ACK, .seq = 1, .ack = 1401);
}

/* A peer whose path shrank: two equal segments that end nothing are the new size. */
static void follows_the_peer_down(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 200);
	silent(v);
	hears(v, .flags = ACK, .seq = 2201, .ack = 1, .len = 200);
	says(v, .flags = ACK, .seq = 1, .ack = 2401);
	expect(v, talk_info(v).rcv_mss == 200);
	/* One full segment undoes it. */
	hears(v, .flags = ACK, .seq = 2401, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).rcv_mss == 1000);
}

/* Small writes of an application are no segment size. */
static void pushed_segments_do_not_count(struct talk *v)
{
	given_established(v);
	for (unsigned i = 0; i < 5; i++)
		hears(v, .flags = ACK | PSH, .seq = 1 + i * 100, .ack = 1, .len = 100);
	silent(v);
	expect(v, talk_info(v).rcv_mss == 536);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 501);
}

/* SHLD-19: more than a full segment is enough; the rest of a response does not wait. */
static void a_full_segment_and_a_rest(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	hears(v, .flags = ACK | PSH, .seq = 1001, .ack = 1, .len = 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1011);
}

static void every_segment_when_asked_for(struct talk *v)
{
	v->params.ack_every = 1;
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	says(v, .flags = ACK, .seq = 1, .ack = 11);
}

/* The peer's slow start is not made to wait for our timer. */
static void quick_at_the_start(struct talk *v)
{
	v->params.quickack_segments = 3;
	given_established(v);
	for (unsigned i = 0; i < 3; i++) {
		hears(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
		says(v, .flags = ACK, .seq = 1, .ack = 1001 + i * 1000);
	}
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	silent(v);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 4001);
	/* After a pause of more than an RTO the peer begins anew (RFC 5681 4.1). */
	quiet_for(v, SEC(2));
	hears(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 5001);
}

/* One ACK a turn, quick or not. MUST-58 */
static void quick_ones_are_still_one_a_turn(struct talk *v)
{
	v->params.quickack_segments = 16;
	given_established(v);
	turn_begins(v);
	for (unsigned i = 0; i < 6; i++)
		hears(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 6001);
	silent(v);
}

/* SHLD-18: who answers acknowledges with the answer; who does not answer in time acknowledges. */
static void answers_carry_the_ack(struct talk *v)
{
	v->params.quickack_segments = 16;
	given_established(v);
	hears(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 101);
	turn_begins(v);
	hears(v, .flags = ACK | PSH, .seq = 101, .ack = 1, .len = 100);
	app_reads(v, 200);
	app_sends(v, 10);
	turn_ends(v);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 201, .len = 10);
	/* Now a later answer is waited for. */
	hears(v, .flags = ACK | PSH, .seq = 201, .ack = 11, .len = 100);
	quiet_for(v, MS(10));
	app_sends(v, 10);
	says(v, .flags = ACK | PSH, .seq = 11, .ack = 301, .len = 10);
	/* None came this time: the next is acknowledged at once again. */
	hears(v, .flags = ACK | PSH, .seq = 301, .ack = 21, .len = 100);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 21, .ack = 401);
	hears(v, .flags = ACK | PSH, .seq = 401, .ack = 21, .len = 100);
	says(v, .flags = ACK, .seq = 21, .ack = 501);
}

/* Data out of order and duplicates: at once, each (RFC 5681 4.2); then quick again, because the
 * peer recovers. */
static void quick_after_a_duplicate(struct talk *v)
{
	v->params.quickack_segments = 1;
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1001);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 3001);
}

/* RFC 2883 is a parameter: the ACK comes without a report then. */
static void no_dsack_when_off(struct talk *v)
{
	v->params.dsack = false;
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1001);
	hears(v, .flags = ACK, .seq = 501, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1501);
}

static const struct talk_test tests[] = {
	TALK(counts_the_peers_segments),
	TALK(follows_the_peer_down),
	TALK(pushed_segments_do_not_count),
	TALK(a_full_segment_and_a_rest),
	TALK(every_segment_when_asked_for),
	TALK(quick_at_the_start),
	TALK(quick_ones_are_still_one_a_turn),
	TALK(answers_carry_the_ack),
	TALK(quick_after_a_duplicate),
	TALK(no_dsack_when_off),
};

int main(void)
{
	return talk_main("ack_policy", tests, RTE_DIM(tests));
}
