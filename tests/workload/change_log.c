/*
 * change_log.c - see change_log.h for the order of things.
 *
 * In the collections a batch is made by removing every document that it names
 * and inserting those that are left: two commands for each collection, which
 * end alike however often they are repeated.
 */
#include "tests/workload/change_log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/workload/server.h"

#define EVENTS "events"
#define PENDING "pending"

static const char *const op_names[CHANGE_OPS] = {"i", "u", "d"};

static void forget_batch(struct change_log *log)
{
	while (log->count)
		bson_destroy(log->batch[--log->count]);
}

void change_log_done(struct change_log *log)
{
	forget_batch(log);
}

bool change_log_create(mongoc_client_t *client, struct err *err)
{
	return server_drop_database(client, CHANGE_LOG_DB, err) &&
	       server_create(client, CHANGE_LOG_DB, EVENTS, err) &&
	       server_create(client, CHANGE_LOG_DB, PENDING, err);
}

static int64_t sequence_of(const bson_t *event)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, event, "_id")
		       ? bson_iter_as_int64(&iter)
		       : 0;
}

static bool take_last(void *arg, const bson_t *doc, struct err *err)
{
	(void)err;
	*(int64_t *)arg = sequence_of(doc);
	return true;
}

bool change_log_last(
	mongoc_client_t *client, int64_t *ret_last, struct err *err)
{
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}",
		"limit", BCON_INT64(1), "projection", "{", "_id", BCON_INT32(1),
		"}");
	bool ok;

	*ret_last = 0;
	ok = server_find(client, CHANGE_LOG_DB, EVENTS, NULL, opts, take_last,
		ret_last, err);
	bson_destroy(opts);
	return ok;
}

void change_log_add(struct change_log *log, enum change_op op,
	const struct collection *collection, const bson_t *id,
	const bson_t *doc)
{
	bson_t *event = bson_new();
	struct timespec now;
	bson_iter_t iter;
	char ns[200];

	assert(log->count < CHANGE_BATCH_MAX);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(
		ns, sizeof(ns), "%s.%s", collection->db, collection->name);
	BSON_APPEND_INT64(event, "_id", log->last + 1 + (int64_t)log->count);
	BSON_APPEND_UTF8(event, "ns", ns);
	BSON_APPEND_UTF8(event, "op", op_names[op]);
	if (bson_iter_init_find(&iter, id, "_id"))
		(void)bson_append_iter(event, "id", -1, &iter);
	if (doc)
		BSON_APPEND_DOCUMENT(event, "doc", doc);
	BSON_APPEND_DATE_TIME(event, "ts",
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	log->batch[log->count++] = event;
}

/* One event, taken apart; its texts and bytes are the event's. */
struct change {
	bson_t doc;
	bson_iter_t id;
	const char *ns;
	enum change_op op;
};

static bool parse(const bson_t *event, struct change *change)
{
	bson_iter_t ns, op, doc;
	const uint8_t *bytes;
	uint32_t len;

	if (!bson_iter_init_find(&ns, event, "ns") ||
		!bson_iter_init_find(&op, event, "op") ||
		!bson_iter_init_find(&change->id, event, "id") ||
		!BSON_ITER_HOLDS_UTF8(&ns) || !BSON_ITER_HOLDS_UTF8(&op))
		return false;
	change->ns = bson_iter_utf8(&ns, NULL);
	if (!strchr(change->ns, '.'))
		return false;
	change->op = CHANGE_INSERT;
	while (change->op < CHANGE_OPS &&
		strcmp(bson_iter_utf8(&op, NULL), op_names[change->op]) != 0)
		change->op++;
	if (change->op == CHANGE_DELETE)
		return true;
	if (change->op == CHANGE_OPS ||
		!bson_iter_init_find(&doc, event, "doc") ||
		!BSON_ITER_HOLDS_DOCUMENT(&doc))
		return false;
	bson_iter_document(&doc, &len, &bytes);
	return bson_init_static(&change->doc, bytes, len);
}

static bool is_same_document(
	const struct change *one, const struct change *other)
{
	bson_t one_id = BSON_INITIALIZER, other_id = BSON_INITIALIZER;
	bool same;

	(void)bson_append_iter(&one_id, "_id", -1, &one->id);
	(void)bson_append_iter(&other_id, "_id", -1, &other->id);
	same = !strcmp(one->ns, other->ns) && bson_equal(&one_id, &other_id);
	bson_destroy(&one_id);
	bson_destroy(&other_id);
	return same;
}

/* Is there a later change to the same document in the batch? */
static bool is_superseded(const struct change *changes, size_t count, size_t i)
{
	for (size_t j = i + 1; j < count; j++)
		if (is_same_document(&changes[i], &changes[j]))
			return true;
	return false;
}

static bson_t *ids_of(
	const struct change *changes, size_t count, const char *ns)
{
	bson_t *filter = bson_new();
	bson_t in, ids;
	const char *key;
	char room[16];
	uint32_t n = 0;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(changes[i].ns, ns) != 0)
			continue;
		(void)bson_uint32_to_string(n++, &key, room, sizeof(room));
		(void)bson_append_iter(&ids, key, -1, &changes[i].id);
	}
	bson_append_array_end(&in, &ids);
	bson_append_document_end(filter, &in);
	return filter;
}

