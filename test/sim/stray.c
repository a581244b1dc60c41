/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What strangers send: frames that no honest connection would, malformed in one way each or meant
 * for somebody else. A host drops them for the reason that it counts, or answers; the books on
 * connections do not change by them. Segments for connections that exist are faults.c's.
 */
#include "sim.h"

#define STRAY_PORT 9999
#define STRAY_ICMP 40 /* echo requests at once: more than the limit of replies */

static void ethertype(struct sim_forgery *f, uint16_t type)
{
	f->b[12] = (uint8_t)(type >> 8);
	f->b[13] = (uint8_t)type;
}

/* A segment to the listener, with these flags. */
static uint8_t *segment(
	struct world *w, struct sim_forgery *f, enum sim_side to, uint8_t flags, uint32_t data)
{
	uint8_t *p = sim_forgery_begin(w, f, to, 6, 20 + data);

	p[0] = STRAY_PORT >> 8;
	p[1] = STRAY_PORT & 0xff;
	p[3] = SIM_PORT;
	for (unsigned i = 4; i < 12; i++)
		p[i] = (uint8_t)choose(w->ch, 256);
	if (!(flags & TCPF_ACK))
		memset(p + 8, 0, 4);
	p[12] = 0x50;
	p[13] = flags;
	p[14] = 0x10;
	sim_fix_checksums(f->b, f->len);
	return p;
}

static void ethernet(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	(void)segment(w, f, to, TCPF_SYN, 0);
	if (kind == 0)
		f->len = choose(w->ch, 14);
	else if (kind == 1)
		f->b[5] = 0x77;
	else if (kind == 2)
		ethertype(f, 0x88cc);
	else /* RFC 9293 MUST-57: to everybody on the link */
		memset(f->b, 0xff, 6);
}

/* RFC 826, from a third station: about somebody else, or with a hardware type that is none. */
static void arp(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	static const uint8_t request[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 7, 198, 18, 0, 7,
		0, 0, 0, 0, 0, 0, 198, 18, 0, 9};

	(void)segment(w, f, to, TCPF_SYN, 0);
	memset(f->b, 0xff, 6);
	f->b[11] = 7;
	ethertype(f, 0x0806);
	memcpy(f->b + 14, request, sizeof(request));
	f->b[15] = kind == 0 ? 9 : 1;
	f->len = 60;
}

static void ip_header(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	uint8_t *ip = f->b + 14;

	(void)segment(w, f, to, TCPF_SYN, 0);
	switch (kind) {
	case 0: /* from a group */
		ip[w->v6 ? 8 : 12] = w->v6 ? 0xff : 224;
		break;
	case 1: /* from the receiver itself */
		memcpy(ip + (w->v6 ? 8 : 12), w->addr[to].b, w->v6 ? 16 : 4);
		break;
	case 2: /* to somebody else */
		ip[w->v6 ? 39 : 19] = 99;
		break;
	case 3:
		ip[0] = 0x75;
		return;
	default: /* a protocol that nobody takes */
		ip[w->v6 ? 6 : 9] = 99;
		if (!w->v6) /* the sum of the header knows */
			ip[10] = ip[11] = 0;
		break;
	}
	sim_fix_checksums(f->b, f->len);
}

/* RFC 791 loose source route; RFC 8200 4.2 an option that wants to be discarded, a routing header
 * that is not used up. */
static void ip_options(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	uint8_t *p = sim_forgery_begin(w, f, to, w->v6 ? (kind == 0 ? 0 : 43) : 6, 28);
	uint32_t sum = 0;

	if (w->v6) {
		memcpy(p, kind == 0 ? "\x06\0\xc7\4\0\0\0\0" : "\x06\0\0\1\0\0\0\0", 8);
		return;
	}
	f->b[14] = 0x47;
	memcpy(p, "\x83\7\4\xc6\x12\0\7\0", 8);
	f->b[24] = f->b[25] = 0;
	for (unsigned i = 0; i < 28; i += 2)
		sum += (uint32_t)f->b[14 + i] << 8 | f->b[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	f->b[24] = (uint8_t)(~sum >> 8);
	f->b[25] = (uint8_t)~sum;
}

static void icmp(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	uint8_t *p = sim_forgery_begin(w, f, to, w->v6 ? 58 : 1, 32);

	p[0] = w->v6 ? 128 : 8;
	if (kind == 1) { /* a neighbour solicitation that crossed a router (RFC 4861 7.1.1) */
		p[0] = w->v6 ? 135 : 13;
		memcpy(p + 8, w->addr[to].b, 16);
	}
	sim_fix_checksums(f->b, f->len);
	if (kind == 0)
		p[2] ^= 0x10;
	for (unsigned i = 0; kind == 2 && i < STRAY_ICMP; i++)
		sim_link_inject(&w->port[to], f->b, f->len, w->now_us);
}

static void udp(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	uint8_t *p = sim_forgery_begin(w, f, to, 17, 20);

	(void)kind;
	p[0] = STRAY_PORT >> 8;
	p[3] = 53;
	p[5] = 20;
	sim_fix_checksums(f->b, f->len);
	/* What that wrote behind a UDP header's ports is none of its business: no checksum here. */
	p[2] = 0;
	p[3] = 53;
	p[6] = p[7] = 0;
}

static void tcp_header(struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind)
{
	static const uint8_t flags[] = {TCPF_SYN | TCPF_FIN, TCPF_SYN | TCPF_ACK, TCPF_RST, 0,
		TCPF_FIN | TCPF_ACK, TCPF_ACK};
	uint8_t *p;

	if (kind < RTE_DIM(flags)) {
		(void)segment(w, f, to, flags[kind], kind == 5 ? 20 : 0);
		return;
	}
	p = segment(w, f, to, TCPF_ACK, 0);
	if (kind == 6)
		p[12] = choose(w->ch, 2) ? 0xf0 : 0x40; /* past the segment, or short */
	else
		p[0] = p[1] = 0;
	sim_fix_checksums(f->b, f->len);
}

/* One of them, and the next one soon: arg of them. */
void sim_stray(struct world *w, uint32_t arg)
{
	static const struct {
		void (*make)(
			struct world *w, struct sim_forgery *f, enum sim_side to, uint32_t kind);
		uint32_t kinds;
	} what[] = {{tcp_header, 8}, {ip_header, 5}, {icmp, 3}, {ip_options, 2}, {ethernet, 4},
		{arp, 2}, {udp, 1}};
	enum sim_side to = (enum sim_side)choose(w->ch, 2);
	uint32_t which = choose(w->ch, RTE_DIM(what)), kind = choose(w->ch, what[which].kinds);
	struct sim_forgery f;

	if (arg > 0)
		sim_event_add(w, (struct sim_event){.at_us = w->now_us + choose(w->ch, 100000),
					 .world = sim_stray,
					 .arg = arg - 1});
	reach(w->reached, R_STRAY);
	what[which].make(w, &f, to, kind);
	sim_link_inject(&w->port[to], f.b, f.len, w->now_us);
}
