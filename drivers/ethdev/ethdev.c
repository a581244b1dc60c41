/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any DPDK port as one of ours: queues, RSS, offloads and MTU set up as far as the device goes,
 * bursts passed on. Finding the device is probe.c's. That no two of our ports share a device is
 * kept with DPDK's own port owners.
 */
#include "ethdev/ethdev.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#define QUEUES_MAX   HR_MAX_WORKERS
#define DESCRIPTORS  1024
#define LINK_WAIT_MS 1000
#define RSS_TYPES                                                                                  \
	(RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP |                             \
		RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define RX_CSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_CSUM (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

/* Microsoft's key, continued for devices that take 52 bytes. */
static const uint8_t rss_key[52] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77,
	0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	0x9d, 0x31, 0x5e, 0x84, 0x6b, 0xc7, 0x12, 0xe8, 0x59, 0xa6, 0x3f, 0xd0};

struct ethdev_queue {
	uint64_t full; /* atomic; packets tx did not take */
	struct rte_mempool *pool;
} __rte_cache_aligned;

struct ethdev {
	struct ethdev_spec spec;
	struct rte_eth_dev_info info;
	uint64_t owner;
	uint16_t id, queues;
	uint32_t caps;
	bool made; /* by us: removed when closed */
	bool started;
	bool prepare; /* tx offloads are in use: the device wants to see packets first */
	bool linear;  /* it cannot send chains */
	struct ethdev_queue queue[QUEUES_MAX];
};

static uint32_t find_caps(const struct rte_eth_dev_info *info)
{
	uint32_t caps = 0;
	bool power = info->reta_size > 0 && (info->reta_size & (info->reta_size - 1)) == 0 &&
		     info->reta_size <= RTE_ETH_RSS_RETA_SIZE_512;

	if ((info->rx_offload_capa & RX_CSUM) == RX_CSUM)
		caps |= HR_OFFLOAD_RX_CSUM;
	if ((info->tx_offload_capa & TX_CSUM) == TX_CSUM)
		caps |= HR_OFFLOAD_TX_CSUM;
	/* net_tap cuts in software; that is cheaper here. */
	if ((caps & HR_OFFLOAD_TX_CSUM) && (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO) &&
		(info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) &&
		strcmp(info->driver_name, "net_tap") != 0)
		caps |= HR_OFFLOAD_TSO;
	if (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		caps |= HR_OFFLOAD_FAST_FREE;
	/* Only RSS that we can foretell is of use: TCP hashed, a key that we set, a table of a size
	 * we can invert. */
	if ((info->flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_TCP) && power &&
		(info->hash_key_size == 40 || info->hash_key_size == 52))
		caps |= HR_OFFLOAD_RSS;
	return caps;
}

/* Mbufs per frame, also of one that is not to be cut. 0 says nothing; drivers agree on a few. */
static uint16_t tx_segs(const struct rte_eth_dev_info *info)
{
	const struct rte_eth_desc_lim *lim = &info->tx_desc_lim;

	return lim->nb_seg_max != 0 ? lim->nb_seg_max : 8;
}

static int ethdev_caps(void *port, struct hr_port_caps *caps)
{
	const struct ethdev *e = port;
	struct rte_ether_addr mac;
	uint16_t mtu;
	int rc = rte_eth_macaddr_get(e->id, &mac);

	if (rc == 0)
		rc = rte_eth_dev_get_mtu(e->id, &mtu);
	if (rc < 0)
		return rc;
	snprintf(caps->name, sizeof(caps->name), "%s", e->spec.name);
	memcpy(caps->mac, mac.addr_bytes, sizeof(caps->mac));
	/* net_tap reports the MAC of the kernel's end. We are another station on that cable, or
	 * each end would take the other's ARP for its own; the device passes whatever comes. */
	if (strcmp(e->info.driver_name, "net_tap") == 0 &&
		strstr(e->spec.devargs, "remote=") == NULL)
		caps->mac[RTE_ETHER_ADDR_LEN - 1] ^= 1;
	caps->mtu = e->spec.mtu != 0 ? (uint16_t)e->spec.mtu : mtu;
	caps->max_queues = RTE_MIN(e->info.max_rx_queues, e->info.max_tx_queues);
	caps->max_queues = RTE_MIN(caps->max_queues, (uint16_t)QUEUES_MAX);
	caps->offloads = e->caps;
	caps->tx_segs =
		e->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS ? tx_segs(&e->info) : 1;
	if (e->caps & HR_OFFLOAD_TSO)
		caps->tso_bytes = UINT16_MAX;
	if (e->caps & HR_OFFLOAD_RSS) {
		caps->reta_size = e->info.reta_size;
		caps->rss_key_len = e->info.hash_key_size;
		memcpy(caps->rss_key, rss_key, caps->rss_key_len);
	}
	/* These write the frame elsewhere and free the mbuf before tx returns. */
	caps->copies_tx = strcmp(e->info.driver_name, "net_af_packet") == 0 ||
			  strcmp(e->info.driver_name, "net_tap") == 0 ||
			  strcmp(e->info.driver_name, "net_null") == 0 ||
			  strcmp(e->info.driver_name, "net_pcap") == 0;
	return 0;
}

static int configure(struct ethdev *e, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct rte_eth_conf conf = {0};
	uint32_t use = setup->offloads;
	uint64_t rx_capa = e->info.rx_offload_capa, tx_capa = e->info.tx_offload_capa;
	uint32_t room = rte_pktmbuf_data_room_size(setup->pools[0]) - RTE_PKTMBUF_HEADROOM;
	uint16_t mtu = (uint16_t)e->spec.mtu;

	if (mtu == 0 && rte_eth_dev_get_mtu(e->id, &mtu) != 0)
		mtu = RTE_ETHER_MTU;
	conf.rxmode.mtu = mtu;
	if (use & HR_OFFLOAD_RX_CSUM)
		conf.rxmode.offloads |= RX_CSUM;
	if (mtu + 26u > room) {
		if (!(rx_capa & RTE_ETH_RX_OFFLOAD_SCATTER) && e->spec.mtu != 0)
			return hr_error(err, errlen, -EINVAL,
				"%s: hr_mtu=%u does not fit an mbuf of %u bytes, and the device "
				"cannot scatter",
				e->spec.name, mtu, room);
		conf.rxmode.offloads |= rx_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	}
	if (setup->queues > 1 && (use & HR_OFFLOAD_RSS)) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_key = (uint8_t *)(uintptr_t)rss_key;
		conf.rx_adv_conf.rss_conf.rss_key_len = e->info.hash_key_size;
		conf.rx_adv_conf.rss_conf.rss_hf = RSS_TYPES & e->info.flow_type_rss_offloads;
		conf.rxmode.offloads |= rx_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
	}
	if (use & HR_OFFLOAD_TX_CSUM)
		conf.txmode.offloads |= TX_CSUM;
	if (use & HR_OFFLOAD_TSO)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	if (use & HR_OFFLOAD_FAST_FREE)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	conf.txmode.offloads |= tx_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	e->linear = !(tx_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	e->prepare = use & (HR_OFFLOAD_TX_CSUM | HR_OFFLOAD_TSO);

	int rc = rte_eth_dev_configure(e->id, setup->queues, setup->queues, &conf);

	if (rc < 0)
		return hr_error(err, errlen, rc,
			"%s: %u queues with offloads 0x%" PRIx32 " and MTU %u are refused: %s",
			e->spec.name, setup->queues, use, mtu, strerror(-rc));
	/* Some devices take the MTU only this way; one that cannot change it keeps its own. */
	rc = e->spec.mtu != 0 ? rte_eth_dev_set_mtu(e->id, mtu) : 0;
	if (rc < 0 && rc != -ENOTSUP)
		return hr_error(err, errlen, rc, "%s: hr_mtu=%u is refused: %s", e->spec.name, mtu,
			strerror(-rc));
	return 0;
}

static int setup_queues(
	struct ethdev *e, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	uint16_t rxd = (uint16_t)(e->spec.rxd != 0 ? e->spec.rxd : DESCRIPTORS);
	uint16_t txd = (uint16_t)(e->spec.txd != 0 ? e->spec.txd : DESCRIPTORS);
	int node = rte_eth_dev_socket_id(e->id), rc;

	rc = rte_eth_dev_adjust_nb_rx_tx_desc(e->id, &rxd, &txd);
	for (uint16_t q = 0; rc == 0 && q < setup->queues; q++) {
		e->queue[q].pool = setup->pools[q];
		rc = rte_eth_rx_queue_setup(e->id, q, rxd, (unsigned)node, NULL, setup->pools[q]);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(e->id, q, txd, (unsigned)node, NULL);
	}
	if (rc < 0)
		return hr_error(err, errlen, rc,
			"%s: queues of %u and %u descriptors cannot be set up (%s): try hr_rxd=, "
			"hr_txd= "
			"or a larger pool",
			e->spec.name, rxd, txd, strerror(-rc));
	return 0;
}

static int ethdev_set_reta(void *port, const uint16_t *reta, uint16_t n)
{
	const struct ethdev *e = port;

	if (!(e->caps & HR_OFFLOAD_RSS))
		return -ENOTSUP;
	if (n != e->info.reta_size || n > RTE_ETH_RSS_RETA_SIZE_512)
		return -EINVAL;
	for (uint16_t i = 0; i < n; i++)
		if (reta[i] >= e->queues)
			return -EINVAL;
	return hr_ethdev_reta_set(&hr_ethdev_rss_calls, e->id, reta, n);
}

/* NDP needs multicast; promiscuous mode only where nothing else lets it in. Neither is a reason to
 * stop. */
static void accept_multicast(const struct ethdev *e)
{
	if (rte_eth_allmulticast_enable(e->id) != 0)
		(void)rte_eth_promiscuous_enable(e->id);
}

static bool ethdev_link_up(void *port)
{
	const struct ethdev *e = port;
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(e->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static int set_rss(
	const struct ethdev *e, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	uint16_t reta[RTE_ETH_RSS_RETA_SIZE_512];
	const struct ethdev_rss want = {.name = e->spec.name,
		.reta = reta,
		.key = rss_key,
		.types = RSS_TYPES & e->info.flow_type_rss_offloads &
			 (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP),
		.id = e->id,
		.reta_size = RTE_MIN(e->info.reta_size, (uint16_t)RTE_DIM(reta)),
		.key_len = e->info.hash_key_size};

	for (unsigned i = 0; i < want.reta_size; i++)
		reta[i] = setup->reta != NULL ? setup->reta[i] : (uint16_t)(i % setup->queues);
	return hr_ethdev_rss_set(&hr_ethdev_rss_calls, &want, err, errlen);
}

static int ethdev_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct ethdev *e = port;
	struct hr_port_caps caps = {0};
	int rc = ethdev_caps(e, &caps);

	if (rc < 0)
		return hr_error(err, errlen, rc, "%s: the device does not answer: %s", e->spec.name,
			strerror(-rc));
	if (e->started)
		return hr_error(
			err, errlen, -EBUSY, "%s: this port was started before", e->spec.name);
	if (setup->queues == 0 || setup->queues > caps.max_queues)
		return hr_error(err, errlen, -EINVAL, "%s: %u queues are asked for, it has %u",
			e->spec.name, setup->queues, caps.max_queues);
	if (setup->offloads & ~e->caps)
		return hr_error(err, errlen, -EINVAL,
			"%s: offloads 0x%" PRIx32 " are asked for and not there", e->spec.name,
			setup->offloads & ~e->caps);
	rc = configure(e, setup, err, errlen);
	if (rc == 0)
		rc = setup_queues(e, setup, err, errlen);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_start(e->id);
	if (rc < 0)
		return hr_error(err, errlen, rc, "%s: the device does not start: %s", e->spec.name,
			strerror(-rc));
	e->started = true;
	e->queues = setup->queues;
	if (setup->promiscuous)
		(void)rte_eth_promiscuous_enable(e->id);
	accept_multicast(e);
	for (unsigned ms = 0; ms < LINK_WAIT_MS && !ethdev_link_up(e); ms += 10)
		rte_delay_us_sleep(10000);
	rc = setup->queues > 1 && (setup->offloads & HR_OFFLOAD_RSS)
		     ? set_rss(e, setup, err, errlen)
		     : 0;
	if (rc < 0) {
		/* The caller may do without RSS, and start it again. */
		(void)rte_eth_dev_stop(e->id);
		e->started = false;
	}
	return rc;
}

static uint16_t ethdev_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return rte_eth_rx_burst(((struct ethdev *)port)->id, queue, m, n);
}

/* A chain for a device that cannot send chains: a copy in one piece, or NULL when no mbuf is long
 * enough. */
static struct rte_mbuf *in_one_piece(struct rte_mbuf *m, struct rte_mempool *pool)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);

	if (copy != NULL && copy->nb_segs > 1) {
		rte_pktmbuf_free(copy);
		copy = NULL;
	}
	return copy;
}

