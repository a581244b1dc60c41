/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target for a whole worker: bytes are a configuration and a script of frames, application
 * calls, time and trouble with the port. Everything is real but the port and the clock: parsing,
 * neighbours, listeners, half-open entries and cookies, connections, TIME-WAIT, ICMP, handles.
 *
 * Oracles: every frame that leaves is taken apart (fuzz_engine_port.c); after each step every
 * received packet has left by exactly one door and every tcb holds hr_tcb_check(); callbacks come
 * in the order that headrace.h promises; at the end, when the application has closed everything and
 * time has passed, nothing is left.
 *
 *   5 bytes of world (see make_world()), then steps: see step(); bytes behind the end are 0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/eal.h"
#include "engine/engine.h"
#include "fuzz_engine.h"

#define IN_MAX    2048
#define STEPS_MAX 300
#define TURNS_MAX 3000 /* at one time: more is a loop */
#define SEC(n)    ((uint64_t)(n)*1000000)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	test_eal_start(64);
	return 0;
}

uint8_t fe_u8(struct fe *f)
{
	return f->p < f->end ? *f->p++ : 0;
}

uint16_t fe_u16(struct fe *f)
{
	uint8_t lo = fe_u8(f);

	return (uint16_t)(fe_u8(f) << 8 | lo);
}

uint32_t fe_u32(struct fe *f)
{
	uint16_t lo = fe_u16(f);

	return (uint32_t)fe_u16(f) << 16 | lo;
}

/* --- the application */

static struct fe *the; /* callbacks of accepted connections begin with nothing else */

static struct fe_conn *conn_take(struct fe *f, hr_conn c)
{
	for (unsigned i = 0; i < FE_CONNS; i++)
		if (!f->conn[i].used) {
			f->conn[i] = (struct fe_conn){.f = f, .c = c, .used = true};
			return &f->conn[i];
		}
	return NULL;
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct fe_conn *k = user;

	the->opens++;
	if (k == NULL) { /* accepted */
		k = the->over ? NULL : conn_take(the, c);
		if (k == NULL) {
			must(hr_abort(w, c) == 0);
			return;
		}
		must(hr_set_user(w, c, k) == 0);
	}
	must(k->used && k->c == c && !k->opened);
	k->opened = true;
	if (the->policy & 16)
		(void)hr_send(w, c, "hello", 5);
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct fe_conn *k = user;
	size_t len = 0;

	must(k != NULL && k->used && k->opened && !k->eof && k->c == c && n > 0);
	for (unsigned i = 0; i < n; i++) {
		must(s[i].len > 0);
		len += s[i].len;
	}
	if (the->policy & 4)
		(void)hr_send(w, c, s[0].data, s[0].len);
	if (the->policy & 8)
		(void)hr_close(w, c);
	return the->policy & 1 ? len : the->policy & 2 ? len / 2 : 0;
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct fe_conn *k = user;

	must(k != NULL && k->used && k->opened && !k->eof && k->c == c);
	k->eof = true;
	if (the->policy & 32)
		must(hr_close(w, c) == 0);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct fe_conn *k = user;

	must(reason < HR_REASON_COUNT);
	the->closes++;
	if (k == NULL) /* it found no room in on_open */
		return;
	must(k->used && k->c == c);
	k->used = false;
}

static void on_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len)
{
	memset(buf, (int)offset, len);
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	must(user != NULL && ((struct fe_conn *)user)->opened);
}

static const struct hr_app app = {.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_writable = on_writable,
	.on_close = on_close,
	.on_pull = on_pull};

static void timer_fired(struct hr_worker *w, void *arg)
{
	must(arg == the);
}

static void app_connect(struct fe *f)
{
	uint8_t how = fe_u8(f);
	struct hr_ip to = fe_host(how & 1 ? 6 : 4, how >> 1 & 3);
	struct hr_connect_opts o = {.local_port = how & 32 ? (uint16_t)(3000 + (how >> 6)) : 0};
	struct fe_conn *k = conn_take(f, 0);

	if (k != NULL &&
		hr_connect(f->w, &to, (uint16_t)(2000 + (how >> 3 & 3)), &app, k, &o, &k->c) < 0)
		k->used = false;
}

