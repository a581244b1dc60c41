/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How large the receive window should be: dynamic right-sizing, as Linux does it. What the
 * application reads within one round trip is what the peer's congestion window let through; the
 * buffer is kept ahead of it, so that the peer's slow start never meets our window. It only grows,
 * up to rcv_buf_max_bytes, and only while the application reads and packet memory is not short.
 *
 * The state lives in the ext of a connection that received some full segments without a pause
 * (BULK_SEGMENTS); it goes when the rounds stop growing.
 */
#include "tcp/core.h"

#define ROUNDS_FLAT 8u    /* rounds without growth after which there is nothing to follow */
#define TS_TICK_US  1000u /* our timestamps count milliseconds */
#define MOST_RTT_US 4000000u

static uint32_t most(const struct tcp_ctx *c, const struct tcb *t)
{
	return hr_min(tcp_params(c, t)->rcv_buf_max_bytes, (uint32_t)UINT16_MAX << t->rcv_scale);
}

/* The first byte that the application has not read. */
static uint32_t unread(const struct tcb *t)
{
	return t->rcv_nxt - t->rcv_held;
}

void hr_autotune_start(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x;

	if (t->rcv_buf >= most(c, t) || (t->ext != 0 && tcb_ext(c, t)->drs_live) ||
		!tcb_in(t, TCPS_RECEIVING) || (t->flags & TF_DEAF))
		return;
	x = hr_ext_get(c, t);
	if (x == NULL) {
		t->rcv_full = 0;
		return;
	}
	x->drs_live = true;
	x->drs_flat = 0;
	x->drs_seq = unread(t);
	x->drs_at_us = (uint32_t)now_us;
	x->drs_bytes = 10u * t->rcv_mss; /* what an initial window may bring */
	x->rcv_rtt_us = 0;
	x->rcv_rtt_seq = t->rcv_adv;
	x->rcv_rtt_at_us = (uint32_t)now_us;
}

static void rtt_sample(struct tcb_ext *x, uint32_t us)
{
	us = hr_min(us, MOST_RTT_US);
	if (x->rcv_rtt_us == 0)
		x->rcv_rtt_us = us;
	else
		x->rcv_rtt_us += us / 8 - x->rcv_rtt_us / 8;
}

/*
 * The receiver's own measure of the round trip: a full segment echoes the timestamp of the ACK that
 * let it go; without timestamps, a window that was offered is used up after a round trip at least.
 */
void hr_autotune_rtt(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (t->flags & TF_TS) {
		int32_t ms = (int32_t)(tcp_tsval(t, now_us) - s->tsecr);

		if (s->tsecr != 0 && ms >= 0 && s->payload_len >= t->rcv_mss)
			rtt_sample(x, hr_max((uint32_t)ms, 1u) * TS_TICK_US);
	} else if (seq_ge(t->rcv_nxt, x->rcv_rtt_seq)) {
		uint32_t us = hr_max((uint32_t)now_us - x->rcv_rtt_at_us, 1u);

		/* A sender that pauses makes it longer, nothing makes it shorter. */
		if (x->rcv_rtt_us == 0 || us < x->rcv_rtt_us)
			x->rcv_rtt_us = us;
		x->rcv_rtt_seq = t->rcv_adv;
		x->rcv_rtt_at_us = (uint32_t)now_us;
	}
}

/* Length of a round, 0 = not known yet. */
static uint32_t round_us(const struct tcb *t, const struct tcb_ext *x)
{
	uint32_t ours = t->flags & TF_RTT_VALID ? hr_max(t->srtt_us8 / 8, 1u) : 0;

	if (x->rcv_rtt_us == 0)
		return ours;
	/* Below the tick of the timestamps our own samples are the better ones. */
	if (ours != 0 && (x->rcv_rtt_us <= TS_TICK_US || !(t->flags & TF_TS)))
		return hr_min(ours, x->rcv_rtt_us);
	return x->rcv_rtt_us;
}

void hr_autotune_read(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t rtt = round_us(t, x), bytes = unread(t) - x->drs_seq;
	uint64_t want;

	if (rtt == 0 || (uint32_t)now_us - x->drs_at_us < rtt)
		return;
	if (bytes > x->drs_bytes && !c->memory_low) {
		/* Twice what the round brought, because the next may bring twice as much; and
		 * ahead of that by twice the growth seen, because telling it takes a round. */
		want = 2 * (uint64_t)bytes + 16u * t->rcv_mss;
		want += 2 * (want * (bytes - x->drs_bytes) / x->drs_bytes);
		t->rcv_buf = hr_max(t->rcv_buf, (uint32_t)hr_min(want, (uint64_t)most(c, t)));
		x->drs_bytes = bytes;
		x->drs_flat = 0;
	} else if (++x->drs_flat == ROUNDS_FLAT) {
		x->drs_live = false; /* until it is bulk again after a pause */
	}
	x->drs_seq = unread(t);
	x->drs_at_us = (uint32_t)now_us;
	if (t->rcv_buf == most(c, t))
		x->drs_live = false;
}
