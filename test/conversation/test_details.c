/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of RFC 9293 and its extensions that have no theme of their own: repetitions after a close,
 * windows taken back, duplicates told once, promises of SACK kept, errors that mean nothing.
 */
#include "talk.h"

/* SHLD-3: what comes again behind a close is no new data: the FIN that rides on it is taken, no RST
 * goes out. */
static void old_data_with_the_fin_after_close(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_reads(v, 100);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 101);
	after(v, MS(10));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2, .len = 100);
	says(v, .flags = ACK, .seq = 2, .ack = 102);
	state_is(v, TCPS_TIME_WAIT);
	told(v, TCP_EV_CLOSED | TCP_EV_TIMEWAIT);
}

/* SHLD-3: one new byte in it is new data. */
static void new_data_with_the_fin_after_close(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_reads(v, 100);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 101);
	after(v, MS(10));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2, .len = 101);
	says(v, .flags = RST, .seq = 2);
	ended(v, HR_ABORTED);
}

/* SHLD-17, MAY-7: the window shrank to nothing under 2000 bytes; the peer answers each repetition
 * of the oldest. A user timeout of 20 s does not end that in 10 minutes; the window opens, and it
 * goes on. */
static void data_beyond_a_shrunken_window_is_no_timeout(struct talk *v)
{
	uint64_t until;
	unsigned asked = 0;

	v->params.user_timeout_ms = 20000;
	given_established(v);
	app_sends(v, 2000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK | PSH, .seq = 1001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = SHUT);
	for (until = v->now + SEC(600); v->now < until;) {
		after(v, MS(500));
		for (; v->next_said != v->n_said; asked++) {
			struct tcp_out o = says_something(v);

			expect(v, o.seq == v->iss + 1 && o.payload_len <= 1000);
			turn_begins(v);
			hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = SHUT);
			turn_ends(v);
		}
	}
	expect(v, asked >= 5);
	state_is(v, TCPS_ESTABLISHED);
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 5000);
	app_sends(v, 10);
	says(v, .flags = ACK | PSH, .seq = 2001, .ack = 1, .len = 10);
}

/* RTO-9: the variance of a steady path dies away, its term does not fall below the clock's tick of
 * 1 ms: RTO = 100 ms + 1 ms. */
static void variance_of_nothing_is_a_tick(struct talk *v)
{
	uint32_t at = 1;

	v->params.rto_min_us = 1000;
	given_established(v);
	for (unsigned i = 0; i < 60; i++, at += 10) {
		app_sends(v, 10);
		(void)says_something(v);
		after(v, MS(100));
		hears(v, .flags = ACK, .seq = 1, .ack = at + 10);
	}
	expect(v, talk_info(v).srtt_us == 100000);
	expect(v, talk_info(v).rto_us == 101000);
}

/* DSACK-3: a duplicate is told once; the next ACK says nothing of it. */
static void a_duplicate_is_told_once(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	app_reads(v, 1000);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 1001);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{1, 1001}});
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{2001, 3001}});
}

/* DSACK-4: blocks at or below the ACK, or inside the second, mark nothing as held. */
static void a_told_duplicate_is_no_held_data(struct talk *v)
{
	given_established(v, .sack = true);
	app_sends(v, 3000);
	for (unsigned i = 0; i < 3; i++)
		(void)says_something(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{1, 1001}});
	expect(v, talk_info(v).sacked_bytes == 0);
	/* Held: the last one. Duplicate: half of it. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{2001, 2501}, {2001, 3001}});
	expect(v, talk_info(v).sacked_bytes == 1000);
	hears(v, .flags = ACK, .seq = 1, .ack = 3001);
	expect(v, talk_info(v).sacked_bytes == 0);
}

/* BUG-7: what was SACKed is delivered when the hole is filled, though memory for more ran out
 * meanwhile. */
