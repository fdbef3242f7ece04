/*
 * metadata.c - what the sync persisted on the destination: saved before the
 * new version may change it, compared after, put back if that was allowed.
 */
#include <assert.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/copies.h"
#include "supervisor/steps/steps.h"

enum {
	LOOK_MS = 120000,
};

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* directory may be NULL. */
static bool ask(struct step_run *run, const char *op, const char *directory,
	int64_t timeout_ms, helper_fn *done, struct err *err)
{
	const struct secret *uri = &run->target->via->config.destination;
	_cleanup_json_ json_t *question =
		json_pack("{s:s, s:s}", "op", op, "uri", secret_reveal(uri));

	if (directory)
		(void)json_object_set_new(
			question, "directory", json_string(directory));
	return helpers_ask(
		run->env->helpers, question, timeout_ms, done, run, err);
}

static const struct run_step *save_of(const struct step_run *run)
{
	return run_course_step(&run->lane->forward, "save", run->target->name);
}

/* May it have migrated what is there?  Once a link leads to it a reboot or a
 * person may have started it without us; it does not while all of them are
 * held, which is asked before all else. */
static bool new_version_began(const struct step_run *run)
{
	const struct run_course *way = &run->lane->forward;

	return run_course_reached(way, "start") ||
	       (run_course_reached(way, "activate") &&
		       !json_is_true(json_object_get(run->memory, "held")));
}

static bool ask_if_held(struct step_run *run, struct err *err);

static void hold_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const char *kind = text_of(result, "kind");
	struct err look = {0};

	if (err && err->code == ERR_AGAIN) {
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
		return;
	}
	ask_next_host(run);
	/* Of any run: whoever holds it, it starts nothing. */
	if (strcmp(kind, "hold") == 0 ? !ask_if_held(run, &look)
				      : !run->then(run, &look))
		step_cannot_look(run, &look);
}

static bool ask_if_held(struct step_run *run, struct err *err)
{
	const struct target *link = ask_host_link(run);

	if (link)
		return ask_host(run, link, "link_see",
			json_pack("{s:o, s:b}", "link",
				op_link_json(&link->link), "plain", 0),
			ASK_MS, hold_told, err);
	(void)json_object_set_new(run->memory, "held", json_true());
	return run->then(run, err);
}

/* Goes on with `then` when new_version_began() can be asked. */
static bool after_links(struct step_run *run, step_fn *then, struct err *err)
{
	const struct run_course *way = &run->lane->forward;

	ask_first_host(run);
	run->then = then;
	if (run_course_reached(way, "activate") &&
		!run_course_reached(way, "start"))
		return ask_if_held(run, err);
	return then(run, err);
}

/* Of the copy, and of the metadata when they are the same. */
static void see_digest(struct step_run *run, const json_t *result)
{
	step_see(run, "digest", json_string(text_of(result, "digest")));
	step_see(run, "documents",
		json_incref(json_object_get(result, "documents")));
	step_see(run, "bytes", json_incref(json_object_get(result, "bytes")));
}

static void digest_is_saved(
	void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const char *saved =
		text_of(json_object_get(run->memory, "copy"), "digest");

	if (err) {
		step_saw_err(run, err);
		return;
	}
	if (strcmp(text_of(result, "digest"), saved) != 0) {
		step_saw(run, VIEW_AGAIN,
			"the metadata has changed since it was copied");
		return;
	}
	see_digest(run, result);
	step_saw(run, VIEW_REACHED, "%lld documents, %lld bytes",
		(long long)json_integer_value(
			json_object_get(result, "documents")),
		(long long)json_integer_value(
			json_object_get(result, "bytes")));
}

