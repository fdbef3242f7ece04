/*
 * ops_files.c - what is asked of a host's files, disks and clocks.
 *
 * A file that is brought from elsewhere grows at <root>/versions/.partial-<its
 * digest>.tgz.  Whoever writes holds a flock on it for one piece; a piece for
 * another offset than its end is not written, so two who bring the same file
 * help each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/ops.h"
#include "supervisor/install/files.h"
#include "supervisor/process/process.h"

static bool made(json_t *json, json_t **ret_result, struct err *err)
{
	*ret_result = json;
	return json || err_set(err, ERR_MEMORY, "out of memory");
}

static const char *text_of(const json_t *ask, const char *key, struct err *err)
{
	const char *text = json_string_value(json_object_get(ask, key));

	if (text && text[0])
		return text;
	(void)err_set(err, ERR_BUG, "the question has no %s", key);
	return NULL;
}

static json_int_t ms_of(struct timespec time)
{
	return (json_int_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- files ---- */

static bool read_all(int fd, off_t from, char *buf, size_t size,
	size_t *ret_len, struct err *err)
{
	size_t len = 0;
	ssize_t got = 1;

	while (len < size && got != 0) {
		got = pread(fd, buf + len, size - len, from + (off_t)len);
		if (got < 0 && errno != EINTR)
			return err_sys(err, ERR_AGAIN, errno, "reading");
		if (got > 0)
			len += (size_t)got;
	}
	*ret_len = len;
	return true;
}

static bool open_text(
	const char *path, int *ret_fd, struct stat *ret_st, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_MISSING : ERR_CONFIG,
			errno, "reading %s", path);
	*ret_fd = fd;
	if (fstat(fd, ret_st) != 0)
		return err_sys(err, ERR_AGAIN, errno, "reading %s", path);
	return S_ISREG(ret_st->st_mode) ||
	       err_set(err, ERR_CONFIG, "reading %s: it is no file", path);
}

static bool op_read_file(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *path = text_of(ask, "path", err);
	json_int_t max = json_integer_value(json_object_get(ask, "max"));
	bool tail = json_is_true(json_object_get(ask, "tail"));
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat st = {0};
	off_t from = 0;
	size_t len = 0;

	if (!path || !open_text(path, &fd, &st, err))
		return false;
	if (max <= 0 || max > HOST_FILE_MAX)
		max = HOST_FILE_MAX;
	if (tail && st.st_size > max)
		from = st.st_size - max;
	text = malloc((size_t)max + 2);
	if (!text)
		return err_set(err, ERR_MEMORY, "out of memory");
	/* One more, to see that there is no more. */
	if (!read_all(fd, from, text, (size_t)max + (tail ? 0 : 1), &len, err))
		return err_wrap(err, "%s", path);
	if (len > (size_t)max)
		return err_set(err, ERR_CONFIG, "%s is longer than %lld bytes",
			path, (long long)max);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	text[len] = '\0';
	err_mend_text(text);
	return made(json_pack("{s:s, s:I, s:I, s:I, s:I}", "text", text, "size",
			    (json_int_t)st.st_size, "mtime_ms",
			    ms_of(st.st_mtim), "ctime_ms", ms_of(st.st_ctim),
			    "now_ms", (json_int_t)sys_wall_ms()),
		ret_result, err);
}

static const char *type_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "file";
	if (S_ISDIR(mode))
		return "directory";
	return S_ISLNK(mode) ? "link" : "other";
}

static void add_target(json_t *json, const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return;
	target[len] = '\0';
	err_mend_text(target);
	(void)json_object_set_new(json, "target", json_string(target));
}

static bool op_stat(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *path = text_of(ask, "path", err);
	bool follow = json_is_true(json_object_get(ask, "follow"));
	struct stat st;
	json_t *json;

	if (!path)
		return false;
	if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) !=
		0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return made(json_pack("{s:b}", "there", 0), ret_result,
				err);
		return err_sys(err, ERR_CONFIG, errno, "looking at %s", path);
	}
	json = json_pack("{s:b, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
			 "s:b}",
		"there", 1, "type", type_of(st.st_mode), "mode",
		(int)(st.st_mode & 07777), "uid", (json_int_t)st.st_uid, "gid",
		(json_int_t)st.st_gid, "size", (json_int_t)st.st_size,
		"mtime_ms", ms_of(st.st_mtim), "dev", (json_int_t)st.st_dev,
		"ino", (json_int_t)st.st_ino, "executable",
		faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0, "writable",
		faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0);
	if (json && S_ISLNK(st.st_mode))
		add_target(json, path);
	return made(json, ret_result, err);
}

