/*
 * copy.h - the collection copy: a cluster cut into partitions.
 *
 * A partition is a range of _id of one collection and belongs to one
 * instance.  One that was interrupted by the end of the process is copied from
 * its beginning, one that is done never again.
 */
#ifndef REFSYNC_COPY_H
#define REFSYNC_COPY_H

#include <jansson.h>

#include "tests/refsync/metadata.h"

struct copy {
	json_t *partitions; /* all, as last read */
	json_t *current; /* borrowed from partitions; NULL: none */
	struct batch batch; /* the documents of current, as read */
	bool have_batch;
	size_t written; /* of the batch */
};

void copy_done(struct copy *copy);
/* Makes the destination's collections, uuidMap and statistics. */
bool copy_prepare(struct metadata *m, struct store *source,
	struct store *destination, struct err *err) WARN_UNUSED;
/* Lists what is to be copied, in partitions. */
bool copy_divide(
	struct metadata *m, struct store *source, struct err *err) WARN_UNUSED;
/* Copies at most max documents of this instance's share; *ret_docs says how
 * many.  *ret_finished: nothing of the share is left. */
bool copy_step(struct copy *copy, struct metadata *m, struct store *source,
	struct store *destination, size_t max, size_t *ret_docs,
	bool *ret_finished, struct err *err) WARN_UNUSED;
/* Reads the partitions again; *ret_all: all instances are through. */
bool copy_is_complete(struct copy *copy, struct metadata *m, bool *ret_all,
	struct err *err) WARN_UNUSED;
/* To be called when the process ends: what was begun is interrupted. */
void copy_interrupt(const struct copy *copy);
int64_t copy_total_bytes(const struct copy *copy);
int64_t copy_own_bytes(const struct copy *copy, const char *id);

#endif
