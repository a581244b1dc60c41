/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK devices behind our contract: a null device, a ring that loops back, and, as root, a tap in a
 * network namespace of this process where the kernel answers ARP.
 */
#include "packets.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

static struct rte_mempool *pool;
static bool own_namespace;

static void start_end(struct hr_port *port, uint16_t queues)
{
	struct rte_mempool *pools[4] = {pool, pool, pool, pool};
	struct hr_port_setup setup = {.queues = queues, .pools = pools, .numa_node = -1};

	start_port(port, &setup);
}

static void a_null_device_receives_and_swallows(void **state)
{
	struct hr_port *port = open_port("net_null0,size=100,copy=1,hr_rxd=256,hr_txd=256");
	struct hr_port_caps caps;
	struct hr_port_stats s;
	struct rte_mbuf *m[8];

	assert_int_equal(hr_port_caps(port, &caps), 0);
	assert_string_equal(caps.name, "net_null0");
	assert_int_equal(caps.mtu, 1500);
	assert_true(caps.max_queues >= 1);
	assert_true(caps.copies_tx);
	start_end(port, 1);
	assert_true(port->ops->link_up(port->priv));
	assert_int_equal(port_rx(port, 0, m, 8), 8);
	assert_int_equal(m[0]->pkt_len, 100);
	assert_int_equal(port_tx(port, 0, m, 8), 8);
	assert_int_equal(hr_port_stats(port, &s), 0);
	assert_int_equal(s.rx_packets, 8);
	assert_int_equal(s.tx_packets, 8);
	hr_port_close(port);
	assert_int_equal(test_pool_out(pool), 0);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void a_ring_loops_back(void **state)
{
	struct hr_port *port = open_port("net_ring0");
	uint8_t want[TCP_HEADERS + 300];
	uint32_t len = tcp_frame(want, 1, 0, 300, 1);
	struct rte_mbuf *m[2];

	start_end(port, 1);
	/* A chain too, whether or not the device says that it can send one. */
	m[0] = packet_of(pool, want, len, 2000);
	m[1] = packet_of(pool, want, len, 100);
	assert_int_equal(port_tx(port, 0, m, 2), 2);
	assert_int_equal(port_rx(port, 0, m, 2), 2);
	assert_packet(m[0], want, len);
	assert_packet(m[1], want, len);
	rte_pktmbuf_free_bulk(m, 2);
	hr_port_close(port);
	assert_int_equal(test_pool_out(pool), 0);
}

static void a_device_has_one_user(void **state)
{
	struct hr_port *first = open_port("net_null1"), *second;
	char err[HR_ERRLEN];

	assert_int_equal(hr_port_open("net_null1", &second, err, sizeof(err)), -EBUSY);
	assert_string_equal(
		err, "net_null1 is in use by another port: give each device a number of its own");
	hr_port_close(first);
	second = open_port("impair(delay=1ms) net_null1");
	hr_port_close(second);
}

static void setups_that_cannot_be_are_refused(void **state)
{
	struct hr_port *port = open_port("net_null2");
	struct rte_mempool *pools[1] = {pool};
	struct hr_port_setup setup = {.queues = 0, .pools = pools};
	char err[HR_ERRLEN], want[HR_ERRLEN];
	struct hr_port_caps caps;

	hr_port_caps(port, &caps);
	assert_int_equal(port->ops->start(port->priv, &setup, err, sizeof(err)), -EINVAL);
	snprintf(want, sizeof(want), "net_null2: 0 queues are asked for, it has %u",
		caps.max_queues);
	assert_string_equal(err, want);
	setup.queues = 1;
	setup.offloads = HR_OFFLOAD_TSO;
	assert_int_equal(port->ops->start(port->priv, &setup, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "net_null2: offloads 0x4 are asked for and not there");
	start_end(port, 1);
	setup.offloads = 0;
	assert_int_equal(port->ops->start(port->priv, &setup, err, sizeof(err)), -EBUSY);
	hr_port_close(port);
}

static void bad_specs_earn_a_sentence(void **state)
{
	static const struct {
		const char *spec;
		int rc;
		const char *sentence;
	} bad[] = {
		{"net_tpa0,iface=t0", -ENODEV,
			"DPDK has no device driver for \"net_tpa0\"; did you mean net_tap?"},
		{"net_af_packet0", -EINVAL,
			"net_af_packet0 needs the interface it sits on: write "
			"net_af_packet0,iface=NAME"},
		{"net_af_packet0,iface=nope", -ENODEV,
			"net_af_packet0: there is no interface \"nope\" in this network namespace: "
			"`ip link` lists them"},
		{"net_virtio_user0", -EINVAL,
			"net_virtio_user0 needs its backend: write "
			"net_virtio_user0,path=/dev/vhost-net or a vhost socket"},
		{"net_null0,hr_rdx=3", -EINVAL,
			"unknown key \"hr_rdx\" in net_null0; did you mean hr_rxd? (known: hr_rxd, "
			"hr_txd, hr_mtu)"},
		{"net_null0,hr_mtu=big", -EINVAL,
			"net_null0: hr_mtu=big is not a number from 68 to 16000"},
		{"0000:ff:1f.7", 0, "0000:ff:1f.7: DPDK cannot use it ("},
		{"net_null0,nonsense=1", 0, "net_null0: the device does not start ("},
	};

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		char err[HR_ERRLEN] = "";
		struct hr_port *port;
		int rc = hr_port_open(bad[i].spec, &port, err, sizeof(err));

		assert_true(rc < 0);
		if (bad[i].rc != 0) {
			assert_int_equal(rc, bad[i].rc);
			assert_string_equal(err, bad[i].sentence);
		} else {
			assert_memory_equal(err, bad[i].sentence, strlen(bad[i].sentence));
		}
	}
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

/* Give the kernel's end of the tap an address and set it up. */
static void set_up_interface(const char *name)
{
	struct ifreq r = {0};
	struct sockaddr_in *a = (void *)&r.ifr_addr;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(s >= 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = RTE_BE32(RTE_IPV4(198u, 18, 0, 1));
	assert_int_equal(ioctl(s, SIOCSIFADDR, &r), 0);
	a->sin_addr.s_addr = RTE_BE32(RTE_IPV4(255u, 255, 255, 0));
	assert_int_equal(ioctl(s, SIOCSIFNETMASK, &r), 0);
	assert_int_equal(ioctl(s, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &r), 0);
	close(s);
}

static struct rte_mbuf *arp_request(const uint8_t mac[6])
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;

	assert_non_null(m);
	eth = (void *)rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*arp));
	arp = (void *)(eth + 1);
	memset(&eth->dst_addr, 0xff, 6);
	memcpy(&eth->src_addr, mac, 6);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = 6;
	arp->arp_plen = 4;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST);
	memcpy(&arp->arp_data.arp_sha, mac, 6);
	arp->arp_data.arp_sip = RTE_BE32(RTE_IPV4(198u, 18, 0, 2));
	memset(&arp->arp_data.arp_tha, 0, 6);
	arp->arp_data.arp_tip = RTE_BE32(RTE_IPV4(198u, 18, 0, 1));
	return m;
}

