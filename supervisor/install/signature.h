/*
 * signature.h - who made an archive: a detached OpenPGP signature, by gpgme.
 *
 * Blocks.  The keyring is imported into a GnuPG home of its own that is removed
 * afterwards, so that nobody's own keys, trust or configuration count.
 */
#ifndef SUPERVISOR_INSTALL_SIGNATURE_H
#define SUPERVISOR_INSTALL_SIGNATURE_H

#include <stddef.h>

#include "state/err.h"

#define SIGNATURE_BYTES_MAX (64u << 10)
#define KEYRING_BYTES_MAX (4u << 20)

struct signature_info {
	char fingerprint[65]; /* of the key that made it */
	char uid[200];
};

/* Is it a good one of this file, by a key of this keyring (exported public
 * keys, armored or not)?  ERR_CONFIG says what it is otherwise. */
bool signature_verify(const char *path, const char *signature, size_t len,
	const char *keyring, struct signature_info *ret_info,
	struct err *err) WARN_UNUSED;

#endif
