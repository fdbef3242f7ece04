/*
 * failed.c - `syncup failed`: a service manager has given a supervisor up.
 *
 * Typed by what OnFailure= of a supervisor's unit starts, to which systemd says
 * how that unit has failed (MONITOR_*, systemd.exec(5)).  An exit code that
 * needs a person was told by who ended with it.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/memory.h"
#include "supervisor/report/journald.h"
#include "supervisor/report/report.h"

enum {
	TEXT_MAX = 600,
	LINE_MAX_BYTES = 400,
};

struct monitored { /* what systemd says; NULL: nothing */
	const char *unit, *invocation;
	const char *result; /* exit-code, signal, watchdog, timeout ... */
	const char *code, *status; /* "exited" "8", or "killed" "KILL" */
};

static struct monitored monitored(void)
{
	return (struct monitored){
		.unit = getenv("MONITOR_UNIT"),
		.invocation = getenv("MONITOR_INVOCATION_ID"),
		.result = getenv("MONITOR_SERVICE_RESULT"),
		.code = getenv("MONITOR_EXIT_CODE"),
		.status = getenv("MONITOR_EXIT_STATUS"),
	};
}

/* The result of a unit that was started too often is that of its last end.  8
 * as well: it was stopped by a person, or told that the disk fails.  1 and 2
 * are about the program and its unit, not about a run. */
static bool told_itself(const struct monitored *of)
{
	return of->result && strcmp(of->result, "exit-code") == 0 &&
	       of->status && strlen(of->status) == 1 && of->status[0] >= '3' &&
	       of->status[0] <= '9';
}

static const char *how(const struct monitored *of, char *buf, size_t size)
{
	const char *word = "signal";

	if (!of->result)
		return "";
	if (of->code && strcmp(of->code, "exited") == 0)
		word = "exit";
	if (!of->status)
		(void)snprintf(buf, size, ": %s", of->result);
	else if (strcmp(of->result, "exit-code") == 0 ||
		 strcmp(of->result, "signal") == 0)
		(void)snprintf(buf, size, ": %s %s", word, of->status);
	else
		(void)snprintf(buf, size, ": %s (%s %s)", of->result, word,
			of->status);
	return buf;
}

static void tell(const struct cli_place *place, const struct monitored *of,
	const struct run_state *state)
{
	const char *unit = of->unit ? of->unit : "the supervisor";
	char ended[100], line[LINE_MAX_BYTES], why[TEXT_MAX];
	_cleanup_free_ char *once = NULL, *next = NULL;

	(void)snprintf(why, sizeof(why),
		"%s has failed and is not started again%s%s%s", unit,
		how(of, ended, sizeof(ended)), state ? "; " : "",
		state ? report_line(state, sys_wall_ms(), line, sizeof(line))
		      : "");
	if (of->unit)
		next = memory_text("journalctl -eu %s   to see why, then: "
				   "systemctl reset-failed %s; systemctl "
				   "start %s",
			unit, unit, unit);
	else
		next = memory_text("syncup run %s", place->operand);
	once = of->invocation ? memory_strdup(of->invocation)
			      : memory_text("%lld", (long long)sys_wall_ms());
	cli_tell(EVENT_GIVEN_UP, -1, "%s", why);
	cli_type("%s", next);
	cli_notify_failed(place, state, once, why, next);
}

int verb_failed(const struct cli_args *args)
{
	const struct monitored of = monitored();
	struct cli_place place = {0};
	struct run_state state;
	struct err err = {0};
	_cleanup_fd_ int lock = -1;
	bool known;

	if (!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	/* Without a lock that can be taken it is told all the same. */
	if (told_itself(&of) || (!cli_place_lock(&place, false, &lock, &err) &&
					err.code == ERR_HELD)) {
		cli_place_done(&place);
		return 0;
	}
	known = cli_place_read(&place, &state, &err);
	if (known)
		journald_about(NULL, state.run);
	tell(&place, &of, known ? &state : NULL);
	if (known)
		run_state_done(&state);
	cli_place_done(&place);
	return 0;
}
