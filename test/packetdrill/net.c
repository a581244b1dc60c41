/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine and its one port. packetdrill speaks bare IP and the engine Ethernet: the port takes
 * the frame off what goes out and puts one around what comes in, and it is the gateway that answers
 * ARP and neighbour solicitations at once. Checksums, options and all that is above IP are the
 * engine's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "pd.h"

#define MTU        1500
#define TURNS_MAX  4096
#define ND_SOLICIT 135
#define ND_ADVERT  136

static const struct rte_ether_addr our_mac = {{0x02, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr gateway_mac = {{0x02, 0, 0, 0, 0, 2}};

static struct pd_packet *packet_new(const void *a, size_t alen, const void *b, size_t blen)
{
	struct pd_packet *p = malloc(sizeof(*p) + alen + blen);

	if (p == NULL)
		return NULL;
	p->next = NULL;
	p->at_us = 0;
	p->len = (uint32_t)(alen + blen);
	memcpy(p->data, a, alen);
	if (blen > 0)
		memcpy(p->data + alen, b, blen);
	return p;
}

static void append(struct pd_packet **head, struct pd_packet **tail, struct pd_packet *p)
{
	if (p == NULL)
		return;
	if (*head == NULL)
		*head = p;
	else
		(*tail)->next = p;
	*tail = p;
}

static struct pd_packet *take(struct pd_packet **head)
{
	struct pd_packet *p = *head;

	if (p != NULL)
		*head = p->next;
	return p;
}

static void frame_in(struct pd *pd, uint16_t type, const void *data, size_t len)
{
	struct rte_ether_hdr eth = {
		.dst_addr = our_mac, .src_addr = gateway_mac, .ether_type = rte_cpu_to_be_16(type)};

	append(&pd->in_head, &pd->in_tail, packet_new(&eth, sizeof(eth), data, len));
}

/* Whoever is asked for is the gateway. */
static void answer_arp(struct pd *pd, const uint8_t *data, size_t len)
{
	struct rte_arp_hdr a;
	uint32_t asked;

	if (len < sizeof(a))
		return;
	memcpy(&a, data, sizeof(a));
	asked = a.arp_data.arp_tip;
	if (a.arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) || asked == a.arp_data.arp_sip ||
		asked == pd->local4.v4)
		return;
	a.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	a.arp_data.arp_tha = a.arp_data.arp_sha;
	a.arp_data.arp_tip = a.arp_data.arp_sip;
	a.arp_data.arp_sha = gateway_mac;
	a.arp_data.arp_sip = asked;
	frame_in(pd, RTE_ETHER_TYPE_ARP, &a, sizeof(a));
}

/* RFC 4861 4.4. True when the packet was neighbour discovery. */
static bool answer_nd(struct pd *pd, const uint8_t *ip, size_t len)
{
	struct {
		struct rte_ipv6_hdr ip;
		uint8_t type, code;
		uint16_t cksum;
		uint8_t flags, reserved[3], target[16], opt_type, opt_len, mac[6];
	} __attribute__((packed)) adv;
	const uint8_t *icmp = ip + sizeof(struct rte_ipv6_hdr);
	uint32_t phdr;

	if (len < sizeof(struct rte_ipv6_hdr) + 24 || ip[6] != IPPROTO_ICMPV6)
		return false;
	if (icmp[0] != ND_SOLICIT)
		return icmp[0] >= 130 && icmp[0] <= 143; /* other housekeeping */
	memset(&adv, 0, sizeof(adv));
	memcpy(adv.target, icmp + 8, 16);
	if (memcmp(adv.target, pd->local6.b, 16) == 0)
		return true; /* it looks for a duplicate of itself */
	adv.ip.vtc_flow = RTE_BE32(6u << 28);
	adv.ip.payload_len = RTE_BE16(sizeof(adv) - sizeof(adv.ip));
	adv.ip.proto = IPPROTO_ICMPV6;
	adv.ip.hop_limits = 255;
	memcpy(adv.ip.src_addr, adv.target, 16);
	memcpy(adv.ip.dst_addr, ip + 8, 16);
	adv.type = ND_ADVERT;
	adv.flags = 0xe0; /* router, solicited, override */
	adv.opt_type = 2;
	adv.opt_len = 1;
	memcpy(adv.mac, &gateway_mac, 6);
	phdr = rte_ipv6_phdr_cksum(&adv.ip, 0);
	phdr += rte_raw_cksum(&adv.type, sizeof(adv) - sizeof(adv.ip));
	phdr = (phdr & 0xffff) + (phdr >> 16);
	adv.cksum = (uint16_t) ~((phdr & 0xffff) + (phdr >> 16));
	frame_in(pd, RTE_ETHER_TYPE_IPV6, &adv, sizeof(adv));
	return true;
}

static int port_caps(void *port, struct hr_port_caps *caps)
{
	memset(caps, 0, sizeof(*caps));
	snprintf(caps->name, sizeof(caps->name), "packetdrill");
	memcpy(caps->mac, &our_mac, 6);
	caps->mtu = MTU;
	caps->max_queues = 1;
	caps->copies_tx = true;
	return 0;
}

static int port_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct pd *pd = port;

	pd->pool = setup->pools[0];
	return 0;
}

