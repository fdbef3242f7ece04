/*
 * proc_config.c - who on this host runs with a certain --config.
 *
 * Needed because a process that is starting, or ending, does not listen.  What
 * can fool us: a wrapper that keeps "--config FILE" among its own arguments
 * and stays (sudo, strace) counts as one more; processes that /proc does not
 * show us (hidepid=) do not count; a process that rewrote its arguments.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/process/backend.h"

/* In a container the same path is another file.  Roots that we may not look
 * at are taken for ours. */
static bool same_root(pid_t pid)
{
	char path[64];
	struct stat theirs, ours;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	if (stat(path, &theirs) != 0 || stat("/", &ours) != 0)
		return true;
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static bool same_file(const char *one, const char *other)
{
	_cleanup_free_ char *real_one = realpath(one, NULL);
	_cleanup_free_ char *real_other = realpath(other, NULL);

	if (real_one == NULL || real_other == NULL)
		return strcmp(one, other) == 0;
	return strcmp(real_one, real_other) == 0;
}

/* Without its working directory only the last part can be compared. */
static enum proc_match compare_names(pid_t pid, const char *config)
{
	const char *name = strrchr(config, '/');
	enum proc_match match = PROC_DIFFERS;
	size_t len;
	char **argv = NULL;

	name = name != NULL ? name + 1 : config;
	len = strlen(name);
	if (!proc_argv(pid, &argv, NULL))
		return PROC_DIFFERS; /* ended meanwhile */
	for (size_t i = 0; argv[i] != NULL; i++) {
		size_t arg_len = strlen(argv[i]);

		if (arg_len >= len &&
			strcmp(argv[i] + arg_len - len, name) == 0)
			match = PROC_UNSURE;
	}
	proc_argv_free(argv);
	return match;
}

enum proc_match proc_match_config(pid_t pid, const char *config)
{
	struct process_seen seen = {0};
	struct err err = {0};
	char path[2 * PATH_MAX];

	if (!proc_config(pid, path, sizeof(path), &err))
		return err.code == ERR_MISSING ? PROC_DIFFERS
					       : compare_names(pid, config);
	if (path[0] == '\0' || !same_file(path, config))
		return PROC_DIFFERS;
	(void)proc_exe(pid, &seen);
	if (process_is_ours(&seen) || !same_root(pid))
		return PROC_DIFFERS;
	return PROC_SAME;
}

static void count(pid_t pid, const char *config, struct proc_matches *matches)
{
	uint64_t ticks;

	switch (proc_match_config(pid, config)) {
	case PROC_DIFFERS:
		return;
	case PROC_UNSURE:
		matches->unsure = pid;
		return;
	case PROC_SAME:
		if (!proc_start_ticks(pid, &ticks, NULL))
			return;
		if (matches->count == 0)
			matches->pid = pid;
		else if (matches->count == 1)
			matches->other = pid;
		matches->count++;
		return;
	}
}

bool proc_find_config(
	const char *config, struct proc_matches *ret_matches, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	memset(ret_matches, 0, sizeof(*ret_matches));
	if (dir == NULL)
		return err_sys(err, ERR_AGAIN, errno, "reading /proc");
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid != getpid())
			count(pid, config, ret_matches);
	}
	(void)closedir(dir);
	return true;
}
