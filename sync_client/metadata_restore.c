/*
 * metadata_restore.c - the only place of ours that writes to a cluster.
 *
 * It writes to the sync's own databases only, and only what a verified copy
 * holds; whatever in the copy could fail is tried before anything is dropped.
 * Collections are dropped one by one: the sync's own user may do that, but may
 * not drop a database.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "sync_client/metadata.h"
#include "sync_client/metadata_about.h"
#include "sync_client/metadata_name.h"

enum {
	BATCH_DOCUMENTS = 1000,
	BATCH_BYTES = 16 << 20,
	ABOUT_MAX = 16 << 20,
	LENGTH_SIZE = 4, /* a document begins with its length */
};

static bool no_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, "out of memory");
}

/* ---- what must hold before ---- */

static bool is_same_cluster(struct cluster *cluster,
	const struct metadata_copy *copy, struct err *err)
{
	const char *saved = metadata_copy_cluster(copy), *now;
	_cleanup_json_ json_t *identity = NULL;

	if (!saved)
		return true;
	if (!cluster_identify(cluster, &identity, err))
		return false;
	now = json_string_value(json_object_get(identity, "identity"));
	if (!json_is_true(json_object_get(identity, "proved")) || !now ||
		strcmp(saved, now) == 0)
		return true;
	return err_set(err, ERR_DECIDE,
		"the copy in %s is of another cluster (%s, this is %s)",
		copy->directory, saved, now);
}

/* What has appeared since under a name that anybody may have chosen. */
static bool is_droppable(
	const struct metadata_copy *copy, const char *database, struct err *err)
{
	return metadata_name_of(database) == METADATA_NAME_OURS ||
	       metadata_copy_has(copy, database) ||
	       err_set(err, ERR_DECIDE,
		       "database %s was not there when the copy was made; "
		       "whether it is the sync's, only a person can say",
		       database);
}

static bool is_ours(const struct metadata_copy *copy, struct err *err)
{
	size_t i;
	json_t *name;

	json_array_foreach (copy->totals.databases, i, name)
		if (metadata_name_of(json_string_value(name)) ==
			METADATA_NAME_FOREIGN)
			return err_set(err, ERR_DECIDE,
				"the copy in %s is of database %s, which is "
				"not the sync's",
				copy->directory, json_string_value(name));
	return true;
}

/* ---- taking away ---- */

static bool run_command(struct cluster *cluster, const char *database,
	const bson_t *command, const char *doing, struct err *err)
{
	bson_error_t error;

	/* With the client's write concern: majority. */
	return mongoc_client_write_command_with_opts(cluster->client, database,
		       command, NULL, NULL, &error) ||
	       cluster_failed(&error, err, "%s", doing);
}

static bool drop_collection(
	void *arg, const char *database, const bson_t *info, struct err *err)
{
	struct cluster *cluster = arg;
	bson_t command = BSON_INITIALIZER;
	bson_iter_t iter;
	bool ok = bson_iter_init_find(&iter, info, "name") &&
		  BSON_APPEND_UTF8(
			  &command, "drop", bson_iter_utf8(&iter, NULL)) &&
		  run_command(cluster, database, &command,
			  "dropping a collection of metadata", err);

	bson_destroy(&command);
	return ok;
}

/* Those of the copy are dropped even where a put-back that was interrupted has
 * left too little of them to be recognised. */
static bool drop_databases(struct cluster *cluster,
	const struct metadata_copy *copy, struct err *err)
{
	_cleanup_json_ json_t *databases = NULL;
	size_t i;
	json_t *name;

	if (!metadata_databases(cluster, &databases, err))
		return false;
	json_array_foreach (databases, i, name)
		if (!is_droppable(copy, json_string_value(name), err))
			return false;
	json_array_foreach (databases, i, name)
		if (!metadata_list(cluster, json_string_value(name),
			    drop_collection, cluster, err))
			return false;
	json_array_foreach (copy->totals.databases, i, name)
		if (!metadata_list(cluster, json_string_value(name),
			    drop_collection, cluster, err))
			return false;
	return true;
}

/* ---- putting back ---- */

struct restoring {
	struct cluster *cluster; /* NULL: only see whether it could be done */
	const struct metadata_copy *copy;
	mongoc_collection_t *collection;
	bson_t *batch[BATCH_DOCUMENTS];
	size_t count, bytes;
};

static void batch_drop(struct restoring *restoring)
{
	for (size_t i = 0; i < restoring->count; i++)
		bson_destroy(restoring->batch[i]);
	restoring->count = 0;
	restoring->bytes = 0;
}

static bool insert_many(struct restoring *restoring, struct err *err)
{
	/* As they are: whatever is in them, the server had it before. */
	bson_t *options = BCON_NEW("validate", BCON_BOOL(false));
	bson_error_t error;
	bool ok = mongoc_collection_insert_many(restoring->collection,
		(const bson_t **)(uintptr_t)restoring->batch, restoring->count,
		options, NULL, &error);

	bson_destroy(options);
	return ok || cluster_failed(&error, err, "inserting into %s",
			     mongoc_collection_get_name(restoring->collection));
}

