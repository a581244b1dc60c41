/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One run. The control thread owns the phases: RUN until the duration, the quota or a signal; DRAIN
 * until no connection is left or the time for it is over; FINISH sends FIN on the rest. Signals
 * arrive through a signalfd that the tick reads, so that there is no handler and no global. Workers
 * are only told through their mailboxes.
 */
#include "run.h"

#include "client.h"
#include "report.h"
#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_US       10000
#define FINISH_US     200000  /* for the last FINs to leave */
#define INT_DRAIN_US  800000  /* after SIGINT: somebody waits at the keyboard */
#define TERM_DRAIN_US 4000000 /* after SIGTERM: the whole end stays below 5 s */
#define LINK_WAIT_MS  30000
#define LINK_LOOK_MS  50
#define MBUF_BYTES    4096u /* one mbuf: without hugepages DPDK lets none cross a page */
#define MEMORY_FLOOR  (64u << 20)
#define PCI_LEN       12 /* "0000:3b:00.0" */

enum phase { RUN, DRAIN, FINISH, DONE };

struct run {
	const struct config *cfg;
	struct hr_port *port[SIDES]; /* owned by the engines */
	struct hr_engine *engine[SIDES];
	struct client *client;
	struct server *server;
	FILE *out; /* live lines and text: stderr when JSON has stdout */
	int signals;
	enum phase phase;
	uint64_t phase_end_us;
	bool told;        /* the workers know about the phase */
	bool interrupted; /* SIGINT, once */
	struct snapshot last_line;
	struct result result;
};

static uint64_t counter(const struct hr_engine *e, const char *name)
{
	int i = hr_counter_find(name);

	return e == NULL || i < 0 ? 0 : hr_engine_counter(e, -1, (unsigned)i);
}

static void take_snapshot(const struct run *r, uint64_t elapsed_us, struct snapshot *s)
{
	const struct hr_engine *main_engine = r->engine[r->client != NULL ? CLIENT : SERVER];

	*s = (struct snapshot){.elapsed_us = elapsed_us};
	if (r->client != NULL)
		client_stats(r->client, &s->client);
	if (r->server != NULL)
		server_stats(r->server, &s->server);
	s->rx_bytes = counter(main_engine, "rx_bytes");
	s->tx_bytes = counter(main_engine, "tx_bytes");
	for (int i = 0; i < SIDES; i++) {
		s->retransmits += counter(r->engine[i], "retransmits");
		s->busy_cycles[i] = counter(r->engine[i], "busy_cycles");
		s->total_cycles[i] = counter(r->engine[i], "total_cycles");
	}
}

/* PCI addresses named in the port strings: EAL must probe them. */
static unsigned find_pci(const char *spec, char (*found)[PCI_LEN + 1], unsigned n, unsigned max)
{
	static const char form[PCI_LEN + 1] = "xxxx:xx:xx.x";

	for (; *spec != '\0' && n < max; spec++) {
		unsigned i = 0;

		while (i < PCI_LEN && (form[i] == 'x' ? isxdigit((unsigned char)spec[i]) != 0
						      : spec[i] == form[i]))
			i++;
		if (i < PCI_LEN)
			continue;
		memcpy(found[n], spec, PCI_LEN);
		found[n++][PCI_LEN] = '\0';
	}
	return n;
}

/* Larger when the port string asks for a larger MTU. */
static uint64_t mbuf_bytes(const char *spec)
{
	const char *mtu = strstr(spec, "mtu=");
	uint64_t n = mtu != NULL ? strtoul(mtu + 4, NULL, 10) : 0;

	return n > 1500 && n <= UINT16_MAX
		       ? MBUF_BYTES + (n + MBUF_BYTES - 1) / MBUF_BYTES * MBUF_BYTES
		       : MBUF_BYTES;
}