static uint16_t port_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct pd *pd = port;
	uint16_t got = 0;

	while (got < n && pd->in_head != NULL) {
		struct rte_mbuf *b = rte_pktmbuf_alloc(pd->pool);
		struct pd_packet *p;
		char *room;

		if (b == NULL)
			break;
		p = take(&pd->in_head);
		room = rte_pktmbuf_append(b, (uint16_t)p->len);
		if (room != NULL) {
			memcpy(room, p->data, p->len);
			m[got++] = b;
		} else {
			rte_pktmbuf_free(b);
		}
		free(p);
	}
	return got;
}

static void frame_out(struct pd *pd, const uint8_t *frame, size_t len)
{
	uint16_t type;

	if (len <= RTE_ETHER_HDR_LEN)
		return;
	memcpy(&type, frame + 2 * RTE_ETHER_ADDR_LEN, 2);
	type = rte_be_to_cpu_16(type);
	frame += RTE_ETHER_HDR_LEN;
	len -= RTE_ETHER_HDR_LEN;
	if (type == RTE_ETHER_TYPE_ARP) {
		answer_arp(pd, frame, len);
	} else if (type == RTE_ETHER_TYPE_IPV4 ||
		   (type == RTE_ETHER_TYPE_IPV6 && !answer_nd(pd, frame, len))) {
		struct pd_packet *p = packet_new(frame, len, NULL, 0);

		if (p != NULL)
			p->at_us = pd->now_us;
		append(&pd->out_head, &pd->out_tail, p);
	}
}

static uint16_t port_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint8_t frame[RTE_ETHER_HDR_LEN + MTU];

	for (uint16_t i = 0; i < n; i++) {
		uint32_t len = m[i]->pkt_len;

		if (len <= sizeof(frame))
			frame_out(port, rte_pktmbuf_read(m[i], 0, len, frame), len);
		else
			fprintf(stderr, "headrace: a frame of %u bytes is more than the MTU\n",
				len);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

static void port_close(void *port)
{
}

static const struct hr_port_ops port_ops = {
	.driver = "packetdrill",
	.caps = port_caps,
	.start = port_start,
	.rx = port_rx,
	.tx = port_tx,
	.close = port_close,
};

struct pd_packet *pd_net_take(struct pd *pd)
{
	return take(&pd->out_head);
}

void pd_net_settle(struct pd *pd)
{
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		unsigned work = hr_worker_turn(pd->worker);

		pd_sock_look(pd);
		if (work == 0 && pd->in_head == NULL && hr_worker_deadline(pd->worker) > pd->now_us)
			return;
	}
}

