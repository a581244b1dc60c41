/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which queue a tuple's packets arrive at (Toeplitz over source address, destination address,
 * source port, destination port, as received) and, inverted, which local ports make a peer's
 * replies arrive at a wanted queue. Toeplitz is linear over GF(2): H(tuple with local port p) =
 * H(tuple with port 0) xor T[p]. Addresses, peer_port and local_port are in network order, as the
 * packet has them; a port number that hr_rss_port() chooses, and its bounds, are in host order.
 */
#ifndef HR_FLOW_RSS_H
#define HR_FLOW_RSS_H

#include "base/base.h"
#include "base/rng.h"

struct hr_rss; /* key, RETA and the port lists sorted by the RETA bits of T[p]; shared by the
		  workers, read-only but for the RETA */

/* key_len 40 or 52; reta_size a power of two; 0 or -EINVAL when key rows lack full rank, with a
 * sentence. */
int hr_rss_create(const uint8_t *key, unsigned key_len, const uint16_t *reta, uint16_t reta_size,
	struct hr_rss **r, char *err, size_t errlen);
void hr_rss_free(struct hr_rss *r);
void hr_rss_set_reta(struct hr_rss *r, const uint16_t *reta);

/* Toeplitz hash of a received packet: the peer is the source. */
uint32_t hr_rss_hash(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t local_port);
/* The queue of such a packet. */
uint16_t hr_rss_queue(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t local_port);

/*
 * The ports p in [lo, hi] with queue(peer, local, peer_port, p) == queue are visited in a fixed
 * pseudo-random order: the n-th of them, n counted by the caller and taken modulo their number.
 * Returns 0 when there is none. O(1) but for skipping ports outside [lo, hi].
 */
uint16_t hr_rss_port(const struct hr_rss *r, bool v6, const void *peer, const void *local,
	uint16_t peer_port, uint16_t queue, uint32_t n, uint16_t lo, uint16_t hi);

#endif
