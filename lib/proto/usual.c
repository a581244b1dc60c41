/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames that nearly all traffic consists of, read and written in one pass: Ethernet, IPv4
 * without options, TCP without options or with those of a Linux SYN or of established
 * connections, in one piece. What is anything else, or bad in any way, is left to the general
 * parser and writer, which decide as if this file did not exist: the unit test proto_usual holds
 * both against each other.
 */
#include "proto/usual.h"

#include <rte_ether.h>
#include <rte_tcp.h>

#define L3_OFF RTE_ETHER_HDR_LEN
#define L4_OFF (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr))

/* Ethertype, version and header length, as they lie in the packet; TOS is masked out. */
#define IPV4_NO_OPTIONS      RTE_BE32(0x08004500)
#define IPV4_NO_OPTIONS_MASK RTE_BE32(0xffffff00)
/* Flags and fragment offset, TTL, protocol: all of a packet, and TCP. */
#define WHOLE_TCP      RTE_BE32(IPPROTO_TCP)
#define WHOLE_TCP_MASK RTE_BE32((RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK) << 16 | 0xff)

#define CKSUM_MASK (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)
#define CKSUM_GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

/*
 * Bytes in a row are fields in a row, the other way round: headers are big-endian. One load, one
 * swap and one store each.
 *
 *	packet   | seq | ack |    | offset | flags | window | checksum | urgent |    | TSval | TSecr
 *| tcp_seg  | ack | seq |    | urgent | checksum | window | flags | offset |    | TSecr | TSval |
 */
_Static_assert(offsetof(struct tcp_seg, seq) == offsetof(struct tcp_seg, ack) + 4 &&
		       offsetof(struct tcp_seg, tsval) == offsetof(struct tcp_seg, tsecr) + 4 &&
		       offsetof(struct tcp_seg, sum) == offsetof(struct tcp_seg, urg) + 2 &&
		       offsetof(struct tcp_seg, wnd) == offsetof(struct tcp_seg, urg) + 4 &&
		       offsetof(struct tcp_seg, flags) == offsetof(struct tcp_seg, urg) + 6 &&
		       offsetof(struct tcp_seg, data_off) == offsetof(struct tcp_seg, urg) + 7 &&
		       offsetof(struct tcp_seg, sport) == offsetof(struct tcp_seg, dport) + 2,
	"as in the header");
/* And these are written at once. */
_Static_assert(offsetof(struct tcp_seg, opts) == offsetof(struct tcp_seg, dport) + 4 &&
		       sizeof(struct tcp_seg) == offsetof(struct tcp_seg, family) + 8,
	"in words");

#define AT(s, field) ((uint8_t *)(s) + offsetof(struct tcp_seg, field))

/* The classes that need a closer look: 0/8, 127/8, 224/3. */
static bool odd_address(uint8_t first)
{
	return (uint8_t)(first - 1) >= 223 || first == 127;
}

/* The sum of a good checksum and what it covers is 0, which is 0xffff as nothing adds up to 0. */
static __rte_always_inline bool sum_good(unsigned __int128 wide)
{
	uint64_t sum = (uint64_t)wide, over = (uint64_t)(wide >> 64);
	uint32_t half;

	/* Halves onto each other in the upper one, which gets the carry of the lower one. */
	sum += over;
	sum += sum < over;
	half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
	return half + (half << 16 | half >> 16) >= 0xffff0000u;
}

/* addresses, when the sum is good with the len bytes at p. */
static __rte_noinline uint64_t with_bytes(
	uint64_t addresses, unsigned __int128 sum, const uint8_t *p, size_t len)
{
	return sum_good(sum + hr_sum_bytes(p, len)) ? addresses : 0;
}

/* A frame whose headers were found usual: all of s but its options, and the checksums. Options of
 * another length than `summed` go with the payload. */
