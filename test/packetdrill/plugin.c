/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared object's entry: fills packetdrill's table with functions that take the lock, count as
 * "something else than reading the clock", and pass on to the socket layer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pd.h"
#include "table.h"

static struct pd *instance; /* packetdrill has one, and libc's functions have no userdata */

struct pd *pd_instance(void)
{
	return instance;
}

static struct pd *enter(void *u)
{
	struct pd *pd = u;

	pthread_mutex_lock(&pd->lock);
	pd->clock_reads = 0;
	return pd;
}

#define LEAVE(pd, type, value)                                                                     \
	do {                                                                                       \
		type rc_ = (value);                                                                \
		int errno_ = errno;                                                                \
		pthread_mutex_unlock(&(pd)->lock);                                                 \
		errno = errno_;                                                                    \
		return rc_;                                                                        \
	} while (0)

static int t_socket(void *u, int domain, int type, int protocol)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_socket(pd, domain, type, protocol));
}

static int t_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_bind(pd, fd, addr, len));
}

static int t_listen(void *u, int fd, int backlog)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_listen(pd, fd, backlog));
}

static int t_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_accept(pd, fd, addr, len));
}

static int t_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_connect(pd, fd, addr, len));
}

static ssize_t receive(void *u, int fd, const struct iovec *iov, size_t n, int flags,
	struct sockaddr *addr, socklen_t *len)
{
	struct pd *pd = enter(u);
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = n,
		.msg_name = len != NULL ? addr : NULL,
		.msg_namelen = len != NULL ? *len : 0};
	ssize_t rc = pd_recv(pd, fd, &msg, flags);

	if (len != NULL)
		*len = msg.msg_namelen;
	LEAVE(pd, ssize_t, rc);
}

static ssize_t transmit(void *u, int fd, const struct iovec *iov, size_t n, int flags)
{
	struct pd *pd = enter(u);
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};

	LEAVE(pd, ssize_t, pd_send(pd, fd, &msg, flags));
}

static ssize_t t_read(void *u, int fd, void *buf, size_t n)
{
	return receive(u, fd, &(struct iovec){buf, n}, 1, 0, NULL, NULL);
}

static ssize_t t_readv(void *u, int fd, const struct iovec *iov, int n)
{
	return receive(u, fd, iov, (size_t)n, 0, NULL, NULL);
}

static ssize_t t_recv(void *u, int fd, void *buf, size_t n, int flags)
{
	return receive(u, fd, &(struct iovec){buf, n}, 1, flags, NULL, NULL);
}

static ssize_t t_recvfrom(
	void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
	return receive(u, fd, &(struct iovec){buf, n}, 1, flags, addr, len);
}

static ssize_t t_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
	struct pd *pd = enter(u);

	LEAVE(pd, ssize_t, pd_recv(pd, fd, msg, flags));
}

static ssize_t t_write(void *u, int fd, const void *buf, size_t n)
{
	return transmit(u, fd, &(struct iovec){(void *)(uintptr_t)buf, n}, 1, 0);
}

static ssize_t t_writev(void *u, int fd, const struct iovec *iov, int n)
{
	return transmit(u, fd, iov, (size_t)n, 0);
}

static ssize_t t_send(void *u, int fd, const void *buf, size_t n, int flags)
{
	return transmit(u, fd, &(struct iovec){(void *)(uintptr_t)buf, n}, 1, flags);
}

static ssize_t t_sendto(void *u, int fd, const void *buf, size_t n, int flags,
	const struct sockaddr *addr, socklen_t len)
{
	return transmit(u, fd, &(struct iovec){(void *)(uintptr_t)buf, n}, 1, flags);
}

static ssize_t t_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
	struct pd *pd = enter(u);

	LEAVE(pd, ssize_t, pd_send(pd, fd, msg, flags));
}

static int t_fcntl(void *u, int fd, int cmd, ...)
{
	struct pd *pd = enter(u);
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	LEAVE(pd, int, pd_fcntl(pd, fd, cmd, arg));
}

static int t_ioctl(void *u, int fd, unsigned long request, ...)
{
	struct pd *pd = enter(u);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	LEAVE(pd, int, pd_ioctl(pd, fd, request, arg));
}

static int t_close(void *u, int fd)
{
	return close(fd); /* libc.c's, as in packetdrill's own teardown */
}

static int t_shutdown(void *u, int fd, int how)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_shutdown(pd, fd, how));
}

static int t_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_getsockopt(pd, fd, level, name, value, len));
}

static int t_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_setsockopt(pd, fd, level, name, value, len));
}

static int t_poll(void *u, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_poll(pd, fds, n, timeout_ms));
}

static int t_netdev_send(void *u, const void *ip, size_t n)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_net_inject(pd, ip, n));
}

static bool has_packet(void *arg)
{
	return ((const struct pd *)arg)->out_head != NULL;
}

#define QUIET_US (600ull * 1000 * 1000) /* nothing sent for so long: nothing will be */

