/*
 * fetch.h - brings a file from an https:// address.
 *
 * All of these block and may take long: they run in child_work().  TLS is
 * verified always; what leads elsewhere than to https:// is refused.  What
 * breaks off goes on where it was, also after a kill.
 *
 *     <cache>/<sha256>.tgz         an archive, whole and with this digest
 *     <cache>/.partial-<sha256>    being fetched; flock'ed while somebody does
 */
#ifndef SUPERVISOR_INSTALL_FETCH_H
#define SUPERVISOR_INSTALL_FETCH_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "state/err.h"

#define FETCH_ARCHIVE_MAX (512ull << 20) /* bytes, packed */
#define FETCH_REDIRECTS_MAX 5
#define FETCH_URL_MAX 2000u

struct fetch_spec { /* how; all borrowed */
	const char *ca; /* nobody else is trusted then; NULL: the system's */
	const char *proxy; /* NULL: as the environment says */
	unsigned stall_s; /* without a byte, a try ends */
	unsigned tries;
	int64_t deadline_ms; /* of sys_monotonic_ms(), for all of it */
	bool shows; /* its progress on standard error */
};

#define FETCH_SHOWN 200
/* An address as it may be shown: a query may hold a token. */
const char *fetch_show(const char *url, char ret_shown[FETCH_SHOWN]);

/*
 * Errors are ERR_AGAIN: the network or the server, so trying later may help;
 * ERR_CONFIG: what a person has to put right; ERR_STORAGE; ERR_MEMORY.
 */

/* A small file, as a NUL-terminated text that the caller frees. */
bool fetch_text(const struct fetch_spec *spec, const char *url, size_t max,
	char **ret_data, size_t *ret_len, struct err *err) WARN_UNUSED;

/* The archive that has this digest, from the cache or else from url.  What is
 * of another digest is removed and refused.  Two who want the same share one
 * download. */
bool fetch_archive(const struct fetch_spec *spec, const char *url,
	const char *sha256, const char *cache, char ret_path[PATH_MAX],
	bool *ret_fetched, struct err *err) WARN_UNUSED;

#endif
