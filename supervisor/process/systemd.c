/*
 * systemd.c - processes that are units of a service manager: looking at them.
 *
 * What systemd says of a unit is kept until a signal says that it has changed;
 * which processes it has is asked each time, and /proc of their host which of
 * them it is.  Units are never edited.
 */
#include "supervisor/process/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/memory.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/process_json.h"
#include "supervisor/process/unit_task.h"

enum {
	LOOK_MS = 30000,
};

static void task_saw(struct task *task)
{
	task->seen(task->arg, &task->looked);
	task_free(task);
}

static bool tell_seen(struct task *task, struct err *err)
{
	const struct record *record = task->record;

	(void)err;
	if (unit_ended_badly(record->unit) &&
		strcmp(record->told, unit_text(record->unit, "InvocationID")) ==
			0)
		(void)snprintf(task->looked.said, sizeof(task->looked.said),
			"%s", record->said);
	task_saw(task);
	return true;
}

static void say_unit(struct process_seen *seen, const struct task *task)
{
	_cleanup_free_ char *why = NULL;
	char state[120];

	unit_describe(task->record->unit, state, sizeof(state));
	why = memory_text("%s is %s%s%s", task->spec.unit, state,
		seen->why[0] ? ": " : "", seen->why);
	(void)snprintf(seen->why, sizeof(seen->why), "%.199s", why);
}

/* What /proc shows, in the light of what systemd says. */
static void judge(struct task *task)
{
	struct process_seen *seen = &task->looked;
	struct record *record = task->record;
	const json_t *unit = record->unit;
	bool stopping =
		strcmp(unit_text(unit, "ActiveState"), "deactivating") == 0;

	seen->restarts = (unsigned)unit_number(unit, "NRestarts");
	if (seen->view == PROCESS_RUNNING && !stopping) {
		record->last = seen->pid;
	} else if (seen->view == PROCESS_RUNNING && record->last &&
		   record->last != seen->pid) {
		/* What waited for it, or its stop command: not a new one. */
		pid_t other = seen->pid;

		*seen = (struct process_seen){.view = PROCESS_UNKNOWN};
		(void)snprintf(seen->why, sizeof(seen->why),
			"process %d of it still runs", (int)other);
	}
	if (seen->view == PROCESS_UNKNOWN && unit_phase(unit) == UNIT_FAILING) {
		seen->failing = true;
		(void)snprintf(seen->why, sizeof(seen->why),
			"it ended, and systemd is to start it again");
	}
	if (seen->view != PROCESS_RUNNING)
		say_unit(seen, task);
}

static void looked(void *arg, const json_t *result, const struct err *err)
{
	struct task *task = arg;
	struct process_seen unknown = {.view = PROCESS_UNKNOWN};
	struct err bad = {0};

	task->asked = NULL;
	if (!err && !process_seen_read(result, &task->looked, &bad))
		err = &bad;
	if (err) {
		(void)snprintf(
			unknown.why, sizeof(unknown.why), "%.199s", err->msg);
		task->looked = unknown;
	}
	judge(task);
	task->then = tell_seen;
	task_go(task, task_want_words);
}

/* It has no life in it, or begins none by itself before the hold is gone. */
static bool has_ended(const json_t *unit, const json_t *pids)
{
	enum unit_phase phase = unit_phase(unit);

	return phase == UNIT_ENDED || phase == UNIT_HELD ||
	       (phase == UNIT_EXITED && json_array_size(pids) == 0);
}

static bool look(struct task *task, json_t *taken_pids, struct err *err)
{
	const json_t *unit = task->record->unit;
	bool ended = has_ended(unit, taken_pids);
	json_t *ask = json_pack("{s:s, s:i, s:s, s:o, s:I, s:b, s:I}", "op",
		"unit_look", "port", task->spec.port, "config",
		task->spec.config, "pids", taken_pids, "main",
		(json_int_t)unit_number(unit, "MainPID"), "ended", ended,
		"exited_us",
		(json_int_t)unit_number(
			unit, "ExecMainExitTimestampMonotonic"));

	return task_ask_host(task, ask, LOOK_MS, looked, err);
}