static void copy_checked(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	struct err look = {0};

	/* What could not be synced is not made once more. */
	if (err && err->code == ERR_STORAGE) {
		step_saw_err(run, err);
		return;
	}
	if (err && new_version_began(run)) {
		/* It cannot be made again: the new version has begun. */
		look = *err;
		look.code = err->code == ERR_AGAIN ? ERR_AGAIN : ERR_DECIDE;
		step_saw_err(run, &look);
		return;
	}
	if (err) {
		step_saw(run, VIEW_AGAIN, "no good copy yet: %s", err->msg);
		return;
	}
	if (new_version_began(run)) {
		/* Without the digest the way back could prove nothing. */
		see_digest(run, result);
		step_saw(run, VIEW_REACHED, "the copy is whole");
		return;
	}
	(void)json_object_set_new(run->memory, "copy", json_deep_copy(result));
	if (!ask(run, "digest", NULL, LOOK_MS, digest_is_saved, &look))
		step_saw_err(run, &look);
}

static bool look_at_copy(struct step_run *run, struct err *err)
{
	const char *directory = text_of(run->past->saw, "directory");

	if (!directory[0]) {
		/* Too late for one: what is there now may be migrated. */
		step_saw(run,
			new_version_began(run) ? VIEW_REACHED : VIEW_NOT_YET,
			"no copy was made");
		return true;
	}
	step_see(run, "directory", json_string(directory));
	return ask(run, "check_copy", directory, LOOK_MS, copy_checked, err);
}

static bool see_saved_known(struct step_run *run, struct err *err)
{
	return after_links(run, look_at_copy, err);
}

bool see_saved(struct step_run *run, struct err *err)
{
	return after_config(run, run->target->via, see_saved_known, err);
}

bool can_save(struct step_run *run, struct err *err)
{
	_cleanup_free_ char *directory = copies_path(run->env->fleet,
		run->env->state->run, run->lane->name, run->past->intents + 1);

	step_see(run, "directory", json_string(directory));
	return see_all_gone(run, err);
}

static void saved_or_put_back(
	void *arg, const json_t *result, const struct err *err)
{
	(void)result;
	step_acted(arg, err);
}

bool do_save(struct step_run *run, struct err *err)
{
	const struct fleet *fleet = run->env->fleet;
	const char *id = run->env->state->run, *lane = run->lane->name;

	if (!copies_drop_partial(fleet, id, lane, err) ||
		!copies_give_room(fleet, id, lane, err))
		return false;
	return ask(run, "save", text_of(run->saw, "directory"),
		run->stage->patience_s * 1000, saved_or_put_back, err);
}

/* -1, 0, 1 for "T.I" texts; an absent one is earlier than all. */
static int compare_times(const char *a, const char *b)
{
	unsigned long long at = 0, ai = 0, bt = 0, bi = 0;

	(void)sscanf(a, "%llu.%llu", &at, &ai);
	(void)sscanf(b, "%llu.%llu", &bt, &bi);
	if (at != bt)
		return at < bt ? -1 : 1;
	return ai < bi ? -1 : ai > bi;
}

/* Only proof counts: an unknown format, or idle sources, prove nothing. */
static bool is_another_sync(
	const json_t *before, const json_t *now, char *ret_why, size_t size)
{
	const json_t *old = json_object_get(before, "instances");
	const json_t *new = json_object_get(now, "instances");
	size_t i, count = json_array_size(old);
	json_t *item;

	if (!json_is_true(json_object_get(now, "found"))) {
		(void)snprintf(ret_why, size,
			"the sync's metadata is gone from the destination");
		return true;
	}
	if (count && json_array_size(new) != count) {
		(void)snprintf(ret_why, size,
			"the metadata named %zu instances before and %zu now",
			count, json_array_size(new));
		return true;
	}
	json_array_foreach (old, i, item) {
		const json_t *other = json_array_get(new, i);

		if (strcmp(text_of(item, "id"), text_of(other, "id")) != 0) {
			(void)snprintf(ret_why, size,
				"the metadata named instance %s before and %s "
				"now",
				text_of(item, "id"), text_of(other, "id"));
			return true;
		}
		if (compare_times(text_of(other, "last_event"),
			    text_of(item, "last_event")) < 0) {
			(void)snprintf(ret_why, size,
				"the resume point of %s went back from %s to "
				"%s",
				text_of(item, "id"),
				text_of(item, "last_event"),
				text_of(other, "last_event"));
			return true;
		}
	}
	return false;
}

