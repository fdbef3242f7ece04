/*
 * metadata_copy.h - a copy of the sync's metadata on disk.
 *
 *   <directory>/<database>/<collection>.bson, .metadata.json
 *       as mongodump writes them: mongorestore can read them
 *   <directory>/copy.json
 *       {format, databases, digest, documents, bytes, cluster,
 *        collections: [{database, name, documents, about}], both paths or null,
 *        files: [{path, sha256, bytes}]}
 *
 * A copy grows in <directory>.partial; every file and directory is synced
 * before copy.json is written, and that before the name changes.  Files are
 * 0600, directories 0700: they hold the _ids of customers' documents.
 */
#ifndef SYNC_CLIENT_METADATA_COPY_H
#define SYNC_CLIENT_METADATA_COPY_H

#include <jansson.h>

#include "sync_client/metadata_digest.h"

#define METADATA_COPY_FORMAT 1
#define METADATA_COPY_JSON_MAX (16u << 20)

/*
 * Digests, copies, digests again: ERR_DECIDE if these differ, because somebody
 * writes.  ERR_STEP if directory is there already.  cluster says which cluster
 * it was, if that is proved; or NULL.
 */
bool metadata_save(const struct metadata_source *source, const char *directory,
	const char *cluster, struct metadata_totals *ret_totals,
	struct err *err) WARN_UNUSED;

struct metadata_copy { /* zero is empty */
	char *directory;
	json_t *json; /* copy.json */
	struct metadata_totals totals;
};

struct metadata_copied { /* one collection; lives as long as the copy */
	const char *database, *name;
	const char *documents, *about; /* paths in the directory, or NULL */
};

/* Believes nothing: every file is read and compared with its checksum.
 * ERR_STEP says what is wrong.  What is believed is durable. */
bool metadata_copy_open(const char *directory, struct metadata_copy *ret_copy,
	struct err *err) WARN_UNUSED;
void metadata_copy_done(struct metadata_copy *copy);
/* Which cluster it is of, or NULL. */
const char *metadata_copy_cluster(const struct metadata_copy *copy);
bool metadata_copy_has(const struct metadata_copy *copy, const char *database);
bool metadata_copy_each(const struct metadata_copy *copy,
	bool (*fn)(void *arg, const struct metadata_copied *, struct err *),
	void *arg, struct err *err) WARN_UNUSED;
/* For reading, from its beginning; the caller closes *ret_fd. */
bool metadata_copy_file(const struct metadata_copy *copy, const char *path,
	int *ret_fd, struct err *err) WARN_UNUSED;
/* After a put-back: does the metadata equal the copy?  Else ERR_DECIDE. */
bool metadata_copy_equals(const struct metadata_copy *copy,
	const struct metadata_totals *totals, struct err *err) WARN_UNUSED;

#endif
