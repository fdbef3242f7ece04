/*
 * process_json.c - process_spec and process_seen to and from JSON.
 */
#include "supervisor/process/process_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"

#define WORDS_MAX 1024u /* of one command */

static void put_text(json_t *json, const char *key, const char *text)
{
	if (text)
		(void)json_object_set_new(json, key, json_string(text));
}

static void put_words(json_t *json, const char *key, char *const *words)
{
	json_t *list;

	if (!words)
		return;
	list = json_array();
	for (; *words; words++)
		(void)json_array_append_new(list, json_string(*words));
	(void)json_object_set_new(json, key, list);
}

json_t *process_spec_json(const struct process_spec *spec)
{
	json_t *json = json_object();

	put_text(json, "name", spec->name);
	put_text(json, "backend", spec->backend);
	(void)json_object_set_new(json, "port", json_integer(spec->port));
	put_text(json, "root", spec->root);
	put_text(json, "run", spec->run);
	put_text(json, "config", spec->config);
	put_words(json, "argv", spec->argv);
	put_text(json, "directory", spec->directory);
	put_text(json, "environment_file", spec->environment_file);
	put_text(json, "output", spec->output);
	if (spec->nofile)
		(void)json_object_set_new(
			json, "nofile", json_integer((json_int_t)spec->nofile));
	put_text(json, "run_file", spec->run_file);
	put_words(json, "start", spec->start);
	put_words(json, "stop", spec->stop);
	put_words(json, "status", spec->status);
	return json;
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

/* NULL also if it is no list of texts: whoever needs it says so. */
static char **words_of(const json_t *json, const char *key)
{
	const json_t *list = json_object_get(json, key);
	size_t count = json_array_size(list);
	char **words;

	if (!json_is_array(list) || count > WORDS_MAX)
		return NULL;
	words = memory_calloc(count + 1, sizeof(*words));
	for (size_t i = 0; i < count; i++) {
		words[i] = (char *)(uintptr_t)json_string_value(
			json_array_get(list, i));
		if (!words[i]) {
			free(words);
			return NULL;
		}
	}
	return words;
}

bool process_spec_read(
	const json_t *json, struct process_spec *ret_spec, struct err *err)
{
	json_int_t port = json_integer_value(json_object_get(json, "port"));
	struct process_spec spec = {
		.name = text_of(json, "name"),
		.backend = text_of(json, "backend"),
		.port = (uint16_t)port,
		.root = text_of(json, "root"),
		.run = text_of(json, "run"),
		.config = text_of(json, "config"),
		.directory = text_of(json, "directory"),
		.environment_file = text_of(json, "environment_file"),
		.output = text_of(json, "output"),
		.nofile = (uint64_t)json_integer_value(
			json_object_get(json, "nofile")),
		.run_file = text_of(json, "run_file"),
	};

	if (!spec.name || !spec.backend || !spec.config || port < 0 ||
		port > UINT16_MAX)
		return err_set(err, ERR_BUG, "this is no process");
	spec.argv = words_of(json, "argv");
	spec.start = words_of(json, "start");
	spec.stop = words_of(json, "stop");
	spec.status = words_of(json, "status");
	*ret_spec = spec;
	return true;
}

void process_spec_done(struct process_spec *spec)
{
	char *const *lists[] = {
		spec->argv, spec->start, spec->stop, spec->status};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free((void *)(uintptr_t)lists[i]);
	spec->argv = spec->start = spec->stop = spec->status = NULL;
}

static const char *const views[] = {
	[PROCESS_UNKNOWN] = "unknown",
	[PROCESS_RUNNING] = "running",
	[PROCESS_GONE] = "gone",
};

json_t *process_seen_json(const struct process_seen *seen)
{
	struct process_seen mended = *seen;

	err_mend_text(mended.exe);
	err_mend_text(mended.why);
	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:I, s:b, s:I, s:I, s:s, "
			 "s:s, s:b, s:I}",
		"view", views[seen->view], "pid", (json_int_t)seen->pid,
		"start_ticks", (json_int_t)seen->start_ticks, "age_ms",
		(json_int_t)seen->age_ms, "boot_id", seen->boot_id, "attempt",
		(json_int_t)seen->attempt, "exe_known", seen->exe_known,
		"exe_dev", (json_int_t)seen->exe_dev, "exe_ino",
		(json_int_t)seen->exe_ino, "exe", mended.exe, "why", mended.why,
		"has_ended", seen->has_ended, "ended_ms",
		(json_int_t)seen->ended_ms);
}

static void take_text(
	const json_t *json, const char *key, char *ret_text, size_t size)
{
	const char *text = text_of(json, key);

	(void)snprintf(ret_text, size, "%s", text ? text : "");
	err_mend_text(ret_text); /* it may have been cut */
}

static int64_t number_of(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

bool process_seen_read(
	const json_t *json, struct process_seen *ret_seen, struct err *err)
{
	const char *view = text_of(json, "view");
	struct process_seen seen = {.view = PROCESS_UNKNOWN};
	bool known = false;

	for (size_t i = 0; view && i < sizeof(views) / sizeof(views[0]); i++) {
		if (strcmp(view, views[i]) != 0)
			continue;
		seen.view = (enum process_view)i;
		known = true;
	}
	seen.pid = (pid_t)number_of(json, "pid");
	if (!known || seen.pid != number_of(json, "pid") || seen.pid < 0)
		return err_set(err, ERR_BUG, "this is no look at a process");
	seen.start_ticks = (uint64_t)number_of(json, "start_ticks");
	seen.age_ms = number_of(json, "age_ms");
	seen.attempt = (uint64_t)number_of(json, "attempt");
	seen.exe_known = json_is_true(json_object_get(json, "exe_known"));
	seen.exe_dev = (dev_t)number_of(json, "exe_dev");
	seen.exe_ino = (ino_t)number_of(json, "exe_ino");
	seen.has_ended = json_is_true(json_object_get(json, "has_ended"));
	seen.ended_ms = number_of(json, "ended_ms");
	take_text(json, "boot_id", seen.boot_id, sizeof(seen.boot_id));
	take_text(json, "exe", seen.exe, sizeof(seen.exe));
	take_text(json, "why", seen.why, sizeof(seen.why));
	*ret_seen = seen;
	return true;
}
