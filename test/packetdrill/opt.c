/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Socket options. Those that mean something to TCP change the socket's parameter set, which goes to
 * the engine with listen() or connect(), or at once on a live connection; the rest is remembered.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "pd.h"

#ifndef TCP_CC_INFO
#define TCP_CC_INFO 26
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef TCP_INQ
#define TCP_INQ 36
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#define MEMINFO_VARS 9

static int fail(int code)
{
	errno = code;
	return -1;
}

static int get_int(int value, void *to, socklen_t *len)
{
	if (*len > sizeof(value))
		*len = sizeof(value);
	memcpy(to, &value, *len);
	return 0;
}

static const char *cc_name(uint8_t cc)
{
	return cc == HR_CC_NEWRENO ? "reno" : cc == HR_CC_DCTCP ? "dctcp" : "cubic";
}

static int get_text(const char *text, void *to, socklen_t *len)
{
	char name[16] = "";

	snprintf(name, sizeof(name), "%s", text);
	if (*len > sizeof(name))
		*len = sizeof(name);
	memcpy(to, name, *len);
	return 0;
}

static int get_maxseg(struct pd *pd, const struct pd_sock *s)
{
	struct hr_conn_info info;

	if (s->state == PD_OPEN && hr_conn_info(pd->worker, s->conn, &info) == 0)
		return info.snd_mss;
	return s->params.mss != 0 ? s->params.mss : 536;
}

static int get_tcp(struct pd *pd, struct pd_sock *s, int name, void *value, socklen_t *len)
{
	const struct hr_tcp_params *p = &s->params;

	switch (name) {
	case TCP_INFO:
		return pd_tcp_info(pd, s, value, len);
	case TCP_CC_INFO:
		*len = 0;
		return 0;
	case TCP_MAXSEG:
		return get_int(get_maxseg(pd, s), value, len);
	case TCP_NODELAY:
		return get_int(!p->nagle, value, len);
	case TCP_CORK:
		return get_int(s->cork, value, len);
	case TCP_KEEPIDLE:
		return get_int((int)(s->keep_idle_s != 0 ? s->keep_idle_s : 7200), value, len);
	case TCP_KEEPINTVL:
		return get_int((int)(p->keepalive_interval_ms / 1000), value, len);
	case TCP_KEEPCNT:
		return get_int(p->keepalive_probes, value, len);
	case TCP_USER_TIMEOUT:
		return get_int((int)p->user_timeout_ms, value, len);
	case TCP_NOTSENT_LOWAT:
		return get_int((int)s->notsent_lowat, value, len);
	case TCP_INQ:
		return get_int(s->inq, value, len);
	case TCP_QUICKACK:
		return get_int(p->delack_us == 0, value, len);
	case TCP_DEFER_ACCEPT:
		return get_int(s->defer_accept_s, value, len);
	case TCP_CONGESTION:
		return get_text(cc_name(p->cc), value, len);
	default:
		return fail(ENOPROTOOPT);
	}
}

static int get_error(struct pd_sock *s)
{
	int code = s->error;

	s->error = 0;
	return code;
}

static int get_socket(struct pd *pd, struct pd_sock *s, int name, void *value, socklen_t *len)
{
	uint32_t zero[MEMINFO_VARS] = {0};

	switch (name) {
	case SO_ERROR:
		return get_int(get_error(s), value, len);
	case SO_SNDBUF:
		return get_int(s->sndbuf, value, len);
	case SO_RCVBUF:
		return get_int(s->rcvbuf, value, len);
	case SO_KEEPALIVE:
		return get_int(s->keepalive, value, len);
	case SO_REUSEADDR:
		return get_int(s->reuse, value, len);
	case SO_OOBINLINE:
		return get_int(s->oob_inline, value, len);
	case SO_ACCEPTCONN:
		return get_int(s->state == PD_LISTENING, value, len);
	case SO_TYPE:
		return get_int(SOCK_STREAM, value, len);
	case SO_PROTOCOL:
		return get_int(IPPROTO_TCP, value, len);
	case SO_DOMAIN:
		return get_int(s->domain, value, len);
	case SO_LINGER:
		if (*len > sizeof(s->linger))
			*len = sizeof(s->linger);
		memcpy(value, &s->linger, *len);
		return 0;
	case SO_MEMINFO:
		if (*len > sizeof(zero))
			*len = sizeof(zero);
		memcpy(value, zero, *len);
		return 0;
	default:
		return fail(ENOPROTOOPT);
	}
}

int pd_getsockopt(struct pd *pd, int fd, int level, int name, void *value, socklen_t *len)
{
	struct pd_sock *s = pd_sock_get(pd, fd);

	if (s == NULL)
		return -1;
	if (level == SOL_TCP)
		return get_tcp(pd, s, name, value, len);
	if (level == SOL_SOCKET)
		return get_socket(pd, s, name, value, len);
	if (level == SOL_IP && name == IP_TOS)
		return get_int(s->tos, value, len);
	return fail(ENOPROTOOPT);
}

/* --- setting */

static void set_keepalive(struct pd_sock *s)
{
	uint32_t idle_s = s->keep_idle_s != 0 ? s->keep_idle_s
					      : (uint32_t)pd_sysctl("tcp_keepalive_time", 0, 7200);

	s->params.keepalive_ms = s->keepalive ? idle_s * 1000 : 0;
}

static int set_cc(struct pd_sock *s, const char *name, socklen_t len)
{
	static const struct {
		const char *name;
		uint8_t cc;
	} known[] = {{"cubic", HR_CC_CUBIC}, {"reno", HR_CC_NEWRENO}, {"dctcp", HR_CC_DCTCP}};
	size_t n = strnlen(name, len);

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == n && memcmp(known[i].name, name, n) == 0) {
			s->params.cc = known[i].cc;
			return 0;
		}
	}
	return fail(ENOENT);
}

