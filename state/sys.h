/*
 * sys.h - every system call whose failure must not lose anything.
 *
 * One table, present in release builds too; a test swaps it to let the Nth
 * call fail, or to record what a scenario writes.  Errors are -1 and errno,
 * as the manual pages say; EINTR is not retried here.
 */
#ifndef STATE_SYS_H
#define STATE_SYS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct sys {
	int (*openat)(int dir, const char *path, int flags, mode_t mode);
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*write)(int fd, const void *buf, size_t len);
	int (*fsync)(int fd);
	int (*fdatasync)(int fd);
	int (*close)(int fd);
	int (*fstat)(int fd, struct stat *ret_st);
	int (*renameat2)(int from_dir, const char *from, int to_dir,
		const char *to, unsigned flags);
	int (*linkat)(int from_dir, const char *from, int to_dir,
		const char *to, int flags);
	int (*symlinkat)(const char *text, int dir, const char *path);
	int (*unlinkat)(int dir, const char *path, int flags);
	int (*mkdirat)(int dir, const char *path, mode_t mode);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*flock)(int fd, int op);
	int (*fchmod)(int fd, mode_t mode);
};

extern const struct sys sys_real;
extern const struct sys *sys; /* what state/ and install/ call through */

int64_t sys_wall_ms(void); /* CLOCK_REALTIME: records and display only */
int64_t sys_boottime_ms(void); /* CLOCK_BOOTTIME: elapsed since boot */
int64_t sys_monotonic_ms(void);
/* /proc/sys/kernel/random/boot_id, 36 characters; "" if unreadable. */
const char *sys_boot_id(void);

/*
 * A numbered place where a test build dies by SIGKILL when the environment
 * variable SYNCUP_CRASH_AT names its number; release builds compile it to
 * nothing.  Numbers count from 1 in the order in which points are passed.
 * SYNCUP_CRASH_ON names one by its name instead.  What was forked counts on,
 * and dies together with the process that was told so.
 * SYNCUP_CRASH_IN, if set, is the only program (by its short name) to die.
 * SYNCUP_CRASH_ONCE names a file that is made at the first death: while it is
 * there, nobody dies.
 * SYNCUP_STALL_ON names one at which the program stops itself, the first time
 * that it passes there, until somebody sends it SIGCONT.
 * SYNCUP_CRASH_LOG, if set, gets a line "<number> <name>" for each.
 */
#ifdef SYNCUP_CRASH_POINTS
void sys_crash_point(const char *name);
#else
static inline void sys_crash_point(const char *name)
{
	(void)name;
}
#endif

#endif
