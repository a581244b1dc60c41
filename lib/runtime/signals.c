/* SPDX-License-Identifier: BSD-3-Clause */
/* hr_run() until SIGINT or SIGTERM, for programs whose main() has nothing better to do. */
#include <signal.h>
#include <stdio.h>

#include "base/base.h"

static void on_signal(int signal_number)
{
	hr_stop();
}

int hr_engine_run(struct hr_engine *e)
{
	const struct sigaction ours = {.sa_handler = on_signal};
	struct sigaction old_int, old_term;
	char err[HR_ERRLEN] = "";
	int rc;

	sigaction(SIGINT, &ours, &old_int);
	sigaction(SIGTERM, &ours, &old_term);
	rc = hr_run(&e, 1, NULL, err, sizeof(err));
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	/* The caller has no place for a sentence, and a bare errno helps nobody. */
	if (rc < 0)
		fprintf(stderr, "%s\n", err);
	return rc;
}
