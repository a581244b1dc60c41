/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet I/O contract inside the library: a port is hr_port_ops plus its private pointer.
 * Built-in drivers live in drivers/ and are listed in one constant table; a driver parses its own
 * part of the port string, a wrapper (impair, capture) gets the inner port already open.
 *
 *   "capture(file=a.pcapng) impair(loss=1%) wire:0"  ->  capture around impair around wire
 */
#ifndef HR_PORT_PORT_H
#define HR_PORT_PORT_H

#include "base/base.h"

struct hr_port {
	const struct hr_port_ops *ops;
	void *priv;
};

/* key=value,... of a wrapper or driver. */
struct hr_port_args {
	unsigned n;
	char key[16][32];
	char value[16][128];
};

struct hr_port_driver {
	const char *name; /* "impair", "wire", ... */
	bool wrapper;     /* name(args) inner, else name:args or whatever match() takes */
	/* Drivers: does this spec name one of yours? (wrappers: NULL) */
	bool (*match)(const char *spec);
	/* inner is NULL for drivers, and owned by the new port on success. */
	int (*open)(const char *spec, const struct hr_port_args *args, struct hr_port *inner,
		struct hr_port **port, char *err, size_t errlen);
};

/* The list, NULL-terminated; defined in drivers/drivers.c. */
extern const struct hr_port_driver *const hr_port_drivers[];

/* Parse "k=v,k=v"; -EINVAL with a sentence naming `what`. */
int hr_port_args_parse(
	const char *text, struct hr_port_args *args, const char *what, char *err, size_t errlen);
/* The value, or NULL. */
const char *hr_port_arg(const struct hr_port_args *args, const char *key);
/* -EINVAL with a sentence ("unknown key \"los\" in impair(...); did you mean loss? known: ...")
 * when a key is not in the NULL-terminated list. */
int hr_port_args_known(const struct hr_port_args *args, const char *const *known, const char *what,
	char *err, size_t errlen);
/* The word of the NULL-terminated list that a person who wrote `word` may have meant, by edit
 * distance; or NULL. */
const char *hr_port_nearest(const char *word, const char *const *list);
/* "; did you mean wire?" into buf when there is such a word, else the empty string; returns buf. */
const char *hr_port_suggest(const char *word, const char *const *list, char *buf, size_t len);

#endif
