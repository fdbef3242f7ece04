/*
 * copies.c - the life of saved metadata copies.
 */
#include "supervisor/steps/copies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"

#define PARTIAL ".partial" /* a copy that is being made, or was */
#define GONE ".gone-" /* one that is being removed */

char *copies_path(const struct fleet *fleet, const char *run, const char *lane,
	unsigned attempt)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	char *path = NULL;

	if (asprintf(&path, "%s/%s-%s-%u", folder, run, lane, attempt) < 0)
		return NULL;
	return path;
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return sys->unlinkat(AT_FDCWD, path, type == FTW_DP ? AT_REMOVEDIR : 0);
}

static bool remove_tree(const char *path, struct err *err)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", path);
}

/* Renamed first, and that is on the disk before anything of it goes: without
 * its mark, what is left of it would look like a copy that is waited for. */
static bool remove_copy(const char *path, struct err *err)
{
	_cleanup_free_ char *gone = NULL;
	const char *name = strrchr(path, '/') + 1;

	if (asprintf(&gone, "%.*s" GONE "%s", (int)(name - path), path, name) <
		0)
		return err_set(err, ERR_BUG, "out of memory");
	if (sys->renameat2(AT_FDCWD, path, AT_FDCWD, gone, 0) != 0)
		return err_sys(err, ERR_STORAGE, errno, "renaming %s", path);
	return atomic_sync_parent(gone, err) && remove_tree(gone, err);
}

static bool is_settled(const char *copy, time_t *ret_when)
{
	_cleanup_free_ char *mark = NULL;
	struct stat st;

	if (asprintf(&mark, "%s/settled", copy) < 0 || stat(mark, &st) != 0)
		return false;
	*ret_when = st.st_mtime;
	return true;
}

/* Synced even if it is there: who wrote it may have been killed before. */
static bool settle_one(const char *copy, struct err *err)
{
	_cleanup_free_ char *mark = NULL;
	time_t when;

	if (asprintf(&mark, "%s/settled", copy) < 0)
		return err_set(err, ERR_BUG, "out of memory");
	if (is_settled(copy, &when))
		return atomic_sync_parent(mark, err);
	return atomic_file_write(mark, "", 0, 0600, err);
}

/* Calls for each copy, whole or not; opening nothing means that there are none.
 */
typedef bool copy_fn(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err);

static bool each_copy(
	const struct fleet *fleet, copy_fn *fn, void *arg, struct err *err)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool ok = true;

	if (!dir)
		return errno == ENOENT ||
		       err_sys(err, ERR_STORAGE, errno, "opening %s", folder);
	while (ok && (entry = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
			ok = err_set(err, ERR_BUG, "out of memory");
		else
			ok = fn(fleet, entry->d_name, path, arg, err);
	}
	(void)closedir(dir);
	return ok;
}

/* "<run>-<lane>-" and a number: lane b-2 is not lane b; then suffix. */
static bool is_of(const char *name, const char *ours, const char *suffix)
{
	size_t len = strlen(ours), digits;

	if (strncmp(name, ours, len) != 0)
		return false;
	digits = strspn(name + len, "0123456789");
	return digits > 0 && strcmp(name + len + digits, suffix) == 0;
}

static bool is_partial(const char *name)
{
	size_t len = strlen(name), suffix = strlen(PARTIAL);

	return len > suffix && strcmp(name + len - suffix, PARTIAL) == 0;
}

static bool tidy_copy(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	const char *ours = arg;
	time_t settled;

	/* Of one who was killed. */
	if (strncmp(name, GONE, strlen(GONE)) == 0)
		return atomic_sync_parent(path, err) && remove_tree(path, err);
	if (name[0] == '.')
		return true;
	if (is_of(name, ours, PARTIAL))
		return remove_copy(path, err);
	if (is_of(name, ours, "") && !settle_one(path, err))
		return false;
	if (!is_settled(path, &settled) ||
		time(NULL) - settled <
			(time_t)fleet->keep_metadata_days * 24 * 3600)
		return true;
	return remove_copy(path, err);
}

bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err)
{
	_cleanup_free_ char *ours = NULL;

	if (asprintf(&ours, "%s-%s-", run, lane) < 0)
		return err_set(err, ERR_BUG, "out of memory");
	return each_copy(fleet, tidy_copy, ours, err);
}

static bool find_unsettled(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	char **ret_name = arg;
	time_t settled;

	(void)fleet, (void)err;
	/* One that never was whole is nothing to go back to. */
	if (name[0] == '.' || is_partial(name))
		return true;
	if (!*ret_name && !is_settled(path, &settled))
		*ret_name = strdup(name);
	return true;
}

bool copies_unsettled(
	const struct fleet *fleet, char **ret_name, struct err *err)
{
	*ret_name = NULL;
	return each_copy(fleet, find_unsettled, ret_name, err);
}
