/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path MTU of a connection, as the payload of its segments (snd_mss): lowered by ICMP (RFC
 * 1191, 8201), lowered because full segments vanish without a word (RFC 4821 7.7, RFC 8899), raised
 * again by probing with real data. What other connections may learn of it is the engine's
 * (ip/pmtu.c).
 *
 *   pl_floor --- snd_mss --- probe --- pl_fail --- pl_max
 *     base       carried     asked      did not      what the first segments had
 *
 * A connection that was never lowered has no state for this. An IPv4 path that carries less than
 * pmtu_min gets segments of that size without DF, for its routers to cut.
 */
#include "tcp/core.h"

#define BASE_MTU4   1200u   /* RFC 8899 5.1.2 BASE_PLPMTU */
#define BASE_RTOS   3u      /* timeouts in a row of full segments: a black hole? as Linux */
#define SEARCH_STEP 32u     /* near enough */
#define RAISE_MS    600000u /* RFC 1191 6.3: ten minutes after it was lowered, not sooner than 5 */
#define RETRY_MS    5000u   /* between probes of one search */
#define PROBE_TRIES 2u      /* a probe may be lost like anything else */

/* Bytes of a packet that are not payload. */
static uint32_t fixed_bytes(const struct tcb *t)
{
	return (hr_key_is6(&t->key) ? 60u : 40u) + (t->flags & TF_TS ? TCP_TS_OPT_BYTES : 0);
}

static uint32_t least_mtu(const struct tcp_ctx *c, const struct tcb *t)
{
	return hr_key_is6(&t->key) ? TCP_MIN_PMTU6 : tcp_params(c, t)->pmtu_min;
}

uint16_t hr_tcp_pmtu(const struct tcb *t)
{
	return (uint16_t)hr_min(t->snd_mss + fixed_bytes(t), (uint32_t)UINT16_MAX);
}

/* Everything in flight with more than len bytes goes again, at once and without touching cwnd:
 * nothing was lost to congestion (RFC 1191 6.4). */
static void resend_larger(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t len)
{
	struct tx_range *r;
	bool some = false;

	HR_RANGE_FOREACH(c, t, i, r)
	{
		if ((r->flags & (TR_SACKED | TR_LOST)) || r->end - r->seq <= len)
			continue;
		hr_range_mark(x, r, TR_LOST, 0);
		some = true;
	}
	if (!(t->flags & TF_SACK)) /* what duplicate ACKs told: what is left of it */
		x->sacked_bytes = hr_min(x->sacked_bytes, tcb_flight(t) - x->lost_bytes);
	if (some)
		t->flags |= TF_RETX_HEAD;
}

/* How far up a later search may go, and when it may begin. */
static struct tcb_ext *remember(struct tcp_ctx *c, struct tcb *t, uint64_t now_us, uint32_t wait_ms)
{
	struct tcb_ext *x = hr_ext_get(c, t);

	if (x == NULL)
		return NULL;
	if (!x->pl_live)
		x->pl_max = t->snd_mss;
	x->pl_live = tcp_params(c, t)->plpmtud && (t->flags & TF_SACK); /* else nothing is probed */
	x->pl_fail = (uint16_t)(x->pl_max + 1);
	x->pl_probe = 0;
	x->pl_tries = 0;
	x->pl_next_ms = tcp_ms(now_us) + wait_ms;
	return x;
}

/* Returns whether it was news. */
static bool lower(struct tcp_ctx *c, struct tcb *t, uint32_t mtu, uint64_t now_us, uint32_t wait_ms)
{
	uint32_t mss = hr_max(mtu, least_mtu(c, t)) - fixed_bytes(t);
	struct tcb_ext *x;

	if (mss >= t->snd_mss)
		return false;
	x = remember(c, t, now_us, wait_ms);
	t->snd_mss = (uint16_t)mss;
	hr_count(c->m, HR_C_pmtu_lowered);
	if (x != NULL)
		resend_larger(c, t, x, mss);
	return true;
}

/*
 * RFC 1191 3 lets a path carry as little as 68 bytes. Segments that small serve attackers better
 * than anybody else; but with DF set the least that we send would never arrive. So routers may cut
 * it, as Linux lets them (ip_rt_min_pmtu); what they dropped goes again.
 */
static bool let_fragment(struct tcp_ctx *c, struct tcb *t, uint32_t mtu)
{
	struct tcb_ext *x;

	if (t->df_clear)
		return false;
	t->df_clear = true;
	x = hr_ext_get(c, t);
	if (x != NULL)
		resend_larger(c, t, x, mtu - hr_min(mtu, fixed_bytes(t)));
	return true;
}

uint32_t hr_pmtu_too_big(struct tcp_ctx *c, struct tcb *t, uint32_t mtu, uint64_t now_us)
{
	bool news;

	if (!tcp_params(c, t)->pmtud || !tcb_in(t, TCPS_SYNCHRONISED))
		return 0;
	/* RFC 8201 4: a link that carries less than 1280 bytes does not exist; RFC 791: nor one
	 * below
	 * 68. Whoever says so lies, or is broken. */
	if (mtu < (hr_key_is6(&t->key) ? TCP_MIN_PMTU6 : 68u))
		return 0;
	news = lower(c, t, mtu, now_us, RAISE_MS);
	if (mtu < least_mtu(c, t))
		news |= let_fragment(c, t, mtu);
	return news ? TCP_EV_OUTPUT | TCP_EV_PMTU : 0;
}

