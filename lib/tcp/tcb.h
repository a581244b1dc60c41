/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transmission control block: everything the core knows of one connection. 208 bytes, so that
 * the engine's connection (engine/conn.h) fits in four cache lines. Names are those of RFC
 * 9293 3.3.1. What only a connection in trouble needs (recovery, out-of-order data, urgent data)
 * lives in struct tcb_ext, taken from a pool while it is needed.
 */
#ifndef HR_TCP_TCB_H
#define HR_TCP_TCB_H

#include "base/mark.h"
#include "base/seq.h"
#include "flow/key.h"

/* X(name): RFC 9293 3.3.2. LISTEN has no tcb; a passive SYN-RECEIVED is a struct tcp_syn; TIME-WAIT
 * becomes struct tcp_tw. */
#define TCP_STATES(X)                                                                              \
	X(CLOSED)                                                                                  \
	X(SYN_SENT)                                                                                \
	X(SYN_RECEIVED)                                                                            \
	X(ESTABLISHED)                                                                             \
	X(FIN_WAIT_1)                                                                              \
	X(FIN_WAIT_2)                                                                              \
	X(CLOSE_WAIT)                                                                              \
	X(CLOSING)                                                                                 \
	X(LAST_ACK)                                                                                \
	X(TIME_WAIT)

enum tcp_state {
#define X(name) TCPS_##name,
	TCP_STATES(X)
#undef X
		TCPS_COUNT
};

/* tcb.flags */
#define TF_TS      BIT(0) /* timestamps negotiated */
#define TF_SACK    BIT(1) /* SACK negotiated */
#define TF_WSCALE  BIT(2) /* window scaling negotiated */
#define TF_NODELAY BIT(3) /* Nagle off */
#define TF_ACK_NOW                                                                                 \
	BIT(4) /* an ACK must go out at the next chance, before the next segment is processed */
#define TF_ACK_DELAY  BIT(5)  /* an ACK is owed; delack_at is its latest time */
#define TF_FIN_QUEUED BIT(6)  /* the application closed: FIN follows the queued data */
#define TF_FIN_SENT   BIT(7)  /* our FIN has a sequence number: snd_end */
#define TF_FIN_RCVD   BIT(8)  /* the peer's FIN was reached in order */
#define TF_SEND_RST   BIT(9)  /* abort: RST at the next output, then CLOSED */
#define TF_DEAF       BIT(10) /* hr_close(): data that arrives from now on earns a RST */
#define TF_WANT_ROOM  BIT(11) /* the application was refused: report room */
#define TF_PASSIVE    BIT(12) /* SYN-RECEIVED was reached from LISTEN (RFC 9293 MUST-11) */
#define TF_TIMED_SYN  BIT(13) /* the SYN was retransmitted (RFC 6298 5.7, RFC 5681 3.1) */
#define TF_PROBE      BIT(14) /* a zero-window probe is due */
#define TF_KEEPALIVE  BIT(15) /* a keep-alive probe is due */
#define TF_URG_SND    BIT(16) /* urgent data is queued: ext->snd_up */
#define TF_ECN        BIT(17) /* ECN negotiated (RFC 3168 6.1.1) */
#define TF_EMBEDDED   BIT(18) /* tcb.range is in use */
#define TF_RTT_VALID  BIT(19) /* srtt holds a sample */
#define TF_DSACK      BIT(20) /* the next ACK carries ext->dsack */
#define TF_TLP        BIT(21) /* a tail loss probe is due or outstanding */
#define TF_ECE        BIT(22) /* ACKs carry ECE until the peer says CWR; DCTCP: while CE arrives */
#define TF_ACK_SOON   BIT(23) /* an ACK must go out in this turn: in-order data earns one a turn */
#define TF_SYN_DONE   BIT(25) /* our SYN was acknowledged: snd_una is past iss for good */
#define TF_RETX_HEAD                                                                               \
	BIT(24) /* the oldest range may be retransmitted whatever cwnd says (timeout, fast         \
		   retransmit) */

#define TF_CWR     BIT(26) /* the next new data carries CWR (RFC 3168 6.1.2) */
#define TF_CE      BIT(27) /* the last data had CE: DCTCP.CE (RFC 8257 3.2) */
#define TF_REORDER BIT(28) /* the path reorders: RACK.reordering_seen (RFC 8985 6.2.3) */
#define TF_PACED   BIT(29) /* output waits for ext->pace_at_us (pacing.c) */
#define TF_CWND_FULL                                                                               \
	BIT(30) /* the last burst ended for want of cwnd, or used most of it: cwnd may grow */
#define TF_PINGPONG                                                                                \
	BIT(31) /* the application answers what it receives: its answer can carry the ACK */

enum tcp_timer { TT_NONE, TT_RTO, TT_TLP, TT_REO, TT_PERSIST };

