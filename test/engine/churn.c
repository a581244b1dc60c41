/* SPDX-License-Identifier: BSD-3-Clause */
#include "churn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_assert.h"

#define REQUEST 64

/* The request begins with id and order; all other bytes follow from the id and their place. */
static uint8_t byte_at(uint32_t id, uint8_t side, uint32_t offset)
{
	return (uint8_t)(id * 31 + offset * 7 + (offset >> 8) + side * 101);
}

static struct churn_conn *slot_take(struct churn *c, unsigned side)
{
	struct churn_conn *s = c->free[side];

	assert_non_null(s);
	c->free[side] = s->next_free;
	c->used[side]++;
	memset(s, 0, sizeof(*s));
	s->churn = c;
	s->side = (uint8_t)side;
	return s;
}

static void slot_put(struct churn_conn *s)
{
	struct churn *c = s->churn;

	s->next_free = c->free[s->side];
	c->free[s->side] = s;
	c->used[s->side]--;
}

/* False: the pool is empty (only where the test says that it may be), and the connection was given
 * up. */
static bool send_all(struct hr_worker *w, struct churn_conn *s, const void *data, size_t len)
{
	int64_t n = hr_send(w, s->handle, data, len);

	if (n < 0)
		fail_msg("hr_send: %lld", (long long)n);
	if ((size_t)n == len)
		return true;
	assert_true(s->churn->poor);
	s->churn->short_sends++;
	assert_int_equal(hr_abort(w, s->handle), 0);
	return false;
}

static void send_request(struct hr_worker *w, struct churn_conn *s)
{
	uint8_t req[REQUEST];

	for (uint32_t i = 0; i < REQUEST; i++)
		req[i] = byte_at(s->id, PAIR_A, i);
	memcpy(req, &s->id, 4);
	req[4] = s->order;
	send_all(w, s, req, sizeof(req));
}

static void send_response(struct hr_worker *w, struct churn_conn *s)
{
	uint8_t buf[4096];
	uint32_t done = 0, n = s->churn->response;

	while (done < n) {
		uint32_t k = RTE_MIN(n - done, (uint32_t)sizeof(buf));

		for (uint32_t i = 0; i < k; i++)
			buf[i] = byte_at(s->id, PAIR_B, done + i);
		if (!send_all(w, s, buf, k))
			return;
		done += k;
	}
}

/* Bytes as they arrive; *header collects the first five of a request. */
static uint32_t check_bytes(
	struct churn_conn *s, const struct hr_slice *v, unsigned n, uint8_t *header)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		for (uint32_t k = 0; k < v[i].len; k++, total++) {
			uint32_t at = s->got + total;

			if (header != NULL && at < 5)
				header[at] = v[i].data[k];
			else if (v[i].data[k] !=
				 byte_at(s->id, header != NULL ? PAIR_A : PAIR_B, at))
				fail_msg("connection %u: byte %u is %u", s->id, at, v[i].data[k]);
			if (header != NULL && at == 4)
				memcpy(&s->id, header, 4);
		}
	}
	s->got += total;
	return total;
}

/* --- client --- */

static void start_more(struct churn *c);

static void client_open(struct hr_worker *w, hr_conn h, void *user)
{
	struct churn_conn *s = user;

	assert_false(s->opened | s->closed);
	assert_true(h == s->handle);
	s->opened = true;
	switch ((enum order)s->order) {
	case ORDER_MUTE:
		assert_int_equal(hr_close(w, h), 0);
		break;
	case ORDER_OPEN_ABORT:
		assert_int_equal(hr_abort(w, h), 0);
		break;
	case ORDER_HALF:
		send_request(w, s);
		assert_int_equal(hr_shutdown(w, h), 0);
		assert_int_equal(hr_send(w, h, "x", 1), -EPIPE);
		break;
	default:
		send_request(w, s);
	}
}

static size_t client_data(
	struct hr_worker *w, hr_conn h, void *user, const struct hr_slice *v, unsigned n)
{
	struct churn_conn *s = user;
	struct churn *c = s->churn;
	size_t taken;

