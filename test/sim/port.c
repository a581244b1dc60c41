/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simulated NIC: an hr_port whose tx copies frames, has each read by the checker and gives it
 * to the link, and whose rx fills mbufs from what arrived, with what the NIC says of the checksum.
 * Receive-side scaling as hardware does it.
 */
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_thash.h>

#include "sim.h"

struct sim_frame *sim_frame_new(uint32_t len)
{
	struct sim_frame *f = malloc(sizeof(*f) + len);

	must(f != NULL);
	f->next = NULL;
	f->len = len;
	f->csum = CSUM_UNKNOWN;
	f->damaged = false;
	return f;
}

/* Any key whose port rows have full rank will do. */
static const uint8_t rss_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77,
	0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static int port_caps(void *port, struct hr_port_caps *caps)
{
	struct sim_port *p = port;

	memset(caps, 0, sizeof(*caps));
	snprintf(caps->name, sizeof(caps->name), "sim%u", p->side);
	caps->mac[0] = 2;
	caps->mac[5] = (uint8_t)(p->side + 1);
	caps->mtu = p->w->mtu;
	caps->max_queues = p->queues;
	caps->copies_tx = true;
	caps->offloads = HR_OFFLOAD_RX_CSUM;
	if (p->queues > 1) {
		caps->offloads |= HR_OFFLOAD_RSS;
		caps->reta_size = SIM_RETA;
		caps->rss_key_len = sizeof(rss_key);
		memcpy(caps->rss_key, rss_key, sizeof(rss_key));
	}
	return 0;
}

static int port_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct sim_port *p = port;

	if (setup->queues > p->queues)
		return hr_error(err, errlen, -1,
			"the simulated port has %u queues, %u were asked for", p->queues,
			setup->queues);
	p->queues = setup->queues;
	for (unsigned i = 0; i < setup->queues; i++)
		p->pools[i] = setup->pools[i];
	for (unsigned i = 0; i < SIM_RETA; i++)
		p->reta[i] = setup->reta != NULL ? setup->reta[i] : (uint16_t)(i % setup->queues);
	return 0;
}

static void show(struct sim_port *p, const struct sim_pkt *k)
{
	char flags[9], opts[160];
	unsigned n = 0;
	int at = 0;

	for (unsigned i = 0; i < 8; i++)
		if (k->flags & BIT(i))
			flags[n++] = "FSRPAUEC"[i];
	flags[n] = '\0';
	opts[0] = '\0';
	if (k->has_ts)
		at += snprintf(opts, sizeof(opts), " ts %u/%u", k->tsval, k->tsecr);
	for (unsigned i = 0; i < k->n_sack; i++)
		at += snprintf(opts + at, sizeof(opts) - (size_t)at, " sack %u-%u", k->sack[i].left,
			k->sack[i].right);
	sim_log_line(p->w, "%s %u>%u %s seq %u ack %u len %u wnd %u ecn %u%s",
		p->side == CLIENT ? "-->" : "<--", k->sport, k->dport, flags, k->seq, k->ack,
		k->len, k->wnd, k->ecn, opts);
}

static void send_frame(struct sim_port *p, struct sim_frame *f)
{
	struct world *w = p->w;
	struct sim_pkt k;
	const char *why;

	w->frames++;
	sim_hash(w, &w->now_us, sizeof(w->now_us));
	sim_hash(w, f->data, f->len);
	if (!sim_is_tcp(f->data, f->len)) {
		sim_link_send(p, f, NULL, false);
		return;
	}
	w->segments++;
	why = sim_parse(f->data, f->len, &k, true);
	if (why == NULL && k.ttl == 0)
		why = "a TTL of 0";
	if (why != NULL) {
		sim_violation(w, "side %u sent %s", p->side, why);
		free(f);
		return;
	}
	if (unlikely(w->verbose))
		show(p, &k);
	sim_link_send(p, f, &k, sim_check_out(p, &k));
}

