/*
 * store_mongo_data.c - users' documents on a server.
 *
 * A query by a range of _id compares within one type only, so a range never
 * spans two types.  Documents that come after the ranges were listed are the
 * change log's.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "tests/refsync/mongo_store.h"

#define DUPLICATE 11000

static json_t *id_of(const bson_t *bson)
{
	_cleanup_json_ json_t *json = mongo_to_json(bson);

	return json_incref(json_object_get(json, "_id"));
}

static bool is_number(bson_type_t type)
{
	return type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64 ||
	       type == BSON_TYPE_DOUBLE || type == BSON_TYPE_DECIMAL128;
}

struct division {
	json_t *ranges, *current;
	bson_type_t type;
	long docs, most;
};

static void divide_doc(struct division *division, const bson_t *bson)
{
	bson_type_t type;
	bson_iter_t iter;
	json_t *id;

	if (!bson_iter_init_find(&iter, bson, "_id"))
		return;
	type = bson_iter_type(&iter);
	id = id_of(bson);
	if (!division->current || division->docs == division->most ||
		(type != division->type &&
			!(is_number(type) && is_number(division->type)))) {
		division->current = json_pack("{s:O}", "from", id);
		(void)json_array_append_new(
			division->ranges, division->current);
		division->docs = 0;
		division->type = type;
	}
	(void)json_object_set_new(division->current, "upto", id);
	(void)json_object_set_new(
		division->current, "docs", json_integer(++division->docs));
}

static int64_t size_of(struct store *store, struct name name)
{
	bson_t *command = BCON_NEW("collStats", BCON_UTF8(name.coll));
	_cleanup_json_ json_t *json = NULL;
	bson_t reply;

	(void)mongo.mongoc_client_command_simple(
		mongo_of(store)->client, name.db, command, NULL, &reply, NULL);
	json = mongo_to_json(&reply);
	bson_destroy(&reply);
	bson_destroy(command);
	return json_integer_value(json_object_get(json, "size"));
}

bool mongo_ranges(struct store *store, struct name name, long docs,
	json_t **ret, int64_t *ret_bytes, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, name);
	mongoc_cursor_t *cursor = mongo_find(collection, json_object(),
		json_pack("{s:{s:i}, s:{s:i}}", "sort", "_id", 1, "projection",
			"_id", 1));
	struct division division = {.ranges = json_array(), .most = docs};
	const bson_t *bson;
	bool ok;

	while (mongo.mongoc_cursor_next(cursor, &bson))
		divide_doc(&division, bson);
	ok = mongo_finish(cursor, "dividing a collection", err);
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_collection_destroy(collection);
	if (!ok) {
		json_decref(division.ranges);
		return false;
	}
	*ret = division.ranges;
	*ret_bytes = size_of(store, name);
	return true;
}

static void free_docs(struct batch *batch)
{
	bson_t **docs = batch->docs;

	for (size_t i = 0; i < batch->count; i++)
		bson_destroy(docs[i]);
	free(docs);
}

static void add_doc(struct batch *batch, size_t *room, const bson_t *bson)
{
	if (batch->count == *room) {
		*room = *room ? 2 * *room : 64;
		batch->docs = realloc(batch->docs, *room * sizeof(bson_t *));
		if (!batch->docs)
			abort();
	}
	((bson_t **)batch->docs)[batch->count++] = bson_copy(bson);
}

static json_t *range_filter(const json_t *from, const json_t *upto)
{
	return json_pack("{s:{s:O, s:O}}", "_id", "$gte", from, "$lte", upto);
}

bool mongo_read_docs(struct store *store, const struct range *range,
	struct batch *ret, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, range->name);
	mongoc_cursor_t *cursor =
		mongo_find(collection, range_filter(range->from, range->upto),
			json_pack("{s:{s:i}}", "sort", "_id", 1));
	struct batch batch = {.docs_free = free_docs};
	const bson_t *bson;
	size_t room = 0;
	bool ok;

	while (mongo.mongoc_cursor_next(cursor, &bson))
		add_doc(&batch, &room, bson);
	ok = mongo_finish(cursor, "reading documents", err);
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_collection_destroy(collection);
	if (ok)
		*ret = batch;
	else
		batch_done(&batch);
	return ok;
}

static bool insert(mongoc_collection_t *collection, const bson_t **docs,
	size_t count, bson_error_t *why)
{
	bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));
	bool ok = mongo.mongoc_collection_insert_many(
		collection, docs, count, opts, NULL, why);

	bson_destroy(opts);
	return ok;
}

bool mongo_replace(mongoc_collection_t *collection, json_t *filter,
	const bson_t **docs, size_t count, struct err *err)
{
	_cleanup_json_ json_t *taken = filter;
	bson_t *bson = mongo_from_json(taken);
	bson_error_t why;
	bool ok;

	if (!bson)
		abort();
	ok = mongo.mongoc_collection_delete_many(
		     collection, bson, NULL, NULL, &why) &&
	     (!count || insert(collection, docs, count, &why));
	bson_destroy(bson);
	return ok || mongo_fail(err, &why, "writing documents");
}

bool mongo_write_docs(struct store *store, struct name name,
	const struct batch *batch, size_t first, size_t count, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, name);
	const bson_t **docs = (const bson_t **)batch->docs + first;
	_cleanup_json_ json_t *from = NULL;
	_cleanup_json_ json_t *upto = NULL;
	bson_error_t why;
	bool ok = insert(collection, docs, count, &why);

	/* what is there between the two is of a copy that was interrupted */
	if (!ok && why.code == DUPLICATE) {
		from = id_of(docs[0]);
		upto = id_of(docs[count - 1]);
		ok = mongo_replace(
			collection, range_filter(from, upto), docs, count, err);
	} else if (!ok) {
		(void)mongo_fail(err, &why, "writing documents");
	}
	mongo.mongoc_collection_destroy(collection);
	return ok;
}
