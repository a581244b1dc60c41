/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection costs each end, all of the engine included: two engines joined by wire, stepped
 * in turn by one thread, so that neither waits for the other and a turn's cycles are its own. A
 * connection is SYN to close by the server with --requests requests of one byte each. Prints TSC
 * cycles per end and connection (or per request), and with --stages where they went.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "common/eal.h"
#include "engine/engine.h"
#include "port/port.h"

enum { CLIENT, SERVER };

static struct options {
	uint64_t conns, warm;
	uint32_t concurrent, requests;
	bool stages, v6;
} opt = {.conns = 300000, .warm = 30000, .concurrent = 100, .requests = 1};

/* --- the two applications */

struct client {
	struct hr_worker *w;
	struct hr_ip server;
	uint64_t opened, done, failed, answers, limit;
	uint32_t open;
};

static const uint8_t byte[1] = {'x'};

static void server_open(struct hr_worker *w, hr_conn c, void *user)
{
	hr_set_user(w, c, (void *)0);
}

static size_t server_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	uintptr_t got = (uintptr_t)user;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += s[i].len;
	got += len;
	if (opt.requests > 1)
		hr_set_user(w, c, (void *)got);
	(void)hr_send(w, c, byte, sizeof(byte));
	if (got == opt.requests)
		(void)hr_shutdown(w, c);
	return len;
}

static void leave(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_close(w, c);
}

static void client_open(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_send(w, c, byte, sizeof(byte));
}

static size_t client_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct client *k = user;

	k->answers++;
	if (opt.requests > 1)
		(void)hr_send(w, c, byte, sizeof(byte));
	return s[0].len;
}

static void client_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct client *k = user;

	k->open--;
	if (reason == HR_CLOSED)
		k->done++;
	else
		k->failed++;
}

static const struct hr_app server_app = {
	.on_open = server_open, .on_data = server_data, .on_eof = leave};
static const struct hr_app client_app = {
	.on_open = client_open, .on_data = client_data, .on_eof = leave, .on_close = client_close};

static void top_up(struct client *k)
{
	uint64_t n = RTE_MIN((uint64_t)opt.concurrent - k->open, k->limit - k->opened);
	void *users[64];
	hr_conn c[64];
	unsigned opened;

	n = RTE_MIN(n, (uint64_t)RTE_DIM(users));
	for (unsigned i = 0; i < n; i++)
		users[i] = k;
	opened = hr_connect_burst(
		k->w, &k->server, 7, &client_app, users, NULL, c, (unsigned)n, NULL);
	k->open += opened;
	k->opened += opened;
}

/* --- the rig */

static struct hr_engine *engine_open(unsigned side)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = side == CLIENT ? 64 : 1, .prefix_len = 16};
	char err[HR_ERRLEN] = "";
	struct hr_engine *e;

	must(hr_ip_parse(side == CLIENT ? "198.18.1.1" : "198.18.0.1", &addr.first, NULL, 0) == 0);
	if (hr_port_open("wire:turn", &cfg.ports[0], err, sizeof(err)) < 0)
		goto bad;
	cfg.name = side == CLIENT ? "client" : "server";
	cfg.n_ports = 1;
	cfg.workers = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.mbufs = 16384 + 4 * opt.concurrent;
	cfg.max_conns = opt.concurrent + 1024;
	cfg.max_half_open = opt.concurrent + 1024;
	cfg.max_time_wait = 4000000;
	cfg.tcp.time_wait_ms = 1000;
	cfg.seed = 1 + side;
	cfg.profile = opt.stages;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) == 0)
		return e;
bad:
	fprintf(stderr, "turn: %s\n", err);
	exit(2);
}

static void stages(struct hr_engine *const e[2], uint64_t before[2][256], double per)
{
	for (unsigned i = 0; i < hr_counter_count(); i++) {
		const char *name = hr_counter_name(i);

		if (strncmp(name, "cycles_", 7) == 0)
			printf("  %-12s %7.0f %7.0f\n", name + 7,
				(double)(hr_engine_counter(e[0], -1, i) - before[0][i]) / per,
				(double)(hr_engine_counter(e[1], -1, i) - before[1][i]) / per);
	}
}

static void run(struct client *k, struct hr_engine *const e[2])
{
	struct hr_worker *w[2] = {hr_engine_worker(e[0], 0), hr_engine_worker(e[1], 0)};
	uint64_t spent[2] = {0, 0}, begun = 0, answers = 0, before[2][256] = {{0}};
	bool measuring = false;
	double per;

	k->limit = opt.warm + opt.conns;
	while (k->done + k->failed < k->limit) {
		uint64_t t[3];

		if (!measuring && k->done >= opt.warm) {
			measuring = true;
			begun = k->done;
			answers = k->answers;
			spent[0] = spent[1] = 0;
			for (unsigned i = 0; i < hr_counter_count(); i++)
				for (unsigned s = 0; s < 2; s++)
					before[s][i] = hr_engine_counter(e[s], -1, i);
		}
		t[0] = rte_rdtsc();
		top_up(k);
		hr_worker_turn(w[CLIENT]);
		t[1] = rte_rdtsc();
		hr_worker_turn(w[SERVER]);
		t[2] = rte_rdtsc();
		spent[CLIENT] += t[1] - t[0];
		spent[SERVER] += t[2] - t[1];
	}
	per = opt.requests > 1 ? (double)(k->answers - answers) : (double)(k->done - begun);
	printf("%s: client %.0f, server %.0f cycles; %llu failed, %llu retransmits\n",
		opt.requests > 1 ? "request" : "connection", (double)spent[CLIENT] / per,
		(double)spent[SERVER] / per, (unsigned long long)k->failed,
		(unsigned long long)(hr_engine_counter(
					     e[0], -1, (unsigned)hr_counter_find("retransmits")) +
				     hr_engine_counter(
					     e[1], -1, (unsigned)hr_counter_find("retransmits"))));
	if (opt.stages)
		stages(e, before, per);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {{"conns", 1, NULL, 'n'},
		{"concurrent", 1, NULL, 'c'}, {"requests", 1, NULL, 'r'}, {"warm", 1, NULL, 'w'},
		{"stages", 0, NULL, 's'}, {NULL, 0, NULL, 0}};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 'n':
			opt.conns = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			opt.concurrent = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'r':
			opt.requests = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'w':
			opt.warm = strtoull(optarg, NULL, 0);
			break;
		case 's':
			opt.stages = true;
			break;
		default:
			exit(2);
		}
}

int main(int argc, char **argv)
{
	struct client k = {0};
	struct hr_engine *e[2];
	struct hr_ip any = {0};

	parse(argc, argv);
	test_eal_start(256 + opt.concurrent / 50);
	e[CLIENT] = engine_open(CLIENT);
	e[SERVER] = engine_open(SERVER);
	must(hr_listen(e[SERVER], &any, 7, &server_app, NULL, NULL) == 0);
	k.w = hr_engine_worker(e[CLIENT], 0);
	must(hr_ip_parse("198.18.0.1", &k.server, NULL, 0) == 0);
	run(&k, e);
	hr_engine_destroy(e[CLIENT]);
	hr_engine_destroy(e[SERVER]);
	return k.failed == 0 ? 0 : 1;
}