static uint16_t port_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct sim_port *p = port;
	struct world *w = p->w;

	if (w->now_us < p->tx_full_until_us) {
		reach(w->reached, R_TX_FULL);
		n /= 2;
	}
	for (uint16_t i = 0; i < n; i++) {
		struct sim_frame *f = sim_frame_new(rte_pktmbuf_pkt_len(m[i]));
		uint32_t off = 0;

		for (const struct rte_mbuf *seg = m[i]; seg != NULL; seg = seg->next) {
			memcpy(f->data + off, rte_pktmbuf_mtod(seg, const void *),
				rte_pktmbuf_data_len(seg));
			off += rte_pktmbuf_data_len(seg);
		}
		if (f->len > w->mtu + 14u || f->len < 14 || off != f->len)
			sim_violation(w, "side %u sent a frame of %u bytes over an MTU of %u",
				p->side, f->len, w->mtu);
		rte_pktmbuf_free(m[i]);
		send_frame(p, f);
	}
	return n;
}

static struct sim_frame *take(struct sim_port *p, uint16_t queue)
{
	struct sim_frame *f = p->rxq[queue].head;

	p->rxq[queue].head = f->next;
	if (f->next == NULL)
		p->rxq[queue].tail = &p->rxq[queue].head;
	return f;
}

static uint16_t port_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	static const uint64_t flags[] = {[CSUM_UNKNOWN] = 0,
		[CSUM_GOOD] = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
		[CSUM_BAD] = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD};
	struct sim_port *p = port;
	uint16_t got = 0;

	n = RTE_MIN(n, p->rx_burst);
	while (got < n && p->rxq[queue].head != NULL) {
		struct sim_frame *f = take(p, queue);
		struct rte_mbuf *b = rte_pktmbuf_alloc(p->pools[queue]);
		char *to = b != NULL ? rte_pktmbuf_append(b, (uint16_t)f->len) : NULL;

		if (to == NULL) {
			/* A NIC without a buffer drops, too. */
			rte_pktmbuf_free(b);
			p->w->no_mbuf++;
			reach(p->w->reached, R_NIC_NO_MBUF);
		} else {
			sim_check_in(p, f, got == 0);
			memcpy(to, f->data, f->len);
			b->ol_flags |= flags[f->csum];
			m[got++] = b;
		}
		free(f);
	}
	return got;
}

/* Toeplitz over the tuple as received, low bits into the RETA. */
static uint16_t queue_of(struct sim_port *p, const struct sim_frame *f)
{
	uint32_t tuple[9], words, addr, l4;
	const uint8_t *d = f->data;
	uint16_t q;

	if (p->queues == 1 || !sim_is_tcp(d, f->len))
		return 0;
	addr = d[12] == 0x08 ? 26 : 22;
	l4 = d[12] == 0x08 ? 14 + 4 * (d[14] & 15u) : 54;
	words = d[12] == 0x08 ? 2 : 8;
	if (f->len < l4 + 4)
		return 0;
	for (uint32_t i = 0; i <= words; i++) {
		rte_be32_t be;

		memcpy(&be, d + (i < words ? addr + 4 * i : l4), sizeof(be));
		tuple[i] = rte_be_to_cpu_32(be);
	}
	q = p->reta[rte_softrss(tuple, words + 1, rss_key) % SIM_RETA];
	if (chance(p->w->ch, p->astray))
		q = (uint16_t)((q + 1) % p->queues);
	return q;
}

void sim_port_deliver(struct sim_port *p, struct sim_frame *f)
{
	uint16_t q = queue_of(p, f);

	f->next = NULL;
	*p->rxq[q].tail = f;
	p->rxq[q].tail = &f->next;
}

static void port_close(void *port)
{
}

static const struct hr_port_ops ops = {
	.driver = "sim",
	.caps = port_caps,
	.start = port_start,
	.rx = port_rx,
	.tx = port_tx,
	.close = port_close,
};

void sim_port_init(struct sim_port *p, struct world *w, enum sim_side side, uint16_t queues)
{
	p->w = w;
	p->side = side;
	p->queues = queues;
	for (unsigned i = 0; i < SIM_MAX_WORKERS; i++)
		p->rxq[i].tail = &p->rxq[i].head;
}

struct hr_port *sim_port_open(struct sim_port *p)
{
	struct hr_port *port;

	must(hr_port_create(&ops, p, &port) == 0);
	return port;
}

void sim_port_fini(struct sim_port *p)
{
	for (unsigned q = 0; q < SIM_MAX_WORKERS; q++)
		while (p->rxq[q].head != NULL)
			free(take(p, (uint16_t)q));
}
