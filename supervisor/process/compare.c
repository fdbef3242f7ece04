/*
 * compare.c - argv, working directory, open files and environment of a running
 * process, against what spawn would give it.
 */
#include "supervisor/process/compare.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/memory.h"
#include "supervisor/process/environment.h"

enum {
	ENVIRON_MAX = 256 << 10, /* bytes read of /proc/PID/environ */
};

struct text {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(
	struct text *text, const char *fmt, ...)
{
	va_list args;
	int more;

	if (text->len && text->len + 2 < text->size)
		text->len += (size_t)snprintf(
			text->buf + text->len, text->size - text->len, "; ");
	va_start(args, fmt);
	more = vsnprintf(
		text->buf + text->len, text->size - text->len, fmt, args);
	va_end(args);
	if (more > 0)
		text->len += (size_t)more;
	if (text->len >= text->size)
		text->len = text->size - 1;
}

/* Everything but the program's own path, which is about to change. */
static void compare_argv(const struct process_spec *spec, char *const running[],
	struct text *text)
{
	unsigned i = 1;

	while (spec->argv[0] && running[0] && spec->argv[i] && running[i] &&
		strcmp(spec->argv[i], running[i]) == 0)
		i++;
	if (!spec->argv[0] || !running[0] || spec->argv[i] || running[i])
		add(text, "argument %u is \"%.60s\", not \"%.60s\"", i,
			spec->argv[0] && spec->argv[i] ? spec->argv[i] : "",
			running[0] && running[i] ? running[i] : "");
}

static void compare_directory(
	const struct process_spec *spec, pid_t pid, struct text *text)
{
	char path[64], cwd[PATH_MAX] = "", ours[PATH_MAX] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	if (!spec->directory || readlink(path, cwd, sizeof(cwd) - 1) < 0)
		return;
	if (!realpath(spec->directory, ours))
		(void)snprintf(ours, sizeof(ours), "%s", spec->directory);
	if (strcmp(cwd, ours) != 0)
		add(text, "working directory %.100s, not %.100s", ours, cwd);
}

static void compare_limits(
	const struct process_spec *spec, pid_t pid, struct text *text)
{
	struct rlimit theirs, ours;
	unsigned long long planned;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &theirs) != 0 ||
		getrlimit(RLIMIT_NOFILE, &ours) != 0)
		return;
	planned = spec->nofile ? spec->nofile : ours.rlim_cur;
	if (planned != theirs.rlim_cur)
		add(text, "open files %llu, not %llu", planned,
			(unsigned long long)theirs.rlim_cur);
}

static bool has_name(char *const env[], const char *entry, size_t name)
{
	for (unsigned i = 0; env[i]; i++)
		if (strncmp(env[i], entry, name + 1) == 0)
			return true;
	return false;
}

/* Shells set these for themselves; nobody misses them. */
static bool is_shells(const char *entry)
{
	static const char *const names[] = {"_=", "PWD=", "OLDPWD=", "SHLVL="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void compare_environment(
	const struct process_spec *spec, pid_t pid, struct text *text)
{
	char path[64], names[160] = "";
	_cleanup_free_ char *buf = memory_alloc(ENVIRON_MAX + 1);
	_cleanup_fd_ int fd = -1;
	char **env = NULL;
	size_t used = 0;
	unsigned missing = 0;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd >= 0 ? read(fd, buf, ENVIRON_MAX) : -1;
	if (len <= 0 || !environment_new(spec->environment_file, &env, NULL))
		return;
	buf[len] = '\0';
	for (const char *entry = buf; entry < buf + len;
		entry += strlen(entry) + 1) {
		const char *equals = strchr(entry, '=');
		size_t name = equals ? (size_t)(equals - entry) : 0;

		if (!name || is_shells(entry) || has_name(env, entry, name))
			continue;
		missing++;
		if (used + name + 2 < sizeof(names))
			used += (size_t)snprintf(names + used,
				sizeof(names) - used, "%s%.*s", used ? " " : "",
				(int)name, entry);
	}
	environment_free(env);
	if (missing)
		add(text, "%u environment variables are not passed on (%s)",
			missing, names);
}

void process_compare(
	const struct process_spec *spec, pid_t pid, char *ret_text, size_t size)
{
	struct text text = {.buf = ret_text, .size = size};
	char **running;

	ret_text[0] = '\0';
	if (!spec->argv || !proc_argv(pid, &running, NULL))
		return;
	compare_argv(spec, running, &text);
	proc_argv_free(running);
	compare_directory(spec, pid, &text);
	compare_limits(spec, pid, &text);
	compare_environment(spec, pid, &text);
}
