/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection that sends all it can over wire, engine included. In one thread, cycles per KB of
 * payload for each end; and with a CPU for each end, Gbit/s of payload. By MTU, with and without
 * offloads claimed by the wire, and by how the bytes are handed over: copied (hr_send), made at
 * each transmission (hr_send_pull), or as mbufs (hr_send_mbuf).
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "bench.h"
#include "common/eal.h"
#include "engine/engine.h"

#define PORT   7
#define WRITE  (64u << 10)
#define PACKET 32768u
/* Megabytes per figure. */
#define STEPS_MAX 512

enum { SENDER, RECEIVER };
enum how { COPY, PULL, MBUF };

static const struct setting {
	const char *name, *args;
	uint16_t mtu;
	enum how how;
} settings[] = {
	{"copy", "", 1500, COPY},
	{"copy", "", 9000, COPY},
	{"pull", "", 1500, PULL},
	{"pull", "", 9000, PULL},
	{"mbuf", "", 1500, MBUF},
	{"mbuf", "", 9000, MBUF},
	{"csum", ",caps=csum", 1500, COPY},
	{"tso", ",caps=csum+tso", 1500, COPY},
	{"tso", ",caps=csum+tso", 9000, COPY},
	{"tso_mbuf", ",caps=csum+tso", 1500, MBUF},
	{"tso_mbuf", ",caps=csum+tso", 9000, MBUF},
};

struct end {
	struct hr_engine *e;
	struct hr_worker *w;
	uint64_t bytes; /* received */
	enum how how;
	int cpu;
	bool stop; /* atomic */
};

static uint8_t source[WRITE];
static struct rte_mempool *headers; /* of mbufs that refer to source */

static void push(struct hr_worker *w, hr_conn c, void *user)
{
	const struct end *t = user;

	for (;;) {
		int64_t n =
			t->how == PULL ? hr_send_pull(w, c, WRITE) : hr_send(w, c, source, WRITE);

		if (n < (int64_t)WRITE)
			return;
	}
}

static void make(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len)
{
	memcpy(buf, source + (offset & 4095), len); /* of one segment, as all are */
}

static size_t take(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct end *t = user;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += s[i].len;
	__atomic_store_n(&t->bytes, t->bytes + len, __ATOMIC_RELAXED);
	return len;
}

static size_t none(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	return s[0].len;
}

static const struct hr_app sender = {
	.on_open = push, .on_data = none, .on_writable = push, .on_pull = make};
static const struct hr_app receiver = {.on_data = take};

static void open_end(struct bench *b, struct end *t, const struct setting *s, unsigned side)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = 1, .prefix_len = 16};
	char err[HR_ERRLEN] = "", spec[96];

	must(hr_ip_parse(side == SENDER ? "198.18.1.1" : "198.18.0.1", &addr.first, NULL, 0) == 0);
	snprintf(spec, sizeof(spec), "wire:bulk,mtu=%u%s", s->mtu, s->args);
	if (hr_port_open(spec, &cfg.ports[0], err, sizeof(err)) < 0)
		bench_die(b, "%s", err);
	cfg.name = side == SENDER ? "sender" : "receiver";
	cfg.n_ports = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.mbufs = 12288;
	cfg.max_conns = cfg.max_half_open = cfg.max_time_wait = 1024;
	cfg.seed = 1 + side;
	if (hr_engine_create(&cfg, &t->e, err, sizeof(err)) < 0)
		bench_die(b, "%s", err);
	t->w = hr_engine_worker(t->e, 0);
	t->how = s->how;
	t->cpu = b->cpu[side];
}

static int smaller(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

/* So many megabytes by turns of both ends; cycles per KB, medians: a time slice of another process
 * falls on few of them. */
static void step(struct end *t, unsigned megabytes, double cost[2])
{
	double per_kb[2][STEPS_MAX];

	must(megabytes <= STEPS_MAX);
	for (unsigned n = 0; n < megabytes; n++) {
		uint64_t from = t[RECEIVER].bytes, cycles[2] = {0}, at;

		while (t[RECEIVER].bytes - from < 1u << 20)
			for (unsigned i = 0; i < 2; i++) {
				at = rte_rdtsc();
				hr_worker_turn(t[i].w);
				cycles[i] += rte_rdtsc() - at;
			}
		for (unsigned i = 0; i < 2; i++)
			per_kb[i][n] =
				(double)cycles[i] * 1024 / (double)(t[RECEIVER].bytes - from);
	}
	for (unsigned i = 0; i < 2; i++) {
		qsort(per_kb[i], megabytes, sizeof(per_kb[i][0]), smaller);
		cost[i] = per_kb[i][megabytes / 2];
	}
}

static void *turns(void *arg)
{
	struct end *t = arg;

	bench_pin(t->cpu);
	(void)hr_worker_attach(t->w, NULL, 0);
	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
		if (hr_worker_turn(t->w) == 0)
			(void)sched_yield();
	return NULL;
}

static double in_parallel(struct bench *b, struct end *t)
{
	double hz = bench_hz();
	uint64_t from, begun, bytes, ticks = (uint64_t)(hz * (b->quick ? 0.05 : 0.5));
	pthread_t thread[2];

	for (unsigned i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, turns, &t[i]) != 0)
			bench_die(b, "no thread");
	for (begun = rte_rdtsc(); rte_rdtsc() - begun < ticks / 4;)
		usleep(1000);
	from = __atomic_load_n(&t[RECEIVER].bytes, __ATOMIC_RELAXED);
	for (begun = rte_rdtsc(); rte_rdtsc() - begun < ticks;)
		usleep(1000);
	ticks = rte_rdtsc() - begun;
	bytes = __atomic_load_n(&t[RECEIVER].bytes, __ATOMIC_RELAXED) - from;
	for (unsigned i = 0; i < 2; i++)
		__atomic_store_n(&t[i].stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	return (double)bytes * 8 / ((double)ticks / hz) / 1e9;
}

static void measure(struct bench *b, const struct setting *s)
{
	unsigned megabytes = b->quick ? 4 : STEPS_MAX;
	double cost[2];
	struct end t[2] = {0};
	struct hr_ip any = {0}, to;
	char name[32];
	hr_conn c;

	open_end(b, &t[SENDER], s, SENDER);
	open_end(b, &t[RECEIVER], s, RECEIVER);
	must(hr_listen(t[RECEIVER].e, &any, PORT, &receiver, &t[RECEIVER], NULL) == 0);
	must(hr_ip_parse("198.18.0.1", &to, NULL, 0) == 0);
	must(hr_connect(t[SENDER].w, &to, PORT, &sender, &t[SENDER], NULL, &c) == 0);
	step(t, megabytes / 4, cost);
	step(t, megabytes, cost);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s_%s", s->name, i == SENDER ? "sender" : "receiver");
		bench_add(b, name, "cycles/KB", "mtu", s->mtu, cost[i]);
	}
	if (b->cpu[1] >= 0) {
		snprintf(name, sizeof(name), "%s_rate", s->name);
		bench_add(b, name, "Gbit/s", "mtu", s->mtu, in_parallel(b, t));
	}
	hr_engine_destroy(t[SENDER].e);
	hr_engine_destroy(t[RECEIVER].e);
}

static void one(struct bench *b)
{
	static bool up;

	if (!up)
		bench_eal(b, 512);
	if (!up)
		headers = test_pool(1023);
	up = true;
	for (unsigned i = 0; i < RTE_DIM(settings); i++)
		measure(b, &settings[i]);
}

int main(int argc, char **argv)
{
	struct bench b = {.name = "bulk"};

	return bench_main(&b, argc, argv, one);
}
