/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes to structs: one received Ethernet frame is classified, its lengths and checksums are
 * checked, and a TCP segment is parsed to the last option. Everything is length-checked: any bytes
 * may come in. Multi-segment mbufs are fine as long as headers lie in the first segment (else
 * short_frame).
 */
#ifndef HR_PROTO_FRAME_H
#define HR_PROTO_FRAME_H

#include "metrics/metrics.h"
#include "proto/seg.h"

enum hr_frame_kind {
	HR_FRAME_ARP,
	HR_FRAME_TCP,
	HR_FRAME_ICMP4,
	HR_FRAME_ICMP6,
	HR_FRAME_UDP,
	HR_FRAME_OTHER
};

struct hr_frame {
	uint8_t kind;     /* enum hr_frame_kind */
	uint8_t family;   /* 4, 6, or 0 for ARP */
	uint8_t l3_off;   /* IP or ARP header from the data start */
	uint8_t l2_group; /* destination MAC is broadcast or multicast */
	uint16_t l4_off;  /* past IP options and extension headers */
	uint16_t l4_len;  /* bytes of L4 header and payload, from the IP length fields */
	uint8_t ttl;
	uint8_t proto;
	uint8_t tos;
	const uint8_t *src, *dst; /* IP addresses inside the packet, network order */
	const uint8_t *src_mac;
};

/*
 * Classify m. On success (DROP_NONE) fills f, and s too when f->kind is HR_FRAME_TCP (port 0,
 * checksum, options: all checked). Checks the destination MAC against `mac` (group addresses pass,
 * flagged), IPv4 header checksum, the address classes of RFC 1122 3.2.1.3 that need no knowledge of
 * our subnets, IPv4 options (source route is refused), IPv6 extension headers (RFC 8200: bounded
 * chain; unknown option actions discard), fragments, TCP checksum. Checksums that ol_flags call
 * GOOD are believed, BAD are dropped, others are verified here. Trailing Ethernet padding is
 * trimmed from the lengths (not from m). Otherwise returns the reason to drop.
 */
enum hr_drop hr_frame_parse(
	struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s);

/* The same without a short way for usual frames. */
enum hr_drop hr_frame_parse_any(
	struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s);

/*
 * What is left of it for the usual frame on a worker: IPv4 source | destination << 32, as they lie
 * in the packet, and s; 0: it is another frame, or a bad one, and nothing is known of it. The
 * destination is not judged: the caller knows it as one of ours, or asks hr_frame_parse_any(). mac
 * is hr_mac_word() of the port's.
 */
uint64_t hr_usual_parse(struct rte_mbuf *m, uint64_t mac, struct tcp_seg *s);
static inline uint64_t hr_mac_word(const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	return word;
}

/* Parse a TCP header at the data start of m + l4_off (used for the frame above, and for tests and
 * fuzzing). Ports, lengths and options are checked, the checksum is not (it needs the addresses:
 * hr_frame_parse() does it). tos, ttl, l3_off and family stay 0. Of an option that occurs twice,
 * the first well-formed one wins; an MSS of 0 is taken as absent. */
enum hr_drop hr_tcp_parse(struct rte_mbuf *m, uint16_t l4_off, uint16_t l4_len, struct tcp_seg *s);

/* What an ICMP or ICMPv6 error quotes of a TCP segment we sent. */
struct hr_icmp_error {
	uint8_t family;
	uint8_t type, code;
	uint32_t mtu; /* next-hop MTU of "fragmentation needed" (a guess when it tells none) or
			 "packet too big", else 0 */
	const uint8_t *src, *dst; /* of the quoted packet: src is ours */
	uint16_t sport, dport;
	uint32_t seq;
};
/* 0 when f (HR_FRAME_ICMP4/6) is an error that quotes TCP with at least 8 bytes and has a good
 * checksum. */
enum hr_drop hr_icmp_error_parse(
	const struct rte_mbuf *m, const struct hr_frame *f, struct hr_icmp_error *e);

/* Checksum over L4 of a packet whose IP header is at l3_off; the checksum field must be 0 (or a
 * received one: then 0 is good). m may have several segments, but headers lie in the first one; the
 * length comes from the IP header, so padding in m does no harm. Good for TCP, UDP (0 must still be
 * sent as 0xffff), ICMPv6 and ICMP (which has no pseudo-header). The result is as it lies in the
 * packet: store it with a plain 16-bit copy, without swapping. */
uint16_t hr_l4_checksum(const struct rte_mbuf *m, uint16_t l3_off, uint16_t l4_off);

/* Header writers: return bytes written. Addresses are in network order (as in struct hr_ip), all
 * else in host order. hr_ip4_write() sets DF and fills in the header checksum: zero it when the NIC
 * is asked to compute it. */
unsigned hr_eth_write(uint8_t *p, const uint8_t dst[6], const uint8_t src[6], uint16_t ethertype);
/* Clear DF of a header that hr_ip4_write() made: RFC 6864 4 wants id to tell the packets of a
 * minute apart then. */
void hr_ip4_allow_fragments(uint8_t *p, uint16_t id);
unsigned hr_ip4_write(uint8_t *p, uint32_t src, uint32_t dst, uint8_t proto, uint8_t ttl,
	uint8_t tos, uint16_t id, uint16_t total_len);
unsigned hr_ip6_write(uint8_t *p, const uint8_t src[16], const uint8_t dst[16], uint8_t proto,
	uint8_t hop_limit, uint8_t tclass, uint32_t flow_label, uint16_t payload_len);

/* True when hr_usual_write() can write it: no options, timestamps alone or a Linux SYN's, one
 * segment. */
bool hr_usual_out(const struct tcp_out *o);
/*
 * All headers of a usual IPv4 segment (DF set) in front of m's payload, both checksums included. m
 * is one direct mbuf with room for them. The same bytes as hr_tcp_header_write(), hr_ip4_write()
 * with id 0, l2 and hr_l4_checksum() make.
 */
void hr_usual_write(struct rte_mbuf *m, const uint8_t l2[14], uint32_t src, uint32_t dst,
	uint16_t sport, uint16_t dport, const struct tcp_out *o);
/* The same for IPv6, as hr_ip6_write() makes them. */
void hr_usual_write6(struct rte_mbuf *m, const uint8_t l2[14], const uint8_t src[16],
	const uint8_t dst[16], uint32_t label, uint16_t sport, uint16_t dport,
	const struct tcp_out *o);

#endif
