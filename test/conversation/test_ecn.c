/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit Congestion Notification (RFC 3168) and the echo of DCTCP (RFC 8257). */
#include "talk.h"

static void given_ecn(struct talk *v)
{
	v->params.ecn = HR_ECN_ACTIVE;
	given_established(v, .ecn = true, .sack = true);
}

/* New data, whole segments of 1000 bytes with ECT(0). */
static void says_data(struct talk *v, uint32_t seq, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		says(v, .flags = ACK, .seq = seq + i * 1000, .ack = 1, .len = 1000, .ecn = ECT0);
	silent(v);
}

/* ECN-1, SHLD-8: ECE and CWR ask, ECE answers; neither SYN nor ACK is ECT, new data is. */
static void we_ask(struct talk *v)
{
	v->params.ecn = HR_ECN_ACTIVE;
	app_connects(v);
	says(v, .flags = SYN | ECE | CWR, .ts = TS_ON);
	hears(v, .flags = SYN | ACK | ECE, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, talk_info(v).ecn);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = ECT0);
	/* a retransmission is not ECT (6.1.5) */
	says_after(v, MS(200), .flags = ACK, .seq = 1, .ack = 1, .len = 100);
}

/* ECN-1 */
static void the_peer_asks(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	given_established(v, .ecn = true, .passive = true);
	expect(v, talk_info(v).ecn);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = ECT0);
}

/* ECN-1: without an agreement no bit is ever set, whatever arrives. */
static void off_is_off(struct talk *v)
{
	given_listen(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000);
	says(v, .flags = SYN | ACK, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .ecn = CE);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .ecn = CE);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .len = 500);
	hears(v, .flags = ACK | ECE, .seq = 2001, .ack = 501);
	expect(v, talk_info(v).cwnd_bytes == 10000);
	counted(v, ecn_cuts, 0);
}

/* ECN-1: a peer that only accepts is not asked, and an answer without a question is none. */
static void an_answer_without_a_question(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK | ECE, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
}

/* ECN-4: our own bits come back: a peer that reflects reserved bits. */
static void reflected_bits(struct talk *v)
{
	v->params.ecn = HR_ECN_ACTIVE;
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK | ECE | CWR, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
}

/* ECN-6: the SYN is repeated without the bits, and then even a late yes is none (6.1.1). */
static void a_lost_syn_falls_back(struct talk *v)
{
	v->params.ecn = HR_ECN_ACTIVE;
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	hears(v, .flags = SYN | ACK | ECE, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
}

/* ECN-6, seen from the other side: a client that repeats its SYN without the bits has given up. */
static void a_client_falls_back(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	given_listen(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000);
	says(v, .flags = SYN | ACK | ECE, .ack = 1);
	hears(v, .flags = SYN, .mss = 1000);
	says(v, .flags = SYN | ACK, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
}

/* 6.1.1: a SYN must not be ECT; marking everything is not ECN. */
static void a_syn_that_is_ect(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	given_listen(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000, .ecn = ECT0);
	says(v, .flags = SYN | ACK, .ack = 1);
}

/* Simultaneous open goes without: nobody answered the question. */
static void simultaneous_open(struct talk *v)
{
	v->params.ecn = HR_ECN_ACTIVE;
	v->params.timestamps = false;
	given_syn_sent(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
}

/* A cookie carries the agreement in its timestamp ... */
static void a_cookie_with_timestamps(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->cookies = true;
	given_listen(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000, .ts = TS_ON);
	says(v, .flags = SYN | ACK | ECE, .ack = 1, .ts = TS_ON);
	v->ts_on = true;
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, talk_info(v).ecn);
}

/* ... and refuses it when there is none. */
static void a_cookie_without_timestamps(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->cookies = true;
	given_listen(v);
	hears(v, .flags = SYN | ECE | CWR, .mss = 1000);
	says(v, .flags = SYN | ACK, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, !talk_info(v).ecn);
}

/* ECN-2: after CE every ACK has ECE, those of retransmissions and data too, until CWR. */
static void ece_until_cwr(struct talk *v)
{
	given_ecn(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 1001); /* the news does not wait */
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .ecn = ECT0);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000, .ecn = ECT0);
	turn_ends(v);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 3001);
	app_sends(v, 500);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 3001, .len = 500, .ecn = ECT0);
	turn_begins(v);
	hears(v, .flags = ACK | CWR, .seq = 3001, .ack = 501, .len = 1000, .ecn = ECT0);
	hears(v, .flags = ACK, .seq = 4001, .ack = 501, .len = 1000, .ecn = ECT0);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 501, .ack = 5001);
	counted(v, ecn_ce_in, 1);
}

