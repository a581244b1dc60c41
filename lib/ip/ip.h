/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IP layer of one worker: local addresses (interned), routes, next hops with their neighbour
 * state (ARP and NDP in one table), ICMP. It owns no packet I/O: what it wants sent goes through
 * emit(), frames complete with Ethernet header.
 *
 * Each worker keeps its own neighbour state. With several workers the engine gives a copy of every
 * ARP and NDP packet to all of them, so that each learns.
 */
#ifndef HR_IP_IP_H
#define HR_IP_IP_H

#include <rte_byteorder.h>

#include "base/rng.h"
#include "base/slab.h"
#include "flow/key.h"
#include "metrics/metrics.h"
#include "proto/frame.h"

struct hr_ip_layer;

/* Next hop states; X(name). INCOMPLETE queues, STALE and PROBE send and verify, FAILED refuses for
 * a while. */
enum hr_nh_state { NH_FREE, NH_INCOMPLETE, NH_REACHABLE, NH_STALE, NH_PROBE, NH_FAILED };

/* One shared entry per next hop: the Ethernet header ready to copy. */
struct hr_nexthop {
	uint8_t l2[16]; /* dst, src, ethertype: 14 bytes, and 2 of padding */
	uint8_t state;  /* enum hr_nh_state */
	uint8_t family;
	uint8_t port;
	uint8_t tries;
	uint16_t mtu; /* IP bytes */
	uint16_t pending_n;
	uint32_t refs; /* connections that hold it */
	uint64_t deadline_us, confirmed_us;
	struct hr_ip addr;
	struct rte_mbuf *
		pending[4]; /* newest HR_NH_PENDING packets while resolving; the oldest gives way */
};

struct hr_ip_config {
	const struct hr_engine_config *cfg;
	const struct hr_port_caps *ports; /* of cfg->n_ports */
	struct hr_metrics *m;
	struct hr_rng *rng;
	struct rte_mempool *pool; /* for ARP, NDP and ICMP packets */
	/* Send a complete frame on a port; takes ownership always. */
	void (*emit)(void *arg, unsigned port, struct rte_mbuf *m);
	/* A next hop failed (or recovered): tell the connections waiting for it. nh is its number.
	 */
	void (*unreachable)(void *arg, uint16_t nh);
	void *arg;
};

int hr_ip_create(const struct hr_ip_config *cfg, struct hr_ip_layer **ip, char *err, size_t errlen);
void hr_ip_free(struct hr_ip_layer *ip);

/* --- local addresses
 * ------------------------------------------------------------------------------------------------
 */

/* Id of a local address (network order bytes), 0 when it is not ours. O(1), one line for
 * those near the one used last. */
uint32_t hr_laddr_find(const struct hr_ip_layer *ip, uint8_t family, const void *addr);

/* What was found last, on a line of its own. */
struct hr_laddr_last {
	uint32_t first4, count4, index4; /* the IPv4 range, host order; count4 0 = nothing yet */
	uint32_t gap4, gap_count4;       /* IPv4 addresses that are not ours, likewise */
	uint32_t id6;                    /* of addr6, 0 = nothing yet */
	uint8_t addr6[16];
};
const struct hr_laddr_last *hr_laddr_last(const struct hr_ip_layer *ip);
/* hr_laddr_find() for an IPv4 address of the range found last; 0: ask hr_laddr_find(). */
static inline uint32_t hr_laddr_near(const struct hr_laddr_last *last, uint32_t addr4)
{
	uint32_t d = rte_be_to_cpu_32(addr4) - last->first4;

	return likely(d < last->count4) ? last->index4 + d : 0;
}

/* The address behind an id. */
const struct hr_ip *hr_laddr(const struct hr_ip_layer *ip, uint32_t id);
/* The port it lives on. */
unsigned hr_laddr_port(const struct hr_ip_layer *ip, uint32_t id);
/* The local address to use towards remote, in turn among those of the outgoing subnet (RFC 9293
 * MUST-44); 0 = none. */
uint32_t hr_laddr_choose(struct hr_ip_layer *ip, const struct hr_ip *remote);
/* True when remote is a unicast address that a connection may be opened to: not multicast,
 * broadcast (also of our subnets), unspecified, loopback (RFC 9293 MUST-46, MUST-57, MUST-63). */
