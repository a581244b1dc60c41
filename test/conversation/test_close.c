/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations that end (RFC 9293 3.6, 3.10.4, figures 12 and 13): in order, crosswise, by half,
 * by reset. */
#include <errno.h>

#include "talk.h"

/* Figure 12, left side. MUST-12 */
static void active_close(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_FIN_WAIT_1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	silent(v);
	state_is(v, TCPS_FIN_WAIT_2);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
	told(v, TCP_EV_EOF | TCP_EV_CLOSED | TCP_EV_TIMEWAIT);
	expect(v, v->reason == HR_CLOSED);
	counted(v, time_wait_entered, 1);
}

/* Figure 12, right side. */
static void passive_close(struct talk *v)
{
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	state_is(v, TCPS_CLOSE_WAIT);
	told(v, TCP_EV_EOF);
	after(v, SEC(5));
	app_sends(v, 100); /* the other direction is still open */
	says(v, .flags = ACK, .seq = 1, .ack = 2, .len = 100);
	hears(v, .flags = ACK, .seq = 2, .ack = 101);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 101, .ack = 2);
	state_is(v, TCPS_LAST_ACK);
	hears(v, .flags = ACK, .seq = 2, .ack = 102);
	silent(v);
	ended(v, HR_CLOSED);
}

/* Figure 13 */
static void simultaneous_close(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_CLOSING);
	hears(v, .flags = ACK, .seq = 2, .ack = 2);
	silent(v);
	state_is(v, TCPS_TIME_WAIT);
	told(v, TCP_EV_CLOSED | TCP_EV_TIMEWAIT);
}

/* RFC 9293 3.10.7.4 eighth, FIN-WAIT-1: our FIN is acknowledged by the peer's. */
static void fin_wait_1_to_time_wait(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2, .len = 100);
	says(v, .flags = ACK, .seq = 2, .ack = 102);
	told(v, TCP_EV_DATA | TCP_EV_EOF);
}

static void fin_carries_the_last_data(struct talk *v)
{
	given_established(v);
	turn_begins(v);
	app_sends(v, 1500);
	app_shuts(v);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = FIN | ACK | PSH, .seq = 1001, .ack = 1, .len = 500);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1501);
	state_is(v, TCPS_FIN_WAIT_1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1502);
	state_is(v, TCPS_FIN_WAIT_2);
	expect(v, hr_tcp_send_room(&v->ctx, v->t) == -EPIPE);
}

/* Half-close: after our FIN the peer goes on. */
static void half_close(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	for (unsigned i = 0; i < 10; i++) {
		after(v, SEC(100));
		hears(v, .flags = ACK, .seq = 1 + i * 2000, .ack = 2, .len = 1000);
		hears(v, .flags = ACK, .seq = 1001 + i * 2000, .ack = 2, .len = 1000);
		says(v, .flags = ACK, .seq = 2, .ack = 2001 + i * 2000);
		app_reads(v, 2000);
	}
	state_is(v, TCPS_FIN_WAIT_2);
	hears(v, .flags = FIN | ACK, .seq = 20001, .ack = 2);
	says(v, .flags = ACK, .seq = 2, .ack = 20002);
	state_is(v, TCPS_TIME_WAIT);
}

static void data_and_fin_together(struct talk *v)
{
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 102);
	told(v, TCP_EV_DATA | TCP_EV_EOF);
	expect(v, !hr_tcp_at_eof(v->t));
	app_reads(v, 100);
	expect(v, hr_tcp_at_eof(v->t));
}

static void our_fin_is_retransmitted(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says_after(v, MS(300), .flags = FIN | ACK, .seq = 1, .ack = 1);
	says_after(v, MS(600), .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	state_is(v, TCPS_FIN_WAIT_2);
	quiet_for(v, SEC(10));
}

/* Data and FIN were lost together: both come again, in order. */
static void data_and_our_fin_are_retransmitted(struct talk *v)
{
	given_established(v);
	turn_begins(v);
	app_sends(v, 500);
	app_shuts(v);
	turn_ends(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1, .len = 500);
	says_after(v, MS(300), .flags = FIN | ACK, .seq = 1, .ack = 1, .len = 500);
	hears(v, .flags = ACK, .seq = 1, .ack = 501); /* the FIN of it was missed, oddly */
	after(v, SEC(1));
	says(v, .flags = FIN | ACK, .seq = 501, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 502);
	state_is(v, TCPS_FIN_WAIT_2);
}

/* Our ACK of the FIN was lost. RFC 9293 3.10.7.4: remain and acknowledge. */
static void repeated_fin(struct talk *v)
{
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	state_is(v, TCPS_CLOSE_WAIT);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_LAST_ACK);
	hears(v, .flags = ACK, .seq = 2, .ack = 2);
	ended(v, HR_CLOSED);
}

static void last_ack_times_out(struct talk *v)
{
	v->params.retries = 3;
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	says_after(v, MS(300), .flags = FIN | ACK, .seq = 1, .ack = 2);
	says_after(v, MS(600), .flags = FIN | ACK, .seq = 1, .ack = 2);
	says_after(v, MS(1200), .flags = FIN | ACK, .seq = 1, .ack = 2);
	after(v, SEC(10));
	ended(v, HR_TIMEOUT);
}

