/* SPDX-License-Identifier: BSD-3-Clause */
/* Defaults, what follows from the role, and checks that need more than one option. */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_DURATION_US 10000000
#define DEFAULT_CONCURRENCY 100
#define MBUFS_LEAST         16384 /* rings of both directions, ARP, a little burst */
#define MBUFS_MOST          65536
#define PLACE_MAX           (CONFIG_TEXT + 32)

void config_init(struct config *cfg)
{
	const struct hr_engine_config *d = &hr_engine_config_default;

	*cfg = (struct config){
		.source = "hrload",
		.role = ROLE_BOTH,
		.huge = true,
		.idle = HR_IDLE_AUTO,
		.drain_us = 5000000,
		.interval_us = 1000000,
		.client_count = 16,
		.requests = 1,
		.request_size = 1,
		.response_size = 128,
		.path = "/",
		.timeout_us = 30000000,
		.listen = 80,
		.linger_us = 5000000,
	};
	for (int s = 0; s < SIDES; s++)
		cfg->side[s] = (struct side_config){
			.port_place = "--port",
			.workers = 1,
			.max_conns = d->max_conns,
			.max_half_open = d->max_half_open,
			.max_time_wait = d->max_time_wait,
			.tcp = hr_tcp_params_default,
		};
}

unsigned config_sides(const struct config *cfg)
{
	return cfg->role == ROLE_CLIENT   ? 1u << CLIENT
	       : cfg->role == ROLE_SERVER ? 1u << SERVER
					  : 1u << CLIENT | 1u << SERVER;
}

static bool given(const struct config *cfg, enum side side, const char *name)
{
	return cfg->given[side][option_find(name) - option_rows];
}

/* Where an option was set: file:line or --flag. What is missing is missing from the role on. */
static const char *place(const struct config *cfg, enum side side, const char *name, char *buf)
{
	unsigned i = (unsigned)(option_find(name) - option_rows);

	if (cfg->line[side][i] != 0)
		snprintf(buf, PLACE_MAX, "%s:%u", cfg->source, cfg->line[side][i]);
	else if (cfg->given[side][i])
		snprintf(buf, PLACE_MAX, "--%s", name);
	else if (cfg->from_file && strcmp(name, "role") != 0)
		return place(cfg, side, "role", buf);
	else
		snprintf(buf, PLACE_MAX, cfg->from_file ? "%s:1" : "%s", cfg->source);
	return buf;
}

static void add_range(struct side_config *sc, const char *first, uint32_t count, uint8_t prefix_len)
{
	struct hr_addr_config *a = &sc->addrs[sc->n_addrs++];

	*a = (struct hr_addr_config){.count = count, .prefix_len = prefix_len};
	hr_ip_parse(first, &a->first, NULL, 0);
}

/*
 * Both roles in one process need no addresses from the user: the server is .2, the clients are .1
 * and .3 upwards, all from the ranges set aside for benchmarks and documentation (RFC 2544, RFC
 * 3849).
 */
static void default_both(struct config *cfg)
{
	struct side_config *client = &cfg->side[CLIENT], *server = &cfg->side[SERVER];

	for (int s = 0; s < SIDES; s++)
		if (cfg->side[s].port[0] == '\0')
			snprintf(cfg->side[s].port, CONFIG_TEXT, "wire:hrload");
	if (client->n_addrs == 0) {
		add_range(client, cfg->ipv6 ? "2001:db8::1" : "198.18.0.1", 1, cfg->ipv6 ? 64 : 16);
		if (cfg->client_count > 1)
			add_range(client, cfg->ipv6 ? "2001:db8::3" : "198.18.0.3",
				cfg->client_count - 1, cfg->ipv6 ? 64 : 16);
	}
	if (server->n_addrs == 0)
		add_range(server, cfg->ipv6 ? "2001:db8::2" : "198.18.0.2", 1, cfg->ipv6 ? 64 : 16);
	if (cfg->target.family == 0) {
		cfg->target = server->addrs[0].first;
		cfg->target_port = cfg->listen;
	}
}

