/*
 * progress.c - see progress.h.
 */
#include <stdio.h>

#include "tests/refsync/progress.h"
#include "tests/refsync/version.h"

static bool is_idle(const struct sync_view *view)
{
	return view->state == SYNC_IDLE || view->state == SYNC_INITIALIZING;
}

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

/* value is taken; null stands for it while there is no job. */
static void set_busy(json_t *object, const struct sync_view *view,
	const char *key, json_t *value)
{
	if (is_idle(view)) {
		json_decref(value);
		value = json_null();
	}
	set(object, key, value);
}

static json_t *make_lag(const struct sync_view *view)
{
	return view->lag_s < 0 ? json_null()
			       : json_integer(view->lag_s + setting(SET_LAG_S));
}

static json_t *make_lag_object(const struct sync_view *view)
{
	if (view->lag_s < 0)
		return json_null();
	return json_pack("{s:o, s:o, s:n}", "overallLagSeconds", make_lag(view),
		"crudLagSeconds", make_lag(view), "ddlLagSeconds");
}

#define VERIFIER_DOCS 1000 /* of each collection */

static json_t *make_verifier(void)
{
	long docs = setting(SET_VERIFIER_DOCS);
	long hashed = setting(SET_VERIFIER_HASHED);

	return json_pack("{s:I, s:I, s:i, s:I, s:I, s:s}",
		"estimatedDocumentCount", (json_int_t)docs,
		"hashedDocumentCount", (json_int_t)hashed, "lagTimeSeconds", 0,
		"scannedCollectionCount", (json_int_t)(hashed / VERIFIER_DOCS),
		"totalCollectionCount",
		(json_int_t)((docs + VERIFIER_DOCS - 1) / VERIFIER_DOCS),
		"phase",
		!docs           ? "not started"
		: hashed < docs ? "initial hashing"
				: "stream hashing");
}

static json_t *make_oplog_estimate(void)
{
	long minutes = setting(SET_OPLOG_MINUTES);

	if (minutes > 72L * 60)
		return json_string("more than 72 hours");
	if (minutes >= 120)
		return json_sprintf("%ld hours", minutes / 60);
	if (minutes < 15)
		return json_string("less than 15 minutes");
	return json_sprintf("%ld minutes", minutes);
}

static void set_copy(json_t *object, const struct sync_view *view)
{
	int64_t total = view->total_bytes ? view->total_bytes : 1;

	set_busy(object, view, "collectionCopy",
		json_pack("{s:I, s:I}", "estimatedTotalBytes",
			(json_int_t)total, "estimatedCopiedBytes",
			(json_int_t)view->copied_bytes));
	set_busy(object, view, "directionMapping",
		json_pack("{s:s, s:s}", "Source", view->source, "Destination",
			view->destination));
}

static void set_newer(json_t *object, const struct sync_view *view)
{
	if (version_has(9))
		set_busy(object, view, "verification",
			json_pack("{s:o, s:o}", "source", make_verifier(),
				"destination", make_verifier()));
	if (version_has(17)) {
		set_busy(object, view, "source",
			json_pack("{s:i}", "pingLatencyMs", 1));
		set_busy(object, view, "destination",
			json_pack("{s:i}", "pingLatencyMs", 1));
	}
	if (version_has(19) && view->state == SYNC_RUNNING && !view->can_write)
		set(object, "estimatedOplogTimeRemaining",
			make_oplog_estimate());
	if (version_has(21))
		set(object, "lag", make_lag_object(view));
}

static json_t *make_id(
	const struct sync_view *view, const char *id, const struct fault *fault)
{
	if (fault->kind == FAULT_OTHER_ID)
		return json_string("intruder");
	return is_idle(view) ? json_null() : json_string(id);
}

json_t *progress_make(
	const struct sync_view *view, const char *id, const struct fault *fault)
{
	json_t *inner = json_object();
	json_t *outer = json_object();
	const char *state = fault->kind == FAULT_LIE
				    ? fault->state
				    : sync_state_name(view->state);

	set(inner, "state", json_string(state));
	set(inner, "canCommit", json_boolean(view->can_commit));
	set_busy(inner, view, "canWrite", json_boolean(view->can_write));
	set_busy(inner, view, "info",
		view->info ? json_string(view->info) : json_null());
	set(inner, "lagTimeSeconds", make_lag(view));
	if (version_has(8))
		set_busy(inner, view, "totalEventsApplied",
			json_integer(view->events_applied));
	set_copy(inner, view);
	if (version_has(3)) {
		set(inner, "mongosyncID", make_id(view, id, fault));
		set_busy(inner, view, "coordinatorID",
			json_string(fault->kind == FAULT_OTHER_LANE
					    ? "intruder"
					    : view->coordinator));
	}
	set_newer(inner, view);
	set(outer, "progress", inner);
	if (version_has(8))
		set(outer, "success", json_true());
	return outer;
}
