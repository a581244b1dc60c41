/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets as names and states: socket() to close(), and the engine's callbacks. Descriptors are
 * real ones (of /dev/null), because packetdrill closes what is left with close(2). A connection
 * that the engine has accepted waits here for accept(); its bytes wait in the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "pd.h"

static int fail(int code)
{
	errno = code;
	return -1;
}

struct pd_sock *pd_sock_get(struct pd *pd, int fd)
{
	if (fd >= 0 && fd < PD_FDS && pd->sock[fd] != NULL)
		return pd->sock[fd];
	errno = fd >= 0 && fcntl(fd, F_GETFD) >= 0 ? ENOTSOCK : EBADF;
	return NULL;
}

static int fd_new(struct pd *pd, struct pd_sock *s)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fd >= PD_FDS) {
		pd_sys_close(fd);
		return fail(EMFILE);
	}
	pd->sock[fd] = s;
	s->fd = fd;
	return fd;
}

static struct pd_sock *sock_new(struct pd *pd, int domain)
{
	struct pd_sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = -1;
	s->domain = domain;
	s->urgent_at = PD_NEVER;
	s->held_until_us = PD_NEVER;
	pd_sysctl_params(&s->params);
	s->sndbuf = (int)s->params.snd_buf_bytes;
	s->rcvbuf = (int)s->params.rcv_buf_bytes;
	s->next = pd->all;
	pd->all = s;
	return s;
}

static void sock_free(struct pd *pd, struct pd_sock *s)
{
	struct pd_sock **p = &pd->all;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	free(s->held);
	free(s);
}

void pd_sock_free_all(struct pd *pd)
{
	while (pd->all != NULL)
		sock_free(pd, pd->all);
}

/* --- addresses */

static int addr_get(
	const struct sockaddr *addr, socklen_t len, struct hr_ip *ip, uint16_t *port, int domain)
{
	memset(ip, 0, sizeof(*ip));
	if (len < sizeof(addr->sa_family) || (addr->sa_family != domain))
		return fail(addr->sa_family == AF_UNSPEC ? EINVAL : EAFNOSUPPORT);
	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

		ip->family = in->sin_addr.s_addr == INADDR_ANY ? 0 : 4;
		ip->v4 = in->sin_addr.s_addr;
		*port = ntohs(in->sin_port);
		return 0;
	}
	if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)addr;

		*port = ntohs(in->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
			ip->family = 4;
			memcpy(ip->b, in->sin6_addr.s6_addr + 12, 4);
		} else {
			ip->family = IN6_IS_ADDR_UNSPECIFIED(&in->sin6_addr) ? 0 : 6;
			memcpy(ip->b, in->sin6_addr.s6_addr, 16);
		}
		return 0;
	}
	return fail(EINVAL);
}

void pd_addr_put(
	const struct hr_ip *ip, uint16_t port, int domain, struct sockaddr *addr, socklen_t *len)
{
	if (addr == NULL || len == NULL)
		return;
	if (domain == AF_INET6) {
		struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

		if (ip->family == 4) {
			memset(in.sin6_addr.s6_addr + 10, 0xff, 2);
			memcpy(in.sin6_addr.s6_addr + 12, ip->b, 4);
		} else {
			memcpy(in.sin6_addr.s6_addr, ip->b, 16);
		}
		memcpy(addr, &in, *len < sizeof(in) ? *len : sizeof(in));
		*len = sizeof(in);
	} else {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

		in.sin_addr.s_addr = ip->v4;
		memcpy(addr, &in, *len < sizeof(in) ? *len : sizeof(in));
		*len = sizeof(in);
	}
}

/* --- what the engine tells */

static int errno_of(enum hr_reason reason)
{
	switch (reason) {
	case HR_RESET:
		return ECONNRESET;
	case HR_REFUSED:
		return ECONNREFUSED;
	case HR_TIMEOUT:
	case HR_KEEPALIVE:
		return ETIMEDOUT;
	case HR_UNREACHABLE:
		return EHOSTUNREACH;
	case HR_NO_MEMORY:
		return ENOMEM;
	default:
		return 0;
	}
}

