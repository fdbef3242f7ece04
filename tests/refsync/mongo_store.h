/*
 * mongo_store.h - what the two files of the server's store share.
 */
#ifndef REFSYNC_MONGO_STORE_H
#define REFSYNC_MONGO_STORE_H

#include "tests/refsync/mongo_lib.h"
#include "tests/refsync/store.h"

struct mongo_store {
	struct store store;
	mongoc_uri_t *uri;
	mongoc_client_t *client;
};

static inline struct mongo_store *mongo_of(struct store *store)
{
	return (struct mongo_store *)store;
}

/* Sets err from libmongoc's error: ERR_AGAIN if it may pass. */
bool mongo_fail(struct err *err, const bson_error_t *why, const char *doing);
/* Both give NULL only for what is no document. */
bson_t *mongo_from_json(const json_t *json);
json_t *mongo_to_json(const bson_t *bson);
mongoc_collection_t *mongo_collection(struct store *store, struct name name);
/* Runs a query whose filter and options are JSON text, which are taken. */
mongoc_cursor_t *mongo_find(
	mongoc_collection_t *collection, json_t *filter, json_t *options);
/* The cursor's own error, if it ended by one. */
bool mongo_finish(mongoc_cursor_t *cursor, const char *doing, struct err *err);

/* store_mongo_data.c */
bool mongo_ranges(struct store *store, struct name name, long docs,
	json_t **ret, int64_t *ret_bytes, struct err *err);
bool mongo_read_docs(struct store *store, const struct range *range,
	struct batch *ret, struct err *err);
bool mongo_write_docs(struct store *store, struct name name,
	const struct batch *batch, size_t first, size_t count, struct err *err);
/* store_mongo_changes.c */
bool mongo_first_change(struct store *store, int64_t *ret_seq, struct err *err);
bool mongo_last_change(struct store *store, int64_t *ret_seq, struct err *err);
bool mongo_read_changes(struct store *store, int64_t after, size_t max,
	struct batch *ret, struct err *err);
bool mongo_apply_changes(struct store *store, struct batch *batch,
	struct share share, size_t *ret_applied, struct err *err);
/* Removes what the filter (taken) finds, then inserts docs. */
bool mongo_replace(mongoc_collection_t *collection, json_t *filter,
	const bson_t **docs, size_t count, struct err *err);

#endif
