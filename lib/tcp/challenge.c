/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Challenge ACKs and their rate limit (RFC 5961 7). The limit belongs to the connection that is
 * challenged, and nothing is shared: a budget of the whole host can be counted from outside, and an
 * attacker who sees his own share shrink has learnt that a guess hit somebody else's window
 * (CVE-2016-5696; drawing the budget at random only means that he has to average). Compact entries
 * have their limits in themselves: one per SYN-ACK while half-open (syn.c), a few in the whole life
 * of a TIME-WAIT entry (timewait.c).
 */
#include "tcp/core.h"

#define CHALLENGES_PER_S 5u
#define COUNT_BITS       3

/* tcb.challenged: the low bits of the second, and how many left in it. Seen again after 32 s of
 * silence an old second looks like this one: then at most CHALLENGES_PER_S are withheld. */
bool hr_challenge_allowed(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	uint8_t second = (uint8_t)(now_us / 1000000 << COUNT_BITS);

	if ((t->challenged & ~(BIT(COUNT_BITS) - 1)) != second)
		t->challenged = second;
	if ((t->challenged & (BIT(COUNT_BITS) - 1)) == CHALLENGES_PER_S) {
		hr_count(c->m, HR_C_challenge_acks_limited);
		return false;
	}
	t->challenged++;
	hr_count(c->m, HR_C_challenge_acks);
	return true;
}

void hr_challenge_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if (hr_challenge_allowed(c, t, now_us))
		t->flags |= TF_ACK_NOW;
}
