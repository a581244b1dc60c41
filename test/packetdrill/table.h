/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of functions that packetdrill asks a shared object to fill in, declared here from its
 * documented order so that nothing of packetdrill is needed to build this. Every function but the
 * first takes the userdata first and answers as libc does: -1 and errno.
 */
#ifndef HR_PACKETDRILL_TABLE_H
#define HR_PACKETDRILL_TABLE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

struct packetdrill_interface {
	void *userdata;
	void (*free)(void *u);
	int (*socket)(void *u, int domain, int type, int protocol);
	int (*bind)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(void *u, int fd, int backlog);
	int (*accept)(void *u, int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
	ssize_t (*read)(void *u, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *u, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
		socklen_t *len);
	ssize_t (*recvmsg)(void *u, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *u, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *u, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *u, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *u, int fd, const void *buf, size_t n, int flags,
		const struct sockaddr *addr, socklen_t len);
	ssize_t (*sendmsg)(void *u, int fd, const struct msghdr *msg, int flags);
	int (*fcntl)(void *u, int fd, int cmd, ...);
	int (*ioctl)(void *u, int fd, unsigned long request, ...);
	int (*close)(void *u, int fd);
	int (*shutdown)(void *u, int fd, int how);
	int (*getsockopt)(void *u, int fd, int level, int name, void *value, socklen_t *len);
	int (*setsockopt)(void *u, int fd, int level, int name, const void *value, socklen_t len);
	int (*poll)(void *u, struct pollfd *fds, nfds_t n, int timeout_ms);
	int (*netdev_send)(void *u, const void *ip, size_t n);
	int (*netdev_receive)(void *u, void *buf, size_t *n, long long *time_us);
	int (*usleep)(void *u, useconds_t us);
	int (*gettimeofday)(void *u, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *u, int size);
	int (*epoll_ctl)(void *u, int epfd, int op, int fd, struct epoll_event *event);
	int (*epoll_wait)(void *u, int epfd, struct epoll_event *events, int n, int timeout_ms);
	int (*pipe)(void *u, int fds[2]);
	int (*splice)(void *u, int in, loff_t *in_off, int out, loff_t *out_off, size_t n,
		unsigned flags);
};

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *table);

#endif
