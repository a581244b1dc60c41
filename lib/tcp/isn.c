/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Initial sequence numbers (RFC 6528: a 4 us clock plus a keyed hash of the tuple) and timestamp
 * offsets (RFC 7323 7.1: per tuple, so that clocks of different connections are unrelated and a
 * cookie can be decoded without state).
 */
#include "base/siphash.h"
#include "tcp/core.h"

/* Domain separation: the two uses of one key must not be related. */
static uint32_t keyed(const struct tcp_ctx *c, const struct hr_flow_key *k, uint8_t use)
{
	uint8_t buf[sizeof(*k) + 1];
	uint32_t len = hr_key_len(k);

	memcpy(buf, k, len);
	buf[len] = use;
	return (uint32_t)hr_siphash24(c->isn_key, buf, len + 1);
}

uint32_t hr_isn(const struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us)
{
	uint32_t isn = (uint32_t)(now_us / 4) + keyed(c, k, 1);

	/* RFC 9293 3.10.7.4, TIME-WAIT: above everything the old incarnation sent, when it outran
	 * the clock: from 2^16 to less than 2^31 above. */
	if (path->reopened && isn - path->iss_floor - UINT16_MAX - 1 >= BIT(31) - UINT16_MAX - 1)
		isn = path->iss_floor + UINT16_MAX + 2;
	return isn;
}

uint32_t hr_tcp_ts_offset(const struct tcp_ctx *c, const struct hr_flow_key *k)
{
	return keyed(c, k, 2);
}
