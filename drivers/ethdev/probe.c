/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a spec to a DPDK port number: "0000:3b:00.0[,devargs]" or "net_tap0,iface=t0[,devargs]", our
 * own keys (hr_...) taken out. PMDs log their reasons and return -1, so the usual reasons are
 * looked for here, before and after.
 */
#include "ethdev/ethdev.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_eal.h>

static const char *const pmds[] = {"net_af_packet", "net_af_xdp", "net_tap", "net_memif",
	"net_ring", "net_pcap", "net_null", "net_virtio_user", "virtio_user", "net_vhost",
	"eth_vhost", "net_bonding", "net_failsafe", NULL};

/* "3b:00.0" or "0000:3b:00.0", up to a comma or the end. */
static bool is_pci(const char *spec)
{
	unsigned domain, bus, device, function;
	int used = 0;

	if (sscanf(spec, "%4x:%2x:%2x.%1u%n", &domain, &bus, &device, &function, &used) != 4 &&
		sscanf(spec, "%2x:%2x.%1u%n", &bus, &device, &function, &used) != 3)
		return false;
	return used > 0 && (spec[used] == '\0' || spec[used] == ',');
}

bool hr_ethdev_match(const char *spec)
{
	return is_pci(spec) || strncmp(spec, "net_", 4) == 0 || strncmp(spec, "eth_", 4) == 0 ||
	       strncmp(spec, "virtio_user", 11) == 0;
}

static int parse_own(const struct hr_port_args *args, const char *key, uint32_t min, uint32_t max,
	uint32_t *out, const char *what, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char *end;

	*out = 0;
	if (text == NULL)
		return 0;
	unsigned long v = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end != '\0' || v < min || v > max)
		return hr_error(err, errlen, -EINVAL,
			"%s: %s=%s is not a number from %" PRIu32 " to %" PRIu32, what, key, text,
			min, max);
	*out = (uint32_t)v;
	return 0;
}

/* A vdev's name is that of its PMD and a number or word of the user's. */
static bool is_pmd(const char *name)
{
	for (const char *const *p = pmds; *p != NULL; p++)
		if (strncmp(name, *p, strlen(*p)) == 0)
			return true;
	return false;
}

static void add_devarg(struct ethdev_spec *s, const char *key, const char *value)
{
	size_t used = strlen(s->devargs);

	snprintf(s->devargs + used, sizeof(s->devargs) - used, "%s%s%s%s", used > 0 ? "," : "", key,
		value[0] != '\0' ? "=" : "", value);
}

/*
 * af_packet's own defaults hold 512 small frames and pass through the qdisc. Four thousand ride out
 * a scheduling gap, and a frame of 2 KB holds an MTU of 1500.
 */
static void af_packet_defaults(struct ethdev_spec *s, const struct hr_port_args *args)
{
	static const char *const defaults[][2] = {{"blocksz", "65536"}, {"framesz", "2048"},
		{"framecnt", "4096"}, {"qdisc_bypass", "1"}};
	bool sized = hr_port_arg(args, "blocksz") != NULL || hr_port_arg(args, "framesz") != NULL ||
		     hr_port_arg(args, "framecnt") != NULL;

	for (unsigned i = 0; i < RTE_DIM(defaults); i++)
		if (hr_port_arg(args, defaults[i][0]) == NULL && (!sized || i == 3))
			add_devarg(s, defaults[i][0], defaults[i][1]);
}

int hr_ethdev_parse(const char *spec, struct ethdev_spec *s, char *err, size_t errlen)
{
	static const char *const own[] = {"hr_rxd", "hr_txd", "hr_mtu", NULL};
	size_t len = strcspn(spec, ",");
	struct hr_port_args args, ours = {0};
	char word[32], suggestion[64];
	int rc;

	memset(s, 0, sizeof(*s));
	if (len >= sizeof(s->name))
		return hr_error(
			err, errlen, -EINVAL, "%.60s...: the name of the device is too long", spec);
	memcpy(s->name, spec, len);
	s->pci = is_pci(spec);
	if (!s->pci && !is_pmd(s->name)) {
		/* Without the number at its end: that is no part of the misspelling. */
		snprintf(word, sizeof(word), "%.31s", s->name);
		for (size_t n = strlen(word); n > 0 && isdigit((unsigned char)word[n - 1]); n--)
			word[n - 1] = '\0';
		return hr_error(err, errlen, -ENODEV, "DPDK has no device driver for \"%s\"%s",
			s->name, hr_port_suggest(word, pmds, suggestion, sizeof(suggestion)));
	}
	rc = hr_port_args_parse(
		spec[len] == ',' ? spec + len + 1 : "", &args, s->name, err, errlen);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < args.n; i++) {
		if (strncmp(args.key[i], "hr_", 3) == 0) {
			memcpy(ours.key[ours.n], args.key[i], sizeof(ours.key[0]));
			memcpy(ours.value[ours.n++], args.value[i], sizeof(ours.value[0]));
			continue;
		}
		add_devarg(s, args.key[i], args.value[i]);
		if (strcmp(args.key[i], "iface") == 0)
			snprintf(s->iface, sizeof(s->iface), "%s", args.value[i]);
	}
	if (strncmp(s->name, "net_af_packet", 13) == 0)
		af_packet_defaults(s, &args);
	if (strlen(s->devargs) + 1 >= sizeof(s->devargs))
		return hr_error(err, errlen, -EINVAL, "%s: its arguments are too long", s->name);
	rc = hr_port_args_known(&ours, own, s->name, err, errlen);
	if (rc == 0)
		rc = parse_own(&ours, "hr_rxd", 32, 32768, &s->rxd, s->name, err, errlen);
	if (rc == 0)
		rc = parse_own(&ours, "hr_txd", 32, 32768, &s->txd, s->name, err, errlen);
	if (rc == 0)
		rc = parse_own(&ours, "hr_mtu", 68, 16000, &s->mtu, s->name, err, errlen);
	return rc;
}

