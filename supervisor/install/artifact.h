/*
 * artifact.h - a new version's archive: what is in it, and unpacking it.
 *
 * All of these block and may take long: they run in child_work().
 */
#ifndef SUPERVISOR_INSTALL_ARTIFACT_H
#define SUPERVISOR_INSTALL_ARTIFACT_H

#include <stdint.h>

#include "state/err.h"
#include "sync_client/sync_version.h"

#define ARTIFACT_BYTES_MAX (2ull << 30) /* unpacked, all files together */
#define ARTIFACT_FILES_MAX 10000u

struct artifact_info {
	char sha256[65]; /* of the archive, lower-case hex */
	char binary_sha256[65]; /* of the executable in it */
	char member[256]; /* the executable's path in the archive */
	uint64_t bytes; /* unpacked */
	unsigned files;
	char version[VERSION_MAX]; /* what the executable says with --version */
};

/* SHA-256 of a file (libcrypto), lower-case hex. */
bool sha256_file(
	const char *path, char ret_hex[65], struct err *err) WARN_UNUSED;

/* Reads the archive (libarchive), checks every rule below, runs the executable
 * `name` with --version from memory; changes nothing on disk.  Refuses
 * (ERR_CONFIG, one clear sentence with the member): unreadable archive, other
 * sha256 than expected, absolute path, "..", link that leads out, device,
 * too large, no executable file of that name, a --version without a version.
 * sha256 may be NULL: not known before.
 */
bool artifact_inspect(const char *path, const char *sha256, const char *name,
	struct artifact_info *ret_info, struct err *err) WARN_UNUSED;

/*
 * Unpacks into <root>/versions/.partial-<version>-<random>, without the one top
 * directory, checks sha256 of archive and executable, makes sure that
 * bin/<name> is the executable, syncs every file and directory and renames to
 * <root>/versions/<version>.  Removes older .partial-<version>-* first. Already
 * there with the same executable is success.  ENOSPC and failing syncs are
 * ERR_STORAGE.  Files keep their mode bits less write for group and others
 * and less set-id; directories 0755.  Digests may be NULL.
 */
bool artifact_unpack(const char *path, const char *sha256,
	const char *binary_sha256, const char *name, const char *root,
	const char *version, struct err *err) WARN_UNUSED;

/* True if <root>/versions/<version>/bin/<name> is an executable with this
 * sha256; ERR_MISSING if it is not there, ERR_CONFIG if it differs. */
bool artifact_check(const char *root, const char *version, const char *name,
	const char *binary_sha256, struct err *err) WARN_UNUSED;

/* Runs `path --version` (5 s, stdin /dev/null, at most 64 KiB of output) and
 * takes the first N.N.N from stdout, then, if it exits 0, from stderr. */
bool version_of_binary(const char *path, char ret_version[VERSION_MAX],
	struct err *err) WARN_UNUSED;

#endif
