/*
 * helper.h - questions to the helper executable, which holds libmongoc.
 *
 * The helper is long-lived, asked over a pipe with a deadline, killed when it
 * does not answer and started again for the next question; one question at a
 * time per helper, at most HELPERS_MAX helpers; further questions wait.
 *
 * One JSON object a line each way.
 *   ask    {"id":7,"op":"digest","uri":"mongodb://...", ...}
 *   answer {"id":7,"ok":true,"result":{...}}
 *          {"id":7,"ok":false,"code":"again","error":"..."}
 * Codes are again (cannot reach or see it now), step, decide, config, held,
 * missing, storage and memory.  Errors never hold a connection string.
 *
 * identify {uri}
 *   identity ("cluster:<hex>" from config.version.clusterId, "set:<hex>" from
 *   replSetGetConfig settings.replicaSetId, else "hosts:a:1,b:2" sorted),
 *   proved (false for hosts), version (buildInfo)
 * shards {uri}
 *   sharded, shards [ids], by listShards; CommandNotFound: false, []
 * oplog {uri}
 *   shards [{id, first: "T.I", last: "T.I"}], the first and last entry of each
 *   shard's local.oplog.rs by the servers' time; {id, error} for one that
 *   cannot be read.  A source that is not sharded is one shard, "source".
 * privileges {uri}
 *   access_control (false: nobody is logged in), privileges [{resource,
 *   actions}], by connectionStatus; null if the server does not show them
 * summary {uri}
 *   found, databases [names], generations [those to continue from], database
 *   (the main one), metadata_version (int or null), recognised (bool),
 *   instances [{id, state, phase, last_event: "T.I" or null,
 *   copy_started: "T.I" or null}] sorted by id,
 *   options {write_blocking, natural_order, random_id, verification: words or
 *   null}, partitions {total, done, in_progress, in_progress_bytes},
 *   copied_bytes
 * digest {uri}
 *   found, databases, digest (SHA-256 hex), documents, bytes
 * save {uri, directory}
 *   as digest; writes directory/<db>/<collection>.bson and .metadata.json, and
 *   last directory/copy.json {databases, digest, documents, bytes, files:
 *   [{path, sha256, bytes}]}; digest before and after must be equal: else
 *   "decide"
 * check_copy {directory}
 *   the same from copy.json, after verifying every file; "step" if bad
 * put_back {uri, directory}
 *   digest after; drops the known metadata databases, restores the copy
 */
#ifndef SUPERVISOR_ENGINE_HELPER_H
#define SUPERVISOR_ENGINE_HELPER_H

#include <event2/event.h>
#include <jansson.h>
#include <stdint.h>

#include "state/err.h"

#define HELPERS_MAX 2
#define HELPER_LINE_MAX (1u << 20)

struct helpers;

/* result is borrowed, NULL with err set (ERR_AGAIN, ERR_STEP, ERR_DECIDE,
 * ERR_CONFIG, ERR_STORAGE). */
typedef void helper_fn(void *arg, const json_t *result, const struct err *err);

struct helper_program { /* all borrowed for as long as the helpers live */
	const char *name; /* in messages: "the helper" */
	char *const *argv;
	char *const *env; /* NULL: ours */
	unsigned most; /* processes of it, at most 4 */
	int errors; /* their standard error */
	/* What it gets before anything else, not waiting for an answer. */
	const void *prologue;
	size_t prologue_len;
	/* NULL, or the line by which it says that it is there: what others
	 * print before is skipped, but for a line that begins with trouble. */
	const char *greeting, *trouble;
	const json_t *hello; /* NULL, or the first question to each of them */
	/* NULL, or whether its answer to hello will do. */
	bool (*greets)(const json_t *hello, struct err *err);
};

/* path NULL: $SYNCUP_HELPER, else syncup-helper beside our own executable, else
 * the installed one (SYNCUP_LIBEXECDIR). */
bool helpers_new(struct event_base *base, const char *path,
	struct helpers **ret_helpers, struct err *err) WARN_UNUSED;
bool helpers_new_program(struct event_base *base,
	const struct helper_program *program, struct helpers **ret_helpers,
	struct err *err) WARN_UNUSED;
/* True if one of them has this question now; false if it waits. */
bool helpers_has_asked(const struct helpers *helpers, const void *arg);
/* True once one of them was ended, or ended, with a question unanswered. */
bool helpers_is_lost(const struct helpers *helpers);
/* $<variable>, else <name> beside our own executable, in <folder> of a build
 * tree or in the libexec directory; false: where it should be. */
bool helpers_find_program(const char *variable, const char *folder,
	const char *name, char *ret_path, size_t size);
/* Ends them; callbacks are not called. */
void helpers_free(struct helpers *helpers);
/* ask is borrowed: "op" and members; "id" is added.  done is never called
 * before this returns. */
bool helpers_ask(struct helpers *helpers, const json_t *ask, int64_t timeout_ms,
	helper_fn *done, void *arg, struct err *err) WARN_UNUSED;
/* done for this arg will not be called any more; false if it was not due. */
bool helpers_forget(struct helpers *helpers, const void *arg);

#endif
