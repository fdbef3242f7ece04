/*
 * sync.c - pausing and resuming a sync, and watching it move.
 *
 * Facts about mongosync that this rests on (its reference and release notes):
 * pause is asynchronous, so only /progress tells; /resume before PAUSED crashes
 * versions before 1.21; after a resume or restart the API may be silent for
 * minutes; counters restart at 0 with the process.
 */
#include <string.h>

#include "state/sys.h"
#include "supervisor/process/process_json.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"

enum {
	SLACK_MS = 1000, /* between the clocks of two hosts */
	MOVEMENT_GAP_MS = 2000, /* between two looks that are compared */
};

/* A person has cut over, or another process answers: nothing may be done. */
static bool blocked(struct step_run *run, const struct sync_progress *progress)
{
	struct err err = {0};

	if (sync_phase_is_final(progress->phase) || progress->can_write)
		(void)err_set(&err, ERR_DECIDE,
			"it is %s%s: somebody has begun to cut over, nothing "
			"is touched any more",
			progress->phase_text,
			progress->can_write ? " with writes allowed" : "");
	else if (!is_another(run, run->target, progress, false, &err))
		return false;
	step_blocked(run, &err);
	return true;
}

static void see_phase(
	struct step_run *run, const struct sync_progress *progress)
{
	step_see(run, "state", json_string(progress->phase_text));
	if (progress->lag_s >= 0)
		step_see(run, "lag_s", json_integer(progress->lag_s));
}

/* Kept from the moment that it is known to the end of a look. */
static void remember(struct step_run *run, const char *key, json_t *value)
{
	if (!run->memory)
		run->memory = json_object();
	(void)json_object_set_new(run->memory, key, value);
}

static void remember_why(struct step_run *run, const char *key, const char *why)
{
	remember(run, key, json_string(why));
}

static const char *why(const struct step_run *run, const char *key)
{
	const char *text = json_string_value(json_object_get(run->memory, key));

	return text ? text : "";
}

static process_seen_fn silent_watched;

/* Its API gives no usable answer: does its process run?  Of one whose host
 * cannot be reached nothing is known; only who watches it gives up in time. */
static void look_at_silent(
	struct step_run *run, const struct err *silence, process_seen_fn *done)
{
	struct err err = {0};

	remember_why(run, "silence", silence->msg);
	run->call = NULL; /* it has ended */
	if (done != silent_watched && is_cut_off(run))
		return;
	if (run->target->ops->observe(
		    run->env->base, &run->target->process, done, run, &err))
		return;
	if (done == silent_watched)
		done(run, &(struct process_seen){.view = PROCESS_UNKNOWN});
	else
		step_cannot_look(run, &err);
}

static void silent_ready(void *arg, const struct process_seen *seen)
{
	if (seen->view == PROCESS_GONE)
		step_saw(
			arg, VIEW_REACHED, "warning: it does not run any more");
	else
		step_saw(arg, VIEW_UNKNOWN, "its API does not answer: %s",
			why(arg, "silence"));
}

static void ready(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;

	if (err) {
		look_at_silent(run, err, silent_ready);
		return;
	}
	if (blocked(run, progress))
		return;
	see_phase(run, progress);
	step_saw(run, VIEW_REACHED, "%s", progress->phase_text);
}

static bool ask_ready(struct step_run *run, struct err *err)
{
	return ask_progress(run, ready, err);
}

bool see_ready(struct step_run *run, struct err *err)
{
	return after_config(run, run->target, ask_ready, err);
}

static bool leaving(const struct step_run *run)
{
	return json_is_true(json_object_get(run->stage->json, "leaving"));
}

/* Going back: a pause that is under way is awaited, not asked for. */
static bool landing(const struct step_run *run)
{
	return json_is_true(json_object_get(run->stage->json, "landing"));
}

/* A sync that was paused stays so when its process ends, and on the way back a
 * version that never answered has nothing to pause.  One that ended by itself
 * before is started again: that is the stage before this one. */
