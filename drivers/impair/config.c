/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of impair(...), and the kinds of segments that its drop rules name. */
#include "impair/impair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define REORDER_DELAY_US 1000
#define QUEUE_PACKETS    1000

enum rule_kind { RULE_SYN, RULE_SYNACK, RULE_FIN, RULE_RST, RULE_DATA, RULE_ACK };

static const char *const kinds[] = {"syn", "synack", "fin", "rst", "data", "ack", NULL};

static const char *const known[] = {"loss", "dup", "reorder", "reorder_delay", "corrupt", "delay",
	"jitter", "rate", "queue", "seed", "dir", "drop", NULL};

static int bad_value(
	const char *key, const char *value, int rc, const char *why, char *err, size_t errlen)
{
	return hr_error(err, errlen, rc, "impair(%s=%.40s): %s", key, value, why);
}

static int parse_share(
	const struct hr_port_args *args, const char *key, double *out, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char why[HR_ERRLEN];
	int rc = 0;

	if (text == NULL)
		return 0;
	rc = hr_parse_share(text, out, why, sizeof(why));
	if (rc < 0)
		return bad_value(key, text, rc, why, err, errlen);
	if (!(*out >= 0 && *out <= 1))
		return bad_value(
			key, text, -EINVAL, "a share is from 0 to 1, or 0% to 100%", err, errlen);
	return 0;
}

/* parse: one of hr_parse_*(). */
static int parse_number(const struct hr_port_args *args, const char *key,
	int (*parse)(const char *, uint64_t *, char *, size_t), uint64_t *out, char *err,
	size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char why[HR_ERRLEN];
	int rc = 0;

	if (text == NULL)
		return 0;
	rc = parse(text, out, why, sizeof(why));
	return rc < 0 ? bad_value(key, text, rc, why, err, errlen) : 0;
}

/* "syn:2+data:5" */
static int parse_rules(const char *text, struct impair_config *cfg, char *err, size_t errlen)
{
	const char *p = text;

	while (p != NULL) {
		size_t word_len = strcspn(p, ":+");
		char word[16], suggestion[64], *end;
		unsigned kind = 0;

		snprintf(word, sizeof(word), "%.*s", (int)RTE_MIN(word_len, sizeof(word) - 1), p);
		while (kinds[kind] != NULL && strcmp(kinds[kind], word) != 0)
			kind++;
		if (kinds[kind] == NULL)
			return hr_error(err, errlen, -EINVAL,
				"impair(drop=%.40s): no kind of segment is called \"%s\"%s (known: "
				"syn, synack, fin, rst, "
				"data, ack)",
				text, word,
				hr_port_suggest(word, kinds, suggestion, sizeof(suggestion)));
		p += word_len;
		unsigned long nth =
			*p == ':' && p[1] >= '0' && p[1] <= '9' ? strtoul(p + 1, &end, 10) : 0;

		if (nth == 0 || (*end != '\0' && *end != '+'))
			return bad_value("drop", text, -EINVAL,
				"write KIND:N, as in syn:2 for the second SYN", err, errlen);
		if (cfg->n_rules == IMPAIR_RULES_MAX)
			return bad_value("drop", text, -EINVAL, "more than 8 rules", err, errlen);
		cfg->rule[cfg->n_rules++] = (struct impair_rule){.kind = (uint8_t)kind, .nth = nth};
		p = *end == '+' ? end + 1 : NULL;
	}
	return 0;
}

static int parse_dir(const char *dir, struct impair_config *cfg, char *err, size_t errlen)
{
	bool both = dir == NULL || strcmp(dir, "both") == 0;
	bool something = cfg->loss > 0 || cfg->dup > 0 || cfg->reorder > 0 || cfg->corrupt > 0 ||
			 cfg->delay_us > 0 || cfg->jitter_us > 0 || cfg->rate_bps > 0;

	if (!both && strcmp(dir, "tx") != 0 && strcmp(dir, "rx") != 0)
		return bad_value(
			"dir", dir, -EINVAL, "the directions are both, tx and rx", err, errlen);
	cfg->shaped[IMPAIR_TX] = cfg->on[IMPAIR_TX] = something && (both || dir[0] == 't');
	cfg->shaped[IMPAIR_RX] = cfg->on[IMPAIR_RX] = something && (both || dir[0] == 'r');
	return 0;
}

