/*
 * copies.c - the life of saved metadata copies.
 */
#include "supervisor/steps/copies.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/memory.h"

char *copies_path(const struct fleet *fleet, const char *run, const char *lane,
	unsigned attempt)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");

	return memory_text("%s/%s-%s-%u", folder, run, lane, attempt);
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static bool is_settled(const char *copy, time_t *ret_when)
{
	_cleanup_free_ char *mark = memory_text("%s/settled", copy);
	struct stat st;

	if (stat(mark, &st) != 0)
		return false;
	*ret_when = st.st_mtime;
	return true;
}

static bool settle_one(const char *copy, struct err *err)
{
	_cleanup_free_ char *mark = memory_text("%s/settled", copy);

	return atomic_file_write(mark, "", 0, 0600, err);
}

/* Calls for each copy; opening nothing means that there are none. */
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

		if (entry->d_name[0] == '.')
			continue;
		path = memory_text("%s/%s", folder, entry->d_name);
		ok = fn(fleet, entry->d_name, path, arg, err);
	}
	(void)closedir(dir);
	return ok;
}

/* "<run>-<lane>-" and a number: lane b-2 is not lane b. */
static bool is_of(const char *name, const char *ours)
{
	size_t len = strlen(ours);

	return strncmp(name, ours, len) == 0 && name[len] &&
	       strspn(name + len, "0123456789") == strlen(name + len);
}

static bool tidy_copy(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	const char *ours = arg;
	time_t settled;

	if (is_of(name, ours) && !is_settled(path, &settled) &&
		!settle_one(path, err))
		return false;
	if (!is_settled(path, &settled) ||
		time(NULL) - settled <
			(time_t)fleet->keep_metadata_days * 24 * 3600)
		return true;
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		return err_sys(err, ERR_STORAGE, errno, "removing %s", path);
	return true;
}

bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err)
{
	_cleanup_free_ char *ours = memory_text("%s-%s-", run, lane);

	return each_copy(fleet, tidy_copy, ours, err);
}

static bool find_unsettled(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	char **ret_name = arg;
	time_t settled;

	(void)fleet, (void)err;
	if (!*ret_name && !is_settled(path, &settled))
		*ret_name = memory_must(strdup(name));
	return true;
}

bool copies_unsettled(
	const struct fleet *fleet, char **ret_name, struct err *err)
{
	*ret_name = NULL;
	return each_copy(fleet, find_unsettled, ret_name, err);
}
