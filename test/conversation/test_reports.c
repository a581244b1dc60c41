/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the application is told of a connection in trouble (R1, soft ICMP errors, urgent data), and
 * what it may change while the connection lives.
 */
#include "talk.h"

/* MUST-20, SHLD-9, SHLD-10: three retransmissions (at 300, 900 and 2100 ms) without an answer are
 * told when the fourth is due, once; the connection goes on, and the next stall is told again. */
static void r1_of_data(struct talk *v)
{
	given_established(v);
	for (unsigned stall = 0; stall < 2; stall++) {
		uint32_t seq = 1 + 100 * stall;

		app_sends(v, 100);
		says(v, .flags = ACK | PSH, .seq = seq, .ack = 1, .len = 100);
		for (unsigned i = 0; i < 3; i++) {
			after(v, talk_info(v).rto_us);
			says(v, .flags = ACK | PSH, .seq = seq, .ack = 1, .len = 100);
			not_told(v, TCP_EV_ERROR);
		}
		expect(v, talk_info(v).soft_error == (stall ? HR_SOFT_RETRANSMITS : HR_SOFT_NONE));
		counted(v, r1_reached, stall);
		after(v, talk_info(v).rto_us);
		says(v, .flags = ACK | PSH, .seq = seq, .ack = 1, .len = 100);
		told(v, TCP_EV_ERROR);
		expect(v, talk_info(v).soft_error == HR_SOFT_RETRANSMITS);
		counted(v, r1_reached, stall + 1);
		for (unsigned i = 0; i < 3; i++) {
			after(v, talk_info(v).rto_us);
			says(v, .flags = ACK | PSH, .seq = seq, .ack = 1, .len = 100);
			not_told(v, TCP_EV_ERROR);
		}
		state_is(v, TCPS_ESTABLISHED);
		hears(v, .flags = ACK, .seq = 1, .ack = seq + 100);
	}
}

/* MUST-22, SHLD-9, SHLD-10: the same for a SYN: sent at 0, 1, 3 and 7 s, told at 15 s. */
static void r1_of_a_syn(struct talk *v)
{
	given_syn_sent(v);
	says_after(v, SEC(1), .flags = SYN, .ts = TS_ON);
	says_after(v, SEC(2), .flags = SYN, .ts = TS_ON);
	says_after(v, SEC(4), .flags = SYN, .ts = TS_ON);
	not_told(v, TCP_EV_ERROR);
	says_after(v, SEC(8), .flags = SYN, .ts = TS_ON);
	told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_RETRANSMITS);
	state_is(v, TCPS_SYN_SENT);
}

static void hears_icmp(struct talk *v, uint8_t type4, uint8_t type6, uint8_t code, uint32_t seq)
{
	bool v6 = v->world->ip6;

	v->events |= hr_tcp_icmp(&v->ctx, v->t, v6 ? 6 : 4, v6 ? type6 : type4, code, v->iss + seq,
			     0, v->now) &
		     0xffffff;
	turn_ends(v);
}

/* MUST-47, SHLD-25, MUST-56: each kind of soft error about data in flight is told and remembered,
 * hard ones on a synchronised connection too; nothing else comes of it. */
static void soft_icmp_errors_are_told(struct talk *v)
{
	given_established(v);
	app_sends(v, 100);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	hears_icmp(v, 3, 1, 1, 1);
	told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_UNREACHABLE);
	hears_icmp(v, 11, 3, 0, 1);
	told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_TTL);
	hears_icmp(v, 12, 4, 0, 1);
	told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_PARAMETER);
	hears_icmp(v, 3, 1, v->world->ip6 ? 4 : 3, 1);
	told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_UNREACHABLE);
	/* About what is not in flight: not a word. */
	hears_icmp(v, 11, 3, 0, 101);
	hears_icmp(v, 11, 3, 0, 0);
	not_told(v, TCP_EV_ERROR);
	expect(v, talk_info(v).soft_error == HR_SOFT_UNREACHABLE);
	silent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 101);
	state_is(v, TCPS_ESTABLISHED);
}

