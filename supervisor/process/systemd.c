/*
 * systemd.c - processes that are units of a service manager.
 *
 * Every question is a task: a chain of calls, each begun by the end of the one
 * before.  What systemd says of a unit is kept until a signal says that it has
 * changed; which processes it has is asked each time.  Units are never edited.
 */
#include "supervisor/process/systemd.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/bus.h"
#include "supervisor/process/unit.h"
#include "supervisor/process/unit_look.h"
#include "supervisor/process/unit_words.h"

enum {
	FRESH_MS = 10000, /* what systemd said, if no signal came */
	/* Then it is observed: patience and kill_after: are the step's. */
	STOP_WAIT_MS = 3000,
	START_WAIT_MS = 30000,
};

struct record { /* what is kept of a unit between two looks */
	struct record *next;
	struct bus *bus;
	char *name, *path;
	json_t *unit; /* or NULL */
	unsigned changes; /* as counted before it was read */
	int64_t read_ms;
	pid_t last; /* that ran when it was not being stopped */
	char told[33]; /* the invocation whose last words these are */
	char said[PROCESS_SAID];
};

struct task {
	struct task *next, **at;
	struct event_base *base;
	struct process_spec spec;
	struct bus *bus;
	struct record *record;
	bool (*then)(struct task *task, struct err *err); /* unit is read */
	unsigned changes;
	struct process_seen looked;
	struct unit_words *words;
	process_seen_fn *seen; /* one of these three */
	process_acted_fn *acted;
	systemd_unit_fn *described;
	void *arg;
	bool kill;
	char result[BUS_WORD]; /* of a start's job that went wrong */
};

static struct task *tasks;
static struct record *records;

static struct record *record_of(struct bus *bus, const char *name)
{
	struct record *record = records;

	while (record &&
		(record->bus != bus || strcmp(record->name, name) != 0))
		record = record->next;
	if (record)
		return record;
	record = memory_calloc(1, sizeof(*record));
	record->bus = bus;
	record->name = memory_strdup(name);
	if (sd_bus_path_encode(SYSTEMD_PATH "/unit", name, &record->path) < 0)
		memory_out();
	record->next = records;
	records = record;
	return record;
}

static struct task *task_new(
	struct event_base *base, const struct process_spec *spec, void *arg)
{
	struct task *task = memory_calloc(1, sizeof(*task));

	task->base = base;
	task->spec = *spec;
	task->arg = arg;
	task->bus = bus_find(base, spec->user_manager);
	task->record = record_of(task->bus, spec->unit);
	task->next = tasks;
	task->at = &tasks;
	if (tasks)
		tasks->at = &task->next;
	tasks = task;
	return task;
}

static void task_free(struct task *task)
{
	*task->at = task->next;
	if (task->next)
		task->next->at = task->at;
	unit_words_cancel(task->words);
	free(task);
}

void systemd_close(struct event_base *base)
{
	struct record **at = &records;

	for (struct task *task = tasks, *next; task; task = next) {
		next = task->next;
		if (task->base == base)
			task_free(task);
	}
	while (*at) {
		struct record *record = *at;

		if (bus_base(record->bus) != base) {
			at = &record->next;
			continue;
		}
		*at = record->next;
		json_decref(record->unit);
		free(record->name);
		free(record->path);
		free(record);
	}
	bus_close_all(base);
}

/* ---- the end of a task ---- */

static const char *our_name(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : "this one";
}

static void explain(const struct task *task, struct err *err)
{
	if (err->sys == EACCES)
		(void)err_set(err, ERR_STEP,
			"user %s may not manage unit %s: a polkit rule has to "
			"allow org.freedesktop.systemd1.manage-units for it",
			our_name(), task->spec.unit);
	else
		(void)err_wrap(err, "%s", task->spec.unit);
}

static void task_fail(struct task *task, const struct err *why)
{
	struct err err = *why;

	explain(task, &err);
	if (task->seen) {
		struct process_seen seen = {.view = PROCESS_UNKNOWN};

		(void)snprintf(seen.why, sizeof(seen.why), "%.199s", err.msg);
		task->seen(task->arg, &seen);
	} else if (task->acted) {
		task->acted(task->arg, &err);
	} else {
		task->described(task->arg, NULL, &err);
	}
	task_free(task);
}