static void summed_up(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const json_t *before = json_object_get(run->target->json, "before");
	char why[250];

	if (err)
		step_saw_err(run, err);
	else if (!json_is_true(json_object_get(before, "found")))
		step_saw(run, VIEW_REACHED, "no sync had been started");
	else if (is_another_sync(before, result, why, sizeof(why)))
		step_saw(run, VIEW_FAILED, "%s", why);
	else if (!json_is_true(json_object_get(result, "recognised")))
		step_saw(run, VIEW_REACHED,
			"warning: unproven, the metadata has a form that this "
			"syncup does not know");
	else
		step_saw(run, VIEW_REACHED, "the same sync");
}

static bool see_summary(struct step_run *run, struct err *err)
{
	return ask(run, "summary", NULL, LOOK_MS, summed_up, err);
}

bool see_verified(struct step_run *run, struct err *err)
{
	return after_config(run, run->target->via, see_summary, err);
}

static bool may_restore(const struct step_run *run)
{
	return run->env->state->request_restore ||
	       run->env->fleet->on_failure == FLEET_FAILURE_RESTORE ||
	       json_is_true(json_object_get(run->stage->json, "restore"));
}

/* Was this process seen RUNNING on the new version? */
static bool ran_on_new(const struct run_lane *lane, const char *name)
{
	const struct run_step *start =
		run_course_step(&lane->forward, "start", name);
	const struct run_step *pause =
		run_course_step(&lane->back, "pause", name);

	return (start &&
		       strcmp(text_of(start->saw, "state"), "RUNNING") == 0) ||
	       (pause && pause->intents);
}

/* Why the saved copy is no longer true; false: it is. */
static bool is_outdated(const struct step_run *run, struct err *err)
{
	const struct target *target = NULL;

	if (!text_of(save_of(run)->saw, "digest")[0])
		return !err_set(err, ERR_DECIDE,
			"there is no good copy of the metadata, nobody can "
			"tell whether the new version has changed it");
	if (run->env->fleet->pause == FLEET_PAUSE_NEVER)
		return !err_set(err, ERR_DECIDE,
			"with pause: never the new version went on syncing: "
			"the saved copy is no longer true");
	if (run_course_began(&run->lane->forward, "resume"))
		return !err_set(err, ERR_DECIDE,
			"the sync ran on the new version since the copy was "
			"made: it is no longer true");
	while ((target = targets_next(run->env->targets, TARGET_PROCESS,
			run->target->lane, target)))
		if (ran_on_new(run->lane, target->name))
			return !err_set(err, ERR_DECIDE,
				"%s was RUNNING on the new version since the "
				"copy was made: it is no longer true",
				target->name);
	return false;
}

static void changed(struct step_run *run)
{
	struct err why = {0}, err = {0};

	if (is_outdated(run, &why))
		(void)err_set(&err, ERR_DECIDE,
			"the new version has changed it, the old one may not "
			"understand it, and --restore-metadata would not help "
			"(%.180s); go on with `syncup run`",
			why.msg);
	else
		(void)err_set(&err, ERR_DECIDE,
			"the new version has changed it, the old one may not "
			"understand it; go on with `syncup run`, or give the "
			"copy back with `syncup rollback --restore-metadata`");
	step_blocked(run, &err);
}

static bool is_what_was_saved(const struct step_run *run, const json_t *result)
{
	const char *saved = text_of(save_of(run)->saw, "digest");

	return saved[0] && strcmp(text_of(result, "digest"), saved) == 0;
}

/* Asks one process of the lane after the other; memory says which.  Whoever
 * is RUNNING writes to what the copy would replace. */
static void phase_told(
	void *arg, const struct sync_progress *progress, const struct err *err);

