/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as people write them and as ranges count them. What an address means (local, multicast)
 * is ip/'s to say. */
#include "base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int hr_ip_parse(const char *text, struct hr_ip *ip, char *err, size_t errlen)
{
	struct hr_ip out = {0};
	char bare[INET6_ADDRSTRLEN];
	size_t len = strlen(text);
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (!brackets && inet_pton(AF_INET, text, &out.v4) == 1) {
		out.family = 4;
		*ip = out;
		return 0;
	}
	if (len - 2 * brackets < sizeof(bare)) {
		snprintf(bare, sizeof(bare), "%.*s", (int)(len - 2 * brackets), text + brackets);
		if (inet_pton(AF_INET6, bare, out.b) == 1) {
			out.family = 6;
			*ip = out;
			return 0;
		}
	}
	return hr_error(err, errlen, -EINVAL,
		"\"%.80s\" is not an address; write IPv4 as 198.18.0.1 or IPv6 as 2001:db8::1",
		text);
}

const char *hr_ip_text(const struct hr_ip *ip, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN] = "any";

	if (ip->family == 4)
		inet_ntop(AF_INET, &ip->v4, text, sizeof(text));
	else if (ip->family == 6)
		inet_ntop(AF_INET6, ip->b, text, sizeof(text));
	if (len > 0)
		snprintf(buf, len, "%s", text);
	return buf;
}

bool hr_ip_equal(const struct hr_ip *a, const struct hr_ip *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == 4)
		return a->v4 == b->v4;
	return a->family == 0 || memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

struct hr_ip hr_ip_add(const struct hr_ip *ip, uint32_t n)
{
	struct hr_ip out = *ip;

	if (ip->family == 4) {
		out.v4 = htonl(ntohl(ip->v4) + n);
	} else if (ip->family == 6) {
		uint64_t carry = n;

		for (int i = 15; i >= 0 && carry != 0; i--) {
			carry += out.b[i];
			out.b[i] = (uint8_t)carry;
			carry >>= 8;
		}
	}
	return out;
}
