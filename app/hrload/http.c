/* SPDX-License-Identifier: BSD-3-Clause */
/* Message heads, resources and the body pattern; see http.h. */
#include "http.h"

#include <stdio.h>
#include <string.h>

void pattern_init(struct pattern *p)
{
	for (size_t i = 0; i < sizeof(p->bytes); i++)
		p->bytes[i] = (uint8_t)(i % PATTERN_PERIOD);
}

void pattern_fill(const struct pattern *p, uint64_t offset, uint8_t *buf, uint32_t len)
{
	const uint8_t *from = p->bytes + offset % PATTERN_PERIOD;

	/* A chunk is a whole number of periods: the phase stays. */
	for (; len > PATTERN_CHUNK; buf += PATTERN_CHUNK, len -= PATTERN_CHUNK)
		memcpy(buf, from, PATTERN_CHUNK);
	memcpy(buf, from, len);
}

bool pattern_equal(const struct pattern *p, uint64_t offset, const uint8_t *buf, size_t len)
{
	const uint8_t *from = p->bytes + offset % PATTERN_PERIOD;

	for (; len > PATTERN_CHUNK; buf += PATTERN_CHUNK, len -= PATTERN_CHUNK)
		if (memcmp(buf, from, PATTERN_CHUNK) != 0)
			return false;
	return memcmp(buf, from, len) == 0;
}

void pattern_digest(const struct pattern *p, EVP_MD_CTX *sha, uint64_t offset, uint64_t len)
{
	const uint8_t *from = p->bytes + offset % PATTERN_PERIOD;

	for (; len > PATTERN_CHUNK; len -= PATTERN_CHUNK)
		EVP_DigestUpdate(sha, from, PATTERN_CHUNK);
	EVP_DigestUpdate(sha, from, (size_t)len);
}

void digest_text(EVP_MD_CTX *sha, char hex[SHA256_HEX])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_DigestFinal_ex(sha, digest, &n);
	for (unsigned i = 0; i < n && i < SHA256_HEX / 2; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

bool pattern_sha256(const struct pattern *p, uint64_t len, char hex[SHA256_HEX])
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	bool ok = sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1;

	if (ok) {
		pattern_digest(p, sha, 0, len);
		digest_text(sha, hex);
	}
	EVP_MD_CTX_free(sha);
	return ok;
}

enum resource http_resource(const char *path, size_t len, uint64_t *n)
{
	static const char bytes[] = "/bytes/", sha256[] = "/sha256/";
	enum resource r;
	size_t at;

	if (len >= sizeof(bytes) - 1 && memcmp(path, bytes, sizeof(bytes) - 1) == 0) {
		r = RESOURCE_BYTES;
		at = sizeof(bytes) - 1;
	} else if (len >= sizeof(sha256) - 1 && memcmp(path, sha256, sizeof(sha256) - 1) == 0) {
		r = RESOURCE_SHA256;
		at = sizeof(sha256) - 1;
	} else {
		return RESOURCE_DEFAULT;
	}
	/* 15 digits: no overflow, and a petabyte is enough for anyone's test. */
	if (len == at || len - at > 15)
		return RESOURCE_BAD;
	*n = 0;
	for (; at < len; at++) {
		if (path[at] < '0' || path[at] > '9')
			return RESOURCE_BAD;
		*n = *n * 10 + (uint64_t)(path[at] - '0');
	}
	return r;
}

size_t http_request_head(char *buf, size_t len, const char *path, const char *host, bool close)
{
	int n = snprintf(buf, len, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hrload\r\n%s\r\n",
		path, host, close ? "Connection: close\r\n" : "");

	return n > 0 && (size_t)n < len ? (size_t)n : 0;
}

size_t http_response_head(
	char *buf, size_t len, unsigned status, uint64_t content_length, bool close)
{
	const char *reason = status == 200   ? "OK"
			     : status == 400 ? "Bad Request"
			     : status == 405 ? "Method Not Allowed"
					     : "Internal Server Error";
	int n = snprintf(buf, len,
		"HTTP/1.1 %u %s\r\nServer: hrload\r\nContent-Type: %s\r\nContent-Length: "
		"%llu\r\n%s%s\r\n",
		status, reason, status == 200 ? "application/octet-stream" : "text/plain",
		(unsigned long long)content_length, status == 405 ? "Allow: GET, HEAD\r\n" : "",
		close ? "Connection: close\r\n" : "");

	return n > 0 && (size_t)n < len ? (size_t)n : 0;
}
