/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters: the documented defaults, their ranges, and the worker's table of parameter sets. */
#include <errno.h>

#include "tcp/core.h"

const struct hr_tcp_params hr_tcp_params_default = {
#define X(field, dflt, on_linux, on_freebsd, least, most) .field = (dflt),
#include "tcp/params.def"
#undef X
};

const struct hr_tcp_params hr_tcp_params_linux = {
#define X(field, dflt, on_linux, on_freebsd, least, most) .field = (on_linux),
#include "tcp/params.def"
#undef X
};

const struct hr_tcp_params hr_tcp_params_freebsd = {
#define X(field, dflt, on_linux, on_freebsd, least, most) .field = (on_freebsd),
#include "tcp/params.def"
#undef X
};

const struct hr_tcp_params *hr_tcp_params_find(const char *name)
{
	static const struct {
		const char *name;
		const struct hr_tcp_params *p;
	} sets[] = {{"default", &hr_tcp_params_default}, {"linux", &hr_tcp_params_linux},
		{"freebsd", &hr_tcp_params_freebsd}};

	for (unsigned i = 0; i < RTE_DIM(sets); i++)
		if (strcmp(name, sets[i].name) == 0)
			return sets[i].p;
	return NULL;
}

/* What the window must be able to tell at most. */
static uint32_t most_rcv_buf(const struct hr_tcp_params *p)
{
	return hr_max(p->rcv_buf_bytes, p->rcv_buf_max_bytes);
}

/* A unit of the window that is larger than the buffer could never be offered. */
static uint8_t most_wscale(const struct hr_tcp_params *p)
{
	uint8_t shift = TCP_MAX_WSCALE;

	while (shift > 0 && p->rcv_buf_bytes >> shift < 2)
		shift--;
	return shift;
}

static int out_of_range(
	char *err, size_t errlen, const char *name, uint64_t value, uint64_t least, uint64_t most)
{
	return hr_error(err, errlen, -EINVAL, "TCP parameter %s is %llu; it must be %llu to %llu",
		name, (unsigned long long)value, (unsigned long long)least,
		(unsigned long long)most);
}

int hr_tcp_params_check(const struct hr_tcp_params *p, char *err, size_t errlen)
{
	/* One row a numeric limit: name, value, least, most. */
	const struct {
		const char *name;
		uint64_t value, least, most;
	} limits[] = {
#define X(field, dflt, on_linux, on_freebsd, least, most) {#field, p->field, least, most},
#include "tcp/params.def"
#undef X
	};

	for (unsigned i = 0; i < RTE_DIM(limits); i++)
		if (limits[i].value < limits[i].least || limits[i].value > limits[i].most)
			return out_of_range(err, errlen, limits[i].name, limits[i].value,
				limits[i].least, limits[i].most);
	if (p->mss != 0 && p->mss < TCP_MIN_MSS)
		return out_of_range(err, errlen, "mss", p->mss, TCP_MIN_MSS, 65495);
	if (p->wscale != 255 && p->wscale > most_wscale(p))
		return out_of_range(err, errlen, "wscale", p->wscale, 0, most_wscale(p));
	if (p->uto_min_ms > p->uto_max_ms)
		return out_of_range(err, errlen, "uto_min_ms", p->uto_min_ms, 1000, p->uto_max_ms);
	/* The times of probes are compared on a 32-bit ms clock. */
	if ((uint64_t)p->keepalive_ms + (uint64_t)p->keepalive_probes * p->keepalive_interval_ms >
		INT32_MAX / 2)
		return hr_error(err, errlen, -EINVAL,
			"TCP parameters keepalive_ms + keepalive_probes x keepalive_interval_ms "
			"are more "
			"than 12 days; lower one of them");
	return 0;
}

/* Field by field: struct padding is nobody's value. */
static bool same(const struct hr_tcp_params *a, const struct hr_tcp_params *b)
{
#define X(field, dflt, on_linux, on_freebsd, least, most)                                          \
	if (a->field != b->field)                                                                  \
		return false;
#include "tcp/params.def"
#undef X
	return true;
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

int hr_tcp_params_change(struct tcp_ctx *c, struct tcb *t, const struct hr_tcp_params *p)
{
	struct hr_tcp_params next = c->params[t->params];
	int i;

	next.ttl = p->ttl;
	next.dscp = p->dscp;
	next.nagle = p->nagle;
	next.psh = p->psh;
	next.ack_every = p->ack_every;
	next.delack_us = p->delack_us;
	next.retries = p->retries;
	next.user_timeout_ms = p->user_timeout_ms;
	next.keepalive_ms = p->keepalive_ms;
	next.keepalive_interval_ms = p->keepalive_interval_ms;
	next.keepalive_probes = p->keepalive_probes;
	next.rto_min_us = p->rto_min_us;
	next.rto_max_us = p->rto_max_us;
	next.time_wait_ms = p->time_wait_ms;
	next.fin_wait2_ms = p->fin_wait2_ms;
	next.snd_buf_bytes = p->snd_buf_bytes;
	next.snd_buf_max_bytes = p->snd_buf_max_bytes;
	i = hr_tcp_params_add(c, &next);
	if (i < 0)
		return i;
	/* RFC 5482 3: the peer should know. */
	if (hr_uto_told(&next) && next.user_timeout_ms != tcp_params(c, t)->user_timeout_ms &&
		tcb_in(t, TCPS_SYNCHRONISED))
		t->uto_due = true;
	t->params = (uint16_t)i;
	t->flags = next.nagle ? t->flags & ~TF_NODELAY : t->flags | TF_NODELAY;
	return 0;
}

/* RFC 7323 2.2: the smallest shift that lets 16 bits tell the whole buffer. */
uint8_t hr_params_wscale(const struct hr_tcp_params *p)
{
	uint32_t above = most_rcv_buf(p) >> 16;

	if (p->wscale != 255)
		return p->wscale;
	return above == 0 ? 0
			  : (uint8_t)hr_min(32 - (unsigned)__builtin_clz(above), TCP_MAX_WSCALE);
}

/*
 * A Linux host offers whole segments as far as a SYN's 16 bits can tell it: 64240 for 64 KB and an
 * MSS of 1460. Of a few segments only, none is given away for that.
 */
uint32_t hr_params_window(const struct hr_tcp_params *p, uint32_t mss)
{
	uint32_t segs;

	/* With more than 16 bits of whole segments the division is not needed. */
	if (p->syn_order != HR_SYN_LINUX || p->rcv_buf_bytes >= UINT16_MAX + mss)
		return p->rcv_buf_bytes;
	segs = p->rcv_buf_bytes / mss;
	return segs >= 16 && segs * mss <= UINT16_MAX ? segs * mss : p->rcv_buf_bytes;
}

/* The MSS we announce and never exceed: MTU less the fixed headers (RFC 9293 MUST-67). */
uint16_t hr_params_mss(const struct hr_tcp_params *p, bool v6, uint16_t mtu)
{
	uint16_t most = (uint16_t)(mtu - (v6 ? 60 : 40));

	return p->mss != 0 && p->mss < most ? p->mss : most;
}
