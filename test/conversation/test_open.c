/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations that open a connection (RFC 9293 3.5, 3.10.7.3), or do not get that far. */
#include "talk.h"

/* MAY-3, SHLD-5, TS-3, WS-2, SACK-1 */
static void active_open(struct talk *v)
{
	v->params.rcv_buf_bytes = 1 << 20;
	v->params.wscale = 7;
	app_connects(v);
	says(v, .flags = SYN, .mss = 1000, .ws = WS(7), .ts = TS_ON, .wnd = 65535);
	state_is(v, TCPS_SYN_SENT);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .ws = WS(3), .sack_ok = true,
		.ts = TS_ON);
	v->ts_on = true;
	says(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = (1 << 20) >> 7);
	state_is(v, TCPS_ESTABLISHED);
	told(v, TCP_EV_OPEN);
	expect(v, v->t->flags & TF_SACK);
	counted(v, conns_established, 1);
	counted(v, syn_sent, 1);
}

/* No option is assumed that the peer did not send. */
static void active_open_to_a_peer_without_options(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	expect(v, !(v->t->flags & (TF_TS | TF_SACK | TF_WSCALE)));
	expect(v, v->t->peer_mss == (v->world->ip6 ? 1220 : 536)); /* MUST-15 */
}

static void passive_open(struct talk *v)
{
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
	state_is(v, TCPS_SYN_RECEIVED);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	silent(v);
	told(v, TCP_EV_OPEN);
	state_is(v, TCPS_ESTABLISHED);
}

/* WS-1, SACK-2, TS-1: a SYN-ACK carries only what the SYN offered. */
static void passive_open_answers_the_options_of_the_syn(struct talk *v)
{
	struct tcp_out o;

	given_listen(v);
	hears(v, .flags = SYN, .mss = 1460);
	o = says_something(v);
	expect(v, o.opts == TCPO_MSS);
}

static void passive_open_with_all_options(struct talk *v)
{
	given_listen(v);
	v->ts_on = true;
	hears(v, .flags = SYN, .mss = 1460, .ws = WS(8), .sack_ok = true);
	says(v, .flags = SYN | ACK, .ack = 1, .ts = TS_ECHO, .tsecr = 0);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 100);
	told(v, TCP_EV_OPEN);
	expect(v, (v->t->flags & (TF_TS | TF_SACK | TF_WSCALE)) == (TF_TS | TF_SACK | TF_WSCALE));
	expect(v, v->t->snd_wnd == 100 << 8);
	/* The timestamp of the handshake is an RTT sample (RFC 7323 4.1). */
	expect(v, talk_info(v).srtt_us >= MS(49) && talk_info(v).srtt_us <= MS(51));
}

static void given_accepted_with(struct talk *v, uint16_t mss)
{
	given_listen(v);
	hears(v, .flags = SYN, .mss = mss);
	says_something(v);
	hr_syn_set_due(&v->syn, v->now + hr_syn_timeout_us(&v->params, 0));
	after(v, MS(70));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
}

/* RFC 6298 2.2: without timestamps the handshake's last ACK is a sample all the same, rounded up by
 * half a millisecond at most. */
static void passive_open_takes_a_sample(struct talk *v)
{
	given_accepted_with(v, 999);
	expect(v, talk_info(v).srtt_us >= MS(70) && talk_info(v).srtt_us < MS(71));
	expect(v, v->t->peer_mss == 999);
}

/* MUST-16: a usual MSS is kept as it was announced; a jumbo frame's is not rounded up. */
static void passive_open_keeps_the_mss(struct talk *v)
{
	given_accepted_with(v, 2047);
	expect(v, v->t->peer_mss == 2047);
}

static void passive_open_keeps_about_a_jumbo_mss(struct talk *v)
{
	given_accepted_with(v, 8948);
	expect(v, v->t->peer_mss <= 8948 && v->t->peer_mss > 8948 - 31);
}

/* RFC 6298 3 (Karn): a SYN-ACK that was sent twice times nothing. */
static void passive_open_without_a_sample(struct talk *v)
{
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1000);
	says_something(v);
	after(v, v->params.rto_init_us);
	says_something(v);
	hr_syn_set_due(&v->syn, v->now + hr_syn_timeout_us(&v->params, 1));
	after(v, MS(70));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, talk_info(v).srtt_us == 0);
}

