/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link: frames from one port go out of the other, and on their way out impair does to them what
 * was asked for. All packets come from one pool, whose size follows from how many can be in the
 * air and in the queues.
 */
#include "link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#define BURST            64
#define MEAN_BYTES       256 /* of a frame: data both ways with an ACK for every second segment */
#define RATE_ASSUMED     1000000000 /* for the pool, when no rate is set */
#define MBUFS_LEAST      4096
#define MBUFS_MOST       (1u << 20)
#define QUEUE_US         100000 /* impair's default */
#define FRAME_EXTRA      26     /* Ethernet header, two tags, CRC */
#define FRAME_ROOM_BYTES 2048

struct link_way {
	uint64_t in_packets, in_bytes, unsent;
};

struct link {
	struct hr_port
		*port[WAYS]; /* port[AB] is a; what leaves through it is impaired as b to a */
	struct rte_mempool *pool;
	struct link_way way[WAYS];
};

/* A value of a list, or what to take when it is absent or nonsense: impair tells the user. */
static uint64_t list_value(const char *list, const char *key,
	int (*parse)(const char *, uint64_t *, char *, size_t), uint64_t otherwise)
{
	char text[64], why[HR_ERRLEN];
	uint64_t v;

	if (options_value(list, key, text, sizeof(text)) == NULL ||
		parse(text, &v, why, sizeof(why)) < 0)
		return otherwise;
	return v;
}

static double queue_bytes(const char *list, double bytes_per_s)
{
	char text[64], why[HR_ERRLEN];
	uint64_t v = QUEUE_US;
	size_t len;

	if (options_value(list, "queue", text, sizeof(text)) == NULL)
		return bytes_per_s * QUEUE_US / 1e6;
	len = strlen(text);
	if (len > 0 && text[len - 1] == 'p')
		return strtod(text, NULL) * MEAN_BYTES;
	if (hr_parse_bytes(text, &v, why, sizeof(why)) == 0)
		return (double)v;
	(void)hr_parse_duration_us(text, &v, why, sizeof(why));
	return bytes_per_s * (double)v / 1e6;
}

static double held_bytes(const char *list)
{
	bool limited = list_value(list, "rate", hr_parse_bps, 0) > 0;
	double bytes_per_s = (double)list_value(list, "rate", hr_parse_bps, RATE_ASSUMED) / 8;
	uint64_t air_us = list_value(list, "delay", hr_parse_duration_us, 0) +
			  list_value(list, "jitter", hr_parse_duration_us, 0) +
			  list_value(list, "reorder_delay", hr_parse_duration_us, 1000);

	return bytes_per_s * (double)air_us / 1e6 + (limited ? queue_bytes(list, bytes_per_s) : 0);
}

uint64_t link_mbufs(const struct options *o)
{
	double packets = MBUFS_LEAST;

	if (o->mbufs > 0)
		return o->mbufs;
	for (enum way w = AB; w < WAYS; w++)
		packets += held_bytes(o->impair[w]) / MEAN_BYTES;
	return packets > MBUFS_MOST ? MBUFS_MOST : (uint64_t)packets;
}

static int open_port(
	struct link *l, const struct options *o, enum way begins, char *err, size_t errlen)
{
	/* What leaves here has come from the other end. */
	enum way arrives = begins == AB ? BA : AB;
	char spec[OPTIONS_IMPAIR + 1024], why[HR_ERRLEN];
	const char *list = o->impair[arrives];
	int rc;

	if (list[0] != '\0')
		snprintf(spec, sizeof(spec), "impair(%s,dir=tx,seed=%" PRIu64 ") %s", list,
			o->seed + arrives, o->port[begins]);
	else
		snprintf(spec, sizeof(spec), "%s", o->port[begins]);
	rc = hr_port_open(spec, &l->port[begins], why, sizeof(why));
	if (rc < 0) {
		bool listed = strncmp(why, "impair", 6) == 0 || strstr(why, "in impair") != NULL;
		bool both = strcmp(o->impair[AB], o->impair[BA]) == 0;

		snprintf(err, errlen, "--%s: %s",
			!listed         ? (begins == AB ? "a" : "b")
			: both          ? "both"
			: arrives == AB ? "ab"
					: "ba",
			why);
	}
	return rc;
}

static int start_port(struct link *l, struct hr_port *port, const struct options *o,
	uint64_t (*clock)(void *arg), void *clock_arg, char *err, size_t errlen)
{
	const struct hr_port_setup setup = {
		.queues = 1,
		.pools = &l->pool,
		.clock = clock,
		.clock_arg = clock_arg,
		.seed = o->seed,
		.promiscuous = true,
		.numa_node = -1,
	};

	return hr_port_start(port, &setup, err, errlen);
}

