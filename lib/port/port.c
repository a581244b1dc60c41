/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports from strings: takes wrappers off the left of a port string, hands what is left to the
 * driver that recognises it, and wraps from the inside out. Also the few public calls that only
 * pass through. What a driver's part of the string means is left to the driver.
 */
#include "port/port.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SPEC_MAX    1024 /* letters of a port string */
#define NESTING_MAX 8    /* wrappers around one port */
#define NAMES_MAX   16   /* entries of the driver table */

/* Names of wrappers (or of drivers) as a NULL-terminated list for suggestions. */
static void driver_names(bool wrapper, const char *names[NAMES_MAX])
{
	unsigned n = 0;

	for (const struct hr_port_driver *const *d = hr_port_drivers; *d != NULL; d++)
		if ((*d)->wrapper == wrapper && n < NAMES_MAX - 1)
			names[n++] = (*d)->name;
	names[n] = NULL;
}

static const struct hr_port_driver *find_driver(const char *name, size_t len)
{
	for (const struct hr_port_driver *const *d = hr_port_drivers; *d != NULL; d++)
		if (strlen((*d)->name) == len && memcmp((*d)->name, name, len) == 0)
			return *d;
	return NULL;
}

static int unknown_name(const char *word, bool wrapper, char *err, size_t errlen)
{
	const char *names[NAMES_MAX];
	char list[96] = "", suggestion[64];

	driver_names(wrapper, names);
	for (unsigned i = 0; names[i] != NULL; i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	hr_port_suggest(word, names, suggestion, sizeof(suggestion));
	if (wrapper)
		return hr_error(err, errlen, -EINVAL, "no wrapper is called \"%s\"%s (known: %s)",
			word, suggestion, list);
	return hr_error(err, errlen, -ENODEV,
		"no driver takes the port \"%.80s\"%s (known: wire:NAME, a PCI address such as "
		"0000:3b:00.0, a DPDK device such as net_tap0,iface=t0)",
		word, suggestion);
}

static int open_spec(char *spec, unsigned depth, struct hr_port **port, char *err, size_t errlen);

/* spec is what stands right of the wrappers. */
static int open_driver(const char *spec, struct hr_port **port, char *err, size_t errlen)
{
	struct hr_port_args none = {0};
	char word[81];

	for (const struct hr_port_driver *const *d = hr_port_drivers; *d != NULL; d++)
		if (!(*d)->wrapper && (*d)->match(spec))
			return (*d)->open(spec, &none, NULL, port, err, errlen);

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(spec, ":,( "), spec);
	const struct hr_port_driver *d = find_driver(word, strlen(word));

	if (d != NULL && d->wrapper)
		return hr_error(err, errlen, -EINVAL,
			"%s is a wrapper: write %s(key=value,...) and then the port it wraps", word,
			word);
	/* The whole text when there is no word in front of it to be guessed at. */
	return unknown_name(word[0] != '\0' ? word : spec, false, err, errlen);
}

/* spec = name(args) inner; paren is its first '('. */
static int open_wrapper(
	char *spec, char *paren, unsigned depth, struct hr_port **port, char *err, size_t errlen)
{
	struct hr_port_args args;
	struct hr_port *inner;
	char *end = paren, *name_end = paren;
	int open = 0, rc;

	while (name_end > spec && isspace((unsigned char)name_end[-1]))
		name_end--;
	do {
		open += (*end == '(') - (*end == ')');
	} while (open > 0 && *++end != '\0');
	if (*end == '\0')
		return hr_error(
			err, errlen, -EINVAL, "\"%.80s\": the parenthesis is never closed", spec);

	const struct hr_port_driver *d = find_driver(spec, (size_t)(name_end - spec));

	*name_end = '\0';
	if (d == NULL)
		return unknown_name(spec, true, err, errlen);
	if (!d->wrapper)
		return hr_error(err, errlen, -EINVAL,
			"%s is a driver and wraps nothing: write it without parentheses, as in "
			"%s:0",
			spec, spec);
	if (depth == NESTING_MAX)
		return hr_error(err, errlen, -EINVAL,
			"%s(...): more than %d wrappers around one port", spec, NESTING_MAX);

	*end = '\0';
	rc = hr_port_args_parse(paren + 1, &args, d->name, err, errlen);
	if (rc < 0)
		return rc;
	for (end++; isspace((unsigned char)*end); end++)
		;
	if (*end == '\0')
		return hr_error(err, errlen, -EINVAL,
			"%s(...) wraps nothing: name a port after it, as in %s(...) wire:0",
			d->name, d->name);
	rc = open_spec(end, depth + 1, &inner, err, errlen);
	if (rc < 0)
		return rc;
	rc = d->open(d->name, &args, inner, port, err, errlen);
	if (rc < 0)
		hr_port_close(inner);
	return rc;
}