/* The third ACK carries the request; the response carries the ACK and the FIN. */
static void third_ack_carries_data(struct talk *v)
{
	given_syn_received(v);
	turn_begins(v);
	hears(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	told(v, TCP_EV_OPEN | TCP_EV_DATA);
	app_reads(v, 100);
	app_sends(v, 50);
	app_shuts(v);
	turn_ends(v);
	says(v, .flags = FIN | ACK | PSH, .seq = 1, .ack = 101, .len = 50);
	state_is(v, TCPS_FIN_WAIT_1);
}

/* The third ACK was lost; the request completes the handshake. */
static void data_without_the_third_ack(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1, .len = 10);
	told(v, TCP_EV_OPEN | TCP_EV_DATA);
	says(v, .flags = ACK, .seq = 1, .ack = 12);
	app_reads(v, 10);
	state_is(v, TCPS_CLOSE_WAIT);
}

/* MUST-10, figure 8 */
static void simultaneous_open(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	state_is(v, TCPS_SYN_RECEIVED);
	not_told(v, TCP_EV_OPEN);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	state_is(v, TCPS_ESTABLISHED);
	silent(v);
}

/* MUST-10: the peer is in SYN-RECEIVED too; its SYN-ACK acknowledges our SYN. */
static void simultaneous_open_syn_ack_crosses(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	state_is(v, TCPS_ESTABLISHED);
}

/* SCALE: RFC 7323 2.2, the window of a SYN-ACK is not scaled, though both scales are known by then.
 */
static void simultaneous_open_window_of_syn_ack(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1000, .ws = WS(7), .wnd = 2048);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000, .ws = WS(7), .wnd = 2048);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
	expect(v, v->t->snd_wnd <= 2048);
}

/* In SYN-RECEIVED from a simultaneous open the SYN-ACK is what is retransmitted. */
static void simultaneous_open_retransmits_syn_ack(struct talk *v)
{
	given_syn_sent(v);
	after(v, MS(10));
	hears(v, .flags = SYN, .seq = 0, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	after(v, SEC(1));
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
}

static void refused(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = RST | ACK, .seq = 0, .ack = 1);
	silent(v);
	ended(v, HR_REFUSED);
	not_told(v, TCP_EV_OPEN);
}

/* RFC 9293 3.10.7.3 second: a RST whose ACK is not acceptable, or that has none, is dropped. */
static void rst_in_syn_sent_must_acknowledge_the_syn(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = RST, .seq = 0);
	hears(v, .flags = RST | ACK, .seq = 0, .ack = 0);
	hears(v, .flags = RST | ACK, .seq = 0, .ack = 2);
	silent(v);
	state_is(v, TCPS_SYN_SENT);
}

/* RFC 9293 3.10.7.3 first: SEG.ACK =< ISS or > SND.NXT is answered with <SEQ=SEG.ACK><CTL=RST>. */
static void bad_ack_in_syn_sent(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 0, .mss = 1000);
	says(v, .flags = RST, .seq = 0, .ts = TS_AUTO);
	/* The peer held an old connection of this tuple, and the RST ended it: once, the SYN goes
	 * at once again. */
	expect(v, (v->said[v->n_said - 1].o.flags & (SYN | ACK)) == SYN);
	(void)says_something(v);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 2, .mss = 1000);
	says(v, .flags = RST, .seq = 2);
	hears(v, .flags = ACK, .seq = 77, .ack = 5000);
	says(v, .flags = RST, .seq = 5000);
	state_is(v, TCPS_SYN_SENT);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
}

/* RFC 9293 3.10.7.3 fifth: an acceptable ACK without SYN or RST is dropped. */
static void bare_ack_in_syn_sent(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = ACK, .seq = 5, .ack = 1);
	silent(v);
	state_is(v, TCPS_SYN_SENT);
}

