/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>

const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

void pkt_hex(struct pkt *p, const char *hex)
{
	unsigned v;

	while (*hex != '\0') {
		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		assert_int_equal(sscanf(hex, "%2x", &v), 1);
		assert_true(p->n < sizeof(p->b));
		p->b[p->n++] = (uint8_t)v;
		hex += 2;
	}
}

void pkt_payload(struct pkt *p, unsigned n)
{
	assert_true(p->n + n <= sizeof(p->b));
	while (n-- > 0) {
		p->b[p->n] = (uint8_t)(p->n * 37 + 11);
		p->n++;
	}
}

static uint32_t naive_sum(const uint8_t *b, unsigned n, uint32_t sum)
{
	for (unsigned i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
	return sum;
}

static uint16_t naive_fold(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

uint16_t naive_checksum(const uint8_t *b, unsigned n)
{
	return naive_fold(naive_sum(b, n, 0));
}

void pkt_finish(struct pkt *p, unsigned l4_off, uint8_t proto)
{
	unsigned len = p->n - l4_off, at;
	uint8_t *ip = p->b + 14;
	uint32_t sum = proto + len;

	if (ip[0] >> 4 == 4) {
		hr_store_be16(ip + 2, (uint16_t)(p->n - 14));
		hr_store_be16(ip + 10, 0);
		hr_store_be16(ip + 10, naive_checksum(ip, l4_off - 14));
		sum = naive_sum(ip + 12, 8, sum);
	} else {
		hr_store_be16(ip + 4, (uint16_t)(p->n - 54));
		sum = naive_sum(ip + 8, 32, sum);
	}
	if (proto == IPPROTO_TCP)
		at = l4_off + 16;
	else if (proto == IPPROTO_UDP)
		at = l4_off + 6;
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		at = l4_off + 2;
	else
		return;
	if (at + 2 > p->n)
		return;
	if (proto == IPPROTO_ICMP)
		sum = 0;
	hr_store_be16(p->b + at, 0);
	hr_store_be16(p->b + at, naive_fold(naive_sum(p->b + l4_off, len, sum)));
}

struct rte_mbuf *pkt_mbuf(const uint8_t *b, unsigned n, const unsigned *cut, unsigned cuts)
{
	struct rte_mbuf *head = NULL, **tail = &head, *m;
	unsigned i, from = 0, to;

	for (i = 0; i <= cuts; i++, from = to) {
		to = i < cuts ? cut[i] : n;
		assert_true(from <= to && to <= n);
		m = calloc(1, sizeof(*m));
		assert_non_null(m);
		m->buf_addr = malloc(to - from);
		if (to > from)
			memcpy(m->buf_addr, b + from, to - from);
		m->data_len = m->buf_len = (uint16_t)(to - from);
		*tail = m;
		tail = &m->next;
	}
	head->pkt_len = n;
	head->nb_segs = (uint16_t)(cuts + 1);
	return head;
}

void pkt_free(struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m != NULL; m = next) {
		next = m->next;
		free(m->buf_addr);
		free(m);
	}
}
