/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts begin with commands that set net.ipv4.*; each runs in a network namespace of its own, so
 * the values that hold for it stand in /proc/sys. They are read when a socket is made and become
 * the engine's parameters: the Linux personality is a parameter set, not code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pd.h"

/* Field (0, 1, ...) of the value of net.ipv4.NAME. */
long pd_sysctl(const char *name, unsigned field, long otherwise)
{
	char path[128], text[128], *p = text;
	FILE *f;
	long value = otherwise;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	f = fopen(path, "re");
	if (f == NULL)
		return otherwise;
	if (fgets(text, sizeof(text), f) != NULL) {
		for (unsigned i = 0; i <= field; i++) {
			char *end;

			value = strtol(p, &end, 0);
			if (end == p) {
				value = otherwise;
				break;
			}
			p = end;
		}
	}
	fclose(f);
	return value;
}

static uint32_t bytes(const char *name, unsigned field, uint32_t otherwise)
{
	long v = pd_sysctl(name, field, otherwise);

	return v < 4096 ? 4096 : v > 1 << 30 ? 1u << 30 : (uint32_t)v;
}

static uint8_t congestion_control(void)
{
	static const char *const path = "/proc/sys/net/ipv4/tcp_congestion_control";
	char name[32] = "";
	FILE *f = fopen(path, "re");

	if (f != NULL) {
		if (fgets(name, sizeof(name), f) == NULL)
			name[0] = '\0';
		fclose(f);
	}
	if (strncmp(name, "reno", 4) == 0)
		return HR_CC_NEWRENO;
	/* A namespace may not be allowed to choose "cubic", which is what the scripts want. */
	return strncmp(name, "dctcp", 5) == 0 ? HR_CC_DCTCP : HR_CC_CUBIC;
}

void pd_sysctl_params(struct hr_tcp_params *p)
{
	long ecn = pd_sysctl("tcp_ecn", 0, 2);

	*p = hr_tcp_params_linux;
	p->timestamps = pd_sysctl("tcp_timestamps", 0, 1) != 0;
	p->sack = pd_sysctl("tcp_sack", 0, 1) != 0;
	p->dsack = pd_sysctl("tcp_dsack", 0, 1) != 0;
	p->frto = pd_sysctl("tcp_frto", 0, 2) != 0;
	p->tlp = pd_sysctl("tcp_early_retrans", 0, 3) >= 3;
	p->ecn = ecn == 1 ? HR_ECN_ACTIVE : ecn == 2 ? HR_ECN_PASSIVE : HR_ECN_OFF;
	p->cc = congestion_control();
	p->rfc1337 = pd_sysctl("tcp_rfc1337", 0, 0) != 0;
	p->tw_reuse = pd_sysctl("tcp_tw_reuse", 0, 2) == 1;
	p->syn_retries = (uint8_t)pd_sysctl("tcp_synack_retries", 0, 5);
	p->retries = (uint8_t)pd_sysctl("tcp_retries2", 0, 15);
	p->keepalive_probes = (uint8_t)pd_sysctl("tcp_keepalive_probes", 0, 9);
	p->keepalive_interval_ms = (uint32_t)pd_sysctl("tcp_keepalive_intvl", 0, 75) * 1000;
	p->fin_wait2_ms = (uint32_t)pd_sysctl("tcp_fin_timeout", 0, 60) * 1000;
	p->rto_min_us = (uint32_t)pd_sysctl("tcp_rto_min_us", 0, 200000);
	p->rcv_buf_bytes = bytes("tcp_rmem", 1, 131072);
	p->rcv_buf_max_bytes = bytes("tcp_rmem", 2, 6291456);
	p->snd_buf_bytes = bytes("tcp_wmem", 1, 16384);
	p->snd_buf_max_bytes = bytes("tcp_wmem", 2, 4194304);
	if (pd_sysctl("tcp_window_scaling", 0, 1) == 0)
		p->wscale = 0;
	p->keepalive_ms = 0; /* until SO_KEEPALIVE */
}
