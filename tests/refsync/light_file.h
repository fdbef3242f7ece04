/*
 * light_file.h - one collection of a light cluster: an NDJSON file.
 *
 * dir is the cluster's directory.  Documents are in the order of their _id,
 * numbers before texts before the rest.  A file is replaced by rename, so a
 * reader needs no lock; who reads in order to write holds the lock.
 */
#ifndef REFSYNC_LIGHT_FILE_H
#define REFSYNC_LIGHT_FILE_H

#include "tests/refsync/store.h"

#define LIGHT_PATH 4096
#define LIGHT_SUFFIX ".ndjson"

/* path has room for LIGHT_PATH bytes; end is added to it. */
bool light_file_path(const char *dir, struct name name, const char *end,
	char *path, struct err *err) WARN_UNUSED;
/* Held until the descriptor is closed. */
bool light_file_lock(const char *dir, int *ret_fd, struct err *err) WARN_UNUSED;
/* A missing file is empty. */
bool light_file_read(const char *dir, struct name name, json_t **ret_docs,
	struct err *err) WARN_UNUSED;
bool light_file_write(const char *dir, struct name name, const json_t *docs,
	struct err *err) WARN_UNUSED;

int light_file_compare(const json_t *a, const json_t *b);
/* Replaces or inserts by _id. */
void light_file_put(json_t *docs, json_t *doc);
void light_file_remove(json_t *docs, const json_t *id);

#endif
