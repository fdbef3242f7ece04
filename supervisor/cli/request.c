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
#include "supervisor/cli/cli.h"
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
	struct cli_session session = {
		.place = place,
		.request = what,
		.restore = restore,
	};
	struct err err = {0};
	bool obeyed;
	int code;

	if (!cli_place_read(place, &state, &err))
		return err.code == ERR_MISSING ? no_run(place)
					       : cli_fail_journal(place, &err);
	obeyed = state.outcome != RUN_UNFINISHED;
	code = state.exit_code;
	if (obeyed) {
		report_lanes(&state, stdout);
		if (!was_asked) {
			(void)printf("syncup: no run is unfinished\n");
			code = 0;
		}
	}
	run_state_done(&state);
	if (obeyed)
		return code;
	/* Whatever the file asked for we do now ourselves. */
	if (!atomic_remove(place->request, &err))
		return cli_fail(&err);
	return cli_session(&session);
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
