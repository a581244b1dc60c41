/* SPDX-License-Identifier: BSD-3-Clause */
/* Two engines of hrload over a wire; see world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t virtual_clock(void *arg)
{
	return ((const struct world *)arg)->now_us;
}

uint64_t roll(struct dice *d, uint64_t n)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

int world_up(void **state)
{
	struct hr_runtime_config rc = {
		.program = "test_hrload", .cores = 1, .no_huge = true, .memory_bytes = 256u << 20};
	struct world *wd = calloc(1, sizeof(*wd));
	char err[HR_ERRLEN] = "";

	if (wd == NULL || hr_runtime_init(&rc, NULL, 0, err, sizeof(err)) < 0) {
		printf("%s\n", err);
		return -1;
	}
	config_init(&wd->cfg);
	if (config_finish(&wd->cfg, err, sizeof(err)) < 0)
		return -1;
	wd->now_us = 1000000;
	for (int s = 0; s < SIDES; s++) {
		struct hr_engine_config ec = hr_engine_config_default;

		if (hr_port_open("wire:server", &ec.ports[0], err, sizeof(err)) < 0)
			return -1;
		ec.name = s == CLIENT ? "client" : "server";
		ec.workers = ec.n_ports = 1;
		ec.addrs = wd->cfg.side[s].addrs;
		ec.n_addrs = 1;
		ec.mbufs = 8192;
		ec.seed = 1;
		ec.clock = virtual_clock;
		ec.clock_arg = wd;
		ec.tcp.rcv_buf_bytes = 65536;
		if (hr_engine_create(&ec, &wd->engine[s], err, sizeof(err)) < 0) {
			printf("%s\n", err);
			return -1;
		}
		wd->w[s] = hr_engine_worker(wd->engine[s], 0);
	}
	*state = wd;
	return 0;
}

int world_down(void **state)
{
	struct world *wd = *state;

	hr_engine_destroy(wd->engine[CLIENT]);
	hr_engine_destroy(wd->engine[SERVER]);
	server_free(wd->server);
	free(wd);
	hr_runtime_fini();
	return 0;
}

void world_turn(struct world *wd)
{
	hr_worker_turn(wd->w[CLIENT]);
	hr_worker_turn(wd->w[SERVER]);
	wd->now_us += 10;
}
