/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "test_assert.h"

static int tap_caps(void *port, struct hr_port_caps *caps)
{
	struct tap *t = port;
	int rc = hr_port_caps(t->inner, caps);

	if (t->keep_tx_csum)
		caps->offloads |= HR_OFFLOAD_TX_CSUM;
	return rc;
}

static int tap_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct tap *t = port;
	struct hr_port_setup s = *setup;

	if (t->keep_tx_csum)
		s.offloads &= ~HR_OFFLOAD_TX_CSUM;
	return t->inner->ops->start(t->inner->priv, &s, err, errlen);
}

static void note(struct tap *t, const struct rte_mbuf *m)
{
	const void *p;

	if (t->n == TAP_FRAMES)
		return;
	t->frame[t->n].len = m->pkt_len;
	t->frame[t->n].data = malloc(m->pkt_len);
	p = rte_pktmbuf_read(m, 0, m->pkt_len, t->frame[t->n].data);
	assert_non_null(p);
	if (p != t->frame[t->n].data)
		memcpy(t->frame[t->n].data, p, m->pkt_len);
	t->n++;
}

static uint16_t tap_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct tap *t = port;

	n = t->inner->ops->rx(t->inner->priv, queue, m, n);
	for (uint16_t i = 0; i < n && t->hears; i++)
		note(t, m[i]);
	return n;
}

/* What a NIC would do: the pseudo-header's sum is in the field, the rest is added. */
static void fill_checksum(struct rte_mbuf *m)
{
	uint8_t *l3 = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len), *tcp = l3 + m->l3_len;
	uint16_t len = (uint16_t)(m->pkt_len - m->l2_len - m->l3_len), sum;
	uint32_t folded;

	assert_true(m->ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6));
	assert_int_equal(m->l2_len, 14);
	folded = rte_raw_cksum(tcp, len);
	sum = (uint16_t)~folded;
	memcpy(tcp + 16, &sum, 2);
	m->ol_flags = 0;
}

static uint16_t tap_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct tap *t = port;

	for (uint16_t i = 0; i < n; i++) {
		if (t->keep_tx_csum && (m[i]->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM))
			fill_checksum(m[i]);
		t->in_place += rte_mbuf_refcnt_read(m[i]) > 1;
		if (!t->hears)
			note(t, m[i]);
	}
	if (t->cut) {
		rte_pktmbuf_free_bulk(m, n);
		return n;
	}
	return t->inner->ops->tx(t->inner->priv, queue, m, n);
}

static uint64_t tap_deadline(void *port, uint16_t queue)
{
	struct tap *t = port;

	return t->inner->ops->deadline != NULL ? t->inner->ops->deadline(t->inner->priv, queue)
					       : HR_NEVER;
}

static void tap_flush(void *port, uint16_t queue)
{
	struct tap *t = port;

	if (t->inner->ops->flush != NULL)
		t->inner->ops->flush(t->inner->priv, queue);
}

static void tap_close(void *port)
{
	struct tap *t = port;

	hr_port_close(t->inner);
}

static const struct hr_port_ops tap_ops = {.driver = "tap",
	.caps = tap_caps,
	.start = tap_start,
	.rx = tap_rx,
	.tx = tap_tx,
	.flush = tap_flush,
	.deadline = tap_deadline,
	.close = tap_close};

struct hr_port *tap_wrap(struct hr_port *inner, void *arg)
{
	struct tap *t = arg;

	t->inner = inner;
	assert_int_equal(hr_port_create(&tap_ops, t, &t->self), 0);
	return t->self;
}

struct rte_mbuf *tap_mbuf(const struct tap *t, unsigned i, struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)t->frame[i].len), t->frame[i].data, t->frame[i].len);
	return m;
}

void tap_free(struct tap *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->frame[i].data);
	free(t);
}
