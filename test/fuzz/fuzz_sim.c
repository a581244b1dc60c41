/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole simulator under a fuzzer: the bytes are the choice string of a world
 * (test/sim/choice.h), zeros follow them. Two hosts, their links, applications, faults and forged
 * segments are all drawn from it, so the fuzzer steers schedules and losses, not packets. Every
 * violation aborts. EAL starts once; packet pools live from world to world.
 */
#include <stdlib.h>

#include "common/eal.h"
#include "sim/sim.h"

#define IN_MAX (1u << 16)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	test_eal_start(256);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sim_totals t;
	static struct choice ch;

	if (size > IN_MAX)
		return 0;
	free(t.segments);
	memset(&t, 0, sizeof(t));
	choice_given(&ch, data, size);
	(void)sim_run(1, &ch, false, NULL, &t);
	must(t.violations == 0);
	return 0;
}
