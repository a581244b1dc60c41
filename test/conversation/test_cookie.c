/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with a listener that keeps nothing: SYN cookies (RFC 4987 3.6). */
#include "talk.h"

static void given_cookie_sent(struct talk *v, uint16_t mss, bool ts)
{
	struct line syn = {.flags = SYN, .mss = mss, .ts = ts ? TS_ON : TS_NONE};

	v->cookies = true;
	if (ts) {
		syn.ws = WS(6);
		syn.sack_ok = true;
	}
	given_listen(v);
	talk_hears(AT(v), &syn);
	says(v, .flags = SYN | ACK, .seq = 0, .ack = 1, .ts = ts ? TS_ON : TS_NONE);
	expect(v, v->place == AT_LISTEN);
	v->ts_on = ts;
}

/* SYN-1: the connection is rebuilt from the ACK alone. */
static void handshake_by_cookie(struct talk *v)
{
	given_cookie_sent(v, 1460, false);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	state_is(v, TCPS_ESTABLISHED);
	expect(v, v->t->peer_mss <= 1460 && v->t->peer_mss >= 1300);
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	counted(v, syn_cookies_sent, 1);
	counted(v, syn_cookies_ok, 1);
}

/* The MSS survives, rounded down, never up (MUST-16). */
static void mss_is_never_rounded_up(struct talk *v)
{
	given_cookie_sent(v, 600, false);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	told(v, TCP_EV_OPEN);
	expect(v, v->t->peer_mss <= 600);
}

/* SYN-3: SACK, scaling and timestamps ride in the timestamp. */
static void options_survive_with_timestamps(struct talk *v)
{
	given_cookie_sent(v, 1460, true);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = 500);
	told(v, TCP_EV_OPEN);
	expect(v, v->t->flags & TF_TS);
	expect(v, v->t->flags & TF_SACK);
	expect(v, v->t->flags & TF_WSCALE);
	expect(v, v->t->snd_wnd == 500 << 6);
	/* Later timestamps do not go back: the harness would see it. */
	app_sends(v, 100);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
}

static void data_with_the_cookie(struct talk *v)
{
	given_cookie_sent(v, 1460, false);
	hears(v, .flags = ACK, .seq = 1, .ack = 1, .len = 100);
	told(v, TCP_EV_OPEN | TCP_EV_DATA);
	app_reads(v, 100);
	after(v, MS(500));
	says(v, .flags = ACK, .seq = 1, .ack = 101);
}

/* SYN-1: a forged cookie earns a RST. */
static void forged_cookie(struct talk *v)
{
	given_cookie_sent(v, 1460, false);
	for (uint32_t ack = 2; ack < 300; ack++) {
		hears(v, .flags = ACK, .seq = 1, .ack = ack);
		says(v, .flags = RST, .seq = ack);
	}
	hears(v, .flags = ACK, .seq = 2, .ack = 1); /* another IRS */
	says(v, .flags = RST, .seq = 1);
	expect(v, v->place == AT_LISTEN);
	counted(v, syn_cookies_ok, 0);
}

/* SYN-2: an old cookie is not accepted. */
static void old_cookie(struct talk *v)
{
	given_cookie_sent(v, 1460, false);
	after(v, SEC(600));
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = RST, .seq = 1);
	expect(v, v->place == AT_LISTEN);
}

/* SYN-2: no cookie is accepted while none was sent, however well it verifies. */
static void no_cookie_was_sent(struct talk *v)
{
	given_cookie_sent(v, 1460, false);
	v->ctx.cookies_sent = false;
	hears(v, .flags = ACK, .seq = 1, .ack = 1);
	says(v, .flags = RST, .seq = 1);
	expect(v, v->place == AT_LISTEN);
}

/* B-2 and the third ACK that was lost: the peer's data comes with the same numbers. */
static void third_ack_lost(struct talk *v)
{
	given_cookie_sent(v, 1460, true);
	after(v, MS(900));
	hears(v, .flags = FIN | ACK, .seq = 1, .ack = 1, .len = 10);
	told(v, TCP_EV_OPEN | TCP_EV_DATA | TCP_EV_EOF);
	says(v, .flags = ACK, .seq = 1, .ack = 12);
	app_reads(v, 10);
}

static const struct talk_test tests[] = {
	TALK(handshake_by_cookie),
	TALK(mss_is_never_rounded_up),
	TALK(options_survive_with_timestamps),
	TALK(data_with_the_cookie),
	TALK(forged_cookie),
	TALK(old_cookie),
	TALK(no_cookie_was_sent),
	TALK(third_ack_lost),
};

int main(void)
{
	return talk_main("cookie", tests, RTE_DIM(tests));
}
