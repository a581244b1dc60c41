/* SPDX-License-Identifier: BSD-3-Clause */
/* The file that capture writes, read back block by block with a reader of our own. */
#include "packets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct rte_mempool *pool;
static uint64_t now_us;

static uint64_t own_clock(void *arg)
{
	return now_us;
}

struct block {
	uint32_t type, len;
	const uint8_t *body;
};

/* The whole file, and a walk over it. */
struct file {
	uint8_t bytes[1 << 20];
	size_t len, at;
};

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void read_file(struct file *f, const char *path)
{
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	f->len = fread(f->bytes, 1, sizeof(f->bytes), in);
	assert_true(f->len < sizeof(f->bytes));
	f->at = 0;
	fclose(in);
}

static bool next_block(struct file *f, struct block *b)
{
	if (f->at == f->len)
		return false;
	assert_true(f->len - f->at >= 12);
	b->type = get32(f->bytes + f->at);
	b->len = get32(f->bytes + f->at + 4);
	b->body = f->bytes + f->at + 8;
	assert_int_equal(b->len % 4, 0);
	assert_true(b->len >= 12 && b->len <= f->len - f->at);
	assert_int_equal(get32(f->bytes + f->at + b->len - 4), b->len);
	f->at += b->len;
	return true;
}

static void assert_head(struct file *f, const char *name, uint32_t snaplen)
{
	struct block b;

	assert_true(next_block(f, &b));
	assert_int_equal(b.type, 0x0a0d0d0a);
	assert_int_equal(b.len, 28);
	assert_int_equal(get32(b.body), 0x1a2b3c4d);
	assert_int_equal(get32(b.body + 4), 1); /* version 1.0 */
	assert_int_equal(get32(b.body + 8), 0xffffffff);
	assert_int_equal(get32(b.body + 12), 0xffffffff);
	assert_true(next_block(f, &b));
	assert_int_equal(b.type, 1);
	assert_int_equal(get32(b.body), 1); /* Ethernet */
	assert_int_equal(get32(b.body + 4), snaplen);
	assert_int_equal(get32(b.body + 8), 2 | strlen(name) << 16); /* if_name */
	assert_memory_equal(b.body + 12, name, strlen(name));
}

static void assert_packet_block(struct file *f, uint64_t time_us, unsigned direction,
	const uint8_t *bytes, uint32_t len, uint32_t captured)
{
	struct block b;
	uint32_t padded = RTE_ALIGN_CEIL(captured, 4u);

	assert_true(next_block(f, &b));
	assert_int_equal(b.type, 6);
	assert_int_equal(get32(b.body), 0);
	assert_int_equal((uint64_t)get32(b.body + 4) << 32 | get32(b.body + 8), time_us);
	assert_int_equal(get32(b.body + 12), captured);
	assert_int_equal(get32(b.body + 16), len);
	assert_memory_equal(b.body + 20, bytes, captured);
	assert_int_equal(get32(b.body + 20 + padded), 2 | 4 << 16); /* epb_flags */
	assert_int_equal(get32(b.body + 24 + padded), direction);
	assert_int_equal(get32(b.body + 28 + padded), 0); /* end of options */
	assert_int_equal(b.len, 12 + 32 + padded);
}

static void start_end(struct hr_port *port)
{
	struct rte_mempool *pools[1] = {pool};
	struct hr_port_setup setup = {
		.queues = 1, .pools = pools, .clock = own_clock, .numa_node = -1};

	start_port(port, &setup);
}

static struct hr_port *open_capture(const char *path, const char *more, const char *wire)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "capture(file=%s%s) %s", path, more, wire);
	return open_port(spec);
}

static char path[] = "/tmp/hrcaptureXXXXXX";

static void both_directions_are_written(void **state)
{
	struct hr_port *a = open_capture(path, "", "wire:cap"), *b = open_port("wire:cap");
	uint8_t one[TCP_HEADERS + 101], two[TCP_HEADERS + 700];
	uint32_t len1 = tcp_frame(one, 1, 0, 101, 1), len2 = tcp_frame(two, 2, 0, 700, 2);
	struct rte_mbuf *m;
	struct block end;
	struct hr_port_stats s;
	static struct file f;

	start_end(a);
	start_end(b);
	now_us = 0x123456789abcd;
	m = packet_of(pool, one, len1, 2000);
	assert_int_equal(port_tx(a, 0, &m, 1), 1);
	now_us += 5;
	m = packet_of(pool, two, len2, 100);
	assert_int_equal(port_tx(b, 0, &m, 1), 1);
	assert_int_equal(a->ops->deadline(a->priv, 0), 0);
	assert_int_equal(port_rx(a, 0, &m, 1), 1);
	assert_packet(m, two, len2);
	rte_pktmbuf_free(m);

	/* A second later it is in the file although nobody closed it. */
	a->ops->flush(a->priv, 0);
	read_file(&f, path);
	assert_head(&f, "wire:cap/a", 65535);
	assert_false(next_block(&f, &end));
	now_us += 1000000;
	a->ops->flush(a->priv, 0);
	read_file(&f, path);
	assert_head(&f, "wire:cap/a", 65535);
	assert_packet_block(&f, 0x123456789abcd, 2, one, len1, len1);
	assert_packet_block(&f, 0x123456789abcd + 5, 1, two, len2, len2);
	assert_false(next_block(&f, &end));

	assert_int_equal(hr_port_stats(a, &s), 0);
	assert_int_equal(s.tx_packets, 1);
	assert_int_equal(s.rx_packets, 1);
	assert_true(a->ops->link_up(a->priv));
	hr_port_close(a);
	hr_port_close(b);
	assert_int_equal(test_pool_out(pool), 0);
}

