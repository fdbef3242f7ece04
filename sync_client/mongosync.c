/*
 * mongosync.c - mongosync's answers, read with as little trust as possible.
 *
 * Every member may be null, missing or of another type (an IDLE process sends
 * null for nearly all of them); only progress.state must be there.  A member
 * that is there twice says two things: such an answer is not believed.
 */
#include "sync_client/mongosync.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "sync_client/sync_text.h"

#define PROGRESS_PATH "/api/v1/progress"
#define PAUSE_PATH "/api/v1/pause"
#define RESUME_PATH "/api/v1/resume"
#define SAID_MAX 300 /* of an answer's own words in our message */

/* One call under way: freed with its http_call. */
struct sync_call {
	sync_progress_fn *progress;
	sync_reply_fn *reply;
	void *arg;
};

static bool parse_object(
	const char *body, size_t len, json_t **ret_json, struct err *err)
{
	json_error_t why;
	json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, &why);

	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(
			err, ERR_AGAIN, "the answer is not a JSON object");
	}
	*ret_json = json;
	return true;
}

static void text_of(const json_t *json, const char *key, char *to, size_t size)
{
	sync_text_copy(to, size, json_string_value(json_object_get(json, key)));
}

/* -1: not told, or not a number that makes sense here. */
static int64_t number_of(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);
	double real;

	if (json_is_integer(value))
		return json_integer_value(value) < 0
			       ? -1
			       : (int64_t)json_integer_value(value);
	if (!json_is_real(value))
		return -1;
	real = json_real_value(value);
	if (!(real >= 0))
		return -1;
	return real >= (double)INT64_MAX ? INT64_MAX : (int64_t)real;
}

/* Anything but false, null and absence counts: canWrite forbids us to act, and
 * a value that we do not understand must not allow it. */
static bool perhaps(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return value && !json_is_null(value) && !json_is_false(value);
}

/* Puts "<error>: <errorDescription>" into err; false if it has neither. */
static bool said(const json_t *json, enum err_code code, struct err *err)
{
	char name[SAID_MAX], words[SAID_MAX];

	text_of(json, "error", name, sizeof(name));
	text_of(json, "errorDescription", words, sizeof(words));
	if (!*name && !*words)
		return false;
	(void)err_set(
		err, code, "%s%s%s", name, *name && *words ? ": " : "", words);
	return true;
}

static int64_t lag_of(const json_t *progress)
{
	int64_t lag = number_of(
		json_object_get(progress, "lag"), "overallLagSeconds");

	return lag >= 0 ? lag : number_of(progress, "lagTimeSeconds");
}

/* Of the source's side; the destination's says much the same. */
static void read_verifier(const json_t *from, struct sync_progress *to)
{
	const json_t *verifier = json_object_get(from, "verification");
	const json_t *side = json_object_get(verifier, "source");

	if (!json_is_object(side))
		side = json_object_get(verifier, "destination");
	to->verifier = json_is_object(side);
	text_of(side, "phase", to->verifier_phase, sizeof(to->verifier_phase));
	to->verifier_docs = number_of(side, "estimatedDocumentCount");
	to->verifier_hashed = number_of(side, "hashedDocumentCount");
	to->verifier_collections = number_of(side, "totalCollectionCount");
}

static void read_progress(const json_t *from, struct sync_progress *to)
{
	const json_t *copy = json_object_get(from, "collectionCopy");
	const json_t *mapping = json_object_get(from, "directionMapping");

	memset(to, 0, sizeof(*to));
	to->phase = sync_phase_parse(
		json_string_value(json_object_get(from, "state")));
	text_of(from, "state", to->phase_text, sizeof(to->phase_text));
	to->can_write = perhaps(from, "canWrite");
	to->can_commit = json_is_true(json_object_get(from, "canCommit"));
	read_verifier(from, to);
	text_of(from, "mongosyncID", to->id, sizeof(to->id));
	text_of(from, "coordinatorID", to->coordinator,
		sizeof(to->coordinator));
	text_of(from, "info", to->info, sizeof(to->info));
	text_of(mapping, "Source", to->source_at, sizeof(to->source_at));
	text_of(mapping, "Destination", to->destination_at,
		sizeof(to->destination_at));
	text_of(from, "estimatedOplogTimeRemaining", to->oplog_left,
		sizeof(to->oplog_left));
	to->lag_s = lag_of(from);
	to->copied_bytes = number_of(copy, "estimatedCopiedBytes");
	to->total_bytes = number_of(copy, "estimatedTotalBytes");
	to->events_applied = number_of(from, "totalEventsApplied");
}

bool mongosync_parse_progress(const char *body, size_t len,
	struct sync_progress *ret_progress, struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	const json_t *progress;

	if (!parse_object(body, len, &json, err))
		return false;
	/* "success" is there from 1.8 on; before, an error had only "error". */
	progress = json_object_get(json, "progress");
	if (json_is_false(json_object_get(json, "success")) || !progress) {
		if (said(json, ERR_AGAIN, err))
			return false;
		return err_set(
			err, ERR_AGAIN, "the answer tells of no progress");
	}
	if (!json_is_string(json_object_get(progress, "state")))
		return err_set(err, ERR_AGAIN, "the answer names no state");
	read_progress(progress, ret_progress);
	return true;
}

