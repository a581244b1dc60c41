/* SPDX-License-Identifier: BSD-3-Clause */
/* A shared library needs a source of its own besides the modules it is made of. */
#include "headrace.h"

const char *hr_version(void)
{
	return "0.1.0";
}
