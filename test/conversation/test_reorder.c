/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with segments out of order: reassembly, immediate ACKs, SACK and DSACK blocks (RFC
 * 2018, 2883). */
#include "talk.h"

/* SHLD-31, MAY-13, CC-5: the hole is reported at once, its filling too. */
static void a_hole_and_its_filling(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	expect(v, talk_unread(v) == 0);
	counted(v, ooo_in, 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	told(v, TCP_EV_DATA);
	app_reads(v, 2000);
	quiet_for(v, SEC(1));
}

/* SACK-2: no block without SACK-permitted. */
static void a_hole_without_sack(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 3001);
	app_reads(v, 3000);
}

/* Each segment of a burst that is out of order earns its ACK (CC-5), though the rest of the burst
 * earns one. */
static void out_of_order_in_a_burst(struct talk *v)
{
	given_established(v, .sack = true);
	turn_begins(v);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 1000);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{3001, 4001}, {1001, 2001}});
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{3001, 5001}, {1001, 2001}});
}

/* SACK-3, SACK-4, SACK-7: the block of the segment that triggered the ACK first, then by age; four
 * fit. */
static void order_of_sack_blocks(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 1501}});
	hears(v, .flags = ACK, .seq = 5001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{5001, 5501}, {1001, 1501}});
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{3001, 3501}, {5001, 5501}, {1001, 1501}});
	hears(v, .flags = ACK, .seq = 7001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{7001, 7501}, {3001, 3501}, {5001, 5501}, {1001, 1501}});
	hears(v, .flags = ACK, .seq = 9001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{9001, 9501}, {7001, 7501}, {3001, 3501}, {5001, 5501}});
	/* An old block grows and comes first again. */
	hears(v, .flags = ACK, .seq = 5501, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{5001, 6001}, {9001, 9501}, {7001, 7501}, {3001, 3501}});
	/* The segment that joins two blocks. */
	hears(v, .flags = ACK, .seq = 3501, .ack = 1, .len = 1500);
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{3001, 6001}, {9001, 9501}, {7001, 7501}, {1001, 1501}});
}

/* SACK-4: three blocks fit beside timestamps. */
static void sack_blocks_beside_timestamps(struct talk *v)
{
	given_established(v, .sack = true, .ts = true);
	for (uint32_t i = 0; i < 4; i++) {
		hears(v, .flags = ACK, .seq = 1001 + i * 1000, .ack = 1, .len = 500);
		if (i < 3)
			(void)says_something(v);
	}
	says(v, .flags = ACK, .seq = 1, .ack = 1,
		.sack = {{4001, 4501}, {3001, 3501}, {2001, 2501}});
}

/* The cumulative ACK swallows blocks. */
static void blocks_go_when_acknowledged(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{3001, 4001}});
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 4001);
	app_reads(v, 4000);
}

/* Segments that overlap in every way; the stream is the same. */
static void overlaps(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
	hears(v, .flags = ACK, .seq = 1501, .ack = 1, .len = 1500);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 501, .ack = 1, .len = 700);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 4001, .ack = 1, .len = 100);
	(void)says_something(v);
	/* Swallows 4001..4100 whole, and reaches into what is there. */
	hears(v, .flags = ACK, .seq = 2801, .ack = 1, .len = 1700);
	(void)says_something(v);
	expect(v, talk_unread(v) == 0);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 900);
	expect(v, v->said[v->next_said].o.ack == v->irs + 4501);
	(void)says_something(v);
	app_reads(v, 4500);
	expect(v, talk_unread(v) == 0);
}

/* Partly old: the new bytes count. RFC 9293 3.10.7.4 "trim". */
static void partly_old_segment(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 501, .ack = 1, .len = 1000);
	told(v, TCP_EV_DATA);
	expect(v, v->said[0].o.ack == v->irs + 1501);
	(void)says_something(v);
	app_reads(v, 1500);
}

/* DSACK-1: a duplicate below the ACK. */
static void dsack_below_the_ack(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001, .sack = {{1, 1001}});
	dropped(v, DROP_tcp_old);
	app_reads(v, 2000);
	/* Reported once. */
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 3001);
}

/* DSACK-1: what lies half the sequence space below is no duplicate of anything: it is acknowledged,
 * and no block tells of it. */
static void no_dsack_from_afar(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = (1u << 31) + 100, .ack = 1, .len = 8);
	dropped(v, DROP_tcp_old);
	says(v, .flags = ACK, .seq = 1, .ack = 1);
}