/*
 * The engine's own default is for max_conns, which nobody means to fill in a test; here the number
 * of connections at a time is known, so that EAL can be asked for just enough memory before there
 * is an engine.
 */
static uint32_t default_mbufs(const struct config *cfg, enum side s)
{
	uint64_t n = MBUFS_LEAST, conns = cfg->concurrency;

	/* At a rate, a second's worth: more than that at a time is overload already. */
	if (cfg->rate != 0 && cfg->rate < conns)
		conns = cfg->rate;
	if (cfg->role == ROLE_SERVER)
		n = MBUFS_MOST;
	else
		n += 4 * conns / cfg->side[s].workers;
	return n < MBUFS_MOST ? (uint32_t)n : MBUFS_MOST;
}

static bool has_family(const struct side_config *sc, uint8_t family)
{
	for (unsigned i = 0; i < sc->n_addrs; i++)
		if (sc->addrs[i].first.family == family)
			return true;
	return false;
}

/* The engine's check of TCP parameters names its own field: the option that was given with that
 * name is the place. */
static const char *tcp_place(
	const struct config *cfg, enum side side, const char *reason, char *buf)
{
	char key[40];

	for (unsigned i = 0; i < option_count; i++)
		if (option_rows[i].scope == SCOPE_TCP && cfg->given[side][i] &&
			strstr(reason, option_key(&option_rows[i], key, sizeof(key))) != NULL)
			return place(cfg, side, option_rows[i].name, buf);
	return place(cfg, side, "role", buf);
}

static int check_side(const struct config *cfg, enum side s, char *err, size_t errlen)
{
	const struct side_config *sc = &cfg->side[s];
	const char *name = s == CLIENT ? "client" : "server";
	char reason[HR_ERRLEN], at[PLACE_MAX];

	if (sc->port[0] == '\0')
		return bad_input(err, errlen,
			"%s: the %s has no port; add --port SPEC or the key port",
			place(cfg, s, "port", at), name);
	if (sc->n_addrs == 0)
		return bad_input(err, errlen,
			"%s: the %s has no address; add --address 198.18.0.1/24 or the key address",
			place(cfg, s, "address", at), name);
	for (unsigned i = 0; i < sc->n_gateways; i++)
		if (!has_family(sc, sc->gateways[i].via.family))
			return bad_input(err, errlen,
				"%s: the %s has an IPv%u gateway and no IPv%u address; add one",
				place(cfg, s, "gateway", at), name, sc->gateways[i].via.family,
				sc->gateways[i].via.family);
	if (sc->n_gateways == 2 && sc->gateways[0].via.family == sc->gateways[1].via.family)
		return bad_input(err, errlen,
			"%s: the %s has two IPv%u gateways; give one per family",
			place(cfg, s, "gateway", at), name, sc->gateways[0].via.family);
	if (hr_tcp_params_check(&sc->tcp, reason, sizeof(reason)) < 0)
		return bad_input(err, errlen, "%s: tcp of the %s: %.180s",
			tcp_place(cfg, s, reason, at), name, reason);
	return 0;
}

