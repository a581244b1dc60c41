/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about the retransmission timeout: its length (RFC 6298), what it does to the
 * window, and when it is the last one. */
#include "talk.h"

/* RTO-2, RTO-7, MUST-19: RTT 100 ms makes RTO 300 ms; it doubles with each expiry. */
static void rto_timeline(struct talk *v)
{
	uint64_t gap = MS(300);

	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	for (unsigned i = 0; i < 6; i++, gap *= 2)
		says_after(v, gap, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	counted(v, rto_fired, 6);
	counted(v, retransmits, 6);
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	quiet_for(v, SEC(100)); /* RTO-7: all acknowledged, the timer is off */
}

/* RTO-3: alpha 1/8, beta 1/4, RTTVAR first: 0.75 x 50 + 0.25 x 100 = 62.5 ms, 0.875 x 100 + 0.125 x
 * 200 = 112.5 ms. */
static void rto_follows_the_rtt(struct talk *v)
{
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(200));
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	expect(v, talk_info(v).srtt_us == 112500);
	expect(v, talk_info(v).rttvar_us == 62500);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	says_after(v, 362500, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
}

/* BUG-12: RTO-4 with our floor; a bug of real stacks: an RTO of 0 on a fast path. */
static void rto_floor(struct talk *v)
{
	given_established(v, .rtt_us = 20);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(200), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
}

/* RTO-5 */
static void rto_ceiling(struct talk *v)
{
	uint64_t gap = MS(300);

	v->params.rto_max_us = 60000000;
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	for (unsigned i = 0; i < 11; i++, gap = RTE_MIN(gap * 2, SEC(60)))
		says_after(v, gap, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	expect(v, gap == SEC(60));
}

/* RTO-7 (5.3): an ACK of new data restarts the timer with the new RTO: 250 ms from then. */
static void rto_restarts_with_each_new_ack(struct talk *v)
{
	given_established(v);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_after(v, MS(250), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
}

/* RTO-7 (5.1): the timer starts with the first segment, a second one does not put it off. */
static void rto_is_not_put_off_by_sending(struct talk *v)
{
	v->params.nagle = false;
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(200));
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	after(v, MS(100) - 1);
	silent(v);
	after(v, 1);
	expect(v, says_something(v).seq == v->iss + 1);
}

/* MUST-18, RTO-6: Karn: the ambiguous ACK is no sample, and the back-off stays until there is one.
 */
static void karn(struct talk *v)
{
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	expect(v, talk_info(v).srtt_us == 100000);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001); /* a fresh sample ends the back-off */
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 500);
	says_after(v, MS(250), .flags = ACK, .seq = 1001, .ack = 1, .len = 500);
}

/* MUST-18: the same, and the next segment is lost as well. */
static void backoff_is_kept_until_a_sample(struct talk *v)
{
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	says_after(v, MS(600), .flags = ACK, .seq = 501, .ack = 1, .len = 500);
}

/* TS-5: with timestamps the retransmission gives a sample. */
static void timestamps_resolve_the_ambiguity(struct talk *v)
{
	given_established(v, .ts = true);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	expect(v, talk_info(v).srtt_us >= 99000 && talk_info(v).srtt_us <= 101000);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	quiet_for(v, MS(240));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
}

/* MUST-20, SHLD-11: R2 by default at least 100 s, then the user is told. */
static void give_up(struct talk *v)
{
	uint64_t start;

	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	start = v->now;
	while (v->place == AT_CONN) {
		after(v, SEC(1));
		while (v->next_said != v->n_said)
			says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
		expect(v, v->now - start < SEC(3600));
	}
	expect(v, v->now - start >= SEC(100));
	ended(v, HR_TIMEOUT);
	counted(v, retransmits, v->params.retries);
}

/* MUST-20: R2 counts attempts without any answer: a peer that took a part of it is there. */
static void progress_begins_the_count_anew(struct talk *v)
{
	v->params.retries = 3;
	given_established(v);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	for (unsigned i = 0; i < 3; i++)
		says_after(v, MS(300) << i, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 501);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned n = 0; v->next_said == v->n_said; n++) {
			expect(v, n < 1000 && v->place == AT_CONN);
			after(v, MS(10));
		}
		says(v, .flags = ACK, .seq = 501, .ack = 1, .len = 500);
	}
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	state_is(v, TCPS_ESTABLISHED);
}

/* MUST-21 */
static void user_timeout(struct talk *v)
{
	v->params.user_timeout_ms = 5000;
	given_established(v);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	after(v, MS(4990));
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	state_is(v, TCPS_ESTABLISHED);
	after(v, MS(20));
	ended(v, HR_TIMEOUT);
}

/* CC-4, CC-3: one segment after a timeout, then slow start to half the flight. */
static void window_after_a_timeout(struct talk *v)
{
	given_established(v);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).cwnd_bytes == 1000);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 1001, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 3001);
	expect(v, talk_info(v).cwnd_bytes == 4000);
	says_burst(v, 3001, 4);
}

/* CC-3: FlightSize counts, not cwnd: an application that sends little loses little. */
static void ssthresh_is_of_the_flight(struct talk *v)
{
	given_established(v);
	app_sends(v, 3000);
	says_burst(v, 1, 3);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	expect(v, talk_info(v).ssthresh_bytes == 2000);
}

/* BUG-21: A bug of real stacks: ssthresh is cut again for the same loss. */
static void ssthresh_is_cut_once(struct talk *v)
{
	given_established(v);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says_after(v, MS(600), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says_after(v, MS(1200), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
}

static const struct talk_test tests[] = {
	TALK(rto_timeline),
	TALK(rto_follows_the_rtt),
	TALK(rto_floor),
	TALK(rto_ceiling),
	TALK(rto_restarts_with_each_new_ack),
	TALK(rto_is_not_put_off_by_sending),
	TALK(karn),
	TALK(backoff_is_kept_until_a_sample),
	TALK(timestamps_resolve_the_ambiguity),
	TALK(give_up),
	TALK(progress_begins_the_count_anew),
	TALK(user_timeout),
	TALK(window_after_a_timeout),
	TALK(ssthresh_is_of_the_flight),
	TALK(ssthresh_is_cut_once),
};

int main(void)
{
	return talk_main("rto", tests, RTE_DIM(tests));
}