/* ---- disks and clocks ---- */

static bool op_space(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *path = text_of(ask, "path", err);
	char parent[PATH_MAX];
	struct statvfs disk;
	struct stat st;

	if (!path)
		return false;
	if (path[0] != '/' || strlen(path) >= sizeof(parent))
		return err_set(err, ERR_CONFIG, "%s: no absolute path", path);
	(void)snprintf(parent, sizeof(parent), "%s", path);
	while (stat(parent, &st) != 0) {
		char *slash = strrchr(parent, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || !parent[1])
			return err_sys(err, ERR_CONFIG, errno, "looking at %s",
				parent);
		slash[slash == parent] = '\0';
	}
	if (statvfs(parent, &disk) != 0)
		return err_sys(err, ERR_AGAIN, errno,
			"asking for the room on the disk of %s", parent);
	return made(
		json_pack("{s:I, s:I, s:I}", "free",
			(json_int_t)disk.f_bavail * (json_int_t)disk.f_frsize,
			"inodes", (json_int_t)disk.f_favail, "dev",
			(json_int_t)st.st_dev),
		ret_result, err);
}

/* Does the user's own service manager stay when nobody is logged in? */
static bool lingers(const char *user)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", user);
	return access(path, F_OK) == 0;
}

static bool op_clock(const json_t *ask, json_t **ret_result, struct err *err)
{
	char name[65] = "", user[65];
	struct utsname machine = {0};

	(void)ask;
	(void)gethostname(name, sizeof(name) - 1);
	(void)uname(&machine);
	process_user_name(geteuid(), user, sizeof(user));
	err_mend_text(name);
	return made(json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:s, "
			      "s:b}",
			    "wall_ms", (json_int_t)sys_wall_ms(), "boottime_ms",
			    (json_int_t)sys_boottime_ms(), "boot_id",
			    sys_boot_id(), "machine", machine.machine, "host",
			    name, "uid", (json_int_t)geteuid(), "user", user,
			    "lingers", (int)lingers(user)),
		ret_result, err);
}

/* ---- a file from elsewhere ---- */

struct arriving {
	int dir, fd;
	char name[96];
	off_t size;
};

static void arriving_done(struct arriving *arriving)
{
	if (arriving->fd >= 0)
		(void)sys->close(arriving->fd);
	if (arriving->dir >= 0)
		(void)sys->close(arriving->dir);
}

