/*
 * run.c - `syncup run`: starts or continues, so that the same line is also the
 * way to recover.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/cli/findings.h"
#include "supervisor/memory.h"
#include "supervisor/plan/again.h"
#include "supervisor/plan/procedure.h"
#include "supervisor/report/journald.h"
#include "supervisor/report/report.h"
#include "supervisor/report/service.h"

/* The last run's journal goes to history/ before a new one begins. */
static bool put_away(const struct cli_place *place,
	const struct run_state *state, struct err *err)
{
	_cleanup_free_ char *to =
		memory_text("%s/%s.journal", place->history, state->run);

	/* A rename into another directory may be there in half. */
	if (sys->linkat(AT_FDCWD, place->journal, AT_FDCWD, to, 0) != 0 &&
		errno != EEXIST)
		return err_sys(err, ERR_STORAGE, errno, "moving %s to %s",
			place->journal, to);
	return atomic_sync_parent(to, err) &&
	       atomic_remove(place->journal, err);
}

static int fail_lost(const struct cli_place *place, const struct err *err)
{
	if (err->code != ERR_HELD)
		return cli_fail(err);
	return cli_fail_next(err,
		"syncup plan %s   to see whose it is; only a lost run is taken "
		"over",
		place->operand);
}

/* before: the last run, which has ended; or NULL. */
static int begin(const struct cli_place *place, const struct run_state *before,
	const struct cli_args *args)
{
	const struct fleet *fleet = place->fleet;
	const char *take_over = cli_value(args, "take-over");
	struct cli_session session = {
		.place = place,
		.take_over = take_over,
		.json = cli_value(args, "json") != NULL,
	};
	_cleanup_json_ json_t *plan = NULL;
	_cleanup_fd_ int lost = -1;
	struct survey_options options = {
		.accept_unlisted = cli_value(args, "accept-unlisted") != NULL,
	};
	struct survey survey;
	struct err err = {0};
	enum err_code refused;

	if (!cli_finish_by(args, &options.finish_by_ms, &err))
		return cli_fail(&err);
	if (fleet->on_failure == FLEET_FAILURE_UNSET && !isatty(STDIN_FILENO)) {
		(void)err_set(&err, ERR_CONFIG,
			"%s: on_failure: is not set, and a run without a "
			"terminal must know what to do",
			place->operand);
		return cli_fail_next(&err,
			"on_failure: rollback   (or stop, or restore) in the "
			"fleet file");
	}
	if (take_over && !cli_place_lock_lost(place, fleet->install_root,
				 take_over, &lost, &err))
		return fail_lost(place, &err);
	if (!survey_take(fleet, &options, &survey, &err))
		return cli_fail(&err);
	findings_take_over(&survey, take_over);
	refused = survey_refused(&survey);
	if (refused == ERR_NONE && survey_is_reached(&survey)) {
		if (!cli_value(args, "scheduled"))
			(void)printf("syncup: fleet %s runs %s already, "
				     "nothing to do\n",
				fleet->name, fleet->version);
		survey_done(&survey);
		return 0;
	}
	if (refused != ERR_NONE) {
		findings_print(&survey, stderr, FINDING_REFUSAL);
		findings_cause(&survey);
		cli_tell(event_of_error(refused), err_exit_code(refused),
			"refused before anything was touched.");
		survey_done(&survey);
		return err_exit_code(refused);
	}
	findings_print(&survey, stderr, FINDING_WARNING);
	plan = procedure_find(fleet->procedure)->forward(&survey);
	survey_done(&survey);
	/* So that it is known, too, when the run is continued. */
	if (take_over)
		(void)json_object_set_new(
			plan, "take_over", json_string(take_over));
	session.plan = plan;
	/* Not earlier: a refused run must not hide how the last one ended. */
	if (before && !put_away(place, before, &err))
		return cli_fail(&err);
	return cli_session(&session);
}

/* Lines become parts of one sentence. */
static void one_line(char *text)
{
	size_t len = strlen(text);

	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	while ((text = strchr(text, '\n')))
		*text = ',';
}

