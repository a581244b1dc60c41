/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two engines over wire with as many connections as asked for, and their applications: who
 * connects, asks, answers and closes. One thread steps both in turn, or each has a thread; what an
 * end counts is written by the thread that steps it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "base/rng.h"
#include "port/port.h"
#include "scale.h"

#define PORT     80
#define PER_ADDR 40000 /* connections of one client address: of 64,512 source ports */
#define MBUFS    16383
#define PER_TURN 64 /* calls of the application between two turns: a burst */

static const uint8_t byte[1] = {'x'};

static struct scale *scale_of(struct hr_worker *w)
{
	return hr_worker_user(w);
}

/* --- applications */

static void client_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct scale_end *end = &scale_of(w)->end[SCALE_CLIENT];

	scale_set(end->opened, end->opened + 1);
}

static void server_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct scale_end *end = &scale_of(w)->end[SCALE_SERVER];

	end->handle[end->opened] = c;
	scale_set(end->opened, end->opened + 1);
}

static const char *const reasons[HR_REASON_COUNT] = {
	[HR_RESET] = "reset",
	[HR_REFUSED] = "refused",
	[HR_TIMEOUT] = "timeout",
	[HR_UNREACHABLE] = "unreachable",
	[HR_ABORTED] = "aborted",
	[HR_KEEPALIVE] = "keep-alive",
	[HR_ORPHANED] = "orphaned",
	[HR_NO_MEMORY] = "no memory",
};

static void ended(struct scale_end *end, enum hr_reason reason)
{
	if (reason != HR_CLOSED) {
		if (end->failed < 3)
			fprintf(stderr, "a connection ended with: %s\n", reasons[reason]);
		scale_set(end->failed, end->failed + 1);
	}
	scale_set(end->closed, end->closed + 1);
}

static void client_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	ended(&scale_of(w)->end[SCALE_CLIENT], reason);
}

static void server_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	ended(&scale_of(w)->end[SCALE_SERVER], reason);
}

static size_t length(const struct hr_slice *v, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += v[i].len;
	return len;
}

static size_t server_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	size_t len = length(v, n);

	for (size_t i = 0; i < len; i++)
		must(hr_send(w, c, byte, sizeof(byte)) == sizeof(byte));
	return len;
}

static size_t client_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	struct scale *s = scale_of(w);
	size_t len = length(v, n);

	s->answers += (uint32_t)len;
	return len;
}

static void leave(struct hr_worker *w, hr_conn c, void *user)
{
	(void)hr_close(w, c);
}

static const struct hr_app client_app = {
	.on_open = client_open, .on_data = client_data, .on_eof = leave, .on_close = client_close};
static const struct hr_app server_app = {
	.on_open = server_open, .on_data = server_data, .on_eof = leave, .on_close = server_close};

/* --- what they do between turns */

bool drive_idle(struct scale *s, struct scale_end *end)
{
	return false;
}

bool drive_connect(struct scale *s, struct scale_end *end)
{
	uint32_t n = RTE_MIN(s->target - end->asked, SCALE_WINDOW - (end->asked - end->opened));
	struct hr_ip server;

	n = RTE_MIN(n, (uint32_t)PER_TURN);
	must(hr_ip_parse("198.18.0.1", &server, NULL, 0) == 0);
	for (uint32_t i = 0; i < n; i++, end->asked++)
		if (hr_connect(end->w, &server, PORT, &client_app, NULL, NULL,
			    &end->handle[end->asked]) < 0)
			bench_die(s->b, "connection %u cannot be opened", end->asked);
	return n > 0;
}

bool drive_request(struct scale *s, struct scale_end *end)
{
	uint32_t n = RTE_MIN(s->requests - end->asked, SCALE_WINDOW - (end->asked - s->answers));

	n = RTE_MIN(n, (uint32_t)PER_TURN);
	for (uint32_t i = 0; i < n; i++, end->asked++) {
		uint64_t r = s->rng = s->rng * 6364136223846793005u + 1442695040888963407u;
		uint32_t at = (uint32_t)((r >> 32) * end->opened >> 32);

		must(hr_send(end->w, end->handle[at], byte, sizeof(byte)) == sizeof(byte));
	}
	return n > 0;
}

bool drive_close(struct scale *s, struct scale_end *end)
{
	uint32_t calls = 0;

	for (; end->next < end->last && calls < PER_TURN && end->asked - end->closed < SCALE_WINDOW;
		end->next++) {
		uint32_t at = end->order != NULL ? end->order[end->next] : end->next;

		/* Those that the other end has closed before are stale. */
		if (hr_close(end->w, end->handle[at]) < 0)
			continue;
		calls++;
		end->asked++;
	}
	return calls > 0;
}

void scale_drive(struct scale *s, unsigned side, bool (*drive)(struct scale *, struct scale_end *))
{
	scale_set(s->end[side].drive, drive);
}

/* --- the rig */