/* One at a time: chains are rare on such devices, and a packet that is not taken must stay the
 * caller's. */
static uint16_t tx_linear(struct ethdev *e, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	uint16_t done = 0;

	for (; done < n; done++) {
		struct rte_mbuf *p = m[done];

		if (p->nb_segs > 1) {
			p = in_one_piece(p, e->queue[queue].pool);
			if (p == NULL)
				break;
		}
		if (rte_eth_tx_burst(e->id, queue, &p, 1) == 0) {
			if (p != m[done])
				rte_pktmbuf_free(p);
			break;
		}
		if (p != m[done])
			rte_pktmbuf_free(m[done]);
	}
	return done;
}

static uint16_t ethdev_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct ethdev *e = port;
	struct ethdev_queue *q = &e->queue[queue];
	uint16_t ready = n, done;

	if (unlikely(e->prepare)) {
		ready = rte_eth_tx_prepare(e->id, queue, m, n);
		/* The first one can never be sent: gone, or it would block the queue for good. */
		if (unlikely(ready == 0 && n > 0)) {
			rte_pktmbuf_free(m[0]);
			return 1;
		}
	}
	if (unlikely(e->linear))
		done = tx_linear(e, queue, m, ready);
	else
		done = rte_eth_tx_burst(e->id, queue, m, ready);
	if (unlikely(done < ready))
		__atomic_store_n(&q->full, q->full + (uint64_t)(ready - done), __ATOMIC_RELAXED);
	return done;
}

