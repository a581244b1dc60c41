/* SPDX-License-Identifier: BSD-3-Clause */
/* The link between two wires in this process, on a clock of our own: what passes, when, and what
 * the figures say; and how flags become lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "common/eal.h"
#include "link.h"

#define FRAME 1000

static struct rte_mempool *pool;
static uint64_t now_us;

static uint64_t own_clock(void *arg)
{
	return now_us;
}

/* A host at each end of the link. */
struct world {
	struct hr_port *host[WAYS];
	struct link *link;
};

static struct world given_link(const char *ab, const char *ba)
{
	struct world w;
	char err[HR_ERRLEN + 16] = "",
			     *argv[] = {"hrlink", "--a", "wire:left", "--b", "wire:right", "--seed",
				     "7", "--mbufs", "512", "--ab", (char *)(uintptr_t)ab, "--ba",
				     (char *)(uintptr_t)ba};
	struct options o;
	const struct hr_port_setup setup = {
		.queues = 1, .pools = &pool, .clock = own_clock, .numa_node = -1};

	now_us = 1000000;
	assert_int_equal(options_parse(ba != NULL ? 13 : 11, argv, &o, err, sizeof(err)), 0);
	assert_int_equal(link_open(&w.link, &o, own_clock, NULL, err, sizeof(err)), 0);
	for (enum way i = AB; i < WAYS; i++) {
		assert_int_equal(hr_port_open(o.port[i], &w.host[i], err, sizeof(err)), 0);
		assert_int_equal(hr_port_start(w.host[i], &setup, err, sizeof(err)), 0);
	}
	return w;
}

static void close_world(struct world *w)
{
	link_close(w->link);
	hr_port_close(w->host[AB]);
	hr_port_close(w->host[BA]);
	assert_int_equal(test_pool_out(pool), 0);
}

/* A frame of the type whose every byte says its number. */
static void sends(struct world *w, enum way way, uint8_t number, uint16_t type, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, len);

	memset(p, number, len);
	p[12] = (uint8_t)(type >> 8);
	p[13] = (uint8_t)type;
	assert_int_equal(hr_port_tx(w->host[way], 0, &m, 1), 1);
	hr_port_flush(w->host[way], 0);
}

/* What the other host gets: "1 2" when frames 1 and 2 arrived whole. */
static const char *gets(struct world *w, enum way way, uint16_t len)
{
	static char text[256];
	struct rte_mbuf *m[32];
	uint16_t n;
	size_t used = 0;

	link_turn(w->link);
	n = hr_port_rx(w->host[way == AB ? BA : AB], 0, m, 32);
	text[0] = '\0';
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);

		assert_int_equal(m[i]->pkt_len, len);
		for (uint16_t k = 0; k < len; k++)
			assert_true(k == 12 || k == 13 || p[k] == p[0]);
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%u", i > 0 ? " " : "", p[0]);
		rte_pktmbuf_free(m[i]);
	}
	return text;
}

static void every_kind_of_frame_passes_as_it_is(void **state)
{
	static const uint16_t types[] = {0x0806, 0x0800, 0x86dd, 0x8100, 0x88cc, 0x1234};
	struct world w = given_link("delay=1us", NULL);

	for (uint8_t i = 0; i < RTE_DIM(types); i++) {
		char want[4];

		snprintf(want, sizeof(want), "%u", i);
		sends(&w, AB, i, types[i], 60);
		link_turn(w.link);
		now_us += 1;
		assert_string_equal(gets(&w, AB, 60), want);
		sends(&w, BA, i, types[i], 1514);
		assert_string_equal(gets(&w, BA, 1514), want);
	}
	close_world(&w);
}

