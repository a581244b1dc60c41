/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two ways to say that something is wrong: hr_must_fail() for our own bugs, hr_error() for
 * requests that cannot be met. Bad packets are neither: they are drop reasons (metrics/).
 */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void hr_must_fail(const char *expr, const char *file, int line)
{
	int saved = errno;

	fprintf(stderr, "headrace: bug: must(%s) is false at %s:%d (errno %d: %s)\n", expr, file,
		line, saved, strerror(saved));
	fflush(stderr);
	abort();
}

int hr_error(char *err, size_t errlen, int code, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL && errlen > 0) {
		va_start(ap, fmt);
		vsnprintf(err, errlen, fmt, ap);
		va_end(ap);
	}
	return code;
}
