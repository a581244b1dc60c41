/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about how long to wait: the user timeout and its option (RFC 5482). */
#include "talk.h"

#define MINUTES 0x8000u

static void given_uto(struct talk *v, bool passive)
{
	v->params.uto = true;
	given_established(v, .passive = passive);
}

/* UTO-1: in the SYN, and in the first segment after it; no more. */
static void told_by_the_active_side(struct talk *v)
{
	v->params.uto = true;
	v->params.user_timeout_ms = 90500;
	app_connects(v);
	says(v, .flags = SYN, .ts = TS_ON, .uto = 91);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 91);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
}

/* UTO-1: a SYN-ACK leaves before there is a connection: the first segment after it tells. Whole
 * segments make room for the option. */
static void told_by_the_passive_side(struct talk *v)
{
	struct tcp_out o;

	v->params.user_timeout_ms = 1800000;
	given_uto(v, true);
	app_sends(v, 2000);
	o = says_something(v);
	expect(v, (o.opts & TCPO_UTO) && o.uto == 1800 && o.seg_size == 996);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
}

/* UTO-1: a change on the way is told, too. */
static void told_when_it_changes(struct talk *v)
{
	struct hr_tcp_params p;

	given_uto(v, false);
	p = v->params;
	p.user_timeout_ms = 1;
	expect(v, hr_tcp_params_change(&v->ctx, v->t, &p) == 0);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10, .uto = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 11);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 11, .ack = 1, .len = 10);
}

/* UTO-5: nothing set, nothing told; what stands for 0 is no timeout. */
static void zero_is_neither_told_nor_heeded(struct talk *v)
{
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = MINUTES);
	expect(v, v->t->ext == 0);
	app_sends(v, 10);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
}

/* How long data waits until the connection is given up. */
static uint64_t patience_ms(struct talk *v)
{
	uint64_t began = v->now;

	app_sends(v, 10);
	while (v->place == AT_CONN && v->now - began < SEC(3600)) {
		swallow(v);
		after(v, MS(100));
	}
	swallow(v);
	ended(v, HR_TIMEOUT);
	return (v->now - began) / 1000;
}

/* UTO-3: what the peer asks for, between the limits. */
static void adopted(struct talk *v)
{
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 200);
	expect(v, patience_ms(v) == 200000);
}

/* UTO-3: minutes; the last word counts. */
static void adopted_in_minutes(struct talk *v)
{
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 200);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = MINUTES | 5);
	expect(v, patience_ms(v) == 300000);
}

/* UTO-3 */
static void not_below_the_least(struct talk *v)
{
	given_uto(v, true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 1);
	expect(v, patience_ms(v) == v->params.uto_min_ms);
}

/* UTO-3 */
static void not_above_the_most(struct talk *v)
{
	v->params.uto_max_ms = 150000;
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = MINUTES | 0x7fff);
	expect(v, patience_ms(v) == 150000);
}

/* UTO-3: on the SYN-ACK, too. */
static void adopted_from_a_syn_ack(struct talk *v)
{
	v->params.uto = true;
	given_syn_sent(v);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .uto = 120);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, patience_ms(v) == 120000);
}

/* UTO-4: what the application said stands. */
static void the_application_knows_better(struct talk *v)
{
	v->params.user_timeout_ms = 5000;
	v->params.uto = true;
	app_connects(v);
	(void)says_something(v);
	after(v, MS(100));
	hears(v, .flags = SYN | ACK, .ack = 1, .mss = 1000, .uto = 120);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 200);
	expect(v, patience_ms(v) == 5000);
}

/* UTO-2: off, as it is by default. */
static void ignored_when_off(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 200);
	expect(v, patience_ms(v) > 600000);
}

/* An ACK out of the window says nothing. */
static void not_from_strangers(struct talk *v)
{
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 0x40000000, .ack = 1, .uto = 200);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 2, .uto = 200);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	expect(v, v->t->ext == 0);
}

static unsigned probes_until_the_end(struct talk *v, uint64_t *at_ms)
{
	uint64_t began = v->now;
	unsigned n = 0;

	while (v->place == AT_CONN && v->now - began < SEC(3600)) {
		after(v, MS(500));
		while (v->next_said != v->n_said)
			n += !(says_something(v).flags & RST);
	}
	*at_ms = (v->now - began) / 1000;
	ended(v, HR_KEEPALIVE);
	return n;
}

/* UTO-6: keep-alives are not less patient than the user timeout. */
static void keepalive_waits_for_the_user_timeout(struct talk *v)
{
	uint64_t ms;

	v->params.keepalive_ms = 10000;
	v->params.keepalive_interval_ms = 5000;
	v->params.keepalive_probes = 2;
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 100);
	expect(v, probes_until_the_end(v, &ms) == 18); /* at 10, 15 ... 95 s */
	expect(v, ms == 100000);
}

/* Nor more, but one probe must have had its time. */
static void user_timeout_ends_keepalive(struct talk *v)
{
	uint64_t ms;

	v->params.keepalive_ms = 10000;
	v->params.keepalive_interval_ms = 5000;
	v->params.keepalive_probes = 9;
	v->params.user_timeout_ms = 3000;
	given_established(v);
	expect(v, probes_until_the_end(v, &ms) == 1);
	expect(v, ms == 15000);
}

/* UTO-6: a long timeout and short intervals: the count of probes does not overflow. */
static void long_timeout_short_interval(struct talk *v)
{
	uint64_t ms;

	v->params.keepalive_ms = 1000;
	v->params.keepalive_interval_ms = 1;
	given_uto(v, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .uto = 1800);
	expect(v, probes_until_the_end(v, &ms) == 128);
	expect(v, ms == 1800000);
}

static const struct talk_test tests[] = {
	TALK(told_by_the_active_side),
	TALK(told_by_the_passive_side),
	TALK(told_when_it_changes),
	TALK(zero_is_neither_told_nor_heeded),
	TALK(adopted),
	TALK(adopted_in_minutes),
	TALK(not_below_the_least),
	TALK(not_above_the_most),
	TALK(adopted_from_a_syn_ack),
	TALK(the_application_knows_better),
	TALK(ignored_when_off),
	TALK(not_from_strangers),
	TALK(keepalive_waits_for_the_user_timeout),
	TALK(user_timeout_ends_keepalive),
	TALK(long_timeout_short_interval),
};

int main(void)
{
	return talk_main("uto", tests, RTE_DIM(tests));
}
