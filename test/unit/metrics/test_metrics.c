/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of counters and drop reasons: numbering, lookup, and the law of the doors. */
#include "metrics/metrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void counters_are_numbered_as_the_enum(void **state)
{
	assert_int_equal(hr_counter_count(), HR_C_COUNT);
	assert_string_equal(hr_counter_name(HR_C_rx_packets), "rx_packets");
	assert_string_equal(hr_counter_help(HR_C_rx_packets), "packets received");
	assert_string_equal(hr_counter_name(HR_C_no_memory), "no_memory");
	assert_null(hr_counter_name(HR_C_COUNT));
	assert_null(hr_counter_help(HR_C_COUNT));
}

static void counters_are_found_by_name_and_unique(void **state)
{
	for (unsigned i = 0; i < hr_counter_count(); i++) {
		assert_int_equal(hr_counter_find(hr_counter_name(i)), i);
		assert_true(strlen(hr_counter_help(i)) > 0);
	}
	assert_int_equal(hr_counter_find("no_such"), -ENOENT);
	assert_int_equal(hr_counter_find(""), -ENOENT);
}

static void drop_index_is_the_enum_less_one(void **state)
{
	assert_int_equal(hr_drop_count(), DROP_COUNT - 1);
	assert_string_equal(hr_drop_name(DROP_short_frame - 1), "short_frame");
	assert_string_equal(hr_drop_name(DROP_tcp_checksum - 1), "tcp_checksum");
	assert_string_equal(hr_drop_help(DROP_tcp_checksum - 1), "the TCP checksum is wrong");
	assert_string_equal(hr_drop_name(DROP_COUNT - 2), "no_mbuf");
	assert_null(hr_drop_name(DROP_COUNT - 1));
	assert_null(hr_drop_help(DROP_COUNT - 1));
}

static void every_packet_leaves_by_one_door(void **state)
{
	struct hr_metrics m = {0};

	assert_true(hr_metrics_balanced(&m));
	hr_count_n(&m, HR_C_rx_packets, 10);
	assert_false(hr_metrics_balanced(&m));
	hr_count_n(&m, HR_C_accepted, 5);
	hr_count_n(&m, HR_C_passed, 2);
	hr_count(&m, HR_C_forwarded);
	hr_drop(&m, DROP_short_frame);
	assert_false(hr_metrics_balanced(&m));
	hr_drop(&m, DROP_COUNT - 1);
	assert_true(hr_metrics_balanced(&m));
	hr_drop(&m, DROP_no_mbuf);
	assert_false(hr_metrics_balanced(&m));
	assert_int_equal(hr_counter_read(&m, HR_C_accepted), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_numbered_as_the_enum),
		cmocka_unit_test(counters_are_found_by_name_and_unique),
		cmocka_unit_test(drop_index_is_the_enum_less_one),
		cmocka_unit_test(every_packet_leaves_by_one_door),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