/* What a new connection has from its listener. */
static struct pd_sock *inherit(struct pd *pd, const struct pd_sock *l, hr_conn c)
{
	struct pd_sock *s = sock_new(pd, l->domain);
	struct hr_conn_info info;

	if (s == NULL)
		return NULL;
	s->params = l->params;
	s->sndbuf = l->sndbuf;
	s->rcvbuf = l->rcvbuf;
	s->linger = l->linger;
	s->keepalive = l->keepalive;
	s->keep_idle_s = l->keep_idle_s;
	s->notsent_lowat = l->notsent_lowat;
	s->inq = l->inq;
	s->oob_inline = l->oob_inline;
	s->zerocopy = l->zerocopy;
	s->cork = l->cork;
	s->tos = l->tos;
	s->conn = c;
	s->state = PD_OPEN;
	s->last_data_us = pd->now_us;
	if (hr_conn_info(pd->worker, c, &info) == 0) {
		s->local = info.local;
		s->local_port = info.local_port;
		s->remote = info.remote;
		s->remote_port = info.remote_port;
	}
	return s;
}

static void on_accepted(struct hr_worker *w, hr_conn c, void *user)
{
	struct pd *pd = pd_instance();
	struct pd_sock *l = user, *s = inherit(pd, l, c);

	if (s == NULL) {
		(void)hr_abort(w, c);
		return;
	}
	s->listener = l;
	if (l->queue_head == NULL)
		l->queue_head = s;
	else
		l->queue_tail->queue_next = s;
	l->queue_tail = s;
	l->edges++;
	(void)hr_set_user(w, c, s);
}

static void on_connected(struct hr_worker *w, hr_conn c, void *user)
{
	struct pd_sock *s = user;

	s->state = PD_OPEN;
	s->last_data_us = pd_instance()->now_us;
	s->edges++;
}

static void on_writable(struct hr_worker *w, hr_conn c, void *user)
{
}

static void on_eof(struct hr_worker *w, hr_conn c, void *user)
{
	struct pd_sock *s = user;

	s->eof = true;
	s->edges++;
}

static void on_urgent(struct hr_worker *w, hr_conn c, void *user, uint32_t ahead)
{
	struct pd_sock *s = user;

	/* The mark is after the urgent byte. */
	if (ahead > 0) {
		s->urgent_at = s->read_total + ahead - 1;
		s->urgent_taken = false;
		s->edges++;
	}
}

static void on_close(struct hr_worker *w, hr_conn c, void *user, enum hr_reason reason)
{
	struct pd_sock *s = user;
	bool reset_while_connecting = s->state == PD_CONNECTING && reason == HR_RESET;

	s->state = PD_OVER;
	s->eof = true;
	s->error = reset_while_connecting ? ECONNREFUSED : errno_of(reason);
	s->edges++;
	/* Nobody has the descriptor any more, or nobody ever got one. */
	if (s->fd < 0 && s->listener == NULL)
		sock_free(pd_instance(), s);
}

static const struct hr_app app_accepted = {
	.on_open = on_accepted,
	.on_data = pd_on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_urgent = on_urgent,
};
static const struct hr_app app_connected = {
	.on_open = on_connected,
	.on_data = pd_on_data,
	.on_writable = on_writable,
	.on_eof = on_eof,
	.on_close = on_close,
	.on_urgent = on_urgent,
};

/* --- calls */

int pd_socket(struct pd *pd, int domain, int type, int protocol)
{
	struct pd_sock *s;

	if (domain != AF_INET && domain != AF_INET6)
		return fail(EAFNOSUPPORT);
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM ||
		(protocol != 0 && protocol != IPPROTO_TCP))
		return fail(EPROTONOSUPPORT);
	s = sock_new(pd, domain);
	if (s == NULL)
		return fail(ENOMEM);
	s->nonblock = (type & SOCK_NONBLOCK) != 0;
	return fd_new(pd, s);
}

