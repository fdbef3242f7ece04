/*
 * files.h - the metadata databases among a light cluster's files.
 *
 * <dir>/<database>/<collection>.ndjson, one document a line.  A saved copy is
 * laid out in the same way, so that whatever tells what is in a cluster also
 * tells what is in a copy.  All errors are ERR_AGAIN.
 */
#ifndef LIGHT_HELPER_FILES_H
#define LIGHT_HELPER_FILES_H

#include <jansson.h>

#include "state/err.h"

/* dir/a, or dir/a/b; the caller frees it. */
char *files_path(const char *dir, const char *a, const char *b);
/* Names of everything in a directory but "." and "..", sorted by bytes. */
bool files_list(
	const char *dir, json_t **ret_names, struct err *err) WARN_UNUSED;
/* Names of directories that are metadata databases, maybe empty ones. */
bool files_databases(
	const char *dir, json_t **ret_names, struct err *err) WARN_UNUSED;
/* Names of a database's files, with their ending. */
bool files_collections(const char *dir, const char *database,
	json_t **ret_files, struct err *err) WARN_UNUSED;
/* A whole file as text, which the caller frees. */
bool files_read(const char *path, char **ret_text, size_t *ret_len,
	struct err *err) WARN_UNUSED;
/*
 * {databases, digest, documents, bytes, files:[{path,sha256,bytes}]}
 *
 * The digest is a SHA-256 over databases and their collections in the order of
 * their names: "d" database, "c" collection, "b" the file's bytes, each with
 * its length ("b10:..."), so that nothing can be shifted from one to the next.
 * A database without collections is not there.
 */
bool files_inventory(
	const char *dir, json_t **ret_inventory, struct err *err) WARN_UNUSED;

#endif
