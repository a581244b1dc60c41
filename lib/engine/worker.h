/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine and its workers, for this module only. A worker owns everything it touches and is
 * stepped by one thread at a time; between workers there are only the rings of struct hr_mailbox.
 * What several workers read (configuration, ports, RSS, keys) is in struct hr_engine and does not
 * change after start.
 */
#ifndef HR_ENGINE_WORKER_H
#define HR_ENGINE_WORKER_H

#include <pthread.h>

#include <rte_cycles.h>
#include <rte_ring.h>

#include "base/rng.h"
#include "engine/conn.h"
#include "engine/engine.h"
#include "flow/listen.h"
#include "flow/ports.h"
#include "flow/rss.h"
#include "flow/table.h"
#include "ip/ip.h"
#include "port/port.h"
#include "proto/frame.h"

#define HR_RX_BURST      64
#define HR_CHANGED_WORDS 16
#define HR_TX_STAGE      512 /* frames waiting for a port */
#define HR_TX_AHEAD      4   /* spare mbufs whose lines are on their way */
#define HR_TX_SPARE      128 /* mbufs at hand for sending, so that what the core emits can be sent */
#define HR_RST_BUCKETS   256
/* In front of payload: Ethernet, IPv6 and the longest TCP header. */
#define HR_TX_HEADERS_MAX  (14 + 40 + 60)
#define HR_TX_RESERVE      32          /* of them: for segments without payload */
#define HR_TX_STALL_US     100         /* when to try again what pool or port refused */
#define HR_TX_STALL_MAX_US 6400        /* the same after many attempts in vain */
#define HR_TX_TURN_MAX     (64u << 10) /* bytes per connection and turn */
#define HR_SYN_ATTEMPTS    16          /* tcp_syn.retries has 4 bits */
#define HR_SLICES          256         /* slices per on_data call */
#define HR_MAILBOX         1024        /* messages, and packets per pair of workers */
#define HR_APP_TIMERS      (1u << 20)

/*
 * What one turn does at most, beside HR_RX_BURST packets of each port: the rest waits for the next
 * turn, which comes at once. With all of them spent at once on connections that are in no cache, a
 * turn stays below 1 ms.
 */
#define HR_TURN_TIMERS  64   /* wheel nodes fired, as many as packets; and application timers */
#define HR_TURN_LATE    8    /* the same while output waits: for its turn, or for a port */
#define HR_TURN_SYNS    64   /* half-open entries that are due */
#define HR_TURN_TW      128  /* TIME-WAIT entries of each family that are over */
#define HR_TURN_SWEEP   1024 /* connections looked at after a next hop failed */
#define HR_TURN_READY   512  /* connections whose callbacks run */
#define HR_TURN_OUTPUT  512  /* connections asked for output */
#define HR_TURN_STALLED 32   /* of them: after one that a port has no room for */
#define HR_TURN_FRAMES  2048 /* frames after which no further connection is asked */
#define HR_TURN_REAP    512  /* ended connections freed */
#define HR_TURN_TABLE   16   /* buckets of a resize, beside those that insertions move */
#define HR_TURN_CHUNKS  1    /* of memory given back, of one slab after the other */

/* A listener: what hr_listen() was given. */
struct hr_service {
	void *user;
	uint32_t laddr_id;
	uint16_t port;
	uint16_t app;    /* index into worker.apps */
	uint16_t params; /* index into tcp.params */
	bool used;
};

/* hr_post() */
struct hr_message {
	void (*fn)(struct hr_worker *w, void *arg);
	void *arg;
};

struct hr_apptimer {
	struct hr_timer_node node;
	void (*fn)(struct hr_worker *w, void *arg);
	void *arg;
	uint32_t generation;
	uint32_t next_free;
};

/* Where a burst comes from: decides about forwarding and answering. */
enum rx_source { RX_PORT, RX_HANDED, RX_FORWARDED };

/* One received burst, parsed. */
struct rx_batch {
	struct tcp_seg seg[HR_RX_BURST];
	struct hr_flow_key key[HR_RX_BURST];
	uint64_t hash[HR_RX_BURST];
	uint32_t ref[HR_RX_BURST];
	struct rte_mbuf *m[HR_RX_BURST];
	struct hr_frame frame[HR_RX_BURST]; /* of those in control */
	uint64_t control;                   /* bit i: it is not TCP */
	unsigned n;
	unsigned port;
	enum rx_source source;
};

struct hr_stage {
	struct rte_mbuf *m[HR_TX_STAGE];
	uint32_t n;
	bool full; /* the port took less than it was given: not asked again in this turn */
};