static __rte_always_inline uint64_t take(struct rte_mbuf *m, const uint8_t *p, struct tcp_seg *s,
	uint32_t hdr_len, uint32_t payload_len, unsigned __int128 options, uint32_t summed)
{
	const uint8_t *tcp = p + L4_OFF;
	uint64_t addresses = hr_load64(p + L3_OFF + 12), cksum = m->ol_flags & CKSUM_MASK, ip;
	uint32_t left = hdr_len - (uint32_t)sizeof(struct rte_tcp_hdr) - summed + payload_len;
	unsigned __int128 sum;

	s->m = m;
	hr_store64(AT(s, ack), rte_bswap64(hr_load64(tcp + 4)));
	hr_store64(AT(s, urg), rte_bswap64(hr_load64(tcp + 12)));
	s->payload_len = payload_len;
	s->payload_off = (uint16_t)(L4_OFF + hdr_len);
	s->tos = p[L3_OFF + 1];
	s->l3_off = L3_OFF;
	hr_store64(AT(s, family), 4);
	s->ttl = p[L3_OFF + 8];
	if (cksum == CKSUM_GOOD)
		return addresses;
	ip = (hr_load64(p + L3_OFF - 2) >> 16) + (hr_load64(p + L3_OFF + 6) << 16 >> 16);
	if (unlikely(cksum != 0 || !sum_good((unsigned __int128)addresses + ip)))
		return 0;
	/* A length times 256 is the length with its bytes swapped, modulo 0xffff. */
	sum = options + addresses + hr_load64(tcp + 4) + hr_load64(tcp + 12) + hr_load32(tcp) +
	      (RTE_BE16(IPPROTO_TCP) + ((hdr_len + payload_len) << 8));
	if (left != 0)
		return with_bytes(addresses, sum, tcp + sizeof(struct rte_tcp_hdr) + summed, left);
	return likely(sum_good(sum)) ? addresses : 0;
}

/* Options that are not timestamps alone: none, or a SYN's. */
static __rte_noinline uint64_t other_options(
	struct rte_mbuf *m, const uint8_t *p, struct tcp_seg *s, uint32_t payload_len)
{
	const uint8_t *tcp = p + L4_OFF, *options = tcp + sizeof(struct rte_tcp_hdr);
	uint32_t hdr_len = (tcp[12] >> 4) * 4u;

	hr_store64(AT(s, dport), rte_bswap32(hr_load32(tcp)));
	s->tsval = s->tsecr = 0;
	if (hdr_len != sizeof(struct rte_tcp_hdr) &&
		(hdr_len != sizeof(struct rte_tcp_hdr) + HR_LINUX_SYN_LEN ||
			!hr_tcp_usual_options(options, HR_LINUX_SYN_LEN, s)))
		return 0;
	return take(m, p, s, hdr_len, payload_len, 0, 0);
}

uint64_t hr_usual_parse(struct rte_mbuf *m, uint64_t mac, struct tcp_seg *s)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *tcp = p + L4_OFF;
	const uint32_t with_ts = sizeof(struct rte_tcp_hdr) + HR_NOP_NOP_TS_LEN;
	uint32_t total, hdr_len, payload_len, ports;

	if (unlikely(m->data_len < L4_OFF + sizeof(struct rte_tcp_hdr) || m->nb_segs != 1))
		return 0;
	if (unlikely((hr_load64(p) ^ mac) << 16 != 0 ||
		     (hr_load32(p + L3_OFF - 2) & IPV4_NO_OPTIONS_MASK) != IPV4_NO_OPTIONS ||
		     (hr_load32(p + L3_OFF + 6) & WHOLE_TCP_MASK) != WHOLE_TCP ||
		     odd_address(p[L3_OFF + 12])))
		return 0;
	total = hr_load_be16(p + L3_OFF + 2);
	hdr_len = (tcp[12] >> 4) * 4u;
	payload_len = total - (uint32_t)sizeof(struct rte_ipv4_hdr) - hdr_len;
	ports = rte_bswap32(hr_load32(tcp));
	if (unlikely(total > m->data_len - (uint32_t)L3_OFF || (int32_t)payload_len < 0 ||
		     (uint16_t)ports == 0 || ports <= UINT16_MAX))
		return 0;
	if (hdr_len != with_ts)
		return other_options(m, p, s, payload_len);
	if (unlikely(hr_load32(tcp + 20) != HR_NOP_NOP_TS))
		return 0;
	hr_store64(AT(s, tsecr), rte_bswap64(hr_load64(tcp + 24)));
	hr_store64(AT(s, dport), ports | (uint64_t)TCPO_TS << 32);
	return take(m, p, s, with_ts, payload_len,
		(unsigned __int128)hr_load64(tcp + 24) + HR_NOP_NOP_TS, HR_NOP_NOP_TS_LEN);
}

