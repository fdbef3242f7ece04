/*
 * place.c - see place.h.
 */
#include "supervisor/install/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/files.h"

bool place_nearest(const char *path, char ret_path[PATH_MAX])
{
	struct stat st;

	(void)snprintf(ret_path, PATH_MAX, "%s", path);
	while (stat(ret_path, &st) != 0) {
		char *slash = strrchr(ret_path, '/');

		if (!slash || (errno != ENOENT && errno != ENOTDIR))
			return false;
		slash[slash == ret_path] = '\0';
		if (slash == ret_path)
			return true;
	}
	return true;
}

/* A file without a name leaves no trace. */
static bool can_make_files(const char *dir, struct err *err)
{
	_cleanup_fd_ int fd = sys->openat(
		AT_FDCWD, dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0700);

	if (fd >= 0 ||
		/* this file system has none such */
		((errno == EOPNOTSUPP || errno == EISDIR) &&
			faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0))
		return true;
	return err_sys(err, ERR_CONFIG, errno,
		"no files can be made in %s as uid %u", dir,
		(unsigned)geteuid());
}

bool place_make_private(const char *file, struct err *err)
{
	char parent[PATH_MAX], above[PATH_MAX];
	char *slash;

	if (!files_path(parent, err, "%s", file))
		return false;
	slash = strrchr(parent, '/');
	if (slash)
		*slash = '\0';
	if (!files_path(above, err, "%s", parent))
		return false;
	slash = strrchr(above, '/');
	if (slash)
		*slash = '\0';
	return files_mkdir_all(above, err) &&
	       (mkdir(parent, 0700) == 0 || errno == EEXIST ||
		       err_sys(err, files_code(errno), errno, "making %s",
			       parent));
}

bool place_can_hold_programs(const char *path, struct err *err)
{
	char dir[PATH_MAX];
	struct statvfs fs;

	if (!place_nearest(path, dir))
		return err_sys(err, ERR_CONFIG, errno,
			"%s cannot be looked for", path);
	if (!can_make_files(dir, err))
		return false;
	return statvfs(dir, &fs) != 0 || !(fs.f_flag & ST_NOEXEC) ||
	       err_set(err, ERR_CONFIG,
		       "the file system of %s is mounted noexec: nothing in "
		       "it can be executed",
		       dir);
}

bool place_room(const char *path, dev_t *ret_device, uint64_t *ret_free)
{
	char there[PATH_MAX];
	struct statvfs fs;
	struct stat st;

	if (!place_nearest(path, there) || stat(there, &st) != 0 ||
		statvfs(there, &fs) != 0)
		return false;
	*ret_device = st.st_dev;
	*ret_free = (uint64_t)fs.f_bavail * fs.f_frsize;
	return true;
}
