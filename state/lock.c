#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"

#define OWNER_MAX 4096 /* bytes */
#define OPEN_TRIES 10
#define START_TICKS_FIELD 22

static const struct {
	unsigned magic;
	const char *name;
} untrusted[] = {
	/* From statfs(2) and linux/magic.h. */
	{0x00006969, "NFS"},
	{0xff534d42, "CIFS"},
	{0xfe534d42, "SMB"},
	{0x0000517b, "SMB"},
	{0x65735546, "FUSE"},
	{0x01021994, "tmpfs"},
	{0x858458f6, "ramfs"},
	{0x01021997, "9P"},
	{0x5346414f, "AFS"},
	{0x73757245, "Coda"},
	{0x00c36400, "Ceph"},
	{0x786f4256, "a VirtualBox shared folder"},
};

bool lock_check_filesystem(const char *dir, struct err *err)
{
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_sys(err, ERR_CONFIG, errno,
			"finding the file system of %s", dir);
	for (size_t i = 0; i < sizeof(untrusted) / sizeof(untrusted[0]); i++)
		if ((unsigned)fs.f_type == untrusted[i].magic)
			return err_set(err, ERR_CONFIG,
				"%s is on %s, which may lose what was synced",
				dir, untrusted[i].name);
	return true;
}

/* Field 22 of /proc/PID/stat tells apart two processes that had the same pid.
 * 0: no such process, or it cannot be seen. */
static unsigned long long start_ticks(pid_t pid)
{
	char path[64], stat[1024], *field;
	_cleanup_fd_ int fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, stat, sizeof(stat) - 1);
	stat[len > 0 ? len : 0] = '\0';
	field = strrchr(stat, ')'); /* the name may hold anything */
	for (int number = 2; field && number < START_TICKS_FIELD; number++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field, NULL, 10) : 0;
}

/* Only for messages: that it fails is no reason not to hold the lock.  It is
 * emptied first, so that a reader never sees half of two owners. */
static void write_owner(int fd)
{
	_cleanup_json_ json_t *owner = NULL;
	_cleanup_free_ char *text = NULL;
	char host[HOST_NAME_MAX + 1] = "";
	struct err ignored;

	if (ftruncate(fd, 0) < 0)
		return;
	(void)gethostname(host, sizeof(host) - 1);
	owner = json_pack("{s:i, s:s, s:I, s:s, s:I}", "pid", (int)getpid(),
		"host", host, "since_ms", (json_int_t)sys_wall_ms(), "boot",
		sys_boot_id(), "start_ticks",
		(json_int_t)start_ticks(getpid()));
	text = owner ? json_dumps(owner, JSON_COMPACT) : NULL;
	if (!text || !atomic_write_all(fd, text, strlen(text), &ignored))
		(void)!ftruncate(fd, 0);
}

static void get_text(
	const json_t *json, const char *key, char *ret_text, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (text)
		(void)snprintf(ret_text, size, "%s", text);
}

bool lock_read_owner(
	const char *path, struct lock_owner *ret_owner, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = NULL;
	size_t len;

	memset(ret_owner, 0, sizeof(*ret_owner));
	if (!atomic_file_read(path, OWNER_MAX, &text, &len, err))
		return false;
	json = json_loadb(text, len, 0, NULL);
	ret_owner->pid =
		(pid_t)json_integer_value(json_object_get(json, "pid"));
	ret_owner->since_ms =
		json_integer_value(json_object_get(json, "since_ms"));
	ret_owner->start_ticks = (unsigned long long)json_integer_value(
		json_object_get(json, "start_ticks"));
	get_text(json, "host", ret_owner->host, sizeof(ret_owner->host));
	get_text(json, "boot", ret_owner->boot, sizeof(ret_owner->boot));
	return true;
}

/* What is written may be of the holder before: dead, its pid perhaps in use by
 * somebody else, or of the time before a reboot. */
static bool may_hold(const struct lock_owner *owner)
{
	char host[HOST_NAME_MAX + 1] = "";
	unsigned long long ticks;

	if (owner->pid <= 0)
		return false;
	(void)gethostname(host, sizeof(host) - 1);
	if (strcmp(owner->host, host) != 0)
		return true; /* nothing of it can be seen from here */
	if (owner->boot[0] && strcmp(owner->boot, sys_boot_id()) != 0)
		return false;
	ticks = start_ticks(owner->pid);
	if (ticks && owner->start_ticks)
		return ticks == owner->start_ticks;
	return kill(owner->pid, 0) == 0 || errno == EPERM;
}

static bool held(const char *path, struct err *err)
{
	struct lock_owner owner;
	char since[32] = "an unknown time";
	struct tm utc;
	time_t seconds;

	if (!lock_read_owner(path, &owner, NULL) || !may_hold(&owner))
		return err_set(
			err, ERR_HELD, "%s is held by another process", path);
	seconds = (time_t)(owner.since_ms / 1000);
	if (owner.since_ms > 0 && gmtime_r(&seconds, &utc))
		(void)strftime(
			since, sizeof(since), "%Y-%m-%d %H:%M:%S UTC", &utc);
	return err_set(err, ERR_HELD, "%s is held by pid %d on %s since %s",
		path, (int)owner.pid, owner.host, since);
}

/* False as well if the file was removed meanwhile: a lock on a file that
 * nobody else can find keeps nobody out. */
static bool is_still_there(int fd, const char *path)
{
	struct stat ours, theirs;

	return sys->fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

bool lock_take(const char *path, int *ret_fd, struct err *err)
{
	int fd;

	for (int tries = 0; tries < OPEN_TRIES; tries++) {
		fd = sys->openat(AT_FDCWD, path,
			O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 && errno == EINTR)
			continue;
		if (fd < 0)
			return err_sys(
				err, ERR_STORAGE, errno, "opening %s", path);
		if (sys->flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int why = errno;

			(void)sys->close(fd);
			if (why == EINTR)
				continue;
			if (why == EWOULDBLOCK)
				return held(path, err);
			return err_sys(
				err, ERR_STORAGE, why, "locking %s", path);
		}
		if (is_still_there(fd, path)) {
			write_owner(fd);
			*ret_fd = fd;
			return true;
		}
		(void)sys->close(fd);
	}
	return err_set(
		err, ERR_STORAGE, "locking %s: it keeps being replaced", path);
}
