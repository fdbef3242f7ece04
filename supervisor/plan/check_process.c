/*
 * check_process.c - a sync process: does it run, what does it say, how is it
 * started?
 */
#include "supervisor/plan/checks.h"

#include <jansson.h>
#include <string.h>

void check_process(struct survey *survey, struct seen_instance *seen)
{
	const char *name = seen->instance->name;
	struct finding *finding;

	switch (seen->process.view) {
	case PROCESS_RUNNING:
		break;
	case PROCESS_GONE:
		finding = survey_add(survey, FINDING_REFUSAL, "process", name);
		finding_say(
			finding, "it is not running: %s", seen->process.why);
		finding_fix(finding,
			"start it, or take it out of the fleet file if "
			"it is gone for good");
		return;
	case PROCESS_UNKNOWN:
		finding = survey_add(survey, FINDING_REFUSAL, "process", name);
		finding_say(finding, "it cannot be told whether it runs: %s",
			seen->process.why);
		finding_fix(finding,
			"run syncup as the user that runs the sync "
			"processes, or correct port and config");
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "process", name);
	finding_say(finding, "it runs");
	if (!seen->version[0]) {
		finding = survey_add(survey, FINDING_REFUSAL, "version", name);
		finding_say(finding, "which version runs cannot be told: %s",
			seen->version_err.msg);
		finding_fix(finding,
			"run syncup as the user that runs the sync "
			"processes");
		return;
	}
	if (strcmp(seen->version_proof, "exe") != 0) {
		finding = survey_add(survey, FINDING_WARNING, "version", name);
		finding_say(finding,
			"version %s is known only from the link: its "
			"executable cannot be read",
			seen->version);
		finding_fix(finding,
			"run syncup as the user that runs the sync "
			"processes");
	} else {
		finding = survey_add(survey, FINDING_PASS, "version", name);
		finding_say(finding, "pid %d runs %s", (int)seen->process.pid,
			seen->version);
	}
}

void check_api(struct survey *survey, struct seen_instance *seen)
{
	const struct sync_progress *progress = &seen->progress;
	const char *name = seen->instance->name;
	struct finding *finding;

	if (seen->progress_err.code) {
		finding = survey_add(survey, FINDING_REFUSAL, "api", name);
		finding_say(finding, "its API on port %u does not answer: %s",
			seen->config.port, seen->progress_err.msg);
		finding_fix(finding,
			"wait until it answers (some minutes after a "
			"start are normal), or correct port in %s",
			seen->instance->config);
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "api", name);
	finding_say(finding, "it answers on port %u", seen->config.port);
	if (seen->config.id[0] && progress->id[0] &&
		strcmp(seen->config.id, progress->id) != 0) {
		finding = survey_add(survey, FINDING_REFUSAL, "identity", name);
		finding_say(finding,
			"port %u is answered by mongosyncID \"%s\", but "
			"%s says id \"%s\"",
			seen->config.port, progress->id, seen->instance->config,
			seen->config.id);
		finding_fix(finding, "correct port or id in that file");
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "identity", name);
	if (progress->id[0])
		finding_say(finding, "mongosyncID \"%s\"", progress->id);
	else
		finding_say(finding, "it tells no mongosyncID");
	if (sync_phase_is_final(progress->phase) || progress->can_write) {
		finding = survey_add(survey, FINDING_REFUSAL, "state", name);
		finding_say(finding,
			"it is %s%s: a cut-over must not be disturbed",
			progress->phase_text,
			progress->can_write ? " and writes are allowed" : "");
		finding_fix(finding,
			"finish the cut-over with the version that runs");
		return;
	}
	if (progress->phase == SYNC_PHASE_INITIALIZING ||
		progress->phase == SYNC_PHASE_UNKNOWN) {
		finding = survey_add(survey, FINDING_REFUSAL, "state", name);
		finding_say(finding, "it is in state %s", progress->phase_text);
		finding_fix(finding,
			"try again when it is RUNNING, PAUSED or IDLE");
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "state", name);
	if (progress->lag_s >= 0)
		finding_say(finding, "%s, %s, %lld s behind",
			progress->phase_text,
			progress->info[0] ? progress->info : "no phase told",
			(long long)progress->lag_s);
	else
		finding_say(finding, "%s%s%s", progress->phase_text,
			progress->info[0] ? ", " : "", progress->info);
}

/* A process that stays in our service's control group. */
static void check_outlives(struct survey *survey, struct seen_instance *seen)
{
	struct finding *finding;

	if (!survey->confined_by[0] || !seen->instance->spawn ||
		seen->instance->host)
		return;
	finding = survey_add(
		survey, FINDING_WARNING, "start", seen->instance->name);
	finding_say(finding,
		"it will be started within %s: it ends with that unless "
		"that has KillMode=process, and may do no more than it",
		survey->confined_by);
	finding_fix(finding,
		"loginctl enable-linger for the user that runs syncup, so that "
		"it gets a unit of its own; or make it a unit, and say unit:");
}

void check_start(struct survey *survey, struct seen_instance *seen)
{
	const char *link = seen_link_of(survey, seen)->path;
	const char *name = seen->instance->name;
	size_t len = strlen(link);
	json_t *argv = seen_argv(survey, seen);
	const char *first = json_string_value(json_array_get(argv, 0));
	struct finding *finding;

	if (seen->instance->unit) {
		; /* what it starts is its unit's word: check_unit.c */
	} else if (seen->instance->command) {
		finding = survey_add(survey, FINDING_WARNING, "link", name);
		finding_say(finding,
			"whether its start command goes through %s "
			"cannot be seen",
			link);
		finding_fix(finding, "let it start %s", link);
	} else if (!first || strncmp(first, link, len) != 0 ||
		   (first[len] && first[len] != '/')) {
		finding = survey_add(survey, FINDING_REFUSAL, "link", name);
		finding_say(finding,
			"argv starts %s, which is not reached through "
			"the link %s",
			first ? first : "nothing", link);
		finding_fix(finding,
			"set link: to the path it is started by, or "
			"leave argv: out");
	}
	check_outlives(survey, seen);
	if (seen->differs[0]) {
		finding = survey_add(survey, FINDING_WARNING, "start", name);
		finding_say(finding,
			"it will be started otherwise than it runs now: "
			"%.340s",
			seen->differs);
		finding_fix(finding,
			"if that matters: spawn: {argv, directory, "
			"environment_file, nofile} in the fleet file");
	} else {
		finding = survey_add(survey, FINDING_PASS, "start", name);
		finding_say(finding, "%s",
			seen->instance->command ? "by its own command"
			: seen->instance->unit
				? "by its unit"
				: "no difference to how it runs now is seen");
	}
	json_decref(argv);
}
