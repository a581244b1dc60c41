/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passive opens in 48 bytes (RFC 4987): a SYN to a listener becomes a struct tcp_syn, the
 * handshake's last ACK makes a connection of it. SYN-RECEIVED of RFC 9293 3.10.7.4 for these
 * compact entries. Cookies are syncookie.c.
 */
#include "tcp/core.h"
#include "tcp/syn.h"

/*
 * The peer's MSS in twelve bits: as it is up to 2047, beyond that rounded down in steps of 31
 * (RFC 9293 MUST-16: never more than was announced).
 */
#define MSS_EXACT 2048u
#define MSS_STEP  31u

uint16_t hr_syn_mss(const struct tcp_syn *e)
{
	uint32_t code = (uint32_t)e->mss;

	return (uint16_t)(code < MSS_EXACT ? code : MSS_EXACT + (code - MSS_EXACT) * MSS_STEP);
}

void hr_syn_set_mss(struct tcp_syn *e, uint16_t mss)
{
	uint32_t code = mss < MSS_EXACT ? mss : MSS_EXACT + (mss - MSS_EXACT) / MSS_STEP;

	e->mss = code & 0xfff;
}

uint32_t hr_syn_timeout_us(const struct hr_tcp_params *p, unsigned n)
{
	return (uint32_t)hr_min((uint64_t)p->rto_init_us << hr_min(n, 16u),
		(uint64_t)hr_min(p->rto_max_us, 60000000u));
}

/* What of the peer's offer we take up. */
void hr_syn_fill(const struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s)
{
	const struct hr_tcp_params *p = &c->params[path->params];

	memset(e, 0, sizeof(*e));
	e->key = *k;
	e->irs = s->seq;
	e->ts = (s->opts & TCPO_TS) && p->timestamps;
	e->tsval = e->ts ? s->tsval : 0;
	e->sack = (s->opts & TCPO_SACK_OK) && p->sack;
	e->wscale = (s->opts & TCPO_WSCALE) && p->wscale != 0
			    ? hr_min(s->wscale, TCP_MAX_WSCALE) & 0xf
			    : 15;
	hr_syn_set_mss(e, s->opts & TCPO_MSS
				  ? s->mss
				  : (s->family == 6 ? TCP_DEFAULT_MSS6 : TCP_DEFAULT_MSS4));
	e->ecn = hr_ecn_accept_syn(p, s);
}

enum hr_drop hr_syn_open(struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o)
{
	if (s->flags & TCPF_FIN)
		return DROP_tcp_syn_bad;
	hr_syn_fill(c, e, k, path, s);
	e->iss = hr_isn(c, k, path, now_us);
	hr_syn_set_ts_off(c, e);
	hr_count(c->m, HR_C_syn_received);
	hr_syn_ack(c, e, path, now_us, o);
	return DROP_NONE;
}

/* RFC 7323 2.2: in a SYN never more than 16 bits can tell. Timestamps take room of each segment. */
static uint32_t syn_window(
	const struct tcp_ctx *c, const struct tcp_syn *e, const struct tcp_path *path)
{
	const struct hr_tcp_params *p = &c->params[path->params];
	uint32_t mss = hr_params_mss(p, hr_key_is6(&e->key), path->mtu);

	return hr_params_window(p, mss - (e->ts ? TCP_TS_OPT_BYTES : 0));
}

void hr_syn_ack(struct tcp_ctx *c, const struct tcp_syn *e, const struct tcp_path *path,
	uint64_t now_us, struct tcp_out *o)
{
	const struct hr_tcp_params *p = &c->params[path->params];

	memset(o, 0, offsetof(struct tcp_out, sack)); /* no blocks: sack_n is 0 */
	o->flags = (uint8_t)(TCPF_SYN | TCPF_ACK | (e->ecn ? TCPF_ECE : 0));
	o->seq = e->iss;
	o->ack = e->irs + 1;
	o->wnd = (uint16_t)hr_min(syn_window(c, e, path), (uint32_t)UINT16_MAX);
	o->syn_order = p->syn_order;
	o->opts = TCPO_MSS;
	o->mss_opt = hr_params_mss(p, hr_key_is6(&e->key), path->mtu);
	o->ttl = p->ttl;
	o->may_fragment = !p->pmtud;
	o->tos = (uint8_t)(p->dscp << 2);
	if (e->ts) {
		o->opts |= TCPO_TS;
		o->tsval = tcp_ms(now_us) + hr_syn_ts_off(c, e);
		o->tsecr = e->tsval;
	}
	if (e->sack)
		o->opts |= TCPO_SACK_OK;
	if (e->wscale != 15) {
		o->opts |= TCPO_WSCALE;
		o->wscale = hr_params_wscale(p);
	}
}

