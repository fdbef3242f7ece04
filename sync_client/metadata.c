/*
 * metadata.c - reading what the sync persisted; metadata_restore.c puts it
 * back.
 *
 * Documents are read with read concern majority, so that no failover can take
 * back what we saw.
 */
#include "sync_client/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "sync_client/metadata_about.h"
#include "sync_client/metadata_name.h"
#include "sync_client/metadata_summary.h"

/* ---- which databases and collections ---- */

struct listed { /* listCollections' answer for one collection */
	char *name;
	bson_t *info;
};

struct listing {
	struct listed *listed;
	size_t count, room;
};

static void listing_done(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->listed[i].name);
		bson_destroy(listing->listed[i].info);
	}
	free(listing->listed);
}

static bool listing_add(struct listing *listing, const bson_t *info)
{
	struct listed *grown = listing->listed;
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, info, "name") ||
		!BSON_ITER_HOLDS_UTF8(&iter) ||
		metadata_name_is_system(bson_iter_utf8(&iter, NULL)))
		return true;
	if (listing->count == listing->room) {
		listing->room = listing->room ? 2 * listing->room : 16;
		grown = reallocarray(grown, listing->room, sizeof(*grown));
		if (!grown)
			return false;
		listing->listed = grown;
	}
	grown[listing->count].name = strdup(bson_iter_utf8(&iter, NULL));
	grown[listing->count].info = bson_copy(info);
	return grown[listing->count++].name != NULL;
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static bool list_collections(struct cluster *cluster, const char *database,
	struct listing *listing, struct err *err)
{
	mongoc_database_t *db =
		mongoc_client_get_database(cluster->client, database);
	mongoc_cursor_t *cursor =
		mongoc_database_find_collections_with_opts(db, NULL);
	bson_error_t error;
	const bson_t *info;
	bool ok = true;

	while (ok && mongoc_cursor_next(cursor, &info))
		ok = listing_add(listing, info);
	if (!ok)
		(void)err_set(err, ERR_MEMORY, "out of memory");
	else if (mongoc_cursor_error(cursor, &error))
		ok = cluster_failed(
			&error, err, "listing collections of %s", database);
	mongoc_cursor_destroy(cursor);
	mongoc_database_destroy(db);
	if (ok && listing->count > 0)
		qsort(listing->listed, listing->count, sizeof(struct listed),
			compare_listed);
	return ok;
}

bool metadata_list(struct cluster *cluster, const char *database,
	metadata_listed_fn *fn, void *arg, struct err *err)
{
	struct listing listing = {0};
	bool ok = list_collections(cluster, database, &listing, err);

	for (size_t i = 0; ok && i < listing.count; i++)
		ok = fn(arg, database, listing.listed[i].info, err);
	listing_done(&listing);
	return ok;
}

/* A database without collections may stay in a server's list: it counts for
 * nothing.  A name that anybody may have chosen needs a proof. */
