/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doors of the sans-I/O core: segments, application calls and the time come in as arguments;
 * event bits come out; the core is asked for output; deadlines are stored. No ethdev, clock, log,
 * random or application function is called here, no floating point is used and no payload byte is
 * read. All state of a worker that the core needs is in struct tcp_ctx.
 *
 * The order of use per connection and turn: hr_tcp_input()* -> callbacks (hr_tcp_consume,
 * hr_tcp_send*, hr_tcp_close ...) -> hr_tcp_output()* until false -> hr_tcp_deadline().
 */
#ifndef HR_TCP_TCP_H
#define HR_TCP_TCP_H

#include "base/slab.h"
#include "metrics/metrics.h"
#include "proto/seg.h"
#include "tcp/tcb.h"

/* Events, from hr_tcp_input(), hr_tcp_expire() and hr_tcp_output(); the drop reason of a refused
 * segment is in bits 24..31. */
#define TCP_EV_OPEN     BIT(0) /* became ESTABLISHED */
#define TCP_EV_DATA     BIT(1) /* rcvq grew */
#define TCP_EV_WRITABLE BIT(2) /* there is room for a refused sender */
#define TCP_EV_EOF      BIT(3) /* the peer's FIN was reached */
#define TCP_EV_URGENT   BIT(4) /* urgent data pending, or the mark moved */
#define TCP_EV_CLOSED                                                                              \
	BIT(5) /* over for the application: t->reason; the tcb is CLOSED (free it after on_close)  \
		  ... */
#define TCP_EV_TIMEWAIT                                                                            \
	BIT(6) /* ... or (with CLOSED) in TIME_WAIT: replace it by a compact entry, then free it   \
		*/
#define TCP_EV_OUTPUT BIT(7) /* ask hr_tcp_output() */
#define TCP_EV_STRAY                                                                               \
	BIT(8) /* answer this segment with hr_tcp_reset_for(), as for a stranger (the segment's    \
		  values stay valid) */
#define TCP_EV_ERROR      BIT(9)  /* a soft error: t->soft_error */
#define TCP_EV_PMTU       BIT(16) /* the path MTU is hr_tcp_pmtu() now: others may want to know */
#define TCP_EV_DROP_SHIFT 24

static inline enum hr_drop hr_tcp_ev_drop(uint32_t ev)
{
	return (enum hr_drop)(ev >> TCP_EV_DROP_SHIFT);
}

#define TCP_MAX_PARAMS 256

/* What was told last of the keyed hash of tuples. */
struct tcp_secret {
	struct hr_flow_key of; /* laddr_id 0: none */
	uint64_t hash;
};
#define TCP_SECRET_BITS 9

/* The core's surroundings: one per worker. */
struct tcp_ctx {
	struct hr_slab *ranges; /* struct tx_range */
	struct hr_slab *exts;   /* struct tcb_ext */
	struct hr_metrics *m;
	int mark_off; /* of struct hr_mark in an mbuf */
	uint16_t n_params;
	struct hr_tcp_params params[TCP_MAX_PARAMS];
	uint64_t isn_key[2]; /* RFC 6528; also derives timestamp offsets */
	uint64_t cookie_key[2];
	uint32_t cookies_since_ms; /* when a cookie was last sent: cookies are only accepted for a
				      while after */
	bool cookies_sent;
	bool plain;      /* tests: no short ways for what is usual */
	bool memory_low; /* packet memory is short: receive buffers do not grow */
	struct tcp_secret secret[1 << TCP_SECRET_BITS]; /* isn.c */
};

/* --- life of a tcb
 * ---------------------------------------------------------------------------------------------- */

/* What the engine knows of the path when a connection begins. */
struct tcp_path {
	uint16_t mtu;       /* IP bytes to this next hop */
	uint16_t params;    /* index into ctx->params */
	bool reopened;      /* the tuple was in TIME-WAIT: the new ISS must be above iss_floor (RFC
			       9293 3.10.7.4, RFC 6191) */
	uint32_t iss_floor; /* the old connection's tw->snd_nxt */
};

/* Active open: t->key is set, the rest is undefined memory. Becomes SYN_SENT; output has the SYN.
 */
void hr_tcp_connect(struct tcp_ctx *c, struct tcb *t, const struct tcp_path *path, uint64_t now_us);

/* --- passive open: compact half-open entries (RFC 4987)
 * ------------------------------------------------------------ */

