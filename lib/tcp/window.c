/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receive window: never smaller than before (RFC 9293 3.8.6, SHLD-14), never opened in silly
 * steps (3.8.6.2.2), in units of the scale (RFC 7323 2.4).
 *
 *   rcv_nxt           rcv_adv                     rcv_nxt + space
 *      |  still offered  |  what the application freed  |
 */
#include "tcp/core.h"

static uint32_t new_edge(const struct tcb *t)
{
	return t->rcv_nxt + (t->rcv_held < t->rcv_buf ? t->rcv_buf - t->rcv_held : 0);
}

/* The least step worth telling. */
static uint32_t least_step(const struct tcb *t)
{
	return hr_min(t->rcv_buf / 2, (uint32_t)t->snd_mss);
}

uint16_t hr_window_field(const struct tcp_ctx *c, struct tcb *t, bool syn)
{
	uint32_t offered = seq_gt(t->rcv_adv, t->rcv_nxt) ? t->rcv_adv - t->rcv_nxt : 0;
	uint32_t edge = new_edge(t);
	uint32_t wnd = offered, field;

	if (seq_diff(edge, t->rcv_adv) >= (int32_t)least_step(t))
		wnd = edge - t->rcv_nxt;
	if (syn) {
		field = hr_min(wnd, (uint32_t)UINT16_MAX);
		/* In SYN-RECEIVED an ACK may have offered more than a SYN's 16 bits can say. */
		t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt + field);
		return (uint16_t)field;
	}
	field = wnd >> t->rcv_scale;
	/* Rounding down should not take back what was offered: up to one unit more than the buffer
	 * is accepted instead. Once that is used up it does (RFC 7323 2.4), or segments shorter
	 * than a unit would push the edge on for ever; what lies before rcv_adv is still accepted.
	 */
	if (field << t->rcv_scale < offered && seq_lt(t->rcv_nxt + (field << t->rcv_scale), edge))
		field++;
	field = hr_min(field, (uint32_t)UINT16_MAX);
	t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt + (field << t->rcv_scale));
	return (uint16_t)field;
}

bool hr_window_update_due(const struct tcb *t)
{
	uint32_t offered = seq_gt(t->rcv_adv, t->rcv_nxt) ? t->rcv_adv - t->rcv_nxt : 0;
	uint32_t edge = new_edge(t);

	/* While half of the buffer is still on offer, the next ACK tells early enough. */
	if (2 * (uint64_t)offered > t->rcv_buf ||
		seq_diff(edge, t->rcv_adv) < (int32_t)least_step(t))
		return false;
	return edge - t->rcv_nxt >= 2 * (uint64_t)offered;
}
