/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading and writing. Bytes that arrived stay in the engine, so that its window is the truth: a
 * read call resumes the connection and copies inside of on_data. TCP_CORK and MSG_MORE hold back
 * here what is less than a segment.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pd.h"

#define CORK_US 200000

static ssize_t fail(int code)
{
	errno = code;
	return -1;
}

uint32_t pd_unread(struct pd *pd, const struct pd_sock *s)
{
	struct hr_conn_info info;

	if (s->state != PD_OPEN || hr_conn_info(pd->worker, s->conn, &info) < 0)
		return 0;
	return info.unread_bytes;
}

uint32_t pd_unsent(struct pd *pd, const struct pd_sock *s)
{
	struct hr_conn_info info;

	if (s->state != PD_OPEN || hr_conn_info(pd->worker, s->conn, &info) < 0)
		return 0;
	return info.unsent_bytes + (uint32_t)s->held_len;
}

/* --- reading */

/* How much of what is on offer a read may take before it meets the urgent byte. */
static size_t before_mark(const struct pd_sock *s, uint64_t from, size_t n)
{
	if (s->oob_inline || s->urgent_at == PD_NEVER || s->urgent_taken || from > s->urgent_at)
		return n;
	return s->urgent_at - from < n ? (size_t)(s->urgent_at - from) : n;
}

size_t pd_on_data(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n)
{
	struct pd_sock *s = user;
	size_t taken = 0;

	for (unsigned i = 0; i < n; i++) {
		for (size_t off = 0; off < v[i].len && s->want_len > 0;) {
			size_t k = v[i].len - off < s->want_len ? v[i].len - off : s->want_len;

			/* The urgent byte is not part of the stream that is read. */
			if (!s->oob_inline && s->read_total + taken == s->urgent_at &&
				!s->urgent_taken) {
				if (s->got_len > 0) {
					s->want_len = 0;
					break;
				}
				s->urgent_byte = v[i].data[off];
				s->urgent_taken = true;
				taken++;
				off++;
				continue;
			}
			k = before_mark(s, s->read_total + taken, k);
			if (s->want != NULL)
				memcpy(s->want + s->got_len, v[i].data + off, k);
			s->got_len += k;
			s->want_len -= k;
			taken += k;
			off += k;
		}
	}
	if (s->peek)
		return 0;
	s->read_total += taken;
	return taken;
}

/* Copy up to n unread bytes (to nowhere when buf is NULL). */
static size_t copy_unread(struct pd *pd, struct pd_sock *s, uint8_t *buf, size_t n, bool peek)
{
	if (s->state != PD_OPEN || n == 0)
		return 0;
	s->want = buf;
	s->want_len = n;
	s->got_len = 0;
	s->peek = peek;
	(void)hr_resume(pd->worker, s->conn);
	pd_net_settle(pd);
	s->want = NULL;
	s->want_len = 0;
	s->peek = false;
	return s->got_len;
}

struct read_wait {
	struct pd *pd;
	struct pd_sock *s;
};

static bool can_read(void *arg)
{
	const struct read_wait *r = arg;

	return pd_unread(r->pd, r->s) > 0 || r->s->eof || r->s->error != 0 || r->s->read_shut ||
	       r->s->state != PD_OPEN;
}

/* The urgent byte itself: MSG_OOB. */
static ssize_t recv_urgent(struct pd *pd, struct pd_sock *s, uint8_t *buf, size_t n)
{
	if (s->oob_inline || s->urgent_at == PD_NEVER)
		return fail(EINVAL);
	if (!s->urgent_taken) {
		struct hr_conn_info info;
		size_t ahead = s->urgent_at - s->read_total + 1;
		uint8_t *all = malloc(ahead);
		size_t got;

		if (all == NULL || hr_conn_info(pd->worker, s->conn, &info) < 0) {
			free(all);
			return fail(EAGAIN);
		}
		s->oob_inline = true;
		got = copy_unread(pd, s, all, ahead, true);
		s->oob_inline = false;
		if (got == ahead)
			s->urgent_byte = all[ahead - 1];
		free(all);
		if (got != ahead)
			return fail(EAGAIN);
	}
	if (n > 0)
		buf[0] = s->urgent_byte;
	return 1;
}

