/* SPDX-License-Identifier: BSD-3-Clause */
/* One run: engines up, traffic, drain, report. The return value is the exit status of the program.
 */
#ifndef HRLOAD_RUN_H
#define HRLOAD_RUN_H

#include "config.h"

#define EXIT_GOOD   0 /* something completed and nothing failed */
#define EXIT_FAILED 1
#define EXIT_BAD    2 /* wrong input or environment */

int run_traffic(const struct config *cfg);
/* Start the engines, say what they found, stop. */
int run_check(const struct config *cfg);

#endif
