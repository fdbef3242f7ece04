/*
 * fleet_json.c - a fleet as JSON: what a journal keeps of it, and what differs.
 *
 * The keys are those of the YAML file, in one order, with every default
 * written out, so that a later default never changes a frozen run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_artifact.h"
#include "supervisor/fleet/fleet_schema.h"
#include "supervisor/memory.h"

#define PATH_MAX_LEN 400

/* jansson fails only without memory, and on text that is no UTF-8, which YAML
 * has refused. */
static void put(json_t *object, const char *key, json_t *taken)
{
	if (json_object_set_new(object, key, taken) < 0)
		memory_out();
}

static void put_string(json_t *object, const char *key, const char *value)
{
	if (value)
		put(object, key, json_string(value));
}

static void put_strings(
	json_t *object, const char *key, const struct fleet_strings *list)
{
	json_t *array = json_array();
	unsigned i;

	for (i = 0; i < list->count; i++) {
		if (json_array_append_new(array, json_string(list->item[i])))
			memory_out();
	}
	put(object, key, array);
}

static void put_numbers(json_t *json, const struct fleet *fleet,
	const struct fleet_number *number)
{
	for (; number->key; number++) {
		uint32_t value;

		memcpy(&value, (const char *)fleet + number->offset,
			sizeof(value));
		put(json, number->key, json_integer(value));
	}
}

static json_t *numbers_to_json(
	const struct fleet *fleet, const struct fleet_number *number)
{
	json_t *json = json_object();

	put_numbers(json, fleet, number);
	return json;
}

static json_t *window_to_json(const struct fleet_window *window)
{
	json_t *json = json_object();

	put_string(json, "from", window->from);
	put_string(json, "until", window->until);
	if (window->days.count)
		put_strings(json, "days", &window->days);
	return json;
}

static json_t *spawn_to_json(const struct fleet_spawn *spawn)
{
	json_t *json = json_object();

	put_strings(json, "argv", &spawn->argv);
	put_string(json, "directory", spawn->directory);
	put_string(json, "environment_file", spawn->environment_file);
	put_string(json, "output", spawn->output);
	put(json, "nofile", json_integer((json_int_t)spawn->nofile));
	return json;
}

static json_t *command_to_json(const struct fleet_command *command)
{
	json_t *json = json_object();

	put_strings(json, "start", &command->start);
	put_strings(json, "stop", &command->stop);
	put_strings(json, "status", &command->status);
	return json;
}

static json_t *instance_to_json(const struct fleet_instance *instance)
{
	json_t *json = json_object();

	put_string(json, "name", instance->name);
	put_string(json, "host", instance->host);
	put_string(json, "config", instance->config);
	put_string(json, "lane", instance->lane);
	put_string(json, "link", instance->link);
	if (instance->spawn)
		put(json, "spawn", spawn_to_json(instance->spawn));
	if (instance->command)
		put(json, "command", command_to_json(instance->command));
	if (instance->unit) {
		put_string(json, "unit", instance->unit);
		put_string(
			json, "manager", fleet_manager_word(instance->manager));
	}
	return json;
}

json_t *fleet_to_json(const struct fleet *fleet)
{
	json_t *json = json_object();
	json_t *instances = json_array();
	unsigned i;

	put_string(json, "name", fleet->name);
	put_string(json, "procedure", fleet->procedure);
	put_string(json, "version", fleet->version);
	put(json, "artifact", fleet_artifact_to_json(&fleet->artifact));
	put_string(json, "install_root", fleet->install_root);
	put_string(json, "state_dir", fleet->state_dir);
	put_string(json, "link", fleet->link);
	put_string(json, "compat", fleet->compat);
	put_string(json, "on_failure", fleet_failure_word(fleet->on_failure));
	put_string(json, "pause", fleet_pause_word(fleet->pause));
	put_string(json, "lane_complete",
		fleet_complete_word(fleet->lane_complete));
	put_numbers(json, fleet, fleet_numbers);
	if (fleet->window)
		put(json, "window", window_to_json(fleet->window));
	if (fleet->notify.count)
		put_strings(json, "notify", &fleet->notify);
	put(json, "limits", numbers_to_json(fleet, fleet_limits));
	put(json, "timeouts", numbers_to_json(fleet, fleet_timeouts));
	for (i = 0; i < fleet->instance_count; i++) {
		if (json_array_append_new(
			    instances, instance_to_json(&fleet->instance[i])))
			memory_out();
	}
	put(json, "instances", instances);
	return json;
}

