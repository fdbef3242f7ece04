/*
 * mongosync.h - the HTTP API of MongoDB's mongosync, version 1 of the API.
 * Source: mongosync API reference; GET /api/v1/progress, POST pause, resume.
 */
#ifndef SYNC_CLIENT_MONGOSYNC_H
#define SYNC_CLIENT_MONGOSYNC_H

#include <stddef.h>

#include "sync_client/sync_api.h"

extern const struct sync_api mongosync_api;

/* The body of an answer to GET progress; apart so that it can be fuzzed. */
bool mongosync_parse_progress(const char *body, size_t len,
	struct sync_progress *ret_progress, struct err *err) WARN_UNUSED;
/* The body of an answer to a POST: true is success; ERR_STEP carries error and
 * errorDescription, ERR_AGAIN means that it is not such an answer. */
bool mongosync_parse_reply(
	const char *body, size_t len, struct err *err) WARN_UNUSED;

#endif
