/*
 * version.h - which mongosync this build stands in for.
 *
 * The three numbers are compiled in: one source is built several times.
 */
#ifndef REFSYNC_VERSION_H
#define REFSYNC_VERSION_H

#include <stdbool.h>

#ifndef REFSYNC_VERSION
#define REFSYNC_VERSION "1.18.0"
#endif
#ifndef REFSYNC_METADATA /* what it writes */
#define REFSYNC_METADATA 13
#endif
#ifndef REFSYNC_MINIMUM /* the oldest that it can migrate from */
#define REFSYNC_MINIMUM 12
#endif

#define DATABASE_OLD "mongosync_reserved_for_internal_use"
#define DATABASE_NEW "__mdb_internal_mongosync"

/* All versions are 1.minor.patch. */
bool version_has(int minor);
const char *version_text(void);
/* Where this version keeps its metadata. */
const char *version_database(void);
void version_print(void);

#endif
