/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A SYN flood against a server that is at work (RFC 4987). Two threads in one process, joined by
 * wire: the server's worker on one; the clients' worker and the flooder on the other. What counts
 * is compared within one run:
 *
 *   max       the clients ask as fast as answers come, nobody floods
 *   baseline  70 % of that is offered, and the flooder sends to another station's MAC
 *   flood     the same load, and the flooder means the server's listening port
 *
 * Baseline and flood take turns. In both, new clients connect, ask once and leave. See README.md.
 */
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "engine/engine.h"
#include "synflood_flooder.h"

#define PORT       7
#define STANDING   256 /* connections that carry the load */
#define NEW_MAX    65536
#define MESSAGE    64
#define ROUNDS_MAX 9
#define BURSTS_MAX 20000

static struct options {
	unsigned seconds, rounds;
	uint64_t rate, new_per_s;
	uint32_t half_open, bursts;
	bool onlink, check, cycles;
} opt = {.seconds = 3,
	.rounds = 3,
	.rate = 1000000,
	.new_per_s = 1000,
	.half_open = 65536,
	.bursts = 20000,
	.check = true};

static const uint8_t message[MESSAGE];

/* --- the server: answers each message with as many bytes */

static size_t echo(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		len += s[i].len;
		(void)hr_send(w, c, s[i].data, s[i].len);
	}
	return len;
}

static void leave(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_close(w, c);
}

static const struct hr_app echo_app = {.on_data = echo, .on_eof = leave};

struct server {
	struct hr_engine *e;
	pthread_t thread;
	int cpu;
	volatile bool stop;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *server_run(void *arg)
{
	struct server *s = arg;
	char err[HR_ERRLEN];

	pin(s->cpu);
	must(hr_worker_attach(hr_engine_worker(s->e, 0), err, sizeof(err)) == 0);
	while (!s->stop)
		(void)hr_worker_turn(hr_engine_worker(s->e, 0));
	return NULL;
}

/* --- the clients */

struct client {
	struct bench *b;
	hr_conn c;
	uint32_t got;
	bool standing, opened, answered, ended;
};

struct bench {
	struct hr_worker *w;
	struct flooder *flooder;
	struct hr_ip server;
	struct client standing[STANDING];
	uint32_t idle[STANDING], n_idle, n_open; /* standing ones that wait for their turn */
	struct client *fresh;                    /* NEW_MAX, used in turn */
	uint32_t fresh_next;
	/* of the phase */
	uint64_t answers, begun, good, bad, in_progress;
};

static void opened(struct hr_worker *w, hr_conn c, void *user)
{
	struct client *k = user;

	k->opened = true;
	if (k->standing) {
		k->b->n_open++;
		k->b->idle[k->b->n_idle++] = (uint32_t)(k - k->b->standing);
	} else {
		(void)hr_send(w, c, message, MESSAGE);
	}
}

static size_t answered(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct client *k = user;
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += s[i].len;
	k->got += (uint32_t)len;
	if (k->got < MESSAGE)
		return len;
	k->got -= MESSAGE;
	k->answered = true;
	if (k->standing) {
		k->b->answers++;
		k->b->idle[k->b->n_idle++] = (uint32_t)(k - k->b->standing);
	} else {
		(void)hr_close(w, c);
	}
	return len;
}

static void closed(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct client *k = user;

	k->ended = true;
	if (k->standing) {
		k->b->n_open--;
		return;
	}
	k->b->in_progress--;
	if (k->opened && k->answered && reason == HR_CLOSED)
		k->b->good++;
	else
		k->b->bad++;
}

static const struct hr_app client_app = {
	.on_open = opened, .on_data = answered, .on_close = closed};

static void begin(struct bench *b, struct client *k, bool standing)
{
	*k = (struct client){.b = b, .standing = standing};
	if (!standing)
		b->begun++;
	if (hr_connect(b->w, &b->server, PORT, &client_app, k, NULL, &k->c) < 0) {
		if (!standing)
			b->bad++;
	} else if (!standing) {
		b->in_progress++;
	}
}

/* --- phases */

static uint64_t now(struct bench *b)
{
	return hr_worker_now(b->w);
}

struct phase {
	double answers_per_s, new_good_percent, server_busy, syns_per_s;
	uint64_t new_begun, syns_lost, syns_seen, cookies, answers_to_flood;
	uint64_t rss_begin, rss_end;
};

static uint64_t rss_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	must(f != NULL && fscanf(f, "%lu %lu", &size, &resident) == 2);
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t counter(const struct hr_engine *e, const char *name)
{
	return hr_engine_counter(e, -1, (unsigned)hr_counter_find(name));
}

/* One round of the clients' loop: what is due of the load at `rate` (0 = all that is idle). */
struct pace {
	uint64_t begin_us, asked, connected;
};

static void ask(struct bench *b, struct pace *p, uint64_t at_us, uint64_t rate, uint64_t new_per_s)
{
	uint64_t due = rate == 0 ? UINT64_MAX : (at_us - p->begin_us) * rate / 1000000;

	while (b->n_idle > 0 && p->asked < due) {
		struct client *k = &b->standing[b->idle[--b->n_idle]];

		must(hr_send(b->w, k->c, message, MESSAGE) == MESSAGE);
		p->asked++;
	}
	due = (at_us - p->begin_us) * new_per_s / 1000000;
	for (; p->connected < due; p->connected++)
		begin(b, &b->fresh[b->fresh_next++ % NEW_MAX], false);
}

static void spin(struct bench *b, uint64_t us)
{
	uint64_t end = now(b) + us;

	while (now(b) < end) {
		flooder_run(b->flooder, now(b));
		(void)hr_worker_turn(b->w);
	}
}

static struct phase run_phase(
	struct bench *b, struct server *s, uint64_t rate, uint64_t new_per_s, uint64_t flood)
{
	struct flooder_stats before, after;
	struct phase r = {0};
	struct pace p;
	uint64_t busy, total, seen, cookies, us = opt.seconds * 1000000ull;

