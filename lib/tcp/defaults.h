/* SPDX-License-Identifier: BSD-3-Clause */
/* The documented defaults, as an initialiser: C cannot copy one constant object into another at
 * file scope. */
#ifndef HR_TCP_DEFAULTS_H
#define HR_TCP_DEFAULTS_H

#define HR_TCP_PARAMS_DEFAULT                                                                      \
	{                                                                                          \
		.mss = 0, .iw_segments = 10, .wscale = 255, .cc = HR_CC_NEWRENO, .ttl = 64,        \
		.dscp = 0, .timestamps = true, .sack = true, .nagle = true, .tw_reuse = true,      \
		.ack_every = 2, .syn_retries = 6, .keepalive_probes = 9, .retries = 15,            \
		.rcv_buf_bytes = 256 * 1024, .snd_buf_bytes = 256 * 1024, .delack_us = 40000,      \
		.rto_init_us = 1000000, .rto_min_us = 200000, .rto_max_us = 120000000,             \
		.connect_timeout_ms = 190000, .user_timeout_ms = 0, .keepalive_ms = 0,             \
		.keepalive_interval_ms = 75000, .time_wait_ms = 60000, .fin_wait2_ms = 60000,      \
	}

#endif
