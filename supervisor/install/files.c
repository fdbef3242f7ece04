/*
 * files.c - see files.h.
 */
#include "supervisor/install/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/artifact.h"

enum { CHUNK = 64 * 1024 };

enum err_code files_code(int sys_errno)
{
	switch (sys_errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO:
		return ERR_STORAGE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_CONFIG;
	case ENOMEM:
		return ERR_MEMORY;
	default:
		return ERR_STEP;
	}
}

enum err_code files_named_code(int sys_errno)
{
	return files_code(sys_errno) == ERR_STORAGE ? ERR_STORAGE : ERR_CONFIG;
}

bool files_name_is_plain(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._+-";
	size_t len = strlen(name);

	return len > 0 && len < 64 && name[0] != '.' && name[0] != '-' &&
	       strspn(name, plain) == len;
}

bool files_path(char ret_path[PATH_MAX], struct err *err, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(ret_path, PATH_MAX, fmt, args);
	va_end(args);
	if (len < 0 || len >= PATH_MAX)
		return err_set(err, ERR_CONFIG, "path is too long: %.60s...",
			ret_path);
	return true;
}

int files_rename(int from_dir, const char *from, int to_dir, const char *to,
	unsigned flags)
{
	int rc;

	sys_crash_point("install: rename");
	rc = sys->renameat2(from_dir, from, to_dir, to, flags);
	sys_crash_point("install: renamed");
	return rc;
}

int files_link(
	int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	int rc;

	sys_crash_point("install: link");
	rc = sys->linkat(from_dir, from, to_dir, to, flags);
	sys_crash_point("install: linked");
	return rc;
}

int files_symlink(const char *text, int dir, const char *path)
{
	int rc;

	sys_crash_point("install: symlink");
	rc = sys->symlinkat(text, dir, path);
	sys_crash_point("install: symlinked");
	return rc;
}

int files_mkdir(int dir, const char *path)
{
	int rc;

	sys_crash_point("install: mkdir");
	rc = sys->mkdirat(dir, path, 0755);
	sys_crash_point("install: made directory");
	return rc;
}

int files_unlink(int dir, const char *path, int flags)
{
	int rc;

	sys_crash_point("install: unlink");
	rc = sys->unlinkat(dir, path, flags);
	sys_crash_point("install: unlinked");
	return rc;
}

