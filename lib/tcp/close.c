/* SPDX-License-Identifier: BSD-3-Clause */
/* The application's CLOSE and ABORT calls (RFC 9293 3.10.4, 3.10.5), and RSTs for segments that
 * belong to nobody. */
#include "tcp/core.h"

void hr_tcp_connect(struct tcp_ctx *c, struct tcb *t, const struct tcp_path *path, uint64_t now_us)
{
	const struct hr_tcp_params *p = &c->params[path->params];
	bool v6 = hr_key_is6(&t->key);

	hr_tcb_init(c, t, path->params, hr_tcp_ts_offset(c, &t->key), now_us);
	t->iss = hr_isn(c, &t->key, path, now_us);
	t->snd_una = t->iss;
	t->snd_nxt = t->iss;
	t->snd_end = t->iss + 1;
	t->snd_mss = hr_params_mss(p, v6, path->mtu);
	t->rcv_buf = hr_params_window(p, t->snd_mss);
	t->peer_mss = v6 ? TCP_DEFAULT_MSS6 : TCP_DEFAULT_MSS4;
	t->cwnd = t->snd_mss;
	tcb_enter(t, TCPS_SYN_SENT);
}

uint32_t hr_tcp_close(struct tcp_ctx *c, struct tcb *t, bool deaf, uint64_t now_us)
{
	if (t->state == TCPS_SYN_SENT)
		return hr_tcb_end(t, HR_ABORTED);
	if (deaf && !(t->flags & TF_DEAF)) {
		t->flags |= TF_DEAF;
		t->last_rcv_ms =
			tcp_ms(now_us); /* the orphan's time in FIN-WAIT-2 counts from here */
		/* RFC 9293 3.6.1, SHLD-3: closing with unread data is not an orderly end. */
		if (t->rcv_held != 0)
			return hr_tcp_abort(c, t, HR_ABORTED);
	}
	switch ((enum tcp_state)t->state) {
	case TCPS_SYN_RECEIVED:
		t->flags |= TF_FIN_QUEUED; /* FIN-WAIT-1 follows when the handshake is complete */
		break;
	case TCPS_ESTABLISHED:
		tcb_enter(t, TCPS_FIN_WAIT_1);
		t->flags |= TF_FIN_QUEUED;
		break;
	case TCPS_CLOSE_WAIT:
		tcb_enter(t, TCPS_LAST_ACK);
		t->flags |= TF_FIN_QUEUED;
		break;
	default:
		break;
	}
	return TCP_EV_OUTPUT;
}

uint32_t hr_tcp_abort(struct tcp_ctx *c, struct tcb *t, enum hr_reason reason)
{
	if (t->state == TCPS_CLOSED || (t->flags & TF_SEND_RST))
		return 0;
	t->flags |= TF_SEND_RST;
	t->reason = reason & 0xf;
	return TCP_EV_OUTPUT;
}

/* RFC 9293 3.10.7.1. */
bool hr_tcp_reset_for(const struct tcp_seg *s, struct tcp_out *o)
{
	if (s->flags & TCPF_RST)
		return false;
	memset(o, 0, sizeof(*o));
	o->ttl = 64;
	if (s->flags & TCPF_ACK) {
		o->flags = TCPF_RST;
		o->seq = s->ack;
	} else {
		o->flags = TCPF_RST | TCPF_ACK;
		o->ack = s->seq + hr_seg_len(s);
	}
	return true;
}
