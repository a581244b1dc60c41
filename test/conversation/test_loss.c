/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with loss: retransmission timeouts, RACK-TLP, NewReno, the congestion window (RFC
 * 6298, 8985, 6582, 5681). */
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

/* RACK-2 with three SACKed segments (RFC 8985 6.2 step 4: no reordering seen, DupThresh reached):
 * at once. */
static void fast_retransmit_by_sack(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 3001}});
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).ssthresh_bytes == 3000);
	counted(v, fast_recoveries, 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 6001}});
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 6001);
	quiet_for(v, SEC(10));
	counted(v, retransmits, 1);
	counted(v, rto_fired, 0);
	expect(v, talk_info(v).cwnd_bytes == 3000);
}

/* RACK-2: one SACKed segment alone: a quarter of the RTT (25 ms) is given to reordering. */
static void rack_waits_for_reordering(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	silent(v);
	quiet_for(v, MS(24));
	after(v, MS(2));
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	quiet_for(v, SEC(10));
	counted(v, rto_fired, 0);
}

/* RACK-2: mere reordering within the window costs nothing. */
static void reordering_is_not_loss(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	quiet_for(v, SEC(10));
	counted(v, retransmits, 0);
	counted(v, fast_recoveries, 0);
	expect(v, talk_info(v).cwnd_bytes >= 10000);
}

/* RACK-2: the retransmission is lost, too, and what was sent after it arrives. */
static void lost_retransmission(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 10001}});
	expect(v, v->said[0].o.seq == v->iss + 1 && v->said[0].o.payload_len == 1000);
	while (v->next_said != v->n_said)
		(void)says_something(v);
	/* New data that left after the retransmission is SACKed an RTT later. */
	expect(v, v->t->snd_nxt != v->iss + 10001);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 11001}});
	expect(v, v->next_said != v->n_said);
	expect(v, v->said[v->next_said].o.seq == v->iss + 1 &&
			  v->said[v->next_said].o.payload_len == 1000);
	while (v->next_said != v->n_said)
		(void)says_something(v);
	counted(v, rto_fired, 0);
}

/* TLP-1: the tail was lost: after 2 x SRTT the last segment asks for an ACK. */
static void tail_loss_probe(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	says_after(v, MS(200), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	counted(v, tlp_fired, 1);
	counted(v, rto_fired, 0);
	/* It arrives; what is still missing is repaired by RACK without a timeout. */
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	quiet_for(v, SEC(10));
	counted(v, rto_fired, 0);
}

/* TLP-2: new data is preferred, and only one probe is sent per tail. */
static void tail_loss_probe_with_new_data(struct talk *v)
{
	given_established(v, .sack = true, .wnd = 65535);
	app_sends(v, 12000);
	says_burst(v, 1, 10);
	says_after(v, MS(200), .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	/* No second probe; the RTO is what follows, with the oldest data. */
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	counted(v, tlp_fired, 1);
	counted(v, rto_fired, 1);
}

/* TLP-2 (RFC 8985 7.4): the probe repaired the loss, so the window is reduced. */
static void probe_that_repaired_a_loss(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 8001);
	says_after(v, MS(200), .flags = ACK, .seq = 9001, .ack = 1, .len = 1000);
	counted(v, tlp_fired, 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 11001);
	expect(v, talk_info(v).cwnd_bytes < 10000);
}

/* TLP-2, TLP-6: both copies arrived (DSACK): nothing was lost and nothing is reduced. */
static void spurious_probe(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 2000);
	says_burst(v, 1, 2);
	says_after(v, MS(200), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{1001, 2001}});
	expect(v, talk_info(v).cwnd_bytes >= 10000);
	quiet_for(v, SEC(10));
	counted(v, rto_fired, 0);
}

/* CC-5 without SACK: the third duplicate ACK. */
static void fast_retransmit_by_duplicate_acks(struct talk *v)
{
	given_established(v);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	for (unsigned i = 0; i < 2; i++) {
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
		silent(v);
	}
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	expect(v, talk_info(v).ssthresh_bytes == 3000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 6001);
	expect(v, talk_info(v).cwnd_bytes <= 3000);
	counted(v, rto_fired, 0);
	counted(v, retransmits, 1);
}

/* NR-2: two losses: the partial ACK retransmits the next hole without a timeout. */
static void partial_ack(struct talk *v)
{
	given_established(v);
	app_sends(v, 8000);
	says_burst(v, 1, 8);
	after(v, MS(100));
	for (unsigned i = 0; i < 3; i++)
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4001);
	says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	silent(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 8001);
	counted(v, rto_fired, 0);
	counted(v, retransmits, 2);
	counted(v, fast_recoveries, 1);
}

/* CC-5, CC-13: a window update, data or a bare repetition with data in it is no duplicate ACK. */
static void what_is_no_duplicate_ack(struct talk *v)
{
	given_established(v);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 60000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 61000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 62000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 63000);
	silent(v);
	counted(v, fast_recoveries, 0);
}

