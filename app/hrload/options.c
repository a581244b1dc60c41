/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of options, and flags. What a value may look like is in values.c, what a YAML file may
 * look like in scenario.c, what values must be together in config.c.
 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(type, member) offsetof(type, member), sizeof(((type *)NULL)->member)
#define RUN(member)         FIELD(struct config, member)
#define SIDE(member)        FIELD(struct side_config, member)
#define MIN1                UINT64_C(60000000)
#define HOUR                (60 * MIN1)

const struct option_row option_rows[] = {
	{"role", SCOPE_RUN, OPTION_CHOICE, RUN(role), 0, 0, "both|client|server", "ROLE",
		"what to start"},
	{"duration", SCOPE_RUN, OPTION_US, RUN(duration_us), 0, 24 * HOUR, NULL, "TIME",
		"stop opening connections after so long; 0 = no limit"},
	{"drain", SCOPE_RUN, OPTION_US, RUN(drain_us), 0, HOUR, NULL, "TIME",
		"how long open connections may take to finish after that"},
	{"interval", SCOPE_RUN, OPTION_US, RUN(interval_us), 50000, HOUR, NULL, "TIME",
		"between two live lines"},
	{"json", SCOPE_RUN, OPTION_TEXT, RUN(json), 0, 0, NULL, "FILE",
		"write the report as JSON too; - = stdout"},
	{"quiet", SCOPE_RUN, OPTION_BOOL, RUN(quiet), 0, 0, NULL, NULL, "no live lines"},
	{"verbose", SCOPE_RUN, OPTION_BOOL, RUN(verbose), 0, 0, NULL, NULL,
		"show what start-up decided, and DPDK's log"},
	{"huge", SCOPE_RUN, OPTION_BOOL, RUN(huge), 0, 0, NULL, NULL,
		"use hugepages when there are enough (--no-huge: never)"},
	{"idle", SCOPE_RUN, OPTION_CHOICE, RUN(idle), 0, 0, "auto|poll|yield|sleep", "HOW",
		"what a worker without work does"},
	{"seed", SCOPE_RUN, OPTION_COUNT, RUN(seed), 0, UINT64_MAX, NULL, "N",
		"of every random choice; 0 = a fresh one"},
	{"ipv6", SCOPE_RUN, OPTION_BOOL, RUN(ipv6), 0, 0, NULL, NULL,
		"both: default addresses are IPv6"},
	{"client-count", SCOPE_RUN, OPTION_COUNT, RUN(client_count), 1, 60000, NULL, "N",
		"both: client addresses, ~28000 source ports each"},

	{"protocol", SCOPE_ENDS, OPTION_CHOICE, RUN(protocol), 0, 0, "http|tcp", "NAME",
		"GETs, or so many bytes for so many bytes"},
	{"requests", SCOPE_ENDS, OPTION_COUNT, RUN(requests), 0, 1000000000, NULL, "N",
		"per connection; 0 = until the end of the run; a server: tcp only"},
	{"request-size", SCOPE_ENDS, OPTION_BYTES, RUN(request_size), 1, UINT64_C(1) << 30, NULL,
		"BYTES", "tcp: of a request"},
	{"response-size", SCOPE_ENDS, OPTION_BYTES, RUN(response_size), 0, UINT64_C(1) << 40, NULL,
		"BYTES", "server: body for any other path; client: the body expected; tcp: 1"},

	{"target", SCOPE_CLIENT, OPTION_TARGET, RUN(target), 0, 0, NULL, "ADDR:PORT",
		"server to load"},
	{"path", SCOPE_CLIENT, OPTION_TEXT, RUN(path), 0, 0, NULL, "PATH", "what to GET"},
	{"keepalive", SCOPE_CLIENT, OPTION_BOOL, RUN(keepalive), 0, 0, NULL, NULL,
		"the client closes after the last response, not the server"},
	{"connections", SCOPE_CLIENT, OPTION_COUNT, RUN(connections), 0, UINT64_C(1) << 40, NULL,
		"N", "open so many in all; 0 = no limit"},
	{"concurrency", SCOPE_CLIENT, OPTION_COUNT, RUN(concurrency), 0, 50000000, NULL, "N",
		"connections at a time; 0 = 100, or no limit with a rate"},
	{"rate", SCOPE_CLIENT, OPTION_RATE, RUN(rate), 0, 100000000, NULL, "CPS",
		"open so many per second, evenly; 0 = as fast as they complete"},
	{"timeout", SCOPE_CLIENT, OPTION_US, RUN(timeout_us), 1000, HOUR, NULL, "TIME",
		"for connecting and one transaction"},
	{"sha256", SCOPE_CLIENT, OPTION_DIGEST, RUN(sha256), 0, 0, NULL, "[=HEX]",
		"check each body against HEX or the pattern's digest"},

	{"listen", SCOPE_SERVER, OPTION_COUNT, RUN(listen), 1, 65535, NULL, "PORT",
		"TCP port of the server"},
	{"linger", SCOPE_SERVER, OPTION_US, RUN(linger_us), 1000, HOUR, NULL, "TIME",
		"wait for the client's FIN after ours"},

	{"port", SCOPE_SIDE, OPTION_TEXT, SIDE(port), 0, 0, NULL, "SPEC",
		"packet port, e.g. 0000:3b:00.0 or wire:0"},
	{"address", SCOPE_SIDE, OPTION_ADDRESS, SIDE(addrs), 0, 0, NULL, "FIRST[-LAST]/LEN",
		"local addresses; repeatable"},
	{"gateway", SCOPE_SIDE, OPTION_GATEWAY, SIDE(gateways), 0, 0, NULL, "ADDR",
		"default route; one per family"},
	{"workers", SCOPE_SIDE, OPTION_COUNT, SIDE(workers), 1, HR_MAX_WORKERS, NULL, "N",
		"workers, each with a queue pair if the port has so many"},
	{"mbufs", SCOPE_SIDE, OPTION_COUNT, SIDE(mbufs), 0, 64000000, NULL, "N",
		"packet buffers per worker; 0 = computed"},
	{"max-conns", SCOPE_SIDE, OPTION_COUNT, SIDE(max_conns), 1, 60000000, NULL, "N",
		"connections per worker"},
	{"max-half-open", SCOPE_SIDE, OPTION_COUNT, SIDE(max_half_open), 1, 60000000, NULL, "N",
		"half-open connections per worker; SYN cookies above"},
	{"max-time-wait", SCOPE_SIDE, OPTION_COUNT, SIDE(max_time_wait), 1, 60000000, NULL, "N",
		"TIME-WAIT entries per worker"},

	{"profile", SCOPE_TCP, OPTION_CHOICE, SIDE(profile), 0, 0, "headrace|linux|freebsd", "NAME",
		"all TCP options as this stack has them; the later ones change it"},
	{"mss", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.mss), 0, 65495, NULL, "BYTES",
		"most payload per segment; 0 = from the MTU"},
	{"iw", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.iw_segments), 1, 64, NULL, "N",
		"initial window in segments"},
	{"wscale", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.wscale), 0, 255, NULL, "N",
		"window scale 0-14; 255 = from rcv-buf"},
	{"cc", SCOPE_TCP, OPTION_CHOICE, SIDE(tcp.cc), 0, 0, "cubic|newreno|dctcp", "NAME",
		"congestion control"},
	{"ecn", SCOPE_TCP, OPTION_CHOICE, SIDE(tcp.ecn), 0, 0, "off|passive|active", "HOW",
		"ECN: never, when the peer asks, or asked for"},
	{"syn-order", SCOPE_TCP, OPTION_CHOICE, SIDE(tcp.syn_order), 0, 0, "linux|freebsd", "WHOSE",
		"order of the options in a SYN"},
	{"psh", SCOPE_TCP, OPTION_CHOICE, SIDE(tcp.psh), 0, 0, "end|burst", "WHERE",
		"PSH when the queue is empty, or at the end of each send too"},
	{"pmtu-min", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.pmtu_min), 0, 1280, NULL, "BYTES",
		"least path MTU that ICMP or probes may find"},
	{"ttl", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.ttl), 1, 255, NULL, "N", "TTL or hop limit"},
	{"dscp", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.dscp), 0, 63, NULL, "N",
		"Differentiated Services code point"},
	{"timestamps", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.timestamps), 0, 0, NULL, NULL,
		"timestamps (--no-timestamps)"},
	{"sack", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.sack), 0, 0, NULL, NULL, "SACK (--no-sack)"},
	{"dsack", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.dsack), 0, 0, NULL, NULL,
		"report duplicates (RFC 2883)"},
	{"tlp", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.tlp), 0, 0, NULL, NULL,
		"tail loss probes (RFC 8985)"},
	{"prr", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.prr), 0, 0, NULL, NULL,
		"proportional rate reduction (RFC 9937)"},
	{"limited-transmit", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.limited_transmit), 0, 0, NULL, NULL,
		"new data on duplicate ACKs (RFC 3042)"},
	{"frto", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.frto), 0, 0, NULL, NULL,
		"detect spurious timeouts (RFC 5682)"},
	{"undo", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.undo), 0, 0, NULL, NULL,
		"take back cuts that were for nothing (RFC 4015)"},
	{"hystart", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.hystart), 0, 0, NULL, NULL,
		"leave slow start on rising delay (RFC 9406)"},
	{"cwnd-validation", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.cwnd_validation), 0, 0, NULL, NULL,
		"an unused window does not last (RFC 7661)"},
	{"pacing", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.pacing), 0, 0, NULL, NULL,
		"spread segments over the RTT"},
	{"pmtud", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.pmtud), 0, 0, NULL, NULL,
		"path MTU discovery (RFC 1191, 8201)"},
	{"plpmtud", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.plpmtud), 0, 0, NULL, NULL,
		"find black holes by probing (RFC 8899)"},
	{"rfc1337", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.rfc1337), 0, 0, NULL, NULL,
		"a RST does not end TIME-WAIT"},
	{"uto", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.uto), 0, 0, NULL, NULL,
		"user timeout option (RFC 5482)"},
	{"nodelay", SCOPE_TCP, OPTION_INVERTED, SIDE(tcp.nagle), 0, 0, NULL, NULL,
		"turn Nagle's algorithm off"},
	{"tw-reuse", SCOPE_TCP, OPTION_BOOL, SIDE(tcp.tw_reuse), 0, 0, NULL, NULL,
		"connect over an own TIME-WAIT older than 1 s"},
	{"delack", SCOPE_TCP, OPTION_US, SIDE(tcp.delack_us), 0, 499999, NULL, "TIME",
		"delayed ACK timeout"},
	{"ack-every", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.ack_every), 1, 2, NULL, "N",
		"full segments per immediate ACK"},
	{"quickack", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.quickack_segments), 0, 64, NULL, "N",
		"full segments acknowledged at once at the start"},
	{"rcv-buf", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.rcv_buf_bytes), 1, UINT64_C(1) << 30, NULL,
		"BYTES", "receive window"},
	{"snd-buf", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.snd_buf_bytes), 1, UINT64_C(1) << 30, NULL,
		"BYTES", "send buffer"},
	{"rcv-buf-max", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.rcv_buf_max_bytes), 0, UINT64_C(1) << 30,
		NULL, "BYTES", "what auto-tuning may raise it to"},
	{"snd-buf-max", SCOPE_TCP, OPTION_BYTES, SIDE(tcp.snd_buf_max_bytes), 0, UINT64_C(1) << 30,
		NULL, "BYTES", "the same of the send buffer"},
	{"syn-retries", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.syn_retries), 0, 255, NULL, "N",
		"SYN-ACK retransmissions"},
	{"retries", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.retries), 0, 255, NULL, "N",
		"retransmissions of the same data"},
	{"rto-init", SCOPE_TCP, OPTION_US, SIDE(tcp.rto_init_us), 1, MIN1, NULL, "TIME",
		"first retransmission timeout"},
	{"rto-min", SCOPE_TCP, OPTION_US, SIDE(tcp.rto_min_us), 1, MIN1, NULL, "TIME",
		"least retransmission timeout"},
	{"tlp-min", SCOPE_TCP, OPTION_US, SIDE(tcp.tlp_min_us), 1000, 1000000, NULL, "TIME",
		"least time before a tail loss probe"},
	{"rto-max", SCOPE_TCP, OPTION_US, SIDE(tcp.rto_max_us), 1, HOUR, NULL, "TIME",
		"largest retransmission timeout"},
	{"connect-timeout", SCOPE_TCP, OPTION_MS, SIDE(tcp.connect_timeout_ms), 1, HOUR / 2000,
		NULL, "TIME", "for the SYN"},
	{"uto-min", SCOPE_TCP, OPTION_MS, SIDE(tcp.uto_min_ms), 1000, HOUR / 2000, NULL, "TIME",
		"least user timeout that is adopted"},
	{"uto-max", SCOPE_TCP, OPTION_MS, SIDE(tcp.uto_max_ms), 1000, HOUR / 2000, NULL, "TIME",
		"most of it"},
	{"user-timeout", SCOPE_TCP, OPTION_MS, SIDE(tcp.user_timeout_ms), 0, HOUR / 1000, NULL,
		"TIME", "data unacknowledged for so long; 0 = by retries"},
	{"keepalive-idle", SCOPE_TCP, OPTION_MS, SIDE(tcp.keepalive_ms), 0, 24 * HOUR / 1000, NULL,
		"TIME", "idle time before TCP keep-alive probes; 0 = off"},
	{"keepalive-interval", SCOPE_TCP, OPTION_MS, SIDE(tcp.keepalive_interval_ms), 1,
		24 * HOUR / 1000, NULL, "TIME", "between two probes"},
	{"keepalive-probes", SCOPE_TCP, OPTION_COUNT, SIDE(tcp.keepalive_probes), 1, 127, NULL, "N",
		"unanswered probes that end a connection"},
	{"oow-ack-interval", SCOPE_TCP, OPTION_MS, SIDE(tcp.oow_ack_interval_ms), 0, 60000, NULL,
		"TIME", "least time between challenge ACKs of a connection"},
	{"time-wait", SCOPE_TCP, OPTION_MS, SIDE(tcp.time_wait_ms), 0, HOUR / 1000, NULL, "TIME",
		"length of TIME-WAIT"},
	{"fin-wait2", SCOPE_TCP, OPTION_MS, SIDE(tcp.fin_wait2_ms), 1, HOUR / 1000, NULL, "TIME",
		"orphans in FIN-WAIT-2"},
};

