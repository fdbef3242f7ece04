/*
 * link.h - the link through which a lane's processes are started.
 *
 * Its text is one of
 *   <root>/versions/<version>[/bin/<name>]      a version
 *   <root>/versions/.hold-<run>[/bin/<name>]    the hold: names the run, exits
 * 75 The part in brackets is there when the link stands for the executable
 * itself (an adopted path); without it the link is a directory ("current").
 * Swapped by a temporary link and rename, synced; absent only before the
 * first run of a fresh install root.
 */
#ifndef SUPERVISOR_INSTALL_LINK_H
#define SUPERVISOR_INSTALL_LINK_H

#include "state/err.h"
#include "supervisor/install/artifact.h"

struct link_spec { /* all borrowed */
	const char *path; /* absolute */
	const char *root; /* install root, absolute */
	const char *name; /* executable: "mongosync" */
	bool is_binary; /* the link is the executable, not its directory */
};

enum link_kind {
	LINK_ABSENT,
	LINK_VERSION, /* to versions/<version> */
	LINK_HOLD, /* to some run's hold */
	LINK_PLAIN, /* a plain executable: may be adopted */
	LINK_FOREIGN, /* anything else */
};

struct link_seen {
	enum link_kind kind;
	char version[VERSION_MAX]; /* of VERSION */
	char run[64]; /* of HOLD */
};

bool link_read(const struct link_spec *link, struct link_seen *ret_seen,
	struct err *err) WARN_UNUSED;
bool link_point(const struct link_spec *link, const char *version,
	struct err *err) WARN_UNUSED;
/* Makes versions/.hold-<run>/bin/<name> (a #!/bin/sh script that says on
 * stderr which run holds it and what to do, and exits 75), synced, and turns
 * the link to it. */
bool link_hold(const struct link_spec *link, const char *run,
	struct err *err) WARN_UNUSED;
/* Removes the run's hold directory, unless a link leads to it: one that was
 * turned by link_point(), link_hold() or adopt() (noted below
 * <root>/.syncup/links), or one in <root> or <root>/<lane>. */
bool link_hold_remove(
	const char *root, const char *run, struct err *err) WARN_UNUSED;
/* The same if no claim on this root names the run any more. */
bool link_hold_release(
	const char *root, const char *run, struct err *err) WARN_UNUSED;
/* The same for every run that is over: no claim on this root names it, and its
 * hold is older than a day. */
bool link_hold_sweep(const char *root, struct err *err) WARN_UNUSED;
/* Can we replace it?  ERR_CONFIG: directory not writable, or the path belongs
 * to a Debian package (dpkg -S), with what to type. */
bool link_check_writable(
	const struct link_spec *link, struct err *err) WARN_UNUSED;

/* The executable exe (NULL: link->path itself, when that is a plain file; else
 * e.g. /proc/PID/exe of the running process) becomes
 * versions/<version>/bin/<name> (a hard link where possible, so that its inode
 * stays; else a synced copy, made under a .partial- name and renamed), and then
 * link->path, plain or absent, becomes a link to it.  A plain file there with
 * other contents than exe is kept as <path>.before-syncup.  A link that is a
 * hold or leads to another version stays as it is.  Repeating it after a kill
 * anywhere is harmless. */
bool adopt(const struct link_spec *link, const char *version, const char *exe,
	struct err *err) WARN_UNUSED;
/* The way back: path is a plain file again (hard link or copy, then rename),
 * and a directory's link, which was absent before, is removed;
 * versions/<version> stays. */
bool unadopt(const struct link_spec *link, const char *version,
	struct err *err) WARN_UNUSED;

/* Removes versions but the `keep` newest and those in `needed`
 * (NULL-terminated), those any link leads to (see link_hold_remove()), and
 * those that a running process executes (/proc/<pid>/exe, by inode) or a claim
 * on this root names.  Also what killed supervisors left, once it is older than
 * a day: .partial-*, holds, temporary files, notes of links.  *ret_removed
 * (freed by the caller) says what went, comma separated; "" if nothing did. */
bool prune_versions(const char *root, const char *const *needed, unsigned keep,
	char **ret_removed, struct err *err) WARN_UNUSED;

#endif
