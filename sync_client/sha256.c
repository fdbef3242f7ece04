/*
 * sha256.c - libcrypto's, in our shape.
 */
#include "sync_client/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

void sha256_init(struct sha256 *sha)
{
	sha->ctx = EVP_MD_CTX_new();
	if (sha->ctx && EVP_DigestInit_ex(sha->ctx, EVP_sha256(), NULL) != 1)
		sha256_done(sha);
}

void sha256_add(struct sha256 *sha, const void *data, size_t len)
{
	if (sha->ctx && EVP_DigestUpdate(sha->ctx, data, len) != 1)
		sha256_done(sha);
}

bool sha256_end(
	struct sha256 *sha, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!sha->ctx || EVP_DigestFinal_ex(sha->ctx, sum, &len) != 1)
		return err_set(err, ERR_MEMORY, "computing a SHA-256");
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", sum[i]);
	return true;
}

void sha256_done(struct sha256 *sha)
{
	EVP_MD_CTX_free(sha->ctx);
	sha->ctx = NULL;
}
