/*
 * metadata_about.h - a collection's options and indexes as text and back.
 *
 * For a file they are as mongodump writes them.  For the digest they are sorted
 * and without what a collection gets anew each time that it is created (its
 * UUID) or what only old servers tell (the namespace in an index).
 */
#ifndef SYNC_CLIENT_METADATA_ABOUT_H
#define SYNC_CLIENT_METADATA_ABOUT_H

#include <bson/bson.h>
#include <stdbool.h>

struct metadata_about {
	char *digested, *file; /* owned */
};

/* info is listCollections', indexes an array of listIndexes'.  False: no
 * memory. */
bool metadata_about_make(struct metadata_about *about, const bson_t *info,
	const bson_t *indexes);
void metadata_about_done(struct metadata_about *about);

/* The commands that make the collection again.  False: not understood. */
bool metadata_about_create(
	const char *file, const char *collection, bson_t *ret_command);
/* *ret_any false: it has no index that create does not make. */
bool metadata_about_indexes(const char *file, const char *collection,
	bson_t *ret_command, bool *ret_any);

#endif
