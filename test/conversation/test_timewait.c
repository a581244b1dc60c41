/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with a connection in TIME-WAIT (RFC 9293 3.6.1 and 3.10.7.4, RFC 6191, RFC 1337).
 */
#include "talk.h"

#include "tcp/core.h"

/* MUST-13: 2 MSL, then the tuple is a stranger's. */
static void lasts_two_msl(struct talk *v)
{
	given_time_wait(v);
	quiet_for(v, (uint64_t)(v->params.time_wait_ms - 1) * 1000);
	state_is(v, TCPS_TIME_WAIT);
	after(v, MS(2));
	state_is(v, TCPS_CLOSED);
	hears(v, .flags = ACK, .seq = 2, .ack = 2);
	says(v, .flags = RST, .seq = 2);
}

/* MUST-13: a retransmitted FIN is acknowledged and restarts the timer. */
static void repeated_fin_restarts_the_timer(struct talk *v)
{
	given_time_wait(v);
	after(v, (uint64_t)(v->params.time_wait_ms - 10) * 1000);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	quiet_for(v, (uint64_t)(v->params.time_wait_ms - 10) * 1000);
	state_is(v, TCPS_TIME_WAIT);
	after(v, MS(20));
	state_is(v, TCPS_CLOSED);
}

/* TW-2 (RFC 1337): even an exact RST does not end TIME-WAIT. */
static void rst_is_ignored(struct talk *v)
{
	given_time_wait(v);
	hears(v, .flags = RST, .seq = 2);
	hears(v, .flags = RST | ACK, .seq = 2, .ack = 2);
	silent(v);
	state_is(v, TCPS_TIME_WAIT);
}

/* ... unless rfc1337 is off; elsewhere in the window it does not even then (RFC 5961 3.2). */
static void rst_ends_it_by_parameter(struct talk *v)
{
	v->params.rfc1337 = false;
	given_time_wait(v);
	hears(v, .flags = RST, .seq = 1);
	hears(v, .flags = RST, .seq = 3);
	state_is(v, TCPS_TIME_WAIT);
	hears(v, .flags = RST, .seq = 2);
	expect(v, v->place == AT_LISTEN);
	silent(v);
}

/* A RST in the turn that reached TIME-WAIT: there is no compact entry yet. */
static void rst_in_the_turn(struct talk *v)
{
	given_established(v);
	app_shuts(v);
	says(v, .flags = FIN | ACK, .seq = 1, .ack = 1);
	turn_begins(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	hears(v, .flags = RST, .seq = 2);
	turn_ends(v);
}

/* TW-2 */
static void rst_in_the_same_turn(struct talk *v)
{
	rst_in_the_turn(v);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	told(v, TCP_EV_CLOSED);
	state_is(v, TCPS_TIME_WAIT);
}

static void rst_in_the_same_turn_by_parameter(struct talk *v)
{
	v->params.rfc1337 = false;
	rst_in_the_turn(v);
	silent(v);
	ended(v, HR_CLOSED);
}

static void old_data_is_answered(struct talk *v)
{
	given_time_wait(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 2, .len = 1);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
}

/* MAY-2: a SYN beyond the last sequence number is a new connection. */
static void syn_with_a_higher_sequence_reopens(struct talk *v)
{
	given_time_wait(v);
	after(v, SEC(2));
	hears(v, .flags = SYN, .seq = 5000, .mss = 1000);
	expect(v, v->place == AT_SYN);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 5001);
	hears(v, .flags = ACK, .seq = 5001, .ack = 1);
	told(v, TCP_EV_OPEN);
}

/* MAY-2: an old SYN is answered with the ACK of the old connection. */
static void syn_with_a_lower_sequence_does_not(struct talk *v)
{
	given_time_wait(v);
	after(v, SEC(2));
	hears(v, .flags = SYN, .seq = (uint32_t)-1000, .mss = 1000);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
}

/* ... which its sender, who has forgotten that one, answers with a RST: now the tuple is free. */
static void rst_after_a_refused_syn(struct talk *v)
{
	given_time_wait(v);
	after(v, SEC(2));
	hears(v, .flags = SYN, .seq = (uint32_t)-1000, .mss = 1000);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	hears(v, .flags = RST, .seq = 1);
	state_is(v, TCPS_TIME_WAIT);
	hears(v, .flags = RST, .seq = 2);
	expect(v, v->place == AT_LISTEN);
	silent(v);
}