static void packets_not_taken_are_not_written(void **state)
{
	struct hr_port *a = open_capture(path, ",snaplen=60", "wire:cap,depth=2"),
		       *b = open_port("wire:cap");
	uint8_t bytes[4][TCP_HEADERS + 100];
	struct rte_mbuf *m[4];
	static struct file f;
	struct block end;

	start_end(a);
	start_end(b);
	now_us = 7;
	for (unsigned i = 0; i < 4; i++)
		m[i] = packet_of(pool, bytes[i], tcp_frame(bytes[i], (uint16_t)i, 0, 100, i), 2000);
	assert_int_equal(port_tx(a, 0, m, 4), 2);
	rte_pktmbuf_free_bulk(m + 2, 2);
	assert_int_equal(port_rx(b, 0, m, 4), 2);
	rte_pktmbuf_free_bulk(m, 2);
	hr_port_close(a);
	hr_port_close(b);
	read_file(&f, path);
	assert_head(&f, "wire:cap/a", 60);
	assert_packet_block(&f, 7, 2, bytes[0], sizeof(bytes[0]), 60);
	assert_packet_block(&f, 7, 2, bytes[1], sizeof(bytes[1]), 60);
	assert_false(next_block(&f, &end));
	assert_int_equal(test_pool_out(pool), 0);
}

static void buffers_run_full_in_bursts(void **state)
{
	struct hr_port *a = open_capture(path, "", "wire:cap"), *b = open_port("wire:cap");
	uint8_t bytes[TCP_HEADERS + 1400];
	uint32_t len = tcp_frame(bytes, 1, 0, 1400, 1);
	struct rte_mbuf *m[50];
	static struct file f;
	struct block end;

	start_end(a);
	start_end(b);
	now_us = 9;
	/* 500 packets of 1.5 KB: nearly three buffers of 256 KB; half of them one way, half the
	 * other. */
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 50; i++)
			m[i] = packet_of(pool, bytes, len, 2000);
		assert_int_equal(port_tx(round < 5 ? a : b, 0, m, 50), 50);
		assert_int_equal(port_rx(round < 5 ? b : a, 0, m, 50), 50);
		rte_pktmbuf_free_bulk(m, 50);
	}
	hr_port_close(a);
	hr_port_close(b);
	read_file(&f, path);
	assert_head(&f, "wire:cap/a", 65535);
	for (unsigned i = 0; i < 500; i++)
		assert_packet_block(&f, 9, i < 250 ? 2 : 1, bytes, len, len);
	assert_false(next_block(&f, &end));
	assert_int_equal(test_pool_out(pool), 0);
}

static void what_cannot_be_written_is_a_sentence(void **state)
{
	struct hr_port *port;
	char err[HR_ERRLEN];

	assert_int_equal(
		hr_port_open("capture(file=/nonexistent/a) wire:cap", &port, err, sizeof(err)),
		-ENOENT);
	assert_string_equal(
		err, "capture(file=/nonexistent/a): cannot be written: No such file or directory");
	assert_int_equal(
		hr_port_open("capture(file=/dev/full) wire:cap", &port, err, sizeof(err)), -ENOSPC);
	assert_string_equal(
		err, "capture(file=/dev/full): cannot be written: No space left on device");
	assert_int_equal(
		hr_port_open("capture(file=/tmp/a,snaplen=9) wire:cap", &port, err, sizeof(err)),
		-EINVAL);
	assert_string_equal(err, "capture(snaplen=9): give bytes per packet from 14 to 65535");
	assert_int_equal(
		hr_port_open("capture(fiel=/tmp/a) wire:cap", &port, err, sizeof(err)), -EINVAL);
	assert_string_equal(err,
		"unknown key \"fiel\" in capture(...); did you mean file? (known: file, snaplen)");
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	test_eal_start(32);
	pool = test_pool(1023);
	return 0;
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_are_written),
		cmocka_unit_test(packets_not_taken_are_not_written),
		cmocka_unit_test(buffers_run_full_in_bursts),
		cmocka_unit_test(what_cannot_be_written_is_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
