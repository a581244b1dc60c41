/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scenario files. libyaml loads the document, because its nodes keep their line: each sentence says
 * file:line. What keys exist and what values mean is the option table's; here is only where a key
 * may stand. Values at the top are taken before those of `client:` and `server:`, wherever they
 * stand in the file.
 */
#include "scenario.h"

#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define BOTH_SIDES (1u << CLIENT | 1u << SERVER)

enum section { TOP, IN_CLIENT, IN_SERVER, IN_TCP };

struct loader {
	struct config *cfg;
	const char *file;
	yaml_document_t doc;
	char *err;
	size_t errlen;
};

static const struct {
	const char *name;
	enum section section;
	unsigned sides;
} sections[] = {{"client", IN_CLIENT, 1u << CLIENT}, {"server", IN_SERVER, 1u << SERVER},
	{"tcp", IN_TCP, 0}};

static size_t line_of(const yaml_node_t *n)
{
	return n->start_mark.line + 1;
}

static const char *scalar(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

/* May the row stand here? */
static bool belongs(const struct option_row *row, enum section in)
{
	switch (row->scope) {
	case SCOPE_RUN:
		return in == TOP;
	case SCOPE_ENDS:
		return in != IN_TCP;
	case SCOPE_CLIENT:
		return in == IN_CLIENT;
	case SCOPE_SERVER:
		return in == IN_SERVER;
	case SCOPE_SIDE:
		return in != IN_TCP;
	default:
		return in == IN_TCP;
	}
}

static int unknown_key(struct loader *l, const yaml_node_t *key, enum section in)
{
	static const char *const where[] = {
		[SCOPE_RUN] = "at the top level",
		[SCOPE_ENDS] = "at the top level, under client: or under server:",
		[SCOPE_CLIENT] = "under client:",
		[SCOPE_SERVER] = "under server:",
		[SCOPE_SIDE] = "at the top level, under client: or under server:",
		[SCOPE_TCP] = "under tcp:",
	};
	const struct option_row *row = option_find(scalar(key));
	const char *names[CONFIG_OPTIONS + 3];
	char keys[CONFIG_OPTIONS][40], hint[80];
	unsigned n = 0;

	if (row != NULL)
		return bad_input(l->err, l->errlen,
			"%s:%zu: key %.40s stands in the wrong place; put it %s", l->file,
			line_of(key), scalar(key), where[row->scope]);
	for (unsigned i = 0; i < option_count; i++)
		if (belongs(&option_rows[i], in)) {
			names[n] = option_key(&option_rows[i], keys[n], sizeof(keys[n]));
			n++;
		}
	for (unsigned i = 0; i < 3 && in != IN_TCP; i++)
		if (in == TOP || sections[i].section == IN_TCP)
			names[n++] = sections[i].name;
	suggest(scalar(key), names, n, hint, sizeof(hint));
	return bad_input(l->err, l->errlen, "%s:%zu: key %.40s is unknown%s%s", l->file,
		line_of(key), scalar(key), hint,
		hint[0] != '\0' ? "" : "; see hrload --help for the keys");
}

/* A scalar, or a list of them where the row is a list. */
static int set_members(
	struct loader *l, const struct option_row *row, unsigned sides, const yaml_node_t *value)
{
	bool list = row->type == OPTION_ADDRESS || row->type == OPTION_GATEWAY;
	char place[CONFIG_TEXT + 64], key[40];

	option_key(row, key, sizeof(key));
	option_list_reset(l->cfg, row, sides);
	if (value->type == YAML_SCALAR_NODE) {
		snprintf(place, sizeof(place), "%s:%zu: %s", l->file, line_of(value), key);
		return option_set(l->cfg, row, sides, scalar(value), place, l->err, l->errlen);
	}
	if (value->type != YAML_SEQUENCE_NODE || !list)
		return bad_input(l->err, l->errlen,
			"%s:%zu: %s must be a single value%s; write %s: VALUE", l->file,
			line_of(value), key, list ? " or a list" : "", key);
	for (yaml_node_item_t *i = value->data.sequence.items.start;
		i < value->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(&l->doc, *i);

		if (item->type != YAML_SCALAR_NODE)
			return bad_input(l->err, l->errlen,
				"%s:%zu: %s must be a list of single values; write - VALUE",
				l->file, line_of(item), key);
		snprintf(place, sizeof(place), "%s:%zu: %s", l->file, line_of(item), key);
		if (option_set(l->cfg, row, sides, scalar(item), place, l->err, l->errlen) < 0)
			return -EINVAL;
	}
	return 0;
}

static int set_value(struct loader *l, const struct option_row *row, unsigned sides,
	const yaml_node_t *key, const yaml_node_t *value)
{
	if (set_members(l, row, sides, value) < 0)
		return -EINVAL;
	/* Checks that come later tell this line. */
	for (int s = 0; s < SIDES; s++)
		if ((sides & 1u << s) || row->scope < SCOPE_SIDE)
			l->cfg->line[s][row - option_rows] = (uint32_t)line_of(key);
	return 0;
}

/* Keys are words, and each stands once. */
static int check_keys(struct loader *l, const yaml_node_t *map, const char *what)
{
	if (map->type != YAML_MAPPING_NODE)
		return bad_input(l->err, l->errlen,
			"%s:%zu: %s must hold keys; write key: value lines", l->file, line_of(map),
			what);
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(&l->doc, p->key);

		if (key->type != YAML_SCALAR_NODE)
			return bad_input(l->err, l->errlen,
				"%s:%zu: a key must be a word; write key: value", l->file,
				line_of(key));
		for (yaml_node_pair_t *q = map->data.mapping.pairs.start; q < p; q++) {
			const yaml_node_t *other = yaml_document_get_node(&l->doc, q->key);

			if (strcmp(scalar(key), scalar(other)) == 0)
				return bad_input(l->err, l->errlen,
					"%s:%zu: key %.40s stands on line %zu already; remove one "
					"of them",
					l->file, line_of(key), scalar(key), line_of(other));
		}
	}
	return 0;
}

