/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A socket layer of one process for packetdrill: one engine with one worker on a virtual clock, one
 * port that is a queue of bare IP packets, and sockets with Linux's semantics on top of the public
 * API. What is TCP is the engine's; what is "a file descriptor" is in here.
 *
 * Threads: packetdrill's main thread calls everything; calls that a script expects to block run on
 * a second thread. One lock (pd.lock) covers all; it is taken inside of packetdrill's own lock,
 * never around it. Time moves in one thread at a time (time.c).
 */
#ifndef HR_PACKETDRILL_PD_H
#define HR_PACKETDRILL_PD_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <headrace.h>

#define PD_FDS   1024 /* descriptors we keep track of */
#define PD_NEVER HR_NEVER

/* An outbound IP packet that packetdrill has not looked at yet. */
struct pd_packet {
	struct pd_packet *next;
	uint64_t at_us;
	uint32_t len;
	uint8_t data[];
};

enum pd_state {
	PD_FRESH, /* nothing was done with it but options */
	PD_LISTENING,
	PD_CONNECTING,
	PD_OPEN, /* and half-closed, until on_close */
	PD_OVER  /* the engine is through with it */
};

struct pd_sock {
	int fd; /* -1: not accepted yet, or closed by the application */
	int domain;
	enum pd_state state;
	bool nonblock;
	struct hr_tcp_params params;
	struct hr_ip local; /* from bind(), family 0 = any */
	uint16_t local_port;
	struct hr_ip remote;
	uint16_t remote_port;
	hr_conn conn; /* valid from PD_CONNECTING to PD_OPEN */
	int error;    /* SO_ERROR: told once */
	bool eof, read_shut, write_shut, connected_told;
	/* listening */
	int backlog;
	struct pd_sock *listener; /* of a connection that waits for accept() */
	struct pd_sock *queue_head, *queue_tail, *queue_next;
	/* reading: the callback copies into these while a read call runs */
	uint8_t *want;
	size_t want_len, got_len;
	bool peek, discard, oob_inline;
	uint64_t read_total; /* bytes the application took from the stream */
	uint64_t urgent_at;  /* offset of the urgent byte, PD_NEVER = none */
	bool urgent_taken;
	uint8_t urgent_byte;
	/* writing: bytes that TCP_CORK or MSG_MORE hold back */
	bool cork, more;
	uint8_t *held;
	size_t held_len;
	uint64_t held_until_us;
	uint32_t notsent_lowat;
	/* options */
	int sndbuf, rcvbuf; /* as getsockopt() tells them */
	struct linger linger;
	bool keepalive, inq, reuse, zerocopy;
	uint32_t keep_idle_s;
	uint8_t tos;
	int defer_accept_s;
	/* events: the count of edges (EPOLLET), and what they are made of */
	unsigned edges;
	uint64_t seen_total;
	uint64_t last_data_us; /* when seen_total grew, or the connection began */
	bool nospace;         /* a write found no room: EPOLLOUT is news when there is some again */
	struct pd_sock *next; /* all sockets */
};

struct pd_watch {
	struct pd_watch *next;
	struct pd_sock *s;
	struct epoll_event event;
	unsigned edges; /* of the socket when it was told last */
	bool told, spent;
};

struct pd_epoll {
	int fd;
	struct pd_watch *watches;
};

/* A call that waits: is it time to let it go on? */
typedef bool pd_ready_fn(void *arg);

struct pd {
	pthread_mutex_t lock;
	pthread_t main_thread;
	pthread_t second_thread; /* of the last call that blocked */
	/* network */
	struct hr_engine *engine;
	struct hr_worker *worker;
	struct hr_ip local4, local6, gateway4, gateway6, remote4, remote6;
	struct pd_packet *out_head, *out_tail; /* from the engine to packetdrill */
	struct pd_packet *in_head, *in_tail;   /* Ethernet frames to the engine */
	uint16_t peer_mss; /* of the last SYN that came in: how a big packet is cut */
	void *pool;
	/* time */
	uint64_t now_us;
	unsigned clock_reads; /* in a row, by the main thread */
	pthread_cond_t let_go, looked;
	pd_ready_fn *ready; /* of the call that waits; NULL = none */
	void *ready_arg;
	uint64_t ready_at_us; /* or at this time */
	bool waking;          /* it was let go, and has neither read the clock nor waited again */
	bool underway;        /* it was let go, and its thread has not come to rest again */
	bool main_sleeps;     /* so packetdrill's lock is free, and the second thread can go on */
	/* descriptors */
	struct pd_sock *sock[PD_FDS];
	struct pd_epoll *epoll[PD_FDS];
	struct pd_sock *all;
};

