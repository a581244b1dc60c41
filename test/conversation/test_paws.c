/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations over a path that reorders: what PAWS (RFC 7323 5) must not take for old duplicates.
 */
#include "talk.h"

#define SEG 988u

/* Five segments, the fourth reported first. */
static void given_five_sent(struct talk *v)
{
	given_established(v, .sack = true, .ts = true);
	app_sends(v, 5 * SEG);
	for (unsigned i = 0; i < 5; i++)
		says(v, .flags = ACK, .seq = 1 + i * SEG, .ack = 1, .len = SEG);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1 + 3 * SEG, 1 + 4 * SEG}});
	silent(v);
	expect(v, talk_info(v).sacked_bytes == SEG);
}

/* An ACK that another one overtook brings its blocks all the same, and nobody is challenged. */
static void blocks_of_an_overtaken_ack(struct talk *v)
{
	given_five_sent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-50,
		.sack = {{1 + 2 * SEG, 1 + 3 * SEG}});
	silent(v);
	dropped(v, DROP_NONE);
	expect(v, talk_info(v).sacked_bytes == 2 * SEG);
	counted(v, challenge_acks, 0);
}

/* What has been acknowledged meanwhile is no reason to drop it either. */
static void overtaken_by_progress(struct talk *v)
{
	given_five_sent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1 + SEG, .sack = {{1 + 3 * SEG, 1 + 4 * SEG}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-50,
		.sack = {{1 + 2 * SEG, 1 + 3 * SEG}});
	silent(v);
	expect(v, talk_info(v).sacked_bytes == 2 * SEG);
	expect(v, talk_info(v).inflight_bytes == 4 * SEG);
	counted(v, challenge_acks, 0);
}

/* Its window is of before: neither less nor more is taken from it, nor is its timestamp echoed. */
static void an_overtaken_window_does_not_count(struct talk *v)
{
	given_five_sent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-50, .wnd = 3000,
		.sack = {{1 + 2 * SEG, 1 + 3 * SEG}});
	expect(v, talk_info(v).snd_wnd_bytes == 65535);
	expect(v, talk_info(v).sacked_bytes == 2 * SEG);
	hears(v, .flags = ACK, .seq = 1, .ack = 1 + SEG, .wnd = 20000);
	hears(v, .flags = ACK, .seq = 1, .ack = 1 + SEG, .tsval = (uint32_t)-50, .wnd = 60000);
	expect(v, talk_info(v).snd_wnd_bytes == 20000);
	hears(v, .flags = ACK, .seq = 101, .ack = 1 + SEG, .len = 100);
	says(v, .flags = ACK, .seq = 1 + 5 * SEG, .ack = 1, .sack = {{101, 201}}, .ts = TS_ECHO,
		.tsecr = 200);
}

/* Data overtook it: it tells nothing, and earns nothing. */
static void overtaken_by_data(struct talk *v)
{
	given_established(v, .ts = true);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	app_reads(v, 100);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-20);
	silent(v);
	dropped(v, DROP_tcp_paws);
	counted(v, challenge_acks, 0);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101);
}

/* PAWS-1: older than a round trip explains (the RTO is 300 ms here): an old duplicate. */
static void too_old_to_be_overtaken(struct talk *v)
{
	given_five_sent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-301,
		.sack = {{1 + 2 * SEG, 1 + 3 * SEG}});
	says(v, .flags = ACK, .seq = 1 + 5 * SEG, .ack = 1);
	dropped(v, DROP_tcp_paws);
	expect(v, talk_info(v).sacked_bytes == SEG);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-300,
		.sack = {{1 + 2 * SEG, 1 + 3 * SEG}});
	silent(v);
	expect(v, talk_info(v).sacked_bytes == 2 * SEG);
}

/* PAWS-1: neither data, nor a FIN, nor an ACK of something new may be older than TS.Recent. */
static void what_is_never_overtaken(struct talk *v)
{
	given_five_sent(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsval = (uint32_t)-50);
	says(v, .flags = ACK, .seq = 1 + 5 * SEG, .ack = 1);
	dropped(v, DROP_tcp_paws);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1, .tsval = (uint32_t)-50);
	says(v, .flags = ACK, .seq = 1 + 5 * SEG, .ack = 1);
	dropped(v, DROP_tcp_paws);
	hears(v, .flags = ACK, .seq = 1, .ack = 1 + SEG, .tsval = (uint32_t)-50);
	says(v, .flags = ACK, .seq = 1 + 5 * SEG, .ack = 1);
	dropped(v, DROP_tcp_paws);
	expect(v, talk_info(v).inflight_bytes == 5 * SEG);
	not_told(v, TCP_EV_DATA | TCP_EV_EOF);
}

