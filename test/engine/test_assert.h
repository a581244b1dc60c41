/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka with the headers that it wants before it. */
#ifndef HR_TEST_ENGINE_ASSERT_H
#define HR_TEST_ENGINE_ASSERT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
