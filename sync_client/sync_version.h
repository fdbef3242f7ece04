/*
 * sync_version.h - version numbers, as sync processes and archives have them:
 * N.N.N with an optional -word, compared as numbers.
 */
#ifndef SYNC_CLIENT_SYNC_VERSION_H
#define SYNC_CLIENT_SYNC_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#define VERSION_MAX 32 /* "1.13.0", and a pre-release part */

bool version_is_valid(const char *version); /* N.N.N with an optional -word */
/* <0, 0, >0; both are valid.  1.2.0-rc1 comes before 1.2.0. */
int version_compare(const char *a, const char *b);
/* The length of N.N.N at the start of text, or 0. */
size_t version_numbers_len(const char *text);

#endif
