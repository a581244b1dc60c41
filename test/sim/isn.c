/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Initial sequence numbers near 2^32 and 2^31: the linker gives the engine's calls of hr_isn() to
 * this (-Wl,--wrap). A tuple is moved by the same amount for the whole life of its world, so that
 * its lives still follow each other (RFC 6528).
 */
#include "sim.h"

#include "tcp/core.h"

uint32_t __real_hr_isn(struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us);
uint32_t __wrap_hr_isn(struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us);

static struct world *current;

void sim_isn_world(struct world *w)
{
	current = w;
}

static struct sim_moved *moved(struct world *w, const struct hr_flow_key *k)
{
	unsigned i;

	for (i = 0; i < SIM_MOVED && w->moved[i].rport != 0; i++)
		if (w->moved[i].rport == k->rport && w->moved[i].lport == k->lport)
			return &w->moved[i];
	return i < SIM_MOVED ? &w->moved[i] : NULL;
}

uint32_t __wrap_hr_isn(struct tcp_ctx *c, const struct hr_flow_key *k, const struct tcp_path *path,
	uint64_t now_us)
{
	uint32_t isn = __real_hr_isn(c, k, path, now_us);
	struct sim_moved *m;

	/* Clients' are moved by app.c, which need not care for an older life. */
	if (current == NULL || k->lport != SIM_PORT || path->reopened ||
		(m = moved(current, k)) == NULL)
		return isn;
	if (m->rport == 0) {
		m->rport = k->rport;
		m->lport = k->lport;
		if (chance(current->ch, PERCENT(20))) {
			uint32_t to = PICK(current->ch, 0, 0x80000000u);

			m->by = to - 1 - choose(current->ch, 30000) - isn;
			reach(current->reached, R_ISS_WRAP);
		}
	}
	return isn + m->by;
}