/* TW-1, SHLD-4: timestamps tell a new connection even at a lower sequence number. */
static void newer_timestamp_reopens(struct talk *v)
{
	given_time_wait(v, .ts = true);
	after(v, SEC(2));
	hears(v, .flags = SYN, .seq = (uint32_t)-1000, .mss = 1000);
	expect(v, v->place == AT_SYN);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = (uint32_t)-999);
}

/* TW-1: an older timestamp is an old duplicate whatever its sequence number. */
static void older_timestamp_does_not(struct talk *v)
{
	given_time_wait(v, .ts = true);
	after(v, SEC(2));
	hears(v, .flags = SYN, .seq = 5000, .mss = 1000, .ts = TS_OLD);
	while (v->next_said != v->n_said)
		says(v, .flags = ACK, .seq = 2, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
}

/* RFC 6191 for an active open: not before a second has passed, and only with timestamps. */
static void own_connect_may_reuse_after_a_second(struct talk *v)
{
	given_time_wait(v, .ts = true);
	expect(v, !hr_tw_reusable(&v->ctx, &v->tw, 0, v->now));
	expect(v, !hr_tw_reusable(&v->ctx, &v->tw, 0, v->now + MS(900)));
	expect(v, hr_tw_reusable(&v->ctx, &v->tw, 0, v->now + MS(1100)));
}

static void own_connect_without_timestamps_may_not(struct talk *v)
{
	given_time_wait(v);
	expect(v, !hr_tw_reusable(&v->ctx, &v->tw, 0, v->now + MS(1100)));
}

static void reuse_is_a_parameter(struct talk *v)
{
	v->params.tw_reuse = false;
	given_time_wait(v, .ts = true);
	expect(v, !hr_tw_reusable(&v->ctx, &v->tw, 0, v->now + MS(1100)));
}

/* TS-1: answers carry timestamps when the connection did. */
static void answers_carry_timestamps(struct talk *v)
{
	given_time_wait(v, .ts = true);
	after(v, SEC(1));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	says(v, .flags = ACK, .seq = 2, .ack = 2, .ts = TS_ON);
}

/* The new ISN is above all of the old connection wherever its clock stands: 2^31 away, too, where
 * "above" turns into "below". */
static void isn_is_above_the_old_connection(struct talk *v)
{
	static const uint32_t old_is_ahead_by[] = {0, 1, 1000000, BIT(31) - 65535, BIT(31) - 1,
		BIT(31), BIT(31) + 1, BIT(31) + 65535, BIT(31) + 65536, BIT(31) + 65537, 0u - 65537,
		0u - 65535, 0u - 1};
	struct tcp_path path = {.params = 0};
	uint32_t isn;

	given_time_wait(v, .ts = true);
	isn = hr_isn(&v->ctx, &v->key, &path, v->now);
	path.reopened = true;
	for (unsigned i = 0; i < RTE_DIM(old_is_ahead_by); i++) {
		uint32_t again;

		path.iss_floor = isn + old_is_ahead_by[i];
		again = hr_isn(&v->ctx, &v->key, &path, v->now);
		expect(v, seq_gt(again, path.iss_floor));
		expect(v, seq_gt(again, path.iss_floor + UINT16_MAX));
	}
}

static const struct talk_test tests[] = {
	TALK(isn_is_above_the_old_connection),
	TALK(lasts_two_msl),
	TALK(repeated_fin_restarts_the_timer),
	TALK(rst_is_ignored),
	TALK(rst_ends_it_by_parameter),
	TALK(rst_in_the_same_turn),
	TALK(rst_in_the_same_turn_by_parameter),
	TALK(rst_after_a_refused_syn),
	TALK(old_data_is_answered),
	TALK(syn_with_a_higher_sequence_reopens),
	TALK(syn_with_a_lower_sequence_does_not),
	TALK(newer_timestamp_reopens),
	TALK(older_timestamp_does_not),
	TALK(own_connect_may_reuse_after_a_second),
	TALK(own_connect_without_timestamps_may_not),
	TALK(reuse_is_a_parameter),
	TALK(answers_carry_timestamps),
};

int main(void)
{
	return talk_main("timewait", tests, RTE_DIM(tests));
}