static int start_runtime(
	const struct config *cfg, char *note, size_t notelen, char *err, size_t errlen)
{
	char pci[HR_MAX_PORTS][PCI_LEN + 1];
	const char *list[HR_MAX_PORTS + 1] = {NULL};
	struct hr_runtime_config rc = {
		.program = "hrload", .no_huge = !cfg->huge, .verbose = cfg->verbose};
	unsigned n = 0;
	uint64_t bytes = 0;

	for (int s = 0; s < SIDES; s++) {
		const struct side_config *sc = &cfg->side[s];

		if (!(config_sides(cfg) & 1u << s))
			continue;
		n = find_pci(sc->port, pci, n, HR_MAX_PORTS);
		rc.cores += sc->workers;
		bytes += (uint64_t)sc->mbufs * sc->workers * mbuf_bytes(sc->port);
	}
	for (unsigned i = 0; i < n; i++)
		list[i] = pci[i];
	rc.pci = n > 0 ? list : NULL;
	rc.memory_bytes = bytes + bytes / 16 + MEMORY_FLOOR;
	return hr_runtime_init(&rc, note, notelen, err, errlen);
}

static int start_engine(struct run *r, enum side s, char *err, size_t errlen)
{
	const struct side_config *sc = &r->cfg->side[s];
	struct hr_engine_config ec = hr_engine_config_default;
	char reason[HR_ERRLEN];

	if (hr_port_open(sc->port, &r->port[s], reason, sizeof(reason)) < 0) {
		snprintf(err, errlen, "%s: %s", sc->port_place, reason);
		return -EINVAL;
	}
	ec.name = s == CLIENT ? "client" : "server";
	ec.workers = sc->workers;
	ec.ports[0] = r->port[s];
	ec.n_ports = 1;
	ec.addrs = sc->addrs;
	ec.n_addrs = sc->n_addrs;
	ec.gateways = sc->gateways;
	ec.n_gateways = sc->n_gateways;
	ec.max_conns = sc->max_conns;
	ec.max_half_open = sc->max_half_open;
	ec.max_time_wait = sc->max_time_wait;
	ec.mbufs = sc->mbufs;
	ec.tcp = sc->tcp;
	ec.seed = r->cfg->seed == 0 ? 0 : r->cfg->seed + (uint64_t)s;
	ec.idle = (enum hr_idle)r->cfg->idle;
	if (hr_engine_create(&ec, &r->engine[s], reason, sizeof(reason)) < 0) {
		r->engine[s] = NULL;
		snprintf(err, errlen, "%s: the %s cannot start: %s", r->cfg->source, ec.name,
			reason);
		return -EINVAL;
	}
	return 0;
}

static void tear_down(struct run *r)
{
	for (int s = 0; s < SIDES; s++)
		if (r->engine[s] != NULL)
			hr_engine_destroy(r->engine[s]);
	client_free(r->client);
	server_free(r->server);
	hr_runtime_fini();
	if (r->signals >= 0)
		close(r->signals);
}

static int set_up(struct run *r, char *err, size_t errlen)
{
	char note[2 * HR_ERRLEN] = "", reason[HR_ERRLEN], text[4096];

	if (start_runtime(r->cfg, note, sizeof(note), reason, sizeof(reason)) < 0) {
		snprintf(err, errlen, "%s: %s", r->cfg->source, reason);
		return -EINVAL;
	}
	if (note[0] != '\0' && r->cfg->verbose)
		fprintf(r->out, "%s\n", note);
	/* The server first: on a shared wire it is ready when the first SYN comes. */
	for (int s = SERVER; s >= CLIENT; s--) {
		if (!(config_sides(r->cfg) & 1u << s))
			continue;
		if (start_engine(r, (enum side)s, err, errlen) < 0)
			return -EINVAL;
		if (r->cfg->verbose)
			fprintf(r->out, "%s\n",
				hr_engine_describe(r->engine[s], text, sizeof(text)));
		r->result.engine[s] = r->engine[s];
	}
	return 0;
}

static void enter(struct run *r, enum phase phase, uint64_t elapsed_us, uint64_t budget_us)
{
	if (r->phase == RUN && phase != RUN)
		take_snapshot(r, elapsed_us, &r->result.end); /* the measured interval ends */
	r->phase = phase;
	r->phase_end_us = elapsed_us + budget_us;
	r->told = false;
}

