/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime: the plan for memory and CPUs on machines we make up, EAL's start and end in forked
 * children (it starts once per process), and the driving of workers, which here are counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#include "engine/engine.h"
#include "runtime/runtime.h"

/* Workers and engines as the runtime sees them, in place of the real ones. */
struct hr_worker {
	unsigned turns;
	unsigned lcore;
	uint64_t deadline;
};

struct hr_engine {
	struct hr_worker worker[4];
	unsigned n;
	enum hr_idle idle;
};

unsigned hr_engine_workers(const struct hr_engine *e)
{
	return e->n;
}

struct hr_worker *hr_engine_worker(struct hr_engine *e, unsigned i)
{
	return &e->worker[i];
}

enum hr_idle hr_engine_idle(const struct hr_engine *e)
{
	return e->idle;
}

unsigned hr_worker_turn(struct hr_worker *w)
{
	w->lcore = rte_lcore_id();
	return __atomic_add_fetch(&w->turns, 1, __ATOMIC_RELAXED) % 2;
}

uint64_t hr_worker_now(const struct hr_worker *w)
{
	return 1000;
}

uint64_t hr_worker_deadline(struct hr_worker *w)
{
	return w->deadline;
}

const struct hr_engine_config hr_engine_config_default = {.name = "default", .workers = 1};