/* DSACK-1, DSACK-2: a duplicate above the ACK: its block first, then the block that holds it. */
static void dsack_above_the_ack(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 4001}});
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}, {2001, 4001}});
}

/* A duplicate without SACK is answered, too: the peer missed our ACK. */
static void duplicate_is_acknowledged(struct talk *v)
{
	given_established(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 2001);
	app_reads(v, 2000);
}

/* BUG-8: A bug of real stacks: the FIN that came out of order is lost. */
static void fin_out_of_order(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = FIN | ACK, .seq = 1001, .ack = 1);
	(void)says_something(v);
	state_is(v, TCPS_ESTABLISHED);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000);
	says(v, .flags = ACK, .seq = 1, .ack = 1002);
	state_is(v, TCPS_CLOSE_WAIT);
	told(v, TCP_EV_DATA | TCP_EV_EOF);
	expect(v, !hr_tcp_at_eof(v->t));
	app_reads(v, 1000);
	expect(v, hr_tcp_at_eof(v->t));
}

static void fin_with_data_out_of_order(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = FIN | ACK, .seq = 1001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 1501}});
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 600);
	(void)says_something(v);
	state_is(v, TCPS_ESTABLISHED);
	hears(v, .flags = ACK, .seq = 601, .ack = 1, .len = 400);
	says(v, .flags = ACK, .seq = 1, .ack = 1502);
	state_is(v, TCPS_CLOSE_WAIT);
	app_reads(v, 1500);
}

/* Data past a FIN that came out of order cannot exist; whatever is done with it, the stream ends at
 * the FIN. */
static void nothing_follows_a_fin(struct talk *v)
{
	given_established(v, .sack = true);
	hears(v, .flags = FIN | ACK, .seq = 1001, .ack = 1);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1900);
	swallow(v);
	expect(v, talk_unread(v) <= 1900);
	hr_tcb_check(&v->ctx, v->t);
}

/* Out-of-order data past the window is trimmed, too. */
static void out_of_order_past_the_window(struct talk *v)
{
	v->params.rcv_buf_bytes = 3000;
	given_established(v, .sack = true);
	hears(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
	hears(v, .flags = ACK, .seq = 3001, .ack = 1, .len = 500);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{2001, 3001}});
	dropped(v, DROP_tcp_window);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1900);
	(void)says_something(v);
	hears(v, .flags = ACK, .seq = 1901, .ack = 1, .len = 100);
	(void)says_something(v);
	app_reads(v, 3000);
	swallow(v);
}

/* Memory of out-of-order data is bounded by true size: one-byte segments cannot take 2 KB each
 * without end. */
static void out_of_order_memory_is_bounded(struct talk *v)
{
	bool full = false;

	v->params.rcv_buf_bytes = 65536;
	given_established(v, .sack = true);
	for (uint32_t i = 0; i < 2000; i++) {
		hears(v, .flags = ACK, .seq = 3 + 2 * i, .ack = 1, .len = 1);
		full |= v->drop == DROP_tcp_ooo_full;
		swallow(v);
	}
	expect(v, full);
	/* The missing bytes still get in. */
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 2);
	(void)says_something(v);
	app_reads(v, 3);
}

/* Every other segment is missing, a hundred of them; they come from the left. Each finds its place
 * beside the one before, however long the queue is. */
static void holes_filled_from_the_left(struct talk *v)
{
	v->params.rcv_buf_bytes = 1u << 20;
	given_established(v, .sack = true, .ws = WS(7));
	for (uint32_t i = 0; i < 100; i++) {
		hears(v, .flags = ACK, .seq = 101 + 200 * i, .ack = 1, .len = 100);
		swallow(v);
	}
	counted(v, ooo_steps, 0);
	for (uint32_t i = 1; i < 100; i++) {
		hears(v, .flags = ACK, .seq = 1 + 200 * i, .ack = 1, .len = 100);
		swallow(v);
	}
	expect(v, v->m.c[HR_C_ooo_steps] <= 2 * 99);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 20001);
	app_reads(v, 20000);
	swallow(v);
}