static void task_acted(struct task *task)
{
	task->acted(task->arg, NULL);
	task_free(task);
}

static void task_saw(struct task *task)
{
	task->seen(task->arg, &task->looked);
	task_free(task);
}

static void task_go(
	struct task *task, bool (*next)(struct task *, struct err *))
{
	struct err err = {0};

	if (!next(task, &err))
		task_fail(task, &err);
}

/* ---- reading the unit ---- */

static void on_unit(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct record *record = task->record;
	struct err bad = {0};
	json_t *unit;

	if (err) {
		task_fail(task, err);
		return;
	}
	if (!unit_read(reply, &unit, &bad)) {
		task_fail(task, &bad);
		return;
	}
	json_decref(record->unit);
	record->unit = unit;
	record->changes = task->changes;
	record->read_ms = sys_boottime_ms();
	task_go(task, task->then);
}

static bool read_unit(struct task *task, struct err *err)
{
	task->changes = bus_changes(task->bus, task->record->path);
	return bus_call(task->bus, task->record->path,
		"org.freedesktop.DBus.Properties", "GetAll", on_unit, task, err,
		"s", "");
}

static bool is_fresh(const struct task *task)
{
	const struct record *record = task->record;

	return record->unit &&
	       record->changes == bus_changes(task->bus, record->path) &&
	       sys_boottime_ms() - record->read_ms < FRESH_MS;
}

/* ---- observe ---- */

static void on_words(void *arg, const char *said)
{
	struct task *task = arg;
	struct record *record = task->record;

	task->words = NULL;
	(void)snprintf(record->told, sizeof(record->told), "%s",
		unit_text(record->unit, "InvocationID"));
	(void)snprintf(record->said, sizeof(record->said), "%s", said);
	task_go(task, task->then);
}

/* Goes on with task->then once record->said is of the unit's last life. */
static bool want_words(struct task *task, struct err *err)
{
	const struct record *record = task->record;
	const char *invocation = unit_text(record->unit, "InvocationID");

	(void)err;
	if (!unit_ended_badly(record->unit) || !invocation[0] ||
		strcmp(invocation, record->told) == 0 ||
		!unit_words_ask(
			task->base, invocation, on_words, task, &task->words))
		task_go(task, task->then);
	return true;
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

static void looked(
	struct task *task, const json_t *result, const struct err *err)
{
	unit_look_read(result, err, &task->looked);
	judge(task);
	task->then = tell_seen;
	task_go(task, want_words);
}

static bool look(struct task *task, json_t *taken_pids, struct err *err)
{
	const json_t *unit = task->record->unit;
	enum unit_phase phase = unit_phase(unit);
	_cleanup_json_ json_t *ask = memory_must(json_pack(
		"{s:s, s:i, s:s, s:o, s:I, s:b, s:I}", "op", "unit", "port",
		task->spec.port, "config", task->spec.config, "pids",
		taken_pids, "main", (json_int_t)unit_number(unit, "MainPID"),
		"ended", phase == UNIT_ENDED || phase == UNIT_HELD, "exited_us",
		(json_int_t)unit_number(
			unit, "ExecMainExitTimestampMonotonic")));
	_cleanup_json_ json_t *result = NULL;

	if (!unit_look(ask, &result, err))
		return false;
	looked(task, result, NULL);
	return true;
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
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER,
		"GetUnitProcesses", on_pids, task, err, "s", task->spec.unit);
}

static bool begin_observe(struct task *task, struct err *err)
{
	if (is_fresh(task))
		return ask_pids(task, err);
	task->then = ask_pids;
	return read_unit(task, err);
}

static void observe_ready(void *arg, const struct err *err)
{
	if (err)
		task_fail(arg, err);
	else
		task_go(arg, begin_observe);
}

static bool systemd_observe(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)err;
	task->seen = done;
	bus_ready(task->bus, observe_ready, task);
	return true;
}

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

