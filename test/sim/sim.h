/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The deterministic simulator: two hosts (engines of one or more workers) joined by two impaired
 * links on a virtual clock. A choice string is a world:
 *
 *   choices -> dice.c: links, parameters, applications, faults
 *           -> world.c: [events, turns of workers, in order of time] -> verdict + trace hash
 *
 * What is checked: app.c the streams, checker.c every frame that leaves, oracle.c every connection
 * after every turn and the account at the end. sometimes.c notes what was reached. Nothing depends
 * on addresses of memory, the time of day or uninitialised memory.
 */
#ifndef HR_TEST_SIM_H
#define HR_TEST_SIM_H

#include "choice.h"
#include "engine/worker.h"
#include "sometimes.h"

#define SIM_MAX_CONNS 20
#define SIM_MAX_ENDS                                                                               \
	(12 * SIM_MAX_CONNS) /* server ends may be born twice: old duplicates, cookies */
#define SIM_MAX_WORKERS 3
#define SIM_PORT        80
#define SIM_RETA        128
#define SIM_FLOWS       160 /* connections per worker, and one */
#define SIM_TAINTS      16

enum sim_side { CLIENT, SERVER };

struct world;
struct sim_end;

/* --- link.c: what happens to a frame on its way ---------------------------------------------- */

/* Which frame of a direction a rule is about. */
enum sim_kind { KIND_SYN, KIND_SYNACK, KIND_FIN, KIND_ACK, KIND_RETX, KIND_DATA, KIND_RST, KIND_N };

/* Probabilities in parts of a million. ARP and neighbour discovery pass: they have no checksum to
 * save them. */
struct sim_impair {
	uint32_t loss, dup, reorder, corrupt;
	uint32_t to_bad, to_good, bad_loss; /* Gilbert-Elliott; to_bad 0 = off */
	uint32_t delay_us, jitter_us;
	uint64_t bytes_per_s; /* 0 = no limit */
	uint32_t queue_bytes;
	uint32_t mark_bytes; /* CE above this queue; 0 = off */
	uint32_t mark;       /* CE at random */
	uint64_t outage_from_us, outage_us;
	uint8_t drop_kind; /* frames drop_first .. drop_first + drop_n - 1 of this kind vanish */
	uint32_t drop_first, drop_n;
	uint64_t mtu_at_us; /* from then on until the healing the path takes no more than mtu */
	uint16_t mtu;       /* 0 = no change */
	bool mtu_icmp;      /* and says so */
	uint8_t strip;      /* options on SYN: STRIP_* */
	bool strip_sacks;   /* SACK blocks on every segment */
	uint64_t strip_ts_at_us, strip_ts_us; /* timestamps on every segment, for a while */
	bool good_flag; /* the receiving NIC verifies checksums and says so (truthfully) */
	uint32_t lie;   /* ... or lies: says good about a corrupted byte, bad about a good frame */
};

#define STRIP_MSS    BIT(0)
#define STRIP_WSCALE BIT(1)
#define STRIP_SACK   BIT(2)
#define STRIP_TS     BIT(3)

struct sim_frame {
	struct sim_frame *next; /* in a receive queue */
	uint32_t len;
	uint8_t csum; /* what the receiving NIC says: enum sim_csum */
	bool damaged; /* not what was sent: the books on streams do not see it */
	uint8_t data[];
};

enum sim_csum { CSUM_UNKNOWN, CSUM_GOOD, CSUM_BAD };

/* One end of the link as the engine sees it: an hr_port. */
struct sim_port {
	struct world *w;
	enum sim_side side;
	uint16_t queues;
	uint32_t astray; /* share of frames that a NIC with other ideas gives to the wrong queue */
	uint16_t reta[SIM_RETA];
	struct rte_mempool *pools[SIM_MAX_WORKERS];
	struct {
		struct sim_frame *head, **tail;
	} rxq[SIM_MAX_WORKERS];
	uint16_t rx_burst;
	uint64_t tx_full_until_us;
	struct sim_impair out; /* what happens to what this end sends */
	bool bad;              /* the Gilbert-Elliott state */
	uint32_t seen[KIND_N];
	uint64_t wire_free_us; /* when the rate limit lets the next frame start */
};

