/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory per connection in each state: what the process grows by (VmRSS and hugepages together)
 * when N of them exist beside nothing else. Both ends are engines in this process, stepped by this
 * thread on a virtual clock over wire. Established connections are counted at both ends and divided
 * by two; of half-open ones the peer is a flooder that keeps nothing; TIME-WAIT entries come from
 * connections that live a few at a time. Table and handle directory are included; each state has
 * engines of its own, whose packet memory is touched before the count begins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "bench.h"
#include "engine/engine.h"
#include "port/port.h"
#include "synflood_flooder.h"

#define PORT      80
#define PER_ADDR  50000 /* connections of one client address: source ports are few */
#define AT_A_TIME 256
#define MBUFS     8191

struct stage {
	struct bench *b;
	struct hr_engine *client, *server;
	struct flooder *flooder;
	uint64_t now_us, open, closed;
	bool leave; /* the client closes what opened */
};

static uint64_t stage_clock(void *arg)
{
	return ((struct stage *)arg)->now_us;
}

static struct hr_ip address(const char *text)
{
	struct hr_ip ip;

	must(hr_ip_parse(text, &ip, NULL, 0) == 0);
	return ip;
}

static struct hr_engine *open_engine(
	struct stage *s, const char *name, struct hr_port *port, unsigned side, uint32_t n)
{
	static const char *const first[2][2] = {
		{"198.18.0.2", "2001:db8::1:0"}, {"198.18.128.1", "2001:db8::1"}};
	uint32_t count = side == 0 ? n / PER_ADDR + 1 : 1;
	const struct hr_addr_config addrs[] = {
		{.first = address(first[side][0]), .count = count, .prefix_len = 16},
		{.first = address(first[side][1]), .count = count, .prefix_len = 64}};
	/* The flooder's sources are behind this address; it answers ARP. */
	const struct hr_gateway_config gateway = {.via = address(first[0][0])};
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_engine *e;
	char err[HR_ERRLEN];

	cfg.name = name;
	cfg.ports[0] = port;
	cfg.n_ports = 1;
	cfg.workers = 1;
	cfg.addrs = addrs;
	cfg.n_addrs = 2;
	cfg.gateways = &gateway;
	cfg.n_gateways = side;
	cfg.max_conns = cfg.max_half_open = cfg.max_time_wait = n + AT_A_TIME;
	cfg.mbufs = MBUFS;
	cfg.seed = side + 1;
	cfg.clock = stage_clock;
	cfg.clock_arg = s;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0)
		bench_die(s->b, "%s", err);
	return e;
}

static void turns(struct stage *s, unsigned n)
{
	while (n-- > 0) {
		(void)hr_worker_turn(hr_engine_worker(s->client, 0));
		(void)hr_worker_turn(hr_engine_worker(s->server, 0));
		s->now_us += 5;
	}
}

/* --- the application */

static void opened(struct hr_worker *w, hr_conn c, void *user)
{
	struct stage *s = user;

	s->open++;
	if (s->leave)
		(void)hr_close(w, c);
}

static void closed(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct stage *s = user;

	must(reason == HR_CLOSED);
	s->closed++;
}

static size_t swallow(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += v[i].len;
	return len;
}

static void leave(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_close(w, c);
}

static const struct hr_app client_app = {.on_open = opened, .on_data = swallow, .on_close = closed};
static const struct hr_app server_app = {.on_data = swallow, .on_eof = leave};

/* --- a stage for each state */

static struct hr_port *open_port(struct stage *s, unsigned serial, char side)
{
	char spec[64], err[HR_ERRLEN];
	struct hr_port *port;

	snprintf(spec, sizeof(spec), "wire:mem%u/%c,depth=512", serial, side);
	if (hr_port_open(spec, &port, err, sizeof(err)) < 0)
		bench_die(s->b, "%s", err);
	return port;
}