bool mongosync_parse_reply(const char *body, size_t len, struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	const json_t *success;

	if (!parse_object(body, len, &json, err))
		return false;
	success = json_object_get(json, "success");
	if (json_is_true(success))
		return true;
	if (json_is_false(success)) {
		if (said(json, ERR_STEP, err))
			return false;
		return err_set(err, ERR_STEP, "refused without a reason");
	}
	if (!success && said(json, ERR_STEP, err))
		return false;
	return err_set(err, ERR_AGAIN, "the answer is neither yes nor no");
}

static bool is_good(const struct http_answer *answer)
{
	return answer->status >= 200 && answer->status <= 299;
}

/* err says what is wrong with the body; a redirect's does not matter. */
static void wrap_status(const struct http_answer *answer, struct err *err)
{
	if (answer->status >= 300 && answer->status <= 399)
		(void)err_set(err, err->code, "a redirect is not followed");
	(void)err_wrap(err, "HTTP status %ld", answer->status);
}

static void on_progress(
	void *arg, const struct http_answer *answer, const struct err *http_err)
{
	struct sync_call *call = arg;
	struct sync_progress progress;
	struct err err = {.code = ERR_NONE};

	if (http_err) {
		call->progress(call->arg, NULL, http_err);
		return;
	}
	if (is_good(answer)) {
		if (mongosync_parse_progress(
			    answer->body, answer->len, &progress, &err)) {
			call->progress(call->arg, &progress, NULL);
			return;
		}
	} else if (mongosync_parse_reply(answer->body, answer->len, &err)) {
		(void)err_set(&err, ERR_AGAIN, "contradicts itself");
	}
	err.code = ERR_AGAIN;
	wrap_status(answer, &err);
	call->progress(call->arg, NULL, &err);
}

static void on_reply(
	void *arg, const struct http_answer *answer, const struct err *http_err)
{
	struct sync_call *call = arg;
	struct err err = {.code = ERR_NONE};
	enum sync_reply reply = SYNC_REPLY_LOST;

	if (http_err) {
		call->reply(call->arg,
			answer->sent ? SYNC_REPLY_LOST : SYNC_REPLY_REFUSED,
			http_err);
		return;
	}
	if (mongosync_parse_reply(answer->body, answer->len, &err)) {
		if (is_good(answer)) {
			call->reply(call->arg, SYNC_REPLY_DONE, NULL);
			return;
		}
		/* Yes by its words, no by its status: who knows. */
		(void)err_set(&err, ERR_AGAIN, "contradicts itself");
	} else if (err.code == ERR_STEP) {
		reply = SYNC_REPLY_REFUSED;
	}
	wrap_status(answer, &err);
	call->reply(call->arg, reply, &err);
}

static bool request(struct http *http, const struct http_place *place,
	const char *path, const char *body, int64_t timeout_ms,
	const struct sync_call *wanted, struct http_call **ret_call,
	struct err *err)
{
	_cleanup_free_ struct sync_call *call = malloc(sizeof(*call));
	struct http_call *started;

	if (!call)
		return err_set(err, ERR_MEMORY, "%s: out of memory", path);
	*call = *wanted;
	if (!http_request(http, place, path, body, timeout_ms,
		    wanted->reply ? on_reply : on_progress, call, &started,
		    err))
		return false;
	http_call_keep(started, take_ptr(call));
	if (ret_call)
		*ret_call = started;
	return true;
}

static bool get_progress(struct http *http, const struct http_place *place,
	int64_t timeout_ms, sync_progress_fn *done, void *arg,
	struct http_call **ret_call, struct err *err)
{
	struct sync_call call = {.progress = done, .arg = arg};

	return request(http, place, PROGRESS_PATH, NULL, timeout_ms, &call,
		ret_call, err);
}

static bool post_pause(struct http *http, const struct http_place *place,
	int64_t timeout_ms, sync_reply_fn *done, void *arg,
	struct http_call **ret_call, struct err *err)
{
	struct sync_call call = {.reply = done, .arg = arg};

	return request(http, place, PAUSE_PATH, "{}", timeout_ms, &call,
		ret_call, err);
}

static bool post_resume(struct http *http, const struct http_place *place,
	int64_t timeout_ms, sync_reply_fn *done, void *arg,
	struct http_call **ret_call, struct err *err)
{
	struct sync_call call = {.reply = done, .arg = arg};

	return request(http, place, RESUME_PATH, "{}", timeout_ms, &call,
		ret_call, err);
}

const struct sync_api mongosync_api = {
	.name = "mongosync",
	.progress = get_progress,
	.pause = post_pause,
	.resume = post_resume,
};