static int t_netdev_receive(void *u, void *buf, size_t *n, long long *time_us)
{
	struct pd *pd = enter(u);
	struct pd_packet *p;

	if (!has_packet(pd))
		pd_time_run(pd, pd->now_us + QUIET_US, has_packet, pd);
	p = pd_net_take(pd);
	if (p == NULL) {
		/* There is no error that packetdrill does not try again after: an empty packet. */
		*n = 0;
		*time_us = (long long)pd->now_us;
	} else {
		*n = p->len < *n ? p->len : *n;
		memcpy(buf, p->data, *n);
		*time_us = (long long)p->at_us;
		free(p);
	}
	LEAVE(pd, int, 0);
}

static int t_usleep(void *u, useconds_t us)
{
	struct pd *pd = enter(u);

	pd_time_sleep(pd, us);
	LEAVE(pd, int, 0);
}

static int t_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	struct pd *pd = u;
	uint64_t now_us;

	pthread_mutex_lock(&pd->lock);
	now_us = pd_time_read(pd);
	pthread_mutex_unlock(&pd->lock);
	tv->tv_sec = (time_t)(now_us / 1000000);
	tv->tv_usec = (suseconds_t)(now_us % 1000000);
	return 0;
}

static int t_epoll_create(void *u, int size)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_epoll_create(pd));
}

static int t_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *event)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_epoll_ctl(pd, epfd, op, fd, event));
}

static int t_epoll_wait(void *u, int epfd, struct epoll_event *events, int n, int timeout_ms)
{
	struct pd *pd = enter(u);

	LEAVE(pd, int, pd_epoll_wait(pd, epfd, events, n, timeout_ms));
}

static int t_pipe(void *u, int fds[2])
{
	return pipe(fds);
}

/* From a socket into a pipe, or the other way; only what the pipe takes at once. */
static ssize_t splice_out(void *u, int in, int out, size_t n)
{
	uint8_t buf[4096];
	ssize_t done = 0;

	while (n > 0) {
		size_t k = n < sizeof(buf) ? n : sizeof(buf);
		ssize_t got = receive(
			u, in, &(struct iovec){buf, k}, 1, done > 0 ? MSG_DONTWAIT : 0, NULL, NULL);

		if (got <= 0)
			return done > 0 ? done : got;
		if (write(out, buf, (size_t)got) != got)
			return -1;
		done += got;
		n -= (size_t)got;
		if ((size_t)got < k)
			break;
	}
	return done;
}

static int t_splice(
	void *u, int in, loff_t *in_off, int out, loff_t *out_off, size_t n, unsigned flags)
{
	struct pd *pd = u;
	uint8_t buf[4096];
	ssize_t got;

	/* packetdrill hands over the address of the script's NULL. */
	if ((in_off != NULL && *in_off != 0) || (out_off != NULL && *out_off != 0)) {
		errno = ESPIPE;
		return -1;
	}
	/* The urgent byte ends what can be spliced. */
	if (in >= 0 && in < PD_FDS && pd->sock[in] != NULL &&
		pd->sock[in]->urgent_at == pd->sock[in]->read_total)
		return 0;
	if (in >= 0 && in < PD_FDS && pd->sock[in] != NULL)
		return (int)splice_out(u, in, out, n);
	got = read(in, buf, n < sizeof(buf) ? n : sizeof(buf));
	return got <= 0 ? (int)got : (int)transmit(u, out, &(struct iovec){buf, (size_t)got}, 1, 0);
}

static void t_free(void *u)
{
	struct pd *pd = u;

	instance = NULL;
	for (int i = 0; i < PD_FDS; i++)
		if (pd->epoll[i] != NULL)
			pd_epoll_close(pd, i);
	pd_net_stop(pd);
	pd_sock_free_all(pd);
	free(pd);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(
	const char *flags, struct packetdrill_interface *table)
{
	struct pd *pd = calloc(1, sizeof(*pd));

	if (pd != NULL)
		pd_time_start(pd);
	if (pd == NULL || pd_net_start(pd, flags) < 0) {
		fprintf(stderr, "headrace: the engine does not start\n");
		_exit(3);
	}
	instance = pd;
	*table = (struct packetdrill_interface){
		.userdata = pd,
		.free = t_free,
		.socket = t_socket,
		.bind = t_bind,
		.listen = t_listen,
		.accept = t_accept,
		.connect = t_connect,
		.read = t_read,
		.readv = t_readv,
		.recv = t_recv,
		.recvfrom = t_recvfrom,
		.recvmsg = t_recvmsg,
		.write = t_write,
		.writev = t_writev,
		.send = t_send,
		.sendto = t_sendto,
		.sendmsg = t_sendmsg,
		.fcntl = t_fcntl,
		.ioctl = t_ioctl,
		.close = t_close,
		.shutdown = t_shutdown,
		.getsockopt = t_getsockopt,
		.setsockopt = t_setsockopt,
		.poll = t_poll,
		.netdev_send = t_netdev_send,
		.netdev_receive = t_netdev_receive,
		.usleep = t_usleep,
		.gettimeofday = t_gettimeofday,
		.epoll_create = t_epoll_create,
		.epoll_ctl = t_epoll_ctl,
		.epoll_wait = t_epoll_wait,
		.pipe = t_pipe,
		.splice = t_splice,
	};
}