/* 6.1.3: the segment with CWR was marked itself: a new event. */
static void cwr_that_is_marked(struct talk *v)
{
	given_ecn(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 1001);
	hears(v, .flags = ACK | CWR, .seq = 1001, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 2001);
}

/* ECN-7: what lies outside the window was not for us. */
static void ce_outside_the_window(struct talk *v)
{
	given_ecn(v);
	hears(v, .flags = ACK, .seq = 9000001, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	counted(v, ecn_ce_in, 0);
}

/* Out of order is in the window: it counts. */
static void ce_out_of_order(struct talk *v)
{
	given_ecn(v);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
}

/* ECN-3: one cut per window, however many ACKs say ECE; CWR on the first new data, once. */
static void one_cut_per_window(struct talk *v)
{
	given_ecn(v);
	app_sends(v, 40000);
	says_data(v, 1, 10);
	after(v, MS(100));
	/* NewReno: 10 segments in flight, 5 are left; 8 are out, nothing may go. */
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 2001);
	expect(v, talk_info(v).cwnd_bytes == 5000 && talk_info(v).ssthresh_bytes == 5000);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 4001);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 5001);
	expect(v, talk_info(v).cwnd_bytes == 5000);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 6001);
	says(v, .flags = ACK | CWR, .seq = 10001, .ack = 1, .len = 1000, .ecn = ECT0);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 7001);
	says_data(v, 11001, 1);
	expect(v, talk_info(v).cwnd_bytes == 5000);
	/* What left after the cut is acknowledged with ECE: another event. */
	after(v, MS(100));
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 11001);
	expect(v, talk_info(v).cwnd_bytes == 2500);
	says(v, .flags = ACK | CWR, .seq = 12001, .ack = 1, .len = 1000, .ecn = ECT0);
	counted(v, ecn_cuts, 2);
	counted(v, ecn_cwr_out, 2);
	counted(v, ecn_ece_in, 6);
}

/* ECN-3: marks never close the window below two segments. */
static void a_peer_that_always_says_ece(struct talk *v)
{
	given_ecn(v);
	app_sends(v, 60000);
	says_data(v, 1, 10);
	for (uint32_t una = 10001; una < 40001; una += 2000) {
		after(v, MS(100));
		hears(v, .flags = ACK | ECE, .seq = 1,
			.ack = talk_info(v).bytes_acked + 1 + talk_info(v).inflight_bytes);
		swallow(v);
		expect(v, talk_info(v).cwnd_bytes >= 2000);
	}
	expect(v, talk_info(v).cwnd_bytes == 2000);
}

/* ECN-3: loss and marks of one window are one event; CWR tells of it all the same. */
static void ece_during_recovery(struct talk *v)
{
	given_ecn(v);
	app_sends(v, 40000);
	says_data(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 5001}});
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 1, .sack = {{1001, 7001}});
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	counted(v, ecn_cuts, 0);
	counted(v, ecn_cwr_out, 1);
}

/* DC-1: marks change between two segments of one turn: what came before is acknowledged apart, with
 * the mark it had, before anything else is. */
static void dctcp_echo_is_exact(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->params.cc = HR_CC_DCTCP;
	given_established(v, .ecn = true);
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .ecn = ECT0);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .ecn = CE);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000, .ecn = CE);
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000, .ecn = CE);
	hears(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000, .ecn = ECT0);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1001);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 2001);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 4001);
	says(v, .flags = ACK, .seq = 1, .ack = 5001);
	/* CWR means nothing here (3.2). */
	hears(v, .flags = ACK | CWR, .seq = 5001, .ack = 1, .len = 1000, .ecn = CE);
	says(v, .flags = ACK | ECE, .seq = 1, .ack = 6001);
}

