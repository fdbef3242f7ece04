/*
 * sync_api.h - what the engine asks of a sync process, whoever made it.
 *
 * Every dialect fills struct sync_api.  Numbers that the process does not tell
 * are -1, texts are "".  All of it is asynchronous on the http's loop.
 */
#ifndef SYNC_CLIENT_SYNC_API_H
#define SYNC_CLIENT_SYNC_API_H

#include "sync_client/http.h"
#include "sync_client/sync_phase.h"

struct sync_progress {
	enum sync_phase phase;
	bool can_write; /* the destination was handed to applications */
	bool can_commit;
	bool verifier; /* an embedded verifier reports itself */
	char id[128]; /* mongosyncID */
	char coordinator[128]; /* coordinatorID */
	char info[128]; /* what it is doing, in its own words */
	char phase_text[32]; /* as received */
	/* directionMapping, as told: "cluster0: host:port" */
	char source_at[200], destination_at[200];
	char oplog_left[64]; /* estimatedOplogTimeRemaining, its own words */
	int64_t lag_s; /* change application behind the source, s */
	int64_t copied_bytes; /* of the initial copy, by this process */
	int64_t total_bytes; /* of the initial copy, by all */
	int64_t events_applied; /* restarts at 0 with the process */
	char verifier_phase[32]; /* in its own words */
	int64_t verifier_docs, verifier_hashed; /* of the source */
	int64_t verifier_collections;
};

/* err: ERR_AGAIN = no answer, or one that cannot be used (look again);
 * ERR_STEP = it answered and said no. */
typedef void sync_progress_fn(
	void *arg, const struct sync_progress *progress, const struct err *err);

enum sync_reply {
	SYNC_REPLY_DONE, /* it said yes */
	SYNC_REPLY_REFUSED, /* it said no: it certainly did not do it */
	SYNC_REPLY_LOST, /* no usable answer: it may have done it */
};

typedef void sync_reply_fn(void *arg, enum sync_reply reply,
	const struct err *err); /* err is set unless DONE */

struct sync_api {
	const char *name; /* "mongosync" */
	bool (*progress)(struct http *http, const struct http_place *place,
		int64_t timeout_ms, sync_progress_fn *done, void *arg,
		struct http_call **ret_call, struct err *err);
	bool (*pause)(struct http *http, const struct http_place *place,
		int64_t timeout_ms, sync_reply_fn *done, void *arg,
		struct http_call **ret_call, struct err *err);
	bool (*resume)(struct http *http, const struct http_place *place,
		int64_t timeout_ms, sync_reply_fn *done, void *arg,
		struct http_call **ret_call, struct err *err);
};

const struct sync_api *sync_api_find(const char *name); /* NULL: unknown */

#endif
