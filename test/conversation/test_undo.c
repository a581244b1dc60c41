/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations about needless reductions: F-RTO (RFC 5682), Eifel (RFC 3522, 4015), undo by
 * reports of duplicates (RFC 3708). */
#include "talk.h"

/* Ten segments in flight, more to send, and the timeout's retransmission. */
static void given_timeout(struct talk *v, uint64_t rto_us)
{
	app_sends(v, 30000);
	says_burst(v, 1, 10);
	says_after(v, rto_us, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	silent(v);
	expect(v, talk_info(v).cwnd_bytes == 1000);
	counted(v, rto_fired, 1);
}

/* FRTO-1, FRTO-2, EIFEL-2, EIFEL-3: two ACKs that advance, the second for what left once. */
static void frto_finds_it_spurious(struct talk *v)
{
	v->params.frto = true;
	given_established(v);
	given_timeout(v, MS(300));
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 10001, 2); /* new data, not 1001 */
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	counted(v, frto_spurious, 1);
	/* FlightSize + what was acknowledged, not beyond the window of before. */
	expect(v, talk_info(v).cwnd_bytes == 10000);
	expect(v, talk_info(v).ssthresh_bytes >= 10000);
	expect(v, talk_info(v).lost_bytes == 0);
	hears(v, .flags = ACK, .seq = 1, .ack = 12001);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
	counted(v, retransmits, 1);
}

/* FRTO-3: a duplicate ACK as the second: three segments, and slow start over the old data. */
static void frto_duplicate_means_loss(struct talk *v)
{
	v->params.frto = true;
	given_established(v);
	given_timeout(v, MS(300));
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 10001, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	counted(v, frto_spurious, 0);
	expect(v, talk_info(v).cwnd_bytes <= 3000);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	swallow(v);
}

/* FRTO-3: the first ACK covers all. */
static void frto_ack_of_all(struct talk *v)
{
	v->params.frto = true;
	given_established(v);
	given_timeout(v, MS(300));
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	says_burst(v, 10001, 3); /* slow start from one, by two at most */
	counted(v, frto_spurious, 0);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
}

/* FRTO-5: no new data: the usual recovery. */
static void frto_without_new_data(struct talk *v)
{
	v->params.frto = true;
	given_established(v);
	app_sends(v, 4000);
	says_burst(v, 1, 4);
	says_after(v, MS(300), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 1001, 2);
	counted(v, frto_spurious, 0);
}

/* FRTO-4: SACK blocks for data that left once say the same as an ACK. */
static void frto_with_sack(struct talk *v)
{
	v->params.frto = true;
	v->params.tlp = false;
	given_established(v, .sack = true);
	given_timeout(v, MS(300));
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 10001, 2);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{2001, 3001}});
	counted(v, frto_spurious, 1);
	expect(v, talk_info(v).cwnd_bytes == 10000);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
}

/* FRTO-4: a block for the new data: something before it is lost. */
static void frto_with_sack_of_new_data(struct talk *v)
{
	v->params.frto = true;
	v->params.tlp = false;
	given_established(v, .sack = true);
	given_timeout(v, MS(300));
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 10001, 2);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001, .sack = {{10001, 11001}});
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	counted(v, frto_spurious, 0);
	swallow(v);
}

/* EIFEL-1, EIFEL-3, EIFEL-4: the first ACK echoes the original. RTO: the sample of 320 ms counts
 * whole, SRTT 320, RTTVAR 160. */
static void eifel_after_a_timeout(struct talk *v)
{
	uint32_t echo;

	v->params.undo = true;
	given_established(v, .ts = true);
	app_sends(v, 30000);
	echo = v->said[0].o.tsval;
	swallow(v);
	after(v, MS(300));
	expect(v, says_something(v).seq == v->iss + 1);
	silent(v);
	counted(v, rto_fired, 1);
	after(v, MS(20));
	v->heard_tsval = echo;
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	counted(v, undo_eifel, 1);
	expect(v, talk_info(v).srtt_us == 320000 && talk_info(v).rttvar_us == 160000);
	expect(v, talk_info(v).ssthresh_bytes >= 10000);
	expect(v, talk_info(v).cwnd_bytes >= 9000);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
}

