/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "test_assert.h"

static void note(struct sink *s, char what)
{
	size_t n = strlen(s->log);

	/* Runs of data and room count once. */
	if (n + 1 < sizeof(s->log) && (n == 0 || s->log[n - 1] != what))
		s->log[n] = what;
}

void sink_init(struct sink *s)
{
	memset(s, 0, sizeof(*s));
	s->take = SIZE_MAX;
}

void sink_free(struct sink *s)
{
	free(s->data);
}

uint8_t *sink_pattern(size_t n, uint32_t seed)
{
	uint8_t *p = malloc(n + 8);
	struct hr_rng r;

	assert_non_null(p);
	hr_rng_seed(&r, seed);
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = hr_rng_u64(&r);

		memcpy(p + i, &v, 8);
	}
	return p;
}

void sink_push(struct sink *s)
{
	while (s->out_done < s->out_len) {
		size_t left = s->out_len - s->out_done;
		int64_t n = s->pull ? hr_send_pull(s->w, s->c, left)
				    : hr_send(s->w, s->c, s->out + s->out_done, left);

		assert_true(n >= 0);
		if (n == 0)
			return;
		s->out_done += (size_t)n;
		if ((size_t)n < left)
			return;
	}
	if (s->close_when_sent)
		assert_int_equal(hr_close(s->w, s->c), 0);
	else if (s->shutdown_when_sent)
		assert_int_equal(hr_shutdown(s->w, s->c), 0);
	s->close_when_sent = s->shutdown_when_sent = false;
}

static void on_open(struct hr_worker *w, hr_conn c, void *user)
{
	struct sink *s = user;

	assert_int_equal(s->opens + s->closes, 0);
	s->w = w;
	s->c = c;
	s->opens++;
	note(s, 'o');
	if (s->out_len > 0)
		sink_push(s);
}

static void keep(struct sink *s, const uint8_t *data, size_t len)
{
	if (s->len + len > s->size) {
		s->size = (s->len + len) * 2;
		s->data = realloc(s->data, s->size);
		assert_non_null(s->data);
	}
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

static size_t on_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	struct sink *s = user;
	size_t taken = 0;

	assert_true(s->opens == 1 && s->closes == 0 && s->eofs == 0 && c == s->c);
	s->datas++;
	note(s, 'd');
	for (unsigned i = 0; i < n && taken < s->take; i++) {
		size_t k = RTE_MIN((size_t)v[i].len, s->take - taken);

		if (s->echo) {
			int64_t sent = hr_send(w, c, v[i].data, k);

			assert_true(sent >= 0);
			keep(s, v[i].data, (size_t)sent);
			taken += (size_t)sent;
			if ((size_t)sent < k)
				break;
		} else {
			keep(s, v[i].data, k);
			taken += k;
		}
	}
	return taken;
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
	struct sink *s = user;

	assert_true(s->opens == 1 && s->closes == 0 && c == s->c);
	s->writables++;
	note(s, 'w');
	if (s->echo)
		assert_int_equal(hr_resume(w, c), 0);
	else
		sink_push(s);
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct sink *s = user;

	assert_true(s->opens == 1 && s->closes == 0 && s->eofs == 0 && c == s->c);
	s->eofs++;
	note(s, 'e');
	if (s->close_at_eof)
		assert_int_equal(hr_close(w, c), 0);
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct sink *s = user;
	struct hr_conn_info info;

	assert_int_equal(s->closes, 0);
	s->closes++;
	note(s, 'c');
	s->reason = reason;
	/* The handle is good to the end, and nothing brings the connection back. */
	assert_int_equal(hr_conn_info(w, c, &info), 0);
	assert_int_equal(hr_send(w, c, "x", 1), -EPIPE);
	assert_int_equal(hr_close(w, c), 0);
	assert_int_equal(hr_abort(w, c), 0);
	assert_int_equal(hr_resume(w, c), 0);
}

static void on_pull(hr_conn c, void *user, uint64_t offset, uint8_t *buf, uint32_t len)
{
	const struct sink *s = user;

	assert_true(offset + len <= s->out_len);
	memcpy(buf, s->out + offset, len);
}

static void on_urgent(struct hr_worker *w, hr_conn c, void *user, uint32_t ahead)
{
	struct sink *s = user;

	s->urgents++;
	s->urgent_ahead = ahead;
	note(s, 'u');
}

const struct hr_app sink_app = {.on_open = on_open,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_pull = on_pull,
	.on_urgent = on_urgent};

int sink_join(struct pair *p, unsigned family, struct sink *client, struct sink *server,
	const struct hr_tcp_params *params)
{
	struct hr_ip remote = pair_ip(PAIR_B, family, 0);
	struct hr_connect_opts o = {.params = params};
	int rc = hr_listen(p->e[PAIR_B], NULL, SINK_PORT, &sink_app, server, params);

	if (rc < 0)
		return rc;
	client->w = pair_worker(p, PAIR_A, 0);
	return hr_connect(client->w, &remote, SINK_PORT, &sink_app, client, &o, &client->c);
}

bool sink_both_closed(void *two)
{
	struct sink **s = two;

	return s[0]->closes == 1 && s[1]->closes == 1;
}

bool sink_closed(void *sink)
{
	return ((struct sink *)sink)->closes == 1;
}