bool hr_usual_frame(struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint64_t addresses = hr_usual_parse(m, hr_mac_word(mac), s);

	if (addresses == 0 || odd_address((uint8_t)(addresses >> 32)))
		return false;
	f->kind = HR_FRAME_TCP;
	f->family = 4;
	f->l3_off = L3_OFF;
	f->l2_group = 0;
	f->l4_off = L4_OFF;
	f->l4_len = (uint16_t)(s->payload_off - L4_OFF + s->payload_len);
	f->ttl = s->ttl;
	f->proto = IPPROTO_TCP;
	f->tos = s->tos;
	f->src = p + L3_OFF + 12;
	f->dst = p + L3_OFF + 16;
	f->src_mac = p + RTE_ETHER_ADDR_LEN;
	return true;
}

bool hr_usual_out(const struct tcp_out *o)
{
	const uint8_t syn = TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE;

	return ((o->opts & ~TCPO_TS) == 0 || (o->opts == syn && o->syn_order == HR_SYN_LINUX)) &&
	       !(o->flags & TCPF_URG) && !o->may_fragment &&
	       (o->payload_len <= o->seg_size || o->payload_len == 0);
}

/* Options in front of the payload; returns their length and the sum of both. */
static __rte_always_inline unsigned put_options(
	const struct rte_mbuf *m, const struct tcp_out *o, uint64_t *sum)
{
	uint8_t *payload = rte_pktmbuf_mtod(m, uint8_t *), *p;

	*sum = m->data_len != 0 ? hr_sum_bytes(payload, m->data_len) : 0;
	if (o->opts == 0)
		return 0;
	if (o->opts == TCPO_TS) {
		p = payload - HR_NOP_NOP_TS_LEN;
		*sum += hr_usual_ts(p, HR_NOP_NOP_TS, o->tsval, o->tsecr);
		return HR_NOP_NOP_TS_LEN;
	}
	uint32_t mss = rte_cpu_to_be_32(HR_SYN_MSS << 16 | o->mss_opt);
	uint32_t shift = rte_cpu_to_be_32(HR_SYN_WSCALE << 8 | o->wscale);

	p = payload - HR_LINUX_SYN_LEN;
	hr_store32(p, mss);
	hr_store32(p + 16, shift);
	*sum += (uint64_t)mss + shift + hr_usual_ts(p + 4, HR_SYN_SACK_TS, o->tsval, o->tsecr);
	return HR_LINUX_SYN_LEN;
}

static struct hr_usual usual_of(uint16_t sport, uint16_t dport, const struct tcp_out *o)
{
	return (struct hr_usual){.ports = (uint32_t)dport << 16 | sport,
		.seq = o->seq,
		.ack = o->flags & TCPF_ACK ? o->ack : 0,
		.wnd = o->wnd,
		.flags = o->flags,
		.ttl = o->ttl,
		.tos = o->tos};
}

/* m begins at eth instead of where its payload does. */
static void begin_at(struct rte_mbuf *m, const uint8_t *eth)
{
	uint16_t headers = (uint16_t)(rte_pktmbuf_mtod(m, uint8_t *) - eth);

	m->data_off -= headers;
	m->data_len += headers;
	m->pkt_len = m->data_len;
}

void hr_usual_write(struct rte_mbuf *m, const uint8_t l2[RTE_ETHER_HDR_LEN], uint32_t src,
	uint32_t dst, uint16_t sport, uint16_t dport, const struct tcp_out *o)
{
	struct hr_usual u = usual_of(sport, dport, o);
	uint64_t sum;
	unsigned hdr_len = (unsigned)sizeof(struct rte_tcp_hdr) + put_options(m, o, &sum);
	uint8_t *tcp = rte_pktmbuf_mtod(m, uint8_t *) - hdr_len;

	begin_at(m, hr_usual_front(tcp, hdr_len, m->data_len, sum, l2, src, dst, &u));
}

void hr_usual_write6(struct rte_mbuf *m, const uint8_t l2[RTE_ETHER_HDR_LEN], const uint8_t src[16],
	const uint8_t dst[16], uint32_t label, uint16_t sport, uint16_t dport,
	const struct tcp_out *o)
{
	struct hr_usual u = usual_of(sport, dport, o);
	uint64_t sum;
	unsigned hdr_len = (unsigned)sizeof(struct rte_tcp_hdr) + put_options(m, o, &sum);
	uint8_t *tcp = rte_pktmbuf_mtod(m, uint8_t *) - hdr_len;

	begin_at(m, hr_usual_front6(tcp, hdr_len, m->data_len, sum, l2, src, dst, label, &u));
}
