/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations: the states that scripts begin with, each reached by the segments that lead there.
 */
#include "talk_internal.h"

static bool asks_for_ecn(const struct talk *v)
{
	return v->params.ecn == HR_ECN_ACTIVE ||
	       (v->params.ecn != HR_ECN_OFF && v->params.cc == HR_CC_DCTCP);
}

void talk_syn_sent(struct talk *v)
{
	talk_connect(v);
	talk_says(v, &(struct line){.flags = SYN | (asks_for_ecn(v) ? ECE | CWR : 0),
			     .ts = v->params.timestamps ? TS_ON : TS_NONE});
	talk_state_is(v, TCPS_SYN_SENT);
}

void talk_listen(struct talk *v)
{
	talk_setup_params(v);
	v->place = AT_LISTEN;
}

void talk_syn_received(struct talk *v)
{
	talk_listen(v);
	talk_hears(v, &(struct line){.flags = SYN, .mss = 1000, .ts = TS_NONE});
	talk_says(v, &(struct line){.flags = SYN | ACK, .ack = 1, .ts = TS_NONE});
	talk_state_is(v, TCPS_SYN_RECEIVED);
}

void talk_established(struct talk *v, const struct given *g)
{
	uint16_t mss = g->mss != 0 ? g->mss : 1000;
	uint64_t rtt = g->rtt_us != 0 ? g->rtt_us : MS(100);
	uint8_t ts = g->ts ? TS_ON : TS_NONE;
	struct line syn = {.flags = SYN, .mss = mss, .ws = g->ws, .sack_ok = g->sack, .ts = ts};

	v->peer_wnd = g->wnd != 0 ? g->wnd : 65535;
	if (g->passive) {
		talk_listen(v);
		syn.flags |= g->ecn ? ECE | CWR : 0;
		talk_hears(v, &syn);
		talk_says(v, &(struct line){
				     .flags = SYN | ACK | (g->ecn ? ECE : 0), .ack = 1, .ts = ts});
		talk_after(v, rtt);
		v->ts_on = g->ts;
		talk_hears(v, &(struct line){.flags = ACK, .seq = 1, .ack = 1});
	} else {
		talk_syn_sent(v);
		talk_after(v, rtt);
		syn.flags = SYN | ACK | (g->ecn ? ECE : 0);
		syn.ack = 1;
		talk_hears(v, &syn);
		v->ts_on = g->ts;
		talk_says(v, &(struct line){.flags = ACK, .seq = 1, .ack = 1});
	}
	talk_state_is(v, TCPS_ESTABLISHED);
	talk_told(v, TCP_EV_OPEN);
}

void talk_time_wait(struct talk *v, const struct given *g)
{
	talk_established(v, g);
	talk_close(v, false);
	talk_says(v, &(struct line){.flags = FIN | ACK, .seq = 1, .ack = 1});
	talk_after(v, MS(10));
	talk_hears(v, &(struct line){.flags = FIN | ACK, .seq = 1, .ack = 2});
	talk_says(v, &(struct line){.flags = ACK, .seq = 2, .ack = 2});
	talk_state_is(v, TCPS_TIME_WAIT);
	talk_told(v, TCP_EV_CLOSED | TCP_EV_TIMEWAIT);
}