static ssize_t read_some(struct pd *pd, struct pd_sock *s, uint8_t *buf, size_t n, int flags)
{
	struct read_wait r = {pd, s};
	bool nonblock = s->nonblock || (flags & MSG_DONTWAIT);
	size_t got = 0, least = flags & MSG_WAITALL ? n : 1;

	if (s->state == PD_FRESH || s->state == PD_LISTENING)
		return fail(ENOTCONN);
	if (s->state == PD_CONNECTING && nonblock)
		return fail(EAGAIN);
	if (flags & MSG_OOB)
		return recv_urgent(pd, s, buf, n);
	for (;;) {
		if (buf == NULL && n > 0 && !(flags & MSG_TRUNC) && pd_unread(pd, s) > 0)
			return fail(EFAULT);
		got += copy_unread(pd, s, flags & MSG_TRUNC ? NULL : buf + got, n - got,
			(flags & MSG_PEEK) != 0);
		if (got >= least || n == 0)
			break;
		if (got > 0 && s->urgent_at != PD_NEVER && s->read_total == s->urgent_at)
			break;
		if (got > 0 && (s->eof || s->error != 0))
			break;
		if (s->error != 0) {
			int code = s->error;

			s->error = 0;
			return fail(code);
		}
		if (s->eof || s->read_shut || s->state == PD_OVER)
			return (ssize_t)got;
		if (nonblock)
			return got > 0 ? (ssize_t)got : fail(EAGAIN);
		if (!pd_time_wait(pd, can_read, &r, PD_NEVER))
			return fail(EAGAIN);
	}
	pd_time_settle(pd);
	return (ssize_t)got;
}

/* Linux's TCP_INQ: how much is left to read, and one more when the end is among it. */
static void put_inq(struct pd *pd, struct pd_sock *s, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int left = (int)pd_unread(pd, s);

	if (c == NULL || msg->msg_controllen < CMSG_SPACE(sizeof(int))) {
		msg->msg_flags |= MSG_CTRUNC;
		return;
	}
	if (left == 0 && s->eof)
		left = 1;
	c->cmsg_level = SOL_TCP;
	c->cmsg_type = TCP_CM_INQ;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &left, sizeof(left));
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
}

ssize_t pd_recv(struct pd *pd, int fd, struct msghdr *msg, int flags)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	ssize_t total = 0;

	if (s == NULL)
		return -1;
	if (flags & MSG_ERRQUEUE)
		return fail(EAGAIN); /* no timestamps and no zero-copy completions here */
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		/* Only the first piece may wait. */
		ssize_t n = read_some(pd, s, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len,
			flags | (total > 0 ? MSG_DONTWAIT : 0));

		if (n < 0 && total == 0)
			return -1;
		if (n <= 0)
			break;
		total += n;
		if ((size_t)n < msg->msg_iov[i].iov_len)
			break;
	}
	if (msg->msg_name != NULL)
		pd_addr_put(
			&s->remote, s->remote_port, s->domain, msg->msg_name, &msg->msg_namelen);
	msg->msg_flags = 0;
	if (s->inq && msg->msg_control != NULL && msg->msg_controllen > 0)
		put_inq(pd, s, msg);
	else
		msg->msg_controllen = 0;
	return total;
}

/* --- writing */

/* As sk_stream_is_writeable(): a third of the buffer is free, and not too much is unsent. */
bool pd_write_room(struct pd *pd, const struct pd_sock *s)
{
	int64_t room = hr_send_room(pd->worker, s->conn);
	struct hr_conn_info info;

	if (room < 0 || hr_conn_info(pd->worker, s->conn, &info) < 0)
		return true; /* an error is news, too */
	if (s->notsent_lowat != 0 && info.unsent_bytes >= s->notsent_lowat)
		return false;
	return room > 0 && (uint64_t)room >= (info.snd_buf_bytes - (uint64_t)room) / 2;
}

static bool can_write(void *arg)
{
	const struct read_wait *r = arg;

	return r->s->state != PD_OPEN || r->s->write_shut || pd_write_room(r->pd, r->s);
}

static uint16_t segment(struct pd *pd, const struct pd_sock *s)
{
	struct hr_conn_info info;

	return hr_conn_info(pd->worker, s->conn, &info) == 0 ? info.snd_mss : 536;
}

void pd_uncork(struct pd *pd, struct pd_sock *s)
{
	uint8_t *held = s->held;
	size_t n = s->held_len;

	s->held = NULL;
	s->held_len = 0;
	s->held_until_us = PD_NEVER;
	if (n > 0 && s->state == PD_OPEN)
		(void)hr_send(pd->worker, s->conn, held, n);
	free(held);
}

/* What is held back goes in front; what is less than a segment at the end is held back. */
static ssize_t send_more(struct pd *pd, struct pd_sock *s, const uint8_t *buf, size_t n)
{
	size_t all = s->held_len + n, mss = segment(pd, s), now = all / mss * mss;
	uint8_t *both = malloc(all);

	if (both == NULL)
		return -ENOMEM;
	if (s->held_len > 0)
		memcpy(both, s->held, s->held_len);
	memcpy(both + s->held_len, buf, n);
	if (now > 0) {
		int64_t sent = hr_send(pd->worker, s->conn, both, now);

		if (sent < 0 || (size_t)sent < now) {
			/* No room: give up holding back. */
			free(both);
			return sent < 0 ? sent : -EAGAIN;
		}
	}
	free(s->held);
	if (s->held_len == 0 || now > 0)
		s->held_until_us = pd->now_us + CORK_US;
	s->held = NULL;
	s->held_len = all - now;
	if (s->held_len > 0) {
		s->held = malloc(s->held_len);
		if (s->held == NULL)
			return -ENOMEM;
		memcpy(s->held, both + now, s->held_len);
	}
	free(both);
	return (ssize_t)n;
}

