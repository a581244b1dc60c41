/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the core share among themselves: one choke point for state, the send ranges,
 * recovery, timers. Nobody outside lib/tcp includes this (hr_tcb_check() aside, tests use tcp.h as
 * everybody does), but for what out_usual.h lets the engine have.
 */
#ifndef HR_TCP_CORE_H
#define HR_TCP_CORE_H

#include "tcp/tcp.h"

#define TCP_MIN_MSS         48u  /* a peer that announces less is treated as announcing this */
#define TCP_DEFAULT_MSS4    536u /* RFC 9293 3.7.1, MUST-15 */
#define TCP_DEFAULT_MSS6    1220u
#define TCP_MAX_WSCALE      14u /* RFC 7323 2.3 */
#define TCP_MAX_CWND        (1u << 30)
#define TCP_MAX_WINDOW      (1u << 30) /* RFC 7323 2.2 */
#define TCP_TS_OPT_BYTES    12u
#define TCP_UTO_OPT_BYTES   4u
#define TCP_DUP_THRESH      3u         /* RFC 5681 3.2, for peers without SACK */
#define TCP_CLOCK_G_US      1000u      /* RFC 6298 G: the timestamps' tick */
#define TCP_TLP_ACK_US      200000u    /* RFC 8985 7.2 TLP.max_ack_delay */
#define TCP_TLP_NO_RTT_US   1000000u   /* RFC 8985 7.2: without a sample */
#define RACK_REO_PERSIST    16u        /* RFC 8985 6.2.4: recoveries without a DSACK */
#define TCP_SLEPT_US        (1u << 30) /* 18 min: a quarter of the 32-bit clock */
#define TCP_RTO_SYN_LOST_US 3000000u   /* RFC 6298 5.7 */
#define TCP_R1              3u /* RFC 9293 3.8.3, SHLD-10: retransmissions before anybody is told */
#define TCP_PAWS_IDLE_MS    (24u * 24 * 3600 * 1000) /* RFC 7323 5.5 */
#define TCP_MIN_PMTU6       1280u                    /* RFC 8201 4 */

static inline uint32_t tcp_ms(uint64_t now_us)
{
	return (uint32_t)(now_us / 1000);
}

/* A time whose low 32 bits were kept, within 35 minutes of now. */
static inline uint64_t tcp_expand(uint64_t now_us, uint32_t low)
{
	return now_us + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)now_us);
}

static inline const struct hr_tcp_params *tcp_params(const struct tcp_ctx *c, const struct tcb *t)
{
	return &c->params[t->params];
}

static inline uint32_t tcp_tsval(const struct tcb *t, uint64_t now_us)
{
	return tcp_ms(now_us) + t->ts_off;
}

/* The round trip that an echoed timestamp tells, a millisecond at least; 0: it is none of ours. */
static inline uint32_t tcp_ts_rtt_us(const struct tcb *t, uint32_t tsecr, uint64_t now_us)
{
	int32_t ms = (int32_t)(tcp_tsval(t, now_us) - tsecr);

	return ms >= 0 && ms < 3600000 ? (uint32_t)hr_max(ms, 1) * 1000 : 0;
}

/* RFC 7323 5.3 R1: older than what was heard last, which is not itself too old to compare with. */
static inline bool tcp_ts_old(const struct tcb *t, const struct tcp_seg *s, uint64_t now_us)
{
	return (t->flags & TF_TS) && (s->opts & TCPO_TS) && seq_lt(s->tsval, t->ts_recent) &&
	       tcp_ms(now_us) - t->ts_recent_ms < TCP_PAWS_IDLE_MS;
}

static inline struct tcb_ext *tcb_ext(const struct tcp_ctx *c, const struct tcb *t)
{
	return t->ext == 0 ? NULL : hr_slab_at(c->exts, t->ext);
}

