/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): when there is no room for half-open entries, everything needed to
 * rebuild one travels in the SYN-ACK and comes back in the ACK.
 *
 *   ISS   = | 4 bits: minute | 4 bits: MSS step | 24 bits: keyed hash of tuple, IRS, minute and
 * step | TSval = our clock with the low 6 bits replaced: | 4 bits: peer's window shift | SACK | 0
 * |, never ahead of the clock
 */
#include "base/siphash.h"
#include "tcp/core.h"
#include "tcp/syn.h"

#define COOKIE_PERIOD_US 64000000ull /* accepted for one to two of them */
#define COOKIE_OPT_MASK  63u

static uint32_t cookie(const struct tcp_ctx *c, const struct hr_flow_key *k, uint32_t irs,
	uint32_t minute, uint8_t step)
{
	struct {
		struct hr_flow_key key;
		uint32_t irs, minute, step;
	} in = {.irs = irs, .minute = minute, .step = step};

	memcpy(&in.key, k, hr_key_len(k));
	return (minute & 15) << 28 | (uint32_t)step << 24 |
	       ((uint32_t)hr_siphash24(c->cookie_key, &in, sizeof(in)) & 0xffffff);
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
		e.wscale = 15;
	}
	e.iss = cookie(c, k, e.irs, (uint32_t)(now_us / COOKIE_PERIOD_US), e.mss_index);
	hr_syn_ack(c, &e, path, now_us, o);
	if (e.ts) {
		uint32_t ts = (o->tsval & ~COOKIE_OPT_MASK) | (uint32_t)e.wscale << 2 |
			      (uint32_t)e.sack << 1;

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
	uint32_t minute = (uint32_t)(now_us / COOKIE_PERIOD_US), iss = s->ack - 1, irs = s->seq - 1;
	uint8_t step = iss >> 24 & 15;

	if ((s->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != TCPF_ACK || !hr_cookies_out(c, now_us))
		return false;
	if (iss != cookie(c, k, irs, minute, step) && iss != cookie(c, k, irs, minute - 1, step))
		return false;
	memset(e, 0, sizeof(*e));
	e->key = *k;
	e->irs = irs;
	e->iss = iss;
	e->mss_index = step & 15;
	e->wscale = 15;
	if (p->timestamps && (s->opts & TCPO_TS)) {
		e->ts = 1;
		e->tsval = s->tsval;
		e->wscale = s->tsecr >> 2 & 15;
		e->sack = s->tsecr >> 1 & 1;
	}
	hr_count(c->m, HR_C_syn_cookies_ok);
	return true;
}
