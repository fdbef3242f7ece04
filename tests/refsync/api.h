/*
 * api.h - the HTTP API of mongosync, on 127.0.0.1.
 *
 * Every request is in the effects before anything is done for it.  What goes
 * wrong on purpose goes wrong here: see enum fault_kind.
 */
#ifndef REFSYNC_API_H
#define REFSYNC_API_H

#include <event2/event.h>

#include "tests/refsync/sync.h"

struct api;

/* Binds the port at once; answers when the silence after a start is over. */
bool api_open(struct event_base *base, struct sync *sync, struct api **ret_api,
	struct err *err) WARN_UNUSED;
void api_stop_listening(struct api *api);
void api_free(struct api *api);

#endif
