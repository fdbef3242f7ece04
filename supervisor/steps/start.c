/*
 * start.c - starting the sync processes.
 *
 * After a start the API may be silent for minutes.  Which version runs is
 * proved by the executable of the very process, not by what lies on disk.
 */
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"
#include "supervisor/steps/words.h"

enum {
	VERSION_MS = 15000,
	RESTARTS_FAILED = 3, /* by its manager, and none of them lived */
	TICK_MS = 10, /* as exactly as the kernel tells when something began */
};

static bool is_same_file(const struct step_run *run, const json_t *stat)
{
	return json_is_true(json_object_get(stat, "there")) &&
	       json_equal(json_object_get(stat, "dev"),
		       json_object_get(run->memory, "dev")) &&
	       json_equal(json_object_get(stat, "ino"),
		       json_object_get(run->memory, "ino"));
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

static void port_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	int holder = (int)json_integer_value(json_object_get(result, "pid"));
	struct err other = {0};

	if (err) {
		step_cannot_look(run, err);
	} else if (holder) {
		step_saw(run, VIEW_UNKNOWN,
			"port %u belongs to process %d, not to process %d",
			run->target->config.port, holder,
			(int)json_integer_value(
				json_object_get(run->saw, "pid")));
	} else if (is_another(run, run->target, &run->answer, true, &other)) {
		step_saw(run, VIEW_UNKNOWN, "%s", other.msg);
	} else {
		step_see(run, "answers_as", json_string(run->answer.id));
		up_phase(run, &run->answer);
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
	struct err look = {0};

	/* It runs: there is nothing to start, however long it takes. */
	if (err) {
		step_saw(run, VIEW_UNKNOWN,
			"it runs and does not answer yet (minutes are normal): "
			"%s",
			err->msg);
		return;
	}
	run->call = NULL; /* it has ended */
	run->answer = *progress;
	if (!ask_port_taken(run, &it, port_told, &look))
		step_cannot_look(run, &look);
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

/* What is seen came by our start?  Only spawn notes an attempt; else it is what
 * has begun since, by the clock of its own host. */
static bool is_our_start(
	const struct step_run *run, const struct process_seen *seen)
{
	bool same_boot = strcmp(run->past->intent_boot, sys_boot_id()) == 0;

	if (run->past->status != RUN_INTENT)
		return false;
	if (is_spawned(run))
		return seen->attempt == run->past->intent_seq;
	/* A boot of ours has ended whatever ran here. */
	return (same_boot || !host_is_local(run->target->host)) &&
	       seen->age_ms <= step_intent_age_ms(run) + TICK_MS;
}

static void wrong_version(struct step_run *run, const char *what)
{
	if (json_is_true(json_object_get(run->memory, "ours")))
		step_saw(run, VIEW_HOPELESS,
			"it came up as %s, not as %s: something else is "
			"started than what the link leads to",
			what, step_param(run, "version"));
	else
		step_saw(
			run, VIEW_UNDONE, "%s runs: somebody started it", what);
}

/* The executable is another file: a copy of the same version will do. */
static void version_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const char *version =
		json_string_value(json_object_get(result, "version"));

	if (err && err->code == ERR_AGAIN)
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
	else if (!version)
		step_saw(
			run, VIEW_UNKNOWN, "which version runs cannot be told");
	else if (strcmp(version, step_param(run, "version")) == 0)
		right_version(run);
	else
		wrong_version(run, version);
}

static void file_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	struct err look = {0};

	if (err && err->code == ERR_AGAIN)
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
	else if (is_same_file(run, result))
		right_version(run);
	else if (!ask_host(run, run->target, "version_of",
			 json_pack("{s:O}", "pid",
				 json_object_get(run->saw, "pid")),
			 VERSION_MS, version_told, &look))
		step_cannot_look(run, &look);
}

/* Whether this process runs what lies in versions/<version>. */
static bool look_at_file(
	struct step_run *run, const struct process_seen *seen, struct err *err)
{
	json_t *path = json_sprintf("%s/versions/%s/bin/mongosync",
		ask_root(run), step_param(run, "version"));

	if (!run->memory)
		run->memory = json_object();
	(void)json_object_update_new(
		run->memory, json_pack("{s:b, s:I, s:I}", "ours",
				     (int)is_our_start(run, seen), "dev",
				     (json_int_t)seen->exe_dev, "ino",
				     (json_int_t)seen->exe_ino));
	return ask_host(run, run->target, "stat",
		json_pack("{s:o, s:b}", "path", path, "follow", 1), ASK_MS,
		file_told, err);
}

/* It came up, and did not live: unless a reboot has taken everything. */
static bool has_died(
	const struct step_run *run, const struct process_seen *seen)
{
	const char *boot =
		json_string_value(json_object_get(run->past->saw, "boot"));

	if (host_is_local(run->target->host))
		boot = run->past->intent_boot;
	return run->past->status == RUN_DONE && run->past->intents &&
	       (!is_spawned(run) || seen->attempt == run->past->intent_seq) &&
	       boot && strcmp(boot, seen->boot_id) == 0;
}

/* Whatever began since our INTENT has ended, by its host's own clock. */
static bool ended_since(
	const struct step_run *run, const struct process_seen *seen)
{
	return seen->has_ended && seen->ended_ms < step_intent_age_ms(run);
}

static bool ended_at_once(struct step_run *run, struct err *err)
{
	_cleanup_json_ json_t *words = step_last_words(run);
	const char *reason = words_reason(words);

	(void)err;
	step_saw(run, VIEW_FAILED, "it ended at once%s%s",
		reason[0] ? ": " : "", reason);
	return true;
}

static void up_gone(struct step_run *run, const struct process_seen *seen)
{
	bool spawned = is_spawned(run);
	bool settled = step_intent_age_ms(run) >= run->stage->quiet_s * 1000;
	struct err err = {0};

	if (has_died(run, seen)) {
		step_saw(run, VIEW_FAILED, "it ended by itself");
	} else if (run->past->status != RUN_INTENT) {
		step_saw(run, VIEW_NOT_YET, "it does not run");
	} else if (spawned && seen->attempt != run->past->intent_seq) {
		step_saw(run, VIEW_AGAIN, "it was not started");
	} else if (spawned || settled || ended_since(run, seen)) {
		if (!after_words(run, ended_at_once, &err))
			step_cannot_look(run, &err);
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
	if (!seen->exe_known)
		right_version(run);
	else if (!look_at_file(run, seen, &err))
		step_cannot_look(run, &err);
}

bool see_up(struct step_run *run, struct err *err)
{
	return run->target->ops->observe(
		run->env->base, &run->target->process, up, run, err);
}

static void started(void *arg, const struct err *err)
{
	step_acted(arg, err);
}

bool do_start(struct step_run *run, struct err *err)
{
	return run->target->ops->start(run->env->base, &run->target->process,
		run->past->intent_seq, started, run, err);
}
