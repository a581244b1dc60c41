/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations of the profiles: a SYN and a SYN-ACK byte for byte as Linux 6 and FreeBSD 14 send
 * them, and where PSH goes. */
#include "talk.h"

/* The header that goes out, ports and the values of timestamps aside; checksum is 0 here. */
static void says_header(struct talk *v, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	struct tcp_out o = says_something(v);
	uint8_t b[60];
	unsigned len, n = 0;
	char text[200];

	o.seq -= v->iss;
	o.ack -= o.flags & ACK ? v->irs : 0;
	o.tsval = 0x01010101;
	o.tsecr = o.tsecr != 0 ? 0x02020202 : 0;
	len = hr_tcp_header_write(b, &o, 0, 0);
	for (unsigned i = 4; i < len; i++) {
		text[n++] = digits[b[i] >> 4];
		text[n++] = digits[b[i] & 15];
	}
	text[n] = '\0';
	if (strcmp(text, hex) != 0)
		talk_fail(v, "the header is\n%s and not\n%s", text, hex);
}

static void as(struct talk *v, const struct hr_tcp_params *p)
{
	v->params = *p;
}

#define SYN_OPTIONS .mss = 1460, .ws = WS(7), .sack_ok = true

/* 64240 and shift 7: net.ipv4.tcp_rmem as it comes. */
static void linux_syn(struct talk *v)
{
	uint16_t mss = v->world->ip6 ? 1440 : 1460;

	as(v, &hr_tcp_params_linux);
	app_connects(v);
	says_header(v,
		mss == 1460
			? "0000000000000000a002faf000000000020405b40402080a010101010000000001030307"
			: "0000000000000000a002fd2000000000020405a00402080a01010101000000000103030"
			  "7");
}

static void linux_syn_without_timestamps(struct talk *v)
{
	as(v, &hr_tcp_params_linux);
	v->params.timestamps = false;
	app_connects(v);
	says_header(v, v->world->ip6 ? "00000000000000008002fd2000000000020405a00101040201030307"
				     : "00000000000000008002faf000000000020405b40101040201030307");
}

/* 65160 = 45 x 1448: timestamps take 12 bytes of each. */
static void linux_syn_ack(struct talk *v)
{
	as(v, &hr_tcp_params_linux);
	given_listen(v);
	hears(v, .flags = SYN, SYN_OPTIONS, .ts = TS_ON);
	says_header(v,
		v->world->ip6
			? "0000000000000001a012fb0400000000020405a00402080a010101010202020201030307"
			: "0000000000000001a012fe8800000000020405b40402080a01010101020202020103030"
			  "7");
}

static void linux_syn_ack_to_less(struct talk *v)
{
	as(v, &hr_tcp_params_linux);
	given_listen(v);
	hears(v, .flags = SYN, .mss = 1460);
	says_header(v, v->world->ip6 ? "00000000000000016012fd2000000000020405a0"
				     : "00000000000000016012faf000000000020405b4");
}

/* After the handshake Linux rounds up to the scale: 502 x 128. */
static void linux_first_ack(struct talk *v)
{
	as(v, &hr_tcp_params_linux);
	app_connects(v);
	(void)says_something(v);
	after(v, MS(10));
	hears(v, .flags = SYN | ACK, .ack = 1, SYN_OPTIONS, .ts = TS_ON);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .wnd = v->world->ip6 ? 507 : 502, .ts = TS_ON);
}

static void freebsd_syn(struct talk *v)
{
	as(v, &hr_tcp_params_freebsd);
	app_connects(v);
	says_header(v,
		v->world->ip6
			? "0000000000000000a002ffff00000000020405a0010303060402080a0101010100000000"
			: "0000000000000000a002ffff00000000020405b4010303060402080a010101010000000"
			  "0");
}

static void freebsd_syn_without_timestamps(struct talk *v)
{
	as(v, &hr_tcp_params_freebsd);
	v->params.timestamps = false;
	app_connects(v);
	says_header(v, v->world->ip6 ? "00000000000000008002ffff00000000020405a00103030604020000"
				     : "00000000000000008002ffff00000000020405b40103030604020000");
}

static void freebsd_syn_ack(struct talk *v)
{
	as(v, &hr_tcp_params_freebsd);
	given_listen(v);
	hears(v, .flags = SYN, SYN_OPTIONS, .ts = TS_ON);
	says_header(v,
		v->world->ip6
			? "0000000000000001a012ffff00000000020405a0010303060402080a0101010102020202"
			: "0000000000000001a012ffff00000000020405b4010303060402080a010101010202020"
			  "2");
}

/* A SYN that is sent again looks the same. */
static void the_same_again(struct talk *v)
{
	as(v, &hr_tcp_params_freebsd);
	v->params.timestamps = false;
	app_connects(v);
	for (unsigned i = 0; i < 2; i++) {
		says_header(v,
			v->world->ip6 ? "00000000000000008002ffff00000000020405a00103030604020000"
				      : "00000000000000008002ffff00000000020405b40103030604020000");
		after(v, SEC(1));
	}
	swallow(v);
}

