/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run of hrload is asked to do: a plain value, without pointers, that options.c (flags) and
 * scenario.c (YAML) fill through one table, config.c completes and checks, and everybody else only
 * reads.
 */
#ifndef HRLOAD_CONFIG_H
#define HRLOAD_CONFIG_H

#include <headrace.h>

#define CONFIG_TEXT     256 /* bytes of a path, port string or file name */
#define CONFIG_ADDRS    16  /* address ranges per side */
#define CONFIG_GATEWAYS 2   /* one per family */
#define CONFIG_OPTIONS  96  /* room for the option table, checked at compile time in options.c */

enum role { ROLE_BOTH, ROLE_CLIENT, ROLE_SERVER };
enum protocol { PROTOCOL_HTTP, PROTOCOL_TCP };
enum side { CLIENT, SERVER, SIDES };

/* The engine of one side. */
struct side_config {
	char port[CONFIG_TEXT];
	char port_place[CONFIG_TEXT]; /* where the port string came from, for messages */
	struct hr_addr_config addrs[CONFIG_ADDRS];
	uint32_t n_addrs;
	struct hr_gateway_config gateways[CONFIG_GATEWAYS];
	uint32_t n_gateways;
	uint32_t workers;
	uint32_t mbufs, max_conns, max_half_open, max_time_wait;
	uint8_t profile; /* tcp began as this one: index into the words of the row */
	struct hr_tcp_params tcp;
};

struct config {
	char source[CONFIG_TEXT]; /* "scenario.yaml" or "hrload client", for messages */
	bool from_file;
	uint8_t role; /* enum role */
	bool ipv6, huge, quiet, verbose;
	uint8_t idle; /* enum hr_idle */
	char json[CONFIG_TEXT];
	uint64_t duration_us, drain_us, interval_us;
	uint64_t seed;
	uint32_t client_count;
	/* what both ends must agree on */
	uint8_t protocol; /* enum protocol */
	uint64_t requests, request_size, response_size;
	bool expect_size; /* the client was told what to expect */
	/* client */
	struct hr_ip target;
	uint16_t target_port;
	char path[CONFIG_TEXT];
	uint64_t connections, rate;
	uint32_t concurrency;
	uint64_t timeout_us;
	bool keepalive;
	bool sha256;
	char sha256_hex[65]; /* "" = not given */
	/* server */
	uint16_t listen;
	uint64_t linger_us;

	struct side_config side[SIDES];
	bool given[SIDES][CONFIG_OPTIONS];    /* by row of the option table: not a default */
	uint32_t line[SIDES][CONFIG_OPTIONS]; /* in the scenario file; 0 = from a flag */
};

/* Defaults of every option, before a role is known. */
void config_init(struct config *cfg);
/* The sides a role starts: a mask of 1u << enum side. */
unsigned config_sides(const struct config *cfg);
/* Defaults that depend on the role, then checks that need more than one option. -EINVAL with a
 * sentence. */
int config_finish(struct config *cfg, char *err, size_t errlen);

#endif