	assert_true(s->opened && !s->closed && !s->eof && h == s->handle);
	taken = check_bytes(s, v, n, NULL);
	assert_true(s->got <= c->response);
	if (s->got < c->response)
		return taken;
	if (s->order == ORDER_CLIENT || s->order == ORDER_BOTH)
		assert_int_equal(hr_close(w, h), 0);
	if (s->order == ORDER_CLIENT_ABORT)
		assert_int_equal(hr_abort(w, h), 0);
	if (s->order == ORDER_BOTH) {
		/* The same thread steps all workers, and that one is between turns. */
		hr_conn peer = c->server_of[s->id];
		struct hr_worker *pw = pair_worker(c->p, PAIR_B, (unsigned)(peer >> 26 & 63));
		int rc = hr_close(pw, peer);

		assert_true(rc == 0 || rc == -ESTALE);
	}
	return taken;
}

static void client_eof(struct hr_worker *w, hr_conn h, void *user)
{
	struct churn_conn *s = user;

	assert_true(s->opened && !s->closed && !s->eof && h == s->handle);
	s->eof = true;
	assert_int_equal(s->got, s->churn->response);
	assert_int_equal(hr_close(w, h), 0);
}

static bool reset_expected(const struct churn_conn *s)
{
	return s->order == ORDER_CLIENT_ABORT || s->order == ORDER_SERVER_ABORT ||
	       s->order == ORDER_OPEN_ABORT;
}

static void client_close(struct hr_worker *w, hr_conn h, void *user, enum hr_reason reason)
{
	struct churn_conn *s = user;
	struct churn *c = s->churn;

	assert_false(s->closed);
	assert_true(h == s->handle);
	s->closed = true;
	c->reasons[PAIR_A][reason]++;
	c->ended++;
	if (!c->lossy && reason != HR_CLOSED && !reset_expected(s))
		fail_msg("client %u of order %u ended with reason %d", s->id, s->order, reason);
	if (reason == HR_CLOSED && s->order != ORDER_MUTE)
		assert_int_equal(s->got, c->response);
	slot_put(s);
	start_more(c);
}

static const struct hr_app client_app = {.on_open = client_open,
	.on_data = client_data,
	.on_eof = client_eof,
	.on_close = client_close};

static bool start_one(struct churn *c)
{
	struct churn_conn *s = slot_take(c, PAIR_A);
	struct hr_ip remote = pair_ip(PAIR_B, c->family, c->started % c->remotes);
	int rc;

	s->id = c->started;
	s->order = (uint8_t)(c->started % ORDER_COUNT);
	s->w = pair_worker(
		c->p, PAIR_A, c->started / ORDER_COUNT % hr_engine_workers(c->p->e[PAIR_A]));
	rc = hr_connect(s->w, &remote, CHURN_PORT, &client_app, s, NULL, &s->handle);
	if (rc < 0) {
		c->connect_errors++;
		slot_put(s);
		return false;
	}
	c->by_order[s->order]++;
	c->started++;
	return true;
}

static void start_more(struct churn *c)
{
	while (c->started < c->total && c->used[PAIR_A] < c->at_once)
		if (!start_one(c))
			return;
}

/* --- server --- */

static void server_open(struct hr_worker *w, hr_conn h, void *user)
{
	struct churn *c = user;
	struct churn_conn *s = slot_take(c, PAIR_B);

	s->w = w;
	s->handle = h;
	s->id = UINT32_MAX;
	s->opened = true;
	c->accepted++;
	assert_int_equal(hr_set_user(w, h, s), 0);
}

static size_t server_data(
	struct hr_worker *w, hr_conn h, void *user, const struct hr_slice *v, unsigned n)
{
	struct churn_conn *s = user;
	uint8_t header[5];
	size_t taken;

