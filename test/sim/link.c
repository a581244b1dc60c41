/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link: what happens to a frame between two ports. In the order of a path: rules about chosen
 * frames, loss, an MTU that shrank, a queue with a rate, ECN marks, a middlebox that strips
 * options, then delay, duplicates, damage. After the healing only rate, marks and delay remain, and
 * what the middlebox does to SYNs.
 */
#include <stdlib.h>

#include "sim.h"

#define ICMP_DELAY_US 500

static void arrive(struct sim_port *p, struct sim_frame *f, uint64_t at_us)
{
	p->w->in_flight++;
	sim_event_add(p->w,
		(struct sim_event){
			.at_us = at_us, .frame = f, .to = p->side == CLIENT ? SERVER : CLIENT});
}

void sim_link_inject(struct sim_port *p, const uint8_t *data, uint32_t len, uint64_t at_us)
{
	struct sim_frame *f = sim_frame_new(len);

	memcpy(f->data, data, len);
	p->w->in_flight++;
	sim_event_add(p->w, (struct sim_event){.at_us = at_us, .frame = f, .to = p->side});
}

static bool lost(struct sim_port *p, const char *why, enum sim_fact fact)
{
	reach(p->w->reached, fact);
	sim_log(p->w, "    %s", why);
	return true;
}

static bool is_kind(const struct sim_pkt *k, bool retx, unsigned kind)
{
	switch ((enum sim_kind)kind) {
	case KIND_SYN:
		return (k->flags & (TCPF_SYN | TCPF_ACK)) == TCPF_SYN;
	case KIND_SYNACK:
		return (k->flags & (TCPF_SYN | TCPF_ACK)) == (TCPF_SYN | TCPF_ACK);
	case KIND_FIN:
		return (k->flags & TCPF_FIN) != 0;
	case KIND_ACK:
		return k->len == 0 && (k->flags & (TCPF_SYN | TCPF_FIN | TCPF_RST)) == 0;
	case KIND_RETX:
		return retx;
	case KIND_DATA:
		return k->len != 0;
	case KIND_RST:
		return (k->flags & TCPF_RST) != 0;
	default:
		return false;
	}
}

/* Rules about chosen frames: "the second FIN", "three retransmissions from the fifth on". */
static bool chosen(struct sim_port *p, const struct sim_pkt *k, bool retx)
{
	const struct sim_impair *im = &p->out;
	uint32_t n;

	if (im->drop_n == 0 || !is_kind(k, retx, im->drop_kind))
		return false;
	n = p->seen[im->drop_kind]++;
	if (p->w->healed || n < im->drop_first || n >= im->drop_first + im->drop_n)
		return false;
	return lost(p, "dropped by rule", (enum sim_fact)(R_DROP_SYN + im->drop_kind));
}

static bool lose(struct sim_port *p)
{
	const struct sim_impair *im = &p->out;
	struct choice *ch = p->w->ch;
	uint64_t now_us = p->w->now_us;

	if (im->to_bad != 0) {
		p->bad = p->bad ? !chance(ch, im->to_good) : chance(ch, im->to_bad);
		if (p->bad && chance(ch, im->bad_loss))
			return lost(p, "lost in a burst", R_BURST);
	}
	if (chance(ch, im->loss))
		return lost(p, "lost", R_LOSS);
	if (now_us >= im->outage_from_us && now_us < im->outage_from_us + im->outage_us)
		return lost(p, "lost in an outage", R_OUTAGE);
	return false;
}

