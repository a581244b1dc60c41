/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): when there is no room for half-open entries, everything needed to
 * rebuild one travels in the SYN-ACK and comes back in the ACK.
 *
 *   ISS   = 32 bits of a keyed hash (tuple, IRS, period, with or without timestamps) + MSS step
 *   TSval = our clock with the low 6 bits replaced: | 4 bits: peer's window shift | SACK | ECN |,
 *           never ahead of the clock
 *
 * The step is hidden under the hash, and the period is not sent at all: whoever forges an ACK has
 * to guess all 32 bits. Of 2^32 numbers two periods of eight steps are good: odds of 2^-28 an ACK,
 * that is one accepted in 4.5 minutes of a million forged ACKs a second, while cookies are out.
 * With timestamps TSecr has to fall into the last two periods of a clock that the attacker does not
 * know, too: 2^-42.
 */
#include "base/siphash.h"
#include "tcp/core.h"
#include "tcp/syn.h"

#define COOKIE_PERIOD_US 64000000ull /* accepted for one to two of them */
#define COOKIE_OPT_MASK  63u

/* The MSS that fits into a cookie: rounded down to one of these. */
static const uint16_t mss_steps[16] = {
	48, 128, 256, 536, 768, 1024, 1160, 1220, 1300, 1360, 1400, 1440, 1448, 1460, 4312, 8940};

/* Without timestamps each step is a number that a guess may hit: only those that are common. With
 * them, all. Indices into mss_steps. */
static const uint8_t plain_steps[8] = {0, 1, 3, 7, 9, 10, 11, 13};

static uint32_t cookie(const struct tcp_ctx *c, const struct hr_flow_key *k, uint32_t irs,
	uint32_t period, bool ts)
{
	uint32_t tail[2] = {irs, period << 1 | ts}, len = hr_key_len(k);
	uint8_t in[sizeof(*k) + sizeof(tail)];

	memcpy(in, k, len);
	memcpy(in + len, tail, sizeof(tail));
	return (uint32_t)hr_siphash24(c->cookie_key, in, len + sizeof(tail));
}

/* The step to add for an MSS: never rounded up (RFC 9293 MUST-16). */
static uint32_t step_of(uint16_t mss, bool ts)
{
	uint32_t i = RTE_DIM(plain_steps) - 1, most = RTE_DIM(mss_steps) - 1;

	while (most > 0 && mss_steps[most] > mss)
		most--;
	if (ts)
		return most;
	while (plain_steps[i] > most)
		i--;
	return i;
}

/* The step that an ISS carries when it is a cookie of this period; false when it is not. */
static bool step_in(const struct tcp_ctx *c, const struct hr_flow_key *k, uint32_t irs,
	uint32_t iss, uint32_t period, bool ts, uint8_t *mss_index)
{
	uint32_t step = iss - cookie(c, k, irs, period, ts);

	if (step >= (ts ? 16 : RTE_DIM(plain_steps)))
		return false;
	*mss_index = ts ? (uint8_t)step : plain_steps[step];
	return true;
}

enum hr_drop hr_syn_cookie(struct tcp_ctx *c, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o)
{
	struct tcp_syn e;

	if (s->flags & TCPF_FIN)
		return DROP_tcp_syn_bad;
	hr_syn_fill(c, &e, k, path, s);
	if (!e.ts) { /* nowhere to keep them */
		e.sack = 0;
		e.ecn = 0;
		e.wscale = 15;
	}
	e.iss = cookie(c, k, e.irs, (uint32_t)(now_us / COOKIE_PERIOD_US), e.ts) +
		step_of(hr_syn_mss(&e), e.ts);
	hr_syn_set_ts_off(c, &e);
	hr_syn_ack(c, &e, path, now_us, o);
	if (e.ts) {
		uint32_t ts = (o->tsval & ~COOKIE_OPT_MASK) | (uint32_t)e.wscale << 2 |
			      (uint32_t)e.sack << 1 | e.ecn;

		/* Timestamps of the connection must not run behind this one later. */
		o->tsval = seq_gt(ts, o->tsval) ? ts - (COOKIE_OPT_MASK + 1) : ts;
	}
	c->cookies_sent = true;
	c->cookies_since_ms = tcp_ms(now_us);
	hr_count(c->m, HR_C_syn_received);
	hr_count(c->m, HR_C_syn_cookies_sent);
	return DROP_NONE;
}

bool hr_cookies_out(const struct tcp_ctx *c, uint64_t now_us)
{
	return c->cookies_sent &&
	       tcp_ms(now_us) - c->cookies_since_ms <= 2 * COOKIE_PERIOD_US / 1000;
}

bool hr_cookie_check(struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us)
{
	const struct hr_tcp_params *p = &c->params[path->params];
	uint32_t period = (uint32_t)(now_us / COOKIE_PERIOD_US), iss = s->ack - 1, irs = s->seq - 1;
	bool ts = p->timestamps && (s->opts & TCPO_TS);
	uint8_t mss_index;

	if ((s->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != TCPF_ACK || !hr_cookies_out(c, now_us))
		return false;
	if (!step_in(c, k, irs, iss, period, ts, &mss_index) &&
		!step_in(c, k, irs, iss, period - 1, ts, &mss_index))
		return false;
	if (ts && tcp_ms(now_us) + hr_tcp_ts_offset(c, k) - s->tsecr >
			  2 * COOKIE_PERIOD_US / 1000 + COOKIE_OPT_MASK)
		return false;
	memset(e, 0, sizeof(*e));
	e->key = *k;
	hr_syn_set_ts_off(c, e);
	e->irs = irs;
	e->iss = iss;
	hr_syn_set_mss(e, mss_steps[mss_index]);
	e->wscale = 15;
	if (ts) {
		e->ts = 1;
		e->tsval = s->tsval;
		e->wscale = s->tsecr >> 2 & 15;
		e->sack = s->tsecr >> 1 & 1;
		e->ecn = (s->tsecr & 1) && p->ecn != HR_ECN_OFF;
	}
	hr_count(c->m, HR_C_syn_cookies_ok);
	return true;
}