struct hr_fifo {
	uint32_t head, tail; /* slab indices, 0 = empty */
	uint32_t n;
};

struct hr_worker {
	struct hr_engine *e;
	uint64_t now_us; /* start of the turn */
	uint64_t out_us; /* the clock read again before output */
	uint64_t stamp;  /* TSC at the end of the last stage, when they are counted */
	uint16_t index;
	bool in_turn;
	bool multi; /* other workers exist: packets may be theirs */
	bool force_copy;
	bool plain;   /* no short ways */
	bool profile; /* cycles are counted by stage */
	bool stalled; /* the last output stage ended for want of mbufs or of room in a port */
	bool pool_checked;
	bool pmtu_learned;    /* ip/pmtu.c holds something */
	int64_t pool_left;    /* mbufs above the watermark, counted down within a turn */
	uint32_t dirty_look;  /* dirty connections to ask before the worker may sleep */
	uint32_t stall_avail; /* mbufs in the pool at its end */
	uint32_t stall_us;    /* until it is tried again */
	struct hr_fifo ready, dirty, done;
	struct hr_table *table;
	/* Which hashes changed in the table since the burst was looked up, one bit for many: those
	 * are looked up again. */
	uint64_t table_changed[HR_CHANGED_WORDS];
	struct hr_ip_layer *ip;
	struct rte_mempool *pool;
	uint32_t pool_size;
	uint32_t tx_spares;
	struct hr_wheel wheel, app_wheel;
	uint32_t conns_live;
	uint32_t conn_top;    /* highest index of a connection ever in use */
	uint32_t *conn_floor; /* by chunk of connections: no handle has a higher generation */
	uint32_t turn_slab;   /* whose memory is looked at next */

	struct hr_slab slab[HR_MEM_COUNT];
	struct tcp_ctx tcp;
	struct hr_listeners *listeners;
	struct hr_ports *ports;
	struct hr_service *services;
	uint32_t n_services;
	const struct hr_app **apps;
	uint32_t n_apps;
	uint16_t last_app;
	struct hr_ip last_remote; /* that could be connected to; family 0 = none */

	/* half-open: one FIFO per parameter set and attempt; sentinels are entries of the slab,
	 * circular */
	uint32_t n_half_open;
	uint64_t syn_next_us; /* no entry is due before */
	uint32_t *syn_fifo[TCP_MAX_PARAMS];
	uint32_t n_time_wait; /* live */
	struct hr_fifo tw[2]; /* IPv4, IPv6: live and replaced ones */

	uint64_t
		rst_second; /* which one the numbers are of: answers to strangers, by destination */
	uint32_t rst_sent[HR_RST_BUCKETS], rst_most;
	uint32_t sweep, sweep_left; /* walk over connections after a next hop failed */
	uint32_t timer_free;
	uint32_t app_timers;
	void *user;
	struct hr_rng rng;
	uint64_t label_key[2];

	struct rte_ring *messages;
	struct rte_ring *from[HR_MAX_WORKERS]; /* packets, by sender; NULL for itself */
	struct rte_mbuf *handed[HR_MAX_PORTS]; /* hr_worker_input(): circular by the tail */
	uint32_t handed_n;
	uint32_t rx_n, tx_n, calls_n; /* of this turn */

	struct rte_mbuf *tx_spare[HR_TX_SPARE];
	struct hr_stage stage[HR_MAX_PORTS];
	struct hr_slice slices[HR_SLICES];
	struct rx_batch rx;
	struct hr_metrics m;
	/* Among the writers of messages: all that other threads write in here, on a line of its
	 * own. */
	pthread_mutex_t post_lock __rte_cache_aligned;
} __rte_cache_aligned;

struct hr_engine {
	struct hr_engine_config cfg;
	char name[32];
	unsigned n_workers;
	struct hr_worker *worker[HR_MAX_WORKERS];
	struct rte_mempool *pool[HR_MAX_WORKERS]; /* outlive the ports, which hold mbufs of them */
	struct hr_port *port[HR_MAX_PORTS];
	struct hr_port_caps caps[HR_MAX_PORTS];
	uint32_t offloads[HR_MAX_PORTS];           /* in use */
	char rss_refused[HR_MAX_PORTS][HR_ERRLEN]; /* why the port's own RSS is not used, or "" */
	/* The RETA of the start decides who owns a tuple, also when the port's RETA changes later:
	 * then packets are forwarded. NULL with one worker. */
	struct hr_rss *rss[HR_MAX_PORTS];
	struct hr_addr_config *addrs;
	struct hr_gateway_config *gateways;
	uint64_t seed;
	uint64_t isn_key[2], cookie_key[2];
	uint64_t us_per_tick; /* of the TSC, x 2^64: a clock without a division */
	size_t mbuf_room;
	int mark_off;
};

