/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layer as a whole: creation from the engine's configuration, the one door for input, the one
 * clock for all timers. What each message means is left to arp.c, ndp.c and icmp.c.
 */
#include "ip/layer.h"

#include <errno.h>
#include <stdlib.h>

static int copy_ports(struct hr_ip_layer *ip, char *err, size_t errlen)
{
	const struct hr_engine_config *cfg = ip->cfg.cfg;

	if (cfg->n_ports == 0 || cfg->n_ports > HR_MAX_PORTS)
		return hr_error(err, errlen, -EINVAL, "%u ports are configured; use 1 to %d",
			cfg->n_ports, HR_MAX_PORTS);
	ip->n_ports = cfg->n_ports;
	for (unsigned i = 0; i < ip->n_ports; i++) {
		memcpy(ip->port[i].mac, ip->cfg.ports[i].mac, sizeof(ip->port[i].mac));
		ip->port[i].mtu = ip->cfg.ports[i].mtu;
	}
	return 0;
}

int hr_ip_create(const struct hr_ip_config *cfg, struct hr_ip_layer **out, char *err, size_t errlen)
{
	struct hr_ip_layer *ip;
	int ret;

	*out = NULL;
	must(cfg->emit != NULL && cfg->unreachable != NULL && cfg->pool != NULL);
	/* The longest frame we build in one piece is an NDP message; headers go in front of copies.
	 */
	if (rte_pktmbuf_data_room_size(cfg->pool) < RTE_PKTMBUF_HEADROOM + 128 ||
		RTE_PKTMBUF_HEADROOM < 64)
		return hr_error(err, errlen, -EINVAL,
			"pool %s has mbufs with %u bytes of data room; %d are needed",
			cfg->pool->name, rte_pktmbuf_data_room_size(cfg->pool),
			RTE_PKTMBUF_HEADROOM + 128);
	ip = calloc(1, sizeof(*ip));
	if (ip == NULL)
		return hr_error(err, errlen, -ENOMEM, "no memory for the IP layer");
	ip->cfg = *cfg;
	ip->announce_us = HR_NEVER;
	ip->echo_rate.per_s = HR_IP_ECHO_PER_S;
	ip->error_rate.per_s = cfg->cfg->rst_per_s;
	ip->back_rate.per_s = HR_NH_BACK_PER_S;
	ip->waiting_max = RTE_MAX(cfg->pool->size / HR_NH_SHARE, (uint32_t)HR_NH_PENDING);
	ret = copy_ports(ip, err, errlen);
	if (ret == 0)
		ret = hr_laddr_init(ip, err, errlen);
	if (ret == 0)
		ret = hr_route_init(ip, err, errlen);
	if (ret == 0)
		ret = hr_nh_init(ip, err, errlen);
	if (ret != 0) {
		hr_ip_free(ip);
		return ret;
	}
	*out = ip;
	return 0;
}

void hr_ip_free(struct hr_ip_layer *ip)
{
	if (ip == NULL)
		return;
	hr_nh_fini(ip);
	hr_pmtu_fini(ip);
	free(ip->gateway);
	free(ip->prefix);
	free(ip->last);
	free(ip->laddr);
	free(ip->range);
	free(ip);
}

enum hr_drop hr_ip_input(struct hr_ip_layer *ip, unsigned port, struct rte_mbuf *m,
	const struct hr_frame *f, uint64_t now_us, bool reply_ok, struct hr_icmp_error *err,
	bool *is_err)
{
	must(port < ip->n_ports);
	ip->now_us = now_us;
	*is_err = false;
	switch (f->kind) {
	case HR_FRAME_ARP:
		return hr_arp_input(ip, port, m, f, now_us, reply_ok);
	case HR_FRAME_ICMP4:
	case HR_FRAME_ICMP6:
		hr_count(ip->cfg.m, HR_C_icmp_in);
		return hr_icmp_input(ip, port, m, f, now_us, reply_ok, err, is_err);
	case HR_FRAME_UDP:
		return hr_udp_input(ip, port, m, f, now_us, reply_ok);
	default:
		return DROP_ip_proto;
	}
}

void hr_ip_expire(struct hr_ip_layer *ip, uint64_t now_us)
{
	ip->now_us = now_us;
	hr_nh_expire(ip, now_us);
	if (ip->announce_us <= now_us)
		hr_announce_expire(ip, now_us);
}

uint64_t hr_ip_deadline(const struct hr_ip_layer *ip)
{
	return RTE_MIN(hr_nh_next_deadline(ip), ip->announce_us);
}

struct rte_mbuf *hr_ip_alloc(struct hr_ip_layer *ip, unsigned len, uint8_t **data)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ip->cfg.pool);

	if (m == NULL) {
		hr_count(ip->cfg.m, HR_C_no_mbuf_tx);
		return NULL;
	}
	*data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	must(*data != NULL);
	return m;
}

bool hr_rate_take(struct hr_rate *r, uint64_t now_us)
{
	uint64_t now_ns = now_us * 1000, cost_ns;

	if (r->per_s == 0)
		return false;
	cost_ns = UINT64_C(1000000000) / r->per_s;
	if (r->full_ns < now_ns)
		r->full_ns = now_ns;
	/* A full bucket holds one second's worth: per_s events. */
	if (r->full_ns + cost_ns > now_ns + cost_ns * r->per_s)
		return false;
	r->full_ns += cost_ns;
	return true;
}