/* The ACK that an unacceptable segment earns: one after each SYN-ACK (RFC 5961 7). */
static enum tcp_syn_verdict answer_ack(struct tcp_ctx *c, struct tcp_syn *e,
	const struct tcp_path *path, uint64_t now_us, struct tcp_out *o, enum hr_drop *drop)
{
	*drop = DROP_tcp_syn_entry;
	if (e->challenged) {
		hr_count(c->m, HR_C_challenge_acks_limited);
		return SYN_DROP;
	}
	e->challenged = 1;
	hr_count(c->m, HR_C_challenge_acks);
	hr_syn_ack(c, e, path, now_us, o);
	o->flags = TCPF_ACK;
	o->seq++;
	if (o->opts & TCPO_WSCALE) /* RFC 7323 2.2: only a SYN's window is not scaled */
		o->wnd = (uint16_t)(o->wnd >> o->wscale);
	o->opts &= TCPO_TS;
	return SYN_ANSWER;
}

/* RFC 9293 3.10.7.4 for SYN-RECEIVED reached from LISTEN, with the cautions of RFC 5961. */
enum tcp_syn_verdict hr_syn_input(struct tcp_ctx *c, struct tcp_syn *e, const struct tcp_path *path,
	const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o, enum hr_drop *drop)
{
	uint32_t nxt = e->irs + 1;
	uint32_t wnd = hr_min(syn_window(c, e, path), (uint32_t)UINT16_MAX);

	*drop = DROP_NONE;
	if ((s->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == TCPF_SYN && s->seq == e->irs) {
		/* RFC 3168 6.1.1: one SYN without the bits, and there is no ECN. */
		if (!hr_ecn_accept_syn(&c->params[path->params], s))
			e->ecn = 0;
		hr_syn_ack(c, e, path, now_us, o); /* our SYN-ACK was lost, or is late */
		return SYN_ANSWER;
	}
	if (e->ts && !(s->flags & TCPF_RST)) {
		if (!(s->opts & TCPO_TS)) {
			*drop = DROP_tcp_no_timestamp;
			return SYN_DROP;
		}
		if (seq_lt(s->tsval, e->tsval)) {
			enum tcp_syn_verdict verdict = answer_ack(c, e, path, now_us, o, drop);

			*drop = DROP_tcp_paws;
			return verdict;
		}
	}
	if (seq_lt(s->seq, nxt) || seq_ge(s->seq, nxt + wnd)) {
		if (!(s->flags & TCPF_RST))
			return answer_ack(c, e, path, now_us, o, drop);
		*drop = DROP_tcp_rst_window;
		return SYN_DROP;
	}
	if (s->flags & TCPF_RST) {
		/* MUST-11: back to LISTEN without a word to anybody. */
		if (s->seq == nxt) {
			hr_count(c->m, HR_C_rst_in);
			return SYN_RESET;
		}
		return answer_ack(c, e, path, now_us, o, drop);
	}
	if (s->flags & TCPF_SYN)
		return answer_ack(c, e, path, now_us, o, drop);
	if (!(s->flags & TCPF_ACK)) {
		*drop = DROP_tcp_flags;
		return SYN_DROP;
	}
	if (s->ack != e->iss + 1) { /* ACK == ISS acknowledges nothing */
		*drop = DROP_tcp_syn_entry;
		return hr_tcp_reset_for(s, o) ? SYN_ANSWER : SYN_DROP;
	}
	return SYN_ACCEPT;
}

void hr_tcp_accept(struct tcp_ctx *c, struct tcb *t, const struct tcp_syn *e,
	const struct tcp_path *path, uint64_t now_us)
{
	const struct hr_tcp_params *p = &c->params[path->params];

	t->key = e->key;
	if (likely(!hr_key_is6(&e->key)))
		t->key.raddr[3] = 0;
	hr_tcb_init(c, t, path->params, hr_syn_ts_off(c, e), now_us);
	t->flags |= (e->ecn ? TF_ECN : 0) | TF_PASSIVE | (e->retries != 0 ? TF_TIMED_SYN : 0);
	t->iss = e->iss;
	t->snd_una = e->iss;
	t->snd_nxt = e->iss + 1;
	t->snd_end = t->snd_nxt;
	t->rcv_nxt = e->irs + 1;
	t->rcv_buf = syn_window(c, e, path);
	t->rcv_adv = t->rcv_nxt + hr_min(t->rcv_buf, (uint32_t)UINT16_MAX);
	t->last_ack_sent = t->rcv_nxt;
	t->ts_recent = e->tsval;
	t->ts_recent_ms = tcp_ms(now_us);
	t->snd_mss = hr_params_mss(p, hr_key_is6(&t->key), path->mtu);
	t->peer_mss = hr_max(hr_syn_mss(e), (uint16_t)TCP_MIN_MSS);
	hr_tcb_peer_options(c, t, e->ts, e->sack, e->wscale != 15, e->wscale);
	tcb_enter(t, TCPS_SYN_RECEIVED);
	/* RFC 6298 2.2: the SYN-ACK and its ACK are a first sample, if it was sent once; timestamps
	 * tell by themselves. The time of sending is known to half a millisecond: not below. */
	if (e->due != 0 && e->retries == 0 && !e->ts) {
		uint64_t sent_us = hr_syn_due_us(e, now_us) - hr_syn_timeout_us(p, 0);

		hr_rtt_sample(c, t, (uint32_t)(now_us - sent_us) + HR_SYN_DUE_US, 0, now_us);
	}
}