static void stage_open(struct stage *s, struct bench *b, uint32_t n)
{
	static struct rte_mempool *pool;
	static unsigned serial;
	struct hr_port_caps caps[2];
	struct flooder_config fc = {.dport = PORT,
		.seed = 1,
		.dst = address("198.18.128.1"),
		.first = 0x0a000000,
		.count = 1u << 24};
	struct hr_port *client, *server;

	memset(s, 0, sizeof(*s));
	s->b = b;
	s->now_us = 1000000;
	if (pool == NULL)
		pool = rte_pktmbuf_pool_create(
			"flooder", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	must(pool != NULL);
	client = open_port(s, serial, 'a');
	server = open_port(s, serial++, 'b');
	must(hr_port_caps(client, &caps[0]) == 0 && hr_port_caps(server, &caps[1]) == 0);
	fc.pool = pool;
	fc.src_mac = caps[0].mac;
	s->flooder = flooder_wrap(client, &fc, &client);
	flooder_aim(s->flooder, caps[1].mac);
	s->client = open_engine(s, "clients", client, 0, n);
	s->server = open_engine(s, "server", server, 1, n);
	must(hr_listen(s->server, NULL, PORT, &server_app, NULL, NULL) == 0);
	bench_touch_pool(b, hr_worker_pool(hr_engine_worker(s->client, 0)));
	bench_touch_pool(b, hr_worker_pool(hr_engine_worker(s->server, 0)));
}

static void stage_close(struct stage *s)
{
	hr_engine_destroy(s->client);
	hr_engine_destroy(s->server);
}

/* n connections, a few at a time; leave: the client closes each when it is open. */
static void connect_all(struct stage *s, uint32_t n, unsigned family, bool leaving)
{
	struct hr_ip server = address(family == 6 ? "2001:db8::1" : "198.18.128.1");
	uint64_t begun = s->open, target = s->open + n, still = 0, last = 0;

	s->leave = leaving;
	while (s->open < target || (leaving && s->closed < s->open)) {
		uint64_t pending = leaving ? begun - s->closed : begun - s->open;
		hr_conn c;

		for (; begun < target && pending < AT_A_TIME; begun++, pending++)
			if (hr_connect(hr_engine_worker(s->client, 0), &server, PORT, &client_app,
				    s, NULL, &c) < 0)
				bench_die(s->b, "connection %lu cannot be opened", begun);
		turns(s, 1);
		still = s->open + s->closed == last ? still + 1 : 0;
		last = s->open + s->closed;
		if (still == 1000000)
			bench_die(s->b, "%lu of %lu connections opened", s->open, target);
	}
	turns(s, 100);
}

static struct hr_census census(struct hr_engine *e)
{
	struct hr_census c;

	hr_worker_census(hr_engine_worker(e, 0), &c);
	return c;
}

/* Ready for the count: next hops are known, both rings have been all round. */
static uint64_t warm_up(struct stage *s, unsigned family)
{
	connect_all(s, 2000, family, true);
	return bench_resident(s->b);
}

static double grown(const struct bench *b, uint64_t before, uint32_t n)
{
	return ((double)bench_resident(b) - (double)before) / n;
}

static void measure_established(struct bench *b, unsigned family, uint32_t n)
{
	struct stage s;
	uint64_t before;

	stage_open(&s, b, n);
	before = warm_up(&s, family);
	connect_all(&s, n, family, false);
	must(census(s.client).conns == n && census(s.server).conns == n);
	bench_add(b, family == 6 ? "established6" : "established4", "bytes/conn", "conns", n,
		grown(b, before, 2 * n));
	stage_close(&s);
}

static void measure_time_wait(struct bench *b, unsigned family, uint32_t n)
{
	struct stage s;
	uint64_t before;
	uint32_t warm;

	stage_open(&s, b, n + 2000);
	before = warm_up(&s, family);
	warm = census(s.client).time_wait;
	connect_all(&s, n, family, true);
	must(census(s.client).conns == 0 && census(s.client).time_wait == warm + n);
	bench_add(b, family == 6 ? "time_wait6" : "time_wait4", "bytes/entry", "conns", n,
		grown(b, before, n));
	stage_close(&s);
}

static void measure_half_open(struct bench *b, uint32_t n)
{
	struct stage s;
	uint64_t before;

	stage_open(&s, b, n + 2000);
	before = warm_up(&s, 4);
	/* The gateway's address is asked for by the first answer. */
	while (census(s.server).half_open < n) {
		(void)flooder_burst(s.flooder, 64);
		turns(&s, 2);
	}
	turns(&s, 10);
	bench_add(b, "half_open4", "bytes/entry", "conns", n,
		grown(b, before, census(s.server).half_open));
	stage_close(&s);
}

static void one(struct bench *b)
{
	uint32_t n = (uint32_t)RTE_MIN(b->max, b->quick ? 20000 : b->max);

	bench_eal(b, 128);
	measure_half_open(b, n);
	measure_established(b, 4, n);
	measure_established(b, 6, n);
	measure_time_wait(b, 4, n);
	measure_time_wait(b, 6, n);
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "memory", .max = 200000};

	return bench_main(&b, argc, argv, one);
}