/* EIFEL-1, EIFEL-2: fast retransmit was too fast. */
static void eifel_after_a_fast_retransmit(struct talk *v)
{
	uint32_t echo;

	v->params.undo = true;
	given_established(v, .ts = true, .sack = true);
	app_sends(v, 5928);
	echo = v->said[0].o.tsval;
	swallow(v);
	after(v, MS(100));
	v->heard_tsval = echo;
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{989, 3953}});
	expect(v, says_something(v).retransmit);
	counted(v, fast_recoveries, 1);
	after(v, MS(10));
	v->heard_tsval = echo;
	hears(v, .flags = ACK, .seq = 1, .ack = 3953);
	counted(v, undo_eifel, 1);
	expect(v, talk_info(v).reordering);
	expect(v, talk_info(v).cwnd_bytes == 1976 + 3952);
	expect(v, talk_info(v).ssthresh_bytes >= 5928);
}

/* UNDO-1: the only retransmission is reported as a duplicate, after the recovery ended. */
static void undo_by_a_duplicate(struct talk *v)
{
	v->params.undo = true;
	given_established(v, .sack = true);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	swallow(v);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	after(v, MS(90));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001, .sack = {{1, 1001}});
	counted(v, undo_dsack, 1);
	expect(v, talk_info(v).ssthresh_bytes >= 10000);
	expect(v, talk_info(v).reordering);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
}

/* CU-6: CUBIC forgets the plateau that the needless reduction made. */
static void cubic_forgets_the_plateau(struct talk *v)
{
	struct tcb_ext *x;

	v->params.undo = true;
	v->params.cc = HR_CC_CUBIC;
	given_established(v, .sack = true);
	app_sends(v, 20000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	swallow(v);
	x = hr_slab_at(v->ctx.exts, v->t->ext);
	expect(v, x->cubic.e.w_max == 10000);
	expect(v, talk_info(v).ssthresh_bytes == 7000);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	swallow(v);
	after(v, MS(90));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001, .sack = {{1, 1001}});
	swallow(v);
	counted(v, undo_dsack, 1);
	expect(v, x->cubic.e.w_max == 0);
	expect(v, talk_info(v).ssthresh_bytes >= 10000);
}

/* Everything came before anything was retransmitted: a timer-driven recovery that was not needed.
 */
static void nothing_was_retransmitted(struct talk *v)
{
	v->params.undo = true;
	given_established(v, .sack = true);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 4001}});
	expect(v, talk_info(v).ssthresh_bytes == 5000);
	hears(v, .flags = ACK, .seq = 1, .ack = 4001);
	turn_ends(v);
	silent(v);
	counted(v, undo_unused, 1);
	expect(v, talk_info(v).ssthresh_bytes >= 10000);
	expect(v, talk_info(v).cwnd_bytes == 10000);
	counted(v, retransmits, 0);
}

/* UNDO-1: one of two is not enough. */
static void half_is_not_undone(struct talk *v)
{
	v->params.undo = true;
	given_established(v, .sack = true);
	app_sends(v, 10000);
	says_burst(v, 1, 10);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 10001}});
	says_burst(v, 1, 2);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001);
	after(v, MS(90));
	hears(v, .flags = ACK, .seq = 1, .ack = 10001, .sack = {{1, 1001}});
	counted(v, undo_dsack, 0);
	expect(v, talk_info(v).ssthresh_bytes == 5000);
}

/* Ten segments of 988 bytes of which the first and the third are missing; both went again. Returns
 * the timestamp of the originals, and that of the copies. */
