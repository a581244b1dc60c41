/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the runtime: what preflight finds out about the machine, and the decision about memory
 * that follows. */
#ifndef HR_RUNTIME_RUNTIME_H
#define HR_RUNTIME_RUNTIME_H

#include <sched.h>

#include "base/base.h"

/* Packet memory when nobody says how much. */
#define HR_RUNTIME_MEMORY_BYTES (512ull << 20)

/* Facts about the machine. */
struct hr_machine {
	cpu_set_t cpus;           /* this process may run on */
	unsigned n_cpus;          /* of them; fewer when a cgroup quota allows less */
	uint64_t huge_bytes;      /* free hugepages of the size that has most free bytes */
	uint64_t huge_page_bytes; /* that size; 2 MB when there are none */
	uint64_t free_bytes;      /* ordinary memory the kernel says is available */
	unsigned numa_nodes;
};

/* What to start EAL with. */
struct hr_memory_plan {
	bool huge;
	uint64_t bytes;
};

/*
 * Read the facts. hugepages_dir, meminfo and cpu_max name /sys/kernel/mm/hugepages, /proc/meminfo
 * and the cgroup's cpu.max (arguments so that tests bring their own); what cannot be read counts as
 * absent.
 */
void hr_machine_read(
	struct hr_machine *m, const char *hugepages_dir, const char *meminfo, const char *cpu_max);

/*
 * Hugepages when enough are free, else plain memory; a PCI device insists on hugepages unless
 * no_huge is said aloud. wanted_bytes 0 = the default, as far as memory goes. On success `note`
 * gets the reason; -ENOMEM with the fix.
 */
int hr_memory_plan(const struct hr_machine *m, uint64_t wanted_bytes, bool no_huge, bool pci,
	struct hr_memory_plan *plan, char *note, size_t notelen, char *err, size_t errlen);

/*
 * The --lcores argument: lcore 0 (the calling thread) floats over all CPUs, lcores 1..cores sit on
 * one CPU each. -ENOSPC.
 */
int hr_lcores_text(const cpu_set_t *cpus, unsigned cores, char *buf, size_t len);

#endif