static void silent_process(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	const struct run_step *start = run_course_step(
		&run->lane->forward, "start", run->target->name);

	if (seen->view == PROCESS_GONE &&
		(leaving(run) || landing(run) ||
			run->past->how != RUN_HOW_NONE))
		step_saw(run, VIEW_REACHED, "not running");
	else if (seen->view == PROCESS_UNKNOWN && is_cut_off(run))
		return; /* it broke off while we looked */
	else if (leaving(run) && start && start->status != RUN_DONE)
		step_saw(run, VIEW_REACHED, "it never answered");
	else if (seen->view == PROCESS_GONE)
		step_saw(run, VIEW_UNDONE, "it does not run: %s", seen->why);
	else
		step_saw(run, VIEW_UNKNOWN, "its API does not answer: %s",
			why(run, "silence"));
}

/* Going back: the pause on the way forward was given all its patience. */
static bool never_landed(const struct step_run *run)
{
	const struct run_stage *stage =
		run_course_stage(&run->lane->forward, "pause");
	const struct run_step *step =
		stage ? run_stage_step(stage, run->target->name) : NULL;

	return landing(run) && step &&
	       step_age_ms(step) >= stage->patience_s * 1000;
}

/* Not the one that the guard saw when it was told.  A host may be up again, or
 * a manager have started it anew, within less than clocks can tell. */
static bool is_not_who_was_told(
	const struct step_run *run, const struct process_seen *seen)
{
	const json_t *told = json_object_get(run->memory, "told");
	struct process_seen who;

	if (seen->view != PROCESS_RUNNING || seen->pid <= 0)
		return false;
	if (!process_seen_read(told, &who, NULL) || who.pid <= 0)
		return seen->age_ms + SLACK_MS <
		       sys_boottime_ms() - run->acted_ms;
	return who.pid != seen->pid || who.start_ticks != seen->start_ticks ||
	       strcmp(who.boot_id, seen->boot_id) != 0;
}

static void still_waited_for(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	bool is_another = is_not_who_was_told(run, seen);

	step_saw(run, is_another ? VIEW_AGAIN : VIEW_NOT_YET, "%s%s%s",
		why(run, "waits"),
		is_another ? "; it was started since it was told" : "",
		why(run, "lost"));
}

/* Who was told, and had no time to do it before its host went down, comes back
 * as it was: it has to be told again. */
static void wait_for_phase(struct step_run *run, const char *waits)
{
	const struct target *target = run->target;
	struct err err = {0};

	remember_why(run, "waits", waits);
	run->call = NULL; /* it has ended */
	if (!run->acted)
		step_saw(run, VIEW_NOT_YET, "%s%s", waits, why(run, "lost"));
	else if (!target->ops->observe(run->env->base, &target->process,
			 still_waited_for, run, &err))
		step_cannot_look(run, &err);
}

static void paused(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;

	if (err) {
		look_at_silent(run, err, silent_process);
		return;
	}
	if (blocked(run, progress))
		return;
	see_phase(run, progress);
	if (progress->phase == SYNC_PHASE_PAUSED ||
		progress->phase == SYNC_PHASE_IDLE)
		step_saw(run, VIEW_REACHED, "%s", progress->phase_text);
	else if (progress->phase == SYNC_PHASE_RUNNING && never_landed(run))
		step_saw(run, VIEW_REACHED, "RUNNING, its pause never came");
	else if (progress->phase == SYNC_PHASE_RUNNING)
		wait_for_phase(run, "RUNNING, waiting for PAUSED");
	else if (leaving(run))
		step_saw(run, VIEW_REACHED, "%s", progress->phase_text);
	else
		step_saw(run, VIEW_UNKNOWN, "it is %s", progress->phase_text);
}

bool see_paused(struct step_run *run, struct err *err)
{
	return ask_progress(run, paused, err);
}

