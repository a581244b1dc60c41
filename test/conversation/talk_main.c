/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations: the transcript, the comparison of what was said with what the script expects, and
 * the runner that gives every script every world and checks at its end that no mbuf, range or
 * extension is left over.
 */
#include "talk_internal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/eal.h"

static const struct talk_world worlds[] = {
	{"plain", 1000, 5000, 1000000, false},
	/* sequence numbers and the microsecond clock wrap within the script */
	{"wrap", 0xfffffff0, 0xfffffe0c, ((UINT64_C(1) << 32) / 1000 - 150) * 1000, false},
	/* signs of differences change, the millisecond clock wraps, IPv6 */
	{"late", 0x7ffffff0, 0x7fffff00, (UINT64_C(1) << 32) * 1000 - 250000, true},
	/* as plain, each segment by the general way */
	{"general", 1000, 5000, 1000000, false, true},
};

static struct rte_mempool *pool;
static struct talk *current;

/* --- transcript
 * --------------------------------------------------------------------------------------------------------
 */

static void vprint(struct talk *v, const char *fmt, va_list ap)
{
	char text[512];
	uint64_t us = v->now - v->t0;
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	n = snprintf(v->log + v->log_len, sizeof(v->log) - v->log_len, "%5d %10lu.%03lu ms %s\n",
		v->line, (unsigned long)(us / 1000), (unsigned long)(us % 1000), text);
	/* A full transcript drops its first half: the end is what a reader needs. */
	if (v->log_len + (size_t)n >= sizeof(v->log)) {
		size_t half = sizeof(v->log) / 2;

		memmove(v->log, v->log + half, v->log_len - half);
		v->log_len -= half;
		n = snprintf(v->log + v->log_len, sizeof(v->log) - v->log_len, "... %s\n", text);
	}
	v->log_len += (size_t)n;
}

void talk_print(struct talk *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(v, fmt, ap);
	va_end(ap);
}

static const char *flag_text(uint8_t f, char buf[9])
{
	static const char letters[] = "FSRPAUEC";
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		if (f & BIT(i))
			buf[n++] = letters[i];
	buf[n] = '\0';
	return buf;
}

void talk_print_seg(struct talk *v, const struct tcp_seg *s)
{
	char f[9], opts[200];
	int n = 0;

	opts[0] = '\0';
	if (s->opts & TCPO_TS)
		n += snprintf(
			opts + n, sizeof(opts) - (size_t)n, " ts %u ecr %u", s->tsval, s->tsecr);
	for (unsigned i = 0; i < s->sack_n; i++) {
		struct tcp_sack b = hr_seg_sack(s, i);

		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " sack %u-%u", b.left - v->iss,
			b.right - v->iss);
	}
	talk_print(v, "< %s seq %u ack %u len %u wnd %u%s%s%s%s", flag_text(s->flags, f),
		s->seq - v->irs, s->flags & TCPF_ACK ? s->ack - v->iss : 0, s->payload_len, s->wnd,
		s->opts & TCPO_MSS ? " mss" : "", s->opts & TCPO_WSCALE ? " ws" : "",
		s->opts & TCPO_SACK_OK ? " sackok" : "", opts);
}

void talk_print_out(struct talk *v, const char *prefix, const struct tcp_out *o)
{
	char f[9], opts[200];
	int n = 0;

	opts[0] = '\0';
	if (o->opts & TCPO_MSS)
		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " mss %u", o->mss_opt);
	if (o->opts & TCPO_WSCALE)
		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " ws %u", o->wscale);
	if (o->opts & TCPO_SACK_OK)
		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " sackok");
	if (o->opts & TCPO_TS)
		n += snprintf(
			opts + n, sizeof(opts) - (size_t)n, " ts %u ecr %u", o->tsval, o->tsecr);
	if (o->opts & TCPO_UTO)
		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " uto 0x%x", o->uto);
	for (unsigned i = 0; i < 4 && (o->opts & TCPO_SACK) && i < o->sack_n; i++)
		n += snprintf(opts + n, sizeof(opts) - (size_t)n, " sack %u-%u",
			o->sack[i].left - v->irs, o->sack[i].right - v->irs);
	talk_print(v, "%s> %s seq %u ack %u len %u wnd %u%s%s", prefix, flag_text(o->flags, f),
		o->seq - v->iss, o->flags & TCPF_ACK ? o->ack - v->irs : 0, o->payload_len, o->wnd,
		opts, o->retransmit ? " (again)" : "");
}

