/*
 * metadata_save.c - making a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "sync_client/metadata_copy.h"
#include "sync_client/metadata_name.h"

enum {
	BUFFER_SIZE = 1 << 16,
};

struct saving {
	const char *partial;
	char *database; /* the one being written */
	struct metadata_digest digest;
	json_t *collections, *files;
	/* The file of documents that is being written. */
	int fd;
	char *path; /* in the directory */
	struct sha256 sha;
	uint64_t bytes;
	size_t used;
	char buffer[BUFFER_SIZE];
};

static char *join(const char *directory, const char *path)
{
	char *joined = NULL;

	return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

static bool no_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, "out of memory");
}

static bool note_file(struct saving *saving, const char *path,
	const char *sha256, uint64_t bytes, struct err *err)
{
	json_t *file = json_pack("{s:s, s:s, s:I}", "path", path, "sha256",
		sha256, "bytes", (json_int_t)bytes);

	return json_array_append_new(saving->files, file) == 0 ||
	       no_memory(err);
}

static bool flush(struct saving *saving, struct err *err)
{
	size_t used = saving->used;

	saving->used = 0;
	return atomic_write_all(saving->fd, saving->buffer, used, err) ||
	       err_wrap(err, "writing %s/%s", saving->partial, saving->path);
}

static bool put(
	struct saving *saving, const void *data, size_t len, struct err *err)
{
	sha256_add(&saving->sha, data, len);
	saving->bytes += len;
	if (len > BUFFER_SIZE - saving->used && !flush(saving, err))
		return false;
	if (len > BUFFER_SIZE)
		return atomic_write_all(saving->fd, data, len, err) ||
		       err_wrap(err, "writing %s/%s", saving->partial,
			       saving->path);
	memcpy(saving->buffer + saving->used, data, len);
	saving->used += len;
	return true;
}

/* Takes over path. */
static bool begin_file(struct saving *saving, char *path, struct err *err)
{
	_cleanup_free_ char *full = join(saving->partial, path);

	saving->path = path;
	saving->bytes = 0;
	saving->used = 0;
	sha256_init(&saving->sha);
	if (!full)
		return no_memory(err);
	saving->fd = sys->openat(AT_FDCWD, full,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return saving->fd >= 0 ||
	       err_sys(err, ERR_STORAGE, errno, "creating %s", full);
}

static bool sync_and_close(struct saving *saving, struct err *err)
{
	int synced = sys->fsync(saving->fd), error = errno;

	if (synced == 0)
		error = 0;
	if (sys->close(take_fd(&saving->fd)) != 0 && !error)
		error = errno;
	return !error || err_sys(err, ERR_STORAGE, error, "syncing %s/%s",
				 saving->partial, saving->path);
}

static void drop_file(struct saving *saving)
{
	if (saving->fd >= 0)
		(void)sys->close(take_fd(&saving->fd));
	sha256_done(&saving->sha);
	free(take_ptr(saving->path));
}

static bool end_file(struct saving *saving, struct err *err)
{
	char sum[SHA256_HEX_SIZE];
	bool ok;

	if (saving->fd < 0)
		return true;
	ok = flush(saving, err) && sync_and_close(saving, err) &&
	     sha256_end(&saving->sha, sum, err) &&
	     note_file(saving, saving->path, sum, saving->bytes, err);
	drop_file(saving);
	return ok;
}

static bool sync_directory(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = sys->openat(
		AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0 || sys->fsync(fd) != 0)
		return err_sys(err, ERR_STORAGE, errno, "syncing %s", path);
	return true;
}

static bool end_database(struct saving *saving, struct err *err)
{
	_cleanup_free_ char *path = NULL;

	if (!end_file(saving, err))
		return false;
	if (!saving->database)
		return true;
	path = join(saving->partial, saving->database);
	free(take_ptr(saving->database));
	return path ? sync_directory(path, err) : no_memory(err);
}

static bool begin_database(
	struct saving *saving, const char *database, struct err *err)
{
	_cleanup_free_ char *path = join(saving->partial, database);

	if (saving->database && strcmp(saving->database, database) == 0)
		return true;
	if (!end_database(saving, err))
		return false;
	saving->database = strdup(database);
	if (!path || !saving->database)
		return no_memory(err);
	return atomic_mkdir(path, 0700, err);
}

static bool write_about(struct saving *saving, const char *path,
	const char *text, struct err *err)
{
	char *copy = strdup(path);

	if (!copy)
		return no_memory(err);
	return begin_file(saving, copy, err) &&
	       put(saving, text, strlen(text), err) && end_file(saving, err);
}

/* A path in the directory: <database>/<file><suffix>; NULL if suffix is. */
static char *path_of(const struct metadata_collection *at, const char *suffix)
{
	_cleanup_free_ char *file = metadata_name_file(at->name);
	char *path = NULL;

	if (!suffix || !file)
		return NULL;
	return asprintf(&path, "%s/%s%s", at->database, file, suffix) < 0
		       ? NULL
		       : path;
}

static bool save_collection(
	void *arg, const struct metadata_collection *at, struct err *err)
{
	struct saving *saving = arg;
	_cleanup_free_ char *about =
		path_of(at, at->about_file ? ".metadata.json" : NULL);
	char *documents = path_of(at, at->suffix);
	json_t *collection = json_pack("{s:s, s:s, s:s?, s:s?}", "database",
		at->database, "name", at->name, "documents", documents, "about",
		about);

	if (json_array_append_new(saving->collections, collection) != 0 ||
		(at->suffix && !documents) || (at->about_file && !about)) {
		free(documents);
		return no_memory(err);
	}
	if (!metadata_digest_collection(&saving->digest, at, err) ||
		!begin_database(saving, at->database, err) ||
		!end_file(saving, err) ||
		(about && !write_about(saving, about, at->about_file, err))) {
		free(documents);
		return false;
	}
	return !documents || begin_file(saving, documents, err);
}

static bool save_document(
	void *arg, const void *data, size_t len, struct err *err)
{
	struct saving *saving = arg;

	return metadata_digest_document(&saving->digest, data, len, err) &&
	       put(saving, data, len, err);
}

static bool copy_all(struct saving *saving,
	const struct metadata_source *source,
	struct metadata_totals *ret_totals, struct err *err)
{
	const struct metadata_visitor visitor = {
		.collection = save_collection,
		.document = save_document,
		.arg = saving,
	};

	return source->walk(source->arg, &visitor, err) &&
	       end_database(saving, err) &&
	       metadata_digest_end(&saving->digest, ret_totals, err);
}

static bool is_same(const struct metadata_totals *before,
	const struct metadata_totals *now, struct err *err)
{
	return strcmp(before->digest, now->digest) == 0 ||
	       err_set(err, ERR_DECIDE,
		       "the sync's metadata changed while it was copied: "
		       "somebody writes to it");
}

/* A walk before and one after, so that the copy is of one moment. */
static bool copy_one_moment(struct saving *saving,
	const struct metadata_source *source,
	struct metadata_totals *ret_totals, struct err *err)
{
	struct metadata_totals before = {0}, copied = {0}, after = {0};
	bool ok = metadata_digest_of(source, &before, err) &&
		  copy_all(saving, source, &copied, err) &&
		  metadata_digest_of(source, &after, err) &&
		  is_same(&before, &copied, err) &&
		  is_same(&before, &after, err);

	metadata_totals_done(&before);
	metadata_totals_done(&after);
	if (ok)
		*ret_totals = copied;
	else
		metadata_totals_done(&copied);
	return ok;
}

static bool write_copy_json(const struct saving *saving, const char *cluster,
	const struct metadata_totals *totals, struct err *err)
{
	_cleanup_free_ char *path = join(saving->partial, "copy.json");
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = json_pack(
		"{s:i, s:O, s:s, s:I, s:I, s:s?, s:O, s:O}", "format",
		METADATA_COPY_FORMAT, "databases", totals->databases, "digest",
		totals->digest, "documents", (json_int_t)totals->documents,
		"bytes", (json_int_t)totals->bytes, "cluster", cluster,
		"collections", saving->collections, "files", saving->files);

	text = json_dumps(json, JSON_INDENT(1));
	if (!path || !text)
		return no_memory(err);
	return atomic_file_write(path, text, strlen(text), 0600, err);
}

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	return sys->unlinkat(AT_FDCWD, path, type == FTW_DP ? AT_REMOVEDIR : 0);
}

