/*
 * process.c - stopping the sync processes, and what is seen of them.
 *
 * One stop signal only: a second one made mongosync before 1.20 panic.
 */
#include <assert.h>
#include <string.h>

#include "supervisor/process/process_json.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"

static bool look_at_process(
	struct step_run *run, process_seen_fn *done, struct err *err)
{
	return run->target->ops->observe(
		run->env->base, &run->target->process, done, run, err);
}

void see_process(struct step_run *run, const struct process_seen *seen)
{
	step_see(run, "pid", json_integer(seen->pid));
	step_see(run, "start_ticks",
		json_integer((json_int_t)seen->start_ticks));
	step_see(run, "boot", json_string(seen->boot_id));
}

static bool is_the_one(const json_t *saw, const struct process_seen *seen)
{
	const char *boot = json_string_value(json_object_get(saw, "boot"));

	return json_integer_value(json_object_get(saw, "pid")) == seen->pid &&
	       (uint64_t)json_integer_value(json_object_get(
		       saw, "start_ticks")) == seen->start_ticks &&
	       boot && strcmp(boot, seen->boot_id) == 0;
}

/* The stop, on whichever way, that gave this very process its signal; NULL
 * if none did, or if nobody can tell because it has no pid for us. */
static const struct run_stage *stop_of(
	const struct step_run *run, const struct process_seen *seen)
{
	const struct run_course *const courses[] = {
		&run->lane->forward, &run->lane->back};

	for (size_t i = 0; seen->pid > 0 && i < 2; i++) {
		const struct run_stage *stage =
			run_course_stage(courses[i], "stop");
		const struct run_step *step =
			stage ? run_stage_step(stage, run->target->name) : NULL;

		if (step && step->intents &&
			step->failed_seq != step->intent_seq &&
			is_the_one(step->saw, seen))
			return stage;
	}
	return NULL;
}

/* It may still answer, and is about to end: never taken for one that runs,
 * unless it ignored its signal for all the time that a stop may take. */
bool is_ending(const struct step_run *run, const struct process_seen *seen)
{
	const struct run_stage *stop = stop_of(run, seen);

	return stop && step_age_ms(run_stage_step(stop, run->target->name)) <
			       stop->patience_s * 1000;
}

static bool was_killed(const struct step_run *run)
{
	const char *sent =
		json_string_value(json_object_get(run->past->saw, "signal"));

	return sent && strcmp(sent, "KILL") == 0;
}

static void gone(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	int64_t age = step_intent_age_ms(run);
	int64_t kill_after =
		(int64_t)run->env->fleet->timeouts.kill_after * 1000;

	if (seen->view == PROCESS_UNKNOWN) {
		step_saw(run, VIEW_UNKNOWN, "%s", seen->why);
		return;
	}
	if (seen->view == PROCESS_GONE) {
		step_saw(run, VIEW_REACHED, "%s", seen->why);
		return;
	}
	see_process(run, seen);
	step_see(run, "signal", json_string("TERM"));
	if (run->past->status != RUN_INTENT && stop_of(run, seen)) {
		step_saw(run, VIEW_UNKNOWN,
			"pid %d had its stop signal before and still runs",
			(int)seen->pid);
	} else if (run->past->status != RUN_INTENT) {
		step_saw(run, VIEW_NOT_YET, "pid %d runs", (int)seen->pid);
	} else if (!is_the_one(run->past->saw, seen)) {
		step_saw(run, VIEW_AGAIN,
			"somebody started it again, as pid %d", (int)seen->pid);
	} else if (kill_after && age > kill_after && !was_killed(run)) {
		step_see(run, "signal", json_string("KILL"));
		step_saw(run, VIEW_AGAIN,
			"pid %d still runs %lld s after its "
			"stop signal",
			(int)seen->pid, (long long)(age / 1000));
	} else {
		step_see(run, "signal",
			json_string(was_killed(run) ? "KILL" : "TERM"));
		step_saw(run, VIEW_NOT_YET,
			"pid %d has its stop signal and still runs",
			(int)seen->pid);
	}
}

bool see_gone(struct step_run *run, struct err *err)
{
	return look_at_process(run, gone, err);
}

static bool has_answered(const struct step_run *run)
{
	const json_t *list = json_object_get(run->stage->json, "answered");
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item)
		if (strcmp(json_string_value(item), run->target->name) == 0)
			return true;
	return false;
}

static bool saw_never_answer(struct step_run *run, struct err *err)
{
	(void)err;
	step_saw(run, VIEW_REACHED, "it never answered");
	return true;
}

