/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters: the documented defaults, their ranges, and the worker's table of parameter sets. */
#include <errno.h>

#include "tcp/core.h"
#include "tcp/defaults.h"

const struct hr_tcp_params hr_tcp_params_default = HR_TCP_PARAMS_DEFAULT;

/* One row a numeric limit: name, value, least, most. */
struct limit {
	const char *name;
	uint64_t value, min, max;
};

/* A unit of the window that is larger than the buffer could never be offered. */
static uint8_t most_wscale(const struct hr_tcp_params *p)
{
	uint8_t shift = TCP_MAX_WSCALE;

	while (shift > 0 && p->rcv_buf_bytes >> shift < 2)
		shift--;
	return shift;
}

int hr_tcp_params_check(const struct hr_tcp_params *p, char *err, size_t errlen)
{
	const struct limit limits[] = {
		{"mss", p->mss == 0 ? 536 : p->mss, TCP_MIN_MSS, 65495},
		{"iw_segments", p->iw_segments, 1, 10},
		{"rcv_buf_bytes", p->rcv_buf_bytes, 2048, 1u << 30},
		{"wscale", p->wscale == 255 ? 0 : p->wscale, 0, most_wscale(p)},
		{"cc", p->cc, 0, HR_CC_COUNT - 1},
		{"ttl", p->ttl, 1, 255},
		{"dscp", p->dscp, 0, 63},
		{"ack_every", p->ack_every, 1, 2},
		{"syn_retries", p->syn_retries, 0, 15},
		{"keepalive_probes", p->keepalive_probes, 1, 127},
		{"retries", p->retries, 1, 100},
		{"snd_buf_bytes", p->snd_buf_bytes, 2048, 1u << 30},
		{"delack_us", p->delack_us, 0, 499999},
		{"rto_init_us", p->rto_init_us, 1000, 60000000},
		{"rto_min_us", p->rto_min_us, 1000, 60000000},
		{"rto_max_us", p->rto_max_us, p->rto_min_us, 600000000},
		{"connect_timeout_ms", p->connect_timeout_ms, 1, 1800000},
		{"user_timeout_ms", p->user_timeout_ms, 0, 1800000},
		{"keepalive_ms", p->keepalive_ms, 0, 7u * 24 * 3600 * 1000},
		{"keepalive_interval_ms", p->keepalive_interval_ms, 1, 24u * 3600 * 1000},
		{"time_wait_ms", p->time_wait_ms, 0, 600000},
		{"fin_wait2_ms", p->fin_wait2_ms, 1, 24u * 3600 * 1000},
	};

	for (unsigned i = 0; i < RTE_DIM(limits); i++) {
		const struct limit *l = &limits[i];

		if (l->value < l->min || l->value > l->max)
			return hr_error(err, errlen, -EINVAL,
				"TCP parameter %s is %llu; it must be %llu to %llu", l->name,
				(unsigned long long)l->value, (unsigned long long)l->min,
				(unsigned long long)l->max);
	}
	return 0;
}

/* Field by field: struct padding is nobody's value. */
static bool same(const struct hr_tcp_params *a, const struct hr_tcp_params *b)
{
	return a->mss == b->mss && a->iw_segments == b->iw_segments && a->wscale == b->wscale &&
	       a->cc == b->cc && a->ttl == b->ttl && a->dscp == b->dscp &&
	       a->timestamps == b->timestamps && a->sack == b->sack && a->nagle == b->nagle &&
	       a->tw_reuse == b->tw_reuse && a->ack_every == b->ack_every &&
	       a->syn_retries == b->syn_retries && a->keepalive_probes == b->keepalive_probes &&
	       a->retries == b->retries && a->rcv_buf_bytes == b->rcv_buf_bytes &&
	       a->snd_buf_bytes == b->snd_buf_bytes && a->delack_us == b->delack_us &&
	       a->rto_init_us == b->rto_init_us && a->rto_min_us == b->rto_min_us &&
	       a->rto_max_us == b->rto_max_us && a->connect_timeout_ms == b->connect_timeout_ms &&
	       a->user_timeout_ms == b->user_timeout_ms && a->keepalive_ms == b->keepalive_ms &&
	       a->keepalive_interval_ms == b->keepalive_interval_ms &&
	       a->time_wait_ms == b->time_wait_ms && a->fin_wait2_ms == b->fin_wait2_ms;
}

int hr_tcp_params_add(struct tcp_ctx *c, const struct hr_tcp_params *p)
{
	for (int i = 0; i < c->n_params; i++)
		if (same(&c->params[i], p))
			return i;
	if (c->n_params == TCP_MAX_PARAMS)
		return -ENOSPC;
	c->params[c->n_params] = *p;
	return c->n_params++;
}

/* RFC 7323 2.2: the smallest shift that lets 16 bits tell the whole buffer. */
uint8_t hr_params_wscale(const struct hr_tcp_params *p)
{
	uint8_t shift = 0;

	if (p->wscale != 255)
		return p->wscale;
	while (shift < TCP_MAX_WSCALE && p->rcv_buf_bytes >> shift > UINT16_MAX)
		shift++;
	return shift;
}

/* The MSS we announce and never exceed: MTU less the fixed headers (RFC 9293 MUST-67). */
uint16_t hr_params_mss(const struct hr_tcp_params *p, bool v6, uint16_t mtu)
{
	uint16_t most = (uint16_t)(mtu - (v6 ? 60 : 40));

	return p->mss != 0 && p->mss < most ? p->mss : most;
}
