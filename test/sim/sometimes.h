/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must have happened sometimes, so that a run without violations means something: every cell
 * of state x event, every counter and drop reason of the engine, and what only the wire shows. Each
 * exception is listed with its reason in sometimes.c.
 */
#ifndef HR_TEST_SIM_SOMETIMES_H
#define HR_TEST_SIM_SOMETIMES_H

#include "tcp/tcb.h"

/* X(name, what) */
#define SIM_EVENTS(X)                                                                              \
	X(DATA, "data in order")                                                                   \
	X(OOO, "data out of order")                                                                \
	X(FIN, "FIN in order")                                                                     \
	X(OOO_FIN, "FIN out of order")                                                             \
	X(OLD, "an old duplicate")                                                                 \
	X(ACK, "an ACK without data")                                                              \
	X(ACK_UNSENT, "an ACK of something not sent")                                              \
	X(RST, "RST that is valid")                                                                \
	X(RST_WINDOW, "RST that is not")                                                           \
	X(SYN, "SYN")                                                                              \
	X(SYNACK, "SYN-ACK")                                                                       \
	X(SEND, "the application sends")                                                           \
	X(SHUTDOWN, "hr_shutdown()")                                                               \
	X(CLOSE, "hr_close()")                                                                     \
	X(ABORT, "hr_abort()")                                                                     \
	X(RTO, "retransmission timeout")                                                           \
	X(PERSIST, "zero-window probe")                                                            \
	X(TIMEOUT, "the connection is given up: R2, user timeout, keep-alive")                     \
	X(KEEPALIVE, "keep-alive probe")

/* What the frames and the host show, beyond the engine's counters. */
#define SIM_FACTS(X)                                                                               \
	X(LOSS, "frame lost by chance")                                                            \
	X(BURST, "frame lost in a burst")                                                          \
	X(OUTAGE, "frame lost in an outage")                                                       \
	X(DROP_SYN, "chosen SYN dropped")                                                          \
	X(DROP_SYNACK, "chosen SYN-ACK dropped")                                                   \
	X(DROP_FIN, "chosen FIN dropped")                                                          \
	X(DROP_ACK, "chosen pure ACK dropped")                                                     \
	X(DROP_RETX, "chosen retransmission dropped")                                              \
	X(DROP_DATA, "chosen data segment dropped")                                                \
	X(DROP_RST, "chosen RST dropped")                                                          \
	X(DUP, "frame duplicated")                                                                 \
	X(REORDER, "frame reordered")                                                              \
	X(CORRUPT, "frame corrupted")                                                              \
	X(LIE_GOOD, "checksum flag says good of a changed byte")                                   \
	X(LIE_FIELD, "checksum flag says good of a wrong checksum field")                          \
	X(LIE_BAD, "checksum flag says bad of a good frame")                                       \
	X(QUEUE_FULL, "tail drop of a full queue")                                                 \
	X(CE, "frame marked CE")                                                                   \
	X(MTU_DROP, "frame too big for the path, silently")                                        \
	X(MTU_ICMP, "frame too big for the path, with ICMP")                                       \
	X(STRIP_SYN, "options taken from a SYN")                                                   \
	X(STRIP_SACK, "SACK blocks taken from a segment")                                          \
	X(STRIP_TS, "timestamps taken from a segment in mid-connection")                           \
	X(NIC_NO_MBUF, "NIC without an mbuf")                                                      \
	X(TX_FULL, "port that takes only a part")                                                  \
	X(POOL_EMPTY, "packet pool emptied")                                                       \
	X(ALLOC_FAIL, "allocation of a slab failed")                                               \
	X(CLOCK_JUMP, "clock jumped ahead")                                                        \
	X(ASTRAY, "several workers")                                                               \
	X(FORGED_RST, "RST from off the path")                                                     \
	X(FORGED_SYN, "SYN from off the path")                                                     \
	X(FORGED_DATA, "data from off the path")                                                   \
	X(FORGED_ACK, "ACK from off the path")                                                     \
	X(FORGED_ICMP, "ICMP error from off the path")                                             \
	X(FORGED_TAIL, "data or FIN from off the path behind the peer's FIN")                      \
	X(STRAY, "a frame from a stranger")                                                        \
	X(FLOOD, "SYNs from neighbours that do not exist")                                         \
	X(SIM_OPEN, "simultaneous open")                                                           \
	X(SIM_CLOSE, "simultaneous close")                                                         \
	X(ZERO_WND, "zero window offered")                                                         \
	X(WND_UPDATE, "window update after a zero window")                                         \
	X(SACK_OUT, "SACK block sent")                                                             \
	X(DSACK_OUT, "DSACK sent")                                                                 \
	X(URGENT, "urgent data sent")                                                              \
	X(HALF_CLOSE, "data sent after the peer's FIN")                                            \
	X(LIMITED, "new data for what SACKs and duplicates told of, without a loss (RFC 3042)")    \
	X(PRR, "new data in a recovery as PRR allows (RFC 9937)")                                  \
	X(ISS_WRAP, "a passive open whose sequence numbers begin near a wrap")                     \
	X(ECE_OUT, "ECE sent")                                                                     \
	X(CWR_OUT, "CWR sent")                                                                     \
	X(ECT_OUT, "ECT sent")                                                                     \
	X(SEQ_WRAP, "sequence numbers passed 2^32")                                                \
	X(TS_WRAP, "timestamps passed 2^32")                                                       \
	X(CLOCK_WRAP, "the microsecond clock passed 2^32")                                         \
	X(MS_WRAP, "the millisecond clock passed 2^32")                                            \
	X(V4, "IPv4")                                                                              \
	X(V6, "IPv6")                                                                              \
	X(AGAIN, "connect from the same port again")                                               \
	X(GHOST, "connection accepted from an old duplicate or an abandoned cookie")               \
	X(REFUSED, "connect refused")                                                              \
	X(TIMED_OUT, "connection given up")

enum sim_fact {
#define X(name, what) R_##name,
	SIM_FACTS(X)
#undef X
		R_COUNT
};

enum sim_did {
#define X(name, what) E_##name,
	SIM_EVENTS(X)
#undef X
		E_COUNT
};

#define SIM_MAX_COUNTERS 256

struct sometimes {
	uint64_t fact[R_COUNT];
	uint64_t cell[TCPS_COUNT][E_COUNT]; /* CLOSED stands for LISTEN */
	uint64_t counter[SIM_MAX_COUNTERS], drop[SIM_MAX_COUNTERS];
};

static inline void reach(struct sometimes *s, enum sim_fact what)
{
	s->fact[what]++;
}

static inline void reach_cell(struct sometimes *s, unsigned state, enum sim_did event)
{
	s->cell[state][event]++;
}

/* Names what was not reached; returns how many. verbose: counts of all. */
unsigned sometimes_report(const struct sometimes *s, bool verbose);
/* Add an engine's counters and drops. */
void sometimes_engine(struct sometimes *s, const struct hr_engine *e);

#endif
