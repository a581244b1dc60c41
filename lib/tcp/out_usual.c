/* SPDX-License-Identifier: BSD-3-Clause */
/* Output for everybody: the short way where it goes (out_usual.h), the ladder of output.c
 * elsewhere. */
#include "tcp/out_usual.h"

void hr_tcp_usual_out(const struct tcb *t, const struct tcp_usual *u, struct tcp_out *o)
{
	memset(o, 0, offsetof(struct tcp_out, sack));
	o->seq = u->seq;
	o->ack = t->rcv_nxt;
	o->payload_len = u->len;
	o->wnd = u->wnd;
	o->seg_size = t->snd_mss;
	o->flags = u->flags;
	o->ttl = u->ttl;
	o->tos = u->tos;
	if (t->flags & TF_TS) {
		o->opts = TCPO_TS;
		o->tsval = u->tsval;
		o->tsecr = t->ts_recent;
	}
}

bool hr_tcp_output(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us,
	struct tcp_out *o, uint32_t *events)
{
	struct tcp_usual u;

	switch (tcp_usual_output(c, t, now_us, &u)) {
	case TCP_USUAL_NOT:
		return hr_tcp_output_any(c, t, max_len, now_us, o, events);
	case TCP_USUAL_SEGMENT:
		hr_tcp_usual_out(t, &u, o);
		break;
	case TCP_USUAL_SILENT:
		*events = 0;
		return false;
	}
	*events = 0;
	return true;
}