/* MUST-22, MUST-23, RTO-1, RTO-5, RTO-7 */
static void syn_timeline(struct talk *v)
{
	uint64_t start = v->now, gap = SEC(1);

	v->params.rto_max_us = 60000000;
	given_syn_sent(v);
	while (v->now + gap < start + (uint64_t)v->params.connect_timeout_ms * 1000) {
		says_after(v, gap, .flags = SYN, .ts = TS_ON);
		gap = RTE_MIN(gap * 2, SEC(60));
	}
	expect(v, v->now - start >= SEC(120));
	state_is(v, TCPS_SYN_SENT);
	after(v, start + SEC(180) - 1 - v->now);
	while (v->next_said != v->n_said)
		says(v, .flags = SYN, .ts = TS_ON);
	state_is(v, TCPS_SYN_SENT);
	after(v, SEC(120));
	ended(v, HR_TIMEOUT);
}

/* MUST-21 for the SYN: the application's own limit. */
static void connect_timeout(struct talk *v)
{
	v->params.connect_timeout_ms = 5000;
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	says_after(v, SEC(2), .flags = SYN, .ts = TS_ON);
	quiet_for(v, SEC(2) - 1);
	state_is(v, TCPS_SYN_SENT);
	after(v, 1);
	ended(v, HR_TIMEOUT);
}

/* RTO-8, CC-2: after a lost SYN the RTO begins at 3 s and the window at one segment. */
static void syn_was_lost(struct talk *v)
{
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	app_sends(v, 2500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says_after(v, SEC(3), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
}

/* RTO-8, RTO-6: the echoed timestamp tells which SYN was answered: that sample of 20 ms stands, and
 * the timeout is 200 ms at once, not the 3 s of somebody who knows nothing. */
static void syn_was_lost_but_timed(struct talk *v)
{
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	after(v, MS(20));
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1012, .ts = TS_ON);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ON);
	told(v, TCP_EV_OPEN);
	expect(v, talk_info(v).srtt_us == MS(20) && talk_info(v).rto_us == MS(200));
}

/* RTO-6: the first SYN is answered after the second has left, as when both waited for ARP: its 1020
 * ms say nothing about the path. The first data does. */
static void first_syn_waited_here(struct talk *v)
{
	given_syn_sent(v);
	expect(v, v->n_said > 0);
	uint32_t first = v->heard_tsval;

	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	v->heard_tsval = first;
	after(v, MS(20));
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1012, .ts = TS_ON);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ON);
	told(v, TCP_EV_OPEN);
	expect(v, talk_info(v).rto_us == SEC(3));
	app_sends(v, 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 500, .ts = TS_ON);
	after(v, MS(20));
	hears(v, .flags = ACK, .seq = 1, .ack = 501, .ts = TS_ON);
	expect(v, talk_info(v).srtt_us == MS(20) && talk_info(v).rto_us == MS(200));
}

/* MUST-11: passive origin: back to LISTEN, and nobody hears of it. */
static void rst_in_syn_received_passive(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = RST, .seq = 1);
	silent(v);
	expect(v, v->place == AT_LISTEN);
	expect(v, v->events == 0);
}

/* MUST-11: active origin: the user is told "connection refused". */
static void rst_in_syn_received_active(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = RST, .seq = 1);
	silent(v);
	ended(v, HR_REFUSED);
}

/* B-1 in SYN-RECEIVED: a RST in the window that is not at RCV.NXT does not kill the entry. */
static void blind_rst_in_syn_received(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = RST, .seq = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = RST, .seq = 100000);
	silent(v);
	state_is(v, TCPS_SYN_RECEIVED);
}

/* BUG-4: A bug of real stacks: SEG.ACK == ISS completes the handshake. RFC 9293 3.10.7.4 fifth:
 * answered with a RST. */
static void ack_of_iss_does_not_complete_the_handshake(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 0);
	says(v, .flags = RST, .seq = 0);
	state_is(v, TCPS_SYN_RECEIVED);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	says(v, .flags = RST, .seq = 2);
	state_is(v, TCPS_SYN_RECEIVED);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
}

/* RFC 9293 3.10.7.4 first: a segment outside the window is answered with an ACK. */
static void segment_outside_the_window_in_syn_received(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = ACK, .seq = 1000000, .ack = 1, .len = 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_SYN_RECEIVED);
}

static void repeated_syn_gets_the_syn_ack_again(struct talk *v)
{
	given_syn_received(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1000);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
}

