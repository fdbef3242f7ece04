/*
 * feed.h - the vendor's list of releases: which archive is ours?
 *
 *     {"versions": [{"version": "1.13.0", "downloads": [{"name": "ubuntu2204",
 *       "arch": "x86_64", "archive": {"url": "https://...", "sha256":
 * "..."}}]}]}
 *
 * Pure, but for feed_this_host().  What is not needed is not looked at.
 */
#ifndef SUPERVISOR_INSTALL_FEED_H
#define SUPERVISOR_INSTALL_FEED_H

#include <stddef.h>

#include "supervisor/install/fetch.h"

#define FEED_BYTES_MAX (8u << 20)
#define FEED_WORD_MAX 80u

struct feed_wanted {
	const char *version;
	const char *platform; /* as the feed calls it */
	const char *arch; /* as uname(2) calls it */
};

struct feed_choice {
	char url[FETCH_URL_MAX + 1];
	char sha256[65]; /* lower-case, or "": it says none */
};

/* ERR_CONFIG says what the feed has instead. */
bool feed_choose(const char *text, size_t len, const struct feed_wanted *wanted,
	struct feed_choice *ret_choice, struct err *err) WARN_UNUSED;

/* The vendor's name for the system that this os-release(5) text is of:
 * "ubuntu2204", "rhel90", "amazon2023", "debian12"; false if there is no rule
 * for it. */
bool feed_platform(const char *os_release, char ret_platform[FEED_WORD_MAX]);
/* The same for where we run, and its architecture. */
bool feed_this_host(char ret_platform[FEED_WORD_MAX],
	char ret_arch[FEED_WORD_MAX], struct err *err) WARN_UNUSED;

#endif
