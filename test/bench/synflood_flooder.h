/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flooder: a port around the clients' port that sends SYNs with made-up sources between the
 * clients' frames, as another host on their link would, and takes the answers off the link before
 * the clients see them. Belongs to the thread that steps the clients.
 */
#ifndef HR_BENCH_FLOODER_H
#define HR_BENCH_FLOODER_H

#include "port/port.h"

struct flooder;

struct flooder_config {
	struct rte_mempool *pool; /* for its SYNs */
	const uint8_t *src_mac;   /* of the link that the clients are on */
	struct hr_ip dst;         /* IPv4 */
	uint16_t dport;
	uint32_t first, count; /* sources: host order, so many addresses */
	uint64_t seed;
};

/* Wraps inner, which belongs to the new port. */
struct flooder *flooder_wrap(
	struct hr_port *inner, const struct flooder_config *cfg, struct hr_port **port);
/* Where to: the server's MAC, or another one. */
void flooder_aim(struct flooder *f, const uint8_t mac[6]);
/* So many SYNs a second from now on; 0 = silence. */
void flooder_rate(struct flooder *f, uint64_t per_s, uint64_t now_us);
/* Send what is due. Call often. */
void flooder_run(struct flooder *f, uint64_t now_us);
/* n SYNs now, at most 64; how many the link took. */
unsigned flooder_burst(struct flooder *f, unsigned n);
/* SYNs that left, those that the link did not take, and answers that came back. */
struct flooder_stats {
	uint64_t sent, lost, answers;
};
struct flooder_stats flooder_stats(const struct flooder *f);

#endif
