/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's end of a goodput run: kflow recv ADDRESS PORT SKIP_S RUN_S, which measures, or kflow
 * send ADDRESS PORT RUN_S, which sends until it is told to stop. CUBIC on the socket, whatever the
 * machine's default is; buffers are the kernel's own tuning.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow.h"

#define CHUNK       (256 * 1024)
#define CONNECT_S   60 /* for a SYN through a link that loses */
#define PATIENCE_MS 100

static int fail(const char *what)
{
	fprintf(stderr, "kflow: %s: %s\n", what, strerror(errno));
	return 2;
}

static int make_socket(const char *address, const char *port, struct sockaddr_in *sa)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	*sa = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (fd < 0 || inet_pton(AF_INET, address, &sa->sin_addr) != 1)
		return -1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static int receive(const char *address, const char *port, struct meter *m)
{
	static char buf[CHUNK];
	struct sockaddr_in sa;
	int listener = make_socket(address, port, &sa), fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		listen(listener, 1) < 0)
		return fail("listen");
	fprintf(stderr, "ready\n");
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return fail("accept");
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = poll(&p, 1, PATIENCE_MS);
		uint64_t now_us = meter_now_us();
		ssize_t n;

		if (meter_over(m, now_us))
			break;
		if (ready <= 0)
			continue;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			meter_add(m, (uint64_t)n, now_us);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return fail("the sender is gone");
	}
	meter_print(m);
	return 0;
}

static void print_info(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		printf("{\"retransmits\": %u, \"srtt_us\": %u, \"cwnd\": %u, \"reordering\": %u}\n",
			info.tcpi_total_retrans, info.tcpi_rtt, info.tcpi_snd_cwnd,
			info.tcpi_reordering);
}

static int send_all(const char *address, const char *port, uint64_t run_us)
{
	static char buf[CHUNK];
	struct sockaddr_in sa;
	int fd = make_socket(address, port, &sa);
	uint64_t end_us;

	memset(buf, 'x', sizeof(buf));
	signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return fail("connect");
	end_us = meter_now_us() + run_us;
	while (meter_now_us() < end_us) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (poll(&p, 1, PATIENCE_MS) > 0 && send(fd, buf, sizeof(buf), MSG_DONTWAIT) < 0 &&
			errno != EAGAIN)
			break;
	}
	print_info(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct meter m = {0};

	if (argc == 6 && strcmp(argv[1], "recv") == 0) {
		m.skip_us = (uint64_t)(atof(argv[4]) * 1e6);
		m.run_us = (uint64_t)(atof(argv[5]) * 1e6);
		alarm((unsigned)(m.run_us / 1000000) + CONNECT_S);
		return receive(argv[2], argv[3], &m);
	}
	if (argc == 5 && strcmp(argv[1], "send") == 0) {
		uint64_t run_us = (uint64_t)(atof(argv[4]) * 1e6);

		alarm((unsigned)(run_us / 1000000) + CONNECT_S);
		return send_all(argv[2], argv[3], run_us);
	}
	fprintf(stderr,
		"usage: kflow recv ADDRESS PORT SKIP_S RUN_S | kflow send ADDRESS PORT RUN_S\n");
	return 2;
}
