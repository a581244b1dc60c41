/* SPDX-License-Identifier: BSD-3-Clause */
/* A port that looks at what is sent: for tests that judge frames, and for a wire that can be cut.
 */
#ifndef HR_TEST_ENGINE_TAP_H
#define HR_TEST_ENGINE_TAP_H

#include "pair.h"

#define TAP_FRAMES 8192

/* A port around another that keeps copies of what is sent, and may withhold (but keep) mbufs as a
 * NIC does. */
struct tap {
	struct hr_port *inner;
	struct hr_port *self;
	bool cut;          /* what is sent now is noted, and lost */
	bool keep_tx_csum; /* advertise TX checksums, and fill them in */
	bool hears;        /* what is received is noted, and not what is sent */
	unsigned n;
	struct {
		uint8_t *data;
		uint32_t len;
	} frame[TAP_FRAMES];
	unsigned in_place; /* frames whose mbuf was also held by somebody else */
};

/* For pair_opts.wrap; arg is a struct tap of zeros from calloc(). */
struct hr_port *tap_wrap(struct hr_port *inner, void *arg);
/* A copy of the frame from pool, for a parser or a worker. */
struct rte_mbuf *tap_mbuf(const struct tap *t, unsigned i, struct rte_mempool *pool);
void tap_free(struct tap *t);

#endif
