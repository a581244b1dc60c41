/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations: scripts of segments against the TCP core alone, in virtual time. One struct talk
 *is one end of one connection with everything the engine would put around it (listener, half-open
 *entry, TIME-WAIT entry), so that a test reads as the RFC's prose does:
 *
 *	given_established(v, .sack = true);
 *	hears(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000);          a hole
 *	says(v, .flags = ACK, .seq = 1, .ack = 1, .sack = {{1001, 2001}});
 *	silent(v);
 *
 * Numbers are relative: what we say counts from our ISS, what we hear from the peer's IRS, a SYN is
 *0 and the first byte
 * 1. Nothing goes unnoticed: a segment that the script does not expect fails the test at the next
 *step. Payload is a pattern of its offset and is checked wherever it comes out. After every step
 *hr_tcb_check() runs, and the right edge of the window we offer must not have moved left. Each
 *script runs in several worlds (struct talk_world): sequence numbers, microseconds and milliseconds
 *close to their wrap, IPv4 and IPv6, without short ways.
 */
#ifndef HR_TEST_TALK_H
#define HR_TEST_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/tcp.h"

enum {
	FIN = TCPF_FIN,
	SYN = TCPF_SYN,
	RST = TCPF_RST,
	PSH = TCPF_PSH,
	ACK = TCPF_ACK,
	URG = TCPF_URG,
	ECE = TCPF_ECE,
	CWR = TCPF_CWR
};

#define MS(n)  ((uint64_t)(n)*1000)
#define SEC(n) ((uint64_t)(n)*1000000)

/* A window of 0 in a literal (plain 0 means "as before" when heard and "any" when said). */
#define SHUT (-1)

/* One segment of a script. What is left out has the value a reader would assume. */
struct line {
	uint8_t flags;
	uint32_t seq, ack;
	uint32_t len;
	int32_t wnd;  /* as on the wire; heard: 0 = the peer's usual window; said: 0 = not compared
		       */
	uint16_t mss; /* MSS option when not 0; said on a SYN: 0 = not compared */
	uint8_t ws;   /* window scale option + 1, so that 0 is "none"; see WS() */
	bool sack_ok;
	uint8_t ts;     /* enum ts_want */
	uint32_t tsval; /* heard: ms added to the peer's clock; said: not compared */
	uint32_t tsecr; /* said with TS_ECHO: the peer's clock (ms since the start) it must echo */
	uint16_t urg;
	uint16_t uto; /* user timeout option, 0 = none */
	uint8_t ecn;  /* the ECN bits of the IP header, heard or said: NOT_ECT when left out */
	bool no_psh;  /* said: PSH must be absent (present is required by .flags) */
	struct tcp_sack sack[4];
};
#define WS(n) ((uint8_t)((n) + 1))

enum { NOT_ECT = 0, ECT1, ECT0, CE };

enum ts_want {
	TS_AUTO = 0, /* present when negotiated (RFC 7323 3.2) */
	TS_NONE,     /* absent */
	TS_ON,       /* present */
	TS_OLD,      /* heard: older than anything before */
	TS_ECHO,     /* said: present, and tsecr as in .tsecr */
};

/* How an established connection came about. */
struct given {
	uint16_t mss; /* the peer's, 0 = 1000 */
	uint8_t ws;   /* the peer's shift + 1: WS(n) */
	bool ts, sack;
	bool ecn;        /* agreed upon; .params.ecn must allow it */
	bool passive;    /* the peer opened */
	uint16_t wnd;    /* the peer's window, 0 = 65535 */
	uint32_t rtt_us; /* 0 = 100 ms, which makes RTO = 300 ms (RFC 6298 2.2) */
};

enum talk_place { AT_NOTHING, AT_LISTEN, AT_SYN, AT_CONN, AT_TW };

struct talk_world {
	const char *name;
	uint32_t iss, irs;
	uint64_t start_us;
	bool ip6;
	bool general; /* no short ways */
};

struct said {
	struct tcp_out o;
	uint64_t at_us;
};

struct talk {
	const struct talk_world *world;
	struct tcp_ctx ctx;
	struct hr_tcp_params params; /* change before given_*() */
	struct tcp_path path;
	struct hr_slab ranges, exts;
	struct hr_metrics m;
	struct rte_mempool *pool;
	struct hr_flow_key key;

	enum talk_place place;
	bool cookies;  /* the listener answers with SYN cookies */
	struct tcb *t; /* from the heap, so that ASan sees its end */
	struct tcp_syn syn;
	uint64_t syn_due_us;
	struct tcp_tw tw;
	uint64_t now, t0;
	uint32_t iss, irs;

	uint32_t events;   /* not yet told() */
	enum hr_drop drop; /* of the segment heard last */
	uint8_t reason;

	/* the peer as we play it */
	int32_t peer_wnd;
	bool ts_on;
	uint32_t heard_tsval; /* the last TSval we said, for its TSecr */
	uint32_t peer_ts0;

	/* what was said and not yet expected */
	struct said said[64];
	unsigned n_said, next_said;
	bool in_turn;
	bool edge_valid;
	uint32_t edge; /* right edge of the window offered so far */

	uint64_t wrote, read; /* bytes of the streams */
	bool pull_only;

	const char *file;
	int line;
	char log[1 << 15];
	size_t log_len;
};