static void stoppable(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;
	bool leaving =
		json_is_true(json_object_get(run->stage->json, "leaving"));
	struct err cut = {0};

	if (err && is_cut_off(run))
		return;
	if (err && leaving && !has_answered(run)) {
		if_reached(run, run->target, saw_never_answer);
		return;
	}
	if (err) {
		step_saw_err(run, err);
		return;
	}
	if (sync_phase_is_final(progress->phase) || progress->can_write) {
		(void)err_set(&cut, ERR_DECIDE,
			"it is %s: somebody has begun to cut over, nothing is "
			"touched any more",
			progress->phase_text);
		step_blocked(run, &cut);
		return;
	}
	if (is_another(run, run->target, progress, false, &cut)) {
		step_blocked(run, &cut);
		return;
	}
	switch (progress->phase) {
	case SYNC_PHASE_PAUSED:
	case SYNC_PHASE_IDLE:
		step_saw(run, VIEW_REACHED, "%s", progress->phase_text);
		return;
	case SYNC_PHASE_RUNNING:
		if (run->env->fleet->pause == FLEET_PAUSE_NEVER && !leaving)
			step_saw(run, VIEW_REACHED, "RUNNING, pause: never");
		else
			step_saw(run, VIEW_UNDONE,
				"it is RUNNING: somebody resumed it");
		return;
	default:
		if (leaving)
			step_saw(run, VIEW_REACHED, "%s", progress->phase_text);
		else
			step_saw(run, VIEW_UNKNOWN, "it is %s",
				progress->phase_text);
	}
}

static bool can_stop_ours(struct step_run *run, struct err *err)
{
	/* SIGKILL comes after a stop signal that was allowed. */
	const char *signal_name =
		json_string_value(json_object_get(run->saw, "signal"));

	if (signal_name && strcmp(signal_name, "KILL") == 0) {
		step_saw(run, VIEW_REACHED, "kill_after has passed");
		return true;
	}
	return ask_progress(run, stoppable, err);
}

bool can_stop(struct step_run *run, struct err *err)
{
	return if_claimed(run, can_stop_ours, err);
}

static void stopped(void *arg, const struct err *err)
{
	step_acted(arg, err);
}

bool do_stop(struct step_run *run, struct err *err)
{
	const char *boot = json_string_value(json_object_get(run->saw, "boot"));
	const char *name =
		json_string_value(json_object_get(run->saw, "signal"));
	struct process_seen who = {.view = PROCESS_RUNNING};

	who.pid = (pid_t)json_integer_value(json_object_get(run->saw, "pid"));
	who.start_ticks = (uint64_t)json_integer_value(
		json_object_get(run->saw, "start_ticks"));
	(void)snprintf(
		who.boot_id, sizeof(who.boot_id), "%s", boot ? boot : "");
	return run->target->ops->stop(run->env->base, &run->target->process,
		&who, name && strcmp(name, "KILL") == 0, stopped, run, err);
}

bool ask_port_taken(struct step_run *run, const struct process_seen *seen,
	host_fn *done, struct err *err)
{
	return ask_host(run, run->target, "port_taken",
		json_pack("{s:o, s:o}", "process",
			process_spec_json(&run->target->process), "who",
			process_seen_json(seen)),
		ASK_MS, done, err);
}

/* Looks at one process of the lane after the other; memory says which. */
static void one_is_gone(void *arg, const struct process_seen *seen);

static bool look_at_next(struct step_run *run, struct err *err)
{
	const struct targets *targets = run->env->targets;
	const struct target *target = NULL;
	json_int_t index =
		json_integer_value(json_object_get(run->memory, "looked_at"));

	assert(index >= 0);
	for (json_int_t i = 0; i <= index; i++) {
		target = targets_next(
			targets, TARGET_PROCESS, run->target->lane, target);
		if (!target) {
			step_saw(run, VIEW_REACHED, "nothing runs");
			return true;
		}
	}
	return target->ops->observe(
		run->env->base, &target->process, one_is_gone, run, err);
}

static void one_is_gone(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	json_int_t index =
		json_integer_value(json_object_get(run->memory, "looked_at"));
	struct err err = {0};

	if (seen->view == PROCESS_UNKNOWN) {
		step_saw(run, VIEW_UNKNOWN, "%s", seen->why);
	} else if (seen->view == PROCESS_RUNNING) {
		step_saw(run, VIEW_UNDONE, "pid %d runs: somebody started it",
			(int)seen->pid);
	} else {
		(void)json_object_set_new(
			run->memory, "looked_at", json_integer(index + 1));
		if (!look_at_next(run, &err))
			step_cannot_look(run, &err);
	}
}

bool see_all_gone(struct step_run *run, struct err *err)
{
	if (!run->memory)
		run->memory = json_object();
	(void)json_object_set_new(run->memory, "looked_at", json_integer(0));
	return look_at_next(run, err);
}
