/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both sides know about HTTP/1.1: message heads, the resources of the server, and the pattern
 * that bodies are made of. Parsing is http_parser's. The byte at offset i of any body is i mod 251:
 * the period is prime, so that a byte lost or repeated at any power of two shows.
 */
#ifndef HRLOAD_HTTP_H
#define HRLOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define PATTERN_PERIOD 251u
#define PATTERN_CHUNK  (PATTERN_PERIOD * 64) /* bytes that one copy takes */
#define HTTP_HEAD_MAX  512
#define SHA256_HEX     65

/* Two chunks less one byte cover a chunk from any phase. */
struct pattern {
	uint8_t bytes[PATTERN_CHUNK + PATTERN_PERIOD];
};

void pattern_init(struct pattern *p);
/* Bytes offset .. offset + len - 1 of a body. */
void pattern_fill(const struct pattern *p, uint64_t offset, uint8_t *buf, uint32_t len);

/* Are these the bytes offset .. offset + len - 1 of a body? */
bool pattern_equal(const struct pattern *p, uint64_t offset, const uint8_t *buf, size_t len);

/* A running digest of a body: pattern_digest() adds the next `len` bytes of the pattern from
 * `offset`. */
void pattern_digest(const struct pattern *p, EVP_MD_CTX *sha, uint64_t offset, uint64_t len);
/* End it as text. */
void digest_text(EVP_MD_CTX *sha, char hex[SHA256_HEX]);
/* SHA-256 of a whole body of `len` bytes. False when out of memory. */
bool pattern_sha256(const struct pattern *p, uint64_t len, char hex[SHA256_HEX]);

enum resource { RESOURCE_DEFAULT, RESOURCE_BYTES, RESOURCE_SHA256, RESOURCE_BAD };

/* What a request target asks for: /bytes/N, /sha256/N, or anything else. */
enum resource http_resource(const char *path, size_t len, uint64_t *n);

/* What the server is asked. */
struct http_request {
	uint64_t n;       /* bytes of the resource */
	uint8_t resource; /* enum resource */
	bool head;        /* only the head of the answer */
	bool other;       /* neither GET nor HEAD */
	bool close;       /* after the answer */
};

/* What the client is answered. */
struct http_response {
	uint64_t body_bytes;
	uint8_t error; /* enum error: what is wrong with it */
	bool keep;     /* the server keeps the connection open */
};

/* Head of a request; bytes written, < len. */
size_t http_request_head(char *buf, size_t len, const char *path, const char *host, bool close);
/* Head of a response. */
size_t http_response_head(
	char *buf, size_t len, unsigned status, uint64_t content_length, bool close);

#endif