/* An orphan does not wait for the peer's FIN for ever: 60 s, a parameter. */
static void orphan_in_fin_wait_2(struct talk *v)
{
	given_established(v);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	quiet_for(v, (uint64_t)(v->params.fin_wait2_ms - 1) * 1000);
	state_is(v, TCPS_FIN_WAIT_2);
	after(v, MS(2));
	ended(v, HR_ORPHANED);
}

/* Who only shut its direction waits as long as it likes. */
static void half_closed_waits_without_limit(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	quiet_for(v, SEC(24 * 3600));
	state_is(v, TCPS_FIN_WAIT_2);
}

/* SHLD-3: closing with unread data is a RST, for the peer must know that it was not read. */
static void close_with_unread_data(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_closes(v);
	expect(v, v->n_said == 1 && (v->said[0].o.flags & RST) && v->said[0].o.seq == v->iss + 1);
	(void)says_something(v);
	ended(v, HR_ABORTED);
	hears(v, .flags = ACK, .seq = 101, .ack = 1);
	says(v, .flags = RST, .seq = 1);
}

/* SHLD-3, MAY-1: data after a full close. */
static void data_after_close(struct talk *v)
{
	given_established(v);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	hears(v, .flags = ACK, .seq = 1, .ack = 2, .len = 100);
	expect(v, v->n_said == 1 && (v->said[0].o.flags & RST));
	expect(v, v->said[0].o.seq == v->iss + 2);
	(void)says_something(v);
	dropped(v, DROP_tcp_after_close);
	ended(v, HR_ABORTED);
}

/* SHLD-3: our FIN was lost, so the peer takes a RST at SEG.ACK only (RFC 5961 3.2). */
static void data_after_close_and_lost_fin(struct talk *v)
{
	given_established(v);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	expect(v, v->n_said == 1 && v->said[0].o.flags == RST);
	expect(v, v->said[0].o.seq == v->iss + 1);
	(void)says_something(v);
	dropped(v, DROP_tcp_after_close);
	ended(v, HR_ABORTED);
}

static void abort_is_a_reset(struct talk *v)
{
	struct tcp_out o;

	given_established(v);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_aborts(v);
	o = says_something(v);
	expect(v, (o.flags & RST) && o.seq == v->iss + 101);
	ended(v, HR_ABORTED);
	counted(v, rst_out, 1);
}

/* MUST-12: a reset is told as such, in each state. SHLD-2: data in it is ignored. */
static void reset_is_told(struct talk *v)
{
	given_established(v);
	hears(v, .flags = RST, .seq = 1, .len = 20);
	silent(v);
	ended(v, HR_RESET);
	not_told(v, TCP_EV_EOF | TCP_EV_DATA);
	counted(v, rst_in, 1);
}

static void reset_in_fin_wait_1(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = RST | ACK, .seq = 1, .ack = 1);
	silent(v);
	ended(v, HR_RESET);
}

static void reset_in_fin_wait_2(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	hears(v, .flags = RST, .seq = 1);
	silent(v);
	ended(v, HR_RESET);
}

static void reset_in_close_wait(struct talk *v)
{
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	hears(v, .flags = RST, .seq = 2);
	silent(v);
	ended(v, HR_RESET);
}

/* RFC 9293 3.10.7.4 second: in CLOSING and LAST-ACK a RST just ends it. */
static void reset_in_last_ack(struct talk *v)
{
	given_established(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 2);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	hears(v, .flags = RST, .seq = 2);
	silent(v);
	state_is(v, TCPS_CLOSED);
	told(v, TCP_EV_CLOSED);
}

static void reset_in_closing(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	hears(v, .flags = RST, .seq = 2);
	silent(v);
	state_is(v, TCPS_CLOSED);
}

/* In CLOSING an ACK that does not cover our FIN changes nothing; the FIN is retransmitted. */
static void closing_waits_for_the_ack_of_our_fin(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	hears(v, .flags = ACK, .seq = 2, .ack = 1);
	state_is(v, TCPS_CLOSING);
	after(v, MS(300));
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	hears(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
}

static const struct talk_test tests[] = {
	TALK(active_close),
	TALK(passive_close),
	TALK(simultaneous_close),
	TALK(fin_wait_1_to_time_wait),
	TALK(fin_carries_the_last_data),
	TALK(half_close),
	TALK(data_and_fin_together),
	TALK(our_fin_is_retransmitted),
	TALK(data_and_our_fin_are_retransmitted),
	TALK(repeated_fin),
	TALK(last_ack_times_out),
	TALK(orphan_in_fin_wait_2),
	TALK(half_closed_waits_without_limit),
	TALK(close_with_unread_data),
	TALK(data_after_close),
	TALK(data_after_close_and_lost_fin),
	TALK(abort_is_a_reset),
	TALK(reset_is_told),
	TALK(reset_in_fin_wait_1),
	TALK(reset_in_fin_wait_2),
	TALK(reset_in_close_wait),
	TALK(reset_in_last_ack),
	TALK(reset_in_closing),
	TALK(closing_waits_for_the_ack_of_our_fin),
};

int main(void)
{
	return talk_main("close", tests, RTE_DIM(tests));
}