/* RFC 1191 4, RFC 4443 3.2: from the router, to who sent the frame. */
static void say_too_big(struct sim_port *p, const struct sim_frame *f, const struct sim_pkt *k)
{
	uint8_t b[14 + 40 + 8 + 60] = {0};
	uint32_t hdr = k->v6 ? 40 : 20, quote = hdr + (k->v6 ? 20 : 8), len = 14 + hdr + 8 + quote;
	uint8_t *ip = b + 14, *icmp = ip + hdr;

	memcpy(b, f->data + 6, 6);
	memcpy(b + 6, f->data, 6);
	memcpy(b + 12, f->data + 12, 2);
	if (k->v6) {
		ip[0] = 0x60;
		ip[5] = (uint8_t)(8 + quote);
		ip[6] = 58;
		ip[7] = 64;
		memcpy(ip + 8, k->dst, 16);
		memcpy(ip + 24, k->src, 16);
		icmp[0] = 2;
	} else {
		ip[0] = 0x45;
		ip[3] = (uint8_t)(len - 14);
		ip[8] = 64;
		ip[9] = 1;
		memcpy(ip + 12, k->dst, 4);
		memcpy(ip + 16, k->src, 4);
		icmp[0] = 3;
		icmp[1] = 4;
	}
	icmp[6] = (uint8_t)(p->out.mtu >> 8);
	icmp[7] = (uint8_t)p->out.mtu;
	memcpy(icmp + 8, f->data + 14, quote);
	sim_fix_checksums(b, len);
	sim_link_inject(p, b, len, p->w->now_us + ICMP_DELAY_US);
}

static bool too_big(struct sim_port *p, const struct sim_frame *f, const struct sim_pkt *k)
{
	const struct sim_impair *im = &p->out;

	if (im->mtu == 0 || p->w->now_us < im->mtu_at_us || f->len <= im->mtu + 14u)
		return false;
	if (im->mtu_icmp)
		say_too_big(p, f, k);
	return lost(p, "too big for the path", im->mtu_icmp ? R_MTU_ICMP : R_MTU_DROP);
}

/* When the last bit leaves, or HR_NEVER when the queue is full. *mark: the queue is long. */
static uint64_t through_the_queue(struct sim_port *p, uint32_t len, bool *mark)
{
	const struct sim_impair *im = &p->out;
	uint64_t per_s = im->bytes_per_s, queued;

	if (per_s == 0)
		return p->w->now_us;
	p->wire_free_us = RTE_MAX(p->wire_free_us, p->w->now_us);
	queued = (p->wire_free_us - p->w->now_us) * per_s / 1000000;
	if (queued > im->queue_bytes)
		return HR_NEVER;
	*mark = im->mark_bytes != 0 && queued > im->mark_bytes;
	p->wire_free_us += (uint64_t)len * 1000000 / per_s + 1;
	return p->wire_free_us;
}

/* RFC 3168 5: only what says that it understands is marked. */
static void mark_ce(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k)
{
	if (k->ecn != 1 && k->ecn != 2)
		return;
	reach(p->w->reached, R_CE);
	sim_log(p->w, "    marked CE");
	f->data[15] |= k->v6 ? 0x30 : 0x03;
	sim_fix_checksums(f->data, f->len);
}

static bool to_strip(struct sim_port *p, const struct sim_pkt *k, uint8_t option)
{
	const struct sim_impair *im = &p->out;
	uint64_t now_us = p->w->now_us;

	if (k->flags & TCPF_SYN)
		return (option == 2 && (im->strip & STRIP_MSS)) ||
		       (option == 3 && (im->strip & STRIP_WSCALE)) ||
		       (option == 4 && (im->strip & STRIP_SACK)) ||
		       (option == 8 && (im->strip & STRIP_TS));
	return (option == 5 && im->strip_sacks) ||
	       (option == 8 && !p->w->healed && now_us >= im->strip_ts_at_us &&
		       now_us < im->strip_ts_at_us + im->strip_ts_us);
}

