/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user timeout and its option (RFC 5482): how long data, or a keep-alive, may go unanswered
 * before the connection is given up. What the application set is told to the peer, and stands; when
 * it set nothing, what the peer tells is adopted within uto_min_ms and uto_max_ms. All of this only
 * with the parameter `uto`.
 */
#include "tcp/core.h"

#define UTO_MINUTES BIT(15)
#define UTO_MOST    0x7fffu

uint32_t hr_user_timeout_ms(const struct tcp_ctx *c, const struct tcb *t)
{
	const struct tcb_ext *x = tcb_ext(c, t);

	if (tcp_params(c, t)->user_timeout_ms != 0 || x == NULL)
		return tcp_params(c, t)->user_timeout_ms;
	return x->uto_s * 1000u;
}

bool hr_uto_told(const struct hr_tcp_params *p)
{
	return p->uto && p->user_timeout_ms != 0;
}

/* Rounded up: RFC 5482 3.3: never 0. */
uint16_t hr_uto_value(const struct hr_tcp_params *p)
{
	uint32_t s = (uint32_t)(((uint64_t)p->user_timeout_ms + 999) / 1000);

	return (uint16_t)(s <= UTO_MOST ? s : UTO_MINUTES | hr_min((s + 59) / 60, UTO_MOST));
}

void hr_uto_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	uint32_t value = s->uto & UTO_MOST;
	uint64_t ms = (uint64_t)value * (s->uto & UTO_MINUTES ? 60000 : 1000);
	struct tcb_ext *x;

	/* RFC 5482 3.2: not CHANGEABLE once the application has said what it wants. */
	if (!p->uto || p->user_timeout_ms != 0 || value == 0)
		return;
	x = hr_ext_get(c, t);
	if (x != NULL)
		x->uto_s = (uint16_t)(hr_min(hr_max(ms, (uint64_t)p->uto_min_ms),
					      (uint64_t)p->uto_max_ms) /
				      1000);
}
