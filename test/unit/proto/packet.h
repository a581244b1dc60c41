/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames for the tests of proto/: written in hex, finished with lengths and checksums by plain code
 * that shares nothing with the library, and turned into mbufs whose buffers end where the data
 * ends, so that ASan sees the first byte read too many.
 */
#ifndef HR_TEST_PROTO_PACKET_H
#define HR_TEST_PROTO_PACKET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/internal.h"

/* Station 02:..:01 is us, 198.18.0.1 and 2001:db8::1; the peer is number 2. */
#define ETH4 "020000000001 020000000002 0800"
#define ETH6 "020000000001 020000000002 86dd"
#define IP4  "4500 0000 1234 4000 40 06 0000 c6120002 c6120001"
#define A1   "20010db8000000000000000000000001"
#define A2   "20010db8000000000000000000000002"
#define IP6  "60000000 0000 06 40" A2 A1
#define TCP  "9c40 0050 01020304 05060708 5018 7210 0000 0000"

extern const uint8_t our_mac[6];

struct pkt {
	uint8_t b[4096];
	unsigned n;
};

/* Append hex digits, blanks ignored. */
void pkt_hex(struct pkt *p, const char *hex);
/* Append n bytes that differ from their neighbours. */
void pkt_payload(struct pkt *p, unsigned n);
/* Fill in IP lengths and checksums; proto tells where the L4 checksum is (others have none). */
void pkt_finish(struct pkt *p, unsigned l4_off, uint8_t proto);
/* The checksum as RFC 1071 1 words it, byte pair by byte pair. */
uint16_t naive_checksum(const uint8_t *b, unsigned n);

/* n bytes as one mbuf, or as several: cut[] are ascending offsets. Freed with pkt_free(). */
struct rte_mbuf *pkt_mbuf(const uint8_t *b, unsigned n, const unsigned *cut, unsigned cuts);
void pkt_free(struct rte_mbuf *m);

#endif