/* Keeps its port and says what it was given. */
int hr_engine_create(
	const struct hr_engine_config *cfg, struct hr_engine **e, char *err, size_t errlen)
{
	struct hr_port_caps caps;
	char ip[46];

	hr_port_caps(cfg->ports[0], &caps);
	snprintf(err, errlen, "%s %u %s %u %s/%u x%u", cfg->name, cfg->n_ports, caps.name,
		cfg->n_addrs, hr_ip_text(&cfg->addrs->first, ip, sizeof(ip)),
		cfg->addrs->prefix_len, cfg->addrs->count);
	hr_port_close(cfg->ports[0]);
	return 0;
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void the_machine_is_read(void **state)
{
	char dir[] = "/tmp/hrmachineXXXXXX", sub[128], meminfo[160], quota[160];
	struct hr_machine m;

	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/hugepages-2048kB", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	write_file(sub, "free_hugepages", "128\n");
	write_file(dir, "meminfo",
		"MemTotal:  9000 kB\nMemAvailable:    1048576 kB\nHugePages_Total: 3\n");
	write_file(dir, "cpu.max", "50000 100000\n");
	snprintf(meminfo, sizeof(meminfo), "%s/meminfo", dir);
	snprintf(quota, sizeof(quota), "%s/cpu.max", dir);

	hr_machine_read(&m, dir, meminfo, quota);
	assert_int_equal(m.huge_page_bytes, 2 << 20);
	assert_int_equal(m.huge_bytes, 256 << 20);
	assert_int_equal(m.free_bytes, 1 << 30);
	assert_int_equal(m.n_cpus, 1);
	assert_true(m.numa_nodes >= 1);
	write_file(dir, "cpu.max", "max 100000\n");
	hr_machine_read(&m, "/nonexistent", "/nonexistent", quota);
	assert_int_equal(m.n_cpus, CPU_COUNT(&m.cpus));
	assert_int_equal(m.huge_bytes, 0);
	assert_int_equal(m.free_bytes, 0);

	unlink(meminfo);
	unlink(quota);
	snprintf(meminfo, sizeof(meminfo), "%s/free_hugepages", sub);
	unlink(meminfo);
	rmdir(sub);
	assert_int_equal(rmdir(dir), 0);
}

static void memory_is_planned(void **state)
{
	struct hr_machine m = {
		.huge_bytes = 256 << 20, .huge_page_bytes = 2 << 20, .free_bytes = 600 << 20};
	struct hr_memory_plan p;
	char note[HR_ERRLEN], err[HR_ERRLEN];

	assert_int_equal(hr_memory_plan(&m, 200 << 20, false, true, &p, note, sizeof(note), err,
				 sizeof(err)),
		0);
	assert_true(p.huge);
	assert_string_equal(note, "hugepages (200 MB)");
	assert_int_equal(hr_memory_plan(&m, 200 << 20, true, false, &p, note, sizeof(note), err,
				 sizeof(err)),
		0);
	assert_false(p.huge);
	assert_int_equal(p.bytes, 200 << 20);
	assert_string_equal(note, "plain memory (200 MB; hugepages were declined)");

	/* Too few hugepages: plain memory, but not for a PCI device. */
	assert_int_equal(
		hr_memory_plan(&m, 0, false, false, &p, note, sizeof(note), err, sizeof(err)), 0);
	assert_false(p.huge);
	assert_int_equal(p.bytes, 300 << 20);
	assert_string_equal(
		note, "plain memory (300 MB; needs 256 hugepages of 2 MB, 128 are free)");
	assert_int_equal(hr_memory_plan(&m, 824ull << 20, false, true, &p, note, sizeof(note), err,
				 sizeof(err)),
		-ENOMEM);
	assert_string_equal(err, "needs 412 hugepages of 2 MB, 128 are free: run scripts/hugepages "
				 "412, or add --no-huge");
	assert_int_equal(hr_memory_plan(&m, 700 << 20, false, false, &p, note, sizeof(note), err,
				 sizeof(err)),
		-ENOMEM);
	assert_string_equal(err, "needs 700 MB of memory for packets, 600 MB are free: end other "
				 "programs, or ask for fewer "
				 "connections and queues");
	m.huge_page_bytes = 1 << 30;
	m.huge_bytes = 1 << 30;
	assert_int_equal(hr_memory_plan(&m, 3ull << 30, false, true, &p, note, sizeof(note), err,
				 sizeof(err)),
		-ENOMEM);
	assert_string_equal(err,
		"needs 3 hugepages of 1 GB, 1 are free: run scripts/hugepages 3, or add --no-huge");
}

static void lcores_are_laid_out(void **state)
{
	cpu_set_t cpus;
	char text[64];

	CPU_ZERO(&cpus);
	CPU_SET(3, &cpus);
	CPU_SET(5, &cpus);
	CPU_SET(9, &cpus);
	assert_int_equal(hr_lcores_text(&cpus, 2, text, sizeof(text)), 0);
	assert_string_equal(text, "0@(3,5,9),1@3,2@5");
	assert_int_equal(hr_lcores_text(&cpus, 9, text, sizeof(text)), 0);
	assert_string_equal(text, "0@(3,5,9),1@3,2@5,3@9");
	assert_int_equal(hr_lcores_text(&cpus, 3, text, 15), -ENOSPC);
}

/* In a child: its checks end it with the line that failed. */
#define child_must(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void in_a_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void start_runtime(unsigned cores)
{
	struct hr_runtime_config cfg = {.program = "test/run time",
		.cores = cores,
		.memory_bytes = 32 << 20,
		.no_huge = true};
	char note[HR_ERRLEN] = "", err[HR_ERRLEN] = "";

	if (hr_runtime_init(&cfg, note, sizeof(note), err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		_exit(1);
	}
	child_must(strncmp(note, "plain memory (32 MB; hugepages were declined); ", 47) == 0);
}

static void child_starts_and_ends(void)
{
	cpu_set_t before, after;
	char note[HR_ERRLEN] = "", want[HR_ERRLEN], err[HR_ERRLEN] = "";

	sched_getaffinity(0, sizeof(before), &before);
	start_runtime(1);
	sched_getaffinity(0, sizeof(after), &after);
	child_must(CPU_EQUAL(&before, &after));
	child_must(rte_eal_has_hugepages() == 0);
	child_must(rte_lcore_count() == 2);
	child_must(hr_runtime_cores() == 1);
	child_must(rte_memzone_reserve("x", 1 << 20, SOCKET_ID_ANY, 0) != NULL);
	child_must(hr_runtime_init(NULL, note, sizeof(note), err, sizeof(err)) == 0);
	snprintf(want, sizeof(want), "using the EAL that is already up, with 1 worker threads");
	child_must(strcmp(note, want) == 0);
	hr_runtime_fini();
}

static void child_adopts(void)
{
	char prefix[64];
	char *argv[] = {"t", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "16",
		prefix, "--log-level=*:error", NULL};
	char note[HR_ERRLEN] = "";

	snprintf(prefix, sizeof(prefix), "--file-prefix=hradopt%d", getpid());
	child_must(rte_eal_init(9, argv) >= 0);
	child_must(hr_runtime_init(NULL, note, sizeof(note), NULL, 0) == 0);
	child_must(strncmp(note, "using the EAL that is already up", 32) == 0);
	/* Its end is not ours to bring about: DPDK still works afterwards. */
	hr_runtime_fini();
	child_must(rte_memzone_reserve("x", 1, SOCKET_ID_ANY, 0) != NULL);
	child_must(rte_eal_cleanup() == 0);
}

struct ticks {
	struct hr_engine *e;
	unsigned n_engines, n;
	uint64_t last_us;
};

/* Go on until every worker had 100 turns. */
static bool tick(void *arg, uint64_t elapsed_us)
{
	struct ticks *t = arg;

	child_must(elapsed_us >= 1000 && elapsed_us > t->last_us);
	t->last_us = elapsed_us;
	t->n++;
	for (unsigned i = 0; i < t->n_engines; i++)
		for (unsigned k = 0; k < t->e[i].n; k++)
			if (__atomic_load_n(&t->e[i].worker[k].turns, __ATOMIC_RELAXED) < 100)
				return true;
	return false;
}

static void run_two_engines(unsigned cores)
{
	struct hr_engine e[2] = {{.n = 3}, {.n = 2, .idle = HR_IDLE_SLEEP}};
	struct hr_engine *list[2] = {&e[0], &e[1]};
	struct ticks t = {.e = e, .n_engines = 2};
	struct hr_run_opts opts = {.tick = tick, .arg = &t, .tick_us = 1000};
	char err[HR_ERRLEN] = "";
	unsigned lcores;

	start_runtime(cores);
	lcores = rte_lcore_count() - 1;
	child_must(hr_run(list, 2, &opts, err, sizeof(err)) == 0);
	child_must(t.n >= 1);
	for (unsigned i = 0; i < 5; i++) {
		const struct hr_worker *w = i < 3 ? &e[0].worker[i] : &e[1].worker[i - 3];

		child_must(w->turns >= 100);
		child_must(w->lcore == 1 + i % lcores);
	}
	child_must(hr_run(list, 0, &opts, err, sizeof(err)) == -EINVAL);
	child_must(strcmp(err, "0 engines to run: 1 to 16 are possible") == 0);
	hr_runtime_fini();
}

static void child_runs_on_one_core(void)
{
	run_two_engines(1);
}

static void child_runs_on_all_cores(void)
{
	run_two_engines(0);
}

static void child_runs_on_the_calling_thread(void)
{
	char prefix[64];
	char *argv[] = {"t", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "16",
		prefix, "--log-level=*:error", "--lcores=0@0", NULL};
	struct hr_engine e = {.n = 2,
		.idle = HR_IDLE_SLEEP,
		.worker = {{.deadline = 1010}, {.deadline = HR_NEVER}}};
	struct hr_engine *list = &e;
	struct ticks t = {.e = &e, .n_engines = 1};
	struct hr_run_opts opts = {.tick = tick, .arg = &t, .tick_us = 1000};

	child_must(hr_run(&list, 1, NULL, NULL, 0) == -EINVAL); /* EAL is not up */
	snprintf(prefix, sizeof(prefix), "--file-prefix=hrcall%d", getpid());
	child_must(rte_eal_init(10, argv) >= 0);
	child_must(hr_runtime_cores() == 1);
	child_must(hr_run(&list, 1, &opts, NULL, 0) == 0);
	child_must(e.worker[0].turns >= 100 && e.worker[0].lcore == 0);
	/* A stop that comes first is not lost, and counts once. */
	hr_stop();
	e.worker[0].turns = 0;
	child_must(hr_run(&list, 1, NULL, NULL, 0) == 0);
	child_must(e.worker[0].turns == 0);
	t = (struct ticks){.e = &e, .n_engines = 1};
	child_must(hr_run(&list, 1, &opts, NULL, 0) == 0);
	child_must(e.worker[0].turns >= 100);
	rte_eal_cleanup();
}

static void must_not_come(int signal_number)
{
	_exit(9);
}

static void *interrupt(void *arg)
{
	struct hr_engine *e = arg;

	while (__atomic_load_n(&e->worker[0].turns, __ATOMIC_RELAXED) < 100)
		sched_yield();
	kill(getpid(), SIGTERM);
	return NULL;
}

static void child_is_interrupted(void)
{
	struct hr_engine e = {.n = 1};
	struct sigaction now, mine = {.sa_handler = must_not_come};
	pthread_t t;

	sigaction(SIGTERM, &mine, NULL);
	start_runtime(1);
	child_must(pthread_create(&t, NULL, interrupt, &e) == 0);
	child_must(hr_engine_run(&e) == 0);
	pthread_join(t, NULL);
	sigaction(SIGTERM, NULL, &now);
	child_must(now.sa_handler == must_not_come);
	hr_runtime_fini();
}

static void child_has_too_little(void)
{
	struct hr_runtime_config cfg = {.memory_bytes = 1ull << 50, .no_huge = true};
	char err[HR_ERRLEN] = "", note[HR_ERRLEN] = "";

	child_must(hr_runtime_init(&cfg, note, sizeof(note), err, sizeof(err)) == -ENOMEM);
	child_must(strncmp(err, "needs 1073741824 MB of memory for packets, ", 43) == 0);
	hr_runtime_fini(); /* nothing to end is fine */
}

static void child_is_simple(void)
{
	static const char *const bad[][2] = {
		{NULL, "no address is given: write 198.18.0.1/24, for example"},
		{"198.18.0.1/33",
			"address 198.18.0.1/33: \"33\" is not a prefix length from 0 to 32"},
		{"2001:db8::1/x",
			"address 2001:db8::1/x: \"x\" is not a prefix length from 0 to 128"},
	};
	struct hr_engine *e;
	char err[HR_ERRLEN] = "";

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		child_must(hr_simple("t", "wire:0", bad[i][0], &e, err, sizeof(err)) == -EINVAL);
		child_must(strcmp(err, bad[i][1]) == 0);
	}
	child_must(hr_simple("t", "wire:0", "198.18.0", &e, err, sizeof(err)) == -EINVAL);
	child_must(rte_lcore_count() == 0); /* nothing was started for a bad address */
	child_must(hr_simple("t", "wire:0", "198.18.0.1/24", &e, err, sizeof(err)) == 0);
	child_must(strcmp(err, "t 1 wire:0/a 1 198.18.0.1/24 x1") == 0);
	child_must(hr_simple(NULL, "impair() wire:1/b", "2001:db8::1", &e, err, sizeof(err)) == 0);
	child_must(strcmp(err, "default 1 wire:1/b 1 2001:db8::1/128 x1") == 0);
	child_must(hr_simple("t", NULL, "2001:db8::1", &e, err, sizeof(err)) == -EINVAL);
	child_must(hr_simple("t", "capture(file=/dev/null) 0000:ff:1f.7,x=1", "2001:db8::1", &e,
			   err, sizeof(err)) < 0);
	hr_runtime_fini();
}

static void one_call_is_enough(void **state)
{
	in_a_child(child_is_simple);
}

static void eal_starts_and_ends(void **state)
{
	in_a_child(child_starts_and_ends);
}

static void eal_is_adopted(void **state)
{
	in_a_child(child_adopts);
}

static void too_little_memory_is_a_sentence(void **state)
{
	in_a_child(child_has_too_little);
}

static void workers_are_spread_over_cores(void **state)
{
	in_a_child(child_runs_on_one_core);
	in_a_child(child_runs_on_all_cores);
}

static void workers_run_on_the_calling_thread(void **state)
{
	in_a_child(child_runs_on_the_calling_thread);
}

static void a_signal_ends_the_run(void **state)
{
	in_a_child(child_is_interrupted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_is_read),
		cmocka_unit_test(memory_is_planned),
		cmocka_unit_test(lcores_are_laid_out),
		cmocka_unit_test(eal_starts_and_ends),
		cmocka_unit_test(eal_is_adopted),
		cmocka_unit_test(too_little_memory_is_a_sentence),
		cmocka_unit_test(workers_are_spread_over_cores),
		cmocka_unit_test(workers_run_on_the_calling_thread),
		cmocka_unit_test(a_signal_ends_the_run),
		cmocka_unit_test(one_call_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