static int load_section(struct loader *l, const yaml_node_t *map, enum section in, unsigned sides);

static int load_pair(
	struct loader *l, const yaml_node_pair_t *p, enum section in, unsigned sides, bool nested)
{
	const yaml_node_t *key = yaml_document_get_node(&l->doc, p->key);
	const yaml_node_t *value = yaml_document_get_node(&l->doc, p->value);
	const struct option_row *row;

	for (unsigned i = 0; i < 3; i++) {
		bool tcp = sections[i].section == IN_TCP;

		if (strcmp(scalar(key), sections[i].name) != 0 ||
			!(in == TOP || (tcp && in != IN_TCP)))
			continue;
		/* tcp: at the top is a default of both sides, so it comes with the plain keys. */
		if (nested != (in != TOP || !tcp))
			return 0;
		if (check_keys(l, value, sections[i].name) < 0)
			return -EINVAL;
		return load_section(l, value, sections[i].section, tcp ? sides : sections[i].sides);
	}
	if (nested)
		return 0;
	row = option_find(scalar(key));
	if (row == NULL || !belongs(row, in))
		return unknown_key(l, key, in);
	return set_value(l, row, sides, key, value);
}

/* Plain keys first, then the sections inside. */
static int load_section(struct loader *l, const yaml_node_t *map, enum section in, unsigned sides)
{
	for (int nested = 0; nested < 2; nested++)
		for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
			p < map->data.mapping.pairs.top; p++)
			if (load_pair(l, p, in, sides, nested != 0) < 0)
				return -EINVAL;
	return 0;
}

/* A section for a side that the role does not start is a mistake. */
static int check_role(struct loader *l, const yaml_node_t *root)
{
	unsigned sides = config_sides(l->cfg);

	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(&l->doc, p->key);

		for (unsigned i = 0; i < 2; i++)
			if (strcmp(scalar(key), sections[i].name) == 0 &&
				!(sides & sections[i].sides))
				return bad_input(l->err, l->errlen,
					"%s:%zu: the role starts no %s; remove this section or set "
					"role: both",
					l->file, line_of(key), sections[i].name);
	}
	return 0;
}

static int load_document(struct loader *l)
{
	const yaml_node_t *root = yaml_document_get_root_node(&l->doc);

	if (root == NULL)
		return bad_input(l->err, l->errlen,
			"%s:1: the file is empty; write role: both, for a start", l->file);
	if (check_keys(l, root, "the file") < 0 || load_section(l, root, TOP, BOTH_SIDES) < 0)
		return -EINVAL;
	return check_role(l, root);
}

/* Nothing may follow the document. */
static int check_end(yaml_parser_t *parser, const char *path, char *err, size_t errlen)
{
	yaml_document_t second;
	const yaml_node_t *root;
	int rc = 0;

	if (!yaml_parser_load(parser, &second))
		return bad_input(err, errlen, "%s:%zu: this is not YAML (%s); correct the line",
			path, parser->problem_mark.line + 1,
			parser->problem != NULL ? parser->problem : "unreadable");
	root = yaml_document_get_root_node(&second);
	if (root != NULL)
		rc = bad_input(err, errlen,
			"%s:%zu: a second document begins here; one file holds one scenario", path,
			line_of(root));
	yaml_document_delete(&second);
	return rc;
}

int scenario_load(struct config *cfg, const char *path, char *err, size_t errlen)
{
	struct loader l = {.cfg = cfg, .file = path, .err = err, .errlen = errlen};
	yaml_parser_t parser;
	FILE *f = fopen(path, "r");
	int rc;

	if (f == NULL)
		return bad_input(err, errlen, "%s: %s; name a readable scenario file", path,
			strerror(errno));
	if (strlen(path) >= CONFIG_TEXT) {
		fclose(f);
		return bad_input(err, errlen,
			"%.40s...: the file name is too long; give %d characters at most", path,
			CONFIG_TEXT - 1);
	}
	snprintf(cfg->source, sizeof(cfg->source), "%s", path);
	cfg->from_file = true;
	if (!yaml_parser_initialize(&parser)) {
		fclose(f);
		return bad_input(err, errlen, "%s: no memory for the YAML parser; free some", path);
	}
	yaml_parser_set_input_file(&parser, f);
	if (!yaml_parser_load(&parser, &l.doc)) {
		rc = bad_input(err, errlen, "%s:%zu: this is not YAML (%s); correct the line", path,
			parser.problem_mark.line + 1,
			parser.problem != NULL ? parser.problem : "unreadable");
	} else {
		rc = load_document(&l);
		yaml_document_delete(&l.doc);
		if (rc == 0)
			rc = check_end(&parser, path, err, errlen);
	}
	yaml_parser_delete(&parser);
	fclose(f);
	return rc;
}
