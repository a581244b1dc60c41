/* SPDX-License-Identifier: BSD-3-Clause */
/* What happened in an input, for the person who has to understand a finding: FUZZ_TRACE=1. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_tcp.h"

static bool wanted(void)
{
	return getenv("FUZZ_TRACE") != NULL;
}

static void begin(const struct fz *f)
{
	fprintf(stderr, "%10.3f ms ", (double)(f->now - f->t0) / 1000);
}

static void flags_print(uint8_t flags)
{
	for (unsigned i = 0; i < 8; i++)
		if (flags & BIT(i))
			fputc("FSRPAUEC"[i], stderr);
}

void fz_trace(const struct fz *f, const char *what)
{
	if (!wanted())
		return;
	begin(f);
	fprintf(stderr, "-- %s\n", what);
}

void fz_trace_seg(const struct fz *f, const struct tcp_seg *s)
{
	if (!wanted())
		return;
	begin(f);
	fprintf(stderr, "< ");
	flags_print(s->flags);
	fprintf(stderr, " seq %d len %u ack %d wnd %u", (int)(s->seq - f->irs), s->payload_len,
		(int)(s->ack - f->iss), s->wnd);
	if (s->opts & TCPO_TS)
		fprintf(stderr, " ts %u ecr %u", s->tsval, s->tsecr);
	for (unsigned i = 0; i < s->sack_n; i++) {
		struct tcp_sack b = hr_seg_sack(s, i);

		fprintf(stderr, " sack %d-%d", (int)(b.left - f->iss), (int)(b.right - f->iss));
	}
	fputc('\n', stderr);
}

void fz_trace_out(const struct fz *f, const struct tcp_out *o)
{
	if (!wanted())
		return;
	begin(f);
	fprintf(stderr, "        > ");
	flags_print(o->flags);
	fprintf(stderr, " seq %d len %u ack %d wnd %u%s", (int)(o->seq - f->iss), o->payload_len,
		(int)(o->ack - f->irs), o->wnd, o->retransmit ? " again" : "");
	for (unsigned i = 0; i < o->sack_n; i++)
		fprintf(stderr, " sack %d-%d", (int)(o->sack[i].left - f->irs),
			(int)(o->sack[i].right - f->irs));
	fputc('\n', stderr);
}

void fz_trace_state(const struct fz *f, uint32_t events)
{
	const struct tcb *t = f->t;

	if (!wanted())
		return;
	begin(f);
	fprintf(stderr,
		"   %s flags %x ev %x una %d nxt %d end %d wnd %u cwnd %u mss %u rcv %d adv %d "
		"held %u "
		"timer %u in %ld us backoff %u ca %u\n",
		hr_tcp_state_name(t->state), t->flags, events, (int)(t->snd_una - f->iss),
		(int)(t->snd_nxt - f->iss), (int)(t->snd_end - f->iss), t->snd_wnd, t->cwnd,
		t->snd_mss, (int)(t->rcv_nxt - f->irs), (int)(t->rcv_adv - f->irs), t->rcv_held,
		t->timer, t->rexmit_at == HR_NEVER ? -1L : (long)(t->rexmit_at - f->now),
		t->backoff, t->ca_state);
}
