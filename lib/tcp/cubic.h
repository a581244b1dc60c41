/* SPDX-License-Identifier: BSD-3-Clause */
/* The two functions of CUBIC's curve, in integers: cc_cubic.c uses them, a unit test compares them
 * with exact values. C = 0.4 segments per second cubed (RFC 9438 4.1). */
#ifndef HR_TCP_CUBIC_H
#define HR_TCP_CUBIC_H

#include <stdint.h>

/* K: how long the curve takes to climb `below` bytes up to its plateau; the largest whole number
 * of microseconds that is not too long. below < 2^30. */
uint32_t hr_cubic_k_us(uint32_t below, uint32_t mss);
/* C d^3 in bytes, rounded down: how far the curve is from its plateau d_us before or after K.
 * At most 2^31 bytes: more than any window. */
uint32_t hr_cubic_far(uint32_t d_us, uint32_t mss);

#endif