bool hr_ip_unicast(const struct hr_ip_layer *ip, const struct hr_ip *remote);

/* --- routes and next hops
 * ------------------------------------------------------------------------------------------- */

/* Number (> 0) of the next hop from a local address to remote: itself when connected, else the
 * gateway. Takes a reference. 0 = no route (-ENETUNREACH) or table full. Starts resolution lazily:
 * with the first packet. */
uint16_t hr_route(
	struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote, uint64_t now_us);
/* The same for the answer to a segment without a connection, whose source may be made up: of
 * neighbours that were never heard of, so many a second are asked for and no more; 0 for the
 * others. Who is on the link and wants an answer has asked for our address first, and is known. */
uint16_t hr_route_back(
	struct hr_ip_layer *ip, uint32_t laddr_id, const struct hr_ip *remote, uint64_t now_us);
/* The same where an IPv4 packet went before, from an address of the same port; 0: ask one of the
 * others. */
uint16_t hr_route_known(
	struct hr_ip_layer *ip, uint32_t laddr_id, uint32_t remote4, uint64_t now_us);
/* One more reference to a next hop that is referenced. */
void hr_nexthop_hold(struct hr_ip_layer *ip, uint16_t nh);
void hr_nexthop_put(struct hr_ip_layer *ip, uint16_t nh);
struct hr_nexthop *hr_nexthop(struct hr_ip_layer *ip, uint16_t nh);
/* Send an IP packet (data start = IP header) to nh: prepends Ethernet and emits, or queues it while
 * resolving. Takes ownership. Returns false when nh has FAILED (the packet is freed). */
bool hr_nexthop_send(struct hr_ip_layer *ip, uint16_t nh, struct rte_mbuf *m, uint64_t now_us);
/* True while another packet to nh would push out one that waits for its address. */
bool hr_nexthop_full(const struct hr_ip_layer *ip, uint16_t nh);
/* TCP made forward progress through nh: it is reachable (RFC 4861 7.3.1). */
void hr_nexthop_confirm(struct hr_ip_layer *ip, uint16_t nh, uint64_t now_us);
/* TCP hears nothing from beyond nh: the next packet through it makes us ask (RFC 1122 3.3.1.4). */
void hr_nexthop_doubt(struct hr_ip_layer *ip, uint16_t nh);

/* --- path MTU
 * -------------------------------------------------------------------------------------------------
 */

/* IP bytes that the path to remote carries, as far as somebody learned less than the link's; 0 =
 * nothing known. *df_clear: even those only when routers may cut them (IPv4). */
uint16_t hr_pmtu(
	const struct hr_ip_layer *ip, const struct hr_ip *remote, uint64_t now_us, bool *df_clear);
/* A connection found out; good for ten minutes. */
void hr_pmtu_learn(struct hr_ip_layer *ip, const struct hr_ip *remote, uint16_t mtu, bool df_clear,
	uint64_t now_us);

/* --- input and time
 * -------------------------------------------------------------------------------------------------
 */

/* ARP, ICMP, ICMPv6 frames that hr_frame_parse() classified, and UDP (answered with port
 * unreachable, rate-limited, or dropped). Does not take ownership of m: the caller frees it.
 * DROP_NONE = accepted. ICMP errors that quote TCP come back in *err with *is_err = true, for the
 * engine to find the connection. reply_ok = false: only learn from it, send nothing (a copy that
 * another worker answers). */
enum hr_drop hr_ip_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok, struct hr_icmp_error *err,
	bool *is_err);
/* Run resolution timers. */
void hr_ip_expire(struct hr_ip_layer *ip, uint64_t now_us);
/* Next time hr_ip_expire() has work, HR_NEVER when none. */
uint64_t hr_ip_deadline(const struct hr_ip_layer *ip);
/* Announce our addresses (gratuitous ARP, unsolicited NA): at start. At most 64 addresses a port.
 */
void hr_ip_announce(struct hr_ip_layer *ip, uint64_t now_us);
/* Numbers for the report: entries by state. */
void hr_ip_neighbours(
	const struct hr_ip_layer *ip, unsigned *complete, unsigned *incomplete, unsigned *failed);

#endif