void talk_fail(struct talk *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint(v, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s:%d in world \"%s\" (line, time, step):\n%s", v->file, v->line,
		v->world->name, v->log);
	_fail(v->file, v->line);
	abort();
}

/* must() of the core failed: print the script as for any other failure. */
static void on_abort(int sig)
{
	talk_fail(current, "must() of the core failed (above), signal %d", sig);
}

/* --- expectations
 * --------------------------------------------------------------------------------------------------------
 */

void talk_silent(struct talk *v)
{
	if (v->next_said != v->n_said) {
		talk_print_out(v, "NOT EXPECTED: ", &v->said[v->next_said].o);
		talk_fail(v, "silence was expected");
	}
	v->n_said = v->next_said = 0;
}

struct tcp_out talk_says_something(struct talk *v)
{
	if (v->next_said == v->n_said)
		talk_fail(v, "nothing was said");
	return v->said[v->next_said++].o;
}

void talk_swallow(struct talk *v)
{
	while (v->next_said != v->n_said)
		(void)talk_says_something(v);
}

void talk_says_segments(struct talk *v, uint32_t seq, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		talk_says(v,
			&(struct line){
				.flags = TCPF_ACK, .seq = seq + i * 1000, .ack = 1, .len = 1000});
}

static void check_options(struct talk *v, const struct line *l, const struct tcp_out *o)
{
	bool rst = (o->flags & TCPF_RST) != 0;
	bool ts = l->ts == TS_AUTO ? v->ts_on && !rst : l->ts != TS_NONE;
	unsigned n = 0;

	/* RFC 7323 3.2: on all segments or on none; a RST may do without. */
	if (ts != !!(o->opts & TCPO_TS) && !(rst && l->ts == TS_AUTO))
		talk_fail(v, "a timestamp %s expected", ts ? "was" : "was not");
	if ((o->opts & TCPO_TS) && !(o->flags & TCPF_ACK) && o->tsecr != 0)
		talk_fail(v, "TSecr without ACK must be 0 (RFC 7323 3.2)");
	if (l->ts == TS_ECHO && o->tsecr != v->peer_ts0 + l->tsecr)
		talk_fail(v, "TSecr echoes %u, expected %u", o->tsecr - v->peer_ts0, l->tsecr);
	while (n < 4 && l->sack[n].right != 0)
		n++;
	if ((o->opts & TCPO_SACK ? o->sack_n : 0) != n)
		talk_fail(v, "%u SACK blocks were expected", n);
	for (unsigned i = 0; i < n; i++)
		if (o->sack[i].left - v->irs != l->sack[i].left ||
			o->sack[i].right - v->irs != l->sack[i].right)
			talk_fail(v, "SACK block %u should be %u-%u", i, l->sack[i].left,
				l->sack[i].right);
	/* RFC 9293 MUST-65, RFC 2018 2, RFC 7323 2.2: these belong on a SYN only. */
	if (!(o->flags & TCPF_SYN) && (o->opts & (TCPO_MSS | TCPO_WSCALE | TCPO_SACK_OK)))
		talk_fail(v, "an option that belongs on a SYN");
	if ((o->flags & TCPF_SYN) && !(o->opts & TCPO_MSS))
		talk_fail(v, "a SYN without MSS");
	if (l->mss != 0 && o->mss_opt != l->mss)
		talk_fail(v, "MSS %u was expected", l->mss);
	if (l->ws != 0 && (!(o->opts & TCPO_WSCALE) || o->wscale != l->ws - 1))
		talk_fail(v, "window scale %d was expected", l->ws - 1);
}