/* A middlebox that knows nothing of options writes NOPs over them. */
static void strip(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k)
{
	uint8_t *o = f->data + k->l4 + 20;
	bool done = false;

	for (unsigned i = 0; i < k->opt_len && o[i] != 0;) {
		unsigned n = o[i] == 1 ? 1 : o[i + 1];

		if (o[i] != 1 && to_strip(p, k, o[i])) {
			reach(p->w->reached, k->flags & TCPF_SYN ? R_STRIP_SYN
					     : o[i] == 5         ? R_STRIP_SACK
								 : R_STRIP_TS);
			memset(o + i, 1, n);
			done = true;
		}
		i += n;
	}
	if (done)
		sim_fix_checksums(f->data, f->len);
}

/* A NIC that is wrong about a checksum. What it says is good is believed, so only bytes may change
 * that the oracle can be told of. */
static void lie(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k)
{
	struct choice *ch = p->w->ch;
	uint32_t at;

	switch (choose(ch, 3)) {
	case 0:
		reach(p->w->reached, R_LIE_BAD);
		f->csum = CSUM_BAD;
		f->damaged = true;
		return;
	case 1:
		reach(p->w->reached, R_LIE_FIELD);
		f->data[k->l4 + 16] ^= 0x55;
		f->csum = CSUM_GOOD;
		return;
	default:
		if (k->len == 0)
			return;
		at = choose(ch, k->len);
		if (!sim_app_taint(p->w, p->side == CLIENT ? SERVER : CLIENT, k, at))
			return;
		reach(p->w->reached, R_LIE_GOOD);
		f->data[k->payload + at] ^= (uint8_t)(1 + choose(ch, 255));
		f->csum = CSUM_GOOD;
	}
}

static void damage(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k)
{
	const struct sim_impair *im = &p->out;
	struct choice *ch = p->w->ch;
	struct sim_pkt now;
	uint32_t i;

	if (im->good_flag)
		f->csum = CSUM_GOOD;
	if (p->w->healed)
		return;
	if (chance(ch, im->corrupt)) {
		i = 14 + choose(ch, f->len - 14);
		reach(p->w->reached, R_CORRUPT);
		sim_log(p->w, "    corrupted at %u", i);
		f->data[i] ^= (uint8_t)(1 + choose(ch, 255));
		f->csum = choose(ch, 2) ? CSUM_BAD : CSUM_UNKNOWN;
		/* No checksum covers the traffic class or hop limit of IPv6. */
		f->damaged = f->csum == CSUM_BAD || sim_parse(f->data, f->len, &now, true) != NULL;
	} else if (chance(ch, im->lie)) {
		lie(p, f, k);
	}
}

void sim_link_send(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k, bool retx)
{
	struct world *w = p->w;
	const struct sim_impair *im = &p->out;
	uint64_t at_us = w->now_us;
	bool mark = false;

	if (k == NULL) { /* not TCP */
		arrive(p, f, at_us + im->delay_us);
		return;
	}
	if (chosen(p, k, retx) || (!w->healed && (lose(p) || too_big(p, f, k)))) {
		free(f);
		return;
	}
	at_us = through_the_queue(p, f->len, &mark);
	if (at_us == HR_NEVER) {
		(void)lost(p, "the queue is full", R_QUEUE_FULL);
		free(f);
		return;
	}
	if (mark || (!w->healed && chance(w->ch, im->mark)))
		mark_ce(p, f, k);
	if (im->strip != 0 || im->strip_sacks || im->strip_ts_us != 0)
		strip(p, f, k);
	at_us += im->delay_us;
	if (im->jitter_us != 0)
		at_us += choose(w->ch, im->jitter_us);
	if (!w->healed && chance(w->ch, im->reorder)) {
		reach(w->reached, R_REORDER);
		at_us += choose(w->ch, 3 * im->delay_us + 1000);
	}
	if (!w->healed && chance(w->ch, im->dup)) {
		struct sim_frame *copy = sim_frame_new(f->len);

		reach(w->reached, R_DUP);
		memcpy(copy->data, f->data, f->len);
		arrive(p, copy, at_us + choose(w->ch, 2 * im->delay_us + 1000));
	}
	damage(p, f, k);
	arrive(p, f, at_us);
}
