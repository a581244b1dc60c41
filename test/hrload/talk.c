/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that writes raw bytes; see talk.h. */
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void talk_open(struct hr_worker *w, hr_conn c, void *user)
{
	((struct talk *)user)->open = true;
}

static size_t talk_data(
	struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *s, unsigned n)
{
	struct talk *t = user;
	size_t most = t->slow ? 1000 : SIZE_MAX, total = 0;

	for (unsigned i = 0; i < n && most > 0; i++) {
		size_t k = s[i].len < most ? s[i].len : most;

		assert_true(t->heard_len + k <= ANSWER_MAX);
		memcpy(t->heard + t->heard_len, s[i].data, k);
		t->heard_len += k;
		most -= k;
		total += k;
	}
	return total;
}

static void talk_eof(struct hr_worker *w, hr_conn c, void *user)
{
	((struct talk *)user)->eof = true;
	hr_close(w, c);
}

static void talk_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	((struct talk *)user)->closed = true;
	((struct talk *)user)->reason = reason;
}

static const struct hr_app talk_app = {
	.on_open = talk_open, .on_data = talk_data, .on_eof = talk_eof, .on_close = talk_close};

void talk_start(struct world *wd, struct talk *t, const char *say)
{
	t->say = say;
	if (t->len == 0)
		t->len = strlen(say);
	if (t->piece == 0)
		t->piece = t->len;
	t->heard = malloc(ANSWER_MAX + 1);
	assert_non_null(t->heard);
	assert_int_equal(hr_connect(wd->w[CLIENT], &wd->cfg.target, wd->cfg.target_port, &talk_app,
				 t, NULL, &t->c),
		0);
}

void talk_step(struct world *wd, struct talk *t)
{
	struct hr_worker *w = wd->w[CLIENT];

	world_turn(wd);
	if (!t->open || t->closed)
		return;
	if (t->said < t->len) {
		size_t n = t->dice != NULL ? 1 + roll(t->dice, 2 * t->piece) : t->piece;
		int64_t sent;

		if (n > t->len - t->said)
			n = t->len - t->said;
		sent = hr_send(w, t->c, t->say + t->said, n);

		if (sent > 0)
			t->said += (size_t)sent;
		if (t->said == t->len && t->half_close)
			hr_shutdown(w, t->c);
	}
	if (t->slow)
		hr_resume(w, t->c);
}

/* Say it, and hear the answer to the end of the connection. */
void converse(struct world *wd, struct talk *t, const char *say)
{
	talk_start(wd, t, say);
	for (unsigned i = 0; i < TURNS_MAX && !t->closed; i++)
		talk_step(wd, t);
	assert_true(t->closed);
	t->heard[t->heard_len] = '\0';
}