/* 1: the parameters changed; 0: fine; -1 and errno. */
static int set_tcp(
	struct pd *pd, struct pd_sock *s, int name, int v, const void *raw, socklen_t len)
{
	switch (name) {
	case TCP_NODELAY:
		s->params.nagle = v == 0;
		if (v != 0) /* pushes even what a cork holds back */
			pd_uncork(pd, s);
		return 1;
	case TCP_CORK:
		s->cork = v != 0;
		if (v == 0)
			pd_uncork(pd, s);
		return 1;
	case TCP_MAXSEG:
		if (v != 0 && (v < 88 || v > 32767))
			return fail(EINVAL);
		s->params.mss = (uint16_t)v;
		return 1;
	case TCP_KEEPIDLE:
		if (v < 1 || v > 32767)
			return fail(EINVAL);
		s->keep_idle_s = (uint32_t)v;
		set_keepalive(s);
		return 1;
	case TCP_KEEPINTVL:
		if (v < 1 || v > 32767)
			return fail(EINVAL);
		s->params.keepalive_interval_ms = (uint32_t)v * 1000;
		return 1;
	case TCP_KEEPCNT:
		if (v < 1 || v > 127)
			return fail(EINVAL);
		s->params.keepalive_probes = (uint8_t)v;
		return 1;
	case TCP_USER_TIMEOUT:
		if (v < 0)
			return fail(EINVAL);
		s->params.user_timeout_ms = (uint32_t)v;
		return 1;
	case TCP_NOTSENT_LOWAT:
		s->notsent_lowat = (uint32_t)v;
		return 0;
	case TCP_INQ:
		s->inq = v != 0;
		return 0;
	case TCP_QUICKACK:
		return 0;
	case TCP_DEFER_ACCEPT:
		s->defer_accept_s = v;
		return 0;
	case TCP_CONGESTION:
		return set_cc(s, raw, len) < 0 ? -1 : 1;
	default:
		return fail(ENOPROTOOPT);
	}
}

/* Linux doubles what is asked for, for its own bookkeeping. */
static int doubled(int v, int least)
{
	return v > (1 << 28) ? 1 << 29 : v * 2 < least ? least : v * 2;
}

static int set_socket(struct pd_sock *s, int name, int v, const void *raw, socklen_t len)
{
	switch (name) {
	case SO_SNDBUF:
		s->sndbuf = doubled(v, 4608);
		s->params.snd_buf_bytes = (uint32_t)s->sndbuf;
		s->params.snd_buf_max_bytes = 0; /* an explicit size is not tuned */
		return 1;
	case SO_RCVBUF:
		s->rcvbuf = doubled(v, 2304);
		s->params.rcv_buf_bytes = (uint32_t)s->rcvbuf;
		s->params.rcv_buf_max_bytes = 0;
		return 1;
	case SO_KEEPALIVE:
		s->keepalive = v != 0;
		set_keepalive(s);
		return 1;
	case SO_LINGER:
		if (len < sizeof(s->linger))
			return fail(EINVAL);
		memcpy(&s->linger, raw, sizeof(s->linger));
		return 0;
	case SO_OOBINLINE:
		s->oob_inline = v != 0;
		return 0;
	case SO_REUSEADDR:
		s->reuse = v != 0;
		return 0;
	case SO_ZEROCOPY:
		/* MSG_ZEROCOPY may copy; there are no completions to read. */
		s->zerocopy = v != 0;
		return 0;
	case SO_PRIORITY:
	case SO_REUSEPORT:
	case SO_BROADCAST:
		return 0;
	default:
		return fail(ENOPROTOOPT);
	}
}

static int set_ip(struct pd_sock *s, int name, int v)
{
	switch (name) {
	case IP_TOS:
		s->tos = (uint8_t)v;
		s->params.dscp = (uint8_t)(v >> 2 & 63);
		return 1;
	case IP_TTL:
		if (v < 1 || v > 255)
			return fail(EINVAL);
		s->params.ttl = (uint8_t)v;
		return 1;
	case IP_MTU_DISCOVER:
		s->params.pmtud = v != IP_PMTUDISC_DONT;
		return 1;
	case IP_FREEBIND:
	case IP_RECVERR:
		return 0;
	default:
		return fail(ENOPROTOOPT);
	}
}

int pd_setsockopt(struct pd *pd, int fd, int level, int name, const void *value, socklen_t len)
{
	struct pd_sock *s = pd_sock_get(pd, fd);
	int v = 0, rc;

	if (s == NULL)
		return -1;
	if (value == NULL)
		return fail(EFAULT);
	memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	if (level == SOL_TCP)
		rc = set_tcp(pd, s, name, v, value, len);
	else if (level == SOL_SOCKET)
		rc = set_socket(s, name, v, value, len);
	else if (level == SOL_IP)
		rc = set_ip(s, name, v);
	else
		rc = fail(ENOPROTOOPT);
	if (rc > 0)
		pd_sock_apply(pd, s);
	pd_time_settle(pd);
	return rc < 0 ? -1 : 0;
}

int pd_fcntl(struct pd *pd, int fd, int cmd, long arg)
{
	struct pd_sock *s = pd_sock_get(pd, fd);

	if (s == NULL)
		return -1;
	switch (cmd) {
	case F_GETFL:
		return O_RDWR | (s->nonblock ? O_NONBLOCK : 0);
	case F_SETFL:
		s->nonblock = (arg & O_NONBLOCK) != 0;
		return 0;
	case F_GETFD:
		return FD_CLOEXEC;
	case F_SETFD:
		return 0;
	default:
		return fail(EINVAL);
	}
}
