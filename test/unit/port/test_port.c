/* SPDX-License-Identifier: BSD-3-Clause */
/* Port strings: what they open, and the one sentence that each bad one earns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "common/eal.h"
#include "port/port.h"

static void arguments_are_split(void **state)
{
	struct hr_port_args a;
	char err[HR_ERRLEN] = "untouched";

	assert_int_equal(hr_port_args_parse(" file = /tmp/a(1,2).pcapng , rss,x=(y=(z)) ", &a, "t",
				 err, sizeof(err)),
		0);
	assert_int_equal(a.n, 3);
	assert_string_equal(hr_port_arg(&a, "file"), "/tmp/a(1,2).pcapng");
	assert_string_equal(hr_port_arg(&a, "rss"), "");
	assert_string_equal(hr_port_arg(&a, "x"), "(y=(z))");
	assert_null(hr_port_arg(&a, "y"));
	assert_int_equal(hr_port_args_parse("", &a, "t", err, sizeof(err)), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(hr_port_args_parse("k=a=b", &a, "t", err, sizeof(err)), 0);
	assert_string_equal(hr_port_arg(&a, "k"), "a=b");
	assert_string_equal(err, "untouched");
}

static void words_are_guessed_by_distance(void **state)
{
	static const char *const list[] = {"loss", "delay", "jitter", NULL};

	assert_string_equal(hr_port_nearest("los", list), "loss");
	assert_string_equal(hr_port_nearest("dealy", list), "delay");
	assert_string_equal(hr_port_nearest("jiter", list), "jitter");
	assert_null(hr_port_nearest("queues", list));
	assert_null(hr_port_nearest("", list));
}

struct bad {
	const char *spec;
	int rc;
	const char *sentence;
};

#define KNOWN_PORTS                                                                                \
	" (known: wire:NAME, a PCI address such as 0000:3b:00.0, a DPDK device such as "           \
	"net_tap0,iface=t0)"

static const struct bad bad[] = {
	{NULL, -EINVAL, "no port is named: write wire:0, for example"},
	{"  ", -EINVAL, "the port string is empty: write wire:0, for example"},
	{"wrie:0", -ENODEV, "no driver takes the port \"wrie\"; did you mean wire?" KNOWN_PORTS},
	{"eth7", -ENODEV, "no driver takes the port \"eth7\"" KNOWN_PORTS},
	{"wire", -ENODEV, "no driver takes the port \"wire\"; did you mean wire?" KNOWN_PORTS},
	{"wire:", -EINVAL, "\"wire:\" has no name: write wire:NAME, as in wire:0"},
	{"wire:a b", -EINVAL, "wire:a b: a name has letters, digits, '_', '.' and '-' only"},
	{"wire:abcdefghijklmnopqrstuvwxyz", -EINVAL,
		"wire:abcdefghijklmnopqrstuvwxyz: the name is longer than 20 letters"},
	{"wire:0/c", -EINVAL, "wire:0/c: the ends of a wire are /a and /b"},
	{"wire:0,queue=2", -EINVAL,
		"unknown key \"queue\" in wire:0; did you mean queues? (known: queues, depth, rss, "
		"mtu, caps)"},
	{"wire:0,queues=17", -EINVAL, "wire:0: queues=17 is not a number from 1 to 16"},
	{"wire:0,queues=two", -EINVAL, "wire:0: queues=two is not a number from 1 to 16"},
	{"wire:0,queues=-1", -EINVAL, "wire:0: queues=-1 is not a number from 1 to 16"},
	{"wire:0,queues=", -EINVAL, "wire:0: \"queues=\" has no value: write key=value"},
	{"wire:0,mtu=9001", -EINVAL, "wire:0: mtu=9001 is not a number from 68 to 9000"},
	{"wire:0,depth=1", -EINVAL, "wire:0: depth=1 is not a number from 2 to 65536"},
	{"wire:0,=3", -EINVAL, "wire:0: \"=3\" has no key: write key=value"},
	{"wire:0,", -EINVAL, "wire:0: nothing after the comma"},
	{"wire:0,mtu=1500,,depth=8", -EINVAL,
		"wire:0: nothing between two commas, or a comma too many"},
	{"wire:0,mtu=1500,mtu=1500", -EINVAL, "wire:0: key \"mtu\" is given twice"},
	{"wire:0,caps=cusm", -EINVAL,
		"wire:0: caps=cusm is unknown; did you mean csum? (known: csum, tso, rss, joined "
		"by +)"},
	{"wire:0,caps=(csum", -EINVAL, "wire:0: parentheses do not pair in \"caps=(csum\""},
	{"impiar(loss=1%) wire:0", -EINVAL,
		"no wrapper is called \"impiar\"; did you mean impair? (known: impair, capture)"},
	{"impair(loss=1% wire:0", -EINVAL,
		"\"impair(loss=1% wire:0\": the parenthesis is never closed"},
	{"impair(loss=1%)", -EINVAL,
		"impair(...) wraps nothing: name a port after it, as in impair(...) wire:0"},
	{"impair wire:0", -EINVAL,
		"impair is a wrapper: write impair(key=value,...) and then the port it wraps"},
	{"wire(0)", -EINVAL,
		"wire is a driver and wraps nothing: write it without parentheses, as in wire:0"},
	{"impair(los=1%) wire:0", -EINVAL,
		"unknown key \"los\" in impair(...); did you mean loss? (known: loss, "
		"burst, dup, reorder, reorder_delay, jump, "
		"corrupt, delay, jitter, rate, queue, mark, seed, dir, drop)"},
	{"capture(snaplen=64) wire:0", -EINVAL,
		"capture(...) needs a file: write capture(file=a.pcapng)"},
	{"impair(loss=1%) capture(file=/tmp/x) wrie:0", -ENODEV,
		"no driver takes the port \"wrie\"; did you mean wire?" KNOWN_PORTS},
	{"impair() impair() impair() impair() impair() impair() impair() impair() impair() wire:0",
		-EINVAL, "impair(...): more than 8 wrappers around one port"},
};

static void bad_strings_earn_one_sentence(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		struct hr_port *port = (void *)1;
		char err[HR_ERRLEN] = "";

		assert_int_equal(hr_port_open(bad[i].spec, &port, err, sizeof(err)), bad[i].rc);
		assert_string_equal(err, bad[i].sentence);
		assert_null(port);
		/* Nothing is left open, and nobody needs the sentence. */
		assert_int_equal(hr_port_open(bad[i].spec, &port, NULL, 0), bad[i].rc);
	}
}

