/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the fuzz_tcp target share: one connection in its world (struct fz), the bytes
 * that script it, the peer as we play it, and the oracle. fuzz_tcp.c runs the script,
 * fuzz_tcp_peer.c makes the segments, fuzz_tcp_oracle.c judges, fuzz_tcp_pool.c owns the mbufs.
 */
#ifndef HR_TEST_FUZZ_TCP_H
#define HR_TEST_FUZZ_TCP_H

#include "tcp/tcp.h"

enum fz_place { AT_NOTHING, AT_LISTEN, AT_SYN, AT_CONN, AT_TW };

#define FZ_HOLES         8
#define FZ_STARVE_RANGES BIT(0)
#define FZ_STARVE_EXTS   BIT(1)

/* The peer: what it received of our stream, what it sent of its own. */
struct fz_peer {
	uint32_t rcv_nxt;
	struct tcp_sack held[FZ_HOLES]; /* sorted, apart */
	unsigned n_held;
	struct tcp_sack dup; /* the last duplicate: for D-SACK; left == right: none */
	uint32_t sent_to;    /* the highest number of its own that fitted into our window */
	uint32_t ts0, heard_tsval;
	uint16_t mss, wnd;
	uint8_t wscale;
	bool ts, sack, scaling;
	uint8_t loss, loss_at; /* bit loss_at of loss set: the next segment never arrives */
};

struct fz {
	const uint8_t *p, *end; /* the script */
	struct tcp_ctx ctx;
	struct hr_metrics m;
	struct hr_tcp_params params;
	struct tcp_path path;
	struct hr_flow_key key;
	uint64_t now, t0;

	enum fz_place place;
	bool cookies, move_iss;
	struct tcb *t; /* from the heap: ASan sees its end */
	struct tcp_syn syn;
	struct tcp_tw tw;
	uint32_t want_iss, iss, irs;
	uint32_t max_len;
	bool in_turn;
	uint8_t starve; /* FZ_STARVE_*: the first allocation of each call fails */

	struct fz_peer peer;

	/* oracle */
	uint32_t read_seq;            /* the application read everything below */
	uint64_t wrote;               /* bytes queued */
	uint32_t offered;             /* the highest right edge the peer ever offered */
	uint32_t edge, acked;         /* the same of ours, and our highest ACK */
	uint8_t shift;                /* the window scale we announced */
	bool edge_valid, offer_valid; /* edge and acked, offered mean something */
	unsigned opens, eofs, closes;
};

/* fuzz_tcp_pool.c */
extern struct rte_mempool *fz_pool;
void fz_pool_create(unsigned n);
unsigned fz_pool_out(void);

/* The next bytes of the script; zeros behind its end. */
uint8_t fz_u8(struct fz *f);
uint16_t fz_u16(struct fz *f);
uint32_t fz_u32(struct fz *f);

/* fuzz_tcp_drive.c: hand a segment to whatever holds the tuple now. */
void fz_feed(struct fz *f, struct tcp_seg *s);
void fz_answer(struct fz *f, const struct tcp_out *o);
/* After each step: judge, pull output (not within a turn), run what is due. */
void fz_settle(struct fz *f);
void fz_told(struct fz *f, uint32_t ev);
/* Before each call of the core: let allocations fail as f->starve says. */
void fz_starve(struct fz *f);
/* Sequence variables of whatever holds the tuple. */
uint32_t fz_rcv_nxt(const struct fz *f);
uint32_t fz_rcv_adv(const struct fz *f);
uint32_t fz_snd_una(const struct fz *f);
uint32_t fz_snd_nxt(const struct fz *f);

/* fuzz_tcp_trace.c: the steps on stderr when FUZZ_TRACE is in the environment. */
void fz_trace(const struct fz *f, const char *what);
void fz_trace_seg(const struct fz *f, const struct tcp_seg *s);
void fz_trace_out(const struct fz *f, const struct tcp_out *o);
void fz_trace_state(const struct fz *f, uint32_t events);

/* fuzz_tcp_peer.c */
void fz_peer_init(struct fz *f);
void fz_peer_hears(struct fz *f, const struct tcp_out *o);
/* A segment as a well-behaved peer of the model sends it. */
#define FZ_SACK BIT(0)
void fz_peer_says(
	struct fz *f, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len, unsigned with);
uint32_t fz_peer_tsval(const struct fz *f);
void fz_peer_ack(struct fz *f, unsigned with);
/* Anything at all, from the script. */
void fz_peer_raw(struct fz *f);
/* The next step of a handshake, whatever is missing of it. */
void fz_peer_handshake(struct fz *f);

/* fuzz_tcp_oracle.c */
uint8_t fz_their_byte(uint32_t seq);
uint8_t fz_our_byte(uint64_t at);
void fz_judge_out(
	struct fz *f, const struct tcb *before, uint32_t max_len, const struct tcp_out *o);
void fz_judge_answer(struct fz *f, const struct tcp_out *o);
void fz_judge_events(struct fz *f, uint32_t ev);
void fz_judge_state(struct fz *f);
/* Read n bytes and compare them. */
void fz_read(struct fz *f, uint32_t n);

#endif
