/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of ip/ share and nobody else sees: the layer itself, address ranges, connected
 * prefixes and neighbour entries. One owner thread, as the worker.
 *
 *   laddr.c      ranges of local addresses, ids by arithmetic
 *   route.c      prefixes, gateways, the choice of a source address
 *   nhtable.c    where entries live: hash, list of the unused, heap of deadlines
 *   neighbour.c  what entries do: the state machine of RFC 4861 7.3, for ARP too
 *   waiting.c    packets that wait for an address
 *   arp.c ndp.c  the two languages it is spoken in
 *   icmp.c       echo and errors
 *   announce.c   telling the neighbours about us
 *   pmtu.c       what connections learned of paths
 */
#ifndef HR_IP_LAYER_H
#define HR_IP_LAYER_H

#include <rte_ether.h>

#include "ip/ip.h"

#define HR_NH_MAX     4096 /* next hops per worker */
#define HR_NH_BUCKETS 8192
#define HR_NH_BACK_PER_S                                                                           \
	256 /* new next hops that strangers may cost us: 6 s of them are far from HR_NH_MAX */
#define HR_NH_PENDING   4 /* packets per next hop that wait for its address */
#define HR_NH_SHARE     8 /* of the pool, at most one part in so many waits for addresses */
#define HR_ROUTE_MEMO   256
#define HR_ANNOUNCE_MAX 64

/* RFC 4861 10, and RFC 1122 2.3.2.1 for ARP: at most one request per second and destination. */
#define HR_NH_TRIES    3
#define HR_NH_RETRY_US UINT64_C(1000000)
#define HR_NH_REACH_US UINT64_C(30000000)
#define HR_NH_DELAY_US UINT64_C(5000000)
#define HR_NH_FAILED_US                                                                            \
	UINT64_C(3000000) /* how long a failure is believed before the next attempt */
#define HR_NH_UNUSED_US    UINT64_C(600000000)
#define HR_NO_MBUF_US      UINT64_C(100000)   /* the pool was empty: try again */
#define HR_IP_DEFEND_US    UINT64_C(10000000) /* RFC 5227 2.4 DEFEND_INTERVAL */
#define HR_IP_ECHO_PER_S   10000
#define HR_IP_TTL          64
#define HR_LADDR_MAX       (1u << 24)
#define HR_LADDR_INDEX(id) ((id) & ~HR_LADDR_V6)

/* Consecutive local addresses; sorted by family and address, and therefore by index as well. */
struct hr_laddr_range {
	struct hr_ip first;
	uint32_t count;
	uint32_t index;  /* of the first address */
	uint16_t prefix; /* which struct hr_prefix it is in */
	uint8_t prefix_len;
	uint8_t port;
};

/* One local address, filled in when it is first asked for. */
struct hr_laddr_entry {
	struct hr_ip ip; /* family 0: not filled in yet */
	uint32_t port;
	uint64_t defended_us; /* last answer to another station's claim, 0 = never */
};

/* A connected subnet of a port; longest first. */
struct hr_prefix {
	struct hr_ip net;
	uint64_t mask[2]; /* in the order of net.b; IPv4 has the first half of mask[0] */
	uint8_t len;
	uint8_t port;
	bool link_local;
	uint16_t turn_range; /* where hr_laddr_choose() goes on */
	uint32_t turn_off;
};

struct hr_nh_entry {
	struct hr_nexthop nh;
	uint64_t unused_us; /* since when refs has been 0 */
	uint32_t laddr_id;  /* in whose name we ask */
	uint32_t reach_us;  /* randomised lifetime of REACHABLE (RFC 4861 6.3.2) */
	uint16_t hash_next; /* also chains the free entries */
	uint16_t lru_prev, lru_next;
	uint16_t wait_prev, wait_next;
	uint16_t heap_pos; /* 0 = no deadline */
	bool delay;        /* STALE and in use: the deadline starts probing (DELAY of RFC 4861) */
	bool told_failed;  /* unreachable() was called for a failure and not yet for a recovery */
};

/* At most `rate` events at once, refilled evenly: the virtual time at which the bucket is full
 * again. */
struct hr_rate {
	uint64_t full_ns;
	uint32_t per_s;
};

struct hr_ip_port {
	uint8_t mac[RTE_ETHER_ADDR_LEN];
	uint16_t mtu;
};

/* Where a packet to this destination went from this port; nh 0 = nowhere yet. */
struct hr_route_memo {
	uint32_t remote4;
	uint16_t nh;
	uint8_t port;
};

struct hr_ip_layer {
	struct hr_ip_config cfg; /* cfg.cfg and cfg.ports are not used after creation */
	struct hr_ip_port port[HR_MAX_PORTS];
	unsigned n_ports;
	uint64_t now_us; /* the latest time we were told */

	struct hr_laddr_range *range;
	unsigned n_ranges, n_ranges4; /* IPv4 comes first */
	struct hr_laddr_entry *laddr; /* by index, from 1 */
	uint32_t n_laddrs;
	struct hr_laddr_last *last; /* apart, so that a lookup may remember it */

	struct hr_prefix *prefix;
	unsigned n_prefixes;
	struct hr_gateway_config *gateway;
	unsigned n_gateways;
	uint32_t turn; /* among equally good ports */
	/* The subnet that an IPv4 destination was found in last, by itself; NULL = none. */
	struct hr_prefix *near;
	uint32_t near4;

