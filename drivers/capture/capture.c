/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture(file=PATH[,snaplen=N]): a pcapng file of what passes through a port in both directions.
 * Each queue collects blocks in a buffer of its own and takes the lock only to write it out: when
 * it is half full, a second old, or at the end. Packets of one queue are in order in the file;
 * between queues, times tell.
 */
#include "capture/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/port.h"

#define BUFFER_BYTES (256 * 1024)
#define SNAPLEN_MAX  65535
#define AGE_US_MAX   1000000
#define BURST        32

struct capture_queue {
	uint8_t *buffer;
	size_t used;
	uint64_t oldest_us;
};

struct capture {
	struct hr_port *inner;
	char path[128];
	uint32_t snaplen;
	uint64_t (*clock)(void *arg);
	void *clock_arg;
	uint16_t queues;
	struct capture_queue *queue;
	pthread_mutex_t lock; /* of the file */
	int fd;
	int failed; /* errno of the first write that failed: the rest is not written */
};

/* All of it, or the errno. */
static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void drain(struct capture *c, struct capture_queue *q)
{
	pthread_mutex_lock(&c->lock);
	if (c->failed == 0)
		c->failed = write_all(c->fd, q->buffer, q->used);
	pthread_mutex_unlock(&c->lock);
	q->used = 0;
}

/* Append one packet; the buffer has room for it. */
static void append(struct capture *c, struct capture_queue *q, const struct rte_mbuf *m,
	uint64_t now_us, enum pcapng_direction direction)
{
	if (q->used == 0)
		q->oldest_us = now_us;
	q->used += hr_pcapng_packet(q->buffer + q->used, m, c->snaplen, now_us, direction);
}

static bool has_room(
	const struct capture *c, const struct capture_queue *q, const struct rte_mbuf *m)
{
	return q->used + PCAPNG_PACKET_BYTES(RTE_MIN(m->pkt_len, c->snaplen)) <= BUFFER_BYTES;
}

static uint16_t capture_rx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct capture *c = port;
	struct capture_queue *q = &c->queue[queue];
	uint16_t got = c->inner->ops->rx(c->inner->priv, queue, m, n);
	uint64_t now_us = got > 0 ? c->clock(c->clock_arg) : 0;

	for (uint16_t i = 0; i < got; i++) {
		if (!has_room(c, q, m[i]))
			drain(c, q);
		append(c, q, m[i], now_us, PCAPNG_IN);
	}
	return got;
}

/*
 * Packets are the inner port's once it has taken them, so they are written down first; those it did
 * not take are struck out again.
 */
static uint16_t capture_tx(void *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	struct capture *c = port;
	struct capture_queue *q = &c->queue[queue];
	uint64_t now_us = c->clock(c->clock_arg);
	uint16_t done = 0;

	while (done < n) {
		size_t end[BURST + 1];
		uint16_t k = 0, taken;

		if (!has_room(c, q, m[done]))
			drain(c, q);
		end[0] = q->used;
		while (k < BURST && done + k < n && has_room(c, q, m[done + k])) {
			append(c, q, m[done + k], now_us, PCAPNG_OUT);
			end[++k] = q->used;
		}
		taken = c->inner->ops->tx(c->inner->priv, queue, m + done, k);
		q->used = end[taken];
		done += taken;
		if (taken < k)
			break;
	}
	return done;
}

static void capture_flush(void *port, uint16_t queue)
{
	struct capture *c = port;
	struct capture_queue *q = &c->queue[queue];

	if (q->used > BUFFER_BYTES / 2 ||
		(q->used > 0 && c->clock(c->clock_arg) - q->oldest_us >= AGE_US_MAX))
		drain(c, q);
	if (c->inner->ops->flush != NULL)
		c->inner->ops->flush(c->inner->priv, queue);
}

static uint64_t capture_deadline(void *port, uint16_t queue)
{
	const struct capture *c = port;

	/* What waits to be written is no reason to wake up. */
	return c->inner->ops->deadline != NULL ? c->inner->ops->deadline(c->inner->priv, queue)
					       : HR_NEVER;
}

static int capture_caps(void *port, struct hr_port_caps *caps)
{
	return hr_port_caps(((struct capture *)port)->inner, caps);
}

static int capture_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct capture *c = port;

	if (c->queue != NULL)
		return hr_error(err, errlen, -EBUSY,
			"capture(file=%s): this port was started before", c->path);
	if (setup->queues == 0 || setup->clock == NULL)
		return hr_error(err, errlen, -EINVAL,
			"capture(...) needs at least one queue, and a clock for its times");
	c->clock = setup->clock;
	c->clock_arg = setup->clock_arg;
	c->queue = calloc(setup->queues, sizeof(*c->queue));
	for (; c->queue != NULL && c->queues < setup->queues; c->queues++) {
		c->queue[c->queues].buffer = malloc(BUFFER_BYTES);
		if (c->queue[c->queues].buffer == NULL)
			break;
	}
	if (c->queues < setup->queues)
		return hr_error(err, errlen, -ENOMEM, "capture(file=%s): no memory for %u queues",
			c->path, setup->queues);
	return c->inner->ops->start(c->inner->priv, setup, err, errlen);
}

