/*
 * store_mongo_changes.c - the change log on a server, read and applied.
 *
 * Of several changes to one document in a batch only the last has an effect.
 * A batch is applied, collection by collection, by removing all documents that
 * it names and inserting those that are left: two commands, whatever the
 * server makes of them, and the same result when it is repeated.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "tests/refsync/mongo_store.h"

struct change {
	bson_t *event; /* what the rest points into */
	const char *ns;
	char op;
	bson_value_t id;
	bson_t doc; /* borrowed bytes; empty for a delete */
	uint32_t hash;
	bool skip; /* not ours, superseded, or applied */
};

static const struct name change_log = {CHANGES_DATABASE, CHANGES_COLLECTION};

static bool edge_change(
	struct store *store, int order, int64_t *ret_seq, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, change_log);
	mongoc_cursor_t *cursor = mongo_find(collection, json_object(),
		json_pack("{s:{s:i}, s:i, s:{s:i}}", "sort", "_id", order,
			"limit", 1, "projection", "_id", 1));
	const bson_t *bson;
	bson_iter_t iter;
	bool ok;

	*ret_seq = 0;
	while (mongo.mongoc_cursor_next(cursor, &bson))
		if (bson_iter_init_find(&iter, bson, "_id"))
			*ret_seq = bson_iter_as_int64(&iter);
	ok = mongo_finish(cursor, "reading the change log", err);
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_collection_destroy(collection);
	return ok;
}

bool mongo_first_change(struct store *store, int64_t *ret_seq, struct err *err)
{
	return edge_change(store, 1, ret_seq, err);
}

bool mongo_last_change(struct store *store, int64_t *ret_seq, struct err *err)
{
	return edge_change(store, -1, ret_seq, err);
}

static void free_changes(struct batch *batch)
{
	struct change *changes = batch->docs;

	for (size_t i = 0; i < batch->count; i++) {
		bson_value_destroy(&changes[i].id);
		bson_destroy(changes[i].event);
	}
	free(changes);
}

static uint32_t hash_change(const char *ns, const bson_value_t *id)
{
	uint32_t hash = store_hash(STORE_HASH_START, ns, strlen(ns));
	bson_t whole = BSON_INITIALIZER;

	(void)bson_append_value(&whole, "", 0, id);
	hash = store_hash(hash, bson_get_data(&whole), whole.len);
	bson_destroy(&whole);
	return hash;
}

static int64_t time_of(const bson_t *event)
{
	uint32_t seconds, increment;
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, event, "ts"))
		return 0;
	if (BSON_ITER_HOLDS_TIMESTAMP(&iter)) {
		bson_iter_timestamp(&iter, &seconds, &increment);
		return seconds;
	}
	if (BSON_ITER_HOLDS_DATE_TIME(&iter))
		return bson_iter_date_time(&iter) / 1000;
	return bson_iter_as_int64(&iter);
}

/* False: not an event that we understand. */
static bool parse_change(
	const bson_t *bson, struct change *change, int64_t *ret_seq)
{
	bson_iter_t seq, ns, op, id, doc;
	const uint8_t *bytes;
	uint32_t len;

	change->event = bson_copy(bson);
	bson = change->event;
	if (!bson_iter_init_find(&seq, bson, "_id") ||
		!bson_iter_init_find(&ns, bson, "ns") ||
		!bson_iter_init_find(&op, bson, "op") ||
		!bson_iter_init_find(&id, bson, "id") ||
		!BSON_ITER_HOLDS_UTF8(&ns) || !BSON_ITER_HOLDS_UTF8(&op))
		return false;
	*ret_seq = bson_iter_as_int64(&seq);
	change->ns = bson_iter_utf8(&ns, NULL);
	change->op = *bson_iter_utf8(&op, NULL);
	bson_value_copy(bson_iter_value(&id), &change->id);
	change->hash = hash_change(change->ns, &change->id);
	if (!strchr(change->ns, '.') || !strchr("iud", change->op))
		return false;
	if (change->op == 'd')
		return true;
	if (!bson_iter_init_find(&doc, bson, "doc") ||
		!BSON_ITER_HOLDS_DOCUMENT(&doc))
		return false;
	bson_iter_document(&doc, &len, &bytes);
	return bson_init_static(&change->doc, bytes, len);
}

