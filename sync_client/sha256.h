/*
 * sha256.h - SHA-256 over what comes piece by piece.
 *
 * A failure inside (no memory) is remembered and told once, at the end.
 */
#ifndef SYNC_CLIENT_SHA256_H
#define SYNC_CLIENT_SHA256_H

#include <stddef.h>

#include "state/err.h"

#define SHA256_HEX_SIZE 65

struct sha256 {
	void *ctx; /* NULL: failed, or not begun */
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t len);
bool sha256_end(struct sha256 *sha, char ret_hex[SHA256_HEX_SIZE],
	struct err *err) WARN_UNUSED;
void sha256_done(struct sha256 *sha);

#endif
