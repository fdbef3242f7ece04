/*
 * fault_env.c - linked into a program of ours, lets a call through sys fail
 * that the environment names:
 *
 *   SYSFAULT        <call>:<N>:<error>:<once|on>, e.g. fsync:3:EIO:once; the
 *                   error is a name of errno, or "short" for read and write
 *   SYSFAULT_STATE  a file that all processes of one run count in
 *   SYSFAULT_LOG    gets "fired <call> <N> <path>" for each failed call, and
 *                   "again <call> <N> <path>" where a sync is asked for again
 *                   of what could not be synced
 *   SYSFAULT_TRACE  gets "<call> <N> <path>" for every call
 *
 * Calls are numbered from 1 for each name, over all processes of the run: the
 * supervisor, what it forks, and its helper.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state/sys.h"

enum call {
	CALL_OPENAT,
	CALL_READ,
	CALL_WRITE,
	CALL_FSYNC,
	CALL_FDATASYNC,
	CALL_CLOSE,
	CALL_FSTAT,
	CALL_RENAMEAT2,
	CALL_LINKAT,
	CALL_SYMLINKAT,
	CALL_UNLINKAT,
	CALL_MKDIRAT,
	CALL_FALLOCATE,
	CALL_FLOCK,
	CALL_FCHMOD,
	CALL_COUNT,
};

static const char *const names[CALL_COUNT] = {"openat", "read", "write",
	"fsync", "fdatasync", "close", "fstat", "renameat2", "linkat",
	"symlinkat", "unlinkat", "mkdirat", "fallocate", "flock", "fchmod"};

static const struct {
	const char *name;
	int error;
} errors[] = {
	{"EIO", EIO},
	{"ENOSPC", ENOSPC},
	{"EINTR", EINTR},
	{"EMFILE", EMFILE},
	{"EDQUOT", EDQUOT},
	{"EROFS", EROFS},
	{"short", 0},
};

#define UNSYNCED_MAX 8
#define TARGET_MAX 512

static struct counts { /* shared by all processes of the run */
	atomic_uint calls[CALL_COUNT], unsynced_count;
	struct unsynced {
		ino_t ino;
		char path[TARGET_MAX];
	} unsynced[UNSYNCED_MAX];
} * counts;

static enum call chosen = CALL_COUNT;
static unsigned first;
static int error;
static bool from_then_on;

static void note(const char *variable, const char *what, enum call call,
	unsigned number, const char *path)
{
	const char *log = getenv(variable);
	int fd =
		log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
		    : -1;

	if (fd < 0)
		return;
	(void)dprintf(fd, "%s%s %u %s\n", what, names[call], number, path);
	(void)close(fd);
}

/* Counts the call; true if it is to fail. */
static bool strikes(enum call call, const char *path)
{
	unsigned number = atomic_fetch_add(&counts->calls[call], 1) + 1;
	int before = errno;

	note("SYSFAULT_TRACE", "", call, number, path);
	errno = before;
	if (call != chosen || number < first ||
		(number > first && !from_then_on))
		return false;
	note("SYSFAULT_LOG", "fired ", call, number, path);
	errno = error;
	return true;
}

static const char *name_of(int fd, char path[TARGET_MAX])
{
	char link[64];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, TARGET_MAX - 1);
	path[len > 0 ? len : 0] = '\0';
	return path;
}

static bool strikes_fd(enum call call, int fd)
{
	char path[TARGET_MAX];

	return strikes(call, name_of(fd, path));
}

static bool fails(enum call call, const char *path)
{
	return strikes(call, path) && error != 0;
}

static bool fails_fd(enum call call, int fd)
{
	return strikes_fd(call, fd) && error != 0;
}

static int env_openat(int dir, const char *path, int flags, mode_t mode)
{
	return fails(CALL_OPENAT, path)
		       ? -1
		       : sys_real.openat(dir, path, flags, mode);
}

static ssize_t env_read(int fd, void *buf, size_t len)
{
	bool strike = strikes_fd(CALL_READ, fd);

	if (strike && error != 0)
		return -1;
	return sys_real.read(fd, buf, strike && len > 1 ? len / 2 : len);
}

/* A disk that stays full fills neither memory nor a socket. */
static bool is_spared(int fd)
{
	char path[TARGET_MAX];

	return from_then_on && (name_of(fd, path)[0] != '/' ||
				       strncmp(path, "/memfd:", 7) == 0);
}

static ssize_t env_write(int fd, const void *buf, size_t len)
{
	bool strike = !is_spared(fd) && strikes_fd(CALL_WRITE, fd);

	if (strike && error != 0)
		return -1;
	return sys_real.write(fd, buf, strike && len > 1 ? len / 2 : len);
}