struct sim_pkt;
void sim_link_send(struct sim_port *p, struct sim_frame *f, const struct sim_pkt *k, bool retx);
/* A frame made of nothing arrives at p at a time. */
void sim_link_inject(struct sim_port *p, const uint8_t *data, uint32_t len, uint64_t at_us);

/* --- event.c ---------------------------------------------------------------------------------- */

/* Something that happens at a time: a frame arrives, an application acts, or the world does. */
struct sim_event {
	uint64_t at_us;
	uint64_t serial; /* order among equals */
	struct sim_frame *frame;
	enum sim_side to;
	struct sim_end *end;
	void (*act)(struct sim_end *e);
	void (*world)(struct world *w, uint32_t arg);
	uint32_t arg;
};

void sim_event_add(struct world *w, struct sim_event ev);
/* The earliest event when it is due by now; false otherwise. */
bool sim_event_pop(struct world *w, uint64_t now_us, struct sim_event *ev);

/* --- port.c ------------------------------------------------------------------------------------
 */

struct sim_frame *sim_frame_new(uint32_t len);
void sim_port_init(struct sim_port *p, struct world *w, enum sim_side side, uint16_t queues);
struct hr_port *sim_port_open(struct sim_port *p);
void sim_port_fini(struct sim_port *p);
/* A frame arrives: into the receive queue of its worker. */
void sim_port_deliver(struct sim_port *p, struct sim_frame *f);

/* --- parse.c: an independent reading of frames ---------------------------------------------------
 */

struct sim_pkt {
	bool v6;
	uint8_t ecn, ttl;
	uint16_t l3, l4, payload; /* offsets in the frame */
	const uint8_t *src, *dst; /* addresses */
	uint16_t sport, dport, wnd, urg, mss;
	uint32_t seq, ack, end; /* end: seq + payload + SYN + FIN */
	uint32_t len;           /* payload */
	uint32_t tsval, tsecr;
	uint8_t flags, wscale, opt_len, n_sack;
	bool has_mss, has_wscale, has_sack_ok, has_ts;
	struct {
		uint32_t left, right;
	} sack[4];
};

/* NULL: fine. Else what is wrong with the frame. verify: checksums, too. */
const char *sim_parse(const uint8_t *d, uint32_t len, struct sim_pkt *p, bool verify);
/* IPv4 or IPv6 with TCP behind it, as far as that can be seen. */
bool sim_is_tcp(const uint8_t *d, uint32_t len);
/* Make the checksums right again after an edit. */
void sim_fix_checksums(uint8_t *d, uint32_t len);

/* --- checker.c: what a connection has said and heard
 * ---------------------------------------------- */

/* One connection of one worker, by slab index; starts over with a new generation. */
struct sim_flow {
	bool known;
	uint32_t generation;
	bool sent_ack, sent_ts, heard_syn;
	uint8_t scale_in;   /* the peer's shift */
	uint32_t out_max;   /* highest sequence number sent, and one */
	uint32_t ack_max;   /* highest acknowledgment sent */
	uint32_t edge_out;  /* right edge of the window offered */
	uint32_t ts_max;    /* newest timestamp sent */
	uint32_t in_max;    /* highest sequence number received, and one */
	uint32_t edge_in;   /* right edge of the window the peer offered */
	uint32_t ts_in_max; /* newest timestamp received */
	bool zero_wnd;
	/* RFC 3168, 8257 on the wire: an active open's request and its answer, a mark that came */
	bool active, ecn_asked, ecn_answered, ce_in;
	/* of oracle.c: the last turn's */
	bool watched;
	uint8_t state, backoff, keep_probes;
	uint32_t snd_una, snd_nxt, cwnd;
};

/* What came before there was a connection to come to: the end of the newest segment. */
struct sim_early {
	uint16_t sport, dport;
	uint32_t end;
	bool ce; /* one of them was marked */
};
#define SIM_EARLY 64

/* A segment leaves; true when it is a retransmission. */
bool sim_check_out(struct sim_port *p, const struct sim_pkt *k);
/* A segment is handed to the engine. first: nothing else of its connection came in this burst. */
void sim_check_in(struct sim_port *p, const struct sim_frame *f, bool first);
struct conn *sim_conn_of(struct world *w, enum sim_side side, const struct sim_pkt *k, bool out,
	unsigned *worker, uint32_t *ref);