bool mongo_read_changes(struct store *store, int64_t after, size_t max,
	struct batch *ret, struct err *err)
{
	mongoc_collection_t *collection = mongo_collection(store, change_log);
	mongoc_cursor_t *cursor = mongo_find(collection,
		json_pack("{s:{s:I}}", "_id", "$gt", (json_int_t)after),
		json_pack("{s:{s:i}, s:I}", "sort", "_id", 1, "limit",
			(json_int_t)max));
	struct change *changes = calloc(max, sizeof(*changes));
	struct batch batch = {.docs = changes, .docs_free = free_changes};
	const bson_t *bson;
	bool ok = true;

	if (!changes)
		abort();
	while (ok && batch.count < max &&
		mongo.mongoc_cursor_next(cursor, &bson)) {
		ok = parse_change(
			bson, &changes[batch.count++], &batch.last_seq);
		batch.last_time = time_of(bson);
		if (batch.count == 1)
			batch.first_seq = batch.last_seq;
	}
	ok = ok ? mongo_finish(cursor, "reading the change log", err)
		: err_set(err, ERR_CONFIG, "bad event in the change log");
	mongo.mongoc_cursor_destroy(cursor);
	mongo.mongoc_collection_destroy(collection);
	if (ok)
		*ret = batch;
	else
		batch_done(&batch);
	return ok;
}

static bool is_same_doc(const struct change *a, const struct change *b)
{
	bson_t one = BSON_INITIALIZER, other = BSON_INITIALIZER;
	bool same;

	if (a->hash != b->hash || strcmp(a->ns, b->ns) != 0)
		return false;
	(void)bson_append_value(&one, "", 0, &a->id);
	(void)bson_append_value(&other, "", 0, &b->id);
	same = bson_equal(&one, &other);
	bson_destroy(&one);
	bson_destroy(&other);
	return same;
}

static size_t choose(struct batch *batch, struct share share)
{
	struct change *changes = batch->docs;
	size_t mine = 0;

	for (size_t i = 0; i < batch->count; i++) {
		changes[i].skip =
			changes[i].hash % share.instances != share.mine;
		mine += !changes[i].skip;
		for (size_t j = 0; !changes[i].skip && j < i; j++)
			if (is_same_doc(&changes[i], &changes[j]))
				changes[j].skip = true;
	}
	return mine;
}

static json_t *ids_filter(json_t *ids)
{
	return json_pack("{s:{s:o}}", "_id", "$in", ids);
}

static void add_id(json_t *ids, const bson_value_t *id)
{
	_cleanup_json_ json_t *json = NULL;
	bson_t whole = BSON_INITIALIZER;

	(void)bson_append_value(&whole, "id", 2, id);
	json = mongo_to_json(&whole);
	bson_destroy(&whole);
	(void)json_array_append(ids, json_object_get(json, "id"));
}

/* Applies the changes of one collection from the one at first on. */
static bool apply_collection(
	struct store *store, struct batch *batch, size_t first, struct err *err)
{
	struct change *changes = batch->docs;
	const char *ns = changes[first].ns, *dot = strchr(ns, '.');
	_cleanup_free_ char *db = strndup(ns, (size_t)(dot - ns));
	const bson_t **docs = calloc(batch->count, sizeof(*docs));
	json_t *ids = json_array();
	mongoc_collection_t *collection;
	size_t count = 0;
	bool ok;

	if (!db || !docs)
		abort();
	collection = mongo_collection(store, (struct name){db, dot + 1});
	for (size_t i = first; i < batch->count; i++) {
		if (changes[i].skip || strcmp(changes[i].ns, ns) != 0)
			continue;
		changes[i].skip = true;
		add_id(ids, &changes[i].id);
		if (changes[i].op != 'd')
			docs[count++] = &changes[i].doc;
	}
	ok = mongo_replace(collection, ids_filter(ids), docs, count, err);
	mongo.mongoc_collection_destroy(collection);
	free(docs);
	return ok;
}

bool mongo_apply_changes(struct store *store, struct batch *batch,
	struct share share, size_t *ret_applied, struct err *err)
{
	const struct change *changes = batch->docs;

	*ret_applied = choose(batch, share);
	for (size_t i = 0; i < batch->count; i++)
		if (!changes[i].skip && !apply_collection(store, batch, i, err))
			return false;
	return true;
}
