/*
 * compat.h - which version of a sync process can be live-upgraded to which, and
 * what a version asks of its configuration, connection strings and users.
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

#include <jansson.h>
#include <stddef.h>

#include "state/err.h"
#include "sync_client/sync_version.h"

#define COMPAT_FILE_MAX (256u << 10) /* bytes */
#define COMPAT_ENTRIES_MAX 256u /* in each list */
#define COMPAT_WORDS_MAX 64u /* in a list of words */
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

/* What is said, and where. */
struct compat_words {
	char *note, *documented;
	bool is_stated; /* false: presumed */
};

struct compat_span { /* of versions */
	char since[VERSION_MAX];
	char until[VERSION_MAX]; /* the first that it is not; "": none */
};

struct compat_setting { /* a key of a process's own configuration file */
	char *key;
	struct compat_span span; /* that know it */
	char *must_be; /* in that span; NULL: anything, or left out */
	struct compat_words words;
};

enum compat_side {
	COMPAT_SOURCE = 1,
	COMPAT_DESTINATION = 2,
};

struct compat_option { /* of a connection string */
	char *option;
	unsigned of; /* enum compat_side, or both */
	struct compat_span span; /* that refuse it */
	json_t *allowed; /* list of the values that are taken nevertheless */
	struct compat_words words;
};

struct compat_need { /* of the user of a connection string */
	unsigned of; /* enum compat_side, or both */
	struct compat_span span;
	json_t *actions; /* list of names; each is needed */
	json_t *on; /* list of resources, on any of which */
	struct compat_words words;
};

struct compat_server { /* a server that some versions do not support */
	unsigned of; /* enum compat_side, or both */
	struct compat_span span;
	char at_least[VERSION_MAX], below[VERSION_MAX]; /* the server's */
	struct compat_words words;
};

bool compat_applies(const struct compat_span *span, const char *version);
/* By index; NULL after the last.  They live as long as the compat. */
const struct compat_setting *compat_setting(
	const struct compat *compat, size_t index);
const struct compat_option *compat_option(
	const struct compat *compat, size_t index);
const struct compat_need *compat_need(
	const struct compat *compat, size_t index);
const struct compat_server *compat_server(
	const struct compat *compat, size_t index);

#endif
