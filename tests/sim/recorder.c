/*
 * recorder.c - see recorder.h.
 *
 * Nothing here goes through sys, allocates, or takes longer than the call that
 * it writes down.
 */
#include "tests/sim/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state/sys.h"

#define ROOTS_MAX 4
#define LINE_SIZE (3 * PATH_MAX)

static struct {
	const struct sys *below; /* what really does it */
	char root[ROOTS_MAX][PATH_MAX];
	unsigned roots;
	char folder[PATH_MAX];
	int trace, data; /* -1: nothing is recorded */
	ino_t trace_ino;
	struct shared { /* by all that record into the folder */
		unsigned long count, cut_at;
		unsigned long matches; /* until it is cut behind one */
	} * shared;
	const char *cut_after; /* NULL: nothing */
} rec = {.trace = -1, .data = -1};

static int open_in(const char *folder, const char *name, int flags)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return open(path, flags | O_CREAT | O_CLOEXEC, 0600);
}

/* ---- taking turns ---- */

/* One who is about to exec has closed all that it does not know, and may have
 * given our numbers to something else. */
static void stay_open(void)
{
	struct stat st;

	if (fstat(rec.trace, &st) == 0 && st.st_ino == rec.trace_ino)
		return;
	rec.trace = open_in(rec.folder, "trace", O_RDWR | O_APPEND);
	rec.data = open_in(rec.folder, "data", O_RDWR | O_APPEND);
}

/* A lock of fcntl(2) belongs to the process, not to the descriptor that a
 * child inherits, and goes with it. */
static void take_turn(short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(rec.trace, F_SETLKW, &lock) < 0 && errno == EINTR)
		;
}

static void begin_operation(void)
{
	stay_open();
	take_turn(F_WRLCK);
	if (rec.shared->cut_at && rec.shared->count + 1 >= rec.shared->cut_at)
		(void)kill(getpid(), SIGKILL);
	rec.shared->count++;
}

static void put_all(int fd, const void *buf, size_t len)
{
	const char *next = buf;

	while (len > 0) {
		ssize_t wrote = write(fd, next, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			abort(); /* a trace with a gap proves nothing */
		next += wrote;
		len -= (size_t)wrote;
	}
}

static void put_line(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static void put_line(const char *fmt, ...)
{
	char line[LINE_SIZE];
	int head = snprintf(line, sizeof(line), "%d\t", (int)getpid());
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)(head + len) + 1 >= sizeof(line))
		abort();
	if (rec.cut_after && strstr(line, rec.cut_after) &&
		--rec.shared->matches == 0)
		rec.shared->cut_at = rec.shared->count + 1;
	line[head + len] = '\n';
	put_all(rec.trace, line, (size_t)(head + len) + 1);
}

/* Says that it failed, if it did; ends the turn; keeps errno. */
static long end_operation(long rc)
{
	int why = errno;

	if (rc < 0)
		put_line("failed\t%d", why);
	take_turn(F_UNLCK);
	errno = why;
	return rc;
}

/* ---- what a call is about ---- */

