#include "state/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"

static bool fail(struct temp_file *temp, const char *doing, struct err *err)
{
	return err_sys(err, ERR_STORAGE, errno, "%s %s", doing, temp->path);
}

static bool split(struct temp_file *temp, char dir[PATH_MAX], struct err *err)
{
	const char *slash = strrchr(temp->path, '/');
	const char *base = slash ? slash + 1 : temp->path;
	size_t dir_len = slash ? (size_t)(slash - temp->path) : 0;

	if (!base[0] || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return err_set(
			err, ERR_BUG, "\"%s\" names no file", temp->path);
	if (strlen(base) > NAME_MAX || dir_len >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return fail(temp, "opening the directory of", err);
	}
	(void)snprintf(temp->base, sizeof(temp->base), "%s", base);
	if (!slash)
		dir_len = (size_t)snprintf(dir, PATH_MAX, ".");
	else if (dir_len == 0)
		dir_len = (size_t)snprintf(dir, PATH_MAX, "/");
	else
		memcpy(dir, temp->path, dir_len);
	dir[dir_len] = '\0';
	return true;
}

/* Random, so that two who create the same file never share a temporary one. */
static bool choose_name(struct temp_file *temp, struct err *err)
{
	unsigned random;
	int len;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail(temp, "finding a temporary name for", err);
	len = snprintf(temp->temp, sizeof(temp->temp), ".%.200s.tmp-%08x",
		temp->base, random);
	return len > 0;
}

bool temp_file_beside(struct temp_file *temp, const char *path, struct err *err)
{
	char dir[PATH_MAX];

	temp->path = path;
	if (!split(temp, dir, err))
		return false;
	do {
		temp->dir = sys->openat(
			AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	} while (temp->dir < 0 && errno == EINTR);
	if (temp->dir < 0)
		return fail(temp, "opening the directory of", err);
	return choose_name(temp, err);
}

bool temp_file_fix_name(
	struct temp_file *temp, const char *suffix, struct err *err)
{
	int len = snprintf(
		temp->temp, sizeof(temp->temp), "%s%s", temp->base, suffix);

	if (len < 0 || (size_t)len >= sizeof(temp->temp)) {
		errno = ENAMETOOLONG;
		return fail(temp, "finding a temporary name for", err);
	}
	if (sys->unlinkat(temp->dir, temp->temp, 0) < 0 && errno != ENOENT)
		return fail(temp, "removing an old temporary file of", err);
	return true;
}

bool temp_file_make(
	struct temp_file *temp, int flags, mode_t mode, struct err *err)
{
	do {
		temp->fd = sys->openat(temp->dir, temp->temp,
			flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
		temp->ours = temp->fd >= 0;
	} while (temp->fd < 0 && errno == EINTR);
	if (temp->fd < 0)
		return fail(temp, "creating a temporary file for", err);
	if (sys->fchmod(temp->fd, mode) < 0)
		return fail(temp, "setting the mode of", err);
	return true;
}

bool temp_file_make_link(
	struct temp_file *temp, const char *text, struct err *err)
{
	temp->ours = sys->symlinkat(text, temp->dir, temp->temp) == 0;
	if (!temp->ours)
		return fail(temp, "making the link", err);
	return true;
}

bool temp_file_fill(
	struct temp_file *temp, const void *data, size_t len, struct err *err)
{
	int rc;

	if (!atomic_write_all(temp->fd, data, len, err))
		return err_wrap(err, "writing %s", temp->path);
	sys_crash_point("sync");
	rc = sys->fsync(temp->fd);
	sys_crash_point("synced");
	if (rc < 0)
		return fail(temp, "syncing", err);
	return true;
}

bool temp_file_close(struct temp_file *temp, struct err *err)
{
	/* It is gone whatever close says, so it is never closed again. */
	if (sys->close(take_fd(&temp->fd)) < 0)
		return fail(temp, "closing", err);
	return true;
}

bool temp_file_replace(struct temp_file *temp, struct err *err)
{
	sys_crash_point("rename");
	temp->ours = sys->renameat2(temp->dir, temp->temp, temp->dir,
			     temp->base, 0) < 0;
	sys_crash_point("renamed");
	if (temp->ours)
		return fail(temp, "replacing", err);
	return true;
}

bool temp_file_create(struct temp_file *temp, struct err *err)
{
	int rc;

	sys_crash_point("rename");
	temp->ours = sys->renameat2(temp->dir, temp->temp, temp->dir,
			     temp->base, RENAME_NOREPLACE) < 0;
	sys_crash_point("renamed");
	if (temp->ours && errno == EINVAL) {
		/* NFS, for one, has no RENAME_NOREPLACE.  A link is as good,
		 * and leaves the temporary name to temp_file_done(). */
		rc = sys->linkat(
			temp->dir, temp->temp, temp->dir, temp->base, 0);
		sys_crash_point("linked");
	} else {
		rc = temp->ours ? -1 : 0;
	}
	if (rc == 0)
		return true;
	if (errno == EEXIST)
		return err_sys(
			err, ERR_HELD, EEXIST, "creating %s", temp->path);
	return fail(temp, "creating", err);
}

bool temp_file_sync_dir(struct temp_file *temp, struct err *err)
{
	int rc;

	sys_crash_point("sync-dir");
	rc = sys->fsync(temp->dir);
	sys_crash_point("synced-dir");
	if (rc < 0)
		return fail(temp, "syncing the directory of", err);
	return true;
}

void temp_file_done(struct temp_file *temp)
{
	if (temp->ours)
		(void)sys->unlinkat(temp->dir, temp->temp, 0);
	if (temp->fd >= 0)
		(void)sys->close(temp->fd);
	if (temp->dir >= 0)
		(void)sys->close(temp->dir);
	*temp = (struct temp_file)TEMP_FILE_NONE;
}
