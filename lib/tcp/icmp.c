/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP errors that quote a segment of ours (RFC 9293 3.9.2.2, RFC 5927: only when the quoted
 * sequence number is in flight). Hard errors refuse a connection that is not open yet and are soft
 * later; "too big" lowers the segment size (RFC 1191, 8201).
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

static uint32_t too_big(
	struct tcp_ctx *c, struct tcb *t, uint8_t family, uint32_t mtu, uint64_t now_us)
{
	uint32_t floor = family == 4 ? TCP_MIN_PMTU4 : TCP_MIN_PMTU6;
	uint32_t fixed = (family == 4 ? 40u : 60u) + (t->flags & TF_TS ? TCP_TS_OPT_BYTES : 0);
	uint32_t mss;

	if (!tcb_in(t, TCPS_SYNCHRONISED))
		return 0;
	mss = hr_max(mtu, floor) - fixed;
	if (mss >= t->snd_mss)
		return 0;
	t->snd_mss = (uint16_t)mss;
	/* PM-1: again at once, in smaller pieces, without touching cwnd: nothing was lost to
	 * congestion. */
	if (tcb_flight(t) != 0 && hr_ext_get(c, t) != NULL) {
		hr_loss_mark_all(c, t);
		t->flags |= TF_RETX_HEAD;
	}
	return TCP_EV_OUTPUT;
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
		return too_big(c, t, family, mtu, now_us);
	if (t->state == TCPS_SYN_SENT && is_hard(family, type, code))
		return hr_tcb_end(t, HR_REFUSED);
	return soft(t, family, type);
}