	flooder_rate(b->flooder, flood, now(b));
	p = (struct pace){.begin_us = now(b)};
	/* A second to fill what the flood fills. */
	while (now(b) < p.begin_us + 1000000) {
		flooder_run(b->flooder, now(b));
		ask(b, &p, now(b), rate, 0);
		(void)hr_worker_turn(b->w);
	}
	p = (struct pace){.begin_us = now(b)};
	b->answers = b->begun = b->good = b->bad = 0;
	r.rss_begin = rss_bytes();
	before = flooder_stats(b->flooder);
	busy = counter(s->e, "busy_cycles");
	total = counter(s->e, "total_cycles");
	seen = counter(s->e, "syn_received");
	cookies = counter(s->e, "syn_cookies_sent");
	while (now(b) < p.begin_us + us) {
		flooder_run(b->flooder, now(b));
		ask(b, &p, now(b), rate, new_per_s);
		(void)hr_worker_turn(b->w);
	}
	us = now(b) - p.begin_us;
	r.answers_per_s = (double)b->answers * 1e6 / (double)us;
	after = flooder_stats(b->flooder);
	r.server_busy = (double)(counter(s->e, "busy_cycles") - busy) /
			(double)(counter(s->e, "total_cycles") - total);
	r.syns_seen = counter(s->e, "syn_received") - seen;
	r.cookies = counter(s->e, "syn_cookies_sent") - cookies;
	r.syns_per_s = (double)(after.sent - before.sent) * 1e6 / (double)us;
	r.syns_lost = after.lost - before.lost;
	r.answers_to_flood = after.answers - before.answers;
	r.rss_end = rss_bytes();
	/* What was begun under the flood ends under it. */
	for (unsigned i = 0; i < 50 && b->in_progress > 0; i++)
		spin(b, 100000);
	r.new_begun = b->begun;
	r.new_good_percent = b->begun == 0 ? 100 : 100.0 * (double)b->good / (double)b->begun;
	flooder_rate(b->flooder, 0, now(b));
	spin(b, 200000);
	return r;
}

static void print_phase(const char *name, const struct phase *r, uint32_t half_open)
{
	printf("%-8s  %9.0f answers/s  server busy %3.0f %%  flood %7.0f/s (%lu lost, %lu seen, "
	       "%lu "
	       "cookies, %lu answers)  new %lu, %.2f %% good  half-open %u  RSS %.1f -> %.1f MB\n",
		name, r->answers_per_s, 100 * r->server_busy, r->syns_per_s, r->syns_lost,
		r->syns_seen, r->cookies, r->answers_to_flood, r->new_begun, r->new_good_percent,
		half_open, (double)r->rss_begin / 1e6, (double)r->rss_end / 1e6);
	fflush(stdout);
}

/* --- set-up */

static struct hr_engine *make_engine(const char *name, struct hr_port *port, const char *address,
	const struct hr_gateway_config *gateway)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {.count = 1, .prefix_len = 16};
	char err[HR_ERRLEN];
	struct hr_engine *e;

