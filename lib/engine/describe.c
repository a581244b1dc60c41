/* SPDX-License-Identifier: BSD-3-Clause */
/* What start-up decided, in lines for people. */
#include <stdarg.h>
#include <stdio.h>

#include "engine/share.h"
#include "engine/worker.h"

struct text {
	char *buf;
	size_t len, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	if (t->used >= t->len)
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->used, t->len - t->used, fmt, args);
	va_end(args);
	t->used += n > 0 ? RTE_MIN((size_t)n, t->len - t->used) : 0;
}

static void say_port(struct text *t, const struct hr_engine *e, unsigned p)
{
	const struct hr_port_caps *c = &e->caps[p];
	uint32_t on = e->offloads[p];
	unsigned shared = hr_share_queues(e->port[p]), queues = shared ? shared : e->cfg.workers;

	say(t, "port %u: %s (%s), %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, %u queue%s\n", p, c->name,
		hr_share_driver(e->port[p]), c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4],
		c->mac[5], c->mtu, queues, queues == 1 ? "" : "s");
	say(t, "port %u: receive checksums by %s, transmit checksums by %s, ", p,
		on & HR_OFFLOAD_RX_CSUM ? "the port" : "software",
		on & HR_OFFLOAD_TX_CSUM ? "the port" : "software");
	if (on & HR_OFFLOAD_TSO)
		say(t, "TSO of up to %u bytes\n", c->tso_bytes);
	else
		say(t, "no TSO\n");
	if (e->rss_refused[p][0] != '\0')
		say(t, "port %u: %s\n", p, e->rss_refused[p]);
	if (shared > 0)
		say(t,
			"port %u: software distribution: %u queue%s for %u workers, Toeplitz over "
			"%u RETA entries\n",
			p, shared, shared == 1 ? "" : "s", e->cfg.workers, c->reta_size);
	else if (e->rss[p] != NULL)
		say(t,
			"port %u: RSS by Toeplitz over %u RETA entries; source ports are chosen to "
			"return to their worker\n",
			p, c->reta_size);
}

const char *hr_engine_describe(const struct hr_engine *e, char *buf, size_t len)
{
	struct text t = {.buf = buf, .len = len};
	uint32_t mbufs = hr_memory_mbufs(e);

	if (len > 0)
		buf[0] = '\0';
	say(&t, "engine %s: %u worker%s, table hash %s\n", e->name, e->n_workers,
		e->n_workers == 1 ? "" : "s", hr_table_hash_name(e->worker[0]->table));
	for (unsigned p = 0; p < e->cfg.n_ports; p++)
		say_port(&t, e, p);
	say(&t,
		"memory per worker: %u mbufs of %zu bytes (%zu MB); up to %u connections, %u "
		"half-open, %u TIME-WAIT, on demand\n",
		mbufs, hr_memory_room(e),
		mbufs * (hr_memory_room(e) + sizeof(struct rte_mbuf)) >> 20, e->cfg.max_conns,
		e->cfg.max_half_open, e->cfg.max_time_wait);
	return buf;
}
