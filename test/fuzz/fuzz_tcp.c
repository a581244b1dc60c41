/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target for tcp/: bytes are a world and a script of segments, application calls and time for
 * one connection, which this file drives as the engine does (listener, half-open entry or cookie,
 * connection, TIME-WAIT entry). After the script a peer that acknowledges everything must be able
 * to bring the connection to its end: what hangs is a finding as much as what crashes.
 *
 *   9 bytes of world (see make_world()), then steps: one byte names it (see step()), its arguments
 *   follow; bytes behind the end are 0.
 */
#include <stdlib.h>

#include "common/eal.h"
#include "fuzz_tcp.h"

#define IN_MAX     2048
#define STEPS_MAX  400
#define MBUFS      2500
#define WROTE_MAX  (4u << 20)
#define END_ROUNDS 3000
#define SEC(n)     ((uint64_t)(n)*1000000)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hr_slab ranges, exts;
static int mark_off;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256] = "";

	test_eal_start(64);
	fz_pool_create(MBUFS);
	mark_off = hr_mark_register(err, sizeof(err));
	must(mark_off >= 0);
	must(hr_slab_init(&ranges, "ranges", sizeof(struct tx_range), 1u << 16, -1, err,
		     sizeof(err)) == 0);
	must(hr_slab_init(&exts, "exts", sizeof(struct tcb_ext), 64, -1, err, sizeof(err)) == 0);
	return 0;
}

uint8_t fz_u8(struct fz *f)
{
	return f->p < f->end ? *f->p++ : 0;
}

uint16_t fz_u16(struct fz *f)
{
	uint8_t lo = fz_u8(f);

	return (uint16_t)(fz_u8(f) << 8 | lo);
}

uint32_t fz_u32(struct fz *f)
{
	uint16_t lo = fz_u16(f);

	return (uint32_t)fz_u16(f) << 16 | lo;
}

/* --- the application */

static uint32_t may_send(struct fz *f, uint32_t want)
{
	int64_t room = hr_tcp_send_room(&f->ctx, f->t);

	if (room < 0 || f->closes != 0 || f->wrote >= WROTE_MAX)
		return 0;
	if (want > room)
		f->t->flags |= TF_WANT_ROOM;
	return (uint32_t)RTE_MIN(room, (int64_t)want);
}

static void send_copy(struct fz *f, uint32_t want)
{
	uint32_t left = may_send(f, want);

	while (left > 0) {
		struct rte_mbuf *m = hr_tcp_send_tail(&f->ctx, f->t);
		struct hr_mark *k = m != NULL ? hr_mark(m, mark_off) : NULL;
		uint32_t off = m != NULL ? (uint32_t)k->off + k->len : 128, n;
		bool grow = m != NULL && off < 1500;

		if (!grow) {
			off = 128;
			m = rte_pktmbuf_alloc(fz_pool);
			if (m == NULL)
				return;
		}
		n = RTE_MIN(left, 1600 - off);
		for (uint32_t i = 0; i < n; i++)
			((uint8_t *)m->buf_addr)[off + i] = fz_our_byte(f->wrote + i);
		if (grow)
			hr_tcp_send_grow(&f->ctx, f->t, (uint16_t)n);
		else
			hr_tcp_send_mbuf(&f->ctx, f->t, m, (uint16_t)off, (uint16_t)n);
		f->wrote += n;
		left -= n;
	}
}

static void send_pull(struct fz *f, uint32_t want)
{
	uint32_t n = may_send(f, want);

	hr_tcp_send_pull(&f->ctx, f->t, n);
	f->wrote += n;
}

static void app_step(struct fz *f, uint8_t what)
{
	static const char *const names[8] = {
		"send", "pull", "read", "read all", "urgent", "shutdown", "close", "abort"};
	uint32_t ev = 0;

	fz_trace(f, names[what & 7]);
	fz_starve(f);
	switch (what) {
	case 0:
		send_copy(f, fz_u16(f) % 9000);
		break;
	case 1:
		send_pull(f, fz_u16(f) * 4u);
		break;
	case 2:
		fz_read(f, RTE_MIN(f->t->rcv_held, (uint32_t)fz_u16(f)));
		break;
	case 3:
		fz_read(f, f->t->rcv_held);
		break;
	case 4:
		if (hr_tcp_send_room(&f->ctx, f->t) >= 0 && f->closes == 0)
			(void)hr_tcp_urgent(&f->ctx, f->t);
		break;
	case 5:
	case 6:
		if (f->closes == 0)
			ev = hr_tcp_close(&f->ctx, f->t, what == 6, f->now);
		break;
	default:
		if (f->closes == 0)
			ev = hr_tcp_abort(&f->ctx, f->t, HR_ABORTED);
		break;
	}
	fz_told(f, ev);
}

