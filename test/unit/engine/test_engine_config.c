/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the engine needs no engine: defaults, sizes, and refusals before EAL is asked for
 * anything. The rest is test/engine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/conn.h"
#include "engine/engine.h"

/* The default configuration spells out the default parameters, because C cannot copy them there. */
static void test_defaults(void **state)
{
	assert_memory_equal(&hr_engine_config_default.tcp, &hr_tcp_params_default,
		sizeof(hr_tcp_params_default));
	assert_int_equal(hr_tcp_params_check(&hr_engine_config_default.tcp, NULL, 0), 0);
	assert_int_equal(hr_engine_config_default.workers, 1);
}

/* The table compares keys at the start of the connection, and the wheel's node must not share the
 * first line with them. */
static void test_layout(void **state)
{
	assert_int_equal(offsetof(struct conn, tcb.key), 0);
	assert_int_equal(offsetof(struct conn, timer), 208);
	assert_int_equal(sizeof(struct conn), 256);
}

static void test_refusals(void **state)
{
	struct hr_engine_config cfg = hr_engine_config_default;
	char err[HR_ERRLEN] = "";
	struct hr_engine *e = (struct hr_engine *)&cfg;

	assert_int_equal(hr_engine_create(&cfg, &e, err, sizeof(err)), -EINVAL);
	assert_null(e);
	assert_string_equal(err, "engine headrace: 0 ports; use 1 to 8");
	cfg.workers = 65;
	assert_int_equal(hr_engine_create(&cfg, &e, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "engine headrace: workers=65; use 1 to 64");
	cfg.workers = 1;
	cfg.n_ports = 1;
	cfg.name = "lab";
	assert_int_equal(hr_engine_create(&cfg, &e, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "engine lab: port 0 is not open; open it with hr_port_open()");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
