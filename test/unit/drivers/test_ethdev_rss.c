/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS of a device, set and read back: devices that obey, that do something else, that cannot be
 * asked. */
#include <errno.h>
#include <string.h>

#include "ethdev/ethdev.h"
#include "packets.h"

#define SIZE  128
#define TYPES (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

static struct {
	uint16_t reta[SIZE];
	uint8_t key[40];
	uint64_t types;
	int update_rc, query_rc, hash_rc;
	uint16_t broken; /* this entry stays 0 */
} dev;

static int update(uint16_t id, struct rte_eth_rss_reta_entry64 *e, uint16_t n)
{
	assert_int_equal(id, 7);
	assert_int_equal(n, SIZE);
	for (uint16_t i = 0; i < n && dev.update_rc == 0; i++)
		if ((e[i / 64].mask >> (i % 64) & 1) && i != dev.broken)
			dev.reta[i] = e[i / 64].reta[i % 64];
	return dev.update_rc;
}

static int query(uint16_t id, struct rte_eth_rss_reta_entry64 *e, uint16_t n)
{
	assert_int_equal(n, SIZE);
	for (uint16_t i = 0; i < n && dev.query_rc == 0; i++)
		if (e[i / 64].mask >> (i % 64) & 1)
			e[i / 64].reta[i % 64] = dev.reta[i];
	return dev.query_rc;
}

static int hash_get(uint16_t id, struct rte_eth_rss_conf *conf)
{
	if (dev.hash_rc < 0)
		return dev.hash_rc;
	assert_true(conf->rss_key_len >= sizeof(dev.key));
	memcpy(conf->rss_key, dev.key, sizeof(dev.key));
	conf->rss_key_len = sizeof(dev.key);
	conf->rss_hf = dev.types;
	return 0;
}

static const struct ethdev_rss_calls calls = {
	.reta_update = update, .reta_query = query, .hash_get = hash_get};

/* A device that does what it is told. */
static void fresh(void)
{
	memset(&dev, 0, sizeof(dev));
	memset(dev.key, 0x6d, sizeof(dev.key));
	dev.types = TYPES | RTE_ETH_RSS_IPV4;
	dev.broken = SIZE;
}

static void expect(int rc, const char *sentence)
{
	uint16_t reta[SIZE];
	uint8_t key[40];
	char err[HR_ERRLEN] = "";

	for (unsigned i = 0; i < SIZE; i++)
		reta[i] = (uint16_t)(i % 3);
	memset(key, 0x6d, sizeof(key));
	assert_int_equal(hr_ethdev_rss_set(&calls,
				 &(struct ethdev_rss){.name = "nic",
					 .reta = reta,
					 .key = key,
					 .types = TYPES,
					 .id = 7,
					 .reta_size = SIZE,
					 .key_len = sizeof(key)},
				 err, sizeof(err)),
		rc);
	assert_string_equal(err, sentence);
	if (rc == 0)
		assert_memory_equal(dev.reta, reta, sizeof(reta));
}

static void obedience(void **state)
{
	fresh();
	expect(0, "");
}

static void what_cannot_be_asked_is_believed(void **state)
{
	fresh();
	dev.query_rc = dev.hash_rc = -ENOTSUP;
	expect(0, "");
	fresh();
	memset(dev.key, 0, sizeof(dev.key)); /* the driver keeps no copy */
	expect(0, "");
}

static void disobedience(void **state)
{
	fresh();
	dev.broken = 100;
	expect(-ENOTSUP, "nic: entry 100 of the RSS table is queue 0 and not 1 as it was told");
	fresh();
	dev.update_rc = -EINVAL;
	expect(-ENOTSUP, "nic: the RSS table is refused: Invalid argument");
	fresh();
	dev.query_rc = -EIO;
	expect(-ENOTSUP, "nic: the RSS table cannot be read: Input/output error");
	fresh();
	dev.key[39] = 1;
	expect(-ENOTSUP, "nic: the RSS key is not the one it was told");
	fresh();
	dev.types = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	expect(-ENOTSUP, "nic: RSS is over packets of kinds 0x10 and not 0x410 as it was told");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(obedience),
		cmocka_unit_test(what_cannot_be_asked_is_believed),
		cmocka_unit_test(disobedience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