#define TCPS_SYNCHRONISED                                                                          \
	(BIT(TCPS_ESTABLISHED) | BIT(TCPS_FIN_WAIT_1) | BIT(TCPS_FIN_WAIT_2) |                     \
		BIT(TCPS_CLOSE_WAIT) | BIT(TCPS_CLOSING) | BIT(TCPS_LAST_ACK) |                    \
		BIT(TCPS_TIME_WAIT))
/* States in which the peer may still send data. */
#define TCPS_RECEIVING (BIT(TCPS_ESTABLISHED) | BIT(TCPS_FIN_WAIT_1) | BIT(TCPS_FIN_WAIT_2))

/* Bytes that the application queued and that never left. */
static inline uint32_t tcb_unsent(const struct tcb *t)
{
	return seq_gt(t->snd_end, t->snd_nxt) ? t->snd_end - t->snd_nxt : 0;
}

/* Bytes of new data that the peer's window has room for. */
static inline uint32_t tcb_usable_window(const struct tcb *t)
{
	int32_t usable = seq_diff(t->snd_una + t->snd_wnd, t->snd_nxt);

	return usable > 0 ? (uint32_t)usable : 0; /* MUST-34: a shrunken window may be negative */
}

/* There is new data, and the window takes a segment of it, or all. */
static inline bool tcb_new_data_fits(const struct tcb *t)
{
	uint32_t unsent = tcb_unsent(t);

	return unsent != 0 && tcb_usable_window(t) >= hr_min(unsent, (uint32_t)t->snd_mss);
}

_Static_assert(HR_REASON_COUNT <= 16 && HR_SOFT_COUNT <= 8, "four and three bits in the tcb");

static inline uint32_t tcb_soft_error(struct tcb *t, enum hr_soft_error what)
{
	t->soft_error = what & 0x7;
	return TCP_EV_ERROR;
}

/* state.c */
void tcb_enter(struct tcb *t, enum tcp_state s);
struct tcb_ext *hr_ext_get(struct tcp_ctx *c, struct tcb *t);
void hr_ext_put(struct tcp_ctx *c, struct tcb *t);      /* when nothing in it is needed */
uint32_t hr_tcb_end(struct tcb *t, enum hr_reason why); /* CLOSED: returns TCP_EV_CLOSED once */
/* t->key stays, all else is as at the beginning. */
void hr_tcb_init(
	struct tcp_ctx *c, struct tcb *t, uint16_t params, uint32_t ts_off, uint64_t now_us);
void hr_tcb_peer_options(
	struct tcp_ctx *c, struct tcb *t, bool ts, bool sack, bool wscale, uint8_t shift);
void hr_tcb_established(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);

/* isn.c */
uint32_t hr_isn(struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us);

/* params.c */
uint8_t hr_params_wscale(const struct hr_tcp_params *p);
/* The receive window at first, when segments of mss bytes are expected. */
uint32_t hr_params_window(const struct hr_tcp_params *p, uint32_t mss);
uint16_t hr_params_mss(const struct hr_tcp_params *p, bool v6, uint16_t mtu);

/* ranges.c */
struct tx_range *hr_range_at(const struct tcp_ctx *c, const struct tcb *t, uint32_t i);
/* Record that [seq, end) leaves now; false when there is no memory (nothing changed). */
bool hr_range_push(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t end, uint8_t flags,
	uint64_t now_us);
/* Cut r at seq (inside it); the second part follows. False without memory. */
bool hr_range_split(struct tcp_ctx *c, struct tcb *t, struct tx_range *r, uint32_t seq);
/* Drop everything below una. */
void hr_range_ack(struct tcp_ctx *c, struct tcb *t, uint32_t una);
void hr_range_free_all(struct tcp_ctx *c, struct tcb *t);
/* Set or clear TR_SACKED / TR_LOST with the byte counts of ext kept. */
void hr_range_mark(struct tcb_ext *x, struct tx_range *r, uint8_t set, uint8_t clear);
/* Set TR_LOST, and keep the knowledge of where the first lost range is. */
void hr_range_lost(const struct tcp_ctx *c, const struct tcb *t, uint32_t i);
/* Both SACKed: the one after i becomes part of i. */
void hr_range_merge_next(struct tcp_ctx *c, struct tcb *t, uint32_t i);
uint32_t hr_tcb_pipe(const struct tcp_ctx *c, const struct tcb *t);

