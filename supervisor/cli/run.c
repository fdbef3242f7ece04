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
#include "supervisor/cli/cli.h"
#include "supervisor/cli/findings.h"
#include "supervisor/plan/procedure.h"
#include "supervisor/report/report.h"
#include "supervisor/steps/copies.h"

/* Without a journal, traces of a run mean that one was lost. */
static bool check_no_traces(const struct cli_place *place, struct err *err)
{
	_cleanup_free_ char *copy = NULL;

	if (!copies_unsettled(place->fleet, &copy, err))
		return false;
	if (copy)
		return err_set(err, ERR_JOURNAL,
			"%s is missing, but the metadata copy %s of a run that "
			"did not end is there; bring the journal back",
			place->journal, copy);
	return true;
}

static bool claim_is_ours(void *arg, const char *name,
	const struct claim *claim, struct err *err)
{
	const struct cli_place *place = arg;

	if (strcmp(claim->state_dir, place->folder) != 0)
		return true;
	return err_set(err, ERR_JOURNAL,
		"%s is missing, but %s is still claimed by its run %s; bring "
		"the journal back",
		place->journal, name, claim->run);
}

/* The last run's journal goes to history/ before a new one begins. */
static bool put_away(const struct cli_place *place,
	const struct run_state *state, struct err *err)
{
	_cleanup_free_ char *to = NULL;

	if (asprintf(&to, "%s/%s.journal", place->history, state->run) < 0)
		return err_set(err, ERR_BUG, "out of memory");
	if (rename(place->journal, to) != 0)
		return err_sys(err, ERR_STORAGE, errno, "moving %s to %s",
			place->journal, to);
	return atomic_sync_parent(to, err) &&
	       atomic_sync_parent(place->journal, err);
}

static int begin(const struct cli_place *place, const struct cli_args *args)
{
	const struct fleet *fleet = place->fleet;
	const char *take_over = cli_value(args, "take-over");
	struct cli_session session = {
		.place = place,
		.take_over = take_over,
		.json = cli_value(args, "json") != NULL,
	};
	_cleanup_json_ json_t *plan = NULL;
	struct survey survey;
	struct err err = {0};
	enum err_code refused;

	if (!take_over &&
		!(check_no_traces(place, &err) &&
			claim_each(fleet->install_root, claim_is_ours,
				(void *)(uintptr_t)place, &err)))
		return cli_fail(&err, NULL);
	if (fleet->on_failure == FLEET_FAILURE_UNSET &&
		!isatty(STDIN_FILENO)) {
		(void)err_set(&err, ERR_CONFIG,
			"%s: on_failure: is not set, and a run without a "
			"terminal must know what to do",
			place->operand);
		return cli_fail(&err,
			"on_failure: rollback   (or stop, or restore) in the "
			"fleet file");
	}
	if (!survey_take(fleet, &survey, &err))
		return cli_fail(&err, NULL);
	findings_take_over(&survey, take_over);
	refused = survey_refused(&survey);
	if (refused == ERR_NONE && survey_is_reached(&survey)) {
		(void)printf("syncup: fleet %s runs %s already, nothing to "
			     "do\n",
			fleet->name, fleet->version);
		survey_done(&survey);
		return 0;
	}
	if (refused != ERR_NONE) {
		findings_print(&survey, stderr, FINDING_REFUSAL);
		(void)fprintf(stderr,
			"syncup: refused before anything was touched.\n");
		survey_done(&survey);
		return err_exit_code(refused);
	}
	findings_print(&survey, stderr, FINDING_WARNING);
	plan = procedure_find(fleet->procedure)->forward(&survey);
	survey_done(&survey);
	session.plan = plan;
	return cli_session(&session);
}

/* The plan is frozen; a changed fleet file needs a word from a person. */
static bool same_fleet(const struct cli_place *place,
	const struct run_state *state, struct err *err)
{
	const json_t *planned = json_object_get(state->plan, "fleet");
	_cleanup_json_ json_t *now = NULL;
	_cleanup_free_ char *difference = NULL;

	if (!place->fleet)
		return true;
	now = fleet_to_json(place->fleet);
	if (json_equal(planned, now))
		return true;
	difference = fleet_difference(planned, now);
	return err_set(err, ERR_CONFIG,
		"%s has changed since run %s was planned: %.250s",
		place->operand, state->run, difference ? difference : "");
}

static int go_on(const struct cli_place *place, const struct run_state *state,
	const struct cli_args *args)
{
	const struct cli_session session = {
		.place = place,
		.take_over = cli_value(args, "take-over"),
		.answer = cli_value(args, "answer"),
		.json = cli_value(args, "json") != NULL,
	};
	char next[300];
	struct err err = {0};

	if (cli_value(args, "as-planned") || same_fleet(place, state, &err))
		return cli_session(&session);
	(void)snprintf(next, sizeof(next),
		"syncup run --as-planned %s   or syncup rollback %s   or "
		"syncup abort %s",
		place->folder, place->folder, place->folder);
	return cli_fail(&err, next);
}

static int run_locked(const struct cli_place *place,
	const struct cli_args *args)
{
	struct run_state state;
	struct err err = {0};
	bool was, unfinished = cli_value(args, "unfinished") != NULL;
	int code;

	was = cli_place_read(place, &state, &err);
	if (!was && err.code != ERR_MISSING)
		return cli_fail(&err, "syncup journal verify FLEET");
	if (was && state.outcome == RUN_UNFINISHED) {
		code = go_on(place, &state, args);
		run_state_done(&state);
		return code;
	}
	if (unfinished || !place->fleet) {
		if (was)
			run_state_done(&state);
		if (!unfinished)
			(void)printf("syncup: no unfinished run in %s\n",
				place->folder);
		return 0;
	}
	if (cli_value(args, "answer")) {
		if (was)
			run_state_done(&state);
		return cli_usage_error(
			args->verb, "--answer: no run is unfinished");
	}
	if (was && state.outcome == RUN_TURNED_BACK &&
		!cli_value(args, "retry") && same_fleet(place, &state, NULL)) {
		(void)fprintf(stderr,
			"syncup: this plan turned back in run %s and is not "
			"repeated by itself\nType: syncup run --retry %s\n",
			state.run, place->operand);
		run_state_done(&state);
		return err_exit_code(ERR_TURNED);
	}
	if (was && !put_away(place, &state, &err)) {
		run_state_done(&state);
		return cli_fail(&err, NULL);
	}
	if (was)
		run_state_done(&state);
	return begin(place, args);
}

int verb_run(const struct cli_args *args)
{
	struct cli_place place = {0};
	struct err err = {0};
	_cleanup_fd_ int lock = -1;
	int code;

	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err, NULL);
	if (cli_place_lock(&place, place.fleet != NULL, &lock, &err))
		code = run_locked(&place, args);
	else if (err.code == ERR_HELD && cli_value(args, "unfinished"))
		code = 0; /* somebody is at it: what cron each minute wants */
	else
		code = cli_fail(&err, "syncup status FLEET");
	cli_place_done(&place);
	return code;
}