/* --- plan.c --- */
/* What each port can do, how its queues are used, and whose the tuples are. */
int hr_plan_ports(struct hr_engine *e, char *err, size_t errlen);
int hr_plan_start(struct hr_engine *e, unsigned p, char *err, size_t errlen);

/* --- engine.c, memory.c, worker.c --- */
uint64_t hr_engine_clock(const struct hr_engine *e);
/* A secret for one purpose and one worker, from the seed. */
void hr_engine_key(
	const struct hr_engine *e, const char *purpose, unsigned worker, uint64_t key[2]);
int hr_worker_create(
	struct hr_engine *e, unsigned index, struct hr_worker **w, char *err, size_t errlen);
void hr_worker_free(struct hr_worker *w);
/* Everything of a worker but its pool. Takes what hr_worker_create() left unfinished, too. */
int hr_memory_init(struct hr_worker *w, char *err, size_t errlen);
void hr_memory_fini(struct hr_worker *w);
/* Bytes of data room per mbuf, and mbufs per worker. */
size_t hr_memory_room(const struct hr_engine *e);
uint32_t hr_memory_mbufs(const struct hr_engine *e);
int hr_memory_pool(struct hr_engine *e, unsigned index, char *err, size_t errlen);
/*
 * Mbufs become scarce in this order: low = no new connections but by cookie, and hr_send() takes no
 * more; scarce = payload that arrives is not kept. ACKs are processed to the last: they free
 * memory.
 */
bool hr_memory_low(struct hr_worker *w);
bool hr_memory_scarce(struct hr_worker *w);
/* n mbufs were taken since the pool was counted. */
void hr_memory_charge(struct hr_worker *w, uint32_t n);
/* For hr_worker_time(): the clock is read again. */
uint64_t hr_worker_time_outside(struct hr_worker *w);

/* --- rx.c, owner.c, open.c, control.c --- */
void hr_rx_ports(struct hr_worker *w);
void hr_rx_burst(
	struct hr_worker *w, unsigned port, struct rte_mbuf **m, unsigned n, enum rx_source source);
/* A segment of the batch for this connection. */
void hr_rx_conn(struct hr_worker *w, struct conn *c, struct rx_batch *b, unsigned i);
/* The RST for a segment that nobody here wants, as far as the rate allows. */
void hr_open_reset(struct hr_worker *w, const struct hr_flow_key *k, const struct tcp_seg *s);
/* Throw a received packet away, for this reason; DROP_NONE counts as accepted. */
void hr_rx_done(struct hr_worker *w, struct rte_mbuf *m, enum hr_drop why);
void hr_key_of(struct hr_flow_key *k, uint32_t laddr_id, uint8_t family, const void *remote,
	uint16_t lport, uint16_t rport);
/* The worker that a tuple belongs to. */
unsigned hr_owner(const struct hr_worker *w, const struct hr_flow_key *k);
/* Give the packet to another worker; takes m, counts its door. */
void hr_forward(struct hr_worker *w, unsigned owner, unsigned port, struct rte_mbuf *m);
/* A copy to every other worker: ARP and neighbour discovery. */
void hr_forward_copies(struct hr_worker *w, unsigned port, const struct rte_mbuf *m);
void hr_open_stranger(struct hr_worker *w, struct rx_batch *b, unsigned i);
void hr_open_syn(struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref);
void hr_open_tw(struct hr_worker *w, struct rx_batch *b, unsigned i, uint32_t ref);
void hr_control(struct hr_worker *w, struct rx_batch *b, unsigned i);
void hr_unreachable(void *worker, uint16_t nexthop);
void hr_sweep(struct hr_worker *w);

/* --- listen.c --- */
/* Index of the callbacks in worker.apps; negative -ENOSPC, -ENOMEM. */
int hr_app_add(struct hr_worker *w, const struct hr_app *app);
void hr_listen_free(struct hr_worker *w);

