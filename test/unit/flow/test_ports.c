/* SPDX-License-Identifier: BSD-3-Clause */
/* Source ports: every one before any comes round, exhaustion is an errno, the queue is the wanted
 * one, starts differ. */
#include "flow/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint64_t secret[2] = {0x1111222233334444, 0x5555666677778888};
static const uint8_t local[4] = {198, 18, 0, 1};

/* The default key of RSS in the Microsoft documentation. */
static const uint8_t key40[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25,
	0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
	0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct used {
	bool port[65536];
	unsigned asked;
};

static bool taken(void *arg, const struct hr_flow_key *k)
{
	struct used *u = arg;

	u->asked++;
	return u->port[k->lport];
}

static struct hr_flow_key to(uint32_t host)
{
	return (struct hr_flow_key){
		.laddr_id = 1, .rport = 80, .raddr = {htonl(0xc6120100 + host), 1, 2, 3}};
}

/* BUG-15: All of a narrow range, each once, then -EADDRNOTAVAIL; one given back is found again. */
static void test_exhaust(void **state)
{
	for (unsigned width = 1; width <= 127; width += 9) {
		struct hr_ports *p =
			hr_ports_create(NULL, 0, 40000, (uint16_t)(40000 + width - 1), secret);
		struct used u = {{false}, 0};
		struct hr_flow_key k = to(1);

		for (unsigned i = 0; i < width; i++) {
			assert_int_equal(hr_ports_pick(p, &k, local, taken, &u), 0);
			assert_in_range(k.lport, 40000, 40000 + width - 1);
			assert_false(u.port[k.lport]);
			u.port[k.lport] = true;
		}
		u.asked = 0;
		assert_int_equal(hr_ports_pick(p, &k, local, taken, &u), -EADDRNOTAVAIL);
		assert_int_equal(u.asked, width);
		u.port[40000 + width / 2] = false;
		assert_int_equal(hr_ports_pick(p, &k, local, taken, &u), 0);
		assert_int_equal(k.lport, 40000 + width / 2);
		hr_ports_free(p);
	}
}

/* BUG-15: A wide range that is full is given up after 128 tries, and the next call goes on where
 * this one stopped. */
static void test_tries(void **state)
{
	struct hr_ports *p = hr_ports_create(NULL, 0, 1024, 65535, secret);
	struct used *u = calloc(1, sizeof(*u));
	struct hr_flow_key k = to(1);
	unsigned calls = 0;

	memset(u->port, true, sizeof(u->port));
	u->port[5555] = false;
	while (hr_ports_pick(p, &k, local, taken, u) < 0) {
		calls++;
		assert_int_equal(u->asked, 128 * calls);
		assert_true(calls <= 64512 / 128);
	}
	assert_int_equal(k.lport, 5555);
	free(u);
	hr_ports_free(p);
}

/* Ports released at once still come round only after all others: 64512 picks, no port twice. */
static void test_late_reuse(void **state)
{
	struct hr_ports *p = hr_ports_create(NULL, 0, 0, 65535, secret);
	struct used *u = calloc(1, sizeof(*u));
	bool *seen = calloc(65536, 1);
	struct hr_flow_key k = to(1);

	for (unsigned i = 1; i <= 65535; i++) {
		assert_int_equal(hr_ports_pick(p, &k, local, taken, u), 0);
		assert_int_not_equal(k.lport, 0);
		assert_false(seen[k.lport]);
		seen[k.lport] = true;
	}
	free(seen);
	free(u);
	hr_ports_free(p);
}

/* Neither the first port of a destination nor the step to the next tells the one of another
 * destination or secret. */
static void test_unpredictable(void **state)
{
	const uint64_t other[2] = {secret[0] ^ 1, secret[1]};
	struct hr_ports *p = hr_ports_create(NULL, 0, 32768, 65535, secret);
	struct hr_ports *q = hr_ports_create(NULL, 0, 32768, 65535, other);
	struct used *u = calloc(1, sizeof(*u));
	unsigned same_first = 0, same_step = 0, neighbours = 0, same_secret = 0;
	uint16_t first = 0, step = 0;

	for (uint32_t host = 0; host < 1000; host++) {
		struct hr_flow_key k = to(host), k2;
		uint16_t one;

		assert_int_equal(hr_ports_pick(p, &k, local, taken, u), 0);
		k2 = k;
		assert_int_equal(hr_ports_pick(q, &k2, local, taken, u), 0);
		same_secret += k.lport == k2.lport;
		same_first += k.lport == first;
		first = one = k.lport;
		assert_int_equal(hr_ports_pick(p, &k, local, taken, u), 0);
		same_step += (uint16_t)(k.lport - one) == step;
		step = k.lport - one;
		neighbours += step == 1 || step == UINT16_MAX;
	}
	/* By chance each happens about 0.03 times in 1000, neighbours 0.06. */
	assert_true(same_first <= 2 && same_step <= 2 && neighbours <= 2 && same_secret <= 2);
	free(u);
	hr_ports_free(p);
	hr_ports_free(q);
}

/* What follows an IPv4 key is not part of the destination; the remote port and the local address
 * are. */
static void test_destination(void **state)
{
	uint16_t lport[4];

	for (unsigned i = 0; i < 4; i++) {
		struct hr_ports *p = hr_ports_create(NULL, 0, 1024, 65535, secret);
		struct used *u = calloc(1, sizeof(*u));
		struct hr_flow_key k = to(1);

		k.raddr[2] = i == 1 ? 77 : 0;
		k.rport = i == 2 ? 81 : 80;
		k.laddr_id = i == 3 ? 2 : 1;
		assert_int_equal(hr_ports_pick(p, &k, local, taken, u), 0);
		lport[i] = k.lport;
		free(u);
		hr_ports_free(p);
	}
	assert_int_equal(lport[0], lport[1]);
	assert_int_not_equal(lport[0], lport[2]);
	assert_int_not_equal(lport[0], lport[3]);
}

/* With RSS: all ports of each queue, each once, then exhaustion; together they are the range. */
static void test_queues(void **state)
{
	struct used *u = calloc(1, sizeof(*u));
	struct hr_rss *r = NULL;
	uint16_t reta[128];
	unsigned total = 0;

	for (unsigned i = 0; i < 128; i++)
		reta[i] = i % 5;
	assert_int_equal(hr_rss_create(key40, 40, reta, 128, &r, NULL, 0), 0);
	for (uint16_t queue = 0; queue < 5; queue++) {
		struct hr_ports *p = hr_ports_create(r, queue, 50001, 50300, secret);
		struct hr_flow_key k = to(9);

		while (hr_ports_pick(p, &k, local, taken, u) == 0) {
			assert_in_range(k.lport, 50001, 50300);
			assert_int_equal(hr_rss_queue(r, false, &k.raddr4, local, htons(k.rport),
						 htons(k.lport)),
				queue);
			u->port[k.lport] = true;
			total++;
		}
		hr_ports_free(p);
	}
	assert_int_equal(total, 300);
	/* A queue that the RETA does not name has no ports. */
	{
		struct hr_ports *p = hr_ports_create(r, 7, 1024, 65535, secret);
		struct hr_flow_key k = to(9);

		assert_int_equal(hr_ports_pick(p, &k, local, taken, u), -EADDRNOTAVAIL);
		hr_ports_free(p);
	}
	hr_rss_free(r);
	free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exhaust),
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_late_reuse),
		cmocka_unit_test(test_unpredictable),
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