/* Room for the longest frame that either end may bring. */
static int make_pool(struct link *l, const struct options *o, char *err, size_t errlen)
{
	uint32_t room = FRAME_ROOM_BYTES;
	uint64_t n = link_mbufs(o);
	char name[32];

	for (enum way w = AB; w < WAYS; w++) {
		struct hr_port_caps caps;

		if (hr_port_caps(l->port[w], &caps) == 0 && caps.mtu + FRAME_EXTRA > (int)room)
			room = caps.mtu + FRAME_EXTRA;
	}
	snprintf(name, sizeof(name), "hrlink_%d", (int)getpid());
	l->pool = rte_pktmbuf_pool_create(
		name, (unsigned)n, 256, 0, (uint16_t)(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	if (l->pool != NULL)
		return 0;
	snprintf(err, errlen,
		"no memory for %" PRIu64
		" packets of %u bytes: less rate, delay or queue, or fewer --mbufs",
		n, room);
	return -ENOMEM;
}

int link_open(struct link **link, const struct options *o, uint64_t (*clock)(void *arg),
	void *clock_arg, char *err, size_t errlen)
{
	struct link *l = calloc(1, sizeof(*l));
	int rc = l != NULL ? 0 : -ENOMEM;

	*link = NULL;
	if (l == NULL) {
		snprintf(err, errlen, "no memory for the link");
		return rc;
	}
	for (enum way w = AB; w < WAYS && rc == 0; w++)
		rc = open_port(l, o, w, err, errlen);
	if (rc == 0)
		rc = make_pool(l, o, err, errlen);
	for (enum way w = AB; w < WAYS && rc == 0; w++)
		rc = start_port(l, l->port[w], o, clock, clock_arg, err, errlen);
	if (rc < 0) {
		link_close(l);
		return rc;
	}
	*link = l;
	return 0;
}

/* What the receiving device noted about a frame means nothing to the sending one, except that a tag
 * it took off must be put on again. */
static void forget_notes(struct rte_mbuf *m)
{
	m->ol_flags = m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ? RTE_MBUF_F_TX_VLAN : 0;
}

static unsigned pump(struct link *l, enum way way)
{
	struct hr_port *from = l->port[way], *to = l->port[way == AB ? BA : AB];
	struct rte_mbuf *m[BURST];
	uint16_t n = hr_port_rx(from, 0, m, BURST), sent;

	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		l->way[way].in_bytes += m[i]->pkt_len;
		forget_notes(m[i]);
	}
	l->way[way].in_packets += n;
	sent = hr_port_tx(to, 0, m, n);
	l->way[way].unsent += (uint64_t)(n - sent);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	return n;
}

unsigned link_turn(struct link *l)
{
	unsigned n = pump(l, AB) + pump(l, BA);

	hr_port_flush(l->port[AB], 0);
	hr_port_flush(l->port[BA], 0);
	return n;
}

uint64_t link_deadline(struct link *l)
{
	uint64_t a = hr_port_deadline(l->port[AB], 0), b = hr_port_deadline(l->port[BA], 0);

	return a < b ? a : b;
}

void link_figures(const struct link *l, enum way way, struct link_figures *f)
{
	struct hr_port_stats in = {0}, out = {0};

	(void)hr_port_stats(l->port[way], &in);
	(void)hr_port_stats(l->port[way == AB ? BA : AB], &out);
	*f = (struct link_figures){
		.in_packets = l->way[way].in_packets,
		.in_bytes = l->way[way].in_bytes,
		.out_packets = out.tx_packets,
		.out_bytes = out.tx_bytes,
		.lost = out.impaired_loss,
		.duplicated = out.impaired_dup,
		.reordered = out.impaired_reorder,
		.corrupted = out.impaired_corrupt,
		.marked = out.impaired_mark,
		.queue_drops = out.impaired_queue_drop,
		.queue_bytes = out.impaired_queue_bytes,
		.queue_max_bytes = out.impaired_queue_max_bytes,
		.late = out.impaired_late,
		.late_max_us = out.impaired_late_max_us,
		.missed = in.rx_missed,
		.no_mbuf = in.rx_nombuf,
		.unsent = l->way[way].unsent,
	};
}

void link_close(struct link *l)
{
	for (enum way w = AB; w < WAYS; w++)
		hr_port_close(l->port[w]);
	rte_mempool_free(l->pool);
	free(l);
}
