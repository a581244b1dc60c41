/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few blocks of the pcapng format (draft-ietf-opsawg-pcapng) that a capture needs.
 * librte_pcapng writes TSC times of ethdev ports only; ours are of any clock and any port.
 */
#ifndef HR_DRIVERS_PCAPNG_H
#define HR_DRIVERS_PCAPNG_H

#include <rte_mbuf.h>

#include "base/base.h"

/* Room that a packet block with n captured bytes needs at most. */
#define PCAPNG_PACKET_BYTES(n) (48 + (size_t)(n))
/* Room for the blocks at the start of a file. */
#define PCAPNG_HEAD_BYTES 256

enum pcapng_direction { PCAPNG_IN = 1, PCAPNG_OUT = 2 };

/* A section header and one Ethernet interface with microsecond times; returns bytes written. */
size_t hr_pcapng_head(uint8_t *to, const char *interface, uint32_t snaplen);
/* One packet; returns bytes written. */
size_t hr_pcapng_packet(uint8_t *to, const struct rte_mbuf *m, uint32_t snaplen, uint64_t now_us,
	enum pcapng_direction direction);

#endif