/* Such a timestamp a server takes for "now" when a document is inserted. */
static bool has_zero_time(const bson_t *doc)
{
	uint32_t seconds, count;
	bson_iter_t iter;

	if (!bson_iter_init(&iter, doc))
		return false;
	while (bson_iter_next(&iter)) {
		if (!BSON_ITER_HOLDS_TIMESTAMP(&iter) ||
			strcmp(bson_iter_key(&iter), "_id") == 0)
			continue;
		bson_iter_timestamp(&iter, &seconds, &count);
		if (!seconds && !count)
			return true;
	}
	return false;
}

static bool is_as_saved(
	mongoc_collection_t *collection, const bson_t *by_id, const bson_t *doc)
{
	mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(collection, by_id, NULL, NULL);
	const bson_t *found;
	bool same =
		mongoc_cursor_next(cursor, &found) && bson_equal(found, doc);

	mongoc_cursor_destroy(cursor);
	return same;
}

/* An update by a pipeline takes it as it is. */
static bool keep_zero_time(
	struct restoring *restoring, const bson_t *doc, struct err *err)
{
	bson_t *pipeline = BCON_NEW("0", "{", "$replaceRoot", "{", "newRoot",
		"{", "$literal", BCON_DOCUMENT(doc), "}", "}", "}");
	bson_t by_id = BSON_INITIALIZER;
	bson_error_t error;
	bson_iter_t id;
	bool ok = bson_iter_init_find(&id, doc, "_id") &&
		  bson_append_iter(&by_id, "_id", -1, &id);

	if (!ok)
		(void)err_set(
			err, ERR_STEP, "the copy holds a document without _id");
	else if (!is_as_saved(restoring->collection, &by_id, doc) &&
		 !mongoc_collection_update_one(restoring->collection, &by_id,
			 pipeline, NULL, NULL, &error))
		ok = cluster_failed(&error, err, "putting back a time in %s",
			mongoc_collection_get_name(restoring->collection));
	bson_destroy(pipeline);
	bson_destroy(&by_id);
	return ok;
}

static bool batch_insert(struct restoring *restoring, struct err *err)
{
	bool ok = true;

	if (restoring->cluster && restoring->count > 0)
		ok = insert_many(restoring, err);
	for (size_t i = 0; restoring->cluster && ok && i < restoring->count;
		i++)
		if (has_zero_time(restoring->batch[i]))
			ok = keep_zero_time(
				restoring, restoring->batch[i], err);
	batch_drop(restoring);
	return ok;
}

static bool batch_add(struct restoring *restoring, const uint8_t *data,
	size_t len, struct err *err)
{
	bson_t *doc;

	if ((restoring->count == BATCH_DOCUMENTS ||
		    restoring->bytes + len > BATCH_BYTES) &&
		!batch_insert(restoring, err))
		return false;
	doc = bson_new_from_data(data, len);
	if (!doc || !bson_validate(doc, BSON_VALIDATE_NONE, NULL)) {
		bson_destroy(doc);
		return err_set(err, ERR_STEP,
			"the copy holds something that is no document");
	}
	restoring->batch[restoring->count++] = doc;
	restoring->bytes += len;
	return true;
}

