/*
 * listing.h - what an archive says is in it, and whether that may be
 * unpacked; private to install/.
 *
 * The rules that keep everything inside: no member is absolute or has a "..",
 * no member lies below a link, a symlink's ".." stand only in its front and
 * are no more than it is deep, a hard link names a file that is listed before
 * it.  So at each step of following a link one stands in a real directory of
 * the tree, whatever other links there are.
 */
#ifndef SUPERVISOR_INSTALL_LISTING_H
#define SUPERVISOR_INSTALL_LISTING_H

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <sys/types.h>

#include "state/err.h"

#define LISTING_PATH_MAX 1024
#define LISTING_DEPTH_MAX 32

enum listing_kind {
	LISTING_FILE,
	LISTING_DIR,
	LISTING_SYMLINK,
	LISTING_HARDLINK,
};

struct listing_entry {
	char *member; /* as in the archive, without "./" and "//" */
	const char *path; /* of member: without the top directory; "" is it */
	char *link; /* of SYMLINK: its text; of HARDLINK: the member */
	size_t target; /* of HARDLINK: index of the file */
	enum listing_kind kind;
	mode_t mode;
};

struct listing { /* zero is empty */
	struct listing_entry *entry; /* in the archive's order */
	size_t count, room;
	size_t *sorted; /* indices, by member */
	size_t executable; /* index; may be a HARDLINK */
	uint64_t bytes;
	unsigned files; /* all but directories */
};

/* Reads the whole archive from fd.  Refusals are ERR_CONFIG. */
bool listing_read(struct listing *listing, int fd, const char *name,
	struct err *err) WARN_UNUSED;
void listing_done(struct listing *listing);

/* The archive again, from its start, for what is in the listing. */
bool listing_open(
	int fd, struct archive **ret_archive, struct err *err) WARN_UNUSED;
/* The next member.  *at counts them, from 0; *ret_entry is NULL at the end. */
bool listing_next(const struct listing *listing, struct archive *archive,
	size_t *at, const struct listing_entry **ret_entry,
	struct err *err) WARN_UNUSED;
/* Writes the data of the member that listing_next() came to. */
bool listing_extract(struct archive *archive, int fd, const char *member,
	struct err *err) WARN_UNUSED;

/* For messages: nothing that a terminal would obey, and not too long. */
#define LISTING_SHOWN 120
const char *listing_show(const char *member, char ret_shown[LISTING_SHOWN]);

#endif
