/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What we write into an mbuf while we hold it in a queue: 16 bytes in a dynamic field, never in the
 * private area (the mbufs of embedding programs have none) and never m->next (a frame under way to
 * the NIC must stay one frame). Queues are circular and singly linked, known by their tail:
 * tail->next is the head; an empty queue is NULL.
 */
#ifndef HR_BASE_MARK_H
#define HR_BASE_MARK_H

#include <rte_mbuf.h>

#include "base/base.h"

struct hr_mark {
	struct rte_mbuf *next;
	uint32_t seq; /* sequence number of the first payload byte */
	uint16_t off; /* payload from buf_addr (send side) or from the data start (receive side) */
	uint16_t len; /* payload bytes */
};

/* Register (or find) the dynamic field; returns its offset, or a negative errno with a sentence. */
int hr_mark_register(char *err, size_t errlen);

/* rte_pktmbuf_free() and rte_pktmbuf_free_seg(), short where nobody else holds m, it is alone and
 * the lcore's cache has room. */
void hr_mbuf_free(struct rte_mbuf *m);
void hr_mbuf_free_seg(struct rte_mbuf *m);

static inline struct hr_mark *hr_mark(struct rte_mbuf *m, int off)
{
	return RTE_PTR_ADD(m, off);
}

#endif
