/*
 * store_mongo.c - a cluster that is a server: connection and metadata.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "tests/refsync/mongo_store.h"
#include "tests/refsync/version.h"

#define SELECTION_MS 3000
#define DUPLICATE 11000
#define NAMESPACE_EXISTS 48
#define NAMESPACE_NOT_FOUND 26

bool mongo_fail(struct err *err, const bson_error_t *why, const char *doing)
{
	static const uint32_t passing[] = {6, 7, 89, 91, 189, 9001, 10107,
		11600, 11602, 13435, 13436, DUPLICATE};
	enum err_code code = ERR_CONFIG;

	if (why->domain == MONGOC_ERROR_STREAM ||
		why->domain == MONGOC_ERROR_SERVER_SELECTION)
		code = ERR_AGAIN;
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
		if (why->domain == MONGOC_ERROR_SERVER &&
			why->code == passing[i])
			code = ERR_AGAIN;
	return err_set(err, code, "%s: %s", doing, why->message);
}

bson_t *mongo_from_json(const json_t *json)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	return text ? bson_new_from_json((const uint8_t *)text, -1, NULL)
		    : NULL;
}

json_t *mongo_to_json(const bson_t *bson)
{
	char *text = bson_as_relaxed_extended_json(bson, NULL);
	json_t *json = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;

	bson_free(text);
	return json;
}

mongoc_collection_t *mongo_collection(struct store *store, struct name name)
{
	return mongo.mongoc_client_get_collection(
		mongo_of(store)->client, name.db, name.coll);
}

mongoc_cursor_t *mongo_find(
	mongoc_collection_t *collection, json_t *filter, json_t *options)
{
	bson_t *bson = mongo_from_json(filter);
	bson_t *opts = mongo_from_json(options);
	mongoc_cursor_t *cursor;

	if (!bson || !opts)
		abort(); /* our own words */
	cursor = mongo.mongoc_collection_find_with_opts(
		collection, bson, opts, NULL);
	bson_destroy(bson);
	bson_destroy(opts);
	json_decref(filter);
	json_decref(options);
	return cursor;
}

bool mongo_finish(mongoc_cursor_t *cursor, const char *doing, struct err *err)
{
	bson_error_t why;

	return !mongo.mongoc_cursor_error(cursor, &why) ||
	       mongo_fail(err, &why, doing);
}

static void mongo_free(struct store *store)
{
	struct mongo_store *own = mongo_of(store);

	if (own->client)
		mongo.mongoc_client_destroy(own->client);
	if (own->uri)
		mongo.mongoc_uri_destroy(own->uri);
	free(own);
	mongo_lib_close();
}

static bool mongo_databases(struct store *store, json_t **ret, struct err *err)
{
	bson_error_t why;
	char **names = mongo.mongoc_client_get_database_names_with_opts(
		mongo_of(store)->client, NULL, &why);

	if (!names)
		return mongo_fail(err, &why, "listing databases");
	*ret = json_array();
	for (size_t i = 0; names[i]; i++)
		(void)json_array_append_new(*ret, json_string(names[i]));
	bson_strfreev(names);
	return true;
}

static void add_collection(json_t *found, const char *db, const bson_t *bson)
{
	_cleanup_json_ json_t *json = mongo_to_json(bson);
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *type = json_string_value(json_object_get(json, "type"));
	json_t *uuid = json_object_get(json_object_get(json, "info"), "uuid");

	if (!name || (type && strcmp(type, "collection") != 0))
		return;
	if (uuid)
		json_incref(uuid);
	else
		uuid = store_make_uuid((struct name){db, name});
	(void)json_array_append_new(
		found, json_pack("{s:s, s:o}", "name", name, "uuid", uuid));
}

static bool mongo_collections(
	struct store *store, const char *db, json_t **ret, struct err *err)
{
	mongoc_database_t *database =
		mongo.mongoc_client_get_database(mongo_of(store)->client, db);
	mongoc_cursor_t *cursor =
		mongo.mongoc_database_find_collections_with_opts(
			database, NULL);
	json_t *found = json_array();
	const bson_t *bson;
	bool ok;

	while (mongo.mongoc_cursor_next(cursor, &bson))
		add_collection(found, db, bson);
	ok = mongo_finish(cursor, "listing collections", err);
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_database_destroy(database);
	if (ok)
		*ret = found;
	else
		json_decref(found);
	return ok;
}

/* A server that knows no listShards has no shards. */
static bool mongo_shards(struct store *store, json_t **ret, struct err *err)
{
	bson_t *command = BCON_NEW("listShards", BCON_INT32(1));
	_cleanup_json_ json_t *json = NULL;
	bson_t reply;
	bson_error_t why;
	size_t i;
	json_t *shard;
	bool ok = mongo.mongoc_client_command_simple(
		mongo_of(store)->client, "admin", command, NULL, &reply, &why);

	json = mongo_to_json(&reply);
	bson_destroy(&reply);
	bson_destroy(command);
	if (!ok && why.domain != MONGOC_ERROR_SERVER &&
		why.domain != MONGOC_ERROR_QUERY)
		return mongo_fail(err, &why, "listing shards");
	*ret = json_array();
	json_array_foreach (json_object_get(json, "shards"), i, shard)
		(void)json_array_append(*ret, json_object_get(shard, "_id"));
	return true;
}