/* --- time */

static uint64_t deadline(const struct fz *f)
{
	return f->place == AT_CONN ? hr_tcp_deadline(&f->ctx, f->t, f->now) : HR_NEVER;
}

static void syn_timer(struct fz *f)
{
	struct tcp_out o;

	if (f->place != AT_SYN)
		return;
	if (f->syn.retries >= f->params.syn_retries) {
		f->place = AT_LISTEN;
		return;
	}
	f->syn.retries++;
	hr_syn_ack(&f->ctx, &f->syn, &f->path, f->now, &o);
	f->now += hr_syn_timeout_us(&f->params, f->syn.retries);
	fz_answer(f, &o);
}

/* To the deadline (not before now), a number of times. */
static void run_deadlines(struct fz *f, unsigned n)
{
	syn_timer(f);
	while (n-- > 0 && f->place == AT_CONN && deadline(f) != HR_NEVER) {
		f->now = RTE_MAX(f->now, deadline(f));
		fz_settle(f);
	}
}

/* A jump past deadlines: a machine that slept. */
static void jump(struct fz *f, uint64_t us)
{
	f->now += us;
	fz_settle(f);
}

static void icmp(struct fz *f)
{
	static const uint8_t kinds[8][2] = {
		{3, 4}, {3, 3}, {3, 2}, {3, 1}, {2, 0}, {1, 4}, {4, 1}, {11, 0}};
	uint8_t how = fz_u8(f), family = hr_key_is6(&f->key) ? 6 : 4;
	uint32_t seq = fz_snd_una(f) + (how & 8 ? fz_u16(f) : 0);
	uint32_t mtu = how & 16 ? fz_u32(f) : fz_u16(f) % 1600;

	fz_starve(f);
	fz_told(f, hr_tcp_icmp(&f->ctx, f->t, family, kinds[how & 7][0], kinds[how & 7][1], seq,
			   mtu, f->now));
}

/* --- the script */

/* The peer's stream: the next bytes, bytes behind a gap, or what we miss again. */
static void peer_data(struct fz *f, uint8_t what)
{
	uint32_t len = fz_u8(f) * 12u, room, seq = seq_max(f->peer.sent_to, fz_rcv_nxt(f));

	if (what == 1)
		seq += fz_u8(f) * 12u + 1;
	else if (what == 2)
		seq = fz_rcv_nxt(f);
	room = seq_gt(fz_rcv_adv(f), seq) ? fz_rcv_adv(f) - seq : 0;
	fz_peer_says(f, TCPF_ACK | (what == 3 ? TCPF_FIN : 0), seq, f->peer.rcv_nxt,
		RTE_MIN(len, room), FZ_SACK);
}

static void conn_step(struct fz *f, uint8_t op)
{
	static const uint64_t far_s[4] = {120, 3600, 86400, 30 * 86400};
	uint32_t una = fz_snd_una(f);

	switch (op) {
	case 0 ... 7:
		app_step(f, op);
		break;
	case 8:
		f->peer.wnd = fz_u16(f);
		fz_peer_ack(f, FZ_SACK);
		break;
	case 9: /* only a part, or old */
		fz_peer_says(f, TCPF_ACK, seq_max(fz_rcv_nxt(f), f->peer.sent_to),
			una + (uint32_t)((uint64_t)(fz_snd_nxt(f) - una) * fz_u8(f) / 255), 0, 0);
		break;
	case 10:
	case 11:
		fz_peer_ack(f, op == 10 ? FZ_SACK : 0);
		break;
	case 12 ... 15:
		peer_data(f, op - 12);
		break;
	case 16:
		icmp(f);
		break;
	case 17:
		run_deadlines(f, 1);
		break;
	case 18:
		run_deadlines(f, fz_u8(f) & 31);
		break;
	case 19:
		jump(f, fz_u16(f) * 10);
		break;
	case 20:
		jump(f, SEC(far_s[fz_u8(f) & 3]));
		break;
	default:
		break;
	}
}