/* SIGINT: a short drain, at once the second time. SIGTERM: an orderly end. */
static void read_signals(struct run *r, uint64_t elapsed_us)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		uint64_t drain_us = info.ssi_signo == SIGINT ? INT_DRAIN_US : TERM_DRAIN_US;

		if (info.ssi_signo == SIGINT && r->interrupted)
			enter(r, DONE, elapsed_us, 0);
		r->interrupted |= info.ssi_signo == SIGINT;
		if (r->cfg->drain_us < drain_us)
			drain_us = r->cfg->drain_us;
		if (r->phase == RUN)
			enter(r, DRAIN, elapsed_us, drain_us);
		else if (r->phase == DRAIN && elapsed_us + drain_us < r->phase_end_us)
			r->phase_end_us = elapsed_us + drain_us;
	}
}

/* Tell the workers what the phase asks of them; a full mailbox is asked again. */
static void tell(struct run *r)
{
	if (r->told)
		return;
	r->told = true;
	if (r->phase == DRAIN) {
		if (r->client != NULL)
			r->told &= client_stop(r->client);
		else
			r->told &= server_stop(r->server);
	} else if (r->phase == FINISH) {
		if (r->client != NULL)
			r->told &= client_finish(r->client);
		if (r->server != NULL)
			r->told &= server_finish(r->server);
	}
}

static bool tick(void *arg, uint64_t elapsed_us)
{
	struct run *r = arg;
	const struct config *cfg = r->cfg;
	struct snapshot now;
	const struct stats *s;

	read_signals(r, elapsed_us);
	take_snapshot(r, elapsed_us, &now);
	if (!cfg->quiet && now.elapsed_us - r->last_line.elapsed_us >= cfg->interval_us) {
		report_line(cfg, &r->last_line, &now, r->out);
		r->last_line = now;
	}
	s = r->client != NULL ? &now.client : &now.server;
	if (r->phase == RUN &&
		((cfg->duration_us != 0 && elapsed_us >= cfg->duration_us) ||
			(r->client != NULL && client_exhausted(r->client) && active_of(s) == 0)))
		enter(r, DRAIN, elapsed_us, cfg->drain_us);
	if (r->phase == DRAIN && r->told && (active_of(s) == 0 || elapsed_us >= r->phase_end_us))
		enter(r, FINISH, elapsed_us, active_of(s) == 0 ? 0 : FINISH_US);
	if (r->phase == FINISH && r->told && elapsed_us >= r->phase_end_us)
		enter(r, DONE, elapsed_us, 0);
	tell(r);
	r->result.final.elapsed_us = elapsed_us;
	return r->phase != DONE;
}

static void collect(struct run *r)
{
	struct result *res = &r->result;

	if (r->phase == RUN) /* hr_run() ended by itself */
		take_snapshot(r, res->final.elapsed_us, &res->end);
	take_snapshot(r, res->final.elapsed_us, &res->final);
	for (int l = 0; l < LATENCIES && r->client != NULL; l++) {
		struct hr_hist *h = hr_hist_create();

		client_latency(r->client, (enum latency)l, h);
		res->latency[l] = (struct quantiles){hr_hist_quantile(h, 0.5),
			hr_hist_quantile(h, 0.9), hr_hist_quantile(h, 0.99),
			hr_hist_quantile(h, 0.999), hr_hist_max(h)};
		hr_hist_free(h);
	}
	for (int s = 0; s < SIDES; s++) {
		struct hr_port_stats ps = {0};

		if (r->engine[s] == NULL)
			continue;
		if (hr_port_stats(r->port[s], &ps) == 0) {
			res->rx_missed += ps.rx_missed;
			res->no_mbuf += ps.rx_nombuf;
		}
		res->no_mbuf += counter(r->engine[s], "no_mbuf_tx");
	}
	if (r->client != NULL && r->cfg->sha256)
		snprintf(res->digest, sizeof(res->digest), "%s", client_digest(r->client));
}

/* Signals are blocked before EAL makes threads, so that only the signalfd sees them. */
static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int start_roles(struct run *r, char *err, size_t errlen)
{
	if (r->engine[SERVER] != NULL) {
		r->server = server_create(r->cfg, r->engine[SERVER], err, errlen);
		if (r->server == NULL)
			return -EINVAL;
	}
	if (r->engine[CLIENT] != NULL) {
		r->client = client_create(r->cfg, r->engine[CLIENT], err, errlen);
		if (r->client == NULL)
			return -EINVAL;
		if (!client_start(r->client)) {
			snprintf(err, errlen, "%s: a worker's mailbox is full; report this",
				r->cfg->source);
			return -EINVAL;
		}
	}
	return 0;
}

