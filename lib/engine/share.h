/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software distributor: a port with fewer queues than workers, or one whose RSS we cannot
 * foretell, seems to have a queue for each worker and RSS. share.c says how.
 */
#ifndef HR_ENGINE_SHARE_H
#define HR_ENGINE_SHARE_H

#include "flow/rss.h"
#include "port/port.h"

struct hr_share_config {
	unsigned workers;
	uint16_t queues;    /* of the port, that are used: 1 without RSS of its own */
	const uint8_t *key; /* Toeplitz, for all ports of an engine the same */
	uint8_t key_len;
	uint16_t reta_size;
};

/*
 * Whoever holds `port` holds the shared port from now on, with the port as it was inside. Before
 * the start. -ENOMEM, -EINVAL with a sentence; then the port is as it was.
 */
int hr_share_port(
	struct hr_port *port, const struct hr_share_config *cfg, char *err, size_t errlen);
/* The queues of the port inside; 0 when this port is not shared. */
uint16_t hr_share_queues(const struct hr_port *port);
/* The driver's name, of the port inside when it is shared. */
const char *hr_share_driver(const struct hr_port *port);

#endif
