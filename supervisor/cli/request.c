/*
 * request.c - `syncup rollback` and `syncup abort`.
 *
 * If a supervisor works on the run, it is asked by a file that it looks for;
 * otherwise we take its place and do it.
 */
#include <string.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/plan/survey.h"
#include "supervisor/report/report.h"

enum {
	POLL_MS = 200,
};

static bool leave_request(const struct cli_place *place, enum run_request what,
	bool restore, struct err *err)
{
	_cleanup_json_ json_t *json = json_pack("{s:s, s:b}", "what",
		what == RUN_REQUEST_ABORT ? "abort" : "rollback", "restore",
		(int)restore);
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	return atomic_file_write(place->request, text, strlen(text), 0600, err);
}

/* Until the supervisor that we asked has ended; *ret_fd is then its lock. */
static bool await_supervisor(
	const struct cli_place *place, int *ret_fd, struct err *err)
{
	const struct timespec poll = {.tv_nsec = POLL_MS * 1000000};

	while (!cli_place_lock(place, false, ret_fd, err)) {
		if (err->code != ERR_HELD)
			return false;
		(void)nanosleep(&poll, NULL);
	}
	return true;
}

static void say_start(
	const struct survey *survey, const struct seen_instance *seen)
{
	const struct fleet_command *command = seen->instance->command;
	_cleanup_json_ json_t *argv = seen_argv(survey, seen);
	size_t i;
	json_t *word;

	for (unsigned j = 0; command && j < command->start.count; j++)
		(void)printf(" %s", command->start.item[j]);
	json_array_foreach (argv, i, word)
		(void)printf(" %s", json_string_value(word));
	(void)printf("\n");
}

static void say_instance(
	const struct survey *survey, const struct seen_instance *seen)
{
	char name[SEEN_SHOWN], on[SEEN_SHOWN];

	(void)snprintf(name, sizeof(name), "%s%.200s", seen->instance->name,
		seen_on(survey, seen->host, on));
	if (seen->process.view == PROCESS_UNKNOWN) {
		(void)printf("%s: it cannot be told whether it runs: %s\n",
			name, seen->process.why);
	} else if (seen->process.view == PROCESS_GONE) {
		(void)printf("%s: it does not run.  To start it:", name);
		say_start(survey, seen);
	} else if (seen->progress_err.code) {
		(void)printf("%s: it runs %s, but does not answer\n", name,
			seen->version);
	} else {
		(void)printf("%s: it runs %s and is %s", name, seen->version,
			seen->progress.phase_text);
		if (seen->progress.phase == SYNC_PHASE_PAUSED)
			(void)printf(".  To resume it: curl -d '{}' "
				     "http://127.0.0.1:%u/api/v1/resume",
				seen->config.port);
		(void)printf("\n");
	}
}

/* To be typed on its host. */
static void say_on(const struct survey *survey, unsigned host)
{
	const char *name = survey->host[host].name;

	if (name)
		(void)printf(" (on %s)", name);
}

static void say_held_links(const struct survey *survey,
	const struct seen_lane *lane, const struct run_state *state)
{
	const struct run_lane *past = run_state_lane(state, lane->name);
	const char *from = json_string_value(
		json_object_get(past ? past->json : NULL, "from"));
	char shown[SEEN_SHOWN];

	for (unsigned i = 0; i < lane->link_count; i++) {
		const struct seen_link *link = &lane->link[i];

		if (link->seen.kind != LINK_HOLD)
			continue;
		(void)printf("%s: it refuses to start anything.  To let the "
			     "old version start: ln -sfn %s/versions/%s%s %s",
			seen_show_path(survey, link->host, link->path, shown),
			survey->fleet->install_root, from ? from : "<version>",
			link->is_binary ? "/bin/mongosync" : "", link->path);
		say_on(survey, link->host);
		(void)printf("\n");
	}
}

