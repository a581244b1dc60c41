/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations that are idle: keep-alive (RFC 9293 3.8.4). */
#include "talk.h"

static void given_keepalive(struct talk *v)
{
	v->params.keepalive_ms = 10000;
	v->params.keepalive_interval_ms = 1000;
	v->params.keepalive_probes = 3;
	given_established(v);
}

/* MUST-25, MAY-5 */
static void off_by_default(struct talk *v)
{
	given_established(v);
	quiet_for(v, SEC(24 * 3600));
	expect(v, v->params.keepalive_ms == 0);
}

/* MUST-24, MUST-27, SHLD-12: SEQ = SND.NXT - 1, no data. */
static void probe(struct talk *v)
{
	given_keepalive(v);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
	counted(v, keepalive_probes, 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	state_is(v, TCPS_ESTABLISHED);
}

/* MUST-29: not the first silence. */
static void the_last_probe_is_answered(struct talk *v)
{
	given_keepalive(v);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
	says_after(v, SEC(1), .flags = ACK, .seq = 0, .ack = 1);
	says_after(v, SEC(1), .flags = ACK, .seq = 0, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
}

static void nobody_answers(struct talk *v)
{
	given_keepalive(v);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
	says_after(v, SEC(1), .flags = ACK, .seq = 0, .ack = 1);
	says_after(v, SEC(1), .flags = ACK, .seq = 0, .ack = 1);
	after(v, SEC(1));
	while (v->next_said != v->n_said)
		expect(v, says_something(v).flags & RST);
	ended(v, HR_KEEPALIVE);
}

/* An orphan in FIN-WAIT-2 has its own limit: an answered probe must not earn the next one at once.
 */
static void no_probes_from_an_orphan(struct talk *v)
{
	given_keepalive(v);
	app_closes(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	state_is(v, TCPS_FIN_WAIT_2);
	quiet_for(v, SEC(20));
	hears(v, .flags = ACK, .seq = 1, .ack = 2);
	quiet_for(v, SEC(20));
	counted(v, keepalive_probes, 0);
}

/* MUST-26: whatever is received starts the interval again. */
static void traffic_restarts_the_interval(struct talk *v)
{
	given_keepalive(v);
	after(v, SEC(6));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says_after(v, SEC(10), .flags = ACK, .seq = 0, .ack = 1);
}

/* MUST-26: not while data is outstanding; that is the retransmission timer's business. */
static void no_probe_while_data_is_outstanding(struct talk *v)
{
	given_keepalive(v);
	after(v, SEC(9));
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	after(v, SEC(8));
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	counted(v, keepalive_probes, 0);
}

/* The peer's own probe, with or without its garbage byte (MAY-6), is answered. */
static void peers_probe_is_answered(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 0, .ack = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 0, .ack = 1, .len = 1);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	not_told(v, TCP_EV_DATA);
}

/* MUST-28: who turns it on with the documented value of two hours gets two hours. */
static void two_hours(struct talk *v)
{
	v->params.keepalive_ms = 7200000;
	given_established(v);
	says_after(v, SEC(7200), .flags = ACK, .seq = 0, .ack = 1);
}

static const struct talk_test tests[] = {
	TALK(off_by_default),
	TALK(probe),
	TALK(the_last_probe_is_answered),
	TALK(nobody_answers),
	TALK(no_probes_from_an_orphan),
	TALK(traffic_restarts_the_interval),
	TALK(no_probe_while_data_is_outstanding),
	TALK(peers_probe_is_answered),
	TALK(two_hours),
};

int main(void)
{
	return talk_main("keepalive", tests, RTE_DIM(tests));
}
