/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in drivers and wrappers, in the order in which a port string is offered to them. */
#include "drivers.h"

const struct hr_port_driver *const hr_port_drivers[] = {
	&hr_wire_driver,
	&hr_impair_driver,
	&hr_capture_driver,
	&hr_ethdev_driver,
	NULL,
};
