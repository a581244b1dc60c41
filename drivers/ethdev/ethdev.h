/* SPDX-License-Identifier: BSD-3-Clause */
/* A DPDK port behind our contract: probe.c finds or makes the device, ethdev.c sets it up and moves
 * packets, rss.c sees that it spreads them as it was told. */
#ifndef HR_DRIVERS_ETHDEV_H
#define HR_DRIVERS_ETHDEV_H

#include <rte_ethdev.h>

#include "port/port.h"

/* What the spec says. */
struct ethdev_spec {
	char name[RTE_ETH_NAME_MAX_LEN]; /* of the device, as EAL knows it */
	char devargs[512];               /* for the PMD */
	char iface[64];                  /* the kernel interface it names, or empty */
	bool pci;
	uint32_t rxd, txd, mtu; /* hr_rxd=, hr_txd=, hr_mtu=; 0 = not said */
};

bool hr_ethdev_match(const char *spec);
int hr_ethdev_parse(const char *spec, struct ethdev_spec *s, char *err, size_t errlen);
/* The port of that name, probed when it is not there yet; *made tells. */
int hr_ethdev_probe(
	const struct ethdev_spec *s, uint16_t *id, bool *made, char *err, size_t errlen);
/* Undo a probe. */
void hr_ethdev_remove(uint16_t id);

/* DPDK's, or those of a test. */
struct ethdev_rss_calls {
	int (*reta_update)(uint16_t id, struct rte_eth_rss_reta_entry64 *entries, uint16_t n);
	int (*reta_query)(uint16_t id, struct rte_eth_rss_reta_entry64 *entries, uint16_t n);
	int (*hash_get)(uint16_t id, struct rte_eth_rss_conf *conf);
};
extern const struct ethdev_rss_calls hr_ethdev_rss_calls;

/* What a device is to do; types and key were set when it was configured. */
struct ethdev_rss {
	const char *name;
	const uint16_t *reta;
	const uint8_t *key;
	uint64_t types; /* RTE_ETH_RSS_* */
	uint16_t id, reta_size;
	uint8_t key_len;
};

int hr_ethdev_reta_set(
	const struct ethdev_rss_calls *calls, uint16_t id, const uint16_t *reta, uint16_t n);
/* Set the RETA, and read all of it back: -ENOTSUP with a sentence when the device does not do what
 * it was told. */
int hr_ethdev_rss_set(const struct ethdev_rss_calls *calls, const struct ethdev_rss *want,
	char *err, size_t errlen);

#endif
