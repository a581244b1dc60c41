/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * headrace's end of a goodput run, over the public API alone: hrflow recv DEVICE LOCAL/LEN PORT
 * SKIP_S RUN_S, which measures, or hrflow send DEVICE LOCAL/LEN REMOTE PORT RUN_S, which sends
 * until it is told to stop. Buffers for 200 Mbps over 200 ms, as the kernel's tuning finds them by
 * itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <headrace.h>

#include "flow.h"

#define BUFFER_BYTES (16u << 20)
#define MBUFS        40000
#define MEMORY_BYTES (224u << 20)
#define CHUNK        (64 * 1024)
#define CONNECT_S    60
#define SAMPLE_US    100000

struct flow {
	bool sender, done, opened;
	struct meter meter;
	uint64_t start_us, end_us;
	hr_conn conn;
	enum hr_reason reason;
	struct hr_conn_info info;
};

static void fill(struct hr_worker *w, hr_conn c)
{
	static const char chunk[CHUNK];

	while (hr_send(w, c, chunk, sizeof(chunk)) == (int64_t)sizeof(chunk))
		;
}

/* The last look before the end: then the connection may be gone. */
static void sample(struct hr_worker *w, void *arg)
{
	struct flow *f = arg;

	if (hr_conn_info(w, f->conn, &f->info) == 0)
		(void)hr_timer_start(w, SAMPLE_US, sample, f);
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct flow *f = user;

	f->conn = c;
	f->opened = true;
	sample(w, f);
	if (f->sender) {
		f->end_us += meter_now_us() - f->start_us; /* the run begins when it is open */
		fill(w, c);
	}
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct flow *f = user;
	size_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += s[i].len;
	meter_add(&f->meter, bytes, meter_now_us());
	return bytes;
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	fill(w, c);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct flow *f = user;

	f->reason = reason;
	f->done = true;
}

static int complain(const char *err)
{
	fprintf(stderr, "hrflow: %s\n", err);
	return 2;
}

/* "198.18.0.1/24" */
static int parse_address(char *text, struct hr_addr_config *a, char *err, size_t errlen)
{
	char *slash = strchr(text, '/');

	*a = (struct hr_addr_config){.count = 1, .prefix_len = 24};
	if (slash != NULL) {
		*slash = '\0';
		a->prefix_len = (uint8_t)atoi(slash + 1);
	}
	return hr_ip_parse(text, &a->first, err, errlen);
}

static int make_engine(
	const char *device, char *address, struct hr_engine **e, char *err, size_t errlen)
{
	struct hr_runtime_config runtime = {
		.program = "hrflow", .cores = 1, .memory_bytes = MEMORY_BYTES};
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addr;

	if (parse_address(address, &addr, err, errlen) < 0 ||
		hr_runtime_init(&runtime, NULL, 0, err, errlen) < 0 ||
		hr_port_open(device, &cfg.ports[0], err, errlen) < 0)
		return -EINVAL;
	cfg.name = "hrflow";
	cfg.workers = 1;
	cfg.n_ports = 1;
	cfg.addrs = &addr;
	cfg.n_addrs = 1;
	cfg.max_conns = 16;
	cfg.mbufs = MBUFS;
	cfg.idle = HR_IDLE_SLEEP;
	cfg.tcp.cc = HR_CC_CUBIC;
	cfg.tcp.rcv_buf_bytes = BUFFER_BYTES;
	cfg.tcp.snd_buf_bytes = BUFFER_BYTES;
	cfg.tcp.rcv_buf_max_bytes = BUFFER_BYTES;
	cfg.tcp.snd_buf_max_bytes = BUFFER_BYTES;
	return hr_engine_create(&cfg, e, err, errlen);
}

static bool tick(void *arg, uint64_t elapsed_us)
{
	const struct flow *f = arg;
	uint64_t now_us = meter_now_us();

	if (f->done || now_us >= f->end_us)
		return false;
	return f->sender || !meter_over(&f->meter, now_us);
}

