/*
 * process.c - stopping and starting the sync processes.
 *
 * One stop signal only: a second one made mongosync before 1.20 panic.  After
 * a start its API may be silent for minutes.  Which version runs is proved by
 * the executable of the very process, not by what lies on disk.
 */
#include <assert.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/child.h"
#include "supervisor/install/artifact.h"
#include "supervisor/memory.h"
#include "supervisor/steps/steps.h"
#include "supervisor/steps/words.h"

enum {
	VERSION_MS = 15000,
	RESTARTS_FAILED = 3, /* by its manager, and none of them lived */
};

static bool look_at_process(
	struct step_run *run, process_seen_fn *done, struct err *err)
{
	return run->target->ops->observe(
		run->env->base, &run->target->process, done, run, err);
}

static void see_process(struct step_run *run, const struct process_seen *seen)
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
static bool is_ending(
	const struct step_run *run, const struct process_seen *seen)
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

static void stoppable(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;
	bool leaving =
		json_is_true(json_object_get(run->stage->json, "leaving"));
	struct err cut = {0};

	if (err && leaving && !has_answered(run)) {
		step_saw(run, VIEW_REACHED, "it never answered");
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

bool can_stop(struct step_run *run, struct err *err)
{
	/* SIGKILL comes after a stop signal that was allowed. */
	const char *signal_name =
		json_string_value(json_object_get(run->saw, "signal"));

	if (!claimed(run))
		return true;
	if (signal_name && strcmp(signal_name, "KILL") == 0) {
		step_saw(run, VIEW_REACHED, "kill_after has passed");
		return true;
	}
	return ask_progress(run, stoppable, err);
}

static void stopped_or_started(void *arg, const struct err *err)
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
		&who, name && strcmp(name, "KILL") == 0, stopped_or_started,
		run, err);
}

/* Whether this process runs what lies in versions/<version>. */
static bool is_version(
	const struct step_run *run, const struct process_seen *seen)
{
	_cleanup_free_ char *path = memory_text("%s/versions/%s/bin/mongosync",
		run->env->fleet->install_root, step_param(run, "version"));
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == seen->exe_dev &&
	       st.st_ino == seen->exe_ino;
}

static void up_phase(struct step_run *run, const struct sync_progress *progress)
{
	bool was_idle = run->target->was == SYNC_PHASE_IDLE;
	int64_t age = step_intent_age_ms(run);
	struct err cut = {0};

	step_see(run, "state", json_string(progress->phase_text));
	if (sync_phase_is_final(progress->phase) || progress->can_write) {
		(void)err_set(&cut, ERR_DECIDE,
			"it is %s: somebody has begun to cut over",
			progress->phase_text);
		step_blocked(run, &cut);
	} else if (progress->phase == SYNC_PHASE_PAUSED ||
		   progress->phase == SYNC_PHASE_RUNNING ||
		   (progress->phase == SYNC_PHASE_IDLE && was_idle)) {
		step_saw(run, VIEW_REACHED, "%s, %s",
			step_param(run, "version"), progress->phase_text);
	} else if (progress->phase == SYNC_PHASE_IDLE &&
		   age > (int64_t)run->env->fleet->timeouts.idle * 1000) {
		/* Never answered with /start: that would begin from nothing. */
		step_saw(run, VIEW_HOPELESS,
			"it stays IDLE: it did not find its sync's metadata");
	} else {
		step_saw(run, VIEW_UNKNOWN,
			"it answers %s, waiting for its "
			"sync",
			progress->phase_text);
	}
}

static void up_answered(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct step_run *run = arg;
	const struct process_seen it = {
		.pid = (pid_t)json_integer_value(
			json_object_get(run->saw, "pid")),
		.attempt = (uint64_t)json_integer_value(
			json_object_get(run->saw, "attempt")),
	};
	pid_t holder = err ? 0 : process_port_taken(&run->target->process, &it);
	struct err other = {0};

	/* It runs: there is nothing to start, however long it takes. */
	if (err) {
		step_saw(run, VIEW_UNKNOWN,
			"it runs and does not answer yet (minutes are normal): "
			"%s",
			err->msg);
	} else if (holder) {
		step_saw(run, VIEW_UNKNOWN,
			"port %u belongs to process %d, not to process %d",
			run->target->place.port, (int)holder, (int)it.pid);
	} else if (is_another(run, run->target, progress, true, &other)) {
		step_saw(run, VIEW_UNKNOWN, "%s", other.msg);
	} else {
		step_see(run, "answers_as", json_string(progress->id));
		up_phase(run, progress);
	}
}

static void right_version(struct step_run *run)
{
	struct err err = {0};

	if (!ask_progress(run, up_answered, &err))
		step_cannot_look(run, &err);
}

static bool is_spawned(const struct step_run *run)
{
	return run->target->instance->spawn;
}

/* What we see came by our start?  Only spawn notes an attempt; else it is what
 * has begun since. */
