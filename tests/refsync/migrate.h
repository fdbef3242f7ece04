/*
 * migrate.h - which metadata a version accepts, and how it makes it its own.
 *
 * Documents are rewritten one by one and each says its version, so that a
 * migration that died goes on where it was.  globalState says migratingTo from
 * the first write on, and gets its new persistedMetadataVersion last.
 */
#ifndef REFSYNC_MIGRATE_H
#define REFSYNC_MIGRATE_H

#include <jansson.h>

#include "state/err.h"

/* ERR_CONFIG with mongosync's words if this version refuses it. */
bool migrate_check(
	const json_t *global, bool *ret_older, struct err *err) WARN_UNUSED;
/* Changes doc, of any collection but globalState, to this version's form. */
void migrate_document(json_t *doc);

#endif
