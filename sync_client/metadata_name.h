/*
 * metadata_name.h - how the sync names its databases, and mongodump its files.
 *
 * Names of databases (facts A10): up to 1.19 mongosync_reserved_for_..., from
 * 1.20 on __mdb_internal_mongosync...; a beta used mongosync_internal_<name>.
 */
#ifndef SYNC_CLIENT_METADATA_NAME_H
#define SYNC_CLIENT_METADATA_NAME_H

#include <stdbool.h>

enum metadata_name {
	METADATA_NAME_FOREIGN,
	METADATA_NAME_LIKELY, /* the beta's: only what is in it can tell */
	METADATA_NAME_OURS,
};

enum metadata_name metadata_name_of(const char *database);
/* Does a collection of this name tell that a likely database is the sync's? */
bool metadata_name_proves(const char *collection);
/* Which database a summary is about: the highest wins; 0 for verifiers'. */
int metadata_name_rank(const char *database);
/* Server's own ("system.profile"): neither copied nor dropped. */
bool metadata_name_is_system(const char *collection);

/* The collection's file name without its ending, as mongodump makes it; the
 * caller frees it.  NULL: no memory. */
char *metadata_name_file(const char *collection);

#endif
