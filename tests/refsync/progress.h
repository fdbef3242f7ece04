/*
 * progress.h - the answer of GET /api/v1/progress.
 */
#ifndef REFSYNC_PROGRESS_H
#define REFSYNC_PROGRESS_H

#include <jansson.h>

#include "tests/refsync/settings.h"
#include "tests/refsync/sync.h"

/* With the fields of this version; in IDLE all but state and canCommit are
 * null.  fault may change what is told. */
json_t *progress_make(const struct sync_view *view, const char *id,
	const struct fault *fault);

#endif