static int ethdev_stats(void *port, struct hr_port_stats *s)
{
	const struct ethdev *e = port;
	struct rte_eth_stats eth;
	int rc = rte_eth_stats_get(e->id, &eth);

	if (rc < 0)
		return rc;
	s->rx_packets = eth.ipackets;
	s->rx_bytes = eth.ibytes;
	s->tx_packets = eth.opackets;
	s->tx_bytes = eth.obytes;
	s->rx_missed = eth.imissed;
	s->rx_nombuf = eth.rx_nombuf;
	for (uint16_t q = 0; q < e->queues; q++)
		s->tx_full += __atomic_load_n(&e->queue[q].full, __ATOMIC_RELAXED);
	return 0;
}

static void ethdev_close(void *port)
{
	struct ethdev *e = port;

	if (e->started)
		(void)rte_eth_dev_stop(e->id);
	(void)rte_eth_dev_owner_unset(e->id, e->owner);
	if (e->made)
		hr_ethdev_remove(e->id);
	free(e);
}

static const struct hr_port_ops ethdev_ops = {
	.driver = "ethdev",
	.caps = ethdev_caps,
	.start = ethdev_start,
	.rx = ethdev_rx,
	.tx = ethdev_tx,
	.set_reta = ethdev_set_reta,
	.stats = ethdev_stats,
	.link_up = ethdev_link_up,
	.close = ethdev_close,
};

