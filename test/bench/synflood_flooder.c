/* SPDX-License-Identifier: BSD-3-Clause */
#include "synflood_flooder.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/rng.h"
#include "proto/frame.h"

#define BURST   64
#define BEHIND  4096 /* SYNs it catches up with after a pause, no more */
#define OPTIONS 20   /* as Linux sends them: MSS, SACK permitted, timestamps, window scale */
#define FRAME   (RTE_ETHER_HDR_LEN + 20 + 20 + OPTIONS)

struct flooder {
	struct hr_port *inner;
	struct flooder_config cfg;
	struct hr_rng rng;
	uint8_t frame[FRAME];    /* of source 0, port 0, sequence number 0 */
	uint32_t ip_sum, l4_sum; /* of the frame without the fields that vary, not folded */
	uint64_t per_s, since_us, due;
	struct flooder_stats stats;
};

/* --- the port */

static int caps(void *port, struct hr_port_caps *c)
{
	struct flooder *f = port;

	return f->inner->ops->caps(f->inner->priv, c);
}

static int start(void *port, const struct hr_port_setup *s, char *err, size_t errlen)
{
	struct flooder *f = port;

	return f->inner->ops->start(f->inner->priv, s, err, errlen);
}

/* An answer to a made-up source: nobody is there. */
static bool is_answer(const struct flooder *f, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t dst;

	if (m->data_len < RTE_ETHER_HDR_LEN + 20 || p[12] != 0x08 || p[13] != 0x00)
		return false;
	memcpy(&dst, p + RTE_ETHER_HDR_LEN + 16, sizeof(dst));
	return rte_be_to_cpu_32(dst) - f->cfg.first < f->cfg.count;
}

static uint16_t rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct flooder *f = port;
	uint16_t got = f->inner->ops->rx(f->inner->priv, queue, m, n), kept = 0;

	for (uint16_t i = 0; i < got; i++) {
		if (is_answer(f, m[i])) {
			rte_pktmbuf_free(m[i]);
			f->stats.answers++;
		} else {
			m[kept++] = m[i];
		}
	}
	return kept;
}

static uint16_t tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct flooder *f = port;

	return f->inner->ops->tx(f->inner->priv, queue, m, n);
}

static void flush(void *port, uint16_t queue)
{
	struct flooder *f = port;

	if (f->inner->ops->flush != NULL)
		f->inner->ops->flush(f->inner->priv, queue);
}

static int stats(void *port, struct hr_port_stats *s)
{
	struct flooder *f = port;

	return f->inner->ops->stats(f->inner->priv, s);
}

static void close_port(void *port)
{
	struct flooder *f = port;

	hr_port_close(f->inner);
	free(f);
}

static const struct hr_port_ops ops = {.driver = "flooder",
	.caps = caps,
	.start = start,
	.rx = rx,
	.tx = tx,
	.flush = flush,
	.stats = stats,
	.close = close_port};

/* --- the SYNs */

static uint32_t sum16(const uint8_t *p, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void make_frame(struct flooder *f)
{
	struct tcp_out o = {.flags = TCPF_SYN,
		.wnd = 64240,
		.opts = TCPO_MSS | TCPO_SACK_OK | TCPO_TS | TCPO_WSCALE,
		.mss_opt = 1460,
		.wscale = 7,
		.tsval = 12345};
	uint8_t *l3 = f->frame + RTE_ETHER_HDR_LEN, *l4 = l3 + 20;

	hr_eth_write(f->frame, f->cfg.src_mac, f->cfg.src_mac, RTE_ETHER_TYPE_IPV4);
	hr_ip4_write(l3, 0, f->cfg.dst.v4, IPPROTO_TCP, 64, 0, 0, FRAME - RTE_ETHER_HDR_LEN);
	must(hr_tcp_header_write(l4, &o, 0, f->cfg.dport) == 20 + OPTIONS);
	memset(l3 + 10, 0, 2);
	f->ip_sum = sum16(l3, 20);
	/* The pseudo-header: both addresses, protocol, length. */
	f->l4_sum = sum16(l4, 20 + OPTIONS) + sum16(l3 + 12, 8) + IPPROTO_TCP + 20 + OPTIONS;
}

struct flooder *flooder_wrap(
	struct hr_port *inner, const struct flooder_config *cfg, struct hr_port **port)
{
	struct flooder *f = calloc(1, sizeof(*f));

	must(f != NULL);
	f->inner = inner;
	f->cfg = *cfg;
	hr_rng_seed(&f->rng, cfg->seed);
	make_frame(f);
	must(hr_port_create(&ops, f, port) == 0);
	return f;
}

void flooder_aim(struct flooder *f, const uint8_t mac[6])
{
	memcpy(f->frame, mac, 6);
}

void flooder_rate(struct flooder *f, uint64_t per_s, uint64_t now_us)
{
	f->per_s = per_s;
	f->since_us = now_us;
	f->due = 0;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void one_syn(struct flooder *f, uint8_t *p)
{
	uint64_t r = hr_rng_u64(&f->rng);
	uint32_t src = f->cfg.first + (uint32_t)((r >> 32) * f->cfg.count >> 32), seq = (uint32_t)r;
	uint16_t sport = (uint16_t)(1024 + (uint16_t)(r * 40503 >> 20) % 64000);
	uint8_t *l3 = p + RTE_ETHER_HDR_LEN, *l4 = l3 + 20;

	memcpy(p, f->frame, FRAME);
	put16(l3 + 12, (uint16_t)(src >> 16));
	put16(l3 + 14, (uint16_t)src);
	put16(l3 + 10, fold(f->ip_sum + (src >> 16) + (src & 0xffff)));
	put16(l4, sport);
	put16(l4 + 4, (uint16_t)(seq >> 16));
	put16(l4 + 6, (uint16_t)seq);
	put16(l4 + 16, fold(f->l4_sum + (src >> 16) + (src & 0xffff) + sport + (seq >> 16) +
			       (seq & 0xffff)));
}

unsigned flooder_burst(struct flooder *f, unsigned n)
{
	struct rte_mbuf *m[BURST];
	uint16_t taken;

	must(n <= BURST);
	if (rte_pktmbuf_alloc_bulk(f->cfg.pool, m, n) != 0) {
		f->stats.lost += n;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		one_syn(f, (uint8_t *)rte_pktmbuf_append(m[i], FRAME));
	taken = tx(f, 0, m, (uint16_t)n);
	rte_pktmbuf_free_bulk(m + taken, n - taken);
	f->stats.sent += taken;
	f->stats.lost += n - taken;
	return taken;
}

void flooder_run(struct flooder *f, uint64_t now_us)
{
	uint64_t due = (now_us - f->since_us) * f->per_s / 1000000;

	if (due > f->due + BEHIND)
		f->due = due - BEHIND;
	while (f->due < due) {
		unsigned n = (unsigned)RTE_MIN(due - f->due, (uint64_t)BURST);

		f->due += n;
		(void)flooder_burst(f, n);
	}
}

struct flooder_stats flooder_stats(const struct flooder *f)
{
	return f->stats;
}