static bool mongo_read(
	struct store *store, struct name name, json_t **ret, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, name);
	mongoc_cursor_t *cursor = mongo_find(collection, json_object(),
		json_pack("{s:{s:i}}", "sort", "_id", 1));
	json_t *docs = json_array();
	const bson_t *bson;
	bool ok;

	while (mongo.mongoc_cursor_next(cursor, &bson))
		(void)json_array_append_new(docs, mongo_to_json(bson));
	ok = mongo_finish(cursor, "reading metadata", err);
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_collection_destroy(collection);
	if (ok)
		*ret = docs;
	else
		json_decref(docs);
	return ok;
}

static bool mongo_put(struct store *store, struct name name, const json_t *doc,
	struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, name);
	_cleanup_json_ json_t *selector =
		json_pack("{s:O}", "_id", json_object_get(doc, "_id"));
	bson_t *filter = mongo_from_json(selector);
	bson_t *bson = mongo_from_json(doc);
	bson_t *opts = BCON_NEW("upsert", BCON_BOOL(true));
	bson_error_t why;
	bool ok;

	if (!filter || !bson)
		abort(); /* our own document */
	ok = mongo.mongoc_collection_replace_one(
		     collection, filter, bson, opts, NULL, &why) ||
	     mongo_fail(err, &why, "writing metadata");
	bson_destroy(filter);
	bson_destroy(bson);
	bson_destroy(opts);
	mongo.mongoc_collection_destroy(collection);
	return ok;
}

static bool mongo_create(struct store *store, struct name name, struct err *err)
{
	mongoc_database_t *database = mongo.mongoc_client_get_database(
		mongo_of(store)->client, name.db);
	bson_error_t why;
	mongoc_collection_t *made = mongo.mongoc_database_create_collection(
		database, name.coll, NULL, &why);

	mongo.mongoc_database_destroy(database);
	if (made)
		mongo.mongoc_collection_destroy(made);
	return made || why.code == NAMESPACE_EXISTS ||
	       mongo_fail(err, &why, "creating a collection");
}

static bool mongo_drop(struct store *store, struct name name, struct err *err)
{
	mongoc_database_t *database;
	mongoc_collection_t *collection;
	bson_error_t why;
	bool ok;

	if (name.coll) {
		collection = mongo_collection(store, name);
		ok = mongo.mongoc_collection_drop(collection, &why);
		mongo.mongoc_collection_destroy(collection);
	} else {
		database = mongo.mongoc_client_get_database(
			mongo_of(store)->client, name.db);
		ok = mongo.mongoc_database_drop(database, &why);
		mongo.mongoc_database_destroy(database);
	}
	return ok || why.code == NAMESPACE_NOT_FOUND ||
	       mongo_fail(err, &why, "dropping");
}

static const struct store_ops mongo_ops = {
	.free = mongo_free,
	.databases = mongo_databases,
	.collections = mongo_collections,
	.shards = mongo_shards,
	.read = mongo_read,
	.put = mongo_put,
	.create = mongo_create,
	.drop = mongo_drop,
	.ranges = mongo_ranges,
	.read_docs = mongo_read_docs,
	.write_docs = mongo_write_docs,
	.first_change = mongo_first_change,
	.last_change = mongo_last_change,
	.read_changes = mongo_read_changes,
	.apply_changes = mongo_apply_changes,
};

/* The URI rules of mongosync. */
static bool check_uri(const mongoc_uri_t *uri, struct err *err)
{
	const mongoc_write_concern_t *writes =
		mongo.mongoc_uri_get_write_concern(uri);
	const char *level = mongo.mongoc_read_concern_get_level(
		mongo.mongoc_uri_get_read_concern(uri));

	if (version_has(10) &&
		mongo.mongoc_uri_has_option(uri, MONGOC_URI_SOCKETTIMEOUTMS))
		return err_set(err, ERR_CONFIG,
			"Invalid URI option, socketTimeoutMS is not allowed");
	if (level && strcmp(level, "majority") != 0)
		return err_set(err, ERR_CONFIG,
			"Invalid URI option, read concern must be majority");
	if (!mongo.mongoc_write_concern_is_default(writes) &&
		!mongo.mongoc_write_concern_get_wmajority(writes))
		return err_set(err, ERR_CONFIG,
			"Invalid URI option, write concern must be majority");
	return true;
}

bool store_mongo_open(
	const char *uri, struct store **ret_store, struct err *err)
{
	struct mongo_store *own;
	bson_error_t why;

	if (!mongo_lib_open(err))
		return false;
	own = calloc(1, sizeof(*own));
	if (!own)
		abort();
	own->store.ops = &mongo_ops;
	own->uri = mongo.mongoc_uri_new_with_error(uri, &why);
	if (!own->uri) { /* libmongoc's message may quote the URI */
		mongo_free(&own->store);
		return err_set(err, ERR_CONFIG, "not a valid connection URI");
	}
	if (!check_uri(own->uri, err)) {
		mongo_free(&own->store);
		return false;
	}
	if (!mongo.mongoc_uri_has_option(
		    own->uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS))
		(void)mongo.mongoc_uri_set_option_as_int32(own->uri,
			MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECTION_MS);
	own->client =
		mongo.mongoc_client_new_from_uri_with_error(own->uri, &why);
	if (!own->client) {
		mongo_free(&own->store);
		return err_set(err, ERR_CONFIG, "cannot make a client");
	}
	(void)mongo.mongoc_client_set_error_api(
		own->client, MONGOC_ERROR_API_VERSION_2);
	(void)snprintf(own->store.address, sizeof(own->store.address), "%s",
		mongo.mongoc_uri_get_hosts(own->uri)->host_and_port);
	*ret_store = &own->store;
	return true;
}