static void on_pids(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err bad = {0};
	json_t *pids = NULL;

	if (err && err->sys != ENOENT) {
		task_fail(task, err);
		return;
	}
	if (err) /* not loaded: it has none */
		pids = json_array();
	else if (!unit_read_pids(reply, &pids, &bad)) {
		task_fail(task, &bad);
		return;
	}
	if (!look(task, pids, &bad))
		task_fail(task, &bad);
}

static bool ask_pids(struct task *task, struct err *err)
{
	if (unit_phase(task->record->unit) == UNIT_UNKNOWN) {
		say_unit(&task->looked, task);
		task_saw(task);
		return true;
	}
	return task_call(task, "GetUnitProcesses", on_pids, err);
}

static bool begin_observe(struct task *task, struct err *err)
{
	if (task_is_fresh(task))
		return ask_pids(task, err);
	task->then = ask_pids;
	return task_read_unit(task, err);
}

static bool systemd_observe(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)err;
	task->seen = done;
	task_begin(task, begin_observe);
	return true;
}

/* ---- describe ---- */

static void told_lingers(void *arg, const json_t *result, const struct err *err)
{
	struct task *task = arg;
	json_t *lingers = json_object_get(result, "lingers");

	(void)err;
	task->asked = NULL;
	if (lingers)
		(void)json_object_set(task->record->unit, "lingers", lingers);
	task->described(task->arg, task->record->unit, NULL);
	task_free(task);
}

/* Whose manager it is, is who logs in there. */
static bool ask_lingers(struct task *task, struct err *err)
{
	return task_ask_host(task, json_pack("{s:s}", "op", "clock"), LOOK_MS,
		told_lingers, err);
}

static void tell_unit(struct task *task, const struct err *denied)
{
	json_t *unit = task->record->unit;

	(void)json_object_set_new(unit, "may_manage", json_boolean(!denied));
	if (denied)
		(void)json_object_set_new(
			unit, "denied", json_string(denied->msg));
	if (task->spec.user_manager) {
		task_go(task, ask_lingers);
		return;
	}
	task->described(task->arg, unit, NULL);
	task_free(task);
}

static void told_right(struct task *task, const struct err *err)
{
	struct err denied = {0};

	if (err && err->code != ERR_STEP) {
		task_fail(task, err);
		return;
	}
	if (err)
		denied = *err;
	task_explain(task, &denied);
	tell_unit(task, err ? &denied : NULL);
}

static void on_reset(void *arg, sd_bus_message *reply, const struct err *err)
{
	(void)reply;
	told_right(arg, err);
}

/* A rule may allow no more than what we do.  Then that is tried which does
 * least to a unit that runs: its count of restarts begins anew. */
static void on_ref(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err unasked = {0};
	bool runs = strcmp(unit_text(task->record->unit, "ActiveState"),
			    "active") == 0;

	(void)reply;
	if (!err || err->sys != EACCES || !runs)
		told_right(task, err);
	else if (!task_call(task, "ResetFailedUnit", on_reset, &unasked))
		task_fail(task, &unasked);
}

/* Takes a reference that ends with our connection: it changes nothing, and
 * needs the same right as what we shall do. */
static bool ask_right(struct task *task, struct err *err)
{
	if (unit_phase(task->record->unit) == UNIT_UNKNOWN) {
		tell_unit(task, NULL);
		return true;
	}
	return task_call(task, "RefUnit", on_ref, err);
}

void systemd_describe(struct event_base *base, const struct process_spec *spec,
	systemd_unit_fn *done, void *arg)
{
	struct task *task = task_new(base, spec, arg);

	task->described = done;
	task->then = ask_right;
	task_begin(task, task_read_unit);
}

const struct process_ops process_systemd = {
	.name = "systemd",
	.observe = systemd_observe,
	.stop = systemd_stop,
	.start = systemd_start,
};