void talk_says(struct talk *v, const struct line *l)
{
	struct tcp_out o;
	uint8_t flags;

	if (v->next_said == v->n_said)
		talk_fail(v, "nothing was said");
	o = v->said[v->next_said++].o;
	flags = l->flags & PSH ? o.flags : o.flags & ~PSH;
	if (flags != l->flags)
		talk_fail(v, "other flags were expected");
	if (l->no_psh && (o.flags & PSH))
		talk_fail(v, "PSH was not expected");
	if (o.seq - v->iss != l->seq)
		talk_fail(v, "seq %u was expected", l->seq);
	if ((o.flags & ACK) && o.ack - v->irs != l->ack)
		talk_fail(v, "ack %u was expected", l->ack);
	if (o.payload_len != l->len)
		talk_fail(v, "len %u was expected", l->len);
	if (l->wnd != 0 && o.wnd != (l->wnd == SHUT ? 0 : l->wnd))
		talk_fail(v, "wnd %d was expected", l->wnd == SHUT ? 0 : l->wnd);
	if ((o.flags & URG) && o.urg != l->urg)
		talk_fail(v, "urgent pointer %u was expected, not %u", l->urg, o.urg);
	if ((o.tos & 3) != l->ecn)
		talk_fail(
			v, "ECN bits %u were expected in the IP header, not %u", l->ecn, o.tos & 3);
	if ((o.opts & TCPO_UTO ? o.uto : 0) != l->uto)
		talk_fail(v, "user timeout option 0x%x was expected, not 0x%x", l->uto,
			o.opts & TCPO_UTO ? o.uto : 0);
	check_options(v, l, &o);
}

void talk_told(struct talk *v, uint32_t ev)
{
	if ((v->events & ev) != ev)
		talk_fail(v, "events 0x%x were expected, there were 0x%x", ev, v->events);
	v->events &= ~ev;
}

void talk_not_told(struct talk *v, uint32_t ev)
{
	if (v->events & ev)
		talk_fail(v, "events 0x%x were not expected", v->events & ev);
}

void talk_state_is(struct talk *v, enum tcp_state s)
{
	enum tcp_state is = TCPS_CLOSED;

	if (v->place == AT_CONN)
		is = v->t->state;
	else if (v->place == AT_SYN)
		is = TCPS_SYN_RECEIVED;
	else if (v->place == AT_TW)
		is = TCPS_TIME_WAIT;
	if (is != s)
		talk_fail(v, "state %s was expected, it is %s", hr_tcp_state_name(s),
			hr_tcp_state_name(is));
}

void talk_ended(struct talk *v, enum hr_reason why)
{
	talk_state_is(v, TCPS_CLOSED);
	talk_told(v, TCP_EV_CLOSED);
	if (v->reason != why)
		talk_fail(v, "reason %u was expected, it is %u", why, v->reason);
}

void talk_dropped(struct talk *v, enum hr_drop why)
{
	if (v->drop != why)
		talk_fail(v, "drop reason %u was expected, it is %u", why, v->drop);
}

void talk_counted(struct talk *v, enum hr_counter c, const char *name, uint64_t n)
{
	if (v->m.c[c] != n)
		talk_fail(v, "counter %s should be %lu, it is %lu", name, (unsigned long)n,
			(unsigned long)v->m.c[c]);
}

/* --- runner
 * --------------------------------------------------------------------------------------------------------------
 */

void talk_setup_params(struct talk *v)
{
	char err[HR_ERRLEN];

	if (v->ctx.n_params != 0)
		return;
	if (hr_tcp_params_check(&v->params, err, sizeof(err)) != 0)
		talk_fail(v, "%s", err);
	if (hr_tcp_params_add(&v->ctx, &v->params) != 0)
		talk_fail(v, "parameter set 0 was expected");
}

static struct talk *talk_new(const struct talk_world *w)
{
	struct talk *v;
	char err[HR_ERRLEN];

