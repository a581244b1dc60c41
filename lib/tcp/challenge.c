/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Challenge ACKs and their rate limit (RFC 5961 7). The limit belongs to the connection that is
 * challenged, and nothing is shared: a budget of the whole host can be counted from outside, and an
 * attacker who sees his own share shrink has learnt that a guess hit somebody else's window
 * (CVE-2016-5696; drawing the budget at random only means that he has to average). Compact entries
 * have their limits in themselves: one per SYN-ACK while half-open (syn.c), a few in the whole life
 * of a TIME-WAIT entry (timewait.c).
 *
 * The limit is a count per second, or with oow_ack_interval_ms the time between two, as Linux has
 * it. tcb.challenged is what either needs to remember.
 */
#include "tcp/core.h"

#define CHALLENGES_PER_S 5u
#define COUNT_BITS       3

/* How many sixteenths of the interval fit in tcb.challenged; 0 is "none left yet". */
#define STAMPS 255u

/* tcb.challenged: when the last one left, in sixteenths of the interval. Again after 16 intervals
 * of silence an old time looks like a recent one: then one may be withheld. */
static bool spaced(struct tcb *t, uint32_t interval_ms, uint64_t now_us)
{
	uint32_t unit_ms = hr_max(interval_ms / 16, 1u);
	uint8_t stamp = (uint8_t)(now_us / 1000 / unit_ms % STAMPS + 1);
	uint32_t since = (stamp + STAMPS - t->challenged) % STAMPS;

	/* Not before all of the units that the interval touches are over. */
	if (t->challenged != 0 && since <= (interval_ms + unit_ms - 1) / unit_ms)
		return false;
	t->challenged = stamp;
	return true;
}

/* tcb.challenged: the low bits of the second, and how many left in it. Seen again after 32 s of
 * silence an old second looks like this one: then at most CHALLENGES_PER_S are withheld. */
static bool counted(struct tcb *t, uint64_t now_us)
{
	uint8_t second = (uint8_t)(now_us / 1000000 << COUNT_BITS);

	if ((t->challenged & ~(BIT(COUNT_BITS) - 1)) != second)
		t->challenged = second;
	if ((t->challenged & (BIT(COUNT_BITS) - 1)) == CHALLENGES_PER_S)
		return false;
	t->challenged++;
	return true;
}

bool hr_challenge_allowed(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint32_t interval_ms = tcp_params(c, t)->oow_ack_interval_ms;
	bool ok = interval_ms != 0 ? spaced(t, interval_ms, now_us) : counted(t, now_us);

	hr_count(c->m, ok ? HR_C_challenge_acks : HR_C_challenge_acks_limited);
	return ok;
}

void hr_challenge_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if (hr_challenge_allowed(c, t, now_us))
		t->flags |= TF_ACK_NOW;
}
