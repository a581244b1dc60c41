/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors that quote a segment of ours (RFC 9293 3.9.2.2, RFC 5927: only when the quoted
 * sequence number is in flight). Hard errors refuse a connection that is not open yet and are soft
 * later; "too big" is pmtu.c's.
 */
#include "tcp/core.h"

static bool is_hard(uint8_t family, uint8_t type, uint8_t code)
{
	if (family == 4)
		return type == 3 && (code == 2 || code == 3);
	return (type == 1 && code == 4) || (type == 4 && code == 1);
}

static bool is_too_big(uint8_t family, uint8_t type, uint8_t code)
{
	return family == 4 ? type == 3 && code == 4 : type == 2;
}

/* MUST-56: it changes nothing; SHLD-25: but may be known. */
static uint32_t soft(struct tcb *t, uint8_t family, uint8_t type)
{
	if (type == (family == 4 ? 3 : 1))
		return tcb_soft_error(t, HR_SOFT_UNREACHABLE);
	if (type == (family == 4 ? 11 : 3))
		return tcb_soft_error(t, HR_SOFT_TTL);
	if (type == (family == 4 ? 12 : 4))
		return tcb_soft_error(t, HR_SOFT_PARAMETER);
	return 0;
}

uint32_t hr_tcp_icmp(struct tcp_ctx *c, struct tcb *t, uint8_t family, uint8_t type, uint8_t code,
	uint32_t seq, uint32_t mtu, uint64_t now_us)
{
	if (t->state == TCPS_CLOSED || seq_lt(seq, t->snd_una) || seq_ge(seq, t->snd_nxt))
		return 0;
	if (is_too_big(family, type, code))
		return hr_pmtu_too_big(c, t, mtu, now_us);
	if (t->state == TCPS_SYN_SENT && is_hard(family, type, code))
		return hr_tcb_end(t, HR_REFUSED);
	return soft(t, family, type);
}
