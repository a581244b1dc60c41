/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file headrace.h
 * The public API of libheadrace: a TCP engine on DPDK that an application links.
 *
 * Shape: an engine owns workers; a worker is one receive/transmit queue pair per port with its own
 * connections, timers, ports and counters, and is stepped by one thread at a time with
 * hr_worker_turn(). Applications give a table of callbacks per service (struct hr_app) and get byte
 * streams. A connection is a 64-bit handle that is always safe to use: when the connection is gone,
 * calls return -ESTALE.
 *
 * Threading: every function that takes a `struct hr_worker *` must be called by the thread that
 * steps that worker (inside a callback, or between turns), except hr_post(), which any thread may
 * call. Functions that take a `struct hr_engine *` are for the thread that set the engine up;
 * counters may be read from any thread.
 *
 * Errors: functions that can fail return a negative errno, and where an `err` buffer is given they
 * also write one sentence for people into it: what is wrong, where, and what to do.
 *
 * Time is in microseconds (`_us`, uint64_t) from the engine's clock. Addresses and ports: addresses
 * in network byte order inside struct hr_ip, port numbers in host byte order.
 */
#ifndef HEADRACE_H
#define HEADRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the library exports. */
#define HR_API __attribute__((visibility("default")))

struct rte_mbuf;
struct rte_mempool;
struct hr_engine;
struct hr_worker;
struct hr_port;
struct hr_hist;

/** A connection: {generation:32, worker:6, index:26}. 0 is never a connection. */
typedef uint64_t hr_conn;

/** No deadline: nothing will ever happen by itself. */
#define HR_NEVER UINT64_MAX
/** Most workers of one engine (the handle has 6 bits). */
#define HR_MAX_WORKERS 64
/** Most ports of one engine. */
#define HR_MAX_PORTS 8
/** Room that is enough for any error sentence. */
#define HR_ERRLEN 256

/** Version of the library, e.g. "0.1.0". */
HR_API const char *hr_version(void);

/** @name Addresses
 * @{ */

/** An IPv4 or IPv6 address in network byte order. family 0 means "any" where that is allowed. */
struct hr_ip {
	uint8_t family;      /**< 4, 6, or 0 for "any" */
	uint8_t reserved[3]; /**< zero */
	union {
		uint8_t b[16]; /**< IPv6: 16 bytes; IPv4: the first 4, the rest zero */
		uint32_t v4;   /**< IPv4 in network byte order */
	};
};

/** Parse "198.18.0.1" or "2001:db8::1" (brackets around IPv6 are accepted). 0, or -EINVAL with a
 * sentence in @p err. */
HR_API int hr_ip_parse(const char *text, struct hr_ip *ip, char *err, size_t errlen);
/** Write @p ip as text into @p buf (46 bytes are always enough) and return @p buf. */
HR_API const char *hr_ip_text(const struct hr_ip *ip, char *buf, size_t len);
/** True when both are the same family and address. */
HR_API bool hr_ip_equal(const struct hr_ip *a, const struct hr_ip *b);
/** @p ip + @p n as a number (for ranges of addresses); the family stays. */
HR_API struct hr_ip hr_ip_add(const struct hr_ip *ip, uint32_t n);
/** @} */

/** @name TCP parameters
 * Everything in which peers differ. A value you copy from hr_tcp_params_default and edit.
 * @{ */

/** Congestion control algorithms. */
enum hr_cc {
	HR_CC_CUBIC = 0, /**< RFC 9438 */
	HR_CC_NEWRENO,   /**< RFC 5681 and 6582 */
	HR_CC_DCTCP,     /**< RFC 8257; for networks that mark early and everywhere */
	HR_CC_COUNT
};

/** Explicit Congestion Notification (RFC 3168). */
enum hr_ecn {
	HR_ECN_OFF = 0, /**< neither asked for nor accepted */
	HR_ECN_PASSIVE, /**< accepted when the peer asks */
	HR_ECN_ACTIVE,  /**< asked for with each SYN, too */
	HR_ECN_COUNT
};

/** Order of the options in a SYN; stacks are told apart by it. */
enum hr_syn_order {
	HR_SYN_LINUX = 0, /**< mss, sackOK, TS, nop, wscale */
	HR_SYN_FREEBSD,   /**< mss, nop, wscale, sackOK, TS */
	HR_SYN_COUNT
};

/** Which segments carry PSH; the one that empties the send queue always does (RFC 9293 MUST-61). */
enum hr_psh {
	HR_PSH_END = 0, /**< no others: as the BSDs */
	HR_PSH_BURST,   /**< the last one of each hr_send(), and of several that leave at once, too:
			   as Linux. Bursts are cut at a millisecond of the path's rate, two
			   segments at least; a mark stays with its bytes when they leave again */
	HR_PSH_COUNT
};

/**
 * Parameters of a connection; given per listener and per connect. Defaults, ranges and the values
 * of the profiles stand in one table, lib/tcp/params.def. What is a bool switches a mechanism off
 * for comparison; all are on by default unless said otherwise.
 */