static void app_step(struct fe *f)
{
	static const uint8_t some[8192];
	uint8_t how = fe_u8(f);
	struct fe_conn *k = &f->conn[how & (FE_CONNS - 1)];
	struct hr_conn_info info;
	hr_conn c = k->c;

	switch (how >> 4) {
	case 0 ... 2:
		app_connect(f);
		break;
	case 3 ... 5:
		(void)hr_send(f->w, c, some, fe_u16(f) % sizeof(some));
		break;
	case 6:
		(void)hr_send_pull(f->w, c, fe_u16(f));
		break;
	case 7:
		(void)hr_shutdown(f->w, c);
		break;
	case 8:
	case 9:
		(void)hr_close(f->w, c);
		break;
	case 10:
		(void)hr_abort(f->w, c);
		break;
	case 11:
		f->policy |= 1;
		(void)hr_resume(f->w, c);
		break;
	case 12:
		(void)hr_urgent(f->w, c);
		break;
	case 13:
		must(hr_conn_info(f->w, c, &info) == (k->used ? 0 : -ESTALE));
		break;
	case 14:
		must(hr_timer_start(f->w, fe_u16(f) * 100u, timer_fired, f) != 0);
		break;
	default:
		if (hr_worker_unlisten(f->w, NULL, 9) < 0)
			must(hr_worker_listen(f->w, NULL, 9, &app, NULL, NULL) == 0);
		break;
	}
}

/* --- time */

static uint64_t clock_us(void *arg)
{
	return ((struct fe *)arg)->now_us;
}

static void judge(struct fe *f)
{
	must(hr_metrics_balanced(hr_worker_metrics(f->w)));
	hr_worker_check(f->w);
	must(hr_worker_conns(f->w) <= FE_CONNS + 4);
}

/* Turns until nothing is left to do now. */
static void settle(struct fe *f)
{
	for (unsigned n = 0;
		hr_worker_turn(f->w) != 0 || f->n_in != 0 || hr_worker_deadline(f->w) <= f->now_us;
		n++)
		must(n < TURNS_MAX);
	judge(f);
}

/* Let time pass, stopping at deadlines: at `stops` of them at most, then it jumps. */
static void pass(struct fe *f, uint64_t us, unsigned stops)
{
	uint64_t until = f->now_us + us;

	settle(f);
	while (f->now_us < until) {
		uint64_t at = hr_worker_deadline(f->w);

		f->now_us = stops == 0 ? until : hr_min(until, hr_max(at, f->now_us + 1));
		stops -= stops != 0;
		settle(f);
	}
}

static void step(struct fe *f)
{
	static const uint64_t far_s[4] = {3, 70, 700, 3 * 86400};
	uint8_t op = fe_u8(f);
	struct fe_frame m;

	switch (op & 31) {
	case 0 ... 15: /* several frames make a burst */
		fe_frame_make(f, &m);
		if (m.len != 0)
			fe_hear(f, &m);
		if (op & 32)
			settle(f);
		break;
	case 16 ... 21:
		app_step(f);
		if (op & 32)
			settle(f);
		break;
	case 22 ... 24:
		(void)hr_worker_turn(f->w);
		judge(f);
		break;
	case 25:
		pass(f, fe_u8(f) * 100u, 8);
		break;
	case 26:
	case 27:
		pass(f, fe_u16(f) * 50u, 16);
		break;
	case 28:
		pass(f, SEC(far_s[op >> 5 & 3]), 50);
		break;
	case 29:
		f->tx_shut = !f->tx_shut;
		break;
	case 30:
		f->policy = fe_u8(f);
		break;
	default:
		f->answers = !f->answers;
		break;
	}
}

/* --- the beginning and the end */

