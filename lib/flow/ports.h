/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Source ports for active opens of one worker. Each (local address, remote address, remote port)
 * walks its own pseudo-random permutation of the ports whose replies arrive at this worker, so that
 * a port comes round as late as possible; whether one is in use is the table's knowledge, asked
 * through a callback. O(1) state: cursors in a small hashed array, as RFC 6056 algorithm 4 has it.
 */
#ifndef HR_FLOW_PORTS_H
#define HR_FLOW_PORTS_H

#include "flow/key.h"
#include "flow/rss.h"

struct hr_ports;

/* rss may be NULL (one queue). [lo, hi] is the port range. */
struct hr_ports *hr_ports_create(
	const struct hr_rss *rss, uint16_t queue, uint16_t lo, uint16_t hi, const uint64_t key[2]);
void hr_ports_free(struct hr_ports *p);
/*
 * Choose k->lport; all other fields of k are set. `local` is the address behind k->laddr_id, in
 * network order. taken() says whether a complete key is in use. At most 128 tries. 0, or
 * -EADDRNOTAVAIL.
 */
int hr_ports_pick(struct hr_ports *p, struct hr_flow_key *k, const void *local,
	bool (*taken)(void *arg, const struct hr_flow_key *k), void *arg);

/* The port that hr_ports_pick() would try first, as k->lport; 0 when there is none. The next call
 * of either goes on behind it. */
void hr_ports_next(struct hr_ports *p, struct hr_flow_key *k, const void *local);

#endif
