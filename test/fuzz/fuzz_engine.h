/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the fuzz_engine target share: one engine with one worker on a port of our own,
 * the hosts around it as far as they answer by themselves, and the script. fuzz_engine.c runs the
 * script and the application, fuzz_engine_frame.c makes frames, fuzz_engine_port.c is the port: it
 * hands in what the script made, and judges and remembers what comes out.
 */
#ifndef HR_TEST_FUZZ_ENGINE_H
#define HR_TEST_FUZZ_ENGINE_H

#include "base/base.h"
#include "proto/seg.h"

#define FE_FRAME_MAX 1514
#define FE_QUEUE     64
#define FE_FLOWS     8
#define FE_CONNS     16

struct fe_frame {
	uint16_t len, l3, l4; /* l3, l4: offsets, 0 = none: set by the makers */
	uint8_t b[FE_FRAME_MAX];
};

/* What was seen leaving for one tuple: enough to answer like its peer, or nearly. */
struct fe_flow {
	uint8_t family;
	uint16_t lport, rport;
	uint8_t host;
	uint32_t next, ack; /* sequence number after the last segment, its acknowledgment */
	uint32_t tsval;
	uint16_t wnd;
	bool ts;
	struct fe_frame last; /* from the IP header on, 128 bytes at most: what ICMP quotes */
};

struct fe_conn {
	struct fe *f;
	hr_conn c;
	bool used, opened, eof;
};

struct fe {
	const uint8_t *p, *end; /* the script */
	struct hr_engine *e;
	struct hr_worker *w;
	uint64_t now_us;

	/* the port */
	struct rte_mempool *pool;
	struct rte_mbuf *in[FE_QUEUE];
	unsigned n_in;
	bool tx_shut, answers; /* it takes nothing; neighbours answer ARP and NDP by themselves */
	bool over;             /* the script has ended */

	struct fe_flow flow[FE_FLOWS];
	unsigned n_flows, next_flow;
	uint16_t isn;

	/* the application */
	struct fe_conn conn[FE_CONNS];
	uint8_t policy; /* how much it takes, what it does at the end of data */
	uint64_t opens, closes;
};

uint8_t fe_u8(struct fe *f);
uint16_t fe_u16(struct fe *f);
uint32_t fe_u32(struct fe *f);

/* fuzz_engine_frame.c: addresses of local and of host n (0..3: two neighbours, one that is never
 * there, one behind the gateway). */
struct hr_ip fe_local(uint8_t family);
struct hr_ip fe_host(uint8_t family, unsigned n);
const uint8_t *fe_mac(unsigned n); /* 0 = ours */
/* The next frame of the script. */
void fe_frame_make(struct fe *f, struct fe_frame *m);
/* The answer to an ARP request or neighbour solicitation of ours; false when m is none. */
bool fe_frame_neighbour(const uint8_t *b, unsigned len, struct fe_frame *m);
/* Internet checksum of bytes and a sum to begin with. */
uint16_t fe_sum(const uint8_t *b, unsigned len, uint32_t sum);
/* L4 checksum of a packet with this IP header, as it should be when the field is counted: 0. */
uint16_t fe_l4_sum(const uint8_t *l3, const uint8_t *l4, unsigned l4_len, uint8_t proto);

/* fuzz_engine_port.c */
struct hr_port *fe_port(struct fe *f);
/* Queue a frame for the next rx. */
void fe_hear(struct fe *f, const struct fe_frame *m);

#endif
