/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer of the README's echo server: sends a pattern through it, checks every byte that comes
 * back, half-closes, and waits for the orderly end. Usage: echo_client PORT ADDRESS SERVER BYTES.
 * Prints what happened, and leaves the link when its standard input ends: not before, since
 * DPDK's net_memif unmaps the memory of a link whose peer leaves while the server may be reading
 * it. Exit 0 only when all of that happened.
 */
#include <headrace.h>
#include <stdio.h>
#include <stdlib.h>

struct talk {
	struct hr_engine *e;
	uint64_t bytes, sent, back;
	enum hr_reason reason;
	bool open, wrong, eof, closed;
};

/* Period 251: no power of two hides a shift. */
static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at % 251);
}

static void send_more(struct hr_worker *w, hr_conn c, void *user)
{
	struct talk *t = user;

	while (t->sent < t->bytes) {
		uint8_t buf[4096];
		size_t n = t->bytes - t->sent < sizeof(buf) ? t->bytes - t->sent : sizeof(buf);
		int64_t took;

		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(t->sent + i);
		took = hr_send(w, c, buf, n);
		if (took <= 0)
			return;
		t->sent += (uint64_t)took;
	}
	hr_shutdown(w, c);
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	((struct talk *)user)->open = true;
	send_more(w, c, user);
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct talk *t = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		for (uint32_t k = 0; k < s[i].len; k++)
			t->wrong |= s[i].data[k] != pattern(t->back++);
		total += s[i].len;
	}
	return total;
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	((struct talk *)user)->eof = true;
	hr_close(w, c);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct talk *t = user;

	t->closed = true;
	t->reason = reason;
	hr_stop();
}

static bool tick(void *arg, uint64_t elapsed_us)
{
	return elapsed_us < 30000000;
}

int main(int argc, char **argv)
{
	static const struct hr_app app = {
		.on_open = on_open,
		.on_data = on_data,
		.on_writable = send_more,
		.on_eof = on_eof,
		.on_close = on_close,
	};
	struct talk t = {0};
	struct hr_ip server;
	char err[HR_ERRLEN] = "usage: echo_client PORT ADDRESS SERVER BYTES";
	const struct hr_run_opts opts = {.tick = tick};
	hr_conn c;

	if (argc != 5 || hr_parse_count(argv[4], &t.bytes, err, sizeof(err)) < 0 ||
		hr_ip_parse(argv[3], &server, err, sizeof(err)) < 0 ||
		hr_simple("echo_client", argv[1], argv[2], &t.e, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	if (hr_connect(hr_engine_worker(t.e, 0), &server, 7, &app, &t, NULL, &c) < 0) {
		fprintf(stderr, "echo_client: cannot connect\n");
		return 1;
	}
	if (hr_run(&t.e, 1, &opts, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	printf("open %d, %llu bytes sent, %llu came back, wrong %d, eof %d, closed %d, reason %d\n",
		t.open, (unsigned long long)t.sent, (unsigned long long)t.back, t.wrong, t.eof,
		t.closed, t.reason);
	fflush(stdout);
	while (getchar() != EOF)
		;
	hr_engine_destroy(t.e);
	hr_runtime_fini();
	return t.open && t.back == t.bytes && !t.wrong && t.eof && t.closed && t.reason == HR_CLOSED
		       ? 0
		       : 1;
}