static void step(struct fz *f)
{
	uint8_t op = fz_u8(f);

	switch (op & 63) {
	case 0 ... 20:
		if (f->place == AT_CONN)
			conn_step(f, op & 63);
		else
			jump(f, fz_u16(f) * 1000);
		break;
	case 21 ... 30:
		fz_peer_raw(f);
		break;
	case 31 ... 33:
		fz_peer_handshake(f);
		break;
	case 34:
		f->peer.loss = fz_u8(f);
		break;
	case 35:
		f->max_len = fz_u16(f);
		break;
	case 36:
		f->starve = fz_u8(f) & (FZ_STARVE_RANGES | FZ_STARVE_EXTS);
		break;
	case 37 ... 39:
		f->in_turn = !f->in_turn;
		fz_settle(f);
		break;
	case 40 ... 42:
		run_deadlines(f, 1);
		break;
	case 43 ... 48:
		if (f->place == AT_CONN)
			peer_data(f, op & 1);
		break;
	case 49 ... 55:
		fz_peer_ack(f, FZ_SACK);
		break;
	case 56 ... 60:
		jump(f, (op & 7) * 2500u);
		break;
	default:
		if (f->place == AT_CONN)
			app_step(f, op & 3);
		break;
	}
}

/* --- the beginning and the end */

static void make_params(struct fz *f)
{
	static const uint32_t rcv[4] = {2048, 8192, 65535, 1u << 20},
			      delack[4] = {40000, 0, 499999, 1};
	static const uint32_t snd[4] = {65536, 2048, 8192, 1u << 18};
	static const uint16_t mtu4[4] = {1500, 576, 9000, 120}, mtu6[4] = {1500, 1280, 9000, 1280};
	static const uint16_t peer_mss[4] = {1460, 536, 1, 65535}, mss[4] = {0, 48, 1000, 0};
	struct hr_tcp_params *p = &f->params;
	uint8_t a = fz_u8(f), b = fz_u8(f), c = fz_u8(f), d = fz_u8(f);
	char err[256];

	*p = hr_tcp_params_default;
	p->timestamps = (a & 1) == 0;
	p->sack = (a & 2) == 0;
	p->nagle = (a & 16) == 0;
	p->keepalive_ms = a & 32 ? 5000 : 0;
	p->keepalive_interval_ms = 1000;
	p->user_timeout_ms = a & 64 ? 30000 : 0;
	p->ack_every = a & 128 ? 1 : 2;
	p->rcv_buf_bytes = rcv[b & 3];
	p->wscale = a & 4 ? (a & 8 ? (b & 2 ? 14 : 10) : 0) : 255;
	p->snd_buf_bytes = snd[b >> 2 & 3];
	p->delack_us = delack[b >> 4 & 3];
	p->iw_segments = b & 64 ? 1 : 10;
	p->fin_wait2_ms = b & 128 ? 1 : 60000;
	f->path.mtu = f->key.laddr_id & HR_LADDR_V6 ? mtu6[c & 3] : mtu4[c & 3];
	f->peer.mss = c & 64 ? 0 : peer_mss[c >> 2 & 3];
	p->mss = mss[c >> 4 & 3];
	p->retries = c & 128 ? 2 : 15;
	p->rto_min_us = d & 1 ? 1000 : 200000;
	p->rto_max_us = d & 2 ? 600000000 : 120000000;
	p->time_wait_ms = d & 4 ? 0 : 60000;
	p->connect_timeout_ms = d & 8 ? 1000 : 190000;
	p->keepalive_probes = 2;
	p->dscp = d & 16 ? 46 : 0;
	f->peer.scaling = (d & 32) == 0;
	f->peer.ts = p->timestamps && !(d & 64);
	f->peer.sack = (d & 128) == 0;
	must(hr_tcp_params_check(p, err, sizeof(err)) == 0);
	must(hr_tcp_params_add(&f->ctx, p) == 0);
}