/* The MSS option of a SYN; 0 when there is none. */
static uint16_t syn_mss(const uint8_t *tcp, size_t len)
{
	const struct rte_tcp_hdr *h = (const struct rte_tcp_hdr *)tcp;
	size_t end = (size_t)(h->data_off >> 4) * 4, i = sizeof(*h);

	if (!(h->tcp_flags & RTE_TCP_SYN_FLAG))
		return 0;
	while (i + 4 <= end && end <= len) {
		if (tcp[i] == 2)
			return (uint16_t)(tcp[i + 2] << 8 | tcp[i + 3]);
		if (tcp[i] == 0 || (tcp[i] != 1 && tcp[i + 1] < 2))
			break;
		i += tcp[i] == 1 ? 1 : tcp[i + 1];
	}
	return 0;
}

static uint16_t tcp_cksum(const uint8_t *ip, const void *tcp)
{
	return ip[0] >> 4 == 4 ? rte_ipv4_udptcp_cksum((const void *)ip, tcp)
			       : rte_ipv6_udptcp_cksum((const void *)ip, tcp);
}

/* One piece [off, off + n) of the payload of a big segment. */
static void inject_piece(struct pd *pd, const uint8_t *ip, size_t head, size_t ip_len, size_t off,
	size_t n, bool last)
{
	uint8_t buf[MTU];
	struct rte_tcp_hdr *t = (struct rte_tcp_hdr *)(buf + ip_len);

	memcpy(buf, ip, head);
	memcpy(buf + head, ip + head + off, n);
	t->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(t->sent_seq) + (uint32_t)off);
	if (!last)
		t->tcp_flags &= (uint8_t) ~(RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG);
	if (t->tcp_flags & RTE_TCP_URG_FLAG) {
		uint16_t up = rte_be_to_cpu_16(t->tcp_urp);

		t->tcp_urp = rte_cpu_to_be_16(up > off ? (uint16_t)(up - off) : 0);
		if (up <= off)
			t->tcp_flags &= (uint8_t)~RTE_TCP_URG_FLAG;
	}
	if (ip[0] >> 4 == 4) {
		struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)buf;

		h->total_length = rte_cpu_to_be_16((uint16_t)(head + n));
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	} else {
		((struct rte_ipv6_hdr *)buf)->payload_len =
			rte_cpu_to_be_16((uint16_t)(head + n - sizeof(struct rte_ipv6_hdr)));
	}
	t->cksum = 0;
	t->cksum = tcp_cksum(buf, t);
	frame_in(pd, ip[0] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6, buf, head + n);
}

/* The script's segment of 10,000 bytes arrives as the burst that a peer would have sent. */
static void inject_burst(struct pd *pd, const uint8_t *ip, size_t len, size_t ip_len)
{
	const struct rte_tcp_hdr *t = (const struct rte_tcp_hdr *)(ip + ip_len);
	size_t head = ip_len + (size_t)(t->data_off >> 4) * 4;
	size_t total = len - head, most = MTU - head, off = 0;

	if (pd->peer_mss != 0 && pd->peer_mss < most)
		most = pd->peer_mss;
	/* Scripts count in segments of 1000 bytes when they do not say otherwise. */
	if (total % most != 0 && total % 1000 == 0 && most > 1000)
		most = 1000;
	for (; off < total; off += most) {
		size_t n = total - off < most ? total - off : most;

		inject_piece(pd, ip, head, ip_len, off, n, off + n == total);
	}
}

int pd_net_inject(struct pd *pd, const uint8_t *ip, size_t len)
{
	bool v4 = len >= sizeof(struct rte_ipv4_hdr) && ip[0] >> 4 == 4;
	size_t ip_len = v4 ? (size_t)(ip[0] & 15) * 4 : sizeof(struct rte_ipv6_hdr);
	bool is_tcp;

	if (!v4 && (len < sizeof(struct rte_ipv6_hdr) || ip[0] >> 4 != 6)) {
		errno = EINVAL;
		return -1;
	}
	is_tcp = (v4 ? ip[9] : ip[6]) == IPPROTO_TCP && len >= ip_len + sizeof(struct rte_tcp_hdr);
	if (is_tcp && syn_mss(ip + ip_len, len - ip_len) != 0)
		pd->peer_mss = syn_mss(ip + ip_len, len - ip_len);
	if (is_tcp && len > MTU)
		inject_burst(pd, ip, len, ip_len);
	else if (len <= MTU)
		frame_in(pd, v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6, ip, len);
	pd_time_settle(pd);
	return 0;
}