static void print_counters(struct hr_engine *e)
{
	const char *comma = "";

	printf("{");
	for (unsigned i = 0; i < hr_counter_count(); i++) {
		uint64_t v = hr_engine_counter(e, -1, i);

		if (v != 0) {
			printf("%s\"%s\": %" PRIu64, comma, hr_counter_name(i), v);
			comma = ", ";
		}
	}
	for (unsigned i = 0; i < hr_drop_count(); i++) {
		uint64_t v = hr_engine_drop(e, -1, i);

		if (v != 0) {
			printf("%s\"drop_%s\": %" PRIu64, comma, hr_drop_name(i), v);
			comma = ", ";
		}
	}
	printf("}\n");
}

static void end_conn(struct hr_worker *w, void *arg)
{
	struct flow *f = arg;

	if (f->opened && !f->done)
		(void)hr_abort(w, f->conn);
}

static bool last_tick(void *arg, uint64_t elapsed_us)
{
	const struct flow *f = arg;

	return f->opened && !f->done && elapsed_us < 200000;
}

static int run(struct hr_engine *e, struct flow *f, char *err, size_t errlen)
{
	struct hr_run_opts opts = {.tick = tick, .arg = f, .tick_us = 10000};
	int rc = hr_run(&e, 1, &opts, err, errlen);

	if (rc < 0)
		return rc;
	/* The peer is told, so that it ends too. */
	(void)hr_post(hr_engine_worker(e, 0), end_conn, f);
	opts.tick = last_tick;
	rc = hr_run(&e, 1, &opts, err, errlen);
	if (rc < 0)
		return rc;
	if (!f->sender && !meter_over(&f->meter, meter_now_us())) {
		snprintf(err, errlen,
			f->opened ? "the sender is gone (reason %d)" : "nobody came (reason %d)",
			f->reason);
		return -ECONNRESET;
	}
	if (!f->sender)
		meter_print(&f->meter);
	print_counters(e);
	if (f->sender)
		printf("{\"srtt_us\": %u, \"min_rtt_us\": %u, \"cwnd_bytes\": %u, "
		       "\"ssthresh_bytes\": "
		       "%u, \"snd_wnd_bytes\": %u}\n",
			f->info.srtt_us, f->info.min_rtt_us, f->info.cwnd_bytes,
			f->info.ssthresh_bytes, f->info.snd_wnd_bytes);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct hr_app app = {.on_open = on_open,
		.on_data = on_data,
		.on_writable = on_writable,
		.on_close = on_close};
	bool sender = argc == 7 && strcmp(argv[1], "send") == 0;
	char err[HR_ERRLEN] = "";
	struct flow f = {.sender = sender, .start_us = meter_now_us()};
	struct hr_engine *e;
	struct hr_ip peer = {0};
	hr_conn c;

	if (argc != 7 || (!sender && strcmp(argv[1], "recv") != 0))
		return complain(
			"usage: hrflow recv DEVICE LOCAL/LEN PORT SKIP_S RUN_S | hrflow send "
			"DEVICE LOCAL/LEN REMOTE PORT RUN_S");
	f.meter.skip_us = sender ? 0 : (uint64_t)(atof(argv[5]) * 1e6);
	f.meter.run_us = (uint64_t)(atof(argv[6]) * 1e6);
	if (make_engine(argv[2], argv[3], &e, err, sizeof(err)) < 0)
		return complain(err);
	f.start_us = meter_now_us();
	f.end_us = f.start_us + f.meter.run_us + (sender ? 0 : CONNECT_S * 1000000ull);
	alarm((unsigned)(f.meter.run_us / 1000000) + 2 * CONNECT_S);
	if (sender) {
		if (hr_ip_parse(argv[4], &peer, err, sizeof(err)) < 0)
			return complain(err);
		if (hr_connect(hr_engine_worker(e, 0), &peer, (uint16_t)atoi(argv[5]), &app, &f,
			    NULL, &c) < 0)
			return complain("no connection can be opened");
	} else if (hr_listen(e, &peer, (uint16_t)atoi(argv[4]), &app, &f, NULL) < 0) {
		return complain("the port cannot be listened on");
	}
	fprintf(stderr, "ready\n");
	if (run(e, &f, err, sizeof(err)) < 0)
		return complain(err);
	hr_engine_destroy(e);
	hr_runtime_fini();
	return 0;
}