	must(hr_ip_parse(address, &addr.first, err, sizeof(err)) == 0);
	cfg.name = name;
	cfg.ports[0] = port;
	cfg.n_ports = 1;
	cfg.workers = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.gateways = gateway;
	cfg.n_gateways = gateway != NULL;
	cfg.max_conns = 100000;
	cfg.max_half_open = opt.half_open;
	cfg.mbufs = 32768;
	cfg.tcp.connect_timeout_ms = 4000;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0) {
		fprintf(stderr, "synflood: %s\n", err);
		exit(2);
	}
	return e;
}

static struct hr_port *open_port(const char *spec)
{
	char err[HR_ERRLEN];
	struct hr_port *port;

	if (hr_port_open(spec, &port, err, sizeof(err)) < 0) {
		fprintf(stderr, "synflood: %s\n", err);
		exit(2);
	}
	return port;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), by_size);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static uint32_t half_open(struct server *s)
{
	/* Read beside the running worker: a number among others. */
	return hr_worker_slab(hr_engine_worker(s->e, 0), HR_MEM_SYN)->live;
}

/* The rounds and the verdict; the exit status. */
static int measure(struct bench *b, struct server *s, const uint8_t *mac)
{
	static const uint8_t nobody[6] = {2, 0, 0, 0, 0, 0xfe};
	double ratio[ROUNDS_MAX], good[ROUNDS_MAX], busy[2][ROUNDS_MAX], syns[ROUNDS_MAX];
	uint64_t rss_first = 0, rss_last = 0, lost = 0;
	struct phase r = run_phase(b, s, 0, 0, 0);
	uint64_t load = (uint64_t)(0.7 * r.answers_per_s);
	uint32_t most_half_open = 0;
	bool pass;

	print_phase("max", &r, half_open(s));
	for (unsigned i = 0; i < opt.rounds; i++) {
		double base;

		flooder_aim(b->flooder, nobody);
		r = run_phase(b, s, load, opt.new_per_s, opt.rate);
		print_phase("baseline", &r, half_open(s));
		base = r.answers_per_s;
		busy[0][i] = r.server_busy;
		flooder_aim(b->flooder, mac);
		r = run_phase(b, s, load, opt.new_per_s, opt.rate);
		print_phase("flood", &r, half_open(s));
		ratio[i] = r.answers_per_s / base;
		good[i] = r.new_good_percent;
		busy[1][i] = r.server_busy;
		syns[i] = r.syns_per_s;
		lost += r.syns_lost;
		if (i == 0)
			rss_first = r.rss_begin;
		rss_last = r.rss_end;
		most_half_open = RTE_MAX(most_half_open, half_open(s));
	}
	/* 2 MB: the granularity in which slabs and the allocator ask the kernel for memory. */
	pass = median(ratio, opt.rounds) >= 0.8 && median(good, opt.rounds) > 99 &&
	       rss_last <= rss_first + (2u << 20) && most_half_open <= opt.half_open + 64;
	printf("{\"bench\": \"synflood\", \"seconds\": %u, \"rounds\": %u, \"sources\": \"%s\", "
	       "\"load_per_s\": %lu, \"flood_per_s\": %.0f, \"flood_lost\": %lu, \"ratio\": %.3f, "
	       "\"new_good_percent\": %.3f, \"server_busy_baseline\": %.2f, "
	       "\"server_busy_flood\": %.2f, \"half_open\": %u, \"rss_growth_bytes\": %ld, "
	       "\"pass\": %s}\n",
		opt.seconds, opt.rounds, opt.onlink ? "onlink" : "routed", load,
		median(syns, opt.rounds), lost, median(ratio, opt.rounds), median(good, opt.rounds),
		median(busy[0], opt.rounds), median(busy[1], opt.rounds), most_half_open,
		(long)(rss_last - rss_first), pass ? "true" : "false");
	return opt.check && !pass;
}