#define HR_RANGE_FOREACH(c, t, i, r)                                                               \
	for (uint32_t i = (t)->range_head; i != 0 && ((r) = hr_range_at(c, t, i)) != NULL;         \
		i = (r)->next)

/* rtt.c */
/* flight: bytes that were in flight, which is how many samples a round trip gives. */
void hr_rtt_sample(
	struct tcp_ctx *c, struct tcb *t, uint32_t rtt_us, uint32_t flight, uint64_t now_us);
/* RFC 4015 3.3: the sample of a timeout that was spurious. */
void hr_rtt_spurious(struct tcp_ctx *c, struct tcb *t, uint32_t rtt_us);
uint32_t hr_rto_us(const struct tcp_ctx *c, const struct tcb *t); /* with back-off */

/* input.c */
/* hr_tcp_input() of any segment: usual.c has the short way. */
__attribute__((noinline)) uint32_t hr_input_any(
	struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us);

/* What one ACK told, gathered once and handed to recovery and congestion control. */
struct tcp_ack {
	uint64_t now_us;
	uint32_t prior_una, prior_flight;
	uint32_t acked;                  /* bytes newly acknowledged cumulatively */
	uint32_t sacked;                 /* bytes newly SACKed */
	uint32_t delivered;              /* bytes that arrived: RFC 9937 DeliveredData */
	uint32_t rtt_us;                 /* 0 = no sample */
	uint32_t tsecr;                  /* when ts */
	struct tcp_sack_block dup_block; /* when dsack */
	uint32_t wait_us;                /* since the oldest of it left first, 0 = not known */
	uint32_t last_xmit_us;           /* when the newest of it left */
	bool ts;                         /* tsecr echoes a timestamp of ours */
	bool dsack;                      /* the first block reported a duplicate */
	bool dup;                        /* RFC 5681 2: a duplicate ACK */
	bool ece;                        /* ECN negotiated, and the peer saw a mark */
	bool only_retx;                  /* all newly acknowledged data had been retransmitted */
	bool original;                   /* something arrived that had left only once */
	bool reordered;                  /* the path was known to reorder before */
	bool undone;                     /* it showed that the last reduction was needless */
};

/* ack.c */
/* RFC 9293 3.10.7.4 step 5 for an acceptable ACK. Returns events. */
uint32_t hr_ack_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us);