/* SHLD-14 with DC-1: the ACK that is owed for what came before the mark offers no less than was
 * offered, though neither its number nor the window's edge is a multiple of the scale's unit. */
static void dctcp_echo_keeps_the_window(struct talk *v)
{
	uint32_t seq = 1;

	v->params.ecn = HR_ECN_PASSIVE;
	v->params.cc = HR_CC_DCTCP;
	v->params.wscale = 7;
	given_established(v, .ecn = true, .ws = WS(7));
	for (unsigned i = 0; i < 40; i++) {
		turn_begins(v);
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = 91, .ecn = i % 2 ? CE : ECT0);
		seq += 91;
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = 83, .ecn = i % 2 ? ECT0 : CE);
		seq += 83;
		turn_ends(v);
		swallow(v);
	}
}

/* DC-2, DC-3, CC of DCTCP: alpha begins at 1 (half of the window goes), then follows the marks. */
static void dctcp_cuts_by_alpha(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->params.cc = HR_CC_DCTCP;
	given_established(v, .ecn = true, .sack = true);
	app_sends(v, 100000);
	says_data(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 10001);
	expect(v, talk_info(v).cwnd_bytes == 5000);
	says(v, .flags = ACK | CWR, .seq = 10001, .ack = 1, .len = 1000, .ecn = ECT0);
	says_data(v, 11001, 4);
	/* Windows without marks: alpha = 15/16 a time; cwnd grows by a segment a window. The
	 * first observation ends with the first byte beyond it. */
	for (uint32_t una = 15001, n = 5; una < 40000; una += n * 1000) {
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = una);
		n = talk_info(v).cwnd_bytes / 1000;
		says_data(v, una, n);
	}
	expect(v, talk_info(v).cwnd_bytes == 9000);
	/* 10001..: the window that was marked whole, then four without a mark: (15/16)^4 = 0.7725;
	 * 9 segments are cut by 0.386. */
	after(v, MS(100));
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 40001);
	expect(v, talk_info(v).cwnd_bytes > 5000 && talk_info(v).cwnd_bytes < 6000);
	swallow(v);
}

/* DC-4 */
static void dctcp_halves_at_loss(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->params.cc = HR_CC_DCTCP;
	given_established(v, .ecn = true, .sack = true);
	app_sends(v, 100000);
	says_data(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 5001}});
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
}

/* DC-5: with a peer without ECN it is NewReno. */
static void dctcp_without_ecn(struct talk *v)
{
	v->params.ecn = HR_ECN_PASSIVE;
	v->params.cc = HR_CC_DCTCP;
	given_established(v);
	expect(v, !talk_info(v).ecn);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK | ECE, .seq = 1, .ack = 1001);
	counted(v, ecn_ece_in, 0);
}

int main(void)
{
	static const struct talk_test tests[] = {
		TALK(we_ask),
		TALK(the_peer_asks),
		TALK(off_is_off),
		TALK(an_answer_without_a_question),
		TALK(reflected_bits),
		TALK(a_lost_syn_falls_back),
		TALK(a_client_falls_back),
		TALK(a_syn_that_is_ect),
		TALK(simultaneous_open),
		TALK(a_cookie_with_timestamps),
		TALK(a_cookie_without_timestamps),
		TALK(ece_until_cwr),
		TALK(cwr_that_is_marked),
		TALK(ce_outside_the_window),
		TALK(ce_out_of_order),
		TALK(one_cut_per_window),
		TALK(a_peer_that_always_says_ece),
		TALK(ece_during_recovery),
		TALK(dctcp_echo_is_exact),
		TALK(dctcp_echo_keeps_the_window),
		TALK(dctcp_cuts_by_alpha),
		TALK(dctcp_halves_at_loss),
		TALK(dctcp_without_ecn),
	};

	return talk_main("ecn", tests, RTE_DIM(tests));
}