static void say_out_of_reach(
	const struct survey *survey, const struct seen_host *host)
{
	const struct fleet *fleet = survey->fleet;

	for (unsigned i = 0; host->trouble.code && i < fleet->instance_count;
		i++)
		if (fleet_host_is_same(fleet->instance[i].host, host->name))
			(void)printf("%s on %s: nothing is known of it: %s\n",
				fleet->instance[i].name, host->name,
				host->trouble.msg);
}

/* abort leaves everything as it is: so look how that is, and say what a person
 * would type. */
static void say_how_it_is(const struct run_state *state)
{
	struct fleet *fleet = NULL;
	const struct survey_options options = {0};
	struct survey survey;
	struct err err = {0};

	if (fleet_from_json(
		    json_object_get(state->plan, "fleet"), &fleet, &err) &&
		survey_take(fleet, &options, &survey, &err)) {
		/* In the order in which it would be typed. */
		for (unsigned i = 0; i < survey.lane_count; i++)
			say_held_links(&survey, &survey.lane[i], state);
		for (unsigned i = 0; i < survey.instance_count; i++)
			say_instance(&survey, &survey.instance[i]);
		for (unsigned i = 0; i < survey.host_count; i++)
			say_out_of_reach(&survey, &survey.host[i]);
		survey_done(&survey);
	} else {
		(void)err_wrap(&err, "looking at the processes");
		(void)cli_fail(&err);
	}
	fleet_free(fleet);
}

static int no_run(const struct cli_place *place)
{
	struct err err = {0};

	if (!cli_place_check_traces(place, NULL, &err))
		return cli_fail_traces(place, &err);
	(void)printf("syncup: there is no run in %s\n", place->folder);
	return 0;
}

static int do_it(const struct cli_place *place, enum run_request what,
	bool restore, bool was_asked)
{
	struct run_state state;
	const struct cli_session session = {
		.place = place,
		.request = what,
		.restore = restore,
	};
	struct err err = {0};
	bool unfinished;
	int code;

	if (!cli_place_read(place, &state, &err))
		return err.code == ERR_MISSING ? no_run(place)
					       : cli_fail_journal(place, &err);
	unfinished = state.outcome == RUN_UNFINISHED;
	code = was_asked ? state.exit_code : 0;
	/* Whatever the file asked for we do now ourselves. */
	if (unfinished)
		code = atomic_remove(place->request, &err)
			       ? cli_session(&session)
			       : cli_fail(&err);
	else
		report_lanes(&state, sys_wall_ms(), stdout);
	if (!unfinished && !was_asked)
		(void)printf("syncup: no run is unfinished\n");
	else if (what == RUN_REQUEST_ABORT && code == 0)
		say_how_it_is(&state);
	run_state_done(&state);
	return code;
}

static int request(
	const struct cli_args *args, enum run_request what, bool restore)
{
	struct cli_place place = {0};
	struct err err = {0};
	_cleanup_fd_ int lock = -1;
	bool asked = false, ok;
	int code;

	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	code = cli_place_refuse_other(&place, args);
	if (code) {
		cli_place_done(&place);
		return code;
	}
	ok = cli_place_lock(&place, false, &lock, &err);
	if (!ok && err.code == ERR_HELD) {
		(void)printf("syncup: asking the supervisor: %s\n", err.msg);
		asked = true;
		ok = leave_request(&place, what, restore, &err) &&
		     await_supervisor(&place, &lock, &err);
	}
	if (ok)
		code = do_it(&place, what, restore, asked);
	else
		code = err.code == ERR_MISSING ? no_run(&place)
					       : cli_fail(&err);
	cli_place_done(&place);
	return code;
}

int verb_rollback(const struct cli_args *args)
{
	return request(args, RUN_REQUEST_ROLLBACK,
		cli_value(args, "restore-metadata") != NULL);
}

int verb_abort(const struct cli_args *args)
{
	return request(args, RUN_REQUEST_ABORT, false);
}
