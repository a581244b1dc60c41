/* SPDX-License-Identifier: BSD-3-Clause */
/* Two engines of hrload over a wire, stepped by hand on a virtual clock. */
#ifndef TEST_HRLOAD_WORLD_H
#define TEST_HRLOAD_WORLD_H

#include "server.h"

struct world {
	struct config cfg;
	struct hr_engine *engine[SIDES];
	struct hr_worker *w[SIDES];
	struct server *server; /* NULL unless the test makes one; freed with the world */
	uint64_t now_us;
};

/* A die of its own for each test that rolls one (splitmix64). */
struct dice {
	uint64_t state;
};

/* 0 .. n - 1. */
uint64_t roll(struct dice *d, uint64_t n);

/* cmocka group setup and teardown: *state becomes the world. */
int world_up(void **state);
int world_down(void **state);
/* Both workers once; then 10 us pass. */
void world_turn(struct world *wd);

#endif
