/* SPDX-License-Identifier: BSD-3-Clause */
/* hrload: the commands. Input becomes a struct config here; run.c does the rest. */
#include "options.h"
#include "run.h"
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *help;
};

static int complain(const char *err)
{
	fprintf(stderr, "%s\n", err);
	return EXIT_BAD;
}

/* A role by flags alone. */
static int run_role(enum role role, const char *source, struct config *cfg, int argc, char **argv)
{
	char err[HR_ERRLEN + CONFIG_TEXT];

	cfg->role = (uint8_t)role;
	snprintf(cfg->source, sizeof(cfg->source), "%s", source);
	if (options_parse(cfg, argc, argv, err, sizeof(err)) < 0 ||
		config_finish(cfg, err, sizeof(err)) < 0)
		return complain(err);
	return run_traffic(cfg);
}

static int command_demo(int argc, char **argv)
{
	struct config cfg;

	config_init(&cfg);
	for (int s = 0; s < SIDES; s++)
		snprintf(cfg.side[s].port, CONFIG_TEXT, "wire:demo");
	cfg.duration_us = 5000000;
	cfg.given[CLIENT][option_find("duration") - option_rows] = true;
	return run_role(ROLE_BOTH, "hrload demo", &cfg, argc, argv);
}

static int command_both(int argc, char **argv)
{
	struct config cfg;

	config_init(&cfg);
	return run_role(ROLE_BOTH, "hrload both", &cfg, argc, argv);
}

static int command_client(int argc, char **argv)
{
	struct config cfg;

	config_init(&cfg);
	return run_role(ROLE_CLIENT, "hrload client", &cfg, argc, argv);
}

static int command_server(int argc, char **argv)
{
	struct config cfg;

	config_init(&cfg);
	return run_role(ROLE_SERVER, "hrload server", &cfg, argc, argv);
}

/* FILE and flags, in any order: the file first, then the flags over it. */
static int load(
	struct config *cfg, const char *command, int argc, char **argv, char *err, size_t errlen)
{
	const char *file = NULL;

	config_init(cfg);
	if (argc > 0 && strncmp(argv[0], "--", 2) != 0) {
		file = argv[0];
		argc--;
		argv++;
	} else if (argc > 0 && strncmp(argv[argc - 1], "--", 2) != 0) {
		file = argv[--argc];
	}
	if (file == NULL)
		return bad_input(err, errlen,
			"hrload %s: no scenario file is named; write hrload %s FILE.yaml", command,
			command);
	if (scenario_load(cfg, file, err, errlen) < 0 ||
		options_parse(cfg, argc, argv, err, errlen) < 0)
		return -EINVAL;
	return config_finish(cfg, err, errlen);
}

static int command_run(int argc, char **argv)
{
	char err[HR_ERRLEN + CONFIG_TEXT];
	struct config cfg;

	return load(&cfg, "run", argc, argv, err, sizeof(err)) < 0 ? complain(err)
								   : run_traffic(&cfg);
}

static int command_check(int argc, char **argv)
{
	char err[HR_ERRLEN + CONFIG_TEXT];
	struct config cfg;

	return load(&cfg, "check", argc, argv, err, sizeof(err)) < 0 ? complain(err)
								     : run_check(&cfg);
}

static int command_explain(int argc, char **argv)
{
	bool all = argc == 1 && strcmp(argv[0], "all") == 0, found = false;

	if (argc != 1)
		return complain(
			"hrload explain: one name is needed; write hrload explain NAME, or all");
	for (unsigned i = 0; i < hr_counter_count(); i++)
		if (all || strcmp(argv[0], hr_counter_name(i)) == 0) {
			printf("%-24s counter  %s\n", hr_counter_name(i), hr_counter_help(i));
			found = true;
		}
	for (unsigned i = 0; i < hr_drop_count(); i++)
		if (all || strcmp(argv[0], hr_drop_name(i)) == 0) {
			printf("%-24s drop     %s\n", hr_drop_name(i), hr_drop_help(i));
			found = true;
		}
	if (!found) {
		fprintf(stderr,
			"hrload explain: \"%.60s\" is neither a counter nor a drop reason; see "
			"hrload explain all\n",
			argv[0]);
		return EXIT_BAD;
	}
	return EXIT_GOOD;
}

static int command_help(int argc, char **argv);

static int command_version(int argc, char **argv)
{
	printf("hrload %s\n", hr_version());
	return EXIT_GOOD;
}

static const struct command commands[] = {
	{"demo", command_demo, "[FLAGS]",
		"client and server in this process for 5 s, as fast as it goes"},
	{"run", command_run, "FILE.yaml [FLAGS]", "a scenario; flags override the file"},
	{"both", command_both, "[FLAGS]", "client and server in this process, joined by one wire"},
	{"client", command_client, "[FLAGS]", "load a server"},
	{"server", command_server, "[FLAGS]",
		"be loaded: /bytes/N, /sha256/N, anything else --response-size bytes"},
	{"check", command_check, "FILE.yaml [FLAGS]",
		"start the engines without traffic and say what was found"},
	{"explain", command_explain, "NAME|all", "what a counter or a drop reason means"},
	{"--help", command_help, "", "this text"},
	{"--version", command_version, "", "the version"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int command_help(int argc, char **argv)
{
	printf("hrload: loads TCP and HTTP servers, and is one.\n\n");
	for (unsigned i = 0; i < COMMANDS; i++)
		printf("  hrload %-9s %-18s %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	options_help();
	printf("\nNumbers: 10k 2M; bytes: 64K 1M; times: 10us 2ms 1.5s 3m. In YAML, flags are keys "
	       "with _ for -.\n"
	       "Exit status: 0 good, 1 something failed, 2 wrong input or environment. Manual: "
	       "doc/hrload.md\n");
	return EXIT_GOOD;
}

int main(int argc, char **argv)
{
	const char *names[COMMANDS];
	char hint[80];

	if (argc < 2)
		return complain("hrload: a command is missing; try hrload demo, or hrload --help");
	for (unsigned i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	suggest(argv[1], names, COMMANDS, hint, sizeof(hint));
	fprintf(stderr, "hrload: \"%.60s\" is no command%s%s\n", argv[1], hint,
		hint[0] != '\0' ? "" : "; see hrload --help");
	return EXIT_BAD;
}
