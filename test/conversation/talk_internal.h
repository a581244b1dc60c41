/* SPDX-License-Identifier: BSD-3-Clause */
/* What talk.c and talk_main.c share; scripts use talk.h only. */
#ifndef HR_TEST_TALK_INTERNAL_H
#define HR_TEST_TALK_INTERNAL_H

#include "talk.h"

/* The transcript that is printed when a script fails. */
__attribute__((format(printf, 2, 3))) void talk_print(struct talk *v, const char *fmt, ...);
void talk_print_seg(struct talk *v, const struct tcp_seg *s);
void talk_print_out(struct talk *v, const char *prefix, const struct tcp_out *o);
/* Make v->params parameter set 0, once. */
void talk_setup_params(struct talk *v);
void talk_note_said(struct talk *v, const struct tcp_out *o);
void talk_pull(struct talk *v);
uint32_t talk_ms(const struct talk *v);

#endif
