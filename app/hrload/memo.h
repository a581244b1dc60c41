/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What http_parser said about the last messages that lay whole in one slice. A load generator hears
 * the same bytes over and over, and a parser that begins anew says the same of the same bytes:
 * where they are equal to the last byte, the answer is here. Only what the library has said about
 * exactly these bytes, from its initial state to the end of the message, is ever kept.
 */
#ifndef HRLOAD_MEMO_H
#define HRLOAD_MEMO_H

#include "http.h"

#include <string.h>

#define MEMO_WAYS  2u    /* with and without Connection: close */
#define MEMO_BYTES 2048u /* longer messages are parsed each time */

/* What a message was. */
union memo_said {
	struct http_request request;
	struct http_response response;
};

struct memo {
	uint32_t recent; /* the way that was right last */
	uint32_t len[MEMO_WAYS];
	union memo_said said[MEMO_WAYS];
	uint64_t hits;
	uint8_t bytes[MEMO_WAYS][MEMO_BYTES];
};

/*
 * The message that `data` begins with, or NULL; *taken is its length. One message cannot begin with
 * another whole one, so that there is no choice.
 */
static inline const union memo_said *memo_find(
	struct memo *m, const uint8_t *data, size_t len, size_t *taken)
{
	for (uint32_t i = 0; i < MEMO_WAYS; i++) {
		uint32_t way = m->recent ^ i;

		if (m->len[way] == 0 || m->len[way] > len ||
			memcmp(m->bytes[way], data, m->len[way]) != 0)
			continue;
		m->recent = way;
		m->hits++;
		*taken = m->len[way];
		return &m->said[way];
	}
	return NULL;
}

/* Keep what was said about a whole message, in place of the less recent one. */
static inline void memo_keep(
	struct memo *m, const uint8_t *data, size_t len, const union memo_said *said)
{
	if (len == 0 || len > MEMO_BYTES)
		return;
	m->recent ^= 1;
	m->len[m->recent] = (uint32_t)len;
	m->said[m->recent] = *said;
	memcpy(m->bytes[m->recent], data, len);
}

#endif