static bool begin_stop(struct task *task, struct err *err)
{
	if (task->kill)
		return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER,
			"KillUnit", on_killed, task, err, "ssi",
			task->spec.unit, "all", SIGKILL);
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit",
		on_stopping, task, err, "ss", task->spec.unit, "replace");
}

static void stop_ready(void *arg, const struct err *err)
{
	if (err)
		task_fail(arg, err);
	else
		task_go(arg, begin_stop);
}

static bool systemd_stop(struct event_base *base,
	const struct process_spec *spec, const struct process_seen *who,
	bool kill, process_acted_fn *done, void *arg, struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)who, (void)err;
	task->acted = done;
	task->kill = kill;
	bus_ready(task->bus, stop_ready, task);
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
	return want_words(task, err);
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
		task_go(task, read_unit);
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

/* A unit that is not loaded, or never failed, has nothing to be reset. */
static void on_reset(void *arg, sd_bus_message *reply, const struct err *err)
{
	(void)reply;
	if (err && (err->code != ERR_STEP || err->sys == EACCES))
		task_fail(arg, err);
	else
		task_go(arg, call_start);
}

static bool call_reset(struct task *task, struct err *err)
{
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER,
		"ResetFailedUnit", on_reset, task, err, "s", task->spec.unit);
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
 * with its limit of starts counted anew. */
static bool begin_start(struct task *task, struct err *err)
{
	enum unit_phase phase = unit_phase(task->record->unit);

	if (phase != UNIT_HELD && phase != UNIT_FAILING)
		return call_reset(task, err);
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit",
		on_circles, task, err, "ss", task->spec.unit, "replace");
}

static void start_ready(void *arg, const struct err *err)
{
	if (err)
		task_fail(arg, err);
	else
		task_go(arg, read_unit);
}

static bool systemd_start(struct event_base *base,
	const struct process_spec *spec, uint64_t attempt,
	process_acted_fn *done, void *arg, struct err *err)
{
	struct task *task = task_new(base, spec, arg);

	(void)attempt, (void)err;
	task->acted = done;
	task->then = begin_start;
	bus_ready(task->bus, start_ready, task);
	return true;
}

/* ---- describe ---- */

static bool we_linger(void)
{
	_cleanup_free_ char *path =
		memory_text("/var/lib/systemd/linger/%s", our_name());

	return access(path, F_OK) == 0;
}

static void tell_unit(struct task *task, const struct err *denied)
{
	json_t *unit = task->record->unit;

	(void)json_object_set_new(unit, "may_manage", json_boolean(!denied));
	if (task->spec.user_manager)
		(void)json_object_set_new(
			unit, "lingers", json_boolean(we_linger()));
	if (denied)
		(void)json_object_set_new(
			unit, "denied", json_string(denied->msg));
	task->described(task->arg, unit, NULL);
	task_free(task);
}

/* Whatever else is wrong is found by other looks. */
static void on_right(void *arg, sd_bus_message *reply, const struct err *err)
{
	struct task *task = arg;
	struct err denied = {0};

	(void)reply;
	if (err && err->code != ERR_STEP) {
		task_fail(task, err);
		return;
	}
	if (err)
		denied = *err;
	if (denied.sys == EACCES)
		explain(task, &denied);
	tell_unit(task, denied.sys || denied.code ? &denied : NULL);
}

/* Takes a reference that ends with our connection: it changes nothing, and
 * needs the same right as what we shall do. */
static bool ask_right(struct task *task, struct err *err)
{
	if (unit_phase(task->record->unit) == UNIT_UNKNOWN) {
		tell_unit(task, NULL);
		return true;
	}
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, "RefUnit",
		on_right, task, err, "s", task->spec.unit);
}

static void describe_ready(void *arg, const struct err *err)
{
	if (err)
		task_fail(arg, err);
	else
		task_go(arg, read_unit);
}

void systemd_describe(struct event_base *base, const struct process_spec *spec,
	systemd_unit_fn *done, void *arg)
{
	struct task *task = task_new(base, spec, arg);

	task->described = done;
	task->then = ask_right;
	bus_ready(task->bus, describe_ready, task);
}

const struct process_ops process_systemd = {
	.name = "systemd",
	.observe = systemd_observe,
	.stop = systemd_stop,
	.start = systemd_start,
};