/* --- syn.c, tw.c --- */
/* Link a half-open entry: its answer number e->retries just left. False without memory. */
bool hr_syn_link(struct hr_worker *w, struct tcp_syn *e, uint16_t params);
void hr_syn_unlink(struct hr_worker *w, struct tcp_syn *e);
/* A new entry, not linked; NULL at the limit or without memory. */
struct tcp_syn *hr_syn_new(struct hr_worker *w);
/* Out of the FIFO; the memory goes back. The table is the caller's. */
void hr_syn_free(struct hr_worker *w, struct tcp_syn *e);
void hr_syn_expire(struct hr_worker *w);
void hr_syn_fini(struct hr_worker *w);
/* Replace the connection in the table by a compact entry. */
void hr_tw_enter_conn(struct hr_worker *w, struct conn *c);
/* The entry gives way: out of its life, not out of the FIFO. The table is the caller's. */
void hr_tw_kill(struct hr_worker *w, uint32_t ref);
struct tcp_tw *hr_tw_of(struct hr_worker *w, uint32_t ref);
void hr_tw_expire(struct hr_worker *w);
uint64_t hr_tw_deadline(const struct hr_worker *w);

/* --- ready.c, close.c, apptimer.c, mailbox.c --- */
void hr_ready_run(struct hr_worker *w);
/* What hr_close() and hr_abort() asked for while on_data was running. */
void hr_close_asked(struct hr_worker *w, struct conn *c);
void hr_apptimer_run(struct hr_worker *w);
void hr_mailbox_run(struct hr_worker *w);
bool hr_mailbox_waiting(const struct hr_worker *w);
int hr_mailbox_init(struct hr_worker *w, char *err, size_t errlen);
void hr_mailbox_fini(struct hr_worker *w);
/* One writer, one reader, n elements less one, a power of two; NULL without memory. */
struct rte_ring *hr_ring_create(unsigned elem_size, unsigned n);
/* With the mbufs that are in it. NULL is allowed. */
void hr_ring_free(struct rte_ring *r);
void hr_handed_run(struct hr_worker *w);
void hr_handed_fini(struct hr_worker *w);

/* --- tx.c, tx_build.c --- */
void hr_tx_run(struct hr_worker *w);
/* Output of a connection that owes an ACK, before its next segment. */
void hr_tx_ack_now(struct hr_worker *w, struct conn *c);
/* A segment that belongs to no connection; false when there is no mbuf. */
bool hr_tx_reply(struct hr_worker *w, uint16_t nexthop, const struct hr_flow_key *k,
	const struct tcp_out *o);
/* The same through a route that is looked up for it. */
bool hr_tx_reply_routed(struct hr_worker *w, const struct hr_flow_key *k, const struct tcp_out *o);
void hr_tx_emit(void *worker, unsigned port, struct rte_mbuf *m);
void hr_tx_flush(struct hr_worker *w);
/* The end of a turn, in which something happened or nothing. */
void hr_tx_back_off(struct hr_worker *w, bool worked);
/* When output that was put off is tried again. */
uint64_t hr_tx_deadline(const struct hr_worker *w);
void hr_tx_fini(struct hr_worker *w);
bool hr_tx_refill(struct hr_worker *w, uint32_t want);
/* Frames that a port's staging can still take; sends what is staged when it is nearly full. */
uint32_t hr_tx_room(struct hr_worker *w, unsigned port);
/* Build and send what the core emitted: cuts it in segments, mbufs are at hand. c may be NULL
 * without payload. */
bool hr_tx_send(struct hr_worker *w, uint16_t nexthop, const struct hr_flow_key *k, struct conn *c,
	const struct tcp_out *o);

/* RFC 6437: the same for all packets of a flow, and not to be guessed. */
uint32_t hr_tx_label(const struct hr_worker *w, const struct hr_flow_key *k);

/* --- tx_payload.c --- */
/*
 * [seq, seq + len) of the send queue as a packet without headers, but with room for all of them in
 * front; of at most so many mbufs as the port takes, 0 or 1: one. Spares must be at hand as if all
 * of it were copied.
 */
struct rte_mbuf *hr_tx_payload(
	struct hr_worker *w, struct conn *c, uint32_t seq, uint32_t len, unsigned segs);

/* --- inlines --- */

/* The time for calls, which may come from outside a turn. */
static inline uint64_t hr_worker_time(struct hr_worker *w)
{
	return likely(w->in_turn) ? w->now_us : hr_worker_time_outside(w);
}

/* Without hr_slab_at(): the size is known here. */
static inline struct conn *hr_conn_at(struct hr_worker *w, uint32_t index)
{
	return (struct conn *)(void *)w->slab[HR_MEM_CONN].base + index;
}

static inline uint32_t hr_conn_index(const struct hr_worker *w, const struct conn *c)
{
	return (uint32_t)(c - (const struct conn *)(const void *)w->slab[HR_MEM_CONN].base);
}

static inline hr_conn hr_conn_handle(const struct conn *c)
{
	return c->handle;
}

