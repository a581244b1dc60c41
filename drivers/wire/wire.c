/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is joined to whom: "wire:NAME[/a|/b][,queues=N][,depth=N][,mtu=N][,rss][,caps=csum+tso]". The
 * first to open a name gets end a, the second end b; the wire goes away when both have closed it.
 * Names are kept where DPDK keeps names, in memzones, so that this file has no table of its own.
 * The data path is io.c's.
 */
#include "wire/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_thash.h>

#define ZONE_PREFIX "hr_wire_"
#define MTU_MIN     68
#define MTU_MAX     9000
#define MTU_DEFAULT 1500
#define DEPTH_MAX   65536

/* Slots per ring by default: so many for each receiving queue, shared out among the senders'
 * queues. */
#define SLOTS_PER_QUEUE 1024
#define DEPTH_FLOOR     64
/* A 64 KB TSO frame must fit as a whole, cut in pieces of 88 bytes at least. */
#define DEPTH_TSO 1024

/* The key that Microsoft's RSS test vectors use, and most drivers by default. */
static const uint8_t default_key[WIRE_KEY_BYTES] __rte_aligned(4) = {0x6d, 0x5a, 0x56, 0xda, 0x25,
	0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7,
	0x3b, 0xbe, 0xac, 0x01, 0xfa};

/* What one opener asked for; 0 = did not say. */
struct request {
	char name[WIRE_NAME_MAX + 1];
	int side; /* -1 = whichever is free */
	uint32_t caps;
	uint32_t queues, depth, mtu;
};

/* DPDK's own lock for process-wide registries: ends are opened, started and closed under it. */
static void registry_lock(void)
{
	rte_mcfg_tailq_write_lock();
}

static void registry_unlock(void)
{
	rte_mcfg_tailq_write_unlock();
}

static bool wire_match(const char *spec)
{
	return strncmp(spec, "wire:", 5) == 0;
}

static int parse_number(const struct hr_port_args *args, const char *key, uint32_t min,
	uint32_t max, uint32_t *out, const char *what, char *err, size_t errlen)
{
	const char *text = hr_port_arg(args, key);
	char *end;

	*out = 0;
	if (text == NULL)
		return 0;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v < min || v > max)
		return hr_error(err, errlen, -EINVAL,
			"%s: %s=%s is not a number from %" PRIu32 " to %" PRIu32, what, key, text,
			min, max);
	*out = (uint32_t)v;
	return 0;
}

/* "csum+tso+rss" */
static int parse_caps(const char *text, uint32_t *caps, const char *what, char *err, size_t errlen)
{
	static const char *const names[] = {"csum", "tso", "rss", NULL};
	static const uint32_t bits[] = {HR_OFFLOAD_RX_CSUM | HR_OFFLOAD_TX_CSUM,
		HR_OFFLOAD_RX_CSUM | HR_OFFLOAD_TX_CSUM | HR_OFFLOAD_TSO, HR_OFFLOAD_RSS};

	while (text != NULL && *text != '\0') {
		char word[32], suggestion[64];
		size_t len = strcspn(text, "+");
		unsigned i = 0;

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		while (names[i] != NULL && strcmp(names[i], word) != 0)
			i++;
		if (names[i] == NULL)
			return hr_error(err, errlen, -EINVAL,
				"%s: caps=%s is unknown%s (known: csum, tso, rss, joined by +)",
				what, word,
				hr_port_suggest(word, names, suggestion, sizeof(suggestion)));
		*caps |= bits[i];
		text += len + (text[len] == '+');
	}
	return 0;
}

