/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole IP layer on a virtual clock with two fake ports: frames that it emits are recorded as
 * bytes, frames that it hears are built here, with a checksum of our own, and go through
 * hr_frame_parse() as on a worker.
 *
 * Port 0: 02:00:00:00:00:01, 198.18.0.1 .. .3/24, 2001:db8::1 .. ::2/64 and fe80::ff:fe00:1,
 * gateways .254 and ::fe. Port 1: 02:00:00:00:00:02, 198.19.0.1/24, no gateway, no IPv6. Peers:
 * 02:00:00:00:01:xx.
 */
#ifndef HR_TEST_UNIT_IP_RIG_H
#define HR_TEST_UNIT_IP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <rte_mbuf.h>

#include "common/eal.h"
#include "ip/ip.h"

#define MS        UINT64_C(1000)
#define SECOND    UINT64_C(1000000)
#define RIG_BYTES 10240
#define RIG_SAID  128

struct bytes {
	unsigned len;
	uint8_t b[RIG_BYTES];
};

struct said {
	unsigned port;
	struct bytes frame;
};

struct rig {
	struct hr_ip_layer *ip;
	struct hr_metrics m;
	struct hr_rng rng;
	struct hr_port_caps caps[2];
	struct hr_engine_config cfg;
	struct rte_mempool *pool;    /* of the layer */
	struct rte_mempool *rx_pool; /* of the frames it hears */
	struct rte_mbuf *hoard[600];
	unsigned hoarded;
	struct said said[RIG_SAID]; /* the first ones since rig_clear() */
	unsigned n_said;
	uint16_t told[64]; /* the first unreachable() calls */
	uint8_t told_state[64];
	unsigned n_told;
	uint16_t put_when_told; /* drop this reference from inside unreachable() */
	struct hr_icmp_error err;
	bool is_err;
	unsigned rx_segment; /* bytes per segment of heard frames, 0 = one segment */
};

/* cmocka's setup and teardown: the teardown checks that no mbuf is missing. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* A layer with other addresses instead. */
void rig_rebuild(struct rig *r, const struct hr_addr_config *addrs, unsigned n,
	const struct hr_gateway_config *gw, unsigned n_gw);

struct hr_ip addr(const char *text);
/* Bytes from hexadecimal; blanks are for the eye. */
struct bytes hex(const char *text);

/* What the layer said, frame i since rig_clear(): port and every byte. */
void says(const struct rig *r, unsigned i, unsigned port, struct bytes frame);
void silent(const struct rig *r);
void rig_clear(struct rig *r);

/* Let the layer hear a frame. */
enum hr_drop hears(struct rig *r, unsigned port, struct bytes frame, uint64_t now_us);
enum hr_drop hears_copy(
	struct rig *r, unsigned port, struct bytes frame, uint64_t now_us); /* reply_ok = false */
/* Run timers up to and including now_us, one deadline at a time. */
void until(struct rig *r, uint64_t now_us);
/* Empty the pool, and fill it again. */
void hoard(struct rig *r);
void unhoard(struct rig *r);

/* An IP packet of 20 (40) bytes plus one tag byte, in an mbuf for hr_nexthop_send(), and its frame.
 */
struct rte_mbuf *packet(struct rig *r, uint8_t tag);
struct bytes packet_frame(
	const char *dst_mac, const char *src_mac, uint16_t ethertype, uint8_t tag);

struct bytes arp(uint16_t op, const char *dst_mac, const char *sha, const char *spa,
	const char *tha, const char *tpa);
/* Ethernet and IP headers, from and to as text (the family follows), around a payload; the checksum
 * of ICMP, ICMPv6 or UDP is filled in. */
struct bytes ip_frame(const char *dst_mac, const char *src_mac, const char *src, const char *dst,
	uint8_t proto, uint8_t ttl, struct bytes payload);
/* Neighbour solicitation or advertisement with options given in hexadecimal. */
struct bytes nd(uint8_t type, uint8_t flags, const char *dst_mac, const char *src_mac,
	const char *src, const char *dst, const char *target, const char *options);

#define ME        "020000000001"
#define ME_PORT1  "020000000002"
#define PEER      "020000000155"
#define PEER2     "020000000166"
#define BROADCAST "ffffffffffff"
#define NOBODY    "000000000000"

#endif
