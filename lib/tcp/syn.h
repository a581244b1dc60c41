/* SPDX-License-Identifier: BSD-3-Clause */
/* What syn.c and syncookie.c share. */
#ifndef HR_TCP_SYN_H
#define HR_TCP_SYN_H

#include "tcp/core.h"

void hr_syn_fill(const struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s);
uint16_t hr_syn_mss(const struct tcp_syn *e);
void hr_syn_set_mss(struct tcp_syn *e, uint16_t mss);

/* Our timestamp offset, where no IPv4 key has bytes: the connection need not hash its key again. */
static inline void hr_syn_set_ts_off(struct tcp_ctx *c, struct tcp_syn *e)
{
	if (likely(!hr_key_is6(&e->key)))
		e->key.raddr[3] = hr_tcp_ts_offset(c, &e->key);
}

static inline uint32_t hr_syn_ts_off(struct tcp_ctx *c, const struct tcp_syn *e)
{
	return likely(!hr_key_is6(&e->key)) ? e->key.raddr[3] : hr_tcp_ts_offset(c, &e->key);
}

#endif
