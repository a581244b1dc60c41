/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer: a receiver that remembers what arrived (with losses the script chooses) and a sender
 * whose payload is a function of the sequence number, so that retransmissions in any cut are
 * consistent. It also makes arbitrary segments, near what such a peer could know or far from it.
 */
#include "fuzz_tcp.h"

#define MOST_PAYLOAD 6000u

void fz_peer_init(struct fz *f)
{
	f->peer.rcv_nxt = f->iss;
	f->peer.sent_to = f->irs;
	f->peer.n_held = 0;
	f->peer.dup = (struct tcp_sack){0, 0};
}

static void arrived(struct fz_peer *p, uint32_t seq, uint32_t end)
{
	struct tcp_sack out[FZ_HOLES + 1];
	unsigned n = 0, i = 0;

	if (seq == end)
		return;
	if (seq_le(end, p->rcv_nxt)) {
		p->dup = (struct tcp_sack){seq, end};
		return;
	}
	while (i < p->n_held && seq_lt(p->held[i].right, seq))
		out[n++] = p->held[i++];
	for (; i < p->n_held && seq_le(p->held[i].left, end); i++) {
		seq = seq_min(seq, p->held[i].left);
		end = seq_max(end, p->held[i].right);
	}
	out[n++] = (struct tcp_sack){seq, end};
	while (i < p->n_held)
		out[n++] = p->held[i++];
	p->n_held = RTE_MIN(n, (unsigned)FZ_HOLES);
	memcpy(p->held, out, p->n_held * sizeof(out[0]));
	if (seq_gt(p->held[0].left, p->rcv_nxt))
		return;
	p->rcv_nxt = p->held[0].right;
	p->n_held--;
	memmove(p->held, p->held + 1, p->n_held * sizeof(out[0]));
}

void fz_peer_hears(struct fz *f, const struct tcp_out *o)
{
	uint32_t done = 0, size = o->seg_size != 0 ? o->seg_size : 1;
	struct fz_peer *p = &f->peer;

	if (o->opts & TCPO_TS)
		p->heard_tsval = o->tsval;
	if (o->flags & TCPF_SYN) {
		f->iss = o->seq;
		p->rcv_nxt = o->seq + 1;
		p->n_held = 0;
		return;
	}
	do {
		uint32_t n = RTE_MIN(size, o->payload_len - done);
		bool last = done + n == o->payload_len;
		uint32_t fin = last && (o->flags & TCPF_FIN) ? 1 : 0;

		if (!(p->loss >> (p->loss_at++ & 7) & 1))
			arrived(p, o->seq + done, o->seq + done + n + fin);
		done += n;
	} while (done < o->payload_len);
}

uint32_t fz_peer_tsval(const struct fz *f)
{
	return f->peer.ts0 + (uint32_t)((f->now - f->t0) / 1000);
}

static void put_sack(struct tcp_seg *s, uint32_t left, uint32_t right)
{
	rte_be32_t b[2] = {rte_cpu_to_be_32(left), rte_cpu_to_be_32(right)};

	if (s->sack_n == 4)
		return;
	memcpy(rte_pktmbuf_append(s->m, sizeof(b)), b, sizeof(b));
	s->opts |= TCPO_SACK;
	s->sack_n++;
}

static bool seg_new(struct fz *f, struct tcp_seg *s, uint8_t flags, uint32_t seq, uint32_t ack)
{
	*s = (struct tcp_seg){.m = rte_pktmbuf_alloc(fz_pool),
		.seq = seq,
		.ack = flags & TCPF_ACK ? ack : 0,
		.flags = flags,
		.wnd = f->peer.wnd,
		.ttl = 64,
		.family = hr_key_is6(&f->key) ? 6 : 4,
		.sport = f->key.rport,
		.dport = f->key.lport};
	if (s->m == NULL)
		return false;
	/* A few bytes stand for the headers: offsets are never 0 in life. */
	memset(rte_pktmbuf_append(s->m, 20), 0xee, 20);
	s->sack_off = 20;
	return true;
}