struct hr_tcp_params {
	uint16_t mss; /**< most payload per segment we announce; 0 = from the port's MTU (RFC
			 9293 3.7.1) */
	uint16_t iw_segments; /**< initial window in segments, 1..64; above 10 is beyond RFC 6928 */
	uint16_t pmtu_min; /**< IPv4 bytes below which no ICMP error and no probe moves the path MTU
			      (RFC 1191): a path that carries less gets packets without DF; IPv6
			      has 1280 */
	uint8_t wscale; /**< window scale we offer, 0..14 (RFC 7323 2.2); 255 = from rcv_buf_bytes
			   and rcv_buf_max_bytes */
	uint8_t cc;     /**< enum hr_cc */
	uint8_t ecn;    /**< enum hr_ecn */
	uint8_t syn_order;         /**< enum hr_syn_order */
	uint8_t psh;               /**< enum hr_psh */
	uint8_t ttl;               /**< IPv4 TTL and IPv6 hop limit, 1..255 */
	uint8_t dscp;              /**< Differentiated Services code point, 0..63 */
	uint8_t quickack_segments; /**< full segments that are acknowledged at once at the start and
				      after idle times, while the peer is in slow start; 0..64 */
	uint8_t ack_every;   /**< full-sized segments per immediate ACK, 1..2 (RFC 9293 3.8.6.3) */
	uint8_t syn_retries; /**< SYN-ACK retransmissions before a half-open entry is dropped */
	uint8_t keepalive_probes; /**< unanswered probes before the connection is given up (RFC
				     9293 3.8.4) */
	uint8_t retries;          /**< R2 as retransmissions of the same data before giving up (RFC
				     9293 3.8.3) */
	bool timestamps;          /**< offer and accept timestamps (RFC 7323 3) */
	bool sack;                /**< offer and accept SACK (RFC 2018) */
	bool dsack;               /**< report duplicates (RFC 2883) */
	bool nagle;               /**< RFC 9293 3.7.4 */
	bool tlp;                 /**< tail loss probes (RFC 8985 7) */
	bool prr;                 /**< proportional rate reduction (RFC 9937) */
	bool limited_transmit;    /**< new data on the first duplicate ACKs (RFC 3042) */
	bool frto;                /**< detect spurious timeouts (RFC 5682) */
	bool undo;            /**< take back cuts that timestamps (RFC 3522, 4015) or DSACKs (RFC
				 3708) prove needless */
	bool hystart;         /**< leave slow start on rising delay (RFC 9406) */
	bool cwnd_validation; /**< a window outlives idle times for minutes (RFC 7661); else it is
				 the initial one after an RTO (RFC 5681 4.1) */
	bool pacing;          /**< spread segments over the RTT; off by default */
	bool pmtud;           /**< DF set, ICMP errors move the path MTU (RFC 1191, 8201) */
	bool plpmtud;         /**< find black holes by probing (RFC 4821, 8899) */
	bool tw_reuse;        /**< an own TIME-WAIT older than 1 s may be replaced by a new connect
				 (RFC 6191) */
	bool rfc1337;         /**< a RST does not end TIME-WAIT (RFC 1337); false: one at RCV.NXT
				 does. Compact entries ask the listener's set, else the default */
	bool uto;             /**< user timeout option (RFC 5482): tell user_timeout_ms when it is
				 not 0, else adopt the peer's; off by default */
	uint32_t rcv_buf_bytes;     /**< receive window and limit of unread bytes at first */
	uint32_t rcv_buf_max_bytes; /**< what auto-tuning may raise it to; not above rcv_buf_bytes:
				       no tuning */
	uint32_t snd_buf_bytes;     /**< most bytes queued or unacknowledged */
	uint32_t snd_buf_max_bytes; /**< the same while cwnd is large: the limit follows twice cwnd
				       up to this */
	uint32_t delack_us;         /**< delayed ACK timeout, < 500 ms (RFC 9293 3.8.6.3) */
	uint32_t rto_init_us;       /**< RFC 6298 2.1 */
	uint32_t rto_min_us; /**< RFC 6298 2.4; 200 ms as Linux: a deviation (doc/design.md) */
	uint32_t tlp_min_us; /**< no tail loss probe sooner: hosts' scheduling is no loss */
	uint32_t rto_max_us; /**< RFC 6298 2.5 */
	uint32_t connect_timeout_ms; /**< R2 for a SYN, at least 3 minutes by default (RFC
					9293 3.8.3, MUST-23) */
	uint32_t user_timeout_ms; /**< give up when data, or a keep-alive, stays unanswered so long
				     (RFC 5482); 0 = only `retries` and keepalive_probes */
	uint32_t uto_min_ms;      /**< least that is adopted of a peer's option, whole seconds */
	uint32_t uto_max_ms;      /**< most of it */
	uint32_t keepalive_ms;    /**< idle time before the first probe; 0 = off, the default */
	uint32_t keepalive_interval_ms; /**< between probes */
	uint32_t time_wait_ms;          /**< 2 MSL (RFC 9293 3.6.1) */
	uint32_t fin_wait2_ms;          /**< how long an orphan may wait for the peer's FIN */
	uint32_t oow_ack_interval_ms; /**< least time between challenge ACKs of one connection (RFC
					 5961 7), up to an eighth more; 0 = at most five a second */
};

/** The documented defaults. */
HR_API extern const struct hr_tcp_params hr_tcp_params_default;
/** On the wire as Linux 6: SYN options, window scale, initial window, ACK policy, PSH, timeouts. */
HR_API extern const struct hr_tcp_params hr_tcp_params_linux;
/** The same for FreeBSD 14. */
HR_API extern const struct hr_tcp_params hr_tcp_params_freebsd;
/** The set called "default", "linux" or "freebsd"; NULL when there is none. */
HR_API const struct hr_tcp_params *hr_tcp_params_find(const char *name);
/** Check ranges: 0, or -EINVAL with a sentence that names the parameter. */
HR_API int hr_tcp_params_check(const struct hr_tcp_params *p, char *err, size_t errlen);
/** @} */