/* Its record, begun if need be with what the connection knows. */
struct sim_flow *sim_flow_of(
	struct world *w, enum sim_side side, unsigned worker, const struct conn *c);
/* The connection of this end ends by a timeout (on_close). */
void sim_check_gone(const struct sim_end *e);
/* An application does this to the connection it has. */
void sim_check_call(const struct sim_end *e, enum sim_did what);

/* --- app.c
 * ------------------------------------------------------------------------------------------ */

/* How an application lets go. */
enum sim_plan {
	PLAN_SHUT,      /* shuts its direction when all is sent, reads to the end */
	PLAN_AFTER_EOF, /* sends the rest, then shuts after the peer did */
	PLAN_CLOSE_EOF, /* the same with hr_close() */
	PLAN_CLOSE,     /* hr_close() at a random time: unread data is lost */
	PLAN_ABORT,     /* hr_abort() at a random time */
	PLAN_COUNT
};

/* One end of one connection. Lives until the world ends. */
struct sim_end {
	struct world *w;
	struct hr_worker *worker;
	struct sim_end *peer; /* NULL for a server end that no client is waiting for */
	hr_conn c;
	uint64_t key;   /* of the content it sends */
	uint64_t total; /* bytes it wants to send */
	uint64_t sent, rcvd;
	uint64_t wake_us; /* a pause of the sender */
	enum sim_side side;
	enum sim_plan plan;
	uint16_t local_port; /* 0 = any */
	uint16_t remote_port;
	uint32_t iss;  /* of a client: tells the lives of a tuple apart */
	uint8_t again; /* connect so many times more from the same port */
	uint32_t pause_ppm, pause_us;
	uint32_t urgent_ppm;
	bool pull, mix, lazy; /* sends by on_pull; by both; reads in portions with pauses */
	bool hasty;           /* shuts when all is sent, though it gives up later */
	bool crossing;        /* simultaneous open */
	bool near_wrap;       /* the ISS is moved close to 2^32 or 2^31 */
	bool connected, opened, eof, shut, closed, waiting, paused;
	bool haunted;  /* a ghost of its peer spoke */
	bool given_up; /* hr_close() with something unread, or hr_abort() */
	uint8_t reason;
	unsigned taints;
	uint64_t taint[SIM_TAINTS]; /* offsets of the received stream that a lying NIC let pass */
};

extern const struct hr_app sim_client_app, sim_server_app;
void sim_app_connect(struct sim_end *e);
/* Simultaneous open: the connection is in SYN-RECEIVED. */
void sim_app_crossed(struct world *w, const struct conn *c);
/* The oracle at the end of the world. */
void sim_app_judge(struct sim_end *e);
/* A byte of what this end will receive was changed behind the checksum's back. */
bool sim_app_taint(struct world *w, enum sim_side side, const struct sim_pkt *k, uint32_t at);

/* --- dice.c: what a world is
 * -------------------------------------------------------------------------- */

void sim_roll_world(struct world *w);
void sim_roll_link(struct world *w, struct sim_impair *im);
void sim_roll_params(struct world *w, struct hr_tcp_params *p);
void sim_roll_app(struct sim_end *e);

/* --- faults.c: failing allocations, full rings, empty pools, jumps, attackers
 * ----------------------------- */

void sim_faults_plan(struct world *w);
/* A frame to a host, as if from the other one. */
struct sim_forgery {
	uint8_t b[160];
	uint32_t len;
};
/* Ethernet and IP headers; returns where the l4_len bytes behind them begin. */
uint8_t *sim_forgery_begin(
	struct world *w, struct sim_forgery *f, enum sim_side to, uint8_t proto, uint32_t l4_len);
/* stray.c: what no connection would send, and arg more of it soon. */
void sim_stray(struct world *w, uint32_t arg);
/* The pool of this worker is empty for a while. */
void sim_empty_pool(struct world *w, enum sim_side side, uint32_t worker);
/* flood.c: SYNs from neighbours that do not exist. */
void sim_flood(struct world *w, uint32_t arg);
/* After the engines. */
void sim_flood_end(struct world *w);
/* Give back what is held. */
void sim_faults_end(struct world *w);

