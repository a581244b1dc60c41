/* SPDX-License-Identifier: BSD-3-Clause */
#include "bottleneck.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "common/eal.h"

#define HEADERS 54u /* Ethernet, IPv4, TCP */

enum { SENDER, RECEIVER };

/* A segment arrives, or (flags 0) a flow begins. */
struct neck_event {
	uint64_t at_us, serial;
	struct neck_flow *f;
	unsigned to;
	struct tcp_out o;
};

static struct rte_mempool *pool;

void neck_setup(void)
{
	test_eal_start(64);
	pool = test_pool(8192);
}

void neck_init(struct neck *n, unsigned flows)
{
	memset(n, 0, sizeof(*n));
	n->n_flows = flows;
	n->seed = 1;
	n->run_us = 60000000;
	n->jitter_us = 250;
	for (unsigned i = 0; i < flows; i++) {
		struct neck_flow *f = &n->flow[i];

		f->params = hr_tcp_params_default;
		f->params.rcv_buf_bytes = 1 << 24;
		f->params.rcv_buf_max_bytes = 0;
		f->params.snd_buf_bytes = 1 << 24;
		f->params.snd_buf_max_bytes = 0;
		f->params.wscale = 255;
		f->rtt_us = 20000;
		f->number = i;
	}
}

/* --- events --- */

