/*
 * run_file.c - what a spawned process leaves to be found again by.
 */
#include "supervisor/process/run_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/process.h"

#define LOCK_TRIES 5
#define LOCK_TRY_MS 20

static bool parse(const char *text, size_t len, struct run_file *file)
{
	_cleanup_json_ json_t *json = json_loadb(text, len, 0, NULL);
	json_int_t pid, ticks, attempt;
	const char *boot_id;

	if (json_unpack(json, "{s:I, s:I, s:s, s:I}", "pid", &pid,
		    "start_ticks", &ticks, "boot_id", &boot_id, "attempt",
		    &attempt) != 0)
		return false;
	if (pid <= 0 || pid > INT32_MAX || ticks < 0 || attempt < 0 ||
		strlen(boot_id) >= sizeof(file->boot_id))
		return false;
	file->pid = (pid_t)pid;
	file->start_ticks = (uint64_t)ticks;
	file->attempt = (uint64_t)attempt;
	memcpy(file->boot_id, boot_id, strlen(boot_id) + 1);
	return true;
}

bool run_file_read(const char *path, struct run_file *ret_file, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	char text[RUN_FILE_SIZE];
	ssize_t len;

	memset(ret_file, 0, sizeof(*ret_file));
	fd = sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", path);
	ret_file->there = true;
	/* Shared, so that two observers do not take each other for the
	 * process; gone again when fd closes. */
	if (sys->flock(fd, LOCK_SH | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(
				err, ERR_AGAIN, errno, "locking %s", path);
		ret_file->locked = true;
	}
	len = sys->read(fd, text, sizeof(text));
	if (len < 0)
		return err_sys(err, ERR_AGAIN, errno, "reading %s", path);
	ret_file->valid = parse(text, (size_t)len, ret_file);
	return true;
}

bool run_file_is_alive(const struct run_file *file)
{
	uint64_t ticks;

	return file->valid && strcmp(file->boot_id, sys_boot_id()) == 0 &&
	       proc_start_ticks(file->pid, &ticks, NULL) &&
	       ticks == file->start_ticks;
}

bool run_file_lock(const char *path, int *ret_fd, struct err *err)
{
	const struct timespec wait = {.tv_nsec = LOCK_TRY_MS * 1000000L};
	_cleanup_fd_ int fd = sys->openat(AT_FDCWD, path,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(err, ERR_STEP, errno, "opening %s", path);
	/* Somebody who only looks holds it for an instant. */
	for (int tries = 1; sys->flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(
				err, ERR_STEP, errno, "locking %s", path);
		if (tries >= LOCK_TRIES)
			return err_set(err, ERR_STEP,
				"already running: %s is locked", path);
		(void)nanosleep(&wait, NULL);
	}
	if (!atomic_sync_parent(path, err))
		return false;
	*ret_fd = take_fd(&fd);
	return true;
}

bool run_file_claim(int fd, uint64_t attempt, const char *argv0)
{
	char line[RUN_FILE_SIZE + 1], brief[201];
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = NULL;
	struct err err = {0};
	uint64_t ticks;

	/* Only for whoever reads the file, so it may be cut to fit. */
	(void)snprintf(brief, sizeof(brief), "%s", argv0);
	if (!proc_start_ticks(getpid(), &ticks, &err)) {
		errno = err.sys != 0 ? err.sys : ENOENT;
		return false;
	}
	json = json_pack("{s:I, s:I, s:s, s:I}", "pid", (json_int_t)getpid(),
		"start_ticks", (json_int_t)ticks, "boot_id", sys_boot_id(),
		"attempt", (json_int_t)attempt);
	/* Fails for a name that is no UTF-8: then without it. */
	(void)json_object_set_new(json, "argv0", json_string(brief));
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL || strlen(text) >= RUN_FILE_SIZE) {
		errno = ENOMEM;
		return false;
	}
	(void)snprintf(line, sizeof(line), "%-*s\n", RUN_FILE_SIZE - 1, text);
	if (lseek(fd, 0, SEEK_SET) != 0 ||
		!atomic_write_all(fd, line, RUN_FILE_SIZE, &err)) {
		errno = err.sys != 0 ? err.sys : EIO;
		return false;
	}
	return sys->fsync(fd) == 0;
}
