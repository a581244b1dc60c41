/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME-WAIT in 32 or 48 bytes: what RFC 9293 3.10.7.4 says of that state, RFC 1337 (a RST does not
 * end it, unless the parameter says otherwise) and RFC 6191 (a newer timestamp may begin a new
 * connection).
 */
#include "tcp/core.h"

void hr_tw_enter(struct tcp_ctx *c, struct tcp_tw *tw, const struct tcb *t, uint64_t now_us)
{
	tw->rcv_nxt = t->rcv_nxt;
	tw->snd_nxt = t->snd_nxt;
	tw->ts_recent = t->ts_recent;
	tw->due_ms = tcp_ms(now_us) + tcp_params(c, t)->time_wait_ms;
	tw->link = t->flags & TF_TS ? TW_TS : 0;
	hr_count(c->m, HR_C_time_wait_entered);
}

/* RFC 6191 2: newer by timestamp, or by sequence number when there is none to compare. */
static bool may_reopen(const struct tcp_tw *tw, const struct tcp_seg *s)
{
	if ((tw->link & TW_TS) && (s->opts & TCPO_TS) && s->tsval != tw->ts_recent)
		return seq_gt(s->tsval, tw->ts_recent);
	return seq_gt(s->seq, tw->rcv_nxt);
}

static enum tcp_tw_verdict answer(struct tcp_ctx *c, const struct tcp_tw *tw,
	const struct hr_flow_key *k, uint16_t params, uint64_t now_us, struct tcp_out *o)
{
	const struct hr_tcp_params *p = &c->params[params];

	memset(o, 0, sizeof(*o));
	o->flags = TCPF_ACK;
	o->seq = tw->snd_nxt;
	o->ack = tw->rcv_nxt;
	o->ttl = p->ttl;
	o->tos = (uint8_t)(p->dscp << 2);
	if (tw->link & TW_TS) {
		o->opts = TCPO_TS;
		o->tsval = tcp_ms(now_us) + hr_tcp_ts_offset(c, k);
		o->tsecr = tw->ts_recent;
	}
	return TW_ANSWER;
}

enum tcp_tw_verdict hr_tw_input(struct tcp_ctx *c, struct tcp_tw *tw, const struct hr_flow_key *k,
	uint16_t params, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o,
	enum hr_drop *drop)
{
	bool old_ts = (tw->link & TW_TS) && (s->opts & TCPO_TS) && seq_lt(s->tsval, tw->ts_recent);

	*drop = DROP_tcp_time_wait;
	if (s->flags & TCPF_RST) {
		/* RFC 1337: a RST that old duplicates provoke must not end this. One that answers
		 * our answer to a SYN comes from a peer that has forgotten the connection and wants
		 * a new one. */
		if (s->seq != tw->rcv_nxt || (c->params[params].rfc1337 && !(tw->link & TW_SYN)))
			return TW_DROP;
		*drop = DROP_NONE;
		hr_count(c->m, HR_C_rst_in);
		return TW_END;
	}
	if ((s->flags & (TCPF_SYN | TCPF_ACK | TCPF_FIN)) == TCPF_SYN && may_reopen(tw, s)) {
		*drop = DROP_NONE;
		return TW_REOPEN;
	}
	/* An empty ACK where it should be needs no answer. */
	if (hr_seg_len(s) == 0 && s->seq == tw->rcv_nxt && !old_ts)
		return TW_DROP;
	if ((s->flags & TCPF_FIN) && !old_ts && s->seq + hr_seg_len(s) == tw->rcv_nxt) {
		*drop = DROP_NONE; /* the peer repeats its FIN: our ACK was lost. 2 MSL starts again
				    */
		tw->due_ms = tcp_ms(now_us) + c->params[params].time_wait_ms;
		return answer(c, tw, k, params, now_us, o);
	}
	if (s->flags & TCPF_SYN)
		tw->link |= TW_SYN;
	/* RFC 5961 7: a limit of the entry's own; a shared one could be counted from outside. */
	if ((tw->link & TW_ANSWERS) == TW_ANSWERS) {
		hr_count(c->m, HR_C_challenge_acks_limited);
		return TW_DROP;
	}
	tw->link += TW_ANSWER_ONE;
	hr_count(c->m, HR_C_challenge_acks);
	return answer(c, tw, k, params, now_us, o);
}

bool hr_tw_reusable(
	const struct tcp_ctx *c, const struct tcp_tw *tw, uint16_t params, uint64_t now_us)
{
	const struct hr_tcp_params *p = &c->params[params];
	uint32_t entered_ms = tw->due_ms - p->time_wait_ms;

	/* The peer tells the incarnations apart by our timestamp: it must have ticked, and old
	 * segments must be gone. */
	return p->tw_reuse && p->timestamps && (tw->link & TW_TS) &&
	       (int32_t)(tcp_ms(now_us) - entered_ms) > 1000;
}
