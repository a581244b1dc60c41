/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw packet I/O over wire, without any TCP: the limit of what an engine can do on these ports.
 * In one thread, cycles per frame (sent at one end, received at the other); and with a CPU for each
 * end, frames per second that come back from an echo which swaps the MAC addresses.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "common/eal.h"
#include "port/port.h"

#define BURST 32

struct end {
	struct hr_port *port;
	struct rte_mempool *pool;
};

struct echo {
	struct end *end;
	int cpu;
	bool stop; /* atomic */
};

static uint64_t clock_us(void *arg)
{
	return rte_get_tsc_cycles() * 1000000 / rte_get_tsc_hz();
}

static void open_end(struct bench *b, struct end *e, const char *spec)
{
	struct hr_port_setup setup = {
		.queues = 1, .pools = &e->pool, .clock = clock_us, .seed = 1, .promiscuous = true};
	char err[HR_ERRLEN];

	e->pool = test_pool(8191);
	if (hr_port_open(spec, &e->port, err, sizeof(err)) < 0 ||
		hr_port_start(e->port, &setup, err, sizeof(err)) < 0)
		bench_die(b, "%s", err);
}

/* A burst of frames of `len` bytes; the content does not matter to a wire. */
static unsigned send_burst(struct end *e, uint16_t len)
{
	struct rte_mbuf *m[BURST];
	unsigned taken;

	if (rte_pktmbuf_alloc_bulk(e->pool, m, BURST) != 0)
		return 0;
	for (unsigned i = 0; i < BURST; i++) {
		m[i]->data_len = len;
		m[i]->pkt_len = len;
	}
	taken = hr_port_tx(e->port, 0, m, BURST);
	hr_port_flush(e->port, 0);
	rte_pktmbuf_free_bulk(m + taken, BURST - taken);
	return taken;
}

static unsigned take_burst(struct end *e)
{
	struct rte_mbuf *m[BURST];
	unsigned n = hr_port_rx(e->port, 0, m, BURST);

	rte_pktmbuf_free_bulk(m, n);
	return n;
}

/* Reads the frame, as a forwarder does: without that the receiver's memory is never touched. */
static void swap_macs(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ether_addr a = eth->dst_addr;

	eth->dst_addr = eth->src_addr;
	eth->src_addr = a;
}

static void *echo_run(void *arg)
{
	struct echo *x = arg;
	struct rte_mbuf *m[BURST];

	bench_pin(x->cpu);
	while (!__atomic_load_n(&x->stop, __ATOMIC_RELAXED)) {
		unsigned n = hr_port_rx(x->end->port, 0, m, BURST), taken;

		if (n == 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			swap_macs(m[i]);
		taken = hr_port_tx(x->end->port, 0, m, (uint16_t)n);
		hr_port_flush(x->end->port, 0);
		rte_pktmbuf_free_bulk(m + taken, n - taken);
	}
	return NULL;
}

static double measure_frame(struct end *a, struct end *z, uint16_t len, uint32_t frames)
{
	uint64_t start = bench_tsc();
	uint32_t sent = 0, got = 0;

	while (got < frames) {
		sent += send_burst(a, len);
		got += take_burst(z);
	}
	must(sent == got);
	return (double)(bench_tsc() - start) / got;
}

/* What comes back in a second: each frame goes both ways. */
static double measure_echo(struct bench *b, struct end *a, struct end *z, uint64_t us)
{
	struct echo x = {.end = z, .cpu = b->cpu[1]};
	uint64_t start, end, back = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, echo_run, &x) != 0)
		bench_die(b, "no thread for the echo");
	start = clock_us(NULL);
	end = start + us;
	while (clock_us(NULL) < end) {
		(void)send_burst(a, 64);
		back += take_burst(a);
	}
	end = clock_us(NULL);
	__atomic_store_n(&x.stop, true, __ATOMIC_RELAXED);
	(void)pthread_join(thread, NULL);
	while (take_burst(a) + take_burst(z) > 0)
		;
	return (double)back * 1e6 / (double)(end - start);
}

static void one(struct bench *b)
{
	static struct end a, z;
	uint32_t frames = b->quick ? 6400 : 3200000;

	if (a.port == NULL) {
		bench_eal(b, 128);
		open_end(b, &a, "wire:bench/a");
		open_end(b, &z, "wire:bench/b");
	}
	bench_add(b, "frame", "cycles", "bytes", 64, measure_frame(&a, &z, 64, frames));
	bench_add(b, "frame", "cycles", "bytes", 1514, measure_frame(&a, &z, 1514, frames));
	if (b->cpu[1] < 0) {
		fprintf(stderr, "bench_wire: one CPU only: the echo is left out\n");
		return;
	}
	bench_add(b, "echo", "frames/s", "bytes", 64,
		measure_echo(b, &a, &z, b->quick ? 100000 : 2000000));
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = "wire", .max = 1};

	return bench_main(&b, argc, argv, one);
}