int pd_bind(struct pd *pd, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	struct hr_ip ip;
	uint16_t port;

	if (s == NULL || addr_get(addr, len, &ip, &port, s->domain) < 0)
		return -1;
	if (s->state != PD_FRESH || s->local_port != 0)
		return fail(EINVAL);
	s->local = ip;
	s->local_port = port;
	return 0;
}

static int listen_now(struct pd *pd, struct pd_sock *s)
{
	int rc = hr_worker_listen(
		pd->worker, &s->local, s->local_port, &app_accepted, s, &s->params);

	return rc < 0 ? fail(rc == -ENOSPC ? ENOMEM : -rc) : 0;
}

int pd_listen(struct pd *pd, int fd, int backlog)
{
	struct pd_sock *s = pd_sock_get(pd, fd);

	if (s == NULL)
		return -1;
	if (s->state != PD_FRESH && s->state != PD_LISTENING)
		return fail(EINVAL);
	s->backlog = backlog;
	if (s->state == PD_LISTENING)
		return 0;
	if (listen_now(pd, s) < 0)
		return -1;
	s->state = PD_LISTENING;
	return 0;
}

void pd_sock_apply(struct pd *pd, struct pd_sock *s)
{
	if (s->state == PD_LISTENING) {
		(void)hr_worker_unlisten(pd->worker, &s->local, s->local_port);
		(void)listen_now(pd, s);
	} else if (s->state == PD_CONNECTING || s->state == PD_OPEN) {
		(void)hr_set_params(pd->worker, s->conn, &s->params);
		pd_time_settle(pd);
	}
}

static bool can_accept(void *arg)
{
	const struct pd_sock *s = arg;

	return s->queue_head != NULL || s->state != PD_LISTENING;
}

int pd_accept(struct pd *pd, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct pd_sock *l = pd_sock_get(pd, fd), *s;

	if (l == NULL)
		return -1;
	if (l->state != PD_LISTENING)
		return fail(EINVAL);
	if (l->queue_head == NULL && l->nonblock)
		return fail(EAGAIN);
	if (!pd_time_wait(pd, can_accept, l, PD_NEVER) || l->queue_head == NULL)
		return fail(l->state == PD_LISTENING ? EAGAIN : EINVAL);
	s = l->queue_head;
	l->queue_head = s->queue_next;
	s->queue_next = NULL;
	s->listener = NULL;
	if (s->error != 0 && s->state == PD_OVER && s->error != ECONNRESET) {
		int code = s->error;

		sock_free(pd, s);
		return fail(code);
	}
	pd_addr_put(&s->remote, s->remote_port, s->domain, addr, len);
	return fd_new(pd, s);
}

static bool is_connected(void *arg)
{
	return ((const struct pd_sock *)arg)->state != PD_CONNECTING;
}

static int connect_start(
	struct pd *pd, struct pd_sock *s, const struct sockaddr *addr, socklen_t len)
{
	struct hr_connect_opts o = {.params = &s->params};
	int rc;

	if (addr_get(addr, len, &s->remote, &s->remote_port, s->domain) < 0)
		return -1;
	o.local = s->local;
	o.local_port = s->local_port;
	rc = hr_connect(pd->worker, &s->remote, s->remote_port, &app_connected, s, &o, &s->conn);
	if (rc < 0)
		return fail(rc == -EINVAL ? ENETUNREACH : -rc);
	s->state = PD_CONNECTING;
	pd_time_settle(pd);
	return 0;
}

/* connect() to AF_UNSPEC: forget the connection, keep the socket. */
static int disconnect(struct pd *pd, struct pd_sock *s)
{
	if (s->state == PD_CONNECTING || s->state == PD_OPEN) {
		(void)hr_abort(pd->worker, s->conn);
		pd_time_settle(pd);
	}
	s->state = PD_FRESH;
	s->error = 0;
	s->eof = s->read_shut = s->write_shut = s->connected_told = false;
	s->read_total = s->seen_total = 0;
	return 0;
}

