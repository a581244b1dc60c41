/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission timeout (RFC 6298), in integers: srtt x 8, rttvar x 4. */
#include "tcp/core.h"

/* 134 s: srtt x 8 fits in 31 bits. A longer "RTT" is a peer that was away. */
#define MOST_RTT_US (1u << 27)
/* The least round trip is of the last minutes (RFC 8985 6.2.1), because paths change: it grows old
 * after two to three units of 134 s. Two bits tell its age. */
#define MIN_RTT_SHIFT 27
#define MIN_RTT_OLD   3

/* The next sample replaces one that has grown old, as in BBR: a window of one value. */
static void min_rtt_sample(struct tcb *t, uint32_t rtt_us, uint64_t now_us)
{
	uint8_t now = (now_us >> MIN_RTT_SHIFT) & 3;

	if (rtt_us <= t->min_rtt_us || ((now - t->min_rtt_age) & 3) == MIN_RTT_OLD) {
		t->min_rtt_us = rtt_us;
		t->min_rtt_age = now & 3;
	}
}

/* RFC 6298 2.3; G is the tick of the timestamps that may have measured it. */
static inline void set_rto(const struct tcp_ctx *c, struct tcb *t)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint32_t var = t->rttvar_us4 > TCP_CLOCK_G_US ? t->rttvar_us4 : TCP_CLOCK_G_US;
	uint32_t rto = t->srtt_us8 / 8 + var; /* of at most 2^27 and 2^29 */

	rto = rto < p->rto_min_us ? p->rto_min_us : rto;
	t->rto_us = rto > p->rto_max_us ? p->rto_max_us : rto;
	t->backoff = 0;
}

/*
 * RFC 6298 2.2 to 2.5. Every ACK gives a sample; RFC 7323 appendix G: their weights are such that
 * those of one round trip (one for two segments) count together as one. Their number is rounded up
 * to a power of two.
 */
void hr_rtt_sample(
	struct tcp_ctx *c, struct tcb *t, uint32_t rtt_us, uint32_t flight, uint64_t now_us)
{
	uint32_t per_sample = 2u * t->snd_mss;
	unsigned shift = 0;

	rtt_us += rtt_us == 0;
	rtt_us = rtt_us > MOST_RTT_US ? MOST_RTT_US : rtt_us;
	min_rtt_sample(t, rtt_us, now_us);
	if (!(t->flags & TF_RTT_VALID)) {
		t->flags |= TF_RTT_VALID;
		t->srtt_us8 = rtt_us * 8;
		t->rttvar_us4 = rtt_us * 2;
		set_rto(c, t);
		return;
	}
	if (unlikely(flight > per_sample))
		shift = 32 - (unsigned)__builtin_clz((flight - 1) / per_sample);
	int32_t err = (int32_t)(rtt_us - t->srtt_us8 / 8);
	uint32_t abs_err = (uint32_t)(err < 0 ? -err : err), var = t->rttvar_us4 / 4;

	/* RTTVAR first, with the old SRTT (2.3). */
	if (abs_err > var)
		t->rttvar_us4 += (abs_err - var) >> shift;
	else
		t->rttvar_us4 -= (var - abs_err) >> shift;
	if (err < 0)
		t->srtt_us8 -= abs_err >> shift;
	else
		t->srtt_us8 += abs_err >> shift;
	set_rto(c, t);
}

void hr_rtt_spurious(struct tcp_ctx *c, struct tcb *t, uint32_t rtt_us)
{
	rtt_us = hr_min(rtt_us, MOST_RTT_US);
	t->srtt_us8 = hr_max(t->srtt_us8, rtt_us * 8);
	t->rttvar_us4 = hr_max(t->rttvar_us4, rtt_us * 2);
	set_rto(c, t);
}

uint32_t hr_rto_us(const struct tcp_ctx *c, const struct tcb *t)
{
	uint64_t rto = (uint64_t)t->rto_us << hr_min(t->backoff, (uint8_t)20);

	return (uint32_t)hr_min(rto, (uint64_t)tcp_params(c, t)->rto_max_us);
}