static void replied(void *arg, enum sync_reply reply, const struct err *err)
{
	struct step_run *run = arg;
	struct err lost, said = {0};

	if (reply == SYNC_REPLY_DONE) {
		remember_why(run, "lost", "");
		step_acted(run, NULL);
		return;
	}
	/* What did not arrive, or nobody knows: look again, do not count. */
	lost = *err;
	if (reply == SYNC_REPLY_LOST)
		lost.code = ERR_AGAIN;
	(void)err_set(
		&said, lost.code, "; the answer was no good: %s", err->msg);
	remember_why(run, "lost", said.msg);
	step_acted(run, &lost);
}

/* A claim says that it is ours; that it is there, and has its port, only the
 * host can say.  What we do not ask for must not happen to a stranger. */
static void port_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	int other = (int)json_integer_value(json_object_get(result, "pid"));
	struct err taken = {0};

	if (err) {
		step_cannot_look(run, err);
		return;
	}
	if (!other) {
		step_saw(run, VIEW_REACHED, "ours");
		return;
	}
	(void)err_set(&taken, ERR_DECIDE,
		"port %u belongs to process %d, not to process %d",
		run->target->config.port, other,
		(int)json_integer_value(json_object_get(run->memory, "pid")));
	step_blocked(run, &taken);
}

static void askable(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	struct err err = {0};

	if (seen->view == PROCESS_GONE) {
		step_saw(run, VIEW_UNDONE, "it does not run: %s", seen->why);
		return;
	}
	if (seen->view == PROCESS_UNKNOWN) {
		step_saw(run, VIEW_UNKNOWN, "%s", seen->why);
		return;
	}
	remember(run, "pid", json_integer(seen->pid));
	remember(run, "told", process_seen_json(seen));
	if (!ask_port_taken(run, seen, port_told, &err))
		step_cannot_look(run, &err);
}

static bool look_closely(struct step_run *run, struct err *err)
{
	return run->target->ops->observe(
		run->env->base, &run->target->process, askable, run, err);
}

/* It had its port when that was looked at, and keeps it while it lives. */
static void lives(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const json_t *known = last_known(run, run->target);
	struct process_seen seen;
	struct err look = {0};

	if (!err && process_seen_read(result, &seen, &look) &&
		seen.view == PROCESS_RUNNING &&
		seen.start_ticks ==
			(uint64_t)json_integer_value(
				json_object_get(known, "start_ticks"))) {
		remember(run, "told", process_seen_json(&seen));
		step_saw(run, VIEW_REACHED, "ours");
	} else if (!look_closely(run, &look))
		step_cannot_look(run, &look);
}

/* The usual case, at the price of one small read: a look at a whole host for
 * each of a hundred processes would tear their batch. */
static bool can_ask_ours(struct step_run *run, struct err *err)
{
	const json_t *pid =
		json_object_get(last_known(run, run->target), "pid");

	if (json_integer_value(pid) <= 0)
		return look_closely(run, err);
	return ask_host(run, run->target, "see", json_pack("{s:O}", "pid", pid),
		ASK_MS, lives, err);
}

bool can_ask(struct step_run *run, struct err *err)
{
	return if_claimed(run, can_ask_ours, err);
}

bool do_pause(struct step_run *run, struct err *err)
{
	return post_to_sync(run, false, replied, err);
}

/* Only a pause that was ours is undone, on whichever way it was made. */
static bool paused_by_us(const struct step_run *run)
{
	const struct run_step *forward = run_course_step(
		&run->lane->forward, "pause", run->target->name);
	const struct run_step *back =
		run_course_step(&run->lane->back, "pause", run->target->name);

	return (forward && forward->intents && run_step_ours(forward)) ||
	       (back && back->intents && run_step_ours(back));
}

/* One that has ended (a reboot, a crash) has to be started first. */
static void silent_resumed(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;

	if (seen->view == PROCESS_GONE)
		step_saw(run, VIEW_UNDONE, "it does not run: %s", seen->why);
	else
		step_saw(run, VIEW_UNKNOWN,
			"its API does not answer (minutes are normal): %s",
			why(run, "silence"));
}

