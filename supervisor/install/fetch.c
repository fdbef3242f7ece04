/*
 * fetch.c - see fetch.h.
 */
#include "supervisor/install/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/download.h"
#include "supervisor/install/files.h"

#define LOOK_MS 100
#define KEEP_DAYS 7

struct text_sink {
	char *data;
	size_t len, size;
};

static bool text_restart(void *sink, struct err *err)
{
	struct text_sink *text = sink;

	(void)err;
	text->len = 0;
	return true;
}

static bool text_write(
	void *sink, const void *data, size_t len, struct err *err)
{
	struct text_sink *text = sink;

	if (text->len + len + 1 > text->size) {
		size_t size = 2 * (text->len + len) + 1;
		char *grown = realloc(text->data, size);

		if (!grown)
			return err_set(err, ERR_MEMORY, "out of memory");
		text->data = grown;
		text->size = size;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
	return true;
}

bool fetch_text(const struct fetch_spec *spec, const char *url, size_t max,
	char **ret_data, size_t *ret_len, struct err *err)
{
	struct text_sink text = {0};
	struct download download = {
		.spec = spec,
		.url = url,
		.max = max,
		.sink = &text,
		.restart = text_restart,
		.write = text_write,
	};

	if (!text_write(&text, "", 0, err) || !download_run(&download, err)) {
		free(text.data);
		return false;
	}
	*ret_data = text.data;
	*ret_len = text.len;
	return true;
}

struct cache { /* one archive's place in it */
	const struct fetch_spec *spec;
	const char *url, *sha256, *folder;
	int dir;
	int fd; /* the partial file, locked */
	char name[80], partial[80];
};

static bool fail(struct err *err, const char *doing, const struct cache *cache,
	const char *name)
{
	int why = errno;

	return err_sys(err, files_code(why), why, "%s %s/%s", doing,
		cache->folder, name);
}

static bool file_restart(void *sink, struct err *err)
{
	struct cache *cache = sink;
	_cleanup_fd_ int fd = sys->openat(cache->dir, cache->partial,
		O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0 || lseek(cache->fd, 0, SEEK_SET) != 0)
		return fail(err, "emptying", cache, cache->partial);
	sys_crash_point("fetch: emptied");
	return true;
}

/* A disk that is too small is known before it is full. */
static bool file_expect(void *sink, uint64_t bytes, struct err *err)
{
	struct cache *cache = sink;

	if (bytes == 0 ||
		sys->fallocate(
			cache->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ||
		files_code(errno) != ERR_STORAGE)
		return true;
	return fail(err, "finding room for", cache, cache->partial);
}

static bool file_write(
	void *sink, const void *data, size_t len, struct err *err)
{
	struct cache *cache = sink;

	if (!atomic_write_all(cache->fd, data, len, err))
		return err_wrap(
			err, "writing %s/%s", cache->folder, cache->partial);
	sys_crash_point("fetch: wrote");
	return true;
}

static bool open_cache(struct cache *cache, struct err *err)
{
	if (!files_mkdir_all(cache->folder, err))
		return false;
	cache->dir = sys->openat(
		AT_FDCWD, cache->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return cache->dir >= 0 || err_sys(err, files_code(errno), errno,
					  "opening %s", cache->folder);
}

/* Is it there, whole?  One that somebody has damaged is removed. */
static bool find(struct cache *cache, bool *ret_found, struct err *err)
{
	char path[PATH_MAX], hex[65];
	struct err why = {0};

	*ret_found = false;
	if (!files_path(path, err, "%s/%s", cache->folder, cache->name))
		return false;
	if (!sha256_file(path, hex, &why)) {
		if (why.code == ERR_MISSING)
			return true;
		if (err)
			*err = why;
		return false;
	}
	*ret_found = strcmp(hex, cache->sha256) == 0;
	/* who gave it its name may have been killed before the sync */
	if (*ret_found)
		return files_sync_dir(cache->dir, ".", err);
	return files_unlink(cache->dir, cache->name, 0) == 0 ||
	       errno == ENOENT || fail(err, "removing", cache, cache->name);
}

static bool is_still_there(const struct cache *cache)
{
	struct stat ours, theirs;

	return sys->fstat(cache->fd, &ours) == 0 &&
	       fstatat(cache->dir, cache->partial, &theirs,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Waits for whoever fetches the same.  cache->fd stays -1 if that one has
 * ended meanwhile, so that the archive may be there. */
static bool lock_partial(struct cache *cache, struct err *err)
{
	const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
	bool waited = false;

	cache->fd = sys->openat(cache->dir, cache->partial,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (cache->fd < 0)
		return fail(err, "opening", cache, cache->partial);
	while (sys->flock(cache->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return fail(err, "locking", cache, cache->partial);
		if (sys_monotonic_ms() >= cache->spec->deadline_ms)
			return err_set(err, ERR_AGAIN,
				"another syncup is fetching %s/%s, and did "
				"not end in time",
				cache->folder, cache->partial);
		if (!waited && cache->spec->shows)
			(void)fprintf(stderr,
				"syncup: another syncup fetches the same; "
				"waiting for it\n");
		waited = true;
		(void)nanosleep(&look, NULL);
	}
	if (!is_still_there(cache))
		(void)sys->close(take_fd(&cache->fd));
	return true;
}

/* Of a version that nobody has wanted for so long: its room was reserved. */
static void clean_old(const struct cache *cache)
{
	time_t now = (time_t)(sys_wall_ms() / 1000);
	int own = sys->openat(
		cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *list = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;
	struct stat st;

	if (!list) {
		if (own >= 0)
			(void)sys->close(own);
		return;
	}
	while ((entry = readdir(list))) {
		_cleanup_fd_ int fd = -1;

		if (strncmp(entry->d_name, FILES_PARTIAL,
			    strlen(FILES_PARTIAL)) != 0 ||
			strcmp(entry->d_name, cache->partial) == 0)
			continue;
		fd = sys->openat(cache->dir, entry->d_name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
		if (fd >= 0 && sys->fstat(fd, &st) == 0 &&
			S_ISREG(st.st_mode) &&
			st.st_mtime < now - KEEP_DAYS * FILES_DAY_S &&
			sys->flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)files_unlink(cache->dir, entry->d_name, 0);
	}
	(void)closedir(list);
}

static bool is_wanted(const struct cache *cache, char ret_hex[65], bool *ret_is,
	struct err *err)
{
	if (!files_sha256_fd(cache->fd, cache->partial, ret_hex, err))
		return false;
	*ret_is = strcmp(ret_hex, cache->sha256) == 0;
	return true;
}

static bool finish(struct cache *cache, struct err *err)
{
	int rc;

	if (sys->fchmod(cache->fd, 0644) < 0)
		return fail(err, "setting the mode of", cache, cache->partial);
	sys_crash_point("fetch: sync");
	rc = sys->fsync(cache->fd);
	sys_crash_point("fetch: synced");
	if (rc < 0)
		return err_sys(err, ERR_STORAGE, errno, "syncing %s/%s",
			cache->folder, cache->partial);
	if (files_rename(
		    cache->dir, cache->partial, cache->dir, cache->name, 0) < 0)
		return fail(err, "renaming", cache, cache->partial);
	return files_sync_dir(cache->dir, ".", err);
}

/* What can never become the archive must not be gone on with. */
static bool drop(struct cache *cache, struct err *err)
{
	return files_unlink(cache->dir, cache->partial, 0) == 0 ||
	       fail(err, "removing", cache, cache->partial);
}

static void announce(const struct cache *cache, uint64_t have)
{
	char shown[FETCH_SHOWN], from[64] = "";

	if (!cache->spec->shows)
		return;
	if (have > 0)
		(void)snprintf(from, sizeof(from), ", from byte %llu on",
			(unsigned long long)have);
	(void)fprintf(stderr, "syncup: fetching %s%s\n",
		fetch_show(cache->url, shown), from);
}

/* To its end, or to where it broke off; the digest of what there is. */
static bool fill(struct cache *cache, bool *ret_resumed, char ret_hex[65],
	bool *ret_is, struct err *err)
{
	struct download download = {
		.spec = cache->spec,
		.url = cache->url,
		.max = FETCH_ARCHIVE_MAX,
		.sink = cache,
		.restart = file_restart,
		.expect = file_expect,
		.write = file_write,
	};
	off_t end = lseek(cache->fd, 0, SEEK_END);
	struct err why = {0};

	*ret_resumed = *ret_is = false;
	if (end < 0)
		return fail(err, "reading", cache, cache->partial);
	/* It may lack only its name. */
	if (end > 0 && !is_wanted(cache, ret_hex, ret_is, err))
		return false;
	if (end > 0 && *ret_is)
		return true;
	if (lseek(cache->fd, 0, SEEK_END) != end)
		return fail(err, "reading", cache, cache->partial);
	announce(cache, (uint64_t)end);
	download.have = (uint64_t)end;
	if (!download_run(&download, &why)) {
		/* The rest is for the next time. */
		if (download.too_large || download.have == 0)
			(void)!drop(cache, NULL);
		if (err)
			*err = why;
		return false;
	}
	*ret_resumed = download.resumed;
	return is_wanted(cache, ret_hex, ret_is, err);
}

static bool fetch_locked(struct cache *cache, struct err *err)
{
	bool resumed = false, is = false;
	char hex[65], shown[FETCH_SHOWN];

	if (!fill(cache, &resumed, hex, &is, err))
		return false;
	/* Parts of two files, perhaps: only a whole one is proof. */
	if (!is && resumed &&
		(!file_restart(cache, err) ||
			!fill(cache, &resumed, hex, &is, err)))
		return false;
	if (is)
		return finish(cache, err);
	if (!drop(cache, err))
		return false;
	return err_set(err, ERR_CONFIG,
		"%s: what came has SHA-256 %s, not %.64s as it should, and was "
		"removed",
		fetch_show(cache->url, shown), hex, cache->sha256);
}

static bool find_or_fetch(
	struct cache *cache, bool *ret_fetched, struct err *err)
{
	bool found = false;

	for (;;) {
		if (!find(cache, &found, err) || found)
			return found;
		if (!lock_partial(cache, err))
			return false;
		if (cache->fd < 0)
			continue;
		/* It may have got its name before we opened a new one. */
		if (!find(cache, &found, err))
			return false;
		if (found)
			return drop(cache, err);
		*ret_fetched = true;
		clean_old(cache);
		return fetch_locked(cache, err);
	}
}

bool fetch_archive(const struct fetch_spec *spec, const char *url,
	const char *sha256, const char *folder, char ret_path[PATH_MAX],
	bool *ret_fetched, struct err *err)
{
	struct cache cache = {
		.spec = spec,
		.url = url,
		.sha256 = sha256,
		.folder = folder,
		.dir = -1,
		.fd = -1,
	};
	bool ok;

	*ret_fetched = false;
	(void)snprintf(cache.name, sizeof(cache.name), "%.64s.tgz", sha256);
	(void)snprintf(cache.partial, sizeof(cache.partial),
		FILES_PARTIAL "%.64s", sha256);
	ok = files_path(ret_path, err, "%s/%s", folder, cache.name) &&
	     open_cache(&cache, err) && find_or_fetch(&cache, ret_fetched, err);
	if (cache.fd >= 0)
		(void)sys->close(cache.fd);
	if (cache.dir >= 0)
		(void)sys->close(cache.dir);
	return ok;
}
