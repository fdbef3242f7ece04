/*
 * light_file.c - see light_file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/light_file.h"

bool light_file_path(const char *dir, struct name name, const char *end,
	char *path, struct err *err)
{
	if (strchr(name.db, '/') || name.db[0] == '.' ||
		strchr(name.coll, '/') || name.coll[0] == '.' ||
		snprintf(path, LIGHT_PATH, "%s/%s/%s%s%s", dir, name.db,
			name.coll, LIGHT_SUFFIX, end) >= LIGHT_PATH)
		return err_set(err, ERR_CONFIG, "not a file name: %s.%s",
			name.db, name.coll);
	return true;
}

bool light_file_lock(const char *dir, int *ret_fd, struct err *err)
{
	char path[LIGHT_PATH];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", path);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			(void)close(fd);
			return err_sys(
				err, ERR_AGAIN, errno, "locking %s", path);
		}
	*ret_fd = fd;
	return true;
}

/* Numbers before texts before the rest, as a server would. */
int light_file_compare(const json_t *a, const json_t *b)
{
	_cleanup_free_ char *left = NULL;
	_cleanup_free_ char *right = NULL;

	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		return (x > y) - (x < y);
	}
	if (json_is_number(a) != json_is_number(b))
		return json_is_number(a) ? -1 : 1;
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	if (json_is_string(a) != json_is_string(b))
		return json_is_string(a) ? -1 : 1;
	left = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
	right = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);
	return strcmp(left ? left : "", right ? right : "");
}

bool light_file_read(
	const char *dir, struct name name, json_t **ret_docs, struct err *err)
{
	_cleanup_json_ json_t *docs = json_array();
	_cleanup_free_ char *line = NULL;
	char path[LIGHT_PATH];
	size_t size = 0;
	FILE *file;

	if (!light_file_path(dir, name, "", path, err))
		return false;
	file = fopen(path, "re");
	if (!file && errno != ENOENT)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", path);
	while (file && getline(&line, &size, file) > 0)
		if (json_array_append_new(
			    docs, json_loads(line, JSON_ALLOW_NUL, NULL)) < 0) {
			(void)fclose(file);
			return err_set(err, ERR_CONFIG, "bad line in %s", path);
		}
	if (file)
		(void)fclose(file);
	*ret_docs = take_ptr(docs);
	return true;
}

bool light_file_write(
	const char *dir, struct name name, const json_t *docs, struct err *err)
{
	char path[LIGHT_PATH], temporary[LIGHT_PATH], parent[LIGHT_PATH];
	bool ok = true;
	size_t i;
	json_t *doc;
	FILE *file;

	if (!light_file_path(dir, name, "", path, err) ||
		!light_file_path(dir, name, ".tmp", temporary, err))
		return false;
	(void)snprintf(parent, sizeof(parent), "%s/%s", dir, name.db);
	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_AGAIN, errno, "making %s", parent);
	file = fopen(temporary, "we");
	if (!file)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", temporary);
	json_array_foreach (docs, i, doc)
		ok = json_dumpf(doc, file, JSON_COMPACT | JSON_SORT_KEYS) ==
			     0 &&
		     fputc('\n', file) != EOF && ok;
	ok = fclose(file) == 0 && ok;
	if (!ok || rename(temporary, path) < 0)
		return err_sys(err, ERR_AGAIN, errno, "writing %s", path);
	return true;
}

/* Where id is, or would have to be inserted. */
static size_t find_place(const json_t *docs, const json_t *id, bool *ret_found)
{
	size_t low = 0, high = json_array_size(docs);

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = light_file_compare(
			json_object_get(json_array_get(docs, middle), "_id"),
			id);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void light_file_put(json_t *docs, json_t *doc)
{
	bool found;
	size_t i = find_place(docs, json_object_get(doc, "_id"), &found);

	if (found)
		(void)json_array_set(docs, i, doc);
	else
		(void)json_array_insert(docs, i, doc);
}

void light_file_remove(json_t *docs, const json_t *id)
{
	bool found;
	size_t i = find_place(docs, id, &found);

	if (found)
		(void)json_array_remove(docs, i);
}
