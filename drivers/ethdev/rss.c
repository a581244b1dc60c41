/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RSS of a device, set and read back: who owns a tuple follows from key and RETA, so a device that
 * says yes and does something else would send each packet through another worker. What cannot be
 * read is believed; the counter arrival_mismatch shows at run time whether that was right.
 */
#include <errno.h>
#include <inttypes.h>

#include "ethdev/ethdev.h"

const struct ethdev_rss_calls hr_ethdev_rss_calls = {
	.reta_update = rte_eth_dev_rss_reta_update,
	.reta_query = rte_eth_dev_rss_reta_query,
	.hash_get = rte_eth_dev_rss_hash_conf_get,
};

#define GROUPS (RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE)

static struct rte_eth_rss_reta_entry64 *group(struct rte_eth_rss_reta_entry64 *entries, uint16_t i)
{
	return &entries[i / RTE_ETH_RETA_GROUP_SIZE];
}

int hr_ethdev_reta_set(
	const struct ethdev_rss_calls *calls, uint16_t id, const uint16_t *reta, uint16_t n)
{
	struct rte_eth_rss_reta_entry64 entries[GROUPS] = {0};

	if (n > RTE_ETH_RSS_RETA_SIZE_512)
		return -EINVAL;
	for (uint16_t i = 0; i < n; i++) {
		group(entries, i)->mask |= UINT64_C(1) << (i % RTE_ETH_RETA_GROUP_SIZE);
		group(entries, i)->reta[i % RTE_ETH_RETA_GROUP_SIZE] = reta[i];
	}
	return calls->reta_update(id, entries, n);
}

static int reta_same(const struct ethdev_rss_calls *calls, const struct ethdev_rss *want, char *err,
	size_t errlen)
{
	struct rte_eth_rss_reta_entry64 entries[GROUPS] = {0};
	int rc;

	for (uint16_t i = 0; i < want->reta_size; i++)
		group(entries, i)->mask |= UINT64_C(1) << (i % RTE_ETH_RETA_GROUP_SIZE);
	rc = calls->reta_query(want->id, entries, want->reta_size);
	if (rc == -ENOTSUP)
		return 0;
	if (rc < 0)
		return hr_error(err, errlen, -ENOTSUP, "%s: the RSS table cannot be read: %s",
			want->name, strerror(-rc));
	for (uint16_t i = 0; i < want->reta_size; i++) {
		uint16_t is = group(entries, i)->reta[i % RTE_ETH_RETA_GROUP_SIZE];

		if (is != want->reta[i])
			return hr_error(err, errlen, -ENOTSUP,
				"%s: entry %u of the RSS table is queue %u and not %u as it was "
				"told",
				want->name, i, is, want->reta[i]);
	}
	return 0;
}

static int hash_same(const struct ethdev_rss_calls *calls, const struct ethdev_rss *want, char *err,
	size_t errlen)
{
	uint8_t key[64] = {0};
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = sizeof(key)};
	int rc = calls->hash_get(want->id, &conf);

	if (rc == -ENOTSUP)
		return 0;
	if (rc < 0)
		return hr_error(err, errlen, -ENOTSUP, "%s: the RSS key cannot be read: %s",
			want->name, strerror(-rc));
	if ((conf.rss_hf & want->types) != want->types)
		return hr_error(err, errlen, -ENOTSUP,
			"%s: RSS is over packets of kinds 0x%" PRIx64 " and not 0x%" PRIx64
			" as it was told",
			want->name, conf.rss_hf, want->types);
	/* A driver that keeps no copy of the key leaves the buffer alone, or says that it is empty.
	 */
	if (conf.rss_key == NULL || conf.rss_key_len < want->key_len ||
		(conf.rss_key == key && key[0] == 0 &&
			memcmp(key, key + 1, want->key_len - 1u) == 0))
		return 0;
	if (memcmp(conf.rss_key, want->key, want->key_len) != 0)
		return hr_error(err, errlen, -ENOTSUP, "%s: the RSS key is not the one it was told",
			want->name);
	return 0;
}

int hr_ethdev_rss_set(const struct ethdev_rss_calls *calls, const struct ethdev_rss *want,
	char *err, size_t errlen)
{
	int rc = hr_ethdev_reta_set(calls, want->id, want->reta, want->reta_size);

	if (rc < 0)
		return hr_error(err, errlen, -ENOTSUP, "%s: the RSS table is refused: %s",
			want->name, strerror(-rc));
	rc = reta_same(calls, want, err, errlen);
	return rc == 0 ? hash_same(calls, want, err, errlen) : rc;
}