static void make_world(struct fe *f)
{
	static const uint64_t starts[4] = {SEC(1), (UINT64_C(1) << 32) - 300000,
		(UINT64_C(1) << 32) * 1000 - 500000, (UINT64_C(1) << 31) * 1000 - 500000};
	static const uint32_t few[4] = {64, 0, 1, 4};
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addrs[2] = {{.first = fe_local(4), .count = 1, .prefix_len = 24},
		{.first = fe_local(6), .count = 1, .prefix_len = 64}};
	struct hr_gateway_config gw[2] = {{.via = fe_host(4, 0)}, {.via = fe_host(6, 0)}};
	uint8_t a = fe_u8(f), b = fe_u8(f), c = fe_u8(f), d;
	char err[HR_ERRLEN];

	gw[0].via.b[3] = 254;
	gw[1].via.b[15] = 254;
	f->policy = fe_u8(f);
	d = fe_u8(f);
	f->answers = (a & 1) == 0;
	f->now_us = starts[a >> 1 & 3];
	cfg.name = "fuzz";
	cfg.workers = 1;
	cfg.ports[0] = fe_port(f);
	cfg.n_ports = 1;
	cfg.addrs = addrs;
	cfg.n_addrs = 2;
	cfg.gateways = gw;
	cfg.n_gateways = 2;
	cfg.max_half_open = few[a >> 3 & 3];
	cfg.max_time_wait = few[a >> 5 & 3];
	cfg.max_conns = a & 128 ? 2 : FE_CONNS;
	cfg.mbufs = b & 1 ? 1024 : 512;
	cfg.seed = 1 + (b >> 6);
	cfg.siphash = true;
	cfg.clock = clock_us;
	cfg.clock_arg = f;
	cfg.rst_per_s = b & 2 ? 1 : 1000;
	if (d & 3)
		cfg.tcp = d & 1 ? hr_tcp_params_linux : hr_tcp_params_freebsd;
	cfg.tcp.ecn = (d >> 2 & 3) % HR_ECN_COUNT;
	cfg.tcp.cc = (d >> 4 & 3) % HR_CC_COUNT;
	cfg.tcp.pacing = (d & 64) != 0;
	cfg.tcp.uto = (d & 128) != 0;
	cfg.tcp.timestamps = (b & 4) == 0;
	cfg.tcp.sack = (b & 8) == 0;
	cfg.tcp.rcv_buf_bytes = b & 16 ? 4096 : 65536;
	cfg.tcp.keepalive_ms = b & 32 ? 5000 : 0;
	cfg.tcp.keepalive_interval_ms = 1000;
	cfg.tcp.retries = c & 1 ? 2 : 15;
	cfg.tcp.syn_retries = c & 2 ? 1 : 6;
	cfg.tcp.connect_timeout_ms = c & 4 ? 1000 : 190000;
	cfg.tcp.time_wait_ms = c & 8 ? 100 : 60000;
	cfg.tcp.fin_wait2_ms = c & 16 ? 100 : 60000;
	cfg.tcp.user_timeout_ms = c & 32 ? 3000 : 0;
	cfg.tcp.mss = c & 64 ? 100 : 0;
	cfg.tcp.nagle = (c & 128) == 0;
	if (hr_engine_create(&cfg, &f->e, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	f->w = hr_engine_worker(f->e, 0);
	must(hr_listen(f->e, NULL, 7, &app, NULL, NULL) == 0);
}

/* The application gives everything up; what only time ends, time ends. */
static void finish(struct fe *f)
{
	struct hr_census c;

	f->tx_shut = false;
	f->over = true;
	f->policy = 1;
	settle(f);
	for (unsigned i = 0; i < FE_CONNS; i++)
		if (f->conn[i].used)
			must(hr_abort(f->w, f->conn[i].c) == 0);
	/* A RST may wait for a neighbour that is being asked for. */
	pass(f, SEC(1000), UINT32_MAX);
	for (unsigned i = 0; i < FE_CONNS; i++)
		must(!f->conn[i].used);
	hr_worker_census(f->w, &c);
	must(c.conns == 0 && c.half_open == 0 && c.time_wait == 0 && c.ranges == 0 && c.exts == 0);
	must(c.table == 0 && c.timers == 0 && c.app_timers == 0 && c.ready == 0 && c.dirty == 0);
	must(c.mbufs == 0);
	must(hr_worker_conns(f->w) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fe f;

	if (size > IN_MAX)
		return 0;
	memset(&f, 0, sizeof(f));
	the = &f;
	f.p = data;
	f.end = data + size;
	make_world(&f);
	for (unsigned n = 0; f.p < f.end && n < STEPS_MAX; n++)
		step(&f);
	finish(&f);
	hr_engine_destroy(f.e);
	return 0;
}