/* CC-6 (RFC 3042), LT-1: new data for the first two duplicate ACKs, beyond cwnd by two segments. */
static void limited_transmit(struct talk *v)
{
	v->params.limited_transmit = true;
	given_established(v);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 10001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 11001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
}

/* SACK-5, SACK-6: SACKed data is kept until it is acknowledged; the peer may take it back. */
static void reneging(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 4000);
	says_burst(v, 1, 4);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	/* The peer has the first, and forgot the rest. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	for (uint32_t seq = 1001, tries = 0; seq < 4001; tries++) {
		expect(v, tries < 10);
		while (v->next_said == v->n_said)
			after(v, MS(10));
		while (v->next_said != v->n_said) {
			struct tcp_out o = says_something(v);

			if (o.seq == v->iss + seq)
				seq += o.payload_len;
		}
		hears(v, .flags = ACK, .seq = 1, .ack = seq);
	}
	while (v->next_said != v->n_said)
		(void)says_something(v);
	state_is(v, TCPS_ESTABLISHED);
	expect(v, v->t->snd_una == v->iss + 4001);
}

/* SACK-5: what was sent twice and what was sent once had become one piece of the scoreboard; taken
 * back, all of it goes again. */
static void reneging_after_retransmission(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 6000);
	says_burst(v, 1, 6);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 6001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 6001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_after(v, MS(300), .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	counted(v, sack_reneged, 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
}

/* BUG-6: A bug of real stacks: SACK blocks compared without modulo, or believed when they lie
 * outside the flight. */
static void silly_sack_blocks(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 4000);
	says_burst(v, 1, 4);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{5001, 9001}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{3001, 2001}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{0x80000000, 0x90000000}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 2001}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 0x70000000}});
	silent(v);
	counted(v, fast_recoveries, 0);
}

/* SACK blocks that cut a transmission in the middle. */
static void sack_of_a_part(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 5000);
	says_burst(v, 1, 5);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{501, 4501}});
	/* 4000 bytes above the hole: at once. */
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500);
	while (v->next_said != v->n_said)
		(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 5001);
	quiet_for(v, SEC(5));
}

/* SK-3: a timeout in recovery; what was SACKed is not sent again while the peer still has it. */
static void timeout_in_recovery(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 5000);
	says_burst(v, 1, 5);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(800));
	expect(v, v->next_said != v->n_said);
	while (v->next_said != v->n_said) {
		struct tcp_out o = says_something(v);

		expect(v, o.seq == v->iss + 1 || o.seq == v->iss + 4001);
	}
	hears(v, .flags = ACK, .seq = 1, .ack = 4001);
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 5001);
	quiet_for(v, SEC(5));
}

/* CC-8: after an idle time longer than RTO the window starts again. */
static void restart_after_idle(struct talk *v)
{
	given_established(v);
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_burst(v, 10001, 12);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 22001);
	while (v->next_said != v->n_said)
		(void)says_something(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 30001);
	after(v, SEC(10));
	app_sends(v, 30000);
	expect(v, v->n_said <= 10);
	while (v->next_said != v->n_said)
		(void)says_something(v);
}

/* A timeout that finds no memory for recovery, though congestion control finds some right behind
 * it. */
static void timeout_without_memory(struct talk *v)
{
	v->params.cc = HR_CC_CUBIC;
	given_established(v, .sack = true);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	/* The probe needs it as well. */
	v->exts.fail_after = 1;
	while (v->next_said == v->n_said || v->t->backoff == 0) {
		if (v->next_said != v->n_said) {
			(void)says_something(v);
			v->exts.fail_after = 1;
		}
		after(v, MS(100));
		expect(v, v->now - v->t0 < SEC(10));
	}
	hr_tcb_check(&v->ctx, v->t);
	while (v->next_said != v->n_said)
		(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 101);
	hr_tcb_check(&v->ctx, v->t);
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
	TALK(fast_retransmit_by_sack),
	TALK(rack_waits_for_reordering),
	TALK(reordering_is_not_loss),
	TALK(lost_retransmission),
	TALK(tail_loss_probe),
	TALK(tail_loss_probe_with_new_data),
	TALK(probe_that_repaired_a_loss),
	TALK(spurious_probe),
	TALK(fast_retransmit_by_duplicate_acks),
	TALK(partial_ack),
	TALK(what_is_no_duplicate_ack),
	TALK(limited_transmit),
	TALK(reneging),
	TALK(reneging_after_retransmission),
	TALK(silly_sack_blocks),
	TALK(sack_of_a_part),
	TALK(timeout_in_recovery),
	TALK(restart_after_idle),
	TALK(timeout_without_memory),
};

int main(void)
{
	return talk_main("loss", tests, RTE_DIM(tests));
}
