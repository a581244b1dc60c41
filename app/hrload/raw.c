/* SPDX-License-Identifier: BSD-3-Clause */
/* The server role without HTTP: so many bytes are a request, whatever they are, and earn so many
 * bytes of the pattern. */
#include "server_conn.h"

/* FIN behind the last response of the connection, as with Connection: close. */
static void answer(struct server_conn *sc)
{
	const struct server *s = sc->worker->server;
	uint64_t small = s->response_size <= SMALL_BODY ? s->response_size : 0;

	sc->close = s->requests != 0 && ++sc->answered >= s->requests;
	stat_add(&sc->worker->stats.body_bytes, small);
	response_send(sc, s->pattern.bytes, small, s->response_size - small);
}

size_t raw_data(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct server_conn *sc = user;
	uint32_t size = sc->worker->server->request_size;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t done = 0;

		/* After our FIN whatever comes is read and dropped, so that it earns no RST. */
		while (done < s[i].len && !sc->lingering) {
			uint32_t left = s[i].len - done, need = size - sc->got;

			if (sc->busy)
				return total + done;
			if (left < need) {
				sc->got += left;
				break;
			}
			done += need;
			sc->got = 0;
			answer(sc);
		}
		total += s[i].len;
	}
	return total;
}