static void put_syn_options(struct fz *f, struct tcp_seg *s)
{
	const struct fz_peer *p = &f->peer;

	if (p->mss != 0) {
		s->opts |= TCPO_MSS;
		s->mss = p->mss;
	}
	s->opts |= p->sack ? TCPO_SACK_OK : 0;
	if (p->scaling) {
		s->opts |= TCPO_WSCALE;
		s->wscale = p->wscale;
	}
}

static void put_timestamp(struct fz *f, struct tcp_seg *s, uint32_t val)
{
	s->opts |= TCPO_TS;
	s->tsval = val;
	s->tsecr = s->flags & TCPF_ACK ? f->peer.heard_tsval : 0;
}

/* Payload behind the headers, in pieces of at most cut bytes, with pad bytes of Ethernet after it.
 */
static void put_payload(struct fz *f, struct tcp_seg *s, uint32_t len, uint32_t cut, unsigned pad)
{
	uint32_t seq = s->seq + !!(s->flags & TCPF_SYN);
	struct rte_mbuf *last = s->m;

	s->payload_off = rte_pktmbuf_data_len(s->m);
	while (s->payload_len < len) {
		uint32_t n = (uint32_t)hr_min(hr_min(cut, 1400), len - s->payload_len);
		uint8_t *p;

		if (s->payload_len != 0) {
			struct rte_mbuf *m = rte_pktmbuf_alloc(fz_pool);

			if (m == NULL)
				break;
			last->next = m;
			last = m;
			s->m->nb_segs++;
		}
		p = rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len);
		for (uint32_t i = 0; i < n; i++)
			p[i] = fz_their_byte(seq + s->payload_len + i);
		last->data_len += (uint16_t)n;
		s->m->pkt_len += n;
		s->payload_len += n;
	}
	memset(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), 0xdd, pad);
	last->data_len += (uint16_t)pad;
	s->m->pkt_len += pad;
}

/* What fits into our window is what a real peer may have sent by now. */
static void note_sent(struct fz *f, uint32_t seq, uint32_t end)
{
	uint32_t adv = fz_rcv_adv(f);

	if (seq_ge(end, fz_rcv_nxt(f)) && seq_le(seq, adv))
		f->peer.sent_to = seq_max(f->peer.sent_to, seq_min(end, adv));
}

static void send_seg(struct fz *f, struct tcp_seg *s)
{
	uint32_t seq = s->seq, end = s->seq + hr_seg_len(s);

	note_sent(f, seq, end);
	fz_feed(f, s);
	/* An ACK that went out first may have opened the window. */
	note_sent(f, seq, end);
}

void fz_peer_says(
	struct fz *f, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len, unsigned with)
{
	struct fz_peer *p = &f->peer;
	struct tcp_seg s;

	if (!seg_new(f, &s, flags, seq, ack))
		return;
	if (p->ts)
		put_timestamp(f, &s, fz_peer_tsval(f));
	if (flags & TCPF_SYN)
		put_syn_options(f, &s);
	if ((with & FZ_SACK) && p->sack) {
		if (p->dup.left != p->dup.right)
			put_sack(&s, p->dup.left, p->dup.right);
		for (unsigned i = p->n_held; i-- > 0;)
			put_sack(&s, p->held[i].left, p->held[i].right);
		p->dup = (struct tcp_sack){0, 0};
	}
	put_payload(f, &s, RTE_MIN(len, MOST_PAYLOAD), 1400, 0);
	send_seg(f, &s);
}

void fz_peer_ack(struct fz *f, unsigned with)
{
	/* SND.NXT of the peer, were it to have sent only what fitted. */
	uint32_t seq = seq_max(fz_rcv_nxt(f), seq_min(f->peer.sent_to, fz_rcv_adv(f)));

	if (seq_lt(f->peer.rcv_nxt, fz_snd_una(f)))
		f->peer.rcv_nxt = fz_snd_una(f);
	fz_peer_says(f, TCPF_ACK, seq, f->peer.rcv_nxt, 0, with);
}

