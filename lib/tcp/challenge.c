/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Challenge ACKs and their rate limit (RFC 5961 7): a budget a second for the worker, re-drawn
 * around its nominal size so that nobody can count the budget from outside (CVE-2016-5696).
 */
#include "base/siphash.h"
#include "tcp/core.h"

#define CHALLENGES_PER_S 1000u

bool hr_challenge_allowed(struct tcp_ctx *c, uint64_t now_us)
{
	uint32_t sec = (uint32_t)(now_us / 1000000);

	if (sec != c->challenge_sec || c->challenge_seed == 0) {
		c->challenge_sec = sec;
		c->challenge_seed = hr_siphash13(c->isn_key, &now_us, sizeof(now_us)) | 1;
		c->challenge_left = CHALLENGES_PER_S / 2 +
				    (uint32_t)(c->challenge_seed >> 32) % CHALLENGES_PER_S;
	}
	if (c->challenge_left == 0) {
		hr_count(c->m, HR_C_challenge_acks_limited);
		return false;
	}
	c->challenge_left--;
	hr_count(c->m, HR_C_challenge_acks);
	return true;
}

void hr_challenge_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	if (hr_challenge_allowed(c, now_us))
		t->flags |= TF_ACK_NOW;
}