static int open_dir(int dir, const char *path)
{
	return sys->openat(
		dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

bool files_sync_dir(int dir, const char *path, struct err *err)
{
	_cleanup_fd_ int fd =
		sys->openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(
			err, files_code(errno), errno, "opening %s", path);
	if (sys->fsync(fd) < 0)
		return err_sys(err, ERR_STORAGE, errno, "syncing %s", path);
	return true;
}

bool files_mkdir_all(const char *path, struct err *err)
{
	/* Setting the mode afterwards would come too late for a kill. */
	mode_t before = umask(022);
	bool ok = atomic_mkdir(path, 0755, err);

	(void)umask(before);
	return ok;
}

/* A stream over a directory, on a descriptor of its own. */
static DIR *list_dir(int fd)
{
	int own = sys->openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *list = own < 0 ? NULL : fdopendir(own);

	if (!list && own >= 0)
		(void)sys->close(own);
	return list;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_dir(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

bool files_sync_tree(int dir, const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open_dir(dir, path);
	DIR *list = fd < 0 ? NULL : list_dir(fd);
	const struct dirent *entry;
	bool ok = true;

	if (!list)
		return err_sys(
			err, files_code(errno), errno, "opening %s", path);
	while (ok && (entry = readdir(list)))
		if (!is_dots(entry->d_name) && is_dir(fd, entry->d_name))
			ok = files_sync_tree(fd, entry->d_name, err);
	(void)closedir(list);
	if (!ok)
		return false;
	if (sys->fchmod(fd, 0755) < 0)
		return err_sys(err, files_code(errno), errno,
			"setting the mode of %s", path);
	if (sys->fsync(fd) < 0)
		return err_sys(err, ERR_STORAGE, errno, "syncing %s", path);
	return true;
}

bool files_remove_tree(int dir, const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open_dir(dir, path);
	const struct dirent *entry;
	DIR *list;
	bool ok = true;

	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return err_sys(
			err, files_code(errno), errno, "removing %s", path);
	/* a kill before files_sync_tree() leaves modes as the umask said */
	(void)sys->fchmod(fd, 0700);
	list = list_dir(fd);
	if (!list)
		return err_sys(
			err, files_code(errno), errno, "removing %s", path);
	while (ok && (entry = readdir(list))) {
		if (is_dots(entry->d_name))
			continue;
		if (is_dir(fd, entry->d_name))
			ok = files_remove_tree(fd, entry->d_name, err);
		else if (files_unlink(fd, entry->d_name, 0) < 0 &&
			 errno != ENOENT)
			ok = err_sys(err, files_code(errno), errno,
				"removing %s/%s", path, entry->d_name);
	}
	(void)closedir(list);
	if (ok && files_unlink(dir, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(
			err, files_code(errno), errno, "removing %s", path);
	return ok;
}

static ssize_t read_chunk(int fd, void *buf, size_t len)
{
	ssize_t got;

	do
		got = sys->read(fd, buf, len);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool copy_contents(int from, int to, const char *shown, struct err *err)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	ssize_t got;

	if (!buf)
		return err_set(err, ERR_MEMORY, "out of memory");
	while ((got = read_chunk(from, buf, CHUNK)) > 0)
		if (!atomic_write_all(to, buf, (size_t)got, err))
			return err_wrap(err, "writing %s", shown);
	return got == 0 || err_sys(err, files_code(errno), errno,
				   "reading what becomes %s", shown);
}

static bool copy(
	int from, mode_t mode, int to_dir, const char *to, struct err *err)
{
	int fd = sys->openat(
		to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return err_sys(
			err, files_code(errno), errno, "creating %s", to);
	sys_crash_point("install: created copy");
	ok = copy_contents(from, fd, to, err);
	if (ok && sys->fchmod(fd, (mode & 0755) | 0400) < 0)
		ok = err_sys(err, files_code(errno), errno,
			"setting the mode of %s", to);
	if (ok && sys->fsync(fd) < 0)
		ok = err_sys(err, ERR_STORAGE, errno, "syncing %s", to);
	if (sys->close(fd) < 0 && ok)
		ok = err_sys(err, ERR_STORAGE, errno, "closing %s", to);
	if (!ok)
		(void)files_unlink(to_dir, to, 0);
	return ok;
}

bool files_link_or_copy(
	const char *from, int to_dir, const char *to, struct err *err)
{
	_cleanup_fd_ int fd =
		sys->openat(AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
	struct stat source, linked;

	if (fd < 0)
		return err_sys(err,
			errno == ENOENT ? ERR_MISSING : files_named_code(errno),
			errno, "opening %s", from);
	if (sys->fstat(fd, &source) < 0)
		return err_sys(
			err, files_code(errno), errno, "looking at %s", from);
	if (!S_ISREG(source.st_mode))
		return err_set(err, ERR_CONFIG, "%s is not a file", from);
	/* Refused for other file systems, for files of others, and for a
	 * running executable whose file was removed: all can be copied. */
	if (files_link(AT_FDCWD, from, to_dir, to, AT_SYMLINK_FOLLOW) < 0) {
		if (errno == EEXIST || errno == ENOSPC || errno == EIO)
			return err_sys(err, files_code(errno), errno,
				"linking %s to %s", from, to);
		return copy(fd, source.st_mode, to_dir, to, err);
	}
	if (fstatat(to_dir, to, &linked, AT_SYMLINK_NOFOLLOW) < 0 ||
		linked.st_ino != source.st_ino ||
		linked.st_dev != source.st_dev) {
		(void)files_unlink(to_dir, to, 0);
		return err_set(err, ERR_STEP,
			"%s was replaced while it was linked", from);
	}
	if (sys->fsync(fd) < 0) {
		int failed = errno;

		(void)files_unlink(to_dir, to, 0);
		return err_sys(err, ERR_STORAGE, failed, "syncing %s", from);
	}
	return true;
}

bool files_are_same(
	const char *a, const char *b, bool *ret_same, struct err *err)
{
	struct stat st_a, st_b;
	char hex_a[65], hex_b[65];

	if (stat(a, &st_a) < 0 || stat(b, &st_b) < 0)
		return err_sys(err, errno == ENOENT ? ERR_MISSING : ERR_STEP,
			errno, "comparing %s with %s", a, b);
	if (st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino) {
		*ret_same = true;
		return true;
	}
	*ret_same = false;
	if (!S_ISREG(st_a.st_mode) || !S_ISREG(st_b.st_mode) ||
		st_a.st_size != st_b.st_size)
		return true;
	if (!sha256_file(a, hex_a, err) || !sha256_file(b, hex_b, err))
		return false;
	*ret_same = strcmp(hex_a, hex_b) == 0;
	return true;
}

static bool digest(EVP_MD_CTX *ctx, int fd, unsigned char *sum, char *buf)
{
	ssize_t got;

	if (!ctx || !buf || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		errno = ENOMEM;
		return false;
	}
	while ((got = read_chunk(fd, buf, CHUNK)) > 0)
		if (EVP_DigestUpdate(ctx, buf, (size_t)got) != 1) {
			errno = ENOMEM;
			return false;
		}
	return got == 0 && EVP_DigestFinal_ex(ctx, sum, NULL) == 1;
}

bool files_sha256_fd(
	int fd, const char *shown, char ret_hex[65], struct err *err)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = lseek(fd, 0, SEEK_SET) == 0 && digest(ctx, fd, sum, buf);
	int failed = errno;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return err_sys(
			err, files_code(failed), failed, "reading %s", shown);
	for (int i = 0; i < 32; i++)
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", sum[i]);
	return true;
}

bool sha256_file(const char *path, char ret_hex[65], struct err *err)
{
	_cleanup_fd_ int fd =
		sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err,
			errno == ENOENT ? ERR_MISSING : files_code(errno),
			errno, "opening %s", path);
	return files_sha256_fd(fd, path, ret_hex, err);
}

bool files_open_versions(const char *root, int *ret_fd, struct err *err)
{
	char path[PATH_MAX];

	if (!files_path(path, err, "%s/versions", root) ||
		!files_mkdir_all(path, err))
		return false;
	*ret_fd = sys->openat(
		AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return *ret_fd >= 0 ||
	       err_sys(err, files_code(errno), errno, "opening %s", path);
}

bool files_partial_make(int versions, const char *version,
	char ret_name[NAME_MAX + 1], int *ret_fd, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	unsigned char random[6];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(err, ERR_BUG, errno, "getrandom");
	(void)snprintf(ret_name, NAME_MAX + 1,
		FILES_PARTIAL "%s-%02x%02x%02x%02x%02x%02x", version, random[0],
		random[1], random[2], random[3], random[4], random[5]);
	if (files_mkdir(versions, ret_name) < 0)
		return err_sys(err, files_code(errno), errno,
			"making versions/%s", ret_name);
	fd = open_dir(versions, ret_name);
	if (fd < 0 || sys->flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, files_code(errno), errno,
			"locking versions/%s", ret_name);
	*ret_fd = take_fd(&fd);
	return true;
}

static bool is_abandoned(int versions, const char *name, long age_s)
{
	time_t now = (time_t)(sys_wall_ms() / 1000);
	_cleanup_fd_ int fd = open_dir(versions, name);
	struct stat st;

	return fd >= 0 && sys->fstat(fd, &st) == 0 &&
	       (age_s == 0 || st.st_mtime <= now - age_s) &&
	       sys->flock(fd, LOCK_EX | LOCK_NB) == 0;
}

bool files_clean(int versions, const char *prefix, long age_s, struct err *err)
{
	const struct dirent *entry;
	DIR *list = list_dir(versions);
	bool ok = true;

	if (!list)
		return err_sys(
			err, files_code(errno), errno, "reading versions/");
	while (ok && (entry = readdir(list)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
			is_abandoned(versions, entry->d_name, age_s))
			ok = files_remove_tree(versions, entry->d_name, err);
	(void)closedir(list);
	return ok;
}

static bool is_temporary(const char *name)
{
	static const char mark[] = ".tmp-";
	const size_t digits = 8, tail = sizeof(mark) - 1 + digits;
	size_t len = strlen(name);

	return name[0] == '.' && len > tail + 1 &&
	       strncmp(name + len - tail, mark, sizeof(mark) - 1) == 0 &&
	       strspn(name + len - digits, "0123456789abcdef") == digits;
}

bool files_clean_temporary(int dir, long age_s, struct err *err)
{
	time_t now = (time_t)(sys_wall_ms() / 1000);
	const struct dirent *entry;
	DIR *list = list_dir(dir);
	struct stat st;
	bool ok = true;

	if (!list)
		return err_sys(err, files_code(errno), errno,
			"looking for temporary files");
	while (ok && (entry = readdir(list))) {
		if (!is_temporary(entry->d_name) ||
			fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) <
				0 ||
			S_ISDIR(st.st_mode) || st.st_mtime > now - age_s)
			continue;
		if (files_unlink(dir, entry->d_name, 0) < 0 && errno != ENOENT)
			ok = err_sys(err, files_code(errno), errno,
				"removing %s", entry->d_name);
	}
	(void)closedir(list);
	return ok;
}

bool files_partial_clean(int versions, const char *version, struct err *err)
{
	char prefix[NAME_MAX + 1];

	(void)snprintf(prefix, sizeof(prefix), FILES_PARTIAL "%s-", version);
	return files_clean(versions, prefix, 0, err);
}
