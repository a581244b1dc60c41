/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames that nearly all traffic consists of, read and written in one pass: Ethernet, IPv4
 * without options, TCP without options or with those of a Linux SYN or of established
 * connections, in one piece. What is anything else, or bad in any way, is left to the general
 * parser and writer, which decide as if this file did not exist: the unit test proto_usual holds
 * both against each other.
 */
#include "proto/usual.h"

#define L3_OFF RTE_ETHER_HDR_LEN
#define L4_OFF (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr))

/* Ethertype, version and header length, as they lie in the packet; TOS is masked out. */
#define IPV4_NO_OPTIONS      RTE_BE32(0x08004500)
#define IPV4_NO_OPTIONS_MASK RTE_BE32(0xffffff00)

#define CKSUM_MASK (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)
#define CKSUM_GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

/* The classes that need a closer look: 0/8, 127/8, 224/3. */
static bool odd_address(uint8_t first)
{
	return (uint8_t)(first - 1) >= 223 || first == 127;
}

/* Both checksums of a received packet; words of the IP header are used twice. */
static bool sums_good(const uint8_t *p, unsigned l4_len)
{
	uint64_t addresses = (uint64_t)hr_load32(p + L3_OFF + 12) + hr_load32(p + L3_OFF + 16);
	uint64_t ip = addresses + hr_load32(p + L3_OFF) + hr_load32(p + L3_OFF + 4) +
		      hr_load32(p + L3_OFF + 8);
	uint64_t tcp = addresses + RTE_BE16(IPPROTO_TCP) + rte_cpu_to_be_16((uint16_t)l4_len) +
		       hr_sum_bytes(p + L4_OFF, l4_len);

	return hr_sum_fold(ip) == 0xffff && hr_sum_fold(tcp) == 0xffff;
}

bool hr_usual_parse(struct rte_mbuf *m, const uint8_t mac[6], struct hr_frame *f, struct tcp_seg *s)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *tcp = p + L4_OFF;
	unsigned total, l4_len, hdr_len, opt_len;
	uint64_t cksum = m->ol_flags & CKSUM_MASK;
	uint32_t word;

	if (unlikely(m->data_len < L4_OFF + sizeof(struct rte_tcp_hdr) || m->nb_segs != 1))
		return false;
	if (hr_load32(p) != hr_load32(mac) || hr_load16(p + 4) != hr_load16(mac + 4) ||
		(hr_load32(p + 12) & IPV4_NO_OPTIONS_MASK) != IPV4_NO_OPTIONS ||
		p[L3_OFF + 9] != IPPROTO_TCP ||
		(hr_load16(p + L3_OFF + 6) &
			RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0 ||
		odd_address(p[L3_OFF + 12]) || odd_address(p[L3_OFF + 16]))
		return false;
	total = hr_load_be16(p + L3_OFF + 2);
	hdr_len = (tcp[12] >> 4) * 4u;
	l4_len = total - (unsigned)sizeof(struct rte_ipv4_hdr);
	if (total > m->data_len - (unsigned)L3_OFF || hdr_len < sizeof(struct rte_tcp_hdr) ||
		total < sizeof(struct rte_ipv4_hdr) + hdr_len)
		return false;
	word = hr_load_be32(tcp);
	if ((word & UINT16_MAX) == 0 || word >> 16 == 0)
		return false;
	if (cksum != CKSUM_GOOD && ((m->ol_flags & CKSUM_MASK) != 0 || !sums_good(p, l4_len)))
		return false;

	/* One by one: zeroing a structure of a line first costs more than all that goes into it. */
	s->m = m;
	s->seq = hr_load_be32(tcp + 4);
	s->ack = hr_load_be32(tcp + 8);
	s->tsval = s->tsecr = 0;
	s->wnd = hr_load_be16(tcp + 14);
	s->urg = hr_load_be16(tcp + 18);
	s->mss = 0;
	s->payload_off = (uint16_t)(L4_OFF + hdr_len);
	s->payload_len = l4_len - hdr_len;
	s->flags = tcp[13];
	s->opts = s->wscale = 0;
	s->tos = p[L3_OFF + 1];
	s->sack_off = 0;
	s->sack_n = 0;
	s->ttl = p[L3_OFF + 8];
	s->sport = (uint16_t)(word >> 16);
	s->dport = (uint16_t)word;
	s->l3_off = L3_OFF;
	s->family = 4;
	s->uto = 0;
	opt_len = hdr_len - (unsigned)sizeof(struct rte_tcp_hdr);
	if (opt_len != 0 && !hr_tcp_usual_options(tcp + sizeof(struct rte_tcp_hdr), opt_len, s))
		return false;
	f->kind = HR_FRAME_TCP;
	f->family = 4;
	f->l3_off = L3_OFF;
	f->l2_group = 0;
	f->l4_off = L4_OFF;
	f->l4_len = (uint16_t)l4_len;
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