static int finish_client(struct config *cfg, char *err, size_t errlen)
{
	const struct side_config *sc = &cfg->side[CLIENT];
	char at[PLACE_MAX];

	if (cfg->target.family == 0)
		return bad_input(err, errlen,
			"%s: the client has no target; add --target ADDR:PORT or the key "
			"client.target",
			place(cfg, CLIENT, "target", at));
	if (!has_family(sc, cfg->target.family))
		return bad_input(err, errlen,
			"%s: the target is IPv%u and the client has no such address; add an IPv%u "
			"address",
			place(cfg, CLIENT, "target", at), cfg->target.family, cfg->target.family);
	if (cfg->path[0] != '/' || strpbrk(cfg->path, " \t\r\n") != NULL)
		return bad_input(err, errlen,
			"%s: path \"%.60s\" is not a path; begin with / and leave spaces out",
			place(cfg, CLIENT, "path", at), cfg->path);
	cfg->expect_size = given(cfg, CLIENT, "response-size");
	if (!given(cfg, CLIENT, "duration"))
		cfg->duration_us = cfg->connections != 0 ? 0 : DEFAULT_DURATION_US;
	if (cfg->concurrency == 0)
		cfg->concurrency =
			cfg->rate != 0 ? sc->max_conns * sc->workers : DEFAULT_CONCURRENCY;
	if (cfg->concurrency > (uint64_t)sc->max_conns * sc->workers)
		return bad_input(err, errlen,
			"%s: concurrency %u is more than workers %u times max_conns %u; raise "
			"max_conns to %u",
			place(cfg, CLIENT, "concurrency", at), cfg->concurrency, sc->workers,
			sc->max_conns, (cfg->concurrency + sc->workers - 1) / sc->workers);
	if (cfg->concurrency < sc->workers)
		return bad_input(err, errlen,
			"%s: concurrency %u leaves some of %u workers idle; use --client-workers "
			"%u",
			place(cfg, CLIENT, "concurrency", at), cfg->concurrency, sc->workers,
			cfg->concurrency);
	if (cfg->requests == 0 && cfg->duration_us == 0)
		return bad_input(err, errlen,
			"%s: requests 0 never ends without a duration; add --duration 10s",
			place(cfg, CLIENT, "requests", at));
	return 0;
}

/* Options that one protocol has and the other has not. What is as by default is not complained of.
 */
static int check_protocol(struct config *cfg, char *err, size_t errlen)
{
	bool tcp = cfg->protocol == PROTOCOL_TCP, server = cfg->role == ROLE_SERVER;
	char at[PLACE_MAX];

	if (tcp && !given(cfg, CLIENT, "response-size"))
		cfg->response_size = 1;
	if (tcp && cfg->response_size == 0)
		return bad_input(err, errlen,
			"%s: response_size 0 would be no answer with protocol tcp; give 1 or more",
			place(cfg, CLIENT, "response-size", at));
	if (tcp && !server && strcmp(cfg->path, "/") != 0)
		return bad_input(err, errlen,
			"%s: protocol tcp has no paths; use protocol http, or response_size",
			place(cfg, CLIENT, "path", at));
	if (tcp && !server && cfg->sha256)
		return bad_input(err, errlen,
			"%s: protocol tcp compares each byte already; remove sha256",
			place(cfg, CLIENT, "sha256", at));
	if (!tcp && cfg->request_size != 1)
		return bad_input(err, errlen,
			"%s: request_size is for protocol tcp; add --protocol tcp or the key "
			"protocol",
			place(cfg, CLIENT, "request-size", at));
	if (!tcp && server && cfg->requests != 1)
		return bad_input(err, errlen,
			"%s: a server counts requests with protocol tcp only; HTTP clients say "
			"which is the last",
			place(cfg, SERVER, "requests", at));
	return 0;
}

int config_finish(struct config *cfg, char *err, size_t errlen)
{
	unsigned sides = config_sides(cfg);

	if (cfg->role == ROLE_BOTH)
		default_both(cfg);
	for (int s = 0; s < SIDES; s++)
		if ((sides & 1u << s) && check_side(cfg, (enum side)s, err, errlen) < 0)
			return -EINVAL;
	if (check_protocol(cfg, err, errlen) < 0)
		return -EINVAL;
	if ((sides & 1u << CLIENT) && finish_client(cfg, err, errlen) < 0)
		return -EINVAL;
	for (int s = 0; s < SIDES; s++)
		if ((sides & 1u << s) && cfg->side[s].mbufs == 0)
			cfg->side[s].mbufs = default_mbufs(cfg, (enum side)s);
	if (cfg->role == ROLE_SERVER && !given(cfg, SERVER, "duration"))
		cfg->duration_us = 0;
	return 0;
}
