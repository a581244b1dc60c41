/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario files: YAML by the option table. Top level, `client:`, `server:`, and `tcp:` in each of
 * them. */
#ifndef HRLOAD_SCENARIO_H
#define HRLOAD_SCENARIO_H

#include "config.h"

/* Fill cfg from a file. -EINVAL with a sentence that begins with file:line. */
int scenario_load(struct config *cfg, const char *path, char *err, size_t errlen);

#endif
