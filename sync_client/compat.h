/*
 * compat.h - which version of a sync process can be live-upgraded to which.
 *
 * Read from a data file (deploy/compat/, with a JSON schema for editors beside
 * it), because it changes with each release and somebody has to be able to look
 * it up.  Reading is strict: an unknown key, a missing one, a bound that is no
 * version, or two entries that speak of the same pair are refused, with the
 * path to the value.  Nothing is derived: a pair of which no entry speaks is
 * UNKNOWN.
 */
#ifndef SYNC_CLIENT_COMPAT_H
#define SYNC_CLIENT_COMPAT_H

#include <stddef.h>

#include "state/err.h"
#include "sync_client/sync_version.h"

#define COMPAT_FILE_MAX (256u << 10) /* bytes */
#define COMPAT_ENTRIES_MAX 256u /* in each of the two lists */
#define COMPAT_RANGES_MAX 16u /* of sources of one entry */
#define COMPAT_TEXT_MAX 500u /* bytes of a note, or of where it is from */

struct compat;

enum compat_verdict {
	COMPAT_UNKNOWN = 0, /* nobody says so: not proved, not excluded */
	COMPAT_DOCUMENTED, /* supported, or the same version */
	COMPAT_IMPOSSIBLE, /* said not to work: a sync would be lost */
	COMPAT_DOWNGRADE, /* never live */
};

struct compat_answer { /* texts live as long as the compat */
	enum compat_verdict verdict;
	/* False: the verdict rests on a presumption that the note tells. */
	bool is_stated;
	/* IMPOSSIBLE: a version that can be reached from where we are: the
	 * highest such one below what was asked for, else the lowest above.
	 * "" if there is none. */
	char nearest[VERSION_MAX];
	const char *note; /* a sentence for people */
	const char *documented; /* where it is said */
};

/* ERR_CONFIG "<file>: targets[2].from[0].below ..."; ERR_MISSING if there is no
 * such file. */
bool compat_load(const char *path, struct compat **ret_compat,
	struct err *err) WARN_UNUSED;
/* The same for a text that is in memory; file is its name in messages. */
bool compat_read(const char *file, const char *text, size_t len,
	struct compat **ret_compat, struct err *err) WARN_UNUSED;
void compat_free(struct compat *compat); /* NULL is fine */

/* ERR_CONFIG if one of the two is no version (version_is_valid()). */
bool compat_judge(const struct compat *compat, const char *from, const char *to,
	struct compat_answer *ret_answer, struct err *err) WARN_UNUSED;
const char *compat_verdict_name(enum compat_verdict verdict);

#endif