/* Reasons that can be seen before the PMD trips over them. */
static int check_before(const struct ethdev_spec *s, char *err, size_t errlen)
{
	bool packet = strncmp(s->name, "net_af_packet", 13) == 0,
	     xdp = strncmp(s->name, "net_af_xdp", 10) == 0;

	if (packet || xdp) {
		if (s->iface[0] == '\0')
			return hr_error(err, errlen, -EINVAL,
				"%s needs the interface it sits on: write %s,iface=NAME", s->name,
				s->name);
		if (if_nametoindex(s->iface) == 0)
			return hr_error(err, errlen, -ENODEV,
				"%s: there is no interface \"%s\" in this network namespace: `ip "
				"link` lists them",
				s->name, s->iface);
	}
	if (strncmp(s->name, "net_tap", 7) == 0 && access("/dev/net/tun", R_OK | W_OK) != 0)
		return hr_error(err, errlen, -errno,
			"%s: /dev/net/tun cannot be opened (%s): run as root, or load the tun "
			"module",
			s->name, strerror(errno));
	if (strstr(s->name, "virtio_user") != NULL && strstr(s->devargs, "path=") == NULL)
		return hr_error(err, errlen, -EINVAL,
			"%s needs its backend: write %s,path=/dev/vhost-net or a vhost socket",
			s->name, s->name);
	return 0;
}

static int explain_failure(const struct ethdev_spec *s, int rc, char *err, size_t errlen)
{
	if (rc >= -1 || rc < -4095) /* DPDK's plain -1 is no errno */
		rc = -ENODEV;
	if (s->pci)
		return hr_error(err, errlen, rc,
			"%s: DPDK cannot use it (%s): is it there (lspci), bound to vfio-pci "
			"(dpdk-devbind.py -b vfio-pci), and %s?",
			s->name, strerror(-rc),
			rte_eal_has_hugepages() ? "named at start, so that EAL looks at the PCI bus"
						: "are there hugepages (scripts/hugepages)");
	return hr_error(err, errlen, rc,
		"%s: the device does not start (%s)%s; its arguments were \"%.80s\"", s->name,
		strerror(-rc), geteuid() != 0 ? ": it may need root" : "", s->devargs);
}

int hr_ethdev_probe(const struct ethdev_spec *s, uint16_t *id, bool *made, char *err, size_t errlen)
{
	int rc;

	*made = false;
	if (rte_eth_dev_get_port_by_name(s->name, id) == 0)
		return 0;
	rc = check_before(s, err, errlen);
	if (rc < 0)
		return rc;
	rc = rte_eal_hotplug_add(s->pci ? "pci" : "vdev", s->name, s->devargs);
	if (rc < 0)
		return explain_failure(s, rc, err, errlen);
	*made = true;
	if (rte_eth_dev_get_port_by_name(s->name, id) == 0)
		return 0;
	/* Short PCI addresses ("3b:00.0") become ports with long names. */
	if (s->pci && rte_eth_dev_count_avail() > 0) {
		char full[RTE_ETH_NAME_MAX_LEN + 8];

		snprintf(full, sizeof(full), "0000:%s", s->name);
		if (rte_eth_dev_get_port_by_name(full, id) == 0)
			return 0;
	}
	(void)rte_eal_hotplug_remove(s->pci ? "pci" : "vdev", s->name);
	return explain_failure(s, -ENODEV, err, errlen);
}

void hr_ethdev_remove(uint16_t id)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(id, &info) == 0 && info.device != NULL)
		(void)rte_dev_remove(info.device);
}
