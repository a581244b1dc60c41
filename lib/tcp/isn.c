/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Initial sequence numbers (RFC 6528: a 4 us clock plus a keyed hash of the tuple) and timestamp
 * offsets (RFC 7323 7.1: per tuple, so that clocks of different connections are unrelated and a
 * cookie can be decoded without state).
 */
#include "base/siphash.h"
#include "tcp/core.h"

/*
 * One hash gives both: its halves tell nothing of each other. Both are asked for one after the
 * other when a connection begins, and again when its half-open entry becomes a connection, so the
 * last answers are kept.
 */
static uint64_t secret(struct tcp_ctx *c, const struct hr_flow_key *k)
{
	uint32_t of = (k->raddr4 + k->laddr_id + ((uint32_t)k->rport << 16 | k->lport)) *
		      UINT32_C(0x9e3779b1);
	struct tcp_secret *m = &c->secret[of >> (32 - TCP_SECRET_BITS)];

	if (m->of.laddr_id == 0 || !hr_key_equal(&m->of, k)) {
		m->of = *k;
		m->hash = hr_siphash24(c->isn_key, k, hr_key_len(k));
	}
	return m->hash;
}

uint32_t hr_isn(struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us)
{
	uint32_t isn = (uint32_t)(now_us / 4) + (uint32_t)secret(c, k);

	/* RFC 9293 3.10.7.4, TIME-WAIT: above everything the old incarnation sent, when it outran
	 * the clock: from 2^16 to less than 2^31 above. */
	if (path->reopened && isn - path->iss_floor - UINT16_MAX - 1 >= BIT(31) - UINT16_MAX - 1)
		isn = path->iss_floor + UINT16_MAX + 2;
	return isn;
}

uint32_t hr_tcp_ts_offset(struct tcp_ctx *c, const struct hr_flow_key *k)
{
	return (uint32_t)(secret(c, k) >> 32);
}