/* *ret_len less than size: the file ended. */
static bool read_full(
	int fd, void *data, size_t size, size_t *ret_len, struct err *err)
{
	*ret_len = 0;
	while (*ret_len < size) {
		ssize_t got =
			sys->read(fd, (char *)data + *ret_len, size - *ret_len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(
				err, ERR_STEP, errno, "reading the copy");
		if (got == 0)
			break;
		*ret_len += (size_t)got;
	}
	return true;
}

/* *ret_more false: there was none. */
static bool read_document(int fd, uint8_t *buffer, size_t *ret_len,
	bool *ret_more, struct err *err)
{
	uint32_t length;
	size_t got;

	if (!read_full(fd, buffer, LENGTH_SIZE, &got, err))
		return false;
	*ret_more = got > 0;
	if (!*ret_more)
		return true;
	memcpy(&length, buffer, LENGTH_SIZE);
	*ret_len = BSON_UINT32_FROM_LE(length);
	if (got < LENGTH_SIZE || *ret_len < LENGTH_SIZE + 1 ||
		*ret_len > METADATA_DOCUMENT_MAX)
		return err_set(err, ERR_STEP,
			"the copy holds something that is no document");
	if (!read_full(fd, buffer + LENGTH_SIZE, *ret_len - LENGTH_SIZE, &got,
		    err))
		return false;
	return got == *ret_len - LENGTH_SIZE ||
	       err_set(err, ERR_STEP, "the copy ends within a document");
}

static bool insert_documents(
	struct restoring *restoring, const char *path, struct err *err)
{
	_cleanup_free_ uint8_t *buffer = malloc(METADATA_DOCUMENT_MAX);
	_cleanup_fd_ int fd = -1;
	bool more = true;
	size_t len = 0;

	if (!buffer)
		return no_memory(err);
	if (!metadata_copy_file(restoring->copy, path, &fd, err))
		return false;
	while (read_document(fd, buffer, &len, &more, err)) {
		if (!more)
			return batch_insert(restoring, err);
		if (!batch_add(restoring, buffer, len, err))
			return false;
	}
	return false;
}

static bool read_about(struct restoring *restoring, const char *path,
	char **ret_text, struct err *err)
{
	_cleanup_free_ char *text = calloc(1, ABOUT_MAX);
	_cleanup_fd_ int fd = -1;
	size_t len;

	if (!text)
		return no_memory(err);
	if (!metadata_copy_file(restoring->copy, path, &fd, err) ||
		!read_full(fd, text, ABOUT_MAX - 1, &len, err))
		return false;
	*ret_text = take_ptr(text);
	return true;
}

static bool create_collection(struct restoring *restoring,
	const struct metadata_copied *copied, const char *about,
	struct err *err)
{
	bson_t command = BSON_INITIALIZER;
	bool ok = metadata_about_create(about, copied->name, &command);

	if (!ok)
		(void)err_set(err, ERR_STEP, "%s cannot be understood",
			copied->about);
	else if (restoring->cluster)
		ok = run_command(restoring->cluster, copied->database, &command,
			"creating a collection", err);
	bson_destroy(&command);
	return ok;
}

static bool create_indexes(struct restoring *restoring,
	const struct metadata_copied *copied, const char *about,
	struct err *err)
{
	bson_t command = BSON_INITIALIZER;
	bool any = false;
	bool ok = metadata_about_indexes(about, copied->name, &command, &any);

	if (!ok)
		(void)err_set(err, ERR_STEP, "%s cannot be understood",
			copied->about);
	else if (any && restoring->cluster)
		ok = run_command(restoring->cluster, copied->database, &command,
			"creating indexes", err);
	bson_destroy(&command);
	return ok;
}

static bool restore_collection(
	void *arg, const struct metadata_copied *copied, struct err *err)
{
	struct restoring *restoring = arg;
	_cleanup_free_ char *about = NULL;
	bool ok;

	if (!copied->about)
		return err_set(err, ERR_STEP,
			"the copy does not say how to create %s.%s",
			copied->database, copied->name);
	if (!read_about(restoring, copied->about, &about, err) ||
		!create_collection(restoring, copied, about, err))
		return err_wrap(err, "%s.%s", copied->database, copied->name);
	if (!copied->documents)
		return true;
	if (restoring->cluster)
		restoring->collection =
			mongoc_client_get_collection(restoring->cluster->client,
				copied->database, copied->name);
	ok = insert_documents(restoring, copied->documents, err) &&
	     create_indexes(restoring, copied, about, err);
	batch_drop(restoring);
	mongoc_collection_destroy(take_ptr(restoring->collection));
	return ok || err_wrap(err, "%s.%s", copied->database, copied->name);
}

static bool restore_all(struct cluster *cluster,
	const struct metadata_copy *copy, struct err *err)
{
	_cleanup_free_ struct restoring *restoring =
		calloc(1, sizeof(*restoring));

	if (!restoring)
		return no_memory(err);
	restoring->cluster = cluster;
	restoring->copy = copy;
	return metadata_copy_each(copy, restore_collection, restoring, err);
}

/* Only if there is a difference: a put-back that was killed after its last
 * write has nothing left to do. */
static bool make_equal(struct cluster *cluster,
	const struct metadata_copy *copy, struct metadata_totals *totals,
	struct err *err)
{
	const struct metadata_source source = metadata_on(cluster);

	if (!metadata_digest_of(&source, totals, err))
		return false;
	if (strcmp(totals->digest, copy->totals.digest) == 0)
		return true;
	metadata_totals_done(totals);
	return drop_databases(cluster, copy, err) &&
	       restore_all(cluster, copy, err) &&
	       metadata_digest_of(&source, totals, err) &&
	       metadata_copy_equals(copy, totals, err);
}

bool metadata_put_back(struct cluster *cluster, const char *directory,
	struct metadata_totals *ret_totals, struct err *err)
{
	struct metadata_totals totals = {0};
	struct metadata_copy copy;
	bool ok;

	if (!metadata_copy_open(directory, &copy, err))
		return false;
	ok = is_ours(&copy, err) && is_same_cluster(cluster, &copy, err) &&
	     restore_all(NULL, &copy, err) &&
	     make_equal(cluster, &copy, &totals, err);
	metadata_copy_done(&copy);
	if (ok)
		*ret_totals = totals;
	else
		metadata_totals_done(&totals);
	return ok;
}