enum tcp_ca_state { CA_OPEN, CA_RECOVERY, CA_LOSS };

/* tx_range.flags */
#define TR_SACKED BIT(0)
#define TR_LOST   BIT(1) /* to be retransmitted: counts as left the network */
#define TR_RETX   BIT(2) /* was retransmitted (Karn: no RTT sample) */
#define TR_SYN    BIT(3)
#define TR_FIN    BIT(4)
#define TR_PSH    BIT(5) /* a write ends with it: PSH whenever it leaves (HR_PSH_BURST) */
#define TR_BURST  BIT(6) /* left as a burst of several: does not join with the next */
#define TR_PROBE                                                                                   \
	BIT(7) /* larger than snd_mss: its loss tells of the path MTU, not of congestion           \
		*/

/*
 * One transmission: bytes [seq, end) that left together at xmit_us (the low 32 bits of the clock).
 * The list of ranges from snd_una to snd_nxt is the retransmission queue and the SACK scoreboard
 * (RFC 8985 5.1). Indices are into ctx->ranges; TR_EMBEDDED names the one inside the tcb.
 *
 *   range_head -> [una .. ) -> [ .. ) -> [ .. nxt) = range_tail
 *
 * Neighbours that were SACKed merge, so that the list is as long as there are holes, not packets.
 */
#define TR_EMBEDDED UINT32_MAX

struct tx_range {
	uint32_t seq, end;
	uint32_t xmit_us;
	uint8_t flags;
	uint8_t sent;  /* transmissions, saturating */
	uint16_t segs; /* segments in it, while TR_SACKED: what DupThresh counts */
	uint32_t next;
	uint32_t first_us; /* first transmission: how long this data has waited (R2) */
};
_Static_assert(sizeof(struct tx_range) == 24, "small");

struct tcb {
	/* line 0: lookup and receive */
	struct hr_flow_key key;
	uint8_t state;         /* enum tcp_state: changed by tcb_enter() only */
	uint8_t snd_scale : 4; /* peer's window shift, RFC 7323 Snd.Wind.Shift */
	uint8_t rcv_scale : 4;
	uint16_t params; /* index into ctx->params */
	uint32_t flags;  /* TF_* */
	uint32_t rcv_nxt;
	uint32_t rcv_adv; /* right edge of the window last advertised: RCV.NXT + RCV.WND then */
	uint32_t last_ack_sent;
	uint32_t rcv_buf;  /* receive window limit, bytes */
	uint32_t rcv_held; /* bytes in order, not consumed by the application */
	uint32_t ts_recent;
	uint32_t ts_recent_ms; /* when ts_recent was taken */
	uint32_t ts_off;       /* our timestamp = ms clock + ts_off */

	/* line 1: send */
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_end; /* after the last byte queued by the application; our FIN takes this
			     number */
	uint32_t snd_wnd; /* scaled */
	uint32_t snd_wl1; /* segment sequence number used for the last window update */
	uint32_t iss;
	uint32_t snd_max_wnd; /* largest window the peer ever offered */
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t srtt_us8;   /* smoothed RTT x 8 */
	uint32_t rttvar_us4; /* x 4 */
	uint32_t rto_us;     /* without back-off */
	uint64_t rexmit_at;  /* deadline of `timer`, HR_NEVER when TT_NONE */
	uint16_t snd_mss;    /* payload per segment, options deducted */
	uint16_t peer_mss;   /* as the peer announced it, or the default */
	uint8_t backoff;     /* consecutive timeouts */
	uint8_t dup_acks;
	uint8_t challenged;      /* challenge ACKs of this second: challenge.c */
	uint8_t timer : 3;       /* enum tcp_timer */
	uint8_t uto_due : 1;     /* the next segment tells the user timeout (RFC 5482) */
	uint8_t ca_state : 2;    /* enum tcp_ca_state */
	uint8_t min_rtt_age : 2; /* when min_rtt_us was seen (rtt.c) */

	/* line 2: queues */
	struct rte_mbuf *rcvq;  /* circular, by its tail (base/mark.h): in order, not consumed */
	struct rte_mbuf *sendq; /* the same: bytes from snd_una on that were copied in */
	struct rte_mbuf *send_hint;      /* where the last search in sendq ended, NULL = nowhere */
	uint32_t ext;                    /* index into ctx->exts, 0 = none */
	uint32_t range_head, range_tail; /* 0 = none */
	uint32_t delack_at;              /* low 32 bits, when TF_ACK_DELAY */
	uint32_t last_rcv_ms;            /* when the peer was last heard: keep-alive, linger */
	uint32_t min_rtt_us;             /* UINT32_MAX = unknown */
	uint16_t rcv_mss;       /* the peer's segment size, as observed: what ack_every counts */
	uint8_t quickack;       /* segments still to be acknowledged at once */
	uint8_t rcv_full : 4;   /* full segments received, up to 15: then this is bulk */
	uint8_t rcv_odd : 4;    /* low bits of the last length short of rcv_mss */
	uint16_t snd_wraps;     /* times snd_una went round past iss + 1 */
	uint8_t keep_probes;    /* unanswered keep-alive probes */
	uint8_t reason : 4;     /* enum hr_reason, valid when CLOSED */
	uint8_t soft_error : 3; /* enum hr_soft_error, the last one */
	uint8_t df_clear : 1;   /* IPv4: routers may cut what we send (pmtu.c) */
	union {
		struct tx_range range; /* the embedded one */
		uint32_t sent_ms;      /* while nothing is in flight: when something left last */
	};
};
_Static_assert(sizeof(struct tcb) == 208, "leaves 48 bytes of 256 to the engine");