static int parse_request(const char *spec, struct request *q, char *err, size_t errlen)
{
	static const char *const known[] = {"queues", "depth", "rss", "mtu", "caps", NULL};
	const char *name = spec + strlen("wire:");
	size_t len = strcspn(name, ",/"), rest = len;
	struct hr_port_args args;
	char what[WIRE_NAME_MAX + 8];
	int rc;

	memset(q, 0, sizeof(*q));
	q->side = -1;
	if (len == 0)
		return hr_error(err, errlen, -EINVAL,
			"\"%.60s\" has no name: write wire:NAME, as in wire:0", spec);
	if (len > WIRE_NAME_MAX)
		return hr_error(err, errlen, -EINVAL,
			"wire:%.40s: the name is longer than %d letters", name, WIRE_NAME_MAX);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") < len)
		return hr_error(err, errlen, -EINVAL,
			"wire:%.*s: a name has letters, digits, '_', '.' and '-' only", (int)len,
			name);
	memcpy(q->name, name, len);
	snprintf(what, sizeof(what), "wire:%s", q->name);
	if (name[len] == '/') {
		size_t side_len = strcspn(name + len + 1, ",");

		if (side_len != 1 || (name[len + 1] != 'a' && name[len + 1] != 'b'))
			return hr_error(err, errlen, -EINVAL,
				"%s/%.*s: the ends of a wire are /a and /b", what,
				(int)RTE_MIN(side_len, (size_t)20), name + len + 1);
		q->side = name[len + 1] - 'a';
		rest = len + 2;
	}
	if (name[rest] == ',' && name[rest + 1] == '\0')
		return hr_error(err, errlen, -EINVAL, "%s: nothing after the comma", what);
	rc = hr_port_args_parse(name[rest] == ',' ? name + rest + 1 : "", &args, what, err, errlen);
	if (rc == 0)
		rc = hr_port_args_known(&args, known, what, err, errlen);
	if (rc == 0)
		rc = parse_number(
			&args, "queues", 1, WIRE_QUEUES_MAX, &q->queues, what, err, errlen);
	if (rc == 0)
		rc = parse_number(&args, "depth", 2, DEPTH_MAX, &q->depth, what, err, errlen);
	if (rc == 0)
		rc = parse_number(&args, "mtu", MTU_MIN, MTU_MAX, &q->mtu, what, err, errlen);
	if (rc == 0)
		rc = parse_caps(hr_port_arg(&args, "caps"), &q->caps, what, err, errlen);
	if (rc < 0)
		return rc;
	if (hr_port_arg(&args, "rss") != NULL || q->queues != 1)
		q->caps |= HR_OFFLOAD_RSS;
	return 0;
}

/* The wire of that name, made when there is none. */
static struct wire *find_or_make(const struct request *q, int *rc, char *err, size_t errlen)
{
	char zone_name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *zone;
	struct wire *w;

	snprintf(zone_name, sizeof(zone_name), ZONE_PREFIX "%s", q->name);
	zone = rte_memzone_lookup(zone_name);
	if (zone != NULL)
		return *(struct wire **)zone->addr;

	w = aligned_alloc(128, RTE_ALIGN_CEIL(sizeof(*w), 128));
	zone = w != NULL ? rte_memzone_reserve(zone_name, sizeof(w), SOCKET_ID_ANY, 0) : NULL;
	if (zone == NULL) {
		*rc = hr_error(err, errlen, -ENOMEM,
			"wire:%s: no memory for it (%s): is EAL up, and is its memory (-m) used "
			"up?",
			q->name, w == NULL ? "malloc" : rte_strerror(rte_errno));
		free(w);
		return NULL;
	}
	memset(w, 0, sizeof(*w));
	*(struct wire **)zone->addr = w;
	w->zone = zone;
	w->mtu = (uint16_t)(q->mtu != 0 ? q->mtu : MTU_DEFAULT);
	w->frame_max = w->mtu + WIRE_L2_BYTES;
	w->depth = q->depth;
	memcpy(w->name, q->name, sizeof(w->name));
	for (unsigned i = 0; i < 2; i++) {
		w->end[i].wire = w;
		w->end[i].peer = &w->end[!i];
		w->end[i].side = (uint8_t)i;
	}
	return w;
}

static int busy_end(const struct wire *w, const struct request *q, char *err, size_t errlen)
{
	if (w->end[0].closed || w->end[1].closed)
		return hr_error(err, errlen, -EBUSY,
			"wire:%s: end /%c was closed and the other is still open: close that too",
			w->name, "ab"[w->end[1].closed]);
	if (q->side >= 0 && !w->end[!q->side].open)
		return hr_error(err, errlen, -EBUSY,
			"wire:%s: end /%c is in use: open the other one", w->name, "ab"[q->side]);
	return hr_error(err, errlen, -EBUSY,
		"wire:%s: both of its ends are in use: choose another name", w->name);
}

/* The end that this request gets, or NULL with a sentence. */
static struct wire_end *choose_end(
	struct wire *w, const struct request *q, int *rc, char *err, size_t errlen)
{
	struct wire_end *e = &w->end[q->side >= 0 ? q->side : w->end[0].open];

	if (e->open) {
		*rc = busy_end(w, q, err, errlen);
		return NULL;
	}
	if (q->mtu != 0 && q->mtu != w->mtu) {
		*rc = hr_error(err, errlen, -EINVAL,
			"wire:%s: mtu=%" PRIu32 " here, but %u at its other end", w->name, q->mtu,
			w->mtu);
		return NULL;
	}
	if (q->depth != 0 && w->depth != 0 && q->depth != w->depth) {
		*rc = hr_error(err, errlen, -EINVAL,
			"wire:%s: depth=%" PRIu32 " here, but %" PRIu32 " at its other end",
			w->name, q->depth, w->depth);
		return NULL;
	}
	if (w->depth == 0)
		w->depth = q->depth;
	return e;
}