	if (posix_memalign((void **)&v, RTE_CACHE_LINE_SIZE, sizeof(*v)) != 0)
		abort();
	memset(v, 0, sizeof(*v));
	v->world = w;
	v->file = "?";
	v->now = v->t0 = w->start_us;
	v->irs = w->irs;
	v->peer_ts0 = w->irs - 20;
	v->peer_wnd = 65535;
	v->pool = pool;
	v->params = hr_tcp_params_default;
	/* The plain host of the scripts: a test turns on what it is about. */
	v->params.cc = HR_CC_NEWRENO;
	v->params.ecn = HR_ECN_OFF;
	v->params.quickack_segments = 0;
	v->params.rcv_buf_max_bytes = 0;
	v->params.snd_buf_max_bytes = 0;
	v->params.prr = v->params.frto = v->params.undo = v->params.hystart = false;
	v->params.limited_transmit = v->params.plpmtud = false;
	v->params.mss = 1000;
	v->path.mtu = 1500;
	v->key = (struct hr_flow_key){
		.laddr_id = w->ip6 ? HR_LADDR_V6 | 1 : 1, .lport = 40000, .rport = 80};
	v->key.raddr4 = RTE_BE32(0xc6120002);
	if (hr_slab_init(&v->ranges, "ranges", sizeof(struct tx_range), 4096, -1, err,
		    sizeof(err)) != 0 ||
		hr_slab_init(&v->exts, "exts", sizeof(struct tcb_ext), 64, -1, err, sizeof(err)) !=
			0) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	v->ctx.ranges = &v->ranges;
	v->ctx.exts = &v->exts;
	v->ctx.m = &v->m;
	v->ctx.plain = w->general;
	v->ctx.mark_off = hr_mark_register(err, sizeof(err));
	v->ctx.isn_key[0] = 0x0123456789abcdef;
	v->ctx.isn_key[1] = 0xfedcba9876543210;
	v->ctx.cookie_key[0] = 0x0f1e2d3c4b5a6978;
	v->ctx.cookie_key[1] = 0x8796a5b4c3d2e1f0;
	must(v->ctx.mark_off > 0);
	return v;
}

struct job {
	const struct talk_test *test;
	const struct talk_world *world;
};

static void run_job(void **state)
{
	const struct job *j = *state;
	struct talk *v = talk_new(j->world);
	unsigned out = test_pool_out(pool);
	struct sigaction sa = {.sa_handler = on_abort, .sa_flags = SA_NODEFER}, old;

	current = v;
	sigaction(SIGABRT, &sa, &old);
	j->test->run(v);
	talk_silent(v);
	if (v->place == AT_CONN) {
		hr_tcp_release(&v->ctx, v->t);
		free(v->t);
	}
	if (test_pool_out(pool) != out)
		talk_fail(v, "%d mbufs leaked", (int)(test_pool_out(pool) - out));
	if (v->ranges.live != 0 || v->exts.live != 0)
		talk_fail(v, "%u ranges and %u extensions leaked", v->ranges.live, v->exts.live);
	sigaction(SIGABRT, &old, NULL);
	hr_slab_fini(&v->ranges);
	hr_slab_fini(&v->exts);
	free(v);
}

int talk_main(const char *group, const struct talk_test *tests, unsigned n)
{
	unsigned total = n * RTE_DIM(worlds);
	struct CMUnitTest *list = calloc(total, sizeof(*list));
	struct job *jobs = calloc(total, sizeof(*jobs));
	char name[128];
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0); /* transcripts on stderr stay beside their tests */
	test_eal_start(64);
	pool = test_pool(8192);
	for (unsigned i = 0; i < total; i++) {
		jobs[i] = (struct job){&tests[i / RTE_DIM(worlds)], &worlds[i % RTE_DIM(worlds)]};
		snprintf(name, sizeof(name), "%s @ %s", jobs[i].test->name, jobs[i].world->name);
		list[i] = (struct CMUnitTest){strdup(name), run_job, NULL, NULL, &jobs[i]};
	}
	failed = _cmocka_run_group_tests(group, list, total, NULL, NULL);
	for (unsigned i = 0; i < total; i++)
		free((void *)(uintptr_t)list[i].name);
	free(list);
	free(jobs);
	return failed;
}