/* MUST-33: how much of the urgent data is still to be read, at any time. */
static void urgent_data_left(struct talk *v)
{
	given_established(v);
	expect(v, talk_info(v).urgent_bytes == 0);
	hears(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 100, .urg = 250);
	told(v, TCP_EV_URGENT | TCP_EV_DATA);
	expect(v, talk_info(v).urgent_bytes == 250);
	app_reads(v, 30);
	expect(v, talk_info(v).urgent_bytes == 220);
	hears(v, .flags = ACK | URG, .seq = 101, .ack = 1, .len = 200, .urg = 150);
	swallow(v);
	app_reads(v, 219);
	expect(v, talk_info(v).urgent_bytes == 1);
	app_reads(v, 1);
	expect(v, talk_info(v).urgent_bytes == 0);
	app_reads(v, 50);
	after(v, v->params.delack_us);
	swallow(v);
}

static void changes(struct talk *v, const struct hr_tcp_params *p)
{
	if (hr_tcp_params_change(&v->ctx, v->t, p) != 0)
		talk_fail(v, "the change was refused");
	turn_ends(v);
}

/* SHLD-21, SHLD-22, MUST-48: the class changes between two segments, and what was settled does not.
 */
static void class_changes_on_the_way(struct talk *v)
{
	struct hr_tcp_params p;
	struct tcp_out o;

	given_established(v);
	app_sends(v, 100);
	o = says_something(v);
	expect(v, (o.tos & 0xfc) == 0 && o.ttl == 64);
	p = v->params;
	p.dscp = 10;
	p.ttl = 3;
	p.mss = 100;
	p.snd_buf_bytes = 4096;
	changes(v, &p);
	hears(v, .flags = ACK, .seq = 1, .ack = 101);
	app_sends(v, 1000);
	o = says_something(v);
	expect(v, (o.tos & 0xfc) == 10 << 2 && o.ttl == 3);
	expect(v, o.payload_len == 1000);
	expect(v, v->ctx.params[v->t->params].snd_buf_bytes == 4096);
	expect(v, v->ctx.params[v->t->params].mss == v->params.mss);
	/* An equal set is not kept twice. */
	changes(v, &p);
	expect(v, v->ctx.n_params == 2);
}

/* MUST-17: Nagle's algorithm is turned off while it holds something, and on again. */
static void nagle_changes_on_the_way(struct talk *v)
{
	struct hr_tcp_params p;

	given_established(v);
	p = v->params;
	app_sends(v, 10);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	app_sends(v, 10);
	silent(v);
	p.nagle = false;
	changes(v, &p);
	says(v, .flags = ACK | PSH, .seq = 11, .ack = 1, .len = 10);
	p.nagle = true;
	changes(v, &p);
	app_sends(v, 10);
	silent(v);
}

/* MUST-24, MUST-27: keep-alive is turned on and off while the connection is idle. */
static void keepalive_changes_on_the_way(struct talk *v)
{
	struct hr_tcp_params p;

	given_established(v); /* heard at 100 ms */
	p = v->params;
	quiet_for(v, SEC(100));
	p.keepalive_ms = 110000;
	changes(v, &p);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	p.keepalive_ms = 0;
	changes(v, &p);
	quiet_for(v, SEC(1000));
}

/* MUST-21: the user timeout is set while data waits: 3 s after it first left it is over. */
static void user_timeout_changes_on_the_way(struct talk *v)
{
	struct hr_tcp_params p;

	given_established(v);
	p = v->params;
	p.user_timeout_ms = 3000;
	app_sends(v, 10);
	says(v, .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	changes(v, &p);
	says_after(v, MS(300), .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	says_after(v, MS(600), .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	says_after(v, MS(1200), .flags = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	quiet_for(v, MS(899));
	state_is(v, TCPS_ESTABLISHED);
	after(v, MS(1));
	ended(v, HR_TIMEOUT);
}

static const struct talk_test tests[] = {
	TALK(r1_of_data),
	TALK(r1_of_a_syn),
	TALK(soft_icmp_errors_are_told),
	TALK(urgent_data_left),
	TALK(class_changes_on_the_way),
	TALK(nagle_changes_on_the_way),
	TALK(keepalive_changes_on_the_way),
	TALK(user_timeout_changes_on_the_way),
};

int main(void)
{
	return talk_main("reports", tests, RTE_DIM(tests));
}