/* The connection of a live handle, or NULL. */
static inline struct conn *hr_conn_get(struct hr_worker *w, hr_conn h)
{
	uint32_t i = (uint32_t)h & HR_MAX_CONNS;
	struct conn *c;

	if (unlikely(i - 1 >= w->conn_top))
		return NULL;
	c = hr_conn_at(w, i);
	return likely(c->handle == h) ? c : NULL;
}

/* Append to a FIFO that is linked through ready_next: ready, done. */
static inline void hr_fifo_ready(struct hr_worker *w, struct hr_fifo *f, struct conn *c)
{
	uint32_t i = hr_conn_index(w, c);

	c->ready_next = 0;
	*(f->tail == 0 ? &f->head : &hr_conn_at(w, f->tail)->ready_next) = i;
	f->tail = i;
	f->n++;
}

/* Queue for the output stage. */
static inline void hr_conn_dirty(struct hr_worker *w, struct conn *c)
{
	struct hr_fifo *f = &w->dirty;
	uint32_t i;

	w->dirty_look = UINT32_MAX;
	if (c->eflags & EF_DIRTY)
		return;
	c->eflags |= EF_DIRTY;
	c->dirty_next = 0;
	i = hr_conn_index(w, c);
	*(f->tail == 0 ? &f->head : &hr_conn_at(w, f->tail)->dirty_next) = i;
	f->tail = i;
	f->n++;
}

/* Queue for the ready stage. */
static inline void hr_conn_ready(struct hr_worker *w, struct conn *c, uint32_t events)
{
	if (unlikely(c->eflags & EF_DONE))
		return;
	c->pending |= (uint16_t)events;
	if (c->eflags & EF_READY)
		return;
	c->eflags |= EF_READY;
	hr_fifo_ready(w, &w->ready, c);
}

/* An empty mbuf with headroom; it was seen before that there is one. */
static inline struct rte_mbuf *hr_tx_spare(struct hr_worker *w)
{
	struct rte_mbuf *m;

	must(w->tx_spares > 0);
	m = w->tx_spare[--w->tx_spares];
	/* A later one's header, and the end of its headroom, where headers go: other mbufs were
	 * used since it was. */
	if (likely(w->tx_spares >= HR_TX_AHEAD)) {
		const uint8_t *next = (const uint8_t *)w->tx_spare[w->tx_spares - HR_TX_AHEAD];

		rte_prefetch0(next);
		rte_prefetch0(next + sizeof(*m) + RTE_PKTMBUF_HEADROOM - RTE_CACHE_LINE_SIZE);
	}
	return m;
}

static inline struct tcp_syn *hr_syn_at(struct hr_worker *w, uint32_t index)
{
	return hr_slab_at(&w->slab[HR_MEM_SYN], index);
}

/* Bits from the middle of the hash: the table uses its ends. */
static inline uint64_t *hr_changed_word(struct hr_worker *w, uint64_t hash)
{
	return &w->table_changed[hash >> 40 & (HR_CHANGED_WORDS - 1)];
}

static inline void hr_table_changed(struct hr_worker *w, uint64_t hash)
{
	*hr_changed_word(w, hash) |= UINT64_C(1) << (hash >> 48 & 63);
}

static inline bool hr_table_may_have_changed(struct hr_worker *w, uint64_t hash)
{
	return (*hr_changed_word(w, hash) >> (hash >> 48 & 63) & 1) != 0;
}

static inline uint64_t hr_table_remove_key(
	struct hr_worker *w, const struct hr_flow_key *k, uint32_t ref)
{
	uint64_t hash = hr_table_hash(w->table, k);

	hr_table_remove(w->table, k, hash, ref);
	hr_table_changed(w, hash);
	return hash;
}

/*
 * Elements that the reader may take now; rte_ring_count() reads without order. A writer that is
 * faster than we are, or a message that posts itself again, waits for the next turn.
 */
static inline unsigned hr_ring_waiting(const struct rte_ring *r)
{
	return (__atomic_load_n(&r->prod.tail, __ATOMIC_ACQUIRE) - r->cons.tail) & r->mask;
}

/* A stage of the turn ends here. */
static inline void hr_stage_end(struct hr_worker *w, enum hr_counter stage)
{
	uint64_t now;

	if (likely(!w->profile))
		return;
	now = rte_rdtsc();
	hr_count_n(&w->m, stage, now - w->stamp);
	w->stamp = now;
}

static inline const struct hr_tcp_params *hr_params(const struct hr_worker *w, uint16_t i)
{
	return &w->tcp.params[i];
}

#endif