	assert_true(!s->closed && !s->eof && h == s->handle);
	assert_true(s->got == 0 && v[0].len >= sizeof(header));
	taken = check_bytes(s, v, n, header);
	assert_int_equal(s->got, REQUEST);
	s->order = header[4];
	s->churn->server_of[s->id] = h;
	switch ((enum order)s->order) {
	case ORDER_SERVER_ABORT:
		assert_int_equal(hr_abort(w, h), 0);
		break;
	case ORDER_HALF:
		break;
	case ORDER_SERVER:
		send_response(w, s);
		assert_int_equal(hr_close(w, h), 0);
		assert_int_equal(hr_send(w, h, "x", 1), -EPIPE);
		break;
	default:
		send_response(w, s);
	}
	return taken;
}

static void server_eof(struct hr_worker *w, hr_conn h, void *user)
{
	struct churn_conn *s = user;

	assert_true(!s->closed && !s->eof && h == s->handle);
	s->eof = true;
	if (s->id != UINT32_MAX && s->order == ORDER_HALF)
		send_response(w, s);
	assert_int_equal(hr_close(w, h), 0);
}

static void server_close(struct hr_worker *w, hr_conn h, void *user, enum hr_reason reason)
{
	struct churn_conn *s = user;
	struct churn *c = s->churn;

	assert_true(!s->closed && h == s->handle);
	s->closed = true;
	c->reasons[PAIR_B][reason]++;
	c->server_ended++;
	if (!c->lossy && reason != HR_CLOSED && s->id != UINT32_MAX && !reset_expected(s))
		fail_msg("server %u of order %u ended with reason %d", s->id, s->order, reason);
	slot_put(s);
}

static const struct hr_app server_app = {.on_open = server_open,
	.on_data = server_data,
	.on_eof = server_eof,
	.on_close = server_close};

/* --- control --- */

struct hr_tcp_params churn_params(void)
{
	struct hr_tcp_params p = hr_tcp_params_default;

	p.time_wait_ms = 2000;
	p.keepalive_ms = 5000;
	p.keepalive_interval_ms = 1000;
	return p;
}

void churn_start(struct churn *c, struct pair *p, uint32_t total, uint32_t at_once)
{
	c->p = p;
	c->total = total;
	c->at_once = at_once;
	if (c->response == 0)
		c->response = 300;
	if (c->family == 0)
		c->family = 4;
	if (c->remotes == 0)
		c->remotes = 1;
	/* A connection may end on A long before B knows. */
	c->n_slots = at_once * 8 + 4096;
	c->server_of = calloc(total + 1, sizeof(*c->server_of));
	for (unsigned side = 0; side < 2; side++) {
		c->slots[side] = calloc(c->n_slots, sizeof(struct churn_conn));
		assert_non_null(c->slots[side]);
		for (uint32_t i = 0; i < c->n_slots; i++) {
			c->slots[side][i].next_free = c->free[side];
			c->free[side] = &c->slots[side][i];
		}
	}
	assert_int_equal(hr_listen(p->e[PAIR_B], NULL, CHURN_PORT, &server_app, c, NULL), 0);
	start_more(c);
}

bool churn_done(void *arg)
{
	struct churn *c = arg;

	/* A connect that found no port or memory is tried again as others end. */
	if (c->used[PAIR_A] == 0)
		start_more(c);
	return c->ended == c->total && c->used[PAIR_B] == 0;
}

void churn_finish(struct churn *c, uint64_t limit_us)
{
	if (!pair_run(c->p, churn_done, c, limit_us))
		fail_msg("%u of %u started, %u ended, server: %u accepted, %u ended, %u open, "
			 "after %llu us",
			c->started, c->total, c->ended, c->accepted, c->server_ended,
			c->used[PAIR_B], (unsigned long long)c->p->now_us);
	assert_int_equal(c->started, c->total);
	assert_int_equal(c->accepted, c->server_ended);
	for (unsigned i = 0; i < hr_engine_workers(c->p->e[PAIR_B]); i++)
		assert_int_equal(
			hr_worker_unlisten(pair_worker(c->p, PAIR_B, i), NULL, CHURN_PORT), 0);
}

void churn_free(struct churn *c)
{
	free(c->slots[0]);
	free(c->slots[1]);
	free(c->server_of);
}
