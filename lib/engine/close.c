/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ending a connection from the application's side, and the small calls on a handle. No callback
 * runs in here: what the core answers goes to the ready stage. While on_data of the same connection
 * is running, close and abort wait for its return: the slices it looks at must stay, and what it is
 * about to consume is not unread.
 */
#include <errno.h>

#include "engine/worker.h"

int hr_shutdown(struct hr_worker *w, hr_conn h)
{
	struct conn *c = hr_conn_get(w, h);

	if (c == NULL)
		return -ESTALE;
	if (c->eflags & (EF_CLOSED | EF_ABORT_ASKED | EF_CLOSE_ASKED))
		return 0;
	hr_conn_events(w, c, hr_tcp_close(&w->tcp, &c->tcb, false, hr_worker_time(w)));
	return 0;
}

int hr_close(struct hr_worker *w, hr_conn h)
{
	struct conn *c = hr_conn_get(w, h);

	if (c == NULL)
		return -ESTALE;
	c->eflags |= EF_CLOSE_ASKED;
	if ((c->eflags & EF_IN_DATA) == 0)
		hr_close_asked(w, c);
	return 0;
}

int hr_abort(struct hr_worker *w, hr_conn h)
{
	struct conn *c = hr_conn_get(w, h);

	if (c == NULL)
		return -ESTALE;
	c->eflags |= EF_ABORT_ASKED;
	if ((c->eflags & EF_IN_DATA) == 0)
		hr_close_asked(w, c);
	return 0;
}

void hr_close_asked(struct hr_worker *w, struct conn *c)
{
	uint16_t asked = c->eflags & (EF_CLOSE_ASKED | EF_ABORT_ASKED);

	if (asked == 0)
		return;
	c->eflags &= (uint16_t)~asked;
	/* Closed in order already, and only unread bytes held on_close back: they are given up. */
	if ((c->eflags & EF_CLOSED) || (c->pending & TCP_EV_CLOSED)) {
		c->eflags |= EF_DEAF;
		if ((c->eflags & EF_DONE) == 0)
			hr_conn_ready(w, c, 0);
		return;
	}
	if (asked & EF_ABORT_ASKED) {
		c->eflags |= EF_DEAF;
		hr_conn_events(w, c, hr_tcp_abort(&w->tcp, &c->tcb, HR_ABORTED));
	} else if ((c->eflags & EF_DEAF) == 0) {
		c->eflags |= EF_DEAF;
		hr_conn_events(w, c, hr_tcp_close(&w->tcp, &c->tcb, true, hr_worker_time(w)));
	}
}

int hr_resume(struct hr_worker *w, hr_conn h)
{
	struct conn *c = hr_conn_get(w, h);

	if (c == NULL)
		return -ESTALE;
	if (c->eflags & EF_PAUSED) {
		c->eflags &= (uint16_t)~EF_PAUSED;
		hr_conn_ready(w, c, TCP_EV_DATA);
	}
	return 0;
}

int hr_set_user(struct hr_worker *w, hr_conn h, void *user)
{
	struct conn *c = hr_conn_get(w, h);

	if (c == NULL)
		return -ESTALE;
	c->user = user;
	return 0;
}

int hr_set_params(struct hr_worker *w, hr_conn h, const struct hr_tcp_params *params)
{
	struct conn *c = hr_conn_get(w, h);
	int rc;

	if (c == NULL)
		return -ESTALE;
	if (hr_tcp_params_check(params, NULL, 0) < 0)
		return -EINVAL;
	rc = hr_tcp_params_change(&w->tcp, &c->tcb, params);
	/* Nagle may let something go, and deadlines may be nearer than before. */
	if (!(c->eflags & EF_DONE))
		hr_conn_dirty(w, c);
	return rc;
}

int hr_conn_info(struct hr_worker *w, hr_conn h, struct hr_conn_info *info)
{
	struct conn *c = hr_conn_get(w, h);
	const struct hr_flow_key *k;

	if (c == NULL)
		return -ESTALE;
	memset(info, 0, sizeof(*info));
	k = &c->tcb.key;
	info->local = *hr_laddr(w->ip, k->laddr_id);
	info->remote.family = hr_key_is6(k) ? 6 : 4;
	memcpy(info->remote.b, k->raddr6, hr_key_is6(k) ? 16 : 4);
	info->local_port = k->lport;
	info->remote_port = k->rport;
	hr_tcp_info(&w->tcp, &c->tcb, info);
	return 0;
}
