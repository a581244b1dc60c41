/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of what must have happened sometimes, and what cannot, with the reason. */
#include "sometimes.h"

#include <inttypes.h>
#include <stdio.h>

#define ANY UINT8_MAX

struct row {
	const char *name, *what;
};

#define X(name, what) {#name, what},
static const struct row facts[] = {SIM_FACTS(X)};
static const struct row events[] = {SIM_EVENTS(X)};
#undef X

/* Cells that no world can reach. */
static const struct {
	uint8_t state, event;
	const char *why;
} never[] = {
	{TCPS_CLOSED, E_OOO, "nothing is in or out of order without a connection"},
	{TCPS_CLOSED, E_OOO_FIN, "the same"},
	{TCPS_CLOSED, E_OLD, "the same"},
	{TCPS_CLOSED, E_ACK_UNSENT, "the same"},
	{TCPS_CLOSED, E_RST_WINDOW, "the same"},
	{TCPS_CLOSED, E_SEND, "the application has no handle"},
	{TCPS_CLOSED, E_SHUTDOWN, "the same"},
	{TCPS_CLOSED, E_CLOSE, "the same"},
	{TCPS_CLOSED, E_ABORT, "the same"},
	{TCPS_CLOSED, E_RTO, "a listener has no timer"},
	{TCPS_CLOSED, E_KEEPALIVE, "the same"},
	{TCPS_CLOSED, E_PERSIST, "the same"},
	{TCPS_CLOSED, E_TIMEOUT, "the same"},
	{TCPS_SYN_SENT, E_OOO, "there is no order before the peer's SYN is known"},
	{TCPS_SYN_SENT, E_OOO_FIN, "the same"},
	{TCPS_SYN_SENT, E_OLD, "the same"},
	{TCPS_SYN_SENT, E_DATA, "a peer sends data after it heard our ACK, which ends SYN-SENT"},
	{TCPS_SYN_SENT, E_FIN, "the same"},
	{TCPS_SYN_SENT, E_KEEPALIVE, "only synchronised states are probed"},
	{TCPS_SYN_RECEIVED, E_KEEPALIVE, "the same"},
	{TCPS_SYN_SENT, E_PERSIST, "a SYN does not wait for a window"},
	{TCPS_SYN_RECEIVED, E_PERSIST, "the same"},
	{TCPS_FIN_WAIT_2, E_RTO, "everything is acknowledged"},
	{TCPS_FIN_WAIT_2, E_PERSIST, "the same"},
	{TCPS_TIME_WAIT, E_DATA, "an honest peer has nothing behind its FIN"},
	{TCPS_TIME_WAIT, E_OOO, "the same"},
	{TCPS_TIME_WAIT, E_FIN, "the same"},
	{TCPS_TIME_WAIT, E_OOO_FIN, "the same"},
	{TCPS_TIME_WAIT, E_RTO, "everything is acknowledged"},
	{TCPS_TIME_WAIT, E_PERSIST, "the same"},
	{TCPS_TIME_WAIT, E_TIMEOUT, "its end is no failure"},
	{TCPS_TIME_WAIT, E_KEEPALIVE, "nobody waits for the peer any more"},
	{ANY, E_COUNT, NULL},
};

/* Counters that stay at zero here. */
static const struct {
	const char *name, *why;
} quiet[] = {
	{"cycles_rx", "cycles are not counted by stage"},
	{"cycles_parse", "the same"},
	{"cycles_lookup", "the same"},
	{"cycles_input", "the same"},
	{"cycles_timers", "the same"},
	{"cycles_callbacks", "the same"},
	{"cycles_output", "the same"},
	{"cycles_tx", "the same"},
	{"passed", "no embedding program hands packets in"},
	{"sack_reneged", "honest peers keep what they SACKed"},
	{"cwnd_lowered", "nobody is idle for five minutes after much was sent"},
	{"port_exhausted", "a world has fewer connections than ports"},
	{NULL, NULL},
};

/* Drop reasons that no honest peer and no fault of these links causes. */
static const struct {
	const char *name, *why;
} unseen[] = {
	{"icmp_rate", "fewer echo requests come than are answered"},
	{"mailbox_full", "a world has fewer packets than a mailbox has room"},
	{NULL, NULL},
};

void sometimes_engine(struct sometimes *s, const struct hr_engine *e)
{
	must(hr_counter_count() <= SIM_MAX_COUNTERS && hr_drop_count() <= SIM_MAX_COUNTERS);
	for (unsigned i = 0; i < hr_counter_count(); i++)
		s->counter[i] += hr_engine_counter(e, -1, i);
	for (unsigned i = 0; i < hr_drop_count(); i++)
		s->drop[i] += hr_engine_drop(e, -1, i);
}

static const char *why_never(unsigned state, unsigned event)
{
	for (unsigned i = 0; never[i].why != NULL; i++)
		if ((never[i].state == state || never[i].state == ANY) && never[i].event == event)
			return never[i].why;
	return NULL;
}

static const char *why_quiet(const char *name)
{
	for (unsigned i = 0; quiet[i].name != NULL; i++)
		if (strcmp(quiet[i].name, name) == 0)
			return quiet[i].why;
	return NULL;
}

static const char *why_unseen(const char *name)
{
	for (unsigned i = 0; unseen[i].name != NULL; i++)
		if (strcmp(unseen[i].name, name) == 0)
			return unseen[i].why;
	return NULL;
}

struct tally {
	unsigned wanted, missing, excused;
	bool verbose;
};

static void judge(struct tally *t, const char *kind, const char *a, const char *b, const char *what,
	uint64_t n, const char *excuse)
{
	if (t->verbose && n != 0)
		printf("  %12" PRIu64 "  %s %s%s: %s\n", n, kind, a, b, what);
	if (excuse != NULL) {
		t->excused++;
		if (n != 0)
			printf("reached after all: %s %s%s (said to be impossible: %s)\n", kind, a,
				b, excuse);
		else if (t->verbose)
			printf("             -  %s %s%s: %s\n", kind, a, b, excuse);
		return;
	}
	t->wanted++;
	if (n != 0)
		return;
	t->missing++;
	printf("not reached: %s %s%s (%s)\n", kind, a, b, what);
}

unsigned sometimes_report(const struct sometimes *s, bool verbose)
{
	struct tally t = {.verbose = verbose};
	char state[32];

	for (unsigned i = 0; i < R_COUNT; i++)
		judge(&t, "fact", facts[i].name, "", facts[i].what, s->fact[i], NULL);
	for (unsigned i = 0; i < hr_counter_count(); i++)
		judge(&t, "counter", hr_counter_name(i), "", hr_counter_help(i), s->counter[i],
			why_quiet(hr_counter_name(i)));
	for (unsigned i = 0; i < hr_drop_count(); i++)
		judge(&t, "drop", hr_drop_name(i), "", hr_drop_help(i), s->drop[i],
			why_unseen(hr_drop_name(i)));
	for (unsigned st = 0; st < TCPS_COUNT; st++)
		for (unsigned ev = 0; ev < E_COUNT; ev++) {
			snprintf(state, sizeof(state), "%s x ",
				st == TCPS_CLOSED ? "LISTEN" : hr_tcp_state_name((uint8_t)st));
			judge(&t, "cell", state, events[ev].name, events[ev].what, s->cell[st][ev],
				why_never(st, ev));
		}
	printf("mechanisms reached: %u of %u (%u more cannot be: see test/sim/sometimes.c)\n",
		t.wanted - t.missing, t.wanted, t.excused);
	return t.missing;
}
