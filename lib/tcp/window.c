/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receive window: never smaller than before (RFC 9293 3.8.6, SHLD-14), never opened in silly
 * steps (3.8.6.2.2), in units of the scale (RFC 7323 2.4).
 *
 *   rcv_nxt           rcv_adv                     rcv_nxt + space
 *      |  still offered  |  what the application freed  |
 */
#include "tcp/core.h"

uint16_t hr_window_field(const struct tcp_ctx *c, struct tcb *t, bool syn)
{
	uint32_t field;

	if (!syn)
		return tcp_window_field(t);
	/* In SYN-RECEIVED an ACK may have offered more than a SYN's 16 bits can say. */
	field = hr_min(tcp_window_next(t), (uint32_t)UINT16_MAX);
	t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt + field);
	return (uint16_t)field;
}

bool hr_window_update_due(const struct tcb *t)
{
	uint32_t offered = tcp_window_offered(t), space = tcp_window_space(t);

	/* While half of the buffer is still on offer, the next ACK tells early enough. */
	if (2 * (uint64_t)offered > t->rcv_buf ||
		seq_diff(t->rcv_nxt + space, t->rcv_adv) < tcp_window_step(t))
		return false;
	return space >= 2 * (uint64_t)offered;
}
