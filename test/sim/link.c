/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link: an hr_port whose tx copies frames, lets its dice decide about each, and schedules their
 * arrival at the other end, and the heap of everything that is going to happen. The dice of a
 * direction are its own, so that what the applications do does not change them.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_thash.h>

#include "base/base.h"

/* --- events
 * --------------------------------------------------------------------------------------------------------------
 */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

void sim_event_add(struct world *w, struct sim_event ev)
{
	uint32_t i = w->n_events++;

	if (w->n_events > w->cap_events) {
		w->cap_events = w->cap_events * 2 + 64;
		w->heap = realloc(w->heap, w->cap_events * sizeof(*w->heap));
		must(w->heap != NULL);
	}
	ev.serial = ++w->serial;
	for (; i > 0 && before(&ev, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = ev;
}

bool sim_event_pop(struct world *w, uint64_t now_us, struct sim_event *ev)
{
	struct sim_event last;
	uint32_t i = 0, kid;

	if (w->n_events == 0 || w->heap[0].at_us > now_us)
		return false;
	*ev = w->heap[0];
	last = w->heap[--w->n_events];
	while ((kid = 2 * i + 1) < w->n_events) {
		if (kid + 1 < w->n_events && before(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (!before(&w->heap[kid], &last))
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = last;
	return true;
}

/* --- impairments
 * ---------------------------------------------------------------------------------------------------------
 */

static bool is_tcp(const struct sim_frame *f)
{
	uint16_t type = (uint16_t)(f->data[12] << 8 | f->data[13]);

	return (type == RTE_ETHER_TYPE_IPV4 && f->len > 34 && f->data[23] == 6) ||
	       (type == RTE_ETHER_TYPE_IPV6 && f->len > 54 && f->data[20] == 6);
}

static void arrive(struct sim_port *p, struct sim_frame *f, uint64_t at_us)
{
	p->w->in_flight++;
	sim_event_add(p->w,
		(struct sim_event){
			.at_us = at_us, .frame = f, .to = p->side == CLIENT ? SERVER : CLIENT});
}

static struct sim_frame *frame_new(uint32_t len)
{
	struct sim_frame *f = malloc(sizeof(*f) + len);

	must(f != NULL);
	f->next = NULL;
	f->len = len;
	return f;
}

/* Is the frame lost before it reaches the queue of the link? */
static bool lose(struct sim_port *p, uint64_t now_us)
{
	const struct sim_impair *im = &p->out;
	bool lost = false;

	if (p->burst_left > 0) {
		p->burst_left--;
		lost = true;
	} else if (hr_rng_chance(&p->rng, im->burst)) {
		p->burst_left = hr_rng_below(&p->rng, im->burst_len) + 1;
	}
	if (hr_rng_chance(&p->rng, im->loss))
		lost = true;
	return lost ||
	       (now_us >= im->outage_from_us && now_us < im->outage_from_us + im->outage_us);
}

/* When the last bit leaves, or HR_NEVER when the queue is full. */
static uint64_t through_the_queue(struct sim_port *p, uint32_t len, uint64_t now_us)
{
	uint64_t per_s = p->out.bytes_per_s, wait;

	if (per_s == 0)
		return now_us;
	p->wire_free_us = RTE_MAX(p->wire_free_us, now_us);
	wait = p->wire_free_us - now_us;
	if (wait * per_s / 1000000 > p->out.queue_bytes)
		return HR_NEVER;
	p->wire_free_us += (uint64_t)len * 1000000 / per_s + 1;
	return p->wire_free_us;
}

/* For -v: one line a frame. */
static void show(struct sim_port *p, const struct sim_frame *f)
{
	uint32_t l3 = 14, l4 = f->data[12] == 0x08 ? l3 + 4 * (f->data[14] & 15u) : 54, w[4], n = 0,
		 end;
	const uint8_t *t = f->data + l4;
	char flags[9];

	if (!p->w->verbose || f->len < l4 + 20)
		return;
	for (unsigned i = 0; i < 4; i++) {
		rte_be32_t be;

		memcpy(&be, t + 4 * i, sizeof(be));
		w[i] = rte_be_to_cpu_32(be);
	}
	end = f->data[12] == 0x08 ? l3 + (uint32_t)(f->data[16] << 8 | f->data[17])
				  : l4 + (uint32_t)(f->data[18] << 8 | f->data[19]);
	for (unsigned i = 0; i < 8; i++)
		if (t[13] & BIT(i))
			flags[n++] = "FSRPAUEC"[i];
	flags[n] = '\0';
	sim_log(p->w, "%s %u>%u %s seq %u ack %u len %u wnd %u", p->side == CLIENT ? "-->" : "<--",
		w[0] >> 16, w[0] & 0xffff, flags, w[1], w[2], end - l4 - 4 * (t[12] >> 4),
		w[3] & 0xffff);
}

static void send_tcp(struct sim_port *p, struct sim_frame *f)
{
	struct world *w = p->w;
	const struct sim_impair *im = &p->out;
	uint64_t at_us = w->now_us;

	show(p, f);
	if (!w->healed && lose(p, w->now_us)) {
		w->lost++;
		sim_log(w, "    lost");
		free(f);
		return;
	}
	at_us = through_the_queue(p, f->len, at_us);
	if (at_us == HR_NEVER) {
		w->overflowed++;
		sim_log(w, "    overflowed");
		free(f);
		return;
	}
	at_us += im->delay_us;
	if (im->jitter_us != 0)
		at_us += hr_rng_below(&p->rng, im->jitter_us);
	if (!w->healed && hr_rng_chance(&p->rng, im->reorder)) {
		w->reordered++;
		at_us += hr_rng_below(&p->rng, 3 * im->delay_us + 1000);
	}
	if (!w->healed && hr_rng_chance(&p->rng, im->dup)) {
		struct sim_frame *copy = frame_new(f->len);

		w->dups++;
		memcpy(copy->data, f->data, f->len);
		arrive(p, copy, at_us + hr_rng_below(&p->rng, 2 * im->delay_us + 1000));
	}
	if (!w->healed && hr_rng_chance(&p->rng, im->corrupt)) {
		uint32_t i = 14 + hr_rng_below(&p->rng, f->len - 14);

		w->corrupted++;
		sim_log(w, "    corrupted");
		f->data[i] ^= (uint8_t)(1 + hr_rng_below(&p->rng, 255));
	}
	arrive(p, f, at_us);
}

/* --- the port
 * ------------------------------------------------------------------------------------------------------------
 */

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
	if (p->queues > 1) {
		caps->offloads = HR_OFFLOAD_RSS;
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

static uint16_t port_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct sim_port *p = port;
	struct world *w = p->w;

	for (uint16_t i = 0; i < n; i++) {
		struct sim_frame *f = frame_new(rte_pktmbuf_pkt_len(m[i]));
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
		w->frames++;
		sim_hash(w, &w->now_us, sizeof(w->now_us));
		sim_hash(w, f->data, f->len);
		if (is_tcp(f))
			send_tcp(p, f);
		else
			arrive(p, f, w->now_us + p->out.delay_us);
	}
	return n;
}

static uint16_t port_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct sim_port *p = port;
	uint16_t got = 0;

	while (got < n && p->rxq[queue].head != NULL) {
		struct sim_frame *f = p->rxq[queue].head;
		struct rte_mbuf *b = rte_pktmbuf_alloc(p->pools[queue]);
		char *to = b != NULL ? rte_pktmbuf_append(b, (uint16_t)f->len) : NULL;

		p->rxq[queue].head = f->next;
		if (f->next == NULL)
			p->rxq[queue].tail = &p->rxq[queue].head;
		if (to == NULL) {
			/* A NIC without a buffer drops, too. */
			rte_pktmbuf_free(b);
			p->w->no_mbuf++;
		} else {
			memcpy(to, f->data, f->len);
			m[got++] = b;
		}
		free(f);
	}
	return got;
}

/* Receive-side scaling as a NIC does it: Toeplitz over the tuple as received, low bits into the
 * RETA. */
static uint16_t queue_of(struct sim_port *p, const struct sim_frame *f)
{
	uint32_t tuple[9], words, addr, l4;
	const uint8_t *d = f->data;
	uint16_t q;

	if (p->queues == 1 || !is_tcp(f))
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
	if (hr_rng_chance(&p->rng, p->astray))
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
		while (p->rxq[q].head != NULL) {
			struct sim_frame *f = p->rxq[q].head;

			p->rxq[q].head = f->next;
			free(f);
		}
}
