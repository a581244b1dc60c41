/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pacing: data leaves spread over the round trip instead of in bursts, at Linux's rates: twice
 * cwnd / srtt in slow start (it doubles within the round), 1.2 times afterwards. What may leave at
 * once is a millisecond of that, two segments at least.
 *
 *	quantum, wait quantum/rate, quantum, wait ...
 *
 * Paced are new data and retransmissions, but not what starts a recovery, probes, SYN, FIN, RST
 * and ACKs. A flight within the initial window (RFC 6928) goes at once: short exchanges need no
 * state. Without memory for state nothing is paced.
 */
#include "tcp/core.h"

#define QUANTUM_US 1000u
#define MOST_WAIT_US                                                                               \
	(1 << 28) /* a gap is about a round trip at most: what seems longer is old                 \
		   */

/* What the rate is taken from: lost data counts, else it would starve recoveries. */
static uint64_t window(const struct tcb *t)
{
	return hr_max(t->cwnd, tcb_flight(t));
}

/* How long `len` bytes take; as Linux, slow start is left for the slower rate at half of ssthresh,
 * one round before its end. */
static uint64_t gap_us(const struct tcb *t, uint64_t len)
{
	uint64_t srtt_us = t->srtt_us8 / 8;

	if (t->cwnd < t->ssthresh / 2)
		return len * srtt_us / (2 * window(t));
	return len * srtt_us * 5 / (6 * window(t));
}

/* Segments that may leave at once. */
static uint8_t quantum(const struct tcb *t)
{
	uint64_t srtt_us = hr_max(t->srtt_us8 / 8, 1u);
	uint64_t rate = t->cwnd < t->ssthresh / 2 ? 10 * window(t) : 6 * window(t);

	return (uint8_t)hr_min(hr_max(rate * QUANTUM_US / (5 * srtt_us) / t->snd_mss, 2u), 255u);
}

/* How far off pace_at_us is, 0 = past. */
static uint32_t ahead_us(const struct tcb_ext *x, uint64_t now_us)
{
	int32_t ahead = (int32_t)(x->pace_at_us - (uint32_t)now_us);

	return ahead > 0 && ahead < MOST_WAIT_US ? (uint32_t)ahead : 0;
}

uint32_t hr_pacing_limit(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t queued = seq_gt(t->snd_end, t->snd_una) ? t->snd_end - t->snd_una : 0;
	uint64_t wanted = hr_min(queued, hr_min(t->cwnd, t->snd_wnd));

	if (!(t->flags & TF_RTT_VALID))
		return max_len;
	if (x == NULL || !x->pace_on) {
		if (wanted <= hr_cwnd_initial(c, t) || (x = hr_ext_get(c, t)) == NULL)
			return max_len;
		x->cc_live = x->pace_on = true;
		x->pace_at_us = (uint32_t)now_us;
	}
	if (ahead_us(x, now_us) == 0)
		x->pace_left = quantum(t);
	return (uint32_t)hr_min(max_len, hr_max(x->pace_left, 1u) * t->snd_mss);
}

bool hr_pacing_waits(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct tcb_ext *x;

	if (likely(!hr_paced(c, t)))
		return false;
	x = tcb_ext(c, t);
	if (x == NULL || !x->pace_on || x->pace_left != 0 || ahead_us(x, now_us) == 0)
		return false;
	if (!(t->flags & TF_PACED))
		hr_count(c->m, HR_C_pacing_waits);
	t->flags |= TF_PACED;
	return true;
}

void hr_pacing_sent(const struct tcp_ctx *c, struct tcb *t, uint32_t len, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);
	uint32_t late_us = 0, now = (uint32_t)now_us;
	uint64_t gap;

	if (x == NULL || !x->pace_on)
		return;
	x->pace_left -= (uint8_t)hr_min(x->pace_left, (len + t->snd_mss - 1) / t->snd_mss);
	gap = gap_us(t, len);
	/* As Linux: who came late, because turns take time, may make up for it by half of a gap. */
	if ((int32_t)(now - x->pace_at_us) > 0)
		late_us = now - x->pace_at_us;
	gap -= hr_min(gap / 2, late_us);
	gap += ahead_us(x, now_us);
	x->pace_at_us = now + (uint32_t)hr_min(gap, MOST_WAIT_US - 1);
}
