/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions of libc that packetdrill calls by itself, past its table; preloading this object puts
 * ours in their place:
 *   close, getsockopt, sendfile   on descriptors that are our sockets (teardown, TCP_INFO of %{ }%)
 *   pthread_cond_wait             tells when the thread of blocking calls has nothing more to do
 *   pthread_cond_timedwait        its limit of one second must not end while that thread has more
 *                                 to do: that would be a verdict about how busy the machine is
 *   times                         the start waits for ten of its ticks: give them at once
 *   mlockall, sched_setscheduler  a virtual clock needs neither locked memory nor real-time
 *                                 priority, and a shared machine should see neither
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <unistd.h>

#include "pd.h"

#define EXTRA_S 60 /* at most so much longer than packetdrill wants to wait */

#define EXPORT __attribute__((visibility("default")))

int pd_sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static bool ours(const struct pd *pd, int fd)
{
	return pd != NULL && fd >= 0 && fd < PD_FDS && pd->sock[fd] != NULL;
}

EXPORT int close(int fd)
{
	struct pd *pd = pd_instance();
	int rc;

	if (pd != NULL && fd >= 0 && fd < PD_FDS && pd->epoll[fd] != NULL)
		pd_epoll_close(pd, fd);
	if (!ours(pd, fd))
		return pd_sys_close(fd);
	pthread_mutex_lock(&pd->lock);
	pd->clock_reads = 0;
	rc = pd_close(pd, fd);
	pthread_mutex_unlock(&pd->lock);
	return rc;
}

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct pd *pd = pd_instance();
	int rc;

	if (!ours(pd, fd))
		return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
	pthread_mutex_lock(&pd->lock);
	pd->clock_reads = 0;
	rc = pd_getsockopt(pd, fd, level, name, value, len);
	pthread_mutex_unlock(&pd->lock);
	return rc;
}

EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	struct pd *pd = pd_instance();
	struct iovec v = {.iov_len = n};
	struct msghdr msg = {.msg_iov = &v, .msg_iovlen = 1};
	ssize_t got;

	if (!ours(pd, out))
		return syscall(SYS_sendfile, out, in, offset, n);
	v.iov_base = malloc(n + 1);
	if (v.iov_base == NULL) {
		errno = ENOMEM;
		return -1;
	}
	got = offset != NULL ? pread(in, v.iov_base, n, *offset) : read(in, v.iov_base, n);
	if (got > 0) {
		v.iov_len = (size_t)got;
		pthread_mutex_lock(&pd->lock);
		pd->clock_reads = 0;
		got = pd_send(pd, out, &msg, 0);
		pthread_mutex_unlock(&pd->lock);
		if (got > 0 && offset != NULL)
			*offset += got;
	}
	free(v.iov_base);
	return got;
}

/* With 64-bit offsets the function above is called sendfile64; this is the other name. */
ssize_t pd_sendfile(int out, int in, off_t *offset, size_t n) __asm__("sendfile");
EXPORT ssize_t pd_sendfile(int out, int in, off_t *offset, size_t n)
{
	return sendfile(out, in, offset, n);
}

/* By way of another function, because this one has two versions in glibc, of which dlsym() may find
 * the old one. To wake without a reason is allowed. */
EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	static const struct timespec never = {.tv_sec = (time_t)1 << 40};
	struct pd *pd = pd_instance();
	int rc;

	if (pd != NULL && cond != &pd->let_go) {
		pthread_mutex_lock(&pd->lock);
		pd_time_rest(pd);
		pthread_mutex_unlock(&pd->lock);
	}
	rc = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &never);
	return rc == ETIMEDOUT ? 0 : rc;
}

EXPORT int pthread_cond_timedwait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *limit)
{
	struct timespec until = *limit;
	struct pd *pd = pd_instance();

	for (unsigned i = 0;; i++) {
		int rc = pthread_cond_clockwait(cond, mutex, CLOCK_REALTIME, &until);
		bool underway = false;

		if (rc != ETIMEDOUT || pd == NULL || i == EXTRA_S)
			return rc;
		pthread_mutex_lock(&pd->lock);
		underway = pd->underway;
		pthread_mutex_unlock(&pd->lock);
		if (!underway)
			return rc;
		until.tv_sec++;
	}
}

EXPORT clock_t times(struct tms *buf)
{
	static clock_t ticks;

	if (buf != NULL)
		*buf = (struct tms){0};
	return ++ticks;
}

EXPORT int mlockall(int flags)
{
	return 0;
}

EXPORT int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	return 0;
}

/* What packetdrill starts (shells, python) is none of our business. */
__attribute__((constructor)) static void not_for_children(void)
{
	unsetenv("LD_PRELOAD");
}
