/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in drivers and wrappers, one constant each; drivers.c lists them for lib/port. */
#ifndef HR_DRIVERS_H
#define HR_DRIVERS_H

#include "port/port.h"

extern const struct hr_port_driver hr_wire_driver;
extern const struct hr_port_driver hr_impair_driver;
extern const struct hr_port_driver hr_capture_driver;
extern const struct hr_port_driver hr_ethdev_driver;

#endif
