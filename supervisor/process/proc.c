/*
 * proc.c - reading /proc: who listens, since when, with which arguments.
 *
 * Formats: proc(5).  A process may end between any two reads; that is
 * ERR_MISSING, never a wrong answer.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/memory.h"
#include "supervisor/process/listener.h"
#include "supervisor/process/process.h"

#define STAT_MAX 2048
#define CMDLINE_MAX                                                            \
	(128u << 10) /* the rest of a longer one is not looked at              \
		      */

/* Whole file, NUL-terminated; at most size - 1 bytes.  -1 and errno. */
static ssize_t read_proc(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -1;
	while (len < size - 1) {
		ssize_t got = read(fd, buf + len, size - 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

static bool fail(pid_t pid, int error, struct err *err)
{
	if (error == ENOENT || error == ESRCH)
		return err_set(err, ERR_MISSING, "no process %d", (int)pid);
	return err_sys(
		err, ERR_AGAIN, error, "looking at process %d", (int)pid);
}

/*
 * Fields 3 (state), 20 (threads) and 22 (start).  The name in field 2 may hold
 * anything, ") " included, so fields are counted from the last parenthesis.
 */
bool proc_start_ticks(pid_t pid, uint64_t *ret_ticks, struct err *err)
{
	char path[64], buf[STAT_MAX], state;
	const char *rest;
	long threads;
	uint64_t ticks;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_proc(path, buf, sizeof(buf)) < 0)
		return fail(pid, errno, err);
	rest = strrchr(buf, ')');
	if (rest == NULL ||
		sscanf(rest + 1,
			" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
			" %*s %*s %*s %*s %ld %*s %" SCNu64,
			&state, &threads, &ticks) != 3)
		return err_set(err, ERR_AGAIN,
			"looking at process %d: "
			"/proc/%d/stat is not understood",
			(int)pid, (int)pid);
	/* While a dying process still has other threads, so do its files. */
	if ((state == 'Z' || state == 'X') && threads <= 1)
		return err_set(
			err, ERR_MISSING, "process %d has ended", (int)pid);
	*ret_ticks = ticks;
	return true;
}

void proc_argv_free(char **argv)
{
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

static char **split_args(const char *text, size_t len)
{
	size_t count = 0, max = 1;
	char **argv;

	for (size_t at = 0; at < len; at++)
		if (text[at] == '\0')
			max++;
	argv = memory_must(calloc(max + 1, sizeof(*argv)));
	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		argv[count++] = memory_must(strdup(text + at));
	return argv;
}

bool proc_argv(pid_t pid, char ***ret_argv, struct err *err)
{
	_cleanup_free_ char *buf = memory_alloc(CMDLINE_MAX);
	char path[64];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	len = read_proc(path, buf, CMDLINE_MAX);
	if (len < 0)
		return fail(pid, errno, err);
	*ret_argv = split_args(buf, (size_t)len);
	return true;
}

static const char *config_argument(char *const *argv)
{
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0)
			return argv[i] + 9;
		if (strcmp(argv[i], "--config") == 0)
			return argv[i + 1] != NULL ? argv[i + 1] : "";
	}
	return "";
}

bool proc_config(pid_t pid, char *ret_path, size_t size, struct err *err)
{
	char path[64], cwd[PATH_MAX];
	const char *config;
	char **argv = NULL;
	ssize_t len;
	int wrote;

	if (!proc_argv(pid, &argv, err))
		return false;
	config = config_argument(argv);
	if (config[0] == '/' || config[0] == '\0') {
		wrote = snprintf(ret_path, size, "%s", config);
	} else {
		(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
		len = readlink(path, cwd, sizeof(cwd) - 1);
		if (len < 0) {
			int error = errno;

			proc_argv_free(argv);
			return fail(pid, error, err);
		}
		cwd[len] = '\0';
		wrote = snprintf(ret_path, size, "%s/%s", cwd, config);
	}
	proc_argv_free(argv);
	if (wrote < 0 || (size_t)wrote >= size)
		return err_set(err, ERR_AGAIN,
			"the --config of process %d is too long", (int)pid);
	return true;
}

bool proc_exe(pid_t pid, struct process_seen *seen)
{
	char path[64];
	struct stat st;
	ssize_t len;

	seen->exe_known = false;
	seen->exe[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	len = readlink(path, seen->exe, sizeof(seen->exe) - 1);
	if (len < 0)
		return false;
	seen->exe[len] = '\0';
	/* Through the link, so that a deleted file is still the right one. */
	if (stat(path, &st) != 0)
		return false;
	seen->exe_dev = st.st_dev;
	seen->exe_ino = st.st_ino;
	seen->exe_known = true;
	return true;
}

static bool has_socket(pid_t pid, const char *socket)
{
	char path[300], link[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return false; /* another user's: we are told "unseen" */
	while (!found && (entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(
			dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (len <= 0)
			continue;
		link[len] = '\0';
		found = strcmp(link, socket) == 0;
	}
	(void)closedir(dir);
	return found;
}

/* Children may have inherited the socket: the oldest holder is its owner. */
static bool find_holder(unsigned long inode, pid_t *ret_pid, struct err *err)
{
	DIR *dir = opendir("/proc");
	char socket[64];
	struct dirent *entry;
	uint64_t oldest = UINT64_MAX, ticks = 0;

	if (dir == NULL)
		return err_sys(err, ERR_AGAIN, errno, "reading /proc");
	(void)snprintf(socket, sizeof(socket), "socket:[%lu]", inode);
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (!has_socket(pid, socket) ||
			!proc_start_ticks(pid, &ticks, NULL))
			continue;
		if (ticks < oldest) {
			oldest = ticks;
			*ret_pid = pid;
		}
	}
	(void)closedir(dir);
	return true;
}

bool proc_find_listener(
	uint16_t port, pid_t *ret_pid, bool *ret_listening, struct err *err)
{
	unsigned long inode;

	*ret_pid = 0;
	*ret_listening = false;
	if (!listener_find(port, &inode, err))
		return false;
	*ret_listening = inode != 0;
	return inode == 0 || find_holder(inode, ret_pid, err);
}
