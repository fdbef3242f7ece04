/*
 * copy.c - see copy.h.
 */
#include "tests/refsync/light_helper/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "tests/refsync/light_helper/files.h"

#define INVENTORY "copy.json"

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is_same(const json_t *inventory, const json_t *other)
{
	return strcmp(text_of(inventory, "digest"), text_of(other, "digest")) ==
	       0;
}

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)where;
	return sys->unlinkat(AT_FDCWD, path, type == FTW_DP ? AT_REMOVEDIR : 0);
}

static bool remove_tree(const char *path, struct err *err)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 &&
		errno != ENOENT)
		return err_sys(err, ERR_STORAGE, errno, "removing %s", path);
	return true;
}

/* file is a path below both. */
static bool copy_file(
	const char *from, const char *to, const char *file, struct err *err)
{
	_cleanup_free_ char *source = files_path(from, file, NULL);
	_cleanup_free_ char *target = files_path(to, file, NULL);
	_cleanup_free_ char *parent = strdup(target);
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!parent)
		return err_set(err, ERR_BUG, "out of memory");
	*strrchr(parent, '/') = '\0';
	return files_read(source, &text, &len, err) &&
	       atomic_mkdir(parent, 0700, err) &&
	       atomic_file_write(target, text, len, 0600, err);
}

static bool copy_files(const char *from, const char *to,
	const json_t *inventory, struct err *err)
{
	const json_t *files = json_object_get(inventory, "files");
	size_t i;
	json_t *file;

	json_array_foreach (files, i, file)
		if (!copy_file(from, to, text_of(file, "path"), err))
			return false;
	return true;
}

static bool write_inventory(
	const char *directory, const json_t *inventory, struct err *err)
{
	_cleanup_free_ char *path = files_path(directory, INVENTORY, NULL);
	_cleanup_free_ char *text = json_dumps(inventory, JSON_INDENT(1));

	return text ? atomic_file_write(path, text, strlen(text), 0600, err)
		    : err_set(err, ERR_BUG, "out of memory");
}

/* Equal before and after, and equal to what arrived on the disk. */
static bool fill(const char *cluster, const char *partial,
	void (*before_second_look)(const char *cluster), json_t **ret_inventory,
	struct err *err)
{
	_cleanup_json_ json_t *before = NULL;
	_cleanup_json_ json_t *after = NULL;
	_cleanup_json_ json_t *copied = NULL;

	if (!files_inventory(cluster, &before, err) ||
		!atomic_mkdir(partial, 0700, err) ||
		!copy_files(cluster, partial, before, err))
		return false;
	if (before_second_look)
		before_second_look(cluster);
	if (!files_inventory(partial, &copied, err) ||
		!files_inventory(cluster, &after, err))
		return false;
	if (!is_same(before, after) || !is_same(before, copied))
		return err_set(err, ERR_DECIDE,
			"the metadata changed while it was being saved: "
			"somebody writes");
	*ret_inventory = take_ptr(before);
	return write_inventory(partial, *ret_inventory, err);
}

static bool give_name(
	const char *partial, const char *directory, struct err *err)
{
	if (sys->renameat2(AT_FDCWD, partial, AT_FDCWD, directory,
		    RENAME_NOREPLACE) < 0)
		return err_sys(err, ERR_STORAGE, errno, "making %s", directory);
	return atomic_sync_parent(directory, err);
}

/* An answer may have been lost after the copy was made. */
static bool find_saved(const char *cluster, const char *directory,
	json_t **ret_inventory, struct err *err)
{
	_cleanup_json_ json_t *saved = NULL;
	_cleanup_json_ json_t *now = NULL;

	if (!copy_check(directory, &saved, err) ||
		!files_inventory(cluster, &now, err))
		return false;
	if (!is_same(saved, now))
		return err_set(
			err, ERR_STEP, "%s holds another copy", directory);
	*ret_inventory = take_ptr(saved);
	return true;
}

bool copy_save(const char *cluster, const char *directory,
	void (*before_second_look)(const char *cluster), json_t **ret_inventory,
	struct err *err)
{
	_cleanup_json_ json_t *inventory = NULL;
	_cleanup_free_ char *partial = NULL;

	if (access(directory, F_OK) == 0)
		return find_saved(cluster, directory, ret_inventory, err);
	if (asprintf(&partial, "%s.partial", directory) < 0)
		return err_set(err, ERR_BUG, "out of memory");
	if (!remove_tree(partial, err) ||
		!fill(cluster, partial, before_second_look, &inventory, err) ||
		!give_name(partial, directory, err))
		return false;
	*ret_inventory = take_ptr(inventory);
	return true;
}

static bool read_inventory(
	const char *directory, json_t **ret_inventory, struct err *err)
{
	_cleanup_free_ char *path = files_path(directory, INVENTORY, NULL);
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!files_read(path, &text, &len, err))
		return false;
	*ret_inventory = json_loadb(text, len, 0, NULL);
	return *ret_inventory || err_set(err, ERR_STEP, "%s is damaged", path);
}

bool copy_check(const char *directory, json_t **ret_inventory, struct err *err)
{
	_cleanup_json_ json_t *saved = NULL;
	_cleanup_json_ json_t *found = NULL;

	if (!read_inventory(directory, &saved, err) ||
		!files_inventory(directory, &found, err)) {
		if (err && err->code == ERR_AGAIN)
			err->code = ERR_STEP; /* our own disk, not a cluster */
		return false;
	}
	if (!json_equal(saved, found))
		return err_set(err, ERR_STEP,
			"%s is not what was saved: it is damaged", directory);
	/* Who gave it its name may have been killed before the sync. */
	if (!atomic_sync_parent(directory, err))
		return false;
	*ret_inventory = take_ptr(saved);
	return true;
}

static bool drop_database(
	const char *cluster, const char *database, struct err *err)
{
	_cleanup_free_ char *path = files_path(cluster, database, NULL);
	_cleanup_json_ json_t *names = NULL;
	size_t i;
	json_t *name;

	if (!files_list(path, &names, err))
		return false;
	json_array_foreach (names, i, name) {
		_cleanup_free_ char *file =
			files_path(path, json_string_value(name), NULL);

		if (!atomic_remove(file, err))
			return false;
	}
	return rmdir(path) == 0 ||
	       err_sys(err, ERR_AGAIN, errno, "removing %s", path);
}

static bool drop_databases(const char *cluster, struct err *err)
{
	_cleanup_json_ json_t *databases = NULL;
	size_t i;
	json_t *name;

	if (!files_databases(cluster, &databases, err))
		return false;
	json_array_foreach (databases, i, name)
		if (!drop_database(cluster, json_string_value(name), err))
			return false;
	return true;
}

static bool replace_databases(const char *cluster, const char *directory,
	const json_t *saved, struct err *err)
{
	if (drop_databases(cluster, err) &&
		copy_files(directory, cluster, saved, err))
		return true;
	/* Its files stand for a server: a full disk is a server in trouble. */
	if (err && err->code == ERR_STORAGE)
		err->code = ERR_AGAIN;
	return false;
}

bool copy_put_back(const char *cluster, const char *directory,
	json_t **ret_inventory, struct err *err)
{
	_cleanup_json_ json_t *saved = NULL;
	_cleanup_json_ json_t *now = NULL;

	if (!copy_check(directory, &saved, err) ||
		!replace_databases(cluster, directory, saved, err) ||
		!files_inventory(cluster, &now, err))
		return false;
	if (!is_same(saved, now))
		return err_set(err, ERR_STEP,
			"what was put back is not what was saved");
	*ret_inventory = take_ptr(now);
	return true;
}