/* A search has an end: single bytes all over a large window, and one more far from all. */
static void a_place_too_far_away(struct talk *v)
{
	v->params.rcv_buf_bytes = 2u << 20;
	given_established(v, .sack = true, .ws = WS(7));
	for (uint32_t i = 1; i <= 1500; i++) {
		hears(v, .flags = ACK, .seq = 1 + 4 * i, .ack = 1, .len = 1);
		swallow(v);
	}
	hears(v, .flags = ACK, .seq = 3, .ack = 1, .len = 1); /* the head */
	swallow(v);
	hears(v, .flags = ACK, .seq = 3 + 4 * 1200, .ack = 1, .len = 1);
	dropped(v, DROP_tcp_ooo_full);
	swallow(v);
	hears(v, .flags = ACK, .seq = 3 + 4 * 500, .ack = 1, .len = 1);
	dropped(v, DROP_NONE);
	swallow(v);
	hears(v, .flags = ACK, .seq = 3 + 4 * 1200, .ack = 1,
		.len = 1); /* not far from the last one */
	dropped(v, DROP_NONE);
	swallow(v);
}

/* A path that reorders, while a hole in front keeps thousands of segments here: each finds its
 * place. */
static void reordered_behind_a_hole(struct talk *v)
{
	v->params.rcv_buf_bytes = 8u << 20;
	given_established(v, .sack = true, .ws = WS(7));
	for (uint32_t i = 1; i <= 3000; i++) {
		/* 1 3 2 4 6 5 ... */
		uint32_t at = i % 3 == 2 ? i + 1 : i % 3 == 0 ? i - 1 : i;

		hears(v, .flags = ACK, .seq = 1 + 100 * at, .ack = 1, .len = 100);
		dropped(v, DROP_NONE);
		swallow(v);
	}
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 300101);
	expect(v, v->m.c[HR_C_ooo_steps] <= 3000 * 33 / 3);
	app_reads(v, 300100);
	swallow(v);
}

/* RFC 2883 4: a segment that there was no room for is no duplicate, though its tail was here
 * before. */
static void refused_for_memory_is_no_duplicate(struct talk *v)
{
	uint32_t n = 0, told_right;

	v->params.rcv_buf_bytes = 2048;
	given_established(v, .sack = true);
	while (v->drop != DROP_tcp_ooo_full) {
		expect(v, n < 500);
		hears(v, .flags = ACK, .seq = 101 + 4 * n, .ack = 1, .len = 2);
		if (v->drop != DROP_tcp_ooo_full)
			n++;
		swallow(v);
	}
	/* Two bytes that nobody has, and the two that came last. */
	told_right = 101 + 4 * (n - 1) + 2;
	hears(v, .flags = ACK, .seq = told_right - 4, .ack = 1, .len = 4);
	dropped(v, DROP_tcp_ooo_full);
	expect(v, (v->t->flags & TF_DSACK) == 0);
	expect(v,
		v->said[v->next_said].o.sack[0].left == v->said[v->next_said].o.sack[0].right - 2);
	(void)says_something(v);
}

/* TS-4: the echo does not advance over a hole, and takes the filling segment's timestamp. */
static void echo_over_a_hole(struct talk *v)
{
	given_established(v, .ts = true, .sack = true);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsval = 10);
	says_after(v, v->params.delack_us, .flags = ACK, .seq = 1, .ack = 101, .ts = TS_ECHO,
		.tsecr = 110);
	after(v, MS(60)); /* 200 ms since the start */
	hears(v, .flags = ACK, .seq = 201, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 101, .sack = {{201, 301}}, .ts = TS_ECHO,
		.tsecr = 110);
	after(v, MS(50));
	hears(v, .flags = ACK, .seq = 101, .ack = 1, .len = 100);
	says(v, .flags = ACK, .seq = 1, .ack = 301, .ts = TS_ECHO, .tsecr = 250);
	app_reads(v, 300);
}

static const struct talk_test tests[] = {
	TALK(a_hole_and_its_filling),
	TALK(a_hole_without_sack),
	TALK(out_of_order_in_a_burst),
	TALK(order_of_sack_blocks),
	TALK(sack_blocks_beside_timestamps),
	TALK(blocks_go_when_acknowledged),
	TALK(overlaps),
	TALK(partly_old_segment),
	TALK(dsack_below_the_ack),
	TALK(no_dsack_from_afar),
	TALK(dsack_above_the_ack),
	TALK(duplicate_is_acknowledged),
	TALK(fin_out_of_order),
	TALK(fin_with_data_out_of_order),
	TALK(nothing_follows_a_fin),
	TALK(out_of_order_past_the_window),
	TALK(out_of_order_memory_is_bounded),
	TALK(holes_filled_from_the_left),
	TALK(a_place_too_far_away),
	TALK(reordered_behind_a_hole),
	TALK(refused_for_memory_is_no_duplicate),
	TALK(echo_over_a_hole),
};

int main(void)
{
	return talk_main("reorder", tests, RTE_DIM(tests));
}
