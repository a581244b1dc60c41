/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An independent reading of frames: nothing of lib/proto is used, so that an error in how the
 * engine writes or reads headers cannot hide behind itself. Strict where a receiver would be
 * lenient: these are frames that an engine of ours made.
 */
#include "sim.h"

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* RFC 1071, in the byte order of the wire. */
static uint64_t sum16(const uint8_t *p, uint32_t len, uint64_t sum)
{
	uint32_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += be16(p + i);
	return len & 1 ? sum + (uint32_t)(p[len - 1] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t l4_sum(const uint8_t *d, const struct sim_pkt *p, uint32_t l4_len, uint8_t proto)
{
	uint64_t sum = sum16(p->src, p->v6 ? 32 : 8, 0) + proto + l4_len;

	return fold(sum16(d + p->l4, l4_len, sum));
}

bool sim_is_tcp(const uint8_t *d, uint32_t len)
{
	uint16_t type = len >= 14 ? be16(d + 12) : 0;

	return (type == 0x0800 && len > 34 && d[23] == 6) ||
	       (type == 0x86dd && len > 54 && d[20] == 6);
}

/* The length of the L4 part in *l4_len. */
static const char *parse_ip(
	const uint8_t *d, uint32_t len, struct sim_pkt *p, uint32_t *l4_len, bool verify)
{
	uint32_t total;

	p->l3 = 14;
	p->v6 = be16(d + 12) == 0x86dd;
	if (p->v6) {
		if (len < 54 || d[14] >> 4 != 6)
			return "an IPv6 header that is none";
		p->src = d + 22;
		p->dst = d + 38;
		p->ecn = d[15] >> 4 & 3;
		p->ttl = d[21];
		p->l4 = 54;
		*l4_len = be16(d + 18);
		total = 40 + *l4_len;
	} else {
		if (len < 34 || d[14] != 0x45)
			return "an IPv4 header that is not version 4 and 20 bytes";
		p->src = d + 26;
		p->dst = d + 30;
		p->ecn = d[15] & 3;
		p->ttl = d[22];
		p->l4 = 34;
		total = be16(d + 16);
		if (total < 20)
			return "an IPv4 total length below the header";
		*l4_len = total - 20;
		if (verify && fold(sum16(d + 14, 20, 0)) != 0xffff)
			return "a wrong IPv4 header checksum";
		if (be16(d + 20) & 0xbfff)
			return "a fragment, or the reserved flag";
	}
	if (total > len - 14)
		return "an IP length past the frame";
	if (len > 60 && total != len - 14)
		return "bytes behind the IP packet";
	return NULL;
}

static const char *parse_option(const uint8_t *o, unsigned left, struct sim_pkt *p)
{
	unsigned n = left >= 2 ? o[1] : 0;
	bool syn = (p->flags & TCPF_SYN) != 0;

	if (n < 2 || n > left)
		return "an option length that is none";
	switch (o[0]) {
	case 2:
		if (n != 4 || !syn || p->has_mss)
			return "an MSS option of a wrong length, twice, or without SYN";
		p->has_mss = true;
		p->mss = be16(o + 2);
		return NULL;
	case 3:
		if (n != 3 || !syn || p->has_wscale || o[2] > 14)
			return "a window scale option of a wrong length or value, or without SYN";
		p->has_wscale = true;
		p->wscale = o[2];
		return NULL;
	case 4:
		if (n != 2 || !syn || p->has_sack_ok)
			return "a SACK-permitted option of a wrong length, twice, or without SYN";
		p->has_sack_ok = true;
		return NULL;
	case 5:
		if (n < 10 || (n - 2) % 8 != 0 || n > 34 || syn || p->n_sack != 0)
			return "a SACK option of a wrong length, twice, or on a SYN";
		for (unsigned i = 2; i < n; i += 8) {
			p->sack[p->n_sack].left = be32(o + i);
			p->sack[p->n_sack++].right = be32(o + i + 4);
		}
		return NULL;
	case 8:
		if (n != 10 || p->has_ts)
			return "a timestamp option of a wrong length, or twice";
		p->has_ts = true;
		p->tsval = be32(o + 2);
		p->tsecr = be32(o + 6);
		return NULL;
	case 28: /* RFC 5482 3.1: 15 bits of seconds or minutes, never 0 */
		if (n != 4 || (be16(o + 2) & 0x7fff) == 0)
			return "a user timeout option of a wrong length or value";
		return NULL;
	default:
		return "an option that we do not know how to send";
	}
}

static const char *parse_options(const uint8_t *o, unsigned len, struct sim_pkt *p)
{
	unsigned i = 0;

	while (i < len) {
		const char *why;

		if (o[i] == 1) {
			i++;
		} else if (o[i] == 0) {
			for (; i < len; i++)
				if (o[i] != 0)
					return "something behind the end of options";
		} else {
			why = parse_option(o + i, len - i, p);
			if (why != NULL)
				return why;
			i += o[i + 1];
		}
	}
	return NULL;
}

static const char *check_flags(const struct sim_pkt *p)
{
	if ((p->flags & TCPF_SYN) && (p->flags & (TCPF_FIN | TCPF_RST)))
		return "SYN with FIN or RST";
	if ((p->flags & TCPF_RST) && (p->flags & TCPF_FIN))
		return "RST with FIN";
	if (!(p->flags & (TCPF_SYN | TCPF_RST | TCPF_ACK)))
		return "neither SYN, RST nor ACK";
	if (!(p->flags & TCPF_ACK) && p->ack != 0)
		return "an acknowledgment number without ACK";
	if (!(p->flags & TCPF_URG) && p->urg != 0)
		return "an urgent pointer without URG";
	if ((p->flags & (TCPF_SYN | TCPF_RST)) && p->len != 0)
		return "payload on SYN or RST";
	return NULL;
}

const char *sim_parse(const uint8_t *d, uint32_t len, struct sim_pkt *p, bool verify)
{
	uint32_t l4_len = 0, hdr;
	const uint8_t *t;
	const char *why;

	memset(p, 0, offsetof(struct sim_pkt, sack));
	why = parse_ip(d, len, p, &l4_len, verify);
	if (why != NULL)
		return why;
	t = d + p->l4;
	if (l4_len < 20)
		return "no room for a TCP header";
	hdr = (uint32_t)(t[12] >> 4) * 4;
	if (hdr < 20 || hdr > l4_len)
		return "a data offset below 5 or past the segment";
	if (t[12] & 15)
		return "reserved bits of the TCP header";
	p->sport = be16(t);
	p->dport = be16(t + 2);
	p->seq = be32(t + 4);
	p->ack = be32(t + 8);
	p->flags = t[13];
	p->wnd = be16(t + 14);
	p->urg = be16(t + 18);
	p->opt_len = (uint8_t)(hdr - 20);
	p->payload = (uint16_t)(p->l4 + hdr);
	p->len = l4_len - hdr;
	p->end = p->seq + p->len + !!(p->flags & TCPF_SYN) + !!(p->flags & TCPF_FIN);
	if (p->sport == 0 || p->dport == 0)
		return "port 0";
	if (verify && l4_sum(d, p, l4_len, 6) != 0xffff)
		return "a wrong TCP checksum";
	why = parse_options(t + 20, p->opt_len, p);
	return why != NULL ? why : check_flags(p);
}

void sim_fix_checksums(uint8_t *d, uint32_t len)
{
	struct sim_pkt p = {0};
	uint32_t l4_len = 0;
	uint8_t proto, *at;

	(void)len;
	(void)parse_ip(d, len, &p, &l4_len, false);
	if (!p.v6) {
		put16(d + 24, 0);
		put16(d + 24, (uint16_t)~fold(sum16(d + 14, 20, 0)));
	}
	proto = p.v6 ? d[20] : d[23];
	at = d + p.l4 + (proto == 6 ? 16 : 2);
	put16(at, 0);
	/* ICMP of IPv4 has no pseudo-header. */
	put16(at, (uint16_t) ~(proto == 1 ? fold(sum16(d + p.l4, l4_len, 0))
					  : l4_sum(d, &p, l4_len, proto)));
}
