/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness: poll() and epoll, level- and edge-triggered. An edge is something that happened to a
 * socket (pd_sock.edges counts them), whether or not the application had seen the last one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "pd.h"

static int fail(int code)
{
	errno = code;
	return -1;
}

uint32_t pd_events(struct pd *pd, struct pd_sock *s)
{
	uint32_t e = 0;

	switch (s->state) {
	case PD_FRESH:
		return EPOLLOUT | EPOLLHUP;
	case PD_LISTENING:
		return s->queue_head != NULL ? EPOLLIN | EPOLLRDNORM : 0;
	case PD_CONNECTING:
		return 0;
	case PD_OVER:
		e = EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLRDHUP;
		return s->error != 0 ? e | EPOLLERR : e;
	case PD_OPEN:
		break;
	}
	if (pd_unread(pd, s) > 0 || s->eof || s->read_shut)
		e |= EPOLLIN | EPOLLRDNORM;
	if (s->eof || s->read_shut)
		e |= EPOLLRDHUP;
	if (s->eof && s->write_shut)
		e |= EPOLLHUP;
	if (s->urgent_at != PD_NEVER && s->urgent_at >= s->read_total)
		e |= EPOLLPRI;
	if (s->write_shut || pd_write_room(pd, s))
		e |= EPOLLOUT | EPOLLWRNORM;
	else
		s->nospace = true;
	return e;
}

static uint64_t until(const struct pd *pd, int timeout_ms)
{
	return timeout_ms < 0 ? PD_NEVER : pd->now_us + (uint64_t)timeout_ms * 1000;
}

struct poll_wait {
	struct pd *pd;
	struct pollfd *fds;
	nfds_t n;
	int found;
};

static bool poll_look(void *arg)
{
	struct poll_wait *w = arg;

	w->found = 0;
	for (nfds_t i = 0; i < w->n; i++) {
		struct pollfd *f = &w->fds[i];
		struct pd_sock *s;

		f->revents = 0;
		if (f->fd < 0)
			continue;
		s = pd_sock_get(w->pd, f->fd);
		if (s == NULL)
			f->revents = POLLNVAL;
		else
			f->revents = (short)(pd_events(w->pd, s) &
					     ((uint16_t)f->events | POLLERR | POLLHUP));
		w->found += f->revents != 0;
	}
	return w->found > 0;
}

int pd_poll(struct pd *pd, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct poll_wait w = {pd, fds, n, 0};

	if (!poll_look(&w) && timeout_ms != 0)
		(void)pd_time_wait(pd, poll_look, &w, until(pd, timeout_ms));
	return w.found;
}

/* --- epoll */

static struct pd_epoll *epoll_get(struct pd *pd, int fd)
{
	if (fd >= 0 && fd < PD_FDS && pd->epoll[fd] != NULL)
		return pd->epoll[fd];
	errno = EINVAL;
	return NULL;
}

int pd_epoll_create(struct pd *pd)
{
	struct pd_epoll *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return fail(ENOMEM);
	e->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (e->fd < 0 || e->fd >= PD_FDS) {
		free(e);
		return fail(EMFILE);
	}
	pd->epoll[e->fd] = e;
	return e->fd;
}

static void watch_remove(struct pd_epoll *e, const struct pd_sock *s)
{
	for (struct pd_watch **p = &e->watches; *p != NULL; p = &(*p)->next) {
		if ((*p)->s == s) {
			struct pd_watch *dead = *p;

			*p = dead->next;
			free(dead);
			return;
		}
	}
}

void pd_epoll_forget(struct pd *pd, const struct pd_sock *s)
{
	for (unsigned i = 0; i < PD_FDS; i++)
		if (pd->epoll[i] != NULL)
			watch_remove(pd->epoll[i], s);
}

void pd_epoll_close(struct pd *pd, int fd)
{
	struct pd_epoll *e = pd->epoll[fd];

	while (e->watches != NULL)
		watch_remove(e, e->watches->s);
	pd->epoll[fd] = NULL;
	free(e);
}

int pd_epoll_ctl(struct pd *pd, int epfd, int op, int fd, const struct epoll_event *event)
{
	struct pd_epoll *e = epoll_get(pd, epfd);
	struct pd_sock *s = pd_sock_get(pd, fd);
	struct pd_watch *w;

	if (e == NULL || s == NULL)
		return -1;
	for (w = e->watches; w != NULL && w->s != s;)
		w = w->next;
	if (op == EPOLL_CTL_ADD) {
		if (w != NULL)
			return fail(EEXIST);
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return fail(ENOMEM);
		*w = (struct pd_watch){.next = e->watches, .s = s, .event = *event};
		e->watches = w;
		return 0;
	}
	if (w == NULL)
		return fail(ENOENT);
	if (op == EPOLL_CTL_DEL) {
		watch_remove(e, s);
		return 0;
	}
	w->event = *event;
	w->told = w->spent = false;
	return 0;
}

struct epoll_look {
	struct pd *pd;
	struct pd_epoll *e;
	struct epoll_event *events;
	int n;
};

/* With take, the edges that are told are used up. */
static int look(struct epoll_look *l, bool take)
{
	int found = 0;

	for (struct pd_watch *w = l->e->watches; w != NULL && found < l->n; w = w->next) {
		uint32_t now = pd_events(l->pd, w->s) & (w->event.events | EPOLLERR | EPOLLHUP);

		if (now == 0 || w->spent)
			continue;
		if ((w->event.events & EPOLLET) && w->told && w->edges == w->s->edges)
			continue;
		found++;
		if (!take)
			continue;
		w->told = true;
		w->edges = w->s->edges;
		w->spent = (w->event.events & EPOLLONESHOT) != 0;
		l->events[found - 1].events = now;
		l->events[found - 1].data = w->event.data;
	}
	return found;
}

static bool has_news(void *arg)
{
	return look(arg, false) > 0;
}

int pd_epoll_wait(struct pd *pd, int epfd, struct epoll_event *events, int n, int timeout_ms)
{
	struct pd_epoll *e = epoll_get(pd, epfd);
	struct epoll_look l = {pd, e, events, n};

	if (e == NULL)
		return -1;
	if (n <= 0)
		return fail(EINVAL);
	if (timeout_ms != 0)
		(void)pd_time_wait(pd, has_news, &l, until(pd, timeout_ms));
	return look(&l, true);
}