/* A file under the same name and with the same number is the same file. */
static int sync_with(enum call call, int (*sync)(int fd), int fd)
{
	unsigned count = atomic_load(&counts->unsynced_count);
	char path[TARGET_MAX];
	struct stat st = {0};

	(void)name_of(fd, path);
	(void)fstat(fd, &st);
	for (unsigned i = 0; i < count && i < UNSYNCED_MAX; i++)
		if (counts->unsynced[i].ino == st.st_ino &&
			strcmp(counts->unsynced[i].path, path) == 0)
			note("SYSFAULT_LOG", "again ", call,
				atomic_load(&counts->calls[call]) + 1, path);
	if (!fails(call, path))
		return sync(fd);
	count = atomic_load(&counts->unsynced_count);
	if (count < UNSYNCED_MAX) {
		counts->unsynced[count].ino = st.st_ino;
		(void)snprintf(
			counts->unsynced[count].path, TARGET_MAX, "%s", path);
		atomic_store(&counts->unsynced_count, count + 1);
	}
	errno = error;
	return -1;
}

static int env_fsync(int fd)
{
	return sync_with(CALL_FSYNC, sys_real.fsync, fd);
}

static int env_fdatasync(int fd)
{
	return sync_with(CALL_FDATASYNC, sys_real.fdatasync, fd);
}

/* As on Linux it is closed all the same. */
static int env_close(int fd)
{
	bool fail = fails_fd(CALL_CLOSE, fd);
	int rc = sys_real.close(fd);

	if (!fail)
		return rc;
	errno = error;
	return -1;
}

static int env_fstat(int fd, struct stat *ret_st)
{
	return fails_fd(CALL_FSTAT, fd) ? -1 : sys_real.fstat(fd, ret_st);
}

static int env_renameat2(int from_dir, const char *from, int to_dir,
	const char *to, unsigned flags)
{
	return fails(CALL_RENAMEAT2, to)
		       ? -1
		       : sys_real.renameat2(from_dir, from, to_dir, to, flags);
}

static int env_linkat(
	int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return fails(CALL_LINKAT, to)
		       ? -1
		       : sys_real.linkat(from_dir, from, to_dir, to, flags);
}

static int env_symlinkat(const char *text, int dir, const char *path)
{
	return fails(CALL_SYMLINKAT, path)
		       ? -1
		       : sys_real.symlinkat(text, dir, path);
}

static int env_unlinkat(int dir, const char *path, int flags)
{
	return fails(CALL_UNLINKAT, path) ? -1
					  : sys_real.unlinkat(dir, path, flags);
}

static int env_mkdirat(int dir, const char *path, mode_t mode)
{
	return fails(CALL_MKDIRAT, path) ? -1
					 : sys_real.mkdirat(dir, path, mode);
}

static int env_fallocate(int fd, int mode, off_t off, off_t len)
{
	return fails_fd(CALL_FALLOCATE, fd)
		       ? -1
		       : sys_real.fallocate(fd, mode, off, len);
}

static int env_flock(int fd, int op)
{
	return fails_fd(CALL_FLOCK, fd) ? -1 : sys_real.flock(fd, op);
}

static int env_fchmod(int fd, mode_t mode)
{
	return fails_fd(CALL_FCHMOD, fd) ? -1 : sys_real.fchmod(fd, mode);
}

static const struct sys sys_env = {
	.openat = env_openat,
	.read = env_read,
	.write = env_write,
	.fsync = env_fsync,
	.fdatasync = env_fdatasync,
	.close = env_close,
	.fstat = env_fstat,
	.renameat2 = env_renameat2,
	.linkat = env_linkat,
	.symlinkat = env_symlinkat,
	.unlinkat = env_unlinkat,
	.mkdirat = env_mkdirat,
	.fallocate = env_fallocate,
	.flock = env_flock,
	.fchmod = env_fchmod,
};

static _Noreturn void refuse(const char *what)
{
	(void)fprintf(stderr, "fault_env: %s\n", what);
	_exit(99);
}

static void parse(const char *text)
{
	char call[16] = "", name[16] = "", times[8] = "";
	bool known = false;

	if (sscanf(text, "%15[^:]:%u:%15[^:]:%7s", call, &first, name, times) !=
		4)
		refuse("SYSFAULT is not <call>:<N>:<error>:<once|on>");
	for (enum call i = 0; i < CALL_COUNT; i++)
		if (strcmp(names[i], call) == 0)
			chosen = i;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0) {
			error = errors[i].error;
			known = true;
		}
	from_then_on = strcmp(times, "on") == 0;
	if (chosen == CALL_COUNT || !known)
		refuse("SYSFAULT names no call or error");
}

__attribute__((constructor)) static void swap_sys(void)
{
	const char *state = getenv("SYSFAULT_STATE");
	const char *fault = getenv("SYSFAULT");
	int fd;

	if (!state)
		return;
	if (fault)
		parse(fault);
	fd = open(state, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*counts)) < 0)
		refuse("SYSFAULT_STATE cannot be made");
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, 0);
	if (counts == MAP_FAILED)
		refuse("SYSFAULT_STATE cannot be mapped");
	(void)close(fd);
	sys = &sys_env;
}
