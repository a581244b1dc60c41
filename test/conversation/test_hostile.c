/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with attackers and broken peers (RFC 5961, RFC 7323 5, RFC 5927). */
#include "talk.h"

/* B-1, BUG-5: only a RST at RCV.NXT counts; in the window it earns a challenge ACK, outside
 * nothing. */
static void blind_reset(struct talk *v)
{
	given_established(v);
	hears(v, .flags = RST, .seq = 2);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	dropped(v, DROP_tcp_rst_window);
	hears(v, .flags = RST, .seq = 60000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = RST, .seq = 0);
	silent(v);
	hears(v, .flags = RST, .seq = 0x40000000);
	silent(v);
	state_is(v, TCPS_ESTABLISHED);
	counted(v, challenge_acks, 2);
	/* The real peer, asked by the challenge, answers with the exact number. */
	hears(v, .flags = RST, .seq = 1);
	ended(v, HR_RESET);
}

/* B-2: a SYN in a synchronised state, whatever its sequence number. */
static void blind_syn(struct talk *v)
{
	given_established(v);
	hears(v, .flags = SYN, .seq = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	dropped(v, DROP_tcp_syn_sync);
	hears(v, .flags = SYN, .seq = 0x40000000, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = SYN | FIN, .seq = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
	counted(v, challenge_acks, 3);
}

/* B-3, MAY-12: an ACK older than SND.UNA - MAX.SND.WND: its data is not taken. */
static void blind_data_with_an_old_ack(struct talk *v)
{
	given_established(v, .wnd = 5000);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .wnd = 5000);
	hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)(1001 - 5001), .len = 10);
	says(v, .flags = ACK, .seq = 1001, .ack = 1);
	not_told(v, TCP_EV_DATA);
	dropped(v, DROP_tcp_ack_bad);
	/* The oldest that is acceptable. */
	hears(v, .flags = ACK, .seq = 1, .ack = (uint32_t)(1001 - 5000), .len = 10);
	told(v, TCP_EV_DATA);
	app_reads(v, 10);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1001, .ack = 11);
}

/* BUG-20: B-3, RFC 9293 3.10.7.4 fifth: an ACK for something not yet sent: an ACK back, and its
 * data is not taken. */
static void ack_for_unsent_data(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 2, .len = 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	dropped(v, DROP_tcp_ack_unsent);
	not_told(v, TCP_EV_DATA);
	expect(v, v->t->snd_una == v->iss + 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 0x40000000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
}

/* B-4: a flood earns a bounded number of ACKs in a second, and budget again in the next. */
static void challenge_acks_are_limited(struct talk *v)
{
	unsigned answered = 0;

	given_established(v);
	for (unsigned i = 0; i < 5000; i++) {
		hears(v, .flags = SYN, .seq = 1000, .mss = 1000);
		for (; v->next_said != v->n_said; answered++)
			(void)says_something(v);
	}
	expect(v, answered >= 1 && answered <= 2000);
	expect(v, v->m.c[HR_C_challenge_acks] == answered);
	expect(v, v->m.c[HR_C_challenge_acks_limited] == 5000 - answered);
	after(v, SEC(1));
	hears(v, .flags = SYN, .seq = 1000, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
}

/* RFC 9293 3.10.7.4 first: outside the window: an ACK, and nothing else happens. */
static void data_outside_the_window(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 0x40000000, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	dropped(v, DROP_tcp_window);
	hears(v, .flags = FIN | ACK, .seq = 0x40000000, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
}

/* RFC 9293 3.10.7.4 fifth: without ACK the segment is dropped. */
static void data_without_ack(struct talk *v)
{
	given_established(v);
	hears(v, .flags = 0, .seq = 1, .len = 100);
	silent(v);
	not_told(v, TCP_EV_DATA);
	dropped(v, DROP_tcp_flags);
	hears(v, .flags = FIN, .seq = 1);
	silent(v);
	state_is(v, TCPS_ESTABLISHED);
}

/* PAWS-1: an old timestamp: an ACK, and the data is not taken. */
static void old_timestamp(struct talk *v)
{
	given_established(v, .ts = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ts = TS_OLD);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	dropped(v, DROP_tcp_paws);
	not_told(v, TCP_EV_DATA);
	/* TS.Recent did not move. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	told(v, TCP_EV_DATA);
	app_reads(v, 100);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101);
}

/* PAWS-3: not for a RST. */
static void old_timestamp_on_a_reset(struct talk *v)
{
	given_established(v, .ts = true);
	hears(v, .flags = RST, .seq = 1, .ts = TS_OLD);
	ended(v, HR_RESET);
}

/* PAWS-2: after 24 idle days TS.Recent means nothing any more. */
static void timestamp_after_25_days(struct talk *v)
{
	given_established(v, .ts = true);
	after(v, SEC(25ull * 24 * 3600));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ts = TS_OLD);
	told(v, TCP_EV_DATA);
	app_reads(v, 100);
	after(v, v->params.delack_us);
	says(v, .flags = ACK, .seq = 1, .ack = 101);
}

/* BUG-14: TS-2; a bug of real stacks: the missing timestamp causes a storm, or kills the
 * connection. */
static void missing_timestamp(struct talk *v)
{
	given_established(v, .ts = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ts = TS_NONE);
	silent(v);
	dropped(v, DROP_tcp_no_timestamp);
	not_told(v, TCP_EV_DATA);
	state_is(v, TCPS_ESTABLISHED);
	hears(v, .flags = RST, .seq = 1, .ts = TS_NONE);
	ended(v, HR_RESET);
}

/* TS-1, TS-8: a timestamp that was not negotiated is ignored. */
static void unexpected_timestamp(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .ts = TS_ON);
	told(v, TCP_EV_DATA);
	app_reads(v, 100);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101);
}

/* TS-4, BUG-2: with a delayed ACK the earlier timestamp is echoed. */
static void echo_of_a_delayed_ack(struct talk *v)
{
	given_established(v, .ts = true); /* ends at 100 ms */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .ts = TS_ECHO, .tsecr = 100);
	app_reads(v, 2000);
}