/* loss.c; its mechanisms are in recovery.h */
void hr_loss_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcp_ack *a, uint64_t now_us);
void hr_loss_on_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* RACK reordering timer: mark what is overdue. */
void hr_loss_on_reo(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* All that is not SACKed must be sent again. */
void hr_loss_mark_all(struct tcp_ctx *c, struct tcb *t);

/* deadline.c */
void hr_timer_arm(struct tcb *t, enum tcp_timer kind, uint64_t when_us);
void hr_timer_sent(struct tcp_ctx *c, struct tcb *t, uint64_t now_us); /* new data left */
void hr_timer_rearm(struct tcp_ctx *c, struct tcb *t,
	uint64_t now_us); /* RTO or TLP for the flight, from now */

/* recvq.c */
/* Take [seq, seq+len) of m (payload at off, already inside the window). Returns events; sets ACK
 * flags. Owns m. */
uint32_t hr_recv_data(struct tcp_ctx *c, struct tcb *t, struct tcp_seg *s, uint64_t now_us);
void hr_recv_free(struct tcp_ctx *c, struct tcb *t);
/* The peer did not hear our ACKs, or begins anew: the next segments are acknowledged at once. */
void hr_recv_quickack(struct tcp_ctx *c, struct tcb *t);
uint32_t hr_recv_fin_check(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
void hr_recv_urgent(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint32_t *events);

/* reasm.c */
/* Hold an out-of-order segment; false when there is no room for it (m is still the caller's). */
bool hr_reasm_hold(struct tcp_ctx *c, struct tcb *t, struct rte_mbuf *m, uint32_t seq, uint16_t off,
	uint16_t len);
/* The next held mbuf that continues rcv_nxt, trimmed, or NULL. */
struct rte_mbuf *hr_reasm_pull(struct tcp_ctx *c, struct tcb *t);
void hr_reasm_free(struct tcp_ctx *c, struct tcb_ext *x);
void hr_sack_update(struct tcb_ext *x, uint32_t left, uint32_t right);
void hr_sack_advance(struct tcb_ext *x, uint32_t rcv_nxt);

/* autotune.c */
#define BULK_SEGMENTS 15u /* full segments of a connection that is not about a short answer */
void hr_autotune_start(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* In-order data arrived, and the application read; only while ext->drs_live. */
void hr_autotune_rtt(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s, uint64_t now_us);
void hr_autotune_read(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);

/* pmtu.c */
uint32_t hr_pmtu_too_big(struct tcp_ctx *c, struct tcb *t, uint32_t mtu, uint64_t now_us);
void hr_pmtu_on_rto(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* These three only with an ext; the last one while ext->pl_live, returns events. */
uint32_t hr_pmtu_probe_due(const struct tcp_ctx *c, const struct tcb *t, uint64_t now_us);
void hr_pmtu_probe_sent(struct tcp_ctx *c, struct tcb *t, uint32_t size);
uint32_t hr_pmtu_on_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);

/* uto.c */
/* How long the peer may be silent when something is outstanding, 0 = no such limit. */
uint32_t hr_user_timeout_ms(const struct tcp_ctx *c, const struct tcb *t);
bool hr_uto_told(const struct hr_tcp_params *p);
uint16_t hr_uto_value(const struct hr_tcp_params *p);
/* An acceptable segment has the option. */
void hr_uto_input(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s);

/* window.c */
/* What the peer may still send of what it was told. */
static inline uint32_t tcp_window_offered(const struct tcb *t)
{
	return seq_gt(t->rcv_adv, t->rcv_nxt) ? t->rcv_adv - t->rcv_nxt : 0;
}

/* What there is room for. */
static inline uint32_t tcp_window_space(const struct tcb *t)
{
	return t->rcv_held < t->rcv_buf ? t->rcv_buf - t->rcv_held : 0;
}

/* The least step worth telling. */
static inline int32_t tcp_window_step(const struct tcb *t)
{
	return (int32_t)hr_min(t->rcv_buf / 2, t->snd_mss);
}

/* What to offer now: the same right edge, unless a step is worth telling. */
static inline uint32_t tcp_window_next(const struct tcb *t)
{
	uint32_t space = tcp_window_space(t);

	return seq_diff(t->rcv_nxt + space, t->rcv_adv) >= tcp_window_step(t)
		       ? space
		       : tcp_window_offered(t);
}

/* The window field for a segment that is no SYN, and the new right edge. */
static inline uint16_t tcp_window_field(struct tcb *t)
{
	uint32_t field = tcp_window_next(t) >> t->rcv_scale, whole = field << t->rcv_scale;

	/* Rounding down should not take back what was offered: up to one unit more than the buffer
	 * is accepted instead. Once that is used up it does (RFC 7323 2.4), or segments shorter
	 * than a unit would push the edge on for ever; what lies before rcv_adv is still accepted.
	 */
	if (whole < tcp_window_offered(t) && (int32_t)(whole - tcp_window_space(t)) < 0)
		field++;
	field = (uint32_t)hr_min(field, UINT16_MAX);
	t->rcv_adv = seq_max(t->rcv_adv, t->rcv_nxt + (field << t->rcv_scale));
	return (uint16_t)field;
}

/* The window field for a segment, and the new right edge. */
uint16_t hr_window_field(const struct tcp_ctx *c, struct tcb *t, bool syn);
/* True when the application made enough room to tell the peer (RFC 9293 3.8.6.2.2). */
bool hr_window_update_due(const struct tcb *t);

/* sendq.c */
/* Most bytes queued or unacknowledged. */
uint32_t hr_send_limit(const struct tcp_ctx *c, const struct tcb *t);
/* Most bytes of one burst at the rate of cwnd per round trip (HR_PSH_BURST). */
uint32_t hr_sendq_burst_max(const struct tcb *t);
/* Bytes up to which [seq, seq + len) may leave as one burst; true when its last one has PSH. */
bool hr_sendq_burst(struct tcp_ctx *c, struct tcb *t, uint32_t seq, uint32_t *len);
void hr_sendq_ack(struct tcp_ctx *c, struct tcb *t, uint32_t una);
void hr_sendq_free(struct tcp_ctx *c, struct tcb *t);

/* challenge.c */
/* Ask for a challenge ACK if the rate allows (RFC 5961 7). */
void hr_challenge_ack(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
bool hr_challenge_allowed(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);

/* --- congestion control: cwnd.c owns cwnd and ssthresh, an algorithm is a table of verbs --- */

/*
 * The algorithm decides how fast the window grows in congestion avoidance and how far it goes down
 * at congestion. x is the connection's ext. Verbs that an algorithm has no use for are NULL.
 */
struct tcp_cc_ops {
	const char *name;
	/* New data was acknowledged above ssthresh, and the window was in use. */
	void (*avoid)(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);
	/* New data was acknowledged, but the window was not in use. */
	void (*unused)(struct tcb_ext *x, uint64_t now_us);
	/* Congestion met `window` bytes: what to go on with. */
	uint32_t (*ssthresh)(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint32_t window);
	/* The same for marks (ECN); NULL: they are answered as loss. */
	uint32_t (*ecn_ssthresh)(struct tcb *t, struct tcb_ext *x, uint32_t window);
	/* Every ACK of a connection with ECN, before anything is decided by it. */
	void (*delivered)(struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);
	/* A retransmission timeout; ssthresh was asked before when this is a new event. */
	void (*on_rto)(struct tcb_ext *x);
	/* The last event was no congestion: be as before it. */
	void (*undo)(struct tcb_ext *x, uint64_t now_us);
};
extern const struct tcp_cc_ops hr_cc_newreno, hr_cc_cubic, hr_cc_dctcp;
extern const struct tcp_cc_ops *const hr_cc_table[HR_CC_COUNT];

static inline const struct tcp_cc_ops *tcp_cc(const struct tcp_ctx *c, const struct tcb *t)
{
	return hr_cc_table[tcp_params(c, t)->cc];
}

/* cc_newreno.c: others fall back to it */
void hr_newreno_avoid(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);

/* cwnd.c */
/* RFC 6928 2, unless asked for more. */
uint32_t hr_cwnd_initial(const struct tcp_ctx *c, const struct tcb *t);
/* The connection is established: initial window. */
void hr_cwnd_init(struct tcp_ctx *c, struct tcb *t);
/* New data was acknowledged outside recovery. */
void hr_cwnd_on_ack(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a);
/* Congestion: lower ssthresh, once per event; flight: bytes in flight when it happened, those that
 * this ACK acknowledges included. cwnd is the caller's (PRR, or at once). */
void hr_cwnd_cut(struct tcp_ctx *c, struct tcb *t, uint32_t flight);
/* What to call the flight during an ACK. */
uint32_t hr_cwnd_in_use(const struct tcb *t, const struct tcp_ack *a);
/* The same for a mark; sets cwnd, too. */
void hr_cwnd_cut_ecn(struct tcp_ctx *c, struct tcb *t, uint32_t flight);
/* Data that left before the last cut of an ECN connection is still in flight. */
bool hr_cwnd_cut_lately(const struct tcb_ext *x, const struct tcb *t);
/* Recovery is over; cwnd was set. */
void hr_cwnd_recovered(struct tcp_ctx *c, struct tcb *t);
/* A retransmission timeout; first: of an event that did not cut before. */
void hr_cwnd_on_rto(struct tcp_ctx *c, struct tcb *t, bool first);
/* The last hr_cwnd_cut() was needless: the algorithm forgets it. cwnd and ssthresh are restored by
 * the caller, who kept them. */
void hr_cwnd_undo(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* New data is about to leave: is the window still worth something (RFC 5681 4.1)? */
void hr_cwnd_restart(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* A burst is decided: `used` bytes in the network or wanting to be there. */
static inline void hr_cwnd_note_use(struct tcb *t, uint32_t used)
{
	bool full = used + t->snd_mss > t->cwnd || (t->cwnd < t->ssthresh && t->cwnd / 2 < used);

	t->flags = full ? t->flags | TF_CWND_FULL : t->flags & ~TF_CWND_FULL;
}

/* cwv.c: only while ext->cc_live, and when asked for */
/* New data was acknowledged outside recovery. */
void hr_cwv_on_ack(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, const struct tcp_ack *a);
/* Nothing was sent for longer than an RTO, now something is: lowers what was kept too long. */
void hr_cwv_resume(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x, uint64_t now_us);
/* What to call the window when congestion met `flight` bytes; then the measuring begins anew. */
uint32_t hr_cwv_congestion(const struct tcb *t, struct tcb_ext *x, uint32_t flight);
/* The recovery is over. */
void hr_cwv_recovered(struct tcb *t, struct tcb_ext *x);
static inline bool hr_cwv_live(
	const struct tcp_ctx *c, const struct tcb *t, const struct tcb_ext *x)
{
	return x != NULL && x->cc_live && tcp_params(c, t)->cwnd_validation;
}

/* pacing.c */
/* What one call of output may return, max_len at most; may begin to pace. */
uint32_t hr_pacing_limit(struct tcp_ctx *c, struct tcb *t, uint32_t max_len, uint64_t now_us);
/* Data could leave: must it wait? Then hr_tcp_deadline() knows until when. */
bool hr_pacing_waits(struct tcp_ctx *c, struct tcb *t, uint64_t now_us);
/* len bytes of payload left. */
void hr_pacing_sent(const struct tcp_ctx *c, struct tcb *t, uint32_t len, uint64_t now_us);
static inline bool hr_paced(const struct tcp_ctx *c, const struct tcb *t)
{
	return tcp_params(c, t)->pacing || (t->ext != 0 && tcb_ext(c, t)->cv_kept);
}

/* ecn.c */
bool hr_ecn_accept_syn(const struct hr_tcp_params *p, const struct tcp_seg *s);
/* Does the SYN that leaves, or left last, ask for ECN? */
bool hr_ecn_asks(const struct tcp_ctx *c, const struct tcb *t);
void hr_ecn_syn_ack_in(const struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s);
/* Acceptable data arrived, before it is taken; TF_ECN. */
void hr_ecn_data_in(struct tcp_ctx *c, struct tcb *t, const struct tcp_seg *s);
/* New data leaves; TF_ECN. */
void hr_ecn_data_out(struct tcp_ctx *c, struct tcb *t, struct tcp_out *o);
/* An acceptable ACK, after loss.c had its say; TF_ECN. */
void hr_ecn_ack_in(struct tcp_ctx *c, struct tcb *t, const struct tcp_ack *a);

/* hystart.c */
/* How much of `grow` bytes of slow start the delay allows; may end slow start by ssthresh. */
uint32_t hr_hystart_growth(struct tcp_ctx *c, struct tcb *t, struct tcb_ext *x,
	const struct tcp_ack *a, uint32_t grow);

#endif