static uint64_t clock_of(void *arg)
{
	return ((struct pd *)arg)->now_us;
}

/* "local=198.18.0.1,gateway=198.18.0.2,local6=...,gateway6=..." */
static int parse_flags(struct pd *pd, const char *flags)
{
	struct {
		const char *key;
		struct hr_ip *ip;
		const char *otherwise;
	} keys[] = {{"local=", &pd->local4, "198.18.0.1"},
		{"gateway=", &pd->gateway4, "198.18.0.2"}, {"local6=", &pd->local6, "2001:db8::1"},
		{"gateway6=", &pd->gateway6, "2001:db8::2"}};
	char text[64], err[HR_ERRLEN];

	for (unsigned i = 0; i < RTE_DIM(keys); i++) {
		const char *at = flags != NULL ? strstr(flags, keys[i].key) : NULL;

		if (at == NULL) {
			snprintf(text, sizeof(text), "%s", keys[i].otherwise);
		} else {
			at += strlen(keys[i].key);
			snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, ","), at);
		}
		if (hr_ip_parse(text, keys[i].ip, err, sizeof(err)) < 0) {
			fprintf(stderr, "headrace: --so_flags: %s\n", err);
			return -1;
		}
	}
	return 0;
}

int pd_net_start(struct pd *pd, const char *flags)
{
	struct hr_runtime_config rt = {
		.program = "packetdrill", .cores = 1, .memory_bytes = 64u << 20, .no_huge = true};
	struct hr_engine_config cfg = hr_engine_config_default;
	struct hr_addr_config addrs[2];
	struct hr_gateway_config gateways[2];
	char err[HR_ERRLEN] = "";

	if (parse_flags(pd, flags) < 0)
		return -1;
	if (hr_runtime_init(&rt, NULL, 0, err, sizeof(err)) < 0 ||
		hr_port_create(&port_ops, pd, &cfg.ports[0]) < 0)
		goto fail;
	addrs[0] = (struct hr_addr_config){.first = pd->local4, .count = 1, .prefix_len = 16};
	addrs[1] = (struct hr_addr_config){.first = pd->local6, .count = 1, .prefix_len = 48};
	gateways[0] = (struct hr_gateway_config){.via = pd->gateway4};
	gateways[1] = (struct hr_gateway_config){.via = pd->gateway6};
	cfg.name = "packetdrill";
	cfg.workers = 1;
	cfg.n_ports = 1;
	cfg.addrs = addrs;
	cfg.n_addrs = 2;
	cfg.gateways = gateways;
	cfg.n_gateways = 2;
	cfg.max_conns = 256;
	cfg.max_half_open = 256;
	cfg.max_time_wait = 256;
	cfg.mbufs = 8192;
	pd_sysctl_params(&cfg.tcp);
	cfg.seed = 1;
	cfg.clock = clock_of;
	cfg.clock_arg = pd;
	cfg.siphash = true;
	cfg.rst_per_s = 1000;
	if (hr_engine_create(&cfg, &pd->engine, err, sizeof(err)) < 0)
		goto fail;
	pd->worker = hr_engine_worker(pd->engine, 0);
	/* The next hops are known before the first SYN, as on a link that was used before. */
	pd_net_settle(pd);
	return 0;
fail:
	fprintf(stderr, "headrace: %s\n", err);
	return -1;
}

void pd_net_stop(struct pd *pd)
{
	struct pd_packet *p;

	hr_engine_destroy(pd->engine);
	while ((p = take(&pd->in_head)) != NULL)
		free(p);
	while ((p = take(&pd->out_head)) != NULL)
		free(p);
	hr_runtime_fini();
}