/* The plan is frozen; a changed fleet file needs a word from a person. */
static bool same_fleet(const struct cli_place *place,
	const struct run_state *state, struct err *err)
{
	json_t *planned = json_object_get(state->plan, "fleet");
	_cleanup_json_ json_t *then_json = NULL;
	_cleanup_json_ json_t *now = NULL;
	_cleanup_free_ char *difference = NULL;
	struct fleet *then = NULL;

	if (!place->fleet)
		return true;
	now = fleet_to_json(place->fleet);
	/* A plan of an older syncup lacks what has only a default now. */
	if (fleet_from_json(planned, &then, NULL)) {
		then_json = fleet_to_json(then);
		fleet_free(then);
	} else {
		then_json = json_copy(planned);
	}
	/* Who is told changes nothing that was planned. */
	(void)json_object_del(then_json, "notify");
	(void)json_object_del(now, "notify");
	if (json_equal(then_json, now))
		return true;
	difference = fleet_difference(then_json, now);
	if (difference)
		one_line(difference);
	return err_set(err, ERR_CONFIG,
		"%s has changed since run %s was planned: %.250s",
		place->operand, state->run, difference ? difference : "");
}

/* The run that is given up: as typed, or as typed when this run began. */
static const char *taken_over(
	const struct run_state *state, const struct cli_args *args)
{
	const char *typed = cli_value(args, "take-over");

	return typed ? typed
		     : json_string_value(
			       json_object_get(state->plan, "take_over"));
}

static const char *install_root(const struct run_state *state)
{
	return json_string_value(json_object_get(
		json_object_get(state->plan, "fleet"), "install_root"));
}

/* The survey is of the plan's fleet, as that is what is worked on. */
static bool look_again(const struct cli_place *place,
	const struct run_state *state, const char *take_over, struct err *err)
{
	/* Decided when the run was planned. */
	const struct survey_options options = {
		.accept_unlisted = true,
		.artifact = json_object_get(state->plan, "artifact"),
		.finish_by_ms = json_integer_value(json_object_get(
			json_object_get(state->plan, "time"), "finish_by")),
	};
	struct fleet *fleet = NULL;
	struct survey survey;
	enum err_code refused;

	if (!again_is_due(state) || access(place->request, F_OK) == 0)
		return true;
	if (!fleet_from_json(
		    json_object_get(state->plan, "fleet"), &fleet, err))
		return false;
	if (!survey_take(fleet, &options, &survey, err)) {
		fleet_free(fleet);
		return false;
	}
	again_judge(&survey, state, take_over);
	refused = survey_refused(&survey);
	findings_print(&survey, stderr, FINDING_REFUSAL);
	findings_cause(&survey);
	survey_done(&survey);
	fleet_free(fleet);
	return refused == ERR_NONE ||
	       err_set(err, refused,
		       "run %s has paused nothing yet, and would be refused "
		       "now: nothing was touched, it stays unfinished",
		       state->run);
}

static int go_on(const struct cli_place *place, const struct run_state *state,
	const struct cli_args *args)
{
	struct cli_answer answer = {0};
	const char *take_over = taken_over(state, args);
	struct cli_session session = {
		.place = place,
		.take_over = take_over,
		.answer = cli_value(args, "answer") ? &answer : NULL,
		.json = cli_value(args, "json") != NULL,
	};
	_cleanup_fd_ int lost = -1;
	struct err err = {0};

	if (!cli_value(args, "as-planned") && !same_fleet(place, state, &err))
		return cli_fail_next(&err,
			"syncup run --as-planned %s   or syncup rollback %s   "
			"or syncup abort %s",
			place->folder, place->folder, place->folder);
	if (cli_value(args, "finish-by"))
		cli_tell(EVENT_NONE, -1,
			"run %s goes on with the time that it was planned "
			"with; --finish-by does not change it",
			state->run);
	if (session.answer && !cli_answer_parse(state,
				      cli_value(args, "answer"), &answer, &err))
		return cli_fail_next(&err, "syncup help run");
	if (answer.given)
		session.answer = NULL;
	if (take_over && !cli_place_lock_lost(place, install_root(state),
				 take_over, &lost, &err))
		return fail_lost(place, &err);
	if (!look_again(place, state, take_over, &err))
		return cli_fail_next(&err,
			"syncup run %s   when that is mended, or syncup abort "
			"%s   to end it",
			place->operand, place->operand);
	return cli_session(&session);
}

/* A person's word, which holds for one run. */
static bool may_retry(
	const struct run_state *before, const struct cli_args *args)
{
	const char *of = cli_value(args, "retry-of");

	return cli_value(args, "retry") || (of && strcmp(of, before->run) == 0);
}