static void each_direction_has_its_own_troubles(void **state)
{
	struct world w = given_link("delay=10ms,loss=0.1,dup=10%", "delay=30ms,rate=8M,queue=3p");
	struct link_figures f;

	/* b to a: 1000 bytes at 8 Mbit/s last 1 ms; one is sent, three wait, the fifth is dropped.
	 */
	assert_true(link_deadline(w.link) == HR_NEVER);
	for (uint8_t i = 1; i <= 5; i++)
		sends(&w, BA, i, 0x0800, FRAME);
	assert_string_equal(gets(&w, BA, FRAME), "");
	assert_int_equal(link_deadline(w.link), 1031000);
	now_us = 1030999;
	assert_string_equal(gets(&w, BA, FRAME), "");
	now_us = 1031000;
	assert_string_equal(gets(&w, BA, FRAME), "1");
	now_us = 1034000;
	assert_string_equal(gets(&w, BA, FRAME), "2 3 4");
	link_figures(w.link, BA, &f);
	assert_int_equal(f.in_packets, 5);
	assert_int_equal(f.in_bytes, 5 * FRAME);
	assert_int_equal(f.out_packets, 4);
	assert_int_equal(f.out_bytes, 4 * FRAME);
	assert_int_equal(f.queue_drops, 1);
	assert_int_equal(f.queue_max_bytes, 3 * FRAME);
	assert_int_equal(f.lost + f.duplicated + f.reordered + f.missed + f.no_mbuf + f.unsent, 0);
	assert_int_equal(f.late, 2); /* 2 and 3 left 2 and 1 ms after their time */
	assert_int_equal(f.late_max_us, 2000);

	unsigned arrived = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct rte_mbuf *m[8];
		uint16_t n;

		sends(&w, AB, (uint8_t)i, 0x0800, FRAME);
		link_turn(w.link);
		now_us += 10000;
		link_turn(w.link);
		n = hr_port_rx(w.host[BA], 0, m, 8);
		arrived += n;
		rte_pktmbuf_free_bulk(m, n);
	}
	link_figures(w.link, AB, &f);
	assert_int_equal(f.in_packets, 1000);
	assert_in_range(f.lost, 60, 140);
	assert_in_range(f.duplicated, 50, 130);
	assert_int_equal(f.out_packets, arrived);
	assert_int_equal(arrived, 1000 - f.lost + f.duplicated);
	close_world(&w);
}

/* Which of 64 frames are lost, as bits. */
static uint64_t fate(struct world *w, enum way way)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 64; i++) {
		sends(w, way, (uint8_t)i, 0x0800, 60);
		bits = bits << 1 | (gets(w, way, 60)[0] == '\0');
	}
	return bits;
}

static void a_seed_repeats_a_link_and_the_directions_differ(void **state)
{
	uint64_t ab, ba;
	struct world w = given_link("loss=50%", "loss=50%");

	ab = fate(&w, AB);
	ba = fate(&w, BA);
	close_world(&w);
	assert_true(ab != ba);
	w = given_link("loss=50%", "loss=50%");
	assert_true(fate(&w, BA) == ba); /* whatever came first in the other direction */
	assert_true(fate(&w, AB) == ab);
	close_world(&w);
}

static uint64_t mbufs_for(const char *both)
{
	char err[HR_ERRLEN], *argv[] = {"hrlink", "--a", "wire:0", "--b", "wire:1", "--both",
				     (char *)(uintptr_t)both};
	struct options o;

	assert_int_equal(options_parse(7, argv, &o, err, sizeof(err)), 0);
	return link_mbufs(&o);
}

/* 200 Mbps: 25 bytes a microsecond. Frames of 256 bytes in the mean, two directions. */
static void the_pool_holds_what_is_in_the_air_and_in_the_queue(void **state)
{
	assert_int_equal(mbufs_for("rate=200M,delay=100ms,reorder_delay=0us,queue=256K"),
		4096 + 2 * (2500000 + 262144) / 256);
	assert_int_equal(mbufs_for("rate=200M,delay=60ms,jitter=40ms,reorder_delay=0us,queue=50ms"),
		4096 + 2 * (2500000 + 1250000) / 256);
	assert_int_equal(mbufs_for("rate=200M,reorder_delay=0us"), 4096 + 2 * 2500000 / 256);
	assert_int_equal(mbufs_for("rate=200M,reorder_delay=0us,queue=1000p"), 4096 + 2000);
	assert_int_equal(mbufs_for("delay=8ms,reorder_delay=0us"), 4096 + 2 * 1000000 / 256);
	assert_int_equal(mbufs_for("rate=100G,delay=1s"), 1 << 20);
}

static void lists_add_up(void **state)
{
	char err[HR_ERRLEN], text[16];
	char *argv[] = {"hrlink", "--a=wire:0", "--b=wire:1", "--both=delay=5ms", "--ab", "loss=1%",
		"--duration=90", "--idle", "poll"};
	struct options o;

	assert_int_equal(options_parse(RTE_DIM(argv), argv, &o, err, sizeof(err)), 0);
	assert_string_equal(o.impair[AB], "delay=5ms,loss=1%");
	assert_string_equal(o.impair[BA], "delay=5ms");
	assert_int_equal(o.duration_us, 90000000);
	assert_true(o.poll);
	assert_string_equal(options_value(o.impair[AB], "loss", text, sizeof(text)), "1%");
	assert_null(options_value(o.impair[BA], "loss", text, sizeof(text)));
	assert_null(options_value("reorder_delay=1ms", "delay", text, sizeof(text)));
}

static int setup(void **state)
{
	test_eal_start(64);
	pool = test_pool(1023);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_frame_passes_as_it_is),
		cmocka_unit_test(each_direction_has_its_own_troubles),
		cmocka_unit_test(a_seed_repeats_a_link_and_the_directions_differ),
		cmocka_unit_test(the_pool_holds_what_is_in_the_air_and_in_the_queue),
		cmocka_unit_test(lists_add_up),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