#define TCB_MAX_SACKS  6
#define TCB_MAX_PUSH   4
#define TCB_SACK_HINTS 4

/* HyStart++ (RFC 9406): what the initial slow start learns of the delay. */
struct tcp_hystart {
	uint32_t window_end; /* the round lasts until this is acknowledged */
	uint32_t last_min_us, min_us;
	uint32_t css_us; /* cssBaselineMinRtt */
	uint8_t samples; /* of this round, saturating */
	uint8_t css_rounds;
	bool on;  /* a round is being measured */
	bool css; /* conservative slow start */
};

/* Proportional rate reduction (RFC 9937 6), in CA_RECOVERY. */
struct tcp_prr {
	uint32_t delivered, out; /* prr_delivered, prr_out */
	uint32_t flight;         /* RecoverFS */
};

/* DCTCP (RFC 8257 3.3). */
struct tcp_dctcp {
	uint32_t alpha; /* of 2^20 */
	uint32_t acked, marked;
	uint32_t window_end;
	bool on; /* alpha is known */
};

/* CUBIC (RFC 9438 4.1.2), bytes and microseconds: what an undo brings back. */
struct tcp_cubic_epoch {
	uint32_t w_max;
	uint32_t cwnd_prior;
	uint32_t w_est;
	int32_t t_k_us : 31;  /* t - K: time of the epoch, from the plateau; unused time left out */
	uint32_t running : 1; /* an epoch is */
};

struct tcp_cubic {
	struct tcp_cubic_epoch e;
	struct tcp_cubic_epoch prior; /* before the last event */
	uint32_t last_us;             /* when t was counted, low 32 bits of the clock */
	uint32_t est_acked;
};

#define OOO_HINTS 6

