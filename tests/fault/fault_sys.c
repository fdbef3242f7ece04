#include "fault_sys.h"

#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define FAILED_SYNCS_MAX 16

const struct fault faults[] = {
	{"EIO once", EIO, 1, NULL},
	{"EIO from then on", EIO, FAULT_FOREVER, NULL},
	{"ENOSPC once", ENOSPC, 1, NULL},
	{"ENOSPC from then on", ENOSPC, FAULT_FOREVER, NULL},
	{"EINTR once", EINTR, 1, NULL},
	{"EINTR five times", EINTR, 5, NULL},
	{"short once", 0, 1, NULL},
	{"short from then on", 0, FAULT_FOREVER, NULL},
	{"EMFILE once", EMFILE, 1, "openat"},
	{"EMFILE from then on", EMFILE, FAULT_FOREVER, "openat"},
};
const unsigned fault_count = sizeof(faults) / sizeof(faults[0]);

static struct {
	const struct fault *fault;
	unsigned first, calls, fired;
	unsigned file_syncs, directory_syncs;
	struct stat failed[FAILED_SYNCS_MAX]; /* what could not be synced */
	unsigned failed_count;
	bool retried, closed_twice;
	const char *last;
} now;

static bool hits(const char *name)
{
	if (now.fault->only && strcmp(now.fault->only, name) != 0)
		return false;
	now.calls++;
	if (now.calls < now.first || now.fired >= now.fault->times)
		return false;
	now.fired++;
	now.last = name;
	return true;
}

static bool fails(const char *name)
{
	if (!now.fault || now.fault->error == 0 || !hits(name))
		return false;
	errno = now.fault->error;
	return true;
}

static size_t moved(const char *name, size_t len)
{
	if (!now.fault || now.fault->error != 0 || len < 2 || !hits(name))
		return len;
	return len / 2;
}

static int fault_openat(int dir, const char *path, int flags, mode_t mode)
{
	return fails("openat") ? -1 : sys_real.openat(dir, path, flags, mode);
}

static ssize_t fault_read(int fd, void *buf, size_t len)
{
	if (fails("read"))
		return -1;
	return sys_real.read(fd, buf, moved("read", len));
}

static ssize_t fault_write(int fd, const void *buf, size_t len)
{
	if (fails("write"))
		return -1;
	return sys_real.write(fd, buf, moved("write", len));
}

/* No power is cut here, and thousands of syncs take their time. */
static int no_sync(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

static int sync_with(const char *name, int fd)
{
	struct stat st = {0};

	(void)fstat(fd, &st);
	for (unsigned i = 0; i < now.failed_count; i++)
		now.retried = now.retried ||
			      (now.failed[i].st_ino == st.st_ino &&
				      now.failed[i].st_dev == st.st_dev);
	if (S_ISDIR(st.st_mode))
		now.directory_syncs++;
	else
		now.file_syncs++;
	if (!fails(name))
		return no_sync(fd);
	if (now.failed_count < FAILED_SYNCS_MAX)
		now.failed[now.failed_count++] = st;
	return -1;
}

static int fault_fsync(int fd)
{
	return sync_with("fsync", fd);
}

static int fault_fdatasync(int fd)
{
	return sync_with("fdatasync", fd);
}

static int fault_close(int fd)
{
	int rc = sys_real.close(fd);

	now.closed_twice = now.closed_twice || (rc < 0 && errno == EBADF);
	return fails("close") ? -1 : rc;
}

static int fault_fstat(int fd, struct stat *ret_st)
{
	return fails("fstat") ? -1 : sys_real.fstat(fd, ret_st);
}

static int fault_renameat2(int from_dir, const char *from, int to_dir,
	const char *to, unsigned flags)
{
	return fails("renameat2")
		       ? -1
		       : sys_real.renameat2(from_dir, from, to_dir, to, flags);
}

static bool no_links;

static int fault_linkat(
	int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (fails("linkat"))
		return -1;
	if (!no_links)
		return sys_real.linkat(from_dir, from, to_dir, to, flags);
	errno = EXDEV;
	return -1;
}

static int fault_symlinkat(const char *text, int dir, const char *path)
{
	return fails("symlinkat") ? -1 : sys_real.symlinkat(text, dir, path);
}

static int fault_unlinkat(int dir, const char *path, int flags)
{
	return fails("unlinkat") ? -1 : sys_real.unlinkat(dir, path, flags);
}

static int fault_mkdirat(int dir, const char *path, mode_t mode)
{
	return fails("mkdirat") ? -1 : sys_real.mkdirat(dir, path, mode);
}

static int fault_fallocate(int fd, int mode, off_t off, off_t len)
{
	return fails("fallocate") ? -1 : sys_real.fallocate(fd, mode, off, len);
}

static int fault_flock(int fd, int op)
{
	return fails("flock") ? -1 : sys_real.flock(fd, op);
}

static int fault_fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1 : sys_real.fchmod(fd, mode);
}

static const struct sys sys_faulty = {
	.openat = fault_openat,
	.read = fault_read,
	.write = fault_write,
	.fsync = fault_fsync,
	.fdatasync = fault_fdatasync,
	.close = fault_close,
	.fstat = fault_fstat,
	.renameat2 = fault_renameat2,
	.linkat = fault_linkat,
	.symlinkat = fault_symlinkat,
	.unlinkat = fault_unlinkat,
	.mkdirat = fault_mkdirat,
	.fallocate = fault_fallocate,
	.flock = fault_flock,
	.fchmod = fault_fchmod,
};

void fault_begin(const struct fault *fault, unsigned first)
{
	now = (__typeof__(now)){.fault = fault, .first = first, .last = ""};
	sys = &sys_faulty;
}

/* Without faults. */
static void use_quiet_sys(void)
{
	static struct sys quiet;

	quiet = sys_real;
	quiet.fsync = quiet.fdatasync = no_sync;
	quiet.linkat = fault_linkat;
	sys = &quiet;
}

void fault_refuse_links(bool refuse)
{
	no_links = refuse;
	if (sys == &sys_real)
		use_quiet_sys();
}

void fault_end(void)
{
	now.fault = NULL;
	use_quiet_sys();
}

bool fault_fired(void)
{
	return now.fired > 0;
}

unsigned fault_syncs_of_files(void)
{
	return now.file_syncs;
}

unsigned fault_syncs_of_directories(void)
{
	return now.directory_syncs;
}

bool fault_sync_was_retried(void)
{
	return now.retried;
}

bool fault_failed_sync(void)
{
	return now.failed_count > 0;
}

bool fault_closed_twice(void)
{
	return now.closed_twice;
}

const char *fault_last_call(void)
{
	return now.last;
}
