/*
 * sync.h - the sync as its API sees it.
 *
 * Whatever may block, which is every access to a cluster, happens in one
 * worker thread (worker.c).  The API thread reads a view and leaves requests;
 * both under the sync's lock.
 */
#ifndef REFSYNC_SYNC_H
#define REFSYNC_SYNC_H

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

#include "tests/refsync/options.h"

enum sync_state {
	SYNC_INITIALIZING,
	SYNC_IDLE,
	SYNC_RUNNING,
	SYNC_PAUSED,
	SYNC_COMMITTING,
	SYNC_COMMITTED,
	SYNC_REVERSING,
	SYNC_STATES,
};

/* On disk and in the API: never rename. */
const char *sync_state_name(enum sync_state state);
/* SYNC_INITIALIZING for a name that cannot be continued from. */
enum sync_state sync_state_find(const char *name);

struct sync_view {
	enum sync_state state;
	bool can_commit, can_write, reversible, committed_by_all;
	const char *info; /* a constant, or NULL */
	int64_t lag_s, events_applied, total_bytes, copied_bytes;
	char coordinator[128], source[340], destination[340];
};

struct sync {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* of the worker */
	const struct options *options;
	struct sync_view view;
	/* requests, taken by the worker */
	json_t *start_body;
	bool stopping, pausing, resuming, committing, reversing;
	int64_t pause_at_ms, resume_at_ms;
	/* the worker's end: done is set last, then a byte is in the pipe */
	bool done;
	char fatal[400]; /* why it ended by itself, or "" */
	int done_pipe[2];
	pthread_t thread;
};

struct refusal { /* an API error */
	const char *error;
	const char *text;
};

int64_t sync_now_ms(void); /* monotonic */
bool sync_open(struct sync *sync, const struct options *options,
	struct err *err) WARN_UNUSED;
bool sync_run(struct sync *sync, struct err *err) WARN_UNUSED;
/* Asks the worker to end at the next boundary. */
void sync_stop(struct sync *sync);
void sync_close(struct sync *sync); /* joins the thread */

struct sync_view sync_look(struct sync *sync);
/* Each leaves a request if the state permits it, else says why not.  body is
 * taken. */
bool sync_ask_start(struct sync *sync, json_t *body, struct refusal *ret);
bool sync_ask_pause(struct sync *sync, struct refusal *ret);
bool sync_ask_resume(struct sync *sync, struct refusal *ret);
bool sync_ask_commit(struct sync *sync, struct refusal *ret);
bool sync_ask_reverse(struct sync *sync, struct refusal *ret);

/* For the worker: sleeps unless there is a reason to wake; false: stop. */
bool sync_sleep(struct sync *sync, int64_t ms);
bool sync_is_stopping(struct sync *sync);
void *worker_main(void *arg); /* a struct sync */

#endif