/** @name Callbacks
 * Called from the ready stage of hr_worker_turn(), once per connection with everything that arrived
 * in the turn. Any API call is legal in any callback but on_pull. All are optional but on_data.
 * @{ */

/** Why a connection ended. */
enum hr_reason {
	HR_CLOSED = 0,  /**< both directions were closed in order */
	HR_RESET,       /**< the peer sent RST */
	HR_REFUSED,     /**< RST in answer to our SYN */
	HR_TIMEOUT,     /**< no answer to SYN, data or FIN: R2, the connect or the user timeout was
			   reached */
	HR_UNREACHABLE, /**< the next hop does not answer ARP or NDP, or a hard ICMP error met our
			   SYN */
	HR_ABORTED,     /**< hr_abort(), or hr_close() with unread data */
	HR_KEEPALIVE,   /**< keep-alive probes stayed unanswered */
	HR_ORPHANED,    /**< closed here, but the peer's FIN did not come within fin_wait2_ms */
	HR_NO_MEMORY,   /**< a pool is empty */
	HR_REASON_COUNT
};

/**
 * What went wrong on a connection that goes on all the same (RFC 9293 3.9.1.8). Nothing has to be
 * done about it: it may pass.
 */
enum hr_soft_error {
	HR_SOFT_NONE = 0,
	HR_SOFT_RETRANSMITS, /**< R1: three retransmissions of the same data, or of the SYN, went
				unanswered; R2 follows (RFC 9293 3.8.3) */
	HR_SOFT_UNREACHABLE, /**< ICMP destination unreachable, of whatever kind */
	HR_SOFT_TTL,         /**< ICMP time exceeded: a routing loop, or ttl is too small */
	HR_SOFT_PARAMETER,   /**< ICMP parameter problem */
	HR_SOFT_COUNT
};

/** Bytes that arrived, in place: valid until the callback returns; for unconsumed bytes until they
 * are consumed. */
struct hr_slice {
	const uint8_t *data; /**< read-only */
	uint32_t len;        /**< bytes */
};

/** A service: what the application does with connections. The table must outlive the engine. */
struct hr_app {
	/** Connection is established (accepted or connected). @p user: what hr_listen() or
	 * hr_connect() was given. */
	void (*on_open)(struct hr_worker *w, hr_conn c, void *user);
	/**
	 * @p n slices of in-order bytes. Return the number of bytes consumed. A short return leaves
	 * the rest where it is, holds the receive window shut and pauses on_data until hr_resume();
	 * then the rest is offered again first.
	 */
	size_t (*on_data)(
		struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n);
	/** There is room to send again after hr_send() took less than it was given. */
	void (*on_writable)(struct hr_worker *w, hr_conn c, void *user);
	/** The peer sent FIN and every byte before it was consumed. Sending is still possible. */
	void (*on_eof)(struct hr_worker *w, hr_conn c, void *user);
	/** Exactly once and last, also for a failed connect; at entry to TIME-WAIT; never from
	 * inside an API call. */
	void (*on_close)(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason);
	/**
	 * Fill exactly @p len bytes of the sent stream at @p offset (from the first byte sent on
	 * the connection). Called for each transmission and retransmission of bytes queued with
	 * hr_send_pull(); may call no hr_ function.
	 */
	void (*on_pull)(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len);
	/** Urgent data is pending, or its end moved: the mark is @p ahead bytes away (RFC 9293). */
	void (*on_urgent)(struct hr_worker *w, hr_conn c, void *user, uint32_t ahead);
	/** A soft error, perhaps before on_open; the latest one when there were several in the
	 * turn. Leave it out to hear of none. Not called after hr_close(). */
	void (*on_error)(struct hr_worker *w, hr_conn c, void *user, enum hr_soft_error what);
};
/** @} */

/** @name Connections
 * Call from the connection's own worker only.
 * @{ */

/** How to open a connection. Zero what you do not care about. */
struct hr_connect_opts {
	struct hr_ip local;                 /**< family 0: the next local address in turn */
	uint16_t local_port;                /**< 0: chosen so that replies arrive at this worker */
	const struct hr_tcp_params *params; /**< copied; NULL: engine default */
};

/**
 * Open a connection (RFC 9293 3.9.1.1). Returns at once; on_open or on_close follows.
 *
 * @param w       the worker that will own the connection.
 * @param remote  a unicast address.
 * @param port    the remote port.
 * @param app     callbacks; must outlive the engine.
 * @param user    the connection's pointer, passed to each callback.
 * @param opts    may be NULL.
 * @param[out] c  the handle.
 * @return 0; -EADDRNOTAVAIL no free source port (or local address unknown); -EINVAL remote is not a
 * unicast address; -ENETUNREACH no route; -ENOMEM connection limit reached; -EADDRINUSE local_port
 * is taken for this remote.
 */
HR_API int hr_connect(struct hr_worker *w, const struct hr_ip *remote, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_connect_opts *opts, hr_conn *c);

/** Open up to @p n connections to one remote: as so many hr_connect() with the same arguments, but
 * each with its pointer of @p users, up to the first that fails; for less. Returns how many were
 * opened, their handles in @p c; @p error (or NULL): 0, or what hr_connect() says of the next. */
HR_API unsigned hr_connect_burst(struct hr_worker *w, const struct hr_ip *remote, uint16_t port,
	const struct hr_app *app, void *const *users, const struct hr_connect_opts *opts,
	hr_conn *c, unsigned n, int *error);

