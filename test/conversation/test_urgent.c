/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with urgent data (RFC 9293 3.8.5, RFC 6093). The stream itself is never touched by
 * it. */
#include "talk.h"

/* MUST-30, MUST-32 */
static void urgent_is_told_and_delivered(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 100, .urg = 50);
	told(v, TCP_EV_URGENT | TCP_EV_DATA);
	app_reads(v, 100);
	hears(v, .flags = ACK, .seq = 101, .ack = 1, .len = 100);
	not_told(v, TCP_EV_URGENT);
	app_reads(v, 100);
	swallow(v);
	after(v, MS(100));
	swallow(v);
}

/* MUST-31, MUST-32: longer than a segment, announced before it arrives; the mark moves. */
static void urgent_ahead_of_the_data(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK | URG, .seq = 1, .ack = 1, .urg = 3000);
	told(v, TCP_EV_URGENT);
	hears(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 1000, .urg = 3000);
	not_told(v, TCP_EV_URGENT);
	hears(v, .flags = ACK | URG, .seq = 1001, .ack = 1, .len = 1000, .urg = 4000);
	told(v, TCP_EV_URGENT);
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 1, .ack = 2001);
	app_reads(v, 2000);
	/* An older mark does not move it back. */
	hears(v, .flags = ACK | URG, .seq = 2001, .ack = 1, .len = 100, .urg = 100);
	not_told(v, TCP_EV_URGENT);
	app_reads(v, 100);
	after(v, MS(100));
	swallow(v);
}

/* MUST-66: with our window shut the mark is still told. */
static void urgent_with_a_shut_window(struct talk *v)
{
	v->params.rcv_buf_bytes = 2048;
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1024);
	hears(v, .flags = ACK, .seq = 1025, .ack = 1, .len = 1024);
	says(v, .flags = ACK, .seq = 1, .ack = 2049, .wnd = SHUT);
	hears(v, .flags = ACK | URG, .seq = 2049, .ack = 1, .urg = 10);
	told(v, TCP_EV_URGENT);
	swallow(v);
}

/* MUST-62: the pointer is the octet after the urgent data: one urgent byte at seq 1 makes 1. */
static void sends_the_octet_after(struct talk *v)
{
	v->params.nagle = false;
	given_established(v);
	turn_begins(v);
	app_sends(v, 1);
	app_urgent(v);
	turn_ends(v);
	says(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 1, .urg = 1);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 2, .ack = 1, .len = 10);
}

/* MUST-31: the mark lies ahead of the segments that lead to it. */
static void sends_a_mark_ahead(struct talk *v)
{
	given_established(v, .wnd = 2000);
	turn_begins(v);
	app_sends(v, 3000);
	app_urgent(v);
	turn_ends(v);
	says(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 1000, .urg = 3000);
	says(v, .flags = ACK | URG, .seq = 1001, .ack = 1, .len = 1000, .urg = 2000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 2000);
	says(v, .flags = ACK | URG, .seq = 2001, .ack = 1, .len = 1000, .urg = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 3001);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 10);
}

/* A retransmission of it says so again. */
static void retransmits_the_mark(struct talk *v)
{
	given_established(v);
	turn_begins(v);
	app_sends(v, 20);
	app_urgent(v);
	turn_ends(v);
	says(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 20, .urg = 20);
	says_after(v, MS(300), .flags = ACK | URG, .seq = 1, .ack = 1, .len = 20, .urg = 20);
}

/* URG without a pointer, or a pointer far away, breaks nothing. */
static void silly_pointers(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK | URG, .seq = 1, .ack = 1, .len = 10, .urg = 0);
	hears(v, .flags = ACK | URG, .seq = 11, .ack = 1, .len = 10, .urg = 65535);
	swallow(v);
	app_reads(v, 20);
	hears(v, .flags = ACK, .seq = 21, .ack = 1, .len = 10,
		.urg = 5); /* no URG: the field means nothing */
	app_reads(v, 10);
	after(v, MS(100));
	swallow(v);
	state_is(v, TCPS_ESTABLISHED);
}

static const struct talk_test tests[] = {
	TALK(urgent_is_told_and_delivered),
	TALK(urgent_ahead_of_the_data),
	TALK(urgent_with_a_shut_window),
	TALK(sends_the_octet_after),
	TALK(sends_a_mark_ahead),
	TALK(retransmits_the_mark),
	TALK(silly_pointers),
};

int main(void)
{
	return talk_main("urgent", tests, RTE_DIM(tests));
}
