/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static struct rte_mempool *tx_pool, *heard_pool;

static void emit(void *arg, unsigned port, struct rte_mbuf *m)
{
	struct rig *r = arg;

	rte_mbuf_sanity_check(m, 1);
	if (r->n_said < RIG_SAID) {
		struct said *s = &r->said[r->n_said];
		const void *data;

		assert_true(m->pkt_len <= RIG_BYTES);
		s->port = port;
		s->frame.len = m->pkt_len;
		data = rte_pktmbuf_read(m, 0, m->pkt_len, s->frame.b);
		if (data != s->frame.b)
			memcpy(s->frame.b, data, m->pkt_len);
	}
	r->n_said++;
	rte_pktmbuf_free(m);
}

static void unreachable(void *arg, uint16_t nh)
{
	struct rig *r = arg;

	if (r->n_told < RTE_DIM(r->told)) {
		r->told[r->n_told] = nh;
		r->told_state[r->n_told] = hr_nexthop(r->ip, nh)->state;
	}
	r->n_told++;
	if (r->put_when_told == nh) {
		r->put_when_told = 0;
		hr_nexthop_put(r->ip, nh);
	}
}

struct hr_ip addr(const char *text)
{
	struct hr_ip a = {.family = strchr(text, ':') != NULL ? 6 : 4};

	assert_int_equal(inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, a.b), 1);
	return a;
}

void rig_rebuild(struct rig *r, const struct hr_addr_config *addrs, unsigned n,
	const struct hr_gateway_config *gw, unsigned n_gw)
{
	struct hr_ip_config c = {
		.cfg = &r->cfg,
		.ports = r->caps,
		.m = &r->m,
		.rng = &r->rng,
		.pool = r->pool,
		.emit = emit,
		.unreachable = unreachable,
		.arg = r,
	};
	char err[HR_ERRLEN] = "";

	hr_ip_free(r->ip);
	r->cfg.addrs = addrs;
	r->cfg.n_addrs = n;
	r->cfg.gateways = gw;
	r->cfg.n_gateways = n_gw;
	if (hr_ip_create(&c, &r->ip, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x01};
	struct hr_addr_config addrs[] = {
		{.first = addr("198.18.0.1"), .count = 3, .prefix_len = 24, .port = 0},
		{.first = addr("198.19.0.1"), .count = 1, .prefix_len = 24, .port = 1},
		{.first = addr("2001:db8::1"), .count = 2, .prefix_len = 64, .port = 0},
	};
	struct hr_gateway_config gw[] = {
		{.via = addr("198.18.0.254"), .port = 0},
		{.via = addr("2001:db8::fe"), .port = 0},
	};

	test_eal_start(64);
	if (tx_pool == NULL) {
		tx_pool = test_pool(511);
		heard_pool = test_pool(255);
	}
	r->pool = tx_pool;
	r->rx_pool = heard_pool;
	hr_rng_seed(&r->rng, 1);
	for (unsigned i = 0; i < 2; i++) {
		memcpy(r->caps[i].mac, mac, 6);
		r->caps[i].mac[5] = (uint8_t)(1 + i);
		r->caps[i].mtu = 1500;
	}
	r->cfg.n_ports = 2;
	r->cfg.rst_per_s = 5;
	*state = r;
	rig_rebuild(r, addrs, RTE_DIM(addrs), gw, RTE_DIM(gw));
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	unhoard(r);
	hr_ip_free(r->ip);
	assert_int_equal(test_pool_out(r->pool), 0);
	assert_int_equal(test_pool_out(r->rx_pool), 0);
	free(r);
	return 0;
}

struct bytes hex(const char *text)
{
	struct bytes x = {0};
	unsigned v;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		assert_int_equal(sscanf(text, "%2x", &v), 1);
		x.b[x.len++] = (uint8_t)v;
		text++;
	}
	return x;
}

static void add(struct bytes *x, struct bytes more)
{
	assert_true(x->len + more.len <= RIG_BYTES);
	memcpy(x->b + x->len, more.b, more.len);
	x->len += more.len;
}

static void add16(struct bytes *x, uint16_t v)
{
	x->b[x->len++] = (uint8_t)(v >> 8);
	x->b[x->len++] = (uint8_t)v;
}

static void add_addr(struct bytes *x, const char *text)
{
	struct hr_ip a = addr(text);
	unsigned len = a.family == 4 ? 4 : 16;

	memcpy(x->b + x->len, a.b, len);
	x->len += len;
}

void says(const struct rig *r, unsigned i, unsigned port, struct bytes frame)
{
	assert_true(i < r->n_said);
	assert_int_equal(r->said[i].port, port);
	assert_int_equal(r->said[i].frame.len, frame.len);
	assert_memory_equal(r->said[i].frame.b, frame.b, frame.len);
}

void silent(const struct rig *r)
{
	assert_int_equal(r->n_said, 0);
}

void rig_clear(struct rig *r)
{
	r->n_said = 0;
	r->n_told = 0;
}

static struct rte_mbuf *to_mbuf(struct rte_mempool *pool, const struct bytes *x, unsigned segment)
{
	struct rte_mbuf *head = NULL;