static int capture_set_reta(void *port, const uint16_t *reta, uint16_t n)
{
	return hr_port_set_reta(((struct capture *)port)->inner, reta, n);
}

static int capture_stats(void *port, struct hr_port_stats *s)
{
	return hr_port_stats(((struct capture *)port)->inner, s);
}

static bool capture_link_up(void *port)
{
	const struct hr_port *inner = ((struct capture *)port)->inner;

	return inner->ops->link_up == NULL || inner->ops->link_up(inner->priv);
}

static void capture_close(void *port)
{
	struct capture *c = port;

	for (uint16_t i = 0; i < c->queues; i++) {
		drain(c, &c->queue[i]);
		free(c->queue[i].buffer);
	}
	free(c->queue);
	if (close(c->fd) < 0 && c->failed == 0)
		c->failed = errno;
	/* Closing returns nothing, but a cut file must not look whole. */
	if (c->failed != 0)
		fprintf(stderr, "capture(file=%s): the file is not complete: %s\n", c->path,
			strerror(c->failed));
	pthread_mutex_destroy(&c->lock);
	hr_port_close(c->inner);
	free(c);
}

static const struct hr_port_ops capture_ops = {
	.driver = "capture",
	.caps = capture_caps,
	.start = capture_start,
	.rx = capture_rx,
	.tx = capture_tx,
	.flush = capture_flush,
	.deadline = capture_deadline,
	.set_reta = capture_set_reta,
	.stats = capture_stats,
	.link_up = capture_link_up,
	.close = capture_close,
};

static int parse_capture(
	const struct hr_port_args *args, struct capture *c, char *err, size_t errlen)
{
	static const char *const known[] = {"file", "snaplen", NULL};
	const char *path = hr_port_arg(args, "file"), *snaplen = hr_port_arg(args, "snaplen");
	uint64_t bytes = SNAPLEN_MAX;
	int rc = hr_port_args_known(args, known, "capture(...)", err, errlen);

	if (rc < 0)
		return rc;
	if (path == NULL || path[0] == '\0')
		return hr_error(err, errlen, -EINVAL,
			"capture(...) needs a file: write capture(file=a.pcapng)");
	if (snaplen != NULL &&
		(hr_parse_bytes(snaplen, &bytes, NULL, 0) < 0 || bytes < 14 || bytes > SNAPLEN_MAX))
		return hr_error(err, errlen, -EINVAL,
			"capture(snaplen=%.40s): give bytes per packet from 14 to %d", snaplen,
			SNAPLEN_MAX);
	snprintf(c->path, sizeof(c->path), "%s", path);
	c->snaplen = (uint32_t)bytes;
	return 0;
}

/* Open the file and write its head. */
static int open_file(struct capture *c, struct hr_port *inner, char *err, size_t errlen)
{
	uint8_t head[PCAPNG_HEAD_BYTES];
	struct hr_port_caps caps;
	int rc = hr_port_caps(inner, &caps);

	if (rc < 0)
		return hr_error(err, errlen, rc,
			"capture(file=%s): the port it wraps does not say what it is", c->path);
	c->fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->fd < 0)
		return hr_error(err, errlen, -errno, "capture(file=%s): cannot be written: %s",
			c->path, strerror(errno));
	rc = write_all(c->fd, head, hr_pcapng_head(head, caps.name, c->snaplen));
	if (rc != 0) {
		close(c->fd);
		return hr_error(err, errlen, -rc, "capture(file=%s): cannot be written: %s",
			c->path, strerror(rc));
	}
	return 0;
}

static int capture_open(const char *spec, const struct hr_port_args *args, struct hr_port *inner,
	struct hr_port **port, char *err, size_t errlen)
{
	struct capture *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return hr_error(err, errlen, -ENOMEM, "capture(...): no memory");
	rc = parse_capture(args, c, err, errlen);
	if (rc == 0)
		rc = open_file(c, inner, err, errlen);
	if (rc == 0) {
		rc = hr_port_create(&capture_ops, c, port);
		if (rc < 0) {
			close(c->fd);
			hr_error(err, errlen, rc, "capture(...): no memory");
		}
	}
	if (rc < 0) {
		free(c);
		return rc;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->inner = inner;
	return 0;
}

const struct hr_port_driver hr_capture_driver = {
	.name = "capture",
	.wrapper = true,
	.open = capture_open,
};
