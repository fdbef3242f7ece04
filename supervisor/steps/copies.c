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

#define ROOM_PREFIX ".room-"
#define PARTIAL_SUFFIX ".partial" /* as in metadata_copy.h */

struct tidying {
	const char *run;
	char *ours; /* what the lane's copies begin with */
};

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
	(void)st, (void)type, (void)ftw;
	return remove(path);
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

static bool settle_one(const char *copy, struct err *err)
{
	_cleanup_free_ char *mark = NULL;

	if (asprintf(&mark, "%s/settled", copy) < 0)
		return err_set(err, ERR_BUG, "out of memory");
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
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
			ok = err_set(err, ERR_BUG, "out of memory");
		else
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

static bool remove_copy(const char *path, struct err *err)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", path);
}

/* A copy that did not get its name, because who made it was killed or the disk
 * was full, is of use to nobody. */
static bool is_partial(const char *name)
{
	size_t len = strlen(name), suffix = strlen(PARTIAL_SUFFIX);

	return len > suffix && strcmp(name + len - suffix, PARTIAL_SUFFIX) == 0;
}

/* Another lane of this run may be making one at this moment. */
static bool is_abandoned(const char *name, const struct tidying *tidying)
{
	_cleanup_free_ char *whole =
		strndup(name, strlen(name) - strlen(PARTIAL_SUFFIX));

	return strncmp(name, tidying->run, strlen(tidying->run)) != 0 ||
	       (whole && is_of(whole, tidying->ours));
}

static bool tidy_partial(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	(void)fleet;
	return !is_partial(name) || !is_abandoned(name, arg) ||
	       remove_copy(path, err);
}

static bool tidy_copy(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	const struct tidying *tidying = arg;
	time_t settled;

	if (is_partial(name))
		return tidy_partial(fleet, name, path, arg, err);
	if (is_of(name, tidying->ours) && !is_settled(path, &settled) &&
		!settle_one(path, err))
		return false;
	if (!is_settled(path, &settled) ||
		time(NULL) - settled <
			(time_t)fleet->keep_metadata_days * 24 * 3600)
		return true;
	return remove_copy(path, err);
}

static bool tidy(const struct fleet *fleet, const char *run, const char *lane,
	copy_fn *fn, struct err *err)
{
	struct tidying tidying = {.run = run};
	bool ok;

	if (asprintf(&tidying.ours, "%s-%s-", run, lane) < 0)
		return err_set(err, ERR_BUG, "out of memory");
	ok = each_copy(fleet, fn, &tidying, err);
	free(tidying.ours);
	return ok;
}

static char *room_path(
	const struct fleet *fleet, const char *run, const char *lane)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	char *path = NULL;

	if (asprintf(&path, "%s/" ROOM_PREFIX "%s-%s", folder, run, lane) < 0)
		return NULL;
	return path;
}

/* It need not survive a loss of power: then there is only less certainty. */
static bool fill_room(const char *path, uint64_t bytes, struct err *err)
{
	int fd = sys->openat(AT_FDCWD, path,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0;
	int rc;

	if (!ok)
		return err_sys(err, ERR_STORAGE, errno, "creating %s", path);
	do {
		rc = sys->fallocate(fd, 0, 0, (off_t)bytes);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno != EOPNOTSUPP)
		ok = err_sys(err, ERR_STORAGE, errno,
			"reserving %llu MiB for the copy of the metadata, %s",
			(unsigned long long)(bytes >> 20), path);
	(void)sys->close(fd);
	if (rc < 0)
		(void)sys->unlinkat(AT_FDCWD, path, 0);
	return ok;
}

/* Of a run that was taken over: whoever holds the fleet's lock is alone. */
static void drop_others_room(const struct fleet *fleet, const char *run)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, ROOM_PREFIX, strlen(ROOM_PREFIX)) ==
				0 &&
			strncmp(entry->d_name + strlen(ROOM_PREFIX), run,
				strlen(run)) != 0)
			(void)sys->unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

bool copies_reserve(const struct fleet *fleet, const char *run,
	const char *lane, uint64_t bytes, struct err *err)
{
	_cleanup_free_ char *path = room_path(fleet, run, lane);

	drop_others_room(fleet, run);
	return path ? fill_room(path, bytes, err)
		    : err_set(err, ERR_BUG, "out of memory");
}

bool copies_give_room(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err)
{
	_cleanup_free_ char *path = room_path(fleet, run, lane);

	if (!path)
		return err_set(err, ERR_BUG, "out of memory");
	return sys->unlinkat(AT_FDCWD, path, 0) == 0 || errno == ENOENT ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", path);
}

bool copies_drop_partial(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err)
{
	return tidy(fleet, run, lane, tidy_partial, err);
}

bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err)
{
	return copies_give_room(fleet, run, lane, err) &&
	       tidy(fleet, run, lane, tidy_copy, err);
}

static bool find_unsettled(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	char **ret_name = arg;
	time_t settled;

	(void)fleet, (void)err;
	if (!*ret_name && !is_partial(name) && !is_settled(path, &settled))
		*ret_name = strdup(name);
	return true;
}

bool copies_unsettled(
	const struct fleet *fleet, char **ret_name, struct err *err)
{
	*ret_name = NULL;
	return each_copy(fleet, find_unsettled, ret_name, err);
}
