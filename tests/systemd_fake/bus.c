/*
 * bus.c - what the made-up manager answers.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manager.h"

#define SYSTEMD "org.freedesktop.systemd1"

enum fault {
	FAULT_NONE,
	FAULT_DENY,
	FAULT_SILENT, /* obeys and never answers */
	FAULT_CUT, /* obeys and leaves the bus */
	FAULT_DEAF, /* neither obeys nor answers */
};

/* <dir>/faults.json: {"<method>": "deny" ...}; "<method>@<unit>" is stronger */
static enum fault fault_of(
	const struct manager *manager, const char *method, const char *unit)
{
	static const char *const words[] = {
		"", "deny", "silent", "cut", "deaf"};
	char path[4096], exact[400];
	const char *word;
	enum fault fault = FAULT_NONE;
	json_t *faults;

	(void)snprintf(path, sizeof(path), "%s/faults.json", manager->dir);
	(void)snprintf(exact, sizeof(exact), "%s@%s", method, unit);
	faults = json_load_file(path, 0, NULL);
	word = json_string_value(json_object_get(faults, exact));
	if (!word)
		word = json_string_value(json_object_get(faults, method));
	for (unsigned i = 1; word && i < 5; i++)
		if (strcmp(words[i], word) == 0)
			fault = (enum fault)i;
	json_decref(faults);
	return fault;
}

/* <dir>/calls.ndjson: what was asked, before it has any effect. */
static void note(
	const struct manager *manager, const char *method, const char *unit)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/calls.ndjson", manager->dir);
	file = fopen(path, "ae");
	if (!file)
		return;
	(void)fprintf(
		file, "{\"method\": \"%s\", \"unit\": \"%s\"}\n", method, unit);
	(void)fclose(file);
}

void manager_changed(struct manager *manager, const struct unit *unit)
{
	(void)sd_bus_emit_signal(manager->bus, unit->path,
		"org.freedesktop.DBus.Properties", "PropertiesChanged",
		"sa{sv}as", SYSTEMD ".Service", 0, 0);
}

static void job_path(char *path, size_t size, uint32_t job)
{
	(void)snprintf(path, size, "/org/freedesktop/systemd1/job/%u", job);
}

void manager_job_removed(struct manager *manager, uint32_t job,
	const struct unit *unit, const char *result)
{
	char path[64];

	job_path(path, sizeof(path), job);
	/* Somebody else's, which is nobody's business. */
	(void)sd_bus_emit_signal(manager->bus, "/org/freedesktop/systemd1",
		SYSTEMD ".Manager", "JobRemoved", "uoss", job + 100000,
		"/org/freedesktop/systemd1/job/7", "other.service", "failed");
	(void)sd_bus_emit_signal(manager->bus, "/org/freedesktop/systemd1",
		SYSTEMD ".Manager", "JobRemoved", "uoss", job, path, unit->name,
		result);
}

/* ---- properties ---- */

static void put_text(sd_bus_message *reply, const char *name, const char *value)
{
	(void)sd_bus_message_append(reply, "{sv}", name, "s", value);
}

static void put_number(sd_bus_message *reply, const char *name,
	const char *type, int64_t value)
{
	if (type[0] == 't')
		(void)sd_bus_message_append(
			reply, "{sv}", name, "t", (uint64_t)value);
	else
		(void)sd_bus_message_append(
			reply, "{sv}", name, type, (int)value);
}

static void put_argv(sd_bus_message *reply, const json_t *argv)
{
	(void)sd_bus_message_open_container(reply, 'r', "sasbttttuii");
	(void)sd_bus_message_append(
		reply, "s", json_string_value(json_array_get(argv, 0)));
	(void)sd_bus_message_open_container(reply, 'a', "s");
	for (size_t i = 0; i < json_array_size(argv); i++)
		(void)sd_bus_message_append(
			reply, "s", json_string_value(json_array_get(argv, i)));
	(void)sd_bus_message_close_container(reply);
	(void)sd_bus_message_append(reply, "bttttuii", 0, (uint64_t)0,
		(uint64_t)0, (uint64_t)0, (uint64_t)0, 0u, 0, 0);
	(void)sd_bus_message_close_container(reply);
}

static void put_command(
	sd_bus_message *reply, const char *name, const json_t *argv)
{
	(void)sd_bus_message_open_container(reply, 'e', "sv");
	(void)sd_bus_message_append(reply, "s", name);
	(void)sd_bus_message_open_container(reply, 'v', "a(sasbttttuii)");
	(void)sd_bus_message_open_container(reply, 'a', "(sasbttttuii)");
	if (json_array_size(argv) > 0)
		put_argv(reply, argv);
	for (int i = 0; i < 3; i++)
		(void)sd_bus_message_close_container(reply);
}

static void put_invocation(sd_bus_message *reply, const struct unit *unit)
{
	(void)sd_bus_message_open_container(reply, 'e', "sv");
	(void)sd_bus_message_append(reply, "s", "InvocationID");
	(void)sd_bus_message_open_container(reply, 'v', "ay");
	(void)sd_bus_message_append_array(reply, 'y', unit->invocation,
		unit->started_us ? sizeof(unit->invocation) : 0);
	(void)sd_bus_message_close_container(reply);
	(void)sd_bus_message_close_container(reply);
}

