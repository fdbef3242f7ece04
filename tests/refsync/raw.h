/*
 * raw.h - answers that are whatever bytes a test wants, HTTP or not.
 *
 * The fault {"kind": "raw", "file": F, "filler": G, "mb": N, "gap_ms": M,
 * "end": "close"}: the bytes of F, then those of G again and again until N MiB
 * are sent; with a gap, one byte at a time.  Then the connection is closed,
 * reset, or left open.
 */
#ifndef REFSYNC_RAW_H
#define REFSYNC_RAW_H

#include "tests/refsync/settings.h"

#include <event2/http.h>

/* Takes the request over; not from within evhttp's request callback. */
void reply_raw(struct event_base *base, struct evhttp_request *request,
	const struct fault *fault);
/* For the end: those that are still being sent. */
void reply_raw_drop_all(void);

#endif