static bool is_digest(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool arriving_open(
	const json_t *ask, struct arriving *ret_arriving, struct err *err)
{
	const char *root = text_of(ask, "root", err);
	const char *sha256 = root ? text_of(ask, "sha256", err) : NULL;
	struct arriving *arriving = ret_arriving;
	struct stat st;

	*arriving = (struct arriving){.dir = -1, .fd = -1};
	if (!sha256)
		return false;
	if (!is_digest(sha256))
		return err_set(err, ERR_BUG, "this is no digest");
	(void)snprintf(arriving->name, sizeof(arriving->name),
		FILES_PARTIAL "%s.tgz", sha256);
	if (!files_open_versions(root, &arriving->dir, err))
		return false;
	arriving->fd = sys->openat(arriving->dir, arriving->name,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (arriving->fd < 0)
		return err_sys(err, files_code(errno), errno, "opening %s",
			arriving->name);
	while (sys->flock(arriving->fd, LOCK_EX) != 0)
		if (errno != EINTR)
			return err_sys(err, ERR_AGAIN, errno, "locking %s",
				arriving->name);
	if (sys->fstat(arriving->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(
			err, ERR_CONFIG, "%s is no file", arriving->name);
	arriving->size = st.st_size;
	return true;
}

static json_t *size_json(const struct arriving *arriving)
{
	return json_pack("{s:I}", "size", (json_int_t)arriving->size);
}

static bool op_received(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct arriving arriving;
	bool ok = arriving_open(ask, &arriving, err) &&
		  made(size_json(&arriving), ret_result, err);

	arriving_done(&arriving);
	return ok;
}

static bool decode(const char *text, unsigned char **ret_data, size_t *ret_len,
	struct err *err)
{
	size_t len = strlen(text);
	int got;

	if (len == 0 || len % 4 != 0 || len / 4 * 3 > HOST_CHUNK_MAX + 2)
		return err_set(err, ERR_BUG, "a piece of %zu characters", len);
	*ret_data = malloc(len / 4 * 3);
	if (!*ret_data)
		return err_set(err, ERR_MEMORY, "out of memory");
	got = EVP_DecodeBlock(*ret_data, (const unsigned char *)text, (int)len);
	if (got <= 0 || strcspn(text, "=") < len - 2)
		return err_set(err, ERR_BUG, "a piece that is no base64");
	*ret_len =
		(size_t)got - (text[len - 1] == '=') - (text[len - 2] == '=');
	return true;
}

/* What was written of a piece before the disk was full stays: it is right. */
static bool op_receive(const json_t *ask, json_t **ret_result, struct err *err)
{
	json_int_t offset = json_integer_value(json_object_get(ask, "offset"));
	const char *text = text_of(ask, "data", err);
	_cleanup_free_ unsigned char *data = NULL;
	struct arriving arriving;
	size_t len = 0;
	bool ok;

	if (!text || !decode(text, &data, &len, err))
		return false;
	ok = arriving_open(ask, &arriving, err);
	if (ok && arriving.size == offset) {
		ok = (lseek(arriving.fd, offset, SEEK_SET) == offset ||
			     err_sys(err, ERR_STORAGE, errno, "seeking")) &&
		     atomic_write_all(arriving.fd, data, len, err);
		if (!ok)
			(void)err_wrap(err, "writing %s/versions/%s",
				text_of(ask, "root", err), arriving.name);
		arriving.size += (off_t)len;
		sys_crash_point("host: received");
	}
	ok = ok && made(size_json(&arriving), ret_result, err);
	arriving_done(&arriving);
	return ok;
}

static bool check_arrived(const json_t *ask, const char *root,
	struct arriving *arriving, json_t **ret_result, struct err *err)
{
	const char *want = json_string_value(json_object_get(ask, "sha256"));
	char hex[65], path[PATH_MAX];

	if (lseek(arriving->fd, 0, SEEK_SET) != 0 ||
		!files_sha256_fd(arriving->fd, arriving->name, hex, err) ||
		!files_path(path, err, "%s/versions/%s", root, arriving->name))
		return false;
	if (strcmp(hex, want) != 0) {
		if (ftruncate(arriving->fd, 0) != 0)
			return err_sys(err, files_code(errno), errno,
				"emptying %s", arriving->name);
		return err_set(err, ERR_AGAIN,
			"%s came damaged: its digest is %s", arriving->name,
			hex);
	}
	if (sys->fsync(arriving->fd) != 0)
		return err_sys(
			err, ERR_STORAGE, errno, "syncing %s", arriving->name);
	return files_sync_dir(arriving->dir, ".", err) &&
	       made(json_pack("{s:s}", "path", path), ret_result, err);
}

static bool op_receive_end(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root = text_of(ask, "root", err);
	struct arriving arriving;
	bool ok;

	if (!root)
		return false;
	ok = arriving_open(ask, &arriving, err) &&
	     check_arrived(ask, root, &arriving, ret_result, err);
	arriving_done(&arriving);
	return ok;
}

const struct host_op host_ops_files[] = {
	{"read_file", op_read_file, HOST_QUICK},
	{"stat", op_stat, HOST_QUICK},
	{"space", op_space, HOST_QUICK},
	{"clock", op_clock, HOST_QUICK},
	{"received", op_received, HOST_QUICK},
	{"receive", op_receive, HOST_SLOW},
	{"receive_end", op_receive_end, HOST_SLOW},
	{0},
};