/**
 * Queue bytes for sending; they are copied.
 *
 * @param w    the connection's worker.
 * @param c    the connection.
 * @param data what to send.
 * @param len  bytes at @p data; 0 is allowed and does nothing.
 * @return bytes accepted, 0..len: less than len when the send buffer is full (on_writable follows);
 * -ESTALE when the connection is gone, -EPIPE after hr_shutdown() or hr_close(), -ENOTCONN before
 * on_open.
 */
HR_API int64_t hr_send(struct hr_worker *w, hr_conn c, const void *data, size_t len);

/**
 * Queue @p len bytes that on_pull produces at each (re)transmission: no payload memory is held. May
 * be mixed with hr_send(); the order of the calls is the order of the stream. Returns and errors as
 * hr_send(), -ENOTSUP when the service has no on_pull.
 */
HR_API int64_t hr_send_pull(struct hr_worker *w, hr_conn c, size_t len);

/**
 * Queue the payload of a packet (up to 1 MB, chained or not, refcnt 1) without copying: all of it
 * when there is any room. Each mbuf is then the engine's and freed once, when its bytes are
 * acknowledged and no port holds them; an external buffer's free_cb is the completion, and may
 * call no hr_ function. Returns m->pkt_len; 0 when there is no room (on_writable follows); errors
 * as hr_send(), -EINVAL for an empty, longer or shared m. With 0 and errors m stays the caller's.
 */
HR_API int64_t hr_send_mbuf(struct hr_worker *w, hr_conn c, struct rte_mbuf *m);

/** The last byte queued so far is the last urgent one (RFC 9293 3.8.5). 0; errors as hr_send(). */
HR_API int hr_urgent(struct hr_worker *w, hr_conn c);

/** Bytes hr_send() would take now, or a negative errno as hr_send(). */
HR_API int64_t hr_send_room(struct hr_worker *w, hr_conn c);

/** Offer unconsumed bytes to on_data again (it was paused by a short return). 0 or -ESTALE. */
HR_API int hr_resume(struct hr_worker *w, hr_conn c);

/** FIN after the queued data; receiving goes on (half-close). 0, -ESTALE. */
HR_API int hr_shutdown(struct hr_worker *w, hr_conn c);

/**
 * FIN after the queued data and no more data callbacks; bytes unread now or arriving later earn a
 * RST (RFC 9293 3.6.1). on_close still follows. 0, -ESTALE.
 */
HR_API int hr_close(struct hr_worker *w, hr_conn c);

/** RST now; on_close(HR_ABORTED) follows. 0, -ESTALE. */
HR_API int hr_abort(struct hr_worker *w, hr_conn c);

/** Replace the connection's pointer. 0, -ESTALE. */
HR_API int hr_set_user(struct hr_worker *w, hr_conn c, void *user);

/**
 * Change parameters of a living connection. Taken from @p params: ttl, dscp, nagle, psh, ack_every,
 * delack_us, retries, user_timeout_ms, keepalive_ms, keepalive_interval_ms, keepalive_probes,
 * rto_min_us, rto_max_us, time_wait_ms, fin_wait2_ms, snd_buf_bytes, snd_buf_max_bytes; the others
 * stay as they were settled at the beginning (RFC 9293 3.7.4, 3.8.3, 3.8.4, 3.9.1.9).
 *
 * @return 0; -ESTALE; -EINVAL when hr_tcp_params_check() refuses @p params; -ENOSPC when the worker
 * has 256 different sets in use already (a set is kept for good: change to one of a few, not to one
 * of thousands).
 */
HR_API int hr_set_params(struct hr_worker *w, hr_conn c, const struct hr_tcp_params *params);

/** What getsockopt(TCP_INFO) tells. Units as the names say. */
struct hr_conn_info {
	struct hr_ip local;      /**< our address */
	struct hr_ip remote;     /**< the peer's */
	uint16_t local_port;     /**< host order */
	uint16_t remote_port;    /**< host order */
	const char *state;       /**< RFC 9293 name, e.g. "ESTABLISHED" */
	uint32_t srtt_us;        /**< smoothed RTT (RFC 6298), 0 before the first sample */
	uint32_t rttvar_us;      /**< its variation */
	uint32_t rto_us;         /**< timeout in force, back-off included */
	uint32_t min_rtt_us;     /**< least RTT seen, 0 = none yet */
	uint32_t cwnd_bytes;     /**< congestion window */
	uint32_t ssthresh_bytes; /**< slow start threshold */
	uint32_t snd_wnd_bytes;  /**< the peer's window */
	uint32_t rcv_wnd_bytes;  /**< ours, as last advertised */
	uint32_t inflight_bytes; /**< sent and not acknowledged */
	uint32_t unsent_bytes;   /**< queued and not sent */
	uint32_t unread_bytes;   /**< received in order, not consumed */
	uint16_t snd_mss;        /**< payload bytes per full segment */
	uint8_t retransmits;     /**< of the oldest unacknowledged data, in a row */
	uint8_t snd_wscale;      /**< the peer's window shift */
	uint8_t rcv_wscale;      /**< ours */
	bool timestamps;         /**< negotiated (RFC 7323) */
	bool sack;               /**< negotiated (RFC 2018) */
	bool ecn;                /**< negotiated (RFC 3168) */
	bool reordering;         /**< RACK saw the path reorder (RFC 8985 6.2) */
	const char *cc;          /**< congestion control, e.g. "cubic" */
	const char *recovery;    /**< "open", "recovery" or "loss" */
	uint32_t sacked_bytes;   /**< in flight, and SACKed */
	uint32_t lost_bytes;     /**< in flight, marked lost, and not sent again yet */
	uint32_t retrans_bytes;  /**< in flight, sent again, and neither SACKed nor lost again */
	uint32_t rcv_buf_bytes;  /**< receive buffer limit, as auto-tuning has it */
	uint32_t snd_buf_bytes;  /**< send buffer limit, as cwnd has it */
	uint32_t pmtu;           /**< path MTU, IP bytes */
	uint16_t rcv_mss;        /**< the peer's segment size, as observed */
	uint64_t bytes_acked;    /**< of our stream */
	uint32_t urgent_bytes; /**< from the next unread byte to the end of the peer's urgent data,
				  0 = none pending (RFC 9293 3.8.5) */
	enum hr_soft_error soft_error; /**< the last one */
};
/** Fill @p info. 0, -ESTALE. */
HR_API int hr_conn_info(struct hr_worker *w, hr_conn c, struct hr_conn_info *info);
/** @} */

