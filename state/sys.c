#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int real_openat(int dir, const char *path, int flags, mode_t mode)
{
	return openat(dir, path, flags, mode);
}

const struct sys sys_real = {
	.openat = real_openat,
	.read = read,
	.write = write,
	.fsync = fsync,
	.fdatasync = fdatasync,
	.close = close,
	.fstat = fstat,
	.renameat2 = renameat2,
	.linkat = linkat,
	.symlinkat = symlinkat,
	.unlinkat = unlinkat,
	.mkdirat = mkdirat,
	.fallocate = fallocate,
	.flock = flock,
	.fchmod = fchmod,
};

const struct sys *sys = &sys_real;

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sys_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t sys_boottime_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t sys_monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

const char *sys_boot_id(void)
{
	static char id[37];
	ssize_t got;
	int fd;

	if (id[0])
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return "";
	got = read(fd, id, sizeof(id) - 1);
	(void)close(fd);
	if (got != (ssize_t)sizeof(id) - 1)
		id[0] = '\0';
	return id;
}

#ifdef SYNCUP_CRASH_POINTS
#include <signal.h>
#include <stdbool.h>

static void log_point(const char *path, unsigned long number, const char *name)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	(void)dprintf(fd, "%lu %s\n", number, name);
	(void)close(fd);
}

static bool is_first_time(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

/* What was forked since dies with the process that was first told to die: the
 * machine has lost its power, or somebody killed the lot. */
static _Noreturn void die(pid_t first)
{
	if (first != getpid())
		(void)kill(first, SIGKILL);
	(void)kill(getpid(), SIGKILL);
	_exit(137);
}

static void stall(const char *name)
{
	static bool stalled;
	const char *on = getenv("SYNCUP_STALL_ON");

	if (!on || strcmp(on, name) != 0 || stalled)
		return;
	stalled = true;
	(void)kill(getpid(), SIGSTOP);
}

void sys_crash_point(const char *name)
{
	static unsigned long passed;
	static pid_t first;
	const char *at = getenv("SYNCUP_CRASH_AT");
	const char *on = getenv("SYNCUP_CRASH_ON");
	const char *in = getenv("SYNCUP_CRASH_IN");
	const char *once = getenv("SYNCUP_CRASH_ONCE");
	const char *log = getenv("SYNCUP_CRASH_LOG");
	int saved = errno; /* points stand between a call and its check */

	if (in && strcmp(in, program_invocation_short_name) != 0)
		return;
	if (!first && (at || on))
		first = getpid();
	passed++;
	if (log && log[0])
		log_point(log, passed, name);
	if (((at && strtoul(at, NULL, 10) == passed) ||
		    (on && strcmp(on, name) == 0)) &&
		(!once || is_first_time(once)))
		die(first);
	stall(name);
	errno = saved;
}
#endif
