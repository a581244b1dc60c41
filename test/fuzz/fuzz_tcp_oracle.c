/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold whatever the network, the application and the clock do: every segment we say is
 * one a TCP may say (RFC 9293 3.8, 3.10), every byte that comes out is the one that went in, every
 * event is told once.
 */
#include "fuzz_tcp.h"

/* Byte of the peer's stream at a sequence number, of ours at an offset. */
uint8_t fz_their_byte(uint32_t seq)
{
	return (uint8_t)(seq * 131 + (seq >> 8) * 17 + 7);
}

uint8_t fz_our_byte(uint64_t at)
{
	return (uint8_t)(at * 197 + (at >> 8) * 29 + 3);
}

static unsigned mss_of_path(const struct fz *f)
{
	unsigned most = f->path.mtu - (hr_key_is6(&f->key) ? 60u : 40u);

	return f->params.mss != 0 ? RTE_MIN(most, (unsigned)f->params.mss) : most;
}

/* The header that proto/ makes of it, and that it fits (RFC 6691: options are part of the MSS). */
static void judge_size(const struct fz *f, const struct tcp_out *o)
{
	unsigned opts = hr_tcp_options_len(o);
	uint8_t buf[60];

	must(opts <= 40);
	must(hr_tcp_header_write(buf, o, 1, 2) == 20 + opts);
	must(o->ttl == f->params.ttl && o->tos >> 2 == f->params.dscp);
	/* RFC 3168 6.1: ECT(0) on data of a connection that agreed on ECN, on nothing else. */
	must((o->tos & 3) == 0 || ((o->tos & 3) == 2 && f->t != NULL && (f->t->flags & TF_ECN) &&
					  o->payload_len != 0));
	if (o->payload_len == 0)
		return;
	must(o->seg_size != 0);
	must(RTE_MIN(o->payload_len, (uint32_t)o->seg_size) + opts <=
		RTE_MIN((unsigned)f->t->peer_mss, mss_of_path(f)));
}

/* Every byte of [seq, end) lies in the out-of-order queue. */
static bool is_held(const struct fz *f, uint32_t seq, uint32_t end)
{
	const struct tcb_ext *x = f->t->ext ? hr_slab_at(f->ctx.exts, f->t->ext) : NULL;
	struct rte_mbuf *m;

	if (x == NULL || x->ooo == NULL)
		return false;
	m = x->ooo;
	do {
		const struct hr_mark *k;

		m = hr_mark(m, f->ctx.mark_off)->next;
		k = hr_mark(m, f->ctx.mark_off);
		if (seq_le(k->seq, seq) && seq_gt(k->seq + k->len, seq))
			seq = k->seq + k->len;
	} while (seq_lt(seq, end) && m != x->ooo);
	return seq_ge(seq, end);
}

/* RFC 2018 3 and 4, RFC 2883 4: SACK tells of what is held; only the first block may repeat. */
static void judge_sacks(const struct fz *f, const struct tcb *before, const struct tcp_out *o)
{
	must((o->opts & TCPO_SACK) == 0 || (f->t->flags & TF_SACK));
	must(((o->opts & TCPO_SACK) != 0) == (o->sack_n != 0));
	must(o->sack_n <= (o->opts & TCPO_TS ? 3 : 4));
	for (unsigned i = 0; i < o->sack_n; i++) {
		const struct tcp_sack *b = &o->sack[i];

		must(seq_lt(b->left, b->right) && seq_le(b->right, f->t->rcv_adv));
		if (i == 0 && (before->flags & TF_DSACK))
			continue;
		must(seq_gt(b->left, o->ack));
		must(is_held(f, b->left, b->right));
	}
}

static void judge_options(const struct fz *f, const struct tcb *before, const struct tcp_out *o)
{
	bool syn_sent = before->state == TCPS_SYN_SENT;

	if (o->flags & TCPF_SYN) {
		must(tcb_in(before, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED)));
		must(((o->flags & TCPF_ACK) == 0) == syn_sent);
		must(o->seq == before->iss && o->payload_len == 0 && (o->opts & TCPO_MSS));
		must(o->mss_opt != 0 && o->mss_opt <= mss_of_path(f));
		must(!(o->opts & TCPO_SACK));
		return;
	}
	must(!syn_sent);
	must(!(o->opts & ~(TCPO_TS | TCPO_SACK)));
	must(((o->opts & TCPO_TS) != 0) == ((before->flags & TF_TS) != 0));
	judge_sacks(f, before, o);
}

/* RFC 9293 3.8.6, SHLD-14: the right edge never moves left, nor does the acknowledgment. */
static void judge_edge(struct fz *f, const struct tcp_out *o)
{
	unsigned shift = 0;
	uint32_t edge;

	if (o->flags & TCPF_SYN)
		f->shift = o->opts & TCPO_WSCALE ? o->wscale : 0;
	else if (f->place == AT_CONN)
		shift = f->t->rcv_scale;
	else if (f->place == AT_SYN && f->syn.wscale != 15)
		shift = f->shift;
	if (!(o->flags & TCPF_ACK))
		return;
	edge = o->ack + ((uint32_t)o->wnd << shift);
	if (f->edge_valid) {
		must(seq_ge(o->ack, f->acked));
		/* RFC 7323 2.4: but for the rounding of the scale; a SYN that is repeated after an
		 * ACK has no scale to say as much. */
		must(seq_gt(edge + (1u << shift), f->edge) || (o->flags & (TCPF_RST | TCPF_SYN)));
	}
	f->acked = o->ack;
	f->edge = f->edge_valid ? seq_max(f->edge, edge) : edge;
	f->edge_valid = true;
}