/** @name Packet I/O
 * A port is anything that receives and sends bursts of mbufs. Built-in ones are named by a string
 * ("wire:0", "impair(loss=1%,seed=7) net_tap0,iface=t0", "0000:3b:00.0"); an application may bring
 * its own operations.
 * @{ */

#define HR_OFFLOAD_RX_CSUM   (1u << 0) /**< received checksums are verified, see ol_flags */
#define HR_OFFLOAD_TX_CSUM   (1u << 1) /**< IPv4 and TCP checksums are filled in on request */
#define HR_OFFLOAD_TSO       (1u << 2) /**< TCP segmentation, see tso_bytes and tx_segs */
#define HR_OFFLOAD_RSS       (1u << 3) /**< Toeplitz over the 4-tuple, see key and RETA */
#define HR_OFFLOAD_FAST_FREE (1u << 4) /**< all mbufs come from one pool with refcnt 1 */

/** What a port can do and is. */
struct hr_port_caps {
	char name[64];       /**< for people */
	uint8_t mac[6];      /**< our station address */
	uint16_t mtu;        /**< IP bytes per frame */
	uint16_t max_queues; /**< receive/transmit queue pairs */
	uint32_t offloads;   /**< HR_OFFLOAD_* available */
	uint16_t reta_size;  /**< entries, 0 without RSS */
	uint8_t rss_key_len; /**< bytes in rss_key, 40 or 52 */
	uint8_t rss_key[52]; /**< Toeplitz key */
	bool copies_tx;      /**< the mbuf is free again when tx (or flush) returns */
	uint16_t tx_segs;    /**< mbufs that one frame may be chained of; 0 and 1: no chains */
	uint32_t tso_bytes;  /**< with HR_OFFLOAD_TSO: most IP bytes of a frame that tx cuts */
};

/** How the engine sets a port up. */
struct hr_port_setup {
	uint16_t queues;                  /**< queue pairs, <= max_queues */
	struct rte_mempool *const *pools; /**< one per queue: rx allocates from it */
	uint32_t offloads;            /**< HR_OFFLOAD_* the engine will use, a subset of the caps */
	const uint16_t *reta;         /**< caps.reta_size queue numbers; NULL = i % queues */
	uint64_t (*clock)(void *arg); /**< microseconds */
	void *clock_arg;              /**< passed to clock */
	uint64_t seed;                /**< for whatever the port decides by chance */
	bool promiscuous;             /**< take frames for every station, not only for ours */
	int numa_node;                /**< -1 = any */
};

/** Counters of a port; all since start. */
struct hr_port_stats {
	uint64_t rx_packets;               /**< handed to the caller of rx */
	uint64_t rx_bytes;                 /**< the same in bytes */
	uint64_t tx_packets;               /**< taken by tx */
	uint64_t tx_bytes;                 /**< the same in bytes */
	uint64_t rx_missed;                /**< lost before we could take them: ring full */
	uint64_t rx_nombuf;                /**< lost because the pool was empty */
	uint64_t tx_full;                  /**< packets that tx did not take at once */
	uint64_t impaired_loss;            /**< drivers/impair: dropped on purpose */
	uint64_t impaired_dup;             /**< sent twice */
	uint64_t impaired_reorder;         /**< held back, or let past the delay */
	uint64_t impaired_corrupt;         /**< bits flipped */
	uint64_t impaired_queue_drop;      /**< the queue in front of `rate` was full */
	uint64_t impaired_mark;            /**< Congestion Experienced was set (RFC 3168) */
	uint64_t impaired_late;            /**< left more than 100 us after their time */
	uint64_t impaired_late_max_us;     /**< the latest of them */
	uint64_t impaired_queue_bytes;     /**< waiting for `rate` when last looked at */
	uint64_t impaired_queue_max_bytes; /**< the most that ever waited */
};

/**
 * Operations of a port. rx and tx are called by the worker that owns the queue; the others by the
 * set-up thread, except deadline (the queue's worker) and stats (any thread).
 */