static int open_spec(char *spec, unsigned depth, struct hr_port **port, char *err, size_t errlen)
{
	char *p = spec;

	while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
		p++;
	while (isspace((unsigned char)*p))
		p++;
	if (p > spec && *p == '(')
		return open_wrapper(spec, p, depth, port, err, errlen);
	return open_driver(spec, port, err, errlen);
}

int hr_port_open(const char *spec, struct hr_port **port, char *err, size_t errlen)
{
	char copy[SPEC_MAX + 1];

	*port = NULL;
	if (spec == NULL)
		return hr_error(
			err, errlen, -EINVAL, "no port is named: write wire:0, for example");
	while (isspace((unsigned char)*spec))
		spec++;
	size_t len = strlen(spec);

	while (len > 0 && isspace((unsigned char)spec[len - 1]))
		len--;
	if (len == 0)
		return hr_error(err, errlen, -EINVAL,
			"the port string is empty: write wire:0, for example");
	if (len > SPEC_MAX)
		return hr_error(err, errlen, -EINVAL,
			"the port string \"%.40s...\" is longer than %d letters", spec, SPEC_MAX);
	memcpy(copy, spec, len);
	copy[len] = '\0';
	return open_spec(copy, 0, port, err, errlen);
}

int hr_port_create(const struct hr_port_ops *ops, void *priv, struct hr_port **port)
{
	struct hr_port *p;

	*port = NULL;
	if (ops == NULL || ops->caps == NULL || ops->start == NULL || ops->rx == NULL ||
		ops->tx == NULL || ops->close == NULL)
		return -EINVAL;
	p = malloc(sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->ops = ops;
	p->priv = priv;
	*port = p;
	return 0;
}

int hr_port_caps(struct hr_port *port, struct hr_port_caps *caps)
{
	memset(caps, 0, sizeof(*caps));
	return port->ops->caps(port->priv, caps);
}

int hr_port_stats(struct hr_port *port, struct hr_port_stats *s)
{
	memset(s, 0, sizeof(*s));
	return port->ops->stats != NULL ? port->ops->stats(port->priv, s) : -ENOTSUP;
}

int hr_port_start(struct hr_port *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	return port->ops->start(port->priv, setup, err, errlen);
}

uint16_t hr_port_rx(struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return port->ops->rx(port->priv, queue, m, n);
}

uint16_t hr_port_tx(struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return port->ops->tx(port->priv, queue, m, n);
}

void hr_port_flush(struct hr_port *port, uint16_t queue)
{
	if (port->ops->flush != NULL)
		port->ops->flush(port->priv, queue);
}

uint64_t hr_port_deadline(struct hr_port *port, uint16_t queue)
{
	return port->ops->deadline != NULL ? port->ops->deadline(port->priv, queue) : HR_NEVER;
}

bool hr_port_link_up(struct hr_port *port)
{
	return port->ops->link_up == NULL || port->ops->link_up(port->priv);
}

int hr_port_set_reta(struct hr_port *port, const uint16_t *reta, uint16_t n)
{
	return port->ops->set_reta != NULL ? port->ops->set_reta(port->priv, reta, n) : -ENOTSUP;
}

void hr_port_close(struct hr_port *port)
{
	if (port == NULL)
		return;
	port->ops->close(port->priv);
	free(port);
}