/* The one instance: libc's functions that we stand in for have no userdata. NULL before start. */
struct pd *pd_instance(void);

/* net.c */
int pd_net_start(struct pd *pd, const char *flags);
void pd_net_stop(struct pd *pd);
/* Turns of the worker until nothing is left to do at this instant. */
void pd_net_settle(struct pd *pd);
/* Hand in a bare IP packet (of any size: it is cut as a link with our MTU would have had it). */
int pd_net_inject(struct pd *pd, const uint8_t *ip, size_t len);
struct pd_packet *pd_net_take(struct pd *pd);

/* time.c */
void pd_time_start(struct pd *pd);
/* Let time pass until target_us, or until stop() says so; every deadline on the way is met. */
void pd_time_run(struct pd *pd, uint64_t target_us, pd_ready_fn *stop, void *arg);
/* usleep() of either thread. */
void pd_time_sleep(struct pd *pd, uint64_t us);
/* The thread that calls is about to wait for what packetdrill gives it to do. */
void pd_time_rest(struct pd *pd);
/* Settle, and let a waiting call go on when it can; afterwards nothing of this instant is left. */
void pd_time_settle(struct pd *pd);
/* Wait until ready(arg) or until_us. False when time has nothing more to bring. */
bool pd_time_wait(struct pd *pd, pd_ready_fn *ready, void *arg, uint64_t until_us);
uint64_t pd_time_read(struct pd *pd);

/* sysctl.c */
long pd_sysctl(const char *name, unsigned field, long otherwise);
void pd_sysctl_params(struct hr_tcp_params *p);

/* sock.c */
struct pd_sock *pd_sock_get(struct pd *pd, int fd); /* NULL and EBADF or ENOTSOCK */
int pd_socket(struct pd *pd, int domain, int type, int protocol);
int pd_bind(struct pd *pd, int fd, const struct sockaddr *addr, socklen_t len);
int pd_listen(struct pd *pd, int fd, int backlog);
int pd_accept(struct pd *pd, int fd, struct sockaddr *addr, socklen_t *len);
int pd_connect(struct pd *pd, int fd, const struct sockaddr *addr, socklen_t len);
int pd_shutdown(struct pd *pd, int fd, int how);
int pd_close(struct pd *pd, int fd);
void pd_sock_free_all(struct pd *pd);
/* After the worker's turns: which sockets have news? */
void pd_sock_look(struct pd *pd);
void pd_sock_apply(struct pd *pd, struct pd_sock *s); /* the parameters changed */
void pd_addr_put(
	const struct hr_ip *ip, uint16_t port, int domain, struct sockaddr *addr, socklen_t *len);

/* io.c */
ssize_t pd_recv(struct pd *pd, int fd, struct msghdr *msg, int flags);
ssize_t pd_send(struct pd *pd, int fd, const struct msghdr *msg, int flags);
uint32_t pd_unread(struct pd *pd, const struct pd_sock *s);
uint32_t pd_unsent(struct pd *pd, const struct pd_sock *s);
int pd_ioctl(struct pd *pd, int fd, unsigned long request, void *arg);
/* The bytes that were held back go now. */
void pd_uncork(struct pd *pd, struct pd_sock *s);
size_t pd_on_data(struct hr_worker *w, hr_conn c, void *user, const struct hr_slice *v, unsigned n);
bool pd_write_room(struct pd *pd, const struct pd_sock *s);

/* opt.c */
int pd_getsockopt(struct pd *pd, int fd, int level, int name, void *value, socklen_t *len);
int pd_setsockopt(struct pd *pd, int fd, int level, int name, const void *value, socklen_t len);
int pd_fcntl(struct pd *pd, int fd, int cmd, long arg);

/* info.c */
int pd_tcp_info(struct pd *pd, struct pd_sock *s, void *value, socklen_t *len);

/* poll.c */
uint32_t pd_events(struct pd *pd, struct pd_sock *s);
int pd_poll(struct pd *pd, struct pollfd *fds, nfds_t n, int timeout_ms);
int pd_epoll_create(struct pd *pd);
int pd_epoll_ctl(struct pd *pd, int epfd, int op, int fd, const struct epoll_event *event);
int pd_epoll_wait(struct pd *pd, int epfd, struct epoll_event *events, int n, int timeout_ms);
void pd_epoll_forget(struct pd *pd, const struct pd_sock *s);
void pd_epoll_close(struct pd *pd, int fd);

/* libc.c: the system's own, past our stand-ins */
int pd_sys_close(int fd);

#endif