static void differ(
	FILE *out, const char *path, const json_t *was, const json_t *is);

static void print_value(FILE *out, const json_t *value)
{
	_cleanup_free_ char *dump = NULL;
	const char *plain = json_string_value(value);

	if (!value) {
		(void)fputs("(not set)", out);
	} else if (plain && !strpbrk(plain, "\n\t\"\\")) {
		(void)fputs(plain, out);
	} else {
		dump = json_dumps(value, JSON_ENCODE_ANY);
		(void)fputs(dump ? dump : "?", out);
	}
}

static void differ_objects(FILE *out, const char *path, json_t *was, json_t *is)
{
	char below[PATH_MAX_LEN];
	const char *dot = *path ? "." : "";
	const char *key;
	json_t *value;

	json_object_foreach (was, key, value) {
		(void)snprintf(below, sizeof(below), "%s%s%s", path, dot, key);
		differ(out, below, value, json_object_get(is, key));
	}
	json_object_foreach (is, key, value) {
		if (json_object_get(was, key))
			continue;
		(void)snprintf(below, sizeof(below), "%s%s%s", path, dot, key);
		differ(out, below, NULL, value);
	}
}

static json_t *find_named(const json_t *instances, const char *name)
{
	json_t *entry;
	size_t i;

	json_array_foreach (instances, i, entry) {
		const char *its =
			json_string_value(json_object_get(entry, "name"));

		if (its && name && !strcmp(its, name))
			return entry;
	}
	return NULL;
}

/* By name: where in the list an instance stands means nothing. */
static void differ_instances(FILE *out, const json_t *was, const json_t *is)
{
	char path[PATH_MAX_LEN];
	json_t *entry;
	size_t i;

	json_array_foreach (was, i, entry) {
		const char *name =
			json_string_value(json_object_get(entry, "name"));
		json_t *now = find_named(is, name);

		(void)snprintf(
			path, sizeof(path), "instances[%s]", name ? name : "?");
		if (now)
			differ(out, path, entry, now);
		else
			(void)fprintf(out, "%s: removed\n", path);
	}
	json_array_foreach (is, i, entry) {
		const char *name =
			json_string_value(json_object_get(entry, "name"));

		if (!find_named(was, name))
			(void)fprintf(out, "instances[%s]: added\n",
				name ? name : "?");
	}
}

static void differ(
	FILE *out, const char *path, const json_t *was, const json_t *is)
{
	if (was && is && json_equal(was, is))
		return;
	if (json_is_object(was) && json_is_object(is)) {
		differ_objects(out, path, (json_t *)was, (json_t *)is);
	} else if (!strcmp(path, "instances") && json_is_array(was) &&
		   json_is_array(is)) {
		differ_instances(out, was, is);
	} else {
		(void)fprintf(out, "%s: ", path);
		print_value(out, was);
		(void)fputs(" -> ", out);
		print_value(out, is);
		(void)fputc('\n', out);
	}
}

char *fleet_difference(const json_t *planned, const json_t *now)
{
	char *lines = NULL;
	size_t size;
	FILE *out = memory_must(open_memstream(&lines, &size));

	differ(out, "", planned, now);
	/* glibc's fclose() is content when it could not keep the text. */
	if (fclose(out) != 0 || !lines)
		memory_out();
	return lines;
}
