/*
 * worker.h - the thread that does the syncing, step by step.
 *
 * Each step is short and may be repeated, so that a request or a stop is seen
 * soon and a lost cluster only means to do the same step again.
 */
#ifndef REFSYNC_WORKER_H
#define REFSYNC_WORKER_H

#include "tests/refsync/copy.h"
#include "tests/refsync/metadata.h"
#include "tests/refsync/sync.h"

struct worker {
	struct sync *sync;
	struct store *clusters[2];
	struct store *source, *destination; /* borrowed from clusters */
	struct metadata metadata;
	struct copy copy;
	bool caught_up; /* the last look found less than it asked for */
	bool drained; /* it found nothing */
	int64_t since_ms; /* when the state was entered */
	int64_t events_applied;
};

/* phase.c: one step of a RUNNING sync, and what its ends are called. */
bool phase_step(struct worker *worker, struct err *err) WARN_UNUSED;
bool phase_apply(struct worker *worker, struct err *err) WARN_UNUSED;
bool phase_enter(
	struct worker *worker, const char *phase, struct err *err) WARN_UNUSED;
bool phase_is_live(const struct worker *worker);
const char *phase_constant(const char *phase); /* outlives the metadata */

#define PHASE_UNINITIALIZED "uninitialized"
#define PHASE_COLLECTIONS "initializing collections and indexes"
#define PHASE_PARTITIONS "initializing partitions"
#define PHASE_COPY "collection copy"
#define PHASE_WAITING "waiting to start change event application"
#define PHASE_LIVE "change event application"
#define PHASE_COMMIT "waiting for commit to complete"
#define PHASE_COMMITTED "commit completed"

#endif