const unsigned option_count = sizeof(option_rows) / sizeof(option_rows[0]);
_Static_assert(
	sizeof(option_rows) / sizeof(option_rows[0]) <= CONFIG_OPTIONS, "raise CONFIG_OPTIONS");

/* In the order of the words of "profile". */
static const struct hr_tcp_params *const profiles[] = {
	&hr_tcp_params_default, &hr_tcp_params_linux, &hr_tcp_params_freebsd};

static bool is_side_row(const struct option_row *row)
{
	return row->scope == SCOPE_SIDE || row->scope == SCOPE_TCP;
}

void *option_field(const struct config *cfg, const struct option_row *row, enum side side)
{
	const char *base = is_side_row(row) ? (const char *)&cfg->side[side] : (const char *)cfg;

	return (void *)(uintptr_t)(base + row->offset);
}

static uint64_t load(const void *field, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, field, size); /* little endian, as every CPU that DPDK runs on here */
	return v;
}

static bool same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

const struct option_row *option_find(const char *name)
{
	for (unsigned i = 0; i < option_count; i++)
		if (same_name(option_rows[i].name, name))
			return &option_rows[i];
	return NULL;
}

const char *option_key(const struct option_row *row, char *buf, size_t len)
{
	snprintf(buf, len, "%s", row->name);
	for (char *p = buf; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return buf;
}

void option_list_reset(struct config *cfg, const struct option_row *row, unsigned sides)
{
	for (int s = 0; s < SIDES; s++) {
		if (!(sides & 1u << s))
			continue;
		if (row->type == OPTION_ADDRESS)
			cfg->side[s].n_addrs = 0;
		else if (row->type == OPTION_GATEWAY)
			cfg->side[s].n_gateways = 0;
	}
}

static int set_text(
	void *field, const struct option_row *row, const char *text, char *reason, size_t len)
{
	if (text[0] == '\0')
		return bad_input(reason, len, "\"\" is empty; give %s: %s", row->arg, row->help);
	if (strlen(text) >= row->size)
		return bad_input(reason, len,
			"\"%.40s...\" is too long; give %u characters at most", text,
			row->size - 1u);
	memcpy(field, text, strlen(text) + 1);
	return 0;
}

static int set_digest(struct config *cfg, const char *text, char *reason, size_t len)
{
	bool off = strcmp(text, "no") == 0 || strcmp(text, "false") == 0;

	cfg->sha256_hex[0] = '\0';
	cfg->sha256 = !off;
	if (off || strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		return 0;
	if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64)
		return bad_input(reason, len,
			"\"%.70s\" is not a SHA-256; give 64 hexadecimal digits, or nothing", text);
	for (unsigned i = 0; i < 65; i++)
		cfg->sha256_hex[i] =
			(char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
	return 0;
}

/* One more member of a list. */
static int append(struct side_config *sc, const struct option_row *row, const char *text,
	char *reason, size_t len)
{
	char inner[HR_ERRLEN];

	if (row->type == OPTION_ADDRESS) {
		if (sc->n_addrs == CONFIG_ADDRS)
			return bad_input(reason, len,
				"\"%.60s\" is one range too many; give %d at most", text,
				CONFIG_ADDRS);
		if (value_parse_range(text, &sc->addrs[sc->n_addrs], reason, len) < 0)
			return -EINVAL;
		sc->n_addrs++;
		return 0;
	}
	if (sc->n_gateways == CONFIG_GATEWAYS)
		return bad_input(reason, len,
			"\"%.60s\" is one gateway too many; give one per family", text);
	if (hr_ip_parse(text, &sc->gateways[sc->n_gateways].via, inner, sizeof(inner)) < 0)
		return bad_input(reason, len, "%s", inner);
	sc->gateways[sc->n_gateways++].port = 0;
	return 0;
}

static int set_one(struct config *cfg, const struct option_row *row, enum side side,
	const char *text, char *reason, size_t len)
{
	void *field = option_field(cfg, row, side);
	uint64_t v;

	switch (row->type) {
	case OPTION_TEXT:
		return set_text(field, row, text, reason, len);
	case OPTION_TARGET:
		return value_parse_target(text, &cfg->target, &cfg->target_port, reason, len);
	case OPTION_DIGEST:
		return set_digest(cfg, text, reason, len);
	case OPTION_ADDRESS:
	case OPTION_GATEWAY:
		return append(&cfg->side[side], row, text, reason, len);
	default:
		break;
	}
	if (value_parse(row, text, &v, reason, len) < 0)
		return -EINVAL;
	if (row->type == OPTION_INVERTED)
		v = !v;
	memcpy(field, &v, row->size);
	if (row->offset == offsetof(struct side_config, profile) && is_side_row(row))
		cfg->side[side].tcp = *profiles[v];
	return 0;
}

int option_set(struct config *cfg, const struct option_row *row, unsigned sides, const char *text,
	const char *place, char *err, size_t errlen)
{
	char reason[HR_ERRLEN];

	for (int s = 0; s < SIDES; s++) {
		if (!(sides & 1u << s))
			continue;
		if (set_one(cfg, row, (enum side)s, text, reason, sizeof(reason)) < 0)
			return bad_input(
				err, errlen, "%s%s %s", place, reason[0] == '"' ? "" : ":", reason);
		cfg->given[s][row - option_rows] = true;
		cfg->line[s][row - option_rows] = 0;
		if (is_side_row(row) && strcmp(row->name, "port") == 0)
			snprintf(cfg->side[s].port_place, CONFIG_TEXT, "%s", place);
		if (!is_side_row(row) && row->type != OPTION_ADDRESS)
			break;
	}
	/* What belongs to the run is given for both sides. */
	for (int s = 0; s < SIDES && !is_side_row(row); s++) {
		cfg->given[s][row - option_rows] = true;
		cfg->line[s][row - option_rows] = 0;
	}
	return 0;
}

bool option_text(const struct config *cfg, const struct option_row *row, enum side side, unsigned i,
	char *buf, size_t len)
{
	const struct side_config *sc = &cfg->side[side];
	const void *field = option_field(cfg, row, side);
	char first[48], last[48];
	struct hr_ip ip;
	uint64_t v;

	switch (row->type) {
	case OPTION_TEXT:
		snprintf(buf, len, "%s", (const char *)field);
		return i == 0 && buf[0] != '\0';
	case OPTION_TARGET:
		hr_ip_text(&cfg->target, first, sizeof(first));
		snprintf(buf, len, cfg->target.family == 6 ? "[%s]:%u" : "%s:%u", first,
			cfg->target_port);
		return i == 0 && cfg->target.family != 0;
	case OPTION_DIGEST:
		snprintf(buf, len, "%s",
			!cfg->sha256                 ? "false"
			: cfg->sha256_hex[0] != '\0' ? cfg->sha256_hex
						     : "true");
		return i == 0;
	case OPTION_ADDRESS:
		if (i >= sc->n_addrs)
			return false;
		ip = hr_ip_add(&sc->addrs[i].first, sc->addrs[i].count - 1);
		snprintf(buf, len, "%s-%s/%u",
			hr_ip_text(&sc->addrs[i].first, first, sizeof(first)),
			hr_ip_text(&ip, last, sizeof(last)), sc->addrs[i].prefix_len);
		return true;
	case OPTION_GATEWAY:
		if (i >= sc->n_gateways)
			return false;
		hr_ip_text(&sc->gateways[i].via, buf, len);
		return true;
	default:
		v = load(field, row->size);
		value_text(row, row->type == OPTION_INVERTED ? !v : v, buf, len);
		return i == 0;
	}
}

/* Optimal string alignment would be finer; plain edit distance finds the usual slips. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[64];
	unsigned n = (unsigned)strlen(b);

	if (n >= 64)
		return UINT32_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a != '\0'; a++, i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			bool same = *a == b[j - 1] || (*a == '-' && b[j - 1] == '_');
			unsigned best = diagonal + !same;

			diagonal = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[n];
}

const char *suggest(const char *word, const char *const *names, unsigned n, char *buf, size_t len)
{
	unsigned best = (unsigned)strlen(word) / 3 + 2; /* farther than that is another word */
	const char *found = NULL;

	for (unsigned i = 0; i < n; i++) {
		unsigned d = edit_distance(word, names[i]);

		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	buf[0] = '\0';
	if (found != NULL)
		snprintf(buf, len, "; did you mean %s?", found);
	return buf;
}

const char *option_suggest(const char *name, char *buf, size_t len)
{
	const char *names[CONFIG_OPTIONS];

	for (unsigned i = 0; i < option_count; i++)
		names[i] = option_rows[i].name;
	return suggest(name, names, option_count, buf, len);
}
