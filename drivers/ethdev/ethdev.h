/* SPDX-License-Identifier: BSD-3-Clause */
/* A DPDK port behind our contract: probe.c finds or makes the device, ethdev.c sets it up and moves
 * packets. */
#ifndef HR_DRIVERS_ETHDEV_H
#define HR_DRIVERS_ETHDEV_H

#include <rte_ethdev.h>

#include "port/port.h"

/* What the spec says. */
struct ethdev_spec {
	char name[RTE_ETH_NAME_MAX_LEN]; /* of the device, as EAL knows it */
	char devargs[512];               /* for the PMD */
	char iface[64];                  /* the kernel interface it names, or empty */
	bool pci;
	uint32_t rxd, txd, mtu; /* hr_rxd=, hr_txd=, hr_mtu=; 0 = not said */
};

bool hr_ethdev_match(const char *spec);
int hr_ethdev_parse(const char *spec, struct ethdev_spec *s, char *err, size_t errlen);
/* The port of that name, probed when it is not there yet; *made tells. */
int hr_ethdev_probe(
	const struct ethdev_spec *s, uint16_t *id, bool *made, char *err, size_t errlen);
/* Undo a probe. */
void hr_ethdev_remove(uint16_t id);

#endif