/* One of our ports per device: others are told who has it. */
static int own_device(struct ethdev *e, char *err, size_t errlen)
{
	struct rte_eth_dev_owner owner = {.name = "headrace"};
	int rc = rte_eth_dev_owner_new(&e->owner);

	if (rc == 0) {
		owner.id = e->owner;
		rc = rte_eth_dev_owner_set(e->id, &owner);
	}
	if (rc < 0)
		return hr_error(err, errlen, -EBUSY,
			"%s is in use by another port: give each device a number of its own",
			e->spec.name);
	rc = rte_eth_dev_info_get(e->id, &e->info);
	if (rc < 0)
		return hr_error(err, errlen, rc, "%s: the device does not say what it is: %s",
			e->spec.name, strerror(-rc));
	e->caps = find_caps(&e->info);
	return 0;
}

static int ethdev_open(const char *spec, const struct hr_port_args *args, struct hr_port *inner,
	struct hr_port **port, char *err, size_t errlen)
{
	struct ethdev *e = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*e), (size_t)RTE_CACHE_LINE_SIZE));
	int rc;

	if (e == NULL)
		return hr_error(err, errlen, -ENOMEM, "%.60s: no memory", spec);
	memset(e, 0, sizeof(*e));
	rc = hr_ethdev_parse(spec, &e->spec, err, errlen);
	if (rc == 0)
		rc = hr_ethdev_probe(&e->spec, &e->id, &e->made, err, errlen);
	if (rc < 0) {
		free(e);
		return rc;
	}
	rc = own_device(e, err, errlen);
	if (rc == 0) {
		rc = hr_port_create(&ethdev_ops, e, port);
		if (rc < 0)
			hr_error(err, errlen, rc, "%s: no memory", e->spec.name);
	}
	if (rc < 0)
		ethdev_close(e);
	return rc;
}

const struct hr_port_driver hr_ethdev_driver = {
	.name = "ethdev",
	.match = hr_ethdev_match,
	.open = ethdev_open,
};