static const struct target *asked_target(const struct step_run *run)
{
	json_int_t index =
		json_integer_value(json_object_get(run->memory, "asked"));
	const struct target *target = NULL;

	do {
		target = targets_next(run->env->targets, TARGET_PROCESS,
			run->target->lane, target);
	} while (target && index-- > 0);
	return target;
}

static void ask_next_phase(struct step_run *run)
{
	const struct target *target = asked_target(run);
	struct err err = {0};

	if (!target) {
		step_saw(run, VIEW_REACHED, "what was saved may be put back");
		return;
	}
	if (!ask_progress_of(run, target, phase_told, &err))
		step_cannot_look(run, &err);
}

static bool go_on_asking(struct step_run *run, struct err *err)
{
	json_t *asked = json_object_get(run->memory, "asked");

	(void)err;
	(void)json_integer_set(asked, json_integer_value(asked) + 1);
	ask_next_phase(run);
	return true;
}

static void phase_told(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;
	const struct target *target = asked_target(run);
	struct err runs = {0};

	run->call = NULL;
	assert(target);
	/* One that is out of reach may be RUNNING. */
	if (err && host_trouble(target->host)[0]) {
		step_saw(run, VIEW_UNKNOWN, "%s", host_trouble(target->host));
		return;
	}
	if (err) {
		if_reached(run, target, go_on_asking);
		return;
	}
	if (is_another(run, target, progress, true, &runs)) {
		step_blocked(run, &runs);
		return;
	}
	if (progress->phase == SYNC_PHASE_PAUSED ||
		progress->phase == SYNC_PHASE_IDLE) {
		(void)go_on_asking(run, NULL);
		return;
	}
	(void)err_set(&runs, ERR_DECIDE,
		"a process is %s on the new version: the saved copy is no "
		"longer true",
		progress->phase_text);
	step_blocked(run, &runs);
}

/* prove: may the lane turn?  With consent too, unless the copy is outdated:
 * then it would end with everything stopped and no way on. */
static void unchanged(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	struct err outdated = {0};

	if (err)
		step_saw_err(run, err);
	else if (is_what_was_saved(run, result))
		step_saw(run, VIEW_REACHED, "it is what was saved");
	else if (!may_restore(run) || is_outdated(run, &outdated))
		changed(run);
	else
		ask_next_phase(run);
}

static bool see_digest_unchanged(struct step_run *run, struct err *err)
{
	json_decref(run->memory);
	run->memory = json_pack("{s:i}", "asked", 0);
	return ask(run, "digest", NULL, LOOK_MS, unchanged, err);
}

bool see_unchanged(struct step_run *run, struct err *err)
{
	return after_config(run, run->target->via, see_digest_unchanged, err);
}

static void put_back_compared(
	void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	if (err)
		step_saw_err(run, err);
	else if (is_what_was_saved(run, result))
		step_saw(run, VIEW_REACHED, "it is what was saved");
	else if (may_restore(run))
		step_saw(run, VIEW_NOT_YET, "it differs from what was saved");
	else
		changed(run);
}

static bool see_if_put_back(struct step_run *run, struct err *err)
{
	/* The old version runs again and writes: that is as it should be. */
	if (run_course_began(&run->lane->back, "start")) {
		step_saw(
			run, VIEW_REACHED, "the old version was started on it");
		return true;
	}
	return ask(run, "digest", NULL, LOOK_MS, put_back_compared, err);
}

bool see_put_back(struct step_run *run, struct err *err)
{
	return after_config(run, run->target->via, see_if_put_back, err);
}

bool can_put_back(struct step_run *run, struct err *err)
{
	struct err outdated = {0};

	if (is_outdated(run, &outdated)) {
		step_blocked(run, &outdated);
		return true;
	}
	return see_all_gone(run, err);
}

bool do_put_back(struct step_run *run, struct err *err)
{
	return ask(run, "put_back", text_of(save_of(run)->saw, "directory"),
		run->stage->patience_s * 1000, saved_or_put_back, err);
}