static uint32_t given_two_holes(struct talk *v, uint32_t *again)
{
	struct tcp_out copy;
	uint32_t echo;

	v->params.undo = true;
	given_established(v, .ts = true, .sack = true);
	app_sends(v, 9880);
	echo = v->said[v->next_said].o.tsval;
	swallow(v);
	after(v, MS(100));
	v->heard_tsval = echo;
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2965, 9881}, {989, 1977}});
	expect(v, says_something(v).seq == v->iss + 1);
	copy = says_something(v);
	expect(v, copy.seq == v->iss + 1977);
	*again = copy.tsval;
	silent(v);
	after(v, MS(10));
	v->heard_tsval = echo;
	return echo;
}

/* EIFEL-1: of several holes one was only late: that proves nothing of the other. */
static void eifel_one_of_two_holes(struct talk *v)
{
	uint32_t again;

	(void)given_two_holes(v, &again);
	hears(v, .flags = ACK, .seq = 1, .ack = 1977, .sack = {{2965, 9881}});
	counted(v, undo_eifel, 0);
	expect(v, talk_info(v).ssthresh_bytes < 9880);
	after(v, MS(90));
	v->heard_tsval = again;
	hears(v, .flags = ACK, .seq = 1, .ack = 9881);
	counted(v, undo_eifel, 0);
	expect(v, talk_info(v).ssthresh_bytes < 9880);
}

/* EIFEL-1, EIFEL-2: both were. */
static void eifel_both_holes(struct talk *v)
{
	uint32_t again, echo = given_two_holes(v, &again);

	hears(v, .flags = ACK, .seq = 1, .ack = 1977, .sack = {{2965, 9881}});
	counted(v, undo_eifel, 0);
	v->heard_tsval = echo;
	hears(v, .flags = ACK, .seq = 1, .ack = 9881);
	counted(v, undo_eifel, 1);
	expect(v, talk_info(v).ssthresh_bytes >= 9880);
}

/* FRTO-1, RACK-8: the timeout spared what had left lately, so more is in flight than the window of
 * one segment: the two new segments go all the same (5682 2.1 step 2b), and no third. */
static void frto_does_not_wait_for_cwnd(struct talk *v)
{
	v->params.frto = true;
	v->params.tlp = false;
	v->params.nagle = false;
	given_established(v, .sack = true);
	app_sends(v, 1000);
	says_burst(v, 1, 1);
	after(v, MS(250));
	app_sends(v, 8000);
	says_burst(v, 1001, 8);
	says_after(v, MS(50), .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	expect(v, talk_info(v).lost_bytes == 0);
	app_sends(v, 20000);
	silent(v);
	after(v, MS(10));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says_burst(v, 9001, 2);
	expect(v, talk_info(v).cwnd_bytes == 2000 && talk_info(v).inflight_bytes == 10000);
	after(v, MS(40));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001);
	counted(v, frto_spurious, 1);
	/* The window of before, and no more than it holds. */
	expect(v, talk_info(v).cwnd_bytes <= 10000);
	while (v->next_said != v->n_said)
		expect(v, !says_something(v).retransmit);
	expect(v, talk_info(v).inflight_bytes <= talk_info(v).cwnd_bytes);
	counted(v, retransmits, 1);
}

static const struct talk_test tests[] = {
	TALK(eifel_one_of_two_holes),
	TALK(eifel_both_holes),
	TALK(frto_does_not_wait_for_cwnd),
	TALK(frto_finds_it_spurious),
	TALK(frto_duplicate_means_loss),
	TALK(frto_ack_of_all),
	TALK(frto_without_new_data),
	TALK(frto_with_sack),
	TALK(frto_with_sack_of_new_data),
	TALK(eifel_after_a_timeout),
	TALK(eifel_after_a_fast_retransmit),
	TALK(undo_by_a_duplicate),
	TALK(cubic_forgets_the_plateau),
	TALK(nothing_was_retransmitted),
	TALK(half_is_not_undone),
};

int main(void)
{
	return talk_main("undo", tests, RTE_DIM(tests));
}