/* A SYN-RECEIVED connection of a listener, 48 bytes. */
struct tcp_syn {
	struct hr_flow_key key; /* the last word, which IPv4 has no use for: see syn.h */
	uint32_t irs, iss;
	uint32_t tsval;          /* peer's timestamp: TS.Recent */
	uint32_t due : 20;       /* of the next retransmission, in units of 512 us; 0 = none */
	uint32_t wscale : 4;     /* peer's shift, 15 = no scaling */
	uint32_t retries : 4;    /* hr_tcp_params.syn_retries is 15 at most */
	uint32_t challenged : 1; /* a challenge ACK has left since the last SYN-ACK */
	uint32_t sack : 1;
	uint32_t ts : 1;
	uint32_t ecn : 1;
	uint64_t next : 26, prev : 26; /* the engine's FIFO of this attempt: slab indices */
	uint64_t mss : 12;             /* the peer's, see hr_syn_mss() */
};
_Static_assert(sizeof(struct tcp_syn) == 48, "compact");

#define HR_SYN_INDEX_MAX ((1u << 26) - 1)
#define HR_SYN_DUE_US    512u

/* The time of due: within 268 s of now. */
static inline uint64_t hr_syn_due_us(const struct tcp_syn *e, uint64_t now_us)
{
	uint64_t now = now_us / HR_SYN_DUE_US;
	int32_t ahead = (int32_t)((e->due - (uint32_t)now) << 12) >> 12;

	return (now + (uint64_t)(int64_t)ahead) * HR_SYN_DUE_US;
}

/* Rounded up: never early. Returns the time that the entry now says. */
static inline uint64_t hr_syn_set_due(struct tcp_syn *e, uint64_t at_us)
{
	uint64_t due = (at_us + HR_SYN_DUE_US - 1) / HR_SYN_DUE_US;

	e->due = due & 0xfffff;
	return due * HR_SYN_DUE_US;
}

/* RTO of attempt n: how long after the n-th SYN-ACK (n = 0, 1, ...) the next is due. */
uint32_t hr_syn_timeout_us(const struct hr_tcp_params *p, unsigned n);

/* A SYN for a listener. Fills e (key set by the caller too) and the SYN-ACK. DROP_NONE, or why it
 * is refused without an answer. */
enum hr_drop hr_syn_open(struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o);
/* The SYN-ACK again (timer, or a repeated SYN). */
void hr_syn_ack(struct tcp_ctx *c, const struct tcp_syn *e, const struct tcp_path *path,
	uint64_t now_us, struct tcp_out *o);
/* The same without state: the ISS is a cookie (RFC 4987 3.6), options ride in the timestamp. */
enum hr_drop hr_syn_cookie(struct tcp_ctx *c, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o);
/* An ACK to a listener with no entry: verify the cookie and rebuild the entry in e. */
bool hr_cookie_check(struct tcp_ctx *c, struct tcp_syn *e, const struct hr_flow_key *k,
	const struct tcp_path *path, const struct tcp_seg *s, uint64_t now_us);

/* Cookies are out that may still come back: segments that fit nothing may follow one that was lost.
 */
bool hr_cookies_out(const struct tcp_ctx *c, uint64_t now_us);

enum tcp_syn_verdict {
	SYN_DROP,   /* *drop says why */
	SYN_ANSWER, /* send *o: SYN-ACK again, a challenge ACK, or a RST; the entry stays; *drop
		       says why (may be DROP_NONE) */
	SYN_RESET,  /* a valid RST or an error: remove the entry; nothing is sent; *drop may be
		       DROP_NONE = accepted */
	SYN_ACCEPT  /* the handshake is complete: hr_tcp_accept(), then hr_tcp_input() of the same
		       segment */
};
/* A segment for an entry (RFC 9293 3.10.7.4 in SYN-RECEIVED). */
enum tcp_syn_verdict hr_syn_input(struct tcp_ctx *c, struct tcp_syn *e, const struct tcp_path *path,
	const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o, enum hr_drop *drop);
/* Make a full connection (SYN_RECEIVED, its SYN already sent) of an entry. t->key is set here too.
 */
void hr_tcp_accept(struct tcp_ctx *c, struct tcb *t, const struct tcp_syn *e,
	const struct tcp_path *path, uint64_t now_us);

/* --- TIME-WAIT: 32 bytes for IPv4, 48 for IPv6
 * --------------------------------------------------------------------- */

/* The key comes last in meaning but first in memory: 12 bytes of it for IPv4 (struct tcp_tw4), 24
 * for IPv6. */