static bool make_in_collection(mongoc_client_t *client, struct change *changes,
	size_t count, const char *ns, struct err *err)
{
	const char *dot = strchr(ns, '.');
	char db[100];
	bson_t *docs[CHANGE_BATCH_MAX], *filter = ids_of(changes, count, ns);
	size_t n = 0;
	bool ok;

	(void)snprintf(db, sizeof(db), "%.*s", (int)(dot - ns), ns);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(changes[i].ns, ns) &&
			changes[i].op != CHANGE_DELETE &&
			!is_superseded(changes, count, i))
			docs[n++] = &changes[i].doc;
	ok = server_delete(client, db, dot + 1, filter, err) &&
	     server_insert(client, db, dot + 1, docs, n, err);
	bson_destroy(filter);
	return ok;
}

static bool make_changes(struct change_log *log, struct err *err)
{
	struct change changes[CHANGE_BATCH_MAX];
	size_t i, j;

	for (i = 0; i < log->count; i++)
		if (!parse(log->batch[i], &changes[i]))
			return err_set(err, ERR_CONFIG,
				"change %lld is none that we know",
				(long long)sequence_of(log->batch[i]));
	for (i = 0; i < log->count; i++) {
		for (j = 0; j < i; j++)
			if (!strcmp(changes[j].ns, changes[i].ns))
				break; /* was made with that one */
		if (j == i && !make_in_collection(log->client, changes,
				      log->count, changes[i].ns, err))
			return false;
	}
	return true;
}

/* Moves last on, and counts what of the batch is in the log by then. */
static void reach(struct change_log *log, int64_t last)
{
	struct change change;

	for (size_t i = 0; i < log->count; i++)
		if (sequence_of(log->batch[i]) <= last &&
			parse(log->batch[i], &change))
			log->written[change.op]++;
	log->last = last;
	forget_batch(log);
}

static bool log_batch(struct change_log *log, struct err *err)
{
	if (!server_insert(log->client, CHANGE_LOG_DB, EVENTS, log->batch,
		    log->count, err))
		return false;
	reach(log, log->last + (int64_t)log->count);
	return true;
}

static bool empty_pending(struct change_log *log, struct err *err)
{
	const bson_t all = BSON_INITIALIZER;

	return server_delete(log->client, CHANGE_LOG_DB, PENDING, &all, err);
}

static bool take_pending(void *arg, const bson_t *doc, struct err *err)
{
	struct change_log *log = arg;
	int64_t next = log->last + 1 + (int64_t)log->count;

	if (sequence_of(doc) < next)
		return true; /* is in the log already */
	if (sequence_of(doc) > next || log->count == CHANGE_BATCH_MAX)
		return err_set(err, ERR_CONFIG,
			"change %lld is missing between log and pending",
			(long long)next);
	log->batch[log->count++] = bson_copy(doc);
	return true;
}

bool change_log_recover(struct change_log *log, struct err *err)
{
	bson_t *opts;
	int64_t last;
	bool ok;

	if (!change_log_last(log->client, &last, err))
		return false;
	reach(log, last);
	opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	ok = server_find(log->client, CHANGE_LOG_DB, PENDING, NULL, opts,
		     take_pending, log, err) &&
	     make_changes(log, err) && log_batch(log, err) &&
	     empty_pending(log, err);
	bson_destroy(opts);
	return ok;
}

bool change_log_write(struct change_log *log, struct err *err)
{
	return server_insert(log->client, CHANGE_LOG_DB, PENDING, log->batch,
		       log->count, err) &&
	       make_changes(log, err) && log_batch(log, err) &&
	       empty_pending(log, err);
}

static bool replay_event(void *arg, const bson_t *doc, struct err *err)
{
	struct change_log *log = arg;

	if (sequence_of(doc) != log->last + 1 + (int64_t)log->count)
		return err_set(err, ERR_CONFIG, "the log has a gap before %lld",
			(long long)sequence_of(doc));
	log->batch[log->count++] = bson_copy(doc);
	if (log->count < CHANGE_BATCH_MAX)
		return true;
	if (!make_changes(log, err))
		return false;
	reach(log, sequence_of(doc));
	return true;
}

bool change_log_replay(mongoc_client_t *from, mongoc_client_t *to,
	int64_t *ret_count, struct err *err)
{
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	struct change_log log = {.client = to};
	bool ok = server_find(from, CHANGE_LOG_DB, EVENTS, NULL, opts,
			  replay_event, &log, err) &&
		  make_changes(&log, err);

	*ret_count = log.last + (int64_t)log.count;
	change_log_done(&log);
	bson_destroy(opts);
	return ok;
}
