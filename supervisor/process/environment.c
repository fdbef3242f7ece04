/*
 * environment.c - the environment that a spawned process gets.
 */
#include "supervisor/process/environment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"

static const char *const passed_on[] = {
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"};

void environment_free(char **env)
{
	for (size_t i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(env);
}

static bool set(char **env, const char *key, size_t key_len, const char *value,
	struct err *err)
{
	size_t at = 0;
	char *text;

	while (env[at] != NULL && (strncmp(env[at], key, key_len) != 0 ||
					  env[at][key_len] != '='))
		at++;
	if (at >= ENVIRONMENT_MAX)
		return err_set(err, ERR_STEP, "more than %u variables",
			ENVIRONMENT_MAX);
	if (asprintf(&text, "%.*s=%s", (int)key_len, key, value) < 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	free(env[at]);
	env[at] = text;
	return true;
}

static size_t key_length(const char *line)
{
	size_t len = 0;

	if (isdigit((unsigned char)line[0]))
		return 0;
	while (isalnum((unsigned char)line[len]) || line[len] == '_')
		len++;
	return len;
}

static bool read_line(char **env, char *line, struct err *err)
{
	size_t len, key_len;
	char *value;

	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return true;
	key_len = key_length(line);
	if (key_len == 0 || line[key_len] != '=')
		return err_set(err, ERR_STEP, "not KEY=value");
	value = line + key_len + 1;
	len = strlen(value);
	if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
		value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		value++;
	}
	return set(env, line, key_len, value, err);
}

static bool read_file(char **env, const char *file, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	unsigned number = 0;
	size_t len;

	if (!atomic_file_read(file, ENVIRONMENT_FILE_MAX, &text, &len, err)) {
		if (err != NULL)
			err->code = ERR_STEP;
		return err_wrap(err, "environment_file");
	}
	if (strlen(text) != len)
		return err_set(err, ERR_STEP, "%s: holds a zero byte", file);
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		if (!read_line(env, line, err))
			return err_wrap(err, "%s:%u", file, number);
	}
	return true;
}

bool environment_new(const char *file, char ***ret_env, struct err *err)
{
	char **env = calloc(ENVIRONMENT_MAX + 1, sizeof(*env));
	bool ok = env != NULL;

	if (!ok)
		(void)err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; ok && i < sizeof(passed_on) / sizeof(passed_on[0]);
		i++) {
		const char *value = getenv(passed_on[i]);

		if (value != NULL)
			ok = set(env, passed_on[i], strlen(passed_on[i]), value,
				err);
	}
	if (ok && getenv("PATH") == NULL)
		ok = set(env, "PATH", 4, "/usr/local/bin:/usr/bin:/bin", err);
	if (ok && file != NULL)
		ok = read_file(env, file, err);
	if (!ok) {
		environment_free(env);
		return false;
	}
	*ret_env = env;
	return true;
}
