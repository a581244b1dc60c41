/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: --flag value, --flag=value, --switch, --no-switch, client- and server- before a
 * side's flag. */
#include "options.h"

#include <stdio.h>
#include <string.h>

#define FLAG_MAX 40

/* A flag taken apart: "--no-client-sack=x" would be {row of sack, client, negated, value x}. */
struct flag {
	const struct option_row *row;
	unsigned sides;
	bool negated;
	const char *value;    /* after '=', or NULL */
	char place[FLAG_MAX]; /* "--rate" */
};

static bool is_switch(const struct option_row *row)
{
	return row->type == OPTION_BOOL || row->type == OPTION_INVERTED;
}

/* A side's row by its name without client- or server-; *sides is narrowed when the prefix was
 * there. */
static const struct option_row *find_sided(const char *name, unsigned *sides)
{
	static const struct {
		const char *prefix;
		unsigned sides;
	} prefixes[] = {{"client-", 1u << CLIENT}, {"server-", 1u << SERVER}};
	const struct option_row *row = option_find(name);

	*sides = 1u << CLIENT | 1u << SERVER;
	for (unsigned i = 0; row == NULL && i < 2; i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (strncmp(name, prefixes[i].prefix, n) != 0)
			continue;
		row = option_find(name + n);
		if (row != NULL && row->scope != SCOPE_SIDE && row->scope != SCOPE_TCP)
			return NULL;
		*sides = prefixes[i].sides;
	}
	return row;
}

static int take_apart(const char *arg, struct flag *f, char *err, size_t errlen)
{
	char name[FLAG_MAX], hint[64];
	size_t n = strcspn(arg, "=");

	*f = (struct flag){0};
	if (n >= sizeof(name))
		return bad_input(
			err, errlen, "%.60s...: no flag is that long; see hrload --help", arg);
	memcpy(f->place, arg, n);
	memcpy(name, arg + 2, n - 2);
	name[n - 2] = '\0';
	f->value = arg[n] == '=' ? arg + n + 1 : NULL;
	f->row = find_sided(name, &f->sides);
	if (f->row == NULL && strncmp(name, "no-", 3) == 0) {
		f->row = find_sided(name + 3, &f->sides);
		f->negated = f->row != NULL;
		if (f->negated && !is_switch(f->row) && f->row->type != OPTION_DIGEST)
			return bad_input(err, errlen,
				"%s: %s takes a value, it cannot be negated; use --%s %s", f->place,
				f->row->name, f->row->name, f->row->arg);
		if (f->negated && f->value != NULL)
			return bad_input(err, errlen, "%s takes no value; remove \"=%.40s\"",
				f->place, f->value);
	}
	if (f->row == NULL) {
		option_suggest(name, hint, sizeof(hint));
		return bad_input(err, errlen, "%s: there is no such flag%s%s", f->place, hint,
			hint[0] != '\0' ? "" : "; see hrload --help");
	}
	return 0;
}

/* A flag of the other role is a mistake worth telling. */
static int check_role(const struct config *cfg, const struct flag *f, char *err, size_t errlen)
{
	if (strcmp(f->row->name, "role") == 0)
		return bad_input(err, errlen,
			"%s: the role is the command; use hrload both, client or server", f->place);
	if (cfg->role == ROLE_SERVER && f->row->scope == SCOPE_CLIENT)
		return bad_input(err, errlen,
			"%s: a server has no such option; use it with hrload client or both",
			f->place);
	if (cfg->role == ROLE_CLIENT && f->row->scope == SCOPE_SERVER)
		return bad_input(err, errlen,
			"%s: a client has no such option; use it with hrload server or both",
			f->place);
	if (!(f->sides & config_sides(cfg)))
		return bad_input(err, errlen, "%s: this run has no such side; use --%s", f->place,
			f->row->name);
	return 0;
}

int options_parse(struct config *cfg, int argc, char **argv, char *err, size_t errlen)
{
	bool begun[SIDES][CONFIG_OPTIONS] = {0};
	struct flag f;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
			return bad_input(err, errlen,
				"\"%.60s\" is one word too many; remove it or see hrload --help",
				argv[i]);
		if (take_apart(argv[i], &f, err, errlen) < 0 ||
			check_role(cfg, &f, err, errlen) < 0)
			return -1;
		if (f.negated)
			f.value = "no";
		else if (f.value == NULL && (is_switch(f.row) || f.row->type == OPTION_DIGEST))
			f.value = "yes";
		else if (f.value == NULL && (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0))
			return bad_input(err, errlen, "%s: the value is missing; write %s %s",
				f.place, f.place, f.row->arg);
		else if (f.value == NULL)
			f.value = argv[++i];
		for (int s = 0; s < SIDES; s++) {
			bool *seen = &begun[s][f.row - option_rows];

			if ((f.sides & 1u << s) && !*seen) {
				*seen = true; /* a flag replaces what the file said, then repeats
						 append */
				option_list_reset(cfg, f.row, 1u << s);
			}
		}
		if (option_set(cfg, f.row, f.sides, f.value, f.place, err, errlen) < 0)
			return -1;
	}
	return 0;
}

/* One line: flag, default, help. */
static void help_row(const struct config *defaults, const struct option_row *row)
{
	char flag[64], value[CONFIG_TEXT], shown[CONFIG_TEXT + 16] = "";

	snprintf(flag, sizeof(flag), "--%s%s%s", row->name,
		row->arg != NULL && row->arg[0] != '[' ? " " : "",
		row->arg != NULL ? row->arg : "");
	if (option_text(defaults, row, CLIENT, 0, value, sizeof(value)) && !is_switch(row) &&
		row->type != OPTION_DIGEST)
		snprintf(shown, sizeof(shown), " [%s]", value);
	else if (is_switch(row) && strcmp(value, "true") == 0)
		snprintf(shown, sizeof(shown), " [on]");
	printf("  %-28s %s%s%s%s\n", flag, row->help, row->words != NULL ? ": " : "",
		row->words != NULL ? row->words : "", shown);
}

void options_help(void)
{
	static const char *const titles[] = {
		[SCOPE_RUN] = "Run",
		[SCOPE_ENDS] = "Both ends (YAML: at the top, under client: or under server:)",
		[SCOPE_CLIENT] = "Client",
		[SCOPE_SERVER] = "Server",
		[SCOPE_SIDE] = "Each side (also --client-... and --server-... for one)",
		[SCOPE_TCP] =
			"TCP of each side (also --client-... and --server-...; YAML: under tcp:)",
	};
	struct config defaults;

	config_init(&defaults);
	for (unsigned scope = SCOPE_RUN; scope <= SCOPE_TCP; scope++) {
		printf("\n%s:\n", titles[scope]);
		for (unsigned i = 0; i < option_count; i++)
			if (option_rows[i].scope == scope &&
				strcmp(option_rows[i].name, "role") != 0)
				help_row(&defaults, &option_rows[i]);
	}
}