static bool holds_metadata(struct cluster *cluster, const char *database,
	bool *ret_holds, struct err *err)
{
	enum metadata_name name = metadata_name_of(database);
	struct listing listing = {0};
	bool ok = true;

	*ret_holds = false;
	if (name == METADATA_NAME_FOREIGN)
		return true;
	ok = list_collections(cluster, database, &listing, err);
	for (size_t i = 0; ok && i < listing.count; i++)
		if (name == METADATA_NAME_OURS ||
			metadata_name_proves(listing.listed[i].name))
			*ret_holds = true;
	listing_done(&listing);
	return ok;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool metadata_databases(
	struct cluster *cluster, json_t **ret_names, struct err *err)
{
	bson_error_t error;
	char **names = mongoc_client_get_database_names_with_opts(
		cluster->client, NULL, &error);
	_cleanup_json_ json_t *found = json_array();
	bool holds, ok = true;
	size_t count = 0;

	if (!names)
		return cluster_failed(&error, err, "listing databases");
	while (names[count])
		count++;
	qsort(names, count, sizeof(*names), compare_texts);
	for (size_t i = 0; ok && i < count; i++) {
		ok = holds_metadata(cluster, names[i], &holds, err);
		if (ok && holds &&
			json_array_append_new(found, json_string(names[i])) !=
				0)
			ok = err_set(err, ERR_STEP,
				"the name of a database is not UTF-8");
	}
	bson_strfreev(names);
	*ret_names = ok ? take_ptr(found) : NULL;
	return ok;
}

/* ---- documents ---- */

struct reading { /* one collection */
	struct cluster *cluster;
	const char *database, *name;
	const char *fields; /* JSON of a projection, or NULL: whole */
	bool (*document)(void *arg, const bson_t *, struct err *);
	void *arg;
	bool any;
};

static mongoc_cursor_t *start_reading(
	const struct reading *reading, mongoc_collection_t *collection)
{
	bson_t *options = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	mongoc_read_concern_t *concern = mongoc_read_concern_new();
	bson_t filter = BSON_INITIALIZER;
	mongoc_cursor_t *cursor;

	if (reading->fields) {
		bson_t *fields = bson_new_from_json(
			(const uint8_t *)reading->fields, -1, NULL);

		(void)BSON_APPEND_DOCUMENT(options, "projection", fields);
		bson_destroy(fields);
	}
	if (!reading->cluster->no_majority)
		(void)mongoc_read_concern_set_level(
			concern, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_collection_set_read_concern(collection, concern);
	cursor = mongoc_collection_find_with_opts(
		collection, &filter, options, NULL);
	mongoc_read_concern_destroy(concern);
	bson_destroy(&filter);
	bson_destroy(options);
	return cursor;
}

/* *ret_error: what the server said; empty if it was the visitor that failed. */
static bool read_once(
	struct reading *reading, bson_error_t *ret_error, struct err *err)
{
	mongoc_collection_t *collection = mongoc_client_get_collection(
		reading->cluster->client, reading->database, reading->name);
	mongoc_cursor_t *cursor = start_reading(reading, collection);
	const bson_t *doc;
	bool ok = true;

	*ret_error = (bson_error_t){0};
	while (ok && mongoc_cursor_next(cursor, &doc)) {
		reading->any = true;
		ok = reading->document(reading->arg, doc, err);
	}
	if (ok)
		ok = !mongoc_cursor_error(cursor, ret_error);
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(collection);
	return ok;
}

static bool read_documents(struct reading *reading, struct err *err)
{
	bson_error_t error;
	bool ok = read_once(reading, &error, err);

	if (!ok && !reading->any && !reading->cluster->no_majority &&
		cluster_lacks_majority(&error)) {
		reading->cluster->no_majority = true;
		ok = read_once(reading, &error, err);
	}
	if (!ok && error.domain)
		return cluster_failed(&error, err, "reading %s.%s",
			reading->database, reading->name);
	return ok;
}

/* ---- the walk ---- */

static bool read_indexes(struct cluster *cluster, const char *database,
	const char *name, bson_t *ret_indexes, struct err *err)
{
	mongoc_collection_t *collection =
		mongoc_client_get_collection(cluster->client, database, name);
	mongoc_cursor_t *cursor =
		mongoc_collection_find_indexes_with_opts(collection, NULL);
	bson_error_t error;
	const bson_t *index;
	uint32_t count = 0;
	bool ok = true;

	while (mongoc_cursor_next(cursor, &index)) {
		char buffer[16];
		const char *key;

		(void)bson_uint32_to_string(
			count++, &key, buffer, sizeof(buffer));
		(void)BSON_APPEND_DOCUMENT(ret_indexes, key, index);
	}
	if (mongoc_cursor_error(cursor, &error))
		ok = cluster_failed(&error, err, "listing indexes of %s.%s",
			database, name);
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(collection);
	return ok;
}

struct walk {
	struct cluster *cluster;
	const struct metadata_visitor *visitor;
};

static bool visit_document(void *arg, const bson_t *doc, struct err *err)
{
	const struct metadata_visitor *visitor = arg;

	return visitor->document(
		visitor->arg, bson_get_data(doc), doc->len, err);
}

static const char *text_of(const bson_t *info, const char *key)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, info, key) &&
			       BSON_ITER_HOLDS_UTF8(&iter)
		       ? bson_iter_utf8(&iter, NULL)
		       : "";
}

static bool tell_collection(struct walk *walk, const char *database,
	const bson_t *info, const bson_t *indexes, struct err *err)
{
	bool view = strcmp(text_of(info, "type"), "view") == 0;
	struct metadata_about about;
	struct metadata_collection at = {
		.database = database,
		.name = text_of(info, "name"),
		.suffix = view ? NULL : ".bson",
	};
	bool ok;

	if (!metadata_about_make(&about, info, indexes))
		return err_set(err, ERR_MEMORY, "out of memory");
	at.about = about.digested;
	at.about_file = about.file;
	ok = walk->visitor->collection(walk->visitor->arg, &at, err);
	metadata_about_done(&about);
	return ok;
}

static bool walk_collection(
	void *arg, const char *database, const bson_t *info, struct err *err)
{
	struct walk *walk = arg;
	const char *name = text_of(info, "name");
	const char *type = text_of(info, "type");
	struct reading reading = {
		.cluster = walk->cluster,
		.database = database,
		.name = name,
		.document = visit_document,
		.arg = (void *)(uintptr_t)walk->visitor,
	};
	bson_t indexes = BSON_INITIALIZER;
	bool ok;

	if (strcmp(type, "timeseries") == 0)
		return err_set(err, ERR_STEP,
			"%s.%s is a time series, which this syncup does not "
			"know how to copy",
			database, name);
	if (strcmp(type, "view") == 0)
		return tell_collection(walk, database, info, &indexes, err);
	ok = read_indexes(walk->cluster, database, name, &indexes, err) &&
	     tell_collection(walk, database, info, &indexes, err) &&
	     read_documents(&reading, err);
	bson_destroy(&indexes);
	return ok;
}