static void what_was_sacked_is_kept(struct talk *v)
{
	uint32_t right = 1001;
	bool refused = false;

	v->params.rcv_buf_bytes = 16384;
	v->params.rcv_buf_max_bytes = 0;
	given_established(v, .sack = true);
	/* One byte every other, each in an mbuf of its own, until no more is taken. */
	for (unsigned i = 0; i < 200 && !refused; i++) {
		hears(v, .flags = ACK, .seq = right, .ack = 1, .len = 1);
		refused = v->drop == DROP_tcp_ooo_full;
		for (; v->next_said != v->n_said;) {
			struct tcp_out o = says_something(v);

			expect(v, !refused || o.sack[0].right != v->irs + right + 1);
		}
		if (!refused)
			right += 2;
	}
	expect(v, refused);
	/* The hole, then gap after gap: behind each of them its neighbour is there. */
	for (uint32_t seq = 1; seq < 1001; seq += 500) {
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = 500);
		(void)says_something(v);
	}
	expect(v, v->t->rcv_nxt == v->irs + 1002);
	for (uint32_t seq = 1002; seq + 2 < right; seq += 2) {
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = 1);
		(void)says_something(v);
		expect(v, v->t->rcv_nxt == v->irs + seq + 2);
	}
	app_reads(v, talk_unread(v));
}

/* WS-6: the window was rounded down to units of 16 KiB; what lies below the highest edge offered is
 * still taken. */
static void below_the_highest_edge(struct talk *v)
{
	uint32_t edge;

	v->params.rcv_buf_bytes = 65536;
	v->params.rcv_buf_max_bytes = 0;
	v->params.wscale = 14;
	v->params.delack_us = 0;
	given_established(v, .ws = WS(0));
	edge = v->edge - v->irs;
	for (uint32_t seq = 1; seq < edge; seq += 1000) {
		hears(v, .flags = ACK, .seq = seq, .ack = 1, .len = hr_min(1000u, edge - seq));
		swallow(v);
	}
	expect(v, v->t->rcv_nxt == v->irs + edge);
	expect(v, talk_unread(v) == edge - 1);
	app_reads(v, edge - 1);
	swallow(v);
}

/* MUST-55, MUST-56, MUST-54: source quench, time exceeded and parameter problem about a segment in
 * flight: the window, the timer and the state are as they were; in SYN-SENT, too. */
static void icmp_that_means_nothing(struct talk *v)
{
	static const struct {
		uint8_t family, type, code;
	} soft[] = {{4, 4, 0}, {4, 11, 0}, {4, 11, 1}, {4, 12, 0}, {6, 3, 0}, {6, 3, 1}, {6, 4, 0}};
	struct hr_conn_info was, is;

	given_syn_sent(v);
	for (unsigned i = 0; i < RTE_DIM(soft); i++)
		if (soft[i].family == (v->world->ip6 ? 6 : 4))
			v->events |= hr_tcp_icmp(&v->ctx, v->t, soft[i].family, soft[i].type,
				soft[i].code, v->iss, 0, v->now);
	turn_ends(v);
	state_is(v, TCPS_SYN_SENT);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	app_sends(v, 100);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	was = talk_info(v);
	for (unsigned i = 0; i < RTE_DIM(soft); i++)
		if (soft[i].family == (v->world->ip6 ? 6 : 4))
			v->events |= hr_tcp_icmp(&v->ctx, v->t, soft[i].family, soft[i].type,
				soft[i].code, v->iss + 1, 0, v->now);
	turn_ends(v);
	silent(v);
	is = talk_info(v);
	expect(v, is.cwnd_bytes == was.cwnd_bytes && is.ssthresh_bytes == was.ssthresh_bytes);
	expect(v, is.rto_us == was.rto_us && is.snd_mss == was.snd_mss);
	state_is(v, TCPS_ESTABLISHED);
}

static const struct talk_test tests[] = {
	TALK(old_data_with_the_fin_after_close),
	TALK(new_data_with_the_fin_after_close),
	TALK(data_beyond_a_shrunken_window_is_no_timeout),
	TALK(variance_of_nothing_is_a_tick),
	TALK(a_duplicate_is_told_once),
	TALK(a_told_duplicate_is_no_held_data),
	TALK(what_was_sacked_is_kept),
	TALK(below_the_highest_edge),
	TALK(icmp_that_means_nothing),
};

int main(void)
{
	return talk_main("details", tests, RTE_DIM(tests));
}