/* No run is unfinished.  before: the last one, or NULL. */
static int start_anew(const struct cli_place *place,
	const struct run_state *before, const struct cli_args *args)
{
	struct err err = {0};

	/* It may have been killed after its end. */
	if (before && !cli_tidy(before, &err))
		return cli_fail(&err);
	if (!cli_place_check_traces(place, cli_value(args, "take-over"), &err))
		return cli_fail_traces(place, &err);
	if (cli_value(args, "answer"))
		return cli_usage_error(
			args->verb, "--answer: no run is unfinished");
	if (cli_value(args, "unfinished"))
		return 0;
	if (!place->fleet && !before) {
		(void)err_set(&err, ERR_MISSING,
			"there is no run in %s, and a new one needs the fleet "
			"file",
			place->folder);
		return cli_fail(&err);
	}
	if (!place->fleet) {
		(void)printf(
			"syncup: no run is unfinished in %s\n", place->folder);
		return 0;
	}
	if (before && before->outcome == RUN_TURNED_BACK &&
		!may_retry(before, args) && same_fleet(place, before, NULL)) {
		cli_tell(EVENT_NONE, err_exit_code(ERR_TURNED),
			"this plan turned back in run %s and is not repeated "
			"by itself",
			before->run);
		cli_type("syncup run --retry %s", place->operand);
		return err_exit_code(ERR_TURNED);
	}
	return begin(place, before, args);
}

/* Nothing that a clock could do about it: each lane that did not end has
 * stopped, and a person was told so.  In another boot it is looked at again. */
static bool waits_for_person(
	const struct cli_place *place, const struct run_state *state)
{
	if (state->outcome != RUN_UNFINISHED ||
		strcmp(state->boot, sys_boot_id()) != 0 ||
		access(place->request, F_OK) == 0)
		return false;
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (lane->outcome == RUN_UNFINISHED &&
			(!lane->halt_code ||
				lane->halt_code == err_exit_code(ERR_STEP) ||
				lane->halt_code == err_exit_code(ERR_STORAGE)))
			return false;
	}
	return true;
}

/* *ret_state is the caller's to release, whatever happens. */
static int start_or_continue(const struct cli_place *place,
	const struct cli_args *args, struct run_state *ret_state)
{
	bool each_minute = cli_value(args, "scheduled") &&
			   cli_value(args, "unfinished") &&
			   !cli_value(args, "answer");
	struct err err = {0};

	if (!cli_place_read(place, ret_state, &err)) {
		memset(ret_state, 0, sizeof(*ret_state));
		if (err.code != ERR_MISSING)
			return cli_fail_journal(place, &err);
		return start_anew(place, NULL, args);
	}
	journald_about(NULL, ret_state->run);
	/* What was told and could not be remembered is not told each minute. */
	if (each_minute && ret_state->outcome == RUN_UNFINISHED &&
		cli_disk_waits(place, install_root(ret_state)))
		return err_exit_code(ERR_STORAGE);
	cli_notify_missed(place, ret_state);
	if (each_minute && waits_for_person(place, ret_state))
		return err_exit_code(ERR_DECIDE);
	if (ret_state->outcome == RUN_UNFINISHED)
		return go_on(place, ret_state, args);
	return start_anew(place, ret_state, args);
}

static int run_locked(
	const struct cli_place *place, const struct cli_args *args)
{
	struct run_state state;
	int code = start_or_continue(place, args, &state);

	/* One that was stopped has no cause. */
	if (code == err_exit_code(ERR_STORAGE) && cli_cause()[0])
		cli_disk_failed(place);
	/* At a terminal somebody has read it. */
	if (code && cli_cause()[0] && !isatty(STDIN_FILENO))
		cli_notify_refused(
			place, state.run[0] ? &state : NULL, code, cli_cause());
	run_state_done(&state);
	return code;
}

int verb_run(const struct cli_args *args)
{
	struct cli_place place = {0};
	struct err err = {0};
	_cleanup_fd_ int lock = -1;
	bool unfinished = cli_value(args, "unfinished") != NULL;
	bool scheduled = cli_value(args, "scheduled") != NULL;
	int code;

	if (cli_value(args, "detach"))
		return cli_detach(args);
	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	code = cli_place_refuse_other(&place, args);
	if (code) {
		cli_place_done(&place);
		return code;
	}
	if (cli_place_lock(&place, place.fleet && !unfinished, &lock, &err))
		code = run_locked(&place, args);
	else if (err.code == ERR_MISSING)
		code = start_anew(&place, NULL, args);
	else if (err.code == ERR_HELD && (unfinished || scheduled))
		code = 0; /* somebody is at it: what cron each minute wants */
	else
		code = cli_fail_next(&err, "syncup status %s", place.operand);
	if (code == 0)
		service_ready("nothing to do");
	cli_place_done(&place);
	return code;
}
