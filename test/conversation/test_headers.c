/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What headers say whatever the connection does: TTL and class, which options stand where, options
 * that stand where they mean nothing, initial sequence numbers and timestamp offsets.
 */
#include <stdlib.h>

#include "talk.h"

/* The segment said last: its header is as the parameters want it. */
static void check_header(struct talk *v, struct tcp_out o)
{
	bool syn = (o.flags & SYN) != 0;

	expect(v, o.ttl == 7);
	expect(v, (o.tos & 0xfc) == 46 << 2);
	expect(v, ((o.opts & TCPO_MSS) != 0) == syn);
	expect(v, !(o.opts & (TCPO_SACK_OK | TCPO_WSCALE)) || syn);
}

/* MUST-48, MUST-49, MUST-65, SHLD-22: on the SYN, its repetition, ACKs, data, retransmissions, FIN
 * and RST. */
static void every_segment_of_an_active_connection(struct talk *v)
{
	v->params.ttl = 7;
	v->params.dscp = 46;
	app_connects(v);
	check_header(v, says_something(v));
	after(v, SEC(1));
	check_header(v, says_something(v));
	hears(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1000, .ws = WS(2), .sack_ok = true);
	check_header(v, says_something(v));
	app_sends(v, 500);
	check_header(v, says_something(v));
	after(v, SEC(3));
	check_header(v, says_something(v));
	hears(v, .flags = ACK, .seq = 101, .ack = 501, .len = 100);
	check_header(v, says_something(v));
	app_shuts(v);
	check_header(v, says_something(v));
	app_aborts(v);
	check_header(v, says_something(v));
}

/* MUST-48, MUST-49, MUST-65: the SYN-ACK, its repetition, the challenge to a half-open entry's
 * stranger, the last ACK, and TIME-WAIT's answer. */
static void every_segment_of_a_passive_connection(struct talk *v)
{
	v->params.ttl = 7;
	v->params.dscp = 46;
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1000);
	check_header(v, says_something(v));
	after(v, SEC(1));
	check_header(v, says_something(v));
	hears(v, .flags = ACK, .seq = 0x40000000, .ack = 1);
	check_header(v, says_something(v));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	app_shuts(v);
	check_header(v, says_something(v));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	check_header(v, says_something(v));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	state_is(v, TCPS_TIME_WAIT);
	check_header(v, says_something(v));
}

/* MUST-48: the same for SYN cookies. */
static void every_cookie(struct talk *v)
{
	v->params.ttl = 7;
	v->params.dscp = 46;
	given_listen(v);
	v->cookies = true;
	hears(v, .flags = SYN, .mss = 1000);
	check_header(v, says_something(v));
}

/* MUST-5, WS-1: options of a SYN on data, FIN and RST: they change nothing, and the segment counts.
 */
static void options_of_a_syn_elsewhere(struct talk *v)
{
	given_established(v, .sack = false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .mss = 200, .ws = WS(9),
		.sack_ok = true);
	told(v, TCP_EV_DATA);
	expect(v, v->t->snd_mss == 1000);
	expect(v, v->t->snd_scale == 0);
	expect(v, !talk_info(v).sack);
	expect(v, v->t->snd_wnd == 65535);
	hears(v, .flags = FIN | ACK, .seq = 101, .ack = 1, .mss = 200);
	says(v, .flags = ACK, .seq = 1, .ack = 102);
	told(v, TCP_EV_EOF);
	app_reads(v, 100);
	hears(v, .flags = RST, .seq = 102, .mss = 200);
	ended(v, HR_RESET);
}

/* TS-7: our RST carries a timestamp, and so the peer's echo. */
static void reset_with_a_timestamp(struct talk *v)
{
	struct tcp_out o;

	given_established(v, .ts = true); /* ends at 100 ms */
	after(v, MS(7));
	app_aborts(v);
	o = says_something(v);
	expect(v, o.flags == (RST | ACK));
	expect(v, o.seq == v->iss + 1);
	expect(v, o.opts == TCPO_TS);
	expect(v, o.tsecr == v->peer_ts0 + 100);
	ended(v, HR_ABORTED);
}

/* RFC 9293 3.10.7.2: data on a SYN is not taken, so that the peer sends it again. */
static void data_on_a_syn(struct talk *v)
{
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1000, .len = 100);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	told(v, TCP_EV_OPEN | TCP_EV_DATA);
	app_reads(v, 100);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101);
}

