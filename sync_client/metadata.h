/*
 * metadata.h - what the sync persisted on its destination: found, summed up,
 * digested, put back.  metadata_copy.h has the copies.
 *
 * Blocking libmongoc: for the helper executable only.  Only metadata_put_back()
 * writes, and only to the sync's own databases.  Errors are as in cluster.h.
 */
#ifndef SYNC_CLIENT_METADATA_H
#define SYNC_CLIENT_METADATA_H

#include "sync_client/cluster.h"
#include "sync_client/metadata_copy.h"
#include "sync_client/metadata_digest.h"

#define METADATA_DOCUMENT_MAX (48u << 20) /* a server's limit is 16 MiB */

/* All of it, for metadata_digest_of() and metadata_save(). */
struct metadata_source metadata_on(struct cluster *cluster);
/* As in metadata_summary.h, and "bytes": all documents together, if the server
 * tells. */
bool metadata_summary(struct cluster *cluster, json_t **ret_json,
	struct err *err) WARN_UNUSED;
/* Puts the copy in directory in the place of what is there, and digests that.
 * Stopped in the middle, it is to be called again: the copy stays the truth. */
bool metadata_put_back(struct cluster *cluster, const char *directory,
	struct metadata_totals *ret_totals, struct err *err) WARN_UNUSED;

/* Sorted names of the databases that are the sync's; the caller's. */
bool metadata_databases(struct cluster *cluster, json_t **ret_names,
	struct err *err) WARN_UNUSED;

/* info is listCollections'; collections come sorted by name. */
typedef bool metadata_listed_fn(
	void *arg, const char *database, const bson_t *info, struct err *err);
bool metadata_list(struct cluster *cluster, const char *database,
	metadata_listed_fn *fn, void *arg, struct err *err) WARN_UNUSED;

#endif
