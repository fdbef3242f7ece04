/*
 * change_log.h - every change to the source, in order, for those that have no
 * change streams: collection refsync_changelog.events.
 *
 *   {_id: <sequence, gapless from 1>, ns: "db.coll", op: "i" | "u" | "d",
 *    id: <_id>, doc: <whole document after the change; not for "d">,
 *    ts: <date, when it was made>}
 *
 * A reader that first notes the last sequence, then copies the collections,
 * then applies what was logged later, must miss nothing: so a change is in its
 * collection before it is in the log.  And a writer that is killed in between
 * must not leave a change that the log never tells of: so it is first of all in
 * refsync_changelog.pending.  Each step takes a whole batch:
 *
 *   1 pending   2 the collections   3 events   4 pending emptied
 *
 * change_log_recover() does 2 to 4 again for what it finds in pending beyond
 * the last event.  Doing them again changes nothing that was done: every entry
 * holds the whole document.  So after recovery the collections equal the
 * replayed log, and at any other moment they differ by entries of pending at
 * most.  One writer at a time: two would meet at the same sequence, and one
 * fail.
 */
#ifndef TESTS_WORKLOAD_CHANGE_LOG_H
#define TESTS_WORKLOAD_CHANGE_LOG_H

#include <mongoc/mongoc.h>
#include <stdint.h>

#include "state/err.h"
#include "tests/workload/documents.h"

#define CHANGE_LOG_DB "refsync_changelog"
#define CHANGE_BATCH_MAX 100

enum change_op {
	CHANGE_INSERT,
	CHANGE_UPDATE,
	CHANGE_DELETE,
	CHANGE_OPS,
};

struct change_log {
	mongoc_client_t *client; /* borrowed */
	int64_t last; /* sequence of the last event */
	int64_t written[CHANGE_OPS]; /* events that we logged */
	bson_t *batch[CHANGE_BATCH_MAX];
	size_t count;
};

/* Drops the old log and creates an empty one. */
bool change_log_create(mongoc_client_t *client, struct err *err) WARN_UNUSED;
bool change_log_last(mongoc_client_t *client, int64_t *ret_last,
	struct err *err) WARN_UNUSED;
/* Forgets the batch in memory, completes what pending holds of it, or of a
 * writer that was killed. */
bool change_log_recover(struct change_log *log, struct err *err) WARN_UNUSED;
/* Puts a change into the batch; doc (NULL for a delete) is copied, id is
 * {"_id": ...}.  At most CHANGE_BATCH_MAX before a write. */
void change_log_add(struct change_log *log, enum change_op op,
	const struct collection *collection, const bson_t *id,
	const bson_t *doc);
/* Makes and logs the batch.  After an error: recover. */
bool change_log_write(struct change_log *log, struct err *err) WARN_UNUSED;
/* Makes all logged changes on another server, in order; *ret_count: how many.
 */
bool change_log_replay(mongoc_client_t *from, mongoc_client_t *to,
	int64_t *ret_count, struct err *err) WARN_UNUSED;
void change_log_done(struct change_log *log);

#endif