/* RFC 9293 3.10.7.3 seventh: data on the SYN-ACK is taken, and the FIN behind it. */
static void data_on_a_syn_ack(struct talk *v)
{
	given_syn_sent(v);
	after(v, MS(100));
	hears(v, .flags = SYN | FIN | ACK, .seq = 0, .ack = 1, .mss = 1000, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 102);
	told(v, TCP_EV_OPEN | TCP_EV_DATA | TCP_EV_EOF);
	state_is(v, TCPS_CLOSE_WAIT);
	app_reads(v, 100);
}

static uint32_t isn_at(struct talk *v, uint16_t rport, uint64_t now_us)
{
	struct tcb *t = calloc(1, sizeof(*t));
	struct tcb *kept = v->t;
	uint32_t isn;

	t->key = v->key;
	t->key.rport = rport;
	hr_tcp_connect(&v->ctx, t, &v->path, now_us);
	isn = t->iss;
	hr_tcp_release(&v->ctx, t);
	free(t);
	v->t = kept;
	return isn;
}

/* MUST-8, SHLD-1, ISN-1: for one tuple a clock of 4 us, and nothing else, moves it. */
static void isn_follows_the_clock(struct talk *v)
{
	uint32_t first;

	given_listen(v);
	first = isn_at(v, 80, v->now);
	for (uint64_t us = 4; us < SEC(8000); us = us * 3 + 4)
		expect(v, isn_at(v, 80, v->now + us) - first == (uint32_t)(us / 4) ||
				  isn_at(v, 80, v->now + us) - first == (uint32_t)(us / 4) + 1);
}

/* MUST-9, SHLD-1, ISN-1, BUG-3: another tuple, or another key, is another offset: of 4096 no two
 * are equal, none is near its neighbour's, and each bit is set in about half of them. */
static void isn_is_keyed(struct talk *v)
{
	uint32_t isn[4096], other, ones[32] = {0};

	given_listen(v);
	for (unsigned i = 0; i < 4096; i++) {
		isn[i] = isn_at(v, (uint16_t)(1000 + i), v->now);
		for (unsigned b = 0; b < 32; b++)
			ones[b] += isn[i] >> b & 1;
	}
	for (unsigned b = 0; b < 32; b++) /* 2048 +- 5 sigma */
		expect(v, ones[b] > 1888 && ones[b] < 2208);
	for (unsigned i = 1; i < 4096; i++)
		expect(v, (isn[i] - isn[i - 1]) + 256 > 512);
	v->ctx.isn_key[1] ^= 1;
	memset(v->ctx.secret, 0, sizeof(v->ctx.secret)); /* of the old key */
	other = isn_at(v, 1000, v->now);
	expect(v, other != isn[0]);
	v->ctx.isn_key[1] ^= 1;
	memset(v->ctx.secret, 0, sizeof(v->ctx.secret)); /* of the old key */
	expect(v, isn_at(v, 1000, v->now) == isn[0]);
}

/* TS-6: timestamps tick once a millisecond, from an offset that differs with the tuple and is not
 * that of the sequence number. */
static void timestamps_have_offsets(struct talk *v)
{
	struct hr_flow_key k = v->key;
	uint32_t here, there;
	struct tcp_out o;

	app_connects(v);
	o = says_something(v);
	here = o.tsval;
	after(v, SEC(1));
	o = says_something(v);
	expect(v, o.tsval - here == 1000);
	expect(v, here - (uint32_t)(v->t0 / 1000) == hr_tcp_ts_offset(&v->ctx, &k));
	k.rport++;
	there = hr_tcp_ts_offset(&v->ctx, &k) + (uint32_t)(v->t0 / 1000);
	expect(v, here - there + 1000 > 2000);
	expect(v, hr_tcp_ts_offset(&v->ctx, &v->key) + (uint32_t)(v->t0 / 4) !=
			  isn_at(v, v->key.rport, v->t0));
}

static const struct talk_test tests[] = {
	TALK(every_segment_of_an_active_connection),
	TALK(every_segment_of_a_passive_connection),
	TALK(every_cookie),
	TALK(options_of_a_syn_elsewhere),
	TALK(reset_with_a_timestamp),
	TALK(data_on_a_syn),
	TALK(data_on_a_syn_ack),
	TALK(isn_follows_the_clock),
	TALK(isn_is_keyed),
	TALK(timestamps_have_offsets),
};

int main(void)
{
	return talk_main("headers", tests, RTE_DIM(tests));
}