	for (unsigned off = 0; off < x->len;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		unsigned n = RTE_MIN(x->len - off, segment);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), x->b + off, n);
		off += n;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static enum hr_drop input(
	struct rig *r, unsigned port, const struct bytes *frame, uint64_t now_us, bool reply_ok)
{
	struct rte_mbuf *m = to_mbuf(r->rx_pool, frame, r->rx_segment ? r->rx_segment : 1600);
	struct hr_frame f;
	struct tcp_seg s;
	enum hr_drop d = hr_frame_parse(m, r->caps[port].mac, &f, &s);

	assert_int_equal(d, DROP_NONE);
	d = hr_ip_input(r->ip, port, m, &f, now_us, reply_ok, &r->err, &r->is_err);
	if (!r->is_err)
		memset(&r->err, 0, sizeof(r->err));
	rte_pktmbuf_free(m);
	return d;
}

enum hr_drop hears(struct rig *r, unsigned port, struct bytes frame, uint64_t now_us)
{
	return input(r, port, &frame, now_us, true);
}

enum hr_drop hears_copy(struct rig *r, unsigned port, struct bytes frame, uint64_t now_us)
{
	return input(r, port, &frame, now_us, false);
}

void until(struct rig *r, uint64_t now_us)
{
	uint64_t at;

	while ((at = hr_ip_deadline(r->ip)) <= now_us) {
		hr_ip_expire(r->ip, at);
		/* What is due has been done. */
		assert_true(hr_ip_deadline(r->ip) > at);
	}
}

void hoard(struct rig *r)
{
	while ((r->hoard[r->hoarded] = rte_pktmbuf_alloc(r->pool)) != NULL)
		r->hoarded++;
}

void unhoard(struct rig *r)
{
	while (r->hoarded > 0)
		rte_pktmbuf_free(r->hoard[--r->hoarded]);
}

static struct bytes packet_bytes(uint8_t tag)
{
	struct bytes x = hex("45000015 00004000 40fd0000 c6120001 c6120055");

	x.b[x.len++] = tag;
	return x;
}

struct rte_mbuf *packet(struct rig *r, uint8_t tag)
{
	struct bytes x = packet_bytes(tag);

	return to_mbuf(r->pool, &x, 1600);
}

struct bytes packet_frame(const char *dst_mac, const char *src_mac, uint16_t ethertype, uint8_t tag)
{
	struct bytes x = hex(dst_mac);

	add(&x, hex(src_mac));
	add16(&x, ethertype);
	add(&x, packet_bytes(tag));
	return x;
}

struct bytes arp(uint16_t op, const char *dst_mac, const char *sha, const char *spa,
	const char *tha, const char *tpa)
{
	struct bytes x = hex(dst_mac);

	add(&x, hex(sha));
	add(&x, hex("0806 0001 0800 06 04"));
	add16(&x, op);
	add(&x, hex(sha));
	add_addr(&x, spa);
	add(&x, hex(tha));
	add_addr(&x, tpa);
	return x;
}

/* RFC 1071, byte pair by byte pair: slow, and nobody else's code. */
static uint32_t sum_of(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void fill_checksum(struct bytes *x, unsigned l3, unsigned l4, uint8_t proto)
{
	unsigned at = l4 + (proto == 17 ? 6 : 2), len = x->len - l4;
	bool v6 = x->b[l3] >> 4 == 6;
	uint32_t sum = proto == 1 ? 0 : proto + len;

	if (proto != 1 && proto != 58 && proto != 17)
		return;
	if (proto != 1)
		sum = sum_of(x->b + l3 + (v6 ? 8 : 12), v6 ? 32 : 8, sum);
	x->b[at] = x->b[at + 1] = 0;
	sum = ~sum_of(x->b + l4, len, sum) & 0xffff;
	x->b[at] = (uint8_t)(sum >> 8);
	x->b[at + 1] = (uint8_t)sum;
}

struct bytes ip_frame(const char *dst_mac, const char *src_mac, const char *src, const char *dst,
	uint8_t proto, uint8_t ttl, struct bytes payload)
{
	struct bytes x = hex(dst_mac);
	uint32_t sum;

	add(&x, hex(src_mac));
	if (addr(src).family == 4) {
		add(&x, hex("0800 4500"));
		add16(&x, (uint16_t)(20 + payload.len));
		add(&x, hex("0000 4000"));
		add16(&x, (uint16_t)(ttl << 8 | proto));
		add16(&x, 0);
	} else {
		add(&x, hex("86dd 60000000"));
		add16(&x, (uint16_t)payload.len);
		add16(&x, (uint16_t)(proto << 8 | ttl));
	}
	add_addr(&x, src);
	add_addr(&x, dst);
	if (addr(src).family == 4) {
		sum = ~sum_of(x.b + 14, 20, 0) & 0xffff;
		x.b[24] = (uint8_t)(sum >> 8);
		x.b[25] = (uint8_t)sum;
	}
	add(&x, payload);
	fill_checksum(&x, 14, x.len - payload.len, proto);
	return x;
}

struct bytes nd(uint8_t type, uint8_t flags, const char *dst_mac, const char *src_mac,
	const char *src, const char *dst, const char *target, const char *options)
{
	struct bytes x = {.len = 8, .b = {type, 0, 0, 0, flags}};

	add_addr(&x, target);
	add(&x, hex(options));
	return ip_frame(dst_mac, src_mac, src, dst, 58, 255, x);
}