/*
 * What a SYN costs: both ends in one thread, bursts of 64, the median of the server's turns, so
 * that whatever else the machine does falls out. wire's copy in and out is part of it.
 */
static double turn_cycles(struct bench *b, struct hr_worker *server)
{
	static double v[BURSTS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * opt.bursts && n < opt.bursts; i++) {
		uint64_t from;

		flooder_run(b->flooder, now(b));
		if (flooder_burst(b->flooder, 64) != 64)
			continue;
		from = rte_rdtsc();
		(void)hr_worker_turn(server);
		v[n++] = (double)(rte_rdtsc() - from) / 64;
		(void)hr_worker_turn(b->w);
	}
	return median(v, n);
}

static int cycles(struct bench *b, struct hr_engine *server, const uint8_t *mac)
{
	static const uint8_t nobody[6] = {2, 0, 0, 0, 0, 0xfe};
	struct hr_worker *w = hr_engine_worker(server, 0);
	double other, entries, cookies;

	flooder_aim(b->flooder, mac);
	entries = turn_cycles(b, w);
	for (unsigned i = 0; counter(server, "syn_cookies_sent") == 0 && i < 100000; i++) {
		(void)flooder_burst(b->flooder, 64);
		(void)hr_worker_turn(w);
		(void)hr_worker_turn(b->w);
	}
	cookies = turn_cycles(b, w);
	flooder_aim(b->flooder, nobody);
	other = turn_cycles(b, w);
	printf("{\"bench\": \"synflood-cycles\", \"other_mac\": %.0f, \"first_65536\": %.0f, "
	       "\"cookie\": %.0f}\n",
		other, entries, cookies);
	return 0;
}

static void usage(void)
{
	fprintf(stderr,
		"synflood [--seconds N] [--rounds N] [--rate SYNS] [--new PER_SECOND] [--half-open "
		"N] "
		"[--onlink] [--no-check] [--cycles] [--bursts N]\n"
		"  --seconds N     of each phase (default 3), after one second of its own\n"
		"  --rounds N      of baseline and flood, 1..9 (default 3)\n"
		"  --rate SYNS     a second (default 1M)\n"
		"  --new N         new connections a second beside the load (default 1000)\n"
		"  --half-open N   entries of the server before cookies (default 65536)\n"
		"  --onlink        sources in the server's own subnet, where nobody answers ARP\n"
		"  --no-check      exit 0 whatever the figures say\n"
		"  --cycles        in one thread: what a SYN costs the server, in TSC cycles\n"
		"  --bursts N      of 64 SYNs, of which the median turn counts (default 20000)\n");
	exit(2);
}