struct tcp_tw {
	uint32_t rcv_nxt, snd_nxt;
	uint32_t ts_recent;
	uint32_t due_ms; /* expiry on the ms clock */
	uint32_t link;   /* the engine's FIFO; bit 31: timestamps were on, see TW_* */
};
#define TW_LINK_MASK  0x03ffffffu
#define TW_ANSWER_ONE BIT(26) /* a count in three bits: challenge ACKs so far */
#define TW_ANSWERS    (7u * TW_ANSWER_ONE)
#define TW_TS         BIT(31)
#define TW_SYN        BIT(29) /* a SYN was refused: a RST may follow from who wants to connect */
#define TW_DEAD       BIT(30) /* replaced: only waits for its turn in the FIFO to be freed */

struct tcp_tw4 {
	uint32_t laddr_id;
	uint16_t lport, rport;
	uint32_t raddr4;
	struct tcp_tw tw;
};
struct tcp_tw6 {
	struct hr_flow_key key;
	struct tcp_tw tw;
	uint32_t spare;
};
_Static_assert(sizeof(struct tcp_tw4) == 32, "compact");
_Static_assert(sizeof(struct tcp_tw6) == 48, "compact");

/* Fill tw (without link bits 0..25) from a tcb in TIME_WAIT. */
void hr_tw_enter(struct tcp_ctx *c, struct tcp_tw *tw, const struct tcb *t, uint64_t now_us);
enum tcp_tw_verdict {
	TW_DROP,   /* *drop says why */
	TW_ANSWER, /* send *o (an ACK); tw->due_ms was restarted when the segment was a FIN */
	TW_END,    /* the peer reset what is left: forget the entry */
	TW_REOPEN  /* a new incarnation (RFC 9293 3.10.7.4, RFC 6191): forget the entry, treat the
		    * SYN as for a listener, with  path.reopened = true and path.iss_floor =
		    * tw->snd_nxt */
};
enum tcp_tw_verdict hr_tw_input(struct tcp_ctx *c, struct tcp_tw *tw, const struct hr_flow_key *k,
	uint16_t params, const struct tcp_seg *s, uint64_t now_us, struct tcp_out *o,
	enum hr_drop *drop);
/* May an active open replace this entry now (params tw_reuse: timestamps, and older than 1 s)? */
bool hr_tw_reusable(
	const struct tcp_ctx *c, const struct tcp_tw *tw, uint16_t params, uint64_t now_us);

/* --- strangers
 * -----------------------------------------------------------------------------------------------------
 */

/* The RST that answers a segment for nobody (RFC 9293 3.10.7.1); false when the segment is itself a
 * RST. */
bool hr_tcp_reset_for(const struct tcp_seg *s, struct tcp_out *o);

/* --- the packet walk
 * ------------------------------------------------------------------------------------------------
 */

/*
 * One segment for a connection (RFC 9293 3.10.7.3 and .4, in its order). Ownership of s->m passes
 * to the core, which keeps or frees it. Returns events. After TF_ACK_NOW (TCP_EV_OUTPUT) output
 * must be pulled before the connection's next segment.
 */
uint32_t hr_tcp_input(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us);

/* Something the deadline promised: run what is due at now_us. Nothing due: returns 0. */
uint32_t hr_tcp_expire(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);

/*
 * The next thing to send, of up to max_len payload bytes (a multiple of the MSS is sensible). What
 * is returned counts as sent. Returns false when there is nothing. *events gets TCP_EV_CLOSED when
 * this output ends the connection (RST).
 */
bool hr_tcp_output(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us,
	struct tcp_out *o, uint32_t *events);
/* The same without a short way for what is usual. */
bool hr_tcp_output_any(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us,
	struct tcp_out *o, uint32_t *events);

/* The next hr_tcp_output() would say no and change nothing: spares the question behind the usual
 * single segment. False: ask. */
static inline bool hr_tcp_output_done(const struct tcb *t)
{
	const uint32_t asks = TF_ACK_NOW | TF_ACK_SOON | TF_SEND_RST | TF_TLP | TF_PROBE |
			      TF_KEEPALIVE | TF_RETX_HEAD | TF_PACED;
	bool fin_sent = (t->flags & TF_FIN_SENT) != 0;

	return (t->flags & asks) == 0 && t->ext == 0 && t->ca_state == CA_OPEN &&
	       t->snd_nxt == t->snd_end + fin_sent && fin_sent == ((t->flags & TF_FIN_QUEUED) != 0);
}

/* When hr_tcp_expire() wants to be called, or HR_NEVER. Cheap; ask after output. */
uint64_t hr_tcp_deadline(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us);

/* An ICMP error that quotes our segment with sequence number seq (RFC 5927: must be in flight).
 * Returns events. */
uint32_t hr_tcp_icmp(struct tcp_ctx *c, struct tcb *t, uint8_t family, uint8_t type, uint8_t code,
	uint32_t seq, uint32_t mtu, uint64_t now_us);

