/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire: two ends joined in memory inside one process, each looking like a NIC. A frame is copied
 * by the sender into a slot of a ring and by the receiver into an mbuf of the receiving queue's own
 * pool: no mbuf is ever shared.
 *
 *   end a, tx queue 0 --ring--> rx queue 0, end b      One ring per (tx queue, rx queue) pair and
 * direction, so each
 *                    \-ring--> rx queue 1              ring has one writer and one reader. The
 * receiving end's RSS end a, tx queue 1 --ring--> rx queue 0             key and RETA choose the rx
 * queue.
 *                    \-ring--> rx queue 1
 *
 * Threads: a queue's tx and rx are called by that queue's owner; ends may be on different threads.
 * Opening, starting and closing happen under one process-wide lock.
 */
#ifndef HR_DRIVERS_WIRE_H
#define HR_DRIVERS_WIRE_H

#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "port/port.h"

#define WIRE_QUEUES_MAX 16
#define WIRE_RETA_SIZE  128
#define WIRE_KEY_BYTES  40
#define WIRE_NAME_MAX   20
#define WIRE_L2_BYTES   22 /* Ethernet header and two VLAN tags: what a slot holds beyond the MTU */

/* Two lines apart: the adjacent-line prefetcher pulls pairs. */
#define WIRE_ALIGNED __attribute__((aligned(128)))

struct wire_slot {
	uint32_t len;
	uint32_t hash;  /* Toeplitz, when hashed */
	uint8_t hashed; /* for hash.rss of the receiver */
	uint8_t summed; /* the wire itself wrote the checksums: known to be good */
	uint8_t reserved[6];
	uint8_t data[];
};
_Static_assert(sizeof(struct wire_slot) == 16, "frames start on a 16-byte boundary");

/*
 * Free-running indices: the ring holds [tail, head). The writer fills slots at `next` and publishes
 * head once per burst; each side keeps its last sight of the other's index, so that a line changes
 * hands once per burst and not per packet.
 */
struct wire_ring {
	WIRE_ALIGNED uint32_t head;      /* atomic; the writer's */
	WIRE_ALIGNED uint32_t tail;      /* atomic; the reader's */
	WIRE_ALIGNED uint32_t next;      /* writer only */
	uint32_t tail_seen;              /* writer only */
	WIRE_ALIGNED uint32_t head_seen; /* reader only */
	WIRE_ALIGNED uint8_t *slots;
	uint32_t mask;
	uint32_t stride;
};

/* Written by one thread, read by any: stored and loaded relaxed. */
struct wire_counts {
	uint64_t packets, bytes, refused; /* refused: rx without an mbuf, tx without a slot */
};

struct wire_rxq {
	WIRE_ALIGNED struct wire_counts count;
	struct rte_mempool *pool;
	uint16_t first; /* the sender's queue to look at first: round-robin between bursts */
};

struct wire_txq {
	WIRE_ALIGNED struct wire_counts count;
};

struct wire;

struct wire_end {
	struct wire *wire;
	struct wire_end *peer;
	struct wire_ring *rings; /* that this end fills: [own tx queue][peer's rx queue] */
	uint32_t caps;           /* HR_OFFLOAD_* */
	uint32_t offloads;       /* the subset in use */
	uint16_t max_queues, queues;
	uint8_t side; /* 0 = a, 1 = b */
	bool open, closed, started;
	uint16_t reta[WIRE_RETA_SIZE];    /* atomic: the peer's senders read it */
	uint32_t key[WIRE_KEY_BYTES / 4]; /* as rte_convert_rss_key() wants it */
	struct wire_rxq rxq[WIRE_QUEUES_MAX];
	struct wire_txq txq[WIRE_QUEUES_MAX];
};

enum wire_link { WIRE_WAITING, WIRE_UP, WIRE_DOWN };

struct wire {
	uint32_t link;      /* atomic enum wire_link; rings exist from WIRE_UP on */
	uint32_t frame_max; /* bytes a slot holds */
	uint32_t depth;     /* slots per ring, 0 = by the number of queues */
	uint16_t mtu;
	char name[WIRE_NAME_MAX + 1];
	const struct rte_memzone *zone;
	struct wire_end end[2];
	void *memory; /* of all slots */
	size_t memory_bytes;
};

uint16_t hr_wire_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint16_t hr_wire_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
uint64_t hr_wire_deadline(void *port, uint16_t queue);

/* Do what the sender's ol_flags ask of the checksums of a copied frame; true when all of IP and L4
 * were written. */
bool hr_wire_checksum_write(uint8_t *frame, const struct rte_mbuf *m);
/* Verify a received frame: RTE_MBUF_F_RX_*_CKSUM_* flags, 0 where nothing can be said. */
uint64_t hr_wire_checksum_verify(const uint8_t *frame, uint32_t len);

/* A place in a frame of any number of segments. */
struct wire_cursor {
	const struct rte_mbuf *m;
	uint32_t off; /* within m */
};

/* Copy the next len bytes. */
static inline void hr_wire_copy(struct wire_cursor *c, uint32_t len, uint8_t *to)
{
	while (len > 0) {
		uint32_t n = RTE_MIN(len, c->m->data_len - c->off);

		rte_memcpy(to, rte_pktmbuf_mtod_offset(c->m, const uint8_t *, c->off), n);
		to += n;
		len -= n;
		c->off += n;
		if (c->off == c->m->data_len)
			*c = (struct wire_cursor){c->m->next, 0};
	}
}

#endif