/*
 * A client on a port without a link would see every connection fail. The other end may only be
 * starting (net_memif). A signal ends the wait.
 */
static int wait_for_link(const struct run *r, char *err, size_t errlen)
{
	struct hr_port *port = r->port[CLIENT];
	struct pollfd signals = {.fd = r->signals, .events = POLLIN};
	unsigned ms;

	if (r->engine[CLIENT] == NULL || hr_port_link_up(port))
		return 0;
	fprintf(stderr, "%s: waiting for the link of %s\n", r->cfg->source,
		r->cfg->side[CLIENT].port);
	for (ms = 0; ms < LINK_WAIT_MS && !hr_port_link_up(port); ms += LINK_LOOK_MS)
		if (poll(&signals, 1, LINK_LOOK_MS) > 0)
			break;
	if (hr_port_link_up(port))
		return 0;
	snprintf(err, errlen, "%s: %s has no link%s; is the other end there, and is it up?",
		r->cfg->source, r->cfg->side[CLIENT].port,
		ms < LINK_WAIT_MS ? ", and the wait was ended by a signal" : " after 30 s");
	return -ENETDOWN;
}

static int exit_status(const struct run *r)
{
	const struct stats *s = &r->result.final.client;

	if (r->client == NULL)
		return EXIT_GOOD;
	return s->failed == 0 && s->completed > 0 ? EXIT_GOOD : EXIT_FAILED;
}

int run_traffic(const struct config *cfg)
{
	struct run r = {.cfg = cfg,
		.out = strcmp(cfg->json, "-") == 0 ? stderr : stdout,
		.signals = block_signals()};
	struct hr_run_opts opts = {.tick = tick, .arg = &r, .tick_us = TICK_US};
	struct hr_engine *engines[SIDES];
	char err[2 * HR_ERRLEN + CONFIG_TEXT] = "";
	unsigned n = 0;
	int status;

	if (set_up(&r, err, sizeof(err)) < 0 || start_roles(&r, err, sizeof(err)) < 0 ||
		wait_for_link(&r, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		tear_down(&r);
		return EXIT_BAD;
	}
	for (int s = 0; s < SIDES; s++)
		if (r.engine[s] != NULL)
			engines[n++] = r.engine[s];
	/* The workers stand still: everything is counted from zero and from now. */
	take_snapshot(&r, 0, &r.result.begin);
	r.last_line = r.result.begin;
	if (!cfg->quiet)
		report_header(r.out);
	if (hr_run(engines, n, &opts, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s: %s\n", cfg->source, err);
		tear_down(&r);
		return EXIT_BAD;
	}
	collect(&r);
	report_text(cfg, &r.result, r.out);
	status = exit_status(&r);
	if (cfg->json[0] != '\0' && report_json(cfg, &r.result, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		status = EXIT_BAD;
	}
	tear_down(&r);
	return status;
}

int run_check(const struct config *cfg)
{
	struct config verbose = *cfg;
	struct run r = {.cfg = &verbose,
		.out = strcmp(cfg->json, "-") == 0 ? stderr : stdout,
		.signals = -1};
	char err[2 * HR_ERRLEN + CONFIG_TEXT] = "", text[4096];
	int status = EXIT_GOOD;

	if (set_up(&r, err, sizeof(err)) < 0 ||
		(cfg->json[0] != '\0' && report_config(cfg, err, sizeof(err)) < 0)) {
		fprintf(stderr, "%s\n", err);
		status = EXIT_BAD;
	}
	for (int s = 0; s < SIDES && status == EXIT_GOOD; s++)
		if (r.engine[s] != NULL)
			fprintf(r.out, "%s:\n%s\n", s == CLIENT ? "client" : "server",
				hr_engine_describe(r.engine[s], text, sizeof(text)));
	if (status == EXIT_GOOD)
		fprintf(r.out, "%s: ready\n", cfg->source);
	tear_down(&r);
	return status;
}