/* An ACK that was overtaken is not an error: nothing happens, nothing is said. */
static void old_ack(struct talk *v)
{
	given_established(v);
	app_sends(v, 2000);
	(void)says_something(v);
	(void)says_something(v);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	silent(v);
	expect(v, v->t->snd_una == v->iss + 2001);
}

/* Two stacks that answer ACK with ACK would do so for ever: an acceptable ACK is never answered. */
static void acks_are_not_answered(struct talk *v)
{
	given_established(v);
	for (unsigned i = 0; i < 10; i++) {
		hears(v, .flags = ACK, .seq = 1, .ack = 1);
		silent(v);
	}
	hears(v, .flags = ACK | PSH, .seq = 1, .ack = 1);
	silent(v);
}

/* IC-1, MUST-56, IC-2: errors that quote what is not in flight are ignored, soft and hard ones
 * never kill a live connection. */
static void icmp_errors(struct talk *v)
{
	uint8_t family = v->world->ip6 ? 6 : 4;
	uint8_t type = v->world->ip6 ? 1 : 3;

	given_established(v);
	app_sends(v, 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	for (uint8_t code = 0; code < 6; code++) {
		if (!v->world->ip6 && code == 4)
			continue; /* fragmentation needed: below */
		hr_tcp_icmp(&v->ctx, v->t, family, type, code, v->iss + 1, 0, v->now);
		state_is(v, TCPS_ESTABLISHED);
	}
	hr_tcp_icmp(&v->ctx, v->t, family, type, 3, v->iss + 5000, 0, v->now);
	state_is(v, TCPS_ESTABLISHED);
	silent(v);
}

/* SHLD-26: a hard error ends SYN-SENT, when it quotes our SYN. MUST-56: a soft one does not. */
static void icmp_errors_in_syn_sent(struct talk *v)
{
	uint8_t family = v->world->ip6 ? 6 : 4, type = v->world->ip6 ? 1 : 3;
	uint8_t hard = v->world->ip6 ? 4 : 3; /* port unreachable */

	given_syn_sent(v);
	hr_tcp_icmp(&v->ctx, v->t, family, type, hard, v->iss + 77, 0, v->now);
	hr_tcp_icmp(&v->ctx, v->t, family, type, 0, v->iss, 0, v->now);
	state_is(v, TCPS_SYN_SENT);
	v->events |= hr_tcp_icmp(&v->ctx, v->t, family, type, hard, v->iss, 0, v->now) & 0xffffff;
	turn_ends(v);
	silent(v);
	ended(v, HR_REFUSED);
}

/* PM-1, PM-3: smaller segments at once, no timeout and no smaller window; lies are ignored. */
static void path_mtu_shrinks(struct talk *v)
{
	uint8_t family = v->world->ip6 ? 6 : 4, type = v->world->ip6 ? 2 : 3,
		code = v->world->ip6 ? 0 : 4;
	uint32_t mtu = v->world->ip6 ? 1300 : 800, mss = v->world->ip6 ? 1240 : 760;

	v->params.mss = 0;
	given_established(v, .mss = 1400);
	app_sends(v, 1400);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1400);
	hr_tcp_icmp(&v->ctx, v->t, family, type, code, v->iss + 9000, mtu, v->now);
	expect(v, v->t->snd_mss == 1400);
	hr_tcp_icmp(&v->ctx, v->t, family, type, code, v->iss + 1, 2000, v->now);
	expect(v, v->t->snd_mss == 1400);
	hr_tcp_icmp(&v->ctx, v->t, family, type, code, v->iss + 1, mtu, v->now);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = mss);
	if (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 1 + mss, .ack = 1, .len = 1400 - mss);
	counted(v, rto_fired, 0);
	expect(v, talk_info(v).cwnd_bytes >= 10 * mss);
}

static const struct talk_test tests[] = {
	TALK(blind_reset),
	TALK(blind_syn),
	TALK(blind_data_with_an_old_ack),
	TALK(ack_for_unsent_data),
	TALK(challenge_acks_are_limited),
	TALK(data_outside_the_window),
	TALK(data_without_ack),
	TALK(old_timestamp),
	TALK(old_timestamp_on_a_reset),
	TALK(timestamp_after_25_days),
	TALK(missing_timestamp),
	TALK(unexpected_timestamp),
	TALK(echo_of_a_delayed_ack),
	TALK(old_ack),
	TALK(acks_are_not_answered),
	TALK(icmp_errors),
	TALK(icmp_errors_in_syn_sent),
	TALK(path_mtu_shrinks),
};

int main(void)
{
	return talk_main("hostile", tests, RTE_DIM(tests));
}
