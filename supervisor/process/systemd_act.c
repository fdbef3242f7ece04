/*
 * systemd_act.c - stopping and starting a unit.
 *
 * A job that systemd has taken is waited for only so long: what has become of
 * it is observed, and patience is the step's.  A lost answer is never repeated
 * here.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "state/sys.h"
#include "supervisor/process/unit_task.h"

enum {
	/* Then it is observed: patience and kill_after: are the step's. */
	STOP_WAIT_MS = 3000,
	START_WAIT_MS = 30000,
};

/* ---- stop ---- */

/* Another outcome than "done" (somebody's start in its place, say) is observed,
 * like a lost answer. */
static void stop_over(void *arg, const char *result, const struct err *err)
{
	struct task *task = arg;
	struct err other = {0};

	if (!err && result[0] && strcmp(result, "done") != 0)
		(void)err_set(&other, ERR_AGAIN, "stopping it ended as \"%s\"",
			result);
	if (err || other.code)
		task_fail(task, err ? err : &other);
	else
		task_acted(task);
}

static bool await_job(struct task *task, sd_bus_message *reply,
	int64_t timeout_ms, bus_job_fn *done, struct err *err)
{
	const char *job;
	int r = sd_bus_message_read(reply, "o", &job);

	if (r < 0)
		return err_sys(err, ERR_AGAIN, -r,
			"systemd's answer is not understood");
	bus_await_job(task->bus, job, timeout_ms, done, task);
	return true;
}

static void on_stopping(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err bad = {0};

	sys_crash_point("systemd: stop answered");
	if (err)
		task_fail(task, err);
	else if (!await_job(task, reply, STOP_WAIT_MS, stop_over, &bad))
		task_fail(task, &bad);
}

static void on_killed(void *arg, sd_bus_message *reply, const struct err *err)
{
	(void)reply;
	if (err)
		task_fail(arg, err);
	else
		task_acted(arg);
}

static bool call_stop(struct task *task, struct err *err)
{
	if (task->kill)
		return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER,
			"KillUnit", on_killed, task, err, "ssi",
			task->spec.unit, "all", SIGKILL);
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit",
		on_stopping, task, err, "ss", task->spec.unit, "replace");
}

static bool begin_stop(struct task *task, struct err *err)
{
	return task_if_claimed(task, call_stop, err);
}

bool systemd_stop(struct event_base *base, const struct process_spec *spec,
	const struct process_seen *who, bool kill, process_acted_fn *done,
	void *arg, struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)who, (void)err;
	task->acted = done;
	task->kill = kill;
	task_begin(task, begin_stop);
	return true;
}

/* ---- start ---- */

/* It may start by itself yet: then nobody knows. */
static bool tell_not_started(struct task *task, struct err *err)
{
	const struct record *record = task->record;
	enum unit_phase phase = unit_phase(record->unit);
	char state[120], last[160];
	const char *line;

	unit_describe(record->unit, state, sizeof(state));
	line = strrchr(record->said, '\n');
	(void)snprintf(last, sizeof(last), "%s%.150s",
		record->said[0] ? ": " : "", line ? line + 1 : record->said);
	return err_set(err,
		phase == UNIT_ENDED || phase == UNIT_UNKNOWN ? ERR_STEP
							     : ERR_AGAIN,
		"starting it ended as \"%s\", it is %s%s", task->result, state,
		last);
}

static bool words_of_failure(struct task *task, struct err *err)
{
	task->then = tell_not_started;
	return task_want_words(task, err);
}

static void start_over(void *arg, const char *result, const struct err *err)
{
	struct task *task = arg;

	if (err) {
		task_fail(task, err);
	} else if (!result[0] || strcmp(result, "done") == 0) {
		task_acted(task);
	} else {
		(void)snprintf(
			task->result, sizeof(task->result), "%s", result);
		task->then = words_of_failure;
		task_go(task, task_read_unit);
	}
}

static void on_starting(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err bad = {0};

	sys_crash_point("systemd: start answered");
	if (err)
		task_fail(task, err);
	else if (!await_job(task, reply, START_WAIT_MS, start_over, &bad))
		task_fail(task, &bad);
}

static bool call_start(struct task *task, struct err *err)
{
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartUnit",
		on_starting, task, err, "ss", task->spec.unit, "replace");
}

/* What came before may have taken a while. */
static bool start_if_claimed(struct task *task, struct err *err)
{
	return task_if_claimed(task, call_start, err);
}

/* A unit that is not loaded, or never failed, has nothing to be reset. */
static void on_reset(void *arg, sd_bus_message *reply, const struct err *err)
{
	(void)reply;
	if (err && (err->code != ERR_STEP || err->sys == EACCES))
		task_fail(arg, err);
	else
		task_go(arg, start_if_claimed);
}

static bool call_reset(struct task *task, struct err *err)
{
	return task_call(task, "ResetFailedUnit", on_reset, err);
}

static void circles_over(void *arg, const char *result, const struct err *err)
{
	(void)result;
	if (err)
		task_fail(arg, err);
	else
		task_go(arg, call_reset);
}

static void on_circles(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err bad = {0};

	if (err)
		task_fail(task, err);
	else if (!await_job(task, reply, START_WAIT_MS, circles_over, &bad))
		task_fail(task, &bad);
}

/* A unit that goes in circles is stopped first: its next start is to be ours,
 * with its limit of starts counted anew.  So is one that is active without a
 * process, as to start it would do nothing. */
static bool make_ready(struct task *task, struct err *err)
{
	enum unit_phase phase = unit_phase(task->record->unit);

	if (phase != UNIT_HELD && phase != UNIT_FAILING && phase != UNIT_EXITED)
		return call_reset(task, err);
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit",
		on_circles, task, err, "ss", task->spec.unit, "replace");
}

static bool begin_start(struct task *task, struct err *err)
{
	return task_if_claimed(task, make_ready, err);
}

bool systemd_start(struct event_base *base, const struct process_spec *spec,
	uint64_t attempt, process_acted_fn *done, void *arg, struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)attempt, (void)err;
	task->acted = done;
	task->then = begin_start;
	task_begin(task, task_read_unit);
	return true;
}