static bool is_our_start(const struct step_run *run)
{
	uint64_t attempt = (uint64_t)json_integer_value(
		json_object_get(run->saw, "attempt"));
	int64_t ticks =
		json_integer_value(json_object_get(run->saw, "start_ticks"));
	int64_t per_second = sysconf(_SC_CLK_TCK);

	if (run->past->status != RUN_INTENT)
		return false;
	if (is_spawned(run))
		return attempt == run->past->intent_seq;
	return strcmp(run->past->intent_boot, sys_boot_id()) == 0 &&
	       (ticks + 1) * 1000 / per_second >= run->past->intent_up;
}

static void wrong_version(struct step_run *run, const char *what)
{
	if (is_our_start(run))
		step_saw(run, VIEW_HOPELESS,
			"it came up as %s, not as %s: something else is "
			"started than what the link leads to",
			what, step_param(run, "version"));
	else
		step_saw(
			run, VIEW_UNDONE, "%s runs: somebody started it", what);
}

static int tell_version(void *arg, int fd)
{
	const struct step_run *run = arg;
	char path[64], version[VERSION_MAX];
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "/proc/%lld/exe",
		(long long)json_integer_value(
			json_object_get(run->saw, "pid")));
	if (!version_of_binary(path, version, &err))
		return 1;
	(void)dprintf(fd, "%s", version);
	return 0;
}

/* The executable is another file: a copy of the same version will do. */
static void version_told(void *arg, const struct child_end *end)
{
	struct step_run *run = arg;

	run->child = NULL;
	if (end->timed_out || !WIFEXITED(end->status) ||
		WEXITSTATUS(end->status) != 0)
		step_saw(
			run, VIEW_UNKNOWN, "which version runs cannot be told");
	else if (strcmp(end->output, step_param(run, "version")) == 0)
		right_version(run);
	else
		wrong_version(run, end->output);
}

/* It came up, and did not live: unless a reboot has taken everything. */
static bool has_died(
	const struct step_run *run, const struct process_seen *seen)
{
	return run->past->status == RUN_DONE && run->past->intents &&
	       (!is_spawned(run) || seen->attempt == run->past->intent_seq) &&
	       strcmp(run->past->intent_boot, sys_boot_id()) == 0;
}

/* Whatever began since our INTENT has ended, by its host's own clock. */
static bool ended_since(
	const struct step_run *run, const struct process_seen *seen)
{
	return seen->has_ended && seen->ended_ms < step_intent_age_ms(run);
}

static void up_gone(struct step_run *run, const struct process_seen *seen)
{
	bool spawned = is_spawned(run);
	bool settled = step_intent_age_ms(run) >= run->stage->quiet_s * 1000;
	_cleanup_json_ json_t *words = NULL;
	const char *reason;

	if (has_died(run, seen)) {
		step_saw(run, VIEW_FAILED, "it ended by itself");
	} else if (run->past->status != RUN_INTENT) {
		step_saw(run, VIEW_NOT_YET, "it does not run");
	} else if (spawned && seen->attempt != run->past->intent_seq) {
		step_saw(run, VIEW_AGAIN, "it was not started");
	} else if (spawned || settled || ended_since(run, seen)) {
		words = step_last_words(run);
		reason = words_reason(words);
		step_saw(run, VIEW_FAILED, "it ended at once%s%s",
			reason[0] ? ": " : "", reason);
	} else {
		step_saw(run, VIEW_NOT_YET, "it does not run yet");
	}
}

/* Its manager starts it again and again, and would for ever. */
static void up_circles(struct step_run *run)
{
	_cleanup_json_ json_t *words = step_last_words(run);
	const char *reason = words_reason(words);

	step_saw(run, VIEW_FAILED, "it ends each time it is started%s%s",
		reason[0] ? ": " : "", reason);
}

static void up(void *arg, const struct process_seen *seen)
{
	struct step_run *run = arg;
	struct err err = {0};

	step_said(run, seen->said);
	if (seen->failing && run->past->status == RUN_INTENT && run->acted &&
		seen->restarts >= RESTARTS_FAILED) {
		up_circles(run);
		return;
	}
	if (seen->view == PROCESS_UNKNOWN) {
		step_saw(run, VIEW_UNKNOWN, "%s", seen->why);
		return;
	}
	if (seen->view == PROCESS_GONE) {
		up_gone(run, seen);
		return;
	}
	if (is_ending(run, seen)) {
		step_saw(run, VIEW_UNKNOWN,
			"pid %d has its stop signal and is still ending",
			(int)seen->pid);
		return;
	}
	see_process(run, seen);
	step_see(run, "attempt", json_integer((json_int_t)seen->attempt));
	step_see(run, "proof", json_string(seen->exe_known ? "exe" : "link"));
	/* Unreadable: started after the switch, so it came by the link. */
	if (!seen->exe_known || is_version(run, seen))
		right_version(run);
	else if (!child_work(run->env->base, tell_version, run, VERSION_MS,
			 version_told, run, &run->child, &err))
		step_cannot_look(run, &err);
}

bool see_up(struct step_run *run, struct err *err)
{
	return look_at_process(run, up, err);
}

bool do_start(struct step_run *run, struct err *err)
{
	return run->target->ops->start(run->env->base, &run->target->process,
		run->past->intent_seq, stopped_or_started, run, err);
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
