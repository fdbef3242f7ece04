/*
 * copy.c - see copy.h.
 */
#include <stdio.h>
#include <string.h>

#include "state/cleanup.h"
#include "tests/refsync/copy.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/settings.h"

#define NOT_STARTED "not started"
#define IN_PROGRESS "in progress"
#define DONE "done"

void copy_done(struct copy *copy)
{
	json_decref(copy->partitions);
	batch_done(&copy->batch);
	*copy = (struct copy){0};
}

static const char *text(const json_t *doc, const char *key)
{
	const char *value = json_string_value(json_object_get(doc, key));

	return value ? value : "";
}

static struct name name_of(const json_t *partition)
{
	const json_t *namespace = json_object_get(partition, "namespace");

	return (struct name){text(namespace, "db"), text(namespace, "coll")};
}

static bool is_users(const char *db)
{
	static const char *const prefixes[] = {"mongosync_reserved_for_",
		"mongosync_internal_", "__mdb_internal"};
	static const char *const names[] = {
		"admin", "local", "config", CHANGES_DATABASE};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(db, prefixes[i], strlen(prefixes[i])))
			return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(db, names[i]))
			return false;
	return true;
}

typedef bool collection_fn(
	void *arg, struct name name, json_t *collection, struct err *err);

static bool for_each_collection(
	struct store *source, collection_fn *fn, void *arg, struct err *err)
{
	_cleanup_json_ json_t *databases = NULL;
	size_t i, j;
	json_t *db, *collection;

	if (!source->ops->databases(source, &databases, err))
		return false;
	json_array_foreach (databases, i, db) {
		_cleanup_json_ json_t *collections = NULL;
		struct name name = {json_string_value(db), NULL};

		if (!is_users(name.db))
			continue;
		if (!source->ops->collections(
			    source, name.db, &collections, err))
			return false;
		json_array_foreach (collections, j, collection) {
			name.coll = text(collection, "name");
			if (strncmp(name.coll, "system.", 7) != 0 &&
				!fn(arg, name, collection, err))
				return false;
		}
	}
	return true;
}

struct preparation {
	struct metadata *m;
	struct store *destination;
};

static bool prepare_one(
	void *arg, struct name name, json_t *collection, struct err *err)
{
	struct preparation *preparation = arg;
	json_t *uuid = json_object_get(collection, "uuid");
	_cleanup_json_ json_t *map = json_pack("{s:O, s:s, s:s}", "_id", uuid,
		"dbName", name.db, "dstCollName", name.coll);
	_cleanup_json_ json_t *statistics =
		json_pack("{s:{s:s, s:O}, s:i, s:i}", "_id", "fieldName",
			"collectionStats", "uuid", uuid, "estimatedCopiedBytes",
			0, "estimatedTotalBytes", 0);

	return preparation->destination->ops->create(
		       preparation->destination, name, err) &&
	       metadata_put(preparation->m, "uuidMap", map, err) &&
	       metadata_put(preparation->m, "statistics", statistics, err);
}

bool copy_prepare(struct metadata *m, struct store *source,
	struct store *destination, struct err *err)
{
	struct preparation preparation = {m, destination};

	return metadata_clear(m, "uuidMap", err) &&
	       metadata_clear(m, "statistics", err) &&
	       for_each_collection(source, prepare_one, &preparation, err);
}

struct division {
	struct metadata *m;
	struct store *source;
	unsigned count;
};

/* Shares the partitions out among the instances by a hash of their number. */
static const char *choose_owner(const struct metadata *m, unsigned number)
{
	const json_t *ids = metadata_instances(m);
	uint32_t hash = store_hash(STORE_HASH_START, &number, sizeof(number));
	size_t count = json_array_size(ids);

	/* the low bits of FNV-1a are the weak ones */
	return json_string_value(json_array_get(ids, (hash >> 8) % count));
}

static bool divide_one(
	void *arg, struct name name, json_t *collection, struct err *err)
{
	struct division *division = arg;
	struct store *source = division->source;
	_cleanup_json_ json_t *ranges = NULL;
	int64_t bytes, docs, all = 0;
	size_t i;
	json_t *range;

	(void)collection;
	if (!source->ops->ranges(source, name, setting(SET_PARTITION_DOCS),
		    &ranges, &bytes, err))
		return false;
	json_array_foreach (ranges, i, range)
		all += json_integer_value(json_object_get(range, "docs"));
	json_array_foreach (ranges, i, range) {
		_cleanup_json_ json_t *partition = NULL;
		unsigned number = ++division->count;
		char id[16];

		docs = json_integer_value(json_object_get(range, "docs"));
		(void)snprintf(id, sizeof(id), "p%06u", number);
		partition = json_pack(
			"{s:s, s:{s:s, s:s}, s:s, s:i, s:I, s:s, s:O, s:O, "
			"s:I}",
			"_id", id, "namespace", "db", name.db, "coll",
			name.coll, "partitionPhase", NOT_STARTED,
			"copiedByteCount", 0, "totalByteCount",
			(json_int_t)(all ? bytes * docs / all : 0), "owner",
			choose_owner(division->m, number), "from",
			json_object_get(range, "from"), "upto",
			json_object_get(range, "upto"), "docs",
			(json_int_t)docs);
		if (!metadata_put(division->m, "partitions", partition, err))
			return false;
	}
	return true;
}