/* IP bytes of a full segment. */
uint16_t hr_tcp_pmtu(const struct tcb *t);
/* What other connections learned of the path; when ESTABLISHED, before output. df_clear: it carries
 * less than mtu, in pieces. */
void hr_tcp_pmtu_known(struct tcp_ctx *c, struct tcb *t, uint16_t mtu, bool df_clear);

/* --- application side
 * ------------------------------------------------------------------------------------------------
 */

/* A call that queues bytes begins: what was queued before ends a burst (HR_PSH_BURST). */
void hr_tcp_send_begin(struct tcp_ctx *c, struct tcb *t);
/* Room in the send buffer, bytes; negative errno: -ENOTCONN before ESTABLISHED, -EPIPE after close.
 */
int64_t hr_tcp_send_room(const struct tcp_ctx *c, const struct tcb *t);
/* Queue len payload bytes of m from buf_addr + off; ownership of m passes. Room was checked. */
void hr_tcp_send_mbuf(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len);
/* The same while nothing is queued. */
static inline void hr_tcp_send_first(
	struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint16_t off, uint16_t len)
{
	struct hr_mark *k = hr_mark(m, c->mark_off);

	k->next = m;
	k->seq = t->snd_end;
	k->off = off;
	k->len = len;
	t->sendq = m;
	t->snd_end += len;
}
/* The tail mbuf of the send queue when bytes may still be appended to it (nothing of it was sent,
 * and it ends at snd_end), else NULL. */
struct rte_mbuf *hr_tcp_send_tail(const struct tcp_ctx *c, const struct tcb *t);
/* len bytes were appended to that tail. */
void hr_tcp_send_grow(struct tcp_ctx *c, struct tcb *t, uint16_t len);
/* Queue len bytes that have no mbuf. */
void hr_tcp_send_pull(struct tcp_ctx *c, struct tcb *t, uint32_t len);
/* The last queued byte is urgent. */
bool hr_tcp_urgent(struct tcp_ctx *c, struct tcb *t);

/* Where the bytes from seq on are: *m NULL for pull bytes; returns how many bytes in a row from
 * there. */
uint32_t hr_tcp_send_find(
	const struct tcp_ctx *c, struct tcb *t, uint32_t seq, struct rte_mbuf **m, uint8_t **data);
/* Offset of seq in the sent stream. */
uint64_t hr_tcp_send_offset(const struct tcb *t, uint32_t seq);

/* Iterate unread data: first with *m = NULL. False at the end. */
bool hr_tcp_unread(const struct tcp_ctx *c, const struct tcb *t, struct rte_mbuf **m,
	const uint8_t **data, uint32_t *len);
/* The application consumed n bytes from the front: frees mbufs, opens the window (an update may
 * become due). */
void hr_tcp_consume(struct tcp_ctx *c, struct tcb *t, uint32_t n, uint64_t now_us);
/* True when FIN was reached and all data consumed: time for on_eof. */
bool hr_tcp_at_eof(const struct tcb *t);

/* FIN after the queued data. deaf: no more reading, unread data means RST now. Returns events. */
uint32_t hr_tcp_close(struct tcp_ctx *c, struct tcb *t, bool deaf, uint64_t now_us);
/* RST. Returns events (CLOSED comes from hr_tcp_output). */
uint32_t hr_tcp_abort(struct tcp_ctx *c, struct tcb *t, enum hr_reason reason);
/* Free all memory of the tcb (queues, ranges, ext). The tcb itself is the caller's. */
void hr_tcp_release(struct tcp_ctx *c, struct tcb *t);
/* There is any. */
static inline bool hr_tcp_holds(const struct tcb *t)
{
	return t->sendq != NULL || t->rcvq != NULL || t->range_head != 0 || t->ext != 0;
}

/* Index of an equal parameter set, added when new; negative -ENOSPC. Index 0 is the engine default.
 */
int hr_tcp_params_add(struct tcp_ctx *c, const struct hr_tcp_params *p);
/* Give the connection those of p that may change while it lives. 0 or -ENOSPC. */
int hr_tcp_params_change(struct tcp_ctx *c, struct tcb *t, const struct hr_tcp_params *p);
/* TS offset of a key; the timestamp clock is now_us / 1000 + offset. */
uint32_t hr_tcp_ts_offset(struct tcp_ctx *c, const struct hr_flow_key *k);
/* Fill the numbers of hr_conn_info that the core knows. */
void hr_tcp_info(const struct tcp_ctx *c, const struct tcb *t, struct hr_conn_info *info);

#endif