int pd_connect(struct pd *pd, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	int code;

	if (s == NULL)
		return -1;
	if (addr != NULL && addr->sa_family == AF_UNSPEC)
		return disconnect(pd, s);
	switch (s->state) {
	case PD_FRESH:
		if (connect_start(pd, s, addr, len) < 0)
			return -1;
		if (s->nonblock && s->state == PD_CONNECTING)
			return fail(EINPROGRESS);
		break;
	case PD_CONNECTING:
		if (s->nonblock)
			return fail(EALREADY);
		break;
	case PD_OPEN:
		if (s->connected_told || !s->nonblock)
			return fail(EISCONN);
		break;
	case PD_LISTENING:
		return fail(EISCONN);
	case PD_OVER:
		break;
	}
	if (!pd_time_wait(pd, is_connected, s, PD_NEVER))
		return fail(ETIMEDOUT);
	s->connected_told = true;
	code = s->error;
	s->error = 0;
	if (code == 0 && s->state == PD_OVER)
		code = ECONNABORTED;
	if (code != 0)
		s->state = PD_FRESH;
	return code != 0 ? fail(code) : 0;
}

int pd_shutdown(struct pd *pd, int fd, int how)
{
	struct pd_sock *s = pd_sock_get(pd, fd);

	if (s == NULL)
		return -1;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return fail(EINVAL);
	if (s->state != PD_OPEN)
		return fail(ENOTCONN);
	if (how != SHUT_WR)
		s->read_shut = true;
	if (how != SHUT_RD && !s->write_shut) {
		pd_uncork(pd, s);
		s->write_shut = true;
		(void)hr_shutdown(pd->worker, s->conn);
	}
	s->edges++;
	pd_time_settle(pd);
	return 0;
}

static bool is_over(void *arg)
{
	const struct pd_sock *s = arg;

	return s->state != PD_OPEN;
}

static void close_listener(struct pd *pd, struct pd_sock *s)
{
	(void)hr_worker_unlisten(pd->worker, &s->local, s->local_port);
	while (s->queue_head != NULL) {
		struct pd_sock *c = s->queue_head;

		s->queue_head = c->queue_next;
		c->listener = NULL;
		if (c->state == PD_OPEN)
			(void)hr_abort(pd->worker, c->conn);
		else
			sock_free(pd, c);
	}
	sock_free(pd, s);
}

int pd_close(struct pd *pd, int fd)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	bool lingering;

	if (s == NULL)
		return -1;
	pd->sock[fd] = NULL;
	pd_sys_close(fd);
	pd_epoll_forget(pd, s);
	lingering = s->linger.l_onoff && s->linger.l_linger > 0 && !s->nonblock;
	switch (s->state) {
	case PD_FRESH:
	case PD_OVER:
		sock_free(pd, s);
		break;
	case PD_LISTENING:
		close_listener(pd, s);
		break;
	case PD_CONNECTING:
		s->fd = -1;
		(void)hr_abort(pd->worker, s->conn);
		break;
	case PD_OPEN:
		pd_uncork(pd, s);
		if (s->linger.l_onoff && s->linger.l_linger == 0)
			(void)hr_abort(pd->worker, s->conn);
		else
			(void)hr_close(pd->worker, s->conn);
		pd_time_settle(pd);
		if (lingering)
			(void)pd_time_wait(pd, is_over, s,
				pd->now_us + (uint64_t)s->linger.l_linger * 1000000);
		s->fd = -1;
		if (s->state == PD_OVER)
			sock_free(pd, s);
		break;
	}
	pd_time_settle(pd);
	return 0;
}

void pd_sock_look(struct pd *pd)
{
	for (struct pd_sock *s = pd->all; s != NULL; s = s->next) {
		uint64_t total;

		if (s->state != PD_OPEN)
			continue;
		total = s->read_total + pd_unread(pd, s);
		if (total > s->seen_total) {
			s->seen_total = total;
			s->last_data_us = pd->now_us;
			s->edges++;
		}
		if (s->nospace && pd_write_room(pd, s)) {
			s->nospace = false;
			s->edges++;
		}
		if (s->held_len > 0 && s->held_until_us <= pd->now_us)
			pd_uncork(pd, s);
	}
}