int hr_impair_parse(
	const struct hr_port_args *args, struct impair_config *cfg, char *err, size_t errlen)
{
	uint64_t queue = QUEUE_PACKETS;
	int rc;

	memset(cfg, 0, sizeof(*cfg));
	cfg->reorder_delay_us = REORDER_DELAY_US;
	rc = hr_port_args_known(args, known, "impair(...)", err, errlen);
	if (rc == 0)
		rc = parse_share(args, "loss", &cfg->loss, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "dup", &cfg->dup, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "reorder", &cfg->reorder, err, errlen);
	if (rc == 0)
		rc = parse_share(args, "corrupt", &cfg->corrupt, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "delay", hr_parse_duration_us, &cfg->delay_us, err, errlen);
	if (rc == 0)
		rc = parse_number(
			args, "jitter", hr_parse_duration_us, &cfg->jitter_us, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "reorder_delay", hr_parse_duration_us,
			&cfg->reorder_delay_us, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "rate", hr_parse_bps, &cfg->rate_bps, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "queue", hr_parse_count, &queue, err, errlen);
	if (rc == 0)
		rc = parse_number(args, "seed", hr_parse_count, &cfg->seed, err, errlen);
	if (rc < 0)
		return rc;
	if (queue < 1 || queue > IMPAIR_LINE_MAX / 2)
		return bad_value("queue", hr_port_arg(args, "queue"), -EINVAL,
			"1 to 32768 packets can wait", err, errlen);
	/* A random jitter draws 32 bits, and nobody waits an hour for a packet. */
	if (cfg->delay_us > 3600000000 || cfg->jitter_us > 3600000000 ||
		cfg->reorder_delay_us > 3600000000)
		return hr_error(err, errlen, -EINVAL,
			"impair(...): delay, jitter and reorder_delay go up to 1h each");
	if (cfg->rate_bps > 0 && cfg->rate_bps < 1000)
		return bad_value("rate", hr_port_arg(args, "rate"), -EINVAL,
			"the slowest rate is 1k", err, errlen);
	cfg->queue_packets = (uint32_t)queue;
	cfg->seeded = hr_port_arg(args, "seed") != NULL;
	rc = parse_dir(hr_port_arg(args, "dir"), cfg, err, errlen);
	if (rc == 0)
		rc = parse_rules(hr_port_arg(args, "drop"), cfg, err, errlen);
	/* Rules are about what we send, whatever dir says of the rest. */
	if (cfg->n_rules > 0)
		cfg->on[IMPAIR_TX] = true;
	return rc;
}

/* The TCP header of a plain IPv4 or IPv6 frame and its payload length, or NULL. */
static const struct rte_tcp_hdr *find_tcp(
	const struct rte_mbuf *m, struct rte_tcp_hdr *copy, uint32_t *payload)
{
	uint8_t head[sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv6_hdr)];
	uint32_t have = RTE_MIN(m->pkt_len, (uint32_t)sizeof(head)),
		 off = sizeof(struct rte_ether_hdr), end;

	if (have < off + sizeof(struct rte_ipv4_hdr))
		return NULL;
	const uint8_t *p = rte_pktmbuf_read(m, 0, have, head);
	uint16_t type = (uint16_t)(p[12] << 8 | p[13]);

	if (type == RTE_ETHER_TYPE_IPV4) {
		const struct rte_ipv4_hdr *ip = (const void *)(p + off);

		if (ip->next_proto_id != IPPROTO_TCP)
			return NULL;
		end = off + rte_be_to_cpu_16(ip->total_length);
		off += rte_ipv4_hdr_len(ip);
	} else if (type == RTE_ETHER_TYPE_IPV6 && have == sizeof(head)) {
		const struct rte_ipv6_hdr *ip = (const void *)(p + off);

		if (ip->proto != IPPROTO_TCP)
			return NULL;
		off += (uint32_t)sizeof(*ip);
		end = off + rte_be_to_cpu_16(ip->payload_len);
	} else {
		return NULL;
	}
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_read(m, off, sizeof(*copy), copy);

	if (tcp == NULL)
		return NULL;
	uint32_t headers = off + (uint32_t)(tcp->data_off >> 4) * 4;

	*payload = end > headers ? end - headers : 0;
	return tcp;
}

bool hr_impair_rule_matches(const struct impair_rule *r, const struct rte_mbuf *m)
{
	struct rte_tcp_hdr copy;
	uint32_t payload;
	const struct rte_tcp_hdr *tcp = find_tcp(m, &copy, &payload);

	if (tcp == NULL)
		return false;
	uint8_t f = tcp->tcp_flags;
	bool syn = f & RTE_TCP_SYN_FLAG, ack = f & RTE_TCP_ACK_FLAG;

	switch (r->kind) {
	case RULE_SYN:
		return syn && !ack;
	case RULE_SYNACK:
		return syn && ack;
	case RULE_FIN:
		return f & RTE_TCP_FIN_FLAG;
	case RULE_RST:
		return f & RTE_TCP_RST_FLAG;
	case RULE_DATA:
		return payload > 0;
	default:
		return payload == 0 && ack &&
		       !(f & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG));
	}
}
