/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about receive-window auto-tuning: the window stays ahead of the peer's slow start,
 * follows only an application that reads, and is never taken back. */
#include "talk.h"

#define MSS 1000u

struct sender {
	uint32_t next;    /* next byte to hear */
	uint32_t cwnd;    /* segments */
	uint32_t limited; /* rounds in which our window was smaller than its cwnd */
};

static uint32_t offered(const struct talk *v, const struct sender *s)
{
	return v->edge_valid ? v->edge - (v->irs + s->next) : 65535;
}

/* One round trip of a sender in slow start: a whole cwnd, in turns of eight segments, as far as our
 * window goes. */
static void round_trip(struct talk *v, struct sender *s, bool reads, uint64_t rtt)
{
	uint32_t n = s->cwnd, wnd = offered(v, s) / MSS;

	if (wnd < n) {
		s->limited++;
		n = wnd;
	}
	for (uint32_t i = 0; i < n;) {
		turn_begins(v);
		for (uint32_t k = 0; k < 8 && i < n; k++, i++) {
			hears(v, .flags = ACK, .seq = s->next, .ack = 1, .len = MSS);
			s->next += MSS;
		}
		if (reads)
			app_reads(v, talk_unread(v));
		turn_ends(v);
		swallow(v);
	}
	after(v, rtt);
	swallow(v);
	s->cwnd *= 2;
}

/* 200 Mbps x 100 ms are 2.5 MB: the window is there before the sender's cwnd is. RFC 9293 3.8.6 */
static void never_in_the_way(struct talk *v, bool ts, bool passive, uint32_t first)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = first;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ws = WS(7), .ts = ts, .passive = passive, .sack = true);
	for (unsigned i = 0; i < 9; i++)
		round_trip(v, &s, true, MS(100));
	expect(v, s.cwnd * MSS >= 5000000);
	expect(v, s.limited == 0);
	expect(v, talk_info(v).rcv_buf_bytes >= 2500000);
	expect(v, talk_info(v).rcv_buf_bytes <= v->params.rcv_buf_max_bytes);
}

static void ahead_of_slow_start(struct talk *v)
{
	never_in_the_way(v, true, false, 256 * 1024);
}

static void ahead_of_slow_start_from_64k(struct talk *v)
{
	never_in_the_way(v, true, true, 64 * 1024);
}

/* The round trip comes from our SYN when there are no timestamps ... */
static void ahead_of_slow_start_without_timestamps(struct talk *v)
{
	never_in_the_way(v, false, false, 256 * 1024);
}

/* ... and from how long a window lasts when we never sent anything. */
static void ahead_of_slow_start_passive_without_timestamps(struct talk *v)
{
	never_in_the_way(v, false, true, 256 * 1024);
}

/* SHLD-14 is the harness's check of the edge. An application that does not read gets no more. */
static void not_for_who_does_not_read(struct talk *v)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = 100000;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ws = WS(7), .ts = true);
	for (unsigned i = 0; i < 6; i++)
		round_trip(v, &s, false, MS(100));
	expect(v, talk_info(v).rcv_buf_bytes == 100000);
	expect(v, s.next <= 100001 + BIT(v->t->rcv_scale));
	app_reads(v, talk_unread(v));
	swallow(v);
}

/* A reader slower than the sender: the window follows what is read, not what arrives. */
static void follows_the_reader(struct talk *v)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = 64000;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ws = WS(7), .ts = true);
	for (unsigned i = 0; i < 40; i++) {
		round_trip(v, &s, false, MS(50));
		if (talk_unread(v) > 20000)
			app_reads(v, 20000);
		swallow(v);
	}
	expect(v, talk_info(v).rcv_buf_bytes <= 3 * 64000);
}

/* Memory pressure: what there is stays, nothing is added. */
static void not_when_memory_is_low(struct talk *v)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = 64000;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ws = WS(7), .ts = true);
	v->ctx.memory_low = true;
	for (unsigned i = 0; i < 5; i++)
		round_trip(v, &s, true, MS(100));
	expect(v, talk_info(v).rcv_buf_bytes == 64000);
	v->ctx.memory_low = false;
	s.cwnd = 40;
	for (unsigned i = 0; i < 3; i++)
		round_trip(v, &s, true, MS(100));
	expect(v, talk_info(v).rcv_buf_bytes > 200000);
}

/* Without window scaling 16 bits are the end. WS-1 */
static void no_further_than_the_field_tells(struct talk *v)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = 30000;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ts = true);
	for (unsigned i = 0; i < 5; i++)
		round_trip(v, &s, true, MS(100));
	expect(v, talk_info(v).rcv_buf_bytes == 65535);
}

/* A short answer costs no extra memory; a long one gives it back when nothing grows any more. */
static void state_only_while_needed(struct talk *v)
{
	struct sender s = {.next = 1, .cwnd = 10};

	v->params.rcv_buf_bytes = 256 * 1024;
	v->params.rcv_buf_max_bytes = 6u << 20;
	given_established(v, .ws = WS(7), .ts = true);
	round_trip(v, &s, true, MS(100));
	expect(v, v->t->ext == 0);
	round_trip(v, &s, true, MS(100));
	expect(v, v->t->ext != 0);
	for (unsigned i = 0; i < 20; i++) {
		s.cwnd = 4;
		round_trip(v, &s, true, MS(200));
	}
	expect(v, v->t->ext == 0);
	expect(v, talk_info(v).rcv_buf_bytes == 256 * 1024);
}

static const struct talk_test tests[] = {
	TALK(ahead_of_slow_start),
	TALK(ahead_of_slow_start_from_64k),
	TALK(ahead_of_slow_start_without_timestamps),
	TALK(ahead_of_slow_start_passive_without_timestamps),
	TALK(not_for_who_does_not_read),
	TALK(follows_the_reader),
	TALK(not_when_memory_is_low),
	TALK(no_further_than_the_field_tells),
	TALK(state_only_while_needed),
};

int main(void)
{
	return talk_main("autotune", tests, RTE_DIM(tests));
}
