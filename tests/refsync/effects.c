/*
 * effects.c - see effects.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/version.h"

static int effects_fd = -1;
static char *effects_path;
static char *effects_id;

bool effects_open(const char *path, const char *id, struct err *err)
{
	if (!path || !*path)
		return true;
	effects_fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (effects_fd < 0)
		return err_sys(err, ERR_CONFIG, errno, "opening %s", path);
	effects_path = strdup(path);
	effects_id = strdup(id);
	if (!effects_path || !effects_id)
		return err_set(err, ERR_BUG, "out of memory");
	return true;
}

void effects_close(void)
{
	if (effects_fd >= 0)
		(void)close(effects_fd);
	effects_fd = -1;
	free(effects_path);
	free(effects_id);
	effects_path = effects_id = NULL;
}

void effects_add(const char *event, json_t *more)
{
	_cleanup_json_ json_t *taken = more;
	_cleanup_json_ json_t *line = NULL;
	_cleanup_free_ char *text = NULL;
	struct timespec now;
	size_t len;

	if (effects_fd < 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	line = json_pack("{s:I, s:i, s:s, s:s, s:s}", "t_ns",
		(json_int_t)now.tv_sec * 1000000000 + now.tv_nsec, "pid",
		(int)getpid(), "id", effects_id, "version", REFSYNC_VERSION,
		"event", event);
	if (taken)
		(void)json_object_update(line, taken);
	text = json_dumps(line, JSON_COMPACT);
	if (!text)
		abort();
	len = strlen(text);
	text[len] = '\n'; /* in place of the NUL: one write for all of it */
	if (write(effects_fd, text, len + 1) != (ssize_t)len + 1)
		abort(); /* a referee that cannot write must not go on */
}

static bool is_complete(
	const char *line, const char *namespace, const char *partition)
{
	_cleanup_json_ json_t *json = NULL;

	if (!strstr(line, "\"event\":\"partition\""))
		return false;
	json = json_loads(line, 0, NULL);
	return json_is_true(json_object_get(json, "complete")) &&
	       !strcmp(json_string_value(json_object_get(json, "ns")),
		       namespace) &&
	       !strcmp(json_string_value(json_object_get(json, "partition")),
		       partition);
}

bool effects_has_partition(const char *namespace, const char *partition)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file;

	if (effects_fd < 0)
		return false;
	file = fopen(effects_path, "re");
	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0)
		found = is_complete(line, namespace, partition);
	(void)fclose(file);
	return found;
}

void effects_die(const char *event, int code, const char *text)
{
	effects_add(event, json_pack("{s:i, s:s}", "code", code, "text", text));
	(void)fprintf(stderr, "%s\n", text);
	_exit(code);
}