/* BUG-11: A bug of real stacks: an immortal half-open entry. RTO-1: 1 s, then doubling. */
static void syn_ack_timeline(struct talk *v)
{
	uint64_t gap = SEC(1);

	v->params.syn_retries = 4;
	given_syn_received(v);
	for (unsigned i = 0; i < 4; i++, gap *= 2)
		says_after(v, gap, .flags = SYN | ACK, .seq = 0, .ack = 1);
	quiet_for(v, gap - 1);
	state_is(v, TCPS_SYN_RECEIVED);
	after(v, 1);
	expect(v, v->place == AT_LISTEN);
}

/* CC-2: the SYN-ACK had to be sent twice. */
static void initial_window_after_a_lost_syn_ack(struct talk *v)
{
	given_syn_received(v);
	says_after(v, SEC(1), .flags = SYN | ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	app_sends(v, 3000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = v->t->snd_mss);
	silent(v);
}

/* CC-2, IW-1: ten segments at most (RFC 6928). */
static void initial_window(struct talk *v)
{
	given_established(v);
	app_sends(v, 12000);
	for (unsigned i = 0; i < 10; i++)
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
	silent(v);
}

/* Our third ACK was lost: the SYN-ACK comes again and is answered (B-2). */
static void syn_ack_again_in_established(struct talk *v)
{
	given_established(v);
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
}

/* RFC 9293 3.10.7.2, 3.10.7.1 */
static void strangers(struct talk *v)
{
	v->iss = v->world->iss;
	given_listen(v);
	hears(v, .flags = RST, .seq = 5);
	silent(v);
	hears(v, .flags = ACK, .seq = 5, .ack = 9);
	says(v, .flags = RST, .seq = 9);
	v->place = AT_NOTHING;
	hears(v, .flags = SYN, .seq = 0, .len = 7);
	v->iss = 0; /* RFC 9293 3.10.7.1: SEQ=0 */
	says(v, .flags = RST | ACK, .seq = 0, .ack = 8);
	hears(v, .flags = RST | ACK, .seq = 0, .ack = 8);
	silent(v);
}

/* RFC 9293 3.10.4: CLOSE in SYN-SENT deletes the connection without a word on the wire. */
static void close_in_syn_sent(struct talk *v)
{
	given_syn_sent(v);
	app_closes(v);
	silent(v);
	ended(v, HR_ABORTED); /* it never was open, so it did not end in order */
}

static void abort_in_syn_sent(struct talk *v)
{
	given_syn_sent(v);
	app_aborts(v);
	silent(v);
	ended(v, HR_ABORTED);
}

static const struct talk_test tests[] = {
	TALK(active_open),
	TALK(active_open_to_a_peer_without_options),
	TALK(passive_open),
	TALK(passive_open_answers_the_options_of_the_syn),
	TALK(passive_open_with_all_options),
	TALK(passive_open_takes_a_sample),
	TALK(passive_open_keeps_the_mss),
	TALK(passive_open_keeps_about_a_jumbo_mss),
	TALK(passive_open_without_a_sample),
	TALK(third_ack_carries_data),
	TALK(data_without_the_third_ack),
	TALK(simultaneous_open),
	TALK(simultaneous_open_syn_ack_crosses),
	TALK(simultaneous_open_window_of_syn_ack),
	TALK(simultaneous_open_retransmits_syn_ack),
	TALK(refused),
	TALK(rst_in_syn_sent_must_acknowledge_the_syn),
	TALK(bad_ack_in_syn_sent),
	TALK(bare_ack_in_syn_sent),
	TALK(syn_timeline),
	TALK(connect_timeout),
	TALK(syn_was_lost),
	TALK(syn_was_lost_but_timed),
	TALK(first_syn_waited_here),
	TALK(rst_in_syn_received_passive),
	TALK(rst_in_syn_received_active),
	TALK(blind_rst_in_syn_received),
	TALK(ack_of_iss_does_not_complete_the_handshake),
	TALK(segment_outside_the_window_in_syn_received),
	TALK(repeated_syn_gets_the_syn_ack_again),
	TALK(syn_ack_timeline),
	TALK(initial_window_after_a_lost_syn_ack),
	TALK(initial_window),
	TALK(syn_ack_again_in_established),
	TALK(strangers),
	TALK(close_in_syn_sent),
	TALK(abort_in_syn_sent),
};

int main(void)
{
	return talk_main("open", tests, RTE_DIM(tests));
}
