/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What there is before anything is started: CPUs we may use, free hugepages, free memory; and what
 * to ask EAL for. Says the exact fix when it is not enough. Starting EAL is eal.c's.
 */
#include "runtime/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>

#define MB(bytes) ((bytes) >> 20)

/* The first number in a file, or 0. */
static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t v = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64, &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

static void read_hugepages(struct hr_machine *m, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	uint64_t kb;

	m->huge_bytes = 0;
	m->huge_page_bytes = 2ull << 20;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		char path[512];

		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kb) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, entry->d_name);
		uint64_t bytes = read_number(path) * (kb << 10);

		if (bytes > m->huge_bytes) {
			m->huge_bytes = bytes;
			m->huge_page_bytes = kb << 10;
		}
	}
	if (d != NULL)
		closedir(d);
}

static uint64_t read_available(const char *meminfo)
{
	FILE *f = fopen(meminfo, "re");
	char line[256];
	uint64_t kb = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kb) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kb << 10;
}

/* cgroup v2: "max 100000" or "QUOTA PERIOD"; whole CPUs, rounded up. 0 = no limit. */
static unsigned read_quota(const char *cpu_max)
{
	FILE *f = fopen(cpu_max, "re");
	uint64_t quota, period;
	unsigned cpus = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 && period > 0)
		cpus = (unsigned)RTE_MAX((quota + period - 1) / period, (uint64_t)1);
	fclose(f);
	return cpus;
}

void hr_machine_read(
	struct hr_machine *m, const char *hugepages_dir, const char *meminfo, const char *cpu_max)
{
	unsigned quota = read_quota(cpu_max);

	memset(m, 0, sizeof(*m));
	if (sched_getaffinity(0, sizeof(m->cpus), &m->cpus) != 0)
		CPU_SET(0, &m->cpus);
	m->n_cpus = (unsigned)CPU_COUNT(&m->cpus);
	if (quota > 0)
		m->n_cpus = RTE_MIN(m->n_cpus, quota);
	read_hugepages(m, hugepages_dir);
	m->free_bytes = read_available(meminfo);
	m->numa_nodes = numa_available() < 0 ? 1 : (unsigned)numa_num_configured_nodes();
}

int hr_memory_plan(const struct hr_machine *m, uint64_t wanted_bytes, bool no_huge, bool pci,
	struct hr_memory_plan *plan, char *note, size_t notelen, char *err, size_t errlen)
{
	uint64_t bytes = wanted_bytes != 0 ? wanted_bytes : HR_RUNTIME_MEMORY_BYTES;
	uint64_t pages = (bytes + m->huge_page_bytes - 1) / m->huge_page_bytes;
	uint64_t free_pages = m->huge_bytes / m->huge_page_bytes;
	char shortage[160];

	snprintf(shortage, sizeof(shortage),
		"needs %" PRIu64 " hugepages of %" PRIu64 " %s, %" PRIu64 " are free", pages,
		m->huge_page_bytes >> (m->huge_page_bytes >= 1u << 30 ? 30 : 20),
		m->huge_page_bytes >= 1u << 30 ? "GB" : "MB", free_pages);
	if (!no_huge && free_pages >= pages) {
		*plan = (struct hr_memory_plan){.huge = true, .bytes = bytes};
		snprintf(note, notelen, "hugepages (%" PRIu64 " MB)",
			MB(pages * m->huge_page_bytes));
		return 0;
	}
	if (!no_huge && pci)
		return hr_error(err, errlen, -ENOMEM,
			"%s: run scripts/hugepages %" PRIu64 ", or add --no-huge", shortage, pages);

	/* A default is only a wish; leave half of what is free to everybody else. */
	if (wanted_bytes == 0 && m->free_bytes > 0)
		bytes = RTE_MIN(bytes, m->free_bytes / 2);
	if (bytes < 16ull << 20 || (m->free_bytes > 0 && bytes > m->free_bytes))
		return hr_error(err, errlen, -ENOMEM,
			"needs %" PRIu64 " MB of memory for packets, %" PRIu64
			" MB are free: end other programs, or ask for fewer connections and queues",
			MB(RTE_MAX(bytes, (uint64_t)16 << 20)), MB(m->free_bytes));
	*plan = (struct hr_memory_plan){.huge = false, .bytes = bytes};
	snprintf(note, notelen, "plain memory (%" PRIu64 " MB; %s)", MB(bytes),
		no_huge ? "hugepages were declined" : shortage);
	return 0;
}

int hr_lcores_text(const cpu_set_t *cpus, unsigned cores, char *buf, size_t len)
{
	size_t used = (size_t)snprintf(buf, len, "0@(");
	unsigned lcore = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE && used < len; cpu++)
		if (CPU_ISSET(cpu, cpus))
			used += (size_t)snprintf(buf + used, len - used, "%s%d",
				buf[used - 1] == '(' ? "" : ",", cpu);
	if (used < len)
		used += (size_t)snprintf(buf + used, len - used, ")");
	for (int cpu = 0; cpu < CPU_SETSIZE && lcore < cores && used < len; cpu++)
		if (CPU_ISSET(cpu, cpus))
			used += (size_t)snprintf(buf + used, len - used, ",%u@%d", ++lcore, cpu);
	return used < len ? 0 : -ENOSPC;
}