static void put_list(
	sd_bus_message *reply, const char *name, const json_t *list)
{
	(void)sd_bus_message_open_container(reply, 'e', "sv");
	(void)sd_bus_message_append(reply, "s", name);
	(void)sd_bus_message_open_container(reply, 'v', "as");
	(void)sd_bus_message_open_container(reply, 'a', "s");
	for (size_t i = 0; i < json_array_size(list); i++)
		(void)sd_bus_message_append(
			reply, "s", json_string_value(json_array_get(list, i)));
	for (int i = 0; i < 3; i++)
		(void)sd_bus_message_close_container(reply);
}

static const char *text_or(
	const json_t *file, const char *key, const char *standard)
{
	const char *text = json_string_value(json_object_get(file, key));

	return text ? text : standard;
}

/* What a unit's file says under "is" replaces what is true. */
static void put_all(
	sd_bus_message *reply, const struct unit *unit, const json_t *file)
{
	const json_t *is = json_object_get(file, "is");
	int64_t stop_ms = json_integer_value(json_object_get(file, "stop_ms"));

	put_text(reply, "LoadState", text_or(is, "LoadState", "loaded"));
	put_text(
		reply, "ActiveState", text_or(is, "ActiveState", unit->active));
	put_text(reply, "SubState", text_or(is, "SubState", unit->sub));
	put_text(reply, "Result", text_or(is, "Result", unit->result));
	put_text(reply, "Type", text_or(is, "Type", "exec"));
	put_text(reply, "KillMode", text_or(is, "KillMode", "control-group"));
	put_text(reply, "UnitFileState",
		text_or(is, "UnitFileState", "enabled"));
	put_text(reply, "Restart",
		json_is_true(json_object_get(file, "restart")) ? "always"
							       : "no");
	put_number(reply, "MainPID", "u",
		json_object_get(is, "MainPID")
			? json_integer_value(json_object_get(is, "MainPID"))
			: unit->main);
	put_number(reply, "NRestarts", "u", unit->restarts);
	put_number(reply, "ExecMainCode", "i", unit->code);
	put_number(reply, "ExecMainStatus", "i", unit->status);
	put_number(reply, "ExecMainStartTimestampMonotonic", "t",
		(int64_t)unit->started_us);
	put_number(reply, "ExecMainExitTimestampMonotonic", "t",
		(int64_t)unit->exited_us);
	put_number(reply, "TimeoutStopUSec", "t",
		(stop_ms ? stop_ms : 90000) * 1000);
	put_number(reply, "KillSignal", "i",
		json_object_get(is, "KillSignal")
			? json_integer_value(json_object_get(is, "KillSignal"))
			: SIGTERM);
	put_number(reply, "SendSIGKILL", "b", 1);
	put_number(reply, "SendSIGHUP", "b",
		json_is_true(json_object_get(is, "SendSIGHUP")));
	put_number(reply, "NeedDaemonReload", "b",
		json_is_true(json_object_get(is, "NeedDaemonReload")));
	put_list(reply, "TriggeredBy", json_object_get(is, "TriggeredBy"));
	put_command(reply, "ExecStart", json_object_get(file, "argv"));
	put_command(reply, "ExecStop", json_object_get(file, "exec_stop"));
	put_invocation(reply, unit);
}

static int answer_all(struct manager *manager, sd_bus_message *call)
{
	const char *path = sd_bus_message_get_path(call);
	sd_bus_message *reply = NULL;
	char *name = NULL;
	struct unit *unit;
	json_t *file;
	int r;

	if (sd_bus_path_decode(path, "/org/freedesktop/systemd1/unit", &name) <=
		0)
		return 0;
	unit = unit_find(manager, name);
	file = unit_file(manager, name);
	r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0) {
		(void)sd_bus_message_open_container(reply, 'a', "{sv}");
		put_text(reply, "Id", name);
		if (unit)
			put_all(reply, unit, file);
		else
			put_text(reply, "LoadState", "not-found");
		(void)sd_bus_message_close_container(reply);
		r = sd_bus_send(NULL, reply, NULL);
	}
	sd_bus_message_unref(reply);
	json_decref(file);
	free(name);
	return r < 0 ? r : 1;
}

/* ---- methods ---- */

