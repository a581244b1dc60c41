/* SPDX-License-Identifier: BSD-3-Clause */
/* getsockopt(TCP_INFO) in Linux's layout, from hr_conn_info(): counts of packets are bytes divided
 * by the segment size, as the engine counts bytes. */
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#include "pd.h"

#define INFINITE_SSTHRESH 0x7fffffff

/* Linux's numbers of the states, by RFC 9293's names. */
static uint8_t state_of(const char *name)
{
	static const char *const names[] = {"", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED",
		"FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK",
		"LISTEN", "CLOSING"};

	for (uint8_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 7;
}

static uint8_t ca_state_of(const struct hr_conn_info *i)
{
	if (strcmp(i->recovery, "recovery") == 0)
		return TCP_CA_Recovery;
	if (strcmp(i->recovery, "loss") == 0)
		return TCP_CA_Loss;
	if (strcmp(i->recovery, "cwr") == 0)
		return TCP_CA_CWR;
	return i->sacked_bytes > 0 ? TCP_CA_Disorder : TCP_CA_Open;
}

static uint32_t packets(uint64_t n, uint32_t mss)
{
	return mss == 0 ? 0 : (uint32_t)((n + mss - 1) / mss);
}

static void fill(struct tcp_info *t, const struct hr_conn_info *i)
{
	uint32_t mss = i->snd_mss;

	t->tcpi_state = state_of(i->state);
	t->tcpi_ca_state = ca_state_of(i);
	t->tcpi_retransmits = i->retransmits;
	t->tcpi_options = (uint8_t)((i->timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				    (i->sack ? TCPI_OPT_SACK : 0) |
				    (i->snd_wscale || i->rcv_wscale ? TCPI_OPT_WSCALE : 0) |
				    (i->ecn ? TCPI_OPT_ECN : 0));
	t->tcpi_snd_wscale = i->snd_wscale & 15;
	t->tcpi_rcv_wscale = i->rcv_wscale & 15;
	t->tcpi_rto = i->rto_us;
	t->tcpi_snd_mss = mss;
	t->tcpi_rcv_mss = i->rcv_mss;
	t->tcpi_unacked = packets(i->inflight_bytes, mss);
	t->tcpi_sacked = packets(i->sacked_bytes, mss);
	/* Linux's count goes on with what was sent again. */
	t->tcpi_retrans = packets(i->retrans_bytes, mss);
	t->tcpi_lost = packets(i->lost_bytes, mss);
	if (strcmp(i->recovery, "open") != 0)
		t->tcpi_lost += t->tcpi_retrans;
	t->tcpi_pmtu = i->pmtu;
	t->tcpi_rcv_ssthresh = i->rcv_wnd_bytes;
	t->tcpi_rtt = i->srtt_us;
	t->tcpi_rttvar = i->rttvar_us;
	t->tcpi_snd_ssthresh = i->ssthresh_bytes >= 1u << 30 ? INFINITE_SSTHRESH
							     : i->ssthresh_bytes / (mss ? mss : 1);
	t->tcpi_snd_cwnd = mss != 0 ? i->cwnd_bytes / mss : 0;
	t->tcpi_bytes_acked = i->bytes_acked;
	t->tcpi_notsent_bytes = i->unsent_bytes;
	t->tcpi_min_rtt = i->min_rtt_us;
	t->tcpi_snd_wnd = i->snd_wnd_bytes;
	t->tcpi_reordering = 3;
}

int pd_tcp_info(struct pd *pd, struct pd_sock *s, void *value, socklen_t *len)
{
	struct hr_conn_info info;
	struct tcp_info t;

	memset(&t, 0, sizeof(t));
	t.tcpi_state = s->state == PD_LISTENING ? 10 : 7;
	if ((s->state == PD_OPEN || s->state == PD_CONNECTING) &&
		hr_conn_info(pd->worker, s->conn, &info) == 0) {
		fill(&t, &info);
		t.tcpi_advmss = s->params.mss != 0 ? s->params.mss
						   : info.pmtu - (info.local.family == 6 ? 60 : 40);
		t.tcpi_last_data_recv = (uint32_t)((pd->now_us - s->last_data_us) / 1000);
	}
	/* A longer buffer is for a newer kernel's fields. */
	memset(value, 0, *len);
	memcpy(value, &t, *len < sizeof(t) ? *len : sizeof(t));
	return 0;
}