static void resumed(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;

	if (err) {
		look_at_silent(run, err, silent_resumed);
		return;
	}
	if (blocked(run, progress))
		return;
	see_phase(run, progress);
	if (progress->phase == SYNC_PHASE_RUNNING)
		step_saw(run, VIEW_REACHED, "RUNNING");
	else if (progress->phase == SYNC_PHASE_PAUSED && run->past->done_at)
		step_saw(run, VIEW_REACHED,
			"warning: somebody paused it after it was resumed");
	else if (progress->phase == SYNC_PHASE_PAUSED)
		wait_for_phase(run, "PAUSED, waiting for RUNNING");
	else
		step_saw(run, VIEW_UNKNOWN, "it is %s, waiting for PAUSED",
			progress->phase_text);
}

/* It stays PAUSED, but a reboot since its start must not leave it down. */
static void not_ours(void *arg, const struct process_seen *seen)
{
	if (seen->view == PROCESS_GONE)
		silent_resumed(arg, seen);
	else if (!is_cut_off(arg))
		step_saw(arg, VIEW_REACHED,
			"it was not paused by us and stays as it is");
}

bool see_resumed(struct step_run *run, struct err *err)
{
	const struct target *target = run->target;

	if (!paused_by_us(run))
		return target->ops->observe(
			run->env->base, &target->process, not_ours, run, err);
	return ask_progress(run, resumed, err);
}

bool do_resume(struct step_run *run, struct err *err)
{
	return post_to_sync(run, true, replied, err);
}

static int64_t remembered(const struct step_run *run, const char *key)
{
	return json_integer_value(json_object_get(run->memory, key));
}

/* Sources may be idle, so a lag that does not grow is movement too. */
static bool moved(
	const struct step_run *run, const struct sync_progress *progress)
{
	return progress->copied_bytes > remembered(run, "copied") ||
	       progress->events_applied > remembered(run, "events") ||
	       (progress->lag_s >= 0 && remembered(run, "lag") >= 0 &&
		       progress->lag_s <= remembered(run, "lag") + 1);
}

static void no_movement(
	struct step_run *run, enum step_view view, const char *waiting_for)
{
	int64_t most = (int64_t)run->env->fleet->timeouts.movement * 1000;

	if (sys_boottime_ms() - remembered(run, "since") > most)
		step_saw(run, VIEW_REACHED,
			"warning: no movement was seen in %lld s",
			(long long)most / 1000);
	else
		step_saw(run, view, "%s", waiting_for);
}

static void silent_watched(void *arg, const struct process_seen *seen)
{
	if (seen->view == PROCESS_GONE)
		silent_resumed(arg, seen);
	else
		no_movement(arg, VIEW_UNKNOWN, "its API does not answer");
}

static void watched(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;
	int64_t now = sys_boottime_ms();

	struct err other = {0};

	if (!json_object_get(run->memory, "since")) {
		json_decref(run->memory);
		run->memory = json_pack("{s:I}", "since", (json_int_t)now);
	}
	if (err) {
		look_at_silent(run, err, silent_watched);
		return;
	}
	if (is_another(run, run->target, progress, false, &other)) {
		no_movement(run, VIEW_UNKNOWN, other.msg);
		return;
	}
	if (progress->phase != SYNC_PHASE_RUNNING) {
		step_saw(run, VIEW_REACHED, "warning: it is %s",
			progress->phase_text);
		return;
	}
	if (!json_object_get(run->memory, "first")) {
		(void)json_object_set_new(
			run->memory, "first", json_integer(now));
		(void)json_object_set_new(run->memory, "copied",
			json_integer(progress->copied_bytes));
		(void)json_object_set_new(run->memory, "events",
			json_integer(progress->events_applied));
		(void)json_object_set_new(
			run->memory, "lag", json_integer(progress->lag_s));
	} else if (now - remembered(run, "first") >= MOVEMENT_GAP_MS &&
		   moved(run, progress)) {
		step_saw(run, VIEW_REACHED, "it moves");
		return;
	}
	no_movement(run, VIEW_NOT_YET, "RUNNING, waiting for movement");
}

bool see_movement(struct step_run *run, struct err *err)
{
	return ask_progress(run, watched, err);
}