struct hr_port_ops {
	const char *driver; /**< name, for messages */
	/** Fill @p caps: 0 or a negative errno. */
	int (*caps)(void *port, struct hr_port_caps *caps);
	/** Set up and start; on error a sentence in @p err. -ENOTSUP: RSS is not done as asked, and
	 * the port may be started again with one queue and without. */
	int (*start)(void *port, const struct hr_port_setup *setup, char *err, size_t errlen);
	/** Up to @p n packets into @p m; ownership goes to the caller. */
	uint16_t (*rx)(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	/** Take up to @p n packets, return how many; ownership of those goes to the port. */
	uint16_t (*tx)(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
	void (*flush)(void *port, uint16_t queue); /**< optional: end of a turn */
	/** optional: when rx or flush should be called next */
	uint64_t (*deadline)(void *port, uint16_t queue);
	/** optional: change RSS while running */
	int (*set_reta)(void *port, const uint16_t *reta, uint16_t n);
	int (*stats)(void *port, struct hr_port_stats *s); /**< optional */
	bool (*link_up)(void *port);                       /**< optional: true when absent */
	/** Stop and free everything. */
	void (*close)(void *port);
};

/** Open a built-in port by its string; wrappers nest to the right. -EINVAL, -ENODEV, -EBUSY with a
 * sentence. */
HR_API int hr_port_open(const char *spec, struct hr_port **port, char *err, size_t errlen);
/** Make a port of an application's own operations; @p priv is passed to each. -ENOMEM. */
HR_API int hr_port_create(const struct hr_port_ops *ops, void *priv, struct hr_port **port);
/** What the port can do and is. */
HR_API int hr_port_caps(struct hr_port *port, struct hr_port_caps *caps);
/** Counters of the port. -ENOTSUP when it keeps none. */
HR_API int hr_port_stats(struct hr_port *port, struct hr_port_stats *s);
/** Set up and start, once per port. This and the calls below are for programs that move raw frames
 * themselves, as a bridge does; a port that an engine has taken is the engine's. A negative errno
 * with a sentence in @p err. */
HR_API int hr_port_start(
	struct hr_port *port, const struct hr_port_setup *setup, char *err, size_t errlen);
/** Up to @p n received frames into @p m, which the caller then owns; never blocks. By one thread
 * per queue, as hr_port_tx(). */
HR_API uint16_t hr_port_rx(struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
/** Send up to @p n frames; the port owns those it took, the rest stays the caller's. Returns how
 * many were taken. A frame has tx_segs mbufs at most, or else one of `setup.pools` size. */
HR_API uint16_t hr_port_tx(struct hr_port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n);
/** End of a turn: what may leave leaves. Call it after the last hr_port_tx() of a turn, and when
 * hr_port_deadline() has come. */
HR_API void hr_port_flush(struct hr_port *port, uint16_t queue);
/** When hr_port_rx() or hr_port_flush() should be called next because of something the port holds;
 * HR_NEVER when only arrivals count. */
HR_API uint64_t hr_port_deadline(struct hr_port *port, uint16_t queue);
/** Is there a link? */
HR_API bool hr_port_link_up(struct hr_port *port);
/** Change the RSS redirection table of a running port. -ENOTSUP, -EINVAL. */
HR_API int hr_port_set_reta(struct hr_port *port, const uint16_t *reta, uint16_t n);
/** Close a port that no engine has taken. NULL is allowed. */
HR_API void hr_port_close(struct hr_port *port);
/** @} */

/** @name Engine and workers
 * @{ */

/** What an idle worker does. */
enum hr_idle {
	HR_IDLE_AUTO = 0, /**< poll, or yield when workers leave no core to others */
	HR_IDLE_POLL,
	HR_IDLE_YIELD,
	HR_IDLE_SLEEP /**< until the next deadline, 50 us at most */
};

/** A range of local addresses on a port. */
struct hr_addr_config {
	struct hr_ip first; /**< the first address */
	uint32_t count;     /**< consecutive addresses, >= 1 */
	uint8_t prefix_len; /**< of the connected subnet */
	uint8_t port;       /**< index into ports */
};

/** A gateway: the default route of its family. */
struct hr_gateway_config {
	struct hr_ip via; /**< address of the gateway, on a connected subnet */
	uint8_t port;     /**< index into ports */
};

/** Everything an engine needs to know. Start from hr_engine_config_default. */
struct hr_engine_config {
	const char *name; /**< in messages, and in the names of pools; unique in the process */
	unsigned workers; /**< 1..HR_MAX_WORKERS */
	struct hr_port *ports[HR_MAX_PORTS];      /**< taken over, also when creation fails */
	unsigned n_ports;                         /**< 1..HR_MAX_PORTS */
	const struct hr_addr_config *addrs;       /**< local addresses, at least one */
	unsigned n_addrs;                         /**< entries of addrs */
	const struct hr_gateway_config *gateways; /**< may be NULL */
	unsigned n_gateways;                      /**< entries of gateways */
	uint32_t max_conns;                       /**< connections per worker */
	uint32_t max_half_open; /**< SYN entries per worker, then SYN cookies answer (RFC 4987) */
	uint32_t max_time_wait; /**< TIME-WAIT entries per worker; above it the oldest makes room */
	uint32_t mbufs;         /**< per worker, 0 = computed from the ports and max_conns */
	struct hr_tcp_params tcp;     /**< default parameters */
	uint64_t seed;                /**< 0 = from the kernel's random source */
	uint64_t (*clock)(void *arg); /**< microseconds, monotonic; NULL = TSC */
	void *clock_arg;              /**< passed to clock */
	enum hr_idle idle;            /**< what an idle worker does under hr_run() */
	bool profile;       /**< count the cycles of each stage of a turn (counters cycles_*) */
	bool siphash;       /**< table hash by SipHash even where AES instructions exist */
	uint32_t rst_per_s; /**< most RSTs a second to one stranger (an IPv6 one is its /64), and
			       most ICMP errors a second to all of them; per worker */
};

/** A configuration that only lacks name, ports and addresses. */
HR_API extern const struct hr_engine_config hr_engine_config_default;

/**
 * Create an engine with its workers and memory, and start its ports. EAL must be up
 * (hr_runtime_init(), or your own rte_eal_init()). @p cfg is copied. -EINVAL, -ENOMEM, -ENODEV with
 * a sentence.
 */
HR_API int hr_engine_create(
	const struct hr_engine_config *cfg, struct hr_engine **engine, char *err, size_t errlen);
/** Free everything. Connections vanish without a word; stop and drain first when the peers should
 * know. */
HR_API void hr_engine_destroy(struct hr_engine *e);
/** Number of workers. */
HR_API unsigned hr_engine_workers(const struct hr_engine *e);
/** Worker @p i, 0 <= i < hr_engine_workers(). */
HR_API struct hr_worker *hr_engine_worker(struct hr_engine *e, unsigned i);
/** What start-up decided, for people: ports, queues, offloads, RSS method, memory; several lines.
 * Returns @p buf. */
HR_API const char *hr_engine_describe(const struct hr_engine *e, char *buf, size_t len);

/**
 * Accept connections on every worker (RFC 9293 3.9.1.1). Before the first turn, or from any
 * worker's thread through hr_post() on each worker with hr_worker_listen().
 *
 * @param e       the engine.
 * @param local   family 0: every local address of both families.
 * @param port    to listen on.
 * @param app     callbacks; must outlive the engine.
 * @param user    becomes the pointer of each accepted connection.
 * @param params  NULL: engine default.
 * @return 0, -EADDRINUSE, -EADDRNOTAVAIL (not a local address), -EINVAL, -ENOSPC.
 */
HR_API int hr_listen(struct hr_engine *e, const struct hr_ip *local, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_tcp_params *params);
/** As hr_listen(), for one worker, while running. */
HR_API int hr_worker_listen(struct hr_worker *w, const struct hr_ip *local, uint16_t port,
	const struct hr_app *app, void *user, const struct hr_tcp_params *params);
/** Stop accepting on one worker; established connections live on. -ENOENT. */
HR_API int hr_worker_unlisten(struct hr_worker *w, const struct hr_ip *local, uint16_t port);

/** One turn: receive, run timers, call back, send. Never blocks. Returns packets received +
 * callbacks run + packets sent. */
HR_API unsigned hr_worker_turn(struct hr_worker *w);
/** When the next turn has something to do by itself; the current time when it has already; HR_NEVER
 * when only input can. */
HR_API uint64_t hr_worker_deadline(struct hr_worker *w);
/** The worker's time, read at the start of the turn. */
HR_API uint64_t hr_worker_now(const struct hr_worker *w);
/** Its number within the engine. */
HR_API unsigned hr_worker_index(const struct hr_worker *w);
/** The engine it belongs to. */
HR_API struct hr_engine *hr_worker_engine(const struct hr_worker *w);
/** Live connections of this worker, without half-open and TIME-WAIT. Any thread. */
HR_API uint32_t hr_worker_conns(const struct hr_worker *w);
/** A pointer for the application. */
HR_API void hr_worker_set_user(struct hr_worker *w, void *user);
/** What hr_worker_set_user() set, NULL before. */
HR_API void *hr_worker_user(const struct hr_worker *w);
/**
 * Hand in a burst that the application received itself on @p port (an index); the engine takes
 * ownership of all, and what is not for it comes back in @p passed (room for n). Work is done in
 * the next turn's order: call it between turns.
 * @return number of packets in @p passed.
 */
HR_API uint16_t hr_worker_input(struct hr_worker *w, unsigned port, struct rte_mbuf **m, uint16_t n,
	struct rte_mbuf **passed);
/** Register the calling non-EAL thread with DPDK so that mempool caches work. -ENOMEM with a
 * sentence. */
HR_API int hr_worker_attach(struct hr_worker *w, char *err, size_t errlen);

/**
 * Run @p fn in the worker's next turn. The only call that any thread may make. -EAGAIN when the
 * mailbox is full.
 */
HR_API int hr_post(struct hr_worker *w, void (*fn)(struct hr_worker *w, void *arg), void *arg);

/** Call @p fn once, @p delay_us from now, from the worker's turn. Returns an id > 0, or 0 when
 * timers are exhausted. */
HR_API uint64_t hr_timer_start(struct hr_worker *w, uint64_t delay_us,
	void (*fn)(struct hr_worker *w, void *arg), void *arg);
/** Stop a timer. 0, -ENOENT when it has fired or is unknown. */
HR_API int hr_timer_stop(struct hr_worker *w, uint64_t id);
/** @} */

/** @name Metrics
 * Counters and drop reasons are numbered; each has a name and an explanation. Any thread may read.
 * @{ */
/** How many counters there are. */
HR_API unsigned hr_counter_count(void);
/** Name of counter @p i, e.g. "retransmits"; NULL when there is none. */
HR_API const char *hr_counter_name(unsigned i);
/** What counter @p i counts, in a sentence; NULL when there is none. */
HR_API const char *hr_counter_help(unsigned i);
/** Index of a counter by name, or -ENOENT. */
HR_API int hr_counter_find(const char *name);
/** Value on one worker, or the sum with worker = -1. */
HR_API uint64_t hr_engine_counter(const struct hr_engine *e, int worker, unsigned i);
/** How many drop reasons there are. */
HR_API unsigned hr_drop_count(void);
/** Name of drop reason @p i, e.g. "tcp_paws"; NULL when there is none. */
HR_API const char *hr_drop_name(unsigned i);
/** Which packets are dropped for reason @p i, in a sentence; NULL when there is none. */
HR_API const char *hr_drop_help(unsigned i);
/** Packets dropped for reason @p i on one worker, or on all with worker = -1. */
HR_API uint64_t hr_engine_drop(const struct hr_engine *e, int worker, unsigned i);

/** A log-linear histogram of microseconds (or any uint64_t): 1/128 relative error, fixed memory,
 * one writer. */
HR_API struct hr_hist *hr_hist_create(void);
/** Free it; NULL is allowed. */
HR_API void hr_hist_free(struct hr_hist *h);
/** Count one value. */
HR_API void hr_hist_record(struct hr_hist *h, uint64_t value);
/** @p n equal values. */
HR_API void hr_hist_record_n(struct hr_hist *h, uint64_t value, uint64_t n);
/** Add @p from to @p into: exact. The writer of @p from may be running; counts are then as of about
 * now. */
HR_API void hr_hist_merge(struct hr_hist *into, const struct hr_hist *from);
/** Value at or below which a share @p q (0..1) lies; 0 when empty. q = 1 gives the exact maximum.
 */
HR_API uint64_t hr_hist_quantile(const struct hr_hist *h, double q);
/** Values recorded. */
HR_API uint64_t hr_hist_count(const struct hr_hist *h);
/** The largest value, exactly; 0 when empty. */
HR_API uint64_t hr_hist_max(const struct hr_hist *h);
/** The mean, exactly; 0 when empty. */
HR_API double hr_hist_mean(const struct hr_hist *h);
/** Forget all values. Writer's thread only. */
HR_API void hr_hist_reset(struct hr_hist *h);
/** @} */

/** @name Numbers that people write
 * 0, or -EINVAL with a sentence that names the text and the units.
 * @{ */
HR_API int hr_parse_count(const char *text, uint64_t *out, char *err,
	size_t errlen); /**< 10, 10k, 2M, 1G (powers of 1000) */
HR_API int hr_parse_bytes(const char *text, uint64_t *out, char *err,
	size_t errlen); /**< 512, 64K, 1M, 1G (powers of 1024), 10kB = 10000 */
HR_API int hr_parse_duration_us(const char *text, uint64_t *out, char *err,
	size_t errlen); /**< 10us, 2ms, 1.5s, 3m, 1h; a bare number is seconds */
HR_API int hr_parse_share(
	const char *text, double *out, char *err, size_t errlen); /**< 0.1%, 0.001 */
HR_API int hr_parse_bps(const char *text, uint64_t *out, char *err,
	size_t errlen); /**< 200M, 10G, 100Mbps: bits per second */
/** @} */

/** @name Runtime
 * Optional: starts EAL and drives workers for programs that have no loop of their own.
 * @{ */

/** How to start. Zero what you do not care about. */
struct hr_runtime_config {
	const char *program;    /**< in messages; also the EAL file prefix with the pid */
	unsigned cores;         /**< worker threads wanted; 0 = one per CPU we may run on */
	uint64_t memory_bytes;  /**< for mbufs; 0 = computed by hr_runtime_memory() defaults */
	const char *const *pci; /**< PCI addresses to probe, NULL-terminated; NULL = --no-pci */
	bool no_huge;           /**< do not use hugepages even when there are some */
	bool verbose;           /**< let EAL log */
};
/**
 * Start EAL: hugepages when there are enough free, plain memory otherwise, a file prefix of its
 * own, no PCI scan unless asked. Adopts an EAL that is already up. @p note gets one or two
 * sentences on what was chosen (may be NULL). Negative errno with a sentence that has the fix.
 */
HR_API int hr_runtime_init(
	const struct hr_runtime_config *cfg, char *note, size_t notelen, char *err, size_t errlen);
/** Worker threads hr_run() can pin. */
HR_API unsigned hr_runtime_cores(void);

/** How to drive. */
struct hr_run_opts {
	/** Called on the calling thread every @p tick_us with the time since start; return false to
	 * stop. May be NULL. */
	bool (*tick)(void *arg, uint64_t elapsed_us);
	void *arg;        /**< passed to tick */
	uint64_t tick_us; /**< 0 = 100 ms */
};
/**
 * Step every worker of @p engines until hr_stop() or tick() says so: one worker thread per core,
 * workers spread over them in turn. The calling thread only ticks. 0, or a negative errno with a
 * sentence.
 */
HR_API int hr_run(struct hr_engine *const *engines, unsigned n, const struct hr_run_opts *opts,
	char *err, size_t errlen);
/** Ask hr_run() to return. Async-signal-safe: for SIGINT handlers; any thread. */
HR_API void hr_stop(void);
/** hr_run() for one engine until SIGINT or SIGTERM. */
HR_API int hr_engine_run(struct hr_engine *e);
/** Free EAL's resources at the end of the program. */
HR_API void hr_runtime_fini(void);

/** One call for small programs: EAL, one port, one address ("198.18.0.1/24"), an engine with
 * default settings. */
HR_API int hr_simple(const char *program, const char *port, const char *address,
	struct hr_engine **e, char *err, size_t errlen);
/** @} */

#ifdef __cplusplus
}
#endif

#endif
