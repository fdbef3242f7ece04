/*
 * scope.c - are we in a service, and how does one get out of it?
 */
#include "supervisor/process/scope.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/memory.h"

enum {
	CGROUP_MAX = 8192,
	NAME_BYTES = 200,
};

/* The line of systemd's own hierarchy: "0::PATH", or "N:name=systemd:PATH"
 * where there are both kinds. */
static const char *path_of(const char *cgroup, size_t *ret_len)
{
	const char *path = strstr(cgroup, ":name=systemd:");

	if (path)
		path += strlen(":name=systemd:");
	else if ((path = strstr(cgroup, "0::")) != NULL)
		path += strlen("0::");
	*ret_len = path ? strcspn(path, "\n") : 0;
	return path;
}

bool scope_service(const char *cgroup, char *ret_name, size_t size)
{
	static const char ending[] = ".service";
	size_t len, end = sizeof(ending) - 1, from;
	const char *path = path_of(cgroup, &len);

	for (from = len; from > 0 && path[from - 1] != '/'; from--)
		;
	if (len - from <= end || strncmp(path + len - end, ending, end) != 0)
		return false;
	(void)snprintf(ret_name, size, "%.*s", (int)(len - from), path + from);
	return true;
}

enum scope scope_here(char *ret_service, size_t size)
{
	_cleanup_fd_ int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	char text[CGROUP_MAX], name[NAME_BYTES], bus[64];
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (ret_service)
		ret_service[0] = '\0';
	if (len <= 0)
		return SCOPE_NONE;
	text[len] = '\0';
	if (!scope_service(text, name, sizeof(name)))
		return SCOPE_NONE;
	if (ret_service)
		(void)snprintf(ret_service, size, "%s", name);
	if (geteuid() == 0)
		return SCOPE_SYSTEM;
	(void)snprintf(
		bus, sizeof(bus), "/run/user/%u/bus", (unsigned)geteuid());
	return access(bus, W_OK) == 0 ? SCOPE_USER : SCOPE_REFUSED;
}

char **scope_argv(enum scope scope, const char *instance, char *const argv[])
{
	static char unit[NAME_BYTES], runtime[64];
	static char runner[] = SCOPE_RUNNER, user[] = "--user",
		    scoped[] = "--scope", quiet[] = "--quiet",
		    collect[] = "--collect", end[] = "--", env[] = "env";
	size_t count = 0, at = 0;
	char **words;

	while (argv[count])
		count++;
	words = memory_calloc(count + 10, sizeof(*words));
	if (scope == SCOPE_USER) {
		(void)snprintf(runtime, sizeof(runtime),
			"XDG_RUNTIME_DIR=/run/user/%u", (unsigned)geteuid());
		words[at++] = env;
		words[at++] = runtime;
	}
	words[at++] = runner;
	if (scope == SCOPE_USER)
		words[at++] = user;
	words[at++] = scoped;
	words[at++] = quiet;
	words[at++] = collect;
	(void)snprintf(unit, sizeof(unit), "--unit=syncup-spawn-%s-%d",
		instance, (int)getpid());
	words[at++] = unit;
	words[at++] = end;
	memcpy(words + at, argv, count * sizeof(*words));
	return words;
}

bool scope_is_runner(const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *leaf = slash ? slash + 1 : exe;

	return strcmp(leaf, SCOPE_RUNNER) == 0 || strcmp(leaf, "env") == 0;
}
