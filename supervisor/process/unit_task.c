/*
 * unit_task.c - tasks, and what is kept of the units that they are about.
 */
#include "supervisor/process/unit_task.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/ops.h"
#include "supervisor/memory.h"

enum {
	FRESH_MS = 10000, /* what systemd said, if no signal came */
	WORDS_MS = 45000, /* a journal may be large */
	CLAIM_MS = 30000,
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

struct task *task_new(
	struct event_base *base, const struct process_spec *spec, void *arg)
{
	struct task *task = memory_calloc(1, sizeof(*task));

	task->base = base;
	task->spec = *spec;
	task->arg = arg;
	task->bus = bus_find(base, spec->host, spec->user_manager);
	task->record = record_of(task->bus, spec->unit);
	task->next = tasks;
	task->at = &tasks;
	if (tasks)
		tasks->at = &task->next;
	tasks = task;
	return task;
}

void task_free(struct task *task)
{
	*task->at = task->next;
	if (task->next)
		task->next->at = task->at;
	host_call_cancel(task->asked);
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

const char *task_user(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : "this one";
}

void task_explain(const struct task *task, struct err *err)
{
	struct host *host = task->spec.host;
	bool here = !host || host_is_local(host);

	if (err->sys == EACCES)
		(void)err_set(err, ERR_STEP,
			"%s %s may not manage unit %s: a polkit rule has to "
			"allow org.freedesktop.systemd1.manage-units for it",
			here ? "user" : "who logs in at",
			here ? task_user() : host_name(host), task->spec.unit);
	else
		(void)err_wrap(err, "%s", task->spec.unit);
}

void task_fail(struct task *task, const struct err *why)
{
	struct err err = *why;

	task_explain(task, &err);
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

void task_acted(struct task *task)
{
	task->acted(task->arg, NULL);
	task_free(task);
}

void task_go(struct task *task, task_fn *next)
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

bool task_read_unit(struct task *task, struct err *err)
{
	task->changes = bus_changes(task->bus, task->record->path);
	return bus_call(task->bus, task->record->path,
		"org.freedesktop.DBus.Properties", "GetAll", on_unit, task, err,
		"s", "");
}

bool task_is_fresh(const struct task *task)
{
	const struct record *record = task->record;

	return record->unit &&
	       record->changes == bus_changes(task->bus, record->path) &&
	       sys_boottime_ms() - record->read_ms < FRESH_MS;
}

bool task_ask_host(struct task *task, json_t *ask, int64_t timeout_ms,
	host_fn *done, struct err *err)
{
	_cleanup_json_ json_t *question = memory_must(ask), *result = NULL;
	const char *name = json_string_value(json_object_get(question, "op"));

	if (task->spec.host)
		return host_ask(task->spec.host, question, timeout_ms, done,
			task, &task->asked, err);
	if (!host_op_find(name)->fn(question, &result, err))
		return false;
	done(task, result, NULL);
	return true;
}

static void on_claim(void *arg, const json_t *result, const struct err *err)
{
	struct task *task = arg;
	struct err gone = {0};

	(void)result;
	task->asked = NULL;
	if (!err) {
		task_go(task, task->then);
		return;
	}
	if (err->code == ERR_MISSING) {
		(void)err_set(&gone, ERR_DECIDE,
			"its claim is gone: somebody removed it from %s/"
			".syncup/claims",
			task->spec.root);
		err = &gone;
	}
	task_fail(task, err);
}

bool task_if_claimed(struct task *task, task_fn *next, struct err *err)
{
	const struct process_spec *spec = &task->spec;

	if (!spec->run)
		return next(task, err);
	task->then = next;
	return task_ask_host(task,
		json_pack("{s:s, s:s, s:s, s:s}", "op", "claim_check", "root",
			spec->root, "name", spec->name, "run", spec->run),
		CLAIM_MS, on_claim, err);
}

static void on_words(void *arg, const json_t *result, const struct err *err)
{
	struct task *task = arg;
	struct record *record = task->record;
	const char *said = json_string_value(json_object_get(result, "said"));

	task->asked = NULL;
	if (!err)
		(void)snprintf(record->told, sizeof(record->told), "%s",
			unit_text(record->unit, "InvocationID"));
	(void)snprintf(
		record->said, sizeof(record->said), "%s", said ? said : "");
	task_go(task, task->then);
}

bool task_want_words(struct task *task, struct err *err)
{
	const struct record *record = task->record;
	const char *invocation = unit_text(record->unit, "InvocationID");

	if (unit_ended_badly(record->unit) && invocation[0] &&
		strcmp(invocation, record->told) != 0)
		return task_ask_host(task,
			json_pack("{s:s, s:s}", "op", "unit_words",
				"invocation", invocation),
			WORDS_MS, on_words, err);
	task_go(task, task->then);
	return true;
}

static void on_ready(void *arg, const struct err *err)
{
	struct task *task = arg;

	if (err)
		task_fail(task, err);
	else
		task_go(task, task->begin);
}

void task_begin(struct task *task, task_fn *begin)
{
	task->begin = begin;
	bus_ready(task->bus, on_ready, task);
}

bool task_call(struct task *task, const char *method, bus_reply_fn *done,
	struct err *err)
{
	return bus_call(task->bus, SYSTEMD_PATH, SYSTEMD_MANAGER, method, done,
		task, err, "s", task->spec.unit);
}
