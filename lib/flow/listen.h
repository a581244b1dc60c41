/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners of one worker: (local address or any, port) -> service number. Exact address wins over
 * any. */
#ifndef HR_FLOW_LISTEN_H
#define HR_FLOW_LISTEN_H

#include "base/base.h"

struct hr_listeners;

struct hr_listeners *hr_listeners_create(void);
void hr_listeners_free(struct hr_listeners *l);
/* laddr_id 0 = any. service: 1..65535. 0, -EADDRINUSE, -ENOMEM. */
int hr_listeners_add(struct hr_listeners *l, uint32_t laddr_id, uint16_t port, uint16_t service);
/* The service that was there, or -ENOENT. */
int hr_listeners_remove(struct hr_listeners *l, uint32_t laddr_id, uint16_t port);
/* 0 = nobody listens. O(1). */
uint16_t hr_listeners_find(const struct hr_listeners *l, uint32_t laddr_id, uint16_t port);

#endif
