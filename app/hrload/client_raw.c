/* SPDX-License-Identifier: BSD-3-Clause */
/* The client role without HTTP: requests and responses are so many bytes of the pattern, and each
 * byte of a response is compared with it. */
#include "client_worker.h"

void client_raw_push(struct client_conn *cc)
{
	const struct client *cl = cc->worker->client;
	int64_t n = 1;

	while (cc->request_off < cl->request_size && n > 0) {
		uint32_t len = cl->request_size - cc->request_off;

		if (len > PATTERN_CHUNK)
			len = PATTERN_CHUNK;
		n = hr_send(cc->worker->w, cc->c,
			cl->pattern.bytes + cc->request_off % PATTERN_PERIOD, len);
		if (n > 0)
			cc->request_off += (uint32_t)n;
	}
}

/* One slice. */
static void take(struct client_conn *cc, const uint8_t *data, uint32_t len)
{
	const struct client *cl = cc->worker->client;

	if (!cc->waiting || len > cl->body_len - cc->body_bytes) {
		client_fail(cc, ERR_response_size);
		return;
	}
	if (!pattern_equal(&cl->pattern, cc->body_bytes, data, len)) {
		client_fail(cc, ERR_wrong_body);
		return;
	}
	cc->body_bytes += len;
	if (cc->body_bytes < cl->body_len)
		return;
	cc->waiting = cc->got_byte = false;
	cc->keep = !cc->last || cl->keepalive;
	client_done(cc, ERR_NONE);
}

size_t client_raw_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct client_conn *cc = user;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		total += s[i].len;
		if (cc->error != ERR_NONE || cc->ended)
			continue;
		if (!cc->got_byte && cc->waiting)
			client_first_byte(cc);
		take(cc, s[i].data, s[i].len);
	}
	return total;
}