static void long_texts_stay_in_their_bounds(void **state)
{
	char spec[1200], err[HR_ERRLEN];
	struct hr_port *port;

	memset(spec, 'x', sizeof(spec));
	spec[1199] = '\0';
	assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "the port string \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" "
				 "is longer than 1024 letters");
	spec[1000] = '\0';
	assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -ENODEV);
	memcpy(spec, "impair(", 7);
	memcpy(spec + 500, "=1) wire:0", 11);
	assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "is too long: 31 letters at most"));
	memcpy(spec + 7, "loss=", 5);
	assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "value of \"loss\" is too long: 127 letters at most"));
	memcpy(spec, "impair(", 8);
	for (unsigned i = 0; i < 17; i++)
		snprintf(spec + strlen(spec), 20, "k%u=1,", i);
	strcpy(spec + strlen(spec) - 1, ") wire:0");
	assert_int_equal(hr_port_open(spec, &port, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "impair: \"k16=1\" is one key too many: 16 are allowed");
}

static void wrappers_nest_from_the_inside_out(void **state)
{
	struct hr_port *port, *peer;
	struct hr_port_caps caps;
	char err[HR_ERRLEN] = "";

	assert_int_equal(hr_port_open(" impair( loss = 1% )  impair() wire:nest/b,queues=2 ", &port,
				 err, sizeof(err)),
		0);
	assert_string_equal(err, "");
	assert_string_equal(port->ops->driver, "impair");
	assert_int_equal(hr_port_caps(port, &caps), 0);
	assert_string_equal(caps.name, "wire:nest/b");
	assert_int_equal(caps.max_queues, 2);
	assert_int_equal(hr_port_open("wire:nest", &peer, err, sizeof(err)), 0);
	hr_port_close(port);
	hr_port_close(peer);
	hr_port_close(NULL);
}

static int own_caps(void *priv, struct hr_port_caps *caps)
{
	caps->mtu = *(uint16_t *)priv;
	return 0;
}

static int own_start(void *priv, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	return 0;
}

static uint16_t own_burst(void *priv, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	return 0;
}

static void own_close(void *priv)
{
	*(uint16_t *)priv = 0;
}

static void an_application_brings_its_own(void **state)
{
	struct hr_port_ops ops = {.driver = "own",
		.caps = own_caps,
		.start = own_start,
		.rx = own_burst,
		.close = own_close};
	uint16_t mtu = 1234;
	struct hr_port *port;
	struct hr_port_caps caps;
	struct hr_port_stats stats;

	assert_int_equal(hr_port_create(&ops, &mtu, &port), -EINVAL);
	ops.tx = own_burst;
	assert_int_equal(hr_port_create(&ops, &mtu, &port), 0);
	assert_int_equal(hr_port_caps(port, &caps), 0);
	assert_int_equal(caps.mtu, 1234);
	assert_int_equal(hr_port_stats(port, &stats), -ENOTSUP);
	assert_int_equal(hr_port_set_reta(port, NULL, 0), -ENOTSUP);
	hr_port_close(port);
	assert_int_equal(mtu, 0);
}

static int setup(void **state)
{
	test_eal_start(16);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_split),
		cmocka_unit_test(words_are_guessed_by_distance),
		cmocka_unit_test(bad_strings_earn_one_sentence),
		cmocka_unit_test(long_texts_stay_in_their_bounds),
		cmocka_unit_test(wrappers_nest_from_the_inside_out),
		cmocka_unit_test(an_application_brings_its_own),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
