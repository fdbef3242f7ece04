/*
 * metadata_copy.c - reading a copy again.
 */
#include "sync_client/metadata_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"

enum {
	BUFFER_SIZE = 1 << 16,
};

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

/* It comes from a file: it must not lead out of the directory. */
static bool is_inside(const char *path)
{
	if (!path || !*path || *path == '/')
		return false;
	for (const char *part = path; part;
		part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
			return false;
	return true;
}

bool metadata_copy_file(const struct metadata_copy *copy, const char *path,
	int *ret_fd, struct err *err)
{
	_cleanup_free_ char *full = NULL;

	if (asprintf(&full, "%s/%s", copy->directory, path) < 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	*ret_fd = sys->openat(AT_FDCWD, full, O_RDONLY | O_CLOEXEC, 0);
	return *ret_fd >= 0 ||
	       err_sys(err, ERR_STEP, errno, "opening %s", full);
}

static bool sum_file(const struct metadata_copy *copy, const char *path,
	char ret_sum[SHA256_HEX_SIZE], uint64_t *ret_bytes, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	char buffer[BUFFER_SIZE];
	struct sha256 sha;
	ssize_t got;
	bool ok;

	if (!metadata_copy_file(copy, path, &fd, err))
		return false;
	*ret_bytes = 0;
	sha256_init(&sha);
	while ((got = sys->read(fd, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		sha256_add(&sha, buffer, (size_t)got);
		*ret_bytes += (uint64_t)got;
	}
	ok = got == 0 ? sha256_end(&sha, ret_sum, err)
		      : err_sys(err, ERR_STEP, errno, "reading %s/%s",
				copy->directory, path);
	sha256_done(&sha);
	return ok;
}

static bool check_file(
	const struct metadata_copy *copy, const json_t *file, struct err *err)
{
	const char *path = text_of(file, "path");
	const char *expected = text_of(file, "sha256");
	char sum[SHA256_HEX_SIZE];
	uint64_t bytes;

	if (!is_inside(path) || !expected)
		return err_set(err, ERR_STEP, "%s/copy.json is not well formed",
			copy->directory);
	if (!sum_file(copy, path, sum, &bytes, err))
		return false;
	if (strcmp(sum, expected) != 0 ||
		(json_int_t)bytes !=
			json_integer_value(json_object_get(file, "bytes")))
		return err_set(err, ERR_STEP, "%s/%s is damaged",
			copy->directory, path);
	return true;
}

static bool is_listed(const json_t *files, const char *path)
{
	size_t i;
	json_t *file;

	json_array_foreach (files, i, file) {
		const char *its = text_of(file, "path");

		if (its && strcmp(its, path) == 0)
			return true;
	}
	return false;
}

/* A collection whose file was not verified would be put back unseen. */
static bool check_collection(const struct metadata_copy *copy,
	const json_t *collection, struct err *err)
{
	const json_t *files = json_object_get(copy->json, "files");
	const char *documents = text_of(collection, "documents");
	const char *about = text_of(collection, "about");

	if (!text_of(collection, "name") ||
		!metadata_copy_has(copy, text_of(collection, "database")) ||
		(documents && !is_listed(files, documents)) ||
		(about && !is_listed(files, about)))
		return err_set(err, ERR_STEP, "%s/copy.json is not well formed",
			copy->directory);
	return true;
}

static bool take_totals(struct metadata_copy *copy, struct err *err)
{
	const json_t *json = copy->json;
	const char *digest = text_of(json, "digest");
	json_t *databases = json_object_get(json, "databases");
	size_t i;
	json_t *name;

	if (!digest || strlen(digest) != SHA256_HEX_SIZE - 1 ||
		!json_is_array(databases) ||
		!json_is_array(json_object_get(json, "files")) ||
		!json_is_array(json_object_get(json, "collections")))
		return err_set(err, ERR_STEP, "%s/copy.json is not well formed",
			copy->directory);
	json_array_foreach (databases, i, name)
		if (!json_is_string(name))
			return err_set(err, ERR_STEP,
				"%s/copy.json is not well formed",
				copy->directory);
	memcpy(copy->totals.digest, digest, SHA256_HEX_SIZE);
	copy->totals.databases = json_incref(databases);
	copy->totals.documents = (uint64_t)json_integer_value(
		json_object_get(json, "documents"));
	copy->totals.bytes =
		(uint64_t)json_integer_value(json_object_get(json, "bytes"));
	return true;
}

static bool read_copy_json(struct metadata_copy *copy, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *text = NULL;
	json_int_t format;
	size_t len;

	if (asprintf(&path, "%s/copy.json", copy->directory) < 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (!atomic_file_read(path, METADATA_COPY_JSON_MAX, &text, &len, err)) {
		if (err)
			err->code = ERR_STEP;
		return false;
	}
	copy->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	format = json_integer_value(json_object_get(copy->json, "format"));
	if (format != METADATA_COPY_FORMAT)
		return err_set(err, ERR_STEP,
			"%s is not of a format that this syncup knows", path);
	return take_totals(copy, err);
}

static bool check_all(const struct metadata_copy *copy, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(copy->json, "files"), i, item)
		if (!check_file(copy, item, err))
			return false;
	json_array_foreach (json_object_get(copy->json, "collections"), i, item)
		if (!check_collection(copy, item, err))
			return false;
	return true;
}

bool metadata_copy_open(
	const char *directory, struct metadata_copy *ret_copy, struct err *err)
{
	*ret_copy = (struct metadata_copy){.directory = strdup(directory)};
	if (!ret_copy->directory)
		return err_set(err, ERR_MEMORY, "out of memory");
	/* Who gave it its name may have been killed before the sync. */
	if (read_copy_json(ret_copy, err) && check_all(ret_copy, err) &&
		atomic_sync_parent(directory, err))
		return true;
	metadata_copy_done(ret_copy);
	return false;
}

void metadata_copy_done(struct metadata_copy *copy)
{
	free(copy->directory);
	json_decref(copy->json);
	metadata_totals_done(&copy->totals);
	*copy = (struct metadata_copy){0};
}

const char *metadata_copy_cluster(const struct metadata_copy *copy)
{
	return text_of(copy->json, "cluster");
}

bool metadata_copy_has(const struct metadata_copy *copy, const char *database)
{
	size_t i;
	json_t *name;

	json_array_foreach (copy->totals.databases, i, name)
		if (database && strcmp(json_string_value(name), database) == 0)
			return true;
	return false;
}

bool metadata_copy_each(const struct metadata_copy *copy,
	bool (*fn)(void *arg, const struct metadata_copied *, struct err *),
	void *arg, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (
		json_object_get(copy->json, "collections"), i, item) {
		const struct metadata_copied copied = {
			.database = text_of(item, "database"),
			.name = text_of(item, "name"),
			.documents = text_of(item, "documents"),
			.about = text_of(item, "about"),
		};

		if (!fn(arg, &copied, err))
			return false;
	}
	return true;
}

bool metadata_copy_equals(const struct metadata_copy *copy,
	const struct metadata_totals *totals, struct err *err)
{
	return strcmp(copy->totals.digest, totals->digest) == 0 ||
	       err_set(err, ERR_DECIDE,
		       "the metadata was put back from %s, but what is there "
		       "now is not equal to it",
		       copy->directory);
}