/* --- oracle.c
 * ------------------------------------------------------------------------------------------------
 */

void sim_oracle_turn(struct world *w, enum sim_side side, unsigned worker);
void sim_oracle_end(struct world *w);
/* Everything that is still out; true when that is nothing. */
bool sim_oracle_empty(struct world *w, struct hr_census *sum);

/* --- isn.c: where sequence numbers begin
 * --------------------------------------------------------------------- */

/* How far the ISS of a tuple was moved; rport 0 = not used yet. */
struct sim_moved {
	uint16_t rport, lport;
	uint32_t by;
};
#define SIM_MOVED 64

/* The world that calls of hr_isn() belong to from now on; NULL = none. */
void sim_isn_world(struct world *w);

/* --- pools.c: packet memory is kept from world to world
 * ------------------------------------------------------ */

/* Pools that an engine gave back with packets missing. */
unsigned sim_pools_leaky(void);
void sim_pools_fini(void);

/* --- world.c
 * ---------------------------------------------------------------------------------------------------
 */

/* Sums over many worlds. */
struct sim_totals {
	bool plain; /* asked for: worlds take no short ways */
	uint64_t worlds, violations, frames, virtual_us;
	uint64_t conns, ghosts, smooth;
	uint32_t *segments; /* of each world, for the median */
	size_t cap_segments;
	struct sometimes reached;
};

struct world {
	uint64_t seed;
	struct choice *ch;
	bool verbose;
	const char *broken; /* --break: the oracle is wrong on purpose */
	uint64_t now_us, start_us, heal_us;
	bool healed;
	bool v6;
	bool impatient; /* limits so short that they may be reached in all honesty */
	bool starved;   /* allocations failed or pools were empty: connections may die of it */
	bool forged;    /* segments were injected */
	bool jumped;    /* the clock jumped: neighbours may have been given up */
	bool shuffle;   /* workers are stepped in any order */
	bool force_copy;
	bool plain; /* no short ways for what is usual */
	uint16_t mtu;
	uint8_t workers[2];
	uint16_t max_half_open[2], max_time_wait[2];
	uint32_t mbufs[2];
	struct hr_tcp_params params[2];
	struct sim_port port[2];
	struct hr_engine *engine[2];
	struct hr_ip addr[2];
	struct rte_mempool *own_pool; /* flood.c: an embedding program's */
	struct rte_mbuf **held[2];    /* an empty pool: who has it */
	unsigned n_held[2];
	uint32_t held_of[2]; /* whose pool they are from */
	struct sim_event *heap;
	uint32_t n_events, cap_events, in_flight; /* of the events: frames */
	uint64_t serial;
	struct sim_end *ends[SIM_MAX_ENDS];
	unsigned n_conns, n_ends;
	struct sim_flow flow[2][SIM_MAX_WORKERS][SIM_FLOWS];
	struct sim_early early[2][SIM_EARLY];
	unsigned n_early[2];
	struct sim_moved moved[SIM_MOVED];
	uint64_t hash;
	unsigned violations;
	uint64_t frames, segments, ghosts, no_mbuf;
	struct sometimes *reached;
};

/* Run the world of these choices to its end; adds to t and returns the trace hash. */
uint64_t sim_run(
	uint64_t seed, struct choice *ch, bool verbose, const char *broken, struct sim_totals *t);
/* A counter of a host, by name. */
uint64_t world_counter(const struct world *w, unsigned side, const char *name);
__attribute__((format(printf, 2, 3))) void sim_violation(struct world *w, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void sim_log_line(struct world *w, const char *fmt, ...);
#define sim_log(w, ...)                                                                            \
	do {                                                                                       \
		if (unlikely((w)->verbose))                                                        \
			sim_log_line(w, __VA_ARGS__);                                              \
	} while (0)
void sim_hash(struct world *w, const void *data, size_t len);

/* --- shrink.c
 * ----------------------------------------------------------------------------------------------------
 */

/* Smaller choices with the same failure, into file. 0 when something failed and was shrunk. */
int sim_shrink(
	uint64_t seed, struct choice *ch, const char *broken, unsigned max_tries, const char *file);

#endif