/* The bytes are the ones the application queued; each is where its sequence number says. */
static void judge_payload(struct fz *f, const struct tcp_out *o)
{
	uint32_t done = 0;

	while (done < o->payload_len) {
		uint64_t at = hr_tcp_send_offset(f->t, o->seq + done);
		struct rte_mbuf *m;
		uint8_t *data;
		uint32_t n = hr_tcp_send_find(&f->ctx, f->t, o->seq + done, &m, &data);

		must(n != 0);
		must((uint32_t)at == o->seq + done - f->t->iss - 1 && at < f->wrote);
		n = RTE_MIN(n, o->payload_len - done);
		for (uint32_t i = 0; m != NULL && i < n; i++)
			must(data[i] == fz_our_byte(at + i));
		done += n;
	}
}

void fz_judge_out(struct fz *f, const struct tcb *before, uint32_t max_len, const struct tcp_out *o)
{
	uint32_t end = o->seq + o->payload_len + !!(o->flags & TCPF_FIN);

	must((o->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != 0);
	must(!(o->flags & TCPF_RST) || (o->payload_len == 0 && !(o->flags & TCPF_FIN)));
	must(!(o->flags & TCPF_FIN) || (f->t->flags & TF_FIN_QUEUED));
	must(seq_ge(o->seq, before->snd_una - 1) && seq_le(o->seq, before->snd_end + 1));
	must(seq_le(end, f->t->snd_nxt) || (o->flags & TCPF_SYN));
	/* RFC 4821 7.2: a probe of the path MTU is one segment, larger than the others. */
	must(o->payload_len <= RTE_MAX(max_len, (uint32_t)before->snd_mss) ||
		(!o->retransmit && o->payload_len == o->seg_size));
	judge_size(f, o);
	judge_options(f, before, o);
	judge_edge(f, o);
	if (o->payload_len == 0)
		return;
	must(!o->retransmit || seq_le(end, before->snd_nxt));
	must(o->retransmit || o->seq == before->snd_nxt);
	/* SHLD-15, MUST-34: nothing beyond what the peer offered at any time. */
	must(f->offer_valid && seq_le(o->seq + o->payload_len, f->offered));
	judge_payload(f, o);
}

void fz_judge_answer(struct fz *f, const struct tcp_out *o)
{
	must((o->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)) != 0 && o->payload_len == 0);
	must(o->sack_n == 0 && hr_tcp_options_len(o) <= 40);
	if (!(o->flags & TCPF_RST) && f->place != AT_TW)
		judge_edge(f, o);
}

void fz_judge_events(struct fz *f, uint32_t ev)
{
	f->opens += !!(ev & TCP_EV_OPEN);
	f->eofs += !!(ev & TCP_EV_EOF);
	f->closes += !!(ev & TCP_EV_CLOSED);
	must(f->opens <= 1 && f->eofs <= 1 && f->closes <= 1);
	must(hr_tcp_ev_drop(ev) < DROP_COUNT);
	must((f->closes == 1) == tcb_in(f->t, BIT(TCPS_CLOSED) | BIT(TCPS_TIME_WAIT)));
	must(!(ev & TCP_EV_TIMEWAIT) || ((ev & TCP_EV_CLOSED) && f->t->state == TCPS_TIME_WAIT));
	must(f->t->state != TCPS_CLOSED || f->t->reason < HR_REASON_COUNT);
	must(!(ev & TCP_EV_DATA) || f->t->rcv_held != 0);
}

void fz_judge_state(struct fz *f)
{
	const struct tcb *t = f->t;

	hr_tcb_check(&f->ctx, t);
	if (t->state == TCPS_CLOSED || t->state == TCPS_SYN_SENT)
		return;
	/* What was acknowledged is in the queue or was read, nothing else is. */
	must(t->rcv_nxt - t->rcv_held - !!(t->flags & TF_FIN_RCVD) == f->read_seq);
	/* Flow control: what is held and what is offered fit the buffer. */
	must(t->rcv_held + (t->rcv_adv - t->rcv_nxt) <= t->rcv_buf + (1u << t->rcv_scale));
	must(!(t->flags & TF_FIN_RCVD) == (f->eofs == 0));
}

void fz_read(struct fz *f, uint32_t n)
{
	struct rte_mbuf *m = NULL;
	const uint8_t *data;
	uint32_t len, done = 0;

	while (done < n) {
		must(hr_tcp_unread(&f->ctx, f->t, &m, &data, &len));
		len = RTE_MIN(len, n - done);
		for (uint32_t i = 0; i < len; i++)
			must(data[i] == fz_their_byte(f->read_seq + done + i));
		done += len;
	}
	f->read_seq += n;
	hr_tcp_consume(&f->ctx, f->t, n, f->now);
}