bool copy_divide(struct metadata *m, struct store *source, struct err *err)
{
	struct division division = {m, source, 0};

	return metadata_clear(m, "partitions", err) &&
	       for_each_collection(source, divide_one, &division, err);
}

/* In the measure of totalByteCount, so that the two meet in the end. */
static json_int_t written_bytes(const struct copy *copy)
{
	json_int_t total = json_integer_value(
		json_object_get(copy->current, "totalByteCount"));

	if (!copy->batch.count)
		return 0;
	return total * (json_int_t)copy->written /
	       (json_int_t)copy->batch.count;
}

static void set_progress(struct copy *copy, const char *phase)
{
	(void)json_object_set_new(
		copy->current, "partitionPhase", json_string(phase));
	(void)json_object_set_new(copy->current, "copiedDocs",
		json_integer((json_int_t)copy->written));
	(void)json_object_set_new(copy->current, "copiedByteCount",
		json_integer(written_bytes(copy)));
}

static void log_partition(const struct copy *copy, bool complete)
{
	struct name name = name_of(copy->current);
	const char *id = text(copy->current, "_id");
	char namespace[512];

	(void)snprintf(
		namespace, sizeof(namespace), "%s.%s", name.db, name.coll);
	effects_add("partition",
		json_pack("{s:s, s:s, s:I, s:b, s:b}", "ns", namespace,
			"partition", id, "docs", (json_int_t)copy->written,
			"complete", complete, "again",
			effects_has_partition(namespace, id)));
}

static json_t *find_next(const struct copy *copy, const char *id)
{
	size_t i;
	json_t *partition;

	json_array_foreach (copy->partitions, i, partition)
		if (!strcmp(text(partition, "owner"), id) &&
			strcmp(text(partition, "partitionPhase"), DONE) != 0)
			return partition;
	return NULL;
}

static void forget_batch(struct copy *copy)
{
	batch_done(&copy->batch);
	copy->have_batch = false;
	copy->written = 0;
}

/* *ret_any false: there is nothing left to begin. */
static bool begin(
	struct copy *copy, struct metadata *m, bool *ret_any, struct err *err)
{
	*ret_any = true;
	if (copy->current)
		return true;
	if (!copy->partitions &&
		!metadata_partitions(m, &copy->partitions, err))
		return false;
	copy->current = find_next(copy, m->id);
	*ret_any = copy->current != NULL;
	if (!copy->current)
		return true;
	forget_batch(copy);
	set_progress(copy, IN_PROGRESS);
	if (metadata_put(m, "partitions", copy->current, err))
		return true;
	copy->current = NULL;
	return false;
}

static bool finish(struct copy *copy, struct metadata *m, struct err *err)
{
	set_progress(copy, DONE);
	if (!metadata_put(m, "partitions", copy->current, err))
		return false;
	log_partition(copy, true);
	copy->current = NULL;
	forget_batch(copy);
	return true;
}

/* A partition is read whole: it is small, and where servers lack an index
 * every read of a range costs as much as one of the collection. */
static bool read_current(
	struct copy *copy, struct store *source, struct err *err)
{
	struct range range = {name_of(copy->current),
		json_object_get(copy->current, "from"),
		json_object_get(copy->current, "upto")};

	if (!copy->have_batch &&
		!source->ops->read_docs(source, &range, &copy->batch, err))
		return false;
	copy->have_batch = true;
	return true;
}

bool copy_step(struct copy *copy, struct metadata *m, struct store *source,
	struct store *destination, size_t max, size_t *ret_docs,
	bool *ret_finished, struct err *err)
{
	bool any;
	size_t left;

	*ret_docs = 0;
	*ret_finished = false;
	if (!begin(copy, m, &any, err))
		return false;
	*ret_finished = !any;
	if (!any)
		return true;
	if (!read_current(copy, source, err))
		return false;
	left = copy->batch.count - copy->written;
	if (!left)
		return finish(copy, m, err);
	if (left > max)
		left = max;
	if (!destination->ops->write_docs(destination, name_of(copy->current),
		    &copy->batch, copy->written, left, err))
		return false;
	copy->written += left;
	*ret_docs = left;
	set_progress(copy, IN_PROGRESS);
	return true;
}

bool copy_is_complete(
	struct copy *copy, struct metadata *m, bool *ret_all, struct err *err)
{
	json_t *fresh;
	size_t i;
	json_t *partition;

	if (!metadata_partitions(m, &fresh, err))
		return false;
	json_decref(copy->partitions);
	copy->partitions = fresh;
	*ret_all = true;
	json_array_foreach (fresh, i, partition)
		if (strcmp(text(partition, "partitionPhase"), DONE) != 0)
			*ret_all = false;
	return true;
}

void copy_interrupt(const struct copy *copy)
{
	if (copy->current)
		log_partition(copy, false);
}

static int64_t sum(const struct copy *copy, const char *id, const char *key)
{
	int64_t bytes = 0;
	size_t i;
	json_t *partition;

	json_array_foreach (copy->partitions, i, partition)
		if (!id || !strcmp(text(partition, "owner"), id))
			bytes += json_integer_value(
				json_object_get(partition, key));
	return bytes;
}

int64_t copy_total_bytes(const struct copy *copy)
{
	return sum(copy, NULL, "totalByteCount");
}

int64_t copy_own_bytes(const struct copy *copy, const char *id)
{
	return sum(copy, id, "copiedByteCount");
}