static void options(int argc, char **argv)
{
	static const struct option known[] = {{"seconds", 1, NULL, 's'}, {"rounds", 1, NULL, 'r'},
		{"rate", 1, NULL, 'f'}, {"new", 1, NULL, 'n'}, {"half-open", 1, NULL, 'h'},
		{"onlink", 0, NULL, 'o'}, {"bursts", 1, NULL, 'b'}, {"cycles", 0, NULL, 'y'},
		{"no-check", 0, NULL, 'c'}, {NULL, 0, NULL, 0}};
	char err[HR_ERRLEN];
	uint64_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == '?' ||
			(optarg != NULL && hr_parse_count(optarg, &n, err, sizeof(err)) < 0))
			usage();
		if (c == 's' && n >= 1 && n <= 60)
			opt.seconds = (unsigned)n;
		else if (c == 'r' && n >= 1 && n <= ROUNDS_MAX)
			opt.rounds = (unsigned)n;
		else if (c == 'f')
			opt.rate = n;
		else if (c == 'n')
			opt.new_per_s = n;
		else if (c == 'b' && n >= 1 && n <= BURSTS_MAX)
			opt.bursts = (uint32_t)n;
		else if (c == 'h' && n <= 1000000)
			opt.half_open = (uint32_t)n;
		else if (c == 'o')
			opt.onlink = true;
		else if (c == 'y')
			opt.cycles = true;
		else if (c == 'c')
			opt.check = false;
		else
			usage();
	}
	if (optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	struct hr_runtime_config rt = {
		.program = "synflood", .cores = 1, .memory_bytes = 400u << 20};
	struct flooder_config fc = {.dport = PORT, .seed = 1};
	struct hr_gateway_config gateway = {.port = 0};
	struct hr_port_caps client_caps, server_caps;
	struct hr_port *inner, *client_port, *server_port;
	struct hr_engine *client;
	struct server s = {.cpu = 0};
	char err[HR_ERRLEN], note[512];
	struct bench *b = calloc(1, sizeof(*b));
	cpu_set_t cpus;
	int status, cpu[2] = {-1, -1};

	options(argc, argv);
	must(b != NULL && (b->fresh = calloc(NEW_MAX, sizeof(*b->fresh))) != NULL);
	must(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	for (int i = 0; i < CPU_SETSIZE && cpu[1] < 0; i++)
		if (CPU_ISSET(i, &cpus))
			cpu[cpu[0] >= 0] = i;
	if (cpu[1] < 0) {
		printf("SKIP: server and flooder need a CPU each, and this process has one\n");
		return 77;
	}
	if (hr_runtime_init(&rt, note, sizeof(note), err, sizeof(err)) < 0) {
		fprintf(stderr, "synflood: %s\n", err);
		return 2;
	}
	inner = open_port("wire:flood/a,depth=16384");
	server_port = open_port("wire:flood/b,depth=16384");
	must(hr_port_caps(inner, &client_caps) == 0 &&
		hr_port_caps(server_port, &server_caps) == 0);
	must(hr_ip_parse("198.18.0.1", &gateway.via, err, sizeof(err)) == 0);
	must(hr_ip_parse("198.18.1.1", &b->server, err, sizeof(err)) == 0);
	fc.pool = rte_pktmbuf_pool_create(
		"flooder", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	must(fc.pool != NULL);
	fc.src_mac = client_caps.mac;
	fc.dst = b->server;
	fc.first = opt.onlink ? 0xc6128000 : 0x0a000000; /* 198.18.128.0, 10.0.0.0 */
	fc.count = opt.onlink ? 1u << 15 : 1u << 24;
	b->flooder = flooder_wrap(inner, &fc, &client_port);
	s.e = make_engine("server", server_port, "198.18.1.1", &gateway);
	client = make_engine("clients", client_port, "198.18.0.1", NULL);
	must(hr_listen(s.e, NULL, PORT, &echo_app, NULL, NULL) == 0);
	b->w = hr_engine_worker(client, 0);
	s.cpu = cpu[1];
	if (opt.cycles) {
		status = cycles(b, s.e, server_caps.mac);
		goto out;
	}
	must(pthread_create(&s.thread, NULL, server_run, &s) == 0);
	pin(cpu[0]);
	(void)hr_worker_turn(b->w);
	for (unsigned i = 0; i < STANDING; i++)
		begin(b, &b->standing[i], true);
	for (unsigned i = 0; i < 50 && b->n_open < STANDING; i++)
		spin(b, 100000);
	if (b->n_open < STANDING) {
		fprintf(stderr, "synflood: %u of %u connections opened\n", b->n_open, STANDING);
		return 2;
	}
	status = measure(b, &s, server_caps.mac);
	s.stop = true;
	must(pthread_join(s.thread, NULL) == 0);
out:
	must(hr_metrics_balanced(hr_worker_metrics(hr_engine_worker(s.e, 0))));
	hr_engine_destroy(client);
	hr_engine_destroy(s.e);
	hr_runtime_fini();
	return status;
}