void fz_peer_handshake(struct fz *f)
{
	switch (f->place) {
	case AT_LISTEN:
		fz_peer_says(f, TCPF_SYN, f->irs, 0, 0, 0);
		if (f->cookies && f->place == AT_LISTEN)
			fz_peer_says(f, TCPF_ACK, f->irs + 1, f->peer.rcv_nxt, 0, 0);
		break;
	case AT_SYN:
		fz_peer_says(f, TCPF_ACK, f->irs + 1, f->peer.rcv_nxt, 0, 0);
		break;
	case AT_CONN:
		if (f->t->state == TCPS_SYN_SENT && f->t->snd_nxt != f->t->iss)
			fz_peer_says(f, TCPF_SYN | TCPF_ACK, f->irs, f->t->snd_nxt, 0, 0);
		else
			fz_peer_ack(f, FZ_SACK);
		break;
	default:
		break;
	}
}

/* A signed distance: mostly small, sometimes absurd. */
static uint32_t distance(struct fz *f)
{
	int8_t d = (int8_t)fz_u8(f);

	switch (fz_u8(f) & 7) {
	case 0:
		return (uint32_t)(d * 536);
	case 1:
		return (uint32_t)d << 24;
	case 2:
		return (uint32_t)(d * 7);
	case 3:
		return (uint32_t)d;
	default:
		return 0;
	}
}

static uint32_t raw_seq(struct fz *f, uint8_t how)
{
	const uint32_t base[8] = {fz_rcv_nxt(f), fz_rcv_nxt(f), fz_rcv_adv(f), f->peer.sent_to,
		f->irs, f->read_seq, fz_rcv_nxt(f) - 1, f->edge};

	return base[how & 7] + distance(f);
}

static uint32_t raw_ack(struct fz *f, uint8_t how)
{
	const uint32_t base[8] = {fz_snd_una(f), fz_snd_nxt(f), f->peer.rcv_nxt, f->iss, f->iss + 1,
		fz_snd_nxt(f), fz_snd_nxt(f), fz_snd_una(f)};

	return base[how & 7] + distance(f);
}

static void raw_sacks(struct fz *f, struct tcp_seg *s, uint8_t how)
{
	for (unsigned n = 1 + (how & 3); n > 0; n--) {
		uint32_t left = raw_ack(f, fz_u8(f));
		uint32_t right = how & 4 ? left + fz_u16(f) : raw_ack(f, fz_u8(f));

		put_sack(s, left, right);
	}
}

void fz_peer_raw(struct fz *f)
{
	static const uint8_t usual[8] = {TCPF_ACK, TCPF_ACK | TCPF_PSH, TCPF_ACK | TCPF_FIN,
		TCPF_SYN, TCPF_SYN | TCPF_ACK, TCPF_RST, TCPF_RST | TCPF_ACK, TCPF_ACK | TCPF_URG};
	uint8_t kind = fz_u8(f), what = fz_u8(f), how = fz_u8(f);
	uint8_t flags = kind & 8 ? fz_u8(f) : usual[kind & 7];
	uint32_t seq = raw_seq(f, how), ack = raw_ack(f, how >> 3);
	uint32_t len = kind & 16 ? fz_u16(f) % MOST_PAYLOAD : 0, cut = 1400;
	struct tcp_seg s;

	if (!seg_new(f, &s, flags, seq, ack))
		return;
	if (what & 1)
		s.wnd = fz_u16(f);
	if (what & 2)
		raw_sacks(f, &s, fz_u8(f));
	if (what & 4)
		put_timestamp(f, &s, fz_peer_tsval(f) + distance(f));
	else if (f->peer.ts && !(what & 8))
		put_timestamp(f, &s, fz_peer_tsval(f));
	if ((flags & TCPF_SYN) && !(what & 16))
		put_syn_options(f, &s);
	if ((what & 32) && (s.opts & TCPO_TS))
		s.tsecr = fz_u32(f);
	if (flags & TCPF_URG)
		s.urg = fz_u16(f);
	if (what & 64)
		cut = 1 + fz_u8(f) * 4;
	/* A frame has at most a handful of pieces. */
	len = RTE_MIN(len, cut * 8);
	put_payload(f, &s, len, cut, what & 128 ? 6 : 0);
	send_seg(f, &s);
}
