/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that writes raw bytes to hrload's server and hears the answer to the end of the stream.
 */
#ifndef TEST_HRLOAD_TALK_H
#define TEST_HRLOAD_TALK_H

#include "world.h"

#define TURNS_MAX  4000000
#define ANSWER_MAX (4u << 20)

/* The raw client's connection. */
struct talk {
	const char *say;
	size_t said, len, piece; /* piece: bytes per turn; 0: all */
	struct dice *dice;       /* each piece is of any length up to twice `piece` */
	bool half_close;         /* FIN after the last byte, before the answer */
	bool slow;               /* reads 1000 bytes per turn */
	char *heard;
	size_t heard_len;
	bool open, eof, closed;
	enum hr_reason reason;
	hr_conn c;
};

/* Connect, to say this text, or t->len bytes where that is set. */
void talk_start(struct world *wd, struct talk *t, const char *say);
/* One turn of the world, and what the client does after it. */
void talk_step(struct world *wd, struct talk *t);
/* Say it, and hear the answer to the end of the connection. t->heard is the caller's to free. */
void converse(struct world *wd, struct talk *t, const char *say);

#endif
