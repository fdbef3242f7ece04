/*
 * status.c - `syncup status`, and the smallest verbs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/lock.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/report/report.h"
#include "supervisor/version.h"

static void say_who_works(
	const struct cli_place *place, const struct run_state *state)
{
	_cleanup_fd_ int lock = -1;
	struct err err = {0};

	if (state->outcome != RUN_UNFINISHED)
		return;
	if (!lock_take(place->lock, &lock, &err) && err.code == ERR_HELD)
		(void)printf("%s\n", err.msg);
	else
		(void)printf("no supervisor works on it; type: syncup run %s\n",
			place->operand);
}

int verb_status(const struct cli_args *args)
{
	struct cli_place place = {0};
	struct run_state state;
	struct err err = {0};
	_cleanup_json_ json_t *json = NULL;
	int code = 0;

	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	if (access(place.folder, R_OK | X_OK) != 0 && errno == EACCES)
		code = cli_place_refuse_other(&place, args);
	if (code) {
		cli_place_done(&place);
		return code;
	}
	if (cli_place_read(&place, &state, &err)) {
		if (cli_value(args, "json")) {
			json = report_json(&state, sys_wall_ms());
			(void)json_dumpf(json, stdout, JSON_INDENT(2));
			(void)printf("\n");
		} else {
			report_lanes(&state, sys_wall_ms(), stdout);
			report_table(&state, sys_wall_ms(), stdout);
			say_who_works(&place, &state);
		}
		run_state_done(&state);
	} else if (err.code != ERR_MISSING) {
		code = cli_fail_journal(&place, &err);
	} else if (!cli_place_check_traces(&place, NULL, &err)) {
		code = cli_fail_traces(&place, &err);
	} else {
		(void)printf("no run yet in %s\n", place.folder);
	}
	cli_place_done(&place);
	return code;
}

int verb_version(const struct cli_args *args)
{
	(void)args;
	(void)printf("syncup %s\n", SYNCUP_VERSION);
	return 0;
}

int verb_help(const struct cli_args *args)
{
	const struct cli_verb *verb = NULL;

	if (args->word_count == 1) {
		verb = cli_verb_find(args->word[0]);
		if (!verb)
			return cli_usage_error(
				NULL, "unknown verb %s", args->word[0]);
	}
	cli_help(verb, stdout);
	return 0;
}