	struct hr_nh_entry *nh; /* by number, from 1 */
	uint16_t *bucket;
	uint16_t *heap; /* from 1 */
	uint16_t heap_n;
	uint16_t nh_top;               /* highest number in use so far */
	uint16_t nh_free;              /* first of the free ones */
	uint16_t lru_head, lru_tail;   /* unused entries, oldest first */
	uint16_t wait_head, wait_tail; /* with packets that wait, for longest first */
	uint32_t waiting, waiting_max; /* packets that wait, of all */
	uint64_t hash_key[2];
	struct hr_route_memo memo[HR_ROUTE_MEMO]; /* of IPv4 destinations: route.c */
	struct hr_pmtu_entry *pmtu;               /* NULL = nothing learned yet */

	struct hr_rate echo_rate, error_rate, back_rate;

	uint32_t announce_id[HR_MAX_PORTS * HR_ANNOUNCE_MAX];
	unsigned announce_n, announce_next;
	uint64_t announce_us; /* HR_NEVER = nothing left to announce */
};

/* laddr.c */
int hr_laddr_init(struct hr_ip_layer *ip, char *err, size_t errlen);
/* The id when addr is a local address of this port, else 0. */
uint32_t hr_laddr_on_port(
	const struct hr_ip_layer *ip, unsigned port, uint8_t family, const void *addr);
struct hr_laddr_entry *hr_laddr_entry(const struct hr_ip_layer *ip, uint32_t id);

/* route.c */
int hr_route_init(struct hr_ip_layer *ip, char *err, size_t errlen);
/* True when addr is on the link behind port. */
bool hr_route_connected(const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr);
/* An own address of that family on the port, of link-local scope when remote is; 0 = none. */
uint32_t hr_route_source(const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *remote);

/* nhtable.c */
int hr_nh_init(struct hr_ip_layer *ip, char *err, size_t errlen);
void hr_nh_fini(struct hr_ip_layer *ip);
struct hr_nh_entry *hr_nh_find(
	const struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr);
/* A new entry, INCOMPLETE, idle and unused; NULL when all are referenced. addr must not be in the
 * table. */
struct hr_nh_entry *hr_nh_create(
	struct hr_ip_layer *ip, unsigned port, const struct hr_ip *addr, uint32_t laddr_id);
/* Forget an entry without references; its waiting packets are freed. */
void hr_nh_release(struct hr_ip_layer *ip, struct hr_nh_entry *e);
void hr_nh_hold(struct hr_ip_layer *ip, struct hr_nh_entry *e);
void hr_nh_deadline(struct hr_ip_layer *ip, struct hr_nh_entry *e, uint64_t at_us);
uint16_t hr_nh_number(const struct hr_ip_layer *ip, const struct hr_nh_entry *e);

/* waiting.c */
/* Takes m; another packet may give way for it. */
void hr_nh_wait(struct hr_ip_layer *ip, struct hr_nh_entry *e, struct rte_mbuf *m);
/* All that waited for e, oldest first: they are the caller's. */
unsigned hr_nh_waited(
	struct hr_ip_layer *ip, struct hr_nh_entry *e, struct rte_mbuf *m[HR_NH_PENDING]);
/* False when there is none. */
bool hr_nh_drop_oldest(struct hr_ip_layer *ip, struct hr_nh_entry *e);
void hr_nh_drop_pending(struct hr_ip_layer *ip, struct hr_nh_entry *e);

/* neighbour.c */
/* What a message told about e: its MAC (NULL: nothing), and the two flags of RFC 4861 7.2.5. */
void hr_nh_learn(struct hr_ip_layer *ip, struct hr_nh_entry *e, const uint8_t *mac, bool solicited,
	bool override, uint64_t now_us);
void hr_nh_expire(struct hr_ip_layer *ip, uint64_t now_us);
uint64_t hr_nh_next_deadline(const struct hr_ip_layer *ip);

/* arp.c, ndp.c: false when the pool is empty. dst_mac NULL = broadcast, or the solicited-node
 * group. */
bool hr_arp_solicit(struct hr_ip_layer *ip, unsigned port, uint32_t laddr_id,
	const struct hr_ip *target, const uint8_t *dst_mac);
bool hr_arp_announce(struct hr_ip_layer *ip, uint32_t laddr_id);
enum hr_drop hr_arp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok);
bool hr_ndp_solicit(struct hr_ip_layer *ip, unsigned port, uint32_t laddr_id,
	const struct hr_ip *target, const uint8_t *dst_mac);
bool hr_ndp_announce(struct hr_ip_layer *ip, uint32_t laddr_id);
/* A solicitation or advertisement whose ICMPv6 checksum is good. */
enum hr_drop hr_ndp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok);

/* icmp.c */
enum hr_drop hr_icmp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok, struct hr_icmp_error *err,
	bool *is_err);
enum hr_drop hr_udp_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok);

/* announce.c */
/* Another station uses our address: say whose it is, at most once in 10 s per address (RFC
 * 5227 2.4). */
void hr_ip_defend(struct hr_ip_layer *ip, uint32_t laddr_id, uint64_t now_us);
void hr_announce_expire(struct hr_ip_layer *ip, uint64_t now_us);

/* pmtu.c */
void hr_pmtu_fini(struct hr_ip_layer *ip);

/* layer.c */
/* An mbuf with len bytes of room behind *data, or NULL: counted. */
struct rte_mbuf *hr_ip_alloc(struct hr_ip_layer *ip, unsigned len, uint8_t **data);
bool hr_rate_take(struct hr_rate *r, uint64_t now_us);

/* An address from the bytes in a packet. */
static inline struct hr_ip hr_ip_from(uint8_t family, const void *addr)
{
	struct hr_ip ip = {.family = family};

	memcpy(ip.b, addr, family == 4 ? 4 : 16);
	return ip;
}

static inline bool hr_ip_same(const struct hr_ip *a, const struct hr_ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool hr_ip6_link_local(const struct hr_ip *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

#endif
