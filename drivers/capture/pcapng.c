/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of pcapng in host byte order, which the byte-order magic makes known. Where they are
 * written to is capture.c's. */
#include "capture/pcapng.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define MAGIC           0x1a2b3c4du
#define LINK_ETHERNET   1u
#define OPTION_END      0
#define OPTION_NAME     2 /* of an interface block */
#define OPTION_FLAGS    2 /* of a packet block */

static size_t put32(uint8_t *to, size_t at, uint32_t v)
{
	memcpy(to + at, &v, sizeof(v));
	return at + sizeof(v);
}

static size_t put16(uint8_t *to, size_t at, uint16_t v)
{
	memcpy(to + at, &v, sizeof(v));
	return at + sizeof(v);
}

/* Everything in the format is padded to 32 bits. */
static size_t pad(uint8_t *to, size_t at)
{
	while (at % 4 != 0)
		to[at++] = 0;
	return at;
}

/* The length of a block stands at both of its ends. */
static size_t end_block(uint8_t *block, size_t at)
{
	put32(block, 4, (uint32_t)at + 4);
	return put32(block, at, (uint32_t)at + 4);
}

size_t hr_pcapng_head(uint8_t *to, const char *interface, uint32_t snaplen)
{
	size_t at = put32(to, 0, BLOCK_SECTION) + 4, section;
	uint16_t name_len = (uint16_t)strnlen(interface, 63);

	at = put32(to, at, MAGIC);
	at = put16(to, at, 1);
	at = put16(to, at, 0);
	at = put32(to, at, UINT32_MAX); /* length of the section: unknown, all ones */
	at = put32(to, at, UINT32_MAX);
	section = end_block(to, at);

	to += section;
	at = put32(to, 0, BLOCK_INTERFACE) + 4;
	at = put16(to, at, LINK_ETHERNET);
	at = put16(to, at, 0);
	at = put32(to, at, snaplen);
	at = put16(to, at, OPTION_NAME);
	at = put16(to, at, name_len);
	memcpy(to + at, interface, name_len);
	at = pad(to, at + name_len);
	at = put32(to, at, OPTION_END);
	return section + end_block(to, at);
}

size_t hr_pcapng_packet(uint8_t *to, const struct rte_mbuf *m, uint32_t snaplen, uint64_t now_us,
	enum pcapng_direction direction)
{
	uint32_t len = RTE_MIN(m->pkt_len, snaplen), left = len;
	size_t at = put32(to, 0, BLOCK_PACKET) + 4;

	at = put32(to, at, 0); /* the interface */
	at = put32(to, at, (uint32_t)(now_us >> 32));
	at = put32(to, at, (uint32_t)now_us);
	at = put32(to, at, len);
	at = put32(to, at, m->pkt_len);
	for (; left > 0; m = m->next) {
		uint32_t n = RTE_MIN(left, (uint32_t)m->data_len);

		memcpy(to + at, rte_pktmbuf_mtod(m, const void *), n);
		at += n;
		left -= n;
	}
	at = pad(to, at);
	at = put16(to, at, OPTION_FLAGS);
	at = put16(to, at, 4);
	at = put32(to, at, direction);
	at = put32(to, at, OPTION_END);
	return end_block(to, at);
}
