/*
 * oplog.c - see oplog.h.
 */
#include "sync_client/oplog.h"

#include "state/cleanup.h"

enum {
	FIND_MS = 10000,
};

/* The oldest (1) or the newest (-1) entry's ts, as "T.I"; NULL: err is set. */
static json_t *entry_at(struct cluster *cluster, int order, struct err *err)
{
	mongoc_collection_t *oplog = mongoc_client_get_collection(
		cluster->client, "local", "oplog.rs");
	bson_t filter = BSON_INITIALIZER;
	bson_t *options = BCON_NEW("sort", "{", "$natural", BCON_INT32(order),
		"}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true),
		"projection", "{", "ts", BCON_INT32(1), "}", "maxTimeMS",
		BCON_INT64(FIND_MS));
	mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(oplog, &filter, options, NULL);
	json_t *moment = NULL;
	bson_error_t error;
	const bson_t *doc;
	bson_iter_t iter;
	uint32_t seconds, count;

	if (mongoc_cursor_next(cursor, &doc) &&
		bson_iter_init_find(&iter, doc, "ts") &&
		BSON_ITER_HOLDS_TIMESTAMP(&iter)) {
		bson_iter_timestamp(&iter, &seconds, &count);
		moment = json_sprintf("%u.%u", seconds, count);
	} else if (mongoc_cursor_error(cursor, &error)) {
		(void)cluster_failed(&error, err, "reading the oplog");
	} else {
		(void)err_set(err, ERR_STEP, "there is no oplog");
	}
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(oplog);
	bson_destroy(options);
	bson_destroy(&filter);
	return moment;
}

static json_t *look_at(struct cluster *cluster, const char *id)
{
	struct err err = {0};
	json_t *first = entry_at(cluster, 1, &err);
	json_t *last = first ? entry_at(cluster, -1, &err) : NULL;

	if (first && last)
		return json_pack("{s:s, s:o, s:o}", "id", id, "first", first,
			"last", last);
	json_decref(first);
	return json_pack("{s:s, s:s}", "id", id, "error", err.msg);
}

static json_t *ask_shard(
	const mongoc_uri_t *via, const char *id, const char *host)
{
	mongoc_uri_t *uri = NULL;
	struct cluster shard = {0};
	struct err err = {0};
	json_t *seen = NULL;

	if (oplog_shard_uri(via, host, &uri, &err) &&
		cluster_open_uri(&shard, uri, &err))
		seen = look_at(&shard, id);
	cluster_close(&shard);
	if (uri)
		mongoc_uri_destroy(uri);
	return seen ? seen
		    : json_pack("{s:s, s:s}", "id", id, "error", err.msg);
}

static bool ask_shards(
	const json_t *hosts, const char *text, json_t *seen, struct err *err)
{
	mongoc_uri_t *via = mongoc_uri_new_with_error(text, NULL);
	size_t i;
	json_t *shard;

	if (!via)
		return err_set(err, ERR_CONFIG,
			"the connection string is not a valid MongoDB URI");
	json_array_foreach (hosts, i, shard) {
		const char *id =
			json_string_value(json_object_get(shard, "id"));
		const char *host =
			json_string_value(json_object_get(shard, "host"));

		(void)json_array_append_new(
			seen, ask_shard(via, id ? id : "", host ? host : ""));
	}
	mongoc_uri_destroy(via);
	return true;
}

bool oplog_read(struct cluster *cluster, const char *uri, json_t **ret_json,
	struct err *err)
{
	_cleanup_json_ json_t *hosts = NULL;
	_cleanup_json_ json_t *seen = json_array();
	bool sharded;

	if (!cluster_shard_hosts(cluster, &sharded, &hosts, err))
		return false;
	if (!sharded)
		(void)json_array_append_new(seen, look_at(cluster, "source"));
	else if (!ask_shards(hosts, uri, seen, err))
		return false;
	*ret_json = json_pack("{s:O}", "shards", seen);
	return *ret_json || err_set(err, ERR_MEMORY, "out of memory");
}
