/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in drivers and wrappers, in the order in which a port string is offered to them. */
#include "port/port.h"

const struct hr_port_driver *const hr_port_drivers[] = {
	NULL,
};