static struct hr_engine *open_engine(struct scale *s, unsigned side)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr = {
		.count = side == SCALE_CLIENT ? s->n / PER_ADDR + 16 : 1, .prefix_len = 15};
	char err[HR_ERRLEN] = "";
	struct hr_engine *e;

	must(hr_ip_parse(side == SCALE_CLIENT ? "198.18.1.1" : "198.18.0.1", &addr.first, NULL,
		     0) == 0);
	if (hr_port_open("wire:scale,depth=1024", &cfg.ports[0], err, sizeof(err)) < 0)
		bench_die(s->b, "%s", err);
	cfg.name = side == SCALE_CLIENT ? "clients" : "server";
	cfg.n_ports = 1;
	cfg.workers = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.mbufs = MBUFS;
	cfg.max_conns = s->n + 8192;
	cfg.max_time_wait = 8000000;
	cfg.tcp.time_wait_ms = 1000;
	cfg.tcp.keepalive_ms = (uint32_t)s->keepalive_ms;
	cfg.seed = s->seed + side;
	cfg.profile = true;
	if (hr_engine_create(&cfg, &e, err, sizeof(err)) < 0)
		bench_die(s->b, "%s", err);
	return e;
}

/* Nothing is lost on the link: each failure has a reason that is worth knowing. */
void scale_judge(const struct scale *s)
{
	static const char *const told[] = {"retransmits", "rto_fired", "tlp_fired", "rst_out",
		"rst_in", "keepalive_probes", "time_wait_entered", "time_wait_recycled",
		"no_memory", "no_mbuf_tx", "tx_full"};

	if (s->end[0].failed + s->end[1].failed == 0)
		return;
	for (unsigned i = 0; i < RTE_DIM(told); i++)
		fprintf(stderr, "  %-20s client %10lu server %10lu\n", told[i],
			scale_count(s, SCALE_CLIENT, told[i]),
			scale_count(s, SCALE_SERVER, told[i]));
	for (unsigned i = 0; i < hr_drop_count(); i++)
		for (unsigned side = 0; side < 2; side++)
			if (hr_engine_drop(s->end[side].e, -1, i) > 0)
				fprintf(stderr, "  %s: %lu dropped: %s\n",
					side == SCALE_CLIENT ? "client" : "server",
					hr_engine_drop(s->end[side].e, -1, i), hr_drop_name(i));
	bench_die(s->b, "%u connections failed at the client, %u at the server", s->end[0].failed,
		s->end[1].failed);
}

static void step(struct scale *s, struct scale_end *end)
{
	unsigned phase = scale_get(s->phase), work;
	uint64_t t[3];
	bool did;

	t[0] = bench_tsc();
	did = scale_get(end->drive)(s, end);
	t[1] = bench_tsc();
	work = hr_worker_turn(end->w);
	t[2] = bench_tsc();
	meter_turn(&end->meter, phase, t, work, did || work > 0, hr_worker_metrics(end->w));
}

static void *server_thread(void *arg)
{
	struct scale *s = arg;
	struct scale_end *end = &s->end[SCALE_SERVER];

	bench_pin(s->b->cpu[1]);
	meter_start(&end->meter, hr_worker_metrics(end->w));
	while (!scale_get(s->stop))
		step(s, end);
	return NULL;
}

void scale_part(struct scale *s)
{
	if (s->b->cpu[1] < 0)
		bench_die(s->b, "--threads 2 needs two CPUs, and there is one");
	must(pthread_create(&s->thread, NULL, server_thread, s) == 0);
	s->threads = 2;
}

void scale_join(struct scale *s)
{
	if (s->threads == 1)
		return;
	scale_set(s->stop, true);
	(void)pthread_join(s->thread, NULL);
	s->threads = 1;
}

void scale_run(struct scale *s, bool (*done)(struct scale *s), double seconds, const char *what)
{
	uint64_t end = bench_tsc() + (uint64_t)(seconds * bench_hz());

	for (uint32_t n = 0; !done(s); n++) {
		step(s, &s->end[SCALE_CLIENT]);
		if (s->threads == 1)
			step(s, &s->end[SCALE_SERVER]);
		if (n % 1024 == 0 && bench_tsc() > end)
			bench_die(s->b,
				"%s: not done after %.0f s (%u opened, %u closed, %u "
				"answers)",
				what, seconds, s->end[0].opened, s->end[0].closed, s->answers);
	}
}

void scale_open(struct scale *s)
{
	for (unsigned side = 0; side < 2; side++) {
		struct scale_end *end = &s->end[side];
		size_t bytes = (s->n + 8192) * sizeof(*end->handle);

		end->e = open_engine(s, side);
		end->w = hr_engine_worker(end->e, 0);
		end->drive = drive_idle;
		end->handle = malloc(bytes);
		if (end->handle == NULL)
			bench_die(s->b, "no memory for %u handles", s->n);
		memset(end->handle, 0xff, bytes);
		hr_worker_set_user(end->w, s);
		bench_touch_pool(s->b, hr_worker_pool(end->w));
		meter_start(&end->meter, hr_worker_metrics(end->w));
	}
	must(hr_listen(s->end[SCALE_SERVER].e, NULL, PORT, &server_app, NULL, NULL) == 0);
}

void scale_close(struct scale *s)
{
	for (unsigned side = 0; side < 2; side++) {
		hr_engine_destroy(s->end[side].e);
		meter_stop(&s->end[side].meter);
		free(s->end[side].handle);
	}
}

uint64_t scale_count(const struct scale *s, unsigned side, const char *counter)
{
	int i = hr_counter_find(counter);

	must(i >= 0);
	return hr_engine_counter(s->end[side].e, -1, (unsigned)i);
}