/* MUST-61, and Linux: the end of each write is pushed, also when the next waits behind it. */
static void psh_at_each_write(struct talk *v)
{
	v->params.psh = HR_PSH_BURST;
	v->params.nagle = false;
	given_established(v, .wnd = 2000);
	turn_begins(v);
	app_sends(v, 1500);
	app_sends(v, 2500);
	app_sends(v, 100);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK | PSH, .seq = 1001, .ack = 1, .len = 1000);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 2001, .wnd = 65535);
	says(v, .flags = ACK, .seq = 2001, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK | PSH, .seq = 3001, .ack = 1, .len = 1000);
	says(v, .flags = ACK | PSH, .seq = 4001, .ack = 1, .len = 100);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 4101);
	expect(v, v->t->ext == 0);
}

/* The BSDs push when nothing is left. */
static void psh_at_the_end_only(struct talk *v)
{
	v->params.nagle = false;
	given_established(v);
	turn_begins(v);
	app_sends(v, 1500);
	app_sends(v, 1500);
	turn_ends(v);
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK | PSH, .seq = 2001, .ack = 1, .len = 1000);
}

/* As Linux: so are several segments that leave at once, whatever waits behind them; one is not. */
static void psh_at_each_burst(struct talk *v)
{
	struct tcp_out o;
	uint32_t events;

	v->params.psh = HR_PSH_BURST;
	given_established(v, .wnd = 3000);
	turn_begins(v);
	app_sends(v, 9000);
	expect(v, hr_tcp_output(&v->ctx, v->t, 2000, v->now, &o, &events));
	expect(v, o.payload_len == 2000 && (o.flags & TCPF_PSH));
	expect(v, hr_tcp_output(&v->ctx, v->t, 2000, v->now, &o, &events));
	expect(v, o.payload_len == 1000 && !(o.flags & TCPF_PSH));
	turn_ends(v);
	silent(v);
}

/* Linux cuts bursts at a millisecond of the path's rate, here the least of two segments; the end of
 * a write is pushed again when it is sent again, what merely ended a burst is not. */
static void psh_stays_with_its_bytes(struct talk *v)
{
	struct tcp_out o;
	uint32_t events;

	v->params.psh = HR_PSH_BURST;
	v->params.nagle = false;
	v->params.tlp = false;
	given_established(v, .sack = true);
	turn_begins(v);
	app_sends(v, 2500);
	expect(v, hr_tcp_output(&v->ctx, v->t, 65535, v->now, &o, &events));
	expect(v, o.payload_len == 2000 && (o.flags & PSH));
	expect(v, hr_tcp_output(&v->ctx, v->t, 65535, v->now, &o, &events));
	expect(v, o.payload_len == 500 && (o.flags & PSH));
	turn_ends(v);
	app_sends(v, 1000);
	says(v, .flags = ACK | PSH, .seq = 2501, .ack = 1, .len = 1000);
	after(v, MS(300));
	says(v, .flags = ACK, .seq = 1, .ack = 1, .len = 1000, .no_psh = true);
	after(v, MS(100));
	hears(v, .flags = ACK, .seq = 1, .ack = 1001);
	says(v, .flags = ACK, .seq = 1001, .ack = 1, .len = 1000, .no_psh = true);
	says(v, .flags = ACK | PSH, .seq = 2001, .ack = 1, .len = 500);
}

/* Pull bytes have bursts as well. */
static void psh_of_pulled_bytes(struct talk *v)
{
	v->pull_only = true;
	psh_at_each_write(v);
}

/* More writes than are remembered: only hints are lost. */
static void psh_of_many_writes(struct talk *v)
{
	v->params.psh = HR_PSH_BURST;
	given_established(v, .wnd = 1000);
	turn_begins(v);
	for (unsigned i = 0; i < 40; i++)
		app_sends(v, 1000);
	turn_ends(v);
	for (unsigned i = 0; i < 40; i++) {
		says(v, .flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000);
		after(v, MS(20));
		hears(v, .flags = ACK, .seq = 1, .ack = 1001 + i * 1000, .wnd = 1000);
	}
	expect(v, v->t->ext == 0);
}

static const struct talk_test tests[] = {
	TALK(linux_syn),
	TALK(linux_syn_without_timestamps),
	TALK(linux_syn_ack),
	TALK(linux_syn_ack_to_less),
	TALK(linux_first_ack),
	TALK(freebsd_syn),
	TALK(freebsd_syn_without_timestamps),
	TALK(freebsd_syn_ack),
	TALK(the_same_again),
	TALK(psh_at_each_write),
	TALK(psh_at_the_end_only),
	TALK(psh_at_each_burst),
	TALK(psh_stays_with_its_bytes),
	TALK(psh_of_pulled_bytes),
	TALK(psh_of_many_writes),
};

int main(void)
{
	return talk_main("profile", tests, RTE_DIM(tests));
}