/* What a save that was killed, or this one, has left. */
static bool remove_partial(const char *partial, struct err *err)
{
	return nftw(partial, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0 ||
	       errno == ENOENT ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", partial);
}

static bool give_name(
	const char *partial, const char *directory, struct err *err)
{
	if (sys->renameat2(AT_FDCWD, partial, AT_FDCWD, directory,
		    RENAME_NOREPLACE) != 0)
		return err_sys(err, ERR_STORAGE, errno, "renaming %s", partial);
	return atomic_sync_parent(directory, err);
}

static bool save_to(struct saving *saving, const struct metadata_source *source,
	const char *cluster, struct metadata_totals *ret_totals,
	struct err *err)
{
	return remove_partial(saving->partial, err) &&
	       atomic_mkdir(saving->partial, 0700, err) &&
	       copy_one_moment(saving, source, ret_totals, err) &&
	       sync_directory(saving->partial, err) &&
	       write_copy_json(saving, cluster, ret_totals, err);
}

bool metadata_save(const struct metadata_source *source, const char *directory,
	const char *cluster, struct metadata_totals *ret_totals,
	struct err *err)
{
	_cleanup_free_ struct saving *saving = calloc(1, sizeof(*saving));
	_cleanup_free_ char *partial = NULL;
	bool ok;

	if (!saving || asprintf(&partial, "%s.partial", directory) < 0)
		return no_memory(err);
	if (access(directory, F_OK) == 0)
		return err_set(err, ERR_STEP, "%s is there already", directory);
	*ret_totals = (struct metadata_totals){0};
	saving->partial = partial;
	saving->fd = -1;
	saving->collections = json_array();
	saving->files = json_array();
	metadata_digest_init(&saving->digest);
	ok = save_to(saving, source, cluster, ret_totals, err) &&
	     give_name(partial, directory, err);
	drop_file(saving);
	free(saving->database);
	json_decref(saving->collections);
	json_decref(saving->files);
	metadata_digest_done(&saving->digest);
	if (ok)
		return true;
	metadata_totals_done(ret_totals);
	(void)remove_partial(partial, NULL);
	return false;
}