static int wire_caps(void *port, struct hr_port_caps *caps)
{
	const struct wire_end *e = port;
	uint32_t h = 2166136261u; /* FNV-1a: different names, different addresses */

	for (const char *p = e->wire->name; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	snprintf(caps->name, sizeof(caps->name), "wire:%s/%c", e->wire->name, "ab"[e->side]);
	caps->mac[0] = 0x02; /* locally administered, unicast */
	memcpy(&caps->mac[1], &h, sizeof(h));
	caps->mac[5] = (uint8_t)(0x0a + e->side);
	caps->mtu = e->wire->mtu;
	caps->max_queues = e->max_queues;
	caps->offloads = e->caps;
	caps->copies_tx = true;
	caps->tx_segs = UINT16_MAX;
	if (e->caps & HR_OFFLOAD_TSO)
		caps->tso_bytes = UINT16_MAX;
	if (e->caps & HR_OFFLOAD_RSS) {
		caps->reta_size = WIRE_RETA_SIZE;
		caps->rss_key_len = WIRE_KEY_BYTES;
		memcpy(caps->rss_key, default_key, WIRE_KEY_BYTES);
	}
	return 0;
}

/* Rings of one direction over slots at `memory`. */
static int make_rings(struct wire_end *from, uint32_t depth, uint32_t stride, uint8_t *memory)
{
	unsigned n = (unsigned)from->queues * from->peer->queues;
	struct wire_ring *rings = aligned_alloc(128, n * sizeof(*rings));

	if (rings == NULL)
		return -ENOMEM;
	memset(rings, 0, n * sizeof(*rings));
	for (unsigned i = 0; i < n; i++) {
		rings[i].slots = memory + (size_t)i * depth * stride;
		rings[i].mask = depth - 1;
		rings[i].stride = stride;
	}
	from->rings = rings;
	return 0;
}

/*
 * Both ends are started: now the number of queues is known. Slots are an odd number of cache lines
 * apart, so that the first lines of frames spread over all sets of the caches; memory becomes
 * resident as slots are first written.
 */
static int join(struct wire *w, char *err, size_t errlen)
{
	struct wire_end *a = &w->end[0], *b = &w->end[1];
	uint32_t stride =
		RTE_ALIGN_CEIL((uint32_t)sizeof(struct wire_slot) + w->frame_max, 64u) | 64u;
	uint32_t depth = w->depth;
	size_t rings = (size_t)a->queues * b->queues;

	if (depth == 0) {
		depth = SLOTS_PER_QUEUE / RTE_MAX(a->queues, b->queues);
		depth = RTE_MAX(depth, (uint32_t)DEPTH_FLOOR);
	}
	if ((a->offloads | b->offloads) & HR_OFFLOAD_TSO)
		depth = RTE_MAX(depth, (uint32_t)DEPTH_TSO);
	depth = rte_align32pow2(depth);

	w->memory_bytes = 2 * rings * depth * stride;
	w->memory = mmap(NULL, w->memory_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		return hr_error(err, errlen, -ENOMEM,
			"wire:%s: no address space for %zu MB of slots: use a smaller "
			"depth= or fewer queues",
			w->name, w->memory_bytes >> 20);
	}
	/* Without transparent hugepages this is refused, which costs a little speed and nothing
	 * else. */
	(void)madvise(w->memory, w->memory_bytes, MADV_HUGEPAGE);
	if (make_rings(a, depth, stride, w->memory) < 0 ||
		make_rings(b, depth, stride, (uint8_t *)w->memory + w->memory_bytes / 2) < 0)
		return hr_error(err, errlen, -ENOMEM, "wire:%s: no memory for its rings", w->name);
	__atomic_store_n(&w->link, WIRE_UP, __ATOMIC_RELEASE);
	return 0;
}

static int check_setup(
	const struct wire_end *e, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	char what[WIRE_NAME_MAX + 16];

	snprintf(what, sizeof(what), "wire:%s/%c", e->wire->name, "ab"[e->side]);
	if (e->started)
		return hr_error(err, errlen, -EBUSY, "%s: this end was started before", what);
	if (setup->queues == 0 || setup->queues > e->max_queues)
		return hr_error(err, errlen, -EINVAL, "%s: %u queues are asked for, it has %u%s",
			what, setup->queues, e->max_queues,
			e->max_queues < WIRE_QUEUES_MAX ? ": write a larger queues=" : "");
	if (setup->offloads & ~e->caps)
		return hr_error(err, errlen, -EINVAL,
			"%s: offloads 0x%" PRIx32 " are asked for and not there: add caps=", what,
			setup->offloads & ~e->caps);
	for (unsigned i = 0; setup->reta != NULL && i < WIRE_RETA_SIZE; i++)
		if (setup->reta[i] >= setup->queues)
			return hr_error(err, errlen, -EINVAL,
				"%s: RETA entry %u names queue %u of %u", what, i, setup->reta[i],
				setup->queues);
	return 0;
}

static int wire_start(void *port, const struct hr_port_setup *setup, char *err, size_t errlen)
{
	struct wire_end *e = port;
	int rc = check_setup(e, setup, err, errlen);

	if (rc < 0)
		return rc;
	registry_lock();
	e->queues = setup->queues;
	e->offloads = setup->offloads;
	for (unsigned i = 0; i < WIRE_RETA_SIZE; i++)
		e->reta[i] = setup->reta != NULL ? setup->reta[i] : (uint16_t)(i % setup->queues);
	for (unsigned i = 0; i < setup->queues; i++)
		e->rxq[i].pool = setup->pools[i];
	e->started = true;
	if (e->peer->started && !e->peer->closed)
		rc = join(e->wire, err, errlen);
	registry_unlock();
	return rc;
}

static int wire_set_reta(void *port, const uint16_t *reta, uint16_t n)
{
	struct wire_end *e = port;

	if (!(e->caps & HR_OFFLOAD_RSS))
		return -ENOTSUP;
	if (n != WIRE_RETA_SIZE)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		if (reta[i] >= e->queues)
			return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		__atomic_store_n(&e->reta[i], reta[i], __ATOMIC_RELAXED);
	return 0;
}

static int wire_stats(void *port, struct hr_port_stats *s)
{
	const struct wire_end *e = port;

	for (unsigned i = 0; i < e->queues; i++) {
		const struct wire_counts *rx = &e->rxq[i].count, *tx = &e->txq[i].count;

		s->rx_packets += __atomic_load_n(&rx->packets, __ATOMIC_RELAXED);
		s->rx_bytes += __atomic_load_n(&rx->bytes, __ATOMIC_RELAXED);
		s->rx_nombuf += __atomic_load_n(&rx->refused, __ATOMIC_RELAXED);
		s->tx_packets += __atomic_load_n(&tx->packets, __ATOMIC_RELAXED);
		s->tx_bytes += __atomic_load_n(&tx->bytes, __ATOMIC_RELAXED);
		s->tx_full += __atomic_load_n(&tx->refused, __ATOMIC_RELAXED);
	}
	return 0;
}

static bool wire_link_up(void *port)
{
	const struct wire_end *e = port;

	return __atomic_load_n(&e->wire->link, __ATOMIC_ACQUIRE) == WIRE_UP;
}

static void free_wire(struct wire *w)
{
	if (w->memory != NULL)
		munmap(w->memory, w->memory_bytes);
	free(w->end[0].rings);
	free(w->end[1].rings);
	rte_memzone_free(w->zone);
	free(w);
}

static void wire_close(void *port)
{
	struct wire_end *e = port;
	struct wire *w = e->wire;

	registry_lock();
	e->closed = true;
	__atomic_store_n(&w->link, WIRE_DOWN, __ATOMIC_RELEASE);
	if (!e->peer->open || e->peer->closed)
		free_wire(w);
	registry_unlock();
}

static const struct hr_port_ops wire_ops = {
	.driver = "wire",
	.caps = wire_caps,
	.start = wire_start,
	.rx = hr_wire_rx,
	.tx = hr_wire_tx,
	.deadline = hr_wire_deadline,
	.set_reta = wire_set_reta,
	.stats = wire_stats,
	.link_up = wire_link_up,
	.close = wire_close,
};

static int wire_open(const char *spec, const struct hr_port_args *args, struct hr_port *inner,
	struct hr_port **port, char *err, size_t errlen)
{
	struct request q;
	struct wire_end *e = NULL;
	int rc = parse_request(spec, &q, err, errlen);

	if (rc < 0)
		return rc;
	registry_lock();
	struct wire *w = find_or_make(&q, &rc, err, errlen);

	if (w != NULL)
		e = choose_end(w, &q, &rc, err, errlen);
	if (e != NULL) {
		e->max_queues = (uint16_t)(q.queues != 0 ? q.queues : WIRE_QUEUES_MAX);
		e->caps = q.caps;
		rte_convert_rss_key((const uint32_t *)default_key, e->key, WIRE_KEY_BYTES);
		e->open = true;
	}
	registry_unlock();
	if (e == NULL)
		return rc;
	rc = hr_port_create(&wire_ops, e, port);
	if (rc < 0) {
		wire_close(e);
		return hr_error(err, errlen, rc, "wire:%s: no memory", q.name);
	}
	return 0;
}

const struct hr_port_driver hr_wire_driver = {
	.name = "wire",
	.match = wire_match,
	.open = wire_open,
};