#define AT(v) ((v)->file = __FILE__, (v)->line = __LINE__, (v))

/* --- constructors of states
 * ------------------------------------------------------------------------------------------ */

#define given_established(v, ...) talk_established(AT(v), &(struct given){__VA_ARGS__})
#define given_syn_sent(v)         talk_syn_sent(AT(v))
#define given_listen(v)           talk_listen(AT(v))
#define given_syn_received(v)     talk_syn_received(AT(v))
/* TIME-WAIT by an active close; both streams were empty. */
#define given_time_wait(v, ...) talk_time_wait(AT(v), &(struct given){__VA_ARGS__})

/* --- steps
 * ------------------------------------------------------------------------------------------------------------
 */

#define hears(v, ...) talk_hears(AT(v), &(struct line){__VA_ARGS__})
#define says(v, ...)  talk_says(AT(v), &(struct line){__VA_ARGS__})
#define silent(v)     talk_silent(AT(v))
/* Nothing is said until exactly us from now, then this. */
#define says_after(v, us, ...)                                                                     \
	(talk_quiet_for(AT(v), us), talk_says((v), &(struct line){__VA_ARGS__}))
/* Nothing is said for us. */
#define quiet_for(v, us) (talk_after(AT(v), us), talk_silent(v))
/* Let time pass; says() follows for whatever was said meanwhile. */
#define after(v, us) talk_after(AT(v), us)
/* Several steps in one turn of the engine: output is pulled at the end only (or before a segment,
 * when TF_ACK_NOW asks). */
#define turn_begins(v)  talk_turn_begins(AT(v))
#define turn_ends(v)    talk_turn_ends(AT(v))
#define app_connects(v) talk_connect(AT(v))
#define app_sends(v, n) talk_send(AT(v), n)
#define app_reads(v, n) talk_read(AT(v), n)
#define app_shuts(v)    talk_close(AT(v), false)
#define app_closes(v)   talk_close(AT(v), true)
#define app_aborts(v)   talk_abort(AT(v))
#define app_urgent(v)   talk_urgent(AT(v))
/* The event was raised since last asked. */
#define told(v, ev)            talk_told(AT(v), ev)
#define not_told(v, ev)        talk_not_told(AT(v), ev)
#define state_is(v, s)         talk_state_is(AT(v), s)
#define ended(v, why)          talk_ended(AT(v), why)
#define dropped(v, why)        talk_dropped(AT(v), why)
#define counted(v, counter, n) talk_counted(AT(v), HR_C_##counter, #counter, n)
#define expect(v, cond)                                                                            \
	do {                                                                                       \
		if (!(cond))                                                                       \
			talk_fail(AT(v), "expected %s", #cond);                                    \
	} while (0)

void talk_established(struct talk *v, const struct given *g);
void talk_syn_sent(struct talk *v);
void talk_listen(struct talk *v);
void talk_syn_received(struct talk *v);
void talk_time_wait(struct talk *v, const struct given *g);
void talk_hears(struct talk *v, const struct line *l);
void talk_says(struct talk *v, const struct line *l);
void talk_silent(struct talk *v);
void talk_quiet_for(struct talk *v, uint64_t us);
void talk_after(struct talk *v, uint64_t us);
void talk_turn_begins(struct talk *v);
void talk_turn_ends(struct talk *v);
void talk_connect(struct talk *v);
/* Bytes accepted. */
uint32_t talk_send(struct talk *v, uint32_t n);
void talk_read(struct talk *v, uint32_t n);
void talk_close(struct talk *v, bool deaf);
void talk_abort(struct talk *v);
void talk_urgent(struct talk *v);
void talk_told(struct talk *v, uint32_t ev);
void talk_not_told(struct talk *v, uint32_t ev);
void talk_state_is(struct talk *v, enum tcp_state s);
void talk_ended(struct talk *v, enum hr_reason why);
void talk_dropped(struct talk *v, enum hr_drop why);
void talk_counted(struct talk *v, enum hr_counter c, const char *name, uint64_t n);
struct hr_conn_info talk_info(struct talk *v);
/* Unread bytes. */
uint32_t talk_unread(struct talk *v);
__attribute__((noreturn, format(printf, 2, 3))) void talk_fail(
	struct talk *v, const char *fmt, ...);

/* Take what was said last of several segments nobody wants to spell out; fails when nothing was. */
#define says_something(v) talk_says_something(AT(v))
struct tcp_out talk_says_something(struct talk *v);
/* The same for all that was said, if anything. */
#define swallow(v) talk_swallow(AT(v))
void talk_swallow(struct talk *v);

/* n full segments of 1000 bytes of data from seq on; says_burst(): and no more. */
#define says_segments(v, seq, n) talk_says_segments(AT(v), seq, n)
#define says_burst(v, seq, n)    (talk_says_segments(AT(v), seq, n), talk_silent(v))
void talk_says_segments(struct talk *v, uint32_t seq, uint32_t n);

/* --- running
 * ----------------------------------------------------------------------------------------------------------
 */

struct talk_test {
	const char *name;
	void (*run)(struct talk *v);
};
#define TALK(f)                                                                                    \
	{                                                                                          \
#f, f                                                                              \
	}
/* Runs every script in every world; the exit status of the program. */
int talk_main(const char *group, const struct talk_test *tests, unsigned n);

#endif