static int answer_pids(sd_bus_message *call, const struct unit *unit)
{
	sd_bus_message *reply = NULL;
	pid_t pids[256];
	size_t count = unit_pids(unit, pids, 256);
	int r = sd_bus_message_new_method_return(call, &reply);

	if (r >= 0) {
		(void)sd_bus_message_open_container(reply, 'a', "(sus)");
		for (size_t i = 0; i < count; i++)
			(void)sd_bus_message_append(
				reply, "(sus)", "/x", (uint32_t)pids[i], "x");
		(void)sd_bus_message_close_container(reply);
		r = sd_bus_send(NULL, reply, NULL);
	}
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int answer_job(sd_bus_message *call, uint32_t job, enum fault fault)
{
	char path[64];

	job_path(path, sizeof(path), job);
	return fault == FAULT_NONE ? sd_bus_reply_method_return(call, "o", path)
				   : 1;
}

static int start(struct manager *manager, sd_bus_message *call,
	struct unit *unit, enum fault fault)
{
	json_t *file = unit_file(manager, unit->name);
	const char *result = text_or(file, "start_result", "done");
	uint32_t job = ++manager->last_job;
	int r = answer_job(call, job, fault);

	if (strcmp(result, "done") != 0) {
		unit->active = unit->sub = "failed";
		unit->result = "exit-code";
		unit->code = CLD_EXITED;
		unit->status = 203;
		manager_changed(manager, unit);
	} else if (unit->main <= 0) {
		unit_start(manager, unit);
	}
	manager_job_removed(manager, job, unit, result);
	json_decref(file);
	return r < 0 ? r : 1;
}

static int stop(struct manager *manager, sd_bus_message *call,
	struct unit *unit, enum fault fault)
{
	json_t *file = unit_file(manager, unit->name);
	const char *result = text_or(file, "stop_result", "done");
	uint32_t job = ++manager->last_job;
	int r = answer_job(call, job, fault);

	if (strcmp(result, "done") == 0 && unit_stop(manager, unit))
		unit->stop_job = job;
	else
		manager_job_removed(manager, job, unit, result);
	json_decref(file);
	return r < 0 ? r : 1;
}

static int connect_bus(struct manager *manager);
static void try_later(struct manager *manager);

static int obey(struct manager *manager, sd_bus_message *call,
	const char *method, struct unit *unit, enum fault fault)
{
	if (strcmp(method, "GetUnitProcesses") == 0)
		return answer_pids(call, unit);
	if (strcmp(method, "StartUnit") == 0)
		return start(manager, call, unit, fault);
	if (strcmp(method, "StopUnit") == 0)
		return stop(manager, call, unit, fault);
	if (strcmp(method, "ResetFailedUnit") == 0)
		unit_reset(unit);
	else if (strcmp(method, "KillUnit") == 0 && unit->main > 0)
		(void)kill(unit->main, SIGKILL);
	return fault == FAULT_NONE ? sd_bus_reply_method_return(call, "") : 1;
}

static int on_call(sd_bus_message *call, void *arg, sd_bus_error *ret_error)
{
	struct manager *manager = arg;
	const char *method = sd_bus_message_get_member(call), *name = "";
	struct unit *unit;
	enum fault fault;
	int r;

	if (!sd_bus_message_is_method_call(call, NULL, NULL))
		return 0;
	if (strcmp(method, "GetAll") == 0)
		return fault_of(manager, method, "") == FAULT_NONE
			       ? answer_all(manager, call)
			       : 1;
	if (strcmp(method, "Subscribe") == 0)
		return sd_bus_reply_method_return(call, "");
	if (sd_bus_message_read(call, "s", &name) < 0)
		return 0;
	note(manager, method, name);
	unit = unit_find(manager, name);
	fault = fault_of(manager, method, name);
	if (fault == FAULT_DENY)
		return sd_bus_error_set(ret_error,
			SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
			"Interactive authentication required.");
	if (fault == FAULT_DEAF)
		return 1;
	if (!unit)
		return sd_bus_error_setf(ret_error, SYSTEMD ".NoSuchUnit",
			"Unit %s not found.", name);
	r = obey(manager, call, method, unit, fault);
	if (fault != FAULT_CUT)
		return r;
	sd_bus_close(manager->bus);
	try_later(manager); /* until the bus has forgotten whose name it was */
	return 1;
}

static int on_try(sd_event_source *source, uint64_t at, void *arg)
{
	(void)at;
	sd_event_source_unref(source);
	if (connect_bus(arg) < 0)
		try_later(arg);
	return 0;
}

static void try_later(struct manager *manager)
{
	sd_event_source *source;

	(void)sd_event_add_time_relative(manager->event, &source,
		CLOCK_MONOTONIC, 100000, 1000, on_try, manager);
}

static int on_gone(sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
	(void)message, (void)ret_error;
	try_later(arg);
	return 0;
}

static int connect_bus(struct manager *manager)
{
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = sd_bus_add_fallback(bus, NULL, "/org/freedesktop/systemd1",
			on_call, manager);
	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, NULL,
			"/org/freedesktop/DBus/Local",
			"org.freedesktop.DBus.Local", "Disconnected", on_gone,
			manager);
	if (r >= 0)
		r = sd_bus_request_name(bus, SYSTEMD, 0);
	if (r >= 0)
		r = sd_bus_attach_event(bus, manager->event, 0);
	if (r < 0)
		sd_bus_close_unref(bus);
	else
		manager->bus = bus;
	return r;
}

int manager_serve(struct manager *manager)
{
	/* The bus may not listen yet. */
	if (connect_bus(manager) < 0)
		try_later(manager);
	units_come_up(manager);
	return sd_event_loop(manager->event);
}