static void make_world(struct fz *f)
{
	static const uint32_t seqs[4] = {1000, 0xffffff00, 0x7fffff80, 0xfffffffb};
	/* 1 s; just before 2^32 us and 2^32 ms; before the ms clock changes sign */
	static const uint64_t starts[4] = {SEC(1), (UINT64_C(1) << 32) - 300000,
		(UINT64_C(1) << 32) * 1000 - 500000, (UINT64_C(1) << 31) * 1000 - 500000};
	uint8_t a = fz_u8(f), b = fz_u8(f), c = fz_u8(f);
	uint16_t wnd = fz_u16(f);

	f->ctx.ranges = &ranges;
	f->ctx.exts = &exts;
	f->ctx.m = &f->m;
	f->ctx.mark_off = mark_off;
	f->ctx.isn_key[0] = 1 + c;
	f->ctx.cookie_key[0] = 7;
	f->key = (struct hr_flow_key){.laddr_id = 1, .lport = 80, .rport = 40000, .raddr4 = 77};
	if (a & 4) {
		f->key.laddr_id |= HR_LADDR_V6;
		f->key.raddr6[15] = 9;
	}
	f->want_iss = seqs[b & 3];
	f->irs = seqs[b >> 2 & 3];
	f->now = f->t0 = starts[b >> 4 & 3];
	f->peer.ts0 = c & 1 ? 0xffffff00 : c & 2 ? 0x7fffff00 : 5000;
	f->peer.wnd = wnd != 0 ? wnd : 65535;
	f->peer.wscale = c >> 4;
	f->move_iss = (b & 64) == 0;
	f->max_len = a & 64 ? 1 : 65536;
	make_params(f);
	f->place = AT_LISTEN;
	f->cookies = (a & 3) == 2;
	f->iss = f->want_iss;
	fz_peer_init(f);
	if ((a & 3) == 1) {
		uint32_t delta;

		f->t = malloc(sizeof(*f->t));
		must(f->t != NULL);
		memset(f->t, 0xa5, sizeof(*f->t));
		f->t->key = f->key;
		hr_tcp_connect(&f->ctx, f->t, &f->path, f->now);
		/* Nothing was sent: the connection may still be moved in sequence space. */
		delta = f->move_iss ? f->want_iss - f->t->iss : 0;
		f->t->iss += delta;
		f->t->snd_una += delta;
		f->t->snd_nxt += delta;
		f->t->snd_end += delta;
		f->iss = f->t->iss;
		f->place = AT_CONN;
		fz_settle(f);
	}
	if (a & 128)
		return;
	fz_peer_handshake(f);
	jump(f, 20000);
	fz_peer_handshake(f);
	if ((a & 3) == 3 && f->place == AT_CONN) { /* on to TIME-WAIT */
		app_step(f, 5);
		fz_peer_ack(f, 0);
		peer_data(f, 3);
	}
}

/* A peer that answers everything until the connection is over. */
static void finish(struct fz *f)
{
	uint32_t una = 0, nxt = 0;

	f->starve = 0;
	f->in_turn = false;
	f->peer.loss = 0;
	f->max_len = 65536;
	f->peer.wnd = 65535;
	fz_settle(f);
	if (f->place == AT_CONN && f->closes == 0)
		app_step(f, 5);
	for (unsigned n = 0, still = 0; f->place == AT_CONN; n++, still++) {
		uint32_t behind = f->peer.sent_to - f->t->rcv_nxt;
		uint32_t window = f->t->rcv_adv - f->t->rcv_nxt;

		if (una != f->t->snd_una || nxt != f->t->rcv_nxt)
			still = 0;
		una = f->t->snd_una;
		nxt = f->t->rcv_nxt;
		must(still < END_ROUNDS); /* it hangs */
		f->peer.ts = (f->t->flags & TF_TS) != 0;
		/* What was made up may be ahead of the peer's clock. */
		if (f->peer.ts && seq_gt(f->t->ts_recent, fz_peer_tsval(f)))
			f->peer.ts0 += f->t->ts_recent - fz_peer_tsval(f);
		fz_read(f, f->t->rcv_held);
		fz_settle(f);
		if (f->place != AT_CONN)
			break;
		if (tcb_in(f->t, BIT(TCPS_SYN_SENT) | BIT(TCPS_SYN_RECEIVED))) {
			fz_peer_handshake(f);
		} else if (f->t->flags & TF_FIN_RCVD) {
			fz_peer_ack(f, FZ_SACK);
		} else {
			if ((int32_t)behind < 0)
				behind = 0;
			fz_peer_says(f,
				TCPF_ACK | (behind <= window && behind <= 5000 ? TCPF_FIN : 0),
				f->t->rcv_nxt, seq_max(f->peer.rcv_nxt, f->t->snd_una),
				(uint32_t)hr_min(behind, hr_min(window, 5000)), 0);
			if (f->place == AT_CONN)
				fz_peer_ack(f, FZ_SACK);
		}
		if (f->place != AT_CONN)
			break;
		jump(f, 1000);
		/* When nothing moves by itself, time does. */
		if (f->place == AT_CONN && n % 4 == 3)
			run_deadlines(f, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fz f;

	if (size > IN_MAX)
		return 0;
	memset(&f, 0, sizeof(f));
	f.p = data;
	f.end = data + size;
	make_world(&f);
	for (unsigned n = 0; f.p < f.end && n < STEPS_MAX; n++)
		step(&f);
	finish(&f);
	must(f.t == NULL);
	must(ranges.live == 0 && exts.live == 0 && fz_pool_out() == 0);
	return 0;
}