static bool walk_all(
	void *arg, const struct metadata_visitor *visitor, struct err *err)
{
	struct walk walk = {.cluster = arg, .visitor = visitor};
	_cleanup_json_ json_t *databases = NULL;
	size_t i;
	json_t *name;

	if (!metadata_databases(walk.cluster, &databases, err))
		return false;
	json_array_foreach (databases, i, name)
		if (!metadata_list(walk.cluster, json_string_value(name),
			    walk_collection, &walk, err))
			return false;
	return true;
}

struct metadata_source metadata_on(struct cluster *cluster)
{
	return (struct metadata_source){.walk = walk_all, .arg = cluster};
}

/* ---- the summary ---- */

struct summing {
	struct metadata_summary summary;
	struct cluster *cluster;
	const char *collection;
	bool any;
	struct err *err; /* of has_global() */
	bool failed;
};

static bool sum_document(void *arg, const bson_t *doc, struct err *err)
{
	struct summing *summing = arg;
	char *text = bson_as_relaxed_extended_json(doc, NULL);
	_cleanup_json_ json_t *json =
		text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;

	bson_free(text);
	if (json)
		return metadata_summary_add(
			&summing->summary, summing->collection, json, err);
	summing->summary.odd = true;
	return true;
}

static bool note_document(void *arg, const bson_t *doc, struct err *err)
{
	struct summing *summing = arg;

	(void)doc;
	(void)err;
	summing->any = true;
	return true;
}

static bool has_global(void *arg, const char *database)
{
	struct summing *summing = arg;
	struct reading reading = {
		.cluster = summing->cluster,
		.database = database,
		.name = "globalState",
		.fields = "{\"_id\":1}",
		.document = note_document,
		.arg = summing,
	};

	summing->any = false;
	if (!summing->failed && !read_documents(&reading, summing->err))
		summing->failed = true;
	return summing->any;
}

/* There may be hundreds of thousands of these. */
static const char *fields_of(const char *collection)
{
	if (strcmp(collection, "partitions") == 0)
		return "{\"partitionPhase\":1,\"copiedByteCount\":1}";
	if (strcmp(collection, "statistics") == 0)
		return "{\"estimatedCopiedBytes\":1}";
	return NULL;
}

static bool sum_database(
	struct summing *summing, const char *database, struct err *err)
{
	for (size_t i = 0; metadata_summary_collections[i]; i++) {
		const char *name = metadata_summary_collections[i];
		struct reading reading = {
			.cluster = summing->cluster,
			.database = database,
			.name = name,
			.fields = fields_of(name),
			.document = sum_document,
			.arg = summing,
		};

		summing->collection = name;
		if (!read_documents(&reading, err))
			return false;
	}
	return true;
}

/* ---- how much it is ---- */

static bool database_bytes(
	struct cluster *cluster, const char *database, double *ret_bytes)
{
	bson_t *request = BCON_NEW("dbStats", BCON_INT32(1));
	bson_error_t error;
	bson_iter_t iter;
	bson_t reply;
	bool ok = mongoc_client_command_simple(cluster->client, database,
			  request, NULL, &reply, &error) &&
		  bson_iter_init_find(&iter, &reply, "dataSize") &&
		  BSON_ITER_HOLDS_NUMBER(&iter);

	*ret_bytes = ok ? bson_iter_as_double(&iter) : 0;
	bson_destroy(request);
	bson_destroy(&reply);
	return ok;
}

/* An estimate, for the room that a copy takes; left out if the server does not
 * tell.  Nothing else depends on it. */
static void tell_bytes(
	struct cluster *cluster, const json_t *databases, json_t *summary)
{
	double all = 0, one;
	json_t *name;
	size_t i;

	json_array_foreach (databases, i, name) {
		if (!database_bytes(cluster, json_string_value(name), &one))
			return;
		all += one;
	}
	(void)json_object_set_new(
		summary, "bytes", json_integer((json_int_t)all));
}

bool metadata_summary(
	struct cluster *cluster, json_t **ret_json, struct err *err)
{
	struct summing summing = {.cluster = cluster, .err = err};
	_cleanup_json_ json_t *databases = NULL;
	const char *database;
	bool ok;

	if (!metadata_databases(cluster, &databases, err))
		return false;
	database = metadata_main(databases, has_global, &summing);
	ok = !summing.failed &&
	     (!database || sum_database(&summing, database, err)) &&
	     metadata_summary_end(
		     &summing.summary, databases, database, ret_json, err);
	if (ok)
		tell_bytes(cluster, databases, *ret_json);
	metadata_summary_done(&summing.summary);
	return ok;
}
