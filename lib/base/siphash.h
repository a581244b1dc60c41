/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 and 2-4 (Aumasson, Bernstein): keyed hashes for tables, ISNs, cookies and timestamp
 * offsets. */
#ifndef HR_BASE_SIPHASH_H
#define HR_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hr_siphash13(const uint64_t key[2], const void *data, size_t len);
uint64_t hr_siphash24(const uint64_t key[2], const void *data, size_t len);

#endif
