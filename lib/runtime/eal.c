/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EAL's start and end for programs that do not want to know about it. Decisions come from
 * preflight.c; this file turns them into arguments, or adopts an EAL that the program has started
 * itself (then its lcores are used as they are, and its end is the program's business).
 */
#include "runtime/runtime.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#define ARGS_MAX     48
#define ARG_TEXT_MAX 16384 /* --lcores of 128 CPUs is long */

/* There while the EAL is one that hr_runtime_init() started; kept in EAL itself, not in a variable.
 */
#define OWNER_ZONE "hr_runtime_owner"

/* An argv in the making. */
struct args {
	int n;
	size_t used;
	bool overflow;
	char *argv[ARGS_MAX + 1];
	char text[ARG_TEXT_MAX];
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a, const char *fmt, ...)
{
	size_t room = sizeof(a->text) - a->used;
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(a->text + a->used, room, fmt, ap);
	va_end(ap);
	if (a->n == ARGS_MAX || len < 0 || (size_t)len >= room) {
		a->overflow = true;
		return;
	}
	a->argv[a->n++] = a->text + a->used;
	a->argv[a->n] = NULL;
	a->used += (size_t)len + 1;
}

/* Part of a file name: the program's name without what a shell or a path would mind. */
static void add_file_prefix(struct args *a, const char *program)
{
	char name[32];
	size_t n = 0;

	for (; *program != '\0' && n < sizeof(name) - 1; program++)
		name[n++] = isalnum((unsigned char)*program) ? *program : '_';
	name[n] = '\0';
	add(a, "--file-prefix=%s_%d", name, (int)getpid());
}

static int build_args(struct args *a, const struct hr_runtime_config *cfg,
	const struct hr_memory_plan *plan, const char *lcores)
{
	memset(a, 0, offsetof(struct args, text));
	add(a, "%s", cfg->program != NULL ? cfg->program : "headrace");
	add_file_prefix(a, cfg->program != NULL ? cfg->program : "headrace");
	add(a, "--lcores=%s", lcores);
	add(a, "--main-lcore=0");
	if (plan->huge) {
		add(a, "--in-memory");
	} else {
		/* DPDK 22.11 refuses --no-huge with --in-memory; --no-shconf is what keeps files
		 * away then. */
		add(a, "--no-huge");
		add(a, "--no-shconf");
		add(a, "-m");
		add(a, "%" PRIu64, plan->bytes >> 20);
	}
	if (cfg->pci == NULL || cfg->pci[0] == NULL) {
		add(a, "--no-pci");
		/* Without a device nobody needs physical addresses, and reading them takes root. */
		add(a, "--iova-mode=va");
	} else {
		for (const char *const *pci = cfg->pci; *pci != NULL; pci++) {
			add(a, "-a");
			add(a, "%s", *pci);
		}
	}
	if (!cfg->verbose) {
		add(a, "--no-telemetry");
		add(a, "--log-level=*:error");
	}
	return a->overflow ? -E2BIG : 0;
}

static int start_eal(const struct hr_runtime_config *cfg, const struct hr_machine *machine,
	const struct hr_memory_plan *plan, unsigned cores, char *err, size_t errlen)
{
	struct args args;
	char lcores[ARG_TEXT_MAX / 2];
	cpu_set_t before;

	if (hr_lcores_text(&machine->cpus, cores, lcores, sizeof(lcores)) < 0 ||
		build_args(&args, cfg, plan, lcores) < 0)
		return hr_error(err, errlen, -E2BIG,
			"too many CPUs or PCI addresses for one start: name fewer");
	int have = sched_getaffinity(0, sizeof(before), &before);

	if (rte_eal_init(args.n, args.argv) < 0) {
		int code = rte_errno != 0 ? -rte_errno : -EIO;

		return hr_error(err, errlen, code,
			"DPDK does not start (%s)%s: start again with verbose output to see its "
			"own messages",
			rte_strerror(-code),
			code == -EACCES || code == -EPERM
				? "; it may need root, or write access to /run/user"
				: "");
	}
	/* EAL has set our affinity; the calling thread gets back what it had. */
	if (have == 0)
		(void)sched_setaffinity(0, sizeof(before), &before);
	if (rte_memzone_reserve(OWNER_ZONE, 1, SOCKET_ID_ANY, 0) == NULL) {
		rte_eal_cleanup();
		return hr_error(err, errlen, -ENOMEM,
			"DPDK has no memory left right after its start: ask for more");
	}
	return 0;
}

/* Lcores exist from rte_eal_init() on, and even after rte_eal_cleanup(): EAL starts once per
 * process. */
static bool eal_is_up(void)
{
	return rte_lcore_count() > 0;
}

int hr_runtime_init(
	const struct hr_runtime_config *cfg, char *note, size_t notelen, char *err, size_t errlen)
{
	static const struct hr_runtime_config defaults;
	struct hr_memory_plan plan;
	struct hr_machine machine;
	char memory[192], nodes[48] = "";
	int rc;

	if (cfg == NULL)
		cfg = &defaults;
	if (eal_is_up()) {
		if (note != NULL)
			snprintf(note, notelen,
				"using the EAL that is already up, with %u worker threads",
				hr_runtime_cores());
		return 0;
	}
	hr_machine_read(
		&machine, "/sys/kernel/mm/hugepages", "/proc/meminfo", "/sys/fs/cgroup/cpu.max");
	rc = hr_memory_plan(&machine, cfg->memory_bytes, cfg->no_huge,
		cfg->pci != NULL && cfg->pci[0] != NULL, &plan, memory, sizeof(memory), err,
		errlen);
	if (rc < 0)
		return rc;

	unsigned most = RTE_MIN((unsigned)CPU_COUNT(&machine.cpus), (unsigned)RTE_MAX_LCORE - 1);
	unsigned cores = RTE_MIN(cfg->cores != 0 ? cfg->cores : machine.n_cpus, most);

	rc = start_eal(cfg, &machine, &plan, cores, err, errlen);
	if (rc < 0)
		return rc;
	if (machine.numa_nodes > 1)
		snprintf(nodes, sizeof(nodes), " over %u NUMA nodes", machine.numa_nodes);
	if (note != NULL)
		snprintf(note, notelen, "%s; %u worker thread%s on %d CPU%s%s%s", memory, cores,
			cores == 1 ? "" : "s", CPU_COUNT(&machine.cpus),
			CPU_COUNT(&machine.cpus) == 1 ? "" : "s", nodes,
			cores < cfg->cores ? ", fewer than wanted" : "");
	return 0;
}

/* An EAL with a single lcore still has the calling thread. */
unsigned hr_runtime_cores(void)
{
	unsigned lcores = rte_lcore_count();

	return lcores > 1 ? lcores - 1 : 1;
}

void hr_runtime_fini(void)
{
	const struct rte_memzone *owner = eal_is_up() ? rte_memzone_lookup(OWNER_ZONE) : NULL;

	if (owner == NULL)
		return;
	rte_memzone_free(owner);
	rte_eal_cleanup();
}