/* Another connection knows the path: from the first segment on. */
void hr_tcp_pmtu_known(struct tcp_ctx *c, struct tcb *t, uint16_t mtu, bool df_clear)
{
	uint32_t mss = hr_max((uint32_t)mtu, least_mtu(c, t)) - fixed_bytes(t);

	if (!tcp_params(c, t)->pmtud || !tcb_in(t, TCPS_SYNCHRONISED))
		return;
	t->snd_mss = (uint16_t)hr_min((uint32_t)t->snd_mss, mss);
	t->df_clear = df_clear && !hr_key_is6(&t->key);
}

/*
 * RFC 4821 7.7, after a timeout: the oldest data is a full segment and has gone unanswered several
 * times. The base size is tried, then the least; when that does not help either the path is dead,
 * and the size was not the reason.
 */
void hr_pmtu_on_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	const struct hr_tcp_params *p = tcp_params(c, t);
	const struct tx_range *head = hr_range_at(c, t, t->range_head);
	uint32_t base =
		hr_key_is6(&t->key) ? TCP_MIN_PMTU6 : hr_max(BASE_MTU4, (uint32_t)p->pmtu_min);
	struct tcb_ext *x = tcb_ext(c, t);

	if (!p->plpmtud || !p->pmtud || t->backoff % BASE_RTOS != 0 || t->backoff > 3 * BASE_RTOS ||
		!tcb_in(t, TCPS_SYNCHRONISED))
		return;
	if (t->backoff == 3 * BASE_RTOS) {
		if (x != NULL && x->pl_asked) {
			t->snd_mss = hr_max(t->snd_mss, x->pl_max);
			x->pl_live = x->pl_asked = false;
		}
		return;
	}
	if (t->backoff != BASE_RTOS)
		base = least_mtu(c, t);
	if (head->end - head->seq <= base - fixed_bytes(t) || !lower(c, t, base, now_us, 0))
		return;
	x = tcb_ext(c, t);
	if (x == NULL)
		return;
	x->pl_live = x->pl_asked = true;
	x->pl_end = t->snd_una;
}

/* Payload of a probe that may leave now, 0 = none: a whole one of new data, while all is well. */
uint32_t hr_pmtu_probe_due(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us)
{
	const struct tcb_ext *x = tcb_ext(c, t);
	uint32_t size;

	if (!x->pl_live || x->pl_asked || x->pl_probe != 0 || t->ca_state != CA_OPEN ||
		x->lost_bytes != 0 || t->backoff != 0 ||
		(int32_t)(tcp_ms(now_us) - x->pl_next_ms) < 0)
		return 0;
	/* The size there once was, then halves of what is left. */
	size = x->pl_fail > x->pl_max ? x->pl_max : (t->snd_mss + (uint32_t)x->pl_fail) / 2;
	return size > t->snd_mss ? size : 0;
}

void hr_pmtu_probe_sent(struct tcp_ctx *c, struct tcb *t, uint32_t size)
{
	struct tcb_ext *x = tcb_ext(c, t);

	x->pl_probe = (uint16_t)size;
	x->pl_end = t->snd_nxt;
	x->pl_lost = false;
	hr_count(c->m, HR_C_pmtu_probes);
}

/* A search step is over; when sizes that pass and fail are close, wait for the path to change. */
static void next_step(struct tcb *t, struct tcb_ext *x, uint64_t now_us)
{
	x->pl_probe = 0;
	x->pl_tries = 0;
	x->pl_next_ms = tcp_ms(now_us) + RETRY_MS;
	if (x->pl_fail <= x->pl_max && x->pl_fail <= t->snd_mss + SEARCH_STEP) {
		x->pl_fail = (uint16_t)(x->pl_max + 1);
		x->pl_next_ms = tcp_ms(now_us) + RAISE_MS;
	}
}

uint32_t hr_pmtu_on_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us)
{
	struct tcb_ext *x = tcb_ext(c, t);

	if (x->pl_asked && seq_gt(t->snd_una, x->pl_end)) {
		/* Smaller segments get through where full ones did not. Or it was an outage: the
		 * first probe tells. */
		x->pl_asked = false;
		x->pl_next_ms = tcp_ms(now_us);
		x->pl_live = (t->flags & TF_SACK) != 0;
		hr_count(c->m, HR_C_pmtu_black_holes);
		return TCP_EV_PMTU;
	}
	if (x->pl_probe == 0)
		return 0;
	if (x->pl_lost) {
		/* Inconclusive when more than the probe was lost (RFC 4821 7.6.3). */
		x->pl_lost = false;
		if (t->ca_state == CA_OPEN && ++x->pl_tries >= PROBE_TRIES) {
			x->pl_fail = x->pl_probe;
			next_step(t, x, now_us);
		} else {
			x->pl_probe = 0;
			x->pl_next_ms = tcp_ms(now_us) + RETRY_MS;
		}
	} else if (seq_ge(t->snd_una, x->pl_end)) {
		t->snd_mss = hr_max(t->snd_mss, x->pl_probe);
		t->df_clear = false; /* the probe had DF set */
		hr_count(c->m, HR_C_pmtu_raised);
		next_step(t, x, now_us);
		x->pl_live = t->snd_mss < x->pl_max;
		return TCP_EV_PMTU;
	}
	return 0;
}