/* An ACK that nobody could have sent, and a timestamp that would make all the others old. */
static void forged(struct talk *v, uint32_t ack, uint32_t len, enum hr_drop why)
{
	hears(v, .flags = ACK, .seq = 1, .ack = ack, .len = len, .tsval = 200000);
	dropped(v, why);
}

/* PAWS-1, B-3, RFC 7323 5.3 R3: what fails the check of its ACK does not set TS.Recent, on no side
 * of the window: else one forged segment would make PAWS refuse the real ones. */
static void forged_ack_leaves_ts_recent(struct talk *v)
{
	given_established(v, .ts = true);
	forged(v, 2, 1000, DROP_tcp_ack_unsent);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ECHO, .tsecr = 100);
	forged(v, 0x80000000u, 0, DROP_tcp_ack_unsent);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ECHO, .tsecr = 100);
	forged(v, 1 - 65536, 1000, DROP_tcp_ack_bad);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ECHO, .tsecr = 100);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .ts = TS_ECHO, .tsecr = 110);
	dropped(v, DROP_NONE);
}

/* The same for what has no ACK at all, and for what lies outside the window. */
static void nor_does_what_lacks_one(struct talk *v)
{
	given_established(v, .ts = true);
	hears(v, .flags = PSH, .seq = 1, .len = 1000, .tsval = 200000);
	silent(v);
	dropped(v, DROP_tcp_flags);
	hears(v, .flags = ACK, .seq = (uint32_t)-999, .ack = 1, .len = 1000, .tsval = 200000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ECHO, .tsecr = 100);
	hears(v, .flags = SYN, .seq = 0, .tsval = 200000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .ts = TS_ECHO, .tsecr = 100);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .ts = TS_ECHO, .tsecr = 100);
}

/* In SYN-RECEIVED, reached from LISTEN and from SYN-SENT: the handshake ends as it should. */
static void forged_ack_in_syn_received(struct talk *v)
{
	given_listen(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1460, .ts = TS_ON);
	v->ts_on = true;
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = TS_ECHO);
	forged(v, 2, 0, DROP_tcp_syn_entry);
	says(v, .flags = RST, .seq = 2, .ts = TS_NONE);
	after(v, MS(1));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	state_is(v, TCPS_ESTABLISHED);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 11, .ts = TS_ECHO,
		.tsecr = 1);
}

static void forged_ack_in_a_simultaneous_open(struct talk *v)
{
	given_syn_sent(v);
	hears(v, .flags = SYN, .seq = 0, .mss = 1460, .ts = TS_ON);
	v->ts_on = true;
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = TS_ECHO);
	forged(v, 2, 0, DROP_tcp_ack_bad);
	swallow(v);
	after(v, MS(1));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 10);
	state_is(v, TCPS_ESTABLISHED);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 11, .ts = TS_ECHO,
		.tsecr = 1);
}

/* TIME-WAIT remembers the connection's last: strangers cannot raise it, and keep no SYN out. */
static void forged_ack_in_time_wait(struct talk *v)
{
	given_time_wait(v, .ts = true);
	hears(v, .flags = ACK, .seq = 2, .ack = 1000, .tsval = 200000);
	silent(v);
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 2);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	hears(v, .flags = ACK, .seq = 1000, .ack = 1000, .tsval = 200000);
	says(v, .flags = ACK, .seq = 2, .ack = 2);
	expect(v, v->tw.ts_recent - v->peer_ts0 < 1000);
}

static const struct talk_test tests[] = {
	TALK(blocks_of_an_overtaken_ack),
	TALK(overtaken_by_progress),
	TALK(an_overtaken_window_does_not_count),
	TALK(overtaken_by_data),
	TALK(too_old_to_be_overtaken),
	TALK(what_is_never_overtaken),
	TALK(forged_ack_leaves_ts_recent),
	TALK(nor_does_what_lacks_one),
	TALK(forged_ack_in_syn_received),
	TALK(forged_ack_in_a_simultaneous_open),
	TALK(forged_ack_in_time_wait),
};

int main(void)
{
	return talk_main("paws", tests, RTE_DIM(tests));
}
