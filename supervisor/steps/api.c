/*
 * api.c - the sync's API, wherever it is, and who answers there.
 */
#include <string.h>

#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"

enum {
	POST_TIMEOUT_MS = 60000,
};

static int64_t get_timeout_ms(const struct step_run *run)
{
	return (int64_t)run->env->fleet->timeouts.api * 1000;
}

/* Never beyond the step's own patience. */
static int64_t post_timeout_ms(const struct step_run *run)
{
	int64_t patience = run->stage->patience_s * 1000;

	return patience < POST_TIMEOUT_MS ? patience : POST_TIMEOUT_MS;
}

/* Whose API answers where is asked of its host first: on another one that is a
 * socket which ssh forwards. */
static bool ask_place(struct step_run *run, const struct target *target,
	int64_t timeout_ms, host_place_fn *done, struct err *err)
{
	struct host_call *call = NULL;
	unsigned number = ++run->questions;

	run->about = target;
	if (!host_place(target->host, target->config.port, timeout_ms, done,
		    run, &call, err)) {
		run->about = NULL;
		return false;
	}
	if (run->about && run->questions == number) /* not told yet */
		run->asked = call;
	return true;
}

static const struct target *told_of(struct step_run *run)
{
	const struct target *about = run->about;

	run->asked = NULL;
	run->about = NULL;
	return about;
}

static void asked_where(
	void *arg, const struct http_place *place, const struct err *err)
{
	struct step_run *run = arg;
	const struct target *about = told_of(run);
	sync_progress_fn *done = run->progressed;
	struct err look = {0};

	if (err)
		done(run, NULL, err);
	else if (!about->api->progress(run->env->http, place,
			 get_timeout_ms(run), done, run, &run->call, &look))
		step_cannot_look(run, &look);
}

bool ask_progress_of(struct step_run *run, const struct target *target,
	sync_progress_fn *done, struct err *err)
{
	struct err why = {0};

	run->progressed = done;
	if (ask_place(run, target, get_timeout_ms(run), asked_where, &why))
		return true;
	/* Out of reach is an answer, too. */
	if (why.code == ERR_AGAIN) {
		done(run, NULL, &why);
		return true;
	}
	if (err)
		*err = why;
	return false;
}

bool ask_progress(struct step_run *run, sync_progress_fn *done, struct err *err)
{
	return ask_progress_of(run, run->target, done, err);
}

/* Nothing of it left us; but a host that cannot be reached is no answer. */
static void posted_where(
	void *arg, const struct http_place *place, const struct err *err)
{
	struct step_run *run = arg;
	const struct target *about = told_of(run);
	struct err act = {0};

	if (err)
		step_acted(run, err);
	else if (!(run->resumes ? about->api->resume : about->api->pause)(
			 run->env->http, place, post_timeout_ms(run),
			 run->replied, run, &run->call, &act))
		step_acted(run, &act);
}

bool post_to_sync(struct step_run *run, bool resumes, sync_reply_fn *done,
	struct err *err)
{
	run->resumes = resumes;
	run->replied = done;
	return ask_place(
		run, run->target, post_timeout_ms(run), posted_where, err);
}

bool is_cut_off(struct step_run *run)
{
	const char *why = host_trouble(run->target->host);

	if (!why[0])
		return false;
	step_saw(run, VIEW_UNKNOWN, "%s", why);
	return true;
}

static void reached(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	struct err look = {0};

	if (!result)
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
	else if (!run->then(run, &look))
		step_cannot_look(run, &look);
}

/* A link that is cut is silent for as long as a question may take, before ssh
 * gives it up. */
void if_reached(
	struct step_run *run, const struct target *target, step_fn *then)
{
	struct err err = {0};

	run->call = NULL; /* it has ended */
	run->then = then;
	if (!ask_host(
		    run, target, "clock", json_object(), ASK_MS, reached, &err))
		step_cannot_look(run, &err);
}

/* What the last start that is done saw (one that was started again before its
 * pause counts); before any, what was planned. */
const json_t *last_known(
	const struct step_run *run, const struct target *target)
{
	const struct {
		const struct run_course *course;
		const char *kind;
	} starts[] = {
		{&run->lane->back, "start"},
		{&run->lane->forward, "start"},
		{&run->lane->forward, "revive"},
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const struct run_step *start = run_course_step(
			starts[i].course, starts[i].kind, target->name);

		if (start && start->status == RUN_DONE)
			return start->saw;
	}
	return target->json;
}

/* An instance without an id cannot be told by its file.  What it said itself
 * will do: a process does not change its mongosyncID. */
static const char *told_id(
	const struct step_run *run, const struct target *target)
{
	const char *id = json_string_value(
		json_object_get(last_known(run, target), "answers_as"));

	return id ? id : "";
}

static bool is_same(const char *one, const char *other)
{
	return one[0] && strcmp(one, other) == 0;
}

/* A coordinator may change, but only to another one of the lane.  One that was
 * there when it was planned belongs to it, even if the fleet lacks it. */
static bool is_of_lane(const struct step_run *run, const struct target *target,
	const char *coordinator)
{
	const struct target *other = NULL;
	bool known = false;

	while ((other = targets_next(run->env->targets, TARGET_PROCESS,
			target->lane, other))) {
		if (is_same(other->config.id, coordinator) ||
			is_same(other->answers_as, coordinator) ||
			is_same(other->coordinator, coordinator))
			return true;
		known |= other->answers_as[0] || other->coordinator[0];
	}
	return !known;
}

bool is_another(const struct step_run *run, const struct target *target,
	const struct sync_progress *progress, bool fresh, struct err *err)
{
	const char *id = target->config.id;

	if (!id[0] && !fresh)
		id = told_id(run, target);
	if (id[0] && progress->id[0] && strcmp(id, progress->id) != 0) {
		(void)err_set(err, ERR_DECIDE,
			"port %u is answered by another process (mongosyncID "
			"\"%s\", not \"%s\")",
			target->config.port, progress->id, id);
		return true;
	}
	if (progress->coordinator[0] &&
		!is_same(progress->coordinator, progress->id) &&
		!is_of_lane(run, target, progress->coordinator)) {
		(void)err_set(err, ERR_DECIDE,
			"port %u is answered by a process of another migration "
			"(coordinatorID \"%s\")",
			target->config.port, progress->coordinator);
		return true;
	}
	return false;
}