static bool is_arp_reply(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, void *);
	const struct rte_arp_hdr *arp = (const void *)(eth + 1);

	return eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP) &&
	       arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY) &&
	       arp->arp_data.arp_sip == RTE_BE32(RTE_IPV4(198u, 18, 0, 1));
}

static void ask_the_kernel(const char *spec, const char *iface)
{
	struct hr_port *port = open_port(spec);
	struct hr_port_caps caps;
	struct rte_mbuf *m;
	uint64_t end;
	bool answered = false;

	assert_int_equal(hr_port_caps(port, &caps), 0);
	assert_true(caps.copies_tx);
	start_end(port, 1);
	set_up_interface(iface);
	m = arp_request(caps.mac);
	assert_int_equal(port_tx(port, 0, &m, 1), 1);
	/* The kernel has a clock of its own: it gets up to 5 s of it. */
	for (end = rte_get_timer_cycles() + 5 * rte_get_timer_hz();
		!answered && rte_get_timer_cycles() < end; sched_yield()) {
		while (!answered && port_rx(port, 0, &m, 1) == 1) {
			answered = is_arp_reply(m);
			rte_pktmbuf_free(m);
		}
	}
	assert_true(answered);
	hr_port_close(port);
	/* tap keeps mbufs in its receive queue until it is closed; then all are back. */
	assert_int_equal(test_pool_out(pool), 0);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

static void the_kernel_answers_over_a_tap(void **state)
{
	if (!own_namespace) {
		print_message("SKIP: a tap needs root for a network namespace of its own, and "
			      "/dev/net/tun\n");
		skip();
	}
	ask_the_kernel("net_tap0,iface=hrtap0", "hrtap0");
}

/* The lab's way: af_packet on one end of a veth pair whose other end is the kernel's. */
static void the_kernel_answers_over_af_packet(void **state)
{
	if (!own_namespace ||
		system("ip link add hrv0 type veth peer name hrv1 && ip link set hrv0 up") != 0) {
		print_message("SKIP: a veth pair needs root for a network namespace of its own, "
			      "and the ip tool\n");
		skip();
	}
	ask_the_kernel("net_af_packet0,iface=hrv0", "hrv1");
}

static int setup(void **state)
{
	/* Before any thread is started: all of them shall live in it. */
	own_namespace = geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 &&
			unshare(CLONE_NEWNET) == 0;
	test_eal_start(64);
	pool = test_pool(4095);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_null_device_receives_and_swallows),
		cmocka_unit_test(a_ring_loops_back),
		cmocka_unit_test(a_device_has_one_user),
		cmocka_unit_test(setups_that_cannot_be_are_refused),
		cmocka_unit_test(bad_specs_earn_a_sentence),
		cmocka_unit_test(the_kernel_answers_over_a_tap),
		cmocka_unit_test(the_kernel_answers_over_af_packet),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