static bool before(const struct neck_event *a, const struct neck_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

static void event_add(struct neck *n, struct neck_event ev)
{
	uint32_t i = n->n_events++;

	if (n->n_events > n->cap_events) {
		n->cap_events = n->cap_events * 2 + 1024;
		n->heap = realloc(n->heap, n->cap_events * sizeof(*n->heap));
		must(n->heap != NULL);
	}
	ev.serial = ++n->serial;
	for (; i > 0 && before(&ev, &n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = ev;
}

static struct neck_event event_take(struct neck *n)
{
	struct neck_event first = n->heap[0], last = n->heap[--n->n_events];
	uint32_t i = 0, kid;

	while ((kid = 2 * i + 1) < n->n_events) {
		if (kid + 1 < n->n_events && before(&n->heap[kid + 1], &n->heap[kid]))
			kid++;
		if (!before(&n->heap[kid], &last))
			break;
		n->heap[i] = n->heap[kid];
		i = kid;
	}
	n->heap[i] = last;
	return first;
}

/* --- the path --- */

static void to_receiver(struct neck *n, struct neck_flow *f, struct tcp_out *o)
{
	uint64_t now_ns = n->now_us * 1000, len = o->payload_len + HEADERS, backlog;
	uint64_t at_us = n->now_us;

	f->sent += o->payload_len;
	if (o->payload_len != 0 && n->loss > 0 && hr_rng_chance(&n->rng, n->loss)) {
		f->dropped++;
		return;
	}
	if (n->rate_bps != 0) {
		n->free_ns = RTE_MAX(n->free_ns, now_ns);
		backlog = (n->free_ns - now_ns) * n->rate_bps / 8 / 1000000000;
		if (backlog + len > n->queue_bytes) {
			f->dropped++;
			return;
		}
		n->max_queue = RTE_MAX(n->max_queue, backlog + len);
		if (n->mark_bytes != 0 && backlog > n->mark_bytes && (o->tos & 3) != 0) {
			o->tos |= 3;
			f->marked++;
		}
		n->free_ns += len * 8 * 1000000000 / n->rate_bps;
		at_us = n->free_ns / 1000;
		if (at_us - n->t0 >= n->warm_us && at_us - n->t0 < n->run_us)
			n->wire_bytes += len;
	}
	event_add(n, (struct neck_event){
			     .at_us = at_us + f->rtt_us / 2, .f = f, .to = RECEIVER, .o = *o});
}

static void send_out(struct neck *n, struct neck_flow *f, unsigned from, const struct tcp_out *o)
{
	uint32_t at = 0;

	do {
		struct tcp_out piece = *o;

		piece.seq = o->seq + at;
		piece.payload_len = o->payload_len - at;
		if (o->seg_size != 0)
			piece.payload_len = RTE_MIN(piece.payload_len, (uint32_t)o->seg_size);
		if (at != 0)
			piece.flags &= (uint8_t)~TCPF_CWR;
		at += piece.payload_len;
		if (from == SENDER)
			to_receiver(n, f, &piece);
		else {
			/* Hosts are not clockwork: without this, phase decides whose segments meet
			 * a full queue (Floyd and Jacobson 1991). ACKs keep their order. */
			f->back_us =
				hr_max(f->back_us, n->now_us + f->rtt_us / 2 +
							   hr_rng_below(&n->rng, n->jitter_us + 1));
			event_add(
				n, (struct neck_event){
					   .at_us = f->back_us, .f = f, .to = SENDER, .o = piece});
		}
	} while (at < o->payload_len);
}

static struct tcp_seg received(struct neck *n, const struct tcp_out *o)
{
	struct tcp_seg s = {.m = rte_pktmbuf_alloc(pool),
		.seq = o->seq,
		.ack = o->ack,
		.tsval = o->tsval,
		.tsecr = o->tsecr,
		.wnd = o->wnd,
		.flags = o->flags,
		.opts = o->opts,
		.wscale = o->wscale,
		.mss = o->mss_opt,
		.tos = o->tos,
		.family = 4,
		.payload_len = o->payload_len};

	must(s.m != NULL);
	for (; s.sack_n < o->sack_n && (o->opts & TCPO_SACK); s.sack_n++) {
		rte_be32_t b[2] = {rte_cpu_to_be_32(o->sack[s.sack_n].left),
			rte_cpu_to_be_32(o->sack[s.sack_n].right)};

		memcpy(rte_pktmbuf_append(s.m, sizeof(b)), b, sizeof(b));
	}
	s.payload_off = rte_pktmbuf_data_len(s.m);
	must(rte_pktmbuf_append(s.m, (uint16_t)s.payload_len) != NULL);
	return s;
}

/* --- the hosts --- */

static void pull(struct neck *n, struct neck_flow *f, unsigned side)
{
	struct tcb *t = f->end[side];
	struct tcp_out o;
	uint32_t ev;

	if (side == SENDER && t->state == TCPS_ESTABLISHED) {
		int64_t room = hr_tcp_send_room(&n->ctx, t);

		if (room > 0 && (f->stop_us == 0 || n->now_us - n->t0 < f->stop_us))
			hr_tcp_send_pull(&n->ctx, t, (uint32_t)room);
	}
	if (side == RECEIVER && t->rcv_held != 0) {
		f->delivered += t->rcv_held;
		if (n->now_us - n->t0 >= n->warm_us)
			f->counted += t->rcv_held;
		hr_tcp_consume(&n->ctx, t, t->rcv_held, n->now_us);
	}
	while (hr_tcp_output(&n->ctx, t, 65536, n->now_us, &o, &ev))
		send_out(n, f, side, &o);
	if (side == SENDER && n->trace != NULL)
		n->trace(n, f, n->trace_arg);
	hr_tcb_check(&n->ctx, t);
}

static struct tcb *tcb_new(void)
{
	struct tcb *t;

	must(posix_memalign((void **)&t, RTE_CACHE_LINE_SIZE, sizeof(*t)) == 0);
	memset(t, 0, sizeof(*t));
	return t;
}

static struct hr_flow_key key(const struct neck_flow *f, unsigned side)
{
	struct hr_flow_key k = {.laddr_id = 1 + side};

	k.lport = side == SENDER ? (uint16_t)(40000 + f->number) : 80;
	k.rport = side == SENDER ? 80 : (uint16_t)(40000 + f->number);
	k.raddr4 = RTE_BE32(0xc6120002) + (side << 24);
	return k;
}

static struct tcp_path path(struct neck *n, const struct neck_flow *f)
{
	int i = hr_tcp_params_add(&n->ctx, &f->params);

	must(i >= 0);
	return (struct tcp_path){.mtu = 1500, .params = (uint16_t)i};
}

static void hears(struct neck *n, struct neck_flow *f, unsigned side, const struct tcp_out *out)
{
	struct tcp_path p = path(n, f);
	struct tcp_seg s = received(n, out);
	struct tcp_out o;
	enum hr_drop drop;

	if (f->end[side] == NULL) {
		struct hr_flow_key k = key(f, side);

		if (!f->listening) {
			must(hr_syn_open(&n->ctx, &f->syn, &k, &p, &s, n->now_us, &o) == DROP_NONE);
			f->listening = true;
			send_out(n, f, side, &o);
		} else if (hr_syn_input(&n->ctx, &f->syn, &p, &s, n->now_us, &o, &drop) ==
			   SYN_ACCEPT) {
			f->end[side] = tcb_new();
			hr_tcp_accept(&n->ctx, f->end[side], &f->syn, &p, n->now_us);
		}
		if (f->end[side] == NULL) {
			rte_pktmbuf_free(s.m);
			return;
		}
	}
	hr_tcp_input(&n->ctx, f->end[side], &s, n->now_us);
	pull(n, f, side);
}

static void begin(struct neck *n, struct neck_flow *f)
{
	struct tcp_path p = path(n, f);

	f->end[SENDER] = tcb_new();
	f->end[SENDER]->key = key(f, SENDER);
	hr_tcp_connect(&n->ctx, f->end[SENDER], &p, n->now_us);
	pull(n, f, SENDER);
}

/* The earliest deadline of a connection. */
static uint64_t next_deadline(struct neck *n, struct neck_flow **f, unsigned *side)
{
	uint64_t least = HR_NEVER;

	for (unsigned i = 0; i < n->n_flows; i++)
		for (unsigned s = 0; s < 2; s++) {
			struct tcb *t = n->flow[i].end[s];
			uint64_t at = t != NULL ? hr_tcp_deadline(&n->ctx, t, n->now_us) : HR_NEVER;

			if (at < least) {
				least = at;
				*f = &n->flow[i];
				*side = s;
			}
		}
	return least;
}

static void open_stage(struct neck *n)
{
	char err[HR_ERRLEN];

	hr_rng_seed(&n->rng, n->seed);
	n->now_us = n->t0 = 1000000 + hr_rng_below(&n->rng, 1 << 30);
	must(hr_slab_init(&n->ranges, "ranges", sizeof(struct tx_range), 1 << 18, -1, err,
		     sizeof(err)) == 0);
	must(hr_slab_init(&n->exts, "exts", sizeof(struct tcb_ext), 64, -1, err, sizeof(err)) == 0);
	n->ctx.ranges = &n->ranges;
	n->ctx.exts = &n->exts;
	n->ctx.m = &n->m;
	n->ctx.mark_off = hr_mark_register(err, sizeof(err));
	n->ctx.isn_key[0] = n->seed;
	must(n->ctx.mark_off > 0);
	for (unsigned i = 0; i < n->n_flows; i++)
		event_add(n, (struct neck_event){
				     .at_us = n->t0 + n->flow[i].start_us, .f = &n->flow[i]});
}

static void close_stage(struct neck *n)
{
	for (unsigned i = 0; i < n->n_flows; i++) {
		struct neck_flow *f = &n->flow[i];

		hr_tcp_info(&n->ctx, f->end[SENDER], &f->info);
		for (unsigned s = 0; s < 2; s++) {
			if (f->end[s] != NULL)
				hr_tcp_release(&n->ctx, f->end[s]);
			free(f->end[s]);
		}
	}
	must(n->ranges.live == 0 && n->exts.live == 0);
	hr_slab_fini(&n->ranges);
	hr_slab_fini(&n->exts);
	free(n->heap);
	must(test_pool_out(pool) == 0);
}

void neck_run(struct neck *n)
{
	open_stage(n);
	for (;;) {
		struct neck_flow *f = NULL;
		unsigned side = 0;
		uint64_t timer = next_deadline(n, &f, &side);
		uint64_t packet = n->n_events != 0 ? n->heap[0].at_us : HR_NEVER;

		if (hr_min(timer, packet) >= n->t0 + n->run_us)
			break;
		n->now_us = hr_max(n->now_us, hr_min(timer, packet));
		if (packet <= timer) {
			struct neck_event ev = event_take(n);

			if (ev.o.flags == 0)
				begin(n, ev.f);
			else
				hears(n, ev.f, ev.to, &ev.o);
		} else {
			hr_tcp_expire(&n->ctx, f->end[side], n->now_us);
			pull(n, f, side);
		}
	}
	close_stage(n);
}

/* --- figures --- */

double neck_goodput(const struct neck *n, unsigned flow)
{
	return (double)n->flow[flow].counted * 8e6 / (double)(n->run_us - n->warm_us);
}

double neck_jain(const struct neck *n)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < n->n_flows; i++) {
		double x = (double)n->flow[i].counted;

		sum += x;
		squares += x * x;
	}
	return sum * sum / (n->n_flows * squares);
}

double neck_utilisation(const struct neck *n)
{
	return (double)n->wire_bytes * 8e6 / (double)(n->run_us - n->warm_us) / (double)n->rate_bps;
}