/* As many as fit now; -EAGAIN for none. */
static int64_t send_now(struct pd *pd, struct pd_sock *s, const uint8_t *buf, size_t n, bool more)
{
	int64_t sent;

	if (s->notsent_lowat != 0) {
		uint32_t unsent = pd_unsent(pd, s);

		if (unsent >= s->notsent_lowat)
			return -EAGAIN;
	}
	if (more)
		return send_more(pd, s, buf, n);
	pd_uncork(pd, s);
	sent = hr_send(pd->worker, s->conn, buf, n);
	return sent == 0 && n > 0 ? -EAGAIN : sent;
}

static ssize_t write_some(struct pd *pd, struct pd_sock *s, const uint8_t *buf, size_t n, int flags)
{
	struct read_wait r = {pd, s};
	bool nonblock = s->nonblock || (flags & MSG_DONTWAIT);
	size_t done = 0;

	while (done < n) {
		int64_t sent;

		if (s->error != 0) {
			int code = s->error;

			s->error = 0;
			return done > 0 ? (ssize_t)done : fail(code);
		}
		if (s->write_shut || s->state == PD_OVER)
			return done > 0 ? (ssize_t)done : fail(EPIPE);
		sent = send_now(pd, s, buf + done, n - done, s->cork || (flags & MSG_MORE));
		if (sent > 0)
			done += (size_t)sent;
		else if (sent == -EPIPE || sent == -ESTALE)
			return done > 0 ? (ssize_t)done : fail(EPIPE);
		if ((flags & MSG_OOB) && done == n)
			(void)hr_urgent(pd->worker, s->conn);
		pd_time_settle(pd);
		if (done == n)
			break;
		s->nospace = true;
		if (nonblock)
			return done > 0 ? (ssize_t)done : fail(EAGAIN);
		if (!pd_time_wait(pd, can_write, &r, PD_NEVER))
			return done > 0 ? (ssize_t)done : fail(EAGAIN);
	}
	return (ssize_t)done;
}

static bool is_connected(void *arg)
{
	const struct read_wait *r = arg;

	return r->s->state != PD_CONNECTING;
}

ssize_t pd_send(struct pd *pd, int fd, const struct msghdr *msg, int flags)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	struct read_wait r = {pd, s};
	ssize_t total = 0;

	if (s == NULL)
		return -1;
	if (flags & MSG_FASTOPEN)
		return fail(EOPNOTSUPP);
	if (s->state == PD_CONNECTING) {
		if (s->nonblock || (flags & MSG_DONTWAIT))
			return fail(EAGAIN);
		(void)pd_time_wait(pd, is_connected, &r, PD_NEVER);
	}
	if (s->state == PD_FRESH || s->state == PD_LISTENING)
		return fail(EPIPE);
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		const struct iovec *v = &msg->msg_iov[i];
		bool last = true;
		ssize_t n;

		if (v->iov_len == 0)
			continue;
		if (v->iov_base == NULL)
			return total > 0 ? total : fail(EFAULT);
		for (size_t j = i + 1; j < msg->msg_iovlen; j++)
			last = last && msg->msg_iov[j].iov_len == 0;
		/* One call is one write: only its end is a reason to send less than a segment. */
		n = write_some(pd, s, v->iov_base, v->iov_len, flags | (last ? 0 : MSG_MORE));
		if (n < 0)
			return total > 0 ? total : -1;
		total += n;
		if ((size_t)n < v->iov_len)
			break;
	}
	return total;
}

int pd_ioctl(struct pd *pd, int fd, unsigned long request, void *arg)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	struct hr_conn_info info;
	int *value = arg;

	if (s == NULL)
		return -1;
	memset(&info, 0, sizeof(info));
	if (s->state == PD_OPEN)
		(void)hr_conn_info(pd->worker, s->conn, &info);
	switch (request) {
	case SIOCINQ:
		if (s->state == PD_LISTENING)
			return (int)fail(EINVAL);
		*value = (int)info.unread_bytes;
		if (!s->oob_inline && s->urgent_at != PD_NEVER && !s->urgent_taken &&
			s->urgent_at >= s->read_total)
			*value = (int)(s->urgent_at - s->read_total);
		return 0;
	case SIOCOUTQ:
		*value = (int)(info.inflight_bytes + info.unsent_bytes + s->held_len);
		return 0;
	case SIOCOUTQNSD:
		*value = (int)(info.unsent_bytes + s->held_len);
		return 0;
	case SIOCATMARK:
		*value = s->urgent_at != PD_NEVER && s->read_total == s->urgent_at;
		return 0;
	case FIONBIO:
		s->nonblock = *value != 0;
		return 0;
	default:
		return (int)fail(ENOTTY);
	}
}
