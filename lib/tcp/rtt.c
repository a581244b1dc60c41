/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission timeout (RFC 6298), in integers: srtt x 8, rttvar x 4. */
#include "tcp/core.h"

/* 134 s: srtt x 8 fits in 31 bits. A longer "RTT" is a peer that was away. */
#define MOST_RTT_US (1u << 27)

/* RFC 6298 2.2 to 2.5. */
void hr_rtt_sample(struct tcp_ctx *c, struct tcb *t, uint32_t rtt_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint64_t rto;

	rtt_us = (uint32_t)hr_min(hr_max(rtt_us, 1u), MOST_RTT_US);
	t->min_rtt_us = hr_min(t->min_rtt_us, rtt_us);
	if (!(t->flags & TF_RTT_VALID)) {
		t->flags |= TF_RTT_VALID;
		t->srtt_us8 = rtt_us * 8;
		t->rttvar_us4 = rtt_us * 2;
	} else {
		int32_t err = (int32_t)(rtt_us - t->srtt_us8 / 8);
		uint32_t abs_err = (uint32_t)(err < 0 ? -err : err);

		/* RTTVAR first, with the old SRTT (2.3). */
		t->rttvar_us4 += abs_err - t->rttvar_us4 / 4;
		t->srtt_us8 = (uint32_t)((int32_t)t->srtt_us8 + err);
	}
	rto = (uint64_t)t->srtt_us8 / 8 + hr_max(t->rttvar_us4, 1000u);
	t->rto_us = (uint32_t)hr_min(hr_max(rto, (uint64_t)p->rto_min_us), (uint64_t)p->rto_max_us);
	t->backoff = 0;
}

uint32_t hr_rto_us(const struct tcp_ctx *c, const struct tcb *t)
{
	uint64_t rto = (uint64_t)t->rto_us << hr_min(t->backoff, (uint8_t)20);

	return (uint32_t)hr_min(rto, (uint64_t)tcp_params(c, t)->rto_max_us);
}
