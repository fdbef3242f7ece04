#include "state/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "state/temp_file.h"

#define READ_CHUNK 4096

bool atomic_write_all(int fd, const void *buf, size_t len, struct err *err)
{
	const char *next = buf;
	ssize_t wrote;

	sys_crash_point("write");
	while (len > 0) {
		wrote = sys->write(fd, next, len);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return err_sys(err, ERR_STORAGE, errno, "write");
		if (wrote == 0)
			return err_sys(err, ERR_STORAGE, EIO, "write");
		next += wrote;
		len -= (size_t)wrote;
	}
	sys_crash_point("written");
	return true;
}

static bool fill_new_file(struct temp_file *temp, const char *path,
	const void *data, size_t len, mode_t mode, struct err *err)
{
	return temp_file_beside(temp, path, err) &&
	       temp_file_make(temp, O_WRONLY, mode, err) &&
	       temp_file_fill(temp, data, len, err) &&
	       temp_file_close(temp, err);
}

bool atomic_file_write(const char *path, const void *data, size_t len,
	mode_t mode, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	bool ok = fill_new_file(&temp, path, data, len, mode, err) &&
		  temp_file_replace(&temp, err) &&
		  temp_file_sync_dir(&temp, err);

	temp_file_done(&temp);
	return ok;
}

bool atomic_file_create(const char *path, const void *data, size_t len,
	mode_t mode, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	bool ok = fill_new_file(&temp, path, data, len, mode, err) &&
		  temp_file_create(&temp, err) &&
		  temp_file_sync_dir(&temp, err);

	temp_file_done(&temp);
	return ok;
}

bool atomic_symlink(const char *text, const char *path, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	bool ok = temp_file_beside(&temp, path, err) &&
		  temp_file_make_link(&temp, text, err) &&
		  temp_file_replace(&temp, err) &&
		  temp_file_sync_dir(&temp, err);

	temp_file_done(&temp);
	return ok;
}

bool atomic_sync_parent(const char *path, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	bool ok = temp_file_beside(&temp, path, err) &&
		  temp_file_sync_dir(&temp, err);

	temp_file_done(&temp);
	return ok;
}

/* A file that is missing already may have been removed by a run that was
 * killed before its sync, so the directory is synced in any case. */
static bool remove_and_sync(struct temp_file *temp, struct err *err)
{
	int rc;

	sys_crash_point("unlink");
	rc = sys->unlinkat(temp->dir, temp->base, 0);
	sys_crash_point("unlinked");
	if (rc < 0 && errno != ENOENT)
		return err_sys(
			err, ERR_STORAGE, errno, "removing %s", temp->path);
	return temp_file_sync_dir(temp, err);
}

bool atomic_remove(const char *path, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	struct err why = {0};
	bool ok;

	if (temp_file_beside(&temp, path, &why)) {
		ok = remove_and_sync(&temp, err);
	} else {
		ok = why.code == ERR_STORAGE && why.sys == ENOENT;
		if (!ok && err)
			*err = why;
	}
	temp_file_done(&temp);
	return ok;
}

/* What a person has to put right, as opposed to a disk that fails. */
static bool is_refusal(int error)
{
	return error == EACCES || error == EPERM || error == ELOOP ||
	       error == ENOTDIR || error == EISDIR || error == ENAMETOOLONG;
}

static bool read_failed(const char *path, struct err *err)
{
	enum err_code code = is_refusal(errno) ? ERR_CONFIG : ERR_STORAGE;

	if (errno == ENOENT)
		code = ERR_MISSING;
	return err_sys(err, code, errno, "reading %s", path);
}

/* By size is no way to read: /proc and pipes have none. */
static bool read_all(int fd, const char *path, size_t max, char **ret_data,
	size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 0, room = 0;
	ssize_t got = 1;

	while (got != 0) {
		if (room - len < 2) {
			size_t more = room ? 2 * room : READ_CHUNK;
			char *grown = realloc(data, more);

			if (!grown)
				return err_sys(err, ERR_MEMORY, ENOMEM,
					"reading %s", path);
			data = grown;
			room = more;
		}
		got = sys->read(fd, data + len, room - len - 1);
		if (got < 0 && errno != EINTR)
			return read_failed(path, err);
		if (got > 0)
			len += (size_t)got;
		if (len > max)
			return err_set(err, ERR_CONFIG,
				"%s is longer than %zu bytes", path, max);
	}
	data[len] = '\0';
	*ret_data = take_ptr(data);
	if (ret_len)
		*ret_len = len;
	return true;
}

bool atomic_file_read(const char *path, size_t max, char **ret_data,
	size_t *ret_len, struct err *err)
{
	int fd;
	bool ok;

	do {
		fd = sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return read_failed(path, err);
	ok = read_all(fd, path, max, ret_data, ret_len, err);
	(void)sys->close(fd);
	return ok;
}

/* The umask has no say in the mode.  Only a parent that gets a new entry has to
 * be readable, for its sync; to walk, the right to search is enough. */
static bool set_mode(int dir, mode_t mode)
{
	int fd = sys->openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	bool ok = fd >= 0 && sys->fchmod(fd, mode) == 0;
	int why = errno;

	if (fd >= 0)
		(void)sys->close(fd);
	errno = why;
	return ok;
}

static bool sync_dir(int dir)
{
	int fd = sys->openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	bool ok;
	int why;

	sys_crash_point("sync-dir");
	ok = fd >= 0 && sys->fsync(fd) == 0;
	why = errno;
	sys_crash_point("synced-dir");
	if (fd >= 0)
		(void)sys->close(fd);
	errno = why;
	return ok;
}

/*
 * Steps from *dir into name, which is made if need be.  *last is where the last
 * one that was there already has its entry, or -1: of those, only it can be
 * the work of one who was killed before the sync.
 */
static bool enter(int *dir, int *last, const char *name, mode_t mode,
	const char *path, struct err *err)
{
	int made, next;
	bool ok = true;

	sys_crash_point("mkdir");
	made = sys->mkdirat(*dir, name, mode);
	if (made < 0 && errno != EEXIST)
		return err_sys(err, ERR_STORAGE, errno, "making %s", path);
	next = sys->openat(*dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (next < 0)
		return err_sys(err, ERR_STORAGE, errno, "making %s", path);
	if (made == 0 && !(set_mode(next, mode) && sync_dir(*dir)))
		ok = err_sys(err, ERR_STORAGE, errno, "making %s", path);
	if (made < 0) {
		if (*last >= 0)
			(void)sys->close(*last);
		*last = *dir;
	} else {
		(void)sys->close(*dir);
	}
	*dir = next;
	return ok;
}

bool atomic_mkdir(const char *path, mode_t mode, struct err *err)
{
	char copy[PATH_MAX], *rest = copy;
	const char *name;
	bool ok = true;
	int dir, last = -1;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return err_sys(
			err, ERR_STORAGE, ENAMETOOLONG, "making %s", path);
	dir = sys->openat(AT_FDCWD, path[0] == '/' ? "/" : ".",
		O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (dir < 0)
		return err_sys(err, ERR_STORAGE, errno, "making %s", path);
	while (ok && (name = strsep(&rest, "/")))
		ok = !name[0] || enter(&dir, &last, name, mode, path, err);
	/* Where we may not look, it is not we who made it. */
	if (ok && last >= 0 && !sync_dir(last) && errno != EACCES)
		ok = err_sys(err, ERR_STORAGE, errno, "making %s", path);
	if (last >= 0)
		(void)sys->close(last);
	(void)sys->close(dir);
	return ok;
}