/* What only some connections need. Taken by ext_get(), given back when all of it is idle. */
struct tcb_ext {
	/* receive side */
	struct rte_mbuf *ooo; /* circular by its tail, sorted by seq, no overlaps */
	/* Some of them, where a search may begin: what came last, then newer parts of the tail;
	 * NULL = none. */
	struct rte_mbuf *ooo_hint[OOO_HINTS];
	uint32_t ooo_bytes; /* payload */
	uint32_t ooo_true;  /* memory */
	uint32_t ooo_fin;   /* sequence number of an out-of-order FIN */
	bool has_ooo_fin;
	uint8_t ooo_tick; /* counts what extended the tail */
	uint8_t n_sacks;
	bool urg_pending; /* rcv_up is ahead of what was consumed */
	bool ce_ack;      /* an ACK for ce_ack_nxt is due, with the mark before the last change */
	uint32_t rcv_up;  /* urgent pointer: the octet after the urgent data */
	/* receive window auto-tuning (autotune.c) */
	bool drs_live;
	uint8_t drs_flat;    /* rounds in a row that brought no more than the best before */
	uint8_t n_push;      /* of push[] */
	uint32_t drs_seq;    /* first byte that was unread when the round began */
	uint32_t drs_at_us;  /* when that was */
	uint32_t drs_bytes;  /* the most that was read in a round */
	uint32_t rcv_rtt_us; /* round trip as the receiver sees it, 0 = unknown */
	uint32_t rcv_rtt_seq, rcv_rtt_at_us; /* without timestamps: arrives a round trip later */
	struct tcp_sack_block {
		uint32_t left, right;
	} sacks[TCB_MAX_SACKS];      /* most recent first (RFC 2018 4) */
	struct tcp_sack_block dsack; /* RFC 2883 */
	/* send side: the scoreboard's sums, and where to look first (indices of ranges, 0 = from
	 * the head) */
	uint32_t snd_up;
	/* path MTU (pmtu.c) */
	bool pl_live;  /* the rest is in use: snd_mss is below what it was */
	bool pl_asked; /* lowered on suspicion: does it help? */
	bool pl_lost;  /* the probe was */
	uint8_t pl_tries;
	uint16_t pl_max;             /* the largest segment of this connection */
	uint16_t pl_fail;            /* too large; above pl_max = not known */
	uint16_t pl_probe;           /* payload of the probe that is out, 0 = none */
	uint16_t uto_s;              /* the peer's user timeout, adopted; 0 = none */
	uint32_t pl_end;             /* of the probe; while pl_asked: SND.UNA then */
	uint32_t pl_next_ms;         /* no probe before */
	uint32_t push[TCB_MAX_PUSH]; /* ends of hr_send() calls with unsent data behind
					(HR_PSH_BURST) */
	uint32_t recover; /* snd_nxt when recovery began (RFC 6582, 8985); after it, of a DSACK that
			     may still undo it */
	uint32_t sacked_bytes, lost_bytes; /* pipe = flight - sacked - lost. Without SACK the first
					      is an estimate from duplicate ACKs (RFC 9937 6) */
	uint32_t retx_high;                /* no range at or above it was retransmitted */
	uint32_t retx_us;                  /* when the last one left */
	uint32_t lost_hint;                /* no range before it is TR_LOST */
	uint32_t reo_hint;                 /* all before it are SACKed, lost or retransmitted */
	uint32_t retx_at; /* where a long search of what was retransmitted goes on */
	uint32_t sack_hint[TCB_SACK_HINTS]; /* where the last blocks were, the latest first */
	/* RACK-TLP (RFC 8985 6.1) */
	uint32_t rack_xmit_us, rack_end, rack_rtt_us;
	uint32_t fack;        /* highest sequence number delivered */
	uint32_t dsack_round; /* until this is acknowledged the window does not grow again */
	/* undo (RFC 4015, 3522, 3708) and F-RTO (RFC 5682) */
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t undo_retx; /* bytes retransmitted and not yet reported as duplicates */
	uint32_t undo_low;  /* the lowest of them */
	union {
		uint32_t tlp_end;     /* TLP.end_seq, in CA_OPEN while tlp_out */
		uint32_t eifel_tsval; /* RetransmitTS, outside CA_OPEN: of the first retransmission
				       */
	};
	uint16_t sacked_segs; /* modulo 2^16: DupThresh of them are enough */
	uint8_t reo_mult, reo_persist;
	uint8_t frto; /* step of RFC 5682 that waits for an ACK, 0 = off */
	bool rack_valid : 1, tlp_is_retx : 1, tlp_out : 1;
	bool dsack_round_on : 1;
	bool retx_sorted : 1; /* what was retransmitted lies in the order of its transmission */
	bool undo_live : 1;   /* the last reduction may still be undone */
	bool undo_any : 1;    /* something was retransmitted since */
	bool undo_rto : 1;    /* it was a timeout */
	bool reno_hold : 1; /* duplicate ACKs at recover may be of our own making (RFC 6582 3.2) */
	/* congestion control */
	bool cc_live : 1;    /* what follows is in use */
	bool cut : 1;        /* cut_end is valid */
	bool pace_on : 1;    /* pace_at_us is valid */
	bool cv_on : 1;      /* a round is being measured (cwv.c) */
	bool cv_lossy : 1;   /* loss met a window that was not validated */
	bool cv_kept : 1;    /* the window outlived an idle time: this round is paced */
	uint8_t pace_left;   /* segments that may leave all the same */
	uint32_t pace_at_us; /* no more data before; low 32 bits of the clock */
	/* congestion window validation (RFC 7661) */
	uint32_t cv_pipe;     /* pipeACK, 0 = undefined */
	uint32_t cv_acked;    /* in this round */
	uint32_t cv_end;      /* the round lasts until this is acknowledged */
	uint32_t cv_at_ms;    /* when the sampling period of cv_pipe began */
	uint32_t cv_valid_ms; /* when the window was last validated, or lowered for want of that */
	uint32_t cut_end;     /* SND.NXT at the last cut of a connection with ECN */
	uint32_t ce_ack_nxt;
	uint32_t cc_acked; /* bytes acknowledged, not yet turned into cwnd */
	union {            /* slow start ends where a recovery begins */
		struct tcp_hystart hystart;
		struct tcp_prr prr;
	};
	union { /* of the algorithm in use */
		struct tcp_dctcp dctcp;
		struct tcp_cubic cubic;
	};
};

_Static_assert(sizeof(struct tcb_ext) <= 448, "only some connections have one, but still");

struct tcp_ctx;

/* Congestion window in use, flight and so on. */
static inline uint32_t tcb_flight(const struct tcb *t)
{
	return t->snd_nxt - t->snd_una;
}

static inline bool tcb_in(const struct tcb *t, uint32_t states)
{
	return (BIT(t->state) & states) != 0;
}

/* Whole-structure sanity: must() on every invariant. For tests, the simulator and fuzzers. */
void hr_tcb_check(const struct tcp_ctx *c, const struct tcb *t);
const char *hr_tcp_state_name(uint8_t state);

#endif