static bool is_below_root(const char *path)
{
	for (unsigned i = 0; i < rec.roots; i++) {
		size_t len = strlen(rec.root[i]);

		if (strncmp(path, rec.root[i], len) == 0 &&
			(path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return false;
}

static bool path_of(int fd, char ret_path[PATH_MAX])
{
	char link[64];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, ret_path, PATH_MAX - 1);
	if (len < 0)
		return false;
	ret_path[len] = '\0';
	return true;
}

struct entry { /* of a directory below a root */
	ino_t dir;
	char name[NAME_MAX + 1];
};

/* False: not below a root, or no directory to be in. */
static bool find_entry(int dir, const char *path, struct entry *ret_entry)
{
	char whole[2 * PATH_MAX] = ".", real[PATH_MAX];
	struct stat st;
	char *slash;
	size_t len;

	if (path[0] == '/')
		whole[0] = '\0';
	else if (dir != AT_FDCWD && !path_of(dir, whole))
		return false;
	len = strlen(whole);
	(void)snprintf(whole + len, sizeof(whole) - len, "/%s", path);
	for (len = strlen(whole); len > 1 && whole[len - 1] == '/'; len--)
		whole[len - 1] = '\0';
	slash = strrchr(whole, '/');
	if (!slash[1] || strlen(slash + 1) > NAME_MAX)
		return false;
	(void)snprintf(
		ret_entry->name, sizeof(ret_entry->name), "%s", slash + 1);
	slash[slash == whole] = '\0';
	if (!realpath(whole, real) || !is_below_root(real) ||
		stat(real, &st) < 0)
		return false;
	ret_entry->dir = st.st_ino;
	return true;
}

static bool is_watched(int fd, struct stat *ret_st)
{
	char path[PATH_MAX];
	int why = errno;
	bool watched = fstat(fd, ret_st) == 0 &&
		       (S_ISREG(ret_st->st_mode) || S_ISDIR(ret_st->st_mode)) &&
		       path_of(fd, path) && is_below_root(path);

	errno = why;
	return watched;
}

static unsigned long put_data(const void *buf, size_t len)
{
	off_t at = lseek(rec.data, 0, SEEK_END);

	put_all(rec.data, buf, len);
	return (unsigned long)at;
}

/* ---- the calls ---- */

static void note_open(const struct entry *entry, int fd, int flags, bool is_new)
{
	struct stat st = {0};

	(void)fstat(fd, &st);
	if (is_new)
		put_line("create\t%lu\t%lu\t%o\t%s", (unsigned long)entry->dir,
			(unsigned long)st.st_ino, st.st_mode & 07777,
			entry->name);
	else if (flags & O_TRUNC)
		put_line("truncate\t%lu\t0", (unsigned long)st.st_ino);
	else
		put_line("nothing");
}

static int rec_openat(int dir, const char *path, int flags, mode_t mode)
{
	struct entry entry;
	struct stat st;
	bool is_new;
	int fd;

	if (!(flags & (O_CREAT | O_TRUNC)) || !find_entry(dir, path, &entry))
		return rec.below->openat(dir, path, flags, mode);
	begin_operation();
	is_new = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0;
	fd = rec.below->openat(dir, path, flags, mode);
	if (fd >= 0)
		note_open(&entry, fd, flags, is_new);
	return (int)end_operation(fd);
}

static ssize_t rec_write(int fd, const void *buf, size_t len)
{
	struct stat st;
	ssize_t wrote;
	off_t at;

	if (!is_watched(fd, &st))
		return rec.below->write(fd, buf, len);
	begin_operation();
	at = fcntl(fd, F_GETFL) & O_APPEND ? (fstat(fd, &st), st.st_size)
					   : lseek(fd, 0, SEEK_CUR);
	wrote = rec.below->write(fd, buf, len);
	if (wrote >= 0)
		put_line("write\t%lu\t%lu\t%lu\t%lu", (unsigned long)st.st_ino,
			(unsigned long)at, (unsigned long)wrote,
			put_data(buf, (size_t)wrote));
	return end_operation(wrote);
}

static int sync_with(int (*call)(int fd), int fd)
{
	struct stat st;
	int rc;

	if (!is_watched(fd, &st))
		return call(fd);
	begin_operation();
	rc = call(fd);
	if (rc == 0)
		put_line("sync\t%lu", (unsigned long)st.st_ino);
	return (int)end_operation(rc);
}

static int rec_fsync(int fd)
{
	return sync_with(rec.below->fsync, fd);
}

static int rec_fdatasync(int fd)
{
	return sync_with(rec.below->fdatasync, fd);
}

/* From without into a root, or out of it, is what nobody here does. */
static int rec_renameat2(int from_dir, const char *from, int to_dir,
	const char *to, unsigned flags)
{
	struct entry source, target;
	int rc;

	if (!find_entry(from_dir, from, &source))
		return rec.below->renameat2(from_dir, from, to_dir, to, flags);
	begin_operation();
	if (!find_entry(to_dir, to, &target))
		abort();
	rc = rec.below->renameat2(from_dir, from, to_dir, to, flags);
	if (rc == 0)
		put_line("rename\t%lu\t%lu\t%s\t%s", (unsigned long)source.dir,
			(unsigned long)target.dir, source.name, target.name);
	return (int)end_operation(rc);
}

static int rec_linkat(
	int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct entry target;
	struct stat st = {0};
	int rc;

	if (!find_entry(to_dir, to, &target))
		return rec.below->linkat(from_dir, from, to_dir, to, flags);
	begin_operation();
	rc = rec.below->linkat(from_dir, from, to_dir, to, flags);
	if (rc == 0 && fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		put_line("link\t%lu\t%lu\t%s", (unsigned long)target.dir,
			(unsigned long)st.st_ino, target.name);
	return (int)end_operation(rc);
}

static int rec_symlinkat(const char *text, int dir, const char *path)
{
	struct entry entry;
	struct stat st = {0};
	int rc;

	if (!find_entry(dir, path, &entry))
		return rec.below->symlinkat(text, dir, path);
	begin_operation();
	rc = rec.below->symlinkat(text, dir, path);
	if (rc == 0 && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		put_line("symlink\t%lu\t%lu\t%s\t%s", (unsigned long)entry.dir,
			(unsigned long)st.st_ino, entry.name, text);
	return (int)end_operation(rc);
}

static int rec_unlinkat(int dir, const char *path, int flags)
{
	struct entry entry;
	int rc;

	if (!find_entry(dir, path, &entry))
		return rec.below->unlinkat(dir, path, flags);
	begin_operation();
	rc = rec.below->unlinkat(dir, path, flags);
	if (rc == 0)
		put_line("unlink\t%lu\t%s", (unsigned long)entry.dir,
			entry.name);
	return (int)end_operation(rc);
}

static int rec_mkdirat(int dir, const char *path, mode_t mode)
{
	struct entry entry;
	struct stat st = {0};
	int rc;

	if (!find_entry(dir, path, &entry))
		return rec.below->mkdirat(dir, path, mode);
	begin_operation();
	rc = rec.below->mkdirat(dir, path, mode);
	if (rc == 0 && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		put_line("mkdir\t%lu\t%lu\t%o\t%s", (unsigned long)entry.dir,
			(unsigned long)st.st_ino, st.st_mode & 07777,
			entry.name);
	return (int)end_operation(rc);
}

static int rec_fallocate(int fd, int mode, off_t off, off_t len)
{
	struct stat st;
	int rc;

	if (!is_watched(fd, &st))
		return rec.below->fallocate(fd, mode, off, len);
	begin_operation();
	if (mode & ~FALLOC_FL_KEEP_SIZE)
		abort(); /* the model knows of no other */
	rc = rec.below->fallocate(fd, mode, off, len);
	if (rc == 0 && mode == 0 && off + len > st.st_size)
		put_line("truncate\t%lu\t%lu", (unsigned long)st.st_ino,
			(unsigned long)(off + len));
	else if (rc == 0)
		put_line("reserve\t%lu", (unsigned long)st.st_ino);
	return (int)end_operation(rc);
}

static int rec_fchmod(int fd, mode_t mode)
{
	struct stat st;
	int rc;

	if (!is_watched(fd, &st))
		return rec.below->fchmod(fd, mode);
	begin_operation();
	rc = rec.below->fchmod(fd, mode);
	if (rc == 0)
		put_line("chmod\t%lu\t%o", (unsigned long)st.st_ino,
			mode & 07777);
	return (int)end_operation(rc);
}

/* ---- beginning and ending ---- */

static void close_all(void)
{
	if (rec.trace >= 0)
		(void)close(rec.trace);
	if (rec.data >= 0)
		(void)close(rec.data);
	if (rec.shared)
		(void)munmap(rec.shared, sizeof(*rec.shared));
	rec.trace = rec.data = -1;
	rec.shared = NULL;
}

static bool open_all(const char *folder, const char *roots, int flags)
{
	char list[ROOTS_MAX * PATH_MAX], *rest = list;
	const char *root;
	int count = open_in(folder, "count", O_RDWR | flags);
	struct stat st = {0};
	void *map;

	(void)snprintf(list, sizeof(list), "%s", roots);
	rec.trace = open_in(folder, "trace", O_RDWR | O_APPEND | flags);
	rec.data = open_in(folder, "data", O_RDWR | O_APPEND | flags);
	if (count < 0 || rec.trace < 0 || rec.data < 0 ||
		ftruncate(count, sizeof(*rec.shared)) < 0 ||
		fstat(rec.trace, &st) < 0)
		return false;
	rec.trace_ino = st.st_ino;
	(void)snprintf(rec.folder, sizeof(rec.folder), "%s", folder);
	map = mmap(NULL, sizeof(*rec.shared), PROT_READ | PROT_WRITE,
		MAP_SHARED, count, 0);
	(void)close(count);
	if (map == MAP_FAILED)
		return false;
	rec.shared = map;
	rec.roots = 0;
	while ((root = strsep(&rest, ":")))
		if (rec.roots == ROOTS_MAX ||
			!realpath(root, rec.root[rec.roots++]))
			return false;
	return true;
}

static void note_contents(int dir, const char *name, ino_t ino)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	static char buf[1 << 16];
	unsigned long at = 0;
	ssize_t got;

	while (fd >= 0 && (got = read(fd, buf, sizeof(buf))) > 0) {
		put_line("write\t%lu\t%lu\t%lu\t%lu", (unsigned long)ino, at,
			(unsigned long)got, put_data(buf, (size_t)got));
		at += (unsigned long)got;
	}
	if (fd >= 0)
		(void)close(fd);
}

/* A name of a file that is there already comes once more as a link. */
static void note_there(int dir, ino_t dir_ino, const char *name)
{
	char text[PATH_MAX];
	const struct dirent *entry;
	struct stat st;
	ssize_t len;
	DIR *list;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(st.st_mode)) {
		put_line("known\t%lu\t%lu\t%o\t%s", (unsigned long)dir_ino,
			(unsigned long)st.st_ino, st.st_mode & 07777, name);
		note_contents(dir, name, st.st_ino);
	} else if (S_ISLNK(st.st_mode)) {
		len = readlinkat(dir, name, text, sizeof(text) - 1);
		text[len < 0 ? 0 : len] = '\0';
		put_line("symlink\t%lu\t%lu\t%s\t%s", (unsigned long)dir_ino,
			(unsigned long)st.st_ino, name, text);
	} else if (S_ISDIR(st.st_mode)) {
		put_line("mkdir\t%lu\t%lu\t%o\t%s", (unsigned long)dir_ino,
			(unsigned long)st.st_ino, st.st_mode & 07777, name);
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		list = fd < 0 ? NULL : fdopendir(fd);
		while (list && (entry = readdir(list)))
			if (strcmp(entry->d_name, ".") != 0 &&
				strcmp(entry->d_name, "..") != 0)
				note_there(fd, st.st_ino, entry->d_name);
		if (list)
			(void)closedir(list);
	}
}

bool recorder_prepare(const char *folder, const char *roots)
{
	bool ok = open_all(folder, roots, O_TRUNC);

	for (unsigned i = 0; ok && i < rec.roots; i++) {
		put_line("root\t%s", rec.root[i]);
		note_there(AT_FDCWD, 0, rec.root[i]);
	}
	if (ok)
		put_line("durable");
	close_all();
	return ok;
}

bool recorder_begin(const char *folder, const char *roots, unsigned long cut_at)
{
	static struct sys table;

	if (!open_all(folder, roots, 0)) {
		close_all();
		return false;
	}
	rec.below = sys;
	if (cut_at)
		rec.shared->cut_at = cut_at;
	table = *sys; /* what reads, closes and locks stays */
	table.openat = rec_openat;
	table.write = rec_write;
	table.fsync = rec_fsync;
	table.fdatasync = rec_fdatasync;
	table.renameat2 = rec_renameat2;
	table.linkat = rec_linkat;
	table.symlinkat = rec_symlinkat;
	table.unlinkat = rec_unlinkat;
	table.mkdirat = rec_mkdirat;
	table.fallocate = rec_fallocate;
	table.fchmod = rec_fchmod;
	sys = &table;
	return true;
}

void recorder_cut_after(const char *text, unsigned long matches)
{
	rec.cut_after = text;
	/* A helper that comes later finds some of them counted. */
	if (text && rec.shared->matches == 0)
		rec.shared->matches = matches;
}

void recorder_end(void)
{
	sys = rec.below;
	close_all();
}

unsigned long recorder_count(void)
{
	return rec.shared->count;
}
