/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with loss: RACK-TLP, NewReno, limited transmit, data that a peer takes back (RFC
 * 8985, 6582, 3042, 2018). Timeouts are test_rto.c's. */
#include "talk.h"

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
	swallow(v);
	/* New data that left after the retransmission is SACKed an RTT later. */
	expect(v, v->t->snd_nxt != v->iss + 10001);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 11001}});
	expect(v, v->next_said != v->n_said);
	expect(v, v->said[v->next_said].o.seq == v->iss + 1 &&
			  v->said[v->next_said].o.payload_len == 1000);
	swallow(v);
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
	swallow(v);
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
	swallow(v);
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
	swallow(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 30001);
	after(v, SEC(10));
	app_sends(v, 30000);
	expect(v, v->n_said <= 10);
	swallow(v);
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
	swallow(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 101);
	hr_tcb_check(&v->ctx, v->t);
}

static const struct talk_test tests[] = {
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
